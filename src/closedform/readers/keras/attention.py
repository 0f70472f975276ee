"""Attention: each place of a sequence takes a weighted mean of the places of another."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform.readers import tensors as t
from closedform.readers.keras.dense import FAR, einsum, masked_softmax, product
from closedform.readers.keras.layer import Layer
from closedform.readers.tensors import Tensor, elementwise
from closedform.readers.torch import elements as e
from closedform.readers.torch.elements import NoFormula

Mask = Tensor | None


def attention(
    layer: Layer, inputs: Sequence[Tensor], mask: Sequence[Mask] | None = None,
    return_attention_scores: bool = False, use_causal_mask: bool = False,
) -> Any:  # fmt: skip
    """Attention and AdditiveAttention: of query, value and, where given, key."""
    query, value = inputs[0], inputs[1]
    key = inputs[2] if len(inputs) > 2 else value
    scores = _scores(layer, query, key)
    allowed = mask[1][..., None, :] if mask and mask[1] is not None else None
    if use_causal_mask:
        allowed = _both(allowed, causal(query.shape[1], key.shape[1]))
    if allowed is not None:
        # A score is moved, not replaced: where nothing is allowed, all are moved alike.
        scores = elementwise(lambda m, s: t.choice(m, s, t.add(s, FAR)), allowed, scores)
    weights = masked_softmax(scores, None, [-1])
    made = product(weights, value)
    if mask and mask[0] is not None:
        made = elementwise(t.choice, mask[0][..., None], made, 0.0)
    return (made, weights) if return_attention_scores else made


def _scores(layer: Layer, query: Tensor, key: Tensor) -> Tensor:
    additive = layer.kind == "AdditiveAttention"
    at = 0
    scale: Any = None
    if layer.option("use_scale", additive):
        scale, at = layer.number(0), 1
    if not additive and layer.option("score_mode", "dot") == "dot":
        made = product(query, np.swapaxes(key, -2, -1))
        return made if scale is None else elementwise(t.multiply, made, scale)
    sums = e.add(query[..., :, None, :], key[..., None, :, :])
    if not additive and scale is not None:
        sums, scale = elementwise(t.multiply, sums, scale), None
    units = elementwise(t.function("tanh"), sums)
    weights = scale if additive else layer.number(at)
    if weights is not None:
        units = elementwise(t.multiply, units, weights)
    return t.reduced(units, [units.ndim - 1], False, t.total)


def causal(rows: int, columns: int) -> Tensor:
    """Return which place, shape (1, rows, columns), may look at which: none at a later one."""
    return np.tril(np.ones((1, rows, columns), dtype=bool)).astype(object)


def _both(a: Mask, b: Mask) -> Mask:
    if a is None or b is None:
        return b if a is None else a
    return elementwise(_and, a, b)


def _and(a: Any, b: Any) -> Any:
    """Return whether both hold; what is known stays known."""
    a, b = t.truth(a), t.truth(b)
    if a is False or b is False:
        return False
    if a is True:
        return b
    return a if b is True else t.both(a, b)


def multi_head(
    layer: Layer, query: Tensor, value: Tensor, key: Tensor | None = None,
    query_mask: Mask = None, value_mask: Mask = None, key_mask: Mask = None,
    attention_mask: Mask = None, return_attention_scores: bool = False,
    use_causal_mask: bool = False,
) -> Any:  # fmt: skip
    """MultiHeadAttention and GroupedQueryAttention.

    Vaswani, A. et al. (2017), Attention is all you need, arXiv:1706.03762; Ainslie, J. et al.
    (2023), GQA, arXiv:2305.13245.
    """
    grouped = layer.kind in ("GroupQueryAttention", "GroupedQueryAttention")
    axes = layer.option("attention_axes")
    if not grouped and query.ndim != 3 and list(axes or [1]) != [1]:
        raise NoFormula(f"{layer.told} over the axes {axes}")
    if query.ndim != 3:
        raise NoFormula(f"{layer.told} over tensors of {query.ndim} axes")
    key = value if key is None else key
    mask = _mask(layer, query, key, (query_mask, value_mask, key_mask), attention_mask,
                 use_causal_mask)  # fmt: skip
    q, k, v = (
        _projected(layer, name, x)
        for name, x in (("query_dense", query), ("key_dense", key), ("value_dense", value))
    )
    if grouped:
        count = int(layer.option("num_query_heads")) // int(layer.option("num_key_value_heads"))
        k, v = np.repeat(k, count, axis=2), np.repeat(v, count, axis=2)
    scale = 1 / math.sqrt(q.shape[-1])
    q = elementwise(lambda x: t.multiply(x, scale), q)
    scores = einsum("btnh,bsnh->bnts", q, k)
    held = None if mask is None else np.broadcast_to(mask[:, None], scores.shape)
    # Without dropout and scores, Keras computes all of it in one operation.
    apart = bool(layer.option("dropout", 0.0)) or return_attention_scores
    weights = masked_softmax(scores, held, [-1], zero=apart)
    heads = einsum("bnts,bsnh->btnh", weights, v)
    if layer.option("use_gate", False):
        gate = _projected(layer, "gate_dense", query)
        heads = elementwise(t.multiply, heads, elementwise(t.function("sigmoid"), gate))
    made = _output(layer, heads)
    return (made, weights) if return_attention_scores else made


def _projected(layer: Layer, name: str, x: Tensor) -> Tensor:
    """Return x (1, steps, width) as heads (1, steps, heads, size)."""
    part = layer.part(name)
    made = einsum("btm,mnh->btnh", x, part.number(0))
    return e.add(made, part.number(1)) if layer.option("use_bias", True) else made


def _output(layer: Layer, heads: Tensor) -> Tensor:
    part = layer.part("output_dense")
    weights = part.number(0)
    flat = heads.reshape(*heads.shape[:2], -1)
    shape = weights.shape[2:]
    bias = part.number(1).reshape(-1) if layer.option("use_bias", True) else None
    made = product(flat, weights.reshape(flat.shape[-1], -1), bias)
    return made.reshape(*heads.shape[:2], *shape)


def _mask(
    layer: Layer, query: Tensor, key: Tensor, masks: Sequence[Mask], given: Mask, earlier: bool
) -> Mask:
    """Return which place may look at which: what all masks allow together."""
    query_mask, value_mask, key_mask = masks
    made: Mask = None if query_mask is None else query_mask[..., None]
    for mask in (value_mask, key_mask):
        made = _both(made, None if mask is None else mask[..., None, :])
    if earlier:
        made = _both(made, causal(query.shape[1], key.shape[1]))
    window = layer.option("sliding_window")
    if window is not None:
        rows, columns = np.ogrid[: query.shape[1], : key.shape[1]]
        made = _both(made, (abs(rows - columns) < int(window))[None].astype(object))
    return _both(made, None if given is None else t.as_tensor(given))
