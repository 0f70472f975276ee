"""scikit-learn's clusters that predict: the nearest centre, and the distances to all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.families.additive import total_of
from closedform.families.distances import closeness, distances, squared
from closedform.formula import label_of
from closedform.ir import Node
from closedform.readers.prediction import Prediction
from closedform.readers.reading import Columns, Reading
from closedform.readers.sklearn.dispatch import names_out
from closedform.readers.sklearn.neighbors import few_rows


def clustered(label: Node, clusters: int | Sequence[int]) -> Prediction:
    """Return the number of a cluster as a label; of so many, or one of those listed."""
    numbers = range(clusters) if isinstance(clusters, int) else clusters
    return Prediction.of_classes(tuple(numbers), label=label, link="none")


def means(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The cluster with the greatest c·x − |c|²/2, which is the one with the nearest centre c."""
    centres = np.asarray(model.cluster_centers_, dtype=np.float64)
    return clustered(label_of(closeness(columns.nodes, centres), range(len(centres))), len(centres))


def nearest_centre(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The cluster with the greatest −Σ(xᵢ − cᵢ)².

    Not the shorter c·x − |c|²/2 of k-means: these models compare the squares, which so far out
    that all are the same double (from 1e16 times the centres on) give the first cluster.
    """
    centres = np.asarray(model.cluster_centers_, dtype=np.float64)
    if not len(centres):  # where affinity propagation has not converged
        return clustered(ops.label(-1), [-1])
    if not few_rows(model, centres, reading):
        return Prediction.nothing()
    return clustered(
        label_of(opposite_squares(columns, centres), range(len(centres))), len(centres)
    )


def affinity(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The cluster of the nearest exemplar."""
    if hasattr(model, "cluster_centers_"):
        return nearest_centre(model, columns, reading)
    reading.problem(
        "AffinityPropagation(affinity='precomputed') cannot predict new rows.",
        "Refit it with affinity='euclidean'.",
    )
    return Prediction.nothing()


def bisected(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """A tree of pairs of centres: at each of them the nearer one, the first where both are near."""
    mean = getattr(model, "_X_mean", 0.0)
    leaves: list[tuple[int, list[Node]]] = []
    todo: list[tuple[Any, list[Node]]] = [(model._bisecting_tree, [])]
    while todo:
        now, path = todo.pop()
        if now.left is None:
            leaves.append((int(now.label), path))
            continue
        centres = np.vstack([now.left.center, now.right.center]) + mean
        left, right = closeness(columns.nodes, centres)
        todo += [
            (now.right, [*path, ops.less(left, right)]),
            (now.left, [*path, ops.less_equal(right, left)]),
        ]
    label = ops.label(leaves[-1][0])
    for number, path in leaves[-2::-1]:
        label = ops.where(ops.both(*path), ops.label(number), label)
    return clustered(label, len(leaves))


def birch(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The cluster to which the nearest of the subclusters' centres belongs."""
    centres = np.asarray(model.subcluster_centers_, dtype=np.float64)
    numbers = np.asarray(model.subcluster_labels_).tolist()
    if not few_rows(model, centres, reading):
        return Prediction.nothing()
    scores = opposite_squares(columns, centres)
    return clustered(label_of(scores, numbers), sorted(set(numbers)))


def opposite_squares(columns: Columns, centres: Any) -> list[Node]:
    """Return −Σ(xᵢ − cᵢ)² for each centre c."""
    return squared(columns.nodes, centres, np.full(len(columns), -1.0))


def centre_distances(model: Any, columns: Columns, reading: Reading) -> Columns:
    """√Σ(xᵢ − cᵢ)² for each centre c."""
    centres = getattr(model, "subcluster_centers_", None)
    centres = model.cluster_centers_ if centres is None else centres
    made = distances(columns.nodes, np.asarray(centres, dtype=np.float64))
    return columns.mapped(made, names_out(model, columns))


POOLS = {"mean": np.mean, "max": np.max, "min": np.min, "sum": np.sum}
"""Functions of several columns that `FeatureAgglomeration` may take and that have a formula."""


def agglomerated(model: Any, columns: Columns, reading: Reading) -> Columns:
    """The mean (or the greatest, the least, the sum) of the columns in each cluster."""
    name = next((n for n, f in POOLS.items() if model.pooling_func in (f, getattr(np, f"a{n}", f))),
                None)  # fmt: skip
    if name is None:
        shown = getattr(model.pooling_func, "__name__", model.pooling_func)
        reading.problem(
            f"FeatureAgglomeration(pooling_func={shown}) has no formula here.",
            "Refit it with pooling_func=np.mean, np.max, np.min or np.sum.",
        )
        return reading.placeholder(names_out(model, columns))
    groups = np.asarray(model.labels_)
    parts = [columns.pick(np.flatnonzero(groups == g).tolist()) for g in np.unique(groups)]
    made = [_pooled(name, part.nodes) for part in parts]
    return columns.mapped(made, names_out(model, columns))


def _pooled(name: str, nodes: Sequence[Node]) -> Node:
    if name in ("max", "min"):
        return ops.maximum(*nodes) if name == "max" else ops.minimum(*nodes)
    total = total_of(nodes)
    return ops.div(total, ops.const(len(nodes))) if name == "mean" else total


TRANSFORMS: dict[str, Any] = {
    "KMeans": centre_distances,
    "MiniBatchKMeans": centre_distances,
    "BisectingKMeans": centre_distances,
    "Birch": centre_distances,
    "FeatureAgglomeration": agglomerated,
}
ESTIMATORS: dict[str, Any] = {
    "KMeans": means,
    "MiniBatchKMeans": means,
    "BisectingKMeans": bisected,
    "MeanShift": nearest_centre,
    "AffinityPropagation": affinity,
    "Birch": birch,
}
