"""The trees of a formula, and which of them hold a value for each class."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Node, Type, rewrite, toposort, with_args
from closedform.ops.payloads import splits_from
from closedform.printers.choices import decision_of


@dataclass(frozen=True)
class Ensemble:
    """All trees of a formula, in the order in which they are added.

    Attributes:
        trees: for each tree, its nodes: one for each of `outputs` where the trees are shared.
        outputs: the names of the outputs that the trees add to.
        shared: whether each tree gives every output a value of its own.
        direct: whether each output is one tree and nothing else.
    """

    trees: tuple[tuple[Node, ...], ...]
    outputs: tuple[str, ...]
    shared: bool
    direct: bool


def without_untested(formula: Formula) -> Formula:
    """Return the formula without computed values that its trees are given but never test."""
    trees = [n for n in formula.nodes if n.op is ops.TREE]
    given = {a for n in trees for a in n.args if a.op is not ops.INPUT and a.op is not ops.CONST}
    for args, group in groupby(trees, key=lambda n: n.args):
        splits = [n.data.splits for n in group]
        tested = set().union(*(s.feature[~s.leaf].tolist() for s in splits))
        given -= {args[i] for i in tested}
    if not given:
        return formula
    nothing = ops.const(0.0)
    became: dict[tuple[Node, ...], tuple[Node, ...]] = {}

    def replaced(n: Node) -> Node | None:
        if n.op is not ops.TREE:
            return None
        if n.args not in became:
            became[n.args] = tuple(nothing if a in given else a for a in n.args)
        return with_args(n, became[n.args])

    return formula.with_outputs(rewrite(formula.roots, replaced))


def ensemble_of(formula: Formula) -> Ensemble | None:
    """Return the trees of a formula, or None where it has none."""
    if not any(n.op is ops.TREE for n in formula.nodes):
        return None
    names = _scored(formula)
    roots = [formula.outputs[name] for name in names] or _counted(formula)
    below = [[n for n in toposort([root]) if n.op is ops.TREE] for root in roots]
    alone = bool(roots) and all(root.op is ops.TREE for root in roots)
    shared = (len(names) > 1 or (alone and len(roots) > 1)) and _same_shapes(below)
    if shared:
        trees = tuple(zip(*below, strict=True))
    else:
        trees = tuple((n,) for n in dict.fromkeys(n for under in below for n in under))
    direct = all(r.op is ops.TREE for r in roots) and (shared or len(roots) == 1)
    return Ensemble(trees, tuple(names), shared, direct)


def as_trees(terms: Sequence[Node]) -> list[Node] | None:
    """Return the terms of a sum as trees over the same arguments, or None where some cannot be.

    A constant, which simplifying leaves of a tree with one leaf, is that tree again.
    """
    trees = [n for n in terms if n.op is ops.TREE]
    if not trees or len({n.args for n in trees}) > 1:
        return None
    if len({n.data.splits.below for n in trees}) > 1:
        return None
    if any(n.op not in (ops.TREE, ops.CONST) for n in terms):
        return None
    below, args = trees[0].data.splits.below, trees[0].args
    leaf, _ = splits_from([-1], [-1], [0], [0.0], below=below)
    return [n if n.op is ops.TREE else ops.tree(leaf, [float(n.data)], args) for n in terms]


def _counted(formula: Formula) -> list[Node]:
    """Return what decides between the classes of a classifier that gives nothing but a label."""
    decisions = [decision_of(n) for n in formula.outputs.values() if n.type is Type.LABEL]
    return [score for made in decisions if made is not None for score in made.scores]


def _scored(formula: Formula) -> Sequence[str]:
    """Return the outputs that come first out of the trees: scores before probabilities."""
    task = formula.task
    for names in (task.decision, task.probability):
        if names and all(n in formula.outputs for n in names):
            # Of log-odds against the first class, its own are 0: no tree says so.
            against = task.link == "softmax" and formula.outputs[names[0]] is ops.const(0.0)
            return names[1:] if against and names is task.decision else names
    return [name for name, n in formula.outputs.items() if n.type is Type.REAL]


def _same_shapes(below: Sequence[Sequence[Node]]) -> bool:
    shapes = [[(n.data.splits.key, n.args) for n in trees] for trees in below]
    apart = len({n for trees in below for n in trees}) > len(below[0])
    return apart and all(s == shapes[0] for s in shapes)
