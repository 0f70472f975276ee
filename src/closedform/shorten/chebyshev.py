"""A network as polynomials: each unit fitted where the data is, not expanded where it is not.

Taylor series of units at 0 diverge on ordinary networks: 5 % of the pre-activations lie beyond
π/2, where that of tanh does; R² was −2·10²¹ at order 5. A least-squares polynomial in the
Chebyshev basis of each unit's own range reaches 0.99 (Trefethen, Approximation Theory and
Approximation Practice, 2013). Units are fitted from the inputs on, each to what the exact unit
gives for rows whose inputs come from the polynomials before it, so that errors are made up for.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.columns import columns_of
from closedform.errors import BadInput
from closedform.evaluate import bounds, compute
from closedform.formula import Formula, Step
from closedform.ir import Array, Interval, Node, Type, toposort, with_args
from closedform.passes.differentiate import gradient
from closedform.shorten.scores import score_nodes
from closedform.shorten.series import polynomial_in, with_scores

UNITS = ("tanh", "sigmoid", "softplus", "erf", "exp", "sin", "cos", "atan", "log1p", "expm1")
"""Functions that are fitted; |x| and max(x, 0), where the range has both signs, as well."""
MOST = 3_000
"""Rows to fit on: of more, so many evenly taken."""
GRID = 2_000
"""Points on which a unit's error is bounded, with the slope between them."""


def chebyshev(formula: Formula, X: Any, degree: int = 3, *, denominator: int = 0) -> Formula:
    """Return the formula with a polynomial in the place of each curved unit.

    Args:
        formula: any formula with tanh, sigmoid, exp, ReLU …; other operations stay.
        X: rows that the ranges are taken from, at least 10.
        degree: of the polynomials, from 1 on.
        denominator: degree of a polynomial that they are divided by, which has no zero in the
            range; where there is none such, the polynomial alone is taken.

    Returns:
        The formula, with a Step "chebyshev" of kind "approx". Its `found`: "units" replaced,
        "remainder" the largest |unit − polynomial| on the range of its argument, bounded over
        the reals, and "moved" the root mean square by which each score moves on X.

    Raises:
        BadInput: the degree is no whole number from 1 on, or the rows do not fit or are too few.
    """
    for name, value, least in (("degree", degree, 1), ("denominator", denominator, 0)):
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= 20:
            raise BadInput(
                f"A {name} of {value!r} is none.", hint=f"Give a whole number from {least} to 20."
            )
    roots = score_nodes(formula)
    inputs, rows = _rows(formula, X, roots)
    became, worst, units = dict[Node, Node](), 0.0, 0
    for level in _levels(roots):
        _carry(level, became)
        arguments = [became[n.args[0]] for n in level]
        columns = compute([*arguments, *level], inputs, rows)
        for n, z, exact in zip(level, columns, columns[len(level) :], strict=False):
            fitted, error = _fit(n, became[n.args[0]], z, exact, degree, denominator)
            became[n], worst, units = fitted, max(worst, error), units + 1
    _carry(roots, became)
    scores = [became[root] for root in roots]
    old, new = (np.column_stack(compute(s, inputs, rows)) for s in (roots, scores))
    with np.errstate(over="ignore"):
        moved = np.sqrt(((old - new) ** 2).mean(axis=0)).tolist()
    step = Step(
        "chebyshev", "approx", {"degree": degree, "denominator": denominator},
        {"units": units, "remainder": worst, "moved": moved},
    )  # fmt: skip
    return with_scores(formula, scores, step)


def _rows(formula: Formula, X: Any, roots: Sequence[Node]) -> tuple[list[Array], int]:
    inputs, rows = columns_of(formula.inputs, X, formula.needed)
    fine = np.isfinite(np.column_stack(compute(roots, inputs, rows))).all(axis=1)
    if fine.sum() < 10:
        raise BadInput(
            f"Only {int(fine.sum())} of {rows} rows have a score: too few to take ranges from.",
            hint="Give at least 10 rows that the model answers.",
        )
    picked = np.flatnonzero(fine)
    picked = picked[np.linspace(0, len(picked) - 1, min(MOST, len(picked))).astype(int)]
    return [c[picked] for c in inputs], len(picked)


def _unit(n: Node) -> bool:
    """Tell a curved function of one number that is no input's indicator."""
    if n.type is not Type.REAL or not n.args or n.args[0].op is ops.CONST:
        return False
    relu = n.op is ops.MAX and len(n.args) == 2 and n.args[1].op is ops.CONST
    return relu or n.op is ops.ABS or n.op.name in UNITS


def _levels(roots: Sequence[Node]) -> list[list[Node]]:
    """Return the units by how many others stand before them."""
    depth: dict[Node, int] = {}
    levels: dict[int, list[Node]] = {}
    for n in toposort(roots):
        before = max((depth[a] for a in n.args), default=0)
        depth[n] = before + _unit(n)
        if _unit(n):
            levels.setdefault(before, []).append(n)
    return [levels[k] for k in sorted(levels)]


def _carry(wanted: Sequence[Node], became: dict[Node, Node]) -> None:
    """Rebuild what the units wanted read, over the polynomials that came before them."""
    for n in toposort(wanted):
        if n not in became and not (n in wanted and _unit(n)):
            became[n] = with_args(n, tuple([became[a] for a in n.args]))


def _fit(
    n: Node, argument: Node, z: Array, exact: Array, degree: int, denominator: int
) -> tuple[Node, float]:
    """Return a unit as a polynomial, or quotient, of its argument, and its error on the range."""
    lo, hi = float(z.min()), float(z.max())
    if not hi - lo > 1e-12 * max(1.0, abs(lo)):
        return ops.const(float(exact.mean())), 0.0
    middle, half = (lo + hi) / 2, (hi - lo) / 2
    t = (z - middle) / half
    top = np.polynomial.chebyshev.chebfit(t, exact, min(degree, len(np.unique(t)) - 1))
    bottom = np.ones(1)
    if denominator:
        top, bottom = _rational(t, exact, top, denominator)
    p, q = (_in_z(c, middle, half) for c in (top, bottom))
    made = polynomial_in(p, argument)
    if len(q) > 1:
        made = ops.div(made, polynomial_in(q, argument))
    return made, _error(n, made, argument, lo, hi)


def _in_z(coefs: Array, middle: float, half: float) -> list[float]:
    """Return the coefficients of powers of z of a series in (z − middle) / half."""
    series = np.polynomial.Polynomial(np.polynomial.chebyshev.cheb2poly(coefs))
    inner = np.polynomial.Polynomial([-middle / half, 1 / half])
    found: list[float] = series(inner).coef.tolist()
    return found


def _rational(t: Array, exact: Array, top: Array, degree: int) -> tuple[Array, Array]:
    """Return a quotient of Chebyshev series by 6 rounds of linearised least squares.

    Sanathanan and Koerner, Transfer function synthesis as a ratio of two complex polynomials
    (1963): |p − f·q| is divided by the denominator of the round before.
    """
    cheb = np.polynomial.chebyshev
    above, below = cheb.chebvander(t, len(top) - 1), cheb.chebvander(t, degree)[:, 1:]
    weight, grid = np.ones(len(t)), np.linspace(-1, 1, 400)
    best, least = (top, np.ones(1)), _square(cheb.chebval(t, top) - exact)
    for _ in range(6):
        table = np.hstack([above, -exact[:, None] * below]) / weight[:, None]
        found = np.linalg.lstsq(table, exact / weight, rcond=1e-10)[0]
        p, q = found[: len(top)], np.concatenate([[1.0], found[len(top) :]])
        over = cheb.chebval(grid, q)
        if over.min() <= 0.02:  # a pole in the range, or nearly
            break
        loss = _square(cheb.chebval(t, p) / cheb.chebval(t, q) - exact)
        if loss < least:
            best, least = (p, q), loss
        weight = cheb.chebval(t, q)
    return best


def _square(away: Array) -> float:
    return float((away * away).mean())


def _error(n: Node, made: Node, argument: Node, lo: float, hi: float) -> float:
    """Return a bound of |unit − made| for arguments from lo to hi, over the reals.

    At the points of a grid, and between them by interval bounds of the slope of the difference.
    """
    x = ops.input_(0)
    unit = with_args(n, (x, *n.args[1:]))
    away = ops.lin(0, (1, unit), (-1, _over(made, argument, x)))
    points = np.linspace(lo, hi, GRID)
    largest = float(abs(compute([away], [points], GRID)[0]).max())
    slope = gradient(away, [0])[0]
    edges = np.linspace(lo, hi, 65)
    rise = 0.0
    for a, b in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        inside = bounds([slope], {0: Interval(a, b)})[0]
        steep = math.inf if inside.missing else max(abs(inside.lo), abs(inside.hi))
        rise = max(rise, steep)
    return largest + rise * (hi - lo) / (GRID - 1) / 2


def _over(made: Node, argument: Node, x: Node) -> Node:
    became: dict[Node, Node] = {argument: x}
    for n in toposort([made]):
        if n is not argument and n not in became:
            became[n] = with_args(n, tuple([became.get(a, a) for a in n.args]))
    return became[made]
