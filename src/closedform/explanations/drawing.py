"""What all pictures of explanations share: axes, colours, names that are never cropped, bars."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
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

__all__ = [
    "BLUE", "COLOURS", "DASHES", "GREY", "HATCHES", "MARKS", "ORANGE", "Display", "bars", "height",
    "named", "new_axes",
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
    ax = new_axes(ax, f"drawing the {about}", (7.0, height(len(picked), len(values))))
    places = np.arange(len(picked), dtype=float)
    thick = 0.8 / max(len(values), 1)
    for k, (side, lengths) in enumerate(values.items()):
        ax.barh(
            places + (k - (len(values) - 1) / 2) * thick, lengths[picked], thick, label=side,
            xerr=None if spread is None else spread[side][picked], ecolor=GREY,
            color=COLOURS.get(side, GREY), hatch=HATCHES.get(side, ""), edgecolor="white",
        )  # fmt: skip
    ax.set_yticks(places, [named(names[i]) for i in picked])
    ax.set_ylim(len(picked) - 0.4, -0.6)
    ax.set_xlabel(named(about, 60))
    ax.axvline(0, color=GREY, linewidth=0.8)
    if len(values) > 1:
        ax.legend()
    return ax


def height(names: int, sides: int = 2) -> float:
    """Return how high a figure of bars is, in inches."""
    return 1.4 + names * (0.24 + 0.14 * sides)
