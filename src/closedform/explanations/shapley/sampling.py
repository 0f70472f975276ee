"""Shapley values by sampling: orders of the inputs, each beside its reverse, with their error.

Castro, Gómez and Tejada, Polynomial calculation of the Shapley value based on sampling (2009);
pairs of an order and its reverse as in Mitchell et al., Sampling permutations for Shapley value
estimation (2022). Each draw has a background row of its own, all of them in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from closedform.ir import Array

Asked = Callable[[Array], Array]
"""From which row each cell comes, shape (new rows, inputs) → answers, shape (new rows,)."""
AT_ONCE = 1 << 16
"""Rows that are asked about together, unless one row alone takes more."""


def sampled(
    ask: Asked, rows: Array, background: Array, players: Sequence[int], inputs: int, draws: int,
    seed: int,
) -> tuple[Array, Array]:  # fmt: skip
    """Return estimates of Shapley values and their standard errors, each of shape (rows, inputs).

    Args:
        ask: what is explained.
        rows: numbers of the rows that are explained.
        background: numbers of the rows from which the values of absent inputs are taken.
        players: the inputs that matter; all others get 0.
        inputs: how many there are.
        draws: for each row; a multiple of the background uses all of it equally, so that what the
            values add up to is exact.
        seed: of the orders.
    """
    random = np.random.default_rng([seed, 29])
    values, errors = np.zeros((2, len(rows), inputs))
    at = np.array(players, dtype=np.int64)
    for i, row in enumerate(rows.tolist()):
        drawn = _draws(ask, row, _in_turn(background, draws, random), at, inputs, random)
        values[i, at] = drawn.mean(axis=0)
        errors[i, at] = drawn.std(axis=0, ddof=1) / np.sqrt(len(drawn))
    return values, errors


def _in_turn(background: Array, draws: int, random: np.random.Generator) -> Array:
    """Return a background row for each draw, each of them as often as any other, or once more."""
    full = np.tile(background, draws // len(background))
    rest = random.choice(background, draws % len(background), replace=False)
    return np.concatenate([full, rest])


def _draws(
    ask: Asked, row: int, others: Array, players: Array, inputs: int, random: np.random.Generator
) -> Array:
    """Return what each input changes in each draw, shape (draws, players)."""
    orders = random.permuted(np.tile(np.arange(len(players)), (len(others), 1)), axis=1)
    made = [
        _changes(ask, row, others[lo:hi], orders[lo:hi], players, inputs)
        for lo, hi in _slices(len(others), max(1, AT_ONCE // (2 * len(players) + 2)))
    ]
    return np.concatenate(made)


def _slices(count: int, step: int) -> list[tuple[int, int]]:
    return [(lo, min(lo + step, count)) for lo in range(0, count, step)]


def _changes(
    ask: Asked, row: int, others: Array, orders: Array, players: Array, inputs: int
) -> Array:
    draws, size = orders.shape
    both = np.stack([orders, orders[:, ::-1]])
    places = np.argsort(both, axis=2)  # when each input becomes the row's own
    own = places[:, :, None, :] < np.arange(size + 1)[None, None, :, None]
    cells = np.broadcast_to(others[None, :, None, None], (2, draws, size + 1, inputs)).copy()
    cells[..., players] = np.where(own, row, cells[..., players])
    said = ask(cells.reshape(-1, inputs)).reshape(2, draws, size + 1)
    steps = np.take_along_axis(np.diff(said, axis=2), places, axis=2)
    return np.asarray(steps.mean(axis=0))
