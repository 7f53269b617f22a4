"""A network's steps: an order in which they can run, and fewer steps that compute the same."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ..operators import DepthwiseConv2D, Operator, PointwiseConv2D, SeparableConv2D
from ..spec.arrays import Array
from .values import Step, Value, make


def ordered(outputs: Sequence[Value], inputs: Sequence[Value]) -> list[Value]:
    """Return the values that steps make for the outputs, each after those it is made of.

    Raises
    ------
    ValueError
        If an output is made of an input that is not among the inputs.
    """
    done = {id(v) for v in inputs}
    order: list[Value] = []
    stack = [(v, False) for v in reversed(outputs)]
    while stack:
        value, sources_done = stack.pop()
        if id(value) in done:
            continue
        if value._step is None:
            raise ValueError(f"outputs: made of an Input that is not among the inputs: {value!r}")
        if sources_done:
            done.add(id(value))
            order.append(value)
        else:
            stack.append((value, True))
            stack += [(source, False) for source in reversed(value._step.sources)]
    return order


OnlyHere = Callable[[Value], "Step | None"]
Rule = Callable[[Step, OnlyHere], "Step | None"]


class Fusion:
    """Steps put together.

    A rule is given a step, whose sources have been through the rules, and what tells the step of a
    source that nothing else uses; it returns one step in the place of both, or None.
    """

    def __init__(
        self, order: Sequence[Value], outputs: Sequence[Value], rules: Sequence[Rule]
    ) -> None:
        self.rules = rules
        self.new: dict[int, Value] = {}
        self.kept = [*order, *outputs]  # ids are of objects that live
        self.uses: dict[int, int] = {}
        for value in order:
            assert value._step is not None
            for source in value._step.sources:
                self._use(source)
        for value in outputs:
            self._use(value)
            self._use(value)  # an output is kept as it is
        for value in order:
            self.new[id(value)] = self._fused(value)

    def _use(self, value: Value) -> None:
        self.uses[id(value)] = self.uses.get(id(value), 0) + 1

    def result(self, value: Value) -> Value:
        """Return what takes the place of a value."""
        return self.new.get(id(value), value)

    def _only_here(self, value: Value) -> Step | None:
        """Return the step of a value that nothing else uses."""
        return value._step if self.uses.get(id(value)) == 1 else None

    def _fused(self, value: Value) -> Value:
        step = value._step
        assert step is not None
        sources = [self.result(source) for source in step.sources]
        step = Step(step.kind, sources, step.settings, step.name)
        value = self._made(value, step)
        for rule in self.rules:
            changed = rule(step, self._only_here)
            if changed is not None:
                step = changed
                value = self._made(value, step)
        return value

    def _made(self, value: Value, step: Step) -> Value:
        """Return a value of the same shape that a step makes, used as often."""
        new = Value(step, value._trials, value._rank, value._dtype, value._name)
        self.uses[id(new)] = self.uses.get(id(value), 0)
        self.kept.append(new)
        return new


def _operator(step: Step | None) -> Operator | None:
    return step.settings["op"] if step is not None and step.kind == "convolve" else None


def _is_bare(op: Operator | None) -> bool:
    """Whether nothing follows an operator's sums."""
    return op is not None and op.activation is None


def _padding(step: Step, only_here: OnlyHere) -> Step | None:
    """Make zeros around an image that is convolved without padding its padding."""
    op = _operator(step)
    before = only_here(step.sources[0])
    if op is None or before is None or before.kind != "pad" or op.mode != "zeros":
        return None
    (top, bottom), (left, right) = border = before.settings["border"]
    if op.padding != "VALID" or op._rank != 4 or min(top, bottom, left, right) < 0:
        return None
    if "padding" not in op._settings:
        return None
    sources = [before.sources[0], *step.sources[1:]]
    return Step("convolve", sources, {"op": op._with(padding=border)}, step.name)


def _pointwise(step: Step, only_here: OnlyHere) -> Step | None:
    """Make a depthwise convolution before a pointwise one a separable one."""
    op = _operator(step)
    before = only_here(step.sources[0])
    first = _operator(before)
    if type(op) is not PointwiseConv2D or type(first) is not DepthwiseConv2D:
        return None
    if (
        before is None
        or len(before.sources) > 1
        or first.mode != "zeros"
        or op.dtype != first.dtype
    ):
        return None
    a, b = first._arguments(), op._arguments()
    if a["dw"].shape[2] * a["dw"].shape[3] != b["pw"].shape[0]:
        return None  # a shared kernel on more channels
    both = SeparableConv2D(
        a["dw"],
        b["pw"],
        b["bias"],
        a["strides"],
        a["padding"],
        dilations=a["dilations"],
        depthwise_bias=a["bias"],
        depthwise_activation=a["activation"],
        activation=b["activation"],
    )
    return Step("convolve", [before.sources[0], *step.sources[1:]], {"op": both}, step.name)


def _numbers_alone(step: Step) -> bool:
    """Whether an add has nothing but sources and an activation."""
    return (
        step.kind == "add"
        and step.settings.get("shift") is None
        and not any(s is not None for s in step.settings.get("scales") or ())
    )


def _activation(step: Step, only_here: OnlyHere) -> Step | None:
    """Put an activation alone into the step before it."""
    if not _numbers_alone(step) or len(step.sources) > 1:
        return None
    before, activation = only_here(step.sources[0]), step.settings.get("activation")
    op = _operator(before)
    if before is not None and op is not None and _is_bare(op):
        return Step(
            "convolve", before.sources, {"op": op._with(activation=activation)}, before.name
        )
    if before is None or before.kind not in ("add", "multiply"):
        return None
    if before.settings.get("activation") is not None:
        return None
    return Step(
        before.kind, before.sources, before.settings | {"activation": activation}, before.name
    )


def _residual(step: Step, only_here: OnlyHere) -> Step | None:
    """Make what is added to a convolution's result its residual."""
    if not _numbers_alone(step) or len(step.sources) != 2:
        return None
    a, b = step.sources
    if a._trials != b._trials or a is b:
        return None
    # The one that was made last: the other is there when it begins.
    for conv, other in ((b, a), (a, b)):
        before = only_here(conv)
        op = _operator(before)
        if before is None or op is None or not _is_bare(op) or len(before.sources) > 1:
            continue
        activation = step.settings.get("activation")
        fused = op if activation is None else op._with(activation=activation)
        return Step("convolve", [before.sources[0], other], {"op": fused}, before.name)
    return None


def _scale_alone(step: Step) -> Array | None:
    """Return the scale of a step that does nothing else to one value."""
    settings = step.settings
    other = settings.get("shift") is not None or settings.get("activation") is not None
    if step.kind != "add" or len(step.sources) > 1 or other or not settings.get("scales"):
        return None
    scale: Array | None = settings["scales"][0]
    return scale


def _weighted(step: Step, only_here: OnlyHere) -> Step | None:
    """Put the scaling of values into the sum of them."""
    if step.kind != "add" or len(step.sources) < 2 or step.settings.get("scales"):
        return None
    sources: list[Value] = []
    scales: list[Array | None] = []
    for source in step.sources:
        before = only_here(source)
        scale = None if before is None else _scale_alone(before)
        sources.append(source if before is None or scale is None else before.sources[0])
        scales.append(scale)
    if not any(s is not None for s in scales):
        return None
    return Step("add", sources, step.settings | {"scales": tuple(scales)}, step.name)


def _normalisation(step: Step, only_here: OnlyHere) -> Step | None:
    """Put scale and shift behind a convolution into its weights."""
    if step.kind != "add" or len(step.sources) > 1:
        return None
    before = only_here(step.sources[0])
    op = _operator(before)
    if before is None or op is None or not _is_bare(op) or len(before.sources) > 1:
        return None
    scale, shift = (step.settings.get("scales") or (None,))[0], step.settings.get("shift")
    if scale is None and shift is None:
        return None
    count = step.sources[0]._trials[0][3]
    folded = op.fold_batch_norm(
        scale, shift, np.zeros(count), np.ones(count), 0.0, activation=step.settings["activation"]
    )
    return Step("convolve", before.sources, {"op": folded}, before.name)


def _only(step: Step | None, scale: float | None, shift: float | None) -> bool:
    """Whether a step is one source times a number plus a number, the same for all channels."""
    if step is None or step.kind != "add" or len(step.sources) != 1:
        return False
    arrays = ((step.settings.get("scales") or (None,))[0], step.settings.get("shift"))
    return all(
        number is None if array is None else number is not None and np.allclose(array, number)
        for array, number in zip(arrays, (scale, shift), strict=True)
    )


def _hard_sigmoid(step: Step, only_here: OnlyHere) -> Step | None:
    """Know relu6(x + 3) / 6."""
    before = only_here(step.sources[0])
    if not _only(step, 1 / 6, None) or not _only(before, None, 3) or before is None:
        return None
    if step.settings.get("activation") or before.settings.get("activation") not in (
        "relu6",
        ("relu", 6.0),
    ):
        return None
    return Step("add", before.sources, {"activation": "hard_sigmoid"}, step.name)


def _hard_silu(step: Step, only_here: OnlyHere) -> Step | None:
    """Know x * hard_sigmoid(x)."""
    if step.kind != "multiply" or len(step.sources) != 2 or step.settings.get("activation"):
        return None
    for x, other in (step.sources, step.sources[::-1]):
        before = only_here(other)
        if before is None or not _numbers_alone(before) or before.sources != [x]:
            continue
        if before.settings.get("activation") == "hard_sigmoid":
            return Step("add", [x], {"activation": "hard_silu"}, step.name)
    return None


# Those whose results have the same bits: the same sums in the same order.
_EXACT: tuple[Rule, ...] = (_padding, _pointwise, _activation, _residual)
# What another library has written in more steps than it means, too.
_ALL: tuple[Rule, ...] = (_normalisation, _hard_sigmoid, _hard_silu, *_EXACT, _weighted)


def fused(
    inputs: Sequence[Value], outputs: Sequence[Value], *, exactly: bool = True
) -> list[Value]:
    """Return the outputs of a network of fewer steps, each another value and made by a step.

    Parameters
    ----------
    inputs, outputs : sequence of Values
    exactly : bool
        Whether the results are to have the same bits.

    Raises
    ------
    ValueError
        If an output is made of an input that is not among the inputs.
    """
    rules, ends, count = _EXACT if exactly else _ALL, list(outputs), -1
    # Again while there are fewer steps: what two steps used, one may use now.
    while count != len(order := ordered(ends, inputs)):
        count = len(order)
        fusion = Fusion(order, ends, rules)
        ends = [fusion.result(value) for value in ends]
    results: list[Value] = []
    for value in ends:
        # An input that is an output, or an output twice: a copy.
        copied = value._step is None or any(value is other for other in results)
        results.append(make("concat", [value], {}, name=value._name) if copied else value)
    return results
