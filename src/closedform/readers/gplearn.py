"""gplearn: programs of genetic programming, with its protected operations as it computes them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import NotFitted, UnsupportedModel
from closedform.formula import Formula
from closedform.ir import Node
from closedform.readers.prediction import Prediction, formula_of, input_names
from closedform.readers.reading import Columns, Reading, plain_label
from closedform.readers.sklearn.functions import FUNCTIONS as UFUNCS
from closedform.readers.tensors import node_of
from closedform.readers.torch.elements import atan2

KINDS = ("SymbolicRegressor", "SymbolicClassifier", "SymbolicTransformer")
NEAR_ZERO = 0.001
"""Up to this size gplearn takes a denominator, and what a logarithm is taken of, as 0."""
DISTIL = "Fit it with gplearn's own functions, or with ufuncs of NumPy; or distil its predictions."

Function = Callable[..., Node]


def read_model(model: Any, names: Sequence[str] | None = None) -> Formula:
    """Return a fitted gplearn estimator as a formula.

    Raises:
        UnsupportedModel: a function of the program has no formula; every one is listed.
        NotFitted: it has not been fitted.
        BadInput: `names` does not fit.
    """
    import gplearn

    _programs(model)
    known = getattr(model, "feature_names_in_", None)
    known = known if known is not None else getattr(model, "feature_names", None)
    return formula_of(
        partial(predicted, model),
        input_names(names, None if known is None else list(known), model.n_features_in_),
        source=type(model).__name__,
        reader=f"gplearn {gplearn.__version__}",
    )


def predicted(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """Return what a fitted estimator of gplearn gives over some columns."""
    made = transformed(model, columns, reading)
    if made is not None:
        return Prediction.of_columns(made)
    reading.refuse_missing(columns)
    value = _nodes_of(_programs(model).program, columns, reading)
    if not hasattr(model, "classes_"):
        return Prediction.of_values([value])
    return _classified(model, value, reading)


def transformed(model: Any, columns: Columns, reading: Reading) -> Columns | None:
    """Return the columns that a SymbolicTransformer gives; None of any other estimator."""
    programs = _programs(model)
    if not isinstance(programs, list):
        return None
    reading.refuse_missing(columns)
    made = [_nodes_of(p.program, columns, reading) for p in programs]
    return Columns(
        tuple(f"{type(model).__name__.lower()}{i}" for i in range(len(made))), tuple(made)
    )


def _programs(model: Any) -> Any:
    """Return the program of a predictor, or the list of a transformer's."""
    kind = next((c.__name__ for c in type(model).__mro__ if c.__name__ in KINDS), None)
    if kind is None:
        raise UnsupportedModel(
            f"A {type(model).__name__} is no model that can be read.",
            hint=f"Give a fitted {', '.join(KINDS[:2])} or {KINDS[2]}.",
        )
    found = getattr(model, "_best_programs" if kind == KINDS[2] else "_program", None)
    if found is None:
        raise NotFitted(
            f"This {type(model).__name__} is not fitted.", hint="Call its fit(X, y) first."
        )
    return list(found) if kind == KINDS[2] else found


def _classified(model: Any, score: Node, reading: Reading) -> Prediction:
    """Return the second class where its chance, a function of the score, is above the other's."""
    classes = [plain_label(c) for c in model.classes_]
    chance = _applied(model._transformer, [score], reading)
    other = ops.lin(1, (-1, chance))
    # The score itself would say another thing of one below 1e-16, whose chance is 0.5.
    label = ops.where(ops.less(other, chance), ops.label(classes[1]), ops.label(classes[0]))
    before, after = Columns(("score",), (score,)), Columns((f"P({classes[1]})",), (chance,))
    reading.stage("transformer", "link", before, after)
    return Prediction.of_classes(classes, label=label, link="logit", probability=[other, chance])


def _nodes_of(program: Sequence[Any], columns: Columns, reading: Reading) -> Node:
    """Return a program as a node: functions stand before their arguments."""
    stack: list[Node] = []
    for item in reversed(program):
        if hasattr(item, "arity"):
            args = [stack.pop() for _ in range(item.arity)]
            stack.append(_applied(item, args, reading))
        elif isinstance(item, int):
            stack.append(columns.nodes[item])
        else:
            stack.append(ops.const(item))
    return stack[0]


def _applied(function: Any, args: Sequence[Node], reading: Reading) -> Node:
    """Return a function of gplearn's, told by what it computes and not by its name."""
    inner = getattr(function.function, "_obj", function.function)  # joblib may wrap it
    name = getattr(inner, "__name__", "")
    own = getattr(inner, "__module__", None) == "gplearn.functions"
    if own and name in PROTECTED:
        return PROTECTED[name](*args)
    if isinstance(inner, np.ufunc) and inner is getattr(np, name, None):
        if name in PAIRS and len(args) == 2:
            return PAIRS[name](*args)
        if name in UFUNCS and len(args) == 1:
            return UFUNCS[name](args[0])
    reading.problem(f"The function {function.name!r} is one of the user's own.", DISTIL)
    return ops.const(float("nan"))


def _far_from_zero(x: Node) -> Node:
    return ops.less(ops.const(NEAR_ZERO), ops.absolute(x))


def _divide(a: Node, b: Node) -> Node:
    return ops.where(_far_from_zero(b), ops.div(a, b), ops.const(1))


def _log(x: Node) -> Node:
    return ops.where(_far_from_zero(x), ops.log(ops.absolute(x)), ops.const(0))


def _inverse(x: Node) -> Node:
    return ops.where(_far_from_zero(x), ops.div(ops.const(1), x), ops.const(0))


PROTECTED: dict[str, Function] = {
    "_protected_division": _divide,
    "_protected_sqrt": lambda x: ops.sqrt(ops.absolute(x)),
    "_protected_log": _log,
    "_protected_inverse": _inverse,
    "_sigmoid": ops.sigmoid,
}
"""Python name of a function of gplearn → what it computes."""

PAIRS: dict[str, Function] = {
    "add": lambda a, b: ops.lin(0, (1, a), (1, b)),
    "subtract": lambda a, b: ops.lin(0, (1, a), (-1, b)),
    "multiply": ops.mul,
    "divide": ops.div,
    "true_divide": ops.div,
    "maximum": ops.maximum,
    "minimum": ops.minimum,
    "power": ops.power,
    "arctan2": lambda a, b: node_of(atan2(a, b)),
    "hypot": lambda a, b: ops.sqrt(ops.squared_distance([a, b], [0.0, 0.0])),
}
"""ufunc of two numbers → the same of nodes."""
