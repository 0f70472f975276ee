"""Networks in PyTorch, trained to a small error in seconds on one core."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import torch

Array = np.ndarray[Any, Any]


def layered(sizes: Sequence[int], activation: type[torch.nn.Module] = torch.nn.Tanh) -> Any:
    """Return an untrained network in double precision: linear layers, an activation between."""
    layers: list[torch.nn.Module] = []
    for before, after in pairwise(sizes):
        layers += [torch.nn.Linear(before, after), activation()]
    return torch.nn.Sequential(*layers[:-1]).double()


def minimised(
    parameters: Any,
    loss: Callable[[], torch.Tensor],
    steps: int,
    warm: int = 0,
    rate: float = 3e-3,
) -> float:
    """Minimise a loss of all data by Adam for `warm` steps, then by L-BFGS; return what is left.

    L-BFGS comes ten times as near as Adam does in the same seconds, where all data fit in a batch.
    """
    parameters = list(parameters)
    if warm:
        adam = torch.optim.Adam(parameters, lr=rate)
        slower = torch.optim.lr_scheduler.CosineAnnealingLR(adam, warm, eta_min=rate / 30)
        for _ in range(warm):
            adam.zero_grad()
            loss().backward()
            adam.step()
            slower.step()
    lbfgs = torch.optim.LBFGS(
        parameters,
        max_iter=max(steps, 1),
        max_eval=2 * steps + 2,
        history_size=50,
        tolerance_grad=1e-12,
        tolerance_change=1e-15,
        line_search_fn="strong_wolfe",
    )

    def closure() -> torch.Tensor:
        lbfgs.zero_grad()
        value = loss()
        value.backward()
        return value

    if steps:
        lbfgs.step(closure)
    return float(loss().item())


def network(
    X: Array,
    y: Array,
    *,
    hidden: Sequence[int] = (48, 48),
    activation: type[torch.nn.Module] = torch.nn.Tanh,
    steps: int = 600,
    seed: int = 0,
) -> Any:
    """Return a network trained on rows, that takes and gives raw units.

    Args:
        X: rows, shape (rows, inputs).
        y: what it is to say, shape (rows,) or (rows, outputs).
        steps: of L-BFGS.
    """
    torch.manual_seed(seed)
    y = y.reshape(len(X), -1)
    net = layered([X.shape[1], *hidden, y.shape[1]], activation)
    inner, outer = (X.mean(axis=0), X.std(axis=0)), (y.mean(axis=0), y.std(axis=0))
    rows = torch.tensor((X - inner[0]) / inner[1])
    told = torch.tensor((y - outer[0]) / outer[1])
    minimised(net.parameters(), lambda: torch.nn.functional.mse_loss(net(rows), told), steps)
    return in_raw_units(net, inner, outer)


def in_raw_units(net: Any, inner: tuple[Array, Array], outer: tuple[Array, Array]) -> Any:
    """Return a network whose first and last layers have taken up the scaling around it.

    Args:
        inner: mean and deviation of the inputs.
        outer: those of the outputs.
    """
    first, last = net[0], net[-1]
    (centre, spread), (mean, scale) = ([torch.tensor(a) for a in pair] for pair in (inner, outer))
    with torch.no_grad():
        first.weight /= spread
        first.bias -= first.weight @ centre
        last.weight *= scale[:, None]
        last.bias.mul_(scale).add_(mean)
    return net.eval()


def asked(net: Any) -> Callable[[Array], Array]:
    """Return a network as a function of arrays: one output gives shape (rows,)."""
    dtype = next(net.parameters()).dtype

    def ask(X: Array) -> Array:
        with torch.no_grad():
            out = net(torch.tensor(np.asarray(X), dtype=dtype)).double().numpy()
        return np.asarray(out[:, 0] if out.shape[1] == 1 else out)

    return ask
