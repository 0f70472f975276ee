"""How each operation is written in a cell, and what is guarded there."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from closedform import ops
from closedform.ir import Node, Type
from closedform.ops.payloads import Pieces
from closedform.printers.choices import Decision, decision_of
from closedform.printers.excel.cells import INFINITY, plain_name, shown

if TYPE_CHECKING:
    from closedform.printers.excel.steps import Steps

Cell = Callable[..., str]
"""function(steps, node, *the cells of its arguments) → the formula of its cell."""


def _input(steps: Steps, n: Node) -> str:
    if n.type is Type.LABEL:
        return steps.labels.read(n.data)
    x = steps.labels.given(n.data)
    return f"IF(ISNUMBER({x}),{x},NA())"


def _const(steps: Steps, n: Node) -> str:
    if n.type is Type.BOOL:
        return "TRUE" if n.data else "FALSE"
    return steps.number(n.data)


def _label(steps: Steps, n: Node) -> str:
    return steps.labels.code(n.data[0])


# --- arithmetic ---------------------------------------------------------------------------------


def _div(steps: Steps, n: Node, a: str, b: str) -> str:
    if 0.0 not in steps.within[n.args[1]]:
        return f"{a}/{b}"
    return f"IF({b}=0,IF({a}=0,NA(),SIGN({a})*infinity),{a}/{b})"


def _pow(steps: Steps, n: Node, a: str, b: str) -> str:
    power = n.args[1].data if n.args[1].op is ops.CONST else None
    if power == 2:
        return f"{a}*{a}"
    if power == 0.5:
        return f"SQRT({a})"
    if power == 1:
        return a
    far = f"IFERROR(POWER({a},{b}),IF({a}>0,infinity,NA()))"
    zero = f"IF({a}=0,IF({b}>0,0,infinity),{far})"
    if power is None:
        # x⁰ and 1ʸ are 1 even where the other is missing.
        return f"IF(IFERROR({b}=0,FALSE),1,IF(IFERROR({a}=1,FALSE),1,{zero}))"
    if power == 0:
        return "1"
    if power == int(power) and 0 < power < 10:
        return f"POWER({a},{b})"
    return zero


def _exp(steps: Steps, n: Node, x: str) -> str:
    # Above, Excel gives #NUM!: this is the logarithm of INFINITY.
    return f"EXP({x})" if steps.within[n.args[0]].hi < 709 else f"IF({x}>709,infinity,EXP({x}))"


def _log(steps: Steps, n: Node, x: str) -> str:
    return f"LN({x})" if steps.within[n.args[0]].lo > 0 else f"IF({x}=0,-infinity,LN({x}))"


def _sigmoid(steps: Steps, n: Node, x: str) -> str:
    return f"IF({x}<0,EXP({x})/(1+EXP({x})),1/(1+EXP(0-{x})))"


def _log1p(steps: Steps, n: Node, x: str) -> str:
    # LN(1+x) keeps 13 digits at 0.001, none at 1E-17; the series is exact to 1E-17 below.
    series = f"{x}*(1-{x}*(1/2-{x}*(1/3-{x}*(1/4-{x}*(1/5-{x}/6)))))"
    return f"IF(ABS({x})<0.001,{series},IF({x}=-1,-infinity,LN(1+{x})))"


def _expm1(steps: Steps, n: Node, x: str) -> str:
    series = f"{x}*(1+{x}/2*(1+{x}/3*(1+{x}/4*(1+{x}/5))))"
    return f"IF(ABS({x})<0.001,{series},IF({x}>709,infinity,EXP({x})-1))"


def _softplus(steps: Steps, n: Node, x: str) -> str:
    small = f"EXP(-ABS({x}))"
    # Below -30 it is eˣ to 13 digits, where LN(1+eˣ) would lose them one by one.
    return f"IF({x}<-30,EXP({x}),MAX({x},0)+LN(1+{small}))"


def _probit(steps: Steps, n: Node, x: str) -> str:
    return f"IF({x}=0,-infinity,IF({_same(x, '1')},infinity,NORMSINV({x})))"


def _floor(steps: Steps, n: Node, x: str) -> str:
    # LibreOffice's INT takes what is 15 digits from a whole number for it.
    return f"INT({x})-IF({_at_most(f'INT({x})', x)},0,1)"


def _round32(steps: Steps, n: Node, x: str) -> str:
    return rounded(steps, x)


def rounded(steps: Steps, x: str) -> str:
    """Return x rounded to the nearest float32, ties to even.

    Adding and taking away 1.5·2⁵² units of the float32 last place leaves a whole number of them.
    """
    magic = f"3*2^(MAX(INT(LOG(ABS({x}),2)),-126)+28)"
    far = steps.number(3.4028235677973366e38)
    return f"IF({x}=0,0,IF(ABS({x})>={far},SIGN({x})*infinity,({x}+{magic})-{magic}))"


def _sum32(steps: Steps, n: Node, *cells: str) -> str:
    """Return the last of several columns, each a sum of two that is rounded to float32."""
    total = rounded(steps, cells[0])
    for k, x in enumerate(cells[1:], 1):
        at = steps.column(f"{steps.name(n)} after {k}", "sum in float32", total)
        # What is added is a float32 itself where it is the value of a tree.
        if not steps.is_single(n.args[k]):
            x = steps.column(f"{steps.name(n)} + …", "rounded to float32", rounded(steps, x))
        total = rounded(steps, f"({at}+{x})")
    return total


def _listing(name: str) -> Cell:
    return lambda steps, n, *cells: f"{name}({steps.listed(n.args)})"


def _kth(steps: Steps, n: Node, *cells: str) -> str:
    return f"SMALL({steps.row(n.args)},{n.data})"


def _weighted_median(steps: Steps, n: Node, *cells: str) -> str:
    """Return the least of those at or below which half of all weight lies, from columns of both."""
    name, row = steps.name(n), steps.row(n.args)
    first = steps.block(f"{name}: weights", ("", *map(steps.name, n.args)), [(name, *n.data)])
    weights = steps.coefficients.name(plain_name("weights", name), first, 1, 1, len(n.args))
    found = []
    for a, x in zip(n.args, cells, strict=True):
        below = f"SUMPRODUCT(({row}<={x})*{weights})"
        text = f"IF({below}>=SUM({weights})/2,{x},infinity)"
        found.append(steps.column(steps.name(a), "if half of all weight is below", text))
    ends = found[0] if len(found) == 1 else f"{found[0]}:{found[-1]}"
    return f"MIN({ends})"


# --- conditions ---------------------------------------------------------------------------------


def _less(steps: Steps, n: Node, a: str, b: str) -> str:
    if _zero(n):
        return steps.guarded(f"{a}<{b}", *n.args)
    return steps.guarded(f"INDEX(FREQUENCY({b},{a}),1)=0", *n.args)


def _at_most(a: str, b: str) -> str:
    # FREQUENCY compares all bits; <= takes numbers that agree to 15 digits for equal.
    return f"INDEX(FREQUENCY({a},{b}),1)=1"


def _same(a: str, b: str) -> str:
    return f"AND({_at_most(a, b)},{_at_most(b, a)})"


def _less_equal(steps: Steps, n: Node, a: str, b: str) -> str:
    if _zero(n):
        return steps.guarded(f"{a}<={b}", *n.args)
    return steps.guarded(_at_most(a, b), *n.args)


def _zero(n: Node) -> bool:
    """Tell whether a side is 0, with which Excel compares exactly."""
    return any(x.op is ops.CONST and x.data == 0 for x in n.args)


def _equal(steps: Steps, n: Node, a: str, b: str) -> str:
    if n.args[0].type is Type.BOOL:
        return f"{a}={b}"
    if n.args[0].type is Type.LABEL or _zero(n):
        return steps.guarded(f"{a}={b}", *n.args)
    return steps.guarded(_same(a, b), *n.args)


def _member(steps: Steps, n: Node, x: str) -> str:
    if n.args[0].type is Type.LABEL:
        wanted = [steps.labels.code(v) for v in n.data if v is not None]
    else:
        wanted = [steps.number(float(v)) for v in n.data if v == v]
    wanted = list(dict.fromkeys(wanted))
    if len(wanted) < 6:
        tests = [f"{x}={w}" for w in wanted]
        text = tests[0] if len(tests) == 1 else f"OR({','.join(tests)})"
        return steps.guarded(text, *n.args) if tests else "FALSE"
    name = steps.name(n)
    cells = [
        steps.labels.codes.code(v) + 1 if n.args[0].type is Type.LABEL else float(v)
        for v in dict.fromkeys(n.data)
        if v is not None and v == v
    ]
    first = steps.block(f"{name}: one of", ("",), [(v,) for v in cells])
    keys = steps.coefficients.name(plain_name("keys", name), first, 0, len(cells))
    return f"ISNUMBER(MATCH({x},{keys},0))"


def _missing(steps: Steps, n: Node, x: str) -> str:
    # An input that the model never takes empty may be empty all the same: that is refused.
    absent = n.args[0].op is ops.INPUT or steps.within[n.args[0]].missing
    return f"ISERROR({x})" if absent else "FALSE"


def _where(steps: Steps, n: Node, c: str, a: str, b: str) -> str:
    decision = decision_of(n)
    if decision is not None and len(decision.scores) > 2:
        return _highest(steps, n, decision)
    return f"IF({c},{a},{b})"


def _highest(steps: Steps, n: Node, decision: Decision) -> str:
    """Return the number of the first class with the highest score, or of the last one."""
    name = steps.name(n)
    rows = [(str(c), int(steps.labels.code(c))) for c in decision.classes]
    first = steps.block(f"{name}: its classes", ("class", "number"), rows)
    keys = steps.coefficients.name(plain_name("classes", name), first, 1, len(rows))
    row = steps.row(decision.scores)
    return f"INDEX({keys},IFERROR(MATCH(MAX({row}),{row},0),{len(rows)}))"


# --- payloads -----------------------------------------------------------------------------------


def _tree(steps: Steps, n: Node, *cells: str) -> str:
    return steps.trees.value(n, steps.row)


def _table(steps: Steps, n: Node, x: str) -> str:
    name, data = steps.name(n), n.data
    labels = n.args[0].type is Type.LABEL
    rows: list[tuple[object, ...]] = [("(missing)", "", data.missing)]
    rows.append(("(any other)", "", data.default))
    for label, value in zip(data.labels, data.values.tolist(), strict=True):
        key = steps.labels.codes.code(label) + 1 if labels else float(label)
        rows.append((*shown([label]), key, value))
    title = f"{name}: table of {steps.name(n.args[0])}"
    first = steps.block(title, ("label", "number" if labels else "key", "value"), rows)
    store = steps.coefficients
    values = store.name(plain_name("values", name), first, 2, len(rows))
    place = "2"
    if data.labels:
        keys = store.name(plain_name("keys", name), first + 2, 1, len(rows) - 2)
        place = f"IFERROR(MATCH({x},{keys},0),0)+2"
    if steps.within[n.args[0]].missing:
        place = f"IF(ISERROR({x}),1,{place})"
    return f"INDEX({values},{place})"


def _piecewise(steps: Steps, n: Node, x: str) -> str:
    name, data = steps.name(n), n.data
    keep = _reachable(data)
    degree = data.coefs.shape[1]
    rows: list[tuple[Any, ...]] = [
        ("", -INFINITY if i == 0 else float(data.edges[i - 1]), float(data.origins[i]),
         *map(float, data.coefs[i]))
        for i in keep
    ]  # fmt: skip
    heading = ["", "from", "origin", *(f"coefficient {j}" for j in range(degree))]
    unit = _unit(data)
    if unit and degree > 1:
        rows = [(*row, high := _high(row[2], unit), row[2] - high) for row in rows]
        heading += ["origin, high part", "origin, low part"]
    first = steps.block(f"{name}: curve of {steps.name(n.args[0])}", heading, rows)
    store, count = steps.coefficients, len(rows)
    edges = store.name(plain_name("edges", name), first, 1, count)
    # FREQUENCY counts to the bit; in LibreOffice, MATCH takes what agrees to 15 digits for one.
    count_of = f"INDEX(FREQUENCY({edges},{x}),1)"
    if data.right_closed:
        reached = _at_most(x, f"INDEX({edges},{count_of})")
        count_of = f"MAX(1,{count_of}-IF({reached},1,0))"
    at = steps.column(name, "stretch", f"IF(ISNUMBER({x}),{count_of},NA())")
    text = _horner(steps, name, data, x, at, first, count)
    if not steps.within[n.args[0]].missing:
        return text
    return f"IF(ISERROR({x}),{steps.number(data.missing)},{text})"


def _reachable(data: Pieces) -> list[int]:
    """Return the stretches that some number lies in: none between two equal edges."""
    edges = data.edges.tolist()
    last = len(edges)
    return [i for i in range(last + 1) if i in (0, last) or edges[i - 1] < edges[i]]


def _horner(steps: Steps, name: str, data: Pieces, x: str, at: str, first: int, count: int) -> str:
    store, degree = steps.coefficients, data.coefs.shape[1]
    names = [store.name(plain_name(f"coef{j}", name), first, 3 + j, count) for j in range(degree)]
    text = f"INDEX({names[-1]},{at})"
    if degree == 1:
        return text
    away = x
    if data.origins.any():
        origin = store.name(plain_name("origin", name), first, 2, count)
        text_away = f"{x}-INDEX({origin},{at})"
        if unit := _unit(data):
            lows = [store.name(plain_name(f"origin_{part}", name), first, 3 + degree + k, count)
                    for k, part in enumerate(("high", "low"))]  # fmt: skip
            text_away = _exactly(steps, name, x, unit, [f"INDEX({low},{at})" for low in lows])
        away = steps.column(name, "from its origin", text_away)
    for coefficient in names[-2::-1]:
        text = f"INDEX({coefficient},{at})+{away}*({text})"
    return text


def _unit(data: Pieces) -> float:
    """Return the unit of the high parts of a curve's numbers; 0 where it has no narrow stretch.

    LibreOffice takes the difference of two numbers that agree to 2⁻⁴⁸ for 0. Quantiles may be but
    an ulp apart, and a curve go from one to the other: there a result was 2E-3 off.
    """
    edges = data.edges[np.isfinite(data.edges)]
    wide, size = np.diff(edges), np.abs(edges)
    if not ((wide > 0) & (wide < 2.0**-16 * np.maximum(size[1:], size[:-1]))).any():
        return 0.0
    return float(2.0 ** (math.frexp(size.max())[1] - 27))


def _high(value: float, unit: float) -> float:
    """Return whole units of a number, half a unit to one and a half below it."""
    return math.floor(value / unit - 0.5) * unit


def _exactly(steps: Steps, name: str, x: str, unit: float, origin: Sequence[str]) -> str:
    """Return x − its origin to the bit, by high and low parts: both differences are exact."""
    far, one = steps.number(unit * 2.0**28), steps.number(unit)
    high = steps.column(name, "high part", f"IF(ABS({x})>{far},{x},INT({x}/{one}-0.5)*{one})")
    return f"({high}-{origin[0]})+({x}-{high}-{origin[1]})"


def _sums(steps: Steps, group: Sequence[Node]) -> list[str]:
    return steps.sums(group)


def _distances(steps: Steps, group: Sequence[Node]) -> list[str]:
    return steps.distances(group)


def _call(name: str, steps: Steps, n: Node, x: str) -> str:
    return f"{name}({x})"


WEIGHTED: dict[str, Callable[[Steps, Sequence[Node]], list[str]]] = {
    "lin": _sums,
    "squared_distance": _distances,
}
"""Operations whose nodes over the same arguments have their coefficients in one block."""

FUNCTIONS = {
    "sqrt": "SQRT", "abs": "ABS", "tanh": "TANH", "erf": "ERF", "sin": "SIN", "cos": "COS",
    "atan": "ATAN", "asin": "ASIN", "acos": "ACOS", "sign": "SIGN", "not": "NOT",
}  # fmt: skip
"""Operations that are a function of Excel, with the same meaning."""

SPELL: dict[str, Cell] = {
    "input": _input, "const": _const, "label": _label,
    "mul": lambda steps, n, *cells: "*".join(cells),
    "div": _div, "pow": _pow, "exp": _exp, "log": _log, "log1p": _log1p, "expm1": _expm1,
    "sigmoid": _sigmoid, "softplus": _softplus, "probit": _probit, "floor": _floor,
    "round32": _round32, "sum32": _sum32, "kth": _kth, "weighted_median": _weighted_median,
    "min": _listing("MIN"), "max": _listing("MAX"), "and": _listing("AND"), "or": _listing("OR"),
    "less": _less, "less_equal": _less_equal, "equal": _equal, "member": _member,
    "missing": _missing, "where": _where,
    "tree": _tree, "table": _table, "piecewise": _piecewise,
    **{name: partial(_call, function) for name, function in FUNCTIONS.items()},
}  # fmt: skip
"""Operation → how its cell is written; every operation is here, or in WEIGHTED."""
