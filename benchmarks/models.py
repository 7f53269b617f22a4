"""Networks that people run, as Keras models with random weights and lively normalisations."""

import sys
from pathlib import Path

import numpy as np

sys.path.append(str(Path(__file__).parents[1] / "examples"))  # efficientdet.py


def enliven(model, seed=0):
    """Give normalisations numbers as after training: signals neither vanish nor grow."""
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if hasattr(layer, "layers"):
            enliven(layer, seed)
        if type(layer).__name__ != "BatchNormalization":
            continue
        n = layer.moving_variance.shape[0]
        weights = [rng.uniform(0.7, 1.1, n)] if layer.scale else []
        weights += [rng.uniform(-0.2, 0.3, n)] if layer.center else []
        layer.set_weights([*weights, rng.normal(0, 0.1, n), rng.uniform(0.5, 1.5, n)])
    return model


def application(name, side=224, **arguments):
    """Return a model of keras.applications, and the sides of its image."""
    import keras

    keras.utils.set_random_seed(0)
    shape = (side, side, 3)
    model = getattr(keras.applications, name)(weights=None, input_shape=shape, **arguments)
    return enliven(model), [shape]


def efficientdet():
    """Return EfficientDet-D0's BiFPN and heads, and the sides of the feature maps."""
    import efficientdet as example

    return example.keras_model(), [(n, n, example.CHANNELS) for n in example.SIZES]


def decoder():
    """Return a decoder like DeepLabV3+'s: dilated separable convolutions, resizing, two levels."""
    import keras

    keras.utils.set_random_seed(0)
    layers = keras.layers

    def separable(x, filters, rate=1):
        x = layers.SeparableConv2D(filters, 3, padding="same", dilation_rate=rate, use_bias=False)(
            x
        )
        return layers.ReLU()(layers.BatchNormalization()(x))

    def pointwise(x, filters):
        x = layers.Conv2D(filters, 1, use_bias=False)(x)
        return layers.ReLU()(layers.BatchNormalization()(x))

    shapes = [(128, 128, 24), (32, 32, 320)]
    low, high = (keras.Input(shape) for shape in shapes)
    pooled = layers.GlobalAveragePooling2D(keepdims=True)(high)
    pooled = layers.UpSampling2D(32, interpolation="bilinear")(pointwise(pooled, 256))
    parts = [pooled, pointwise(high, 256), *(separable(high, 256, rate) for rate in (6, 12, 18))]
    x = pointwise(layers.Concatenate()(parts), 256)
    x = layers.UpSampling2D(4, interpolation="bilinear")(x)
    x = layers.Concatenate()([x, pointwise(low, 48)])
    x = separable(separable(x, 256), 256)
    x = layers.Conv2D(21, 1)(x)
    x = layers.UpSampling2D(4, interpolation="bilinear")(x)
    return enliven(keras.Model([low, high], x)), shapes


MODELS = {
    "MobileNet": lambda: application("MobileNet"),
    "MobileNetV2": lambda: application("MobileNetV2"),
    "MobileNetV3Large": lambda: application("MobileNetV3Large", include_preprocessing=False),
    "Xception": lambda: application("Xception", 299),
    "EfficientNetB0": lambda: application("EfficientNetB0"),
    "NASNetMobile": lambda: application("NASNetMobile"),
    "EfficientDet-D0 BiFPN + heads": efficientdet,
    "DeepLabV3+ decoder": decoder,
}
