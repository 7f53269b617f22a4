"""Parameters and multiply-adds of layers, from their sizes alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .arrays import check_integer

# The largest number of channels, kernel side and the like; csep.h has the same.
MAX_STEP = 2**31 - 1

KINDS = (
    "Conv2D",
    "DepthwiseConv2D",
    "PointwiseConv2D",
    "SeparableConv2D",
    "Conv1D",
    "DepthwiseConv1D",
    "SeparableConv1D",
)


def _positive(value: object, name: str) -> int:
    return check_integer(value, name, 1, MAX_STEP, "a positive integer")


def _kernel(value: object, sides: int) -> tuple[int, int]:
    """Return kernel_size as (height, width); a sequence is one pixel high."""
    if sides == 1:
        if isinstance(value, Sequence) and not isinstance(value, str):
            if len(value) != 1:
                raise ValueError(f"kernel_size: expected an int or (length,), got {value!r}")
            value = value[0]
        return 1, _positive(value, "kernel_size")
    if isinstance(value, Sequence) and not isinstance(value, str):
        if len(value) != 2:
            raise ValueError(f"kernel_size: expected an int or (height, width), got {value!r}")
        return _positive(value[0], "kernel_size"), _positive(value[1], "kernel_size")
    side = _positive(value, "kernel_size")
    return side, side


def check_shape(shape: object, axes: int, channel_axis: int) -> tuple[Any, ...]:
    """Return an array's shape as a tuple of so many ints, or None for open sizes.

    Raises
    ------
    TypeError
        If it is no sequence of integers and None, or the channels are open.
    ValueError
        If it has another length, or a number below 0.
    """
    expected = f"input_shape: expected {axes} integers (None for an open size)"
    if not isinstance(shape, Sequence) or isinstance(shape, str):
        raise TypeError(f"{expected}, got {shape!r}")
    if len(shape) != axes:
        raise ValueError(f"{expected}, got {shape!r}")
    return tuple(
        None
        if n is None and i != channel_axis
        else check_integer(n, "input_shape", 0, MAX_STEP, f"{axes} integers")
        for i, n in enumerate(shape)
    )


def pixel_macs(
    kind: str, channels: int, filters: int, kernel: tuple[int, int], multiplier: int = 1
) -> int:
    """Multiply-adds of one output pixel, for checked numbers."""
    taps = kernel[0] * kernel[1]
    depth = channels * multiplier
    return {
        "Conv": taps * channels * filters,
        "PointwiseConv": channels * filters,
        "DepthwiseConv": taps * depth,
        "SeparableConv": taps * depth + depth * filters,
    }[kind[:-2]]  # 1D or 2D


def count_params(
    kind: str,
    in_channels: int,
    filters: int | None = None,
    kernel_size: int | tuple[int, ...] = 1,
    depth_multiplier: int = 1,
    use_bias: bool = True,
) -> int:
    """Parameters of a layer, as Keras counts them.

    ==================  ==============================================================
    Conv2D              ``kh * kw * C * CO + CO``
    DepthwiseConv2D     ``kh * kw * C * M + C * M``
    PointwiseConv2D     ``C * CO + CO``
    SeparableConv2D     ``kh * kw * C * M + C * M * CO + CO``
    ==================  ==============================================================

    Parameters
    ----------
    kind : str
        One of the names above, or ``Conv1D``, ``DepthwiseConv1D``, ``SeparableConv1D``.
    in_channels : int
        C.
    filters : int
        CO; not for depthwise layers, whose ``C * M`` outputs follow from the others.
    kernel_size : int or (int, int)
        Kernel height and width; of sequences an int or (int,).
    depth_multiplier : int
        M, depthwise outputs per input channel.
    use_bias : bool
        Whether there is a bias; it is the last summand.

    Returns
    -------
    int

    Raises
    ------
    TypeError
        If a number is no integer.
    ValueError
        If a number is below 1, kind is unknown, or filters is missing.

    Examples
    --------
    Why 139 parameters and not 1216?  25 weights for each of 3 channels, 3 * 16 to mix them, 16
    biases, instead of a kernel of 25 * 3 for each of 16 outputs:

    >>> import csep
    >>> csep.count_params("SeparableConv2D", 3, 16, kernel_size=5)
    139
    >>> csep.count_params("Conv2D", 3, 16, kernel_size=5)
    1216
    """
    if not isinstance(kind, str):
        raise TypeError(f"kind: expected one of {', '.join(KINDS)}, got {kind!r}")
    if kind not in KINDS:
        raise ValueError(f"kind: expected one of {', '.join(KINDS)}, got {kind!r}")
    channels = _positive(in_channels, "in_channels")
    if not isinstance(use_bias, bool):
        raise TypeError(f"use_bias: expected a bool, got {use_bias!r}")
    kernel = _kernel(kernel_size, 1 if kind.endswith("1D") else 2)
    multiplier = _positive(depth_multiplier, "depth_multiplier")
    if kind == "PointwiseConv2D" and kernel != (1, 1):
        raise ValueError(f"kernel_size: expected 1 for PointwiseConv2D, got {kernel_size!r}")
    if kind in {"Conv2D", "Conv1D", "PointwiseConv2D"} and multiplier != 1:
        raise ValueError(f"depth_multiplier: expected 1 for {kind}, got {depth_multiplier!r}")
    if kind.startswith("Depthwise"):
        outputs = channels * multiplier
        if filters is not None and _positive(filters, "filters") != outputs:
            raise ValueError(f"filters: expected None or C * M = {outputs}, got {filters!r}")
    else:
        outputs = _positive(filters, "filters")
    # Each weight is multiplied once per pixel.
    return pixel_macs(kind, channels, outputs, kernel, multiplier) + (outputs if use_bias else 0)
