"""What is done to a prediction: rescaling, rounding and defaults; and the output fields.

https://dmg.org/pmml/v4-4/Targets.html and Output.html.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from closedform import ops
from closedform.ir import Node
from closedform.readers.pmml.document import Element, near
from closedform.readers.pmml.expressions import EXPRESSIONS, evaluated, read_by
from closedform.readers.pmml.functions import ceiling, rounded
from closedform.readers.pmml.outcome import Outcome, class_of
from closedform.readers.pmml.scope import Scope
from closedform.readers.pmml.values import (
    READ,
    Unread,
    Value,
    absent,
    cast,
    chosen,
    constant,
    is_one_of,
    of_truth,
)

ROUNDINGS: dict[str, Callable[[Node], Node]] = {
    "round": rounded,
    "ceiling": ceiling,
    "floor": lambda x: ops.unary("floor", x),
}
"""castInteger → what it does."""


def targeted(model: Element, name: str, outcome: Outcome, single: bool) -> Outcome:
    """Return an outcome as the Target of a field wants it; `single`: computed in float32."""
    found = [t for t in model.within("Targets") if t.tag == "Target"]
    target = next((t for t in found if t.get("field", name) == name or not name), None)
    if target is None:
        return outcome
    if outcome.kind == "regression":
        return replace(outcome, value=_scaled(target, outcome.value, single))
    return _with_priors(target, outcome)


def _scaled(target: Element, x: Node, single: bool) -> Node:
    lo, hi = target.number("min", -math.inf), target.number("max", math.inf)
    made = x
    if math.isfinite(lo):
        made = ops.maximum(made, ops.const(lo))
    if math.isfinite(hi):
        made = ops.minimum(made, ops.const(hi))
    factor, shift = target.number("rescaleFactor", 1.0), target.number("rescaleConstant", 0.0)
    if single and factor != 1:
        made = ops.round32(ops.lin(0, (near(factor), made)))
    if single and shift:
        made = ops.sum32(made, ops.const(near(shift)))
    elif not single and (factor, shift) != (1.0, 0.0):
        made = ops.lin(shift, (factor, made))
    whole = target.get("castInteger")
    made = ROUNDINGS[whole](made) if whole else made
    values = [v for v in target.all("TargetValue") if "defaultValue" in v.attributes]
    if not values:
        return made
    return ops.where(ops.missing(x), ops.const(values[0].number("defaultValue")), made)


def _with_priors(target: Element, outcome: Outcome) -> Outcome:
    """Return the outcome with prior probabilities in place of missing ones."""
    priors = {class_of(v.need("value"), outcome.dtype): v.number("priorProbability")
              for v in target.all("TargetValue") if "priorProbability" in v.attributes}  # fmt: skip
    if not priors or outcome.sure:
        return outcome
    total, lost = math.fsum(priors.values()), ops.missing(outcome.value)
    best = max(priors, key=lambda c: priors[c])
    chances = {
        c: ops.where(lost, ops.const(priors.get(c, 0.0) / total), p)
        for c, p in outcome.chances.items()
    }
    value = ops.where(lost, ops.label(best), outcome.value)
    return replace(outcome, value=value, chances=chances, bare=None)


# --- output fields ------------------------------------------------------------------------------

DULL = frozenset(
    ("predictedDisplayValue", "reasonCode", "residual", "standardError", "standardDeviation",
     "warning", "report", "ruleValue", "antecedent", "consequent", "rule", "ruleId", "support",
     "lift", "leverage")
)  # fmt: skip
"""Features of an output that have no formula."""


def outputs(model: Element, outcome: Outcome, scope: Scope) -> None:
    """Make the output fields of a model known to its scope."""
    for field in model.within("Output"):
        if field.tag != "OutputField":
            continue
        name = field.get("name")
        scope.pending.pop(name, None)
        scope.known.pop(name, None)
        needs = read_by(field) - {name} if field.child(*EXPRESSIONS) else set()
        scope.later(name, needs, partial(_output, field, outcome, scope))


def _output(field: Element, outcome: Outcome, scope: Scope) -> Value:
    try:
        made = _featured(field, outcome, scope)
        dtype = field.get("dataType")
        return cast(made, dtype) if dtype in READ else made
    except Unread as problem:
        where = f"The output {field.get('name')!r} cannot be computed. "
        return scope.work.refuse(
            where + problem.what, problem.hint, field.get("dataType", "double")
        )


def feature_of(field: Element) -> str:
    """Return what an OutputField gives."""
    default = "transformedValue" if field.child(*EXPRESSIONS) else "predictedValue"
    return field.get("feature", default)


def _featured(field: Element, outcome: Outcome, scope: Scope) -> Value:
    feature = feature_of(field)
    if "segmentId" in field.attributes:
        outcome = outcome.segments[field.need("segmentId")]
    if field.count("rank", 1) != 1:
        raise Unread("It is not the first of a ranking.", "Ask for rank 1.")
    if feature == "transformedValue":
        if field.child(*EXPRESSIONS) is None:
            raise Unread("It has no expression.", "Leave it out.")
        return evaluated(field.one(*EXPRESSIONS), scope, field.get("dataType"))
    if feature == "decision":
        return _decision(field, outcome, scope)
    if feature not in FEATURES:
        raise Unread(f"Its feature {feature!r} has no formula here.", "Leave it out.")
    return FEATURES[feature](field, outcome)


def _decision(field: Element, outcome: Outcome, scope: Scope) -> Value:
    decisions, child = field.child("Decisions"), field.child(*EXPRESSIONS)
    x = outcome.as_value() if child is None else evaluated(child, scope)
    if decisions is None:
        return x
    made = absent("string")
    for each in reversed(decisions.all("Decision")):
        text = each.need("value")
        made = chosen(is_one_of(x, [text]), constant(text, "string"), made)
    return made


def _predicted(field: Element, outcome: Outcome) -> Value:
    return outcome.as_value()


def _of_class(name: str) -> Callable[[Element, Outcome], Value]:
    def of(field: Element, outcome: Outcome) -> Value:
        by = getattr(outcome, name)
        if not by:
            raise Unread(f"The model gives no {name}.", "Leave it out.")
        if "value" not in field.attributes:
            return Value(ops.maximum(*by.values()), "double")
        return Value(by.get(class_of(field.need("value"), outcome.dtype), ops.const(math.nan)),
                     "double")  # fmt: skip

    return of


def _affinity(field: Element, outcome: Outcome) -> Value:
    by = outcome.affinities
    if "value" in field.attributes:
        return Value(by[field.need("value")], "double")
    return Value(next(iter(by.values())), "double")


def _winner(field: Element, outcome: Outcome) -> Value:
    if outcome.winner is None:
        raise Unread("The model does not tell which of its parts decides.", "Leave it out.")
    return Value(outcome.winner, "string")


FEATURES: dict[str, Callable[[Element, Outcome], Value]] = {
    "predictedValue": _predicted,
    "probability": _of_class("chances"),
    "confidence": _of_class("confidences"),
    "affinity": _affinity,
    "clusterAffinity": _affinity,
    "entityAffinity": _affinity,
    "clusterId": _winner,
    "entityId": _winner,
}
"""Feature of an output → what it is of an outcome."""

__all__ = ["DULL", "feature_of", "of_truth", "outputs", "targeted"]
