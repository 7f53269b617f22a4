"""Keras models as networks: whole applications and every layer, against Keras."""

import os
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest

import csep

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    keras = pytest.importorskip("keras", reason='needs pip install ".[parity]"')
    tf_keras = pytest.importorskip("tf_keras", reason='needs pip install ".[parity]"')

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
from models import enliven

pytestmark = pytest.mark.filterwarnings("ignore")

TOLERANCE = 2e-4
PACKAGES = [keras, tf_keras]
APPLICATIONS = ["MobileNet", "MobileNetV2", "MobileNetV3Large", "Xception", "EfficientNetB0"]
APPLICATIONS += ["NASNetMobile"]


def check(model, *shapes, tolerance=TOLERANCE):
    """Hold a model's network against the model; return the network."""
    rng = np.random.default_rng(1)
    inputs = [rng.standard_normal(shape).astype("f4") for shape in shapes]
    given = inputs if len(inputs) > 1 else inputs[0]
    network = csep.Network.from_keras(model)
    results, expected = network(given), model(given, training=False)
    results = results if isinstance(results, list) else [results]
    expected = expected if isinstance(expected, (list, tuple)) else [expected]
    assert len(results) == len(expected)
    for y, truth in zip(results, map(np.asarray, expected), strict=True):
        assert y.shape == truth.shape
        assert np.ptp(truth) > 0
        assert np.abs(y - truth).max() <= tolerance * np.abs(truth).max()
    return network


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.__name__)
@pytest.mark.parametrize("name", APPLICATIONS)
def test_applications(package, name, tmp_path):
    side = 299 if name == "Xception" else 224
    package.utils.set_random_seed(0)
    model = enliven(getattr(package.applications, name)(weights=None))
    # Without its softmax, which makes all classes alike.
    logits = package.Model(model.inputs, model.layers[-2].output)
    network = check(logits, (2, side, side, 3))
    whole = check(model, (1, side, side, 3))
    assert whole.count_params() > 2e6
    assert network.arena_bytes((1, side, side, 3)) < 0.6 * network.result_bytes((1, side, side, 3))
    x = np.random.default_rng(2).standard_normal((1, side, side, 3)).astype("f4")
    whole.save(tmp_path / "model.csep")
    np.testing.assert_array_equal(csep.load(tmp_path / "model.csep")(x), whole(x))


def test_convolutions_become_few_steps():
    model = enliven(keras.applications.MobileNet(weights=None))
    titles = csep.Network.from_keras(model).summary().splitlines()
    assert sum("SeparableConv2D" in line for line in titles) == 13
    assert sum("add" in line or "pad" in line for line in titles) == 0


def layers_to_try(package):
    layers = package.layers
    return {
        "pools": [
            layers.MaxPooling2D(3, 2, "same"),
            layers.AveragePooling2D((2, 3), padding="same"),
        ],
        "valid": [layers.MaxPooling2D(2), layers.AveragePooling2D(3, 1)],
        "borders": [layers.ZeroPadding2D(((1, 2), (3, 0))), layers.Cropping2D(((2, 0), (1, 1)))],
        "nearest": [layers.UpSampling2D((2, 3))],
        "bilinear": [layers.UpSampling2D(3, interpolation="bilinear")],
        "resizing": [layers.Resizing(7, 30), layers.Resizing(20, 20, interpolation="nearest")],
        "rescaling": [
            layers.Rescaling(0.5, -3.0),
            layers.Rescaling([1.0, 2.0, 0.5, 3.0, 4.0, 5.0]),
        ],
        "activations": [
            layers.ReLU(6.0),
            layers.LeakyReLU(),
            layers.ELU(0.5),
            layers.Activation("gelu"),
            layers.PReLU(shared_axes=[1, 2], alpha_initializer="random_normal"),
        ],
        "softmax": [layers.Softmax()],
        "training": [layers.Dropout(0.5), layers.GaussianNoise(1.0), layers.SpatialDropout2D(0.2)],
        "dense": [layers.Flatten(), layers.Dense(9, activation="tanh"), layers.Dense(4, "softmax")],
        "reshape": [layers.Reshape((5, -1, 6)), layers.Conv2D(3, 2), layers.Reshape((-1, 4))],
        "global": [layers.GlobalMaxPooling2D(keepdims=True), layers.Conv2D(5, 1)],
        "convolutions": [
            layers.Conv2D(12, 3, 2, "same", groups=2, activation="relu"),
            layers.DepthwiseConv2D(3, depth_multiplier=2, padding="same"),
            layers.BatchNormalization(),
            layers.SeparableConv2D(5, 5, dilation_rate=2, padding="same", activation="silu"),
            layers.BatchNormalization(scale=False),
            layers.Activation("hard_sigmoid" if package is keras else "swish"),
        ],
    }


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.__name__)
@pytest.mark.parametrize("case", layers_to_try(keras))
def test_layers(package, case):
    package.utils.set_random_seed(0)
    given = package.Input((10, 12, 6))
    x = given
    for layer in layers_to_try(package)[case]:
        x = layer(x)
    check(enliven(package.Model(given, x)), (2, 10, 12, 6))


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.__name__)
def test_sequences(package):
    layers = package.layers
    model = package.Sequential(
        [
            package.Input((None, 4)),
            layers.Conv1D(8, 3, padding="causal", activation="relu"),
            layers.ZeroPadding1D((1, 2)),
            layers.SeparableConv1D(6, 3, padding="same"),
            layers.BatchNormalization(),
            layers.MaxPooling1D(2),
            layers.UpSampling1D(2),
            layers.Cropping1D((1, 0)),
            layers.AveragePooling1D(3, 2, "same"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(3),
        ]
    )
    check(enliven(model), (3, 21, 4))


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.__name__)
def test_branches_nested_models_and_shared_layers(package):
    layers = package.layers
    inner_in = package.Input((None, None, 8))
    inner = package.Model(inner_in, layers.Conv2D(8, 3, padding="same")(inner_in), name="inner")
    tail = package.Sequential([layers.Conv2D(4, 1), layers.ReLU()], name="tail")
    shared = layers.Conv2D(8, 1, name="shared")
    a, b = package.Input((8, 8, 8), name="a"), package.Input((8, 8, 8), name="b")
    x = layers.Add()([shared(a), shared(b), inner(a)])
    squeezed = layers.Dense(8, "sigmoid")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    y = layers.Multiply()([x, squeezed])
    z = layers.Concatenate()([inner(y), layers.Average()([a, b]), layers.Subtract()([a, y])])
    model = package.Model([a, b], [tail(z), y])
    tail(z)
    network = check(model, (2, 8, 8, 8), (2, 8, 8, 8))
    assert [n.split(":")[0] for n in network.input_names] == ["a", "b"]
    assert len(network.output_names) == 2


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.__name__)
def test_dense_layers_and_vectors_beside_images(package):
    layers = package.layers
    image, vector = package.Input((4, 5, 6), name="image"), package.Input((6,), name="vector")
    dense = layers.Dense(6, "relu")
    x = layers.Multiply()([layers.Reshape((1, 1, 6))(dense(vector)), dense(image)])
    y = layers.Dense(3)(layers.Reshape((20, 6))(x))
    check(package.Model([image, vector], [x, y]), (2, 4, 5, 6), (2, 6))


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.__name__)
def test_what_a_call_asks_for_is_not_ignored(package):
    given = package.Input((4, 4, 6))
    x = package.layers.BatchNormalization(name="norm")(given, training=True)
    with pytest.raises(
        ValueError, match=r"'norm': call: expected one argument, got more: training"
    ):
        csep.Network.from_keras(package.Model(given, x))
    other = package.layers.Normalization(axis=1, mean=[1.0] * 4, variance=[2.0] * 4, name="rows")
    with pytest.raises(ValueError, match=r"'rows': axis"):
        csep.Network.from_keras(package.Model(given, other(given)))


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.__name__)
def test_hard_swish_as_it_was_written_out(package):
    layers = package.layers
    given = package.Input((4, 4, 6))
    x = layers.Conv2D(6, 1)(given)
    gate = layers.ReLU(6.0)(x + 3.0) * (1.0 / 6.0)
    model = package.Model(given, layers.Multiply()([x, gate]))
    network = check(model, (1, 4, 4, 6))
    assert len(network.summary().splitlines()) == 5  # one step


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.__name__)
def test_a_gate_of_something_else_is_no_hard_swish(package):
    layers = package.layers
    x, z = package.Input((2, 2, 3), name="x"), package.Input((2, 2, 3), name="z")
    gate = layers.ReLU(6.0)(layers.Add()([x, z]) + 3.0) * (1.0 / 6.0)
    check(package.Model([x, z], layers.Multiply()([x, gate])), (1, 2, 2, 3), (1, 2, 2, 3))


def test_dicts_are_in_keras_order():
    a, b = keras.Input((2, 2, 3), name="a"), keras.Input((2, 2, 3), name="b")
    model = keras.Model({"b": b, "a": a}, keras.layers.Subtract()([a, b]))
    network = csep.Network.from_keras(model)
    five, one = np.full((1, 2, 2, 3), 5, "f4"), np.ones((1, 2, 2, 3), "f4")
    np.testing.assert_array_equal(network({"a": five, "b": one}), 4)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda p: p.__name__)
def test_models_with_a_call_of_their_own_are_refused(package):
    class Mine(package.Model):
        def call(self, x, **arguments):
            return super().call(x, **arguments) * 10

    given = package.Input((2, 2, 3))
    with pytest.raises(ValueError, match="Mine with call"):
        csep.Network.from_keras(Mine(given, package.layers.Rescaling(2.0)(given)))


def test_operations_of_different_ranks_are_refused():
    v, x = keras.Input((4, 8)), keras.Input((4, 4, 8))
    with pytest.raises(ValueError, match="one rank"):
        csep.Network.from_keras(keras.Model([v, x], keras.ops.add(v, x)))


def test_all_that_cannot_be_computed_is_named():
    layers = keras.layers

    class Mine(layers.Layer):
        def call(self, x):
            return x * 2

    given = keras.Input((8, 8, 4))
    x = Mine(name="own")(given)
    x = layers.LayerNormalization(name="norm")(x)
    x = layers.Conv2DTranspose(4, 3, name="up")(x)
    x = layers.Activation("log_sigmoid", name="odd")(layers.Conv2D(4, 1)(given) + 0)
    y = layers.MaxPooling2D(2, data_format="channels_first", name="planes")(given)
    model = keras.Model(given, [layers.LayerNormalization(name="second")(x), y])
    model = keras.Model(
        given, [*model.outputs, layers.Conv2DTranspose(4, 3, name="up")(Mine(name="own")(given))]
    )
    with pytest.raises(ValueError, match="cannot compute") as caught:
        csep.Network.from_keras(model)
    text = str(caught.value)
    for part in ("Mine 'own'", "Conv2DTranspose 'up'", "Activation 'odd'", "'planes'", "'second'"):
        assert part in text


def test_what_is_no_model():
    for bad in (None, 5, keras.layers.Conv2D(3, 3), keras.Sequential()):
        with pytest.raises(TypeError, match="model"):
            csep.Network.from_keras(bad)
