"""Gradients against differences of the formulas in float64, on every instruction set.

``CSEP_FUZZ_EXAMPLES=10000 python -m pytest tests/functional/test_backward.py`` runs for longer.
"""

import os

import numpy as np
import pytest
import reference
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from processes import output, run_python

import csep

EXAMPLES = int(os.environ.get("CSEP_FUZZ_EXAMPLES", "300"))
fuzzed = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
ACTIVATIONS = [
    None, "relu", "relu6", "leaky_relu", "elu", "sigmoid", "tanh", "silu", "hard_sigmoid",
    "hard_silu", "gelu", "gelu_tanh", "selu", "mish", "softplus", ("relu", 1.5), ("elu", 0.3),
]  # fmt: skip
FORMULAS = {
    "separable": (reference.separable_conv2d, csep.separable_conv2d_backward),
    "depthwise": (reference.depthwise_conv2d, csep.depthwise_conv2d_backward),
    "conv": (reference.conv2d, csep.conv2d_backward),
}
# Of differences: a larger one may step over the bend of an activation.
STEPS = (1e-5, 1e-7)


def draw_pair(draw, low, high):
    return draw(st.integers(low, high)), draw(st.integers(low, high))


@st.composite
def layers(draw):
    """A kind of layer, the arrays it is given, and its settings."""
    kind = draw(st.sampled_from(sorted(FORMULAS)))
    kernel, strides = draw_pair(draw, 1, 4), draw_pair(draw, 1, 3)
    dilations, groups = draw_pair(draw, 1, 2), draw(st.integers(1, 3)) if kind == "conv" else 1
    padding = draw(
        st.one_of(
            st.sampled_from(["SAME", "VALID"]),
            st.tuples(*[st.tuples(*[st.integers(0, 4)] * 2)] * 2),
        )
    )
    height, width, batch = (
        draw(st.integers(1, 12)),
        draw(st.integers(1, 12)),
        draw(st.integers(1, 3)),
    )
    c, m, co = groups * draw(st.integers(1, 20)), draw(st.integers(1, 3)), draw(st.integers(1, 20))
    if padding == "VALID" or isinstance(padding, tuple):
        around = [(0, 0)] * 2 if padding == "VALID" else padding
        for side, k, d, pads in zip((height, width), kernel, dilations, around, strict=True):
            assume((k - 1) * d + 1 <= side + sum(pads))
    rng = np.random.default_rng(draw(st.integers(0, 1 << 30)))
    shared = kind != "conv" and draw(st.booleans()) and m % c != 0
    arrays = {"x": rng.standard_normal((batch, height, width, c))}
    if kind == "conv":
        arrays["w"] = rng.standard_normal((*kernel, c // groups, groups * co))
    else:
        arrays["dw"] = rng.standard_normal((*kernel, 1 if shared else c, m))
    if kind == "separable":
        arrays["pw"] = rng.standard_normal((c * m, co))
        if draw(st.booleans()):
            arrays["depthwise_bias"] = rng.standard_normal(c * m)
    outputs = {"separable": co, "depthwise": c * m, "conv": groups * co}[kind]
    if draw(st.booleans()):
        arrays["bias"] = rng.standard_normal(outputs)
    said = {"strides": strides, "padding": padding, "dilations": dilations}
    said["activation"] = draw(st.sampled_from(ACTIVATIONS))
    if kind == "separable":
        said["depthwise_activation"] = draw(st.sampled_from(ACTIVATIONS))
    if kind == "conv":
        said["groups"] = groups
    return kind, arrays, said, rng, draw(st.booleans())


def formula(kind, arrays, said):
    """Return the result in float64; a shared kernel is written out for each channel."""
    arrays = dict(arrays)
    if "dw" in arrays and arrays["dw"].shape[2] == 1:
        arrays["dw"] = np.repeat(arrays["dw"], arrays["x"].shape[3], 2)
    return FORMULAS[kind][0](**arrays, **said)


def gradients(kind, dy, arrays, said, **more):
    """Return what csep computes, by name."""
    found = FORMULAS[kind][1](dy, **arrays, **said, **more)
    return {name: array for name, array in found._asdict().items() if array is not None}


def check_differences(kind, arrays, said, dy, found, rng):
    """Hold each gradient against the loss's difference along directions."""

    def loss(name, step):
        changed = arrays | {name: arrays[name] + step}
        return float((formula(kind, changed, said) * dy).sum())

    for name, gradient in found.items():
        assert gradient.shape == arrays[name].shape
        for _ in range(2):
            direction = rng.standard_normal(gradient.shape)
            got = float((gradient * direction).sum())
            size = np.sqrt((gradient**2).sum()) + 1e-3 * np.abs(dy).sum()
            errors = [
                abs((loss(name, h * direction) - loss(name, -h * direction)) / (2 * h) - got)
                for h in STEPS
            ]
            assert min(errors) <= 1e-5 * size, name


@fuzzed
@given(layer=layers())
def test_gradients_are_differences_of_the_formula(layer):
    kind, arrays, said, rng, with_residual = layer
    shape = formula(kind, arrays, said).shape
    dy = rng.standard_normal(shape)
    if with_residual:
        arrays["residual"] = rng.standard_normal(shape)
    found = gradients(kind, dy, arrays, said)
    assert set(found) == set(arrays)
    check_differences(kind, arrays, said, dy, found, rng)
    # The same bits for any number of threads, and for one gradient alone.
    for threads in (1, 2, 3):
        again = gradients(kind, dy, arrays, said, num_threads=threads)
        for name, gradient in found.items():
            np.testing.assert_array_equal(again[name], gradient)
    for name in found:
        (alone,) = gradients(kind, dy, arrays, said, wrt=[name]).values()
        np.testing.assert_allclose(alone, found[name], rtol=1e-12, atol=1e-12)
    # float32, against float64.
    narrow = {name: array.astype("f4") for name, array in arrays.items()}
    wide = gradients(
        kind, dy.astype("f4").astype("f8"), {n: a.astype("f8") for n, a in narrow.items()}, said
    )
    for name, gradient in gradients(kind, dy.astype("f4"), narrow, said).items():
        assert gradient.dtype == np.float32
        assert np.abs(gradient - wide[name]).max() <= 1e-4 * (1 + np.abs(wide[name]).max())


def check_all_activations():
    """Every activation, in tiles with and without partial vectors, both ways to x's gradient."""
    rng = np.random.default_rng(0)
    for kind, names in (("separable", "dw pw bias"), ("depthwise", "dw bias"), ("conv", "w bias")):
        for activation in ACTIVATIONS:
            for strides, c, multiplier, filters in (((1, 1), 19, 1, 37), ((2, 1), 7, 3, 18)):
                m = 1 if kind == "conv" else multiplier
                co = c * m if kind == "depthwise" else filters
                shapes = {"x": (2, 9, 8, c), "dw": (3, 3, c, m), "pw": (c * m, co), "bias": (co,)}
                shapes["w"] = (3, 3, c, co)
                arrays = {n: rng.standard_normal(shapes[n]) for n in ["x", *names.split()]}
                said = {"strides": strides, "padding": "SAME", "dilations": (1, 1)}
                said["activation"] = activation
                if kind == "separable":
                    said["depthwise_activation"] = activation
                dy = rng.standard_normal(formula(kind, arrays, said).shape)
                check_differences(kind, arrays, said, dy, gradients(kind, dy, arrays, said), rng)


CODE = """
import sys
sys.path[:0] = {paths!r}
import test_backward
test_backward.check_all_activations()
print("right")
"""


@pytest.mark.parametrize("isa", ["generic", "avx2", "avx512"])
def test_on_every_instruction_set(isa):
    if isa not in csep.show_config("dicts")["instruction sets available"]:
        pytest.skip(f"this machine has no {isa}")
    here = os.path.dirname(__file__)
    code = CODE.format(paths=[here, os.path.dirname(here)])
    assert output(run_python(code, CSEP_ISA=isa)).strip() == "right"


def test_one_pixel_by_hand():
    x, dw, pw = np.array([[[[3.0]]]]), np.array([[[[2.0]]]]), np.array([[5.0]])
    g = csep.separable_conv2d_backward(np.array([[[[7.0]]]]), x, dw, pw, np.zeros(1))
    assert [float(a.ravel()[0]) for a in (g.x, g.dw, g.pw, g.bias)] == [70, 105, 42, 7]


def test_inputs_that_no_output_sees_have_no_gradient():
    x, dw = np.ones((1, 7, 7, 3)), np.ones((2, 2, 3, 1))
    g = csep.depthwise_conv2d_backward(np.ones((1, 2, 2, 3)), x, dw, strides=4)
    seen = np.zeros((7, 7))
    for i, j in ((0, 0), (0, 4), (4, 0), (4, 4)):
        seen[i : i + 2, j : j + 2] = 1
    np.testing.assert_array_equal(g.x[0, :, :, 1], seen)


def test_a_kernel_larger_than_the_image():
    rng = np.random.default_rng(0)
    arrays = {"x": rng.standard_normal((1, 3, 2, 4)), "dw": rng.standard_normal((31, 31, 4, 1))}
    said = {"strides": (1, 1), "padding": "SAME", "dilations": (1, 1), "activation": None}
    dy = rng.standard_normal((1, 3, 2, 4))
    found = gradients("depthwise", dy, arrays, said)
    check_differences("depthwise", arrays, said, dy, found, rng)
    assert np.count_nonzero(found["dw"].any((2, 3))) == 5 * 3  # the others see padding alone


def tap_by_tap(dy, x, dw, pw, strides, pads):
    """Gradients of x, dw and pw in float64, a tap at a time."""
    dy, x, dw, pw = (a.astype("f8") for a in (dy, x, dw, pw))
    padded = np.pad(x, ((0, 0), *pads, (0, 0)))
    gx, gdw, du = np.zeros_like(padded), np.zeros_like(dw), dy @ pw.T
    d = np.zeros_like(du)
    for i, j in np.ndindex(dw.shape[:2]):
        under = np.s_[
            :,
            i : i + strides * (dy.shape[1] - 1) + 1 : strides,
            j : j + strides * (dy.shape[2] - 1) + 1 : strides,
        ]
        d += padded[under] * dw[i, j, :, 0]
        gdw[i, j, :, 0] = (padded[under] * du).sum((0, 1, 2))
        gx[under] += du * dw[i, j, :, 0]
    (top, _), (left, _) = pads
    gx = gx[:, top : top + x.shape[1], left : left + x.shape[2]]
    return {"x": gx, "dw": gdw, "pw": np.einsum("nhwk,nhwc->kc", d, dy)}


@pytest.mark.parametrize(
    ("shape", "taps", "channels", "strides", "pads"),
    [
        ((1, 400, 60, 40), 3, 24, 1, ((1, 1), (1, 1))),
        ((2, 301, 61, 33), 5, 16, 2, ((2, 2), (1, 3))),
        ((3, 200, 40, 3), 5, 20, 1, ((0, 0), (0, 0))),
        ((2, 150, 41, 8), 3, 130, 3, ((0, 3), (9, 0))),
        ((1, 90, 70, 64), 31, 32, 1, ((15, 15), (15, 15))),
        ((2, 260, 33, 24), 1, 40, 1, ((0, 0), (0, 0))),
        # Fewer rows are fresh than a strip has, and are dealt to tiles that take more scratch.
        ((4, 16, 11, 64), 3, 512, 1, ((1, 1), (1, 1))),
        ((2, 28, 11, 128), 3, 512, 1, ((1, 1), (1, 1))),
        ((1, 64, 11, 64), 5, 512, 1, ((2, 2), (2, 2))),
        ((9, 7, 7, 300), 3, 520, 1, ((1, 1), (1, 1))),  # the matrix apart, in blocks of columns
    ],
)
def test_images_of_many_strips(shape, taps, channels, strides, pads):
    """Rows that strips share, and parts, must not show; nor the number of threads."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(shape, "f4")
    dw = rng.standard_normal((taps, taps, shape[3], 1), "f4") / taps
    pw = rng.standard_normal((shape[3], channels), "f4") / 8
    said = {"strides": strides, "padding": pads}
    dy = rng.standard_normal(csep.separable_conv2d(x, dw, pw, **said).shape, "f4")
    got = csep.separable_conv2d_backward(dy, x, dw, pw, **said, num_threads=1)
    for name, want in tap_by_tap(dy, x, dw, pw, strides, pads).items():
        scale = np.abs(want).max()
        np.testing.assert_allclose(getattr(got, name), want, atol=2e-5 * scale, err_msg=name)
    for threads in (2, 3, 16):
        again = csep.separable_conv2d_backward(dy, x, dw, pw, **said, num_threads=threads)
        for one, other in zip(got, again, strict=True):
            assert one is other is None or np.array_equal(one, other)
    alone = csep.separable_conv2d_backward(dy, x, dw, pw, **said, wrt=["x"])
    np.testing.assert_array_equal(alone.x, got.x)


@pytest.mark.parametrize("form", ["NCHW", "float16", "1d"])
def test_other_forms(form):
    rng = np.random.default_rng(0)
    x, dw, pw = (rng.standard_normal(s).astype("f4") for s in ((2, 9, 8, 6), (3, 3, 6, 2), (12, 5)))
    dy, bias = rng.standard_normal((2, 5, 4, 5)).astype("f4"), np.ones(5, "f4")
    said = {"strides": 2, "padding": "SAME", "activation": "silu"}
    if form == "1d":
        one = [x[:, 0], dw[0], pw, bias]
        got = csep.separable_conv1d_backward(dy[:, 0], *one, **said)
        images = csep.separable_conv2d_backward(
            dy[:, :1], x[:, :1], dw[:1], pw, bias, (1, 2), "SAME", activation="silu"
        )
        np.testing.assert_array_equal(got.x, images.x[:, 0])
        np.testing.assert_array_equal(got.dw, images.dw[0])
        np.testing.assert_array_equal(got.pw, images.pw)
        return
    want = csep.separable_conv2d_backward(dy, x, dw, pw, bias, **said)
    if form == "NCHW":
        first = [np.ascontiguousarray(np.moveaxis(a, -1, 1)) for a in (dy, x)]
        said |= {"strides": [1, 1, 2, 2], "data_format": "NCHW"}
        got = csep.separable_conv2d_backward(*first, dw, pw, bias, **said)
        np.testing.assert_array_equal(np.moveaxis(got.x, 1, -1), want.x)
        np.testing.assert_array_equal(got.pw, want.pw)
    else:
        halves = [a.astype("f2") for a in (dy, x)]
        got = csep.separable_conv2d_backward(*halves, dw, pw, bias, **said)
        assert (got.x.dtype, got.dw.dtype) == (np.float16, np.float32)
        np.testing.assert_allclose(got.x, want.x, atol=3e-2)
        np.testing.assert_allclose(got.dw, want.dw, atol=2e-1)


def test_gradients_have_the_dtypes_of_their_arguments():
    x, w, dy = np.ones((1, 4, 4, 2), "f4"), np.ones((3, 3, 2, 3), "f2"), np.ones((1, 2, 2, 3), "f4")
    assert [a.dtype for a in csep.conv2d_backward(dy, x, w)[::6]] == [np.float32, np.float16]
    g = csep.conv2d_backward(dy, x, w.astype(">f4"))
    assert g.w.dtype == np.dtype("=f4")


def test_out_of_other_layouts_and_dtypes():
    rng = np.random.default_rng(0)
    x, dy = (rng.standard_normal(s).astype("f2") for s in ((2, 3, 3, 3), (2, 3, 3, 3)))
    dw = rng.standard_normal((3, 3, 3, 1)).astype("f4")
    said = {"padding": "SAME", "data_format": "NCHW"}
    want = csep.depthwise_conv2d_backward(dy, x, dw, **said)
    out = {"x": np.empty_like(x), "dw": np.empty_like(dw)}
    g = csep.depthwise_conv2d_backward(dy, x, dw, **said, out=out)
    for name, array in out.items():
        assert np.shares_memory(getattr(g, name), array)
        np.testing.assert_array_equal(array, getattr(want, name))


def test_slopes_and_infinities():
    rng = np.random.default_rng(0)
    s, dy, slopes = (rng.standard_normal((1, 4, 5, 37)) for _ in range(3))
    eye, slopes = np.eye(37), slopes[0, 0, 0]
    g = csep.pointwise_conv2d_backward(dy, s, eye, activation=("prelu", slopes), wrt=["x"])
    np.testing.assert_array_equal(g.x, np.where(s < 0, slopes * dy, dy))
    x = np.array([np.inf, -np.inf]).reshape(1, 2, 1, 1)
    one = np.ones((1, 2, 1, 1))
    g = csep.pointwise_conv2d_backward(one, x, [[1.0]], activation="relu", wrt=["x"])
    assert g.x.ravel().tolist() == [1, 0]


def test_out_is_written():
    x, w, bias = np.ones((1, 5, 5, 2), "f4"), np.ones((3, 3, 2, 4), "f4"), np.ones(4, "f4")
    dy = np.ones((1, 3, 3, 4), "f4")
    out = {"w": np.empty_like(w), "bias": np.empty_like(bias)}
    g = csep.conv2d_backward(dy, x, w, bias, wrt=("bias", "w"), out=out)
    assert g.x is None
    np.testing.assert_array_equal(out["w"], np.full(w.shape, 9, "f4"))
    np.testing.assert_array_equal(g.bias, [9] * 4)
    again = csep.conv2d_backward(dy, x, w, bias, wrt=("bias", "w"), out=g)
    assert np.shares_memory(again.w, out["w"])


def test_images_of_no_rows_have_padding_alone():
    x, w, dy = np.ones((2, 0, 1, 1)), np.ones((5, 1, 1, 3)), np.ones((2, 8, 11, 3))
    said = {"padding": ((9, 3), (5, 5)), "activation": "selu"}
    g = csep.conv2d_backward(dy, x, w, np.ones(3), **said)
    assert g.x.shape == x.shape
    assert not g.w.any()
    np.testing.assert_allclose(g.bias, [176 * 1.0507009873554805] * 3)


def test_no_images_of_large_sides():
    """They take no memory and no time."""
    x = np.empty((0, 1, 2**50, 1))
    g = csep.separable_conv2d_backward(x, x, np.ones((1, 1, 1, 4096)), np.ones((4096, 1)))
    assert not g.pw.any()
    x = np.empty((0, 10**9, 1, 1))
    g = csep.depthwise_conv2d_backward(x, x, np.ones((1, 1, 1, 1)), np.ones(1))
    assert g.bias == [0]


def test_no_images_have_sums_of_nothing():
    x, dw, pw = np.ones((0, 4, 4, 2)), np.ones((3, 3, 2, 1)), np.ones((2, 3))
    g = csep.separable_conv2d_backward(np.ones((0, 2, 2, 3)), x, dw, pw)
    assert g.x.shape == (0, 4, 4, 2)
    assert not g.dw.any()
    assert not g.pw.any()


X, W, DY = np.ones((1, 4, 4, 2), "f4"), np.ones((3, 3, 2, 3), "f4"), np.ones((1, 2, 2, 3), "f4")
BAD = [
    ({"dy": DY[:, :1]}, ValueError, r"dy: expected shape \(1, 2, 2, 3\)"),
    ({"dy": DY.astype("f8")}, TypeError, "dy: expected dtype float32"),
    ({"dy": None}, TypeError, "dy"),
    ({"x": X[0]}, ValueError, "x: expected rank 4"),
    ({"wrt": "x"}, TypeError, r'wrt: expected some of x, w, such as \("x",\)'),
    ({"wrt": [3]}, TypeError, "wrt: expected some of"),
    ({"wrt": ["pw"]}, ValueError, "wrt: expected some of x, w"),
    ({"wrt": ["bias"]}, ValueError, "which was not given"),
    ({"out": np.ones(3)}, TypeError, "out: expected a dict"),
    ({"out": {"x": np.empty_like(X)}}, ValueError, "out: expected arrays for x, w"),
    (
        {"out": {"x": np.empty((1, 4, 4, 3), "f4"), "w": np.empty_like(W)}},
        ValueError,
        "out: expected sh",
    ),
    (
        {"out": {"x": X, "w": np.empty_like(W)}},
        ValueError,
        r"out\['x'\]: expected memory of its own, got an array that overlaps x",
    ),
    ({"num_threads": 0}, ValueError, "num_threads"),
    ({"strides": 0}, ValueError, "strides"),
    ({"activation": "sing"}, ValueError, "activation"),
]


@pytest.mark.parametrize(("changed", "error", "text"), BAD)
def test_wrong_arguments_are_named(changed, error, text):
    arguments = {"dy": DY, "x": X, "w": W} | changed
    before = X.copy()
    with pytest.raises(error, match=text):
        csep.conv2d_backward(**arguments)
    np.testing.assert_array_equal(X, before)
