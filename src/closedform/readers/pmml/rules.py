"""Rule sets: the first rule that fires, or a vote of all that do.

https://dmg.org/pmml/v4-4/RuleSet.html.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from closedform import ops
from closedform.ir import Node
from closedform.ops.payloads import Label
from closedform.readers.pmml.document import Element
from closedform.readers.pmml.outcome import Outcome, class_of
from closedform.readers.pmml.predicates import PREDICATES, truth_of
from closedform.readers.pmml.scope import Scope
from closedform.readers.pmml.values import Unread


@dataclass(frozen=True)
class Rule:
    """A simple rule: when it fires, for which class, and with what weight."""

    fires: Node
    label: Label
    weight: float


def rule_set(model: Element, scope: Scope, dtype: str) -> Outcome:
    """Return what a RuleSetModel gives, by the first of its selection methods."""
    if model.get("functionName", "classification") != "classification":
        raise Unread("A rule set for numbers has no formula here.", "Export it as a tree.")
    element = model.one("RuleSet")
    method = element.one("RuleSelectionMethod").need("criterion")
    rules = _rules(element, scope, dtype)
    default = element.get("defaultScore")
    otherwise = ops.label(class_of(default, dtype) if default else None)
    if method not in METHODS:
        raise ValueError(f"criterion={method!r}")
    classes = [r.label for r in rules] + ([class_of(default, dtype)] if default else [])
    value = METHODS[method](rules, otherwise)
    return Outcome("classification", value, dtype, tuple(dict.fromkeys(classes)))


def _rules(element: Element, scope: Scope, dtype: str) -> list[Rule]:
    """Return the simple rules in order; those in a compound rule fire where it does, too."""
    made = []
    todo: list[tuple[Element, tuple[Node, ...]]] = [
        (e, ()) for e in reversed(element.all("SimpleRule", "CompoundRule"))
    ]
    while todo:
        now, above = todo.pop()
        fires = (*above, truth_of(now.one(*PREDICATES), scope).holds)
        if now.tag == "SimpleRule":
            label = class_of(now.need("score"), dtype)
            made.append(Rule(ops.both(*fires), label, now.number("weight", 1.0)))
        else:
            todo += [(e, fires) for e in reversed(now.all("SimpleRule", "CompoundRule"))]
    return made


def _first(rules: Sequence[Rule], otherwise: Node) -> Node:
    made = otherwise
    for r in reversed(rules):
        made = ops.where(r.fires, ops.label(r.label), made)
    return made


def _greatest_sum(rules: Sequence[Rule], otherwise: Node) -> Node:
    """Return the class of the greatest weight in all; of equal ones, whose rule fires first."""
    zero = ops.const(0.0)
    totals: dict[Label, Node] = {}
    for c in dict.fromkeys(r.label for r in rules):
        own = [r for r in rules if r.label == c]
        flags = [ops.where(r.fires, ops.const(1.0), zero) for r in own]
        fired = ops.either(*[r.fires for r in own])
        total = ops.linear(0.0, [r.weight for r in own], flags)
        totals[c] = ops.where(fired, total, ops.const(-math.inf))
    best = ops.maximum(*totals.values()) if totals else zero
    made = otherwise
    for r in reversed(rules):
        wins = ops.both(r.fires, ops.equal(totals[r.label], best))
        made = ops.where(wins, ops.label(r.label), made)
    return made


def _greatest(rules: Sequence[Rule], otherwise: Node) -> Node:
    """Return the class of the rule of the greatest weight that fires, the first of equal ones."""
    return _first(sorted(rules, key=lambda r: -r.weight), otherwise)


METHODS: dict[str, Callable[[Sequence[Rule], Node], Node]] = {
    "firstHit": _first,
    "weightedSum": _greatest_sum,
    "weightedMax": _greatest,
}
"""criterion → how the class is chosen."""
