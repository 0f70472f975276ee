"""PyOperon: the tree of its SymbolicRegressor, with all digits of its float32 numbers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import NotFitted, UnsupportedModel
from closedform.evaluate import bounds, compute
from closedform.formula import UNITS, Formula
from closedform.ir import Array, Interval, Node, toposort
from closedform.readers import tensors as t
from closedform.readers.elementary import FUNCTIONS
from closedform.readers.prediction import Prediction, formula_of, input_names
from closedform.readers.reading import Columns, Reading
from closedform.readers.tensors import Element

ROWS = 64
"""Rows of each size on which formula and model are compared while it is read."""
SIZES = (0.3, 1.0, 3.0)
MARGIN = 8
"""Other rows may be rounded worse than those tried: by so much at most, on ordinary ones."""
MOST_ULPS = 2**13
"""From here on (1e-3) the model's float32 says little, and the formula calls itself approximate."""
WRONG = 1e-2
"""A typical relative difference beyond this is no rounding: a function is another one."""


def read_model(model: Any, names: Sequence[str] | None = None) -> Formula:
    """Return a fitted `pyoperon.sklearn.SymbolicRegressor` as a formula.

    The model takes and computes float32, and the formula float64 with the same numbers.

    Raises:
        UnsupportedModel: a function of the tree is not known; every one is listed.
        NotFitted: it has not been fitted.
        BadInput: `names` does not fit.
    """
    from importlib.metadata import version

    _tree_of(model)
    known = getattr(model, "feature_names_in_", None)
    return formula_of(
        partial(predicted, model),
        input_names(names, None if known is None else list(known), model.n_features_in_),
        source=type(model).__name__,
        reader=f"PyOperon {version('pyoperon')}",
    )


def predicted(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """Return what a fitted SymbolicRegressor gives over some columns."""
    tree = _tree_of(model)
    reading.refuse_missing(columns)
    place = {key: i for i, key in enumerate(model.variables_)}
    value = _node_of(tree, columns.nodes, place, reading)
    if not reading.problems:
        inputs = [ops.input_(i) for i in range(len(columns))]
        _try(model, _node_of(tree, inputs, place, reading), value, reading)
    return Prediction.of_values([value])


def _tree_of(model: Any) -> Any:
    if not any(c.__name__ == "SymbolicRegressor" for c in type(model).__mro__):
        raise UnsupportedModel(
            f"A {type(model).__name__} of PyOperon does not say which columns it takes.",
            hint="Give the fitted pyoperon.sklearn.SymbolicRegressor itself.",
        )
    if not hasattr(model, "model_"):
        raise NotFitted(
            f"This {type(model).__name__} is not fitted.", hint="Call its fit(X, y) first."
        )
    return model.model_


# --- nodes --------------------------------------------------------------------------------------


def _node_of(
    tree: Any, columns: Sequence[Node], place: Mapping[int, int], reading: Reading
) -> Node:
    """Return a tree in postfix order as a node; the argument that stands last comes first."""
    stack: list[Node] = []
    for item in tree.Nodes:
        if not item.IsEnabled:
            reading.problem("A part of the tree is switched off.", "Read the fitted model itself.")
        weight = float(item.Value)
        if item.IsVariable:
            stack.append(_weighted(weight, columns[place[item.HashValue]]))
        elif item.IsConstant:
            stack.append(ops.const(weight))
        else:
            args = [stack.pop() for _ in range(item.Arity)]
            stack.append(_applied(item.Name, weight, args, reading))
    return stack[0]


def _weighted(weight: float, x: Node) -> Node:
    return x if weight == 1 else ops.lin(0, (weight, x))


def _applied(name: str, weight: float, args: Sequence[Node], reading: Reading) -> Node:
    """Return weight·function by Operon's own name for it; Python's fmin and fmax are swapped."""
    if name == "-":
        return _difference(weight, args)
    if name in MANY and args:
        return _weighted(weight, MANY[name](args))
    if name in ONE and len(args) == 1:
        made: Element = ONE[name](args[0])
        return _weighted(weight, t.node_of(made))
    # Of what fmin and fmax make of a weight, or of three arguments, nobody could make sense.
    if name in TWO and len(args) == 2 and (weight == 1 or name not in ("fmin", "fmax")):
        return _weighted(weight, TWO[name](*args))
    reading.problem(
        f"The function {name!r} of {len(args)} arguments, weighted by {weight:g}, is not known.",
        "Train without it, or distil a formula from the model's predictions.",
    )
    return ops.const(math.nan)


def _difference(weight: float, args: Sequence[Node]) -> Node:
    """Return weight·first − the others, where Operon prints weight·(first − the others)."""
    signs = [weight, *[-1.0] * (len(args) - 1)] if len(args) > 1 else [-weight]
    return ops.linear(0, signs, args)


def _quotient(args: Sequence[Node]) -> Node:
    first, *rest = args if len(args) > 1 else [ops.const(1), *args]
    for x in rest:
        first = ops.div(first, x)
    return first


def _greatest(a: Node, b: Node) -> Node:
    """Return the greater as C++ finds it: b > a ? b : a, which a missing b leaves alone."""
    return ops.where(ops.less(a, b), b, a) if _may_vanish(b) else ops.maximum(a, b)


def _smallest(a: Node, b: Node) -> Node:
    """Return the smaller as C++ finds it: b < a ? b : a."""
    return ops.where(ops.less(b, a), b, a) if _may_vanish(b) else ops.minimum(a, b)


def _may_vanish(x: Node) -> bool:
    """Tell whether a node can be missing while all inputs are numbers."""
    inputs = {n.data for n in toposort([x]) if n.op is ops.INPUT}
    box = dict.fromkeys(inputs, Interval(-1e38, 1e38))
    return bounds([x], box)[0].missing


ONE: dict[str, Callable[[Element], Element]] = {
    **{name: FUNCTIONS[name] for name in (
        "abs", "acos", "asin", "atan", "cbrt", "ceil", "cos", "cosh", "exp", "floor", "log",
        "log1p", "sin", "sinh", "sqrt", "square", "tan", "tanh",
    )},
    "logabs": lambda x: t.function("log")(t.function("abs")(x)),
    "sqrtabs": lambda x: t.function("sqrt")(t.function("abs")(x)),
}  # fmt: skip
"""Operon's name → the function of one number."""

TWO: dict[str, Callable[[Node, Node], Node]] = {
    "aq": lambda a, b: ops.div(a, ops.sqrt(ops.lin(1, (1, ops.power(b, 2))))),
    "pow": ops.power,
    "powabs": lambda a, b: ops.power(ops.absolute(a), b),
    "fmax": _greatest,
    "fmin": _smallest,
}
"""Operon's name → the function of two numbers; aq is the analytic quotient a/√(1 + b²)."""

MANY: dict[str, Callable[[Sequence[Node]], Node]] = {
    "+": lambda args: ops.linear(0, [1.0] * len(args), args),
    "*": lambda args: ops.mul(*args),
    "/": _quotient,
}
"""Operon's name → the function of any number of arguments."""


# --- how near -----------------------------------------------------------------------------------


def _try(model: Any, formula: Node, value: Node, reading: Reading) -> None:
    """Compare formula and model on a few rows, and note how coarsely the model rounds."""
    draw = np.random.default_rng(0)
    width = model.n_features_in_
    ulps, typical = 1.0, []
    for size in SIZES:
        rows = (size * draw.normal(size=(ROWS, width))).astype(np.float32).astype(np.float64)
        ours = compute([formula], list(rows.T), ROWS)[0]
        theirs = np.asarray(model.evaluate_model(model.model_, rows), dtype=np.float64)
        worst, common = _apart(ours, theirs)
        ulps = max(ulps, MARGIN * worst / UNITS["float32"])
        typical.append(common)
    if min(typical) > WRONG:
        reading.problem(
            "The formula of this SymbolicRegressor does not give what the model itself does.",
            "Its functions may mean something else in this version of PyOperon; please report it.",
        )
    if ulps > MOST_ULPS:
        reading.differs("the model computes in float32, which this formula amplifies")
    reading.rounds([value], "float32", math.ceil(min(ulps, MOST_ULPS)))


def _apart(ours: Array, theirs: Array) -> tuple[float, float]:
    """Return the greatest difference by the size of the output, and the typical relative one."""
    both = np.isfinite(ours) & np.isfinite(theirs)
    if not both.any():
        return 0.0, 0.0 if (np.isnan(ours) == np.isnan(theirs)).mean() > 0.5 else math.inf
    away, size = np.abs(ours - theirs)[both], np.abs(theirs[both])
    worst = float((away / max(size.max(), 1e-30)).max())
    return worst, float(np.median(away / np.maximum(size, 1e-30)))
