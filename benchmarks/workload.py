"""The layers that count, as arrays."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import csep

PATH = Path(__file__).with_name("workload.json")


def dtype_of(name):
    """Return a dtype by name, bfloat16 included."""
    if name == "bfloat16":
        import ml_dtypes

        return np.dtype(ml_dtypes.bfloat16)
    return np.dtype(name)


def aligned_empty(shape, dtype=np.float32):
    """Return an uninitialised array on a cache line, as every framework allocates."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    room = np.empty(size + 64, np.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + size].view(dtype).reshape(shape)


@dataclass(frozen=True)
class Stage:
    """One of the convolutions that other libraries run for a layer."""

    kernel: np.ndarray  # (kh, kw, C, M) of a depthwise one, else (kh, kw, C, CO)
    depthwise: bool
    stride: int
    padding: str
    pads: tuple
    bias: np.ndarray | None


@dataclass(frozen=True)
class Row:
    """One layer: square stride; sizes of the input are given as NHWC whatever the layout."""

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
    kind: str = "separable"
    dtype: str = "float32"
    layout: str = "NHWC"
    about: str = ""

    @property
    def title(self):
        """What the layer is, for readers of graphs; no two rows have the same."""
        batch = f"{self.n}x" if self.n > 1 else ""
        stride = f", stride {self.stride}" if self.stride > 1 else ""
        sizes = f"{batch}{self.h}x{self.w}x{self.c} to {self.co}, {self.kh}x{self.kw}{stride}"
        return f"{self.about.split(':')[0]} ({sizes})"

    @property
    def headline(self):
        """Whether it is a float32 NHWC separable convolution, and not of the rest of the family."""
        return (self.kind, self.dtype, self.layout) == ("separable", "float32", "NHWC")

    @property
    def output_shape(self):
        """NHWC."""
        sides = []
        for size, kernel in ((self.h, self.kh), (self.w, self.kw)):
            room = size if self.padding == "SAME" else size - kernel + 1
            sides.append(-(-room // self.stride))
        return (self.n, *sides, self.co)

    def laid_out(self, shape):
        """Return an NHWC shape in the row's layout."""
        n, h, w, c = shape
        return shape if self.layout == "NHWC" else (n, c, h, w)

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
    def kernel_shapes(self):
        """The weights without the bias, as csep and Keras have them."""
        taps, depth = (self.kh, self.kw), self.c * self.m
        return {
            "separable": ((*taps, self.c, self.m), (1, 1, depth, self.co)),
            "depthwise": ((*taps, self.c, self.m),),
            "pointwise": ((1, 1, self.c, self.co),),
            "conv": ((*taps, self.c, self.co),),
        }[self.kind]

    @property
    def flops(self):
        """Two for each multiply-add, those on padding included: each weight meets each pixel."""
        weights = sum(int(np.prod(shape)) for shape in self.kernel_shapes)
        return 2 * weights * int(np.prod(self.output_shape[:3]))

    @property
    def read_bytes(self):
        """Compulsory reads: input and weights once."""
        weights = sum(int(np.prod(shape)) for shape in self.kernel_shapes) + self.co
        real = 8 if self.dtype == "float64" else 4
        size = dtype_of(self.dtype).itemsize
        return size * self.n * self.h * self.w * self.c + real * weights

    @property
    def write_bytes(self):
        """Compulsory writes: the output once."""
        return dtype_of(self.dtype).itemsize * int(np.prod(self.output_shape))

    @property
    def intensity(self):
        """Floating-point operations per compulsory byte."""
        return self.flops / (self.read_bytes + self.write_bytes)

    def arrays(self):
        """Return x, the kernels and the bias; weights of half-precision rows are float32."""
        rng = np.random.default_rng(0)
        dtype = dtype_of(self.dtype)
        real = np.dtype(np.float64 if self.dtype == "float64" else np.float32)
        made = []
        x_shape = self.laid_out((self.n, self.h, self.w, self.c))
        for shape, kind in (
            (x_shape, dtype),
            *((s, real) for s in (*self.kernel_shapes, (self.co,))),
        ):
            array = aligned_empty(shape, kind)
            array[...] = rng.standard_normal(shape, np.float32)
            made.append(array)
        return tuple(made)

    def empty_result(self):
        """Return an array for the result."""
        return aligned_empty(self.laid_out(self.output_shape), dtype_of(self.dtype))

    def operator(self, arrays, csep=csep):
        """Return the prepared operator, of this csep or of another build."""
        kernels, bias = arrays[1:-1], arrays[-1]
        if self.kind == "pointwise":
            return csep.PointwiseConv2D(*kernels, bias, data_format=self.layout)
        cls = {
            "separable": csep.SeparableConv2D,
            "depthwise": csep.DepthwiseConv2D,
            "conv": csep.Conv2D,
        }[self.kind]
        return cls(*kernels, bias, self.stride, self.padding, data_format=self.layout)

    def function(self, arrays, csep=csep, out=None, num_threads=None):
        """Return a call of the functional API, written as a user writes it."""
        x, *kernels, bias = arrays
        first, last = kernels[0], kernels[-1]
        stride, padding, layout = self.stride, self.padding, self.layout
        if self.kind == "separable":
            return lambda: csep.separable_conv2d(
                x,
                first,
                last,
                bias,
                stride,
                padding,
                data_format=layout,
                out=out,
                num_threads=num_threads,
            )
        if self.kind == "pointwise":
            return lambda: csep.pointwise_conv2d(
                x, first, bias, data_format=layout, out=out, num_threads=num_threads
            )
        conv = csep.depthwise_conv2d if self.kind == "depthwise" else csep.conv2d
        return lambda: conv(
            x, first, bias, stride, padding, data_format=layout, out=out, num_threads=num_threads
        )

    def stages(self, arrays):
        """Return the convolutions another library runs, one after the other."""
        *kernels, bias = arrays[1:]
        none = ((0, 0), (0, 0))
        slide = (self.stride, self.padding, self.pads)
        if self.kind == "separable":
            dw, pw = kernels
            return [Stage(dw, True, *slide, None), Stage(pw, False, 1, "VALID", none, bias)]
        return [Stage(kernels[0], self.kind == "depthwise", *slide, bias)]


def rows(path=PATH):
    """Return every row of the workload, or of another file like it."""
    fields = Row.__dataclass_fields__
    return [
        Row(**{key: value for key, value in row.items() if key in fields}, about=row["from"])
        for row in json.loads(path.read_text())["rows"]
    ]
