"""As a person would write it: the same numbers in the fewest symbols, by rules over the reals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from closedform.formula import Formula, Step
from closedform.ir import Node, substitute, toposort
from closedform.length import length
from closedform.passes.rules import Place, Rule
from closedform.passes.rules_legible import ALWAYS, OUTWARDS, SHORTER

MOST = 600
"""Symbols: what is longer nobody reads, and each rule is tried by counting all of them."""


def legible(formula: Formula) -> Formula:
    """Return a formula with its scores as a person would write them.

    A rule is used where it makes the scores shorter to read: `s6 - 90 > 11.5` becomes
    `s6 > 101.5`, and `2*(x - 3) + 1` becomes `2*x - 5`; the centre stays in `2*(x - 3)*y`, which is
    longer without. Scores of more than `MOST` symbols stay as they are.

    Returns:
        The formula; where rules fired, with a Step "legible" of kind "real" that counts them.
    """
    fired: Counter[Rule] = Counter()
    scores = [formula.outputs[name] for name in formula.scores]
    became = dict(zip(scores, rewritten(scores, fired), strict=True))
    if not fired:
        return formula
    roots = dict(zip(formula.roots, substitute(formula.roots, became), strict=True))
    found = {"rules": {rule.name: count for rule, count in fired.items()}}
    return formula.with_outputs(roots, Step("legible", "real", {}, found))


def rewritten(scores: Sequence[Node], fired: Counter[Rule] | None = None) -> list[Node]:
    """Return scores as a person would write them; `fired` counts the rules."""
    roots, fired = list(scores), Counter() if fired is None else fired
    refused: set[tuple[Node, Rule]] = set()
    while length(roots) <= MOST:
        found = _better(roots, refused)
        if found is None:
            break
        rule, roots = found
        fired[rule] += 1
    return roots


def _better(roots: list[Node], refused: set[tuple[Node, Rule]]) -> tuple[Rule, list[Node]] | None:
    """Return the first rule that makes something better, and the roots with it."""
    order = toposort(roots)
    now = _cost(roots)
    for n in order:
        for rule in _RULES.get(n.op.name, ()):
            if (n, rule) in refused:
                continue
            made = rule.apply(n, Place())
            if made is not None and made is not n:
                new = substitute(roots, {n: made})
                if rule in ALWAYS or _cost(new) < (now if rule in SHORTER else _longer(now)):
                    return rule, new
            refused.add((n, rule))
    return None


def _cost(roots: Sequence[Node]) -> tuple[int, int]:
    return length(roots), len(toposort(roots))


def _longer(cost: tuple[int, int]) -> tuple[int, int]:
    return cost[0] + 1, 0


_RULES: dict[str, list[Rule]] = {}
for _rule in (*ALWAYS, *OUTWARDS, *SHORTER):
    for _op in _rule.ops:
        _RULES.setdefault(_op.name, []).append(_rule)
