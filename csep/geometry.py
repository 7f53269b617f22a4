"""Strides, padding and dilations to one geometry; output shapes; every shape error."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from . import _core
from .arrays import check_integer

Pair = tuple[int, int]
Pads = tuple[Pair, Pair]

_STEPS = "an int, a pair (height, width) or four values [1, height, width, 1]"
_PADS = (
    '"SAME", "VALID", ((top, bottom), (left, right)) or '
    "[[0, 0], [top, bottom], [left, right], [0, 0]]"
)
_STEPS_1D = "an int, (length,) or three values [1, length, 1]"
_PADS_1D = '"SAME", "VALID", "CAUSAL" or (before, after)'

# Which of four axes are height and width.
_SPATIAL: dict[str, slice[int, int, None]] = {"NHWC": slice(1, 3), "NCHW": slice(2, 4)}

# Which of them is the channels.
CHANNEL_AXIS = {"NHWC": 3, "NCHW": 1}


def parse_layout(value: object) -> str:
    """Return data_format as "NHWC" or "NCHW".

    Raises
    ------
    TypeError
        If value is not a string.
    ValueError
        If it names no layout.
    """
    expected = f"one of {', '.join(_core.LAYOUTS)}"
    if not isinstance(value, str):
        raise TypeError(f"data_format: expected {expected}, got {value!r}")
    if value not in _core.LAYOUTS:
        raise ValueError(f"data_format: expected {expected}, got {value!r}")
    return "NCHW" if _core.LAYOUTS[value] == _core.LAYOUTS["NCHW"] else "NHWC"


def _items(value: object, name: str, expected: str) -> tuple:
    """Return the items of a sequence or a one- or two-dimensional array."""
    if isinstance(value, np.ndarray) and value.ndim > 0:
        return tuple(value)
    if isinstance(value, Sequence) and not isinstance(value, (str, bytes)):
        return tuple(value)
    raise TypeError(f"{name}: expected {expected}, got {value!r} of type {type(value).__name__}")


def _is_sequence(value: object) -> bool:
    return isinstance(value, (Sequence, np.ndarray)) and getattr(value, "ndim", 1) > 0


def _step_numbers(value: object, name: str, expected: str) -> tuple[int, ...]:
    """Return strides or dilations as they were given: one number, or as many as there are."""
    items = _items(value, name, expected) if _is_sequence(value) else (value,)
    return tuple(check_integer(v, name, 1, _core.MAX_STEP, expected) for v in items)


def _steps(value: object, name: str, layout: str) -> Pair:
    """Return strides or dilations as (height, width)."""
    numbers = _step_numbers(value, name, _STEPS)
    if not _is_sequence(value):
        return numbers[0], numbers[0]
    count = len(numbers)
    if count == 4:
        spatial = numbers[_SPATIAL[layout]]
        if sorted(numbers) != sorted((1, 1, *spatial)):
            raise ValueError(
                f"{name}: expected 1 over batch and channels of {layout}, got {list(numbers)}"
            )
        numbers = spatial
    if len(numbers) != 2:
        raise ValueError(f"{name}: expected {_STEPS}, got {len(numbers)} values")
    return numbers[0], numbers[1]


def _pad_pair(value: object, expected: str) -> Pair:
    numbers = tuple(
        check_integer(v, "padding", 0, _core.MAX_STEP, expected)
        for v in _items(value, "padding", expected)
    )
    if len(numbers) != 2:
        raise ValueError(f"padding: expected {expected}, got a group of {len(numbers)} values")
    return numbers[0], numbers[1]


def _named_padding(value: str, names: set[str], expected: str) -> str:
    if value.upper() not in names:
        raise ValueError(f"padding: expected {expected}, got {value!r}")
    return value.upper()


def _padding(value: object, layout: str) -> str | Pads:
    """Return padding as "SAME", "VALID" or ((top, bottom), (left, right))."""
    if isinstance(value, str):
        return _named_padding(value, {"SAME", "VALID"}, _PADS)
    pairs = [_pad_pair(pair, _PADS) for pair in _items(value, "padding", _PADS)]
    if len(pairs) == 4:
        spatial = pairs[_SPATIAL[layout]]
        if sorted(pairs) != sorted([(0, 0), (0, 0), *spatial]):
            raise ValueError(
                f"padding: expected (0, 0) over batch and channels of {layout}, got {pairs}"
            )
        pairs = spatial
    if len(pairs) != 2:
        raise ValueError(f"padding: expected {_PADS}, got {len(pairs)} pairs")
    return pairs[0], pairs[1]


def step_1d(value: object, name: str) -> Pair:
    """Return strides or dilations of a sequence as (1, length), those of an image one high.

    Raises
    ------
    TypeError
        If value is of a wrong kind.
    ValueError
        If it has a wrong value or length.
    """
    numbers = _step_numbers(value, name, _STEPS_1D)
    if len(numbers) == 3 and numbers[0] == numbers[2] == 1:
        numbers = numbers[1:2]
    if len(numbers) != 1:
        raise ValueError(f"{name}: expected {_STEPS_1D}, got {numbers}")
    return 1, numbers[0]


def padding_1d(value: object, kernel: int, dilation: int) -> str | Pads:
    """Return the padding of a sequence as that of an image one high.

    Raises
    ------
    TypeError
        If value is of a wrong kind.
    ValueError
        If it has a wrong value or length.
    """
    if not isinstance(value, str):
        return (0, 0), _pad_pair(value, _PADS_1D)
    name = _named_padding(value, {"SAME", "VALID", "CAUSAL"}, _PADS_1D)
    if name != "CAUSAL":
        return name
    before = check_integer((kernel - 1) * dilation, "padding", 0, _core.MAX_STEP, "a causal one")
    return (0, 0), (before, 0)


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
    def parse(
        cls, strides: object, padding: object, dilations: object, layout: str = "NHWC"
    ) -> ConvParams:
        """Check the three arguments as a user gives them; four values are in layout's order.

        Raises
        ------
        TypeError
            If one of them is of the wrong kind.
        ValueError
            If one of them has a wrong value or length.
        """
        return cls(
            _steps(strides, "strides", layout),
            _padding(padding, layout),
            _steps(dilations, "dilations", layout),
        )


@dataclass(frozen=True)
class ConvGeometry:
    """One convolution over one input shape, without the numbers.

    Attributes
    ----------
    output_shape : (int, int, int, int)
        In the order of the layout.
    pads : ((int, int), (int, int))
        ``((top, bottom), (left, right))`` in pixels.
    """

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


def _slide(params: ConvParams, kernel: Pair, size: Pair) -> tuple[Pads, Pair]:
    """Return the padding in pixels and the output's height and width, 0 where nothing fits."""
    sides = list(zip(size, kernel, params.strides, params.dilations, strict=True))
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
    return pads, (out_h, out_w)


def output_length(params: ConvParams, kernel: int, length: int) -> int:
    """Output steps of a sequence under parameters as for images; below 1 if there are none."""
    return _slide(params, (1, kernel), (1, length))[1][1]


def resolve(
    params: ConvParams,
    kernel: Pair,
    out_channels: int,
    input_shape: tuple[int, ...],
    layout: str = "NHWC",
) -> ConvGeometry:
    """Apply the parameters to an input shape.

    Parameters
    ----------
    params : ConvParams
    kernel : (int, int)
        Kernel height and width.
    out_channels : int
    input_shape : (int, int, int, int)
        In the order of layout.
    layout : {"NHWC", "NCHW"}

    Returns
    -------
    ConvGeometry

    Raises
    ------
    ValueError
        If the output would be empty or larger than memory can address.
    """
    batch = input_shape[0]
    height, width = input_shape[_SPATIAL[layout]]
    pads, (out_h, out_w) = _slide(params, kernel, (height, width))
    if out_h < 1 or out_w < 1:
        raise ValueError(
            f"x: expected a height and width that the kernel fits into, got {height} x {width} for "
            f"kernel {kernel[0]} x {kernel[1]}, dilations {params.dilations}, padding "
            f"{params.padding}: the output would be {out_h} x {out_w}"
        )
    output_shape = (
        (batch, out_h, out_w, out_channels)
        if layout == "NHWC"
        else (batch, out_channels, out_h, out_w)
    )
    if max(batch, 1) * out_h * out_w * out_channels > sys.maxsize // 64:
        raise ValueError(f"x: expected an output that fits in memory, got {output_shape}")
    return ConvGeometry(output_shape, pads)
