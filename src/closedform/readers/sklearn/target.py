"""scikit-learn: TransformedTargetRegressor, and how each transformation of a target is undone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Node
from closedform.readers.prediction import Prediction
from closedform.readers.reading import Columns, Reading
from closedform.readers.sklearn.dispatch import predicted
from closedform.readers.sklearn.functions import known_function
from closedform.readers.sklearn.scale import centred, robust_parts, standard_parts, uncentred
from closedform.readers.sklearn.shape import NEAR, interpolation, power_inverse

Undo = Callable[[Any, Columns, Reading], Columns]


def transformed_target(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The inner regressor's prediction, with the target's transformation undone."""
    inner = predicted(model.regressor_, columns, reading)
    names = inner.task.primary
    values = Columns(names, tuple(inner.outputs[n] for n in names))
    made = undone(model.transformer_, values, reading)
    link = inner.task.link if made.nodes == values.nodes else "identity"
    return Prediction.of_values(made.nodes, link) if names else Prediction.nothing()


def undone(transformer: Any, values: Columns, reading: Reading) -> Columns:
    """Return what a transformer's inverse_transform gives."""
    if transformer is None or isinstance(transformer, str):
        return values
    for parent in type(transformer).__mro__:
        if parent.__name__ in INVERSES:
            return INVERSES[parent.__name__](transformer, values, reading)
    name = type(transformer).__name__
    reading.problem(
        f"TransformedTargetRegressor(transformer={name}) has no formula: the inverse of "
        f"{name} is not among those that can be read.",
        "These can: " + ", ".join(INVERSES) + "; or func and inverse_func as NumPy ufuncs.",
    )
    return reading.placeholder(values.names)


def _staged(name: str, before: Columns, nodes: Sequence[Node], reading: Reading) -> Columns:
    after = before.mapped(nodes)
    if after.nodes != before.nodes:
        reading.stage(name, "target", before, after)
    return after


def by(undo: Callable[[Sequence[Node], Any], list[Node]]) -> Undo:
    """Return the reader of an inverse that needs the columns and the transformer alone."""

    def inverse(model: Any, values: Columns, reading: Reading) -> Columns:
        return _staged(type(model).__name__, values, undo(values.nodes, model), reading)

    return inverse


def by_function(model: Any, values: Columns, reading: Reading) -> Columns:
    """f⁻¹(y), where that is a function whose formula is known."""
    found = known_function(model.inverse_func, model.inv_kw_args, reading)
    if found is None:
        return reading.placeholder(values.names)
    name, function = found
    return _staged(name, values, [function(y) for y in values.nodes], reading)


def by_steps(model: Any, values: Columns, reading: Reading) -> Columns:
    """Each step undone, the last one first."""
    for _, step in reversed(model.steps):
        values = undone(step, values, reading)
    return values


def quantile_inverse(nodes: Sequence[Node], model: Any) -> list[Node]:
    """Return the training quantile at share y, or at the normal distribution's share Φ(y)."""
    references = np.asarray(model.references_, dtype=np.float64)
    normal = model.output_distribution == "normal"
    made = []
    for y, q in zip(nodes, np.asarray(model.quantiles_, dtype=np.float64).T, strict=True):
        share = normal_share(y) if normal else y
        value = ops.piecewise(share, interpolation(references, q))
        made.append(_at_ends(share, value, q) if normal else value)
    return made


def normal_share(y: Node) -> Node:
    """Φ(y) = (1 + erf(y / √2)) / 2."""
    half = ops.unary("erf", ops.div(y, ops.const(np.sqrt(2))))
    return ops.lin(0.5, (0.5, half))


def _at_ends(share: Node, value: Node, quantiles: Any) -> Node:
    low = ops.less(ops.lin(-NEAR, (1, share)), ops.const(0.0))
    high = ops.less(ops.const(1.0), ops.lin(NEAR, (1, share)))
    inside = ops.where(high, ops.const(quantiles[-1]), value)
    return ops.where(low, ops.const(quantiles[0]), inside)


def _power(nodes: Sequence[Node], model: Any) -> list[Node]:
    if model.standardize:
        nodes = uncentred(nodes, *standard_parts(model._scaler))
    return power_inverse(nodes, model)


def _min_max(nodes: Sequence[Node], model: Any) -> list[Node]:
    return centred(nodes, model.min_, model.scale_)


INVERSES: dict[str, Undo] = {
    "FunctionTransformer": by_function,
    "Pipeline": by_steps,
    "StandardScaler": by(lambda nodes, m: uncentred(nodes, *standard_parts(m))),
    "RobustScaler": by(lambda nodes, m: uncentred(nodes, *robust_parts(m))),
    "MinMaxScaler": by(_min_max),
    "MaxAbsScaler": by(lambda nodes, m: uncentred(nodes, None, m.scale_)),
    "PowerTransformer": by(_power),
    "QuantileTransformer": by(quantile_inverse),
}
"""Class of a target's transformer → how it is undone."""

TRANSFORMS: dict[str, Any] = {}
ESTIMATORS: dict[str, Any] = {"TransformedTargetRegressor": transformed_target}
