"""SymPy's expressions as nodes: each kind of object once, from the leaves up."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from closedform.ir import Node
from closedform.readers import tensors as t
from closedform.readers.elementary import FUNCTIONS, JUMPS, modulus
from closedform.readers.reading import Reading
from closedform.readers.tensors import Element
from closedform.readers.torch.elements import atan2, xor

Expr = Any

ANALYTIC = "Evaluate it first, with its doit() or evalf(), or distil a formula from its values."
SPECIAL = "It is no elementary function; distil a formula from its values."
DIGITS = 30
"""To which constants are evaluated before they are rounded to a float, once."""


class Walk:
    """What has been made of each expression so far."""

    def __init__(self, symbols: Mapping[Expr, Node], reading: Reading) -> None:
        """Start with the nodes of the symbols; problems are noted in `reading`."""
        self.made: dict[Expr, Element] = dict(symbols)
        self.constant: set[Expr] = set()
        self.reading = reading

    def nodes(self, roots: Sequence[Expr]) -> list[Node]:
        """Return each expression as a node; shared parts are made once."""
        for root in roots:
            self._walk(root)
        return [t.node_of(t.number(self.element(root))) for root in roots]

    def _walk(self, root: Expr) -> None:
        stack = [root]
        while stack:
            e = stack[-1]
            rest = [a for a in _parts(e) if a not in self.made and a not in self.constant]
            if rest:
                stack += rest
                continue
            stack.pop()
            if e not in self.made and e not in self.constant:
                self._finish(e)

    def _finish(self, e: Expr) -> None:
        if e.is_Boolean and not e.args:
            self.made[e] = bool(e)
        elif _is_constant(e) or (_is_of_numbers(e) and all(a in self.constant for a in e.args)):
            self.constant.add(e)
        else:
            self.made[e] = self._made(e)

    def _made(self, e: Expr) -> Element:
        name = type(e).__name__
        rule = RULES.get(name) if str(type(e).__module__).startswith("sympy.") else None
        if rule is not None:
            return rule(self, e)
        own = WHOLE.get(name, (f"{name} has no formula", SPECIAL))
        if getattr(e, "is_Function", False) and not str(type(e).__module__).startswith("sympy."):
            own = (f"the function {name} is not defined", "Replace it by what it stands for.")
        self.reading.problem(f"{own[0]}: {shown(e)}.", own[1])
        return math.nan

    def element(self, e: Expr) -> Element:
        """Return what has been made of an expression; a constant as a float."""
        if e not in self.made:
            self.made[e] = self.number([e])
        return self.made[e]

    def number(self, factors: Sequence[Expr]) -> float:
        """Return a product of constants, rounded once; NaN where it is no real number."""
        import sympy

        whole = factors[0] if len(factors) == 1 else sympy.Mul(*factors)
        value = _float(whole)
        if value is None:
            self.reading.problem(
                f"{shown(whole)} is no real number.",
                "A formula computes with real numbers: simplify it, or take its real part.",
            )
        return math.nan if value is None else value

    def split(self, e: Expr) -> tuple[float, Element]:
        """Return the constant factor of a term, and the rest of it."""
        if not e.is_Mul:
            return 1.0, self.element(e)
        known = [a for a in e.args if a in self.constant]
        rest = [a for a in e.args if a not in self.constant]
        return (self.number(known) if known else 1.0), self._product(rest)

    def _product(self, factors: Sequence[Expr]) -> Element:
        above, below = [], []
        for e in factors:
            exponent = self._exponent(e)
            if exponent < 0:
                below.append(power(self.element(e.args[0]), -exponent))
            else:
                above.append(self.element(e))
        top = _times(above)
        return t.divide(top, _times(below)) if below else top

    def _exponent(self, e: Expr) -> float:
        """Return the constant exponent of a power, 1 of anything else."""
        known = e.is_Pow and e.args[1] in self.constant
        return self.number([e.args[1]]) if known else 1.0


def _parts(e: Expr) -> Sequence[Expr]:
    """Return the expressions that one is made of."""
    if type(e).__name__ == "Piecewise":
        return [a for pair in e.args for a in pair.args]
    return () if type(e).__name__ in (*WHOLE, ROOT) else e.args


ROOT = "ComplexRootOf"
"""A number whose arguments are a polynomial."""


def _is_constant(e: Expr) -> bool:
    whole = not e.args or type(e).__name__ == ROOT
    return whole and bool(getattr(e, "is_number", False))


def _is_of_numbers(e: Expr) -> bool:
    """Tell whether an expression without variables is one number, as sqrt(2) or sin(1)."""
    return bool(e.args and e.is_number) and not e.is_Boolean and type(e).__name__ not in WHOLE


def _float(e: Expr) -> float | None:
    """Return a constant as a float; None where it is not a real number in a float's range."""
    if e.is_Rational:
        return _quotient(int(e.p), int(e.q))
    if not e.is_Float:
        if e.is_infinite and e.is_extended_real:
            return math.inf if e.is_extended_positive else -math.inf
        try:
            e = e.evalf(DIGITS)
        except ZeroDivisionError:  # 1/0.0, which was not evaluated
            return None
    if type(e).__name__ == "NaN":
        return math.nan
    if e.is_Rational:
        return _quotient(int(e.p), int(e.q))
    try:
        value = float(e) if e.is_Float else math.inf
    except OverflowError:
        return None
    return value if math.isfinite(value) else None


def _quotient(p: int, q: int) -> float | None:
    try:
        return p / q
    except OverflowError:
        return None


def _times(factors: Sequence[Element]) -> Element:
    from closedform import ops

    if len(factors) < 2:
        return factors[0] if factors else 1.0
    return ops.mul(*[t.node_of(t.number(x)) for x in factors])


def power(base: Element, exponent: float) -> Element:
    """Return a power; the one of 1/2 is a square root."""
    return t.function("sqrt")(base) if exponent == 0.5 else t.power(base, exponent)


def shown(e: Expr, most: int = 80) -> str:
    """Return an expression on one line, cut where nobody would read on."""
    text = " ".join(str(e).split())
    return text if len(text) <= most else text[:most] + "…"


# --- rules --------------------------------------------------------------------------------------

Rule = Callable[[Walk, Expr], Element]


def _sum(walk: Walk, e: Expr) -> Element:
    import sympy

    known = [a for a in e.args if a in walk.constant]
    terms = [walk.split(a) for a in e.args if a not in walk.constant]
    bias = walk.number([sympy.Add(*known)]) if known else 0.0
    return t.weighted([w for w, _ in terms], [t.number(x) for _, x in terms], bias)


def _multiply(walk: Walk, e: Expr) -> Element:
    weight, rest = walk.split(e)
    return rest if weight == 1 else t.multiply(rest, weight)


def _raise(walk: Walk, e: Expr) -> Element:
    base, exponent = e.args
    if type(base).__name__ == "Exp1":
        return t.function("exp")(walk.element(exponent))
    if exponent not in walk.constant:
        return t.power(walk.element(base), walk.element(exponent))
    value = walk.number([exponent])
    made = power(walk.element(base), abs(value))
    return t.divide(1.0, made) if value < 0 else made


def _logarithm(walk: Walk, e: Expr) -> Element:
    made = t.function("log")(walk.element(e.args[0]))
    return made if len(e.args) == 1 else t.divide(made, t.function("log")(walk.element(e.args[1])))


def _step(walk: Walk, e: Expr) -> Element:
    x, at_zero = walk.element(e.args[0]), walk.element(e.args[1])
    if at_zero == 0.5:
        return t.add(0.5, t.function("sign")(x), 0.5)
    return t.choice(t.equal(x, 0.0), at_zero, t.add(0.5, t.function("sign")(x), 0.5))


def _cases(walk: Walk, e: Expr) -> Element:
    made: Element = math.nan
    for value, condition in reversed(e.args):
        made = t.choice(walk.element(condition), t.number(walk.element(value)), made)
    return made


def _choice(walk: Walk, e: Expr) -> Element:
    return t.choice(*[walk.element(a) for a in e.args])


def _remainder(walk: Walk, e: Expr) -> Element:
    x, y = (walk.element(a) for a in e.args)
    if not isinstance(y, float) or math.frexp(y)[0] not in (0.5, -0.5):
        walk.reading.differs(JUMPS)
    return modulus(x, y)


def _either(walk: Walk, e: Expr) -> Element:
    return _reduced(t.either, walk, e.args)


def _reduced(join: Callable[..., Element], walk: Walk, args: Iterable[Expr]) -> Element:
    first, *rest = [walk.element(a) for a in args]
    made = t.truth(first)
    for x in rest:
        made = join(made, x)
    return made


def _equivalent(walk: Walk, e: Expr) -> Element:
    first, *rest = e.args
    same = [t.negation(xor(walk.element(first), walk.element(a))) for a in rest]
    made = same[0]
    for x in same[1:]:
        made = t.both(made, x)
    return made


PARTS: dict[str, Callable[[Element], Element]] = {
    "re": lambda x: x,
    "conjugate": lambda x: x,
    "im": lambda x: 0.0,
    "arg": lambda x: t.choice(t.less(x, 0.0), math.pi, t.choice(t.less(0.0, x), 0.0, math.nan)),
}
"""Parts of a complex number, of a real one."""


def _part(walk: Walk, e: Expr) -> Element:
    """Return a part of a variable, which is real; sqrt(x) may have no real value."""
    name = type(e).__name__
    if e.args[0].is_Symbol:
        return PARTS[name](walk.element(e.args[0]))
    walk.reading.problem(
        f"a part of a complex number has no formula: {shown(e)}.",
        "Make the symbols with real=True, so that SymPy simplifies it.",
    )
    return math.nan


def _probit(x: Element) -> Element:
    return t.multiply(t.function("probit")(x), 1 / math.sqrt(2))


def of(function: Callable[..., Element]) -> Rule:
    """Return the rule of a function of elements."""
    return lambda walk, e: function(*[walk.element(a) for a in e.args])


SAME_NAME = (
    "exp", "sin", "cos", "tan", "cot", "sec", "csc", "asin", "acos", "atan", "acot", "asec", "acsc",
    "sinh", "cosh", "tanh", "coth", "sech", "csch", "asinh", "acosh", "atanh", "acoth", "asech",
    "acsch", "sign", "floor", "frac", "erf", "erfc", "log1p", "expm1", "log2", "log10", "exp2",
)  # fmt: skip
"""Functions that SymPy calls as `FUNCTIONS` does."""

RULES: dict[str, Rule] = {
    "Add": _sum,
    "Mul": _multiply,
    "Pow": _raise,
    "log": _logarithm,
    **{name: of(FUNCTIONS[name]) for name in SAME_NAME},
    "Abs": of(FUNCTIONS["abs"]),
    "ceiling": of(FUNCTIONS["ceil"]),
    "Sqrt": of(FUNCTIONS["sqrt"]),
    "Cbrt": of(lambda x: t.power(x, 1 / 3)),
    "hypot": of(lambda x, y: t.function("sqrt")(t.add(t.power(x, 2.0), t.power(y, 2.0)))),
    "fma": of(lambda x, y, z: t.add(t.multiply(x, y), z)),
    "sinc": of(lambda x: t.choice(t.equal(x, 0.0), 1.0, t.divide(t.function("sin")(x), x))),
    "atan2": of(atan2),
    "erf2": of(lambda x, y: t.add(t.function("erf")(y), t.function("erf")(x), -1.0)),
    "erfinv": of(lambda x: _probit(t.add(0.5, x, 0.5))),
    "erfcinv": of(lambda x: t.multiply(_probit(t.multiply(x, 0.5)), -1.0)),
    "Mod": _remainder,
    "Max": of(t.greatest),
    "Min": of(t.smallest),
    "Heaviside": _step,
    "UnevaluatedExpr": of(lambda x: x),
    "Piecewise": _cases,
    "ITE": _choice,
    "StrictLessThan": of(t.less),
    "LessThan": of(t.less_equal),
    "StrictGreaterThan": of(lambda a, b: t.less(b, a)),
    "GreaterThan": of(lambda a, b: t.less_equal(b, a)),
    "Equality": of(t.equal),
    "Unequality": of(lambda a, b: t.negation(t.equal(a, b))),
    "And": lambda walk, e: _reduced(t.both, walk, e.args),
    "Or": _either,
    "Xor": lambda walk, e: _reduced(xor, walk, e.args),
    "Not": of(t.negation),
    "Implies": of(lambda a, b: t.either(t.negation(a), b)),
    "Equivalent": _equivalent,
    **dict.fromkeys(PARTS, _part),
}
"""Class of SymPy → what becomes of an object of it; of arguments that are made already."""

WHOLE: dict[str, tuple[str, str]] = {
    **dict.fromkeys(
        ("Integral", "Limit", "Sum", "Product", "Derivative", "Subs", "Order"),
        ("what is to be integrated, summed or differentiated is no formula yet", ANALYTIC),
    ),
    "Lambda": ("a function is no value", "Give what it computes, its expr."),
    **dict.fromkeys(
        ("Indexed", "MatrixElement", "MatrixSymbol"),
        ("an element of an array without entries is no input", "Replace it by a Symbol."),
    ),
    **dict.fromkeys(PARTS, ("a part of a complex number has no formula", SPECIAL)),
}  # fmt: skip
"""Classes whose objects are not looked into: what to say of them, and what to do."""
