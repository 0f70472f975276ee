"""Steps that choose: comparisons, truths, trees, tables, shape functions.

Where a choice hangs on a computed number, the program may take the other side within its rounding
error; so every test is asked of the argument's bounds widened by that error, and what it gives is
what the program gives: a choice has no error of its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Array, Node, Type
from closedform.ops.payloads import Pieces
from closedform.verify.bound.rounded import TINY, UNIT, down, gamma, up
from closedform.verify.bound.smooth import apart
from closedform.verify.bound.sweep import Jumping, Kept, Step, Sweep
from closedform.verify.bound.walking import ranges_of


def tested(s: Sweep, rows: Array) -> tuple[Array, Array]:
    """Return the bounds of rows, made wider by the error that their program may have."""
    e = s.error[rows]
    if not e.any():
        return s.lo[rows], s.hi[rows]
    lo, hi = s.lo[rows], s.hi[rows]
    return np.where(e > 0, down(lo - e), lo), np.where(e > 0, up(hi + e), hi)


def _tell(s: Sweep, out: slice, sure: Array, never: Array) -> None:
    s.lo[out], s.hi[out] = np.where(sure, 1.0, 0.0), np.where(never, 0.0, 1.0)


class Compare(Step):
    """a < b, a <= b or a = b; false where a side is missing."""

    def rise(self, s: Sweep) -> None:
        """Compute the rows."""
        a, b = self.args
        (alo, ahi), (blo, bhi) = tested(s, a), tested(s, b)
        lost, op = self._lost(s), self.nodes[0].op
        if op is ops.EQUAL:
            known = (alo == ahi) & (blo == bhi) & (alo == blo)
            if self.nodes[0].args[0].type is Type.LABEL:
                known &= alo >= 0
            return _tell(s, self.out, known & ~lost, (ahi < blo) | (bhi < alo))
        low, high = apart(s, a, b)
        e = s.error[a] + s.error[b]
        low, high = np.where(e > 0, down(low - e), low), np.where(e > 0, up(high + e), high)
        if op is ops.LESS:
            return _tell(s, self.out, ((ahi < blo) | (high < 0)) & ~lost, (alo >= bhi) | (low >= 0))
        return _tell(s, self.out, ((ahi <= blo) | (high <= 0)) & ~lost, (alo > bhi) | (low > 0))

    def _lost(self, s: Sweep) -> Array:
        """Return where a side may be missing; an infinite constant is not, when compared."""
        lost = np.zeros(s.lo[self.out].shape, bool)
        for j, rows in enumerate(self.args):
            known = [
                a.op is ops.CONST and a.data == a.data for a in (n.args[j] for n in self.nodes)
            ]
            lost |= s.missing[rows] & ~np.array(known)[:, None]
        return lost


class Logic(Step):
    """and, or, not."""

    def rise(self, s: Sweep) -> None:
        """Compute the rows."""
        out, op = self.out, self.nodes[0].op
        lows, highs = (np.stack([x[rows] for rows in self.args]) for x in (s.lo, s.hi))
        if op is ops.NOT:
            s.lo[out], s.hi[out] = 1 - highs[0], 1 - lows[0]
            return
        pick = np.min if op is ops.AND else np.max
        s.lo[out], s.hi[out] = pick(lows, axis=0), pick(highs, axis=0)


class Absent(Step):
    """Whether a value is missing."""

    def rise(self, s: Sweep) -> None:
        """Compute the rows."""
        maybe = s.missing[self.args[0]]
        _tell(s, self.out, np.zeros_like(maybe), ~maybe)


class Choice(Step):
    """`a if condition else b`: half of each, and half their difference, where it is open."""

    def rise(self, s: Sweep) -> None:
        """Compute the rows."""
        condition, a, b = self.args
        out, first, second = self.out, s.lo[condition] == 1, s.hi[condition] == 0
        either = ~(first | second)

        def pick(x: Array, both: Array) -> Array:
            return np.where(first, x[a], np.where(second, x[b], both))

        s.lo[out] = pick(s.lo, np.fmin(s.lo[a], s.lo[b]))
        s.hi[out] = pick(s.hi, np.fmax(s.hi[a], s.hi[b]))
        s.missing[out] = pick(s.missing, s.missing[a] | s.missing[b])
        if self.nodes[0].type is not Type.REAL:
            return
        s.c[out] = c = pick(s.c, 0.5 * s.c[a] + 0.5 * s.c[b])
        low, high = apart(s, a, b)
        over = np.where(either, 0.5 * np.maximum(np.abs(low), np.abs(high)), 0.0)
        off = over + np.where(either, 8 * UNIT * (np.abs(c) + over) + TINY, TINY)
        share = np.where(first, 1.0, np.where(second, 0.0, 0.5))
        s.combine(self, Kept(-off, off, (np.zeros_like(share), share, 1 - share)))

    def error(self, s: Sweep, e: Array, unit: float) -> Array | float:
        """Return the error of the branch, and of another program the difference of both."""
        condition, a, b = self.args
        if self.nodes[0].type is not Type.REAL:
            return 0.0
        taken, left = s.lo[condition] == 1, s.hi[condition] == 0
        found = np.where(taken, e[a], np.where(left, e[b], np.maximum(e[a], e[b])))
        if not s.other:
            return found
        low, high = apart(s, a, b)
        either = ~(taken | left)
        return found + np.where(either, np.maximum(np.abs(low), np.abs(high)), 0.0)


class Trees(Jumping):
    """Trees over the same arguments: the leaves that some point of a box can reach."""

    def __init__(self, nodes: Sequence[Node], out: slice, args: Sequence[Array]) -> None:
        """Take the trees."""
        super().__init__(nodes, out, args)
        self.trees = [n.data for n in nodes]

    def rise(self, s: Sweep) -> None:
        """Compute the rows."""
        rows = self.args[0]
        lo, hi = tested(s, rows)
        low, high, lost, first = ranges_of(self.trees, lo, hi, s.missing[rows])
        s.lo[self.out], s.hi[self.out], s.missing[self.out] = low, high, lost
        s.opaque(self, first)


class Looked(Jumping):
    """A table, or a piecewise polynomial, of one number or label."""

    def rise(self, s: Sweep) -> None:
        """Compute the rows."""
        row, data, out = self.args[0][:1], self.nodes[0].data, self.out
        lo, hi = (x[0] for x in tested(s, row))
        if self.nodes[0].op is ops.TABLE:
            return self._table(s, lo, hi)
        side: Any = "left" if data.right_closed else "right"
        first, last = (np.searchsorted(data.edges, x, side) for x in (lo, hi))
        low, high, steep = _stretches(data, lo, hi, first, last)
        s.missing[out] = np.isnan(low) | (s.missing[row] & (data.missing != data.missing))
        if data.missing == data.missing:
            low = np.where(s.missing[row], np.minimum(low, data.missing), low)
            high = np.where(s.missing[row], np.maximum(high, data.missing), high)
        s.lo[out], s.hi[out] = low, high
        one = (first == last) & ~s.missing[row][0]
        if data.coefs.shape[1] == 1 or not one.any():
            return s.opaque(self)
        self._hang(s, np.where(one, first, 0), one, steep)

    def _table(self, s: Sweep, lo: Array, hi: Array) -> None:
        node, row, out = self.nodes[0], self.args[0][:1], self.out
        whole = node.data.interval
        label = node.args[0].type is Type.LABEL
        x = np.where(lo == hi, lo, 0.0)
        found = node.data.of_codes(x.astype(np.int64)) if label else node.data.of_numbers(x)
        known = (lo == hi) & ~s.missing[row]
        s.lo[out], s.hi[out] = np.where(known, found, whole.lo), np.where(known, found, whole.hi)
        s.missing[out] = np.where(known, np.isnan(found), whole.missing)
        s.opaque(self)

    def _hang(self, s: Sweep, at: Array, one: Array, steep: Array) -> None:
        """Take the tangent, and half the curvature, where the box lies in one stretch."""
        row, data, out = self.args[0][:1], self.nodes[0].data, self.out
        coefs, away = data.coefs[at].T, s.c[row][0] - data.origins[at]
        bent = _slopes_of(_slopes_of(coefs))
        ends = [down(s.lo[row][0] - data.origins[at]), up(s.hi[row][0] - data.origins[at])]
        low, high = _horner(bent, *ends)
        half = 0.5 * np.square(s.inc[row]) * (1 + 8 * UNIT)
        size = _horner(np.abs(coefs), *[np.abs(ends).max(axis=0)] * 2)[1]
        slope = _at(_slopes_of(coefs), away)[None]
        turned = (
            gamma(2 * len(coefs) + 8)
            * _horner(np.abs(_slopes_of(coefs)), *[np.abs(ends).max(axis=0)] * 2)[1]
        )
        off = gamma(2 * len(coefs) + 8) * size + steep * s.error[row] + turned * s.inc[row] + TINY
        s.c[out] = np.where(one, _at(coefs, away), np.nan)
        s.combine(
            self, Kept(np.minimum(low, 0) * half - off, np.maximum(high, 0) * half + off, (slope,))
        )


def _slopes_of(coefs: Array) -> Array:
    """Return the coefficients of the derivative, shape (degree + 1, boxes), lowest first."""
    if len(coefs) == 1:
        return np.zeros_like(coefs)
    return coefs[1:] * np.arange(1, len(coefs))[:, None]


def _at(coefs: Array, x: Array) -> Array:
    value = coefs[-1]
    for c in coefs[-2::-1]:
        value = value * x + c
    return np.asarray(value)


def _horner(coefs: Array, lo: Array, hi: Array) -> tuple[Array, Array]:
    """Return bounds of Σ cⱼ·tʲ for t in lo … hi."""
    low, high = coefs[-1], coefs[-1]
    for c in coefs[-2::-1]:
        ends = [low * lo, low * hi, high * lo, high * hi]
        low = down(down(np.minimum.reduce(ends)) + c)
        high = up(up(np.maximum.reduce(ends)) + c)
    return low - 4 * UNIT * np.abs(low), high + 4 * UNIT * np.abs(high)


def _stretches(
    data: Pieces, lo: Array, hi: Array, first: Array, last: Array
) -> tuple[Array, Array, Array]:
    """Return the range over the stretches from first to last, and the steepest slope there."""
    low, high, steep = np.full_like(lo, np.inf), np.full_like(lo, -np.inf), np.zeros_like(lo)
    edges, origins, coefs = data.edges, data.origins, data.coefs
    ends = np.concatenate([[-np.inf], edges, [np.inf]])
    for i in range(len(coefs)):
        inside = (first <= i) & (i <= last)
        if not inside.any():
            continue
        column = np.broadcast_to(coefs[i][:, None], (coefs.shape[1], len(lo)))
        t = [np.clip(lo, ends[i], ends[i + 1]), np.clip(hi, ends[i], ends[i + 1])]
        away = down(t[0] - origins[i]), up(t[1] - origins[i])
        a, b = _horner(column, *away) if len(column) > 1 else (column[0], column[0])
        slopes = np.abs(_horner(_slopes_of(column), *away)).max(axis=0)
        low, high = (
            np.where(inside, np.minimum(low, a), low),
            np.where(inside, np.maximum(high, b), high),
        )
        steep = np.where(inside, np.maximum(steep, slopes), steep)
    return low, high, steep


class Member(Step):
    """Whether a value is one of some."""

    def rise(self, s: Sweep) -> None:
        """Compute the rows."""
        node, row = self.nodes[0], self.args[0][:1]
        lo, hi = tested(s, row)
        known = lo == hi
        label = node.args[0].type is Type.LABEL
        x = np.where(known, lo, 0.0)
        found = np.asarray(node.op.numpy(node.data, x.astype(np.int64) if label else x), bool)
        _tell(s, self.out, known & found & ~s.missing[row], known & ~found)


class Ordered(Step):
    """An order statistic, or the weighted median, of some numbers."""

    def rise(self, s: Sweep) -> None:
        """Compute the rows."""
        node, rows, out = self.nodes[0], self.args[0], self.out
        k = node.data if node.op is ops.KTH else None
        low, high = np.sort(s.lo[rows], axis=0), np.sort(s.hi[rows], axis=0)
        s.lo[out], s.hi[out] = (low[0], high[-1]) if k is None else (low[k - 1], high[k - 1])
        s.missing[out] = s.missing[rows].any(axis=0)
        s.opaque(self)

    def error(self, s: Sweep, e: Array, unit: float) -> Array | float:
        """Return the greatest error."""
        return np.asarray(e[self.args[0]].max(axis=0))


class Floor(Jumping):
    """The greatest whole number below."""

    rounding: Any = staticmethod(np.floor)

    def rise(self, s: Sweep) -> None:
        """Compute the rows."""
        lo, hi = tested(s, self.args[0])
        s.lo[self.out], s.hi[self.out] = self.rounding(lo), self.rounding(hi)
        s.missing[self.out] = s.missing[self.args[0]] | ~np.isfinite(lo - hi)
        s.opaque(self)


class Sign(Floor):
    """−1, 0 or 1."""

    rounding: Any = staticmethod(np.sign)
