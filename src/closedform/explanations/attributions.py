"""What each input adds to the answer for each row: a record for all methods that say so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from closedform.errors import BadInput
from closedform.explanations.attribution_pictures import (
    BeeswarmDisplay,
    ContributionsDisplay,
    WaterfallDisplay,
    told,
)
from closedform.explanations.sides import Sides
from closedform.explanations.spreads import ROUNDING, size
from closedform.explanations.tables import Record, Table, figure, plain
from closedform.ir import Array, Type
from closedform.ops.payloads import labels_of

SHOWN = 20
"""Inputs in a table, the weightiest."""


@dataclass(frozen=True, eq=False, repr=False)
class Attributions(Record):
    """What each input adds to the answer for each row, on each side.

    Attributes:
        method: what was computed, as "SHAP values".
        output: the number that is explained.
        features: the names of the inputs.
        values: side → shape (rows, inputs), in units of the output.
        said: side → the answers, shape (rows,).
        base: side → from where the values lead to the answer, shape (rows,); empty where they do
            not add up to it.
        errors: side → standard errors of the values, 0 where they are exact.
        how: side → how they were found.
        rows: the numbers of the rows that are explained.
        cells: the values of the inputs there, one column an input; labels as such.
        notes: what a reader should know.
    """

    method: str
    output: str
    features: tuple[str, ...]
    values: Mapping[str, Array]
    said: Mapping[str, Array]
    base: Mapping[str, Array]
    errors: Mapping[str, Array]
    how: Mapping[str, str]
    rows: Array
    cells: tuple[Array, ...]
    notes: tuple[str, ...] = ()
    withheld: ClassVar[tuple[str, ...]] = ("values", "said", "base", "errors", "rows", "cells")

    @property
    def importance(self) -> dict[str, Array]:
        """Side → the mean size of each input's values over the rows, shape (inputs,)."""
        return {side: _mean(np.abs(values)) for side, values in self.values.items()}

    @property
    def order(self) -> Array:
        """The positions of the inputs, the weightiest on any side first."""
        most = np.max([np.nan_to_num(size) for size in self.importance.values()], axis=0)
        return np.argsort(-most, kind="stable")

    @property
    def gap(self) -> dict[str, Array]:
        """Side → by how much the values miss the answer, shape (rows,); empty without a base."""
        return {
            side: np.abs(self.said[side] - base - np.nansum(self.values[side], axis=1))
            for side, base in self.base.items()
        }

    @property
    def apart(self) -> float:
        """The root mean square of how far the sides' values are apart; NaN of a single side."""
        if len(self.values) < 2:
            return float("nan")
        one, other = self.values.values()
        return float(size(one - other))

    def _rounding(self, side: str) -> float:
        """Return how great a value may be by rounding alone; 0 where they do not add up."""
        if side not in self.base:
            return 0.0
        ends = np.abs(np.concatenate([self.said[side], self.base[side]]))
        return ROUNDING * float(ends[np.isfinite(ends)].max(initial=0.0))

    def _shown(self, side: str, value: float) -> float:
        """Return a value as a table shows it: 0 where it is no more than rounding."""
        return 0.0 if abs(value) <= self._rounding(side) else float(value)

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values: of the inputs, and nothing of single rows."""
        more = {
            "rows": len(self.rows),
            "importance": self.importance,
            "mean": {side: _mean(values) for side, values in self.values.items()},
            "standard_error": {side: _mean(e) for side, e in self.errors.items()},
            "greatest_gap": {side: _greatest(gap) for side, gap in self.gap.items()},
            "apart": self.apart,
        }
        return {**super().to_dict(), **plain(more)}

    def tables(self) -> Sequence[Table]:
        """Return the mean size of each input's values, side by side."""
        sides = list(self.values)
        shown = self.order[:SHOWN].tolist()
        importance = self.importance
        rows = tuple(
            (self.features[i], *(self._shown(side, importance[side][i]) for side in sides))
            for i in shown
        )
        title = f"{self.method} of {self.output}: mean size over {len(self.rows)} rows"
        rest = len(self.features) - len(shown)
        more = [f"{rest} more inputs have smaller values"] if rest else []
        return [Table(title, ("input", *sides), rows, (*more, *self.basis()))]

    def basis(self) -> Iterator[str]:
        """Yield how the values of each side were found, and how far they are apart."""
        for side, how in self.how.items():
            yield f"{side}: {how}{self._checked(side)}"
        if len(self.values) > 1:
            alike = self.apart <= max(map(self._rounding, self.values))
            far = (
                "the same to rounding"
                if alike
                else f"{figure(self.apart)} apart (root mean square)"
            )
            yield f"the values of the two sides are {far}"
        yield from self.notes

    def _checked(self, side: str) -> str:
        errors, told = self.errors[side], ""
        if np.nanmax(errors, initial=0.0) > 0:
            typical = figure(float(np.sqrt(np.nanmean(errors**2))))
            told += f"; standard error {typical}, at most {figure(_greatest(errors))}"
        if side in self.base:
            gap = _greatest(self.gap[side])
            near = f"within {figure(gap)}" if gap > self._rounding(side) else "to rounding"
            told += f"; they add up to the answer {near}"
        return told

    def row(self, at: int) -> Table:
        """Return what each input adds for one row, the weightiest first.

        Args:
            at: its place among the rows that are explained, from 0 on.

        Raises:
            BadInput: there is no such row.
        """
        at = self._place(at)
        sides = list(self.values)
        here = {side: self.values[side][at] for side in sides}
        most = np.max([np.abs(np.nan_to_num(v)) for v in here.values()], axis=0)
        rows: list[tuple[str | float, ...]] = []
        if self.base:
            rows.append(("base", "", *(float(self.base[side][at]) for side in sides)))
        for i in np.argsort(-most, kind="stable").tolist():
            rows.append((self.features[i], told(self.cells[i][at]),
                         *(self._shown(side, here[side][i]) for side in sides)))  # fmt: skip
        rows.append(("answer", "", *(float(self.said[side][at]) for side in sides)))
        title = f"{self.method} of {self.output} for row {int(self.rows[at])}"
        return Table(title, ("input", "value", *sides), tuple(rows))

    def _place(self, at: int) -> int:
        if not -len(self.rows) <= at < len(self.rows):
            raise BadInput(f"{len(self.rows)} rows are explained: there is no row {at}.",
                           hint="Count from 0.")  # fmt: skip
        return at % len(self.rows)

    def _side(self, side: str | None) -> str:
        if side is None:
            return list(self.values)[-1]
        if side not in self.values:
            raise BadInput(f"There is no side {side!r}.",
                           hint="Use " + " or ".join(map(repr, self.values)) + ".")  # fmt: skip
        return side

    def plot(self, ax: Any = None) -> ContributionsDisplay:
        """Draw the mean size of each input's values as bars."""
        return ContributionsDisplay(self).plot(ax)

    def beeswarm(self, ax: Any = None, *, side: str | None = None) -> BeeswarmDisplay:
        """Draw each row's values as a point, coloured by the input's value there.

        Args:
            ax: axes of matplotlib's; default: new ones.
            side: "model" or "formula"; default: the formula, where there is one.
        """
        return BeeswarmDisplay(self, self._side(side)).plot(ax)

    def waterfall(self, at: int, ax: Any = None, *, side: str | None = None) -> WaterfallDisplay:
        """Draw how the inputs lead from the base to the answer for one row; see `row`."""
        return WaterfallDisplay(self, self._place(at), self._side(side)).plot(ax)


@dataclass(frozen=True, eq=False, repr=False)
class Slopes(Attributions):
    """How far the answer moves with one standard deviation of each input, at each row.

    Attributes:
        deviations: what a slope in units of the input is multiplied by, shape (inputs,).
    """

    deviations: Array = field(default_factory=lambda: np.zeros(0))

    @property
    def raw(self) -> dict[str, Array]:
        """Side → slopes in units of the output for one of the input, shape (rows, inputs)."""
        scale = np.where(self.deviations > 0, self.deviations, np.nan)
        return {side: values / scale for side, values in self.values.items()}

    def tables(self) -> Sequence[Table]:
        """Return the mean size of each slope, by deviation, and its mean for one unit."""
        (table,) = super().tables()
        raw = {side: _mean(values) for side, values in self.raw.items()}
        at = self.order.tolist()
        rows = tuple(
            (*row, *(float(raw[side][at[k]]) for side in raw)) for k, row in enumerate(table.rows)
        )
        heads = (*table.heads, *(f"{side}, mean for a unit" for side in raw))
        title = f"{table.title}, for a deviation of each input"
        return [replace(table, title=title, heads=heads, rows=rows)]


def cells_of(sides: Sides, picked: Array) -> tuple[Array, ...]:
    """Return the values of each input in some rows: numbers, or labels as such."""
    return tuple(
        labels_of(column[picked]) if feature.type is Type.LABEL else column[picked]
        for feature, column in zip(sides.features, sides.columns, strict=True)
    )


def _mean(values: Array) -> Array:
    known = np.isfinite(values)
    total = np.where(known, values, 0.0).sum(axis=0)
    count = known.sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _greatest(values: Array) -> float:
    return float(np.nanmax(values, initial=0.0))
