"""Prepared operators: weights checked and packed once, then called many times."""

from __future__ import annotations

from typing import Any

from . import _core
from .activations import activation_name
from .arrays import Array, check_same_real
from .docs import document
from .prepared import Operator, as_bias, as_matrix, as_weights, check_not_empty


@document
class SeparableConv2D(Operator):
    """A depthwise-separable convolution with its weights packed, to be called many times.

    Parameters
    ----------
    {dw}
    {pw}
    {bias}
    {slide}
    {between}
    {activation}
    {data_format}

    Raises
    ------
    {raises}

    See Also
    --------
    separable_conv2d : the formula; the same with weights given each time.

    Notes
    -----
    The weights are copied: changing the arrays later changes nothing.  An operator is immutable and
    may be called from many threads at once, pickled and copied.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> op = csep.SeparableConv2D(np.ones((3, 3, 2, 1), "f4"), np.ones((1, 1, 2, 4), "f4"))
    >>> op
    SeparableConv2D(3x3, 2 -> 4, no bias, 26 parameters)
    >>> op(np.ones((1, 5, 5, 2), "f4"))[0, 0, 0]
    array([18., 18., 18., 18.], dtype=float32)
    """

    __slots__ = ()
    _kind = _core.SEPARABLE
    _name = "SeparableConv2D"

    def __init__(
        self,
        dw,
        pw,
        bias=None,
        strides=1,
        padding="VALID",
        *,
        dilations=1,
        depthwise_bias=None,
        depthwise_activation=None,
        activation=None,
        data_format="NHWC",
    ) -> None:
        dw = as_weights(dw, "dw", ("kh", "kw", "C", "M"))
        pw = as_matrix(pw, "pw", "C * M")
        check_same_real(pw, "pw", dw, "dw")
        check_not_empty(dw, "dw")
        check_not_empty(pw, "pw")
        depth, (channels, multiplier) = pw.shape[0], dw.shape[2:]
        shared = channels == 1 and depth % multiplier == 0
        if depth != channels * multiplier and not shared:
            raise ValueError(
                f"pw: expected {channels * multiplier} rows, C * M of dw with shape {dw.shape}, "
                f"got {depth}"
            )
        self._prepare(
            dw=dw,
            pw=pw,
            depthwise_bias=as_bias(depthwise_bias, "depthwise_bias", depth, dw, "dw"),
            bias=as_bias(bias, "bias", pw.shape[1], pw, "pw"),
            strides=strides,
            padding=padding,
            dilations=dilations,
            depthwise_activation=depthwise_activation,
            activation=activation,
            data_format=data_format,
        )

    @property
    def depthwise_bias(self) -> Array | None:
        """Added to the depthwise result; Keras has no such thing."""
        return self._depthwise_bias

    @property
    def depthwise_activation(self) -> str | tuple[str, float] | None:
        """What is applied to the depthwise result; None for nothing."""
        return activation_name(self._depthwise_activation)

    def _channels(self) -> int:
        return self._pw.shape[0] // self._dw.shape[3]

    def _kernel(self) -> tuple[int, int]:
        return self._dw.shape[:2]

    def _arguments(self) -> dict[str, Any]:
        return {
            "dw": self._dw,
            "pw": self._pw,
            "depthwise_bias": self._depthwise_bias,
            "depthwise_activation": self.depthwise_activation,
            **self._sliding_arguments(),
        }


@document
class DepthwiseConv2D(Operator):
    """A depthwise convolution with its weights packed, to be called many times.

    Parameters
    ----------
    {dw}
    {dw_alone_bias}
    {slide}
    {activation}
    {data_format}

    Raises
    ------
    {raises}

    See Also
    --------
    depthwise_conv2d : the formula; the same with weights given each time.

    Notes
    -----
    With ``dw`` of shape ``(kh, kw, 1, M)`` and no bias the operator takes images of any number of
    channels.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> op = csep.DepthwiseConv2D(np.ones((3, 3, 1, 1), "f4"), padding="SAME")
    >>> op(np.ones((1, 5, 5, 7), "f4")).shape
    (1, 5, 5, 7)
    """

    __slots__ = ()
    _kind = _core.DEPTHWISE
    _name = "DepthwiseConv2D"

    def __init__(
        self,
        dw,
        bias=None,
        strides=1,
        padding="VALID",
        *,
        dilations=1,
        activation=None,
        data_format="NHWC",
    ) -> None:
        dw = as_weights(dw, "dw", ("kh", "kw", "C", "M"))
        check_not_empty(dw, "dw")
        channels, multiplier = dw.shape[2:]
        count = None if channels == 1 else channels * multiplier
        bias = as_bias(bias, "bias", count, dw, "dw")
        if bias is not None and (bias.shape[0] == 0 or bias.shape[0] % multiplier):
            raise ValueError(
                f"bias: expected shape (C * {multiplier},), C * M of dw with shape {dw.shape}, "
                f"got {bias.shape}"
            )
        self._prepare(
            dw=dw,
            bias=bias,
            strides=strides,
            padding=padding,
            dilations=dilations,
            activation=activation,
            data_format=data_format,
        )

    def _channels(self) -> int | None:
        if self._dw.shape[2] > 1:
            return self._dw.shape[2]
        return None if self._bias is None else self._bias.shape[0] // self._dw.shape[3]

    def _filters(self, channels: int) -> int:
        return channels * self._dw.shape[3]

    def _kernel(self) -> tuple[int, int]:
        return self._dw.shape[:2]

    def _arguments(self) -> dict[str, Any]:
        return {"dw": self._dw, **self._sliding_arguments()}


@document
class PointwiseConv2D(Operator):
    """A 1x1 convolution with its weights packed, to be called many times.

    Parameters
    ----------
    {pw_alone}
    {bias}
    {activation}
    {data_format}

    Raises
    ------
    {raises}

    See Also
    --------
    pointwise_conv2d : the formula; the same with weights given each time.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> op = csep.PointwiseConv2D(np.ones((3, 2), "f4"), activation="relu")
    >>> op(np.ones((1, 5, 5, 3), "f4"))[0, 0, 0]
    array([3., 3.], dtype=float32)
    """

    __slots__ = ()
    _kind = _core.CONV
    _name = "PointwiseConv2D"

    def __init__(self, pw, bias=None, *, activation=None, data_format="NHWC") -> None:
        pw = as_matrix(pw, "pw", "C")
        check_not_empty(pw, "pw")
        self._prepare(
            pw=pw,
            bias=as_bias(bias, "bias", pw.shape[1], pw, "pw"),
            activation=activation,
            data_format=data_format,
        )

    def _channels(self) -> int:
        return self._pw.shape[0]

    def _kernel(self) -> tuple[int, int]:
        return 1, 1

    def _arguments(self) -> dict[str, Any]:
        return {"pw": self._pw, **self._common_arguments()}


@document
class Conv2D(Operator):
    """An ordinary convolution with its weights packed, to be called many times.

    Parameters
    ----------
    {w}
    {bias}
    {slide}
    {activation}
    {data_format}

    Raises
    ------
    {raises}

    See Also
    --------
    conv2d : the formula; the same with weights given each time.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> op = csep.Conv2D(np.ones((5, 5, 3, 16), "f4"), np.zeros(16, "f4"), strides=2)
    >>> op.count_params(), op.output_shape((1, 224, 224, 3))
    (1216, (1, 110, 110, 16))
    """

    __slots__ = ()
    _kind = _core.CONV
    _name = "Conv2D"

    def __init__(
        self,
        w,
        bias=None,
        strides=1,
        padding="VALID",
        *,
        dilations=1,
        activation=None,
        data_format="NHWC",
    ) -> None:
        w = as_weights(w, "w", ("kh", "kw", "C", "CO"))
        check_not_empty(w, "w")
        self._prepare(
            pw=w,
            bias=as_bias(bias, "bias", w.shape[3], w, "w"),
            strides=strides,
            padding=padding,
            dilations=dilations,
            activation=activation,
            data_format=data_format,
        )

    def _channels(self) -> int:
        return self._pw.shape[2]

    def _kernel(self) -> tuple[int, int]:
        return self._pw.shape[:2]

    def _arguments(self) -> dict[str, Any]:
        return {"w": self._pw, **self._sliding_arguments()}
