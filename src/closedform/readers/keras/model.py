"""A Keras model as a formula: its graph of layers, walked with arrays of nodes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from closedform import ops
from closedform.asking.keras import Slot
from closedform.errors import BadInput, NotFitted, UnsupportedModel
from closedform.formula import Formula, Task
from closedform.ir import Array, Node, Type, toposort
from closedform.readers import tensors as t
from closedform.readers.keras.graph import Graph, Input
from closedform.readers.keras.layer import LiveLayer
from closedform.readers.keras.source import graph_of, structure_of, traced_model
from closedform.readers.keras.trying import Tried, tried
from closedform.readers.keras.unsure import undefined
from closedform.readers.keras.walking import LARGEST, MODELS, UNREAD, Value, Walk
from closedform.readers.prediction import input_names, output_name
from closedform.readers.reading import Reading, unique_names
from closedform.readers.tensors import elementwise, node_of, number
from closedform.readers.torch.elements import NoFormula

WHOLE = ("int", "uint", "bool")


def read_model(model: Any, names: Sequence[str] | None = None, example: Any = None) -> Formula:
    """Return a Keras 3 model as a formula, on whatever backend it computes.

    Sequential and Functional models are read from Keras' own record of what is called with what,
    models and layers that are code by calling them with symbolic tensors. Weights enter as the
    float64 of the same value. The formula is then tried against the model itself.

    Args:
        model: a `keras.Model`, or a `keras.layers.Layer` that has been called; or one of
            Keras' wrappers for scikit-learn, fitted.
        names: a name for each input element, in the order of the tensors.
        example: rows as the model takes them, where it does not say their shape: sequences of
            free length, and models that are code and have never been called.

    Raises:
        UnsupportedModel: layers without a formula, all at once; a model that gives something else
            than its formula.
        NotFitted: the model has not been built, or the wrapper not fitted.
        BadInput: nothing says the shape of the inputs; or names that do not fit.
    """
    if not hasattr(model, "_flatten_layers"):
        from closedform.readers.keras.wrapped import ROLES, kind_of, read_wrapper

        if kind_of(model) in ROLES:
            return read_wrapper(model, names)
        raise UnsupportedModel(
            f"A {type(model).__name__} is no Keras model that can be read.",
            hint="Give a keras.Model, a layer, or one of the wrappers for scikit-learn, fitted.",
        )
    source = type(model).__name__
    try:
        graph = _graph(model, example)
    except NoFormula as error:
        raise UnsupportedModel(
            f"This {source} cannot be read: {error}.",
            hint="What its call() does must be layers of Keras, or keras.ops.",
        ) from error
    keys = isinstance(structure_of(model, "input"), dict) or isinstance(example, dict)
    graph = of_length(graph, example)
    made = walked(graph, names, source, keys)
    rows, outputs = (
        None if example is None else _flat(made.slots, example),
        [*made.outputs.values()],
    )
    trial = tried(model, outputs, made.slots, rows, made.values)
    if trial.dtype != "float64":
        made.reading.rounds(outputs, trial.dtype, trial.ulps)
    return finished(made, source, _version(), trial.apart is not None)


def _graph(model: Any, example: Any) -> Graph:
    layer = LiveLayer(model)
    if layer.kind in MODELS:
        return graph_of(layer)
    if not model.built:
        raise NotFitted(
            f"This {type(model).__name__} has never been called: it has no weights yet.",
            hint="Train it, or call it on some rows and load its weights, first.",
        )
    return traced_model(model, example)


def _version() -> str:
    import keras

    return f"Keras {keras.__version__} ({keras.config.backend()})"


@dataclass(frozen=True)
class Walked:
    """What a graph gives over named inputs.

    Attributes:
        reading: where names and problems went.
        slots: what the model takes.
        outputs: what it gives.
        values: inputs that take some values alone → those that are worth trying.
        undefined: inputs of which nobody says what comes of a missing one.
    """

    reading: Reading
    slots: list[Slot]
    outputs: dict[str, Node]
    values: Tried
    undefined: list[int]


def walked(graph: Graph, names: Sequence[str] | None, source: str, keys: bool = False) -> Walked:
    """Return what a graph gives over named inputs.

    Raises:
        UnsupportedModel: with every problem found.
    """
    slots = [slot_of(told, keys) for told, _ in graph.inputs]
    _require_small(slots)
    texts = (slot.text for slot in slots for _ in range(slot.size))
    labels = {i for i, text in enumerate(texts) if text}
    reading = Reading(_input_names(slots, names), labels)
    given = [
        Value(elementwise(t.truth, value.tensor)) if told.dtype == "bool" else value
        for (told, _), value in zip(graph.inputs, _values(slots, reading), strict=True)
    ]
    whole = frozenset(
        n for slot, v in zip(slots, given, strict=True) if slot.whole for n in v.tensor.ravel()
    )
    walk = Walk(reading, whole)
    made: list[Value] = []
    try:
        made = walk.run(graph, given)
    except NoFormula as error:  # an output that no call gives
        reading.problem(f"The outputs of {source} are not known: {error}.")
    if any(isinstance(n, Node) and n.type is Type.LABEL for v in made for n in v.tensor.ravel()):
        reading.problem(f"{source} gives text.", "Read it up to the number that the text is for.")
    if reading.problems:
        reading.formula({}, Task(), source, "")  # raises
    outputs = _named_outputs(
        [(name, v.tensor) for (name, _), v in zip(graph.outputs, made, strict=True)]
    )
    _note_whole(slots, reading, list(outputs.values()))
    worth = {x: range(min(3, rows)) for x, rows in walk.tables.items()} | walk.tokens
    tried_with = {x.data: v for x, v in worth.items() if x.op is ops.INPUT}
    return Walked(reading, slots, outputs, tried_with, undefined([*outputs.values()], walk.spread))


def finished(found: Walked, source: str, reader: str, double: bool = True) -> Formula:
    """Return the formula, and with it how its model is asked."""
    reading, outputs = found.reading, found.outputs
    reading.refuse_what_spoils(outputs)
    reading.no_missing.update(found.undefined)
    options = {
        "inputs": [[s.name, list(s.shape), s.whole, s.key, s.text] for s in found.slots],
        "outputs": list(outputs),
        "float64": double,
        "undefined": found.undefined,
    }
    task = Task("regression", primary=tuple(outputs))
    return reading.formula(outputs, task, source, reader, options)


def slot_of(told: Input, keys: bool = False) -> Slot:
    """Return an input as what a certificate asks with.

    Raises:
        BadInput: its shape is free.
    """
    if None in told.shape:
        raise BadInput(
            f"The input {told.name!r} has the shape {told.shape}: a formula is of one length.",
            hint="Give rows of the length that is meant: read(model, example=X[:1]).",
        )
    shape = tuple(int(n) for n in told.shape if n is not None)
    return Slot(told.name, shape, told.dtype.startswith(WHOLE), keys, told.dtype == "string")


def _require_small(slots: Sequence[Slot]) -> None:
    count = sum(int(np.prod([float(n) for n in slot.shape])) for slot in slots)
    if count > LARGEST:
        raise UnsupportedModel(
            f"The model takes {count:,} numbers for one row.",
            hint="Read a part of it that takes fewer, as one of its layers.",
        )


def of_length(graph: Graph, example: Any) -> Graph:
    """Return the graph with the lengths of the example where they are free.

    Raises:
        BadInput: the example does not hold what the model takes.
    """
    if example is None or all(None not in told.shape for told, _ in graph.inputs):
        return graph
    arrays = arrays_of([told.name for told, _ in graph.inputs], example)
    inputs = []
    for (told, ref), array in zip(graph.inputs, arrays, strict=True):
        shape = array.shape[1:]
        fits = len(shape) == len(told.shape)
        if not fits or any(n not in (None, m) for n, m in zip(told.shape, shape, strict=True)):
            raise BadInput(
                f"The example has rows of shape {shape} for the input {told.name!r}.",
                hint=f"The model takes rows of shape {told.shape} there.",
            )
        inputs.append((replace(told, shape=shape), ref))
    return replace(graph, inputs=tuple(inputs))


def arrays_of(names: Sequence[str], example: Any) -> list[Array]:
    """Return the example as one array for each input.

    Raises:
        BadInput: it holds no row, or not as many tensors as there are inputs.
    """
    if isinstance(example, dict):
        parts = [example[name] for name in names if name in example]
        parts = parts if len(parts) == len(names) else [example[k] for k in sorted(example)]
    elif isinstance(example, tuple | list) and any(hasattr(v, "shape") for v in example):
        parts = list(example)
    else:
        parts = [example]
    arrays = [np.asarray(part) for part in parts]
    if len(arrays) != len(names) or any(not a.ndim or not len(a) for a in arrays):
        raise BadInput(
            f"The example does not hold rows for the {len(names)} tensors that the model takes.",
            hint="Give an array, a list of them, or a dict by the names of the inputs.",
        )
    return arrays


MOST_TRIED = 4
"""Rows of the example that the formula is tried on."""


def _flat(slots: Sequence[Slot], example: Any) -> Array:
    arrays = arrays_of([slot.name for slot in slots], example)
    count = min(MOST_TRIED, *map(len, arrays))
    made: list[Array] = []
    for slot, array in zip(slots, arrays, strict=True):
        part = array[:count].reshape(count, -1).astype(np.float64)
        if part.shape[1] != slot.size:
            raise BadInput(
                f"The example has rows of shape {array.shape[1:]} for the input {slot.name!r}.",
                hint=f"The model takes rows of shape {slot.shape} there.",
            )
        made.append(part)
    return np.hstack(made)


def _values(slots: Sequence[Slot], reading: Reading) -> list[Value]:
    nodes, at, made = reading.columns().nodes, 0, []
    for slot in slots:
        row = np.empty(slot.size, dtype=object)
        row[:] = nodes[at : at + slot.size]
        at += slot.size
        made.append(Value(row.reshape(1, *slot.shape)))
    return made


def _note_whole(slots: Sequence[Slot], reading: Reading, outputs: Sequence[Node]) -> None:
    """Refuse what is missing or no whole number where the model takes whole numbers."""
    kinds = [slot.whole for slot in slots for _ in range(slot.size)]
    columns = reading.columns()
    whole = columns.pick([i for i, kind in enumerate(kinds) if kind])
    reading.refuse_missing(whole)
    nodes = toposort(outputs)
    tables = {n for n in nodes if n.op is ops.TABLE and math.isnan(n.data.default)}
    looked_up = {n.args[0] for n in tables}
    elsewhere = {a for n in nodes if n not in tables for a in n.args}
    for x in whole.nodes:
        # A table alone gives nothing for what is not whole.
        if x in elsewhere or x not in looked_up:
            reading.refuse(ops.negate(ops.equal(x, ops.unary("floor", x))), [])


# --- names --------------------------------------------------------------------------------------


def _input_names(slots: Sequence[Slot], names: Sequence[str] | None) -> tuple[str, ...]:
    made = [name for slot in slots for name in _element_names(slot, len(slots) == 1)]
    return input_names(names, unique_names(made), len(made))


def _element_names(slot: Slot, alone: bool) -> Iterator[str]:
    for at in np.ndindex(*slot.shape):
        inner = ",".join(map(str, at))
        if alone:
            yield f"x{inner}" if len(at) < 2 else f"x[{inner}]"
        else:
            yield slot.name if slot.size == 1 else f"{slot.name}[{inner}]"


def _named_outputs(results: Sequence[tuple[str, Array]]) -> dict[str, Node]:
    names = unique_names([name for name, _ in results])
    made: dict[str, Node] = {}
    for name, (_, tensor) in zip(names, results, strict=True):
        assert tensor is not UNREAD
        for at in np.ndindex(*tensor.shape[1:]):
            made[output_name(name, at, tensor.size)] = node_of(number(tensor.item(0, *at)))
    return made
