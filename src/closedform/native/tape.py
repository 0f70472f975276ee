"""A formula as a list of steps over plain numbers, for one row at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Array, Node, Type, toposort
from closedform.layers import layers
from closedform.native.forest import Total, total_of
from closedform.ops.payloads import MISSING, Splits, label_code

HEAD, STEP = 11, 6
"""How long the head of a program is, and each step: op, out, args, how many, data, more."""
SIDE = 8
"""Trees that one row walks side by side."""

FUNCTIONS = (
    "exp", "log", "log1p", "expm1", "sqrt", "abs", "tanh", "sigmoid", "softplus", "sin", "cos",
    "atan", "asin", "acos", "floor", "sign", "round32",
)  # fmt: skip
"""In the order in which `row_kernel` numbers them."""
FOLDED = ("mul", "min", "max", "and", "or")
COMPARED = ("less", "less_equal", "equal")
PLAIN = {"where": 6, "not": 8, "div": 9, "pow": 10, "sum32": 13}


class Tape:
    """The steps of a formula, with all that they read.

    Attributes:
        place: where the value of each node stands.
        lacking: the operations that one row at a time has no step for.
    """

    def __init__(self, inputs: int, roots: Sequence[Node], refused: Node | None) -> None:
        """Write the steps for `roots`; a row has `inputs` values."""
        guard = [] if refused is None else [refused]
        self.nodes = toposort([*roots, *guard])
        self.inputs = inputs
        self.preset = [math.nan] * inputs
        self.place: dict[Node, int] = {}
        self.steps: list[tuple[int, ...]] = []
        self.args: list[int] = []
        self.floats: list[float] = []
        self.tests: list[int] = []
        self.sets: list[int] = []
        self.trees: list[int] = []
        self.members: list[tuple[int, int]] = []
        self.starts: list[float] = []
        self.shapes: dict[Any, int] = {}
        self.lacking: set[str] = set()
        self._sums = _sums(self.nodes, [*roots, *guard])
        for group in layers(self.nodes):
            self._write(group)
        self.refused = -1 if refused is None else self.place.get(refused, -1)
        self.outputs = [self.place.get(n, 0) for n in roots]

    def _write(self, group: list[Node]) -> None:
        first = group[0]
        if first.op is ops.LIN and first not in self._sums:
            return self._layer(group)
        if len(group) > 1 and first.op.name in FUNCTIONS and self._side_by_side(group):
            out = self._new(count=len(group))
            code = FUNCTIONS.index(first.op.name)
            self.steps.append((15, out, self.place[first.args[0]], 0, code, len(group)))
            self.place |= {n: out + i for i, n in enumerate(group)}
            return None
        for n in group:
            if n.op is ops.INPUT:
                self.place[n] = n.data
            elif n.op in (ops.CONST, ops.LABEL):
                self.place[n] = self._new(_constant(n))
            elif n in self._sums:
                self._grow(n, self._sums[n])
            elif n.op is not ops.TREE:  # or sums alone read it
                self._step(n)
        return None

    def _side_by_side(self, group: list[Node]) -> bool:
        places = [self.place[n.args[0]] for n in group]
        return places == list(range(places[0], places[0] + len(places)))

    def _new(self, value: float = math.nan, count: int = 1) -> int:
        self.preset += [value] * count
        return len(self.preset) - count

    def _put(self, values: Any) -> int:
        self.floats += [float(v) for v in values]
        return len(self.floats) - len(values)

    def _read(self, args: Sequence[Node]) -> int:
        self.args += [self.place[a] for a in args]
        return len(self.args) - len(args)

    def _layer(self, group: list[Node]) -> None:
        args = group[0].args
        weights = np.array([[n.data.bias, *n.data.weights] for n in group]).T
        out = self._new(count=len(group))
        at = self._put(weights.ravel().tolist())
        self.steps.append((0, out, self._read(args), len(args), at, len(group)))
        self.place |= {n: out + i for i, n in enumerate(group)}

    def _step(self, n: Node) -> None:
        op, at, more = self._code(n)
        if op < 0:
            self.lacking.add(n.op.name)
        out = self.place[n] = self._new()
        self.steps.append((op, out, self._read(n.args), len(n.args), at, more))

    def _code(self, n: Node) -> tuple[int, int, int]:
        """Return the step's number, where its data begin, and what else it needs."""
        name, label = n.op.name, bool(n.args) and n.args[0].type is Type.LABEL
        if name in FUNCTIONS:
            return 1, 0, FUNCTIONS.index(name)
        if name in FOLDED:
            return 4, 0, FOLDED.index(name)
        if name in COMPARED:
            return 5, 0, 3 if label and name == "equal" else COMPARED.index(name)
        if name in PLAIN:
            return PLAIN[name], 0, 0
        write = WRITTEN.get(n.op)
        return (-1, 0, 0) if write is None else write(self, n, label)

    def table(self, n: Node, label: bool) -> tuple[int, int, int]:
        """Write a table, ascending by key."""
        keys = [label_code(k) if label else float(k) for k in n.data.labels]
        entries = dict(zip(keys, n.data.values.tolist(), strict=True))
        return self._looked_up(entries, n.data.default, n.data.missing, label)

    def member(self, n: Node, label: bool) -> tuple[int, int, int]:
        """Write a set as a table of truths."""
        keys = [label_code(k) if label else float(k) for k in n.data if k is not None and k == k]
        return self._looked_up(dict.fromkeys(keys, 1.0), 0.0, 0.0, label)

    def _looked_up(
        self, entries: dict[Any, float], default: float, missing: float, label: bool
    ) -> tuple[int, int, int]:
        keys = sorted(entries)
        at = self._put([default, missing, *keys, *(entries[k] for k in keys)])
        return 11, at, 2 * len(keys) + label

    def absent(self, n: Node, label: bool) -> tuple[int, int, int]:
        """Write a test for a missing number or label."""
        return 7, 0, int(label)

    def piecewise(self, n: Node, label: bool) -> tuple[int, int, int]:
        """Write the edges, origins and coefficients of a shape function."""
        p = n.data
        at = self._put([p.missing, *p.edges.tolist(), *p.origins.tolist(), *p.coefs.ravel()])
        return 12, at, (len(p.edges) << 16) + (p.coefs.shape[1] << 1) + p.right_closed

    def distance(self, n: Node, label: bool) -> tuple[int, int, int]:
        """Write a point and its weights, in turn."""
        return 14, self._put(np.column_stack([n.data.point, n.data.weights]).ravel()), 0

    def _grow(self, n: Node, total: Total) -> None:
        lo = len(self.trees)
        args = next(a.args for _, a in total.terms if a.op is ops.TREE)
        for weight, term in total.terms:
            self._plant(weight, term, args)
        count = len(total.terms)
        if count % SIDE > 2:  # one by one, three take longer than eight do; x + -0.0 is x
            for _ in range(-count % SIDE):
                self._leaf(-0.0)
            count += -count % SIDE
        out = self.place[n] = self._new()
        self.starts.append(total.start)
        raw = all(a.op is ops.INPUT for a in args)
        step = 3 if total.single else 2
        self.steps.append((step, out, lo, count, int(raw), len(self.starts) - 1))

    def _leaf(self, value: float) -> None:
        """Plant a tree without a question: a leaf, which leads to itself."""
        root = len(self.tests)
        self.tests += [np.float64(math.inf).view(np.int64).item(), (root << 24) | 1]
        self.trees += [root, 0, self._put([value]) - root // 2, 0]

    def _plant(self, weight: float, term: Node, args: tuple[Node, ...]) -> None:
        if term.op is ops.CONST:
            return self._leaf(term.data * weight)
        splits = term.data.splits
        root = self._shape(splits, args)
        with np.errstate(all="ignore"):
            at = self._put((term.data.values * weight).tolist())
        self.trees += [root, splits.depth, at - root // 2, int(len(splits.sets) > 0)]
        return None

    def _shape(self, splits: Splits, args: tuple[Node, ...]) -> int:
        key = (splits.key, args)
        if key in self.shapes:
            return self.shapes[key]
        root = self.shapes[key] = len(self.tests)
        limits = np.where(splits.leaf, math.inf, splits.threshold)
        if splits.below:
            limits = np.where(splits.leaf, math.inf, np.nextafter(limits, -math.inf))
            if (splits.threshold[~splits.leaf] == -math.inf).any():
                self.lacking.add("tree")  # a test that no number passes
        if np.isnan(limits).any():
            self.lacking.add("tree")
        read = np.array([self.place.get(a, 0) for a in args] or [0])[splits.feature]
        in_set = ~splits.leaf & (splits.member >= 0)
        if int(read.max()) >> 22:
            self.lacking.add("tree")
        flags = (in_set << 1) | splits.missing_left | splits.leaf
        words = np.empty((len(read), 2), np.int64)
        words[:, 0] = limits.view(np.int64)
        words[:, 1] = ((2 * splits.child.astype(np.int64) + root) << 24) | (read << 2) | flags
        for i in np.flatnonzero(in_set).tolist():
            self.members.append((root + 2 * i, len(self.sets)))
            codes = splits.sets[splits.member[i]]
            self.sets += [len(codes), *codes.astype(int).tolist()]
        self.tests += words.ravel().tolist()
        return root

    def program(self) -> Array:
        """Return all of it as one array, for one argument less is 60 ns less."""
        tests = np.array(self.tests, np.int64)
        for at, row in self.members:
            tests[at] = row + len(tests)
        steps = np.array(self.steps, np.int64).reshape(-1, STEP)
        grown = (steps[:, 0] == 2) | (steps[:, 0] == 3)
        first = HEAD + steps.size
        floats = first + len(self.args) + 1
        nodes = floats + len(self.floats)
        trees = nodes + len(tests) + len(self.sets)
        preset = trees + len(self.trees)
        starts = preset + len(self.preset)
        steps[grown, 5] += starts
        end = starts + len(self.starts)
        head = [HEAD, first, floats, nodes, trees, preset, len(self.preset), end, self.inputs]
        head += [self.refused, self.outputs[0] if self.outputs else 0]
        numbers = [self.floats, self.preset, self.starts]
        held, values, start = (np.array(v, np.float64).view(np.int64) for v in numbers)
        whole = [head, steps.ravel(), self.args, [0], held, tests, self.sets]
        whole += [self.trees, values, start]
        return np.concatenate([np.asarray(part, np.int64) for part in whole])


WRITTEN: dict[Any, Callable[[Tape, Node, bool], tuple[int, int, int]]] = {
    ops.TABLE: Tape.table,
    ops.MEMBER: Tape.member,
    ops.ABSENT: Tape.absent,
    ops.PIECEWISE: Tape.piecewise,
    ops.SQUARED_DISTANCE: Tape.distance,
}


def _constant(n: Node) -> float:
    if n.op is ops.CONST:
        return float(n.data)
    return float(MISSING if n.data[0] is None else label_code(n.data[0]))


def _sums(nodes: Sequence[Node], roots: Sequence[Node]) -> dict[Node, Total]:
    found = {n: total_of(n) for n in nodes if n.op is not ops.TREE}
    sums = {n: total for n, total in found.items() if total is not None}
    alone = {a for n in nodes if n not in sums for a in n.args}.union(roots)
    for n in nodes:
        total = total_of(n) if n.op is ops.TREE and n in alone else None
        if total is not None:
            sums[n] = total
    return sums
