"""The functional API on images."""

from __future__ import annotations

from .. import _core
from ..spec.arrays import Array
from ..spec.docs import document
from ..spec.types import Activation, ArrayLike, DataFormat, Integer, Padding, PaddingMode, Steps

_IMAGE = 4  # rank of x


@document
def separable_conv2d(
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
    """Depthwise-separable convolution of a batch of images, in one fused pass.

    Each input channel q is convolved with its own M kernels, and the C * M results are mixed into
    CO output channels::

        d[b, i, j, q * M + r] = depthwise_activation(depthwise_bias[q * M + r] + sum over di, dj of
            x[b, sh * i + dh * di - top, sw * j + dw_ * dj - left, q] * dw[di, dj, q, r])
        y[b, i, j, k] = activation(bias[k] + residual[b, i, j, k]
            + sum over m of d[b, i, j, m] * pw[0, 0, m, k])

    with strides (sh, sw), dilations (dh, dw_) and taps in the padding left out, unless ``mode``
    fills it.

    Parameters
    ----------
    {x}
    {dw}
    {pw}
    {bias}
    {slide}
    {between}
    {activation}
    {call}
    {data_format}

    Returns
    -------
    {returns}

    Raises
    ------
    {raises}
    {raises_memory}

    See Also
    --------
    SeparableConv2D : the same with the weights packed once.

    Notes
    -----
    The formula and the order of the weights are those of ``tf.nn.separable_conv2d``; a Keras layer
    is run with ``csep.separable_conv2d(x, *layer.get_weights(), strides=..., padding=...)``.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> x = np.ones((1, 4, 4, 3), "f4")
    >>> dw = np.ones((3, 3, 3, 1), "f4")
    >>> pw = np.ones((1, 1, 3, 2), "f4")
    >>> csep.separable_conv2d(x, dw, pw, padding="SAME")[0, :, :, 0]
    array([[12., 18., 18., 12.],
           [18., 27., 27., 18.],
           [18., 27., 27., 18.],
           [12., 18., 18., 12.]], dtype=float32)
    """
    return _core.convolve(
        _core.SEPARABLE,
        _IMAGE,
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
def depthwise_conv2d(
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
    """Depthwise convolution of a batch of images: each channel with its own M kernels.

    The first half of `separable_conv2d`::

        y[b, i, j, q * M + r] = activation(bias[q * M + r] + residual[b, i, j, q * M + r]
            + sum over di, dj of
              x[b, sh * i + dh * di - top, sw * j + dw_ * dj - left, q] * dw[di, dj, q, r])

    With ``dw`` of shape ``(kh, kw, 1, M)`` every channel q uses ``dw[:, :, 0, r]``.

    Parameters
    ----------
    {x}
    {dw}
    {dw_alone_bias}
    {slide}
    {activation}
    {call}
    {shared_kernel}
    {data_format}

    Returns
    -------
    {returns}

    Raises
    ------
    {raises}
    {raises_memory}

    See Also
    --------
    DepthwiseConv2D : the same with the weights packed once.

    Notes
    -----
    The formula is that of ``tf.nn.depthwise_conv2d``, which has no shared kernel.

    Examples
    --------
    One 3x3 kernel for all channels:

    >>> import numpy as np
    >>> import csep
    >>> blur = np.full((3, 3, 1, 1), 1 / 9, "f4")
    >>> csep.depthwise_conv2d(np.ones((1, 5, 5, 16), "f4"), blur).shape
    (1, 3, 3, 16)
    """
    return _core.convolve(
        _core.DEPTHWISE,
        _IMAGE,
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
def pointwise_conv2d(
    x: ArrayLike,
    pw: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    activation: Activation = None,
    residual: ArrayLike | None = None,
    data_format: DataFormat = "NHWC",
    out: Array | None = None,
    num_threads: Integer | None = None,
) -> Array:
    """Pointwise (1x1) convolution of a batch of images: the channels of each pixel are mixed.

    The second half of `separable_conv2d`::

        y[b, i, j, k] = activation(bias[k] + residual[b, i, j, k]
            + sum over q of x[b, i, j, q] * pw[0, 0, q, k])

    Parameters
    ----------
    {x}
    {pw_alone}
    {bias}
    {activation}
    {call}
    {data_format}

    Returns
    -------
    {returns}

    Raises
    ------
    {raises}
    {raises_memory}

    See Also
    --------
    PointwiseConv2D : the same with the weights packed once.

    Notes
    -----
    The formula is that of ``tf.nn.conv2d`` with a 1x1 kernel.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> sepia = np.full((3, 3), 0.25, "f4")
    >>> csep.pointwise_conv2d(np.ones((1, 2, 2, 3), "f4"), sepia)[0, 0, 0]
    array([0.75, 0.75, 0.75], dtype=float32)
    """
    return _core.convolve(
        _core.POINTWISE,
        _IMAGE,
        x,
        None,
        pw,
        None,
        bias,
        residual,
        1,
        "VALID",
        "zeros",
        1,
        None,
        activation,
        data_format,
        out,
        num_threads,
    )


@document
def conv2d(
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
    """Ordinary convolution of a batch of images: every output channel sees every input channel.

    ::

        y[b, i, j, k] = activation(bias[k] + residual[b, i, j, k] + sum over di, dj, q of
            x[b, sh * i + dh * di - top, sw * j + dw_ * dj - left, q] * w[di, dj, q, k])

    Parameters
    ----------
    {x}
    {w}
    {bias}
    {slide}
    {groups}
    {activation}
    {call}
    {data_format}

    Returns
    -------
    {returns}

    Raises
    ------
    {raises}
    {raises_memory}

    See Also
    --------
    Conv2D : the same with the weights packed once.

    Notes
    -----
    The formula is that of ``tf.nn.conv2d``.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> x = np.ones((1, 4, 4, 3), "f4")
    >>> csep.conv2d(x, np.ones((2, 2, 3, 1), "f4"), strides=2)[0, :, :, 0]
    array([[12., 12.],
           [12., 12.]], dtype=float32)
    """
    return _core.convolve(
        _core.CONV,
        _IMAGE,
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
