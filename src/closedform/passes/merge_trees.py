"""Trees made smaller without another value anywhere: dead branches, equal leaves, sums of stumps.

An ensemble whose trees ask about one input each is an additive model: its trees become one step
function for each input (Lou, Caruana and Gehrke, Intelligible models, 2012).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from closedform import ops
from closedform.formula import Formula, Step
from closedform.ir import Array, Node, rewrite
from closedform.ops.payloads import Pieces, Splits, leaves_of, splits_from
from closedform.passes.double_sums import double_sums

Key = tuple[Node, bool]
"""What a step function is of, and whether an edge belongs to the stretch on its left."""


def merge_trees(formula: Formula) -> Formula:
    """Return the formula with smaller trees, and with those of one input added up.

    Branches that no value reaches are left out (exact), splits whose leaves are all equal too
    (exact), and trees in one sum that ask about one and the same number become one step function
    (the same over the reals: the leaves are added in another order). Of trees in a sum that is
    rounded to float32, as XGBoost's, that rounding is left out first where there is something to
    merge (approx, with its proven bound).

    Returns:
        The formula, with Steps that say how many nodes were left out and how many trees merged;
        the same formula where nothing was.
    """
    fired: Counter[str] = Counter()
    smaller = formula.with_outputs(rewrite(formula.roots, lambda n: _pruned_node(n, fired)))
    single = any(n.op is ops.SUM32 and _steps_in(n.args) > 1 for n in smaller.nodes)
    plain = double_sums(smaller) if single else smaller
    merged = plain.with_outputs(rewrite(plain.roots, lambda n: _summed(n, fired, formula)))
    steps = [
        Step("merge trees", kind, found={what: fired[what]})
        for kind, what in (("exact", "nodes left out"), ("real", "trees merged"))
        if fired[what]
    ]
    if not steps:
        return formula
    return replace(merged, trail=(*merged.trail, *steps))


# --- one tree -----------------------------------------------------------------------------------


class Span(NamedTuple):
    """What may still come of one input: lo < x <= hi (lo <= x < hi where `below`), or missing."""

    lo: float = -np.inf
    hi: float = np.inf
    missing: bool = True


def _pruned_node(n: Node, fired: Counter[str]) -> Node | None:
    if n.op is not ops.TREE:
        return None
    splits, values = pruned(n.data.splits, n.data.values)
    fired["nodes left out"] += len(n.data.splits.child) - len(splits.child)
    if len(splits.child) == 1:
        return ops.const(float(values[0]))
    if len(splits.child) == len(n.data.splits.child):
        return None
    return ops.tree(splits, values, n.args)


def pruned(splits: Splits, values: Array) -> tuple[Splits, Array]:
    """Return a tree without branches that nothing reaches, and without splits that decide nothing.

    Args:
        splits: its shape.
        values: of its leaves, shape (nodes,).

    Returns:
        The shape, and the values of its nodes; the same ones where nothing could be left out.
    """
    goes = _reached(splits)
    became: dict[int, int] = {}
    leaf: dict[int, float] = {}
    for i, (left, right) in reversed(goes.items()):
        child = int(splits.child[i])
        if not (left and right):
            became[i] = i if child == i else became[child if left else child + 1]
            if child == i:
                leaf[i] = float(values[i])
            continue
        became[i] = i
        a, b = (leaf.get(became[c]) for c in (child, child + 1))
        if a is not None and b is not None and _same(a, b):
            leaf[i] = a
    return _rebuilt(splits, values, became, leaf)


def _rebuilt(
    splits: Splits, values: Array, became: dict[int, int], leaf: dict[int, float]
) -> tuple[Splits, Array]:
    order, left, right = [became[0]], list[int](), list[int]()
    for i in order:
        inner = i not in leaf
        left.append(len(order) if inner else -1)
        right.append(len(order) + 1 if inner else -1)
        child = int(splits.child[i])
        order += [became[child], became[child + 1]] if inner else []
    if len(order) == len(splits.child):
        return splits, values
    made, again = splits_from(
        left, right, splits.feature[order], splits.threshold[order],
        missing_left=splits.missing_left[order], below=splits.below, member=splits.member[order],
        sets=splits.sets, counts=splits.counts[order] if len(splits.counts) else None,
    )  # fmt: skip
    found = np.array([leaf.get(i, 0.0) for i in order])
    return made, found[again]


def _same(a: float, b: float) -> bool:
    return a == b or (a != a and b != b)


def _reached(splits: Splits) -> dict[int, tuple[bool, bool]]:
    """Return the nodes that something reaches, parents first, and which of their sides it takes.

    A leaf has no sides: (False, False).
    """
    found: dict[int, tuple[bool, bool]] = {}
    stack: list[tuple[int, dict[int, Span]]] = [(0, {})]
    while stack:
        i, box = stack.pop()
        child, feature = int(splits.child[i]), int(splits.feature[i])
        if child == i:
            found[i] = (False, False)
            continue
        sides = _halves(splits, i, box.get(feature, Span()))
        found[i] = (sides[0] is not None, sides[1] is not None)
        for below, span in ((child + 1, sides[1]), (child, sides[0])):
            if span is not None:
                stack.append((below, {**box, feature: span}))
    return found


def _halves(splits: Splits, i: int, span: Span) -> tuple[Span | None, Span | None]:
    """Return what goes left and what goes right at a node; None where nothing does."""
    if splits.member[i] >= 0:
        return span, span
    t, to_left = float(splits.threshold[i]), bool(splits.missing_left[i])
    left = Span(span.lo, min(span.hi, t), span.missing and to_left)
    right = Span(max(span.lo, t), span.hi, span.missing and not to_left)
    return (_or_none(left), _or_none(right))


def _or_none(span: Span) -> Span | None:
    # [∞, ∞) holds ∞ itself where the test is `<`.
    return span if span.missing or span.lo < span.hi or span.lo == np.inf else None


# --- sums of trees ------------------------------------------------------------------------------


def _steps_in(terms: Sequence[Node]) -> int:
    return sum(_asked(n) is not None for n in terms)


def _asked(n: Node) -> Key | None:
    """Return the one number that a term is a step function of, or None."""
    if n.op is ops.PIECEWISE and n.data.coefs.shape[1] == 1:
        return n.args[0], n.data.right_closed
    if n.op is not ops.TREE:
        return None
    splits = n.data.splits
    inner = ~splits.leaf
    asked = {n.args[f] for f in set(splits.feature[inner].tolist())}
    plain = (splits.member[inner] < 0).all() and np.isfinite(splits.threshold[inner]).all()
    return (asked.pop(), not splits.below) if len(asked) == 1 and plain else None


def _summed(n: Node, fired: Counter[str], formula: Formula) -> Node | None:
    """Return a sum with its terms of one number added up."""
    if n.op is not ops.LIN:
        return None
    groups: dict[Key, list[tuple[float, Node]]] = defaultdict(list)
    others: list[tuple[float, Node]] = []
    for w, x in zip(n.data.weights.tolist(), n.args, strict=True):
        key = _asked(x)
        (others if key is None else groups[key]).append((w, x))
    terms = sum(map(len, groups.values()))
    if terms < 2 or terms == len(groups):
        return None
    fired["trees merged"] += terms
    made = [(1.0, _step(key, group, formula)) for key, group in groups.items()]
    return ops.lin(n.data.bias, *others, *made)


def _step(key: Key, group: Sequence[tuple[float, Node]], formula: Formula) -> Node:
    """Return a weighted sum of step functions of one number as one of them."""
    x, right_closed = key
    edges = np.unique(np.concatenate([_edges(n) for _, n in group]))
    at = np.append(edges, np.inf) if right_closed else np.insert(edges, 0, -np.inf)
    at = np.append(at, np.nan)
    *levels, missing = np.sum([w * _values(n, x, at) for w, n in group], axis=0).tolist()
    if x.op is ops.INPUT and not formula.inputs[x.data].missing:
        missing = np.nan  # such rows are refused: what they would get is nothing to read
    kept = [i for i in range(len(edges)) if levels[i] != levels[i + 1]]
    coefs = [levels[i] for i in kept] + levels[-1:]
    pieces = Pieces.of(edges[kept], coefs, right_closed=right_closed, missing=missing)
    return ops.piecewise(x, pieces)


def _edges(n: Node) -> Array:
    if n.op is ops.PIECEWISE:
        edges: Array = n.data.edges
        return edges
    splits = n.data.splits
    found: Array = splits.threshold[~splits.leaf]
    return found


def _values(n: Node, x: Node, at: Array) -> Array:
    if n.op is ops.PIECEWISE:
        found: Array = n.data(at)
        return found
    columns = np.array([at if a is x else np.zeros(len(at)) for a in n.args])
    taken: Array = n.data.values[leaves_of(n.data.splits, columns)]
    return taken
