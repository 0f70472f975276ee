"""Names for outputs, scores and values that are shown in a form of their own."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from itertools import count as count_from

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Node, toposort
from closedform.printers.choices import (
    Decision,
    counts_votes,
)
from closedform.printers.ensemble import Ensemble
from closedform.printers.scribe import Scribe, is_indicator
from closedform.printers.spell import TRIVIAL


@dataclass
class Namer:
    """Names for outputs, scores and values that are shown in a form of their own."""

    formula: Formula
    scribe: Scribe

    @property
    def mark(self) -> str:
        """The number of the label, where a classifier has several of them."""
        task = self.formula.task
        found = re.fullmatch(r"label(\d+)", task.primary[0]) if task.primary else None
        return found[1] if found and task.kind == "classification" else ""

    def letter(self, letter: str) -> str:
        """Return a letter that stands before brackets, with the label's number."""
        return self.scribe.name(letter + self.mark) if self.mark else letter

    def output(self, name: str) -> str:
        """Return an output's name as people write it: g for a decision value, P(class)."""
        scribe, task = self.scribe, self.formula.task
        for letter, of in self._scores:
            if of.get(name):
                return scribe.applied(self.letter(letter), ", ".join(map(scribe.word, of[name])))
            if name in of:
                return scribe.name(self.free(letter + self.mark))
        if task.kind == "classification" and name in task.primary:
            word = self.free("class" + self.mark)
            return scribe.signs["class"] if word == "class" else scribe.name(word)
        if any(f.name == name for f in self.formula.inputs):
            return scribe.applied("new", scribe.name(name))
        return scribe.name(name)

    @cached_property
    def _scores(self) -> list[tuple[str, dict[str, tuple[object, ...]]]]:
        """The letters of chances and of scores, with the class that each is of; one has none."""
        task = self.formula.task
        listed = (("P", task.probability), ("g", task.decision))
        return [(letter, _classes_of(task.classes, names)) for letter, names in listed]

    def free(self, name: str) -> str:
        """Return a name that no input has."""
        taken = {f.name for f in self.formula.inputs}
        while name in taken:
            name += "_"
        return name

    def scores(self, scores: Sequence[Node], letter: str) -> dict[Node, str]:
        """Return names for scores that are no outputs."""
        scribe, classes = self.scribe, self.formula.task.classes
        if len(scores) == 1:
            return {scores[0]: scribe.name(self.free(letter + self.mark))}
        g = self.letter(letter)
        if len(scores) != len(classes):
            return {n: scribe.indexed(g, i) for i, n in enumerate(scores, 1)}
        words = [scribe.word(c) for c in classes]
        return {n: scribe.applied(g, w) for n, w in zip(scores, words, strict=True)}

    def compared(self, decision: Decision) -> dict[Node, str]:
        """Return names for what is compared to find the class and is no output: votes(class)."""
        votes = counts_votes(decision.scores)
        if len(decision.scores) == 1 or (self.formula.task.decision and not votes):
            return {}
        words = [self.scribe.word(c) for c in decision.classes]
        name = self.letter("votes" if votes else "g")
        pairs = zip(decision.scores, words, strict=True)
        return {n: self.scribe.applied(name, w) for n, w in pairs}

    def trees(self, ensemble: Ensemble, outputs: dict[str, str], link: str) -> dict[Node, str]:
        """Return a name for each tree; of shared ones, for each output or for any class c."""
        made: dict[Node, str] = {}
        for i, nodes in enumerate(ensemble.trees, 1):
            name = self.scribe.tree(i)
            if not ensemble.shared or not ensemble.outputs:
                made |= dict.fromkeys(nodes, name)
                continue
            for output, n in zip(ensemble.outputs, nodes, strict=True):
                of = "c" if link == "vote" else outputs[output]
                made.setdefault(n, f"{name}({of})")
        return made

    def others(
        self, roots: Sequence[Node], chosen: Mapping[Node, str], named: Mapping[Node, str]
    ) -> dict[Node, str]:
        """Return names for shared values, tables, curves and choices that have none yet."""
        taken = {self.scribe.name(f.name) for f in self.formula.inputs} | set(named.values())
        counts: dict[str, int] = {}
        made: dict[Node, str] = {}
        order = toposort(roots)
        told = _later_cases(order) - self.formula.names.keys()
        shared = (f"v{i}" for i in count_from(1))  # without gaps where an indicator needs no name
        for n in order:
            name = None if n in named or n in told else self._other(n, chosen, shared)
            if name is not None:
                made[n] = self._free(name, taken, counts)
                taken.add(made[n])
        return made

    def _other(self, n: Node, chosen: Mapping[Node, str], shared: Iterator[str]) -> str | None:
        if n in self.formula.names:
            small = n.op.name in ("mul", "pow") and all(a.op.name in TRIVIAL for a in n.args)
            wanted = n in chosen and not small
            return self.scribe.name(self.formula.names[n]) if wanted else None
        if n.op.name in _PREFIX and not is_indicator(n):
            return self._applied(_PREFIX[n.op.name](n), n)
        return self.scribe.name(next(shared)) if n in chosen and not is_indicator(n) else None

    def _free(self, name: str, taken: Collection[str], counts: dict[str, int]) -> str:
        # Where the search for `name` ended last: 2,000 names from 1 on would be 2,000,000 tries.
        count = counts.get(name, 1)
        now = name if count == 1 else self.scribe.indexed(name, count)
        while now in taken:
            count += 1
            now = self.scribe.indexed(name, count)
        counts[name] = count
        return now

    def _applied(self, function: str, n: Node) -> str:
        x = n.args[0] if n.op is not ops.WHERE else n.args[2]
        while x.op is ops.WHERE or x.op is ops.TABLE:
            x = x.args[2] if x.op is ops.WHERE else x.args[0]
        if x.op is not ops.INPUT or x.data >= len(self.formula.inputs):
            return self.scribe.name(function)
        return self.scribe.applied(function, self.scribe.name(self.formula.inputs[x.data].name))


def _classes_of(classes: Sequence[object], names: Sequence[str]) -> dict[str, tuple[object, ...]]:
    """Return the class that each score is of, or the pair of classes that it parts."""
    if len(names) < 2:
        return dict.fromkeys(names, ())
    if len(classes) == 1:  # LightGBM gives the chances of two all the same
        return dict.fromkeys(names, (classes[0],))
    # Of three classes there are three pairs: their names have a comma.
    alone = len(names) == len(classes) and names[0].count(",") == str(classes[0]).count(",")
    return dict(zip(names, combinations(classes, 1 if alone else 2), strict=True))


def _later_cases(order: Sequence[Node]) -> set[Node]:
    """Return the choices that are nothing but the rest of another one: cases of one list."""
    uses = Counter(a for n in order for a in n.args)
    rest = {n.args[2] for n in order if n.op is ops.WHERE and not is_indicator(n)}
    return {n for n in rest if n.op is ops.WHERE and uses[n] == 1}


def _choice_prefix(n: Node) -> str:
    imputes = n.args[0].op is ops.ABSENT and n.args[0].args[0] is n.args[2]
    return "filled" if imputes else "choice"


_PREFIX: dict[str, Callable[[Node], str]] = {
    "table": lambda n: "effect",
    "piecewise": lambda n: "f",
    "where": _choice_prefix,
}
