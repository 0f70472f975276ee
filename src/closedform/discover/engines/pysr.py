"""PySR: symbolic regression in Julia, for those who have it installed."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from closedform.discover.engines.reading import node_of
from closedform.errors import MissingExtra
from closedform.ir import Array, Node

BINARY = {"add": "+", "sub": "-", "mul": "*", "div": "/", "pow": "^"}
UNARY = {
    "sqrt": "sqrt", "square": "square", "exp": "exp", "log": "log", "sin": "sin", "cos": "cos",
    "asin": "asin", "acos": "acos", "atan": "atan", "tan": "tan", "tanh": "tanh", "abs": "abs",
}  # fmt: skip
"""Our name of an operator → PySR's."""
LONGEST = 25


def searched(
    columns: Array, values: Array, seconds: float, seed: int, operators: Sequence[str]
) -> list[Node]:
    """Return the hall of fame of one run, the most accurate first.

    Arguments as of `engines.pyoperon.searched`.

    Raises:
        MissingExtra: pysr is not installed.
    """
    try:
        from pysr import PySRRegressor
    except ImportError as error:
        raise MissingExtra("pysr", "pysr", "The engine pysr") from error

    model = PySRRegressor(
        binary_operators=[BINARY[name] for name in operators if name in BINARY],
        unary_operators=[UNARY[name] for name in operators if name in UNARY],
        maxsize=LONGEST, niterations=1_000_000, timeout_in_seconds=max(1, int(seconds)),
        random_state=seed, deterministic=True, parallelism="serial", progress=False, verbosity=0,
        temp_equation_file=True, model_selection="accuracy",
    )  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(columns, values)
    return _read(model, columns.shape[1])


def _read(model: Any, width: int) -> list[Node]:
    """Return each equation of a fitted regressor, by the reader of regressors."""
    from closedform.readers.pysr import predicted

    whole, found = model.equations_, []
    for i in reversed(range(len(whole))):
        model.equations_ = whole.iloc[[i]]  # of one, the reader takes that one
        found.append(node_of(predicted, model, width))
    model.equations_ = whole
    return [n for n in found if n is not None]
