"""Operators from what a file says of them."""

from __future__ import annotations

from typing import Any

from ..spec.arrays import Array
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


def tuples(value: Any) -> Any:
    """Return what JSON made lists of as tuples."""
    return tuple(map(tuples, value)) if isinstance(value, list) else value


def operator_from(description: dict[str, Any], arrays: dict[str, Array]) -> Operator:
    """Return the operator that a file describes; nothing in it is believed.

    Raises
    ------
    ValueError
        If it describes no operator.
    """
    cls = _OPERATORS.get(str(description.get("operator")))
    settings = description.get("settings")
    if cls is None or not isinstance(settings, dict):
        raise ValueError("path: expected a file with an operator of csep, got another one")
    allowed = {*cls._weights, *cls._settings}
    arguments: dict[str, Any] = {name: tuples(value) for name, value in settings.items()}
    for name, value in arguments.items():
        if value == ("prelu", None) and name in arrays:
            arguments[name] = ("prelu", arrays[name])
            arrays = {n: a for n, a in arrays.items() if n != name}
    unknown = sorted({*arguments, *arrays} - allowed) + sorted(arguments.keys() & arrays.keys())
    if unknown:
        raise ValueError(f"path: expected {cls._name}'s arguments, got {', '.join(unknown)}")
    try:
        return cls(**arguments, **arrays)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"path: expected {cls._name}'s arguments, got one that is {error}"
        ) from None
