"""Which nodes of a graph are computed together: the layers of a network, the trees of a shape.

The interpreter turns such a group into one matrix product or one call, and printers into one
line of matrix notation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from closedform import ops
from closedform.ir import Node

BROADCAST = frozenset({"max", "min", "mul", "div", "pow"})
"""Operations of several arguments that still form a layer when all but the first are shared."""


def layers(nodes: Sequence[Node]) -> list[list[Node]]:
    """Return the nodes in groups that are computed at once, in an order that works.

    Args:
        nodes: a whole graph, arguments before those who use them.

    Returns:
        Groups: all `lin` nodes over the same arguments, and all squared distances; one function of
        nodes that are all in one group; all trees of one shape over the same arguments; any other
        node by itself.
    """
    group_of: dict[Node, Any] = {}
    groups: dict[Any, list[Node]] = {}
    for n in nodes:
        key = _key(n, group_of)
        group_of[n] = key
        groups.setdefault(key, []).append(n)
    return list(groups.values())


def _key(n: Node, group_of: dict[Node, Any]) -> Any:
    if n.op is ops.LIN or n.op is ops.SQUARED_DISTANCE:
        return (n.op, n.args)
    if n.op is ops.TREE:
        return (ops.TREE, n.args, n.data.splits.key)
    elementwise = n.op.name in ops.UNARY or n.op.name in BROADCAST
    if elementwise and isinstance(group_of[n.args[0]], tuple):
        return (n.op, group_of[n.args[0]], n.args[1:])
    return n
