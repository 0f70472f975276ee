"""Inputs that the law knows only together: x − y, x·y, x² + y², 1/x + 1/y, x·cos(y), x + y^-0.9.

A law F(φ(x) + ρ·ψ(y), rest) has slopes whose ratio (∂f/∂y / ψ′) / (∂f/∂x / φ′) is the number ρ
everywhere. Slopes by short steps only propose: what decides is that f stays the same far along the
lines on which the new input does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from closedform import ops
from closedform.discover.problem import Problem
from closedform.discover.structure.powers import _agree, simple
from closedform.discover.structure.split import (
    REFERENCES,
    ROWS,
    Places,
    Split,
    along,
    drawn,
    foreseen,
    inputs_at,
    part_of,
    raised,
    renumbered,
    told,
    unsure,
)
from closedform.ir import Array, Node

PLACES = 60
STEPS, NUDGE = 3, 1e-6
"""Of Gauss-Newton, and the share by which a ratio is moved for its derivative."""
Curve = Callable[[Array], Array]


@dataclass(frozen=True)
class Scale:
    """A function of one input that may be added to one of another.

    Attributes:
        of, slope, back: the function, its derivative, and the input for a value, NaN for none;
            the last takes a sign, that of the input.
        node: the function as an expression.
        cost: how odd it is.
        inner: what it is the logarithm of, and the same as an expression; None for none.
    """

    of: Curve
    slope: Curve
    back: Callable[[Array, Array], Array]
    node: Callable[[Node], Node]
    cost: int
    inner: tuple[Curve, Callable[[Node], Node]] | None = None


PLAIN = Scale(lambda x: x, np.ones_like, lambda u, s: u, lambda n: n, 0)
LOG = Scale(np.log, lambda x: 1 / x, lambda u, s: np.exp(u), ops.log, 1, (lambda x: x, lambda n: n))
SQUARED = Scale(
    np.square, lambda x: 2 * x, lambda u, s: s * np.sqrt(u), lambda n: ops.power(n, 2.0), 2
)
RECIPROCAL = Scale(
    lambda x: 1 / x, lambda x: -1 / x**2, lambda u, s: 1 / u,
    lambda n: ops.div(ops.const(1.0), n), 3,
)  # fmt: skip
ROOT = Scale(
    np.sqrt, lambda x: 0.5 / np.sqrt(x), lambda u, s: np.where(u >= 0, u * u, np.nan), ops.sqrt, 5
)
INVERSE_SQUARE = Scale(
    lambda x: x**-2.0, lambda x: -2 * x**-3.0, lambda u, s: s / np.sqrt(u),
    lambda n: ops.div(ops.const(1.0), ops.power(n, 2.0)), 5,
)  # fmt: skip
SCALES = (PLAIN, LOG, SQUARED, RECIPROCAL, ROOT, INVERSE_SQUARE)
ANGLES = (
    Scale(
        lambda x: np.log(np.cos(x)), lambda x: -np.tan(x), lambda u, s: np.arccos(np.exp(u)),
        lambda n: ops.log(ops.cos(n)), 3, (np.cos, ops.cos),
    ),
    Scale(
        lambda x: np.log(np.sin(x)), lambda x: 1 / np.tan(x), lambda u, s: np.arcsin(np.exp(u)),
        lambda n: ops.log(ops.sin(n)), 3, (np.sin, ops.sin),
    ),
)  # fmt: skip
"""Of an angle, beside a length: x·cos(y) is a component."""
COMBINED = sorted(
    ((a, b) for a in SCALES for b in SCALES),
    key=lambda ab: ab[0].cost + ab[1].cost + 4 * (ab[0] is not ab[1]),
)


@dataclass(frozen=True)
class Merge:
    """Two inputs that are one: φ(x) + ρ·ψ(y), or x·yᵖ."""

    i: int
    j: int
    first: Scale
    second: Scale
    ratio: float

    def of(self, rows: Array) -> Array:
        """Return the new input of rows, shape (…,)."""
        with np.errstate(all="ignore"):
            x, y = rows[..., self.i], rows[..., self.j]
            if self.product:
                return np.asarray(self._inner(0, x) * self._inner(1, y) ** self.ratio)
            return np.asarray(self.first.of(x) + self.ratio * self.second.of(y))

    @property
    def product(self) -> bool:
        """Whether it is a product rather than a sum."""
        return self.first is LOG and self.second.inner is not None

    def _inner(self, which: int, x: Array) -> Array:
        inner = (self.first, self.second)[which].inner
        assert inner is not None
        return inner[0](x)

    def node(self) -> Node:
        """Return the new input as an expression."""
        x, y = ops.input_(self.i), ops.input_(self.j)
        if not self.product:
            return ops.lin(0.0, (1.0, self.first.node(x)), (self.ratio, self.second.node(y)))
        assert self.second.inner is not None
        y = raised(self.second.inner[1](y), abs(self.ratio))
        return ops.mul(x, y) if self.ratio > 0 else ops.div(x, y)

    def back(self, u: Array, rows: Array) -> Array:
        """Return what input i is where the new one is u and the rest as in rows."""
        with np.errstate(all="ignore"):
            if self.product:
                return np.asarray(u / self._inner(1, rows[..., self.j]) ** self.ratio)
            u = u - self.ratio * self.second.of(rows[..., self.j])
            return np.asarray(self.first.back(u, np.sign(rows[..., self.i])))

    @property
    def places(self) -> Places:
        """Where the old inputs are for the new one first, and the others in their order."""
        i, j = self.i, self.j

        def places(rows: Array, references: Array) -> Array:
            n = references.shape[1]
            rest = [k for k in range(n) if k not in (i, j)]
            out = np.repeat(references[:, None, :], len(rows), axis=1)
            out[:, :, rest] = rows[None, :, 1:]
            out[:, :, i] = self.back(np.broadcast_to(rows[:, 0], out.shape[:2]), out)
            return np.asarray(np.where(np.isfinite(out), out, np.inf))

        return places


def merges(
    problem: Problem, rng: np.random.Generator,
    scales: Sequence[tuple[Scale, Scale]] = tuple(COMBINED), one: int | None = None,
) -> Iterator[Split]:  # fmt: skip
    """Yield the problem with two inputs made one, in each way that leaves f as it is.

    Args:
        problem: over two inputs or more.
        rng: for the places where it is asked.
        scales: functions of the two whose sum may be the new input.
        one: an input that is one of the two; None: any two.
    """
    if problem.inputs < 2:
        return
    rows, slopes, errors = _slopes(problem, rng)
    if len(rows) < 8:
        return
    for i, j in combinations(range(problem.inputs), 2):
        if one is not None and one not in (i, j):
            continue
        tried = [(i, j, first, second) for first, second in scales]
        if one is None:
            tried += [(*order, LOG, angle) for order in ((i, j), (j, i)) for angle in ANGLES]
            tried += _powers(problem, (i, j), rows, slopes)
        for which in tried:
            found = _merged(problem, which, (rows, slopes, errors), rng)
            if found is not None:
                yield _split(problem, found, rng)
                break


def _powers(
    problem: Problem, which: tuple[int, int], rows: Array, slopes: Array
) -> list[tuple[int, int, Scale, Scale]]:
    """Return xᵖ and y^q if their sum may be the new input.

    The slopes of F(xᵖ + ρ·y^q) have the ratio ρ·q·y^(q - 1)/(p·x^(p - 1)): in logarithms, a plane.
    """
    at = list(which)
    if (problem.box[at, 0] <= 0).any():
        return []
    with np.errstate(all="ignore"):
        x, y = np.log(rows[:, at]).T
        ratio = np.log(np.abs(slopes[:, at[1]] / slopes[:, at[0]]))
    fine = np.isfinite(ratio)
    if fine.sum() < max(8, len(rows) // 2):
        return []
    table = np.column_stack([np.ones(fine.sum()), -x[fine], y[fine]])
    _, p, q = (np.linalg.lstsq(table, ratio[fine], rcond=None)[0] + [0.0, 1.0, 1.0]).tolist()
    made = [simple(v, 0.02) or round(v, 1) for v in (p, q)]
    if not all(made) or np.abs(np.array(made) - [p, q]).max() > 0.05 or max(map(abs, made)) > 6:
        return []
    return [(*which, power_scale(made[0]), power_scale(made[1]))]


def power_scale(p: float) -> Scale:
    """Return the scale of a power, of inputs that are positive."""
    return Scale(
        lambda x: np.power(x, p), lambda x: p * np.power(x, p - 1),
        lambda u, s: np.power(u, 1 / p), lambda n: raised(n, p), 6,
    )  # fmt: skip


def _slopes(problem: Problem, rng: np.random.Generator) -> tuple[Array, Array, Array]:
    """Return rows, the slope of f by each input, and the errors of these, shape (rows, inputs)."""
    rows = drawn(problem, PLACES if problem.noise == 0 else 4 * PLACES, rng)
    share = float(np.clip((3 * problem.noise) ** (1 / 3), 1e-3, 0.2))
    lo, hi = problem.box.T
    half = share * (hi - lo) / 2
    rows = np.clip(rows, lo + half, hi - half)
    slopes, errors = np.empty(rows.shape), np.empty(rows.shape)
    for i in range(problem.inputs):
        move = np.zeros(problem.inputs)
        move[i] = half[i]
        up, down = told(problem, rows + move), told(problem, rows - move)
        slopes[:, i] = (up - down) / (2 * half[i])
        errors[:, i] = np.hypot(unsure(problem, up), unsure(problem, down)) / (2 * half[i])
    fine = np.isfinite(slopes).all(axis=1)
    return rows[fine], slopes[fine], errors[fine]


def _merged(
    problem: Problem, which: tuple[int, int, Scale, Scale], known: tuple[Array, Array, Array],
    rng: np.random.Generator,
) -> Merge | None:  # fmt: skip
    i, j, first, second = which
    rows, slopes, errors = known
    with np.errstate(all="ignore"):
        x = slopes[:, i] / first.slope(rows[:, i])
        y = slopes[:, j] / second.slope(rows[:, j])
        weight = np.abs(slopes[:, i]) / errors[:, i]
        ratios = y / x
    fine = np.isfinite(ratios) & np.isfinite(weight)
    if fine.sum() < max(8, len(rows) // 2):
        return None
    order = np.argsort(ratios[fine])
    total = np.cumsum(weight[fine][order])
    low, ratio, high = np.interp([0.25, 0.5, 0.75], total / total[-1], ratios[fine][order])
    within = 0.1 if problem.noise > 1e-8 else 1e-3
    if ratio == 0 or abs(high - low) > 2 * within * abs(ratio):
        return None
    near = simple(float(ratio), within * abs(ratio) / 2)
    tried = [float(ratio)] if near is None else [near, float(ratio)]
    product = first is LOG and second.inner is not None
    for value in tried[: 1 if product else 2]:
        if product and near is None:
            return None
        found = Merge(i, j, first, second, value)
        if problem.noise < 1e-8 and value != near:
            found = _nearer(problem, found, rng)
        if value != 0 and _same(problem, found, rng):
            return found
    return None


def _nearer(problem: Problem, merge: Merge, rng: np.random.Generator) -> Merge:
    """Return a merge with the ratio at which f moves least along the lines of the new input.

    Gauss-Newton: slopes by short steps know the ratio to 1e-6, an exact function to rounding.
    """
    rows, there = drawn(problem, PLACES, rng), drawn(problem, PLACES, rng)
    for _ in range(STEPS):
        moved = [replace(merge, ratio=merge.ratio * share) for share in (1.0, 1 + NUDGE)]
        to = [_moved(problem, one, rows, there) for one in moved]
        at = to[0][1] & to[1][1]
        if at.sum() < 8:
            return merge
        away, other = (told(problem, one[at]) - told(problem, rows[at]) for one, _ in to)
        bend = (other - away) / NUDGE
        fine = np.isfinite(away) & np.isfinite(bend)
        size = float(bend[fine] @ bend[fine])
        share = 1 - float(bend[fine] @ away[fine]) / size if size > 0 else np.nan
        if not 0.5 < share < 2:
            return merge
        merge = replace(merge, ratio=merge.ratio * share)
    return merge


def _moved(
    problem: Problem, merge: Merge, rows: Array, there: Array
) -> tuple[Array, Array]:  # fmt: skip
    """Return rows with another y and the x for the same new input, and which are in the box."""
    to = rows.copy()
    to[:, merge.j] = there[:, merge.j]
    to[:, merge.i] = merge.back(merge.of(rows), to)
    lo, hi = problem.box.T
    return to, np.asarray((np.isfinite(to) & (to >= lo) & (to <= hi)).all(axis=1))


def _same(problem: Problem, merge: Merge, rng: np.random.Generator) -> bool:
    """Tell whether f stays as it is where the new input does."""
    rows, there = drawn(problem, 4 * PLACES, rng), drawn(problem, 4 * PLACES, rng)
    to, inside = _moved(problem, merge, rows, there)
    lo, hi = problem.box.T
    far = np.abs(to[:, merge.i] - rows[:, merge.i]) > 0.1 * (hi - lo)[merge.i]
    rows, to = rows[inside & far], to[inside & far]
    if len(rows) < 8:
        return False
    before, after = told(problem, rows), told(problem, to)
    away, off = after - before, np.hypot(unsure(problem, before), unsure(problem, after))
    fine = np.isfinite(away)
    if fine.sum() < 8 or not _agree(away[fine], off[fine]):
        return False
    # It must not be that nothing does anything.
    only = rows.copy()
    only[:, merge.j] = to[:, merge.j]
    moved = np.abs(told(problem, only) - before)[fine] / off[fine]
    return bool(np.nanmedian(moved) > 10)


def _split(problem: Problem, merge: Merge, rng: np.random.Generator) -> Split:
    rest = [k for k in range(problem.inputs) if k not in (merge.i, merge.j)]
    ask = along(problem, merge.places, drawn(problem, REFERENCES, rng), None)
    rows = drawn(problem, 2 * ROWS, rng)
    u = merge.of(rows)
    lo, hi = np.quantile(u, [0.02, 0.98])
    new = np.column_stack([lo + (hi - lo) * rng.random(len(rows)), rows[:, rest]])[:ROWS]
    part = part_of(problem, ask, new, foreseen(problem))

    def join(laws: Sequence[Node]) -> Node:
        return renumbered(laws[0], [merge.node(), *inputs_at(rest)])

    return Split((part,), join, "inputs that are one")
