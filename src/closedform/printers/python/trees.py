"""Trees in Python: a small one as a function of `if`s, many as data that one loop walks."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Array, Node
from closedform.ops.named import ROOTS, named
from closedform.ops.payloads import Splits, Tree, splits_from
from closedform.printers.ensemble import as_trees
from closedform.printers.identifiers import identifiers
from closedform.printers.program import comma, constant, free_name, joined
from closedform.printers.spell import Custom, Speller, Written

SMALL = 32
"""Leaves that a tree may have to be written as `if`s; Python allows 100 levels of them."""

FEW = 4
"""Trees that a formula may have for each to be written as `if`s."""

Spellings = dict[str, Custom]


WORDS = {"pi": "math.pi", "e": "math.e", **{f"sqrt {n}": f"math.sqrt({n})" for n in ROOTS}}


def number(value: float) -> str:
    """Return the shortest text that gives the same float: π/2 and 1/3 by their names."""
    if value != value:
        return "math.nan"
    if math.isinf(value):
        return "math.inf" if value > 0 else "-math.inf"
    name = named(value)
    return repr(value) if name is None else "-" * (value < 0) + name.spelt(WORDS)


def floats(values: Array) -> str:
    """Return a tuple of numbers on several lines."""
    return tuple_of(number(v) for v in values.tolist())


def tuple_of(parts: Any) -> str:
    """Return a tuple on several lines."""
    return "(\n" + joined(parts) + "\n)"


def spell_tree(formula: Formula) -> Custom:
    """Return how this formula's trees are best written."""
    return partial(as_function, _function) if few_and_small(formula) else _as_data


def few_and_small(formula: Formula) -> bool:
    """Tell whether each of a formula's trees is better written as `if`s than as data."""
    trees = [n.data.splits for n in formula.nodes if n.op is ops.TREE]
    return len(trees) <= FEW and all(s.leaf.sum() <= SMALL and s.depth < 50 for s in trees)


def as_function(
    written: Callable[[str, list[str], Tree, dict[int, str]], str],
    speller: Speller, n: Node, args: Sequence[Written],
) -> Written:  # fmt: skip
    """Return a tree as a call of a function of its own, of what it tests alone.

    Args:
        written: the text of the function, from its name, its parameters, the tree, and which
            parameter each feature is.
        speller, n, args: as for any spelling.
    """
    tree = without_idle_tests(n.data)
    tested = sorted(set(tree.splits.feature[~tree.splits.leaf].tolist()))
    texts = list(dict.fromkeys(args[i].text for i in tested))
    parameters = dict(zip(texts, _parameter_names(texts), strict=True))
    names = {i: parameters[args[i].text] for i in tested}
    key = (n.data.key, *names.items())
    name = constant(speller, "tree", key, lambda: "")
    function = written(name, list(parameters.values()), tree, names)
    speller.constants["tree", key] = (name, function)
    return Written(f"{name}({', '.join(texts)})")


def without_idle_tests(tree: Tree) -> Tree:
    """Return a tree without the tests below which every leaf has the same value.

    A classifier's have many: where one class is sure, the others are split further.
    """
    splits, order = tree.splits, [0]
    for i in order:
        order += [] if splits.leaf[i] else [int(splits.child[i]), int(splits.child[i]) + 1]
    values, left = tree.values.copy(), np.where(splits.leaf, -1, splits.child)
    for i in reversed(order):
        below = left[i]
        alike = below >= 0 and max(left[below], left[below + 1]) < 0
        if alike and values[below].tobytes() == values[below + 1].tobytes():
            left[i], values[i] = -1, values[below]
    made, kept = splits_from(
        left.tolist(), (left + 1).tolist(), splits.feature, splits.threshold,
        missing_left=splits.missing_left, below=splits.below, member=splits.member,
        sets=splits.sets,
    )  # fmt: skip
    return Tree(made, values[kept])


def _parameter_names(texts: Sequence[str]) -> list[str]:
    """Return a name for each argument: its own, that of what it is a function of, or x1, x2 …"""
    own = [re.sub(r"^\w+\((\w+)\)$", r"\1", text) for text in texts]
    return identifiers([text if text.isidentifier() else "" for text in own], fallback="x")


def _function(name: str, parameters: list[str], tree: Tree, names: dict[int, str]) -> str:
    lines = [f"def {name}({', '.join(parameters)}):", '    """The value of one tree."""']
    splits, stack = tree.splits, [(0, "    ")]
    while stack:
        i, indent = stack.pop()
        if splits.leaf[i]:
            lines.append(f"{indent}return {number(float(tree.values[i]))}")
            continue
        lines.append(f"{indent}if {_test(splits, i, names[int(splits.feature[i])])}:")
        below = int(splits.child[i])
        # No `else`: what comes after a branch that has returned is the other branch.
        stack += [(below + 1, indent), (below, indent + "    ")]
    return "\n".join(lines)


def _test(splits: Splits, i: int, x: str) -> str:
    if splits.member[i] >= 0:
        test = f"{x} in {_codes(splits, i, '{', '}')}"
    else:
        test = f"{x} {'<' if splits.below else '<='} {number(float(splits.threshold[i]))}"
    return f"{x} != {x} or {test}" if splits.missing_left[i] else test


def _codes(splits: Splits, i: int, left: str, right: str) -> str:
    codes = splits.sets[splits.member[i]].nonzero()[0].tolist()
    return left + ", ".join(map(str, codes)) + right if codes else "()"


def _as_data(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    walk, shape, values = _data(speller, n)
    return Written(f"{values}[{walk}({shape}, {row(speller, n, args)})]")


def _data(speller: Speller, n: Node, walk: str = "") -> tuple[str, str, str]:
    """Return the function that walks a tree, and the names of its shape and its leaves.

    `leaf_among`, which also knows sets of codes, can walk every tree.
    """
    splits = n.data.splits
    walk = walk or _walk(splits)
    shape = constant(speller, "TREE", (splits.key, walk), lambda: _tree_text(splits, walk))
    values = constant(speller, "LEAVES", n.data.key, lambda: floats(n.data.values))
    return walk, shape, values


def _walk(splits: Splits) -> str:
    if (splits.member >= 0).any():
        return "leaf_among"
    return "leaf_below" if splits.below else "leaf"


def row(speller: Speller, n: Node, args: Sequence[Written]) -> str:
    """Return the name of the tuple of a node's arguments, which all nodes over them share."""
    text = f"({comma(a.text for a in args)}{',' if len(args) == 1 else ''})"
    for name, line, other in speller.lines:
        if line == text and other.args == n.args:
            return name
    name = free_name(speller, "row", always=False)
    speller.lines.append((name, text, n))
    return name


def _tree_text(splits: Splits, walk: str) -> str:
    tests = [number(t) for t in splits.threshold.tolist()]
    if walk == "leaf_among":
        tests = [_among(splits, i) for i in range(len(tests))]
    columns = [
        [str(f) for f in splits.feature.tolist()], tests,
        [str(c) for c in splits.child.tolist()], [str(m) for m in splits.missing_left.tolist()],
    ]  # fmt: skip
    return "(\n" + "\n".join(f"  (\n{joined(c)}\n  )," for c in columns) + "\n)"


def _among(splits: Splits, i: int) -> str:
    if splits.member[i] >= 0:
        return f"frozenset({_codes(splits, i, '{', '}')})"
    t = float(splits.threshold[i])
    if not splits.below:
        return number(t)
    # x < t is x <= (the float just below t); below -inf there is none, and nothing goes left.
    return number(math.nextafter(t, -math.inf)) if t > -math.inf else "frozenset()"


def forest(speller: Speller, n: Node, args: Sequence[Written]) -> Written | None:
    """Return a sum that ends in many trees of one weight as a loop; None where it does not."""
    first = next((i for i, a in enumerate(n.args) if a.op is ops.TREE), len(n.args))
    trees, single = as_trees(n.args[first:]), n.op is ops.SUM32
    if trees is None or len(trees) <= FEW:
        return None
    if not single and len(set(n.data.weights[first:].tolist())) != 1:
        return None
    walks = {_walk(t.data.splits) for t in trees}
    walk = walks.pop() if len(walks) == 1 else "leaf_among"
    made = [_data(speller, t, walk) for t in trees]
    pairs = [f"({shape}, {values})" for _, shape, values in made]
    name = constant(speller, "FOREST", tuple(t.data.key for t in trees), lambda: tuple_of(pairs))
    x = args[first].text.partition(", ")[2].removesuffix(")]")
    if single:
        start = f"sum32({comma(a.text for a in args[:first])})" if first else "0.0"
        return Written(f"forest32({made[0][0]}, {start}, {name}, {x})")
    head = ops.linear(n.data.bias, n.data.weights[:first], n.args[:first])
    start, weight = speller.sum(head, args[:first]).text, float(n.data.weights[first])
    return Written(f"forest({made[0][0]}, {start}, {number(weight)}, {name}, {x})")
