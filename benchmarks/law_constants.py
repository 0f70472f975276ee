"""The constants of an expression: which they are, and what they should be."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from equations import Array

STEPS = 40
CLOSE = 1e-10
"""The share of the deviation from which on constants are right: beyond it is rounding."""


def parametrised(expression: Any) -> tuple[Any, list[Any], list[float]]:
    """Return an expression with a symbol for each number in it that is no whole number.

    Returns:
        The expression, the symbols, and what they stood for. Roots are no numbers.
    """
    import sympy

    symbols: list[Any] = []
    values: list[float] = []

    def walk(e: Any, exponent: bool) -> Any:
        if isinstance(e, sympy.Float | sympy.Rational):
            value = float(e)
            if value.is_integer():
                return sympy.Integer(int(value))
            if exponent and isinstance(e, sympy.Rational) and e.q <= 4:
                return e
            symbols.append(sympy.Symbol(f"c{len(symbols)}", real=True))
            values.append(value)
            return symbols[-1]
        if not e.args:
            return e
        power = isinstance(e, sympy.Pow)
        return e.func(*(walk(a, power and i == 1) for i, a in enumerate(e.args)))

    return walk(expression, False), symbols, values


@dataclass(frozen=True)
class Function:
    """An expression with constants, and how to compute it.

    Attributes:
        expression: over x0, x1, … and the symbols.
        symbols: of the constants.
        inputs: how many there are.
    """

    expression: Any
    symbols: tuple[Any, ...]
    inputs: int

    def compiled(self, *expressions: Any) -> Callable[[Array, Sequence[float]], list[Array]]:
        """Return a function of rows and constants that computes some expressions over both."""
        import sympy

        names = [sympy.Symbol(f"x{i}", real=True) for i in range(self.inputs)]
        made = sympy.lambdify([*names, *self.symbols], list(expressions), "numpy", cse=True)

        def values(rows: Array, constants: Sequence[float]) -> list[Array]:
            with np.errstate(all="ignore"):
                out = made(*rows.T, *constants)
            return [np.broadcast_to(_real(column), (len(rows),)) for column in out]

        return values


def _real(column: Any) -> Array:
    values = np.asarray(column)
    return values.real if np.iscomplexobj(values) else values.astype(float)


def set_right(function: Function, start: Sequence[float], rows: Array, said: Array) -> Array:
    """Return the constants that fit the truth best, the nearest such where there are many.

    Steps of least length keep `a/sqrt(b - c*x)` where it is: on its ridge of constants that mean
    the same, Levenberg-Marquardt walks away. It is for what these steps do not reach.
    """
    from scipy.optimize import least_squares

    if not len(start):
        return np.zeros(0)
    value = function.compiled(function.expression)
    slopes = function.compiled(*(function.expression.diff(c) for c in function.symbols))
    scale = said.std() or 1.0

    def away(constants: Array) -> Array:
        made = (value(rows, constants)[0] - said) / scale
        return np.clip(np.nan_to_num(made, nan=1e6), -1e6, 1e6)

    def jacobian(constants: Array) -> Array:
        made = np.stack(slopes(rows, constants), axis=1) / scale
        return np.clip(np.nan_to_num(made, nan=0.0), -1e12, 1e12)

    near = _stepped(away, jacobian, np.array(start, dtype=float))
    if np.sqrt(np.mean(away(near) ** 2)) <= CLOSE:
        return near
    tight = dict.fromkeys(("xtol", "ftol", "gtol"), 1e-15)
    found = least_squares(away, start, jacobian, method="lm", max_nfev=300, **tight)
    return np.asarray(found.x)


def _stepped(away: Any, jacobian: Any, at: Array) -> Array:
    """Return what Gauss-Newton steps of least relative length come to, halved while they rise."""
    size = np.maximum(np.abs(at), 1e-8)
    for _ in range(STEPS):
        before = away(at)
        step = size * np.linalg.lstsq(jacobian(at) * size, -before, rcond=1e-9)[0]
        loss = float(before @ before)
        for _ in range(10):
            made = away(at + step)
            if float(made @ made) < loss:
                break
            step = step / 2
        else:
            return at
        at = at + step
    return at
