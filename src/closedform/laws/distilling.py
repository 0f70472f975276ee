"""`distill`: the laws that a model has learned, or that data follow."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np

from closedform import ops
from closedform.discover.operators import checked
from closedform.discover.problem import Problem
from closedform.errors import BadInput
from closedform.formula import Formula, Step
from closedform.frontiers.data_alone import data_alone
from closedform.frontiers.front import Entry, Frontier
from closedform.frontiers.judging import Judge, Metric
from closedform.frontiers.limiting import LONGEST, as_before
from closedform.frontiers.searching import Search, constant
from closedform.frontiers.subject import Subject
from closedform.laws.beyond import beyond
from closedform.laws.entrance import given
from closedform.laws.found import Laws
from closedform.laws.judged import law_formulas, likeliest
from closedform.laws.searching import Found, searched
from closedform.laws.sought import Sought, sought_in
from closedform.laws.units import dimensions_of, in_units
from closedform.progress import Wanted, watching
from closedform.shorten.clock import Clock
from closedform.shorten.options import number, seed_of, tolerance_of
from closedform.shorten.teacher import Teacher

SHARE = 0.9
"""Of the time, so much is for the search; the rest is for measuring, and for fitting to y."""
ENDLESS = 1e150
"""Squares of smaller numbers are numbers. In SI the sun has 2e30 kg."""
KEPT = 2_000
"""So many rows are kept for the uncertainty of constants."""


def distill(
    model: Any, X: Any, y: Any = None, *, operators: Sequence[str] | None = None,
    units: Any = None, time_limit: float | None = 60, n_jobs: int | None = None, seed: int = 0,
    noise: float | None = None, engines: Sequence[str] | None = None,
    tolerance: float | None = None, metric: str | Metric | None = None, outside: float = 0.0,
    progress: Wanted = None,
) -> Laws:  # fmt: skip
    """Return the laws that a model has learned, from a constant to the nearest; `best` is one.

    A model is asked wherever that helps, within the range of each input in `X`. Without a model,
    laws are looked for in the data: what is fitted, and measured against, is then `y`. Of a
    classifier the law is that of the log-odds. The rows are split as by `frontier`: the errors
    that are shown come from rows that no step saw.

    Args:
        model: anything that `read` reads, a formula, an object with `predict`, any function of the
            rows; or None.
        X: rows as the model takes them; the range of each column is where laws are looked for.
        y: what was observed, shape (rows,) or (rows, outputs). With a model: laws are fitted to
            it, too, and errors measured against it.
        operators: the functions that a law may have beside sums, products, quotients and powers, of
            `closedform.laws.OPERATORS`; default: all.
        units: columns → units, as {"m": "kg", "v": "m/s", "y": "J"}: laws that break them are not
            looked for.
        time_limit: seconds for the whole search, None for no limit; what was found until then is
            returned, and so it is when the search is interrupted (Ctrl-C).
        n_jobs: so many outputs at a time, over joblib; None: 1, or what `joblib.parallel_config`
            says, as with a Dask cluster.
        seed: of everything random; where the time limit ends nothing early, the same seed gives
            the same laws.
        noise: the error of the model, root mean square, as a share of the deviation of what it
            says: no law is fitted below it. None: estimated.
        engines: evolutionary searches beside the asking, as ["pyoperon"]; default: those that are
            installed; []: none.
        tolerance, metric: as of `frontier`.
        outside: how far beyond the range of each input the model may be asked, as a share of the
            range, to compare laws with it there; 0: nowhere.
        progress: as of `frontier`; a function is called with one line for each output.

    Raises:
        BadInput: the rows do not fit the model, or an option has no meaning.
        UnsupportedModel: the model can be neither read nor asked.
        MissingExtra: an option needs a package that is not installed.
    """
    started = time.perf_counter()
    options = _options(operators, engines, noise, n_jobs, seed)
    tolerance = tolerance_of(tolerance)
    outside = number("outside", outside, "a number from 0 on, as 0.5")
    clock = Clock(time_limit)
    with as_before(), watching(progress, "laws", clock.left) as watch:
        subject, notes = _subject(model, X, y, int(seed), clock)
        judge = Judge(subject, metric)
        sought = _sought(subject, noise, units)
        search = Search(subject, judge, clock, watch, tolerance)
        search.notes += [*notes, *subject.notes]
        found, best = _searched(search, sought, options, n_jobs)
    front = Frontier.of(
        search.entries, judge, tolerance=tolerance, notes=search.notes,
        seconds=time.perf_counter() - started, seed=int(seed), likeliest=best,
    )  # fmt: skip
    noises = tuple(one.noise for one in found)
    laws = Laws.among(front, problems=_kept(subject, noises), noise=noises)
    if not outside:
        return laws
    try:
        errors, note = beyond(front, sought, outside, int(seed))
    except KeyboardInterrupt:
        errors, note = (), INTERRUPTED
    return replace(laws, outside=errors, notes=(*laws.notes, note))


def _options(
    operators: Any, engines: Any, noise: Any, n_jobs: Any, seed: Any
) -> dict[str, Any]:  # fmt: skip
    """Return the options of a search; refuse what has no meaning."""
    if noise is not None:
        number("noise", noise, "the share of the deviation, as 0.01, or None")
    if n_jobs is not None and (not isinstance(n_jobs, Integral) or not n_jobs):
        raise BadInput(f"n_jobs={n_jobs!r} has no meaning.", hint="Give a whole number, or None.")
    options: dict[str, Any] = {"seed": seed_of(seed), "estimate": noise is None}
    allowed = checked(operators)
    if allowed is not None:
        options["operators"] = allowed
    if engines is not None:
        options["engines"] = _engines([engines] if isinstance(engines, str) else engines)
    return options


def _engines(names: Any) -> list[str]:
    """Return the names of engines, if there are such."""
    from closedform.discover.engines import engine

    if not isinstance(names, Collection):
        raise BadInput(f"engines={names!r} are no names.", hint='As ["pyoperon"], or [].')
    for name in names:
        engine(name)
    return list(names)


def _subject(
    model: Any, X: Any, y: Any, seed: int, clock: Clock
) -> tuple[Subject, tuple[str, ...]]:  # fmt: skip
    told = given(model, X, y, seed)
    if told.model is None:
        return data_alone(told.X, told.y, seed), told.notes
    seconds = min(clock.left, LONGEST)
    subject = Subject.of(told.model, told.X, told.y, seed, told.formula, seconds, ENDLESS)
    return subject, told.notes


def _sought(subject: Subject, noise: float | None, units: Any) -> list[Sought]:
    teacher = subject.teacher
    if units is None:
        return sought_in(subject, noise)
    read = [teacher.features[i] for i in (subject.formula.used if subject.exact
            else range(len(teacher.features)))]  # fmt: skip
    names = list(teacher.task.primary or teacher.task.outputs)
    told, wanted = dimensions_of(units, teacher.features, read, names, teacher.classifies)
    return in_units(sought_in(subject, noise, still=True), told, wanted)


def _searched(
    search: Search, sought: Sequence[Sought], options: dict[str, Any], jobs: int | None
) -> tuple[list[Found], tuple[Entry, str] | None]:
    """Search, and judge what was found, into the entries of a search; return the likeliest."""
    clock = search.clock
    most = clock.at_most(SHARE * clock.left) if math.isfinite(clock.left) else clock
    search.take("constant", _constant(search.subject.teacher))
    found = searched(sought, most, options, jobs, search.watch)
    search.notes += _notes(sought, found)
    try:
        search.take(_made, law_formulas(search.subject.teacher, sought, found, options))
        if search.subject.model is not None and not any(one.interrupted for one in found):
            search.refit()
    except KeyboardInterrupt:
        search.notes.append(INTERRUPTED)
    return found, likeliest(search.entries, sought, found)


INTERRUPTED = "interrupted: these are the laws found until then"
CUT = "cut short by the time limit: more time may find more"


def _made(formula: Formula) -> str:
    return str(formula.trail[-1].found["made"])


def _notes(sought: Sequence[Sought], found: Sequence[Found]) -> list[str]:
    told = [
        f"{one.name}: {note}" if len(sought) > 1 else note
        for one, some in zip(sought, found, strict=True)
        for note in some.notes
    ]
    told += [CUT] * any(some.cut for some in found)
    return told + [INTERRUPTED] * any(some.interrupted for some in found)


def _constant(teacher: Teacher) -> Iterator[Formula]:
    """Yield the best formula that looks at nothing; of a constant model, what it says."""
    scores = teacher.scores
    if teacher.classifies or np.ptp(scores, axis=0).any():
        yield from constant(teacher)
        return
    nodes = [ops.const(v) for v in scores[0].tolist()]
    yield teacher.formula_of(nodes, Step("constant", "approx"))


def _kept(subject: Subject, noises: Sequence[float]) -> tuple[Problem, ...]:
    """Return each output over all inputs, on some of the rows."""
    teacher = subject.teacher
    picked = np.random.default_rng([teacher.seed, 25]).permutation(teacher.rows)[:KEPT]
    rows = np.column_stack([c[picked].astype(float) for c in teacher.inputs])
    scores = teacher.scores[picked]
    return tuple(Problem(rows, scores[:, k], None, noise) for k, noise in enumerate(noises))
