"""What numbers and arrays users may pass: kind, dtype, rank, layout, overlap."""

from __future__ import annotations

import math
import operator
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np

Array = np.ndarray[tuple[Any, ...], np.dtype[Any]]

_DTYPES = "float32, float64, float16 or bfloat16"
_NATIVE = frozenset({np.float32, np.float64, np.float16})


def shown(value: object) -> str:
    """Return a value as a message shows it: in one short line, whatever it is."""
    kind = type(value).__name__
    if isinstance(value, np.ndarray):
        return f"an array of {value.dtype} with shape {value.shape}"
    try:
        text = repr(value)
    except Exception:  # an integer of thousands of digits, an object with a repr that fails
        return f"one of type {kind} that cannot be shown"
    if len(text) > 200:
        text = text[:200] + "..."
    return f"{text} of type {kind}"


def is_masked(value: object) -> bool:
    """Whether value is a masked array; there is none where nobody has imported numpy.ma.

    Its type is asked, not value itself: isinstance would run what its ``__class__`` says.
    """
    masked = sys.modules.get("numpy.ma")
    return masked is not None and issubclass(type(value), masked.MaskedArray)


def array_in(name: str) -> str:
    """Return how a message calls the array that an argument is or has."""
    return "slopes" if name.endswith("activation") else name


def check_integer(value: object, name: str, low: int, high: int | None, expected: str) -> int:
    """Return value as an int from low to high.

    Parameters
    ----------
    value : object
        Anything with ``__index__`` that is not a bool.
    name, expected : str
        The argument and what it should have been, for the message.
    low : int
    high : int or None

    Raises
    ------
    TypeError
        If value is not an integer.
    ValueError
        If it is out of range.
    """
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"{name}: expected {expected}, got the bool {value!r}")
    try:
        number = operator.index(value)  # type: ignore[arg-type]
    except Exception:
        raise TypeError(f"{name}: expected {expected}, got {shown(value)}") from None
    if number < low or (high is not None and number > high):
        limit = "" if high is None else f" to {high}"
        raise ValueError(f"{name}: expected {expected}, from {low}{limit}, got {shown(number)}")
    return number


def as_float(value: Any) -> float:
    """Return a real number as a float; infinity for one beyond a float's range."""
    try:
        return float(value)
    except OverflowError:
        return math.inf


def is_bfloat16(dtype: np.dtype) -> bool:
    """Whether dtype is the bfloat16 of ml_dtypes itself, and not one that bears its name."""
    ml_dtypes = sys.modules.get("ml_dtypes")
    return ml_dtypes is not None and dtype.type is ml_dtypes.bfloat16


def as_plain(
    value: object, name: str, axes: Sequence[str], others: Sequence[str] | None = None
) -> Array:
    """Return value as a C-contiguous, aligned, native array, copied only if it must be.

    Parameters
    ----------
    value : array_like
    name : str
        The argument's name, for the message.
    axes : sequence of str
        The names of the axes, as many as the array must have.
    others : sequence of str, optional
        The axes it may have instead.

    Raises
    ------
    MemoryError
        If there is none for a copy.
    TypeError
        If value is no array, a masked one, or of a dtype csep does not know.
    ValueError
        If it has another rank.
    """
    if is_masked(value):
        raise TypeError(f"{name}: expected {_wanted(axes)}, got a masked one")
    try:
        array = np.asarray(value)
    except MemoryError:
        raise
    except Exception as error:
        came = type(value).__name__
        raise TypeError(f"{name}: expected {_wanted(axes)}, got {came}") from error
    dtype = array.dtype
    if dtype.type not in _NATIVE and not is_bfloat16(dtype):
        came = f"dtype {dtype}"
        if not isinstance(value, np.ndarray):
            came += f" from {type(value).__name__}"
        if dtype == np.uint8 and name == "x":
            came += f"; for an image write {name}.astype('f4') / 255"
        elif dtype.kind in "iu":
            came += f"; write {array_in(name)}.astype('f4')"
        raise TypeError(f"{name}: expected {_wanted(axes)}, got {came}")
    if array.ndim != len(axes) and (others is None or array.ndim != len(others)):
        raise ValueError(
            f"{name}: expected rank {len(axes)}, {_shape(axes)}, got rank {array.ndim} with shape "
            f"{array.shape}"
        )
    flags = array.flags
    if flags.c_contiguous and flags.aligned and dtype.isnative:
        return array
    return np.array(array, dtype if dtype.isnative else dtype.newbyteorder("="), order="C")


def _shape(axes: Sequence[str]) -> str:
    return f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"


def _wanted(axes: Sequence[str]) -> str:
    return f"an array {_shape(axes)} of {_DTYPES}"


def share_memory(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two arrays have an element in common; True where that is too hard to tell."""
    if not np.may_share_memory(a, b):
        return False
    try:
        return np.shares_memory(a, b, max_work=100_000)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True


def refuse_out(out: object, shape: tuple[int, ...], dtype: np.dtype) -> None:
    """Say what is wrong with a result array that cannot be written.

    Parameters
    ----------
    out : object
    shape : tuple of int
        The shape it must have.
    dtype : numpy.dtype
        The dtype it must have.

    Raises
    ------
    TypeError
        If out is not a native array of that dtype.
    ValueError
        If its shape or layout is wrong, or it is read-only.
    """
    if not isinstance(out, np.ndarray) or is_masked(out):
        raise TypeError(f"out: expected an array of {dtype}, got {type(out).__name__}")
    out = np.asarray(out)
    if out.dtype != dtype:
        raise TypeError(f"out: expected dtype {dtype} in native byte order, got {out.dtype!r}")
    if out.shape != shape:
        raise ValueError(f"out: expected shape {shape}, got {out.shape}")
    flags = out.flags
    for flag, wanted, holds in (
        ("C_CONTIGUOUS", "a C-contiguous array", flags.c_contiguous),
        ("ALIGNED", "an aligned array", flags.aligned),
        ("WRITEABLE", "a writable array", flags.writeable),
    ):
        if not holds:
            raise ValueError(
                f"out: expected {wanted}, got one with strides {out.strides} and {flag} false"
            )
