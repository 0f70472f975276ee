"""pygam: a sum of terms, and what the inverse of its link makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from math import isqrt
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import NotFitted
from closedform.families.additive import complement
from closedform.formula import Formula, label_above
from closedform.ir import Array, Node
from closedform.readers.prediction import Prediction, formula_of, input_names
from closedform.readers.pygam.curves import Basis, basis_of, tensor
from closedform.readers.reading import Columns, Reading

KINDS = (
    "GAM", "LinearGAM", "LogisticGAM", "PoissonGAM", "GammaGAM", "InvGaussGAM", "ExpectileGAM",
)  # fmt: skip
ROUNDINGS = 32
"""Units of float32 by which a curve is off whose column is scaled in it; 3 where measured."""
MOST_FUNCTIONS = 20_000
"""Basis functions of a tensor term; each of them is a product of curves."""


def read_model(model: Any, names: Sequence[str] | None = None) -> Formula:
    """Return a fitted model of pygam as a formula.

    Raises:
        UnsupportedModel: its link or one of its terms has no formula.
        NotFitted: it has not been trained.
        BadInput: `names` does not fit.
    """
    from importlib.metadata import version

    _require_fitted(model)
    return formula_of(
        partial(predicted, model),
        input_names(names, None, int(model.statistics_["m_features"])),
        source=type(model).__name__,
        reader=f"pygam {version('pygam')}",
    )


def predicted(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """Return what a model predicts over some columns."""
    _require_fitted(model)
    kind = next((c.__name__ for c in type(model).__mro__ if c.__name__ in KINDS), None)
    own = next((m for m in METHODS if _overrides(model, m)), None)
    if kind is None or own:
        name = type(model).__name__
        what = f"has a {own}() of its own" if own else "is not among the models that can be read"
        reading.problem(f"{name} {what}.", f"These can be read: {', '.join(KINDS)}.")
        return Prediction.nothing()
    reading.refuse_missing(columns)
    score = _score(model, columns, reading)
    value = _linked(model, score, reading)
    if kind == "LogisticGAM":
        return _told(value)
    link = str(model.link)
    return Prediction.of_values([value], link if link == "log" else "identity")


METHODS = ("predict", "predict_mu", "predict_proba")


def _overrides(model: Any, method: str) -> bool:
    """Tell whether a class that extends one of pygam's has a method of its own."""
    found = getattr(type(model), method, None)
    return found is not None and found.__module__.partition(".")[0] != "pygam"


def _require_fitted(model: Any) -> None:
    if not getattr(model, "_is_fitted", False):
        raise NotFitted(
            f"This {type(model).__name__} is not fitted.", hint="Call its fit(X, y) first."
        )


# --- terms --------------------------------------------------------------------------------------


def _score(model: Any, columns: Columns, reading: Reading) -> Node:
    """Return Σ terms; the intercept is the bias of the sum."""
    bias, weights, nodes = 0.0, [], []
    for i, term in enumerate(model.terms):
        coefs = np.asarray(model.coef_)[model.terms.get_coef_indices(i)]
        if term.isintercept:
            bias += float(coefs[0])
            continue
        give = TERMS.get(type(term).__name__)
        if give is None:
            reading.problem(
                f"The term {type(term).__name__} is not known.",
                f"These are: {', '.join(TERMS)}, Intercept.",
            )
            continue
        weight, node = give(term, coefs, columns, reading)
        weights.append(weight)
        nodes.append(node)
    return ops.linear(bias, weights, nodes)


def _line(term: Any, coefs: Array, columns: Columns, reading: Reading) -> tuple[float, Node]:
    """Weight and column; a `by` means nothing here to pygam either."""
    return float(coefs[0]), columns.nodes[term.feature]


def _spline(term: Any, coefs: Array, columns: Columns, reading: Reading) -> tuple[float, Node]:
    """One curve, times the `by` column where there is one."""
    x, basis = columns.nodes[term.feature], basis_of(term)
    _refuse_outside(term, basis, x, reading)
    return 1.0, _by(term, basis.curve(x, coefs), columns)


def _tensor(term: Any, coefs: Array, columns: Columns, reading: Reading) -> tuple[float, Node]:
    """Sums of products of curves of several columns."""
    marginals: list[tuple[list[Node] | Basis, Node]] = []
    shape = []
    for part in term:
        x = columns.nodes[part.feature]
        if type(part).__name__ == "LinearTerm":
            marginals.append(([x], x))
            shape.append(1)
            continue
        basis = basis_of(part)
        _refuse_outside(part, basis, x, reading)
        marginals.append(
            (basis, x) if part.by is None else (_functions(part, basis, x, columns), x)
        )
        shape.append(basis.coefs.shape[2])
    if np.prod(shape) > MOST_FUNCTIONS:
        reading.problem(
            f"A tensor term of {np.prod(shape):,} basis functions is too large for a formula.",
            f"Refit it with n_splines={isqrt(isqrt(MOST_FUNCTIONS))}, or with fewer columns.",
        )
        return 1.0, ops.const(np.nan)
    return 1.0, _by(term, tensor(marginals, coefs.reshape(shape)), columns)


def _functions(part: Any, basis: Basis, x: Node, columns: Columns) -> list[Node]:
    unit = np.eye(basis.coefs.shape[2])
    return [_by(part, basis.curve(x, row), columns) for row in unit]


def _by(term: Any, curve: Node, columns: Columns) -> Node:
    return curve if term.by is None else ops.mul(columns.nodes[term.by], curve)


def _refuse_outside(term: Any, basis: Basis, x: Node, reading: Reading) -> None:
    """Note where pygam raises: on a category beyond those that it knows, and between two periods.

    A period ends 1e-9 behind its last knot, and in that gap pygam's arrays do not fit each other.
    Rows of float32 are scaled in float32 by knots that were taken from such.
    """
    if np.asarray(term.edge_knots_).dtype == np.float32:
        reading.rounds([x], "float32", ROUNDINGS)
    if term.dtype == "categorical":
        lo, hi = float(term.edge_knots_[0]), float(term.edge_knots_[-1])
        reading.refuse(ops.either(ops.less(x, ops.const(lo)), ops.less(ops.const(hi), x)))
    if basis.periodic and term.spline_order > 0:
        reading.refuse(ops.less(ops.const(1.0), basis.wound(x)))


Give = Callable[[Any, Array, Columns, Reading], tuple[float, Node]]
TERMS: dict[str, Give] = {
    "LinearTerm": _line,
    "SplineTerm": _spline,
    "FactorTerm": _spline,
    "TensorTerm": _tensor,
}
"""Class of a term → its weight and its node."""


# --- links --------------------------------------------------------------------------------------


def _share(score: Node, levels: float) -> Node:
    """eˢ / (eˢ + 1), in pygam's own words: beyond a score of 709.8 it is ∞/∞, and missing."""
    grown = ops.exp(score)
    whole = grown if levels == 1 else ops.lin(0, (levels, grown))
    return ops.div(whole, ops.lin(1, (1, grown)))


LINKS: dict[str, Callable[[Node, float], Node]] = {
    "identity": lambda s, levels: s,
    "log": lambda s, levels: ops.exp(s),
    "logit": _share,
    "inverse": lambda s, levels: ops.power(s, -1.0),
    "inv_squared": lambda s, levels: ops.power(s, -0.5),
}
"""Name of a link → its inverse."""


def _linked(model: Any, score: Node, reading: Reading) -> Node:
    name = str(model.link)
    give = LINKS.get(name) if type(model.link).__module__ == "pygam.links" else None
    if give is None:
        reading.problem(
            f"The link {name!r} of this {type(model).__name__} is not known.",
            "These are: " + ", ".join(LINKS) + ".",
        )
        return score
    value = give(score, float(getattr(model.distribution, "levels", None) or 1))
    if name != "identity":
        reading.stage(name, "link", Columns(("score",), (score,)), Columns(("y",), (value,)))
    return value


def _told(chance: Node) -> Prediction:
    """True where the chance is above one half."""
    classes = (False, True)
    return Prediction.of_classes(
        classes, label=label_above(chance, 0.5, classes), link="logit",
        probability=[complement(chance), chance],
    )  # fmt: skip
