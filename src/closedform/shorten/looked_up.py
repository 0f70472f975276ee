"""Fewer digits for what is looked up: thresholds, leaves, tables and steps, each by itself."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Array, Node, Type, frozen, node, toposort
from closedform.shorten.clock import Clock
from closedform.shorten.misfit import Misfit
from closedform.shorten.neat import digits_of, rounded
from closedform.shorten.scores import score_nodes

MOST = 120
"""Up to so many numbers each is tried by itself: a millisecond a try for a small formula."""


@dataclass(frozen=True)
class Place:
    """Where a number stands that is looked up: a node, a field of its payload, a position."""

    node: Node
    field: str
    position: int
    value: float


FIELDS: dict[str, tuple[str, ...]] = {
    "tree": ("threshold", "values"),
    "table": ("values", "default", "missing"),
    "piecewise": ("edges", "origins", "coefs", "missing"),
    "less": ("argument",),
    "less_equal": ("argument",),
    "lin": ("bias", "weights"),
}
"""The numbers of a payload, by operation; of a comparison, its constant arguments.

Of sums, only those that nothing but tests read: no value moves with their constants, some jump.
"""

CUTS = ("threshold", "argument", "edges")
"""The fields that rows are parted by."""


def looked_up_shortened(formula: Formula, misfit: Misfit, limit: float, clock: Clock) -> Formula:
    """Return the formula with fewer digits in thresholds, leaves, tables and steps.

    Each number takes as few digits as an even share of what is left to lose allows. A threshold
    whose rounding moves no row loses nothing.

    Args:
        formula: any formula.
        misfit: how the loss is measured.
        limit: the loss allowed.
        clock: when it is out, what is left stays as it is.
    """
    scores = score_nodes(formula)
    places = [p for p in looked_up(formula) if digits_of(p.value) > 1]
    if not places:
        return formula
    tried = _Digits(scores, misfit, limit)
    groups = _alike(places)
    if len(groups) > MOST:
        tried.together(places, clock)
    else:
        tried.each(groups, clock)
    new = put(formula.nodes, tried.new)
    return formula.with_outputs(new)


def _alike(places: list[Place]) -> list[list[Place]]:
    """Return places that hold one number together: the same threshold of the same quantity."""
    groups: dict[Any, list[Place]] = {}
    for p in places:
        key: Any = (p.node, p.field, p.position)
        if p.field == "threshold":
            key = (p.node.args[int(p.node.data.splits.feature[p.position])], p.value)
        elif p.field == "argument":
            key = (p.node.args[1 - p.position], p.value)
        groups.setdefault(key, []).append(p)
    return list(groups.values())


def looked_up(formula: Formula) -> list[Place]:
    """Return where the numbers stand that the scores of a formula look up, or ask for."""
    scores = score_nodes(formula)
    own, asked = set(formula.nodes), only_asked(scores)
    order = [n for n in toposort(scores) if n in own and (n.op is not ops.LIN or n in asked)]
    return [p for n in order for p in places_of(n)]


def only_asked(roots: list[Node]) -> set[Node]:
    """Return the nodes that nothing but tests, trees, tables and steps read."""
    moving: set[Node] = set()
    stack = list(roots)
    while stack:
        n = stack.pop()
        if n not in moving:
            moving.add(n)
            stack += _values(n)
    return set(toposort(roots)) - moving


def _values(n: Node) -> tuple[Node, ...]:
    """Return the arguments with which a node moves, rather than jumps."""
    steps = n.op is ops.PIECEWISE and n.data.coefs.shape[1] == 1
    if n.type is Type.BOOL or n.op in (ops.TREE, ops.TABLE) or steps:
        return ()
    return n.args[1:] if n.op is ops.WHERE else n.args


def places_of(n: Node) -> list[Place]:
    """Return where the numbers of one node stand."""
    found = []
    for field in FIELDS.get(n.op.name, ()):
        values = np.ravel(_field(n, field)).tolist()
        found += [Place(n, field, i, v) for i, v in enumerate(values) if np.isfinite(v) and v != 0]
    if n.op is ops.TREE:
        inner = ~n.data.splits.leaf & (n.data.splits.member < 0)
        return [p for p in found if p.field != "threshold" or inner[p.position]]
    return found


def _field(n: Node, field: str) -> Any:
    if field == "argument":
        return [a.data if a.op is ops.CONST else 0.0 for a in n.args]
    if field == "threshold":
        return n.data.splits.threshold
    return getattr(n.data, field)


New = dict[tuple[Node, str, int], float]


def put(roots: list[Node], new: New) -> dict[Node, Node]:
    """Return what each node under `roots` becomes with other numbers in some places."""
    by_node: dict[Node, dict[str, dict[int, float]]] = {}
    for (n, field, i), value in new.items():
        by_node.setdefault(n, {}).setdefault(field, {})[i] = value
    became: dict[Node, Node] = {}
    for n in toposort(roots):
        args = tuple(became[a] for a in n.args)
        fields = by_node.get(n, {})
        if "argument" in fields:
            moved = fields.pop("argument")
            args = tuple(ops.const(moved[i]) if i in moved else a for i, a in enumerate(args))
        data = _with_fields(n.data, fields) if fields else n.data
        became[n] = n if args == n.args and not fields else node(n.op, args, data, n.type)
    return became


def _with_fields(data: Any, fields: dict[str, dict[int, float]]) -> Any:
    changed: dict[str, Any] = {}
    for field, moved in fields.items():
        holder = data.splits if field == "threshold" else data
        changed[field] = _moved(getattr(holder, field), moved)
    if "threshold" in changed:
        changed["splits"] = replace(data.splits, threshold=changed.pop("threshold"))
    return replace(data, **changed)


def _moved(values: Any, moved: dict[int, float]) -> Any:
    if not isinstance(values, np.ndarray):
        return moved[0]
    new: Array = values.copy()
    for i, value in moved.items():
        new.flat[i] = value
    return frozen(new)


class _Digits:
    """Numbers that have fewer digits already, and what that costs."""

    def __init__(self, scores: list[Node], misfit: Misfit, limit: float) -> None:
        self.scores, self.misfit, self.limit = scores, misfit, limit
        self.new: New = {}
        self.loss = misfit.loss_of_nodes(scores)

    def _loss(self, new: New) -> float:
        became = put(self.scores, new)
        return self.misfit.loss_of_nodes([became[s] for s in self.scores])

    def each(self, groups: list[list[Place]], clock: Clock) -> None:
        """Give each number the fewest digits that its share of the loss allows."""
        for left, group in zip(range(len(groups), 0, -1), groups, strict=True):
            if clock.out():
                return
            allowed = self.loss + max(0.0, self.limit - self.loss) / left
            # A threshold may be 0, too: that is no digit at all.
            fewest = 0 if group[0].field in CUTS else 1
            for count in range(fewest, min(7, digits_of(group[0].value))):
                if self._take(group, count, allowed):
                    break

    def together(self, places: list[Place], clock: Clock) -> None:
        """Give all thresholds the fewest common digits, then all other numbers."""
        cuts = [p for p in places if p.field in CUTS]
        rest = [p for p in places if p.field not in CUTS]
        for left, group in ((2, cuts), (1, rest)):
            allowed = self.loss + max(0.0, self.limit - self.loss) / left
            count = 1
            while group and count < 12 and not clock.out():
                if self._take(group, count, allowed):
                    break
                count += 1

    def _take(self, places: list[Place], count: int, allowed: float) -> bool:
        short = {p: rounded(p.value, count) if count else 0.0 for p in places}
        new = self.new | {(p.node, p.field, p.position): v for p, v in short.items()}
        if not _in_order(places, new):
            return False
        loss = self._loss(new)
        if loss > allowed:
            return False
        self.new, self.loss = new, loss
        return True


def _in_order(places: list[Place], new: New) -> bool:
    """Tell whether the edges of steps still ascend."""
    for n in {p.node for p in places if p.field == "edges"}:
        edges = [new.get((n, "edges", i), e) for i, e in enumerate(n.data.edges.tolist())]
        if edges != sorted(edges):
            return False
    return True
