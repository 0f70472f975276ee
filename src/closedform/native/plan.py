"""The order of a formula's computation, with forests in kernels and layers in buffers of their own.

All else is computed as the interpreter does, by its own actions: nothing is refused.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import cached_property
from itertools import chain
from threading import local
from typing import Any

import numpy as np

from closedform import ops
from closedform.evaluate import Action, Plan, Run
from closedform.ir import Array, Node, toposort
from closedform.native.forest import Forest, forests, total_of

CACHE = 1 << 20
"""Bytes that the layers of a block may take: half of a core's L2. 1,024 rows of a network
15-60-60-1, 2.5 times as fast as the 16,384 that fit the last cache."""

ONE_CALL = {
    "tanh": np.tanh, "exp": np.exp, "log": np.log, "log1p": np.log1p, "expm1": np.expm1,
    "sqrt": np.sqrt, "abs": np.abs, "sin": np.sin, "cos": np.cos, "atan": np.arctan,
    "asin": np.arcsin, "acos": np.arccos, "floor": np.floor, "sign": np.sign,
    "max": np.maximum, "min": np.minimum, "mul": np.multiply, "div": np.divide,
}  # fmt: skip
"""Functions that NumPy computes by one call, which can write to where it reads."""


Keep = Callable[[Run, Array], None]


class Buffers(local):
    """Memory that one thread uses again for every block; fresh pages cost as much as a layer."""

    def __init__(self) -> None:
        self.arrays: dict[int, Array] = {}

    def get(self, number: int, shape: tuple[int, int], dtype: Any) -> Array:
        """Return the array of a group of nodes; its contents are whatever they were."""
        found = self.arrays.get(number)
        if found is None or found.shape != shape:
            found = self.arrays[number] = np.empty(shape, dtype)
        return found


class Rows(dict[Node, Array]):
    """The values of a block, inputs and rows of layers among them: looked up when asked for.

    240 units of a network, entered one by one for every 1,024 rows, took a tenth of the time.
    """

    def __init__(self, plan: Plan, run: Run) -> None:
        self.at, self.layers, self.inputs = plan.layer, run.layers, run.inputs

    def __missing__(self, n: Node) -> Array:
        """Return an input or a row of a layer."""
        if n.op is ops.INPUT:
            read: Array = self.inputs[n.data]
            return read
        number, row = self.at[n]
        found: Array = self.layers[number][row]
        return found


class CompiledPlan(Plan):
    """A plan whose forests run in kernels (where there are any), and whose layers stay in cache."""

    def __init__(self, roots: Sequence[Node], dtype: Any, kernels: bool) -> None:
        """Plan the computation of `roots`, layers in `dtype`."""
        nodes = toposort(roots)
        self.dtype, self.buffers, self.compiled = dtype, Buffers(), kernels
        self.users = Counter([*roots, *chain.from_iterable(n.args for n in nodes)])
        self.loose = any(
            n.op is not ops.LIN and any(a.op is ops.INPUT for a in n.args) for n in nodes
        ) or any(n.op is ops.INPUT for n in roots)
        self.forests = _forests(nodes, roots) if kernels else {}
        self.grown = {n for made in self.forests.values() for f in made for n in f.nodes}
        self.kernels = {forest.how for made in self.forests.values() for forest in made}
        super().__init__(roots)
        self.block = self._rows()

    def _rows(self) -> int:
        """Return how many rows of the widest stretch of work stay in cache; forests take more."""
        if [n.op for n in self.nodes if n.op is not ops.INPUT] == [ops.LIN]:
            return self.block  # it reads each row once; for 8,192 rows, calls took a tenth
        layered = sum(n.op is ops.LIN and n not in self.grown for n in self.nodes)
        wide = 1 + layered * np.dtype(self.dtype).itemsize
        fit: int = 1 << max(1, CACHE // wide).bit_length() - 1
        return max(1024, min(8192, self.block, fit))

    def _action(self, number: int, group: list[Node]) -> Action:
        first = group[0]
        if first.op is ops.INPUT:
            return _nothing
        if first.op is ops.TREE and first.args in self.forests:
            if first.args in self._planted:
                return _nothing
            self._planted.add(first.args)
            return self._grow(number, self.forests[first.args])
        if first in self.grown:
            return _nothing
        return super()._action(number, group)

    def __call__(self, run: Run) -> list[Array]:
        """Return the value of each root for the rows of a block."""
        if run.matrix is not None and run.matrix.dtype != np.float64:
            self._widen(run, run.matrix)
        run.values = Rows(self, run)
        return super().__call__(run)

    def _widen(self, run: Run, matrix: Array) -> None:
        """Make doubles of single inputs; layers in single precision take them as they come."""
        if self.dtype == np.float64:
            run.matrix = matrix = matrix.astype(np.float64)
        if matrix.dtype == np.float64 or self.loose:
            run.inputs = matrix.astype(np.float64, copy=False)

    def _remember(self, number: int, group: list[Node]) -> Callable[[Run, Array], None]:
        for row, n in enumerate(group):
            self.layer[n] = (number, row)
        return lambda run, made: run.layers.__setitem__(number, made)

    @cached_property
    def _planted(self) -> set[tuple[Node, ...]]:
        return set()

    def _grow(self, number: int, made: Sequence[Forest]) -> Action:
        from closedform.native.kernels import ADD

        whole = self._rows_of(made[0].args)
        later = [any(f.nodes == g.nodes for g in made[:i]) for i, f in enumerate(made)]

        def act(run: Run) -> None:
            x, out = whole(run), None
            for i, forest in enumerate(made):
                if out is None or not later[i]:
                    out = np.empty((len(forest.nodes), run.rows))
                fixed = (*forest.columns, forest.code, forest.trees, forest.terms, forest.leaves)
                ADD[forest.how](x, *fixed, forest.start, later[i], out)
                run.values.update(zip(forest.nodes, out, strict=True))

        return act

    def _rows_of(self, args: tuple[Node, ...], dtype: Any = np.float64) -> Callable[[Run], Array]:
        """Return how columns are had as one writable matrix in C order, shape (rows, columns)."""
        picked = [a.data for a in args] if _all_inputs(args) else None

        def whole(run: Run) -> Array:
            if run.matrix is not None and picked == list(range(len(run.matrix))):
                x: Array = run.matrix.T
                ready = x.dtype == dtype and x.flags.c_contiguous and x.flags.writeable
                return x if ready else np.array(x, dtype, order="C")
            made = np.empty((run.rows, len(args)), dtype)
            for i, arg in enumerate(args):
                made[:, i] = run.values[arg]
            return made

        return whole

    def _multiply(self, number: int, group: list[Node]) -> Action:
        args, dtype = group[0].args, self.dtype
        if not args:
            return super()._multiply(number, group)
        keep = self._remember(number, group)
        bias = np.array([n.data.bias for n in group], dtype)
        weights = np.array([n.data.weights for n in group], dtype)
        if self.compiled and len(group) == 1 and len(args) >= 8 and _all_inputs(args):
            return self._dot(number, group[0], keep)
        if self.compiled and len(group) >= 4:
            return self._dense(number, weights, bias, args, keep)
        whole, shift = self._whole(args), bool(bias.any())

        def act(run: Run) -> None:
            out = self.buffers.get(number, (len(group), run.rows), dtype)
            np.matmul(weights, whole(run).astype(dtype, copy=False), out=out)
            if shift:
                np.add(out, bias[:, None], out=out)
            keep(run, out)

        return act

    def _dense(
        self, number: int, weights: Array, bias: Array, args: tuple[Node, ...], keep: Keep
    ) -> Action:
        from closedform.native.dense import LAYER, packed

        whole, (units, dtype) = self._whole(args), (len(weights), weights.dtype)
        w, shift = packed(weights, bias)
        multiply = LAYER[dtype.itemsize]

        def act(run: Run) -> None:
            x = whole(run)
            if x.dtype != dtype or not x.flags.c_contiguous or not x.flags.writeable:
                mine = self.buffers.get(-1 - number, x.shape, dtype)
                mine[:] = x
                x = mine
            out = self.buffers.get(number, (len(shift), run.rows), dtype)
            multiply(w, shift, x, out)
            keep(run, out[:units])

        return act

    def _dot(self, number: int, n: Node, keep: Keep) -> Action:
        from closedform.native.dense import dot

        args, bias, weights = n.args, n.data.bias, n.data.weights
        # Rows of doubles are as soon multiplied as rounded.
        wide, narrow = self._rows_of(args), self._rows_of(args, np.float32)
        known = {
            np.dtype(kind): weights.astype(kind, copy=True) for kind in (np.float64, np.float32)
        }

        def act(run: Run) -> None:
            single = run.matrix is not None and run.matrix.dtype == self.dtype == np.float32
            x = narrow(run) if single else wide(run)
            out = self.buffers.get(number, (1, run.rows), x.dtype)
            dot(known[x.dtype], x.dtype.type(bias), x, out[0])
            keep(run, out)

        return act

    def _map(self, number: int, group: list[Node]) -> Action:
        function = ONE_CALL.get(group[0].op.name)
        below = tuple(n.args[0] for n in group)
        layer = {self.layer.get(a, (-1, -1))[0] for a in below}
        if function is None or layer == {-1} or len(group[0].args) > 2:
            return super()._map(number, group)
        whole, keep, rest = self._whole(below), self._remember(number, group), group[0].args[1:]
        once = all(self.users[a] == 1 and self._is_layer(a, below) for a in below)

        def act(run: Run) -> None:
            x = whole(run)
            out = x if once else self.buffers.get(number, x.shape, x.dtype)
            function(x, *[_narrow(run.values[a], x.dtype) for a in rest], out=out)
            keep(run, out)

        return act

    def _is_layer(self, n: Node, group: tuple[Node, ...]) -> bool:
        """Tell whether a node's value is a row of a buffer of this plan that goes in whole."""
        number, row = self.layer.get(n, (-1, -1))
        return n.op is ops.LIN and number >= 0 and group[row : row + 1] == (n,)


def _all_inputs(args: Sequence[Node]) -> bool:
    return all(a.op is ops.INPUT for a in args)


def _narrow(x: Array, dtype: Any) -> Array:
    """Return a constant in the type of the layer, which it would widen otherwise."""
    return x.astype(dtype) if x.ndim == 0 else x


def _nothing(_: Run) -> None:
    """Do nothing: these nodes are inputs, or were computed with others."""


def _forests(nodes: Sequence[Node], roots: Sequence[Node]) -> dict[tuple[Node, ...], list[Forest]]:
    """Return the forests of a graph by the columns that they read."""
    sums = {n: found for n in nodes if n.op is not ops.TREE and (found := total_of(n))}
    others = [n for n in nodes if n not in sums]
    alone = {a for n in others for a in n.args if a.op is ops.TREE}
    alone.update(n for n in roots if n.op is ops.TREE)
    wanted = [*sums.values(), *(found for n in nodes if n in alone and (found := total_of(n)))]
    made: dict[tuple[Node, ...], list[Forest]] = {}
    try:
        for forest in forests(wanted):
            made.setdefault(forest.args, []).append(forest)
    except OverflowError:  # the interpreter walks them
        return {}
    return made
