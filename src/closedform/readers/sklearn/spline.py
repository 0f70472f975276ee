"""scikit-learn: SplineTransformer, each basis function as one piecewise polynomial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import factorial
from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Array, Node, ulps
from closedform.ops.payloads import Pieces
from closedform.readers.reading import Columns, Reading
from closedform.readers.sklearn.dispatch import names_out

CROSSED = (
    "SplineTransformer(extrapolation='linear') with degree 0 or 1 and few knots has no formula: "
    "scikit-learn takes other knots as the ends for each column, and here they cross."
)


@dataclass(frozen=True, eq=False)
class Stretches:
    """All basis functions of one column between the same edges.

    Attributes:
        edges: shape (stretches − 1,).
        origins: where each stretch's polynomial starts, shape (stretches,).
        coefs: shape (stretches, powers, functions).
    """

    edges: Array
    origins: Array
    coefs: Array

    def pieces(self, j: int, missing: float) -> Pieces:
        """Return basis function j; neighbouring stretches where it is 0 become one."""
        coefs = self.coefs[:, :, j]
        some = np.asarray(coefs.any(axis=1))
        kept = np.flatnonzero(np.concatenate([[True], some[1:] | some[:-1]]))
        return Pieces.of(
            self.edges[kept[1:] - 1], coefs[kept], origins=self.origins[kept], missing=missing
        )

    def value(self, x: float) -> Array:
        """Return every basis function at x."""
        i = int(np.searchsorted(self.edges, x, side="right"))
        powers = (x - self.origins[i]) ** np.arange(self.coefs.shape[1])
        found: Array = powers @ self.coefs[i]
        return found

    def within(self, lo: float, hi: float, below: Array, above: Array) -> Stretches:
        """Return these between lo and hi, with other coefficients outside.

        Args:
            lo, hi: both belong to the inside.
            below, above: shape (powers, functions), around lo and hi.
        """
        # hi itself lies inside: where the value jumps there, the edge is the next float.
        last = hi if np.allclose(above[0], self.value(hi), rtol=0, atol=1e-12) else ulps(hi, 1)
        edges = np.concatenate([[lo], self.edges, [last]])
        origins = np.concatenate([[lo], self.origins, [hi]])
        return Stretches(edges, origins, np.concatenate([below[None], self.coefs, above[None]]))


def splines(model: Any, columns: Columns, reading: Reading) -> Columns:
    """Basis functions of degree k for each column: B-splines on the model's knots."""
    made: list[Node] = []
    degree = model.degree
    missing = 0.0 if getattr(model, "handle_missing", "error") == "zeros" else np.nan
    for x, spline in zip(columns.nodes, model.bsplines_, strict=True):
        if model.extrapolation == "linear" and spline.t[degree] > spline.t[-degree - 1]:
            reading.problem(CROSSED, "Refit it with degree=2 or more, or with more knots.")
            return reading.placeholder(names_out(model, columns))
        stretches = extrapolated(model, spline, degree)
        if model.extrapolation == "periodic":
            x = wound(x, spline)
        count = spline.c.shape[1]
        functions = [ops.piecewise(x, stretches.pieces(j, missing)) for j in range(count)]
        refuse_outside(model, x, spline, functions, reading)
        made += functions if model.include_bias else functions[:-1]
        if model.extrapolation == "linear":
            # The model counts its degree up once for each column while it is below 2, and then
            # takes other knots as the ends (1.4 to 1.9): so its columns differ, and so do ours.
            degree += degree <= 1
    return columns.mapped(made, names_out(model, columns))


def taylor(spline: Any, at: Sequence[float] | Array) -> Array:
    """Return the coefficients of every basis function around some points, from the right.

    Returns:
        Shape (points, degree + 1, functions).
    """
    terms = [spline(np.asarray(at), nu=m) / factorial(m) for m in range(spline.k + 1)]
    return np.stack(terms, axis=1)


def inside(spline: Any, lo: float, hi: float) -> Stretches:
    """Return the stretches between the knots from lo to hi, the outer ones going on beyond."""
    t, n = spline.t, len(spline.t) - spline.k - 1
    knots = np.unique(t[spline.k : n])
    origins = np.concatenate([[lo], knots[(knots > lo) & (knots < hi)]])
    # A last interval that is a point has values of its own; a step at hi belongs to its right.
    if hi > lo and (t[n - 1] == t[n] == hi or (spline.k == 0 and hi < t[n])):
        origins = np.append(origins, hi)
    return Stretches(origins[1:], origins, taylor(spline, origins))


def extrapolated(model: Any, spline: Any, degree: int) -> Stretches:
    """Return the stretches of one column, with what the model does beyond its knots."""
    t, kind = spline.t, model.extrapolation
    lo, hi = float(t[spline.k]), float(t[len(t) - spline.k - 1])
    if kind in ("constant", "linear"):
        lo, hi = float(t[degree]), float(t[-degree - 1])
        found = inside(spline, lo, hi)
        return padded(found).within(lo, hi, *outside(model, spline, lo, hi, degree))
    found = inside(spline, lo, hi)
    if kind == "error":
        nowhere = np.full(found.coefs.shape[1:], np.nan)
        return found.within(lo, hi, nowhere, nowhere)
    if kind == "continue" and t[spline.k] == t[spline.k + 1]:
        # The first interval is a point: below it, its own polynomial holds.
        return Stretches(
            np.concatenate([[lo], found.edges]),
            np.concatenate([[lo - 1], found.origins]),
            np.concatenate([taylor(spline, [lo - 1]), found.coefs]),
        )
    return found


def padded(stretches: Stretches) -> Stretches:
    """Return stretches with at least a constant and a linear term."""
    count, powers, functions = stretches.coefs.shape
    more = np.zeros((count, max(0, 2 - powers), functions))
    coefs = np.concatenate([stretches.coefs, more], axis=1)
    return Stretches(stretches.edges, stretches.origins, coefs)


def outside(model: Any, spline: Any, lo: float, hi: float, degree: int) -> tuple[Array, Array]:
    """Return the coefficients below lo and above hi: constant or linear, few functions alone."""
    count = spline.c.shape[1]
    below = np.zeros((max(2, spline.k + 1), count))
    above = np.zeros_like(below)
    if model.extrapolation == "constant":
        below[0, :degree] = spline(lo)[:degree]
        above[0, -degree:] = spline(hi)[-degree:]
        if degree == 0 and not model.sparse_output:
            above[:] = np.nan  # the model raises: it assigns all functions to none
        return below, above
    first, last = slice(0, degree + (degree <= 1)), slice(count - degree - (degree <= 1), count)
    for nu in (0, 1):
        below[nu, first] = spline(lo, nu=nu)[first]
        above[nu, last] = spline(hi, nu=nu)[last]
    return below, above


def refuse_outside(
    model: Any, x: Node, spline: Any, functions: Sequence[Node], reading: Reading
) -> None:
    """Note the values beyond the knots on which the model raises."""
    t, n = spline.t, len(spline.t) - spline.k - 1
    high = ops.less(ops.const(t[n]), x)
    if model.extrapolation == "error":
        reading.refuse(ops.either(ops.less(x, ops.const(t[spline.k])), high), functions)
    if model.extrapolation == "constant" and model.degree == 0 and not model.sparse_output:
        reading.refuse(high, functions)


def wound(x: Node, spline: Any) -> Node:
    """Return x moved into the period of the knots: a + (x − a) mod period."""
    start, end = float(spline.t[spline.k]), float(spline.t[len(spline.t) - spline.k - 1])
    period = end - start
    if period <= 0:
        return ops.const(0.0)
    away = ops.lin(-start, (1, x))
    turns = ops.unary("floor", ops.div(away, ops.const(period)))
    return ops.lin(start, (1, ops.lin(0, (1, away), (-period, turns))))


TRANSFORMS: dict[str, Any] = {"SplineTransformer": splines}
ESTIMATORS: dict[str, Any] = {}
