"""The values of familiar functions on some rows: what laws of one input are sums of."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from closedform import ops
from closedform.discover.one_input.features import FAMILIES, FINE, PLAIN
from closedform.evaluate import Plan, Run
from closedform.ir import Array, Node

HUGE, FLAT = 1e100, 1e-4
"""What is greater, or moves by less than this share, is left out."""


@dataclass(frozen=True, eq=False)
class Functions:
    """Functions of one input and their values.

    Attributes:
        table: their values, shape (functions, rows).
        kinds: the place of each among the plain ones, and then of its family.
        inside: the constant inside of each; NaN where there is none.
        coarse: which of them are enough for sums of two: shape (functions,).
    """

    table: Array
    kinds: Array
    inside: Array
    coarse: Array

    def node(self, i: int) -> Node:
        """Return a function."""
        kind = int(self.kinds[i])
        if kind < len(PLAIN):
            return plain_nodes()[kind]
        return FAMILIES[kind - len(PLAIN)].build(ops.input_(0), float(self.inside[i]))

    def some(self, which: Array) -> Functions:
        """Return some of them; `which` is a mask or places."""
        return Functions(
            self.table[which], self.kinds[which], self.inside[which], self.coarse[which]
        )

    @property
    def plain(self) -> Functions:
        """Those without a constant inside."""
        return self.some(self.kinds < len(PLAIN))


@cache
def plain_nodes() -> list[Node]:
    """Return the functions without a constant inside."""
    with np.errstate(all="ignore"):
        return [build(ops.input_(0)) for build in PLAIN]


@cache
def _plans() -> list[Plan]:
    """Return how all plain functions are computed, and then each family."""
    x, k = ops.input_(0), ops.input_(1)
    return [Plan(plain_nodes()), *(Plan([f.build(x, k)]) for f in FAMILIES)]


def functions_of(x: Array) -> Functions:
    """Return the functions that are defined at all values of a number, shape (rows,)."""
    first, *others = _plans()
    with np.errstate(all="ignore"):
        parts = [np.array(first(Run([x], None, len(x))))]
        kinds, inside, coarse = [np.arange(len(PLAIN))], [np.full(len(PLAIN), np.nan)], []
        coarse.append(np.ones(len(PLAIN), dtype=bool))
        for i, (plan, family) in enumerate(zip(others, FAMILIES, strict=True), len(PLAIN)):
            k = family.grid(x)
            if not len(k):
                continue
            both = [np.tile(x, len(k)), np.repeat(k, len(x))]
            parts.append(np.asarray(plan(Run(both, None, len(both[0])))[0]).reshape(len(k), -1))
            kinds.append(np.full(len(k), i))
            inside.append(k)
            coarse.append(np.arange(len(k)) % FINE == FINE // 2)
        table = np.vstack(parts)
        fine = np.isfinite(table).all(axis=1) & (np.abs(table).max(axis=1) < HUGE)
        fine &= np.ptp(table, axis=1) > FLAT * np.abs(table).max(axis=1)
    made = Functions(table, np.concatenate(kinds), np.concatenate(inside), np.concatenate(coarse))
    return made.some(fine)
