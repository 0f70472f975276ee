"""scikit-learn: the classes that put others together, from a list of steps to a search."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from closedform import ops
from closedform.readers.prediction import Prediction
from closedform.readers.reading import Columns, Reading
from closedform.readers.sklearn.dispatch import predicted, transformed

Estimator = Any


def pipeline_columns(model: Estimator, columns: Columns, reading: Reading) -> Columns:
    """Each step transforms what the step before it gave."""
    outside = reading.sparse, reading.stored_zeros
    for _, step in model.steps:
        columns = part_columns(step, columns, reading)
        _note_sparse(step, reading)
    reading.sparse, reading.stored_zeros = outside
    return columns


def pipeline(model: Estimator, columns: Columns, reading: Reading) -> Prediction:
    """All steps but the last transform; the last one predicts, or transforms too."""
    *before, (_, last) = model.steps
    outside = reading.sparse, reading.stored_zeros
    for _, step in before:
        columns = part_columns(step, columns, reading)
        _note_sparse(step, reading)
    if last is None or isinstance(last, str):
        made = Prediction.of_columns(columns)
    else:
        made = predicted(last, columns, reading)
    reading.sparse, reading.stored_zeros = outside
    return made


SPARSE_AS_GIVEN = frozenset(
    {
        "Binarizer", "FunctionTransformer", "MaxAbsScaler", "Normalizer", "PolynomialFeatures",
        "QuantileTransformer", "RobustScaler", "SimpleImputer", "StandardScaler", "RFE", "RFECV",
        "SelectFdr", "SelectFpr", "SelectFromModel", "SelectFwe", "SelectKBest",
        "SelectPercentile", "GenericUnivariateSelect", "VarianceThreshold",
        "SequentialFeatureSelector",
    }
)  # fmt: skip
"""Transformers that give a sparse matrix for a sparse one, and a dense one for a dense one."""


def _note_sparse(step: Any, reading: Reading) -> None:
    stored = reading.stored_zeros or stores_zeros(step, reading.sparse)
    reading.sparse = gives_sparse(step, reading.sparse)
    reading.stored_zeros = stored and reading.sparse


def stores_zeros(part: Any, given: bool) -> bool:
    """Tell whether a sparse matrix that a transformer gives may hold zeros as numbers.

    Args:
        part, given: as in `gives_sparse`.
    """
    if hasattr(part, "steps"):
        for _, step in part.steps:
            if stores_zeros(step, given):
                return True
            given = gives_sparse(step, given)
        return False
    listed = getattr(part, "transformers_", getattr(part, "transformer_list", None))
    if listed is not None:
        given = given and hasattr(part, "transformer_list")  # the other takes frames apart
        return any(stores_zeros(p, given) for _, p, *_ in listed)
    name = type(part).__name__
    if name == "SplineTransformer":
        return bool(part.sparse_output)
    if name == "SimpleImputer":
        return given and 0 in part.statistics_.tolist()
    return given and name in ("FunctionTransformer", "QuantileTransformer")


def gives_sparse(part: Any, given: bool) -> bool:
    """Tell whether a transformer gives a sparse matrix.

    Args:
        part: a fitted transformer, or a word that stands for one.
        given: whether it is itself given one.
    """
    if part is None or isinstance(part, str):
        return given
    if hasattr(part, "best_estimator_"):
        return gives_sparse(part.best_estimator_, given)
    for _, step in getattr(part, "steps", ()):
        given = gives_sparse(step, given)
    if hasattr(part, "steps"):
        return given
    if hasattr(part, "transformer_list"):
        return any(gives_sparse(p, given) for _, p in part.transformer_list if p != "drop")
    name = type(part).__name__
    if name == "KBinsDiscretizer":
        return bool(part.encode == "onehot")
    if name == "MissingIndicator":
        return given if part.sparse == "auto" else bool(part.sparse)
    if name == "SparseRandomProjection":
        return given and not part.dense_output
    own = getattr(part, "sparse_output_", getattr(part, "sparse_output", None))
    return given and name in SPARSE_AS_GIVEN if own is None else bool(own)


def part_columns(part: Any, columns: Columns, reading: Reading) -> Columns:
    """Return the columns of a transformer, or of one of the words that stand for one."""
    if part is None or part == "passthrough":
        return columns
    return columns.pick([]) if part == "drop" else transformed(part, columns, reading)


def union(model: Estimator, columns: Columns, reading: Reading) -> Columns:
    """Every transformer takes all columns; theirs stand side by side."""
    weights = model.transformer_weights or {}
    made = [
        _joined(model, name, weights.get(name), part_columns(part, columns, reading))
        for name, part in model.transformer_list
    ]
    return side_by_side(made)


def column_transformer(model: Estimator, columns: Columns, reading: Reading) -> Columns:
    """Every transformer takes the columns that it was given in training, by name or position."""
    names = [str(n) for n in getattr(model, "feature_names_in_", columns.names)]
    weights = model.transformer_weights or {}
    made = []
    for name, part, chosen in model.transformers_:
        positions = chosen_positions(chosen, names)
        if positions:
            given = part_columns(part, columns.pick(positions), reading)
            made.append(_joined(model, name, weights.get(name), given))
    return side_by_side(made)


def chosen_positions(chosen: Any, names: Sequence[str]) -> list[int]:
    """Return the positions that a column selector stands for.

    Args:
        chosen: a name, a position, a slice of either (one of names includes its end, as in
            pandas), or a sequence of names, positions or truths.
        names: the names of all columns.
    """
    if isinstance(chosen, slice):
        return _sliced(chosen, names)
    keys = [chosen] if isinstance(chosen, str) or not hasattr(chosen, "__len__") else list(chosen)
    if keys and all(type(k).__name__ in ("bool", "bool_") for k in keys):
        return [i for i, k in enumerate(keys) if k]
    return [names.index(k) if isinstance(k, str) else int(k) % len(names) for k in keys]


def _sliced(chosen: slice, names: Sequence[str]) -> list[int]:
    if isinstance(chosen.start, str) or isinstance(chosen.stop, str):
        first = None if chosen.start is None else names.index(chosen.start)
        last = None if chosen.stop is None else names.index(chosen.stop) + 1
        chosen = slice(first, last, chosen.step)
    return list(range(len(names)))[chosen]


def _joined(model: Estimator, name: str, weight: float | None, columns: Columns) -> Columns:
    """Return one transformer's columns as they stand in the whole: weighted, with its name."""
    verbose = getattr(model, "verbose_feature_names_out", True)
    if callable(verbose):
        names = [verbose(name, n) for n in columns.names]
    elif isinstance(verbose, str):
        names = [verbose.format(transformer_name=name, feature_name=n) for n in columns.names]
    else:
        names = [f"{name}__{n}" if verbose else n for n in columns.names]
    if weight is None:
        return columns.mapped(columns.nodes, names)
    return columns.mapped([ops.lin(0, (float(weight), x)) for x in columns.nodes], names)


def side_by_side(parts: Sequence[Columns]) -> Columns:
    """Return the columns of all parts, in order."""
    return Columns(
        tuple(n for part in parts for n in part.names),
        tuple(x for part in parts for x in part.nodes),
    )


def search(model: Estimator, columns: Columns, reading: Reading) -> Prediction:
    """The best estimator, trained again on all rows."""
    return predicted(model.best_estimator_, columns, reading)


def search_columns(model: Estimator, columns: Columns, reading: Reading) -> Columns:
    """The best transformer, trained again on all rows."""
    return transformed(model.best_estimator_, columns, reading)


def kept(model: Estimator, columns: Columns, reading: Reading) -> Prediction:
    """The estimator inside, as it is."""
    return predicted(model.estimator, columns, reading)


def kept_columns(model: Estimator, columns: Columns, reading: Reading) -> Columns:
    """The transformer inside, as it is."""
    return transformed(model.estimator, columns, reading)


SEARCHES = ("GridSearchCV", "RandomizedSearchCV", "HalvingGridSearchCV", "HalvingRandomSearchCV")

TRANSFORMS: dict[str, Any] = {
    "Pipeline": pipeline_columns,
    "FeatureUnion": union,
    "ColumnTransformer": column_transformer,
    "FrozenEstimator": kept_columns,
    **dict.fromkeys(SEARCHES, search_columns),
}
ESTIMATORS: dict[str, Any] = {
    "Pipeline": pipeline,
    "FrozenEstimator": kept,
    **dict.fromkeys(SEARCHES, search),
}
