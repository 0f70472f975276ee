"""Where a formula turns: the values of single inputs at which it takes another branch."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Array, Node, Op, Type, toposort, ulps
from closedform.ops.payloads import Label, Splits, leaves_of
from closedform.probes.branching import of_one_shape, values_of

Inputs = Sequence[Array]
TRIED = 200
"""So many rows that come to a test of a tree are tried, for one on which the test matters."""
AT_FIRST = 16
"""So many are tried first: nearly every test matters on one of them."""
FAN = 12
"""How many values of an input one turning point may be traced back to."""


@dataclass(frozen=True)
class Turn:
    """A value of one input where the formula turns.

    Attributes:
        input, value: which input, and where.
        inverted: whether something had to be inverted to find the value.
        row: a row that comes past it (-1: any).
        tells: whether on that row the result is another one on either side of the value.
        again: whether another test has the same value, and its row does not tell of this one.
    """

    input: int
    value: float
    inverted: bool
    row: int = -1
    tells: bool = False
    again: bool = False


def turns(formula: Formula, below: Callable[[Node], Array], rows: int) -> list[Turn]:
    """Return every turning point that can be traced back to one input.

    Args:
        formula: the formula.
        below: the values of a node on `rows` rows, for finding one that reaches a tree's test.
        rows: how many rows that is; 0 where there are none.
    """
    nodes = toposort([*formula.roots, *(n for s in formula.stages for _, n in s.after)])
    found: dict[tuple[int, str], list[Turn]] = {}
    for alike in of_one_shape(nodes):
        for x, value, telling, passing in _critical(alike, below, rows):
            for index, at, inverted in _traced(x, value):
                old = found.setdefault((index, at.hex()), [])
                tells = bool(len(telling))
                if old and (not tells or any(t.tells and t.row in telling for t in old)):
                    continue
                if old and not old[0].tells:
                    old.clear()
                row = int(telling[0]) if tells else passing
                old.append(Turn(index, at, inverted, row, tells, again=bool(old)))
    return [turn for same in found.values() for turn in same]


NO_ROW: Array = np.zeros(0, np.int64)


def _critical(
    alike: Sequence[Node], below: Callable[[Node], Array], rows: int
) -> Iterator[tuple[Node, float, Array, int]]:
    """Yield (argument, value where it matters, rows that tell, a row that comes here)."""
    n = alike[0]
    if n.op is ops.TREE:
        yield from _tests_of(alike, below, rows)
    elif n.op is ops.PIECEWISE:
        yield from ((n.args[0], e, NO_ROW, -1) for e in n.data.edges.tolist())
    elif n.op in (ops.LESS, ops.LESS_EQUAL, ops.EQUAL, ops.MIN, ops.MAX):
        fixed = [a for a in n.args if a.op is ops.CONST]
        yield from ((x, float(c.data), NO_ROW, -1) for c in fixed for x in n.args if x is not c)
    elif n.op is ops.TABLE and n.args[0].type is Type.REAL:
        yield from ((n.args[0], float(v), NO_ROW, -1) for v in n.data.labels)
    elif n.op is ops.MEMBER and n.args[0].type is Type.REAL:
        yield from ((n.args[0], float(v), NO_ROW, -1) for v in n.data)


def _tests_of(
    trees: Sequence[Node], below: Callable[[Node], Array], rows: int
) -> Iterator[tuple[Node, float, Array, int]]:
    splits, args = trees[0].data.splits, trees[0].args
    values = values_of(trees)
    columns = np.stack([below(a) for a in args])
    passing = _passing(splits, columns, rows)
    inner = np.flatnonzero(~splits.leaf & (splits.member < 0))
    tells = _telling(splits, values, columns, inner, passing[inner, :AT_FIRST])
    for i, told in zip(inner.tolist(), tells, strict=True):
        if passing[i, 0] >= 0 and not told.any():
            told = _telling(splits, values, columns, np.array([i]), passing[i : i + 1])[0]
        telling = np.unique(passing[i, : len(told)][told])
        yield args[splits.feature[i]], float(splits.threshold[i]), telling, int(passing[i, 0])


def _passing(splits: Splits, columns: Array, rows: int) -> Array:
    """Return for each node of a tree some of the rows that come to it, shape (nodes, TRIED).

    Where fewer come to it, some stand there twice; -1 where none does.
    """
    found = np.full((len(splits.child), TRIED), -1)
    ends = leaves_of(splits, np.ascontiguousarray(columns)) if rows else np.zeros(0, np.int64)
    by_end = np.argsort(ends, kind="stable")
    first = np.searchsorted(ends[by_end], np.arange(len(found) + 1))
    coming: list[Array] = [by_end[a:b] for a, b in pairwise(first.tolist())]
    for i in range(len(found) - 1, 0, -1):  # parents stand before their children
        up = int(splits.parents[i])
        coming[up] = np.concatenate([coming[up], coming[i]])
    random = np.random.default_rng(0)
    for row, at in zip(found, coming, strict=True):
        if len(at):
            row[:] = np.resize(random.permutation(at), TRIED)
    return found


def _telling(splits: Splits, values: Array, columns: Array, inner: Array, passing: Array) -> Array:
    """Return on which rows trees give something else on either side of a test, (tests, rows).

    A row that comes to a test may end in the same value on both of its sides: two of seven
    thresholds of a tree of Iris could be moved by an ulp without a certificate's notice.
    """
    places = passing.ravel()
    if not columns.shape[1] or not len(places):
        return np.zeros(passing.shape, dtype=bool)
    feature = np.repeat(splits.feature[inner], passing.shape[1])
    threshold = np.repeat(splits.threshold[inner], passing.shape[1])
    sides = []
    for way in (-np.inf, np.inf):
        beside = np.take(columns, places, axis=1)
        beside[feature, np.arange(len(places))] = np.nextafter(threshold, way)
        sides.append(values[leaves_of(splits, beside)])
    told: Array = (sides[0] != sides[1]).any(axis=1) & (places >= 0)
    return told.reshape(passing.shape)


# --- from a value of a node back to a value of an input -----------------------------------------


def _traced(x: Node, value: float) -> Iterator[tuple[int, float, bool]]:
    """Yield (input, value there, whether anything had to be inverted)."""
    todo = [(x, value, False)]
    steps = 0
    while todo and steps < FAN * 20:
        n, v, inverted = todo.pop()
        steps += 1
        if not math.isfinite(v):
            continue
        if n.op is ops.INPUT:
            if n.type is Type.REAL:
                yield n.data, v, inverted
        elif n.op is ops.ROUND32:
            todo += [(n.args[0], at, inverted) for at in around32(v)]
        elif n.op is ops.WHERE:
            todo += [(a, v, inverted) for a in n.args[1:] if a.op is not ops.CONST]
        else:
            todo += [(a, at, True) for a, at in _inverse(n, v)]


def around32(value: float) -> list[float]:
    """Return a value, and the midpoints at which rounding to float32 starts to reach it."""
    with np.errstate(over="ignore"):
        near = np.float32(value)
        beside = [float(np.nextafter(near, np.float32(s))) for s in (-np.inf, np.inf)]
    return [value, *((float(near) + b) / 2 for b in beside)]


_INVERSE: dict[str, Callable[[float], float]] = {
    "exp": math.log,
    "log": math.exp,
    "log1p": math.expm1,
    "expm1": math.log1p,
    "sqrt": lambda v: v * v,
    "tanh": math.atanh,
    "atan": math.tan,
    "asin": math.sin,
    "acos": math.cos,
    "sigmoid": lambda v: math.log(v / (1 - v)),
}


def _inverse(n: Node, v: float) -> Iterator[tuple[Node, float]]:
    """Yield the one argument that varies, and its value where the node has the value v."""
    try:
        if n.op.name in _INVERSE:
            yield n.args[0], _INVERSE[n.op.name](v)
        elif n.op is ops.LIN:
            yield from _inverse_sum(n, v)
        elif n.op in _INVERSE_BY_RIGHT and len(n.args) == 2:
            yield from _inverse_pair(n, v)
        elif n.op is ops.PIECEWISE and n.data.coefs.shape[1] == 2:
            yield from ((n.args[0], at) for at in _inverse_pieces(n, v))
    except (TypeError, ValueError, OverflowError, ZeroDivisionError):
        return  # no value of the argument gives v


def _inverse_sum(n: Node, v: float) -> Iterator[tuple[Node, float]]:
    terms = [(w, a) for w, a in zip(n.data.weights.tolist(), n.args, strict=True) if w != 0]
    if len(terms) == 1:
        w, a = terms[0]
        yield a, (v - n.data.bias) / w


_INVERSE_BY_RIGHT: dict[Op, Callable[[float, float], float]] = {
    ops.MUL: lambda v, c: v / c,
    ops.DIV: lambda v, c: v * c,
    ops.POW: lambda v, c: float(v ** (1 / c)),
    ops.MIN: lambda v, c: v,
    ops.MAX: lambda v, c: v,
}
"""From (value of the node, its constant second argument) to the first argument."""
_INVERSE_BY_LEFT = _INVERSE_BY_RIGHT | {ops.DIV: lambda v, c: c / v}


def _inverse_pair(n: Node, v: float) -> Iterator[tuple[Node, float]]:
    a, b = n.args
    if b.op is ops.CONST:
        yield a, _INVERSE_BY_RIGHT[n.op](v, float(b.data))
    elif a.op is ops.CONST and n.op is not ops.POW:
        yield b, _INVERSE_BY_LEFT[n.op](v, float(a.data))


def _inverse_pieces(n: Node, v: float) -> list[float]:
    p = n.data
    with np.errstate(all="ignore"):
        at = p.origins + (v - p.coefs[:, 0]) / p.coefs[:, 1]
    ends = np.concatenate([[-np.inf], p.edges, [np.inf]])
    inside = np.isfinite(at) & (ends[:-1] <= at) & (at <= ends[1:])
    return [float(x) for x in at[inside][:FAN]]


def nearest(turn: Turn) -> list[float]:
    """Return the value and its neighbours in float64: what a test there must tell apart."""
    return [x for k in (0, 1, -1) if math.isfinite(x := ulps(turn.value, k))]


def beside(turn: Turn) -> list[float]:
    """Return the value and its neighbours: 1 ulp in float32 and float64, more if inverted."""
    v = turn.value
    with np.errstate(over="ignore"):
        near = np.float32(v)
        shorts = [near, *(np.nextafter(near, np.float32(s)) for s in (-np.inf, np.inf))]
    # Inverting an affine step rounds: the true switch may lie a few ulp away.
    away = (-8, -3, -1, 0, 1, 3, 8) if turn.inverted else (-1, 0, 1)
    found = [ulps(v, k) for k in away] + [float(s) for s in shorts]
    return list(dict.fromkeys(x for x in found if math.isfinite(x)))


def labels_in(formula: Formula) -> dict[int, list[Label]]:
    """Return the categories of each input: declared, or looked up anywhere in the formula."""
    found: dict[int, dict[Label, None]] = {
        i: dict.fromkeys(f.categories or ()) for i, f in enumerate(formula.inputs)
    }
    for n in formula.nodes:
        for x, label in _looked_up(n):
            while x.op is ops.WHERE:
                x = x.args[2]
            if x.op is ops.INPUT and label is not None:
                found[x.data].setdefault(label)
    return {i: list(labels) for i, labels in found.items()}


def _looked_up(n: Node) -> Iterator[tuple[Node, Label | None]]:
    if n.op is ops.TABLE or n.op is ops.MEMBER:
        labels = n.data.labels if n.op is ops.TABLE else n.data
        if n.args[0].type is Type.LABEL:
            yield from ((n.args[0], label) for label in labels)
    elif n.op is ops.EQUAL:
        a, b = n.args
        if b.op is ops.LABEL:
            yield a, b.data[0]
        if a.op is ops.LABEL:
            yield b, a.data[0]
