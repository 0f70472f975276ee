"""Sums and products: which inputs go together, by second differences at random places.

f(a, b) − f(a′, b) − f(a, b′) + f(a′, b′) is 0 where f is a sum over a and b, and
f(a, b)·f(a′, b′) − f(a′, b)·f(a, b′) where it is a product; inputs are in one group where it is
neither. The steps are as long as the box allows, and many, since a model's error is smooth.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

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
    foreseen,
    inputs_at,
    part_of,
    renumbered,
    told,
    unsure,
)
from closedform.discover.structure.transforms import IDENTITY, TO_PRODUCTS, TO_SUMS, Transform
from closedform.ir import Array, Node

PLACES = 40


@dataclass(frozen=True)
class Corners:
    """What a problem says at the corners of random rectangles, one for each two inputs and place.

    Attributes:
        base: at the places, shape (places,).
        one: with one input moved, shape (inputs, places).
        two: with two moved, by the pair.
        problem: who said it.
    """

    base: Array
    one: Array
    two: dict[tuple[int, int], Array]
    problem: Problem

    @classmethod
    def of(cls, problem: Problem, rng: np.random.Generator) -> Corners:
        """Ask a problem."""
        count = PLACES if problem.noise == 0 else 3 * PLACES
        rows, others = drawn(problem, count, rng), drawn(problem, count, rng)
        pairs = list(combinations(range(problem.inputs), 2))

        def moved(which: Sequence[int]) -> Array:
            out = rows.copy()
            out[:, list(which)] = others[:, list(which)]
            return out

        sets = [(), *((i,) for i in range(problem.inputs)), *pairs]
        values = told(problem, np.concatenate([moved(s) for s in sets])).reshape(-1, count)
        n = problem.inputs
        two = dict(zip(pairs, values[1 + n :], strict=True))
        return cls(values[0], values[1 : 1 + n], two, problem)

    def through(self, transform: Transform, values: Array) -> tuple[Array, Array]:
        """Return a transform of values, and how far it may be off."""
        with np.errstate(all="ignore"):
            off = np.abs(transform.slope(values)) * unsure(self.problem, values)
            return np.asarray(transform.of(values)), np.asarray(off)


def groups_of(corners: Corners, transform: Transform, product: bool) -> list[list[int]] | None:
    """Return which inputs go together; None where it is all of them, or nothing can be told."""
    n = len(corners.one)
    label = list(range(n))
    for (i, j), both in corners.two.items():
        found = _apart(corners, transform, product, i, j, both)
        if found is None:
            return None
        if not found:
            old, new = label[j], label[i]
            label = [new if g == old else g for g in label]
            if len(set(label)) == 1:
                return None
    return [[i for i in range(n) if label[i] == g] for g in dict.fromkeys(label)]


def _apart(
    corners: Corners, transform: Transform, product: bool, i: int, j: int, both: Array
) -> bool | None:
    """Tell whether two inputs are in no group together; None where nothing can be told."""
    told_, off = zip(
        *(
            corners.through(transform, v)
            for v in (corners.base, corners.one[i], corners.one[j], both)
        ),
        strict=True,
    )
    a, b, c, d = told_
    with np.errstate(all="ignore"):
        if product:
            away = a * d - b * c
            error = np.sqrt(
                (off[0] * d) ** 2 + (off[3] * a) ** 2 + (off[1] * c) ** 2 + (off[2] * b) ** 2
            )
            effect = np.minimum(np.abs(a * d - b * d), np.abs(a * d - c * d))
        else:
            away = a - b - c + d
            error = np.sqrt(sum(o**2 for o in off))
            effect = np.minimum(np.abs(a - b), np.abs(a - c))
    fine = np.isfinite(away) & np.isfinite(error) & (error > 0)
    if fine.sum() < max(8, len(a) // 8):
        return None
    far = (np.abs(away) / error)[fine]
    seen = (effect / error)[fine]
    if np.quantile(seen, 0.75) < 8:
        return None  # the effects themselves are hardly seen
    return bool(np.median(far) < 2 and np.quantile(far, 0.9) < 5)


def sums_and_products(problem: Problem, rng: np.random.Generator) -> Iterator[Split]:
    """Yield the problem as a product or a sum of parts."""
    yield from _splits(problem, [(IDENTITY, True), (IDENTITY, False)], rng)


def through_transforms(problem: Problem, rng: np.random.Generator) -> Iterator[Split]:
    """Yield the problem as what becomes a sum or a product of parts through a transform."""
    kinds = [*((t, False) for t in TO_SUMS), *((t, True) for t in TO_PRODUCTS)]
    yield from _splits(problem, kinds, rng)


def _splits(
    problem: Problem, kinds: Sequence[tuple[Transform, bool]], rng: np.random.Generator
) -> Iterator[Split]:
    if problem.inputs < 2:
        return
    corners = Corners.of(problem, rng)
    for transform, product in kinds:
        groups = groups_of(corners, transform, product)
        if groups is not None:
            held = _Held(problem, transform, _references(problem, transform, product, rng), rng)
            if len(held.references):
                yield (_product if product else _sum)(held, groups)


def _references(
    problem: Problem, transform: Transform, product: bool, rng: np.random.Generator
) -> Array:
    """Return places where what the values become is known best, as the inputs held may be.

    Of a product the share of the error counts, of a sum the error.
    """
    count = averaged(problem)
    rows = drawn(problem, 20 * count, rng)
    values = told(problem, rows)
    with np.errstate(all="ignore"):
        off = np.abs(transform.slope(values)) * unsure(problem, values)
        known = (np.abs(transform.of(values)) if product else 1.0) / off
    known[~np.isfinite(known)] = -np.inf
    order = np.argsort(-known)
    # Not the very best, which may stand beside a pole.
    return np.asarray(rows[order[len(order) // 8 :][:count]])


@dataclass(frozen=True, eq=False)
class _Held:
    """A transformed problem, and the places where inputs are held for the parts."""

    problem: Problem
    transform: Transform
    references: Array
    rng: np.random.Generator

    def ask(self, rows: Array) -> Array:
        """Return the transform of what is said of rows, shape (rows,)."""
        with np.errstate(all="ignore"):
            return np.asarray(self.transform.of(told(self.problem, rows)))

    def part(self, which: Sequence[int], weight: Array, constant: bool) -> Problem:
        """Return the weighted sum over the places, as a problem of some inputs."""
        problem, references = self.problem, self.references

        def asked(rows: Array) -> tuple[Array, Array]:
            full = np.repeat(references[:, None, :], len(rows), axis=1)
            full[:, :, list(which)] = rows
            values = self.ask(full.reshape(-1, problem.inputs))
            return combined(values.reshape(len(references), len(rows)), weight, constant)

        rows = drawn(problem, ROWS, self.rng)[:, list(which)]
        with np.errstate(all="ignore"):
            slope = self.transform.slope(problem.values)
        off = foreseen(problem, slope) * float(np.abs(weight).sum())
        return part_of(problem, Part(asked, each_of(problem) * len(references)), rows, off)


def _sum(held: _Held, groups: Sequence[Sequence[int]]) -> Split:
    weight = np.full(len(held.references), 1 / len(held.references))
    parts = tuple(held.part(g, weight, True) for g in groups)
    twice = (len(groups) - 1) * float(weight @ held.ask(held.references))

    def join(laws: Sequence[Node]) -> Node:
        terms = [renumbered(n, inputs_at(g)) for n, g in zip(laws, groups, strict=True)]
        return held.transform.undone(ops.lin(-twice, *((1.0, t) for t in terms)))

    return Split(parts, join, _told("a sum of parts", held.transform))


def _product(held: _Held, groups: Sequence[Sequence[int]]) -> Split:
    at = held.ask(held.references)
    weight = at / (at**2).sum()
    parts = tuple(held.part(g, weight, False) for g in groups)

    def join(laws: Sequence[Node]) -> Node:
        factors = [renumbered(n, inputs_at(g)) for n, g in zip(laws, groups, strict=True)]
        rows = drawn(held.problem, ROWS, np.random.default_rng(0))
        said, wanted = Problem.said(ops.mul(*factors), rows), held.ask(rows)
        fine = np.isfinite(said) & np.isfinite(wanted)
        scale = float((said * wanted)[fine].sum() / ((said**2)[fine].sum() or 1.0))
        return held.transform.undone(ops.mul(ops.const(scale), *factors))

    return Split(parts, join, _told("a product of parts", held.transform))


def _told(what: str, transform: Transform) -> str:
    return what if transform.name == "itself" else f"{what} in {transform.name}"
