"""Prepared operators: weights checked and packed once, then called many times."""

from __future__ import annotations

from . import _core
from .arrays import Float32, as_plain, check_out
from .geometry import ConvParams, resolve
from .runtime import check_threads


def _check_weights(dw: object, pw: object, bias: object) -> tuple[Float32, Float32, Float32 | None]:
    """Return the three arrays plain, pw as (C * M, CO), after checking that they fit together."""
    dw = as_plain(dw, "dw", ("kh", "kw", "C", "M"))
    pw = as_plain(pw, "pw", ("1", "1", "C * M", "CO"))
    if 0 in dw.shape:
        raise ValueError(f"dw: expected no empty axis, got shape {dw.shape}")
    depth = dw.shape[2] * dw.shape[3]
    if pw.shape[:3] != (1, 1, depth) or pw.shape[3] == 0:
        raise ValueError(
            f"pw: expected shape (1, 1, {depth}, CO), C * M of dw with shape {dw.shape}, "
            f"got {pw.shape}"
        )
    if bias is not None:
        bias = as_plain(bias, "bias", ("CO",))
        if bias.shape[0] != pw.shape[3]:
            raise ValueError(
                f"bias: expected shape ({pw.shape[3]},), CO of pw with shape {pw.shape}, "
                f"got {bias.shape}"
            )
    return dw, pw.reshape(pw.shape[2:]), bias


class SeparableConv2D:
    """A depthwise-separable convolution with its weights packed, to be called many times.

    Parameters
    ----------
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

    Raises
    ------
    TypeError
        If an argument is of the wrong kind or dtype.
    ValueError
        If an argument has a wrong value or shape.

    Notes
    -----
    The weights are copied: changing the arrays later changes nothing.  An operator may be called
    from many threads at once.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> op = csep.SeparableConv2D(np.ones((3, 3, 2, 1), "f4"), np.ones((1, 1, 2, 4), "f4"))
    >>> op(np.ones((1, 5, 5, 2), "f4"))[0, 0, 0]
    array([18., 18., 18., 18.], dtype=float32)
    """

    __slots__ = ("_kernel", "_out_channels", "_params", "_plan", "_weights_shape")

    def __init__(self, dw, pw, bias=None, strides=1, padding="VALID", *, dilations=1) -> None:
        self._params = ConvParams.parse(strides, padding, dilations)
        dw, pw, bias = _check_weights(dw, pw, bias)
        self._weights_shape = dw.shape
        self._kernel = dw.shape[:2]
        self._out_channels = pw.shape[1]
        self._plan = _core.Plan(dw, pw, bias, self._params.strides, self._params.dilations)

    def __call__(self, x, out=None, num_threads=None) -> Float32:
        """Convolve x.

        Parameters
        ----------
        x : (N, H, W, C) float32 array_like
            Any strides, alignment and byte order; what is not plain is copied first.
        out : (N, H', W', CO) float32 ndarray, optional
            Where to write the result: C-contiguous, writable, apart from x.
        num_threads : int, optional
            At most this many threads; default `csep.get_num_threads`.

        Returns
        -------
        (N, H', W', CO) float32 ndarray
            ``out`` if it was given.  The same bits for any number of threads and for an image
            alone or in a batch.

        Raises
        ------
        TypeError
            If an argument is of the wrong kind or dtype.
        ValueError
            If an argument has a wrong value or shape.
        MemoryError
            If there is no memory for the result or for scratch.
        """
        y = self._plan.fast(x, out, num_threads)
        return y if y is not None else self._run(x, out, num_threads, {"x": x})

    def _run(self, x, out, num_threads, inputs) -> Float32:
        """Check a call, then run it; ``inputs`` are the arrays that out must not overlap."""
        threads = (
            _core.get_default_threads()
            if num_threads is None
            else check_threads(num_threads, "num_threads")
        )
        x = as_plain(x, "x", ("N", "H", "W", "C"))
        if x.shape[3] != self._weights_shape[2]:
            raise ValueError(
                f"x: expected {self._weights_shape[2]} channels, C of dw with shape "
                f"{self._weights_shape}, got shape {x.shape}"
            )
        geometry = resolve(self._params, self._kernel, self._out_channels, x.shape)
        if out is not None:
            check_out(out, geometry.output_shape, inputs)
        return self._plan.run(x, out, geometry.pads, threads)
