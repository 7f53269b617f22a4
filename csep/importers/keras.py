"""Keras layers as operators."""

from __future__ import annotations

from typing import Any

from ..operators import Conv2D, DepthwiseConv2D, Operator, PointwiseConv2D, SeparableConv2D
from ..operators.keras_layers import kind_of

_OPERATORS: dict[str, type[Operator]] = {
    cls.__name__: cls for cls in (Conv2D, DepthwiseConv2D, PointwiseConv2D, SeparableConv2D)
}


def from_keras(layer: Any) -> Operator:
    """Return the operator that computes what a Keras layer computes.

    Parameters
    ----------
    layer : keras.layers.Layer
        A built Conv2D, DepthwiseConv2D or SeparableConv2D of Keras 2 or 3.  It is read by its
        attributes; Keras is not imported.

    Returns
    -------
    Conv2D, DepthwiseConv2D, PointwiseConv2D or SeparableConv2D
        A `PointwiseConv2D` for a Conv2D with a 1x1 kernel and strides of 1.

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
    kind = kind_of(layer)
    if kind is None:
        raise TypeError(
            "layer: expected a Keras Conv2D, DepthwiseConv2D or SeparableConv2D, "
            f"got {type(layer).__name__}"
        )
    if kind == "Conv2D" and tuple(layer.kernel_size) == tuple(layer.strides) == (1, 1):
        kind = "PointwiseConv2D"
    return _OPERATORS[kind].from_keras(layer)
