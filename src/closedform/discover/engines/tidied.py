"""What an engine found, as a law: its constants refitted, and what is too much taken off."""

from __future__ import annotations

from collections.abc import Iterator

from closedform import ops
from closedform.discover.algebra import tidied as shorter
from closedform.discover.constants import cleaned, refitted
from closedform.discover.problem import Problem
from closedform.ir import Node, toposort
from closedform.length import length
from closedform.shorten.clock import Clock

LONGEST = 60
"""Symbols: what is longer is not cleaned, which takes a second then, and is no law anyway."""


def tidied(problem: Problem, node: Node, clock: Clock) -> Iterator[Node]:
    """Yield an expression refitted, and where something is too much in it, also without that."""
    if not any(n.op is ops.INPUT for n in toposort([node])) or clock.out():
        return
    made = refitted(problem, shorter(node))
    yield made
    if length([made]) <= LONGEST and not clock.out():
        clean = cleaned(problem, made)
        if clean is not made:
            yield clean
