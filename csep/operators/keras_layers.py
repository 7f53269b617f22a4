"""A Keras layer's attributes as an operator's arguments; Keras itself is never imported."""

from __future__ import annotations

from typing import Any

from .. import _core

# The names of the arguments that the arrays of get_weights() become, in its order.
_WEIGHTS = {
    "SeparableConv2D": ("dw", "pw", "bias"),
    "DepthwiseConv2D": ("dw", "bias"),
    "Conv2D": ("w", "bias"),
    "PointwiseConv2D": ("pw", "bias"),
}
_LAYER_NAMES = {
    "SeparableConv2D": "SeparableConv2D",
    "SeparableConvolution2D": "SeparableConv2D",
    "DepthwiseConv2D": "DepthwiseConv2D",
    "Conv2D": "Conv2D",
    "Convolution2D": "Conv2D",
}


def kind_of(layer: Any) -> str | None:
    """Return the operator for a layer, by the first of its classes that csep knows.

    None also for a class of its own that computes something else.
    """
    for base in type(layer).__mro__:
        if "Transpose" in base.__name__:
            return None
        if base.__name__ in _LAYER_NAMES:
            return _LAYER_NAMES[base.__name__]
        if "call" in vars(base):
            return None
    return None


def _activation(layer: Any) -> str | tuple[str, float] | None:
    """Return a layer's activation by name."""
    function = getattr(layer, "activation", None)
    if function is None:
        return None
    name = getattr(function, "__name__", None)
    module = getattr(function, "__module__", None) or ""
    if name is not None:
        # Keras 2's hard_sigmoid is another function; others' functions may be anything.
        is_keras = module.split(".")[0] in {"keras", "tf_keras", "tensorflow"}
        is_keras_3 = module.startswith("keras.src.activations.activations")
        if not is_keras or (name == "hard_sigmoid" and not is_keras_3):
            name = None
    else:  # an activation layer, such as LeakyReLU
        config: dict[str, Any] = getattr(function, "get_config", dict)()
        name = {"LeakyReLU": "leaky_relu", "ELU": "elu", "ReLU": "relu"}.get(
            type(function).__name__
        )
        for key in ("negative_slope", "alpha"):
            if name in {"leaky_relu", "elu"} and key in config:
                return name, float(config[key])
        plain = not config.get("negative_slope") and not config.get("threshold")
        if name == "relu" and plain and config.get("max_value") in {None, 6}:
            return "relu6" if config.get("max_value") else "relu"
        name = None
    if name not in _core.ACTIVATIONS:
        raise ValueError(
            f"layer: expected one of Keras' own activations {', '.join(_core.ACTIVATIONS)}, "
            f"got {function!r}"
        )
    return None if name == "linear" else name


def operator_arguments(layer: Any, kind: str) -> dict[str, Any]:
    """Return the arguments of the operator of that kind that computes what layer does.

    Raises
    ------
    TypeError
        If layer is no Keras layer of that kind.
    ValueError
        If it has no weights yet, or csep cannot compute what it asks for.
    """
    found = kind_of(layer)
    if found == "Conv2D" and kind == "PointwiseConv2D":
        found = kind
    if found != kind:
        wanted = "Conv2D with a 1x1 kernel" if kind == "PointwiseConv2D" else kind
        raise TypeError(f"layer: expected a Keras {wanted} layer, got {type(layer).__name__}")
    if getattr(layer, "groups", 1) != 1:
        raise ValueError(f"layer: expected groups=1, got {layer.groups}")
    weights = layer.get_weights()
    if not weights:
        raise ValueError("layer: expected one with weights, got one that was not built yet")
    names = _WEIGHTS[kind] if getattr(layer, "use_bias", True) else _WEIGHTS[kind][:-1]
    if len(weights) != len(names):
        raise ValueError(
            f"layer: expected {len(names)} arrays of weights ({', '.join(names)}), "
            f"got {len(weights)}"
        )
    arguments = dict(zip(names, weights, strict=True))
    arguments["activation"] = _activation(layer)
    arguments["data_format"] = layer.data_format
    if kind == "PointwiseConv2D":
        if tuple(layer.kernel_size) != (1, 1) or tuple(layer.strides) != (1, 1):
            raise ValueError(
                f"layer: expected kernel_size and strides 1, got {layer.kernel_size} and "
                f"{layer.strides}"
            )
        return arguments
    arguments["strides"] = tuple(layer.strides)
    arguments["dilations"] = tuple(layer.dilation_rate)
    arguments["padding"] = layer.padding
    return arguments
