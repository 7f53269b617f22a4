"""Prepared operators on images."""

from __future__ import annotations

from typing import ClassVar

from .. import _core
from ..spec.docs import document
from ..spec.types import Activation, ArrayLike, DataFormat, Integer, Padding, PaddingMode, Steps
from .operator import Operator, Separable


@document
class SeparableConv2D(Separable):
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
    _name = "SeparableConv2D"

    def __init__(
        self,
        dw: ArrayLike,
        pw: ArrayLike,
        bias: ArrayLike | None = None,
        strides: Steps = 1,
        padding: Padding = "VALID",
        *,
        mode: PaddingMode = "zeros",
        dilations: Steps = 1,
        depthwise_bias: ArrayLike | None = None,
        depthwise_activation: Activation = None,
        activation: Activation = None,
        data_format: DataFormat = "NHWC",
    ) -> None:
        self._prepare(
            _core.SEPARABLE,
            dw=dw,
            matrix=pw,
            depthwise_bias=depthwise_bias,
            depthwise_activation=depthwise_activation,
            bias=bias,
            strides=strides,
            padding=padding,
            mode=mode,
            dilations=dilations,
            activation=activation,
            data_format=data_format,
        )


@document
class DepthwiseConv2D(Operator):
    """A depthwise convolution with its weights packed, to be called many times.

    Parameters
    ----------
    {dw}
    {dw_alone_bias}
    {slide}
    {activation}
    {shared_kernel}
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
    _name = "DepthwiseConv2D"
    _weights: ClassVar[dict[str, str]] = {"dw": "dw", "bias": "bias"}
    _settings = (*Operator._settings, "shared_kernel")

    def __init__(
        self,
        dw: ArrayLike,
        bias: ArrayLike | None = None,
        strides: Steps = 1,
        padding: Padding = "VALID",
        *,
        mode: PaddingMode = "zeros",
        dilations: Steps = 1,
        activation: Activation = None,
        shared_kernel: bool = False,
        data_format: DataFormat = "NHWC",
    ) -> None:
        self._prepare(
            _core.DEPTHWISE,
            dw=dw,
            bias=bias,
            strides=strides,
            padding=padding,
            mode=mode,
            dilations=dilations,
            activation=activation,
            data_format=data_format,
            shared_kernel=shared_kernel,
        )

    @property
    def shared_kernel(self) -> bool:
        """Whether ``dw`` of one channel was said to serve all of them."""
        return self._plan.shared_kernel


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
    _name = "PointwiseConv2D"
    _weights: ClassVar[dict[str, str]] = {"pw": "matrix", "bias": "bias"}
    _settings = ("activation", "data_format")

    def __init__(
        self,
        pw: ArrayLike,
        bias: ArrayLike | None = None,
        *,
        activation: Activation = None,
        data_format: DataFormat = "NHWC",
    ) -> None:
        self._prepare(
            _core.POINTWISE,
            matrix=pw,
            bias=bias,
            activation=activation,
            data_format=data_format,
        )


@document
class Conv2D(Operator):
    """An ordinary convolution with its weights packed, to be called many times.

    Parameters
    ----------
    {w}
    {bias}
    {slide}
    {groups}
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
    _name = "Conv2D"
    _weights: ClassVar[dict[str, str]] = {"w": "matrix", "bias": "bias"}
    _settings = (*Operator._settings, "groups")

    def __init__(
        self,
        w: ArrayLike,
        bias: ArrayLike | None = None,
        strides: Steps = 1,
        padding: Padding = "VALID",
        *,
        mode: PaddingMode = "zeros",
        dilations: Steps = 1,
        groups: Integer = 1,
        activation: Activation = None,
        data_format: DataFormat = "NHWC",
    ) -> None:
        self._prepare(
            _core.CONV,
            matrix=w,
            bias=bias,
            strides=strides,
            padding=padding,
            mode=mode,
            dilations=dilations,
            activation=activation,
            data_format=data_format,
            groups=groups,
        )

    @property
    def groups(self) -> int:
        """Groups that both kinds of channels are cut into."""
        return self._plan.groups
