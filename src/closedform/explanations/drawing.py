"""What all pictures of explanations share: axes, colours, names that are never cropped, bars."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform.explanations.sides import FORMULA, MODEL
from closedform.frontiers.picture import BLUE, GREY, ORANGE, Display, axes_for
from closedform.ir import Array

COLOURS = {MODEL: BLUE, FORMULA: ORANGE}
DASHES = {MODEL: "-", FORMULA: "--"}
"""Beside its colour, each side has a line of its own: a page may be printed in black."""
HATCHES = {MODEL: "", FORMULA: "///"}
MARKS = {MODEL: "o", FORMULA: "s"}
NAME_WIDTH = 28
"""Characters of a name on one line beside an axis."""
LINE = 0.17
"""Inches that a line of a name takes, in matplotlib's own size of letters."""
LEGEND = 0.35
"""Inches for a legend below bars, where it hides none."""
LETTERS = 11
"""Characters of a label in an inch."""

__all__ = [
    "BLUE", "COLOURS", "DASHES", "GREY", "HATCHES", "MARKS", "ORANGE", "Display", "Lanes", "across",
    "bars", "named", "new_axes",
]  # fmt: skip


def new_axes(ax: Any, purpose: str, size: tuple[float, float] = (7.0, 4.5)) -> Any:
    """Return the axes to draw on, without the frame's upper and right side.

    Args:
        ax: axes of matplotlib's; None for new ones, where nothing is cropped.
        purpose: what is drawn, for the error.
        size: of a new figure, in inches.

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    ax = axes_for(ax, purpose, size)
    ax.spines[["top", "right"]].set_visible(False)
    return ax


def named(name: object, width: int = NAME_WIDTH) -> str:
    """Return a name as matplotlib shows it whole: on several lines, its $ no mathematics."""
    return "\n".join(textwrap.wrap(str(name), width) or [""]).replace("$", r"\$")


@dataclass(frozen=True, eq=False)
class Lanes:
    """Names one below the other, each with as much room as it takes; in inches of a figure.

    Attributes:
        names: as they are shown, on several lines where they are long.
        places: how far from the top each lane has its middle, shape (names,).
        height: of all lanes.
    """

    names: list[str]
    places: Array
    height: float

    @classmethod
    def of(cls, names: Sequence[str], sides: int = 1) -> Lanes:
        """Return lanes for names, in each a bar a side."""
        shown = [named(name) for name in names]
        least = 0.24 + 0.14 * sides
        room = np.array([max(least, 0.1 + LINE * (1 + name.count("\n"))) for name in shown])
        ends = np.cumsum(room)
        return cls(shown, ends - room / 2, float(ends[-1]) if len(shown) else least)

    def axes(self, ax: Any, purpose: str, width: float = 7.0, *, below: float = 0.0) -> Any:
        """Return the axes to draw on, with the names at their left; new ones are high enough.

        Args:
            ax: axes of matplotlib's; None for new ones.
            purpose: what is drawn, for the error.
            width: of a new figure, in inches.
            below: inches that are left free below the lanes.
        """
        ax = new_axes(ax, purpose, (width, 1.2 + max(self.height + below, 1.2)))
        ax.set_yticks(self.places, self.names)
        ax.set_ylim(self.height + below, 0)
        return ax


def bars(
    ax: Any, about: str, names: Sequence[str], shown: Sequence[int] | Array,
    values: Mapping[str, Array], spread: Mapping[str, Array] | None = None,
) -> Any:  # fmt: skip
    """Draw horizontal bars, one a side, and return the axes.

    Args:
        ax: axes of matplotlib's; None for new ones, as high as the bars need.
        about: what their lengths are.
        names: what bars stand for.
        shown: which of them are drawn, from the top.
        values: side → lengths, shape (names,).
        spread: side → half the length of a whisker, shape (names,).

    Raises:
        MissingExtra: matplotlib is not installed.
    """
    picked = np.asarray(shown, dtype=int)
    lanes = Lanes.of([names[i] for i in picked], len(values))
    several = len(values) > 1 and len(picked) > 0
    ax = lanes.axes(ax, f"drawing the {about}", below=LEGEND if several else 0.0)
    thick = 0.14 + 0.12 / len(values)
    for k, (side, lengths) in enumerate(values.items()):
        ax.barh(
            lanes.places + (k - (len(values) - 1) / 2) * thick, lengths[picked], thick, label=side,
            xerr=None if spread is None else spread[side][picked], ecolor=GREY,
            color=COLOURS.get(side, GREY), hatch=HATCHES.get(side, ""), edgecolor="white",
        )  # fmt: skip
    ax.set_xlabel(named(about, across(ax)))
    ax.axvline(0, color=GREY, linewidth=0.8)
    if not len(picked):
        ax.set_xticks([])
        ax.text(0.5, 0.5, "none", transform=ax.transAxes, ha="center", va="center")
    if several:
        ax.legend(loc="lower right", ncols=len(values), fontsize="small")
    return ax


def across(ax: Any) -> int:
    """Return how many characters of a label go beside each other along the axes' lower side."""
    figure = ax.figure
    return max(16, int(ax.get_position().width * figure.get_figwidth() * LETTERS))
