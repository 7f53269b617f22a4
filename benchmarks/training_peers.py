"""Forward and backward pass of a separable layer in csep and in the libraries that people train in.

A maker is a function ``(row, arrays, dy, threads) -> step``; ``step()`` computes the result and the
gradients of input, kernels and bias from dy, and returns them as NHWC arrays, weights as csep has
them.  Only what a training loop has to do is in the step: tensors are made before.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def csep(row, arrays, dy, threads):
    """The functional API, weights with every call."""
    import csep

    x, dw, pw, bias = arrays
    given = (dw, pw, bias, row.stride, row.padding)

    def step():
        y = csep.separable_conv2d(x, *given, num_threads=threads)
        g = csep.separable_conv2d_backward(dy, x, *given, num_threads=threads)
        return y, g.x, g.dw, g.pw, g.bias

    return step


def _pytorch(row, arrays, dy, threads, memory_format):
    import torch
    from torch.nn.functional import conv2d, pad

    torch.set_num_threads(threads)
    x, dw, pw, bias = (torch.from_numpy(array).clone() for array in arrays)
    depth = row.c * row.m
    x = x.permute(0, 3, 1, 2).contiguous(memory_format=memory_format)
    dw = dw.permute(2, 3, 0, 1).reshape(depth, 1, row.kh, row.kw)
    dw = dw.contiguous(memory_format=memory_format)
    pw = pw.reshape(depth, row.co).T.reshape(row.co, depth, 1, 1)
    pw = pw.contiguous(memory_format=memory_format)
    dy = torch.from_numpy(dy).permute(0, 3, 1, 2).contiguous(memory_format=memory_format)
    tensors = [tensor.requires_grad_() for tensor in (x, dw, pw, bias)]
    (top, bottom), (left, right) = row.pads
    symmetric = top == bottom and left == right

    def step():
        padded = x if symmetric else pad(x, (left, right, top, bottom))
        pads = (top, left) if symmetric else 0
        y = conv2d(padded, dw, None, row.stride, pads, groups=row.c)
        y = conv2d(y, pw, bias)
        found = torch.autograd.grad(y, tensors, dy)
        return _as_csep(row, y.detach(), found)

    return step


def _as_csep(row, y, found):
    dx, ddw, dpw, dbias = found
    ddw = ddw.reshape(row.c, row.m, row.kh, row.kw).permute(2, 3, 0, 1)
    dpw = dpw.reshape(row.co, -1).T.reshape(1, 1, -1, row.co)
    images = (t.permute(0, 2, 3, 1).numpy() for t in (y, dx))
    return (*images, ddw.numpy(), dpw.numpy(), dbias.numpy())


def pytorch(row, arrays, dy, threads):
    """``conv2d`` and ``autograd.grad``, channels_last."""
    import torch

    return _pytorch(row, arrays, dy, threads, torch.channels_last)


def pytorch_nchw(row, arrays, dy, threads):
    """The same with images in PyTorch's own order, channels first."""
    import torch

    return _pytorch(row, arrays, dy, threads, torch.contiguous_format)


def tensorflow(row, arrays, dy, threads):
    """``tf.nn.separable_conv2d`` + bias and a tape inside a ``tf.function``."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(threads)
    tensors = [tf.constant(array) for array in arrays]
    dy = tf.constant(dy)
    strides = [1, row.stride, row.stride, 1]

    @tf.function
    def both(x, dw, pw, bias):
        with tf.GradientTape() as tape:
            tape.watch([x, dw, pw, bias])
            y = tf.nn.separable_conv2d(x, dw, pw, strides, row.padding) + bias
        return y, *tape.gradient(y, [x, dw, pw, bias], dy)

    def step():
        return [t.numpy() for t in both(*tensors)]

    return step


PEERS = {"PyTorch": pytorch, "PyTorch NCHW": pytorch_nchw, "TensorFlow": tensorflow}
