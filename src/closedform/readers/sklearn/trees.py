"""scikit-learn's decision trees, and forests of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.families.trees import Forest
from closedform.ir import Array, Node
from closedform.ops.payloads import Splits, splits_from
from closedform.readers.prediction import Prediction, highest
from closedform.readers.reading import Columns, Reading
from closedform.readers.sklearn.linear import classes_of_labels, label_or_labels


def tree_regressor(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The mean (or median) of the training rows in a leaf."""
    return _values([model], columns, reading)


def tree_classifier(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The shares of the classes among the training rows in a leaf."""
    return _shares(model, [model], columns, reading)


def forest_regressor(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The mean of the trees, added in their order and then divided."""
    return _values(model.estimators_, columns, reading)


def forest_classifier(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The mean of the shares of all trees; the class with the highest one."""
    return _shares(model, model.estimators_, columns, reading)


def _values(trees: Sequence[Any], columns: Columns, reading: Reading) -> Prediction:
    refuse_missing(trees[0], columns, reading)
    return Prediction.of_values(_mean(trees, trees[0].n_outputs_, columns))


def _shares(model: Any, trees: Sequence[Any], columns: Columns, reading: Reading) -> Prediction:
    refuse_missing(trees[0], columns, reading)
    labels = classes_of_labels(model)
    sizes = [len(classes) for classes in labels]
    ends = np.cumsum(sizes).tolist()
    chances = _mean(trees, sum(sizes), columns, sizes)
    shares = [chances[end - size : end] for size, end in zip(sizes, ends, strict=True)]
    return label_or_labels(
        model,
        [
            Prediction.of_classes(
                classes, label=highest(share, classes), link="vote", probability=share
            )
            for classes, share in zip(labels, shares, strict=True)
        ],
    )


def _mean(
    trees: Sequence[Any], outputs: int, columns: Columns, sizes: Sequence[int] = ()
) -> list[Node]:
    """Return the mean of all trees; `sizes` is how many classes each of several labels has."""
    pairs = [tree_of(t.tree_) for t in trees]
    parts = tuple((splits, _flat(values, sizes)) for splits, values in pairs)
    return Forest(parts, None, (0.0,) * outputs, divide=len(trees)).nodes(rounded(columns))


def _flat(values: Array, sizes: Sequence[int]) -> Array:
    """Return values as (nodes, outputs); labels with fewer classes than others are padded."""
    if not sizes:
        return values.reshape(len(values), -1)
    return np.hstack([values[:, k, :size] for k, size in enumerate(sizes)])


def tree_of(tree: Any) -> tuple[Splits, Array]:
    """Return one tree, with its values as (nodes, outputs, classes).

    A missing value goes where `missing_go_to_left` says, also in a tree that was trained
    without any: there it is the child with more training rows.
    """
    splits, order = shape_of(tree)
    return splits, np.asarray(tree.value, dtype=np.float64)[order]


def shape_of(tree: Any) -> tuple[Splits, Array]:
    """Return the splits of one tree, and its own number of each of their nodes."""
    return splits_from(
        tree.children_left.tolist(),
        tree.children_right.tolist(),
        tree.feature,
        tree.threshold,
        missing_left=tree.missing_go_to_left,
        counts=tree.n_node_samples,
    )


def rounded(columns: Columns) -> tuple[Node, ...]:
    """Return the columns as these trees see them: float32(x) <= threshold, in float64."""
    return tuple(ops.round32(x) for x in columns.nodes)


def refuse_missing(tree: Any, columns: Columns, reading: Reading) -> None:
    """Note that a tree raises on missing values, where it does."""
    # Up to 1.4 a tree with monotonic_cst raises on NaN, although its tags allow it.
    accepts = getattr(tree, "_support_missing_values", lambda X: True)
    if not accepts(np.zeros((1, 1))):
        reading.refuse_missing(columns)


TRANSFORMS: dict[str, Any] = {}
ESTIMATORS: dict[str, Any] = {
    "DecisionTreeRegressor": tree_regressor,
    "DecisionTreeClassifier": tree_classifier,
    "ExtraTreeRegressor": tree_regressor,
    "ExtraTreeClassifier": tree_classifier,
    "RandomForestRegressor": forest_regressor,
    "RandomForestClassifier": forest_classifier,
    "ExtraTreesRegressor": forest_regressor,
    "ExtraTreesClassifier": forest_classifier,
}
