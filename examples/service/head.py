"""A head of EfficientDet-D0 in csep, its weights in an .npz file.

python head.py head.npz [--outputs 810]

writes a file with random weights: for layer i, dw{i} of (3, 3, 64, 1), pw{i} of (64, CO) and
bias{i} of (CO,), batch normalisation folded in.  Layers but the last have 64 outputs and end in
SiLU.
"""

import argparse
import os
from pathlib import Path

import numpy as np

import csep

CHANNELS, REPEATS = 64, 3


class Head:
    """Separable convolutions, one after the other; may be called from many threads at once."""

    def __init__(self, layers):
        *first, last = layers
        self.convs = [
            csep.SeparableConv2D(*weights, padding="SAME", activation="silu") for weights in first
        ]
        self.convs.append(csep.SeparableConv2D(*last, padding="SAME"))
        self.channels, self.outputs = last[1].shape[0], last[1].shape[1]

    def warm_up(self):
        """Make threads and scratch memory; forked workers have the latter."""
        self(np.zeros((1, 64, 64, self.channels), "f4"))

    def __call__(self, x):
        """Return (N, H, W, outputs) of a feature map (N, H, W, channels)."""
        for conv in self.convs:
            x = conv(x)
        return x


def read_layers(path):
    """Read the layers of an .npz file; ValueError names what is missing in it."""
    layers = []
    with np.load(path, allow_pickle=False) as arrays:
        while f"dw{len(layers)}" in arrays:
            names = [f"{part}{len(layers)}" for part in ("dw", "pw", "bias")]
            missing = [name for name in names if name not in arrays]
            if missing:
                raise ValueError(f"{path}: expected {', '.join(names)}; missing {missing}")
            layers.append([arrays[name] for name in names])
    if not layers:
        raise ValueError(f"{path}: expected dw0, pw0, bias0, ...")
    return layers


def load(path):
    """Return the head of an .npz file, computed by what HEAD_BACKEND names: csep or onnxruntime."""
    backend = os.environ.get("HEAD_BACKEND", "csep")
    if backend == "csep":
        return Head(read_layers(path))
    if backend == "onnxruntime":
        from head_onnx import OnnxHead

        return OnnxHead(read_layers(path))
    raise ValueError(f"HEAD_BACKEND: expected csep or onnxruntime, got {backend!r}")


def write_random(path, outputs=810, seed=0):
    """Write weights of the scale that training leaves: 810 outputs are 9 anchors x 90 classes."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for i in range(REPEATS + 1):
        co = outputs if i == REPEATS else CHANNELS
        arrays[f"dw{i}"] = rng.normal(0, 0.3, (3, 3, CHANNELS, 1)).astype("f4")
        arrays[f"pw{i}"] = rng.normal(0, 0.15, (CHANNELS, co)).astype("f4")
        arrays[f"bias{i}"] = rng.normal(0, 0.1, co).astype("f4")
    np.savez(path, **arrays)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--outputs", type=int, default=810)
    options = parser.parse_args()
    write_random(options.path, options.outputs)
