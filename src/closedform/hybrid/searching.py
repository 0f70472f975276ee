"""Laws of a block's rows: what `cf.distill` looks for, named as the block's inputs are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import BadInput
from closedform.formula import Feature, Formula, Task
from closedform.frontiers import Frontier, frontier
from closedform.ir import Array, Node, substitute
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
    time_limit: float | None, seed: int, options: Mapping[str, Any],
) -> Frontier:  # fmt: skip
    """Return the laws of what is said of rows.

    Args:
        ask: whom to ask about other rows; None: nobody.
        columns: what laws are looked for in.
        rows: shape (rows, inputs).
        values: what is said of them, shape (rows, outputs).
        time_limit, seed, options: of the search.
    """
    table = columns.values(rows)
    if ask is None or columns.nodes is not None:
        ask = Remembered(table, values)
    return frontier(ask, table, time_limit=time_limit, seed=seed,
                    methods=["terms"], **options)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Remembered:
    """What was said of some rows, and of any other what was said of the nearest."""

    rows: Array
    values: Array

    def __call__(self, rows: Array) -> Array:
        """Return what was said, shape (rows, outputs)."""
        scale = self.rows.std(axis=0)
        scale[scale == 0] = 1.0
        known, asked = self.rows / scale, rows / scale
        found = np.empty(len(rows), dtype=int)
        for lo in range(0, len(rows), 256):
            part = asked[lo : lo + 256]
            away = (known**2).sum(axis=1) - 2 * part @ known.T
            found[lo : lo + 256] = away.argmin(axis=1)
        return self.values[found]
