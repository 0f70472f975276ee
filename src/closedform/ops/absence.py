"""Which causes make a node missing: always, or perhaps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, TypeVar

from closedform import ops
from closedform.ir import Node

T = TypeVar("T")


@lru_cache(maxsize=64)
def union(sets: tuple[frozenset[Any], ...]) -> frozenset[Any]:
    """Return the union; the units of a layer share their arguments, and it is made once for all."""
    return frozenset().union(*sets)


def surely_missing(n: Node, *below: frozenset[int]) -> frozenset[int]:
    """Return the inputs whose absence always makes this node missing (for `fold`)."""
    if n.op is ops.INPUT:
        return frozenset([n.data])
    if n.op is ops.WHERE:
        return below[1] & below[2]
    if n.op in (ops.TABLE, ops.PIECEWISE):
        return below[0] if n.data.missing != n.data.missing else frozenset()
    return union(tuple(below)) if n.op.strict else frozenset()


def may_be_missing(n: Node, *below: frozenset[int]) -> frozenset[int]:
    """Return the inputs whose absence can make this node missing (for `fold`)."""
    if n.op is ops.INPUT:
        return frozenset([n.data])
    return passed_on(n, below, lambda a: a.data if a.op is ops.INPUT else -1)


def passed_on(n: Node, below: Sequence[frozenset[T]], cause: Callable[[Node], T]) -> frozenset[T]:
    """Return which of the causes that can make an argument missing can make the node so too.

    Args:
        n: the node.
        below: the causes of each of its arguments.
        cause: which cause a node stands for that is missing.
    """
    if n.op is ops.WHERE:
        imputes = n.args[0].op is ops.ABSENT and n.args[0].args[0] is n.args[2]
        if imputes:
            return below[1]
        never, always = _decided_by(n.args[0])
        return (below[1] - set(map(cause, never))) | (below[2] - set(map(cause, always)))
    if n.op in (ops.TABLE, ops.PIECEWISE):
        return below[0] if n.data.missing != n.data.missing else frozenset()
    # x to the power of 2 is missing with x, though x to the power of 0 is not.
    return union(tuple(below)) if n.op.strict or n.op is ops.POW else frozenset()


def _decided_by(condition: Node) -> tuple[set[Node], set[Node]]:
    """Return the nodes that, being missing, make a condition false, and those that make it true."""
    turned = False
    while condition.op is ops.NOT:
        condition, turned = condition.args[0], not turned
    never, always = set[Node](), set[Node]()
    parts = condition.args if condition.op in (ops.AND, ops.OR) else (condition,)
    for part in parts:
        if part.op in (ops.LESS, ops.LESS_EQUAL, ops.EQUAL, ops.MEMBER):
            never.update(part.args if len(parts) == 1 or condition.op is ops.AND else ())
        if part.op is ops.ABSENT:
            always.update(part.args if len(parts) == 1 or condition.op is ops.OR else ())
    return (always, never) if turned else (never, always)
