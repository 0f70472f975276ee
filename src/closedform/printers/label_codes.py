"""Labels as whole numbers, for languages in which a value has one type."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import UnsupportedTarget
from closedform.formula import Formula
from closedform.ir import Array, Node, Type, toposort
from closedform.ops.payloads import MISSING, Label, Table

FIRST_UNSEEN = -2
"""The code of a label of the first input that no part of the formula knows; -3 of the second …"""


class LabelCodes:
    """A code for each label of a formula, and of which type each column of labels is.

    Attributes:
        texts: the labels that are text, in the order of their codes.
        numbers: those that are numbers or truths, as floats; their codes follow.
        own: what each of these was before.
    """

    def __init__(self, formula: Formula) -> None:
        """Give the codes."""
        self.formula = formula
        self.groups = _Groups(formula)
        known = set().union(*self.groups.labels.values()) if self.groups.labels else set()
        self.texts = sorted(x for x in known if isinstance(x, str))
        self.numbers = sorted({float(x) for x in known if not isinstance(x, str)})
        self._code: dict[Any, int] = {x: i for i, x in enumerate([*self.texts, *self.numbers])}
        self.own = {float(x): x for x in known if not isinstance(x, str)}

    def own_numbers(self) -> list[Any]:
        """Return the labels that are numbers or truths, as they were, in the order of codes."""
        return [self.own[x] for x in self.numbers]

    def require_one_type(self) -> None:
        """Raise where a column of labels is of two types.

        Raises:
            UnsupportedTarget: it holds both texts and numbers.
        """
        for n in self.groups.labels:
            self.is_text(n)

    def is_text(self, n: Node) -> bool:
        """Tell whether a node's labels are text, rather than numbers.

        Raises:
            UnsupportedTarget: they are both.
        """
        found = {isinstance(x, str) for x in self.groups.of(n)}
        if len(found) > 1:
            raise UnsupportedTarget(
                "A column of labels holds both texts and numbers, which has no type here.",
                hint="Write it in Python, where a value may be of any type: formula.to('python').",
            )
        return True in found or not found

    def text(self, label: Label | None) -> str:
        """Return a label's code as text."""
        return str(MISSING if label is None else self.code(label))

    def code(self, label: Label) -> int:
        """Return a label's code."""
        return self._code[label if isinstance(label, str) else float(label)]

    def dense(self, table: Table) -> Array:
        """Return a table's value for each code."""
        values = np.full(len(self._code), table.default)
        for label, value in zip(table.labels, table.values.tolist(), strict=True):
            values[self.code(label)] = value
        return values

    def unseen(self, i: int) -> int:
        """Return the code of what input number `i` holds and nobody knows."""
        return FIRST_UNSEEN - i

    def known(self, n: Node) -> bool:
        """Tell whether a node is one of the formula's own labels in every row."""
        own = [m for m in self.groups.sources(n) if m.op is not ops.WHERE]
        return all(m.op is ops.LABEL and m.data[0] is not None for m in own)

    def truths(self, n: Node) -> bool:
        """Tell whether a node's labels are False and True."""
        found = self.groups.of(n)
        return bool(found) and all(isinstance(x, bool) for x in found)

    def passed(self, n: Node) -> Iterator[int]:
        """Yield the inputs whose labels may come out of a node as they are."""
        for m in self.groups.sources(n):
            if m.op is ops.INPUT:
                yield m.data


class _Groups:
    """Nodes of labels that are compared with each other or take each other's place."""

    def __init__(self, formula: Formula) -> None:
        self.parent: dict[Node, Node] = {}
        self.labels: dict[Node, set[Any]] = {}
        guard = [] if formula.refused is None else [formula.refused]
        for n in toposort([*formula.roots, *guard]):
            if n.type is Type.LABEL:
                self._join(n, *(n.args[1:] if n.op is ops.WHERE else ()))
                self._know(n, n.data if n.op is ops.LABEL else ())
            elif n.op is ops.EQUAL and n.args[0].type is Type.LABEL:
                self._join(*n.args)
            elif n.op in (ops.MEMBER, ops.TABLE) and n.args[0].type is Type.LABEL:
                self._know(n.args[0], n.data if n.op is ops.MEMBER else n.data.labels)
        for i, feature in enumerate(formula.inputs):
            node = ops.input_(i, feature.type)
            if node in self.parent:
                self._know(node, feature.categories or ())
        self.all = {n: self._top(n) for n in self.parent}

    def of(self, n: Node) -> set[Any]:
        """Return the labels that a node may be, or is compared with."""
        return self.labels.get(self._top(n), set())

    def sources(self, n: Node) -> list[Node]:
        found, todo = [], [n]
        seen = {n}
        while todo:
            now = todo.pop()
            found.append(now)
            below = now.args[1:] if now.op is ops.WHERE else ()
            todo += [a for a in below if a not in seen]
            seen.update(below)
        return found

    def _top(self, n: Node) -> Node:
        while self.parent.setdefault(n, n) is not n:
            n = self.parent[n]
        return n

    def _join(self, *nodes: Node) -> None:
        first, *others = map(self._top, nodes)
        for other in others:
            if other is not first:
                self.parent[other] = first
                self.labels.setdefault(first, set()).update(self.labels.pop(other, ()))

    def _know(self, n: Node, labels: Any) -> None:
        found = {x for x in labels if x is not None and x == x}
        self.labels.setdefault(self._top(n), set()).update(found)
