"""scikit-learn: feature selectors, which keep some of the columns as they are."""

from __future__ import annotations

from typing import Any

from closedform.readers.prediction import Prediction
from closedform.readers.reading import Columns, Reading
from closedform.readers.sklearn.dispatch import predicted


def selected(model: Any, columns: Columns, reading: Reading) -> Columns:
    """The columns that the selector supports."""
    return columns.pick([int(i) for i in model.get_support(indices=True)])


def eliminated(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The estimator that was trained on the columns left over."""
    return predicted(model.estimator_, selected(model, columns, reading), reading)


SELECTORS = (
    "VarianceThreshold",
    "SelectKBest",
    "SelectPercentile",
    "SelectFpr",
    "SelectFdr",
    "SelectFwe",
    "GenericUnivariateSelect",
    "SelectFromModel",
    "RFE",
    "RFECV",
    "SequentialFeatureSelector",
)
TRANSFORMS: dict[str, Any] = dict.fromkeys(SELECTORS, selected)
ESTIMATORS: dict[str, Any] = {"RFE": eliminated, "RFECV": eliminated}
