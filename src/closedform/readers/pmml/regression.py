"""Regression models: tables of coefficients, and what is made of their sums.

https://dmg.org/pmml/v4-4/Regression.html.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from closedform import ops
from closedform.families.additive import clipped, complement, shared_out, softmax, total_of
from closedform.families.links import cauchy_cdf, gumbel_cdf, least_cdf, normal_cdf
from closedform.ir import Node
from closedform.ops.payloads import Label
from closedform.readers.pmml.document import Element
from closedform.readers.pmml.outcome import Outcome, class_of, of_chances
from closedform.readers.pmml.scope import Scope
from closedform.readers.pmml.values import Truth, Value, is_one_of, literal, number

LINKS: dict[str, Callable[[Node], Node]] = {
    "none": lambda x: x,
    "logit": ops.sigmoid,
    "softmax": ops.sigmoid,
    "exp": ops.exp,
    "probit": normal_cdf,
    "cloglog": least_cdf,
    "loglog": gumbel_cdf,
    "cauchit": cauchy_cdf,
}
"""normalizationMethod → what it makes of one sum."""

NAMES = {"logit": "logit", "softmax": "softmax", "exp": "log"}
"""normalizationMethod → link, as in `Task`."""


def sum_of(table: Element, scope: Scope) -> Node:
    """Return intercept + Σ coefficient·xⁿ + Σ coefficient·[x = value] + Σ coefficient·Π x.

    A missing number makes the sum missing; a missing label counts nothing.
    """
    terms: list[tuple[float, Node]] = []
    for each in table.all("NumericPredictor"):
        x = number(scope.value(each.need("name", "field")))
        power = each.number("exponent", 1.0)
        terms.append((each.number("coefficient"), x if power == 1 else ops.power(x, power)))
    terms += _labelled(table.all("CategoricalPredictor"), scope)
    for each in table.all("PredictorTerm"):
        factors = [number(scope.value(f.need("field"))) for f in each.all("FieldRef")]
        terms.append((each.number("coefficient"), ops.mul(*factors)))
    scope.work.spend(len(terms))
    return ops.lin(table.number("intercept"), *terms)


def _labelled(predictors: Sequence[Element], scope: Scope) -> list[tuple[float, Node]]:
    """Return one table for each label field: its coefficient by value, 0 for others and none."""
    by: dict[str, list[tuple[str, float]]] = {}
    for each in predictors:
        pair = (each.need("value"), each.number("coefficient"))
        by.setdefault(each.need("name", "field"), []).append(pair)
    return [(1.0, looked_up(scope.value(name), pairs)) for name, pairs in by.items()]


def looked_up(value: Value, pairs: Sequence[tuple[str, float]]) -> Node:
    """Return the number beside the value; 0 beside none. Of two for one value, the first."""
    if isinstance(value.what, Truth):
        zero = ops.const(0.0)
        parts = [ops.where(is_one_of(value, [text]), ops.const(c), zero) for text, c in pairs]
        return total_of(parts)
    table: dict[Label, float] = {}
    for text, coefficient in pairs:
        table.setdefault(literal(text, value.dtype), coefficient)
    return ops.table(value.what, table, 0.0, 0.0)


def regression_model(model: Element, scope: Scope, dtype: str, ordinal: bool) -> Outcome:
    """Return what a RegressionModel gives: a number, or the chances of classes."""
    method, tables = model.get("normalizationMethod", "none"), model.all("RegressionTable")
    if not tables:
        raise KeyError("no RegressionTable")
    sums = [sum_of(t, scope) for t in tables]
    scope.work.reading.name("score ", sums if len(sums) > 1 else [])
    if model.get("functionName") == "regression":
        return _one(sums, method, dtype)
    classes = [class_of(t.need("targetCategory"), dtype) for t in tables]
    if len(tables) == 2 and method == "softmax" and _is_empty(tables[1]):
        method = "logit"  # the softmax of s and 0
    made = _ordered(sums, method) if ordinal else _chances(sums, method)
    return of_chances(dict(zip(classes, made, strict=True)), dtype, NAMES.get(method, "none"))


def _one(sums: Sequence[Node], method: str, dtype: str) -> Outcome:
    if len(sums) != 1 or method not in LINKS:
        raise ValueError(f"{len(sums)} tables and normalizationMethod={method!r}")
    link = {"exp": "log", "logit": "logit", "softmax": "logit"}.get(method, "identity")
    return Outcome("regression", LINKS[method](sums[0]), dtype, link=link)


def _chances(sums: Sequence[Node], method: str) -> list[Node]:
    if len(sums) == 1:
        return [LINKS[method](sums[0])]
    if method == "softmax":
        return softmax(sums)
    if method == "simplemax":
        return shared_out(sums, fallback=False)
    if method not in LINKS or method == "exp":
        raise ValueError(f"normalizationMethod={method!r} of a classification")
    if len(sums) == 2:
        first = _unit(LINKS[method](sums[0]), method)
        return [first, complement(first)]
    if method == "none":
        return [*sums[:-1], complement(total_of(sums[:-1]))]
    return shared_out([LINKS[method](s) for s in sums], fallback=False)


def _unit(x: Node, method: str) -> Node:
    """Return a chance: a sum that is not normalised is cut to 0 … 1."""
    return clipped(x, 0.0, 1.0) if method == "none" else x


def _is_empty(table: Element) -> bool:
    return not table.children and table.number("intercept", 0.0) == 0


def _ordered(sums: Sequence[Node], method: str) -> list[Node]:
    """Return the chances of ordered classes from cumulative ones: F(s₁), F(s₂) − F(s₁) …"""
    if method not in LINKS or method in ("softmax", "exp"):
        raise ValueError(f"normalizationMethod={method!r} of ordered classes")
    upto = [_unit(LINKS[method](s), method) for s in sums[:-1]]
    steps = [ops.lin(0, (1, b), (-1, a)) for a, b in pairwise(upto)]
    return [upto[0], *steps, complement(upto[-1])]
