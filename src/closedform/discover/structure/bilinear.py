"""a·g(x) + b, where g is of one input and a and b of the others.

The values over x and the rest make a matrix; each of its columns without its mean is then a
multiple of one curve. The curve comes from all columns at once, so that errors are averaged away;
its law is looked for first, without what belongs to a and b.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from closedform import ops
from closedform.discover.problem import Problem
from closedform.discover.structure.split import (
    ROWS,
    Part,
    Split,
    averaged,
    combined,
    drawn,
    each_of,
    inputs_at,
    part_of,
    renumbered,
    told,
    unsure,
)
from closedform.discover.structure.transforms import TO_LINES, Transform
from closedform.ir import Array, Node

NODES, COLUMNS, ALIKE = 24, 60, 3


def bilinear(problem: Problem, rng: np.random.Generator) -> Iterator[Split]:
    """Yield T(f) = a·g(x) + b for each input x and transform T for which it holds."""
    if problem.inputs < 2:
        return
    tables = [_Table.of(problem, i, rng) for i in range(problem.inputs)]
    for transform in TO_LINES:
        found = [(t.second(transform), t) for t in tables]
        good = [(second, t) for second, t in found if second < 1.0]
        for _, table in sorted(good, key=lambda one: one[0]):
            yield _curve(table, transform, rng)


@dataclass(frozen=True)
class _Table:
    """What a problem says for values of one input and rows of the others.

    Attributes:
        problem: who said it.
        i: the one input.
        nodes: its values, shape (nodes,).
        rest: what the others are, shape (columns, inputs).
        values: shape (nodes, columns).
    """

    problem: Problem
    i: int
    nodes: Array
    rest: Array
    values: Array

    @classmethod
    def of(cls, problem: Problem, i: int, rng: np.random.Generator) -> _Table:
        lo, hi = problem.box[i]
        angles = (np.arange(NODES) + 0.5) / NODES * np.pi
        nodes = lo + (hi - lo) * (0.5 - 0.5 * np.cos(angles))
        rest = drawn(problem, COLUMNS, rng)
        values = told(problem, _crossed(rest, i, nodes)).reshape(NODES, COLUMNS)
        fine = np.isfinite(values).all(axis=0)
        return cls(problem, i, nodes, rest[fine], values[:, fine])

    def through(self, transform: Transform) -> tuple[Array, Array, Array]:
        """Return the transformed values, how far they may be off, and which columns are so."""
        with np.errstate(all="ignore"):
            table = transform.of(self.values)
            off = np.abs(transform.slope(self.values)) * unsure(self.problem, self.values)
        fine = np.isfinite(table).all(axis=0) & np.isfinite(off).all(axis=0)
        if fine.sum() > 8:
            # Columns beside a pole would speak for all.
            size = np.abs(off).max(axis=0)
            fine &= size <= 10 * np.median(size[fine])
        return table[:, fine], off[:, fine], np.flatnonzero(fine)

    def second(self, transform: Transform) -> float:
        """Return how large what is left beside one curve is, as a multiple of what it may be."""
        table, off, fine = self.through(transform)
        if len(fine) < 12:
            return np.inf
        with np.errstate(all="ignore"):
            table, error = table / _size(table), off / _size(table)
            away = table - table.mean(axis=0)
            sizes = np.linalg.svd(away, compute_uv=False)
        expected = 2.5 * float(np.sqrt(np.mean(error**2))) * (np.sqrt(NODES) + np.sqrt(len(fine)))
        if not np.isfinite(sizes).all() or sizes[0] < 10 * expected:
            return np.inf
        return float(sizes[1] / expected)


def _size(table: Array) -> Array:
    return np.asarray(np.abs(table).max(axis=0) + 1e-300)


def _crossed(rest: Array, i: int, nodes: Array) -> Array:
    rows = np.repeat(rest[None, :, :], len(nodes), axis=0)
    rows[:, :, i] = nodes[:, None]
    return np.asarray(rows.reshape(-1, rest.shape[1]))


def _asked(problem: Problem, transform: Transform, rows: Array) -> Array:
    with np.errstate(all="ignore"):
        return np.asarray(transform.of(told(problem, rows)))


def _curve(table: _Table, transform: Transform, rng: np.random.Generator) -> Split:
    """Return the first step: g alone, as the mean of all columns by their weights."""
    problem, i = table.problem, table.i
    values, off, fine = table.through(transform)
    weight_of = 1 / (off**2).mean(axis=0)
    scaled = (values - values.mean(axis=0)) * np.sqrt(weight_of)
    _, _, right = np.linalg.svd(scaled, full_matrices=False)
    weight = right[0] * np.sqrt(weight_of)
    best = np.argsort(-np.abs(weight * (values.max(axis=0) - values.min(axis=0))))
    best = best[: 2 * averaged(problem) - 1]
    weight, rest, middle = weight[best], table.rest[fine[best]], values[:, best].mean(axis=0)
    weight = weight / np.abs(weight).sum()

    def asked(rows: Array) -> tuple[Array, Array]:
        told_ = _asked(problem, transform, _crossed(rest, i, rows[:, 0])).reshape(len(rows), -1)
        return combined((told_ - middle).T, weight, False)

    rows = drawn(problem, ROWS, rng)[:, [i]]
    known = np.median(off[:, best]) * np.abs(weight).sum()
    part = part_of(problem, Part(asked, each_of(problem) * len(best)), rows, float(known))

    def join(laws: Sequence[Node]) -> Split:
        return _factors(table, transform, bare(laws[0]), rng)

    return Split((part,), join, f"a line in a function of one input, in {transform.name}")


def bare(law: Node) -> Node:
    """Return a law without what is added to it and what it is multiplied by."""
    while True:
        if law.op is ops.LIN and len(law.args) == 1:
            law = law.args[0]
        elif law.op is ops.LIN and len(law.args) > 1 and law.data.bias != 0:
            weights = (law.data.weights / law.data.weights[0]).tolist()
            law = ops.linear(0.0, weights, law.args)
        elif law.op is ops.MUL and any(a.op is ops.CONST for a in law.args):
            law = ops.mul(*(a for a in law.args if a.op is not ops.CONST))
        elif law.op is ops.DIV and law.args[1].op is ops.CONST:
            law = law.args[0]
        else:
            return law


def _factors(table: _Table, transform: Transform, curve: Node, rng: np.random.Generator) -> Split:
    """Return the second step: a and b by least squares over the values of x."""
    problem, i = table.problem, table.i
    rest = [k for k in range(problem.inputs) if k != i]
    shape = Problem.said(curve, table.nodes[:, None])
    every = 1 if each_of(problem) < 16 else 3
    fine = np.isfinite(shape) & (np.arange(NODES) % every == 0)
    nodes = table.nodes[fine]
    design = np.column_stack([shape[fine], np.ones(len(nodes))])
    solved = np.linalg.pinv(design / np.abs(design).max(axis=0))
    solved = solved / np.abs(design).max(axis=0)[:, None]
    if problem.noise < 1e-8:
        solved, nodes = _two(shape[fine], nodes)

    levels = Problem.said(curve, nodes[:, None])
    _, off, _ = table.through(transform)

    def part(which: int) -> Problem:
        # Errors along one input are alike: many nodes know as much as a few.
        size = float(np.sqrt(solved[which] @ solved[which] * max(1.0, len(nodes) / ALIKE)))

        def asked(rows: Array) -> tuple[Array, Array]:
            full = np.zeros((len(rows), problem.inputs))
            full[:, rest] = rows
            told_ = _asked(problem, transform, _crossed(full, i, nodes)).reshape(len(nodes), -1)
            a, b = solved @ told_
            away = ((told_ - levels[:, None] * a - b) ** 2).sum(axis=0) / max(len(nodes) - 2, 1)
            return (a, b)[which], size * np.sqrt(away)

        rows = drawn(problem, ROWS, rng)[:, rest]
        known = float(np.median(off)) * size
        return part_of(problem, Part(asked, each_of(problem) * len(nodes)), rows, known)

    def join(laws: Sequence[Node]) -> Node:
        a, b = (renumbered(n, inputs_at(rest)) for n in laws)
        g = renumbered(curve, [ops.input_(i)])
        return transform.undone(ops.lin(0.0, (1.0, ops.mul(a, g)), (1.0, b)))

    return Split((part(0), part(1)), join, "a line in a function of one input")


def _two(shape: Array, nodes: Array) -> tuple[Array, Array]:
    """Return the weights for a and b by two values of x, where nothing is to be averaged."""
    ends = [int(np.argmin(shape)), int(np.argmax(shape))]
    low, high = shape[ends]
    return np.array([[-1, 1], [high, -low]]) / (high - low), nodes[ends]
