"""The scores of a formula: the numbers behind its prediction that a short formula is fitted to."""

from __future__ import annotations

from closedform import ops
from closedform.errors import BadInput
from closedform.formula import Formula
from closedform.ir import Node, Type

CERTAIN = 4.0
"""The log-odds that stand for a label where a model gives nothing but labels: 98 %."""
TINY = 1e-9
"""A chance of less is taken for this: log 0 is no score."""


def score_nodes(formula: Formula) -> list[Node]:
    """Return one REAL node a score: the prediction, or log-odds against the first class.

    Raises:
        BadInput: the prediction is no number and no class that the formula knows.
    """
    task = formula.task
    if task.kind == "classification" and len(task.classes) > 1 and not task.parts:
        return _log_odds(formula)
    found = [formula.outputs[name] for name in formula.answer]
    if all(n.type is Type.REAL for n in found):
        return found
    raise BadInput(
        "The prediction is neither a number nor one of several classes: nothing shorter can be "
        "fitted to it.",
        hint="Take one output: formula.only(name), of " + ", ".join(formula.outputs) + ".",
    )


def _log_odds(formula: Formula) -> list[Node]:
    task, outputs = formula.task, formula.outputs
    decision = [outputs[n] for n in task.decision if n in outputs]
    if task.link == "logit" and len(decision) == 1:
        return decision
    if task.link == "softmax" and len(decision) == len(task.classes):
        return [ops.lin(0, (1, d), (-1, decision[0])) for d in decision[1:]]
    chances = [outputs[n] for n in task.probability if n in outputs]
    if len(chances) == len(task.classes):
        bare = _exponents(chances)
        if bare:
            return bare
        logs = [ops.log(ops.maximum(c, ops.const(TINY))) for c in chances]
        return [ops.lin(0, (1, g), (-1, logs[0])) for g in logs[1:]]
    if len(decision) == 1 and len(task.classes) == 2:
        return decision
    if len(decision) == len(task.classes):
        return [ops.lin(0, (1, d), (-1, decision[0])) for d in decision[1:]]
    return _of_labels(formula)


def _exponents(chances: list[Node]) -> list[Node]:
    """Return the log-odds that a sigmoid or softmax was taken of, as they were; else nothing."""
    last = chances[-1]
    if len(chances) == 2 and last.op is ops.SIGMOID:
        rest = chances[0]
        return [last.args[0]] if rest is ops.lin(1, (-1, last)) else []
    if not all(c.op is ops.DIV and c.args[0].op is ops.EXP for c in chances):
        return []
    if len({c.args[1] for c in chances}) > 1:
        return []
    inner = [_without_best(c.args[0].args[0]) for c in chances]
    return [ops.lin(0, (1, g), (-1, inner[0])) for g in inner[1:]]


def _without_best(n: Node) -> Node:
    """Return s of s - max(s, …), which a softmax subtracts lest it overflow."""
    subtracts = n.op is ops.LIN and len(n.args) == 2 and n.args[1].op is ops.MAX
    plain = subtracts and n.data.bias == 0 and n.data.weights.tolist() == [1.0, -1.0]
    return n.args[0] if plain and n.args[0] in n.args[1].args else n


def _of_labels(formula: Formula) -> list[Node]:
    label = formula.outputs[formula.answer[0]]
    if label.type is not Type.LABEL:
        return [label]
    known = formula.task.classes
    hits = [ops.where(ops.equal(label, ops.label(c)), ops.const(CERTAIN), ops.const(-CERTAIN))
            for c in known[1:]]  # fmt: skip
    return hits
