"""Inputs as numbers that terms are built on: gaps filled, categories as indicators."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from closedform import ops
from closedform.formula import Feature
from closedform.ir import Array, Node, Type
from closedform.ops.payloads import labels_of
from closedform.passes.rounding import significant

MOST_LABELS = 20
"""So many categories of an input get an indicator, the most frequent first."""


@dataclass(frozen=True, eq=False)
class View:
    """One number that an input gives, never missing.

    Attributes:
        name: as the input, or "colour is red", "age is missing".
        input: the position of the input.
        node: the number, over the raw input.
        indicator: whether it is 0 or 1 alone.
        lo, hi: its range on the rows.
        mean, deviation: of the rows; of a column that never varies, the deviation is 1.
        levels: its distinct values, ascending, where they are few (at most 20); otherwise empty.
    """

    name: str
    input: int
    node: Node
    indicator: bool
    lo: float
    hi: float
    mean: float
    deviation: float
    levels: tuple[float, ...] = ()

    @property
    def constant(self) -> bool:
        """Whether it never varies on the rows."""
        return self.lo == self.hi


def views_of(
    features: Sequence[Feature], inputs: Sequence[Array], used: Collection[int]
) -> tuple[View, ...]:
    """Return what the used inputs give, those that never vary left out.

    Args:
        features: the inputs.
        inputs: their columns, as `columns_of` gives them.
        used: the positions of those that the model reads.
    """
    made = [
        view
        for i in sorted(used)
        for view in (_of_label if features[i].type is Type.LABEL else _of_number)(
            i, features[i].name, inputs[i]
        )
    ]
    return tuple(view for view in made if not view.constant)


def _of_number(i: int, name: str, column: Array) -> Iterator[View]:
    x, gaps = ops.input_(i), np.isnan(column)
    finite = column[np.isfinite(column)]
    # Four digits: the value stands in the formula, and any near the middle does as well.
    middle = significant([float(np.median(finite))], 4)[0] if len(finite) else 0.0
    filled = np.clip(np.where(gaps, middle, column), *_ends(finite))
    node = ops.where(ops.missing(x), ops.const(middle), x) if gaps.any() else x
    yield _view(name, i, node, filled)
    if gaps.any():
        node = ops.where(ops.missing(x), ops.const(1), ops.const(0))
        yield _view(f"{name} is missing", i, node, gaps.astype(float))


def _ends(finite: Array) -> tuple[float, float]:
    return (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)


def _of_label(i: int, name: str, column: Array) -> Iterator[View]:
    x = ops.input_(i, Type.LABEL)
    frequent = Counter(column[column >= 0].tolist()).most_common(MOST_LABELS)
    codes = np.array([code for code, _ in frequent], dtype=np.int64)
    for code, label in zip(codes, labels_of(codes), strict=True):
        hit = ops.equal(x, ops.label(label))
        node = ops.where(hit, ops.const(1), ops.const(0))
        yield _view(f"{name} is {label}", i, node, (column == code).astype(float))
    if (column < 0).any():
        node = ops.where(ops.missing(x), ops.const(1), ops.const(0))
        yield _view(f"{name} is missing", i, node, (column == -1).astype(float))


def _view(name: str, i: int, node: Node, values: Array) -> View:
    levels = np.unique(values)
    few = tuple(levels.tolist()) if len(levels) <= 20 else ()
    indicator = bool(len(few)) and set(few) <= {0.0, 1.0}
    deviation = float(values.std()) or 1.0
    return View(
        name, i, node, indicator, float(values.min()), float(values.max()),
        float(values.mean()), deviation, few,
    )  # fmt: skip
