"""Fewer directions that a block's outputs move in, turned so that each is simple to express."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from closedform.errors import BadInput
from closedform.ir import Array

ENOUGH = 0.99
"""Of the variance, so much is kept by reduce="pca"."""
OWN = 0.2
"""An input is a direction's own that moves it by so much of what moves it most."""
WORST = 30.0
"""Of a worse condition number than this, directions stay as they are: they are nearly one."""
TURNS, STILL = 100, 1e-9
"""Sweeps over all pairs of directions, and the gain below which they stop."""


@dataclass(frozen=True, eq=False)
class Directions:
    """Outputs as a centre and some directions.

    Attributes:
        centre: shape (outputs,).
        ahead: outputs − centre → directions, shape (directions, outputs).
        back: directions → outputs − centre, shape (outputs, directions).
        kept: the share of the outputs' variance that they keep, on the rows that they were made of.
    """

    centre: Array
    ahead: Array
    back: Array
    kept: float

    @property
    def count(self) -> int:
        """How many directions there are."""
        return len(self.ahead)

    def along(self, outputs: Array) -> Array:
        """Return outputs, shape (rows, outputs), along the directions, shape (rows, directions)."""
        return np.asarray((outputs - self.centre) @ self.ahead.T)

    def outputs(self, along: Array) -> Array:
        """Return the outputs of what lies along the directions."""
        return np.asarray(self.centre + along @ self.back.T)


def directions(outputs: Array, reduce: int | str) -> Directions:
    """Return the principal components of outputs, each with deviation 1.

    Args:
        outputs: shape (rows, outputs).
        reduce: how many, or "pca": as many as keep 99 % of the variance.

    Raises:
        BadInput: no such number of directions.
    """
    centre = outputs.mean(axis=0)
    _, sizes, vectors = np.linalg.svd(outputs - centre, full_matrices=False)
    shares = sizes**2 / max(float((sizes**2).sum()), 1e-300)
    fine = int((sizes > 1e-10 * sizes.max(initial=1e-300)).sum())
    if fine == 0:
        raise BadInput("The block returns the same for every row.", hint="Leave out reduce=.")
    count = _count(reduce, shares, fine)
    deviation = sizes[:count] / np.sqrt(len(outputs))
    return Directions(
        centre, vectors[:count] / deviation[:, None], vectors[:count].T * deviation,
        float(shares[:count].sum()),
    )  # fmt: skip


def _count(reduce: int | str, shares: Array, fine: int) -> int:
    if reduce == "pca":
        return min(fine, int(np.searchsorted(np.cumsum(shares), ENOUGH)) + 1)
    if isinstance(reduce, bool) or not isinstance(reduce, int) or reduce < 1:
        raise BadInput(
            f"reduce={reduce!r} has no meaning.", hint='Give a number of directions, or "pca".'
        )
    return min(reduce, fine)


def turned(found: Directions, slopes: Array, inputs: int) -> Directions:
    """Return the same space by directions that each depend on as few inputs as possible.

    The varimax rotation (Kaiser 1958) of how the directions move with the inputs: with deviation 1
    each, directions that have nothing to do with each other are orthogonal, as in independent
    component analysis, and what a law reads is what its slopes are not zero for.

    Args:
        found: the directions, each with deviation 1.
        slopes: how they move with each input at some rows, shape (rows × inputs, directions).
        inputs: how many inputs there are.
    """
    rotation = varimax(slopes)
    rotation = rotation @ _parted((slopes @ rotation).reshape(-1, inputs, found.count))
    ahead, back = rotation.T @ found.ahead, found.back @ np.linalg.inv(rotation).T
    sign = np.where(back[np.abs(back).argmax(axis=0), np.arange(found.count)] < 0, -1.0, 1.0)
    return Directions(found.centre, ahead * sign[:, None], back * sign, found.kept)


def _parted(slopes: Array) -> Array:
    """Return the mixture, shape (n, n), whose columns move least with inputs not their own.

    Args:
        slopes: shape (rows, inputs, n).
    """
    count = slopes.shape[2]
    mixture = np.eye(count)
    moves = np.sqrt((slopes**2).mean(axis=0))  # (inputs, n)
    for k in range(count):
        other = moves[:, k] < OWN * moves[:, k].max(initial=0.0)
        away = slopes[:, other, :].reshape(-1, count)
        if not other.any() or not np.abs(away).max(initial=0.0):
            continue
        # Relative to all slopes: a direction that moves with nothing would be no solution.
        every = slopes.reshape(-1, count)
        root = np.linalg.cholesky(
            every.T @ every + 1e-12 * np.eye(count) * np.trace(every.T @ every)
        )
        inner = np.linalg.solve(root, np.linalg.solve(root, away.T @ away).T)
        sizes, vectors = np.linalg.eigh((inner + inner.T) / 2)
        near = np.linalg.solve(root.T, vectors)
        near /= np.linalg.norm(near, axis=0)
        small = sizes < max(4 * sizes[0], 1e-9)
        # Of several such directions, the one that is nearest to what was there.
        best = near[:, small] @ np.linalg.lstsq(near[:, small], np.eye(count)[:, k], rcond=None)[0]
        mixture[:, k] = best / np.linalg.norm(best) if np.linalg.norm(best) > 0.5 else mixture[:, k]
    return mixture if np.linalg.cond(mixture) < WORST else np.eye(count)


def varimax(loadings: Array) -> Array:
    """Return the rotation, shape (n, n), after which the squares of loadings vary most.

    By planes: of two columns the best angle is known (Kaiser 1958).

    Args:
        loadings: shape (rows, n).
    """
    count = loadings.shape[1]
    rotation, now = np.eye(count), loadings.copy()
    for _ in range(TURNS):
        moved = 0.0
        for i in range(count):
            for j in range(i + 1, count):
                angle = _angle(now[:, i], now[:, j])
                turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
                now[:, [i, j]] = now[:, [i, j]] @ turn
                rotation[:, [i, j]] = rotation[:, [i, j]] @ turn
                moved = max(moved, abs(angle))
        if moved < STILL:
            break
    return rotation


def _angle(a: Array, b: Array) -> float:
    """Return the angle by which two columns are turned for squares that vary most."""
    u, v = a * a - b * b, 2 * a * b
    rows = len(a)
    top = 2 * (float(u @ v) - float(u.sum() * v.sum()) / rows)
    low = float(u @ u - v @ v) - float(u.sum() ** 2 - v.sum() ** 2) / rows
    return float(np.arctan2(top, low) / 4)
