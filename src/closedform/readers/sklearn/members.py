"""scikit-learn: what the members of an ensemble say, as the ensemble makes use of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Array, Node, Type, toposort
from closedform.ops.payloads import Label
from closedform.readers.prediction import Prediction
from closedform.readers.reading import Columns, Reading
from closedform.readers.sklearn.dispatch import predicted


def member(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """Return what one of several estimators predicts.

    Its steps are no stages of the whole: leaving one of them out would change one member alone.
    """
    known = len(reading.stages)
    made = predicted(model, columns, reading)
    del reading.stages[known:]
    return made


def members(models: Iterable[Any], columns: Columns, reading: Reading) -> list[Prediction]:
    """Return what each estimator predicts for the same columns; none where one is unreadable."""
    made = [member(model, columns, reading) for model in models]
    return made if all(m.outputs for m in made) else []


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
    numbers: dict[Any, float] = {c: float(c) for c in made.task.classes}
    found = _leaves(made)
    if found is None:
        known = value.op is ops.LABEL
        return ops.const(numbers[value.data[0]]) if known else ops.table(value, numbers)
    tree, said = found
    return ops.tree(tree.data.splits, np.array(list(numbers.values()))[said], tree.args)


def votes(
    made: Prediction, classes: Sequence[Label], yes: float = 1.0, no: float = 0.0
) -> list[Node]:
    """Return for each class `yes` where a classifier says it, and `no` elsewhere."""
    label, found = made.nodes("primary")[0], _leaves(made)
    if label.op is ops.LABEL:
        return [ops.const(yes if label.data[0] == c else no) for c in classes]
    if found is None:
        numbers = ops.const(yes), ops.const(no)
        return [ops.where(ops.equal(label, ops.label(c)), *numbers) for c in classes]
    tree, said = found
    names = np.array([classes.index(c) for c in made.task.classes])[said]
    return [
        ops.tree(tree.data.splits, np.where(names == i, yes, no), tree.args)
        for i in range(len(classes))
    ]


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
    """Return a classifier of positions in `classes` as one of the classes themselves."""
    if not made.outputs:
        return made
    names: dict[Any, Label] = dict(enumerate(classes))
    return Prediction.of_classes(
        [names[c] for c in made.task.classes],
        label=renamed(made.nodes("primary")[0], names),
        link=made.task.link,
        probability=made.nodes("probability"),
        decision=made.nodes("decision"),
    )


def renamed(label: Node, names: Mapping[Any, Label]) -> Node:
    """Return a label node that gives other labels; conditions inside it stay as they are."""
    new: dict[Node, Node] = {}
    for n in toposort([label]):
        if n.type is not Type.LABEL:
            continue
        if n.op is ops.LABEL:
            new[n] = ops.label(names.get(n.data[0], n.data[0]))
        else:
            new[n] = ops.where(n.args[0], new[n.args[1]], new[n.args[2]]) if n.args else n
    return new[label]
