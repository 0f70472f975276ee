"""Infinity in engines that have none: the greatest number stands for it, and is told from others.

It passes through what compares or chooses; what would compute with it is missing, as is an output.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from closedform import ops
from closedform.ir import Interval, Node

NOTHING, INFINITE = ops.const(math.nan), ops.const(math.inf)

PASSING = frozenset({"abs", "min", "max", "where", "floor", "round32"})
GROWING = frozenset({"sqrt", "log"})
_MAKING = frozenset({"const", "exp", "log", "div", "pow", "tree", "table", "round32"})
_ASKING = frozenset({"less", "less_equal", "equal", "member", "missing", "tree", "sign", "exp",
                     "atan"})  # fmt: skip


def infinite_nodes(order: Sequence[Node], ranges: Mapping[Node, Interval]) -> set[Node]:
    """Return the nodes that may be infinite where no input is."""
    found: set[Node] = set()
    for n in order:
        makes = n.op.name in _MAKING and max(-ranges[n].lo, ranges[n].hi) == math.inf
        passes = n.op.name in PASSING | GROWING or is_opposite(n)
        if makes or (passes and not found.isdisjoint(n.args)):
            found.add(n)
    return found


def sees_infinity(n: Node) -> bool:
    """Tell whether n takes the greatest number for what it stands for, or has limits anyway."""
    return n.op.name in PASSING | GROWING | _ASKING or is_arithmetic(n)


def is_opposite(n: Node) -> bool:
    """Tell whether n is −x: of infinity, that is infinite too."""
    return n.op is ops.LIN and n.data.weights.tolist() == [-1.0] and n.data.bias == 0


def known(x: Node) -> Node:
    """Return x, missing where it is infinite."""
    return ops.where(ops.less(ops.absolute(x), INFINITE), x, NOTHING)


def is_arithmetic(n: Node) -> bool:
    """Tell whether n is a sum, a product, a quotient or a rounding."""
    square = n.op is ops.POW and n.args[1] is ops.const(2)
    return square or n.op in (ops.LIN, ops.MUL, ops.DIV, ops.SUM32, ops.ROUND32)
