"""Pictures of attributions: bars, a swarm of rows, and one row from its base to its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from closedform.explanations.drawing import (
    BLUE,
    GREY,
    ORANGE,
    Display,
    bars,
    height,
    named,
    new_axes,
)
from closedform.explanations.tables import figure
from closedform.ir import Array

if TYPE_CHECKING:
    from closedform.explanations.attributions import Attributions

SHOWN = 12
"""Inputs in a picture, the weightiest; in a waterfall the others are one bar."""


class ContributionsDisplay(Display["Attributions"]):
    """The mean size of each input's values, one bar a side."""

    def plot(self, ax: Any = None) -> ContributionsDisplay:
        """Draw on axes of matplotlib's, or new ones, and return itself.

        Raises:
            MissingExtra: matplotlib is not installed.
        """
        found = self.found
        about = f"mean size of the {found.method}"
        ax = bars(ax, about, found.features, found.order[:SHOWN], found.importance)
        ax.set_title(named(found.output, 60))
        return self.drawn_on(ax)


class BeeswarmDisplay(Display["Attributions"]):
    """Each row's values as points, coloured by how great the input is there.

    Attributes:
        side: of which side.
    """

    def __init__(self, found: Attributions, side: str) -> None:
        """Hold attributions; `plot` draws them."""
        super().__init__(found)
        self.side = side

    def plot(self, ax: Any = None) -> BeeswarmDisplay:
        """Draw on axes of matplotlib's, or new ones, and return itself.

        Raises:
            MissingExtra: matplotlib is not installed.
        """
        found, shown = self.found, self.found.order[:SHOWN].tolist()
        ax = new_axes(ax, found.method, (7.5, height(len(shown), 2)))
        ax.axvline(0, color=GREY, linewidth=0.8)
        values = found.values[self.side][:, shown]
        width = float(np.nanmax(values, initial=0.0) - np.nanmin(values, initial=0.0)) or 1.0
        points = None
        for place, i in enumerate(shown):
            x, shade = found.values[self.side][:, i], ranks(found.cells[i])
            y = place + spread(x / width)
            bare = np.isnan(shade)
            ax.scatter(x[bare], y[bare], s=12, color=GREY, linewidths=0)
            points = ax.scatter(x[~bare], y[~bare], s=12, c=shade[~bare], cmap="cividis", vmin=0,
                                vmax=1, linewidths=0)  # fmt: skip
        if points is not None:
            bar = ax.figure.colorbar(points, ax=ax, ticks=[0, 1], pad=0.02)
            bar.ax.set_yticklabels(["least", "greatest"])
            bar.set_label("value of the input (grey: no number)")
        ax.set_yticks(range(len(shown)), [named(found.features[i]) for i in shown])
        ax.set_ylim(len(shown) - 0.4, -0.6)
        ax.set_xlabel(named(f"{found.method} of {found.output}", 60))
        ax.set_title(f"of the {self.side}")
        return self.drawn_on(ax)


class WaterfallDisplay(Display["Attributions"]):
    """How the inputs lead from the base to the answer for one row.

    Attributes:
        at: the place of the row.
        side: of which side.
    """

    def __init__(self, found: Attributions, at: int, side: str) -> None:
        """Hold attributions; `plot` draws them."""
        super().__init__(found)
        self.at, self.side = at, side

    def plot(self, ax: Any = None) -> WaterfallDisplay:
        """Draw on axes of matplotlib's, or new ones, and return itself.

        Raises:
            MissingExtra: matplotlib is not installed.
        """
        found, names, steps = self.found, *self._steps()
        ax = new_axes(ax, found.method, (7.5, height(len(steps), 1)))
        base = float(found.base[self.side][self.at]) if found.base else 0.0
        ends = base + np.cumsum(steps)
        starts = np.concatenate([[base], ends[:-1]])
        # Upwards in blue, downwards in orange and hatched, so that no colour is needed.
        for place, (start, step) in enumerate(zip(starts, steps, strict=True)):
            ax.barh(place, step, left=start, color=BLUE if step >= 0 else ORANGE,
                    hatch="" if step >= 0 else "///", edgecolor="white")  # fmt: skip
            ax.annotate(f"{step:+.3g}", (max(start, start + step), place), xytext=(3, 0),
                        textcoords="offset points", va="center", fontsize="small")  # fmt: skip
        for place, x in enumerate(ends[:-1]):
            ax.plot([x, x], [place - 0.4, place + 1.4], color=GREY, linewidth=0.8)
        ax.axvline(base, color=GREY, linewidth=0.8, linestyle=":")
        ax.set_yticks(range(len(steps)), names)
        ax.set_ylim(len(steps) - 0.4, -0.6)
        ax.use_sticky_edges = False
        ax.margins(x=0.12)
        ax.set_xlabel(named(f"{found.output} of the {self.side}", 60))
        ax.set_title(f"from {base:.4g} to {float(found.said[self.side][self.at]):.4g}")
        return self.drawn_on(ax)

    def _steps(self) -> tuple[list[str], Array]:
        """Return the names and what they add, the weightiest first, the least ones together."""
        values = np.nan_to_num(self.found.values[self.side][self.at])
        order = np.argsort(-np.abs(values), kind="stable")
        count = len(order) if len(order) <= SHOWN else SHOWN - 1
        shown, rest = order[:count].tolist(), order[count:]
        names = [
            named(f"{self.found.features[i]} = {told(self.found.cells[i][self.at])}") for i in shown
        ]
        if not len(rest):
            return names, values[shown]
        return [*names, f"{len(rest)} others"], np.append(values[shown], values[rest].sum())


def told(value: Any) -> str:
    """Return one value of an input as text."""
    missing = value is None or value != value
    return "missing" if missing else figure(value) if isinstance(value, float) else str(value)


def ranks(cells: Array) -> Array:
    """Return each value's place among the others, from 0 to 1; NaN for what is no number.

    Ranks, not values: one outlier would leave all others of one colour.
    """
    if cells.dtype.kind != "f":
        return np.full(len(cells), np.nan)
    known = np.isfinite(cells)
    levels, place = np.unique(cells[known], return_inverse=True)
    found = np.full(len(cells), np.nan)
    found[known] = place / max(len(levels) - 1, 1)
    return found


def spread(x: Array, high: float = 0.38, wide: float = 0.012) -> Array:
    """Return heights at which points of like x lie beside each other, within ±high.

    Args:
        x: places along the axis, as shares of its length.
        high: the greatest height.
        wide: how near points are alike.
    """
    y = np.zeros(len(x))
    bins = np.round(np.nan_to_num(x) / wide).astype(np.int64)
    for group in np.unique(bins):
        members = np.flatnonzero(bins == group)
        steps = (np.arange(len(members)) + 1) // 2 * np.where(np.arange(len(members)) % 2, 1, -1)
        y[members] = steps * min(0.07, high / max(len(members) // 2, 1))
    return y
