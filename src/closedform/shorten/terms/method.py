"""The method: screen, search, round, and write each sum as a formula."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain, combinations
from types import MappingProxyType
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import BadInput
from closedform.evaluate import compute
from closedform.formula import Formula, Step
from closedform.ir import Array, Node
from closedform.progress import Wanted
from closedform.shorten.clock import Clock
from closedform.shorten.gathering import gathered
from closedform.shorten.options import whole
from closedform.shorten.screening import SEEN_TOGETHER, Screening, screened
from closedform.shorten.teacher import CLIP, Teacher
from closedform.shorten.terms.dictionary import LINE, OF_LOGARITHMS
from closedform.shorten.terms.logarithms import plain_powers, polished
from closedform.shorten.terms.moves import Moves
from closedform.shorten.terms.numerals import product_node, rounded, score_nodes
from closedform.shorten.terms.refit import Observed
from closedform.shorten.terms.search import DONE, Search
from closedform.shorten.terms.shapes import Column
from closedform.shorten.terms.sums import Curve, Indicator, Rows, Sum, solved, table_of, weighed
from closedform.shorten.views import View

ROWS = 4_000
OTHERS = 2_000
"""Rows that nothing is fitted to, on which agreement is measured."""
MOST_INPUTS, MOST_PAIRS = 20, 20
PART = 0.06
"""A pair acts together that makes so much of what one of its inputs does."""
MOST_LINEAR = 40
"""Of a linear model, so many terms: with more, the model itself is the formula."""
LOGARITHMIC, RULES = 6, 6
"""So many terms of a logarithm, and of conditions alone."""
LONG = 5
"""A sum of so many terms of one column each that is far behind will not catch up."""
WIDE = 2.0
"""A target is also fitted by its logarithm where its greatest value is so many times its least."""
FAR, TOO_FAR = 5.0, 50.0
"""A column whose mean lies so many deviations from 0 is taken from its (rounded) mean.

Up to the second number it is there as it is, too: body mass, mass over the square of height, is
of such columns, and temperature in kelvin; of years no ratio means anything.
"""
REFITS = ("model", "labels", "both")


def terms(
    formula: Formula, X: Any, *, y: Any = None, refit: str = "model", seed: int = 0,
    time_limit: float | None = 20.0, rows: int = ROWS, progress: Wanted = None,
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
        time_limit: in seconds; what was found until then is returned, and so it is when the search
            is interrupted (Ctrl-C).
        rows: so many answers of the model are fitted to.
        progress: as of `frontier`.

    Returns:
        Formulas with the model's own outputs. The last step of the trail of each says how much of
        the variance of the model's scores it explains, and of a classifier, on which share of
        other rows it gives the same class; after a refit also the error that was made small.

    Raises:
        BadInput: the rows do not fit the formula or are fewer than 10, y is needed and absent, or
            not as long, or an option has no meaning.
    """
    if refit not in REFITS:
        raise BadInput(
            f"Constants cannot be refitted to {refit!r}.", hint="Use " + ", ".join(REFITS) + "."
        )
    if refit != "model" and y is None:
        raise BadInput(f"refit={refit!r} needs the labels.", hint="Give them as y.")
    rows = whole("rows", rows, 10)
    teacher = Teacher.of(formula, X, y, seed=seed)
    clock = Clock(time_limit)
    return _front(gathered(_formulas(teacher, clock, rows, refit), clock, "terms", progress))


def _front(every: Sequence[Formula]) -> list[Formula]:
    """Return the formulas that explain more than every shorter one."""
    kept: list[Formula] = []
    for f in sorted(every, key=lambda f: (f.length, -_explained(f))):
        if not kept or _explained(f) > _explained(kept[-1]):
            kept.append(f)
    return kept


def _explained(formula: Formula) -> float:
    """Return how well a formula fits what its constants were fitted to, greater being better."""
    found = formula.trail[-1].found
    return float(-found["error on y"] if "error on y" in found else found["explained"])


def formulas(teacher: Teacher, clock: Clock) -> Iterator[Formula]:
    """Yield short sums of terms, as they are found; see `terms`."""
    return _formulas(teacher, clock, ROWS, "model")


def _formulas(teacher: Teacher, clock: Clock, count: int, refit: str) -> Iterator[Formula]:
    fitting = Fitting.of(teacher, clock, count)
    for search in _searches(fitting, clock, logarithms=refit == "model"):
        seen: set[tuple[Any, ...]] = set()
        observed = None if refit == "model" else fitting.observed(search.at, refit)
        for found in search.sums:
            key = tuple(sorted(t.key for t in found.terms))
            if key not in seen:
                seen.add(key)
                made = fitting.formula(found, search, observed)
                if np.isfinite(_explained(made)):
                    yield made


@dataclass(frozen=True)
class Part:
    """One search: what it fits to, and the sums that it finds.

    Attributes:
        at: the positions of its views.
        rows: what its sums are fitted to.
        sums: the sums, as they are found.
        log: whether their exponential is what is looked for.
    """

    at: list[int]
    rows: Rows
    sums: Iterator[Sum]
    log: bool = False


def _searches(fitting: Fitting, clock: Clock, *, logarithms: bool) -> Iterator[Part]:
    every = list(range(len(fitting.teacher.views)))
    rows = fitting.rows(every, clipped=False)
    whole = solved([Curve.of(LINE, (i,)) for i in every], rows)
    if whole.loss < DONE:
        moves = Moves(rows, shapes=[LINE], conditions=False)
        some = Search(moves, rows, clock, min(len(every), MOST_LINEAR)).sums()
        yield Part(every, rows, chain(some, [whole] if len(every) <= MOST_LINEAR else []))
        return
    at, seen = fitting.relevant, _Seen()
    if logarithms and fitting.positive:
        rows = fitting.logarithms(at)
        moves = Moves(rows, fitting.pairs, shapes=OF_LOGARITHMS, conditions=False)
        search = Search(moves, rows, clock, LOGARITHMIC)
        yield Part(at, rows, seen.all(search.sums()), log=True)
    if seen.done:
        return
    rows = fitting.rows(at)
    moves = Moves(rows, fitting.pairs)
    yield Part(at, rows, seen.all(Search(moves, rows, clock).sums()))
    if seen.pairs and not seen.done:
        yield Part(at, rows, _one_by_one(moves, clock, seen))
    if seen.conditions:
        moves = Moves(rows, fitting.pairs, shapes=())
        yield Part(at, rows, Search(moves, rows, clock, RULES).sums())


@dataclass
class _Seen:
    """What the sums so far have: conditions, terms of several columns, nothing left to explain."""

    conditions: bool = False
    pairs: bool = False
    done: bool = False
    losses: list[tuple[int, float]] = field(default_factory=list)

    def beats(self, found: Sum) -> bool:
        """Tell whether a sum of many terms leaves far more than one with no more constants did."""
        far = any(n <= found.constants and 3 * loss < found.loss for n, loss in self.losses)
        return far and len(found.terms) >= LONG

    def all(self, sums: Iterator[Sum]) -> Iterator[Sum]:
        for found in sums:
            self.conditions |= any(isinstance(t, Indicator) for t in found.terms)
            self.pairs |= any(isinstance(t, Curve) and len(t.at) > 1 for t in found.terms)
            self.done |= found.loss < DONE
            self.losses.append((found.constants, found.loss))
            yield found


def _one_by_one(moves: Moves, clock: Clock, seen: _Seen) -> Iterator[Sum]:
    """Yield sums whose terms read one column each, as long as such terms help, then any.

    A product that is taken early can stand for two effects that have nothing to do with each other.
    """
    found = None
    for found in Search(Moves(moves.rows), moves.rows, clock).sums():
        yield found
        if seen.beats(found):
            return
    if found is not None:
        yield from Search(moves, moves.rows, clock).sums(found.terms)


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
        screening = screened(teacher, clock.at_most(clock.left / 3))
        sample, scores = teacher.sample(count, seed=3)
        certain = teacher.ask(sample, len(scores))
        return cls(teacher, screening, teacher.design(sample), scores, certain)

    @cached_property
    def relevant(self) -> list[int]:
        """The positions of the views of the inputs that matter; of some, a second time: as raw."""
        inputs = {self.screening.inputs[i] for i in self.screening.relevant[:MOST_INPUTS]}
        found = [i for i, v in enumerate(self.teacher.views) if v.input in inputs]
        return found + [i for i in found if _has_ratio(self.teacher.views[i])]

    @cached_property
    def pairs(self) -> list[tuple[int, int]]:
        """The pairs of positions in `relevant` of which the inputs act together."""
        inputs = self.screening.inputs
        least = SEEN_TOGETHER / (1 if self.teacher.classifies else 2 if self._of_trees else 5)
        shares, total = self.screening.pairs, self.screening.total
        # Of a weak input, most may come from a pair: 13 % where there is one, at most 3 % else.
        part = np.inf if self.teacher.classifies else PART
        order = sorted(shares, key=lambda pair: -shares[pair])
        weaker = {(i, j): min(total[i], total[j]) for i, j in order}
        acting = [p for p in order if shares[p] > min(least, part * weaker[p])][:MOST_PAIRS]
        together = {frozenset((inputs[i], inputs[j])) for i, j in acting}
        of = [self.teacher.views[i].input for i in self.relevant]
        return [(i, j) for i, j in combinations(range(len(of)), 2)
                if frozenset((of[i], of[j])) in together]  # fmt: skip

    @property
    def _of_trees(self) -> bool:
        """Whether the model is made of trees, which see a little of every pair."""
        model = self.teacher.formula
        return model is not None and any(n.op is ops.TREE for n in model.nodes)

    @property
    def positive(self) -> bool:
        """Whether the one score is a positive number over some range."""
        if self.teacher.classifies or self.scores.shape[1] > 1:
            return False
        return bool(0 < WIDE * self._least < self.scores.max())

    @cached_property
    def _least(self) -> float:
        """The least score; where that is not positive, one that nineteen in twenty exceed."""
        least = float(self.scores.min())
        return least if least > 0 else float(np.quantile(self.scores, 0.05))

    @cached_property
    def scale(self) -> Array:
        """What scores are divided by, so that none outweighs the others, shape (scores,)."""
        deviation = self.scores.std(axis=0)
        if self.teacher.classifies or len(deviation) == 1:
            return np.ones(len(deviation))
        return np.asarray(10.0 ** np.round(np.log10(np.where(deviation > 0, deviation, 1.0))))

    def rows(self, at: list[int], *, clipped: bool = True) -> Rows:
        """Return some views and the scores as rows to fit to."""
        known, columns = self._columns(at, self.table)
        weight = self.teacher.weights(self.scores)
        if not clipped:
            return Rows.of(known, columns, self.certain / self.scale, weight)
        most = CLIP if self.teacher.classifies else np.inf
        return Rows.of(known, columns, self.scores / self.scale, weight, most)

    def logarithms(self, at: list[int]) -> Rows:
        """Return some views and the logarithm of the score as rows to fit to."""
        scores = np.maximum(self.scores, self._least)
        # An error of log y is one of y itself, as a share of y.
        return Rows.of(*self._columns(at, self.table), np.log(scores), scores[:, 0] ** 2)

    def observed(self, at: list[int], how: str) -> Observed:
        """Return the labels, as what constants are refitted to."""
        teacher = self.teacher
        columns = self._columns(at, teacher.design())
        rows = Rows.of(*columns, teacher.scores / self.scale, np.ones(teacher.rows))
        return Observed(teacher, rows, self.scale, how)

    def _columns(self, at: list[int], table: Array) -> tuple[list[Column], list[Array]]:
        # What stands there a second time is taken as it is.
        known = [_column(self.teacher.views[i], i in at[:k]) for k, i in enumerate(at)]
        return known, list(np.ascontiguousarray((table[:, at] - [c.centre for c in known]).T))

    def formula(self, found: Sum, part: Part, observed: Observed | None) -> Formula:
        """Return a sum as a formula."""
        if part.log:
            return self._exponential(*polished(found, part.rows, self.scores))
        rows = part.rows
        if observed is not None:
            found, rows = observed.refitted(found)
        short = rounded(found, rows)
        told = weighed(short.terms, short.outer, part.rows, table_of(short.terms, part.rows))
        on_labels = {} if observed is None else {"error on y": observed.error(short)}
        return self._told(score_nodes(short, rows, self.scale), 1 - told.loss, on_labels)

    def _exponential(self, found: Sum, rows: Rows) -> Formula:
        found, kept = plain_powers(found, rows)
        inside = any(t.theta for t in found.terms)
        found = rounded(found, rows, () if inside else kept)
        with np.errstate(all="ignore"):
            made = np.exp(table_of(found.terms, rows) @ found.outer)
        lost = float(((self.scores - made) ** 2).mean() / self.scores.var())
        return self._told([product_node(found, rows)], 1 - lost)

    def _told(
        self, scores: list[Node], explained: float, more: Mapping[str, float] = MappingProxyType({})
    ) -> Formula:
        told = {"rows": len(self.table), "explained": round(explained, 6), **more}
        if self.teacher.classifies:
            told["agreement"] = self._agreement(scores)
        return self.teacher.formula_of(scores, Step("terms", "approx", {}, told))

    @cached_property
    def _others(self) -> tuple[tuple[Array, ...], Array]:
        return self.teacher.sample(OTHERS, seed=4)

    def _agreement(self, scores: list[Node]) -> float:
        """Return the share of other rows on which scores give the model's class."""
        inputs, said = self._others
        got = np.column_stack(compute(scores, inputs, len(said)))
        first = np.zeros((len(said), 1))
        same = [np.hstack([first, s]).argmax(axis=1) for s in (said, got)]
        return float((same[0] == same[1]).mean())


def _has_ratio(view: View) -> bool:
    """Tell whether a view lies far from 0, on one side, and not too far."""
    far = FAR * view.deviation < abs(view.mean) < TOO_FAR * view.deviation
    return far and not view.indicator and (view.lo > 0 or view.hi < 0)


def _column(view: View, raw: bool = False) -> Column:
    centre = 0.0
    if abs(view.mean) > FAR * view.deviation and not (raw or view.indicator):
        places = -int(np.floor(np.log10(view.deviation)))
        centre = round(view.mean, places)
    return Column(
        view.name, view.input, view.node, centre, view.lo - centre, view.hi - centre,
        view.mean - centre, view.deviation, len(view.levels) == 2, raw,
    )  # fmt: skip
