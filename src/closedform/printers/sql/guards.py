"""A formula in what an engine can compute: no row fails, and truth has two values.

All of it is done on the graph, before anything is written: what is guarded twice is shared, and
what an engine's CASE does not choose, it does not compute.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace

from closedform import ops
from closedform.evaluate import bounds
from closedform.formula import Formula, refusals
from closedform.ir import Interval, Node, Type, fold, rewrite, with_args
from closedform.ops.absence import surely_missing
from closedform.printers.sql.dialects import Dialect
from closedform.printers.sql.infinity import (
    GROWING,
    INFINITE,
    NOTHING,
    PASSING,
    infinite_nodes,
    is_arithmetic,
    is_opposite,
    known,
    sees_infinity,
)

ZERO, ONE, BELOW = map(ops.const, (0, 1, -math.inf))

LARGEST_EXPONENT = 709.782712893384
"""exp of more overflows."""
SMALLEST_EXPONENT = -600.0
"""exp of less is 0 where underflow is an error: 1e-261, below which products would be too small."""
LARGEST, SMALLEST = 1e100, 1e-100
"""In engines that fail on overflow, a number beyond these is missing, or 0, in arithmetic."""
LARGEST_SINGLE = 3.4028235677973362e38
"""What is greater rounds to infinity in float32; the engines say that it is out of range."""
WHOLE_FROM = 2.0**52
"""From here on every double is a whole number."""

Ranges = Sequence[Interval]


def guarded(formula: Formula, dialect: Dialect) -> Formula:
    """Return the formula with every operation within what the engine can compute."""
    order = formula.nodes
    ranges = _ranges(formula, math.inf)
    sizes = {n: _both(r, ranges[n]) for n, r in _ranges(formula, LARGEST).items()}
    raw = _raw(order)
    infinite = infinite_nodes(order, ranges) if dialect.finite else set()
    became: dict[Node, Node] = {}
    for n in order:
        args = tuple(became[a] for a in n.args)
        if not sees_infinity(n):
            args = tuple(
                known(x) if a in infinite else x for a, x in zip(n.args, args, strict=True)
            )
        elif dialect.overflows and is_arithmetic(n) and not (n in infinite and is_opposite(n)):
            args = tuple(
                _sized(n, i, x, sizes[n.args[i]], n.args[i] in raw, dialect)
                for i, x in enumerate(args)
            )
        now = with_args(n, args)
        guard = GUARDS.get(n.op.name) if n.op.name in dialect.guards else None
        became[n] = now if guard is None else guard(now, [ranges[a] for a in n.args], dialect)
        if n.op.name in GROWING and n.args[0] in infinite:
            became[n] = ops.where(ops.equal(args[0], INFINITE), INFINITE, became[n])
    became |= {n: known(became[n]) for n in infinite.intersection(formula.roots)}
    return formula.with_outputs(became)


def _ranges(formula: Formula, most: float) -> dict[Node, Interval]:
    box = {i: Interval(-most, most) for i in range(len(formula.inputs))}
    return dict(zip(formula.nodes, bounds(formula.nodes, box), strict=True))


def _both(a: Interval, b: Interval) -> Interval:
    # Rounding widens the one of large inputs: −2·|x| ≤ 1e85, where that of any input says ≤ 0.
    return Interval(max(a.lo, b.lo), min(a.hi, b.hi), a.missing)


def _raw(order: Sequence[Node]) -> set[Node]:
    """Return the nodes that may be an input itself, which no arithmetic has limited yet."""
    found: set[Node] = set()
    for n in order:
        if n.op is ops.INPUT or (n.op.name in PASSING and not found.isdisjoint(n.args)):
            found.add(n)
    return found


def _sized(n: Node, i: int, x: Node, r: Interval, source: bool, dialect: Dialect) -> Node:
    """Return an argument of a sum or product, missing where that would overflow."""
    if x.op is ops.CONST:
        return x
    count = len(n.args)
    if n.op is ops.LIN:
        room = 1e300 / max(abs(float(n.data.weights[i])), 1.0) / count
    elif n.op in (ops.SUM32, ops.ROUND32):
        room = LARGEST_SINGLE / count
    else:
        room = 10 ** (300 / count)
    out = x
    tiny = dialect.underflows and (source or n.op in (ops.MUL, ops.DIV, ops.POW))
    if tiny and r.lo < SMALLEST and r.hi > -SMALLEST:
        least = ops.const(SMALLEST if source else 10 ** (-300 / count))
        out = ops.where(ops.less(ops.absolute(x), least), ZERO, x)
    if source or max(abs(r.lo), abs(r.hi)) > room:
        size = ops.absolute(x)
        fits = ops.less_equal(size, ops.const(min(LARGEST, room)))
        if not dialect.finite:
            fits = ops.either(fits, ops.equal(size, INFINITE))
        out = ops.where(fits, out, NOTHING)
    return out


def _exp(n: Node, found: Ranges, dialect: Dialect) -> Node:
    out, x = n, n.args[0]
    if found[0].lo < SMALLEST_EXPONENT and dialect.underflows:
        out = ops.where(ops.less(x, ops.const(SMALLEST_EXPONENT)), ZERO, out)
    if found[0].hi > LARGEST_EXPONENT:
        out = ops.where(ops.less(ops.const(LARGEST_EXPONENT), x), INFINITE, out)
    return out


def _log(n: Node, found: Ranges, dialect: Dialect) -> Node:
    x = n.args[0]
    if found[0].lo > 0:
        return n
    return ops.where(ops.less(ZERO, x), n, ops.where(ops.equal(x, ZERO), BELOW, NOTHING))


def _sqrt(n: Node, found: Ranges, dialect: Dialect) -> Node:
    return n if found[0].lo >= 0 else ops.where(ops.less_equal(ZERO, n.args[0]), n, NOTHING)


def _div(n: Node, found: Ranges, dialect: Dialect) -> Node:
    a, b = n.args
    least = SMALLEST if dialect.overflows else 0.0
    if found[1].lo > least or found[1].hi < -least:
        return n
    sign = ops.where(ops.less(ZERO, a), INFINITE, ops.where(ops.less(a, ZERO), BELOW, NOTHING))
    at_zero = ops.where(ops.equal(b, ZERO), sign, NOTHING)
    fits = ops.either(ops.less(ops.const(least), b), ops.less(b, ops.const(-least)))
    return ops.where(fits, n, at_zero)


def _arc(n: Node, found: Ranges, dialect: Dialect) -> Node:
    if found[0].lo >= -1 and found[0].hi <= 1:
        return n
    inside = ops.less_equal(ops.absolute(n.args[0]), ops.const(1))
    return ops.where(inside, n, NOTHING)


def _pieces(n: Node, found: Ranges, dialect: Dialect) -> Node:
    x, degree = n.args[0], n.data.coefs.shape[1] - 1
    if degree < 1 or not dialect.overflows:
        return n
    room = (1e300 / max(float(abs(n.data.coefs).max()), 1.0)) ** (1 / degree)
    size, out = ops.absolute(x), n
    if dialect.underflows and degree > 1 and found[0].lo < SMALLEST and found[0].hi > -SMALLEST:
        tiny = ops.less(size, ops.const(10 ** (-300 / degree)))
        out = with_args(n, (ops.where(tiny, ZERO, x),))
    if max(-found[0].lo, found[0].hi) <= room:
        return out
    within = ops.less_equal(size, ops.const(room))
    fits = within if dialect.finite else ops.either(within, ops.equal(size, INFINITE))
    return ops.where(ops.either(ops.missing(x), fits), out, NOTHING)


def _wave(n: Node, found: Ranges, dialect: Dialect) -> Node:
    if math.isfinite(found[0].lo) and math.isfinite(found[0].hi):
        return n
    return ops.where(ops.less(ops.absolute(n.args[0]), INFINITE), n, NOTHING)


def _floor(n: Node, found: Ranges, dialect: Dialect) -> Node:
    x = n.args[0]
    return ops.where(ops.less(ops.absolute(x), ops.const(WHOLE_FROM)), n, x)


def _single(n: Node, found: Ranges, dialect: Dialect) -> Node:
    args = zip(n.args, found, strict=True)
    return with_args(n, tuple(_in_single(x, r, dialect) for x, r in args))


def _in_single(x: Node, r: Interval, dialect: Dialect) -> Node:
    """Return a number that float32 has, or that it rounds to one; infinity where it is beyond."""
    out = x
    if r.hi > LARGEST_SINGLE:
        out = ops.where(ops.less(ops.const(LARGEST_SINGLE), x), INFINITE, out)
    if r.lo < -LARGEST_SINGLE:
        out = ops.where(ops.less(x, ops.const(-LARGEST_SINGLE)), BELOW, out)
    if dialect.underflows and x.op is not ops.TREE and r.lo < 1e-45 and r.hi > -1e-45:
        out = ops.where(ops.less(ops.absolute(x), ops.const(1e-45)), ZERO, out)
    return out


def _pow(n: Node, found: Ranges, dialect: Dialect) -> Node:
    """aᵇ of a whole b or of a positive a, where a double holds it; x⁰ and 1ʸ are always 1."""
    a, b = n.args
    if b.op is ops.CONST and b.data in (0.5, 2.0):
        return n  # written as a root and as a product
    if b.op is not ops.CONST and dialect.overflows:
        # Beyond, as within: infinity or 0, and 1 of an exponent that is as good as 0.
        near = ops.maximum(ops.minimum(b, ops.const(1e300)), ops.const(-1e300))
        b = ops.where(ops.less(ops.absolute(b), ops.const(SMALLEST)), ZERO, near)
    size = ops.absolute(a)
    log = ops.where(ops.less(ZERO, size), ops.log(size), NOTHING)
    at_zero = ops.lin(0, (-1e4, b))
    digits = ops.where(ops.equal(size, ZERO), at_zero, ops.mul(b, log))
    least = SMALLEST_EXPONENT if dialect.underflows else -745.0
    power = ops.where(ops.less(digits, ops.const(least)), ZERO, ops.power(size, b))
    power = ops.where(ops.less(ops.const(LARGEST_EXPONENT), digits), INFINITE, power)
    below = _power_below_zero(b, power)
    out = power if below is power else ops.where(ops.less(a, ZERO), below, power)
    if b.op is ops.CONST and b.data != 0:
        return out
    always = ops.either(ops.equal(b, ZERO), ops.equal(a, ops.const(1)))
    return ops.where(always, ops.const(1), out)


def _power_below_zero(b: Node, power: Node) -> Node:
    """Return (−a)ᵇ from aᵇ: of an odd b, its opposite; missing where b is not whole."""
    opposite = ops.lin(0, (-1, power))
    if b.op is ops.CONST:
        whole = math.isinf(b.data) or b.data == math.floor(b.data)
        even = math.isinf(b.data) or b.data % 2 == 0
        return NOTHING if not whole else power if even else opposite
    half = ops.lin(0, (0.5, b))
    even_test = ops.equal(ops.unary("floor", half), half)
    whole_test = ops.equal(ops.unary("floor", b), b)
    return ops.where(whole_test, ops.where(even_test, power, opposite), NOTHING)


def in_doubles(formula: Formula) -> Formula:
    """Return the formula with every rounding to float32 done in doubles, to the same number."""
    became = rewrite(formula.roots, lambda n: single(n) if n.op is ops.ROUND32 else None)
    return formula.with_outputs(became)


def single(n: Node) -> Node:
    """`(x + m) − m` with m = 1.5·2^(e + 29): x at float32's 24 bits, in doubles alone.

    e is x's exponent, as ⌊log₂|x|⌋; where the logarithm is off by one, x is so near to a power of
    two that it is rounded to that one in any case.
    """
    x = n.args[0]
    size = ops.absolute(x)
    exponent = ops.unary("floor", ops.lin(0, (1 / math.log(2), ops.log(size))))
    exponent = ops.maximum(exponent, ops.const(-126))
    m = ops.power(ops.const(2), ops.lin(29, (1, exponent)))
    moved = ops.lin(0, (1, x), (1.5, m))
    rounded = ops.lin(0, (1, moved), (-1.5, m))
    far = ops.where(ops.less(ZERO, x), INFINITE, BELOW)
    out = ops.where(ops.less(ops.const(LARGEST_SINGLE), size), far, rounded)
    return ops.where(ops.equal(x, ZERO), x, out)


GUARDS: dict[str, Callable[[Node, Ranges, Dialect], Node]] = {
    "exp": _exp,
    "log": _log,
    "sqrt": _sqrt,
    "div": _div,
    "pow": _pow,
    "piecewise": _pieces,
    "asin": _arc,
    "acos": _arc,
    "sin": _wave,
    "cos": _wave,
    "floor": _floor,
    "round32": _single,
    "sum32": _single,
}


def refusing(formula: Formula) -> Formula:
    """Return the formula with every output missing on rows that the model refuses.

    An output that is missing there by itself, as a sum over all that must be known, stays as it is.
    """
    if formula.refused is None:
        return formula
    refused, told = formula.refused, fold(formula.roots, surely_missing)
    outputs = {
        name: _unless(refused, n) if [*refusals(formula.inputs, by_itself)] else n
        for (name, n), by_itself in zip(formula.outputs.items(), told, strict=True)
    }
    return replace(formula, outputs=outputs, names={**formula.names, refused: "refused"})


def _unless(refused: Node, n: Node) -> Node:
    return ops.where(refused, ops.label(None) if n.type is Type.LABEL else NOTHING, _value(n))


def _value(n: Node) -> Node:
    return ops.where(n, ONE, ZERO) if n.type is Type.BOOL else n


def without_truths(formula: Formula) -> Formula:
    """Return the formula with truths as 1 and 0 wherever they are values, rather than conditions.

    Not every engine has a type for them. What is long and asked for more than once has a name, and
    is computed once.
    """
    order = formula.nodes
    uses = Counter(a for n in order for a in n.args)
    names: dict[Node, str] = {}
    became: dict[Node, Node] = {}
    for n in order:
        now = with_args(n, tuple(became[a] for a in n.args))
        if n.op is ops.NOT:
            now = _negated(now.args[0], names)
        elif n.type is Type.BOOL and n.op is ops.WHERE:
            now = _truth_of_two(now.args, names)
        if n.type is Type.BOOL and (uses[n] > 1 or n in formula.names) and _is_long(now):
            flag = ops.where(now, ONE, ZERO)
            names[flag] = formula.names.get(n) or f"test_{len(names) + 1}"
            now = ops.equal(flag, ONE)
        became[n] = now
    outputs = {k: _value(became[n]) for k, n in formula.outputs.items()}
    made = formula.with_outputs(became)
    return replace(made, outputs=outputs, names={**made.names, **names})


_TESTS = frozenset({ops.LESS, ops.LESS_EQUAL, ops.EQUAL, ops.MEMBER, ops.ABSENT})


def _is_long(n: Node) -> bool:
    """Tell whether a condition is more than one test of what has a name, or of its opposite."""
    if n.op is ops.NOT and n.args[0].op in _TESTS:
        n = n.args[0]
    simple = ("const", "input", "label")
    is_flag = n.op is ops.EQUAL and n.args[1] is ONE and n.args[0].op is ops.WHERE
    return n.op is not ops.CONST and not is_flag and any(a.op.name not in simple for a in n.args)


def _negated(x: Node, flags: Collection[Node]) -> Node:
    """Return where a condition does not hold, as tests that need no CASE to say so."""
    if x.op is ops.CONST:
        return ops.boolean(not x.data)
    if x.op is ops.NOT:
        return x.args[0]
    if x.op is ops.EQUAL and x.args[0] in flags:
        return ops.equal(x.args[0], ZERO)  # it is 1 or 0, and never missing
    if x.op not in (ops.AND, ops.OR) or is_known_or_missing(x):
        return ops.negate(x)
    if not all(a.op in _TESTS or a.op is ops.NOT for a in x.args):
        return ops.negate(x)
    parts = [_negated(a, flags) for a in x.args]
    return ops.both(*parts) if x.op is ops.OR else ops.either(*parts)


def is_known_or_missing(n: Node) -> bool:
    """Tell whether n asks for one of some labels or none; its opposite is x NOT IN (…)."""
    return (
        n.op is ops.OR
        and [a.op for a in n.args] == [ops.MEMBER, ops.ABSENT]
        and n.args[0].args == n.args[1].args
    )


def _truth_of_two(choice: Sequence[Node], flags: Collection[Node]) -> Node:
    """Return `a if c else b` of truths: as a condition where one of them is certain."""
    c, a, b = choice
    certain = {x: bool(x.data) for x in (a, b) if x.op is ops.CONST}
    if len(certain) == 2:
        return a if certain[a] is certain[b] else c if certain[a] else _negated(c, flags)
    if a in certain:
        return ops.either(c, b) if certain[a] else ops.both(_negated(c, flags), b)
    if b in certain:
        return ops.either(_negated(c, flags), a) if certain[b] else ops.both(c, a)
    return ops.equal(ops.where(c, _number(a), _number(b)), ONE)


def _number(n: Node) -> Node:
    if n.op is ops.EQUAL and n.args[0].op is ops.WHERE and n.args[1] is ONE:
        return n.args[0]
    return ops.where(n, ONE, ZERO)


def in_stages(formula: Formula, terms: int, trees: int, rivals: int) -> tuple[Formula, set[Node]]:
    """Return the formula with long sums as sums of some terms, and those that begin another one.

    The order of additions stays the same. An expression of 1,000 signs is too deep for SQLite and
    DuckDB; and of more than some trees in one SELECT, DuckDB plans for longer than it computes.
    """
    became: dict[Node, Node] = {}
    for n in formula.nodes:
        now = with_args(n, tuple(became[a] for a in n.args))
        if n.op in (ops.LIN, ops.SUM32):
            most = trees if any(a.op is ops.TREE for a in n.args) else terms
            now = _split_sum(now, most) if len(n.args) > most else now
        elif n.op in (ops.MIN, ops.MAX) and len(n.args) > rivals:
            now = _tournament(now, rivals)
        elif n.op is ops.MUL and len(n.args) > terms:
            now = _split(now, terms)
        became[n] = now
    made = formula.with_outputs(became)
    parts = {n.args[0] for n in made.nodes if n.op in _SPLIT and n.args and n.args[0].op is n.op}
    return made, {n for n in parts if len(n.args) >= min(terms, trees)}


def _tournament(n: Node, most: int) -> Node:
    """Return the greatest of the greatest of some, and so on; the order does not matter."""
    args = n.args
    while len(args) > most:
        groups = [args[i : i + most] for i in range(0, len(args), most)]
        args = tuple(with_args(n, g) if len(g) > 1 else g[0] for g in groups)
    return with_args(n, args)


_SPLIT = frozenset({ops.LIN, ops.SUM32, ops.MUL})


def _split_sum(n: Node, most: int) -> Node:
    if n.op is ops.SUM32:
        return _split(n, most)
    weights, args = n.data.weights.tolist(), n.args
    out = ops.linear(n.data.bias, weights[:most], args[:most])
    for i in range(most, len(args), most):
        out = ops.linear(0, [1.0, *weights[i : i + most]], (out, *args[i : i + most]))
    return out


def _split(n: Node, most: int) -> Node:
    out = with_args(n, n.args[:most])
    for i in range(most, len(n.args), most):
        out = with_args(n, (out, *n.args[i : i + most]))
    return out
