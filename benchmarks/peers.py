"""The libraries csep is compared with, each in the layout it likes best.

A peer is a function ``(row, arrays, threads) -> (call, result)``: ``call()`` runs the layer once on
constant weights and an input that is ready, ``result()`` is the output of the last call as an array
in the row's layout.  Thread counts that a library fixes at its first use are set in its function:
one process serves one thread count.  A library that does not know a dtype says so by raising.
"""

from __future__ import annotations

import os
from functools import cache

import numpy as np
from workload import dtype_of

# TensorFlow and LiteRT talk on stderr while they load.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def csep(row, arrays, threads):
    """Prepared call with ``out=``, the result of an earlier one."""
    op, x = row.operator(arrays), arrays[0]
    y = op(x)
    return (lambda: op(x, y, threads)), (lambda: y)


def csep_functional(row, arrays, threads):
    """Weights given with every call."""
    y = row.function(arrays)()
    return row.function(arrays, out=y, num_threads=threads), (lambda: y)


def nhwc(row, x):
    """Return an array in the row's layout as NHWC."""
    return x if row.layout == "NHWC" else np.ascontiguousarray(np.moveaxis(x, 1, 3))


def nchw(row, x):
    """Return an array in the row's layout as NCHW."""
    return x if row.layout == "NCHW" else np.ascontiguousarray(np.moveaxis(x, 3, 1))


def _back(row, y, layout):
    """Return a result in the row's layout."""
    y = np.asarray(y)
    if layout == row.layout:
        return y
    return np.moveaxis(y, 1, 3) if layout == "NCHW" else np.moveaxis(y, 3, 1)


def _only(row, *dtypes):
    if row.dtype not in dtypes:
        raise NotImplementedError(f"no convolution of {row.dtype} here")


@cache
def _tensorflow(threads):
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    return tf


def _tf_function(tf, row, arrays):
    dtype = dtype_of(row.dtype)
    *kernels, bias = (tf.constant(a.astype(dtype)) for a in arrays[1:])
    strides = [1, row.stride, row.stride, 1]

    def layer(x):
        if row.kind == "separable":
            return tf.nn.separable_conv2d(x, *kernels, strides, row.padding) + bias
        conv = tf.nn.depthwise_conv2d if row.kind == "depthwise" else tf.nn.conv2d
        return conv(x, *kernels, strides, row.padding) + bias

    shape = (row.n, row.h, row.w, row.c)
    return tf.function(layer, input_signature=[tf.TensorSpec(shape, dtype)])


def tensorflow(row, arrays, threads):
    """``tf.nn`` + bias inside a ``tf.function``, NHWC."""
    tf = _tensorflow(threads)
    layer = _tf_function(tf, row, arrays).get_concrete_function()
    x = tf.constant(nhwc(row, arrays[0]))
    last = []

    def call():
        last[:] = [layer(x)]

    return call, (lambda: _back(row, last[0].numpy(), "NHWC"))


def litert(row, arrays, threads):
    """LiteRT with XNNPACK, NHWC: ``invoke()`` alone."""
    from ai_edge_litert.interpreter import Interpreter

    _only(row, "float32")
    tf = _tensorflow(threads)
    function = _tf_function(tf, row, arrays).get_concrete_function()
    model = tf.lite.TFLiteConverter.from_concrete_functions([function]).convert()
    interpreter = Interpreter(model_content=model, num_threads=threads)
    interpreter.allocate_tensors()
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], nhwc(row, arrays[0]))
    out = interpreter.get_output_details()[0]["index"]
    return interpreter.invoke, (lambda: _back(row, interpreter.get_tensor(out), "NHWC"))


def _oihw(stage):
    """Return a stage's kernel as PyTorch and ONNX have it, and its groups."""
    kh, kw, c, last = stage.kernel.shape
    if stage.depthwise:
        return np.ascontiguousarray(
            stage.kernel.transpose(2, 3, 0, 1).reshape(c * last, 1, kh, kw)
        ), c
    return np.ascontiguousarray(stage.kernel.transpose(3, 2, 0, 1)), 1


def pytorch(row, arrays, threads):
    """``conv2d``, channels_last, in inference mode."""
    import torch

    torch.set_num_threads(threads)
    dtype = getattr(torch, row.dtype)

    def tensor(array):
        if row.dtype == "bfloat16":
            return torch.from_numpy(array.astype(np.float32)).to(dtype)
        return torch.from_numpy(array).clone().to(dtype)

    stages = []
    for stage in row.stages(arrays):
        kernel, groups = _oihw(stage)
        kernel = tensor(kernel).contiguous(memory_format=torch.channels_last)
        (top, bottom), (left, right) = stage.pads
        symmetric = top == bottom and left == right
        explicit = None if symmetric else (left, right, top, bottom)
        bias = None if stage.bias is None else tensor(stage.bias)
        stages.append(
            (kernel, bias, stage.stride, (top, left) if symmetric else 0, groups, explicit)
        )
    x = tensor(nhwc(row, arrays[0])).permute(0, 3, 1, 2)
    conv2d, pad, last = torch.nn.functional.conv2d, torch.nn.functional.pad, []

    def call():
        with torch.inference_mode():
            z = x
            for kernel, bias, stride, pads, groups, explicit in stages:
                z = z if explicit is None else pad(z, explicit)
                z = conv2d(z, kernel, bias, stride, pads, groups=groups)
            last[:] = [z]

    def result():
        y = last[0].contiguous()
        return _back(row, (y.float() if row.dtype == "bfloat16" else y).numpy(), "NCHW")

    return call, result


def _onnx_model(row, arrays):
    from onnx import TensorProto, helper, numpy_helper

    _only(row, "float32")
    nodes, weights = [], []
    stages = row.stages(arrays)
    for i, stage in enumerate(stages):
        kernel, groups = _oihw(stage)
        weights.append(numpy_helper.from_array(kernel, f"w{i}"))
        inputs = ["x" if i == 0 else f"z{i}", f"w{i}"]
        if stage.bias is not None:
            weights.append(numpy_helper.from_array(stage.bias, f"b{i}"))
            inputs.append(f"b{i}")
        (top, bottom), (left, right) = stage.pads
        nodes.append(
            helper.make_node(
                "Conv",
                inputs,
                ["y" if i == len(stages) - 1 else f"z{i + 1}"],
                group=groups,
                strides=[stage.stride] * 2,
                pads=[top, left, bottom, right],
            )
        )
    n, h, w, co = row.output_shape
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        row.name,
        [value("x", TensorProto.FLOAT, [row.n, row.c, row.h, row.w])],
        [value("y", TensorProto.FLOAT, [n, co, h, w])],
        weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return model.SerializeToString()


def onnxruntime(row, arrays, threads):
    """Conv nodes, NCHW, bound input and output."""
    import onnxruntime as ort

    options = ort.SessionOptions()
    options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
    # Its threads would otherwise spin through the others' turns.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    session = ort.InferenceSession(
        _onnx_model(row, arrays), options, providers=["CPUExecutionProvider"]
    )
    binding = session.io_binding()
    x = ort.OrtValue.ortvalue_from_numpy(nchw(row, arrays[0]))
    n, h, w, co = row.output_shape
    y = ort.OrtValue.ortvalue_from_shape_and_type([n, co, h, w], np.float32)
    binding.bind_ortvalue_input("x", x)
    binding.bind_ortvalue_output("y", y)
    call = lambda: session.run_with_iobinding(binding)
    return call, (lambda: _back(row, y.numpy(), "NCHW"))


def openvino(row, arrays, threads):
    """Convolutions in f32, NCHW at the border, latency mode."""
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
    request.set_input_tensor(ov.Tensor(nchw(row, arrays[0])))
    return request.infer, (lambda: _back(row, request.get_output_tensor().data, "NCHW"))


def jax(row, arrays, threads):
    """``conv_general_dilated``, NHWC, compiled."""
    if threads == 1:
        os.environ.setdefault("XLA_FLAGS", "--xla_cpu_multi_thread_eigen=false")
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax as library

    if row.dtype == "float64":
        library.config.update("jax_enable_x64", True)
    dtype = dtype_of(row.dtype)
    x = library.device_put(nhwc(row, arrays[0]))
    stages = []
    for stage in row.stages(arrays):
        kh, kw, c, last_axis = stage.kernel.shape
        kernel = stage.kernel.astype(dtype)
        if stage.depthwise:
            kernel = kernel.reshape(kh, kw, 1, c * last_axis)
        bias = 0 if stage.bias is None else library.device_put(stage.bias.astype(dtype))
        groups = c if stage.depthwise else 1
        stages.append((library.device_put(kernel), bias, (stage.stride,) * 2, stage.pads, groups))

    @library.jit
    def layer(z):
        for kernel, bias, strides, pads, groups in stages:
            z = library.lax.conv_general_dilated(
                z,
                kernel,
                strides,
                pads,
                dimension_numbers=("NHWC", "HWIO", "NHWC"),
                feature_group_count=groups,
            )
            z = z + bias
        return z

    last = []

    def call():
        last[:] = [layer(x).block_until_ready()]

    return call, (lambda: _back(row, last[0], "NHWC"))


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
