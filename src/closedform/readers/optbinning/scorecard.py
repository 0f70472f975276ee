"""optbinning: a scorecard, whose points for each bin add up to a score."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Array, Node
from closedform.readers.optbinning.column import call, looked_up
from closedform.readers.optbinning.process import Binned, binned, selected
from closedform.readers.prediction import Prediction
from closedform.readers.reading import Columns, Reading

SCORE = "score"
"""The output that stands for `Scorecard.score`."""


def scorecard(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """What its estimator makes of the binned columns, and the score beside it."""
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
    for column in selected(model.binning_process_, columns, reading):
        try:
            made = looked_up(column.x, column.bins, partial(_points, model, column))
        except (ValueError, IndexError, TypeError) as error:
            reading.leave_out(SCORE, f"optbinning itself gives none that has a meaning: {error}")
            return None
        call(made, f"points({column.name})", reading)
        points.append(made)
    return ops.linear(float(np.ravel(model.intercept_)[0]), [1.0] * len(points), points)


def _points(model: Any, column: Binned, values: Array) -> Array:
    """Return the points of some values of a column, by the number of their bin.

    A category that is not known has the number −1, and so the points of the last bin: Missing.
    """
    own = (model.binning_process_.binning_transform_params or {}).get(column.name, {})
    options = {"metric": "indices", "metric_special": "empirical", "metric_missing": "empirical"}
    indices = np.asarray(column.model.transform(values, **(options | own)))
    if "metric" in own and own["metric"] != "indices":
        raise ValueError(f"it takes the {own['metric']} of {column.name!r} as the number of a bin")
    table = model._df_scorecard
    points = table[table.Variable == column.name].Points.values
    found: Array = points[indices]
    return found
