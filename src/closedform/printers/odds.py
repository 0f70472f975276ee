"""Trees and lists of rules that give log-odds: the class, its probability, and how many rows."""

from __future__ import annotations

import math
from collections.abc import Sequence

from closedform import ops
from closedform.ir import Node, Type
from closedform.printers.blocks import Rule, Rules, Sentence
from closedform.printers.choices import Decision
from closedform.printers.draft import Draft
from closedform.printers.ensemble import Ensemble
from closedform.printers.rules import Values


def odds_values(made: Draft, trees: Ensemble) -> tuple[tuple[str, ...], Values] | None:
    """Return how the log-odds of a leaf are shown, where they decide the class; else None."""
    scores = _scores(made)
    if scores is None or trees.trees[0] != scores:
        return None
    return (made.outputs[made.formula.primary[0]],), verdicts(made)


def rule_list(made: Draft) -> Rules | None:
    """Return a list of rules with constants each as if, else if, else; None for all others.

    The trail says which share of the rows each rule was the first to hold for, where a pass
    counted them.
    """
    scores = _scores(made)
    if scores is None or any(n.op is not ops.WHERE for n in scores):
        return None
    chains = [_chain(n) for n in scores]
    tests = chains[0][0]
    if any(c[0] != tests or any(v.op is not ops.CONST for v in c[1]) for c in chains):
        return None
    shares = next((s.found["coverage"] for s in made.formula.trail if "coverage" in s.found), ())
    words = ["if", *["else if"] * (len(tests) - 1), "else"]
    values, rules = verdicts(made), []
    for i, word in enumerate(words):
        fact = f"{100 * shares[i]:.2g} % of rows" if len(shares) == len(words) else ""
        shown, facts = values([float(c[1][i].data) for c in chains], fact)
        conditions = _conditions(made, tests[i]) if i < len(tests) else ()
        rules.append(Rule(shown, conditions, facts, word))
    return Rules("", (made.outputs[made.formula.primary[0]],), tuple(rules))


def _scores(made: Draft) -> tuple[Node, ...] | None:
    """Return the log-odds against the first class, given as outputs, that decide the class."""
    decision, task = made.decision, made.formula.task
    outputs = made.formula.outputs
    given = tuple(outputs[name] for name in task.decision if name in outputs)
    if decision is None or decision.scores != given:
        return None
    if task.link == "softmax" and given[0] is ops.const(0.0):
        return given[1:]
    return given if task.link == "logit" and len(given) == 1 and decision.cut == 0 else None


def _chain(n: Node) -> tuple[list[Node], list[Node]]:
    tests: list[Node] = []
    values: list[Node] = []
    while n.op is ops.WHERE and n.type is Type.REAL:
        tests.append(n.args[0])
        values.append(n.args[1])
        n = n.args[2]
    return tests, [*values, n]


def _conditions(made: Draft, test: Node) -> tuple[str, ...]:
    parts: Sequence[Node] = test.args if test.op is ops.AND else (test,)
    return tuple(made.text(p) for p in parts)


def verdicts(made: Draft) -> Values:
    """Return how log-odds are shown: `P = 0.91, 42 % of rows, log-odds 2.3`, of many classes P."""
    assert made.decision is not None
    shown = class_values(made, made.decision.classes)
    single = len(made.decision.scores) == 1

    def values(odds: list[float], facts: str) -> tuple[tuple[str, ...], Sentence]:
        heights = [math.exp(v - max(0.0, *odds)) for v in (0.0, *odds)]
        word, told = shown([made.derived(h / sum(heights)) for h in heights], facts)
        if not single:
            return word, told
        template = f"{told.template}, log-odds {{{len(told.names)}}}"
        return word, Sentence(template, (*told.names, made.scribe.number(odds[0])))

    return values


def label_values(made: Draft, decision: Decision) -> Values:
    """The class alone, of trees that say nothing else."""
    words = [made.scribe.word(c) for c in decision.classes]

    def values(scores: list[float], facts: str) -> tuple[tuple[str, ...], Sentence]:
        if len(scores) > 1:
            return (words[scores.index(max(scores))],), Sentence(facts)
        cut, score = decision.cut, scores[0]
        above = score >= cut if decision.reached else score > cut
        return (words[above],), Sentence(facts)

    return values


def class_values(made: Draft, classes: Sequence[object]) -> Values:
    """The class with the highest share, and its share: P = 0.98, 45 of 150 samples (30 %)."""
    words = [made.scribe.word(c) for c in classes]
    number, most = made.scribe.chance, (made.extent.side or 2 * len(words)) // 2

    def values(shares: list[float], facts: str) -> tuple[tuple[str, ...], Sentence]:
        best = shares.index(max(shares))
        rest = [
            (p, w) for i, (p, w) in enumerate(zip(shares, words, strict=True)) if p and i != best
        ]
        names = [number(shares[best])]
        template = "P = {0}"
        left_out = len(rest) - most
        if left_out > 0:  # of 26 classes, one line of facts had 282 characters
            least = sorted(p for p, _ in rest)[left_out]
            rest = [(p, w) for p, w in rest if p >= least][:most]
        if len(words) > 2 and rest:
            others = [f"{{{i}}}: {{{i + 1}}}" for i in range(1, 2 * len(rest), 2)]
            others += [f"… {left_out} more"] if left_out > 0 else []
            template += f" ({', '.join(others)})"
            names += [text for p, w in rest for text in (w, number(p))]
        template += f", {facts}" if facts else ""
        return (words[best],), Sentence(template, tuple(names))

    return values
