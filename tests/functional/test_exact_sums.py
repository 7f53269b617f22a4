"""How exact sums are: long ones, and small terms beside a large bias, against float64."""

import numpy as np
import pytest
import reference

import csep

# What other libraries' kernels come to: chains of so many float32 multiply-adds, added in order.
CHAIN = 128


def in_chains(x, w):
    """The product as such a library rounds it: each multiply-add, and each sum of two chains."""
    total = np.zeros((len(x), w.shape[1]), np.float32)
    for start in range(0, len(w), CHAIN):
        chain = np.zeros_like(total)
        for k in range(start, min(start + CHAIN, len(w))):
            chain = (chain + x[:, k : k + 1].astype("f8") * w[k]).astype(np.float32)
        total += chain
    return total


def rms(error):
    return np.sqrt(np.mean(np.square(error)))


def pixels_and_weights(depth, columns=24):
    rng = np.random.default_rng(depth)
    return (
        rng.standard_normal((35, depth)).astype("f4"),
        rng.standard_normal((depth, columns)).astype("f4"),
    )


def prepared(x, w):
    return csep.PointwiseConv2D(w)(x)


def in_windows(x, w):
    """The same sums as an ordinary convolution, whose kernel rows lie apart."""
    rows = x.reshape(len(x), 2, 1, -1)
    return csep.conv2d(rows, w.reshape(2, 1, -1, w.shape[1])).reshape(len(x), -1)


@pytest.mark.parametrize("depth", [100, 256, 512, 728, 2048, 20000])
def test_long_sums_are_as_exact_as_chains(depth):
    x, w = pixels_and_weights(depth)
    exact = x.astype("f8") @ w
    terms = (np.abs(x).astype("f8") @ np.abs(w)).max()
    limit = 1.2 * rms(in_chains(x, w) - exact)
    image = x.reshape(5, 7, 1, depth)[:, :, 0]
    for product in (csep.pointwise_conv2d, prepared):
        y = product(image[None], w)[0].reshape(len(x), -1)
        assert rms(y - exact) <= limit
        assert np.abs(y - exact).max() <= 1e-6 * terms
    assert rms(in_windows(x, w) - exact) <= limit


LARGE = np.float32(2**20)


@pytest.mark.parametrize(
    "name", ["separable_conv2d", "pointwise_conv2d", "conv2d", "depthwise_conv2d"]
)
def test_a_large_bias_takes_nothing_from_small_terms(name):
    rng = np.random.default_rng(0)
    x = rng.random((1, 6, 6, 64)).astype("f4")
    shapes = {
        "separable_conv2d": [(3, 3, 64, 1), (64, 24)],
        "pointwise_conv2d": [(1, 1, 64, 24)],
        "conv2d": [(3, 3, 64, 24)],
        "depthwise_conv2d": [(5, 5, 64, 1)],
    }[name]
    weights = [rng.random(shape).astype("f4") / 16 for shape in shapes]
    bias = np.full(64 if name == "depthwise_conv2d" else 24, LARGE)
    y = getattr(csep, name)(x, *weights, bias)
    formula = getattr(reference, name)
    # One rounding, where the bias is added: half a unit, and what the terms themselves came to.
    assert np.abs(y - formula(x, *weights, bias)).max() <= 0.51 * np.spacing(LARGE)
