"""Quotients (a·g + b)/(1 + c·h) of known functions, all pairs at once."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from closedform.discover.subsets import Columns
from closedform.ir import Array

CLOSER = 3_000
"""So many pairs are looked at more closely: whether they are near once they are divided."""
VARIES = 0.15
"""What is below the line must change by this share: else f·h is f again."""


@dataclass(frozen=True)
class Ratio:
    """(top·g + bias)/(1 + bottom·h), with the places of g and h, and its error."""

    g: int
    h: int
    bias: float
    top: float
    bottom: float
    error: float


def ratios(
    above: Array, below: Array, y: Array, scale: float, most: int,
    kinds: tuple[Array, Array] | None = None,
) -> list[Ratio]:  # fmt: skip
    """Return the best quotients, one for each two kinds, the nearest first.

    f = (a·g + b)/(1 + c·h) is a regression of f on 1, g and f·h.

    Args:
        above, below: the values of functions that may be g and h, shape (functions, rows).
        y: what is fitted, shape (rows,).
        scale: what errors are a share of.
        most: how many are returned.
        kinds: of each function above and below; None: each is its own.
    """
    places = np.flatnonzero(np.ptp(below, axis=1) > VARIES * np.abs(below).max(axis=1))
    if not len(places) or not len(above):
        return []
    columns = Columns(np.vstack([above, below[places] * y]), y, np.ones_like(y), scale)
    found: dict[tuple[int, ...], Ratio] = {}
    for bias in (False, True):
        pairs = np.array([one.which for one in columns.crossed(len(above), bias, CLOSER)])
        g, h = pairs[:, 0], places[pairs[:, 1] - len(above)]
        for one in _fitted(above, below, y, scale, bias, g, h):
            key = (one.g, one.h) if kinds is None else (kinds[0][one.g], kinds[1][one.h])
            if (bias, *key) not in found or one.error < found[bias, *key].error:
                found[bias, *key] = one
    return sorted(found.values(), key=lambda one: one.error)[:most]


def _fitted(
    above: Array, below: Array, y: Array, scale: float, bias: bool, g: Array, h: Array
) -> list[Ratio]:
    """Return pairs with their numbers, by a regression for each, and their errors once divided."""
    up, down = np.abs(above).max(axis=1)[g], np.abs(below).max(axis=1)[h]
    top, bottom = above[g] / up[:, None], below[h] / down[:, None]
    parts = [np.broadcast_to(np.ones_like(y), (len(g), len(y)))] if bias else []
    parts += [top, -bottom * y]
    design = np.stack(parts, axis=2)
    normal = np.einsum("nij,nik->njk", design, design)
    ridge = 1e-13 * np.trace(normal, axis1=1, axis2=2)
    normal += ridge[:, None, None] * np.eye(design.shape[2])
    with np.errstate(all="ignore"):
        got = np.linalg.solve(normal, np.einsum("nij,i->nj", design, y)[:, :, None])[:, :, 0]
        line = 1 + got[:, -1:] * bottom
        over = got[:, -2:-1] * top + (got[:, :1] if bias else 0.0)
        away = (over / line - y) / scale
        error = np.sqrt(np.mean(away * away, axis=1))
    fine = np.flatnonzero(np.isfinite(error) & ((line > 0).all(axis=1) | (line < 0).all(axis=1)))
    return [
        Ratio(
            int(g[i]), int(h[i]), float(got[i, 0]) if bias else 0.0,
            float(got[i, -2] / up[i]), float(got[i, -1] / down[i]), float(error[i]),
        )
        for i in fine.tolist()
    ]  # fmt: skip
