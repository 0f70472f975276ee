"""Nearest neighbours: means and votes of the training rows that are near.

https://dmg.org/pmml/v4-4/KNN.html.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from closedform import ops
from closedform.families.additive import total_of
from closedform.formula import label_of
from closedform.ir import Array, Node
from closedform.readers.pmml.document import Element, real
from closedform.readers.pmml.measures import Distances, compared, distances
from closedform.readers.pmml.outcome import Outcome, class_of
from closedform.readers.pmml.scope import Scope
from closedform.readers.pmml.values import Unread

MOST_ROWS = 2000
"""Training rows beyond which a model is refused: its formula holds each of them."""


@dataclass(frozen=True)
class Near:
    """The training rows around a row.

    Attributes:
        flags: 1 for those that count, 0 for others.
        weights: 1 / (distance + threshold) for those that count.
        lost: when there are none, since all fields are missing.
    """

    flags: list[Node]
    weights: list[Node]
    lost: Node


def nearest_neighbours(model: Element, scope: Scope, dtype: str, target: str) -> Outcome:
    """Return what a NearestNeighborModel gives for one target."""
    rows, columns = _table(model)
    if len(rows) > MOST_ROWS:
        raise Unread(
            f"This model compares with {len(rows):,} training rows, and a formula would hold them "
            f"all; {MOST_ROWS:,} are the most that are read.",
            "Train a model that has a short formula on its predictions.",
        )
    if target not in columns:
        raise Unread("A model of neighbours without a target gives no value of its own.",
                     "Name the target in the mining schema.")  # fmt: skip
    near = _near(model, scope, rows, columns)
    given = [row[columns[target]] for row in rows]
    if model.need("functionName") == "regression":
        method = model.get("continuousScoringMethod", "average")
        if method not in MEANS:
            raise Unread(f"continuousScoringMethod={method!r} has no formula here.",
                         "Use average or weightedAverage.")  # fmt: skip
        values = np.array([real(x) for x in given])
        made = ops.where(near.lost, ops.const(math.nan), MEANS[method](near, values))
        return Outcome("regression", made, dtype)
    votes = near.weights if _weighs(model) else near.flags
    return _elected(votes, given, dtype, near.lost)


def _weighs(model: Element) -> bool:
    """Tell whether near rows count more than far ones."""
    method = model.get("categoricalScoringMethod", "majorityVote")
    if method not in ("majorityVote", "weightedMajorityVote"):
        raise ValueError(f"categoricalScoringMethod={method!r}")
    return method == "weightedMajorityVote"


def _table(model: Element) -> tuple[list[dict[str, str]], dict[str, str]]:
    """Return the training rows, and the column of each field."""
    instances = model.one("TrainingInstances")
    table = instances.child("InlineTable")
    if table is None:
        raise Unread("The training rows lie outside the file.", "Write them as InlineTable.")
    fields = instances.one("InstanceFields").all("InstanceField")
    columns = {f.need("field"): (f.get("column") or f.need("field")).rpartition(":")[2]
               for f in fields}  # fmt: skip
    return [{c.tag: c.text for c in row} for row in table.all("row")], columns


def _near(
    model: Element, scope: Scope, rows: Sequence[dict[str, str]], columns: dict[str, str]
) -> Near:
    inputs, measure = model.one("KNNInputs").all("KNNInput"), model.one("ComparisonMeasure")
    absent = [f.need("field") for f in inputs if f.need("field") not in columns]
    if absent:
        raise Unread(
            f"The training rows lack the computed field {absent[0]!r}.",
            "Write it beside the others in the training instances.",
        )
    parts = compared(inputs, measure, scope)
    points = [[row[columns[f.need("field")]] for f in inputs] for row in rows]
    found = distances(measure, parts, points, scope)
    count = model.count("numberOfNeighbors")
    if not 1 <= count <= len(rows):
        raise ValueError(f"{count} neighbours of {len(rows)} rows")
    _note_ties(found, count, scope)
    ranks = [ops.lin(0, (-1, r)) for r in found.ranks] if found.larger else list(found.ranks)
    edge = ops.kth(count, *ranks)
    one, zero = ops.const(1.0), ops.const(0.0)
    tests = [ops.less_equal(r, edge) for r in ranks]
    threshold = model.number("threshold", 0.001)
    weights = [ops.where(t, ops.div(one, ops.lin(threshold, (1, found.finish(r)))), zero)
               for t, r in zip(tests, found.ranks, strict=True)]  # fmt: skip
    lost = ops.either(ops.both(*[p.absent for p in parts]), ops.missing(ranks[0]))
    return Near([ops.where(t, one, zero) for t in tests], weights, lost)


def _note_ties(found: Distances, count: int, scope: Scope) -> None:
    """Say that the formula counts all of those that tie for the last place."""
    scope.work.reading.differs(
        f"where several training rows tie for place {count} among the neighbours, the formula "
        "counts them all, and another program those that it finds first"
    )


def _mean(weights: Sequence[Node], values: Array) -> Node:
    return ops.div(ops.linear(0.0, values, weights), total_of(weights))


MEANS: dict[str, Callable[[Near, Array], Node]] = {
    "average": lambda near, values: _mean(near.flags, values),
    "weightedAverage": lambda near, values: _mean(near.weights, values),
}
"""continuousScoringMethod → the prediction."""


def _elected(weights: Sequence[Node], given: Sequence[str], dtype: str, lost: Node) -> Outcome:
    """Return the class of most votes; of equal ones the most frequent, then the least in order."""
    frequent = Counter(class_of(x, dtype) for x in given)
    classes = sorted(frequent, key=lambda c: (-frequent[c], c))
    votes = [total_of([w for w, x in zip(weights, given, strict=True) if class_of(x, dtype) == c])
             for c in classes]  # fmt: skip
    label = label_of(votes, classes) if len(classes) > 1 else ops.label(classes[0])
    return Outcome("classification", ops.where(lost, ops.label(None), label), dtype,
                   tuple(classes))  # fmt: skip
