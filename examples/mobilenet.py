"""MobileNetV1-224 through csep, from a Keras model with random weights.

python examples/mobilenet.py [--threads 1] [--seconds 5]

Each block of the network (depthwise, normalisation, ReLU6, pointwise, normalisation, ReLU6) is one
fused call.  The outputs are compared with Keras', then csep is timed beside TensorFlow, ONNX
Runtime and LiteRT.
"""

import argparse

import numpy as np

import csep


class Network:
    """Operators one after the other for one input shape, each with its own result array.

    Not for several threads at once: the arrays are used again at the next call.
    """

    def __init__(self, operators, classifier, input_shape, num_threads=None):
        self.operators, self.classifier, self.num_threads = operators, classifier, num_threads
        self.results = []
        shape = input_shape
        for op in operators:
            shape = op.output_shape(shape)
            self.results.append(np.empty(shape, np.float32))
        # The mean over all pixels: one kernel as large as the image, shared by all channels.
        pixels = shape[1] * shape[2]
        self.pool = csep.DepthwiseConv2D(np.full((*shape[1:3], 1, 1), 1 / pixels, np.float32))

    def features(self, x):
        """Return the last feature map."""
        for op, y in zip(self.operators, self.results, strict=True):
            x = op(x, out=y, num_threads=self.num_threads)
        return x

    def __call__(self, x):
        """Return the probabilities of the classes."""
        pooled = self.pool(self.features(x), num_threads=self.num_threads)
        logits = self.classifier(pooled, num_threads=self.num_threads)[:, 0, 0]
        e = np.exp(logits - logits.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)


def normalised(op, layer, **arguments):
    """Return an operator with a Keras BatchNormalization layer folded in."""
    return op.fold_batch_norm(
        layer.gamma.numpy(),
        layer.beta.numpy(),
        layer.moving_mean.numpy(),
        layer.moving_variance.numpy(),
        layer.epsilon,
        **arguments,
    )


def from_keras(model):
    """Return the operators and the classifier of a keras.applications.MobileNet."""
    layers = {layer.name: layer for layer in model.layers}
    stem = csep.from_keras(layers["conv1"])
    operators = [normalised(stem, layers["conv1_bn"], activation="relu6")]
    for i in range(1, 14):
        depthwise = layers[f"conv_dw_{i}"]
        (dw,) = depthwise.get_weights()
        (pw,) = layers[f"conv_pw_{i}"].get_weights()
        # Keras pads blocks with strides by a layer of its own: one pixel at the bottom and right.
        padding = ((0, 1), (0, 1)) if f"conv_pad_{i}" in layers else depthwise.padding
        block = csep.SeparableConv2D(dw, pw, None, depthwise.strides, padding)
        block = normalised(block, layers[f"conv_dw_{i}_bn"], stage="depthwise", activation="relu6")
        operators.append(normalised(block, layers[f"conv_pw_{i}_bn"], activation="relu6"))
    return operators, csep.from_keras(layers["conv_preds"])


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
    """Check and time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()

    import network_peers

    network_peers.limit_threads(options.threads)
    model = keras_model()
    x = np.random.default_rng(1).random((1, 224, 224, 3), np.float32) * 2 - 1
    operators, classifier = from_keras(model)
    network = Network(operators, classifier, x.shape, options.threads)

    print(csep.summary(operators, x.shape))
    expected = [model(x, training=False).numpy()]
    error = network_peers.check([network(x)], expected, "csep")
    print(f"\nKeras' probabilities against csep's: error {error:.1e} of the largest")

    runners = {"csep": lambda: [network(x)]}
    for name, run in network_peers.peers(model, [x], options.threads).items():
        network_peers.check(run(), expected, name)
        runners[name] = run
    network_peers.report("MobileNetV1-224", runners, options.threads, options.seconds)


if __name__ == "__main__":
    main()
