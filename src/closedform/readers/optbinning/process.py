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
from closedform.readers.optbinning.column import Bins, bins_of, curved, looked_up, ready
from closedform.readers.optbinning.scorecard import scorecard
from closedform.readers.prediction import Prediction, formula_of, input_names
from closedform.readers.reading import Columns, Reading

METRICS: dict[str, tuple[str, ...]] = {
    "OptimalBinning": ("woe", "event_rate", "indices", "bins"),
    "ContinuousOptimalBinning": ("mean", "indices", "bins"),
    "MulticlassOptimalBinning": ("mean_woe", "weighted_mean_woe", "indices", "bins"),
    "OptimalPWBinning": ("woe", "event_rate"),
    "ContinuousOptimalPWBinning": ("mean",),
}
"""Class → what its transform can give; the first is what it gives unless told otherwise."""
HINTS: dict[str, str] = {
    "OptimalBinning2D": "Train an OptimalBinning of each of the two columns.",
    "ContinuousOptimalBinning2D": "Train a ContinuousOptimalBinning of each of the two columns.",
    "OptimalBinningSketch": "Train an OptimalBinning on a sample.",
    "BinningProcessSketch": "Train a BinningProcess on a sample.",
    "SBOptimalBinning": "Train an OptimalBinning on one of the scenarios.",
}
READABLE = "These can be read: " + ", ".join((*METRICS, "BinningProcess", "Scorecard")) + "."


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
    give = _kind(model, {"BinningProcess": process}, reading)
    return reading.placeholder(columns.names) if give is None else give(model, columns, reading)


def _kind(model: Any, table: dict[str, Any], reading: Reading) -> Any:
    """Return the reader of a model's class; None, and a problem, where there is none."""
    name = type(model).__name__
    kind = _own_kind(model)
    if kind in table and not type(model).transform.__module__.startswith("optbinning."):
        reading.problem(f"{name} has a transform() of its own.", READABLE)
        return None
    if kind not in table:
        reading.problem(
            f"{name} is not among the models that can be read.", HINTS.get(name, READABLE)
        )
        return None
    if not getattr(model, "_is_fitted", False):
        raise NotFitted(f"This {name} is not fitted.", hint="Call its fit(X, y) first.")
    return table[kind]


def _own_kind(model: Any) -> str:
    """Return the class of optbinning's own that a model is; what that extends is another one."""
    parents = type(model).__mro__
    return next((c.__name__ for c in parents if c.__module__.startswith("optbinning.")), "")


def _names_of(model: Any) -> list[str]:
    inner = getattr(model, "binning_process_", getattr(model, "binning_process", model))
    found = getattr(inner, "variable_names", None)
    if found is None:
        found = [getattr(model, "name", None) or "x"]
    return [str(name) for name in found]


# --- one column ---------------------------------------------------------------------------------


def _single(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """What `transform` gives for each metric; that which it gives untold is the prediction."""
    kind = _own_kind(model)
    name = columns.names[0]
    bins = bins_of(model, name, reading)
    if bins is None:
        return Prediction.nothing()
    x = ready(columns.nodes[0], bins, reading)
    outputs: dict[str, Node] = {}
    for metric in METRICS[kind]:
        try:
            outputs[metric] = value_of(model, x, bins, {"metric": metric}, reading)
        except ValueError as error:  # a `cat_unknown` that is a number is none for "bins"
            reading.leave_out(metric, str(error))
    return Prediction(outputs, Task("transform", primary=tuple(outputs)[:1]))


def value_of(model: Any, x: Node, bins: Bins, options: dict[str, Any], reading: Reading) -> Node:
    """Return what the `transform` of one binned column gives with some options."""
    if not hasattr(model, "_optb"):
        return looked_up(x, bins, partial(model.transform, **options))
    kept = dict(options)
    if kept["metric"] == "mean":  # the only one there is, and no option of its
        del kept["metric"]
    ask = partial(model.transform, **kept)
    return curved(x, bins, model, ask, reading, woe=options["metric"] == "woe")


# --- several ------------------------------------------------------------------------------------


def process(model: Any, columns: Columns, reading: Reading) -> Columns:
    """The columns that were selected, each as its transform gives it."""
    return binned(model, columns, reading)


def binned(
    model: Any, columns: Columns, reading: Reading, word: str = "", **options: Any
) -> Columns:
    """Return the selected columns of a binning process.

    Args:
        model: the fitted process.
        columns: those that it is given, by name, or by position where names differ.
        word: what the numbers are called in print, as `woe(age)`.
        options: metric, metric_special and metric_missing, as in its `transform`.
    """
    own = model.binning_transform_params or {}
    made: dict[str, Node] = {}
    for i in model.get_support(indices=True).tolist():
        name = str(model.variable_names[i])
        part = model.get_binned_variable(model.variable_names[i])
        kind = _own_kind(part)
        if kind not in METRICS:
            reading.problem(
                f"The column {name!r} is binned by {kind}, which is not read.",
                HINTS.get(kind, READABLE),
            )
            continue
        bins = bins_of(part, name, reading)
        if bins is None:
            continue
        x = ready(columns.nodes[_position(columns, name, i)], bins, reading)
        given = {"metric": METRICS[kind][0]} | options | own.get(model.variable_names[i], {})
        made[name] = value_of(part, x, bins, given, reading)
        if word:
            reading.call(made[name], f"{word}({name})")
    return Columns(tuple(made), tuple(made.values()))


def _position(columns: Columns, name: str, i: int) -> int:
    return columns.names.index(name) if name in columns.names else i


def _process(model: Any, columns: Columns, reading: Reading) -> Prediction:
    return Prediction.of_columns(process(model, columns, reading))


_PREDICT: dict[str, Callable[[Any, Columns, Reading], Prediction]] = {
    **dict.fromkeys(METRICS, _single),
    "BinningProcess": _process,
    "Scorecard": scorecard,
}
