"""Functions of single elements, as JAX's operations define them."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from closedform import ops
from closedform.evaluate import compute
from closedform.ir import Node, Type, fold, with_args
from closedform.readers import tensors as t
from closedform.readers.reading import surely_shows
from closedform.readers.tensors import Element, Tensor
from closedform.readers.torch.elements import NoFormula

Function = Callable[..., Any]


def cell(function: Callable[..., Element]) -> Callable[..., Element]:
    """Return a function of elements that gives a number where all that it takes is known."""

    def made(*xs: Element) -> Element:
        found = function(*xs)
        if isinstance(found, Node) and not any(isinstance(x, Node) for x in xs):
            value: Element = compute([found], [], 1)[0].item(0)
            return value
        return found

    return made


def each(function: Callable[..., Element]) -> Function:
    """Return a function of elements as one of tensors."""
    of_cells = cell(function)
    return lambda *tensors: t.elementwise(of_cells, *tensors)


def one(name: str) -> Function:
    """Return one of the elementary functions of `ops`, by name."""
    return each(t.function(name))


def greatest(a: Element, b: Element) -> Element:
    """lax.max; −∞ is never the greater one."""
    for x, other in ((a, b), (b, a)):
        if not isinstance(x, Node) and x == -math.inf:
            return other
    return t.greatest(a, b)


def smallest(a: Element, b: Element) -> Element:
    """lax.min; ∞ is never the smaller one."""
    for x, other in ((a, b), (b, a)):
        if not isinstance(x, Node) and x == math.inf:
            return other
    return t.smallest(a, b)


def equal(a: Element, b: Element) -> Element:
    """lax.eq, of numbers or of truths."""
    if not (_is_truth(a) or _is_truth(b)):
        return t.equal(a, b)
    a, b = t.truth(a), t.truth(b)
    if not isinstance(b, Node):
        return a if b else t.negation(a)
    if not isinstance(a, Node):
        return b if a else t.negation(b)
    return t.either(t.both(a, b), t.both(t.negation(a), t.negation(b)))


def unequal(a: Element, b: Element) -> Element:
    """lax.ne: whether a is missing, where it is asked of a and a."""
    if a is b and isinstance(a, Node) and a.type is Type.REAL:
        return ops.missing(a)
    return t.negation(equal(a, b))


def _is_truth(x: Element) -> bool:
    return isinstance(x, Node) and x.type is Type.BOOL


def absent(x: Element) -> Element:
    """Return whether a number is missing."""
    return ops.missing(t.node_of(t.number(x)))


def less_in_order(a: Element, b: Element) -> Element:
    """lax.lt_to, by which JAX sorts: what is missing comes last."""
    return t.either(t.less(a, b), t.both(absent(b), t.negation(absent(a))))


def finite(x: Element) -> Element:
    """lax.is_finite: false where x is missing."""
    return t.less(t.function("abs")(x), math.inf)


def rest(a: Element, b: Element) -> Element:
    """lax.rem: a − b·trunc(a / b)."""
    return t.add(a, t.multiply(t.truncated(t.divide(a, b)), b), -1.0)


def whole_quotient(a: Element, b: Element) -> Element:
    """lax.div of whole numbers: towards 0."""
    return t.truncated(t.divide(a, b))


def away(x: Element) -> Element:
    """lax.round away from 0: trunc(x), and one more from a half on."""
    size = t.function("abs")(x)
    down = t.function("floor")(size)
    up = t.less_equal(0.5, t.add(size, down, -1.0))
    return t.multiply(t.function("sign")(x), t.choice(up, t.add(down, 1.0), down))


def cbrt(x: Element) -> Element:
    """lax.cbrt: sign(x)·|x|^(1/3)."""
    return t.multiply(t.function("sign")(x), t.power(t.function("abs")(x), 1 / 3))


def erf_inv(x: Element) -> Element:
    """lax.erf_inv: probit((x + 1) / 2) / √2."""
    chance = t.add(0.5, t.number(x), 0.5)
    return t.multiply(ops.unary("probit", t.node_of(chance)), 1 / math.sqrt(2))


def whole(x: Element, dtype: Any) -> Element:
    """A float as a whole number: towards 0, within the type, and 0 where it is missing."""
    limits = np.iinfo(dtype)
    x = t.node_of(x)
    held = ops.minimum(
        ops.maximum(t.node_of(t.truncated(x)), ops.const(float(limits.min))),
        ops.const(float(limits.max)),
    )
    return ops.where(ops.missing(x), ops.const(0.0), held)


def picked(at: Element, options: list[Element], otherwise: Element | None = None) -> Element:
    """Return one of several by its number.

    Args:
        at: the number.
        options: what to choose from.
        otherwise: what other numbers give; None where they give the first or the last.
    """
    if not isinstance(at, Node):
        inside = 0 <= at < len(options)
        place = min(max(int(at), 0), len(options) - 1)
        return options[place] if inside or otherwise is None else otherwise
    if len({id(x) for x in options}) == 1 and otherwise is None:
        return options[0]
    if not any(isinstance(x, Node) for x in [*options, otherwise]):
        return _looked_up(at, options, otherwise)
    return _chosen(at, options, otherwise)


def _looked_up(at: Node, options: list[Element], otherwise: Element | None) -> Node:
    entries = {float(i): float(x) for i, x in enumerate(options)}  # type: ignore[arg-type]
    if otherwise is not None:
        return ops.table(at, entries, default=float(otherwise))  # type: ignore[arg-type]
    return ops.table(_held(at, len(options)), entries)


def _held(at: Node, count: int) -> Node:
    return ops.minimum(ops.maximum(at, ops.const(0.0)), ops.const(count - 1.0))


def _chosen(at: Node, options: list[Element], otherwise: Element | None) -> Element:
    last = len(options) - 1
    found: Element = otherwise if otherwise is not None else options[-1]
    for i in range(last if otherwise is None else last + 1)[::-1]:
        place = ops.const(float(i))
        here = ops.equal(at, place) if i or otherwise is not None else ops.less_equal(at, place)
        found = t.choice(here, options[i], found)
    return found


def chosen(c: Element, a: Element, b: Element) -> Element:
    """Return a where c holds, else b.

    JAX's functions choose within a branch once more, that its slope be a number: c is known there.
    They also hand on what is missing, which most operations do by themselves.
    """
    c = t.truth(c)
    if not isinstance(c, Node):
        return a if c else b
    a, b = _settled(a, c, True), _settled(b, c, False)
    if c.op is ops.ABSENT and isinstance(b, Node) and _bare(c.args[0]) is _bare(a):
        (shown,) = fold([b], partial(surely_shows, {_bare(a)}))
        if shown:
            return _softplus(_bare(a), b)
    return t.choice(c, a, b)


DEEP = 6
"""How far below a choice another one by the same condition is looked for."""


def _settled(x: Element, c: Node, holds: bool) -> Element:
    """Return x, knowing that c holds, or does not."""
    if not isinstance(x, Node):
        return x
    above: list[Node] = []
    n = x
    while len(n.args) == 1 and len(above) < DEEP:
        above.append(n)
        n = n.args[0]
    if n.op is not ops.WHERE or n.args[0] is not c:
        return x
    found = n.args[1 if holds else 2]
    for outer in reversed(above):
        found = with_args(outer, (found,))
    return found


def _bare(x: Element) -> Any:
    """Return y where x is y + 0."""
    plain = isinstance(x, Node) and x.op is ops.LIN and len(x.args) == 1 and x.data.bias == 0
    return x.args[0] if plain and x.data.weights[0] == 1 else x  # type: ignore[union-attr]


def _softplus(x: Node, n: Node) -> Node:
    """max(x, 0) + log1p(exp(−|x|)) -> softplus(x)"""
    falling = ops.unary("log1p", ops.exp(ops.lin(0, (-1, ops.absolute(x)))))
    written = n.op is ops.LIN and n.args == (ops.maximum(x, ops.const(0.0)), falling)
    plain = written and n.data.bias == 0 and (n.data.weights == 1).all()
    return ops.unary("softplus", x) if plain else n


def ordered(xs: list[Node]) -> list[Element]:
    """Return the elements from the least on, missing ones last: lax.sort."""
    whole = _all_or_none(xs)
    if whole:
        return [ops.kth(k, *whole) for k in range(1, len(whole) + 1)]
    count, gone = len(xs), [ops.missing(x) for x in xs]
    filled = [
        ops.where(g, ops.const(math.inf), x) for g, x in zip(gone, xs, strict=True)
    ]  # fmt: skip
    left = ops.linear(float(count), [-1.0] * count, [t.node_of(t.number(g)) for g in gone])
    made: list[Element] = []
    for k in range(1, count + 1):
        beyond = ops.less(left, ops.const(float(k)))
        made.append(ops.where(beyond, ops.const(math.nan), ops.kth(k, *filled)))
    return made


def _all_or_none(xs: list[Node]) -> list[Node]:
    """Return the elements themselves where all of them are set to missing if one of them is.

    So jnp.median and jnp.quantile do before they sort.
    """
    gone, inner = xs[0].args[:1], [x.args[-1] for x in xs if x.op is ops.WHERE]
    if len(inner) < len(xs) or any(x.args[0] is not gone[0] for x in xs):
        return []
    if any(x.args[1].op is not ops.CONST or x.args[1].data == x.args[1].data for x in xs):
        return []
    return inner if gone[0] is ops.either(*map(ops.missing, inner)) else []


def greatest_first(xs: list[Node]) -> list[Element]:
    """Return the elements from the greatest on, missing ones first: the values of lax.top_k."""
    return ordered(xs)[::-1]


def running(join: Callable[[Element, Element], Element]) -> Callable[[list[Node]], list[Element]]:
    """Return the function that joins each element to all that stand before it."""

    def made(xs: list[Node]) -> list[Element]:
        found: list[Element] = []
        for x in xs:
            found.append(join(found[-1], x) if found else x)
        return found

    return made


def boxed(values: Any) -> Tensor:
    """Return an array whose elements are nodes and Python's own numbers."""
    return values if values.dtype == object else t.as_tensor(values)


def converted(x: Tensor, new_dtype: Any, source: Any) -> Any:
    """lax.convert_element_type: to truths, to whole numbers, or to another float, as it is."""
    kind, before = np.dtype(new_dtype), np.dtype(source)
    if kind.kind == "b":
        return each(t.truth)(x)
    if kind.kind not in "iu" or before.kind == "b":
        return each(t.number)(x)
    if before.kind not in "iu":
        return each(lambda v: whole(v, kind))(x)
    lost = np.iinfo(kind).bits < np.iinfo(before).bits or kind.kind == "u" > before.kind
    if lost and kind.itemsize < 4:
        raise NoFormula(f"convert_element_type of {before} to {kind}, which drops digits")
    return x


def held_precision(x: Tensor, exponent_bits: int, mantissa_bits: int) -> Tensor:
    """lax.reduce_precision to what float32 holds at least."""
    if exponent_bits < 8 or mantissa_bits < 23:
        raise NoFormula(f"reduce_precision to {mantissa_bits} bits")
    return x


def shifted(a: Element, b: Element) -> Element:
    """lax.shift_right_arithmetic: floor(a / 2ᵇ)."""
    if isinstance(b, Node):
        raise NoFormula("shifting by a number that depends on the inputs")
    return t.function("floor")(t.multiply(a, 0.5 ** float(b)))
