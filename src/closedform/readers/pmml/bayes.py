"""Naive Bayes: the logarithms of counts and densities, added up by class.

https://dmg.org/pmml/v4-4/NaiveBayes.html.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from closedform import ops
from closedform.families.additive import softmax
from closedform.ir import Node
from closedform.ops.payloads import Label
from closedform.readers.pmml.document import Element
from closedform.readers.pmml.expressions import derived
from closedform.readers.pmml.outcome import Outcome, class_of, of_chances
from closedform.readers.pmml.regression import looked_up
from closedform.readers.pmml.scope import Scope
from closedform.readers.pmml.values import Unread, number


def naive_bayes(model: Element, scope: Scope, dtype: str) -> Outcome:
    """Return what a NaiveBayesModel gives: missing and unseen values count nothing."""
    threshold = model.number("threshold")
    prior = _counts(model.one("BayesOutput").one("TargetValueCounts"), dtype)
    scores: dict[Label, list[Node]] = {c: [] for c in prior}
    for each in model.one("BayesInputs").all("BayesInput"):
        for c, node in _evidence(each, tuple(prior), threshold, scope, dtype).items():
            scores[c].append(node)
    sums = [ops.linear(_log(prior[c]), [1.0] * len(s), s) for c, s in scores.items()]
    scope.work.reading.name("score ", sums)
    chances = dict(zip(prior, softmax(sums), strict=True))
    counts = [t.number("count") for e in _all_counts(model) for t in e]
    return of_chances(chances, dtype, "softmax", sure=threshold > 0 or min(counts) > 0)


def _all_counts(model: Element) -> list[Element]:
    """Return the tables of counts of all fields and of the classes."""
    inputs = model.one("BayesInputs").all("BayesInput")
    pairs = [p.one("TargetValueCounts") for e in inputs for p in e.all("PairCounts")]
    return [*pairs, model.one("BayesOutput").one("TargetValueCounts")]


def _log(x: float) -> float:
    return math.log(x) if x > 0 else -math.inf


def _counts(element: Element, dtype: str) -> dict[Label, float]:
    return {class_of(t.need("value"), dtype): t.number("count")
            for t in element.all("TargetValueCount")}  # fmt: skip


def _evidence(
    element: Element, classes: Sequence[Label], threshold: float, scope: Scope, dtype: str
) -> dict[Label, Node]:
    """Return the logarithm of the chance of a field's value, by class."""
    stats = element.child("TargetValueStats")
    if stats is not None:
        return _densities(element, stats, threshold, scope, dtype)
    inner = element.child("DerivedField")
    value = derived(inner, scope) if inner else scope.value(element.need("fieldName", "field"))
    rows = [(p.need("value"), _counts(p.one("TargetValueCounts"), dtype))
            for p in element.all("PairCounts")]  # fmt: skip
    totals = {c: math.fsum(counts.get(c, 0.0) for _, counts in rows) for c in classes}
    made = {}
    for c in classes:
        pairs = [(v, _log(counts[c] / totals[c] if counts[c] else threshold))
                 for v, counts in rows if c in counts]  # fmt: skip
        made[c] = looked_up(value, pairs)
    return made


def _densities(
    element: Element, stats: Element, threshold: float, scope: Scope, dtype: str
) -> dict[Label, Node]:
    x = number(scope.value(element.need("fieldName", "field")))
    absent, zero, least = ops.missing(x), ops.const(0.0), ops.const(_log(threshold))
    made: dict[Label, Node] = {}
    for stat in stats.all("TargetValueStat"):
        gauss = stat.child("GaussianDistribution")
        if gauss is None:
            raise Unread("A distribution other than Gaussian has no formula here.",
                         "Discretize the field, or fit it with Gaussians.")  # fmt: skip
        mean, variance = gauss.number("mean"), gauss.number("variance")
        away = ops.squared_distance([x], [mean], [-0.5 / variance])
        density = ops.lin(-0.5 * math.log(2 * math.pi * variance), (1, away))
        label = class_of(stat.need("value"), dtype)
        floor = density if threshold <= 0 else ops.maximum(density, least)
        made[label] = ops.where(absent, zero, floor)
        scope.work.reading.call(made[label], f"{element.get('fieldName')} for {label}")
    return made
