"""Kernels: functions of a row and a training point, and the weighted sums that models make of them.

A kernel over some points is a list of parts. A part is one node for each point, as the Gaussian
kernel is, or a few nodes that all points share and weigh in their own way, as the columns are in
a linear kernel: there any sum over the points folds into as many coefficients as there are columns.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform import ops
from closedform.families.additive import total_of
from closedform.ir import Array, Node, frozen


@dataclass(frozen=True, eq=False)
class Part:
    """k(x, point j) = Σ weights[j, i]·nodes[i]; a single number stands for that many times one.

    Attributes:
        nodes: one for each point, or fewer that are shared.
        weights: shape (points, nodes); or the factor of nodes[j] alone.
    """

    nodes: tuple[Node, ...]
    weights: Array | float = 1.0

    def times(self, factor: float) -> Part:
        """Return the part, multiplied by a number."""
        return Part(self.nodes, self.weights * factor)

    def weighted(self, by: Array) -> Array:
        """Return by · weights, shape (outputs, nodes), for `by` of shape (outputs, points)."""
        made: Array = by * self.weights if isinstance(self.weights, float) else by @ self.weights
        return made


Between = Callable[[Sequence[Node], Array], list[Part]]
Itself = Callable[[Sequence[Node]], Node]


@dataclass(frozen=True)
class Kernel:
    """A kernel, of a row and points, and of a row and itself.

    Attributes:
        between: `(columns, points of shape (points, columns)) -> parts`, which are added.
        itself: `columns -> k(x, x)`, noise included.
        of_point: how many kernels there are to compute for one point; 0 where all points fold.
        of_column: how many nodes one point takes for each column, where it takes any.
    """

    between: Between
    itself: Itself
    of_point: int = 1
    of_column: int = 0


def each(kernel: Kernel, columns: Sequence[Node], points: Array) -> list[Node]:
    """Return k(x, point j) as one node for each point."""
    parts = kernel.between(columns, points)
    return [_plain(_at(parts, j)) for j in range(len(points))]


def _at(parts: Sequence[Part], j: int) -> Node:
    terms: list[tuple[float, Node]] = []
    for part in parts:
        if isinstance(part.weights, float):
            terms.append((part.weights, part.nodes[j]))
        else:
            terms.extend(zip(part.weights[j].tolist(), part.nodes, strict=True))
    return ops.lin(0.0, *terms)


def expansion(parts: Sequence[Part], weights: Any, bias: Sequence[float]) -> list[Node]:
    """Return bias[o] + Σ weights[o, j]·k(x, point j) for each output o.

    Args:
        parts: the kernel over the points.
        weights: shape (outputs, points).
        bias: one number for each output.
    """
    by = frozen(weights)
    nodes = tuple(n for part in parts for n in part.nodes)
    rows = np.hstack([np.zeros((len(by), 0)), *[part.weighted(by) for part in parts]])
    return [_plain(ops.linear(b, w, nodes)) for b, w in zip(bias, rows, strict=True)]


def _plain(n: Node) -> Node:
    """Return the node that a sum of nothing but once this node is."""
    used = np.flatnonzero(n.data.weights)
    alone = len(used) == 1 and n.data.bias == 0 and n.data.weights[used[0]] == 1
    return n.args[int(used[0])] if alone else n


# --- what kernels are made of -------------------------------------------------------------------


def _of(each_point: Callable[[Sequence[Node], Array], Node]) -> Between:
    """Return a kernel of one node for each point."""
    return lambda columns, points: [Part(tuple(each_point(columns, p) for p in points))]


def _one(_: Sequence[Node]) -> Node:
    return ops.const(1.0)


def dot(columns: Sequence[Node], point: Array) -> Node:
    """Return x·c."""
    return ops.linear(0.0, point, columns)


def _square(columns: Sequence[Node]) -> Node:
    return ops.squared_distance(columns, np.zeros(len(columns)))


def distance(columns: Sequence[Node], point: Array, weights: Any) -> Node:
    """Return √Σ wᵢ(xᵢ − cᵢ)²."""
    return ops.sqrt(ops.squared_distance(columns, point, weights))


def _widths(columns: Sequence[Node], lengths: Any, factor: float) -> Array:
    """Return factor / length² for each column; one length may stand for all of them."""
    return np.broadcast_to(factor / np.asarray(lengths, dtype=np.float64) ** 2, (len(columns),))


def constant(value: float) -> Kernel:
    """k = c."""
    return Kernel(
        lambda columns, points: [Part((ops.const(1.0),), np.full((len(points), 1), value))],
        lambda columns: ops.const(value),
        of_point=0,
    )


def noise(level: float) -> Kernel:
    """k = level between a row and itself, and 0 between any others."""
    return Kernel(lambda columns, points: [], lambda columns: ops.const(level), of_point=0)


def linear(offset: float = 0.0) -> Kernel:
    """k = x·c + offset."""

    def between(columns: Sequence[Node], points: Array) -> list[Part]:
        parts = [Part(tuple(columns), points)]
        return parts if offset == 0 else parts + constant(offset).between(columns, points)

    return Kernel(between, lambda columns: ops.lin(offset, (1, _square(columns))), of_point=0)


def polynomial(scale: float, offset: float, degree: float) -> Kernel:
    """k = (scale·x·c + offset)^degree."""

    def of(inner: Node) -> Node:
        return ops.power(ops.lin(offset, (scale, inner)), degree)

    return Kernel(
        _of(lambda columns, c: ops.power(ops.linear(offset, scale * c, columns), degree)),
        lambda columns: of(_square(columns)),
    )


def hyperbolic(scale: float, offset: float) -> Kernel:
    """k = tanh(scale·x·c + offset), called the sigmoid kernel."""
    return Kernel(
        _of(lambda columns, c: ops.tanh(ops.linear(offset, scale * c, columns))),
        lambda columns: ops.tanh(ops.lin(offset, (scale, _square(columns)))),
    )


def gaussian(lengths: Any) -> Kernel:
    """k = exp(−|x − c|² / (2·length²)), with one length, or one for each column."""
    return _gaussian(lambda columns: _widths(columns, lengths, -0.5))


def gaussian_by(gamma: float) -> Kernel:
    """k = exp(−gamma·|x − c|²)."""
    return _gaussian(lambda columns: np.full(len(columns), -gamma))


def _gaussian(weights: Callable[[Sequence[Node]], Array]) -> Kernel:
    def one(columns: Sequence[Node], c: Array) -> Node:
        return ops.exp(ops.squared_distance(columns, c, weights(columns)))

    return Kernel(_of(one), _one)


def _matern_half(columns: Sequence[Node], c: Array, lengths: Any) -> Node:
    return ops.exp(ops.lin(0, (-1, distance(columns, c, _widths(columns, lengths, 1)))))


def _matern_three_halves(columns: Sequence[Node], c: Array, lengths: Any) -> Node:
    d = distance(columns, c, _widths(columns, lengths, 3))
    return ops.mul(ops.lin(1, (1, d)), ops.exp(ops.lin(0, (-1, d))))


def _matern_five_halves(columns: Sequence[Node], c: Array, lengths: Any) -> Node:
    square = ops.squared_distance(columns, c, _widths(columns, lengths, 5))
    d = ops.sqrt(square)
    return ops.mul(ops.lin(1, (1, d), (1 / 3, square)), ops.exp(ops.lin(0, (-1, d))))


MATERN = {0.5: _matern_half, 1.5: _matern_three_halves, 2.5: _matern_five_halves}
"""Smoothness → Matérn kernel; for others it is a Bessel function.

Rasmussen, C. E. and Williams, C. K. I. (2006), Gaussian Processes for Machine Learning, page 85.
"""


def matern(lengths: Any, smoothness: float) -> Kernel:
    """Return the Matérn kernel of one of the three smoothnesses of `MATERN`."""
    function = MATERN[smoothness]
    return Kernel(_of(lambda columns, c: function(columns, c, lengths)), _one)


def rational_quadratic(length: float, alpha: float) -> Kernel:
    """k = (1 + |x − c|² / (2·alpha·length²))^(−alpha)."""

    def one(columns: Sequence[Node], c: Array) -> Node:
        square = ops.squared_distance(columns, c, _widths(columns, length, 0.5 / alpha))
        return ops.power(ops.lin(1, (1, square)), -alpha)

    return Kernel(_of(one), _one)


def periodic(length: float, period: float) -> Kernel:
    """k = exp(−2·sin²(π·|x − c| / period) / length²)."""

    def one(columns: Sequence[Node], c: Array) -> Node:
        wave = ops.sin(distance(columns, c, _widths(columns, period, math.pi**2)))
        return ops.exp(ops.lin(0, (-2 / length**2, ops.mul(wave, wave))))

    return Kernel(_of(one), _one)


def laplacian(gamma: float) -> Kernel:
    """k = exp(−gamma·Σ|xᵢ − cᵢ|)."""

    def one(columns: Sequence[Node], c: Array) -> Node:
        away = [ops.absolute(ops.lin(-p, (1, x))) for p, x in zip(c.tolist(), columns, strict=True)]
        return ops.exp(ops.linear(0, [-gamma] * len(away), away))

    return Kernel(_of(one), _one, of_column=2)


def _chi_squared(columns: Sequence[Node], c: Array) -> list[Node]:
    """Return (xᵢ − cᵢ)² / (xᵢ + cᵢ), which is xᵢ itself where cᵢ is 0."""
    made = []
    for p, x in zip(c.tolist(), columns, strict=True):
        away = ops.lin(-p, (1, x))
        made.append(ops.div(ops.mul(away, away), ops.lin(p, (1, x))) if p else x)
    return made


def chi_squared(gamma: float) -> Kernel:
    """k = exp(−gamma·Σ (xᵢ − cᵢ)² / (xᵢ + cᵢ)), for values ≥ 0."""

    def one(columns: Sequence[Node], c: Array) -> Node:
        return ops.exp(ops.linear(0, [-gamma] * len(columns), _chi_squared(columns, c)))

    return Kernel(_of(one), _one, of_column=4)


def additive_chi_squared() -> Kernel:
    """k = −Σ (xᵢ − cᵢ)² / (xᵢ + cᵢ), for values ≥ 0."""

    def one(columns: Sequence[Node], c: Array) -> Node:
        return ops.linear(0, [-1.0] * len(columns), _chi_squared(columns, c))

    return Kernel(_of(one), lambda columns: ops.const(0.0), of_column=4)


SHORTEST = 10 * float(np.finfo(np.float64).eps)
"""A row that is shorter is not divided by its length."""


def cosine() -> Kernel:
    """k = x·c / (|x|·|c|): a linear kernel of rows and points of length 1."""

    def between(columns: Sequence[Node], points: Array) -> list[Part]:
        return [Part(tuple(directions(columns)), _of_length_one(points))]

    return Kernel(between, lambda columns: _square(directions(columns)), of_point=0)


def directions(columns: Sequence[Node]) -> list[Node]:
    """Return xᵢ / |x|."""
    length = ops.sqrt(_square(columns))
    short = ops.less(length, ops.const(SHORTEST))
    divisor = ops.where(short, ops.const(1.0), length)
    return [ops.div(x, divisor) for x in columns]


def _of_length_one(points: Array) -> Array:
    length = np.sqrt((points * points).sum(axis=1, keepdims=True))
    made: Array = points / np.where(length < SHORTEST, 1.0, length)
    return made


# --- kernels of kernels -------------------------------------------------------------------------


def scaled(kernel: Kernel, factor: float) -> Kernel:
    """k = factor·k₁."""
    return Kernel(
        lambda columns, points: [p.times(factor) for p in kernel.between(columns, points)],
        lambda columns: ops.lin(0, (factor, kernel.itself(columns))),
        kernel.of_point,
        kernel.of_column,
    )


def added(*kernels: Kernel) -> Kernel:
    """k = k₁ + k₂ + …."""
    return Kernel(
        lambda columns, points: [p for k in kernels for p in k.between(columns, points)],
        lambda columns: total_of([k.itself(columns) for k in kernels]),
        sum(k.of_point for k in kernels),
        sum(k.of_column for k in kernels),
    )


def multiplied(*kernels: Kernel) -> Kernel:
    """k = k₁·k₂·…."""

    def between(columns: Sequence[Node], points: Array) -> list[Part]:
        factors = [each(k, columns, points) for k in kernels]
        return [Part(tuple(ops.mul(*pair) for pair in zip(*factors, strict=True)))]

    return Kernel(
        between,
        lambda columns: ops.mul(*[k.itself(columns) for k in kernels]),
        sum(max(k.of_point, 1) for k in kernels),
        sum(k.of_column for k in kernels),
    )


def raised(kernel: Kernel, exponent: float) -> Kernel:
    """k = k₁^exponent."""

    def between(columns: Sequence[Node], points: Array) -> list[Part]:
        return [Part(tuple(ops.power(k, exponent) for k in each(kernel, columns, points)))]

    return Kernel(
        between,
        lambda columns: ops.power(kernel.itself(columns), exponent),
        max(kernel.of_point, 1),
        kernel.of_column,
    )


# --- models of kernels --------------------------------------------------------------------------


def quadratic(parts: Sequence[Part], root: Array, points: Array) -> Node:
    """Return |L⁻¹k|², with k the kernel of a row and all points.

    L⁻¹k is turned into the axes of L's singular values first: with L = P·S·Rᵀ it is as long as
    S⁻¹Pᵀk, whose rows are sums over all points. Of the triangle L⁻¹ itself every row would read
    other points, and nothing could be computed as one matrix product.

    Args:
        parts: the kernel over the points.
        root: the lower triangular L, shape (points, points).
        points: what each kernel value is multiplied by, shape (points,).
    """
    axes, sizes, _ = np.linalg.svd(np.tril(root))
    rows = (axes / sizes).T * points
    away = expansion(parts, rows, [0.0] * len(rows))
    return ops.squared_distance(away, np.zeros(len(away)))


# Williams, C. K. I. and Barber, D. (1998), Bayesian classification with Gaussian processes, IEEE
# Transactions on Pattern Analysis and Machine Intelligence 20, appendix A: the logistic sigmoid as
# 1/2 + Σ heights·erf(steepness·f)/2, whose mean over a normal f has a formula.
STEEPNESS = (0.41, 0.4, 0.37, 0.44, 0.39)
HEIGHTS = (-1854.8214151, 3516.89893646, 221.29346712, 128.12323805, -2010.49422654)


def mean_sigmoid(mean: Node, variance: Node) -> Node:
    """Return ∫ sigmoid(f) N(f | mean, variance) df, by five error functions."""
    made = [
        ops.unary(
            "erf", ops.div(ops.lin(0, (s, mean)), ops.sqrt(ops.lin(1, (2 * s * s, variance))))
        )
        for s in STEEPNESS
    ]
    return ops.linear(0.5 * math.fsum(HEIGHTS), [h / 2 for h in HEIGHTS], made)
