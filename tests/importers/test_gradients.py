"""Gradients against TensorFlow's tape."""

import os
import warnings

import numpy as np
import pytest

import csep

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    tf = pytest.importorskip("tensorflow", reason='needs pip install ".[parity]"')

ACTIVATIONS = {
    None: lambda v: v,
    "relu": tf.nn.relu,
    "relu6": tf.nn.relu6,
    "leaky_relu": tf.nn.leaky_relu,
    "elu": tf.nn.elu,
    "selu": tf.nn.selu,
    "sigmoid": tf.sigmoid,
    "tanh": tf.tanh,
    "silu": tf.nn.silu,
    "softplus": tf.nn.softplus,
    "gelu": lambda v: tf.nn.gelu(v, approximate=False),
    "gelu_tanh": lambda v: tf.nn.gelu(v, approximate=True),
}


# TensorFlow has their constants in float32.
ROUNDED = {"leaky_relu", "gelu", "gelu_tanh"}


def check(found, arrays, formula, dy, tolerance=1e-11):
    """Hold gradients against the tape's of the same arrays."""
    tensors = {name: tf.constant(array) for name, array in arrays.items()}
    with tf.GradientTape() as tape:
        tape.watch(list(tensors.values()))
        y = formula(**tensors)
        loss = tf.reduce_sum(y * dy)
    for name, expected in zip(tensors, tape.gradient(loss, list(tensors.values())), strict=True):
        truth, got = expected.numpy(), getattr(found, name)
        assert np.abs(got - truth).max() <= tolerance * np.abs(truth).max(), name


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize(("strides", "m"), [(1, 1), (1, 2), (2, 1), (2, 3)])
@pytest.mark.parametrize("padding", ["SAME", "VALID"])
def test_separable(activation, strides, m, padding):
    rng = np.random.default_rng(0)
    shapes = {"x": (2, 13, 10, 9), "dw": (3, 5, 9, m), "pw": (1, 1, 9 * m, 20), "bias": (20,)}
    arrays = {name: rng.standard_normal(shape) for name, shape in shapes.items()}

    def formula(x, dw, pw, bias):
        steps = [1, strides, strides, 1]
        y = tf.nn.separable_conv2d(x, dw, pw, steps, padding) + bias
        return ACTIVATIONS[activation](y)

    dy = rng.standard_normal(formula(**arrays).shape)
    found = csep.separable_conv2d_backward(
        dy, **arrays, strides=strides, padding=padding, activation=activation
    )
    check(found, arrays, formula, dy, 1e-8 if activation in ROUNDED else 1e-11)


@pytest.mark.parametrize("dilations", [1, 2])
@pytest.mark.parametrize("kernel", [1, 3, 7])
def test_depthwise_and_ordinary(dilations, kernel):
    rng = np.random.default_rng(0)
    x, dw = rng.standard_normal((3, 9, 11, 6)), rng.standard_normal((kernel, kernel, 6, 2))
    w = rng.standard_normal((kernel, kernel, 6, 7))

    def depthwise(x, dw):
        ones, apart = [1, 1, 1, 1], [dilations, dilations]
        return tf.nn.depthwise_conv2d(x, dw, ones, "SAME", dilations=apart)

    dy = rng.standard_normal((3, 9, 11, 12))
    found = csep.depthwise_conv2d_backward(dy, x, dw, padding="SAME", dilations=dilations)
    check(found, {"x": x, "dw": dw}, depthwise, dy)

    def ordinary(x, w):
        return tf.nn.conv2d(x, w, dilations, "SAME")  # its tape knows no dilations on a CPU

    dy = rng.standard_normal(ordinary(x, w).shape)
    found = csep.conv2d_backward(dy, x, w, None, dilations, "SAME")
    check(found, {"x": x, "w": w}, ordinary, dy)


def test_a_kernel_that_all_channels_share():
    rng = np.random.default_rng(0)
    x, dw = rng.standard_normal((2, 8, 8, 16)), rng.standard_normal((3, 3, 1, 1))
    dy = rng.standard_normal((2, 8, 8, 16))

    def formula(x, dw):
        return tf.nn.depthwise_conv2d(x, tf.tile(dw, [1, 1, 16, 1]), [1, 1, 1, 1], "SAME")

    found = csep.depthwise_conv2d_backward(dy, x, dw, padding="SAME")
    check(found, {"x": x, "dw": dw}, formula, dy)
