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
from examples.experiment import Effort, arguments
from examples.training import minimised

WIDTH = 8


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
    """

    task: Task
    laws: Any
    controls: Any
    seconds: float

    def __str__(self) -> str:
        """Return the law, how far it is from the block, and the controls."""
        told = self.laws.told[self.laws.chosen]
        return "\n".join([
            str(self.laws.best),
            f"R² against the block {told.r2:.5f}; {self.seconds:.1f} CPU seconds",
            str(self.controls),
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
        net, seen, fresh = learned(task, effort)
        started = time.process_time()
        laws = cf.hybrid.distill(
            net, "mlp", [seen], reduce="pca", time_limit=effort.seconds, seed=effort.seed
        )
        controls = cf.hybrid.controls(net, "mlp", laws, task.cost, [fresh])
        yield Result(task, laws, controls, time.process_time() - started)


def main() -> int:
    """Print what is found; return 0 where each formula does more than what is less."""
    fine = []
    for result in results(arguments(__doc__)):
        print(f"\nThe MLP block of a transformer: {result.task.title}\n{result}", flush=True)
        less = [c.cost for c in result.controls if c.name in LESS]
        fine.append(result.controls["formula"].cost < min(less))
    return int(not all(fine))


LESS = {"a linear map", "its mean", "zero", "its input"}

if __name__ == "__main__":
    sys.exit(main())
