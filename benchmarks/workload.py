"""The layers that count, as arrays."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

PATH = Path(__file__).with_name("workload.json")


def aligned_empty(shape):
    """Return an uninitialised float32 array on a cache line, as every framework allocates."""
    size = int(np.prod(shape))
    room = np.empty(size + 16, np.float32)
    start = -room.ctypes.data // 4 % 16
    return room[start : start + size].reshape(shape)


@dataclass(frozen=True)
class Row:
    """One layer: NHWC input, square stride."""

    name: str
    n: int
    h: int
    w: int
    c: int
    kh: int
    kw: int
    m: int
    co: int
    stride: int
    padding: str

    @property
    def output_shape(self):
        """NHWC."""
        sides = []
        for size, kernel in ((self.h, self.kh), (self.w, self.kw)):
            room = size if self.padding == "SAME" else size - kernel + 1
            sides.append(-(-room // self.stride))
        return (self.n, *sides, self.co)

    @property
    def pads(self):
        """``((top, bottom), (left, right))`` in pixels."""
        if self.padding == "VALID":
            return ((0, 0), (0, 0))
        pads = []
        for size, kernel, out in zip(
            (self.h, self.w), (self.kh, self.kw), self.output_shape[1:3], strict=True
        ):
            total = max((out - 1) * self.stride + kernel - size, 0)
            pads.append((total // 2, total - total // 2))
        return tuple(pads)

    @property
    def flops(self):
        """Two for each multiply-add, those on padding included."""
        n, h, w, co = self.output_shape
        return 2 * n * h * w * self.c * self.m * (self.kh * self.kw + co)

    @property
    def read_bytes(self):
        """Compulsory reads: input and weights once."""
        depth = self.c * self.m
        weights = depth * (self.kh * self.kw + self.co) + self.co
        return 4 * (self.n * self.h * self.w * self.c + weights)

    @property
    def write_bytes(self):
        """Compulsory writes: the output once."""
        return 4 * int(np.prod(self.output_shape))

    @property
    def intensity(self):
        """Floating-point operations per compulsory byte."""
        return self.flops / (self.read_bytes + self.write_bytes)

    def arrays(self):
        """Return x, dw, pw and bias."""
        rng = np.random.default_rng(0)
        shapes = (
            (self.n, self.h, self.w, self.c),
            (self.kh, self.kw, self.c, self.m),
            (1, 1, self.c * self.m, self.co),
            (self.co,),
        )
        made = []
        for shape in shapes:
            array = aligned_empty(shape)
            array[...] = rng.standard_normal(shape, np.float32)
            made.append(array)
        return tuple(made)


def rows():
    """Return every row of the workload."""
    fields = Row.__dataclass_fields__
    return [
        Row(**{key: value for key, value in row.items() if key in fields})
        for row in json.loads(PATH.read_text())["rows"]
    ]
