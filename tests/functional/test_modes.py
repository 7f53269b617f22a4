"""Padding that holds pixels of the image: what is seen, what is refused."""

import itertools

import numpy as np
import pytest
import reference

import csep

F4 = np.float32
TORCH = """
reflect    3 2 1 2 3 4 3 2
replicate  1 1 1 2 3 4 4 4
circular   3 4 1 2 3 4 1 2
zeros      0 0 1 2 3 4 0 0
"""


@pytest.mark.parametrize("line", TORCH.split("\n")[1:-1], ids=lambda line: line.split()[0])
def test_what_a_padding_of_two_holds(line):
    """The rows that torch.nn.functional.pad gives for 1 2 3 4."""
    mode, *row = line.split()
    x = np.arange(1, 5, dtype=F4).reshape(1, 4, 1)
    one = np.ones((1, 1, 1), F4)
    for call in (csep.depthwise_conv1d, csep.conv1d):
        assert call(x, one, padding=2, mode=mode).ravel().tolist() == list(map(float, row))
    op = csep.DepthwiseConv1D(one, padding=2, mode=mode.upper())
    assert op(x).ravel().tolist() == list(map(float, row))
    assert op.mode == mode


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_forms_of_padding(mode):
    """However padding is written, and causal too."""
    rng = np.random.default_rng(0)
    x, dw = rng.standard_normal((2, 9, 8, 5)).astype(F4), rng.standard_normal((3, 4, 5, 2))
    dw = dw.astype(F4)
    same = reference.depthwise_conv2d(x, dw, padding="SAME", mode=mode)
    for padding in ("same", ((1, 1), (1, 2)), [[0, 0], [1, 1], [1, 2], [0, 0]]):
        y = csep.depthwise_conv2d(x, dw, padding=padding, mode=mode)
        np.testing.assert_allclose(y, same, atol=1e-5)
    lower = csep.depthwise_conv2d(x, dw, padding="SAME_LOWER", mode=mode)
    expected = reference.depthwise_conv2d(x, dw, padding=((1, 1), (2, 1)), mode=mode)
    np.testing.assert_allclose(lower, expected, atol=1e-5)
    causal = csep.depthwise_conv1d(x[0], dw[0], padding="causal", dilations=2, mode=mode)
    expected = reference.depthwise_conv2d(
        x[:1], dw[:1], padding=((0, 0), (6, 0)), dilations=(1, 2), mode=mode
    )
    np.testing.assert_allclose(causal, expected[0], atol=1e-5)
    none = csep.depthwise_conv2d(x, dw, mode=mode)
    np.testing.assert_array_equal(none, csep.depthwise_conv2d(x, dw))


@pytest.mark.parametrize("layout", ["NHWC", "NCHW"])
@pytest.mark.parametrize("dtype", ["f4", "f2", "f8"])
@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_padding_as_wide_as_may_be(mode, dtype, layout):
    size = (5, 7)
    pads = {"reflect": (4, 6), "circular": (5, 7), "replicate": (40, 30)}[mode]
    rng = np.random.default_rng(1)
    x = rng.standard_normal((2, *size, 3)).astype(dtype)
    w = rng.standard_normal((3, 3, 3, 4)).astype("f8" if dtype == "f8" else "f4")
    for sides in itertools.product((0, pads[0]), (0, pads[0]), (0, pads[1]), (0, pads[1])):
        padding = (sides[:2], sides[2:])
        expected = reference.conv2d(x, w, padding=padding, mode=mode)
        turned = x if layout == "NHWC" else np.ascontiguousarray(np.moveaxis(x, 3, 1))
        y = csep.conv2d(turned, w, padding=padding, mode=mode, data_format=layout)
        y = y if layout == "NHWC" else np.moveaxis(y, 1, 3)
        np.testing.assert_allclose(
            y, expected, rtol=2e-3 if dtype == "f2" else 1e-5, atol=2e-2 if dtype == "f2" else 1e-4
        )
        assert csep.Conv2D(w, padding=padding, mode=mode).output_shape(x.shape) == expected.shape


def test_far_beyond_what_is_converted_at_a_time():
    rng = np.random.default_rng(2)
    x = rng.standard_normal((1, 3, 5000, 4)).astype(F4)
    dw = rng.standard_normal((2, 2, 4, 1)).astype(F4)
    how = {"padding": ((0, 0), (4000, 0)), "dilations": (1, 4500), "mode": "circular"}
    y = csep.depthwise_conv2d(x, dw, **how)
    np.testing.assert_allclose(y, reference.depthwise_conv2d(x, dw, **how), atol=1e-5)


def test_a_schedule_is_not_mistaken_for_that_of_another_mode():
    x = np.random.default_rng(3).standard_normal((1, 6, 6, 3)).astype(F4)
    dw = np.ones((3, 3, 3, 1), F4)
    for _, mode in itertools.product(range(2), ["zeros", "reflect", "circular", "zeros"]):
        op = csep.DepthwiseConv2D(dw, padding=1, mode=mode)
        expected = reference.depthwise_conv2d(x, dw, padding=((1, 1), (1, 1)), mode=mode)
        for _ in range(2):
            np.testing.assert_allclose(op(x), expected, atol=1e-5)


@pytest.mark.parametrize("mode", ["reflect", "circular", "replicate"])
def test_sides_that_are_too_short(mode):
    dw = np.ones((3, 3, 1, 1), F4)
    most = {"reflect": 4, "circular": 3, "replicate": 1}[mode]
    for x, padding in (
        (np.ones((1, 9, most - 1, 1), F4), 3),
        (np.ones((1, most - 1, 9, 1), F4), 3),
    ):
        message = rf"^x: expected a height and width of at least {most} x {most} .*{mode}.*got"
        with pytest.raises(ValueError, match=message):
            csep.depthwise_conv2d(x, dw, padding=padding, mode=mode)
        with pytest.raises(ValueError, match=message):
            csep.DepthwiseConv2D(dw, padding=padding, mode=mode)(x)
        with pytest.raises(ValueError, match=message.replace("x:", "input_shape:")):
            csep.DepthwiseConv2D(dw, padding=padding, mode=mode).output_shape(x.shape)
    with pytest.raises(
        ValueError, match=rf"^x: expected a length of at least {most} .*{mode}.*got"
    ):
        csep.depthwise_conv1d(np.ones((1, most - 1, 1), F4), dw[0], padding=(3, 3), mode=mode)
    tall = np.ones((1, 30, 1, 1), F4)
    assert csep.depthwise_conv2d(tall, dw[:, :1], padding=(3, 0), mode=mode).shape == (1, 34, 1, 1)


def test_open_sizes():
    dw = np.ones((3, 3, 4, 1), F4)
    op = csep.DepthwiseConv2D(dw, padding=9, mode="reflect")
    assert op.output_shape((None, None, None, 4)) == (None, None, None, 4)
    assert op.output_shape((None, 20, None, 4)) == (None, 36, None, 4)


def test_modes_that_are_none():
    x, dw = np.ones((1, 5, 5, 1), F4), np.ones((3, 3, 1, 1), F4)
    for wrong, hint in (("constant", "zeros"), ("edge", "replicate"), ("WRAP", "circular")):
        with pytest.raises(ValueError, match=rf'^mode: expected "zeros", .*got.*write "{hint}"'):
            csep.depthwise_conv2d(x, dw, padding=1, mode=wrong)
    for wrong in ("symmetric", "", "reflect "):
        with pytest.raises(ValueError, match=r'^mode: expected "zeros", .*got'):
            csep.Conv2D(np.ones((3, 3, 1, 1), F4), mode=wrong)
    for wrong in (None, 1, b"reflect", ["reflect"]):
        with pytest.raises(TypeError, match=r'^mode: expected "zeros", .*got'):
            csep.separable_conv1d(x[0], dw[0], np.ones((1, 1), F4), mode=wrong)
    with pytest.raises(TypeError, match="mode"):
        csep.pointwise_conv2d(x, np.ones((1, 1), F4), mode="reflect")
