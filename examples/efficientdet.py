"""EfficientDet-D0's BiFPN and heads from Keras layers with random weights as a csep.Network.

python examples/efficientdet.py

Every convolution is a fused separable one with its normalisation and SiLU; the weighted sum of
feature maps is one step.  benchmarks/networks.py times it beside other libraries.
"""

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

    inputs = [keras.Input((n, n, CHANNELS), name=f"p{3 + i}") for i, n in enumerate(SIZES)]
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


def main():
    """Read, check, and say what each step takes."""
    model = keras_model()
    network = csep.Network.from_keras(model)
    rng = np.random.default_rng(1)
    maps = [rng.standard_normal((1, n, n, CHANNELS)).astype("f4") for n in SIZES]
    expected = [np.asarray(y) for y in model(maps, training=False)]
    for y, truth in zip(network(maps), expected, strict=True):
        error = np.abs(y - truth).max() / np.abs(truth).max()
        assert error < 2e-4
        print(f"{truth.shape}: error {error:.1e} of the largest")
    print(network.profile(maps))


if __name__ == "__main__":
    main()
