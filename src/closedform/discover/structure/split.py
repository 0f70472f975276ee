"""What every test of structure gives: smaller problems, and how their laws are put together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from closedform import ops
from closedform.discover.problem import Ask, Problem
from closedform.ir import Array, Node, substitute

ROWS = 300
"""So many rows a smaller problem is given: one number in ten of a part is fitted by each."""
EXACT = 1e-9
"""What an exact function is taken to know of its values: rounding, after some subtractions."""
REFERENCES = 64
"""So many values of the inputs that are held are tried until the others lie within the box."""


@dataclass(frozen=True)
class Split:
    """A problem taken apart.

    Attributes:
        parts: the smaller problems, each over inputs of its own.
        join: laws of the parts, in order → the law of the whole, or the next step of the split.
        made: what was found, in a few words.
    """

    parts: tuple[Problem, ...]
    join: Callable[[Sequence[Node]], Node | Split]
    made: str


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
    share = problem.noise * problem.scale / typical
    return np.asarray(
        (share + EXACT) * size + problem.noise * problem.scale + 1e-13 * problem.scale
    )


def averaged(problem: Problem) -> int:
    """Return over how many places a smaller problem averages what it asks: 1 of what is exact."""
    return 1 if problem.noise < 1e-8 else 8


def problem_of(ask: Ask, rows: Array, noise: float) -> Problem:
    """Return the problem of a function at rows, without those where it says nothing.

    Args:
        ask: the function.
        rows: where, shape (rows, inputs).
        noise: the error of what it says, root mean square, in its own units.
    """
    with np.errstate(all="ignore"):
        values = np.asarray(ask(rows), dtype=float)
    fine = np.isfinite(values)
    made = Problem(rows[fine], values[fine], ask, 0.0)
    share = noise / made.scale if fine.any() else 0.0
    return Problem(made.rows, made.values, ask, float(share))


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
) -> Ask:
    """Return the function of new inputs, averaged over where the old ones may be for the same.

    Args:
        problem: over the old inputs.
        places: where the old inputs are.
        references: what the inputs that are held may be, shape (references, old).
        factor: of old rows, shape (…, old): what the values are a multiple of; None: 1.
    """
    lo, hi = problem.box.T
    slack = 1e-9 * (hi - lo)
    count = averaged(problem)

    def asked(rows: Array) -> Array:
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
            return np.asarray((values * weight).sum(axis=0) / (weight**2).sum(axis=0))

    return asked


def held(problem: Problem, which: Sequence[int]) -> Places:
    """Return places where the inputs `which` are as asked, and the others as in the reference."""
    which = list(which)

    def places(rows: Array, references: Array) -> Array:
        out = np.repeat(references[:, None, :], len(rows), axis=1)
        out[:, :, which] = rows
        return np.asarray(out)

    return places


def typical_noise(problem: Problem, slope: Array | float = 1.0) -> float:
    """Return the error of a part in its own units, averaged places and a slope considered.

    Args:
        problem: what is asked.
        slope: how the part moves with it, one number or shape (rows,) on the problem's rows.
    """
    if problem.noise == 0:
        return 0.0
    size = unsure(problem, problem.values) * np.abs(slope)
    size = size[np.isfinite(size)]
    # The middle of it: where a part is divided by almost nothing, it is not read.
    middle = float(np.median(size)) if len(size) else 0.0
    return middle / np.sqrt(averaged(problem) / 2)
