"""The constants of a graph as one vector, and how each output moves with each of them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform import ops
from closedform.evaluate import Plan, Run
from closedform.formula import Formula
from closedform.ir import Array, Node, Type, frozen, node, toposort, with_args
from closedform.ops.payloads import Centre, Weights
from closedform.passes.differentiate import gradient

TESTS = frozenset({"less", "less_equal", "equal", "member", "missing"})
FIXED_ARGS = TESTS | {"pow"}
"""Operations whose constant arguments are no numbers to move: tests and exponents."""


@dataclass(frozen=True)
class Slot:
    """Where one constant stands.

    Attributes:
        node: the node that holds it, or takes it as an argument.
        kind: "bias", "weight", "point" or "argument".
        place: its position among those of its kind.
        value: the constant.
    """

    node: Node
    kind: str
    place: int
    value: float


Free = Callable[[Slot], bool]


def written(slot: Slot) -> bool:
    """Tell whether a reader sees the constant: 0 leaves its term out, ±1 is a sign."""
    return slot.value != 0 and not (slot.kind == "weight" and abs(slot.value) == 1)


class Constants:
    """The constants of some REAL nodes that may be moved, as one vector.

    Weights and biases of sums, the points and weights of squared distances, and numbers that are
    added to, multiplied or divided by others. Thresholds, trees and tables stay, and exponents
    unless `fixed` leaves them out.

    Attributes:
        roots: the nodes.
        slots: where each constant stands, in the order of the vector.
        start: their values, shape (constants,).
        first: the number of the first input that no root reads.
    """

    def __init__(
        self, roots: Sequence[Node], free: Free = written, fixed: Collection[str] = FIXED_ARGS
    ) -> None:
        """Find the constants of `roots` for which `free` holds, and no argument of `fixed`."""
        self.roots = list(roots)
        order = toposort(self.roots)
        self.slots = [slot for n in order for slot in slots_of(n, fixed) if free(slot)]
        self.start = np.array([slot.value for slot in self.slots])
        self.first = 1 + max((n.data for n in order if n.op is ops.INPUT), default=-1)
        self._plans: dict[bool, Plan] = {}

    def __len__(self) -> int:
        """Return how many constants there are."""
        return len(self.slots)

    def put(self, theta: Array, within: Sequence[Node] | None = None) -> list[Node]:
        """Return the roots with other constants, shape (constants,), in the places of their own.

        Args:
            theta: the constants.
            within: other nodes to return instead, that stand on the same graph.
        """
        new = dict(zip(self._keys(), np.asarray(theta, dtype=float).tolist(), strict=True))
        wanted = self.roots if within is None else within
        became: dict[Node, Node] = {}
        for n in toposort(wanted):
            args = tuple(became[a] for a in n.args)
            became[n] = _rebuilt(n, args, new)
        return [became[root] for root in wanted]

    def values(self, theta: Array, inputs: Sequence[Array], rows: int) -> Array:
        """Return the value of each root, shape (rows, roots), inputs as `columns_of` gives them."""
        return self._run(False, theta, inputs, rows)[: len(self.roots)].T

    def both(self, theta: Array, inputs: Sequence[Array], rows: int) -> tuple[Array, Array]:
        """Return the values, and the Jacobian, shape (rows, roots, constants)."""
        table = self._run(True, theta, inputs, rows)
        count = len(self.roots)
        slopes = table[count:].reshape(count, len(self), rows)
        return table[:count].T, slopes.transpose(2, 0, 1)

    def by_root(
        self, theta: Array, inputs: Sequence[Array], rows: int
    ) -> tuple[Array, list[tuple[Array, Array]]]:
        """Return the values, and for each root which constants move it, and how.

        The latter is of shape (constants, rows).
        """
        values, slopes = self.both(theta, inputs, rows)
        return values, [(np.arange(len(self)), part.T) for part in slopes.transpose(1, 0, 2)]

    def _run(self, slopes: bool, theta: Array, inputs: Sequence[Array], rows: int) -> Array:
        if slopes not in self._plans:
            lifted = self.lifted()
            wanted = [self.first + i for i in range(len(self))] if slopes else []
            more = [g for root in lifted for g in gradient(root, wanted)] if slopes else []
            self._plans[slopes] = Plan([*lifted, *more])
        plan = self._plans[slopes]
        columns: list[Any] = [*inputs[: self.first], *np.asarray(theta, dtype=float)]
        out = np.empty((len(plan.roots), rows))
        with np.errstate(all="ignore"):
            for lo in range(0, rows, plan.block):
                hi = min(rows, lo + plan.block)
                part = [c if np.ndim(c) == 0 else c[lo:hi] for c in columns]
                for whole, block in zip(out, plan(Run(part, None, hi - lo)), strict=True):
                    whole[lo:hi] = block
        return out

    def lifted(self) -> list[Node]:
        """Return the roots with an input in the place of each constant, from `first` on."""
        at = {key: ops.input_(self.first + i) for i, key in enumerate(self._keys())}
        touched = {n for n, _, _ in at}
        became: dict[Node, Node] = {}
        for n in toposort(self.roots):
            args = tuple(became[a] for a in n.args)
            became[n] = _lifted(n, args, at) if n in touched else with_args(n, args)
        return [became[root] for root in self.roots]

    def _keys(self) -> list[tuple[Node, str, int]]:
        return [(slot.node, slot.kind, slot.place) for slot in self.slots]


def slots_of(n: Node, fixed: Collection[str] = FIXED_ARGS) -> list[Slot]:
    """Return every constant that a node holds, or takes as an argument."""
    if n.op is ops.LIN:
        weights = enumerate(n.data.weights.tolist())
        return [Slot(n, "bias", 0, n.data.bias), *(Slot(n, "weight", i, w) for i, w in weights)]
    if n.op is ops.SQUARED_DISTANCE:
        points, weights = n.data.point.tolist(), n.data.weights.tolist()
        both = [("point", points), ("weight", weights)]
        return [Slot(n, kind, i, v) for kind, found in both for i, v in enumerate(found)]
    if n.type is not Type.REAL or n.op.name in fixed:
        return []
    numbers = ((i, a) for i, a in enumerate(n.args) if a.op is ops.CONST and a.type is Type.REAL)
    return [Slot(n, "argument", i, a.data) for i, a in numbers]


def _rebuilt(n: Node, args: tuple[Node, ...], new: dict[tuple[Node, str, int], float]) -> Node:
    """Return the node on other arguments, with the constants that `new` has for it."""
    if n.op is ops.LIN:
        weights = [new.get((n, "weight", i), w) for i, w in enumerate(n.data.weights.tolist())]
        return node(n.op, args, Weights.of(new.get((n, "bias", 0), n.data.bias), weights))
    if n.op is ops.SQUARED_DISTANCE:
        point = [new.get((n, "point", i), p) for i, p in enumerate(n.data.point.tolist())]
        weights = [new.get((n, "weight", i), w) for i, w in enumerate(n.data.weights.tolist())]
        return node(n.op, args, Centre(frozen(point), frozen(weights)))
    numbers = {i: new[n, "argument", i] for i in range(len(args)) if (n, "argument", i) in new}
    return with_args(
        n, tuple(ops.const(numbers[i]) if i in numbers else a for i, a in enumerate(args))
    )


def _lifted(n: Node, args: tuple[Node, ...], at: dict[tuple[Node, str, int], Node]) -> Node:
    """Return the node on other arguments, with the inputs that `at` has for its constants."""
    if n.op is ops.LIN:
        terms = [
            (1.0, ops.mul(at[n, "weight", i], x)) if (n, "weight", i) in at else (w, x)
            for i, (w, x) in enumerate(zip(n.data.weights.tolist(), args, strict=True))
        ]
        bias = at.get((n, "bias", 0))
        return ops.lin(n.data.bias, *terms) if bias is None else ops.lin(0.0, (1.0, bias), *terms)
    if n.op is ops.SQUARED_DISTANCE:
        return ops.lin(0.0, *(_square(n, i, x, at) for i, x in enumerate(args)))
    return with_args(n, tuple(at.get((n, "argument", i), a) for i, a in enumerate(args)))


def _square(n: Node, i: int, x: Node, at: dict[tuple[Node, str, int], Node]) -> tuple[float, Node]:
    point, weight = n.data.point[i].item(), n.data.weights[i].item()
    free = at.get((n, "point", i))
    away = ops.lin(-point, (1, x)) if free is None else ops.lin(0, (1, x), (-1, free))
    scale = at.get((n, "weight", i))
    square = ops.mul(away, away)
    return (weight, square) if scale is None else (1.0, ops.mul(scale, square))


def count_constants(formula: Formula) -> int:
    """Return how many numbers a reader sees in a formula's scores: not 0, ±1 and exponents."""
    order = toposort([formula.outputs[name] for name in formula.scores])
    return sum(_numbers_in(n) for n in order)


def _numbers_in(n: Node) -> int:
    if n.op is ops.TREE:
        leaf = n.data.splits.leaf
        return int((~leaf).sum()) + int(leaf.sum())
    if n.op is ops.TABLE:
        return len(n.data.labels)
    if n.op is ops.PIECEWISE:
        return int((n.data.coefs != 0).sum()) + len(n.data.edges)
    if n.op in (ops.LESS, ops.LESS_EQUAL):
        return sum(1 for a in n.args if a.op is ops.CONST)
    return sum(1 for slot in slots_of(n) if written(slot) and abs(slot.value) != 1)
