"""PyOperon: the engine that is embedded, a wheel with a Pareto front and fitted constants."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform.discover.engines.reading import node_of
from closedform.errors import MissingExtra
from closedform.ir import Array, Node

ENDLESS = 2**31 - 1
FEW = 300
"""Up to so many rows ten steps for the constants of each formula, above three."""
SETTINGS: dict[str, Any] = {
    "population_size": 1000,
    "pool_size": 1000,
    "max_length": 20,  # 30 was worse
    "objectives": ["r2", "length"],
    "epsilon": 1e-9,
    "tournament_size": 5,
    "generations": ENDLESS,
    "max_evaluations": ENDLESS,
    "n_threads": 1,  # a run is repeatable with one alone
}
"""What found most of 32 laws in ten seconds: 13, where the usual settings found 9."""

KNOWN = {
    "add", "sub", "mul", "div", "sqrt", "square", "exp", "log", "sin", "cos", "asin", "acos",
    "atan", "tan", "tanh", "sinh", "cosh", "abs", "cbrt", "aq", "pow", "fmin", "fmax",
}  # fmt: skip


def searched(
    columns: Array, values: Array, seconds: float, seed: int, operators: Sequence[str]
) -> list[Node]:
    """Return the front of one run, the most accurate first, over the columns as inputs.

    Args:
        columns: shape (rows, columns).
        values: shape (rows,).
        seconds: how long; PyOperon counts whole seconds.
        seed: of the run.
        operators: those that PyOperon does not know are left out.

    Raises:
        MissingExtra: pyoperon is not installed.
    """
    try:
        from pyoperon.sklearn import SymbolicRegressor
    except ImportError as error:
        raise MissingExtra("pyoperon", "pyoperon", "The engine pyoperon") from error
    from closedform.readers.pyoperon import predicted

    symbols = [name for name in operators if name in KNOWN]
    model = SymbolicRegressor(
        allowed_symbols=",".join([*symbols, "constant", "variable"]),
        optimizer_iterations=10 if len(values) <= FEW else 3,
        max_time=max(1, math.ceil(seconds - 0.5)),
        random_state=seed,
        **SETTINGS,
    )
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        try:
            model.fit(columns, values)
        except (RuntimeError, ValueError, FloatingPointError):
            return []  # a constant column or values without a spread: there is nothing to search
        front = sorted(model.pareto_front_, key=lambda one: float(one["mean_squared_error"]))
        found = []
        for one in front:
            model.model_ = one["tree"]
            found.append(node_of(predicted, model, columns.shape[1]))
    return [n for n in found if n is not None]
