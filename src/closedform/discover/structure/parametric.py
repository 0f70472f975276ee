"""The same law of one input everywhere, whose constants are laws of the other inputs: a·xᵇ + c.

At one place of the others, f is a curve in x, and its law is looked for. Its constants are then
followed to other places, by small steps, fitted anew at each; where the law holds at all of them,
each constant is a smaller problem. A sum, a product or a line in g(x) is the special case that has
questions of its own, which need no law first and stand more noise.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from closedform import ops
from closedform.discover.problem import Problem
from closedform.discover.refit import free_constants, independent
from closedform.discover.sample import Sample
from closedform.discover.structure.split import (
    ROWS,
    Part,
    Split,
    along,
    drawn,
    each_of,
    foreseen,
    held,
    inputs_at,
    part_of,
    renumbered,
    told,
    unsure,
)
from closedform.fitting.constants import TESTS, Constants
from closedform.ir import Array, Node

NODES, ALIKE = 32, 3
"""Places along x that a curve is fitted at; of these, so many know something of their own."""
STEPS, SMALL, LAST = 8, 5, 25
"""Steps from the first place to another, and how often a curve is refitted at each, and at last."""
DAMPING = 1e-4
"""At first; slopes have length 1."""
MOST = 4
"""Constants that are followed: with more, a curve comes near to what it is not."""
ROUGH = 5e-3
"""With more noise the constants of curves say little, and nearly any curve has a law."""
DEEP = 16
"""A part that asks for so many rows at each of its own is not asked for curves."""
HELD = 0.8
"""Of the places, so many must obey the law: at some a fit may get lost."""
FAR = 5.0
"""Errors that a value may be off at most."""


def parametric(problem: Problem, rng: np.random.Generator) -> Iterator[Split]:
    """Yield the problem of a curve along each input, then of its constants."""
    if problem.inputs < 2 or problem.noise > ROUGH or each_of(problem) >= DEEP:
        return
    for i in range(problem.inputs):
        lo, hi = problem.box.T
        # Not in the middle, where two inputs may be the same, nor at the edge.
        place = lo + (hi - lo) * rng.uniform(0.3, 0.7, problem.inputs)
        ask = along(problem, held(problem, [i]), place[None, :], None)
        rows = drawn(problem, ROWS, rng)
        curve = part_of(problem, ask, rows[:, [i]], foreseen(problem))
        if len(curve.rows) >= HELD * ROWS:
            yield Split((curve,), _Joined(problem, i, place, rows), "a curve", quick=True)


@dataclass(frozen=True, eq=False)
class _Joined:
    """What becomes of the law of a curve: the problems of its constants.

    Attributes:
        problem: what the curve is of.
        i: the input along it.
        place: where the others were, shape (inputs,).
        rows: where the constants are looked for, shape (rows, inputs).
    """

    problem: Problem
    i: int
    place: Array
    rows: Array

    def __call__(self, laws: Sequence[Node]) -> Node | Split:
        """Return the split into constants; where they cannot be followed, the law of the curve."""
        problem, i = self.problem, self.i
        rest = [k for k in range(problem.inputs) if k != i]
        nodes = _between(*problem.box[i])
        said = told(problem, _crossed(self.place[None, :], i, nodes))
        fine = np.isfinite(said)
        sample = Sample([nodes[fine]], said[fine], problem.scale)
        rows = self.rows[:, rest]
        for constants in _varying(laws[0], sample):
            followed = _Followed(problem, i, self.place, nodes, constants)
            if np.isfinite(followed.at(rows)[0]).all(axis=1).mean() >= HELD:
                return _constants(followed, rows, rest)
        return renumbered(laws[0], [ops.input_(i)])


def _varying(law: Node, sample: Sample) -> Iterator[Constants]:
    """Yield the constants of a law that may vary: those that are not whole, then all.

    At a place that was drawn, what is whole is so everywhere.
    """
    every = free_constants(law, sample)
    free = independent(every, sample)
    part = free & (every.start != np.round(every.start))
    for which in (part, free) if (part != free).any() else (free,):
        kept = {slot for slot, taken in zip(every.slots, which.tolist(), strict=True) if taken}
        if 0 < len(kept) <= MOST:
            yield Constants([law], kept.__contains__, TESTS)


def _constants(followed: _Followed, rows: Array, rest: Sequence[int]) -> Split:
    """Return the split of a curve into the problems of its constants."""
    constants = followed.constants

    def join(found: Sequence[Node]) -> Node:
        new = {constants.first + k: renumbered(n, inputs_at(rest)) for k, n in enumerate(found)}
        return renumbered(constants.lifted()[0], {0: ops.input_(followed.i), **new})

    parts = tuple(followed.part(k, rows) for k in range(len(constants)))
    return Split(parts, join, "a curve whose constants vary")


@dataclass(frozen=True, eq=False)
class _Followed:
    """The constants of a curve at any place of the other inputs.

    Attributes:
        problem, i, place: as in `_Joined`.
        nodes: values of the input along the curve, shape (nodes,).
        constants: of the law at `place`.
        known: what was fitted, by the rows.
    """

    problem: Problem
    i: int
    place: Array
    nodes: Array
    constants: Constants
    known: dict[bytes, tuple[Array, Array]] = field(default_factory=dict)

    def part(self, k: int, rows: Array) -> Problem:
        """Return the problem of a constant over the other inputs."""

        def asked(rows: Array) -> tuple[Array, Array]:
            theta, off = self.at(rows)
            return theta[:, k], off[:, k]

        part = Part(asked, each_of(self.problem) * len(self.nodes))
        return part_of(self.problem, part, rows, self.at(rows)[1][:, k])

    def at(self, rows: Array) -> tuple[Array, Array]:
        """Return the constants and their errors, shape (rows, constants); NaN where none fit."""
        key = rows.tobytes()
        if key not in self.known:
            self.known[key] = self._fitted(rows)
        return self.known[key]

    def _fitted(self, rows: Array) -> tuple[Array, Array]:
        theta, off = self._stepped(rows, 1)
        lost = np.isnan(theta).any(axis=1)
        if lost.any():
            theta[lost], off[lost] = self._stepped(rows[lost], STEPS)
        return theta, off

    def _stepped(self, rows: Array, steps: int) -> tuple[Array, Array]:
        rest = [k for k in range(self.problem.inputs) if k != self.i]
        theta: Array = np.repeat(self.constants.start[None, :], len(rows), axis=0)
        full = np.repeat(self.place[None, :], len(rows), axis=0)
        values: Array = np.empty(0)
        before = spread = theta
        for step in range(1, steps + 1):
            full[:, rest] = self.place[rest] + (rows - self.place[rest]) * step / steps
            values = told(self.problem, _crossed(full, self.i, self.nodes))
            values = values.reshape(len(rows), len(self.nodes))
            further, before = 2 * theta - before, theta
            theta, spread = self._moved(further, values, LAST if step == steps else SMALL)
        with np.errstate(all="ignore"):
            off = unsure(self.problem, values)
            away = np.abs(self._said(theta)[0] - values) / off
            spread = spread * np.sqrt(len(self.nodes) / ALIKE * np.mean(off**2, axis=1))[:, None]
            fits = (np.median(away, axis=1) < 2) & (away.max(axis=1) < FAR)
        theta[~fits] = np.nan
        return theta, spread

    def _moved(self, theta: Array, values: Array, steps: int) -> tuple[Array, Array]:
        """Return constants nearer to the values of each curve, and what an error of 1 does to them.

        Levenberg-Marquardt, all at once.
        """
        damping = np.full(len(theta), DAMPING)
        said, slope = self._said(theta)
        loss = _loss(values - said)
        with np.errstate(all="ignore"):
            for _ in range(steps):
                left, sizes, right = _parts(slope)
                pull = np.einsum("rnk,rn->rk", left, values - said) * sizes
                pull /= sizes**2 + damping[:, None]
                tried = theta + np.einsum("rkm,rk->rm", right, pull)
                new, bent = self._said(tried)
                better = _loss(values - new) < loss
                theta = np.where(better[:, None], tried, theta)
                said = np.where(better[:, None], new, said)
                slope = np.where(better[:, None, None], bent, slope)
                loss = _loss(values - said)
                damping = np.where(better, damping / 30, damping * 10)
            _, sizes, right = _parts(slope)
            return theta, np.sqrt(np.einsum("rkm,rk->rm", right**2, 1 / sizes**2))

    def _said(self, theta: Array) -> tuple[Array, Array]:
        """Return each curve at the nodes, and its slope by each constant."""
        count, nodes = len(theta), len(self.nodes)
        each = np.repeat(theta, nodes, axis=0).T
        got, slopes = self.constants.both(each, [np.tile(self.nodes, count)], count * nodes)
        return got[:, 0].reshape(count, nodes), slopes[:, 0].reshape(count, nodes, -1)


def _between(lo: float, hi: float) -> Array:
    angles = (np.arange(NODES) + 0.5) / NODES * np.pi
    return np.asarray(lo + (hi - lo) * (0.5 - 0.5 * np.cos(angles)))


def _crossed(rows: Array, i: int, nodes: Array) -> Array:
    """Return every row at every node, shape (rows·nodes, inputs)."""
    full = np.repeat(rows, len(nodes), axis=0)
    full[:, i] = np.tile(nodes, len(rows))
    return np.asarray(full)


def _loss(away: Array) -> Array:
    loss = (away**2).sum(axis=1)
    return np.where(np.isfinite(loss), loss, np.inf)


def _parts(slope: Array) -> tuple[Array, Array, Array]:
    """Return the singular values of each curve's slopes, these in units in which they are 1.

    The right vectors are in the units of the constants.
    """
    size = np.sqrt((slope**2).sum(axis=1))
    size = np.where(np.isfinite(size) & (size > 0), size, 1.0)
    scaled = np.where(np.isfinite(slope), slope, 0.0) / size[:, None, :]
    left, sizes, right = np.linalg.svd(scaled, full_matrices=False)
    return left, np.maximum(sizes, 1e-14), right / size[:, None, :]
