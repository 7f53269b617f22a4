"""The libraries csep is compared with, each in the layout it likes best.

A peer is a function ``(row, arrays, threads) -> (call, result)``: ``call()`` runs the layer once on
constant weights and an input that is ready, ``result()`` is the output of the last call as an NHWC
array.  Thread counts that a library fixes at its first use are set in its function: one process
serves one thread count.
"""

from __future__ import annotations

import os
from functools import cache

import numpy as np

# TensorFlow and LiteRT talk on stderr while they load.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def csep(row, arrays, threads):
    """Prepared call with ``out=``."""
    from workload import aligned_empty

    import csep as library

    x, dw, pw, bias = arrays
    op = library.SeparableConv2D(dw, pw, bias, row.stride, row.padding)
    y = aligned_empty(row.output_shape)
    return (lambda: op(x, y, threads)), (lambda: y)


def csep_functional(row, arrays, threads):
    """Weights given with every call."""
    from workload import aligned_empty

    import csep as library

    x, dw, pw, bias = arrays
    y = aligned_empty(row.output_shape)

    def call():
        library.separable_conv2d(
            x, dw, pw, bias, row.stride, row.padding, out=y, num_threads=threads
        )

    return call, (lambda: y)


@cache
def _tensorflow(threads):
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    return tf


def _tf_function(tf, row, arrays):
    dw, pw, bias = (tf.constant(a) for a in arrays[1:])
    strides = [1, row.stride, row.stride, 1]

    def layer(x):
        return tf.nn.separable_conv2d(x, dw, pw, strides, row.padding) + bias

    shape = (row.n, row.h, row.w, row.c)
    return tf.function(layer, input_signature=[tf.TensorSpec(shape, tf.float32)])


def tensorflow(row, arrays, threads):
    """``tf.nn.separable_conv2d`` + bias inside a ``tf.function``."""
    tf = _tensorflow(threads)
    layer = _tf_function(tf, row, arrays).get_concrete_function()
    x = tf.constant(arrays[0])
    last = []

    def call():
        last[:] = [layer(x)]

    return call, (lambda: last[0].numpy())


def litert(row, arrays, threads):
    """LiteRT with XNNPACK: ``invoke()`` alone."""
    from ai_edge_litert.interpreter import Interpreter

    tf = _tensorflow(threads)
    function = _tf_function(tf, row, arrays).get_concrete_function()
    model = tf.lite.TFLiteConverter.from_concrete_functions([function]).convert()
    interpreter = Interpreter(model_content=model, num_threads=threads)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], arrays[0])
    out = interpreter.get_output_details()[0]["index"]
    return interpreter.invoke, (lambda: interpreter.get_tensor(out))


def _nchw_weights(row, arrays):
    _, dw, pw, bias = arrays
    depth = row.c * row.m
    depthwise = dw.transpose(2, 3, 0, 1).reshape(depth, 1, row.kh, row.kw)
    pointwise = pw[0, 0].T.reshape(row.co, depth, 1, 1)
    return np.ascontiguousarray(depthwise), np.ascontiguousarray(pointwise), bias


def pytorch(row, arrays, threads):
    """``conv2d`` twice, channels_last, in inference mode."""
    import torch

    torch.set_num_threads(threads)
    dw, pw, bias = (torch.from_numpy(a.copy()) for a in _nchw_weights(row, arrays))
    dw, pw = (w.contiguous(memory_format=torch.channels_last) for w in (dw, pw))
    x = torch.from_numpy(arrays[0]).permute(0, 3, 1, 2)
    (top, bottom), (left, right) = row.pads
    symmetric = top == bottom and left == right
    conv2d, last = torch.nn.functional.conv2d, []

    def call():
        with torch.inference_mode():
            padded = x if symmetric else torch.nn.functional.pad(x, (left, right, top, bottom))
            pads = (top, left) if symmetric else 0
            z = conv2d(padded, dw, None, row.stride, pads, groups=row.c)
            last[:] = [conv2d(z, pw, bias)]

    return call, (lambda: last[0].permute(0, 2, 3, 1).numpy())


def _onnx_model(row, arrays):
    from onnx import TensorProto, helper, numpy_helper

    dw, pw, bias = _nchw_weights(row, arrays)
    (top, bottom), (left, right) = row.pads
    n, h, w, co = row.output_shape
    stages = [
        helper.make_node(
            "Conv",
            ["x", "dw"],
            ["z"],
            group=row.c,
            strides=[row.stride] * 2,
            pads=[top, left, bottom, right],
        ),
        helper.make_node("Conv", ["z", "pw", "bias"], ["y"]),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        stages,
        row.name,
        [value("x", TensorProto.FLOAT, [row.n, row.c, row.h, row.w])],
        [value("y", TensorProto.FLOAT, [n, co, h, w])],
        [numpy_helper.from_array(a, k) for k, a in (("dw", dw), ("pw", pw), ("bias", bias))],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


def onnxruntime(row, arrays, threads):
    """Two Conv nodes, NCHW, bound input and output."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    # Its threads would otherwise spin through the others' turns.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = ort.InferenceSession(
        _onnx_model(row, arrays), options, providers=["CPUExecutionProvider"]
    )
    binding = session.io_binding()
    x = ort.OrtValue.ortvalue_from_numpy(np.ascontiguousarray(arrays[0].transpose(0, 3, 1, 2)))
    n, h, w, co = row.output_shape
    y = ort.OrtValue.ortvalue_from_shape_and_type([n, co, h, w], np.float32)
    binding.bind_ortvalue_input("x", x)
    binding.bind_ortvalue_output("y", y)
    call = lambda: session.run_with_iobinding(binding)
    return call, (lambda: y.numpy().transpose(0, 2, 3, 1))


def openvino(row, arrays, threads):
    """Two convolutions in f32, NCHW at the border, latency mode."""
    import openvino as ov

    core = ov.Core()
    model = core.read_model(_onnx_model(row, arrays), b"")
    compiled = core.compile_model(
        model,
        "CPU",
        {
            "INFERENCE_PRECISION_HINT": "f32",
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
        },
    )
    request = compiled.create_infer_request()
    request.set_input_tensor(ov.Tensor(np.ascontiguousarray(arrays[0].transpose(0, 3, 1, 2))))
    return request.infer, (lambda: request.get_output_tensor().data.transpose(0, 2, 3, 1))


def jax(row, arrays, threads):
    """Two ``conv_general_dilated``, NHWC, compiled."""
    if threads == 1:
        os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax as library

    x, dw, pw, bias = (library.device_put(a) for a in arrays)
    grouped = dw.reshape(row.kh, row.kw, 1, row.c * row.m)
    layout = ("NHWC", "HWIO", "NHWC")
    conv = library.lax.conv_general_dilated

    @library.jit
    def layer(x):
        z = conv(
            x,
            grouped,
            (row.stride, row.stride),
            row.pads,
            dimension_numbers=layout,
            feature_group_count=row.c,
        )
        return conv(z, pw, (1, 1), "VALID", dimension_numbers=layout) + bias

    last = []

    def call():
        last[:] = [layer(x).block_until_ready()]

    return call, (lambda: np.asarray(last[0]))


# By the names the tables show.
PEERS = {
    "TensorFlow": tensorflow,
    "PyTorch": pytorch,
    "ONNX Runtime": onnxruntime,
    "OpenVINO": openvino,
    "LiteRT": litert,
    "JAX": jax,
}

DISTRIBUTIONS = {
    "TensorFlow": "tensorflow-cpu",
    "PyTorch": "torch",
    "ONNX Runtime": "onnxruntime",
    "OpenVINO": "openvino",
    "LiteRT": "ai-edge-litert",
    "JAX": "jax",
}
