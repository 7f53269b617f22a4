"""Keras models as networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from ..network import steps
from ..network.graph import fused
from ..network.network import Network
from ..network.values import Input, Value
from ..operators import Operator
from ..operators.keras_layers import activation_of, is_softmax, own_name
from ..spec.arrays import shown
from .keras import operator_of
from .keras_graph import Graph, graph_of, in_order, replaced

_CONVOLUTIONS = (
    "SeparableConv2D",
    "SeparableConv1D",
    "DepthwiseConv2D",
    "DepthwiseConv1D",
    "Conv2D",
    "Conv1D",
    "Dense",
)
# What does nothing but while a network is trained, ...
_NOISE = (
    "Dropout",
    "SpatialDropout1D",
    "SpatialDropout2D",
    "GaussianDropout",
    "GaussianNoise",
    "AlphaDropout",
)
_AUGMENTATION = (
    "ActivityRegularization",
    "RandomBrightness",
    "RandomContrast",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
)
# ... and what does something else where its call in the model says training=True: other layers are
# told so without being asked.
_TOLD_TO_TRAIN = ("BatchNormalization", *_NOISE)

Convert = Callable[..., Any]


def _channels_last(layer: Any) -> None:
    if getattr(layer, "data_format", "channels_last") != "channels_last":
        raise ValueError("data_format: networks are channels_last")


def _last_axis(axis: Any, x: Value) -> None:
    axes = [axis] if isinstance(axis, int) else list(axis)
    if [a % len(x.shape) for a in axes] != [len(x.shape) - 1]:
        raise ValueError(f"axis: expected the last one, got {axis}")


def _convolution(layer: Any, x: Value, op: Any) -> Value:
    y = op(x)
    return steps.softmax(y) if is_softmax(layer) else y


def _normalisation(layer: Any, x: Value) -> Value:
    _last_axis(layer.axis, x)
    variance = np.asarray(layer.moving_variance, np.float64)
    factor = 1 / np.sqrt(variance + layer.epsilon)
    if layer.gamma is not None:
        factor = factor * np.asarray(layer.gamma, np.float64)
    shift = -np.asarray(layer.moving_mean, np.float64) * factor
    if layer.beta is not None:
        shift = shift + np.asarray(layer.beta, np.float64)
    return steps.scale(x, factor, shift)


def _standardisation(layer: Any, x: Value) -> Value:
    """Return (x - mean) / the square root of the variance."""
    if getattr(layer, "invert", False):
        raise ValueError("invert: expected False")
    if layer.axis:
        _last_axis(layer.axis, x)
    channels: Any = x.shape[-1]
    mean = np.broadcast_to(np.asarray(layer.mean, np.float64).reshape(-1), (channels,))
    spread = np.sqrt(np.asarray(layer.variance, np.float64).reshape(-1))
    factor = 1 / np.maximum(np.broadcast_to(spread, (channels,)), 1e-7)
    return steps.scale(x, factor, -mean * factor)


def _rescaling(layer: Any, x: Value) -> Value:
    return steps.scale(x, np.asarray(layer.scale), np.asarray(layer.offset))


def _activation(layer: Any, x: Value) -> Value:
    if is_softmax(layer):
        return steps.softmax(x)
    return steps.activate(x, activation_of(layer))


def _softmax(layer: Any, x: Value) -> Value:
    _last_axis(layer.axis, x)
    return steps.softmax(x)


def _added(layer: Any, values: list[Value]) -> Value:
    return steps.add(values)


def _average(layer: Any, values: list[Value]) -> Value:
    return steps.add(values, weights=[1 / len(values)] * len(values))


def _subtracted(layer: Any, values: list[Value]) -> Value:
    return steps.add(values, weights=[1, -1])


def _multiplied(layer: Any, values: list[Value]) -> Value:
    return steps.multiply(values)


def _concatenated(layer: Any, values: list[Value]) -> Value:
    _last_axis(layer.axis, values[0])
    return steps.concat(values)


def _pooled(pool: Convert) -> Convert:
    def convert(layer: Any, x: Value) -> Value:
        _channels_last(layer)
        sizes = (layer.pool_size, layer.strides)
        window, strides = (s if isinstance(s, int) else tuple(s) for s in sizes)
        return pool(x, window, strides, layer.padding.upper())

    return convert


def _pooled_globally(pool: Convert) -> Convert:
    def convert(layer: Any, x: Value) -> Value:
        _channels_last(layer)
        return pool(x, keepdims=bool(getattr(layer, "keepdims", False)))

    return convert


def _border(sign: int, name: str) -> Convert:
    def convert(layer: Any, x: Value) -> Value:
        _channels_last(layer)
        given = getattr(layer, name)
        if len(x.shape) == 3:
            return steps.pad(x, tuple(sign * n for n in given))
        return steps.pad(x, tuple(tuple(sign * n for n in pair) for pair in given))

    return convert


def _enlarged(layer: Any, x: Value) -> Value:
    _channels_last(layer)
    size = layer.size if isinstance(layer.size, int) else tuple(layer.size)
    return steps.resize(x, size, interpolation=getattr(layer, "interpolation", "nearest"))


def _resized(layer: Any, x: Value) -> Value:
    _channels_last(layer)
    for name in ("crop_to_aspect_ratio", "pad_to_aspect_ratio", "antialias"):
        if getattr(layer, name, False):
            raise ValueError(f"{name}: expected False")
    size = (layer.height, layer.width)
    return steps.resize(x, size=size, interpolation=layer.interpolation)


def _flattened(layer: Any, x: Value) -> Value:
    _channels_last(layer)
    return steps.reshape(x, (-1,))


def _reshaped(layer: Any, x: Value) -> Value:
    return steps.reshape(x, tuple(layer.target_shape))


def _unchanged(layer: Any, x: Value, **_: Any) -> Value:
    return x


_LAYERS: dict[str, Convert] = {
    **dict.fromkeys(_CONVOLUTIONS, _convolution),
    **dict.fromkeys((*_NOISE, *_AUGMENTATION), _unchanged),
    **dict.fromkeys(("Activation", "ReLU", "LeakyReLU", "ELU", "PReLU"), _activation),
    "BatchNormalization": _normalisation,
    "Normalization": _standardisation,
    "Rescaling": _rescaling,
    "Softmax": _softmax,
    "Add": _added,
    "Average": _average,
    "Subtract": _subtracted,
    "Multiply": _multiplied,
    "Concatenate": _concatenated,
    "MaxPooling1D": _pooled(steps.max_pool),
    "MaxPooling2D": _pooled(steps.max_pool),
    "AveragePooling1D": _pooled(steps.average_pool),
    "AveragePooling2D": _pooled(steps.average_pool),
    "GlobalMaxPooling1D": _pooled_globally(steps.global_max_pool),
    "GlobalMaxPooling2D": _pooled_globally(steps.global_max_pool),
    "GlobalAveragePooling1D": _pooled_globally(steps.global_average_pool),
    "GlobalAveragePooling2D": _pooled_globally(steps.global_average_pool),
    "ZeroPadding1D": _border(1, "padding"),
    "ZeroPadding2D": _border(1, "padding"),
    "Cropping1D": _border(-1, "cropping"),
    "Cropping2D": _border(-1, "cropping"),
    "UpSampling1D": _enlarged,
    "UpSampling2D": _enlarged,
    "Resizing": _resized,
    "Flatten": _flattened,
    "Reshape": _reshaped,
}


def _of_one_rank(x: Value, y: Value) -> list[Value]:
    """Return two values whose axes an operation takes for the same."""
    if len(x.shape) != len(y.shape):
        raise ValueError(f"expected two values of one rank, got {x.shape} and {y.shape}")
    return [x, y]


def _sum(x: Any, y: Any, name: Any = None) -> Any:
    """Return x + y, one of which may be a number."""
    if isinstance(x, Value) and isinstance(y, Value):
        return steps.add(_of_one_rank(x, y))
    value, number = (x, y) if isinstance(x, Value) else (y, x)
    return steps.scale(value, None, number)


def _product(x: Any, y: Any, name: Any = None) -> Any:
    """Return x * y, one of which may be a number."""
    if isinstance(x, Value) and isinstance(y, Value):
        return steps.multiply(_of_one_rank(x, y))
    value, number = (x, y) if isinstance(x, Value) else (y, x)
    return steps.scale(value, number)


# What stands in models beside layers: Keras 3's class, or Keras 2's name of a function.
_OPERATIONS: dict[str, Convert] = {
    "Add": _sum,
    "Multiply": _product,
    "__operators__.add": _sum,
    "math.add": _sum,
    "math.multiply": _product,
    "__operators__.multiply": _product,
}


def _operation(layer: Any) -> Convert | None:
    """Return how to compute what is no layer but a function in a model."""
    cls = type(layer)
    if cls.__module__ == "keras.src.ops.numpy":
        return _OPERATIONS.get(cls.__name__)
    if cls.__module__.startswith("tf_keras.") and cls.__name__ == "TFOpLambda":
        return _OPERATIONS.get(layer.get_config().get("function", ""))
    return None


class _Reader:
    """Reads a model, and notes every layer that cannot be computed."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.operators: dict[int, Operator] = {}  # of layers, which may be called more than once

    def model(self, model: Any, values: list[Value]) -> list[Value]:
        """Return the outputs of a model for these inputs."""
        _refuse_own_call(model)
        if _is_sequential(model):
            for layer in model.layers:
                if type(layer).__name__ != "InputLayer":
                    values = [self.call(layer, [values[0]], {})]
            return values
        graph = graph_of(model)
        return self.graph(graph, values)

    def graph(self, graph: Graph, values: list[Value]) -> list[Value]:
        """Return the outputs of a functional model's graph."""
        made = dict(zip(graph.inputs, values, strict=True))
        for call in in_order(graph):
            arguments = replaced(call.arguments, made.__getitem__)
            keywords = replaced(call.keywords, made.__getitem__)
            if (call.name, call.number, 0) in made:
                continue  # an input
            result = self.call(call.layer, arguments, keywords)
            results = result if isinstance(result, list) else [result]
            for i, value in enumerate(results):
                made[call.name, call.number, i] = value
        return [made[tensor] for tensor in graph.outputs]

    def call(self, layer: Any, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        """Return what a layer makes of values; after a problem, something to go on with."""
        try:
            return self._call(layer, arguments, keywords)
        except (TypeError, ValueError) as error:
            name = f"{type(layer).__name__} {layer.name!r}"
            note = f"{name}: {error}"
            if note not in self.problems:
                self.problems.append(note)
            return _Unknown()

    def _call(self, layer: Any, arguments: list[Any], keywords: dict[str, Any]) -> Any:
        if _contains_unknown(arguments) or _contains_unknown(keywords):
            self._look_at(layer)
            return _Unknown()
        if _is_model(layer):
            given = arguments[0]
            return _alone(self.model(layer, given if isinstance(given, list) else [given]))
        operation = _operation(layer)
        if operation is not None:
            return operation(*arguments, **keywords)
        convert = _converter(layer)
        given = [*arguments, *(v for k, v in keywords.items() if k == "inputs")]
        harmless = {"inputs"} if own_name(layer, _TOLD_TO_TRAIN) else {"inputs", "training"}
        others = [k for k, v in keywords.items() if k not in harmless and v not in (None, False)]
        if others or len(given) != 1:
            raise ValueError(f"call: expected one argument, got more: {', '.join(others)}")
        if convert is _convolution:
            return convert(layer, given[0], self._operator(layer))
        return convert(layer, given[0])

    def _operator(self, layer: Any) -> Operator:
        if id(layer) not in self.operators:
            self.operators[id(layer)] = operator_of(layer, but_softmax=True)
        return self.operators[id(layer)]

    def _look_at(self, layer: Any) -> None:
        """Note a layer that csep does not know, though what it takes is not known either."""
        if not _is_model(layer) and _operation(layer) is None:
            _converter(layer)


class _Unknown:
    """Stands for the result of a layer that cannot be computed."""


def _contains_unknown(value: Any) -> bool:
    if isinstance(value, dict):
        return any(_contains_unknown(v) for v in value.values())
    if isinstance(value, list):
        return any(_contains_unknown(v) for v in value)
    return isinstance(value, _Unknown)


def _converter(layer: Any) -> Convert:
    name = own_name(layer, _LAYERS)
    if name is None:
        # A class of the user's own that derives from a convolution: operator_of decides.
        bases = [b.__name__ for b in type(layer).__mro__]
        if any(c in bases for c in _CONVOLUTIONS):
            return _convolution
        raise TypeError("csep has no such step")
    return _LAYERS[name]


def _alone(values: list[Value]) -> Any:
    return values[0] if len(values) == 1 else values


def _is_model(layer: Any) -> bool:
    """Whether a layer is a model whose layers can be read."""
    names = {cls.__name__ for cls in type(layer).__mro__}
    return bool(names & {"Functional", "Sequential"}) and hasattr(layer, "layers")


def _refuse_own_call(model: Any) -> None:
    """Refuse a class derived from Keras' models that computes something of its own."""
    for cls in type(model).__mro__:
        if cls.__module__.split(".")[0] in ("keras", "tf_keras"):
            return
        changed = sorted({"call", "__call__"} & set(vars(cls)))
        if changed:
            raise ValueError(f"model: expected Keras' own, got {cls.__name__} with {changed[0]}")


def _is_sequential(model: Any) -> bool:
    return any(cls.__name__ == "Sequential" for cls in type(model).__mro__)


def network_from_keras(model: Any, *, about: Mapping[str, Any] | None = None) -> Network:
    """Return the network that computes what a Keras model computes.

    Parameters
    ----------
    model : keras.Model
        Functional, Sequential, or with such models in it; of Keras 3 or tf_keras.
    about : dict, optional
        As for `csep.Network`.

    Raises
    ------
    TypeError
        If it is no such model.
    ValueError
        If there are layers that csep cannot compute: the message names all of them.
    """
    if not (hasattr(model, "layers") and hasattr(model, "get_config") and hasattr(model, "inputs")):
        raise TypeError(f"model: expected a Keras model, got {shown(model)}")
    if not model.inputs or not model.outputs:
        raise TypeError("model: expected a functional or Sequential model that is built")
    inputs = []
    for tensor in model.inputs:
        batch, *shape = tuple(tensor.shape)
        dtype = getattr(tensor.dtype, "name", tensor.dtype)
        name = str(tensor.name).split(":")[0]
        inputs.append(Input(tuple(shape), batch_size=batch, dtype=dtype, name=name))
    reader = _Reader()
    outputs = reader.model(model, inputs)
    if reader.problems:
        listed = "".join(f"\n  {problem}" for problem in reader.problems)
        raise ValueError(f"model: layers that csep cannot compute:{listed}")
    names = list(getattr(model, "output_names", [])) or [None] * len(outputs)
    results = fused(inputs, outputs, exactly=False)
    return Network._of(inputs, [v._name for v in inputs], results, names, about)
