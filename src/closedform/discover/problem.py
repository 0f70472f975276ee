"""A function of some numbers that is looked for, and what may be asked about it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from closedform.evaluate import compute
from closedform.ir import Array, Node

Ask = Callable[[Array], Array]
"""Rows, shape (rows, inputs) → what the function says there, shape (rows,); NaN for nothing."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A function that is looked for.

    Attributes:
        rows: where it is known, shape (rows, inputs).
        values: what it is there, shape (rows,).
        ask: the function itself, for rows anywhere within `box`; None where it cannot be asked:
            then the rows given are all there is.
        noise: the error of what it says, root mean square, as a share of the deviation of
            `values`: nothing below it is a part of the law. 0: exact but for rounding.
        told: whether somebody who knows the noise has said so; otherwise it is an estimate.
    """

    rows: Array
    values: Array
    ask: Ask | None = field(default=None, repr=False)
    noise: float = 0.0
    told: bool = False

    @property
    def inputs(self) -> int:
        """How many inputs there are."""
        return int(self.rows.shape[1])

    @cached_property
    def box(self) -> Array:
        """The least and greatest value of each input, shape (inputs, 2)."""
        return np.column_stack([self.rows.min(axis=0), self.rows.max(axis=0)])

    @cached_property
    def complete(self) -> Array:
        """Which rows have a number in every input and as their value, shape (rows,)."""
        return np.isfinite(self.values) & np.isfinite(self.rows).all(axis=1)

    @cached_property
    def scale(self) -> float:
        """The deviation of the values; that of a constant is its size, of 0 it is 1."""
        values = self.values[np.isfinite(self.values)]
        most = float(np.abs(values).max(initial=0.0)) or 1.0
        # In units of the greatest: the squares of 1e300 are no numbers.
        return most * float((values / most).std() if len(values) else 0.0) or most

    def error(self, law: Node) -> float:
        """Return how far an expression is from the function, as a share of its deviation.

        Root mean square over the rows where the function is a number; infinite where the
        expression is none.

        Args:
            law: over the inputs 0, 1, …
        """
        with np.errstate(all="ignore"):
            known = np.isfinite(self.values)
            away = (self.said(law, self.rows) - self.values)[known]
            error = float(np.sqrt(np.mean((away / self.scale) ** 2))) if len(away) else 0.0
        return error if np.isfinite(error) else float("inf")

    @staticmethod
    def said(law: Node, rows: Array) -> Array:
        """Return what an expression says of rows, shape (rows,)."""
        with np.errstate(all="ignore"):
            return np.asarray(compute([law], list(rows.T), len(rows))[0], dtype=float)

    def part(self, which: Sequence[int], at: Array) -> Problem:
        """Return the function of some inputs, the others held; it can be asked.

        Args:
            which: the inputs that are left, in the order of the new ones.
            at: a row, shape (inputs,): the values of the others.
        """
        ask, which = self.ask, list(which)
        assert ask is not None

        def asked(rows: Array) -> Array:
            full = np.repeat(at[None, :], len(rows), axis=0)
            full[:, which] = rows
            return ask(full)

        rows = self.rows[:, which]
        return Problem(rows, asked(rows), asked, self.noise)


@dataclass(frozen=True)
class Law:
    """An expression that may be the one looked for.

    Attributes:
        node: over the inputs 0, 1, …
        error: how far it is from the function; see `Problem.error`.
        made: how it was found, in a few words: "powers", "sum of two parts", …
    """

    node: Node
    error: float
    made: str
