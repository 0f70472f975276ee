"""`keras.ops` in a graph, by the names of their classes, on tensors.

Arguments and options are those of https://keras.io/api/ops; an option that is not known here is
refused by its name.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from closedform import ops
from closedform.readers import tensors as t
from closedform.readers.keras import activations as a
from closedform.readers.keras import norms
from closedform.readers.keras.attention import causal
from closedform.readers.keras.dense import einsum, looked_up, masked_softmax, product
from closedform.readers.keras.preprocessing import one_hot
from closedform.readers.tensors import Element, Tensor, elementwise
from closedform.readers.torch import elements as e
from closedform.readers.torch import layers as la
from closedform.readers.torch import shapes as sh
from closedform.readers.torch.elements import NoFormula

Function = Callable[..., Any]


def one(name: str) -> Function:
    """Return an elementary function of a tensor; of numbers that are known, at once."""
    return e.one(name)


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


def squeezed(x: Tensor, axis: Any = None) -> Tensor:
    """ops.squeeze; the rows stay."""
    axes = [i for i in range(1, x.ndim) if x.shape[i] == 1] if axis is None else axis
    return np.squeeze(x, axis=tuple(axes) if isinstance(axes, list | tuple) else axes)


def reshaped(x: Tensor, newshape: Any) -> Tensor:
    """ops.reshape: a length that depends on the number of rows is that of one row."""
    shape = [newshape] if isinstance(newshape, int) else list(newshape)
    return tensor(x).reshape([1 if n is None else int(n) for n in shape])


def item(x: Tensor, key: Any) -> Any:
    """ops.get_item: slices and whole numbers."""
    keys = tuple(key) if isinstance(key, list | tuple) else (key,)
    if any(isinstance(k, np.ndarray) and k.dtype == object for k in keys):
        raise NoFormula("indexing by a value that depends on the inputs")
    return t.boxed(tensor(x)[keys])


def taken(x: Tensor, indices: Any, axis: int | None = None) -> Tensor:
    """ops.take: places along an axis; of a constant table, those that a row names."""
    at = tensor(indices)
    if at.dtype != object or not _depends(at):
        where = at.astype(int)
        return t.boxed(np.take(tensor(x), where, axis=axis))
    x = tensor(x)
    if axis not in (0, None) or x.ndim != 2 or _depends(x):
        raise NoFormula("take by a value that depends on the inputs")
    return looked_up(np.asarray(x, dtype=np.float64), at)


def _depends(x: Tensor) -> bool:
    from closedform.ir import Node

    return x.dtype == object and any(isinstance(v, Node) for v in x.ravel().tolist())


def split(x: Tensor, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """ops.split."""
    return list(np.split(x, indices_or_sections, axis=axis))


def unstacked(x: Tensor, num: Any = None, axis: int = 0) -> list[Tensor]:
    """ops.unstack."""
    return [t.boxed(np.take(x, i, axis=axis)) for i in range(x.shape[axis])]


def repeated(x: Tensor, repeats: Any, axis: int | None = None) -> Tensor:
    """ops.repeat."""
    return np.repeat(tensor(x), repeats, axis=axis)


def padded(
    x: Tensor, pad_width: Any, mode: str = "constant", constant_values: Any = None
) -> Tensor:
    """ops.pad."""
    widths = np.broadcast_to(np.asarray(pad_width, dtype=int), (x.ndim, 2)).tolist()
    if mode == "constant":
        return np.pad(t.as_tensor(x), widths, constant_values=float(constant_values or 0.0))
    if mode not in ("reflect", "symmetric", "edge"):
        raise NoFormula(f"pad with mode={mode!r}")
    return np.pad(t.as_tensor(x), widths, mode=mode)  # type: ignore[call-overload,no-any-return]


def cast(x: Any, dtype: Any) -> Tensor:
    """ops.cast: to truths, to whole numbers (towards 0), or to another float, as it is."""
    x, name = tensor(x), str(dtype)
    if name == "bool":
        return elementwise(t.truth, x)
    whole = t.truncated if "int" in name else t.number
    return elementwise(lambda v: t.number(v) if sh.is_bool(v) else whole(v), x)


def clip(x: Tensor, x_min: Any, x_max: Any) -> Tensor:
    """ops.clip."""
    return e.clamp(tensor(x), x_min, x_max)


def where(condition: Tensor, x1: Any = None, x2: Any = None) -> Tensor:
    """ops.where."""
    if x1 is None or x2 is None:
        raise NoFormula("where without values: the size of its result depends on the inputs")
    return elementwise(t.choice, condition, x1, x2)


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
    if any(_depends(tensor(v)) for v in (mean, variance)):
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


def tensordot(x1: Tensor, x2: Tensor, axes: Any = 2) -> Tensor:
    """ops.tensordot."""
    if isinstance(axes, int):
        left, right = list(range(x1.ndim - axes, x1.ndim)), list(range(axes))
    else:
        left, right = ([p] if isinstance(p, int) else list(p) for p in axes)
    names = [chr(97 + i) for i in range(x1.ndim)]
    others = [chr(97 + x1.ndim + i) for i in range(x2.ndim)]
    for i, j in zip(left, right, strict=True):
        others[j] = names[i]
    kept = [c for c in [*names, *others] if (c in names) != (c in others)]
    return einsum(f"{''.join(names)},{''.join(others)}->{''.join(kept)}", x1, x2)


def filled(value: float) -> Function:
    """Return ops.ones_like or ops.zeros_like."""
    return lambda x, dtype=None, sparse=None: np.full(x.shape, value)


def log2(x: Element) -> Element:
    """Return the logarithm to the base of 2."""
    return t.multiply(t.function("log")(x), 1 / math.log(2))


def joined(xs: Sequence[Tensor], axis: int = 0) -> Tensor:
    """ops.concatenate."""
    return np.concatenate([t.as_tensor(x) for x in xs], axis=axis)


def stacked(x: Sequence[Tensor], axis: int = 0) -> Tensor:
    """ops.stack."""
    return np.stack([t.as_tensor(v) for v in x], axis=axis)


ELEMENTS: dict[str, Function] = {
    **{name: one(word) for name, word in {
        "Exp": "exp", "Log": "log", "Log1p": "log1p", "Expm1": "expm1", "Sqrt": "sqrt",
        "Absolute": "abs", "Fabs": "abs", "Tanh": "tanh", "Sigmoid": "sigmoid",
        "Erf": "erf", "Sin": "sin", "Cos": "cos", "Floor": "floor", "Sign": "sign",
        "Softplus": "softplus",
    }.items()},
    "Negative": e.each(lambda x: t.multiply(x, -1.0)),
    "Square": e.each(lambda x: t.power(x, 2.0)),
    "Reciprocal": e.each(partial(t.divide, 1.0)),
    "Rsqrt": e.each(lambda x: t.divide(1.0, t.function("sqrt")(x))),
    "Log2": e.each(log2),
    "Log10": e.each(lambda x: t.multiply(t.function("log")(x), 1 / math.log(10))),
    "Exp2": e.each(lambda x: t.function("exp")(t.multiply(x, math.log(2)))),
    "Sinh": e.each(e.sinh),
    "Cosh": e.each(e.cosh),
    "Tan": e.each(e.tan),
    "Arcsinh": e.each(e.asinh),
    "Arccosh": e.each(e.acosh),
    "Arctanh": e.each(e.atanh),
    "Ceil": e.each(e.ceil),
    "Trunc": e.each(t.truncated),
    "Round": lambda x, decimals=0: _rounded(x, decimals),
    "Deg2rad": e.each(lambda x: t.multiply(x, math.pi / 180)),
    "Rad2deg": e.each(lambda x: t.multiply(x, 180 / math.pi)),
    "Isnan": e.each(e.missing),
    "Isinf": e.each(e.infinite),
    "LogicalNot": e.each(t.negation),
    "Add": e.add,
    "Subtract": e.sub,
    "Multiply": e.two(t.multiply),
    "Divide": e.div,
    "TrueDivide": e.div,
    "DivideNoNan": safe_division,
    "FloorDivide": partial(e.div, rounding_mode="floor"),
    "Mod": e.remainder,
    "Power": e.two(t.power),
    "Minimum": e.two(t.smallest),
    "Maximum": e.two(t.greatest),
    "Less": e.two(t.less),
    "LessEqual": e.two(t.less_equal),
    "Greater": e.two(lambda x, y: t.less(y, x)),
    "GreaterEqual": e.two(lambda x, y: t.less_equal(y, x)),
    "Equal": e.two(t.equal),
    "NotEqual": e.two(lambda x, y: t.negation(t.equal(x, y))),
    "LogicalAnd": e.two(t.both),
    "LogicalOr": e.two(t.either),
    "LogicalXor": e.two(e.xor),
    "Hypot": e.two(lambda x, y: t.function("sqrt")(t.add(t.multiply(x, x), t.multiply(y, y)))),
    "Logaddexp": e.two(lambda x, y: t.add(t.greatest(x, y), t.function("log1p")(
        t.function("exp")(t.multiply(t.function("abs")(t.add(x, y, -1.0)), -1.0))))),
}  # fmt: skip
"""Name of an operation's class → the same on the elements of tensors."""


def _rounded(x: Tensor, decimals: int) -> Tensor:
    if decimals:
        raise NoFormula(f"round with decimals={decimals}")
    return elementwise(e.nearest, x)


SHAPES: dict[str, Function] = {
    "Reshape": reshaped,
    "Transpose": lambda x, axes=None: np.transpose(tensor(x), axes),
    "Swapaxes": np.swapaxes,
    "Moveaxis": np.moveaxis,
    "ExpandDims": lambda x, axis: np.expand_dims(tensor(x), axis),
    "Squeeze": squeezed,
    "Ravel": lambda x: tensor(x).reshape(-1),
    "GetItem": item,
    "Take": taken,
    "Split": split,
    "Unstack": unstacked,
    "Stack": stacked,
    "Concatenate": joined,
    "Vstack": lambda xs: np.vstack([t.as_tensor(x) for x in xs]),
    "Hstack": lambda xs: np.hstack([t.as_tensor(x) for x in xs]),
    "Append": lambda x1, x2, axis=None: np.append(t.as_tensor(x1), t.as_tensor(x2), axis=axis),
    "Repeat": repeated,
    "Tile": lambda x, repeats: np.tile(tensor(x), repeats),
    "BroadcastTo": lambda x, shape: np.broadcast_to(tensor(x), [n or 1 for n in shape]),
    "Flip": lambda x, axis=None: np.flip(x, axis=axis),
    "Roll": lambda x, shift, axis=None: np.roll(x, shift, axis=axis),
    "Pad": padded,
    "Tril": lambda x, k=0: sh.triangle(np.tril)(t.as_tensor(x), k),
    "Triu": lambda x, k=0: sh.triangle(np.triu)(t.as_tensor(x), k),
    "Diagonal": lambda x, offset=0, axis1=0, axis2=1: np.diagonal(x, offset, axis1, axis2),
    "Copy": lambda x: x,
    "StopGradient": lambda variable: variable,
    "Cast": cast,
    "OnesLike": filled(1.0),
    "ZerosLike": filled(0.0),
    "FullLike": lambda x, fill_value, dtype=None: np.full(x.shape, fill_value),
}
"""Name of an operation's class that moves elements about → the same on tensors."""

SUMS: dict[str, Function] = {
    "Sum": over(t.total),
    "Mean": over(t.mean),
    "Average": lambda x, axis=None, weights=None: _weighted(x, axis, weights),
    "Var": variance,
    "Std": deviation,
    "Prod": over(la.product),
    "Max": lambda x, axis=None, keepdims=False, initial=None: _extreme(
        t.greatest, x, axis, keepdims, initial),
    "Min": lambda x, axis=None, keepdims=False, initial=None: _extreme(
        t.smallest, x, axis, keepdims, initial),
    "Amax": over(lambda xs: t.greatest(*xs)),
    "Amin": over(lambda xs: t.smallest(*xs)),
    "Any": over(lambda xs: ops.either(*[t.node_of(t.truth(x)) for x in xs])),
    "All": over(lambda xs: ops.both(*[t.node_of(t.truth(x)) for x in xs])),
    "Argmax": argument(1.0),
    "Argmin": argument(-1.0),
    "Cumsum": lambda x, axis=None: t.along(t.as_tensor(x), axis, t.running_sums),
    "Logsumexp": log_sum_exp,
    "Norm": norm,
    "Moments": moments,
    "Matmul": lambda x1, x2: product(tensor(x1), tensor(x2)),
    "Dot": lambda x1, x2: product(tensor(x1), tensor(x2)),
    "Inner": lambda x1, x2: product(x1, np.swapaxes(x2, -1, -2)),
    "Outer": lambda x1, x2: elementwise(t.multiply, x1.reshape(-1, 1), x2.reshape(1, -1)),
    "Einsum": lambda *xs, subscripts: einsum(subscripts, *map(tensor, xs)),
    "Tensordot": tensordot,
    "Clip": clip,
    "Where": where,
    "Normalize": normalize,
    "LayerNorm": layer_normalization,
    "RMSNorm": rms_normalization,
    "BatchNorm": batch_normalization,
    "DotProductAttention": attended,
    "OneHot": lambda x, num_classes, axis=-1, sparse=False: one_hot(x, int(num_classes), axis),
}  # fmt: skip
"""Name of an operation's class that sums, chooses or norms → the same on tensors."""


def _weighted(x: Tensor, axis: Any, weights: Any) -> Tensor:
    if weights is not None:
        raise NoFormula("average with weights")
    return over(t.mean)(x, axis)


def _extreme(pick: Any, x: Tensor, axis: Any, keepdims: bool, initial: Any) -> Tensor:
    made = over(lambda xs: pick(*xs))(x, axis, keepdims)
    return made if initial is None else elementwise(pick, made, float(initial))


UNITS: dict[str, Function] = {
    "Relu": a.relu,
    "ReLU": a.relu,
    "Relu6": a.ACTIVATIONS["relu6"],
    "Silu": a.silu,
    "Softsign": a.softsign,
    "LeakyRelu": a.leaky_relu,
    "HardSigmoid": a.hard_sigmoid,
    "HardSilu": a.hard_silu,
    "HardTanh": e.hardtanh,
    "HardShrink": a.hard_shrink,
    "SoftShrink": a.soft_shrink,
    "TanhShrink": a.tanh_shrink,
    "Elu": a.elu,
    "Celu": a.celu,
    "Selu": a.selu,
    "Gelu": lambda x, approximate=True: a.gelu(x, approximate),
    "Glu": a.glu,
    "Squareplus": a.squareplus,
    "SparsePlus": a.sparse_plus,
    "SparseSigmoid": a.sparse_sigmoid,
    "Sparsemax": a.sparsemax,
    "LogSigmoid": a.log_sigmoid,
    "Threshold": a.threshold,
    "Softmax": lambda x, axis=-1: masked_softmax(
        tensor(x), None, norms.axes_of(x, axis)),
    "LogSoftmax": a.log_softmax,
}  # fmt: skip
"""Name of an activation's class among the operations → the same on tensors."""

OPERATIONS: dict[str, Function] = {**ELEMENTS, **SHAPES, **SUMS, **UNITS}

REFUSED: dict[str, str] = {
    **dict.fromkeys(
        ("Sort", "Argsort", "TopK", "Median", "Quantile", "Argpartition", "SearchSorted"),
        "it puts values in order",
    ),
    **dict.fromkeys(
        ("Arccos", "Arcsin", "Arctan", "Arctan2"),
        "formulas have no inverse trigonometric functions",
    ),
    **dict.fromkeys(
        ("Nonzero", "Unique", "Bincount"), "the size of its result depends on the inputs"
    ),
}
"""Operations that have no formula, and why."""
