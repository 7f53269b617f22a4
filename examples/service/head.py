"""A network to serve: a head of EfficientDet-D0 with random weights.

python head.py head.csep [--outputs 810]

Separable convolutions of 64 channels with SiLU, the last of 9 anchors x 90 classes.  A file that
ends in .onnx has the same network for ONNX Runtime.
"""

import argparse
from pathlib import Path

import numpy as np

import csep

CHANNELS, REPEATS = 64, 3


def random_layers(outputs=810, seed=0):
    """Return dw, pw and bias of each layer, of the scale that training leaves."""
    rng = np.random.default_rng(seed)
    layers = []
    for i in range(REPEATS + 1):
        co = outputs if i == REPEATS else CHANNELS
        dw = rng.normal(0, 0.3, (3, 3, CHANNELS, 1))
        pw, bias = rng.normal(0, 0.15, (CHANNELS, co)), rng.normal(0, 0.1, co)
        layers.append([array.astype("f4") for array in (dw, pw, bias)])
    return layers


def network(layers):
    """Return the layers as one network, SiLU between them."""
    *first, last = layers
    y = x = csep.Input((None, None, CHANNELS), name="features")
    for weights in first:
        y = csep.SeparableConv2D(*weights, padding="SAME", activation="silu")(y)
    return csep.Network(x, {"classes": csep.SeparableConv2D(*last, padding="SAME")(y)})


def write_random(path, outputs=810, seed=0):
    """Write the network with random weights to a .csep or .onnx file."""
    layers = random_layers(outputs, seed)
    if str(path).endswith(".onnx"):
        from head_onnx import build_model

        Path(path).write_bytes(build_model(layers))
    else:
        network(layers).save(path)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--outputs", type=int, default=810)
    options = parser.parse_args()
    write_random(options.path, options.outputs)
