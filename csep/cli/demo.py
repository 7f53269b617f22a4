"""What ``python -m csep`` runs: well-known layers, timed and checked against the formula."""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import dataclass

import numpy as np

from ..operators import SeparableConv2D
from ..runtime import __version__, get_isa, get_num_threads
from ..runtime.peak import measure_peak


@dataclass(frozen=True)
class Layer:
    """One row of the table; square images, stride and kernel."""

    name: str
    size: int
    channels: int
    filters: int
    kernel: int = 3
    stride: int = 1
    multiplier: int = 1
    padding: str = "SAME"


LAYERS = (
    Layer("MobileNetV1 block 1", 112, 32, 64),
    Layer("MobileNetV1 block 2", 112, 64, 128, stride=2),
    Layer("MobileNetV1 block 3", 56, 128, 128),
    Layer("MobileNetV1 block 4", 56, 128, 256, stride=2),
    Layer("MobileNetV1 block 5", 28, 256, 256),
    Layer("MobileNetV1 block 6", 28, 256, 512, stride=2),
    Layer("MobileNetV1 blocks 7-11", 14, 512, 512),
    Layer("MobileNetV1 block 12", 14, 512, 1024, stride=2),
    Layer("MobileNetV1 block 13", 7, 1024, 1024),
    Layer("28x28x3 to 16 by 5x5", 28, 3, 16, kernel=5, padding="VALID"),
    Layer("224x224x10 to 32 by 3x3", 224, 10, 32),
    Layer("RGB, multiplier 8, to 32", 224, 3, 32, multiplier=8),
)


def float64_reference(x, dw, pw, bias, out_size, strides=(1, 1), dilations=(1, 1)):
    """Evaluate the formula in float64 with NumPy, one tap at a time over a padded copy.

    The padding is what an output of out_size needs, TensorFlow's way: the odd pixel after.
    """
    (sh, sw), (dh, dw_) = strides, dilations
    pads = []
    for n, outputs, k, s, d in zip(
        x.shape[1:3], out_size, dw.shape, strides, dilations, strict=False
    ):
        total = max((outputs - 1) * s + (k - 1) * d + 1 - n, 0)
        pads.append((total // 2, total - total // 2))
    padded = np.pad(x.astype(np.float64), ((0, 0), *pads, (0, 0)))
    batch, (out_h, out_w) = x.shape[0], out_size
    z = np.zeros((batch, out_h, out_w, x.shape[3], dw.shape[3]))
    for di in range(dw.shape[0]):
        for dj in range(dw.shape[1]):
            rows = slice(di * dh, di * dh + (out_h - 1) * sh + 1, sh)
            columns = slice(dj * dw_, dj * dw_ + (out_w - 1) * sw + 1, sw)
            z += padded[:, rows, columns, :, None] * dw[di, dj].astype(np.float64)
    return z.reshape(batch, out_h, out_w, -1) @ pw[0, 0].astype(np.float64) + bias


def _median_seconds(call, seconds: float) -> float:
    call()
    times: list[float] = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end or len(times) < 5:
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def run_layer(layer: Layer, seconds: float = 0.25) -> tuple[str, float]:
    """Time and check one layer; return its line of the table and its error."""
    rng = np.random.default_rng(0)
    k, c, m = layer.kernel, layer.channels, layer.multiplier
    x = rng.standard_normal((1, layer.size, layer.size, c), np.float32)
    dw = rng.standard_normal((k, k, c, m), np.float32)
    pw = rng.standard_normal((1, 1, c * m, layer.filters), np.float32)
    bias = rng.standard_normal(layer.filters, np.float32)

    op = SeparableConv2D(dw, pw, bias, layer.stride, layer.padding)
    y = op(x)
    # The clock changes with load and neighbours: the peak is measured on both sides of the layer.
    peaks = [measure_peak()]
    one = _median_seconds(lambda: op(x, y, 1), seconds)
    peaks.append(measure_peak())
    every = _median_seconds(lambda: op(x, y), seconds)
    expected = float64_reference(x, dw, pw, bias, y.shape[1:3], op.strides)
    error = float(np.abs(y - expected).max() / np.abs(expected).max())

    parameters, flops = op.count_params(), 2 * (op.macs(x.shape) or 0)
    shape = " x ".join(str(n) for n in y.shape[1:])
    return (
        f"{layer.name:26}{shape:>17}{parameters:>12,}{one * 1e3:>10.3f}{every * 1e3:>10.3f}"
        f"{flops / one / 1e9:>10.1f}{flops / one / statistics.mean(peaks):>9.0%}{error:>10.1e}",
        error,
    )


def main() -> int:
    """Print the table; return 0 if every result is right."""
    threads = get_num_threads()
    print(f"csep {__version__}, instruction set {get_isa()}, {threads} threads")
    print(f"FMA peak of one core, measured: {measure_peak() / 1e9:.1f} GFLOP/s\n")
    header = (
        f"{'layer':26}{'output':>17}{'parameters':>12}{'ms, 1 thr':>10}"
        f"{f'ms, {threads} thr':>10}{'GFLOP/s':>10}{'of peak':>9}{'error':>10}"
    )
    print(header + "\n" + "-" * len(header))
    worst = 0.0
    for number, layer in enumerate(LAYERS, 1):
        progress = f"  {number} of {len(LAYERS)}: {layer.name} ..."
        if sys.stderr.isatty():
            print(progress, end="\r", file=sys.stderr, flush=True)
        line, error = run_layer(layer)
        if sys.stderr.isatty():
            print(" " * len(progress), end="\r", file=sys.stderr, flush=True)
        print(line, flush=True)
        worst = max(worst, error)
    print(
        "\nGFLOP/s and share of peak: one thread, median.  Error: the largest against a float64"
        f"\nNumPy evaluation of the formula, as a part of the largest output.  Worst: {worst:.1e}."
    )
    return 0 if worst < 2e-5 else 1
