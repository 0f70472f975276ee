"""The nodes of one tree of a file as columns: a forest has millions of them.

An element for each node and predicate takes 1 KB and 5 µs, its row here 200 bytes and 1 µs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from closedform.ir import Array
from closedform.loading.stream import Broken
from closedform.readers.pmml.document import Element, reals

ALWAYS, NEVER = Element("True", {}), Element("False", {})


@dataclass(frozen=True, eq=False)
class Shares:
    """The ScoreDistribution elements of a tree, in the order of the file.

    Attributes:
        node: the number of the node that each of them stands in, shape (shares,).
        label: its class.
        count, probability, confidence: as the file spells them; None where it does not.
    """

    node: Array
    label: list[str]
    count: list[str | None]
    probability: list[str | None]
    confidence: list[str | None]

    def weights(self, rows: Array) -> Array:
        """Return the share of the class in its node, not yet divided by their sum.

        Args:
            rows: which ones, all of a node side by side, its first one first.

        Raises:
            TypeError, ValueError: it is no number, or not there.
        """
        picked, stands, by_chance = [], self.node[rows].tolist(), {}
        for node, i in zip(stands, rows.tolist(), strict=True):
            chance = self.probability[i]
            given = by_chance.setdefault(node, chance is not None)
            picked.append(chance if given else self.count[i])
        return reals(picked)

    def confidences(self, rows: Array) -> Array:
        """Return the confidences, NaN where the file has none; raises as `weights` does."""
        return reals(
            "nan" if x is None else x for x in map(self.confidence.__getitem__, rows.tolist())
        )


class Branches(Element):
    """All nodes of a TreeModel, in the order of the file; the root is node 0.

    Attributes:
        parent: the number of the parent of each node, -1 for the root, shape (nodes,).
        field, operator, value: its SimplePredicate; None where it has another one.
        others: other predicates, by the number of the node.
        score: the score, or None.
        names, defaults: its id and its default child; empty where no node has a default child.
        shares: its class distributions.
        embedded: whether a model is embedded in some node.
    """

    __slots__ = ("defaults", "embedded", "field", "names", "operator", "others", "parent",
                 "score", "shares", "value")  # fmt: skip

    parent: Array
    field: list[str | None]
    operator: list[str | None]
    value: list[str | None]
    others: dict[int, Element]
    score: list[str | None]
    names: list[str | None]
    defaults: list[str | None]
    shares: Shares
    embedded: bool


class Recording:
    """The nodes of one tree on their way out of the parser."""

    def __init__(self) -> None:
        """Start with none."""
        self.open: list[int] = []
        self.parent: list[int] = []
        self.attributes: list[dict[str, str]] = []
        self.tests: list[dict[str, str] | Element | None] = []
        self.share_nodes: list[int] = []
        self.shares: list[dict[str, str]] = []
        self.embedded = False

    def finished(self, known: dict[str, str]) -> Branches:
        """Return the tree as columns.

        Args:
            known: names met so far, of which one copy each is kept.

        Raises:
            Broken: a node has no predicate, or a share no class.
        """
        made = Branches("Node", self.attributes[0])
        if any(t is None for t in self.tests) or not all("value" in s for s in self.shares):
            raise Broken("a node of a tree has no predicate, or a ScoreDistribution no value")
        made.parent = np.array(self.parent, dtype=np.int32)
        simple = [t if type(t) is dict else NOTHING for t in self.tests]
        made.field = [known.setdefault(x, x) if (x := t.get("field")) else x for t in simple]
        made.operator = [known.setdefault(x, x) if (x := t.get("operator")) else x for t in simple]
        made.value = [t.get("value") for t in simple]
        made.others = {i: t for i, t in enumerate(self.tests) if isinstance(t, Element)}
        made.score = [known.setdefault(x, x) if (x := a.get("score")) else x
                      for a in self.attributes]  # fmt: skip
        defaults = [a.get("defaultChild") for a in self.attributes]
        by_default = any(d is not None for d in defaults)
        made.defaults = defaults if by_default else []
        made.names = [a.get("id") for a in self.attributes] if by_default else []
        made.shares = self._shares(known)
        made.embedded = self.embedded
        return made

    def _shares(self, known: dict[str, str]) -> Shares:
        columns = [[s.get(name) for s in self.shares]
                   for name in ("recordCount", "probability", "confidence")]  # fmt: skip
        label = [known.setdefault(s["value"], s["value"]) for s in self.shares]
        return Shares(np.array(self.share_nodes, dtype=np.int32), label, *columns)


NOTHING: dict[str, str] = {}
