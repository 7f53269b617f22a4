"""What this machine could do at best, measured as it is now."""

from __future__ import annotations

import time

import numpy as np
from workload import aligned_empty

from csep import _core


def timed(call, *arguments):
    """Return the seconds one call took."""
    start = time.perf_counter()
    call(*arguments)
    return time.perf_counter() - start


class Roofline:
    """One core's limits for one row, sampled in turn with what they limit.

    The limit is the larger of the time the arithmetic takes at the FMA peak and the time it takes
    to read the compulsory input and write the output, at this row's own working-set size.
    """

    ITERATIONS = 20_000  # about 50 microseconds

    def __init__(self, row):
        self.row = row
        self._reads = aligned_empty((max(row.read_bytes // 4, 128),))
        self._writes = aligned_empty((max(row.write_bytes // 4, 128),))
        self._reads[...] = 1
        # Small rows are repeated, so that what the call itself costs does not count.
        self._repeats = max(1, 1_000_000 // (row.read_bytes + row.write_bytes))
        self.peak, self.read, self.write = [], [], []

    def sample(self):
        """Take one sample of each limit."""
        double = self.row.dtype == "float64"
        flops = _core.fma_probe(1, double)
        self.peak.append(flops * self.ITERATIONS / timed(_core.fma_probe, self.ITERATIONS, double))
        n = self._repeats
        self.read.append(timed(_core.read_probe, self._reads, n) / n)
        self.write.append(timed(_core.write_probe, self._writes, n) / n)

    def limits(self):
        """Return the medians: FMA peak in FLOP/s, and the seconds of arithmetic and traffic."""
        peak = float(np.median(self.peak))
        traffic = float(np.median(self.read) + np.median(self.write))
        return {"peak": peak, "arithmetic": self.row.flops / peak, "traffic": traffic}
