"""optbinning: a scorecard, whose points for each bin add up to a score."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Array, Node
from closedform.readers.optbinning.column import bins_of, looked_up, ready
from closedform.readers.prediction import Prediction
from closedform.readers.reading import Columns, Reading

SCORE = "score"
"""The output that stands for `Scorecard.score`."""


def scorecard(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """What its estimator makes of the binned columns, and the score beside it."""
    from closedform.readers.optbinning.process import binned
    from closedform.readers.sklearn.dispatch import predicted

    process = model.binning_process_
    given = binned(
        process, columns, reading, "mean" if model._target_dtype == "continuous" else "woe",
        metric_special=model._metric_special, metric_missing=model._metric_missing,
    )  # fmt: skip
    reading.stage("BinningProcess", "transform", columns, given)
    made = predicted(model.estimator_, given, reading)
    score = _score(model, columns, reading)
    if score is None:
        return made
    return Prediction({**made.outputs, SCORE: score}, made.task)


def _score(model: Any, columns: Columns, reading: Reading) -> Node | None:
    """Return Σ points + intercept; None, and a note, where the model cannot score either."""
    points = []
    process = model.binning_process_
    for i in process.get_support(indices=True).tolist():
        name = process.variable_names[i]
        part = process.get_binned_variable(name)
        bins = bins_of(part, str(name), reading)
        if bins is None:
            return None
        at = columns.names.index(str(name)) if str(name) in columns.names else i
        x = ready(columns.nodes[at], bins, reading)
        try:
            made = looked_up(x, bins, partial(_points, model, name, part))
        except (ValueError, IndexError, TypeError) as error:
            reading.leave_out(SCORE, f"optbinning itself gives none that has a meaning: {error}")
            return None
        reading.call(made, f"points({name})")
        points.append(made)
    return ops.linear(float(np.ravel(model.intercept_)[0]), [1.0] * len(points), points)


def _points(model: Any, name: Any, part: Any, values: Array) -> Array:
    """Return the points of some values of a column, by the number of their bin.

    A category that is not known has the number −1, and so the points of the last bin: Missing.
    """
    own = (model.binning_process_.binning_transform_params or {}).get(name, {})
    options = {"metric": "indices", "metric_special": "empirical", "metric_missing": "empirical"}
    indices = np.asarray(part.transform(values, **(options | own)))
    if "metric" in own and own["metric"] != "indices":
        raise ValueError(f"it takes the {own['metric']} of {name!r} as the number of a bin")
    table = model._df_scorecard
    points = table[table.Variable == name].Points.values
    found: Array = points[indices]
    return found
