"""What every test of structure gives: smaller problems, and how their laws are put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from closedform import ops
from closedform.discover.problem import Problem
from closedform.ir import Array, Node, substitute

ROWS = 300
"""So many rows a smaller problem is given: one number in ten of a part is fitted by each."""
EXACT = 1e-9
"""What an exact function is taken to know of its values: rounding, after some subtractions."""
MOST, AVERAGED = 64, 8
"""So many rows are asked at most for one of a part of a part, and for one of a part."""
SHARED = 0.5
"""What of an error places have in common at least: a smooth error does not average away."""
REFERENCES, FEWEST = 32, 12
"""So many values of the inputs that are held are tried until the others lie within the box."""


@dataclass(frozen=True)
class Split:
    """A problem taken apart.

    Attributes:
        parts: the smaller problems, each over inputs of its own.
        join: laws of the parts, in order → the law of the whole, or the next step of the split.
        made: what was found, in a few words.
        quick: whether only common functions are worth the time for its parts: many are tried.
    """

    parts: tuple[Problem, ...]
    join: Callable[[Sequence[Node]], Node | Split]
    made: str
    quick: bool = False


def drawn(problem: Problem, count: int, rng: np.random.Generator) -> Array:
    """Return rows anywhere within the box, shape (count, inputs)."""
    lo, hi = problem.box.T
    return np.asarray(lo + (hi - lo) * rng.random((count, problem.inputs)))


def told(problem: Problem, rows: Array) -> Array:
    """Return what the function says of rows, shape (rows,); NaN where that is no finite number."""
    assert problem.ask is not None
    with np.errstate(all="ignore"):
        values = np.array(problem.ask(rows), dtype=float)
    values[~np.isfinite(values)] = np.nan
    return values


def unsure(problem: Problem, values: Array) -> Array:
    """Return how far each value may be off, shape as given.

    A model's error may be a share of its values (rounding, a wrong factor) or the same everywhere
    (a network); of both the greater is taken.
    """
    size = np.abs(values)
    typical = float(np.sqrt(np.nanmean(problem.values**2))) or 1.0
    known = problem.noise * problem.scale * np.maximum(1.0, size / typical)
    return np.asarray(known + EXACT * size + 1e-13 * problem.scale)


@dataclass(frozen=True, eq=False)
class Part:
    """The function of a smaller problem, which is asked at several places for each of its rows.

    Attributes:
        of: rows → what it says of them, and by how much its places disagree, both (rows,).
        each: how many rows of the first problem are asked for one of its own.
    """

    of: Callable[[Array], tuple[Array, Array]]
    each: int

    def __call__(self, rows: Array) -> Array:
        """Return what it says of rows, shape (rows,)."""
        with np.errstate(all="ignore"):
            return self.of(rows)[0]


def each_of(problem: Problem) -> int:
    """Return how many rows of the first problem are asked for one of this."""
    return problem.ask.each if isinstance(problem.ask, Part) else 1


def averaged(problem: Problem) -> int:
    """Return over how many places a smaller problem averages what it asks: 1 of what is exact."""
    return 1 if problem.noise < 1e-8 else int(np.clip(MOST // each_of(problem), 1, AVERAGED))


def part_of(problem: Problem, part: Part, rows: Array, off: Array | float) -> Problem:
    """Return the problem of a part at rows, without those where it says nothing.

    Args:
        problem: what it is a part of.
        part: its function.
        rows: where, shape (rows, inputs).
        off: the errors of what it says in its own units, as foreseen.
    """
    with np.errstate(all="ignore"):
        values, apart = part.of(rows)
    fine = np.isfinite(values) & np.isfinite(apart)
    made = Problem(rows[fine], values[fine], part, 0.0)
    if problem.noise == 0 or not fine.any():
        return made
    seen = float(np.sqrt(np.mean(apart[fine] ** 2)))
    # Where the places disagree by less than foreseen, the error may still be one that they share.
    foreseen = float(np.median(off)) if np.size(off) else 0.0
    noise = max(SHARED * foreseen, seen) if seen > 0 else foreseen
    return Problem(made.rows, made.values, part, float(noise / made.scale))


def renumbered(law: Node, inputs: Sequence[Node] | Mapping[int, Node]) -> Node:
    """Return a law with something else in the place of its inputs."""
    places = inputs if isinstance(inputs, Mapping) else dict(enumerate(inputs))
    return substitute([law], {ops.input_(i): new for i, new in places.items()})[0]


def inputs_at(which: Sequence[int]) -> list[Node]:
    """Return some inputs as nodes."""
    return [ops.input_(i) for i in which]


def raised(x: Node, exponent: float) -> Node:
    """Return a power, as its reader writes it: x, √x, x²."""
    if exponent == 1:
        return x
    return ops.sqrt(x) if exponent == 0.5 else ops.power(x, exponent)


def product_of_powers(factor: float, exponents: Mapping[int, float]) -> Node:
    """Return factor·Π xᵢ^pᵢ, what has a negative exponent below the line."""
    above = [raised(ops.input_(i), p) for i, p in exponents.items() if p > 0]
    below = [raised(ops.input_(i), -p) for i, p in exponents.items() if p < 0]
    top = ops.mul(*above) if factor == 1 and above else ops.mul(ops.const(factor), *above)
    return ops.div(top, ops.mul(*below)) if below else top


def powers_at(rows: Array, exponents: Mapping[int, float]) -> Array:
    """Return Π xᵢ^pᵢ of each row, shape as the rows without their last axis."""
    out = np.ones(rows.shape[:-1])
    with np.errstate(all="ignore"):
        for i, p in exponents.items():
            out = out * np.power(rows[..., i], p)
    return out


Places = Callable[[Array, Array], Array]
"""Rows of the new inputs, shape (rows, new), and values of all old ones, shape (references, old) →
old rows, shape (references, rows, old)."""


def along(
    problem: Problem, places: Places, references: Array, factor: Callable[[Array], Array] | None
) -> Part:
    """Return the function of new inputs, averaged over where the old ones may be for the same.

    Args:
        problem: over the old inputs.
        places: where the old inputs are.
        references: what the inputs that are held may be, shape (references, old).
        factor: of old rows, shape (…, old): what the values are a multiple of; None: 1.
    """
    lo, hi = problem.box.T
    slack = 1e-9 * (hi - lo)
    count = min(averaged(problem), len(references))
    references = references[: max(FEWEST, 4 * count)]

    def asked(rows: Array) -> tuple[Array, Array]:
        with np.errstate(all="ignore"):
            found = places(rows, references)
        inside = ((found >= lo - slack) & (found <= hi + slack)).all(axis=-1)
        order = np.argsort(~inside, axis=0, kind="stable")[:count]
        chosen = np.take_along_axis(found, order[:, :, None], axis=0)
        fine = np.take_along_axis(inside, order, axis=0)
        chosen[~fine] = references[0]
        flat = chosen.reshape(-1, chosen.shape[-1])
        values = told(problem, np.clip(flat, lo, hi)).reshape(fine.shape)
        weight = np.ones(fine.shape) if factor is None else factor(chosen)
        fine &= np.isfinite(values) & np.isfinite(weight)
        values, weight = np.where(fine, values, 0.0), np.where(fine, weight, 0.0)
        with np.errstate(all="ignore"):
            total = (weight**2).sum(axis=0)
            mean = (values * weight).sum(axis=0) / total
            away = ((values - weight * mean) ** 2).sum(axis=0)
            many = fine.sum(axis=0)
            # With one place alone nothing is known of its error: nor is it 0.
            apart = np.sqrt(away / np.maximum(many - 1, 1) / total)
        typical = np.median(apart[many > 1]) if (many > 1).any() else 0.0
        return np.asarray(mean), np.where(many > 1, apart, typical)

    return Part(asked, each_of(problem) * count)


def combined(values: Array, weight: Array, constant: bool) -> tuple[Array, Array]:
    """Return a weighted sum of curves that are multiples of one, and how far it may be off.

    Args:
        values: one curve a row, shape (curves, rows).
        weight: of each, shape (curves,).
        constant: whether they are the same curve but for a constant, rather than a factor.
    """
    mean = weight @ values
    if len(values) < 2:
        return mean, np.zeros(len(mean))
    fine = np.isfinite(values).all(axis=0)
    if not fine.any():
        return mean, np.full(len(mean), np.nan)
    if constant:
        total = weight.sum()
        away = values - mean / total
        away = away - away[:, fine].mean(axis=1, keepdims=True)
    else:
        share = (values[:, fine] @ mean[fine]) / max(float(mean[fine] @ mean[fine]), 1e-300)
        away = values - share[:, None] * mean
    spread = np.sqrt((away**2).sum(axis=0) / (len(values) - 1) * (weight @ weight))
    return np.asarray(mean), np.asarray(spread)


def held(problem: Problem, which: Sequence[int]) -> Places:
    """Return places where the inputs `which` are as asked, and the others as in the reference."""
    which = list(which)

    def places(rows: Array, references: Array) -> Array:
        out = np.repeat(references[:, None, :], len(rows), axis=1)
        out[:, :, which] = rows
        return np.asarray(out)

    return places


def foreseen(problem: Problem, slope: Array | float = 1.0) -> Array:
    """Return the errors of a part in its own units, before they are averaged.

    Args:
        problem: what is asked.
        slope: how the part moves with it, one number or shape (rows,) on the problem's rows.
    """
    with np.errstate(all="ignore"):
        size = unsure(problem, problem.values) * np.abs(slope)
    return np.asarray(size[np.isfinite(size)])
