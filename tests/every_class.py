"""Every class of scikit-learn, read or refused: the table in docs/every-class.md.

`python tests/every_class.py` writes the table anew; a test fails where it no longer holds.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import closedform as cf
from closedform.readers.sklearn.hints import HINTS

TABLE = Path(__file__).parent.parent / "docs" / "every-class.md"
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

    @property
    def row(self) -> str:
        """The line of the table."""
        return f"| {self.name} | {SAID[self.status]} | {self.why} |"


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
    if name == "KernelCenterer":
        return X @ X.T, y
    if name == "MissingIndicator":
        return np.where(X > 1, np.nan, X), y
    if name in TWO_CLASSES:
        return X, (y > 0).astype(int)
    if name == "SelfTrainingClassifier":
        return X, np.where(X[:, 0] > 1, -1, y > 0)
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
TWO_CLASSES = {"FixedThresholdClassifier", "TunedThresholdClassifierCV"}
NO_TABLE = {
    "CountVectorizer", "TfidfVectorizer", "HashingVectorizer", "DictVectorizer", "FeatureHasher",
    "LabelBinarizer", "LabelEncoder", "MultiLabelBinarizer", "PatchExtractor",
}  # fmt: skip
"""Classes that take no table of numbers, so that they cannot even be fitted here."""
SEVERAL_LABELS = {"MultiOutputClassifier", "ClassifierChain"}
CLASSES = {
    "SelectFdr", "SelectFpr", "SelectFwe", "SelectKBest", "SelectPercentile",
    "GenericUnivariateSelect", "NeighborhoodComponentsAnalysis",
}  # fmt: skip


def options_of(name: str) -> dict[str, Any]:
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
        "FrozenEstimator": {"estimator": Ridge().fit(*data_for("Ridge", "regressor"))},
        "SparseCoder": {"dictionary": np.eye(4), "transform_algorithm": "threshold"},
        "DictionaryLearning": {"transform_algorithm": "threshold", "random_state": 0},
        "MiniBatchDictionaryLearning": {"transform_algorithm": "threshold", "random_state": 0},
        "GaussianRandomProjection": {"n_components": 2, "random_state": 0},
        "SparseRandomProjection": {"n_components": 2, "random_state": 0},
    }  # fmt: skip
    return special.get(name, {})


def classes() -> Iterator[tuple[str, str, type]]:
    """Yield name, kind and class of all estimators of the installed scikit-learn."""
    # What is experimental is listed once it is enabled, so the list would depend on what ran.
    from sklearn.experimental import (  # noqa: F401
        enable_halving_search_cv,
        enable_iterative_imputer,
    )
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
    if name in NO_TABLE:
        return Verdict(name, kind, "refused", HINTS[name])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        X, y = data_for(name, kind)
        model = fitted(made(**options_of(name)), X, y)
        return judged(name, kind, model, X.reshape(len(X), -1))


def judged(name: str, kind: str, model: Any, rows: Any) -> Verdict:
    """Read a fitted model, and check the formula against it on some rows and on made-up ones."""
    try:
        formula = cf.read(model)
    except cf.ClosedformError as error:
        return Verdict(name, kind, "refused", reason(error))
    found = formula.verify(model, rows)
    apart = [why for step in formula.trail for why in step.found.get("differs", ())]
    if not found.ok and not apart:
        return Verdict(name, kind, "wrong", found.verdict)
    return Verdict(name, kind, "approximate" if apart else "exact", "; ".join(apart))


def fitted(model: Any, X: Any, y: Any) -> Any:
    """Return the model, fitted with or without a target."""
    try:
        return model.fit(X, y)
    except TypeError:
        return model.fit(X)


def reason(error: cf.ClosedformError) -> str:
    """Return why a class is refused, on one line: the message, or the hint that says more."""
    lines = [line.strip() for line in str(error).splitlines()]
    unknown = "is not among the" in lines[0]
    return lines[1].removeprefix("hint: ") if unknown and len(lines) > 1 else lines[0]


TITLES = {
    "regressor": "Regressors",
    "classifier": "Classifiers",
    "cluster": "Clusters",
    "outlier_detector": "Outlier detectors",
    "transformer": "Transformers",
    "other": "Pipelines, searches and others",
}
SAID = {"refused": "no formula", "exact": "exact", "approximate": "approximate", "wrong": "WRONG"}


def table(found: list[Verdict]) -> str:
    """Return the page: counts, then every class of each kind."""
    import sklearn

    lines = [
        "# Every class of scikit-learn",
        "",
        "`python tests/every_class.py` fits each class of scikit-learn "
        f"{sklearn.__version__}, reads",
        "it and verifies the formula against the model, on the training rows and on made-up ones,",
        "within 1e-9; this is what came out. A test fails where it no longer holds.",
        "",
        "| | exact | approximate | no formula |",
        "|---|---|---|---|",
    ]
    for kind, title in TITLES.items():
        of = [v.status for v in found if v.kind == kind]
        counts = [of.count(s) for s in ("exact", "approximate", "refused")]
        lines.append(f"| {title} | " + " | ".join(map(str, counts)) + " |")
    for kind, title in TITLES.items():
        lines += ["", f"## {title}", "", "| | | |", "|---|---|---|"]
        lines += [v.row for v in found if v.kind == kind]
    return "\n".join(lines) + "\n"


def verdicts() -> list[Verdict]:
    """Return what becomes of every class, in the order of their names."""
    return [verdict(*item) for item in sorted(classes())]


if __name__ == "__main__":
    TABLE.write_text(table(verdicts()), encoding="utf-8")
