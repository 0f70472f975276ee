"""Gaussian processes: the mean at a row, from the training rows.

https://dmg.org/pmml/v4-4/GaussianProcess.html.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from closedform import ops
from closedform.ir import Array, Node
from closedform.readers.pmml.document import ARRAYS, Element, numbers, real
from closedform.readers.pmml.outcome import Outcome
from closedform.readers.pmml.scope import Scope
from closedform.readers.pmml.values import Unread, number

MOST_ROWS = 2000
"""Training rows beyond which a model is refused: its formula holds each of them."""


def _lengths(kernel: Element, width: int) -> Array:
    """Return the length scale of each column."""
    own = kernel.child("Lambda")
    if own is None:
        return np.full(width, kernel.number("lambda", 1.0))
    found = numbers(own.one(*ARRAYS))
    if len(found) not in (1, width):
        raise ValueError(f"{len(found)} lengths of {width} columns")
    return np.full(width, found[0]) if len(found) == 1 else found


def _squares(kernel: Element, columns: Sequence[Node], point: Array) -> Node:
    lengths = _lengths(kernel, len(columns))
    return ops.exp(ops.squared_distance(columns, point, -0.5 / lengths**2))


def _powers(kernel: Element, columns: Sequence[Node], point: Array, degree: float) -> Node:
    lengths = _lengths(kernel, len(columns))
    away = [ops.absolute(ops.lin(-c / size, (1 / size, x)))
            for c, x, size in zip(point, columns, lengths, strict=True)]  # fmt: skip
    raised = [x if degree == 1 else ops.power(x, degree) for x in away]
    return ops.exp(ops.linear(0.0, [-1.0] * len(raised), raised))


KERNELS: dict[str, Callable[[Element, Sequence[Node], Array], Node]] = {
    "RadialBasisKernel": _squares,
    "ARDSquaredExponentialKernel": _squares,
    "AbsoluteExponentialKernel": lambda k, columns, p: _powers(k, columns, p, 1.0),
    "GeneralizedExponentialKernel": lambda k, columns, p: _powers(
        k, columns, p, k.number("degree", 1.0)
    ),
}
"""Element of a kernel → its value at a point, but for its factor gamma."""


def gaussian_process(model: Element, scope: Scope, dtype: str, target: str) -> Outcome:
    """Return k(x)ᵀ(K + noise·I)⁻¹y, the mean of a GaussianProcessModel."""
    if model.need("functionName") != "regression":
        raise Unread("A Gaussian process of classes has no formula here.", "Export a regression.")
    instances = model.one("TrainingInstances")
    fields = {f.need("field"): (f.get("column") or f.need("field")).rpartition(":")[2]
              for f in instances.one("InstanceFields").all("InstanceField")}  # fmt: skip
    table = instances.child("InlineTable")
    rows = [] if table is None else [{c.tag: c.text for c in r} for r in table.all("row")]
    names = [f for f in fields if f != target]
    if not 1 <= len(rows) <= MOST_ROWS:
        raise Unread(f"A Gaussian process of {len(rows):,} training rows in the file; 1 to "
                     f"{MOST_ROWS:,} are read.", "Train it on a sample of the rows.")  # fmt: skip
    points = np.array([[real(row[fields[f]]) for f in names] for row in rows])
    values = np.array([real(row[fields[target]]) for row in rows])
    columns = [number(scope.value(f)) for f in names]
    kernel = model.one(*KERNELS)
    gamma = kernel.number("gamma", 1.0)
    covariance = gamma * _covariance(kernel, points)
    covariance += kernel.number("noiseVariance", 1.0) * np.eye(len(rows))
    weights = gamma * np.linalg.solve(covariance, values)
    nodes = [KERNELS[kernel.tag](kernel, columns, p) for p in points]
    scope.work.spend(points.size)
    return Outcome("regression", ops.linear(0.0, weights, nodes), dtype)


def _covariance(kernel: Element, points: Array) -> Array:
    lengths = _lengths(kernel, points.shape[1])
    total = np.zeros((len(points), len(points)))
    for column, size in zip(points.T, lengths, strict=True):
        away = np.abs(column[:, None] - column[None, :]) / size
        total += _power_of(kernel, away)
    return np.exp(-total)


def _power_of(kernel: Element, away: Array) -> Array:
    if KERNELS[kernel.tag] is _squares:
        made: Array = 0.5 * away * away
    else:
        made = away ** (kernel.number("degree", 1.0) if "Generalized" in kernel.tag else 1.0)
    return made
