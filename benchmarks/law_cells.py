"""What `laws.py` measures, in pieces that run by themselves: what is asked, who seeks, which law.

A cell is named by its words, as "network closedform I.8.14 0".
"""

from __future__ import annotations

import contextlib
import signal
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest import mock

import numpy as np
from driving import Cell, Record
from equations import OF_FEYNMAN
from further_equations import KNOWN, SETS
from law_constants import Function
from law_oracles import KINDS, Asked, asked_of
from law_peers import PEERS, Rows
from same_law import Verdict, expression_of, same_law

HELD_OUT = 0.25
"""Of its rows a peer's front is judged on: none of them chooses by itself."""
NEAR, NEAREST = 1.05, 1e-5
"""Of a front the shortest is chosen whose error is so near the least, or so small."""
DUST = 1e-6
EXPLAINED = 5.0
"""An offset of so many deviations of the mean of the noise is left out of what a peer says."""
LOOKED_AT = 12
"""Of a front, so many, the nearest, are compared with the truth."""
EACH = 5.0


def all_cells(seeds: Sequence[int], which: Sequence[str] = ("listed",)) -> list[Cell]:
    """Return the cells of these seeds and sets of equations, what matters most first."""
    made = []
    for kind in KINDS:
        sets = SETS | {"listed": OF_FEYNMAN} if kind == "network" else SETS
        names = [name for one in which for name in sets[one]]
        for who in seekers(kind):
            made += [(kind, who, name, str(seed)) for seed in seeds for name in names]
    return made


def seekers(kind: str) -> list[str]:
    """Return who seeks a law from this: peers cannot ask."""
    if kind.startswith("data"):
        return ["closedform", *PEERS]
    return ["closedform", "pyoperon"] if kind == "network" else ["closedform"]


# --- who seeks ----------------------------------------------------------------------------------


Front = tuple[list[Any], int]
"""Formulas, and which of them is chosen."""


def distilled(asked: Asked, limit: float, seed: int) -> Front:
    """Seek by `cf.distill`; its own choice. It is told how far a perturbed law is off."""
    from closedform.laws import distill

    values = None if asked.model is not None else asked.values
    noise = asked.error if asked.told else None
    laws = distill(asked.model, asked.rows, values, time_limit=limit, seed=seed, noise=noise)
    front = list(laws)
    return front, next(i for i, formula in enumerate(front) if formula is laws.best)


def searched(asked: Asked, limit: float, seed: int) -> Front:
    """Seek by what `cf.distill` asks inside, told the error; the shortest that is as near."""
    from closedform.discover import problem, search
    from closedform.length import length
    from closedform.shorten.clock import Clock

    given = problem.Problem(asked.rows, asked.values, asked.ask, asked.error)
    laws = list(search.solve(given, Clock(limit)))
    least = min((law.error for law in laws), default=0.0)
    enough = max(2 * least, 1.5 * asked.error, 1e-10)
    near = [i for i, law in enumerate(laws) if law.error <= enough]
    best = min(near, key=lambda i: length([laws[i].node]), default=0)
    return [law.node for law in laws], best


def peer(name: str) -> Callable[[Asked, float, int], Front]:
    """Seek by another package; the choice is the shortest of the nearest on rows held out."""

    def sought(asked: Asked, limit: float, seed: int) -> Front:
        cut = int((1 - HELD_OUT) * len(asked.rows))
        noisy = asked.model is None and asked.error > 0
        rows = Rows(asked.rows[:cut], asked.values[:cut], noisy, limit, seed)
        made = [expression_of(one, len(asked.truth.inputs)) for one in PEERS[name](rows)]
        explained = EXPLAINED * asked.error / np.sqrt(cut) if noisy else 0.0
        least = max(DUST, explained) * float(asked.values.std())
        found = [without_dust(one, least) for one in made]
        errors = [error_of(one, asked, slice(cut, None)) for one in found]
        enough = max(NEAR * min(errors, default=0.0), NEAREST)
        near = [i for i, error in enumerate(errors) if error <= enough]
        return found, min(near, key=lambda i: found[i].count_ops(), default=0)

    return sought


def without_dust(expression: Any, least: float) -> Any:
    """Return a sum without numbers below `least`, and without a factor that is 1 but for rounding.

    PyOperon scales what it found to the rows, in float32, which leaves both.
    """
    import sympy

    kept = [term for term in sympy.Add.make_args(expression) if not (
        isinstance(term, sympy.Float) and abs(term) < least)]  # fmt: skip
    if len(kept) == 1:
        factors = sympy.Mul.make_args(kept[0])
        kept = [sympy.Mul(*(f for f in factors if not _is_one(f)))]
    return sympy.Add(*kept)


def _is_one(factor: Any) -> bool:
    return bool(factor.is_Float) and abs(float(factor) - 1) < DUST


def error_of(expression: Any, asked: Asked, some: slice) -> float:
    """Return the root mean square of an expression on some rows, by deviation."""
    value = Function(expression, (), len(asked.truth.inputs)).compiled(expression)
    with np.errstate(all="ignore"):
        away = (value(asked.rows[some], [])[0] - asked.values[some]) / asked.values.std()
        error = float(np.sqrt(np.mean(away**2)))
    return error if np.isfinite(error) else float("inf")


SEEKERS: dict[str, Callable[[Asked, float, int], Front]] = {
    "closedform": distilled, "search": searched, **{name: peer(name) for name in PEERS},
}  # fmt: skip


@contextlib.contextmanager
def in_cpu_time() -> Iterator[None]:
    """Let the clock of a search count CPU seconds: a busy machine costs it nothing, as the peers.

    Engines that a search calls keep to the wall, and lose by it.
    """
    from closedform.frontiers import limiting
    from closedform.shorten import clock

    counted = SimpleNamespace(perf_counter=time.process_time)
    alarm = SimpleNamespace(
        signal=signal.signal, setitimer=signal.setitimer, getitimer=signal.getitimer,
        SIGALRM=signal.SIGPROF, ITIMER_REAL=signal.ITIMER_PROF,
    )  # fmt: skip
    with mock.patch.object(clock, "time", counted), mock.patch.object(limiting, "signal", alarm):
        yield


# --- one cell -----------------------------------------------------------------------------------


def measure(cell: Cell, limit: float, kept: Path) -> Iterator[Record]:
    """Yield the record of a cell.

    Args:
        cell: its words: what is asked, who seeks, which law, and a seed.
        limit: seconds for the search.
        kept: a folder for trained networks.
    """
    warnings.simplefilter("ignore")  # of peers, on their own dependencies
    kind, who, name, seed = cell
    asked = asked_of(KNOWN[name], kind, int(seed), kept)
    told = {"kind": kind, "who": who, "equation": name, "seed": int(seed), "noise": asked.error}
    started, began = time.process_time(), time.perf_counter()
    with in_cpu_time():
        front, best = SEEKERS[who](asked, limit, int(seed))
    spent = {
        "seconds": round(time.process_time() - started, 3),
        "wall": round(time.perf_counter() - began, 3), "asked": asked.asked, "found": len(front),
    }  # fmt: skip
    yield told | spent | judged(asked, front, best)


def judged(asked: Asked, front: Sequence[Any], best: int) -> Record:
    """Return what the chosen formula is to the truth, and whether another on the front is it."""
    if not front:
        return Verdict(why="nothing found").record() | {"formula": "", "anywhere": False}
    expressions = [expression_of(one, len(asked.truth.inputs)) for one in front]
    verdict = same_law(asked.truth, expressions[best], asked.tolerance)
    order = sorted(range(len(front)), key=lambda i: error_of(expressions[i], asked, slice(None)))
    anywhere = verdict.same or any(
        same_law(asked.truth, expressions[i], asked.tolerance, EACH).same
        for i in order[:LOOKED_AT] if i != best
    )  # fmt: skip
    text = str(expressions[best].evalf(8))
    return verdict.record() | {"formula": text[:500], "anywhere": anywhere}
