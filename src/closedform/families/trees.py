"""Decision trees and ensembles of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from closedform import ops
from closedform.ir import Array, Node
from closedform.ops.payloads import Splits


@dataclass(frozen=True, eq=False)
class Forest:
    """A weighted sum of trees for each output, on top of a starting score.

    Attributes:
        trees: the shape of each tree and its leaf values: (nodes,), or (nodes, outputs).
        output: for each tree, the output that it adds to; None: to every output.
        start: the score before the first tree, one for each output.
        scale: what each leaf value is multiplied by.
        divide: what the whole sum is divided by (a mean is a sum of trees, then divided).
        single: whether the leaves are added in float32; then without scale or divisor.
    """

    trees: tuple[tuple[Splits, Array], ...]
    output: tuple[int, ...] | None
    start: tuple[float | Node, ...]
    scale: float = 1.0
    divide: float = 1.0
    single: bool = False

    def nodes(self, columns: Sequence[Node]) -> list[Node]:
        """Return one score node for each output, the trees added in training order."""
        args = tuple(columns)
        members: list[list[Node]] = [[] for _ in self.start]
        for i, (splits, values) in enumerate(self.trees):
            for k in range(len(members)) if self.output is None else [self.output[i]]:
                leaves = values if values.ndim == 1 else values[:, k]
                members[k].append(ops.tree(splits, leaves, args))
        return [self._sum(*pair) for pair in zip(self.start, members, strict=True)]

    def _sum(self, start: float | Node, members: list[Node]) -> Node:
        if self.single:
            return ops.sum32(start if isinstance(start, Node) else ops.const(start), *members)
        if self.divide == self.scale == len(members) == 1 and start == 0:
            return members[0]
        first, weights = (0.0, [1.0]) if isinstance(start, Node) else (start, [])
        args = [start, *members] if isinstance(start, Node) else members
        total = ops.linear(first, weights + [self.scale] * len(members), args)
        # Divided once at the end, as the libraries do: each leaf divided rounds otherwise.
        return total if self.divide == 1 else ops.div(total, ops.const(self.divide))
