"""scikit-learn's ensembles of any estimators: bagging, boosting, voting, stacking."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from closedform import ops
from closedform.families.additive import clipped, total_of
from closedform.ir import Node
from closedform.readers.prediction import Prediction, highest
from closedform.readers.reading import Columns, Reading
from closedform.readers.sklearn.compose import side_by_side
from closedform.readers.sklearn.dispatch import predicted
from closedform.readers.sklearn.linear import class_labels, linked_chances, plain_labels
from closedform.readers.sklearn.members import (
    can_say_chances,
    mean_of,
    member,
    members,
    only_value,
    relabelled,
    votes,
)

# --- bagging ------------------------------------------------------------------------------------


def bagging_regressor(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The mean of estimators that see some of the columns, added in order and then divided."""
    made = _bagged(model, columns, reading)
    values = zip(*[m.nodes("primary") for m in made], strict=True)
    return Prediction.of_values([mean_of(v) for v in values]) if made else Prediction.nothing()


def bagging_classifier(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The mean of the chances, or the share of votes where the estimators give no chances."""
    made = _bagged(model, columns, reading)
    if not made or not can_say_chances(model.estimators_, made, reading):
        return Prediction.nothing()
    classes = class_labels(model)
    made = [relabelled(m, classes) for m in made]
    counted = [m.nodes("probability") or votes(m, m.task.classes) for m in made]
    totals = [total_of(_of_class(c, made, counted)) for c in classes]
    chances = [ops.div(total, ops.const(len(made))) for total in totals]
    scores = zip(*[m.nodes("decision") for m in made], strict=True)
    counts = not any(m.task.probability for m in made)
    return Prediction.of_classes(
        classes,
        # Numbers of votes are whole, so that ties remain ties; a fifth of them would be rounded.
        label=highest(totals if counts else chances, classes),
        link="vote",
        probability=chances,
        decision=[mean_of(s) for s in scores],
    )


def _bagged(model: Any, columns: Columns, reading: Reading) -> list[Prediction]:
    pairs = zip(model.estimators_, model.estimators_features_, strict=True)
    made = [member(m, columns.pick(np.asarray(f).tolist()), reading) for m, f in pairs]
    return made if all(m.outputs for m in made) else []


def _of_class(c: Any, made: Sequence[Prediction], counted: Sequence[list[Node]]) -> list[Node]:
    """Return what each estimator gives a class; nothing where it has never seen that class."""
    pairs = zip(made, counted, strict=True)
    return [n[m.task.classes.index(c)] for m, n in pairs if c in m.task.classes]


# --- AdaBoost -----------------------------------------------------------------------------------


def boosted_classifier(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """Weighted votes for each class and against all others; their softmax.

    Zhu, J., Zou, H., Rosset, S. and Hastie, T. (2009), Multi-class AdaBoost, Statistics and its
    Interface 2.
    """
    classes = class_labels(model)
    made = members(model.estimators_, columns, reading)
    if not made:
        return Prediction.nothing()
    if len(classes) == 1:
        return Prediction.of_classes(
            classes, label=ops.label(classes[0]), link="none", probability=[ops.const(1)],
            decision=[ops.const(0)],
        )  # fmt: skip
    real = getattr(model, "algorithm", None) == "SAMME.R"
    scores = _real_scores(model, made) if real else _vote_scores(model, made, classes)
    link = "logit" if len(scores) == 1 else "softmax"
    scaled = scores if len(scores) == 1 else [_divided(s, len(classes) - 1) for s in scores]
    return Prediction.of_classes(
        classes,
        label=highest(scores, classes),
        link=link,
        probability=linked_chances(scaled, classes, link, reading),
        decision=scores,
    )


def _divided(x: Node, by: float) -> Node:
    return ops.div(x, ops.const(by))


def _vote_scores(model: Any, made: Sequence[Prediction], classes: Sequence[Any]) -> list[Node]:
    """Return Σ (w where a member says the class, else −w/(k − 1)) / Σ w; of two classes one score.

    With two classes scikit-learn subtracts the score of the first from that of the second, its
    negative: twice each vote.
    """
    weights = np.asarray(model.estimator_weights_, dtype=np.float64)
    total, others = float(weights.sum()), len(classes) - 1
    times = 2 if others == 1 else 1
    cast = [
        votes(m, classes, times * w, times * (-1 / others * w))
        for m, w in zip(made, weights.tolist(), strict=False)
    ]
    scores = [_divided(total_of(list(of_class)), total) for of_class in zip(*cast, strict=True)]
    return scores[1:] if others == 1 else scores


def _real_scores(model: Any, made: Sequence[Prediction]) -> list[Node]:
    """Return (k − 1)·(log p − mean of the logs), averaged over the members: SAMME.R, up to 1.5."""
    count, least = len(made[0].task.classes), float(np.finfo(np.float64).eps)
    spread = [[ops.log(clipped(p, least, 1.0)) for p in m.nodes("probability")] for m in made]
    parts = []
    for logs in spread:
        mean = _divided(total_of(logs), count)
        parts.append([ops.lin(0, (count - 1, x), (1 - count, mean)) for x in logs])
    total = float(np.sum(model.estimator_weights_))
    scores = [_divided(total_of(list(of_class)), total) for of_class in zip(*parts, strict=True)]
    return [ops.lin(0, (-1, scores[0]), (1, scores[1]))] if count == 2 else scores


def boosted_regressor(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The weighted median of the members.

    Drucker, H. (1997), Improving regressors using boosting techniques, ICML.
    """
    made = members(model.estimators_, columns, reading)
    if not made:
        return Prediction.nothing()
    weights = np.asarray(model.estimator_weights_, dtype=np.float64)[: len(made)]
    return Prediction.of_values([ops.weighted_median(weights, [only_value(m) for m in made])])


# --- voting -------------------------------------------------------------------------------------


def voting_regressor(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The weighted mean of the estimators."""
    made = _named(model, columns, reading)
    if not made:
        return Prediction.nothing()
    return Prediction.of_values([mean_of([only_value(m) for m in made], model._weights_not_none)])


def voting_classifier(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The class with the most votes, or with the highest mean chance."""
    made = _named(model, columns, reading)
    if not made:
        return Prediction.nothing()
    classes, weights = class_labels(model), model._weights_not_none
    if model.voting == "soft":
        if not can_say_chances(model.estimators_, made, reading):
            return Prediction.nothing()
        spread = zip(*[m.nodes("probability") for m in made], strict=True)
        chances = [mean_of(p, weights) for p in spread]
        return Prediction.of_classes(
            classes, label=highest(chances, classes), link="vote", probability=chances
        )
    if any(not set(range(len(classes))) >= set(class_labels(m)) for m in model.estimators_):
        reading.problem(
            "VotingClassifier(voting='hard') counts votes by the position of a class, and an "
            "estimator inside gives other labels.",
            "Train the estimators with the VotingClassifier, or refit it with voting='soft'.",
        )
        return Prediction.nothing()
    if weights is not None and _may_tie([float(w) for w in weights]):
        reading.differs(
            "votes whose weights may add up to the same number are added in another order: where "
            "two classes tie, rounding decides"
        )
    chosen = [1.0] * len(made) if weights is None else weights
    cast = zip(*[votes(m, classes) for m in made], strict=True)
    counts = [ops.linear(0.0, [float(w) for w in chosen], v) for v in cast]
    return Prediction.of_classes(classes, label=highest(counts, classes), link="none")


FEW_WEIGHTS = 8
"""Weights up to which every two groups of them are compared (9,000 pairs)."""


def _may_tie(weights: Sequence[float]) -> bool:
    """Tell whether two groups of weights have sums that are equal but for rounding.

    Sums of whole numbers, halves and so on are not rounded, whatever the order.
    """
    if all(float(w * 2**20).is_integer() and abs(w) < 2**20 for w in weights):
        return False
    if len(weights) > FEW_WEIGHTS:
        return True
    every = [g for size in range(1, len(weights)) for g in combinations(range(len(weights)), size)]
    for first, second in combinations(every, 2):
        gap = sum(weights[i] for i in first) - sum(weights[i] for i in second)
        if not set(first) & set(second) and abs(gap) < 1e-9 * sum(weights):
            return True
    return False


def _named(model: Any, columns: Columns, reading: Reading) -> list[Prediction]:
    """Return what each estimator of a list of (name, estimator) pairs predicts, under its name.

    Classifiers are trained on the positions of the classes.
    """
    made = members(model.estimators_, columns, reading)
    if hasattr(model, "classes_"):
        made = [relabelled(m, class_labels(model)) for m in made]
    for name, part in zip(_names(model), made, strict=False):
        _call(name, part, reading)
    return made


def _call(name: str, part: Prediction, reading: Reading) -> None:
    for output, n in part.outputs.items():
        role = "" if output in ("y", "label") else f": {output}"
        reading.call(n, f"{name}{role}")


def _names(model: Any) -> list[str]:
    return [name for name, part in model.estimators if not (part is None or part == "drop")]


def voting_columns(model: Any, columns: Columns, reading: Reading) -> Columns:
    """What each estimator says: a number, the position of a class, or the chances of all."""
    made = members(model.estimators_, columns, reading)
    if getattr(model, "voting", "") != "soft":
        nodes = [only_value(m) for m in made]
    elif model.flatten_transform:
        nodes = [p for m in made for p in m.nodes("probability")]
    else:
        reading.problem(
            "VotingClassifier(flatten_transform=False) gives one table for each estimator, and no "
            "columns.",
            "Refit it with flatten_transform=True.",
        )
        return reading.placeholder(columns.names)
    return columns.mapped(nodes, model.get_feature_names_out())


# --- stacking -----------------------------------------------------------------------------------


def stacking_columns(model: Any, columns: Columns, reading: Reading) -> Columns:
    """What each estimator says, side by side, and the columns themselves where they pass."""
    made = members(model.estimators_, columns, reading)
    asked = [m == "predict_proba" for m in model.stack_method_]
    able = can_say_chances(
        [e for e, a in zip(model.estimators_, asked, strict=False) if a],
        [m for m, a in zip(made, asked, strict=False) if a],
        reading,
    )
    made = made if able else []
    parts = []
    for name, part, method in zip(_names(model), made, model.stack_method_, strict=False):
        nodes = list(_stacked(model, part, method))
        names = [name] if len(nodes) == 1 else [f"{name}{i}" for i in range(len(nodes))]
        parts.append(Columns(tuple(f"{type(model).__name__.lower()}_{n}" for n in names),
                             tuple(nodes)))  # fmt: skip
    return side_by_side([*parts, columns] if model.passthrough else parts)


ROLES = {"predict_proba": "probability", "decision_function": "decision", "predict": "primary"}


def _stacked(model: Any, made: Prediction, method: str) -> Iterator[Node]:
    """Yield what one estimator hands on; chances without the first one, which follows from them."""
    if method == "predict" and made.task.kind == "classification":
        labels = [part_of(made, i) for i in range(len(made.task.parts))] or [made]
        yield from (only_value(m) for m in labels)
        return
    nodes = made.nodes(ROLES[method])
    listed = [t for t in made.task.parts if len(t.probability) == len(t.classes)]
    if method == "predict_proba" and listed:
        for task in made.task.parts:
            yield from (made.outputs[name] for name in task.probability[1:])
        return
    two = method == "predict_proba" and len(model.classes_) == 2
    yield from nodes[1:] if two else nodes


def part_of(made: Prediction, i: int) -> Prediction:
    """Return one label of several as a prediction of its own."""
    task = made.task.parts[i]
    return Prediction({name: made.outputs[name] for name in task.outputs}, task)


def _final(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """Return what the last estimator makes of what the others say."""
    given, outside = _called(model, columns, reading), reading.sparse
    reading.sparse = outside and model.passthrough
    made = predicted(model.final_estimator_, given, reading)
    reading.sparse = outside
    return made


def stacking_regressor(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """A regressor of what the others say."""
    return _final(model, columns, reading)


def stacking_classifier(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """A classifier of what the others say, trained on the positions of the classes."""
    made = _final(model, columns, reading)
    if not made.outputs:
        return made
    if not isinstance(model.classes_, list):
        return relabelled(made, class_labels(model))
    if any(len(t.probability) not in (0, len(t.classes)) for t in made.task.parts):
        name = type(model.final_estimator_).__name__
        reading.problem(
            f"StackingClassifier of several labels cannot use the probabilities of a {name}.",
            "Refit it with a final_estimator that gives chances for all classes of each label.",
        )
        return Prediction.nothing()
    # Of each label, predict_proba gives the chance of its first class alone.
    labels = [plain_labels(classes) for classes in model.classes_]
    parts = [relabelled(_unmarked(part_of(made, i)), names) for i, names in enumerate(labels)]
    return Prediction.of_labels([part.with_chance(0) for part in parts])


def _unmarked(part: Prediction) -> Prediction:
    """Return one label of several under the names of a classifier of one label."""
    task = part.task
    return Prediction.of_classes(
        task.classes, label=part.nodes("primary")[0], link=task.link,
        probability=part.nodes("probability"), decision=part.nodes("decision"),
    )  # fmt: skip


def _called(model: Any, columns: Columns, reading: Reading) -> Columns:
    made = stacking_columns(model, columns, reading)
    prefix = f"{type(model).__name__.lower()}_"
    for name, n in made:
        reading.call(n, name.removeprefix(prefix))
    return made


TRANSFORMS: dict[str, Any] = {
    "VotingClassifier": voting_columns,
    "VotingRegressor": voting_columns,
    "StackingClassifier": stacking_columns,
    "StackingRegressor": stacking_columns,
}
ESTIMATORS: dict[str, Any] = {
    "BaggingClassifier": bagging_classifier,
    "BaggingRegressor": bagging_regressor,
    "AdaBoostClassifier": boosted_classifier,
    "AdaBoostRegressor": boosted_regressor,
    "VotingClassifier": voting_classifier,
    "VotingRegressor": voting_regressor,
    "StackingClassifier": stacking_classifier,
    "StackingRegressor": stacking_regressor,
}
