"""scikit-learn: the dispatch, and the pieces that put estimators together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

from closedform.errors import BadInput, NotFitted, UnsupportedModel
from closedform.formula import Formula
from closedform.ir import Type
from closedform.readers import registry
from closedform.readers.prediction import Prediction
from closedform.readers.reading import Columns, Reading, Retype, is_missing
from closedform.readers.sklearn.hints import OVERRIDDEN, unread

Transform = Callable[[Any, Columns, Reading], Columns]
Estimate = Callable[[Any, Columns, Reading], Prediction]

MODULES = (
    "closedform.readers.sklearn.compose",
    "closedform.readers.sklearn.target",
    "closedform.readers.sklearn.scale",
    "closedform.readers.sklearn.functions",
    "closedform.readers.sklearn.shape",
    "closedform.readers.sklearn.spline",
    "closedform.readers.sklearn.project",
    "closedform.readers.sklearn.impute",
    "closedform.readers.sklearn.encode",
    "closedform.readers.sklearn.select",
    "closedform.readers.sklearn.linear",
    "closedform.readers.sklearn.dummy",
    "closedform.readers.sklearn.trees",
    "closedform.readers.sklearn.boosting",
    "closedform.readers.sklearn.network",
    "closedform.readers.sklearn.svm",
    "closedform.readers.sklearn.gaussian_process",
    "closedform.readers.sklearn.kernel_maps",
    "closedform.readers.sklearn.bayes",
    "closedform.readers.sklearn.neighbors",
    "closedform.readers.sklearn.clusters",
    "closedform.readers.sklearn.mixtures",
    "closedform.readers.sklearn.decompose",
    "closedform.readers.sklearn.donors",
    "closedform.readers.sklearn.ensemble",
    "closedform.readers.sklearn.meta",
    "closedform.readers.sklearn.calibrate",
    "closedform.readers.sklearn.isolation",
    "closedform.readers.sklearn.laws",
)
"""Each has TRANSFORMS and ESTIMATORS: class name → function. No import of scikit-learn."""


def read_model(model: Any, names: Sequence[str] | None = None) -> Formula:
    """Return a fitted scikit-learn estimator or pipeline as a formula.

    Raises:
        UnsupportedModel: parts without a formula, all at once.
        NotFitted: the estimator has not been fitted.
        BadInput: `names` does not fit the model.
    """
    if _is_unknown(model):
        what, hint = unread(model, "estimators")
        raise UnsupportedModel(what, hint=hint)
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
    if made.task.kind == "transform":
        _refuse_text(made, reading)
    return reading.formula(made.outputs, made.task, describe(model), reader_name(model))


def _refuse_text(made: Prediction, reading: Reading) -> None:
    """Labels that no table knows have no value in a formula, so that it cannot hand them on."""
    for name, n in made.outputs.items():
        if n.type is Type.LABEL:
            reading.problem(
                f"The column {name!r} that the transformer gives is text, not a number.",
                "Read the whole pipeline, or leave this column out.",
            )


def predicted(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """Return the outputs of a predictor (or of a transformer, its columns) over `columns`."""
    found = _lookup(model, "ESTIMATORS")
    if found is None and _lookup(model, "TRANSFORMS") is not None:
        return Prediction.of_columns(transformed(model, columns, reading))
    if found is None:
        foreign: Prediction | None = _tried(registry.predicted, model, columns, reading)
        if foreign is not None:
            return foreign
        reading.problem(*unread(model, "estimators"))
        return Prediction.nothing()
    _note_missing(model, columns, reading)
    made = _tried(found, model, columns, reading)
    return made if isinstance(made, Prediction) else Prediction.nothing()


def transformed(model: Any, columns: Columns, reading: Reading) -> Columns:
    """Return the columns that a transformer gives for `columns`."""
    found = _lookup(model, "TRANSFORMS")
    if found is None:
        foreign: Columns | None = _tried(registry.transformed, model, columns, reading)
        if foreign is not None:
            reading.stage(type(model).__name__, "transform", columns, foreign)
            return foreign
        reading.problem(*unread(model, "transformers"))
        return reading.placeholder(names_out(model, columns))
    _note_missing(model, columns, reading)
    made = _tried(found, model, columns, reading)
    if not isinstance(made, Columns):
        return reading.placeholder(names_out(model, columns))
    if not _is_composed(model) and made.nodes != columns.nodes:
        reading.stage(type(model).__name__, "transform", columns, made)
        _call_columns(model, columns, made, reading)
    return made


def _tried(found: Callable[..., Any], model: Any, columns: Columns, reading: Reading) -> Any:
    """Return what a reader makes of a model; None where a step before it could not be read.

    The columns of an unreadable step may be too few or of a wrong type: what fails on them says
    nothing new, so only the problems found until then are reported.
    """
    width = getattr(model, "n_features_in_", len(columns))
    if reading.problems and width != len(columns):
        columns = reading.placeholder([f"x{i}" for i in range(width)])
    try:
        return found(model, columns, reading)
    except Retype:
        raise
    except Exception:
        if reading.problems:
            return None
        raise


WORDS: dict[str, str] = {
    "StandardScaler": "scaled",
    "MinMaxScaler": "scaled",
    "MaxAbsScaler": "scaled",
    "RobustScaler": "scaled",
    "Normalizer": "normalized",
    "Binarizer": "binarized",
    "SimpleImputer": "imputed",
    "IterativeImputer": "imputed",
    "KNNImputer": "imputed",
    "KBinsDiscretizer": "binned",
    "PowerTransformer": "power-transformed",
    "QuantileTransformer": "quantile",
    "OrdinalEncoder": "encoded",
    "TargetEncoder": "encoded",
}
"""What a one-to-one transformer does to a column, said in its printed name: `age (scaled)`."""


def _call_columns(model: Any, before: Columns, after: Columns, reading: Reading) -> None:
    word = WORDS.get(type(model).__name__)
    for name, n in after:
        if n not in before.nodes:
            reading.call(n, f"{name} ({word})" if word and name in before.names else name)


OWN = ("sklearn", "closedform")
"""Packages whose estimators stand in the tables."""


def _lookup(model: Any, table: str) -> Callable[..., Any] | None:
    """Return the reader of the scikit-learn class that a model is, or extends without changing.

    Classes within scikit-learn stand in the tables themselves: some override what they inherit.
    """
    for parent in type(model).__mro__:
        if parent.__module__.partition(".")[0] in OWN:
            tables = (getattr(import_module(module), table) for module in MODULES)
            return next((t[parent.__name__] for t in tables if parent.__name__ in t), None)
        if not OVERRIDDEN.isdisjoint(vars(parent)):
            return None
    return None


def _is_unknown(model: Any) -> bool:
    """Tell whether neither a table here nor another reader knows the class of a model."""
    if registry.reader_of(model) not in (None, registry.READERS["sklearn"]):
        return False
    return _lookup(model, "ESTIMATORS") is None and _lookup(model, "TRANSFORMS") is None


def names_out(model: Any, columns: Columns) -> Sequence[str]:
    """Return the names that a transformer gives its columns; those it took where it has none."""
    try:
        return [str(n) for n in model.get_feature_names_out(list(columns.names))]
    except Exception:  # a step that nobody can read may fail in any way
        count = getattr(model, "_n_features_out", len(columns))
        if count == len(columns):
            return columns.names
        return [f"{type(model).__name__.lower()}{i}" for i in range(count)]


COMPOSED = {
    "Pipeline", "ColumnTransformer", "FeatureUnion", "TransformedTargetRegressor",
    "BaseSearchCV", "FrozenEstimator", "BaggingClassifier", "BaggingRegressor",
    "VotingClassifier", "VotingRegressor", "StackingClassifier", "StackingRegressor",
    "CalibratedClassifierCV", "OneVsRestClassifier", "OneVsOneClassifier",
    "OutputCodeClassifier", "MultiOutputRegressor", "MultiOutputClassifier",
    "SelfTrainingClassifier", "BaseThresholdClassifier",
}  # fmt: skip
"""Classes that only put others together: their parts say what they take, and are the stages."""


def _is_composed(model: Any) -> bool:
    return not COMPOSED.isdisjoint(parent.__name__ for parent in type(model).__mro__)


def _note_missing(model: Any, columns: Columns, reading: Reading) -> None:
    """Refuse missing values where the estimator says that it does; wrappers ask their parts."""
    if _is_composed(model):
        return
    if not allows_missing(model):
        reading.refuse_missing(columns)
    if TAKES_INFINITE.isdisjoint(parent.__name__ for parent in type(model).__mro__):
        reading.refuse_infinite(columns)


TAKES_INFINITE = {
    "BaseHistGradientBoosting", "FunctionTransformer", "_BaseEncoder", "DummyRegressor",
    "DummyClassifier",
}  # fmt: skip
"""Classes that do not ask whether numbers are finite."""


def _selects_frames(model: Any) -> bool:
    """Selectors let a DataFrame pass unchecked where they are set to give one."""
    import sklearn

    chosen = getattr(model, "_sklearn_output_config", {}).get("transform")
    return (chosen or sklearn.get_config().get("transform_output")) == "pandas" and hasattr(
        model, "feature_names_in_"
    )


# The tags of these say that a missing value is refused (or taken), and their transform() differs.
MISSING_TRUTH: dict[str, Callable[[Any], bool]] = {
    "FunctionTransformer": lambda m: not m.validate,
    "SimpleImputer": lambda m: is_missing(m.missing_values),
    "MissingIndicator": lambda m: is_missing(m.missing_values),
    "DummyRegressor": lambda m: True,
    "DummyClassifier": lambda m: True,
}


def allows_missing(model: Any) -> bool:
    """Tell whether an estimator takes missing values, by its own tags (two generations)."""
    for parent in type(model).__mro__:
        if parent.__name__ in MISSING_TRUTH:
            return MISSING_TRUTH[parent.__name__](model)
        if parent.__name__ == "SelectorMixin" and _selects_frames(model):
            return True
    if hasattr(model, "__sklearn_tags__"):
        return bool(model.__sklearn_tags__().input_tags.allow_nan)
    return bool(model._get_tags()["allow_nan"])


def _last_part(model: Any) -> Any:
    """Return the model, or the last step of a pipeline that is more than a word."""
    while isinstance(getattr(model, "steps", None), list):
        steps = [m for _, m in model.steps if m not in (None, "passthrough")]
        if not steps:
            break
        model = steps[-1]
    return model


def _require_fitted(model: Any) -> None:
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    part = _last_part(model)
    if _is_unknown(part):  # it is refused in any case, and may keep what it learns elsewhere
        return
    try:
        check_is_fitted(part)
    except NotFittedError:
        # 1.4 and 1.5 ask for a fit() of estimators that learn nothing.
        tags = part._get_tags() if hasattr(part, "_get_tags") else {}
        if not tags.get("stateless") and tags.get("requires_fit", True):
            raise NotFitted(
                f"This {type(model).__name__} is not fitted.", hint="Call its fit(X, y) first."
            ) from None
    except TypeError as error:
        raise NotFitted(f"{type(model).__name__} cannot be fitted: {error}") from None
    except AttributeError:
        # From 1.7 on it cannot even ask what is not made of its own classes, as pygam's models
        # are not: their own reader asks them.
        pass
    if hasattr(model, "cv_results_") and getattr(model, "refit", True) is False:
        raise NotFitted(
            f"{type(model).__name__}(refit=False) keeps no trained model.",
            hint="Search with refit=True, or train one with its best_params_.",
        )


_ONE = {"IsotonicRegression": 1}
"""Estimators that do not say how many inputs they have, since it is always this many."""


_WRAPPED = (
    "best_estimator_", "regressor_", "estimator_", "calibrated_classifiers_", "estimators_",
    "estimator",
)  # fmt: skip
"""Where a model keeps one that is fitted to the same columns; the first of several will do."""


def _input_names(model: Any, names: Sequence[str] | None) -> tuple[str, ...]:
    first = _first_part(model)
    known = getattr(first, "feature_names_in_", None)
    known = _names_inside(first) if known is None else known
    known = getattr(first, "variable_names", None) if known is None else known  # optbinning
    count = _count(first)
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


def _names_inside(model: Any) -> list[str] | None:
    """Return the names that a CatBoost model inside knows, which scikit-learn does not ask for."""
    part, count = model, getattr(model, "n_features_in_", None)
    while part is not None:
        names = getattr(part, "feature_names_", None)
        if isinstance(names, list):
            unnamed = names == [str(i) for i in range(len(names))]
            return None if unnamed or len(names) != count else names
        wrapped = (getattr(part, name, None) for name in _WRAPPED)
        part = next((w for w in wrapped if w is not None), None)
        while isinstance(part, list):
            part = part[0] if part else None
    return None


def _first_part(model: Any) -> Any:
    """Return the model, or the first of its parts that knows how many inputs it has."""
    todo, nets = [model], []
    while todo:
        part = todo.pop()
        if hasattr(part, "n_features_in_") or hasattr(part, "variable_names"):
            return part
        nets += [part] if hasattr(part, "module_") else []
        for held in (getattr(part, name, None) for name in _WRAPPED):
            todo += held[::-1] if isinstance(held, list) else [] if held is None else [held]
        named = getattr(part, "steps", None) or getattr(part, "transformer_list", None) or []
        todo += [m for _, m, *_ in reversed(named) if m not in (None, "passthrough", "drop")]
    return nets[0] if nets else model


def _count(part: Any) -> int | None:
    """Return how many inputs a model has; of a net of skorch, how many its first layer takes."""
    layers = part.module_.modules() if hasattr(part, "module_") else ()
    told = (getattr(layer, "in_features", None) for layer in layers)
    found = next((n for n in told if n is not None), _ONE.get(type(part).__name__))
    return getattr(part, "n_features_in_", found)


def describe(model: Any) -> str:
    """Return a model in a few words: the classes of its steps, joined by arrows."""
    if isinstance(getattr(model, "steps", None), list):
        parts = [describe(m) for _, m in model.steps if m not in (None, "passthrough")]
        return " → ".join(parts) or "Pipeline"
    if hasattr(model, "best_estimator_"):
        return describe(model.best_estimator_)
    if _is_composed(model) and isinstance(getattr(model, "estimators_", None), list):
        return _described_members(model)
    inner = _inner(model)
    if inner is not None:
        return f"{type(model).__name__}({describe(inner)})"
    listed = getattr(model, "transformers_", None) or getattr(model, "transformer_list", None)
    if listed and _is_composed(model):
        parts = [describe(t) for _, t, *_ in listed if not isinstance(t, str)]
        return "(" + " | ".join(dict.fromkeys(parts)) + ")"
    return type(model).__name__


def _inner(model: Any) -> Any:
    """Return the one estimator that a model wraps, or the first of several of its kind."""
    if hasattr(model, "calibrated_classifiers_"):
        return model.calibrated_classifiers_[0].estimator
    wrapped = getattr(model, "estimator_", None) if _is_composed(model) else None
    return getattr(model, "regressor_", wrapped)


def _described_members(model: Any) -> str:
    """Return an ensemble with the kinds of its members: `StackingRegressor(Ridge | …) → Ridge`."""
    kinds = list(dict.fromkeys(describe(member) for member in model.estimators_))
    kinds = [kind for kind in kinds if not kind.startswith("_")]
    shown = kinds[:4] + (["…"] if len(kinds) > 4 else [])
    made = f"{type(model).__name__}({' | '.join(shown)})"
    last = getattr(model, "final_estimator_", None)
    return made if last is None else f"{made} → {describe(last)}"


def reader_name(model: Any) -> str:
    """Return the reader's name with the version of scikit-learn, for the trail."""
    import sklearn

    return f"scikit-learn {sklearn.__version__}"
