"""Steps whose values hang smoothly on their arguments: sums, curves, products, maxima."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from closedform import ops
from closedform.ir import Array, Node
from closedform.verify.bound.curves import Curve, Line, chord, tangent
from closedform.verify.bound.rounded import (
    FUNCTION_UNITS,
    TINY,
    UNIT,
    down,
    gamma,
    middle,
    product,
    radius,
    sum_above,
    sum_below,
    up,
)
from closedform.verify.bound.sweep import Bend, Kept, Step, Sweep

SINGLE = 2.0**-24
"""The unit of rounding of float32."""
OVERFLOWS = 3e38
"""From here on a float32 may be infinite: the greatest is 3.4e38."""


class Layer(Step):
    """Sums over the same arguments, as one matrix product; sums in float32 among them."""

    def __init__(self, nodes: Sequence[Node], out: slice, args: Sequence[Array]) -> None:
        """Take the weights."""
        count = len(nodes[0].args)
        super().__init__(nodes, out, args if count else [])
        self.rounds = nodes[0].op is ops.SUM32
        if self.rounds:
            self.w, self.b = np.ones((len(nodes), count)), np.zeros(len(nodes))
        else:
            self.w = np.array([n.data.weights for n in nodes]).reshape(len(nodes), count)
            self.b = np.array([n.data.bias for n in nodes])
        self.size = np.abs(self.w)

    def rise(self, s: Sweep) -> None:
        """Compute the rows."""
        out, few, b = self.out, gamma(self.w.shape[1] + 4), self.b[:, None]
        if not self.args:
            s.lo[out] = s.hi[out] = s.c[out] = b
            s.kept[self] = Kept(0 * s.lo[out], 0 * s.lo[out])
            return
        rows = self.args[0]
        lo, hi, c = s.lo[rows], s.hi[rows], s.c[rows]
        mid = middle(lo, hi)
        n, boxes = len(rows), s.boxes
        slack = np.hstack(
            [radius(lo, hi, mid) + few * np.abs(mid), s.k[rows], s.inc[rows], np.abs(c)]
        )
        spread, k, reach, size = np.hsplit((self.size @ slack) * (1 + few), 4)
        centres = self.w @ np.hstack([mid, c])
        centre, spread = centres[:, :boxes] + b, spread + few * np.abs(b) + TINY
        s.lo[out], s.hi[out] = self._signed(lo, hi, down(centre - spread), up(centre + spread))
        s.c[out] = centres[:, boxes:] + b
        s.g[out] = (self.w @ s.g[rows].reshape(n, -1)).reshape(len(self.w), -1, boxes)
        s.missing[out] = s.missing[rows].any(axis=0)
        off = few * (size + np.abs(b)) + TINY
        if self.rounds:
            off = self._rounding(s, rows, off)
        s.k[out] = (k + few * reach + off) * (1 + few)
        s.settle(self, Kept(-off, off, None, reach))

    def _signed(self, lo: Array, hi: Array, low: Array, high: Array) -> tuple[Array, Array]:
        """Return bounds that rounding has not carried past 0: a sum of what is ≥ 0 is so too."""
        for sign, end in ((1.0, low), (-1.0, high)):
            near = (sign * end < 0) & (
                np.abs(end) <= 1e-12 * (np.abs(low) + np.abs(high)) + 1e3 * TINY
            )
            if near.any():
                a, b = (lo, hi) if sign > 0 else (-hi, -lo)
                wrong = np.where(self.w > 0, 1.0, 0.0) @ (a < 0) + np.where(
                    self.w < 0, 1.0, 0.0
                ) @ (b > 0)
                end[near & (wrong == 0) & (sign * self.b[:, None] >= 0)] = 0.0
        return low, high

    def _rounding(self, s: Sweep, rows: Array, off: Array) -> Array:
        size = self._sizes(s, rows)
        lost = gamma(len(rows) + 2, SINGLE) * size + s.error[rows].sum(axis=0) + 1e-40
        lost = np.where(size < OVERFLOWS, lost, np.inf)
        s.lo[self.out] = down(s.lo[self.out] - lost)
        s.hi[self.out] = up(s.hi[self.out] + lost)
        return np.asarray(off + lost)

    def _sizes(self, s: Sweep, rows: Array) -> Array:
        sizes = np.maximum(np.abs(s.lo[rows]), np.abs(s.hi[rows])) + s.error[rows]
        return np.asarray(sizes.sum(axis=0))

    def descend(self, s: Sweep, adjoint: Array, kept: Kept) -> None:
        """Add to the adjoints of the arguments."""
        for rows, single in zip(self.args, self.single, strict=True):
            if single:
                s.adjoint[rows] += self.w.T @ adjoint
            else:
                np.add.at(s.adjoint, rows, self.w.T @ adjoint)

    def error(self, s: Sweep, e: Array, unit: float) -> Array | float:
        """Return Σ|w|e and γ of the terms' sizes: any order, any fused multiplication."""
        if not self.args:
            return 0.0
        rows = self.args[0]
        if self.rounds:
            lost = e[rows].sum(axis=0) + gamma(len(rows) + 2, SINGLE) * self._sizes(s, rows)
            return np.where(s.other & (e[rows] > 0).any(axis=0), 2 * lost, 0.0)
        sizes = np.maximum(np.abs(s.lo[rows]), np.abs(s.hi[rows])) + e[rows]
        few = gamma(len(rows) + 3, unit)
        total = self.size @ e[rows] + few * (self.size @ sizes + np.abs(self.b)[:, None])
        return np.asarray(total * (1 + gamma(len(rows) + 3)) + TINY)


class Sum(Step):
    """Sums of a few terms, each over arguments of its own."""

    def __init__(self, nodes: Sequence[Node], out: slice, args: Sequence[Array]) -> None:
        """Take the weights."""
        super().__init__(nodes, out, args)
        self.w = np.array([n.data.weights for n in nodes]).T[:, :, None]
        self.b = np.array([n.data.bias for n in nodes])[:, None]

    def rise(self, s: Sweep) -> None:
        """Compute the rows."""
        lo = hi = c = np.broadcast_to(self.b, s.lo[self.out].shape)
        size = np.abs(c)
        for w, rows in zip(self.w, self.args, strict=True):
            low, high = product(w, w, s.lo[rows], s.hi[rows])
            lo, hi, c = sum_below(lo, low), sum_above(hi, high), c + w * s.c[rows]
            size = size + np.abs(w * s.c[rows])
            s.missing[self.out] |= s.missing[rows]
        off = gamma(len(self.w) + 4) * size + TINY
        s.lo[self.out], s.hi[self.out], s.c[self.out] = lo, hi, c
        slopes = tuple(np.broadcast_to(w, c.shape) for w in self.w)
        s.combine(self, Kept(-off, off, slopes))

    def error(self, s: Sweep, e: Array, unit: float) -> Array | float:
        """Return Σ|w|e and γ of the terms' sizes."""
        few = gamma(len(self.w) + 3, unit)
        total = few * np.abs(self.b)
        for w, rows in zip(self.w, self.args, strict=True):
            size = np.maximum(np.abs(s.lo[rows]), np.abs(s.hi[rows])) + e[rows]
            total = total + np.abs(w) * (e[rows] + few * size)
        return np.asarray(total * (1 + gamma(len(self.w) + 8)) + TINY)


class Single(Step):
    """Numbers rounded to float32: the number and half an ulp, wherever its own rounding put it."""

    def rise(self, s: Sweep) -> None:
        """Compute the rows."""
        rows, out = self.args[0], self.out
        size = np.maximum(np.abs(s.lo[rows]), np.abs(s.hi[rows])) + s.error[rows]
        off = np.where(size < OVERFLOWS, 2 * SINGLE * size + 1e-44 + s.error[rows], np.inf)
        with np.errstate(over="ignore"):
            ends = [(s.lo[rows] - s.error[rows]), (s.hi[rows] + s.error[rows])]
            low, high = (x.astype(np.float32).astype(np.float64) for x in ends)
        s.lo[out], s.hi[out], s.c[out] = low, high, s.c[rows]
        s.missing[out] = s.missing[rows]
        s.combine(self, Kept(-off, off, (np.ones_like(off),)))

    def error(self, s: Sweep, e: Array, unit: float) -> Array | float:
        """Return 0, or of another program that rounds another number, that much and half an ulp."""
        rows = self.args[0]
        size = np.maximum(np.abs(s.lo[rows]), np.abs(s.hi[rows])) + e[rows]
        return np.where(s.other & (e[rows] > 0), e[rows] + 4 * SINGLE * size, 0.0)


class Curved(Step):
    """A function of one number, as its tangent and half its curvature, or as a chord."""

    def __init__(
        self, nodes: Sequence[Node], out: slice, args: Sequence[Array], curve: Curve
    ) -> None:
        """Take the function."""
        super().__init__(nodes, out, args[:1])
        self.curve = curve

    def rise(self, s: Sweep) -> None:
        """Compute the rows."""
        rows, out, curve = self.args[0], self.out, self.curve
        lo, hi, lost = self._inside(s, s.lo[rows], s.hi[rows])
        s.lo[out], s.hi[out] = curve.range(lo, hi)
        s.lo[out][lost], s.hi[out][lost] = -np.inf, np.inf
        s.missing[out] = s.missing[rows] | lost | self._outside(s.lo[rows], s.hi[rows])
        origin = np.clip(s.c[rows], lo, hi)
        taylor, low, high = tangent(curve, lo, hi, origin)
        other = chord(curve, lo, hi, origin)
        line, plain = _better(taylor, other)
        self._hang(s, line, plain, origin, (low, high), lost)

    def _inside(self, s: Sweep, lo: Array, hi: Array) -> tuple[Array, Array, Array]:
        """Return the part of intervals inside the domain, and where there is none to speak of."""
        low, high = self.curve.domain
        lo, hi = np.maximum(lo, low), np.minimum(hi, high)
        lost = ~(lo <= hi)
        if self.curve.pole:
            lost |= (lo <= 0) & (hi >= 0)
        return np.where(lost, 0.5, lo), np.where(lost, 0.5, hi), lost

    def _outside(self, lo: Array, hi: Array) -> Array:
        return np.asarray((lo < self.curve.domain[0]) | (hi > self.curve.domain[1]))

    def _hang(
        self, s: Sweep, line: Line, plain: Array, origin: Array,
        curvature: tuple[Array, Array], lost: Array,
    ) -> None:  # fmt: skip
        rows, out = self.args[0], self.out
        shift = s.c[rows] - origin
        half = 0.5 * line.lo + 0.5 * line.hi
        s.c[out] = c = line.at + line.slope * shift + half
        size = np.abs(line.at) + np.abs(line.slope * shift) + np.abs(half) + np.abs(c)
        off = 16 * UNIT * (size + np.abs(line.slope) * np.abs(origin)) + TINY
        lo, hi = line.lo - half - off, line.hi - half + off
        lo[lost], hi[lost] = np.nan, np.nan
        loose = s.k[rows] + np.abs(shift) * (1 + 2 * UNIT)
        slack = off + line.slack
        bend = Bend(
            np.where(plain, curvature[0], 0.0), np.where(plain, curvature[1], 0.0),
            rows, rows, loose, loose,
            np.where(plain, -half - slack, lo), np.where(plain, -half + slack, hi),
        )  # fmt: skip
        s.combine(self, Kept(lo, hi, (line.slope,), bend=bend))

    def error(self, s: Sweep, e: Array, unit: float) -> Array | float:
        """Return the steepest slope times the argument's error, and 4 ulp of the value."""
        rows = self.args[0]
        lo, hi, lost = self._inside(s, s.lo[rows] - e[rows], s.hi[rows] + e[rows])
        lost |= self._outside(s.lo[rows] - e[rows], s.hi[rows] + e[rows])
        steep = np.maximum(*[np.abs(x) for x in self.curve.slopes(lo, hi)])
        steep = np.where(e[rows] == 0, 0.0, steep)
        size = np.maximum(*[np.abs(x) for x in self.curve.range(lo, hi)])
        found = (steep * e[rows] + FUNCTION_UNITS * unit * size) * (1 + 8 * UNIT) + TINY
        return np.where(lost | np.isnan(found), np.inf, found)


def _better(taylor: Line, other: Line | None) -> tuple[Line, Array]:
    """Return the narrower of two lines for each box, and where it is the tangent."""
    if other is None:
        return taylor, np.ones(taylor.slope.shape, bool)
    # A tenth narrower, for the tangent alone has a quadratic part.
    wide = ~(taylor.hi - taylor.lo <= 1.1 * (other.hi - other.lo))
    parts = zip(
        (taylor.slope, taylor.at, taylor.lo, taylor.hi, taylor.slack),
        (other.slope, other.at, other.lo, other.hi, other.slack),
        strict=True,
    )
    return Line(*[np.where(wide, b, a) for a, b in parts]), ~wide


class Product(Step):
    """The product of two numbers."""

    def rise(self, s: Sweep) -> None:
        """Compute the rows."""
        a, b, out = self.args[0], self.args[1], self.out
        s.lo[out], s.hi[out] = product(s.lo[a], s.hi[a], s.lo[b], s.hi[b])
        s.missing[out] = s.missing[a] | s.missing[b]
        ca, cb = s.c[a], s.c[b]
        s.c[out] = c = ca * cb
        off = 4 * UNIT * np.abs(c) + TINY
        both = s.inc[a] * s.inc[b] * (1 + 4 * UNIT)
        both[np.isnan(both)] = np.inf
        two = np.full_like(c, 2.0)
        bend = Bend(two, two.copy(), a, b, s.k[a], s.k[b], -off, off.copy())
        s.combine(self, Kept(-both - off, both + off, (cb, ca), bend=bend))

    def error(self, s: Sweep, e: Array, unit: float) -> Array | float:
        """Return |a|e_b + |b|e_a + e_a·e_b and a rounding of the product."""
        a, b = self.args[0], self.args[1]
        big_a, big_b = (np.maximum(np.abs(s.lo[x]), np.abs(s.hi[x])) for x in (a, b))
        parts = [(big_a + e[a]) * e[b], big_b * e[a], 4 * unit * (big_a + e[a]) * (big_b + e[b])]
        for x in parts:
            x[np.isnan(x)] = np.inf
        return np.asarray(sum(parts) * (1 + 8 * UNIT) + TINY)


class Maximum(Step):
    """The greater of two numbers: a line between them where they may cross."""

    def rise(self, s: Sweep) -> None:
        """Compute the rows."""
        a, b, out = self.args[0], self.args[1], self.out
        s.lo[out], s.hi[out] = np.maximum(s.lo[a], s.lo[b]), np.maximum(s.hi[a], s.hi[b])
        s.missing[out] = s.missing[a] | s.missing[b]
        low, high = apart(s, a, b)
        share = np.where(low >= 0, 1.0, np.where(high <= 0, 0.0, high / (high - low)))
        share = np.where(np.isfinite(share), np.clip(share, 0.0, 1.0), 0.5)
        over = np.maximum(np.maximum(-share * low, (1 - share) * high), 0.0)
        over = np.where((low >= 0) | (high <= 0), 0.0, over)
        far = np.maximum(np.abs(s.lo[b]), np.abs(s.hi[b]))
        mixed = (share > 0) & (share < 1)
        c = share * s.c[a] + (1 - share) * s.c[b] + 0.5 * over
        size = np.abs(s.c[a]) + np.abs(s.c[b]) + over + np.where(mixed, far, 0.0)
        off = 16 * UNIT * size + TINY
        s.c[out] = c
        s.combine(self, Kept(-0.5 * over - off, 0.5 * over + off, (share, 1 - share)))

    def error(self, s: Sweep, e: Array, unit: float) -> Array | float:
        """Return the greater error."""
        return np.maximum(e[self.args[0]], e[self.args[1]])


def apart(s: Sweep, a: Array, b: Array) -> tuple[Array, Array]:
    """Return bounds of a − b, from both bounds and from the difference of both lines."""
    reach = s.reach(s.g[a] - s.g[b], s.k[a] + s.k[b])
    size = np.abs(s.c[a]) + np.abs(s.c[b])
    steep = s.reach(np.abs(s.g[a]) + np.abs(s.g[b]), 0.0)
    reach = reach + 4 * UNIT * (size + steep) + TINY
    centre = s.c[a] - s.c[b]
    low, high = down(s.lo[a] - s.hi[b]), up(s.hi[a] - s.lo[b])
    return np.fmax(low, down(centre - reach)), np.fmin(high, up(centre + reach))


class Absolute(Step):
    """|x|: a chord where x may be 0."""

    def rise(self, s: Sweep) -> None:
        """Compute the rows."""
        rows, out = self.args[0], self.out
        lo, hi = s.lo[rows], s.hi[rows]
        over_zero = (lo <= 0) & (hi >= 0)
        s.lo[out] = np.where(over_zero, 0.0, np.minimum(np.abs(lo), np.abs(hi)))
        s.hi[out] = np.maximum(np.abs(lo), np.abs(hi))
        s.missing[out] = s.missing[rows]
        slope = np.where(lo >= 0, 1.0, np.where(hi <= 0, -1.0, (hi + lo) / (hi - lo)))
        slope = np.where(np.isfinite(slope), np.clip(slope, -1.0, 1.0), 0.0)
        over = np.maximum(np.maximum(hi * (1 - slope), -lo * (1 + slope)), 0.0)
        over = np.where((lo >= 0) | (hi <= 0), 0.0, over)
        s.c[out] = slope * s.c[rows] + 0.5 * over
        off = 16 * UNIT * (np.abs(s.c[rows]) + over) + TINY
        s.combine(self, Kept(-0.5 * over - off, 0.5 * over + off, (slope,)))

    def error(self, s: Sweep, e: Array, unit: float) -> Array | float:
        """Return the argument's error."""
        return e[self.args[0]]
