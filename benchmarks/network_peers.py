"""A Keras model in the libraries its users would run it in, and a fair way to time them.

All runners are functions of no argument that compute the model's outputs from an input that is
ready.
"""

import os
import sys
import time

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

# As in benchmarks/compare.py: the others' threads stop spinning, ours wake.
SPIN_SECONDS, WAKE_SECONDS = 0.006, 0.040


def _function(model, inputs):
    """Return the model as a tf.function of arrays like these, and its signature."""
    import tensorflow as tf

    signature = [tf.TensorSpec(x.shape, tf.float32, name=f"x{i}") for i, x in enumerate(inputs)]
    call = tf.function(lambda *xs: model(list(xs), training=False), input_signature=signature)
    return call, signature


def tensorflow(model, inputs, threads):
    """Return a runner of the model in a tf.function."""
    import tensorflow as tf

    function, _ = _function(model, inputs)
    concrete = function.get_concrete_function()
    tensors = [tf.constant(x) for x in inputs]

    def run():
        return [np.asarray(y) for y in tf.nest.flatten(concrete(*tensors))]

    return run


def to_tflite(model, inputs):
    """Return the bytes of the model's .tflite file."""
    import tensorflow as tf

    function, _ = _function(model, inputs)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function()])
    return converter.convert()


def to_onnx(model, inputs):
    """Return the bytes of the model's .onnx file."""
    import tf2onnx

    function, signature = _function(model, inputs)
    graph, _ = tf2onnx.convert.from_function(function, input_signature=signature, opset=17)
    return graph.SerializeToString()


def litert(model, inputs, threads):
    """Return a runner of the model converted for LiteRT, with XNNPACK."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=to_tflite(model, inputs), num_threads=threads)
    interpreter.allocate_tensors()
    # The converter may reorder inputs of different shapes; each is found by its shape.
    for detail in interpreter.get_input_details():
        x = next(x for x in inputs if tuple(detail["shape"]) == x.shape)
        interpreter.set_tensor(detail["index"], x)
    outputs = [detail["index"] for detail in interpreter.get_output_details()]

    def run():
        interpreter.invoke()
        return [interpreter.get_tensor(i) for i in outputs]

    return run


def onnxruntime(model, inputs, threads):
    """Return a runner of the model converted to ONNX."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = ort.InferenceSession(
        to_onnx(model, inputs), options, providers=["CPUExecutionProvider"]
    )
    feed = {i.name: x for i, x in zip(session.get_inputs(), inputs, strict=True)}
    return lambda: session.run(None, feed)


def openvino(model, inputs, threads):
    """Return a runner of the model converted for OpenVINO."""
    import openvino as ov

    function, _ = _function(model, inputs)
    converted = ov.convert_model(function, example_input=tuple(inputs))
    for i, x in enumerate(inputs):
        converted.reshape({converted.inputs[i]: list(x.shape)})
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "NUM_STREAMS": 1,
        "INFERENCE_PRECISION_HINT": "f32",
    }
    compiled = ov.Core().compile_model(converted, "CPU", settings)
    request = compiled.create_infer_request()
    for i, x in enumerate(inputs):
        request.set_input_tensor(i, ov.Tensor(x, shared_memory=True))

    def run():
        request.infer()
        return [request.get_output_tensor(i).data for i in range(len(compiled.outputs))]

    return run


PEERS = {
    "TensorFlow": tensorflow,
    "ONNX Runtime": onnxruntime,
    "OpenVINO": openvino,
    "LiteRT": litert,
}


def limit_threads(threads):
    """Bind this process to so many cores and tell TensorFlow; before anything ran."""
    import tensorflow as tf

    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:threads])
    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)


def peers(model, inputs, threads):
    """Return the runners of all peers that are installed and can run the model."""
    found = {}
    for name, make in PEERS.items():
        try:
            found[name] = make(model, inputs, threads)
            found[name]()
        except Exception as error:
            print(f"{name}: left out: {error!r:.200}", file=sys.stderr)
            found.pop(name, None)
    return found


def check(results, expected, what, tolerance=1e-4):
    """Compare outputs with Keras' and return the largest error, as a part of the largest value."""
    worst = 0.0
    for y, truth in zip(results, expected, strict=True):
        assert y.shape == truth.shape, (what, y.shape, truth.shape)
        worst = max(worst, float(np.abs(y - truth).max() / np.abs(truth).max()))
    assert worst < tolerance, (what, worst)
    return worst


def compare(times):
    """Return the medians, and those of the ratio to csep in the same turn, by name."""
    mine = np.array(times["csep"])
    return {
        "median": {name: float(np.median(t)) for name, t in times.items()},
        "ratio": {name: float(np.median(np.array(t) / mine)) for name, t in times.items()},
    }


def take_turns(runners, threads, seconds):
    """Return the times of all runners, which take turns; each turn's first call is not timed."""
    times = {name: [] for name in runners}
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times["csep"]) < 5:
        for name, run in runners.items():
            if threads > 1:
                time.sleep(SPIN_SECONDS)
                wake = time.perf_counter() + WAKE_SECONDS
                while time.perf_counter() < wake:
                    run()
            else:
                run()
            start = time.perf_counter()
            run()
            times[name].append(time.perf_counter() - start)
    return times
