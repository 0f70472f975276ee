"""scikit-learn: scalers, each column by itself or each row as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.families.additive import clipped
from closedform.ir import Node
from closedform.readers.reading import Columns, Reading


def centred(nodes: Sequence[Node], centre: Any, scale: Any) -> list[Node]:
    """Return (x − centre) / scale for each column, without the part that is None.

    A later pass may merge both into the weights behind them; here it is what the model computes.
    """
    made = list(nodes)
    if centre is not None:
        made = [ops.lin(-c, (1, x)) for c, x in zip(_floats(centre), made, strict=True)]
    if scale is not None:
        made = [ops.div(x, ops.const(s)) for s, x in zip(_floats(scale), made, strict=True)]
    return made


def uncentred(nodes: Sequence[Node], centre: Any, scale: Any) -> list[Node]:
    """Return x·scale + centre for each column, without the part that is None."""
    scales = [1.0] * len(nodes) if scale is None else _floats(scale)
    centres = [0.0] * len(nodes) if centre is None else _floats(centre)
    return [ops.lin(c, (s, x)) for c, s, x in zip(centres, scales, nodes, strict=True)]


def _floats(values: Any) -> list[float]:
    return np.asarray(values, dtype=np.float64).tolist()  # type: ignore[no-any-return]


def standard(model: Any, columns: Columns, reading: Reading) -> Columns:
    """(x − mean) / scale."""
    return columns.mapped(centred(columns.nodes, *standard_parts(model)))


def standard_parts(model: Any) -> tuple[Any, Any]:
    """Return the mean and the scale of a StandardScaler, None where it does not use them."""
    return model.mean_ if model.with_mean else None, model.scale_ if model.with_std else None


def robust(model: Any, columns: Columns, reading: Reading) -> Columns:
    """(x − median) / quantile range."""
    return columns.mapped(centred(columns.nodes, *robust_parts(model)))


def robust_parts(model: Any) -> tuple[Any, Any]:
    """Return the centre and the scale of a RobustScaler, None where it does not use them."""
    centre = model.center_ if model.with_centering else None
    return centre, model.scale_ if model.with_scaling else None


def min_max(model: Any, columns: Columns, reading: Reading) -> Columns:
    """scale·x + min, clipped to the range where the model does so."""
    made = uncentred(columns.nodes, model.min_, model.scale_)
    lo, hi = map(float, model.feature_range)
    return columns.mapped([clipped(x, lo, hi) for x in made] if model.clip else made)


def max_abs(model: Any, columns: Columns, reading: Reading) -> Columns:
    """x / max|x|, clipped to −1 … 1 where the model does so (from version 1.9 on)."""
    made = centred(columns.nodes, None, model.scale_)
    clip = getattr(model, "clip", False)
    return columns.mapped([clipped(x, -1, 1) for x in made] if clip else made)


def l1_norm(nodes: Sequence[Node]) -> Node:
    """Σ|xᵢ|."""
    return ops.linear(0, [1.0] * len(nodes), [ops.absolute(x) for x in nodes])


def l2_norm(nodes: Sequence[Node]) -> Node:
    """√Σxᵢ²."""
    return ops.sqrt(ops.linear(0, [1.0] * len(nodes), [ops.mul(x, x) for x in nodes]))


def max_norm(nodes: Sequence[Node]) -> Node:
    """max|xᵢ|."""
    return ops.maximum(*[ops.absolute(x) for x in nodes])


NORMS = {"l1": l1_norm, "l2": l2_norm, "max": max_norm}


def normalizer(model: Any, columns: Columns, reading: Reading) -> Columns:
    """x / norm of the row; a row shorter than 10 ε is left as it is."""
    norm = NORMS[model.norm](columns.nodes)
    reading.call(norm, f"{model.norm} norm")
    small = ops.less(norm, ops.const(10 * np.finfo(np.float64).eps))
    divisor = ops.where(small, ops.const(1.0), norm)
    return columns.mapped([ops.div(x, divisor) for x in columns.nodes])


def binarizer(model: Any, columns: Columns, reading: Reading) -> Columns:
    """1 if x > threshold else 0."""
    cut = ops.const(model.threshold)
    return columns.mapped([indicator(ops.less(cut, x)) for x in columns.nodes])


def indicator(condition: Node) -> Node:
    """Return 1 where a condition holds and 0 elsewhere."""
    return ops.where(condition, ops.const(1.0), ops.const(0.0))


TRANSFORMS: dict[str, Any] = {
    "StandardScaler": standard,
    "RobustScaler": robust,
    "MinMaxScaler": min_max,
    "MaxAbsScaler": max_abs,
    "Normalizer": normalizer,
    "Binarizer": binarizer,
}
ESTIMATORS: dict[str, Any] = {}
