"""Which way a number goes as one input grows, told from which way each operation goes.

What is told so takes no boxes and holds of jumps too: of trees leaf by leaf, of sums rounded to
float32, of what is rounded down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from math import prod
from typing import Any

import numpy as np

from closedform import ops
from closedform.evaluate import bounds
from closedform.ir import Array, Interval, Node, Type, toposort
from closedform.ops.payloads import Pieces, Tree

Direction = int | None
"""1: never falls; −1: never grows; 0: does not move; None: not known."""
MOST_LEAVES = 1024
"""Each leaf is held against each other one."""


@np.errstate(all="ignore")
def direction(root: Node, at: int, box: Mapping[int, Interval]) -> Direction:
    """Return which way a number goes as the input at one position grows, over a box."""
    order = [n for n in toposort([root]) if n.type is Type.REAL]
    inside = dict(zip(order, bounds(order, box), strict=True))
    found: dict[Node, Direction] = {}
    x = ops.input_(at)
    still: dict[Node, bool] = {}
    for n in toposort([root]):
        still[n] = n is not x and all(still[a] for a in n.args)
        if n is x:
            found[n] = 1
        elif still[n]:
            found[n] = 0
        else:
            found[n] = _of(n, [found[a] for a in n.args], [inside.get(a) for a in n.args])
    return found[root]


def _of(n: Node, moving: Sequence[Direction], inside: Sequence[Any]) -> Direction:
    rule = UP if n.op in RISING else RULES.get(n.op)
    if rule is None or n.type is not Type.REAL:
        return None
    return _joined(
        None if d is None or way is None else d * way
        for d, way in zip(moving, rule(n, inside), strict=True)
        if d != 0
    )


def _joined(ways: Iterable[Direction]) -> Direction:
    all_of_them = set(ways) - {0}
    return all_of_them.pop() if len(all_of_them) == 1 else None if all_of_them else 0


def _sign(x: Interval) -> Direction:
    return 1 if x.lo >= 0 else -1 if x.hi <= 0 else None


Rule = Callable[[Node, Sequence[Interval]], Sequence[Direction]]


def UP(n: Node, _: Sequence[Interval]) -> Sequence[Direction]:
    """It grows with every argument."""
    return [1] * len(n.args)


def _weighted(n: Node, _: Sequence[Interval]) -> Sequence[Direction]:
    return [int(s) for s in np.sign(n.data.weights)]


def _product(n: Node, inside: Sequence[Interval]) -> Sequence[Direction]:
    signs = [_sign(x) for x in inside]
    others = [signs[:i] + signs[i + 1 :] for i in range(len(signs))]
    return [None if None in o else prod(s for s in o if s is not None) for o in others]


def _quotient(n: Node, inside: Sequence[Interval]) -> Sequence[Direction]:
    a, b = inside
    if b.lo <= 0 <= b.hi:
        return [None, None]
    above = _sign(a)
    return [_sign(b), None if above is None else -above]


def _power(n: Node, inside: Sequence[Interval]) -> Sequence[Direction]:
    x, p = inside[0], n.args[1].data if n.args[1].op is ops.CONST else np.nan
    if p > 0 and (x.lo >= 0 or p % 2 == 1):
        return [1, None]
    if p > 0 and x.hi <= 0 and p % 2 == 0:
        return [-1, None]
    return [-1 if p < 0 and x.lo > 0 else None, None]


def _piecewise(n: Node, inside: Sequence[Interval]) -> Sequence[Direction]:
    data: Pieces = n.data
    if data.coefs.shape[1] > 1 or inside[0].missing:
        return [None]
    side: Any = "left" if data.right_closed else "right"
    first, last = np.searchsorted(data.edges, [inside[0].lo, inside[0].hi], side)
    return [_way(np.diff(data.coefs[first : last + 1, 0]))]


def _tree(n: Node, inside: Sequence[Interval]) -> Sequence[Direction]:
    tree: Tree = n.data
    if tree.splits.leaf.sum() > MOST_LEAVES:
        return [None] * len(n.args)
    lo, hi, lost, values = _leaves(tree, inside)
    meet = [_meet(*one) for one in zip(lo, hi, lost, strict=True)]
    return [
        None if inside[j].missing else _along(lo[j], hi[j], values, meet[:j] + meet[j + 1 :])
        for j in range(len(n.args))
    ]


def _leaves(tree: Tree, inside: Sequence[Interval]) -> tuple[Array, Array, Array, Array]:
    """Return the box of each leaf that can be reached, whether of missing values, and its value."""
    s = tree.splits
    lo, hi = (np.zeros((len(inside), len(s.child))) for _ in range(2))
    lost = np.zeros(lo.shape, bool)
    for j, x in enumerate(inside):
        lo[j], hi[j], lost[j] = x.lo, x.hi, x.missing
    for i in np.flatnonzero(~s.leaf):
        f, left, right = s.feature[i], s.child[i], s.child[i] + 1
        for part in (lo, hi, lost):
            part[:, left] = part[:, right] = part[:, i]
        if s.member[i] < 0:  # of sets of labels nothing is told apart
            t = np.nextafter(s.threshold[i], -np.inf) if s.below else s.threshold[i]
            hi[f, left] = min(hi[f, i], t)
            lo[f, right] = max(lo[f, i], np.nextafter(t, np.inf))
            lost[f, left], lost[f, right] = (
                lost[f, i] & s.missing_left[i], lost[f, i] & ~s.missing_left[i]
            )  # fmt: skip
    held = s.leaf & ((lo <= hi) | lost).all(axis=0)
    return lo[:, held], hi[:, held], lost[:, held], tree.values[held]


def _meet(lo: Array, hi: Array, lost: Array) -> Array:
    """Return which leaves share a value of one argument, shape (leaves, leaves)."""
    overlap = np.maximum.outer(lo, lo) <= np.minimum.outer(hi, hi)
    return np.asarray(overlap | np.logical_and.outer(lost, lost))


def _along(lo: Array, hi: Array, values: Array, others: Sequence[Array]) -> Direction:
    """Return which way a tree goes along one argument, the others staying the same."""
    after = np.less.outer(lo, hi)  # a number of the first leaf below one of the second
    for meet in others:
        after &= meet
    first, second = np.nonzero(after)
    return _way(values[second] - values[first])


def _way(steps: Array) -> Direction:
    if (steps == 0).all():
        return 0
    return 1 if (steps >= 0).all() else -1 if (steps <= 0).all() else None


RISING = frozenset([
    ops.EXP, ops.EXPM1, ops.LOG, ops.LOG1P, ops.SQRT, ops.TANH, ops.SIGMOID, ops.SOFTPLUS, ops.ERF,
    ops.PROBIT, ops.ATAN, ops.ASIN, ops.FLOOR, ops.SIGN, ops.ROUND32, ops.SUM32, ops.MAX, ops.MIN,
    ops.KTH, ops.WEIGHTED_MEDIAN,
])  # fmt: skip
RULES: dict[Any, Rule] = {
    ops.LIN: _weighted,
    ops.MUL: _product,
    ops.DIV: _quotient,
    ops.POW: _power,
    ops.ABS: lambda n, inside: [_sign(inside[0])],
    ops.ACOS: lambda n, inside: [-1],
    ops.PIECEWISE: _piecewise,
    ops.TREE: _tree,
}
"""Which way an operation goes with each of its arguments."""
