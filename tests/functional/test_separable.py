"""Results against the formula."""

import numpy as np
import pytest
import reference
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import csep

TOLERANCE = 1e-6  # of a sum's terms without their signs: 3e-7 was seen


def close(y, *arrays, **how):
    """Assert that y is what the formula makes of x, weights and arguments."""
    expected = reference.separable_conv2d(*arrays, **how)
    terms = reference.largest_terms(reference.separable_conv2d, *arrays, **how)
    assert y.dtype == np.float32
    assert y.shape == expected.shape
    error = np.abs(y - expected).max(initial=0)
    assert error <= TOLERANCE * terms, error


def pair(low, high):
    return st.tuples(st.integers(low, high), st.integers(low, high))


@st.composite
def geometries(draw):
    """Arguments of a call whose output is not empty."""
    kernel = draw(pair(1, 7))
    strides, dilations = draw(pair(1, 4)), draw(pair(1, 3))
    kind = draw(st.sampled_from(["SAME", "VALID", "pairs"]))
    padding = draw(st.tuples(pair(0, 9), pair(0, 9))) if kind == "pairs" else kind
    size = []
    for axis in range(2):
        reach = (kernel[axis] - 1) * dilations[axis] + 1
        low = 1
        if kind == "VALID":
            low = reach
        elif kind == "pairs":
            low = max(1, reach - sum(padding[axis]))
        size.append(draw(st.integers(low, low + 24)))
    return {
        "shape": (draw(st.integers(0, 3)), *size, draw(st.integers(1, 40))),
        "kernel": kernel,
        "multiplier": draw(st.integers(1, 9)),
        "out_channels": draw(st.integers(1, 70)),
        "strides": strides,
        "dilations": dilations,
        "padding": padding,
        "bias": draw(st.booleans()),
        "threads": draw(st.integers(1, 3)),
        "seed": draw(st.integers(0, 2**32 - 1)),
    }


@settings(
    max_examples=500,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(geometry=geometries())
def test_random_geometries(make_layer, geometry):
    g = geometry
    layer = make_layer(g["shape"], g["kernel"], g["multiplier"], g["out_channels"], g["seed"])
    bias = layer.bias if g["bias"] else None
    how = {"strides": g["strides"], "padding": g["padding"], "dilations": g["dilations"]}
    weights = (layer.dw, layer.pw, bias)
    y = csep.separable_conv2d(layer.x, *weights, num_threads=g["threads"], **how)
    close(y, layer.x, *weights, **how)
    prepared = csep.SeparableConv2D(*weights, **how)
    np.testing.assert_array_equal(prepared(layer.x), y)


@pytest.mark.parametrize("channels", [1, 3, 8, 15, 16, 17, 48, 100])
@pytest.mark.parametrize("out_channels", [1, 4, 8, 16, 17, 24, 31, 33, 64, 97])
def test_channel_counts_around_vector_and_panel_sizes(make_layer, channels, out_channels):
    layer = make_layer((1, 5, 11, channels), (3, 3), 1, out_channels)
    y = csep.separable_conv2d(layer.x, *layer.weights, padding="SAME")
    close(y, layer.x, *layer.weights, padding="SAME")


@pytest.mark.parametrize("kernel", [(1, 1), (3, 3), (5, 5), (7, 7), (1, 3), (5, 3), (3, 7), (2, 4)])
@pytest.mark.parametrize("strides", [(1, 1), (2, 2), (1, 2), (3, 1)])
@pytest.mark.parametrize("multiplier", [1, 2, 3, 8])
def test_every_depthwise_kernel(make_layer, kernel, strides, multiplier):
    layer = make_layer((2, 13, 29, 19), kernel, multiplier, 5)
    how = {"strides": strides, "padding": "SAME"}
    close(csep.separable_conv2d(layer.x, *layer.weights, **how), layer.x, *layer.weights, **how)


@pytest.mark.parametrize("width", range(1, 40))
def test_every_row_length(make_layer, width):
    layer = make_layer((1, 3, width, 16), (3, 3), 1, 16)
    how = {"padding": "SAME"}
    close(csep.separable_conv2d(layer.x, *layer.weights, **how), layer.x, *layer.weights, **how)


def test_depth_that_is_worked_off_in_chunks(make_layer):
    layer = make_layer((1, 3, 4, 5003), (2, 2), 7, 5)
    y = csep.separable_conv2d(layer.x, *layer.weights)
    close(y, layer.x, *layer.weights)


def test_weights_larger_than_the_cache(make_layer):
    layer = make_layer((1, 5, 5, 1000), (3, 3), 1, 1100)
    y = csep.separable_conv2d(layer.x, *layer.weights, padding="SAME")
    close(y, layer.x, *layer.weights, padding="SAME")


def test_one_pixel_by_hand():
    # Depthwise: 1*10 + 2*20 + 3*30 + 4*40 = 300 and 5*1 + 6*1 + 7*1 + 8*1 = 26.
    x = np.array([[[[1, 5], [2, 6]], [[3, 7], [4, 8]]]], np.float32)
    dw = np.empty((2, 2, 2, 1), np.float32)
    dw[:, :, 0, 0] = [[10, 20], [30, 40]]
    dw[:, :, 1, 0] = 1
    pw = np.array([[[[1, 2, 0], [100, 0, -1]]]], np.float32)
    bias = np.array([0.5, 0, 1], np.float32)
    y = csep.separable_conv2d(x, dw, pw, bias)
    np.testing.assert_array_equal(y, [[[[2900.5, 600, -25]]]])


def test_multiplier_order_by_hand():
    # Output q * M + r of the depthwise stage is x[q] * dw[q, r]; pw picks them apart.
    x = np.array([[[[2, 3]]]], np.float32)
    dw = np.array([[[[1, 10], [100, 1000]]]], np.float32)
    pw = np.eye(4, dtype=np.float32)[None, None]
    y = csep.separable_conv2d(x, dw, pw)
    np.testing.assert_array_equal(y, [[[[2, 20, 300, 3000]]]])


def test_same_puts_the_odd_pixel_after():
    x = np.arange(1, 5, dtype=np.float32).reshape(1, 1, 4, 1)
    one = np.ones((1, 1, 1, 1), np.float32)
    dw = np.array([1, 10], np.float32).reshape(1, 2, 1, 1)
    y = csep.separable_conv2d(x, dw, one, padding="same")
    np.testing.assert_array_equal(y.ravel(), [21, 32, 43, 4])
    dw = np.array([1, 10, 100], np.float32).reshape(1, 3, 1, 1)
    y = csep.separable_conv2d(x, dw, one, strides=2, padding="SAME")
    np.testing.assert_array_equal(y.ravel(), [321, 43])


def test_dilation_by_hand():
    x = np.arange(1, 8, dtype=np.float32).reshape(1, 1, 7, 1)
    dw = np.array([1, 10, 100], np.float32).reshape(1, 3, 1, 1)
    one = np.ones((1, 1, 1, 1), np.float32)
    y = csep.separable_conv2d(x, dw, one, strides=(1, 2), dilations=(1, 2))
    np.testing.assert_array_equal(y.ravel(), [531, 753])


def test_taps_in_the_padding_are_left_out():
    """An infinite weight that only meets padding plays no part."""
    x = np.ones((1, 1, 1, 1), np.float32)
    dw = np.full((3, 3, 1, 1), np.inf, np.float32)
    dw[1, 1] = 2
    y = csep.separable_conv2d(x, dw, np.ones((1, 1, 1, 1), np.float32), padding="SAME")
    assert y.item() == 2


def test_an_output_wholly_in_the_padding_is_the_bias(make_layer):
    layer = make_layer((1, 2, 2, 3), (3, 3))
    y = csep.separable_conv2d(layer.x, *layer.weights, padding=((9, 9), (9, 9)))
    np.testing.assert_array_equal(y[0, 0, 0], layer.bias)
    np.testing.assert_array_equal(y[0, -1, -1], layer.bias)
    close(y, layer.x, *layer.weights, padding=((9, 9), (9, 9)))


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
def test_inf_and_nan_in_x_spread_as_in_the_formula(make_layer, value):
    layer = make_layer((1, 9, 9, 17))
    layer.x[0, 4, 4, 16] = value
    y = csep.separable_conv2d(layer.x, *layer.weights)
    finite = np.ones((7, 7), bool)
    finite[2:5, 2:5] = False
    np.testing.assert_array_equal(np.isfinite(y[0]).all(-1), finite)


@pytest.mark.parametrize("form", [2, (2, 2), [2, 2], [1, 2, 2, 1], np.array([2, 2]), np.int8(2)])
def test_forms_of_strides_and_dilations(make_layer, form):
    layer = make_layer()
    y = csep.separable_conv2d(layer.x, *layer.weights, strides=form, dilations=form)
    expected = csep.separable_conv2d(layer.x, *layer.weights, strides=(2, 2), dilations=(2, 2))
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize(
    "form", [((1, 2), (3, 0)), [[0, 0], [1, 2], [3, 0], [0, 0]], np.array([[1, 2], [3, 0]])]
)
def test_forms_of_padding(make_layer, form):
    layer = make_layer()
    y = csep.separable_conv2d(layer.x, *layer.weights, padding=form)
    how = {"padding": ((1, 2), (3, 0))}
    close(y, layer.x, *layer.weights, **how)


@pytest.mark.parametrize("size", [(1000, 1), (1, 1000)])
@pytest.mark.parametrize("step", [2**31 - 1, 1000])
def test_strides_longer_than_the_image_give_one_output(size, step):
    x = np.ones((1, *size, 1), np.float32)
    one = np.ones((1, 1, 1, 1), np.float32)
    assert csep.separable_conv2d(x, one, one, strides=step).shape == (1, 1, 1, 1)


def test_an_operator_keeps_its_weights(make_layer):
    layer = make_layer()
    op = csep.SeparableConv2D(*layer.weights)
    before = op(layer.x)
    for array in layer.weights:
        array[...] = 0
    np.testing.assert_array_equal(op(layer.x), before)


def test_an_operator_meets_changing_shapes(make_layer):
    layer = make_layer()
    op = csep.SeparableConv2D(*layer.weights, strides=2, padding="SAME")
    for shape in [(1, 8, 8, 5), (1, 9, 8, 5), (3, 8, 8, 5), (0, 8, 8, 5), (1, 8, 8, 5)]:
        x = np.random.default_rng(1).standard_normal(shape, np.float32)
        for _ in range(2):
            close(op(x), x, *layer.weights, strides=(2, 2), padding="SAME")


def test_weights_as_a_keras_layer_hands_them_out(make_layer):
    layer = make_layer((1, 28, 28, 3), (5, 5), 1, 16)
    weights = [layer.dw, layer.pw, layer.bias]
    assert sum(w.size for w in weights) == 139
    y = csep.separable_conv2d(layer.x, *weights, strides=(1, 1), padding="valid")
    assert y.shape == (1, 24, 24, 16)
    close(y, layer.x, *weights)
