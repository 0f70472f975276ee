"""Whether an output never falls as one input grows: its slope, and where it jumps."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import BadInput
from closedform.evaluate import bounds
from closedform.formula import Formula
from closedform.ir import Array, Interval, Node, Type, substitute, toposort, with_args
from closedform.passes.differentiate import differentiate
from closedform.verify.bound.always import over
from closedform.verify.bound.directions import direction
from closedform.verify.bound.named import output_of
from closedform.verify.bound.normal import normal
from closedform.verify.bound.points import filled, point_of, samples, told_missing
from closedform.verify.bound.proof import OPEN, PROVEN, REFUTED, Proof
from closedform.verify.bound.region import Region, region_of, used_by
from closedform.verify.bound.sweep import Sweep
from closedform.verify.bound.tape import Tape, cuts_of

Conditions = list[tuple[float | None, Node]]
"""What must hold, and at which number of the input (None: everywhere)."""
PAIRS = 1024
"""Pairs of points that are tried where slopes do not decide."""


def increasing(
    formula: Formula, box: Mapping[str, Any] | None = None, *, input: str,
    output: str | None = None, **options: Any,
) -> Proof:  # fmt: skip
    """Prove that an output never falls as one input grows, the others being the same.

    Over the reals: the slope is nowhere negative, and no tree or step lets the value fall where the
    input crosses one of its thresholds, by more than 1e-13 of its size.

    Args:
        formula, box: what, and over which inputs.
        input: the name of the input.
        output: the name of the output; default: the prediction.
        options: X, missing, time_limit, seed, as in `certify`.
    """
    return _monotone(formula, box, input, output, 1.0, options)


def decreasing(
    formula: Formula, box: Mapping[str, Any] | None = None, *, input: str,
    output: str | None = None, **options: Any,
) -> Proof:  # fmt: skip
    """Prove that an output never grows as one input grows; see `increasing`."""
    return _monotone(formula, box, input, output, -1.0, options)


def _monotone(
    formula: Formula, box: Mapping[str, Any] | None, input: str, output: str | None,
    sign: float, options: Mapping[str, Any],
) -> Proof:  # fmt: skip
    start, limit = time.perf_counter(), float(options.get("time_limit", 10.0))
    name, node = output_of(formula, output, Type.REAL)
    at = _number_called(formula, input)
    used = sorted(used_by([node]))
    region = region_of(formula.inputs, used, box, options.get("X"), options.get("missing", ()))
    question = Question(
        f"{name} never {'falls' if sign > 0 else 'grows'} as {input} grows", node, at, sign,
        region, start + limit, options.get("seed", 0),
    )  # fmt: skip
    if at not in used or region.lo[at] == region.hi[at]:
        found = Proof(question.claim, PROVEN, included=())
    else:
        found = question.answered()
    point = None if found.point is None else filled(found.point, region, used)
    spent = time.perf_counter() - start
    return replace(found, seconds=spent, box=region.describe(), point=point)


def _number_called(formula: Formula, input: str) -> int:
    names = [f.name for f in formula.inputs if f.type is Type.REAL]
    if input not in names:
        raise BadInput(
            f"The formula has no input {input!r} that is a number.",
            hint="Its numbers are: " + ", ".join(names) + ".",
        )
    return [f.name for f in formula.inputs].index(input)


@dataclass
class Question:
    """Whether a number never falls (sign 1), or never grows (−1), as one input grows.

    Attributes:
        claim: it in words.
        node, at, sign: the number, the position of the input, the direction.
        region: over which inputs.
        deadline: when to stop, by `time.perf_counter`.
        seed: of the points that are tried.
    """

    claim: str
    node: Node
    at: int
    sign: float
    region: Region
    deadline: float
    seed: int

    def answered(self) -> Proof:
        """Answer it, by what takes least first."""
        if direction(self.node, self.at, _intervals(self.region)) in (0, self.sign):
            return Proof(self.claim, PROVEN, included=(), methods=("the way each operation goes",))
        smooth = self.jumps()
        found = self.shown([(None, self.rising())]) if smooth is not None else None
        if found is not None and (found.status == REFUTED or (found.ok and not smooth)):
            return found
        point = self.by_pairs()
        if point is not None:
            return Proof(self.claim, REFUTED, point=point, included=())
        if found is None or not found.ok:
            return found or Proof(self.claim, OPEN, included=())
        return self.shown(smooth or [])

    def rising(self) -> Node:
        """Return the condition that the slope is not against the claim, where there is a value."""
        slope = ops.lin(0.0, (self.sign, differentiate(self.node, self.at)))
        rising = ops.less_equal(ops.const(0.0), slope)
        lost = bounds([self.node], _intervals(self.region))[0].missing
        return ops.either(rising, ops.missing(self.node)) if lost else rising

    def jumps(self) -> Conditions | None:
        """Return what must hold at each jump, see `_jumps`."""
        ends = float(self.region.lo[self.at]), float(self.region.hi[self.at])
        slack = _slack(self.node, self.region)
        return _jumps(self.node, self.at, self.sign, *ends, slack)

    def shown(self, conditions: Conditions) -> Proof:
        """Prove conditions, or stop at the first that is not proven."""
        boxes, found = 0, Proof(self.claim, PROVEN, included=())
        for cut, condition in conditions:
            along = self.at if cut is None else None
            found = over(condition, self.claim, self.region, self.deadline, self.seed, True, along)
            boxes += found.boxes
            if found.status != PROVEN:
                where = {} if cut is None else {self.region.inputs[self.at].name: cut}
                point = None if found.point is None else {**found.point, **where}
                return replace(found, boxes=boxes, point=point)
        return replace(found, boxes=boxes)

    @np.errstate(all="ignore")
    def by_pairs(self) -> dict[str, Any] | None:
        """Return a point whose number of the input is a pair between which the claim is false."""
        used = sorted(used_by([self.node]))
        lo, hi = self.region.starts(used)
        low = samples(lo, hi, np.random.default_rng(self.seed))[:, :PAIRS]
        high, row = low.copy(), used.index(self.at)
        high[row] = np.random.default_rng(self.seed).permutation(low[row])
        low[row], high[row] = np.minimum(low[row], high[row]), np.maximum(low[row], high[row])
        for absent in self.region.cases(used):
            if ops.input_(self.at) in absent:
                continue
            (least, most), (least_after, most_after) = (
                _reals(normal([self.node], absent)[0], used, x) for x in (low, high)
            )
            fall = least - most_after if self.sign > 0 else least_after - most
            worst = int(np.argmax(np.nan_to_num(fall, nan=-np.inf)))
            if fall[worst] > 0:
                gone = {n.data for n in absent}
                point = point_of(told_missing(low[:, worst], used, gone), self.region, used)
                both = float(low[row, worst]), float(high[row, worst])
                return {**point, self.region.inputs[self.at].name: both}
        return None


def _reals(node: Node, used: list[int], points: Array) -> tuple[Array, Array]:
    """Return bounds of a number over the reals at points; NaN where it may be missing."""
    tape = Tape([node])
    x = points[[used.index(i) for i in tape.inputs]]
    s = Sweep(tape, x, x, np.zeros((tape.rows, 1)))
    row = tape.at[node]
    lost = s.missing[row]
    return np.where(lost, np.nan, s.lo[row]), np.where(lost, np.nan, s.hi[row])


def _intervals(region: Region) -> dict[int, Interval]:
    ends = enumerate(zip(region.lo.tolist(), region.hi.tolist(), strict=True))
    return {i: Interval(lo, hi, i in region.missing) for i, (lo, hi) in ends if lo == lo}


def _slack(node: Node, region: Region) -> float:
    """Return a fall that is but rounding: 1e-13 of what the value may be."""
    found = bounds([node], _intervals(region))[0]
    size = max(abs(found.lo), abs(found.hi))
    return 1e-13 * size if math.isfinite(size) else 0.0


JUMPING = (ops.FLOOR, ops.SIGN, ops.ROUND32, ops.SUM32, ops.TREE, ops.TABLE, ops.PIECEWISE)
"""Operations that jump; so may whatever chooses by a condition."""


def _jumps(
    node: Node, at: int, sign: float, lo: float, hi: float, slack: float
) -> Conditions | None:
    """Return what must hold of each jump along one input, so that none goes the wrong way.

    Returns:
        For each where it is, what must hold; None where the value may jump in other ways.
    """
    x = ops.input_(at)
    moving = set[Node]()
    order = toposort([node])
    for n in order:
        if n is x or any(a in moving for a in n.args):
            moving.add(n)
            if n.type is Type.REAL and n.op not in (*JUMPING, ops.WHERE):
                continue
            raw = n.op in (ops.TREE, ops.PIECEWISE) and all(
                a is x or a not in moving for a in n.args
            )
            if not raw:
                return None
    cuts = cuts_of(order).get(at, np.zeros(0))
    own = [(n, set(cuts_of([n]).get(at, np.zeros(0)).tolist())) for n in order if x in n.args]
    conditions: Conditions = []
    for cut in cuts[(cuts >= lo) & (cuts < hi)].tolist():
        # What does not change here stays the same node, and cancels.
        above = ops.const(float(np.nextafter(cut, np.inf)))
        changed = {
            n: with_args(n, tuple(above if a is x else a for a in n.args))
            for n, mine in own
            if cut in mine
        }
        at_cut = {x: ops.const(cut)}
        ends = [substitute([node], {**at_cut, **new})[0] for new in ({}, changed)]
        rise = ops.lin(0.0, (sign, ends[1]), (-sign, ends[0]))
        conditions.append((cut, ops.less_equal(ops.const(-slack), rise)))
    return conditions
