"""scikit-learn: FunctionTransformer, for the functions whose formula is known."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from operator import methodcaller
from types import FunctionType
from typing import Any

import numpy as np

from closedform import ops
from closedform.families.additive import clipped
from closedform.ir import Node, substitute, toposort
from closedform.readers.elementary import FUNCTIONS as ELEMENTARY
from closedform.readers.reading import Columns, Reading
from closedform.readers.sklearn.dispatch import names_out
from closedform.readers.sklearn.scale import indicator
from closedform.readers.sklearn.traced import traced
from closedform.readers.sklearn.ufuncs import TextWanted, Untraced
from closedform.readers.tensors import node_of

Function = Callable[[Node], Node]


def _named(name: str) -> Function:
    return lambda x: ops.unary(name, x)


def _times(factor: float) -> Function:
    return lambda x: ops.lin(0, (factor, x))


def _negative(x: Node) -> Node:
    return ops.lin(0, (-1, x))


def _ceil(x: Node) -> Node:
    return _negative(ops.unary("floor", _negative(x)))


def _log_to(number: float) -> Function:
    return lambda x: ops.div(ops.log(x), ops.const(math.log(number)))


def _cube_root(x: Node) -> Node:
    return ops.mul(ops.sign(x), ops.power(ops.absolute(x), 1 / 3))


def _elementary(name: str) -> Function:
    return lambda x: node_of(ELEMENTARY[name](x))


def _logit(x: Node) -> Node:
    return ops.log(ops.div(x, ops.lin(1, (-1, x))))


FUNCTIONS: dict[str, Function] = {
    **{name: _named(name) for name in ("exp", "log", "log1p", "expm1", "sqrt", "tanh", "erf")},
    **{name: _named(name) for name in ("sin", "cos", "floor", "sign")},
    **dict.fromkeys(("abs", "absolute", "fabs"), ops.absolute),
    **dict.fromkeys(("deg2rad", "radians"), _times(math.pi / 180)),
    **dict.fromkeys(("rad2deg", "degrees"), _times(180 / math.pi)),
    "positive": lambda x: x,
    "negative": _negative,
    "square": lambda x: ops.mul(x, x),
    "cbrt": _cube_root,
    "exp2": lambda x: ops.power(ops.const(2), x),
    "exp10": lambda x: ops.power(ops.const(10), x),
    "log2": _log_to(2),
    "log10": _log_to(10),
    "tan": lambda x: ops.div(ops.sin(x), ops.cos(x)),
    "ceil": _ceil,
    "arctan": ops.atan,
    **{
        name: _elementary(of)
        for name, of in (("arcsin", "asin"), ("arccos", "acos"), ("sinh", "sinh"))
        + (("cosh", "cosh"), ("arcsinh", "asinh"), ("arccosh", "acosh"), ("arctanh", "atanh"))
    },
    "expit": ops.sigmoid,
    "logit": _logit,
    "ndtri": _named("probit"),
    "isnan": lambda x: indicator(ops.missing(x)),
}
"""The ufuncs of NumPy (and scipy.special) that have a formula, by their own names."""

VANISH = {
    "log", "log1p", "log2", "log10", "sqrt", "logit", "ndtri", "arcsin", "arccos", "arccosh",
    "arctanh",
}  # fmt: skip
"""Those that are missing for some numbers."""


VANISHING = {ops.LOG, ops.LOG1P, ops.SQRT, ops.DIV, ops.POW, ops.ASIN, ops.ACOS, ops.PROBIT}
"""The same, as operations; 0/0 is missing too."""
EXPLODING = {ops.LOG, ops.LOG1P, ops.DIV, ops.POW}
"""Operations that are infinite for some small numbers."""


def known_function(
    func: Any, arguments: Mapping[str, Any] | None, reading: Reading
) -> tuple[str, Function] | None:
    """Return the name and the formula of a function; None, and a problem, if it is not known."""
    if func is None:
        return "identity", lambda x: x
    name = str(getattr(func, "__name__", type(func).__name__))
    if func is np.clip and _clips_alike(arguments or {}):
        return "clip", _clip(arguments or {})
    cast = _cast(func, arguments or {})
    if cast is not None:
        return cast
    # A ufunc's name is its own; another function called `log` may be anything.
    if isinstance(func, np.ufunc) and name in FUNCTIONS and not arguments:
        return name, FUNCTIONS[name]
    place = Columns(("x",), (ops.input_(0),))
    made = _traced(func, arguments or {}, place, reading, frame=False)
    if len(made) != 1:
        return None
    return _said(func), lambda x: substitute(made.nodes, {place.nodes[0]: x})[0]


def _traced(
    func: Any, arguments: Mapping[str, Any], columns: Columns, reading: Reading, *, frame: bool
) -> Columns:
    """Return what a Python function makes of columns; none, and a problem, if it is not known."""
    name = getattr(func, "__name__", type(func).__name__)
    try:
        if reading.sparse:
            raise Untraced("it is given a sparse matrix")
        return traced(func, arguments, columns, frame=frame)
    except Untraced as problem:
        if isinstance(problem, TextWanted) and problem.input is not None:
            reading.as_labels(columns.nodes[problem.input])
        given = f" with {dict(arguments)}" if arguments else ""
        reading.problem(
            f"FunctionTransformer calls {name!r}{given}, whose formula is not known: {problem}.",
            "Use NumPy's functions of the columns of one row, such as np.log1p(x) or "
            "x[:, [0]] / x[:, [1]], or compute these columns beforehand.",
        )
        return Columns((), ())


def _said(func: Any) -> str:
    name = str(getattr(func, "__name__", "function"))
    return "function" if name == "<lambda>" else name


def _cast(func: Any, arguments: Mapping[str, Any]) -> tuple[str, Function] | None:
    """Return the formula of a cast to float32 or float64: np.float32, np.asarray(dtype=…), astype.

    astype is known as operator.methodcaller("astype", dtype).
    """
    to: Any = func if not arguments else None
    if func in (np.asarray, np.array) and set(arguments) == {"dtype"}:
        to = arguments["dtype"]
    elif isinstance(func, methodcaller) and not arguments:
        reduced: Any = func.__reduce__()
        method, *given = reduced[1]
        to = given[0] if method == "astype" and len(given) == 1 else None
    for kind, function in ((np.float32, ops.round32), (np.float64, _same)):
        if to is kind or (isinstance(to, str | np.dtype) and np.dtype(to) == kind):
            return kind.__name__, function
    return None


def _same(x: Node) -> Node:
    return x


def _clips_alike(arguments: Mapping[str, Any]) -> bool:
    """Tell whether np.clip gets the same two ends for all columns, and nothing else."""
    ends = {"a_min", "a_max", "min", "max"}
    return set(arguments) <= ends and all(np.ndim(v) == 0 for v in arguments.values())


def _clip(arguments: Mapping[str, Any]) -> Function:
    lo = arguments.get("a_min", arguments.get("min"))
    hi = arguments.get("a_max", arguments.get("max"))
    ends = (-math.inf if lo is None else float(lo), math.inf if hi is None else float(hi))
    return lambda x: clipped(x, *ends)


def function_transformer(model: Any, columns: Columns, reading: Reading) -> Columns:
    """f(x) for each column; or what a Python function makes of all of them."""
    if isinstance(model.func, FunctionType | partial):
        return _own_function(model, columns, reading)
    found = known_function(model.func, model.kw_args, reading)
    if found is None:
        return reading.placeholder(columns.names)
    name, function = found
    made = [function(x) for x in columns.nodes]
    if name in VANISH:
        reading.may_vanish(made)
        reading.may_explode([n for n in made if EXPLODING & {m.op for m in toposort([n])}])
    for column, n in zip(columns.names, made, strict=True):
        reading.call(n, f"{name}({column})")
    return columns.mapped(made)


def _own_function(model: Any, columns: Columns, reading: Reading) -> Columns:
    frame = hasattr(model, "feature_names_in_") and not model.validate
    made = _traced(model.func, model.kw_args or {}, columns, reading, frame=frame)
    if not made:
        return reading.placeholder(columns.names)
    beneath = {n: {m.op for m in toposort([n])} for n in made.nodes}
    reading.may_vanish([n for n, found in beneath.items() if VANISHING & found])
    reading.may_explode([n for n, found in beneath.items() if EXPLODING & found])
    name, names = _said(model.func), _own_names(model, columns, made)
    for column, n in zip(names, made.nodes, strict=True):
        if n not in columns.nodes:
            reading.call(n, f"{name}({column})" if column in columns.names else column)
    return made.mapped(made.nodes, names)


def _own_names(model: Any, columns: Columns, made: Columns) -> Sequence[str]:
    """Return names for the columns that a Python function gives: its own, or those that it took."""
    if all(made.names):
        return made.names
    found = names_out(model, columns)
    name = _said(model.func)
    return found if len(found) == len(made) else [f"{name}{i}" for i in range(len(made))]


TRANSFORMS: dict[str, Any] = {"FunctionTransformer": function_transformer}
ESTIMATORS: dict[str, Any] = {}
