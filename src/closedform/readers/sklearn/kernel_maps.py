"""scikit-learn: kernel ridge regression, and transformers that are maps of kernels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.families.additive import Linear, total_of
from closedform.families.kernels import expansion
from closedform.ir import Array, Node
from closedform.readers.prediction import Prediction
from closedform.readers.reading import Columns, Reading
from closedform.readers.sklearn.dispatch import names_out
from closedform.readers.sklearn.kernels import (
    CANCEL,
    SEEN,
    fits,
    named_kernel,
    refuse_below_zero,
)

PRODUCTS = 20_000
"""Products of two sums up to which a PolynomialCountSketch is read."""


SAMPLED = 100
"""Training rows on which the size of a sum is compared with that of its terms."""


def kernel_sums(
    model: Any, points: Any, weights: Array, columns: Columns, reading: Reading,
    *, given: dict[str, Any], bias: Any = 0.0,
) -> list[Node] | None:  # fmt: skip
    """Return bias + Σ weight·k(x, point) for each row of weights, or None.

    Args:
        points: shape (points, columns), dense or sparse.
        weights: shape (outputs, points).
        given: gamma, coef0 and degree; None stands for the kernel's own default.
        bias: one number, or one for each output.
    """
    kernel = named_kernel(model, model.kernel, given, columns.nodes, reading)
    if kernel is None:
        return None
    dense = points.toarray() if hasattr(points, "toarray") else points
    rows = np.asarray(dense, dtype=np.float64)
    if not fits(model, rows, kernel, reading):
        return None
    return expansion(
        kernel.between(columns.nodes, rows), weights, np.broadcast_to(bias, len(weights)).tolist()
    )


def _own(model: Any) -> dict[str, Any]:
    return {"gamma": model.gamma, "coef0": model.coef0, "degree": model.degree}


def kernel_ridge(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """ŷ = Σ weight·k(x, training point)."""
    weights = np.asarray(model.dual_coef_, dtype=np.float64)
    weights = weights.reshape(len(weights), -1).T
    made = kernel_sums(model, model.X_fit_, weights, columns, reading, given=_own(model))
    if made is None:
        return Prediction.nothing()
    _note_cancelling(model, weights, reading)
    return Prediction.of_values(made)


def _note_cancelling(model: Any, weights: Array, reading: Reading) -> None:
    """Say where rounding alone parts model and formula: weights that all but cancel.

    scikit-learn has |x − c|² from |x|² − 2x·c + |c|², which loses as much as |x|² is large. Of 100
    neighbouring points in one column, up to 10, the weights were 8e3 with alpha=1e-10, and the
    prediction moved by 1.5e-10.
    """
    points = model.X_fit_
    points = np.asarray(points.toarray() if hasattr(points, "toarray") else points)
    values = np.asarray(model._get_kernel(model.X_fit_[:SAMPLED], model.X_fit_))
    predicted, terms = values @ weights.T, np.sqrt((values**2) @ (weights.T**2))
    lost = np.finfo(np.float64).eps * (1 + (points * points).mean(axis=1).max())
    if (lost * terms.max(axis=0) > SEEN * np.abs(predicted).max(axis=0)).any():
        reading.differs(CANCEL)


def nystroem(model: Any, columns: Columns, reading: Reading) -> Columns:
    """W·k, with k the kernel values of some training points.

    Williams, C. K. I. and Seeger, M. (2001), Using the Nystroem method to speed up kernel
    machines, NIPS.
    """
    own = {name: value for name, value in _own(model).items() if value is not None}
    given = {**(model.kernel_params or {}), **own}
    weights = np.asarray(model.normalization_, dtype=np.float64)
    made = kernel_sums(model, model.components_, weights, columns, reading, given=given)
    return _named(model, made, columns, reading)


def kernel_pca(model: Any, columns: Columns, reading: Reading) -> Columns:
    """W·k of all training points, both centred.

    Schölkopf, B., Smola, A. and Müller, K.-R. (1997), Kernel principal component analysis, ICANN.
    """
    values = np.asarray(model.eigenvalues_)
    sizes = np.where(values != 0, np.sqrt(np.abs(values)), np.inf)
    # A model that was trained on float32 divides in float32, whatever it is given.
    axes = (model.eigenvectors_ / sizes).T.astype(np.float64)
    # (k − means − mean of k + mean of all)·a = k·(a − mean of a) − means·a + all·Σa
    sums, centre = axes.sum(axis=1), model._centerer
    weights = axes - sums[:, None] / axes.shape[1]
    bias = centre.K_fit_all_ * sums - axes @ centre.K_fit_rows_
    given = {"gamma": getattr(model, "gamma_", model.gamma), "coef0": model.coef0,
             "degree": model.degree}  # fmt: skip
    made = kernel_sums(model, model.X_fit_, weights, columns, reading, given=given, bias=bias)
    return _named(model, made, columns, reading)


def _named(model: Any, made: list[Node] | None, columns: Columns, reading: Reading) -> Columns:
    names = list(names_out(model, columns))
    return reading.placeholder(names) if made is None else columns.mapped(made, names)


def kernel_centerer(model: Any, columns: Columns, reading: Reading) -> Columns:
    """k − means − (Σk)/n + mean of all, for rows of a kernel matrix."""
    means = np.asarray(model.K_fit_rows_, dtype=np.float64)
    mean = ops.lin(0, (1 / len(means), total_of(columns.nodes)))
    every = float(model.K_fit_all_)
    made = [
        ops.lin(every - m, (1, x), (-1, mean))
        for m, x in zip(means.tolist(), columns.nodes, strict=True)
    ]
    return columns.mapped(made, names_out(model, columns))


def skewed_chi2(model: Any, columns: Columns, reading: Reading) -> Columns:
    """√(2/n)·cos(W·log(x + skewedness) + b), for x > −skewedness.

    Li, F., Ionescu, C. and Sminchisescu, C. (2010), Random Fourier approximations for skewed
    multiplicative histogram kernels, DAGM.
    """
    least = float(model.skewedness)
    for x in columns.nodes:
        reading.refuse(ops.less_equal(x, ops.const(-least)))
    logs = [ops.log(ops.lin(least, (1, x))) for x in columns.nodes]
    reading.may_vanish(logs)
    angles = Linear.of(model.random_weights_.T, model.random_offset_).nodes(logs)
    size = math.sqrt(2.0) / math.sqrt(len(angles))
    return columns.mapped(
        [ops.lin(0, (size, ops.cos(a))) for a in angles], names_out(model, columns)
    )


INTERVALS = {1: 0.8, 2: 0.5, 3: 0.4}
"""Steps → the sampling interval where none was given."""


def additive_chi2(model: Any, columns: Columns, reading: Reading) -> Columns:
    """√(x·L), and √(2x·L / cosh(π·j·L)) times the cosine and sine of j·L·log x, for x ≥ 0.

    Vedaldi, A. and Zisserman, A. (2012), Efficient additive kernels via explicit feature maps,
    IEEE Transactions on Pattern Analysis and Machine Intelligence 34.
    """
    refuse_below_zero(columns.nodes, reading)
    step = model.sample_interval or INTERVALS[model.sample_steps]
    made = [ops.sqrt(ops.lin(0, (step, x))) for x in columns.nodes]
    for j in range(1, model.sample_steps):
        size = 2 * step / math.cosh(math.pi * j * step)
        made += [_wave(x, size, j * step, ops.cos) for x in columns.nodes]
        made += [_wave(x, size, j * step, ops.sin) for x in columns.nodes]
    return columns.mapped(made, names_out(model, columns))


def _wave(x: Node, size: float, pace: float, wave: ops.Build) -> Node:
    value = ops.mul(ops.sqrt(ops.lin(0, (size, x))), wave(ops.lin(0, (pace, ops.log(x)))))
    return ops.where(ops.equal(x, ops.const(0.0)), x, value)


def count_sketch(model: Any, columns: Columns, reading: Reading) -> Columns:
    """The circular convolution of as many signed sums of columns as the degree is.

    Pham, N. and Pagh, R. (2013), Fast and scalable polynomial kernels via explicit feature maps,
    KDD. scikit-learn multiplies Fourier transforms; the products themselves are the same.
    """
    nodes = [ops.lin(0, (math.sqrt(model.gamma), x)) for x in columns.nodes]
    nodes += [ops.const(math.sqrt(model.coef0))] if model.coef0 else []
    sketches = [
        _sketch(nodes, h, s, model.n_components)
        for h, s in zip(model.indexHash_, model.bitHash_, strict=True)
    ]
    names, made = list(names_out(model, columns)), sketches[0]
    for other in sketches[1:]:
        if _terms(made) * _terms(other) > PRODUCTS:
            reading.problem(
                f"This PolynomialCountSketch(degree={model.degree}) multiplies more than "
                f"{PRODUCTS:,} pairs of sums.", "Use fewer columns or components, or a Nystroem.",
            )  # fmt: skip
            return reading.placeholder(names)
        made = _convolved(made, other)
    if len(sketches) > 1:
        reading.differs("the model's Fourier transform leaves 1e-16 of all columns in each of them")
    return columns.mapped([ops.const(0.0) if n is None else n for n in made], names)


Sketch = Sequence[Node | None]


def _sketch(nodes: Sequence[Node], place: Any, sign: Any, width: int) -> Sketch:
    terms: list[list[tuple[float, Node]]] = [[] for _ in range(width)]
    for x, h, s in zip(nodes, place.tolist(), sign.tolist(), strict=True):
        terms[int(h)].append((float(s), x))
    return [ops.lin(0, *found) if found else None for found in terms]


def _terms(sketch: Sketch) -> int:
    return sum(n is not None for n in sketch)


def _convolved(a: Sketch, b: Sketch) -> Sketch:
    width = len(a)
    sums: list[list[Node]] = [[] for _ in range(width)]
    for i, x in enumerate(a):
        for j, y in enumerate(b):
            if x is not None and y is not None:
                sums[(i + j) % width].append(ops.mul(x, y))
    return [total_of(found) if found else None for found in sums]


TRANSFORMS: dict[str, Any] = {
    "Nystroem": nystroem,
    "KernelPCA": kernel_pca,
    "KernelCenterer": kernel_centerer,
    "SkewedChi2Sampler": skewed_chi2,
    "AdditiveChi2Sampler": additive_chi2,
    "PolynomialCountSketch": count_sketch,
}
ESTIMATORS: dict[str, Any] = {"KernelRidge": kernel_ridge}
