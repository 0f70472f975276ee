"""pygam: what its terms add, as curves of single columns.

A spline term is one piecewise polynomial, a tensor term a sum of products of such curves. Their
coefficients come from pygam's own basis, which is asked for enough points on each stretch: it is
not quite that of the book (its last knot lies 1e-9 further out, so that the last edge is inside).

Eilers, P. and Marx, B. (1996), Flexible smoothing with B-splines and penalties, Statistical
Science 11(2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from closedform import ops
from closedform.families.additive import clipped, total_of
from closedform.ir import Array, Node, ulps
from closedform.ops.payloads import Pieces

BEYOND = 1e-9
"""So far beyond the last knot pygam still takes a row for one inside, in ranges of the column."""
FAR = 2.0**100
FINE = 2.0**-44
"""Knots rounded by less than this share of their range move no value by more than 1e-12."""


@dataclass(frozen=True, eq=False)
class Basis:
    """The basis functions of one column, over u = (x − start) / span.

    Attributes:
        start, span: where the column's knots begin, and how far they reach.
        edges: between the stretches, in u, shape (stretches − 1,).
        origins: of each stretch's polynomial, in u, shape (stretches,).
        coefs: shape (stretches, powers, functions).
        periodic: whether u is wound into 0 … 1.
    """

    start: float
    span: float
    edges: Array
    origins: Array
    coefs: Array
    periodic: bool

    def curve(self, x: Node, weights: Array) -> Node:
        """Return Σ weights[j]·Bⱼ(x) as one piecewise polynomial."""
        coefs = self.coefs @ weights
        if self.periodic:
            return ops.piecewise(self.wound(x), Pieces.of(self.edges, coefs, origins=self.origins))
        scaled = coefs / self.span ** np.arange(coefs.shape[1])
        start = self.start
        if max(abs(start), abs(start + self.span)) * 2.0**-53 > FINE * self.span:
            x, start = ops.lin(-start, (1, x)), 0.0
        edges = [self._edge(u, start) for u in self.edges.tolist()]
        origins = start + self.span * self.origins
        return ops.piecewise(x, Pieces.of(edges, scaled, origins=origins))

    def wound(self, x: Node) -> Node:
        """Return u, less the whole periods that it holds."""
        away = ops.div(ops.lin(-self.start, (1, x)), ops.const(self.span))
        turns = ops.unary("floor", ops.div(away, ops.const(1 + BEYOND)))
        # The whole turns first, which is exact: a million of them then cost 1e-16, not 1e-10.
        rest = ops.lin(0, (1, away), (-1, turns))
        return clipped(ops.lin(0, (1, rest), (-((1 + BEYOND) - 1), turns)), 0.0, 1 + BEYOND)

    def _edge(self, u: float, start: float) -> float:
        """Return the least x with (x − start) / span >= u, in floats."""
        x = start + u * self.span
        if u == 0:  # below 0 lie half a million floats that a span of 1e6 rounds to it
            return x
        while (ulps(x, -1) - start) / self.span >= u:
            x = ulps(x, -1)
        while (x - start) / self.span < u:
            x = ulps(x, 1)
        return x


def basis_of(term: Any) -> Basis:
    """Return the basis functions of a fitted spline or factor term."""
    knots = np.sort(np.asarray(term.edge_knots_))
    # In the type of the training rows, as pygam subtracts: in float64, curves are off by 5e-9.
    start, span = float(knots[0]), float(knots[-1] - knots[0])
    order, periodic = int(term.spline_order), term.basis == "cp"
    ask = _asker(term)
    stretches = int(term.n_splines) + order * periodic - order
    inner = np.linspace(0, 1, stretches + 1)
    coefs = np.stack([_between(ask, lo, hi, order) for lo, hi in pairwise(inner.tolist())])
    edges, origins = inner[1:-1], inner[:-1]
    if not periodic:
        below, above = _beyond(ask, order)
        # Of order 0 the last stretch holds its end, and nothing is added outside.
        last = 1.0 if order else 1.0 + BEYOND
        edges = np.concatenate([[0.0], edges, [last]])
        origins = np.concatenate([[0.0], origins, [1.0]])
        coefs = np.concatenate([below[None], coefs, above[None]])
    if periodic and order == 0:  # less than a rounding below 0, u is wound to its very end
        edges, origins = np.append(edges, 1 + BEYOND), np.append(origins, 1.0)
        coefs = np.concatenate([coefs, np.zeros((1, *coefs.shape[1:]))])
    if getattr(term, "coding", None) == "dummy":
        coefs = coefs[:, :, 1:]
    return Basis(start, span or 1.0, edges, origins, coefs, periodic)


def _asker(term: Any) -> Callable[[Any], Array]:
    """Return pygam's basis functions of a term over u, as a function of points."""
    from pygam.utils import b_spline_basis

    options = {
        "edge_knots": np.array([0.0, 1.0]),
        "n_splines": int(term.n_splines),
        "spline_order": int(term.spline_order),
        "sparse": False,
        "periodic": term.basis == "cp",
        "verbose": False,
    }
    return lambda u: np.asarray(b_spline_basis(np.asarray(u, dtype=np.float64), **options))


def _between(ask: Callable[[Any], Array], lo: float, hi: float, order: int) -> Array:
    """Return the polynomials between two knots around the left one, shape (powers, functions)."""
    at = 0.5 - 0.5 * np.cos(np.pi * (np.arange(order + 1) + 0.5) / (order + 1))
    powers = np.arange(order + 1)
    found = np.linalg.solve(at[:, None] ** powers, ask(lo + at * (hi - lo)))
    made: Array = found / (hi - lo) ** powers[:, None]
    return np.pad(made, ((0, max(0, 1 - order)), (0, 0)))


def _beyond(ask: Callable[[Any], Array], order: int) -> tuple[Array, Array]:
    """Return the lines below 0 and above 1, each around its end, shape (powers, functions)."""
    # So far out that nothing but the slope is left of a line, and all bits of that.
    far = ask([-FAR, FAR])
    slopes = [-far[0] / FAR, far[1] / FAR]
    values = ask([ulps(0.0, -1), ulps(1.0, 1)] if order else [-1.0, 2.0])
    lines = [np.stack([v, s]) for v, s in zip(values, slopes, strict=True)]
    below, above = (np.pad(line, ((0, max(0, order - 1)), (0, 0))) for line in lines)
    return below, above


def tensor(marginals: list[tuple[list[Node] | Basis, Node]], weights: Array) -> Node:
    """Return Σ weights[i, j, …]·Aᵢ(x)·Bⱼ(y)·….

    Args:
        marginals: the basis of each column with the column; a list of nodes where it has no knots.
        weights: shape (functions of the first, …).
    """
    last, x = marginals[-1]
    flat = weights.reshape(-1, weights.shape[-1])
    made = [_combined(last, x, row) for row in flat]
    for depth in range(len(marginals) - 2, -1, -1):
        basis, x = marginals[depth]
        width = weights.shape[depth]
        unit = np.eye(width)
        own = [_combined(basis, x, unit[i]) for i in range(width)]
        made = [
            total_of([ops.mul(a, b) for a, b in zip(own, made[i : i + width], strict=True)])
            for i in range(0, len(made), width)
        ]
    return made[0]


def _combined(basis: list[Node] | Basis, x: Node, weights: Array) -> Node:
    if isinstance(basis, Basis):
        return basis.curve(x, weights)
    return ops.linear(0.0, weights, basis)
