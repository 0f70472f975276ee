"""What each operation of jax.lax is on arrays of nodes.

Names and options are those of the primitives in a jaxpr
(https://docs.jax.dev/en/latest/jax.lax.html).
"""

from __future__ import annotations

import math

import numpy as np

from closedform import ops
from closedform.readers import tensors as t
from closedform.readers.jax import elements as e
from closedform.readers.jax import layers as la
from closedform.readers.jax import moving as mo
from closedform.readers.jax.elements import Function, each
from closedform.readers.torch import elements as shared

LAX: dict[str, Function] = {
    **dict.fromkeys(("add", "add_any"), each(t.add)),
    "sub": each(lambda a, b: t.add(a, b, -1.0)),
    "mul": each(t.multiply),
    "div": each(t.divide),
    "rem": each(e.rest),
    "neg": each(lambda x: t.multiply(x, -1.0)),
    "pow": each(t.power),
    "integer_pow": lambda x, y: each(lambda v: t.power(v, float(y)))(x),
    "square": each(lambda x: t.power(x, 2.0)),
    "rsqrt": each(lambda x: t.divide(1.0, t.function("sqrt")(x))),
    "cbrt": each(e.cbrt),
    **{name: e.one(name) for name in (
        "exp", "log", "log1p", "expm1", "sqrt", "abs", "tanh", "erf", "sin", "cos", "floor", "sign",
        "asin", "acos", "atan",
    )},
    "atan2": each(shared.atan2),
    "logistic": e.one("sigmoid"),
    "erfc": each(shared.erfc),
    "erf_inv": each(e.erf_inv),
    "exp2": each(lambda x: t.function("exp")(t.multiply(x, math.log(2)))),
    "sinh": each(shared.sinh),
    "cosh": each(shared.cosh),
    "tan": each(shared.tan),
    "asinh": each(shared.asinh),
    "acosh": each(shared.acosh),
    "atanh": each(shared.atanh),
    "ceil": each(shared.ceil),
    "round": lambda x, rounding_method: each(
        shared.nearest if int(rounding_method) else e.away
    )(x),
    "is_finite": each(e.finite),
    "max": each(e.greatest),
    "min": each(e.smallest),
    "clamp": each(lambda lo, x, hi: e.smallest(e.greatest(x, lo), hi)),
    "lt": each(t.less),
    "le": each(t.less_equal),
    "gt": each(lambda a, b: t.less(b, a)),
    "ge": each(lambda a, b: t.less_equal(b, a)),
    "eq": each(e.equal),
    "ne": each(e.unequal),
    "and": each(t.both),
    "or": each(t.either),
    "xor": each(shared.xor),
    "not": each(t.negation),
    "lt_to": each(e.less_in_order),
    "le_to": each(lambda a, b: t.either(t.less_equal(a, b), e.absent(b))),
    "select_n": mo.select_n,
    "reshape": mo.reshape,
    "transpose": lambda x, permutation: x.transpose(permutation),
    "broadcast_in_dim": mo.broadcast_in_dim,
    "squeeze": mo.squeeze,
    "expand_dims": lambda x, dimensions: x.reshape(mo.grown(x.shape, dimensions)),
    "slice": mo.sliced,
    "rev": mo.flipped,
    "concatenate": mo.concatenate,
    "split": mo.split,
    "stack": lambda *parts, axis: np.stack([e.boxed(p) for p in parts], axis=axis),
    "unstack": lambda x, axis: [t.boxed(np.take(x, i, axis=axis)) for i in range(x.shape[axis])],
    "tile": np.tile,
    "pad": mo.pad,
    "dynamic_slice": mo.dynamic_slice,
    "dynamic_update_slice": mo.dynamic_update_slice,
    "gather": mo.gather,
    "scatter": mo.scatter(lambda old, new: new),
    **dict.fromkeys(("scatter-add", "scatter_add"), mo.scatter(t.add)),
    "scatter-sub": mo.scatter(lambda old, new: t.add(old, new, -1.0)),
    **dict.fromkeys(("scatter-mul", "scatter_mul"), mo.scatter(t.multiply)),
    **dict.fromkeys(("scatter-min", "scatter_min"), mo.scatter(e.smallest)),
    **dict.fromkeys(("scatter-max", "scatter_max"), mo.scatter(e.greatest)),
    "reduce_sum": la.reduction(t.total),
    "reduce_prod": la.reduction(la.product),
    "reduce_max": la.reduction(la.best),
    "reduce_min": la.reduction(la.least),
    "reduce_and": la.reduction(la.joined(ops.both)),
    "reduce_or": la.reduction(la.joined(ops.either)),
    "argmax": la.argument(1.0),
    "argmin": la.argument(-1.0),
    "cumsum": la.along(t.running_sums),
    "cumprod": la.along(e.running(t.multiply)),
    "cummax": la.along(e.running(t.greatest)),
    "cummin": la.along(e.running(t.smallest)),
    "sort": la.sort,
    "top_k": la.top_k,
    "dot_general": la.dot_general,
    "conv_general_dilated": la.convolution,
    "reduce_window_sum": la.window(t.total),
    "reduce_window_max": la.window(la.best),
    "reduce_window_min": la.window(la.least),
    "triangular_solve": la.triangular_solve,
    "convert_element_type": e.converted,
    "reduce_precision": e.held_precision,
    **dict.fromkeys(
        ("copy", "copy_p", "stop_gradient", "sharding_constraint", "mesh_cast",
         "reduce_sharding"),
        lambda x: x,
    ),
    "name": lambda x, name: x,
    **dict.fromkeys(("optimization_barrier", "device_put", "pvary"), lambda *xs: list(xs)),
}  # fmt: skip
"""Name of a primitive → the same on arrays of nodes."""

WHOLE: dict[str, Function] = {
    "div": each(e.whole_quotient),
    "shift_right_arithmetic": each(e.shifted),
    "shift_right_logical": each(e.shifted),
}
"""The same for primitives that are something else, or only something, for whole numbers."""

BITS = frozenset({"and", "or", "xor", "not"})
"""Primitives that have a formula for truths, and none for the bits of whole numbers."""

WRAPPING = frozenset({"sub", "neg", "mul", "integer_pow", "pow", "add"})
"""Primitives that turn over at the end of the range of whole numbers."""

NO_MATTER = frozenset(
    {"precision", "preferred_element_type", "sharding", "out_sharding", "accuracy", "out_dtype"}
    | {"unique_indices", "indices_are_sorted", "index_dtype", "weak_type", "symbolic_zeros"}
    | {"update_jaxpr", "update_consts", "devices", "srcs", "copy_semantics", "policy"}
    | {"unroll", "operand", "dst_sharding", "unconstrained_dims", "layout", "is_stable"}
)
"""Options that change where and how fast something is computed, or its type, but not what."""

CHECKS = frozenset({"debug_callback", "debug_print"})
"""Operations that compute nothing."""

REFUSED: dict[str, str] = {
    **dict.fromkeys(
        ("pure_callback", "io_callback", "callback", "python_callback", "ffi_call"),
        "it calls code that JAX does not show",
    ),
    **dict.fromkeys(
        ("random_bits", "random_seed", "random_fold_in", "random_wrap", "threefry2x32"),
        "it draws at random by a value that depends on the inputs",
    ),
    **dict.fromkeys(
        ("lgamma", "digamma", "polygamma", "igamma", "igammac", "regularized_incomplete_beta",
         "bessel_i0e", "bessel_i1e", "zeta"),
        "formulas do not have this special function",
    ),
    **dict.fromkeys(
        ("cholesky", "eigh", "eig", "svd", "lu", "qr", "householder_product", "schur"),
        "it takes apart a matrix that depends on the inputs",
    ),
    **dict.fromkeys(
        ("bitcast_convert_type", "population_count", "clz", "shift_left", "nextafter"),
        "it works on the bits of numbers",
    ),
    **dict.fromkeys(("complex", "real", "imag", "conj", "fft"), "it computes complex numbers"),
}  # fmt: skip
"""Primitives that have no formula, and why."""

UNITS = frozenset({"tanh", "logistic", "max"})
"""Primitives whose results are the units of a layer: they get names."""

ACTIVATIONS = frozenset(
    {"relu", "relu6", "elu", "selu", "celu", "gelu", "silu", "swish", "softplus", "softsign"}
    | {"sigmoid", "leaky_relu", "hard_tanh", "hard_sigmoid", "hard_swish", "mish", "log_sigmoid"}
    | {"squareplus", "soft_sign", "hard_silu"}
)
"""Functions of jax.nn whose results are the units of a layer."""

MOVING = frozenset(
    {"reshape", "transpose", "broadcast_in_dim", "squeeze", "expand_dims", "slice", "rev"}
    | {
        "concatenate",
        "split",
        "stack",
        "unstack",
        "tile",
        "pad",
        "copy",
        "copy_p",
        "stop_gradient",
        "name",
        "device_put",
    }
    | {"optimization_barrier", "convert_element_type", "sharding_constraint"}
)
"""Primitives that make no new values, or hardly any."""
