"""scikit-learn: the dispatch, and the pieces that put estimators together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from closedform.errors import BadInput, NotFitted
from closedform.formula import Formula
from closedform.readers.prediction import Prediction
from closedform.readers.reading import Columns, Reading, Retype, plain_label

Transform = Callable[[Any, Columns, Reading], Columns]
Estimate = Callable[[Any, Columns, Reading], Prediction]

MODULES = (
    "closedform.readers.sklearn_compose",
    "closedform.readers.sklearn_scale",
    "closedform.readers.sklearn_encode",
    "closedform.readers.sklearn_linear",
    "closedform.readers.sklearn_dummy",
    "closedform.readers.sklearn_trees",
    "closedform.readers.sklearn_boosting",
    "closedform.readers.sklearn_network",
)
"""Each has TRANSFORMS and ESTIMATORS: class name → function. No import of scikit-learn."""


def read_model(model: Any, names: Sequence[str] | None = None) -> Formula:
    """Return a fitted scikit-learn estimator or pipeline as a formula.

    Raises:
        UnsupportedModel: parts without a formula, all at once.
        NotFitted: the estimator has not been fitted.
        BadInput: `names` does not fit the model.
    """
    _require_fitted(model)
    labels: set[int] = set()
    while True:
        reading = Reading(_input_names(model, names), labels)
        try:
            return _read_once(model, reading)
        except Retype:
            continue


def _read_once(model: Any, reading: Reading) -> Formula:
    made = predicted(model, reading.columns(), reading)
    return reading.formula(made.outputs, made.task, describe(model), reader_name(model))


def predicted(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """Return the outputs of a predictor (or of a transformer, its columns) over `columns`."""
    found = _lookup(model, "ESTIMATORS")
    if found is None and _lookup(model, "TRANSFORMS") is not None:
        return Prediction.of_columns(transformed(model, columns, reading))
    if found is None:
        reading.problem(f"{type(model).__name__} is not among the estimators that can be read.")
        return Prediction.nothing()
    _note_missing(model, columns, reading)
    made: Prediction = found(model, columns, reading)
    return made


def transformed(model: Any, columns: Columns, reading: Reading) -> Columns:
    """Return the columns that a transformer gives for `columns`."""
    found = _lookup(model, "TRANSFORMS")
    if found is None:
        reading.problem(f"{type(model).__name__} is not among the transformers that can be read.")
        return reading.placeholder(_names_out(model, columns))
    _note_missing(model, columns, reading)
    made: Columns = found(model, columns, reading)
    return made


def _lookup(model: Any, table: str) -> Callable[..., Any] | None:
    for parent in type(model).__mro__:
        for module in MODULES:
            found = getattr(import_module(module), table).get(parent.__name__)
            if found is not None and parent.__module__.partition(".")[0] == "sklearn":
                return found  # type: ignore[no-any-return]
    return None


def _names_out(model: Any, columns: Columns) -> Sequence[str]:
    try:
        return [str(n) for n in model.get_feature_names_out(list(columns.names))]
    except Exception:  # a step that nobody can read may fail in any way
        return columns.names


COMPOSED = ("Pipeline", "ColumnTransformer", "FeatureUnion", "TransformedTargetRegressor")


def _note_missing(model: Any, columns: Columns, reading: Reading) -> None:
    """Refuse missing values where the estimator says that it does; wrappers ask their parts."""
    if type(model).__name__ not in COMPOSED and not allows_missing(model):
        reading.refuse_missing(columns)


def allows_missing(model: Any) -> bool:
    """Tell whether an estimator takes missing values, by its own tags (two generations)."""
    if hasattr(model, "__sklearn_tags__"):
        tags = model.__sklearn_tags__()
        return bool(tags.input_tags.allow_nan or tags.no_validation)
    old = model._get_tags()
    return bool(old["allow_nan"] or old["no_validation"])


def _require_fitted(model: Any) -> None:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    try:
        check_is_fitted(model)
    except NotFittedError:
        name = type(model).__name__
        raise NotFitted(f"This {name} is not fitted.", hint="Call its fit(X, y) first.") from None
    except TypeError as error:
        raise NotFitted(f"{type(model).__name__} cannot be fitted: {error}") from None


def _input_names(model: Any, names: Sequence[str] | None) -> tuple[str, ...]:
    known = getattr(model, "feature_names_in_", None)
    count = getattr(model, "n_features_in_", None)
    if names is None:
        if known is not None:
            return tuple(str(n) for n in known)
        if count is None:
            raise BadInput(
                "The model does not say how many inputs it has.",
                hint="Give their names: read(model, names=[…]).",
            )
        return tuple(f"x{i}" for i in range(count))
    if count is not None and len(names) != count:
        raise BadInput(f"{len(names)} names were given for {count} inputs.")
    return tuple(str(n) for n in names)


def describe(model: Any) -> str:
    """Return a model in a few words: the classes of its steps, joined by arrows."""
    if hasattr(model, "steps") and isinstance(model.steps, list):
        parts = [describe(m) for _, m in model.steps if m not in (None, "passthrough")]
        return " → ".join(parts)
    inner = getattr(model, "regressor_", None)
    if inner is not None:
        return f"{type(model).__name__}({describe(inner)})"
    if hasattr(model, "transformers_"):
        parts = [describe(t) for _, t, _ in model.transformers_ if not isinstance(t, str)]
        return "(" + " | ".join(dict.fromkeys(parts)) + ")"
    return type(model).__name__


def reader_name(model: Any) -> str:
    """Return the reader's name with the version of scikit-learn, for the trail."""
    import sklearn

    return f"scikit-learn {sklearn.__version__}"


def class_labels(model: Any) -> tuple[Any, ...]:
    """Return the classes of a classifier as plain values.

    Raises:
        BadInput: the classifier predicts several targets at once.
    """
    if isinstance(model.classes_, list):
        raise BadInput(f"{type(model).__name__} predicts several labels at once.")
    return tuple(plain_label(c) for c in np.asarray(model.classes_))


