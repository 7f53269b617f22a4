"""Batch normalisation folded into the weights before it."""

from __future__ import annotations

import math
import numbers
from typing import Any

import numpy as np

from ..spec.arrays import Array, as_float, is_bfloat16, shown


def _vector(value: object, name: str, count: int, default: float | None = None) -> Array:
    """Return an array of count finite-or-not float64 numbers."""
    if value is None and default is not None:
        return np.full(count, default)
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise TypeError(f"{name}: expected {count} numbers, got {type(value).__name__}") from error
    if array.dtype.kind not in "fiu" and not is_bfloat16(array.dtype):
        raise TypeError(f"{name}: expected {count} real numbers, got {array.dtype}")
    array = array.astype(np.float64)
    if array.shape != (count,):
        raise ValueError(f"{name}: expected shape ({count},), got {array.shape}")
    return array


def _scale_and_shift(count, gamma, beta, mean, variance, epsilon) -> tuple[Array, Array]:
    """Return a and b of a * v + b."""
    if isinstance(epsilon, bool) or not isinstance(epsilon, numbers.Real):
        raise TypeError(f"epsilon: expected a number, got {shown(epsilon)}")
    number = as_float(epsilon)
    if not (math.isfinite(number) and number >= 0):
        raise ValueError(f"epsilon: expected a finite number of at least 0, got {shown(epsilon)}")
    epsilon = number
    variance = _vector(variance, "variance", count)
    if not (variance + epsilon > 0).all():
        raise ValueError("variance: expected variance + epsilon above 0, got one that is not")
    scale = _vector(gamma, "gamma", count, 1.0) / np.sqrt(variance + epsilon)
    return scale, _vector(beta, "beta", count, 0.0) - _vector(mean, "mean", count) * scale


def _folded(weights: Array, bias: Array | None, scale: Array, shift: Array) -> tuple[Array, Array]:
    """Return weights, whose last axes are scale's, and bias after the normalisation."""
    bias = shift if bias is None else bias * scale + shift
    return (weights * scale).astype(weights.dtype), bias.astype(weights.dtype)


def folded_arguments(
    kind: str, arguments: dict[str, Any], filters: int | None, *, stage: str, **norm: Any
) -> dict[str, Any]:
    """Return the constructor arguments of an operator that change.

    Parameters
    ----------
    kind : str
        The operator's name.
    arguments : dict
        Its constructor arguments.
    filters : int or None
        Output channels; None where any number will do.
    stage : {"result", "depthwise"}
    **norm
        gamma, beta, mean, variance, epsilon.
    """
    if stage not in ("result", "depthwise"):
        raise ValueError(f'stage: expected "result" or "depthwise", got {stage!r}')
    if stage == "depthwise" and not kind.startswith("Separable"):
        raise ValueError(f'stage: expected "result" for {kind}, got {stage!r}')
    in_between = "depthwise_activation" if stage == "depthwise" else "activation"
    if arguments[in_between] is not None:
        raise ValueError(
            f"{in_between}: expected None, for a normalisation that follows the weights directly, "
            f"got {arguments[in_between]!r}"
        )
    if stage == "depthwise" or kind.startswith("Depthwise"):
        dw = arguments["dw"]
        if filters is None:  # a shared kernel: the normalisation tells the channels
            filters = np.size(norm["mean"]) if norm["mean"] is not None else dw.shape[-1]
            _vector(norm["mean"], "mean", filters)
        count = arguments["pw"].shape[0] if stage == "depthwise" else filters
        multiplier = dw.shape[-1]
        if count % multiplier:
            raise ValueError(f"mean: expected a multiple of {multiplier} numbers, got {count}")
        scale, shift = _scale_and_shift(count, **norm)
        # A shared kernel is no longer shared: each channel has a scale of its own.
        whole = np.broadcast_to(dw, (*dw.shape[:-2], count // multiplier, multiplier))
        name = "depthwise_bias" if stage == "depthwise" else "bias"
        flat = whole.reshape(*dw.shape[:-2], count)
        weights, bias = _folded(flat, arguments[name], scale, shift)
        return {"dw": weights.reshape(whole.shape), name: bias}
    scale, shift = _scale_and_shift(filters, **norm)
    name = "w" if "w" in arguments else "pw"
    weights, bias = _folded(arguments[name], arguments["bias"], scale, shift)
    return {name: weights, "bias": bias}
