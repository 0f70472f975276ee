"""Six known truths behind 20,000 noisy labels, and the models that are trained on them.

Fifteen normal inputs with a correlation of 0.3; the class is 1 with the chance sigmoid(g).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

INPUTS = 15
CORRELATION = 0.3
ROWS = 20_000

Array = np.ndarray[Any, Any]


def _dense(x: Array) -> Array:
    random = np.random.default_rng(7)
    inner = random.normal(size=(INPUTS, 12)) / np.sqrt(INPUTS) * 2
    return np.asarray(np.tanh(x @ inner + random.normal(size=12)) @ random.normal(size=12) * 1.5)


TRUTHS: dict[str, Callable[[Array], Array]] = {
    "linear": lambda x: 1.5 * x[:, 0] - 2 * x[:, 3] + x[:, 7] + 0.5,
    "additive": lambda x: 2 * x[:, 0] - 1.5 * x[:, 1] ** 2 + 2 * np.sin(2 * x[:, 2]) + 1,
    "interaction": lambda x: (
        2 * x[:, 0] - x[:, 1] ** 2 + 1.5 * np.sin(2 * x[:, 2]) + 1.5 * x[:, 3] * x[:, 4] + 0.5
    ),
    "ratio": lambda x: 4 * x[:, 0] * x[:, 1] / (1 + x[:, 2] ** 2) + 2 * np.exp(-(x[:, 3] ** 2)) - 1,
    "rule": lambda x: 6.0 * (((x[:, 0] > 0.3) & (x[:, 1] < 0.8)) | (x[:, 2] > 1)) - 3,
    "dense": _dense,
}
"""The log-odds of class 1."""


@dataclass(frozen=True)
class Data:
    """Rows and labels drawn from one truth.

    Attributes:
        truth: its name.
        X: the inputs, shape (rows, 15).
        chance: the true chance of class 1, shape (rows,).
        y: the drawn labels, shape (rows,).
    """

    truth: str
    X: Array
    chance: Array
    y: Array

    @classmethod
    def of(cls, truth: str, rows: int = ROWS, seed: int = 0) -> Data:
        """Draw rows; a seed gives the same ones for every truth."""
        random = np.random.default_rng(seed)
        shared = random.normal(size=(rows, 1))
        own = random.normal(size=(rows, INPUTS))
        X = np.sqrt(CORRELATION) * shared + np.sqrt(1 - CORRELATION) * own
        chance = 1 / (1 + np.exp(-TRUTHS[truth](X)))
        return cls(truth, X, chance, (random.random(rows) < chance).astype(int))

    @cached_property
    def best(self) -> float:
        """The accuracy that the truth itself is expected to reach."""
        return float(np.maximum(self.chance, 1 - self.chance).mean())

    def accuracy(self, labels: Array) -> float:
        """Return the accuracy that labels are expected to reach, under the true chances."""
        return float(np.where(labels.astype(int) == 1, self.chance, 1 - self.chance).mean())


def network(data: Data, activation: str = "tanh", seed: int = 0) -> Any:
    """Return a 15-60-60-1 network trained until its held-out loss rises, as a torch module."""
    import torch

    torch.manual_seed(seed)
    act = {"tanh": torch.nn.Tanh, "relu": torch.nn.ReLU}[activation]
    net = torch.nn.Sequential(
        torch.nn.Linear(INPUTS, 60), act(), torch.nn.Linear(60, 60), act(), torch.nn.Linear(60, 1)
    )
    x = torch.tensor(data.X, dtype=torch.float32)
    y = torch.tensor(data.y, dtype=torch.float32)[:, None]
    cut = int(0.9 * len(x))
    optimiser = torch.optim.AdamW(net.parameters(), lr=2e-3, weight_decay=1e-3)
    loss = torch.nn.BCEWithLogitsLoss()
    best, kept, patience = float("inf"), net.state_dict(), 8
    for _ in range(60):
        for batch in torch.randperm(cut).split(256):
            optimiser.zero_grad()
            loss(net(x[batch]), y[batch]).backward()
            optimiser.step()
        with torch.no_grad():
            held_out = loss(net(x[cut:]), y[cut:]).item()
        patience = 8 if held_out < best else patience - 1
        if held_out < best:
            best, kept = held_out, {k: v.clone() for k, v in net.state_dict().items()}
        if not patience:
            break
    net.load_state_dict(kept)
    return net.double().eval()
