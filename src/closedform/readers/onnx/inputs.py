"""The inputs of a graph: what they are called, what shape a row has, and which axis counts rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform import ops
from closedform.asking.onnx import Slot
from closedform.errors import BadInput, UnsupportedModel
from closedform.readers import prediction
from closedform.readers.onnx.values import KINDS, Value
from closedform.readers.reading import Columns, Reading, unique_names

ROWS = 2
"""So many equal rows are traced together, where the graph takes any number."""

MOST_ROWS = 1024
"""Rows that a graph may insist on: all of them are traced, though most of it only once."""

MOST_INPUTS = 20_000
"""Elements of one row: an image of 80 × 80 in three colours."""

FIX = (
    "Give rows as the graph takes them, closedform.read(model, example=X), or write the lengths "
    "into its shapes: onnx.tools.update_model_dims."
)


@dataclass(frozen=True)
class Given:
    """The inputs of a graph.

    Attributes:
        slots: in order.
        fixed: how many rows the graph insists on; None where it takes any number.
        batch: the graph's name for the number of rows, or nothing.
    """

    slots: tuple[Slot, ...]
    fixed: int | None
    batch: str

    @property
    def rows(self) -> int:
        """How many rows are traced together."""
        return self.fixed or ROWS


def given_by(graph: Any, known: Mapping[str, Value], example: Any = None) -> Given:
    """Return the inputs of a graph.

    Args:
        known: its initialisers, which older graphs list among their inputs too.
        example: see `readers.onnx.model.read_model`.

    Raises:
        UnsupportedModel: an input that is no tensor of numbers or text, or of unknown length.
        BadInput: an example that does not fit.
    """
    infos = [i for i in graph.input if i.name not in known]
    if not infos:
        raise UnsupportedModel(
            "The graph has no inputs: it gives the same for each row.",
            hint="Export the model so that its inputs are inputs of the graph.",
        )
    dims = {i.name: _dims(i) for i in infos}
    examples = _examples(example, list(dims))
    batch = _batch(list(dims.values()), [_names(info) for info in graph.output])
    axes = {name: _axis(d, batch) for name, d in dims.items()}
    lengths = {name: d[axes[name]] for name, d in dims.items()}
    slots = [
        _slot(info, dims[info.name], axes[info.name], examples.get(info.name)) for info in infos
    ]
    _require_few(slots)
    return Given(tuple(slots), _fixed(lengths), batch)


def _dims(info: Any) -> list[int | str]:
    """Return the length of each axis: a number, or the name of one that is free."""
    tensor = info.type.tensor_type
    if info.type.WhichOneof("value") != "tensor_type" or tensor.elem_type not in KINDS:
        raise UnsupportedModel(
            f"The graph's input {info.name!r} is no tensor of numbers or text.",
            hint="Give a graph that takes plain tensors.",
        )
    found = [d.dim_value if d.HasField("dim_value") else d.dim_param for d in tensor.shape.dim]
    if not found:
        raise UnsupportedModel(
            f"The graph's input {info.name!r} has no axis that counts rows.",
            hint="Export the model so that the first axis of each input counts rows.",
        )
    # A length of 0 or −1 is how some writers say that they do not know it.
    return ["" if isinstance(d, int) and d <= 0 else d for d in found]


def _names(info: Any) -> set[str]:
    """Return the names of the axes of a result whose length is free."""
    return {d.dim_param for d in info.type.tensor_type.shape.dim} - {""}


def _batch(dims: Sequence[Sequence[int | str]], results: Sequence[set[str]]) -> str:
    """Return the graph's name for the number of rows.

    The only name that all inputs have, or that all inputs and results have, else that of a first
    axis.
    """
    names = {d for one in dims for d in one if isinstance(d, str)}
    shared = names.intersection(*dims)
    for found in (names if names == shared else set(), shared.intersection(*results)):
        if len(found) == 1:
            return found.pop()
    return next((str(one[0]) for one in dims if isinstance(one[0], str) and one[0]), "")


def _axis(dims: Sequence[int | str], batch: str) -> int:
    """Return which axis counts rows: the first, unless another is called as rows are elsewhere."""
    if batch and dims[0] != batch and batch in dims:
        return dims.index(batch)
    return 0


def _fixed(lengths: Mapping[str, int | str]) -> int | None:
    """Return how many rows the graph insists on."""
    found = {n for n in lengths.values() if isinstance(n, int)}
    if len(found) > 1:
        said = ", ".join(f"{name!r} {n}" for name, n in lengths.items() if isinstance(n, int))
        raise UnsupportedModel(
            f"The graph's inputs have different numbers of rows: {said}.",
            hint="The first axis of each input must count the rows.",
        )
    fixed = found.pop() if found else None
    if fixed is not None and fixed > MOST_ROWS:
        raise UnsupportedModel(
            f"The graph takes {fixed:,} rows at a time, and {MOST_ROWS:,} are the most that are "
            "traced together.",
            hint="Export it with a free number of rows (dynamic_axes or dynamic_shapes in "
            "torch.onnx.export).",
        )
    return fixed


def _slot(info: Any, dims: Sequence[int | str], axis: int, example: Any) -> Slot:
    inner = [d for i, d in enumerate(dims) if i != axis]
    if not all(isinstance(d, int) for d in inner):
        if example is None:
            raise UnsupportedModel(
                f"The graph's input {info.name!r} takes rows of any length.", hint=FIX
            )
        if example.ndim != len(dims):
            raise BadInput(
                f"The example for {info.name!r} has {example.ndim} axes, and the graph takes "
                f"{len(dims)}."
            )
        lengths = [n for i, n in enumerate(example.shape) if i != axis]
        inner = [n if isinstance(d, str) else d for d, n in zip(inner, lengths, strict=True)]
    return Slot(info.name, KINDS[info.type.tensor_type.elem_type], tuple(map(int, inner)), axis)


def _examples(example: Any, names: Sequence[str]) -> dict[str, Any]:
    if example is None:
        return {}
    if isinstance(example, Mapping):
        unknown = sorted(set(map(str, example)) - set(names))
        if unknown:
            raise BadInput(
                f"The graph has no input {unknown[0]!r}.", hint=f"It has: {', '.join(names)}."
            )
        return {str(name): np.asarray(part) for name, part in example.items()}
    parts = list(example) if isinstance(example, tuple) else [example]
    if len(parts) != len(names):
        raise BadInput(
            f"The example holds {len(parts)} arrays, and the graph has {len(names)} inputs."
        )
    return {name: np.asarray(part) for name, part in zip(names, parts, strict=True)}


def _require_few(slots: Sequence[Slot]) -> None:
    size = sum(slot.size for slot in slots)
    if size > MOST_INPUTS:
        raise UnsupportedModel(
            f"One row of this graph has {size:,} elements, and {MOST_INPUTS:,} are the most that "
            "are read.",
            hint="Read a part of it that takes fewer values, as one of its layers.",
        )


# --- names and nodes ------------------------------------------------------------------------------


def input_names(slots: Sequence[Slot], names: Sequence[str] | None) -> tuple[str, ...]:
    """Return a name for each element of a row.

    Raises:
        BadInput: not as many names were given as there are elements.
    """
    made = [name for slot in slots for name in _element_names(slot, len(slots) == 1)]
    return prediction.input_names(names, unique_names(made), len(made))


def _element_names(slot: Slot, alone: bool) -> Iterator[str]:
    for at in np.ndindex(*slot.shape):
        if slot.size == 1:
            yield slot.name
        else:
            yield f"x{at[0]}" if alone and len(at) == 1 else f"{slot.name}[{_listed(at)}]"


def _listed(at: Sequence[int]) -> str:
    return ",".join(map(str, at))


def texts(slots: Sequence[Slot]) -> set[int]:
    """Return the positions of the elements that are text."""
    kinds = [slot.kind for slot in slots for _ in range(slot.size)]
    return {i for i, kind in enumerate(kinds) if kind == "string"}


def started(slots: Sequence[Slot], columns: Columns, rows: int) -> Iterator[tuple[str, Value]]:
    """Yield each input by name, as equal rows of nodes."""
    at = 0
    for slot in slots:
        row = np.empty(slot.size, dtype=object)
        row[:] = columns.nodes[at : at + slot.size]
        at += slot.size
        if slot.kind == "bool":
            row[:] = [ops.equal(x, ops.const(1.0)) for x in row]
        whole = np.broadcast_to(row.reshape(1, *slot.shape), (rows, *slot.shape))
        yield slot.name, Value(np.moveaxis(whole, 0, slot.axis), slot.kind)


def note_domain(slots: Sequence[Slot], reading: Reading) -> None:
    """Refuse missing text, and what is missing or no whole number where those are taken."""
    kinds = [slot.kind for slot in slots for _ in range(slot.size)]
    whole = [slot.whole for slot in slots for _ in range(slot.size)]
    columns = reading.columns()
    reading.refuse_missing(
        columns.pick([i for i, k in enumerate(kinds) if whole[i] or k == "string"])
    )
    outside = []  # together: each refusal is a choice of its own for every output
    for i, x in enumerate(columns.nodes):
        if kinds[i] == "bool":
            known = [ops.equal(x, ops.const(v)) for v in (0.0, 1.0)]
            outside.append(ops.negate(ops.either(*known)))
        elif whole[i]:
            outside.append(ops.negate(ops.equal(x, ops.unary("floor", x))))
    if outside:
        reading.refuse(ops.either(*outside))
