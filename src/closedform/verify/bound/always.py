"""Conditions that hold at every point of a box: labels that agree, ranges, slopes, safe domains."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any

import numpy as np

from closedform import ops
from closedform.formula import Feature
from closedform.ir import Array, Node, Type
from closedform.verify.bound.normal import normal
from closedform.verify.bound.points import point_of, told_missing, try_some, without
from closedform.verify.bound.proof import OPEN, PROVEN, REFUTED, Proof
from closedform.verify.bound.region import Program, Region, region_of, used_by
from closedform.verify.bound.rounded import centre, down, up
from closedform.verify.bound.search import MEMORY, MOST, Found, Halves, Search
from closedform.verify.bound.sweep import Sweep
from closedform.verify.bound.tape import Tape

MOST_FALLS = 24
"""Comparisons that are looked at one by one; any more are decided on the way up alone."""
INCLUDED = ("the rounding of the program in float64",)


class Truth:
    """Whether a condition holds over batches of boxes.

    The two sides of a comparison are bounded by their difference, in which cancels what they share.
    """

    def __init__(self, condition: Node, reals: bool = False) -> None:
        """Write the tape of the condition and of the differences that it asks about.

        With `reals`, what is asked is whether it holds over the reals, not of a program.
        """
        self.condition = condition
        asked = _comparisons(condition)[:MOST_FALLS]
        self.differences = {n: ops.lin(0.0, (1.0, n.args[1]), (-1.0, n.args[0])) for n in asked}
        self.tape = Tape([condition, *self.differences.values()])
        self.row = self.tape.at[condition]
        self.error = np.zeros((self.tape.rows, 1)) if reals else None

    def rows(self, used: Collection[int]) -> list[int]:
        """Return where the inputs of the tape stand among `used`."""
        places = {i: row for row, i in enumerate(used)}
        return [places[i] for i in self.tape.inputs]

    def __call__(self, lo: Array, hi: Array) -> tuple[Array, Array, Array, Array]:
        """Return where it surely holds, where it surely does not, the blame, and corners to try."""
        s = Sweep(self.tape, lo, hi, self.error)
        blame, points = np.zeros_like(lo), centre(lo, hi)
        for n, difference in self.differences.items():
            row, at = self.tape.at[difference], self.tape.at[n]
            if (s.lo[at] == s.hi[at]).all():
                continue
            found, e = s.fall(row), s.error[row]
            low, high = down(found.lo - e), up(found.hi + e)
            sure, never = (low > 0, high <= 0) if n.op is ops.LESS else (low >= 0, high < 0)
            s.lo[at] = np.where(sure & ~found.missing, 1.0, s.lo[at])
            s.hi[at] = np.where(never, 0.0, s.hi[at])
            open_ = s.lo[at] != s.hi[at]
            blame[s.wide] += np.where(open_, np.nan_to_num(found.blame, posinf=0.0), 0.0)
            ends = np.where(found.lean > 0, lo[s.wide], hi[s.wide])
            points[s.wide] = np.where(open_, ends, points[s.wide])
        self._conclude(s)
        return s.lo[self.row] == 1, s.hi[self.row] == 0, blame, points

    def _conclude(self, s: Sweep) -> None:
        """Run what hangs on the comparisons again, now that more is known of them."""
        for step in self.tape.steps:
            if step.nodes[0].type is not Type.REAL:
                before = s.lo[step.out].copy(), s.hi[step.out].copy()
                step.rise(s)
                if step.nodes[0].type is Type.BOOL:  # never less than was known
                    np.maximum(s.lo[step.out], before[0], out=s.lo[step.out])
                    np.minimum(s.hi[step.out], before[1], out=s.hi[step.out])


def _comparisons(condition: Node) -> list[Node]:
    """Return the comparisons of numbers that the truth of a condition hangs on by logic alone."""
    found, todo, seen = list[Node](), [condition], set[Node]()
    while todo:
        n = todo.pop()
        if n in seen or n.type is Type.REAL:
            continue
        seen.add(n)
        todo += n.args
        if n.op in (ops.LESS, ops.LESS_EQUAL):
            found.append(n)
    return found


def always(
    condition: Node, claim: str, inputs: tuple[Feature, ...], box: Mapping[str, Any] | None, *,
    X: Any = None, missing: tuple[str, ...] = (), time_limit: float = 10.0, seed: int = 0,
    reals: bool = False,
) -> Proof:  # fmt: skip
    """Prove that a condition is true at every point of a box, or find a point where it is false.

    Args:
        condition: a BOOL node over the inputs.
        claim: it in words.
        inputs, box, X, missing: see `region.region_of`.
        time_limit: seconds.
        seed: of the points that are tried.
        reals: whether it is asked of the reals, not of the float64 program.
    """
    start = time.perf_counter()
    used = sorted(used_by([condition]))
    region = region_of(inputs, used, box, X, missing)
    return over(condition, claim, region, start + time_limit, seed, reals)


@np.errstate(all="ignore")
def over(
    condition: Node, claim: str, region: Region, deadline: float, seed: int = 0,
    reals: bool = False, along: int | None = None,
) -> Proof:  # fmt: skip
    """Prove that a condition is true at every point of a region; see `always`.

    With `along`, of a slope along that input: a point refutes it where it is false in a stretch
    along the input, since at the kink itself the slope is that of one side, whichever.
    """
    start, used = time.perf_counter(), sorted(used_by([condition]))
    proven, boxes, point = True, 0, None
    for absent in region.cases(used):
        gone = {n.data for n in absent}
        found = _falsified(condition, absent, region, used, gone, deadline, seed, reals, along)
        boxes += found.boxes
        if found.lower >= 1:
            point = point_of(told_missing(found.point, used, gone), region, used)
            break
        proven &= found.upper <= 0
    status = REFUTED if point is not None else PROVEN if proven else OPEN
    return Proof(
        claim, status, point=point, boxes=boxes, seconds=time.perf_counter() - start,
        box=region.describe(), included=() if reals else INCLUDED,
    )  # fmt: skip


def _falsified(
    condition: Node, absent: Mapping[Node, Node], region: Region, used: list[int],
    gone: set[int], deadline: float, seed: int, reals: bool, along: int | None,
) -> Found:  # fmt: skip
    """Return the search for a point where the condition is false: 1 there, 0 elsewhere."""
    lo, hi = region.starts(used)
    truth = Truth(normal([condition], absent)[0], reals)
    rows = truth.rows(used)
    values = _false_at(condition, region, used, gone)
    if reals:  # the program's own rounding must not refute what is so of the reals
        row = used.index(along) if along in used else None
        values = partial(_surely_false, truth, rows, lo.min(axis=1), hi.max(axis=1), row)
    spread = np.where(hi > lo, hi - lo, 1.0).max(axis=1)[:, None]

    def bound(lo: Array, hi: Array) -> Halves:
        sure, _, found, corners = truth(lo[rows], hi[rows])
        blame, points = np.zeros_like(lo), centre(lo, hi)
        blame[rows], points[rows] = found, corners
        # Above 0 means open; the widest first, for where is what is asked, not how much.
        width = ((hi - lo) / spread).max(axis=0, initial=0.0)
        return Halves(np.where(sure, 0.0, 1.0 + width), blame, points)

    batch = max(16, min(MOST, MEMORY // (truth.tape.rows * max(1, len(rows)))))
    cuts = {used.index(i): c for i, c in truth.tape.cuts.items()}
    search = Search(
        bound, values, lo, hi, cuts, batch, lambda upper, lower: upper <= 0,
        lambda lower: lower >= 1, deadline,
    )  # fmt: skip
    try_some(search, [condition], region, used, gone, seed)
    return search.run()


STRETCH = 1e-6
"""How long a stretch a slope is asked about, as a share of the box."""


def _surely_false(
    truth: Truth, rows: list[int], least: Array, most: Array, along: int | None, points: Array
) -> Array:
    lo, hi = points.copy(), points.copy()
    if along is not None:
        away = STRETCH * (most[along] - least[along])
        above = points[along] + away <= most[along]
        hi[along] = np.where(above, points[along] + away, points[along])
        lo[along] = np.where(above, points[along], points[along] - away)
    lo, hi = lo[rows], hi[rows]
    size = max(16, MEMORY // (truth.tape.rows * (1 + (along is not None))))
    parts = [slice(i, i + size) for i in range(0, points.shape[1], size)]
    return np.concatenate([truth(lo[:, p], hi[:, p])[1] for p in parts]).astype(np.float64)


def _false_at(
    condition: Node, region: Region, used: list[int], gone: set[int]
) -> Callable[[Array], Array]:
    program = Program([condition], region.inputs, used)

    def values(points: Array) -> Array:
        return 1.0 - program(without(points, used, gone, region))[0].astype(np.float64)

    return values
