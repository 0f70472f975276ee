"""Which layer or operation is called with what: the graph of a model, live or from a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform.asking.keras import array_of
from closedform.loading.stream import Broken
from closedform.readers.keras.layer import Layer, LiveLayer, StoredLayer, is_own, stored_layers

Key = Any
"""What tells one call from others: live, the operation and the number of its call."""


@dataclass(frozen=True)
class Ref:
    """One of the tensors that a call gives."""

    call: Key
    at: int


@dataclass(frozen=True)
class Operation:
    """One of `keras.ops`, by the name of its class, with the options that it was made with."""

    kind: str
    config: Mapping[str, Any]


@dataclass(frozen=True)
class Call:
    """A layer or operation, and what it is called with; tensors among it are `Ref`."""

    key: Key
    what: Layer | Operation
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]


@dataclass(frozen=True)
class Input:
    """A tensor that a model takes: its shape without the rows, and the type of its numbers."""

    name: str
    shape: tuple[int | None, ...]
    dtype: str


@dataclass(frozen=True)
class Graph:
    """A model: what it takes, the calls in an order in which they can be made, what it gives.

    Attributes:
        inputs: each with the tensor that stands for it.
        calls: arguments before those who use them.
        outputs: each with its name.
    """

    inputs: tuple[tuple[Input, Ref], ...]
    calls: tuple[Call, ...]
    outputs: tuple[tuple[str, Ref], ...]


def leaves(value: Any) -> Iterator[Any]:
    """Yield what is in nested lists, tuples and dicts (by key, in order), from left to right."""
    todo = [value]
    while todo:
        part = todo.pop()
        if isinstance(part, list | tuple):
            todo.extend(reversed(part))
        elif isinstance(part, Mapping):
            todo.extend(part[key] for key in sorted(part, reverse=True))
        else:
            yield part


def mapped(value: Any, function: Callable[[Any], Any], depth: int = 0) -> Any:
    """Return nested lists, tuples and dicts with a function of what is in them.

    Raises:
        Broken: they are nested deeper than any call's arguments are.
    """
    if depth > 20:
        raise Broken("the arguments of a call are nested too deeply")
    if isinstance(value, list | tuple):
        return type(value)(mapped(v, function, depth + 1) for v in value)
    if isinstance(value, Mapping):
        return {k: mapped(v, function, depth + 1) for k, v in value.items()}
    return function(value)


def in_order(
    wanted: Sequence[Ref], given: set[Ref], call_of: Callable[[Key], Call]
) -> tuple[Call, ...]:
    """Return the calls that some tensors need, arguments first.

    Raises:
        Broken: a call needs its own result.
    """
    order: list[Call] = []
    done: set[Key] = {ref.call for ref in given}
    active: set[Key] = set()
    stack: list[tuple[Call, Iterator[Key]]] = []

    def enter(key: Key) -> None:
        if key in active:
            raise Broken("its layers form a circle")
        active.add(key)
        call = call_of(key)
        needs = [ref.call for ref in leaves([list(call.args), dict(call.kwargs)])
                 if isinstance(ref, Ref)]  # fmt: skip
        stack.append((call, iter(needs)))

    for root in wanted:
        if root.call not in done:
            enter(root.call)
        while stack:
            call, rest = stack[-1]
            below = next((key for key in rest if key not in done), None)
            if below is not None:
                enter(below)
                continue
            stack.pop()
            active.discard(call.key)
            done.add(call.key)
            order.append(call)
    return tuple(order)


# --- live ---------------------------------------------------------------------------------------


def live_graph(
    inputs: Sequence[Any], outputs: Sequence[tuple[str, Any]], names: Sequence[str] | None = None
) -> Graph:
    """Return the graph between symbolic tensors.

    Args:
        inputs: KerasTensors that stand for what is taken.
        outputs: names and KerasTensors of what is given.
        names: names of the inputs, where the tensors' own are not meant.
    """
    operations: dict[int, Any] = {}
    refs = {id(x): Ref(("input", i), 0) for i, x in enumerate(inputs)}
    histories = {_history(x): ref for x, ref in zip(inputs, refs.values(), strict=True)
                 if _history(x) is not None}  # fmt: skip

    def ref(x: Any) -> Any:
        if not is_symbolic(x):
            return constant(x)
        if id(x) in refs:
            return refs[id(x)]
        key = _history(x)
        if key in histories:
            return histories[key]
        history = x._keras_history
        operations[id(history.operation)] = history.operation
        return Ref((id(history.operation), history.node_index), history.tensor_index)

    def call_of(key: Any) -> Call:
        operation = operations[key[0]]
        arguments = operation._inbound_nodes[key[1]].arguments
        args, kwargs = (mapped(part, ref) for part in (arguments.args, arguments.kwargs))
        return Call(key, what_is(operation), tuple(args), kwargs)

    wanted = [(name, ref(x)) for name, x in outputs]
    called = names or [x.name for x in inputs]
    taken = [
        (Input(name, tuple(x.shape)[1:], str(x.dtype)), refs[id(x)])
        for x, name in zip(inputs, called, strict=True)
    ]
    calls = in_order([r for _, r in wanted], set(refs.values()), call_of)
    return Graph(tuple(taken), calls, tuple(wanted))


def is_symbolic(x: Any) -> bool:
    """Tell whether a value stands for a tensor."""
    import keras

    return isinstance(x, keras.KerasTensor)


def _history(x: Any) -> Any:
    history = getattr(x, "_keras_history", None)
    if history is None or history.operation is None:
        return None
    return (id(history.operation), history.node_index, history.tensor_index)


def what_is(operation: Any) -> Layer | Operation:
    """Return a live layer or operation as its record."""
    if hasattr(operation, "save_own_variables"):
        return LiveLayer(operation)
    try:
        config = dict(operation.get_config())
    except NotImplementedError:  # made with something that no file can hold
        config = dict((getattr(operation, "_auto_config", None) and
                      operation._auto_config.config) or {})  # fmt: skip
    return Operation(type(operation).__name__, {k: constant(v) for k, v in config.items()})


def constant(x: Any) -> Any:
    """Return a live tensor or variable as an array; anything else as it is."""
    if hasattr(x, "dtype") and hasattr(x, "shape") and not isinstance(x, np.generic):
        found = array_of(x)
        return found if found.dtype.kind in "biu" else found.astype(np.float64)
    return x.item() if isinstance(x, np.generic) else x


# --- from a file --------------------------------------------------------------------------------


def stored_graph(layer: StoredLayer) -> Graph:
    """Return the graph of a Functional or Sequential model in a file.

    Raises:
        Broken: it is not what Keras writes.
    """
    return _chain(layer) if layer.kind == "Sequential" else _functional(layer)


def _stored_parts(layer: StoredLayer) -> list[tuple[Mapping[str, Any], Layer | Operation]]:
    """Return each entry of a model's list of layers with its record.

    Only layers have a place among the weights, and a Sequential model's input has none.
    """
    documents = layer.config["layers"]
    if not isinstance(documents, list):
        raise Broken("its layers are no list")
    skip = {"InputLayer"} if layer.kind == "Sequential" else set()
    placed = [d for d in documents if not _is_operation(d) and d.get("class_name") not in skip]
    path = f"{layer.path}/layers" if layer.path else "layers"
    places = iter(stored_layers(placed, layer.store, path))
    made: list[tuple[Mapping[str, Any], Layer | Operation]] = []
    for document in documents:
        if _is_operation(document):
            made.append((document, Operation(str(document["class_name"]), document["config"])))
        elif document.get("class_name") in skip:
            made.append((document, StoredLayer(document, {}, "")))
        else:
            made.append((document, next(places)))
    return made


def _is_operation(document: Any) -> bool:
    if not isinstance(document, Mapping):
        raise Broken("a layer is no object")
    module = document.get("module")
    if "module" not in document and "inbound_nodes" in document:
        return _is_old_operation(document)
    if not isinstance(module, str) or not is_own(document) or ".layers" in module:
        return False
    return ".ops" in module or ".activations" in module


def _is_old_operation(document: Mapping[str, Any]) -> bool:
    """Tell an operation in an HDF5 file, which says no modules: Add may be a layer as well.

    Layers that merge take one list of tensors, operations take them one by one.
    """
    from closedform.readers.keras.operations import OPERATIONS
    from closedform.readers.keras.table import LAYERS

    kind, nodes = document.get("class_name"), document["inbound_nodes"]
    if kind not in OPERATIONS or not nodes or not isinstance(nodes[0], Mapping):
        return False
    return kind not in LAYERS or not isinstance(nodes[0]["args"][0], list)


def _chain(layer: StoredLayer) -> Graph:
    """Each layer of a Sequential model takes what the one before it gives."""
    taken, last, calls = None, Ref("input", 0), []
    for i, (_, what) in enumerate(_stored_parts(layer)):
        if isinstance(what, StoredLayer) and what.kind == "InputLayer":
            taken = _stored_input(what)
            continue
        calls.append(Call(i, what, (last,), {}))
        last = Ref(i, 0)
    if taken is None:
        shape = layer.option("build_input_shape") or layer.option("batch_input_shape")
        if not isinstance(shape, list):
            raise Broken("it does not say the shape of its input")
        taken = Input("input", _shape(shape), "float32")
    return Graph(((taken, Ref("input", 0)),), tuple(calls), (("y", last),))


def _stored_input(layer: StoredLayer) -> Input:
    shape = layer.option("batch_shape", layer.option("batch_input_shape"))
    if not isinstance(shape, list) or not shape:
        raise Broken("an input has no shape")
    if layer.option("sparse") or layer.option("ragged"):
        raise Broken("an input is sparse or ragged")
    return Input(layer.name, _shape(shape), str(layer.option("dtype") or "float32"))


def _shape(shape: Sequence[Any]) -> tuple[int | None, ...]:
    for n in shape[1:]:
        if n is not None and not (isinstance(n, int) and n >= 0):
            raise Broken("an input has an odd shape")
    return tuple(shape[1:])


def _functional(layer: StoredLayer) -> Graph:
    entries = {str(d.get("name")): (d, what) for d, what in _stored_parts(layer)}

    def ref(value: Any) -> Any:
        if isinstance(value, Mapping) and value.get("class_name") == "__keras_tensor__":
            return _reference(value["config"]["keras_history"])
        return plain(value)

    def call_of(key: Any) -> Call:
        document, what = entries[key[0]]
        args, kwargs = _arguments(document["inbound_nodes"][key[1]], ref)
        return Call(key, what, args, kwargs)

    taken = []
    for at in _leaf_references(layer.config["input_layers"]):
        what = entries[at.call[0]][1]
        if not isinstance(what, StoredLayer) or what.kind != "InputLayer":
            raise Broken("an input is not where it is said to be")
        taken.append((_stored_input(what), at))
    outputs = _named_outputs(layer.config["output_layers"], entries)
    outputs = [(name, _shifted(at, entries)) for name, at in outputs]
    calls = in_order([at for _, at in outputs], {at for _, at in taken}, call_of)
    return Graph(tuple(taken), calls, tuple(outputs))


def _shifted(at: Ref, entries: Mapping[str, Any]) -> Ref:
    """Among the outputs, the making of a model within is counted as its first call."""
    document, what = entries[at.call[0]]
    nested = isinstance(what, Layer) and what.kind in ("Functional", "Model")
    beyond = at.call[1] >= len(document["inbound_nodes"])
    counted = at.call[1] and (nested or beyond)
    return Ref((at.call[0], at.call[1] - 1), at.at) if counted else at


def _reference(history: Any) -> Ref:
    name, node, at = history
    if not (isinstance(name, str) and isinstance(node, int) and isinstance(at, int)):
        raise Broken("a tensor comes from nowhere")
    if node < 0 or at < 0:
        raise Broken("a tensor comes from nowhere")
    return Ref((name, node), at)


def _arguments(node: Any, ref: Callable[[Any], Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return what a call was made with; Keras 2 wrote lists of tensors, the last with options."""
    if isinstance(node, Mapping):
        return tuple(_told(v, ref) for v in node["args"]), _told(dict(node["kwargs"]), ref)
    parts = [node] if node and isinstance(node[0], str) else node
    tensors = [_reference(part[:3]) for part in parts]
    options = {k: v for part in parts if len(part) > 3 for k, v in dict(part[3]).items()}
    options = {k: _old_option(v) for k, v in options.items()}
    return (tensors[0] if len(tensors) == 1 else tensors,), options


def _old_option(value: Any) -> Any:
    """Keras 2 wrote a tensor among the options as a list of a name and two numbers."""
    if isinstance(value, list) and len(value) == 3 and isinstance(value[0], str):
        return _reference(value)
    return plain(value)


def _told(value: Any, ref: Callable[[Any], Any], depth: int = 0) -> Any:
    if depth > 20:
        raise Broken("the arguments of a call are nested too deeply")
    if isinstance(value, list | tuple):
        return [_told(v, ref, depth + 1) for v in value]
    if isinstance(value, Mapping) and "class_name" not in value:
        return {k: _told(v, ref, depth + 1) for k, v in value.items()}
    return ref(value)


def plain(value: Any) -> Any:
    """Return a value as a file spells it: arrays, slices and the like have names.

    Raises:
        Broken: it is of a kind that has none.
    """
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if not isinstance(value, Mapping) or "class_name" not in value:
        return value
    kind, config = value["class_name"], dict(value.get("config") or {})
    if kind in ("__tensor__", "__numpy__"):
        made = np.asarray(config["value"])
        return made if made.dtype.kind in "biu" else made.astype(np.float64)
    if kind == "__slice__":
        return slice(*(plain(config[key]) for key in ("start", "stop", "step")))
    if kind == "__ellipsis__":
        return ...
    if kind == "DTypePolicy":
        return str(config["name"])
    raise Broken(f"an argument is a {str(kind)[:60]!r}")


def _leaf_references(value: Any) -> list[Ref]:
    return [at for _, at in _spelled(value)]


def _spelled(value: Any, name: str = "", depth: int = 0) -> list[tuple[str, Ref]]:
    """Return tensors in nested lists and dicts with the keys that lead to them."""
    if depth > 20:
        raise Broken("its inputs or outputs are nested too deeply")
    if isinstance(value, list) and len(value) == 3 and isinstance(value[0], str):
        return [(name, _reference(value))]
    if isinstance(value, Mapping):
        pairs = [(str(k), value[k]) for k in sorted(value)]
    elif isinstance(value, list):
        pairs = [("", v) for v in value]
    else:
        raise Broken("its inputs or outputs are no tensors")
    return [
        found
        for key, v in pairs
        for found in _spelled(v, f"{name}_{key}" if name and key else name or key, depth + 1)
    ]


def _named_outputs(value: Any, entries: Mapping[str, Any]) -> list[tuple[str, Ref]]:
    """Return the outputs, each by its key or, of several, by the layer that gives it."""
    found = _spelled(value)
    if len(found) == 1 and not found[0][0]:
        return [("y", found[0][1])]
    return [(name or str(at.call[0]), at) for name, at in found]
