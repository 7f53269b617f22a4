"""What stands for arrays while a network is built, and the steps that make it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from .. import _core
from ..operators import Operator
from ..spec.arrays import Array, check_integer, shown
from ..spec.types import Integer

Sides = tuple[int, int, int, int]  # batch, height, width, channels: how C sees every value

# Sizes that open sides are tried with: sides that come out differently are open, too.  Multiples of
# 64, so that what networks halve and double again fits.
_TRIALS = (256, 320)

# The axes of an array of each rank.
AXES = {2: ("N", "C"), 3: ("N", "L", "C"), 4: ("N", "H", "W", "C")}

KINDS: dict[str, int] = {
    "convolve": _core.CONVOLVE,
    "add": _core.ADD,
    "multiply": _core.MULTIPLY,
    "max_pool": _core.MAX_POOL,
    "average_pool": _core.AVERAGE_POOL,
    "global_max_pool": _core.GLOBAL_MAX,
    "global_average_pool": _core.GLOBAL_AVERAGE,
    "concat": _core.CONCAT,
    "nearest": _core.NEAREST,
    "bilinear": _core.BILINEAR,
    "pad": _core.PAD,
    "softmax": _core.SOFTMAX,
    "reshape": _core.RESHAPE,
}


def sides_of(shape: tuple[int, ...]) -> Sides:
    """Return the shape of an array of rank 2, 3 or 4 as C sees it."""
    batch, *middle, channels = shape
    height, width = [1] * (2 - len(middle)) + middle
    return batch, height, width, channels


def shape_of(sides: Sides, rank: int) -> tuple[int, ...]:
    """Return the shape of an array of that rank.

    Raises
    ------
    ValueError
        If it has more rows or pixels than an array of that rank can have.
    """
    if sides[1 : 5 - rank] != (1,) * (4 - rank):
        raise ValueError(
            f"expected one pixel for what an array of rank {rank} has no axis, got {sides}"
        )
    return (sides[0], *sides[5 - rank : 3], sides[3]) if rank > 2 else (sides[0], sides[3])


class Value:
    """What stands for an array while a network is built: the result of `Input` or of a step.

    Examples
    --------
    >>> import csep
    >>> x = csep.Input((None, None, 8))
    >>> csep.max_pool(x, 2)
    Value((None, None, None, 8), float32)
    """

    # trials: its shape for each of _TRIALS in the place of what is open.

    __slots__ = ("_dtype", "_name", "_rank", "_step", "_trials")

    _step: Step | None
    _trials: list[Sides]
    _rank: int
    _dtype: np.dtype
    _name: str | None

    def __init__(
        self,
        step: Step | None,
        trials: list[Sides],
        rank: int,
        dtype: np.dtype,
        name: str | None = None,
    ) -> None:
        self._step, self._trials, self._rank, self._dtype = step, trials, rank, dtype
        self._name = name

    @property
    def shape(self) -> tuple[int | None, ...]:
        """Its shape, batch included; None for an open size."""
        shapes = [shape_of(sides, self._rank) for sides in self._trials]
        return tuple(a if a == b else None for a, b in zip(*shapes, strict=True))

    @property
    def dtype(self) -> np.dtype:
        """float32 or float64."""
        return self._dtype

    def __repr__(self) -> str:
        return f"Value({self.shape}, {self.dtype})"

    def __array__(self, *_: Any, **__: Any) -> Array:
        raise TypeError("expected an array, got a Value of a network that is being built")

    def _run_operator(self, op: Operator, residual: object) -> Value:
        """Return the value that an operator makes of this one: what calling it does."""
        sources = [self]
        if residual is not None:
            if not isinstance(residual, Value):
                raise TypeError(f"residual: expected a Value as x is, got {shown(residual)}")
            sources.append(residual)
        if op.data_format != "NHWC":
            raise ValueError(f"x: networks are NHWC, got an operator with {op.data_format}")
        # A dense layer, on whatever has channels, is a pointwise one.
        if self._rank != op._rank and op._name != "PointwiseConv2D":
            raise ValueError(f"x: expected a Value of rank {op._rank}, got {self.shape}")
        return make("convolve", sources, {"op": op}, rank=self._rank)


def Input(  # noqa: N802 - as Keras calls it
    shape: tuple[Integer | None, ...],
    *,
    batch_size: Integer | None = None,
    dtype: Any = np.float32,
    name: str | None = None,
) -> Value:
    """Return a value that stands for an input of a network.

    Parameters
    ----------
    shape : tuple of int or None
        Without the batch: ``(H, W, C)``, ``(L, C)`` or ``(C,)``; None for a size that is open.
    batch_size : int, optional
    dtype : float32 or float64
    name : str, optional
        For inputs given as a dict, and for messages.

    Returns
    -------
    Value

    Raises
    ------
    TypeError
        If an argument is of the wrong kind.
    ValueError
        If shape has no one to three sizes of at least 1, or no number of channels.

    Examples
    --------
    >>> import csep
    >>> csep.Input((None, None, 3)).shape
    (None, None, None, 3)
    """
    expected = "a tuple (H, W, C), (L, C) or (C,) of positive ints or None"
    if not isinstance(shape, (tuple, list)):
        raise TypeError(f"shape: expected {expected}, got {shown(shape)}")
    if not 1 <= len(shape) <= 3:
        raise ValueError(f"shape: expected {expected}, got {shown(shape)}")
    if shape[-1] is None:
        raise ValueError(f"shape: expected a number of channels, got {shown(shape)}")
    sizes = [
        None if n is None else check_integer(n, "shape", 1, _core.MAX_STEP, expected)
        for n in (batch_size, *shape)
    ]
    kind = np.dtype(dtype)
    if kind not in (np.float32, np.float64):
        raise ValueError(f"dtype: expected float32 or float64, got {kind}")
    if name is not None and not isinstance(name, str):
        raise TypeError(f"name: expected a str, got {shown(name)}")
    trials = [
        sides_of(
            tuple((2 + i if k == 0 else trial) if n is None else n for k, n in enumerate(sizes))
        )
        for i, trial in enumerate(_TRIALS)
    ]
    return Value(None, trials, len(sizes), kind, name)


class Step:
    """A step: its kind, the values it takes, and what else it needs.

    Settings are plain numbers, strings, tuples; arrays, of the network's dtype; an operator.
    """

    __slots__ = ("kind", "name", "settings", "sources")

    def __init__(
        self, kind: str, sources: list[Value], settings: dict[str, Any], name: str | None = None
    ) -> None:
        self.kind, self.sources, self.settings, self.name = kind, sources, settings, name

    def for_core(self, numbers: Iterable[int]) -> tuple[Any, ...]:
        """Return the step as C's side takes it, of sources with these numbers."""
        convolved = self.kind == "convolve"
        settings = {"plan": self.settings["op"]._plan} if convolved else self.settings
        return KINDS[self.kind], tuple(numbers), settings, self.sources[0]._trials[0][3]

    def alone(self) -> _core.Network:
        """Return a network of this step, its sources being the inputs."""
        count, double = len(self.sources), self.sources[0].dtype == np.float64
        return _core.Network(double, count, [self.for_core(range(count))], [count])

    def described(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return what a file says of the step, its sources excepted, and its arrays."""
        if self.kind == "convolve":
            said, arrays = self.settings["op"]._described()
            return {"kind": self.kind, "name": self.name, **said}, arrays
        settings = dict(self.settings)
        arrays = {f"scale{i}": a for i, a in enumerate(settings.pop("scales", None) or ())}
        arrays["shift"] = settings.pop("shift", None)
        arrays = {name: array for name, array in arrays.items() if array is not None}
        activation = settings.get("activation")
        if isinstance(activation, tuple) and activation[0] == "prelu":
            arrays["activation"], settings["activation"] = activation[1], ("prelu", None)
        return {"kind": self.kind, "name": self.name, "settings": settings}, arrays

    def count_params(self) -> int:
        """Return the number of parameters."""
        if self.kind == "convolve":
            return int(self.settings["op"].count_params())
        arrays = [*(self.settings.get("scales") or ()), self.settings.get("shift")]
        return sum(a.size for a in arrays if a is not None)

    @property
    def title(self) -> str:
        """What a table calls it."""
        return type(self.settings["op"]).__name__ if self.kind == "convolve" else self.kind


def make(
    kind: str,
    sources: list[Value],
    settings: dict[str, Any],
    *,
    rank: int | None = None,
    name: str | None = None,
) -> Value:
    """Return the value that a new step makes.

    Raises
    ------
    ValueError
        If the sources' shapes do not fit.
    """
    dtype = sources[0].dtype
    for source in sources:
        if source.dtype != dtype:
            raise TypeError(f"expected values of one dtype, got {dtype} and {source.dtype}")
    step = Step(kind, sources, settings, name)
    if kind == "convolve" and settings["op"].dtype != dtype:
        raise TypeError(f"x: expected {settings['op'].dtype} of the weights, got {dtype}")
    one, trials = step.alone(), []
    for i in range(len(_TRIALS)):
        shapes = one.shapes([source._trials[i] for source in sources])
        if not isinstance(shapes, list):
            got = " and ".join(str(source.shape) for source in sources)
            raise ValueError(f"{name or step.title}: cannot be computed for shape {got}")
        trials.append(shapes[-1])
    wanted = rank or max(source._rank for source in sources)
    for sides in trials:
        shape_of(sides, wanted)
    return Value(step, trials, wanted, dtype, name)
