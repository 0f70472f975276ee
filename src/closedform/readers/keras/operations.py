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
from closedform.readers.keras import reductions as r
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


def squeezed(x: Tensor, axis: Any = None) -> Tensor:
    """ops.squeeze; the rows stay."""
    axes = [i for i in range(1, x.ndim) if x.shape[i] == 1] if axis is None else axis
    return np.squeeze(x, axis=tuple(axes) if isinstance(axes, list | tuple) else axes)


def reshaped(x: Tensor, newshape: Any) -> Tensor:
    """ops.reshape: a length that depends on the number of rows is that of one row."""
    shape = [newshape] if isinstance(newshape, int) else list(newshape)
    return r.tensor(x).reshape([1 if n is None else int(n) for n in shape])


def item(x: Tensor, key: Any) -> Any:
    """ops.get_item: slices and whole numbers."""
    keys = tuple(key) if isinstance(key, list | tuple) else (key,)
    if any(isinstance(k, np.ndarray) and k.dtype == object for k in keys):
        raise NoFormula("indexing by a value that depends on the inputs")
    return t.boxed(r.tensor(x)[keys])


def taken(x: Tensor, indices: Any, axis: int | None = None) -> Tensor:
    """ops.take: places along an axis; of a constant table, those that a row names."""
    at = r.tensor(indices)
    if at.dtype != object or not r.depends(at):
        where = at.astype(int)
        return t.boxed(np.take(r.tensor(x), where, axis=axis))
    x = r.tensor(x)
    if axis not in (0, None) or x.ndim != 2 or r.depends(x):
        raise NoFormula("take by a value that depends on the inputs")
    return looked_up(np.asarray(x, dtype=np.float64), at)


def split(x: Tensor, indices_or_sections: Any, axis: int = 0) -> list[Tensor]:
    """ops.split."""
    return list(np.split(x, indices_or_sections, axis=axis))


def unstacked(x: Tensor, num: Any = None, axis: int = 0) -> list[Tensor]:
    """ops.unstack."""
    return [t.boxed(np.take(x, i, axis=axis)) for i in range(x.shape[axis])]


def repeated(x: Tensor, repeats: Any, axis: int | None = None) -> Tensor:
    """ops.repeat."""
    return np.repeat(r.tensor(x), repeats, axis=axis)


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
    x, name = r.tensor(x), str(dtype)
    if name == "bool":
        return elementwise(t.truth, x)
    whole = t.truncated if "int" in name else t.number
    return elementwise(lambda v: t.number(v) if t.is_condition(v) else whole(v), x)


def clip(x: Tensor, x_min: Any, x_max: Any) -> Tensor:
    """ops.clip."""
    return e.clamp(r.tensor(x), x_min, x_max)


def where(condition: Tensor, x1: Any = None, x2: Any = None) -> Tensor:
    """ops.where."""
    if x1 is None or x2 is None:
        raise NoFormula("where without values: the size of its result depends on the inputs")
    return elementwise(t.choice, condition, x1, x2)


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
        "Softplus": "softplus", "Arcsin": "asin", "Arccos": "acos", "Arctan": "atan",
    }.items()},
    "Arctan2": e.two(e.atan2),
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
    "DivideNoNan": r.safe_division,
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
    "Transpose": lambda x, axes=None: np.transpose(r.tensor(x), axes),
    "Swapaxes": np.swapaxes,
    "Moveaxis": np.moveaxis,
    "ExpandDims": lambda x, axis: np.expand_dims(r.tensor(x), axis),
    "Squeeze": squeezed,
    "Ravel": lambda x: r.tensor(x).reshape(-1),
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
    "Tile": lambda x, repeats: np.tile(r.tensor(x), repeats),
    "BroadcastTo": lambda x, shape: np.broadcast_to(r.tensor(x), [n or 1 for n in shape]),
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
    "Sum": r.over(t.total),
    "Mean": r.over(t.mean),
    "Average": lambda x, axis=None, weights=None: _weighted(x, axis, weights),
    "Var": r.variance,
    "Std": r.deviation,
    "Prod": r.over(la.product),
    "Max": lambda x, axis=None, keepdims=False, initial=None: _extreme(
        t.greatest, x, axis, keepdims, initial),
    "Min": lambda x, axis=None, keepdims=False, initial=None: _extreme(
        t.smallest, x, axis, keepdims, initial),
    "Amax": r.over(lambda xs: t.greatest(*xs)),
    "Amin": r.over(lambda xs: t.smallest(*xs)),
    "Any": r.over(lambda xs: ops.either(*[t.node_of(t.truth(x)) for x in xs])),
    "All": r.over(lambda xs: ops.both(*[t.node_of(t.truth(x)) for x in xs])),
    "Argmax": r.argument(1.0),
    "Argmin": r.argument(-1.0),
    "Cumsum": lambda x, axis=None: t.along(t.as_tensor(x), axis, t.running_sums),
    "Logsumexp": r.log_sum_exp,
    "Norm": r.norm,
    "Moments": r.moments,
    "Matmul": lambda x1, x2: product(r.tensor(x1), r.tensor(x2)),
    "Dot": lambda x1, x2: product(r.tensor(x1), r.tensor(x2)),
    "Inner": lambda x1, x2: product(x1, np.swapaxes(x2, -1, -2)),
    "Outer": lambda x1, x2: elementwise(t.multiply, x1.reshape(-1, 1), x2.reshape(1, -1)),
    "Einsum": lambda *xs, subscripts: einsum(subscripts, *map(r.tensor, xs)),
    "Tensordot": tensordot,
    "Clip": clip,
    "Where": where,
    "Normalize": r.normalize,
    "LayerNorm": r.layer_normalization,
    "RMSNorm": r.rms_normalization,
    "BatchNorm": r.batch_normalization,
    "DotProductAttention": r.attended,
    "OneHot": lambda x, num_classes, axis=-1, sparse=False: one_hot(x, int(num_classes), axis),
}  # fmt: skip
"""Name of an operation's class that sums, chooses or norms → the same on tensors."""


def _weighted(x: Tensor, axis: Any, weights: Any) -> Tensor:
    if weights is not None:
        raise NoFormula("average with weights")
    return r.over(t.mean)(x, axis)


def _extreme(pick: Any, x: Tensor, axis: Any, keepdims: bool, initial: Any) -> Tensor:
    made = r.over(lambda xs: pick(*xs))(x, axis, keepdims)
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
        r.tensor(x), None, norms.axes_of(x, axis)),
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
        ("Nonzero", "Unique", "Bincount"), "the size of its result depends on the inputs"
    ),
}
"""Operations that have no formula, and why."""
