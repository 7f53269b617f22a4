"""The arrays users pass: kind, dtype, rank, layout, overlap."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from . import _core

Array = np.ndarray[tuple[Any, ...], np.dtype[Any]]

_DTYPES = "float32, float64, float16 or bfloat16"


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
    except TypeError:
        raise TypeError(
            f"{name}: expected {expected}, got {value!r} of type {type(value).__name__}"
        ) from None
    if number < low or (high is not None and number > high):
        limit = "" if high is None else f" to {high}"
        raise ValueError(f"{name}: expected {expected}, from {low}{limit}, got {number}")
    return number


def rank(value: object) -> int:
    """Return the number of axes of an array or what might become one; -1 if it cannot."""
    try:
        return np.ndim(value)  # type: ignore[arg-type]
    except Exception:
        return -1


def is_bfloat16(dtype: np.dtype) -> bool:
    """Whether dtype is the bfloat16 of ml_dtypes."""
    return dtype.name == "bfloat16" and dtype.itemsize == 2


def real_of(dtype: np.dtype) -> np.dtype:
    """Return what sums of that dtype are held in: float64 for float64, else float32."""
    return np.dtype(np.float64 if dtype == np.float64 else np.float32)


def as_plain(value: object, name: str, axes: Sequence[str]) -> Array:
    """Return value as a C-contiguous, aligned, native array, copied only if it must be.

    Parameters
    ----------
    value : array_like
    name : str
        The argument's name, for the message.
    axes : sequence of str
        The names of the axes, as many as the array must have.

    Raises
    ------
    TypeError
        If value is no array, a masked one, or of a dtype csep does not know.
    ValueError
        If it has another rank.
    """
    shape = f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"
    wanted = f"an array {shape} of {_DTYPES}"
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name}: expected {wanted}, got a masked one")
    try:
        array = np.asarray(value)
    except Exception as error:
        raise TypeError(f"{name}: expected {wanted}, got {type(value).__name__}") from error
    if array.dtype.type not in {np.float32, np.float64, np.float16} and not is_bfloat16(
        array.dtype
    ):
        came = f"dtype {array.dtype}"
        if not isinstance(value, np.ndarray):
            came += f" from {type(value).__name__}"
        raise TypeError(f"{name}: expected {wanted}, got {came}")
    if array.ndim != len(axes):
        raise ValueError(
            f"{name}: expected rank {len(axes)}, {shape}, got rank {array.ndim} with shape "
            f"{array.shape}"
        )
    array = np.require(array, array.dtype.newbyteorder("="), ["C_CONTIGUOUS", "ALIGNED"])
    if is_bfloat16(array.dtype):
        _core.know_bfloat16(array)
    return array


def check_same_real(array: Array, name: str, other: Array, other_name: str) -> None:
    """Check that two arrays can be summed together: both float64, or neither.

    Raises
    ------
    TypeError
        If they cannot.
    """
    if real_of(array.dtype) != real_of(other.dtype):
        wanted = "float64" if other.dtype == np.float64 else "float32, float16 or bfloat16"
        raise TypeError(
            f"{name}: expected {wanted} to go with {other_name} of {other.dtype}, got {array.dtype}"
        )


def _share_memory(a: np.ndarray, b: np.ndarray) -> bool:
    if not np.may_share_memory(a, b):
        return False
    try:
        return np.shares_memory(a, b, max_work=100_000)  # type: ignore[arg-type]
    except np.exceptions.TooHardError:
        return True


def check_out(
    out: object, shape: tuple[int, ...], dtype: np.dtype, inputs: dict[str, object]
) -> None:
    """Check a result array the caller gave.

    Parameters
    ----------
    out : object
    shape : tuple of int
        The shape it must have.
    dtype : numpy.dtype
        The dtype it must have.
    inputs : dict
        The other arguments by name; out must not overlap any that is an array.

    Raises
    ------
    TypeError
        If out is not a native array of that dtype.
    ValueError
        If its shape or layout is wrong, it is read-only, or it overlaps an input.
    """
    if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray):
        raise TypeError(f"out: expected an array of {dtype}, got {type(out).__name__}")
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
    for name, value in inputs.items():
        if isinstance(value, np.ndarray) and _share_memory(out, value):
            raise ValueError(f"out: expected memory of its own, got an array that overlaps {name}")
