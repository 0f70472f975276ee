"""Linear scores and the links that turn them into predictions."""

from __future__ import annotations

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
        """Return the record from anything array-like; one output may be one-dimensional."""
        w = frozen(weights)
        w = w.reshape(1, -1) if w.ndim == 1 else w
        b = frozen(bias).reshape(-1)
        return cls(w, b if len(b) == len(w) else frozen([b[0]] * len(w)))

    def nodes(self, columns: Sequence[Node]) -> list[Node]:
        """Return one score node for each output."""
        rows = zip(self.weights, self.bias.tolist(), strict=True)
        return [ops.linear(b, w, columns) for w, b in rows]


def softmax(scores: Sequence[Node]) -> list[Node]:
    """Return exp(sᵢ − max s) / Σ exp(sⱼ − max s): no score is too large."""
    top = ops.maximum(*scores)
    grown = [ops.exp(ops.lin(0, (1, s), (-1, top))) for s in scores]
    total = total_of(grown)
    return [ops.div(g, total) for g in grown]


def total_of(nodes: Sequence[Node]) -> Node:
    """Return the plain sum of some nodes."""
    return ops.linear(0.0, [1.0] * len(nodes), nodes)


def complement(p: Node) -> Node:
    """Return 1 − p."""
    return ops.lin(1, (-1, p))


def normalised_sigmoids(scores: Sequence[Node]) -> list[Node]:
    """Return sigmoids divided by their sum: one-vs-rest probabilities."""
    chances = [ops.sigmoid(s) for s in scores]
    total = total_of(chances)
    return [ops.div(p, total) for p in chances]


LINKS: dict[str, Callable[[Node], Node]] = {
    "identity": lambda s: s,
    "log": ops.exp,
    "logit": ops.sigmoid,
}
"""From the name of a link to its inverse: what turns a score into a prediction."""
