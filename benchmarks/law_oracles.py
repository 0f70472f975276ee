"""What is asked for a law: the law itself, one that is a little off, a network, or rows alone.

| kind | what it is | error |
|---|---|---|
| `exact` | the law | 0 |
| `perturbed-1e-6` to `1e-3` | the law times 1 + ε·s(x), s smooth, of deviation 1 | measured |
| `network` | a network trained on it: `networks.py` | measured on fresh rows |
| `data-0`, `data-0.01`, `data-0.1` | 1,000 rows, with noise of that share of the deviation | it |
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from equations import Array, Equation
from networks import network_of

ROWS = 1_000
WAVES = 6
TURNS = 1.5
"""Radians by deviation of the inputs: an error that turns once or twice within their range."""
KINDS = (
    "exact", "perturbed-1e-6", "perturbed-1e-4", "perturbed-1e-3", "network",
    "data-0", "data-0.01", "data-0.1",
)  # fmt: skip


class Perturbed:
    """A law with a smooth relative error: times one and a sum of slow sines of all inputs."""

    def __init__(self, truth: Equation, size: float, seed: int = 0) -> None:
        """Fix the error, of deviation `size`, by a seed."""
        random = np.random.default_rng([seed, *truth.name.encode()])
        self.truth, self.size = truth, size
        count = len(truth.inputs)
        self.turns = random.normal(size=(count, WAVES)) * TURNS / np.sqrt(count)
        self.shifts = random.uniform(0, 2 * np.pi, WAVES)
        self.low, high = np.array(truth.lows), np.array(truth.highs)
        self.width = (high - self.low) / np.sqrt(12)  # the deviation of what is drawn evenly
        self.middle, self.deviation = 0.0, 1.0
        drawn = self._waves(truth.rows(4_000, seed=90_003))
        self.middle, self.deviation = float(drawn.mean()), float(drawn.std())

    def _waves(self, rows: Array) -> Array:
        made = np.sin((rows - self.low) / self.width @ self.turns + self.shifts).sum(axis=1)
        return np.asarray((made - self.middle) / self.deviation)

    def __call__(self, rows: Array) -> Array:
        """Return what is said of rows, shape (rows,)."""
        rows = np.asarray(rows, dtype=float)
        return np.asarray(self.truth(rows) * (1 + self.size * self._waves(rows)))


@dataclass
class Asked:
    """What a contender is given.

    Attributes:
        truth: the equation, which it is not shown.
        rows: shape (rows, inputs).
        values: shape (rows,).
        model: what can be asked, None for rows alone; a network as a torch module.
        ask: the same as a function; it counts the rows that it is asked for.
        error: of the values, root mean square by the deviation of the truth.
        tolerance: how far a law that is found may be off.
        told: whether who seeks is told the error: without it nothing tells an error this smooth
            from a part of the law. Of a network nobody knows it.
        asked: how many rows were asked for.
    """

    truth: Equation
    rows: Array
    values: Array
    model: Any
    ask: Callable[[Array], Array] | None
    error: float
    tolerance: float
    told: bool = False
    asked: int = 0


EXACT = 1e-6
DATA = {"data-0": 1e-4, "data-0.01": 0.03, "data-0.1": 0.1}
"""The first is what float32 leaves of constants that were fitted in it, as PyOperon's are."""
SHARE = 2.0
"""A law fitted to a model that is off cannot be off by more than it, but for the drawn rows."""


def asked_of(truth: Equation, kind: str, seed: int, kept: Path) -> Asked:
    """Return what is asked for a law; a network comes from a folder, or is trained into it."""
    rows = truth.rows(ROWS, seed)
    if kind in DATA:
        share = float(kind.removeprefix("data-"))
        said = truth(rows)
        noise = np.random.default_rng([seed, 1]).normal(size=len(rows)) * said.std()
        return Asked(truth, rows, said + share * noise, None, None, share, DATA[kind])
    if kind == "exact":
        return _counting(Asked(truth, rows, truth(rows), None, truth, 0.0, EXACT))
    if kind == "network":
        net = network_of(truth, seed, kept)
        tolerance = max(EXACT, SHARE * net.error)
        return Asked(truth, rows, net(rows), net.module, net, net.error, tolerance)
    made = Perturbed(truth, float(kind.removeprefix("perturbed-")), seed)
    fresh = truth.rows(4_000, seed=90_004)
    said = truth(fresh)
    error = float(np.sqrt(np.mean((made(fresh) - said) ** 2)) / said.std())
    tolerance = max(EXACT, SHARE * error)
    return _counting(Asked(truth, rows, made(rows), None, made, error, tolerance, told=True))


def _counting(asked: Asked) -> Asked:
    inner = asked.ask
    assert inner is not None

    def counted(rows: Array) -> Array:
        asked.asked += len(rows)
        return np.asarray(inner(np.asarray(rows, dtype=float)))

    asked.ask = asked.model = counted
    return asked
