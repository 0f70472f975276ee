"""How a classifier decides: the class, its boundaries, its probabilities."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from closedform import ops
from closedform.ir import Node, Type
from closedform.printers.blocks import Block, Boundary, Cases, Equation, Sentence
from closedform.printers.choices import Decision, counts_votes
from closedform.printers.draft import Draft

SOLVED = 4
"""Inputs up to which a linear boundary is solved for one of them."""

PAIRS = 3
"""Classes up to which every pair has its boundary written out."""


def verdict(draft: Draft) -> Iterator[Block]:
    """Yield the rule that decides the class, and its boundaries."""
    for name, n in draft.formula.outputs.items():
        if n.type is not Type.LABEL:
            continue
        if draft.decision is None or name != draft.formula.primary[0]:
            yield _in_general(draft, draft.outputs[name], n)
        elif len(draft.decision.scores) == 1:
            yield from _above(draft, draft.outputs[name], draft.decision)
        else:
            yield from _highest(draft, draft.outputs[name], draft.decision)


def _in_general(draft: Draft, name: str, n: Node) -> Block:
    if n.op is ops.LABEL:
        return Equation(name, _word(draft, n))
    rows = []
    while n.op is ops.WHERE:
        rows.append((_word(draft, n.args[1]), draft.text(n.args[0])))
        n = n.args[2]
    return Cases(name, tuple(rows), _word(draft, n))


def _word(draft: Draft, n: Node) -> str:
    return draft.scribe.word(n.data[0]) if n.op is ops.LABEL else draft.text(n)


def _above(draft: Draft, name: str, made: Decision) -> Iterator[Block]:
    score, (below, above) = made.scores[0], map(draft.scribe.word, made.classes)
    sign = draft.scribe.signs[">=" if made.reached else ">"]
    condition = f"{draft.text(score)} {sign} {draft.scribe.number(made.cut)}"
    yield Cases(name, ((above, condition),), below)
    if score.op is ops.SIGMOID and made.cut == 0.5:
        score, cut = score.args[0], 0.0
    else:
        cut = made.cut
    if score.op is not ops.TREE:
        yield Boundary((), _solved(draft, score, cut))


def _solved(draft: Draft, score: Node, cut: float) -> str:
    text = f"{draft.text(score)} = {draft.scribe.number(cut)}"
    terms = _terms(score)
    if terms is None or len(terms) < 2:
        return text
    x, w = max(terms.items(), key=lambda item: abs(item[1]))
    rest = [(draft.derived(-v / w), other) for other, v in terms.items() if other is not x]
    solved = ops.lin(draft.derived((cut - score.data.bias) / w), *rest)
    return f"{text}, {draft.scribe.signs['that is']} {draft.text(x)} = {draft.text(solved)}"


def _terms(score: Node) -> dict[Node, float] | None:
    """Return the weight of each input of a short linear score, or None."""
    if score.op is not ops.LIN:
        return None
    terms = {x: w for w, x in zip(score.data.weights.tolist(), score.args, strict=True) if w}
    plain = all(x.op is ops.INPUT for x in terms)
    return terms if plain and len(terms) <= SOLVED else None


def _highest(draft: Draft, name: str, made: Decision) -> Iterator[Block]:
    scribe = draft.scribe
    chances = tuple(draft.formula.outputs.get(p) for p in draft.formula.task.probability)
    shown = set(draft.formula.outputs.values())
    if counts_votes(made.scores) and not shown.issuperset(made.scores):
        yield Equation(name, scribe.greatest(scribe.applied(draft.letter("votes"), "c")))
        yield Sentence("Of classes with equal votes, the first one is predicted.")
        return
    letter = draft.letter("P" if made.scores == chances else "g")
    yield Equation(name, scribe.greatest(scribe.applied(letter, "c")))
    if draft.trees is not None:
        return
    scores = tuple(draft.scores) or made.scores
    if len(scores) != len(made.classes):
        return
    words = [scribe.word(c) for c in made.classes]
    if len(scores) > PAIRS:
        g = draft.letter("g")
        a, b = scribe.applied(g, "a"), scribe.applied(g, "b")
        yield Boundary((scribe.signs["any two classes a"], "b"), f"{a} = {b}")
        return
    for (s, a), (t, b) in combinations(zip(scores, words, strict=True), 2):
        yield Boundary((a, b), f"{_difference(draft, s, t)} = 0{_gap(draft, s, t)}")


def _difference(draft: Draft, s: Node, t: Node) -> str:
    """Return s − t, or s or t alone where the other one is the score 0 of a first class."""
    nothing = ops.const(0.0)
    if nothing in (s, t) and s is not t:
        return draft.text(t if s is nothing else s)
    return f"{draft.text(s)} - {draft.text(t)}"


def _gap(draft: Draft, s: Node, t: Node) -> str:
    """Return the equation of the difference of two short linear scores, or nothing."""
    first, second = _terms(s), _terms(t)
    if first is None or second is None or len({*first, *second}) > SOLVED:
        return ""
    weights = {
        x: draft.derived(first.get(x, 0.0) - second.get(x, 0.0)) for x in {**first, **second}
    }
    gap = ops.lin(draft.derived(s.data.bias - t.data.bias), *[(w, x) for x, w in weights.items()])
    return f", {draft.scribe.signs['that is']}\n{draft.text(gap)} = 0"


def chances(draft: Draft) -> Iterator[Block]:
    """Yield the probabilities that have one equation for all classes."""
    task, scribe = draft.formula.task, draft.scribe
    if draft.link not in ("softmax", "ovr"):
        return
    words = [scribe.word(c) for c in task.classes]
    function = "exp" if draft.link == "softmax" else "sigmoid"
    left = scribe.applied(draft.letter("P"), "c")
    share = scribe.share(function, words, draft.letter(draft.g))
    yield Equation(left, share, Sentence("for each class c"))
