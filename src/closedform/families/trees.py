"""Decision trees and ensembles of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from closedform import ops
from closedform.ir import Array, Node
from closedform.payloads import Splits


@dataclass(frozen=True, eq=False)
class Forest:
    """A weighted sum of trees for each output, on top of a base score.

    Attributes:
        trees: the shape of each tree and its leaf values: (nodes,), or (nodes, outputs).
        output: for each tree, the output that it adds to; None: to every output.
        base: the score before the first tree, shape (outputs,).
        scale: what each leaf value is multiplied by.
        divide: what the whole sum is divided by (a mean is a sum of trees, then divided).
    """

    trees: tuple[tuple[Splits, Array], ...]
    output: tuple[int, ...] | None
    base: Array
    scale: float = 1.0
    divide: float = 1.0

    def nodes(self, columns: Sequence[Node]) -> list[Node]:
        """Return one score node for each output, the trees added in training order."""
        args = tuple(columns)
        return [self._sum(k, args) for k in range(len(self.base))]

    def _sum(self, k: int, args: tuple[Node, ...]) -> Node:
        members = [
            ops.tree(splits, values if values.ndim == 1 else values[:, k], args)
            for i, (splits, values) in enumerate(self.trees)
            if self.output is None or self.output[i] == k
        ]
        base = float(self.base[k])
        if len(members) == 1 and base == 0 and self.scale == 1 and self.divide == 1:
            return members[0]
        total = ops.linear(base, [self.scale] * len(members), members)
        # Divided once at the end, as the libraries do: each leaf divided rounds otherwise.
        return total if self.divide == 1 else ops.div(total, ops.const(self.divide))
