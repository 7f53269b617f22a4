"""Whole networks, made by hand: MobileNet, and blocks of MobileNetV2 and EfficientNet.

State is made at first use and kept, as in `layers`.
"""

import os
import tempfile
from functools import cache

import numpy as np

import csep

RNG = np.random.default_rng(0)

# Strides and outputs of MobileNet's separable layers.
MOBILENET = [(1, 64), (2, 128), (1, 128), (2, 256), (1, 256), (2, 512), *[(1, 512)] * 5]
MOBILENET += [(2, 1024), (1, 1024)]


def normal(*shape):
    """Return weights that keep signals at about their size."""
    return (RNG.standard_normal(shape) / np.sqrt(np.prod(shape[:-1]))).astype("f4")


def separable(x, channels, filters, strides, activation):
    """Return a depthwise and a pointwise convolution with activations."""
    return csep.SeparableConv2D(
        normal(3, 3, channels, 1),
        normal(channels, filters),
        normal(filters),
        strides=strides,
        padding="SAME",
        depthwise_activation=activation,
        activation=activation,
    )(x)


def pointwise(x, channels, filters, activation=None):
    """Return a pointwise convolution."""
    pw, bias = normal(channels, filters), normal(filters)
    return csep.PointwiseConv2D(pw, bias, activation=activation)(x)


def mobilenet():
    """Return MobileNet, 224x224."""
    x = csep.Input((224, 224, 3))
    y = csep.Conv2D(normal(3, 3, 3, 32), strides=2, padding="SAME", activation="relu6")(x)
    channels = 32
    for strides, filters in MOBILENET:
        y = separable(y, channels, filters, strides, "relu6")
        channels = filters
    y = csep.reshape(csep.global_average_pool(y), (1, 1, channels))
    return csep.Network(x, csep.softmax(pointwise(y, channels, 1000)))


def inverted_residual():
    """Return an expansion by six, a depthwise convolution and a projection at 56x56."""
    x = csep.Input((56, 56, 24))
    wide = pointwise(x, 24, 144, "relu6")
    depthwise = csep.DepthwiseConv2D(normal(3, 3, 144, 1), padding="SAME", activation="relu6")
    return csep.Network(x, csep.add([pointwise(depthwise(wide), 144, 24), x]))


def squeeze_and_excite():
    """Return EfficientNet's block at 112x112, with SiLU and a factor for each channel."""
    x = csep.Input((112, 112, 16))
    y = pointwise(x, 16, 96, "silu")
    y = csep.DepthwiseConv2D(normal(3, 3, 96, 1), strides=2, padding="SAME", activation="silu")(y)
    factor = csep.reshape(csep.global_average_pool(y), (1, 1, 96))
    factor = pointwise(pointwise(factor, 96, 4, "silu"), 4, 96, "sigmoid")
    return csep.Network(x, pointwise(csep.multiply([y, factor]), 96, 24))


NETWORKS = {
    "MobileNet": mobilenet,
    "inverted residual 56x56x24": inverted_residual,
    "squeeze and excite 112x112x16": squeeze_and_excite,
}


@cache
def network(name):
    """Return a network that has run once, an image and a result."""
    made = NETWORKS[name]()
    x = RNG.standard_normal((1, *made.input_shapes[0][1:])).astype("f4")
    return made, x, made(x)


@cache
def saved():
    """Return where MobileNet is saved, for as long as this process lives."""
    folder = tempfile.TemporaryDirectory()
    path = os.path.join(folder.name, "model.csep")
    network("MobileNet")[0].save(path)
    return folder, path


class Networks:
    """Time of one call, result written to ``out=``."""

    params = (list(NETWORKS), [1, 2])
    param_names = ("network", "threads")
    warmup_time = 0.1
    sample_time = 0.05
    repeat = (5, 20, 1.0)

    def time_call(self, name, threads):
        """All steps."""
        made, x, y = network(name)
        made(x, y, threads)


class Files:
    """Time to read MobileNet, 17 MB, check and pack it."""

    warmup_time = 0.1
    sample_time = 0.05
    repeat = (5, 20, 1.0)

    def time_load(self):
        """One load."""
        csep.load(saved()[1])


class NetworkMemory:
    """Peak resident size of a process that makes and calls MobileNet."""

    def peakmem_mobilenet(self):
        """Weights, packed weights, arena and result."""
        made, x, y = network("MobileNet")
        made(x, y, 2)
