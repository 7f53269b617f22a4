"""Every operator, dtype and layout against the formula."""

import ml_dtypes
import numpy as np
import pytest
import reference
from hypothesis import given, settings
from hypothesis import strategies as st

import csep

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)
# Error of a result: a part of its sum's terms (3e-7 and 7e-16 were seen), and of its own, for the
# rounding.
TOLERANCE = {
    np.dtype(np.float32): (1e-6, 0),
    np.dtype(np.float64): (4e-15, 0),
    np.dtype(np.float16): (1e-6, 2**-11),
    BFLOAT16: (1e-6, 2**-8),
}
DTYPES = list(TOLERANCE)
KINDS = ["separable", "depthwise", "pointwise", "conv"]
OPERATORS = {
    "separable": csep.SeparableConv2D,
    "depthwise": csep.DepthwiseConv2D,
    "pointwise": csep.PointwiseConv2D,
    "conv": csep.Conv2D,
}


def close(y, expected, dtype, terms=0.0):
    """Assert that y is rounded from the result, give or take a part of its sum's terms."""
    assert y.dtype == dtype
    assert y.shape == expected.shape
    of_scale, of_own = TOLERANCE[dtype]
    scale = max(terms, np.abs(expected).max(initial=1e-30))
    bound = of_scale * scale + 1.01 * of_own * np.abs(expected)
    if dtype == np.float16:
        bound = bound + 2.0**-25  # denormals
    worst = (np.abs(y.astype(np.float64) - expected) - bound).max(initial=-1)
    assert worst <= 0, worst


def pair(low, high):
    return st.tuples(st.integers(low, high), st.integers(low, high))


activations = st.one_of(
    st.none(),
    st.just("prelu"),
    st.sampled_from(list(reference.ACTIVATIONS)),
    st.tuples(st.sampled_from(["elu", "leaky_relu"]), st.floats(-2, 2)),
)


@st.composite
def calls(draw, kind):
    """Sizes and arguments of a call whose output is not empty."""
    slides = kind != "pointwise"
    kernel = draw(pair(1, 6)) if slides else (1, 1)
    strides = draw(pair(1, 4)) if slides else (1, 1)
    dilations = draw(pair(1, 3)) if slides else (1, 1)
    forms = ["SAME", "SAME_LOWER", "VALID", "pairs"]
    padding = draw(st.sampled_from(forms)) if slides else "VALID"
    if padding == "pairs":
        padding = draw(st.tuples(pair(0, 7), pair(0, 7)))
    size = []
    for axis in range(2):
        reach = (kernel[axis] - 1) * dilations[axis] + 1
        if isinstance(padding, str):
            low = reach if padding == "VALID" else 1
        else:
            low = max(1, reach - sum(padding[axis]))
        size.append(draw(st.integers(low, low + 20)))
    widest = np.max(reference.explicit_pads(size, kernel, strides, dilations, padding), axis=1)
    modes = ["zeros", "replicate"]
    modes += ["circular"] if all(widest <= size) else []
    modes += ["reflect"] if all(widest < size) else []
    sliding = {"strides": strides, "padding": padding, "dilations": dilations}
    c = draw(st.integers(1, 40))
    m = draw(st.integers(1, 5)) if kind in {"separable", "depthwise"} else 1
    groups = draw(st.sampled_from([1, 1, 2, 3, 5])) if kind == "conv" else 1
    c *= groups
    filters = draw(st.integers(1, 70 // groups))
    return {
        "kind": kind,
        "shape": (draw(st.integers(0, 3)), *size, c),
        "kernel": kernel,
        "multiplier": m,
        "groups": groups,
        "out_channels": c * m if kind == "depthwise" else filters * groups,
        "shared": draw(st.booleans()),
        "bias": draw(st.booleans()),
        "depthwise_bias": draw(st.booleans()),
        "residual": draw(st.booleans()),
        "sliding": sliding | {"mode": draw(st.sampled_from(modes))},
        "activation": draw(activations),
        "depthwise_activation": draw(activations),
        "layout": draw(st.sampled_from(["NHWC", "NCHW", "channels_first", "channels_last"])),
        "threads": draw(st.integers(1, 3)),
        "seed": draw(st.integers(0, 2**32 - 1)),
    }


class Case:
    """The arrays and arguments of a call, and what it should give."""

    def __init__(self, call, dtype):
        kind, c, m = call["kind"], call["shape"][3], call["multiplier"]
        rng = np.random.default_rng(call["seed"])
        # Half-precision images go with weights of float32 as well as of their own.
        half = dtype.itemsize == 2
        weight_dtype = np.dtype(np.float32) if half and rng.integers(2) else dtype

        def array(*shape):
            return rng.standard_normal(shape).astype(weight_dtype)

        filters = call["out_channels"]
        weights = []
        if kind in {"separable", "depthwise"}:
            weights.append(array(*call["kernel"], 1 if call["shared"] else c, m))
        if kind == "separable":
            weights.append(array(1, 1, c * m, filters))
        if kind == "pointwise":
            weights.append(array(c, filters))
        if kind == "conv":
            weights.append(array(*call["kernel"], c // call.get("groups", 1), filters))
        self.x = rng.standard_normal(call["shape"]).astype(dtype)
        self.weights = [*weights, array(filters) if call["bias"] else None]

        def activation(name, channels):
            chosen = call[name]
            return (chosen, array(channels)) if chosen == "prelu" else chosen

        arguments = {"activation": activation("activation", filters)}
        if kind != "pointwise":
            arguments |= call["sliding"]
        if kind == "separable":
            bias = array(c * m) if call["depthwise_bias"] else None
            arguments |= {
                "depthwise_bias": bias,
                "depthwise_activation": activation("depthwise_activation", c * m),
            }
        if kind == "conv":
            arguments["groups"] = call.get("groups", 1)
        formula = getattr(reference, kind + "_conv2d" if kind != "conv" else "conv2d")
        plain = formula(self.x, *self.weights, **arguments | {"activation": None})
        self.residual = None
        if call["residual"]:
            self.residual = rng.standard_normal(plain.shape).astype(dtype)
        everything = arguments | {"residual": self.residual}
        self.expected = formula(self.x, *self.weights, **everything)
        self.terms = reference.largest_terms(formula, self.x, *self.weights, **everything)
        self.arguments = arguments | {"data_format": call["layout"]}
        if kind == "depthwise" and call["shared"]:
            self.arguments["shared_kernel"] = True
        self.first = call["layout"] in {"NCHW", "channels_first"}

    def laid_out(self, array):
        """An NHWC array in the layout of the call."""
        if array is None or not self.first:
            return array
        return np.ascontiguousarray(np.moveaxis(array, 3, 1))


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.name)
@pytest.mark.parametrize("kind", KINDS)
def test_against_the_formula(kind, dtype):
    function = getattr(csep, f"{kind}_conv2d" if kind != "conv" else "conv2d")

    @settings(max_examples=40, deadline=None)
    @given(call=calls(kind))
    def check(call):
        case = Case(call, dtype)
        x, residual = case.laid_out(case.x), case.laid_out(case.residual)
        threads = call["threads"]
        y = function(x, *case.weights, **case.arguments, residual=residual, num_threads=threads)
        close(y, case.laid_out(case.expected), dtype, case.terms)
        op = OPERATORS[kind](*case.weights, **case.arguments)
        assert op.output_shape(x.shape) == y.shape
        for out in (None, np.empty_like(y)):
            again = op(x, residual=residual, out=out)
            assert out is None or again is out
            np.testing.assert_array_equal(again, y)

    check()


# Large enough for several tiles, chunks of K, panels and groups of channels.
LARGE = {
    "separable": [((2, 40, 50, 96), (3, 3), 1, 130), ((1, 9, 11, 300), (5, 5), 2, 700)],
    "depthwise": [((2, 60, 70, 130), (3, 3), 1, 0), ((3, 20, 30, 50), (7, 7), 3, 0)],
    "pointwise": [((2, 30, 40, 200), (1, 1), 1, 130), ((1, 5, 5, 5000), (1, 1), 1, 600)],
    "conv": [((2, 40, 50, 20), (3, 3), 1, 65), ((1, 10, 9, 400), (3, 3), 1, 300)],
}


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.name)
@pytest.mark.parametrize(
    ("kind", "mode"),
    [(k, m) for k in KINDS for m in ("zeros", "reflect") if k != "pointwise" or m == "zeros"],
)
def test_large_calls(kind, mode, dtype, layout):
    for shape, kernel, multiplier, filters in LARGE[kind]:
        call = {
            "kind": kind,
            "shape": shape,
            "kernel": kernel,
            "multiplier": multiplier,
            "out_channels": filters or shape[3] * multiplier,
            "sliding": {"strides": (1, 1), "padding": "SAME", "dilations": (1, 1), "mode": mode},
            "activation": "silu" if mode == "zeros" else "prelu",
            "depthwise_activation": "relu6" if mode == "zeros" else "prelu",
            "layout": layout,
            "seed": 1,
        } | dict.fromkeys(("bias", "depthwise_bias", "residual"), True)
        case = Case(call | {"shared": False}, dtype)
        x, residual = case.laid_out(case.x), case.laid_out(case.residual)
        op = OPERATORS[kind](*case.weights, **case.arguments)
        y = op(x, residual=residual, num_threads=2)
        close(y, case.laid_out(case.expected), dtype, case.terms)
        np.testing.assert_array_equal(op(x, residual=residual, num_threads=1), y)
        np.testing.assert_array_equal(op(x[-1:], residual=residual[-1:]), y[-1:])
        function = getattr(csep, f"{kind}_conv2d" if kind != "conv" else "conv2d")
        once = function(x, *case.weights, **case.arguments, residual=residual, num_threads=2)
        np.testing.assert_array_equal(once, y)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", DTYPES, ids=lambda d: d.name)
def test_layouts_agree_to_the_bit(kind, dtype):
    call = {
        "kind": kind,
        "shape": (2, 11, 13, 21),
        "kernel": (1, 1) if kind == "pointwise" else (3, 3),
        "multiplier": 1,
        "out_channels": 21,
        "sliding": {"strides": (2, 1), "padding": "SAME", "dilations": (1, 2)},
        "activation": "tanh",
        "depthwise_activation": None,
        "seed": 2,
    } | dict.fromkeys(("bias", "depthwise_bias", "residual", "shared"), False)
    last, first = (Case(call | {"layout": layout}, dtype) for layout in ("NHWC", "NCHW"))
    y = OPERATORS[kind](*last.weights, **last.arguments)(last.x)
    other = OPERATORS[kind](*first.weights, **first.arguments)(first.laid_out(first.x))
    np.testing.assert_array_equal(np.moveaxis(other, 1, 3), y)


@pytest.mark.parametrize("multiplier", [1, 2, 3, 16])
@pytest.mark.parametrize("channels", [2, 16, 17, 64])
def test_shared_kernel_is_the_expanded_one(make_layer, multiplier, channels):
    layer = make_layer((2, 9, 10, channels), (3, 3), multiplier)
    one = layer.dw[:, :, :1]
    every = np.repeat(one, channels, axis=2)
    np.testing.assert_array_equal(
        csep.depthwise_conv2d(layer.x, one, shared_kernel=True),
        csep.depthwise_conv2d(layer.x, every),
    )
    np.testing.assert_array_equal(
        csep.separable_conv2d(layer.x, one, layer.pw, layer.bias),
        csep.separable_conv2d(layer.x, every, layer.pw, layer.bias),
    )


def test_shared_kernel_takes_any_number_of_channels():
    op = csep.DepthwiseConv2D(np.ones((3, 3, 1, 2), "f4"), padding="SAME")
    for c in (1, 5, 3, 100, 5):
        y = op(np.ones((1, 3, 3, c), "f4"))
        assert y.shape == (1, 3, 3, 2 * c)
        assert (y[0, 1, 1] == 9).all()


def test_shared_kernel_is_not_expanded():
    many = csep.DepthwiseConv2D(np.ones((31, 31, 1, 1), "f4"), np.zeros(4096, "f4"))
    assert many._plan.nbytes < 31 * 31 * 16 * 4 + 4096 * 4 + 4096
    assert many.count_params() == 31 * 31 + 4096


# x, w, arguments: pixels read where they lie, a copy of a tile's input with its padding, and shapes
# beside which that is not done; several tiles each, images in a batch, a tile that ends in one.
PLACES = {
    "valid": ((2, 40, 61, 24), (3, 3, 24, 40), {}),
    "same": ((2, 40, 61, 24), (3, 3, 24, 40), {"padding": "SAME"}),
    "strides": ((1, 75, 90, 7), (5, 4, 7, 33), {"strides": (2, 3), "padding": "SAME"}),
    "rows dilated": ((1, 60, 50, 16), (3, 3, 16, 20), {"dilations": (4, 1), "padding": "SAME"}),
    "columns dilated": ((1, 30, 50, 16), (3, 3, 16, 20), {"dilations": (1, 2), "padding": "SAME"}),
    "groups": ((2, 33, 47, 30), (3, 3, 10, 36), {"groups": 3}),
    "groups of one column": ((1, 47, 33, 30), (3, 1, 10, 36), {"groups": 3}),
    "pointwise": ((3, 29, 31, 37), (1, 1, 37, 50), {}),
    "pointwise of groups": ((2, 29, 31, 36), (1, 1, 12, 48), {"groups": 3}),
    "padded pointwise": ((1, 29, 31, 20), (1, 1, 20, 50), {"padding": ((2, 1), (0, 3))}),
    "large weights": ((1, 20, 24, 200), (3, 3, 200, 160), {"padding": "SAME"}),
    "far padding": ((2, 9, 12, 8), (3, 3, 8, 16), {"padding": ((9, 0), (0, 40))}),
    "pixels 2 KiB apart": ((1, 14, 20, 512), (1, 1, 512, 64), {}),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", PLACES)
def test_convolutions_wherever_their_input_lies(name, dtype):
    x_shape, w_shape, how = PLACES[name]
    rng = np.random.default_rng(7)
    x, w = (rng.standard_normal(shape).astype(dtype) for shape in (x_shape, w_shape))
    bias = rng.standard_normal(w_shape[3]).astype(dtype)
    expected = reference.conv2d(x, w, bias, **how)
    terms = reference.largest_terms(reference.conv2d, x, w, **how)
    operator = csep.Conv2D(w, bias, **how)
    y = operator(x, num_threads=1)
    close(y, expected, y.dtype, terms)
    assert np.array_equal(operator(x, num_threads=3), y)
    assert np.array_equal(operator(x[-1:]), y[-1:])
    assert np.array_equal(csep.conv2d(x, w, bias, **how), y)


def test_padding_of_conv2d_holds_zeros():
    x = np.ones((1, 3, 3, 2), "f4")
    y = csep.conv2d(x, np.ones((3, 3, 2, 1), "f4"), padding="SAME")[0, :, :, 0]
    np.testing.assert_array_equal(y, [[8, 12, 8], [12, 18, 12], [8, 12, 8]])


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("dtype", ["f4", "f8", "f2"])
@pytest.mark.parametrize(
    ("groups", "c", "co"), [(2, 48, 64), (8, 192, 192), (3, 3, 51), (64, 64, 128)]
)
def test_groups_of_any_size(groups, c, co, dtype, layout):
    """RegNet's, ResNeXt's, and a group for each channel."""
    rng = np.random.default_rng(groups)
    x = rng.standard_normal((2, 15, 14, c)).astype(dtype)
    w = rng.standard_normal((3, 3, c // groups, co)).astype("f8" if dtype == "f8" else "f4")
    how = {"strides": (2, 1), "padding": "SAME", "groups": groups}
    expected = reference.conv2d(x, w, None, **how, activation="relu")
    terms = reference.largest_terms(reference.conv2d, x, w, **how)
    turn = (
        (lambda a: np.ascontiguousarray(np.moveaxis(a, 3, 1))) if layout == "NCHW" else lambda a: a
    )
    arguments = how | {"activation": "relu", "data_format": layout}
    y = csep.conv2d(turn(x), w, None, **arguments, num_threads=1)
    close(y, turn(expected), np.dtype(dtype), terms)
    op = csep.Conv2D(w, None, **arguments)
    for threads in (1, 2, 3, 7):
        np.testing.assert_array_equal(op(turn(x), num_threads=threads), y)
    np.testing.assert_array_equal(op(turn(x)[1:]), y[1:])
    assert op.macs(turn(x).shape) == 2 * 8 * 14 * 9 * (c // groups) * co
    assert op.count_params() == w.size


def test_groups_that_do_not_divide():
    x, w = np.ones((1, 5, 5, 6), "f4"), np.ones((3, 3, 2, 9), "f4")
    assert csep.conv2d(x, w, groups=3).shape == (1, 3, 3, 9)
    with pytest.raises(ValueError, match=r"^groups: expected a divisor of the 9 outputs .*got 2"):
        csep.conv2d(x, w, groups=2)
    with pytest.raises(ValueError, match=r"^x: expected 18 channels .*got shape"):
        csep.conv2d(x, w, groups=9)
    for bad, error in ((0, ValueError), (-1, ValueError), (2.0, TypeError), (True, TypeError)):
        with pytest.raises(error, match=r"^groups: expected .*got"):
            csep.Conv2D(w, groups=bad)


def test_half_precision_is_rounded_once():
    # 2048 + 1 is lost in float16 at every step, but not in float32.
    x = np.ones((1, 1, 1, 4096), np.float16)
    y = csep.pointwise_conv2d(x, np.ones((4096, 1), np.float16))
    assert y.item() == 4096
    x = x.astype(BFLOAT16)
    assert float(csep.pointwise_conv2d(x, np.ones((4096, 1), "f4")).item()) == 4096


@pytest.mark.parametrize("dtype", [np.dtype(np.float16), BFLOAT16], ids=lambda d: d.name)
def test_every_half_number_goes_in_and_out(dtype):
    every = np.arange(2**16, dtype=np.uint16).view(dtype)
    one = np.ones((1, 1), "f4")
    for x in (every.reshape(1, 256, 256, 1), every[: 2**15].reshape(1, 32, 32, 32)):
        c = x.shape[3]
        pw = np.eye(c, dtype="f4") if c > 1 else one
        bits = csep.depthwise_conv2d(x, np.ones((1, 1, c, 1), "f4")).view(np.uint16)
        nan = np.isnan(x.astype("f4"))
        zero = x.astype("f4") == 0  # + 0 takes the sign of -0
        np.testing.assert_array_equal(bits[~nan & ~zero], x.view(np.uint16)[~nan & ~zero])
        assert np.isnan(bits.view(dtype)[nan].astype("f4")).all()
        if c == 1:
            y = csep.pointwise_conv2d(x, pw)
            np.testing.assert_array_equal(y.astype("f4"), x.astype("f4"))


@pytest.mark.parametrize("dtype", [np.dtype(np.float16), BFLOAT16], ids=lambda d: d.name)
def test_half_results_are_rounded_to_nearest_even(dtype):
    rng = np.random.default_rng(0)
    bits = rng.integers(0, 2**32, 100_000, dtype=np.uint32)
    bits[::2] &= 0xFFFFF000  # ties are likely
    wanted = bits.view(np.float32)
    wanted = wanted[np.isfinite(wanted)]
    # The bias is the result.
    x = np.zeros((1, 1, 1, wanted.size), dtype)
    y = csep.depthwise_conv2d(x, np.zeros((1, 1, wanted.size, 1), "f4"), wanted)
    with np.errstate(over="ignore"):
        np.testing.assert_array_equal(y.ravel(), wanted.astype(dtype))


def sequences(n, length, c, k, m, filters, seed=0):
    rng = np.random.default_rng(seed)
    return (
        rng.standard_normal((n, length, c)).astype("f4"),
        rng.standard_normal((k, c, m)).astype("f4"),
        rng.standard_normal((1, c * m, filters)).astype("f4"),
        rng.standard_normal(filters).astype("f4"),
    )


@pytest.mark.parametrize("layout", ["NHWC", "NWC", "channels_first", "NCL"])
@pytest.mark.parametrize("padding", ["SAME", "valid", "causal", (3, 1)])
def test_one_dimension(layout, padding):
    x, dw, pw, bias = sequences(2, 20, 5, 4, 2, 7)
    pads = {"causal": ((0, 0), (6, 0)), (3, 1): ((0, 0), (3, 1))}.get(padding, padding)
    how = {"strides": (1, 1), "padding": pads, "dilations": (1, 2)}
    expected = reference.separable_conv2d(x[:, None], dw[None], pw[None], bias, **how)[:, 0]
    halfway = reference.depthwise_conv2d(x[:, None], dw[None], **how, activation="relu")[:, 0]
    first = layout in {"channels_first", "NCL"}
    turn = (lambda a: np.ascontiguousarray(np.moveaxis(a, 2, 1))) if first else lambda a: a
    arguments = {"padding": padding, "dilations": 2, "data_format": layout}
    out = np.empty_like(turn(expected), dtype="f4")
    y = csep.separable_conv1d(turn(x), dw, pw, bias, **arguments, out=out)
    assert y is out
    close(y, turn(expected), np.dtype("f4"))
    y = csep.separable_conv1d(turn(x), dw, pw[0], bias, **arguments, residual=out)
    close(y, 2 * turn(expected), np.dtype("f4"))
    y = csep.depthwise_conv1d(turn(x), dw, **arguments, activation="relu")
    close(y, turn(halfway), np.dtype("f4"))


def test_one_dimension_strides():
    x, dw, pw, bias = sequences(1, 21, 3, 3, 1, 4)
    for strides in (2, (2,), [1, 2, 1]):
        y = csep.separable_conv1d(x, dw, pw, bias, strides)
        expected = reference.separable_conv2d(x[:, None], dw[None], pw[None], bias, (1, 2))
        close(y, expected[:, 0], np.dtype("f4"))


@pytest.mark.parametrize("threads", [1, 2, 3, 7])
def test_tall_narrow_and_wide_images(threads):
    for shape in ((1, 3000, 2, 9), (1, 2, 3000, 9), (40, 3, 3, 9), (1, 1, 20000, 3)):
        x = np.random.default_rng(0).standard_normal(shape).astype(np.float16)
        dw = np.random.default_rng(1).standard_normal((3, 3, shape[3], 1)).astype("f4")
        y = csep.depthwise_conv2d(x, dw, padding="SAME", num_threads=threads)
        expected = reference.depthwise_conv2d(x, dw, padding="SAME")
        close(y, expected, np.dtype(np.float16))


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("dtype", ["f4", "f2"])
@pytest.mark.parametrize("threads", [1, 3])
def test_tiny_images_and_strides_far_above_the_kernel(threads, dtype, layout):
    """What is converted is put together from several images, or from what kernels reach."""
    cases = [
        ((500, 1, 1, 9), (1, 1), "SAME"),
        ((300, 2, 3, 9), (1, 1), "SAME"),
        ((90, 3, 1, 9), (2, 1), ((0, 1), (1, 1))),
        ((3, 200, 150, 9), (60, 45), ((70, 65), (50, 100))),
        ((2, 9, 400, 9), (5, 90), "SAME_LOWER"),
        ((1, 1, 5000, 9), (1, 1000), "VALID"),
    ]
    rng = np.random.default_rng(0)
    pw = rng.standard_normal((9, 33)).astype("f4")
    for shape, strides, padding in cases:
        x = rng.standard_normal(shape).astype(dtype)
        dw = rng.standard_normal((1 if shape[1] == 1 else 3, 2, 9, 1)).astype("f4")
        how = {"strides": strides, "padding": padding}
        expected = reference.separable_conv2d(x, dw, pw, **how)
        terms = reference.largest_terms(reference.separable_conv2d, x, dw, pw, **how)
        turned = x if layout == "NHWC" else np.ascontiguousarray(np.moveaxis(x, 3, 1))
        how |= {"data_format": layout, "num_threads": threads}
        y = csep.separable_conv2d(turned, dw, pw, **how)
        close(y if layout == "NHWC" else np.moveaxis(y, 1, 3), expected, np.dtype(dtype), terms)


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize(
    ("shape", "dilations", "filters"),
    [((2, 5, 70_000, 4), (1, 60_000), 3), ((1, 4000, 30, 40), (1500, 1), 500)],
)
def test_kernel_that_reaches_far_beyond_what_is_converted_at_a_time(
    shape, dilations, filters, layout
):
    """Such an input is converted as a whole; bit by bit it would take minutes."""
    rng = np.random.default_rng(0)
    c = shape[3]
    x = rng.standard_normal(shape).astype(np.float16)
    dw = rng.standard_normal((2, 2, c, 1)).astype("f4")
    pw = (rng.standard_normal((c, filters)) / 10).astype("f4")
    expected = reference.separable_conv2d(x, dw, pw, dilations=dilations)
    if layout == "NCHW":
        x, expected = (np.ascontiguousarray(np.moveaxis(a, 3, 1)) for a in (x, expected))
    y = csep.separable_conv2d(x, dw, pw, dilations=dilations, data_format=layout)
    close(y, expected, np.dtype(np.float16))
    w = rng.standard_normal((2, 2, c, 5)).astype("f4") / 10
    y = csep.conv2d(x, w, dilations=dilations, data_format=layout)
    if layout == "NCHW":
        x, y = np.moveaxis(x, 1, 3), np.moveaxis(y, 1, 3)
    close(y, reference.conv2d(x, w, dilations=dilations), np.dtype(np.float16))
