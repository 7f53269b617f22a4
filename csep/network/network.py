"""Networks: many steps in one call."""

from __future__ import annotations

import operator
import time
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from .. import _core
from .._core import Network as Core
from ..runtime.peak import measure_peak
from ..spec import files
from ..spec.arrays import Array, as_plain, refuse_out, share_memory, shown
from ..spec.tables import table
from ..spec.types import Integer, Path
from .described import values_from
from .graph import fused, ordered
from .values import AXES, Sides, Value, shape_of, sides_of


def _values(given: object, name: str) -> tuple[list[Value], list[str | None]]:
    """Return values and their names."""
    if isinstance(given, Mapping):
        pairs = list(given.items())
    elif isinstance(given, (list, tuple)):
        pairs = [(getattr(v, "_name", None), v) for v in given]
    else:
        pairs = [(getattr(given, "_name", None), given)]
    for _, value in pairs:
        if not isinstance(value, Value):
            raise TypeError(
                f"{name}: expected a Value, a list or a dict of them, got {shown(value)}"
            )
    if not pairs:
        raise ValueError(f"{name}: expected one or more, got none")
    return [v for _, v in pairs], [n for n, _ in pairs]


def _text_of(about: object) -> str:
    """Return as JSON what a user wants to keep with a network, or a file has kept.

    Raises
    ------
    TypeError
        If it is no dict of names.
    ValueError
        If there is something in it that JSON does not know.
    """
    import json  # noqa: PLC0415 - many processes do without

    if not isinstance(about, Mapping) or not all(isinstance(name, str) for name in about):
        raise TypeError(
            f'about: expected a dict, such as {{"preprocessing": "tf"}}, got {shown(about)}'
        )
    try:
        return json.dumps(dict(about), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"about: expected what JSON knows: {error}") from None


def _shortest(call: Callable[[], object], repeats: int) -> float:
    """Return the seconds of the shortest of some calls, after one that is not timed."""
    call()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return min(times)


def _rates(seconds: float, macs: int, peak: float) -> tuple[str, str, str]:
    """Return time, GFLOP/s and share of the peak as a table shows them."""
    rate = 2 * macs / seconds
    shown = (f"{rate / 1e9:.1f}", f"{rate / peak:.0%}") if macs else ("-", "-")
    return f"{seconds * 1e3:.3f}", *shown


class Network:
    """Many steps in one call: operators and what stands between them, with planned memory.

    Parameters
    ----------
    inputs : Value, list or dict of Values
        What `Input` returned.
    outputs : Value, list or dict of Values
        What operators and the functions `add`, `concat`, `max_pool` ... made of them.
    about : dict, optional
        What is to be known of the network wherever its file goes, of what JSON knows: how images
        are to be prepared, what the outputs mean.

    Raises
    ------
    TypeError
        If there is something else than values.
    ValueError
        If an output is made of an input that is not among the inputs, or about has what JSON does
        not know.

    Notes
    -----
    A network is immutable, may be called from any number of threads at once, pickled and copied.
    Results have the same bits for any number of threads, for an image alone or in a batch, and the
    same as those of the operators called one by one.  A depthwise convolution before a pointwise
    one, activations, residuals and padding become one step with the convolution beside them.

    Examples
    --------
    >>> import numpy as np
    >>> import csep
    >>> dw, pw = np.ones((3, 3, 2, 1), "f4"), np.ones((2, 2), "f4")
    >>> conv = csep.SeparableConv2D(dw, pw, padding="SAME")
    >>> x = csep.Input((None, None, 2))
    >>> y = csep.activate(csep.add([conv(x), x]), "relu")
    >>> net = csep.Network(x, csep.global_average_pool(y))
    >>> net(np.ones((1, 4, 4, 2), "f4"))
    array([[13.5, 13.5]], dtype=float32)
    """

    __slots__ = (
        "_about",
        "_core",
        "_input_names",
        "_inputs",
        "_order",
        "_output_names",
        "_outputs",
    )

    _core: Core
    _inputs: list[Value]
    _outputs: list[Value]
    _order: list[Value]
    _input_names: list[str | None]
    _output_names: list[str | None]
    _about: str

    def __init__(
        self, inputs: Any, outputs: Any, *, about: Mapping[str, Any] | None = None
    ) -> None:
        ins, in_names = _values(inputs, "inputs")
        outs, out_names = _values(outputs, "outputs")
        for i, value in enumerate(ins):
            if value._step is not None:
                raise ValueError(f"inputs: expected what csep.Input returned, got {value!r}")
            if any(value is other for other in ins[:i]):
                raise ValueError("inputs: expected each once, got one twice")
            if value._dtype != ins[0]._dtype:
                raise TypeError(f"inputs: expected one dtype, got {ins[0].dtype} and {value.dtype}")
        self._set(ins, in_names, fused(ins, outs), out_names, about)

    @classmethod
    def _of(
        cls,
        inputs: list[Value],
        input_names: list[str | None],
        outputs: list[Value],
        output_names: list[str | None],
        about: object = None,
    ) -> Network:
        """Return the network of values as they are: nothing more is put together."""
        network = cls.__new__(cls)
        network._set(inputs, input_names, outputs, output_names, about)
        return network

    # Readers of other libraries' models; csep/importers, which is above, sets them.
    from_keras: ClassVar[Callable[..., Network]]

    def _set(
        self,
        inputs: list[Value],
        input_names: list[str | None],
        outputs: list[Value],
        output_names: list[str | None],
        about: object,
    ) -> None:
        text = "{}" if about is None else _text_of(about)
        order = ordered(outputs, inputs)
        number = {id(value): i for i, value in enumerate([*inputs, *order])}
        steps = []
        for value in order:
            step = value._step
            assert step is not None
            numbers = [number[id(source)] for source in step.sources]
            steps.append(step.for_core(numbers))
        core = _core.Network(
            inputs[0].dtype == np.float64, len(inputs), steps, [number[id(v)] for v in outputs]
        )
        fields = {
            "_core": core,
            "_inputs": inputs,
            "_input_names": input_names,
            "_outputs": outputs,
            "_output_names": output_names,
            "_order": order,
            "_about": text,
        }
        for name, field in fields.items():
            object.__setattr__(self, name, field)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"Network is immutable: {name} cannot be set")

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"Network is immutable: {name} cannot be deleted")

    # Calls.

    def _name_of(self, index: int) -> str:
        name = self._input_names[index]
        if name is not None:
            return f"input {name!r}"
        return "x" if len(self._inputs) == 1 else f"input {index}"

    def _given(self, x: Any) -> list[Any]:
        """Return what was given for each input."""
        if isinstance(x, Mapping):
            if len(set(self._input_names)) < len(self._input_names):
                raise ValueError(f"x: expected a list for inputs {self._input_names}, got a dict")
            missing = [n for n in self._input_names if n not in x]
            unknown = [n for n in x if n not in self._input_names]
            if missing or unknown:
                raise ValueError(f"x: expected inputs {self._input_names}, got {list(x)}")
            return [x[n] for n in self._input_names]
        if len(self._inputs) == 1 and not (isinstance(x, (list, tuple)) and len(x) == 1):
            return [x]
        if not isinstance(x, (list, tuple)):
            raise TypeError(
                f"x: expected a list or dict of {len(self._inputs)} arrays, got {shown(x)}"
            )
        if len(x) != len(self._inputs):
            raise ValueError(f"x: expected {len(self._inputs)} arrays, got {len(x)}")
        return list(x)

    def _array(self, index: int, given: object) -> Array:
        value, name = self._inputs[index], self._name_of(index)
        array = as_plain(given, name, AXES[value._rank])
        if array.dtype != value.dtype:
            raise TypeError(f"{name}: expected dtype {value.dtype}, got {array.dtype}")
        shape = value.shape
        if any(s is not None and s != n for s, n in zip(shape, array.shape, strict=True)):
            raise ValueError(f"{name}: expected shape {shape}, got {array.shape}")
        return array

    def _check_shapes(self, shapes: list[tuple[int, ...]]) -> list[Sides]:
        """Return the shapes of all values.

        Raises
        ------
        ValueError
            If a step cannot be computed.
        """
        result = self._core.shapes([sides_of(s) for s in shapes])
        if isinstance(result, list):
            return result
        named = ", ".join(f"{self._name_of(i)} of shape {s}" for i, s in enumerate(shapes))
        if result < 0:
            raise ValueError(f"x: expected one batch size and sizes of at least 1, got {named}")
        step = self._order[result]._step
        assert step is not None
        raise ValueError(
            f"{named}: too small, or of sizes that {step.name or step.title} cannot take"
        )

    def _output_arrays(
        self, out: Any, shapes: list[tuple[int, ...]], x: list[Array]
    ) -> list[Array]:
        dtype = self._inputs[0].dtype
        if out is None:
            return [np.empty(shape, dtype) for shape in shapes]
        given = list(out) if isinstance(out, (list, tuple)) else [out]
        if len(given) != len(shapes):
            raise ValueError(f"out: expected {len(shapes)} arrays, got {len(given)}")
        for i, (array, shape) in enumerate(zip(given, shapes, strict=True)):
            refuse_out(array, shape, dtype)
            for other in (*x, *given[:i]):
                if share_memory(array, other):
                    raise ValueError("out: shares memory with an input or another output")
        return given

    def __call__(
        self, x: Any, out: Any = None, num_threads: Integer | None = None
    ) -> Array | list[Array]:
        """Run the network.

        Parameters
        ----------
        x : array_like, list or dict of array_like
            The inputs: one array, or as many as the network has, in its order or by their names.
        out : ndarray or list of ndarray, optional
            Where to write the outputs: C-contiguous, of the exact shapes, apart from the inputs.
        num_threads : int, optional
            As in `csep.conv2d`.

        Returns
        -------
        ndarray, or list of ndarray
            A list where there are several outputs.

        Raises
        ------
        TypeError, ValueError
            If an input or out does not fit; the message names it.
        MemoryError
            If there is none for what lies between.
        """
        arrays = [self._array(i, given) for i, given in enumerate(self._given(x))]
        shapes = [array.shape for array in arrays]
        values = self._check_shapes(shapes)
        first = {id(v): i for i, v in enumerate([*self._inputs, *self._order])}
        outputs = self._output_arrays(
            out, [shape_of(values[first[id(v)]], v._rank) for v in self._outputs], arrays
        )
        self._core.run(arrays, [sides_of(s) for s in shapes], outputs, num_threads)
        return outputs if len(outputs) > 1 else outputs[0]

    # What it can tell of itself.

    @property
    def input_shapes(self) -> list[tuple[int | None, ...]]:
        """The shape of each input, batch included; None for an open size."""
        return [v.shape for v in self._inputs]

    @property
    def output_shapes(self) -> list[tuple[int | None, ...]]:
        """The shape of each output, batch included; None for what depends on an open size."""
        return [v.shape for v in self._outputs]

    @property
    def input_names(self) -> list[str | None]:
        """The name of each input, or None."""
        return list(self._input_names)

    @property
    def output_names(self) -> list[str | None]:
        """The name of each output, or None."""
        return list(self._output_names)

    @property
    def about(self) -> dict[str, Any]:
        """What was said of it when it was made: a copy, which is the caller's."""
        import json  # noqa: PLC0415 - many processes do without

        about: dict[str, Any] = json.loads(self._about)
        return about

    @property
    def dtype(self) -> np.dtype:
        """float32 or float64, of all inputs, outputs and weights."""
        return self._inputs[0].dtype

    def count_params(self) -> int:
        """Return the number of parameters; an operator that is used twice counts once."""
        steps = {id(s.settings.get("op", s)): s for v in self._order if (s := v._step) is not None}
        return sum(step.count_params() for step in steps.values())

    def _shapes(self, shape: Any) -> list[tuple[int, ...]]:
        """Return the inputs' shapes of what a user wrote: one shape, a list of them, or nothing."""
        if shape is None:
            given = [v.shape for v in self._inputs]
        elif isinstance(shape, (tuple, list)) and shape and isinstance(shape[0], (tuple, list)):
            given = [tuple(s) for s in shape]
        else:
            given = [tuple(shape)]
        if len(given) != len(self._inputs):
            raise ValueError(f"shape: expected {len(self._inputs)} shapes, got {len(given)}")
        filled: list[tuple[int, ...]] = []
        for value, sides in zip(self._inputs, given, strict=True):
            if len(sides) != value._rank:
                raise ValueError(f"shape: expected rank {value._rank}, got {sides}")
            known = [n for n in (sides[0] or 1, *sides[1:]) if n is not None]
            if len(known) < len(sides):
                raise ValueError(f"shape: expected one without open sizes, got {sides}")
            filled.append(tuple(known))
        return filled

    def _tables(self, shape: Any) -> tuple[list[Value], list[Sides]]:
        """Return all values and their sides for inputs of some shape."""
        return [*self._inputs, *self._order], self._check_shapes(self._shapes(shape))

    def macs(self, shape: Any = None) -> int:
        """Return the multiply-adds of one call, of all convolutions.

        Parameters
        ----------
        shape : tuple of int, or list of them, optional
            Of the inputs; their own where no size but the batch, which counts as 1, is open.

        Returns
        -------
        int
        """
        return sum(macs for _, macs in self._counted(shape))

    def _counted(self, shape: Any) -> list[tuple[Sides, int]]:
        """Return the sides of each step's result and its multiply-adds."""
        values, sides = self._tables(shape)
        number = {id(v): i for i, v in enumerate(values)}
        counted = []
        for i, value in enumerate(self._order, len(self._inputs)):
            step, macs = value._step, 0
            assert step is not None
            if step.kind == "convolve":
                op = step.settings["op"]
                x = sides[number[id(step.sources[0])]]
                macs = op.macs(x if op._rank == 4 else (x[0], x[2], x[3])) or 0
            counted.append((sides[i], macs))
        return counted

    def arena_bytes(self, shape: Any = None) -> int:
        """Return the bytes of memory that a call needs for what lies between inputs and outputs.

        Parameters
        ----------
        shape : tuple of int, or list of them, optional
            Of the inputs, as for `macs`.

        Returns
        -------
        int
        """
        return self._core.arena_bytes([sides_of(s) for s in self._shapes(shape)])

    def result_bytes(self, shape: Any = None) -> int:
        """Return the bytes that an array of its own for each step's result would need.

        Parameters
        ----------
        shape : tuple of int, or list of them, optional
            Of the inputs, as for `macs`.

        Returns
        -------
        int
        """
        _, sides = self._tables(shape)
        return sum(int(np.prod(s)) for s in sides[len(self._inputs) :]) * self.dtype.itemsize

    def summary(self, shape: Any = None) -> str:
        """Return a table of the steps, like Keras' ``model.summary()``, with multiply-adds.

        Parameters
        ----------
        shape : tuple of int, or list of them, optional
            Of the inputs, as for `macs`; without it, and with open sizes, MACs are left out.

        Returns
        -------
        str

        Examples
        --------
        >>> import numpy as np
        >>> import csep
        >>> conv = csep.Conv2D(np.ones((3, 3, 3, 8), "f4"), padding="SAME", activation="relu")
        >>> x = csep.Input((32, 32, 3))
        >>> print(csep.Network(x, csep.max_pool(conv(x), 2)).summary())
        Step        Result            Params     MACs
        ---------------------------------------------
        1 Conv2D    (1, 32, 32, 8)       216  221,184
        2 max_pool  (1, 16, 16, 8)         0        0
        ---------------------------------------------
        Total                            216  221,184
        """
        is_open = any(n is None for s in self.input_shapes for n in s[1:])
        counted = None if shape is None and is_open else self._counted(shape)
        rows, total = [], 0
        for i, value in enumerate(self._order):
            step = value._step
            assert step is not None
            sides, macs = counted[i] if counted else (None, None)
            result = value.shape if sides is None else shape_of(sides, value._rank)
            total += macs or 0
            rows.append(
                (
                    f"{i + 1} {step.title}" + (f" ({step.name})" if step.name else ""),
                    str(result),
                    f"{step.count_params():,}",
                    "-" if macs is None else f"{macs:,}",
                )
            )
        last = ("Total", "", f"{self.count_params():,}", f"{total:,}" if counted else "-")
        return table(("Step", "Result", "Params", "MACs"), rows, last)

    def profile(self, x: Any, num_threads: Integer | None = None, repeats: int = 5) -> str:
        """Return a table of how long each step takes, alone, and what it reaches of the peak.

        Parameters
        ----------
        x : array_like, list or dict of array_like
            As for a call.
        num_threads : int, optional
            As for a call.
        repeats : int
            How often each step is run; the shortest time counts.

        Returns
        -------
        str
            For each step its time, floating-point operations a second, and their share of what the
            threads reach in registers; then the time of all of them in one call.
        """
        arrays = [self._array(i, given) for i, given in enumerate(self._given(x))]
        values = dict(zip(map(id, self._inputs), arrays, strict=True))
        counted = self._counted([a.shape for a in arrays])
        usual = _core.get_default_threads()
        threads = usual if num_threads is None else operator.index(num_threads)
        peak = measure_peak(double_precision=self.dtype == np.float64) * threads
        rows, total = [], 0
        for i, (value, (sides, macs)) in enumerate(zip(self._order, counted, strict=True)):
            step = value._step
            assert step is not None
            sources = [values[id(source)] for source in step.sources]
            result = np.empty(shape_of(sides, value._rank), self.dtype)
            one = step.alone()
            shapes = [sides_of(a.shape) for a in sources]
            seconds = _shortest(lambda: one.run(sources, shapes, [result], num_threads), repeats)  # noqa: B023
            values[id(value)] = result
            total += macs
            rows.append((f"{i + 1} {step.title}", str(result.shape), *_rates(seconds, macs, peak)))
        whole = _shortest(lambda: self(arrays, num_threads=num_threads), repeats)
        head = ("Step", "Result", "ms", "GFLOP/s", "of the peak")
        return table(head, rows, ("In one call", "", *_rates(whole, total, peak)))

    def save(self, path: Path) -> None:
        """Write the network to a file, from which `csep.load` makes it again.

        Parameters
        ----------
        path : str or path
            ``model.csep``, say; replaced as a whole if it is there.

        Raises
        ------
        OSError
            If it cannot be written.
        TypeError
            If path is no path.
        """
        files.write(path, *self._described())

    def _described(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Return what a file says of the network, and its arrays."""
        number = {id(v): i for i, v in enumerate([*self._inputs, *self._order])}
        arrays: dict[str, Array] = {}
        first: dict[int, int] = {}  # the step that an operator was first used in
        steps = []
        for i, value in enumerate(self._order):
            assert value._step is not None
            op = value._step.settings.get("op")
            said: dict[str, Any] = {"kind": "convolve", "name": value._step.name}
            own: dict[str, Array] = {}
            if op is not None and id(op) in first:
                said["as"] = first[id(op)]
            else:
                said, own = value._step.described()
                first[id(op)] = i
            said["rank"] = value._rank
            said["sources"] = [number[id(source)] for source in value._step.sources]
            steps.append(said)
            arrays |= {f"{i}.{name}": array for name, array in own.items()}
        inputs = [
            {"shape": list(v.shape[1:]), "batch": v.shape[0], "name": name}
            for v, name in zip(self._inputs, self._input_names, strict=True)
        ]
        outputs = [
            {"value": number[id(v)], "name": name}
            for v, name in zip(self._outputs, self._output_names, strict=True)
        ]
        description: dict[str, Any] = {"inputs": inputs, "steps": steps, "outputs": outputs}
        description |= {"dtype": str(self.dtype), "about": self.about}
        return {"network": description}, arrays

    def __reduce__(self) -> tuple[Any, ...]:
        return rebuild, self._described()

    def __deepcopy__(self, memo: object) -> Network:
        return self  # nothing in it changes

    def __repr__(self) -> str:
        shapes = f"{self.input_shapes} -> {self.output_shapes}"
        return f"Network({shapes}, {len(self._order)} steps, {self.count_params():,} parameters)"


def rebuild(description: dict[str, Any], arrays: dict[str, Array]) -> Network:
    """Return a network made anew of what it says of itself."""
    network = description.get("network")
    values = values_from(network, arrays)
    return Network._of(*values, network.get("about") if isinstance(network, dict) else None)


# Pickles name what they need by a place that stays.
rebuild.__module__, rebuild.__qualname__ = "csep", "_rebuild_network"
