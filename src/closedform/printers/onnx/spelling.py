"""How each operation is written as ONNX operators, over tensors of any number of columns."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import reduce

import numpy as np

from closedform import ops
from closedform.ir import Node, Type, toposort
from closedform.passes.lower import lowered
from closedform.printers.label_codes import LabelCodes
from closedform.printers.onnx.graph import ML, Graph, Tensor, tensor

Given = Sequence[Tensor]
Rule = Callable[[Graph, Node, Given], Tensor]


def plain(op: str) -> Rule:
    """Return the rule of an operator that means the same."""
    return lambda g, n, given: g.apply(op, *given)


def _chain(op: str) -> Rule:
    """Return the rule of an operator of two arguments, over several from left to right."""
    return lambda g, n, given: reduce(lambda a, b: g.apply(op, a, b), given)


def add_up(g: Graph, bias: Tensor | None, weights: np.ndarray, given: Given) -> Tensor:
    """Return bias + Σ weights·given from left to right; weights of shape (terms, columns)."""
    total = bias
    for w, x in zip(weights, given, strict=True):
        if total is not None and (w == -1).all():
            total = g.apply("Sub", total, x)
            continue
        term = x if (w == 1).all() else g.apply("Mul", x, g.row(w))
        total = term if total is None else g.apply("Add", total, term)
    assert total is not None
    return total


def _lin(g: Graph, n: Node, given: Given) -> Tensor:
    none = n.data.bias == 0 and math.copysign(1, n.data.bias) > 0 and len(given) > 0
    bias = None if none else g.number(n.data.bias)
    return add_up(g, bias, n.data.weights[:, None], given)


def _sum32(g: Graph, n: Node, given: Given) -> Tensor:
    # CumSum adds column after column; of a ReduceSum nobody knows the order.
    x = g.cast(given[0], np.float32)
    name = g.add("CumSum", x.name, g.constant(np.array(1, dtype=np.int64)))
    last = Tensor(g.add("Gather", name, g.whole([x.width - 1]), axis=1), 1, x.varies)
    return g.cast(last, g.real)


def _power(g: Graph, n: Node, given: Given) -> Tensor:
    if n.args[1].op is ops.CONST and n.args[1].data == 2:
        return g.apply("Mul", given[0], given[0])
    return g.apply("Pow", *given)


def _sigmoid(g: Graph, n: Node, given: Given) -> Tensor:
    # onnxruntime's own is 0 below some -18 in doubles.
    grown = g.apply("Exp", g.apply("Neg", given[0]))
    return g.apply("Div", g.number(1), g.apply("Add", g.number(1), grown))


def _atan(g: Graph, n: Node, given: Given) -> Tensor:
    """y + atan(t), with y = atan(x) in float32, t = (x·cos y − sin y) / (cos y + x·sin y)."""
    if g.real == np.float32:
        return g.apply("Atan", given[0])
    # onnxruntime has no Atan of doubles. |t| < 1e-7, so that t is its own arctangent.
    x = g.apply("Max", g.apply("Min", given[0], g.number(1e300)), g.number(-1e300))
    near = g.cast(g.apply("Atan", g.cast(x, np.float32)), g.real)
    cos, sin = g.apply("Cos", near), g.apply("Sin", near)
    above = g.apply("Sub", g.apply("Mul", x, cos), sin)
    rest = g.apply("Div", above, g.apply("Add", cos, g.apply("Mul", x, sin)))
    angle = g.apply("Add", near, rest)
    return g.apply("Where", g.apply("Equal", x, g.number(0)), x, angle)


def _round32(g: Graph, n: Node, given: Given) -> Tensor:
    return given[0] if g.real == np.float32 else g.cast(g.cast(given[0], np.float32), g.real)


def _extreme(one: str, many: str) -> Rule:
    def spell(g: Graph, n: Node, given: Given) -> Tensor:
        if len(given) > 1:
            return g.apply(one, *given)
        # Whether a reduction hands on what is missing is nowhere said.
        found = g.reduced(many, given[0])
        return g.apply("Where", g.any_missing(given[0]), g.number(math.nan), found)

    return spell


def _kth(g: Graph, n: Node, given: Given) -> Tensor:
    x = given[0]
    name = g.add("TopK", x.name, g.whole([n.data]), also=1, axis=1, largest=0, sorted=1)
    found = Tensor(g.add("Gather", name, g.whole([n.data - 1]), axis=1), 1, x.varies)
    return g.apply("Where", g.any_missing(x), g.number(math.nan), found)


def _weighted_median(g: Graph, n: Node, given: Given) -> Tensor:
    x = given[0]
    name = g.add("TopK", x.name, g.whole([x.width]), also=1, axis=1, largest=0, sorted=1)
    weights = g.constant(np.asarray(n.data, dtype=g.real))
    ordered = g.add("Gather", weights, f"{name}_also1", axis=0)
    reached = Tensor(
        g.add("CumSum", ordered, g.constant(np.array(1, dtype=np.int64))), x.width, x.varies
    )
    last = Tensor(g.add("Gather", reached.name, g.whole([x.width - 1]), axis=1), 1, x.varies)
    enough = g.apply("GreaterOrEqual", reached, g.apply("Mul", g.number(0.5), last))
    first = g.add("ArgMax", g.cast(enough, np.int32).name, axis=1, keepdims=1)
    found = Tensor(g.add("GatherElements", name, first, axis=1), 1, x.varies)
    return g.apply("Where", g.any_missing(x), g.number(math.nan), found)


def _where(g: Graph, n: Node, given: Given) -> Tensor:
    if n.type is not Type.BOOL:
        return g.apply("Where", *given)
    yes, no = g.apply("And", given[0], given[1]), g.apply("Not", given[0])
    return g.apply("Or", yes, g.apply("And", no, given[2]))


def _equal(g: Graph, n: Node, given: Given) -> Tensor:
    found = g.apply("Equal", *given)
    known = any(a.op is ops.LABEL and a.data[0] is not None for a in n.args)
    if n.args[0].type is not Type.LABEL or known:
        return found
    absent = g.apply("Equal", given[0], _code(g, -1))
    return g.apply("And", found, g.apply("Not", absent))


def _or(g: Graph, n: Node, given: Given) -> Tensor:
    tested = [a.args[0] for a in n.args if a.op is ops.ABSENT]
    numbers = tuple(x for x in tested if x.type is Type.REAL)
    if len(numbers) < 4:
        return _chain("Or")(g, n, given)
    found = g.any_missing(g.matrix(numbers))  # as for a row with a gap, which most models refuse
    rest = [
        x for a, x in zip(n.args, given, strict=True)
        if a.op is not ops.ABSENT or a.args[0].type is not Type.REAL
    ]  # fmt: skip
    return _chain("Or")(g, n, [found, *rest])


def _absent(g: Graph, n: Node, given: Given) -> Tensor:
    if n.args[0].type is Type.LABEL:
        return g.apply("Equal", given[0], _code(g, -1))
    return g.apply("IsNaN", given[0])


def _code(g: Graph, code: int) -> Tensor:
    return Tensor(g.whole([[code]]), 1, varies=False)


def _piecewise(g: Graph, n: Node, given: Given) -> Tensor:
    p, x = n.data, given[0]
    at = _code(g, 0)
    if len(p.edges):
        rounded = (below32 if p.right_closed else above32)(p.edges)
        edges = g.row(rounded if g.real == np.float32 else p.edges)
        passed = g.apply("Greater" if p.right_closed else "GreaterOrEqual", x, edges)
        at = g.reduced("ReduceSum", g.cast(passed, np.int64))

    def beside(values: np.ndarray) -> Tensor:
        table = g.constant(np.asarray(values, dtype=g.real))
        return Tensor(g.add("Gather", table, at.name, axis=0), 1, x.varies)

    value = beside(p.coefs[:, -1])
    if p.coefs.shape[1] > 1:
        away = g.apply("Sub", x, beside(p.origins))
        for j in range(p.coefs.shape[1] - 2, -1, -1):
            value = g.apply("Add", g.apply("Mul", value, away), beside(p.coefs[:, j]))
    return g.apply("Where", g.apply("IsNaN", x), g.number(p.missing), value)


def below32(limits: np.ndarray) -> np.ndarray:
    """Return the greatest float32 that is at most each limit: float32 numbers part as before."""
    with np.errstate(over="ignore"):
        found = limits.astype(np.float32)
    return np.where(found > limits, np.nextafter(found, np.float32(-np.inf)), found)


def above32(limits: np.ndarray) -> np.ndarray:
    """Return the least float32 that is at least each limit."""
    return -below32(-limits)


class Labels:
    """The rules of what is looked up: labels are whole numbers, -1 a missing one."""

    def __init__(self, codes: LabelCodes) -> None:
        self.codes = codes

    def _label(self, g: Graph, n: Node, given: Given) -> Tensor:
        return _code(g, int(self.codes.text(n.data[0])))

    def _table(self, g: Graph, n: Node, given: Given) -> Tensor:
        data, x = n.data, given[0]
        if n.args[0].type is not Type.LABEL:
            keys = [float(v) for v in data.labels]
            found = looked_up(g, x, keys, data.values, data.default, g.real)
            return g.apply("Where", g.apply("IsNaN", x), g.number(data.missing), found)
        values = [data.default, data.missing, *self.codes.dense(data).tolist()]
        return self._beside(g, x, np.asarray(values, dtype=g.real))

    def _member(self, g: Graph, n: Node, given: Given) -> Tensor:
        x = given[0]
        if n.args[0].type is not Type.LABEL:
            keys = list(dict.fromkeys(float(v) for v in n.data if v == v))
            return g.cast(looked_up(g, x, keys, np.ones(len(keys)), 0, np.int64), bool)
        size = len(self.codes.texts) + len(self.codes.numbers)
        values = np.zeros(size + 2, dtype=bool)
        values[[self.codes.code(v) + 2 for v in n.data if v is not None and v == v]] = True
        return self._beside(g, x, values)

    def _beside(self, g: Graph, x: Tensor, values: np.ndarray) -> Tensor:
        """Return what stands at each code: values[0] for what is not known, values[1] for none."""
        place = g.apply("Add", g.apply("Max", x, _code(g, -2)), _code(g, 2))
        found = g.add("Gather", g.constant(values), place.name, axis=0)
        return Tensor(found, x.width, x.varies)

    def rules(self) -> dict[str, Rule]:
        """Return the rules by the name of the operation."""
        return {"label": self._label, "table": self._table, "member": self._member}


def looked_up(
    g: Graph, x: Tensor, keys: Sequence[object], values: np.ndarray, default: float, kind: type
) -> Tensor:
    """Return the number that stands beside each key, or the default.

    Args:
        keys: numbers, or texts where x is text.
        kind: the NumPy type of the result.
    """
    text = bool(keys) and isinstance(keys[0], str)
    if not keys:
        return Tensor(g.constant(np.array([[default]], dtype=kind)), 1, varies=False)
    known = np.array(keys, dtype=object if text else g.real)
    return g.apply(
        "LabelEncoder", x, domain=ML, keys_tensor=tensor(known),
        values_tensor=tensor(np.asarray(values, dtype=kind)),
        default_tensor=tensor(np.array([default], dtype=kind)),
    )  # fmt: skip


RULES: Mapping[str, Rule] = {
    "lin": _lin,
    "sum32": _sum32,
    "mul": _chain("Mul"),
    "pow": _power,
    "div": plain("Div"),
    **{op: plain(op.title()) for op in ("exp", "log", "sqrt", "abs", "tanh", "sin", "cos")},
    **{op: plain(op.title()) for op in ("floor", "sign", "not", "less")},
    "and": _chain("And"),
    "or": _or,
    "less_equal": plain("LessOrEqual"),
    "sigmoid": _sigmoid,
    "atan": _atan,
    "round32": _round32,
    "min": _extreme("Min", "ReduceMin"),
    "max": _extreme("Max", "ReduceMax"),
    "kth": _kth,
    "weighted_median": _weighted_median,
    "where": _where,
    "equal": _equal,
    "missing": _absent,
    "piecewise": _piecewise,
}
"""The operations that are operators. Other functions of one number are lowered, layer by layer."""

SIDE_BY_SIDE = frozenset({"sum32", "kth", "weighted_median"})
"""Operations that take all their arguments as the columns of one tensor."""


def lowered_over(g: Graph, name: str, x: Tensor) -> Tensor:
    """Return a function of one number as smaller ones, of all columns of a tensor at once."""
    variable = ops.input_(0)
    whole = ops.unary(name, variable)
    small = lowered([whole], {"lin", *RULES}, target="onnx")[whole]
    found: dict[Node, Tensor] = {variable: x}
    for n in toposort([small]):
        if n.op is ops.CONST:
            found[n] = g.number(n.data)
        elif n is not variable:
            found[n] = RULES[n.op.name](g, n, [found[a] for a in n.args])
    return found[small]
