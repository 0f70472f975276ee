"""Where a range of values is cut: the cut with the fewest digits among those as good as the best.

A tree splits where the squared distance of the scores from their means, on either side, falls most.
"""

from __future__ import annotations

import numpy as np

from closedform.ir import Array
from closedform.shorten.short import shortest

AS_GOOD = 0.995
"""A cut that keeps this share of the best gain nearby is as good as it."""


def spread_of(y: Array) -> float:
    """Return the squared distance of scores, shape (rows, scores), from their means."""
    return float(((y - y.mean(axis=0)) ** 2).sum()) if len(y) else 0.0


def gain_of(y: Array, chosen: Array) -> float:
    """Return how far the squared distance falls where the chosen rows get means of their own."""
    inside = int(chosen.sum())
    if inside in (0, len(y)):
        return 0.0
    away = y[chosen].mean(axis=0) - y[~chosen].mean(axis=0)
    return float(inside * (len(y) - inside) / len(y) * (away @ away))


def gains(y: Array) -> Array:
    """Return the gain of each cut of rows in order, shape (rows − 1,): behind the first, …"""
    rows = len(y)
    below = np.cumsum(y - y.mean(axis=0), axis=0)[:-1]
    size = np.arange(1, rows)
    found: Array = (below**2).sum(axis=1) * rows / (size * (rows - size))
    return found


def plain_cut(x: Array, y: Array, cut: float) -> float:
    """Return a cut near a given one, with few digits, that parts the rows about as well.

    Args:
        x: the values, shape (rows,).
        y: the scores, shape (rows, scores).
        cut: rows with x <= cut go left.
    """
    order = np.argsort(x, kind="stable")
    x, found = x[order], gains(y[order])
    at = int(np.searchsorted(x, cut, side="right")) - 1
    if at < 0 or at >= len(found):
        return cut
    possible = np.flatnonzero(x[1:] > x[:-1])  # a cut between equal values is none
    own = int(np.searchsorted(possible, at))
    good = found[possible] >= AS_GOOD * found[at]
    lo, hi = _run(good, own)
    return shortest(float(x[possible[lo]]), float(np.nextafter(x[possible[hi] + 1], -np.inf)))


def _run(good: Array, at: int) -> tuple[int, int]:
    """Return the first and last of the neighbours of `at` that are good without a gap."""
    bad = np.flatnonzero(~good)
    after = int(np.searchsorted(bad, at))
    first = int(bad[after - 1]) + 1 if after else 0
    last = int(bad[after]) - 1 if after < len(bad) else len(good) - 1
    return (first, last) if first <= at <= last else (at, at)
