"""What is left of nodes when some of their constants are 0."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from closedform import ops
from closedform.ir import Node, Type, toposort, with_args


def cleared(roots: Sequence[Node]) -> list[Node]:
    """Return the nodes without what is 0 or constant, sums within sums being left as they are.

    A column that lies far off stays centred so, `year - 2010`: folded into the weights, its mean
    would have to cancel again.
    """
    became: dict[Node, Node] = {}
    for n in toposort(roots):
        args = tuple(became[a] for a in n.args)
        if n.op is ops.LIN:
            became[n] = _sum(n, args)
        elif n.op is ops.MUL and any(_number(a) == 0 for a in args):
            became[n] = ops.const(0.0)
        elif args and n.type is Type.REAL and all(a.op is ops.CONST for a in args):
            became[n] = _computed(n, args)
        else:
            became[n] = with_args(n, args)
    return [became[root] for root in roots]


def _number(n: Node) -> float | None:
    return n.data if n.op is ops.CONST and n.type is Type.REAL else None


def _sum(n: Node, args: tuple[Node, ...]) -> Node:
    bias = n.data.bias
    terms: dict[Node, float] = {}
    for w, a in zip(n.data.weights.tolist(), args, strict=True):
        value = _number(a)
        if value is not None:
            bias += w * value
        elif w:
            terms[a] = terms.get(a, 0.0) + w
    if not terms:
        return ops.const(bias)
    if bias == 0 and list(terms.values()) == [1.0]:
        return next(iter(terms))
    return ops.lin(bias, *((w, a) for a, w in terms.items() if w))


def _computed(n: Node, args: tuple[Node, ...]) -> Node:
    with np.errstate(all="ignore"):
        return ops.const(
            float(np.ravel(n.op.numpy(n.data, *[np.array([a.data]) for a in args]))[0])
        )
