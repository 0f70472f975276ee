"""How much the answer moves with each input: coefficients, and what they are worth in deviations.

Of a linear formula these are its coefficients. Of any other they are mean slopes, and their
deviation over the rows tells where a single number misleads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from closedform.columns import columns_of
from closedform.evaluate import compute
from closedform.explanations.axes import axis_of
from closedform.explanations.drawing import Display, bars
from closedform.explanations.effects import curves_of
from closedform.explanations.sides import FORMULA, Side, Sides, Target
from closedform.explanations.spreads import deviation
from closedform.explanations.structure import in_formula, jumps
from closedform.explanations.tables import Record, Table
from closedform.ir import Array, Type
from closedform.passes.differentiate import gradient
from closedform.probes.containers import first_rows

ROWS = 1000
NEAR, APART = 0.01, 0.5
"""Deviations of an input: from so near, a slope is had; so far apart, the answers of what jumps."""
FINE = 1e-4
"""At least so much of the greatest value: a column in float32 holds 6e-8 of it."""
SHOWN = 30
HOW = {
    "slope": "",
    "between": "between its two values",
    "over": "over ± half a deviation",
    "model over": "the model: over ± half a deviation",
    "against": "a difference",
}


@dataclass(frozen=True, eq=False, repr=False)
class Coefficients(Record):
    """How much the answer moves with each input, in its own units and in deviations.

    Attributes:
        target: the number that is explained; of a classifier with a score for the class, that.
        names: the inputs that vary; of a category, each label against the commonest.
        ways: how each was had: "slope"; "between" the two values of an input that has no more;
            "over" half a deviation to both sides, where the answer jumps or is not known as a
            formula, or "model over" where that is so of the model alone; "against" the commonest
            label.
        values: side → units of the answer for a unit of the input, shape (names,): the mean over
            the rows.
        deviations: side → its deviation over the rows; 0 where it is the same everywhere.
        standardised: side → deviations of the answer for a deviation of the input; of a label, for
            having it.
        spreads: the deviation of each input, shape (names,); NaN for labels.
        spread: side → the deviation of the answer.
        rows: how many rows.
    """

    target: str
    names: tuple[str, ...]
    ways: tuple[str, ...]
    values: Mapping[str, Array]
    deviations: Mapping[str, Array]
    standardised: Mapping[str, Array]
    spreads: Array
    spread: Mapping[str, float]
    rows: int

    @property
    def order(self) -> Array:
        """The names, the greatest standardised effect of any side first."""
        far = np.max([np.nan_to_num(np.abs(v)) for v in self.standardised.values()], axis=0)
        return np.argsort(-far, kind="stable")

    def tables(self) -> Sequence[Table]:
        """Return the coefficients, the greatest standardised effect first."""
        heads = ["input"]
        for side in self.values:
            heads += [side, "±", "standardised"]
        still = [k for k in self.order if not any(held[k] for held in self.values.values())]
        moving = [k for k in self.order if k not in still]
        rows = tuple(map(self._row, moving[:SHOWN]))
        notes = [
            "each number: units of the answer for a unit of the input, the mean over "
            f"{self.rows:,} rows; ±: its deviation over them, 0 where it is the same everywhere; "
            "standardised: deviations of the answer for a deviation of the input"
        ]
        if len(moving) > SHOWN:
            notes.append(f"{len(moving) - SHOWN} with smaller effects are not shown")
        if still:
            more = f" and {len(still) - SHOWN} more" if len(still) > SHOWN else ""
            notes.append(f"without any: {', '.join(self.names[k] for k in still[:SHOWN])}{more}")
        title = f"What a unit of each input does to {self.target}"
        return [Table(title, (*heads, ""), rows, tuple(notes))]

    def _row(self, k: int) -> tuple[str | float, ...]:
        numbers = (float(held[side][k]) for side in self.values
                   for held in (self.values, self.deviations, self.standardised))  # fmt: skip
        return (self.names[k], *numbers, HOW[self.ways[k]])

    def plot(self, ax: Any = None) -> CoefficientsDisplay:
        """Draw standardised effects as bars; see `CoefficientsDisplay.plot`."""
        return CoefficientsDisplay(self).plot(ax)


class CoefficientsDisplay(Display[Coefficients]):
    """Bars of standardised effects, with their deviation over the rows."""

    def plot(self, ax: Any = None, *, most: int = SHOWN) -> CoefficientsDisplay:
        """Draw, and return itself.

        Args:
            ax: axes of matplotlib's; default: new ones.
            most: so many, those with the greatest effects.

        Raises:
            MissingExtra: matplotlib is not installed.
        """
        told = self.found
        unit = np.where(np.isnan(told.spreads), 1.0, told.spreads)
        spread = {side: held * unit / (told.spread[side] or np.nan)
                  for side, held in told.deviations.items()}  # fmt: skip
        about = f"deviations of {told.target} for a deviation of the input"
        ax = bars(ax, about, told.names, told.order[:most], told.standardised, spread)
        return self.drawn_on(ax)


@np.errstate(all="ignore")
def coefficients(sides: Sides, *, seconds: float = 5.0) -> Coefficients:
    """Return how much the answer moves with each input.

    Slopes of a formula are its own derivative; those of a model, differences to both sides. Of a
    classifier the score for the class is taken where there is one: there a model may be linear.

    Args:
        sides: the model and the formula.
        seconds: for the asking; a slow model is asked about fewer rows.
    """
    sides = scored(sides)
    some = sides.part(sides.drawn(sides.affordable(2 * len(sides.features), seconds, ROWS)))
    said = {side.name: some.ask(side, some.X) for side in some.sides}
    slopes = _own_slopes(some)
    found = [row for i in range(len(some.features)) for row in _of_input(some, i, slopes)]
    spread = {name: float(deviation(answer)) for name, answer in said.items()}
    held = {
        side.name: np.array([row.moved[side.name] for row in found]).reshape(-1, 2)
        for side in some.sides
    }
    spreads = np.array([row.spread for row in found])
    unit = np.where(np.isnan(spreads), 1.0, spreads)
    return Coefficients(
        called(some), tuple(row.name for row in found), tuple(row.way for row in found),
        {name: made[:, 0] for name, made in held.items()},
        {name: made[:, 1] for name, made in held.items()},
        {name: made[:, 0] * unit / (spread[name] or np.nan) for name, made in held.items()},
        spreads, spread, some.rows,
    )  # fmt: skip


@dataclass(frozen=True)
class _Row:
    """One coefficient: side → its mean over the rows and its deviation."""

    name: str
    way: str
    moved: Mapping[str, tuple[float, float]]
    spread: float = float("nan")


def scored(sides: Sides) -> Sides:
    """Return the sides asked for the score of the class, where all of them give it.

    Of two classes a single score speaks for the second, and turned for the first.
    """
    task, label = sides.task, sides.target.label
    if sides.target.kind != "chance" or label not in task.classes:
        return sides
    at = task.classes.index(label)
    single = len(task.decision) == 1 and len(task.classes) == 2
    if not single and len(task.decision) != len(task.classes):
        return sides
    name = task.decision[0 if single else at]
    if sides.formula is not None and name not in sides.formula.outputs:
        return sides
    few = first_rows(sides.X, 2)
    if not all(name in side.said(few, [name]) for side in sides.sides):
        return sides
    return replace(sides, target=Target(name, label, "score", turned=single and at == 0))


def called(sides: Sides) -> str:
    """Return what is explained, in words: a score by what it speaks for."""
    target = sides.target
    if target.kind != "score":
        return target.name
    what = "log-odds" if sides.task.link == "logit" and len(sides.task.classes) == 2 else "score"
    return f"the {what} of {target.label}"


def _own_slopes(sides: Sides) -> dict[int, Array]:
    """Return the formula's own slope along each input on which it never jumps, shape (rows,)."""
    side = sides[FORMULA]
    if side is None or side.formula is None or sides.node is None:
        return {}
    smooth = [
        i for i, feature in enumerate(sides.features)
        if feature.type is Type.REAL and _smooth(side, sides, i)
    ]  # fmt: skip
    own = {i: in_formula(side.formula, sides.names[i]) for i in smooth}
    read = {i: k for i, k in own.items() if k is not None}
    columns, rows = columns_of(side.formula.inputs, sides.X, side.formula.needed)
    found = compute(gradient(sides.node, list(read.values())), columns, rows) if read else []
    made = {i: np.zeros(rows) for i in smooth} | dict(zip(read, found, strict=True))
    # What stands in for a missing value is flat, and no slope of the input.
    return {i: np.where(np.isfinite(sides.columns[i]), slope, np.nan) for i, slope in made.items()}


def _smooth(side: Side, sides: Sides, i: int) -> bool:
    """Tell whether a side is known not to jump along an input."""
    if side.formula is None or sides.target.kind == "label":
        return False
    k = in_formula(side.formula, sides.names[i])
    return k is None or k not in _jumps(side, sides.target.output)


def _jumps(side: Side, output: str) -> frozenset[int]:
    assert side.formula is not None
    answer = output if output in side.formula.outputs else side.formula.answer[0]
    node = side.formula.outputs[answer]
    return jumps(node) if node.type is Type.REAL else frozenset(range(len(side.formula.inputs)))


def _of_input(sides: Sides, i: int, slopes: Mapping[int, Array]) -> list[_Row]:
    """Return the coefficient of a number that varies, or of each label but the commonest."""
    if sides.features[i].type is Type.LABEL:
        return _of_labels(sides, i)
    column = sides.columns[i]
    known = np.unique(column[np.isfinite(column)])
    if len(known) < 2:
        return []
    if len(known) == 2:
        way = "between"
        moved = {side.name: _between(sides, side, i, known) for side in sides.sides}
    else:
        moved = {
            side.name: slopes[i] if side.name == FORMULA and i in slopes
            else _across(sides, side, i, NEAR if _smooth(side, sides, i) else APART)
            for side in sides.sides
        }  # fmt: skip
        over = [side for side in sides.sides if not _smooth(side, sides, i)]
        way = "slope" if not over else "over" if len(over) == len(sides.sides) else "model over"
    spread = float(deviation(column))
    told = {name: _mean(made) for name, made in moved.items()}
    return [_Row(sides.names[i], way, told, spread)]


def _of_labels(sides: Sides, i: int) -> list[_Row]:
    axis = axis_of(sides, i, 2)
    every = np.arange(sides.rows)
    curves = {side.name: curves_of(sides, side, axis, every) for side in sides.sides}
    return [
        _Row(
            f"{axis.name}: {axis.values[k]} against {axis.values[0]}", "against",
            {name: _mean(made[:, k] - made[:, 0]) for name, made in curves.items()},
        )
        for k in range(1, len(axis))
    ]  # fmt: skip


def _between(sides: Sides, side: Side, i: int, known: Array) -> Array:
    """Return the slope between two values, each row asked with both, shape (rows,)."""
    cells = np.arange(sides.rows)[:, None].repeat(len(sides.features), axis=1)
    said = []
    for value in known:
        cells[:, i] = np.flatnonzero(sides.columns[i] == value)[0]
        said.append(sides.recombined(side, cells))
    return np.asarray((said[1] - said[0]) / (known[1] - known[0]))


def _across(sides: Sides, side: Side, i: int, far: float) -> Array:
    """Return the slope from a little to one side to a little to the other, shape (rows,).

    No row leaves the range of the rows.
    """
    column = sides.columns[i]
    there = np.flatnonzero(np.isfinite(column))
    x = column[there]
    step = max(far * float(deviation(x)), FINE * float(np.abs(x).max()))
    ends = np.clip(np.stack([x + step, x - step]), x.min(), x.max())
    edits = [{i: value} for value in ends.ravel().tolist()]
    above, below = sides.edited(side, np.tile(there, 2), edits).reshape(2, -1)
    return np.asarray((above - below) / (ends[0] - ends[1]))


def _mean(moved: Array) -> tuple[float, float]:
    """Return the mean and the deviation of what is there; rounding is no deviation."""
    there = moved[np.isfinite(moved)]
    if not len(there):
        return float("nan"), float("nan")
    spread = float(deviation(there))
    return float(there.mean()), spread if spread > 1e-9 * float(np.abs(there).max()) else 0.0
