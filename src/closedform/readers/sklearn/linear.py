"""scikit-learn's linear models: equations, and the links of their predictions."""

from __future__ import annotations

import warnings
from copy import copy
from typing import Any

import numpy as np

from closedform.families.additive import CHANCES, LINKS, Linear
from closedform.ir import Array, Node
from closedform.ops.payloads import chance_names
from closedform.readers.prediction import (
    Prediction,
    highest,
    score_names,
    value_names,
)
from closedform.readers.reading import Columns, Reading, plain_label


def linear_regressor(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """ŷ = W·x + b."""
    return Prediction.of_values(Linear.of(model.coef_, model.intercept_).nodes(columns.nodes))


def robust_regressor(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The estimator that was trained on the inliers."""
    from closedform.readers.sklearn.dispatch import predicted

    return predicted(model.estimator_, columns, reading)


def log_linear(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """ŷ = exp(W·x + b)."""
    return linked_values(linear_scores(model, columns), "log", reading)


def tweedie(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """ŷ = W·x + b or exp(W·x + b); "auto" is the identity where power ≤ 0."""
    auto = "identity" if model.power <= 0 else "log"
    link = auto if model.link == "auto" else model.link
    return linked_values(linear_scores(model, columns), link, reading)


def linear_scores(model: Any, columns: Columns) -> list[Node]:
    """Return W·x + b of any model that has `coef_` and `intercept_`."""
    return Linear.of(model.coef_, model.intercept_).nodes(columns.nodes)


def linked_values(scores: list[Node], link: str, reading: Reading) -> Prediction:
    """Return a regression whose scores go through the inverse of a link."""
    if link == "identity":
        return Prediction.of_values(scores)
    values = [LINKS[link](s) for s in scores]
    before = Columns(tuple(f"score({name})" for name in value_names(values)), tuple(scores))
    reading.stage(link, "link", before, Columns(value_names(values), tuple(values)))
    return Prediction.of_values(values, link)


def linked_chances(
    scores: list[Node], classes: tuple[Any, ...], link: str, reading: Reading
) -> list[Node]:
    """Return the chances of all classes; none where the link is "none"."""
    if link == "none":
        return []
    # A classifier that has seen one class alone still computes the chances of two.
    chances = CHANCES[link](scores)[: len(classes)]
    before = Columns(score_names(classes, len(scores)), tuple(scores))
    reading.stage(link, "link", before, Columns(chance_names(classes), tuple(chances)))
    return chances


YES_OR_NO = (0, 1)
"""The classes of each label where the target was a table of 0 and 1."""


def is_indicator(model: Any) -> bool:
    """Tell whether a classifier was trained on a table of 0 and 1, one column for each label."""
    binarizer = getattr(model, "_label_binarizer", None)
    return str(getattr(binarizer, "y_type_", "")).startswith("multilabel")


def class_labels(model: Any) -> tuple[Any, ...]:
    """Return the classes of a classifier of one label as plain values, in its order."""
    return plain_labels(model.classes_)


def plain_labels(classes: Any) -> tuple[Any, ...]:
    """Return classes as plain values."""
    return tuple(plain_label(c) for c in np.asarray(classes))


def classes_of_labels(model: Any) -> list[tuple[Any, ...]]:
    """Return the classes of each label of a classifier, of one label too."""
    found = model.classes_ if isinstance(model.classes_, list) else [model.classes_]
    return [plain_labels(classes) for classes in found]


def label_or_labels(model: Any, parts: list[Prediction]) -> Prediction:
    """Return the one part of a classifier of one label, or all parts of one of several."""
    return Prediction.of_labels(parts) if isinstance(model.classes_, list) else parts[0]


def classified(model: Any, columns: Columns, reading: Reading, link: str) -> Prediction:
    """Return label, chances and decision values of a linear classifier.

    With two classes the second one is predicted where the only score is above 0.
    """
    if is_indicator(model):
        return Prediction.of_labels([yes_or_no(s) for s in linear_scores(model, columns)])
    classes, scores = class_labels(model), linear_scores(model, columns)
    return Prediction.of_classes(
        classes,
        label=highest(scores, classes),
        link=link,
        probability=linked_chances(scores, classes, link, reading),
        decision=scores,
    )


def yes_or_no(score: Node) -> Prediction:
    """Return one label of several: 1 where its score is above 0, else 0."""
    label = highest([score], YES_OR_NO)
    return Prediction.of_classes(YES_OR_NO, label=label, link="none", decision=[score])


def linear_classifier(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The sign of W·x + b, or the class with the highest score; no probabilities."""
    return classified(model, columns, reading, "none")


def logistic(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """Sigmoid of one score, softmax of several, or sigmoids divided by their sum."""
    return classified(model, columns, reading, logistic_link(model))


def sgd_classifier(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """A linear score; chances for two of the losses only."""
    links = {"log_loss": "logit", "modified_huber": "modified_huber"}
    link = links.get(model.loss, "none")
    if link == "logit" and len(model.classes_) > 2:
        link = one_vs_rest_link(model)
    return classified(model, columns, reading, link)


def discriminant(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """Linear log-odds; two classes share one score s, whose chance is sigmoid(s)."""
    link = {1: "none", 2: "logit"}.get(len(model.classes_), "softmax")
    return classified(model, columns, reading, link)


def logistic_link(model: Any) -> str:
    """Return how a logistic regression turns scores into chances, by asking it.

    The rule depends on `multi_class` (gone in 1.8), the solver, the number of classes and the
    version, and is stored nowhere. So the model is asked for rows whose scores tell the rules
    apart: 0.82 + 2·0.38 for one-vs-rest is 0.52 of the whole, softmax gives 0.79.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "X does not have valid feature names"
        rows = _telling_rows(model)
        scores, chances = model.decision_function(rows), model.predict_proba(rows)
    if scores.ndim == 1:
        doubled = abs(_softmax(np.column_stack([-scores, scores])) - chances).max() < 1e-4
        return "twice_logit" if doubled else "logit"
    alike = abs(_softmax(scores) - chances).max() < 1e-4
    return "softmax" if alike else one_vs_rest_link(model)


def one_vs_rest_link(model: Any) -> str:
    """Return what a classifier makes of scores whose sigmoids are all 0, by asking a twin of it.

    Equal chances in scikit-learn 1.9, 0/0 up to 1.7.
    """
    twin, record = copy(model), Linear.of(model.coef_, model.intercept_)
    twin.coef_, twin.intercept_ = np.zeros(record.weights.shape), np.full(len(record.bias), -1e4)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        chances = twin.predict_proba(np.zeros((1, record.weights.shape[1])))
    return "ovr" if np.isfinite(chances).all() else "bare_ovr"


def _telling_rows(model: Any) -> Array:
    """Return rows with scores of about −0.5 and 1.5, wherever the weights allow them."""
    record = Linear.of(model.coef_, model.intercept_)
    wanted = 2 * np.eye(len(record.bias)) - 0.5
    found: Array = np.linalg.lstsq(record.weights, (wanted - record.bias).T, rcond=None)[0].T
    return found


def _softmax(scores: Array) -> Array:
    grown = np.exp(scores - scores.max(axis=1, keepdims=True))
    made: Array = grown / grown.sum(axis=1, keepdims=True)
    return made


def discriminant_axes(model: Any, columns: Columns, reading: Reading) -> Columns:
    """Linear discriminants: (x − mean)·S with the "svd" solver, x·S with "eigen"."""
    if not hasattr(model, "scalings_"):
        reading.problem(
            f"LinearDiscriminantAnalysis(solver={model.solver!r}) cannot transform.",
            "Refit it with solver='svd' or solver='eigen'.",
        )
        return reading.placeholder(columns.names)
    weights = np.asarray(model.scalings_)[:, : model._max_components].T
    bias = -weights @ model.xbar_ if hasattr(model, "xbar_") else np.zeros(len(weights))
    names = [str(n) for n in model.get_feature_names_out()]
    return columns.mapped(Linear.of(weights, bias).nodes(columns.nodes), names)


PLAIN = (
    "LinearRegression", "Ridge", "RidgeCV", "Lasso", "LassoCV", "LassoLars", "LassoLarsCV",
    "LassoLarsIC", "Lars", "LarsCV", "ElasticNet", "ElasticNetCV", "MultiTaskLasso",
    "MultiTaskLassoCV", "MultiTaskElasticNet", "MultiTaskElasticNetCV",
    "OrthogonalMatchingPursuit", "OrthogonalMatchingPursuitCV", "BayesianRidge", "ARDRegression",
    "HuberRegressor", "QuantileRegressor", "TheilSenRegressor", "SGDRegressor",
    "PassiveAggressiveRegressor", "LinearSVR",
)  # fmt: skip
SIGN_ONLY = (
    "RidgeClassifier", "RidgeClassifierCV", "LinearSVC", "Perceptron",
    "PassiveAggressiveClassifier",
)  # fmt: skip

TRANSFORMS: dict[str, Any] = {
    "LinearDiscriminantAnalysis": discriminant_axes,
}
ESTIMATORS: dict[str, Any] = {
    **dict.fromkeys(PLAIN, linear_regressor),
    "RANSACRegressor": robust_regressor,
    "PoissonRegressor": log_linear,
    "GammaRegressor": log_linear,
    "TweedieRegressor": tweedie,
    **dict.fromkeys(SIGN_ONLY, linear_classifier),
    "LogisticRegression": logistic,
    "LogisticRegressionCV": logistic,
    "SGDClassifier": sgd_classifier,
    "LinearDiscriminantAnalysis": discriminant,
}
