"""The arrays users pass: kind, dtype, rank, layout, overlap."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Float32 = NDArray[np.float32]


def as_plain(value: object, name: str, axes: Sequence[str]) -> Float32:
    """Return value as a C-contiguous, aligned, native float32 array, copied only if it must be.

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
        If value is no array, a masked one, or not float32.
    ValueError
        If it has another rank.
    """
    shape = f"({', '.join(axes)}{',' if len(axes) == 1 else ''})"
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(f"{name}: expected a plain array, got a masked one")
    try:
        array = np.asarray(value)
    except Exception as error:
        raise TypeError(
            f"{name}: expected a float32 array {shape}, got {type(value).__name__}"
        ) from error
    if array.dtype.type is not np.float32:
        came = f"dtype {array.dtype}"
        if not isinstance(value, np.ndarray):
            came += f" from {type(value).__name__}"
        raise TypeError(f"{name}: expected a float32 array {shape}, got {came}")
    if array.ndim != len(axes):
        raise ValueError(
            f"{name}: expected rank {len(axes)}, {shape}, got rank {array.ndim} with shape "
            f"{array.shape}"
        )
    return np.require(array, np.float32, ["C_CONTIGUOUS", "ALIGNED"])


def _share_memory(a: np.ndarray, b: np.ndarray) -> bool:
    if not np.may_share_memory(a, b):
        return False
    try:
        return np.shares_memory(a, b, max_work=100_000)
    except np.exceptions.TooHardError:
        return True


def check_out(out: object, shape: tuple[int, ...], inputs: dict[str, object]) -> None:
    """Check a result array the caller gave.

    Parameters
    ----------
    out : object
    shape : tuple of int
        The shape it must have.
    inputs : dict
        The other arguments by name; out must not overlap any that is an array.

    Raises
    ------
    TypeError
        If out is not a native float32 array.
    ValueError
        If its shape or layout is wrong, it is read-only, or it overlaps an input.
    """
    if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray):
        raise TypeError(f"out: expected a float32 array, got {type(out).__name__}")
    if out.dtype != np.float32:
        raise TypeError(f"out: expected dtype float32 in native byte order, got {out.dtype!r}")
    if out.shape != shape:
        raise ValueError(f"out: expected shape {shape}, got {out.shape}")
    for flag, wanted in (
        ("C_CONTIGUOUS", "a C-contiguous array"),
        ("ALIGNED", "an aligned array"),
        ("WRITEABLE", "a writable array"),
    ):
        if not out.flags[flag]:
            raise ValueError(
                f"out: expected {wanted}, got one with strides {out.strides} and {flag} false"
            )
    for name, value in inputs.items():
        if isinstance(value, np.ndarray) and _share_memory(out, value):
            raise ValueError(f"out: expected memory of its own, got an array that overlaps {name}")
