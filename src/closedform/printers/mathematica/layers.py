"""What the Wolfram Language takes at once: layers, trees, chains of choices."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Node
from closedform.layers import layers
from closedform.printers.mathematica.spelling import SPELL, call, nested, number
from closedform.printers.program import comma, free_name
from closedform.printers.spell import BREAK, Custom, Speller, Spelling, Written

LEAST_LAYER = 16
"""Weights that a layer has at least, before it is written as a matrix."""

Group = tuple[Node, ...]


class Writer:
    """The spellings of one formula, which know its layers and its chains of choices."""

    def __init__(self, formula: Formula) -> None:
        """Choose what becomes a vector."""
        self.formula = formula
        self.place: dict[Node, tuple[Group, int]] = {}
        self.written: dict[Group, str] = {}
        self.chains: dict[str, list[str]] = {}
        for nodes in layers(formula.nodes):
            group = tuple(nodes)
            if self._is_layer(group):
                self.place |= {n: (group, i) for i, n in enumerate(group)}

    def _is_layer(self, group: Group) -> bool:
        first = group[0]
        if len(group) < 2 or not first.args:
            return False
        if first.op is ops.LIN:
            plain = all(a.op is not ops.TREE for a in first.args)
            return plain and len(group) * len(first.args) >= LEAST_LAYER
        if first.op in (ops.SQUARED_DISTANCE, ops.TREE):
            return False
        below = [self.place.get(n.args[0]) for n in group]
        whole = None not in below and len({found[0] for found in below if found}) == 1
        full = whole and [found[1] for found in below if found] == list(range(len(group)))
        return full and len(self.place[first.args[0]][0]) == len(group)

    def table(self) -> dict[str, Spelling | Custom]:
        """Return how each operation is written."""
        made = {**SPELL, "lin": _sum, "where": self._choice, "tree": _tree}
        return {name: partial(self._grouped, custom) for name, custom in made.items()}

    def _grouped(
        self, custom: Spelling | Custom, speller: Speller, n: Node, args: Sequence[Written]
    ) -> Written:
        if n not in self.place:
            return custom(args) if isinstance(custom, Spelling) else custom(speller, n, args)
        group, i = self.place[n]
        if group not in self.written:
            name = self.written[group] = free_name(speller, "layer")
            text = self._layer(custom, speller, group, args)
            speller.lines.append((name, text, n))
        return Written(f"{self.written[group]}[[{i + 1}]]")

    def _layer(
        self, custom: Spelling | Custom, speller: Speller, group: Group, args: Sequence[Written]
    ) -> str:
        first = group[0]
        if first.op is not ops.LIN:
            inner = [Written("#"), *args[1:]]
            one = custom(inner) if isinstance(custom, Spelling) else custom(speller, first, inner)
            return f"Map[{one.text} &, {self.written[self.place[first.args[0]][0]]}]"
        rows = (f"{{{comma(map(number, n.data.weights.tolist()))}}}" for n in group)
        bias = comma(number(n.data.bias) for n in group)
        return f"{{{bias}}}{BREAK}+ {{{comma(rows)}}}{BREAK}. {self._vector(first, args)}"

    def _vector(self, n: Node, args: Sequence[Written]) -> str:
        groups = {self.place[a][0] if a in self.place else () for a in n.args}
        if len(groups) == 1 and n.args == (group := groups.pop()):
            return self.written[group]
        return f"{{{comma(a.text for a in args)}}}"

    def _choice(self, speller: Speller, n: Node, args: Sequence[Written]) -> Written:
        # A choice within a choice within … is one list: evaluators stop at some hundred levels.
        condition, yes, no = (a.text for a in args)
        rest = self.chains.get(no) if n.args[2] not in speller.named else None
        rows = [f"{condition}, {yes}", *(rest or [f"True, {no}"])]
        made = call("If")(args).text if rest is None else f"Which[{comma(rows)}]"
        self.chains[made] = rows
        return Written(made)


def _sum(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    return speller.sum(n, args)


def _tree(speller: Speller, n: Node, args: Sequence[Written]) -> Written:
    """Return the call of a tree, which becomes a function of what it tests."""
    splits = n.data.splits
    tested = sorted({*splits.feature[~splits.leaf].tolist()})
    own = {f: args[f].text if n.args[f].op is ops.INPUT else f"x{f + 1}" for f in tested}
    key = ("tree", (n.data.key, tuple(own.items())))
    if key not in speller.constants:
        name = f"tree{len(speller.constants) + 1}"
        head = f"{name}[{', '.join(f'{x}_' for x in own.values())}] :="
        body = nested(n.data, own).replace("\n", "\n    ")
        speller.constants[key] = (name, f"{head}\n    {body}")
    return call(speller.constants[key][0])([args[f] for f in tested])
