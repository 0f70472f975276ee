"""Networks in matrix form: W₃·tanh(W₂·tanh(W₁·x + b₁) + b₂) + b₃, with the matrices."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Array, Node
from closedform.printers.blocks import Matrix
from closedform.printers.draft import Draft

Rows = tuple[Node, ...]


@dataclass(frozen=True)
class Affine:
    """W·(what is below) + b; W of shape (outputs, inputs)."""

    weights: Array
    bias: Array


@dataclass(frozen=True)
class Apply:
    """A function of each value below."""

    name: str


@dataclass(frozen=True)
class Chain:
    """What is done to a vector, the last step first.

    Attributes:
        steps: matrices and functions, from the output down.
        inputs: the components of the vector at the bottom.
    """

    steps: tuple[Affine | Apply, ...]
    inputs: Rows

    @property
    def matrices(self) -> list[Affine]:
        """The matrices in the order in which they are applied."""
        return [s for s in reversed(self.steps) if isinstance(s, Affine)]

    @property
    def units(self) -> int:
        """How many hidden units there are: the values between two matrices."""
        return sum(len(m.bias) for m in self.matrices[:-1])


def chain_of(roots: Sequence[Node]) -> Chain:
    """Return how a vector of nodes is computed as matrices and functions, as far as it is."""
    now, steps = tuple(roots), list[Affine | Apply]()
    while True:
        below = _affine(now) or _apply(now)
        if below is None:
            return Chain(tuple(steps), now)
        step, now = below
        steps.append(step)


def _affine(now: Rows) -> tuple[Affine, Rows] | None:
    if any(n.op is not ops.LIN for n in now):
        return None
    # A sum may lack terms of weight 0 that its neighbours have.
    args = tuple(dict.fromkeys(x for n in now for x in n.args))
    if not args or len(args) > 2 * max(len(n.args) for n in now):
        return None
    place = {x: i for i, x in enumerate(args)}
    weights = np.zeros((len(now), len(args)))
    for row, n in zip(weights, now, strict=True):
        np.add.at(row, [place[x] for x in n.args], n.data.weights)
    return Affine(weights, np.array([n.data.bias for n in now])), args


def _apply(now: Rows) -> tuple[Apply, Rows] | None:
    first = now[0]
    if any(n.op is not first.op for n in now):
        return None
    below = tuple(n.args[0] for n in now if n.args)
    if first.op.name in ops.UNARY:
        return Apply(first.op.name), below
    zero = ops.const(0.0)
    if first.op is ops.MAX and all(len(n.args) == 2 and n.args[1] is zero for n in now):
        return Apply("relu"), below
    return None


def expression(chain: Chain, draft: Draft) -> str:
    """Return the chain as one expression over x."""
    scribe = draft.scribe
    text, compound, count = scribe.signs["x"], False, 0
    weights, biases = _names(chain, draft)
    for step in reversed(chain.steps):
        if isinstance(step, Apply):
            text, compound = scribe.function(step.name, text), False
            continue
        inner = f"({text})" if compound else text
        text = f"{weights[count]}{scribe.signs['dot']}{inner}"
        compound = bool(step.bias.any())
        text += f" + {biases[count]}" if compound else ""
        count += 1
    return text


def _names(chain: Chain, draft: Draft) -> tuple[list[str], list[str]]:
    """Return the names of the matrices and of the vectors, numbered where there are several."""
    count = len(chain.matrices)
    if count == 1:
        return [draft.scribe.signs["W"]], [draft.scribe.signs["b"]]
    name = draft.scribe.indexed
    return [name("W", i + 1) for i in range(count)], [name("b", i + 1) for i in range(count)]


def matrices(chain: Chain, draft: Draft) -> list[Matrix]:
    """Return W₁, b₁, W₂ …, those that are all 0 left out."""
    made = []
    for step, w, b in zip(chain.matrices, *_names(chain, draft), strict=True):
        made.append(matrix_block(draft, w, step.weights, side=draft.extent.side))
        if step.bias.any():
            made.append(matrix_block(draft, b, step.bias, vector=True, side=draft.extent.side))
    return made


def matrix_block(
    draft: Draft, name: str, values: Array, *, vector: bool = False, side: int | None = None
) -> Matrix:
    """Return a matrix, or a vector, of which `side` rows and columns are shown; None: all."""
    table = values[None, :] if vector else values
    shape = (len(values), 1) if vector else (values.shape[0], values.shape[1])
    rows = _cut(table.tolist(), side)
    entries = [
        tuple("…" if v is None else draft.scribe.number(v) for v in _cut(row, side))
        if row is not None else tuple("⋮" for _ in _cut(table[0].tolist(), side))
        for row in rows
    ]  # fmt: skip
    return Matrix(name, tuple(entries), shape, vector)


def _cut(values: Sequence[Any], side: int | None) -> list[Any]:
    """Return a list with its middle replaced by None where it is longer than `side`."""
    if side is None or len(values) <= side + 1:
        return list(values)
    return [*values[: side - 1], None, values[-1]]
