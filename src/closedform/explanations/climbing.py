"""The way to an extreme answer within the data's range: values that were seen, then slopes."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from closedform.ir import Array

LEVELS = 24
"""Values of an input that are tried: all of few, of many those at even ranks."""
SWEEPS = 6
"""So often each input is tried anew, while that helps."""
STEPS = 200
"""Steps along the slopes."""

Asked = Callable[[Array], Array]


def tried_values(column: Array) -> Array:
    """Return numbers of rows that hold the values to try, the least and the greatest among them.

    Args:
        column: numbers, NaN where missing, or codes of labels.
    """
    known = column == column
    _, first = np.unique(column[known], return_index=True)
    rows = np.flatnonzero(known)[first]
    if len(rows) > LEVELS:
        rows = rows[np.unique(np.linspace(0, len(rows) - 1, LEVELS).round().astype(int))]
    return np.asarray(rows)


def by_values(
    ask: Asked, cells: Array, tried: Sequence[Array], random: np.random.Generator, most: float
) -> Array:
    """Return rows put together from cells so that the answer is great: one input at a time.

    Args:
        ask: from which row each cell comes, shape (rows, inputs) → what is to be great.
        cells: from where to start.
        tried: for each input, the rows whose values are tried; none for one that stays.
        random: the order of the inputs.
        most: about how many rows may be asked about.
    """
    cells, best = cells.copy(), _sure(ask(cells))
    asked = 0.0
    for _ in range(SWEEPS):
        before = best.copy()
        for i in random.permutation(len(tried)):
            if not len(tried[i]) or asked > most:
                continue
            around = np.repeat(cells[:, None, :], len(tried[i]), axis=1)
            around[:, :, i] = tried[i]
            said = _sure(ask(around.reshape(-1, cells.shape[1]))).reshape(len(cells), -1)
            asked += said.size
            pick = said.argmax(axis=1)
            better = said.max(axis=1) > best
            best = np.where(better, said.max(axis=1), best)
            cells[better, i] = tried[i][pick[better]]
        if (best <= before).all() or asked > most:
            break
    return cells


def by_slopes(answers: Asked, slopes: Asked, table: Array, lo: Array, hi: Array) -> Array:
    """Return points to which the slopes lead within a box, each from one to start from.

    Projected gradient ascent with steps after Barzilai and Borwein (Birgin, Martínez and Raydan
    2000), each point with a step of its own, in units of the box, so that no input counts more for
    its unit; only steps upwards are taken.

    Args:
        answers: numbers, shape (points, inputs) → what is to be great, shape (points,).
        slopes: the same → its slopes, shape (points, inputs).
        table: from where to start; NaN stays.
        lo, hi: the box, shape (inputs,); an input with lo = hi stays.
    """
    width = np.where(hi > lo, hi - lo, 0.0)
    table, best = table.copy(), _sure(answers(table))
    uphill = np.nan_to_num(slopes(table)) * width
    step = 0.1 / np.maximum(np.abs(uphill).max(axis=1, initial=0.0), 1e-300)
    for _ in range(STEPS):
        way = np.clip(uphill * step[:, None], -1.0, 1.0) * width
        moved = np.where(way == 0, table, np.clip(table + way, lo, hi))
        if not (np.abs(np.nan_to_num(moved - table)) > 1e-12 * width).any():
            break
        said = _sure(answers(moved))
        better = said > best
        steeper = np.nan_to_num(slopes(moved)) * width if better.any() else uphill
        gone = np.nan_to_num(moved - table) / np.where(width > 0, width, 1.0)
        bent = np.abs((gone * (steeper - uphill)).sum(axis=1))
        longer = np.where(bent > 0, (gone**2).sum(axis=1) / np.where(bent > 0, bent, 1), 4 * step)
        step = np.where(better, longer, 0.25 * step)
        table[better], best[better] = moved[better], said[better]
        uphill = np.where(better[:, None], steeper, uphill)
    return table


def _sure(said: Array) -> Array:
    return np.where(np.isfinite(said), said, -np.inf)
