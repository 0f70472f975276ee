"""The slopes of a formula in its numbers, by its own derivative."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from closedform.evaluate import Plan, columns_for, fill
from closedform.formula import Feature, reads
from closedform.ir import Array, Node, Type, fold
from closedform.passes.differentiate import gradient


@dataclass(frozen=True, eq=False)
class OfNode:
    """A node of a formula, over tables of numbers.

    Attributes:
        node: what is differentiated.
        features: the inputs of the formula.
        at: which column of a table each of them is.
        labels: the codes of each category that is an input, one for each row of a table.
        how: where the slopes are from, in words.
    """

    node: Node
    features: Sequence[Feature]
    at: Sequence[int]
    labels: Mapping[int, Array]
    how: str

    @cached_property
    def moving(self) -> list[int]:
        """The inputs of the formula that are numbers and are read."""
        read = fold([self.node], reads)[0]
        return [i for i in sorted(read) if self.features[i].type is Type.REAL]

    @cached_property
    def _plans(self) -> tuple[Plan, Plan]:
        return Plan([self.node]), Plan(gradient(self.node, self.moving))

    def _run(self, plan: Plan, table: Array) -> list[Array]:
        columns = [
            self.labels[i] if i in self.labels else np.ascontiguousarray(table[:, at])
            for i, at in enumerate(self.at)
        ]
        out = columns_for(plan, len(table))
        fill(plan, columns, None, range(len(table)), out)
        return out

    def answers(self, table: Array) -> Array:
        """Return the answers, shape (rows,), to numbers of shape (rows, inputs)."""
        return self._run(self._plans[0], table)[0]

    def slopes(self, table: Array) -> Array:
        """Return the slopes, shape (rows, inputs); 0 in a number that is not read.

        Where there is no number, there is no slope: NaN.
        """
        made = np.zeros(table.shape)
        if self.moving:
            found = self._run(self._plans[1], table)
            made[:, [self.at[i] for i in self.moving]] = np.column_stack(found)
        shown = [self.at[i] for i in (*self.moving, *self.labels)]
        made[:, shown] = np.where(np.isnan(table[:, shown]), np.nan, made[:, shown])
        return made

    def integrated(self, begin: Array, end: Array, steps: int) -> Array:
        """Return the slopes integrated from one table to another, shape (rows, inputs)."""
        way, total = np.nan_to_num(end - begin), np.zeros(end.shape)
        places, weights = np.polynomial.legendre.leggauss(steps)
        for place, weight in zip((places + 1) / 2, weights / 2, strict=True):
            total += weight * np.where(way == 0, 0.0, self.slopes(begin + place * way))
        return np.asarray(total * way)

    def smoothed(self, table: Array, noise: Array, draws: int, seed: int) -> tuple[Array, Array]:
        """Return mean slopes under noise of these deviations, and their standard errors."""
        random = np.random.default_rng([seed, 37])
        drawn = np.zeros((draws, *table.shape))
        for k in range(draws):
            drawn[k] = self.slopes(table + noise * random.normal(size=table.shape))
        return drawn.mean(axis=0), drawn.std(axis=0, ddof=1) / np.sqrt(draws)
