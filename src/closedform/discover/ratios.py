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


def ratios(table: Array, y: Array, scale: float, kinds: Array, most: int) -> list[Ratio]:
    """Return the best quotients, one for each two kinds, the nearest first.

    f = (a·g + b)/(1 + c·h) is a regression of f on 1, g and f·h.

    Args:
        table: the values of functions, shape (functions, rows).
        y: what is fitted, shape (rows,).
        scale: what errors are a share of.
        kinds: of each function.
        most: how many are returned.
    """
    below = np.flatnonzero(np.ptp(table, axis=1) > VARIES * np.abs(table).max(axis=1))
    if not len(below) or not len(table):
        return []
    count = len(table)
    columns = Columns(np.vstack([table, table[below] * y]), y, np.ones_like(y), scale)
    found = {}
    for bias in (False, True):
        pairs = np.array([one.which for one in columns.crossed(count, bias, CLOSER)])
        for ratio in _fitted(table, y, scale, bias, pairs[:, 0], below[pairs[:, 1] - count]):
            key = bias, int(kinds[ratio.g]), int(kinds[ratio.h])
            if key not in found or ratio.error < found[key].error:
                found[key] = ratio
    return sorted(found.values(), key=lambda one: one.error)[:most]


def _fitted(table: Array, y: Array, scale: float, bias: bool, g: Array, h: Array) -> list[Ratio]:
    """Return pairs with their numbers, by a regression for each, and their errors once divided."""
    sizes = np.abs(table).max(axis=1)
    parts = [np.broadcast_to(np.ones_like(y), (len(g), len(y)))] if bias else []
    parts += [table[g] / sizes[g][:, None], -table[h] / sizes[h][:, None] * y]
    design = np.stack(parts, axis=2)
    normal = np.einsum("nij,nik->njk", design, design)
    ridge = 1e-13 * np.trace(normal, axis1=1, axis2=2)
    normal += ridge[:, None, None] * np.eye(design.shape[2])
    with np.errstate(all="ignore"):
        got = np.linalg.solve(normal, np.einsum("nij,i->nj", design, y)[:, :, None])[:, :, 0]
        line = 1 + (got[:, -1] / sizes[h])[:, None] * table[h]
        above = (got[:, -2] / sizes[g])[:, None] * table[g] + (got[:, :1] if bias else 0.0)
        away = (above / line - y) / scale
        error = np.sqrt(np.mean(away * away, axis=1))
    fine = np.flatnonzero(np.isfinite(error) & ((line > 0).all(axis=1) | (line < 0).all(axis=1)))
    return [
        Ratio(
            int(g[i]), int(h[i]), float(got[i, 0]) if bias else 0.0,
            float(got[i, -2] / sizes[g[i]]), float(got[i, -1] / sizes[h[i]]), float(error[i]),
        )
        for i in fine.tolist()
    ]  # fmt: skip
