"""Ensembles and chains of models.

https://dmg.org/pmml/v4-4/MultipleModels.html.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from closedform import ops
from closedform.families.additive import shared_out
from closedform.ir import Node
from closedform.ops.payloads import Label
from closedform.readers.pmml.document import Element
from closedform.readers.pmml.outcome import (
    Outcome,
    class_of,
    decided,
    either_of,
    in_order,
    nothing_like,
    of_chances,
)
from closedform.readers.pmml.predicates import PREDICATES, truth_of
from closedform.readers.pmml.scope import Scope
from closedform.readers.pmml.values import Unread, Value, absent, chosen

Inner = Callable[[Element, Scope], tuple[Outcome, Scope]]
ALWAYS = ops.boolean(True)


@dataclass(frozen=True)
class Member:
    """A segment: its id, when it counts, its weight and what its model gives."""

    name: str
    when: Node
    weight: float
    outcome: Outcome


def mining_model(
    model: Element, scope: Scope, dtype: str, inner: Inner, categories: Sequence[str] = ()
) -> Outcome:
    """Return what a MiningModel gives.

    Args:
        model: the element.
        scope: what it sees; a chain adds what its members give.
        dtype: the type of the target.
        inner: what reads the model of a segment.
        categories: the target's values: of classes with equal votes the first one wins.
    """
    segmentation = model.child("Segmentation")
    if segmentation is None:
        raise Unread("A MiningModel without segments (an embedded model of PMML 3) is not read.",
                     "Export it with a Segmentation.")  # fmt: skip
    method = segmentation.need("multipleModelMethod")
    if method not in METHODS and method not in CHAINS:
        raise Unread(f"multipleModelMethod={method!r} has no formula here: {_why(method)}.",
                     "Export the segments as models of their own.")  # fmt: skip
    segments = segmentation.all("Segment")
    if not segments:
        raise KeyError("a Segmentation without segments")
    chain = method == "modelChain"
    members = [_member(s, scope, inner, chain) for s in segments]
    named = {m.name: m.outcome.only_where(m.when) if m.when is not ALWAYS else m.outcome
             for m in members if m.name}  # fmt: skip
    if method in CHAINS:
        return replace(CHAINS[method](members), segments=named)
    order = tuple(class_of(c, dtype) for c in categories)
    made = METHODS[method](members, dtype, Options.of(segmentation, scope, order))
    return replace(made, segments=named)


def _why(method: str) -> str:
    several = ("selectAll", "multiModelChain", "x-multiModelChain")
    return "it gives several results" if method in several else "it is no method of PMML"


MODELS_SUFFIX = ("Model", "Network", "Scorecard")


def model_in(element: Element) -> Element:
    """Return the model in a segment or a document.

    Raises:
        KeyError: there is none.
    """
    found = [c for c in element if c.tag.endswith(MODELS_SUFFIX)]
    if not found:
        raise KeyError(f"{element.tag} without a model")
    return found[0]


def _member(segment: Element, scope: Scope, inner: Inner, chain: bool) -> Member:
    truth = truth_of(segment.one(*PREDICATES), scope)
    outcome, own = inner(model_in(segment), scope)
    if segment.child("VariableWeight") is not None:
        raise Unread("A segment has a variable weight.", "Give each segment a constant weight.")
    if chain:
        _hand_on(segment, truth.holds, own, scope)
    return Member(segment.get("id"), truth.holds, segment.number("weight", 1.0), outcome)


def _hand_on(segment: Element, when: Node, own: Scope, scope: Scope) -> None:
    """Make the output fields of a segment known to those that follow it."""
    for field in model_in(segment).within("Output"):
        name = field.get("name")
        scope.pending.pop(name, None)
        scope.known.pop(name, None)
        scope.later(name, (), _later(name, when, own))


def _later(name: str, when: Node, own: Scope) -> Callable[[], Value]:
    def make() -> Value:
        value = own.value(name)
        return value if when is ALWAYS else chosen(when, value, absent(value.dtype))

    return make


@dataclass(frozen=True)
class Options:
    """How missing predictions are taken, whether sums are in float32, the order of classes."""

    missing: str
    threshold: float
    single: bool
    order: tuple[Label, ...]

    @classmethod
    def of(cls, segmentation: Element, scope: Scope, order: tuple[Label, ...]) -> Options:
        """Return the options of a Segmentation."""
        missing = segmentation.get("missingPredictionTreatment", "continue")
        if missing not in ("continue", "skipSegment", "returnMissing"):
            raise ValueError(f"missingPredictionTreatment={missing!r}")
        threshold = segmentation.number("missingThreshold", 1.0)
        return cls(missing, threshold, scope.work.single, order)


# --- numbers and chances ------------------------------------------------------------------------


@dataclass(frozen=True)
class Parts:
    """Numbers of the members, and when each of them counts."""

    nodes: tuple[Node, ...]
    when: tuple[Node, ...]
    weights: tuple[float, ...]
    single: bool

    @property
    def all_count(self) -> bool:
        """Whether each of them counts on every row."""
        return all(w is ALWAYS for w in self.when)

    def counted(self, fill: float = 0.0) -> list[Node]:
        """Return the numbers, those that do not count replaced."""
        return [n if w is ALWAYS else ops.where(w, n, ops.const(fill))
                for n, w in zip(self.nodes, self.when, strict=True)]  # fmt: skip

    def mass(self, weights: Sequence[float]) -> Node:
        """Return the sum of the weights that count."""
        if self.all_count:
            total = 0.0
            for w in weights:
                total += w
            return ops.const(total)
        ones = [ops.where(w, ops.const(1.0), ops.const(0.0)) for w in self.when]
        return ops.linear(0.0, weights, ones)

    def none(self) -> Node:
        """Return whether nothing counts."""
        return ops.negate(ops.either(*self.when))

    def sum(self, weights: Sequence[float] | None = None) -> Node:
        """Return the (weighted) sum of what counts."""
        nodes = self.counted()
        if self.single and weights is None:
            return ops.sum32(*nodes) if len(nodes) > 1 else nodes[0]
        return ops.linear(0.0, weights or [1.0] * len(nodes), nodes)


def _sum(parts: Parts) -> Node:
    return parts.sum()


def _weighted_sum(parts: Parts) -> Node:
    return parts.sum(parts.weights)


def _average(parts: Parts) -> Node:
    made = ops.div(parts.sum(), parts.mass([1.0] * len(parts.nodes)))
    return ops.round32(made) if parts.single else made


def _weighted_average(parts: Parts) -> Node:
    return ops.div(parts.sum(parts.weights), parts.mass(parts.weights))


def _median(parts: Parts) -> Node:
    n = len(parts.nodes)
    if not parts.all_count:
        raise Unread("The median of segments of which not all count has no formula here.",
                     "Use the average.")  # fmt: skip
    low, high = ops.kth((n + 1) // 2, *parts.nodes), ops.kth(n // 2 + 1, *parts.nodes)
    return low if n % 2 else ops.lin(0, (0.5, low), (0.5, high))


def _weighted_median(parts: Parts) -> Node:
    if not parts.all_count:
        raise Unread("The median of segments of which not all count has no formula here.",
                     "Use the average.")  # fmt: skip
    return ops.weighted_median(parts.weights, parts.nodes)


def _max(parts: Parts) -> Node:
    return ops.maximum(*parts.counted(-math.inf))


AGGREGATES: dict[str, Callable[[Parts], Node]] = {
    "sum": _sum,
    "weightedSum": _weighted_sum,
    "x-weightedSum": _weighted_sum,
    "average": _average,
    "weightedAverage": _weighted_average,
    "median": _median,
    "weightedMedian": _weighted_median,
    "x-weightedMedian": _weighted_median,
    "max": _max,
}
"""multipleModelMethod → what it makes of numbers."""


def _aggregated(method: str) -> Callable[[list[Member], str, Options], Outcome]:
    def of(members: list[Member], dtype: str, options: Options) -> Outcome:
        if all(m.outcome.kind == "regression" for m in members):
            made = _of_numbers(method, members, options, [m.outcome.value for m in members])
            return Outcome("regression", made, dtype)
        if method not in ("average", "weightedAverage", "median", "max"):
            raise ValueError(f"multipleModelMethod={method!r} of a classification")
        if not all(m.outcome.chances for m in members):
            raise Unread(f"The {method} of classes without probabilities has no meaning.",
                         "Use majorityVote.")  # fmt: skip
        return _of_chances(method, members, dtype, options)

    return of


def _of_numbers(
    method: str, members: list[Member], options: Options, nodes: Sequence[Node]
) -> Node:
    when, weights = [m.when for m in members], tuple(m.weight for m in members)
    lost = [ops.both(w, ops.missing(n)) if w is not ALWAYS else ops.missing(n)
            for w, n in zip(when, nodes, strict=True)]  # fmt: skip
    skips = options.missing == "skipSegment"
    if skips:
        when = [ops.both(w, ops.negate(x)) for w, x in zip(when, lost, strict=True)]
    parts = Parts(tuple(nodes), tuple(when), weights, options.single)
    made = AGGREGATES[method](parts)
    none = [] if parts.all_count else [parts.none()]
    if skips and options.threshold < 1:
        none.append(_too_many(lost, [m.when for m in members], weights, options.threshold))
    return ops.where(ops.either(*none), ops.const(math.nan), made) if none else made


def _too_many(
    lost: Sequence[Node], when: Sequence[Node], weights: Sequence[float], threshold: float
) -> Node:
    one, zero = ops.const(1.0), ops.const(0.0)
    gone = ops.linear(0.0, weights, [ops.where(x, one, zero) for x in lost])
    whole = ops.linear(0.0, weights, [ops.where(w, one, zero) for w in when])
    return ops.less(ops.const(threshold), ops.div(gone, whole))


def _of_chances(method: str, members: list[Member], dtype: str, options: Options) -> Outcome:
    classes = list(dict.fromkeys(c for m in members for c in m.outcome.chances))
    chances: dict[Label, Node] = {}
    if method in ("max", "median"):
        return _of_extremes(method, members, dtype, options, classes)
    for c in classes:
        nodes = [m.outcome.chances.get(c, ops.const(0.0)) for m in members]
        chances[c] = _of_numbers(method, members, options, nodes)
    sure = all(m.when is ALWAYS and m.outcome.sure for m in members)
    return of_chances(chances, dtype, "vote", sure=sure)


def _of_extremes(
    method: str, members: list[Member], dtype: str, options: Options, classes: list[Label]
) -> Outcome:
    """Return the chances of those members whose greatest chance is the greatest (or the median)."""
    raise Unread(
        f"The {method} of probabilities has no formula here: it takes them from the members whose "
        "highest one is extreme, and several may be.",
        "Use the average.",
    )


def _voted(weighted: bool) -> Callable[[list[Member], str, Options], Outcome]:
    def of(members: list[Member], dtype: str, options: Options) -> Outcome:
        classes = in_order([c for m in members for c in m.outcome.classes], options.order)
        weights = [m.weight if weighted else 1.0 for m in members]
        ballots = [m.outcome.votes_for(classes) for m in members]
        counts = {
            c: ops.linear(0.0, weights, [_if(m.when, b[i])
                                         for m, b in zip(members, ballots, strict=True)])
            for i, c in enumerate(classes)
        }  # fmt: skip
        kind = members[0].outcome.kind
        chances = dict(zip(classes, shared_out(list(counts.values()), fallback=False), strict=True))
        sure = all(m.when is ALWAYS and m.outcome.sure for m in members)
        label = decided(counts, sure=True)
        if not sure:
            lost = _lost(members, weights, options, list(counts.values()))
            label = ops.where(lost, ops.label(None), label)
            chances = {c: ops.where(lost, ops.const(math.nan), p) for c, p in chances.items()}
        shown = chances if kind != "clustering" else {}
        return Outcome(kind, label, dtype, classes, shown, "vote", sure=sure)

    return of


def _if(when: Node, node: Node) -> Node:
    return node if when is ALWAYS else ops.where(when, node, ops.const(0.0))


def _lost(
    members: list[Member], weights: Sequence[float], options: Options, counts: Sequence[Node]
) -> Node:
    """Return when there is no winner."""
    absent_in = [ops.both(m.when, ops.missing(m.outcome.value)) for m in members]
    one, zero = ops.const(1.0), ops.const(0.0)
    blank = ops.linear(0.0, weights, [ops.where(a, one, zero) for a in absent_in])
    best = ops.maximum(*counts)
    tests = [ops.equal(best, zero)]
    if options.missing == "returnMissing":
        tests.append(ops.either(*absent_in))
    elif options.missing == "continue":
        tests.append(ops.less(best, blank))
    if options.missing != "returnMissing" and options.threshold < 1:
        when = [m.when for m in members]
        tests.append(_too_many(absent_in, when, [m.weight for m in members], options.threshold))
    return ops.either(*tests)


METHODS: dict[str, Callable[[list[Member], str, Options], Outcome]] = {
    **{name: _aggregated(name) for name in AGGREGATES},
    "majorityVote": _voted(False),
    "weightedMajorityVote": _voted(True),
}
"""multipleModelMethod → what it makes of all members."""


# --- one of the members -------------------------------------------------------------------------


def _select_first(members: list[Member]) -> Outcome:
    made = nothing_like(members[-1].outcome)
    for m in reversed(members):
        made = m.outcome if m.when is ALWAYS else either_of(m.when, m.outcome, made)
    return made


def _last_of_chain(members: list[Member]) -> Outcome:
    made: Outcome | None = None
    for m in members:
        if m.when is ALWAYS:
            made = m.outcome
        elif made is None or made.value.type is not m.outcome.value.type:
            made = m.outcome.only_where(m.when)
        else:
            made = either_of(m.when, m.outcome, made)
    assert made is not None
    return made


CHAINS: dict[str, Callable[[list[Member]], Outcome]] = {
    "selectFirst": _select_first,
    "modelChain": _last_of_chain,
}
"""multipleModelMethod → which member is the result."""
