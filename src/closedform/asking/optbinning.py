"""optbinning: a binned column is asked for each metric by name, a scorecard for its score too."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from closedform.asking import Method
from closedform.formula import Formula

ROLES = {"predict": "primary", "predict_proba": "probability", "decision_function": "decision"}
SCORE = "score"


def methods(model: Any, formula: Formula) -> list[Method]:
    """Return how a model is asked for what the formula has outputs for.

    None for a BinningProcess, which is asked as any transformer.
    """
    if hasattr(model, "binning_process_"):
        return _of_scorecard(model, formula)
    if hasattr(type(model), "binning_table"):
        return [
            Method(f"transform(metric={metric!r})", _column(model, metric), (metric,))
            for metric in formula.outputs
        ]
    return []


def _of_scorecard(model: Any, formula: Formula) -> list[Method]:
    made = []
    for name, role in ROLES.items():
        outputs = tuple(o for o in getattr(formula.task, role) if o in formula.outputs)
        if outputs and hasattr(model.estimator_, name):
            made.append(Method(name, getattr(model, name), outputs))
    if SCORE in formula.outputs:
        made.append(Method(SCORE, model.score, (SCORE,)))
    return made


def _column(model: Any, metric: str) -> Callable[[Any], Any]:
    """Return a function of rows of one column, which optbinning takes without its axis."""
    ask = partial(model.transform, metric=metric)
    if type(model).__name__ == "ContinuousOptimalPWBinning":  # it has this one metric
        ask = partial(model.transform)
    return lambda X: ask(np.asarray(X.iloc[:, 0] if hasattr(X, "iloc") else _first(X)))


def _first(X: Any) -> Any:
    if isinstance(X, dict):
        return next(iter(X.values()))
    return np.asarray(X)[:, 0] if np.ndim(X) > 1 else X
