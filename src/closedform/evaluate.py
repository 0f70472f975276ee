"""The NumPy interpreter: the reference meaning of a formula, and fast.

Nodes that can be computed together are: `lin` nodes over the same arguments are one matrix
product, a function of a whole such layer is one call, trees of one shape are walked once. Rows go
through in blocks, so that memory stays bounded whatever their number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from closedform import ops
from closedform.columns import columns_of, flattened
from closedform.formula import Formula, refusals
from closedform.ir import EVERYTHING, Array, Interval, Node, Type, fold, toposort
from closedform.layers import layers
from closedform.ops.payloads import Label, know_labels, labels_of, leaves_of

BLOCK_BYTES = 8 << 20
"""What the live columns of one block may take together: about a processor's cache."""

Columns = Sequence[Array] | Array
Values = dict[Node, Array]
Action = Callable[["Run"], None]


class Run:
    """The values computed for one block of rows."""

    def __init__(self, inputs: Columns, matrix: Array | None, rows: int) -> None:
        """Start a block from its input columns, or from one matrix (inputs, rows)."""
        self.inputs = inputs
        self.matrix = matrix
        self.rows = rows
        self.values: Values = {}
        self.layers: dict[int, Array] = {}
        self.stacks: dict[tuple[Node, ...], tuple[Array, bool]] = {}

    def column(self, n: Node) -> Array:
        """Return the value of a node for each row, constants spread out."""
        return np.broadcast_to(self.values[n], (self.rows,))

    def stack(self, args: tuple[Node, ...]) -> tuple[Array, bool]:
        """Return columns as one contiguous matrix, and whether a value among them is missing."""
        found = self.stacks.get(args)
        if found is None:
            made = np.empty((len(args), self.rows))
            for row, arg in zip(made, args, strict=True):
                row[:] = self.values[arg]
            found = self.stacks[args] = (made, bool(np.isnan(made).any()))
        return found


class Plan:
    """The order in which a formula's nodes are computed, and which of them together."""

    def __init__(self, roots: Sequence[Node]) -> None:
        """Plan the computation of `roots`."""
        self.roots = tuple(roots)
        self.nodes = toposort(roots)
        know_labels(labels_in(self.nodes))  # of nodes that another process has pickled, too
        self.layer: dict[Node, tuple[int, int]] = {}
        groups = layers(self.nodes)
        self.actions = [self._action(i, group) for i, group in enumerate(groups)]
        self.block = _block_rows(self.nodes)

    def _action(self, number: int, group: list[Node]) -> Action:
        first = group[0]
        if first.op is ops.INPUT:
            return _read_input(first)
        if first.op is ops.TREE:
            return _walk_tree(group)
        if first.op is ops.LIN and not _adds_in_order(group):
            return self._multiply(number, group)
        if first.op is ops.SQUARED_DISTANCE:
            return self._measure(number, group)
        if len(group) > 1 and first.op is not ops.LIN:
            return self._map(number, group)
        return _apply(group)

    def _remember(self, number: int, group: list[Node]) -> Callable[[Run, Array], None]:
        for row, n in enumerate(group):
            self.layer[n] = (number, row)

        def keep(run: Run, made: Array) -> None:
            run.layers[number] = made
            run.values.update(zip(group, made, strict=True))

        return keep

    def _whole(self, args: tuple[Node, ...]) -> Callable[[Run], Array]:
        """Return how `args` are had as one matrix: without a copy where they are one layer."""
        if all(a.op is ops.INPUT for a in args):
            picked = [a.data for a in args]
            return lambda run: _inputs(run, picked, args)
        at = [self.layer.get(a, (-1, -1)) for a in args]
        number, rows = at[0][0], [row for _, row in at]
        if number >= 0 and all(n == number for n, _ in at):
            if rows == list(range(len(rows))):
                size = len(rows)
                return lambda run: run.layers[number][:size]
            return lambda run: run.layers[number][rows]
        return lambda run: run.stack(args)[0]

    def _multiply(self, number: int, group: list[Node]) -> Action:
        args = group[0].args
        bias = np.array([n.data.bias for n in group])[:, None]
        if not args:
            return lambda run: run.values.update({n: np.asarray(n.data.bias) for n in group})
        whole, keep = self._whole(args), self._remember(number, group)
        weights = np.array([n.data.weights for n in group])

        def act(run: Run) -> None:
            made = weights @ whole(run)
            made += bias
            keep(run, made)

        return act

    def _measure(self, number: int, group: list[Node]) -> Action:
        whole, keep = self._whole(group[0].args), self._remember(number, group)
        points = np.array([n.data.point for n in group]).T[:, :, None]
        weights = np.array([n.data.weights for n in group]).T[:, :, None]

        def act(run: Run) -> None:
            made = np.zeros((len(group), run.rows))
            for x, point, weight in zip(whole(run), points, weights, strict=True):
                away = x - point
                away *= away
                away *= weight
                made += away
            keep(run, made)

        return act

    def _map(self, number: int, group: list[Node]) -> Action:
        whole = self._whole(tuple(n.args[0] for n in group))
        keep, function, rest = self._remember(number, group), group[0].op.numpy, group[0].args[1:]
        return lambda run: keep(run, function(None, whole(run), *[run.values[a] for a in rest]))

    def __call__(self, run: Run) -> list[Array]:
        """Return the value of each root for the rows of a block."""
        for act in self.actions:
            act(run)
        return [run.column(root) for root in self.roots]


LOOKED_UP = (ops.TREE, ops.TABLE, ops.PIECEWISE, ops.CONST)


def _adds_in_order(group: Sequence[Node]) -> bool:
    """Tell whether sums are added from left to right, as the models that they come from do.

    So are sums of trees, and plain sums of looked-up numbers: an explainable boosting machine. A
    matrix product adds in an order of its own, and left 4 of 10 rows with the same bits.
    """
    args = group[0].args
    if any(a.op is ops.TREE for a in args):
        return True
    return all(a.op in LOOKED_UP for a in args) and all(
        (n.data.weights == 1.0).all() for n in group
    )


def _block_rows(nodes: Sequence[Node]) -> int:
    width = sum(1 for n in nodes if n.op is not ops.CONST and n.op is not ops.TREE) + 1
    return max(1024, min(16384, BLOCK_BYTES // (8 * width)))


def labels_in(nodes: Sequence[Node]) -> Iterator[Label]:
    """Yield every label that some node tests or gives."""
    for n in nodes:
        if n.op in (ops.LABEL, ops.MEMBER):
            yield from (label for label in n.data if label is not None)
        elif n.op is ops.TABLE:
            yield from n.data.labels


def _read_input(n: Node) -> Action:
    return lambda run: run.values.__setitem__(n, run.inputs[n.data])


def _inputs(run: Run, picked: list[int], args: tuple[Node, ...]) -> Array:
    if run.matrix is None:
        return run.stack(args)[0]
    if picked == list(range(len(run.matrix))):
        return run.matrix
    return run.matrix[picked]


def _walk_tree(group: list[Node]) -> Action:
    splits, args = group[0].data.splits, group[0].args

    def act(run: Run) -> None:
        x, may_miss = run.stack(args)
        leaf = leaves_of(splits, x, may_miss=may_miss)
        for n in group:
            run.values[n] = n.data.values.take(leaf)

    return act


def _apply(group: list[Node]) -> Action:
    op, args = group[0].op.numpy, group[0].args

    def act(run: Run) -> None:
        columns = [run.values[a] for a in args]
        for n in group:
            run.values[n] = op(n.data, *columns)

    return act


_PLANS: WeakKeyDictionary[Formula, Plan] = WeakKeyDictionary()


def _plan(formula: Formula) -> Plan:
    plan = _PLANS.get(formula)
    if plan is None:
        plan = _PLANS[formula] = Plan(roots_of(formula))
    return plan


def roots_of(formula: Formula) -> list[Node]:
    """Return what a plan computes: the outputs, and where there is one, which rows are refused."""
    return [*formula.roots, *([] if formula.refused is None else [formula.refused])]


def compute(roots: Sequence[Node], inputs: Sequence[Array], rows: int) -> list[Array]:
    """Return the value of each node for columns as `columns_of` gives them.

    Numbers come as float64, conditions as bool, labels as integer codes.
    """
    return _compute(Plan(roots), inputs, None, rows)


def _compute(plan: Plan, inputs: Sequence[Array], matrix: Array | None, rows: int) -> list[Array]:
    out = columns_for(plan, rows)
    fill(plan, inputs, matrix, range(rows), out)
    return out


def columns_for(plan: Plan, rows: int) -> list[Array]:
    """Return a column for each root, for `fill` to write to."""
    return [np.empty(rows, dtype=_DTYPES[root.type]) for root in plan.roots]


def fill(
    plan: Plan, inputs: Columns, matrix: Array | None, rows: range, out: Sequence[Array]
) -> None:
    """Compute some of the rows, block by block.

    Args:
        plan: what to compute.
        inputs: one array for each input, as `columns_of` gives them; or `matrix` itself.
        matrix: the same as one array (inputs, rows), where there is one.
        rows: which of them.
        out: where the value of each root is written.
    """
    with np.errstate(all="ignore"):
        for lo in range(rows.start, rows.stop, plan.block):
            hi = min(rows.stop, lo + plan.block)
            part = None if matrix is None else matrix[:, lo:hi]
            # 30 slices take as long as 500 rows of a sum.
            same = inputs[:, lo:hi] if isinstance(inputs, np.ndarray) else None
            run = Run([c[lo:hi] for c in inputs] if same is None else same, part, hi - lo)
            for whole, block in zip(out, plan(run), strict=True):
                whole[lo:hi] = block


_DTYPES = {Type.REAL: np.float64, Type.BOOL: np.bool_, Type.LABEL: np.int64}


def inputs_of(formula: Formula, X: Any) -> tuple[list[Array], Array | None, int]:
    """Return rows as one column for each input, as one matrix (inputs, rows), and their number.

    There is a matrix where the rows came as an array of float64.

    Raises:
        BadInput: the rows do not fit the formula's inputs.
    """
    X = flattened(formula.inputs, X)
    inputs, rows = columns_of(formula.inputs, X, formula.needed)
    whole = isinstance(X, np.ndarray) and X.dtype == np.float64
    return inputs, X.T if whole else None, rows


def evaluate(formula: Formula, X: Any) -> dict[str, Array]:
    """Return every output by name, each of shape (rows,).

    Rows that the model refuses give NaN, or None for a label.

    Raises:
        BadInput: the rows do not fit the formula's inputs.
    """
    return finished(formula, _compute(_plan(formula), *inputs_of(formula, X)))


def finished(formula: Formula, values: Sequence[Array]) -> dict[str, Array]:
    """Return the outputs by name, labels as such, from the columns of a plan's roots.

    Where rows can be refused, the last column tells which.
    """
    refused = None if formula.refused is None else values[-1]
    return {
        name: _finish(formula, name, column, refused)
        for name, column in zip(formula.outputs, values, strict=False)
    }


def predict(formula: Formula, X: Any, output: str | None = None) -> Array:
    """Return the prediction, or one named output, for each row."""
    wanted = formula.answer if output is None else (output,)
    # The same object as before where nothing is left out, so that its plan is found again.
    whole = wanted == tuple(formula.outputs)
    part = formula if whole else _only(formula, wanted)
    return side_by_side(list(evaluate(part, X).values()))


def side_by_side(columns: Sequence[Array]) -> Array:
    """Return columns as one array; labels of unlike types stay what they are."""
    if len(columns) == 1:
        return columns[0]
    if len({c.dtype.kind for c in columns}) > 1:
        columns = [c.astype(object) for c in columns]
    return np.column_stack(columns)


_PARTS: WeakKeyDictionary[Formula, dict[tuple[str, ...], Formula]] = WeakKeyDictionary()


def _only(formula: Formula, wanted: tuple[str, ...]) -> Formula:
    parts = _PARTS.setdefault(formula, {})
    if wanted not in parts:
        parts[wanted] = formula.only(*wanted)
    return parts[wanted]


def _finish(formula: Formula, name: str, column: Array, refused: Array | None) -> Array:
    if formula.outputs[name].type is Type.LABEL:
        if refused is not None:
            column = np.where(refused, -1, column)
        return _as_classes(labels_of(column), column, formula.task.of(name).classes)
    if refused is None or not refused.any():
        return column
    return np.where(refused, np.nan, column)


def _as_classes(labels: Array, codes: Array, classes: tuple[Any, ...]) -> Array:
    """Return labels in the type of the classes, unless some are missing."""
    if (codes < 0).any() or not classes:
        return labels
    kind = np.array(classes).dtype
    return labels.astype(kind)


def outside(formula: Formula, X: Any) -> Array:
    """Return which rows the model does not take, shape (rows,): missing or unseen values."""
    tests = list(refusals(formula.inputs))
    inputs, rows = columns_of(formula.inputs, X, formula.needed)
    if not tests:
        return np.zeros(rows, dtype=bool)
    found: Array = compute([ops.either(*tests)], inputs, rows)[0]
    return found


def bounds(roots: Sequence[Node], box: Mapping[int, Interval]) -> list[Interval]:
    """Return the range of each node when input i lies in box[i]; other inputs may be anything.

    Sound for float64 evaluation: every value that `evaluate` gives lies inside.
    """

    def step(n: Node, *below: Interval) -> Interval:
        if n.op is ops.INPUT:
            return box.get(n.data, EVERYTHING)
        if n.op is ops.CONST or n.op is ops.LABEL:
            return n.op.bounds(_number(n))
        return n.op.bounds(n.data, *below)

    with np.errstate(all="ignore"):
        return fold(roots, step)


def _number(n: Node) -> float:
    return float(n.data) if n.op is ops.CONST else math.nan
