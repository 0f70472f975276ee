"""What each ATen operation is on arrays of nodes.

Names and arguments are those of PyTorch's core ATen operators
(https://docs.pytorch.org/docs/stable/torch.compiler_ir.html).
"""

from __future__ import annotations

import math
from functools import partial

import numpy as np

from closedform import ops
from closedform.readers import tensors as t
from closedform.readers.tensors import elementwise
from closedform.readers.torch import elements as e
from closedform.readers.torch import layers as la
from closedform.readers.torch import pooling as po
from closedform.readers.torch import shapes as sh
from closedform.readers.torch.elements import Function

ATEN: dict[str, Function] = {
    "add": e.add,
    "sub": e.sub,
    "rsub": lambda a, b, alpha=1: e.sub(b, a, alpha),
    "mul": e.two(t.multiply),
    "div": e.div,
    "true_divide": e.div,
    "remainder": e.remainder,
    "fmod": lambda a, b: e.sub(a, elementwise(t.multiply, e.div(a, b, "trunc"), b)),
    "neg": e.each(lambda x: t.multiply(x, -1.0)),
    "pow": e.two(t.power),
    "square": e.each(lambda x: t.power(x, 2.0)),
    "reciprocal": e.each(partial(t.divide, 1.0)),
    "rsqrt": e.each(lambda x: t.divide(1.0, t.function("sqrt")(x))),
    **{name: e.one(name) for name in (
        "exp", "log", "log1p", "expm1", "sqrt", "abs", "tanh", "sigmoid", "erf", "sin", "cos",
        "atan", "asin", "acos", "floor", "sign",
    )},
    "erfc": e.each(e.erfc),
    "log2": e.each(lambda x: t.multiply(t.function("log")(x), 1 / math.log(2))),
    "log10": e.each(lambda x: t.multiply(t.function("log")(x), 1 / math.log(10))),
    "exp2": e.each(lambda x: t.function("exp")(t.multiply(x, math.log(2)))),
    "sinh": e.each(e.sinh),
    "cosh": e.each(e.cosh),
    "tan": e.each(e.tan),
    "atan2": e.two(e.atan2),
    "asinh": e.each(e.asinh),
    "acosh": e.each(e.acosh),
    "atanh": e.each(e.atanh),
    "ceil": e.each(e.ceil),
    "round": e.each(e.nearest),
    "trunc": e.each(t.truncated),
    "relu": e.each(lambda x: t.greatest(x, 0.0)),
    "leaky_relu": e.leaky,
    "rrelu_with_noise_functional": e.slope_between,
    "elu": e.elu,
    "gelu": e.gelu,
    "softplus": e.one("softplus"),
    "hardtanh": e.hardtanh,
    "clamp": e.clamp,
    "clamp_min": e.clamp,
    "clamp_max": lambda x, high: e.clamp(x, None, high),
    "fmin": e.two(e.known(t.smallest)),
    "fmax": e.two(e.known(t.greatest)),
    "minimum": e.two(t.smallest),
    "maximum": e.two(t.greatest),
    "where": partial(elementwise, t.choice),
    "lt": e.two(t.less),
    "le": e.two(t.less_equal),
    "gt": e.two(lambda a, b: t.less(b, a)),
    "ge": e.two(lambda a, b: t.less_equal(b, a)),
    "eq": e.two(t.equal),
    "ne": e.two(lambda a, b: t.negation(t.equal(a, b))),
    "logical_not": e.each(t.negation),
    "bitwise_not": e.each(t.negation),
    "logical_and": e.two(t.both),
    "bitwise_and": e.two(t.both),
    "logical_or": e.two(t.either),
    "bitwise_or": e.two(t.either),
    "logical_xor": e.two(e.xor),
    "bitwise_xor": e.two(e.xor),
    "isnan": e.each(e.missing),
    "isinf": e.each(e.infinite),
    **dict.fromkeys(("view", "reshape", "_unsafe_view"), sh.view),
    "permute": sh.permute,
    "transpose": np.swapaxes,
    "t": lambda x: x.T,
    "squeeze": sh.squeeze,
    "unsqueeze": np.expand_dims,
    "expand": sh.expand,
    "slice": sh.sliced,
    "select": sh.select,
    "split": sh.split,
    "split_with_sizes": sh.split,
    "unbind": sh.unbind,
    "unfold": sh.unfold,
    "cat": sh.cat,
    "stack": sh.stack,
    "index": sh.index,
    "index_select": sh.index_select,
    "gather": sh.gather,
    "flip": lambda x, dims: np.flip(x, axis=tuple(dims)),
    "roll": lambda x, shifts, dims=(): np.roll(x, shifts, axis=tuple(dims) or None),
    "repeat": np.tile,
    "constant_pad_nd": sh.pad,
    **{f"reflection_pad{n}d": sh.mirrored("reflect") for n in (1, 2, 3)},
    **{f"replication_pad{n}d": sh.mirrored("edge") for n in (1, 2, 3)},
    "diagonal": sh.diagonal,
    "fill": sh.filled,
    "index_put": sh.index_put,
    "scatter": sh.scatter,
    "scatter_add": sh.scatter_add,
    "slice_scatter": sh.scattered(sh.slice_place),
    "select_scatter": sh.scattered(sh.select_place),
    "tril": sh.triangle(np.tril),
    "triu": sh.triangle(np.triu),
    "_to_copy": sh.cast,
    "to": sh.cast,
    **dict.fromkeys(
        ("clone", "alias", "detach", "contiguous", "lift_fresh_copy"),
        lambda x, *_, **__: x,
    ),
    "full_like": lambda x, value, **_: np.full(x.shape, float(value)),
    "zeros_like": sh.like(0.0),
    "ones_like": sh.like(1.0),
    "copy": lambda x, source, *_: np.broadcast_to(source, x.shape),
    "sum": la.reduction(t.total),
    "mean": la.reduction(t.mean),
    "prod": la.reduction(la.product),
    "amax": la.reduction(lambda xs: t.greatest(*xs)),
    "amin": la.reduction(lambda xs: t.smallest(*xs)),
    "max": la.extreme(t.greatest),
    "min": la.extreme(t.smallest),
    "argmax": la.argument(1.0),
    "argmin": la.argument(-1.0),
    "any": la.truths(ops.either),
    "all": la.truths(ops.both),
    "var": la.variance,
    "linalg_vector_norm": la.norm,
    "_cdist_forward": la.distances,
    "_trilinear": la.trilinear,
    "cumsum": la.along(t.running_sums),
    "_softmax": la.along(t.softmax),
    "_log_softmax": la.along(t.log_softmax),
    "linear": la.linear,
    "mm": t.matmul,
    "addmm": la.addmm,
    "bmm": la.bmm,
    "baddbmm": lambda c, a, b, beta=1, alpha=1: e.add(
        elementwise(lambda v: t.multiply(v, float(alpha)), la.bmm(a, b)), c, beta
    ),
    "matmul": la.matmul,
    "mv": la.matmul,
    "dot": la.matmul,
    "convolution": la.convolution,
    "max_pool2d_with_indices": po.max_pool,
    "max_pool3d_with_indices": po.max_pool,
    "avg_pool1d": po.avg_pool,
    "avg_pool2d": po.avg_pool,
    "avg_pool3d": po.avg_pool,
    **{f"upsample_nearest{n}d": po.nearest for n in (1, 2, 3)},
    **{f"upsample_{kind}": po.linear for kind in ("linear1d", "bilinear2d", "trilinear3d")},
    "adaptive_max_pool2d": po.adaptive_max_pool,
    "adaptive_max_pool3d": po.adaptive_max_pool,
    "_adaptive_avg_pool2d": po.adaptive_avg_pool,
    "_adaptive_avg_pool3d": po.adaptive_avg_pool,
    "adaptive_avg_pool1d": po.adaptive_avg_pool,
    "native_layer_norm": la.layer_norm,
    "native_group_norm": la.group_norm,
    "_native_batch_norm_legit_no_training": la.batch_norm,
    "_native_batch_norm_legit": la.batch_norm_now,
    "embedding": la.embedding,
}  # fmt: skip
"""Name of an ATen operation, without its overload → the same on arrays of nodes."""

REFUSED: dict[str, str] = {
    **dict.fromkeys(
        ("sort", "topk", "median", "kthvalue", "mode", "argsort"), "it puts values in order"
    ),
    **dict.fromkeys(
        ("nonzero", "masked_select", "unique"), "the size of its result depends on the inputs"
    ),
}
"""Operations that have no formula, and why."""

CHECKS = frozenset({"_assert_tensor_metadata", "_assert_async", "_assert_scalar"})
"""Operations that compute nothing."""
