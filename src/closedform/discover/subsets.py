"""Which few columns a number is a sum of: all single ones and all pairs at once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from closedform.ir import Array

BLOCK = 2_000
"""Columns that are paired with others at once: a few MB."""

ROUNDING = 1e-14
"""Of a difference of squares, as a share."""


@dataclass(frozen=True)
class Subset:
    """Some columns, whether a constant is added, and the weighted squared error, as a share."""

    which: tuple[int, ...]
    bias: bool
    error: float


class Columns:
    """Weighted columns, made ready for the regression of a target on few of them."""

    def __init__(self, columns: Array, target: Array, weight: Array, scale: float) -> None:
        """Take columns of shape (columns, rows), and what they are to add up to, shape (rows,).

        Args:
            columns: one row each.
            target: what is fitted.
            weight: of each row, by which errors count.
            scale: the size that weighted errors are a share of.
        """
        self.table = columns * weight
        self.ones, self.target = weight, target * weight
        self.scale = scale * np.sqrt(len(target))

    def singles(self, bias: bool, kinds: Array, most: int = 10**9) -> list[Subset]:
        """Return the best single column of each kind, the best first."""
        table, target = self._ready(bias)
        got = table @ target
        left = _left(float(target @ target), got * got)
        order = np.argsort(left, kind="stable")
        _, first = np.unique(kinds[order], return_index=True)
        best = order[np.sort(first)[:most]].tolist()
        return [self._subset((i,), bias, float(left[i])) for i in best]

    def pairs(self, bias: bool, most: int, kinds: Array | None = None) -> list[Subset]:
        """Return the best pairs of columns, at most two of the same two kinds."""
        table, target = self._ready(bias)
        got = table @ target
        gain = _gain(got, got, table @ table.T)
        gain[np.tril_indices(len(gain))] = -1.0
        wider = most if kinds is None else 8 * most
        found = self._best(gain, float(target @ target), bias, wider)
        return found if kinds is None else _few_of_a_kind(found, kinds)[:most]

    def crossed(self, count: int, bias: bool, most: int) -> list[Subset]:
        """Return the best pairs of one of the first `count` columns and one of the others."""
        table, target = self._ready(bias)
        got, whole = table @ target, float(target @ target)
        found: list[Subset] = []
        for lo in range(count, len(table), BLOCK):
            hi = min(len(table), lo + BLOCK)
            gain = _gain(got[:count], got[lo:hi], table[:count] @ table[lo:hi].T)
            best = self._best(gain, whole, bias, most)
            found += [Subset((f.which[0], f.which[1] + lo), bias, f.error) for f in best]
        return sorted(found, key=lambda one: one.error)[:most]

    def _best(self, gain: Array, whole: float, bias: bool, most: int) -> list[Subset]:
        flat = gain.ravel()
        best = np.argpartition(-flat, min(most, flat.size - 1))[:most]
        best = best[np.argsort(-flat[best])]
        left = _left(whole, flat[best]).tolist()
        pairs = zip(*np.unravel_index(best, gain.shape), left, strict=True)
        return [self._subset((int(i), int(j)), bias, e) for i, j, e in pairs]

    def more(self, found: Subset, most: int) -> list[Subset]:
        """Return the best sets with one more column."""
        table, target = self._ready(found.bias)
        held = np.linalg.qr(table[list(found.which)].T)[0]
        rest = table - (table @ held) @ held.T
        size = np.sqrt((rest * rest).sum(axis=1))
        target = target - held @ (held.T @ target)
        with np.errstate(all="ignore"):
            got = np.where(size > 1e-5, (rest @ target) / np.where(size > 0, size, 1.0), 0.0)
        left = _left(float(target @ target), got * got)
        best = [i for i in np.argsort(left)[: most + 2].tolist() if i not in found.which][:most]
        return [self._subset((*found.which, i), found.bias, float(left[i])) for i in best]

    def weights(self, found: Subset) -> tuple[float, Array]:
        """Return the constant and the weights of some columns."""
        table = self.table[list(found.which)]
        if found.bias:
            table = np.vstack([self.ones, table])
        size = np.sqrt((table * table).sum(axis=1))
        size = np.where(size > 0, size, 1.0)
        got = np.linalg.lstsq((table / size[:, None]).T, self.target, rcond=1e-14)[0] / size
        return (float(got[0]), got[1:]) if found.bias else (0.0, got)

    def _ready(self, bias: bool) -> tuple[Array, Array]:
        """Return columns of length 1, and the target, without what the constant explains."""
        table, target = self.table, self.target
        if bias:
            one = self.ones / np.linalg.norm(self.ones)
            table = table - np.outer(table @ one, one)
            target = target - one * (one @ target)
        size = np.sqrt((table * table).sum(axis=1))
        whole = np.sqrt((self.table * self.table).sum(axis=1))
        with np.errstate(all="ignore"):
            fine = size > 1e-9 * whole
            table = np.where(fine[:, None], table / np.where(fine, size, 1.0)[:, None], 0.0)
        return table, target

    def _subset(self, which: tuple[int, ...], bias: bool, left: float) -> Subset:
        return Subset(which, bias, float(np.sqrt(left)) / self.scale)


def _left(whole: float, explained: Array) -> Array:
    """Return what of a target's square is left; rounding is nothing, or it says which is tried."""
    left = whole - explained
    return np.where(left > ROUNDING * whole, left, 0.0)


def _gain(one: Array, two: Array, gram: Array) -> Array:
    """Return what of a target's square two columns of length 1 explain, of all pairs of them.

    Args:
        one, two: the products of the columns with the target.
        gram: with each other.
    """
    free = 1 - gram * gram
    gain = one[:, None] ** 2 + two[None, :] ** 2 - 2 * gram * np.outer(one, two)
    return np.where(free > 1e-9, gain / np.maximum(free, 1e-9), -1.0)


def _few_of_a_kind(found: list[Subset], kinds: Array) -> list[Subset]:
    seen: Counter[tuple[int, ...]] = Counter()
    kept = []
    for one in found:
        kind = tuple(sorted(kinds[list(one.which)].tolist()))
        seen[kind] += 1
        if seen[kind] <= 2:
            kept.append(one)
    return kept
