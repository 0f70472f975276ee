"""The terms of a formula: what is added up to the number that it gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Node
from closedform.reports.case import Case

MOST = 14
"""Bars: what has more terms is told by those that vary most, and one bar for all others."""
LINKS = {"sigmoid": "log-odds", "exp": "logarithm", "softplus": "softplus⁻¹"}
"""What is a sum in the scale of its link, and what that scale is called."""


@dataclass(frozen=True, eq=False)
class Terms:
    """A number as a sum.

    Attributes:
        nodes: the terms by what they are called, those that vary most first.
        means: the mean of each over the rows.
        constant: what is added to them.
        scale: "" where they add up to the number itself; else the scale in which they do.
    """

    nodes: dict[str, Node]
    means: dict[str, float]
    constant: float
    scale: str = ""


def terms_of(case: Case, formula: Formula) -> Terms | None:
    """Return the terms of the number that is shown; None where it is no sum of several."""
    root, scale = root_of(case, formula)
    if root is None:
        return None
    groups: dict[tuple[int, ...], list[tuple[float, Node]]] = {}
    constant = 0.0
    for weight, node in _addends(root):
        read = Formula({"": node}, formula.inputs).used
        if read:
            groups.setdefault(read, []).append((weight, node))
        else:
            constant += weight * float(np.asarray(formula_value(node, formula)))
    if len(groups) < 2:
        return None
    made = {
        " and ".join(formula.inputs[i].name for i in read): ops.lin(0.0, *added)
        for read, added in groups.items()
    }
    return _fewer(case, formula, made, constant, scale)


def formula_value(node: Node, formula: Formula) -> float:
    """Return the value of a node that reads no input."""
    whole = Formula({"value": node}, ())
    return float(whole.evaluate(np.zeros((1, 0)))["value"][0])


def root_of(case: Case, formula: Formula) -> tuple[Node | None, str]:
    """Return the sum behind the number that is shown, and the scale of that sum."""
    task, target = formula.task, case.sides.target
    if target.kind == "label":
        return None, ""
    scores = [name for name in task.decision if name in formula.outputs]
    if target.kind == "chance" and len(scores) == len(task.classes) > 2:
        return formula.outputs[scores[task.classes.index(target.label)]], "score of the class"
    node, scale = formula.outputs[case.name_in(formula)], ""
    if node.op.name in LINKS:
        return node.args[0], LINKS[node.op.name]
    if target.kind == "chance" and len(scores) == 1 and task.classes[-1] == target.label:
        return formula.outputs[scores[0]], "score of the class"
    return node, scale


def _addends(root: Node) -> Iterator[tuple[float, Node]]:
    """Yield what a sum adds up, each with its weight; sums in it are opened."""
    todo = [(1.0, root)]
    while todo:
        weight, node = todo.pop()
        if node.op is ops.LIN:
            yield weight, ops.const(node.data.bias)
            todo += [(weight * float(w), a)
                     for w, a in zip(node.data.weights, node.args, strict=True)]  # fmt: skip
        elif node.op is ops.SUM32:
            todo += [(weight, a) for a in node.args]
        else:
            yield weight, node


def _fewer(
    case: Case, formula: Formula, made: dict[str, Node], constant: float, scale: str
) -> Terms | None:
    """Return the terms that vary most, all others as one; None where these are the more."""
    values = replace(formula, outputs=made).evaluate(case.sides.X)
    with np.errstate(all="ignore"):
        spreads = {name: float(np.nanstd(v)) for name, v in values.items()}
    order = sorted(made, key=lambda name: -spreads[name])
    kept = {name: made[name] for name in order[:MOST]}
    rest = order[MOST:]
    if rest:
        others = ops.lin(0.0, *((1.0, made[name]) for name in rest))
        kept[f"{len(rest)} more"] = others
        values[f"{len(rest)} more"] = sum((values[name] for name in rest), np.zeros(1))
        if float(np.nanstd(values[f"{len(rest)} more"])) > spreads[order[0]]:
            return None
    means = {name: float(np.nanmean(values[name])) for name in kept}
    return Terms(kept, means, constant, scale) if np.isfinite(list(means.values())).all() else None
