"""Which gradients a backward pass is asked for, and what it returns."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from .arrays import Array, shown


class Gradients(NamedTuple):
    """Gradients with respect to the arguments of a convolution, each like its argument.

    None where there is no such argument, or its gradient was not asked for.

    Examples
    --------
    >>> import csep
    >>> csep.Gradients()._fields
    ('x', 'dw', 'pw', 'bias', 'depthwise_bias', 'residual', 'w')
    """

    x: Array | None = None
    dw: Array | None = None
    pw: Array | None = None
    bias: Array | None = None
    depthwise_bias: Array | None = None
    residual: Array | None = None
    w: Array | None = None


Out = Mapping[str, Array] | Gradients | None


def wanted_gradients(wrt: Iterable[str] | None, given: dict[str, Any]) -> list[str]:
    """Return the names of the gradients that are asked for."""
    there = [name for name, value in given.items() if value is not None]
    if wrt is None:
        return there
    expected = f"wrt: expected some of {', '.join(there)}"
    if isinstance(wrt, str) or not isinstance(wrt, Iterable):
        raise TypeError(f'{expected}, such as ("{there[0]}",), got {shown(wrt)}')
    names = list(wrt)
    for name in names:
        if not isinstance(name, str):
            raise TypeError(f"{expected}, got {shown(name)}")
        if name not in there:
            reason = ", which was not given" if name in given else ""
            raise ValueError(f"{expected}, got {shown(name)}{reason}")
    return [name for name in there if name in names]


def named_arrays(out: Out, wanted: list[str]) -> dict[str, Any] | None:
    """Return the arrays to write to by name."""
    if out is None:
        return None
    if isinstance(out, Gradients):
        out = {name: array for name, array in out._asdict().items() if array is not None}
    if not isinstance(out, Mapping):
        raise TypeError(f"out: expected a dict of arrays, or Gradients, got {shown(out)}")
    if set(out) != set(wanted):
        raise ValueError(f"out: expected arrays for {', '.join(wanted)}, got {', '.join(out)}")
    return dict(out)
