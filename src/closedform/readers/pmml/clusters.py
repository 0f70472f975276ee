"""Clustering models: the nearest centre, or the one that is most alike.

https://dmg.org/pmml/v4-4/ClusteringModel.html.
"""

from __future__ import annotations

from closedform import ops
from closedform.formula import label_of
from closedform.ir import Node
from closedform.ops.payloads import Label
from closedform.readers.pmml.document import ARRAYS, Element, items, numbers
from closedform.readers.pmml.measures import compared, distances
from closedform.readers.pmml.outcome import Outcome
from closedform.readers.pmml.scope import Scope
from closedform.readers.pmml.values import Unread

MOST_CLUSTERS = 2000
"""Centres beyond which a model is refused: its formula holds each of them."""


def clustering_model(model: Element, scope: Scope) -> Outcome:
    """Return the id of the cluster (its number from 1 on, where it has none) that is nearest."""
    if model.get("modelClass", "centerBased") != "centerBased":
        raise Unread("A clustering by distributions has no formula here: PMML does not say how "
                     "it assigns a row.", "Export centres.")  # fmt: skip
    clusters, measure = model.all("Cluster"), model.one("ComparisonMeasure")
    if not 1 <= len(clusters) <= MOST_CLUSTERS:
        raise Unread(f"A clustering of {len(clusters):,} clusters; from 1 to {MOST_CLUSTERS:,} "
                     "are read.", "Train one with fewer.")  # fmt: skip
    fields = [f for f in model.all("ClusteringField") if f.truth("isCenterField", True)]
    weights = model.child("MissingValueWeights")
    made_up = None if weights is None else numbers(weights.one(*ARRAYS)).tolist()
    parts = compared(fields, measure, scope, made_up)
    found = distances(measure, parts, [items(c.one("Array")) for c in clusters], scope)
    ids = tuple(c.get("id") or str(i) for i, c in enumerate(clusters, 1))
    scores = found.scores()
    label = label_of(scores, ids) if len(ids) > 1 else ops.label(ids[0])
    nothing = ops.both(*[p.absent for p in parts])
    label = ops.where(ops.either(nothing, ops.missing(scores[0])), ops.label(None), label)
    affinities: dict[Label, Node] = {
        i: found.finish(r) for i, r in zip(ids, found.ranks, strict=True)
    }
    best = (ops.maximum if found.larger else ops.minimum)(*affinities.values())
    return Outcome("clustering", label, "string", ids, affinities={"": best, **affinities},
                   winner=label)  # fmt: skip
