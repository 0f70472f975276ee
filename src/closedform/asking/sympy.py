"""SymPy expressions: asked by what `sympy.lambdify` makes of them for NumPy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from closedform.asking import Method
from closedform.columns import columns_of
from closedform.formula import Formula
from closedform.ir import Array
from closedform.ops import special

_OWN = {
    "arctan2": lambda y, x: np.arctan2(y + 0.0, x + 0.0),  # SymPy has no −0
    "erf": special.erf,
    "erfc": lambda x: 1 - special.erf(x),
    "erfinv": lambda x: special.probit((x + 1) / 2) / np.sqrt(2),
    "erfcinv": lambda x: -special.probit(x / 2) / np.sqrt(2),
}


def methods(model: Any, formula: Formula) -> list[Method]:
    """Return how expressions are asked: as functions of NumPy's columns."""
    return [Method("lambdify", _asked(model, formula), tuple(formula.outputs), double=True)]


def _asked(model: Any, formula: Formula) -> Any:
    import sympy

    values = [_carried_out(sympy.sympify(e)) for e in _flat(model)]
    found = {s.name: s for e in values for s in getattr(e, "free_symbols", ())}
    # A symbol may be called anything: no identifier, or `exp`, which would hide the function.
    plain = {s: sympy.Dummy(f"s{i}", real=s.is_real) for i, s in enumerate(found.values())}
    inputs = [plain.get(found.get(f.name), sympy.Dummy("unused")) for f in formula.inputs]
    whole = [e.xreplace(plain) for e in values]
    function = sympy.lambdify(inputs, whole, modules=[_OWN, "numpy"])

    def ask(X: Any) -> Array:
        columns, rows = columns_of(formula.inputs, X, formula.needed)
        if any(np.isnan(columns[i]).any() for i in formula.used):
            raise ValueError("SymPy compares no missing value")
        return np.column_stack([_real(v, rows) for v in function(*columns)])

    return ask


def _carried_out(e: Any) -> Any:
    import sympy

    e = e.as_expr() if isinstance(e, sympy.Poly) else e
    unfinished = e.has(sympy.Derivative, sympy.Subs, sympy.Sum, sympy.Product)
    return e.doit(integrals=False) if unfinished else e


def _flat(model: Any) -> Any:
    import sympy

    if isinstance(model, Mapping) or type(model).__name__ == "Dict":
        return model.values()
    if isinstance(model, sympy.MatrixBase | sympy.NDimArray):
        return sympy.flatten(sympy.Array(model).tolist())
    return model if isinstance(model, list | tuple | sympy.Tuple) else [model]


def _real(value: Any, rows: int) -> Array:
    column = np.asarray(value)
    if column.dtype.kind == "c":
        column = np.where(column.imag == 0, column.real, np.nan)
    return np.broadcast_to(column.astype(np.float64), (rows,))
