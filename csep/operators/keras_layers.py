"""A Keras layer's attributes as an operator's arguments; Keras itself is never imported.

Only what is provably Keras' own is read: a class is Keras' own if the package that is loaded under
Keras' name says so, not because of what it is called.  A class derived from one may bring a
constructor and a configuration; anything else that it defines might decide the result.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import Any

import numpy as np

from ..spec.arrays import Array

_PACKAGES = ("keras", "tf_keras")

# The operator of a layer, by the layer's name in keras.layers.
_OPERATORS = {
    "SeparableConv2D": "SeparableConv2D",
    "SeparableConv1D": "SeparableConv1D",
    "DepthwiseConv2D": "DepthwiseConv2D",
    "DepthwiseConv1D": "DepthwiseConv1D",
    "Conv2D": "Conv2D",
    "Conv1D": "Conv1D",
    "Dense": "PointwiseConv2D",
}
# The names of the arguments that the arrays of get_weights() become, in its order.
_WEIGHTS = {
    "SeparableConv2D": ("dw", "pw", "bias"),
    "SeparableConv1D": ("dw", "pw", "bias"),
    "DepthwiseConv2D": ("dw", "bias"),
    "DepthwiseConv1D": ("dw", "bias"),
    "Conv2D": ("w", "bias"),
    "Conv1D": ("w", "bias"),
    "PointwiseConv2D": ("pw", "bias"),
}
# What a class derived from a layer may define.
_HARMLESS = {
    "__annotations__",
    "__dict__",
    "__doc__",
    "__firstlineno__",
    "__init__",
    "__module__",
    "__qualname__",
    "__static_attributes__",
    "__weakref__",
    "from_config",
    "get_config",
}
# Methods that Keras 3 wraps in each layer; get_weights is what is read.
_WRAPPED = {"build", "quantize"}
# Keras' activations by name, where csep computes the same.
_ACTIVATIONS = (
    "linear",
    "relu",
    "relu6",
    "leaky_relu",
    "elu",
    "sigmoid",
    "tanh",
    "silu",
    "swish",
    "hard_sigmoid",
    "hard_silu",
    "hard_swish",
    "gelu",
    "selu",
    "mish",
    "softplus",
)


def _own(kind: str, name: str) -> list[Any]:
    """Return what Keras' loaded packages call ``kind.name``, e.g. ``layers.Conv2D``."""
    found = []
    for package in _PACKAGES:
        module = getattr(sys.modules.get(package), kind, None)
        if hasattr(module, name):
            found.append(getattr(module, name))
    if (kind, name) == ("activations", "silu"):  # Keras 2 means TensorFlow's by that name
        silu = getattr(getattr(sys.modules.get("tensorflow"), "nn", None), "silu", None)
        found += [] if silu is None else [silu]
    return found


def _keras_name(cls: type) -> str | None:
    """Return the name under which a class stands in keras.layers, if it is Keras' own."""
    for name in (*_OPERATORS, "Conv2DTranspose", "Conv1DTranspose"):
        if any(cls is own for own in _own("layers", name)):
            return name
    return None


def kind_of(layer: Any) -> str:
    """Return the name of the operator that computes what a layer does.

    Raises
    ------
    TypeError
        If it is no layer of Keras' own that csep knows, or one that computes something else.
    """
    cls = type(layer)
    expected = f"layer: expected Keras' own {', '.join(_OPERATORS)}, got {cls.__name__}"
    for base in cls.__mro__:
        name = _keras_name(base)
        if name is not None:
            break
        changed = sorted(set(vars(base)) - _HARMLESS)
        if base is object or base.__module__.split(".")[0] in _PACKAGES:
            raise TypeError(f"{expected} of {cls.__module__}")
        if changed:
            raise TypeError(f"{expected}, which defines {', '.join(changed)}")
    if name not in _OPERATORS:
        raise TypeError(expected)
    changed = sorted(n for n in set(vars(layer)) - _WRAPPED if callable(getattr(base, n, None)))
    if changed:
        raise TypeError(f"{expected} with its own {', '.join(changed)}")
    return _OPERATORS[name]


def _activation_of_layer(function: Any) -> Any:
    """Return the activation that an activation layer computes; None for one csep does not know."""
    config: dict[str, Any] = function.get_config()
    name = next(
        (n for n in ("LeakyReLU", "ELU", "ReLU") if type(function) in _own("layers", n)), None
    )
    if name == "LeakyReLU":
        slope = config["negative_slope"] if "negative_slope" in config else config["alpha"]
        return "leaky_relu", float(slope)
    if name == "ELU":
        return "elu", float(config["alpha"])
    if name == "ReLU" and not config["negative_slope"] and not config["threshold"]:
        top = config["max_value"]
        if top is None:
            return "relu"
        return "relu6" if float(top) == 6 else ("relu", float(top))
    return None


def _slopes(function: Any, layer: Any) -> Array:
    """Return the slopes of a PReLU that stands as a layer's activation."""
    axis = 0 if getattr(layer, "data_format", None) == "channels_first" else -1
    weights = function.get_weights()
    if not weights:
        raise ValueError("layer: expected a PReLU with weights, got one that was not built yet")
    (slopes,) = weights
    if slopes.size != slopes.shape[axis]:
        raise ValueError(
            "layer: expected a PReLU with a slope for each channel, shared_axes over all others, "
            f"got slopes of shape {slopes.shape}"
        )
    return np.reshape(slopes, -1)


def _activation(layer: Any) -> Any:
    """Return a layer's activation as csep's."""
    function = getattr(layer, "activation", None)
    if function is None:
        return None
    if type(function) in _own("layers", "PReLU"):
        return "prelu", _slopes(function, layer)
    for name in _ACTIVATIONS:
        if function in [f for f in _own("activations", name) if not _differs(f)]:
            return name
    found = _activation_of_layer(function) if hasattr(function, "get_config") else None
    if found is None:
        raise ValueError(
            f"layer: expected one of Keras' own activations {', '.join(_ACTIVATIONS)}, "
            f"got {function!r}"
        )
    return found


def _differs(function: Any) -> bool:
    """Whether a function of Keras 2 computes something else than that of the same name."""
    return function.__name__ == "hard_sigmoid" and not function.__module__.startswith("keras.src")


def _ungrouped(layer: Any, kind: str, w: Array) -> tuple[str, dict[str, Any]]:
    """Return operator and weights of a convolution in as many groups as there are channels."""
    groups, outputs = layer.groups, w.shape[-1]
    shape = (*w.shape[:-2], groups, outputs // groups)
    return kind.replace("Conv", "DepthwiseConv"), {"dw": np.reshape(w, shape)}


def is_softmax(layer: Any) -> bool:
    """Whether a layer's activation is Keras' own softmax, which is no operator's."""
    return getattr(layer, "activation", None) in _own("activations", "softmax")


def own_name(layer: Any, names: Iterable[str]) -> str | None:
    """Return which of keras.layers' classes of these names a layer is of exactly, or None."""
    return next((n for n in names if type(layer) in _own("layers", n)), None)


def activation_of(layer: Any) -> Any:
    """Return what a layer of activation alone computes, as csep's; of PReLU with its slopes.

    Raises
    ------
    ValueError
        If csep does not know it.
    """
    if own_name(layer, ["Activation"]):
        return _activation(layer)
    if own_name(layer, ["PReLU"]):
        return "prelu", _slopes(layer, layer)
    found = _activation_of_layer(layer)
    if found is None:
        raise ValueError(f"layer: expected settings that csep computes, got {layer.get_config()}")
    return found


def operator_arguments(layer: Any, *, but_softmax: bool = False) -> tuple[str, dict[str, Any]]:
    """Return the operator that computes what layer does, and its constructor's arguments.

    but_softmax: what it does before its activation, where that is a softmax.

    Raises
    ------
    TypeError
        If layer is no Keras layer that csep knows.
    ValueError
        If it has no weights yet, or csep cannot compute what it asks for.
    """
    kind = kind_of(layer)
    weights = layer.get_weights()
    if not weights:
        raise ValueError("layer: expected one with weights, got one that was not built yet")
    names = _WEIGHTS[kind] if getattr(layer, "use_bias", True) else _WEIGHTS[kind][:-1]
    activation = None if but_softmax and is_softmax(layer) else _activation(layer)
    if type(activation) is tuple and activation[0] == "prelu":
        weights = weights[:-1]  # the last array is that of the layer inside
    if len(weights) != len(names):
        raise ValueError(
            f"layer: expected {len(names)} arrays of weights ({', '.join(names)}), "
            f"got {len(weights)}"
        )
    arguments: dict[str, Any] = dict(zip(names, weights, strict=True))
    arguments["activation"] = activation
    if kind == "PointwiseConv2D":  # Dense: on the last axis
        return kind, arguments
    arguments |= {
        "strides": tuple(layer.strides),
        "dilations": tuple(layer.dilation_rate),
        "padding": layer.padding,
        "data_format": layer.data_format,
    }
    groups = getattr(layer, "groups", 1)
    if groups != 1 and arguments["w"].shape[-2] == 1:
        kind, changed = _ungrouped(layer, kind, arguments.pop("w"))
        arguments |= changed
    elif groups != 1:
        arguments["groups"] = groups
    return kind, arguments


def pointwise_arguments(arguments: dict[str, Any]) -> dict[str, Any]:
    """Return Conv2D's arguments as PointwiseConv2D's.

    Raises
    ------
    ValueError
        If it is no convolution of pixels by themselves.
    """
    w, strides, groups = arguments["w"], arguments["strides"], arguments.get("groups", 1)
    if w.shape[:2] != (1, 1) or strides != (1, 1) or groups != 1:
        raise ValueError(
            f"layer: expected kernel_size, strides and groups 1, got {w.shape[:2]}, {strides} and "
            f"{groups}"
        )
    names = ("bias", "activation", "data_format")
    return {"pw": w} | {name: arguments[name] for name in names if name in arguments}
