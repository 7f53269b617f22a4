"""Strides, padding and dilations to one geometry; output shapes; every shape error."""

from __future__ import annotations

import operator
import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from . import _core

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]

_STEPS = "an int, a pair (height, width) or four values [1, height, width, 1]"
_PADS = (
    '"SAME", "VALID", ((top, bottom), (left, right)) or '
    "[[0, 0], [top, bottom], [left, right], [0, 0]]"
)


def _integer(value: object, name: str, low: int, expected: str) -> int:
    """Return value as an int in low .. MAX_STEP; name and expected are for the message."""
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name}: expected {expected}, got the bool {value!r}")
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise TypeError(
            f"{name}: expected {expected} of integers, got {value!r} of type {type(value).__name__}"
        ) from None
    if not low <= number <= _core.MAX_STEP:
        raise ValueError(f"{name}: expected integers from {low} to {_core.MAX_STEP}, got {number}")
    return number


def _items(value: object, name: str, expected: str) -> tuple:
    """Return the items of a sequence or a one- or two-dimensional array."""
    if isinstance(value, np.ndarray) and value.ndim > 0:
        return tuple(value)
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return tuple(value)
    raise TypeError(f"{name}: expected {expected}, got {value!r} of type {type(value).__name__}")


def _steps(value: object, name: str) -> Pair:
    """Return strides or dilations as (height, width)."""
    if not isinstance(value, (Sequence, np.ndarray)) or getattr(value, "ndim", 1) == 0:
        step = _integer(value, name, 1, _STEPS)
        return step, step
    numbers = tuple(_integer(v, name, 1, _STEPS) for v in _items(value, name, _STEPS))
    if len(numbers) == 4:
        if numbers[0] != 1 or numbers[3] != 1:
            raise ValueError(
                f"{name}: expected 1 over batch and channels, in [1, height, width, 1], "
                f"got {list(numbers)}"
            )
        numbers = numbers[1:3]
    if len(numbers) != 2:
        raise ValueError(f"{name}: expected {_STEPS}, got {len(numbers)} values")
    return numbers[0], numbers[1]


def _padding(value: object) -> str | Pads:
    """Return padding as "SAME", "VALID" or ((top, bottom), (left, right))."""
    if isinstance(value, str):
        if value.upper() not in {"SAME", "VALID"}:
            raise ValueError(f"padding: expected {_PADS}, got {value!r}")
        return value.upper()
    pairs = []
    for pair in _items(value, "padding", _PADS):
        numbers = tuple(_integer(v, "padding", 0, _PADS) for v in _items(pair, "padding", _PADS))
        if len(numbers) != 2:
            raise ValueError(f"padding: expected {_PADS}, got a group of {len(numbers)} values")
        pairs.append((numbers[0], numbers[1]))
    if len(pairs) == 4:
        if pairs[0] != (0, 0) or pairs[3] != (0, 0):
            raise ValueError(
                f"padding: expected (0, 0) over batch and channels, got {pairs[0]} and {pairs[3]}"
            )
        pairs = pairs[1:3]
    if len(pairs) != 2:
        raise ValueError(f"padding: expected {_PADS}, got {len(pairs)} pairs")
    return pairs[0], pairs[1]


@dataclass(frozen=True)
class ConvParams:
    """What the caller says about the sliding of a kernel, checked and in one form.

    Attributes
    ----------
    strides, dilations : (int, int)
        Over height and width.
    padding : str or ((int, int), (int, int))
        ``"SAME"``, ``"VALID"`` or ``((top, bottom), (left, right))`` in pixels.
    """

    strides: Pair
    padding: str | Pads
    dilations: Pair

    @classmethod
    def parse(cls, strides: object, padding: object, dilations: object) -> ConvParams:
        """Check the three arguments as a user gives them.

        Raises
        ------
        TypeError
            If one of them is of the wrong kind.
        ValueError
            If one of them has a wrong value or length.
        """
        return cls(_steps(strides, "strides"), _padding(padding), _steps(dilations, "dilations"))


@dataclass(frozen=True)
class ConvGeometry:
    """One convolution over one input shape, without the numbers.

    Attributes
    ----------
    input_shape, output_shape : (int, int, int, int)
        NHWC.
    pads : ((int, int), (int, int))
        ``((top, bottom), (left, right))`` in pixels.
    """

    input_shape: tuple[int, int, int, int]
    output_shape: tuple[int, int, int, int]
    pads: Pads


def _same_pad(size: int, kernel: int, stride: int, dilation: int) -> Pair:
    """TensorFlow's SAME: ceil(size / stride) outputs, the odd pixel after."""
    outputs = -(-size // stride)
    total = max((outputs - 1) * stride + (kernel - 1) * dilation + 1 - size, 0)
    return total // 2, total - total // 2


def _out_size(size: int, pad: Pair, kernel: int, stride: int, dilation: int) -> int:
    room = size + sum(pad) - ((kernel - 1) * dilation + 1)
    return room // stride + 1 if room >= 0 else 0


def resolve(
    params: ConvParams, kernel: Pair, out_channels: int, input_shape: tuple[int, ...]
) -> ConvGeometry:
    """Apply the parameters to an input shape.

    Parameters
    ----------
    params : ConvParams
    kernel : (int, int)
        Kernel height and width.
    out_channels : int
    input_shape : (int, int, int, int)
        NHWC.

    Returns
    -------
    ConvGeometry

    Raises
    ------
    ValueError
        If the output would be empty or larger than memory can address.
    """
    batch, height, width, channels = input_shape
    sides = list(zip((height, width), kernel, params.strides, params.dilations, strict=True))
    if params.padding == "SAME":
        top_bottom, left_right = (_same_pad(*side) for side in sides)
        pads = (top_bottom, left_right)
    elif params.padding == "VALID":
        pads = ((0, 0), (0, 0))
    else:
        pads = params.padding  # type: ignore[assignment]
    out_h, out_w = (
        _out_size(side[0], pad, *side[1:]) for side, pad in zip(sides, pads, strict=True)
    )
    if out_h < 1 or out_w < 1:
        raise ValueError(
            f"x: expected a height and width that the kernel fits into, got {height} x {width} for "
            f"kernel {kernel[0]} x {kernel[1]}, dilations {params.dilations}, padding "
            f"{params.padding}: the output would be {out_h} x {out_w}"
        )
    output_shape = (batch, out_h, out_w, out_channels)
    if max(batch, 1) * out_h * out_w * out_channels > sys.maxsize // 64:
        raise ValueError(f"x: expected an output that fits in memory, got {output_shape}")
    return ConvGeometry((batch, height, width, channels), output_shape, pads)
