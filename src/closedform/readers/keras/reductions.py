"""Operations of `keras.ops` that reduce axes, or norm along them."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from closedform.ir import Node
from closedform.readers import tensors as t
from closedform.readers.keras import norms
from closedform.readers.keras.attention import causal
from closedform.readers.keras.dense import einsum, masked_softmax
from closedform.readers.tensors import Element, Tensor, elementwise
from closedform.readers.torch import elements as e
from closedform.readers.torch import layers as la
from closedform.readers.torch.elements import NoFormula

Function = Callable[..., Any]


def over(function: Callable[[Sequence[Any]], Element]) -> Callable[..., Tensor]:
    """Return an operation over some axes from a function of a list."""

    def made(x: Any, axis: Any = None, keepdims: bool = False) -> Tensor:
        x = tensor(x)
        return t.reduced(x, norms.axes_of(x, axis), bool(keepdims), function)

    return made


def tensor(x: Any) -> Tensor:
    """Return numbers, lists of them or a tensor as a tensor."""
    made: Tensor = x if isinstance(x, np.ndarray) else t.as_tensor(x)
    return made


def depends(x: Tensor) -> bool:
    """Tell whether a tensor depends on the inputs."""
    return x.dtype == object and any(isinstance(v, Node) for v in x.ravel().tolist())


def variance(x: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
    """ops.var."""
    return over(t.variance)(x, axis, keepdims)


def deviation(x: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
    """ops.std."""
    return elementwise(t.function("sqrt"), variance(x, axis, keepdims))


def log_sum_exp(x: Tensor, axis: Any = None, keepdims: bool = False) -> Tensor:
    """ops.logsumexp: the greatest is taken out, so that nothing overflows."""

    def line(xs: Sequence[Any]) -> Element:
        top = t.greatest(*xs)
        size = t.total([t.function("exp")(t.add(v, top, -1.0)) for v in xs])
        return t.add(top, t.function("log")(size))

    return over(line)(x, axis, keepdims)


def norm(x: Tensor, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Tensor:
    """ops.norm of vectors."""
    if ord in ("fro", "nuc") or (ord is not None and not isinstance(axis, int) and x.ndim != 1):
        raise NoFormula(f"norm of order {ord!r}")
    order = 2.0 if ord is None else float(ord)
    return over(lambda xs: la.size_of(xs, order))(x, axis, keepdims)


def argument(sign: float) -> Function:
    """Return ops.argmax (1) or ops.argmin (−1)."""

    def made(x: Tensor, axis: int | None = None, keepdims: bool = False) -> Tensor:
        turned = x if sign > 0 else elementwise(lambda v: t.multiply(v, -1.0), x)
        return over(t.first_greatest)(turned, axis, keepdims)

    return made


def safe_division(x1: Any, x2: Any) -> Tensor:
    """ops.divide_no_nan: 0 where the divisor is 0."""
    return elementwise(lambda p, q: t.choice(t.equal(q, 0.0), 0.0, t.divide(p, q)), x1, x2)


def moments(
    x: Tensor, axes: Any, keepdims: bool = False, synchronized: bool = False
) -> tuple[Tensor, Tensor]:
    """ops.moments: mean and variance."""
    return over(t.mean)(x, axes, keepdims), variance(x, axes, keepdims)


def layer_normalization(
    x: Tensor, gamma: Any = None, beta: Any = None, axis: Any = -1, epsilon: Any = None,
    rms_scaling: bool = False,
) -> Tensor:  # fmt: skip
    """ops.layer_normalization."""
    if rms_scaling:
        raise NoFormula("layer_normalization with rms_scaling")
    axes, eps = norms.axes_of(x, axis), 1e-7 if epsilon is None else float(epsilon)
    made = norms.along_axes(x, axes, lambda xs: la.normed(xs, eps))
    parts = [None if p is None else norms.spread(tensor(p), x, axes) for p in (gamma, beta)]
    return la.affine(made, *parts)


def rms_normalization(x: Tensor, scale: Any = 1, axis: Any = -1, epsilon: Any = None) -> Tensor:
    """ops.rms_normalization."""
    axes = norms.axes_of(x, axis)
    made = norms.root_mean_square(x, axes, 1e-7 if epsilon is None else float(epsilon))
    if scale is None:
        return made
    weights = tensor(scale)
    return la.affine(made, weights if weights.ndim == 0 else norms.spread(weights, x, axes), None)


def normalize(x: Tensor, axis: Any = -1, order: Any = 2, epsilon: Any = None) -> Tensor:
    """ops.normalize."""
    return norms.unit(x, axis, order, 1e-7 if epsilon is None else float(epsilon))


def batch_normalization(
    x: Tensor, mean: Any, variance: Any, offset: Any = None, scale: Any = None, axis: Any = -1,
    epsilon: float = 1e-3,
) -> Tensor:  # fmt: skip
    """ops.batch_normalization by constant statistics."""
    axes = norms.axes_of(x, axis)
    if any(depends(tensor(v)) for v in (mean, variance)):
        raise NoFormula("batch_normalization by statistics of the inputs")
    size = np.sqrt(np.asarray(tensor(variance), float) + epsilon)
    factor = np.asarray(tensor(1.0 if scale is None else scale), float) / size
    shift = np.asarray(tensor(0.0 if offset is None else offset), float) - mean * factor
    return la.affine(x, norms.spread(factor, x, axes), norms.spread(shift, x, axes))


def attended(
    query: Tensor, key: Tensor, value: Tensor, bias: Any = None, mask: Any = None,
    scale: Any = None, is_causal: bool = False, flash_attention: Any = None,
    attn_logits_soft_cap: Any = None,
) -> Tensor:  # fmt: skip
    """ops.dot_product_attention, heads third of four axes."""
    if attn_logits_soft_cap is not None or (is_causal and mask is not None):
        raise NoFormula("dot_product_attention with a cap, or with two masks")
    count = query.shape[2] // key.shape[2]
    key, value = np.repeat(key, count, axis=2), np.repeat(value, count, axis=2)
    factor = 1 / math.sqrt(query.shape[-1]) if scale is None else float(scale)
    scores = einsum("btnh,bsnh->bnts", elementwise(lambda v: t.multiply(v, factor), query), key)
    if bias is not None:
        scores = e.add(scores, tensor(bias))
    held = causal(query.shape[1], key.shape[1])[:, None] if is_causal else mask
    held = None if held is None else np.broadcast_to(tensor(held), scores.shape)
    return einsum("bnts,bsnh->btnh", masked_softmax(scores, held, [-1], zero=False), value)
