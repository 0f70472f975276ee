"""The nodes of one tree of a file as columns: a forest has millions of them.

With an element for each node and predicate, a node took 1,040 bytes of memory; so it takes 350.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter

import numpy as np

from closedform.ir import Array
from closedform.readers.pmml.document import Element, reals

ALWAYS, NEVER = Element("True", {}), Element("False", {})


@dataclass(frozen=True, eq=False)
class Shares:
    """The ScoreDistribution elements of a tree, in the order of the file.

    Attributes:
        node: the number of the node that each of them stands in, shape (shares,).
        label: the number of its class in `labels`, shape (shares,).
        labels: the classes as the file spells them.
        count, probability, confidence: what it states, NaN where it does not, shape (shares,).
    """

    node: Array
    label: Array
    labels: list[str]
    count: Array
    probability: Array
    confidence: Array

    @classmethod
    def of(cls, nodes: list[int], shares: list[dict[str, str]]) -> Shares:
        """Return the shares of a tree by the attributes of its elements.

        Raises:
            KeyError, ValueError: one has no class, or is no number.
        """
        numbers: dict[str, int] = {}
        label = [numbers.setdefault(s["value"], len(numbers)) for s in shares]
        columns = (_column(shares, name) for name in ("recordCount", "probability", "confidence"))
        return cls(np.array(nodes, np.int32), np.array(label, np.int32), list(numbers), *columns)

    def weights(self) -> Array:
        """Return the share of the class in its node, not yet divided by their sum; NaN for none.

        The first share of a node tells whether it states probabilities or counts.
        """
        _, first, inverse = np.unique(self.node, return_index=True, return_inverse=True)
        by_chance = ~np.isnan(self.probability[first])
        return np.where(by_chance[inverse], self.probability, self.count)


def _column(shares: list[dict[str, str]], name: str) -> Array:
    if not any(name in s for s in shares):
        return np.full(len(shares), np.nan)
    return reals([s.get(name, "nan") for s in shares])


Kind = tuple[str | None, str | None]
"""The field and the operator of a SimplePredicate; None where a node has another one."""


class Branches(Element):
    """All nodes of a TreeModel, in the order of the file; the root is node 0.

    Attributes:
        parent: the number of the parent of each node, -1 for the root, shape (nodes,).
        kind: the number of the kind of its predicate in `kinds`, shape (nodes,).
        kinds: the kinds of predicates.
        value: with what it compares; None for nothing.
        others: predicates that are no SimplePredicate, by the number of the node.
        score: the score, or None.
        names, defaults: its id and its default child; empty where no node has a default child.
        shares: its class distributions.
        embedded: whether a model is embedded in some node.
    """

    __slots__ = ("defaults", "embedded", "kind", "kinds", "names", "others", "parent", "score",
                 "shares", "value")  # fmt: skip

    parent: Array
    kind: Array
    kinds: list[Kind]
    value: list[str | None]
    others: dict[int, Element]
    score: list[str | None]
    names: list[str | None]
    defaults: list[str | None]
    shares: Shares
    embedded: bool


Attributes = dict[str, str]
OTHER: dict[str, str | None] = {"field": None, "operator": None, "value": None}
"""What stands where a predicate is no SimplePredicate."""


class Recording:
    """The nodes of one tree on their way out of the parser."""

    def __init__(self) -> None:
        """Start with none."""
        self.open: list[int] = []
        self.parent: list[int] = []
        self.attributes: list[Attributes] = []
        self.tests: list[Attributes | dict[str, str | None] | None] = []
        self.others: dict[int, Element] = {}
        self.share_nodes: list[int] = []
        self.shares: list[Attributes] = []
        self.embedded = False

    def other(self, predicate: Element) -> None:
        """Note a predicate that is no SimplePredicate; the first one of a node counts."""
        if self.tests[-1] is None:
            self.tests[-1] = OTHER
            self.others[len(self.tests) - 1] = predicate

    def finished(self) -> Branches:
        """Return the tree as columns.

        Raises:
            KeyError, ValueError: a node has no predicate, one of them no field or operator, or a
                share no class or no number.
        """
        if not all(self.tests):
            raise KeyError("a Node without a predicate")
        tests: list[Attributes] = self.tests  # type: ignore[assignment]
        made = Branches("Node", self.attributes[0])
        made.parent = np.array(self.parent, dtype=np.int32)
        kinds = list(map(itemgetter("field", "operator"), tests))
        number_of = {kind: i for i, kind in enumerate(dict.fromkeys(kinds))}
        made.kinds = list(number_of)
        made.kind = np.array(list(map(number_of.__getitem__, kinds)), dtype=np.int32)
        made.value = [t.get("value") for t in tests]
        made.others = self.others
        made.score = [a.get("score") for a in self.attributes]
        by_default = any("defaultChild" in a for a in self.attributes)
        made.defaults = [a.get("defaultChild") for a in self.attributes] if by_default else []
        made.names = [a.get("id") for a in self.attributes] if by_default else []
        made.shares = Shares.of(self.share_nodes, self.shares)
        made.embedded = self.embedded
        return made
