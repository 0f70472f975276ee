"""What SymPy's objects are read as: one expression, several in order, or several by name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any

from closedform.errors import BadInput, UnsupportedModel
from closedform.formula import Formula, Task, output_names
from closedform.readers.prediction import value_names
from closedform.readers.reading import Columns, Reading
from closedform.readers.sympy.walking import Expr, Walk, shown

MOST_TERMS = 1_000
"""Terms up to which a sum or product over whole numbers is written out."""


def read_model(model: Any, names: Sequence[str] | None = None) -> Formula:
    """Return SymPy's expressions as a formula over their symbols.

    Args:
        model: an expression; a list, tuple or matrix of them (outputs `y0`, `y1` … in C order, or
            `f0`, `f1` … where a symbol is called so); or a dict of them by the name of the output.
            An inequality is 1 where it holds, else 0.
        names: the inputs in order, every symbol among them; default: the symbols in the order of
            their names, x2 before x10.

    Raises:
        UnsupportedModel: with all parts that have no formula, or no real value.
        BadInput: a symbol is not among `names`, or two have one name.
    """
    import sympy

    try:
        return _read(model, names, f"SymPy {sympy.__version__}")
    except RecursionError:
        raise UnsupportedModel(
            "The expression is nested too deep for SymPy itself.",
            hint="Give its parts, or a model of another kind.",
        ) from None


def _read(model: Any, names: Sequence[str] | None, reader: str) -> Formula:
    outputs = {name: plain(e) for name, e in outputs_of(model).items()}
    symbols = symbols_of(outputs.values())
    order = _ordered([s.name for s in symbols], names)
    reading = Reading(tuple(order))
    _note_odd(outputs, symbols, reading)
    columns = reading.columns()
    used = {s.name for s in symbols}
    # SymPy itself raises where a missing value is compared, and has none otherwise.
    reading.refuse_missing(columns.pick([i for i, name in enumerate(order) if name in used]))
    made = nodes_over(list(outputs.values()), symbols, columns, reading)
    task = Task("regression", primary=tuple(outputs))
    found = dict(zip(outputs, made, strict=True))
    return reading.formula(found, task, "SymPy expression", reader)


def nodes_over(
    expressions: Sequence[Expr], symbols: Sequence[Expr], columns: Columns, reading: Reading
) -> list[Any]:
    """Return expressions as nodes over columns that have the names of their symbols."""
    by_name = dict(columns)
    return Walk({s: by_name[s.name] for s in symbols}, reading).nodes(expressions)


def outputs_of(model: Any) -> dict[str, Expr]:
    """Return the expressions in what a user gives, by the name of the output.

    Raises:
        UnsupportedModel: it holds what is no expression.
        BadInput: two outputs have one name.
    """
    named = _named(model)
    if named is None:
        values = list(_in_order(model))
        named = list(zip(_output_names(values), values, strict=True))
    made = {name: _expression(value) for name, value in named}
    if len(made) < len(named):
        raise BadInput("Two of the outputs have the same name.", hint="Give each its own name.")
    return made


def _output_names(values: Sequence[Any]) -> Sequence[str]:
    """Return y, or y0, y1 …; another letter where a symbol has such a name."""
    taken = {s.name for e in values for s in getattr(e, "free_symbols", ()) if s.is_Symbol}
    return output_names(taken, [name[1:] for name in value_names(values)])


def _named(model: Any) -> list[tuple[str, Any]] | None:
    if isinstance(model, Mapping) or type(model).__name__ == "Dict":
        return [(str(key), value) for key, value in model.items()]
    return None


def _in_order(model: Any) -> Iterator[Any]:
    """Yield the expressions of a container, or the one that is given."""
    import sympy

    if isinstance(model, sympy.MatrixBase | sympy.NDimArray):
        size = model.shape
        flat = sympy.Array(model) if len(size) != 1 else model
        yield from sympy.flatten(flat.tolist())
    elif isinstance(model, list | tuple | sympy.Tuple):
        yield from model
    else:
        yield model


def _expression(value: Any) -> Expr:
    import sympy

    if isinstance(value, int | float) and not isinstance(value, bool):
        return sympy.sympify(value)
    if isinstance(value, sympy.Poly):
        return value.as_expr()
    if not isinstance(value, sympy.Expr | sympy.logic.boolalg.Boolean):
        raise UnsupportedModel(
            f"A {type(value).__name__} is no expression of SymPy.",
            hint="Give an expression, a list or matrix of them, or a dict of them by output; text "
            "is never parsed: give sympy.sympify(text) where you trust it.",
        )
    return value


def plain(e: Expr) -> Expr:
    """Return an expression with its derivatives, substitutions and short sums carried out."""
    import sympy

    if not e.has(sympy.Derivative, sympy.Subs, sympy.Sum, sympy.Product):
        return e
    return e.replace(_is_short, lambda part: part.doit(integrals=False))


def _is_short(e: Expr) -> bool:
    import sympy

    if isinstance(e, sympy.Sum | sympy.Product):
        size = 1
        for limit in e.limits:
            ends = [v for v in limit[1:] if getattr(v, "is_Integer", False)]
            size *= int(ends[1] - ends[0]) + 1 if len(ends) == 2 else MOST_TERMS + 1
        return size <= MOST_TERMS
    return isinstance(e, sympy.Derivative | sympy.Subs)


def symbols_of(expressions: Any) -> list[Expr]:
    """Return the symbols of expressions, in the order of their names: x2 before x10.

    Raises:
        BadInput: two symbols have the same name.
    """
    found = set().union(*(e.free_symbols for e in expressions))
    symbols = sorted((s for s in found if s.is_Symbol), key=lambda s: _natural(s.name))
    twice = sorted({a.name for a, b in pairwise(symbols) if a.name == b.name})
    if twice:
        raise BadInput(
            f"Several symbols have the same name: {', '.join(twice)}.",
            hint="Symbols with other assumptions are others: make each of them once.",
        )
    return symbols


def _natural(name: str) -> list[tuple[int, int | str]]:
    parts = re.split(r"(\d+)", name)
    return [(0, int(p)) if p.isdecimal() and p.isascii() else (1, p) for p in parts if p]


def _ordered(found: Sequence[str], names: Sequence[str] | None) -> list[str]:
    if names is None:
        return list(found)
    order = [str(n) for n in names]
    missing = [name for name in found if name not in order]
    if missing:
        raise BadInput(
            f"The list of names has no {', '.join(missing)}.",
            hint="It gives the order of the inputs: " + ", ".join(found) + ", and others if any.",
        )
    return order


def _note_odd(outputs: Mapping[str, Expr], symbols: Sequence[Expr], reading: Reading) -> None:
    for e in outputs.values():
        if type(e).__name__ == "Equality":
            reading.problem(
                f"{shown(e)} is an equation, not a value.",
                "Give its right-hand side, e.rhs; or the solution for an unknown.",
            )
    for s in symbols:
        if s.is_extended_real is False:
            reading.problem(
                f"The symbol {s.name} is assumed not to be real.",
                "A formula computes with real numbers: make it without that assumption.",
            )
