"""A ReLU network trained on y = x1 + x2 gives back x1 + x2: `python -m examples.sum_of_two`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import numpy as np
import torch

from examples.experiment import Array, Case, Effort, Truth, main
from examples.training import asked, layered


def trained(X: Array, y: Array, epochs: int, seed: int) -> torch.nn.Module:
    """Return a network of 2-32-32-1 ReLU units after some epochs of Adam, in batches of 32."""
    torch.manual_seed(seed)
    net = layered([2, 32, 32, 1], torch.nn.ReLU).float()
    rows, told = (torch.tensor(a, dtype=torch.float32) for a in (X, y[:, None]))
    adam = torch.optim.Adam(net.parameters(), lr=3e-3)
    slower = torch.optim.lr_scheduler.ExponentialLR(adam, 0.05 ** (1 / epochs))
    for _ in range(epochs):
        for batch in torch.randperm(len(rows)).split(32):
            adam.zero_grad()
            torch.nn.functional.mse_loss(net(rows[batch]), told[batch]).backward()
            adam.step()
        slower.step()
    return net.eval()


def cases(effort: Effort) -> Iterator[Case]:
    """Yield the network after 75 epochs on 1,000 rows."""
    draw = effort.draw()
    X = draw.uniform(-1, 1, size=(1000, 2))
    y = X.sum(axis=1)
    net = trained(X, y, effort.steps(75), effort.seed)
    yield Case(
        title="A ReLU network (2-32-32-1) after 75 epochs on y = x1 + x2",
        model=net, X=X, y=y, names=["x1", "x2"],
        truth=Truth("x1 + x2", lambda x, a, b: a * x[:, 0] + b * x[:, 1], {"of x1": 1, "of x2": 1}),
        ask=asked(net),
        held=draw.uniform(-1, 1, size=(2000, 2)),
        outside=np.sign(draw.normal(size=(2000, 2))) * draw.uniform(1, 5, size=(2000, 2)),
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(cases, __doc__))
