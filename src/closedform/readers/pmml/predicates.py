"""Predicates of trees, rules, segments and scorecards, with three outcomes.

https://dmg.org/pmml/v4-4/TreeModel.html (Predicates).
"""

from __future__ import annotations

from closedform import ops
from closedform.ir import Node
from closedform.readers.pmml.document import Element, items
from closedform.readers.pmml.functions import both, compared, either, known, negated
from closedform.readers.pmml.scope import Scope
from closedform.readers.pmml.values import (
    ALWAYS,
    NEVER,
    Truth,
    Unread,
    Value,
    gone,
    is_one_of,
    literal,
    number,
)

PREDICATES = ("SimplePredicate", "SimpleSetPredicate", "CompoundPredicate", "True", "False")


def truth_of(element: Element, scope: Scope) -> Truth:
    """Return a predicate as a condition: unknown where it reads a missing value.

    Raises:
        KeyError, ValueError: it is not what the schema allows.
        Unread: it compares texts by their order.
    """
    made: dict[int, Truth] = {}
    todo: list[tuple[Element, bool]] = [(element, False)]
    while todo:
        now, ready = todo.pop()
        scope.work.spend()
        if now.tag != "CompoundPredicate":
            made[id(now)] = _plain(now, scope)
        elif ready:
            parts = [made[id(p)] for p in now.all(*PREDICATES)]
            made[id(now)] = COMPOUND[now.need("booleanOperator")](parts)
        else:
            todo += [(now, True), *[(p, False) for p in now.all(*PREDICATES)]]
    return made[id(element)]


def _plain(element: Element, scope: Scope) -> Truth:
    if element.tag in ("True", "False"):
        return ALWAYS if element.tag == "True" else NEVER
    value = scope.value(element.need("field"))
    if element.tag == "SimpleSetPredicate":
        return among(value, items(element.one("Array")), element.need("booleanOperator") == "isIn")
    if element.tag != "SimplePredicate":
        raise KeyError(f"{element.tag} is no predicate")
    operator = element.need("operator")
    if operator in ("isMissing", "isNotMissing"):
        made = known(gone(value))
        return made if operator == "isMissing" else negated(made)
    return compared_with(value, operator, element.need("value"))


def compared_with(value: Value, operator: str, text: str) -> Truth:
    """Return a comparison of a value with a constant of the file."""
    if operator in ("equal", "notEqual"):
        return among(value, [text], operator == "equal")
    if value.dtype == "string":
        raise Unread(
            f"A text is compared by its order ({operator} {text[:40]!r}).",
            "Compare it with each of its values: isIn, or equal.",
        )
    limit = float(literal(text, "float" if value.dtype == "float" else "double"))
    return compared(operator, number(value), ops.const(limit))


def among(value: Value, texts: list[str], turned: bool = True) -> Truth:
    """Return whether a value is one of some (or none of them); unknown where it is missing."""
    hit = is_one_of(value, texts)
    made = Truth(hit, ops.both(ops.negate(gone(value)), ops.negate(hit)))
    return made if turned else negated(made)


def _exclusive(truths: list[Truth]) -> Truth:
    made = truths[0]
    for t in truths[1:]:
        made = Truth(
            ops.either(ops.both(made.holds, t.fails), ops.both(made.fails, t.holds)),
            ops.either(ops.both(made.holds, t.holds), ops.both(made.fails, t.fails)),
        )
    return made


def surrogate(truths: list[Truth]) -> Truth:
    """Return the first condition that is known."""
    holds: list[Node] = []
    fails: list[Node] = []
    unknown: list[Node] = []
    for t in truths:
        holds.append(ops.both(*unknown, t.holds))
        fails.append(ops.both(*unknown, t.fails))
        unknown += [ops.negate(t.holds), ops.negate(t.fails)]
    return Truth(ops.either(*holds), ops.either(*fails))


COMPOUND = {"and": both, "or": either, "xor": _exclusive, "surrogate": surrogate}
"""booleanOperator → how several conditions become one."""
