"""A model as its graph: live ones from Keras' own record of calls, or by tracing; files as told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from closedform.errors import BadInput, NotFitted
from closedform.readers.keras.graph import Graph, live_graph, stored_graph
from closedform.readers.keras.layer import Layer, LiveLayer, StoredLayer


def graph_of(layer: Layer) -> Graph:
    """Return the graph of a Functional or Sequential model, live or from a file.

    Raises:
        NotFitted: it has not been built.
        Broken: a file is not what Keras writes.
    """
    if isinstance(layer, StoredLayer):
        return stored_graph(layer)
    assert isinstance(layer, LiveLayer)
    live = layer.live
    inputs, outputs = _symbolic(live, "inputs"), _symbolic(live, "outputs")
    if not inputs or not outputs:
        raise NotFitted(
            f"The model {layer.name!r} has not been built: the shape of its input is not known.",
            hint="Begin it with a keras.Input, or call it on some rows first.",
        )
    names = output_names(live, outputs)
    return live_graph(inputs, list(zip(names, outputs, strict=True)), input_names(live, inputs))


def _symbolic(live: Any, name: str) -> Sequence[Any]:
    try:
        found = getattr(live, name)
    except (AttributeError, ValueError):  # a Sequential model that has not been built
        return []
    return found if isinstance(found, list | tuple) else []


def structure_of(live: Any, name: str) -> Any:
    """Return what a model takes ("input") or gives, nested as its user has it; None if unknown."""
    try:
        return getattr(live, name)
    except (AttributeError, ValueError):  # early Keras 3 has none for Sequential models
        return None


def input_names(live: Any, inputs: Sequence[Any]) -> list[str]:
    """Return a name for each input: keys of a dict, else those of the input layers."""
    structure = structure_of(live, "input")
    if isinstance(structure, dict) and len(structure) == len(inputs):
        return [str(key) for key in sorted(structure)]
    histories = [getattr(x, "_keras_history", None) for x in inputs]
    return [
        str(x.name if h is None or h.operation is None else h.operation.name)
        for x, h in zip(inputs, histories, strict=True)
    ]


def output_names(live: Any, outputs: Sequence[Any]) -> list[str]:
    """Return a name for each output: y of one, keys of a dict, else the layers' names."""
    structure = structure_of(live, "output")
    if isinstance(structure, dict) and len(structure) == len(outputs):
        return [str(key) for key in sorted(structure)]
    if len(outputs) == 1:
        return ["y"]
    return [str(x._keras_history.operation.name) for x in outputs]


def traced_model(live: Any, example: Any) -> Graph:
    """Return the graph of a model that is code, by tracing its `call`.

    Raises:
        BadInput: nothing says the shapes of what it takes.
        NoFormula: it cannot be traced.
    """
    from closedform.readers.keras.tracing import traced

    shapes = shapes_of(live, example)
    return traced(live.call, [shapes], _options(live), _told, live)


def _told(value: Any) -> tuple[tuple[int, ...], str] | None:
    return (value.shape, value.dtype) if isinstance(value, Shape) else None


def _options(live: Any) -> dict[str, Any]:
    from inspect import signature

    return {"training": False} if "training" in signature(live.call).parameters else {}


@dataclass(frozen=True)
class Shape:
    """What stands for a tensor, for one row."""

    shape: tuple[int, ...]
    dtype: str


def shapes_of(live: Any, example: Any) -> Any:
    """Return what a model takes, with shapes for one row in the place of tensors.

    Raises:
        BadInput: neither an example nor a call before this one tells.
    """
    if example is not None:
        return _of_example(example)
    told = live.get_build_config() or {}
    shape = told.get("input_shape")
    if shape is None and len(told.get("shapes_dict", {})) == 1:
        shape = next(iter(told["shapes_dict"].values()))
    if shape is None:
        raise BadInput(
            f"{type(live).__name__} does not say the shape of its inputs.",
            hint="Give rows as the model takes them: read(model, example=X[:1]).",
        )
    return _of_shape(shape)


def _of_example(example: Any) -> Any:
    import numpy as np

    if isinstance(example, dict):
        return {k: _of_example(v) for k, v in example.items()}
    if isinstance(example, tuple | list) and any(hasattr(v, "shape") for v in example):
        return [_of_example(v) for v in example]
    array = np.asarray(example)
    if not array.ndim or not len(array):
        raise BadInput(
            f"The example has the shape {array.shape}: it holds no row.",
            hint="Give rows as the model takes them, of shape (rows, …).",
        )
    kind = "int32" if array.dtype.kind in "iu" else "float32"
    return Shape((1, *array.shape[1:]), kind)


def _of_shape(shape: Any) -> Any:
    if isinstance(shape, dict):
        return {k: _of_shape(v) for k, v in shape.items()}
    if shape and isinstance(shape[0], list | tuple | dict):
        return [_of_shape(v) for v in shape]
    return Shape((1, *shape[1:]), "float32")
