"""A formula spelled for people, node by node, before its blocks are put in order."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Node, Type, toposort
from closedform.ops.payloads import Pieces, Table
from closedform.printers.blocks import Block, Cases, Equation, Lookup
from closedform.printers.choices import (
    Decision,
    chance_nodes,
    counts_votes,
    decision_of,
    sigmoid_scores,
    softmax_scores,
)
from closedform.printers.ensemble import Ensemble, ensemble_of
from closedform.printers.grouping import grouped
from closedform.printers.naming import Namer
from closedform.printers.scribe import Scribe, is_indicator
from closedform.printers.spell import SUM, TRIVIAL, Speller, Spelling, Written, names_for


@dataclass(frozen=True)
class Extent:
    """How much is shown; the defaults show everything.

    Attributes:
        trees: so many trees of an ensemble.
        rules: so many leaves of each of them.
        rows: so many labels of a table, stretches of a curve, names in a list.
        side: so many rows and columns of a matrix.
        digits: numbers are rounded to so many digits for the eye.
    """

    trees: int | None = None
    rules: int | None = None
    rows: int | None = None
    side: int | None = None
    digits: int | None = None


@dataclass
class Draft:
    """One formula, one scribe, and the walk that writes it.

    Attributes:
        formula: what is printed, its terms over one category grouped.
        outputs: the spelled name of each output.
        decision: how the label is decided, where that has a simple form.
        scores: for a softmax or normalised sigmoids, the score of each class; called `g`.
        listed: whether an output that is a choice is a list of cases, or else `a if c else b`.
    """

    formula: Formula
    scribe: Scribe
    extent: Extent
    speller: Speller
    outputs: dict[str, str]
    decision: Decision | None
    scores: list[Node]
    link: str
    trees: Ensemble | None
    g: str
    listed: bool = True

    def letter(self, letter: str) -> str:
        """Return what probabilities (P) and scores (g) are called: P, or P1 for label number 1."""
        return Namer(self.formula, self.scribe).letter(letter)

    def derived(self, value: float) -> float:
        """Return a derived number without the digits that its own computation made up."""
        rounded = [s.options["digits"] for s in self.formula.trail if s.name == "rounding"]
        return float(f"{value:.{min([12, *rounded])}g}")

    def text(self, n: Node) -> str:
        """Return a node as an expression, or its name."""
        return self.speller.write([n])[0].text

    def blocks(self) -> Iterator[tuple[Node, Block]]:
        """Yield each line of the walk as a block, with its node; trees are left to the rules."""
        for name, text, n in list(self.speller.lines):
            if n.op is not ops.TREE:
                yield n, self._block(name, text, n)

    def _block(self, name: str, text: str, n: Node) -> Block:
        if n.op is ops.TABLE:
            return self._lookup(name, n)
        if n.op is ops.PIECEWISE:
            return self._stretches(name, n)
        if n.op is ops.WHERE and not is_indicator(n) and self.listed:
            return self.cases(name, n)
        if n.op is ops.SIGMOID and n in chance_nodes(self.formula):
            one, grown = ops.const(1), ops.exp(ops.lin(0, (-1, n.args[0])))
            return Equation(name, self.text(ops.div(one, ops.lin(0, (1, one), (1, grown)))))
        shorter = self._shortened(n)
        return Equation(name, text if shorter is None else shorter.text)

    def _shortened(self, n: Node) -> Written | None:
        """Return `max(a, b, …, z)`, or a sum over many points in that manner, in a brief form."""
        most, spell = self.extent.rows, self.scribe.language.spell
        if most is None:
            return None
        if n.op is ops.LIN and len(n.args) > 2 * most and all(map(is_of_point, n.args)):
            first = ops.linear(n.data.bias, n.data.weights[:3], n.args[:3])
            last = ops.linear(0.0, np.abs(n.data.weights[-1:]), n.args[-1:])
            plus, minus = self.scribe.language.plus, self.scribe.language.minus
            dots = plus + self.scribe.signs["dots"] + (minus if n.data.weights[-1] < 0 else plus)
            return Written(self.text(first) + dots + self.text(last), SUM)
        if n.op in (ops.MIN, ops.MAX, ops.KTH) and len(n.args) > most:
            ends = [Written(self.text(a)) for a in (*n.args[:2], n.args[-1])]
            shown = [*ends[:2], Written(self.scribe.signs["dots"]), ends[2]]
        elif n.op is ops.DIV:
            parts = [None if a in self.speller.named else self._shortened(a) for a in n.args]
            if not any(parts):
                return None
            shown = [p or self.speller.write([a])[0] for p, a in zip(parts, n.args, strict=True)]
        else:
            return None
        how = spell[n.op.name]
        return how(shown) if isinstance(how, Spelling) else how(self.speller, n, shown)

    def cases(self, name: str, n: Node) -> Cases:
        """Return a chain of choices as a list."""
        rows: list[tuple[str, str]] = []
        while n.op is ops.WHERE and (n not in self.speller.named or not rows):
            rows.append((self.text(n.args[1]), self.text(n.args[0])))
            n = n.args[2]
        return Cases(name, tuple(rows), self.text(n))

    def _lookup(self, name: str, n: Node) -> Lookup:
        rows = list(self.entries(n.args[0], n.data))
        shown = rows if self.extent.rows is None else rows[: self.extent.rows]
        spelled = tuple((label, self.scribe.number(v)) for label, v in shown)
        return Lookup(name, spelled, len(rows) - len(shown))

    def entries(self, x: Node, data: Table) -> Iterator[tuple[str, float]]:
        """Yield the labels of a table as a reader sees them, and the number beside each."""
        values = dict(zip(data.labels, data.values.tolist(), strict=True))
        feature = self.formula.inputs[x.data] if x.op is ops.INPUT else None
        for label in feature.categories or () if feature else ():
            values.setdefault(label, data.default)
        for label, value in values.items():
            yield self.scribe.word(label), value
        if feature is None or feature.unseen:
            yield self.scribe.signs["other"], data.default
        if feature is None or feature.missing:
            yield self.scribe.signs["missing"], data.missing

    def _stretches(self, name: str, n: Node) -> Cases:
        pieces, x = n.data, self.text(n.args[0])
        ends = [-math.inf, *pieces.edges.tolist(), math.inf]
        rows = [
            (
                self.text(_polynomial(pieces, i, n.args[0])),
                self.span(x, lo, hi, pieces.right_closed),
            )
            for i, (lo, hi) in enumerate(pairwise(ends))
            if i < (self.extent.rows or len(ends))
        ]
        left_out = len(ends) - 1 - len(rows)
        if pieces.missing == pieces.missing:
            condition = f"{x} {self.scribe.signs['is missing']}"
            rows.append((self.scribe.number(pieces.missing), condition))
        return Cases(name, tuple(rows), None, left_out)

    def span(self, x: str, lo: float, hi: float, right_closed: bool = True) -> str:
        """Return the condition that x lies between two numbers, the side of each end stated."""
        signs, number = self.scribe.signs, self.scribe.number
        low, high = ("<", "<=") if right_closed else ("<=", "<")
        if lo == -math.inf:
            return f"{x} {signs[high]} {number(hi)}" if hi != math.inf else signs["always"]
        if hi == math.inf:
            return f"{x} {signs['>' if right_closed else '>=']} {number(lo)}"
        return f"{number(lo)} {signs[low]} {x} {signs[high]} {number(hi)}"


NEAR = 64
"""So many nodes below a term are looked at for the distance that it is a function of."""


def is_of_point(n: Node) -> bool:
    """Tell whether a term belongs to one point: it is a function of a distance to it."""
    todo = [n]
    for now in todo:
        if now.op is ops.SQUARED_DISTANCE:
            return True
        if len(todo) < NEAR:
            todo += now.args[:2]
    return False


def _polynomial(pieces: Pieces, i: int, x: Node) -> Node:
    coefs = pieces.coefs[i].tolist()
    while len(coefs) > 1 and coefs[-1] == 0:
        coefs.pop()
    if len(coefs) == 1:
        return ops.const(coefs[0])
    away = x if pieces.origins[i] == 0 else ops.lin(-pieces.origins[i], (1, x))
    powers = [away] + [ops.power(away, j) for j in range(2, len(coefs))]
    return ops.linear(coefs[0], coefs[1:], powers)


def draft(
    formula: Formula, scribe: Scribe, extent: Extent = Extent(), *, share: bool = True,
    group: bool = True, listed: bool = True, stand_ins: Mapping[int, str] | None = None,
) -> Draft:  # fmt: skip
    """Return a formula spelled for people.

    Args:
        share: whether shared and special values get lines of their own; False writes each output
            as one expression.
        group: whether terms over one category become one table.
        listed: whether an output that is a choice is a list of cases.
        stand_ins: what is written for inputs beyond the formula's own.
    """
    if group:
        formula = formula.with_outputs(grouped(formula.roots))
    label = next((formula.outputs[n] for n in formula.primary if n in formula.outputs), None)
    decision = None if label is None or label.type is not Type.LABEL else decision_of(label)
    trees = ensemble_of(formula)
    link, scores = _scores(formula, decision, trees)
    if decision is not None and not _is_shown(decision, link, scores, formula):
        decision = None
    namer = Namer(formula, scribe)
    outputs = {name: namer.output(name) for name in formula.outputs}
    own: dict[Node, str] = {}
    for name, n in formula.outputs.items():
        own.setdefault(n, outputs[name])
    letter = _score_letter(formula, scores)
    # An input beyond the formula's own stands for a score that is printed elsewhere.
    known = {*range(len(formula.inputs)), *(stand_ins or {})}
    beyond = [n for n in formula.nodes if n.op is ops.INPUT and n.data not in known]
    for n, name in namer.scores(list(dict.fromkeys([*scores, *beyond])), letter).items():
        own.setdefault(n, name)
    if decision is not None and not scores and _is_nameless(decision, trees, own):
        for n, name in namer.compared(decision).items():
            own.setdefault(n, name)
    roots = _real_roots(formula, decision, scores, link)
    named = dict(own)
    if share:
        grown = namer.trees(trees, outputs, link) if trees else {}
        named |= grown
        others = names_for(formula, roots, own=named)
        others |= _asked(roots, {*named, *others})
        named |= namer.others(roots, others, named)
    inputs = {i: scribe.name(f.name) for i, f in enumerate(formula.inputs)}
    inputs = {n.data: name for n, name in own.items() if n.op is ops.INPUT} | inputs
    inputs |= stand_ins or {}
    named = {n: name for n, name in named.items() if n.op.name not in TRIVIAL}
    speller = Speller(scribe.language, inputs, named)
    speller.write(roots)
    return Draft(
        formula, scribe, extent, speller, outputs, decision, scores, link, trees, letter, listed
    )


def _is_nameless(decision: Decision, trees: Ensemble | None, own: Mapping[Node, str]) -> bool:
    """Tell whether what is compared to find the class is printed nowhere else."""
    told = trees is not None and not counts_votes(decision.scores)
    return not told and not set(decision.scores) & set(own)


def _score_letter(formula: Formula, scores: Sequence[Node]) -> str:
    """Return what scores are called: g, unless that is the name of other decision values."""
    decided = {formula.outputs[n] for n in formula.task.decision if n in formula.outputs}
    return "s" if scores and decided - set(scores) else "g"


def _asked(roots: Sequence[Node], named: Collection[Node]) -> dict[Node, str]:
    """Return a name for each sum that a curve is a function of: it is asked in every row."""
    curves = (n.args[0] for n in toposort(roots) if n.op is ops.PIECEWISE)
    sums = [x for x in dict.fromkeys(curves) if len(x.args) > 1 and x not in named]
    return {x: f"t{i}" if len(sums) > 1 else "t" for i, x in enumerate(sums, 1)}


def _scores(
    formula: Formula, decision: Decision | None, trees: Ensemble | None
) -> tuple[str, list[Node]]:
    """Return the link from scores to probabilities, and the scores."""
    if trees and trees.shared and _alike(formula, trees):
        return "vote", []
    chances = chance_nodes(formula)
    for link, find in (("softmax", softmax_scores), ("ovr", sigmoid_scores)):
        found = find(chances)
        if found is not None:
            return link, found
    if decision is not None and decision.scores[0].op is ops.SIGMOID:
        return "logit", [decision.scores[0].args[0]]
    # Scores of a label alone, as of a cluster, have no name yet by which the rule could call them.
    if decision is not None and 1 < len(decision.scores) == len(formula.task.classes):
        own = formula.outputs.values()
        named = counts_votes(decision.scores) or any(n in own for n in decision.scores)
        return "", [] if named else list(decision.scores)
    return "", []


def _is_shown(decision: Decision, link: str, scores: Sequence[Node], formula: Formula) -> bool:
    """Tell whether the label is that of the highest of the scores that get a name of their own.

    scikit-learn's nearest centroid has probabilities from other scores than its label.
    """
    if link not in ("softmax", "ovr") or len(decision.scores) == 1:
        return True
    return decision.scores in (tuple(scores), tuple(chance_nodes(formula)))


def _alike(formula: Formula, trees: Ensemble) -> bool:
    """Tell whether one equation holds for the chances of all classes: each is a sum of trees."""
    task = formula.task
    if trees.outputs != task.probability or len(task.probability) != len(task.classes):
        return False
    sums = [n.args[0] if n.op is ops.DIV else n for n in chance_nodes(formula)]
    return all(x.op is ops.TREE for n in sums for x in (n.args if n.op is ops.LIN else [n]))


def _real_roots(
    formula: Formula, decision: Decision | None, scores: Sequence[Node], link: str
) -> list[Node]:
    """Return what is written as expressions: no label, and no share of a sum that is named."""
    skipped = set(formula.task.probability) if link in ("softmax", "ovr") else set()
    if link == "vote":
        skipped = set(formula.task.probability[1:])
    elif decision is not None and not skipped:
        scores = [*scores, *decision.scores]
    roots = [
        n for name, n in formula.outputs.items() if n.type is not Type.LABEL and name not in skipped
    ]
    tests = [] if decision is not None else _tests(formula.outputs.values())
    return [*tests, *scores, *roots]


def _tests(outputs: Iterable[Node]) -> list[Node]:
    """Return the conditions of all labels that are no highest score: they are written out."""
    found = []
    for n in outputs:
        while n.type is Type.LABEL and n.op is ops.WHERE:
            found.append(n.args[0])
            n = n.args[2]
    return found
