"""Where numbers on a grid cross a level, as paths of a picture: what lies above, and the border."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import numpy as np

from closedform.ir import Array

Point = tuple[float, float]
Border = tuple[Point, Point]
CORNERS = ((0, 0), (0, 1), (1, 1), (1, 0))
"""Of a cell, in the order in which its edge is walked: rows, columns."""


def contours(x: Array, y: Array, above: Array) -> tuple[str, str]:
    """Return the part of a picture where a number is above 0, and its border.

    Between neighbours on the grid the number is taken for a straight line (marching squares:
    Lorensen and Cline, Marching cubes, 1987, in two dimensions).

    Args:
        x, y: where the columns and the rows of the grid lie in the picture.
        above: the number, shape (rows, columns); NaN is not above.

    Returns:
        Two paths as SVG writes them: areas to be filled, and lines.
    """
    held = np.where(np.isfinite(above), above, -1.0)
    up = held > 0
    whole = up[:-1, :-1] & up[1:, :-1] & up[:-1, 1:] & up[1:, 1:]
    some = up[:-1, :-1] | up[1:, :-1] | up[:-1, 1:] | up[1:, 1:]
    areas = [_rectangle(x, y, row, *run) for row in range(len(whole)) for run in _runs(whole[row])]
    borders = []
    for row, column in np.argwhere(some & ~whole).tolist():
        corners = [(x[column + c], y[row + r], held[row + r, column + c]) for r, c in CORNERS]
        polygon, crossing = _clipped(corners)
        areas.append(_path(polygon) + "Z")
        borders += crossing
    return "".join(areas), "".join(map(_path, _chains(borders)))


def _chains(borders: list[Border]) -> Iterator[list[Point]]:
    """Yield pieces joined to whole lines: dashes begin anew with each line."""
    after: dict[Point, list[Point]] = {}
    for a, b in borders:
        after.setdefault(a, []).append(b)
    ends = {b for _, b in borders}
    # What begins at the edge of the picture first; what is left goes round.
    for start in sorted(after, key=lambda point: point in ends):
        line = [start]
        while after.get(line[-1]):
            line.append(after[line[-1]].pop())
        if len(line) > 1:
            yield line


def _runs(row: Array) -> Iterator[tuple[int, int]]:
    """Yield where stretches of cells begin and end."""
    at = 0
    for inside, cells in groupby(row.tolist()):
        count = len(list(cells))
        if inside:
            yield at, at + count
        at += count


def _rectangle(x: Array, y: Array, row: int, first: int, last: int) -> str:
    corners = [(x[first], y[row]), (x[last], y[row]), (x[last], y[row + 1]), (x[first], y[row + 1])]
    return _path(corners) + "Z"


def _clipped(corners: list[tuple[float, float, float]]) -> tuple[list[Point], list[Border]]:
    """Return the part of a cell above 0, and the lines that cut it off."""
    polygon: list[Point] = []
    crossed: list[tuple[Point, bool]] = []
    for (x0, y0, v0), (x1, y1, v1) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if v0 > 0:
            polygon.append((x0, y0))
        if (v0 > 0) != (v1 > 0):
            share = v0 / (v0 - v1)
            # Rounded, so that both cells at an edge have the same point.
            point = (round(x0 + share * (x1 - x0), 1), round(y0 + share * (y1 - y0), 1))
            polygon.append(point)
            crossed.append((point, v0 > 0))
    # A border leads from where the walk leaves what is above to where it next comes back.
    turned = crossed if crossed[0][1] else [*crossed[1:], crossed[0]]
    points = [point for point, _ in turned]
    return polygon, list(zip(points[::2], points[1::2], strict=True))


def _path(points: list[Point]) -> str:
    return "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in points)
