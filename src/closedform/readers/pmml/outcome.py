"""What one model of a file gives: a value, a class with its chances, a cluster."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from closedform import ops
from closedform.formula import label_of
from closedform.ir import Node, Type
from closedform.ops.payloads import Label
from closedform.readers.pmml.values import Value, literal


@dataclass(frozen=True)
class Outcome:
    """The result of one model for one row.

    Attributes:
        kind: "regression", "classification" or "clustering".
        value: the predicted number, or the label.
        dtype: the type of the target.
        classes: the labels that a classification or clustering may give.
        chances: the probability of each class; empty where the model gives none.
        link: how scores become the prediction, as in `Task`.
        votes: for each class 1 where it is the label, else 0; empty where not yet known.
        affinities: by the id of each cluster (or of the winner alone), what the measure gives.
        confidences: the confidence of each class.
        segments: the outcomes of an ensemble's members by their ids.
        winner: the id of the tree node, rule or cluster that decides, as a label.
        sure: whether there is a prediction on every row.
        bare: the label without the test whether there is one; None where that is not enough.
    """

    kind: str
    value: Node
    dtype: str = "double"
    classes: tuple[Label, ...] = ()
    chances: Mapping[Label, Node] = field(default_factory=dict)
    link: str = "identity"
    votes: Mapping[Label, Node] = field(default_factory=dict)
    affinities: Mapping[Label, Node] = field(default_factory=dict)
    confidences: Mapping[Label, Node] = field(default_factory=dict)
    segments: Mapping[str, Outcome] = field(default_factory=dict)
    winner: Node | None = None
    sure: bool = False
    bare: Node | None = None

    def votes_for(self, classes: Sequence[Label]) -> list[Node]:
        """Return 1 for the class that is the label, and 0 for others."""
        if self.votes:
            return [self.votes.get(c, ops.const(0.0)) for c in classes]
        one, zero = ops.const(1.0), ops.const(0.0)
        hits = [ops.equal(self.value, ops.label(c)) for c in classes]
        return [ops.where(hit, one, zero) for hit in hits]

    def only_where(self, test: Node) -> Outcome:
        """Return the same outcome where a test holds, and a missing one elsewhere."""
        return either_of(test, self, nothing_like(self))

    def as_value(self) -> Value:
        """Return the prediction as the value of a field."""
        if self.kind == "regression":
            return Value(self.value, self.dtype if self.dtype in ("float", "integer") else "double")
        choices = tuple(map(str, self.classes)) if self.dtype == "string" else None
        return Value(self.value, "string", choices)


def label_node(label: Label) -> Node:
    """Return a class as a node."""
    return ops.label(label)


def class_of(text: str, dtype: str) -> Label:
    """Return a class that the file spells, in the type of the target."""
    made = literal(text, dtype)
    whole = dtype == "integer" and isinstance(made, float) and made.is_integer()
    return int(made) if whole else made


def in_order(found: Sequence[Label], order: Sequence[Label]) -> tuple[Label, ...]:
    """Return labels once each: those of the data dictionary in its order, then the others."""
    there = set(found)
    return tuple(dict.fromkeys([*[c for c in order if c in there], *found]))


def decided(chances: Mapping[Label, Node], *, sure: bool = False) -> Node:
    """Return the class with the highest chance, the first among equals; missing where they are.

    Args:
        chances: by class.
        sure: whether no chance is ever missing.
    """
    classes, scores = tuple(chances), list(chances.values())
    if len(classes) == 1:
        best = ops.label(classes[0])
    else:
        best = label_of(scores, classes)
    if sure:
        return best
    return ops.where(ops.missing(ops.maximum(*scores)), ops.label(None), best)


def of_chances(
    chances: Mapping[Label, Node], dtype: str, link: str = "none", *, sure: bool = False
) -> Outcome:
    """Return a classification by its chances."""
    value = decided(chances, sure=sure)
    # Such chances are missing all together, where a score is: never by a division of 0 by 0.
    bare = decided(chances, sure=True) if link in ("softmax", "logit") else None
    return Outcome(
        "classification", value, dtype, tuple(chances), chances, link, sure=sure, bare=bare
    )


def nothing_like(other: Outcome) -> Outcome:
    """Return the missing outcome of the same kind."""
    nan = ops.const(math.nan)
    value = ops.label(None) if other.value.type is Type.LABEL else nan
    return replace(
        other, value=value, chances=dict.fromkeys(other.chances, nan),
        votes=dict.fromkeys(other.votes, ops.const(0.0)), winner=None, sure=False, bare=None,
        affinities=dict.fromkeys(other.affinities, nan), segments={},
        confidences=dict.fromkeys(other.confidences, nan),
    )  # fmt: skip


def either_of(test: Node, first: Outcome, second: Outcome) -> Outcome:
    """Return the first outcome where a test holds, else the second.

    Raises:
        ValueError: they are of different kinds.
    """
    if first.value.type is not second.value.type:
        raise ValueError("segments of which some give labels and some numbers")

    def merged(a: Mapping[Label, Node], b: Mapping[Label, Node], fill: float) -> dict[Label, Node]:
        return {c: ops.where(test, a.get(c, ops.const(fill)), b.get(c, ops.const(fill)))
                for c in dict.fromkeys((*a, *b))}  # fmt: skip

    unlisted = 0.0 if first.chances and second.chances else math.nan
    return Outcome(
        first.kind,
        ops.where(test, first.value, second.value),
        first.dtype,
        tuple(dict.fromkeys((*first.classes, *second.classes))),
        merged(first.chances, second.chances, unlisted),
        first.link if first.link == second.link else "none",
        merged(first.votes, second.votes, 0.0) if first.votes and second.votes else {},
        merged(first.affinities, second.affinities, math.nan),
        merged(first.confidences, second.confidences, math.nan),
        {**first.segments, **second.segments},
    )
