"""The terms of a formula that is a sum: the coefficient of each, and what it is worth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from closedform import ops
from closedform.columns import columns_of
from closedform.errors import BadInput, ClosedformError
from closedform.evaluate import compute
from closedform.explanations.coefficients import called, scored
from closedform.explanations.drawing import Display, bars
from closedform.explanations.sides import FORMULA, Sides
from closedform.explanations.spreads import deviation
from closedform.explanations.structure import parts_of
from closedform.explanations.tables import Record, Table
from closedform.formula import Formula, Task
from closedform.ir import Array, Node, toposort
from closedform.length import length

ROWS = 2000
LEGIBLE = 40
"""Symbols: of a term of more, its inputs are named."""
SHOWN = 30
NAMED = 6
"""So many inputs of a term that is not spelled are named."""


@dataclass(frozen=True, eq=False, repr=False)
class Terms(Record):
    """What each term of a sum adds.

    Attributes:
        target: the number that is explained; of a classifier with a score for the class, that.
        terms: each as text, the one with the greatest effect first.
        coefficients: the number before each, shape (terms,).
        constant: what is added to all of them.
        effects: the deviation of what each adds, in units of the answer, shape (terms,).
        shares: the share of the variance of the answer that is owed to each: its covariance with
            the answer by the variance; together they are 1. Shape (terms,).
        rows: on how many rows.
    """

    target: str
    terms: tuple[str, ...]
    coefficients: Array
    constant: float
    effects: Array
    shares: Array
    rows: int

    def tables(self) -> Sequence[Table]:
        """Return the terms, the one with the greatest effect first."""
        rows = tuple(map(self._row, range(min(len(self.terms), SHOWN))))
        rest = f" and {self.constant:.6g}" if self.constant else ""
        notes = [
            f"{self.target} is their sum{rest}; effect: the deviation of what a "
            f"term adds over {self.rows:,} rows; share: of the variance of the sum, negative where "
            "a term works against the others"
        ]
        if len(self.terms) > SHOWN:
            notes.append(f"{len(self.terms) - SHOWN} terms with smaller effects are not shown")
        heads = ("term", "coefficient", "effect", "share")
        return [Table(f"The terms of the formula for {self.target}", heads, rows, tuple(notes))]

    def _row(self, k: int) -> tuple[str | float, ...]:
        numbers = (self.coefficients[k], self.effects[k], self.shares[k])
        return (self.terms[k], *(float(number) for number in numbers))

    def plot(self, ax: Any = None) -> TermsDisplay:
        """Draw the effect of each term; see `TermsDisplay.plot`."""
        return TermsDisplay(self).plot(ax)


class TermsDisplay(Display[Terms]):
    """Bars of the effects of the terms of a formula."""

    def plot(self, ax: Any = None, *, most: int = SHOWN) -> TermsDisplay:
        """Draw, and return itself.

        Args:
            ax: axes of matplotlib's; default: new ones.
            most: so many terms, those with the greatest effects.

        Raises:
            MissingExtra: matplotlib is not installed.
        """
        told = self.found
        about, shown = f"deviation of what a term adds to {told.target}", range(len(told.terms))
        ax = bars(ax, about, told.terms, shown[:most], {FORMULA: told.effects})
        return self.drawn_on(ax)


@np.errstate(all="ignore")
def terms(sides: Sides) -> Terms:
    """Return the terms of the formula; of one that is no sum, it is the only term.

    Of a classifier those of its score for the class, where there is one.

    Raises:
        BadInput: there is no formula, or it gives labels alone.
    """
    sides = scored(sides)
    formula, node = sides.formula, sides.node
    if formula is None or node is None:
        raise BadInput(
            "There is no formula whose terms could be told.",
            hint="Give one as formula=, as cf.frontier finds it.",
        )
    constant, found = _split(node)
    some = sides.some(ROWS)
    columns, rows = columns_of(formula.inputs, some.X, formula.needed)
    made = np.array(compute([node, *found], columns, rows))
    fine = np.isfinite(made).all(axis=0)
    weights = np.array(list(found.values()))
    added = made[1:, fine] * weights[:, None]
    total = added.sum(axis=0)
    effects, spread = deviation(added, axis=1), float(deviation(total)) or np.nan
    away = (added - added.mean(axis=1, keepdims=True)) / spread
    shares = (away * ((total - total.mean()) / spread)).mean(axis=1)
    order = np.argsort(-np.nan_to_num(effects), kind="stable")
    texts = [_text(formula, n) for n in found]
    return Terms(
        called(sides), tuple(texts[k] for k in order), weights[order], constant, effects[order],
        shares[order], int(fine.sum()),
    )  # fmt: skip


def _split(node: Node) -> tuple[float, dict[Node, float]]:
    """Return the constant of a sum, and its terms with their coefficients."""
    constant = 0.0
    weights = {node: 1.0}
    found: dict[Node, float] = {}
    for n in reversed(toposort([node])):  # whoever uses a node comes before it
        weight = weights.pop(n, 0.0)
        factors = [a for a in n.args if a.op is not ops.CONST]
        if not weight:
            continue
        if n.op is ops.CONST:
            constant += weight * n.data
        elif n.op is ops.LIN:
            constant += weight * n.data.bias
            for w, a in zip(n.data.weights.tolist(), n.args, strict=True):
                weights[a] = weights.get(a, 0.0) + weight * w
        elif n.op is ops.MUL and len(factors) < len(n.args):
            weight *= float(np.prod([a.data for a in n.args if a.op is ops.CONST]))
            held = weights if len(factors) == 1 else found
            product = ops.mul(*factors)
            held[product] = held.get(product, 0.0) + weight
        else:
            found[n] = found.get(n, 0.0) + weight
    return constant, found


def _text(formula: Formula, n: Node) -> str:
    """Return a term as text; of a long one, the inputs that it reads."""
    if length([n]) <= LEGIBLE:
        single = replace(formula, outputs={"term": n}, task=Task(primary=("term",)), names={},
                         stages=(), trail=())  # fmt: skip
        try:
            told = str(single.to("text", form="line", digits=4, width=10_000))
        except ClosedformError:
            told = ""
        line = next((x for x in told.splitlines() if x.strip().startswith("term = ")), "")
        if line:
            return line.partition(" = ")[2].strip()
    read = [formula.inputs[i].name for i in sorted(frozenset().union(*parts_of(n)))]
    more = f" and {len(read) - NAMED} more inputs" if len(read) > NAMED else ""
    return f"a function of {', '.join(read[:NAMED])}{more}"
