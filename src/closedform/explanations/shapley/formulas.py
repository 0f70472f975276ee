"""SHAP values of a formula: exact of each term that allows it, sampled of what is left."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from closedform import ops
from closedform.evaluate import Plan, columns_for, fill
from closedform.explanations.shapley.exact import of_term
from closedform.explanations.shapley.leaves import of_tree
from closedform.explanations.shapley.sampling import sampled
from closedform.explanations.shapley.terms import Sum, Term, sum_of
from closedform.formula import reads
from closedform.ir import Array, Node, fold, toposort

WORK = 6e8
"""Operations on numbers that the values of terms may take, and again those of the rest: 3 s each.
442 kernels over 10 inputs take 4.5e8, with 100 rows and a background of 100."""
LIN_SHARE = 0.1
"""What a weight of a sum costs beside another operation: they are one matrix product."""
FEWEST_DRAWS = 10
"""Orders of the inputs, each beside its reverse, for each row: however long they take."""


@dataclass(frozen=True, eq=False)
class Found:
    """The SHAP values of one side.

    Attributes:
        values: shape (rows, inputs).
        errors: their standard errors, 0 where they are exact.
        how: how they were found, in words.
    """

    values: Array
    errors: Array
    how: str


def of_formula(
    node: Node, columns: Sequence[Array], rows: Array, background: Array, seed: int
) -> Found:
    """Return the SHAP values of a REAL node.

    Args:
        node: what is explained.
        columns: one for each input of its formula.
        rows, background: numbers of the rows that are explained, and of those behind them.
        seed: of what is sampled.
    """
    parts = _affordable(sum_of(node), len(rows), len(background))
    own, others = ([column[at] for column in columns] for at in (rows, background))
    values = np.zeros((len(rows), len(columns)))
    for weight, tree in parts.trees:
        values += weight * of_tree(tree, own, others)
    for term in parts.terms:
        values += of_term(term, own, others)
    errors, draws = np.zeros(values.shape), 0
    if parts.rest is not None:
        draws = _draws(parts.rest, len(rows), len(background))
        more, errors = _sampled(parts.rest, columns, rows, background, draws, seed)
        values += more
    return Found(values, errors, "; ".join(_told(parts, draws)))


def _affordable(parts: Sum, rows: int, background: int) -> Sum:
    """Return the same with terms that take too long moved to the rest."""
    terms = sorted(parts.terms, key=lambda term: term.work(rows, background))
    total = np.cumsum([term.work(rows, background) for term in terms])
    count = int(np.searchsorted(total, WORK, side="right"))
    left = [*([] if parts.rest is None else [parts.rest]), *(t.node for t in terms[count:])]
    rest = ops.lin(0.0, *[(1.0, node) for node in left]) if left else None
    return Sum(parts.bias, parts.trees, terms[:count], rest)


def _draws(node: Node, rows: int, background: int) -> int:
    each = sum(
        LIN_SHARE * len(n.args) if n.op is ops.LIN else len(n.args) for n in toposort([node])
    )
    asked = 2 * rows * (len(fold([node], reads)[0]) + 1) * max(each, 1.0)
    affordable = int(WORK // asked)
    # All of the background equally often, if it can be: then the values add up.
    turns = min(affordable // background, 4)
    return turns * background if turns else max(FEWEST_DRAWS, affordable)


def _sampled(
    node: Node, columns: Sequence[Array], rows: Array, background: Array, draws: int, seed: int
) -> tuple[Array, Array]:
    plan, players = Plan([node]), sorted(fold([node], reads)[0])

    def ask(cells: Array) -> Array:
        moved = [
            c[cells[:, i]] if i in players else np.broadcast_to(c[:1], len(cells))
            for i, c in enumerate(columns)
        ]
        out = columns_for(plan, len(cells))
        fill(plan, moved, None, range(len(cells)), out)
        return out[0]

    return sampled(ask, rows, background, players, len(columns), draws, seed)


def _told(parts: Sum, draws: int) -> Iterator[str]:
    """Yield how it was done."""
    if not parts.trees and not parts.terms and parts.rest is None:
        yield "exact: a constant"
    exact = [_counted(len(parts.trees), "tree leaf by leaf", "trees leaf by leaf")]
    single = [t for t in parts.terms if _size(t) <= 1]
    joint = [t for t in parts.terms if _size(t) > 1 and len(t.parts) == 1]
    products = [t for t in parts.terms if len(t.parts) > 1]
    exact += [_counted(len(single), "function of one input", "functions of one input")]
    exact += [_counted(len(products), "product", "products")]
    if joint:
        most = max(_size(t) for t in joint)
        exact += [f"all coalitions of up to {most} inputs"]
    if any(exact):
        yield "exact, from the structure: " + ", ".join(filter(None, exact))
    if parts.rest is not None:
        size = len(fold([parts.rest], reads)[0])
        yield f"{size} inputs together, from {2 * draws} orders of them for each row"


def _size(term: Term) -> int:
    return sum(len(part.inputs) for part in term.parts)


def _counted(count: int, one: str, many: str) -> str:
    return "" if not count else f"{count} {one if count == 1 else many}"
