"""The splines of patsy, formulaic and statsmodels' additive models, as piecewise polynomials."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Array, Node
from closedform.readers.sklearn.spline import Stretches, inside
from closedform.readers.statsmodels.bases import Curve, Polynomials


def b_splines(x: Node, knots: Any, degree: int, first: int) -> Curve:
    """Return B-splines on sorted knots, from number `first` on; the outer ones go on beyond.

    de Boor, C. (1978), A Practical Guide to Splines, chapter IX.
    """
    from scipy.interpolate import BSpline

    t = np.sort(np.asarray(knots, dtype=np.float64))
    count = len(t) - degree - 1
    spline = BSpline(t, np.eye(count), degree)
    stretches = inside(spline, float(t[degree]), float(t[count]))
    curve = Curve(x, stretches, _where_missing(t, degree, count))
    return curve.mixed(np.eye(count)[:, first:]) if first else curve


def _where_missing(t: Array, degree: int, count: int) -> Array | None:
    """Return what SciPy's splev, which patsy and statsmodels call, makes of NaN; None if NaN.

    Its search for the stretch ends at the last one, and steps (and a stretch that is a point) don't
    see what x is.
    """
    from scipy.interpolate import splev

    found = np.array([splev(np.array([np.nan]), (t, e, degree))[0] for e in np.eye(count)])
    return None if np.isnan(found).any() else found


def only_between(curve: Curve, lo: float, hi: float, otherwise: float) -> Curve:
    """Return a curve that has another value below lo and above hi, NaN or 0."""
    outside = np.zeros(curve.stretches.coefs.shape[1:])
    outside[0] = otherwise
    return replace(curve, stretches=curve.stretches.within(lo, hi, outside, outside))


def natural(x: Node, knots: Any) -> Curve:
    """Return the cubic splines that are 1 at one knot and 0 at the others, linear outside.

    Wood, S. N. (2006), Generalized Additive Models, section 4.1.2: the second derivatives m at the
    inner knots solve B·m = D·y, and at the ends they are 0.
    """
    at = np.asarray(knots, dtype=np.float64)
    n, h = len(at), np.diff(at)
    b, d, m = np.zeros((n - 2, n - 2)), np.zeros((n - 2, n)), np.zeros((n, n))
    for i in range(n - 2):
        b[i, i] = (h[i] + h[i + 1]) / 3
        d[i, i : i + 3] = 1 / h[i], -1 / h[i] - 1 / h[i + 1], 1 / h[i + 1]
    for i in range(n - 3):
        b[i, i + 1] = b[i + 1, i] = h[i + 1] / 6
    if n > 2:
        m[1:-1] = np.linalg.solve(b, d)
    y = np.eye(n)
    coefs = _cubics(h, y[:-1], y[1:], m[:-1], m[1:])
    below, above = np.zeros((4, n)), np.zeros((4, n))
    below[:2] = coefs[0, :2]
    above[:2] = y[-1], (y[-1] - y[-2]) / h[-1] + h[-1] * m[-2] / 6
    stretches = Stretches(at[1:-1], at[:-1], coefs)
    return Curve(x, stretches.within(float(at[0]), float(at[-1]), below, above))


def _cubics(h: Array, left: Array, right: Array, m: Array, after: Array) -> Array:
    """Return the cubics between knots, shape (stretches, 4, functions).

    Args:
        h: the widths.
        left, right: the values at both ends of each stretch.
        m, after: the second derivatives there.
    """
    wide = h[:, None]
    slope = (right - left) / wide - wide * (2 * m + after) / 6
    return np.stack([left, slope, m / 2, (after - m) / (6 * wide)], axis=1)


def cyclic(x: Node, knots: Any) -> Curve:
    """Return the periodic cubic splines that are 1 at one knot, the last being the first again."""
    at = np.asarray(knots, dtype=np.float64)
    lo, hi = float(at[0]), float(at[-1])
    return Curve(wound(x, lo, hi), Stretches(at[1:-1], at[:-1], _periodic(at)))


def _periodic(at: Array) -> Array:
    """Return the coefficients of periodic cubic splines, shape (stretches, 4, stretches).

    Wood (2006), page 147: B·m = D·y for the second derivatives m at the knots.
    """
    n, h = len(at) - 1, np.diff(at)
    b, d = np.zeros((n, n)), np.zeros((n, n))
    # Set, not added up: with one or two stretches entries coincide, and patsy keeps the last.
    for i in range(n):
        b[i, i] = (h[i - 1] + h[i]) / 3
        b[i, i - 1] = b[i - 1, i] = h[i - 1] / 6
        d[i, i] = -1 / h[i - 1] - 1 / h[i]
        d[i, i - 1] = d[i - 1, i] = 1 / h[i - 1]
    y, m, after = np.eye(n), np.linalg.solve(b, d), np.roll(np.arange(n), -1)
    return _cubics(h, y, y[after], m, m[after])


def wound(x: Node, lo: float, hi: float) -> Node:
    """Return x moved into one period from lo to hi: lo + (x − lo) mod (hi − lo)."""
    away = ops.lin(-lo, (1, x))
    turns = ops.unary("floor", ops.div(away, ops.const(hi - lo)))
    return ops.lin(lo, (1, ops.lin(0, (1, away), (lo - hi, turns))))


def constrained(curve: Curve, constraints: Any, *, by_numpy: bool = False) -> Curve:
    """Return a basis of the splines that fulfil linear constraints, as the packages choose it.

    Wood (2006), section 1.8.1: all columns but the first of Q in the QR decomposition.
    """
    if constraints is None:
        return curve
    return curve.mixed(absorbing(constraints, by_numpy=by_numpy))


def absorbing(constraints: Any, *, by_numpy: bool = False) -> Array:
    """Return the columns of Q that are orthogonal to the constraints, shape (columns, kept)."""
    rows = np.atleast_2d(np.asarray(constraints, dtype=np.float64))
    if by_numpy:
        q, _ = np.linalg.qr(rows.T, mode="complete")
    else:
        from scipy.linalg import qr

        q, _ = qr(rows.T)
    found: Array = q[:, len(rows) :]
    return found


def orthogonal(x: Node, alpha: Any, norms: Any, degree: int) -> Polynomials:
    """Return formulaic's poly(): orthogonal polynomials by their three-term recurrence."""
    origin = float(alpha[0])
    P = np.polynomial.Polynomial
    before, now = P([0.0]), P([1.0])
    columns = []
    for k in range(degree):
        beta = float(norms[k]) / float(norms[k - 1]) if k else 0.0
        before, now = now, P([origin - float(alpha[k]), 1.0]) * now - beta * before
        columns.append(now / np.sqrt(float(norms[k + 1])))
    coefs = np.zeros((degree + 1, degree))
    for j, column in enumerate(columns):
        coefs[: len(column.coef), j] = column.coef
    return Polynomials(x, origin, coefs)
