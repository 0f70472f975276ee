"""Powers: inputs that only multiply the law, and groups of inputs that it is a function of.

In logarithms a law C·Π xᵢ^pᵢ·h(π₁ … π_k) of k groups π = Π xⱼ^aⱼ has slopes that move within k
directions only: the singular vectors of the slopes at some places tell the groups, all at once
(the groups are those of Buckingham's theorem, but found without units).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np

from closedform import ops
from closedform.discover.problem import Problem
from closedform.discover.structure.split import (
    REFERENCES,
    ROWS,
    Places,
    Split,
    along,
    drawn,
    foreseen,
    held,
    inputs_at,
    part_of,
    powers_at,
    product_of_powers,
    renumbered,
    told,
    unsure,
)
from closedform.ir import Array, Node

PLACES = 60
PARTS, ROUGH = (1, 2, 3, 4), (1, 2)
"""Exponents are whole, halves, thirds or quarters; where they are not known well, no thirds."""


def power_factors(problem: Problem, rng: np.random.Generator) -> Iterator[Split]:
    """Yield the problem without the inputs that only multiply it by a power of their own."""
    exponents = {}
    rows = _large(problem, rng)
    if len(rows) < 8:
        return
    for i in range(problem.inputs):
        found = _exponent(problem, rows, i, rng)
        if found is not None:
            exponents[i] = found
    if exponents:
        yield _without(problem, exponents, rng)


def _large(problem: Problem, rng: np.random.Generator) -> Array:
    """Return rows where the value is known within 5 %, or the better half of all."""
    count = PLACES if problem.noise == 0 else 3 * PLACES
    rows = drawn(problem, 4 * count, rng)
    values = told(problem, rows)
    sure = np.abs(values) / unsure(problem, values)
    rows, sure = rows[np.isfinite(sure)], sure[np.isfinite(sure)]
    if not len(rows):
        return rows
    return np.asarray(rows[sure > min(20.0, float(np.median(sure)))][:count])


def _exponent(problem: Problem, rows: Array, i: int, rng: np.random.Generator) -> float | None:
    """Return p where f is xᵢ^p times something without xᵢ; 0 where xᵢ does nothing."""
    there = rows.copy()
    there[:, i] = drawn(problem, len(rows), rng)[:, i]
    before, after = told(problem, rows), told(problem, there)
    off = np.hypot(unsure(problem, before), unsure(problem, after))
    fine = np.isfinite(off)
    if fine.sum() < 8:
        return None
    if agree((after - before)[fine], off[fine]):
        return 0.0
    with np.errstate(all="ignore"):
        step = np.log(there[:, i] / rows[:, i])
        slope = np.log(after / before) / step
        error = off / np.minimum(np.abs(after), np.abs(before)) / np.abs(step)
    usable = np.isfinite(slope) & np.isfinite(error) & (error < 0.5)
    if usable.sum() < max(8, len(rows) // 4):
        return None
    weight = 1 / error[usable] ** 2
    middle = float(_weighted_median(slope[usable], weight))
    spread = float(np.sqrt(1 / weight.sum()))
    p = simple(middle, 3 * spread + (0.004 if problem.noise > 1e-8 else 1e-7))
    if p is None:
        if abs(middle) < 0.2 and problem.noise > 1e-8:
            return None  # an input that does little rather than one to the power of 0.03
        p = middle
    with np.errstate(all="ignore"):
        away = after - before * np.power(there[:, i] / rows[:, i], p)
        off = np.hypot(
            unsure(problem, after),
            unsure(problem, before) * np.power(np.abs(there[:, i] / rows[:, i]), p),
        )
    fine = np.isfinite(away) & np.isfinite(off)
    return p if fine.sum() >= 8 and agree(away[fine], off[fine]) else None


def agree(away: Array, off: Array) -> bool:
    """Tell whether differences are no more than errors: most of them, and almost all."""
    far = np.abs(away) / off
    return bool(np.median(far) < 2.0 and np.quantile(far, 0.95) < 5.0)


def _weighted_median(values: Array, weight: Array) -> float:
    order = np.argsort(values)
    total = np.cumsum(weight[order])
    return float(values[order][np.searchsorted(total, total[-1] / 2)])


def simple(value: float, within: float) -> float | None:
    """Return the simplest fraction near a number; None where there is none so near."""
    for parts in PARTS if within < 0.05 else ROUGH:
        near = round(value * parts) / parts
        if abs(near - value) <= within:
            return near
    return None


def _without(problem: Problem, exponents: Mapping[int, float], rng: np.random.Generator) -> Split:
    """Return the problem of the other inputs; of none, its law."""
    rest = [i for i in range(problem.inputs) if i not in exponents]
    powers = {i: p for i, p in exponents.items() if p != 0}
    made = "powers" if powers else "idle inputs"
    if not rest:
        rows = drawn(problem, ROWS, rng)
        values, sizes = told(problem, rows), powers_at(rows, powers)
        weight = np.where(np.isfinite(values * sizes), 1 / unsure(problem, values) ** 2, 0.0)
        values, sizes = np.nan_to_num(values), np.nan_to_num(sizes)
        factor = float((weight * values * sizes).sum() / (weight * sizes**2).sum())
        return Split((), lambda _: product_of_powers(factor, powers), made)
    references = _large(problem, rng)[:REFERENCES]
    ask = along(problem, held(problem, rest), references, lambda rows: powers_at(rows, powers))
    rows = drawn(problem, ROWS, rng)[:, rest]
    size = float(np.median(np.abs(powers_at(references, powers))))
    part = part_of(problem, ask, rows, foreseen(problem, 1 / size))

    def join(laws: Sequence[Node]) -> Node:
        law = renumbered(laws[0], inputs_at(rest))
        return times_powers(law, powers)

    return Split((part,), join, made)


def times_powers(law: Node, powers: Mapping[int, float]) -> Node:
    """Return a law times Π xᵢ^pᵢ."""
    if not any(powers.values()):
        return law
    whole = product_of_powers(1.0, powers)
    if whole.op is ops.DIV:
        above, below = whole.args
        return ops.div(law if above is ops.const(1.0) else ops.mul(law, above), below)
    return ops.mul(law, whole)


def scalings(problem: Problem, rng: np.random.Generator) -> Iterator[Split]:
    """Yield the problem as a product of powers and a function of fewer groups of inputs."""
    lo, hi = problem.box.T
    if problem.inputs < 2 or not (lo * hi > 0).sum() >= problem.inputs - 1:
        return
    slopes = _slopes(problem, rng)
    if len(slopes) < 8:
        return
    _, _, axes = np.linalg.svd(slopes - slopes.mean(axis=0), full_matrices=False)
    for rank in range(1, problem.inputs):
        found = []
        for pivots in combinations(range(problem.inputs), rank):
            groups = _groups(axes[:rank], pivots, problem)
            if groups is None:
                continue
            powers = _prefactor(slopes, groups, pivots, problem)
            if powers is not None and _scales(problem, groups, pivots, powers, rng):
                found.append((_cost(groups, powers), pivots, groups, powers))
        for _, pivots, groups, powers in sorted(found, key=lambda one: one[:2])[:2]:
            yield _grouped(problem, groups, pivots, powers, rng)
        if found:
            return


def _slopes(problem: Problem, rng: np.random.Generator) -> Array:
    """Return d log|f| / d log|x| at some rows, shape (rows, inputs), by steps as the noise asks."""
    rows = _large(problem, rng)
    half = float(np.clip((3 * problem.noise) ** (1 / 3), 2e-3, 0.3))
    lo, hi = problem.box.T
    out = np.empty(rows.shape)
    for i in range(problem.inputs):
        up, down = rows.copy(), rows.copy()
        up[:, i] = np.clip(rows[:, i] * np.exp(half), lo[i], hi[i])
        down[:, i] = np.clip(rows[:, i] * np.exp(-half), lo[i], hi[i])
        with np.errstate(all="ignore"):
            step = np.log(up[:, i] / down[:, i])
            out[:, i] = np.log(told(problem, up) / told(problem, down)) / step
    out = out[np.isfinite(out).all(axis=1)]
    if not len(out):
        return out
    size = np.abs(out).max(axis=1)
    return np.asarray(out[size <= 5 * np.median(size)])  # without those beside a zero of f


def _groups(axes: Array, pivots: Sequence[int], problem: Problem) -> Array | None:
    """Return the exponents of each group, shape (groups, inputs): 1 at its pivot, 0 at others'."""
    square = axes[:, list(pivots)]
    if np.abs(np.linalg.det(square)) < 0.02:
        return None
    raw = np.linalg.solve(square, axes)
    within = 0.12 if problem.noise > 1e-8 else 0.02
    found = [[simple(v, within) for v in row] for row in raw.tolist()]
    if any(v is None for row in found for v in row):
        return None
    groups = np.array(found, dtype=float)
    return groups if (np.abs(groups) > 0).sum() > len(groups) else None


def _prefactor(
    slopes: Array, groups: Array, pivots: Sequence[int], problem: Problem
) -> dict[int, float] | None:
    rest = [j for j in range(slopes.shape[1]) if j not in pivots]
    raw = slopes[:, rest] - slopes[:, list(pivots)] @ groups[:, rest]
    middle = np.median(raw, axis=0)
    within = 0.12 if problem.noise > 1e-8 else 0.02
    found = {j: simple(v, within) for j, v in zip(rest, middle.tolist(), strict=True)}
    if None in found.values():
        return None
    return {j: p for j, p in found.items() if p}


def _cost(groups: Array, powers: Mapping[int, float]) -> float:
    odd = sum(v != round(v) for v in (*groups.ravel().tolist(), *powers.values()))
    return float(np.abs(groups).sum() + sum(abs(p) for p in powers.values()) + 2 * odd)


def _scales(
    problem: Problem, groups: Array, pivots: Sequence[int], powers: Mapping[int, float],
    rng: np.random.Generator,
) -> bool:  # fmt: skip
    """Tell whether f is as foreseen far away along the directions that leave the groups alone."""
    rows = _large(problem, rng)
    references = drawn(problem, len(rows), rng)
    z = group_values(rows, groups)
    there = _places(groups, pivots)(z, references[:, :])
    there = there[np.arange(len(rows)), np.arange(len(rows))]
    lo, hi = problem.box.T
    inside = ((there >= lo) & (there <= hi)).all(axis=1)
    if inside.sum() < 8:
        return False
    rows, there = rows[inside], there[inside]
    with np.errstate(all="ignore"):
        factor = powers_at(there, powers) / powers_at(rows, powers)
        before, after = told(problem, rows), told(problem, there)
        away = after - before * factor
        off = np.hypot(unsure(problem, after), unsure(problem, before) * np.abs(factor))
    fine = np.isfinite(away) & np.isfinite(off)
    return bool(fine.sum() >= 8 and agree(away[fine], off[fine]))


def group_values(rows: Array, groups: Array) -> Array:
    """Return the value of each group, shape (rows, groups)."""
    return np.column_stack(
        [powers_at(rows, {i: p for i, p in enumerate(g) if p}) for g in groups.tolist()]
    )


def _places(groups: Array, pivots: Sequence[int]) -> Places:
    rest = groups.copy()
    rest[:, list(pivots)] = 0.0

    def places(rows: Array, references: Array) -> Array:
        out = np.repeat(references[:, None, :], len(rows), axis=1)
        others = group_values(references, rest)
        out[:, :, list(pivots)] = rows[None, :, :] / others[:, None, :]
        return np.asarray(out)

    return places


def _grouped(
    problem: Problem, groups: Array, pivots: Sequence[int], powers: Mapping[int, float],
    rng: np.random.Generator,
) -> Split:  # fmt: skip
    references = _large(problem, rng)[:REFERENCES]
    ask = along(problem, _places(groups, pivots), references, lambda rows: powers_at(rows, powers))
    rows = group_values(drawn(problem, ROWS, rng), groups)
    lo, hi = np.quantile(rows, [0.02, 0.98] if len(groups) == 1 else [0.1, 0.9], axis=0)
    rows = lo + (hi - lo) * rng.random(rows.shape)
    size = float(np.median(np.abs(powers_at(references, powers))))
    part = part_of(problem, ask, rows, foreseen(problem, 1 / size))

    def join(laws: Sequence[Node]) -> Node:
        new = [
            product_of_powers(1.0, {i: p for i, p in enumerate(g) if p}) for g in groups.tolist()
        ]
        return times_powers(renumbered(laws[0], new), powers)

    return Split((part,), join, "groups of inputs")
