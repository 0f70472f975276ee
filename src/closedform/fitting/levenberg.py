"""Levenberg–Marquardt: weighted non-linear least squares over a vector of constants.

Marquardt, An algorithm for least-squares estimation of nonlinear parameters (1963); the damping is
scaled by the diagonal of JᵀWJ, so that it does not depend on the units of a constant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from closedform.ir import Array

Slopes = Sequence[tuple[Array, Array]]
"""A Jacobian in parts, each of some rows one after another: which constants move their values, and
how, shape (constants, rows). Of ten classes each has weights that move no other."""
Values = Callable[[Array], Array]
Both = Callable[[Array], tuple[Array, Array | Slopes]]

FLOOR, CEILING = 1e-9, 1e9
"""The least damping that a success leads to, and the one at which a step is given up."""


@dataclass(frozen=True)
class Fitted:
    """Constants, how well they fit, and how sharply they are known.

    Attributes:
        theta: the constants, shape (constants,).
        loss: the weighted mean of the squared residuals.
        normal: JᵀWJ / Σw at `theta`, shape (constants, constants): half the Hessian of the loss
            in the Gauss–Newton sense.
        steps: how many steps were taken.
    """

    theta: Array
    loss: float
    normal: Array
    steps: int


def levenberg_marquardt(
    values: Values, both: Both, start: Array, target: Array, weight: Array | None = None, *,
    steps: int = 25, gain: float = 1e-5, stop: Callable[[], bool] = lambda: False,
) -> Fitted:  # fmt: skip
    """Return constants that fit a target in the least-squares sense, from a start.

    Args:
        values: constants → the fitted values, shape (rows,); several outputs one after another.
        both: constants → the values, and their Jacobian, shape (rows, constants), or in parts.
        start: where to begin, shape (constants,).
        target: what to fit, shape (rows,).
        weight: the weight of each row, shape (rows,); None: all the same.
        steps: at most so many accepted steps.
        gain: a step that lowers the loss by less than this share is the last one.
        stop: asked before each step; the best so far is returned when it says so.
    """
    weight = np.full(len(target), 1.0) if weight is None else weight
    weight = weight / weight.sum()
    theta = np.array(start, dtype=float)
    with np.errstate(all="ignore"):
        got, jacobian = both(theta)
        loss = _loss(got, target, weight)
        damping, taken = 1e-3, 0
        while taken < steps and np.isfinite(loss) and not stop():
            normal, slope = _normal(jacobian, target - got, weight, len(theta))
            found = _step(values, theta, target, weight, loss, normal, slope, damping)
            if found is None:
                break
            theta, lower, damping = found
            last = lower > loss * (1 - gain)
            loss, taken = lower, taken + 1
            got, jacobian = both(theta)
            if last:
                break
        normal, _ = _normal(jacobian, target - got, weight, len(theta))
    return Fitted(theta, loss, normal, taken)


def _loss(got: Array, target: Array, weight: Array) -> float:
    away = got - target
    loss = float(weight @ (away * away))
    return loss if np.isfinite(loss) else float("inf")


def _normal(
    jacobian: Array | Slopes, away: Array, weight: Array, count: int
) -> tuple[Array, Array]:
    """Return JᵀWJ and JᵀWr over all constants."""
    root = np.sqrt(weight)
    if isinstance(jacobian, np.ndarray):
        # A matrix times its own transpose takes half the time of any other product.
        weighted = jacobian * root[:, None]
        return weighted.T @ weighted, weighted.T @ (away * root)
    normal, slope, end = np.zeros((count, count)), np.zeros(count), 0
    for which, part in jacobian:
        rows = slice(end, end := end + part.shape[1])
        weighted = part * root[rows]
        normal[np.ix_(which, which)] += weighted @ weighted.T
        slope[which] += weighted @ (away[rows] * root[rows])
    return normal, slope


def _step(
    values: Values, theta: Array, target: Array, weight: Array, loss: float, normal: Array,
    slope: Array, damping: float,
) -> tuple[Array, float, float] | None:  # fmt: skip
    """Return the next constants, their loss and the next damping; None where nothing is lower."""
    if not (np.isfinite(normal).all() and np.isfinite(slope).all()):
        return None
    scale = np.diag(normal)
    scale = np.maximum(scale, 1e-12 * max(scale.max(initial=0.0), 1e-300))
    while damping < CEILING:
        try:
            move = np.linalg.solve(normal + np.diag(damping * scale), slope)
        except np.linalg.LinAlgError:
            damping *= 10
            continue
        lower = _loss(values(theta + move), target, weight)
        if lower < loss:
            return theta + move, lower, max(FLOOR, damping / 5)
        damping *= 5
    return None
