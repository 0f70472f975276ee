"""PyOperon: its regressor computes in float32, and its tree is computed in float64 beside it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from closedform.asking import Method
from closedform.columns import columns_of
from closedform.errors import BadInput
from closedform.formula import Formula
from closedform.ir import Array

ENOUGH = 50
"""Rows from which on it is judged whether tree and model mean the same."""
ALIKE = 1e-2
"""How far apart they may typically be: no rounding to float32 is coarser on ordinary rows."""


def methods(model: Any, formula: Formula) -> list[Method]:
    """Return how a regressor is asked: as it is, and its own tree in float64."""

    def rows_of(X: Any) -> Array:
        rows = np.column_stack(columns_of(formula.inputs, X)[0])
        if np.isnan(rows).any():
            raise ValueError("PyOperon takes no missing value")
        return rows

    def own(X: Any) -> Array:
        return np.asarray(model.evaluate_model(model.model_, rows_of(X)), dtype=np.float64)

    def fine(X: Any) -> Array:
        rows = rows_of(X)
        made = computed(model.model_, list(model.variables_), rows)
        _require_alike(own(X), made)
        return made

    outputs = tuple(formula.outputs)
    return [
        Method("tree in float64", fine, outputs, double=True),
        Method("predict, float32", own, outputs, twin=0),
    ]


def _require_alike(coarse: Array, fine: Array) -> None:
    """Raise where tree and model mean different things, which is not to pass as rounding."""
    with np.errstate(all="ignore"):
        apart = np.abs(coarse - fine) / np.maximum(np.abs(fine), 1e-30)
    known = apart[np.isfinite(apart)]
    if len(known) >= ENOUGH and np.median(known) > ALIKE:
        raise BadInput(
            "The tree of this SymbolicRegressor does not give what the model itself does.",
            hint="Its functions may mean something else in this version of PyOperon.",
        )


def computed(tree: Any, variables: Sequence[int], rows: Array) -> Array:
    """Return a tree in postfix order for each row, shape (rows, inputs), in float64."""
    stack: list[Array] = []
    with np.errstate(all="ignore"):
        for item in tree.Nodes:
            if item.IsVariable:
                stack.append(item.Value * rows[:, list(variables).index(item.HashValue)])
            elif item.IsConstant:
                stack.append(np.full(len(rows), float(item.Value)))
            else:
                args = [stack.pop() for _ in range(item.Arity)]
                if item.Name == "-" and len(args) > 1:
                    # Operon prints weight·(a − b), and computes this.
                    stack.append(_FUNCTIONS["-"](item.Value * args[0], *args[1:]))
                else:
                    stack.append(item.Value * _FUNCTIONS[item.Name](*args))
    return stack[0]


def _from(first: Callable[..., Array], join: Callable[..., Array]) -> Callable[..., Array]:
    """Return a function of any number of arguments; of one alone it is `first`."""

    def made(*args: Array) -> Array:
        found = args[0]
        for x in args[1:]:
            found = join(found, x)
        return found if len(args) > 1 else first(found)

    return made


_FUNCTIONS: dict[str, Callable[..., Array]] = {
    "+": _from(np.positive, np.add),
    "-": _from(np.negative, np.subtract),
    "*": _from(np.positive, np.multiply),
    "/": _from(np.reciprocal, np.divide),
    # As C++ has them: where the second is missing, the first remains.
    "fmax": lambda a, b: np.asarray(np.where(a < b, b, a)),
    "fmin": lambda a, b: np.asarray(np.where(b < a, b, a)),
    "pow": np.power,
    "powabs": lambda a, b: np.power(np.abs(a), b),
    "aq": lambda a, b: a / np.sqrt(1 + b * b),
    "abs": np.abs,
    "acos": np.arccos,
    "asin": np.arcsin,
    "atan": np.arctan,
    "cbrt": np.cbrt,
    "ceil": np.ceil,
    "cos": np.cos,
    "cosh": np.cosh,
    "exp": np.exp,
    "floor": np.floor,
    "log": np.log,
    "log1p": np.log1p,
    "logabs": lambda a: np.log(np.abs(a)),
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "sqrtabs": lambda a: np.sqrt(np.abs(a)),
    "square": np.square,
    "tan": np.tan,
    "tanh": np.tanh,
}
"""Operon's name → the same in NumPy."""
