"""A formula as a sum of terms, and each term as a product: what Shapley values are exact of.

The Shapley value of a sum is the sum of those of its terms (Shapley 1953, linearity), and a term
that reads few inputs, or is a product of parts that do, has few coalitions to ask about.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from closedform import ops
from closedform.formula import reads
from closedform.ir import Node, fold, toposort

Inputs = frozenset[int]
Summands = list[tuple[float, Node]]

WIDEST = 10
"""Inputs of a part whose coalitions are all asked about: 1024."""
TOGETHER = 4
"""A term over so few inputs is asked about as a whole: 16 coalitions."""
MOST = 2000
"""Terms that products of sums may be multiplied out to."""
LONGEST = 62
"""Inputs that one path of a tree may test: a bit of a word each."""


@dataclass(frozen=True, eq=False)
class Part:
    """Π factors · exp(Σ exponents): a part of a product that shares no input with the others.

    Attributes:
        inputs: those that it reads.
        factors: REAL nodes.
        exponents: REAL nodes, kept as such: exp(700 − x)·exp(x − 700) overflows where their sum
            does not.
    """

    inputs: Inputs
    factors: tuple[Node, ...]
    exponents: tuple[Node, ...] = ()


@dataclass(frozen=True, eq=False)
class Term:
    """weight · exp(power) · Π parts, the parts over disjoint sets of inputs; `node` is the same."""

    weight: float
    power: float
    parts: tuple[Part, ...]
    node: Node

    def work(self, rows: int, background: int) -> float:
        """Return about how many operations on numbers its Shapley values take."""
        pairs, size = rows * background, sum(len(part.inputs) for part in self.parts)
        asked = sum(
            (pairs << len(part.inputs) if len(part.inputs) > 1 else rows + background)
            * len(toposort([*part.factors, *part.exponents]))
            for part in self.parts
        )
        added = sum(len(part.inputs) << len(part.inputs) for part in self.parts)
        return asked + pairs * ((size + 1) // 2) * added


@dataclass(frozen=True, eq=False)
class Sum:
    """bias + Σ trees + Σ terms + rest.

    Attributes:
        bias: the constant.
        trees: (weight, tree) pairs; each argument of a tree reads one input at most.
        terms: products whose every part reads few inputs.
        rest: what is neither, as one node; None if there is nothing left.
    """

    bias: float
    trees: Summands = field(default_factory=list)
    terms: list[Term] = field(default_factory=list)
    rest: Node | None = None


def sum_of(root: Node) -> Sum:
    """Return a REAL node as a sum, over the reals: what rounds to float32 is taken as exact."""
    bias, summands = _multiplied_out(*summands_of(root))
    inputs = _inputs_of(node for _, node in summands)
    alike: dict[Inputs, Summands] = {}
    trees: Summands = []
    terms: list[Term] = []
    for weight, node in summands:
        if not inputs[node]:
            alike.setdefault(inputs[node], []).append((weight, node))
        elif node.op is ops.TREE and _splits_inputs(node):
            trees.append((weight, node))
        elif len(inputs[node]) > TOGETHER and len((term := _term(weight, node)).parts) > 1 and (
            max(len(part.inputs) for part in term.parts) <= WIDEST
        ):  # fmt: skip
            terms.append(term)
        else:
            alike.setdefault(inputs[node], []).append((weight, node))
    few = {key: members for key, members in alike.items() if len(key) <= WIDEST}
    for key, members in few.items():
        node = ops.lin(0.0, *members)
        terms.append(Term(1.0, 0.0, (Part(key, (node,)),), node))
    many = [pair for key, members in alike.items() if key not in few for pair in members]
    return Sum(bias, trees, terms, ops.lin(0.0, *many) if many else None)


def summands_of(root: Node) -> tuple[float, Summands]:
    """Return a REAL node as bias + Σ weight·node, sums within sums opened, each node once."""
    order = toposort([root])
    weights: dict[Node, float] = {root: 1.0}
    bias, kept = 0.0, dict[Node, float]()
    inputs = _inputs_of(order)
    for node in reversed(order):
        if node not in weights:
            continue
        weight = weights.pop(node)
        opened = _opened(node, inputs)
        if opened is None:
            kept[node] = kept.get(node, 0.0) + weight
            continue
        bias += weight * opened[0]
        for share, inner in opened[1]:
            to = weights if inner in inputs else kept
            to[inner] = to.get(inner, 0.0) + weight * share
    return bias, [(weight, node) for node, weight in kept.items() if weight]


def _multiplied_out(bias: float, summands: Summands) -> tuple[float, Summands]:
    """Return the same with products of sums over many inputs multiplied out: (a + b)·c = a·c + b·c.

    Over few inputs they are asked about as they are.
    """
    kept: dict[Node, float] = {}
    todo = summands[::-1]
    while todo:
        weight, node = todo.pop()
        wide = node.op is ops.MUL and len(_inputs_of([node])[node]) > WIDEST
        sums = [arg for arg in node.args if arg.op is ops.LIN] if wide else []
        if not sums or len(todo) + len(kept) + len(sums[0].args) > MOST:
            kept[node] = kept.get(node, 0.0) + weight
            continue
        at = node.args.index(sums[0])
        rest = [*node.args[:at], *node.args[at + 1 :]]
        data = sums[0].data
        terms = [(w, ops.mul(x, *rest)) for w, x in zip(data.weights, sums[0].args, strict=True)]
        more, opened = summands_of(ops.lin(0.0, *terms, (data.bias, ops.mul(*rest))))
        bias += weight * more
        todo += [(weight * w, x) for w, x in opened]
    return bias, list(zip(kept.values(), kept, strict=True))


def _opened(n: Node, inputs: Mapping[Node, Inputs]) -> tuple[float, Summands] | None:
    """Return what a node is the weighted sum of, None where it is none."""
    if n.op is ops.CONST:
        return float(n.data), []
    if n.op is ops.LIN:
        return n.data.bias, list(zip(n.data.weights.tolist(), n.args, strict=True))
    if n.op is ops.SUM32:
        return 0.0, [(1.0, arg) for arg in n.args]
    if n.op is ops.ROUND32 and n.args[0].op is not ops.INPUT:
        return 0.0, [(1.0, n.args[0])]
    if n.op is ops.DIV and n.args[1].op is ops.CONST:
        return (0.0, [(1.0 / n.args[1].data, n.args[0])]) if n.args[1].data else None
    if n.op is ops.MUL and any(arg.op is ops.CONST for arg in n.args):
        rest = [arg for arg in n.args if arg.op is not ops.CONST]
        share = 1.0
        for arg in n.args:
            share *= arg.data if arg.op is ops.CONST else 1.0
        return (share, []) if not rest else (0.0, [(share, ops.mul(*rest))])
    if n.op is ops.SQUARED_DISTANCE and _disjoint([inputs[arg] for arg in n.args]):
        return 0.0, [
            (w, ops.mul(*[ops.lin(-c, (1.0, x))] * 2))
            for w, c, x in zip(n.data.weights.tolist(), n.data.point.tolist(), n.args, strict=True)
        ]
    return None


def _term(weight: float, node: Node) -> Term:
    """Return weight·node as a product of parts that share no input."""
    factors: list[Node] = []
    exponents: list[Node] = []
    power, whole = 0.0, ops.lin(0.0, (weight, node))
    todo = [(node, 1.0)]
    while todo:
        n, sign = todo.pop()
        if n.op is ops.MUL:
            todo += [(arg, sign) for arg in n.args]
        elif n.op is ops.DIV:
            todo += [(n.args[0], sign), (n.args[1], -sign)]
        elif n.op is ops.EXP:
            bias, summands = summands_of(n.args[0])
            power += sign * bias
            exponents += [ops.lin(0.0, (sign * w, x)) for w, x in summands]
        elif n.op is ops.CONST and (n.data or sign > 0):
            weight *= n.data**sign
        else:
            factors.append(n if sign > 0 else ops.div(ops.const(1.0), n))
    return Term(weight, power, tuple(_parts(factors, exponents)), whole)


def _parts(factors: Sequence[Node], exponents: Sequence[Node]) -> list[Part]:
    """Return factors and exponents together where they share inputs, apart where they do not."""
    inputs = _inputs_of([*factors, *exponents])
    parts: list[Part] = []
    for kind, nodes in enumerate((factors, exponents)):
        for node in nodes:
            mine = Part(inputs[node], *(((node,), ()) if kind == 0 else ((), (node,))))
            touched = [part for part in parts if part.inputs & mine.inputs]
            parts = [part for part in parts if part not in touched]
            parts.append(_joined([*touched, mine]))
    return parts


def _joined(parts: Sequence[Part]) -> Part:
    return Part(
        frozenset().union(*(part.inputs for part in parts)),
        tuple(node for part in parts for node in part.factors),
        tuple(node for part in parts for node in part.exponents),
    )


def _inputs_of(nodes: Iterable[Node]) -> dict[Node, Inputs]:
    """Return which inputs each node reads."""
    roots = list(nodes)
    return dict(zip(roots, fold(roots, reads), strict=True))


def _disjoint(sets: Sequence[Inputs]) -> bool:
    return len(frozenset().union(*sets)) == sum(map(len, sets))


def _splits_inputs(tree: Node) -> bool:
    """Tell whether each test of a tree is about one input, so that a leaf is a product of tests."""
    tested = sorted(set(tree.data.splits.feature[~tree.data.splits.leaf].tolist()))
    each = _inputs_of(tree.args[i] for i in tested)
    return all(len(found) <= 1 for found in each.values()) and (
        len(frozenset().union(*each.values())) <= LONGEST or tree.data.splits.depth <= LONGEST
    )
