"""scikit-learn's Gaussian processes: means, standard deviations and class probabilities."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np

from closedform import ops
from closedform.families import kernels as k
from closedform.families.additive import complement, shared_out
from closedform.families.kernels import Kernel, Part, expansion, mean_sigmoid, quadratic
from closedform.formula import label_above, label_of
from closedform.ir import Array, Node
from closedform.readers.prediction import Prediction, highest
from closedform.readers.reading import Columns, Reading
from closedform.readers.sklearn.kernels import CANCEL, SEEN, SMALLER, SQUARED, fits, process_kernel
from closedform.readers.sklearn.linear import class_labels
from closedform.readers.sklearn.svm import shared_votes_of

PRIOR = k.gaussian(1.0)
"""The kernel of a process that was given none."""


def process_regressor(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """ŷ = Σ weight·k(x, training point); its standard deviation by Cholesky's L.

    Rasmussen, C. E. and Williams, C. K. I. (2006), Gaussian Processes for Machine Learning,
    algorithm 2.1.
    """
    if not hasattr(model, "X_train_"):
        return _prior(model, columns, reading)
    kernel = process_kernel(model.kernel_, columns.nodes, reading)
    points = np.asarray(model.X_train_, dtype=np.float64)
    if kernel is None or not fits(model, points, kernel, reading):
        return Prediction.nothing()
    sizes = np.atleast_1d(np.asarray(model._y_train_std, dtype=np.float64))
    middles = np.atleast_1d(np.asarray(model._y_train_mean, dtype=np.float64))
    weights = np.asarray(model.alpha_).reshape(len(points), -1).T * sizes[:, None]
    parts = kernel.between(columns.nodes, points)
    values = expansion(parts, weights, np.broadcast_to(middles, (len(weights),)).tolist())
    if len(points) > SQUARED:
        reading.leave_out(
            "the standard deviation", f"it weighs all pairs of {len(points):,} training points"
        )
        return Prediction.of_values(values)
    _note_rounding(model, reading)
    variance = _variance(kernel, parts, columns, np.asarray(model.L_), np.ones(len(points)))
    reading.call(variance, "variance")
    deviation = [_deviation(variance, s) for s in np.broadcast_to(sizes, len(weights)).tolist()]
    return Prediction.of_values(values, deviation=deviation)


def _note_rounding(model: Any, reading: Reading) -> None:
    """Say where rounding alone parts model and formula: a process with next to no noise.

    Without noise the weights of neighbouring points are large and of opposite signs, and near the
    training points the variance is a small difference of large numbers. Of 40 points of a sine,
    interpolated, the weights were 1e5 and the mean was off by 2e-10, a deviation of 5e-6 by 0.1 %.
    """
    eps, root = float(np.finfo(np.float64).eps), np.tril(model.L_)
    most = float((root * root).sum(axis=1).max())
    weights = np.asarray(model.alpha_).reshape(len(root), -1)
    values = np.abs(np.asarray(model.y_train_)).reshape(len(root), -1)
    moved = np.sqrt((weights * weights).sum(axis=0)) * eps * most
    if (moved > SEEN * values.max(axis=0)).any():
        reading.differs(CANCEL)
    least = _least_variance(model)
    lost = eps * most / least if least > eps * most else 1.0
    if lost > SEEN:
        reading.differs(
            "near the training points the standard deviation is the root of a small difference, "
            f"of which rounding may move about {lost:.0e}"
        )


def _least_variance(model: Any) -> float:
    """Return the smallest variance at a training point, in units of the scaled target."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of variances below 0, set to 0
        _, std = model.predict(model.X_train_, return_std=True)
    scaled = np.asarray(std) / np.asarray(model._y_train_std)
    return float((scaled * scaled).min())


def _variance(
    kernel: Kernel, parts: Sequence[Part], columns: Columns, root: Array, points: Array
) -> Node:
    """Return k(x, x) − |L⁻¹k|²."""
    known = quadratic(parts, root, points)
    return ops.lin(0, (1, kernel.itself(columns.nodes)), (-1, known))


def _deviation(variance: Node, size: float) -> Node:
    """Return √variance in the units of y; what rounding takes below 0 is 0."""
    return ops.lin(0, (size, ops.sqrt(ops.maximum(variance, ops.const(0.0)))))


def _prior(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """0, and √k(x, x), of a process that has seen nothing."""
    kernel = PRIOR
    if model.kernel is not None:
        found = process_kernel(model.kernel, columns.nodes, reading)
        if found is None:
            return Prediction.nothing()
        kernel = found
    count = getattr(model, "n_targets", None) or 1
    deviation = ops.sqrt(kernel.itself(columns.nodes))
    return Prediction.of_values([ops.const(0.0)] * count, deviation=[deviation] * count)


# --- classification -----------------------------------------------------------------------------


def process_classifier(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The sign of the latent mean; of several classes, the likeliest one or the votes of pairs."""
    classes = class_labels(model)
    if len(classes) == 2:
        return _two(model.base_estimator_, classes, columns, reading)
    machines = model.base_estimator_.estimators_
    latent = [_latent(m, columns, reading) for m in machines]
    found = [pair for pair in latent if pair is not None]
    if len(found) < len(latent):
        return Prediction.nothing()
    chances = [mean_sigmoid(*pair) for pair in found]
    if model.multi_class == "one_vs_rest":
        return _likeliest(model, chances, classes)
    return _by_pairs([f for f, _ in found], chances, classes)


def _latent(machine: Any, columns: Columns, reading: Reading) -> tuple[Node, Node] | None:
    """Return the mean and the variance of the latent function, or None where it has no formula.

    Rasmussen, C. E. and Williams, C. K. I. (2006), Gaussian Processes for Machine Learning,
    algorithm 3.2.
    """
    kernel = process_kernel(machine.kernel_, columns.nodes, reading)
    points = np.asarray(machine.X_train_, dtype=np.float64)
    if kernel is None or not fits(machine, points, kernel, reading):
        return None
    if len(points) > SQUARED:
        reading.problem(
            f"This GaussianProcessClassifier weighs all pairs of {len(points):,} training points; "
            f"of more than {SQUARED:,} they are no formula.", SMALLER,
        )  # fmt: skip
        return None
    parts = kernel.between(columns.nodes, points)
    weights = np.asarray(machine.y_train_, dtype=np.float64) - machine.pi_
    (mean,) = expansion(parts, weights[None, :], [0.0])
    variance = _variance(kernel, parts, columns, np.asarray(machine.L_), machine.W_sr_)
    reading.call(mean, "latent mean")
    reading.call(variance, "latent variance")
    return mean, variance


def _two(machine: Any, classes: tuple[Any, ...], columns: Columns, reading: Reading) -> Prediction:
    latent = _latent(machine, columns, reading)
    if latent is None:
        return Prediction.nothing()
    p = mean_sigmoid(*latent)
    label = label_above(latent[0], 0.0, classes)
    return Prediction.of_classes(classes, label=label, link="none", probability=[complement(p), p])


def _likeliest(model: Any, chances: Sequence[Node], classes: tuple[Any, ...]) -> Prediction:
    """The class whose machine is surest; of equal ones the first or, up to 1.8, the last."""
    first = _takes_the_first(model)
    return Prediction.of_classes(
        classes,
        label=label_of(chances, classes) if first else label_of(chances[::-1], classes[::-1]),
        link="none",
        probability=shared_out(chances, fallback=False),
    )


def _takes_the_first(model: Any) -> bool:
    """Tell which of equally likely classes is predicted, by asking a twin of equal machines.

    So far from all points that every kernel value is 0, all chances are 1/2.
    """
    twin = copy(model.base_estimator_)
    machine = twin.estimators_[0]
    twin.estimators_ = [machine] * len(twin.estimators_)
    return bool(twin.predict(machine.X_train_[:1])[0] == model.classes_[0])


def _by_pairs(
    means: Sequence[Node], chances: Sequence[Node], classes: tuple[Any, ...]
) -> Prediction:
    """Votes of the pairs, and their chances to part equal ones; no probabilities."""
    first = [ops.less_equal(f, ops.const(0.0)) for f in means]
    # The sums are those of the pair's second class.
    scores = [ops.lin(0, (-1, p)) for p in chances]
    shared = shared_votes_of(first, scores, len(classes))
    return Prediction.of_classes(classes, label=highest(shared, classes), link="none")


TRANSFORMS: dict[str, Any] = {}
ESTIMATORS: dict[str, Any] = {
    "GaussianProcessRegressor": process_regressor,
    "GaussianProcessClassifier": process_classifier,
}
