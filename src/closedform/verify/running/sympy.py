"""SymPy expressions, evaluated row by row in float64."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from closedform.errors import BadInput
from closedform.formula import Feature
from closedform.ir import Type
from closedform.ops.special import probit

FIRST_CODE = 10**9
"""Categories are symbols to SymPy; each stands for a whole number from here on."""


def run_sympy(
    program: Any, inputs: Sequence[Feature], columns: list[list[Any]], outputs: Sequence[str],
    options: Mapping[str, Any],
) -> tuple[dict[str, list[Any]], str]:  # fmt: skip
    """Evaluate what the target sympy gave: an expression, a dict of them, or steps.

    Raises:
        BadInput: the program is text.
    """
    if isinstance(program, str):
        raise BadInput("SymPy objects can be checked, not their text.", hint="Leave out as_text.")
    steps, result = (program.steps, program.result) if hasattr(program, "steps") else ([], program)
    found = result if isinstance(result, dict) else {outputs[0]: result}
    symbols = _symbols(inputs)
    categories = _categories([*found.values(), *(e for _, e in steps)], symbols, steps)
    function = _function(list(found.values()), steps, [*symbols, *categories])
    codes = {name: FIRST_CODE + k for k, name in enumerate(map(str, categories))}
    rows, error = [], ""
    for row in zip(*columns, strict=True):
        values = [_value(v, codes) for v in row]
        try:
            with np.errstate(all="ignore"):
                made = function(*values, *codes.values())
            rows.append([_answer(x, codes) for x in made])
        except (ArithmeticError, TypeError, ValueError) as problem:
            rows.append([None] * len(found))
            error = error or f"{type(problem).__name__}: {problem}"
    columns_out = map(list, zip(*rows, strict=True)) if rows else ([] for _ in found)
    return dict(zip(found, columns_out, strict=True)), error


def _symbols(inputs: Sequence[Feature]) -> list[Any]:
    """Return the symbol of each input, named as the printer names them."""
    import sympy

    taken: set[str] = set()
    found = []
    for feature in inputs:
        name, count = feature.name, 1
        while name in taken:
            count += 1
            name = f"{feature.name}_{count}"
        taken.add(name)
        real = feature.type is Type.REAL
        found.append(sympy.Symbol(name, real=True) if real else sympy.Symbol(name))
    return found


def _categories(
    expressions: Sequence[Any], symbols: Sequence[Any], steps: Sequence[tuple[Any, Any]]
) -> list[Any]:
    free = set().union(*(e.free_symbols for e in expressions))
    return sorted(free - set(symbols) - {s for s, _ in steps}, key=str)


# NumPy's functions overflow to infinity where those of `math` raise.
_NUMPY: dict[str, Callable[..., Any]] = {
    name: getattr(np, name) for name in ("exp", "log", "sqrt", "sin", "cos", "tanh", "floor")
}


def _erfcinv(z: Any) -> float:
    return -float(probit(np.array(z / 2))) / math.sqrt(2)


_OWN = {
    **{"atan": np.arctan, "asin": np.arcsin, "acos": np.arccos},
    **{"erf": math.erf, "erfcinv": _erfcinv, "sign": np.sign, "Abs": np.abs},
}
_TABLE = _NUMPY | _OWN | {"Max": max, "Min": min}


def _function(
    found: Sequence[Any], steps: Sequence[tuple[Any, Any]], arguments: Sequence[Any]
) -> Callable[..., Any]:
    """Return one function of a row; steps are computed once each."""
    import sympy

    # A symbol may be called anything: no identifier, or `exp`, which would hide the function.
    symbols = [*arguments, *(s for s, _ in steps)]
    plain = {s: sympy.Dummy(f"s{k}") for k, s in enumerate(symbols)}
    shared = [(plain[s], e.xreplace(plain)) for s, e in steps]
    whole = [e.xreplace(plain) for e in found]
    made: Callable[..., Any] = sympy.lambdify(
        [plain[a] for a in arguments],
        whole,
        modules=[_TABLE, "math"],
        cse=lambda e: (shared, list(e)),
    )
    return made


def _value(value: Any, codes: dict[str, int]) -> Any:
    if isinstance(value, str):
        return codes.get(value, codes.get(repr(value), -1))
    return np.float64(value)


def _answer(value: Any, codes: dict[str, int]) -> Any:
    number = float(value)
    if number >= FIRST_CODE and number < FIRST_CODE + len(codes) and number == int(number):
        return list(codes)[int(number) - FIRST_CODE]
    return number
