"""The scores of a formula: the numbers behind its prediction that a short formula is fitted to."""

from __future__ import annotations

from dataclasses import replace

from closedform import ops
from closedform.errors import BadInput
from closedform.formula import Formula, Task
from closedform.ir import Node, Type

CERTAIN = 4.0
"""The log-odds that stand for a label where a model gives nothing but labels: 98 %."""
TINY = 1e-9
"""A chance of less is taken for this: log 0 is no score."""


def with_own_task(formula: Formula) -> Formula:
    """Return a formula that has lost some of its model's outputs with the task of those it has.

    A chance alone is a number, and no class; one label of several has classes of its own.
    """
    task, answer = formula.task, formula.answer
    if task.kind != "classification":
        return formula
    if all(formula.outputs[name].type is Type.REAL for name in answer):
        return replace(formula, task=Task(primary=answer))
    return replace(formula, task=task.of(answer[0])) if len(answer) == 1 else formula


def score_nodes(formula: Formula) -> list[Node]:
    """Return one REAL node a score: the prediction, or log-odds against the first class.

    Raises:
        BadInput: it is no formula, or the prediction no number and no class that it knows.
    """
    if not isinstance(formula, Formula):
        raise BadInput(
            f"This is no formula, but of the type {type(formula).__name__}.",
            hint="Read the model first: cf.read(model).",
        )
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
        before = _before_chances(chances)
        if before:
            return before
        logs = [ops.log(ops.maximum(c, ops.const(TINY))) for c in chances]
        return [ops.lin(0, (1, g), (-1, logs[0])) for g in logs[1:]]
    if len(decision) == 1 and len(task.classes) == 2:
        return decision
    if len(decision) == len(task.classes):
        return [ops.lin(0, (1, d), (-1, decision[0])) for d in decision[1:]]
    return _of_labels(formula)


def _before_chances(chances: list[Node]) -> list[Node]:
    """Return the log-odds whose softmax, or sigmoid, the chances are; none where they are neither.

    So the logarithm of a quotient of exponentials need not be taken.
    """
    if len(chances) == 2 and chances[1].op is ops.SIGMOID:
        return [chances[1].args[0]]
    wholes = {c.args[1] for c in chances if c.op is ops.DIV and c.args[0].op is ops.EXP}
    if len(wholes) != 1 or any(c.op is not ops.DIV for c in chances):
        return []
    parts, total = [c.args[0] for c in chances], wholes.pop()
    if total.op is not ops.LIN or set(total.args) != set(parts) or (total.data.weights != 1).any():
        return []
    scores = [part.args[0] for part in parts]
    lowered = all(s.op is ops.LIN and s.data.weights.tolist() == [1, -1] for s in scores)
    if lowered and len({s.args[1] for s in scores}) == 1:
        # What all are lowered by, for the exponentials not to overflow, cancels.
        scores = [s.args[0] for s in scores]
    return [ops.lin(0, (1, s), (-1, scores[0])) for s in scores[1:]]


def _of_labels(formula: Formula) -> list[Node]:
    label = formula.outputs[formula.answer[0]]
    if label.type is not Type.LABEL:
        return [label]
    known = formula.task.classes
    hits = [ops.where(ops.equal(label, ops.label(c)), ops.const(CERTAIN), ops.const(-CERTAIN))
            for c in known[1:]]  # fmt: skip
    return hits
