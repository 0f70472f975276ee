"""How wrong an answer is: the losses that an importance is measured by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from closedform.errors import BadInput
from closedform.explanations.sides import Sides, Target
from closedform.explanations.spreads import deviation, size
from closedform.frontiers.observed import known
from closedform.ir import Array


@dataclass(frozen=True)
class Loss:
    """A loss of answers against what was observed, both of shape (rows,) and finite.

    Attributes:
        name: what a table calls it.
        of: (observed, said) → the loss.
        falls: whether it is 1 − what a table calls it, as of R².
    """

    name: str
    of: Callable[[Array, Array], float]
    falls: bool = False

    def told(self, loss: float) -> float:
        """Return what a table shows for a loss."""
        return 1 - loss if self.falls else loss


def _log_loss(truth: Array, said: Array) -> float:
    # As scikit-learn: a chance of 0 for what happened counts as one of 2e-16.
    chance = np.clip(np.where(truth > 0, said, 1 - said), np.finfo(float).eps, 1)
    return float(-np.log(chance).mean())


def _unexplained(truth: Array, said: Array) -> float:
    spread = deviation(truth)
    return float((size(truth - said) / spread) ** 2) if spread else float("nan")


LOSSES = {
    "r2": Loss("R²", _unexplained, falls=True),
    "rmse": Loss("root mean square error", lambda y, said: float(size(y - said))),
    "mae": Loss("mean absolute error", lambda y, said: float(np.abs(y - said).mean())),
    "log_loss": Loss("log loss", _log_loss),
    "error": Loss("share of wrong answers", lambda y, said: float((y != said).mean())),
}
FITTING = {
    "prediction": ("r2", "rmse", "mae"), "chance": ("log_loss",),
    "score": ("error",), "label": ("error",),
}  # fmt: skip
"""Kind of the target → the losses that it has; the first is the default."""


def loss_of(sides: Sides, name: str | None) -> Loss:
    """Return a loss by its name, or the one for the target.

    Raises:
        BadInput: the target has no such loss.
    """
    fitting = FITTING[sides.target.kind]
    if name is not None and name not in fitting:
        raise BadInput(
            f"loss={name!r} does not fit {sides.target.name}.",
            hint=f"Give one of {', '.join(map(repr, fitting))}.",
        )
    return LOSSES[fitting[0] if name is None else name]


def judged(sides: Sides) -> Sides:
    """Return the sides as a loss asks them: y as numbers, on the rows where it is known.

    A score alone does not tell the answer: the label is asked instead.

    Raises:
        BadInput: y says nothing of what is explained.
    """
    y = sides.y
    assert y is not None
    if sides.target.kind == "score":
        target = Target(sides.task.primary[0], sides.target.label, "label")
        sides = replace(sides, target=target)
    there = np.flatnonzero(known(y))
    some, y = sides.part(there), y[there]
    if sides.target.kind != "prediction":
        return replace(some, y=np.array([float(v == sides.target.label) for v in y.ravel()]))
    return replace(some, y=np.asarray(y if y.ndim == 1 else y[:, _column(sides)], dtype=float))


def _column(sides: Sides) -> int:
    """Return which column of y belongs to the target."""
    names = sides.task.primary
    if sides.target.output not in names:
        raise BadInput(
            f"y says nothing of {sides.target.output!r}.",
            hint="Explain one of " + ", ".join(map(repr, names)) + ", or leave y out.",
        )
    return names.index(sides.target.output)
