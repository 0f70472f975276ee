"""The difference of two networks unit by unit: f(a) − f(b) is of the size of a − b.

A network and the same without some weights, or with rounded ones, differ by little where each of
them bends much. So units are paired by their weights, and each pair becomes one number,
f(b + d) − f(b) = f'(ξ)·d, as in differential verification (Paulsen, Wang and Wang, 2020).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction

import numpy as np

from closedform import ops
from closedform.ir import EVERYTHING, Array, Node, Op, Type, node, toposort
from closedform.verify.bound.curves import CURVES
from closedform.verify.bound.rounded import TINY, UNIT, product
from closedform.verify.bound.sweep import Kept, Step, Sweep

MOST_UNITS = 160
"""Units of one side: each is held against each of the other."""
ALIKE = 0.5
"""Weights are alike from here on: 1 if they are the same, 0 if nothing is shared."""
BENT = ("tanh", "sigmoid", "softplus", "erf", "atan", "exp", "sin", "cos")
SMOOTH = (ops.INPUT, ops.CONST, ops.LIN, ops.MUL, ops.MAX, ops.ABS, ops.POW)
GAP = Op("gap of", Type.REAL, lambda *_: np.array(math.nan), bounds=lambda *_: EVERYTHING)
"""f(b + d) − f(b) of d and b; known to bounds alone."""

Weights = dict[Node | None, float]


def paired(root: Node) -> Node | None:
    """Return a difference a − b over pairs of their units, or None where there is nothing to pair.

    Args:
        root: 1·a − 1·b in normal form, as `certify` makes it.
    """
    if root.op is not ops.LIN or root.data.weights.tolist() != [1.0, -1.0] or root.data.bias:
        return None
    a, b = root.args
    if any(n.op not in SMOOTH and n.op.name not in CURVES for n in toposort([root])):
        return None
    ours, theirs = _units(a), _units(b)
    both = set(ours) & set(theirs)
    ours, theirs = [n for n in ours if n not in both], [n for n in theirs if n not in both]
    if not 0 < max(len(ours), len(theirs)) <= MOST_UNITS:
        return None
    partner = _partners(ours, theirs)
    gaps: dict[Node, Node] = {}
    try:
        for n, other in partner.items():
            below = _apart(_inside(n), _inside(other), partner, gaps)
            gaps[n] = node(GAP, (below, _inside(other)), data=_kind(n))
        return _apart(a, b, partner, gaps) if gaps else None
    except (ArithmeticError, ValueError):  # weights that are no numbers, or differ by 1e-330
        return None


def _units(root: Node) -> list[Node]:
    return [n for n in toposort([root]) if _kind(n) and _inside(n).op is ops.LIN]


def _kind(n: Node) -> tuple[str, float] | None:
    """Return the function of a unit, and where it has its kink."""
    if n.op is ops.MAX:
        fixed = [x for x in n.args if x.op is ops.CONST]
        return ("max", float(fixed[0].data)) if len(n.args) == 2 and len(fixed) == 1 else None
    return (n.op.name, 0.0) if n.op.name in BENT else None


def _inside(n: Node) -> Node:
    return next(x for x in n.args if x.op is not ops.CONST) if n.op is ops.MAX else n.args[0]


def _partners(ours: Sequence[Node], theirs: Sequence[Node]) -> dict[Node, Node]:
    """Return for each of our units the one that is most like it, where one is."""
    found: dict[Node, Node] = {}
    free = {n: _weights(_inside(n), {}) for n in theirs}
    for n in ours:
        mine = _weights(_inside(n), found)
        scored = [(_alike(mine, w), other) for other, w in free.items() if _kind(other) == _kind(n)]
        best = max(scored, key=lambda x: x[0], default=(0.0, None))
        if best[1] is not None and best[0] > ALIKE:
            found[n] = best[1]
            del free[best[1]]
    return found


def _weights(lin: Node, partner: Mapping[Node, Node]) -> Weights:
    found: Weights = {None: lin.data.bias}
    for w, x in zip(lin.data.weights.tolist(), lin.args, strict=True):
        at = partner.get(x, x)
        found[at] = found.get(at, 0.0) + w
    return found


def _alike(a: Weights, b: Weights) -> float:
    size = sum(w * w for w in a.values()) + sum(w * w for w in b.values())
    return 2 * sum(w * b.get(x, 0.0) for x, w in a.items()) / size if size > 0 else 0.0


def _apart(a: Node, b: Node, partner: Mapping[Node, Node], gaps: Mapping[Node, Node]) -> Node:
    """Return a − b over the reals, exactly: what two weights differ by may take two floats."""
    if a in gaps and partner[a] is b:
        return gaps[a]
    terms: dict[Node, Fraction] = defaultdict(Fraction)
    for side, sign in ((a, 1), (b, -1)):
        for w, x in _terms(side):
            terms[partner[x] if sign > 0 and x in gaps else x] += sign * Fraction(w)
            if sign > 0 and x in gaps:
                terms[gaps[x]] += Fraction(w)
    parts = [(w, x) for x, total in terms.items() for w in _floats(total)]
    return ops.linear(0.0, [w for w, _ in parts], [x for _, x in parts])


def _terms(n: Node) -> Iterable[tuple[float, Node]]:
    if n.op is not ops.LIN:
        return [(1.0, n)]
    own = zip(n.data.weights.tolist(), n.args, strict=True)
    return [*own, (n.data.bias, ops.const(1.0))]


def _floats(total: Fraction) -> Iterable[float]:
    while total:
        part = float(total)
        if part == 0.0:
            raise ArithmeticError("below all floats")
        yield part
        total -= Fraction(part)


class Gap(Step):
    """f(b + d) − f(b), as the slope of f somewhere between times d."""

    def rise(self, s: Sweep) -> None:
        """Compute the rows."""
        d, b = self.args
        out, (name, kink) = self.out, self.nodes[0].data
        lo = np.minimum(s.lo[b], s.lo[b] + s.lo[d] * (1 + 4 * UNIT) - TINY)
        hi = np.maximum(s.hi[b], s.hi[b] + s.hi[d] * (1 + 4 * UNIT) + TINY)
        lo, hi = lo - 4 * UNIT * np.abs(lo), hi + 4 * UNIT * np.abs(hi)
        least, most = self._slopes(name, kink, lo, hi)
        s.lo[out], s.hi[out] = product(least, most, s.lo[d], s.hi[d])
        s.missing[out] = s.missing[d] | s.missing[b]
        slope = 0.5 * least + 0.5 * most
        rest = np.maximum(most - slope, slope - least) * (1 + 4 * UNIT)
        size = np.maximum(np.abs(s.lo[d]), np.abs(s.hi[d]))
        s.c[out] = c = slope * s.c[d]
        off = rest * size * (1 + 4 * UNIT) + 8 * UNIT * np.abs(c) + TINY
        s.combine(self, Kept(-off, off, (slope, np.zeros_like(slope))))

    def _slopes(self, name: str, kink: float, lo: Array, hi: Array) -> tuple[Array, Array]:
        if name == "max":
            return np.where(lo >= kink, 1.0, 0.0), np.where(hi <= kink, 0.0, 1.0)
        return CURVES[name].slopes(lo, hi)
