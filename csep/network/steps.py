"""Steps of networks that are no convolutions: one function for each, on values or on arrays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

import numpy as np

from .. import _core
from ..spec.arrays import Array, as_plain, check_integer, shown
from ..spec.types import Activation, ArrayLike, Integer
from .values import AXES, Input, Value, make, sides_of

V = TypeVar("V", Value, Array)

_PAIR = "an int or (height, width)"


def _run(kind: str, arrays: list[Array], settings: dict[str, Any], rank: int | None) -> Array:
    """Compute a step at once."""
    values = [Input(a.shape[1:], batch_size=a.shape[0] or None, dtype=a.dtype) for a in arrays]
    result = make(kind, values, settings, rank=rank)
    step = result._step
    assert step is not None
    y: Array = np.empty([len(arrays[0]), *(n or 0 for n in result.shape[1:])], arrays[0].dtype)
    step.alone().run(arrays, [sides_of(a.shape) for a in arrays], [y], None)
    return y


def _plain(value: object, name: str) -> Array:
    rank = np.ndim(value)  # type: ignore[arg-type]
    if rank not in AXES:
        raise ValueError(f"{name}: expected rank 2, 3 or 4, got rank {rank}")
    array = as_plain(value, name, AXES[rank])
    if array.dtype not in (np.float32, np.float64):
        raise TypeError(f"{name}: expected float32 or float64, got {array.dtype}")
    return array


def _apply(
    kind: str, values: Sequence[Any], settings: dict[str, Any], rank: int | None = None
) -> Any:
    """Return the value of a new step, or of arrays the result."""
    if all(isinstance(v, Value) for v in values):
        return make(kind, list(values), settings, rank=rank)
    if any(isinstance(v, Value) for v in values):
        raise TypeError("values: expected all of a network that is being built, or all arrays")
    arrays = [_plain(v, "x" if len(values) == 1 else "values") for v in values]
    return _run(kind, arrays, settings, rank)


def _several(values: object) -> list[Any]:
    if not isinstance(values, (list, tuple)) or not values:
        raise TypeError(f"values: expected a list of one or more, got {shown(values)}")
    return [_given(v, "values") for v in values]


def _given(x: Any, name: str = "x") -> Any:
    """Return a value, or what is to be an array as one."""
    return x if isinstance(x, Value) else _plain(x, name)


def _rank_of(x: Any) -> int:
    return x._rank if isinstance(x, Value) else np.ndim(x)


def _channels_of(x: Any) -> int:
    return int(x.shape[-1])


def _numbers(value: ArrayLike | None, name: str, x: Any) -> Array | None:
    """Return a number for each channel of x, of one for all, in x's dtype."""
    if value is None:
        return None
    array = np.asarray(value)
    if array.dtype.kind not in "fiu":
        raise TypeError(f"{name}: expected real numbers, got {array.dtype}")
    count = _channels_of(x)
    if array.shape not in ((), (count,)):
        raise ValueError(f"{name}: expected one number or ({count},), got shape {array.shape}")
    own = np.empty(count, x.dtype)
    own[...] = array
    return own


def _pair(value: object, name: str, low: int = 1) -> tuple[int, int]:
    items = value if isinstance(value, (tuple, list)) else (value, value)
    if len(items) != 2:
        raise ValueError(f"{name}: expected {_PAIR}, got {shown(value)}")
    first, second = (check_integer(v, name, low, _core.MAX_STEP, _PAIR) for v in items)
    return first, second


def _sides_pair(value: object, name: str, rank: int) -> tuple[int, int]:
    """Return a pair (height, width); of sequences, which are one pixel high, (1, length)."""
    if rank == 4:
        return _pair(value, name)
    items = value if isinstance(value, (tuple, list)) else (value,)
    if len(items) != 1:
        raise ValueError(f"{name}: expected an int for sequences, got {shown(value)}")
    return 1, check_integer(items[0], name, 1, _core.MAX_STEP, "an int")


def activate(x: V, activation: Activation) -> V:
    """Apply an activation.

    Parameters
    ----------
    x : Value or array
        Of any rank, float32 or float64.
    activation : str, (str, float) or (str, array_like)
        As in `csep.conv2d`.

    Returns
    -------
    Value or ndarray

    Raises
    ------
    TypeError, ValueError
        If there is no such activation.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> csep.activate(np.array([[-1.0, 2.0]]), "relu")
    array([[0., 2.]])
    """
    given = _given(x)
    return _apply("add", [given], {"activation": _activation(activation, given)})


def _activation(activation: Any, x: Any) -> Any:
    """Return an activation with slopes in x's dtype, one for each channel."""
    if isinstance(activation, tuple) and len(activation) == 2 and activation[0] == "prelu":
        if activation[1] is None:
            raise TypeError('activation: expected slopes beside "prelu", got None')
        return "prelu", _numbers(activation[1], "activation", x)
    if isinstance(activation, tuple) and isinstance(activation[-1], np.floating):
        return (*activation[:-1], float(activation[-1]))
    return activation


def add(
    values: Sequence[V],
    *,
    weights: Sequence[float] | None = None,
    activation: Activation = None,
) -> V:
    """Add values, each times its weight.

    ``y = activation(weights[0] * values[0] + weights[1] * values[1] + ...)``, one after the other.

    Parameters
    ----------
    values : list of Values or arrays
        Of one shape, or some with a single pixel for each image.
    weights : sequence of float, optional
        A number for each; ones if there are none.
    activation : str, (str, float) or (str, array_like), optional

    Returns
    -------
    Value or ndarray

    Raises
    ------
    TypeError
        If values is no list, or not of one kind.
    ValueError
        If the shapes or numbers do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> csep.add([np.array([[1.0, 2.0]]), np.array([[3.0, 4.0]])], weights=[1, 10])
    array([[31., 42.]])
    """
    items: list[Any] = _several(values)
    scales: list[Array | None] = [None] * len(items)
    if weights is not None:
        if len(weights) != len(items):
            raise ValueError(f"weights: expected {len(items)} numbers, got {len(weights)}")
        scales = [_numbers(w, "weights", v) for w, v in zip(weights, items, strict=True)]

    def settings(count: int) -> dict[str, Any]:
        return {} if weights is None else {"scales": tuple(scales[:count])}

    most: int = _core.MAX_ADDED
    while len(items) > most:
        items = [_apply("add", items[:most], settings(most)), *items[most:]]
        scales = [None, *scales[most:]]
    last = settings(len(items)) | {"activation": _activation(activation, items[0])}
    return _apply("add", items, last)


def scale(
    x: V,
    scale: ArrayLike | None = None,
    shift: ArrayLike | None = None,
    activation: Activation = None,
) -> V:
    """Return ``activation(scale * x + shift)``, channel by channel.

    Parameters
    ----------
    x : Value or array
    scale, shift : (C,) array_like or float, optional
        1 and 0 if there are none.
    activation : str, (str, float) or (str, array_like), optional

    Returns
    -------
    Value or ndarray

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> csep.scale(np.array([[1.0, 2.0]]), [2, 3], 1)
    array([[3., 7.]])
    """
    given = _given(x)
    settings: dict[str, Any] = {"activation": _activation(activation, given)}
    if scale is not None:
        settings["scales"] = (_numbers(scale, "scale", given),)
    if shift is not None:
        settings["shift"] = _numbers(shift, "shift", given)
    return _apply("add", [given], settings)


def multiply(values: Sequence[V], *, activation: Activation = None) -> V:
    """Multiply values, as squeeze-and-excite does.

    Parameters
    ----------
    values : list of Values or arrays
        Of one shape, or some with a single pixel for each image.
    activation : str, (str, float) or (str, array_like), optional

    Returns
    -------
    Value or ndarray

    Raises
    ------
    TypeError
        If values is no list, or not of one kind.
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> x, factors = np.ones((1, 2, 2, 2)), np.array([[[[2.0, 3.0]]]])
    >>> csep.multiply([x, factors])[0, 1]
    array([[2., 3.],
           [2., 3.]])
    """
    items: list[Any] = _several(values)
    while len(items) > _core.MAX_ADDED:
        first = _apply("multiply", items[: _core.MAX_ADDED], {})
        items = [first, *items[_core.MAX_ADDED :]]
    return _apply("multiply", items, {"activation": _activation(activation, items[0])})


def concat(values: Sequence[V]) -> V:
    """Put channels side by side.

    Parameters
    ----------
    values : list of Values or arrays
        Of one shape but for the channels.

    Returns
    -------
    Value or ndarray

    Raises
    ------
    TypeError
        If values is no list, or not of one kind.
    ValueError
        If the shapes do not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> csep.concat([np.array([[1.0]]), np.array([[2.0, 3.0]])])
    array([[1., 2., 3.]])
    """
    return _apply("concat", _several(values), {})


def _pool(kind: str, x: Any, pool_size: Any, strides: Any, padding: Any) -> Any:
    rank = _rank_of(x)
    window = _sides_pair(pool_size, "pool_size", rank)
    steps = window if strides is None else _sides_pair(strides, "strides", rank)
    return _apply(kind, [x], {"window": window, "strides": steps, "padding": padding})


def max_pool(x: V, pool_size: Any, strides: Any = None, padding: str = "VALID") -> V:
    """Return the largest number under a window that slides over an image or a sequence.

    Parameters
    ----------
    x : Value or array
    pool_size : int or (int, int)
    strides : int or (int, int), optional
        pool_size if there are none.
    padding : {"VALID", "SAME"} or pixels
        As in `csep.conv2d`; padding is never the largest.

    Returns
    -------
    Value or ndarray

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> csep.max_pool(np.arange(16.0).reshape(1, 4, 4, 1), 2)[0, :, :, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    return _pool("max_pool", x, pool_size, strides, padding)


def average_pool(x: V, pool_size: Any, strides: Any = None, padding: str = "VALID") -> V:
    """Return the mean under a window that slides over an image or a sequence.

    Parameters
    ----------
    x : Value or array
    pool_size : int or (int, int)
    strides : int or (int, int), optional
        pool_size if there are none.
    padding : {"VALID", "SAME"} or pixels
        As in `csep.conv2d`; the mean is that of real pixels, as in Keras.

    Returns
    -------
    Value or ndarray

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> csep.average_pool(np.arange(16.0).reshape(1, 4, 4, 1), 3, 2, "SAME")[0, :, :, 0]
    array([[ 5. ,  6.5],
           [11. , 12.5]])
    """
    return _pool("average_pool", x, pool_size, strides, padding)


def _global(kind: str, x: Any, keepdims: bool) -> Any:
    return _apply(kind, [x], {}, rank=_rank_of(x) if keepdims else 2)


def global_max_pool(x: V, *, keepdims: bool = False) -> V:
    """Return the largest number of each channel over all pixels.

    Parameters
    ----------
    x : Value or array
    keepdims : bool
        Whether the result keeps axes of 1 for height and width.

    Returns
    -------
    Value or ndarray

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> csep.global_max_pool(np.arange(8.0).reshape(1, 2, 2, 2))
    array([[6., 7.]])
    """
    return _global("global_max_pool", x, keepdims)


def global_average_pool(x: V, *, keepdims: bool = False) -> V:
    """Return the mean of each channel over all pixels.

    Parameters
    ----------
    x : Value or array
    keepdims : bool
        Whether the result keeps axes of 1 for height and width.

    Returns
    -------
    Value or ndarray

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> csep.global_average_pool(np.arange(8.0).reshape(1, 2, 2, 2))
    array([[3., 4.]])
    """
    return _global("global_average_pool", x, keepdims)


def resize(x: V, factor: Any = None, *, size: Any = None, interpolation: str = "nearest") -> V:
    """Resize images or sequences, with half-pixel centres as Keras and TensorFlow do.

    Parameters
    ----------
    x : Value or array
    factor : int or (int, int), optional
        How many times as high and wide.
    size : int or (int, int), optional
        Height and width of the result, in the place of factor.
    interpolation : {"nearest", "bilinear"}

    Returns
    -------
    Value or ndarray

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> csep.resize(np.array([[[[0.0], [8.0]]]]), (1, 2), interpolation="bilinear")[0, 0, :, 0]
    array([0., 2., 6., 8.])
    """
    if interpolation not in ("nearest", "bilinear"):
        raise ValueError(
            f'interpolation: expected "nearest" or "bilinear", got {shown(interpolation)}'
        )
    if (factor is None) == (size is None):
        raise ValueError("factor: expected a factor or a size, got both or neither")
    name = "factor" if size is None else "size"
    return _apply(
        interpolation,
        [x],
        {name: _sides_pair(size if factor is None else factor, name, _rank_of(x))},
    )


def pad(x: V, border: Any) -> V:
    """Put zeros around images or sequences, or cut pixels off.

    Parameters
    ----------
    x : Value or array
    border : ((int, int), (int, int)) or (int, int)
        Pixels at ``((top, bottom), (left, right))``, of sequences ``(before, after)``; below 0:
        cut off.

    Returns
    -------
    Value or ndarray

    Raises
    ------
    TypeError, ValueError
        If an argument does not fit.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> csep.pad(np.ones((1, 2, 2, 1)), ((1, 0), (0, -1)))[0, :, :, 0]
    array([[0.],
           [1.],
           [1.]])
    """
    expected = "((top, bottom), (left, right)), of sequences (before, after)"
    try:
        pairs = border if _rank_of(x) == 4 else ((0, 0), border)
        (top, bottom), (left, right) = pairs
    except (TypeError, ValueError):
        raise ValueError(f"border: expected {expected}, got {shown(border)}") from None
    top, bottom, left, right = (
        check_integer(n, "border", -_core.MAX_STEP, _core.MAX_STEP, expected)
        for n in (top, bottom, left, right)
    )
    return _apply("pad", [x], {"border": ((top, bottom), (left, right))})


def softmax(x: V) -> V:
    """Return ``e**x / sum(e**x)`` over the channels of each pixel.

    Parameters
    ----------
    x : Value or array

    Returns
    -------
    Value or ndarray

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> csep.softmax(np.array([[1.0, 1.0, 1.0, 1.0]]))
    array([[0.25, 0.25, 0.25, 0.25]])
    """
    return _apply("softmax", [x], {})


def reshape(x: V, shape: Sequence[Integer]) -> V:
    """Return the same numbers with other sizes.

    Parameters
    ----------
    x : Value or array
    shape : sequence of int
        Without the batch: one to three sizes; one of them may be -1.

    Returns
    -------
    Value or ndarray

    Raises
    ------
    TypeError, ValueError
        If the sizes do not fit, or those of x are open.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> csep.reshape(np.arange(4.0).reshape(1, 2, 2, 1), (-1,))
    array([[0., 1., 2., 3.]])
    """
    expected = "one to three positive ints, one of which may be -1"
    if not isinstance(shape, (tuple, list)):
        raise TypeError(f"shape: expected {expected}, got {shown(shape)}")
    sizes: list[int] = [check_integer(n, "shape", -1, _core.MAX_STEP, expected) for n in shape]
    old: list[Any] = list(x.shape[1:]) if isinstance(x, Value) else list(np.shape(x)[1:])
    if not 1 <= len(sizes) <= 3 or sizes.count(-1) > 1 or 0 in sizes or None in old:
        raise ValueError(f"shape: expected {expected}, of known sizes, got {shape} of {old}")
    count = int(np.prod(old))
    known = int(np.prod([n for n in sizes if n > 0]))
    sizes = [count // known if n < 0 else n for n in sizes]
    if int(np.prod(sizes)) != count:
        raise ValueError(f"shape: expected {count} numbers as x has, got {tuple(shape)}")
    return _apply("reshape", [x], {"shape": sides_of((1, *sizes))[1:]}, rank=len(sizes) + 1)
