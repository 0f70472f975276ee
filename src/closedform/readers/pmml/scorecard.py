"""Scorecards: points of the first attribute that holds, for each characteristic.

https://dmg.org/pmml/v4-4/Scorecard.html.
"""

from __future__ import annotations

import math

from closedform import ops
from closedform.ir import Node
from closedform.readers.pmml.document import Element
from closedform.readers.pmml.expressions import EXPRESSIONS, evaluated
from closedform.readers.pmml.outcome import Outcome
from closedform.readers.pmml.predicates import PREDICATES, truth_of
from closedform.readers.pmml.scope import Scope
from closedform.readers.pmml.values import number


def scorecard(model: Element, scope: Scope, dtype: str) -> Outcome:
    """Return initialScore + Σ points; missing where a characteristic has no attribute that holds.

    Reason codes are not read.
    """
    parts = [(c, _points(c, scope)) for c in model.one("Characteristics").all("Characteristic")]
    for element, node in parts:
        scope.work.reading.call(node, element.get("name") or "points")
    total = ops.linear(model.number("initialScore", 0.0), [1.0] * len(parts),
                       [node for _, node in parts])  # fmt: skip
    return Outcome("regression", total, dtype)


def _points(characteristic: Element, scope: Scope) -> Node:
    made = ops.const(math.nan)
    for attribute in reversed(characteristic.all("Attribute")):
        truth = truth_of(attribute.one(*PREDICATES), scope)
        points = _score(attribute, scope)
        always = truth.holds.op is ops.CONST and truth.holds.data is True
        made = points if always else ops.where(truth.holds, points, made)
    return made


def _score(attribute: Element, scope: Scope) -> Node:
    computed = attribute.child("ComplexPartialScore")
    if computed is None:
        return ops.const(attribute.number("partialScore"))
    return number(evaluated(computed.one(*EXPRESSIONS), scope, "double"))
