"""Trees as rules: one for each leaf, its tests merged into one condition for each feature."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, NamedTuple

import numpy as np

from closedform import ops
from closedform.ir import Node, Type, fold
from closedform.ops.absence import may_be_missing
from closedform.ops.payloads import Splits, Table
from closedform.printers.blocks import Rule, Rules, Sentence
from closedform.printers.draft import Draft
from closedform.printers.grouping import table_of
from closedform.printers.scribe import is_indicator


class Span(NamedTuple):
    """What a path still lets through of one feature: numbers between two ends, codes, missing."""

    lo: float = -math.inf
    hi: float = math.inf
    among: frozenset[int] | None = None
    without: frozenset[int] = frozenset()
    missing: bool = True


Box = dict[int, Span]


def leaves(splits: Splits) -> Iterator[tuple[int, Box]]:
    """Yield each leaf that some row can reach, left before right, with the span of each feature."""
    feature, child = splits.feature.tolist(), splits.child.tolist()
    stack: list[tuple[int, Box]] = [(0, {})]
    while stack:
        i, box = stack.pop()
        if child[i] == i:
            yield i, box
            continue
        f = feature[i]
        left, right = halves(splits, i, box.get(f, Span()))
        for below, span in ((child[i] + 1, right), (child[i], left)):
            if span.missing or _has_numbers(span, splits.below):
                stack.append((below, {**box, f: span}))


def halves(splits: Splits, i: int, span: Span) -> tuple[Span, Span]:
    """Return what goes left and what goes right at node i, of what reaches it."""
    to_left = bool(splits.missing_left[i])
    left_missing, right_missing = span.missing and to_left, span.missing and not to_left
    lo, hi, among, without, _ = span
    if splits.member[i] >= 0:
        codes = frozenset(np.flatnonzero(splits.sets[splits.member[i]]).tolist())
        chosen = codes if among is None else among & codes
        rest = None if among is None else among - codes
        return (
            Span(lo, hi, chosen - without, without, left_missing),
            Span(lo, hi, rest, without | codes, right_missing),
        )
    t = float(splits.threshold[i])
    return (
        Span(lo, min(hi, t), among, without, left_missing),
        Span(max(lo, t), hi, among, without, right_missing),
    )


def _has_numbers(span: Span, below: bool) -> bool:
    if span.among is not None:
        return bool(span.among)
    # With `<`, a row at the threshold goes right: [t, ∞] holds ∞; with `<=`, (∞, ∞] is empty.
    return span.lo < span.hi or (below and span.lo == span.hi == math.inf)


@dataclass
class Describer:
    """Writes the conditions of one formula's trees; the same span is written once."""

    draft: Draft
    routed: bool
    seen: dict[tuple[Any, ...], str] = field(default_factory=dict)
    absent: dict[Node, bool] = field(default_factory=dict)

    def conditions(self, box: Box, args: tuple[Node, ...], below: bool) -> tuple[str, ...]:
        """Return one condition for each feature that the path asks about."""
        return tuple(t for f, span in box.items() if (t := self._condition(args[f], span, below)))

    def _condition(self, x: Node, span: Span, below: bool) -> str:
        key = (x, span, below)
        if key not in self.seen:
            self.seen[key] = self._write(x, span, below)
        return self.seen[key]

    def _write(self, x: Node, span: Span, below: bool) -> str:
        table = table_of(x)
        category = x.args[0] if x.op is ops.TABLE else x.args[0].args[0] if table else x
        if table is not None and category.type is Type.LABEL:
            return self._labels(category, table, span, below)
        if is_indicator(x) and not self.may_be_missing(x):
            return self._truth(x.args[0], _passes(1.0, span, below), _passes(0.0, span, below))
        may_miss = self.may_be_missing(x) and not self.routed
        return self._numbers(x, span, below, may_miss)

    def _truth(self, condition: Node, when_true: bool, when_false: bool) -> str:
        """A condition on a value that is 1 or 0, as the condition under which it is 1."""
        if when_true and when_false:
            return ""
        return self.draft.text(condition if when_true else self._opposite(condition))

    def _opposite(self, condition: Node) -> Node:
        turned = {ops.LESS: ops.less_equal, ops.LESS_EQUAL: ops.less}.get(condition.op)
        if turned is None or any(map(self.may_be_missing, condition.args)):
            return ops.negate(condition)
        a, b = condition.args
        return turned(b, a)

    def _numbers(self, x: Node, span: Span, below: bool, may_miss: bool) -> str:
        signs, name = self.draft.scribe.signs, self._name(x)
        if not _has_numbers(span, below):
            return f"{name} {signs['is missing']}"
        if span.among is not None:
            text = self._set(name, [str(c) for c in sorted(span.among)])
        elif span.without:
            text = self._set(name, [str(c) for c in sorted(span.without)], "not in")
        elif span.lo == -math.inf and span.hi == math.inf:
            return f"{name} {signs['is not missing']}" if may_miss and not span.missing else ""
        else:
            text = self.draft.span(name, span.lo, span.hi, right_closed=not below)
        return f"{text} {signs['or missing']}" if may_miss and span.missing else text

    def _labels(self, category: Node, table: Table, span: Span, below: bool) -> str:
        """A condition on the code of a category, as the categories whose code passes it."""
        # CatBoost's 3 and "3" are one category, and are written the same.
        rows = list(dict.fromkeys(self.draft.entries(category, table)))
        chosen = [label for label, code in rows if _passes(code, span, below)]
        others = [label for label, code in rows if not _passes(code, span, below)]
        if not others:
            return ""
        if len(others) < len(chosen):
            return self._set(self._name(category), others, "not in")
        return self._set(self._name(category), chosen)

    def _set(self, name: str, items: list[str], sign: str = "in") -> str:
        signs = self.draft.scribe.signs
        if len(items) == 1:
            return f"{name} {signs['=' if sign == 'in' else '≠']} {items[0]}"
        return f"{name} {signs[sign]} {signs['{']}{', '.join(items)}{signs['}']}"

    def _name(self, x: Node) -> str:
        if x.op is ops.INPUT:
            return self.draft.scribe.spoken(self.draft.formula.inputs[x.data].name)
        return self.draft.text(x)

    def may_be_missing(self, x: Node) -> bool:
        """Tell whether a tested value can be missing on a row that the model takes."""
        if x not in self.absent:
            inputs = self.draft.formula.inputs
            self.absent[x] = any(inputs[i].missing for i in fold([x], may_be_missing)[0])
        return self.absent[x]


def _passes(code: float, span: Span, below: bool) -> bool:
    if code != code:
        return span.missing
    if span.among is not None:
        return code in span.among
    if code in span.without:
        return False
    return span.lo <= code < span.hi if below else span.lo < code <= span.hi


Values = Callable[[list[float], str], tuple[tuple[str, ...], Sentence]]
"""From a leaf's numbers and its coverage to what is shown of them."""


def tree_rules(
    describer: Describer, nodes: tuple[Node, ...], title: str, left: tuple[str, ...],
    values: Values, most: int | None = None,
) -> Rules:  # fmt: skip
    """Return one tree as rules.

    Args:
        nodes: the tree's nodes, one for each value that a leaf holds.
        title: what the tree is called, "" where it stands alone.
        left: what the values are called.
        values: how the numbers of a leaf are shown.
        most: so many rules at most; None for all.
    """
    splits, args = nodes[0].data.splits, nodes[0].args
    columns = [n.data.values.tolist() for n in nodes]
    counts = splits.counts.tolist()
    total = int(splits.leaf.sum())
    made: list[Rule] = []
    for i, box in islice(leaves(splits), most):
        shown, facts = values([c[i] for c in columns], coverage(counts, i, short=bool(title)))
        made.append(Rule(shown, describer.conditions(box, args, splits.below), facts))
    return Rules(title, left, tuple(made), max(0, total - len(made)) if most else 0)


def coverage(counts: list[float], i: int, *, short: bool = False) -> str:
    """Return how many training samples reached a node: `45 of 150 samples (30 %)`."""
    if not counts or not counts[0]:
        return ""
    share = 100 * counts[i] / counts[0]
    size = f"{share:.2g}" if share < 99.5 else f"{share:.0f}"
    of = "" if short else f" of {counts[0]:g}"
    return f"{counts[i]:g}{of} sample{'s' * (counts[i] != 1 or not short)} ({size} %)"


def has_even_branches(trees: list[Node]) -> bool:
    """Tell whether somewhere both branches of a split hold as many training samples."""
    for n in trees:
        splits = n.data.splits
        below = splits.child[~splits.leaf]
        if (splits.counts[below] == splits.counts[below + 1]).any():
            return True
    return False


def routed_by_size(trees: list[Node]) -> bool:
    """Tell whether a missing value goes to the child with more samples, in every tree."""
    for n in trees:
        splits = n.data.splits
        inner = np.flatnonzero(~splits.leaf)
        if (
            not len(splits.counts)
            or np.isinf(splits.threshold[inner][splits.member[inner] < 0]).any()
        ):
            return False
        below = splits.child[inner]
        bigger = splits.counts[below] > splits.counts[below + 1]
        if (bigger != splits.missing_left[inner]).any():
            return False
    return True
