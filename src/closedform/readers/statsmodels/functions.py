"""What may be called in a model formula: each function's name, and what it gives."""

from __future__ import annotations

import ast
import math
import sys
from collections.abc import Callable
from typing import Any

import numpy as np

from closedform import ops
from closedform.families.additive import clipped
from closedform.ir import Node, Type
from closedform.readers.sklearn.functions import FUNCTIONS
from closedform.readers.statsmodels import expressions as e
from closedform.readers.statsmodels.bases import Basis, Binned, Plain
from closedform.readers.statsmodels.expressions import Call, Method, Stateful, Unreadable
from closedform.readers.statsmodels.stateful import OWN_CODE, stateful
from closedform.readers.tensors import node_of
from closedform.readers.torch.elements import nearest


def called(call: Call) -> Any:
    """Return what a call gives, or Unreadable."""
    if isinstance(call.target, Stateful):
        return stateful(call.target, call)
    if isinstance(call.target, Method):
        return _method(call.target, call)
    name = name_of(call.target)
    if name in CALLS:
        return CALLS[name](call)
    if name.startswith("ufunc."):
        return _ufunc(name.removeprefix("ufunc."), call)
    if isinstance(call.target, Unreadable):
        return call.target
    return Unreadable(f"{e.spelled(call.code)}, which calls {_described(call.target, name)}")


def _described(target: Any, name: str) -> str:
    if name:
        return f"{name}()"
    return OWN_CODE.format(name=getattr(target, "__name__", type(target).__name__))


PACKAGES = ("numpy", "pandas", "patsy", "formulaic", "scipy", "math", "builtins")


def name_of(target: Any) -> str:
    """Return package and name of a function that a package really has; "" for any other."""
    if isinstance(target, np.ufunc):
        return f"ufunc.{target.__name__}"
    module, name = getattr(target, "__module__", None), getattr(target, "__name__", "")
    if not isinstance(module, str) or module.partition(".")[0] not in PACKAGES:
        return ""
    found = getattr(sys.modules.get(module), name, None)
    unwrapped = getattr(found, "__wrapped__", found)
    same = found is target or unwrapped is getattr(target, "__wrapped__", target)
    return f"{module.partition('.')[0]}.{name}" if same else ""


# --- plain functions ----------------------------------------------------------------------------


def _first(call: Call) -> Any:
    return call.args[0] if call.args else call.unreadable


def _quoted(call: Call) -> Any:
    name = _first(call)
    if not isinstance(name, str) or name not in call.scope.nodes:
        return call.unreadable
    return e.column(name, call.scope.nodes[name], call.scope)


def _where(call: Call) -> Any:
    if len(call.args) != 3 or call.options:
        return call.unreadable
    condition = e.truth(call.args[0])
    if all(isinstance(v, str) for v in call.args[1:]) and isinstance(condition, Node):
        return ops.where(condition, *map(ops.label, call.args[1:]))
    a, b = e.number(call.args[1]), e.number(call.args[2])
    bad = next((v for v in (condition, a, b) if isinstance(v, Unreadable)), None)
    return ops.where(condition, a, b) if bad is None else bad  # type: ignore[arg-type]


def _clip(call: Call) -> Any:
    return _clipped(call.args[0] if call.args else None, call.args[1:], call)


def _clipped(x: Any, ends: tuple[Any, ...], call: Call) -> Any:
    """Return x between two ends, given by position or by any of their names."""
    known = {"a_min": 0, "min": 0, "lower": 0, "a_max": 1, "max": 1, "upper": 1}
    both: list[Any] = [*ends, None, None][:2]
    for name, value in call.options.items():
        if name not in known:
            return call.unreadable
        both[known[name]] = value
    found = e.number(x)
    if isinstance(found, Unreadable) or not all(v is None or e.is_number(v) for v in both):
        return call.unreadable
    lo, hi = both
    low = -math.inf if lo is None else float(lo)
    return clipped(found, low, math.inf if hi is None else float(hi))


def _absolute(call: Call) -> Any:
    found = e.number(_first(call))
    return found if isinstance(found, Unreadable) else ops.absolute(found)


def _raised(call: Call) -> Any:
    if len(call.args) != 2 or call.options:
        return call.unreadable
    return e.binary(ast.Pow, *call.args, call.code)


def _is_missing(call: Call) -> Any:
    x = _first(call)
    return ops.missing(x) if isinstance(x, Node) else call.unreadable


def _is_there(call: Call) -> Any:
    found = _is_missing(call)
    return ops.negate(found) if isinstance(found, Node) else found


def _is_in(call: Call) -> Any:
    return _among(call.args[0], call.args[1:], call) if call.args else call.unreadable


def _among(x: Any, labels: tuple[Any, ...], call: Call) -> Any:
    """Return whether a column holds one of some labels; a missing one is none of them."""
    if len(labels) != 1 or call.options or not isinstance(x, Node) or x.type is Type.BOOL:
        return call.unreadable
    known = list(labels[0]) if isinstance(labels[0], list | tuple | set | np.ndarray) else []
    plain = [v.item() if isinstance(v, np.generic) else v for v in known]
    if not plain or not all(isinstance(v, str | int | float) and v == v for v in plain):
        return call.unreadable
    texts = any(isinstance(v, str) for v in plain)
    return ops.member(call.scope.as_labels(x) if texts else x, plain)


def _cut(call: Call) -> Any:
    """Return the bins of pandas.cut; of a number of bins, they depend on all rows."""
    options = dict(call.options)
    if len(call.args) == 2:
        options["bins"] = call.args[1]
    bins, labels = options.pop("bins", None), options.pop("labels", None)
    right = options.pop("right", True)
    x = e.number(_first(call))
    known = isinstance(bins, list | tuple | np.ndarray) and all(map(e.is_number, bins))
    if isinstance(x, Unreadable) or options or not known or right not in (True, False):
        return x if isinstance(x, Unreadable) else call.unreadable
    edges = np.array(bins, dtype=np.float64)
    if len(edges) < 2 or not (np.diff(edges) > 0).all():
        return call.unreadable
    named = tuple(labels) if isinstance(labels, list | tuple) else None
    if labels not in (None, False) and named is None:
        return call.unreadable
    found = Binned(x, edges, bool(right), np.arange(len(edges) - 1.0)[:, None], named)
    return found.nodes()[0] if labels is False else found


def _as_array(call: Call) -> Any:
    return _first(call) if len(call.args) == 1 and not call.options else call.unreadable


def _rounded(call: Call) -> Any:
    """Return numbers to so many decimals, halves to the even one, as NumPy rounds them."""
    digits = [*call.args[1:], *(v for k, v in call.options.items() if k == "decimals")]
    (decimals,) = digits if len(digits) == 1 else (0,)
    if len(digits) + 1 != len(call.args) + len(call.options) or type(decimals) is not int:
        return call.unreadable
    x = e.number(_first(call))
    if isinstance(x, Unreadable) or not 0 <= decimals <= 15:
        return x if isinstance(x, Unreadable) else call.unreadable
    scale = ops.const(10.0**decimals)
    grown = ops.mul(x, scale) if decimals else x
    whole = node_of(nearest(grown))
    return ops.div(whole, scale) if decimals else whole


def _looked_up(x: Node, call: Call) -> Any:
    """Return what a dict has for a column; other values are missing."""
    (found,) = call.args if len(call.args) == 1 and not call.options else (None,)
    if not isinstance(found, dict) or not found or not all(map(e.is_number, found.values())):
        return call.unreadable
    texts = any(isinstance(k, str) for k in found)
    x = call.scope.as_labels(x) if texts else x
    if x.type is (Type.REAL if texts else Type.LABEL) or x.type is Type.BOOL:
        return call.unreadable
    return ops.table(x, {k: float(v) for k, v in found.items()}, math.nan, math.nan)


CALLS: dict[str, Callable[[Call], Any]] = {
    "patsy.I": _first,
    "patsy.C": _first,
    "patsy.Q": _quoted,
    "formulaic.identity": _first,
    "formulaic.C": _first,
    "formulaic.Q": _quoted,
    "numpy.where": _where,
    "numpy.clip": _clip,
    "numpy.isin": _is_in,
    "pandas.cut": _cut,
    **dict.fromkeys(("numpy.array", "numpy.asarray"), _as_array),
    "builtins.abs": _absolute,
    "builtins.pow": _raised,
    **dict.fromkeys(("numpy.round", "numpy.around", "builtins.round"), _rounded),
    **dict.fromkeys(("pandas.isna", "pandas.isnull"), _is_missing),
    **dict.fromkeys(("pandas.notna", "pandas.notnull"), _is_there),
}
"""Functions that are no ufuncs, by package and name.

What C() is told of contrasts and levels shows in the coded matrix, which the package has kept.
"""


def _ufunc(name: str, call: Call) -> Any:
    """Return a function of NumPy (or scipy.special) of one number or two."""
    if call.options or not call.args:
        return call.unreadable
    if name in OPERATORS and len(call.args) == 2:
        return e.binary(OPERATORS[name], *call.args, call.code)
    if name in PAIRS and len(call.args) == 2:
        return e.combined(PAIRS[name], *call.args)
    if name == "rint":
        return _rounded(call)
    if name in TRUTHS:
        return _of_truths(TRUTHS[name], call)
    if name == "isnan":
        return _is_missing(call)
    if name not in FUNCTIONS or len(call.args) != 1:
        return Unreadable(f"{e.spelled(call.code)}, which calls the function {name!r}")
    x = call.args[0]
    if e.is_number(x):
        return float(call.target(x))
    found = e.number(x)
    return found if isinstance(found, Unreadable) else FUNCTIONS[name](found)


OPERATORS: dict[str, type] = {
    "add": ast.Add, "subtract": ast.Sub, "multiply": ast.Mult, "divide": ast.Div,
    "true_divide": ast.Div, "power": ast.Pow, "floor_divide": ast.FloorDiv, "remainder": ast.Mod,
}  # fmt: skip
PAIRS: dict[str, Callable[[Node, Node], Node]] = {
    "maximum": ops.maximum, "minimum": ops.minimum, "less": ops.less, "equal": ops.equal,
    "less_equal": ops.less_equal, "greater": lambda a, b: ops.less(b, a),
    "greater_equal": lambda a, b: ops.less_equal(b, a),
    "not_equal": lambda a, b: ops.negate(ops.equal(a, b)),
    "hypot": lambda a, b: ops.sqrt(ops.squared_distance([a, b], [0.0, 0.0])),
}  # fmt: skip
TRUTHS: dict[str, Callable[..., Node]] = {
    "logical_and": ops.both,
    "logical_or": ops.either,
    "logical_not": ops.negate,
}


def _of_truths(rule: Callable[..., Node], call: Call) -> Any:
    """Return what becomes of conditions; a number is true where it is not 0."""
    found = [e.truth(v) for v in call.args]
    bad = next((v for v in found if isinstance(v, Unreadable)), None)
    return rule(*found) if bad is None else bad


# --- methods ------------------------------------------------------------------------------------


def _filled(x: Node, call: Call) -> Any:
    value: Any = call.args[0] if call.args else None
    if call.options or len(call.args) != 1 or x.type is Type.BOOL:
        return call.unreadable
    if isinstance(value, str):
        x = call.scope.as_labels(x)
        return ops.where(ops.missing(x), ops.label(value), x)
    if not e.is_number(value):
        return Unreadable(f"{e.spelled(call.code)}, which fills in what depends on all rows")
    return ops.where(ops.missing(x), ops.const(float(value)), x)


def _cast(x: Node, call: Call) -> Any:
    """Return truths as 0 and 1, and numbers as they are; whole numbers and text are refused."""
    kind = call.args[0] if len(call.args) == 1 and not call.options else None
    named = getattr(kind, "__name__", kind)
    if named == "category" or (named in ("float", "float64") and x.type is Type.REAL):
        return x
    if x.type is Type.BOOL and named in ("int", "float", "int64", "int32", "float64", "int8"):
        return e.number(x)
    return call.unreadable


def _between(x: Node, call: Call) -> Any:
    if len(call.args) != 2 or call.options or not all(map(e.is_number, call.args)):
        return call.unreadable
    lo, hi = (ops.const(float(v)) for v in call.args)
    return ops.both(ops.less_equal(lo, x), ops.less_equal(x, hi))


def _on(function: Callable[[Call], Any]) -> Callable[[Node, Call], Any]:
    def apply(x: Node, call: Call) -> Any:
        return function(Call(call.target, (x, *call.args), call.options, call.code, call.scope))

    return apply


METHODS: dict[str, Callable[[Node, Call], Any]] = {
    "fillna": _filled,
    "astype": _cast,
    "between": _between,
    "clip": lambda x, call: _clipped(x, call.args, call),
    "isin": lambda x, call: _among(x, call.args, call),
    "abs": _on(_absolute),
    "pow": _on(_raised),
    "round": _on(_rounded),
    "map": _looked_up,
    **dict.fromkeys(("isna", "isnull"), _on(_is_missing)),
    **dict.fromkeys(("notna", "notnull"), _on(_is_there)),
}
"""Methods of a pandas column that look at one row alone."""


def _method(target: Method, call: Call) -> Any:
    if target.name in METHODS:
        return METHODS[target.name](target.of, call)
    return Unreadable(f"{e.spelled(call.code)}, which calls the method {target.name}()")


def as_basis(value: Any) -> Basis | Unreadable:
    """Return what a numerical factor gives as columns."""
    if isinstance(value, Unreadable):
        return value
    if isinstance(value, Node) or e.is_number(value):
        found = e.number(value)
        return found if isinstance(found, Unreadable) else Plain((found,))
    if hasattr(value, "terms"):
        basis: Basis = value
        return basis
    return Unreadable(f"a {type(value).__name__}")
