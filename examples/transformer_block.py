"""The MLP block of a small transformer that multiplies: `python -m examples.transformer_block`.

It reads two numbers and "=", and says their product; four pairs of five were seen in training.
The block's laws are put in its place, and beside them what is less: its mean, zero, its own input,
and a linear map. A second transformer adds the numbers modulo 7.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch

import closedform as cf
from examples.experiment import Effort, arguments, in_a_line
from examples.training import minimised

WIDTH = 8
LESS = {"a linear map", "its mean", "zero", "its input"}
"""What a formula is to do more than: see `cf.hybrid.controls`."""


class Transformer(torch.nn.Module):
    """One layer of attention from "=" to all three places, and one MLP block, without norms.

    Attributes:
        mlp: the block that laws are looked for in: 8 numbers to 8.
    """

    def __init__(self, numbers: int, answers: int) -> None:
        super().__init__()
        self.words = torch.nn.Embedding(numbers + 1, WIDTH)
        self.places = torch.nn.Parameter(0.1 * torch.randn(3, WIDTH))
        self.attention = torch.nn.MultiheadAttention(WIDTH, 2, batch_first=True)
        self.mlp = torch.nn.Sequential(
            torch.nn.Linear(WIDTH, 32), torch.nn.GELU(), torch.nn.Linear(32, WIDTH)
        )
        self.answer = torch.nn.Linear(WIDTH, answers)

    def forward(self, pairs: torch.Tensor) -> torch.Tensor:
        """Return what is said after "=", shape (rows, answers), of pairs, shape (rows, 2)."""
        equals = torch.full_like(pairs[:, :1], self.words.num_embeddings - 1)
        x = self.words(torch.cat([pairs, equals], dim=1)) + self.places
        last = x[:, -1:]
        x = (last + self.attention(last, x, x, need_weights=False)[0])[:, 0]
        return self.answer(x + self.mlp(x))


Cost = Callable[[Any, Any], torch.Tensor]


def squared(net: Any, batch: Any) -> torch.Tensor:
    """Return the mean squared error of products, as a share of their variance."""
    pairs, told = batch
    return ((net(pairs)[:, 0] - told) ** 2).mean() / told.var()


def entropy(net: Any, batch: Any) -> torch.Tensor:
    """Return the cross entropy of the remainder."""
    pairs, told = batch
    return torch.nn.functional.cross_entropy(net(pairs), told)


@dataclass(frozen=True)
class Task:
    """What a transformer learns.

    Attributes:
        title: in words.
        numbers: so many, from 0 on.
        answers: how many numbers the last layer gives.
        cost: of a network on a batch, less being better.
        told: pairs → answers.
    """

    title: str
    numbers: int
    answers: int
    cost: Cost
    told: Callable[[torch.Tensor], torch.Tensor]


TASKS = [
    Task("products of two numbers from 0 to 19", 20, 1, squared,
         lambda pairs: pairs.prod(dim=1).double()),
    Task("sums modulo 7", 7, 7, entropy, lambda pairs: pairs.sum(dim=1) % 7),
]  # fmt: skip


@dataclass(frozen=True)
class Result:
    """What was found for one transformer.

    Attributes:
        laws: of its block.
        controls: the cost with the laws, and with less.
        seconds: CPU seconds of the search.
        training: CPU seconds of the training.
    """

    task: Task
    laws: Any
    controls: Any
    seconds: float
    training: float

    @property
    def text(self) -> str:
        """The formula in a line."""
        return in_a_line(self.laws.best.formula)

    @property
    def r2(self) -> float:
        """The share of the block's variance that the formula explains, on rows of no step."""
        return float(self.laws.told[self.laws.chosen].r2)

    @property
    def does_more(self) -> bool:
        """Whether the network costs less with the formula than with anything that is less."""
        less = [c.cost for c in self.controls if c.name in LESS]
        return bool(self.controls["formula"].cost < min(less))

    def __str__(self) -> str:
        """Return the formula, how far it is from the block, and the controls."""
        return "\n".join([
            str(self.laws.best),
            f"It explains {100 * self.r2:.2f} % of the block's variance, on rows that no step saw.",
            str(self.controls),
            f"CPU seconds: {self.training:.1f} of training, {self.seconds:.1f} of search",
        ])  # fmt: skip


def learned(task: Task, effort: Effort) -> tuple[Any, Any, Any]:
    """Return a transformer, the batch that it was trained on, and one that it has not seen."""
    torch.manual_seed(effort.seed)
    every = torch.cartesian_prod(*[torch.arange(task.numbers)] * 2)
    every = every[torch.randperm(len(every))]
    batch = (every, task.told(every))
    cut = len(every) * 4 // 5
    seen, fresh = [tuple(part[where] for part in batch) for where in (slice(cut), slice(cut, None))]
    if task.cost is entropy:  # 49 pairs: too few to keep some aside
        seen = fresh = batch
    net = Transformer(task.numbers, task.answers).double()
    if task.cost is squared:
        with torch.no_grad():
            net.answer.bias.fill_(float(seen[1].mean()))
            net.answer.weight *= float(seen[1].std())
    minimised(net.parameters(), lambda: task.cost(net, seen), effort.steps(500), effort.steps(500))
    return net.eval(), seen, fresh


def results(effort: Effort) -> Iterator[Result]:
    """Train, search and put in place; yield what comes out for each task."""
    for task in TASKS:
        began = time.process_time()
        net, seen, fresh = learned(task, effort)
        started = time.process_time()
        laws = cf.hybrid.distill(
            net, "mlp", [seen], reduce="pca", time_limit=effort.seconds, seed=effort.seed
        )
        controls = cf.hybrid.controls(net, "mlp", laws, task.cost, [fresh])
        yield Result(task, laws, controls, time.process_time() - started, started - began)


def main() -> int:
    """Print what is found; return 0 where each formula does more than what is less."""
    fine = []
    for result in results(arguments(__doc__)):
        print(f"\nThe MLP block of a transformer: {result.task.title}\n{result}", flush=True)
        fine.append(result.does_more)
    print(f"\n{sum(fine)} of {len(fine)} formulas do more than what is less.")
    return int(not all(fine))


if __name__ == "__main__":
    sys.exit(main())
