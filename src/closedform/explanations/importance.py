"""Permutation importance: how much worse an answer is where one input says nothing.

Breiman, Random forests (2001); Fisher, Rudin and Dominici, All models are wrong, but many are
useful (2019), who compare it across models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform.explanations.drawing import Display, bars
from closedform.explanations.groups import groups
from closedform.explanations.losses import Loss, judged, loss_of
from closedform.explanations.sides import Side, Sides
from closedform.explanations.spreads import deviation, size
from closedform.explanations.tables import Record, Table
from closedform.ir import Array
from closedform.shorten.options import whole

REPEATS = 5
SHOWN = 20
"""So many inputs are in a picture or a table; all of them are in the record."""


@dataclass(frozen=True, eq=False, repr=False)
class Importance(Record):
    """How much each input matters to the model, and to the formula.

    Attributes:
        target: the number that is explained.
        measure: what an importance is, in words.
        names: the inputs; after them each group of inputs that go together, permuted together.
        values: side → importance of each, shape (names,): the mean over the repeats.
        deviations: side → its deviation over the repeats, shape (names,).
        losses: side → R², or the loss, before anything is permuted; empty without y.
        groups: the positions of the inputs of each group.
        rows: how many rows it was measured on, of how many.
        repeats: how often each input was permuted.
    """

    target: str
    measure: str
    names: tuple[str, ...]
    values: Mapping[str, Array]
    deviations: Mapping[str, Array]
    losses: Mapping[str, float]
    groups: tuple[tuple[int, ...], ...]
    rows: tuple[int, int]
    repeats: int

    @property
    def inputs(self) -> int:
        """How many inputs there are."""
        return len(self.names) - len(self.groups)

    @property
    def order(self) -> Array:
        """The positions of the inputs, the most important one first, by the first side."""
        first = next(iter(self.values.values()))[: self.inputs]
        return np.argsort(-np.nan_to_num(first, nan=-np.inf), kind="stable")

    def tables(self) -> Sequence[Table]:
        """Return the inputs by importance, and the groups."""
        sides = list(self.values)
        heads = ("input", *(head for side in sides for head in (side, "±")))
        title = f"Importance of each input for {self.target}: {self.measure}"
        found = [
            Table(title, heads, tuple(map(self._row, self.order[:SHOWN])), tuple(self._notes()))
        ]
        if self.groups:
            together = range(self.inputs, len(self.names))
            told = "Inputs that go together, permuted together"
            found.append(Table(told, heads, tuple(map(self._row, together))))
        return found

    def _row(self, i: int) -> tuple[str | float, ...]:
        numbers = (float(held[side][i]) for side in self.values
                   for held in (self.values, self.deviations))  # fmt: skip
        return (self.names[i], *numbers)

    @property
    def leading(self) -> Array:
        """The positions of the inputs, first those that are most important to either side."""
        shares = [held[: self.inputs] / (np.nanmax(np.abs(held[: self.inputs]), initial=0.0) or 1.0)
                  for held in self.values.values()]  # fmt: skip
        most = np.nan_to_num(np.max(shares, axis=0), nan=-np.inf)
        return np.argsort(-most, kind="stable")

    @property
    def basis(self) -> list[str]:
        """What it was measured on, in words."""
        used, rows = self.rows
        told = [f"each input permuted {self.repeats} times on {used:,} rows"
                + (f" of {rows:,}, drawn at random" if used < rows else "")]  # fmt: skip
        if self.losses:
            what = self.measure.partition(" of the ")[2] or self.measure.partition(" of ")[2]
            before = (f"{side} {loss:.4g}" for side, loss in self.losses.items())
            told.append(f"{what} before anything is permuted: {', '.join(before)}")
        return told

    @property
    def caution(self) -> list[str]:
        """What to beware of, in words."""
        if not self.groups:
            return []
        return ["some inputs go together: one that is permuted alone makes rows that cannot be, "
                "and each of them may look less important than all together"]  # fmt: skip

    def _notes(self) -> list[str]:
        rest = self.inputs - SHOWN
        more = [f"{rest} inputs with less are not shown"] if rest > 0 else []
        return [*self.basis, *more, *self.caution]

    def plot(self, ax: Any = None) -> ImportanceDisplay:
        """Draw the most important inputs as bars; see `ImportanceDisplay.plot`."""
        return ImportanceDisplay(self).plot(ax)


class ImportanceDisplay(Display[Importance]):
    """Bars of the importance of each input, with the deviation over the repeats."""

    def plot(self, ax: Any = None, *, most: int = SHOWN) -> ImportanceDisplay:
        """Draw, and return itself.

        Args:
            ax: axes of matplotlib's; default: new ones.
            most: so many inputs.

        Raises:
            MissingExtra: matplotlib is not installed.
        """
        told = self.found
        ax = bars(ax, told.measure, told.names, told.order[:most], told.values, told.deviations)
        ax.set_title(f"Importance for {told.target}".replace("$", r"\$"), wrap=True)
        return self.drawn_on(ax)


@np.errstate(all="ignore")
def importance(
    sides: Sides, *, loss: str | None = None, repeats: int = REPEATS, seconds: float = 10.0
) -> Importance:
    """Return how much each input matters.

    With y: how much the loss rises where the input is permuted. Without y: how far the answer
    moves, root mean square, in deviations of the answer.

    Args:
        sides: the model and the formula.
        loss: "r2", "rmse" or "mae" of numbers; default: "r2" of numbers, the log loss of chances,
            else the share of wrong answers.
        repeats: how often each input is permuted.
        seconds: for the asking; a slow model is asked about fewer rows.

    Raises:
        BadInput: the loss does not fit, or repeats is no whole number from 1 on.
    """
    repeats = whole("repeats", repeats, 1, 1000)
    judge: Loss | None = None
    rows = sides.rows
    if sides.y is not None:
        sides = judged(sides)
        judge = loss_of(sides, loss)
    sides = sides.some(sides.affordable(len(sides.features) * repeats, seconds))
    found = groups(sides)
    sets = [*((i,) for i in range(len(sides.features))), *found]
    moved = {side.name: _moved(sides, side, sets, judge, repeats) for side in sides.sides}
    names = tuple(" + ".join(sides.features[i].name for i in part) for part in sets)
    return Importance(
        sides.target.name, _measure(sides, judge), names,
        {name: made.mean(axis=1) for name, (_, made) in moved.items()},
        {name: made.std(axis=1, ddof=int(repeats > 1)) for name, (_, made) in moved.items()},
        {} if judge is None else {name: judge.told(before) for name, (before, _) in moved.items()},
        found, (sides.rows, rows), repeats,
    )  # fmt: skip


def _measure(sides: Sides, judge: Loss | None) -> str:
    if judge is None:
        return "how far the answer moves, in its deviations"
    if judge.falls:
        return f"fall of {judge.name}"
    about = "" if sides.target.label is None else f" of being {sides.target.label}"
    return f"rise of the {judge.name}{about}"


def _moved(
    sides: Sides, side: Side, sets: Sequence[tuple[int, ...]], judge: Loss | None, repeats: int
) -> tuple[float, Array]:
    """Return the loss as it is, and how it rises with each set permuted, (sets, repeats)."""
    rows = sides.rows
    straight = np.arange(rows)
    own = np.repeat(straight[:, None], len(sides.features), axis=1)
    said = sides.recombined(side, own)
    before = float("nan") if judge is None else _lost(judge, sides.y, said, said)[0]
    # The same for each side and each input: what differs is not the luck of the draw.
    random = np.random.default_rng([sides.seed, 7])
    drawn = np.concatenate([random.permutation(rows) for _ in range(repeats)])
    found = np.zeros((len(sets), repeats))
    for k, part in enumerate(sets):
        if any(sides.reads(side, i) for i in part):
            cells = np.tile(own, (repeats, 1))
            cells[:, part] = drawn[:, None]
            for r, new in enumerate(sides.recombined(side, cells).reshape(repeats, rows)):
                lost, now = _lost(judge, sides.y, said, new)
                found[k, r] = now - lost
    return before, found


def _lost(judge: Loss | None, y: Array | None, said: Array, new: Array) -> tuple[float, float]:
    """Return the loss before and after, on the rows that have both answers.

    Without a loss: 0, and how far the answer has moved, in its deviations.
    """
    fine = np.isfinite(said) & np.isfinite(new)
    if not fine.any():
        return float("nan"), float("nan")
    if judge is None or y is None:
        spread = deviation(said[fine])
        return 0.0, float(size(new[fine] - said[fine]) / spread) if spread else 0.0
    return judge.of(y[fine], said[fine]), judge.of(y[fine], new[fine])
