"""Inputs that make an answer as great, or as small, as it gets within the data's range.

Of a network this is activation maximisation (Erhan et al. 2009, Visualizing higher-layer features
of a deep network), kept within the range of each input. Beside what was found stands, of a formula,
what is proven: no row within the range has more. How far it is from the nearest row says whether
it is anything that was ever seen.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform.errors import BadInput
from closedform.explanations.climbing import by_slopes, by_values, tried_values
from closedform.explanations.extremes_picture import ExtremesDisplay
from closedform.explanations.gradients import of_node
from closedform.explanations.sides import FORMULA, Side, Sides
from closedform.explanations.spreads import deviation
from closedform.explanations.tables import Cell, Record, Table, figure, plain
from closedform.ir import Array, Type
from closedform.ops.payloads import labels_of
from closedform.shorten.options import number, whole
from closedform.verify.bound.extrema import extrema

LEAST, GREATEST = "least", "greatest"
SIGNS = {LEAST: -1.0, GREATEST: 1.0}
ASKED = 2e5
"""Rows that a side is asked about on its way, from all starts together, for each direction."""
NEIGHBOURS = 500
"""Rows whose nearest other row is looked for, to say what is far."""


@dataclass(frozen=True)
class Reached:
    """An extreme answer.

    Attributes:
        direction: "least" or "greatest".
        side: whose answer it is.
        value: the answer.
        point: the value of each input, by name.
        distance: how far the nearest row is: the root mean square over the inputs that vary, a
            number by its standard deviation, a category that differs counting 1.
        answers: what each side says there.
        bound: of a formula, what no row within the range is beyond; NaN where nothing is proven.
    """

    direction: str
    side: str
    value: float
    point: Mapping[str, Any]
    distance: float
    answers: Mapping[str, float]
    bound: float = float("nan")


@dataclass(frozen=True, eq=False, repr=False)
class Extremes(Record):
    """The least and the greatest answer within the data's range, on each side.

    Attributes:
        output: the number that is explained.
        features: the names of the inputs.
        reached: what was found.
        observed: side → the least and the greatest answer among the rows.
        shares: for each of `reached`, where each number lies in its range, from 0 to 1; NaN of
            what is no number; shape (reached, inputs).
        typical: how far the rows are from their nearest other row: the median.
        notes: what a reader should know.
    """

    output: str
    features: tuple[str, ...]
    reached: tuple[Reached, ...]
    observed: Mapping[str, tuple[float, float]]
    shares: Array
    typical: float
    notes: tuple[str, ...] = ()

    def of(self, direction: str, side: str | None = None) -> Reached:
        """Return what was found in a direction; default: of the formula, where there is one."""
        found = [r for r in self.reached if r.direction == direction and side in (None, r.side)]
        if not found:
            raise BadInput(
                f"There is no {direction!r} of the side {side!r}.",
                hint="Use 'least' or 'greatest', and " + " or ".join(self.observed) + ".",
            )
        return found[-1]

    def to_dict(self) -> dict[str, Any]:
        """Return it as plain values, without a point that is one of the rows."""
        found = super().to_dict()
        for told, reached in zip(found["reached"], self.reached, strict=True):
            if reached.distance == 0:
                told["point"] = None
        rows = [r.distance == 0 for r in self.reached]
        found["shares"] = plain(np.where(np.array(rows)[:, None], np.nan, self.shares))
        return found

    def tables(self) -> Sequence[Table]:
        """Return what was found, and the inputs there."""
        heads = ("", *(f"{r.direction}, {r.side}" for r in self.reached))
        rows: list[tuple[Cell, ...]] = [("answer", *(r.value for r in self.reached))]
        if any(r.bound == r.bound for r in self.reached):
            rows.append(("proven: none beyond", *(r.bound for r in self.reached)))
        seen = [self.observed[r.side][r.direction == GREATEST] for r in self.reached]
        rows.append(("among the rows", *seen))
        for side in self.observed if len(self.observed) > 1 else ():
            rows.append((f"the {side} says there", *(r.answers[side] for r in self.reached)))
        rows.append(("distance to the nearest row", *(r.distance for r in self.reached)))
        for name in self.features:
            cells = tuple(_cell(r.point.get(name)) for r in self.reached)
            rows.append((name, *cells))
        title = f"The least and the greatest {self.output} within the range of the rows"
        far = f"half of all rows have another one within {figure(self.typical)}"
        return [Table(title, heads, tuple(rows), (far, *self.notes))]

    def plot(self, ax: Any = None) -> ExtremesDisplay:
        """Draw where in its range each number is at the least and at the greatest answer."""
        return ExtremesDisplay(self).plot(ax)


def extremes(sides: Sides, *, starts: int = 8, seconds: float = 10.0) -> Extremes:
    """Return the least and the greatest answer within the range of the rows, of each side.

    Values that were seen are tried, one input at a time; from there a formula's numbers follow its
    slopes. Categories, and numbers that are whole in all rows, keep to what was seen.

    Args:
        sides: what is explained.
        starts: so many rows are started from: those with the most extreme answers.
        seconds: for the proofs of a formula's bounds.

    Raises:
        BadInput: no row is answered with a number.
    """
    starts, seconds = whole("starts", starts, 1), number("seconds", seconds, "10", endless=True)
    search = _Search.of(sides, starts)
    bounds, note = search.proven(seconds)
    reached, observed = [], {}
    for side in sides.sides:
        said = sides.ask(side, sides.X)
        if not np.isfinite(said).any():
            raise BadInput(f"The {side.name} answers no row with a number.",
                           hint="Give rows that it can answer.")  # fmt: skip
        observed[side.name] = (float(np.nanmin(said)), float(np.nanmax(said)))
        for direction in SIGNS:
            reached.append(search.reached(side, direction, said, bounds))
    reached.sort(key=lambda r: SIGNS[r.direction])
    return Extremes(
        sides.target.name, tuple(sides.names), tuple(reached), observed,
        np.array([search.shares(r) for r in reached]), search.typical, (note, *sides.notes),
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Search:
    """The rows, and what was seen in them.

    Attributes:
        sides: what is explained.
        starts: so many rows are started from.
        table: numbers, shape (rows, inputs); NaN for what is missing, or is no number.
        lo, hi: their range, shape (inputs,); NaN for what is no number.
        deviations: their standard deviations; 0 for what does not vary, or is no number.
    """

    sides: Sides
    starts: int
    table: Array
    lo: Array
    hi: Array
    deviations: Array

    @classmethod
    def of(cls, sides: Sides, starts: int) -> _Search:
        """Look at the rows."""
        table = np.column_stack([
            np.where(np.isfinite(column), column, np.nan) if feature.type is Type.REAL
            else np.full(sides.rows, np.nan)
            for feature, column in zip(sides.features, sides.columns, strict=True)
        ])  # fmt: skip
        some = np.isfinite(table).any(axis=0)
        lo, hi, deviations = np.full((3, table.shape[1]), np.nan)
        lo[some], hi[some] = np.nanmin(table[:, some], axis=0), np.nanmax(table[:, some], axis=0)
        deviations[some] = deviation(table[:, some], axis=0)
        return cls(sides, starts, table, lo, hi, np.nan_to_num(deviations))

    def reached(
        self, side: Side, direction: str, said: Array, bounds: Mapping[str, float]
    ) -> Reached:
        """Return the most extreme answer of a side that is found."""
        sign, sides = SIGNS[direction], self.sides
        order = np.argsort(np.where(np.isfinite(said), -sign * said, np.inf), kind="stable")
        begin = np.repeat(order[: self.starts, None], len(sides.features), axis=1)
        cells = by_values(
            lambda rows: sign * sides.recombined(side, rows), begin, self._tried(side),
            np.random.default_rng([sides.seed, 47]), ASKED,
        )  # fmt: skip
        answers = sign * sides.recombined(side, cells)
        best = int(np.argmax(np.where(np.isfinite(answers), answers, -np.inf)))
        value, numbers = float(sign * answers[best]), self._numbers(cells)[best]
        if side.name == FORMULA and sides.node is not None and side.formula is not None:
            steep = of_node(sides, side.formula, sides.node, cells)
            lo, hi = self._box()
            moved = by_slopes(
                lambda x: sign * steep.answers(x), lambda x: sign * steep.slopes(x),
                self._numbers(cells), lo, hi,
            )  # fmt: skip
            found = sign * steep.answers(moved)
            top = int(np.argmax(np.where(np.isfinite(found), found, -np.inf)))
            if found[top] > sign * value:
                best, value, numbers = top, float(sign * found[top]), moved[top]
        return self._told(side, direction, value, cells[best], numbers, bounds)

    def _tried(self, side: Side) -> list[Array]:
        """Return for each input the rows whose values are tried; none for one that is not read."""
        formula = side.formula
        read = set(self.sides.names)
        if formula is not None:
            read = {formula.inputs[i].name for i in formula.used}
        return [
            tried_values(np.where(column < 0, np.nan, column) if f.type is Type.LABEL else column)
            if f.name in read else np.zeros(0, dtype=np.int64)
            for f, column in zip(self.sides.features, self.sides.columns, strict=True)
        ]  # fmt: skip

    def _numbers(self, cells: Array) -> Array:
        return np.asarray(self.table[cells, np.arange(cells.shape[1])])

    def _box(self) -> tuple[Array, Array]:
        """Return the box in which numbers move: what is whole in all rows stays."""
        known = np.nan_to_num(self.table)
        stays = (known == np.rint(known)).all(axis=0) | np.isnan(self.lo)
        return np.where(stays, 0.0, self.lo), np.where(stays, 0.0, self.hi)

    def _told(
        self, side: Side, direction: str, value: float, cells: Array, numbers: Array,
        bounds: Mapping[str, float],
    ) -> Reached:  # fmt: skip
        sides = self.sides
        point = {
            feature.name: labels_of(column[cells[[i]]])[0] if feature.type is Type.LABEL
            else float(numbers[i])
            for i, (feature, column) in enumerate(zip(sides.features, sides.columns, strict=True))
        }  # fmt: skip
        base = int(cells[0])
        edits = {
            i: v for i, v in enumerate(point.values())
            if cells[i] != base or numbers[i] != self.table[cells[i], i]
        }  # fmt: skip
        edits = {
            i: np.nan if v is None else v
            for i, v in edits.items() if v is None or v == v or cells[i] != base
        }  # fmt: skip
        answers = {
            s.name: float(sides.edited(s, np.array([base]), [edits])[0]) for s in sides.sides
        }
        whole_point = all(v is not None and v == v for v in point.values())
        bound = bounds.get(direction, np.nan) if side.name == FORMULA and whole_point else np.nan
        distance = float(self._away(cells, numbers).min())
        return Reached(direction, side.name, value, point, distance, answers, float(bound))

    def _away(self, cells: Array, numbers: Array) -> Array:
        """Return how far a point is from each row, shape (rows,)."""
        total, count = np.zeros(self.sides.rows), 0
        for i, (feature, column) in enumerate(
            zip(self.sides.features, self.sides.columns, strict=True)
        ):
            if feature.type is Type.LABEL:
                total += column != column[cells[i]]
                count += len(np.unique(column)) > 1
            elif self.deviations[i] > 0:
                away = ((self.table[:, i] - numbers[i]) / self.deviations[i]) ** 2
                one_missing = np.isnan(self.table[:, i]) != np.isnan(numbers[i])
                total += np.where(one_missing, 1.0, np.nan_to_num(away))
                count += 1
        return np.asarray(np.sqrt(total / max(count, 1)))

    @property
    def typical(self) -> float:
        """How far some rows are from their nearest other row: the median."""
        random = np.random.default_rng([self.sides.seed, 53])
        some = random.permutation(self.sides.rows)[:NEIGHBOURS]
        found = []
        for row in some.tolist():
            away = self._away(np.full(self.table.shape[1], row), self.table[row])
            found.append(np.delete(away, row).min(initial=np.inf))
        return float(np.median(found))

    def shares(self, reached: Reached) -> Array:
        """Return where in its range each number of a point lies, from 0 to 1."""
        numbers = np.array([
            v if isinstance(v, float) else np.nan for v in reached.point.values()
        ])  # fmt: skip
        return np.asarray((numbers - self.lo) / np.where(self.hi > self.lo, self.hi - self.lo, 1))

    def proven(self, seconds: float) -> tuple[dict[str, float], str]:
        """Return what no row within the range is beyond, and what a reader should know of it."""
        formula, node = self.sides.formula, self.sides.node
        if formula is None or node is None:
            return {}, "nothing is proven of a model without a formula"
        name = next(name for name, n in formula.outputs.items() if n is node)
        try:
            found = extrema(formula, X=self.sides.X, output=name, time_limit=seconds,
                            seed=self.sides.seed)  # fmt: skip
        except BadInput as problem:
            return {}, f"nothing is proven: {problem.message}"
        bounds = {LEAST: found.least.bound, GREATEST: found.greatest.bound}
        return (
            bounds,
            "what is proven holds wherever each input is in its range, and none is missing",
        )


def _cell(value: Any) -> Cell:
    if value is None or value != value:
        return "missing"
    return value if isinstance(value, float) else str(value)
