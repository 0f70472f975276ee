"""The constants of an expression, exponents too, moved to where they fit best."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from closedform import ops
from closedform.discover.sample import Sample
from closedform.fitting.constants import TESTS, Constants, Slot, written
from closedform.fitting.levenberg import Fitted, levenberg_marquardt
from closedform.ir import Array, Node, toposort


@dataclass(frozen=True, eq=False)
class Refit:
    """An expression with the constants that fit a sample best.

    Attributes:
        node: the expression.
        error: how far it is from the function, as `Problem.error`.
        constants: where its constants stood before.
        theta: what they are now.
        normal: JᵀJ / rows of the error, shape (constants, constants).
    """

    node: Node
    error: float
    constants: Constants
    theta: Array
    normal: Array


def free_constants(node: Node, sample: Sample) -> Constants:
    """Return the constants of an expression that may be moved; exponents that are not neat, too."""
    positive = _positive_bases(node, sample)

    def free(slot: Slot) -> bool:
        if slot.node.op is ops.POW and slot.place == 1:
            return 2 * slot.value != round(2 * slot.value) and slot.node.args[0] in positive
        return written(slot) and np.isfinite(slot.value)

    return Constants([node], free, TESTS)


def _positive_bases(node: Node, sample: Sample) -> set[Node]:
    bases = [n.args[0] for n in toposort([node]) if n.op is ops.POW]
    if not bases:
        return set()
    said = sample.said(bases)
    return {n for n, values in zip(bases, said, strict=True) if (values > 0).all()}


def refit(node: Node, sample: Sample, steps: int = 25, gain: float = 1e-5) -> Refit:
    """Return an expression with its constants moved to the least squared error on a sample."""
    constants = free_constants(node, sample)
    free = independent(constants, sample)
    fitted = move(constants, constants.start, free, sample, steps, gain)
    made = constants.put(fitted.theta)[0] if len(constants) else node
    return Refit(made, float(np.sqrt(fitted.loss)), constants, fitted.theta, fitted.normal)


def independent(constants: Constants, sample: Sample) -> Array:
    """Return which constants say something that the others don't, shape (constants,).

    Of 2·(3 + x), where 2, 3 and the weight of x could move, 3 stays.
    """
    free = np.ones(len(constants), dtype=bool)
    if len(free) < 2:
        return free
    with np.errstate(all="ignore"):
        _, slopes = constants.both(constants.start, sample.columns, len(sample))
        columns = slopes[:, 0].T * np.where(constants.start, constants.start, 1.0)[:, None]
        columns = columns / np.sqrt((columns * columns).sum(axis=1))[:, None]
    if not np.isfinite(columns).all():
        return free
    # Those that are 1 stay before others do, and biases before weights.
    order = sorted(range(len(free)), key=lambda i: _plain(constants.slots[i]))
    basis: list[Array] = []
    for i in order:
        left = columns[i]
        for _ in range(2):
            for one in basis:
                left = left - (left @ one) * one
        size = float(np.sqrt(left @ left))
        if size < SAME:
            free[i] = False
        else:
            basis.append(left / size)
    return free


SAME = 1e-9
"""What is left of a slope that others make up, but for rounding."""


def _plain(slot: Slot) -> tuple[bool, bool]:
    return abs(slot.value) == 1, slot.kind == "bias"


def move(
    constants: Constants, start: Array, free: Array, sample: Sample, steps: int = 25,
    gain: float = 1e-5,
) -> Fitted:  # fmt: skip
    """Return all constants, those that are free where they fit best.

    Args:
        constants: of one expression.
        start: their values at first, shape (constants,).
        free: which of them may move, shape (constants,).
        sample: the rows.
        steps, gain: as `levenberg_marquardt` takes them.
    """
    at, scale = np.flatnonzero(free), sample.scale
    # A column in units of its own constant: weights of 1e-12 and 1e12 may stand side by side.
    unit = np.where(start[at] != 0, np.abs(start[at]), 1.0)

    def put(moved: Array) -> Array:
        theta = start.copy()
        theta[at] = moved * unit
        return theta

    def values(moved: Array) -> Array:
        got = constants.values(put(moved), sample.columns, len(sample))
        return np.asarray(got[:, 0] / scale)

    def both(moved: Array) -> tuple[Array, Array]:
        got, slopes = constants.both(put(moved), sample.columns, len(sample))
        return got[:, 0] / scale, slopes[:, 0, at] * (unit / scale)

    with np.errstate(all="ignore"):
        fitted = levenberg_marquardt(
            values, both, start[at] / unit, sample.values / scale, steps=steps, gain=gain
        )
        normal = np.zeros((len(start), len(start)))
        normal[np.ix_(at, at)] = fitted.normal / np.outer(unit, unit)
    return Fitted(put(fitted.theta), fitted.loss, normal, fitted.steps)
