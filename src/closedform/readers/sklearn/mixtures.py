"""scikit-learn's Gaussian mixtures, densities and covariances: who is near which centre."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from closedform import ops
from closedform.families.additive import Linear
from closedform.families.distances import log_sum_exp, principal_axes, squared
from closedform.formula import label_of
from closedform.ir import Array, Node
from closedform.readers.prediction import Prediction
from closedform.readers.reading import Columns, Reading
from closedform.readers.sklearn.linear import linked_chances
from closedform.readers.sklearn.neighbors import judged


def gaussian_mixture(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """log wₖ + log N(x; μₖ, Σₖ) for each component k."""
    with np.errstate(divide="ignore"):
        start = np.log(model.weights_).astype(np.float64) + _log_scale(model)
    return _mixed(model, start, columns, reading)


def bayesian_mixture(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The expected log wₖ + log N(x; μₖ, Σₖ) for each component k.

    Bishop, C. (2006), Pattern Recognition and Machine Learning, equations 10.64 to 10.67.
    """
    from scipy.special import digamma

    width, freedom = model.means_.shape[1], np.asarray(model.degrees_of_freedom_)
    halves = 0.5 * (freedom - np.arange(width)[:, None])
    spread = width * math.log(2.0) + digamma(halves).sum(axis=0)
    start = _expected_log_weights(model, digamma) + _log_scale(model)
    start += 0.5 * (spread - width / model.mean_precision_ - width * np.log(freedom))
    return _mixed(model, start, columns, reading)


def _expected_log_weights(model: Any, digamma: Any) -> Array:
    shape: Any = model.weight_concentration_
    if model.weight_concentration_prior_type == "dirichlet_distribution":
        made: Array = digamma(shape) - digamma(np.sum(shape))
        return made
    first, second = digamma(shape[0]), digamma(shape[1])
    total = digamma(shape[0] + shape[1])
    sticks: Array = first - total + np.hstack((0, np.cumsum(second - total)[:-1]))
    return sticks


def _log_scale(model: Any) -> Array:
    """Return −½ log |2πΣₖ| of each component."""
    factor, (count, width) = np.asarray(model.precisions_cholesky_), model.means_.shape
    diagonal = {
        "full": lambda: factor[:, np.arange(width), np.arange(width)],
        "tied": lambda: np.tile(np.diag(factor), (count, 1)),
        "diag": lambda: factor,
        "spherical": lambda: np.repeat(factor[:, None], width, axis=1),
    }
    size: Array = np.log(diagonal[model.covariance_type]()).sum(axis=1).astype(np.float64)
    size -= 0.5 * width * math.log(2 * math.pi)
    return size


def _mixed(model: Any, start: Array, columns: Columns, reading: Reading) -> Prediction:
    if model.means_.dtype != np.float64 and FORMS[model.covariance_type] not in (_full, _tied):
        reading.differs("the model multiplies its parameters in float32: off by about 1e-7")
    away = FORMS[model.covariance_type](model, columns)
    scores = [ops.lin(b, (1, d)) for b, d in zip(start.tolist(), away, strict=True)]
    numbers = tuple(range(len(scores)))
    made = Prediction.of_classes(
        numbers,
        label=label_of(scores, numbers),
        link="softmax",
        probability=linked_chances(scores, numbers, "softmax", reading),
    )
    return Prediction(made.outputs | {"score_samples": log_sum_exp(scores)}, made.task)


def _full(model: Any, columns: Columns) -> list[Node]:
    pairs = zip(model.means_, model.precisions_cholesky_, strict=True)
    return [_turned(columns, mean, factor) for mean, factor in pairs]


def _tied(model: Any, columns: Columns) -> list[Node]:
    return [_turned(columns, mean, model.precisions_cholesky_) for mean in model.means_]


def _turned(columns: Columns, mean: Any, factor: Any) -> Node:
    """Return −½ |x·factor − mean·factor|²; the latter in float32 where the model has that."""
    nodes, point = Linear.of(factor.T, 0.0).nodes(columns.nodes), (mean @ factor).tolist()
    return ops.squared_distance(nodes, point, np.full(len(point), -0.5))


def _diagonal(model: Any, columns: Columns) -> list[Node]:
    steep = -0.5 * np.asarray(model.precisions_cholesky_, dtype=np.float64) ** 2
    pairs = zip(model.means_, steep, strict=True)
    return [ops.squared_distance(columns.nodes, mean, w) for mean, w in pairs]


def _spherical(model: Any, columns: Columns) -> list[Node]:
    steep = -0.5 * np.asarray(model.precisions_cholesky_, dtype=np.float64) ** 2
    pairs = zip(model.means_, steep, strict=True)
    return [ops.squared_distance(columns.nodes, m, np.full(len(m), w)) for m, w in pairs]


FORMS = {"full": _full, "tied": _tied, "diag": _diagonal, "spherical": _spherical}
"""Covariance type → −½ (x − μₖ)ᵀΣₖ⁻¹(x − μₖ) for each component k."""


def elliptic_envelope(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """−(x − μ)ᵀΣ⁻¹(x − μ), less an offset: an inlier where that is at least 0."""
    axes, sizes = principal_axes(model.get_precision())
    turned = Linear.of(axes, 0.0).nodes(columns.nodes)
    (away,) = squared(turned, [axes @ model.location_], -sizes)
    return judged(away, model.offset_)


TRANSFORMS: dict[str, Any] = {}
ESTIMATORS: dict[str, Any] = {
    "GaussianMixture": gaussian_mixture,
    "BayesianGaussianMixture": bayesian_mixture,
    "EllipticEnvelope": elliptic_envelope,
}
