"""Lorenz's equations from a network trained on trajectories: `python -m examples.lorenz`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import numpy as np

from examples.experiment import Array, Case, Effort, Truth, main
from examples.training import asked, network

LOW, HIGH = np.array([-20.0, -25.0, 0.0]), np.array([20.0, 25.0, 50.0])
STEP = 0.005

EQUATIONS = {
    "dx": Truth(
        "10*(y - x)", lambda s, a, b: a * s[:, 1] - b * s[:, 0], {"σ of y": 10, "σ of x": 10}
    ),
    "dy": Truth(
        "x*(28 - z) - y",
        lambda s, rho, a, b: rho * s[:, 0] - a * s[:, 0] * s[:, 2] - b * s[:, 1],
        {"ρ": 28, "of x*z": 1, "of y": 1},
    ),
    "dz": Truth(
        "x*y - 8/3*z",
        lambda s, a, beta: a * s[:, 0] * s[:, 1] - beta * s[:, 2],
        {"of x*y": 1, "β": 8 / 3},
    ),
}


def velocity(states: Array) -> Array:
    """Return Lorenz's right-hand side, shape (states, 3)."""
    return np.column_stack([truth(states) for truth in EQUATIONS.values()])


def stepped(s: Array, h: float) -> Array:
    """Return the states a step later, by the classical Runge-Kutta method."""
    a = velocity(s)
    b = velocity(s + h / 2 * a)
    c = velocity(s + h / 2 * b)
    return np.asarray(s + h / 6 * (a + 2 * b + 2 * c + velocity(s + h * c)))


def observed(paths: int, draw: np.random.Generator) -> tuple[Array, Array]:
    """Return states on short trajectories, and how fast they change by differences of five.

    Trajectories start anywhere in a box around the attractor: on the attractor alone x is nearly y,
    and nothing could be told of either.
    """
    states = [draw.uniform(LOW, HIGH, size=(paths, 3))]
    for _ in range(40):
        states.append(stepped(states[-1], STEP))
    path = np.array(states)
    change = (path[:-4] - 8 * path[1:-3] + 8 * path[3:-1] - path[4:]) / (12 * STEP)
    rows, told = path[2:-2].reshape(-1, 3), change.reshape(-1, 3)
    inside = ((rows >= LOW) & (rows <= HIGH)).all(axis=1)
    return rows[inside], told[inside]


def learned(effort: Effort) -> tuple[Any, Array, Array, Array]:
    """Return a network of 48 units with three outputs; 6,000 rows, changes, fresh rows."""
    rows, told = observed(500, effort.draw())
    order = effort.draw(1).permutation(len(rows))
    rows, told = rows[order], told[order]
    net = network(
        rows[:6000], told[:6000], hidden=(48,), steps=effort.steps(1200), seed=effort.seed
    )
    return net, rows[:6000], told[:6000], rows[6000:8000]


def cases(effort: Effort) -> Iterator[Case]:
    """Yield each of the three outputs."""
    net, rows, told, held = learned(effort)
    whole = asked(net)
    draw = effort.draw(2)
    outside = draw.uniform(HIGH, 2 * HIGH, (2000, 3)) * np.sign(draw.normal(size=(2000, 3)))
    for i, (name, truth) in enumerate(EQUATIONS.items()):

        def ask(x: Array, i: int = i) -> Array:
            return np.asarray(whole(x)[:, i])

        yield Case(
            title=f"A network (3-48-3) trained on trajectories, {name}/dt",
            model=ask, X=rows, y=told[:, i], names=["x", "y", "z"], truth=truth, ask=ask,
            held=held, outside=outside, output=f"{name}_dt",
        )  # fmt: skip


if __name__ == "__main__":
    sys.exit(main(cases, __doc__))
