"""An ONNX graph as a formula: its inputs, its results, and what they are called."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from closedform import ops
from closedform.asking.onnx import Layout, Result, Slot
from closedform.errors import BadInput, MissingExtra, NotFitted, UnsupportedModel
from closedform.formula import Formula, Task
from closedform.ir import Node, Type, toposort
from closedform.loading.stream import Broken
from closedform.readers.onnx.values import KINDS, Maps, Unknown, Value
from closedform.readers.onnx.walking import Walk, constants
from closedform.readers.prediction import chance_names, score_names
from closedform.readers.reading import Columns, Reading, unique_names
from closedform.readers.tensors import Tensor, boxed, node_of, number

ROWS = 2
"""So many equal rows are traced together: where a graph mixes rows, its result has another shape
or another value."""

FIX_SHAPES = (
    "Give rows as the graph takes them: closedform.read(model, example=X); or fix its shapes with "
    "onnx.tools.update_model_dims."
)


def read_model(model: Any, names: Sequence[str] | None = None, example: Any = None) -> Formula:
    """Return an ONNX model as a formula.

    Args:
        model: an `onnx.ModelProto`.
        names: a name for each input element, in the order of the graph's inputs.
        example: rows as the graph takes them, an array or a dict by input; needed only where the
            graph does not say how many elements a row has.

    Raises:
        UnsupportedModel: operators without a formula, all at once; or a graph that gives something
            else than its formula.
        BadInput: names or an example that do not fit.
    """
    if not hasattr(model, "graph"):
        raise UnsupportedModel(
            f"An onnx {type(model).__name__} is no model.", hint="Give the whole ModelProto."
        )
    if not model.graph.output:
        raise NotFitted("The ONNX model holds no graph with outputs.")
    known = constants(model.graph)
    slots = [s for s in _slots(model.graph, known, example)]
    rows = _rows(model.graph, slots)
    reading = Reading(_input_names(slots, names), _labels(slots))
    opsets = {o.domain: o.version for o in model.opset_import}
    functions = {(f.domain, f.name): f for f in model.functions}
    walk = Walk(reading, rows, opsets, functions)
    scope: dict[str, Any] = {**known, **dict(_started(slots, reading.columns(), rows))}
    for value in scope.values():
        walk.note_kind(value)
    walk.run(model.graph.node, scope)
    for problem in walk.problems:
        reading.problem(f"ONNX's {problem}.")
    if reading.problems:
        reading.formula({}, Task(), "The ONNX graph", "")  # raises
    _note_whole(slots, reading)
    results = list(_results(model.graph, scope, walk))
    layout = Layout(tuple(slots), tuple(r for r, _ in results))
    outputs, task = _named(results, walk)
    made = reading.formula(outputs, task, "ONNX graph", f"ONNX {_version()}")
    options = {"layout": layout.to_json(), "outputs": list(outputs)}
    return replace(made, trail=(replace(made.trail[0], options=options),))


def read_file(raw: bytes, names: Sequence[str] | None = None) -> Formula:
    """Return what is in an ONNX file as a formula.

    Raises:
        MissingExtra: onnx is not installed.
        Broken: the file is damaged.
        UnsupportedModel: as `read_model` says.
    """
    try:
        import onnx
    except ImportError:
        raise MissingExtra("onnx", "onnx", "Reading an ONNX file") from None
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_from_string(raw)
    except DecodeError as error:
        raise Broken("it is no whole ONNX model") from error
    return read_model(model, names)


def _version() -> str:
    import onnx

    return str(onnx.__version__)


# --- inputs ---------------------------------------------------------------------------------------


def _slots(graph: Any, known: dict[str, Value], example: Any) -> Iterator[Slot]:
    for given in graph.input:
        if given.name in known:
            continue
        tensor = given.type.tensor_type
        kind = KINDS.get(tensor.elem_type)
        if kind is None or not tensor.HasField("shape") or not tensor.shape.dim:
            raise UnsupportedModel(
                f"The graph's input {given.name!r} is no tensor with rows.", hint=FIX_SHAPES
            )
        dims = list(tensor.shape.dim)[1:]
        if not all(d.dim_value > 0 for d in dims):
            raise UnsupportedModel(
                f"The graph's input {given.name!r} may have any length.", hint=FIX_SHAPES
            )
        yield Slot(given.name, kind, tuple(d.dim_value for d in dims))


def _rows(graph: Any, slots: Sequence[Slot]) -> int:
    return ROWS


def _labels(slots: Sequence[Slot]) -> set[int]:
    kinds = [slot.kind for slot in slots for _ in range(slot.size)]
    return {i for i, kind in enumerate(kinds) if kind == "string"}


def _started(slots: Sequence[Slot], columns: Columns, rows: int) -> Iterator[tuple[str, Value]]:
    at = 0
    for slot in slots:
        row = np.empty(slot.size, dtype=object)
        row[:] = columns.nodes[at : at + slot.size]
        at += slot.size
        if slot.kind == "bool":
            row[:] = [ops.equal(x, ops.const(1.0)) for x in row]
        whole = np.broadcast_to(row.reshape(1, *slot.shape), (rows, *slot.shape))
        yield slot.name, Value(np.moveaxis(whole, 0, slot.axis), slot.kind)


def _note_whole(slots: Sequence[Slot], reading: Reading) -> None:
    """Refuse what is missing or no whole number where the graph takes whole numbers."""
    whole = [slot.whole for slot in slots for _ in range(slot.size)]
    text = [slot.kind == "string" for slot in slots for _ in range(slot.size)]
    columns = reading.columns()
    picked = columns.pick([i for i, (a, b) in enumerate(zip(whole, text, strict=True)) if a or b])
    reading.refuse_missing(picked)
    for i, x in enumerate(columns.nodes):
        if whole[i]:
            reading.refuse(ops.negate(ops.equal(x, ops.unary("floor", x))), [])


def _input_names(slots: Sequence[Slot], names: Sequence[str] | None) -> tuple[str, ...]:
    made = [name for slot in slots for name in _element_names(slot, len(slots) == 1)]
    if names is None:
        return tuple(unique_names(made))
    if len(names) != len(made):
        raise BadInput(
            f"{len(names)} names were given for {len(made)} inputs.",
            hint="There is one for each element of a row, in the order of the graph's inputs.",
        )
    return tuple(str(n) for n in names)


def _element_names(slot: Slot, alone: bool) -> Iterator[str]:
    for at in np.ndindex(*slot.shape):
        if alone and len(at) == 1:
            yield f"x{at[0]}"
        else:
            yield slot.name if slot.size == 1 else f"{slot.name}[{','.join(map(str, at))}]"


# --- results --------------------------------------------------------------------------------------


Found = tuple[Result, Tensor]
"""A result, and the elements of one row, shape (elements,)."""


def _results(graph: Any, scope: dict[str, Any], walk: Walk) -> Iterator[Found]:
    for given in graph.output:
        value = scope.get(given.name)
        if isinstance(value, Maps):
            slot = Slot(given.name, value.kind, (len(value.keys),))
            yield Result(slot, value.keys), value.data[0]
        elif isinstance(value, Value) and value.data.ndim:
            row = boxed(value.data[0])
            yield Result(Slot(given.name, value.kind, row.shape)), row.ravel()
        elif not isinstance(value, Unknown):
            raise UnsupportedModel(
                f"The graph's result {given.name!r} has no rows.",
                hint="Its first axis must count the rows, as that of the inputs does.",
            )


def _named(results: Sequence[Found], walk: Walk) -> tuple[dict[str, Node], Task]:
    """Return the outputs by name, and what they are: a classifier's label and chances, or values."""
    outputs: dict[str, Node] = {}
    for result, row in results:
        for name, x in zip(_names(result), row.tolist(), strict=True):
            outputs[name] = node_of(number(x))
    return outputs, Task("regression", primary=tuple(outputs))


def _names(result: Result) -> list[str]:
    slot = result.slot
    if result.keys is not None:
        return [f"{slot.name}[{key}]" for key in result.keys]
    if slot.size == 1:
        return [slot.name]
    return [f"{slot.name}[{','.join(map(str, at))}]" for at in np.ndindex(*slot.shape)]
