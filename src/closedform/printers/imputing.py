"""Imputed inputs: `50 when age is missing, else age` reads better as age, and a note below."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Node, rewrite
from closedform.printers.blocks import Sentence
from closedform.printers.scribe import Scribe


def without_imputing(formula: Formula) -> tuple[Formula, dict[Node, Node]]:
    """Return the formula as it is where nothing is missing, and what stands in for each input.

    Only inputs that are read nowhere but imputed, and always by the same value, are taken.
    """
    users: dict[Node, set[Node]] = {}
    for n in formula.nodes:
        for a in n.args:
            users.setdefault(a, set()).add(n)
    filled = {
        n: n.args[2]
        for n in formula.nodes
        if _imputes(n) and _only_imputed(n.args[2], n, users) and n.args[2] not in formula.roots
    }
    if not filled:
        return formula, {}
    plain = formula.with_outputs(rewrite(formula.roots, filled.get))
    return plain, {x: n.args[1] for n, x in filled.items()}


def _imputes(n: Node) -> bool:
    if n.op is not ops.WHERE or n.args[0].op is not ops.ABSENT:
        return False
    test, value, x = n.args
    return test.args[0] is x and x.op is ops.INPUT and value.op in (ops.CONST, ops.LABEL)


def _only_imputed(x: Node, n: Node, users: Mapping[Node, set[Node]]) -> bool:
    return users[x] == {n, n.args[0]} and users[n.args[0]] == {n}


def stand_ins(
    formula: Formula, filled: Mapping[Node, Node], scribe: Scribe, *, rows: int | None = None
) -> Iterator[Sentence]:
    """Yield the sentence that says what a missing input counts as."""
    pairs = list(filled.items())[:rows]
    names = [scribe.spoken(formula.inputs[x.data].name) for x, _ in pairs]
    values = [_value(scribe, v) for _, v in pairs]
    if not pairs:
        return
    counts = ["counts as", *["as"] * (len(pairs) - 1)]
    places = [f"{{{2 * i}}} {verb} {{{2 * i + 1}}}" for i, verb in enumerate(counts)]
    more = f" and {len(filled) - len(pairs)} more" if len(filled) > len(pairs) else ""
    text = f"Where it is missing, {', '.join(places)}{more}."
    yield Sentence(text, tuple(t for pair in zip(names, values, strict=True) for t in pair))


def _value(scribe: Scribe, v: Node) -> str:
    return scribe.word(v.data[0]) if v.op is ops.LABEL else scribe.number(v.data)
