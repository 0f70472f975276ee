"""scikit-learn: linear projections of all columns onto fewer."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from closedform import ops
from closedform.families.additive import Linear
from closedform.ir import Array
from closedform.readers.reading import Columns, Reading
from closedform.readers.sklearn.dispatch import names_out
from closedform.readers.sklearn.scale import centred


def projected(model: Any, columns: Columns, weights: Any, bias: Any = 0.0) -> Columns:
    """Return W·x + b under the names that the model gives its columns."""
    made = Linear.of(weights, bias).nodes(columns.nodes)
    names = names_out(model, columns)
    fits = len(names) == len(made)
    return columns.mapped(made, names if fits else [f"component{i}" for i in range(len(made))])


def principal(model: Any, columns: Columns, reading: Reading) -> Columns:
    """W·x − W·mean, divided by the standard deviation of each component where whitened."""
    made = projected(model, columns, model.components_, _start(model))
    if not model.whiten:
        return made
    spread = np.sqrt(model.explained_variance_)
    spread = np.maximum(spread, np.finfo(spread.dtype).eps)
    return made.mapped(centred(made.nodes, None, spread))


def _start(model: Any) -> Array:
    """Return −W·mean, in float32 where a model that was trained on such data computes it so.

    Up to 1.4 it subtracts the mean from the row.
    """
    weights = model.components_
    mean = np.zeros_like(weights[:1]) if model.mean_ is None else model.mean_.reshape(1, -1)
    own = weights.dtype if hasattr(model, "_transform") else np.float64
    made: Array = -(mean.astype(own) @ weights.T)[0]
    return made


def rotated(model: Any, columns: Columns, reading: Reading) -> Columns:
    """W·x."""
    return projected(model, columns, model.components_)


def independent(model: Any, columns: Columns, reading: Reading) -> Columns:
    """W·(x − mean); without the mean where the data were taken as white."""
    if not model.whiten:
        return rotated(model, columns, reading)
    away = columns.mapped(centred(columns.nodes, model.mean_, None))
    return projected(model, away, model.components_)


def factors(model: Any, columns: Columns, reading: Reading) -> Columns:
    """The expected factors: (1 + WΨ⁻¹Wᵀ)⁻¹ WΨ⁻¹ (x − mean).

    Barber, D. (2012), Bayesian Reasoning and Machine Learning, equation 21.2.33.
    """
    weighted: Array = model.components_ / model.noise_variance_
    spread = np.linalg.inv(np.eye(len(weighted)) + weighted @ model.components_.T)
    away = columns.mapped(centred(columns.nodes, model.mean_, None))
    return projected(model, projected(model, away, weighted), spread.T)


def fourier(model: Any, columns: Columns, reading: Reading) -> Columns:
    """√(2/n)·cos(W·x + b): random Fourier features.

    Rahimi, A. and Recht, B. (2007), Random features for large-scale kernel machines, NIPS.
    """
    made = projected(model, columns, model.random_weights_.T, model.random_offset_)
    size = math.sqrt(2.0 / len(made))
    return made.mapped([ops.lin(0, (size, ops.cos(x))) for x in made.nodes])


TRANSFORMS: dict[str, Any] = {
    "PCA": principal,
    "IncrementalPCA": principal,
    "TruncatedSVD": rotated,
    "FastICA": independent,
    "FactorAnalysis": factors,
    "GaussianRandomProjection": rotated,
    "SparseRandomProjection": rotated,
    "NeighborhoodComponentsAnalysis": rotated,
    "RBFSampler": fourier,
}
ESTIMATORS: dict[str, Any] = {}
