"""statsmodels' additive models: a linear part, and a smooth function for each of some columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Array, Node
from closedform.readers.prediction import Prediction
from closedform.readers.reading import Columns, Reading
from closedform.readers.statsmodels import outputs
from closedform.readers.statsmodels.bases import Basis, Curve
from closedform.readers.statsmodels.design import Design
from closedform.readers.statsmodels.inputs import Given, Inputs, design_of, spec_of
from closedform.readers.statsmodels.links import TASK_LINKS, inverse_of, is_identity, no_link
from closedform.readers.statsmodels.splines import (
    b_splines,
    cyclic,
    only_between,
)


def additive_inputs(model: Any, inputs: Inputs) -> Design | None:
    """Note the linear columns, or the frame of their formula, then the smooth ones."""
    design = design_of(model, spec_of(model, "_linear"))
    k = int(model.k_exog_linear)
    if design is not None:
        inputs.frame(design)
    elif k:
        inputs.matrix("exog", [str(n) for n in model.exog_names[:k]], model.exog_linear)
    smoother = model.smoother
    names = [str(n) for n in smoother.variable_names]
    inputs.takes["exog_smooth"] = [
        inputs.add(name, None if design else np.asarray(smoother.x)[:, j])
        for j, name in enumerate(names)
    ]
    return design


def additive(model: Any, params: Array, given: Given) -> Prediction:
    """ŷ = g⁻¹(b + Σ wᵢxᵢ + Σ fⱼ(xⱼ) + offset + log exposure)."""
    k, reading = int(model.k_exog_linear), given.reading
    name, inverse = inverse_of(model.family.link)
    if inverse is None:
        reading.problem(*no_link(model.family.link, name))
    bias, terms = given.main(params[:k]) if k else (0.0, [])
    at = k
    for i, smoother in zip(
        given.inputs.takes["exog_smooth"], model.smoother.smoothers, strict=True
    ):
        x = given.columns.nodes[i]
        reading.refuse_missing(Columns((given.columns.names[i],), (x,)))
        basis = smooth(smoother, x, reading)
        if basis is not None:
            terms += basis.terms(params[at : at + basis.width])
            at += basis.width
    score = ops.lin(bias, *terms, *given.extras())
    if inverse is None or is_identity(model.family.link):
        return Prediction.of_values([score])
    return outputs.mean_of(score, inverse, given, TASK_LINKS.get(name, "none"))


def smooth(smoother: Any, x: Node, reading: Reading) -> Basis | None:
    """Return the basis of one smooth column; None, and a problem, where it is not known."""
    kind = type(smoother).__name__
    if kind == "UnivariateBSplines":
        first = 0 if smoother.include_intercept else 1
        curve = b_splines(x, smoother.knots, int(smoother.degree), first)
        ends = float(min(smoother.knots)), float(max(smoother.knots))
        return _mixed(only_between(curve, *ends, np.nan), smoother)
    if kind == "UnivariateCubicCyclicSplines":
        return _mixed(cyclic(x, _cyclic_knots(spec_of(smoother))), smoother)
    # Of CubicSplines and PolynomialSmoother statsmodels cannot predict any new row either (0.15).
    reading.problem(
        f"The smoother {kind} is not among those that can be read.",
        "Use BSplines or CyclicCubicSplines.",
    )
    return None


def _mixed(basis: Curve, smoother: Any) -> Curve:
    return basis if smoother.ctransf is None else basis.mixed(np.asarray(smoother.ctransf))


def _cyclic_knots(spec: Any) -> Any:
    """Return the knots that patsy or formulaic has chosen for statsmodels."""
    if hasattr(spec, "factor_infos"):
        (info,) = spec.factor_infos.values()
        (transform,) = info.state["transforms"].values()
        return transform._all_knots
    (state,) = spec.transform_state.values()
    return state["knots"]
