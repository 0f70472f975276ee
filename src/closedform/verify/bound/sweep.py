"""One pass up a tape and one down, over many boxes at once: the bounds of its nodes.

For a box with centre c and radius r, every number n of the graph keeps, at each point x = c + h,

    n(x) in [lo, hi]    and    n(x) = C + G·h + k with |k| ≤ K,

where C and G are plain floats: what rounding they hold is in K. A step says how its value hangs on
its arguments: n − C = Σ sᵢ(aᵢ − Cᵢ) + R, with slopes s and a remainder R. Summing these from the
root downwards gives the root as a line plus Σ Aₙ·Rₙ (as in affine arithmetic: Stolfi and de
Figueiredo 1997; of networks: Singh et al. 2018, Zhang et al. 2018); and where R is half a curvature
times a square, as a line plus a quadratic form, in which what model and formula share cancels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from closedform.ir import Array, Node
from closedform.verify.bound.rounded import LARGEST, TINY, UNIT, down, gamma, middle, radius, up

if TYPE_CHECKING:
    from closedform.verify.bound.tape import Tape

MOST_SQUARES = 8
"""Inputs up to which the quadratic form is made: of 15 it would take longer than all else."""


@dataclass
class Bend:
    """The quadratic part of a remainder: Σ coefficient·(G_a·h + k_a)(G_b·h + k_b) / 2.

    Attributes:
        lo, hi: the coefficient, shape (nodes, boxes); 0 where a node has none.
        a, b: rows of the two factors.
        off_a, off_b: bounds of |k_a| and |k_b|.
        rest_lo, rest_hi: what of the remainder is left.
    """

    lo: Array
    hi: Array
    a: Array
    b: Array
    off_a: Array
    off_b: Array
    rest_lo: Array
    rest_hi: Array


@dataclass
class Kept:
    """What one step leaves for the way down.

    Attributes:
        lo, hi: bounds of the remainder R.
        slopes: one array for each argument; None of a layer, whose weights are its slopes.
        reach: Σ |slope|·|a − C|, which a rounded slope is relative to.
        broken: nodes without slopes, whose remainder is all they are; None if there are none.
        bend: the quadratic part.
        first: which argument the first open question of each node is about, -1 for none.
    """

    lo: Array
    hi: Array
    slopes: tuple[Array, ...] | None = ()
    reach: Array | float = 0.0
    broken: Array | None = None
    bend: Bend | None = None
    first: Array | None = None


class Step:
    """Some nodes of one kind: rows `out` from rows `args`."""

    def __init__(self, nodes: Sequence[Node], out: slice, args: Sequence[Array]) -> None:
        """Prepare the step."""
        self.nodes, self.out, self.args = list(nodes), out, list(args)
        self.single = [len(np.unique(a)) == len(a) for a in args]

    def rise(self, s: Sweep) -> None:
        """Compute the rows `out` of a sweep."""
        raise NotImplementedError

    def error(self, s: Sweep, e: Array, unit: float) -> Array | float:
        """Return how far a program in floating point may be from the reals, from its arguments.

        Args:
            s: a sweep over the boxes asked about.
            e: the errors of all rows so far, shape (rows, boxes).
            unit: the unit of rounding.
        """
        return 0.0

    def descend(self, s: Sweep, adjoint: Array, kept: Kept) -> None:
        """Add to the adjoints of the arguments."""
        for slope, rows, single in zip(kept.slopes or (), self.args, self.single, strict=False):
            if single:
                s.adjoint[rows] += adjoint * slope
            else:
                np.add.at(s.adjoint, rows, adjoint * slope)


class Jumping(Step):
    """Nodes whose value may jump: where a program computes the argument otherwise, all of it."""

    def error(self, s: Sweep, e: Array, unit: float) -> Array | float:
        """Return 0, or of another program all that the value ranges over."""
        if not s.other:
            return 0.0
        inexact = np.any([e[rows] > 0 for rows in self.args], axis=0)
        if len(inexact) != len(self.nodes):  # nodes of several arguments that they share
            inexact = inexact.any(axis=0)
        return np.where(inexact, up(s.hi[self.out] - s.lo[self.out]), 0.0)


class Unknown(Step):
    """Nodes of which nothing is known: any number, or none."""

    def rise(self, s: Sweep) -> None:
        """Compute the rows."""
        s.lo[self.out], s.hi[self.out], s.missing[self.out] = -np.inf, np.inf, True
        s.opaque(self)

    def error(self, s: Sweep, e: Array, unit: float) -> Array | float:
        """Return infinity."""
        return np.inf


class Sweep:
    """The bounds of all rows of a tape over many boxes.

    Attributes:
        lo, hi, c, k, inc: shape (rows, boxes): bounds, reference, its slack, and |n − C|.
        g: slopes along the wide inputs, shape (rows, wide inputs, boxes).
        missing: where a value may be missing.
        wide: which inputs of the tape have any width.
        error: how far a program in floating point may be from the reals, shape (rows, boxes), or
            (rows, 1) where it is known for all boxes.
    """

    def __init__(
        self, tape: Tape, lo: Array, hi: Array, error: Array | None = None, unit: float = UNIT,
        inputs: float = 0.0, other: bool = False,
    ) -> None:  # fmt: skip
        """Run the tape over boxes.

        Args:
            tape: the steps.
            lo, hi: the boxes, shape (inputs of the tape, boxes).
            error: the errors of all rows, where they are known.
            unit: the program's unit of rounding, where they are not.
            inputs: to how many units the program rounds its inputs.
            other: whether errors are those of another program, which may take other branches; else
                a choice is the program's own, and has none.
        """
        self.tape, boxes, rows = tape, lo.shape[1], tape.rows
        count = len(tape.inputs)
        self.boxes = boxes
        self.wide = np.flatnonzero((hi > lo).any(axis=1))
        self.error = np.zeros((rows, boxes)) if error is None else error
        self.other = other
        self.lo, self.hi, self.c, self.k, self.inc = np.zeros((5, rows, boxes))
        self.g = np.zeros((rows, len(self.wide), boxes))
        self.missing = np.zeros((rows, boxes), bool)
        self.kept: dict[Step, Kept] = {}
        self.adjoint = np.zeros((0, 0))
        self.lo[:count], self.hi[:count] = lo, hi
        self.c[:count] = middle(lo, hi)
        self.radii = radius(lo, hi, self.c[:count])
        self.r = self.radii[self.wide]
        # A slope of 2e-321 has three digits: with a radius of 1e200 that is no small change.
        self.lost = TINY * np.minimum(self.r, LARGEST).sum(axis=0)
        self.inc[:count] = self.radii
        self.g[self.wide, np.arange(len(self.wide))] = 1.0
        fixed = slice(count, count + len(tape.fixed))
        for rows_of in (self.lo, self.hi, self.c):
            rows_of[fixed] = tape.fixed[:, None]
        # What is infinite counts as missing: its sine is, and 0 times it.
        self.missing[fixed] = ~np.isfinite(tape.fixed)[:, None]
        self.missing[:count] = ~np.isfinite(lo - hi)
        if error is None:
            self.error[:count] = inputs * unit * np.maximum(np.abs(lo), np.abs(hi))
        with np.errstate(all="ignore"):
            for step in tape.steps:
                step.rise(self)
                if error is None:
                    found = step.error(self, self.error, unit)
                    self.error[step.out] = np.where(np.isnan(found), np.inf, found)

    def reach(self, slopes: Array, slack: Array | float) -> Array:
        """Return a bound of |G·h + k|."""
        found = np.einsum("ndb,db->nb", np.abs(slopes), self.r)
        return np.asarray((found + slack) * (1 + gamma(len(self.wide) + 4)))

    def settle(self, step: Step, kept: Kept) -> None:
        """Finish rows whose V, C, G and K are set: bounds from both forms, none left undefined."""
        out = step.out
        lo, hi, c, k = self.lo[out], self.hi[out], self.c[out], self.k[out]
        k += self.lost
        inc = self.reach(self.g[out], k)
        lo[:] = np.fmax(lo, down(c - inc))
        hi[:] = np.fmin(hi, up(c + inc))
        np.copyto(lo, -np.inf, where=np.isnan(lo))
        np.copyto(hi, np.inf, where=np.isnan(hi))
        self.missing[out] |= ~np.isfinite(lo - hi)
        bad = ~np.isfinite(inc + np.abs(c))
        if bad.any():
            self._break(out, bad, kept)
            inc[bad] = k[bad]
        self.inc[out] = np.minimum(inc, radius(lo, hi, c))
        self.kept[step] = kept

    def _break(self, out: slice, bad: Array, kept: Kept) -> None:
        lo, hi = self.lo[out], self.hi[out]
        mid = middle(lo, hi)
        self.c[out][bad] = mid[bad]
        self.g[out][np.broadcast_to(bad[:, None], self.g[out].shape)] = 0.0
        self.k[out][bad] = radius(lo, hi, mid)[bad]
        kept.lo, kept.hi = (np.array(np.broadcast_to(x, bad.shape)) for x in (kept.lo, kept.hi))
        kept.lo[bad], kept.hi[bad] = down(lo - mid)[bad], up(hi - mid)[bad]
        kept.broken = bad
        kept.slopes = kept.slopes and tuple(np.where(bad, 0.0, x) for x in kept.slopes)
        kept.reach = np.where(bad, 0.0, kept.reach)
        if kept.bend is not None:
            for rows_of, value in (
                (kept.bend.lo, 0.0), (kept.bend.hi, 0.0),
                (kept.bend.rest_lo, kept.lo), (kept.bend.rest_hi, kept.hi),
            ):  # fmt: skip
                rows_of[bad] = np.broadcast_to(value, bad.shape)[bad]

    def opaque(self, step: Step, first: Array | None = None) -> None:
        """Finish rows of which bounds alone are known."""
        out = step.out
        lo, hi = self.lo[out], self.hi[out]
        np.copyto(lo, -np.inf, where=np.isnan(lo))
        np.copyto(hi, np.inf, where=np.isnan(hi))
        self.missing[out] |= ~np.isfinite(lo - hi)
        self.c[out] = mid = middle(lo, hi)
        self.k[out] = self.inc[out] = radius(lo, hi, mid)
        self.kept[step] = Kept(down(lo - mid), up(hi - mid), first=first)

    def combine(self, step: Step, kept: Kept) -> None:
        """Finish rows whose V, C, slopes and remainder are set: G and K follow from them."""
        out, slopes = step.out, kept.slopes or ()
        g: Array | float = 0.0
        k = np.maximum(np.abs(kept.lo), np.abs(kept.hi))
        reach = np.zeros_like(k)
        for slope, rows in zip(slopes, step.args, strict=True):
            moved = self.g[rows]
            moved *= slope[:, None]
            g = g + moved if isinstance(g, np.ndarray) else moved
            size = np.abs(slope)
            k = k + np.where(size == 0, 0.0, size * self.k[rows])  # 0·∞: it is not chosen
            reach += np.where(size == 0, 0.0, size * self.inc[rows])
        few = gamma(len(slopes) + 4)
        self.g[out], kept.reach = g, reach
        self.k[out] = (k + few * reach) * (1 + few) + TINY
        self.settle(step, kept)

    def fall(self, row: int) -> Bound:
        """Return bounds of one row, by going down from it."""
        with np.errstate(all="ignore"):
            return Descent(self, row).bound()


@dataclass
class Bound:
    """The bounds of one number over many boxes.

    Attributes:
        lo, hi: shape (boxes,).
        missing: where it may be missing.
        blame: what each wide input adds to the width, shape (wide inputs, boxes).
        lean: the sign of the slope along each wide input: towards which corner it grows.
    """

    lo: Array
    hi: Array
    missing: Array
    blame: Array
    lean: Array


@dataclass
class Descent:
    """The way down from one row: adjoints, and what all remainders come to."""

    s: Sweep
    row: int
    lo: Array = field(init=False)
    hi: Array = field(init=False)
    rest_lo: Array = field(init=False)
    rest_hi: Array = field(init=False)
    off: Array = field(init=False)
    size: Array = field(init=False)
    blame: Array = field(init=False)

    def __post_init__(self) -> None:
        """Go down all the steps."""
        s = self.s
        wide = len(s.wide)
        self.lo, self.hi, self.rest_lo, self.rest_hi, self.off, self.size = np.zeros((6, s.boxes))
        self.blame = np.zeros((wide, s.boxes))
        self.squares = 0 < wide <= MOST_SQUARES
        pairs = wide * (wide + 1) // 2 if self.squares else 0
        self.mid, self.rad = np.zeros((2, pairs, s.boxes))
        s.adjoint = np.zeros((s.tape.rows, s.boxes))
        s.adjoint[self.row] = 1.0
        for step in reversed(s.tape.steps):
            adjoint = s.adjoint[step.out]
            # A condition has no slope; ∞·0 of a choice may still have left NaN there.
            if step in s.kept and adjoint.any():
                self._pass(step, adjoint, s.kept[step])

    def _pass(self, step: Step, adjoint: Array, kept: Kept) -> None:
        a, b = adjoint * kept.lo, adjoint * kept.hi
        for part in (a, b):
            np.copyto(part, 0.0, where=adjoint == 0)  # 0·∞: nothing hangs on it
        low, high = np.minimum(a, b), np.maximum(a, b)
        self.lo += low.sum(axis=0)
        self.hi += high.sum(axis=0)
        self.size += np.maximum(np.abs(low), np.abs(high)).sum(axis=0)
        self.off += (np.abs(adjoint) * kept.reach).sum(axis=0)
        self._accuse(step, high - low, kept)
        if self.squares:
            self._bend(kept, adjoint, low, high)
        if kept.broken is not None:
            adjoint = np.where(kept.broken, 0.0, adjoint)
        step.descend(self.s, adjoint, kept)

    def _accuse(self, step: Step, width: Array, kept: Kept) -> None:
        s = self.s
        if kept.first is not None:
            asked = [np.where(kept.first == j, width, 0.0).sum(0) for j in range(len(step.args[0]))]
            places, width = [step.args[0]], np.array(asked)
        else:
            places = [] if kept.slopes is None else step.args
        for rows in places:
            part = width / np.maximum(s.inc[rows], 1e-300)
            part[~np.isfinite(part)] = 0.0
            self.blame += np.einsum("nb,ndb->db", part, np.abs(s.g[rows])) * s.r

    def _bend(self, kept: Kept, adjoint: Array, low: Array, high: Array) -> None:
        bend, s = kept.bend, self.s
        if bend is None:
            self.rest_lo += low.sum(axis=0)
            self.rest_hi += high.sum(axis=0)
            return
        a, b = adjoint * bend.rest_lo, adjoint * bend.rest_hi
        for part in (a, b):
            np.copyto(part, 0.0, where=adjoint == 0)
        self.rest_lo += np.minimum(a, b).sum(axis=0)
        self.rest_hi += np.maximum(a, b).sum(axis=0)
        self.size += np.maximum(np.abs(a), np.abs(b)).sum(axis=0)
        p, q = adjoint * bend.lo, adjoint * bend.hi
        mid = 0.5 * (p + q)
        many = gamma(len(mid) * len(s.tape.steps) + 16)
        rad = 0.5 * np.abs(p - q) * (1 + many) + many * np.abs(mid)
        ga, gb = s.g[bend.a], s.g[bend.b]
        far_a = s.reach(ga, 0.0)
        far_b = far_a if bend.a is bend.b else s.reach(gb, 0.0)
        loose = bend.off_a * far_b + far_a * bend.off_b + bend.off_a * bend.off_b
        spare = (0.5 * np.maximum(np.abs(p), np.abs(q)) * loose).sum(axis=0) * (1 + many)
        # The products of slopes, too, may underflow.
        spare += TINY * np.maximum(np.abs(p), np.abs(q)).sum(axis=0) * np.square(s.r.sum(axis=0))
        self.rest_lo -= spare
        self.rest_hi += spare
        self._add_squares(mid, rad, ga, gb, bend.a is bend.b)

    def _add_squares(self, mid: Array, rad: Array, ga: Array, gb: Array, same: bool) -> None:
        at = 0
        for i in range(ga.shape[1]):
            for j in range(i + 1):
                cross = ga[:, i] * gb[:, j]
                size = np.abs(cross)
                if not same:
                    other = ga[:, j] * gb[:, i]
                    cross, size = 0.5 * (cross + other), 0.5 * (size + np.abs(other))
                self.mid[at] += np.einsum("nb,nb->b", mid, cross)
                self.rad[at] += np.einsum("nb,nb->b", rad, size)
                at += 1

    def bound(self) -> Bound:
        """Return the tightest of all forms."""
        s, row = self.s, self.row
        slopes = s.adjoint[s.wide]
        line = np.abs(slopes) * s.r
        flat = line.sum(axis=0)
        rounding = self._rounding(flat)
        lo = s.c[row] + self.lo - flat - rounding
        hi = s.c[row] + self.hi + flat + rounding
        if self.squares:
            low, high = self._square_form(slopes)
            lo = np.fmax(lo, s.c[row] + self.rest_lo + low - rounding)
            hi = np.fmin(hi, s.c[row] + self.rest_hi + high + rounding)
        lo, hi = np.fmax(s.lo[row], down(lo)), np.fmin(s.hi[row], up(hi))
        return Bound(lo, hi, s.missing[row], self.blame, np.sign(slopes))

    def _rounding(self, flat: Array) -> Array:
        s = self.s
        terms = s.tape.rows + len(s.wide) + 8
        most = max((max(len(a) for a in t.args) for t in s.tape.steps if t.args), default=1)
        size = np.abs(s.c[self.row]) + self.size + flat + s.inc[self.row]
        return np.asarray(
            gamma(terms) * size
            + gamma(most + s.tape.rows + 8) * self.off
            + terms * TINY * (1 + np.where(np.isfinite(s.inc), s.inc, 0.0).max(axis=0))
        )

    def _square_form(self, slopes: Array) -> tuple[Array, Array]:
        """Return the range of slopes·h + ½ hᵀMh, each diagonal term at its own extreme."""
        low, high, at = np.zeros_like(self.lo), np.zeros_like(self.lo), 0
        for i, r in enumerate(self.s.r):
            for j in range(i):
                both = (np.abs(self.mid[at]) + self.rad[at]) * r * self.s.r[j]
                low, high, at = low - both, high + both, at + 1
            up_to = _summit(np.abs(slopes[i]), self.mid[at] + self.rad[at], r)
            down_to = _summit(np.abs(slopes[i]), self.rad[at] - self.mid[at], r)
            low, high, at = low - down_to, high + up_to, at + 1
        extra = gamma(4 * len(self.s.r) ** 2 + 16) * (np.abs(low) + np.abs(high))
        size = self._largest_square()
        return low - extra - size, high + extra + size

    def _largest_square(self) -> Array:
        """Return what the rounding of all terms of the form may come to."""
        total, at = np.zeros_like(self.lo), 0
        for i, r in enumerate(self.s.r):
            for j in range(i + 1):
                total += (np.abs(self.mid[at]) + self.rad[at]) * r * self.s.r[j]
                at += 1
        return gamma(4 * len(self.s.r) ** 2 + 16) * total


def _summit(slope: Array, curvature: Array, r: Array) -> Array:
    """Return the greatest slope·h + ½ curvature·h² for |h| ≤ r, slope not negative."""
    # Never slope² or r²: of a slope of 1e-170 that is 0.
    end = slope * r + 0.5 * curvature * r * r
    inside = (curvature < 0) & (slope < -curvature * r)
    top = np.where(inside, slope * (slope / np.where(inside, -2 * curvature, 1.0)), end)
    wide = top * np.where(top > 0, 1 + 16 * UNIT, 1 - 16 * UNIT)
    return np.asarray(wide + 8 * UNIT * slope * r + TINY)
