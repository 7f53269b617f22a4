"""Backward passes of prepared operators: those of the functions, with weights that stay."""

import pickle
import threading

import numpy as np
import pytest

import csep


def draw(*shape, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype("f4")


DW, PW, BIAS = draw(3, 3, 4, 2), draw(8, 5, seed=1), draw(5, seed=2)
CASES = {
    "separable": (
        csep.SeparableConv2D,
        csep.separable_conv2d_backward,
        {"dw": DW, "pw": PW, "bias": BIAS, "depthwise_bias": draw(8, seed=3)},
        {"strides": 2, "padding": "SAME", "depthwise_activation": "relu", "activation": "gelu"},
        (2, 9, 8, 4),
    ),
    "depthwise": (
        csep.DepthwiseConv2D,
        csep.depthwise_conv2d_backward,
        {"dw": DW, "bias": draw(8)},
        {"dilations": 2, "activation": ("prelu", draw(8, seed=4)), "data_format": "NCHW"},
        (2, 4, 9, 8),
    ),
    "pointwise": (
        csep.PointwiseConv2D,
        csep.pointwise_conv2d_backward,
        {"pw": PW, "bias": BIAS},
        {"activation": "silu"},
        (2, 3, 4, 8),
    ),
    "conv": (
        csep.Conv2D,
        csep.conv2d_backward,
        {"w": draw(3, 2, 2, 6), "bias": draw(6)},
        {"strides": (1, 2), "groups": 2, "activation": "tanh"},
        (2, 9, 8, 4),
    ),
    "separable 1d": (
        csep.SeparableConv1D,
        csep.separable_conv1d_backward,
        {"dw": DW[0], "pw": PW},
        {"padding": "CAUSAL"},
        (2, 9, 4),
    ),
    "conv 1d": (
        csep.Conv1D,
        csep.conv1d_backward,
        {"w": draw(3, 2, 6), "bias": draw(6)},
        {"padding": "CAUSAL", "groups": 2, "activation": "elu"},
        (2, 9, 4),
    ),
    "depthwise 1d": (
        csep.DepthwiseConv1D,
        csep.depthwise_conv1d_backward,
        {"dw": DW[0]},
        {"strides": 3},
        (2, 9, 4),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_operators_have_the_gradients_of_functions(case):
    make, function, weights, said, shape = CASES[case]
    op, x = make(**weights, **said), draw(*shape, seed=5)
    dy, residual = (draw(*op(x).shape, seed=seed) for seed in (6, 7))
    want = function(dy, x, **weights, **said, residual=residual)
    for use in (op, op, pickle.loads(pickle.dumps(op))):
        got = use.backward(dy, x, residual=residual)
        for name, gradient in want._asdict().items():
            if gradient is None:
                assert getattr(got, name) is None
                continue
            like = op.weights.get(name)
            found = getattr(got, name)
            assert like is None or found.shape == like.shape
            np.testing.assert_array_equal(found.reshape(gradient.shape), gradient)
    only = op.backward(dy, x, residual=residual, wrt=["x"])
    np.testing.assert_array_equal(only.x, want.x)
    assert only.bias is None


def test_a_kernel_for_any_number_of_channels():
    op = csep.DepthwiseConv2D(draw(3, 3, 1, 2), shared_kernel=True)
    for channels in (1, 5, 20, *range(2, 30)):
        x, dy = draw(1, 5, 6, channels), draw(1, 3, 4, 2 * channels, seed=1)
        want = csep.depthwise_conv2d_backward(dy, x, op.weights["dw"], shared_kernel=True)
        got = op.backward(dy, x)
        np.testing.assert_array_equal(got.dw, want.dw)
        np.testing.assert_array_equal(got.x, want.x)


def test_from_many_threads():
    op = csep.SeparableConv2D(DW, PW, BIAS)
    x, dy = draw(1, 9, 9, 4), draw(1, 7, 7, 5)
    want, wrong = op.backward(dy, x), []

    def work():
        for _ in range(50):
            got = op.backward(dy, x, num_threads=2)
            wrong.extend(
                name for name in ("x", "dw") if (getattr(got, name) != getattr(want, name)).any()
            )

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda op, x, dy: op.backward(dy[:, 1:], x), ValueError, "dy: expected shape"),
        (lambda op, x, dy: op.backward(dy, x[..., 1:]), ValueError, "x"),
        (lambda op, x, dy: op.backward(dy, x, wrt=["bias"]), ValueError, "which was not given"),
        (lambda op, x, dy: op.backward(dy, x, out={"x": x}), ValueError, "out: expected arrays"),
        (lambda op, x, dy: op.backward(dy, x, wrt=["x"], out={"x": x}), ValueError, "overlap"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named(call, error, text):
    op = csep.SeparableConv2D(DW, PW)
    x, dy = draw(1, 5, 5, 4), draw(1, 3, 3, 5)
    with pytest.raises(error, match=text):
        call(op, x, dy)


def test_padding_that_holds_pixels_is_refused():
    op = csep.DepthwiseConv2D(DW, padding="SAME", mode="reflect")
    with pytest.raises(ValueError, match='mode: expected "zeros" in a backward pass'):
        op.backward(draw(1, 5, 5, 8), draw(1, 5, 5, 4))
