"""What one core can do, as it is now."""

from __future__ import annotations

import time

import numpy as np

from .. import _core


def measure_peak(seconds: float = 0.1, double_precision: bool = False) -> float:
    """Return the FMA peak of one core in FLOP/s, as it is now: the median of many short runs."""
    rates = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        start = time.perf_counter()
        flops = _core.fma_probe(100_000, double_precision)
        rates.append(flops / (time.perf_counter() - start))
    return float(np.median(rates))
