"""General regression models: parameters over factors and covariates, and a link function.

https://dmg.org/pmml/v4-4/GeneralRegression.html.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from closedform import ops
from closedform.families.additive import complement, softmax
from closedform.families.links import cauchy_cdf, gumbel_cdf, least_cdf, normal_cdf
from closedform.ir import Node
from closedform.ops.payloads import Label, Pieces
from closedform.readers.pmml.document import Element, matrix
from closedform.readers.pmml.outcome import Outcome, class_of, of_chances
from closedform.readers.pmml.scope import Scope
from closedform.readers.pmml.values import Truth, Unread, Value, gone, is_one_of, literal, number


def _odds_power(x: Node, power: float) -> Node:
    if power == 0:
        return ops.sigmoid(x)
    grown = ops.power(ops.lin(1, (power, x)), -1 / power)
    return ops.div(ops.const(1.0), ops.lin(1, (1, grown)))


def _negative_binomial(x: Node, spread: float) -> Node:
    shrunk = ops.unary("expm1", ops.lin(0, (-1, x)))
    return ops.div(ops.const(1.0), ops.lin(0, (spread, shrunk)))


LINKS: dict[str, Callable[[Node, float, float], Node]] = {
    "identity": lambda x, d, p: x,
    "log": lambda x, d, p: ops.exp(x),
    "logc": lambda x, d, p: complement(ops.exp(x)),
    "logit": lambda x, d, p: ops.sigmoid(x),
    "probit": lambda x, d, p: normal_cdf(x),
    "cloglog": lambda x, d, p: least_cdf(x),
    "loglog": lambda x, d, p: gumbel_cdf(x),
    "cauchit": lambda x, d, p: cauchy_cdf(x),
    "power": lambda x, d, p: ops.exp(x) if p == 0 else ops.power(x, 1 / p),
    "oddspower": lambda x, d, p: _odds_power(x, p),
    "negbin": lambda x, d, p: _negative_binomial(x, d),
}
"""linkFunction → its inverse of a sum, given the parameters of distribution and link."""

UNIT = ("logit", "probit", "cloglog", "loglog", "cauchit")
"""Links of cumulative chances."""
NUMBERS = ("regression", "generalLinear", "generalizedLinear", "CoxRegression")
CLASSES = ("multinomialLogistic", "ordinalMultinomial", "generalizedLinear")


@dataclass(frozen=True)
class Terms:
    """The parts of a GeneralRegressionModel.

    Attributes:
        model: the element.
        factors: the predictors that are labels, by field.
        cells: by target category ("" for all), then by parameter, the PPCell elements.
        betas: by target category ("" for all), the parameters and their values.
    """

    model: Element
    factors: dict[str, Element]
    cells: dict[str, dict[str, list[Element]]]
    betas: dict[str, list[tuple[str, float]]]

    @classmethod
    def of(cls, model: Element) -> Terms:
        """Return the record of a model."""
        cells: dict[str, dict[str, list[Element]]] = {}
        for c in model.within("PPMatrix"):
            of_category = cells.setdefault(c.get("targetCategory"), {})
            of_category.setdefault(c.need("parameterName"), []).append(c)
        betas: dict[str, list[tuple[str, float]]] = {}
        for c in model.one("ParamMatrix"):
            pair = (c.need("parameterName"), c.number("beta"))
            betas.setdefault(c.get("targetCategory"), []).append(pair)
        factors = {p.need("name", "field"): p for p in model.within("FactorList")}
        return cls(model, factors, cells, betas)

    def rows(self, category: str) -> dict[str, list[Element]]:
        """Return which predictors make which parameter, for one target category."""
        return self.cells.get(category) or self.cells.get("", {})

    def sum(self, pairs: Sequence[tuple[str, float]], category: str, scope: Scope) -> Node:
        """Return Σ beta·Π predictors; missing where a predictor is."""
        bias, terms = 0.0, list[tuple[float, Node]]()
        tables: dict[str, dict[Label, float]] = {}
        rows = self.rows(category)
        for name, beta in pairs:
            scope.work.spend()
            cells = rows.get(name, [])
            lone = self._lone_factor(cells, scope)
            if not cells:
                bias += beta
            elif lone is not None:
                field, value = lone
                tables.setdefault(field, {}).setdefault(value, 0.0)
                tables[field][value] += beta
            else:
                terms.append((beta, self._product(cells, scope)))
        terms += [(1.0, _table(scope.value(f), t, 0.0)) for f, t in tables.items()]
        return ops.lin(bias, *terms)

    def _lone_factor(self, cells: Sequence[Element], scope: Scope) -> tuple[str, Label] | None:
        if len(cells) != 1 or cells[0].need("predictorName", "field") not in self.factors:
            return None
        field = cells[0].need("predictorName", "field")
        if self.factors[field].child("Matrix") is not None:
            return None
        return field, literal(cells[0].need("value"), scope.value(field).dtype)

    def _product(self, cells: Sequence[Element], scope: Scope) -> Node:
        labels, numbers = list[Node](), list[Node]()
        for cell in cells:
            field = cell.need("predictorName", "field")
            value = scope.value(field)
            if field in self.factors:
                labels.append(self._factor(self.factors[field], cell, value))
            else:
                power = cell.number("value")
                x = number(value)
                numbers.append(x if power == 1 else ops.power(x, power))
        if not labels:
            return ops.mul(*numbers)
        hit, zero = ops.mul(*labels), ops.const(0.0)
        if not numbers:
            return hit
        # A covariate does not matter, and may be missing, where a factor is another one.
        return ops.where(ops.equal(hit, zero), zero, ops.mul(hit, *numbers))

    def _factor(self, predictor: Element, cell: Element, value: Value) -> Node:
        contrasts = predictor.child("Matrix")
        if contrasts is None:
            return _table(value, {literal(cell.need("value"), value.dtype): 1.0}, 0.0)
        names = [c.need("value") for c in predictor.one("Categories")]
        column = matrix(contrasts)[:, names.index(cell.need("value"))].tolist()
        known = {literal(n, value.dtype): x for n, x in zip(names, column, strict=True)}
        return _table(value, known, math.nan)


def _table(value: Value, entries: dict[Label, float], default: float) -> Node:
    if isinstance(value.what, Truth):
        made = ops.const(default)
        for key, x in entries.items():
            made = ops.where(is_one_of(value, [str(key).lower()]), ops.const(x), made)
        return ops.where(gone(value), ops.const(math.nan), made)
    return ops.table(value.what, entries, default, math.nan)


def general_regression(
    model: Element, scope: Scope, dtype: str, categories: Sequence[str]
) -> Outcome:
    """Return what a GeneralRegressionModel gives.

    Args:
        model: the element.
        scope: what it sees.
        dtype: the type of the target.
        categories: the target's values, in the order of the data dictionary.
    """
    kind, terms = model.need("modelType"), Terms.of(model)
    if model.need("functionName") == "regression":
        if kind not in NUMBERS:
            raise ValueError(f"modelType={kind!r} of a regression")
        if kind == "CoxRegression":
            return Outcome("regression", _hazard(terms, scope), dtype)
        score = terms.sum(_common(terms), "", scope)
        if kind != "generalizedLinear":
            return Outcome("regression", score, dtype)
        name = {"log": "log", "logit": "logit"}.get(model.get("linkFunction"), "identity")
        return Outcome("regression", _linked(terms, score, scope), dtype, link=name)
    if kind not in CLASSES:
        raise ValueError(f"modelType={kind!r} of a classification")
    ordered = _in_order(terms, kind, categories)
    made = CHANCES[kind](terms, ordered, scope)
    classes = [class_of(c, dtype) for c in ordered]
    link = "softmax" if kind == "multinomialLogistic" else "none"
    return of_chances(dict(zip(classes, made, strict=True)), dtype, link)


def _common(terms: Terms) -> list[tuple[str, float]]:
    if set(terms.betas) != {""}:
        raise ValueError("parameters of target categories in a regression")
    return terms.betas[""]


def _in_order(terms: Terms, kind: str, categories: Sequence[str]) -> list[str]:
    """Return the target categories, the reference category as the last one."""
    if len(categories) < 2:
        raise ValueError("a target without its categories")
    reference = terms.model.get("targetReferenceCategory")
    if not reference and kind != "ordinalMultinomial":
        others = [c for c in categories if c not in terms.betas]
        if len(others) != 1:
            raise ValueError("no reference category")
        reference = others[0]
    if reference not in categories:
        return list(categories)
    return [c for c in categories if c != reference] + [reference]


def _linked(terms: Terms, score: Node, scope: Scope) -> Node:
    model, name = terms.model, terms.model.need("linkFunction")
    if name not in LINKS:
        raise Unread(f"linkFunction={name!r} has no formula here.", "Refit with another link.")
    made = LINKS[name](
        _shifted(model, score, scope), model.number("distParameter", 1.0),
        model.number("linkParameter", 1.0),
    )  # fmt: skip
    trials = model.get("trialsVariable")
    if trials:
        return ops.mul(made, number(scope.value(trials)))
    value = model.number("trialsValue", 1.0)
    return made if value == 1 else ops.lin(0, (value, made))


def _shifted(model: Element, score: Node, scope: Scope) -> Node:
    field, value = model.get("offsetVariable"), model.number("offsetValue", 0.0)
    if field:
        return ops.lin(0, (1, score), (1, number(scope.value(field))))
    return score if value == 0 else ops.lin(value, (1, score))


def _two(terms: Terms, ordered: Sequence[str], scope: Scope) -> list[Node]:
    if len(ordered) != 2:
        raise ValueError("generalizedLinear with more than two classes")
    pairs = terms.betas.get(ordered[0]) or terms.betas[""]
    first = _linked(terms, terms.sum(pairs, ordered[0], scope), scope)
    return [first, complement(first)]


def _multinomial(terms: Terms, ordered: Sequence[str], scope: Scope) -> list[Node]:
    scores = []
    for category in ordered[:-1]:
        pairs = terms.betas.get(category) or (terms.betas.get("") if len(ordered) == 2 else None)
        if pairs is None:
            raise KeyError(f"no parameters of the category {category!r}")
        scores.append(terms.sum(pairs, category, scope))
    if len(scores) == 1:
        first = ops.sigmoid(scores[0])
        return [first, complement(first)]
    return softmax([*scores, ops.const(0.0)])


def _cumulative(terms: Terms, ordered: Sequence[str], scope: Scope) -> list[Node]:
    name = terms.model.need("cumulativeLink", "cumulativeLinkFunction")
    if name not in UNIT:
        raise Unread(f"cumulativeLink={name!r} has no formula here.", "Refit with logit.")
    upto = []
    for category in ordered[:-1]:
        pairs = [*terms.betas.get("", []), *terms.betas[category]]
        score = _shifted(terms.model, terms.sum(pairs, category, scope), scope)
        upto.append(LINKS[name](score, 1.0, 1.0))
    steps = [ops.lin(0, (1, b), (-1, a)) for a, b in pairwise(upto)]
    return [upto[0], *steps, complement(upto[-1])]


CHANCES: dict[str, Callable[[Terms, Sequence[str], Scope], list[Node]]] = {
    "generalizedLinear": _two,
    "multinomialLogistic": _multinomial,
    "ordinalMultinomial": _cumulative,
}
"""modelType → the chances of the categories."""


# --- Cox regression -----------------------------------------------------------------------------


def _hazard(terms: Terms, scope: Scope) -> Node:
    """Return the cumulative hazard: the baseline's at the time, times exp(r − s).

    Cox, D. R. (1972), Regression models and life-tables, JRSS B 34.
    """
    model, time = terms.model, number(scope.value(terms.model.need("endTimeVariable")))
    pairs = _common(terms)
    points = {p.need("name"): p.number("referencePoint", 0.0) for p in model.one("ParameterList")}
    rest = math.fsum(beta * points[name] for name, beta in pairs)
    score = ops.lin(-rest, (1, terms.sum(pairs, "", scope)))
    risk = ops.exp(score)
    tables, strata = model.one("BaseCumHazardTables"), model.get("baselineStrataVariable")
    if not strata:
        return _at(tables, time, risk)
    made, stratum = ops.const(math.nan), scope.value(strata)
    for each in tables.all("BaselineStratum"):
        here = is_one_of(stratum, [each.need("value")])
        made = ops.where(here, _at(each, time, risk), made)
    return made


def _at(table: Element, time: Node, risk: Node) -> Node:
    cells = sorted((c.number("time"), c.number("cumHazard")) for c in table.all("BaselineCell"))
    times, hazards = np.array([c[0] for c in cells]), [0.0, *[c[1] for c in cells]]
    baseline = ops.piecewise(time, Pieces.of(times, hazards))
    made = ops.mul(risk, baseline)
    before = ops.less(time, ops.const(times[0]))
    late = ops.less(ops.const(table.number("maxTime")), time)
    return ops.where(late, ops.const(math.nan), ops.where(before, ops.const(0.0), made))
