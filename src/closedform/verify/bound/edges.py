"""Points at the edges of what is defined: where a denominator is 0, a logarithm's argument ends.

A search by halves comes near such a point and never upon it. Between a sampled point on one side
of an edge and one on the other, halving one input, float by float, ends at two neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Array, Node, Type, toposort

MOST_EDGES = 12
"""Edges that are looked for: each takes some 70 evaluations of a few points."""
PAIRS = 16
"""Pairs of points to start from, for each edge."""

Values = Callable[[Array], Array]


def edges_of(roots: Sequence[Node]) -> list[Node]:
    """Return numbers at whose zeros something may be undefined, or an equality true."""
    found: dict[Node, None] = {}
    for n in toposort(roots):
        for edge in _edges(n):
            found |= dict.fromkeys(_factors(edge))
    return [n for n in found if n.op is not ops.CONST][:MOST_EDGES]


def _edges(n: Node) -> Iterator[Node]:
    if n.op is ops.EQUAL and n.args[0].type is Type.REAL:
        yield ops.lin(0.0, (1.0, n.args[0]), (-1.0, n.args[1]))
    elif n.op is ops.DIV:
        yield n.args[1]
    elif n.op is ops.POW and n.args[1].op is ops.CONST and n.args[1].data < 0:
        yield n.args[0]
    else:
        for end in ENDS.get(n.op, ()):
            yield ops.lin(-end, (1.0, n.args[0]))


ENDS: dict[Any, tuple[float, ...]] = {
    ops.LOG: (0.0,), ops.LOG1P: (-1.0,), ops.SQRT: (0.0,), ops.ASIN: (-1.0, 1.0),
    ops.ACOS: (-1.0, 1.0), ops.PROBIT: (0.0, 1.0),
}  # fmt: skip
"""At which numbers the domain of a function ends."""


def _factors(n: Node) -> list[Node]:
    """Return numbers one of which is 0 where `n` is: a square itself does not change its sign."""
    if n.op is ops.MUL:
        return [f for a in n.args for f in _factors(a)]
    if n.op in (ops.POW, ops.ABS, ops.SQRT):
        return _factors(n.args[0])
    if n.op is ops.LIN and len(n.args) == 1 and n.data.bias == 0:
        return _factors(n.args[0])
    return [n]


def at_edge(values: Values, points: Array, free: Collection[int], random: Any) -> Array:
    """Return points on both sides of where a number passes 0, as near as floats can be.

    Args:
        values: points (inputs, points) -> the number.
        points: sampled ones.
        free: which inputs may be moved.
        random: picks the pairs.
    """
    above = values(points) > 0
    if above.all() or not above.any():
        return points[:, :0]
    a, low = (points[:, random.choice(np.flatnonzero(x), PAIRS)] for x in (above, ~above))
    b, at = a.copy(), np.full(PAIRS, -1)
    for i in random.permutation(sorted(free)):
        moved = a.copy()
        moved[i] = low[i]
        passed = (at < 0) & ~(values(moved) > 0)
        at[passed], b[:, passed] = i, moved[:, passed]
        a[:, at < 0] = moved[:, at < 0]
    return _narrowed(values, a[:, at >= 0], b[:, at >= 0], at[at >= 0])


def _narrowed(values: Values, a: Array, b: Array, at: Array) -> Array:
    """Return pairs that differ in one input, above 0 at `a` and not so at `b`, brought together."""
    places = at, np.arange(len(at))
    for _ in range(64 if len(at) else 0):
        x, y = _ordinal(a[places]), _ordinal(b[places])
        middle = a.copy()
        middle[places] = _number((x >> 1) + (y >> 1) + (x & y & 1))
        above = values(middle) > 0
        a[:, above], b[:, ~above] = middle[:, above], middle[:, ~above]
    return np.hstack([a, b])


def _ordinal(x: Array) -> Array:
    """Return whole numbers in the order of floats, neighbours being neighbours."""
    bits = np.ascontiguousarray(x).view(np.int64)
    return np.where(bits >= 0, bits, np.iinfo(np.int64).min - bits)


def _number(at: Array) -> Array:
    bits = np.where(at >= 0, at, np.iinfo(np.int64).min - at)
    return np.asarray(bits.view(np.float64))
