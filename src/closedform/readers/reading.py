"""What every reader shares: columns on their way through a model, and all problems found."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import UnsupportedModel
from closedform.formula import Feature, Formula, Stage, Step, Task, may_be_missing
from closedform.ir import Node, Type, fold
from closedform.payloads import Label

NO_FORMULA = "Distill this step alone, or replace it by one that has a formula."


@dataclass(frozen=True)
class Columns:
    """Named columns, as nodes over the raw inputs; names need not be unique."""

    names: tuple[str, ...]
    nodes: tuple[Node, ...]

    def __len__(self) -> int:
        """Return how many columns there are."""
        return len(self.nodes)

    def __iter__(self) -> Iterator[tuple[str, Node]]:
        """Iterate over (name, node) pairs."""
        return iter(zip(self.names, self.nodes, strict=True))

    def pick(self, positions: Sequence[int]) -> Columns:
        """Return some of the columns, in the order given."""
        return Columns(
            tuple(self.names[i] for i in positions), tuple(self.nodes[i] for i in positions)
        )

    def mapped(self, nodes: Sequence[Node], names: Sequence[str] | None = None) -> Columns:
        """Return other nodes, under the same names unless others are given."""
        kept = self.names if names is None else tuple(str(n) for n in names)
        return Columns(kept, tuple(nodes))


class Retype(Exception):  # noqa: N818 - not an error: the read starts again, knowing more
    """An input turned out to hold labels, not numbers."""


@dataclass
class Reading:
    """One read of one model: its inputs, and the problems met so far.

    Readers go on after a problem, with placeholder columns, so that all are reported at once.
    """

    names: tuple[str, ...]
    labels: set[int] = field(default_factory=set)
    problems: list[tuple[str, str]] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    node_names: dict[Node, str] = field(default_factory=dict)
    categories: dict[int, tuple[Label, ...]] = field(default_factory=dict)
    no_missing: set[int] = field(default_factory=set)
    no_unseen: set[int] = field(default_factory=set)

    def columns(self) -> Columns:
        """Return the raw inputs."""
        types = [Type.LABEL if i in self.labels else Type.REAL for i in range(len(self.names))]
        nodes = tuple(ops.input_(i, t) for i, t in enumerate(types))
        return Columns(self.names, nodes)

    def problem(self, what: str, hint: str = NO_FORMULA) -> None:
        """Note something that has no formula, and what the user can do about it."""
        self.problems.append((what, hint))

    def placeholder(self, names: Sequence[str]) -> Columns:
        """Return columns that stand for an unreadable step while the rest is looked at."""
        return Columns(tuple(names), tuple(ops.const(np.nan) for _ in names))

    def as_labels(self, x: Node) -> Node:
        """Return x as a column of labels; where it is a raw input, the read starts again.

        Raises:
            Retype: x is a raw input that was taken for a number until now.
        """
        if x.type is Type.LABEL:
            return x
        inputs = [i for i in self._under(x) if i not in self.labels]
        if not inputs:
            return x
        self.labels.update(inputs)
        raise Retype

    def refuse_missing(self, columns: Columns) -> None:
        """Note that the model raises when one of these columns is missing."""
        self.no_missing.update(*fold(columns.nodes, may_be_missing))

    def knows(self, x: Node, categories: Sequence[Any], *, unseen: bool) -> None:
        """Note the categories of the raw input under x, and whether others are taken."""
        for i in self._under(x):
            self.categories.setdefault(i, tuple(plain_label(c) for c in categories))
            if not unseen:
                self.no_unseen.add(i)

    def stage(self, name: str, kind: str, before: Columns, after: Columns) -> None:
        """Remember what one step of the model did."""
        self.stages.append(Stage(name, kind, tuple(before), tuple(after)))

    def name(self, prefix: str, nodes: Sequence[Node]) -> None:
        """Name nodes prefix1, prefix2 … for printing."""
        for i, n in enumerate(nodes, 1):
            self.node_names.setdefault(n, f"{prefix}{i}")

    def _under(self, x: Node) -> list[int]:
        """The raw input that x is, or is imputed from; no other node counts as a category."""
        while x.op is ops.WHERE and x.args[0].op is ops.ABSENT:
            x = x.args[2]
        return [x.data] if x.op is ops.INPUT else []

    def features(self) -> tuple[Feature, ...]:
        """Return the inputs as the formula declares them."""
        return tuple(
            Feature(
                name=name,
                type=Type.LABEL if i in self.labels else Type.REAL,
                categories=self.categories.get(i),
                missing=i not in self.no_missing,
                unseen=i not in self.no_unseen,
            )
            for i, name in enumerate(self.names)
        )

    def formula(self, outputs: dict[str, Node], task: Task, source: str, reader: str) -> Formula:
        """Return the formula, or raise with every problem found.

        Raises:
            UnsupportedModel: some part of the model has no formula.
        """
        if self.problems:
            raise UnsupportedModel.all_of(source, self.problems)
        return Formula(
            outputs=outputs,
            inputs=self.features(),
            task=task,
            names=self.node_names,
            trail=(Step(f"read by {reader}", "read"),),
            stages=tuple(self.stages),
            source=source,
        )


def plain_label(value: Any) -> Label:
    """Return a category or class as a plain Python value: text, number or truth."""
    return value.item() if isinstance(value, np.generic) else value


def is_missing(value: Any) -> bool:
    """Tell whether a category stands for a missing value (None, NaN, pandas' NA)."""
    return value is None or type(value).__name__ == "NAType" or bool(value != value)
