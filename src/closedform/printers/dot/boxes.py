"""Values that are computed alike and used alike as one box: a layer, all trees of a sum."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Node, Type, toposort
from closedform.printers.choices import decision_of
from closedform.printers.dot.graph import SIGNS, kind_of, word
from closedform.printers.picture import Picture

FEW_NAMES = 6
"""Names that stand in a box; of more, the first ones and the last."""

TITLES = {
    "primary": "prediction",
    "probability": "probabilities",
    "decision": "scores",
    "deviation": "deviation",
    "parts": "other outputs",
}
"""What the outputs of one role are called together."""


def boxes(formula: Formula) -> Picture:
    """Return the picture of a formula with a box for all values of one kind and one use."""
    made = Picture()
    roles = _roles(formula)
    decided = _decisions(formula)
    order = toposort(_below(formula, decided))
    users: dict[Node, set[Any]] = defaultdict(set)
    for role, names in roles.items():
        for name in names:
            for n in decided.get(name, (formula.outputs[name],)):
                users[n].add(role)
    groups = _groups(order, users)
    place = {}
    for key, nodes in groups.items():
        place[key] = made.add(kind_of(nodes[0]), *_lines(formula, nodes))
    for role, names in roles.items():
        place[role] = made.add("output", *_output(formula, role, names, decided))
    for key in groups:
        for user in sorted(key[-1], key=lambda k: place[k]):
            made.join(place[key], place[user])
    return made


def _groups(order: Sequence[Node], users: dict[Node, set[Any]]) -> dict[Any, list[Node]]:
    """Return the nodes by what they are and which groups use them, arguments first."""
    found: dict[Any, list[Node]] = {}
    short: dict[Any, Any] = {}
    for n in reversed(order):
        if n.op in (ops.CONST, ops.LABEL) and all(not isinstance(u, str) for u in users[n]):
            continue  # numbers are in the formula; the picture shows what depends on what
        key = (n.op.name, n.type, frozenset(users[n]))
        # Keys hold keys: one object for each, or comparing them would take as long as the depth.
        key = short.setdefault(key, _Key(key))
        found.setdefault(key, []).append(n)
        for x in n.args:
            users[x].add(key)
    return {key: nodes[::-1] for key, nodes in reversed(found.items())}


class _Key(tuple[Any, ...]):
    """A group's key, equal to itself alone."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


def _roles(formula: Formula) -> dict[str, list[str]]:
    """Return the outputs by their role."""
    found: dict[str, list[str]] = {}
    for role in TITLES:
        named = formula.primary if role == "primary" else getattr(formula.task, role)
        mine = formula.outputs if role == "parts" else named
        told = {name for names in found.values() for name in names}
        names = [name for name in mine if name in formula.outputs and name not in told]
        found |= {role: names} if names else {}
    return found


def _decisions(formula: Formula) -> dict[str, tuple[Node, ...]]:
    """Return, for each label that is that of the highest score, the scores."""
    labels = {k: decision_of(n) for k, n in formula.outputs.items() if n.type is Type.LABEL}
    return {name: made.scores for name, made in labels.items() if made is not None}


def _below(formula: Formula, decided: dict[str, tuple[Node, ...]]) -> Iterator[Node]:
    for name, n in formula.outputs.items():
        yield from decided.get(name, (n,))


def _output(
    formula: Formula, role: str, names: Sequence[str], decided: dict[str, tuple[Node, ...]]
) -> Iterator[str]:
    yield from _named(names) if len(names) <= FEW_NAMES else (TITLES[role], *_named(names))
    if set(names) & set(decided):
        scores = decided[next(name for name in names if name in decided)]
        yield "that with the greatest score" if len(scores) > 1 else "by which side of a cut"


def _lines(formula: Formula, nodes: Sequence[Node]) -> Iterator[str]:
    names = {formula.names[n].partition("_")[0] for n in nodes if n in formula.names}
    if len(names) == 1:
        yield f"{names.pop()} ="
    yield from _content(formula, nodes)


def _content(formula: Formula, nodes: Sequence[Node]) -> Iterator[str]:
    first, count = nodes[0], len(nodes)
    if first.op is ops.INPUT:
        yield from _named([formula.inputs[n.data].name for n in nodes])
        if count > FEW_NAMES:
            yield f"{count} inputs"
    elif first.op is ops.LIN:
        weights = sum(len(n.args) for n in nodes)
        alone = f"sum of {weights:,}" if weights > 1 else "a + b·x"
        yield f"{count:,} sums, {weights:,} weights" if count > 1 else alone
    elif first.op is ops.TREE:
        yield from _trees(nodes)
    elif first.op in (ops.CONST, ops.LABEL):
        yield from _named([word(n.data[0] if n.op is ops.LABEL else n.data) for n in nodes])
    else:
        relu = first.op is ops.MAX and first.args[1:] == (ops.const(0.0),)
        sign = "relu" if relu else SIGNS.get(first.op.name, first.op.name)
        yield f"{count:,} × {sign}" if count > 1 else sign


def _trees(nodes: Sequence[Node]) -> Iterator[str]:
    shapes = list({n.data.splits.key: n.data.splits for n in nodes}.values())
    leaves = sum(int(s.leaf.sum()) for s in shapes)
    yield f"{len(shapes):,} trees" if len(shapes) > 1 else "tree"
    yield f"{leaves:,} leaves, depth ≤ {max(s.depth for s in shapes)}"


def _named(names: Sequence[str]) -> list[str]:
    if len(names) <= FEW_NAMES:
        return [*names]
    return [*names[: FEW_NAMES - 2], "…", names[-1]]
