"""How strongly inputs act together: Friedman and Popescu's H, and what a formula proves.

Friedman and Popescu, Predictive learning via rule ensembles (2008). H says which share of a joint
effect comes from acting together; where both inputs do little, that is a large share of nothing.
So the joint effect itself is told too, as Inglis, Parnell and Hurley (2022) advise.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from closedform.explanations.drawing import Display, bars
from closedform.explanations.importance import importance
from closedform.explanations.sides import FORMULA, Side, Sides
from closedform.explanations.spreads import ROUNDING, size
from closedform.explanations.structure import in_formula, meet, parts_of
from closedform.explanations.tables import Record, Table
from closedform.ir import Array

INPUTS = 8
"""So many inputs, the most important ones, are paired."""
ROWS, LEAST = 120, 25
"""Rows, each asked with the values of each other."""
SHOWN = 15


@dataclass(frozen=True, eq=False, repr=False)
class Interactions(Record):
    """How strongly inputs act together.

    Attributes:
        target: the number that is explained.
        inputs: the names of the inputs that were looked at.
        overall: side → H of each with all others, shape (inputs,): the share of the deviation of
            the answer that is neither its own effect nor one without it.
        pairs: which two of `inputs` each pair is.
        strength: side → H of each pair, shape (pairs,).
        effect: side → the deviation of what both do together beyond what each does alone, in the
            units of the answer, shape (pairs,).
        never: of each pair, whether the formula proves that they do not act together: they stand
            in no common term.
        rows: on how many rows.
    """

    target: str
    inputs: tuple[str, ...]
    overall: Mapping[str, Array]
    pairs: tuple[tuple[int, int], ...]
    strength: Mapping[str, Array]
    effect: Mapping[str, Array]
    never: tuple[bool, ...]
    rows: int
    notes: tuple[str, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the pairs."""
        return tuple(f"{self.inputs[a]} × {self.inputs[b]}" for a, b in self.pairs)

    @property
    def order(self) -> Array:
        """The pairs, the strongest joint effect first, by the first side."""
        first = next(iter(self.effect.values()))
        return np.argsort(-np.nan_to_num(first, nan=-np.inf), kind="stable")

    def tables(self) -> Sequence[Table]:
        """Return the strongest pairs, and each input with all others."""
        heads = [f"{side}{what}" for side in self.strength for what in (": effect", ", H")]
        acting = [k for k in self.order if any(held[k] for held in self.effect.values())]
        rows = tuple(map(self._row, acting[:SHOWN]))
        told = (
            f"effect: the deviation of what both do together beyond what each does alone, in units "
            f"of {self.target}; H: its share of their joint effect; on {self.rows} rows",
            *self._left_out(len(acting)),
            *self.notes,
        )
        title = f"Inputs that act together on {self.target}"
        found = [Table(title, ("pair", *heads, ""), rows, told)]
        single = tuple(map(self._alone, range(len(self.inputs))))
        heads = ["input", *(f"{side}, H" for side in self.overall)]
        return [*found, Table("Each input with all others", tuple(heads), single)]

    def _alone(self, k: int) -> tuple[str | float, ...]:
        return (self.inputs[k], *(float(held[k]) for held in self.overall.values()))

    def _left_out(self, acting: int) -> list[str]:
        """Say how many pairs stand in no row, and why."""
        told = []
        if len(self.pairs) > acting:
            told.append(f"{len(self.pairs) - acting} of {len(self.pairs)} pairs do not act together"
                        f"; of {sum(self.never)} the formula proves it")  # fmt: skip
        if acting > SHOWN:
            told.append(f"{acting - SHOWN} weaker pairs are not shown")
        return told

    def _row(self, k: int) -> tuple[str | float, ...]:
        numbers = (float(held[side][k]) for side in self.strength
                   for held in (self.effect, self.strength))  # fmt: skip
        return (self.names[k], *numbers, "exactly 0 in the formula" if self.never[k] else "")

    def plot(self, ax: Any = None) -> InteractionsDisplay:
        """Draw the strongest pairs as bars; see `InteractionsDisplay.plot`."""
        return InteractionsDisplay(self).plot(ax)


class InteractionsDisplay(Display[Interactions]):
    """Bars of what pairs of inputs do together."""

    def plot(self, ax: Any = None, *, most: int = SHOWN) -> InteractionsDisplay:
        """Draw, and return itself.

        Args:
            ax: axes of matplotlib's; default: new ones.
            most: so many pairs, the strongest.

        Raises:
            MissingExtra: matplotlib is not installed.
        """
        told = self.found
        about = f"deviation of the joint effect on {told.target}"
        ax = bars(ax, about, told.names, told.order[:most], told.effect)
        return self.drawn_on(ax)


@np.errstate(all="ignore")
def interactions(
    sides: Sides, inputs: Sequence[int | str] | None = None, *, seconds: float = 20.0
) -> Interactions:
    """Return how strongly inputs act together.

    Args:
        sides: the model and the formula.
        inputs: which ones; default: the most important, by how far the answer moves.
        seconds: for the asking; a slow model is asked about fewer rows.

    Raises:
        BadInput: there is no such input.
    """
    if inputs is None:
        picked = most_moving(sides, INPUTS, seconds / 4)
    else:
        picked = list(dict.fromkeys(map(sides.position, inputs)))
    pairs = tuple(combinations(range(len(picked)), 2))
    few = _rows(sides, len(picked) + len(pairs), seconds)
    single = {side.name: [_mixed(few, side, (i,)) for i in picked] for side in few.sides}
    never = tuple(_never(sides, picked[a], picked[b]) for a, b in pairs)
    found = {
        side.name: np.array([
            (0.0, 0.0) if never[k] and side.name == FORMULA
            else _pair(few, side, (picked[a], picked[b]), *(single[side.name][c] for c in (a, b)))
            for k, (a, b) in enumerate(pairs)
        ]).reshape(-1, 2)
        for side in few.sides
    }  # fmt: skip
    return Interactions(
        sides.target.name, tuple(sides.names[i] for i in picked),
        {name: np.array([_overall(mixed) for mixed in made]) for name, made in single.items()},
        pairs, {name: made[:, 1] for name, made in found.items()},
        {name: made[:, 0] for name, made in found.items()}, never, few.rows, _notes(sides),
    )  # fmt: skip


def most_moving(sides: Sides, most: int, seconds: float) -> list[int]:
    """Return the inputs that move the answer of some side most, at most so many, and no others."""
    if len(sides.features) <= most:
        return list(range(len(sides.features)))
    moved = importance(replace(sides, y=None), repeats=1, seconds=seconds)
    far = np.max([np.nan_to_num(made[: moved.inputs]) for made in moved.values.values()], axis=0)
    order = np.argsort(-far, kind="stable")[:most]
    return [int(i) for i in order if far[i] > 0] or [int(order[0])]


def _rows(sides: Sides, asks: int, seconds: float) -> Sides:
    """Return some rows that all sides answer; each is asked with the values of each other."""
    some = sides.some(4 * ROWS, seed=3)
    fine = np.all([np.isfinite(some.ask(side, some.X)) for side in some.sides], axis=0)
    some = some.part(np.flatnonzero(fine)) if fine.any() else some
    many = (seconds / (asks * sides.seconds)) ** 0.5  # of n rows, n² are asked about
    return some.some(int(np.clip(many, LEAST, ROWS)), seed=4)


def _mixed(sides: Sides, side: Side, inputs: Sequence[int]) -> Array:
    """Return what is said of row m with some inputs from row i, at [i, m], shape (rows, rows)."""
    rows = sides.rows
    cells = np.tile(np.arange(rows), rows)[:, None].repeat(len(sides.features), axis=1)
    cells[:, list(inputs)] = np.repeat(np.arange(rows), rows)[:, None]
    return sides.recombined(side, cells).reshape(rows, rows)


def _centred_means(mixed: Array, axis: int) -> Array:
    there = np.isfinite(mixed)
    means = np.where(there, mixed, 0.0).sum(axis=axis) / np.maximum(there.sum(axis=axis), 1)
    return np.asarray(means - means.mean())


def _pair(
    sides: Sides, side: Side, inputs: tuple[int, int], first: Array, second: Array
) -> tuple[float, float]:
    """Return the deviation of the effect of acting together, and H."""
    if not all(sides.reads(side, i) for i in inputs):
        return 0.0, 0.0
    mixed = _mixed(sides, side, inputs)
    joint = _centred_means(mixed, 1)
    beyond = joint - _centred_means(first, 1) - _centred_means(second, 1)
    share = _share(beyond, joint, mixed)
    return float(size(beyond)) * (share > 0), share


def _overall(mixed: Array) -> float:
    """Return H of one input with all others."""
    said = np.diagonal(mixed) - np.nanmean(np.diagonal(mixed))
    beyond = said - _centred_means(mixed, 1) - _centred_means(mixed, 0)
    return _share(beyond, said, mixed)


def _share(beyond: Array, joint: Array, answers: Array) -> float:
    """Return √(Σ beyond² / Σ joint²); 0 where it is no more than rounding."""
    total, rest = float(size(joint)), float(size(beyond))
    rounding = max(1e-12 * total, ROUNDING * float(size(answers)))
    return rest / total if total and rest > rounding else 0.0


def _never(sides: Sides, i: int, j: int) -> bool:
    """Tell whether the formula proves that two inputs do not act together."""
    if sides.node is None or sides.formula is None:
        return False
    a, b = (in_formula(sides.formula, sides.names[k]) for k in (i, j))
    return a is None or b is None or not meet(parts_of(sides.node), a, b)


def _notes(sides: Sides) -> tuple[str, ...]:
    """Return what is additive but for the link of a classifier."""
    formula = sides.formula
    if formula is None or sides.target.kind != "chance":
        return ()
    scores = [formula.outputs[n] for n in formula.task.decision if n in formula.outputs]
    if not scores or any(len(part) > 1 for n in scores for part in parts_of(n)):
        return ()
    return (
        "the scores of the formula are sums of effects of single inputs: what acts together here "
        "does so through the link from scores to chances alone",
    )
