"""gplearn: genetic programming in Python and scikit-learn's manner; slow, and it has no front."""

from __future__ import annotations

import time
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.discover.engines.reading import node_of
from closedform.errors import MissingExtra
from closedform.ir import Array, Node

NAMES = {
    "add": "add", "sub": "sub", "mul": "mul", "div": "div", "sqrt": "sqrt", "log": "log",
    "sin": "sin", "cos": "cos", "tan": "tan", "abs": "abs", "neg": "neg", "inv": "inv",
    "fmin": "min", "fmax": "max",
}  # fmt: skip
"""Our name of an operator → gplearn's."""
POPULATION, GENERATIONS = 500, 200
BEST = 10
"""So many of the last generation's programs are read."""


def searched(
    columns: Array, values: Array, seconds: float, seed: int, operators: Sequence[str]
) -> list[Node]:
    """Return the best programs of one run, generation by generation until the time is over.

    Arguments as of `engines.pyoperon.searched`.

    Raises:
        MissingExtra: gplearn is not installed.
    """
    try:
        from gplearn.genetic import SymbolicRegressor
    except ImportError as error:
        raise MissingExtra("gplearn", "gplearn", "The engine gplearn") from error

    end = time.perf_counter() + seconds
    model = SymbolicRegressor(
        population_size=POPULATION, generations=1, warm_start=True, random_state=seed,
        parsimony_coefficient=1e-4 * float(np.std(values) or 1.0), metric="rmse",
        function_set=[NAMES[name] for name in operators if name in NAMES],
    )  # fmt: skip
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        for generation in range(1, GENERATIONS + 1):
            model.set_params(generations=generation)
            model.fit(columns, values)
            if time.perf_counter() >= end:
                break
    programs = [p for p in model._programs[-1] if p is not None]
    programs.sort(key=lambda p: (p.raw_fitness_, p.length_))
    return _read(model, programs[:BEST], columns.shape[1])


def _read(model: Any, programs: Sequence[Any], width: int) -> list[Node]:
    from closedform.readers.gplearn import predicted

    found = []
    for program in programs:
        model._program = program
        made = node_of(predicted, model, width)
        if made is not None:
            found.append(unprotected(made))
    return list(dict.fromkeys(found))


def unprotected(root: Node) -> Node:
    """Return a program without gplearn's guards near zero: a law has a / b, not "1 where b is 0".

    What differs by that is told by the error on the rows, as of any law.
    """
    from closedform.ir import rewrite

    def plain(n: Node) -> Node | None:
        return n.args[1] if n.op is ops.WHERE else None

    return rewrite([root], plain)[root]
