"""scikit-learn's boosted trees: GradientBoosting and HistGradientBoosting."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.families.additive import clipped, complement, total_of
from closedform.families.trees import Forest
from closedform.ir import Array, Node, toposort
from closedform.ops.payloads import Splits, splits_from
from closedform.readers.prediction import Prediction, highest, label_from
from closedform.readers.reading import Columns, Reading, is_missing, plain_label
from closedform.readers.sklearn.encode import holds_large, holds_two_missing
from closedform.readers.sklearn.linear import class_labels, linked_chances, linked_values
from closedform.readers.sklearn.trees import rounded, tree_of

# --- GradientBoosting ---------------------------------------------------------------------------


def boosted_regressor(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """init + Σ rate·leaf, whatever the loss was."""
    return Prediction.of_values(_boosted(model, columns, reading))


def boosted_classifier(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """Scores init + Σ rate·leaf; of two classes the second one from 0 on, 0 included."""
    classes, scores = class_labels(model), _boosted(model, columns, reading)
    one = {"exponential": "twice_logit"}.get(model.loss, "logit")
    link = one if len(scores) == 1 else "softmax"
    return Prediction.of_classes(
        classes,
        label=label_from(scores[0], 0.0, classes) if len(scores) == 1 else highest(scores, classes),
        link=link,
        probability=_boosted_chances(scores, classes, link, reading),
        decision=scores,
    )


def _boosted_chances(
    scores: list[Node], classes: tuple[Any, ...], link: str, reading: Reading
) -> list[Node]:
    if link == "twice_logit":  # here the first chance is 1 − the second, as for the logit
        doubled = ops.lin(0, (2, scores[0]))
        return linked_chances([doubled], classes, "logit", reading)
    return linked_chances(scores, classes, link, reading)


def _boosted(model: Any, columns: Columns, reading: Reading) -> list[Node]:
    trees = np.asarray(model.estimators_)
    steps, outputs = trees.shape
    pairs = [tree_of(t.tree_) for t in trees.ravel()]
    forest = Forest(
        trees=tuple((splits, values[:, 0, 0]) for splits, values in pairs),
        output=tuple(range(outputs)) * steps,
        start=tuple(_start(model, columns, reading, outputs)),
        scale=float(model.learning_rate),
    )
    return forest.nodes(rounded(columns))


def _start(model: Any, columns: Columns, reading: Reading, outputs: int) -> Sequence[float | Node]:
    """Return the scores before the first tree: constants, or those of the `init` estimator."""
    if isinstance(model.init_, str):
        return [0.0] * outputs
    if type(model.init_).__name__ in ("DummyClassifier", "DummyRegressor"):
        # Asked, not computed: the constant is clipped and linked by rules of the version.
        scores = model._raw_predict_init(np.zeros((1, model.n_features_in_), dtype=np.float32))
        return [float(s) for s in np.ravel(scores)]
    return _estimated_start(model, columns, reading, outputs)


def _estimated_start(
    model: Any, columns: Columns, reading: Reading, outputs: int
) -> Sequence[Node]:
    """Return the scores of an estimator given as `init`, which sees its inputs as float32.

    A linear one also computes in float32 there, which the formula does not follow: it is then
    off by about 1e-7 of the terms of its sum.
    """
    from closedform.readers.sklearn.dispatch import predicted

    init = predicted(model.init_, columns.mapped(rounded(columns)), reading)
    if not init.outputs:
        return [ops.const(np.nan)] * outputs
    sums = [n for n in toposort(init.outputs.values()) if n.op is ops.LIN]
    if any(a.op is not ops.TREE for n in sums for a in n.args):
        reading.differs("the init estimator adds in float32: its part is off by about 1e-7")
    if init.task.kind == "regression":
        return [init.outputs[name] for name in init.task.primary]
    eps = _least_chance(model)
    chances = [clipped(init.outputs[n], eps, 1 - eps) for n in init.task.probability]
    if len(chances) == 2:
        half = 0.5 if model.loss == "exponential" else 1.0
        return [ops.lin(0, (half, ops.log(ops.div(chances[1], complement(chances[1])))))]
    logs = [ops.log(p) for p in chances]
    mean = ops.div(total_of(logs), ops.const(max(len(logs), 1)))
    return [ops.lin(0, (1, x), (-1, mean)) for x in logs]


class _Impossible:
    """Stands for an estimator that is certain that class 1 never comes."""

    def predict_proba(self, X: Array) -> Array:
        return np.tile([1.0, 0.0], (len(X), 1))


def _least_chance(model: Any) -> float:
    """Return the least chance that an `init` is let have: float32's or float64's epsilon.

    It was the former up to scikit-learn 1.4, so the installed one is asked.
    """
    from sklearn._loss.loss import HalfBinomialLoss
    from sklearn.ensemble._gb import _init_raw_predictions

    loss = HalfBinomialLoss()
    score = float(_init_raw_predictions(np.zeros((1, 1)), _Impossible(), loss, True)[0, 0])
    known = [float(np.finfo(t).eps) for t in (np.float32, np.float64)]
    return min(known, key=lambda eps: abs(np.log(eps) - score))


# --- HistGradientBoosting -----------------------------------------------------------------------

LINK_OF_LOSS = {
    "squared_error": "identity",
    "absolute_error": "identity",
    "quantile": "identity",
    "poisson": "log",
    "gamma": "log",
}


def hist_regressor(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """baseline + Σ leaf; exp of it for the losses of counts and of positive values."""
    link = LINK_OF_LOSS.get(model.loss) if isinstance(model.loss, str) else None
    if link is None:
        reading.problem(
            f"HistGradientBoostingRegressor(loss={model.loss!r}) has a link that is not known.",
            "Refit it with one of these losses: " + ", ".join(LINK_OF_LOSS) + ".",
        )
        return Prediction.nothing()
    return linked_values(_hist_scores(model, columns, reading), link, reading)


def hist_classifier(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """Scores baseline + Σ leaf; of two classes the second one above 0."""
    classes, scores = class_labels(model), _hist_scores(model, columns, reading)
    link = "logit" if len(scores) == 1 else "softmax"
    return Prediction.of_classes(
        classes,
        label=highest(scores, classes),
        link=link,
        probability=linked_chances(scores, classes, link, reading),
        decision=scores,
    )


def _hist_scores(model: Any, columns: Columns, reading: Reading) -> list[Node]:
    start = np.ravel(model._baseline_prediction)
    rounds = [tuple(trees) for trees in model._predictors]
    forest = Forest(
        trees=tuple(_hist_tree(t) for trees in rounds for t in trees),
        output=tuple(range(len(start))) * len(rounds),
        start=tuple(float(s) for s in start),
    )
    return forest.nodes(_hist_columns(model, columns, reading))


def _hist_tree(tree: Any) -> tuple[Splits, Array]:
    rows = tree.nodes
    leaf = rows["is_leaf"].astype(bool)
    splits, order = splits_from(
        np.where(leaf, -1, rows["left"].astype(np.int64)).tolist(),
        np.where(leaf, -1, rows["right"].astype(np.int64)).tolist(),
        rows["feature_idx"],
        rows["num_threshold"],
        missing_left=rows["missing_go_to_left"].astype(bool),
        member=np.where(rows["is_categorical"].astype(bool), rows["bitset_idx"].astype(int), -1),
        sets=_members(tree.raw_left_cat_bitsets),
        counts=rows["count"],
    )
    return splits, rows["value"][order]


def _members(bitsets: Array) -> Array:
    """Return 256 truths for each row of eight 32-bit words, the lowest bit first."""
    words = np.ascontiguousarray(bitsets, dtype="<u4")
    if not len(words):
        return np.zeros((0, 0), dtype=bool)
    return np.unpackbits(words.view(np.uint8), axis=1, bitorder="little").astype(bool)


def _hist_columns(model: Any, columns: Columns, reading: Reading) -> list[Node]:
    """Return the columns as the trees number them: codes of the categorical ones come first."""
    if model.is_categorical_ is None:
        return list(columns.nodes)
    chosen = np.asarray(model.is_categorical_, dtype=bool)
    encoder = model._preprocessor.named_transformers_["encoder"]
    picked = zip(np.flatnonzero(chosen).tolist(), encoder.categories_, strict=True)
    codes = [_codes(columns.nodes[i], categories, reading) for i, categories in picked]
    for name, code in zip(columns.pick(np.flatnonzero(chosen).tolist()).names, codes, strict=True):
        reading.call(code, f"{name} (encoded)")
    return codes + [columns.nodes[i] for i in np.flatnonzero(~chosen).tolist()]


HIST = "HistGradientBoosting"


def _codes(x: Node, categories: Array, reading: Reading) -> Node:
    """Return the position of a category in the sorted list; missing where it is not in there.

    NaN is missing for the trees; None, in a column of objects, is a category like any other.
    """
    known = [plain_label(c) for c in categories if not is_missing(c)]
    nothing = float(len(known)) if any(c is None for c in categories) else np.nan
    if holds_large(known, reading, HIST) or holds_two_missing(list(categories), reading, HIST):
        return ops.const(np.nan)
    x = x if categories.dtype.kind in "fiub" else reading.as_labels(x)
    reading.knows(x, known, unseen=True)
    return ops.table(x, {c: i for i, c in enumerate(known)}, np.nan, nothing)


TRANSFORMS: dict[str, Any] = {}
ESTIMATORS: dict[str, Any] = {
    "GradientBoostingRegressor": boosted_regressor,
    "GradientBoostingClassifier": boosted_classifier,
    "HistGradientBoostingRegressor": hist_regressor,
    "HistGradientBoostingClassifier": hist_classifier,
}
