"""Operators from files."""

from __future__ import annotations

from typing import Any

from ..spec import files
from ..spec.types import Path
from .images import Conv2D, DepthwiseConv2D, PointwiseConv2D, SeparableConv2D
from .operator import Operator
from .sequences import Conv1D, DepthwiseConv1D, SeparableConv1D

_OPERATORS: dict[str, type[Operator]] = {
    cls._name: cls
    for cls in (
        Conv1D,
        Conv2D,
        DepthwiseConv1D,
        DepthwiseConv2D,
        PointwiseConv2D,
        SeparableConv1D,
        SeparableConv2D,
    )
}


def _tuples(value: Any) -> Any:
    """Return what JSON made lists of as tuples."""
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def load(path: Path) -> Operator:
    """Return the operator that was saved in a file.

    Parameters
    ----------
    path : str or path
        A file that ``op.save(path)`` has written.  It may come from anyone: nothing in it is run,
        no size in it is believed.

    Returns
    -------
    operator

    Raises
    ------
    OSError
        If the file cannot be read.
    TypeError
        If path is no path.
    ValueError
        If it is no such file, is damaged, or was written by a newer csep.

    Examples
    --------
    >>> import os, tempfile
    >>> import numpy as np
    >>> import csep
    >>> op = csep.PointwiseConv2D(np.ones((3, 2), "f4"), activation="relu")
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     op.save(os.path.join(folder, "layer.npz"))
    ...     csep.load(os.path.join(folder, "layer.npz"))
    PointwiseConv2D(1x1, 3 -> 2, activation='relu', no bias, 6 parameters)
    """
    description, arrays = files.read(path)
    cls = _OPERATORS.get(str(description.get("operator")))
    settings = description.get("settings")
    if cls is None or not isinstance(settings, dict):
        raise ValueError("path: expected a file with an operator of csep, got another one")
    allowed = {*cls._weights, *cls._settings}
    arguments: dict[str, Any] = {name: _tuples(value) for name, value in settings.items()}
    for name, value in arguments.items():
        if value == ("prelu", None) and name in arrays:
            arguments[name] = ("prelu", arrays.pop(name))
    unknown = sorted({*arguments, *arrays} - allowed) + sorted(arguments.keys() & arrays.keys())
    if unknown:
        raise ValueError(f"path: expected {cls._name}'s arguments, got {', '.join(unknown)}")
    try:
        return cls(**arguments, **arrays)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"path: expected {cls._name}'s arguments, got one that is {error}"
        ) from None
