"""The values of a network from what a file says of them; nothing in it is believed."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _core
from ..operators import Operator
from ..operators.load import operator_from, tuples
from ..spec.arrays import Array
from .values import KINDS, Input, Value, make

# Shared kernels are packed for as many channels as come: no more numbers than this in a network.
_MOST_SHARED = 1 << 26

# What the settings of each kind may be.
_SETTINGS = {
    "add": {"activation"},
    "multiply": {"activation"},
    "max_pool": {"window", "strides", "padding"},
    "average_pool": {"window", "strides", "padding"},
    "nearest": {"factor", "size"},
    "bilinear": {"factor", "size"},
    "pad": {"border"},
    "reshape": {"shape"},
}
_PAIRS = {"window": 2, "strides": 2, "factor": 2, "size": 2, "shape": 3}


def _item(description: Any, name: str, kind: type) -> Any:
    """Return what stands under a name."""
    if not isinstance(description, dict) or not isinstance(description.get(name), kind):
        raise ValueError(f"{name} is missing, or no {kind.__name__}")
    return description[name]


def _name(description: dict[str, Any]) -> str | None:
    name = description.get("name")
    if name is not None and not isinstance(name, str):
        raise ValueError("name is no str")
    return name


def _integers(value: Any, count: int, low: int) -> tuple[int, ...]:
    numbers = tuples(value)
    ints = isinstance(numbers, tuple) and all(type(n) is int for n in numbers)
    if not ints or len(numbers) != count or not all(low <= n <= _core.MAX_STEP for n in numbers):
        raise ValueError(f"{value!r} is no {count} sizes")
    return numbers


def _checked_array(array: Array, channels: int, dtype: np.dtype) -> Array:
    if array.shape != (channels,) or array.dtype != dtype:
        raise ValueError(f"an array of {array.dtype} and shape {array.shape} does not fit")
    return array


def _arrays_of(
    settings: dict[str, Any], arrays: dict[str, Array], sources: list[Value]
) -> dict[str, Any]:
    """Return settings of a sum with their arrays."""
    channels, dtype = sources[0]._trials[0][3], sources[0].dtype
    own = {name: _checked_array(array, channels, dtype) for name, array in arrays.items()}
    if "shift" in own:
        settings["shift"] = own.pop("shift")
    scales = tuple(own.pop(f"scale{i}", None) for i in range(len(sources)))
    if any(s is not None for s in scales):
        settings["scales"] = scales
    activation = settings.get("activation")
    if isinstance(activation, tuple) and activation[:1] == ("prelu",):
        if activation != ("prelu", None) or "activation" not in own:
            raise ValueError("prelu without its slopes")
        settings["activation"] = ("prelu", own.pop("activation"))
    if own:
        raise ValueError(f"unknown arrays {', '.join(own)}")
    return settings


def _settings_of(said: dict[str, Any], arrays: dict[str, Array], sources: list[Value]) -> Any:
    kind = said["kind"]
    settings = {name: tuples(value) for name, value in _item(said, "settings", dict).items()}
    unknown = sorted(settings.keys() - _SETTINGS.get(kind, set()))
    if unknown:
        raise ValueError(f"unknown settings {', '.join(unknown)}")
    for name, count in _PAIRS.items():
        if name in settings:
            settings[name] = _integers(settings[name], count, 1)
    if "border" in settings:
        pairs = settings["border"]
        if not isinstance(pairs, tuple) or len(pairs) != 2:
            raise ValueError(f"{pairs!r} is no border")
        settings["border"] = tuple(_integers(p, 2, -_core.MAX_STEP) for p in pairs)
    needed = {"max_pool": "window strides padding", "average_pool": "window strides padding"}
    needed |= {"pad": "border", "reshape": "shape"}
    for name in needed.get(kind, "").split():
        if name not in settings:
            raise ValueError(f"{name} is missing")
    if kind in ("nearest", "bilinear") and len(settings) != 1:
        raise ValueError("neither a factor nor a size")
    return _arrays_of(settings, arrays, sources)


class _Before:
    """What the steps before one have made, and may still have packed."""

    def __init__(self, inputs: list[Value]) -> None:
        self.values = list(inputs)
        self.operators: list[Operator | None] = []  # of each step
        self.room = _MOST_SHARED

    def operator(self, said: dict[str, Any], arrays: dict[str, Array]) -> Operator:
        """Return the operator of a step: its own, or that of a step before it."""
        if "as" not in said:
            return operator_from(said, arrays)
        number = _item(said, "as", int)
        op = self.operators[number] if 0 <= number < len(self.operators) else None
        if op is None or arrays:
            raise ValueError(f"step {number!r} has no operator")
        return op

    def take_room(self, op: Operator, source: Value) -> None:
        """Count the numbers that a shared kernel is packed into."""
        dw = op._plan.dw
        if dw is not None and op._plan.channels is None:
            self.room -= source._trials[0][3] * dw.size
        if self.room < 0:
            raise ValueError("shared kernels for more channels than can be")

    def add(self, said: Any, arrays: dict[str, Array]) -> None:
        """Add the value that one step makes."""
        kind, numbers = _item(said, "kind", str), _item(said, "sources", list)
        rank, op = said.get("rank"), None
        if kind not in KINDS or type(rank) is not int or rank not in (2, 3, 4):
            raise ValueError(f"unknown kind {kind!r}, or rank {rank!r}")
        if not numbers or not all(type(n) is int and 0 <= n < len(self.values) for n in numbers):
            raise ValueError("sources are no values before it")
        sources = [self.values[n] for n in numbers]
        if kind == "convolve":
            op = self.operator(said, arrays)
            self.take_room(op, sources[0])
            settings: dict[str, Any] = {"op": op}
        else:
            settings = _settings_of(said, arrays, sources)
        self.values.append(make(kind, sources, settings, rank=rank, name=_name(said)))
        self.operators.append(op)


def _input(said: Any, dtype: str) -> Value:
    shape, batch = _item(said, "shape", list), said.get("batch")
    return Input(tuple(shape), batch_size=batch, dtype=dtype, name=_name(said))


def values_from(
    description: Any, arrays: dict[str, Array]
) -> tuple[list[Value], list[str | None], list[Value], list[str | None]]:
    """Return inputs, their names, outputs and their names.

    Raises
    ------
    TypeError, ValueError
        If what is described is no network.
    """
    dtype = _item(description, "dtype", str)
    if dtype not in ("float32", "float64"):
        raise ValueError(f"dtype {dtype!r}")
    given, steps = _item(description, "inputs", list), _item(description, "steps", list)
    if not 1 <= len(given) <= _core.MAX_STEPS or not 1 <= len(steps) <= _core.MAX_STEPS:
        raise ValueError(f"{len(given)} inputs and {len(steps)} steps")
    inputs = [_input(said, dtype) for said in given]
    own: dict[str, dict[str, Array]] = {}
    for name, array in arrays.items():
        number, _, rest = name.partition(".")
        own.setdefault(number, {})[rest] = array
    before = _Before(inputs)
    for i, said in enumerate(steps):
        try:
            before.add(said, own.pop(str(i), {}))
        except (TypeError, ValueError, AttributeError) as error:
            raise ValueError(f"step {i}: {error}") from None
    if own:
        raise ValueError(f"arrays of steps {', '.join(sorted(own)[:5])}, which are not there")
    values, outputs, names = before.values, [], []
    for said in _item(description, "outputs", list):
        number = _item(said, "value", int)
        if type(number) is not int or not len(inputs) <= number < len(values):
            raise ValueError(f"output {number!r} is no step's value")
        outputs.append(values[number])
        names.append(_name(said))
    if not outputs or len({id(v) for v in outputs}) != len(outputs):
        raise ValueError("no outputs, or one twice")
    return inputs, [v._name for v in inputs], outputs, names
