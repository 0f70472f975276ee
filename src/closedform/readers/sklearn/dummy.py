"""scikit-learn's dummies: predictions that read no input."""

from __future__ import annotations

from typing import Any

import numpy as np

from closedform import ops
from closedform.readers.prediction import Prediction
from closedform.readers.reading import Columns, Reading
from closedform.readers.sklearn.linear import classes_of_labels, label_or_labels


def dummy_regressor(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """A constant for each output."""
    return Prediction.of_values([ops.const(c) for c in np.ravel(model.constant_)])


def dummy_classifier(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The most frequent class or a chosen one, with its share of the training rows or 1."""
    if model.strategy in ("stratified", "uniform"):
        reading.problem(
            f"DummyClassifier(strategy={model.strategy!r}) has no formula: it draws at random.",
            "Refit it with strategy='prior' or 'most_frequent'.",
        )
        return Prediction.nothing()
    labels = classes_of_labels(model)
    shares = model.class_prior_ if isinstance(model.classes_, list) else [model.class_prior_]
    fixed = np.ravel(model.constant) if model.strategy == "constant" else [None] * len(labels)
    parts = [_constant(model, *label) for label in zip(labels, shares, fixed, strict=True)]
    return label_or_labels(model, parts)


def _constant(model: Any, classes: tuple[Any, ...], share: Any, fixed: Any) -> Prediction:
    chosen = int(np.argmax(share) if fixed is None else classes.index(fixed))
    certain = np.eye(len(classes))[chosen]
    chances = share if model.strategy == "prior" else certain
    return Prediction.of_classes(
        classes,
        label=ops.label(classes[chosen]),
        link="none",
        probability=[ops.const(p) for p in chances],
    )


TRANSFORMS: dict[str, Any] = {}
ESTIMATORS: dict[str, Any] = {
    "DummyRegressor": dummy_regressor,
    "DummyClassifier": dummy_classifier,
}
