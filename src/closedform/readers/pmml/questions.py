"""The tests of a tree's nodes, each as a question about one column of numbers or of codes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from closedform import ops
from closedform.ir import Array, Node, Type
from closedform.ops.payloads import Label
from closedform.readers.pmml.branches import Branches
from closedform.readers.pmml.document import Element, items, reals
from closedform.readers.pmml.functions import known
from closedform.readers.pmml.predicates import truth_of
from closedform.readers.pmml.scope import Scope
from closedform.readers.pmml.values import NUMERIC, Truth, Value, gone, literal, number, of_truth


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
ASKED, ALWAYS, NEVER = range(3)


@dataclass(frozen=True, eq=False)
class Tests:
    """The predicates of all nodes of a tree: each attribute of `Ask` as an array (nodes,).

    Attributes:
        codes: the place in `sets` of its codes, -1 for none.
        sure: whether there is something to ask at all.
    """

    column: Array
    threshold: Array
    below: Array
    turned: Array
    absence: Array
    codes: Array
    sure: Array
    sets: list[frozenset[int]]

    def opposite(self, before: Array) -> Array:
        """Return which tests hold exactly where that of another node fails.

        Args:
            before: the number of the other node, -1 for none, shape (nodes,).
        """
        plain = (self.sure == ASKED) & ~self.absence
        other = np.maximum(before, 0)
        alike: Array = (before >= 0) & plain & plain[other] & (self.turned != self.turned[other])
        for each in (self.column, self.threshold, self.below, self.codes):
            alike &= each == each[other]
        return alike

    def with_absences(self) -> Tests:
        """Return these tests, and after them those whether the columns of these have a value."""
        n = len(self.sure)
        no, ask = np.zeros(n, dtype=bool), np.full(n, ASKED)
        return Tests(
            column=np.concatenate([self.column, self.column]),
            threshold=np.concatenate([self.threshold, np.full(n, np.inf)]),
            below=np.concatenate([self.below, no]),
            turned=np.concatenate([self.turned, no]),
            absence=np.concatenate([self.absence, ~no]),
            codes=np.concatenate([self.codes, np.full(n, -1)]),
            sure=np.concatenate([self.sure, ask]),
            sets=self.sets,
        )

    def limits(self, below: bool) -> Array:
        """Return thresholds for one comparison: x < t is x <= the double below t."""
        moved = self.below & (not below) & np.isfinite(self.threshold)
        return np.where(moved, np.nextafter(self.threshold, -np.inf), self.threshold)


def tests_of(branches: Branches, columns: Columns) -> Tests:
    """Return the predicates of a tree as tests of columns."""
    kind = branches.kind
    common = [_of_order(*k, columns) for k in branches.kinds]
    ask = [Ask(0) if c is None else c[0] for c in common]
    rounded = np.array([c is not None and c[1] for c in common])[kind]
    alone = np.array([c is None for c in common])[kind]
    texts = ["inf" if x else v for v, x in zip(branches.value, alone.tolist(), strict=True)]
    threshold = reals(texts)  # type: ignore[arg-type]
    with np.errstate(over="ignore"):
        threshold[rounded] = threshold[rounded].astype(np.float32)
    made = Tests(
        np.array([a.column for a in ask])[kind], threshold, np.array([a.below for a in ask])[kind],
        np.array([a.turned for a in ask])[kind], np.zeros(len(kind), dtype=bool),
        np.full(len(kind), -1), np.full(len(kind), ASKED), [],
    )  # fmt: skip
    _fill(made, np.flatnonzero(alone).tolist(), branches, columns)
    return made


def _fill(tests: Tests, where: list[int], branches: Branches, columns: Columns) -> None:
    """Set those tests that are no comparisons of a number with a constant."""
    known: dict[tuple[str | None, ...], Answer] = {}
    numbers: dict[frozenset[int], int] = {}
    for i in where:
        key = (*branches.kinds[branches.kind[i]], branches.value[i])
        if i in branches.others:
            answer = asked(branches.others[i], columns)
        elif key in known:
            answer = known[key]
        else:
            given = zip(("field", "operator", "value"), key, strict=True)
            simple = Element("SimplePredicate", {k: v for k, v in given if v is not None})
            answer = known[key] = asked(simple, columns)
        if not isinstance(answer, Ask):
            tests.sure[i] = ALWAYS if answer else NEVER
            continue
        tests.column[i], tests.threshold[i], tests.below[i] = answer[:3]
        tests.turned[i], tests.absence[i] = answer.turned, answer.absence
        if answer.codes is not None:
            tests.codes[i] = numbers.setdefault(answer.codes, len(numbers))
    tests.sets.extend(numbers)


def _of_order(name: str | None, operator: str | None, columns: Columns) -> tuple[Ask, bool] | None:
    """Return the test of a number by its order, and whether its threshold is a float32."""
    if name is None or operator not in ORDERS:
        return None
    value = columns.value(name)
    if value.dtype not in NUMERIC:
        return None
    below, turned = ORDERS[operator]
    column = columns.of_number(name, value)
    return Ask(column, below=below, turned=turned), value.dtype == "float"


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
