"""Laws of a block's rows: what `cf.distill` looks for, named as the block's inputs are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import BadInput
from closedform.formula import Feature, Formula, Task
from closedform.frontiers import Frontier
from closedform.frontiers.choosing import NOTHING, SHORT
from closedform.frontiers.judging import Judge
from closedform.frontiers.limiting import LONGEST, as_before
from closedform.frontiers.searching import Search
from closedform.frontiers.subject import Subject
from closedform.hybrid.lines import linear_formulas
from closedform.ir import Array, Node, substitute
from closedform.laws.distilling import CUT, INTERRUPTED, distill
from closedform.progress import Watch
from closedform.shorten.clock import Clock
from closedform.verify.expression import parse

Ask = Callable[[Array], Array]
"""Rows, shape (rows, inputs) → what is said of them, shape (rows, outputs)."""


@dataclass(frozen=True, eq=False)
class Columns:
    """The columns that laws are looked for in, over the inputs of a row.

    Attributes:
        features: the inputs of a row.
        names: of the columns.
        nodes: each column, over the inputs; None where they are the inputs.
    """

    features: tuple[Feature, ...]
    names: tuple[str, ...]
    nodes: tuple[Node, ...] | None

    @classmethod
    def of(cls, inputs: Sequence[str], transforms: Mapping[str, str] | None) -> Columns:
        """Return the inputs, or what is made of them.

        Args:
            inputs: their names.
            transforms: the name of each column and its expression over the inputs, as "x0 - x2".

        Raises:
            BadExpression: an expression cannot be parsed.
            BadInput: it is no text.
        """
        features = tuple(Feature(name) for name in inputs)
        if transforms is None:
            return cls(features, tuple(inputs), None)
        stub = Formula({"y": ops.const(0.0)}, features)
        if not isinstance(transforms, Mapping) or not transforms:
            raise BadInput("transforms are no dict.", hint=_AS)
        for name, text in transforms.items():
            if not isinstance(text, str):
                raise BadInput(f"transforms[{name!r}] is no text but {text!r:.60}.", hint=_AS)
        nodes = tuple(parse(text, stub).closed() for text in transforms.values())
        return cls(features, tuple(map(str, transforms)), nodes)

    def values(self, rows: Array) -> Array:
        """Return the columns of rows, shape (rows, columns)."""
        if self.nodes is None:
            return rows
        outputs = dict(zip(self.names, self.nodes, strict=True))
        made = Formula(outputs, self.features).evaluate(rows)
        return np.column_stack([made[name] for name in self.names])

    def formula(self, found: Formula, outputs: Sequence[str]) -> Formula:
        """Return a formula of the columns as one of the inputs, with outputs of other names."""
        roots = [found.outputs[name] for name in found.answer]
        named: dict[Node, str] = {}
        if self.nodes is not None:
            new = {ops.input_(i): n for i, n in enumerate(self.nodes)}
            roots = substitute(roots, new)
            named = {n: w for n, w in zip(self.nodes, self.names, strict=True) if n.args}
        task = Task(primary=tuple(outputs))
        made = Formula(dict(zip(outputs, roots, strict=True)), self.features, task, named,
                       found.trail, source=found.source)  # fmt: skip
        return replace(made, names={n: w for n, w in named.items() if n in made.nodes})


_AS = 'As transforms={"r": "sqrt(x0**2 + x1**2)"}: the formula then reads the inputs themselves.'


def searched(
    ask: Ask | None, columns: Columns, rows: Array, values: Array, *,
    time_limit: float | None, seed: int, options: Mapping[str, Any], watch: Watch,
) -> Frontier:  # fmt: skip
    """Return the laws of what is said of rows.

    Args:
        ask: whom to ask about other rows; None: nobody.
        columns: what laws are looked for in.
        rows: shape (rows, inputs).
        values: what is said of them, shape (rows, outputs).
        time_limit, seed, options: of the search.
        watch: told what is found.
    """
    table = columns.values(rows)
    if ask is None or columns.nodes is not None:
        return distill(None, table, values, time_limit=time_limit, seed=seed, progress=watch,
                       **options)  # fmt: skip
    clock = Clock(time_limit)
    front = distill(ask, table, time_limit=LAWS * clock.left, seed=seed, progress=watch, **options)
    near = front.entries[chosen(front, values.shape[1])[0]].error < NEAR
    if (near and CUT not in front.notes) or INTERRUPTED in front.notes:
        return front
    return with_sums(front, ask, table, clock, seed, watch)


def chosen(front: Frontier, outputs: int) -> tuple[int, str]:
    """Return the number of the best formula and why: a law of each output may be a short one.

    A frontier calls a formula that leaves nothing the best up to 60 symbols: two linear laws of
    four inputs have 61, and are two of 30.
    """
    most = front.entries[0].judged.chosen_by
    for i, e in enumerate(front.entries):
        if e.length <= SHORT * outputs and e.judged.chosen_by <= NOTHING * most:
            return i, (
                "the shortest one that is the block, but for "
                f"{NOTHING:.0%} of the error of a constant: {e.error:.3g} on the rows kept aside."
            )
    return front.choice.index, front.reason


LAWS, NEAR = 0.7, 0.01
"""The share of the time for laws, and the error from which on sums of terms are looked for, too."""


def with_sums(
    front: Frontier, ask: Ask, table: Array, clock: Clock, seed: int, watch: Watch
) -> Frontier:
    """Return a frontier with the sums of terms, and linear laws, that are useful beside its own.

    No law may be near a block, and a law of one output is none of another: sums share their terms.
    """
    started = clock.spent
    with as_before():
        subject = Subject.of(ask, table, None, seed, None, min(clock.left, LONGEST))
        judge = Judge(subject, None)
        search = Search(subject, judge, clock, watch)
        search.run(["terms"])
        search.take("linear", linear_formulas(subject.teacher))
        for entry in front.entries:
            if entry.inputs:
                search.take(entry.method, iter([entry.formula]))
    notes = dict.fromkeys([*front.notes, *search.notes])
    return Frontier.of(
        search.entries, judge, tolerance=None, notes=tuple(notes),
        seconds=front.seconds + clock.spent - started, seed=seed,
    )  # fmt: skip
