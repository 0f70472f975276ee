"""Which module drives which engine; nothing is imported before it is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from typing import Any

from closedform.discover.engines.rounds import rounds
from closedform.discover.problem import Law, Problem
from closedform.errors import BadInput
from closedform.ir import Node
from closedform.shorten.clock import Clock

ENGINES: dict[str, str] = {
    "pyoperon": "closedform.discover.engines.pyoperon",
    "gplearn": "closedform.discover.engines.gplearn",
    "pysr": "closedform.discover.engines.pysr",
}
"""Engine → the module with its `searched(columns, values, seconds, seed, operators)`: columns and
values as arrays → nodes over the columns, simple ones and accurate ones."""

OPERATORS = ("add", "sub", "mul", "div", "sqrt", "square", "exp", "log", "sin", "cos", "asin")
"""What laws are made of unless told otherwise, by names that every engine knows or leaves out."""


def engines() -> tuple[str, ...]:
    """Return the names of all engines, those of installed plugins included."""
    from importlib.metadata import entry_points  # 20 ms, and rarely needed

    return (*ENGINES, *(e.name for e in entry_points(group="closedform.engines")))


def engine(name: str) -> Callable[..., list[Node]]:
    """Return the `searched` of an engine.

    Raises:
        BadInput: there is no such engine.
    """
    from importlib.metadata import entry_points

    if name in ENGINES:
        return _searched(import_module(ENGINES[name]))
    for found in entry_points(group="closedform.engines", name=str(name)):
        return _searched(found.load())
    raise BadInput(
        f"There is no engine {name!r}.", hint=f"These are known: {', '.join(engines())}."
    )


def _searched(module: Any) -> Callable[..., list[Node]]:
    searched: Callable[..., list[Node]] = getattr(module, "searched", module)
    return searched


def solve(
    problem: Problem, clock: Clock, *, name: str = "pyoperon", seeds: Sequence[Node] = (),
    operators: Sequence[str] | None = None, seed: int = 0,
) -> Iterator[Law]:  # fmt: skip
    """Yield laws that an engine finds, every one refitted on all rows.

    It is started again and again on few rows, chosen where its formulas differ, until the time is
    over.

    Args:
        problem: what is looked for.
        clock: when to stop.
        name: of the engine.
        seeds: parts that the law may have: each is a further column.
        operators: names out of `OPERATORS` and what else the engine knows.
        seed: of everything random.

    Raises:
        BadInput: there is no such engine.
        MissingExtra: its package is not installed.
    """
    chosen = OPERATORS if operators is None else tuple(operators)
    return rounds(problem, clock, engine(name), name, list(seeds), chosen, seed)
