"""Linear scores and the links that turn them into predictions."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from closedform import ops
from closedform.ir import Array, Node, frozen


@dataclass(frozen=True, eq=False)
class Linear:
    """Scores that are linear in the columns: s = W·x + b.

    Attributes:
        weights: shape (outputs, columns).
        bias: shape (outputs,).
    """

    weights: Array
    bias: Array

    @classmethod
    def of(cls, weights: Any, bias: Any) -> Linear:
        """Return the record from anything array-like; one output may be one-dimensional.

        A sparse matrix is spread out, a single bias is that of every output.
        """
        w = frozen(weights.toarray() if hasattr(weights, "toarray") else weights)
        w = w.reshape(1, -1) if w.ndim == 1 else w
        b = frozen(bias).reshape(-1)
        return cls(w, b if len(b) == len(w) else frozen([b[0]] * len(w)))

    def nodes(self, columns: Sequence[Node]) -> list[Node]:
        """Return one score node for each output."""
        rows = zip(self.weights, self.bias.tolist(), strict=True)
        return [ops.linear(b, w, columns) for w, b in rows]


def total_of(nodes: Sequence[Node]) -> Node:
    """Return the plain sum of some nodes."""
    return ops.linear(0.0, [1.0] * len(nodes), nodes)


def complement(p: Node) -> Node:
    """Return 1 − p."""
    return ops.lin(1, (-1, p))


def clipped(x: Node, lo: float, hi: float) -> Node:
    """Return x, or the end of lo … hi that it lies beyond; missing where x is."""
    return ops.minimum(ops.maximum(x, ops.const(lo)), ops.const(hi))


def softmax(scores: Sequence[Node]) -> list[Node]:
    """Return exp(sᵢ − max s) / Σ exp(sⱼ − max s): no score is too large."""
    top = ops.maximum(*scores)
    grown = [ops.exp(ops.lin(0, (1, s), (-1, top))) for s in scores]
    total = total_of(grown)
    return [ops.div(g, total) for g in grown]


def shared_out(chances: Sequence[Node], *, fallback: bool = True) -> list[Node]:
    """Return chances divided by their sum; equal parts (or 0/0, missing) where all of them are 0.

    Zadrozny, B. and Elkan, C. (2002), Transforming classifier scores into accurate multiclass
    probability estimates, KDD.
    """
    total = total_of(chances)
    shares = [ops.div(p, total) for p in chances]
    none, part = ops.equal(total, ops.const(0)), ops.const(1 / len(chances))
    return [ops.where(none, part, s) for s in shares] if fallback else shares


def logit(scores: Sequence[Node]) -> list[Node]:
    """Return the chances of two classes from one score s: 1 − sigmoid(s) and sigmoid(s)."""
    p = ops.sigmoid(scores[0])
    return [complement(p), p]


def twice_logit(scores: Sequence[Node]) -> list[Node]:
    """Return sigmoid(−2s) and sigmoid(2s), which is the softmax of −s and s."""
    return [ops.sigmoid(ops.lin(0, (k, scores[0]))) for k in (-2, 2)]


LEAST_SCORE = -math.log(sys.float_info.max)
"""−709.78: below it 1 / (1 + exp(−s)) is 0 for the libraries, since exp(−s) is ∞ in float64."""


def one_vs_rest(scores: Sequence[Node]) -> list[Node]:
    """Return sigmoids divided by their sum; equal parts where each of them is 0."""
    return _one_vs_rest(scores, 1 / len(scores))


def bare_one_vs_rest(scores: Sequence[Node]) -> list[Node]:
    """Return sigmoids divided by their sum; missing where each of them is 0."""
    return _one_vs_rest(scores, math.nan)


def _one_vs_rest(scores: Sequence[Node], otherwise: float) -> list[Node]:
    # Asked of the scores: our sigmoid is still above 0 down to a score of −745.
    none = ops.less(ops.maximum(*scores), ops.const(LEAST_SCORE))
    shares = shared_out([ops.sigmoid(s) for s in scores], fallback=False)
    return [ops.where(none, ops.const(otherwise), p) for p in shares]


def modified_huber(scores: Sequence[Node]) -> list[Node]:
    """Return (clip(s, −1, 1) + 1) / 2, shared out among more than two classes."""
    chances = [ops.lin(0.5, (0.5, clipped(s, -1, 1))) for s in scores]
    return [complement(chances[0]), chances[0]] if len(chances) == 1 else shared_out(chances)


LINKS: dict[str, Callable[[Node], Node]] = {
    "identity": lambda s: s,
    "log": ops.exp,
    "logit": ops.sigmoid,
}
"""From the name of a link to its inverse: what turns a score into a prediction."""

CHANCES: dict[str, Callable[[Sequence[Node]], list[Node]]] = {
    "logit": logit,
    "twice_logit": twice_logit,
    "softmax": softmax,
    "ovr": one_vs_rest,
    "bare_ovr": bare_one_vs_rest,
    "modified_huber": modified_huber,
}
"""From the name of a link to the chances of all classes that it makes of their scores."""
