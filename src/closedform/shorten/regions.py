"""The exact regions of a small ReLU network: on each, the network is one linear formula.

A unit is followed on either side that some point of the region reaches, which a linear programme
decides (HiGHS). Counting regions is #P-hard; 2-10-10-1 has 124, and a network of 15 inputs more
than anyone reads: 100,000 rows visit 99,952 different ones.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import BadInput, MissingExtra
from closedform.evaluate import compute
from closedform.formula import Formula, Step
from closedform.ir import Array, Node, Type, toposort
from closedform.passes.domain import Domain
from closedform.progress import Wanted, Watch, watching
from closedform.shorten.clock import Clock
from closedform.shorten.options import seed_of, whole
from closedform.shorten.scores import score_nodes
from closedform.shorten.series import with_scores

MOST_UNITS, MOST_INPUTS = 40, 5
"""Beyond these, enumeration does not end in a minute: 3-20-20-1 took more than 45 s."""
EXPORTED = 30
"""Regions that anyone would read."""
POINTS = 4_000
"""Points drawn in the box: a side that one of them is on needs no linear programme."""
SLIVER = 1e-9
"""A side that a unit reaches by no more than this share of its size is none."""


def regions(
    formula: Formula, X: Any = None, *, box: Mapping[str, Any] | None = None, most: int = EXPORTED,
    seed: int = 0, time_limit: float | None = 60.0, progress: Wanted = None,
) -> Formula:  # fmt: skip
    """Return a small ReLU network as nested choices between linear formulas, over the reals.

    Args:
        formula: of sums, max(x, 0), min, max and |x| of numeric inputs.
        X: rows: the box is the range of each column.
        box: the range of inputs by name; goes before what X says.
        most: regions; with more, there is an error that says so.
        seed: of the points that are drawn in the box.
        time_limit: seconds.
        progress: as of `frontier`.

    Returns:
        The formula, with a Step "regions" of kind "real" that holds on the box. Its `found`:
        "regions", "coverage" (the share of points drawn that lies in each, in the order of the
        choices) and "worst" (the largest difference at any of these points).

    Raises:
        BadInput: it is no such network, has too many units, inputs or regions, an input has no
            finite range, or time is over.
    """
    most, seed = whole("most", most, 1), seed_of(seed)
    roots = score_nodes(formula)
    used, ends = _box(formula, X, box or {})
    order = toposort(roots)
    units = [n for n in order if n.op in BENDS and n.type is Type.REAL]
    _check(order, units, used)
    random = np.random.default_rng(seed)
    points = ends[0] + random.random((POINTS, len(used))) * (ends[1] - ends[0])
    clock = Clock(time_limit)
    with watching(progress, "regions", clock.left) as watch:
        walk = _Walk(order, roots, used, ends, most, clock, watch)
        scores = walk.below(0, {}, _Region(np.zeros((0, len(used))), np.zeros(0), points))
    columns: list[Array] = [np.zeros(POINTS) for _ in formula.inputs]
    for j, i in enumerate(used):
        columns[i] = points[:, j]
    old, new = (np.column_stack(compute(s, columns, POINTS)) for s in (roots, scores))
    found = {
        "regions": len(walk.coverage), "coverage": walk.coverage,
        "worst": float(abs(old - new).max()),
    }  # fmt: skip
    told = {
        formula.inputs[i].name: [float(lo), float(hi)]
        for i, lo, hi in zip(used, *ends, strict=True)
    }
    return with_scores(formula, scores, Step("regions", "real", {"domain": told}, found))


BENDS = (ops.MAX, ops.MIN, ops.ABS)
STRAIGHT = (ops.INPUT, ops.CONST, ops.LIN)


def _box(formula: Formula, X: Any, box: Mapping[str, Any]) -> tuple[list[int], tuple[Array, Array]]:
    domain = Domain.of(formula.inputs, X, box, formula.needed)
    used = list(formula.used)
    found = [domain.box.get(i) for i in used]
    for i, x in zip(used, found, strict=True):
        if x is None or x.missing or not np.isfinite([x.lo, x.hi]).all():
            raise BadInput(
                f"The input {formula.inputs[i].name!r} has no finite range without gaps.",
                hint="Give rows X, or its range as box={'age': (18, 99)}.",
            )
    lo, hi = (np.array([getattr(x, end) for x in found]) for end in ("lo", "hi"))
    return used, (lo, hi)


def _check(order: Sequence[Node], units: Sequence[Node], used: Sequence[int]) -> None:
    other = sorted({n.op.name for n in order if n.op not in (*BENDS, *STRAIGHT)})
    if other:
        raise BadInput(
            f"The scores are not made of sums, max and |x| alone: there is {', '.join(other)}.",
            hint="Take cf.pieces(formula, X): a model tree that is fitted.",
        )
    if len(units) > MOST_UNITS or len(used) > MOST_INPUTS:
        raise BadInput(
            f"{len(units)} units over {len(used)} inputs have more regions than can be listed "
            f"(up to {MOST_UNITS} units and {MOST_INPUTS} inputs can).",
            hint="Take cf.pieces(formula, X): few pieces, with their error.",
        )


@dataclass(frozen=True, eq=False)
class _Region:
    """Where A·x ≤ b within the box, and the points drawn that lie there."""

    A: Array
    b: Array
    points: Array

    def on(self, plane: Array, above: bool) -> _Region:
        """Return the part where weights·x + bias is above 0, or is not."""
        sign = -1.0 if above else 1.0
        value = self.points @ plane[:-1] + plane[-1]
        kept = self.points[value > 0 if above else value <= 0]
        return _Region(
            np.vstack([self.A, sign * plane[:-1]]), np.append(self.b, -sign * plane[-1]), kept
        )


Plane = Array
"""Weights of the used inputs, and the bias: what a node is on a region."""


@dataclass
class _Walk:
    """The units are followed one after another, on each side that the region reaches."""

    order: Sequence[Node]
    roots: Sequence[Node]
    used: Sequence[int]
    ends: tuple[Array, Array]
    most: int
    clock: Clock
    watch: Watch
    coverage: list[float] = field(default_factory=list)

    def below(self, at: int, planes: dict[Node, Plane], region: _Region) -> list[Node]:
        """Return the scores on a region, from the node number `at` on."""
        planes = dict(planes)
        for i in range(at, len(self.order)):
            n = self.order[i]
            if n.op in STRAIGHT:
                planes[n] = self._straight(n, planes)
                continue
            bend = self._bend(n, planes)
            sides = [side for side in (True, False) if self._reached(bend[0], region, side)]
            if len(sides) == 2:
                return self._both(i, n, bend, planes, region)
            planes[n] = bend[1] if sides == [True] else bend[2]
        return self._leaf(planes, region)

    def _both(
        self, i: int, n: Node, bend: tuple[Plane, Plane, Plane], planes: dict[Node, Plane],
        region: _Region,
    ) -> list[Node]:  # fmt: skip
        plane = bend[0]
        made = [
            self.below(i + 1, planes | {n: value}, region.on(plane, above))
            for above, value in ((True, bend[1]), (False, bend[2]))
        ]
        if all(a is b for a, b in zip(*made, strict=True)):
            return made[0]
        test = ops.less(ops.const(0), self._node(plane))
        return [ops.where(test, a, b) for a, b in zip(*made, strict=True)]

    def _leaf(self, planes: dict[Node, Plane], region: _Region) -> list[Node]:
        self.watch.at(f"{len(self.coverage)} regions")
        self.coverage.append(round(len(region.points) / POINTS, 4))
        if len(self.coverage) > self.most or self.clock.out():
            why = "time is over" if self.clock.out() else f"there are more than {self.most} regions"
            raise BadInput(
                f"No list of regions: {why}.",
                hint="Take cf.pieces(formula, X), a smaller box, or a greater `most`.",
            )
        return [self._node(planes[root]) for root in self.roots]

    def _straight(self, n: Node, planes: dict[Node, Plane]) -> Plane:
        plane = np.zeros(len(self.used) + 1)
        if n.op is ops.INPUT:
            plane[self.used.index(n.data)] = 1.0
        elif n.op is ops.CONST:
            plane[-1] = n.data
        else:
            plane[-1] = n.data.bias
            for w, a in zip(n.data.weights.tolist(), n.args, strict=True):
                plane = plane + w * planes[a]
        return plane

    def _bend(self, n: Node, planes: dict[Node, Plane]) -> tuple[Plane, Plane, Plane]:
        """Return what decides a unit, and what it is where that is above 0 and where not."""
        first = planes[n.args[0]]
        if n.op is ops.ABS:
            return first, first, -first
        if len(n.args) != 2:
            raise BadInput(
                f"A {n.op.name} of {len(n.args)} numbers is not followed.",
                hint="Take cf.pieces(formula, X): a model tree that is fitted.",
            )
        second = planes[n.args[1]]
        return (first - second, *((first, second) if n.op is ops.MAX else (second, first)))

    def _reached(self, plane: Plane, region: _Region, above: bool) -> bool:
        """Tell whether some point of a region lies on one side of a plane."""
        sign = 1.0 if above else -1.0
        weights, bias = sign * plane[:-1], sign * plane[-1]
        lo, hi = self.ends
        size = abs(bias) + float(np.maximum(abs(weights * lo), abs(weights * hi)).sum())
        least = SLIVER * size
        if len(region.points) and float((region.points @ weights).max()) + bias > least:
            return True
        highest = float(np.maximum(weights * lo, weights * hi).sum()) + bias
        if highest <= least:
            return False
        return bool(_highest(weights, region, self.ends) + bias > least)

    def _node(self, plane: Plane) -> Node:
        terms = [(w, ops.input_(i)) for w, i in zip(plane.tolist(), self.used, strict=False) if w]
        return ops.lin(float(plane[-1]), *terms)


def _highest(weights: Array, region: _Region, ends: tuple[Array, Array]) -> float:
    """Return the greatest weights·x on a region; −∞ where it is empty."""
    try:
        from scipy.optimize import linprog
    except ImportError:
        raise MissingExtra("scipy", "sklearn", "Listing the regions of a network") from None
    solve: Callable[..., Any] = linprog
    bounds = list(zip(*ends, strict=True))
    found = solve(-weights, A_ub=region.A, b_ub=region.b, bounds=bounds, method="highs")
    return -float(found.fun) if found.status == 0 else float("-inf")
