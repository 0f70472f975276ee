"""Tree models: each becomes one tree of binary tests, whatever number of children a node has.

https://dmg.org/pmml/v4-4/TreeModel.html.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from closedform import ops
from closedform.formula import label_of
from closedform.ir import Array, Node, ulps
from closedform.ops.payloads import Label, Splits, splits_from
from closedform.readers.pmml.document import Element, near, real
from closedform.readers.pmml.outcome import Outcome, class_of
from closedform.readers.pmml.predicates import PREDICATES
from closedform.readers.pmml.questions import Answer, Ask, Columns, absence, asked
from closedform.readers.pmml.scope import Scope
from closedform.readers.pmml.values import Unread

MOST_COPIES = 8
"""Tests of the binary tree for each node of the file; default children may double branches."""

STRATEGIES = ("none", "lastPrediction", "nullPrediction", "defaultChild")


# --- from many children to two ------------------------------------------------------------------


@dataclass
class Shape:
    """The binary tree on its way: for each slot its children and its test, or its leaf."""

    left: list[int] = field(default_factory=list)
    right: list[int] = field(default_factory=list)
    asks: list[Ask | None] = field(default_factory=list)
    missing_left: list[bool] = field(default_factory=list)
    leaves: list[Element | None] = field(default_factory=list)

    def slot(self) -> int:
        """Return a new slot, as yet a leaf without a prediction."""
        self.left.append(-1)
        self.right.append(-1)
        self.asks.append(None)
        self.missing_left.append(False)
        self.leaves.append(None)
        return len(self.left) - 1

    def split(self, at: int, ask: Ask, missing_holds: bool) -> tuple[int, int]:
        """Make a slot a test; return the slots where it holds and where it fails."""
        holds, fails = self.slot(), self.slot()
        self.asks[at] = ask
        self.left[at], self.right[at] = (fails, holds) if ask.turned else (holds, fails)
        self.missing_left[at] = missing_holds is not ask.turned
        return holds, fails


class State(NamedTuple):
    """Where a row stands: before child `i` of a node, and what is known by then."""

    node: Element
    i: int
    present: frozenset[int]
    failed: tuple[Ask, ...] = ()


class Growing:
    """Turns the nodes of a file into a binary tree."""

    def __init__(self, model: Element, columns: Columns) -> None:
        """Read the options of a TreeModel."""
        self.columns = columns
        self.strategy = model.get("missingValueStrategy", "none")
        self.last = model.get("noTrueChildStrategy", "returnNullPrediction")
        if self.strategy not in STRATEGIES:
            raise Unread(
                f"TreeModel(missingValueStrategy={self.strategy!r}) has no formula here: it mixes "
                "the predictions of several leaves.",
                "Export the tree with defaultChild, lastPrediction, nullPrediction or none.",
            )
        self.top = Element("Top", {})
        self.top.children = [model.one("Node")]
        self.shape = Shape()
        self.answers: dict[int, Answer] = {}
        self.nodes: dict[int, list[Element]] = {}

    def grown(self) -> Shape:
        """Return the whole tree."""
        todo = [(self.shape.slot(), State(self.top, 0, frozenset()))]
        while todo:
            slot, state = todo.pop()
            if len(self.shape.left) > 1000 + MOST_COPIES * max(len(self.answers), 1):
                raise Unread(
                    "The default children of this tree make its branches so many copies that it "
                    "is no formula.", "Split each node in two, as most programs do.",
                )  # fmt: skip
            todo += self._step(slot, state)
        return self.shape

    def children(self, node: Element) -> list[Element]:
        """Return the child nodes of a node."""
        if id(node) not in self.nodes:
            self.nodes[id(node)] = node.all("Node")
        return self.nodes[id(node)]

    def ask(self, node: Element) -> Answer:
        """Return the test of a node."""
        if id(node) not in self.answers:
            self.answers[id(node)] = asked(node.one(*PREDICATES), self.columns)
        return self.answers[id(node)]

    def _step(self, slot: int, state: State) -> list[tuple[int, State]]:
        node, i = state.node, state.i
        while True:
            children = self.children(node)
            if i == len(children):
                self.shape.leaves[slot] = self._leaf(node, bool(children))
                return []
            ask = self.ask(children[i])
            if ask is True or self._implied(ask, state, children[i]):
                node, i = children[i], 0
                state = State(node, 0, state.present)
            elif ask is False:
                i += 1
            else:
                assert isinstance(ask, Ask)
                return self._split(slot, State(node, i, state.present, state.failed), ask)

    def _leaf(self, node: Element, inner: bool) -> Element | None:
        if node is self.top:
            return None
        if not inner:
            return node
        return node if self.last == "returnLastPrediction" and "score" in node.attributes else None

    def _implied(self, ask: Answer, state: State, child: Element) -> bool:
        if not isinstance(ask, Ask) or not any(ask.opposite(f) for f in state.failed):
            return False
        return ask.column in state.present or (
            self.strategy == "defaultChild"
            and child.get("id") == state.node.get("defaultChild", "?")
        )

    def _split(self, slot: int, state: State, ask: Ask) -> list[tuple[int, State]]:
        child = self.children(state.node)[state.i]
        if ask.absence:
            holds, fails = self.shape.split(slot, ask, ask.turned)
            there = state.present | {ask.column}
            sides = (state.present, there) if ask.turned else (there, state.present)
            return [(holds, State(child, 0, sides[0])),
                    (fails, State(state.node, state.i + 1, sides[1], state.failed))]  # fmt: skip
        present = state.present | {ask.column}
        if ask.column in state.present:
            return self._both(slot, state, ask, (False, present, present))
        route = self._route(state, ask)
        if route is not None:
            sides = (state.present, present) if route else (present, state.present)
            return self._both(slot, state, ask, (route, *sides))
        known_at, gone_at = self.shape.split(slot, absence(ask.column), False)
        known_state = State(state.node, state.i, present, state.failed)
        return [(known_at, known_state), *self._without(gone_at, state)]

    def _both(
        self, slot: int, state: State, ask: Ask, how: tuple[bool, frozenset[int], frozenset[int]]
    ) -> list[tuple[int, State]]:
        missing_holds, present, without = how
        held, fails = self.shape.split(slot, ask, missing_holds)
        child, asked = self.children(state.node)[state.i], (*state.failed, ask)
        return [(held, State(child, 0, present)),
                (fails, State(state.node, state.i + 1, without, asked))]  # fmt: skip

    def _route(self, state: State, ask: Ask) -> bool | None:
        """Return whether a missing value goes where the test holds; None: to neither side."""
        if self.strategy == "none" or state.node is self.top:
            return False
        if self.strategy != "defaultChild":
            return None
        children, wanted = self.children(state.node), self._default(state.node)
        if wanted == state.i:
            return True
        rest = [self.ask(c) for c in children[state.i : wanted + 1]]
        alike = all(isinstance(a, Ask) and not a.absence and a.column == ask.column for a in rest)
        return False if rest and alike else None

    def _default(self, node: Element) -> int:
        wanted = node.need("defaultChild")
        found = [i for i, c in enumerate(self.children(node)) if c.get("id") == wanted]
        if not found:
            raise ValueError(f"a default child {wanted!r} that is not there")
        return found[0]

    def _without(self, slot: int, state: State) -> list[tuple[int, State]]:
        """Return where a row goes whose value is missing, and neither side is right."""
        if self.strategy == "defaultChild":
            child = self.children(state.node)[self._default(state.node)]
            return [(slot, State(child, 0, state.present))]
        if self.strategy == "lastPrediction":
            self.shape.leaves[slot] = state.node
        return []


# --- the finished tree --------------------------------------------------------------------------


@dataclass(frozen=True)
class Grown:
    """A tree, ready to hold values.

    Attributes:
        splits: its tests; None where it is a single leaf.
        leaves: the node of the file at each place, None where there is no prediction.
        args: its columns.
    """

    splits: Splits | None
    leaves: tuple[Element | None, ...]
    args: tuple[Node, ...]

    def of(self, values: Sequence[float]) -> Node:
        """Return the tree with a value in each place."""
        if self.splits is None:
            return ops.const(values[0])
        return ops.tree(self.splits, np.array(values), self.args)


def grown_from(model: Element, columns: Columns) -> Grown:
    """Return the tree of a TreeModel."""
    shape = Growing(model, columns).grown()
    args = tuple(columns.finished())
    if len(shape.left) == 1:
        return Grown(None, tuple(shape.leaves), args)
    asks = [a or Ask(0) for a in shape.asks]
    strict = [a.below for a in shape.asks if a is not None and a.codes is None]
    below = all(strict) and bool(strict)
    thresholds = [_limit(a, below) for a in asks]
    sets = list(dict.fromkeys(a.codes for a in asks if a.codes is not None))
    number_of = {codes: i for i, codes in enumerate(sets)}
    splits, order = splits_from(
        shape.left, shape.right, [a.column for a in asks], thresholds,
        missing_left=shape.missing_left, below=below,
        member=[-1 if a.codes is None else number_of[a.codes] for a in asks],
        sets=_truths(sets),
    )  # fmt: skip
    return Grown(splits, tuple(shape.leaves[i] for i in order), args)


def _limit(ask: Ask, below: bool) -> float:
    """Return the threshold for the one comparison of a tree: x < t is x <= the double below t."""
    if ask.below is below or not math.isfinite(ask.threshold):
        return ask.threshold
    return ulps(ask.threshold, -1 if ask.below else 1)


def _truths(sets: Sequence[frozenset[int]]) -> Array:
    width = 1 + max((c for codes in sets for c in codes), default=-1)
    made = np.zeros((len(sets), width), dtype=bool)
    for row, codes in zip(made, sets, strict=True):
        row[list(codes)] = True
    return made


def tree_model(
    model: Element, scope: Scope, dtype: str, seeds: dict[str, tuple[str, ...]]
) -> Outcome:
    """Return what a TreeModel gives."""
    if next((c for c in _descendants(model.one("Node")) if c.tag in EMBEDDED), None) is not None:
        raise Unread(
            "A model is embedded in a node of the tree (DecisionTree or Regression).",
            "Export it as segments of a MiningModel.",
        )
    grown = grown_from(model, Columns(scope, seeds))
    if model.get("functionName") == "regression":
        return Outcome("regression", grown.of([_score(n, scope.work.single) for n in grown.leaves]),
                       dtype)  # fmt: skip
    return _classified(grown, dtype, model)


EMBEDDED = ("DecisionTree", "Regression")


def _descendants(node: Element) -> list[Element]:
    found, todo = [], [node]
    while todo:
        now = todo.pop()
        if now.tag in ("Node", *EMBEDDED):
            found.append(now)
            todo += now.children
    return found


def _score(node: Element | None, single: bool) -> float:
    if node is None:
        return math.nan
    score = real(node.need("score"))
    return near(score) if single else score


def _classified(grown: Grown, dtype: str, model: Element) -> Outcome:
    found = [_distribution(n, dtype) for n in grown.leaves]
    labels = [_label(n, d, dtype) for n, d in zip(grown.leaves, found, strict=True)]
    inner = grown.splits
    at_leaf = [inner is None or bool(leaf) for leaf in (inner.leaf if inner is not None else [1])]
    used = [i for i, leaf in enumerate(at_leaf) if leaf]
    classes = tuple(dict.fromkeys([c for i in used for c in found[i]]
                                  + [c for i in used if (c := labels[i]) is not None]))  # fmt: skip
    chances = _chances(grown, [found[i] if i in set(used) else {} for i in range(len(found))],
                       classes) if any(found[i] for i in used) else {}  # fmt: skip
    votes = {c: grown.of([float(label == c and label is not None) for label in labels])
             for c in classes}  # fmt: skip
    sure = all(labels[i] is not None and _best(found[i], classes) == labels[i] for i in used)
    if sure and len(classes) > 1:
        value = label_of(list(chances.values()), classes)
    else:
        value = _by_number(grown, labels, classes)
    confidences = _confidences(grown, classes, dtype, model)
    sure = all(labels[i] is not None for i in used)
    return Outcome("classification", value, dtype, classes, chances, "vote", votes,
                   confidences=confidences, sure=sure)  # fmt: skip


def _best(distribution: dict[Label, float], classes: Sequence[Label]) -> Label | None:
    if not distribution:
        return None
    shares = [distribution.get(c, 0.0) for c in classes]
    return classes[int(np.argmax(shares))]


def _by_number(grown: Grown, labels: Sequence[Label | None], classes: Sequence[Label]) -> Node:
    """Return the label of the leaf, by its number."""
    number_of = {c: float(i) for i, c in enumerate(classes)}
    number = grown.of([math.nan if c is None else number_of[c] for c in labels])
    out = ops.label(None)
    if all(c is not None for c in labels) and classes:
        out = ops.label(classes[-1])
    for c in classes[::-1]:
        out = ops.where(ops.equal(number, ops.const(number_of[c])), ops.label(c), out)
    return out


def _distribution(node: Element | None, dtype: str) -> dict[Label, float]:
    """Return the share of each class in a node; empty where the file has none."""
    parts = [] if node is None else node.all("ScoreDistribution")
    if not parts:
        return {}
    name = "probability" if "probability" in parts[0].attributes else "recordCount"
    made = {class_of(p.need("value"), dtype): p.number(name) for p in parts}
    total = math.fsum(made.values())
    return {c: n / total if total else math.nan for c, n in made.items()}


def _label(node: Element | None, found: dict[Label, float], dtype: str) -> Label | None:
    if node is None:
        return None
    if "score" in node.attributes:
        return class_of(node.need("score"), dtype)
    return max(found, key=lambda c: found[c]) if found else None


def _chances(
    grown: Grown, found: Sequence[dict[Label, float]], classes: Sequence[Label]
) -> dict[Label, Node]:
    return {c: grown.of([d.get(c, 0.0) if d else math.nan for d in found]) for c in classes}


def _confidences(
    grown: Grown, classes: Sequence[Label], dtype: str, model: Element
) -> dict[Label, Node]:
    """Return the confidence of each class where the file states it, and no penalty changes it."""
    if model.number("missingValuePenalty", 1.0) != 1.0:
        return {}
    by_leaf = [
        {} if n is None else {
            class_of(p.need("value"), dtype): p.number("confidence")
            for p in n.all("ScoreDistribution") if "confidence" in p.attributes
        }
        for n in grown.leaves
    ]  # fmt: skip
    if not any(by_leaf):
        return {}
    return {c: grown.of([d.get(c, math.nan) for d in by_leaf]) for c in classes}
