"""What an engine found, as a law: its constants refitted, and what is too much taken off."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from closedform import ops
from closedform.discover.constants import cleaned, refitted
from closedform.discover.description import cheapest
from closedform.discover.problem import Law, Problem
from closedform.ir import Node, toposort
from closedform.length import length
from closedform.passes.algebra import tidied as shorter
from closedform.shorten.clock import Clock

LONGEST = 60
"""Symbols: what is longer is not cleaned, which takes a second then, and is no law anyway."""


def in_few_words(problem: Problem, nodes: Sequence[Node], clock: Clock) -> Iterator[Node]:
    """Yield expressions refitted, and cleaned, those first that tell noisy rows in few words."""
    made = (refitted(problem, shorter(node)) for node in nodes if not clock.out())
    for law in cheapest(problem, [Law(node, problem.error(node), "") for node in made]):
        yield law.node
        if clock.out():
            return
        yield cleaned(problem, law.node)


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
