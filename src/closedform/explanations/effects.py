"""What the answer does as one input moves: partial dependence, its single rows, local effects.

Friedman, Greedy function approximation (2001); Goldstein, Kapelner, Bleich and Pitkin, Peeking
inside the black box (2015); Apley and Zhu (2020), see `accumulated`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from closedform.errors import BadInput
from closedform.explanations.accumulated import accumulated, alike_beside
from closedform.explanations.axes import Axis, axis_of
from closedform.explanations.drawing import (
    COLOURS,
    DASHES,
    GREY,
    MARKS,
    Display,
    across,
    named,
    new_axes,
)
from closedform.explanations.groups import groups
from closedform.explanations.sides import Side, Sides
from closedform.explanations.tables import Record, Table
from closedform.ir import Array
from closedform.shorten.options import whole

POINTS = 24
ROWS, ROWS_ALE = 1000, 5000
CURVES = 50
"""So many single rows are drawn."""
KINDS = {
    "partial": "partial dependence of {}",
    "centred": "{}, from where each row begins",
    "ice": "{}, row by row",
    "ale": "accumulated local effect on {}",
}
SHOWN = 12
"""So many values stand in a table."""


@dataclass(frozen=True, eq=False, repr=False)
class Effect(Record):
    """How the answer moves with one input.

    Attributes:
        target: the number that is explained.
        input: the name of the input.
        numeric: whether it is a number.
        values: the values at which it is shown, ascending; of a category, its labels.
        shares: the share of the rows at each, shape (values,).
        deciles: of a number, from the least to the greatest; empty for labels.
        partial: side → the mean answer where all rows have the value, shape (values,).
        low, high: side → between these lie the movements of 8 of 10 rows, from the row's own mean,
            shape (values,).
        ale: side → the accumulated local effect, of mean 0, shape (values,).
        ice: side → the answers of single rows, shape (rows, values).
        rows: how many rows the partial dependence, and the local effects, are means over.
        together: other inputs that go together with this one.
        missing: how many rows hold no value.
    """

    withheld = ("ice",)

    target: str
    input: str
    numeric: bool
    values: tuple[float, ...] | tuple[str, ...]
    shares: Array
    deciles: Array
    partial: Mapping[str, Array]
    low: Mapping[str, Array]
    high: Mapping[str, Array]
    ale: Mapping[str, Array]
    ice: Mapping[str, Array]
    rows: tuple[int, int]
    together: tuple[str, ...] = ()
    missing: int = 0

    def tables(self) -> Sequence[Table]:
        """Return partial dependence and local effects at some of the values."""
        shown = np.unique(np.linspace(0, len(self.values) - 1, SHOWN).round().astype(int))
        if not len(self.values):
            shown = shown[:0]
        heads = [self.input, "rows"]
        heads += [f"{side}{what}" for what in ("", ", local") for side in self.partial]
        rows = tuple(
            (self.values[k], f"{self.shares[k]:.1%}",
             *(float(held[side][k]) for held in (self.partial, self.ale) for side in held))
            for k in shown
        )  # fmt: skip
        title = f"Effect of {self.input} on {self.target}"
        return [Table(title, tuple(heads), rows, tuple(self._notes()))]

    def _notes(self) -> list[str]:
        few, many = self.rows
        told = [
            f"partial dependence: the mean answer where {few:,} rows have the value; local: "
            f"accumulated over {many:,} rows where they are, of mean 0"
        ]
        if self.together:
            told.append(
                f"{self.input} goes together with {', '.join(self.together)}: partial dependence "
                "is of rows that cannot be; trust the local effects"
            )
        if not self.values:
            told.append("no row holds a value that the model reads")
        elif self.missing:
            told.append(f"{self.missing:,} rows hold no value of {self.input}")
        return told

    def plot(self, ax: Any = None, *, kind: str = "partial") -> EffectDisplay:
        """Draw the effect; see `EffectDisplay.plot`."""
        return EffectDisplay(self).plot(ax, kind=kind)


class EffectDisplay(Display[Effect]):
    """The answer against one input, of both sides, over the distribution of the input."""

    def plot(self, ax: Any = None, *, kind: str = "partial") -> EffectDisplay:
        """Draw, and return itself.

        Args:
            ax: axes of matplotlib's; default: new ones.
            kind: "partial" for the partial dependence and how 8 of 10 rows move, "ice" for single
                rows, "centred" for these from their first value on, "ale" for local effects.

        Raises:
            BadInput: there is no such kind.
            MissingExtra: matplotlib is not installed.
        """
        _refuse_kind(kind)
        told = self.found
        ax = new_axes(ax, "drawing an effect")
        for side in told.partial:
            self._draw(ax, side, kind)
        self._distribution(ax)
        ax.set_xlabel(named(told.input, across(ax)))
        ax.set_ylabel(named(KINDS[kind].format(told.target), 40))
        if len(told.partial) > 1:
            ax.legend()
        return self.drawn_on(ax)

    def _draw(self, ax: Any, side: str, kind: str) -> None:
        told, colour = self.found, COLOURS[side]
        mean = told.ale[side] if kind == "ale" else told.partial[side]
        curves, at = told.ice[side], self._places(side)
        if kind == "centred":
            mean, curves = mean - mean[:1], curves - curves[:, :1]
        if kind in ("ice", "centred"):
            ax.plot(at, curves.T, color=colour, alpha=0.25, linewidth=0.7)
        # Movements from the mean of all may end where no answer is, as above a chance of 1.
        said = np.append(curves, mean)
        ends = np.nanmin(said, initial=np.inf), np.nanmax(said, initial=-np.inf)
        low, high = (np.clip(mean + moved[side], *ends) for moved in (told.low, told.high))
        if kind == "partial" and told.numeric:
            ax.fill_between(at, low, high, color=colour, alpha=0.15, linewidth=0)
        elif kind == "partial":
            ax.vlines(at, low, high, color=colour, alpha=0.4)
        line = DASHES[side] if told.numeric else "none"
        mark = None if told.numeric else MARKS[side]
        ax.plot(at, mean, color=colour, linestyle=line, marker=mark, linewidth=2, label=side)

    def _places(self, side: str) -> Array:
        """Return where the values stand; of labels, the sides stand beside each other."""
        told = self.found
        if told.numeric:
            return np.asarray(told.values, dtype=float)
        sides = list(told.partial)
        return np.arange(len(told.values)) + 0.16 * (sides.index(side) - (len(sides) - 1) / 2)

    def _distribution(self, ax: Any) -> None:
        """Draw the deciles of a number at the axis; say the shares of labels with their names."""
        told = self.found
        if told.numeric:
            ax.vlines(told.deciles, 0, 0.04, color=GREY, linewidth=1,
                      transform=ax.get_xaxis_transform())  # fmt: skip
            return
        names = [
            f"{named(label, 14)}\n{share:.0%}"
            for label, share in zip(told.values, told.shares, strict=True)
        ]
        turned = 0 if len(names) <= 8 else 90
        ax.set_xticks(np.arange(len(names)), names, rotation=turned, fontsize="small")


def _refuse_kind(kind: str) -> None:
    if kind not in KINDS:
        raise BadInput(f"kind={kind!r} has no meaning.", hint=f"Give one of {', '.join(KINDS)}.")


def effect(sides: Sides, given: int | str, *, points: int = POINTS, seconds: float = 5.0) -> Effect:
    """Return how the answer moves with one input.

    Args:
        sides: the model and the formula.
        given: the input, by name or number.
        points: at most so many values of it; each was there in some row.
        seconds: for the asking; a slow model is asked about fewer rows.

    Raises:
        BadInput: there is no such input.
    """
    i, points = sides.position(given), whole("points", points, 2, 1000)
    axis = _ordered(sides, axis_of(sides, i, points))
    few = sides.drawn(sides.affordable(len(axis) + 1, seconds / 2, ROWS))
    many = sides.drawn(sides.affordable(2, seconds / 2, ROWS_ALE))
    curves = {side.name: curves_of(sides, side, axis, few) for side in sides.sides}
    partial = {name: _mean(made) for name, made in curves.items()}
    band = {name: _band(made) for name, made in curves.items()}
    drawn = np.linspace(0, len(few) - 1, min(CURVES, len(few))).astype(int)
    return Effect(
        sides.target.name, axis.name, axis.numeric, axis.values, axis.shares, axis.deciles,
        partial, {name: b[0] for name, b in band.items()}, {n: b[1] for n, b in band.items()},
        {side.name: accumulated(sides, side, axis, many) for side in sides.sides},
        {name: made[drawn] for name, made in curves.items()}, (len(few), len(many)),
        tuple(sides.names[k] for part in groups(sides) if i in part for k in part if k != i),
        axis.missing,
    )  # fmt: skip


def curves_of(sides: Sides, side: Side, axis: Axis, picked: Array) -> Array:
    """Return what a side says of rows with each value of an input, shape (rows, values)."""
    cells = np.repeat(picked, len(axis))[:, None].repeat(len(sides.features), axis=1)
    if not len(axis):
        return np.zeros((len(picked), 0))
    if not sides.reads(side, axis.input):
        said = sides.recombined(side, cells[:: len(axis)])
        return np.repeat(said[:, None], len(axis), axis=1)
    cells[:, axis.input] = np.tile(axis.rows, len(picked))
    return sides.recombined(side, cells).reshape(len(picked), len(axis))


def _ordered(sides: Sides, axis: Axis) -> Axis:
    """Return the labels of a category so that those whose rows are alike stand side by side."""
    if axis.numeric:
        return axis
    order = alike_beside(sides, axis)
    rank = np.append(np.argsort(order), -1)  # the last is for rows that belong to no value
    return replace(
        axis, values=tuple(str(axis.values[k]) for k in order), rows=axis.rows[order],
        place=rank[axis.place], shares=axis.shares[order],
    )  # fmt: skip


def _mean(curves: Array) -> Array:
    """Return the mean of what is there in each column; NaN where there is nothing."""
    there = np.isfinite(curves)
    total = np.where(there, curves, 0.0).sum(axis=0)
    with np.errstate(invalid="ignore"):
        return np.asarray(total / there.sum(axis=0))


def _band(curves: Array) -> tuple[Array, Array]:
    """Return between which values 8 of 10 rows move, from their own means and the mean of all."""
    fine = curves[np.isfinite(curves).all(axis=1)]
    if not fine.size:
        return np.full((2, curves.shape[1]), np.nan)[0], np.full(curves.shape[1], np.nan)
    moved = fine - fine.mean(axis=1, keepdims=True)
    moved = moved - moved.mean(axis=0)
    low, high = np.quantile(moved, (0.1, 0.9), axis=0)
    return low, high
