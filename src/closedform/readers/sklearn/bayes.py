"""scikit-learn's naive Bayes, quadratic discriminants and nearest centroids."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.families.additive import Linear
from closedform.families.distances import METRICS, quadratic, squared
from closedform.formula import label_of
from closedform.ir import Array, Node
from closedform.ops.payloads import Pieces
from closedform.readers.prediction import Prediction, highest
from closedform.readers.reading import Columns, Reading
from closedform.readers.sklearn.linear import class_labels, linked_chances
from closedform.readers.sklearn.scale import indicator


def most_likely(scores: Sequence[Node], model: Any, reading: Reading) -> Prediction:
    """Return label and chances from one log likelihood for each class, up to a common term."""
    classes = class_labels(model)
    return Prediction.of_classes(
        classes,
        label=highest(scores, classes),
        link="softmax",
        probability=linked_chances(list(scores), classes, "softmax", reading),
    )


def finite(model: Any, reading: Reading, hint: str, *parts: Any) -> bool:
    """Tell whether all parameters are finite, and note as a problem where they are not."""
    good = all(np.isfinite(part).all() for part in parts)
    if not good:
        name = type(model).__name__
        reading.problem(f"This {name} has infinite parameters: its predictions are NaN.", hint)
    return good


def gaussian(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """log P(c) − ½Σ log(2πσᵢ²) − Σ (xᵢ − μᵢ)² / (2σᵢ²) for each class."""
    mean, spread = np.asarray(model.theta_), np.asarray(model.var_)
    with np.errstate(divide="ignore"):
        steep, prior = -0.5 / spread.astype(np.float64), np.log(model.class_prior_)
        # A model that was trained on float32 adds these in float32, whatever it is given.
        start = prior - 0.5 * np.log(2 * math.pi * spread).sum(axis=1).astype(np.float64)
    if not finite(model, reading, "Refit it with var_smoothing above 0.", steep):
        return Prediction.nothing()
    scores = [
        ops.lin(float(b), (1, ops.squared_distance(columns.nodes, m, w)))
        for b, m, w in zip(start, mean, steep, strict=True)
    ]
    return most_likely(scores, model, reading)


NO_SMOOTHING = "Refit it with alpha above 0."


def multinomial(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """log P(c) + Σ xᵢ·log pᵢ for each class."""
    return _counted(model, columns, reading, model.feature_log_prob_, model.class_log_prior_)


def complement(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """Σ xᵢwᵢ for each class, with the prior only where there is one class alone.

    Rennie, J. et al. (2003), Tackling the poor assumptions of naive Bayes text classifiers, ICML.
    """
    prior = model.class_log_prior_ if len(model.classes_) == 1 else np.zeros(len(model.classes_))
    return _counted(model, columns, reading, model.feature_log_prob_, prior)


def bernoulli(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """log P(c) + Σ (log pᵢ if xᵢ > threshold else log(1 − pᵢ)) for each class."""
    yes = np.asarray(model.feature_log_prob_)
    with np.errstate(divide="ignore", invalid="ignore"):
        no = np.log(1 - np.exp(yes))
    if model.binarize is not None:
        cut = ops.const(model.binarize)
        columns = columns.mapped([indicator(ops.less(cut, x)) for x in columns.nodes])
    return _counted(model, columns, reading, yes - no, model.class_log_prior_ + no.sum(axis=1))


def _counted(
    model: Any, columns: Columns, reading: Reading, weights: Any, start: Any
) -> Prediction:
    if not finite(model, reading, NO_SMOOTHING, weights):
        return Prediction.nothing()
    return most_likely(Linear.of(weights, start).nodes(columns.nodes), model, reading)


def categorical(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """log P(c) + Σ log p(category of xᵢ): numbers are truncated, and others refused."""
    parts: list[list[Node]] = [[] for _ in model.classes_]
    outside = []
    for x, table in zip(columns.nodes, model.feature_log_prob_, strict=True):
        known = table.shape[1]
        outside += [ops.less_equal(x, ops.const(-1)), ops.less_equal(ops.const(known), x)]
        for part, chances in zip(parts, np.asarray(table), strict=True):
            part.append(ops.piecewise(x, _steps(chances)))
    reading.refuse(ops.either(*outside))
    prior = np.asarray(model.class_log_prior_).tolist()
    scores = [ops.linear(b, [1.0] * len(p), p) for b, p in zip(prior, parts, strict=True)]
    return most_likely(scores, model, reading)


def _steps(values: Array) -> Pieces:
    """Return values[i] for i ≤ x < i + 1, without edges between equal values."""
    edges = np.flatnonzero(np.diff(values) != 0) + 1
    return Pieces.of(edges.astype(np.float64), values[[0, *edges]])


def quadratic_discriminant(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """log P(c) − ½ log|Σ| − ½ (x − μ)ᵀΣ⁻¹(x − μ) for each class."""
    with np.errstate(divide="ignore"):
        # A model that was trained on float32 computes these in float32, whatever it is given.
        pairs = zip(model.rotations_, model.scalings_, strict=True)
        factors = [(r * s**-0.5).T.astype(np.float64) for r, s in pairs]
        start = np.log(model.priors_) - [0.5 * float(np.log(s).sum()) for s in model.scalings_]
    if not finite(model, reading, "Refit it with reg_param above 0.", *factors):
        return Prediction.nothing()
    scores = [
        ops.lin(float(b), (1, quadratic(columns.nodes, m, f, -0.5)))
        for b, m, f in zip(start, model.means_, factors, strict=True)
    ]
    return _discriminated(scores, model, reading)


def _discriminated(
    scores: list[Node], model: Any, reading: Reading, label: Node | None = None
) -> Prediction:
    """Return label, chances and decision values: of two classes, the difference of their scores."""
    classes = class_labels(model)
    two = [ops.lin(0, (1, scores[1]), (-1, scores[0]))] if len(scores) == 2 else scores
    return Prediction.of_classes(
        classes,
        label=label_of(scores, classes) if label is None else label,
        link="softmax",
        probability=linked_chances(scores, classes, "softmax", reading),
        decision=two,
    )


def nearest_centroid(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The class whose centroid is nearest.

    With unequal priors, and for chances: −d² + 2 log P(c), each column divided by its deviation
    within the classes. Hastie, T. et al. (2009), The Elements of Statistical Learning, eq. 18.2.
    """
    if model.metric not in ("euclidean", "manhattan"):
        reading.problem(f"NearestCentroid(metric={model.metric!r}) has no formula.", "Use another.")
        return Prediction.nothing()
    classes = class_labels(model)
    if not hasattr(model, "class_prior_"):  # in 1.4
        return Prediction.of_classes(
            classes, label=label_of(_nearness(model, columns), classes), link="none"
        )
    equal = np.isclose(model.class_prior_, 1 / len(classes)).all()
    label = label_of(_nearness(model, columns), classes) if equal else None
    if model.metric == "euclidean":
        return _discriminated(_centroid_scores(model, columns), model, reading, label)
    label = label_of(_centroid_scores(model, columns), classes) if label is None else label
    return Prediction.of_classes(classes, label=label, link="none")


def _nearness(model: Any, columns: Columns) -> list[Node]:
    if model.metric == "euclidean":
        return squared(columns.nodes, model.centroids_, np.full(len(columns), -1.0))
    away = METRICS[model.metric].ranks(columns.nodes, model.centroids_)
    return [ops.lin(0, (-1, d)) for d in away]


def _centroid_scores(model: Any, columns: Columns) -> list[Node]:
    spread = np.asarray(model.within_class_std_dev_)
    spread, centres = np.where(spread == 0, 1.0, spread), np.asarray(model.centroids_)
    with np.errstate(divide="ignore"):
        prior: Array = 2 * np.log(model.class_prior_)
    if model.metric == "euclidean":
        away = squared(columns.nodes, centres, -(spread**-2))
    else:
        scaled = [ops.div(x, ops.const(s)) for x, s in zip(columns.nodes, spread, strict=True)]
        sums = METRICS[model.metric].ranks(scaled, centres / spread)
        away = [ops.lin(0, (-1, ops.mul(d, d))) for d in sums]
    return [ops.lin(b, (1, d)) for b, d in zip(prior.tolist(), away, strict=True)]


TRANSFORMS: dict[str, Any] = {}
ESTIMATORS: dict[str, Any] = {
    "GaussianNB": gaussian,
    "MultinomialNB": multinomial,
    "ComplementNB": complement,
    "BernoulliNB": bernoulli,
    "CategoricalNB": categorical,
    "QuadraticDiscriminantAnalysis": quadratic_discriminant,
    "NearestCentroid": nearest_centroid,
}
