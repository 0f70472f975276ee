"""scikit-learn: classifiers made of binary ones, several targets at once, and moved thresholds."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from copy import copy
from typing import Any

import numpy as np

from closedform import ops
from closedform.families.additive import complement, shared_out, total_of
from closedform.formula import label_above
from closedform.ir import Array, Node
from closedform.readers.prediction import Prediction, highest, label_from
from closedform.readers.reading import Columns, Reading, plain_label
from closedform.readers.sklearn.dispatch import predicted
from closedform.readers.sklearn.linear import YES_OR_NO, class_labels
from closedform.readers.sklearn.members import (
    binary_cut,
    binary_score,
    can_say_chances,
    member,
    members,
    only_value,
    renamed,
    votes,
    without,
)

# --- one against all others ---------------------------------------------------------------------


def one_vs_rest(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The class whose own classifier is surest; of several labels, each of which is told."""
    made = members(model.estimators_, columns, reading)
    if not made:
        return Prediction.nothing()
    if model.multilabel_:
        return _told_apart(model, made)
    classes = class_labels(model)
    scores = [binary_score(e, m) for e, m in zip(model.estimators_, made, strict=True)]
    if len(scores) > 1:
        label = highest(scores, classes)
    elif len(classes) == 1:
        label = ops.label(classes[0])
    else:
        label = label_above(scores[0], binary_cut(model.estimators_[0]), classes)
    return Prediction.of_classes(
        classes,
        label=label,
        link="none",
        # Of one class, scikit-learn gives the chances of two.
        probability=_rest_chances(model, made) if len(classes) > 1 else [],
        decision=_decisions(model, made),
    )


def _decisions(model: Any, made: Sequence[Prediction]) -> list[Node]:
    if not hasattr(model, "decision_function"):
        return []
    return [m.nodes("decision")[0] for m in made]


def _rest_chances(model: Any, made: Sequence[Prediction]) -> list[Node]:
    """Return the chances of all classes: of two 1 − p and p, of more those of each, shared out."""
    if not hasattr(model, "predict_proba"):
        return []
    chances = [m.nodes("probability")[1] for m in made]
    if len(chances) == 1:
        return [complement(chances[0]), chances[0]]
    total, otherwise = total_of(chances), ops.const(_without_chances(model))
    none = ops.equal(total, ops.const(0))
    return [ops.where(none, otherwise, p) for p in shared_out(chances, fallback=False)]


class _Never:
    """Stands for a classifier that is certain that its class never comes."""

    def predict_proba(self, X: Array) -> Array:
        return np.tile([1.0, 0.0], (len(X), 1))


def _without_chances(model: Any) -> float:
    """Return what a class gets where the chance of each is 0: 0, or 0/0 in some versions."""
    twin = copy(model)
    twin.estimators_ = [_Never()] * len(model.estimators_)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return float(twin.predict_proba(np.zeros((1, 1)))[0, 0])


def _told_apart(model: Any, made: Sequence[Prediction]) -> Prediction:
    """Return a label for each classifier; the first one says how sure each of them must be."""
    cut = binary_cut(model.estimators_[0])
    chances, parts = hasattr(model, "predict_proba"), []
    for estimator, m in zip(model.estimators_, made, strict=True):
        p = m.nodes("probability")[1:] if chances else []
        part = Prediction.of_classes(
            YES_OR_NO,
            label=label_above(binary_score(estimator, m), cut, YES_OR_NO),
            link=m.task.link,
            probability=[complement(p[0]), p[0]] if p else [],
            decision=m.nodes("decision") if hasattr(model, "decision_function") else [],
        )
        parts.append(part.with_chance(1))
    return Prediction.of_labels(parts)


# --- one against one ----------------------------------------------------------------------------


def one_vs_one(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """A vote for each pair of classes; how sure the pairs are breaks ties: s / (3(|s| + 1))."""
    if model.pairwise_indices_ is not None:
        reading.problem(
            "OneVsOneClassifier on a precomputed kernel has no formula: its rows are no columns.",
            "Refit it with an estimator that computes its own kernel.",
        )
        return Prediction.nothing()
    made = members(model.estimators_, columns, reading)
    if not made:
        return Prediction.nothing()
    classes = class_labels(model)
    sums = _pair_sums(model, made, len(classes))
    scores = [_voted(*pair) for pair in zip(*sums, strict=True)]
    two = len(classes) == 2
    cut = binary_cut(model.estimators_[0])
    return Prediction.of_classes(
        classes,
        label=label_above(scores[1], cut, classes) if two else highest(scores, classes),
        link="none",
        decision=scores[1:] if two else scores,
    )


def _pair_sums(
    model: Any, made: Sequence[Prediction], count: int
) -> tuple[list[list[Node]], list[list[tuple[float, Node]]]]:
    """Return the votes for each class, and the scores of its pairs with their signs."""
    ballots: list[list[Node]] = [[] for _ in range(count)]
    sure: list[list[tuple[float, Node]]] = [[] for _ in range(count)]
    pairs = [(i, j) for i in range(count) for j in range(i + 1, count)]
    for (i, j), estimator, m in zip(pairs, model.estimators_, made, strict=True):
        score = binary_score(estimator, m)
        for k, sign, vote in zip((i, j), (-1.0, 1.0), _ballots(m), strict=True):
            ballots[k].append(vote)
            sure[k].append((sign, score))
    return ballots, sure


def _ballots(made: Prediction) -> list[Node]:
    """Return the votes for both classes; a regressor's must be 0 or 1 to the last bit."""
    if made.task.kind == "classification":
        return votes(made, YES_OR_NO)
    value, one, zero = made.nodes("primary")[0], ops.const(1), ops.const(0)
    return [ops.where(ops.equal(value, answer), one, zero) for answer in (zero, one)]


def _voted(ballots: Sequence[Node], sure: Sequence[tuple[float, Node]]) -> Node:
    total = ops.lin(0, *sure)
    breaks = ops.div(total, ops.lin(3, (3, ops.absolute(total))))
    return ops.lin(0, *[(1, b) for b in ballots], (1, breaks))


# --- codes --------------------------------------------------------------------------------------


def output_code(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The class whose code is nearest to what the estimators say."""
    made = members(model.estimators_, columns, reading)
    if not made:
        return Prediction.nothing()
    said = [binary_score(e, m) for e, m in zip(model.estimators_, made, strict=True)]
    # Not |code|² − 2·code·y, which is as good over the reals: on huge values scikit-learn's squares
    # are all the same, and the first class wins.
    near = [ops.lin(0, (-1, ops.squared_distance(said, code))) for code in model.code_book_]
    classes = class_labels(model)
    return Prediction.of_classes(classes, label=highest(near, classes), link="none")


# --- several targets ----------------------------------------------------------------------------


def several_regressors(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """A regressor for each target."""
    made = members(model.estimators_, columns, reading)
    links = {m.task.link for m in made}
    values = [value for m in made for value in m.nodes("primary")]
    link = links.pop() if len(links) == 1 else "identity"
    return Prediction.of_values(values, link) if made else Prediction.nothing()


def several_classifiers(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """A classifier for each label."""
    made = members(model.estimators_, columns, reading)
    if not hasattr(model, "predict_proba"):
        made = [without(m, "probability") for m in made]
    return Prediction.of_labels([without(m, "decision") for m in made])


def _chain(model: Any, columns: Columns, reading: Reading) -> list[Prediction]:
    """Return the prediction of each target in the model's order; each sees those before it."""
    method = getattr(model, "chain_method_", "predict")
    found: dict[int, Prediction] = {}
    for target, estimator in zip(np.asarray(model.order_).tolist(), model.estimators_, strict=True):
        made = member(estimator, columns, reading)
        if not made.outputs:
            return []
        found[target] = made
        if len(found) == len(model.estimators_):
            break
        if "proba" in method and not can_say_chances([estimator], [made], reading):
            return []
        said = _handed_on(made, method, reading)
        names = (*columns.names, f"target {target}")
        reading.call(said, names[-1])
        columns = Columns(names, (*columns.nodes, said))
    return [found[target] for target in sorted(found)]


def _handed_on(made: Prediction, method: str, reading: Reading) -> Node:
    if method == "predict":
        return only_value(made)
    role = {"predict_proba": "probability", "decision_function": "decision"}.get(method)
    if role is not None:
        return made.nodes(role)[-1]
    said = ops.log(made.nodes("probability")[-1])
    reading.refuse(ops.less(said, ops.const(-sys.float_info.max)))  # the next one takes no −∞
    return said


def regressor_chain(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """Regressors of which each also sees what those before it predict."""
    made = _chain(model, columns, reading)
    return Prediction.of_values([only_value(m) for m in made]) if made else Prediction.nothing()


def classifier_chain(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """Classifiers of which each also sees what those before it say; predict gives floats."""
    made = _chain(model, columns, reading)
    for role, method in (("probability", "predict_proba"), ("decision", "decision_function")):
        if not hasattr(model, method):
            made = [without(m, role) for m in made]
    return Prediction.of_labels([_as_float(m) for m in made]) if made else Prediction.nothing()


def _as_float(made: Prediction) -> Prediction:
    # Of more than two classes, scikit-learn can say neither chances nor scores.
    two = len(made.task.classes) <= 2
    names = {c: float(c) for c in made.task.classes}
    labels = {c: ops.label(value) for c, value in names.items()}
    part = Prediction.of_classes(
        tuple(names.values()),
        label=renamed(made.nodes("primary")[0], labels),
        link=made.task.link,
        probability=made.nodes("probability") if two else [],
        decision=made.nodes("decision") if two else [],
    )
    return part.with_chance(-1)


# --- the estimator inside -----------------------------------------------------------------------


def self_trained(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The estimator that was trained on rows which it labelled itself."""
    inner = model.estimator_ if hasattr(model, "estimator_") else model.base_estimator_
    return predicted(inner, columns, reading)


def fixed_threshold(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The class `pos_label` where its score is at or above the threshold."""
    made = _inside(model, columns, reading)
    role = _response(model, made)
    cut = model.threshold
    if cut == "auto":
        cut = 0.5 if role == "probability" else 0.0
    return _thresholded(model, made, role, float(cut), model.pos_label)


def tuned_threshold(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The same, with the threshold that was found."""
    made = _inside(model, columns, reading)
    positive = model._curve_scorer._get_pos_label()
    return _thresholded(model, made, _response(model, made), float(model.best_threshold_), positive)


def _inside(model: Any, columns: Columns, reading: Reading) -> Prediction:
    return predicted(getattr(model, "estimator_", model.estimator), columns, reading)


def _response(model: Any, made: Prediction) -> str:
    """Return which output is compared with the threshold: "probability" or "decision"."""
    known = {"predict_proba": "probability", "decision_function": "decision"}
    if model.response_method != "auto":
        return known[model.response_method]
    return "probability" if made.task.probability else "decision"


def _thresholded(model: Any, made: Prediction, role: str, cut: float, positive: Any) -> Prediction:
    if not made.outputs:
        return made
    classes = class_labels(model)
    at = 1 if positive is None else classes.index(plain_label(positive))
    if role == "probability":
        score = made.nodes(role)[at]
    else:
        score = made.nodes(role)[0] if at else ops.lin(0, (-1, made.nodes(role)[0]))
    label = label_from(score, cut, (classes[1 - at], classes[at]))
    return Prediction({**made.outputs, "label": label}, made.task)


TRANSFORMS: dict[str, Any] = {}
ESTIMATORS: dict[str, Any] = {
    "OneVsRestClassifier": one_vs_rest,
    "OneVsOneClassifier": one_vs_one,
    "OutputCodeClassifier": output_code,
    "MultiOutputRegressor": several_regressors,
    "MultiOutputClassifier": several_classifiers,
    "RegressorChain": regressor_chain,
    "ClassifierChain": classifier_chain,
    "SelfTrainingClassifier": self_trained,
    "FixedThresholdClassifier": fixed_threshold,
    "TunedThresholdClassifierCV": tuned_threshold,
}
