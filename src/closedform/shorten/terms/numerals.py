"""A fitted sum with as few digits as its loss allows, and as nodes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

import numpy as np

from closedform import ops
from closedform.ir import Array, Node
from closedform.passes.rounding import significant
from closedform.shorten.terms.conditions import negated
from closedform.shorten.terms.shapes import power_of, times
from closedform.shorten.terms.sums import (
    Curve,
    Indicator,
    Rows,
    Sum,
    Term,
    fit,
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
    """Return a sum with numbers of few digits, the others refitted after each.

    Args:
        found: the sum.
        rows: what it was fitted to.
        kept: terms whose coefficients stay as they are; such sums have no constants inside.
    """
    found = _upwards(found, rows)
    for j, term in enumerate(found.terms):
        for i in range(len(term.theta)):
            found = _shorter_inside(found, j, i, rows)
    return _coefficients(found, rows, {1 + j for j in kept})


def _upwards(found: Sum, rows: Rows) -> Sum:
    """Return the same sum with joined conditions that raise the score: when it is high."""
    terms = [
        Indicator(negated(term.condition))
        if isinstance(term, Indicator) and len(term.theta) > 1 and (weights < 0).all()
        else term
        for term, weights in zip(found.terms, found.outer[1:], strict=True)
    ]
    return found if terms == list(found.terms) else solved(terms, rows)


def _shorter_inside(found: Sum, j: int, i: int, rows: Rows) -> Sum:
    """Return the sum with one inner constant of the fewest digits, the others fitted again."""
    limit = found.loss * (1 + DEARER) + FLOOR
    term = found.terms[j]
    made = found
    for value in _spellings(term.theta[i]):
        terms: list[Term] = [*found.terms]
        terms[j] = term.put(i, value)
        made = solved(terms, rows)
        if made.loss > limit:
            made = fit(terms, rows, steps=3)
        if made.loss <= limit:
            return made
    return made


def _spellings(value: float) -> Iterator[float]:
    yield from (significant([value], digits)[0] for digits in range(1, 9))
    yield value


def _coefficients(found: Sum, rows: Rows, kept: Collection[int] = ()) -> Sum:
    """Return the sum with short coefficients: the widest terms first, the constant last."""
    with np.errstate(all="ignore"):
        table = table_of(found.terms, rows)
    if not (np.isfinite(found.loss) and np.isfinite(table).all()):
        return found
    reached = table @ found.outer
    target = reached + rows.missed(reached)
    spread = table.std(axis=0)
    outer = np.array(found.outer)
    for k in range(outer.shape[1]):
        free = [j for j in range(1, len(outer)) if j not in kept]
        order = sorted(free, key=lambda j: -spread[j] * abs(outer[j, k]))
        size = max(rows.variances[k], FLOOR * float(rows.mean[k] ** 2))
        lost = found.loss * rows.variance / len(rows.variances)
        room = DEARER * lost + FLOOR * size
        outer[:, k] = _one_score(table, target[:, k], rows.weight, outer[:, k], order, room)
    return weighed(found.terms, outer, rows, table)


def _one_score(
    table: Array, target: Array, weight: Array, outer: Array, order: Sequence[int], room: float
) -> Array:
    """Return the coefficients of one score, shape (1 + terms,), each of the fewest digits."""
    x = table * np.sqrt(weight)[:, None]
    normal = x.T @ x
    if not np.isfinite(normal).all():
        return outer
    best, left = np.array(outer), [*order, 0]
    for j in (*order, 0):
        left.remove(j)
        # How the rest moves with this one, so that what it loses is made up for.
        along = np.zeros(len(best))
        along[j] = 1.0
        if left:
            along[left] = -np.linalg.lstsq(normal[np.ix_(left, left)], normal[left, j])[0]
        bend = float(along @ normal @ along)
        for value in (0.0, *_spellings(best[j])):
            more = bend * (value - best[j]) ** 2
            if more <= room * (DROPPED if value == 0 and j else 1):
                best = best + along * (value - best[j])
                best[j] = value
                break
    return best


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
    columns = [c.spelt for c in rows.known]
    factors, powers, terms = [], [], []
    for term, weight in zip(found.terms, found.outer[1:, 0].tolist(), strict=True):
        if isinstance(term, Curve) and term.shape.name == "log x":
            powers.append(power_of(columns[term.at[0]], weight))
        elif weight:
            terms.append(_weighted(weight, term.node(columns)))
    level = float(found.outer[0, 0])
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
