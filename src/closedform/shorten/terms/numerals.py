"""A fitted sum with as few digits as its loss allows, and as nodes."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from closedform import ops
from closedform.ir import Array, Node
from closedform.passes.rounding import significant
from closedform.shorten.digits import drop_digits
from closedform.shorten.surgeon import Surgery
from closedform.shorten.terms.conditions import negated
from closedform.shorten.terms.shapes import power_of, times
from closedform.shorten.terms.sums import (
    Curve,
    Indicator,
    Rows,
    Sum,
    Term,
    solved,
    table_of,
    weighed,
)

DEARER = 0.003
"""One number's digits may cost so much of the loss, all of them together about 1 to 3 %."""
DROPPED = 10
"""A coefficient may cost so many times as much if it goes altogether."""
FAR = 1e4
"""A column so many deviations from 0 keeps its centre: digits of the constant would cancel."""
LARGE = 100.0
"""A constant beyond e to this power stays in the exponent: it cancels what is there."""
FLOOR = 1e-10
"""So much of the variance may always be lost: it is beyond what a reader will ever see."""


def rounded(found: Sum, rows: Rows, kept: Collection[int] = ()) -> Sum:
    """Return a sum with numbers of few digits, the others making up for each.

    Args:
        found: the sum.
        rows: what it was fitted to.
        kept: terms whose coefficients stay as they are; such sums have no constants inside.
    """
    found = _upwards(found, rows)
    for j, term in enumerate(found.terms):
        for i in range(len(term.theta) if isinstance(term, Indicator) else 0):
            found = _shorter_test(found, j, i, rows)
    return _coefficients(_inner(found, rows), rows, kept)


def _upwards(found: Sum, rows: Rows) -> Sum:
    """Return the same sum with joined conditions that raise the score: when it is high."""
    terms = [
        Indicator(negated(term.condition))
        if isinstance(term, Indicator) and len(term.theta) > 1 and (weights < 0).all()
        else term
        for term, weights in zip(found.terms, found.outer[1:], strict=True)
    ]
    return found if terms == list(found.terms) else solved(terms, rows)


def _shorter_test(found: Sum, j: int, i: int, rows: Rows) -> Sum:
    """Return the sum with one threshold of the fewest digits."""
    limit = found.loss * (1 + DEARER) + FLOOR
    value = found.terms[j].theta[i]
    for short in (*(significant([value], digits)[0] for digits in range(1, 9)), value):
        made = solved(_put(found.terms, [(j, i)], [short]), rows)
        if made.loss <= limit:
            return made
    return found


def _inner(found: Sum, rows: Rows) -> Sum:
    """Return the sum with inner constants of few digits, the coefficients fitted to them."""
    places = [(j, i) for j, term in enumerate(found.terms) for i in term.moving]
    if not places:
        return found
    theta = np.array([found.terms[j].theta[i] for j, i in places])
    room = found.loss * DEARER + FLOOR

    def fine(short: Array) -> bool:
        return solved(_put(found.terms, places, short), rows).loss <= found.loss + (
            len(places) * room
        )

    with np.errstate(all="ignore"):
        bend = Surgery(theta, _bend(found, rows), damping=1e-9)
    return solved(_put(found.terms, places, drop_digits(bend, room, fine)), rows)


def _put(
    terms: Sequence[Term], places: Sequence[tuple[int, int]], values: Sequence[float] | Array
) -> list[Term]:
    """Return terms with some of their constants held at given values."""
    new = list(terms)
    for (j, i), value in zip(places, values, strict=True):
        new[j] = new[j].put(i, float(value))
    return new


def _bend(found: Sum, rows: Rows) -> Array:
    """Return half the Hessian of the loss along the inner constants, coefficients following them.

    The part of a slope that the terms can make up for is taken off (Kaufman 1975).
    """
    root = np.sqrt(rows.weight)[:, None]
    slopes = [
        (1 + j, slope) for j, term in enumerate(found.terms) for slope in term.both(rows.columns)[1]
    ]
    along = np.column_stack([slope for _, slope in slopes]) * root
    table = table_of(found.terms, rows) * root
    along -= table @ np.linalg.lstsq(table, along, rcond=None)[0]
    outer = found.outer[[j for j, _ in slopes]]
    normal = (along.T @ along) * (outer @ outer.T)
    return np.asarray(normal / rows.variance if rows.variance else normal)


def _coefficients(found: Sum, rows: Rows, kept: Collection[int] = ()) -> Sum:
    """Return the sum with short coefficients: the widest terms first, the constant last."""
    with np.errstate(all="ignore"):
        table = table_of(found.terms, rows)
    if not (np.isfinite(found.loss) and np.isfinite(table).all()):
        return found
    spread = table.std(axis=0)
    outer = np.array(found.outer)
    x = table * np.sqrt(rows.weight)[:, None]
    free = [j for j in range(len(outer)) if j not in kept]
    gone = {at: DROPPED if j else 1.0 for at, j in enumerate(free)}
    if not np.isfinite(normal := (x.T @ x)[np.ix_(free, free)]).all():
        return found
    for k in range(outer.shape[1]):
        width = spread[free] * np.abs(outer[free, k])
        order = [*(at for at in np.argsort(-width, kind="stable").tolist() if free[at]), 0]
        size = max(rows.variances[k], FLOOR * float(rows.mean[k] ** 2))
        lost = found.loss * rows.variance / len(rows.variances)
        bend = Surgery(outer[free, k], normal, damping=1e-12, floor=0.0)
        room = DEARER * lost + FLOOR * size
        outer[free, k] = drop_digits(bend, room, lambda _: True, order=order, gone=gone)
    return weighed(found.terms, outer, rows, table)


def score_nodes(found: Sum, rows: Rows, scale: Array) -> list[Node]:
    """Return one node a score, over the raw inputs, the widest term first.

    Args:
        found: the sum.
        rows: what it was fitted to.
        scale: what each score was divided by, shape (scores,), powers of ten.
    """
    columns = [c.spelt for c in rows.known]
    plain = [_is_raw(t, rows) for t in found.terms]
    own = [c.node for c in rows.known]
    nodes = [t.node(own if p else columns) for t, p in zip(found.terms, plain, strict=True)]
    shifts = [rows.known[t.at[0]].centre * p for t, p in zip(found.terms, plain, strict=True)]
    spread = table_of(found.terms, rows).std(axis=0)[1:]
    error = np.sqrt(found.loss * rows.variances + FLOOR * rows.variance)
    made = []
    for k, unit in enumerate(scale):
        constant, *outer = significant((found.outer[:, k] * unit).tolist(), 12)
        if any(shifts):
            constant -= float(np.dot(outer, shifts))
            constant = round(constant, 1 - int(np.floor(np.log10(0.1 * error[k] * unit))))
        order = np.argsort([-abs(w) * s for w, s in zip(outer, spread, strict=True)])
        parts = [_weighted(outer[j], nodes[j]) for j in order if outer[j]]
        made.append(ops.lin(constant, *parts) if parts else ops.const(constant))
    return made


def _is_raw(term: Term, rows: Rows) -> bool:
    """Tell a column that is multiplied as it is: its centre goes into the constant."""
    if not isinstance(term, Curve) or not term.shape.shifts:
        return False
    column = rows.known[term.at[0]]
    return abs(column.centre) < FAR * column.deviation


def _weighted(weight: float, n: Node) -> tuple[float, Node]:
    """Return a weight and a node; the 1 above a fraction is the weight's place."""
    if n.op is ops.DIV and n.args[0] is ops.const(1):
        return float(np.sign(weight)), ops.div(ops.const(abs(weight)), n.args[1])
    return weight, n


def product_node(found: Sum, rows: Rows) -> Node:
    """Return the exponential of a sum of one score as a node: logarithms become powers."""
    columns, own = [c.spelt for c in rows.known], [c.node for c in rows.known]
    factors, powers, terms = [], [], []
    level = float(found.outer[0, 0])
    for term, weight in zip(found.terms, found.outer[1:, 0].tolist(), strict=True):
        plain = _is_raw(term, rows)
        if isinstance(term, Curve) and term.shape.name == "log x":
            powers.append(power_of(columns[term.at[0]], weight))
        elif weight:
            terms.append(_weighted(weight, term.node(own if plain else columns)))
            level -= weight * rows.known[term.at[0]].centre * plain
    inside = level if terms and abs(level) > LARGE else 0.0
    constant = float(np.exp(np.clip(level - inside, -LARGE, LARGE)))
    error = np.sqrt(found.loss * rows.variance + FLOOR * rows.variance)
    digits = max(1, 2 - int(np.floor(np.log10(max(error, 1e-15)))))
    constant = significant([constant], digits)[0]
    factors = [
        *powers,
        *([ops.exp(ops.lin(significant([inside], digits + 3)[0], *terms))] if terms else []),
    ]
    return ops.lin(0, _weighted(constant, times(*factors))) if factors else ops.const(constant)
