"""Every output's laws: one search after another, or several at a time over joblib."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from closedform import ops
from closedform.discover.problem import Law, Problem
from closedform.errors import ClosedformError, first_line
from closedform.frontiers.limiting import TimeIsOver, as_before, at_latest
from closedform.laws.solving import solve
from closedform.laws.sought import Sought
from closedform.length import length
from closedform.shorten.clock import Clock

GRACE = 1.0
"""Seconds for which a step on its way may overrun; then it is cut off."""


@dataclass(eq=False)
class Found:
    """What a search has found.

    Attributes:
        laws: of each output.
        notes: what the user should know.
        cut: whether the time limit ended a search.
        interrupted: whether the user did.
    """

    laws: list[list[Law]]
    notes: list[str] = field(default_factory=list)
    cut: bool = False
    interrupted: bool = False


def searched(
    sought: Sequence[Sought], clock: Clock, options: Mapping[str, Any], jobs: int | None,
    tell: Callable[[str], None],
) -> Found:  # fmt: skip
    """Return the laws of each output, within the time; what was found when it ends is kept.

    Args:
        sought: the outputs.
        clock: how much time there is for all.
        options: of `solve`.
        jobs: searches at a time; None: 1, or what `joblib.parallel_config` says.
        tell: called with a line for each output.
    """
    found = Found([[] for _ in sought])
    workers = _workers(jobs) if len(sought) > 1 else 1
    if workers > 1:
        _in_parallel(sought, clock, options, jobs, workers, found)
    else:
        _in_turn(sought, clock, options, found)
    for one, laws in zip(sought, found.laws, strict=True):
        tell(f"{one.name}: {len(laws)} laws")
    return found


def _workers(jobs: int | None) -> int:
    """Return how many searches run at a time; without joblib, one."""
    if jobs in (None, 1) and "joblib" not in sys.modules:
        return 1
    try:
        import joblib
    except ImportError:
        from closedform.errors import MissingExtra

        raise MissingExtra("joblib", "discover", f"n_jobs={jobs}") from None
    return int(joblib.effective_n_jobs(jobs))


def _in_turn(
    sought: Sequence[Sought], clock: Clock, options: Mapping[str, Any], found: Found
) -> None:
    for i, one in enumerate(sought):
        share = clock.left / (len(sought) - i)
        notes, cut = _solved_into(found.laws[i], one.problem, share, options)
        found.notes += [f"{one.name}: {note}" if len(sought) > 1 else note for note in notes]
        found.cut |= cut
        if notes == [INTERRUPTED]:
            found.interrupted = True
            return


INTERRUPTED = "interrupted: these are the laws found until then"


def _solved_into(
    laws: list[Law], problem: Problem, seconds: float, options: Mapping[str, Any]
) -> tuple[list[str], bool]:
    """Collect the laws of a problem; return notes, and whether its time was over."""
    clock = Clock(None if math.isinf(seconds) else seconds)
    if not problem.inputs or not np.ptp(problem.values):
        laws.append(_constant(problem))
        return [], False
    if clock.out():
        return [], True
    try:
        with as_before(), np.errstate(all="ignore"), at_latest(clock.left + GRACE):
            for law in solve(problem, clock, **options):
                laws.append(law)
    except TimeIsOver:
        return [], True
    except KeyboardInterrupt:
        return [INTERRUPTED], False
    except Exception as problem_:  # what was found before is not lost
        kind = "" if isinstance(problem_, ClosedformError) else f"{type(problem_).__name__}: "
        return [f"the search stopped: {kind}{first_line(problem_)}"], False
    return [], clock.out()


def _constant(problem: Problem) -> Law:
    made = ops.const(float(problem.values.mean()) if len(problem.values) else 0.0)
    return Law(made, problem.error(made), "a constant")


def one_search(
    problem: Problem, seconds: float, options: Mapping[str, Any]
) -> tuple[list[Law], list[str], bool]:
    """Return what a worker has found: laws, notes, and whether its time was over."""
    laws: list[Law] = []
    return laws, *_solved_into(laws, problem, seconds, options)


def _in_parallel(
    sought: Sequence[Sought], clock: Clock, options: Mapping[str, Any], jobs: int | None,
    workers: int, found: Found,
) -> None:  # fmt: skip
    import joblib

    seconds = clock.left / math.ceil(len(sought) / workers)
    tasks = (joblib.delayed(one_search)(one.problem, seconds, options) for one in sought)
    with suppress(KeyboardInterrupt):
        found.interrupted = True
        for i, (laws, notes, cut) in enumerate(
            joblib.Parallel(n_jobs=jobs, return_as="generator")(tasks)
        ):
            found.laws[i] = laws
            found.notes += [f"{sought[i].name}: {note}" for note in notes]
            found.cut |= cut
        found.interrupted = False
    if found.interrupted:
        found.notes.append(INTERRUPTED)


NEAR = 1.1
"""A longer law whose error is up to this share of a shorter one's may be the nearer on others."""
MOST = 50
"""So many laws of an output are judged."""


def worth(laws: Sequence[Law]) -> list[Law]:
    """Return the laws that are not both longer and worse than another, the shortest first."""
    kept: list[Law] = []
    best = math.inf
    seen = set()
    for law in sorted(laws, key=lambda law: (length([law.node]), law.error)):
        if law.node not in seen and law.error < NEAR * best:
            seen.add(law.node)
            kept.append(law)
            best = min(best, law.error)
    if len(kept) <= MOST:
        return kept
    # The nearest ones, and of the others those that stand apart.
    picked = np.unique(np.linspace(0, len(kept) - 1, MOST).astype(int))
    return [kept[i] for i in picked]
