"""A read tries itself: the formula against the module, on rows of the example and random ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from closedform.asking.torch import Slot, answers, dtype_of, in_double
from closedform.errors import UnsupportedModel
from closedform.evaluate import compute
from closedform.formula import UNITS
from closedform.ir import Array, Node
from closedform.readers.torch.tracing import Example, first_line
from closedform.readers.torch.walking import in_float64

ROWS = 8
"""Random rows, besides those of the example."""

EXACT = 1e-9
"""How far formula and module may be apart in float64, relative to the output's size."""

FAR = 64.0
"""Deviations within which the rows lie that a module's rounding is measured on."""

COARSE = 2**13
"""The same in units of rounding, where the module computes only in less: 1e-3 in float32."""


MARGIN = 8
"""Other rows may be rounded worse than those tried: by so much at most, on ordinary ones."""


@dataclass(frozen=True)
class Trial:
    """What was measured: relative to the size of the output, over all outputs.

    Attributes:
        dtype: in which the module computes.
        apart: formula and module in float64; None where the module has no copy in float64.
        ulps: formula and module as it is, in units of rounding of `dtype`: `MARGIN` times what
            was seen.
    """

    dtype: str
    apart: float | None
    ulps: int


def tried(
    model: Any, outputs: Sequence[Node], slots: Sequence[Slot], example: Example, program: Any
) -> Trial:
    """Compare formula and module; `program` is what was traced of it.

    Raises:
        UnsupportedModel: they differ by more than rounding; the reason is said where it is known.
    """
    dtype, rounds = dtype_of(model), coarsest(dtype_of(model), program)
    fine = in_double(model) if dtype != "float64" else None
    ask = partial(_said, slots=slots, example=example)
    for rows in (_rows(slots, example), _given(example)):
        own = ask(model, rows, dtype)
        exact = None if fine is None else ask(fine, rows, "float64")
        if own is not None or exact is not None:
            break
    else:
        raise _cannot_be_asked(model, slots, example, rows, dtype)
    ours = np.column_stack(compute(list(outputs), list(rows.T), len(rows)))
    apart, away = difference(exact, ours), difference(own, ours)
    twin = apart is not None and apart <= EXACT
    if not twin and rounds != "float64":  # a cast within the module rounds in a copy of it too
        apart = difference(_traced(program, slots, rows), ours)
    unit = UNITS.get(rounds, UNITS["float16"])
    limit = EXACT if rounds == "float64" else COARSE * unit
    close = twin or away is None or away <= limit
    if not close or (apart is not None and apart > EXACT):
        _explain(type(model).__name__, partial(ask, model, dtype=dtype), rows)
    worst = away if away is not None and math.isfinite(away) else 0.0
    if not twin and rounds != "float64":  # a certificate has no copy to measure rows far out with
        worst = max(worst, _far_out(outputs, slots, ask, model, dtype))
    margin = MARGIN if twin else 4 * MARGIN
    return Trial(rounds, apart if twin else None, max(1, math.ceil(margin * worst / unit)))


def _far_out(
    outputs: Sequence[Node], slots: Sequence[Slot], ask: Any, model: Any, dtype: str
) -> float:
    """Return how far formula and module are apart on rows far from those of an example."""
    if any(slot.whole for slot in slots):
        return 0.0
    size = sum(slot.size for slot in slots)
    rows = np.random.default_rng(1).normal(scale=FAR, size=(200, size))
    rows = rows.astype(np.float16).astype(np.float64)
    ours = np.column_stack(compute(list(outputs), list(rows.T), len(rows)))
    apart = difference(ask(model, rows, dtype), ours)
    return apart if apart is not None and math.isfinite(apart) else 0.0


def coarsest(dtype: str, program: Any) -> str:
    """Return the coarsest float type of a module and of what is computed in its trace."""
    made = (n.meta.get("val") for n in program.graph.nodes if n.op == "call_function")
    found = [str(v.dtype).removeprefix("torch.") for v in made if hasattr(v, "dtype")]
    return max([dtype, *(kind for kind in found if kind in UNITS)], key=lambda k: UNITS.get(k, 0.0))


def _traced(program: Any, slots: Sequence[Slot], rows: Array) -> Array | None:
    try:
        return in_float64(program, slots, rows)
    except Exception:  # an operation may insist on its type
        return None


def _given(example: Example) -> Array:
    """Return the rows of the example alone, twice: numbers that are places take no others."""
    count = min(map(len, example.values))
    flat = [v[:count].reshape(count, -1).astype(np.float64) for v in example.values]
    return np.tile(np.hstack(flat), (2, 1))


def _cannot_be_asked(
    model: Any, slots: Sequence[Slot], example: Example, rows: Array, dtype: str
) -> UnsupportedModel:
    try:
        answers(model, slots, dtype, by_name=bool(example.by_name), layout=example.layout)(rows)
        says = "its results have another number of rows"
    except Exception as error:
        says = first_line(error)
    return UnsupportedModel(
        f"The {type(model).__name__} does not take other rows than the example: {says}",
        hint="The first axis of each of its inputs and results must count rows, in any number, and "
        "the example must hold numbers of the type that it takes.",
    )


def _rows(slots: Sequence[Slot], example: Example) -> Array:
    """Return rows of the example, then random ones; whole numbers are drawn from the example's."""
    draw = np.random.default_rng(0)
    given = [v.reshape(len(v), -1).astype(np.float64) for v in example.values]
    count = min(map(len, given))
    columns = []
    for slot, values in zip(slots, given, strict=True):
        shape = (ROWS, slot.size)
        fresh = draw.choice(values.ravel(), shape) if slot.whole else draw.normal(size=shape)
        columns.append(np.vstack([values[:count], fresh]))
    # What float16 holds, every module's type holds too: nothing is rounded on the way in.
    rows = np.hstack(columns)
    return np.vstack([rows[:count], rows[count:].astype(np.float16).astype(np.float64)])


def _said(
    model: Any, rows: Array, dtype: str, *, slots: Sequence[Slot], example: Example
) -> Array | None:
    try:
        found = answers(model, slots, dtype, by_name=bool(example.by_name), layout=example.layout)(
            rows
        )
    except Exception:  # a copy in float64 may refuse its own constants in float32
        return None
    return found if len(found) == len(rows) else None


def difference(theirs: Array | None, ours: Array) -> float | None:
    """Return the greatest difference of two tables, relative to the size of their columns.

    Columns smaller than 1e-6 are measured against that: the mean of what has been normalised is 0
    but for rounding, which differs on both sides.
    """
    if theirs is None:
        return None
    if theirs.shape != ours.shape:
        return math.inf
    size = np.abs(np.where(np.isfinite(theirs), theirs, 0.0)).max(axis=0, initial=1e-6)
    with np.errstate(all="ignore"):
        away = np.where(theirs == ours, 0.0, np.abs(theirs - ours))
    away[np.isnan(theirs) & np.isnan(ours)] = 0.0
    away[np.isnan(theirs) ^ np.isnan(ours)] = np.inf
    return float((away / size).max(initial=0.0))


def _explain(name: str, ask: Callable[[Array], Array | None], rows: Array) -> None:
    """Raise with the reason why formula and module differ."""
    first = ask(rows)
    if first is not None and difference(ask(rows), first):
        raise UnsupportedModel(
            f"The {name} gives another answer each time it is asked: it draws at random, or keeps "
            "a state.",
            hint="Give the part of it that does not, or switch the drawing off.",
        )
    # Half of the rows, for what is a mean of all; and each as the first, for what looks at that.
    every = np.arange(len(rows))
    some = [every[: len(rows) // 2], *(np.roll(every, k) for k in range(1, len(rows)))]
    mixed = [] if first is None else [difference(ask(rows[part]), first[part]) for part in some]
    if any(away is not None and away > COARSE * UNITS["float32"] for away in mixed):
        raise UnsupportedModel(
            f"What the {name} says about a row depends on the other rows that it is asked about "
            "at the same time.",
            hint="A formula knows one row alone. Take means and deviations from the training "
            "data: batch norm does so in evaluation mode, with track_running_stats=True.",
        )
    raise UnsupportedModel(
        f"The formula of this {name} does not give what the module itself does.",
        hint="The module may compute in less than float32, or what the trace does not show. "
        "Read its parts one by one to see which of them differs, and please report it.",
    )
