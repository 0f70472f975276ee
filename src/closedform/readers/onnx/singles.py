"""Numbers as a graph of float32 has them, where a test hangs on their last bit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from closedform import ops
from closedform.ir import Node, Type, fold, toposort, with_args
from closedform.readers.tensors import Tensor

EXACT = frozenset(
    {ops.CONST, ops.ROUND32, ops.SUM32, ops.TREE, ops.TABLE, ops.WHERE, ops.MIN, ops.MAX}
    | {ops.ABS, ops.FLOOR, ops.SIGN, ops.KTH}
)
"""Operations that give float32 numbers where they are given such."""


TRUTHS = frozenset(
    {ops.LESS, ops.LESS_EQUAL, ops.EQUAL, ops.MEMBER, ops.ABSENT, ops.AND, ops.OR, ops.NOT}
    | {ops.LABEL}
)
"""Operations that give no numbers."""


EXACTLY, ONE_STEP, OF_TREES, NOT = "exactly", "one step", "of trees", "not"
"""How a node is what the graph computes: as it is; once it is rounded to float32; as arithmetic of
float64 over trees, in the same order; or not bit for bit."""


def _is_one_step(n: Node) -> bool:
    """Tell whether float32 has the same operation, which is rounded once."""
    if n.op is not ops.LIN:
        return n.op in (ops.MUL, ops.DIV, ops.SQRT) and len(n.args) <= 2
    plain = bool((abs(n.data.weights) == 1).all())
    return len(n.args) + (n.data.bias != 0) <= 2 and (plain or n.data.bias == 0 == len(n.args) - 1)


class Singles:
    """What a graph computes in float32.

    A formula leaves such rounding out: it is stated once for each output. But where a tree or
    another test stands behind a scaler, a row next to a threshold goes another way without it.
    A sum, product, quotient or root of two float32 numbers in float64, rounded to float32, is the
    float32 one (Figueroa, S. A. (1995), When is double rounding innocuous?, SIGNUM Newsletter 30).
    """

    def __init__(self) -> None:
        self._results: set[Node] = set()
        self._became: dict[Node, Node] = {}

    def note(self, tensor: Tensor) -> None:
        """Note the results of an operator in float32."""
        found = (x for x in _different(tensor).ravel().tolist() if isinstance(x, Node))
        self._results.update(x for x in found if x.type is Type.REAL and x.op not in EXACT)

    def rounded(self, tensor: Tensor) -> Tensor:
        """Return a tensor with each operation below that is of float32 rounded to it."""
        part = _different(tensor)
        roots = [x for x in part.ravel().tolist() if isinstance(x, Node)]
        for current in toposort(x for x in roots if x not in self._became):
            if current not in self._became:
                self._became[current] = self._one(current)
        made = np.empty(part.shape, dtype=object)
        made.ravel()[:] = [self._became.get(x, x) for x in part.ravel().tolist()]
        return np.broadcast_to(made, tensor.shape)

    def exact(self, roots: Sequence[Node]) -> bool:
        """Tell whether nodes are what a graph of float32 computes, bit for bit."""
        return all(how == EXACTLY for how in fold(roots, self._how))

    def _how(self, n: Node, *below: str) -> str:
        if n.op is ops.INPUT:
            rounded = n.type is Type.REAL and n in self._results
            return ONE_STEP if rounded else EXACTLY  # such as it is given
        if n.op is ops.ABSENT and below[0] in (EXACTLY, ONE_STEP):
            return EXACTLY
        if n.op is ops.ROUND32:
            return NOT if below[0] == NOT else EXACTLY
        if set(below) <= {EXACTLY}:
            if n.op in EXACT or n.op in TRUTHS or n.type is not Type.REAL:
                return EXACTLY
            if _is_one_step(n):
                return ONE_STEP
        return OF_TREES if self._is_of_trees(n, below) else NOT

    def _is_of_trees(self, n: Node, below: Sequence[str]) -> bool:
        if n.op not in (ops.LIN, ops.DIV) or n in self._results:
            return False
        whole = (ops.TREE, ops.CONST, ops.LIN, ops.DIV)
        return NOT not in below and all(a.op in whole for a in n.args)

    def _one(self, current: Node) -> Node:
        rebuilt = with_args(current, tuple(self._became[a] for a in current.args))
        return ops.round32(rebuilt) if current in self._results else rebuilt


def _different(tensor: Tensor) -> Tensor:
    """Return a tensor with one place along each axis where all are the same elements in memory."""
    # The dots keep an array of a tensor without axes.
    return tensor[(..., *(slice(None) if s else slice(0, 1) for s in tensor.strides))]
