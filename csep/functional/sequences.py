"""The functional API on sequences."""

from __future__ import annotations

from .. import _core
from ..spec.arrays import Array
from ..spec.docs import document
from ..spec.types import Activation, ArrayLike, DataFormat, Integer, Padding, PaddingMode, Steps

_SEQUENCE = 3  # rank of x


@document
def depthwise_conv1d(
    x: ArrayLike,
    dw: ArrayLike,
    bias: ArrayLike | None = None,
    strides: Steps = 1,
    padding: Padding = "VALID",
    *,
    mode: PaddingMode = "zeros",
    dilations: Steps = 1,
    activation: Activation = None,
    residual: ArrayLike | None = None,
    shared_kernel: bool = False,
    data_format: DataFormat = "NHWC",
    out: Array | None = None,
    num_threads: Integer | None = None,
) -> Array:
    """Depthwise convolution of a batch of sequences: `depthwise_conv2d` along one axis.

    ::

        y[b, i, q * M + r] = activation(bias[q * M + r] + residual[b, i, q * M + r]
            + sum over di of x[b, s * i + d * di - before, q] * dw[di, q, r])

    Parameters
    ----------
    x : (N, L, C) array_like
        Sequences, ``(N, C, L)`` with ``data_format="NCHW"``; dtypes as in `depthwise_conv2d`.
    dw : (k, C, M) array_like
        Depthwise weights; ``(k, 1, M)``: one kernel for all channels.
    {dw_alone_bias}
    {slide_1d}
    {activation}
    {call}
    {shared_kernel}
    {data_format_1d}

    Returns
    -------
    (N, L', C * M) ndarray
        As `depthwise_conv2d`.

    Raises
    ------
    {raises}
    {raises_memory}

    Notes
    -----
    Shapes are those of Keras' ``DepthwiseConv1D``.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> x = np.arange(5, dtype="f4").reshape(1, 5, 1)
    >>> csep.depthwise_conv1d(x, np.ones((2, 1, 1), "f4"), padding="CAUSAL")[0, :, 0]
    array([0., 1., 3., 5., 7.], dtype=float32)
    """
    return _core.convolve(
        _core.DEPTHWISE,
        _SEQUENCE,
        x,
        dw,
        None,
        None,
        bias,
        residual,
        strides,
        padding,
        mode,
        dilations,
        None,
        activation,
        data_format,
        out,
        num_threads,
        shared_kernel,
    )


@document
def separable_conv1d(
    x: ArrayLike,
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
    residual: ArrayLike | None = None,
    data_format: DataFormat = "NHWC",
    out: Array | None = None,
    num_threads: Integer | None = None,
) -> Array:
    """Depthwise-separable convolution of a batch of sequences: `separable_conv2d` along one axis.

    ::

        d[b, i, q * M + r] = depthwise_activation(depthwise_bias[q * M + r]
            + sum over di of x[b, s * i + d * di - before, q] * dw[di, q, r])
        y[b, i, k] = activation(bias[k] + residual[b, i, k]
            + sum over m of d[b, i, m] * pw[0, m, k])

    Parameters
    ----------
    x : (N, L, C) array_like
        Sequences, ``(N, C, L)`` with ``data_format="NCHW"``; dtypes as in `separable_conv2d`.
    dw : (k, C, M) array_like
        Depthwise weights; ``(k, 1, M)``: one kernel for all channels.
    pw : (1, C * M, CO) or (C * M, CO) array_like
        Pointwise weights.
    {bias}
    {slide_1d}
    {between}
    {activation}
    {call}
    {data_format_1d}

    Returns
    -------
    (N, L', CO) ndarray
        As `separable_conv2d`.

    Raises
    ------
    {raises}
    {raises_memory}

    Notes
    -----
    Shapes are those of Keras' ``SeparableConv1D``: ``separable_conv1d(x, *layer.get_weights())``.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> x, dw, pw = np.ones((1, 6, 3), "f4"), np.ones((2, 3, 1), "f4"), np.ones((1, 3, 2), "f4")
    >>> csep.separable_conv1d(x, dw, pw, strides=2)[0]
    array([[6., 6.],
           [6., 6.],
           [6., 6.]], dtype=float32)
    """
    return _core.convolve(
        _core.SEPARABLE,
        _SEQUENCE,
        x,
        dw,
        pw,
        depthwise_bias,
        bias,
        residual,
        strides,
        padding,
        mode,
        dilations,
        depthwise_activation,
        activation,
        data_format,
        out,
        num_threads,
    )


@document
def conv1d(
    x: ArrayLike,
    w: ArrayLike,
    bias: ArrayLike | None = None,
    strides: Steps = 1,
    padding: Padding = "VALID",
    *,
    mode: PaddingMode = "zeros",
    dilations: Steps = 1,
    groups: Integer = 1,
    activation: Activation = None,
    residual: ArrayLike | None = None,
    data_format: DataFormat = "NHWC",
    out: Array | None = None,
    num_threads: Integer | None = None,
) -> Array:
    """Ordinary convolution of a batch of sequences: `conv2d` along one axis.

    ::

        y[b, i, k] = activation(bias[k] + residual[b, i, k]
            + sum over di, q of x[b, s * i + d * di - before, q] * w[di, q, k])

    Parameters
    ----------
    x : (N, L, C) array_like
        Sequences, ``(N, C, L)`` with ``data_format="NCHW"``; dtypes as in `conv2d`.
    w : (k, C, CO) array_like
        Weights.
    {bias}
    {slide_1d}
    {groups}
    {activation}
    {call}
    {data_format_1d}

    Returns
    -------
    (N, L', CO) ndarray
        As `conv2d`.

    Raises
    ------
    {raises}
    {raises_memory}

    See Also
    --------
    Conv1D : the same with the weights packed once.

    Notes
    -----
    Shapes are those of Keras' ``Conv1D``.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> x = np.ones((1, 6, 3), "f4")
    >>> csep.conv1d(x, np.ones((2, 3, 1), "f4"), strides=2)[0, :, 0]
    array([6., 6., 6.], dtype=float32)
    """
    return _core.convolve(
        _core.CONV,
        _SEQUENCE,
        x,
        None,
        w,
        None,
        bias,
        residual,
        strides,
        padding,
        mode,
        dilations,
        None,
        activation,
        data_format,
        out,
        num_threads,
        False,
        groups,
    )
