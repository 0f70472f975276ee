"""How a classifier's label is decided: by a score above a cut, or by the highest score."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Node
from closedform.printers.scribe import is_indicator


@dataclass(frozen=True)
class Decision:
    """The class is classes[1] where scores[0] is above `cut`, or that with the highest score.

    Attributes:
        classes: the labels, in the order of the scores; of one score, (below, above).
        scores: one node, or one for each class.
        cut: what one score is compared with.
        reached: whether the score at the cut itself counts as above.
    """

    classes: tuple[Any, ...]
    scores: tuple[Node, ...]
    cut: float = 0.0
    reached: bool = False


def decision_of(label: Node) -> Decision | None:
    """Return how a label node decides, or None where it does so in another way."""
    return _above(label) or _highest(label)


def _above(n: Node) -> Decision | None:
    if n.op is not ops.WHERE or any(x.op is not ops.LABEL for x in n.args[1:]):
        return None
    test = n.args[0]
    if test.op not in (ops.LESS, ops.LESS_EQUAL) or test.args[0].op is not ops.CONST:
        return None
    classes = (n.args[2].data[0], n.args[1].data[0])
    cut = float(test.args[0].data)
    return Decision(classes, (test.args[1],), cut, test.op is ops.LESS_EQUAL)


def _highest(n: Node) -> Decision | None:
    scores: list[Node] = []
    classes: list[Any] = []
    best: Node | None = None
    while n.op is ops.WHERE and n.args[0].op is ops.EQUAL and n.args[1].op is ops.LABEL:
        score, top = n.args[0].args
        if top.op is not ops.MAX or best not in (None, top):
            return None
        best = top
        scores.append(score)
        classes.append(n.args[1].data[0])
        n = n.args[2]
    if best is None or n.op is not ops.LABEL or best.args[:-1] != tuple(scores):
        return None
    return Decision((*classes, n.data[0]), best.args)


def counts_votes(scores: Sequence[Node]) -> bool:
    """Tell votes, which count conditions, from other scores; a share may part equal ones."""
    return bool(scores) and all(n.op is ops.LIN and any(map(is_indicator, n.args)) for n in scores)


def picks_highest(formula: Formula) -> bool:
    """Tell whether the label is the first class with the highest probability.

    Where two classes have the same probability on all rows, as in the stump of a tree for three
    classes, simplifying has left one of them out of the maximum.
    """
    task = formula.task
    if len(task.probability) != len(task.classes) or formula.primary[0] not in formula.outputs:
        return False
    chance = dict(zip(task.classes, chance_nodes(formula), strict=False))
    n = formula.outputs[formula.primary[0]]
    while n.op is ops.WHERE and n.args[0].op is ops.EQUAL and n.args[1].op is ops.LABEL:
        score, top = n.args[0].args
        if chance.get(n.args[1].data[0]) is not score or set(top.args) != set(chance.values()):
            return False
        n = n.args[2]
    return n.op is ops.LABEL


def softmax_scores(chances: Sequence[Node]) -> list[Node] | None:
    """Return the scores whose softmax some nodes are, or None."""
    parts = _shares(chances)
    if parts is None or any(g.op is not ops.EXP for g in parts):
        return None
    inner = [grown.args[0] for grown in parts]
    tops = {a for n in inner if n.op is ops.LIN for a in n.args if a.op is ops.MAX}
    for top in tops:
        scores = [score for n in inner if (score := _above_the_top(n, top)) is not None]
        if len(scores) == len(inner) and set(top.args) == set(scores):
            return scores
    return None


def _above_the_top(n: Node, top: Node) -> Node | None:
    """Return s where a node is s − top, or None; of a number, simplifying has left its sum."""
    if n.op is not ops.LIN or top not in n.args:
        return None
    weights = dict(zip(n.args, n.data.weights.tolist(), strict=True))
    if weights.pop(top) != -1:
        return None
    if not weights:
        return ops.const(n.data.bias)
    ((score, weight), *more) = weights.items()
    return score if not more and weight == 1 and n.data.bias == 0 else None


def sigmoid_scores(chances: Sequence[Node]) -> list[Node] | None:
    """Return the scores whose sigmoids, divided by their sum, some nodes are, or None."""
    parts = _shares(chances)
    if parts is None or any(p.op is not ops.SIGMOID for p in parts):
        return None
    return [p.args[0] for p in parts]


def _shares(chances: Sequence[Node]) -> list[Node] | None:
    """Return the parts of which each node is the share in their common sum, or None."""
    if len(chances) < 2 or any(p.op is not ops.DIV for p in chances):
        return None
    total = chances[0].args[1]
    parts = [p.args[0] for p in chances]
    plain = total.op is ops.LIN and total.data.bias == 0 and set(total.data.weights.tolist()) == {1}
    if not plain or any(p.args[1] is not total for p in chances) or set(total.args) != set(parts):
        return None
    return parts


def chance_nodes(formula: Formula) -> list[Node]:
    """Return the probability of each class, or nothing where the model gives none."""
    return [formula.outputs[name] for name in formula.task.probability if name in formula.outputs]
