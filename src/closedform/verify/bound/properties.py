"""What can be proven of one formula over a box: its range, its slopes, its labels, its domain."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import BadInput
from closedform.evaluate import bounds
from closedform.formula import Formula
from closedform.ir import Interval, Node, Type, substitute, toposort, with_args
from closedform.passes.differentiate import differentiate
from closedform.verify.bound.always import always, over
from closedform.verify.bound.difference import rounding_error
from closedform.verify.bound.proof import BOUNDED, OPEN, PROVEN, Proof
from closedform.verify.bound.region import Region, region_of, together, used_by
from closedform.verify.bound.rounded import UNIT
from closedform.verify.bound.smooth import SINGLE
from closedform.verify.bound.tape import cuts_of

LARGEST = 1.7976931348623157e308


def output_of(formula: Formula, output: str | None, type_: Type) -> tuple[str, Node]:
    """Return an output of one type: the one named, or the first.

    Raises:
        BadInput: there is none.
    """
    names = [output] if output else [*formula.answer, *formula.outputs]
    for name in names:
        if name in formula.outputs and formula.outputs[name].type is type_:
            return name, formula.outputs[name]
    told = f"called {output!r} " if output else ""
    kind = "label" if type_ is Type.LABEL else "number"
    raise BadInput(
        f"The formula has no output {told}that is a {kind}.",
        hint="Its outputs are: " + ", ".join(formula.outputs) + ".",
    )


def increasing(
    formula: Formula, box: Mapping[str, Any] | None = None, *, input: str,
    output: str | None = None, **options: Any,
) -> Proof:  # fmt: skip
    """Prove that an output never falls as one input grows, the others being the same.

    Over the reals: the slope is nowhere negative, and no tree or step lets the value fall where the
    input crosses one of its thresholds, by more than 1e-13 of its size.

    Args:
        formula, box: what, and over which inputs.
        input: the name of the input.
        output: the name of the output; default: the prediction.
        options: X, missing, time_limit, seed, as in `certify`.
    """
    return _monotone(formula, box, input, output, 1.0, options)


def decreasing(
    formula: Formula, box: Mapping[str, Any] | None = None, *, input: str,
    output: str | None = None, **options: Any,
) -> Proof:  # fmt: skip
    """Prove that an output never grows as one input grows; see `increasing`."""
    return _monotone(formula, box, input, output, -1.0, options)


def _monotone(
    formula: Formula, box: Mapping[str, Any] | None, input: str, output: str | None,
    sign: float, options: Mapping[str, Any],
) -> Proof:  # fmt: skip
    start, limit = time.perf_counter(), float(options.get("time_limit", 10.0))
    name, node = output_of(formula, output, Type.REAL)
    slope = next(iter(differentiate(formula.only(name), input).outputs.values()))
    names = [f.name for f in formula.inputs]
    at = names.index(input)
    claim = f"{name} never {'falls' if sign > 0 else 'grows'} as {input} grows"
    used = used_by([node])
    region = region_of(formula.inputs, used, box, options.get("X"), options.get("missing", ()))
    ends = float(region.lo[at]), float(region.hi[at])
    jumps = _jumps(node, at, sign, *ends, _slack(node, region)) if at in used else []
    if jumps is None:
        return Proof(claim, OPEN, box=region.describe(), included=(), seconds=0.0)
    rising = ops.less_equal(ops.const(0.0), ops.lin(0.0, (sign, slope)))
    boxes, last = 0, None

    def shown(condition: Node) -> bool:
        nonlocal boxes, last
        left = max(0.0, start + limit - time.perf_counter())
        last = over(condition, claim, region, time.perf_counter() + left, reals=True)
        boxes += last.boxes
        return last.status == PROVEN

    # Of each tree by itself, which takes a few boxes; only then of all that jump there together.
    where = {}
    for cut, alone, all_of_them in jumps if shown(rising) else ():
        if not all(map(shown, alone)) and not shown(all_of_them):
            where = {input: cut}
            break
    assert last is not None
    point = None if last.point is None else {**last.point, **where}
    spent = time.perf_counter() - start
    return replace(last, boxes=boxes, seconds=spent, box=region.describe(), point=point)


def _slack(node: Node, region: Region) -> float:
    """Return a fall that is but rounding: 1e-13 of what the value may be."""
    ends = enumerate(zip(region.lo.tolist(), region.hi.tolist(), strict=True))
    box = {i: Interval(lo, hi) for i, (lo, hi) in ends if lo == lo}
    found = bounds([node], box)[0]
    size = max(abs(found.lo), abs(found.hi))
    return 1e-13 * size if math.isfinite(size) else 0.0


JUMPING = (ops.FLOOR, ops.SIGN, ops.ROUND32, ops.SUM32, ops.TREE, ops.TABLE, ops.PIECEWISE)
"""Operations that jump; so may whatever chooses by a condition."""


def _jumps(
    node: Node, at: int, sign: float, lo: float, hi: float, slack: float
) -> list[tuple[float, list[Node], Node]] | None:
    """Return what must hold of each jump along one input, so that none goes the wrong way.

    Returns:
        For each where it is, what is enough of every tree or step by itself (of a sum of them), and
        what must hold of all together; None where the value may jump in other ways.
    """
    x = ops.input_(at)
    moving = set[Node]()
    for n in toposort([node]):
        if n is x or any(a in moving for a in n.args):
            moving.add(n)
            if n.type is Type.REAL and n.op not in (*JUMPING, ops.WHERE):
                continue
            raw = n.op in (ops.TREE, ops.PIECEWISE) and all(
                a is x or a not in moving for a in n.args
            )
            if not raw:
                return None
    order = toposort([node])
    cuts = cuts_of(order).get(at, np.zeros(0))
    own = [(n, set(cuts_of([n]).get(at, np.zeros(0)).tolist())) for n in order if x in n.args]
    conditions = []
    for cut in cuts[(cuts >= lo) & (cuts < hi)].tolist():
        # What does not change here stays the same node, and cancels.
        above = ops.const(float(np.nextafter(cut, np.inf)))
        changed = {
            n: with_args(n, tuple(above if a is x else a for a in n.args))
            for n, mine in own
            if cut in mine
        }
        at_cut = {x: ops.const(cut)}
        ends = [substitute([node], {**at_cut, **new})[0] for new in ({}, changed)]
        alone = [
            _rises(sign * w, substitute([n], at_cut)[0], changed[n], slack)
            for w, n in _terms(node)
            if n in changed
        ]
        both = _rises(sign, ends[0], ends[1], slack)
        conditions.append((cut, alone if len(alone) == len(changed) > 1 else [both], both))
    return conditions


def _rises(weight: float, below: Node, above: Node, slack: float) -> Node:
    rise = ops.lin(0.0, (weight, above), (-weight, below))
    return ops.less_equal(ops.const(-slack), rise)


def _terms(node: Node) -> list[tuple[float, Node]]:
    """Return the terms of a sum, each once."""
    if node.op is not ops.LIN or len(set(node.args)) < len(node.args):
        return []
    return [*zip(node.data.weights.tolist(), node.args, strict=True)]


def within(
    formula: Formula, box: Mapping[str, Any] | None = None, *, lo: float = -math.inf,
    hi: float = math.inf, output: str | None = None, **options: Any,
) -> Proof:  # fmt: skip
    """Prove that an output stays between two numbers, and is never missing.

    Args:
        formula, box: what, and over which inputs.
        lo, hi: the limits; without any, that it is a finite number.
        output: the name of the output; default: the prediction.
        options: X, missing, time_limit, seed, as in `certify`.
    """
    name, node = output_of(formula, output, Type.REAL)
    low, high = max(lo, -LARGEST), min(hi, LARGEST)
    if low > high:
        raise BadInput(f"{lo:g} … {hi:g} is no range.", hint="Give lo ≤ hi.")
    condition = ops.both(
        ops.less_equal(ops.const(low), node), ops.less_equal(node, ops.const(high))
    )
    return always(condition, f"{lo:g} ≤ {name} ≤ {hi:g}", formula.inputs, box, **options)


def agreeing(
    formula: Formula, box: Mapping[str, Any] | None = None, *, model: Formula,
    output: str | None = None, **options: Any,
) -> Proof:  # fmt: skip
    """Prove that formula and model give the same label everywhere in a box.

    Args:
        formula, box: what, and over which inputs.
        model: with what it is compared.
        output: the name of the label; default: the prediction.
        options: X, missing, time_limit, seed, as in `certify`.
    """
    name, _ = output_of(formula, output, Type.LABEL)
    theirs, _ = output_of(model, output, Type.LABEL)
    model, formula = together(model, formula)
    condition = ops.equal(model.outputs[theirs], formula.outputs[name])
    return always(condition, f"the same {name} as the model", model.inputs, box, **options)


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


def _pow(n: Node) -> Node | None:
    zero, (a, b) = ops.const(0.0), n.args
    if b.op is not ops.CONST:
        return ops.less_equal(a, zero)
    if b.data < 0:
        whole = float(b.data).is_integer()
        return ops.either(ops.equal(a, zero), _too_large(n)) if whole else ops.less_equal(a, zero)
    return _too_large(n) if float(b.data).is_integer() else ops.less(a, zero)


def _too_large(n: Node) -> Node:
    # NaN too: what is not within the largest numbers is an overflow, or comes from one.
    return ops.negate(
        ops.both(
            ops.less_equal(ops.const(-LARGEST), n), ops.less_equal(n, ops.const(LARGEST))
        )
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
}
"""What goes wrong in an operation, as a condition."""


def rounding(
    formula: Formula, box: Mapping[str, Any] | None = None, *, output: str | None = None,
    dtype: str = "float32", X: Any = None, **_: Any,
) -> Proof:  # fmt: skip
    """Bound how far the formula computed in float32 (or float64) may be from the same in the reals.

    A running error analysis (Higham, Accuracy and Stability of Numerical Algorithms, 2002, §3.3):
    sums in any order, functions to 4 ulp. It is rigorous, and pessimistic: of a network 15-60-60-1
    the bound is about a thousand times the greatest error that occurs.

    Args:
        formula, box: what, and over which inputs.
        output: the name of the output; default: the prediction.
        dtype: "float32" or "float64".
        X: rows from whose range the box is taken.

    Raises:
        BadInput: another dtype.
    """
    units = {"float32": SINGLE, "float64": UNIT}
    if dtype not in units:
        raise BadInput(f"dtype={dtype!r} is not known.", hint="Use 'float32' or 'float64'.")
    start = time.perf_counter()
    name, node = output_of(formula, output, Type.REAL)
    region = region_of(formula.inputs, used_by([node]), box, X)
    with np.errstate(all="ignore"):
        found = rounding_error([node], region, units[dtype])
    return Proof(
        f"|{name} in {dtype} − {name} over the reals|", BOUNDED, found, boxes=1,
        seconds=time.perf_counter() - start, box=region.describe(), included=(),
        methods=("running error of every operation",),
    )  # fmt: skip


CLAIMS: dict[str, Callable[..., Proof]] = {
    "increasing": increasing,
    "decreasing": decreasing,
    "within": within,
    "agreeing": agreeing,
    "safe": safe,
    "rounding": rounding,
}
"""What can be proven, by name."""


def prove(
    formula: Formula, claim: str, box: Mapping[str, Any] | None = None, **options: Any
) -> Proof:
    """Prove a claim about a formula over a box; see the function of the claim's name.

    Raises:
        BadInput: the claim is not known.
    """
    if claim not in CLAIMS:
        raise BadInput(
            f"{claim!r} is no claim that can be proven.",
            hint="Use one of: " + ", ".join(CLAIMS) + ".",
        )
    return CLAIMS[claim](formula, box, **options)
