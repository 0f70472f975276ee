"""Comparison measures: how far a row is from points, or how alike it is to them.

https://dmg.org/pmml/v4-4/ClusteringModel.html (ComparisonMeasure).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from closedform import ops
from closedform.families.additive import total_of
from closedform.ir import Array, Node
from closedform.readers.pmml.document import Element
from closedform.readers.pmml.scope import Scope
from closedform.readers.pmml.values import Unread, Value, gone, is_one_of, number

Point = Sequence[str]


@dataclass(frozen=True)
class Compared:
    """One field that is compared: its value, its function and its weight."""

    value: Value
    function: str
    weight: float
    scale: float
    adjustment: float

    @property
    def absent(self) -> Node:
        """Whether it is missing."""
        return gone(self.value)


def compared(fields: Sequence[Element], measure: Element, scope: Scope,
             weights: Sequence[float] | None = None) -> list[Compared]:  # fmt: skip
    """Return the fields of a model as they are compared.

    Args:
        fields: ClusteringField or KNNInput elements.
        measure: the ComparisonMeasure.
        scope: what the model sees.
        weights: by which missing values are made up for; None: 1 for each field.
    """
    common = measure.get("compareFunction", "absDiff")
    made = []
    for i, f in enumerate(fields):
        adjustment = 1.0 if weights is None else weights[i]
        made.append(Compared(
            scope.value(f.need("field")), f.get("compareFunction", common),
            f.number("fieldWeight", 1.0), f.number("similarityScale", math.nan), adjustment,
        ))  # fmt: skip
    return made


@dataclass(frozen=True)
class Distances:
    """How far a row is from each of some points.

    Attributes:
        ranks: nodes that grow with the distance, one for each point.
        finish: the distance of a rank.
        larger: whether what is greater is nearer (a similarity).
    """

    ranks: tuple[Node, ...]
    finish: Callable[[Node], Node]
    larger: bool = False

    def scores(self) -> list[Node]:
        """Return nodes of which the greatest is that of the nearest point."""
        return list(self.ranks) if self.larger else [ops.lin(0, (-1, r)) for r in self.ranks]


def distances(
    measure: Element, fields: Sequence[Compared], points: Sequence[Point], scope: Scope
) -> Distances:
    """Return how far a row is from points, fields that are missing left out and made up for."""
    kind = next((c for c in measure if c.tag in POWERS or c.tag in ALIKE), None)
    if kind is None:
        raise KeyError("a ComparisonMeasure without a measure")
    if any(len(p) != len(fields) for p in points):
        raise ValueError(f"a point that has not {len(fields)} coordinates")
    scope.work.spend(len(points) * len(fields))
    if kind.tag in ALIKE:
        return _similarity(kind, fields, points, scope)
    inner = POWERS[kind.tag] or kind.number("p-parameter")
    whole = total_adjustment(fields)
    if kind.tag == "chebychev":
        ranks = [_greatest(fields, p) for p in points]
        return Distances(tuple(ranks), lambda r: ops.mul(r, whole))
    ranks = _sums(fields, points, inner)
    outer = 1.0 if kind.tag == "squaredEuclidean" else inner

    def finish(rank: Node) -> Node:
        made = ops.mul(rank, whole)
        return made if outer == 1 else ops.sqrt(made) if outer == 2 else ops.power(made, 1 / outer)

    return Distances(tuple(ranks), finish)


POWERS = {"euclidean": 2.0, "squaredEuclidean": 2.0, "cityBlock": 1.0, "chebychev": 1.0,
          "minkowski": 0.0}  # fmt: skip
"""Measure → the power of differences; 0 where the element says it."""


def total_adjustment(fields: Sequence[Compared]) -> Node:
    """Return Σ of all weights / Σ of those of fields that are there; 0/0 where none is."""
    whole = math.fsum(f.adjustment for f in fields)
    flags = [_flag(f.absent) for f in fields]
    there = ops.linear(whole, [-f.adjustment for f in fields], flags)
    return ops.div(ops.const(whole), there)


def _flag(test: Node) -> Node:
    return ops.where(test, ops.const(1.0), ops.const(0.0))


def _sums(fields: Sequence[Compared], points: Sequence[Point], power: float) -> list[Node]:
    if power == 2 and all(f.function == "absDiff" for f in fields):
        return _squares(fields, np.array([[float(x) for x in p] for p in points]))
    return [total_of([_term(f, x, power) for f, x in zip(fields, p, strict=True)]) for p in points]


def _squares(fields: Sequence[Compared], points: Array) -> list[Node]:
    """Return Σ w·(x − c)² over the fields that are there.

    A missing x is replaced by 0, and w·c² taken off again, so that all points share one set of
    columns.
    """
    weights = np.array([f.weight for f in fields])
    filled = [ops.where(f.absent, ops.const(0.0), number(f.value)) for f in fields]
    flags = [_flag(f.absent) for f in fields]
    made = []
    for point in points:
        away = ops.squared_distance(filled, point, weights)
        made.append(ops.linear(0.0, [1.0, *(-weights * point * point)], [away, *flags]))
    return made


def _term(field: Compared, at: str, power: float) -> Node:
    """Return w·c(x, point)^power; 0 where x is missing."""
    made = FUNCTIONS.get(field.function, _no_function)(field, at)
    made = made if power == 1 else ops.power(made, power)
    made = made if field.weight == 1 else ops.lin(0, (field.weight, made))
    return ops.where(field.absent, ops.const(0.0), made)


def _no_function(field: Compared, at: str) -> Node:
    raise Unread(f"compareFunction={field.function!r} has no formula here.",
                 "Compare by absDiff, delta, equal or gaussSim.")  # fmt: skip


def _gauss(field: Compared, at: str) -> Node:
    away = ops.lin(-float(at), (1, number(field.value)))
    square = ops.mul(away, away)
    return ops.exp(ops.lin(0, (-math.log(2) / field.scale**2, square)))


FUNCTIONS: dict[str, Callable[[Compared, str], Node]] = {
    "absDiff": lambda f, at: ops.absolute(ops.lin(-float(at), (1, number(f.value)))),
    "gaussSim": _gauss,
    "delta": lambda f, at: ops.where(is_one_of(f.value, [at]), ops.const(0.0), ops.const(1.0)),
    "equal": lambda f, at: _flag(is_one_of(f.value, [at])),
}
"""compareFunction → what it makes of a field and a coordinate."""


def _greatest(fields: Sequence[Compared], point: Point) -> Node:
    return ops.maximum(*[_term(f, x, 1.0) for f, x in zip(fields, point, strict=True)])


# --- similarities of flags ----------------------------------------------------------------------

ALIKE = ("simpleMatching", "jaccard", "tanimoto", "binarySimilarity")
COUNTS: dict[str, tuple[tuple[float, ...], tuple[float, ...]]] = {
    "simpleMatching": ((1, 0, 0, 1), (1, 1, 1, 1)),
    "jaccard": ((1, 0, 0, 0), (1, 1, 1, 0)),
    "tanimoto": ((1, 0, 0, 1), (1, 2, 2, 1)),
}
"""Measure → weights of the counts 11, 10, 01 and 00 above and below the line."""


def _similarity(
    kind: Element, fields: Sequence[Compared], points: Sequence[Point], scope: Scope
) -> Distances:
    """Return (Σ weights·counts) / (Σ weights·counts) of flags that both have, or only one has."""
    above, below = COUNTS.get(kind.tag) or tuple(
        tuple(kind.number(f"{letter}{pair}-parameter") for pair in ("11", "10", "01", "00"))
        for letter in "cd"
    )
    nodes = [number(f.value) for f in fields]
    for x in nodes:
        flag = ops.either(ops.equal(x, ops.const(0.0)), ops.equal(x, ops.const(1.0)))
        scope.work.reading.refuse(ops.negate(flag))
    made = []
    for p in points:
        flags = np.array([float(x) for x in p])
        top, bottom = (_counted(nodes, flags, w) for w in (above, below))
        made.append(ops.div(top, bottom))
    return Distances(tuple(made), lambda s: s, larger=True)


def _counted(nodes: Sequence[Node], flags: Array, weights: Sequence[float]) -> Node:
    """Return w₁₁·a₁₁ + w₁₀·a₁₀ + w₀₁·a₀₁ + w₀₀·a₀₀, which is linear in the flags of the row."""
    both, row, point, neither = weights
    slope = np.where(flags == 1, both - point, row - neither)
    return ops.linear(float(np.where(flags == 1, point, neither).sum()), slope, nodes)
