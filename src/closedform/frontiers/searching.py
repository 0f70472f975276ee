"""All methods on one model, within a time limit; the best so far whenever it ends."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import BadInput, ClosedformError, first_line
from closedform.fitting.constants import count_constants
from closedform.formula import Formula, Step
from closedform.frontiers.choosing import useful
from closedform.frontiers.front import Entry, Frontier
from closedform.frontiers.judging import Judge, Judged, Metric
from closedform.frontiers.limiting import LONGEST, TimeIsOver, as_before, at_latest
from closedform.frontiers.refitting import refits
from closedform.frontiers.subject import Subject
from closedform.frontiers.telling import best_so_far
from closedform.passes import simplify
from closedform.passes.rounding import rounding, significant
from closedform.progress import Wanted, Watch, watching
from closedform.shorten.clock import Clock
from closedform.shorten.methods import METHODS, Method, method
from closedform.shorten.options import refuse_no_formula, seed_of, tolerance_of
from closedform.shorten.teacher import Teacher

METHODS_SHARE = 0.94
"""Of the time, so much is for the methods."""
GRACE = 1.0
"""Seconds for which the step on its way may overrun; then it is cut off."""
DIGITS = (2, 3, 4, 6, 9)
"""Significant digits that the exact formula is rounded to."""
DOUBTFUL = {"rmse": 1e-3, "disagreement": 5e-3}
"""Errors of an exact formula that no rounding explains."""
HUGE = 200_000
"""Symbols: a formula of more is not rounded, since nobody reads it either way."""


def frontier(
    model: Any, X: Any, y: Any = None, *, formula: Formula | None = None,
    tolerance: float | None = None, metric: str | Metric | None = None,
    time_limit: float | None = 60,
    seed: int = 0, methods: Sequence[str] | None = None, progress: Wanted = None,
) -> Frontier:  # fmt: skip
    """Return every useful formula for a model, from exact down to a constant.

    The rows are split: on 60 % formulas are fitted (the model is asked on rows made up from
    these, too), by 20 % the useful ones are chosen, and the errors that are shown come from the
    last 20 %, which no step has seen.

    Args:
        model: anything that `read` reads, a formula, an object with `predict`, or any function of
            the rows.
        X: rows as the model takes them, at least 30.
        y: what was observed on them; the error against it is then measured too, and `best` looks
            at it.
        formula: the model's formula, where it has been read already.
        tolerance: the greatest error against the model that is accepted: `best` is then the
            shortest formula within it.
        metric: "disagreement" (classifiers), "rmse" (as a share of the standard deviation), "mae",
            "max", or a function of (expected, got) that gives an error.
        time_limit: seconds for the whole search, None for no limit; what was found until then is
            returned, and so it is when the search is interrupted (Ctrl-C).
        seed: of everything random; where the time limit ends nothing early, the same seed gives the
            same formulas.
        methods: the names of those to use, of `closedform.shorten.methods.METHODS`; default: all.
        progress: None shows a bar with the best so far in a terminal, and a live table in a
            notebook; True lines with the time elsewhere, too; False nothing; and a function is
            called with one line of text whenever a method has ended.

    Raises:
        BadInput: the rows do not fit the model, are too few, or an option has no meaning.
        UnsupportedModel: it can be neither read nor asked.
    """
    started = time.perf_counter()
    wanted = _checked(methods, formula)
    tolerance = tolerance_of(tolerance)
    seed, clock = seed_of(seed), Clock(time_limit)
    with as_before(), watching(progress, "frontier", clock.left) as watch:
        subject = Subject.of(model, X, y, seed, formula, min(clock.left, LONGEST))
        search = Search(subject, Judge(subject, metric), clock, watch, tolerance)
        search.run(wanted)
    return Frontier.of(
        search.entries, search.judge, tolerance=tolerance, notes=search.notes,
        seconds=time.perf_counter() - started, seed=seed,
    )  # fmt: skip


def _checked(methods: Any, formula: Any) -> list[str]:
    """Return the names of the methods to use; refuse what has no meaning."""
    refuse_no_formula(formula)
    names = [methods] if isinstance(methods, str) else methods
    hint = "Methods: " + ", ".join(METHODS) + "."
    if not (names is None or isinstance(names, Iterable)):
        raise BadInput(f"methods={methods!r} are no names of methods.", hint=hint)
    listed = list(METHODS if names is None else names)
    unknown = [name for name in listed if name not in list(METHODS)]
    if unknown:
        raise BadInput(f"There is no method {unknown[0]!r}.", hint=hint)
    return [name for name in METHODS if name in listed]


@dataclass(eq=False)
class Search:
    """A search on its way.

    Attributes:
        subject: what is shortened.
        judge: how errors are measured.
        clock: how long it may take.
        watch: told what is done, and what was found.
        tolerance: the greatest error that is accepted; None for no such.
        entries: what was found so far.
        notes: what the user should know: methods that failed or were cut short.
        cut, untried: the methods that had too little time, or none.
    """

    subject: Subject
    judge: Judge
    clock: Clock
    watch: Watch
    tolerance: float | None = None
    entries: list[Entry] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    cut: list[str] = field(default_factory=list)
    untried: list[str] = field(default_factory=list)

    def run(self, wanted: Sequence[str]) -> None:
        """Try what is wanted, in order; each gets at most twice its share of the time left."""
        formula, exact = self.subject.formula, self.subject.exact
        self.notes += self.subject.notes
        try:
            self.take("constant", constant(self.subject.teacher))
            if exact:
                self.take("exact", iter([formula]))
                self._doubt_exact()
            # What is left then is for the digits, and for constants fitted to y.
            most = self.clock.at_most(METHODS_SHARE * self.clock.left)
            for done, name in enumerate(wanted):
                share = 2 * most.left / (len(wanted) - done + 1)
                self.watch.at(name, done, len(wanted))
                self._method(name, method(name), most.at_most(share))
            if exact and formula.length <= HUGE:
                self._method("digits", lambda _, clock: _rounded(formula, clock), self.clock)
            self.refit()
        except KeyboardInterrupt:
            if not self.entries:
                raise
            self.notes.append("interrupted: these are the formulas found until then")
        self.note_limits()

    def _method(self, name: str, method_: Method, clock: Clock) -> None:
        before, started = len(self.entries), time.perf_counter()
        if clock.out():
            self.untried.append(name)
            return
        try:
            with at_latest(clock.left + GRACE):
                self.take(name, method_(self.subject.teacher, clock))
        except TimeIsOver:
            pass  # what it has given until then is kept
        except Exception as problem:  # the other methods' formulas are not lost for one that fails
            own = isinstance(problem, ClosedformError)
            kind = "" if own else f"{type(problem).__name__}: "
            self.notes.append(f"{name} stopped: {kind}{first_line(problem)}")
        seconds = time.perf_counter() - started
        if clock.out():
            self.cut.append(name)
        made = len(self.entries) - before
        self.watch.tell(f"{name}: {made} formula{'s' * (made != 1)} in {seconds:.1f} s")

    def refit(self) -> None:
        """Add the useful formulas whose constants say more of y when they are fitted to it."""
        with suppress(TimeIsOver), at_latest(self.clock.left + GRACE):
            for made, name in refits(useful(self.entries), self.judge, self.clock):
                self.entries.append(_entry(made, name, self.judge(made)))

    def take(self, name: str | Callable[[Formula], str], found: Iterator[Formula]) -> None:
        """Judge formulas and keep them, by the name of what made them."""
        for formula in found:
            judged = self.judge(formula)
            told = name(formula) if callable(name) else name
            self.entries.append(_entry(formula, told, judged))
            self.watch.offer(lambda: best_so_far(self.entries, self.tolerance, self.watch))

    def _doubt_exact(self) -> None:
        error, most = self.entries[-1].judged.error, DOUBTFUL.get(self.judge.metric_name, math.inf)
        if error > most:
            self.notes.append(
                f"the exact formula has an error of {error:.3g} against the model itself: it may "
                "be that of another model; formula.verify(model, X) says where they differ"
            )

    def note_limits(self) -> None:
        """Say which methods had too little time, or none."""
        if self.cut:
            self.notes.append("cut short by the time limit: " + ", ".join(self.cut))
        if self.untried:
            self.notes.append("not tried, since the time was over: " + ", ".join(self.untried))


def _entry(formula: Formula, method_: str, judged: Judged) -> Entry:
    return Entry(
        formula, method_, formula.length, count_constants(formula), len(formula.used), judged
    )


def constant(teacher: Teacher) -> Iterator[Formula]:
    """Yield the best formula that looks at nothing: the mean, or the most frequent class."""
    scores = teacher.scores
    middle = scores.mean(axis=0)
    if teacher.classifies:
        full = np.column_stack([np.zeros(len(scores)), scores])
        most = np.bincount(full.argmax(axis=1), minlength=full.shape[1]).argmax()
        others = np.delete(full.mean(axis=0), most)
        middle = full.mean(axis=0)
        middle[most] = max(middle[most], others.max() + 0.01)
        middle = (middle - middle[0])[1:]
    nodes = [ops.const(v) for v in significant(middle.tolist(), 3)]
    yield simplify(teacher.formula_of(nodes, Step("constant", "approx")))


def _rounded(formula: Formula, clock: Clock) -> Iterator[Formula]:
    """Yield the exact formula with fewer digits."""
    for digits in DIGITS:
        if not clock.out():
            yield rounding(formula, digits)
