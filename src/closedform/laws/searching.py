"""Every output's laws: one search after another, or several at a time over joblib."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from closedform import ops
from closedform.discover.choice import Choice, best
from closedform.discover.noise import estimated
from closedform.discover.problem import Law, Problem
from closedform.discover.readable import readable
from closedform.discover.rough import nearest, straight
from closedform.discover.schedule import solve
from closedform.errors import ClosedformError, MissingExtra, first_line
from closedform.fitting import Constants
from closedform.frontiers.limiting import TimeIsOver, as_before, at_latest
from closedform.laws.sought import Sought
from closedform.length import length
from closedform.passes.rounding import significant
from closedform.passes.simplify import simplified
from closedform.progress import Best, Watch
from closedform.shorten.clock import Clock

SHARE = 0.9
"""Of the time of an output, so much is for finding laws; the rest is for choosing one."""
LESS = 0.8
"""What was found on the way is no law: it is taken where it has less than this of their error."""
MORE = 1.25
"""A law so many times the noise away misses something: the noise is known to a tenth."""
DUST, DIGITS, SAME = 1e-9, (2, 3, 4, 6, 12), 1.01
"""What was found on the way loses constants of such a share of the largest, and has the fewest of
these digits, if its error stays so nearly the same."""
GRACE = 1.0
"""Seconds for which a step on its way may overrun; then it is cut off."""


@dataclass(eq=False)
class Found:
    """What the search for one output has found.

    Attributes:
        laws: over the problem's columns, as they came.
        rough: what the search had on its way, near or not.
        chosen: the likeliest of them; None where there was no time to tell.
        noise: of the problem, as given or estimated.
        notes: what the user should know.
        cut: whether the time limit ended it.
        interrupted: whether the user did.
    """

    laws: list[Law] = field(default_factory=list)
    rough: list[Law] = field(default_factory=list)
    chosen: Choice | None = None
    noise: float = 0.0
    notes: list[str] = field(default_factory=list)
    cut: bool = False
    interrupted: bool = False


def searched(
    sought: Sequence[Sought], clock: Clock, options: Mapping[str, Any], jobs: int | None,
    watch: Watch,
) -> list[Found]:  # fmt: skip
    """Return the laws of each output, within the time; what was found when it ends is kept.

    Args:
        sought: the outputs.
        clock: how much time there is for all.
        options: of `solve`; and "estimate": whether the noise is to be estimated.
        jobs: searches at a time; None: 1, or what `joblib.parallel_config` says.
        watch: told of each output, and of its laws.
    """
    found = [Found() for _ in sought]
    # To start workers takes seconds.
    workers = _workers(jobs) if len(sought) > 1 and not clock.out() else 1
    done = (
        _in_parallel(sought, clock, options, jobs, workers, found)
        if workers > 1
        else _in_turn(sought, clock, options, found, watch)
    )
    for i in done:
        watch.tell(f"{sought[i].name}: {len(found[i].laws)} laws")
    if any(some.interrupted or some.cut for some in found):
        for one, some in zip(sought, found, strict=True):
            some.laws = some.laws or at_once(one.problem)
    return found


def at_once(problem: Problem) -> list[Law]:
    """Return what there is of an output that the search never came to."""
    if not problem.inputs or not np.ptp(problem.values):
        return []
    with np.errstate(all="ignore"):
        found = [straight(problem), nearest(problem)]
        return [_plain(problem, law) for law in found if law is not None]


def _plain(problem: Problem, law: Law) -> Law:
    """Return a law that was met on the way in few digits, and without the dust of its fit.

    At once: terms that explain nothing are looked for with time alone.
    """
    constants = Constants([law.node])
    sizes = np.abs(constants.start)
    fine = np.where(sizes > DUST * sizes.max(initial=0.0), constants.start, 0.0)
    for digits in DIGITS:
        (node,) = constants.put(np.array(significant(fine.tolist(), digits)))
        node = simplified([node])[node]
        error = problem.error(node)
        if error <= SAME * law.error + DUST:
            return Law(node, error, law.made)
    return law


def _workers(jobs: int | None) -> int:
    """Return how many searches run at a time; without joblib, one."""
    if jobs in (None, 1) and "joblib" not in sys.modules:
        return 1
    try:
        import joblib
    except ImportError:
        raise MissingExtra("joblib", "discover", f"n_jobs={jobs}") from None
    return int(joblib.effective_n_jobs(jobs))


def _in_turn(
    sought: Sequence[Sought], clock: Clock, options: Mapping[str, Any], found: list[Found],
    watch: Watch,
) -> Iterator[int]:  # fmt: skip
    for i, one in enumerate(sought):
        watch.at(one.name, i, len(sought))
        found[i] = one_search(one, clock.left / (len(sought) - i), options, watch)
        yield i
        if found[i].interrupted:
            return


def _in_parallel(
    sought: Sequence[Sought], clock: Clock, options: Mapping[str, Any], jobs: int | None,
    workers: int, found: list[Found],
) -> Iterator[int]:  # fmt: skip
    import joblib

    seconds = clock.left / math.ceil(len(sought) / workers)
    tasks = (joblib.delayed(_numbered)(i, one, seconds, options) for i, one in enumerate(sought))
    try:
        # One by one, and as they end: of those that have, nothing is lost when others are
        # interrupted.
        made = joblib.Parallel(n_jobs=jobs, return_as="generator_unordered", batch_size=1)(tasks)
        for i, one in made:
            found[i] = one
            yield i
    except KeyboardInterrupt:
        found[-1].interrupted = True


def _numbered(
    number: int, sought: Sought, seconds: float, options: Mapping[str, Any]
) -> tuple[int, Found]:
    return number, one_search(sought, seconds, options)


def one_search(
    sought: Sought, seconds: float, options: Mapping[str, Any], watch: Watch | None = None
) -> Found:
    """Return what is found for one output in some seconds."""
    clock = Clock(None if math.isinf(seconds) else seconds)
    found = Found(noise=sought.problem.noise)
    if not sought.problem.inputs or not np.ptp(sought.problem.values):
        return found
    if clock.out():
        found.cut = True
        return found
    with as_before(), np.errstate(all="ignore"):
        most = clock.at_most(SHARE * clock.left)
        _until(found, most, lambda: _solved(found, sought, most, dict(options), watch))
        if found.cut or found.interrupted:
            found.laws += _better(sought.problem, found.rough, found.laws)
        if not found.interrupted:
            # What was found in all the time there was is worth the seconds to choose from it.
            _until(found, clock, lambda: _choose(found, sought, options.get("seed", 0)))
    return found


def _until(found: Found, clock: Clock, step: Callable[[], None]) -> None:
    """Take a step, at most until the time is over; what was found before it ends is not lost."""
    try:
        with at_latest(clock.left + GRACE):
            step()
    except TimeIsOver:
        found.cut = True
    except KeyboardInterrupt:
        found.interrupted = True
    except Exception as problem:
        kind = "" if isinstance(problem, ClosedformError) else f"{type(problem).__name__}: "
        found.notes.append(f"the search stopped: {kind}{first_line(problem)}")


def _solved(
    found: Found, sought: Sought, clock: Clock, options: dict[str, Any], watch: Watch | None
) -> None:
    problem = sought.problem
    if options.pop("estimate", False) and (problem.ask is not None or problem.observed):
        noise = estimated(problem, sought.y, options.get("seed", 0))
        problem = replace(problem, noise=noise)
        found.noise = noise
    for law in solve(problem, clock, tell=found.rough.append, **options):
        found.laws.append(readable(problem, law))
        if watch is not None:
            watch.offer(lambda: _best_so_far(found))
    found.cut = clock.out()


def _best_so_far(found: Found) -> Best:
    """Return the shortest law that is as near as any, within the noise."""
    near = max(NEAR * min(law.error for law in found.laws), found.noise)
    symbols, error = min((length([w.node]), w.error) for w in found.laws if w.error <= near)
    return Best.of(error, symbols)


def _better(problem: Problem, rough: Sequence[Law], laws: Sequence[Law]) -> list[Law]:
    """Return the nearest of what was found on the way, where that is much nearer than the laws."""
    best = min(rough, key=lambda law: law.error, default=None)
    least = min((law.error for law in laws), default=math.inf)
    if best is None or best.error >= LESS * least:
        return []
    return [_plain(problem, best)]


def _choose(found: Found, sought: Sought, seed: int) -> None:
    problem = sought.problem
    if not problem.observed:
        problem = replace(problem, noise=found.noise)
    found.chosen = best(problem, [constant_of(problem), *found.laws], sought.y, seed)
    if problem.observed and found.noise > problem.noise:
        # What a short law explains is no noise: where rows have a kink, an estimate is too much.
        error = found.chosen.law.error
        found.noise = min(found.noise, error)
        found.notes.append(_of_noise(found.noise, error))


def _of_noise(noise: float, error: float) -> str:
    """Return what the estimate of the noise of rows says of the best law."""
    text = (
        f"the noise of y is estimated at {noise:.2g} of its deviation, by a smooth function "
        "through the rows: no law can come nearer to y"
    )
    if error > MORE * noise:
        text += f"; the best one is {error:.2g} away, so that there is more to be found"
    return text


def constant_of(problem: Problem) -> Law:
    """Return the best law that looks at nothing."""
    made = ops.const(float(problem.values.mean()))
    return Law(made, problem.error(made), "a constant")


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
