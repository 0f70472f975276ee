"""optbinning: one binned column, a process of many, and a scorecard on top of them.

Navas-Palencia, G. (2020), Optimal binning: mathematical programming formulation, arXiv:2001.08025.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from closedform.errors import NotFitted
from closedform.formula import Formula, Task
from closedform.ir import Node
from closedform.readers.optbinning.column import bins_of, ready
from closedform.readers.optbinning.process import (
    HINTS,
    METRICS,
    READABLE,
    binned,
    own_kind,
    value_of,
)
from closedform.readers.optbinning.scorecard import scorecard
from closedform.readers.prediction import Prediction, formula_of, input_names
from closedform.readers.reading import Columns, Reading


def read_model(model: Any, names: Sequence[str] | None = None) -> Formula:
    """Return a fitted binning, binning process or scorecard as a formula.

    Raises:
        UnsupportedModel: it is of another kind, or some column has no formula.
        NotFitted: it has not been trained.
        BadInput: `names` does not fit.
    """
    from importlib.metadata import version

    known = _names_of(model)
    return formula_of(
        partial(predicted, model),
        input_names(names, known, len(known)),
        source=type(model).__name__,
        reader=f"optbinning {version('optbinning')}",
    )


def predicted(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """Return what a scorecard predicts, or what a binning gives, over some columns."""
    give = _kind(model, _PREDICT, reading)
    return Prediction.nothing() if give is None else give(model, columns, reading)


def transformed(model: Any, columns: Columns, reading: Reading) -> Columns:
    """Return the columns that a BinningProcess gives, as a step of a pipeline."""
    give = _kind(model, {"BinningProcess": binned}, reading)
    return reading.placeholder(columns.names) if give is None else give(model, columns, reading)


def _kind(model: Any, table: dict[str, Any], reading: Reading) -> Any:
    """Return the reader of a model's class; None, and a problem, where there is none."""
    name = type(model).__name__
    kind = own_kind(model)
    own = next((m for m in METHODS if _overrides(model, m)), None)
    if kind in table and own:
        reading.problem(f"{name} has a {own}() of its own.", READABLE)
        return None
    if kind not in table:
        reading.problem(
            f"{name} is not among the models that can be read.", HINTS.get(name, READABLE)
        )
        return None
    if not getattr(model, "_is_fitted", False):
        raise NotFitted(f"This {name} is not fitted.", hint="Call its fit(X, y) first.")
    return table[kind]


METHODS = ("transform", "predict", "predict_proba", "decision_function", "score")


def _overrides(model: Any, method: str) -> bool:
    """Tell whether a class that extends one of optbinning's has a method of its own."""
    found = getattr(type(model), method, None)
    return found is not None and found.__module__.partition(".")[0] not in ("optbinning", "sklearn")


def _names_of(model: Any) -> list[str]:
    inner = getattr(model, "binning_process_", getattr(model, "binning_process", model))
    found = getattr(inner, "variable_names", None)
    if found is None:
        found = [getattr(model, "name", None) or "x"]
    return [str(name) for name in found]


# --- one column ---------------------------------------------------------------------------------


def _single(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """What `transform` gives for each metric; that which it gives untold is the prediction."""
    kind = own_kind(model)
    bins = bins_of(model)
    x = ready(columns.nodes[0], bins, reading)
    outputs: dict[str, Node] = {}
    for metric in METRICS[kind]:
        try:
            outputs[metric] = value_of(model, x, bins, {"metric": metric}, reading)
        except ValueError as error:  # a `cat_unknown` that is a number is none for "bins"
            reading.leave_out(metric, str(error))
    return Prediction(outputs, Task("transform", primary=tuple(outputs)[:1]))


def _process(model: Any, columns: Columns, reading: Reading) -> Prediction:
    return Prediction.of_columns(binned(model, columns, reading))


_PREDICT: dict[str, Callable[[Any, Columns, Reading], Prediction]] = {
    **dict.fromkeys(METRICS, _single),
    "BinningProcess": _process,
    "Scorecard": scorecard,
}
