"""Inputs for which Keras does not say what comes of a missing number.

max(x, 0) of a missing x is missing on PyTorch and 0 on TensorFlow, whose pooling and that of JAX
skip it; a convolution in groups takes it into other groups on JAX.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from closedform import ops
from closedform.ir import Node, Type, fold, toposort

UNSURE = frozenset({ops.MIN, ops.MAX, ops.KTH, ops.LESS, ops.LESS_EQUAL, ops.EQUAL})
"""Operations that pass a missing number on, or do not, as each backend has it."""


def undefined(outputs: Sequence[Node], spread: Sequence[Node] = ()) -> list[int]:
    """Return the inputs of which a missing value gives what only the backend at hand says.

    An input that the model itself asks about, by `isnan`, is none of them.

    Args:
        outputs: of the formula.
        spread: nodes of which a missing one may spoil more than what is made of it.
    """
    nodes = toposort(outputs)
    met = [a for n in nodes if n.op in UNSURE or n.op is ops.TABLE for a in n.args]
    asked = [a for n in nodes if n.op is ops.ABSENT for a in n.args]
    bits = fold([*met, *spread, *asked], _inputs)
    count = len(bits) - len(asked)
    found = reduce(int.__or__, bits[:count], 0) & ~reduce(int.__or__, bits[count:], 0)
    return [i for i in range(found.bit_length()) if found >> i & 1]


def _inputs(n: Node, *below: int) -> int:
    """Return the numbers among the inputs that n depends on, as bits (for `fold`)."""
    if n.op is ops.INPUT:
        return 0 if n.type is Type.LABEL else 1 << int(n.data)
    return reduce(int.__or__, below, 0)
