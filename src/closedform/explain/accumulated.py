"""Accumulated local effects: how the answer moves where an input moves a little, row by row.

Apley and Zhu, Visualizing the effects of predictor variables in black box supervised learning
models (2020). No row is asked about far from where it is, so that inputs which go together do no
harm, as they do to partial dependence.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from closedform.explain.axes import Axis, axis_of
from closedform.explain.sides import Side, Sides
from closedform.ir import Array, Type

QUANTILES = 20
"""So many values of another input tell how alike the rows of two labels are."""


def accumulated(sides: Sides, side: Side, axis: Axis, picked: Array) -> Array:
    """Return the accumulated local effect at each value, shape (values,), of mean 0 over the rows.

    Args:
        sides: the rows.
        side: who is asked.
        axis: the input. Labels are taken in their order: see `alike_beside`.
        picked: the rows that are asked about.
    """
    if len(axis) < 2:
        return np.zeros(len(axis))
    picked = picked[axis.place[picked] >= 0]
    place = axis.place[picked]
    if axis.numeric:
        steps = _steps(sides, side, axis, picked, np.maximum(place, 1))
        weights = np.bincount(np.maximum(place, 1), minlength=len(axis))[1:]
        found = np.concatenate([[0.0], np.cumsum(steps)])
        return np.asarray(found - np.average((found[1:] + found[:-1]) / 2, weights=weights))
    # A row of one label moves to the one before it, and to the one after it.
    last = len(axis) - 1
    both = np.concatenate([picked[place > 0], picked[place < last]])
    upper = np.concatenate([place[place > 0], place[place < last] + 1])
    found = np.concatenate([[0.0], np.cumsum(_steps(sides, side, axis, both, upper))])
    return np.asarray(found - np.average(found, weights=np.bincount(place, minlength=len(axis))))


def _steps(sides: Sides, side: Side, axis: Axis, picked: Array, upper: Array) -> Array:
    """Return the mean of f(value k) − f(value k − 1) over the rows of each k, (values − 1,)."""
    at = np.repeat(picked[:, None], len(sides.features), axis=1)
    below = at.copy()
    at[:, axis.input], below[:, axis.input] = axis.rows[upper], axis.rows[upper - 1]
    moved = sides.recombined(side, np.concatenate([at, below])).reshape(2, -1)
    return _means(moved[0] - moved[1], upper, len(axis))[1:]


def _means(moved: Array, group: Array, count: int) -> Array:
    """Return the mean of each group; 0 where there is none."""
    fine = np.isfinite(moved)
    total = np.bincount(group[fine], moved[fine], minlength=count)
    return np.asarray(total / np.maximum(np.bincount(group[fine], minlength=count), 1))


def accumulated_pair(
    sides: Sides, side: Side, axes: tuple[Axis, Axis], picked: Array
) -> Array:  # fmt: skip
    """Return what two numbers do together beyond what each does alone, shape (values, values).

    It is the accumulated local effect of the second order: of mean 0 along either input.
    """
    a, b = axes
    picked = picked[(a.place[picked] >= 0) & (b.place[picked] >= 0)]
    upper = np.maximum(np.stack([a.place[picked], b.place[picked]]), 1)
    corners = []
    for da, db in ((0, 0), (1, 0), (0, 1), (1, 1)):
        cells = np.repeat(picked[:, None], len(sides.features), axis=1)
        cells[:, a.input], cells[:, b.input] = a.rows[upper[0] - da], b.rows[upper[1] - db]
        corners.append(cells)
    said = sides.recombined(side, np.concatenate(corners)).reshape(4, -1)
    shape = (len(a), len(b))
    cell = upper[0] * shape[1] + upper[1]
    steps = _means(said[0] - said[1] - said[2] + said[3], cell, shape[0] * shape[1])
    counts = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)[1:, 1:]
    steps = _filled(steps.reshape(shape)[1:, 1:], counts)
    found = np.zeros(shape)
    found[1:, 1:] = steps.cumsum(axis=0).cumsum(axis=1)
    return _alone_taken_off(found, counts)


def _filled(steps: Array, counts: Array) -> Array:
    """Return steps with those of the nearest cell, in steps, where there was no row."""
    known = np.argwhere(counts > 0)
    if not len(known):
        return np.zeros_like(steps)
    every = np.argwhere(counts >= 0)
    away = ((every[:, None, :] - known[None, :, :]) ** 2).sum(axis=2)
    nearest = known[away.argmin(axis=1)]
    return np.asarray(steps[nearest[:, 0], nearest[:, 1]].reshape(steps.shape))


def _alone_taken_off(found: Array, counts: Array) -> Array:
    """Return a surface without what it accumulates along either input alone, of mean 0."""
    along_a = np.diff(found, axis=0)  # at each edge of b; half the rows of a cell count for each
    along_b = np.diff(found, axis=1)
    steps_a = _weighted((along_a[:, 1:] + along_a[:, :-1]) / 2, counts, 1)
    steps_b = _weighted((along_b[1:] + along_b[:-1]) / 2, counts, 0)
    made = found - np.concatenate([[0.0], np.cumsum(steps_a)])[:, None]
    made = made - np.concatenate([[0.0], np.cumsum(steps_b)])[None, :]
    middle = (made[1:, 1:] + made[:-1, 1:] + made[1:, :-1] + made[:-1, :-1]) / 4
    return np.asarray(made - np.average(middle, weights=counts))


def _weighted(values: Array, counts: Array, axis: int) -> Array:
    total = counts.sum(axis=axis)
    return np.asarray((values * counts).sum(axis=axis) / np.maximum(total, 1))


def alike_beside(sides: Sides, axis: Axis) -> Array:
    """Return an order of labels in which those whose rows are alike stand side by side.

    As Apley and Zhu: labels are as far apart as the distributions of all other inputs are, and go
    along the first principal coordinate of these distances.
    """
    if axis.numeric or len(axis) < 3:
        return np.arange(len(axis))
    far = np.zeros((len(axis), len(axis)))
    groups = [np.flatnonzero(axis.place == k) for k in range(len(axis))]
    for i, feature in enumerate(sides.features):
        if i != axis.input:
            curves = _curves(sides, i, groups, labels=feature.type is Type.LABEL)
            far += np.abs(curves[:, None, :] - curves[None, :, :]).max(axis=2, initial=0.0)
    square = far**2
    centred = square.mean() + square - square.mean(axis=0) - square.mean(axis=1)[:, None]
    _, vectors = np.linalg.eigh(-centred / 2)
    first = vectors[:, -1]
    # Of the two directions, the one that begins at the commonest label's end.
    return np.argsort(first if first[0] <= 0 else -first, kind="stable")


def _curves(sides: Sides, i: int, groups: Sequence[Array], *, labels: bool) -> Array:
    """Return the distribution of an input in each group of rows, shape (groups, values)."""
    column = sides.columns[i]
    axis = axis_of(sides, i, QUANTILES)
    if labels:
        places = np.arange(len(axis))
        return np.array([(axis.place[g][:, None] == places).mean(axis=0) for g in groups])
    values = np.asarray(axis.values, dtype=float)
    return np.array([(column[g][:, None] <= values).mean(axis=0) for g in groups])
