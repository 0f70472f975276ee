"""Many lines of one kind, of which a brief form shows the first few."""

from __future__ import annotations

from dataclasses import replace

from closedform import ops
from closedform.ir import Node
from closedform.printers.blocks import Block, Equation, Sentence
from closedform.printers.draft import Draft, is_of_point

SHOWN = 3
"""Distances, of those to a crowd of points, that a brief form shows."""


def crowds_of(made: Draft) -> dict[Node, tuple[int, int]]:
    """Return the place of each line among those of one kind for many points, and how many."""
    if made.extent.rows is None:
        return {}
    groups: dict[tuple[object, ...], list[Node]] = {}
    for _, _, n in made.speller.lines:
        if n.op is ops.SQUARED_DISTANCE:
            groups.setdefault(n.args, []).append(n)
        elif is_of_point(n) and n not in made.formula.outputs.values():
            groups.setdefault((n.op, *(a.op for a in n.args)), []).append(n)
    crowds = [group for group in groups.values() if len(group) > made.extent.rows]
    return {n: (place, len(group)) for group in crowds for place, n in enumerate(group, 1)}


def and_so_on(block: Block, count: int, dots: str) -> list[Block]:
    """Return the last block that is shown of a crowd, and the remark that there are more."""
    said = Sentence(f"and so on, for {count:,} more points")
    if isinstance(block, Equation):
        return [replace(block, note=said)]
    return [block, Equation(dots, dots, said)]
