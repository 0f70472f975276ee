"""The solution that a physics-informed network has found: `python -m examples.heat_equation`.

Of u_t = α u_xx the network knows the equation, the start sin(πx), that both ends are kept at 0, and
ten readings of the inside, from which it also learns α.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from examples.experiment import Array, Case, Effort, Truth, main
from examples.training import asked, layered, minimised

DIFFUSIVITY = 0.2


def solution(x: Array, height: Any, wave: Any, rate: Any) -> Array:
    """Return the temperature at places and times."""
    return np.asarray(height * np.sin(wave * x[:, 0]) * np.exp(-rate * x[:, 1]))


TRUTH = Truth(
    "sin(π*x)*exp(-0.2*π^2*t)", solution,
    {"height": 1.0, "π": np.pi, "α*π²": DIFFUSIVITY * np.pi**2},
)  # fmt: skip


def informed(effort: Effort) -> tuple[Any, float]:
    """Return a network of three layers of 32 tanh units, and the α that it has learned.

    The recipe of published reproductions (weights 1, 5, 5; Adam), with an end by L-BFGS.
    """
    torch.manual_seed(effort.seed)
    draw = effort.draw(1)
    net = layered([2, 32, 32, 32, 1])
    alpha = torch.nn.Parameter(torch.tensor(0.5, dtype=torch.double))
    readings = draw.uniform(size=(10, 2))
    measured = torch.tensor(TRUTH(readings)[:, None])
    inside = torch.tensor(draw.uniform(size=(512, 2)), requires_grad=True)
    x, t = torch.tensor(draw.uniform(size=(2, 128, 1)))
    start, ends = torch.cat([x, 0 * x], 1), torch.cat([(x > 0.5).double(), t], 1)
    places = torch.cat([torch.tensor(readings), start, ends])
    told = torch.cat([measured, torch.sin(np.pi * x), 0 * t])
    weights = torch.cat([torch.ones(10, 1) / 10, torch.full((256, 1), 5 / 128)]).double()

    def loss() -> torch.Tensor:
        u = net(inside)
        (slopes,) = torch.autograd.grad(u.sum(), inside, create_graph=True)
        (bent,) = torch.autograd.grad(slopes[:, 0].sum(), inside, create_graph=True)
        heat = slopes[:, 1] - alpha * bent[:, 0]
        return (heat**2).mean() + (weights * (net(places) - told) ** 2).sum()

    minimised([*net.parameters(), alpha], loss, effort.steps(1000), effort.steps(500))
    return net.eval(), float(alpha.detach())


def cases(effort: Effort) -> Iterator[Case]:
    """Yield the network."""
    net, alpha = informed(effort)
    draw = effort.draw(2)
    ask = asked(net)
    X = draw.uniform(size=(2000, 2))
    yield Case(
        title=f"A physics-informed network of u_t = α*u_xx; it has learned α = {alpha:.4g}",
        model=net, X=X, y=None, names=["x", "t"], truth=TRUTH, ask=ask,
        held=draw.uniform(size=(2000, 2)),
        outside=np.column_stack([draw.uniform(1, 2, 2000), draw.uniform(1, 2, 2000)]),
        output="u",
    )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(cases, __doc__))
