"""Calls whose time is not that of their multiply-adds: tiny images, strides above the kernel.

    python benchmarks/extremes.py [--threads 1]

Prints for each call its time for one pixel of the result, and beside it what that pixel needs:
multiply-adds, bytes of x under its kernel and of the result.  SECURITY.md states what follows.
"""

from __future__ import annotations

import argparse
import statistics

import numpy as np
from roofline import timed

import csep

CHANNELS = 16


def seconds(call, least=0.3):
    """Return the median time of a call, over at least this many seconds."""
    call()
    times = []
    while sum(times) < least or len(times) < 5:
        times.append(timed(call))
    return statistics.median(times)


def cases():
    """Yield name, input shape, kernel, stride, padding."""
    yield "usual: 3x3 on 64x64", (1, 64, 64), 3, 1, "SAME"
    yield "20,000 images of 1 pixel, 3x3", (20_000, 1, 1), 3, 1, "SAME"
    yield "20,000 images of 1 pixel, 1x1", (20_000, 1, 1), 1, 1, "SAME"
    yield "5,000 images of 2x2, 3x3", (5_000, 2, 2), 3, 1, "SAME"
    yield "1x1, stride 2 on 128x128", (1, 128, 128), 1, 2, "VALID"
    yield "3x3, stride 16 on 1024x1024", (1, 1024, 1024), 3, 16, "VALID"
    yield "3x3, stride 400 on 1600x1600", (1, 1600, 1600), 3, 400, "VALID"
    yield "1x1, stride 1000 on 1x1,000,000", (1, 1, 1_000_000), 1, 1000, "VALID"


def main():
    """Measure every case in every form of the input."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=1)
    threads = parser.parse_args().threads
    print(f"{csep.show_config('dicts')['instruction set']}, threads {threads}, C = CO = {CHANNELS}")
    print(f"{'separable layer':<36}{'x':<14}{'ns a pixel':>11}{'MACs':>7}{'bytes':>7}")
    rng = np.random.default_rng(0)
    pw = rng.standard_normal((CHANNELS, CHANNELS), np.float32)
    for name, (n, h, w), k, stride, padding in cases():
        dw = rng.standard_normal((k, k, CHANNELS, 1), np.float32)
        for dtype, layout in (("f4", "NHWC"), ("f2", "NHWC"), ("f4", "NCHW")):
            shape = (n, h, w, CHANNELS) if layout == "NHWC" else (n, CHANNELS, h, w)
            x = np.ones(shape, dtype)
            op = csep.SeparableConv2D(dw, pw, None, stride, padding, data_format=layout)
            out = np.empty(op.output_shape(shape), dtype)
            pixels = out.size // CHANNELS
            spent = seconds(lambda op=op, x=x, out=out: op(x, out, threads))
            macs = op.macs(shape) // pixels
            touched = (min(k, h) * min(k, w) + 1) * CHANNELS * x.itemsize
            form = f"{x.dtype} {layout}"
            print(f"{name:<36}{form:<14}{spent / pixels * 1e9:>11.1f}{macs:>7}{touched:>7}")


if __name__ == "__main__":
    main()
