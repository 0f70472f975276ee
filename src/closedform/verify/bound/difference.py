"""The greatest difference of two formulas over a box, proven."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import BadInput
from closedform.formula import Formula
from closedform.ir import Array, Node, Type
from closedform.verify.bound.named import from_zero
from closedform.verify.bound.normal import normal, surely_missing
from closedform.verify.bound.pairs import paired
from closedform.verify.bound.points import (
    climb,
    point_of,
    spread_of,
    told_missing,
    try_some,
    without,
)
from closedform.verify.bound.proof import BOUNDED, OPEN, PROVEN, REFUTED, Proof
from closedform.verify.bound.region import Program, Region, region_of, together, used_by
from closedform.verify.bound.rounded import UNIT, centre, up
from closedform.verify.bound.search import MEMORY, MOST, Found, Halves, Search
from closedform.verify.bound.smooth import SINGLE
from closedform.verify.bound.sweep import Bound, Sweep
from closedform.verify.bound.tape import Tape

WORTH_SEEING = 2000
"""Boxes after which pairs of units are asked no more, if they told less than the plain way."""


@dataclass
class Target:
    """One number over one region, of which the greatest value is sought.

    Attributes:
        node: the number.
        sides: "both" for its size, "up" for itself, "down" for its negative.
        values: points (inputs, points) -> what is maximised, as the programs compute it.
    """

    node: Node
    sides: str
    values: Callable[[Array], Array]


class Bounder:
    """Bounds of one node over batches of boxes."""

    def __init__(self, node: Node, sides: str, lo: Array, hi: Array) -> None:
        """Write the tape, and bound rounding errors over all boxes at once where that is finite.

        Args:
            node: in normal form.
            sides: as of a `Target`.
            lo, hi: all boxes that will be asked about, shape (inputs of the formula, boxes).
        """
        self.tape, self.sides = Tape([node]), sides
        self.row, read = self.tape.at[node], self.tape.inputs
        whole = Sweep(self.tape, lo[read].min(axis=1)[:, None], hi[read].max(axis=1)[:, None])
        self.noise = float(whole.error[self.row, 0])
        self.error = whole.error if np.isfinite(self.noise) else None
        pairs, self.seen = paired(node), np.zeros(2)
        self.pairs = None if pairs is None else Tape([pairs])
        wide = max(1, len(whole.wide))
        rows = self.tape.rows + (self.pairs.rows if self.pairs else 0)
        self.batch = max(32, min(MOST, MEMORY // (rows * wide)))

    def __call__(self, lo: Array, hi: Array) -> Halves:
        """Return a bound of the value over each box."""
        s = Sweep(self.tape, lo, hi, self.error)
        found = s.fall(self.row)
        if self.pairs is not None:
            found = self._tighter(found, self._of_pairs(lo, hi, s.wide))
        low, high = found.lo - s.error[self.row], found.hi + s.error[self.row]
        upper = {"both": np.maximum(high, -low), "up": high, "down": -low}[self.sides]
        upper = np.where(found.missing | np.isnan(upper), np.inf, up(upper))
        turned = {"both": np.where(high >= -low, 1.0, -1.0), "up": 1.0, "down": -1.0}[self.sides]
        blame, points = np.zeros_like(lo), centre(lo, hi)
        blame[s.wide] = found.blame
        lean = found.lean * turned
        ends = np.where(lean > 0, hi[s.wide], np.where(lean < 0, lo[s.wide], points[s.wide]))
        points[s.wide] = ends
        return Halves(upper, blame, points)

    def _of_pairs(self, lo: Array, hi: Array, wide: Array) -> Bound:
        """Return bounds from the differences of units that the two sides share; see `pairs`."""
        assert self.pairs is not None
        rows = np.array([self.tape.inputs.index(i) for i in self.pairs.inputs], np.int64)
        s = Sweep(self.pairs, lo[rows], hi[rows], np.zeros((self.pairs.rows, 1)))
        found = s.fall(self.pairs.at[self.pairs.roots[0]])
        lean = np.zeros_like(lo)
        lean[rows[s.wide]] = found.lean
        return replace(found, lean=lean[wide])  # in the order of the other tape

    def _tighter(self, a: Bound, b: Bound) -> Bound:
        """Return what two bounds of the same number say together; drop pairs that say little."""
        better = b.hi - b.lo < a.hi - a.lo
        self.seen += np.array([better.sum(), better.size])
        if self.seen[1] > WORTH_SEEING and self.seen[0] < self.seen[1] / 4:
            self.pairs = None
        lean = np.where(better, b.lean, a.lean)
        # Halving as the pairs would have it took 33,000 boxes where this takes 200.
        return Bound(np.fmax(a.lo, b.lo), np.fmin(a.hi, b.hi), a.missing, a.blame, lean)


def greatest(
    target: Target, region: Region, used: list[int], absent: Mapping[Node, Node], *,
    deadline: float, seed: int, limit: float | None, tolerance: float, coarse: float = 0.0,
) -> Found:  # fmt: skip
    """Return what a search for the greatest value finds.

    Args:
        target: what is sought.
        region, used, absent: over which inputs.
        deadline: when to stop, by `time.perf_counter`.
        seed: of the points that are tried.
        limit: what the value is to stay below; None: how great it is, within `tolerance`.
        tolerance: how much the bound may exceed a value that occurs, relative to it.
        coarse: how far the values may be off, since the model computes in float32.
    """
    node = normal([target.node], absent)[0]
    lo, hi = region.starts(used)
    every_lo, every_hi = np.full((2, len(region.inputs), lo.shape[1]), np.nan)
    every_lo[used], every_hi[used] = lo, hi
    bounder = Bounder(node, target.sides, every_lo, every_hi)
    rows = [used.index(i) for i in bounder.tape.inputs]

    def bound(lo: Array, hi: Array) -> Halves:
        told = bounder(lo[rows], hi[rows])
        blame, points = np.zeros_like(lo), centre(lo, hi)
        blame[rows], points[rows] = told.blame, told.points
        return Halves(told.upper, blame, points)

    cuts = {used.index(i): c for i, c in bounder.tape.cuts.items()}
    enough, hopeless = _stopping(limit, tolerance, bounder.noise, coarse)
    search = Search(
        bound, target.values, lo, hi, cuts, bounder.batch, enough, hopeless, deadline
    )  # fmt: skip
    try_some(search, [target.node], region, used, {n.data for n in absent}, seed)
    climb(search, lo, hi)
    return search.run()


@np.errstate(all="ignore")
def certify(
    model: Formula, formula: Formula, box: Mapping[str, Any] | None = None, *, X: Any = None,
    epsilon: float | None = None, output: str | None = None, missing: tuple[str, ...] = (),
    tolerance: float = 0.01, time_limit: float = 10.0, seed: int = 0,
) -> Proof:  # fmt: skip
    """Prove how far two formulas are apart over a box.

    The claim is about the programs: |model(x) − formula(x)| ≤ upper for every x of the box whose
    numbers are float64, both computed in float64 (and a model that computes in float32, in that).
    Where one side is missing and the other is not, they differ by infinity.

    Args:
        model, formula: what is compared.
        box: for each input by name (lo, hi), a number, or a list of categories.
        X: rows from whose range the rest of the box is taken.
        epsilon: the limit to prove; without one, the search goes on until the bound is within
            `tolerance` of a value that occurs.
        output: the name of the output; default: the first number that both have.
        missing: names of inputs that may be missing.
        tolerance: how much the bound may exceed the greatest value found, relative to it.
        time_limit: seconds, after which the best so far is returned.
        seed: of the points that are tried.

    Raises:
        BadInput: there is no box, no such output, or no number to compare.
    """
    start = time.perf_counter()
    from_zero(tolerance=tolerance, time_limit=time_limit, epsilon=epsilon or 0.0)
    name, a, b, model, formula = pair(model, formula, output)
    used = sorted(used_by([a, b]))
    region = region_of(model.inputs, used, box, X, missing)
    coarse = own_rounding(model, name, a, region)
    cases = list(region.cases(used))
    best: Found | None = None
    for i, absent in enumerate(cases):
        left = start + time_limit - time.perf_counter()
        deadline = time.perf_counter() + max(0.0, left) / (len(cases) - i)
        target = Target(
            ops.lin(0.0, (1.0, a), (-1.0, b)), "both", _apart(a, b, region, used, absent)
        )
        sides = normal([a, b], absent)
        if sides[0] is sides[1] or all(map(surely_missing, sides)):
            continue  # the same program
        found = greatest(
            target, region, used, absent, deadline=deadline, seed=seed, limit=epsilon,
            tolerance=tolerance, coarse=coarse,
        )  # fmt: skip
        found.point = told_missing(found.point, used, {n.data for n in absent})
        best = found if best is None else _worse(best, found)
    best = best or Found(0.0, 0.0, None, done=True)
    best.seconds = time.perf_counter() - start
    return _proof(name, best, region, used, epsilon, tolerance, coarse, spread_of(a, region, used))


def _stopping(
    limit: float | None, tolerance: float, noise: float, coarse: float
) -> tuple[Callable[[Array, float], Array], Callable[[float], bool]]:
    """Return which boxes need no halving, and when to give up."""
    if limit is not None:
        # Between limit − coarse and limit + coarse float32 decides; more boxes do not.
        least, most = limit - coarse, limit + coarse
        return (
            lambda upper, lower: upper <= (most if lower > least else least),
            lambda lower: lower > most,
        )
    # Within what both programs may round there is no more to tell, however many boxes.
    least = 4 * noise if np.isfinite(noise) else 0.0
    return (
        lambda upper, lower: upper <= (1 + tolerance) * lower + least,
        lambda lower: lower == np.inf,
    )


def pair(
    model: Formula, formula: Formula, output: str | None
) -> tuple[str, Node, Node, Formula, Formula]:
    """Return the output to compare, its node on both sides, and both over the same inputs."""
    model, formula = together(model, formula)
    numbers = [n for n in (*formula.answer, *formula.outputs) if _is_number(formula, n)]
    name = output or next((n for n in numbers if _is_number(model, n)), None)
    alone = len(model.outputs) == len(formula.outputs) == 1
    if output is None and name is None and alone and numbers:
        name = numbers[0]
    theirs = next(iter(model.outputs)) if alone else name
    if name is None or not _is_number(formula, name) or not _is_number(model, theirs or name):
        raise BadInput(
            f"There is no number called {output!r} that both have." if output else
            "Model and formula have no output in common that is a number.",
            hint=f"The model has {', '.join(model.outputs)}, "
            f"the formula {', '.join(formula.outputs)}.",
        )  # fmt: skip
    return name, model.outputs[theirs or name], formula.outputs[name], model, formula


def _is_number(formula: Formula, name: str) -> bool:
    return name in formula.outputs and formula.outputs[name].type is Type.REAL


def _apart(
    a: Node, b: Node, region: Region, used: list[int], absent: Mapping[Node, Node]
) -> Callable[[Array], Array]:
    program, gone = Program([a, b], region.inputs, used), {n.data for n in absent}

    def values(points: Array) -> Array:
        points = without(points, used, gone, region)
        x, y = program(points)
        with np.errstate(all="ignore"):
            found = np.where(x == y, 0.0, np.abs(x - y))
        found = np.where(np.isnan(x) & np.isnan(y), 0.0, found)
        return np.where(np.isnan(found), np.inf, found)

    return values


def _worse(a: Found, b: Found) -> Found:
    """Return what is known of two regions together."""
    at = a if a.lower >= b.lower else b
    boxes, seconds = a.boxes + b.boxes, a.seconds + b.seconds
    upper = max(a.upper, b.upper)
    return Found(upper, at.lower, at.point, boxes, seconds, a.done and b.done)


def own_rounding(model: Formula, name: str, node: Node, region: Region) -> float:
    """Return how far a model that computes in float32 may be from the same in the reals; else 0."""
    precision = model.precision.get(name)
    if precision is None or precision.dtype != "float32":
        return 0.0
    return rounding_error([node], region, SINGLE)


def rounding_error(nodes: list[Node], region: Region, unit: float) -> float:
    """Return a bound of |program − reals| over a region, for programs with this unit of rounding.

    The running error of every operation: sums by γₙ in any order, functions by 4 ulp, errors passed
    on by the steepest slope (Higham 2002, §3.3); where an error may send a program into another
    branch, all that lies between the branches. Inputs are rounded too, unless the graph says itself
    how (it holds trees, or `round32`).
    """
    (node,) = normal(nodes)
    tape = Tape([node])
    casts = any(n.op in (ops.ROUND32, ops.TREE, ops.SUM32) for n in tape.at)
    lo, hi = region.starts(tape.inputs)
    with np.errstate(all="ignore"):
        s = Sweep(tape, lo, hi, unit=unit, inputs=0.0 if casts or unit == UNIT else 2.0, other=True)
    return float(s.error[tape.at[node]].max())


def _proof(
    name: str, found: Found, region: Region, used: list[int], epsilon: float | None,
    tolerance: float, coarse: float, scale: float,
) -> Proof:  # fmt: skip
    upper = found.upper + coarse
    if not upper >= found.lower:
        raise AssertionError(f"a bound of {upper!r} is below {found.lower!r}, which occurs")
    limit = math.inf if epsilon is None else epsilon
    status = REFUTED if found.lower - coarse > limit or found.lower == math.inf else OPEN
    if status == OPEN and upper <= limit and upper < math.inf:
        status = BOUNDED if epsilon is None else PROVEN
    claim = f"|model − formula|{'' if epsilon is None else f' ≤ {epsilon:g}'} for {name}"
    if epsilon is None and status == REFUTED:
        claim += " is finite"
    more = () if coarse == 0 else (f"the model's own float32 (±{coarse:.2g})",)
    return Proof(
        claim, status, upper, found.lower,
        None if found.point is None else point_of(found.point, region, used), epsilon,
        tolerance, scale, found.boxes, found.seconds, region.describe(), (*Proof.included, *more),
    )  # fmt: skip
