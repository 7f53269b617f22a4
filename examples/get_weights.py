"""What the three arrays of a SeparableConv2D layer are, and how to run each half alone.

python examples/get_weights.py
"""

import os

import numpy as np

import csep

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")


def keras_layer(x):
    """Return a Keras layer, 3 -> 16 channels, 5x5, and its output; None without Keras."""
    try:
        import keras
    except ImportError:
        return None
    layer = keras.layers.SeparableConv2D(16, 5, bias_initializer="random_normal")
    return layer, np.asarray(layer(x))


def random_weights():
    """Return three arrays of the same shapes."""
    rng = np.random.default_rng(0)
    shapes = ((5, 5, 3, 1), (1, 1, 3, 16), (16,))
    return [rng.standard_normal(shape).astype("f4") for shape in shapes]


def main():
    """Take the arrays apart."""
    x = np.random.default_rng(1).random((1, 28, 28, 3), np.float32)
    built = keras_layer(x)
    if built is None:
        print("Keras is not installed: three random arrays of the same shapes instead.\n")
        weights = random_weights()
    else:
        weights = built[0].get_weights()
    depthwise, pointwise, bias = weights

    print("layer.get_weights() of a SeparableConv2D, 3 -> 16 channels, kernel 5x5:")
    print(f"  depthwise kernel {depthwise.shape}: 5x5 weights for each of 3 channels, multiplier 1")
    print(f"  pointwise kernel {pointwise.shape}: how each of 16 outputs mixes the 3 channels")
    print(f"  bias             {bias.shape}: one number per output")

    parameters = sum(w.size for w in weights)
    ordinary = csep.count_params("Conv2D", 3, 16, kernel_size=5)
    print(f"\nWhy {parameters} parameters and not {ordinary}?")
    print(f"  {depthwise.size} + {pointwise.size} + {bias.size} = {parameters}")
    print(f"  Conv2D: 5 * 5 * 3 * 16 + 16 = {ordinary}")
    assert parameters == csep.count_params("SeparableConv2D", 3, 16, kernel_size=5) == 139
    assert ordinary == 1216

    halfway = csep.depthwise_conv2d(x, depthwise)
    y = csep.pointwise_conv2d(halfway, pointwise, bias)
    fused = csep.separable_conv2d(x, depthwise, pointwise, bias)
    print(f"\nDepthwise alone {x.shape} -> {halfway.shape}, pointwise alone -> {y.shape}")
    print(f"Both in one pass: largest difference {np.abs(fused - y).max():.1e}")
    assert np.allclose(fused, y, rtol=1e-5, atol=1e-5)

    if built is not None:
        error = np.abs(fused - built[1]).max()
        print(f"Keras: largest difference {error:.1e}")
        assert error < 1e-5

    print("\nIn a service: the arrays in a file, no framework.\n")
    op = csep.SeparableConv2D(*weights)
    print(csep.summary([op], (1, 28, 28, 3)))


if __name__ == "__main__":
    main()
