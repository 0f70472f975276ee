"""What a walk over a jaxpr makes of the operations that depend on the inputs: arrays of nodes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.asking.jax import plain
from closedform.errors import UnsupportedModel
from closedform.ir import Node
from closedform.readers import tensors as t
from closedform.readers.jax.elements import picked
from closedform.readers.jax.lax import (
    ACTIVATIONS,
    BITS,
    CHECKS,
    LAX,
    MOVING,
    NO_MATTER,
    REFUSED,
    UNITS,
    WHOLE,
    WRAPPING,
)
from closedform.readers.jax.searching import searched
from closedform.readers.reading import Reading
from closedform.readers.tensors import Tensor, nodes_of
from closedform.readers.torch.elements import Absent, NoFormula
from closedform.readers.torch.walking import LARGEST, TOO_LARGE

BATCH = 2
"""Rows that are traced: with one, `squeeze()` would drop the rows as well."""


class InNodes:
    """Values that depend on the inputs are arrays of nodes; problems go to a reading."""

    def __init__(self, reading: Reading) -> None:
        """Start without any operation."""
        self.reading = reading
        self.size = 0.0
        self.layers = 0
        self.inside = 0
        self.problems: dict[str, None] = {}

    def live(self, value: Any) -> bool:
        """Tell whether a value depends on the inputs."""
        return isinstance(value, Absent) or (
            isinstance(value, np.ndarray) and value.dtype == object
        )

    def apply(self, equation: Any, given: Sequence[Any]) -> Any:
        """Return what an operation gives; what stands for it where it has no formula.

        Raises:
            UnsupportedModel: the formula would be too long.
        """
        if equation.primitive.name in CHECKS:
            return []
        self._count(equation, given)
        try:
            made = self._made(equation, given)
        except NoFormula as error:
            self.problems[str(error)] = None
            unknown = [_unknown(v.aval) for v in equation.outvars]
            return unknown if equation.primitive.multiple_results else unknown[0]
        if equation.primitive.name in UNITS:
            self._name(made)
        return made

    def _made(self, equation: Any, given: Sequence[Any]) -> Any:
        name, out = equation.primitive.name, equation.outvars[0].aval.dtype
        kind = np.dtype(out).kind if isinstance(out, np.dtype) else "?"
        function = WHOLE.get(name, LAX.get(name)) if kind in "iu" else LAX.get(name)
        if function is None or (name in BITS and kind != "b"):
            why = f": {REFUSED[name]}" if name in REFUSED else " here"
            raise NoFormula(f"operation {name} has no formula{why}")
        if name in WRAPPING and kind in "iu" and (kind == "u" or np.dtype(out).itemsize < 4):
            raise NoFormula(f"operation {name} of {out} has no formula here: it may turn over")
        params = {k: v for k, v in equation.params.items() if k not in NO_MATTER}
        if name == "convert_element_type":
            params["source"] = equation.invars[0].aval.dtype
        try:
            with np.errstate(all="ignore"):  # of constants that are missing
                return function(*map(as_array, given), **params)
        except TypeError as error:  # an option that a newer JAX has
            raise NoFormula(f"operation {name} has an option without a formula: {error}") from error

    def _count(self, equation: Any, given: Sequence[Any]) -> None:
        self.size += cost(equation, given, self.live) / BATCH
        if self.size > LARGEST:
            raise UnsupportedModel(
                f"The formula of this function would have more than {LARGEST:,} parts, and so "
                "many are the most that are read.", hint=TOO_LARGE,
            )  # fmt: skip

    def call(self, equation: Any, given: Sequence[Any], run: Callable[[], list[Any]]) -> list[Any]:
        """Return what a named function gives; the units of a layer get names."""
        found = searched(equation, given)
        if found is not None:
            return [found]
        activation = equation.params.get("name") in ACTIVATIONS
        self.inside += activation
        made = run()
        self.inside -= activation
        if activation and len(made) == 1:
            self._name(made[0])
        return made

    def _name(self, made: Any) -> None:
        if self.inside or not isinstance(made, np.ndarray) or made.dtype != object:
            return
        units = list(dict.fromkeys(nodes_of(made)))
        units = [n for n in units if n not in self.reading.node_names]
        if len(units) > 1:
            self.layers += 1
            self.reading.name(f"h{self.layers}_", units)

    def at(self, value: Any, place: int) -> Any:
        """Return one place along the first axis."""
        return t.boxed(as_array(value)[place]) if self.live(value) else value[place]

    def stack(self, values: Sequence[Any]) -> Any:
        """Return values as one, along a new first axis."""
        if not any(map(self.live, values)):
            import jax

            return jax.numpy.stack(list(values))
        return np.stack([t.as_tensor(as_array(v)) for v in values])

    def choose(self, which: Any, options: Sequence[list[Any]]) -> list[Any]:
        """Return the results of one of several branches by its number, of all rows."""
        at = which.item()
        return [
            t.elementwise(lambda *xs: picked(at, list(xs)), *map(as_array, several))
            for several in zip(*options, strict=True)
        ]


def as_array(value: Any) -> Any:
    """Return a constant as an array of NumPy's; an array of nodes as it is.

    Raises:
        NoFormula: numbers that formulas do not have, or a result without a formula.
    """
    if isinstance(value, Absent):
        raise NoFormula(value.what)
    if isinstance(value, np.ndarray) and value.dtype == object:
        return value
    if not hasattr(value, "dtype") or isinstance(value.dtype, np.dtype):
        array = plain(value)
        if array.dtype.kind in "fiub":
            return array
    raise NoFormula(f"{getattr(value, 'dtype', type(value).__name__)} has no formula here")


def cost(equation: Any, given: Sequence[Any], live: Callable[[Any], bool]) -> float:
    """Estimate how many nodes an operation makes."""
    name = equation.primitive.name
    sizes = [int(np.prod(v.aval.shape, dtype=int)) for v in equation.outvars]
    if name in MOVING or not sizes:
        return 0.0
    each = 1.0
    if name == "dot_general":
        a = equation.invars[0].aval.shape
        inner = int(np.prod([a[i] for i in equation.params["dimension_numbers"][0][0]], dtype=int))
        each = float(inner) if all(map(live, given[:2])) else 1 + inner / 1000
    if name == "conv_general_dilated":
        weight = equation.invars[1].aval.shape
        out = weight[equation.params["dimension_numbers"].rhs_spec[0]]
        # Every place has arguments of its own.
        each = 1 + int(np.prod(weight, dtype=int)) / out / 100
    return each * max(sizes)


def _unknown(aval: Any) -> Tensor:
    """Return what stands for the result of an operation that has no formula."""
    made = np.empty(aval.shape, dtype=object)
    truth = isinstance(aval.dtype, np.dtype) and aval.dtype.kind == "b"
    made.fill(ops.missing(ops.input_(0)) if truth else ops.const(float("nan")))
    return made


def row_of(value: Any) -> list[Node]:
    """Return the elements of the first row of a result as nodes."""
    array = as_array(value)
    return [t.node_of(t.number(x)) for x in array[:1].ravel().tolist()]
