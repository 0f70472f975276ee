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
"""Rows that each purpose needs: a fifth of the fewest that a frontier takes."""


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
    purpose = np.searchsorted(ends, np.arange(rows), side="right")
    first = _first_alike(columns, rows, order) if columns else np.arange(rows)
    together = purpose[first]
    notes = []
    if np.bincount(together, minlength=len(SHARES)).min() >= FEWEST:
        purpose = together
    else:
        notes.append(
            f"only {len(np.unique(first)):,} of the rows differ in what the model reads: rows that "
            "errors are measured on were fitted to as well"
        )
    picked = {
        name: np.sort(order[purpose == k][: min(MOST[name], most)]) for k, name in enumerate(SHARES)
    }
    return picked, notes


def _first_alike(columns: Sequence[Array], rows: int, order: Array) -> Array:
    """Return for each place in an order the first place of a row that is the same."""
    key = np.zeros(rows, dtype=np.uint64)
    for column in columns:
        # A hash of 64 bits: to sort 100,000 rows of 300 columns takes many seconds.
        bits = np.ascontiguousarray(column + 0.0, dtype=np.float64).view(np.uint64)
        key = (key ^ bits) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(29)
    _, first, alike = np.unique(key[order], return_index=True, return_inverse=True)
    return np.asarray(first[alike])
