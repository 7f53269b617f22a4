"""The layer for Keras' torch backend, in a process of its own: Keras keeps its first backend."""

import importlib.util

import pytest
from processes import output, run_python

pytestmark = pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("torch", "keras")),
    reason='needs pip install ".[parity]"',
)

CODE = """
import warnings
warnings.simplefilter("ignore")
import keras, numpy as np, torch
from csep.interop.keras import SeparableConv2D

keras.utils.set_random_seed(0)
x = np.random.default_rng(0).standard_normal((4, 12, 11, 3)).astype("f4")
for said in (
    {"padding": "same", "strides": 2, "depth_multiplier": 2, "activation": "relu"},
    {"padding": "valid", "dilation_rate": 2, "use_bias": False},
    {"padding": "same", "dilation_rate": 2},
    {"padding": "same", "data_format": "channels_first"},
):
    given = x.transpose(0, 3, 1, 2) if "data_format" in said else x
    theirs, ours = keras.layers.SeparableConv2D(5, 3, **said), SeparableConv2D(5, 3, **said)
    want, _ = theirs(given), ours(given)
    ours.set_weights(theirs.get_weights())
    got = ours(given)
    torch.testing.assert_close(got, want)
    pairs = []
    for layer, y in ((ours, got), (theirs, want)):
        pairs.append(torch.autograd.grad(y.square().sum(), [v.value for v in layer.weights]))
    for own, other in zip(*pairs, strict=True):
        torch.testing.assert_close(own, other, rtol=1e-4, atol=1e-4)

model = keras.Sequential([
    keras.Input((12, 11, 3)),
    SeparableConv2D(8, 3, padding="same", activation="relu"),
    keras.layers.GlobalAveragePooling2D(),
    keras.layers.Dense(2),
])
model.compile("adam", "mse")
losses = model.fit(x, np.ones((4, 2)), epochs=5, verbose=0).history["loss"]
assert losses[-1] < losses[0], losses
model.save({path!r})
again = keras.saving.load_model({path!r})
assert type(again.layers[0]) is SeparableConv2D
np.testing.assert_array_equal(again.predict(x, verbose=0), model.predict(x, verbose=0))
print("right")
"""


def test_keras_layer(tmp_path):
    code = CODE.replace("{path!r}", repr(str(tmp_path / "model.keras")))
    printed = output(run_python(code, KERAS_BACKEND="torch"))
    assert printed.strip().splitlines()[-1] == "right"


def test_another_backend_is_refused():
    code = "try:\n    import csep.interop.keras\nexcept ImportError as error:\n    print(error)\n"
    assert "KERAS_BACKEND=torch" in output(run_python(code, KERAS_BACKEND="tensorflow"))
