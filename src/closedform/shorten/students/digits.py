"""As few digits as the error allows, the constants that are still free making up for the others.

The surgeon's idea with a round number in the place of 0 (Frantar and Alistarh, Optimal brain
compression, 2022): what is rounded first is repaid by what is rounded later.
"""

from __future__ import annotations

import numpy as np

from closedform.ir import Array, Node
from closedform.passes.rounding import significant
from closedform.shorten.students.goal import Fit, Goal
from closedform.shorten.students.surgeon import Surgery

ALLOWED = (0.01, 1e-3, 1e-4, 1e-6)
"""By which share the loss may rise, over all constants: the first that holds on other rows.

A unit that is saturated looks free to the surgeon: in 0.5·tanh(9.6 − 5·x0 − 5·x1), from 5.97 and
4.4, nothing was left of an exclusive or.
"""
SLACK = 0.03
"""By which share it does rise at most, on rows that were not fitted."""
LEAST = 1e-7
"""What is left of the variance counts as so much at least: nobody asks for the seventh digit."""
MOST_DIGITS = 16


MANY = 300
"""With more constants than this, all get the same number of digits."""


def few_digits(found: Fit, kept: Goal) -> list[Node]:
    """Return the nodes of a fit with their constants rounded.

    Args:
        found: the fit.
        kept: rows on which to see how much is lost where there are many constants.
    """
    if not len(found.theta):
        return found.roots
    if len(found.theta) > MANY or not found.normal.size:
        return _all_alike(found, kept)
    limit = kept.loss(found.roots) * (1 + SLACK) + LEAST
    for allowed in ALLOWED:
        made = found.constants.put(_paid_for(found, allowed))
        if kept.loss(made) <= limit:
            break
    return made


def told_by(found: Fit, rows: int) -> list[Node]:
    """Return the nodes of a fit with the digits of each constant that so many rows can tell.

    A constant may move by half of its standard error, the others making up for it.
    """
    if not len(found.theta) or not found.normal.size:
        return found.roots
    return found.constants.put(_paid_for(found, len(found.theta) / 4 / rows))


def _paid_for(found: Fit, allowed: float) -> Array:
    """Return rounded constants, those that are rounded later making up for the earlier ones."""
    surgery = Surgery(found.theta, found.normal)
    budget = allowed * max(found.loss, LEAST) / len(found.theta)
    # Those that the loss holds fastest go first, while there are others to make up for them.
    for i in np.argsort(-surgery.cost / np.maximum(found.theta**2, 1e-300)).tolist():
        surgery.fix(i, _rounded(surgery, i, budget))
    return surgery.theta


def _all_alike(found: Fit, kept: Goal) -> list[Node]:
    def loss(theta: Array) -> float:
        return kept.unexplained(found.constants.values(theta, kept.inputs, kept.rows))

    limit = loss(found.theta) * (1 + SLACK) + LEAST
    for digits in range(2, MOST_DIGITS):
        short = np.array(significant(found.theta.tolist(), digits))
        if loss(short) <= limit:
            break
    return found.constants.put(short)


def _rounded(surgery: Surgery, i: int, budget: float) -> float:
    value = float(surgery.theta[i])
    for digits in range(1, MOST_DIGITS):
        short = significant([value], digits)[0]
        if surgery.price(i, short) <= budget:
            return short
    return significant([value], MOST_DIGITS)[0]
