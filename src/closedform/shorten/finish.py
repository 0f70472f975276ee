"""What every method does last: scores as a person would write them, the widest term first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from closedform import ops
from closedform.evaluate import compute
from closedform.formula import Formula
from closedform.ir import Array, Node, substitute
from closedform.passes.legible import rewritten
from closedform.passes.rules_lin import adds_trees

ROWS = 1_000
"""On so many rows it is measured how far a term spreads."""


def finished(scores: Sequence[Node], inputs: Sequence[Array]) -> list[Node]:
    """Return scores as a person would write them.

    Args:
        scores: one node a score.
        inputs: rows like those that they are for, one column an input.
    """
    made = rewritten(scores)
    sums = [n for n in made if n.op is ops.LIN and len(n.args) > 1 and not adds_trees(n)]
    return _widest_first(made, sums, [c[:ROWS] for c in inputs]) if sums else made


def finished_formula(formula: Formula, inputs: Sequence[Array]) -> Formula:
    """Return a formula with its scores finished."""
    scores = [formula.outputs[name] for name in formula.scores]
    became = dict(zip(scores, finished(scores, inputs), strict=True))
    roots = substitute(formula.roots, became)
    return formula.with_outputs(dict(zip(formula.roots, roots, strict=True)))


def _widest_first(
    scores: Sequence[Node], sums: Sequence[Node], inputs: Sequence[Array]
) -> list[Node]:
    """Return scores with their terms in one order, by the share of each in all scores together."""
    terms = list(dict.fromkeys(a for n in sums for a in n.args))
    spread = dict(zip(terms, _spreads(terms, inputs), strict=True))
    share = dict.fromkeys(terms, 0.0)
    for n in sums:
        whole = {a: abs(w) * spread[a] for w, a in _terms(n)}
        widest = max(whole.values()) or 1.0
        for a, size in whole.items():
            share[a] += size / widest
    return [_ordered(n, share) if n in sums else n for n in scores]


def _ordered(n: Node, share: dict[Node, float]) -> Node:
    return ops.lin(n.data.bias, *sorted(_terms(n), key=lambda term: -share[term[1]]))


def _terms(n: Node) -> list[tuple[float, Node]]:
    return list(zip(n.data.weights.tolist(), n.args, strict=True))


def _spreads(terms: Sequence[Node], inputs: Sequence[Array]) -> list[float]:
    """Return the deviation of each term; 0 of one that is nowhere a number."""
    with np.errstate(all="ignore"):
        columns = compute(terms, inputs, len(inputs[0]))
        found = [float(np.std(c[np.isfinite(c)])) if np.isfinite(c).any() else 0.0 for c in columns]
    return [size if np.isfinite(size) else 0.0 for size in found]
