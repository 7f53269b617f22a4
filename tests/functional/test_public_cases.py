"""Layers that people have asked about in public, by geometry: shapes, parameters, right values.

Output shapes and parameters are those that Keras' ``model.summary()`` shows; values are those of
the formula in float64, or worked out by hand.
"""

import numpy as np
import pytest
import reference

import csep

# What, operator, input, kernel, M, CO, stride, padding, dilation -> output, parameters with a bias.
LAYERS = """
digits, first layer          | separable 28 28 1     3 1 16   1 SAME  1 | 28 28 16     41
digits, multiplier 8         | separable 28 28 1     3 8 16   1 VALID 1 | 26 26 16     216
colour, 5x5 to 16            | separable 28 28 3     5 1 16   1 VALID 1 | 24 24 16     139
colour, 5x5, ordinary        | conv      28 28 3     5 1 16   1 VALID 1 | 24 24 16     1216
ten channels to 32           | separable 224 224 10  3 1 32   1 VALID 1 | 222 222 32   442
MobileNetV1, first           | conv      224 224 3   3 1 32   2 SAME  1 | 112 112 32   896
MobileNetV1, block 2         | separable 112 112 64  3 1 128  2 SAME  1 | 56 56 128    8896
MobileNetV1, block 12        | separable 14 14 512   3 1 1024 2 SAME  1 | 7 7 1024     529920
MobileNetV2, expansion       | pointwise 112 112 16  1 1 96   1 SAME  1 | 112 112 96   1632
MobileNetV2, depthwise       | depthwise 112 112 96  3 1 96   2 SAME  1 | 56 56 96     960
MobileNetV3, 5x5             | depthwise 28 28 72    5 1 72   2 SAME  1 | 14 14 72     1872
EfficientNetB0, 5x5, odd     | depthwise 57 57 144   5 1 144  2 SAME  1 | 29 29 144    3744
EfficientDet, level P7       | separable 4 4 64      3 1 64   1 SAME  1 | 4 4 64       4736
Xception, middle flow        | separable 19 19 728   3 1 728  1 SAME  1 | 19 19 728    537264
Xception, 1536 to 2048       | separable 10 10 1536  3 1 2048 1 SAME  1 | 10 10 2048   3161600
NASNet, 5x5, stride 2        | separable 85 85 11    5 1 11   2 SAME  1 | 43 43 11     407
ConvNeXt, 7x7                | depthwise 56 56 96    7 1 96   1 SAME  1 | 56 56 96     4800
DeepLab, dilation 12         | separable 33 33 320   3 1 64   1 SAME 12 | 33 33 64     23424
one pixel                    | separable 1 1 8       3 2 4    1 SAME  1 | 1 1 4        212
kernel as large as the image | depthwise 7 7 20      7 1 20   1 VALID 1 | 1 1 20       1000
kernel larger than the image | separable 3 2 5       5 1 6    1 SAME  1 | 3 2 6        161
""".strip().split("\n")


def layer(line):
    """Return operator, x, weights, arguments, output shape and parameters of a line."""
    _, told, result = line.split("|")
    kind, h, w, c, k, m, co, stride, padding, dilation = told.split()
    h, w, c, k, m, co, stride, dilation = map(int, (h, w, c, k, m, co, stride, dilation))
    *shape, parameters = map(int, result.split())
    rng = np.random.default_rng(c + k)
    shapes = {
        "separable": [(k, k, c, m), (1, 1, c * m, co)],
        "depthwise": [(k, k, c, m)],
        "pointwise": [(1, 1, c, co)],
        "conv": [(k, k, c, co)],
    }[kind]
    weights = [rng.standard_normal(s).astype("f4") for s in (*shapes, (co,))]
    x = rng.standard_normal((2, h, w, c)).astype("f4")
    how = {"strides": (stride,) * 2, "padding": padding, "dilations": (dilation,) * 2}
    return kind, x, weights, {} if kind == "pointwise" else how, (2, *shape), parameters


@pytest.mark.parametrize("line", LAYERS, ids=lambda line: line.split("|")[0].strip())
def test_layers(line):
    kind, x, weights, how, shape, parameters = layer(line)
    name = "conv2d" if kind == "conv" else f"{kind}_conv2d"
    formula = getattr(reference, name)
    expected = formula(x, *weights, **how)
    assert expected.shape == shape
    y = getattr(csep, name)(x, *weights, **how)
    terms = reference.largest_terms(formula, x, *weights, **how)
    assert np.abs(y - expected).max() <= 1e-6 * terms
    classes = {"conv": "Conv2D", "separable": "SeparableConv2D", "depthwise": "DepthwiseConv2D"}
    op = getattr(csep, classes.get(kind, "PointwiseConv2D"))(*weights, **how)
    assert op.output_shape(x.shape) == shape
    assert op.count_params() == parameters
    np.testing.assert_array_equal(op(x), y)


def test_multiplier_orders_outputs_by_channel():
    """Output q * M + r is channel q under its kernel r: PyTorch's groups have the same order."""
    x = np.array([[1.0, 10.0, 100.0]], "f4").reshape(1, 1, 1, 3)
    dw = np.arange(1, 7, dtype="f4").reshape(1, 1, 3, 2)
    y = csep.depthwise_conv2d(x, dw)
    assert y.ravel().tolist() == [1, 2, 30, 40, 500, 600]


def test_a_pointwise_half_of_ones_makes_all_outputs_alike():
    """Why such a network stays at 10 %: nothing can be told apart by outputs that are equal."""
    rng = np.random.default_rng(0)
    x, dw = rng.standard_normal((1, 9, 9, 3)).astype("f4"), rng.standard_normal((3, 3, 3, 1))
    y = csep.separable_conv2d(x, dw.astype("f4"), np.ones((3, 16), "f4"))
    assert (y == y[..., :1]).all()


def test_same_pads_the_odd_pixel_after_and_same_lower_before():
    """TensorFlow and PyTorch (padding=1) differ with an even size and a stride of 2."""
    x = np.arange(1, 5, dtype="f4").reshape(1, 4, 1)
    ones = np.ones((3, 1, 1), "f4")
    assert csep.depthwise_conv1d(x, ones, None, 2, "SAME").ravel().tolist() == [6, 7]
    assert csep.depthwise_conv1d(x, ones, None, 2, "SAME_LOWER").ravel().tolist() == [3, 9]
    assert csep.depthwise_conv1d(x, ones, None, 2, (1, 1)).ravel().tolist() == [3, 9]


def test_causal_sees_nothing_that_follows():
    """WaveNet's stack: kernel 2, dilations 1, 2, 4, 8 reach back 15 steps."""
    x = np.zeros((1, 32, 1), "f4")
    x[0, 10] = 1
    y = x
    for dilation in (1, 2, 4, 8):
        y = csep.conv1d(y, np.ones((2, 1, 1), "f4"), padding="CAUSAL", dilations=dilation)
    assert np.flatnonzero(y).tolist() == list(range(10, 26))


def test_one_kernel_for_all_channels_blurs_a_colour_picture():
    x = np.zeros((1, 5, 5, 3), "f4")
    x[0, 2, 2] = [9, 18, 27]
    y = csep.depthwise_conv2d(x, np.full((3, 3, 1, 1), 1 / 9, "f4"), padding="SAME")
    np.testing.assert_allclose(y[0, 1:4, 1:4], np.broadcast_to([1, 2, 3], (3, 3, 3)), rtol=1e-6)
    assert not y[0, 0].any()


def test_dilation_and_stride_together():
    """tf.nn.depthwise_conv2d refuses them together; the formula does not."""
    x = np.arange(16, dtype="f4").reshape(1, 1, 16, 1)
    y = csep.depthwise_conv2d(x, np.ones((1, 3, 1, 1), "f4"), strides=3, dilations=4)
    assert y.ravel().tolist() == [0 + 4 + 8, 3 + 7 + 11, 6 + 10 + 14]


def test_channels_first_wants_the_same_weights():
    x = np.arange(12, dtype="f4").reshape(1, 3, 2, 2)
    pw = np.eye(3, dtype="f4")[:, ::-1].copy()
    y = csep.pointwise_conv2d(x, pw, data_format="channels_first")
    np.testing.assert_array_equal(y, x[:, ::-1])
