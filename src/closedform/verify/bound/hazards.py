"""What can go wrong in an operation, as conditions: whether a formula is safe over a box."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Node, Type, toposort
from closedform.verify.bound.always import always
from closedform.verify.bound.named import output_of
from closedform.verify.bound.proof import Proof
from closedform.verify.bound.rounded import LARGEST


def safe(
    formula: Formula, box: Mapping[str, Any] | None = None, *, output: str | None = None,
    **options: Any,
) -> Proof:  # fmt: skip
    """Prove that nothing is divided by zero, leaves a function's domain, or overflows.

    A hazard counts where it is reached: the branch of a choice that is not taken is not.

    Args:
        formula, box: what, and over which inputs.
        output: one output alone; default: all numbers.
        options: X, missing, time_limit, seed, as in `certify`.
    """
    roots = formula.roots if output is None else [output_of(formula, output, Type.REAL)[1]]
    hazards = list(_hazards(roots))
    condition = ops.negate(ops.either(*hazards)) if hazards else ops.boolean(True)
    claim = "no division by zero, no number outside a function's domain, no overflow"
    return always(condition, claim, formula.inputs, box, **options)


def _hazards(roots: list[Node]) -> Iterator[Node]:
    """Yield a condition for each thing that can go wrong."""
    for n, reached in _reached(roots).items():
        rule = HAZARDS.get(n.op)
        found = None if rule is None else rule(n)
        if found is not None:
            yield found if reached is None else ops.both(reached, found)


def _reached(roots: list[Node]) -> dict[Node, Node | None]:
    """Return under which condition each node's value is asked for; None: always."""
    order = toposort(roots)
    ways: dict[Node, list[Node | None]] = {n: [] for n in order}
    for root in roots:
        ways[root].append(None)
    found: dict[Node, Node | None] = {}
    for n in reversed(order):
        mine = ways[n]
        found[n] = (
            None
            if any(w is None for w in mine)
            else ops.either(*{w: 0 for w in mine if w is not None})
        )
        for i, arg in enumerate(n.args):
            asked = None
            if n.op is ops.WHERE and i > 0:
                asked = n.args[0] if i == 1 else ops.negate(n.args[0])
            both = [w for w in (found[n], asked) if w is not None]
            ways[arg].append(ops.both(*both) if both else None)
    return found


def _below(limit: float, or_equal: bool = False) -> Callable[[Node], Node]:
    compare = ops.less_equal if or_equal else ops.less
    return lambda n: compare(n.args[0], ops.const(limit))


def _outside(lo: float, hi: float, or_equal: bool = False) -> Callable[[Node], Node]:
    compare = ops.less_equal if or_equal else ops.less
    return lambda n: ops.either(
        compare(n.args[0], ops.const(lo)), compare(ops.const(hi), n.args[0])
    )


def _pow(n: Node) -> Node:
    zero, (a, b) = ops.const(0.0), n.args
    if b.op is not ops.CONST:
        return ops.either(ops.less_equal(a, zero), _too_large(n))
    whole = float(b.data).is_integer()
    if b.data < 0:
        bad = ops.equal(a, zero) if whole else ops.less_equal(a, zero)
    else:
        bad = ops.boolean(False) if whole else ops.less(a, zero)
    return ops.either(bad, _too_large(n))


def _too_large(n: Node) -> Node:
    # NaN of numbers that are there, too: it comes of an overflow on the way, as ∞ − ∞.
    largest = ops.const(LARGEST)
    fits = ops.both(ops.less_equal(ops.const(-LARGEST), n), ops.less_equal(n, largest))
    there = [ops.negate(ops.missing(a)) for a in n.args if a.op is not ops.CONST]
    return ops.both(ops.negate(fits), *dict.fromkeys(there))


def _lost(n: Node) -> Node | None:
    # A stretch may be missing by design; a constant one cannot overflow.
    return _infinite(n) if n.data.coefs.shape[1] > 1 else None


def _infinite(n: Node) -> Node:
    return ops.either(
        ops.less(n, ops.const(-LARGEST)), ops.less(ops.const(LARGEST), n)
    )  # fmt: skip


HAZARDS: dict[Any, Callable[[Node], Node | None]] = {
    ops.DIV: lambda n: ops.either(ops.equal(n.args[1], ops.const(0.0)), _too_large(n)),
    ops.LOG: _below(0.0, or_equal=True),
    ops.LOG1P: _below(-1.0, or_equal=True),
    ops.SQRT: _below(0.0),
    ops.ASIN: _outside(-1.0, 1.0),
    ops.ACOS: _outside(-1.0, 1.0),
    ops.PROBIT: _outside(0.0, 1.0, or_equal=True),
    ops.POW: _pow,
    ops.EXP: _too_large,
    ops.EXPM1: _too_large,
    ops.MUL: _too_large,
    ops.SQUARED_DISTANCE: _too_large,
    ops.LIN: _too_large,
    ops.SUM32: _too_large,
    ops.ROUND32: _too_large,
    ops.PIECEWISE: _lost,
}
"""What goes wrong in an operation, as a condition."""
