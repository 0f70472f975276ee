"""A graph as a list of steps, each for many nodes at once, that a sweep runs over many boxes."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Array, Node, Type, toposort
from closedform.ops.payloads import label_code
from closedform.verify.bound.choices import (
    Absent,
    Choice,
    Compare,
    Floor,
    Logic,
    Looked,
    Member,
    Ordered,
    Sign,
    Trees,
)
from closedform.verify.bound.curves import CURVES, Curve, power
from closedform.verify.bound.pairs import GAP, Gap
from closedform.verify.bound.smooth import Absolute, Curved, Layer, Maximum, Product, Single, Sum
from closedform.verify.bound.sweep import Step, Unknown

ELEMENTWISE: dict[object, type[Step]] = {
    ops.MUL: Product,
    ops.MAX: Maximum,
    ops.ABS: Absolute,
    ops.ROUND32: Single,
    ops.WHERE: Choice,
    ops.LESS: Compare,
    ops.LESS_EQUAL: Compare,
    ops.EQUAL: Compare,
    ops.AND: Logic,
    ops.OR: Logic,
    ops.NOT: Logic,
    ops.FLOOR: Floor,
    ops.SIGN: Sign,
    ops.ABSENT: Absent,
}
"""Steps for nodes of one operation and one number of arguments."""
ALONE: dict[object, type[Step]] = {
    ops.PIECEWISE: Looked,
    ops.TABLE: Looked,
    ops.MEMBER: Member,
    ops.KTH: Ordered,
    ops.WEIGHTED_MEDIAN: Ordered,
}
"""Steps of one node each."""
FEW = 4
"""A sum of at most so many terms that shares its arguments with no other is no layer."""


class Tape:
    """The steps of a graph in normal form.

    Attributes:
        roots: what is computed.
        at: the row in which the value of each node stands.
        inputs: the inputs that are read, as positions in the formula; their rows come first.
        steps: in an order that works.
        cuts: at which numbers of each input some part of the graph changes its branch, ascending:
            the greatest number of the lower side.
    """

    def __init__(self, roots: Sequence[Node]) -> None:
        """Write the steps of `roots`."""
        self.roots = list(roots)
        nodes = toposort(roots)
        first = [n for n in nodes if n.op is ops.INPUT]
        fixed = [n for n in nodes if n.op in (ops.CONST, ops.LABEL)]
        self.inputs = [n.data for n in first]
        self.at = {n: i for i, n in enumerate([*first, *fixed])}
        self.fixed = np.array([_number(n) for n in fixed])
        self.steps: list[Step] = []
        for group in _groups([n for n in nodes if n not in self.at]):
            self._add(group)
        self.rows = len(self.at)
        self.cuts = cuts_of(nodes)

    def _add(self, group: list[Node]) -> None:
        out = slice(len(self.at), len(self.at) + len(group))
        for n in group:
            self.at[n] = len(self.at)
        few = len(group) == 1 and group[0].op is ops.LIN and 0 < len(group[0].args) <= FEW
        shared = not few and all(n.args == group[0].args for n in group)
        columns = [group[0].args] if shared else [*zip(*[n.args for n in group], strict=True)]
        places = [np.array([self.at[a] for a in args], np.int64) for args in columns]
        self.steps.append(_step(group, out, places, shared))


def _number(n: Node) -> float:
    if n.op is ops.LABEL:
        return -1.0 if n.data[0] is None else float(label_code(n.data[0]))
    return float(n.data)


def _groups(nodes: Sequence[Node]) -> list[list[Node]]:
    """Return the nodes that are computed at once, level by level."""
    level: dict[Node, int] = defaultdict(int)
    sharing: dict[tuple[Node, ...], int] = defaultdict(int)
    for n in nodes:
        level[n] = 1 + max((level[a] for a in n.args), default=0)
        sharing[n.args] += n.op is ops.LIN
    groups: dict[Any, list[Node]] = defaultdict(list)
    for n in sorted(nodes, key=level.__getitem__):
        groups[(level[n], *_kind(n, sharing[n.args]))].append(n)
    return list(groups.values())


def _kind(n: Node, sharing: int) -> tuple[Any, ...]:
    if n.op is ops.LIN:
        alone = sharing == 1 and 0 < len(n.args) <= FEW
        return (ops.LIN, len(n.args)) if alone else (ops.LIN, n.args)
    if n.op is ops.TREE or n.op is ops.SUM32:
        return (n.op, n.args)
    if n.op is ops.POW:
        return (ops.POW, n.args[1])
    if n.op is GAP:
        return (GAP, n.data)
    if n.op in ELEMENTWISE:
        same_type = n.args[0].type is n.args[-1].type
        return (n.op, len(n.args), n.type, same_type and n.args[0].type)
    return (n.op,) if n.op.name in CURVES else (n,)


def _step(group: list[Node], out: slice, places: list[Array], shared: bool) -> Step:
    n = group[0]
    if shared and n.op not in (ops.LIN, ops.TREE, ops.SUM32, *ALONE):
        places = [np.repeat(p, len(group)) for p in np.array(places[0])[:, None]]
    if n.op is ops.LIN:
        return (Layer if shared else Sum)(group, out, places)
    if n.op is ops.TREE:
        return Trees(group, out, places)
    if n.op is ops.SUM32:
        return Layer(group, out, places)
    if n.op is ops.POW or n.op.name in CURVES:
        curve = _powered(n.args[1]) if n.op is ops.POW else CURVES[n.op.name]
        return Unknown(group, out, places) if curve is None else Curved(group, out, places, curve)
    if n.op is GAP:
        return Gap(group, out, places)
    made = ELEMENTWISE.get(n.op) or ALONE.get(n.op) or Unknown
    return made(group, out, places)


def _powered(exponent: Node) -> Curve | None:
    # Of a missing number to an unknown power, which is 1 where that is 0, nothing is known.
    return power(float(exponent.data)) if exponent.op is ops.CONST else None


def cuts_of(nodes: Sequence[Node]) -> dict[int, Array]:
    """Return where a test of an input itself changes: the greatest number of the lower side."""
    found: dict[int, list[float]] = defaultdict(list)
    for n in nodes:
        if n.op is ops.TREE:
            splits = n.data.splits
            for j, arg in enumerate(n.args):
                asked = ~splits.leaf & (splits.feature == j) & (splits.member < 0)
                if arg.op is ops.INPUT and asked.any():
                    t = splits.threshold[asked]
                    found[arg.data] += (np.nextafter(t, -np.inf) if splits.below else t).tolist()
        elif n.op is ops.PIECEWISE and n.args[0].op is ops.INPUT:
            edges = n.data.edges
            right = n.data.right_closed
            found[n.args[0].data] += (edges if right else np.nextafter(edges, -np.inf)).tolist()
        elif n.op in (ops.LESS, ops.LESS_EQUAL, ops.EQUAL) and n.args[0].type is Type.REAL:
            for x, c in (n.args, n.args[::-1]):
                if x.op is ops.INPUT and c.op is ops.CONST:
                    found[x.data] += [float(c.data), float(np.nextafter(c.data, -np.inf))]
    return {i: np.unique([c for c in cuts if np.isfinite(c)]) for i, cuts in found.items()}
