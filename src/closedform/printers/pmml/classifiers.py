"""Classifiers as readers of PMML expect them: one tree with its shares, scores with a softmax.

Both give what the general form gives, and each output under the same name; other classifiers are
written as that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from closedform import ops
from closedform.evaluate import evaluate
from closedform.formula import Feature, Formula
from closedform.ir import Array, Node, Type, rewrite, toposort
from closedform.ops.payloads import Splits
from closedform.printers.choices import chance_nodes, decision_of, softmax_scores
from closedform.printers.pmml.text import element, number
from closedform.printers.pmml.trees import nodes


@dataclass(frozen=True)
class LeafClasses:
    """A tree whose leaf tells everything.

    Attributes:
        splits: the tree.
        args: what it tests, inputs all of them.
        classes: the labels, in the order of the probabilities.
        labels: the class of each node; only those of leaves mean something.
        chances: the probability of each class at each node, shape (nodes, classes).
    """

    splits: Splits
    args: tuple[Node, ...]
    classes: tuple[Any, ...]
    labels: Array
    chances: Array


def leaf_classes(formula: Formula) -> LeafClasses | None:
    """Return the one tree that decides the class; None where the formula is not that."""
    trees = [n for n in formula.nodes if n.op is ops.TREE]
    shapes = {(n.data.splits.key, n.args) for n in trees}
    if len(shapes) != 1 or not _alone(formula) or formula.refused is not None:
        return None
    args, splits = trees[0].args, trees[0].data.splits
    asked = [args[f] for f in set(splits.feature[~splits.leaf].tolist())]
    if any(a.op is not ops.INPUT or a.type is not Type.REAL for a in asked) or not asked:
        return None
    values = {n: ops.input_(i) for i, n in enumerate(trees)}
    became = rewrite(formula.roots, values.get)
    inside = toposort([became[n] for n in formula.roots])
    if any(n.op is ops.INPUT and n not in values.values() for n in inside):
        return None
    features = tuple(Feature(f"{i}") for i in range(len(trees)))
    leaf = evaluate(
        replace(formula.with_outputs(became), inputs=features, names={}),
        np.column_stack([n.data.values for n in trees]),
    )
    chances = np.column_stack([leaf[name] for name in formula.task.probability])
    usual = bool(np.isfinite(chances[splits.leaf]).all())
    classes, labels = formula.task.classes, leaf[formula.answer[0]]
    return LeafClasses(splits, args, classes, labels, chances) if usual else None


def _alone(formula: Formula) -> bool:
    """Tell whether a formula gives a class and the probability of each, and nothing else."""
    return _is_classifier(formula) and len(formula.outputs) == 1 + len(formula.task.classes)


def _is_classifier(formula: Formula) -> bool:
    classes, answer = formula.task.classes, formula.answer
    return (
        len(answer) == 1
        and formula.outputs[answer[0]].type is Type.LABEL
        and len(chance_nodes(formula)) == len(classes) > 1
    )


@dataclass(frozen=True)
class Scores:
    """Scores of which the probabilities are the softmax, and the class is that of the highest.

    Attributes:
        tables: for each class, the intercept, and coefficients with the inputs' numbers.
    """

    tables: tuple[tuple[float, tuple[tuple[float, int], ...]], ...]


def softmax_of(formula: Formula) -> Scores | None:
    """Return the scores of a linear classifier; None where the formula is not that.

    Of two classes the first has the score 0: then its probability is the one that a sigmoid
    leaves, and where both are equal, it is the class, as in the formula.
    """
    if not _is_classifier(formula):
        return None
    found = decision_of(formula.outputs[formula.answer[0]])
    scores = _scores(formula)
    if found is None or scores is None or tuple(found.classes) != formula.task.classes:
        return None
    if found.scores != tuple(scores) or found.cut != 0 or found.reached:
        return None
    given = {formula.answer[0], *formula.task.probability}
    others = [n for name, n in formula.outputs.items() if name not in given]
    if any(n not in scores for n in others) or not _plain(formula, scores):
        return None
    tables = [
        (n.data.bias, tuple(zip(n.data.weights.tolist(), (a.data for a in n.args), strict=True)))
        for n in scores
    ]
    return Scores(tuple(tables if len(tables) > 1 else [(0.0, ()), *tables]))


def _scores(formula: Formula) -> list[Node] | None:
    chances = chance_nodes(formula)
    if len(chances) != 2 or chances[1].op is not ops.SIGMOID:
        return softmax_scores(chances)
    no, yes = chances
    rest = no.op is ops.LIN and no.args == (yes,)
    left = rest and no.data.bias == 1 and no.data.weights.tolist() == [-1.0]
    return [yes.args[0]] if left else None


def _plain(formula: Formula, scores: Sequence[Node]) -> bool:
    """Tell whether scores are sums of inputs, all missing exactly where the row is refused."""
    if any(n.op is not ops.LIN or not n.args for n in scores):
        return False
    if any(a.op is not ops.INPUT or a.type is not Type.REAL for n in scores for a in n.args):
        return False
    numbers = [v for n in scores for v in (n.data.bias, *n.data.weights.tolist())]
    refused = formula.refused
    tests = () if refused is None else refused.args if refused.op is ops.OR else (refused,)
    asked = {a.args[0] for a in tests if a.op is ops.ABSENT}
    # A score is missing where one of its terms is, and no class has a probability then.
    together = len(asked) == len(tests) > 0 and asked == {a for n in scores for a in n.args}
    return together and bool(np.isfinite(numbers).all())


def chance_fields(formula: Formula, names: Mapping[str, str], classes: Sequence[str]) -> list[str]:
    """Return the output fields for the probability of each class."""
    return [
        element("OutputField", name=names[name], optype="continuous", dataType="double",
                feature="probability", value=value)
        for name, value in zip(formula.task.probability, classes, strict=True)
    ]  # fmt: skip


def regression(scores: Scores, inputs: Sequence[str], classes: Sequence[str], head: str) -> str:
    """Return scores as a model with a table of coefficients for each class."""
    tables = [
        element(
            "RegressionTable",
            *[element("NumericPredictor", name=inputs[i], coefficient=number(w)) for w, i in terms],
            intercept=number(bias), targetCategory=value,
        )
        for value, (bias, terms) in zip(classes, scores.tables, strict=True)
    ]  # fmt: skip
    return element("RegressionModel", head, *tables, functionName="classification",
                   normalizationMethod="softmax")  # fmt: skip


def tree_model(found: LeafClasses, inputs: Sequence[str], classes: Sequence[str], head: str) -> str:
    """Return a tree whose leaves tell the class, and the probability of each."""

    def leaf(i: int, predicate: str) -> str:
        # As counts too, which the specification asks for; a formula knows no numbers of rows.
        shares = [number(float(p)) for p in found.chances[i]]
        listed = [
            element("ScoreDistribution", value=value, recordCount=share, probability=share)
            for value, share in zip(classes, shares, strict=True)
        ]
        score = dict(zip(known, classes, strict=True))[found.labels[i]]
        return element("Node", predicate, *listed, id=i, score=score)

    known = found.classes
    fields = [inputs[a.data] if a.op is ops.INPUT else "" for a in found.args]
    return element(
        "TreeModel", head, nodes(found.splits, fields, leaf), functionName="classification",
        missingValueStrategy="defaultChild", splitCharacteristic="binarySplit",
    )  # fmt: skip
