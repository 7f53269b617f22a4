"""The functional API: one function per operator."""

from __future__ import annotations

import numpy as np

from . import _core
from .arrays import Array, as_plain, rank
from .docs import document
from .geometry import ConvParams, output_length, padding_1d, parse_layout, step_1d
from .layers import Conv2D, DepthwiseConv2D, PointwiseConv2D, SeparableConv2D


@document
def separable_conv2d(
    x,
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
    residual=None,
    data_format="NHWC",
    out=None,
    num_threads=None,
) -> Array:
    """Depthwise-separable convolution of a batch of images, in one fused pass.

    Each input channel q is convolved with its own M kernels, and the C * M results are mixed into
    CO output channels::

        d[b, i, j, q * M + r] = depthwise_activation(depthwise_bias[q * M + r] + sum over di, dj of
            x[b, sh * i + dh * di - top, sw * j + dw_ * dj - left, q] * dw[di, dj, q, r])
        y[b, i, j, k] = activation(bias[k] + residual[b, i, j, k]
            + sum over m of d[b, i, j, m] * pw[0, 0, m, k])

    with strides (sh, sw), dilations (dh, dw_) and taps in the padding left out.

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
    y = _core.convolve(
        _core.SEPARABLE,
        x,
        dw,
        pw,
        depthwise_bias,
        bias,
        residual,
        strides,
        padding,
        dilations,
        depthwise_activation,
        activation,
        data_format,
        out,
        num_threads,
    )
    if y is not None:
        return y
    op = SeparableConv2D(
        dw,
        pw,
        bias,
        strides,
        padding,
        dilations=dilations,
        depthwise_bias=depthwise_bias,
        depthwise_activation=depthwise_activation,
        activation=activation,
        data_format=data_format,
    )
    inputs = {"x": x, "dw": dw, "pw": pw, "bias": bias, "depthwise_bias": depthwise_bias}
    return op._run(x, residual, out, num_threads, inputs | {"residual": residual})


@document
def depthwise_conv2d(
    x,
    dw,
    bias=None,
    strides=1,
    padding="VALID",
    *,
    dilations=1,
    activation=None,
    residual=None,
    data_format="NHWC",
    out=None,
    num_threads=None,
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
    y = _core.convolve(
        _core.DEPTHWISE,
        x,
        dw,
        None,
        None,
        bias,
        residual,
        strides,
        padding,
        dilations,
        None,
        activation,
        data_format,
        out,
        num_threads,
    )
    if y is not None:
        return y
    op = DepthwiseConv2D(
        dw,
        bias,
        strides,
        padding,
        dilations=dilations,
        activation=activation,
        data_format=data_format,
    )
    inputs = {"x": x, "dw": dw, "bias": bias, "residual": residual}
    return op._run(x, residual, out, num_threads, inputs)


@document
def pointwise_conv2d(
    x,
    pw,
    bias=None,
    *,
    activation=None,
    residual=None,
    data_format="NHWC",
    out=None,
    num_threads=None,
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
    y = _core.convolve(
        _core.CONV,
        x,
        None,
        pw if rank(pw) == 2 or getattr(pw, "shape", ())[:2] == (1, 1) else None,
        None,
        bias,
        residual,
        1,
        "VALID",
        1,
        None,
        activation,
        data_format,
        out,
        num_threads,
    )
    if y is not None:
        return y
    op = PointwiseConv2D(pw, bias, activation=activation, data_format=data_format)
    inputs = {"x": x, "pw": pw, "bias": bias, "residual": residual}
    return op._run(x, residual, out, num_threads, inputs)


@document
def conv2d(
    x,
    w,
    bias=None,
    strides=1,
    padding="VALID",
    *,
    dilations=1,
    activation=None,
    residual=None,
    data_format="NHWC",
    out=None,
    num_threads=None,
) -> Array:
    """Ordinary convolution of a batch of images: every output channel sees every input channel.

    ::

        y[b, i, j, k] = activation(bias[k] + residual[b, i, j, k] + sum over di, dj, q of
            x[b, sh * i + dh * di - top, sw * j + dw_ * dj - left, q] * w[di, dj, q, k])

    where padding holds zeros.

    Parameters
    ----------
    {x}
    {w}
    {bias}
    {slide}
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
    y = _core.convolve(
        _core.CONV,
        x,
        None,
        w if rank(w) == 4 else None,
        None,
        bias,
        residual,
        strides,
        padding,
        dilations,
        None,
        activation,
        data_format,
        out,
        num_threads,
    )
    if y is not None:
        return y
    op = Conv2D(
        w,
        bias,
        strides,
        padding,
        dilations=dilations,
        activation=activation,
        data_format=data_format,
    )
    inputs = {"x": x, "w": w, "bias": bias, "residual": residual}
    return op._run(x, residual, out, num_threads, inputs)


_LAYOUTS_1D = {"NWC": "NHWC", "NLC": "NHWC", "NCW": "NCHW", "NCL": "NCHW"}


class _Flat:
    """A 1-D call as one on images one pixel high: its arrays and arguments.

    What could be wrong with its shapes is said here, in terms of sequences.
    """

    def __init__(self, x, dw, strides, padding, dilations, data_format):
        if isinstance(data_format, str):
            data_format = _LAYOUTS_1D.get(data_format.upper(), data_format)
        self.layout = parse_layout(data_format)
        self.axes = ("N", "L", "C") if self.layout == "NHWC" else ("N", "C", "L")
        self.height = self.axes.index("L")
        x = as_plain(x, "x", self.axes)
        dw = as_plain(dw, "dw", ("k", "C", "M"))
        length, channels = x.shape[self.height], x.shape[self.axes.index("C")]
        if dw.shape[1] not in {1, channels} or channels < 1:
            raise ValueError(
                f"x: expected {dw.shape[1]} channels of dw with shape {dw.shape}, got shape "
                f"{x.shape}"
            )
        self.depth = channels * dw.shape[2]
        self.x, self.dw = np.expand_dims(x, self.height), dw[None]
        self.strides = step_1d(strides, "strides")
        self.dilations = step_1d(dilations, "dilations")
        self.padding = padding_1d(padding, dw.shape[0], self.dilations[1])
        params = ConvParams(self.strides, self.padding, self.dilations)
        self.steps = output_length(params, dw.shape[0], length)
        if dw.shape[0] > 0 and self.steps < 1:
            raise ValueError(
                f"x: expected a length that the kernel fits into, got {length} for kernel "
                f"{dw.shape[0]}, dilation {self.dilations[1]}, padding {self.padding}"
            )
        self.batch = x.shape[0]

    def check_rows(self, pw):
        """Return pointwise weights (1, C * M, CO) or (C * M, CO) as the latter."""
        if rank(pw) != 2:
            pw = as_plain(pw, "pw", ("1", "C * M", "CO"))
            if pw.shape[0] != 1:
                raise ValueError(f"pw: expected shape (1, C * M, CO), got {pw.shape}")
            pw = pw[0]
        pw = as_plain(pw, "pw", ("C * M", "CO"))
        if pw.shape[0] != self.depth:
            raise ValueError(
                f"pw: expected {self.depth} rows, C * M of dw with shape {self.dw.shape[1:]}, "
                f"got shape {pw.shape}"
            )
        return pw

    def like_result(self, value, name, filters):
        """Return a residual or out with an axis for the height; what is no array, as it is."""
        if value is None or (name == "out" and not isinstance(value, np.ndarray)):
            return value
        if name == "residual":
            value = as_plain(value, name, self.axes)
        shape = (self.batch, self.steps, filters)
        if self.layout == "NCHW":
            shape = (self.batch, filters, self.steps)
        if value.shape != shape:
            raise ValueError(f"{name}: expected shape {shape}, got {value.shape}")
        return np.expand_dims(value, self.height)

    def result(self, y, out):
        """Return a result of rank 4 without its height, or the caller's own array."""
        return y.squeeze(self.height) if out is None else out


@document
def depthwise_conv1d(
    x,
    dw,
    bias=None,
    strides=1,
    padding="VALID",
    *,
    dilations=1,
    activation=None,
    residual=None,
    data_format="NHWC",
    out=None,
    num_threads=None,
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
    data_format : str
        ``"NHWC"``, ``"NWC"`` or ``"channels_last"``; ``"NCHW"``, ``"NCW"`` or ``"channels_first"``.

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
    flat = _Flat(x, dw, strides, padding, dilations, data_format)
    y = depthwise_conv2d(
        flat.x,
        flat.dw,
        bias,
        flat.strides,
        flat.padding,
        dilations=flat.dilations,
        activation=activation,
        residual=flat.like_result(residual, "residual", flat.depth),
        data_format=flat.layout,
        out=flat.like_result(out, "out", flat.depth),
        num_threads=num_threads,
    )
    return flat.result(y, out)


@document
def separable_conv1d(
    x,
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
    residual=None,
    data_format="NHWC",
    out=None,
    num_threads=None,
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
    data_format : str
        ``"NHWC"``, ``"NWC"`` or ``"channels_last"``; ``"NCHW"``, ``"NCW"`` or ``"channels_first"``.

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
    flat = _Flat(x, dw, strides, padding, dilations, data_format)
    pw = flat.check_rows(pw)
    y = separable_conv2d(
        flat.x,
        flat.dw,
        pw,
        bias,
        flat.strides,
        flat.padding,
        dilations=flat.dilations,
        depthwise_bias=depthwise_bias,
        depthwise_activation=depthwise_activation,
        activation=activation,
        residual=flat.like_result(residual, "residual", pw.shape[1]),
        data_format=flat.layout,
        out=flat.like_result(out, "out", pw.shape[1]),
        num_threads=num_threads,
    )
    return flat.result(y, out)
