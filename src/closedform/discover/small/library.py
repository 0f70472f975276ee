"""All small expressions of some inputs, with their values on some rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from closedform import ops
from closedform.ir import Array, Node
from closedform.passes.algebra import reciprocal
from closedform.shorten.clock import Clock


@dataclass(frozen=True)
class Function:
    """A function of one number: how it is written, what it is, what it costs beside its argument.

    Attributes:
        build: how it is written.
        of: its meaning, of any shape.
        cost: what it takes to read.
    """

    build: Callable[[Node], Node]
    of: Callable[[Array], Array]
    cost: int


def _line(bias: float, weight: float, cost: int) -> Function:
    return Function(lambda n: ops.lin(bias, (weight, n)), lambda v: bias + weight * v, cost)


FUNCTIONS: tuple[Function, ...] = (
    Function(lambda n: ops.power(n, 2), np.square, 1),
    Function(ops.sqrt, np.sqrt, 2),
    Function(reciprocal, lambda v: 1 / v, 2),
    _line(1.0, 1.0, 2), _line(1.0, -1.0, 2),
    Function(lambda n: ops.power(n, 3), lambda v: v**3, 2),
    Function(ops.exp, np.exp, 3),
    Function(lambda n: ops.exp(ops.lin(0.0, (-1.0, n))), lambda v: np.exp(-v), 3),
    Function(ops.log, np.log, 3),
    Function(ops.sin, np.sin, 3),
    Function(ops.cos, np.cos, 3),
    Function(ops.tanh, np.tanh, 4),
    _line(-1.0, 1.0, 3), _line(0.0, 2.0, 3), _line(0.0, 0.5, 4),
    Function(lambda n: ops.unary("asin", n), np.arcsin, 5),
    Function(lambda n: ops.unary("acos", n), np.arccos, 5),
    Function(ops.atan, np.arctan, 5),
)  # fmt: skip
"""What an input costs is 2: laws have more products and quotients than sines of sines."""

INPUT = 2
Two = tuple[Callable[[Node, Node], Node], Callable[[Array, Array], Array], bool, int]
TWO: tuple[Two, ...] = (
    (ops.mul, np.multiply, True, 1),
    (ops.div, np.divide, False, 1),
    (lambda a, b: ops.lin(0.0, (1.0, a), (1.0, b)), np.add, True, 2),
    (lambda a, b: ops.lin(0.0, (1.0, a), (-1.0, b)), np.subtract, True, 2),
)
"""What two expressions become; whether their order makes no difference but for the sign; cost."""

BLOCK = 4_000


@dataclass
class Library:
    """Expressions with values of their own, shortest first; a sign makes no difference.

    Attributes:
        rows: the inputs, shape (rows, inputs).
        most: how many expressions there may be.
        table: their values, shape (most, rows); see `values`.
    """

    rows: Array
    most: int
    table: Array = field(init=False)
    _made: list[tuple[int, int, int]] = field(default_factory=list)
    _nodes: dict[int, Node] = field(default_factory=dict)
    _seen: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        """Start with the inputs."""
        self.table = np.empty((self.most, len(self.rows)))
        self._levels = [(0, 0)] * INPUT
        self._add(self.rows.T.copy(), [(-1, i, 0) for i in range(self.rows.shape[1])])
        self._levels.append((0, len(self)))

    def __len__(self) -> int:
        """Return how many expressions there are."""
        return len(self._made)

    @property
    def values(self) -> Array:
        """The values of all expressions, shape (expressions, rows)."""
        return self.table[: len(self)]

    @property
    def costs(self) -> Array:
        """What each expression costs to read, shape (expressions,)."""
        ends = [end for _, end in self._levels]
        return np.searchsorted(np.array(ends), np.arange(len(self)), side="right")

    @property
    def cost(self) -> int:
        """The cost up to which all expressions are there."""
        return len(self._levels) - 1

    def distinct(self, most: int) -> Array:
        """Return the places of expressions none of which is another one stretched and shifted."""
        table = self.values
        with np.errstate(all="ignore"):
            away = table - table.mean(axis=1)[:, None]
            away /= np.abs(away).max(axis=1)[:, None]
            away *= np.where(away[:, :1] < 0, -1.0, 1.0)
        keys = np.rint(away[:, :8] * 1e7).astype(np.int64)
        _, first = np.unique(keys, axis=0, return_index=True)
        return np.sort(first)[:most]

    def node(self, i: int) -> Node:
        """Return an expression."""
        kind, a, b = self._made[i]
        if i not in self._nodes:
            if kind < 0:
                made = ops.input_(a)
            elif kind < len(FUNCTIONS):
                made = FUNCTIONS[kind].build(self.node(a))
            else:
                made = TWO[kind - len(FUNCTIONS)][0](self.node(a), self.node(b))
            self._nodes[i] = made
        return self._nodes[i]

    def grow(self, clock: Clock) -> bool:
        """Add all expressions of the next cost; tell whether all went in."""
        first, cost = len(self), self.cost + 1
        for values, made in self._next(cost):
            if len(self) >= self.most or clock.out():
                return False
            self._add(values, made)
        self._levels.append((first, len(self)))
        return len(self) < self.most

    def _next(self, cost: int) -> Iterator[tuple[Array, list[tuple[int, int, int]]]]:
        for kind, (_, _, _, own) in enumerate(TWO):
            for left in range(INPUT, cost - own - INPUT + 1):
                yield from self._pairs(kind, self._levels[left], self._levels[cost - own - left])
        for kind, function in enumerate(FUNCTIONS):
            if INPUT <= cost - function.cost < len(self._levels):
                lo, hi = self._levels[cost - function.cost]
                with np.errstate(all="ignore"):
                    values = function.of(self.table[lo:hi])
                yield values, [(kind, i, 0) for i in range(lo, hi)]

    def _pairs(
        self, which: int, left: tuple[int, int], right: tuple[int, int]
    ) -> Iterator[tuple[Array, list[tuple[int, int, int]]]]:
        _, of, same, _ = TWO[which]
        kind = len(FUNCTIONS) + which
        if not (same and left > right):
            a, b = np.meshgrid(np.arange(*left), np.arange(*right), indexing="ij")
            kept = a < b if same else a != b
            at, to = a[kept], b[kept]
            for lo in range(0, len(at), BLOCK):
                i, j = at[lo : lo + BLOCK], to[lo : lo + BLOCK]
                with np.errstate(all="ignore"):
                    values = of(self.table[i], self.table[j])
                yield values, [(kind, p, q) for p, q in zip(i.tolist(), j.tolist(), strict=True)]

    def _add(self, values: Array, made: list[tuple[int, int, int]]) -> None:
        fine, keys = _keys(values)
        kept = []
        for i in np.flatnonzero(fine).tolist():
            key = keys[i].tobytes()
            if key not in self._seen and len(self) < self.most:
                self._seen.add(key)
                kept.append(i)
                self._made.append(made[i])
        self.table[len(self) - len(kept) : len(self)] = values[kept]


def _keys(values: Array) -> tuple[Array, Array]:
    """Return which rows are numbers that differ, and what tells them apart but for their sign."""
    with np.errstate(all="ignore"):
        size = np.abs(values).max(axis=1)
        fine = (size > 1e-9) & (size < 1e9) & (np.ptp(values, axis=1) > 1e-7 * size)
        scaled = np.where(fine[:, None], values[:, :8] / size[:, None] * 1e8, 0.0)
    # The size itself, or 2·x would be x.
    with np.errstate(all="ignore"):
        sizes = np.where(fine, np.log(size) * 1e8, 0.0)
    signed = scaled * np.where(scaled[:, :1] < 0, -1.0, 1.0)
    return fine, np.rint(np.column_stack([sizes, signed])).astype(np.int64)
