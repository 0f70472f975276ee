"""How far outputs can move when some nodes are replaced by constants, over a domain.

Forwards through the graph: a node moves by at most Σ sup|∂node/∂argᵢ| · (what argument i moves by),
the slopes bounded by interval arithmetic over the domain, and never by more than its own range
(Moore, Kearfott and Cloud, Introduction to Interval Analysis, 2009, §6.4).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from closedform import ops as o
from closedform.ir import Node, Type, toposort
from closedform.passes.rules_domain import Known


def moved_by(roots: Sequence[Node], replaced: Mapping[Node, float], known: Known) -> list[float]:
    """Return a bound of how far each root moves, over the reals.

    Args:
        roots: REAL nodes; of a condition or label, the bound is 1 where it may turn out otherwise.
        replaced: nodes that constants of their own range are put in the place of, and how far
            these are from any value that the node has.
        known: the domain.
    """
    by: dict[Node, float] = {}
    for n in toposort(roots):
        if n in replaced:
            by[n] = replaced[n]
            continue
        moves = [by[a] for a in n.args]
        by[n] = _moves(n, moves, known) if any(moves) else 0.0
    return [by[root] for root in roots]


def _moves(n: Node, moves: Sequence[float], known: Known) -> float:
    if n.type is not Type.REAL:
        return 1.0
    inside = known(n)
    width = math.inf if inside.missing or inside.empty else inside.hi - inside.lo
    if n.op is o.WHERE:
        return width if moves[0] else max(moves[1:])
    if n.op in (o.MIN, o.MAX):  # neither moves further than the argument that moves furthest
        return min(width, max(moves))
    if n.op in JUMPS or n.op.partials is None:
        return width
    total = 0.0
    for slope, move in zip(n.op.partials(n), moves, strict=True):
        if move:
            total += _size(slope, known) * move
    return min(width, total)


JUMPS = (o.TREE, o.TABLE, o.PIECEWISE, o.FLOOR, o.SIGN, o.ROUND32, o.KTH, o.WEIGHTED_MEDIAN)
"""Operations whose slope says nothing of how far they may jump."""


def _size(slope: Node, known: Known) -> float:
    inside = known(slope)
    if inside.missing or inside.empty:
        return math.inf
    return max(abs(inside.lo), abs(inside.hi))
