"""The range of trees over boxes: which leaves some point of a box can reach."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib.util import find_spec
from typing import Any

import numpy as np

from closedform.ir import Array
from closedform.ops.payloads import Splits, Tree

WORTH_COMPILING = 5_000_000
"""Nodes times boxes from which on the kernel is taken: its import and compilation take seconds."""

Ranges = tuple[Array, Array, Array, Array]


def ranges_of(trees: Sequence[Tree], lo: Array, hi: Array, missing: Array) -> Ranges:
    """Return the least and greatest value of each tree over boxes.

    Args:
        trees: trees over the same features.
        lo, hi: the box of each feature, shape (features, boxes); NaN where it is surely missing.
        missing: where a feature may be missing.

    Returns:
        Four arrays of shape (trees, boxes): least, greatest, whether it may be missing, and the
        feature that the first open question is about (-1: no question is open).
    """
    simple = not any((t.splits.member >= 0).any() for t in trees) and not np.isnan(lo).any()
    work = sum(len(t.splits.child) for t in trees) * lo.shape[1]
    if simple and work > WORTH_COMPILING and _has_numba():
        from closedform.verify.bound.kernels import walk

        low, high = np.empty((2, len(trees), lo.shape[1]))
        first = np.empty(low.shape, np.int32)
        lost = np.zeros(low.shape, bool)
        for i, tree in enumerate(trees):
            walk(*_packed(tree), lo, hi, missing, low[i], high[i], lost[i], first[i])
        return low, high, lost, first
    found = [_range(tree, lo, hi, missing) for tree in trees]
    return tuple(np.array(part) for part in zip(*found, strict=True))  # type: ignore[return-value]


@cache
def _has_numba() -> bool:
    return find_spec("numba") is not None


def _packed(tree: Tree) -> tuple[Any, ...]:
    s = tree.splits
    # A test `x < t` is `x <= the number before t`.
    limit = np.nextafter(s.threshold, -np.inf) if s.below else s.threshold
    never = s.below & (s.threshold == -np.inf)
    return s.feature, np.where(never, np.nan, limit), s.child, s.missing_left, tree.values


def _range(tree: Tree, lo: Array, hi: Array, missing: Array) -> tuple[Array, Array, Array, Array]:
    """Return the four of one tree, level by level over all boxes."""
    s = tree.splits
    boxes = lo.shape[1]
    reached = np.zeros((len(s.child), boxes), bool)
    alone = np.zeros((len(s.child), boxes), bool)
    reached[0] = alone[0] = True
    first = np.full(boxes, -1, np.int32)
    for i in np.flatnonzero(~s.leaf):
        f = s.feature[i]
        left, right = _sides(s, int(i), lo[f], hi[f], missing[f])
        both = left & right
        first = np.where(alone[i] & both & (first < 0), f, first).astype(np.int32)
        for child, side in ((s.child[i], left), (s.child[i] + 1, right)):
            reached[child] = reached[i] & side
            alone[child] = alone[i] & side & ~both
    leaves = np.flatnonzero(s.leaf)
    values, held = tree.values[leaves][:, None], reached[leaves]
    number = ~np.isnan(values)
    low = np.where(held & number, values, np.inf).min(axis=0)
    high = np.where(held & number, values, -np.inf).max(axis=0)
    return low, high, np.asarray((held & ~number).any(axis=0)), first


def _sides(s: Splits, i: int, lo: Array, hi: Array, missing: Array) -> tuple[Array, Array]:
    """Return whether some number of each interval goes left, and whether some goes right."""
    absent = np.isnan(lo)
    if s.member[i] >= 0:
        point = lo == hi
        codes = np.where(point & ~absent, lo, 0.0)
        inside = np.array([s.goes_left(i, float(x)) for x in np.unique(codes)])
        taken = inside[np.searchsorted(np.unique(codes), codes)]
        left, right = ~point | taken, ~point | ~taken
    else:
        t = s.threshold[i]
        left, right = (lo < t, ~(hi < t)) if s.below else (lo <= t, ~(hi <= t))
    goes_left = bool(s.missing_left[i])
    maybe = absent | missing
    left = np.asarray(np.where(absent, goes_left, left | (maybe & goes_left)))
    right = np.asarray(np.where(absent, not goes_left, right | (maybe & (not goes_left))))
    return left, right
