"""What each model of statsmodels predicts, from its parameters and its linear predictor."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from closedform import ops
from closedform.families.additive import complement, total_of
from closedform.families.links import normal_cdf
from closedform.formula import Task
from closedform.ir import Array, Node
from closedform.ops.payloads import chance_names
from closedform.readers.prediction import Prediction, value_names
from closedform.readers.reading import Columns, plain_label
from closedform.readers.statsmodels.bases import may_be_infinite
from closedform.readers.statsmodels.inputs import Given
from closedform.readers.statsmodels.links import (
    TASK_LINKS,
    Inverse,
    distribution,
    inverse_of,
    is_identity,
    no_link,
)

Fitted = Any
Output = Callable[[Fitted, Array, Given], Prediction]


def linear(model: Fitted, params: Array, given: Given) -> Prediction:
    """ŷ = b + Σ wᵢxᵢ; one for each column of parameters."""
    columns = params.reshape(len(params), -1).T
    return Prediction.of_values([given.score(column) for column in columns])


def fixed_effects(model: Fitted, params: Array, given: Given) -> Prediction:
    """The fixed effects alone, as predict gives them: no group's own intercept."""
    return Prediction.of_values([given.score(params[: model.k_fe])])


def generalised(model: Fitted, params: Array, given: Given) -> Prediction:
    """ŷ = g⁻¹(b + Σ wᵢxᵢ + offset + log exposure)."""
    return _linked(model.family.link, params, given)


def beta(model: Fitted, params: Array, given: Given) -> Prediction:
    """The mean of a beta regression; its precision has no part in it."""
    return _linked(model.link, params, given)


def _linked(link: Any, params: Array, given: Given) -> Prediction:
    name, inverse = inverse_of(link)
    score = given.score(params)
    if inverse is None:
        given.reading.problem(*no_link(link, name))
        return Prediction.nothing()
    if is_identity(link):
        return Prediction.of_values([score])
    return mean_of(score, inverse, given, TASK_LINKS.get(name, "none"))


def mean_of(score: Node, inverse: Inverse, given: Given, link: str) -> Prediction:
    """Return the mean that an inverse link makes of a score."""
    value = inverse(score)
    given.reading.stage(
        link, "link", Columns(("score",), (score,)), Columns(value_names([value]), (value,))
    )
    return Prediction.of_values([value], link)


def logit(model: Fitted, params: Array, given: Given) -> Prediction:
    """The chance of a 1: sigmoid of the linear predictor."""
    return mean_of(given.score(params), ops.sigmoid, given, "logit")


def probit(model: Fitted, params: Array, given: Given) -> Prediction:
    """The chance of a 1: Φ of the linear predictor."""
    return mean_of(given.score(params), normal_cdf, given, "none")


def counts(model: Fitted, params: Array, given: Given) -> Prediction:
    """ŷ = exp(b + Σ wᵢxᵢ + offset + log exposure); what follows the weights is no part of it."""
    return mean_of(given.score(params), ops.exp, given, "log")


def chances(values: Sequence[Node], classes: Sequence[Any], link: str) -> Prediction:
    """Return one chance for each class, as predict gives them side by side."""
    names = chance_names(classes)
    task = Task("regression", link=link, primary=names)
    return Prediction(dict(zip(names, values, strict=True)), task)


def multinomial(model: Fitted, params: Array, given: Given) -> Prediction:
    """Each class's exp(score) over the sum of all, the first class's score being 0."""
    classes = [model._ynames_map[i] for i in range(params.shape[1] + 1)]
    # As predict does, without a greatest score subtracted: beyond 709 both give NaN.
    grown = [ops.exp(given.score(column)) for column in params.T]
    whole = ops.linear(1.0, [1.0] * len(grown), grown)
    parts = [ops.div(n, whole) for n in [ops.const(1.0), *grown]]
    return chances(parts, [plain_label(c) for c in classes], "softmax")


def ordered(model: Fitted, params: Array, given: Given) -> Prediction:
    """P(class k) = F(cutₖ₊₁ − score) − F(cutₖ − score)."""
    inside = distribution(model.distr)
    cuts = np.asarray(model.transform_threshold_params(params), dtype=np.float64)[1:-1].tolist()
    score = given.score(params[: len(params) - len(cuts)])
    if inside is None:
        given.reading.problem(
            f"The distribution {getattr(model.distr, 'name', model.distr)!r} of an OrderedModel "
            "has no formula that is known.",
            "Use distr='logit' or 'probit'.",
        )
        return Prediction.nothing()
    below = [inside(ops.lin(cut, (-1, score))) for cut in cuts]
    middle = [ops.lin(0, (1, b), (-1, a)) for a, b in pairwise(below)]
    kept = [ops.maximum(n, ops.const(0.0)) for n in middle]
    values = [below[0], *kept, complement(below[-1])] if below else [ops.const(1.0)]
    if may_be_infinite(score):  # then predict takes ∞ from the outermost cuts, which are ∞
        values[0] = _not_at(score, -math.inf, values[0])
        values[-1] = _not_at(score, math.inf, values[-1])
    return chances(values, [plain_label(c) for c in model.labels], "none")


def _not_at(score: Node, value: float, chance: Node) -> Node:
    return ops.where(ops.equal(score, ops.const(value)), ops.const(math.nan), chance)


def zero_inflated(model: Fitted, params: Array, given: Given) -> Prediction:
    """ŷ = (1 − chance of a certain 0)·exp(score)."""
    k = int(model.k_inflate)
    score = given.score(params[k:])
    bias, terms = given.matrix("exog_infl", params[:k])
    link = {"logit": ops.sigmoid, "probit": normal_cdf}[model.inflation]
    zero = link(ops.lin(bias, *terms))
    return Prediction.of_values([ops.mul(complement(zero), ops.exp(score))], "log")


def truncated(model: Fitted, params: Array, given: Given) -> Prediction:
    """The mean of those counts that are not cut off at the left."""
    cut = int(model.truncation)
    mu = ops.exp(given.score(params))
    if cut == -1:
        return Prediction.of_values([mu], "log")
    if cut == 0:
        return Prediction.of_values([ops.div(mu, some(model.model_main, params, mu))])
    if type(model.model_main).__name__ != "Poisson":
        given.reading.problem(
            f"{type(model).__name__}(truncation={cut}) has no formula that is known.",
            "Use truncation=0, or a TruncatedLFPoisson.",
        )
        return Prediction.nothing()
    return Prediction.of_values([_beyond(mu, cut)])


def _beyond(mu: Node, cut: int) -> Node:
    """Return the mean of Poisson counts above `cut`."""
    factorials = np.cumprod([1.0, *range(1, cut + 1)])
    powers = [ops.mul(*[mu] * k) for k in range(cut + 1)]
    none = ops.exp(ops.lin(0, (-1, mu)))
    chance = [
        ops.mul(none, ops.lin(0, (1 / f, p))) for f, p in zip(factorials, powers, strict=True)
    ]
    lost = ops.linear(0, range(cut + 1), chance)
    return ops.div(ops.lin(0, (1, mu), (-1, lost)), complement(total_of(chance)))


def some(main: Any, params: Array, mu: Node) -> Node:
    """Return the chance that a count is not 0, by its distribution."""
    kind = type(main).__name__
    if kind == "Poisson":
        return ops.lin(0, (-1, ops.unary("expm1", ops.lin(0, (-1, mu)))))
    alpha, p = float(params[-1]), float(main.parameterization)
    if kind == "NegativeBinomialP":
        grown = ops.lin(1, (alpha, _to(mu, p - 1)))
        return complement(ops.power(grown, -1 / alpha))
    spread = ops.lin(1, (alpha, _to(mu, p)))  # GeneralizedPoisson keeps p − 1
    return complement(ops.exp(ops.lin(0, (-1, ops.div(mu, spread)))))


def _to(mu: Node, power: float) -> Node:
    return ops.const(1.0) if power == 0 else mu if power == 1 else ops.power(mu, power)


def hurdle(model: Fitted, params: Array, given: Given) -> Prediction:
    """The chance to pass the hurdle, times the mean of the counts above 0."""
    k = int((len(params) - model.k_extra1 - model.k_extra2) / 2) + int(model.k_extra1)
    zero, main = params[:k], params[k:]
    bias, terms = given.main(zero)
    passed = some(model.model1.model_main, zero, ops.exp(ops.lin(bias, *terms)))
    mu = ops.exp(given.score(main))
    above = some(model.model2.model_main, main, mu)
    return Prediction.of_values([ops.div(ops.mul(passed, mu), above)])
