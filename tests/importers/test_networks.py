"""Every convolution of well-known networks through from_keras, against the layer itself."""

import os
import warnings

import numpy as np
import pytest

import csep

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "-1")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    keras = pytest.importorskip("keras", reason='needs pip install ".[parity]"')
    tf_keras = pytest.importorskip("tf_keras", reason='needs pip install ".[parity]"')

pytestmark = pytest.mark.filterwarnings("ignore")

KERAS_3 = ["ConvNeXtTiny", "MobileNetV2", "MobileNetV3Large", "Xception", "EfficientNetB0"]
NETWORKS = [
    *((keras, name) for name in (*KERAS_3, "NASNetMobile")),
    *((tf_keras, name) for name in ("RegNetX002", "MobileNetV2", "ConvNeXtTiny")),
]
KINDS = ("Conv2D", "DepthwiseConv2D", "SeparableConv2D", "Dense")


def layers_of(model):
    """All layers, those of nested models included."""
    for layer in model.layers:
        yield from layers_of(layer) if hasattr(layer, "layers") else [layer]


@pytest.mark.parametrize(
    ("package", "name"), NETWORKS, ids=lambda v: v if isinstance(v, str) else v.__name__
)
def test_no_layer_is_refused_and_none_is_wrong(package, name):
    model = getattr(package.applications, name)(weights=None)
    rng = np.random.default_rng(0)
    seen, shapes = 0, set()
    for layer in layers_of(model):
        if type(layer).__name__ not in KINDS:
            continue
        if getattr(layer.activation, "__name__", "") == "softmax":
            layer.activation = None  # a step of its own: csep has no softmax
        op = csep.from_keras(layer)
        seen += 1
        weights = [w.shape for w in layer.get_weights()]
        # Layers that are alike are tried once.
        if (key := (str(weights), op.strides, op.padding)) in shapes:
            continue
        shapes.add(key)
        channels = op._plan.channels
        side = 8 + op.kernel_size[0]
        x = rng.standard_normal((1, side, side, channels)).astype("f4")
        expected = np.asarray(layer(x))
        y = op(x)
        assert y.shape == expected.shape
        assert np.abs(y - expected).max() <= 2e-5 * np.abs(expected).max(), layer.name
    assert seen >= 18
