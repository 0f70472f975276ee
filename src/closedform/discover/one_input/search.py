"""The search for a law of one input, from the shortest on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from closedform import ops
from closedform.discover.front import CHANCE, Front
from closedform.discover.one_input.columns import Functions, functions_of
from closedform.discover.one_input.quadratics import quadratics
from closedform.discover.one_input.quotients import quotients
from closedform.discover.one_input.waves import waves
from closedform.discover.outputs import View, times_powers, views_of
from closedform.discover.problem import Law, Problem
from closedform.discover.ratios import ratios
from closedform.discover.sample import Sample
from closedform.discover.subsets import Columns, Subset
from closedform.ir import Node, substitute
from closedform.shorten.clock import Clock

GRID = 96
"""Places where a function that can be asked is asked."""
TRIED, ALONE = 16, 48
"""So many of the best starts of a stage are refitted, and of one function alone: where its constant
starts off by an eighth, 1/√(x² + 2.2) + 1 is behind twenty that are only like it."""
MORE = 4
"""After one that fits so many are refitted: one may say the same more shortly; twice as many
where it may be by chance that it fits."""
NOTHING = 0.7
"""With so much noise there is nothing to be found but a constant."""
KEPT = 24
"""Of each view of the function so many pairs are starts."""
LOW, HIGH = 4, 6
"""The degrees of the polynomials in a quotient: first, and at last."""

Start = tuple[View, Columns, Functions, Subset]


def solve(problem: Problem, clock: Clock) -> Iterator[Law]:
    """Yield laws of one input, those first that fit as well as the noise allows, shortest first.

    Sums of at most three functions (powers, waves, exponentials, poles, roots …) and quotients of
    polynomials, of the values or of what they look like through a logarithm, a square, a sine …

    Args:
        problem: with one input; it may be asked or not.
        clock: when it is out, what was found is yielded.
    """
    sample, even = _grid(problem)
    if len(sample) < 3:
        return
    front = Front(problem, sample, clock)
    stages = _Search.of(sample, front, even).stages()
    for stage in stages[:1] if problem.noise > NOTHING else stages:
        if front.after(stage):
            break
    yield from front.written()


def _grid(problem: Problem) -> tuple[Sample, bool]:
    """Return where the function is fitted, and whether these places are at even distances."""
    lo, hi = problem.box[0] if len(problem.rows) else (0.0, 0.0)
    if problem.ask is None or not lo < hi:
        return Sample.of(problem, 300), False
    made = Sample.asked(problem, np.linspace(lo, hi, GRID)[:, None])
    if len(made) < GRID // 3:
        return Sample.of(problem, 300), False
    return made, len(made) == GRID


@dataclass(eq=False)
class _Search:
    """What the stages share: the familiar functions, and the views of the function sought."""

    sample: Sample
    front: Front
    even: bool
    sign: float
    views: list[View]
    scaled: list[View]
    functions: Functions

    @staticmethod
    def of(sample: Sample, front: Front, even: bool) -> _Search:
        y = sample.values
        sign = -1.0 if (y < 0).all() else 1.0
        x = sample.columns[0]
        views, scaled = views_of(sign * y), times_powers(sign * y, x)
        return _Search(sample, front, even, sign, views, scaled, functions_of(x))

    def stages(self) -> Sequence[Callable[[], None]]:
        """Return what is tried, one after the other."""
        coarse = self.functions.some(self.functions.coarse)
        every = [*self.views, *self.scaled]
        return (
            self.constant,
            lambda: self.singles(self.functions.plain, self.views),
            lambda: self.singles(self.functions, every),
            lambda: self.quotients(LOW),
            lambda: self.pairs(self.functions.plain, every),
            self.quadratics,
            self.powers,
            self.waves,
            lambda: self.pairs(coarse, every),
            lambda: self.ratios(self.functions),
            lambda: self.quotients(HIGH),
            lambda: self.triples(coarse),
        )

    def constant(self) -> None:
        """Try a number."""
        self.front.add(ops.const(float(np.median(self.sample.values))), "constant")

    def singles(self, functions: Functions, views: Sequence[View]) -> None:
        """Try a·g(x), then a·g(x) + b."""
        for bias in (False, True):
            starts = []
            for view, columns in self.regressions(functions, views):
                found = columns.singles(bias, functions.kinds)
                starts += [(view, columns, functions, one) for one in found]
            self.try_best(starts, "a function", ALONE)
            if self.front.sure():
                return

    def pairs(self, functions: Functions, views: Sequence[View]) -> None:
        """Try a·g(x) + b·h(x) + c."""
        starts = []
        for view, columns in self.regressions(functions, views):
            if view.output.mixed:
                for bias in (False, True):
                    found = columns.pairs(bias, KEPT, functions.kinds)
                    starts += [(view, columns, functions, one) for one in found]
        self.try_best(starts, "two functions")

    def triples(self, functions: Functions) -> None:
        """Try sums of three, from the best pairs on."""
        starts = []
        for view, columns in self.regressions(functions, self.views):
            if view.output.name in ("itself", "logarithm", "inverse"):
                for bias in (False, True):
                    for pair in columns.pairs(bias, 10, functions.kinds):
                        found = columns.more(pair, 3)
                        starts += [(view, columns, functions, one) for one in found]
        self.try_best(starts, "three functions")

    def ratios(self, functions: Functions) -> None:
        """Try (a·g(x) + b)/(1 + c·h(x))."""
        y, scale = self.sample.values, self.sample.scale
        table, kinds = functions.table, (functions.kinds, functions.kinds)
        for found in ratios(table, table, y, scale, TRIED, kinds):
            top = ops.lin(found.bias, (found.top, functions.node(found.g)))
            bottom = ops.lin(1.0, (found.bottom, functions.node(found.h)))
            self.front.add(ops.div(top, bottom), "a quotient of functions")
            if self.front.sure():
                return

    def quotients(self, degree: int) -> None:
        """Try quotients of polynomials, also inside a root, an exponential or a logarithm."""
        for view in self.views:
            if view.output.name in ("itself", "square", "logarithm", "exponential"):
                for node, made in quotients(self.sample, view, degree, self.front.limit):
                    self.front.add(self.back(view, node), view.name(made))

    def quadratics(self) -> None:
        """Try roots of quadratic equations."""
        for node in quadratics(self.sample, self.front.limit):
            self.front.add(node, "a root of a quadratic equation")

    def waves(self) -> None:
        """Try sums of waves and exponentials, which may be damped."""
        if self.even:
            self.recurrences(self.sample, ops.input_(0), "waves")

    def powers(self) -> None:
        """Try sums of any powers: in log x they are exponentials, 1/r¹² - 1/r⁶ as e⁻¹²ᵗ - e⁻⁶ᵗ."""
        x = ops.input_(0)
        for sample, sign in self.geometric():
            self.recurrences(sample, ops.log(x if sign > 0 else ops.lin(0.0, (sign, x))), "powers")

    def recurrences(self, sample: Sample, inner: Node, made: str) -> None:
        """Try what obeys a recurrence in steps of a function of x."""
        for view in views_of(self.sign * sample.values):
            if view.output.name in ("itself", "inverse", "square"):
                for node in waves(sample, view, self.front.limit):
                    (node,) = substitute([node], {ops.input_(0): inner})
                    self.front.add(self.back(view, node), view.name(made))

    def geometric(self) -> Iterator[tuple[Sample, float]]:
        """Yield a sample at even steps of log|x|, which is its input, with the sign of x."""
        problem = self.front.problem
        lo, hi = problem.box[0]
        if problem.ask is None or not lo * hi > 0 or not lo < hi:
            return
        sign = float(np.sign(lo))
        first, last = sorted((float(np.log(abs(lo))), float(np.log(abs(hi)))))
        steps = np.linspace(first, last, GRID)
        made = Sample.asked(problem, sign * np.exp(steps)[:, None])
        if len(made) == GRID:
            yield Sample([steps], made.values, made.scale), sign

    def regressions(
        self, functions: Functions, views: Sequence[View]
    ) -> Iterator[tuple[View, Columns]]:
        """Yield the regression of each view on some functions."""
        for view in views:
            yield view, Columns(functions.table, view.target, view.weight, self.sample.scale)

    def back(self, view: View, node: Node) -> Node:
        """Return the function from what it looks like."""
        return ops.lin(0.0, (self.sign, view.output.back(node)))

    def order(self, start: Start) -> tuple[int, int, int]:
        """Return what is tried first: what is nearest; of what fits as well, the plainest."""
        view, _, functions, found = start
        plain = int(functions.kinds[list(found.which)].sum())
        return self.front.about(found.error), view.rank, plain

    def try_best(self, starts: list[Start], made: str, most: int = TRIED) -> None:
        """Refit the best of some starts."""
        more = MORE if self.front.problem.noise < CHANCE else 2 * MORE
        for view, columns, functions, found in sorted(starts, key=self.order)[:most]:
            bias, weights = columns.weights(found)
            nodes = [functions.node(i) for i in found.which]
            inner = ops.lin(bias, *zip(weights.tolist(), nodes, strict=True))
            self.front.add(self.back(view, inner), view.name(made))
            more -= self.front.good()
            if not more:
                return
