"""A Keras model's configuration as a list of calls: which layer takes what.

Keras 3 and Keras 2 (tf_keras) write the same in different ways; the rest of csep sees one.  Keras
itself is not imported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

Tensor = tuple[str, int, int]  # layer, which of its calls, which of its results


class Call(NamedTuple):
    """One call of a layer; arguments hold a `Taken` where a tensor of the model stands."""

    name: str
    number: int
    layer: Any
    arguments: list[Any]
    keywords: dict[str, Any]


class Taken(NamedTuple):
    """A tensor of the model among a call's arguments."""

    tensor: Tensor


def _tensors_of_3(value: Any) -> Any:
    """Return arguments as Keras 3 writes them with their tensors as `Taken`."""
    if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
        name, number, index = value["config"]["keras_history"]
        return Taken((name, number, index))
    if isinstance(value, dict):
        return {k: _tensors_of_3(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_tensors_of_3(v) for v in value]
    return value


def _is_history(value: Any) -> bool:
    """Whether Keras 2 means a tensor: [name, call, result] and perhaps keywords."""
    return (
        isinstance(value, (list, tuple))
        and len(value) in (3, 4)
        and isinstance(value[0], str)
        and all(isinstance(n, int) for n in value[1:3])
    )


def _arguments_of_2(node: Any) -> tuple[list[Any], dict[str, Any]]:
    """Return arguments and keywords of a call as Keras 2 writes it."""
    node = [node] if _is_history(node) else node
    taken = [Taken((entry[0], entry[1], entry[2])) for entry in node]
    keywords = dict(node[0][3]) if len(node[0]) == 4 else {}
    for key, value in keywords.items():
        if _is_history(value):
            keywords[key] = Taken((value[0], value[1], value[2]))
        elif isinstance(value, list) and value and all(_is_history(v) for v in value):
            keywords[key] = [Taken((v[0], v[1], v[2])) for v in value]
    return [taken if len(taken) > 1 else taken[0]], keywords


def _ends(value: Any) -> list[Tensor]:
    """Return what a configuration names as inputs or outputs, in the order of Keras' model."""
    if _is_history(value):
        return [(value[0], value[1], value[2])]
    if isinstance(value, dict):  # model.inputs and model.outputs are sorted by their names
        value = [value[key] for key in sorted(value)]
    return [tensor for v in value for tensor in _ends(v)]


class Graph(NamedTuple):
    """What a functional model computes."""

    inputs: list[Tensor]
    outputs: list[Tensor]
    calls: list[Call]


def graph_of(model: Any) -> Graph:
    """Return the calls of a functional model."""
    config = model.get_config()
    by_name = {layer.name: layer for layer in getattr(model, "operations", model.layers)}
    calls = []
    for entry in config["layers"]:
        for number, node in enumerate(entry["inbound_nodes"]):
            layer, made = by_name[entry["name"]], 0
            if isinstance(node, dict):
                arguments = _tensors_of_3(node["args"])
                keywords = _tensors_of_3(node["kwargs"])
            else:
                arguments, keywords = _arguments_of_2(node)
                # Keras 2 counts how a model within the model was made as its first call.
                made = 1 if hasattr(layer, "layers") else 0
            calls.append(Call(entry["name"], made + number, layer, arguments, keywords))
    return Graph(_ends(config["input_layers"]), _ends(config["output_layers"]), calls)


def taken_by(value: Any) -> Iterator[Tensor]:
    """Give the tensors among arguments."""
    if isinstance(value, Taken):
        yield value.tensor
    elif isinstance(value, dict):
        for v in value.values():
            yield from taken_by(v)
    elif isinstance(value, list):
        for v in value:
            yield from taken_by(v)


def replaced(value: Any, by: Callable[[Tensor], Any]) -> Any:
    """Return arguments with each tensor replaced by what a function gives for it."""
    if isinstance(value, Taken):
        return by(value.tensor)
    if isinstance(value, dict):
        return {k: replaced(v, by) for k, v in value.items()}
    if isinstance(value, list):
        return [replaced(v, by) for v in value]
    return value


def in_order(graph: Graph) -> list[Call]:
    """Return the calls, each after those whose results it takes.

    Raises
    ------
    ValueError
        If there is no such order.
    """
    ready = {tensor[:2] for tensor in graph.inputs}
    waiting, order = list(graph.calls), []
    while waiting:
        later = []
        for call in waiting:
            needed = {t[:2] for t in taken_by([call.arguments, call.keywords])}
            if needed <= ready:
                order.append(call)
                ready.add((call.name, call.number))
            else:
                later.append(call)
        if len(later) == len(waiting):
            raise ValueError(f"model: expected calls in an order, got {later[0].name} without one")
        waiting = later
    return order
