"""The constants of layered sums, as networks are: values and Jacobian by matrix products.

The same vector as `Constants` makes, many times sooner: a 15-8-1 network, 137 constants, on 8,000
rows takes 25 ms for the Jacobian, and 15-60-60-1 with its 4,681 constants is in reach at all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from closedform import ops
from closedform.evaluate import compute
from closedform.fitting.constants import Constants, Free, Slot, slots_of, written
from closedform.ir import Array, Node, toposort

Slope = Callable[[Array, Array], Array]
Index = dict[tuple[Node, str, int], int]


def _sigmoid_slope(x: Array, y: Array) -> Array:
    return np.asarray(y * (1 - y))


SLOPES: dict[str, Slope] = {
    "tanh": lambda x, y: 1 - y * y,
    "sigmoid": _sigmoid_slope,
    "softplus": lambda x, y: -np.expm1(-y),
    "exp": lambda x, y: y,
    "sin": lambda x, y: np.cos(x),
    "cos": lambda x, y: -np.sin(x),
    "abs": lambda x, y: np.sign(x),
    "atan": lambda x, y: 1 / (1 + x * x),
    "max": lambda x, y: (y > 0).astype(float),
}
"""Slope of each function that a unit may be, from its argument and its value; max: of x and 0."""


@dataclass(frozen=True, eq=False)
class _Sums:
    """Sums that are computed together.

    Attributes:
        into, of: the places of the sums, and of all that some of them add.
        slots: which constants of the vector are theirs.
        place: where each stands in `table`, flat.
        table: bias first, then the weights, shape (sums, 1 + terms); what is not free is in it.
        spans: for each sum the places of what its free weights weigh, and which constants these
            weights are, that of its bias last where that is free.
    """

    into: Array
    of: Array
    slots: Array
    place: Array
    table: Array
    spans: list[tuple[Array, Array]]

    def filled(self, theta: Array) -> Array:
        made = self.table.copy()
        made.reshape(-1)[self.place] = theta[self.slots]
        return made


@dataclass(frozen=True, eq=False)
class _Units:
    """Functions of one kind that are computed together."""

    name: str
    into: Array
    of: Array

    def forward(self, values: Array) -> None:
        x = values[self.of]
        relu = self.name == "max"
        values[self.into] = np.maximum(x, 0.0) if relu else ops.UNARY[self.name].numpy(None, x)

    def backward(self, values: Array, back: Array) -> None:
        slope = SLOPES[self.name](values[self.of], values[self.into])
        back[self.of] += back[self.into] * slope  # no two of them are of one node


@dataclass(frozen=True, eq=False)
class _Product:
    """One product of several nodes."""

    into: int
    of: list[int]

    def forward(self, values: Array) -> None:
        values[self.into] = np.prod(values[self.of], axis=0)

    def backward(self, values: Array, back: Array) -> None:
        for i, at in enumerate(self.of):
            others = self.of[:i] + self.of[i + 1 :]
            back[at] += back[self.into] * np.prod(values[others], axis=0)


class Layered(Constants):
    """The free constants of REAL nodes that are sums and units over fixed columns.

    `fits` tells whether nodes are of this kind; what `Constants` promises holds here, too.
    """

    def __init__(self, roots: Sequence[Node], free: Free = written) -> None:
        """Lay out the nodes in levels; columns are what holds no free constant."""
        super().__init__(roots, free)
        order = toposort(self.roots)
        self._fixed = _fixed(order, self.slots)
        self._at: dict[Node, int] = {}
        columns = {a for n in order if n not in self._fixed for a in n.args if a in self._fixed}
        columns |= {n for n in self.roots if n in self._fixed}
        self._columns = [n for n in order if n in columns]
        moving = [n for n in order if n not in self._fixed]
        self._at = {n: i for i, n in enumerate([*self._columns, *moving])}
        index = {(s.node, s.kind, s.place): i for i, s in enumerate(self.slots)}
        self._blocks = [self._block(group, index) for group in _levels(moving, self._fixed)]
        self._seen: tuple[object, Array] | None = None

    def _block(self, group: list[Node], index: Index) -> _Sums | _Units | _Product:
        first, into = group[0], np.array([self._at[n] for n in group])
        if first.op is ops.MUL:
            return _Product(self._at[first], [self._at[a] for a in first.args])
        if first.op is not ops.LIN:
            return _Units(first.op.name, into, np.array([self._at[_operand(n)] for n in group]))
        return self._sums(group, into, index)

    def _sums(self, group: list[Node], into: Array, index: Index) -> _Sums:
        args = list(dict.fromkeys(a for n in group for a in n.args))
        column = {a: 1 + i for i, a in enumerate(args)}
        table = np.zeros((len(group), 1 + len(args)))
        spans: list[tuple[Array, Array]] = []
        slots: list[int] = []
        place: list[int] = []
        for row, n in enumerate(group):
            table[row, 0] = n.data.bias
            at = [column[a] for a in n.args]
            table[row, at] = n.data.weights
            free = [i for i in range(len(at)) if (n, "weight", i) in index]
            mine = [index[n, "weight", i] for i in free]
            where = [at[i] for i in free]
            if (n, "bias", 0) in index:
                mine.append(index[n, "bias", 0])
                where.append(0)
            weighed = [self._at[n.args[i]] for i in free]
            spans.append((np.array(weighed, int), np.array(mine, int)))
            slots += mine
            place += [row * table.shape[1] + i for i in where]
        of = np.array([self._at[a] for a in args], int)
        return _Sums(into, of, np.array(slots, int), np.array(place, int), table, spans)

    def _forward(
        self, theta: Array, inputs: Sequence[Array], rows: int
    ) -> tuple[Array, list[Array]]:
        """Return the value of every node, shape (nodes, rows), and the weights of each level."""
        values = np.empty((len(self._at), rows))
        values[: len(self._columns)] = self._given(inputs, rows)
        tables: list[Array] = []
        for block in self._blocks:
            if not isinstance(block, _Sums):
                block.forward(values)
                continue
            table = block.filled(theta)
            tables.append(table)
            values[block.into] = table[:, 1:] @ values[block.of] + table[:, :1]
        return values, tables

    def _given(self, inputs: Sequence[Array], rows: int) -> Array:
        if self._seen is None or self._seen[0] is not inputs:
            made = compute(self._columns, inputs, rows)
            self._seen = (inputs, np.array(made).reshape(len(made), rows))
        return self._seen[1]

    def values(self, theta: Array, inputs: Sequence[Array], rows: int) -> Array:
        """Return the value of each root, shape (rows, roots), inputs as `columns_of` gives them."""
        with np.errstate(all="ignore"):
            made, _ = self._forward(np.asarray(theta, dtype=float), inputs, rows)
        return made[[self._at[n] for n in self.roots]].T

    def both(self, theta: Array, inputs: Sequence[Array], rows: int) -> tuple[Array, Array]:
        """Return the values, and the Jacobian, shape (rows, roots, constants)."""
        slopes = np.zeros((len(self), len(self.roots), rows))
        with np.errstate(all="ignore"):
            made, tables = self._forward(np.asarray(theta, dtype=float), inputs, rows)
            for k, root in enumerate(self.roots):
                for slots, part in self._backward(made, tables, {root: np.ones(rows)}):
                    slopes[slots, k] = part
        return made[[self._at[n] for n in self.roots]].T, slopes.transpose(2, 1, 0)

    def by_root(
        self, theta: Array, inputs: Sequence[Array], rows: int
    ) -> tuple[Array, list[tuple[Array, Array]]]:
        """Return the values, and for each root which constants move it, and how.

        The latter is of shape (constants, rows): ten classes over five units have 660 constants,
        of which 250 move each.
        """
        found: list[tuple[Array, Array]] = []
        with np.errstate(all="ignore"):
            made, tables = self._forward(np.asarray(theta, dtype=float), inputs, rows)
            for root in self.roots:
                every = self._backward(made, tables, {root: np.ones(rows)})
                moves = [(slots, part) for slots, part in every if part.any()]
                slots = [slots for slots, _ in moves] or [np.empty(0, int)]
                parts = [part for _, part in moves] or [np.empty((0, rows))]
                found.append((np.concatenate(slots), np.concatenate(parts)))
        return made[[self._at[n] for n in self.roots]].T, found

    def by_sum(
        self, theta: Array, inputs: Sequence[Array], rows: int
    ) -> Iterator[tuple[Array, Array, int]]:
        """Yield the Jacobian in parts, that of one root and one sum at a time.

        Each part is the places of the constants in the vector, how the root moves with them, shape
        (constants, rows), and which root it is. Far less memory than `both` takes.
        """
        with np.errstate(all="ignore"):
            made, tables = self._forward(np.asarray(theta, dtype=float), inputs, rows)
        for k, root in enumerate(self.roots):
            parts = self._backward(made, tables, {root: np.ones(rows)})
            while True:
                # Not around the yield: the caller's own error state would be silenced meanwhile.
                with np.errstate(all="ignore"):
                    found = next(parts, None)
                if found is None:
                    break
                yield *found, k

    def slope(
        self, theta: Array, inputs: Sequence[Array], rows: int, outer: Callable[[Array], Array]
    ) -> tuple[Array, Array]:
        """Return the values, and the gradient of a loss, shape (constants,).

        Args:
            theta, inputs, rows: as for `values`.
            outer: values → how the loss moves with each of them, both of shape (rows, roots).
        """
        total = np.zeros(len(self))
        with np.errstate(all="ignore"):
            made, tables = self._forward(np.asarray(theta, dtype=float), inputs, rows)
            values = made[[self._at[n] for n in self.roots]].T
            start: dict[Node, Array] = {}
            for root, column in zip(self.roots, outer(values).T, strict=True):
                start[root] = start.get(root, 0.0) + column
            for block, upstream in self._upstream(made, tables, start):
                whole = np.column_stack([upstream.sum(axis=1), upstream @ made[block.of].T])
                total[block.slots] = whole.reshape(-1)[block.place]
        return values, total

    def _backward(
        self, made: Array, tables: list[Array], start: dict[Node, Array]
    ) -> Iterator[tuple[Array, Array]]:
        """Yield how the roots, weighed by `start`, move with the constants of each sum."""
        for block, upstream in self._upstream(made, tables, start):
            for back, (weighed, mine) in zip(upstream, block.spans, strict=True):
                part = np.empty((len(mine), made.shape[1]))
                np.multiply(made[weighed], back, out=part[: len(weighed)])
                part[len(weighed) :] = back
                yield mine, part

    def _upstream(
        self, made: Array, tables: list[Array], start: dict[Node, Array]
    ) -> Iterator[tuple[_Sums, Array]]:
        """Yield how the roots, weighed by `start`, move with each level of sums."""
        back = np.zeros_like(made)
        for root, column in start.items():
            back[self._at[root]] = column
        first, left = len(self._columns), list(tables)
        for block in reversed(self._blocks):
            if not isinstance(block, _Sums):
                block.backward(made, back)
                continue
            table, upstream = left.pop(), back[block.into]
            yield block, upstream
            inner = block.of >= first
            if inner.any():
                back[block.of[inner]] += table[:, 1:][:, inner].T @ upstream


def constants_of(roots: Sequence[Node], free: Free = written) -> Constants:
    """Return the free constants of nodes in the layout that computes them soonest."""
    slots = [slot for n in toposort(roots) for slot in slots_of(n) if free(slot)]
    return (Layered if fits(roots, slots) else Constants)(roots, free)


def fits(roots: Sequence[Node], slots: Sequence[Slot]) -> bool:
    """Tell whether every node over a free constant is a sum, or a unit of one argument."""
    if any(slot.kind not in ("bias", "weight") or slot.node.op is not ops.LIN for slot in slots):
        return False
    order = toposort(roots)
    fixed = _fixed(order, slots)
    return all(n in fixed or _is_sum(n) or n.op is ops.MUL or _is_unit(n) for n in order)


def _is_sum(n: Node) -> bool:
    return n.op is ops.LIN and len(set(n.args)) == len(n.args)


def _fixed(order: Sequence[Node], slots: Sequence[Slot]) -> set[Node]:
    """Return the nodes that no free constant moves."""
    holds = {slot.node for slot in slots}
    found: set[Node] = set()
    for n in order:
        if n not in holds and all(a in found for a in n.args):
            found.add(n)
    return found


def _is_unit(n: Node) -> bool:
    if n.op is ops.MAX:
        return len(n.args) == 2 and sum(_is_zero(a) for a in n.args) == 1
    return n.op.name in SLOPES


def _is_zero(n: Node) -> bool:
    return n.op is ops.CONST and n.data == 0


def _operand(n: Node) -> Node:
    return next(a for a in n.args if not _is_zero(a))


def _levels(moving: Sequence[Node], fixed: set[Node]) -> Iterator[list[Node]]:
    """Yield the nodes in groups: the sums of one depth, or the units of one kind there."""
    depth: dict[Node, int] = {}
    groups: dict[tuple[int, str, int], list[Node]] = {}
    for n in moving:
        depth[n] = 1 + max((depth[a] for a in n.args if a not in fixed), default=0)
        # Products are not computed together: each is a group of its own.
        alone = len(groups) if n.op is ops.MUL else 0
        groups.setdefault((depth[n], n.op.name, alone), []).append(n)
    yield from (groups[key] for key in sorted(groups, key=lambda key: key[0]))
