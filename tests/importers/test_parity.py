"""The semantics people expect: TensorFlow's functions, Keras' layers; needs the parity extra."""

import os
import warnings

import numpy as np
import pytest

import csep

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    tf = pytest.importorskip("tensorflow", reason='needs pip install ".[parity]"')
    keras = tf.keras

pytestmark = pytest.mark.filterwarnings("ignore")

# Keras' names; the alphas of leaky_relu and elu are its defaults.
ACTIVATIONS = [
    None,
    "linear",
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "sigmoid",
    "tanh",
    "silu",
    "swish",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "gelu",
    "selu",
    "mish",
    "softplus",
]


def close(y, expected, tolerance=2e-5):
    expected = np.asarray(expected)
    assert y.shape == expected.shape
    assert np.abs(y - expected).max(initial=0) <= tolerance * np.abs(expected).max(initial=1e-30)


def draw(rng, *shape):
    return rng.standard_normal(shape).astype("f4")


def random_layer(seed):
    """A Keras layer of a random kind and configuration, and an input for it."""
    rng = np.random.default_rng(seed)

    def pick(*values):
        return values[rng.integers(len(values))]

    kind = pick("SeparableConv2D", "DepthwiseConv2D", "Conv2D")
    strides = pick(1, 1, 2, 3)
    # Keras takes no strides with a dilation.
    dilation = pick(1, 2, 3) if strides == 1 else 1
    arguments = {
        "kernel_size": (int(rng.integers(1, 6)), int(rng.integers(1, 6))),
        "strides": strides,
        "padding": pick("same", "valid"),
        "dilation_rate": dilation,
        "use_bias": bool(rng.integers(2)),
        "activation": pick(*ACTIVATIONS),
        "bias_initializer": "random_normal",
    }
    if kind != "DepthwiseConv2D":
        arguments["filters"] = int(rng.integers(1, 40))
    if kind != "Conv2D":
        arguments["depth_multiplier"] = int(rng.integers(1, 4))
    layer = getattr(keras.layers, kind)(**arguments)
    x = draw(rng, 2, int(rng.integers(14, 30)), int(rng.integers(14, 30)), int(rng.integers(1, 20)))
    return layer, x


@pytest.mark.parametrize("seed", range(60))
def test_keras_layers_of_random_configurations(seed):
    layer, x = random_layer(seed)
    expected = layer(x).numpy()
    op = csep.from_keras(layer)
    close(op(x), expected)
    assert op.count_params() == layer.count_params()
    assert op.output_shape(x.shape) == expected.shape
    for mine, theirs in zip(op.get_weights(), layer.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    same = getattr(csep, type(layer).__name__).from_keras(layer)
    np.testing.assert_array_equal(same(x), op(x))


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_keras_activations(activation):
    x = np.linspace(-12, 12, 4096, dtype="f4").reshape(1, 64, 64, 1)
    y = csep.pointwise_conv2d(x, np.ones((1, 1), "f4"), activation=activation)
    expected = keras.activations.get(activation)(tf.constant(x)).numpy()
    np.testing.assert_allclose(y, expected, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("kind", ["SeparableConv2D", "DepthwiseConv2D", "Conv2D", "Dense"])
def test_keras_prelu_inside_a_layer(kind, bias):
    slopes = keras.layers.PReLU("random_normal", shared_axes=[1, 2])
    how = {"activation": slopes, "use_bias": bias}
    sizes = {"DepthwiseConv2D": (3,), "Dense": (9,)}.get(kind, (9, 3))
    layer = getattr(keras.layers, kind)(*sizes, **how)
    x = draw(np.random.default_rng(0), 2, 9, 9, 5)
    expected = layer(x).numpy()
    slopes.set_weights([draw(np.random.default_rng(1), *slopes.get_weights()[0].shape)])
    assert np.abs(layer(x).numpy() - expected).max() > 0.1
    op = csep.from_keras(layer)
    close(op(x), layer(x))
    assert op.count_params() == layer.count_params()


def test_keras_prelu_of_every_pixel():
    layer = keras.layers.Conv2D(4, 3, activation=keras.layers.PReLU())
    layer(draw(np.random.default_rng(0), 1, 5, 5, 3))
    with pytest.raises(ValueError, match=r"^layer: expected a PReLU .*shared_axes.*got"):
        csep.from_keras(layer)


def test_gelu_of_tanh():
    x = np.linspace(-12, 12, 4096, dtype="f4").reshape(1, 64, 64, 1)
    y = csep.pointwise_conv2d(x, np.ones((1, 1), "f4"), activation="gelu_tanh")
    expected = keras.activations.gelu(tf.constant(x), approximate=True).numpy()
    np.testing.assert_allclose(y, expected, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize("strides", [1, 2])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("kernel", [1, 2, 5])
def test_keras_one_dimension(strides, padding, kernel):
    x = draw(np.random.default_rng(0), 2, 23, 6)
    how = {"strides": strides, "padding": padding}
    layer = keras.layers.SeparableConv1D(9, kernel, depth_multiplier=2, activation="relu", **how)
    expected = layer(x)
    close(csep.separable_conv1d(x, *layer.get_weights(), **how, activation="relu"), expected)
    layer = keras.layers.DepthwiseConv1D(kernel, depth_multiplier=2, **how)
    expected = layer(x)
    close(csep.depthwise_conv1d(x, *layer.get_weights(), **how), expected)


@pytest.mark.parametrize("padding", ["SAME", "VALID", [[0, 0], [2, 1], [0, 3], [0, 0]]], ids=str)
@pytest.mark.parametrize("strides", [[1, 1, 1, 1], [1, 2, 2, 1]], ids=str)
def test_tensorflow_functions(padding, strides):
    rng = np.random.default_rng(1)
    x, dw, pw = draw(rng, 2, 15, 18, 5), draw(rng, 4, 3, 5, 2), draw(rng, 1, 1, 10, 7)
    w = draw(rng, 4, 3, 5, 8)
    if isinstance(padding, str):
        expected = tf.nn.separable_conv2d(x, dw, pw, strides, padding)
        close(csep.separable_conv2d(x, dw, pw, None, strides, padding), expected)
        expected = tf.nn.depthwise_conv2d(x, dw, strides, padding)
        close(csep.depthwise_conv2d(x, dw, None, strides, padding), expected)
    close(csep.conv2d(x, w, None, strides, padding), tf.nn.conv2d(x, w, strides, padding))


def test_batch_normalisation_of_keras():
    rng = np.random.default_rng(2)
    x = draw(rng, 1, 9, 9, 6)
    for kind, arguments in (
        ("SeparableConv2D", {"filters": 8, "kernel_size": 3}),
        ("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 2}),
        ("Conv2D", {"filters": 8, "kernel_size": 3, "use_bias": False}),
        ("Conv2D", {"filters": 8, "kernel_size": 1}),
    ):
        layer = getattr(keras.layers, kind)(**arguments)
        y = layer(x)
        norm = keras.layers.BatchNormalization()
        norm.build(y.shape)
        norm.set_weights([rng.uniform(0.5, 2, w.shape) for w in norm.get_weights()])
        op = csep.from_keras(layer).fold_batch_norm(*norm.get_weights(), norm.epsilon)
        close(op(x), norm(y, training=False))


@pytest.mark.parametrize(
    ("layer", "error"),
    [
        (lambda: keras.layers.Conv2DTranspose(4, 3), TypeError),
        (keras.layers.LayerNormalization, TypeError),
        (lambda: keras.layers.Conv1DTranspose(4, 3), TypeError),
        (lambda: keras.layers.Conv2D(4, 3, activation="softmax"), ValueError),
        (lambda: keras.layers.Conv2D(4, 3, activation=lambda v: v * 2), ValueError),
    ],
)
def test_layers_that_csep_cannot_compute(layer, error):
    layer = layer()
    shape = (1, 9, 8) if "1D" in type(layer).__name__ else (1, 9, 9, 8)
    layer(np.ones(shape, "f4"))
    with pytest.raises(error, match=r"^layer: expected .*got"):
        csep.from_keras(layer)


@pytest.mark.parametrize("kind", ["SeparableConv1D", "DepthwiseConv1D", "Conv1D"])
@pytest.mark.parametrize("seed", range(6))
def test_keras_layers_of_sequences(kind, seed):
    rng = np.random.default_rng(seed)
    strides, dilation = ((1, 2), (2, 1), (1, 1))[seed % 3]
    how = {"strides": strides, "dilation_rate": dilation, "padding": ("same", "valid")[seed % 2]}
    if kind == "Conv1D" and seed == 5:
        how["padding"] = "causal"
    sizes = {} if kind.startswith("Depthwise") else {"filters": 9}
    if kind != "Conv1D":
        how["depth_multiplier"] = 1 + seed % 2
    layer = getattr(keras.layers, kind)(**sizes, kernel_size=3, activation="relu", **how)
    x = draw(rng, 2, 23, 6)
    expected = layer(x)
    op = csep.from_keras(layer)
    assert type(op).__name__ == kind
    close(op(x), expected)


def test_dense_is_pointwise():
    layer = keras.layers.Dense(7, activation="tanh")
    x = draw(np.random.default_rng(4), 2, 5, 6, 3)
    expected = layer(x)
    op = csep.from_keras(layer)
    assert type(op) is csep.PointwiseConv2D
    close(op(x), expected)


@pytest.mark.parametrize("multiplier", [1, 3])
def test_a_group_for_each_channel_is_depthwise(multiplier):
    """As all of ConvNeXt's large kernels are."""
    layer = keras.layers.Conv2D(8 * multiplier, 7, padding="same", groups=8)
    x = draw(np.random.default_rng(4), 2, 12, 11, 8)
    expected = layer(x)
    op = csep.from_keras(layer)
    assert type(op) is csep.DepthwiseConv2D
    close(op(x), expected)


@pytest.mark.parametrize("kind", ["Conv2D", "Conv1D"])
@pytest.mark.parametrize("groups", [2, 4])
def test_groups(kind, groups):
    layer = getattr(keras.layers, kind)(12, 3, padding="same", groups=groups, activation="relu")
    x = (
        draw(np.random.default_rng(4), 2, 12, 8)
        if kind == "Conv1D"
        else draw(np.random.default_rng(4), 2, 12, 11, 8)
    )
    expected = layer(x)
    op = csep.from_keras(layer)
    assert type(op).__name__ == kind
    assert op.groups == groups
    close(op(x), expected)


def test_functions_that_are_not_keras_own_activations():
    """keras.ops.gelu approximates where keras.activations.gelu does not."""
    for function in (keras.ops.gelu, tf.nn.gelu, tf.nn.relu, keras.ops.leaky_relu, np.tanh):
        layer = keras.layers.Conv2D(4, 3, activation=function)
        layer(np.ones((1, 9, 9, 8), "f4"))
        with pytest.raises(ValueError, match=r"^layer: expected one of Keras' own activations"):
            csep.from_keras(layer)


def test_subclasses_that_change_what_is_computed():
    class Twice(keras.layers.Conv2D):
        def convolution_op(self, inputs, kernel):
            return 2 * super().convolution_op(inputs, kernel)

    class Plain(keras.layers.Conv2D):
        pass

    x = draw(np.random.default_rng(5), 1, 9, 9, 4)
    plain, twice = Plain(6, 3), Twice(6, 3)
    expected = plain(x)
    twice(x)
    close(csep.from_keras(plain)(x), expected)
    with pytest.raises(TypeError, match=r"^layer: expected .*Twice, which defines convolution_op"):
        csep.from_keras(twice)


def test_layer_that_is_not_built():
    with pytest.raises(ValueError, match=r"^layer: expected .*built"):
        csep.from_keras(keras.layers.Conv2D(4, 3))


def test_wrong_class():
    layer = keras.layers.Conv2D(4, 3)
    layer(np.ones((1, 9, 9, 8), "f4"))
    for cls in (csep.SeparableConv2D, csep.DepthwiseConv2D):
        with pytest.raises(TypeError, match=r"^layer: expected .*got Conv2D"):
            cls.from_keras(layer)
    with pytest.raises(ValueError, match=r"^layer: expected .*kernel_size"):
        csep.PointwiseConv2D.from_keras(layer)


def test_activation_layers():
    x = draw(np.random.default_rng(3), 1, 5, 5, 4)
    for activation in (
        keras.layers.LeakyReLU(negative_slope=0.3),
        keras.layers.ELU(alpha=0.5),
        keras.layers.ReLU(max_value=6),
        keras.layers.ReLU(),
    ):
        layer = keras.layers.SeparableConv2D(6, 3, activation=activation)
        expected = layer(x)
        close(csep.from_keras(layer)(x), expected)
    layer = keras.layers.Conv2D(6, 3, activation=keras.layers.ReLU(max_value=3))
    expected = layer(x)
    op = csep.from_keras(layer)
    assert op.activation == ("relu", 3.0)
    close(op(x), expected)
    layer = keras.layers.Conv2D(6, 3, activation=keras.layers.ReLU(threshold=1))
    layer(x)
    with pytest.raises(ValueError, match=r"^layer: expected one of Keras' own activations"):
        csep.from_keras(layer)
