"""What the answer does as two inputs move, as a heat map: see `effects` and `accumulated`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform.errors import BadInput
from closedform.explanations.accumulated import accumulated_pair
from closedform.explanations.axes import Axis, axis_of
from closedform.explanations.drawing import Display, named, new_axes
from closedform.explanations.effects import ROWS_ALE
from closedform.explanations.sides import Side, Sides
from closedform.explanations.tables import Record, Table
from closedform.frontiers.picture import axes_for
from closedform.ir import Array
from closedform.shorten.options import whole

POINTS = 12
ROWS = 300
KINDS = {
    "partial": "partial dependence of {}",
    "ale": "what both do to {} beyond what each does alone",
}


@dataclass(frozen=True, eq=False, repr=False)
class Surface(Record):
    """How the answer moves with two inputs together.

    Attributes:
        target: the number that is explained.
        inputs: their names.
        values: the values of each at which it is shown.
        numeric: whether each is a number.
        partial: side → the mean answer where all rows have both values, shape (values, values).
        ale: side → the accumulated local effect of the second order, of the same shape: what both
            do beyond what each does alone. Empty where one of them is no number.
        rows: how many rows the partial dependence, and the local effects, are means over.
    """

    target: str
    inputs: tuple[str, str]
    values: tuple[tuple[float | str, ...], ...]
    numeric: tuple[bool, bool]
    partial: Mapping[str, Array]
    ale: Mapping[str, Array]
    rows: tuple[int, int]

    def tables(self) -> Sequence[Table]:
        """Return the partial dependence of each side, the first input downwards."""
        return [
            Table(
                f"Partial dependence of {self.target}, {side}: {self.inputs[0]} downwards, "
                f"{self.inputs[1]} to the right",
                ("", *(f"{v:.4g}" if isinstance(v, float) else v for v in self.values[1])),
                tuple((v, *row.tolist()) for v, row in zip(self.values[0], made, strict=True)),
            )
            for side, made in self.partial.items()
        ]

    def plot(self, ax: Any = None, *, kind: str = "partial") -> SurfaceDisplay:
        """Draw a heat map of each side; see `SurfaceDisplay.plot`."""
        return SurfaceDisplay(self).plot(ax, kind=kind)


class SurfaceDisplay(Display[Surface]):
    """A heat map of two inputs, one for each side, in the same colours.

    Attributes:
        axes_: where it was drawn, all axes; `ax_` are the first of them.
    """

    def plot(
        self, ax: Any = None, *, kind: str = "partial", side: str | None = None
    ) -> SurfaceDisplay:
        """Draw, and return itself.

        Args:
            ax: axes of matplotlib's for one side; default: new ones, for each side.
            kind: "partial" for partial dependence, "ale" for local effects of the second order.
            side: "model" or "formula" alone; default: both, or the first where `ax` is given.

        Raises:
            BadInput: there is no such kind or side.
            MissingExtra: matplotlib is not installed.
        """
        held = self._held(kind)
        sides = list(held) if ax is None and side is None else [side or next(iter(held))]
        if sides[0] not in held:
            raise BadInput(f"side={side!r} is not there.", hint=f"Give one of {', '.join(held)}.")
        first = axes_for(ax, "drawing a surface", (1.2 + 4.6 * len(sides), 4.2))
        self.axes_ = _beside(first, len(sides))
        ends = _ends([held[name] for name in sides], centred=kind == "ale")
        for place, name in zip(self.axes_, sides, strict=True):
            image = self._draw(place, held[name], ends, kind)
            place.set_title(name)
        first.figure.colorbar(image, ax=self.axes_,
                              label=named(KINDS[kind].format(self.found.target), 40))  # fmt: skip
        return self.drawn_on(self.axes_[0])

    def _held(self, kind: str) -> Mapping[str, Array]:
        if kind not in KINDS:
            raise BadInput(f"kind={kind!r} has no meaning.", hint="Give 'partial' or 'ale'.")
        held = self.found.partial if kind == "partial" else self.found.ale
        if not held:
            raise BadInput(
                "A local effect of the second order needs two numbers, and one input is a "
                "category.",
                hint="Draw kind='partial'.",
            )
        return held

    def _draw(self, ax: Any, made: Array, ends: tuple[float, float], kind: str) -> Any:
        told = self.found
        new_axes(ax, "drawing a surface")
        places = [
            np.asarray(v) if numeric else np.arange(len(v))
            for v, numeric in zip(told.values, told.numeric, strict=True)
        ]
        image = ax.pcolormesh(
            places[0], places[1], made.T, shading="nearest", vmin=ends[0], vmax=ends[1],
            cmap="cividis" if kind == "partial" else "RdBu_r", rasterized=True,
        )  # fmt: skip
        for k, axis in enumerate((ax.xaxis, ax.yaxis)):
            axis.set_label_text(named(told.inputs[k], 40))
            if not told.numeric[k]:
                axis.set_ticks(places[k], [named(v, 14) for v in told.values[k]])
        return image


def _beside(first: Any, count: int) -> list[Any]:
    """Return axes in a row; where more than one is wanted, the first is of a figure of its own."""
    if count == 1:
        return [first]
    figure = first.figure
    figure.clear()
    return list(figure.subplots(1, count, sharex=True, sharey=True))


def _ends(made: Sequence[Array], *, centred: bool) -> tuple[float, float]:
    """Return the ends of a scale of colours; of effects, 0 lies in its middle."""
    every = np.concatenate([m[np.isfinite(m)] for m in made])
    if not every.size:
        return 0.0, 1.0
    far = float(np.abs(every).max())
    return (-far, far) if centred else (float(every.min()), float(every.max()))


@np.errstate(all="ignore")
def surface(
    sides: Sides, first: int | str, second: int | str, *, points: int = POINTS,
    seconds: float = 5.0,
) -> Surface:  # fmt: skip
    """Return how the answer moves with two inputs together.

    Args:
        sides: the model and the formula.
        first, second: the inputs, by name or number.
        points: at most so many values of each; each was there in some row.
        seconds: for the asking; a slow model is asked about fewer rows.

    Raises:
        BadInput: there is no such input, or both are the same.
    """
    points = whole("points", points, 2, 100)
    i, j = sides.position(first), sides.position(second)
    if i == j:
        raise BadInput(f"Both inputs are {sides.names[i]!r}.", hint="Give two, or ask for effect.")
    axes = axis_of(sides, i, points), axis_of(sides, j, points)
    few = sides.drawn(sides.affordable(len(axes[0]) * len(axes[1]) + 1, seconds / 2, ROWS))
    many = sides.drawn(sides.affordable(4, seconds / 2, ROWS_ALE))
    both = all(axis.numeric and len(axis) > 1 for axis in axes)
    return Surface(
        sides.target.name, (axes[0].name, axes[1].name), (axes[0].values, axes[1].values),
        (axes[0].numeric, axes[1].numeric),
        {side.name: _partial(sides, side, axes, few) for side in sides.sides},
        {side.name: accumulated_pair(sides, side, axes, many) for side in sides.sides if both},
        (len(few), len(many)),
    )  # fmt: skip


def _partial(sides: Sides, side: Side, axes: tuple[Axis, Axis], picked: Array) -> Array:
    """Return the mean answer at each pair of values, shape (values, values)."""
    a, b = axes
    made = np.full((len(a), len(b)), np.nan)
    cells = np.tile(np.repeat(picked[:, None], len(sides.features), axis=1), (len(b), 1))
    cells[:, b.input] = np.repeat(b.rows, len(picked))
    for k, row in enumerate(a.rows):
        cells[:, a.input] = row
        said = sides.recombined(side, cells).reshape(len(b), len(picked))
        there = np.isfinite(said)
        with np.errstate(invalid="ignore"):
            made[k] = np.where(there, said, 0.0).sum(axis=1) / there.sum(axis=1)
    return made
