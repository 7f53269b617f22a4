"""EfficientDet-D0's BiFPN and heads through csep, from Keras layers with random weights.

python examples/efficientdet.py [--threads 1] [--seconds 5]

Every convolution is a fused separable one.  A weighted sum of feature maps with its SiLU is csep as
well: a 1x1 depthwise convolution with one shared weight, a residual and an activation.  The outputs
are compared with Keras', then csep is timed beside TensorFlow, ONNX Runtime and LiteRT.
"""

import argparse

import numpy as np

import csep

LEVELS, CHANNELS, CELLS, REPEATS = 5, 64, 3, 3  # P3 .. P7 of D0
ANCHORS, CLASSES = 9, 90
SIZES = [64, 32, 16, 8, 4]

# Of each cell: (output, inputs); 0-4 are P3-P7 as they came in, 5-8 the way down to P3, 9-12 up.
NODES = [
    (5, (3, 4)),
    (6, (2, 5)),
    (7, (1, 6)),
    (8, (0, 7)),
    (9, (1, 7, 8)),
    (10, (2, 6, 9)),
    (11, (3, 5, 10)),
    (12, (4, 11)),
]
LEVEL_OF = [0, 1, 2, 3, 4, 3, 2, 1, 0, 1, 2, 3, 4]
OUTPUTS = (8, 9, 10, 11, 12)


def fusion_weights(seed=3):
    """Return the weights of each node's inputs, positive and with sum 1, as after training."""
    rng = np.random.default_rng(seed)
    weights = []
    for _ in range(CELLS):
        for _, inputs in NODES:
            w = rng.uniform(0.2, 1, len(inputs))
            weights.append((w / w.sum()).astype("f4"))
    return weights


# The same network, once in Keras ...


def keras_model(seed=0):
    """Return a Keras model from the five feature maps to class and box outputs of all levels."""
    import keras

    keras.utils.set_random_seed(seed)
    layers = keras.layers
    rng = np.random.default_rng(seed)
    norms = []

    def normalise(x, name):
        norm = layers.BatchNormalization(epsilon=1e-3, name=name)
        y = norm(x)
        norms.append(norm)
        return y

    def resize(x, from_level, to_level):
        if from_level > to_level:
            return layers.UpSampling2D()(x)
        return layers.MaxPooling2D(3, 2, "same")(x) if from_level < to_level else x

    inputs = [
        keras.Input((n, n, CHANNELS), batch_size=1, name=f"p{3 + i}") for i, n in enumerate(SIZES)
    ]
    maps, weights = list(inputs), iter(fusion_weights())
    for cell in range(CELLS):
        maps = maps[:LEVELS] + [None] * len(NODES)
        for node, sources in NODES:
            parts = [
                layers.Rescaling(float(w))(resize(maps[s], LEVEL_OF[s], LEVEL_OF[node]))
                for s, w in zip(sources, next(weights), strict=True)
            ]
            x = layers.Activation("silu")(layers.Add()(parts))
            x = layers.SeparableConv2D(CHANNELS, 3, padding="same", name=f"fpn_{cell}_{node}")(x)
            maps[node] = normalise(x, f"fpn_{cell}_{node}_bn")
        maps = [maps[i] for i in OUTPUTS]

    outputs = []
    for head, filters in (("class", ANCHORS * CLASSES), ("box", ANCHORS * 4)):
        # The convolutions are shared by the levels, the normalisations are not.
        convs = [
            layers.SeparableConv2D(CHANNELS, 3, padding="same", name=f"{head}_{i}")
            for i in range(REPEATS)
        ]
        last = layers.SeparableConv2D(filters, 3, padding="same", name=f"{head}_last")
        for level in range(LEVELS):
            x = maps[level]
            for i, conv in enumerate(convs):
                x = normalise(conv(x), f"{head}_{i}_{level}_bn")
                x = layers.Activation("silu")(x)
            outputs.append(last(x))
    for norm in norms:
        scale, shift = rng.uniform(0.8, 1.6, CHANNELS), rng.uniform(-0.3, 0.3, CHANNELS)
        variance = rng.uniform(0.05, 0.5, CHANNELS)
        norm.set_weights([scale, shift, rng.normal(0, 0.1, CHANNELS), variance])
    return keras.Model(inputs, outputs)


# ... and once in csep.


def scaled(weight, activation=None):
    """Return the operator weight * x (+ residual), then the activation, for any channels."""
    return csep.DepthwiseConv2D(np.full((1, 1, 1, 1), weight, "f4"), activation=activation)


def twice_as_large(x):
    """Return each pixel repeated in a square of 2 x 2."""
    n, h, w, c = x.shape
    y = np.empty((n, h, 2, w, 2, c), x.dtype)
    y[...] = x[:, :, None, :, None]
    return y.reshape(n, 2 * h, 2 * w, c)


def half_as_large(x):
    """Return the largest of each 3 x 3 pixels, in steps of 2, SAME: the odd pixel is outside."""
    rows = np.maximum(x[:, ::2], x[:, 1::2])
    np.maximum(rows[:, :-1], x[:, 2::2], out=rows[:, :-1])
    y = np.maximum(rows[:, :, ::2], rows[:, :, 1::2])
    np.maximum(y[:, :, :-1], rows[:, :, 2::2], out=y[:, :, :-1])
    return y


def resized(x, from_level, to_level):
    """Return a map of one level for its neighbour."""
    if from_level == to_level:
        return x
    return twice_as_large(x) if from_level > to_level else half_as_large(x)


def normalised(layer, norm, activation=None):
    """Return a Keras separable convolution with its normalisation folded in."""
    weights = (norm.gamma, norm.beta, norm.moving_mean, norm.moving_variance)
    arrays = [w.numpy() for w in weights]
    op = csep.SeparableConv2D.from_keras(layer)
    return op.fold_batch_norm(*arrays, norm.epsilon, activation=activation)


class Detector:
    """The BiFPN and the heads.  Not for several threads at once."""

    def __init__(self, model):
        layer = model.get_layer
        # The largest results; for the rest, memory that was just given back is best: in cache.
        self.results = {}
        weights = iter(fusion_weights())
        self.cells = [
            [
                (
                    node,
                    sources,
                    [
                        scaled(w, "silu" if i == len(sources) - 1 else None)
                        for i, w in enumerate(next(weights))
                    ],
                    normalised(layer(f"fpn_{cell}_{node}"), layer(f"fpn_{cell}_{node}_bn")),
                )
                for node, sources in NODES
            ]
            for cell in range(CELLS)
        ]
        self.heads = [
            (
                [
                    [
                        normalised(layer(f"{head}_{i}"), layer(f"{head}_{i}_{level}_bn"), "silu")
                        for i in range(REPEATS)
                    ]
                    for level in range(LEVELS)
                ],
                csep.SeparableConv2D.from_keras(layer(f"{head}_last")),
            )
            for head in ("class", "box")
        ]

    def __call__(self, maps):
        """Return class and box outputs of all levels from the five feature maps."""
        for nodes in self.cells:
            maps = list(maps) + [None] * len(nodes)
            for node, sources, scales, conv in nodes:
                total = None
                for source, scale in zip(sources, scales, strict=True):
                    part = resized(maps[source], LEVEL_OF[source], LEVEL_OF[node])
                    total = scale(part, residual=total)
                maps[node] = conv(total)
            maps = [maps[i] for i in OUTPUTS]
        outputs = []
        for levels, last in self.heads:
            for level, convs in enumerate(levels):
                z = maps[level]
                for conv in convs:
                    z = conv(z)
                y = last(z, self.results.get((last, level)))
                self.results[last, level] = y
                outputs.append(y)
        return outputs


def main():
    """Check and time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()

    import network_peers

    network_peers.limit_threads(options.threads)
    csep.set_num_threads(options.threads)
    model = keras_model()
    rng = np.random.default_rng(1)
    maps = [rng.standard_normal((1, n, n, CHANNELS)).astype("f4") for n in SIZES]
    detector = Detector(model)
    expected = [y.numpy() for y in model(maps, training=False)]
    error = network_peers.check(detector(maps), expected, "csep")
    print(f"Keras' outputs against csep's: error {error:.1e} of the largest")

    runners = {"csep": lambda: detector(maps)}
    for name, run in network_peers.peers(model, maps, options.threads).items():
        runners[name] = run
        results = sorted(run(), key=lambda y: y.shape)
        network_peers.check(results, sorted(expected, key=lambda y: y.shape), name)
    network_peers.report(
        "EfficientDet-D0, BiFPN and heads", runners, options.threads, options.seconds
    )


if __name__ == "__main__":
    main()
