"""scikit-learn's neighbours: votes and means of the training rows that are near."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform import ops
from closedform.families.additive import shared_out, total_of
from closedform.families.distances import Metric, metric, squared
from closedform.formula import label_of
from closedform.ir import Array, Node
from closedform.readers.prediction import Prediction, label_from
from closedform.readers.reading import Columns, Reading, plain_label
from closedform.readers.sklearn.linear import class_labels, classes_of_labels, label_or_labels
from closedform.readers.sklearn.scale import indicator

MOST_ROWS = 2000
"""Training rows beyond which a model of neighbours is refused: the formula holds each of them."""

FEWER_ROWS = (
    "Train a model that has a short formula (a tree, a linear model, a network) on its predictions "
    "for your rows, or train this one on fewer rows."
)


@dataclass(frozen=True)
class Around:
    """The training rows around a row.

    Attributes:
        ranks: how far each is, as the metric ranks it.
        near: what each counts: 1 within reach, 0 beyond.
        metric: what measures them.
    """

    ranks: list[Node]
    near: list[Node]
    metric: Metric


def few_rows(model: Any, rows: Any, reading: Reading) -> bool:
    """Tell whether the training rows are few enough for a formula; note it where they are not."""
    count = rows.shape[0]
    if count > MOST_ROWS:
        reading.problem(
            f"This {type(model).__name__} compares with {count:,} training rows, and a formula "
            f"would hold them all; {MOST_ROWS:,} are the most that are read.",
            FEWER_ROWS,
        )
    return bool(count <= MOST_ROWS)


def measured(model: Any, columns: Columns, reading: Reading) -> tuple[Metric, list[Node]] | None:
    """Return the metric of a model of neighbours, and how far each training row is."""
    name, rows = model.effective_metric_, model._fit_X
    found = None if callable(name) else metric(name, model.effective_metric_params_ or {})
    if found is None:
        shown = getattr(name, "__name__", name)
        reading.problem(
            f"{type(model).__name__}(metric={shown!r}) has no formula here.",
            "Refit it with metric='euclidean', 'manhattan', 'chebyshev', 'minkowski', 'cosine' or "
            "'haversine'.",
        )
    if not few_rows(model, rows, reading) or found is None:
        return None
    return found, found.ranks(columns.nodes, dense(rows))


def dense(rows: Any) -> Array:
    """Return training rows as an array of float64."""
    spread = rows.toarray() if hasattr(rows, "toarray") else rows
    return np.asarray(spread, dtype=np.float64)


def nearest(model: Any, count: int, columns: Columns, reading: Reading) -> Around | None:
    """Return the training rows that are no farther than the one in place `count`."""
    if count > model._fit_X.shape[0]:
        reading.problem(
            f"{type(model).__name__} looks for {count} neighbours among "
            f"{model._fit_X.shape[0]} training rows: its predict() raises.",
            "Refit it with fewer n_neighbors.",
        )
        return None
    found = measured(model, columns, reading)
    if found is None:
        return None
    how, ranks = found
    edge = ops.kth(count, *ranks)
    reading.call(edge, "farthest neighbour" if count > 1 else "nearest neighbour")
    if note_ties(model, count, reading):
        return Around(ranks, _evenly(ranks, edge, count), how)
    return Around(ranks, [indicator(ops.less_equal(rank, edge)) for rank in ranks], how)


def _evenly(ranks: Sequence[Node], edge: Node, count: int) -> list[Node]:
    """Return 1 for what is nearer than the edge; those at it share the places that are left.

    Copies of one training row are alike, so that any of them will do: a bag is full of them.
    """
    nearer = [indicator(ops.less(rank, edge)) for rank in ranks]
    at_edge = [indicator(ops.equal(rank, edge)) for rank in ranks]
    left = ops.lin(count, *[(-1, n) for n in nearer])
    share = ops.div(left, total_of(at_edge))
    return [
        ops.lin(0, (1, n), (1, ops.mul(a, share))) for n, a in zip(nearer, at_edge, strict=True)
    ]


def note_ties(model: Any, count: int, reading: Reading) -> bool:
    """Tell whether training rows tie for the last place: the model keeps those it finds first.

    It is noted where they are not copies of each other.
    """
    rows = model._fit_X
    if count >= rows.shape[0]:
        return False
    away = _own_distances(model, count + 1)
    tied = np.isclose(away[:, count - 1], away[:, count], rtol=1e-12, atol=0)
    unlike = [i for i in np.flatnonzero(tied).tolist() if not _alike(model, i, away[i, count])]
    say_ties(len(unlike), rows.shape[0], count, reading, "in the formula they share it")
    return bool(tied.any())


def _alike(model: Any, i: int, edge: float) -> bool:
    """Tell whether the training rows at a distance from row i are copies, targets included."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "X does not have valid feature names"
        away, order = model.kneighbors(model._fit_X[i : i + 1], model._fit_X.shape[0])
    at = order[0][np.isclose(away[0], edge, rtol=1e-12, atol=0)]
    targets = getattr(model, "_y", np.zeros(model._fit_X.shape[0]))
    whole = np.column_stack([dense(model._fit_X)[at], np.asarray(targets)[at].reshape(len(at), -1)])
    return bool((whole == whole[0]).all())


def say_ties(tied: int, rows: int, count: int, reading: Reading, ours: str) -> None:
    """Say of how many training rows others tie for the last place, if there are any.

    Args:
        tied: so many training rows.
        rows: of how many.
        count: the last place.
        reading: where it is noted.
        ours: what the formula makes of them.
    """
    if tied:
        reading.differs(
            f"seen from {tied} of the {rows} training rows, several tie for place {count} "
            f"among the neighbours: {ours}, the model takes those that it finds first"
        )


def _own_distances(model: Any, count: int) -> Array:
    """Return how far each training row is from those nearest to it, as the model computes it.

    Of a model of radii: 0 where a row finds itself within a radius of 0, and 1 where it does not.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "X does not have valid feature names"
        if hasattr(model, "kneighbors"):
            found: Array = model.kneighbors(model._fit_X, count)[0]
            return found
        near = model.radius_neighbors(model._fit_X, 0.0, return_distance=False)
    return np.array([float(len(rows) == 0) for rows in near])


def note_blur(model: Any, reading: Reading) -> None:
    """Say so where the model does not find its own training rows at distance 0.

    With algorithm="brute" it computes |x|² − 2x·c + |c|², which is about 1e-8·|x| there.
    """
    blurred = int((_own_distances(model, 1) != 0).sum())
    if blurred:
        reading.differs(
            f"the model finds {blurred} of its training rows at a distance from themselves that "
            "is not 0 but rounding, and weighs by it: near training rows it is inexact"
        )


def inside(model: Any, columns: Columns, reading: Reading) -> Around | None:
    """Return the training rows within the radius."""
    found = measured(model, columns, reading)
    if found is None:
        return None
    how, ranks = found
    edge = ops.const(how.reduced(float(model.radius)))
    return Around(ranks, [indicator(ops.less_equal(rank, edge)) for rank in ranks], how)


@dataclass(frozen=True)
class Weights:
    """What each training row counts.

    Attributes:
        near: 1 for a row within reach, 0 beyond.
        usual: the same, or divided by the distance.
        here: 1 for a row at distance 0: where there are such rows, they alone count. Empty where
            distances do not weigh.
        found: whether there are such rows.
    """

    near: list[Node]
    usual: list[Node]
    here: list[Node]
    found: Node

    def mean(self, values: Any) -> Node:
        """Return the mean of the rows' values."""
        usual = _mean(self.usual, values)
        return ops.where(self.found, _mean(self.here, values), usual) if self.here else usual


def _mean(weights: Sequence[Node], values: Any) -> Node:
    return ops.div(ops.linear(0.0, values, weights), total_of(weights))


def weighed(around: Around | None, model: Any, reading: Reading) -> Weights | None:
    """Return the weights of the training rows: 1, or 1 / distance, within reach and 0 beyond."""
    if model.weights not in ("uniform", "distance", None):
        shown = getattr(model.weights, "__name__", model.weights)
        reading.problem(
            f"{type(model).__name__}(weights={shown}) has no formula: its code is not known.",
            "Refit it with weights='uniform' or weights='distance'.",
        )
        return None
    if around is None:
        return None
    near = around.near
    if model.weights != "distance":
        return Weights(near, near, [], ops.boolean(False))
    note_blur(model, reading)
    zero = ops.const(0.0)
    away = [around.metric.finish(rank) for rank in around.ranks]
    return Weights(
        near,
        [ops.div(n, d) for n, d in zip(near, away, strict=True)],
        [ops.where(ops.equal(r, zero), n, zero) for r, n in zip(around.ranks, near, strict=True)],
        ops.equal(ops.minimum(*around.ranks), zero),
    )


def k_regressor(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """Σ wⱼyⱼ / Σ wⱼ over the k nearest training rows."""
    around = nearest(model, model.n_neighbors, columns, reading)
    return _means(weighed(around, model, reading), model)


def radius_regressor(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """Σ wⱼyⱼ / Σ wⱼ over the training rows within the radius; missing where there is none."""
    around = inside(model, columns, reading)
    return _means(weighed(around, model, reading), model)


def _means(weights: Weights | None, model: Any) -> Prediction:
    if weights is None:
        return Prediction.nothing()
    values = np.asarray(model._y, dtype=np.float64).reshape(len(weights.near), -1)
    means = [weights.mean(y) for y in np.ascontiguousarray(values.T)]
    if not hasattr(model, "kneighbors") and np.asarray(model._y).dtype.kind in "iu":
        means = [_of_nobody(weights, y, model) for y in means]
    return Prediction.of_values(means)


def _of_nobody(weights: Weights, mean: Node, model: Any) -> Node:
    """Return a mean of whole targets: of nobody, it is NaN cast to such a number, −9.2e18."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # "invalid value encountered in cast"
        nothing = np.full_like(np.asarray(model._y), np.nan).flat[0]
    return ops.where(_nobody(weights), ops.const(nothing), mean)


def _nobody(weights: Weights) -> Node:
    return ops.equal(total_of(weights.near), ops.const(0.0))


def k_classifier(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The share of each class in the weights of the k nearest training rows."""
    weights = weighed(nearest(model, model.n_neighbors, columns, reading), model, reading)
    if weights is None:
        return Prediction.nothing()
    parts = [_elected(_shares(weights, codes, classes), classes) for codes, classes in _told(model)]
    return label_or_labels(model, parts)


def _told(model: Any) -> list[tuple[Array, tuple[Any, ...]]]:
    """Return the codes of the training rows, and the classes that they stand for, by label."""
    codes = np.asarray(model._y).reshape(len(model._y), -1)
    return list(zip(codes.T, classes_of_labels(model), strict=True))


def _shares(weights: Weights, codes: Array, classes: tuple[Any, ...]) -> list[Node]:
    rows = [np.flatnonzero(codes == c).tolist() for c in range(len(classes))]
    usual, here = (
        shared_out([total_of([w[j] for j in at]) for at in rows], fallback=False) if w else []
        for w in (weights.usual, weights.here)
    )
    if not here:
        return usual
    return [ops.where(weights.found, h, u) for h, u in zip(here, usual, strict=True)]


def _elected(shares: Sequence[Node], classes: tuple[Any, ...]) -> Prediction:
    label = label_of(shares, classes)
    return Prediction.of_classes(classes, label=label, link="vote", probability=shares)


def radius_classifier(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The share of each class within the radius; where nobody is there, the outlier's label."""
    weights = weighed(inside(model, columns, reading), model, reading)
    if weights is None:
        return Prediction.nothing()
    if model.outlier_label_ is None:
        reading.refuse(_nobody(weights))
    told = _told(model)
    outliers = [None] * len(told) if model.outlier_label_ is None else list(model.outlier_label_)
    parts = [
        _within_reach(weights, codes, classes, outlier)
        for (codes, classes), outlier in zip(told, outliers, strict=True)
    ]
    return label_or_labels(model, parts)


def _within_reach(
    weights: Weights, codes: Array, classes: tuple[Any, ...], outlier: Any
) -> Prediction:
    shares = _shares(weights, codes, classes)
    if outlier is None:
        return _elected(shares, classes)
    alone, label = _nobody(weights), plain_label(outlier)
    given = [ops.const(float(c == label)) for c in classes]
    chances = [ops.where(alone, p, q) for p, q in zip(given, shares, strict=True)]
    chosen = ops.where(alone, ops.label(label), label_of(shares, classes))
    return Prediction.of_classes(classes, label=chosen, link="vote", probability=chances)


def propagated(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The labels that spread over the training rows, weighed by exp(−γ·d²) or of the k nearest."""
    if not isinstance(model.kernel, str):
        reading.problem(f"{type(model).__name__} with a kernel of its own has no formula.")
        return Prediction.nothing()
    weights = _kernel(model, columns, reading)
    if weights is None:
        return Prediction.nothing()
    spread = np.asarray(model.label_distributions_, dtype=np.float64)
    votes = [ops.linear(0.0, part, weights) for part in np.ascontiguousarray(spread.T)]
    shares, classes = shared_out(votes, fallback=False), class_labels(model)
    # Far from every training row all weights are 0: no chances, and the first class.
    nobody = ops.equal(total_of(votes), ops.const(0.0))
    label = ops.where(nobody, ops.label(classes[0]), label_of(shares, classes))
    return Prediction.of_classes(classes, label=label, link="vote", probability=shares)


def _kernel(model: Any, columns: Columns, reading: Reading) -> list[Node] | None:
    if model.kernel == "knn":
        around = nearest(model.nn_fit, model.n_neighbors, columns, reading)
        return None if around is None else around.near
    if not few_rows(model, model.X_, reading):
        return None
    rows = dense(model.X_)
    steep = np.full(rows.shape[1], -float(model.gamma))
    return [ops.exp(d) for d in squared(columns.nodes, rows, steep)]


def local_outliers(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """How much sparser it is here than around the k nearest training rows, against a limit.

    Breunig, M. et al. (2000), LOF: identifying density-based local outliers, SIGMOD.
    """
    if not model.novelty:
        reading.problem(
            "LocalOutlierFactor(novelty=False) judges its training rows alone.",
            "Refit it with novelty=True.",
        )
        return Prediction.nothing()
    around = nearest(model, model.n_neighbors_, columns, reading)
    if around is None:
        return Prediction.nothing()
    chosen = around.near
    reach = [
        ops.maximum(around.metric.finish(rank), ops.const(d))
        for rank, d in zip(around.ranks, model._distances_fit_X_[:, -1].tolist(), strict=True)
    ]
    count = total_of(chosen)
    inner = total_of([ops.mul(i, r) for i, r in zip(chosen, reach, strict=True)])
    sparse = ops.lin(1e-10, (1, ops.div(inner, count)))
    dense_there = ops.div(ops.linear(0.0, np.asarray(model._lrd), chosen), count)
    return judged(ops.lin(0, (-1, ops.mul(dense_there, sparse))), model.offset_)


def judged(score: Node, offset: float) -> Prediction:
    """Return 1, an inlier, where score − offset is at least 0, and −1, an outlier, below."""
    decision, classes = ops.lin(-float(offset), (1, score)), (-1, 1)
    label = label_from(decision, 0.0, classes)
    made = Prediction.of_classes(classes, label=label, link="none", decision=[decision])
    return Prediction({**made.outputs, "score_samples": score}, made.task)


TRANSFORMS: dict[str, Any] = {}
ESTIMATORS: dict[str, Any] = {
    "KNeighborsRegressor": k_regressor,
    "KNeighborsClassifier": k_classifier,
    "RadiusNeighborsRegressor": radius_regressor,
    "RadiusNeighborsClassifier": radius_classifier,
    "LabelPropagation": propagated,
    "LabelSpreading": propagated,
    "LocalOutlierFactor": local_outliers,
}
