"""Feed-forward networks: layers of weights, each followed by an activation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from closedform import ops
from closedform.families.additive import softmax
from closedform.ir import Array, Node, frozen


def relu(x: Node) -> Node:
    """Return max(x, 0)."""
    return ops.maximum(x, ops.const(0.0))


ACTIVATIONS: dict[str, Callable[[Node], Node]] = {
    "identity": lambda x: x,
    "tanh": ops.tanh,
    "logistic": ops.sigmoid,
    "relu": relu,
    "exp": ops.exp,
}
"""Activations of one unit, by scikit-learn's names."""


@dataclass(frozen=True, eq=False)
class Layer:
    """activation(W·x + b), with W of shape (units, inputs) and b of shape (units,)."""

    weights: Array
    bias: Array
    activation: str

    @classmethod
    def of(cls, weights: Any, bias: Any, activation: str) -> Layer:
        """Return the record from anything array-like."""
        return cls(frozen(weights), frozen(bias), activation)

    def nodes(self, columns: Sequence[Node]) -> tuple[list[Node], list[Node]]:
        """Return the units before and after their activation."""
        rows = zip(self.weights, self.bias.tolist(), strict=True)
        sums = [ops.linear(b, w, columns) for w, b in rows]
        if self.activation == "softmax":
            return sums, softmax(sums)
        return sums, [ACTIVATIONS[self.activation](s) for s in sums]


@dataclass(frozen=True, eq=False)
class Network:
    """Layers applied one after the other."""

    layers: tuple[Layer, ...]

    def nodes(self, columns: Sequence[Node]) -> list[tuple[list[Node], list[Node]]]:
        """Return, for each layer, its units before and after their activation."""
        made: list[tuple[list[Node], list[Node]]] = []
        now = list(columns)
        for layer in self.layers:
            made.append(layer.nodes(now))
            now = made[-1][1]
        return made
