"""Activation names, as in Keras."""

from __future__ import annotations

import math
import numbers

from . import _core

LINEAR = (_core.ACTIVATIONS["linear"][0], 0.0)

# The one number some activations take: leaky_relu's slope, elu's limit.
_WITH_ALPHA = {"leaky_relu", "elu"}


def parse_activation(value: object, name: str) -> tuple[int, float]:
    """Return an activation as (number in C, alpha).

    Parameters
    ----------
    value : None, str or (str, float)
        A name, or ``("leaky_relu", slope)`` or ``("elu", alpha)``.
    name : str
        The argument's name, for the message.

    Raises
    ------
    TypeError
        If value is of another kind.
    ValueError
        If there is no such activation, or alpha is not finite.
    """
    expected = f"None, a pair such as ('elu', 1.0), or one of {', '.join(_core.ACTIVATIONS)}"
    if value is None:
        return LINEAR
    function, alpha = value, None
    if isinstance(value, tuple) and len(value) == 2:
        function, alpha = value
        if isinstance(alpha, bool) or not isinstance(alpha, numbers.Real):
            raise TypeError(f"{name}: expected {expected}, got {value!r}")
    if not isinstance(function, str):
        raise TypeError(f"{name}: expected {expected}, got {value!r} of {type(value).__name__}")
    if function not in _core.ACTIVATIONS:
        raise ValueError(f"{name}: expected {expected}, got {value!r}")
    number, default = _core.ACTIVATIONS[function]
    if alpha is None:
        return number, default
    if function not in _WITH_ALPHA or not math.isfinite(alpha):
        raise ValueError(
            f"{name}: expected a finite number beside one of {', '.join(sorted(_WITH_ALPHA))}, "
            f"got {value!r}"
        )
    return number, float(alpha)


def activation_name(activation: tuple[int, float]) -> str | tuple[str, float] | None:
    """Return what `parse_activation` turns into this; None for linear."""
    number, alpha = activation
    if number == LINEAR[0]:
        return None
    name = next(n for n, (code, _) in _core.ACTIVATIONS.items() if code == number)
    return (name, alpha) if alpha != _core.ACTIVATIONS[name][1] else name
