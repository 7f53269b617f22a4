"""MobileNetV1-224 from a Keras model as a csep.Network: read, checked, saved, loaded.

python examples/mobilenet.py

The weights are random; `keras.applications.MobileNet()` has trained ones.  The saved file is run
with csep and NumPy alone.  benchmarks/networks.py times it beside other libraries.
"""

import os
import tempfile

import numpy as np

import csep


def keras_model(seed=0):
    """Return a MobileNet with random weights; its normalisations are random, too."""
    import keras

    keras.utils.set_random_seed(seed)
    model = keras.applications.MobileNet(weights=None)
    rng = np.random.default_rng(seed)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            n = layer.gamma.shape[0]
            # As after training: about what comes in, so that signals neither vanish nor grow.
            scale, shift = rng.uniform(0.8, 1.6, n), rng.uniform(-0.2, 0.6, n)
            variance = rng.uniform(0.05, 0.5, n)
            layer.set_weights([scale, shift, rng.normal(0, 0.1, n), variance])
    return model


def main():
    """Read, check, save, load."""
    model = keras_model()
    x = np.random.default_rng(1).random((1, 224, 224, 3), np.float32) * 2 - 1
    network = csep.Network.from_keras(model)
    print(network.summary())

    expected = np.asarray(model(x, training=False))
    error = np.abs(network(x) - expected).max() / expected.max()
    print(f"\nKeras' probabilities against csep's: error {error:.1e} of the largest")
    assert error < 2e-4

    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "mobilenet.csep")
        network.save(path)
        loaded = csep.load(path)
        print(f"saved in {os.path.getsize(path) / 1e6:.1f} MB, loaded: {loaded!r}")
        assert (loaded(x) == network(x)).all()
    planned, apart = network.arena_bytes(), network.result_bytes()
    print(f"memory between the steps: {planned / 1e6:.1f} MB instead of {apart / 1e6:.1f}")


if __name__ == "__main__":
    main()
