"""A read tries itself: the formula against the graph, on rows that are made up."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from closedform import ops
from closedform.asking.onnx import Layout, Slot, answers, runner
from closedform.asking.onnx_double import in_double
from closedform.errors import UnsupportedModel
from closedform.evaluate import compute
from closedform.formula import UNITS
from closedform.ir import Array, Node, Type, fold, toposort
from closedform.ops.absence import may_be_missing
from closedform.ops.payloads import label_codes, labels_of

ROWS = 12
"""Rows that are tried."""

EXACT = 1e-9
"""How far formula and graph may be apart in float64, relative to the output's size."""

COARSE = 2**13
"""The same in units of rounding, where the graph computes only in less: 1e-3 in float32."""

MARGIN = 8
"""Other rows may be rounded worse than those tried: by so much at most, on ordinary ones."""

Table = list[Array]
"""One column for each output: numbers, or labels as objects."""


@dataclass(frozen=True)
class Trial:
    """What was measured.

    Attributes:
        fine: whether the graph has a copy in float64 that agrees with the formula.
        reference: whether only ONNX's own implementation runs that copy.
        apart: how far formula and graph are apart in each output, relative to its size.
        said: what the graph said, one column for each output.
        lost: inputs of which a missing number does to the graph what it does not to the formula.
    """

    fine: bool
    reference: bool
    apart: list[float]
    said: Table
    lost: frozenset[int] = frozenset()

    @property
    def engine(self) -> str:
        """What runs the copy in float64: "onnxruntime", "reference", or nothing."""
        if not self.fine:
            return ""
        return "reference" if self.reference else "onnxruntime"

    def ulps(self, dtype: str, at: Sequence[int]) -> int:
        """Return how many units of rounding some outputs may be off by."""
        worst = max((self.apart[i] for i in at), default=0.0)
        return max(1, math.ceil(MARGIN * worst / UNITS[dtype])) if math.isfinite(worst) else 1


def tried(
    model: Any, outputs: Sequence[Node], layout: Layout, dtype: str, *, exact: bool = False,
    present: Collection[int] = (),
) -> Trial:  # fmt: skip
    """Compare formula and graph.

    Args:
        model: the ModelProto.
        outputs: the nodes, in the order of the layout's results.
        layout: how the graph is asked.
        dtype: the coarsest float type in it.
        exact: whether the formula is to give the same bits, so that nothing is rounded otherwise.
        present: inputs that are never missing.

    Raises:
        UnsupportedModel: they differ by more than rounding; the reason is said where it is known.
    """
    ask, columns = _taken(model, layout, _columns(layout.inputs, outputs))
    ours = _ours(outputs, columns)
    theirs = _table(ask(columns))
    own = differences(theirs, ours)
    limit = EXACT if dtype == "float64" else COARSE * UNITS[dtype]
    near = all(d <= limit for d in own)
    found = Trial(fine=False, reference=False, apart=own, said=theirs)
    if dtype != "float64" and not exact:
        found = _refined(model, layout, columns, ours, found, limit)
    # Where a graph rounds to steps, it may take another step than its own copy in float64 does; and
    # what is left of a difference of two large numbers may be nothing but rounding.
    if not near and not (found.fine and _is_rounding(model, layout, columns, found, limit)):
        _explain(ask, columns, theirs)
    if dtype != "float64" and not exact and not found.fine:
        many = rounded_by(ask, outputs, layout.inputs)
        own = [max(pair) for pair in zip(own, many, strict=True)]
    may = missing_ok(layout.inputs, present)
    lost = unlike(ask, outputs, columns, may) | weightless(outputs) & set(may)
    return replace(found, apart=[min(d, limit) for d in own], lost=lost)


def _is_rounding(
    model: Any, layout: Layout, columns: list[Array], found: Trial, limit: float
) -> bool:
    """Tell whether an engine rounds, where its copy in float64 agrees with the formula.

    What one engine alone makes of an operator is no rounding: where the copy is ONNX's own
    implementation's, that must give the same in the graph's own type.
    """
    if not found.reference and all(map(math.isfinite, found.apart)):
        return True
    theirs = found.said
    try:
        ask = answers(runner(model, reference=True), layout)
        return all(d <= limit for d in differences(theirs, _table(ask(columns))))
    except Exception:  # not every operator is there
        return False


def _refined(
    model: Any, layout: Layout, columns: list[Array], ours: Table, found: Trial, limit: float
) -> Trial:
    """Compare formula and graph in float64 too, where the graph can be made to compute so."""
    raw, wide = in_double(model), layout.in_double()
    near = all(d <= limit for d in found.apart)
    for reference in (False, True) if raw is not None else ():
        try:
            fine = _table(answers(runner(raw, reference=reference, plain=True), wide)(columns))
        except Exception:  # not every operator is there for float64
            continue
        if all(d <= EXACT for d in differences(fine, ours)):
            return replace(found, fine=True, reference=reference)
        if not near or not all(d <= limit for d in differences(found.said, fine)):
            continue  # this engine computes something else than the model does
        if reference:  # some kernels of onnxruntime compute float64 to float32's accuracy
            _explain(None, columns, found.said)
    return found


def _taken(
    model: Any, layout: Layout, columns: list[Array]
) -> tuple[Callable[[Sequence[Array]], Array], list[Array]]:
    """Return how the graph is asked, and rows that it takes.

    Raises:
        UnsupportedModel: it takes none of them, or is none that ONNX allows.
    """
    said = ""
    for reference in (False, True):
        try:
            ask = answers(runner(model, reference=reference, plain=True), layout)
        except UnsupportedModel:
            raise
        except Exception as error:  # an engine may refuse a graph in any way it likes
            said = said or first_line(error)
            continue
        kept = []
        for i in range(len(columns[0])):
            try:
                ask([c[i : i + 1] for c in columns])
                kept.append(i)
            except Exception as error:
                said = said or first_line(error)
        rows = [c[kept] for c in columns]
        try:
            if kept:
                ask(rows)
                return ask, rows
        except Exception as error:  # one by one, but not together
            said = said or first_line(error)
    raise UnsupportedModel(
        f"The graph does not run: {said}",
        hint="Its shapes, types and operators must be such that onnxruntime, or ONNX's own "
        "reference implementation, can run it on rows of numbers.",
    )


def first_line(error: Exception) -> str:
    """Return the first line of an error's message."""
    text = (str(error).strip() or type(error).__name__).splitlines()[0]
    return text[:300]


MANY, SCALES = 240, (1.0, 0.1, 10.0)
"""Rows on which rounding is measured where no copy in float64 tells it, and their sizes."""


def rounded_by(
    ask: Callable[[Sequence[Array]], Array], outputs: Sequence[Node], slots: Sequence[Slot]
) -> list[float]:
    """Return how far a graph is from its formula on many rows, as a certificate measures it."""
    columns = _columns(slots, outputs, MANY)
    sizes = np.tile(SCALES, MANY // len(SCALES))
    kinds = [slot.kind for slot in slots for _ in range(slot.size)]
    columns = [c * sizes if "float" in k else c for c, k in zip(columns, kinds, strict=True)]
    theirs = _row_by_row(ask, columns, len(outputs))
    ours = _ours(outputs, columns)
    usual = sizes == SCALES[0]
    return [_far(a, b, usual) for a, b in zip(theirs, ours, strict=True)]


def _far(theirs: Array, ours: Array, usual: Array) -> float:
    """Return the greatest difference relative to max(|expected|, spread on the usual rows)."""
    if ours.dtype == object:
        return 0.0
    theirs = theirs.astype(np.float64)
    found = np.isfinite(theirs) & np.isfinite(ours)
    some = theirs[found & usual]
    if len(some) < MANY // 10:
        return 0.0
    size = np.maximum(np.abs(theirs[found]), max(float(some.std()), 1e-6))
    return float((np.abs(theirs - ours)[found] / size).max())


def _columns(slots: Sequence[Slot], outputs: Sequence[Node], rows: int = ROWS) -> list[Array]:
    """Return made-up rows: numbers, and categories that the formula knows."""
    draw = np.random.default_rng(0)
    seen = _categories(outputs)
    columns: list[Array] = []
    for slot in slots:
        for _ in range(slot.size):
            known = seen.get(len(columns), [])
            if slot.kind == "string":
                texts = [v for v in known if isinstance(v, str)] or ["a"]
                columns.append(draw.choice(np.array(texts, dtype=object), rows))
            elif slot.whole:
                numbers = [float(v) for v in known if not isinstance(v, str)] or [0.0, 1.0]
                columns.append(draw.choice(np.array(numbers), rows))
            else:
                # What float16 holds, every graph holds too: nothing is rounded on the way in.
                columns.append(draw.normal(size=rows).astype(np.float16).astype(np.float64))
    return columns


def _categories(outputs: Sequence[Node]) -> dict[int, list[Any]]:
    """Return the labels and numbers that inputs are compared with."""
    found: dict[int, list[Any]] = {}
    for n in toposort(outputs):
        if not n.args or n.args[0].op is not ops.INPUT:
            continue
        known = found.setdefault(n.args[0].data, [])
        if n.op is ops.TABLE:
            known += list(n.data.labels)
        elif n.op is ops.MEMBER:
            known += [v for v in n.data if v is not None]
        elif n.op is ops.EQUAL and n.args[1].op in (ops.CONST, ops.LABEL):
            data = n.args[1].data
            known += [v for v in (data if isinstance(data, tuple) else [data]) if v is not None]
    return found


def _ours(outputs: Sequence[Node], columns: Sequence[Array]) -> Table:
    inputs = [label_codes(c.tolist()) if c.dtype == object else c for c in columns]
    made = compute(list(outputs), inputs, len(columns[0]))
    return [
        labels_of(c) if n.type is Type.LABEL else c.astype(np.float64)
        for n, c in zip(outputs, made, strict=True)
    ]


def _table(found: Array) -> Table:
    """Return what a graph says as columns; beside texts, numbers are numbers all the same."""
    return [_numbers(column) for column in found.T]


def _numbers(column: Array) -> Array:
    if column.dtype == object and not any(isinstance(v, str) for v in column):
        return column.astype(np.float64)
    return column


def differences(theirs: Table, ours: Table) -> list[float]:
    """Return how far each column of two tables is apart at most, relative to its size.

    Of labels, infinitely far where one differs. Columns smaller than 1e-6 are measured against
    that: the mean of what has been normalised is 0 but for rounding, which differs on both sides.
    """
    if len(theirs) != len(ours) or len(theirs[0]) != len(ours[0]):
        return [math.inf]
    return [_difference(a, b) for a, b in zip(theirs, ours, strict=True)]


def _difference(theirs: Array, ours: Array) -> float:
    if ours.dtype == object:
        same = [a == b for a, b in zip(theirs, ours, strict=True)]
        return 0.0 if all(same) else math.inf
    theirs = theirs.astype(np.float64)
    size = np.abs(np.where(np.isfinite(theirs), theirs, 0.0)).max(initial=1e-6)
    with np.errstate(all="ignore"):
        away = np.where(theirs == ours, 0.0, np.abs(theirs - ours))
    away[np.isnan(theirs) & np.isnan(ours)] = 0.0
    away[np.isnan(theirs) ^ np.isnan(ours)] = np.inf
    return float((away / size).max(initial=0.0))


# --- missing numbers ------------------------------------------------------------------------------

GROUPS = 256
"""So many sets of inputs are tried without a number, each on rows of its own."""

TWICE = 2
"""Rows on which each is tried."""

PLAINLY = 1e-3
"""So far apart, relative to an output's size, is no rounding."""


def missing_ok(slots: Sequence[Slot], present: Collection[int]) -> list[int]:
    """Return the positions of the inputs that may be missing."""
    kinds = [slot.kind for slot in slots for _ in range(slot.size)]
    return [i for i, kind in enumerate(kinds) if "float" in kind and i not in present]


def unlike(
    ask: Callable[[Sequence[Array]], Array], outputs: Sequence[Node], columns: list[Array],
    inputs: Sequence[int],
) -> frozenset[int]:  # fmt: skip
    """Return the inputs of which a missing number shows in the graph and not in the formula, or so.

    A kernel may leave out 0·x, or max(0, x), and a formula something else.
    """
    groups = [inputs[i::GROUPS] for i in range(min(GROUPS, len(inputs)))]
    if not groups:
        return frozenset()
    rows = [i % len(columns[0]) for i in range(TWICE)]
    holed = [np.tile(c[rows], len(groups)) for c in columns]
    for i, group in enumerate(groups):
        for at in group:
            holed[at][i * TWICE : (i + 1) * TWICE] = np.nan
    ours = _ours(outputs, holed)
    theirs = _row_by_row(ask, holed, len(outputs))
    bad = np.logical_or.reduce([_plainly_apart(a, b) for a, b in zip(theirs, ours, strict=True)])
    found = np.flatnonzero(bad.reshape(len(groups), TWICE).any(axis=1))
    return frozenset(at for i in found for at in groups[i])


def weightless(outputs: Sequence[Node]) -> frozenset[int]:
    """Return the inputs in terms of weight 0: 0·NaN is NaN, and `tidy` leaves them out."""
    sums = [n for n in toposort(outputs) if n.op is ops.LIN and not n.data.weights.all()]
    terms = list(dict.fromkeys(a for n in sums for a in n.args))
    may = dict(zip(terms, fold(terms, may_be_missing), strict=True))
    lost: set[int] = set()
    for n in sums:
        read: set[int] = set()
        unread: set[int] = set()
        for a, weight in zip(n.args, n.data.weights.tolist(), strict=True):
            (read if weight else unread).update(may[a])
        lost |= unread - read
    return frozenset(lost)


def _row_by_row(
    ask: Callable[[Sequence[Array]], Array], columns: list[Array], outputs: int
) -> Table:
    """Return what a graph says, and nothing on rows that it refuses."""
    try:
        return _table(ask(columns))
    except Exception:  # an engine may refuse a row in any way it likes
        said = np.full((len(columns[0]), outputs), None, dtype=object)
    for i in range(len(said)):
        try:
            said[i] = ask([c[i : i + 1] for c in columns])[0]
        except Exception:
            continue
    return list(said.T)


def _plainly_apart(theirs: Array, ours: Array) -> Array:
    """Return the rows on which two columns are not the same but for rounding, shape (rows,)."""
    if ours.dtype == object:
        return np.array([a != b for a, b in zip(theirs, ours, strict=True)], dtype=bool)
    theirs = theirs.astype(np.float64)
    size = np.abs(np.where(np.isfinite(theirs), theirs, 0.0)).max(initial=1e-6)
    with np.errstate(all="ignore"):
        near = (theirs == ours) | (np.abs(theirs - ours) <= PLAINLY * size)
    found: Array = ~(near | (np.isnan(theirs) & np.isnan(ours)))
    return found


# --- why ------------------------------------------------------------------------------------------


def _explain(
    ask: Callable[[Sequence[Array]], Array] | None, columns: list[Array], theirs: Table
) -> None:
    """Raise with the reason why formula and graph differ."""
    if ask is not None and any(differences(_table(ask(columns)), theirs)):
        raise UnsupportedModel(
            "The graph gives another answer each time it is asked: it draws at random.",
            hint="Give the part of it that does not.",
        )
    half = max(1, len(columns[0]) // 2)
    alone = None if ask is None else _table(ask([c[:half] for c in columns]))
    if alone and max(differences(alone, [c[:half] for c in theirs])) > 1e-3:
        raise UnsupportedModel(
            "What the graph says about a row depends on the other rows that it is asked about at "
            "the same time.",
            hint="A formula knows one row alone, and the first axis of inputs and results counts "
            "rows. Export the model with such an axis, in evaluation mode.",
        )
    raise UnsupportedModel(
        "The formula of this graph does not give what the graph itself does.",
        hint="Read its parts one by one to see which of them differs, and please report it.",
    )
