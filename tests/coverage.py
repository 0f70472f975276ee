"""Every class of scikit-learn, read or refused: the table in docs/coverage.md.

`python tests/coverage.py` writes the table anew; a test fails where it no longer holds.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import closedform as cf

TABLE = Path(__file__).parent.parent / "docs" / "coverage.md"
ROWS = 60
KINDS = ("regressor", "classifier", "cluster", "outlier_detector", "transformer", "other")


@dataclass(frozen=True)
class Verdict:
    """What became of one class.

    Attributes:
        name: the class.
        kind: one of KINDS.
        status: "exact", "approximate", "refused" or "wrong".
        why: the reason of a refusal or of an approximation, the fault of a wrong one.
    """

    name: str
    kind: str
    status: str
    why: str = ""


def data_for(name: str, kind: str) -> tuple[Any, Any]:
    """Return training rows and targets that suit a class."""
    chance = np.random.default_rng(7)
    X = chance.normal(size=(ROWS, 4)).round(3)
    y = X @ [1.0, -2.0, 0.5, 0.0] + 0.1 * chance.normal(size=ROWS)
    if name in COUNTS:
        X = chance.poisson(3, size=X.shape).astype(float)
    if name in CODES:
        X = chance.integers(0, 3, size=X.shape).astype(float)
    if name in POSITIVE:
        X, y = np.abs(X) + 0.1, np.exp(0.3 * y)
    if name in ONE_COLUMN:
        return X[:, 0], y
    if name in SEVERAL_TARGETS:
        return X, np.column_stack([y, X[:, 0] - X[:, 1]])
    if name in SEVERAL_LABELS:
        return X, np.column_stack([y > 0, X[:, 0] > 0]).astype(int)
    if kind == "classifier" or name in CLASSES:
        return X, np.array(["a", "b", "c"])[np.digitize(y, [-1, 1])]
    return X, y


COUNTS = {"MultinomialNB", "ComplementNB", "LatentDirichletAllocation", "TfidfTransformer"}
CODES = {"CategoricalNB", "TargetEncoder"}
POSITIVE = {
    "GammaRegressor", "PoissonRegressor", "TweedieRegressor", "NMF", "MiniBatchNMF",
    "AdditiveChi2Sampler", "SkewedChi2Sampler",
}  # fmt: skip
ONE_COLUMN = {"IsotonicRegression"}
SEVERAL_TARGETS = {
    "MultiTaskLasso", "MultiTaskLassoCV", "MultiTaskElasticNet", "MultiTaskElasticNetCV",
    "MultiOutputRegressor", "RegressorChain", "CCA", "PLSCanonical", "PLSRegression", "PLSSVD",
}  # fmt: skip
SEVERAL_LABELS = {"MultiOutputClassifier", "ClassifierChain"}
CLASSES = {
    "SelectFdr", "SelectFpr", "SelectFwe", "SelectKBest", "SelectPercentile",
    "GenericUnivariateSelect", "NeighborhoodComponentsAnalysis",
}  # fmt: skip


def options_of(kind: type) -> dict[str, Any]:
    """Return the arguments without which a class cannot be made, or does not suit the data."""
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.preprocessing import StandardScaler

    classifier, regressor = LogisticRegression(), Ridge()
    members = {
        "regressor": [("a", Ridge()), ("b", Ridge(alpha=10))],
        "classifier": [("a", LogisticRegression()), ("b", LogisticRegression(C=0.1))],
    }
    special: dict[str, dict[str, Any]] = {
        "ColumnTransformer": {"transformers": [("scaled", StandardScaler(), [0, 1])]},
        "FeatureUnion": {"transformer_list": [("scaled", StandardScaler())]},
        "Pipeline": {"steps": [("scale", StandardScaler()), ("model", Ridge())]},
        "VotingClassifier": {"estimators": members["classifier"]},
        "VotingRegressor": {"estimators": members["regressor"]},
        "StackingClassifier": {"estimators": members["classifier"]},
        "StackingRegressor": {"estimators": members["regressor"]},
        "GridSearchCV": {"estimator": regressor, "param_grid": {"alpha": [1.0, 10.0]}},
        "RandomizedSearchCV": {
            "estimator": regressor, "param_distributions": {"alpha": [1.0, 10.0]}, "n_iter": 2,
        },
        "HalvingGridSearchCV": {"estimator": regressor, "param_grid": {"alpha": [1.0, 10.0]}},
        "HalvingRandomSearchCV": {
            "estimator": regressor, "param_distributions": {"alpha": [1.0, 10.0]},
        },
        "LocalOutlierFactor": {"novelty": True},
        "MultiOutputClassifier": {"estimator": classifier},
        "ClassifierChain": {"estimator": classifier},
        "MultiOutputRegressor": {"estimator": regressor},
        "RegressorChain": {"estimator": regressor},
        "FrozenEstimator": {"estimator": regressor},
        "TransformedTargetRegressor": {"regressor": regressor},
        "SelectFromModel": {"estimator": regressor},
        "RFE": {"estimator": regressor},
        "RFECV": {"estimator": regressor},
        "SequentialFeatureSelector": {"estimator": regressor, "n_features_to_select": 2},
        "FixedThresholdClassifier": {"estimator": classifier, "threshold": 0.4},
        "TunedThresholdClassifierCV": {"estimator": classifier},
        "OneVsRestClassifier": {"estimator": classifier},
        "OneVsOneClassifier": {"estimator": classifier},
        "OutputCodeClassifier": {"estimator": classifier, "random_state": 0},
        "SelfTrainingClassifier": {"estimator": classifier},
        "SparseCoder": {"dictionary": np.eye(4)},
    }  # fmt: skip
    return special.get(kind.__name__, {})


def classes() -> Iterator[tuple[str, str, type]]:
    """Yield name, kind and class of all estimators of the installed scikit-learn."""
    from sklearn.experimental import enable_halving_search_cv  # noqa: F401
    from sklearn.utils import all_estimators

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        kinds = {
            name: kind
            for kind in ("transformer", "cluster", "classifier", "regressor")
            for name, _ in all_estimators(type_filter=kind)
        }
        for name, made in all_estimators():
            outlier = hasattr(made, "fit_predict") and "Outlier" in str(made.__mro__)
            yield name, "outlier_detector" if outlier else kinds.get(name, "other"), made


def verdict(name: str, kind: str, made: type) -> Verdict:
    """Fit one class, read it, and check the formula against it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        X, y = data_for(name, kind)
        two = name in ("FixedThresholdClassifier", "TunedThresholdClassifierCV")
        model = fitted(made(**options_of(made)), X, (y == "a") if two else y)
        if model is None:
            return Verdict(name, kind, "refused", "it takes no table of numbers")
        try:
            formula = cf.read(model)
        except cf.ClosedformError as error:
            return Verdict(name, kind, "refused", first_problem(error))
        rows = np.asarray(X).reshape(ROWS, -1)
        found = formula.verify(model, rows, tolerance=1e-9)
    apart = [w for step in formula.trail for w in step.found.get("differs", ())]
    if not found.ok and not apart:
        return Verdict(name, kind, "wrong", found.verdict)
    return Verdict(name, kind, "approximate" if apart else "exact", "; ".join(apart))


def fitted(model: Any, X: Any, y: Any) -> Any:
    """Return the model, fitted on numbers; None where it takes none."""
    for given in ((X, y), (X,), (np.asarray(X).reshape(len(X), -1), y)):
        try:
            return model.fit(*given)
        except (TypeError, ValueError, AttributeError, KeyError):
            continue
    return None


def first_problem(error: Exception) -> str:
    """Return the first reason of a refusal, on one line."""
    return str(error).split("\n")[0]


def verdicts() -> list[Verdict]:
    """Return what becomes of every class."""
    return [verdict(*item) for item in classes()]


if __name__ == "__main__":
    import sys
    from collections import Counter

    found = []
    for c in classes():
        if len(sys.argv) < 2 or c[0] in sys.argv[1:]:
            try:
                v = verdict(*c)
            except Exception as error:
                v = Verdict(c[0], c[1], "wrong", f"{type(error).__name__}: {error}")
            found.append(v)
            print(v.kind, v.name, v.status, v.why[:150], sep=" | ", flush=True)
    print(Counter((v.kind, v.status) for v in found))
