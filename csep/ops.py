"""The functional API: one function per operator."""

from __future__ import annotations

from . import _core
from .arrays import Float32
from .layers import SeparableConv2D


def separable_conv2d(
    x,
    dw,
    pw,
    bias=None,
    strides=1,
    padding="VALID",
    *,
    dilations=1,
    out=None,
    num_threads=None,
) -> Float32:
    """Depthwise-separable convolution of a batch of images, in one fused pass.

    Each input channel q is convolved with its own M kernels, and the C * M results are mixed into
    CO output channels::

        y[b, i, j, k] = bias[k] + sum over di, dj, q, r of
            x[b, sh * i + dh * di - top, sw * j + dw_ * dj - left, q]
            * dw[di, dj, q, r] * pw[0, 0, q * M + r, k]

    with strides (sh, sw), dilations (dh, dw_) and taps in the padding left out.

    Parameters
    ----------
    x : (N, H, W, C) float32 array_like
        Images, NHWC.  Any strides, alignment and byte order; what is not plain is copied first.
    dw : (kh, kw, C, M) float32 array_like
        Depthwise weights; M is the channel multiplier.
    pw : (1, 1, C * M, CO) float32 array_like
        Pointwise weights.
    bias : (CO,) float32 array_like, optional
        Added to every output pixel.
    strides : int, pair or four ints
        Input pixels between output pixels: one number, ``(height, width)`` or
        ``[1, height, width, 1]``.
    padding : str or pairs
        ``"SAME"`` (TensorFlow's: ``ceil(size / stride)`` outputs, the odd pixel of padding at the
        bottom and right), ``"VALID"`` (none), ``((top, bottom), (left, right))`` in pixels, or
        the same between two pairs of zeros for batch and channels.
    dilations : int, pair or four ints
        Input pixels between kernel taps, in the form of strides.
    out : (N, H', W', CO) float32 ndarray, optional
        Where to write the result: C-contiguous, writable, apart from the inputs.
    num_threads : int, optional
        At most this many threads; default `csep.get_num_threads`.

    Returns
    -------
    (N, H', W', CO) float32 ndarray
        ``out`` if it was given.  The same bits for any number of threads and for an image alone
        or in a batch.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind or dtype.
    ValueError
        If an argument has a wrong value or shape.
    MemoryError
        If there is no memory for the result or for scratch.

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
    y = _core.convolve(x, dw, pw, bias, strides, padding, dilations, out, num_threads)
    if y is not None:
        return y
    op = SeparableConv2D(dw, pw, bias, strides, padding, dilations=dilations)
    return op._run(x, out, num_threads, {"x": x, "dw": dw, "pw": pw, "bias": bias})
