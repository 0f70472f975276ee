"""What SymPy cannot take in one expression: too many operations, too many cases in a condition."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from closedform import ops
from closedform.ir import Node, Type, fold, toposort

MOST_CASES = 32
"""Cases of a tested value up to which it is not named. SymPy multiplies out whatever a condition
tests: three boosted trees whose probability decides a label kept it busy for minutes."""

TESTS = (ops.LESS, ops.LESS_EQUAL, ops.EQUAL, ops.MEMBER, ops.TREE, ops.TABLE, ops.PIECEWISE)
"""Operations that test their arguments."""


COMPUTED = 2


def expanded(roots: Sequence[Node]) -> int:
    """Return how many operations the roots are when every shared value is written out."""

    def size(n: Node, *below: int) -> int:
        own = 2 * len(n.args) if n.op is ops.LIN else 1
        if n.op is ops.TREE:
            own = 3 * len(n.data.splits.child)
        return own + sum(below)

    return sum(fold(roots, size))


def _cases(n: Node, *below: int) -> int:
    """Return into how many cases a value falls when all are multiplied out (for `fold`)."""
    if n.op is ops.WHERE:
        return min(below[0] * (below[1] + below[2]), 10**9)
    own = 1
    if n.op is ops.TREE:
        own = len(n.data.values)
    elif n.op is ops.TABLE:
        own = len(n.data.labels) + 1
    elif n.op is ops.PIECEWISE:
        own = len(n.data.edges) + 1
    return min(math.prod(below, start=own), 10**9)


def _nan(n: Node, *below: int) -> int:
    """Return where a value may be NaN though nothing is missing (for `fold`).

    0 for nowhere, 1 where NaN is a whole case of it, 2 (COMPUTED) where it is computed with.
    """
    if n.op is ops.CONST:
        return int(n.data != n.data)
    if n.op is ops.TABLE:
        return int(n.data.default != n.data.default)
    if n.op is ops.WHERE:
        return max(below[1:])
    if n.op is ops.TREE:
        return 2 * int(np.isnan(n.data.values).any())
    if n.op is ops.PIECEWISE:
        return 2 * int(below[0] > 0 or np.isnan(n.data.coefs).any())
    return 2 * int(n.type is Type.REAL and any(below))


def _extreme(n: Node, *below: bool) -> bool:
    return n.op in (ops.MIN, ops.MAX) or any(below)


def too_much(roots: Sequence[Node]) -> list[Node]:
    """Return the numbers that cannot stand in a condition.

    Their cases are too many; or SymPy, which refuses to compare NaN, would compute with it; or it
    would make cases of a maximum too, without end, once the condition is one of several cases.
    """
    nodes = toposort(roots)
    cases, nan, extreme = (
        dict(zip(nodes, fold(nodes, f), strict=True)) for f in (_cases, _nan, _extreme)
    )
    found: dict[Node, None] = {}
    for n in (n for n in nodes if n.op in TESTS):
        most = 1 if any(extreme[a] for a in n.args) else MOST_CASES
        real = [a for a in n.args if a.type is Type.REAL]
        found |= dict.fromkeys(a for a in real if cases[a] > most or nan[a] == COMPUTED)
    return [*found]
