"""Optimal brain surgeon: constants removed in the order that the loss can best spare them.

Hassibi and Stork, Second order derivatives for network pruning: optimal brain surgeon (1993). With
H half the Hessian of the loss in the Gauss–Newton sense, removing θᵢ and moving all others as well
as a quadratic loss allows costs θᵢ² / [H⁻¹]ᵢᵢ.
"""

from __future__ import annotations

import numpy as np

from closedform.ir import Array

DAMPING = 1e-5
"""Added to the scaled Hessian, whose diagonal is 1."""
FLOOR = 1e-14
"""No constant counts as freer than so much of the one that is held fastest: it is saturated."""


class Surgery:
    """Constants of which some are taken out one after another, the rest making up for them.

    Attributes:
        theta: the constants now, 0 where they are taken out.
    """

    def __init__(
        self, theta: Array, normal: Array, *, damping: float = DAMPING, floor: float = FLOOR
    ) -> None:
        """Begin with fitted constants and half the Hessian of their loss."""
        self.theta = theta.copy()
        self.there = np.ones(len(theta), bool)
        diagonal = np.diag(normal)
        least = max(floor * diagonal.max(initial=0.0), 1e-300)
        self._scale = 1 / np.sqrt(np.maximum(diagonal, least))
        scaled = normal * self._scale * self._scale[:, None]
        self._inverse = np.linalg.inv(scaled + damping * np.eye(len(theta)))

    @property
    def cost(self) -> Array:
        """How much the loss rises when each constant is removed; infinite where it is gone."""
        unit = self.theta / self._scale
        diagonal = np.maximum(np.diag(self._inverse), 1e-12)
        return np.where(self.there, unit * unit / diagonal, np.inf)

    def price(self, i: int, value: float) -> float:
        """Return how much the loss rises when a constant takes another value."""
        away = (value - self.theta[i]) / self._scale[i]
        return float(away * away / max(self._inverse[i, i], 1e-12))

    def fix(self, i: int, value: float = 0.0) -> None:
        """Give a constant a value for good, and move the others to make up for it."""
        column = self._inverse[:, i].copy()
        pivot = max(column[i], 1e-12)
        away = (value - self.theta[i]) / self._scale[i]
        self.theta += self._scale * column * (away / pivot)
        self.there[i] = False
        self.theta[i] = value
        self._inverse -= np.outer(column, column) / pivot
        self._inverse[i, :] = self._inverse[:, i] = 0.0

    def remove(self, picked: Array) -> None:
        """Take several constants out at once: one solution for all of them together."""
        unit = self.theta / self._scale
        among = self._inverse[np.ix_(picked, picked)]
        share = np.linalg.solve(among, unit[picked])
        unit -= self._inverse[:, picked] @ share
        self.theta = self._scale * unit
        self.theta[picked] = 0.0
        self.there[picked] = False

    def without(self, i: int) -> Array:
        """Return the constants as they would be without one of them."""
        column = self._inverse[:, i]
        away = self.theta[i] / self._scale[i] / max(column[i], 1e-12)
        made: Array = self.theta - self._scale * column * away
        made[i] = 0.0
        return made
