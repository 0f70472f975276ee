"""Force laws from the messages of small graph networks: `python -m examples.force_laws`.

Two to four bodies move in a plane; a network that sums messages between them has learned to tell
their accelerations. Its message, turned by the linear map that its own second part is, is a force,
and that force is a law: of a spring, 1/r, 1/r² and between charges.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from examples.experiment import Array, Case, Effort, Truth, main
from examples.training import layered, minimised

NEAREST, FARTHEST = 0.5, 3.0
"""Scenes in which two bodies are nearer or farther are left out."""
NAMES = ("dx", "dy", "m", "q1", "q2")
"""From the body that is pulled to the other, whose mass is m; the charges of both."""


def spring(x: Array, stiffness: Any, rest: Any) -> Array:
    """Return the pull along x of a spring between two bodies."""
    r = np.hypot(x[:, 0], x[:, 1])
    return np.asarray(stiffness * (r - rest) * x[:, 0] / r)


def gravity(x: Array, strength: Any, power: Any) -> Array:
    """Return the pull along x of a mass that falls off with a power of the distance."""
    return np.asarray(strength * x[:, 2] * x[:, 0] / np.hypot(x[:, 0], x[:, 1]) ** (power + 1))


def charge(x: Array, strength: Any, power: Any) -> Array:
    """Return the pull along x of a charge."""
    r = np.hypot(x[:, 0], x[:, 1])
    return np.asarray(-strength * x[:, 3] * x[:, 4] * x[:, 0] / r ** (power + 1))


LAWS = {
    "spring": Truth("2*(r - 1)*dx/r", spring, {"stiffness": 2, "rest": 1}),
    "1/r": Truth("m*dx/r^2", gravity, {"strength": 1, "power": 1}),
    "1/r²": Truth("m*dx/r^3", gravity, {"strength": 1, "power": 2}),
    "charge": Truth("-q1*q2*dx/r^3", charge, {"strength": 1, "power": 2}),
}
PER_UNIT_MASS = {"1/r", "1/r²"}
"""Where the pull grows with the mass that is pulled, and the acceleration does not know it."""


@dataclass(frozen=True)
class Scenes:
    """What was seen of some systems of the same number of bodies.

    Attributes:
        places: shape (scenes, bodies, 2).
        masses: shape (scenes, bodies).
        charges: the same.
        accelerations: shape (scenes, bodies, 2).
    """

    places: Array
    masses: Array
    charges: Array
    accelerations: Array

    @property
    def pairs(self) -> Array:
        """What a message reads, shape (scenes, bodies, bodies − 1, 5): see `NAMES`."""
        count, bodies = self.masses.shape
        others = np.array([[j for j in range(bodies) if j != i] for i in range(bodies)])
        apart = self.places[:, others] - self.places[:, :, None]
        own = np.broadcast_to(self.charges[:, :, None], (count, bodies, bodies - 1))
        read = [self.masses[:, others], own, self.charges[:, others]]
        return np.concatenate([apart, np.stack(read, axis=-1)], axis=-1)


def forces(law: str, pairs: Array) -> Array:
    """Return the true pulls per unit of mass of the one pulled, shape (…, 2)."""
    flat = pairs.reshape(-1, 5)
    across = flat[:, [1, 0, 2, 3, 4]]
    both = np.column_stack([LAWS[law](flat), LAWS[law](across)])
    return both.reshape(*pairs.shape[:-1], 2)


def simulated(law: str, bodies: int, systems: int, draw: np.random.Generator) -> Scenes:
    """Return scenes of systems that move from rest, by Verlet's method in steps of 0.02.

    Accelerations are second differences of the paths: for Verlet's method they are the pulls.
    """
    shape, step = (systems, bodies), 0.02
    masses, charges = draw.uniform(0.5, 2, shape), draw.choice([-1, 1], shape)
    charges = charges * draw.uniform(0.5, 2, shape)
    places = draw.uniform(-1.5, 1.5, (*shape, 2))
    seen, before = [], places
    for i in range(61):
        scene = Scenes(places, masses, charges, np.zeros_like(places))
        with np.errstate(all="ignore"):
            pull = forces(law, scene.pairs).sum(axis=2)
        pull = pull if law in PER_UNIT_MASS else pull / masses[:, :, None]
        after = 2 * places - before + step**2 * pull
        if i % 20 == 10:
            second = (after - 2 * places + before) / step**2
            seen.append(Scenes(places, masses, charges, second))
        before, places = places, after
    return _apart(seen)


def _apart(seen: list[Scenes]) -> Scenes:
    """Return the scenes in which no two bodies are too near or too far."""
    parts = [
        np.concatenate([getattr(one, what) for one in seen])
        for what in ("places", "masses", "charges", "accelerations")
    ]
    scenes = Scenes(*parts)
    r = np.hypot(scenes.pairs[..., 0], scenes.pairs[..., 1])
    fine = ((r > NEAREST) & (r < FARTHEST)).all(axis=(1, 2))
    return Scenes(*[part[fine] for part in parts])


class GraphNetwork(torch.nn.Module):
    """Two parts: the message of one body to another, two numbers; and what their sum does.

    What the sum does is a linear map that depends on the mass that is pulled. Were it any function,
    it could undo any function of the messages, and they would be forces only nearly.

    Attributes:
        message: what a pair says, `NAMES` → 2.
        update: the own mass → the linear map from the sum of messages to the acceleration.
    """

    def __init__(self) -> None:
        super().__init__()
        self.message = layered([5, 48, 48, 2])
        self.update = layered([1, 12, 4])

    def forward(self, pairs: torch.Tensor, masses: torch.Tensor) -> torch.Tensor:
        """Return accelerations, shape (scenes, bodies, 2)."""
        total = self.message(pairs).sum(dim=2)
        return (self.gauge(masses) @ total[..., None])[..., 0]

    def gauge(self, masses: torch.Tensor) -> torch.Tensor:
        """Return the linear maps from messages to accelerations, shape (…, 2, 2)."""
        return self.update(masses[..., None]).unflatten(-1, (2, 2))


def trained(scenes: list[Scenes], steps: int, seed: int) -> GraphNetwork:
    """Return a network that tells the accelerations in some scenes."""
    torch.manual_seed(seed)
    net = GraphNetwork()
    given = [
        [torch.tensor(part) for part in (one.pairs, one.masses, one.accelerations)]
        for one in scenes
    ]
    spread = torch.cat([told.flatten() for *_, told in given]).std()
    count = sum(told.numel() for *_, told in given)

    def loss() -> torch.Tensor:
        errors = [(((net(p, m) - told) / spread) ** 2).sum() for p, m, told in given]
        return sum(errors, torch.zeros(())) / count

    minimised(net.parameters(), loss, steps)
    return net.eval()


Force = Callable[[Array], Array]
"""Rows of `NAMES`, shape (rows, 5) → what pulls along x, shape (rows,)."""


def pull(net: GraphNetwork) -> Force:
    """Return the message as a force along x, on a body of mass 1."""
    with torch.no_grad():
        along_x = net.gauge(torch.ones(1).double())[0, 0].numpy()

    def force(rows: Array) -> Array:
        with torch.no_grad():
            said = net.message(torch.tensor(np.asarray(rows, float))).numpy()
        return np.asarray(said @ along_x)

    return force


def where_seen(force: Force) -> Force:
    """Return a force that is no number where no two bodies were: too near, or too far apart."""

    def seen(rows: Array) -> Array:
        r = np.hypot(rows[:, 0], rows[:, 1])
        return np.where((r >= NEAREST) & (r <= FARTHEST), force(rows), np.nan)

    return seen


def beyond(draw: np.random.Generator) -> Array:
    """Return pairs that are farther apart than in training, and heavier."""
    angle, r = draw.uniform(0, 2 * np.pi, 2000), draw.uniform(FARTHEST, 2 * FARTHEST, 2000)
    charges = draw.choice([-1, 1], (2, 2000)) * draw.uniform(2, 3, (2, 2000))
    return np.column_stack([r * np.cos(angle), r * np.sin(angle), draw.uniform(2, 3, 2000),
                            *charges])  # fmt: skip


def cases(effort: Effort) -> Iterator[Case]:
    """Yield the message, as a force along x, of one network for each law."""
    for stream, (law, truth) in enumerate(LAWS.items()):
        draw = effort.draw(stream)
        scenes = [simulated(law, bodies, count, draw) for bodies, count in SYSTEMS]
        force = pull(trained(scenes, effort.steps(1500), effort.seed))
        fresh = [simulated(law, bodies, 200, draw).pairs.reshape(-1, 5) for bodies, _ in SYSTEMS]
        rows = np.concatenate([one.pairs.reshape(-1, 5) for one in scenes])
        yield Case(
            title=f"The message of a graph network, {law}, as a force",
            model=where_seen(force), X=draw.permutation(rows)[:3000], y=None, names=NAMES,
            truth=truth, ask=force, held=draw.permutation(np.concatenate(fresh))[:2000],
            outside=beyond(draw), output="F",
        )  # fmt: skip


SYSTEMS = ((2, 900), (3, 200), (4, 100))
"""Bodies, and how many systems of them. A scene of two tells the most of a message in the time that
a step takes: with 600 of each, training took twice as long, and the message of 1/r² was off by
2.0 % instead of 1.1."""

if __name__ == "__main__":
    sys.exit(main(cases, __doc__))
