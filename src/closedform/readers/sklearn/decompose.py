"""scikit-learn: partial least squares, sparse components and codes, hidden units, word weights."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.families.additive import Linear, total_of
from closedform.ir import Array, Node
from closedform.readers.prediction import Prediction
from closedform.readers.reading import Columns, Reading
from closedform.readers.sklearn.dispatch import names_out
from closedform.readers.sklearn.hints import ITERATES
from closedform.readers.sklearn.project import projected
from closedform.readers.sklearn.scale import centred


def partial_squares(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """W·(x − mean) + b, each column divided by its deviation where the version does so."""
    spread = model._x_std if _divides(model) else None
    away = centred(columns.nodes, model._x_mean, spread)
    return Prediction.of_values(Linear.of(model.coef_, model.intercept_).nodes(away))


def _divides(model: Any) -> bool:
    """Tell, by asking the model for a row, whether its weights are those of scaled columns.

    They are in scikit-learn 1.4, and no longer in 1.9; nothing stored says so.
    """
    weights, spread = np.atleast_2d(model.coef_), np.asarray(model._x_std)
    far = np.abs(weights * (spread - 1)).sum(axis=1).argmax()
    away = np.sign(weights[far] * (spread - 1)) * spread
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "X does not have valid feature names"
        said = np.ravel(model.predict((model._x_mean + away)[None]))[far]
    start = np.ravel(model.intercept_)[far]
    whole, scaled = start + weights[far] @ away, start + weights[far] @ (away / spread)
    return bool(abs(said - scaled) < abs(said - whole))


def partial_scores(model: Any, columns: Columns, reading: Reading) -> Columns:
    """R·(x − mean) / deviation."""
    scaled = columns.mapped(centred(columns.nodes, model._x_mean, model._x_std))
    return projected(model, scaled, model.x_rotations_.T)


def cross_axes(model: Any, columns: Columns, reading: Reading) -> Columns:
    """W·(x − mean) / deviation, with the singular vectors of the covariance of x and y."""
    scaled = columns.mapped(centred(columns.nodes, model._x_mean, model._x_std))
    return projected(model, scaled, model.x_weights_.T)


def sparse_components(model: Any, columns: Columns, reading: Reading) -> Columns:
    """(CCᵀ + αI)⁻¹C·(x − mean): the ridge regression of a row on the components C."""
    if model.components_.dtype != np.float64:
        reading.differs("trained on float32, it solves its equations in float32: off by about 1e-7")
    parts = np.asarray(model.components_, dtype=np.float64)
    gram = parts @ parts.T + model.ridge_alpha * np.eye(len(parts))
    try:
        weights: Array = np.linalg.solve(gram, parts)
    except np.linalg.LinAlgError:  # components of zeros alone, without a penalty
        weights = np.linalg.lstsq(gram, parts, rcond=None)[0]
    return projected(model, columns.mapped(centred(columns.nodes, model.mean_, None)), weights)


def hidden_units(model: Any, columns: Columns, reading: Reading) -> Columns:
    """sigmoid(W·x + b)."""
    made = projected(model, columns, model.components_, model.intercept_hidden_)
    return made.mapped([ops.sigmoid(x) for x in made.nodes])


def sparse_code(model: Any, columns: Columns, reading: Reading) -> Columns:
    """sign(c)·max(|c| − α, 0) with c = D·x, where the code is found by a threshold."""
    if model.transform_algorithm != "threshold":
        name = type(model).__name__
        reading.problem(
            f"{name}(transform_algorithm={model.transform_algorithm!r}) has no formula.",
            ITERATES + " Or set transform_algorithm='threshold'.",
        )
        return reading.placeholder(names_out(model, columns))
    atoms = model.dictionary if hasattr(model, "dictionary") else model.components_
    shrink = model.transform_alpha
    if shrink is None:
        shrink = getattr(model, "alpha", 1.0)
    products = Linear.of(atoms, 0.0).nodes(columns.nodes)
    names = names_out(model, columns)
    if model.split_sign:
        names = [f"{n} {sign}" for sign in ("above", "below") for n in names[: len(products)]]
    return columns.mapped(_shrunk(products, float(shrink), model), names)


def _shrunk(products: Sequence[Node], shrink: float, model: Any) -> list[Node]:
    zero = ops.const(0.0)
    above = [ops.maximum(ops.lin(-shrink, (1, c)), zero) for c in products]
    below = [ops.maximum(ops.lin(-shrink, (-1, c)), zero) for c in products]
    if model.positive_code:
        return above + [zero] * len(below) if model.split_sign else above
    if model.split_sign:
        return above + below
    return [ops.lin(0, (1, a), (-1, b)) for a, b in zip(above, below, strict=True)]


def word_weights(model: Any, columns: Columns, reading: Reading) -> Columns:
    """count·idf (or (log count + 1)·idf), divided by the length of the row."""
    made = list(columns.nodes)
    if model.sublinear_tf:
        grown = [ops.lin(1, (1, ops.log(x))) for x in made]
        reading.may_vanish(grown)
        zero = ops.const(0.0)
        made = [ops.where(ops.equal(x, zero), zero, g) for x, g in zip(made, grown, strict=True)]
        if model.norm is not None:
            reading.refuse_missing(columns.mapped(made))
    if hasattr(model, "idf_"):
        sizes = np.asarray(model.idf_).tolist()
        made = [ops.lin(0, (w, x)) for w, x in zip(sizes, made, strict=True)]
    return columns.mapped(made if model.norm is None else _of_one_length(made, model.norm))


def _of_one_length(nodes: Sequence[Node], norm: str) -> list[Node]:
    """Return x / |x|; a row of zeros, as sparse rows have none of them, stays as it is."""
    if norm == "l1":
        size = total_of([ops.absolute(x) for x in nodes])
    else:
        size = ops.sqrt(ops.squared_distance(nodes, np.zeros(len(nodes))))
    divisor = ops.where(ops.equal(size, ops.const(0.0)), ops.const(1.0), size)
    return [ops.div(x, divisor) for x in nodes]


LEAST_SQUARES = ("PLSRegression", "PLSCanonical", "CCA")
TRANSFORMS: dict[str, Any] = {
    **dict.fromkeys(LEAST_SQUARES, partial_scores),
    "PLSSVD": cross_axes,
    "SparsePCA": sparse_components,
    "MiniBatchSparsePCA": sparse_components,
    "BernoulliRBM": hidden_units,
    "SparseCoder": sparse_code,
    "DictionaryLearning": sparse_code,
    "MiniBatchDictionaryLearning": sparse_code,
    "TfidfTransformer": word_weights,
}
ESTIMATORS: dict[str, Any] = dict.fromkeys(LEAST_SQUARES, partial_squares)
