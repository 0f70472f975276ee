"""Which rows are fitted on, which are chosen by, and which nothing but the final errors see."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from closedform.ir import Array

SHARES = {"fit": 0.6, "select": 0.2, "check": 0.2}
"""What the rows are split into."""
MOST = {"fit": 50_000, "select": 20_000, "check": 50_000}
"""So many rows are used for each purpose, at most."""
FEWEST = 6
"""Different rows that each purpose needs: a fifth of the fewest that a frontier takes."""


def split(
    columns: Sequence[Array], rows: int, seed: int, most: int
) -> tuple[dict[str, Array], list[str]]:
    """Return the positions of the rows for each purpose, and what the user should know of them.

    Rows that are the same stay together: one that is fitted to and measured on as well would be
    no row that no step saw.

    Args:
        columns: what the model reads of the rows, as `columns_of` gives it.
        rows: how many there are.
        seed: of the order that they are split in.
        most: so many are used for a purpose, at most.
    """
    order = np.random.default_rng([seed, 11]).permutation(rows)
    ends = np.cumsum([int(share * rows) for share in list(SHARES.values())[:-1]])
    alike, counts = _groups(columns, rows, order)
    of_group = np.searchsorted(ends, np.cumsum(counts) - counts, side="right")
    notes = []
    if np.bincount(of_group, minlength=len(SHARES)).min() >= FEWEST:
        purpose = of_group[alike]
    else:
        purpose = np.searchsorted(ends, np.arange(rows), side="right")
        notes.append(
            f"only {len(counts):,} rows differ in what the model reads: those that errors are "
            "measured on were fitted to as well"
        )
    picked = {
        name: np.sort(order[purpose == k][: min(MOST[name], most)]) for k, name in enumerate(SHARES)
    }
    return picked, notes


def _groups(columns: Sequence[Array], rows: int, order: Array) -> tuple[Array, Array]:
    """Return the group of equal rows at each place of an order, and how many each one has.

    The groups are numbered as they come in that order.
    """
    if not columns:
        return np.arange(rows), np.ones(rows, dtype=np.int64)
    key = np.zeros(rows, dtype=np.uint64)
    for column in columns:
        # A hash of 64 bits: to sort 100,000 rows of 300 columns takes many seconds.
        bits = np.ascontiguousarray(column + 0.0, dtype=np.float64).view(np.uint64)
        key = (key ^ bits) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(29)
    _, first, alike, counts = np.unique(
        key[order], return_index=True, return_inverse=True, return_counts=True
    )
    by_first = np.argsort(first)
    number = np.empty_like(by_first)
    number[by_first] = np.arange(len(by_first))
    return np.asarray(number[alike]), np.asarray(counts[by_first])
