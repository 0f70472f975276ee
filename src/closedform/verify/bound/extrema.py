"""The least and the greatest value of an output over a box: found, and proven."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Node, Type
from closedform.progress import Wanted, watching
from closedform.verify.bound.difference import Target, greatest
from closedform.verify.bound.named import from_zero, output_of
from closedform.verify.bound.points import point_of, samples
from closedform.verify.bound.proof import METHODS, point_told
from closedform.verify.bound.region import Program, Region, region_of, used_by
from closedform.verify.bound.rounded import up
from closedform.verify.plain import Told


@dataclass(frozen=True)
class Extremum:
    """The least or the greatest value.

    Attributes:
        value: the most extreme one that was found.
        bound: none is beyond it; infinite where nothing could be proven.
        point: the inputs at which it was found, by name.
    """

    value: float
    bound: float
    point: Mapping[str, Any]

    @property
    def gap(self) -> float:
        """How far the true extremum may be beyond what was found."""
        return abs(self.bound - self.value)


@dataclass(frozen=True, repr=False)
class Extrema(Told):
    """The least and the greatest value of an output over a box.

    Attributes:
        output: its name.
        least, greatest: what was found, and what is proven.
        box: the range, or the categories, of each input that matters.
        boxes: how many boxes were bounded.
        seconds: how long it took.
        included: which errors the bounds cover.
        methods: how they were proven.
    """

    output: str
    least: Extremum
    greatest: Extremum
    box: Mapping[str, Any] = field(default_factory=dict)
    boxes: int = 0
    seconds: float = 0.0
    included: tuple[str, ...] = ("the rounding of the program in float64",)
    methods: tuple[str, ...] = METHODS

    @property
    def verdict(self) -> str:
        """One line: what is known."""
        found = f"{self.least.value:.6g} … {self.greatest.value:.6g}"
        if not np.isfinite([self.least.bound, self.greatest.bound]).all():
            return f"{self.output}: found {found}; not proven: it may be infinite, or missing"
        return (
            f"{self.output}: found {found}; proven to be within "
            f"{self.least.bound:.6g} … {self.greatest.bound:.6g}"
        )

    def _notes(self) -> Iterator[str]:
        yield f"least at {point_told(self.least.point)}"
        yield f"greatest at {point_told(self.greatest.point)}"
        if self.box:
            yield "over " + point_told(self.box)
        yield f"{self.boxes:,} boxes in {self.seconds:.2g} s by {', '.join(self.methods)}"
        yield "includes " + ", ".join(self.included)

    def __str__(self) -> str:
        """Return it as compact text; the verdict is its first line."""
        return "\n".join([self.verdict, *(f"  {note}" for note in self._notes())])


@np.errstate(all="ignore")
def extrema(
    formula: Formula, box: Mapping[str, Any] | None = None, *, X: Any = None,
    output: str | None = None, tolerance: float = 0.001, time_limit: float = 10.0, seed: int = 0,
    progress: Wanted = None,
) -> Extrema:  # fmt: skip
    """Return the least and the greatest value of an output over a box.

    The bounds hold of the program at every float64 point of the box, no input being missing.

    Args:
        formula: what is looked at.
        box: for each input by name (lo, hi), a number, or a list of categories.
        X: rows from whose range the rest of the box is taken.
        output: the name of the output; default: the prediction.
        tolerance: how far a bound may lie beyond a value that occurs, as a share of how far the
            output ranges over the box.
        time_limit: seconds, after which the best so far is returned.
        seed: of the points that are tried.
        progress: as of `frontier`.

    Raises:
        BadInput: there is no box, or no such output that is a number.
    """
    start = time.perf_counter()
    from_zero(tolerance=tolerance, time_limit=time_limit)
    name, node = output_of(formula, output, Type.REAL)
    used = sorted(used_by([node]))
    region = region_of(formula.inputs, used, box, X)
    program = Program([node], region.inputs, used)
    sought = _Sought(node, region, used, program, tolerance, seed)
    with watching(progress, "extrema", float(time_limit)) as watch:
        ends = []
        for sign, share, stage in ((-1.0, 0.5, "the least"), (1.0, 1.0, "the greatest")):
            watch.at(stage)
            ends.append(sought.extremum(sign, start + share * time_limit))
    return Extrema(
        name, ends[0][0], ends[1][0], region.describe(), ends[0][1] + ends[1][1],
        time.perf_counter() - start,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Sought:
    """A number over a region."""

    node: Node
    region: Region
    used: list[int]
    program: Program
    tolerance: float
    seed: int

    def extremum(self, sign: float, deadline: float) -> tuple[Extremum, int]:
        """Return the greatest value, or the least of sign −1, and how many boxes that took."""
        lo, hi = self.region.starts(self.used)
        around = sign * self.program(samples(lo, hi, np.random.default_rng(self.seed)))[0]
        # Above the least value the greatest is how far it ranges: that is what a share is of.
        least = float(np.min(around[np.isfinite(around)], initial=np.inf))
        least = least if np.isfinite(least) else 0.0
        target = Target(
            ops.lin(-least, (sign, self.node)), "up",
            lambda points: sign * self.program(points)[0] - least,
        )  # fmt: skip
        found = greatest(
            target, self.region, self.used, {}, deadline=deadline, seed=self.seed, limit=None,
            tolerance=self.tolerance,
        )  # fmt: skip
        value = float(self.program(np.asarray(found.point)[:, None])[0][0])
        bound = float(up(np.asarray(up(np.asarray(found.upper)) + least)))
        point = point_of(found.point, self.region, self.used)
        return Extremum(value, sign * max(bound, sign * value), point), found.boxes
