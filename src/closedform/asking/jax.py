"""JAX functions and modules: rows of a formula's inputs become arrays, results become columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from closedform.asking import Method
from closedform.asking.jaxprs import Double, InDouble, Walk, floating
from closedform.columns import columns_of
from closedform.errors import BadInput, UnsupportedModel
from closedform.formula import Formula
from closedform.ir import Array

BLOCK = 512
"""Rows that a function is asked about at once; fewer are filled up to a power of 2, since JAX
compiles for each number of rows anew."""


@dataclass(frozen=True)
class Slot:
    """One array that a function takes.

    Attributes:
        name: the argument, with the keys inside it.
        shape: of one row.
        dtype: of its elements, as NumPy calls it.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str

    @property
    def size(self) -> int:
        """How many elements one row has."""
        return int(np.prod(self.shape, dtype=int))

    @property
    def whole(self) -> bool:
        """Whether it holds whole numbers."""
        return not floating(self.dtype)


@dataclass(frozen=True)
class Call:
    """How a function takes its arrays.

    Attributes:
        slots: the arrays, one after the other.
        arguments: a list, or a dict by name, of arguments. Each is the number of a slot, or
            {"dict": {…}}, {"list": […]} or {"tuple": […]} of such.
        twin: how the function is computed in float64: "x64", by JAX with 64 bits; "jaxpr",
            operation by operation; "", not at all.
    """

    slots: tuple[Slot, ...]
    arguments: Any
    twin: str = ""

    @classmethod
    def of_options(cls, formula: Formula) -> Call:
        """Return what a read noted; for a formula of something else, one array of floats."""
        options = formula.trail[0].options if formula.trail else {}
        given = options.get("inputs") or [["x", [len(formula.inputs)], False]]
        types = {False: "float64", True: "int64"}  # as PyTorch's reader notes them
        slots = tuple(Slot(name, tuple(shape), types.get(t, t)) for name, shape, t in given)
        arguments = options.get("arguments", list(range(len(slots))))
        return cls(slots, arguments, options.get("twin", "x64"))

    def built(self, arrays: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
        """Return arrays as positional and named arguments."""
        if isinstance(self.arguments, Mapping):
            return [], {name: _tree(part, arrays) for name, part in self.arguments.items()}
        return [_tree(part, arrays) for part in self.arguments], {}


def _tree(part: Any, arrays: Sequence[Any]) -> Any:
    if not isinstance(part, Mapping):
        return arrays[part]
    if "dict" in part:
        return {key: _tree(inner, arrays) for key, inner in part["dict"].items()}
    made = [_tree(inner, arrays) for inner in part.get("list", part.get("tuple"))]
    return made if "list" in part else tuple(made)


# --- models as functions of rows ----------------------------------------------------------------


def function_of(model: Any) -> Callable[..., Any]:
    """Return a model as a function of arrays whose first axis counts rows.

    Raises:
        UnsupportedModel: it is nothing that can be called so.
    """
    packages = [kind.__module__.partition(".")[0] for kind in type(model).__mro__]
    for package, rule in PACKAGES.items():
        if package in packages:
            return rule(model)
    raise _no_function(model)


def _no_function(model: Any, hint: str = "Give the function itself: jax.jit(f).") -> Exception:
    kind = type(model)
    return UnsupportedModel(
        f"A {kind.__module__}.{kind.__qualname__} is no function that can be read.", hint=hint
    )


def _of_jax(model: Any) -> Callable[..., Any]:
    if not callable(model) or hasattr(model, "as_text"):  # what is compiled shows no operations
        raise _no_function(model)
    made: Callable[..., Any] = model
    return made


def _of_equinox(model: Any) -> Callable[..., Any]:
    """A module is a function of one row; what filter_vmap made, and other functions, of rows."""
    import equinox
    import jax

    inner = model
    while type(inner).__name__ == "_JitWrapper":
        inner = inner.__wrapped__
    if not callable(inner):
        raise _no_function(model, "Give a module with a __call__, or jax.jit of a function.")
    asked: Callable[..., Any] = equinox.nn.inference_mode(inner)
    if type(inner).__name__ == "_VmapWrapper" or not isinstance(inner, equinox.Module):
        return _called(asked)
    made: Callable[..., Any] = jax.vmap(asked)
    return made


def _of_flax(model: Any) -> Callable[..., Any]:
    """A module of NNX in evaluation mode, a bound module of Linen, or a train state."""
    names = {kind.__name__ for kind in type(model).__mro__}
    if "TrainState" in names:
        return _of_state(model)
    if hasattr(model, "bind") and hasattr(model, "scope"):
        if model.scope is None:
            raise UnsupportedModel(
                f"This {type(model).__name__} holds no parameters: Flax keeps them apart.",
                hint="Bind them: read(module.bind(variables), example=X[:1]).",
            )
        return _called(model)
    from flax import nnx

    if type(model).__name__ == "JitWrapped":  # what nnx.jit has made of a function
        return _called(model)
    if not isinstance(model, nnx.Module):
        raise _no_function(model)
    asked = nnx.clone(model)
    asked.eval()
    return _called(asked)


def _of_state(model: Any) -> Callable[..., Any]:
    if type(model).__module__.partition(".")[0] != "flax":
        raise UnsupportedModel(
            f"A {type(model).__name__} may hold more than parameters, as statistics of batches.",
            hint="Say how it is applied: read(jax.jit(lambda X: state.apply_fn({'params': "
            "state.params, …}, X)), example=X[:1]).",
        )
    return lambda *args, **named: model.apply_fn({"params": model.params}, *args, **named)


def _called(model: Any) -> Callable[..., Any]:
    if not callable(model):
        raise _no_function(model, "Its class has no __call__: give jax.jit of a method.")

    def ask(*args: Any, **named: Any) -> Any:  # jax.jit wants a function
        return model(*args, **named)

    return ask


PACKAGES: dict[str, Callable[[Any], Callable[..., Any]]] = {
    "equinox": _of_equinox,
    "flax": _of_flax,
    "jax": _of_jax,
    "jaxlib": _of_jax,
}
"""Package of a model's class → a function of the model that gives one of rows."""


@contextmanager
def bits64() -> Iterator[None]:
    """Let JAX compute in 64 bits."""
    import jax

    if hasattr(jax, "enable_x64"):
        with jax.enable_x64(True):
            yield
    else:  # before 0.8
        with jax.experimental.enable_x64():
            yield


# --- asking -------------------------------------------------------------------------------------


def methods(model: Any, formula: Formula) -> list[Method]:
    """Return how a model is asked: as it is and, where it computes in less, in float64 too."""
    call = Call.of_options(formula)
    options = formula.trail[0].options if formula.trail else {}
    outputs = tuple(options.get("outputs") or formula.outputs)
    kind = options.get("dtype", "float32")

    def asks(answer: Callable[[Array], Array]) -> Callable[[Any], Array]:
        return lambda X: answer(np.column_stack(columns_of(formula.inputs, X)[0]))

    own = asks(answers(model, call))
    if kind == "float64" or not call.twin:
        return [Method(f"function, {kind}", own, outputs, double=kind == "float64")]
    return [
        Method("function in float64", asks(in_double(model, call)), outputs, double=True),
        Method(f"function, {kind}", own, outputs, twin=0),
    ]


def answers(model: Any, call: Call) -> Callable[[Array], Array]:
    """Return a model as a function of rows, shape (rows, inputs), that gives (rows, outputs).

    Rows that it cannot take raise, and so do numbers beyond the range of its float type.
    """
    return _by_blocks(_compiled(function_of(model)), call)


def in_double(model: Any, call: Call) -> Callable[[Array], Array]:
    """Return the same as `answers`, computed in float64."""
    function = function_of(model)
    if call.twin == "jaxpr":
        return _by_blocks(_walked(function), call, wide=True)
    compiled = _compiled(function)
    ask = _by_blocks(compiled, call, wide=True)

    def wide(flat: Array) -> Array:
        with bits64():
            return ask(flat)

    return wide


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    import jax

    def ask(*args: Any, **named: Any) -> Any:  # of its own: JAX remembers what it has compiled
        return function(*args, **named)

    made: Callable[..., Any] = jax.jit(ask, **_as_defined())
    return made


FAITHFUL = {"xla_cpu_experimental_ynn_fusion_type": ""}
"""How XLA pools as it is defined: by its newer CPU kernels, in JAX 0.10, the pool of max(x, 0)
over 16 rows loses what is missing, and that over one row does not."""


@cache
def _as_defined() -> dict[str, Any]:
    """Return the options for jax.jit, as far as this XLA knows them."""
    import jax

    options = {"compiler_options": FAITHFUL}
    try:
        jax.jit(lambda x: x + 1, **options)(1.0)
    except Exception:  # another XLA, another device, or a jit without options
        return {}
    return options


def _walked(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what gives the same for arrays in float64, each operation in float64."""
    import jax

    known: dict[int, Callable[..., list[Any]]] = {}

    def ask(*args: Any, **named: Any) -> list[Any]:
        leaves, tree = jax.tree_util.tree_flatten((args, named))
        rows = len(leaves[0].wide)
        if rows not in known:
            own = jax.tree_util.tree_unflatten(tree, [a.own for a in leaves])
            known[rows] = _walking(jax.make_jaxpr(function)(*own[0], **own[1]))
        with bits64():
            return list(map(np.asarray, known[rows](*[a.wide for a in leaves])))

    return ask


def _walking(traced: Any) -> Callable[..., list[Any]]:
    """Return a walk over a jaxpr in float64 as a function, compiled where it can be."""
    import jax

    def walk(*wide: Any) -> list[Any]:
        made = Walk(InDouble()).closed(traced, list(map(Double, wide)))
        return [m.value if isinstance(m, Double) else m for m in made]

    compiled = jax.jit(walk, **_as_defined())

    def ask(*wide: Any) -> list[Any]:
        try:
            made: list[Any] = compiled(*wide)
        except jax.errors.ConcretizationTypeError:  # a loop must know its constants
            made = walk(*wide)
        return made

    return ask


@dataclass(frozen=True)
class Twofold:
    """One array, as the function takes it and in float64."""

    own: Any
    wide: Any


def _by_blocks(
    function: Callable[..., Any], call: Call, *, wide: bool = False
) -> Callable[[Array], Array]:
    def ask(flat: Array) -> Array:
        return np.vstack([_block(flat[i : i + BLOCK]) for i in range(0, len(flat), BLOCK)])

    def _block(part: Array) -> Array:
        rows = len(part)
        filled = np.repeat(part[-1:], (1 << (rows - 1).bit_length()) - rows, axis=0)
        part = np.vstack([part, filled])
        arrays = arrays_of(call, part, wide=wide)
        args, named = call.built(arrays)
        return _table(function(*args, **named), len(part))[:rows]

    return ask


def _table(made: Any, rows: int) -> Array:
    """Return results as columns.

    Raises:
        BadInput: the first axis of one of them does not count the rows.
    """
    import jax

    parts = [plain(part) for part in jax.tree_util.tree_leaves(made)]
    if any(part.shape[:1] != (rows,) for part in parts):
        raise BadInput("the first axis of a result does not count the rows")
    return np.hstack([part.astype(np.float64).reshape(rows, -1) for part in parts])


def plain(value: Any) -> Array:
    """Return an array of JAX's as one of NumPy's: floats as float64, others as they are."""
    array = np.asarray(value)
    return array.astype(np.float64) if floating(array.dtype) else array


def arrays_of(call: Call, flat: Array, *, wide: bool = False) -> list[Any]:
    """Return rows, shape (rows, inputs), as the arrays that a function takes.

    Args:
        call: how the function takes them.
        flat: the rows.
        wide: whether floats stay float64; with `call.twin` "jaxpr" they come twofold.

    Raises:
        ValueError: no whole number where the function takes one, or a number beyond the range of
            the float type.
    """
    import jax

    made, at = [], 0
    for slot in call.slots:
        part = flat[:, at : at + slot.size].reshape(len(flat), *slot.shape)
        at += slot.size
        if slot.whole:
            _require_whole(slot, part)
            own = jax.numpy.asarray(part.astype(slot.dtype))
            made.append(Twofold(own, own) if wide and call.twin == "jaxpr" else own)
            continue
        own = _narrowed(slot, part)
        part = _normal(part) if wide else part
        if wide and call.twin == "jaxpr":
            made.append(Twofold(own, part))
        else:
            made.append(jax.numpy.asarray(part) if wide else own)
    return made


def _require_whole(slot: Slot, part: Array) -> None:
    if not (part == np.floor(part)).all():
        raise ValueError(f"{slot.name} takes whole numbers")
    kind = np.dtype(slot.dtype)
    lo, hi = (0, 1) if kind.kind == "b" else (np.iinfo(kind).min, np.iinfo(kind).max)
    if len(part) and part.size and (part.min() < lo or part.max() > hi):
        raise ValueError(f"{slot.name} holds a number beyond the range of {kind}")


def _normal(part: Array) -> Array:
    """Return numbers, those too small to be normal as the smallest that are: XLA takes them for 0.

    In exact arithmetic, either of the two lies on the same side of a threshold at 0.
    """
    least = np.finfo(np.float64).tiny
    small = (np.abs(part) < least) & (part != 0)
    return np.where(small, np.copysign(least, part), part)


def _narrowed(slot: Slot, part: Array) -> Any:
    import jax

    with np.errstate(over="ignore"):
        own = jax.numpy.asarray(part, jax.dtypes.canonicalize_dtype(slot.dtype))
    if (np.isinf(plain(own)) & ~np.isinf(part)).any():
        raise ValueError(f"{slot.name} holds a number beyond the range of {own.dtype}")
    return own
