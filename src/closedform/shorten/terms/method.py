"""The method: screen, search, round, and write each sum as a formula."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, combinations
from typing import Any

import numpy as np

from closedform.errors import BadInput
from closedform.formula import Formula, Step
from closedform.ir import Array, Node
from closedform.shorten.clock import Clock
from closedform.shorten.screening import SEEN_TOGETHER, Screening, screened
from closedform.shorten.teacher import CLIP, Teacher
from closedform.shorten.terms.dictionary import ONE, Column
from closedform.shorten.terms.moves import Moves
from closedform.shorten.terms.numerals import product_node, rounded, score_nodes
from closedform.shorten.terms.search import DONE, Search
from closedform.shorten.terms.sums import Curve, Indicator, Rows, Sum, solved
from closedform.shorten.views import View

ROWS = 6_000
MOST_INPUTS, MOST_PAIRS = 20, 20
RULES = 6
"""So many terms of conditions alone."""
WIDE = 3.0
"""A target is also fitted by its logarithm where its greatest value is so many times its least."""
LINEAR = ONE[0]
FAR = 5.0
"""A column whose mean lies so many deviations from 0 is taken from its (rounded) mean."""
REFITS = ("model", "labels", "both")


def terms(
    formula: Formula, X: Any, *, y: Any = None, refit: str = "model", seed: int = 0,
    time_limit: float | None = 20.0, rows: int = ROWS,
) -> list[Formula]:  # fmt: skip
    """Return short sums of terms that say nearly what a model says, shorter ones first.

    The inputs and the pairs of inputs that matter are found by `screen`; then terms are added
    one by one from a dictionary of shapes of one, two and three inputs, and of conditions, and all
    constants are fitted again each time, to the model's own answers at rows like those given.

    Args:
        formula: the model, from `read`.
        X: rows like those that it will meet, at least 10; they need no labels.
        y: what was observed on them.
        refit: what the constants are fitted to in the end: what the "model" says, the "labels"
            y, or "both" to the same part.
        seed: of everything random.
        time_limit: in seconds; what was found until then is returned.
        rows: so many answers of the model are fitted to.

    Returns:
        Formulas with the model's own outputs. The last step of the trail of each says how much of
        the variance of the model's scores it explains, and of a classifier, on which share of
        other rows it gives the same class.

    Raises:
        BadInput: the rows do not fit the formula, are fewer than 10, or y is needed and absent.
    """
    if refit not in REFITS:
        raise BadInput(
            f"Constants cannot be refitted to {refit!r}.", hint="Use " + ", ".join(REFITS) + "."
        )
    if refit != "model" and y is None:
        raise BadInput(f"refit={refit!r} needs the labels.", hint="Give them as y.")
    teacher = Teacher.of(formula, X, y, seed=seed)
    return _front(_formulas(teacher, Clock(time_limit), rows))


def _front(found: Iterable[Formula]) -> list[Formula]:
    """Return the formulas that explain more than every shorter one."""
    kept: list[Formula] = []
    for f in sorted(found, key=lambda f: (f.length, -_explained(f))):
        if not kept or _explained(f) > _explained(kept[-1]):
            kept.append(f)
    return kept


def _explained(formula: Formula) -> float:
    return float(formula.trail[-1].found["explained"])


def formulas(teacher: Teacher, clock: Clock) -> Iterator[Formula]:
    """Yield short sums of terms, as they are found; see `terms`."""
    return _formulas(teacher, clock, ROWS)


def _formulas(teacher: Teacher, clock: Clock, count: int) -> Iterator[Formula]:
    fitting = Fitting.of(teacher, clock, count)
    for write, rows, sums in _searches(fitting, clock):
        seen: set[tuple[Any, ...]] = set()
        for found in sums:
            key = tuple(sorted(t.key for t in found.terms))
            if key not in seen:
                seen.add(key)
                yield write(rounded(found, rows), rows)


Write = Callable[[Sum, Rows], Formula]


def _searches(fitting: Fitting, clock: Clock) -> Iterator[tuple[Write, Rows, Iterator[Sum]]]:
    """Yield how sums are written, what they are fitted to, and the sums of each search."""
    rows = fitting.unclipped
    whole = solved([Curve.of(LINEAR, (i,)) for i in range(len(rows.columns))], rows)
    if whole.loss < DONE:
        search = Search(Moves(rows, shapes=[LINEAR], conditions=False), rows, clock, len(rows.known))
        yield fitting.formula, rows, chain(search.sums(), [whole])
        return
    if fitting.positive:
        rows = fitting.rows(log=True)
        moves = Moves(rows, fitting.pairs, conditions=False)
        yield fitting.exponential, rows, Search(moves, rows, clock).sums()
    rows = fitting.rows()
    search = Search(Moves(rows, fitting.pairs), rows, clock)
    steps: list[bool] = []
    yield fitting.formula, rows, _noting(search.sums(), steps)
    if any(steps):
        moves = Moves(rows, fitting.pairs, shapes=())
        yield fitting.formula, rows, Search(moves, rows, clock, RULES).sums()


def _noting(sums: Iterator[Sum], steps: list[bool]) -> Iterator[Sum]:
    """Yield sums, and note of each whether it has a condition."""
    for found in sums:
        steps.append(any(isinstance(t, Indicator) for t in found.terms))
        yield found


@dataclass(frozen=True, eq=False)
class Fitting:
    """What sums are fitted to: a teacher's answers, and the columns that matter.

    Attributes:
        teacher: the model.
        screening: its inputs and pairs.
        table: the views of the rows, shape (rows, views).
        scores: what the model says there, shape (rows, scores), clipped.
        certain: the same, not clipped.
    """

    teacher: Teacher
    screening: Screening
    table: Array
    scores: Array
    certain: Array

    @classmethod
    def of(cls, teacher: Teacher, clock: Clock, count: int) -> Fitting:
        """Screen the inputs and ask the teacher."""
        screening = screened(teacher, clock)
        sample, scores = teacher.sample(count, seed=3)
        certain = teacher.ask(sample, len(scores))
        return cls(teacher, screening, teacher.design(sample), scores, certain)

    @cached_property
    def relevant(self) -> list[int]:
        """The positions of the views of the inputs that matter."""
        inputs = {self.screening.inputs[i] for i in self.screening.relevant[:MOST_INPUTS]}
        return [i for i, v in enumerate(self.teacher.views) if v.input in inputs]

    @cached_property
    def pairs(self) -> list[tuple[int, int]]:
        """The pairs of positions in `relevant` of which the inputs act together."""
        inputs = self.screening.inputs
        least = SEEN_TOGETHER if self.teacher.classifies else SEEN_TOGETHER / 5
        shares = self.screening.pairs
        order = sorted(shares, key=lambda pair: -shares[pair])
        acting = [pair for pair in order if shares[pair] > least][:MOST_PAIRS]
        together = {frozenset((inputs[i], inputs[j])) for i, j in acting}
        of = [self.teacher.views[i].input for i in self.relevant]
        return [(i, j) for i, j in combinations(range(len(of)), 2)
                if frozenset((of[i], of[j])) in together]  # fmt: skip

    @property
    def positive(self) -> bool:
        """Whether the one score is a positive number over some range."""
        if self.teacher.classifies or self.scores.shape[1] > 1:
            return False
        return bool(0 < WIDE * self._least < self.scores.max())

    @cached_property
    def _least(self) -> float:
        """What is taken for the least of scores that are to be positive: one in fifty is less."""
        return float(np.quantile(self.scores, 0.02))

    @cached_property
    def scale(self) -> Array:
        """What scores are divided by, so that none outweighs the others, shape (scores,)."""
        deviation = self.scores.std(axis=0)
        if self.teacher.classifies or len(deviation) == 1:
            return np.ones(len(deviation))
        return np.asarray(10.0 ** np.round(np.log10(np.where(deviation > 0, deviation, 1.0))))

    @property
    def unclipped(self) -> Rows:
        """All views and the scores themselves as rows to fit to."""
        known, columns = self._columns(list(range(len(self.teacher.views))))
        weight = self.teacher.weights(self.scores)
        return Rows.of(known, columns, self.certain / self.scale, weight)

    def rows(self, *, log: bool = False) -> Rows:
        """Return the relevant views and the scores, or their logarithms, as rows to fit to."""
        known, columns = self._columns(self.relevant)
        if log:
            # An error of log y is one of y itself, as a share of y.
            scores = np.maximum(self.scores, self._least)
            return Rows.of(known, columns, np.log(scores), scores[:, 0] ** 2)
        weight = self.teacher.weights(self.scores)
        most = CLIP if self.teacher.classifies else np.inf
        return Rows.of(known, columns, self.scores / self.scale, weight, most)

    def _columns(self, at: list[int]) -> tuple[list[Column], list[Array]]:
        known = [_column(self.teacher.views[i]) for i in at]
        table = self.table[:, at] - [c.centre for c in known]
        return known, list(np.ascontiguousarray(table.T))

    def formula(self, found: Sum, rows: Rows) -> Formula:
        """Return a sum as a formula."""
        return self._told(score_nodes(found, rows, self.scale), 1 - found.loss)

    def exponential(self, found: Sum, rows: Rows) -> Formula:
        """Return the exponential of a sum as a formula."""
        made = np.exp(rows.target - found.residual)
        lost = float(((self.scores - made) ** 2).mean() / self.scores.var())
        return self._told([product_node(found, rows)], 1 - lost)

    def _told(self, scores: list[Node], explained: float) -> Formula:
        told = {"rows": len(self.table), "explained": round(explained, 6)}
        return self.teacher.formula_of(scores, Step("terms", "approx", {}, told))


def _column(view: View) -> Column:
    centre = 0.0
    if abs(view.mean) > FAR * view.deviation:
        places = -int(np.floor(np.log10(view.deviation)))
        centre = round(view.mean, places)
    return Column(
        view.name, view.input, view.node, centre, view.lo - centre, view.hi - centre,
        view.mean - centre, view.deviation, len(view.levels) == 2,
    )  # fmt: skip
