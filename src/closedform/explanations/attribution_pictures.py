"""Pictures of attributions: bars, a swarm of rows, and one row from its base to its answer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from closedform.explanations.drawing import (
    BLUE,
    GREY,
    ORANGE,
    Display,
    Lanes,
    across,
    bars,
    named,
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
        ax.set_title(named(found.output, across(ax)))
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
        lanes = Lanes.of([found.features[i] for i in shown], 2)
        ax = lanes.axes(ax, f"drawing {found.method}", 7.5)
        ax.axvline(0, color=GREY, linewidth=0.8)
        values = found.values[self.side][:, shown]
        width = float(np.nanmax(values, initial=0.0) - np.nanmin(values, initial=0.0)) or 1.0
        points = None
        for place, i in zip(lanes.places, shown, strict=True):
            x, shade = found.values[self.side][:, i], ranks(found.cells[i])
            y = place + spread(x / width)
            bare = np.isnan(shade)
            ax.scatter(x[bare], y[bare], s=12, color=GREY, linewidths=0)
            points = ax.scatter(x[~bare], y[~bare], s=12, c=shade[~bare], cmap="cividis", vmin=0,
                                vmax=1, linewidths=0)  # fmt: skip
        if points is not None:
            bar = ax.figure.colorbar(points, ax=ax, ticks=[0, 1], pad=0.02)
            bar.ax.set_yticklabels(["least", "greatest"])
            bar.set_label("value of the input\n(grey: no number)")
        ax.set_xlabel(named(f"{found.method} of {found.output}", across(ax)))
        ax.set_title(f"of the {self.side}")
        return self.drawn_on(ax)


class WaterfallDisplay(Display["Attributions"]):
    """How the inputs lead from the base to the answer for one row; slopes each by itself.

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
        lanes = Lanes.of(names)
        ax = lanes.axes(ax, f"drawing {found.method}", 7.5)
        base = float(found.base[self.side][self.at]) if found.base else 0.0
        ends = base + np.cumsum(steps) if found.base else np.zeros(len(steps))
        starts = np.concatenate([[base], ends[:-1]])
        # Upwards in blue, downwards in orange and hatched, so that no colour is needed.
        for place, start, step in zip(lanes.places, starts, steps, strict=True):
            ax.barh(place, step, 0.3, left=start, color=BLUE if step >= 0 else ORANGE,
                    hatch="" if step >= 0 else "///", edgecolor="white")  # fmt: skip
            ax.annotate(f"{step:+.3g}", (max(start, start + step), place), xytext=(3, 0),
                        textcoords="offset points", va="center", fontsize="small")  # fmt: skip
        for k, x in enumerate(ends[:-1]):
            above, below = lanes.places[k] - 0.15, lanes.places[k + 1] + 0.15
            ax.plot([x, x], [above, below], color=GREY, linewidth=0.8)
        ax.axvline(base, color=GREY, linewidth=0.8, linestyle=":")
        ax.use_sticky_edges = False
        ax.margins(x=0.12)
        said = float(found.said[self.side][self.at])
        what = found.output if found.base else f"{found.method} of {found.output}"
        ax.set_xlabel(named(f"{what}, {self.side}", across(ax)))
        ax.set_title(f"from {base:.4g} to {said:.4g}" if found.base else f"where it is {said:.4g}")
        return self.drawn_on(ax)

    def _steps(self) -> tuple[list[str], Array]:
        """Return the names and what they add, the weightiest first, the least ones together."""
        found = self.found.values[self.side][self.at]
        values = np.nan_to_num(found)
        order = np.argsort(-np.abs(values), kind="stable")
        order = order[np.isfinite(found[order])]
        count = len(order) if len(order) <= SHOWN else SHOWN - 1
        shown, rest = order[:count].tolist(), order[count:]
        names = [f"{self.found.features[i]} = {told(self.found.cells[i][self.at])}" for i in shown]
        if not len(rest):
            return names, values[shown]
        if not self.found.base:  # they do not add up to anything
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


def spread(x: Array, high: float = 0.2, wide: float = 0.012) -> Array:
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
        y[members] = steps * min(0.035, high / max(len(members) // 2, 1))
    return y
