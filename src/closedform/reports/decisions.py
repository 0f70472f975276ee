"""Where a classifier's decision turns, over two inputs: regions, the border, and its equation."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from closedform.errors import BadInput
from closedform.explanations.boundaries import Boundary, boundary
from closedform.explanations.sides import MODEL
from closedform.explanations.tables import figure
from closedform.ir import Array, Type
from closedform.reports.case import Case
from closedform.reports.charts import text_at
from closedform.reports.contours import contours
from closedform.reports.markup import Html, capital, element, joined, percent, shown
from closedform.reports.ranges import FEWEST
from closedform.reports.sections import sentences

ASKING = 2.0
"""Seconds in which the sides are asked about the points of the grid."""
COARSE, FINE = 20, 80
"""Points of the grid, each way: of a slow model, and of any other."""
CELLS, IN_EACH = 20, 8
"""At most so many cells of rows each way; fewer where they would have fewer rows each than that."""
READ = 240
"""Characters of an equation: more of them fill a screen of brackets."""
LARGEST = 8.0
"""The radius of the mark of the cell with the most rows."""
WIDE, HIGH = 640, 460
LEFT, RIGHT, TOP, BOTTOM = 70, 16, 34, 52


def decision_of(case: Case) -> Html | None:
    """Return the boundary over the two most important numbers; None of what decides nothing."""
    if not case.classifies:
        return None
    numbers = [i for i in case.leading if _varies(case, i)][:2]
    if len(numbers) < 2:
        return element("p", "There is no map of the decision: it needs two inputs that are numbers "
                       "and vary, and the model reads fewer.")  # fmt: skip
    points = math.isqrt(int(ASKING / case.sides.seconds))
    try:
        found = boundary(case.sides, *numbers, points=min(max(points, COARSE), FINE))
    except BadInput as problem:
        return element("p", str(problem))
    cells = cells_of(case, numbers)
    return joined(
        element("p", _what(found)), element("p", _keys(case, found), class_="keys"),
        element("figure", _picture(found, cells), element("figcaption", _told(found, cells))),
        _equation(found), _held(found),
    )  # fmt: skip


def _varies(case: Case, i: int) -> bool:
    column = case.sides.columns[i]
    known = column[np.isfinite(column)]
    return case.sides.features[i].type is not Type.LABEL and len(known) > 0 and np.ptp(known) > 0


class Cells:
    """The rows over two inputs, counted: how many are in each cell, and of which class most are.

    Attributes:
        x, y: the middle of each cell, shape (cells,).
        rows: how many rows are there.
        own: the share of them in the class that is explained.
        hidden: how many rows lie in cells of fewer than `FEWEST`, which are left out.
    """

    def __init__(self, x: Array, y: Array, own: Array) -> None:
        """Count rows by two inputs of shape (rows,); `own` tells which are of the class."""
        fine = np.isfinite(x) & np.isfinite(y)
        count = int(np.clip(math.sqrt(fine.sum() / IN_EACH), 2, CELLS))
        x, y, own = x[fine], y[fine], own[fine].astype(float)
        rows, across, up = np.histogram2d(x, y, bins=count)
        theirs, _, _ = np.histogram2d(x, y, bins=(across, up), weights=own)
        a, b = np.nonzero(rows >= FEWEST)
        self.x, self.y = ((edges[:-1] + edges[1:]) / 2 for edges in (across, up))
        self.x, self.y = self.x[a], self.y[b]
        self.rows, self.own = rows[a, b], theirs[a, b] / rows[a, b]
        self.hidden = int(rows.sum() - self.rows.sum())


def cells_of(case: Case, numbers: list[int]) -> Cells:
    """Return the rows in cells of two inputs, with what was observed; else with what is said."""
    first, second = (case.sides.columns[i] for i in numbers)
    y = case.sides.y
    labels = case.said[case.answers[0]] if y is None else y.reshape(len(y), -1)[:, 0]
    known = np.array([v is not None for v in labels.tolist()])
    own = np.array([v == case.sides.target.label for v in labels.tolist()])
    return Cells(first[known], second[known], own[known])


def _what(found: Boundary) -> str:
    first, second = found.inputs
    return (f"A slice through {first} and {second}, two of the numbers that matter most: the "
            f"decision turns where {found.target} crosses {figure(found.level)}.")  # fmt: skip


def _keys(case: Case, found: Boundary) -> Iterator[Html]:
    label = case.sides.target.label
    first = next(iter(found.values))
    yield element("span", f"the {first} says {label!r}", class_="key region")
    for side in found.values:
        yield element("span", f"the {side}'s boundary", class_=f"key {side}")
    what = "observed" if case.observed else "said of the rows"
    yield element("span", f"mostly {label!r} {what}", class_="key own")
    yield element("span", "mostly not", class_="key other")


def _picture(found: Boundary, cells: Cells) -> Html:
    across, up = found.grid
    x, y = _scaled(across, across, LEFT, WIDE - RIGHT), _scaled(up, up, HIGH - BOTTOM, TOP)
    parts = [*_frame(found)]
    for k, (side, values) in enumerate(found.values.items()):
        area, border = contours(x, y, values - found.level)
        if not k:
            parts.append(element("path", d=area, class_="region"))
        parts.append(element("path", d=border, class_=f"line {side}"))
    a, b = _scaled(cells.x, across, LEFT, WIDE - RIGHT), _scaled(cells.y, up, HIGH - BOTTOM, TOP)
    sizes = LARGEST * np.sqrt(cells.rows / max(cells.rows.max(initial=1), 1))
    parts += [
        element("circle", cx=f"{p:.1f}", cy=f"{q:.1f}", r=f"{r:.1f}",
                class_="own" if share > 0.5 else "other")
        for p, q, r, share in zip(a, b, sizes, cells.own, strict=True)
    ]  # fmt: skip
    return element("svg", parts, viewBox=f"0 0 {WIDE} {HIGH}", class_="chart boundary", role="img",
                   aria_label=_words(found))  # fmt: skip


def _scaled(values: Array, over: Array, first: float, last: float) -> Array:
    scaled: Array = first + (last - first) * (values - over[0]) / (over[-1] - over[0])
    return scaled


def _frame(found: Boundary) -> Iterator[Html]:
    low, right = HIGH - BOTTOM, WIDE - RIGHT
    yield element("path", d=f"M{LEFT} {TOP}L{LEFT} {low}L{right} {low}", class_="axis")
    for value, anchor in _three(found.grid[0]):
        x = _scaled(np.array([value]), found.grid[0], LEFT, right)[0]
        yield text_at(float(x), low + 20, shown(value, 3), anchor)
    for value, _ in _three(found.grid[1]):
        y = _scaled(np.array([value]), found.grid[1], low, TOP)[0]
        yield text_at(LEFT - 8, float(y) + 5, shown(value, 3), "end")
    yield text_at(right, HIGH - 8, f"{_cut(found.inputs[0], 60)} →", "end", "title")
    yield text_at(4, 16, f"{_cut(found.inputs[1], 60)} ↑", "start", "title")


def _three(grid: Array) -> list[tuple[float, str]]:
    return [(float(grid[0]), "start"), (float(grid[0] + grid[-1]) / 2, "middle"),
            (float(grid[-1]), "end")]  # fmt: skip


def _cut(name: str, room: int) -> str:
    return name if len(name) <= room else name[: room - 1] + "…"


def _words(found: Boundary) -> str:
    shares = [f"{percent(float(np.mean(v > found.level)))} of the slice by the {side}"
              for side, v in found.values.items()]  # fmt: skip
    return f"{found.target} lies above {figure(found.level)} on {' and '.join(shares)}."


def _told(found: Boundary, cells: Cells) -> str:
    told = capital(_words(found))
    if len(found.values) > 1:
        told += f" The two decide differently on {percent(found.disagree)} of it."
    told += f" Circles: how many rows lie there; cells of fewer than {FEWEST} are left out"
    return told + (f", {cells.hidden:,} rows in all." if cells.hidden else ".")


def _equation(found: Boundary) -> Html | None:
    if MODEL in found.values and len(found.values) == 1:
        return element("p", "The model has no formula here, and so its boundary no equation.")
    if not found.equation or len(found.equation) > READ:
        return element("p", "The formula's boundary has an equation that is too long to be read.")
    told = found.solved or f"0 = {found.equation}"
    return element("p", "The formula's boundary: ", element("code", told), class_="equation")


def _held(found: Boundary) -> Html | None:
    if not found.held:
        return None
    notes = found.tables()[0].notes
    return joined(sentences(note for note in notes if note.startswith(("held", "rows differ"))))
