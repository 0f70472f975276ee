"""Layers: products, convolutions, norms."""

from __future__ import annotations

from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Array, Node
from closedform.readers import tensors as t
from closedform.readers.onnx.call import Call, Function
from closedform.readers.onnx.shapes import padded
from closedform.readers.onnx.values import Unknown
from closedform.readers.onnx.windows import sides_of
from closedform.readers.tensors import Element, Tensor, elementwise
from closedform.readers.torch import layers as la
from closedform.readers.torch.elements import NoFormula

# --- products


def product(a: Tensor, b: Tensor) -> Tensor:
    """Return a @ b as NumPy does; a stack of rows times one matrix as one product."""
    if a.ndim > 2 and b.ndim == 2:
        return t.matmul(a.reshape(-1, a.shape[-1]), b).reshape(*a.shape[:-1], -1)
    return la.matmul(a, b)


def matmul(call: Call) -> Tensor:
    """MatMul."""
    return product(call.tensor(0), call.tensor(1))


def gemm(call: Call) -> Tensor:
    """Gemm: alpha·(A @ B) + beta·C, either of them turned."""
    a, b = call.tensor(0), call.tensor(1)
    a = a.T if call.option("transA", 0) else a
    b = b.T if call.option("transB", 0) else b
    alpha, beta = float(call.option("alpha", 1.0)), float(call.option("beta", 1.0))
    if alpha != 1:
        a, b = (a, b * alpha) if b.dtype != object else (_times(a, alpha), b)
    if not call.has(2) or beta == 0:
        return t.matmul(a, b)
    c = call.tensor(2)
    return t.matmul(a, b, c if beta == 1 else _times(c, beta))


def _times(x: Tensor, factor: float) -> Tensor:
    if x.dtype != object:
        return x * factor
    return elementwise(lambda v: t.multiply(v, factor), x)


def einsum(call: Call) -> Tensor:
    """Einsum, of one tensor after the other."""
    equation = str(call.option("equation")).replace(" ", "")
    tensors = [call.tensor(i) for i in range(len(call))]
    left, arrow, right = equation.partition("->")
    terms = _without_dots(left.split(","), [x.ndim for x in tensors])
    whole = "".join(terms)
    if arrow:
        out = right.replace("...", "".join(c for c in _DOTS if c in whole))
    else:
        free = "".join(c for c in _DOTS if c in whole)
        out = free + "".join(
            sorted(c for c in set(whole) if whole.count(c) == 1 and c not in _DOTS)
        )
    found, term = tensors[0], terms[0]
    for i, (x, other) in enumerate(zip(tensors[1:], terms[1:], strict=True), 2):
        later = out + "".join(terms[i:])
        found, term = _contracted(found, term, x, other, later)
    found, term = _summed(found, term, out)
    return found.transpose([term.index(c) for c in out])


_DOTS = "0123456789"
"""Letters for the axes that an ellipsis stands for."""


def _without_dots(terms: list[str], ranks: list[int]) -> list[str]:
    most = max(rank - len(term.replace("...", "")) for term, rank in zip(terms, ranks, strict=True))
    names = _DOTS[: max(most, 0)]
    made = []
    for term, rank in zip(terms, ranks, strict=True):
        count = rank - len(term.replace("...", ""))
        made.append(term.replace("...", names[len(names) - count :]))
    return made


def _summed(x: Tensor, term: str, keep: str) -> tuple[Tensor, str]:
    """Take the diagonal of axes that are named twice, and sum over those that nobody needs."""
    for c in dict.fromkeys(term):
        while term.count(c) > 1:
            i, j = term.index(c), term.rindex(c)
            x = np.moveaxis(np.diagonal(x, axis1=i, axis2=j), -1, i)
            term = term[:j] + term[j + 1 :]
    gone = [i for i, c in enumerate(term) if c not in keep]
    if gone:
        x = t.reduced(t.as_tensor(x), gone, False, t.total)
        term = "".join(c for c in term if c in keep)
    return x, term


def _contracted(a: Tensor, left: str, b: Tensor, right: str, keep: str) -> tuple[Tensor, str]:
    """Return the product of two tensors, summed over what nobody needs afterwards."""
    a, left = _summed(a, left, keep + right)
    b, right = _summed(b, right, keep + left)
    batch = [c for c in left if c in right and c in keep]
    inner = [c for c in left if c in right and c not in keep]
    rows = [c for c in left if c not in right]
    columns = [c for c in right if c not in left]
    sizes = dict(zip(left, a.shape, strict=True))
    for c, n in zip(right, b.shape, strict=True):
        sizes[c] = max(n, sizes.get(c, 1))
    x = _arranged(a, left, (batch, rows, inner), sizes)
    y = _arranged(b, right, (batch, inner, columns), sizes)
    made = np.stack([t.matmul(p, q) for p, q in zip(x, y, strict=True)])
    order = [*batch, *rows, *columns]
    return made.reshape([sizes[c] for c in order]), "".join(order)


def _arranged(x: Tensor, term: str, groups: Any, sizes: dict[str, int]) -> Tensor:
    """Return a tensor with its axes in three groups, each of them as one axis."""
    order = [c for group in groups for c in group]
    x = x.transpose([term.index(c) for c in order])
    x = np.broadcast_to(x, [sizes[c] for c in order])
    return x.reshape([int(np.prod([sizes[c] for c in group], dtype=int)) for group in groups])


# --- convolutions


def convolution(call: Call) -> Tensor:
    """Conv with constant weights."""
    x, weight = call.tensor(0), call.constant(1, "its weights")
    bias = call.constant(2, "its bias") if call.has(2) else None
    axes = weight.ndim - 2
    _require_kernel(call, weight)
    strides = call.option("strides") or [1] * axes
    dilations = call.option("dilations") or [1] * axes
    sides = sides_of(call, x.shape[2:], weight.shape[2:], strides, dilations)
    x = padded(t.as_tensor(x), [(0, 0), (0, 0), *sides])
    groups = int(call.option("group", 1))
    return t.convolution(x, weight, bias, strides, [0] * axes, dilations, groups)


def _require_kernel(call: Call, weight: Array) -> None:
    kernel = call.option("kernel_shape")
    if kernel is not None and list(kernel) != list(weight.shape[2:]):
        raise NoFormula(f"operator {call.op} whose kernel_shape is not that of its weights")


def transposed(call: Call) -> Tensor:
    """ConvTranspose with constant weights."""
    x, weight = call.tensor(0), call.constant(1, "its weights")
    bias = call.constant(2, "its bias") if call.has(2) else None
    axes = weight.ndim - 2
    _require_kernel(call, weight)
    strides = call.option("strides") or [1] * axes
    dilations = call.option("dilations") or [1] * axes
    reach = [d * (k - 1) + 1 for k, d in zip(weight.shape[2:], dilations, strict=True)]
    extra = list(call.option("output_padding") or [0] * axes)
    cut = _cut(call, x.shape[2:], strides, reach, extra)
    # The whole result first, then what the padding cuts off: the extra places are at the end.
    whole = la.convolution(
        x, weight, None, strides, [0] * axes, dilations, True, [0] * axes,
        int(call.option("group", 1)),
    )  # fmt: skip
    sides = [(-lo, n - hi) for (lo, hi), n in zip(cut, extra, strict=True)]
    made = padded(whole, [(0, 0), (0, 0), *sides])
    if bias is None:
        return made
    return elementwise(t.add, made, bias.reshape(1, -1, *[1] * axes))


def _cut(
    call: Call, lengths: Any, strides: Any, reach: list[int], extra: list[int]
) -> list[tuple[int, int]]:
    """Return how many places go at both ends of each axis."""
    wanted, auto = call.option("output_shape"), call.option("auto_pad", "NOTSET")
    pads = call.option("pads")
    axes = len(reach)
    if auto in ("SAME_UPPER", "SAME_LOWER") and wanted is None:
        wanted = [n * s for n, s in zip(lengths, strides, strict=True)]
    if wanted is None:
        pads = pads or [0] * (2 * axes)
        return [(pads[i], pads[axes + i]) for i in range(axes)]
    made = []
    wanted = list(wanted)[-axes:]
    for n, s, r, e, w in zip(lengths, strides, reach, extra, wanted, strict=True):
        over = max(0, s * (n - 1) + e + r - w)
        half = over // 2
        made.append((half, over - half) if auto == "SAME_UPPER" else (over - half, half))
    return made


# --- norms


def batch_norm(call: Call) -> tuple[Any, ...]:
    """BatchNormalization, by the statistics of the training."""
    if call.option("training_mode", 0) or (call.version < 14 and call.wanted > 1):
        raise NoFormula("operator BatchNormalization in training: it mixes the rows")
    call.option("momentum"), call.option("is_test"), call.option("consumed_inputs")
    if not call.option("spatial", 1):
        raise NoFormula("operator BatchNormalization with spatial=0")
    weight, bias, mean, variance = (call.constant(i, "a statistic") for i in range(1, 5))
    eps = float(call.option("epsilon", 1e-5))
    scale = weight / np.sqrt(variance + eps)
    made = la.by_channel(call.tensor(0), scale, bias - mean * scale)
    return (made, *[Unknown("a statistic of BatchNormalization")] * (call.wanted - 1))


def instance_norm(call: Call) -> Tensor:
    """InstanceNormalization: each channel of each row by itself."""
    x, eps = call.tensor(0), float(call.option("epsilon", 1e-5))
    flat = x.reshape(*x.shape[:2], -1)
    made = t.along(flat, -1, lambda xs: la.normed(xs, eps)).reshape(x.shape)
    return la.by_channel(made, call.tensor(1), call.tensor(2))


def group_norm(call: Call) -> Tensor:
    """GroupNormalization; its weights are one for each group before opset 21."""
    x, groups = call.tensor(0), int(call.option("num_groups"))
    eps = float(call.option("epsilon", 1e-5))
    call.option("stash_type")
    flat = x.reshape(x.shape[0], groups, -1)
    made = t.along(flat, -1, lambda xs: la.normed(xs, eps)).reshape(x.shape)
    weight, bias = call.tensor(1), call.tensor(2)
    if call.version < 21:
        weight, bias = (np.repeat(v, x.shape[1] // groups) for v in (weight, bias))
    return la.by_channel(made, weight, bias)


def layer_norm(call: Call) -> tuple[Any, ...]:
    """LayerNormalization over all axes from one on."""
    x, axis = call.tensor(0), int(call.option("axis", -1))
    eps = float(call.option("epsilon", 1e-5))
    call.option("stash_type")
    made = la.layer_norm(x, x.shape[axis:], None, None, eps)[0]
    made = la.affine(made, call.tensor(1), call.tensor(2) if call.has(2) else None)
    rest = [Unknown(f"a statistic of {call.op}")] * (call.wanted - 1)
    return (made, *rest)


def rms_norm(call: Call) -> Tensor:
    """Zhang, B. and Sennrich, R. (2019), Root mean square layer normalization, arXiv:1910.07467."""
    x, axis = call.tensor(0), int(call.option("axis", -1))
    eps = float(call.option("epsilon", 1e-5))
    call.option("stash_type")
    flat = x.reshape(*x.shape[: axis % x.ndim], -1)

    def line(xs: list[Node]) -> list[Element]:
        square = t.weighted([1 / len(xs)] * len(xs), [t.power(v, 2.0) for v in xs])
        size = ops.sqrt(ops.lin(eps, (1, square)))
        return [ops.div(v, size) for v in xs]

    return la.affine(t.along(flat, -1, line).reshape(x.shape), call.tensor(1), None)


def local_norm(call: Call) -> Tensor:
    """LRN: x / (bias + alpha / size · Σ x²)^beta, over neighbouring channels."""
    x, size = call.tensor(0), int(call.option("size"))
    alpha, beta = float(call.option("alpha", 1e-4)), float(call.option("beta", 0.75))
    start, count = float(call.option("bias", 1.0)), x.shape[1]
    squares = elementwise(lambda v: t.power(v, 2.0), x)
    made = np.empty(x.shape, dtype=object)
    for c in range(count):
        near = squares[:, max(0, c - (size - 1) // 2) : min(count, c + size // 2 + 1)]
        sums = t.reduced(near, [1], False, t.total)
        scale = elementwise(lambda v: t.power(t.add(start, v, alpha / size), beta), sums)
        made[:, c] = elementwise(t.divide, x[:, c], scale)
    return made


LAYERS: dict[str, Function] = {
    "MatMul": matmul,
    "Gemm": gemm,
    "Einsum": einsum,
    "Conv": convolution,
    "ConvTranspose": transposed,
    "BatchNormalization": batch_norm,
    "InstanceNormalization": instance_norm,
    "GroupNormalization": group_norm,
    "LayerNormalization": layer_norm,
    "RMSNormalization": rms_norm,
    "LRN": local_norm,
}
"""Operators with weights."""
