"""Whether a formula in the place of a block means anything: the same cost with less in its place.

A block may matter so little that its mean, or nothing at all, does as well as any formula.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from closedform.errors import BadInput, first_line
from closedform.hybrid.batches import Call, batches_of, moved
from closedform.hybrid.capture import passed
from closedform.hybrid.law import BlockLaw, law_of
from closedform.hybrid.laws import BlockLaws
from closedform.hybrid.swapping import in_place, like_of, put_back
from closedform.hybrid.unchanged import asked
from closedform.ir import Array
from closedform.shorten.options import seed_of

Cost = Callable[[Any, Any], Any]
"""(network, batch) → its cost there, a number; less is better."""
_ITSELF, _FORMULA, _FEWER = "the block itself", "formula", "the block, fewer directions"
_MORE = (_ITSELF, _FORMULA, _FEWER)
_MEAN = "its mean"
RIDGE = 1e-8
"""Of the mean variance of the inputs: a linear map of inputs that depend on each other is none."""


@dataclass(frozen=True)
class Control:
    """One thing in the place of a block.

    Attributes:
        name: what it is.
        cost: of the network with it.
        regained: the share of what the block saves, beside its mean, that it saves, too.
        numbers: how many parameters and constants it has.
    """

    name: str
    cost: float
    regained: float
    numbers: int


@dataclass(frozen=True)
class Controls:
    """The cost of a network with several things in the place of one block.

    Attributes:
        part: the name of the block.
        batches: on how many the cost was measured.
        controls: the block itself first, then the formula, then what is less.
    """

    part: str
    batches: int
    controls: tuple[Control, ...]

    def __getitem__(self, name: str) -> Control:
        """Return one of them by its name; KeyError where it is not there."""
        found = {c.name: c for c in self.controls}
        return found[name]

    def __iter__(self) -> Iterator[Control]:
        """Return them in order."""
        return iter(self.controls)

    def to_dict(self) -> dict[str, Any]:
        """Return them as plain values."""
        return {"part": self.part, "batches": self.batches,
                "controls": [asdict(c) for c in self.controls]}  # fmt: skip

    def __str__(self) -> str:
        """Return the table, and whether the formula does more than what is less."""
        lines = [
            f"{self.part}: the cost of the network, mean of {self.batches} "
            + ("batch" if self.batches == 1 else "batches"),
            f"{'in its place':28} {'cost':>12} {'regained':>9} {'numbers':>9}",
        ]
        for c in self.controls:
            told = "" if np.isnan(c.regained) else f"{c.regained:.1%}"
            lines.append(f"{c.name:28} {c.cost:12.6g} {told:>9} {c.numbers:9,}")
        return "\n".join([*lines, self.verdict])

    @property
    def verdict(self) -> str:
        """What the formula is worth beside what is less, in a sentence."""
        formula, block = self[_FORMULA], self[_ITSELF]
        less = min((c for c in self.controls if c.name not in _MORE), key=lambda c: c.cost)
        if not less.cost > block.cost:
            return f"The network does without the block: {less.name} costs no more than it."
        if formula.cost >= less.cost:
            return f"The formula says nothing that {less.name} does not say."
        gain = (less.cost - formula.cost) / (less.cost - block.cost)
        return f"Of what the block saves beside {less.name}, the formula saves {gain:.1%}."

    def __repr__(self) -> str:
        """Return the table, which is what a console should show."""
        return str(self)


def controls(
    net: Any, name: str, law: Any, cost: Cost, batches: Any, *, fit: Any = None,
    call: Call | None = None, seed: int = 0,
) -> Controls:  # fmt: skip
    """Return what a network costs with a block, with a formula, and with less in its place.

    Less is: a linear map (least squares of what went in and came out), the mean of what came out,
    zero, and the block's input itself where that has the shape; of fewer directions, also the
    block with these alone. All are measured in evaluation mode, with the same random draws. The
    network is left as it was.

    Args:
        net: a `torch.nn.Module`.
        name: the part.
        law: the laws of it, of which the best is taken; or one law.
        cost: (network, batch) → a number, less being better, as
            `lambda net, batch: mse(net(batch[0]), batch[1])`.
        batches: of data that neither the network nor the laws have seen, if there are any.
        fit: batches that the linear map and the mean are fitted on; default: the rows of the laws,
            or else `batches`.
        call: how the network is called with a batch of `fit`; see `distill`.
        seed: of all random draws.

    Raises:
        BadInput: there is no such part, the cost is no number, or there is no batch.
    """
    seed = seed_of(seed)
    chosen = law_of(law.best if isinstance(law, BlockLaws) else law)
    with put_back(net, name) as block:
        rows, said = _seen(net, block, law, chosen, batches if fit is None else fit, call, seed)
        things = list(_things(net, block, chosen, rows, said))
        measured = []
        for label, thing, numbers in things:
            with in_place(net, name, thing):
                measured.append((label, _cost(net, cost, batches, seed), numbers))
    block_cost, mean_cost = measured[0][1], next(c for n, c, _ in measured if n == _MEAN)
    if not math.isfinite(block_cost):
        raise BadInput(
            "The cost of the unchanged network is no finite number: nothing compares with that.",
            hint="Give batches, and a cost, on which it is a finite number.",
        )
    saved = mean_cost - block_cost
    made = [
        Control(label, c, (mean_cost - c) / saved if 0 < saved < math.inf else math.nan, numbers)
        for label, c, numbers in measured
    ]
    return Controls(name, sum(1 for _ in batches_of(batches)), tuple(made))


def _seen(
    net: Any, block: Any, law: Any, chosen: BlockLaw, fit: Any, call: Call | None, seed: int
) -> tuple[Array, Array]:
    if isinstance(law, BlockLaws) and law.sample is not None:
        return law.sample.rows, law.sample.said
    rows, said = [], []
    with asked(net, fit, seed=seed):
        for one in passed(net, block, fit, call):
            by_place: dict[Any, Any] = dict(enumerate(one.given.values()))
            given = by_place | one.given
            rows.append(chosen.layout.rows_in(given).cpu().numpy())
            said.append(chosen.layout.rows_out(one.said).cpu().numpy())
    return np.vstack(rows), np.vstack(said)


def _things(
    net: Any, block: Any, law: BlockLaw, rows: Array, said: Array
) -> Iterator[tuple[str, Any, int]]:
    """Yield what is put in the place of the block, with its name and how many numbers it has."""
    from closedform.hybrid.block import Affine, FormulaBlock, Projected

    like = like_of(net, block)
    count = sum(p.numel() for p in block.parameters())
    yield _ITSELF, block, count
    made = FormulaBlock(law, block, like=like)
    written = made.constants.numel()
    if law.directions is not None:
        written += law.directions.back.size + law.directions.centre.size
    yield _FORMULA, made, written
    if law.directions is not None:
        yield _FEWER, Projected(law, block, like), count
    weight, bias = _linear(rows, said)
    nothing = np.zeros_like(weight)
    yield "a linear map", Affine(law, block, weight, bias, like), weight.size + bias.size
    yield _MEAN, Affine(law, block, nothing, said.mean(axis=0), like), len(bias)
    yield "zero", Affine(law, block, nothing, 0 * bias, like), 0
    shapes = [(s.size, s.shape) for s in law.layout.inputs]
    if shapes[:1] == [(s.size, s.shape) for s in law.layout.outputs]:
        same = np.eye(law.layout.height, law.layout.width)
        yield "its input", Affine(law, block, same, 0 * bias, like), 0


def _linear(rows: Array, said: Array) -> tuple[Array, Array]:
    """Return the map and the summand that are nearest to what was said."""
    centre, mean = rows.mean(axis=0), said.mean(axis=0)
    away = rows - centre
    normal = away.T @ away
    ridge = RIDGE * (np.trace(normal) / len(normal) or 1.0)
    weight = np.linalg.solve(normal + ridge * np.eye(len(normal)), away.T @ (said - mean)).T
    return weight, mean - weight @ centre


def _cost(net: Any, cost: Cost, batches: Any, seed: int) -> float:
    """Return the mean cost, each batch counting by its rows; one that is no number is infinite."""
    total = weight = 0.0
    with asked(net, batches, seed=seed):
        for batch in batches_of(batches):
            size = _size(batch)
            total += size * _number(cost, net, moved(batch, net))
            weight += size
    if not weight:
        raise BadInput(
            "There is no batch to measure the cost on.",
            hint="Give a loader or a list of batches; an iterator has none left after the first "
            "time, and they are wanted several times.",
        )
    return total / weight if math.isfinite(total) else math.inf


def _number(cost: Cost, net: Any, batch: Any) -> float:
    try:
        return float(cost(net, batch))
    except Exception as problem:
        raise BadInput(
            f"The cost is no number: {type(problem).__name__}: {first_line(problem)}",
            hint="Give a function of (network, batch) that returns one, less being better.",
        ) from problem


def _size(batch: Any) -> int:
    import torch

    leaves = torch.utils._pytree.tree_leaves(batch)
    return next((len(x) for x in leaves if getattr(x, "ndim", 0) > 0), 1)
