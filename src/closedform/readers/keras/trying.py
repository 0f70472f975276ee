"""A read of a live model tries itself: the formula against the model, on a few rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform.asking.keras import Slot, called, in_double, precision_of, predicted
from closedform.errors import UnsupportedModel
from closedform.evaluate import compute
from closedform.formula import UNITS
from closedform.ir import Array, Node
from closedform.readers.torch.trying import COARSE, EXACT, MARGIN, ROWS, difference

Tried = Mapping[int, Sequence[float]]
"""Positions of inputs → values, or codes of labels, that they are worth trying with."""

PARTLY = 64 * UNITS["float32"]
"""How far a copy may be off that computes in float64 but for some operations."""


@dataclass(frozen=True)
class Trial:
    """What was measured: relative to the size of the output, over all outputs.

    Attributes:
        dtype: in which the model computes.
        apart: formula and model in float64; None where the model has no copy in float64.
        ulps: formula and `predict`, in units of rounding of `dtype`: `MARGIN` times what was seen.
    """

    dtype: str
    apart: float | None
    ulps: int


def tried(
    model: Any, outputs: Sequence[Node], slots: Sequence[Slot], example: Any = None,
    values: Tried | None = None,
) -> Trial:  # fmt: skip
    """Compare formula and model.

    Args:
        model: the live model.
        outputs: the formula's.
        slots: what the model takes.
        example: rows, shape (rows, inputs), or None.
        values: inputs that take some values alone → those to try.

    Raises:
        UnsupportedModel: they differ by more than rounding, or the model cannot be asked.
    """
    rows = _rows(slots, example, values or {})
    dtype, fine = precision_of(model), in_double(model)
    ask, ours = predicted(model, slots), _ours(outputs, slots, rows)
    exact = None if fine is None else _exactly(fine, outputs, slots, rows)
    own = difference(_said(ask, rows), ours)
    if own is None and exact is None:
        raise _cannot_be_asked(model, ask, rows)
    if exact is not None and own is not None and exact > EXACT and own <= PARTLY:
        exact = None  # no copy in float64: TensorFlow's LeakyReLU has a slope in float32
    unit = UNITS[dtype]
    limit = EXACT if dtype == "float64" else COARSE * unit
    if (exact is not None and exact > EXACT) or (exact is None and own is not None and own > limit):
        _explain(model, ask, rows)
    worst = own if own is not None else 0.0
    ulps = math.ceil(MARGIN * worst / unit) if math.isfinite(worst) else 1
    # Without a copy, other rows are judged by this number alone, and not by their own rounding.
    return Trial(dtype, exact, max(1 if exact is not None else 64, ulps))


def _ours(outputs: Sequence[Node], slots: Sequence[Slot], rows: Array) -> Array:
    texts = [slot.text for slot in slots for _ in range(slot.size)]
    columns = [c.astype(np.int64) if text else c for c, text in zip(rows.T, texts, strict=True)]
    return np.column_stack(compute(list(outputs), columns, len(rows)))


def _exactly(
    fine: Any, outputs: Sequence[Node], slots: Sequence[Slot], rows: Array
) -> float | None:
    """Return how far a copy in float64 is, on numbers whose digits float32 would not keep."""
    rows = np.where(rows == np.floor(rows), rows, rows * (1 + 1e-5 * math.pi))
    return difference(_said(called(fine, slots), rows), _ours(outputs, slots, rows))


def _said(ask: Callable[[Array], Array], rows: Array) -> Array | None:
    try:
        found = ask(rows)
    except Exception:  # a copy in float64 may refuse what is fixed to float32
        return None
    return found if len(found) == len(rows) else None


def _rows(slots: Sequence[Slot], example: Array | None, values: Tried) -> Array:
    """Return rows of the example, then random ones; whole numbers are 0, 1 or 2."""
    draw = np.random.default_rng(0)
    whole = [slot.whole for slot in slots for _ in range(slot.size)]
    fresh = draw.normal(size=(ROWS, len(whole)))
    for at, kind in enumerate(whole):
        if kind:
            fresh[:, at] = draw.integers(0, 3, ROWS)
    # What float16 holds, every model's type holds too: nothing is rounded on the way in.
    fresh = fresh.astype(np.float16).astype(np.float64)
    for at, some in values.items():
        fresh[:, at] = np.asarray(some)[draw.integers(0, len(some), ROWS)]
    return fresh if example is None else np.vstack([example, fresh])


def _cannot_be_asked(model: Any, ask: Callable[[Array], Array], rows: Array) -> UnsupportedModel:
    try:
        ask(rows)
        says = "its results have another number of rows"
    except Exception as error:
        says = (str(error).strip() or type(error).__name__).splitlines()[0][:200]
    return UnsupportedModel(
        f"The {type(model).__name__} cannot be asked about random rows: {says}",
        hint="Give some rows that it takes: read(model, example=X[:4]).",
    )


def _explain(model: Any, ask: Callable[[Array], Array], rows: Array) -> None:
    """Raise with the reason why formula and model differ."""
    name = type(model).__name__
    first = _said(ask, rows)
    if first is not None and difference(_said(ask, rows), first):
        raise UnsupportedModel(
            f"The {name} gives another answer each time it is asked: it draws at random, or keeps "
            "a state.",
            hint="Give the part of it that does not, or switch the drawing off.",
        )
    half = len(rows) // 2
    mixed = None if first is None else difference(_said(ask, rows[:half]), first[:half])
    if mixed is not None and mixed > COARSE * UNITS["float32"]:
        raise UnsupportedModel(
            f"What the {name} says about a row depends on the other rows that it is asked about "
            "at the same time.",
            hint="A formula knows one row alone.",
        )
    raise UnsupportedModel(
        f"The formula of this {name} does not give what the model itself does.",
        hint="It may compute in less than float32, or what its record of calls does not show. "
        "Read its parts one by one to see which of them differs, and please report it.",
    )
