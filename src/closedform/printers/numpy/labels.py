"""Which choices of labels a NumPy program can make as choices of positions."""

from __future__ import annotations

from collections.abc import Sequence

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Node, Type, fold


def coded(roots: Sequence[Node]) -> set[Node]:
    """Return the choices of labels that end in known labels, so that a position stands for each."""
    found: set[Node] = set()

    def step(n: Node, *below: bool) -> bool:
        known = n.op is ops.LABEL or (n.type is Type.LABEL and n.op is ops.WHERE and all(below[1:]))
        if known and n.op is ops.WHERE:
            found.add(n)
        return known

    fold(roots, step)
    return found


def inside(formula: Formula, among: set[Node]) -> tuple[set[Node], set[Node]]:
    """Return the choices that only other choices use, and those that are but one's last resort."""
    uses: dict[Node, list[bool]] = {}
    for n in formula.nodes:
        for i, a in enumerate(n.args):
            if a in among:
                uses.setdefault(a, []).append(i == 2)
    outer = {*formula.roots, *(a for n in formula.nodes if n not in among for a in n.args)}
    inner = {n for n in among if n not in outer}
    return inner, {n for n in inner if uses[n] == [True]}
