"""Accuracy of the activations over the whole range, through the kernels that apply them."""

import numpy as np
import pytest
import reference

import csep

ULP = 4


def sample(real, bits, count):
    """Numbers from all exponents of both signs, many of them near where functions bend."""
    rng = np.random.default_rng(0)
    every = rng.integers(0, 2 ** (8 * np.dtype(bits).itemsize), count, dtype=bits).view(real)
    near = rng.uniform(-20, 20, count).astype(real)
    small = (rng.standard_normal(count) * 0.1).astype(real)
    tail = rng.uniform(-120, -8, count).astype(real)
    special = np.array([0, -0.0, 1, -1, 3, -3, 6, np.inf, -np.inf, np.nan], real)
    limits = np.array([np.finfo(real).max, np.finfo(real).tiny, np.finfo(real).smallest_subnormal])
    x = np.concatenate([every, near, small, tail, special, limits, -limits], dtype=real)
    x[np.isnan(x)] = np.nan  # quiet ones: NumPy warns of the others
    return x[: x.size // 8 * 8]


def apply(x, activation, kernel):
    """Every x through the epilogue of one kernel: y = activation(x), as 0 is added to x."""
    weight = np.ones(1, x.dtype)
    if kernel == "depthwise":
        return csep.depthwise_conv2d(
            x.reshape(1, -1, 1, 8), weight.reshape(1, 1, 1, 1), activation=activation
        ).ravel()
    # One input channel: no other product is added, which an infinity would spoil.
    return csep.pointwise_conv2d(
        x.reshape(1, 1, -1, 1), weight.reshape(1, 1), activation=activation
    ).ravel()


def errors(y, expected):
    """Errors in units of the last place of the results' dtype."""
    with np.errstate(all="ignore"):
        rounded = expected.astype(y.dtype)
        unit = np.spacing(np.abs(rounded)).astype(np.longdouble)
    np.testing.assert_array_equal(np.isnan(y), np.isnan(rounded))
    np.testing.assert_array_equal(np.isinf(y), np.isinf(rounded))
    finite = np.isfinite(rounded)
    return np.abs(y[finite].astype(np.longdouble) - expected[finite]) / unit[finite]


@pytest.mark.parametrize("kernel", ["depthwise", "pointwise"])
@pytest.mark.parametrize(
    "activation",
    [*reference.ACTIVATIONS, ("elu", 0.3), ("leaky_relu", 0.01), ("relu", 2.5)],
    ids=str,
)
def test_float32(activation, kernel):
    x = sample(np.float32, np.uint32, 200_000)
    y = apply(x, activation, kernel)
    assert y.dtype == np.float32
    expected = reference.activate(x.astype(np.float64), activation)
    worst = errors(y, expected)
    assert worst.max() <= ULP, x[np.isfinite(y)][worst.argmax()]


@pytest.mark.parametrize(
    "activation", ["elu", "selu", "sigmoid", "tanh", "silu", "hard_silu", "softplus", "mish"]
)
def test_float64(activation):
    x = sample(np.float64, np.uint64, 50_000)
    y = apply(x, activation, "pointwise")
    wide = x.astype(np.longdouble)
    with np.errstate(all="ignore"):
        logistic = 1 / (1 + np.exp(-wide))
        softplus = np.maximum(wide, 0) + np.log1p(np.exp(-np.abs(wide)))
        scale, alpha = (
            np.longdouble("1.0507009873554804934"),
            np.longdouble("1.6732632423543772848"),
        )
        clipped = np.minimum(np.maximum(wide + 3, 0), 6) / 6
        expected = {
            "elu": np.where(wide > 0, wide, np.expm1(wide)),
            "sigmoid": logistic,
            "tanh": np.tanh(wide),
            "silu": wide * logistic,
            "hard_silu": wide * clipped,
            "selu": scale * np.where(wide > 0, wide, alpha * np.expm1(wide)),
            "softplus": softplus,
            "mish": wide * np.tanh(softplus),
        }[activation]
    assert errors(y, expected).max() <= ULP


@pytest.mark.parametrize(("activation", "low"), [("gelu", -36), ("gelu_tanh", -9)])
def test_float64_gelu(activation, low):
    """Where the reference in float64 is still good to 13 digits."""
    x = np.random.default_rng(0).uniform(low, 10, 50_000)
    y = apply(x, activation, "pointwise")
    np.testing.assert_allclose(y, reference.activate(x, activation), rtol=2e-13)


def test_names_that_mean_the_same():
    x = sample(np.float32, np.uint32, 1000)
    for one, other in (("silu", "swish"), ("hard_silu", "hard_swish")):
        np.testing.assert_array_equal(apply(x, one, "pointwise"), apply(x, other, "pointwise"))


def test_same_bits_wherever_it_is_applied():
    x = sample(np.float32, np.uint32, 10_000)
    for activation in reference.ACTIVATIONS:
        np.testing.assert_array_equal(
            apply(x, activation, "pointwise"), apply(x, activation, "depthwise")
        )
