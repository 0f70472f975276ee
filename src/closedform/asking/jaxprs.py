"""JAX's jaxprs, equation by equation: constants are computed by JAX, the rest by whoever walks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from closedform.ir import Array

LONGEST = 10_000
"""Rounds of a loop that are unrolled."""

CALLS = frozenset(
    {"jit", "pjit", "closed_call", "core_call", "core_closed_call", "custom_jvp_call"}
    | {"custom_vjp_call", "custom_vjp_call_jaxpr", "checkpoint", "remat", "remat2", "xla_call"}
    | {"custom_vmap_call", "composite"}
)
"""Equations that compute another jaxpr on the same values."""

INNER = ("jaxpr", "call_jaxpr", "fun_jaxpr", "call")
"""Where they keep it."""


class NotStatic(Exception):
    """A loop whose length depends on the inputs, or is beyond `LONGEST`; the text says which."""


class Domain(Protocol):
    """What the values that depend on the inputs are, and how one operation gives others."""

    def live(self, value: Any) -> bool:
        """Tell whether a value depends on the inputs."""

    def apply(self, equation: Any, given: Sequence[Any]) -> Any:
        """Return what an operation gives: a value, or a list of them."""

    def call(
        self, equation: Any, given: Sequence[Any], run: Callable[[], list[Any]]
    ) -> list[Any]:  # fmt: skip
        """Return what a named function gives; `run` computes it step by step."""

    def at(self, value: Any, place: int) -> Any:
        """Return one place along the first axis."""

    def stack(self, values: Sequence[Any]) -> Any:
        """Return values as one, along a new first axis."""

    def choose(self, which: Any, options: Sequence[list[Any]]) -> list[Any]:
        """Return the results of one of several branches by its number."""


@dataclass
class Walk:
    """One walk over a jaxpr and those inside it."""

    domain: Domain
    rounds: int = field(default=0)

    def run(self, jaxpr: Any, consts: Sequence[Any], args: Sequence[Any]) -> list[Any]:
        """Return the results of an open jaxpr.

        Raises:
            NotStatic: a loop whose length is not known.
        """
        values: dict[Any, Any] = dict(zip(jaxpr.constvars, map(_plain, consts), strict=True))
        values |= {v: _typed(x, v.aval) for v, x in zip(jaxpr.invars, args, strict=True)}
        for equation in jaxpr.eqns:
            given = [_value(v, values) for v in equation.invars]
            made = self._equation(equation, given)
            several = equation.primitive.multiple_results
            values |= zip(equation.outvars, made if several else [made], strict=True)
        return [_value(v, values) for v in jaxpr.outvars]

    def closed(self, jaxpr: Any, args: Sequence[Any]) -> list[Any]:
        """Return the results of a jaxpr that holds its constants, or has none."""
        return self.run(getattr(jaxpr, "jaxpr", jaxpr), getattr(jaxpr, "consts", ()), args)

    def _equation(self, equation: Any, given: Sequence[Any]) -> Any:
        name = equation.primitive.name
        if not any(map(self.domain.live, given)):
            return folded(equation, given, equation.params)
        if name in LOOPS:
            return LOOPS[name](self, equation.params, given)
        if name in CALLS:
            inner = next(equation.params[key] for key in INNER if key in equation.params)
            return self.domain.call(equation, given, lambda: self.closed(inner, given))
        return self.domain.apply(equation, given)

    def _count(self) -> None:
        self.rounds += 1
        if self.rounds > LONGEST:
            raise NotStatic(f"its loops have more than {LONGEST:,} rounds")

    def scan(self, params: Mapping[str, Any], given: Sequence[Any]) -> list[Any]:
        """Return lax.scan, unrolled: the carried values, then one stack for each result."""
        first = params["num_consts"]
        last = first + params["num_carry"]
        fixed, carry, each = given[:first], list(given[first:last]), given[last:]
        order = range(params["length"])
        stacks: list[list[Any]] = []
        for i in reversed(order) if params["reverse"] else order:
            self._count()
            now = [self.domain.at(x, i) for x in each]
            made = self.closed(params["jaxpr"], [*fixed, *carry, *now])
            carry, results = made[: len(carry)], made[len(carry) :]
            stacks.append(results)
        stacks = stacks[::-1] if params["reverse"] else stacks
        if not stacks:
            raise NotStatic("a loop over a sequence of length 0")
        return [*carry, *map(self.domain.stack, zip(*stacks, strict=True))]

    def loop(self, params: Mapping[str, Any], given: Sequence[Any]) -> list[Any]:
        """Return lax.while_loop, unrolled as long as its test does not depend on the inputs."""
        first, second = params["cond_nconsts"], params["body_nconsts"]
        test, body = given[:first], given[first : first + second]
        carry = list(given[first + second :])
        while True:
            (more,) = self.closed(params["cond_jaxpr"], [*test, *carry])
            if self.domain.live(more):
                raise NotStatic("a loop that runs as often as its inputs say")
            if not bool(more):
                return carry
            self._count()
            carry = self.closed(params["body_jaxpr"], [*body, *carry])

    def branch(self, params: Mapping[str, Any], given: Sequence[Any]) -> list[Any]:
        """Return lax.cond and lax.switch: one of the branches, or all of them and a choice."""
        which, args = given[0], given[1:]
        if not self.domain.live(which):
            at = min(max(int(which), 0), len(params["branches"]) - 1)
            return self.closed(params["branches"][at], args)
        made = [self.closed(branch, args) for branch in params["branches"]]
        return self.domain.choose(which, made)

    def solve(self, params: Mapping[str, Any], given: Sequence[Any]) -> list[Any]:
        """Return lax.custom_linear_solve: what its own way of solving gives."""
        counts = params["const_lengths"]
        first = counts.matvec + counts.vecmat
        fixed = given[first : first + counts.solve]
        right = given[first + counts.solve + counts.transpose_solve :]
        return self.closed(params["jaxprs"].solve, [*fixed, *right])


LOOPS: dict[str, Callable[[Walk, Mapping[str, Any], Sequence[Any]], list[Any]]] = {
    "scan": Walk.scan,
    "while": Walk.loop,
    "cond": Walk.branch,
    "custom_linear_solve": Walk.solve,
}
"""Equations that compute other jaxprs, in a way of their own."""


def _value(variable: Any, values: Mapping[Any, Any]) -> Any:
    """Return what a variable holds; a literal holds itself."""
    if not hasattr(variable, "val"):
        return values[variable]
    if type(variable.val) in (bool, int, float):  # until JAX 0.7
        return np.asarray(variable.val, variable.aval.dtype)
    return variable.val


def _typed(value: Any, aval: Any) -> Any:
    """Return what a jaxpr is given, of the type that it takes.

    An array of NumPy's that a function closes over keeps the type of its first trace: float32 in
    one with 64 bits, and the other way round.
    """
    due, own = getattr(aval, "dtype", None), getattr(value, "dtype", None)
    known = isinstance(value, np.ndarray | np.generic) and isinstance(due, np.dtype)
    return np.asarray(value, due) if known and own not in (object, due) else value


def _plain(constant: Any) -> Any:
    """Return a constant of JAX's as an array of NumPy's; a random key as it is."""
    plain = isinstance(getattr(constant, "dtype", None), np.dtype)
    return np.asarray(constant) if plain else constant


def _broadcast(x: Array, params: Mapping[str, Any]) -> Array:
    shape = [1] * len(params["shape"])
    for i, place in enumerate(params["broadcast_dimensions"]):
        shape[place] = x.shape[i]
    return np.broadcast_to(x.reshape(shape), params["shape"])


MOVED: dict[str, Callable[[Array, Mapping[str, Any]], Array]] = {
    "reshape": lambda x, params: x.reshape(params["new_sizes"]),
    "transpose": lambda x, params: x.transpose(params["permutation"]),
    "squeeze": lambda x, params: np.squeeze(x, tuple(map(int, params["dimensions"]))),
    "broadcast_in_dim": _broadcast,
}
"""What only moves elements: JAX compiles for each shape of each, some 30 ms long."""


def folded(equation: Any, given: Sequence[Any], params: Mapping[str, Any]) -> Any:
    """Return what JAX itself computes for an equation."""
    primitive = equation.primitive
    plain = primitive.name in MOVED and isinstance(given[0], np.ndarray | np.generic)
    turned = primitive.name == "reshape" and params["dimensions"] is not None
    if plain and not turned:
        return MOVED[primitive.name](np.asarray(given[0]), params)
    made = primitive.get_bind_params(dict(params))
    functions, named = made if isinstance(made, tuple) else ((), made)  # a pair until JAX 0.7
    with equation.ctx.manager:
        return primitive.bind(*functions, *given, **named)


def narrow(dtype: Any) -> bool:
    """Tell whether a type holds floats of less than 64 bits."""
    return floating(dtype) and np.dtype(dtype).itemsize < 8


def floating(dtype: Any) -> bool:
    """Tell whether a type holds floats; bfloat16 is no float to NumPy."""
    import jax

    return bool(jax.numpy.issubdtype(dtype, jax.numpy.floating))


@dataclass(frozen=True)
class Double:
    """A value that depends on the inputs, its floats in float64."""

    value: Any


class InDouble:
    """The same operations by JAX itself, with float64 in the place of every narrower float."""

    def live(self, value: Any) -> bool:
        """Tell whether a value depends on the inputs."""
        return isinstance(value, Double)

    def apply(self, equation: Any, given: Sequence[Any]) -> Any:
        """Return what JAX gives for the values in float64."""
        if equation.primitive.name == "reduce_precision":  # to that of a narrower type
            return given[0]
        made = folded(equation, list(map(_widened, given)), _wide(equation.params))
        several = equation.primitive.multiple_results
        return list(map(Double, made)) if several else Double(made)

    def call(self, equation: Any, given: Sequence[Any], run: Callable[[], list[Any]]) -> list[Any]:
        """Return what a function gives, step by step."""
        return run()

    def at(self, value: Any, place: int) -> Any:
        """Return one place along the first axis."""
        return Double(value.value[place]) if isinstance(value, Double) else value[place]

    def stack(self, values: Sequence[Any]) -> Any:
        """Return values as one, along a new first axis."""
        import jax

        made = jax.numpy.stack(list(map(_widened, values)))
        return Double(made) if any(map(self.live, values)) else made

    def choose(self, which: Any, options: Sequence[list[Any]]) -> list[Any]:
        """Return the results of one of several branches by its number."""
        import jax

        at = jax.numpy.clip(_widened(which), 0, len(options) - 1)
        return [
            Double(jax.lax.select_n(at, *map(_widened, several)))
            for several in zip(*options, strict=True)
        ]


def _widened(value: Any) -> Any:
    import jax

    value = value.value if isinstance(value, Double) else value
    dtype = getattr(value, "dtype", None)
    if isinstance(value, float) or (dtype is not None and narrow(dtype)):
        return jax.numpy.asarray(value, np.float64)
    return value


def _wide(params: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of an operation with float64 in the place of narrower floats."""
    types = ("new_dtype", "preferred_element_type", "dtype", "out_dtype")
    found = {key: params[key] for key in types if params.get(key) is not None}
    return {**params, **{key: np.dtype("float64") for key, t in found.items() if narrow(t)}}
