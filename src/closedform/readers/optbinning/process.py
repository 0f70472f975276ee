"""optbinning: the columns of a binning process, each as its own `transform` gives it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

from closedform.ir import Node
from closedform.readers.optbinning.column import Bins, bins_of, call, curved, looked_up, ready
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


@dataclass(frozen=True, eq=False)
class Binned:
    """One selected column of a process: its name there, its binning, its node and its bins."""

    name: Any
    model: Any
    x: Node
    bins: Bins


def own_kind(model: Any) -> str:
    """Return the class of optbinning's own that a model is; what that extends is another one."""
    parents = type(model).__mro__
    return next((c.__name__ for c in parents if c.__module__.startswith("optbinning.")), "")


def selected(model: Any, columns: Columns, reading: Reading) -> list[Binned]:
    """Return the selected columns of a fitted process; a problem for each that has no formula.

    All of them are made ready before one is looked up: where a column turns out to hold texts the
    read starts again, and asking 100 columns 100 times would take a minute.
    """
    made = []
    for i in model.get_support(indices=True).tolist():
        name = model.variable_names[i]
        part, kind = model.get_binned_variable(name), own_kind(model.get_binned_variable(name))
        if kind not in METRICS:
            reading.problem(
                f"The column {str(name)!r} is binned by {kind}, which is not read.",
                HINTS.get(kind, READABLE),
            )
            continue
        bins = bins_of(part)
        at = columns.names.index(str(name)) if str(name) in columns.names else i
        made.append(Binned(name, part, ready(columns.nodes[at], bins, reading), bins))
    return made


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
    for column in selected(model, columns, reading):
        usual = {"metric": METRICS[own_kind(column.model)][0]}
        given = usual | options | own.get(column.name, {})
        value = value_of(column.model, column.x, column.bins, given, reading)
        made[str(column.name)] = value
        if word:
            call(value, f"{word}({column.name})", reading)
    return Columns(tuple(made), tuple(made.values()))


def value_of(model: Any, x: Node, bins: Bins, options: dict[str, Any], reading: Reading) -> Node:
    """Return what the `transform` of one binned column gives with some options."""
    if not hasattr(model, "_optb"):
        return looked_up(x, bins, partial(model.transform, **options))
    kept = dict(options)
    if kept["metric"] == "mean":  # the only one there is, and no option of its
        del kept["metric"]
    ask = partial(model.transform, **kept)
    return curved(x, bins, model, ask, reading, woe=options["metric"] == "woe")
