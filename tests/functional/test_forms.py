"""Every way to write an argument that means the same gives the same bits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import csep

RNG = np.random.default_rng(0)
X = RNG.standard_normal((2, 9, 8, 4)).astype("f4")
DW = RNG.standard_normal((3, 2, 4, 2)).astype("f4")
PW = RNG.standard_normal((1, 1, 8, 5)).astype("f4")
BIAS = RNG.standard_normal(5).astype("f4")


def integer_forms(n):
    return st.sampled_from([n, np.int64(n), np.uint8(n), np.array(n), np.int32(n)])


def sequence_forms(items):
    return st.sampled_from([tuple(items), list(items)])


@st.composite
def steps(draw, height, width, layout):
    """Strides or dilations in one of their forms."""
    h, w = draw(integer_forms(height)), draw(integer_forms(width))
    one = draw(integer_forms(1))
    four = (one, h, w, one) if layout == "NHWC" else (one, one, h, w)
    forms = [sequence_forms((h, w)), sequence_forms(four), st.just(np.array([height, width]))]
    if height == width:
        forms.append(st.just(h))
    return draw(st.one_of(forms))


@st.composite
def paddings(draw, pads, layout):
    """Padding in one of its forms."""
    if isinstance(pads, str):
        return draw(st.sampled_from([pads, pads.lower(), pads.capitalize()]))
    pairs = [draw(sequence_forms([draw(integer_forms(n)) for n in pair])) for pair in pads]
    none = draw(sequence_forms((0, 0)))
    four = (none, *pairs, none) if layout == "NHWC" else (none, none, *pairs)
    forms = [sequence_forms(pairs), sequence_forms(four), st.just(np.array(pads))]
    return draw(st.one_of(forms))


LAYOUTS = {
    "NHWC": ["NHWC", "nhwc", "channels_last", "Channels_Last"],
    "NCHW": ["NCHW", "nchw", "channels_first", "CHANNELS_FIRST"],
}


@st.composite
def spellings(draw):
    """The arguments of a call in the usual form, and in another."""
    layout = draw(st.sampled_from(list(LAYOUTS)))
    sides = st.integers(1, 3)
    pad = st.tuples(st.integers(0, 3), st.integers(0, 3))
    usual = {
        "strides": (draw(sides), draw(sides)),
        "dilations": (draw(sides), draw(sides)),
        "padding": draw(st.one_of(st.sampled_from(["SAME", "VALID"]), st.tuples(pad, pad))),
        "activation": draw(st.sampled_from([None, "silu", "leaky_relu", "elu"])),
        "data_format": layout,
    }
    activations = {
        None: [None, "linear"],
        "silu": ["silu", "swish"],
        "leaky_relu": ["leaky_relu", ("leaky_relu", 0.2), ("leaky_relu", np.float64(0.2))],
        "elu": ["elu", ("elu", 1), ("elu", np.float32(1))],
    }
    other = {
        "strides": draw(steps(*usual["strides"], layout)),
        "dilations": draw(steps(*usual["dilations"], layout)),
        "padding": draw(paddings(usual["padding"], layout)),
        "activation": draw(st.sampled_from(activations[usual["activation"]])),
        "data_format": draw(st.sampled_from(LAYOUTS[layout])),
    }
    return usual, other


@settings(max_examples=300, deadline=None)
@given(words=spellings(), threads=integer_forms(2))
def test_other_words_for_the_same(words, threads):
    usual, other = words
    x = X if usual["data_format"] == "NHWC" else np.ascontiguousarray(np.moveaxis(X, 3, 1))
    expected = csep.separable_conv2d(x, DW, PW, BIAS, **usual)
    y = csep.separable_conv2d(x, DW, PW, BIAS, **other, num_threads=threads)
    np.testing.assert_array_equal(y, expected)
    op = csep.SeparableConv2D(DW, PW, BIAS, **other)
    np.testing.assert_array_equal(op(x, num_threads=threads), expected)
    assert (op.strides, op.dilations) == (usual["strides"], usual["dilations"])
    assert (op.padding, op.data_format) == (usual["padding"], usual["data_format"])
    assert op.activation == usual["activation"]
    assert op.output_shape(x.shape) == expected.shape


def spread(a):
    room = np.empty([2 * n for n in a.shape], a.dtype)
    view = room[tuple(slice(None, None, 2) for _ in a.shape)]
    view[...] = a
    return view


ARRAYS = {
    "as it is": lambda a: a,
    "view": spread,
    "fortran": np.asfortranarray,
    "byte-swapped": lambda a: a.astype(">f4"),
    "subclass": lambda a: a.view(type("Sub", (np.ndarray,), {})),
    "memoryview": memoryview,
}


@pytest.mark.parametrize("form", ARRAYS)
def test_every_array_in_another_form(form):
    arrays = {"x": X, "dw": DW, "pw": PW, "bias": BIAS, "depthwise_bias": np.arange(8, dtype="f4")}
    residual = csep.separable_conv2d(X, DW, PW)
    expected = csep.separable_conv2d(**arrays, residual=residual)
    other = {name: ARRAYS[form](a) for name, a in arrays.items()}
    out = np.full_like(expected, np.nan)
    y = csep.separable_conv2d(**other, residual=ARRAYS[form](residual), out=out)
    assert y is out
    np.testing.assert_array_equal(y, expected)
    x = other.pop("x")
    op = csep.SeparableConv2D(**other)
    np.testing.assert_array_equal(op(x, residual=ARRAYS[form](residual)), expected)


def test_pointwise_weights_with_and_without_the_axes_of_a_kernel():
    x = X[:, :1, :, :]
    for pw in (PW, PW[0, 0]):
        np.testing.assert_array_equal(
            csep.separable_conv2d(X, DW, pw), csep.separable_conv2d(X, DW, PW)
        )
        assert csep.SeparableConv2D(DW, pw).get_weights()[1].shape == PW.shape
    w = PW[:, :, :4]
    np.testing.assert_array_equal(csep.pointwise_conv2d(x, w[0, 0]), csep.pointwise_conv2d(x, w))


def test_half_weights_are_widened():
    half = [a.astype("f2") for a in (DW, PW, BIAS)]
    wide = [a.astype("f4") for a in half]
    np.testing.assert_array_equal(csep.separable_conv2d(X, *half), csep.separable_conv2d(X, *wide))


def test_words_of_sequences():
    x, dw = X[:, 0], DW[0]
    expected = csep.depthwise_conv1d(x, dw, None, 2, "CAUSAL", dilations=1)
    for strides in (2, (2,), [2], [1, 2, 1], np.int64(2), np.array([2])):
        for padding in ("causal", "Causal", (1, 0), [1, 0], np.array([1, 0])):
            for layout in ("NHWC", "NWC", "nlc", "channels_last"):
                y = csep.depthwise_conv1d(x, dw, None, strides, padding, data_format=layout)
                np.testing.assert_array_equal(y, expected)


def test_a_sequence_is_an_image_one_pixel_high():
    x, dw = X[:, 0], DW[0]
    y = csep.separable_conv1d(x, dw, PW[0], BIAS, 2, "SAME", dilations=1, activation="relu")
    expected = csep.separable_conv2d(
        x[:, None], dw[None], PW, BIAS, (1, 2), "SAME", activation="relu"
    )
    np.testing.assert_array_equal(y, expected[:, 0])
    y = csep.depthwise_conv1d(
        np.ascontiguousarray(np.moveaxis(x, 2, 1)), dw, padding=(2, 1), data_format="NCW"
    )
    expected = csep.depthwise_conv2d(x[:, None], dw[None], padding=((0, 0), (2, 1)))
    np.testing.assert_array_equal(np.moveaxis(y, 1, 2), expected[:, 0])


def test_a_type_that_only_bears_the_name_of_bfloat16():
    named = np.dtype(("V2", [("bfloat16", "u2")]))
    for dtype in (named, np.dtype([("bfloat16", "u2")]), np.dtype("V2")):
        with pytest.raises(TypeError, match=r"^x: expected .*got dtype"):
            csep.depthwise_conv2d(np.zeros((1, 4, 4, 2), dtype), np.ones((3, 3, 2, 1), "f4"))


class Lying(np.ndarray):
    """An array that says it lies elsewhere."""

    def view(self, *args, **kwargs):
        return np.zeros((2, 7, 7, 5), "f4")

    @property
    def shape(self):
        return (2, 7, 7, 5)

    @property
    def flags(self):
        return np.zeros(1).flags


def test_out_that_lies_is_taken_for_what_it_is():
    small = np.zeros((2, 3, 3, 5), "f4").view(Lying)
    with pytest.raises(
        ValueError, match=r"^out: expected shape \(2, 7, 7, 5\), got \(2, 3, 3, 5\)"
    ):
        csep.separable_conv2d(X, DW, PW, BIAS, out=small)
    assert not np.asarray(small).any()


def test_padding_in_one_number_or_two():
    expected = csep.depthwise_conv2d(X, DW, padding=((2, 2), (1, 1)))
    for padding in ((2, 1), [2, 1], np.array([2, 1]), ((2, 2), 1)):
        np.testing.assert_array_equal(csep.depthwise_conv2d(X, DW, padding=padding), expected)
    expected = csep.depthwise_conv2d(X, DW, padding=((2, 2), (2, 2)))
    for padding in (2, np.int64(2), (2, 2)):
        np.testing.assert_array_equal(csep.depthwise_conv2d(X, DW, padding=padding), expected)
    expected = csep.depthwise_conv1d(X[:, 0], DW[0], padding=(2, 2))
    np.testing.assert_array_equal(csep.depthwise_conv1d(X[:, 0], DW[0], padding=2), expected)


@pytest.mark.parametrize("strides", [1, 2, 3])
def test_same_lower_has_the_odd_pixel_before(strides):
    """As ONNX says: turned around, it is SAME of what is turned around."""
    y = csep.depthwise_conv2d(X, DW, None, strides, "same_lower")
    turned = csep.depthwise_conv2d(
        np.ascontiguousarray(X[:, ::-1, ::-1]),
        np.ascontiguousarray(DW[::-1, ::-1]),
        None,
        strides,
        "SAME",
    )
    np.testing.assert_allclose(y, turned[:, ::-1, ::-1], atol=1e-5)
    op = csep.DepthwiseConv2D(DW, None, strides, "Same_Lower")
    assert op.padding == "SAME_LOWER"
    np.testing.assert_array_equal(op(X), y)


def test_a_kernel_that_may_be_shared_or_in_another_order():
    """(kh, kw, 1, C * M) is how JAX, Flax and TFLite have what is (kh, kw, C, M) here."""
    jax_order = DW.reshape(3, 2, 1, 8)
    match = r"^dw: expected .*got \(3, 2, 1, 8\).*dw.reshape\(3, 2, 4, 2\).*shared_kernel=True"
    with pytest.raises(ValueError, match=match):
        csep.depthwise_conv2d(X, jax_order)
    with pytest.raises(ValueError, match=match):
        csep.DepthwiseConv2D(jax_order)(X)
    with pytest.raises(ValueError, match=r"^x: expected 1 channels.*dw.reshape\(3, 2, 4, 2\)"):
        csep.separable_conv2d(X, jax_order, PW)
    assert csep.depthwise_conv2d(X, jax_order, shared_kernel=True).shape[3] == 32
    assert csep.DepthwiseConv2D(jax_order, shared_kernel=True)(X).shape[3] == 32
    # These can only be meant for all channels.
    assert csep.depthwise_conv2d(X, DW[:, :, :1]).shape[3] == 8
    assert csep.depthwise_conv2d(X[..., :1], jax_order).shape[3] == 8
    with pytest.raises(TypeError, match=r"^shared_kernel: expected a bool, got 1"):
        csep.depthwise_conv2d(X, jax_order, shared_kernel=1)


def test_weights_in_pytorch_order_are_recognised():
    torch_dw = np.ascontiguousarray(DW.reshape(3, 2, 8, 1).transpose(2, 3, 0, 1))
    write = r"dw.transpose\(2, 3, 0, 1\).reshape\(3, 2, 4, 2\)"
    with pytest.raises(ValueError, match=rf"^x: .*{write}"):
        csep.depthwise_conv2d(X, torch_dw)
    again = torch_dw.transpose(2, 3, 0, 1).reshape(3, 2, 4, 2)
    np.testing.assert_array_equal(again, DW)
    w = RNG.standard_normal((3, 2, 4, 6)).astype("f4")
    with pytest.raises(ValueError, match=r"^x: .*write w.transpose\(2, 3, 1, 0\)"):
        csep.conv2d(X, np.ascontiguousarray(w.transpose(3, 2, 0, 1)))
    np.testing.assert_array_equal(w.transpose(3, 2, 0, 1).transpose(2, 3, 1, 0), w)
    torch_pw = np.ascontiguousarray(PW.transpose(3, 2, 0, 1))
    with pytest.raises(ValueError, match=r"^pw: .*write pw\[:, :, 0, 0\].T"):
        csep.separable_conv2d(X, DW, torch_pw)
    np.testing.assert_array_equal(torch_pw[:, :, 0, 0].T, PW[0, 0])


def test_common_dtypes_are_told_what_to_write():
    with pytest.raises(TypeError, match=r"^x: .*uint8; for an image write x.astype\('f4'\) / 255"):
        csep.depthwise_conv2d(np.zeros((1, 9, 9, 4), np.uint8), DW)
    with pytest.raises(TypeError, match=r"^dw: .*int64; write dw.astype\('f4'\)"):
        csep.depthwise_conv2d(X, np.ones((3, 3, 4, 1), np.int64))
    with pytest.raises(TypeError, match=r"^x: .*got float64; write x.astype\('f4'\)"):
        csep.depthwise_conv2d(X.astype("f8"), DW)
