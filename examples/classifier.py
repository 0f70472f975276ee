"""The log-odds behind a classifier of 15 inputs: `python -m examples.classifier`.

20,000 labels were drawn with the chance sigmoid(g); three of the inputs matter to the first g, five
to the second. The network saw labels alone, so that its log-odds are off by a tenth.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from benchmarks.truths import INPUTS, TRUTHS, Data
from examples.experiment import Array, Case, Effort, Truth, main
from examples.training import asked, layered

DECAYS = (0.1, 0.3, 1.0)
"""Weight decays, of which labels that were held out choose: which is best depends on the truth."""
EPOCHS = 30


def linear(x: Array, a: Any, b: Any, c: Any, d: Any) -> Array:
    """Return a weighted sum."""
    return np.asarray(a * x[:, 0] + b * x[:, 3] + c * x[:, 7] + d)


def mixed(x: Array, a: Any, b: Any, c: Any, w: Any, d: Any, e: Any) -> Array:
    """Return a sum of a line, a square, a wave and a product."""
    waved = c * np.sin(w * x[:, 2])
    return np.asarray(a * x[:, 0] + b * x[:, 1] ** 2 + waved + d * x[:, 3] * x[:, 4] + e)


LAWS = {
    "linear": Truth(
        "1.5*x0 - 2*x3 + x7 + 0.5", linear, {"x0": 1.5, "x3": -2, "x7": 1, "constant": 0.5}
    ),
    "interaction": Truth(
        "2*x0 - x1^2 + 1.5*sin(2*x2) + 1.5*x3*x4 + 0.5", mixed,
        {"x0": 2, "x1^2": -1, "wave": 1.5, "speed": 2, "x3*x4": 1.5, "constant": 0.5},
    ),
}  # fmt: skip


def trained(data: Data, decay: float, seed: int) -> tuple[float, torch.nn.Module]:
    """Return the loss on a tenth of the labels, and a 15-60-60-1 network trained on the others.

    SiLU goes on in a line where there are few rows. Of tanh the log-odds level off there: its law
    was 5*tanh(…), and it was off from the truth by twice as much.
    """
    torch.manual_seed(seed)
    net = layered([INPUTS, 60, 60, 1], torch.nn.SiLU).float()
    x, y = (torch.tensor(a, dtype=torch.float32) for a in (data.X, data.y[:, None]))
    cut = int(0.9 * len(x))
    loss = torch.nn.BCEWithLogitsLoss()
    adam = torch.optim.AdamW(net.parameters(), lr=5e-3, weight_decay=decay)
    slower = torch.optim.lr_scheduler.CosineAnnealingLR(adam, EPOCHS)
    for _ in range(EPOCHS):
        for batch in torch.randperm(cut).split(256):
            adam.zero_grad()
            loss(net(x[batch]), y[batch]).backward()
            adam.step()
        slower.step()
    with torch.no_grad():
        held_out = float(loss(net(x[cut:]), y[cut:]))
    return held_out, net.double().eval()


def cases(effort: Effort) -> Iterator[Case]:
    """Yield the log-odds of a 15-60-60-1 network for each of two truths."""
    for name, truth in LAWS.items():
        data = Data.of(name, rows=effort.steps(20_000), seed=effort.seed)
        assert np.allclose(truth(data.X), TRUTHS[name](data.X))
        nets = [trained(data, decay, effort.seed) for decay in DECAYS]
        _, net = min(nets, key=lambda pair: pair[0])
        fresh = Data.of(name, rows=4000, seed=effort.seed + 1).X
        far = np.abs(fresh).max(axis=1) > np.quantile(np.abs(fresh).max(axis=1), 0.5)
        yield Case(
            title=f"The log-odds of a classifier (15-60-60-1), labels drawn from {name}",
            model=net, X=data.X, y=None, names=[f"x{i}" for i in range(INPUTS)], truth=truth,
            ask=asked(net), held=fresh, outside=1.5 * fresh[far],
        )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(cases, __doc__))
