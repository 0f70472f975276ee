"""Trees as PMML's TreeModel, sums of trees as a MiningModel; and what stays of the formula then."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Node, with_args
from closedform.ops.payloads import Splits, Tree
from closedform.printers.pmml.text import element, number


@dataclass(frozen=True)
class Forest:
    """Trees that are added, in this order; in float32 where `single`.

    Attributes:
        trees: each with the nodes that it tests.
        stands: the input that stands for the sum in the rest of the formula.
    """

    trees: tuple[tuple[Tree, tuple[Node, ...]], ...]
    single: bool
    stands: Node


def split(formula: Formula) -> tuple[dict[Node, Node], list[Forest]]:
    """Return what each node becomes without its trees, and the forests that stand for them.

    A tree that reads what another tree gives, or whose leaf is missing, becomes choices.
    """
    return _Split(formula).result()


class _Split:
    def __init__(self, formula: Formula) -> None:
        self.nodes = formula.nodes
        self.roots = formula.roots
        self.became: dict[Node, Node] = {}
        self.forests: list[Forest] = []
        self.next = len(formula.inputs)
        self.above: set[Node] = set()
        for n in self.nodes:
            if n.op is ops.TREE or any(a in self.above for a in n.args):
                self.above.add(n)

    def result(self) -> tuple[dict[Node, Node], list[Forest]]:
        for n in self.nodes:
            if n.op is ops.TREE and self._is_plain(n):
                continue  # it is written where it is used
            self.became[n] = self._without_trees(n)
        for root in self.roots:
            self._of(root)
        return self.became, self.forests

    def _is_plain(self, n: Node) -> bool:
        """Tell whether a tree can be a model: it tests fields, and its leaves are numbers."""
        s = n.data.splits
        leaves = n.data.values[s.leaf]
        if any(n.args[f].op is ops.CONST for f in s.feature[~s.leaf].tolist()):
            return False
        return not any(a in self.above for a in n.args) and bool(np.isfinite(leaves).all())

    def _of(self, n: Node) -> Node:
        if n not in self.became:
            self.became[n] = self._forest([(n.data, n.args)], single=False)
        return self.became[n]

    def _forest(self, trees: Sequence[tuple[Tree, tuple[Node, ...]]], *, single: bool) -> Node:
        stands = ops.input_(self.next)
        self.next += 1
        self.forests.append(Forest(tuple(trees), single, stands))
        return stands

    def _without_trees(self, n: Node) -> Node:
        if n.op is ops.SUM32:
            found = self._single(n)
            if found is not None:
                return found
        plain = [a for a in n.args if a.op is ops.TREE and self._is_plain(a)]
        if n.op is ops.LIN and len(plain) > 1:
            return self._sum(n)
        made = with_args(n, tuple(self._of(a) for a in n.args))
        return ops.TREE.lower(made) if n.op is ops.TREE and ops.TREE.lower else made

    def _sum(self, n: Node) -> Node:
        """Return bias + the other terms + the sum of trees, their leaves weighted."""
        trees, rest = [], []
        for w, a in zip(n.data.weights.tolist(), n.args, strict=True):
            if a.op is ops.TREE and self._is_plain(a):
                trees.append((Tree(a.data.splits, w * a.data.values), a.args))
            else:
                rest.append((w, self._of(a)))
        return ops.lin(n.data.bias, *rest, (1.0, self._forest(trees, single=False)))

    def _single(self, n: Node) -> Node | None:
        """Return the sum of trees and numbers in float32; None where something else is added."""
        plain = all(a.op is ops.CONST or (a.op is ops.TREE and self._is_plain(a)) for a in n.args)
        if not plain or all(a.op is ops.CONST for a in n.args):
            return None
        leaf = next(a for a in n.args if a.op is ops.TREE).data.splits
        trees = [
            (a.data, a.args) if a.op is ops.TREE else (_leaf(float(a.data), leaf.below), ())
            for a in n.args
        ]
        return self._forest(trees, single=True)


def _leaf(value: float, below: bool) -> Tree:
    from closedform.ops.payloads import splits_from

    splits, _ = splits_from([-1], [-1], [0], [0.0], below=below)
    return Tree(splits, np.array([value]))


def tested(forest: Forest) -> list[Node]:
    """Return the nodes that some tree really tests."""
    found: dict[Node, None] = {}
    for tree, args in forest.trees:
        s = tree.splits
        found.update(dict.fromkeys(args[f] for f in s.feature[~s.leaf].tolist()))
    return list(found)


def model(forest: Forest, names: dict[Node, str], reads: dict[Node, list[str]], output: str) -> str:
    """Return a forest as a model whose prediction is the field `output`.

    Args:
        forest: the trees.
        names: the field of each node that is tested.
        reads: the inputs behind it; a derived field has no place in the schema of a segment.
        output: what the prediction is called.
    """
    schema = mining_schema(_behind(tested(forest), reads))
    given = element(
        "Output",
        element("OutputField", name=output, optype="continuous", dataType="double",
                feature="predictedValue", isFinalResult="false"),
    )  # fmt: skip
    if len(forest.trees) == 1 and not forest.single:
        tree, args = forest.trees[0]
        return _tree_model(tree, args, names, schema + given, None)
    exact = "float" if forest.single else None
    segments = []
    for i, (tree, args) in enumerate(forest.trees, 1):
        used = _behind(tested(Forest(((tree, args),), False, forest.stands)), reads)
        inner = _tree_model(tree, args, names, mining_schema(used), exact)
        segments.append(element("Segment", "<True/>", inner, id=i))
    whole = element("Segmentation", *segments, multipleModelMethod="sum")
    return element(
        "MiningModel", schema, given, whole, functionName="regression", x_mathContext=exact
    ).replace("x_mathContext", "x-mathContext", 1)


def _behind(nodes: Sequence[Node], reads: dict[Node, list[str]]) -> list[str]:
    return list(dict.fromkeys(name for n in nodes for name in reads[n]))


def mining_schema(fields: Sequence[str], target: str | None = None) -> str:
    """Return the fields that a model reads, and the one that it predicts."""
    listed = [element("MiningField", name=target, usageType="target")] if target else []
    listed += [element("MiningField", name=f, invalidValueTreatment="asIs") for f in fields]
    return element("MiningSchema", *listed) if listed else "<MiningSchema/>"


def _tree_model(
    tree: Tree, args: tuple[Node, ...], names: dict[Node, str], head: str, exact: str | None
) -> str:
    def leaf(i: int, predicate: str) -> str:
        return element("Node", predicate, id=i, score=number(float(tree.values[i])))

    return element(
        "TreeModel", head, nodes(tree.splits, [names.get(a, "") for a in args], leaf),
        functionName="regression", missingValueStrategy="defaultChild",
        splitCharacteristic="binarySplit", x_mathContext=exact,
    ).replace("x_mathContext", "x-mathContext", 1)  # fmt: skip


def nodes(s: Splits, fields: Sequence[str], leaf: Callable[[int, str], str]) -> str:
    """Return a tree's nodes.

    Args:
        s: the tree.
        fields: the field of each argument.
        leaf: from a leaf's number and its predicate to the element.
    """
    parts = []
    todo: list[tuple[int, str] | str] = [(0, "<True/>")]
    while todo:
        now = todo.pop()
        if isinstance(now, str):
            parts.append(now)
            continue
        i, predicate = now
        if s.leaf[i]:
            parts.append(leaf(i, predicate))
            continue
        left = int(s.child[i])
        default = left if s.missing_left[i] else left + 1
        parts.append(f'<Node id="{i}" defaultChild="{default}">{predicate}')
        # What does not go left goes right: what is missing is asked for first.
        todo += ["</Node>", (left + 1, "<True/>"), (left, _test(s, i, fields))]
    return "".join(parts)


def _test(s: Splits, i: int, fields: Sequence[str]) -> str:
    name = fields[s.feature[i]]
    if s.member[i] < 0:
        operator = "lessThan" if s.below else "lessOrEqual"
        limit = number(float(s.threshold[i]))
        return element("SimplePredicate", field=name, operator=operator, value=limit)
    codes = np.flatnonzero(s.sets[s.member[i]]).tolist() or [-1]  # an empty array is none
    listed = element("Array", " ".join(f"{c}.0" for c in codes), n=len(codes), type="real")
    return element("SimpleSetPredicate", listed, field=name, booleanOperator="isIn")
