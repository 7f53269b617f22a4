"""Each step of networks against its formula in float64, on every instruction set."""

import os
import sys

import numpy as np
import pytest
from processes import output, run
from reference import activate

import csep

CHANNELS = [1, 3, 7, 16, 33, 64, 100, 257]


def image(shape, dtype=np.float32, seed=0):
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def close(y, expected, tolerance=2e-6):
    assert y.shape == expected.shape
    scale = np.abs(expected).max()
    assert np.abs(y - expected).max() <= tolerance * scale


def windows(x, size, strides, same):
    """Give (output row, column, the pixels of a window that are inside) of an image."""
    _, h, w, _ = x.shape
    counts, starts = [], []
    for side, k, s in zip((h, w), size, strides, strict=True):
        n = -(-side // s) if same else (side - k) // s + 1
        total = max((n - 1) * s + k - side, 0) if same else 0
        counts.append(n)
        starts.append(total // 2)
    for i in range(counts[0]):
        for j in range(counts[1]):
            top, left = i * strides[0] - starts[0], j * strides[1] - starts[1]
            rows = slice(max(top, 0), top + size[0])
            yield i, j, x[:, rows, max(left, 0) : left + size[1]]


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_add_and_scale(channels, dtype):
    x = [image((2, 5, 4, channels), dtype, seed) for seed in range(3)]
    exact = [a.astype(np.float64) for a in x]
    close(csep.add(x), sum(exact))
    weights = [0.5, -2, 3]
    expected = sum(w * a for w, a in zip(weights, exact, strict=True))
    close(csep.add(x, weights=weights, activation="relu"), np.maximum(expected, 0))
    scale, shift = image(channels, dtype, 8), image(channels, dtype, 9)
    close(csep.scale(x[0], scale, shift), exact[0] * scale + shift)
    pixel = image((2, 1, 1, channels), dtype, 4)
    close(csep.add([x[0], pixel]), exact[0] + pixel)


def test_more_values_than_a_step_takes():
    x = [image((1, 3, 3, 5), seed=seed) for seed in range(20)]
    close(csep.add(x), np.sum(x, axis=0, dtype=np.float64))
    close(csep.add(x, weights=range(20)), sum(i * a.astype("f8") for i, a in enumerate(x)))
    close(csep.multiply(x), np.prod(x, axis=0, dtype=np.float64))


@pytest.mark.parametrize("channels", CHANNELS)
def test_multiply(channels):
    x, y = image((2, 5, 4, channels)), image((2, 5, 4, channels), seed=1)
    pixel = image((2, 1, 1, channels), seed=2)
    close(csep.multiply([x, y]), x.astype("f8") * y)
    close(csep.multiply([x, pixel]), x.astype("f8") * pixel)
    close(csep.multiply([pixel, x], activation="relu"), np.maximum(x.astype("f8") * pixel, 0))


@pytest.mark.parametrize("name", ["relu6", "silu", "hard_silu", "gelu", "tanh", "sigmoid"])
def test_activate(name):
    x = image((1, 4, 4, 21)) * 4
    close(csep.activate(x, name), activate(x.astype("f8"), name))
    slopes = image(21, seed=5)
    close(csep.activate(x, ("prelu", slopes)), np.where(x < 0, x.astype("f8") * slopes, x))


@pytest.mark.parametrize("channels", [1, 16, 33, 100])
@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize(
    ("size", "strides"), [((2, 2), (2, 2)), ((3, 3), (2, 2)), ((3, 2), (1, 3))]
)
def test_pools(channels, same, size, strides):
    x = image((2, 7, 8, channels))
    padding = "SAME" if same else "VALID"
    largest = csep.max_pool(x, size, strides, padding)
    mean = csep.average_pool(x, size, strides, padding)
    seen = 0
    for i, j, pixels in windows(x.astype("f8"), size, strides, same):
        np.testing.assert_array_equal(largest[:, i, j], pixels.max(axis=(1, 2)))
        np.testing.assert_allclose(mean[:, i, j], pixels.mean(axis=(1, 2)), rtol=1e-5, atol=1e-6)
        seen += 1
    assert seen == largest.shape[1] * largest.shape[2] == mean.shape[1] * mean.shape[2]


@pytest.mark.parametrize("channels", CHANNELS)
def test_global_pools(channels):
    x = image((3, 9, 11, channels))
    np.testing.assert_array_equal(csep.global_max_pool(x), x.max(axis=(1, 2)))
    close(csep.global_average_pool(x), x.astype("f8").mean(axis=(1, 2)))
    assert csep.global_average_pool(x, keepdims=True).shape == (3, 1, 1, channels)


def test_a_mean_over_many_pixels_is_exact():
    x = np.random.default_rng(0).random((1, 400, 300, 2), np.float32)
    np.testing.assert_allclose(csep.global_average_pool(x), x.astype("f8").mean((1, 2)), rtol=1e-6)


@pytest.mark.parametrize("channels", [1, 5, 64])
def test_concat_pad_and_reshape(channels):
    x, y = image((2, 3, 4, channels)), image((2, 3, 4, 7), seed=1)
    np.testing.assert_array_equal(csep.concat([x, y, x]), np.concatenate([x, y, x], axis=-1))
    np.testing.assert_array_equal(
        csep.pad(x, ((1, 2), (0, 3))), np.pad(x, ((0, 0), (1, 2), (0, 3), (0, 0)))
    )
    np.testing.assert_array_equal(csep.pad(x, ((-1, 0), (-1, -2))), x[:, 1:, 1:-2])
    mixed = csep.pad(x, ((-1, 2), (3, -2)))
    np.testing.assert_array_equal(mixed, np.pad(x[:, 1:, :-2], ((0, 0), (0, 2), (3, 0), (0, 0))))
    np.testing.assert_array_equal(csep.reshape(x, (4, -1)), x.reshape(2, 4, -1))


@pytest.mark.parametrize("size", [(6, 8), (3, 9), (7, 5), (1, 1), (2, 2)])
def test_resize(size):
    x = image((2, 3, 4, 10))
    rows, columns = ((np.arange(n) + 0.5) * m / n for n, m in zip(size, (3, 4), strict=True))
    near = x[:, np.floor(rows).astype(int)][:, :, np.floor(columns).astype(int)]
    np.testing.assert_array_equal(csep.resize(x, size=size), near)

    def along(a, points, axis):
        points = points - 0.5
        low = np.floor(points).astype(int)
        part = (points - low).reshape((-1,) + (1,) * (a.ndim - axis - 1))
        last = a.shape[axis] - 1
        first = np.take(a, np.clip(low, 0, last), axis)
        return first * (1 - part) + np.take(a, np.clip(low + 1, 0, last), axis) * part

    expected = along(along(x.astype("f8"), rows, 1), columns, 2)
    close(csep.resize(x, size=size, interpolation="bilinear"), expected)


@pytest.mark.parametrize("inputs", [1, 2, 3, 4, 7, 30])
def test_nearest_pixels_are_exact(inputs):
    x = np.arange(inputs, dtype=np.float32).reshape(1, 1, inputs, 1)
    for outputs in range(1, 120):
        expected = [(2 * i + 1) * inputs // (2 * outputs) for i in range(outputs)]
        y = csep.resize(x, size=(1, outputs))
        np.testing.assert_array_equal(y.ravel(), expected)


@pytest.mark.parametrize("channels", CHANNELS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax(channels, dtype):
    x = image((3, channels), dtype) * 20
    e = np.exp(x.astype("f8") - x.max(axis=1, keepdims=True))
    expected = e / e.sum(axis=1, keepdims=True)
    # x - max is rounded once, and e to its power then wrong by as much.
    spread = np.ptp(x.astype("f8"))
    tolerance = np.finfo(dtype).eps * (8 + spread)
    least = np.finfo(dtype).smallest_subnormal
    np.testing.assert_allclose(csep.softmax(x), expected, rtol=tolerance, atol=least)


def test_softmax_of_extremes():
    x = np.array([[1e30, 0, -1e30], [-np.inf, 0, 0], [np.nan, 0, 0]], "f4")
    y = csep.softmax(x)
    np.testing.assert_array_equal(y[:2], [[1, 0, 0], [0, 0.5, 0.5]])
    assert np.isnan(y[2]).all()


def test_sequences_and_vectors():
    x = image((2, 9, 5))
    np.testing.assert_array_equal(csep.max_pool(x, 3), x.reshape(2, 3, 3, 5).max(axis=2))
    np.testing.assert_array_equal(csep.pad(x, (1, -2)), np.pad(x[:, :-2], ((0, 0), (1, 0), (0, 0))))
    np.testing.assert_array_equal(csep.resize(x, 2), np.repeat(x, 2, axis=1))
    v = image((4, 6))
    np.testing.assert_array_equal(csep.concat([v, v]), np.concatenate([v, v], axis=1))


@pytest.mark.parametrize("isa", csep._core.isa_available())
def test_on_every_instruction_set(isa):
    """The same tests in a process that has chosen it."""
    if isa == csep.get_isa():
        pytest.skip("is the one of this process")
    command = [sys.executable, "-m", "pytest", "-q", "-x", __file__, "-k", "not instruction_set"]
    assert "passed" in output(run(*command, env=os.environ | {"CSEP_ISA": isa}))


@pytest.mark.parametrize(
    ("call", "error", "text"),
    [
        (lambda x: csep.add([]), TypeError, "values: expected a list"),
        (csep.add, TypeError, "values: expected a list"),
        (lambda x: csep.add([x, x[:, :2]]), ValueError, "add: cannot be computed"),
        (lambda x: csep.add([x], weights=[1, 2]), ValueError, "weights: expected 1"),
        (lambda x: csep.add([x, x.astype("f8")]), TypeError, "one dtype"),
        (lambda x: csep.scale(x, [1, 2]), ValueError, r"scale: expected one number or \(5,\)"),
        (lambda x: csep.activate(x, "nothing"), ValueError, "activation"),
        (lambda x: csep.max_pool(x, 0), ValueError, "pool_size"),
        (lambda x: csep.max_pool(x, 9), ValueError, "cannot be computed"),
        (lambda x: csep.max_pool(x, 2, 2, 5), ValueError, "cannot be computed"),
        (lambda x: csep.max_pool(x, (1, 2, 3)), ValueError, "pool_size"),
        (csep.resize, ValueError, "factor"),
        (lambda x: csep.resize(x, 2, size=3), ValueError, "factor"),
        (lambda x: csep.resize(x, 2, interpolation="cubic"), ValueError, "interpolation"),
        (lambda x: csep.pad(x, 3), ValueError, "border"),
        (lambda x: csep.pad(x, ((-4, 0), (0, 0))), ValueError, "cannot be computed"),
        (lambda x: csep.reshape(x, (7,)), ValueError, "shape"),
        (lambda x: csep.reshape(x, (-1, -1)), ValueError, "shape"),
        (lambda x: csep.softmax(x.astype("f2")), TypeError, "float32 or float64"),
        (lambda x: csep.softmax(x[0, 0, 0]), ValueError, "rank"),
        (lambda x: csep.concat([x, csep.Input((4, 4, 5))]), TypeError, "values"),
        (lambda x: csep.multiply("abc"), TypeError, "values"),
    ],
)
def test_bad_arguments(call, error, text):
    with pytest.raises(error, match=text):
        call(image((1, 4, 4, 5)))
