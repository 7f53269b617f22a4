"""Keras layers as operators."""

from __future__ import annotations

from typing import Any

from .. import operators
from ..operators import Operator
from ..operators.keras_layers import operator_arguments, pointwise_arguments

_OPERATORS: dict[str, type[Operator]] = {
    name: getattr(operators, name) for name in operators.__all__ if name.endswith("D")
}


def from_keras(layer: Any) -> Operator:
    """Return the operator that computes what a Keras layer computes.

    Parameters
    ----------
    layer : keras.layers.Layer
        A built Conv2D, DepthwiseConv2D, SeparableConv2D, Conv1D, DepthwiseConv1D, SeparableConv1D
        or Dense of Keras 2 or 3, or of a class derived from one that changes no method.  It is read
        by its attributes; Keras is not imported.

    Returns
    -------
    operator
        Of the layer's name; a `PointwiseConv2D` for Dense, and for a Conv2D with a 1x1 kernel and
        strides of 1; a depthwise one for a convolution with as many groups as channels.

    Raises
    ------
    TypeError
        If it is no such layer.
    ValueError
        If it has no weights yet, or csep cannot compute what it asks for.

    Examples
    --------
    ::

        model = keras.applications.MobileNet()
        op = csep.from_keras(model.get_layer("conv_dw_1"))
    """
    return operator_of(layer)


def operator_of(layer: Any, *, but_softmax: bool = False) -> Operator:
    """Return the operator of a layer; but_softmax: without its activation, if that is a softmax."""
    kind, arguments = operator_arguments(layer, but_softmax=but_softmax)
    ones = kind == "Conv2D" and arguments["w"].shape[:2] == arguments["strides"] == (1, 1)
    if ones and "groups" not in arguments:
        kind, arguments = "PointwiseConv2D", pointwise_arguments(arguments)
    return _OPERATORS[kind](**arguments)
