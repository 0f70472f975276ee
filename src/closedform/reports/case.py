"""What a report is about: a model, its formulas, and the rows on which they are compared."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from closedform.columns import columns_of
from closedform.explanations.importance import Importance, importance
from closedform.explanations.sides import Sides
from closedform.fitting.constants import count_constants
from closedform.formula import Formula
from closedform.frontiers import Entry, Frontier
from closedform.frontiers.judging import Judge
from closedform.frontiers.subject import Subject
from closedform.ir import Array
from closedform.reports.ranges import Ranges, ranges_of
from closedform.verify.measure import labels_differ

ROWS = 20_000
"""At most so many rows are compared: means over ranges are steady long before."""
MANY = 50
"""Inputs: of more, each is exchanged among the rows but once."""
GIVEN = "given"
"""The method of a formula that the user brought."""
ASKING = 10.0
"""Seconds in which the model is asked which inputs matter."""


@dataclass(frozen=True, eq=False)
class Case:
    """A model, the formulas for it, and what both say of the rows.

    Attributes:
        model: as it was given.
        exact: the formula that the model was read as; None for one that has none.
        front: the frontier.
        entries: its formulas, and the one that the user brought, the shortest first.
        chosen: the number of the formula that the page opens with.
        sides: the rows, the inputs, and the number that is shown.
        given: how many rows the user gave.
    """

    model: Any
    exact: Formula | None
    front: Frontier
    entries: tuple[Entry, ...]
    chosen: int
    sides: Sides
    given: int

    @classmethod
    def of(
        cls, model: Any, X: Any, y: Any, front: Frontier, *, formula: Formula | None,
        output: Any, seed: int, read_as: Formula | None = None,
    ) -> Case:  # fmt: skip
        """Join a model, its frontier, and the formula that the page is to open with, if any.

        Args:
            model, X, y, formula, output, seed: as of `report`.
            front: the frontier of the model.
            read_as: the exact formula of the model, where it has been read.

        Raises:
            BadInput: rows, y, the formula or the output do not fit the model.
        """
        entries = list(front.entries)
        at = front.choice.index
        if formula is not None:
            subject = Subject.of(model, X, y, seed, read_as)
            at, entries = _with(formula, entries, subject)
        sides = Sides.of(
            model, X, y, formula=entries[at].formula, output=output, seed=seed, read_as=read_as
        )
        exact = model if isinstance(model, Formula) else sides.sides[0].formula
        return cls(model, exact, front, tuple(entries), at, sides.some(ROWS, seed=7), sides.rows)

    @property
    def observed(self) -> bool:
        """Whether y was given."""
        return self.sides.y is not None

    @property
    def classifies(self) -> bool:
        """Whether the model gives classes."""
        return self.sides.task.kind == "classification"

    @cached_property
    def said(self) -> Mapping[str, Array]:
        """What the model says of the rows, by the names of outputs, each of shape (rows,)."""
        names = dict.fromkeys([self.sides.target.output, *self.answers])
        return self.sides.sides[0].said(self.sides.X, list(names))

    @property
    def called(self) -> str:
        """The model in a few words; a function may have no name."""
        source = self.sides.source.strip()
        return "A function" if source == "function" else source or "The model"

    @property
    def answers(self) -> tuple[str, ...]:
        """The outputs that `predict` returns."""
        return self.sides.task.primary or (self.sides.target.output,)

    @cached_property
    def expected(self) -> Array:
        """The number that is explained, of each row, as the model gives it."""
        return self.sides.target.of(self.said)

    def got(self, formula: Formula) -> Array:
        """Return the same number as a formula gives it, shape (rows,)."""
        name = self.name_in(formula)
        return replace(self.sides.target, output=name).of(self._columns_to(formula, [name]))

    def name_in(self, formula: Formula) -> str:
        """Return what a formula calls the output that is shown."""
        name = self.sides.target.output
        return name if name in formula.outputs else formula.answer[0]

    def relabelled(self, formula: Formula) -> Array:
        """Return whether a formula gives another class than the model, for each row."""
        name = self.answers[0] if self.answers[0] in formula.outputs else formula.answer[0]
        theirs = self.said[self.answers[0]]
        return labels_differ(theirs, self._columns_to(formula, [name])[name])

    def _columns_to(self, formula: Formula, names: list[str]) -> Mapping[str, Array]:
        return formula.only(*names).evaluate(self.sides.X)

    @cached_property
    def used(self) -> list[int]:
        """The inputs that the model, or else any formula, reads, ascending."""
        if self.exact is not None:
            return list(self.exact.used)
        return sorted(set().union(*(e.formula.used for e in self.entries)))

    @cached_property
    def importance(self) -> Importance:
        """How much each input matters to the model, and to the formula that is shown first."""
        repeats = 5 if len(self.sides.features) <= MANY else 1
        return importance(self.sides, repeats=repeats, seconds=ASKING)

    @cached_property
    def leading(self) -> list[int]:
        """The inputs that are read, first what is most important to the model or the formula."""
        read = set(self.used)
        return [int(i) for i in self.importance.leading if int(i) in read]

    @cached_property
    def ranges(self) -> Mapping[int, Ranges]:
        """The ranges of each input that is read."""
        features, columns = self.sides.features, self.sides.columns
        return {i: ranges_of(i, features[i], columns[i]) for i in self.used}


def _with(formula: Formula, entries: list[Entry], subject: Subject) -> tuple[int, list[Entry]]:
    """Return the number of a formula among others, which it joins where it is none of them."""
    at = next((i for i, e in enumerate(entries) if e.formula is formula), None)
    if at is None:
        columns_of(formula.inputs, subject.check.X, formula.needed)  # refuses another model's
        judged = Judge(subject, None)(formula).without_rows()
        made = Entry(formula, GIVEN, formula.length, count_constants(formula),
                     len(formula.used), judged)  # fmt: skip
        entries = sorted([*entries, made], key=lambda e: e.length)
        at = entries.index(made)
    return at, entries
