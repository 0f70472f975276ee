"""A function as JAX's traced operations, and the rows that it is traced with."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from closedform.asking.jax import Call, Slot, bits64, function_of
from closedform.asking.jaxprs import CALLS, floating
from closedform.errors import BadInput, UnsupportedModel
from closedform.ir import Array
from closedform.readers.jax.walking import BATCH
from closedform.readers.torch.tracing import MOST_TRIED, first_line


@dataclass(frozen=True)
class Example:
    """Rows as a function takes them: how it takes them, and one array for each slot."""

    call: Call
    values: tuple[Array, ...]


@dataclass(frozen=True)
class Trace:
    """A traced function.

    Attributes:
        jaxpr: JAX's closed jaxpr, for `BATCH` rows.
        names: a name for each result.
        wide: whether it was traced with 64 bits.
        dtype: the coarsest float type in which the function itself computes.
    """

    jaxpr: Any
    names: tuple[str, ...]
    wide: bool
    dtype: str


# --- the example --------------------------------------------------------------------------------


def example_of(model: Any, names: Sequence[str] | None, given: Any) -> Example:
    """Return the example, or zeros where it is known how many inputs there are.

    Raises:
        BadInput: neither is known, or the example holds no row, or other containers than tuples,
            lists and dicts.
    """
    if given is None:
        count = len(names) if names is not None else _inputs_of(model)
        given = np.zeros((1, count))
    by_name = isinstance(given, Mapping)
    if not by_name and not (isinstance(given, tuple | list) and not _is_table(given)):
        given = (given,)
    slots: list[Slot] = []
    values: list[Array] = []
    parts = given.items() if by_name else zip(_arguments(model, len(given)), given, strict=True)
    made = {name: _noted(str(name), part, slots, values) for name, part in parts}
    arguments: Any = made if by_name else list(made.values())
    return Example(Call(tuple(slots), arguments), tuple(values))


def _is_table(example: Sequence[Any]) -> bool:
    """Tell rows written as lists of numbers from a list of arrays."""
    return all(isinstance(row, list | tuple) for row in example)


def _noted(name: str, part: Any, slots: list[Slot], values: list[Array]) -> Any:
    """Note the arrays in one argument, in JAX's order, and return how it is put together."""
    if isinstance(part, dict):
        return {"dict": {k: _noted(f"{name}.{k}", part[k], slots, values) for k in sorted(part)}}
    if type(part) in (tuple, list) and not _is_row(part):
        kind = type(part).__name__
        found = [_noted(f"{name}.{i}", p, slots, values) for i, p in enumerate(part)]
        return {kind: found}
    slots.append(_slot(name, part))
    values.append(_rows(part))
    return len(slots) - 1


def _is_row(part: Any) -> bool:
    """Tell numbers, or rows of numbers, from a list of arrays."""
    return not any(hasattr(p, "shape") or isinstance(p, dict) for p in part)


def _rows(value: Any) -> Array:
    array = np.asarray(value)
    array = array.astype(np.float64) if array.dtype.kind == "V" else array  # bfloat16
    if array.ndim == 0 or not len(array) or array.dtype.kind not in "fiub":
        raise BadInput(
            f"The example has the shape {array.shape} and the type {array.dtype}: it holds no row "
            "of numbers.",
            hint="Give rows as the function takes them, of shape (rows, …); tuples, lists and "
            "dicts of such are arguments that hold several arrays.",
        )
    return array[:MOST_TRIED]


def _slot(name: str, value: Any) -> Slot:
    import jax

    _rows(value)
    array = value if hasattr(value, "dtype") else np.asarray(value)
    dtype = str(jax.dtypes.canonicalize_dtype(array.dtype))
    return Slot(name, tuple(map(int, np.shape(array)[1:])), dtype)


def _arguments(model: Any, count: int) -> list[str]:
    """Return the names of the first arguments, as far as the function says them."""
    known: list[inspect.Parameter] = []
    with suppress(TypeError, ValueError):
        known = list(inspect.signature(model).parameters.values())
    positional = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    names = [p.name for p in known if p.kind in positional][:count]
    names = [n if n not in ("args", "kwargs") else f"x{i}" for i, n in enumerate(names)]
    return [*names, *(f"x{i}" for i in range(len(names), count))] if count > 1 else names or ["x"]


def _inputs_of(model: Any) -> int:
    """Return how many inputs the first layer takes."""
    import jax

    counts = ("in_features", "in_size")
    layers: Callable[[Any], bool] = lambda part: any(  # noqa: E731
        isinstance(getattr(part, c, None), int) for c in counts
    )
    try:
        parts = jax.tree_util.tree_leaves(model, is_leaf=layers)
    except (TypeError, ValueError):
        parts = []
    for part in filter(layers, [*parts[:1], *_modules(model)]):
        return int(next(v for c in counts if isinstance(v := getattr(part, c, None), int)))
    raise BadInput(
        f"This {type(model).__name__} does not say the shape of its inputs.",
        hint="Give rows as it takes them: read(model, example=X[:1]).",
    )


def _modules(model: Any) -> Iterator[Any]:
    """Yield the modules inside one of Flax's NNX."""
    if any(k.__module__.startswith("flax.nnx") for k in type(model).__mro__):
        yield from (part for part in vars(model).values() if hasattr(part, "in_features"))


# --- the trace ----------------------------------------------------------------------------------


def traces(model: Any, example: Example) -> Iterator[tuple[Trace, Example]]:
    """Yield a function's operations, and the example with how it is computed in float64.

    They are first traced with 64 bits, where all floats that depend on the inputs have as many
    then: what the function computes from constants alone, as √(2/π), has the precision of the
    formula. A function may compute something else with 64 bits, as other random numbers or other
    limits; so they are also traced as the function itself computes.

    Raises:
        UnsupportedModel: JAX cannot trace it.
    """
    function, name = function_of(model), type(model).__name__
    own, names = _traced(name, function, example, wide=False)
    dtype = _coarsest(own)
    if dtype == "float64":
        yield Trace(own, names, False, dtype), example
        return
    wide = None
    if not _turns_whole(own):
        with suppress(UnsupportedModel):
            wide, _ = _traced(name, function, example, wide=True)
    if wide is not None and _coarsest(wide) == "float64":
        call = replace(example.call, twin="x64")
        yield Trace(wide, names, True, dtype), replace(example, call=call)
    call = replace(example.call, twin="jaxpr")
    yield Trace(own, names, False, dtype), replace(example, call=call)


def _traced(
    name: str, function: Callable[..., Any], example: Example, *, wide: bool
) -> tuple[Any, tuple[str, ...]]:
    import jax

    with bits64() if wide else nullcontext():
        shapes = [_shape(slot, wide) for slot in example.call.slots]
        args, named = example.call.built(shapes)
        try:
            made, out = jax.make_jaxpr(function, return_shape=True)(*args, **named)
        except Exception as error:  # a function may fail in any way
            raise UnsupportedModel(
                f"JAX cannot trace this {name}: {first_line(error)}", hint=_hint(name)
            ) from error
        names = _result_names(out)
    _require_rows(name, out, names)
    return made, names


def _shape(slot: Slot, wide: bool) -> Any:
    import jax

    dtype = "float64" if wide and not slot.whole else slot.dtype
    return jax.ShapeDtypeStruct((BATCH, *slot.shape), jax.dtypes.canonicalize_dtype(dtype))


def _hint(name: str) -> str:
    return (
        "A function takes all rows at once, and one way through itself whatever they hold: "
        "jnp.where, and no `if` on a value. Turn a function of one row into one of rows: "
        "jax.jit(jax.vmap(f)). An Equinox module is taken as a function of one row; one that takes "
        "all at once is given as jax.jit(lambda X: module(X))."
    )


def _require_rows(name: str, out: Any, names: Sequence[str]) -> None:
    import jax

    for leaf, result in zip(jax.tree_util.tree_leaves(out), names, strict=True):
        if leaf.shape[:1] != (BATCH,):
            raise UnsupportedModel(
                f"The result {result!r} of this {name} has no rows: its shape is {leaf.shape} "
                f"for {BATCH} rows.", hint=_hint(name),
            )  # fmt: skip


def _result_names(out: Any) -> tuple[str, ...]:
    """Return a name for each result: y; y0, y1 … of several; the keys of a dict."""
    import jax

    made = []
    for path, _ in jax.tree_util.tree_flatten_with_path(out)[0]:
        parts = [_key(key) for key in path] or ["y"]
        made.append("_".join(parts) if not parts[0].isdigit() else "y" + "_".join(parts))
    return tuple(made)


def _key(key: Any) -> str:
    for name in ("key", "idx", "name"):
        if hasattr(key, name):
            return str(getattr(key, name))
    return str(key)


def _coarsest(jaxpr: Any) -> str:
    """Return the coarsest float type that a function computes in; without any, float64."""
    import jax

    found = {str(a.dtype) for a in jaxpr.in_avals if floating(a.dtype)}
    for equation in _live(jaxpr):
        types = [getattr(v.aval, "dtype", None) for v in equation.outvars]
        found |= {str(d) for d in types if d is not None and floating(d)}
    return max(found, key=lambda d: float(jax.numpy.finfo(d).eps), default="float64")


def _live(jaxpr: Any) -> Iterator[Any]:
    """Yield the equations that depend on the inputs, also those inside others.

    What is inside a loop counts as depending on them if any of its arguments does.
    """
    todo = [(jaxpr.jaxpr, set(jaxpr.jaxpr.invars))]
    while todo:
        inside, live = todo.pop()
        for equation in inside.eqns:
            moved = [not hasattr(v, "val") and v in live for v in equation.invars]
            if any(moved):
                live |= set(equation.outvars)
                yield equation
                todo += _within(equation, moved)


def _within(equation: Any, moved: Sequence[bool]) -> Iterator[tuple[Any, set[Any]]]:
    """Yield each jaxpr inside an equation, with those of its arguments that depend on inputs."""
    straight = equation.primitive.name in CALLS
    for value in equation.params.values():
        for part in value if isinstance(value, tuple | list) else [value]:
            inner: Any = getattr(part, "jaxpr", part)
            if not hasattr(inner, "eqns"):
                continue
            pairs = zip(inner.invars, moved, strict=True) if straight else ()
            known = {v for v, yes in pairs if not yes}
            yield inner, set(inner.invars) - known


def _turns_whole(jaxpr: Any) -> bool:
    """Tell whether floats become whole numbers, whose range is another one with 64 bits."""
    for equation in _live(jaxpr):
        if equation.primitive.name == "convert_element_type":
            before, after = equation.invars[0].aval.dtype, equation.params["new_dtype"]
            if floating(before) and np.dtype(after).kind in "iu":
                return True
    return False
