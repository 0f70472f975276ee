"""What an additive formula is made of: lines, hinges and steps, and products of two or three."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from closedform import ops
from closedform.ir import Array, Node
from closedform.shorten.short import shortest
from closedform.shorten.views import View


@dataclass(frozen=True)
class Curve:
    """A simple function of one number and a knot.

    Attributes:
        values: (x, knot) → its values, as arrays that broadcast.
        node: the same as a node.
        numbers: how many constants it shows.
    """

    values: Callable[[Array, Array], Array]
    node: Callable[[Node, float], Node]
    numbers: int = 1


def _hinge(sign: int) -> Callable[[Node, float], Node]:
    def node(x: Node, knot: float) -> Node:
        return ops.maximum(ops.const(0), ops.lin(-sign * knot, (sign, x)))

    return node


def _step(x: Node, knot: float) -> Node:
    return ops.where(ops.less(ops.const(knot), x), ops.const(1), ops.const(0))


CURVES: dict[str, Curve] = {
    "line": Curve(lambda x, t: x - t, lambda x, t: ops.lin(-t, (1, x)) if t else x, 0),
    "above": Curve(lambda x, t: np.maximum(x - t, 0), _hinge(1)),
    "below": Curve(lambda x, t: np.maximum(t - x, 0), _hinge(-1)),
    "step": Curve(lambda x, t: (x > t) * 1.0, _step),
}
"""x − t, max(0, x − t), max(0, t − x), and 1 where x > t."""
BENT = ("above", "below", "step")


@dataclass(frozen=True)
class Factor:
    """One curve of one view."""

    view: int
    kind: str
    knot: float = 0.0

    def values(self, x: Array) -> Array:
        """Return its values on rows, shape (rows, views)."""
        return CURVES[self.kind].values(x[:, self.view], np.array(self.knot))

    def node(self, views: Sequence[View]) -> Node:
        """Return it as a node."""
        return CURVES[self.kind].node(views[self.view].node, self.knot)


Term = tuple[Factor, ...]
"""A product of curves of different views; of none, 1."""


def term_values(term: Term, x: Array) -> Array:
    """Return a product on rows, shape (rows, views)."""
    made = np.ones(len(x))
    for factor in term:
        made = made * factor.values(x)
    return made


def term_node(term: Term, views: Sequence[View]) -> Node:
    """Return a product as a node, its steps as one condition."""
    steps = [f.node(views) for f in term if f.kind == "step"]
    others = [f.node(views) for f in term if f.kind != "step"]
    if len(steps) > 1:
        hit = ops.both(*(n.args[0] for n in steps))
        steps = [ops.where(hit, ops.const(1), ops.const(0))]
    return ops.mul(*steps, *others)


def numbers_in(term: Term) -> int:
    """Return how many constants a term shows beside its weight."""
    return sum(CURVES[f.kind].numbers or f.knot != 0 for f in term)


def plain(term: Term) -> Term:
    """Return a line as x alone, without the number that the constant of a sum takes in."""
    alone = len(term) == 1 and term[0].kind == "line"
    return (Factor(term[0].view, "line"),) if alone else term


def knots(x: Array, count: int) -> Array:
    """Return up to `count` places of a column where curves may bend, each with few digits.

    They stand at its quantiles, give or take a third of their distance.
    """
    at = np.linspace(0, 1, count + 2)[1:-1]
    reach = 1 / (3 * (count + 1))
    low, high = np.quantile(x, np.maximum(0, at - reach)), np.quantile(x, at + reach)
    found = {shortest(a, b) for a, b in zip(low.tolist(), high.tolist(), strict=True)}
    lo, hi = float(x.min()), float(x.max())
    return np.array(sorted(t for t in found if lo < t < hi or (t == lo < hi)))


@dataclass(frozen=True, eq=False)
class Basis:
    """Every curve of one view each that may be a term, or a factor of one.

    Attributes:
        factors: what they are.
        values: their values, shape (rows, factors), column by column.
        view: the view of each, shape (factors,).
    """

    factors: tuple[Factor, ...]
    values: Array
    view: Array

    @classmethod
    def of(
        cls, x: Array, views: Sequence[int], indicators: frozenset[int], count: int,
        kinds: Sequence[str] = BENT, line: bool = True,
    ) -> Basis:  # fmt: skip
        """Return the curves of some views.

        Args:
            x: rows, shape (rows, all views).
            views: those that are wanted.
            indicators: views that are 0 or 1: they get a line alone.
            count: knots of each.
            kinds: which curves have knots.
            line: whether x itself is among them.
        """
        made = [f for j in views for f in _factors(x[:, j], j, j in indicators, count, kinds, line)]
        values = np.column_stack([f.values(x) for f in made]) if made else np.empty((len(x), 0))
        varies = np.ptp(values, axis=0) > 0 if made else np.zeros(0, dtype=bool)
        kept = tuple(f for f, fine in zip(made, varies, strict=True) if fine)
        return cls(
            kept, np.asfortranarray(values[:, varies]), np.array([f.view for f in kept], dtype=int)
        )


def _factors(
    x: Array, j: int, indicator: bool, count: int, kinds: Sequence[str], line: bool
) -> Iterator[Factor]:
    if line or indicator:
        yield Factor(j, "line", 0.0 if indicator else _middle(x))
    if not indicator:
        places = knots(x, count).tolist()
        yield from (Factor(j, kind, t) for kind in kinds for t in places)


def _middle(x: Array) -> float:
    """Return what a column is counted from: 0, or about its mean where that is far from 0.

    A product x·y of columns far from 0 is nearly a sum of both; (x − t)·(y − s) is not.
    """
    mean, deviation = float(x.mean()), float(x.std())
    if abs(mean) <= deviation or deviation == 0:
        return 0.0
    return shortest(mean - 0.2 * deviation, mean + 0.2 * deviation)
