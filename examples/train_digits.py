"""Why a network of separable convolutions may stay at 10 %, answered by training: csep and NumPy.

    python examples/train_digits.py [--epochs 20] [--seeds 5] [--picture FILE] [--mnist FILE.npz]

Needs scikit-learn, for its 1,797 handwritten digits, here enlarged to 28x28; or the usual
mnist.npz, of which 6,000 images are taken.  Each network has two layers of 16 and 32 filters that
halve the image, a mean over the pixels, and a dense layer; only the layers differ:

    conv           ordinary 3x3 convolutions
    separable m    separable ones with channel_multiplier m
    ones           separable, with a pointwise filter of ones that is not trained
    shared         separable, with one 3x3 kernel for all channels

Weights begin as Keras draws them (Glorot), or as examples for early TensorFlow did, standard
normal.  Prints a table, says what it shows and, with matplotlib, draws how the accuracy grows.
"""

import argparse
import time
from pathlib import Path

import numpy as np

import csep

FILTERS, BATCH = (16, 32), 50
SLIDE = {"strides": 2, "padding": "SAME", "activation": "relu"}


class Conv:
    """An ordinary 3x3 convolution."""

    def __init__(self, channels, filters, draw):
        self.weights = {"w": draw((3, 3, channels, filters)), "bias": np.zeros(filters, "f4")}

    def forward(self, x):
        """Return the result."""
        self.x = x
        return csep.conv2d(x, **self.weights, **SLIDE)

    def backward(self, dy):
        """Return the gradients of x and of the weights, by name."""
        g = csep.conv2d_backward(dy, self.x, **self.weights, **SLIDE)
        return g.x, {name: getattr(g, name) for name in self.weights}


class Separable:
    """A separable 3x3 convolution; frozen: names of weights that are not trained."""

    frozen = ()

    def __init__(self, channels, filters, draw, multiplier=1):
        self.weights = {
            "dw": draw((3, 3, channels, multiplier)),
            "pw": draw((channels * multiplier, filters)),
            "bias": np.zeros(filters, "f4"),
        }

    def forward(self, x):
        """Return the result."""
        self.x = x
        return csep.separable_conv2d(x, **self.weights, **SLIDE)

    def backward(self, dy):
        """Return the gradients of x and of the weights, by name."""
        trained = [name for name in self.weights if name not in self.frozen]
        wrt = ["x", *trained]
        g = csep.separable_conv2d_backward(dy, self.x, **self.weights, **SLIDE, wrt=wrt)
        return g.x, {name: getattr(g, name) for name in trained}


class Ones(Separable):
    """With a pointwise filter of ones: every output is the sum of all depthwise results."""

    frozen = ("pw",)

    def __init__(self, channels, filters, draw):
        super().__init__(channels, filters, draw)
        self.weights["pw"] = np.ones((channels, filters), "f4")


class Shared(Separable):
    """With one 3x3 kernel for all channels."""

    def __init__(self, channels, filters, draw):
        super().__init__(channels, filters, draw)
        self.weights["dw"] = draw((3, 3, 1, 1))


NETWORKS = {
    "conv": Conv,
    **{
        f"separable {m}": (lambda c, f, d, m=m: Separable(c, f, d, multiplier=m))
        for m in (1, 2, 4, 8)
    },
    "ones": Ones,
    "shared": Shared,
}


def glorot(rng):
    """Return what draws weights as Keras does, so that signals keep their spread."""

    def draw(shape):
        taps = np.prod(shape[:-2])
        limit = np.sqrt(6 / (taps * (shape[-2] + shape[-1])))
        return rng.uniform(-limit, limit, shape).astype("f4")

    return draw


def normal(rng):
    """Return what draws weights of spread 1, whatever the layer."""
    return lambda shape: rng.standard_normal(shape, np.float32)


class Network:
    """Two layers, the mean over the pixels, a dense layer; trained by Adam or by plain descent."""

    def __init__(self, layer, draw, rng):
        channels = (1, *FILTERS)
        self.layers = [layer(c, f, draw) for c, f in zip(channels, FILTERS, strict=False)]
        dense = glorot(rng)((FILTERS[-1], 10))
        self.dense = {"w": dense, "bias": np.zeros(10, "f4")}
        self.moments, self.step = {}, 0

    def count(self):
        """Return how many parameters are trained."""
        trained = [
            weights.size
            for layer in self.layers
            for name, weights in layer.weights.items()
            if name not in getattr(layer, "frozen", ())
        ]
        return sum(trained) + sum(weights.size for weights in self.dense.values())

    def scores(self, x):
        """Return a score for each digit."""
        for layer in self.layers:
            x = layer.forward(x)
        self.maps, self.means = x, x.mean((1, 2))
        return self.means @ self.dense["w"] + self.dense["bias"]

    def train(self, x, labels, rate, descend):
        """Take one step on a batch."""
        scores = self.scores(x)
        scores = np.exp(scores - scores.max(1, keepdims=True))
        slope = scores / scores.sum(1, keepdims=True)
        slope[np.arange(len(x)), labels] -= 1
        slope /= len(x)
        found = [(self.dense, {"w": self.means.T @ slope, "bias": slope.sum(0)})]
        pixels = self.maps.shape[1] * self.maps.shape[2]
        dy = np.empty_like(self.maps)
        dy[...] = (slope @ self.dense["w"].T / pixels)[:, None, None, :]
        for layer in reversed(self.layers):
            dy, gradients = layer.backward(dy)
            found.append((layer.weights, gradients))
        self.step += 1
        for weights, gradients in found:
            for name, gradient in gradients.items():
                weights[name] -= rate * descend(self, (id(weights), name), gradient)

    def accuracy(self, x, labels):
        """Return the part of images that are told right."""
        return float(np.mean(self.scores(x).argmax(1) == labels))


def adam(network, key, gradient):
    """Return Adam's direction."""
    first, second = network.moments.get(key, (0.0, 0.0))
    first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
    network.moments[key] = first, second
    first, second = first / (1 - 0.9**network.step), second / (1 - 0.999**network.step)
    return (first / (np.sqrt(second) + 1e-7)).astype("f4")


def sgd(network, key, gradient):
    """Return the direction of gradient descent with momentum."""
    network.moments[key] = 0.9 * network.moments.get(key, np.float32(0)) + gradient
    return network.moments[key]


# Optimiser, its rate, and how weights begin.
WAYS = {
    "Adam, Glorot": (adam, 0.01, glorot),
    "SGD, Glorot": (sgd, 0.1, glorot),
    "Adam, normal": (adam, 0.01, normal),
    "SGD, normal": (sgd, 0.1, normal),
}


# Epochs from which on the differences are there with any seed.
ENOUGH = 12


def digits():
    """Return scikit-learn's digits as 28x28 images of mean 0, and their labels, mixed."""
    from sklearn.datasets import load_digits

    found = load_digits()
    small = (found.images / 16).astype("f4")
    places = np.clip((np.arange(28) + 0.5) * 8 / 28 - 0.5, 0, 7)
    low = np.minimum(places.astype(int), 6)
    part = (places - low).astype("f4")
    rows = np.zeros((28, 8), "f4")
    rows[np.arange(28), low], rows[np.arange(28), low + 1] = 1 - part, part
    return rows @ small @ rows.T, found.target


def mnist(path):
    """Return 6,000 images of the usual mnist.npz, and their labels."""
    with np.load(path, allow_pickle=False) as arrays:
        return (arrays["x_train"][:6000] / 255).astype("f4"), arrays["y_train"][:6000].astype(int)


def split(images, labels):
    """Return images to train with and to test with, a fifth, standardised."""
    order = np.random.default_rng(0).permutation(len(images))
    images = ((images - images.mean()) / images.std())[order, ..., None]
    labels, fifth = labels[order], len(images) // 5
    return (images[fifth:], labels[fifth:]), (images[:fifth], labels[:fifth])


def spread_at_start(layer, initial, data):
    """Return the standard deviation of the last maps before any training."""
    rng = np.random.default_rng(0)
    network = Network(layer, initial(rng), rng)
    network.scores(data[0][0][:500])
    return float(network.maps.std())


def run(layer, way, seed, data, epochs):
    """Train one network; return its accuracy on the test images after each epoch."""
    (x, labels), test = data
    descend, rate, initial = WAYS[way]
    rng = np.random.default_rng(seed)
    network = Network(layer, initial(rng), rng)
    curve = []
    with np.errstate(over="ignore", invalid="ignore"):  # what diverges is shown as it is
        for _ in range(epochs):
            order = rng.permutation(len(x))
            for first in range(0, len(x) - BATCH + 1, BATCH):
                some = order[first : first + BATCH]
                network.train(x[some], labels[some], rate, descend)
            curve.append(network.accuracy(*test))
    return curve, network.count()


def draw_picture(results, path):
    """Draw the mean accuracy by epoch: a panel for each way, a line for each network."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(1, len(WAYS), figsize=(14, 4.6), sharey=True)
    for axis, way in zip(axes, WAYS, strict=True):
        for name in NETWORKS:
            curves = 100 * np.array(results[name, way][0])
            epochs = np.arange(1, curves.shape[1] + 1)
            (line,) = axis.plot(epochs, curves.mean(0), label=name, linewidth=2)
            axis.fill_between(
                epochs, curves.min(0), curves.max(0), color=line.get_color(), alpha=0.12
            )
        axis.axhline(10, color="gray", linestyle=":")
        axis.set(title=way, xlabel="epoch", ylim=(0, 100))
        axis.grid(alpha=0.3)
    axes[0].set_ylabel("test images told right, %")
    axes[-1].legend(loc="upper left", bbox_to_anchor=(1, 1))
    figure.suptitle("Mean over seeds, lowest to highest shaded; dotted: guessing")
    figure.tight_layout()
    figure.savefig(path, dpi=110)


def explain(results, spreads):
    """Check what the run shows, and say it."""

    def last(name, way):
        return float(np.mean([curve[-1] for curve in results[name, way][0]]))

    right = {name: last(name, "Adam, Glorot") for name in NETWORKS}
    lost = last("separable 8", "SGD, normal")
    assert right["conv"] > 0.8, right
    assert right["separable 8"] > right["separable 1"] + 0.03, right
    assert right["ones"] < 0.45, right
    assert lost < 0.2, lost
    keras, old = spreads["separable 8"]
    ones, one, eight, shared = (
        f"{right[name]:.0%}" for name in ("ones", "separable 1", "separable 8", "shared")
    )
    print(f"""
ones         Each layer's outputs are one and the same sum, so the dense layer sees one number
             for an image: {ones}.  Nothing can be told apart by it, whatever the depthwise
             kernels are.
separable 1  A grey image is one channel, and multiplier 1 makes one map of it: the first layer's
             16 outputs are that map, scaled.  {one} after as many epochs as take
             multiplier 8, which has 8 maps to choose from, to {eight}.
normal       Weights of spread 1 multiply the spread of signals by about sqrt(9 * C * M) a layer:
             the last maps of separable 8 begin at {old:.0f}, Glorot's at {keras:.2f}.  Each
             stage's gradient holds the other's weights, so gradients grow likewise, and the
             first steps of gradient descent throw the network off for good: {lost:.0%}, one and
             the same digit for every image.  Adam's steps do not grow with gradients, and it
             learns.
shared       One 3x3 kernel for all channels, trained: {shared}.""")


def main():
    """Train all, print the table, draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--picture", type=Path, help="draw it into this file")
    parser.add_argument("--mnist", type=Path, help="mnist.npz, instead of scikit-learn's digits")
    options = parser.parse_args()
    data = split(*(mnist(options.mnist) if options.mnist else digits()))
    results, spreads = {}, {}
    columns = ["network", "parameters", *(f"{way}, %" for way in WAYS)]
    columns += ["maps at the start, Glorot", "normal", "s an epoch"]
    print(f"| {' | '.join(columns)} |\n|---|{'---:|' * (len(columns) - 1)}")
    for name, layer in NETWORKS.items():
        start = time.perf_counter()
        for way in WAYS:
            curves = [run(layer, way, seed, data, options.epochs) for seed in range(options.seeds)]
            results[name, way] = [curve for curve, _ in curves], curves[0][1]
        seconds = (time.perf_counter() - start) / (len(WAYS) * options.seeds * options.epochs)
        cells = [name, str(results[name, way][1])]
        for way in WAYS:
            final = [100 * curve[-1] for curve in results[name, way][0]]
            cells.append(f"{np.mean(final):.0f} ({min(final):.0f} to {max(final):.0f})")
        spreads[name] = [spread_at_start(layer, initial, data) for initial in (glorot, normal)]
        cells += [f"{spread:.2f}" for spread in spreads[name]]
        print(f"| {' | '.join(cells)} | {seconds:.2f} |", flush=True)
    if options.picture:
        draw_picture(results, options.picture)
        print(f"\nwrote {options.picture}")
    if options.mnist or options.epochs < ENOUGH:
        print(f"\nWhat it shows is told of the digits, after {ENOUGH} epochs and more.")
    else:
        explain(results, spreads)


if __name__ == "__main__":
    main()
