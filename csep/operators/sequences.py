"""Prepared operators on sequences."""

from __future__ import annotations

from typing import ClassVar

from .. import _core
from ..spec.docs import document
from ..spec.types import Activation, ArrayLike, DataFormat, Integer, Padding, PaddingMode, Steps
from .operator import Operator, Separable


@document
class SeparableConv1D(Separable):
    """A depthwise-separable convolution of sequences with its weights packed.

    Parameters
    ----------
    dw : (k, C, M) array_like
        Depthwise weights; ``(k, 1, M)``: one kernel for all channels.
    pw : (1, C * M, CO) or (C * M, CO) array_like
        Pointwise weights.
    {bias}
    {slide_1d}
    {between}
    {activation}
    {data_format_1d}

    Raises
    ------
    {raises}

    See Also
    --------
    separable_conv1d : the formula; the same with weights given each time.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> op = csep.SeparableConv1D(np.ones((3, 2, 1), "f4"), np.ones((1, 2, 4), "f4"), strides=2)
    >>> op
    SeparableConv1D(3, 2 -> 4, strides=(2,), no bias, 14 parameters)
    >>> op(np.ones((1, 7, 2), "f4"))[0, :, 0]
    array([6., 6., 6.], dtype=float32)
    """

    __slots__ = ()
    _name = "SeparableConv1D"
    _rank = 3

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
class DepthwiseConv1D(Operator):
    """A depthwise convolution of sequences with its weights packed.

    Parameters
    ----------
    dw : (k, C, M) array_like
        Depthwise weights; ``(k, 1, M)``: one kernel for all channels.
    {dw_alone_bias}
    {slide_1d}
    {activation}
    {shared_kernel}
    {data_format_1d}

    Raises
    ------
    {raises}

    See Also
    --------
    depthwise_conv1d : the formula; the same with weights given each time.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> op = csep.DepthwiseConv1D(np.ones((2, 1, 1), "f4"), padding="CAUSAL")
    >>> op(np.arange(5, dtype="f4").reshape(1, 5, 1))[0, :, 0]
    array([0., 1., 3., 5., 7.], dtype=float32)
    """

    __slots__ = ()
    _name = "DepthwiseConv1D"
    _rank = 3
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
class Conv1D(Operator):
    """An ordinary convolution of sequences with its weights packed.

    Parameters
    ----------
    w : (k, C, CO) array_like
        Weights.
    {bias}
    {slide_1d}
    {groups}
    {activation}
    {data_format_1d}

    Raises
    ------
    {raises}

    See Also
    --------
    conv1d : the formula; the same with weights given each time.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> op = csep.Conv1D(np.ones((3, 4, 16), "f4"), padding="SAME")
    >>> op.count_params(), op.output_shape((None, None, 4)), op.output_shape((8, 100, 4))
    (192, (None, None, 16), (8, 100, 16))
    """

    __slots__ = ()
    _name = "Conv1D"
    _rank = 3
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
