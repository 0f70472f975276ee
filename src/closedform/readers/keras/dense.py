"""Layers of weights: dense, einsum, embeddings; and activations as layers."""

from __future__ import annotations

import math
import string
from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Array
from closedform.readers import tensors as t
from closedform.readers.keras import activations as a
from closedform.readers.keras.layer import Layer
from closedform.readers.tensors import Tensor, elementwise
from closedform.readers.torch import elements as e
from closedform.readers.torch.elements import NoFormula


def product(x: Tensor, y: Tensor, bias: Any = None) -> Tensor:
    """Return x @ y + bias, matrix by matrix where there are more axes; constants stay numbers."""
    if x.dtype != object and y.dtype != object:
        made: Tensor = np.matmul(x, y)
        return made if bias is None else np.add(made, bias)
    if y.ndim == 2:
        flat = t.matmul(x.reshape(-1, x.shape[-1]), y, bias)
        return flat.reshape(*x.shape[:-1], y.shape[-1])
    if x.ndim == 1 or y.ndim == 1:
        rows = x.reshape(1, -1) if x.ndim == 1 else x
        columns = y.reshape(-1, 1) if y.ndim == 1 else y
        made = product(rows, columns)
        drop = [axis for axis, v in ((-2, x), (-1, y)) if v.ndim == 1]
        return made.squeeze(tuple(drop))
    lead = np.broadcast_shapes(x.shape[:-2], y.shape[:-2])
    left = np.broadcast_to(x, (*lead, *x.shape[-2:])).reshape(-1, *x.shape[-2:])
    right = np.broadcast_to(y, (*lead, *y.shape[-2:])).reshape(-1, *y.shape[-2:])
    made = np.stack([t.matmul(p, q) for p, q in zip(left, right, strict=True)])
    return made.reshape(*lead, x.shape[-2], y.shape[-1])


def einsum(equation: str, *operands: Tensor) -> Tensor:
    """Return Einstein's sum of one or two tensors, as `numpy.einsum` writes it.

    Raises:
        NoFormula: more than two tensors, or an index that occurs twice in one.
    """
    if all(x.dtype != object for x in operands):
        made: Tensor = np.einsum(equation, *operands)
        return made
    if len(operands) > 2:
        raise NoFormula("einsum of more than two tensors")
    inputs, output = _indices(equation.replace(" ", ""), operands)
    if any(len(set(labels)) < len(labels) for labels in inputs):
        raise NoFormula(f"einsum by {equation!r}, in which an index occurs twice in one tensor,")
    if len(operands) == 1:
        return _arranged(_summed(operands[0], inputs[0], output), inputs[0], output)
    return _contracted(operands, inputs, output)


def _indices(equation: str, operands: Sequence[Tensor]) -> tuple[list[list[str]], list[str]]:
    """Return the labels of each tensor and of the result, with those that `...` stands for."""
    left, arrow, right = equation.partition("->")
    parts = left.split(",")
    if len(parts) != len(operands):
        raise NoFormula(f"einsum by {equation!r} of {len(operands)} tensors")
    free = [c for c in string.ascii_letters if c not in equation]
    most = max(x.ndim - len(p.replace("...", "")) for p, x in zip(parts, operands, strict=True))
    free = free[: max(most, 0)]
    spelled = []
    for part, x in zip(parts, operands, strict=True):
        count = x.ndim - len(part.replace("...", ""))
        spelled.append(list(part.replace("...", "".join(free[len(free) - count :]))))
    if not arrow:
        every = "".join(left.replace(",", "").replace("...", ""))
        right = "..." * ("..." in left) + "".join(c for c in sorted(every) if every.count(c) == 1)
    return spelled, list(right.replace("...", "".join(free)))


def _summed(x: Tensor, labels: Sequence[str], kept: Sequence[str]) -> Tensor:
    axes = [i for i, label in enumerate(labels) if label not in kept]
    return t.reduced(x, axes, True, t.total) if axes else x


def _arranged(x: Tensor, labels: Sequence[str], output: Sequence[str]) -> Tensor:
    """Return a tensor with its axes in the order of the output; the others have length 1."""
    rest = [i for i, label in enumerate(labels) if label not in output]
    moved = x.transpose([*rest, *[list(labels).index(label) for label in output]])
    return moved.reshape(moved.shape[len(rest) :])


def _contracted(
    operands: Sequence[Tensor], inputs: Sequence[Sequence[str]], output: Sequence[str]
) -> Tensor:
    x, y = operands
    first, second = inputs
    shared = [c for c in first if c in second]
    both = [c for c in shared if c in output]
    inner = [c for c in shared if c not in output]
    x, y = _summed(x, first, [*output, *inner]), _summed(y, second, [*output, *inner])
    rows = [c for c in first if c not in shared and c in output]
    columns = [c for c in second if c not in shared and c in output]
    sizes = {c: n for labels, v in ((first, x), (second, y)) for c, n in
             zip(labels, v.shape, strict=True)}  # fmt: skip
    count = [math.prod(sizes[c] for c in part) for part in (both, rows, inner, columns)]
    x = _arranged(x, first, [*both, *rows, *inner]).reshape(count[0], count[1], count[2])
    y = _arranged(y, second, [*both, *inner, *columns]).reshape(count[0], count[2], count[3])
    made = np.stack([product(p, q) for p, q in zip(x, y, strict=True)])
    made = made.reshape([sizes[c] for c in [*both, *rows, *columns]])
    return _arranged(made, [*both, *rows, *columns], output)


def dense(layer: Layer, x: Tensor) -> Tensor:
    """Dense: activation(x·W + b) over the last axis."""
    weights = layer.number(0)
    bias = layer.number(1) if layer.option("use_bias", True) else None
    return layer.activation()(product(x, weights, bias))


def einsum_dense(layer: Layer, x: Tensor) -> Tensor:
    """EinsumDense: activation(einsum(x, W) + b)."""
    made = einsum(layer.option("equation"), x, layer.number(0))
    if layer.option("bias_axes"):
        made = e.add(made, layer.number(1))
    return layer.activation()(made)


def looked_up(weights: Array, index: Tensor) -> Tensor:
    """Return rows of a table by their number; other numbers are missing, as Keras refuses them.

    A number is truncated, as Keras casts it. From the end, as −1, nothing is found: backends
    differ in what they make of it.
    """
    if index.dtype != object:
        found: Array = weights[index.astype(int)]
        return found
    columns = [{float(i): value for i, value in enumerate(c)} for c in weights.T.tolist()]
    made = np.empty((*index.shape, weights.shape[1]), dtype=object)
    for at in np.ndindex(*index.shape):
        x = t.node_of(t.number(index.item(*at)))
        for j, entries in enumerate(columns):
            made[(*at, j)] = ops.table(x, entries)
    return made


def embedding(layer: Layer, x: Tensor) -> Tensor:
    """Embedding: rows of a table."""
    return looked_up(layer.number(0), x)


def reversible_embedding(layer: Layer, x: Tensor, reverse: bool = False) -> Tensor:
    """ReversibleEmbedding: rows of a table, or the product with all of them."""
    if not reverse:
        return embedding(layer, x)
    kernel = layer.number(0).T if layer.option("tie_weights", True) else layer.number(1)
    made = product(x, kernel)
    cap = layer.option("logit_soft_cap")
    if cap is None:
        return made
    tanh = t.function("tanh")
    return elementwise(lambda v: t.multiply(tanh(t.multiply(v, 1 / cap)), float(cap)), made)


def activation(layer: Layer, x: Tensor) -> Tensor:
    """Activation: a function of its input."""
    return layer.activation()(x)


def relu(layer: Layer, x: Tensor) -> Tensor:
    """ReLU, with its slope, limit and threshold."""
    return a.relu(x, layer.option("negative_slope") or 0.0, layer.option("max_value"),
                  layer.option("threshold") or 0.0)  # fmt: skip


def leaky_relu(layer: Layer, x: Tensor) -> Tensor:
    """LeakyReLU; Keras 2 called its slope alpha."""
    return a.leaky_relu(x, layer.option("negative_slope", layer.option("alpha", 0.3)))


def elu(layer: Layer, x: Tensor) -> Tensor:
    """ELU."""
    return a.elu(x, layer.option("alpha", 1.0))


def prelu(layer: Layer, x: Tensor) -> Tensor:
    """PReLU: a trained slope below 0 for each unit."""
    slopes = np.broadcast_to(layer.number(0), x.shape[1:])
    return elementwise(
        lambda v, w: t.choice(t.less(0.0, v), v, t.multiply(v, w)), x, slopes.astype(object)
    )


def softmax(layer: Layer, x: Tensor, mask: Tensor | None = None) -> Tensor:
    """Softmax over one axis or several, of what a mask lets through."""
    axes = layer.option("axis", -1)
    axes = [axes] if isinstance(axes, int) else list(axes)
    if mask is not None:
        mask = np.broadcast_to(mask, x.shape)
    return masked_softmax(x, mask, axes)


def masked_softmax(
    x: Tensor, mask: Tensor | None, axes: Sequence[int], zero: bool = True
) -> Tensor:
    """Return the shares along some axes of what a mask, of the shape of x, lets through.

    Args:
        x, mask, axes: as said.
        zero: whether all shares are 0 where nothing is let through; else they are alike.
    """
    axes = [axis % x.ndim for axis in axes]
    rest = [axis for axis in range(x.ndim) if axis not in axes]
    moved = x.transpose([*rest, *axes])
    lines = t.as_tensor(moved).reshape(-1, math.prod(x.shape[axis] for axis in axes))
    made = np.empty(lines.shape, dtype=object)
    held = None if mask is None else mask.transpose([*rest, *axes]).reshape(lines.shape)
    for i, line in enumerate(lines):
        made[i] = _shares(line.tolist(), None if held is None else held[i].tolist(), zero)
    return made.reshape(moved.shape).transpose(np.argsort([*rest, *axes]))


FAR = -1e9
"""What Keras puts for a masked score: its share is 0 beside any other."""


def _shares(scores: list[Any], mask: list[Any] | None, zero: bool) -> list[Any]:
    if mask is None:
        return t.softmax([t.node_of(t.number(s)) for s in scores])
    open_ = [t.truth(m) for m in mask]
    # Beside one that is surely let through, one that surely is not has no share.
    sure = zero or any(m is True for m in open_)
    kept = [i for i, m in enumerate(open_) if m is not False or not sure]
    if not kept:
        return [0.0] * len(scores)
    given = [t.node_of(t.number(t.choice(open_[i], scores[i], FAR))) for i in kept]
    shares: list[Any] = [0.0] * len(scores)
    for i, share in zip(kept, t.softmax(given), strict=True):
        shares[i] = t.choice(open_[i], share, 0.0) if zero else share
    return shares
