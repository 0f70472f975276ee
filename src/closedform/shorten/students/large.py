"""Pruning of networks with thousands of weights: each sum by itself, then all refitted by Adam.

The Hessian of each sum's own weights takes the place of the whole one, as in Frantar and Alistarh,
Optimal brain compression (2022): 15-60-60-1 has 4,681 constants, of which one whole step takes 8 s,
against 0.5 s for this.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import numpy as np

from closedform.fitting import Constants, Layered, constants_of
from closedform.ir import Array, Node
from closedform.shorten.students.clearing import cleared
from closedform.shorten.students.goal import Fit, Goal, sizes, weights_and_biases
from closedform.shorten.surgeon import Surgery

LARGE = 900
"""From so many constants on."""
RATE, BATCH = 2e-3, 1024


def laid_out(goal: Goal, roots: list[Node], given: Collection[Node]) -> Fit | None:
    """Return nodes with their constants as they are; None where they are no layers."""
    constants = constants_of(roots, weights_and_biases(roots, given))
    if not isinstance(constants, Layered):
        return None
    theta = constants.start
    loss = goal.unexplained(constants.values(theta, goal.inputs, goal.rows))
    return Fit(roots, constants, theta, loss, np.empty((0, 0)))


def thinned(now: Fit, goal: Goal, many: int) -> list[Node]:
    """Return the nodes without their least important constants, each sum making up for its own."""
    blocks = _surgeries(now.constants, now.theta, goal)
    cost = np.full(len(now.theta), np.inf)
    for slots, surgery in blocks:
        cost[slots] = surgery.cost
    gone = np.zeros(len(now.theta), bool)
    gone[np.argsort(cost)[:many]] = True
    theta = now.theta.copy()
    for slots, surgery in blocks:
        surgery.remove(np.flatnonzero(gone[slots]))
        theta[slots] = surgery.theta
    return cleared(now.constants.put(theta))


def _surgeries(constants: Constants, theta: Array, goal: Goal) -> list[tuple[Array, Surgery]]:
    """Return for each sum which constants are its own, and how they depend on one another."""
    assert isinstance(constants, Layered)
    normals: dict[int, tuple[Array, Array]] = {}
    sums = constants.by_sum(theta, goal.inputs, goal.rows)
    for slots, part, root in sums:
        if len(slots):
            heavy = part * np.sqrt(goal.weight[:, root])
            key = int(slots[0])
            before = normals[key][1] if key in normals else 0.0
            normals[key] = (slots, before + heavy @ heavy.T)
    return [(slots, Surgery(theta[slots], normal)) for slots, normal in normals.values()]


def refitted(
    goal: Goal, roots: list[Node], given: Collection[Node], *, steps: int, seed: int,
    stop: Callable[[], bool],
) -> Fit | None:  # fmt: skip
    """Return nodes with all constants moved a little towards a goal, by Adam."""
    now = laid_out(goal, roots, given)
    if now is None:
        return None
    constants = now.constants
    assert isinstance(constants, Layered)
    # Adam moves each constant by about the same: what multiplies a large input must move less.
    unit = 1 / np.maximum(sizes(constants, goal, 1.0), 1e-12)
    unit[unit > 1e11] = 1.0
    random = np.random.default_rng(seed)
    theta, best = now.theta.copy(), now
    first, second = np.zeros_like(theta), np.zeros_like(theta)
    for step in range(steps):
        if stop():
            break
        batch = goal.part(random.integers(goal.rows, size=min(BATCH, goal.rows)))

        def outer(values: Array, batch: Goal = batch) -> Array:
            return np.asarray(2 * batch.weight * (values - batch.target))

        slope = constants.slope(theta, batch.inputs, batch.rows, outer)[1] * unit
        first += 0.1 * (slope - first)
        second += 0.001 * (slope * slope - second)
        rate = RATE * 0.5 * (1 + np.cos(np.pi * step / steps))
        size = np.sqrt(second / (1 - 0.999 ** (step + 1))) + 1e-8
        theta -= rate * unit * first / (1 - 0.9 ** (step + 1)) / size
    made = constants.put(theta)
    loss = goal.unexplained(constants.values(theta, goal.inputs, goal.rows))
    return best if loss > best.loss else Fit(made, constants, theta, loss, np.empty((0, 0)))
