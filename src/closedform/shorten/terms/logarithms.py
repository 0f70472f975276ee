"""A sum whose exponential is wanted: fitted to the number itself, its powers as one writes them.

The search compares logarithms, which positive numbers alone have; a network that has learned a law
says something below 0 here and there, and of small numbers only the size. What was found is
fitted again to the numbers themselves, by least squares on working targets (Gauss and Newton).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from closedform.ir import Array
from closedform.shorten.terms.dictionary import POWERS
from closedform.shorten.terms.sums import (
    PER_CONSTANT,
    Curve,
    Rows,
    Sum,
    fit,
    solved,
    table_of,
    weighed,
)

ROUNDS = 4
LEAST = 1e-4
"""What is less than this share of the greatest weighs nothing, and has no logarithm to speak of."""
NEAR = 0.15
"""A power so near to a plain one is tried as that: a network bends what it has learned a little."""


def polished(found: Sum, rows: Rows, scores: Array) -> tuple[Sum, Rows]:
    """Return a sum whose exponential is nearest to scores, and the rows that it was fitted to.

    Args:
        found: fitted to their logarithm.
        rows: with the logarithm as the target.
        scores: shape (rows, 1).
    """
    best, lost = found, _lost(found, rows, scores)
    if not np.isfinite(lost):
        return found, rows
    working = _working(found, rows, scores)
    for _ in range(ROUNDS):
        made = fit(best.terms, working, steps=6)
        now = _lost(made, rows, scores)
        if not now < lost * (1 - 1e-4):
            break
        best, lost, working = made, now, _working(made, rows, scores)
    return best, working


def _made(found: Sum, rows: Rows) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(np.exp(table_of(found.terms, rows) @ found.outer))


def _lost(found: Sum, rows: Rows, scores: Array) -> float:
    lost = float(((scores - _made(found, rows)) ** 2).mean())
    return lost if np.isfinite(lost) else np.inf


def _working(found: Sum, rows: Rows, scores: Array) -> Rows:
    made = _made(found, rows)
    made = np.maximum(made, LEAST * made.max())
    target = np.log(made) + (scores - made) / made
    weight = (made[:, 0] / made.max()) ** 2
    return replace(rows, target=target, weight=weight / weight.sum())


def plain_powers(found: Sum, rows: Rows) -> tuple[Sum, frozenset[int]]:
    """Return a sum with the powers of columns that are nearly plain ones as these.

    Each may cost as much as the constant that it spares.

    Returns:
        The sum, and which of its terms have such a power.
    """
    held: dict[int, float] = {}
    for j, term in enumerate(found.terms):
        if not isinstance(term, Curve) or term.shape.name != "log x":
            continue
        power = min(POWERS, key=lambda p: abs(p - found.outer[1 + j, 0]))
        if abs(power - found.outer[1 + j, 0]) < NEAR:
            made = _with(found, rows, held | {j: power})
            if made.loss <= found.loss * (1 + PER_CONSTANT) + 1e-12:
                held[j], found = power, made
    return found, frozenset(held)


def _with(found: Sum, rows: Rows, held: dict[int, float]) -> Sum:
    """Return the best sum of the same terms with the coefficients of some of them given."""
    columns = {j: found.terms[j].values(rows.columns) for j in held}
    fixed = sum((p * columns[j] for j, p in held.items()), np.zeros(len(rows.weight)))
    free = [j for j in range(len(found.terms)) if j not in held]
    rest = replace(rows, target=rows.target - fixed[:, None])
    made = solved([found.terms[j] for j in free], rest)
    outer = np.zeros_like(found.outer)
    outer[[0, *(1 + j for j in free)]] = made.outer
    outer[[1 + j for j in held], 0] = list(held.values())
    return weighed(found.terms, outer, rows, table_of(found.terms, rows))
