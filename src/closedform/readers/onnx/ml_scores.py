"""What ai.onnx.ml's classifiers and regressors do to their scores: `post_transform`."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from closedform import ops
from closedform.families.additive import logit, softmax, total_of
from closedform.ir import Node
from closedform.readers.onnx.call import Call
from closedform.readers.torch.elements import NoFormula

NEAR_ZERO = 1e-7
"""SOFTMAX_ZERO takes what is not farther from 0 for nothing."""


def _logistic(scores: Sequence[Node]) -> list[Node]:
    return [ops.sigmoid(s) for s in scores]


def _softmax_zero(scores: Sequence[Node]) -> list[Node]:
    """exp(sᵢ − max s) / Σ exp(sⱼ − max s); one near 0 becomes s·exp(−max s), not added."""
    top = ops.maximum(*scores)
    small = [ops.less_equal(ops.absolute(s), ops.const(NEAR_ZERO)) for s in scores]
    grown = [ops.exp(ops.lin(0, (1, s), (-1, top))) for s in scores]
    total = total_of(
        [ops.where(z, ops.const(0.0), g) for z, g in zip(small, grown, strict=True)]
    )  # fmt: skip
    shrunk = ops.exp(ops.lin(0, (-1, top)))
    return [
        ops.div(ops.where(z, ops.mul(s, shrunk), g), total)
        for s, z, g in zip(scores, small, grown, strict=True)
    ]


SHAPE = 0.147
"""Winitzki, S. (2008), A handy approximation for the error function and its inverse."""


def probit(score: Node) -> Node:
    """Return the quantile of the normal distribution as onnxruntime approximates it.

    √2·erfinv(2p − 1), off by up to 0.002; computed in float32, where it loses half of its digits
    near p = 1/2: so each operation is rounded as the model's is.
    """
    one = ops.round32

    def line(bias: float, weight: float, x: Node) -> Node:
        scaled = x if weight == 1 else one(ops.lin(0, (weight, x)))
        return one(ops.lin(bias, (1, scaled)))

    p = one(score)
    x = line(-1.0, 2.0, p)
    inside = one(ops.mul(line(1.0, -1.0, x), line(1.0, 1.0, x)))
    log = one(ops.log(inside))
    shape = _f32(SHAPE)
    first = line(_f32(2 / _f32(_f32(math.pi) * shape)), 0.5, log)
    second = one(ops.lin(0, (_f32(1 / shape), log)))
    root = one(ops.sqrt(one(ops.lin(0, (1, one(ops.mul(first, first))), (-1, second)))))
    size = one(ops.sqrt(one(ops.lin(0, (-1, first), (1, root)))))
    sign = ops.where(ops.less(x, ops.const(0.0)), ops.const(-1.0), ops.const(1.0))
    return one(ops.lin(0, (_f32(math.sqrt(2)), ops.mul(sign, size))))


def _f32(value: float) -> float:
    import numpy as np

    return float(np.float32(value))


TRANSFORMS: dict[str, Callable[[Sequence[Node]], list[Node]]] = {
    "NONE": list,
    "LOGISTIC": _logistic,
    "SOFTMAX": softmax,
    "SOFTMAX_ZERO": _softmax_zero,
    "PROBIT": lambda scores: [probit(s) for s in scores],
}
"""post_transform → what it makes of several scores."""

LINKS = {"LOGISTIC": "logit", "SOFTMAX": "softmax"}


def transform_of(call: Call) -> str:
    """Return the post_transform of an operator.

    Raises:
        NoFormula: it is none of the five.
    """
    name = call.option("post_transform", "NONE")
    if name not in TRANSFORMS:
        raise NoFormula(f"operator {call.op} with post_transform {str(name)[:40]!r}")
    return str(name)


def lonely(name: str, score: Node) -> Node:
    """Return what becomes of a single score: of one alone, only PROBIT is applied."""
    return probit(score) if name == "PROBIT" else score


def parted(score: Node, name: str, *, turned: bool = False) -> list[Node]:
    """Return what the only score of two classes becomes, in onnxruntime.

    Args:
        score: the score of the second class.
        name: the post_transform, any but PROBIT.
        turned: whether NONE leaves −s and s; 1 − s and s otherwise.
    """
    if name == "LOGISTIC":
        return logit([score])
    return [ops.lin(0.0 if turned and name == "NONE" else 1.0, (-1.0, score)), score]
