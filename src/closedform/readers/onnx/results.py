"""The results of a graph: what they are called, and whether they are those of a classifier."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from closedform import ops
from closedform.asking.onnx import Result, Slot
from closedform.errors import UnsupportedModel
from closedform.formula import Task
from closedform.ir import Array, Node, Type, toposort
from closedform.ops.payloads import Label, chance_names
from closedform.readers.onnx.call import Noted
from closedform.readers.onnx.values import Maps, Unknown, Value
from closedform.readers.onnx.walking import Walk
from closedform.readers.prediction import score_names
from closedform.readers.reading import unique_names
from closedform.readers.tensors import boxed, node_of, number

SUM = 1e-3
"""Probabilities in float32 add up to 1 within so much; in float16, of few classes, they do too."""


@dataclass(frozen=True)
class Found:
    """One result, and the elements of one row as nodes."""

    result: Result
    nodes: tuple[Node, ...]

    @property
    def is_label(self) -> bool:
        """Whether it is one label."""
        return len(self.nodes) == 1 and self.nodes[0].type is Type.LABEL


def results_of(graph: Any, walk: Walk, scope: dict[str, Any], batch: str) -> list[Found]:
    """Return what the graph gives, for one row.

    Args:
        batch: the graph's name for the number of rows; empty where it has none.

    Raises:
        UnsupportedModel: a result that has no rows.
    """
    made = [found for given in graph.output for found in _found(given, walk, scope, batch)]
    if not made:
        raise UnsupportedModel(
            "The graph has no result with rows that depends on its inputs.",
            hint="One of the axes of a result must count the rows, as the first one of the inputs "
            "does.",
        )
    for found in made:
        _require_own_text(found)
    return [_labelled(found, walk.noted) for found in made]


def _require_own_text(found: Found) -> None:
    """Refuse a result that hands on text: a formula knows the labels of its tables alone."""
    for n in found.nodes:
        todo = [n] if n.type is Type.LABEL else []
        while todo:
            n = todo.pop()
            if n.op is ops.INPUT:
                raise UnsupportedModel(
                    f"The graph's result {found.result.slot.name!r} is text that it is given.",
                    hint="Leave this result out.",
                )
            todo += n.args[1:] if n.op is ops.WHERE else []


def _found(given: Any, walk: Walk, scope: dict[str, Any], batch: str) -> Iterator[Found]:
    value = scope.get(given.name)
    if isinstance(value, Maps):
        slot = Slot(given.name, value.kind, (len(value.keys),))
        yield Found(Result(slot, value.keys), _nodes(value.data[0]))
        walk.noted.classes.append(value.keys)
    elif isinstance(value, Unknown) and not value.why:
        return  # what it depends on is left out, and said so
    elif isinstance(value, Value) and (axis := _axis(given, value.data, walk, batch)) is not None:
        row = boxed(np.moveaxis(value.data, axis, 0)[0])
        yield Found(Result(Slot(given.name, value.kind, row.shape, axis)), _nodes(row))
    elif isinstance(value, Unknown):
        raise UnsupportedModel(
            f"The graph's result {given.name!r} is {value.why}.", hint="Leave this result out."
        )
    elif isinstance(value, Value) and not _reads(value):
        walk.reading.leave_out(given.name, "it is the same whatever the inputs are")
    else:
        raise UnsupportedModel(
            f"The graph's result {given.name!r} has no rows.",
            hint="One of its axes must count the rows, as the first one of the inputs does.",
        )


def _reads(value: Value) -> bool:
    """Tell whether some element reads an input."""
    nodes = [x for x in value.data.ravel().tolist() if isinstance(x, Node)]
    return any(n.op is ops.INPUT for n in toposort(nodes))


def _axis(given: Any, data: Array, walk: Walk, batch: str) -> int | None:
    """Return which axis of a result counts rows."""
    if data.ndim == 0:
        return None
    dims = [d.dim_param for d in given.type.tensor_type.shape.dim]
    if batch and batch in dims and len(dims) == data.ndim:
        return dims.index(batch)
    fits = [i for i, n in enumerate(data.shape) if n == walk.rows]
    if data.dtype != object:  # as many numbers as rows are traced may be anything
        return 0 if 0 in fits and (data == data[:1]).all() else None
    equal = [i for i in fits if not data.strides[i]]
    return next(iter(equal or fits), None)


def _nodes(row: Array) -> tuple[Node, ...]:
    return tuple(_as_output(x) for x in row.ravel().tolist())


def _as_output(x: Any) -> Node:
    if isinstance(x, Node) and x.type is Type.LABEL:
        return x
    return ops.label(x) if isinstance(x, str) else node_of(number(x))


def _labelled(found: Found, noted: Noted) -> Found:
    """Return the number of a class as a label, where the graph has such a result."""
    slot = found.result.slot
    fits = slot.size == 1 and "int" in slot.kind and found.nodes[0].type is Type.REAL
    numbered = any(isinstance(v, int) for c in noted.looked_up for v in c)
    if not fits or not (noted.classes or numbered):
        return found
    chosen = _chosen(found.nodes[0])
    if chosen is not None:
        return replace(found, nodes=(chosen,))
    classes = next((c for c in noted.classes if all(isinstance(v, int) for v in c)), None)
    if not classes:
        return found
    x, made = found.nodes[0], ops.label(None)
    for c in reversed(classes):
        made = ops.where(ops.equal(x, ops.const(float(c))), ops.label(c), made)
    return replace(found, nodes=(made,))


def _chosen(n: Node) -> Node | None:
    """Return a choice among whole numbers as one among labels; None where it is something else."""
    chain = []
    while n.op is ops.WHERE and n.args[1].op is ops.CONST:
        chain.append(n.args[:2])
        n = n.args[2]
    values = [x.data for _, x in chain] + [n.data if n.op is ops.CONST else 0.5]
    if not all(float(v).is_integer() for v in values):
        return None
    made = ops.label(int(n.data))
    for condition, x in reversed(chain):
        made = ops.where(condition, ops.label(int(x.data)), made)
    return made


# --- names ----------------------------------------------------------------------------------------


def named(
    results: Sequence[Found], noted: Noted, said: Sequence[Array]
) -> tuple[dict[str, Node], Task]:
    """Return the outputs by name, and what they are.

    Args:
        results: what the graph gives.
        noted: what its operators said about the classes.
        said: what the graph answered on some rows, one column for each output.
    """
    names = [_names(found.result) for found in results]
    task = Task("regression")
    labels = [i for i, found in enumerate(results) if found.is_label]
    if len(labels) == 1:
        orders = [*noted.classes, *noted.looked_up]
        task = _classifier(results, labels[0], names, orders, said)
    flat = unique_names([name for part in names for name in part])
    nodes = [n for found in results for n in found.nodes]
    outputs = dict(zip(flat, nodes, strict=True))
    return outputs, task if task.primary else replace(task, primary=tuple(outputs))


def _classifier(
    results: Sequence[Found], at: int, names: list[list[str]],
    orders: Sequence[tuple[Label, ...]], said: Sequence[Array],
) -> Task:  # fmt: skip
    """Rename the outputs of a classifier as those of others are called.

    Args:
        orders: the classes in an order, as each operator that knows of one has it.
    """
    given = _labels_in(results[at].nodes[0])
    told = next((c for c in orders if set(given) <= set(c)), None)
    classes = given if told is None else told
    names[at][:] = ["label"]
    task = Task("classification", tuple(classes), "none", ("label",))
    start = 0
    for i, found in enumerate(results):
        columns = said[start : start + len(found.nodes)]
        start += len(found.nodes)
        if i == at or told is None or len(found.nodes) != len(classes) or task.probability:
            continue  # in what order the columns are, only the graph can say
        if _are_chances(columns):
            names[i][:] = chance_names(classes)
            task = replace(task, probability=tuple(names[i]))
        elif not task.decision:
            names[i][:] = score_names(classes, len(found.nodes))
            task = replace(task, decision=tuple(names[i]))
    return task if task.probability else _column_by_column(results, names, task, said)


def _column_by_column(
    results: Sequence[Found], names: list[list[str]], task: Task, said: Sequence[Array]
) -> Task:
    """Rename the chances of a classifier that gives each of them as a result of its own."""
    at = [i for i, found in enumerate(results) if len(found.nodes) == 1 and not found.is_label]
    starts = np.cumsum([0, *(len(found.nodes) for found in results)])
    if len(at) != len(task.classes) or not _are_chances([said[starts[i]] for i in at]):
        return task
    chances = chance_names(task.classes)
    for i, name in zip(at, chances, strict=True):
        names[i][:] = [name]
    return replace(task, probability=tuple(chances))


def _labels_in(n: Node) -> list[Label]:
    """Return the labels that a node may give, in order."""
    found = {m.data[0] for m in toposort([n]) if m.op is ops.LABEL and m.data[0] is not None}
    return sorted(found, key=lambda v: (isinstance(v, str), v))


def _are_chances(columns: Sequence[Array]) -> bool:
    table = np.column_stack([c.astype(np.float64) for c in columns])
    return bool((table >= -SUM).all() and np.allclose(table.sum(axis=1), 1.0, atol=SUM))


def _names(result: Result) -> list[str]:
    slot = result.slot
    if result.keys is not None:
        return [f"{slot.name}[{key}]" for key in result.keys]
    if slot.size == 1:
        return [slot.name]
    return [f"{slot.name}[{','.join(map(str, at))}]" for at in np.ndindex(*slot.shape)]
