"""The tests of a tree's nodes, each as a question about one column of numbers or of codes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from closedform import ops
from closedform.ir import Node, Type
from closedform.ops.payloads import Label
from closedform.readers.pmml.document import Element, items
from closedform.readers.pmml.functions import known
from closedform.readers.pmml.predicates import truth_of
from closedform.readers.pmml.scope import Scope
from closedform.readers.pmml.values import Truth, Value, gone, literal, number, of_truth


class Ask(NamedTuple):
    """A predicate as a test of one column.

    Attributes:
        column: which one.
        threshold, below: it holds where x <= threshold (`<` where `below`) …
        codes: … or where x is one of these codes, unless None.
        turned: whether it holds where that does not, and x is not missing.
        absence: whether it asks if x is there (or, turned, missing): it is never unknown.
    """

    column: int
    threshold: float = math.inf
    below: bool = False
    codes: frozenset[int] | None = None
    turned: bool = False
    absence: bool = False

    def opposite(self, other: Ask) -> bool:
        """Tell whether it holds exactly where the other fails."""
        return self.turned is not other.turned and self[:4] == other[:4]


@dataclass
class Columns:
    """The columns that the tests of one tree read."""

    scope: Scope
    seeds: dict[str, tuple[str, ...]]
    at: dict[object, int] = field(default_factory=dict)
    nodes: list[Node | None] = field(default_factory=list)
    codes: dict[int, dict[Label, int]] = field(default_factory=dict)
    labels: dict[int, Node] = field(default_factory=dict)
    values: dict[str, Value] = field(default_factory=dict)

    def value(self, name: str) -> Value:
        """Return the value of a field."""
        if name not in self.values:
            self.values[name] = self.scope.value(name)
        return self.values[name]

    def of_number(self, name: str, value: Value) -> int:
        """Return the column of a field as a number."""
        key = ("number", name)
        return self.at[key] if key in self.at else self._place(key, number(value))

    def of_truth(self, truth: Truth) -> int:
        """Return a column of 1 and 0, missing where the condition is unknown."""
        return self._place(truth, number(of_truth(truth)))

    def of_labels(self, name: str, value: Value) -> int:
        """Return the column of codes of a field."""
        assert isinstance(value.what, Node)
        at = self._place(("codes", name), None)
        if at not in self.codes:
            self.labels[at] = value.what
            self.codes[at] = {}
            for seed in self.seeds.get(name, ()):
                self.code(at, literal(seed, value.dtype))
        return at

    def code(self, at: int, label: Label) -> int:
        """Return the code of a label in a column."""
        known = self.codes[at]
        return known.setdefault(label, len(known))

    def _place(self, key: object, node: Node | None) -> int:
        if key not in self.at:
            self.at[key] = len(self.nodes)
            self.nodes.append(node)
        return self.at[key]

    def finished(self) -> list[Node]:
        """Return a node for each column; other labels than those known get a code of their own."""
        made = []
        for i, node in enumerate(self.nodes):
            if node is None:
                codes = {k: float(c) for k, c in self.codes[i].items()}
                node = ops.table(self.labels[i], codes, float(len(codes)), math.nan)
            made.append(node)
        return made


Answer = Ask | bool


def asked(element: Element, columns: Columns) -> Answer:
    """Return the predicate of a node as a test of one column, or as what it always is."""
    scope = columns.scope
    if element.tag in ("True", "False"):
        return element.tag == "True"
    if element.tag in ("SimplePredicate", "SimpleSetPredicate"):
        name = element.need("field")
        made = _asked(element, name, columns.value(name), columns)
        if made is not None:
            return made
    truth = truth_of(element, scope)
    return Ask(columns.of_truth(truth), 0.5, turned=True)


def _asked(element: Element, name: str, value: Value, columns: Columns) -> Answer | None:
    if element.tag == "SimpleSetPredicate":
        texts, turned = items(element.one("Array")), element.need("booleanOperator") != "isIn"
        return _one_of(name, value, texts, turned, columns)
    operator = element.need("operator")
    if operator in ("isMissing", "isNotMissing"):
        if isinstance(value.what, Truth):
            return Ask(columns.of_truth(known(gone(value))), 0.5, turned=operator == "isMissing")
        column = _column(name, value, columns)
        return absence(column, turned=operator == "isMissing")
    if operator in ("equal", "notEqual"):
        return _one_of(name, value, [element.need("value")], operator == "notEqual", columns)
    if value.dtype in ("string", "boolean"):
        return None
    limit = literal(element.need("value"), "double" if value.dtype == "integer" else value.dtype)
    below, turned = ORDERS[operator]
    return Ask(columns.of_number(name, value), float(limit), below, turned=turned)


def absence(column: int, *, turned: bool = False) -> Ask:
    """Return the test whether a value is there (or, turned, missing)."""
    return Ask(column, turned=turned, absence=True)


ORDERS = {
    "lessThan": (True, False), "lessOrEqual": (False, False),
    "greaterThan": (False, True), "greaterOrEqual": (True, True),
}  # fmt: skip
"""Operator → whether `<` rather than `<=` stands behind it, and whether it is turned round."""


def _column(name: str, value: Value, columns: Columns) -> int:
    assert isinstance(value.what, Node)
    is_label = value.what.type is Type.LABEL
    return columns.of_labels(name, value) if is_label else columns.of_number(name, value)


def _one_of(
    name: str, value: Value, texts: Sequence[str], turned: bool, columns: Columns
) -> Answer | None:
    if isinstance(value.what, Truth):
        return None
    column = columns.of_labels(name, value)
    codes = frozenset(columns.code(column, literal(t, value.dtype)) for t in texts)
    return Ask(column, codes=codes, turned=turned)
