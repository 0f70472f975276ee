"""scikit-learn's forests of random trees: outliers by path lengths, and leaves as columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from closedform import ops
from closedform.families.additive import total_of
from closedform.ir import Node
from closedform.readers.prediction import Prediction, label_from
from closedform.readers.reading import Columns, Reading
from closedform.readers.sklearn.trees import refuse_missing, rounded, shape_of

INLIER, OUTLIER = 1, -1


def isolation_forest(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """score = −2^(−mean path length / its expectation); an outlier where it is below the offset.

    Liu, F. T., Ting, K. M. and Zhou, Z.-H. (2008), Isolation forest, ICDM. `score_samples` is an
    output of its own.
    """
    from sklearn.ensemble._iforest import _average_path_length

    expected = len(model.estimators_) * float(_average_path_length([model._max_samples])[0])
    depths = total_of(_depths(model, columns))
    # Of a single training row, each path has length 0, and 0/0 counts as 1.
    share = ops.div(depths, ops.const(expected)) if expected else ops.const(1.0)
    score = ops.lin(0, (-1, ops.power(ops.const(2), ops.lin(0, (-1, share)))))
    decision = ops.lin(-float(model.offset_), (1, score))
    made = Prediction.of_classes(
        (OUTLIER, INLIER), label=label_from(decision, 0.0, (OUTLIER, INLIER)), link="none",
        decision=[decision],
    )  # fmt: skip
    return Prediction({**made.outputs, "score_samples": score}, made.task)


def _depths(model: Any, columns: Columns) -> list[Node]:
    lengths = zip(model._decision_path_lengths, model._average_path_length_per_tree, strict=True)
    parts = zip(model.estimators_, model.estimators_features_, lengths, strict=True)
    made = []
    for tree, features, (path, rest) in parts:
        splits, order = shape_of(tree.tree_)
        depth = np.asarray(path) + np.asarray(rest) - 1.0
        args = rounded(columns.pick(np.asarray(features).tolist()))
        made.append(ops.tree(splits, depth[order], args))
    return made


def embedded(model: Any, columns: Columns, reading: Reading) -> Columns:
    """A column for each leaf of each tree: 1 for a row that reaches it, else 0."""
    refuse_missing(model.estimators_[0], columns, reading)
    args, one, zero = rounded(columns), ops.const(1), ops.const(0)
    nodes: list[Node] = []
    for tree, leaves in zip(model.estimators_, model.one_hot_encoder_.categories_, strict=True):
        splits, order = shape_of(tree.tree_)
        # One tree that gives the number of the leaf, not a tree for each leaf: 100 for 2,800.
        number = ops.tree(splits, np.asarray(order, dtype=np.float64), args)
        hits = [ops.equal(number, ops.const(leaf)) for leaf in leaves]
        nodes += [ops.where(hit, one, zero) for hit in hits]
    return columns.mapped(nodes, model.get_feature_names_out())


TRANSFORMS: dict[str, Any] = {"RandomTreesEmbedding": embedded}
ESTIMATORS: dict[str, Any] = {"IsolationForest": isolation_forest}
