"""Anomaly detection: a model inside, and its result as a score.

https://dmg.org/pmml/v4-4/AnomalyDetectionModel.html.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

from closedform import ops
from closedform.readers.pmml.document import ARRAYS, Element, numbers
from closedform.readers.pmml.mining import Inner, model_in
from closedform.readers.pmml.outcome import Outcome
from closedform.readers.pmml.scope import Scope
from closedform.readers.pmml.values import Unread

EULER = 0.57721566490153286
"""Euler's constant, to all digits of a double."""


def usual_depth(rows: float) -> float:
    """Return the mean path of a failed search in a tree of so many rows: 2·H(n−1) − 2·(n−1)/n.

    Liu, F. T., Ting, K. M. and Zhou, Z.-H. (2008), Isolation forest, ICDM.
    """
    return 2 * (math.log(rows - 1) + EULER) - 2 * (rows - 1) / rows


def anomaly_model(model: Element, scope: Scope, inner: Inner) -> Outcome:
    """Return the anomaly score of an AnomalyDetectionModel."""
    kind = model.need("algorithmType")
    made, own = inner(model_in(model), scope)
    for name, field in own.pending.items():
        scope.pending.setdefault(name, field)
    scope.known = {**own.known, **scope.known}
    if kind not in SCORES:
        raise Unread(f"algorithmType={kind!r} has no formula here: PMML does not say how its "
                     "score is computed.", "Export the model inside on its own.")  # fmt: skip
    return SCORES[kind](model, made)


def _isolated(model: Element, made: Outcome) -> Outcome:
    """Return 2^(−mean path / usual path)."""
    share = 1 / usual_depth(model.number("sampleDataSize"))
    score = ops.power(ops.const(2.0), ops.lin(0, (-share, made.value)))
    return Outcome("regression", score)


def _by_clusters(model: Element, made: Outcome) -> Outcome:
    """Return the distance to the nearest cluster over the mean distance within it."""
    means = numbers(model.one("MeanClusterDistances").one(*ARRAYS)).tolist()
    score = ops.const(math.nan)
    pairs = zip(made.classes, means, strict=True)
    for label, mean in reversed(list(pairs)):
        here = ops.equal(made.value, ops.label(label))
        score = ops.where(here, ops.div(made.affinities[label], ops.const(mean)), score)
    return Outcome("regression", score)


def _as_it_is(model: Element, made: Outcome) -> Outcome:
    if made.kind != "regression":
        raise Unread("An anomaly detection whose model gives classes has no score.",
                     "Export the model inside on its own.")  # fmt: skip
    return replace(made, segments={})


SCORES: dict[str, Callable[[Element, Outcome], Outcome]] = {
    "iforest": _isolated,
    "ocsvm": _as_it_is,
    "clusterMeanDist": _by_clusters,
}
"""algorithmType → its score."""
