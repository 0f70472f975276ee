"""How far a row is from points: metrics, the nearest points, and Gaussian densities."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform import ops
from closedform.families.additive import Linear, total_of
from closedform.ir import Array, Node

Measure = Callable[[Sequence[Node], Array], list[Node]]


@dataclass(frozen=True)
class Metric:
    """How far a row is from points.

    Attributes:
        ranks: one node for each point, shape (points, columns), that grows with the distance: its
            square or a power, which is shorter than the distance itself.
        finish: the distance from such a rank.
        reduced: the rank of a distance, as a number.
    """

    ranks: Measure
    finish: Callable[[Node], Node] = lambda rank: rank
    reduced: Callable[[float], float] = lambda distance: distance

    def distances(self, columns: Sequence[Node], points: Array) -> list[Node]:
        """Return the distance to each point."""
        return [self.finish(rank) for rank in self.ranks(columns, points)]


def squared(columns: Sequence[Node], points: Any, weights: Any = None) -> list[Node]:
    """Return Σ wᵢ(xᵢ − cᵢ)² for each point c; without weights, each is 1."""
    return [ops.squared_distance(columns, c, weights) for c in np.asarray(points)]


def distances(columns: Sequence[Node], points: Any) -> list[Node]:
    """Return the Euclidean distance to each point."""
    return [ops.sqrt(d) for d in squared(columns, points)]


def closeness(columns: Sequence[Node], points: Any) -> list[Node]:
    """Return c·x − |c|²/2 for each point c, which is greatest for the nearest one.

    It is half of |x|² − |x − c|²: linear in x, so that the border between two points is seen to be
    a plane, and what scikit-learn compares, but for the factor −2.
    """
    made = np.asarray(points, dtype=np.float64)
    return Linear.of(made, -0.5 * (made * made).sum(axis=1)).nodes(columns)


def _differences(columns: Sequence[Node], points: Array) -> list[list[Node]]:
    return [
        [ops.absolute(ops.lin(-c, (1, x))) for c, x in zip(row, columns, strict=True)]
        for row in np.asarray(points, dtype=np.float64).tolist()
    ]


def _manhattan(columns: Sequence[Node], points: Array) -> list[Node]:
    return [total_of(away) for away in _differences(columns, points)]


def _chebyshev(columns: Sequence[Node], points: Array) -> list[Node]:
    return [ops.maximum(*away) for away in _differences(columns, points)]


def _minkowski(p: float, weights: Any) -> Measure:
    def ranks(columns: Sequence[Node], points: Array) -> list[Node]:
        parts = [1.0] * len(columns) if weights is None else weights
        return [
            ops.linear(0.0, parts, [ops.power(x, p) for x in away])
            for away in _differences(columns, points)
        ]

    return ranks


def _cosine(columns: Sequence[Node], points: Array) -> list[Node]:
    size = ops.sqrt(ops.squared_distance(columns, np.zeros(len(columns))))
    safe = ops.where(ops.equal(size, ops.const(0.0)), ops.const(1.0), size)
    units = [ops.div(x, safe) for x in columns]
    lengths = np.linalg.norm(points, axis=1, keepdims=True)
    return Linear.of(-points / np.where(lengths == 0, 1.0, lengths), 1.0).nodes(units)


def _hamming(columns: Sequence[Node], points: Array) -> list[Node]:
    share, none = ops.const(1 / len(columns)), ops.const(0.0)
    return [
        total_of([
            ops.where(ops.equal(x, ops.const(c)), none, share)
            for c, x in zip(point, columns, strict=True)
        ])
        for point in np.asarray(points, dtype=np.float64).tolist()
    ]  # fmt: skip


def _over(a: Node, b: Node) -> Node:
    """Return a / b, and 0 where b is 0."""
    return ops.where(ops.equal(b, ops.const(0.0)), ops.const(0.0), ops.div(a, b))


def _canberra(columns: Sequence[Node], points: Array) -> list[Node]:
    sizes = [ops.absolute(x) for x in columns]
    rows = np.abs(np.asarray(points, dtype=np.float64)).tolist()
    return [
        total_of([_over(d, ops.lin(c, (1, s))) for d, c, s in zip(away, row, sizes, strict=True)])
        for away, row in zip(_differences(columns, points), rows, strict=True)
    ]


def _haversine(columns: Sequence[Node], points: Array) -> list[Node]:
    """Return hav(Δφ) + cos φ·cos φ'·hav(Δλ) of latitudes and longitudes in radians."""
    height, around = columns
    here = ops.cos(height)

    def half(x: Node, c: float) -> Node:
        sine = ops.sin(ops.lin(-0.5 * c, (0.5, x)))
        return ops.mul(sine, sine)

    return [
        ops.lin(0, (1, half(height, c)), (math.cos(c), ops.mul(here, half(around, d))))
        for c, d in np.asarray(points, dtype=np.float64).tolist()
    ]


def _angle(rank: Node) -> Node:
    return ops.lin(0, (2, ops.unary("asin", ops.sqrt(rank))))


def _mahalanobis(inverse: Array) -> Measure:
    def ranks(columns: Sequence[Node], points: Array) -> list[Node]:
        axes, sizes = principal_axes(inverse)
        turned = Linear.of(axes, 0.0).nodes(columns)
        return squared(turned, np.asarray(points) @ axes.T, sizes)

    return ranks


def _of_roots(ranks: Measure) -> Metric:
    return Metric(ranks, ops.sqrt, lambda r: r * r)


def metric(name: str, options: Mapping[str, Any]) -> Metric | None:
    """Return a metric by scikit-learn's name of it; None where it has no formula here.

    Args:
        name: as in `effective_metric_`.
        options: `p`, `w`, `V` or `VI`, as the metric needs them.
    """
    p, weights = options.get("p", 2), options.get("w")
    if name == "minkowski" and weights is None and p in (1, 2):
        name = "manhattan" if p == 1 else "euclidean"
    if name == "minkowski" and math.isinf(p):
        return METRICS["chebyshev"] if weights is None else None
    if name == "minkowski":
        powers = _minkowski(float(p), None if weights is None else np.asarray(weights))
        return Metric(powers, lambda r: ops.power(r, 1 / p), lambda r: float(r**p))
    if name == "seuclidean" and "V" in options:
        sizes = 1 / np.asarray(options["V"], dtype=np.float64)
        return _of_roots(lambda columns, points: squared(columns, points, sizes))
    if name == "mahalanobis" and ("VI" in options or "V" in options):
        inverse = options.get("VI")
        inverse = np.linalg.inv(options["V"]) if inverse is None else np.asarray(inverse)
        return _of_roots(_mahalanobis(inverse))
    return METRICS.get(name)


_EUCLIDEAN, _CITY = _of_roots(squared), Metric(_manhattan)
METRICS: dict[str, Metric] = {
    "euclidean": _EUCLIDEAN,
    "l2": _EUCLIDEAN,
    "sqeuclidean": Metric(squared),
    "manhattan": _CITY,
    "cityblock": _CITY,
    "l1": _CITY,
    "chebyshev": Metric(_chebyshev),
    "infinity": Metric(_chebyshev),
    "cosine": Metric(_cosine),
    "hamming": Metric(_hamming),
    "canberra": Metric(_canberra),
    "haversine": Metric(_haversine, _angle, lambda r: math.sin(r / 2) ** 2),
}
"""Metrics without options, by scikit-learn's names."""


def principal_axes(matrix: Any) -> tuple[Array, Array]:
    """Return (axes, sizes) with xᵀ·matrix·x = Σ sizes[i]·(axes[i]·x)² for a symmetric matrix.

    The columns are scaled to one size first: among columns of sizes 0.01 and 1000, the axes of the
    matrix as it stands are lost to rounding (an error of 1e-6 of the form, here 1e-15).
    """
    made = np.asarray(matrix, dtype=np.float64)
    scale = np.sqrt(np.abs(np.diag(made)))
    scale = np.where(scale > 0, scale, 1.0)
    sizes, turned = np.linalg.eigh((made + made.T) / 2 / np.outer(scale, scale))
    return turned.T * scale, sizes


def quadratic(columns: Sequence[Node], centre: Any, factor: Any, weight: float = 1.0) -> Node:
    """Return weight·|factor·(x − centre)|² with a factor of shape (axes, columns)."""
    turned, square = Linear.of(factor, 0.0).nodes(columns), np.asarray(factor)
    return ops.squared_distance(turned, square @ np.asarray(centre), np.full(len(square), weight))


def log_sum_exp(scores: Sequence[Node]) -> Node:
    """Return log Σ exp(sᵢ), with the greatest taken out first."""
    top = ops.maximum(*scores)
    grown = [ops.exp(ops.lin(0, (1, s), (-1, top))) for s in scores]
    return ops.lin(0, (1, top), (1, ops.log(total_of(grown))))
