"""Constants of laws: fitted, freed of what is too much, written as numbers, and how sure they are.

Nothing below the noise of a problem is taken for a part of its law: of two expressions that both
come as near as the noise allows, the simpler one is taken.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from closedform.discover.description import least as least_error
from closedform.discover.description import told
from closedform.discover.numerals import numeral, shortened
from closedform.discover.problem import Problem
from closedform.discover.refit import Refit, free_constants, independent, move, refit
from closedform.discover.sample import Sample
from closedform.discover.simpler import simpler
from closedform.fitting import Constants
from closedform.ir import Array, Node
from closedform.length import length
from closedform.passes.algebra import tidied

ROWS, TRYING, ALL = 2_000, 240, 20_000
"""Rows that constants are fitted to at last, that a simpler expression is tried on, and for data
that are independently noisy."""
EXACT = 1e-9
"""The error of an exact oracle that is rounding."""
SURE = 5.0
"""So many times what leaving a third of the rows out moves it by a constant may be off.

Of laws with smooth errors the constants are off by less than 3 times that in nine of ten cases.
"""
CHANCE = 6.0
"""The square of a deviation of 2.4, by chance once in 70 times."""
OVER = 1.1
"""The truth is this much of the noise away at most: the noise is known to a tenth."""


def refitted(problem: Problem, node: Node) -> Node:
    """Return an expression with all its constants where they fit a problem best.

    Weights of ±1 and exponents that are halves or whole stay.

    Args:
        problem: what it is fitted to.
        node: over the inputs 0, 1, …
    """
    sample = Sample.of(problem, ROWS if problem.ask is not None else ALL)
    if not len(sample):
        return node
    made = refit(node, sample, 40, 1e-7)
    return made.node if made.error < sample.error(node) else node


def cleaned(problem: Problem, node: Node) -> Node:
    """Return an expression without what the noise of a problem does not bear out.

    Terms that are too small are left out, functions whose argument hardly moves become lines or
    numbers, exponents and constants become what they are likely to be: each time with a refit of
    the rest, and as long as the error stays what the noise explains.

    Args:
        problem: what it is to fit; its noise is the measure.
        node: over the inputs 0, 1, …
    """
    sample = Sample.fresh(problem, ROWS if problem.observed else TRYING)
    if len(sample) < 4:
        return node
    first = refit(tidied(node), sample, 40, 1e-7)
    start = first.node if first.error < math.inf else node
    less = (_told_shorter if problem.observed else _without)(problem, start, sample)
    return written(problem, less)


def written(problem: Problem, node: Node) -> Node:
    """Return an expression refitted, its constants being the numbers that they are likely to be.

    As `cleaned` does at its end: no part of the expression goes.
    """
    sample = Sample.of(problem, ROWS if problem.ask is not None else ALL)
    return _written(problem, node, sample) if len(sample) >= 4 else node


def _limit(problem: Problem, error: float, node: Node, sample: Sample) -> float:
    """Return the greatest error that a simpler expression may have.

    A function that can be asked errs smoothly, and so does a fit to it: then the truth may be as
    far off as the noise. Where rows err independently the fit is nearer the truth than they are,
    and little may be lost.
    """
    if problem.observed:
        size = max(error, least_error(problem))
        return math.hypot(size * math.sqrt(1 + CHANCE / len(sample)), EXACT)
    noise = OVER * problem.noise
    share = 1.0 if problem.ask is not None else _alike(node, sample)
    floor = max(noise * noise - error * error, 0.0) * share
    size = max(error, problem.noise if share < 1 else 0.0)
    chance = size * size * max(0.02 * share, CHANCE / len(sample))
    return math.sqrt(error * error + floor + chance + EXACT * EXACT)


def _alike(node: Node, sample: Sample) -> float:
    """Return how alike the errors of neighbouring rows are: 0 independent, 1 the same."""
    with np.errstate(all="ignore"):
        away = (sample.said([node])[0] - sample.values) / sample.scale
    table = np.column_stack(sample.columns)[:400]
    away = away[:400]
    spread = table.std(axis=0)
    table = table / np.where(spread > 0, spread, 1.0)
    apart = ((table[:, None, :] - table[None, :, :]) ** 2).sum(axis=2)
    np.fill_diagonal(apart, np.inf)
    size = float(np.mean(away * away))
    if not np.isfinite(size) or size == 0:
        return 0.0
    return float(np.clip(np.mean(away * away[apart.argmin(axis=1)]) / size, 0.0, 1.0))


def _without(problem: Problem, node: Node, sample: Sample) -> Node:
    """Return an expression without the parts that may go, the least needed of them first."""
    now = refit(node, sample)
    limit = _limit(problem, now.error, node, sample)
    while True:
        short = length([now.node])
        found = [
            (_cost(made, limit), i, made)
            for i, made in enumerate(
                _tried(other, sample, limit) for other in simpler(now.node, sample)
            )
            if made.error <= limit and length([made.node]) < short
        ]
        if not found:
            return now.node
        now = min(found, key=lambda one: one[:2])[2]


def _told_shorter(problem: Problem, node: Node, sample: Sample) -> Node:
    """Return an expression without the parts that cost more to tell than what they explain."""
    count, floor = len(sample), least_error(problem)

    def spared(node: Node) -> float:
        return told(node, problem.inputs, count)

    now = refit(node, sample)
    while True:
        whole = spared(now.node)
        for saved, other in sorted(
            ((whole - spared(other), other) for other in simpler(now.node, sample)),
            key=lambda one: -one[0],
        ):
            if saved <= 0:
                return now.node
            # So much more may be left as the shorter expression saves.
            most = max(now.error, floor) * math.exp(min(saved / count, 1.0))
            made = _tried(other, sample, most)
            if made.error < most:
                now = made
                break
        else:
            return now.node


def _cost(made: Refit, limit: float) -> float:
    return length([made.node]) + 3 * (made.error / limit) ** 2


def _tried(node: Node, sample: Sample, limit: float) -> Refit:
    """Return an expression refitted, with few steps where it is hopeless."""
    made = refit(node, sample, 3, 1e-2)
    if limit < made.error < 30 * limit + 1e-3:
        made = refit(made.node, sample, 20, 1e-4)
    return made


@dataclass(frozen=True)
class _Snap:
    sure: float
    at: int
    value: float


def _written(problem: Problem, node: Node, sample: Sample) -> Node:
    """Return an expression whose constants are the numbers that they are likely to be."""
    now = refit(node, sample, 40, 1e-7)
    limit = _limit(problem, now.error, now.node, sample)
    constants = free_constants(now.node, sample)
    if not len(constants):
        return now.node
    theta, free = constants.start.copy(), independent(constants, sample)
    refused: set[tuple[int, float]] = set()
    start = move(constants, theta, free, sample, 0)
    error, normal = math.sqrt(start.loss), start.normal
    sure = _sure(constants, sample, free) if problem.noise else np.full(len(free), np.inf)
    while free.any():
        spread = _spreads(free, error, limit, normal)
        every = _snaps(constants, theta, free, spread, np.minimum(spread, sure))
        snaps = [s for s in every if (s.at, s.value) not in refused]
        if not snaps:
            break
        best = max(snaps, key=lambda s: s.sure)
        fixed, held = theta.copy(), free.copy()
        fixed[best.at], held[best.at] = best.value, False
        made = move(constants, fixed, held, sample, 12, 1e-4)
        if math.sqrt(made.loss) > limit:
            refused.add((best.at, best.value))
            continue
        theta, free, error, normal = made.theta, held, math.sqrt(made.loss), made.normal
    spread = np.minimum(_spreads(free, error, limit, normal), sure)
    rounded = _rounded(theta, free, spread)
    for final in (rounded, theta):
        law = tidied(constants.put(final)[0])
        if sample.error(law) <= limit:
            return law
    return now.node


def _spreads(free: Array, error: float, limit: float, normal: Array) -> Array:
    """Return how far each free constant may move before the error is at its limit."""
    at = np.flatnonzero(free)
    room = max(limit * limit - error * error, 0.0)
    spread = np.zeros(len(free))
    with np.errstate(all="ignore"):
        spread[at] = np.sqrt(room * _bend(normal[np.ix_(at, at)]))
    return spread


def _bend(normal: Array) -> Array:
    """Return the diagonal of the inverse of a curvature; directions that are flat count as such."""
    if not np.isfinite(normal).all():
        return np.full(len(normal), np.inf)
    unit = np.sqrt(np.maximum(np.diag(normal), 1e-300))
    scaled = normal / np.outer(unit, unit)
    values, vectors = np.linalg.eigh(scaled)
    with np.errstate(all="ignore"):
        inverse = (vectors**2 / np.maximum(values, 1e-14)).sum(axis=1)
        return np.asarray(inverse / unit**2)


def _snaps(
    constants: Constants, theta: Array, free: Array, spread: Array, near: Array
) -> list[_Snap]:
    """Return the numbers that constants may be.

    Within `near`, where each probably is, any; within `spread`, as far as the error lets it be,
    those that take few bits to say.
    """
    found = []
    for i in np.flatnonzero(free).tolist():
        number = numeral(float(theta[i]), float(near[i]))
        number = number or numeral(float(theta[i]), float(spread[i]), decimals=False)
        if number is not None:
            found.append(_Snap(number[1], i, number[0]))
        elif abs(theta[i]) < spread[i] and constants.slots[i].kind in ("bias", "weight"):
            found.append(_Snap(float(spread[i] / abs(theta[i])), i, 0.0))
    return found


def _rounded(theta: Array, free: Array, spread: Array) -> Array:
    """Return constants without the digits that say nothing."""
    made = theta.copy()
    for i in np.flatnonzero(free).tolist():
        made[i] = shortened(float(theta[i]), float(spread[i]))
    return made


def _sure(constants: Constants, sample: Sample, free: Array) -> Array:
    """Return how far each constant may be off, by what leaving a region out moves it."""
    table, away, slope = _residuals(constants, sample)
    spread = np.full(len(free), np.inf)
    spread[free] = SURE * _jackknife(table, away, slope[:, free])
    return spread


def _residuals(constants: Constants, sample: Sample) -> tuple[Array, Array, Array]:
    """Return rows, what is left on them, and how constants move it, where these are numbers."""
    got, slopes = constants.both(constants.start, sample.columns, len(sample))
    with np.errstate(all="ignore"):
        away, slope = (sample.values - got[:, 0]) / sample.scale, slopes[:, 0] / sample.scale
    fine = np.isfinite(away) & np.isfinite(slope).all(axis=1)
    return np.column_stack(sample.columns)[fine], away[fine], slope[fine]


def uncertainties(problem: Problem, node: Node) -> list[tuple[float, float]]:
    """Return the constants of an expression that are fitted, each with its standard deviation.

    By the jackknife over regions: how they move when a part of the rows is left out. What a smooth
    error of the function does to them shows in it as well as what the noise of single rows does.

    Args:
        problem: what it was fitted to.
        node: over the inputs 0, 1, …, with constants that fit.
    """
    sample = Sample.of(problem, ROWS if problem.ask is not None else ALL)
    if len(sample) < 4:
        return []
    constants = free_constants(node, sample)
    if not len(constants):
        return []
    spread = _jackknife(*_residuals(constants, sample))
    # What is exact is so to rounding, and no more.
    least = 1e-15 * np.abs(constants.start)
    return list(zip(constants.start.tolist(), np.maximum(spread, least).tolist(), strict=True))


def _jackknife(table: Array, away: Array, slope: Array, groups: int = 3) -> Array:
    """Return the deviation of constants by leaving out one region after another."""
    moves = []
    if len(table) < 2:
        return np.full(slope.shape[1], np.inf)
    spread = table.std(axis=0)
    table = (table - table.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    for k in range(4):
        # Regions along a few directions: an error may be smooth along any of them.
        direction = np.random.default_rng(k).normal(size=table.shape[1])
        region = (np.argsort(np.argsort(table @ direction)) * groups) // max(1, len(table))
        for g in range(groups):
            kept = region != g
            if kept.sum() >= slope.shape[1]:
                move_ = np.linalg.lstsq(slope[kept], away[kept], rcond=1e-12)[0]
                moves.append(move_)
    if not moves:
        return np.full(slope.shape[1], np.inf)
    every = np.array(moves)
    return np.asarray(np.sqrt((groups - 1) * np.mean((every - every.mean(axis=0)) ** 2, axis=0)))


__all__ = ["cleaned", "refitted", "uncertainties", "written"]
