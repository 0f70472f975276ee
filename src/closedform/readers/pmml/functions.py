"""The built-in functions of PMML, on numbers and conditions.

https://dmg.org/pmml/v4-4/BuiltinFunctions.html. A missing argument makes the result missing, but
where a function says otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from closedform import ops
from closedform.families.additive import total_of
from closedform.families.links import normal_cdf
from closedform.ir import Node
from closedform.readers.pmml.values import (
    Truth,
    Unread,
    Value,
    absent,
    alike,
    chosen,
    condition,
    gone,
    number,
    of_truth,
)

Function = Callable[[Sequence[Value]], Value]
ONE, ZERO, NOTHING = ops.const(1.0), ops.const(0.0), ops.const(math.nan)


def truncated(x: Node) -> Node:
    """Return x without what is behind its decimal point."""
    return ops.mul(ops.sign(x), ops.unary("floor", ops.absolute(x)))


def rounded(x: Node) -> Node:
    """Return the nearest whole number, the greater one of two."""
    return ops.unary("floor", ops.lin(0.5, (1, x)))


def ceiling(x: Node) -> Node:
    """Return the least whole number that is not below x."""
    return ops.lin(0, (-1, ops.unary("floor", ops.lin(0, (-1, x)))))


def half_even(x: Node) -> Node:
    """Return the nearest whole number, the even one of two."""
    up = rounded(x)
    half = ops.lin(0, (0.5, up))
    odd = ops.negate(ops.equal(half, ops.unary("floor", half)))
    tie = ops.equal(ops.lin(0, (1, up), (-1, x)), ops.const(0.5))
    return ops.where(ops.both(tie, odd), ops.lin(-1, (1, up)), up)


def _density(x: Node) -> Node:
    return ops.lin(0, (1 / math.sqrt(2 * math.pi), ops.exp(ops.lin(0, (-0.5, ops.mul(x, x))))))


def _log_to(base: float) -> Callable[[Node], Node]:
    return lambda x: ops.div(ops.log(x), ops.const(math.log(base)))


def _half(sign: float) -> Callable[[Node], Node]:
    def of(x: Node) -> Node:
        return ops.lin(0, (0.5, ops.exp(x)), (0.5 * sign, ops.exp(ops.lin(0, (-1, x)))))

    return of


UNARY: dict[str, Callable[[Node], Node]] = {
    "log10": _log_to(10.0),
    "ln": ops.log,
    "ln1p": lambda x: ops.unary("log1p", x),
    "exp": ops.exp,
    "expm1": lambda x: ops.unary("expm1", x),
    "sqrt": ops.sqrt,
    "abs": ops.absolute,
    "floor": lambda x: ops.unary("floor", x),
    "ceil": ceiling,
    "round": rounded,
    "rint": half_even,
    "sin": ops.sin,
    "cos": ops.cos,
    "tan": lambda x: ops.div(ops.sin(x), ops.cos(x)),
    "asin": lambda x: ops.unary("asin", x),
    "acos": lambda x: ops.unary("acos", x),
    "atan": ops.atan,
    "sinh": _half(-1.0),
    "cosh": _half(1.0),
    "tanh": ops.tanh,
    "erf": lambda x: ops.unary("erf", x),
    "stdNormalCDF": normal_cdf,
    "stdNormalPDF": _density,
    "stdNormalIDF": lambda x: ops.unary("probit", x),
}
"""Functions of one number."""

WHOLE = frozenset(("floor", "ceil", "round"))
"""Functions that give whole numbers."""


def _of_one(name: str) -> Function:
    def of(arguments: Sequence[Value]) -> Value:
        (x,) = arguments
        dtype = "integer" if name in WHOLE else "double"
        kept = x.dtype if name == "abs" and x.dtype in ("integer", "float") else dtype
        return Value(UNARY[name](number(x)), kept)

    return of


def _wider(a: Value, b: Value) -> str:
    return "integer" if {a.dtype, b.dtype} <= {"integer", "boolean"} else "double"


def _arithmetic(make: Callable[[Node, Node], Node]) -> Function:
    def of(arguments: Sequence[Value]) -> Value:
        a, b = arguments
        return Value(make(number(a), number(b)), _wider(a, b))

    return of


def _divided(arguments: Sequence[Value]) -> Value:
    """Return a / b; of two integers without the fraction, as their common type has none."""
    a, b = arguments
    share, dtype = ops.div(number(a), number(b)), _wider(a, b)
    return Value(truncated(share) if dtype == "integer" else share, dtype)


def _modulo(a: Node, b: Node) -> Node:
    share = ops.unary("floor", ops.div(a, b))
    return ops.lin(0, (1, a), (-1, ops.mul(share, b)))


def _power(arguments: Sequence[Value]) -> Value:
    a, b = arguments
    x, y = number(a), number(b)
    # Of a missing x, x⁰ is missing in PMML: here a missing value is not any number.
    lost = ops.either(ops.missing(x), ops.missing(y))
    made = ops.power(x, y)
    constant = y.op is ops.CONST and y.data != 0 and y.data == y.data
    return Value(made if constant else ops.where(lost, NOTHING, made), _wider(a, b))


def _threshold(arguments: Sequence[Value]) -> Value:
    x, y = map(number, arguments)
    lost = ops.either(ops.missing(x), ops.missing(y))
    made = ops.where(ops.less(y, x), ONE, ZERO)
    return Value(ops.where(lost, NOTHING, made), "integer")


def _normal(arguments: Sequence[Value]) -> Callable[[Callable[[Node], Node]], Node]:
    x, mean, deviation = map(number, arguments)
    return lambda make: make(ops.div(ops.lin(0, (1, x), (-1, mean)), deviation))


def _normal_below(arguments: Sequence[Value]) -> Value:
    return Value(_normal(arguments)(normal_cdf), "double")


def _normal_density(arguments: Sequence[Value]) -> Value:
    return Value(ops.div(_normal(arguments)(_density), number(arguments[2])), "double")


def _normal_quantile(arguments: Sequence[Value]) -> Value:
    p, mean, deviation = map(number, arguments)
    away = ops.mul(deviation, ops.unary("probit", p))
    return Value(ops.lin(0, (1, mean), (1, away)), "double")


# --- of many numbers, missing ones left out -----------------------------------------------------


def _filled(nodes: Sequence[Node], fill: float) -> list[Node]:
    return [n if n.op is ops.CONST else ops.where(ops.missing(n), ops.const(fill), n)
            for n in nodes]  # fmt: skip


def _counted(nodes: Sequence[Node]) -> Node:
    return total_of([ops.where(ops.missing(n), ZERO, ONE) for n in nodes])


def _of_many(make: Callable[[Sequence[Node]], Node], whole: bool = True) -> Function:
    def of(arguments: Sequence[Value]) -> Value:
        nodes = [number(x) for x in arguments if not _is_gone(x)]
        if not nodes:
            return absent("double")
        all_gone = ops.both(*map(ops.missing, nodes))
        dtypes = {x.dtype for x in arguments}
        dtype = "integer" if whole and dtypes <= {"integer"} else "double"
        made = make(nodes) if len(nodes) > 1 else nodes[0]
        return Value(made if len(nodes) == 1 else ops.where(all_gone, NOTHING, made), dtype)

    return of


def _is_gone(x: Value) -> bool:
    made = x.what
    return isinstance(made, Node) and made.op is ops.CONST and made.data != made.data


def _median(nodes: Sequence[Node]) -> Node:
    """Return the mean of the two in the middle, of those that are there."""
    filled, count = _filled(nodes, math.inf), _counted(nodes)
    made = NOTHING
    for n in range(1, len(nodes) + 1):
        low, high = (ops.kth(k, *filled) for k in ((n + 1) // 2, n // 2 + 1))
        middle = ops.lin(0, (0.5, low), (0.5, high)) if low is not high else low
        made = ops.where(ops.equal(count, ops.const(n)), middle, made)
    return made


MANY: dict[str, Callable[[Sequence[Node]], Node]] = {
    "min": lambda nodes: ops.minimum(*_filled(nodes, math.inf)),
    "max": lambda nodes: ops.maximum(*_filled(nodes, -math.inf)),
    "sum": lambda nodes: total_of(_filled(nodes, 0.0)),
    "product": lambda nodes: ops.mul(*_filled(nodes, 1.0)),
    "avg": lambda nodes: ops.div(total_of(_filled(nodes, 0.0)), _counted(nodes)),
    "median": _median,
}
"""Functions of any count of numbers, of which missing ones are left out."""


# --- conditions ---------------------------------------------------------------------------------


def both(truths: Sequence[Truth]) -> Truth:
    """Return whether all hold; unknown where none fails and one is unknown."""
    return Truth(ops.both(*[t.holds for t in truths]), ops.either(*[t.fails for t in truths]))


def either(truths: Sequence[Truth]) -> Truth:
    """Return whether one holds; unknown where none does and one is unknown."""
    return Truth(ops.either(*[t.holds for t in truths]), ops.both(*[t.fails for t in truths]))


def negated(truth: Truth) -> Truth:
    """Return whether a condition fails."""
    return Truth(truth.fails, truth.holds)


def compared(name: str, a: Node, b: Node) -> Truth:
    """Return a comparison of two numbers; unknown where one is missing."""
    strict, turned = COMPARISONS[name]
    a, b = (b, a) if turned else (a, b)
    if strict:
        return Truth(ops.less(a, b), ops.less_equal(b, a))
    return Truth(ops.less_equal(a, b), ops.less(b, a))


COMPARISONS = {
    "lessThan": (True, False), "lessOrEqual": (False, False),
    "greaterThan": (True, True), "greaterOrEqual": (False, True),
}  # fmt: skip
"""Name of a comparison → whether it is strict, and whether its sides are turned round."""


def equals(a: Value, b: Value) -> Truth:
    """Return whether two values are equal; unknown where one is missing."""
    a, b = alike(a, b)
    if isinstance(a.what, Truth) and isinstance(b.what, Truth):
        same = [ops.both(a.what.holds, b.what.holds), ops.both(a.what.fails, b.what.fails)]
        apart = [ops.both(a.what.holds, b.what.fails), ops.both(a.what.fails, b.what.holds)]
        return Truth(ops.either(*same), ops.either(*apart))
    assert isinstance(a.what, Node) and isinstance(b.what, Node)
    made = ops.equal(a.what, b.what)
    known = [ops.negate(ops.missing(x)) for x in (a.what, b.what) if x.op is not ops.LABEL]
    return Truth(made, ops.both(ops.negate(made), *known))


def _equality(turn: bool) -> Function:
    def of(arguments: Sequence[Value]) -> Value:
        a, b = arguments
        made = equals(a, b)
        return of_truth(negated(made) if turn else made)

    return of


def _comparison(name: str) -> Function:
    def of(arguments: Sequence[Value]) -> Value:
        a, b = map(number, arguments)
        return of_truth(compared(name, a, b))

    return of


def _among(turn: bool) -> Function:
    def of(arguments: Sequence[Value]) -> Value:
        x, *others = arguments
        made = known(either([equals(x, other) for other in others]).holds)
        return of_truth(negated(made) if turn else made)

    return of


def _if(arguments: Sequence[Value]) -> Value:
    test, first, *rest = arguments
    asked = condition(test)
    second = rest[0] if rest else absent(first.dtype)
    made = chosen(asked.holds, first, second)
    unknown = gone(of_truth(asked))
    sure = _never_missing(asked)
    return made if sure else chosen(unknown, absent(made.dtype), made)


def _never_missing(truth: Truth) -> bool:
    """Tell whether a condition is known on every row, as `isMissing` is."""
    return (truth.fails.op is ops.NOT and truth.fails.args[0] is truth.holds) or (
        truth.holds.op is ops.NOT and truth.holds.args[0] is truth.fails
    )


def _is_missing(arguments: Sequence[Value]) -> Value:
    (x,) = arguments
    return of_truth(known(gone(x)))


def known(test: Node) -> Truth:
    """Return a test of a node as a condition that is never unknown."""
    return Truth(test, ops.negate(test))


def _is_not_missing(arguments: Sequence[Value]) -> Value:
    made = _is_missing(arguments).what
    assert isinstance(made, Truth)
    return of_truth(negated(made))


def _is_valid(arguments: Sequence[Value]) -> Value:
    (x,) = arguments
    bad = gone(x) if x.invalid is None else ops.either(gone(x), x.invalid)
    return of_truth(negated(known(bad)))


def _is_not_valid(arguments: Sequence[Value]) -> Value:
    """Return whether a value is there and invalid: a missing one is neither valid nor invalid."""
    (x,) = arguments
    return of_truth(known(ops.boolean(False) if x.invalid is None else x.invalid))


FUNCTIONS: dict[str, Function] = {
    **{name: _of_one(name) for name in UNARY},
    **{name: _of_many(make, name != "avg") for name, make in MANY.items()},
    **{name: _comparison(name) for name in COMPARISONS},
    "+": _arithmetic(lambda a, b: ops.lin(0, (1, a), (1, b))),
    "-": _arithmetic(lambda a, b: ops.lin(0, (1, a), (-1, b))),
    "*": _arithmetic(ops.mul),
    "/": _divided,
    "modulo": _arithmetic(_modulo),
    "pow": _power,
    "threshold": _threshold,
    "normalCDF": _normal_below,
    "normalPDF": _normal_density,
    "normalIDF": _normal_quantile,
    "if": _if,
    "and": lambda args: of_truth(both([condition(x) for x in args])),
    "or": lambda args: of_truth(either([condition(x) for x in args])),
    "not": lambda args: of_truth(negated(condition(*args))),
    "equal": _equality(False),
    "notEqual": _equality(True),
    "isIn": _among(False),
    "isNotIn": _among(True),
    "isMissing": _is_missing,
    "isNotMissing": _is_not_missing,
    "isValid": _is_valid,
    "isNotValid": _is_not_valid,
}
"""Name of a built-in function → what it makes of its arguments."""

WITHOUT = {
    **dict.fromkeys(
        ("dateDaysSinceYear", "dateSecondsSinceYear", "dateSecondsSinceMidnight", "formatDatetime"),
        "dates are not read",
    ),
    "formatNumber": "it turns a number into text",
    "concat": "it joins texts",
}
"""Functions that have no formula → why."""


def unreadable(name: str) -> Unread:
    """Return what to raise for a function that is not among `FUNCTIONS`."""
    why = WITHOUT.get(name, "it is no function of PMML, and the file does not define it")
    return Unread(
        f"The function {name!r} has no formula: {why}.",
        "Compute its result before the model, and give that as an input.",
    )
