"""scikit-learn: transformers that bend a column: polynomials, bins, quantiles, powers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.families.additive import clipped
from closedform.ir import Array, Node
from closedform.ops.payloads import Pieces
from closedform.readers.reading import Columns, Reading
from closedform.readers.sklearn.dispatch import names_out
from closedform.readers.sklearn.scale import centred, standard_parts

# --- polynomials --------------------------------------------------------------------------------


def polynomial(model: Any, columns: Columns, reading: Reading) -> Columns:
    """Products of columns; each is multiplied from its last factor to its first, as there."""
    made = [
        ops.mul(*[columns.nodes[i] for i in np.repeat(np.arange(len(row)), row)[::-1]])
        for row in model.powers_
    ]
    return columns.mapped(made, names_out(model, columns))


# --- bins ---------------------------------------------------------------------------------------


def bins(model: Any, columns: Columns, reading: Reading) -> Columns:
    """The number of the bin that x falls into, or one indicator for each bin."""
    nodes, made = columns.nodes, []
    if model.dtype is np.float32:
        nodes = tuple(ops.round32(x) for x in nodes)
    for x, edges in zip(nodes, model.bin_edges_, strict=True):
        inner = np.asarray(edges, dtype=np.float64)[1:-1]
        count = len(inner) + 1
        if model.encode == "ordinal":
            made.append(ops.piecewise(x, Pieces.of(inner, np.arange(count))))
        else:
            made += [ops.piecewise(x, in_bin(inner, k)) for k in range(count)]
    names = columns.names if model.encode == "ordinal" else names_out(model, columns)
    return columns.mapped(made, names)


def in_bin(inner: Array, k: int) -> Pieces:
    """Return 1 between inner edges k − 1 and k, 0 elsewhere; an edge belongs to its right."""
    ends = [i for i in (k - 1, k) if 0 <= i < len(inner)]
    values = [0.0] * (k > 0) + [1.0] + [0.0] * (k < len(inner))
    return Pieces.of(inner[ends], values)


# --- quantiles ----------------------------------------------------------------------------------

NEAR = 1e-7
"""How near to an end of the training data a value counts as the end (the normal output only)."""


def quantile(model: Any, columns: Columns, reading: Reading) -> Columns:
    """The share of training values below x, or the normal quantile of that share."""
    references = np.asarray(model.references_, dtype=np.float64)
    shares = [
        share_below(x, np.asarray(q, dtype=np.float64), references, model.output_distribution)
        for x, q in zip(columns.nodes, model.quantiles_.T, strict=True)
    ]
    if model.output_distribution == "uniform":
        return columns.mapped(shares)
    lo, hi = normal_ends()
    return columns.mapped([clipped(ops.unary("probit", p), lo, hi) for p in shares])


def share_below(x: Node, quantiles: Array, references: Array, output: str) -> Node:
    """Return the mean of the interpolations from the left and from the right.

    They differ where a quantile occurs several times: the model takes the middle of its shares.
    """
    left = interpolation(quantiles, references)
    right = interpolation(quantiles, references, from_right=True)
    middle = ops.lin(0, (0.5, ops.piecewise(x, left)), (0.5, ops.piecewise(x, right)))
    first, last = ops.const(quantiles[0]), ops.const(quantiles[-1])
    if output == "uniform":
        at_first, at_last = ops.less_equal(x, first), ops.less_equal(last, x)
    else:
        at_first = ops.less(ops.lin(-NEAR, (1, x)), first)
        at_last = ops.less(last, ops.lin(NEAR, (1, x)))
    zero, one = ops.const(0.0), ops.const(1.0)
    return ops.where(at_first, zero, ops.where(at_last, one, middle))


def interpolation(knots: Array, values: Array, *, from_right: bool = False) -> Pieces:
    """Return the line through (knot, value) pairs, constant beyond its ends, as np.interp has it.

    Args:
        knots: ascending; equal ones make a jump.
        values: shape (knots,).
        from_right: whether each piece starts from its right end, and a jump belongs to its left.
    """
    rise, run = np.diff(values), np.diff(knots)
    slopes = np.divide(rise, run, out=np.zeros_like(run), where=run > 0)
    at = slice(1, None) if from_right else slice(None, -1)
    coefs = np.column_stack([values[at], slopes])
    ends = [[values[0], 0.0]], [[values[-1], 0.0]]
    return Pieces.of(
        knots,
        np.vstack([ends[0], coefs, ends[1]]),
        origins=np.concatenate([knots[:1], knots[at], knots[-1:]]),
        right_closed=from_right,
    )


def normal_ends() -> tuple[float, float]:
    """Return the values at which the model cuts normal quantiles, about ±5.2."""
    from scipy.stats import norm

    edge = NEAR - np.spacing(1)
    return float(norm.ppf(edge)), float(norm.ppf(1 - edge))


# --- powers -------------------------------------------------------------------------------------

TINY = float(np.spacing(1.0))


def power(model: Any, columns: Columns, reading: Reading) -> Columns:
    """Yeo-Johnson's or Box and Cox's power of each column, then standardized."""
    pairs = zip(columns.nodes, np.asarray(model.lambdas_).tolist(), strict=True)
    if model.method == "yeo-johnson":
        made = [yeo_johnson(x, lam) for x, lam in pairs]
    else:
        made = [box_cox(x, lam) for x, lam in pairs]
        for x, n in zip(columns.nodes, made, strict=True):
            reading.refuse(ops.less_equal(x, ops.const(0.0)), [n])
    if model.standardize:
        for name, n in zip(columns.names, made, strict=True):
            reading.call(n, f"{name} ({model.method})")
        made = centred(made, *standard_parts(model._scaler))
    return columns.mapped(made)


def yeo_johnson(x: Node, lam: float) -> Node:
    """((x + 1)^λ − 1) / λ from 0 on, −((1 − x)^(2 − λ) − 1) / (2 − λ) below.

    Yeo, I. K. and Johnson, R. A. (2000), A new family of power transformations to improve
    normality or symmetry, Biometrika 87(4), 954-959; in SciPy's form, exact near 0.
    """
    rising = ops.unary("log1p", x)
    if abs(lam) >= TINY:
        rising = _grown(rising, lam)
    falling = ops.unary("log1p", ops.lin(0, (-1, x)))
    if abs(lam - 2) > TINY:
        falling = _grown(falling, 2 - lam)
    below = ops.lin(0, (-1, falling))
    return ops.where(ops.less_equal(ops.const(0.0), x), rising, below)


def box_cox(x: Node, lam: float) -> Node:
    """(x^λ − 1) / λ, or log x where λ is 0; missing where x ≤ 0.

    Box, G. E. P. and Cox, D. R. (1964), An analysis of transformations, Journal of the Royal
    Statistical Society B 26, 211-252.
    """
    made = ops.log(x) if abs(lam) < 1e-19 else _grown(ops.log(x), lam)
    return ops.where(ops.less_equal(x, ops.const(0.0)), ops.const(np.nan), made)


def _grown(logarithm: Node, lam: float) -> Node:
    """(e^(λ·logarithm) − 1) / λ."""
    return ops.div(ops.unary("expm1", ops.lin(0, (lam, logarithm))), ops.const(lam))


def power_inverse(nodes: Sequence[Node], model: Any) -> list[Node]:
    """Return the columns before a power transformation, from those after it."""
    undo = yeo_johnson_inverse if model.method == "yeo-johnson" else box_cox_inverse
    return [undo(y, lam) for y, lam in zip(nodes, model.lambdas_.tolist(), strict=True)]


def yeo_johnson_inverse(y: Node, lam: float) -> Node:
    """(λy + 1)^(1/λ) − 1 from 0 on, 1 − (1 − (2 − λ)y)^(1/(2 − λ)) below."""
    if abs(lam) < TINY:
        rising = ops.lin(-1, (1, ops.exp(y)))
    else:
        rising = ops.lin(-1, (1, ops.power(ops.lin(1, (lam, y)), 1 / lam)))
    if abs(lam - 2) > TINY:
        falling = ops.power(ops.lin(1, (-(2 - lam), y)), 1 / (2 - lam))
    else:
        falling = ops.exp(ops.lin(0, (-1, y)))
    return ops.where(ops.less_equal(ops.const(0.0), y), rising, ops.lin(1, (-1, falling)))


def box_cox_inverse(y: Node, lam: float) -> Node:
    """(λy + 1)^(1/λ), as exp(log1p(λy) / λ); eʸ where λ is 0."""
    if lam == 0:
        return ops.exp(y)
    return ops.exp(ops.div(ops.unary("log1p", ops.lin(0, (lam, y))), ops.const(lam)))


TRANSFORMS: dict[str, Any] = {
    "PolynomialFeatures": polynomial,
    "KBinsDiscretizer": bins,
    "QuantileTransformer": quantile,
    "PowerTransformer": power,
}
ESTIMATORS: dict[str, Any] = {}
