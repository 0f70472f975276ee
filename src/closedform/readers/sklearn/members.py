"""scikit-learn: what the members of an ensemble say, as the ensemble makes use of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Array, Node, Type
from closedform.ops.payloads import Label
from closedform.readers.prediction import Prediction
from closedform.readers.reading import Columns, Reading
from closedform.readers.sklearn.dispatch import predicted
from closedform.readers.sklearn.linear import YES_OR_NO


def member(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """Return what one of several estimators predicts.

    Its steps are no stages of the whole: leaving one of them out would change one member alone.
    """
    if type(model).__name__ == "_ConstantPredictor":
        return _constant(model)
    known = len(reading.stages)
    made = predicted(model, columns, reading)
    del reading.stages[known:]
    # A booster's formula holds its scores, but an ensemble can use only what the model offers.
    unknown = made.task.decision and not hasattr(model, "decision_function")
    return without(made, "decision") if unknown else made


def without(made: Prediction, role: str) -> Prediction:
    """Return a classifier without its "probability" or "decision"."""
    kept = {r: made.nodes(r) for r in ("probability", "decision") if r != role}
    return Prediction.of_classes(
        made.task.classes, label=made.nodes("primary")[0], link=made.task.link, **kept
    )


def _constant(model: Any) -> Prediction:
    """Return what stands for a class that all or none of the training rows have."""
    y = int(np.ravel(model.y_)[0])
    return Prediction.of_classes(
        YES_OR_NO, label=ops.label(y), link="none",
        probability=[ops.const(1 - y), ops.const(y)], decision=[ops.const(y)],
    )  # fmt: skip


def members(models: Iterable[Any], columns: Columns, reading: Reading) -> list[Prediction]:
    """Return what each estimator predicts for the same columns; none where one is unreadable."""
    made = [member(model, columns, reading) for model in models]
    return made if all(m.outputs for m in made) else []


def can_say_chances(models: Iterable[Any], made: Iterable[Prediction], reading: Reading) -> bool:
    """Tell whether all have formulas of the probabilities that an ensemble asks them for."""
    silent = [
        type(model).__name__
        for model, m in zip(models, made, strict=False)
        if hasattr(model, "predict_proba") and m.outputs and not m.task.probability
    ]
    for name in dict.fromkeys(silent):
        reading.problem(
            f"The probabilities of {name}, which the model around it asks for, have no formula.",
            "Wrap it in a CalibratedClassifierCV; of an SVC, leave probability=True out there.",
        )
    return not silent


def mean_of(nodes: Sequence[Node], weights: Sequence[float] | None = None) -> Node:
    """Return Σ weight·node / Σ weight, added in order and then divided; without weights, Σ / n."""
    chosen = [1.0] * len(nodes) if weights is None else [float(w) for w in weights]
    total = float(np.asarray(chosen).sum())
    return ops.div(ops.linear(0.0, chosen, nodes), ops.const(total))


def only_value(made: Prediction) -> Node:
    """Return the one number that a regressor predicts, or the label of a classifier as one."""
    if not made.outputs:
        return ops.const(math.nan)
    value = made.nodes("primary")[0]
    if value.type is not Type.LABEL:
        return value
    return _numbered(made, {c: float(c) for c in made.task.classes})


def votes(
    made: Prediction, classes: Sequence[Label], yes: float = 1.0, no: float = 0.0
) -> list[Node]:
    """Return for each class `yes` where a classifier says it, and `no` elsewhere."""
    label = made.nodes("primary")[0]
    if len(made.task.classes) > 2 and _leaves(made) is None:
        said = [ops.equal(label, ops.label(c)) for c in classes]
        return [ops.where(hit, ops.const(yes), ops.const(no)) for hit in said]
    return [
        _numbered(made, {known: yes if known == c else no for known in made.task.classes})
        for c in classes
    ]


def _numbered(made: Prediction, numbers: Mapping[Any, float]) -> Node:
    """Return a number for each label that a classifier gives; of a tree, one for each leaf."""
    found = _leaves(made)
    if found is None:
        return renamed(made.nodes("primary")[0], {c: ops.const(v) for c, v in numbers.items()})
    tree, said = found
    values = np.array([numbers[c] for c in made.task.classes])
    return ops.tree(tree.data.splits, values[said], tree.args)


def _leaves(made: Prediction) -> tuple[Node, Array] | None:
    """Return the tree that decides alone, and the number of the class that each leaf says.

    The label of a decision tree is then one value for each leaf, and not a choice between shares.
    """
    shares = made.nodes("probability")
    if made.task.link != "vote" or any(n.op is not ops.TREE for n in shares):
        return None
    first = shares[0]
    if any(n.data.splits is not first.data.splits or n.args != first.args for n in shares):
        return None
    best: Array = np.argmax([n.data.values for n in shares], axis=0)
    return first, best


def binary_score(model: Any, made: Prediction) -> Node:
    """Return the number by which one of two classes is told: the greater, the more the second.

    A regressor's value, or the decision value, or the probability of the second class.
    """
    from sklearn.base import is_regressor

    if not made.outputs:
        return ops.const(math.nan)
    if is_regressor(model):
        return made.nodes("primary")[0]
    return (made.nodes("decision") or made.nodes("probability")[1:])[0]


def binary_cut(model: Any) -> float:
    """Return the number above which such a score tells the second class."""
    from sklearn.base import is_classifier

    return 0.0 if hasattr(model, "decision_function") and is_classifier(model) else 0.5


def relabelled(made: Prediction, classes: Sequence[Label]) -> Prediction:
    """Return a classifier of positions in `classes` as one of the classes themselves.

    One that was trained before, on other labels, stays what it is.
    """
    names: dict[Any, Label] = dict(enumerate(classes))
    if not made.outputs or not names.keys() >= set(made.task.classes):
        return made
    labels = {i: ops.label(c) for i, c in names.items()}
    return Prediction.of_classes(
        [names[c] for c in made.task.classes],
        label=renamed(made.nodes("primary")[0], labels),
        link=made.task.link,
        probability=made.nodes("probability"),
        decision=made.nodes("decision"),
    )


def renamed(label: Node, values: Mapping[Any, Node]) -> Node:
    """Return a choice of labels as the same choice of other labels, or of numbers.

    Conditions inside it stay as they are, and so do the labels that they ask for.
    """
    new: dict[Node, Node] = {}
    for n in _choices(label):
        if n.op is ops.LABEL:
            new[n] = values[n.data[0]]
        else:
            new[n] = ops.where(n.args[0], new[n.args[1]], new[n.args[2]])
    return new[label]


def _choices(label: Node) -> list[Node]:
    """Return the choices that a label is made of, and its labels, arguments first."""
    found, todo = [], [label]
    while todo:
        n = todo.pop()
        found.append(n)
        todo += n.args[1:]
    return found[::-1]
