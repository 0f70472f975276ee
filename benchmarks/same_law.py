"""Is a formula that was found the law that is true?

What counts is the law, not its writing, so it is not the texts that are compared. The constants of
the formula (every number that is no whole number) are set to what fits the truth itself best,
starting from where they are. If they make it the truth, to 1e-8 on fresh rows and also on rows
outside the range, then the formula holds the law. It is the law if besides

- nothing is left over: a constant that must be zero (`x*y + 0.003`) is a term that should not be
  there, and a function that is a straight line on all rows (`sin(1e-6*x)`) one in disguise,
- its constants are right, as far as the error of what it was fitted to allows.

This is stricter than SRBench (W. La Cava et al., "Contemporary symbolic regression methods and
their relative performance", NeurIPS 2021 Datasets and Benchmarks), where a difference or ratio that
is constant is enough, once numbers are rounded; that is told beside it, as `up_to_constant`.
SymPy's `simplify` is asked as well, where its answer comes in time, and never decides alone.
"""

from __future__ import annotations

import contextlib
import math
import signal
import threading
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
from equations import Array, Equation
from law_constants import CLOSE, Function, parametrised, set_right

EXACT = 1e-8
"""The share of the deviation up to which two functions are one: rounding alone is below 1e-10."""
OUTSIDE = 1e-6
"""The same of each row outside the range, where errors of the constants grow."""
LEFT_OVER = 1e-7
"""What may be left out without a change beyond this was not needed."""
TOGETHER = 5.0
"""A constant may be off by so much more than the whole: others make up for it."""
ROWS = 400
MOST_CONSTANTS = 60
SECONDS = 20.0
PROVING = 3.0
"""For `simplify`, which may take hours on ten constants."""


class TooLong(Exception):
    """The time is over."""


@dataclass(frozen=True)
class Verdict:
    """What a formula is to the truth.

    Attributes:
        same: it is the law: the next four are in order.
        holds: its constants can be set so that it is the truth.
        left_over: how many constants would have to be zero, and how many functions are disguises.
        error: how far it is from the truth on fresh rows: root mean square by deviation.
        moved: how far the worst constant is from the right value: by the value, or by what the
            change makes on the rows by deviation, whichever is less.
        up_to_constant: it holds the truth but for a term or factor that is constant.
        beyond: the error at the median row outside the range, by the truth there.
        constants: how many numbers it has that are no whole numbers.
        needed: how many of them the truth has.
        proven: what SymPy says of the difference once constants are snapped; None: no answer.
        why: in words.
    """

    same: bool = False
    holds: bool = False
    left_over: int = 0
    error: float = math.inf
    moved: float = math.inf
    up_to_constant: bool = False
    beyond: float = math.inf
    constants: int = 0
    needed: int = 0
    proven: bool | None = None
    why: str = ""

    def record(self) -> dict[str, Any]:
        """Return all as plain values for JSON, infinities as None."""
        plain = asdict(self).items()
        return {k: None if isinstance(v, float) and math.isinf(v) else v for k, v in plain}


def same_law(
    truth: Equation, found: Any, tolerance: float = 1e-6, seconds: float = SECONDS
) -> Verdict:
    """Compare a formula with the truth.

    Args:
        truth: the equation.
        found: a node over the inputs 0, 1, …; a formula of one output over the inputs in their
            order; or an expression of SymPy, or its text, over x0, x1, …
        tolerance: how far it may be off, root mean square by deviation: about the error of what
            it was fitted to.
        seconds: after so many it counts as another law.
    """
    try:
        with at_most(seconds), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _compared(truth, expression_of(found, len(truth.inputs)), tolerance)
    except TooLong:
        return Verdict(why=f"no answer in {seconds:g} s")


@contextlib.contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise TooLong inside after so many seconds; in a thread other than the first, never."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise TooLong

    before = signal.signal(signal.SIGALRM, stop)
    left, _ = signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
        if left:  # one around this one goes on
            signal.setitimer(signal.ITIMER_REAL, max(left - seconds, 0.01))


def expression_of(found: Any, inputs: int) -> Any:
    """Return what was found as an expression of SymPy over x0, x1, …"""
    import sympy

    from closedform.formula import Feature, Formula
    from closedform.ir import Node

    symbols = [sympy.Symbol(f"x{i}", real=True) for i in range(inputs)]
    if isinstance(found, Node):
        found = Formula({"y": found}, tuple(Feature(s.name) for s in symbols))
    if isinstance(found, Formula):
        own = {sympy.Symbol(f.name, real=True): s for f, s in zip(found.inputs, symbols)}  # noqa: B905
        made = found.to("sympy")
        return made.xreplace({s: own.get(s, s) for s in made.free_symbols})
    if isinstance(found, str):
        return sympy.parse_expr(found, local_dict={s.name: s for s in symbols})
    byname = {s.name: s for s in symbols}
    return found.xreplace({s: byname.get(s.name, s) for s in found.free_symbols})


# --- the comparison -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Ground:
    """The rows that two functions are compared on."""

    rows: Array
    said: Array
    outside: Array
    said_outside: Array

    @classmethod
    def of(cls, truth: Equation) -> Ground:
        """Draw rows; those on which the truth has no value are left out."""
        rows, outside = truth.rows(ROWS, seed=90_001), truth.rows_around(ROWS, seed=90_002)
        kept = outside[np.isfinite(truth(outside))]
        return cls(rows, truth(rows), kept, truth(kept))

    @property
    def scale(self) -> float:
        """The deviation of the truth."""
        return float(self.said.std() or 1.0)

    def error(self, made: Array) -> float:
        """Return the root mean square by deviation."""
        error = float(np.sqrt(np.mean(((made - self.said) / self.scale) ** 2)))
        return error if math.isfinite(error) else math.inf

    def beyond(self, made: Array) -> Array:
        """Return the error of each row outside, by the truth there; infinite for no number."""
        size = np.abs(self.said_outside) + 1e-3 * self.scale
        return np.nan_to_num(np.abs(made - self.said_outside) / size, nan=np.inf)


def _compared(truth: Equation, expression: Any, tolerance: float) -> Verdict:
    import sympy

    needed = len(parametrised(truth.symbols)[1])
    if expression.has(sympy.zoo, sympy.nan, sympy.oo, sympy.I):
        return Verdict(needed=needed, why="it has no value")
    ground = Ground.of(truth)
    made, symbols, start = parametrised(expression)
    function = Function(made, tuple(symbols), len(truth.inputs))
    value = function.compiled(made)
    error = ground.error(value(ground.rows, start)[0])
    beyond = float(np.median(ground.beyond(value(ground.outside, start)[0])))
    verdict = Verdict(
        error=error, beyond=beyond, constants=len(start), needed=needed, why="another function"
    )
    if len(start) > MOST_CONSTANTS:
        return replace(verdict, why=f"{len(start)} constants")
    right = _right(function, start, ground)
    if right is None:
        return replace(verdict, up_to_constant=_up_to_constant(function, start, ground))
    verdict = replace(
        verdict, holds=True, up_to_constant=True, left_over=_left_over(function, right, ground),
        moved=_moved(function, start, right, ground),
    )  # fmt: skip
    why = _why(verdict, tolerance)
    return replace(
        verdict, same=not why, why=why, proven=proven(truth.symbols, function, right)
    )  # fmt: skip


def _why(verdict: Verdict, tolerance: float) -> str:
    if verdict.left_over:
        return f"{verdict.left_over} left over"
    if not verdict.error <= tolerance:
        return f"off by {verdict.error:.1e}"
    enough = min(TOGETHER * tolerance, 0.1)
    return "" if verdict.moved <= enough else f"a constant is off by {verdict.moved:.1e}"


def _right(function: Function, start: Sequence[float], ground: Ground) -> Array | None:
    """Return the constants that make a function the truth, None where none do."""
    value = function.compiled(function.expression)
    right = np.asarray(start, dtype=float)
    if ground.error(value(ground.rows, right)[0]) > CLOSE:
        right = set_right(function, start, ground.rows, ground.said)
    if not ground.error(value(ground.rows, right)[0]) <= EXACT:
        return None
    away = ground.beyond(value(ground.outside, right)[0])
    # One row in a hundred may lie at a pole, where rounding is all there is.
    return right if np.quantile(away, 0.99) <= OUTSIDE else None


def _up_to_constant(function: Function, start: Sequence[float], ground: Ground) -> bool:
    """Tell whether a constant term or factor more makes a function the truth."""
    import sympy

    more, e = sympy.Symbol("more", real=True), function.expression
    for made, value in ((e + more, 0.0), (e * more, 1.0)):
        wider = Function(made, (*function.symbols, more), function.inputs)
        if _right(wider, [*start, value], ground) is not None:
            return True
    return False


def _left_over(function: Function, right: Array, ground: Ground) -> int:
    value = function.compiled(function.expression)
    said = value(ground.rows, right)[0]

    def without(made: Array) -> bool:
        return bool(np.sqrt(np.mean((made - said) ** 2)) <= LEFT_OVER * ground.scale)

    zeros = sum(
        without(value(ground.rows, [0.0 if j == i else c for j, c in enumerate(right)])[0])
        for i in range(len(right))
    )
    # One that is straight in several ways counts as often.
    return zeros + sum(without(made) for made in _straightened(function, right, ground.rows))


def _straightened(function: Function, right: Array, rows: Array) -> Iterator[Array]:
    """Yield the values with one function at a time replaced by the nearest straight line.

    In its argument; in what a function inside takes, as in log(3*exp(x/y)); and in the inputs.
    """
    import sympy

    line = sympy.Symbol("line", real=True)
    functions = (sympy.Function, sympy.Pow)
    for part in function.expression.atoms(*functions):
        read = part.free_symbols - set(function.symbols)
        if not read or _is_power(part):
            continue
        inside = [inner.args[0] for inner in part.args[0].atoms(*functions)]
        outer, *inner = function.compiled(part, part.args[0], *inside)(rows, right)
        whole = function.expression.xreplace({part: line})
        wider = Function(whole, (*function.symbols, line), function.inputs)
        value = wider.compiled(whole)
        for columns in (*(i[:, None] for i in inner), rows[:, [int(s.name[1:]) for s in read]]):
            if np.isfinite(outer).all() and np.isfinite(columns).all():
                yield value(rows, [*right, _line(columns, outer)])[0]


def _is_power(part: Any) -> bool:
    """Tell whether it is a power that is none in disguise: x**1.0003 is x, a little off."""
    return bool(part.is_Pow and not (part.exp.is_Rational and part.exp.q > 1))


def _line(columns: Array, values: Array) -> Array:
    """Return the values of the plane through the columns that is nearest to some values."""
    wide = np.column_stack([np.ones(len(values)), columns])
    return np.asarray(wide @ np.linalg.lstsq(wide, values, rcond=None)[0])


def _moved(function: Function, start: Sequence[float], right: Array, ground: Ground) -> float:
    if not len(right):
        return 0.0
    slopes = function.compiled(*(function.expression.diff(c) for c in function.symbols))
    by = np.abs(np.asarray(start) - right)
    with np.errstate(all="ignore"):
        size = [np.sqrt(np.mean(s**2)) / ground.scale for s in slopes(ground.rows, right)]
        worst = np.fmin(by / np.abs(right), by * np.array(size))
    return float(np.nan_to_num(worst, nan=0.0).max())


# --- SymPy's word -------------------------------------------------------------------------------


def snapped(value: float) -> Any:
    """Return a fraction times a power of π, or the root of one, that a number is; else itself."""
    import sympy

    for root in (1, 2):
        for power in (0, 1, -1, 2, -2, 3, -3, 4, -4):
            size = abs(value) ** root / math.pi**power
            near = Fraction(size).limit_denominator(2_000)
            if near and abs(float(near) - size) <= 1e-9 * size:
                made = sympy.Rational(near.numerator, near.denominator) * sympy.pi**power
                return sympy.sign(value) * made ** sympy.Rational(1, root)
    return sympy.Float(value)


def proven(truth: Any, function: Function, right: Array) -> bool | None:
    """Tell whether SymPy finds the difference to be zero; None where it has no answer in time."""
    import sympy

    given = dict(zip(function.symbols, map(snapped, right), strict=True))
    try:
        with at_most(PROVING):
            away = sympy.simplify(truth - function.expression.xreplace(given))
            return True if away == 0 else None
    except (TooLong, ValueError, TypeError, AttributeError, RecursionError):
        return None
