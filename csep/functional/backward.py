"""The backward passes of the functional API: gradients from that of the result."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .. import _core
from ..spec.docs import document
from ..spec.gradients import Gradients, Out, named_arrays, wanted_gradients
from ..spec.types import Activation, ArrayLike, DataFormat, Integer, Padding, Steps

_IMAGE, _SEQUENCE = 4, 3  # ranks of x


def _run(
    kind: int,
    rank: int,
    dy: Any,
    given: dict[str, Any],
    strides: Any,
    padding: Any,
    dilations: Any,
    activations: tuple[Any, Any],
    data_format: Any,
    wrt: Iterable[str] | None,
    out: Out,
    num_threads: Any,
    shared_kernel: Any = False,
    groups: Any = 1,
) -> Gradients:
    """Return the gradients that are asked for; given: what they may be asked for of, by name."""
    wanted = wanted_gradients(wrt, given)
    found = _core.differentiate(
        kind,
        rank,
        dy,
        given["x"],
        given.get("dw"),
        given.get("w") if kind == _core.CONV else given.get("pw"),
        given.get("depthwise_bias"),
        given["bias"],
        given["residual"],
        strides,
        padding,
        dilations,
        *activations,
        data_format,
        wanted,
        named_arrays(out, wanted),
        num_threads,
        shared_kernel,
        groups,
    )
    return Gradients(**found)


@document
def separable_conv2d_backward(
    dy: ArrayLike,
    x: ArrayLike,
    dw: ArrayLike,
    pw: ArrayLike,
    bias: ArrayLike | None = None,
    strides: Steps = 1,
    padding: Padding = "VALID",
    *,
    dilations: Steps = 1,
    depthwise_bias: ArrayLike | None = None,
    depthwise_activation: Activation = None,
    activation: Activation = None,
    residual: ArrayLike | None = None,
    data_format: DataFormat = "NHWC",
    wrt: Iterable[str] | None = None,
    out: Out = None,
    num_threads: Integer | None = None,
) -> Gradients:
    """Gradients of `separable_conv2d`: of a loss, from dy, its gradient with respect to the result.

    With d the depthwise result and s what the activations are applied to::

        ds = dy * activation'(s)                             also that of the residual
        pw' = sum over pixels of d[m] * ds[k]                bias' = sum over pixels of ds
        du = (sum over k of pw[m, k] * ds[k]) * depthwise_activation'(u)
        dw'[di, dj, q, r] = sum over pixels of x[under tap di, dj, q] * du[q * M + r]
        x'[pixel, q] = sum over r and the taps it is under of dw[tap, q, r] * du[q * M + r]

    d, u and s are computed again, some rows at a time: nothing between x and dy is stored whole.

    Parameters
    ----------
    dy : array_like
        Of the shape and dtype of the result of `separable_conv2d`.
    {x}
    {dw}
    {pw}
    {bias}
    {slide_zeros}
    {between}
    {activation}
    {backward}
    {data_format}

    Returns
    -------
    Gradients
        ``g.x``, ``g.dw``, ``g.pw``, ``g.bias``, ``g.depthwise_bias``, ``g.residual``: each of the
        shape and dtype of its argument, None where there is none or wrt does not name it.  A shared
        kernel ``(kh, kw, 1, M)`` has one gradient of that shape.  The same bits for any number of
        threads.

    Raises
    ------
    {raises}
    {raises_memory}

    See Also
    --------
    separable_conv2d : the forward pass.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> x, dw, pw = np.ones((1, 4, 4, 2), "f4"), np.ones((3, 3, 2, 1), "f4"), np.ones((2, 5), "f4")
    >>> dy = np.ones((1, 4, 4, 5), "f4")
    >>> g = csep.separable_conv2d_backward(dy, x, dw, pw, padding="SAME", wrt=("x", "pw"))
    >>> g.x[0, :, :, 0]
    array([[20., 30., 30., 20.],
           [30., 45., 45., 30.],
           [30., 45., 45., 30.],
           [20., 30., 30., 20.]], dtype=float32)
    >>> g.pw[0]
    array([100., 100., 100., 100., 100.], dtype=float32)
    """
    given = {"x": x, "dw": dw, "pw": pw, "bias": bias, "depthwise_bias": depthwise_bias}
    given["residual"] = residual
    activations = (depthwise_activation, activation)
    return _run(
        _core.SEPARABLE, _IMAGE, dy, given, strides, padding, dilations, activations, data_format,
        wrt, out, num_threads,
    )  # fmt: skip


@document
def depthwise_conv2d_backward(
    dy: ArrayLike,
    x: ArrayLike,
    dw: ArrayLike,
    bias: ArrayLike | None = None,
    strides: Steps = 1,
    padding: Padding = "VALID",
    *,
    dilations: Steps = 1,
    activation: Activation = None,
    residual: ArrayLike | None = None,
    shared_kernel: bool = False,
    data_format: DataFormat = "NHWC",
    wrt: Iterable[str] | None = None,
    out: Out = None,
    num_threads: Integer | None = None,
) -> Gradients:
    """Gradients of `depthwise_conv2d`, as `separable_conv2d_backward` has them.

    Parameters
    ----------
    dy : array_like
        Of the shape and dtype of the result of `depthwise_conv2d`.
    {x}
    {dw}
    {dw_alone_bias}
    {slide_zeros}
    {activation}
    {shared_kernel}
    {backward}
    {data_format}

    Returns
    -------
    Gradients
        ``g.x``, ``g.dw``, ``g.bias``, ``g.residual``.

    Raises
    ------
    {raises}
    {raises_memory}

    See Also
    --------
    depthwise_conv2d : the forward pass.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> x, dw = np.ones((1, 3, 3, 2), "f4"), np.ones((2, 2, 2, 1), "f4")
    >>> csep.depthwise_conv2d_backward(np.ones((1, 2, 2, 2), "f4"), x, dw).dw[:, :, 0, 0]
    array([[4., 4.],
           [4., 4.]], dtype=float32)
    """
    given = {"x": x, "dw": dw, "bias": bias, "residual": residual}
    return _run(
        _core.DEPTHWISE, _IMAGE, dy, given, strides, padding, dilations, (None, activation),
        data_format, wrt, out, num_threads, shared_kernel,
    )  # fmt: skip


@document
def pointwise_conv2d_backward(
    dy: ArrayLike,
    x: ArrayLike,
    pw: ArrayLike,
    bias: ArrayLike | None = None,
    *,
    activation: Activation = None,
    residual: ArrayLike | None = None,
    data_format: DataFormat = "NHWC",
    wrt: Iterable[str] | None = None,
    out: Out = None,
    num_threads: Integer | None = None,
) -> Gradients:
    """Gradients of `pointwise_conv2d`, as `separable_conv2d_backward` has them.

    Parameters
    ----------
    dy : array_like
        Of the shape and dtype of the result of `pointwise_conv2d`.
    {x}
    {pw_alone}
    {bias}
    {activation}
    {backward}
    {data_format}

    Returns
    -------
    Gradients
        ``g.x``, ``g.pw``, ``g.bias``, ``g.residual``.

    Raises
    ------
    {raises}
    {raises_memory}

    See Also
    --------
    pointwise_conv2d : the forward pass.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> x, pw = np.ones((1, 2, 2, 3), "f4"), np.ones((3, 2), "f4")
    >>> csep.pointwise_conv2d_backward(np.ones((1, 2, 2, 2), "f4"), x, pw, wrt=["pw"]).pw
    array([[4., 4.],
           [4., 4.],
           [4., 4.]], dtype=float32)
    """
    given = {"x": x, "pw": pw, "bias": bias, "residual": residual}
    return _run(
        _core.POINTWISE, _IMAGE, dy, given, 1, "VALID", 1, (None, activation), data_format, wrt,
        out, num_threads,
    )  # fmt: skip


@document
def conv2d_backward(
    dy: ArrayLike,
    x: ArrayLike,
    w: ArrayLike,
    bias: ArrayLike | None = None,
    strides: Steps = 1,
    padding: Padding = "VALID",
    *,
    dilations: Steps = 1,
    groups: Integer = 1,
    activation: Activation = None,
    residual: ArrayLike | None = None,
    data_format: DataFormat = "NHWC",
    wrt: Iterable[str] | None = None,
    out: Out = None,
    num_threads: Integer | None = None,
) -> Gradients:
    """Gradients of `conv2d`, as `separable_conv2d_backward` has them.

    Parameters
    ----------
    dy : array_like
        Of the shape and dtype of the result of `conv2d`.
    {x}
    {w}
    {bias}
    {slide_zeros}
    {groups}
    {activation}
    {backward}
    {data_format}

    Returns
    -------
    Gradients
        ``g.x``, ``g.w``, ``g.bias``, ``g.residual``.

    Raises
    ------
    {raises}
    {raises_memory}

    See Also
    --------
    conv2d : the forward pass.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> x, w, b = np.ones((1, 3, 3, 1), "f4"), np.ones((2, 2, 1, 1), "f4"), np.zeros(1, "f4")
    >>> g = csep.conv2d_backward(np.ones((1, 2, 2, 1), "f4"), x, w, b)
    >>> g.x[0, :, :, 0]
    array([[1., 2., 1.],
           [2., 4., 2.],
           [1., 2., 1.]], dtype=float32)
    >>> g.bias
    array([4.], dtype=float32)
    """
    given = {"x": x, "w": w, "bias": bias, "residual": residual}
    return _run(
        _core.CONV, _IMAGE, dy, given, strides, padding, dilations, (None, activation), data_format,
        wrt, out, num_threads, False, groups,
    )  # fmt: skip


@document
def separable_conv1d_backward(
    dy: ArrayLike,
    x: ArrayLike,
    dw: ArrayLike,
    pw: ArrayLike,
    bias: ArrayLike | None = None,
    strides: Steps = 1,
    padding: Padding = "VALID",
    *,
    dilations: Steps = 1,
    depthwise_bias: ArrayLike | None = None,
    depthwise_activation: Activation = None,
    activation: Activation = None,
    residual: ArrayLike | None = None,
    data_format: DataFormat = "NHWC",
    wrt: Iterable[str] | None = None,
    out: Out = None,
    num_threads: Integer | None = None,
) -> Gradients:
    """Gradients of `separable_conv1d`, as `separable_conv2d_backward` has them.

    Parameters
    ----------
    dy : array_like
        Of the shape and dtype of the result of `separable_conv1d`.
    x : (N, L, C) array_like
        Sequences, of the dtypes of images.
    dw : (k, C, M) array_like
        Depthwise weights; ``(k, 1, M)``: one kernel for all channels.
    pw : (1, C * M, CO) or (C * M, CO) array_like
        Pointwise weights.
    {bias}
    {slide_zeros_1d}
    {between}
    {activation}
    {backward}
    {data_format_1d}

    Returns
    -------
    Gradients
        ``g.x``, ``g.dw``, ``g.pw``, ``g.bias``, ``g.depthwise_bias``, ``g.residual``.

    Raises
    ------
    {raises}
    {raises_memory}

    See Also
    --------
    separable_conv1d : the forward pass.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> x, dw, pw = np.ones((1, 5, 2), "f4"), np.ones((3, 2, 1), "f4"), np.ones((2, 4), "f4")
    >>> csep.separable_conv1d_backward(np.ones((1, 3, 4), "f4"), x, dw, pw).x[0, :, 0]
    array([ 4.,  8., 12.,  8.,  4.], dtype=float32)
    """
    given = {"x": x, "dw": dw, "pw": pw, "bias": bias, "depthwise_bias": depthwise_bias}
    given["residual"] = residual
    activations = (depthwise_activation, activation)
    return _run(
        _core.SEPARABLE, _SEQUENCE, dy, given, strides, padding, dilations, activations,
        data_format, wrt, out, num_threads,
    )  # fmt: skip


@document
def conv1d_backward(
    dy: ArrayLike,
    x: ArrayLike,
    w: ArrayLike,
    bias: ArrayLike | None = None,
    strides: Steps = 1,
    padding: Padding = "VALID",
    *,
    dilations: Steps = 1,
    groups: Integer = 1,
    activation: Activation = None,
    residual: ArrayLike | None = None,
    data_format: DataFormat = "NHWC",
    wrt: Iterable[str] | None = None,
    out: Out = None,
    num_threads: Integer | None = None,
) -> Gradients:
    """Gradients of `conv1d`, as `separable_conv2d_backward` has them.

    Parameters
    ----------
    dy : array_like
        Of the shape and dtype of the result of `conv1d`.
    x : (N, L, C) array_like
        Sequences, of the dtypes of images.
    w : (k, C / groups, CO) array_like
        Weights.
    {bias}
    {slide_zeros_1d}
    {groups}
    {activation}
    {backward}
    {data_format_1d}

    Returns
    -------
    Gradients
        ``g.x``, ``g.w``, ``g.bias``, ``g.residual``.

    Raises
    ------
    {raises}
    {raises_memory}

    See Also
    --------
    conv1d : the forward pass.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> x, w = np.ones((1, 5, 2), "f4"), np.ones((3, 2, 4), "f4")
    >>> csep.conv1d_backward(np.ones((1, 3, 4), "f4"), x, w).x[0, :, 0]
    array([ 4.,  8., 12.,  8.,  4.], dtype=float32)
    """
    given = {"x": x, "w": w, "bias": bias, "residual": residual}
    return _run(
        _core.CONV, _SEQUENCE, dy, given, strides, padding, dilations, (None, activation),
        data_format, wrt, out, num_threads, False, groups,
    )  # fmt: skip


@document
def depthwise_conv1d_backward(
    dy: ArrayLike,
    x: ArrayLike,
    dw: ArrayLike,
    bias: ArrayLike | None = None,
    strides: Steps = 1,
    padding: Padding = "VALID",
    *,
    dilations: Steps = 1,
    activation: Activation = None,
    residual: ArrayLike | None = None,
    shared_kernel: bool = False,
    data_format: DataFormat = "NHWC",
    wrt: Iterable[str] | None = None,
    out: Out = None,
    num_threads: Integer | None = None,
) -> Gradients:
    """Gradients of `depthwise_conv1d`, as `separable_conv2d_backward` has them.

    Parameters
    ----------
    dy : array_like
        Of the shape and dtype of the result of `depthwise_conv1d`.
    x : (N, L, C) array_like
        Sequences, of the dtypes of images.
    dw : (k, C, M) array_like
        Depthwise weights; ``(k, 1, M)``: one kernel for all channels.
    {dw_alone_bias}
    {slide_zeros_1d}
    {activation}
    {shared_kernel}
    {backward}
    {data_format_1d}

    Returns
    -------
    Gradients
        ``g.x``, ``g.dw``, ``g.bias``, ``g.residual``.

    Raises
    ------
    {raises}
    {raises_memory}

    See Also
    --------
    depthwise_conv1d : the forward pass.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> x, dw = np.ones((1, 5, 2), "f4"), np.ones((3, 2, 1), "f4")
    >>> csep.depthwise_conv1d_backward(np.ones((1, 3, 2), "f4"), x, dw).x[0, :, 0]
    array([1., 2., 3., 2., 1.], dtype=float32)
    """
    given = {"x": x, "dw": dw, "bias": bias, "residual": residual}
    return _run(
        _core.DEPTHWISE, _SEQUENCE, dy, given, strides, padding, dilations, (None, activation),
        data_format, wrt, out, num_threads, shared_kernel,
    )  # fmt: skip
