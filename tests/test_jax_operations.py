"""Every operation of JAX that has a formula, once: against the function itself."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("jax")

import jax
import jax.numpy as jnp
from jax import lax
from jax.ad_checkpoint import checkpoint_name

import closedform as cf
from closedform import ops
from closedform.asking.jaxprs import CALLS, LOOPS
from closedform.readers.jax.lax import LAX, WHOLE
from jax_functions import check, together

OF_NUMPY = np.array([-1.0, -0.25, 0.5])


def edges():
    """Return numbers in order, in the function that is traced: with 64 bits where it is."""
    return jnp.array([-1.0, -0.25, 0.5, 2.0])


ONE: dict[str, Callable[..., Any]] = {
    "add": lambda x: x + x * x + 1,
    "sub": lambda x: x - 0.5 * x * x - 1 + (1 - x),
    "div": lambda x: x / 3 + 1 / (x * x + 1),
    "rem": lambda x: x % 0.7 + lax.rem(x, 0.7) + jnp.fmod(x, 0.3),
    "floor_divide": lambda x: x // 0.3 + jnp.trunc(x / 0.3),
    "neg": lambda x: -x,
    "pow": lambda x: x**3 + abs(x) ** 0.5 + 2.0**x + abs(x) ** x + x**-2,
    "square": jnp.square,
    "rsqrt": lambda x: lax.rsqrt(x * x + 1) + jnp.reciprocal(x * x + 1),
    "cbrt": jnp.cbrt,
    **{
        name: getattr(jnp, name)
        for name in (
            "exp", "expm1", "abs", "tanh", "sin", "cos", "sinc", "floor", "sign", "exp2", "sinh",
            "cosh", "ceil", "round", "rint", "trunc", "arcsinh", "deg2rad", "fabs", "positive",
        )
    },
    **{
        name: lambda x, name=name: getattr(jnp, name)(x * x + 0.1)
        for name in ("log", "log1p", "log2", "log10", "sqrt")
    },
    "round away": lambda x: lax.round(2 * x) + lax.round(lax.round(2 * x) / 2),
    "halves to even": lambda x: jnp.round(jnp.round(2 * x) / 2),
    "tan": lambda x: jnp.tan(x / 4),
    "inverses of sines": lambda x: jnp.arcsin(jnp.sin(x)) + jnp.arccos(jnp.tanh(x)) * jnp.arctan(x),
    "angle": lambda x: jnp.arctan2(x, x[:, ::-1] + 0.1),
    "arccosh": lambda x: jnp.arccosh(1 + x * x),
    "arctanh": lambda x: jnp.arctanh(jnp.tanh(x) * 0.9),
    "erf": lambda x: jax.scipy.special.erf(x) + jax.scipy.special.erfc(x) * 2,
    "erf_inv": lambda x: lax.erf_inv(jnp.tanh(x) * 0.9),
    "normal": lambda x: jax.scipy.stats.norm.cdf(x) + jax.scipy.stats.norm.pdf(x),
    "log of what has none": jnp.log,
    **{
        name: getattr(jax.nn, name)
        for name in (
            "relu", "relu6", "sigmoid", "softplus", "sparse_plus", "sparse_sigmoid", "soft_sign",
            "silu", "log_sigmoid", "leaky_relu", "hard_sigmoid", "hard_silu", "hard_tanh", "elu",
            "celu", "selu", "gelu", "squareplus", "mish",
        )
    },
    "gelu by erf": lambda x: jax.nn.gelu(x, approximate=False),
    "glu": jax.nn.glu,
    "softmax": lambda x: jax.nn.softmax(x) + jax.nn.log_softmax(x),
    "logsumexp": lambda x: jax.nn.logsumexp(x, axis=1) + jnp.logaddexp(x[:, 0], x[:, 1]),
    "standardize": jax.nn.standardize,
    "one_hot": lambda x: jax.nn.one_hot(jnp.argmax(x, 1), 4) * x,
    "clip": lambda x: jnp.clip(x, -0.5, 0.6) + jnp.clip(x, 0.1) + jnp.clip(x, None, 0.3),
    "minimum": lambda x: jnp.minimum(x, x * x) + jnp.fmin(x, 1 - x),
    "maximum": lambda x: jnp.maximum(x, -x) + jnp.fmax(x, 1 - x),
    "where": lambda x: jnp.where(x > 0.5, x, 2.0) + jnp.where(abs(x) >= 1, 0.0, x),
    "select": lambda x: jnp.select([x < -1, x < 0, x < 1], [x, x * x, 1 - x], 7.0),
    "compared": lambda x: (x < 0.1) * 1.0 + (x <= 0.1) * 2 + (x == 0) * 4 + (x != 0) * 8,
    "logical": lambda x: (
        ((x > 0) & (x < 1)) + 2.0 * ((x > 1) | (x < -1)) + 4.0 * ~(x > 0)
        + 8.0 * ((x > 0) ^ (x < 1)) + 16.0 * ((x > 0) == (x < 1)) + 32.0 * ((x > 0) != np.True_)
    ),
    "isnan": lambda x: (
        jnp.isnan(jnp.log(x)) * 1.0 + jnp.isinf(1 / jnp.floor(x)) * 2.0
        + jnp.isfinite(1 / jnp.floor(jnp.log(x))) * 4.0
    ),
    "heaviside": lambda x: jnp.heaviside(x, 0.5),
    "to truths": lambda x: jnp.floor(x).astype(bool) * 1.0,
    "hypot": lambda x: jnp.hypot(x, 1 - x),
    "constants": lambda x: x * jnp.linspace(0, 1, 4) + jnp.sqrt(2 / jnp.pi) + jnp.eye(4)[1],
    "checkpointed": jax.checkpoint(lambda x: jnp.sin(x) * x),
    "its own slope": jax.vmap(jax.grad(lambda x: jnp.sum(jnp.tanh(x) ** 2))),
    "its own curvature": jax.vmap(lambda x: jnp.diag(jax.hessian(lambda v: jnp.sum(v**4))(x))),
}  # fmt: skip
"""Functions of an array of shape (rows, 4)."""

TWICE = lax.composite(lambda x: x * 2, name="tests.twice")
CLIPPED = jax.custom_vjp(lambda x: jnp.clip(x, -1, 1))
CLIPPED.defvjp(lambda x: (CLIPPED(x), None), lambda _, slope: (slope,))
SMOOTH = jax.custom_jvp(jnp.sin)
SMOOTH.defjvps(lambda slope, made, x: slope)
BATCHED = jax.custom_batching.custom_vmap(jnp.cos)
BATCHED.def_vmap(lambda size, batched, x: (jnp.cos(x), True))

LOWER = np.float32(np.tril(np.ones((3, 3))) + np.eye(3))

TO_WHOLE: dict[str, Callable[..., Any]] = {
    "to whole numbers": lambda x: x.astype(int) * 2.0 + x.astype(jnp.int8),
    "whole quotients": lambda x: (10 * x).astype(int) // 3 + (10 * x).astype(int) % 3 * 0.5,
    "whole quotients towards 0": lambda x: lax.div((10 * x).astype(int), 3) * 1.0,
    "rounded by floor": lambda x: jnp.floor(x).astype(jnp.int32).astype(float),
    "powers of whole numbers": lambda x: x.astype(int) ** 2 + (x.astype(int) >> 1),
    "picked by a number": lambda x: jnp.take(jnp.arange(5.0) ** 2, x.astype(int)),
    "looked up": lambda x: (jnp.arange(6.0) ** 2)[jnp.clip(3 * x, 0, 5).astype(int)],
    "started": jax.vmap(lambda v: lax.dynamic_slice(v, (v[0].astype(int),), (2,))),
    "switched": jax.vmap(
        lambda v: lax.switch(v[0].astype(int), [jnp.sin, jnp.cos, lambda u: u * 2], v)
    ),
}

MANY: dict[str, Callable[..., Any]] = {
    "reshape": lambda x: x.reshape(x.shape[0], 12) + jnp.ravel(x).reshape(-1, 12),
    "reshape in order": lambda x: lax.reshape(x, (x.shape[0], 12), (0, 2, 1)),
    "transpose": lambda x: jnp.transpose(x, (0, 2, 1)) * 2,
    "squeeze": lambda x: x[:, :1].squeeze(1) + jnp.expand_dims(x, 1).squeeze()[:, 0],
    "broadcast": lambda x: jnp.broadcast_to(x[:, :1], x.shape) * x,
    "slice": lambda x: x[:, 1:, ::2],
    "slice backwards": lambda x: x[:, ::-1, -1],
    "split": lambda x: jnp.split(x, 2, axis=2)[1] + jnp.array_split(x, 2, 2)[0],
    "concatenate": lambda x: jnp.concatenate([x, x[:, :1], jnp.zeros((x.shape[0], 1, 4))], 1),
    "stack": lambda x: jnp.stack([x[:, 0], x[:, 1]], 1),
    "index": lambda x: x[:, np.array([2, 0])] + x[:, np.array([0, 1]), 1:2],
    "take": lambda x: jnp.take(x, jnp.array([3, 3, 0, -1, 7]), axis=2),
    "take clipped": lambda x: jnp.take(x, jnp.array([3, -9, 7]), axis=2, mode="clip"),
    "take_along_axis": lambda x: jnp.take_along_axis(x, jnp.array([[[1, 2]]]), 2),
    "flip": lambda x: jnp.flip(x, (1, 2)),
    "roll": lambda x: jnp.roll(x, 1, 2) + jnp.roll(x, (1, 2), (1, 2)),
    "tile": lambda x: jnp.tile(x, (1, 2, 1)) + jnp.repeat(x, 2, 1),
    "pad": lambda x: jnp.pad(x, ((0, 0), (0, 1), (1, 2)), constant_values=0.5),
    "pad otherwise": lambda x: lax.pad(x, 1.5, ((0, 0, 0), (-1, 2, 1), (1, -1, 2))),
    "pad reflect": lambda x: jnp.pad(x, ((0, 0), (0, 0), (2, 1)), mode="reflect"),
    "pad edge": lambda x: jnp.pad(x, ((0, 0), (1, 0), (2, 1)), mode="edge"),
    "written": lambda x: x.at[:, 0].set(x[:, 1]).at[:, :, 1].add(1),
    "multiplied": lambda x: x.at[:, 2, 2].multiply(x[:, 0, 0]),
    "written beyond": lambda x: x.at[:, jnp.array([1, 5])].set(0.0),
    "least written": lambda x: x.at[:, 0].min(x[:, 1]).at[:, 1].max(x[:, 2]),
    "added up": lambda x: jnp.zeros((x.shape[0], 2)).at[:, jnp.array([0, 1, 0])].add(x[:, :, 0]),
    "segments": jax.vmap(lambda v: jax.ops.segment_sum(v, jnp.array([0, 1, 0]), 2)),
    "dynamic_slice": lambda x: lax.dynamic_slice(x, (0, 2, 1), (x.shape[0], 2, 3)),
    "dynamic_update_slice": lambda x: lax.dynamic_update_slice(x, x[:, :1] * 2, (0, 9, 0)),
    "triangles": lambda x: jnp.tril(x) + jnp.triu(x, 1) * 2,
    "diagonal": lambda x: (jnp.diagonal(x, 0, 1, 2), jnp.trace(x, 0, 1, 2)),
    "sum": lambda x: x.sum((1, 2)) + x.sum(1, keepdims=True).sum(2)[:, 0],
    "mean": lambda x: x.mean(1) + jnp.average(x, 1, jnp.array([1.0, 2.0, 3.0])),
    "prod": lambda x: x.prod(2),
    "max": lambda x: x.max(1) - x.min((1,)),
    "argmax": lambda x: x.argmax(2) + x.argmin(2) * 10.0,
    "any": lambda x: (x > 1).any(1) * 1.0 + (x > -1).all(1) * 2.0,
    "var": lambda x: x.var(1, ddof=1) + x.std(2)[:, :1],
    "cumsum": lambda x: x.cumsum(2) + lax.cumsum(x, 1, reverse=True),
    "cumprod": lambda x: x.cumprod(2) + lax.cummax(x, 2) + lax.cummin(x, 1),
    "norm": lambda x: jnp.linalg.norm(x, axis=2) + jnp.linalg.norm(x, 1, 2),
    "sort": lambda x: jnp.sort(x, 2) + jnp.sort(x, 2, descending=True),
    "median": lambda x: jnp.median(x, 2) + jnp.quantile(x, 0.3, axis=2),
    "top_k": lambda x: lax.top_k(x, 2)[0],
    "matmul": lambda x: x @ jnp.swapaxes(x, 1, 2),
    "matmul of constants": lambda x: jnp.ones((3, 3)) @ x @ jnp.arange(8.0).reshape(4, 2),
    "einsum": lambda x: jnp.einsum("bij,bkj->bik", x, x * x),
    "einsum of constants": lambda x: jnp.einsum("bij,kj->bik", x, jnp.arange(8.0).reshape(2, 4)),
    "einsum of one": lambda x: jnp.einsum("bij,jb->bi", x, jnp.ones((4, x.shape[0]))),
    "tensordot": lambda x: jnp.tensordot(x, jnp.arange(24.0).reshape(2, 3, 4), ((1, 2), (1, 2))),
    "outer": lambda x: x[:, 0, :, None] * x[:, 1, None, :],
    "cross": lambda x: jnp.cross(x[:, 0, :3], x[:, 1, :3]),
    "interpolated": lambda x: jax.image.resize(x, (x.shape[0], 5, 4), "linear"),
    "solved": jax.vmap(lambda v: jax.scipy.linalg.solve_triangular(LOWER, v, lower=True)),
    "solved turned": jax.vmap(lambda v: jax.scipy.linalg.cho_solve((LOWER, True), v)),
    "solved from the right": lambda x: lax.linalg.triangular_solve(
        jnp.broadcast_to(LOWER.astype(x.dtype), (x.shape[0], 3, 3)), x[:, :, :3],
        lower=True, unit_diagonal=True,
    ),
    "solved wholly": jax.vmap(
        lambda v: jnp.linalg.solve(jnp.arange(9.0).reshape(3, 3) + 9 * jnp.eye(3), v)
    ),
    "scan": jax.vmap(lambda v: lax.scan(lambda c, r: (jnp.tanh(c + r), c * r), v[0], v)),
    "scan backwards": jax.vmap(
        lambda v: lax.scan(lambda c, r: (c + r * 0.5, (c, 1.0)), v[0], v, reverse=True)
    ),
    "scan of a count": lambda x: lax.scan(lambda c, i: (c * 0.5 + i, None), x, jnp.arange(4.0))[0],
    "fori_loop": lambda x: lax.fori_loop(0, 3, lambda i, c: c * 0.5 + i, x),
    "while of a count": lambda x: lax.while_loop(
        lambda s: s[0] < 3, lambda s: (s[0] + 1, s[1] * 0.5 + s[0]), (0, x)
    )[1],
    "map": lambda x: lax.map(lambda v: lax.cond(v[0, 0] > 0, jnp.sin, jnp.cos, v), x),
    "unstack": lambda x: jnp.unstack(x, axis=1)[2] * 2 + jnp.unstack(x, axis=1)[0],
    "subtracted": lambda x: x.at[:, 0].subtract(x[:, 1]),
    "searchsorted among constants": lambda x: [
        jnp.searchsorted(jnp.array([-1.0, 0.0, 0.0, 0.5]), x[:, 0], side=side)
        for side in ("left", "right")
    ],
    "searchsorted, mapped": jax.vmap(jax.vmap(lambda v: jnp.searchsorted(edges(), v))),
    "digitize": lambda x: [
        jnp.digitize(x, known, right=right)
        for known in (edges(), edges()[::-1])
        for right in (False, True)
    ],
    "interp": lambda x: [
        jnp.interp(x[:, 0], edges(), edges()**2),
        jnp.interp(x[:, 1], edges(), edges()**3, left=-5.0, right="extrapolate"),
        jax.vmap(lambda v: jnp.interp(v[2], edges(), edges()**2))(x),
    ],
    "a table by steps": lambda x: (edges() ** 2)[jnp.digitize(x, edges()[1:])],
    "searchsorted": lambda x: [
        jnp.searchsorted(jnp.array([-1.0, 0.0, 0.5]), x[:, 0], side=side, method="compare_all")
        for side in ("left", "right")
    ],
    "where it is computed": lambda x: jax.device_put(lax.optimization_barrier(x * 2)),
    "named": lambda x: checkpoint_name(x * 2, "twice"),
    "composite": TWICE,
    "with a slope of its own": lambda x: CLIPPED(x) + SMOOTH(x),
    "with rows of its own": lambda x: BATCHED(x) * 2,
    "printed": lambda x: (jax.debug.callback(lambda v: None, x), x * 2)[1],
    "associative_scan": lambda x: lax.associative_scan(jnp.add, x, axis=1),
    "cond": jax.vmap(lambda v: lax.cond(v[0, 0] > 0, lambda u: u * 2, jnp.cos, v)),
    "cond of a constant": lambda x: lax.cond(jnp.ones(3).sum() > 2, jnp.sin, jnp.cos, x),
    "convolve": jax.vmap(lambda v: jnp.convolve(v[0], jnp.array([1.0, 2.0, 3.0]), mode="same")),
    "windows": lambda x: (
        lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2), (1, 1, 2), "SAME")
        + lax.reduce_window(x, 0.0, lax.add, (1, 2, 2), (1, 1, 2), "SAME")
        + lax.reduce_window(x, jnp.inf, lax.min, (1, 2, 2), (1, 1, 2), "SAME")
    ),
    "windows apart": lambda x: lax.reduce_window(
        x, 0.0, lax.add, (1, 2, 2), (1, 1, 1), ((0, 0), (1, 0), (2, 1)), base_dilation=(1, 2, 1),
        window_dilation=(1, 1, 2),
    ),
}  # fmt: skip
"""Functions of an array of shape (rows, 3, 4)."""

IN_FLOAT32: dict[str, Callable[..., Any]] = {
    "an array of NumPy's, mapped": jax.vmap(jax.vmap(lambda v: jnp.searchsorted(OF_NUMPY, v))),
    "its own limits": lambda x: jnp.nan_to_num(jnp.log(x), nan=-1.0),
    "drawn with a key of its own": lambda x: x + jax.random.normal(jax.random.key(3), (4,)),
    "dot product attention": lambda x: jax.nn.dot_product_attention(
        x[:, :, None], x[:, :, None] * 2, x[:, :, None] + 1, is_causal=True
    ),
    "rounded": lambda x: lax.reduce_precision(x * 3, 8, 23),
    "cast": lambda x: x.astype(jnp.float32) * 0.1,
    "convolution with numbers in float32": lambda x: lax.conv(
        x[:, None], jnp.arange(6, dtype=jnp.float32).reshape(1, 1, 2, 3), (1, 1), "SAME"
    ),
}  # fmt: skip
"""Functions of an array of shape (rows, 3, 4) that are others, or none, with 64 bits."""

CONVOLVED: dict[str, Any] = {
    "plain": {"window_strides": (1, 1), "padding": "VALID"},
    "same": {"window_strides": (2, 1), "padding": "SAME"},
    "dilated": {"window_strides": (1, 1), "padding": ((1, 2), (0, 1)), "rhs_dilation": (2, 1)},
    "transposed": {"window_strides": (1, 1), "padding": ((2, 2), (1, 1)), "lhs_dilation": (2, 3)},
}


@pytest.mark.parametrize("function", together(ONE, 16))
def test_every_operation_on_elements_is_read(function):
    check(function, np.zeros((2, 4)))


@pytest.mark.parametrize("function", together(TO_WHOLE, 9))
def test_whole_numbers_are_those_of_the_functions_own_type(function):
    check(function, np.zeros((2, 4)), wide=False)


@pytest.mark.parametrize("function", together(MANY, 11))
def test_every_operation_on_arrays_is_read(function):
    check(function, np.zeros((2, 3, 4)))


@pytest.mark.parametrize("function", together(IN_FLOAT32, 3))
def test_what_is_something_else_with_64_bits_is_read_as_it_is(function):
    check(function, np.zeros((2, 3, 4)), wide=False)


ORDERS = ("NCHW", "OIHW", "NCHW"), ("NHWC", "HWIO", "NHWC")


def convolved(order: tuple[str, str, str], groups: int) -> Callable[..., Any]:
    """Return convolutions with every option, for one order of axes."""
    weight = np.random.default_rng(1).normal(size=(4, 2 // groups, 2, 3)).astype(np.float32)
    weight = weight.transpose(["OIHW".index(axis) for axis in order[1]])
    numbers = lax.conv_dimension_numbers((2,) * 4, (2,) * 4, order)
    return lambda x: {
        name: lax.conv_general_dilated(
            x, jnp.asarray(weight, x.dtype), dimension_numbers=numbers,
            feature_group_count=groups, **options,
        )
        for name, options in CONVOLVED.items()
    }  # fmt: skip


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize("order", ORDERS)
def test_convolutions_are_read(order, groups):
    shape = [{"N": 2, "C": 2, "H": 4, "W": 5}[axis] for axis in order[0]]
    check(convolved(order, groups), np.zeros(shape))


def test_missing_values_go_where_the_function_sends_them():
    rows = np.random.default_rng(2).normal(size=(40, 4)).astype(np.float32).astype(float)
    rows[::3, 1] = np.nan
    rows[::4, 3] = np.nan
    rows[::7, 0] = np.inf

    def function(x):
        return (
            x.argmax(1), x.argmin(1), x.max(1), jax.nn.relu(x), x != 1, jnp.nanmax(x, 1),
            jnp.sort(x), lax.top_k(x, 3)[0], jnp.sign(x), x > 0, jnp.isfinite(x), jnp.median(x, 1),
            jnp.clip(x, -1, 1), jax.nn.softplus(x),
        )  # fmt: skip

    check(function, rows, rows=rows)
    check(lambda x: x.astype(int), rows, rows=rows, wide=False)


def test_an_interpolation_is_a_line_for_each_stretch():
    formula = cf.read(jax.jit(lambda x: jnp.interp(x[:, 0], edges(), edges() ** 2)), names=["x"])
    steps = [n for n in formula.nodes if n.op is ops.PIECEWISE]
    assert len(steps) <= 4  # where a stretch begins, its length, its value there, and its rise
    assert len(formula.nodes) < 25


def test_a_function_that_is_only_called_searchsorted_is_read_as_what_it_computes():
    @jax.jit
    def searchsorted(known, x):
        return (known[:, None] <= 2 * x).sum(0)

    check(lambda x: searchsorted(edges(), x[:, 0]), np.zeros((1, 1)))


def test_numbers_beyond_the_range_of_whole_ones_stay_at_its_end():
    rows = np.array([[1e10, -1e10], [300.0, -300.0], [2.5, -2.5]])
    check(lambda x: (x.astype(jnp.int32), x.astype(jnp.int8)), rows, rows=rows, wide=False)


def names_in(jaxpr: Any) -> set[str]:
    """Return the primitives of a jaxpr and of those inside it."""
    found, todo = set(), [jaxpr.jaxpr]
    while todo:
        for equation in todo.pop().eqns:
            found.add(equation.primitive.name)
            for value in equation.params.values():
                parts = value if isinstance(value, tuple | list) else [value]
                inner = [getattr(part, "jaxpr", part) for part in parts]
                todo += [j for j in inner if hasattr(j, "eqns")]
    return found


ELSEWHERE = frozenset({"conv_general_dilated", "sharding_constraint", "mesh_cast", "pvary"})
"""Primitives of the convolutions above, and of several devices."""
OLDER = frozenset(
    {"scatter_add", "scatter_mul", "scatter_min", "scatter_max", "expand_dims", "copy_p"}
    | {"reduce_sharding", "pjit", "xla_call", "core_call", "core_closed_call", "closed_call"}
    | {"checkpoint", "remat", "custom_vjp_call_jaxpr"}
)
"""Names that other versions of JAX have for the same."""


def test_every_operation_in_the_table_is_tried():
    tables = ((ONE, (2, 4)), (TO_WHOLE, (2, 4)), (MANY, (2, 3, 4)), (IN_FLOAT32, (2, 3, 4)))
    tried = {
        name
        for table, shape in tables
        for function in table.values()
        for name in names_in(jax.make_jaxpr(function)(jnp.zeros(shape)))
    }
    assert not ({*LAX, *WHOLE, *CALLS, *LOOPS} - tried - ELSEWHERE - OLDER)
