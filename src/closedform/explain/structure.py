"""What the structure of a formula proves: which inputs never meet, and along which it may jump."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache, reduce
from itertools import product

import numpy as np

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Node, Type, fold
from closedform.ops.payloads import Pieces, Splits

Inputs = frozenset[int]
Parts = frozenset[Inputs]
"""The inputs of each part of a sum."""

MOST_PARTS = 256
"""Parts: a product of sums that has more of them is taken for one."""
_SUMS = (ops.LIN, ops.SUM32, ops.SQUARED_DISTANCE)
_NOTHING: Inputs = frozenset()


@lru_cache(maxsize=16)
def parts_of(node: Node) -> Parts:
    """Return the inputs of each part of the sum that a number is, none of them within another.

    Two inputs that stand in no part together do not interact: what one of them does is the same
    whatever the other is (over the reals, where nothing is missing).
    """
    return _greatest(fold([node], _parts)[0])


def meet(parts: Parts, i: int, j: int) -> bool:
    """Tell whether two inputs stand in one part."""
    return any(i in part and j in part for part in parts)


def _parts(n: Node, *below: Parts) -> Parts:
    if n.op is ops.INPUT:
        return frozenset([frozenset([n.data])])
    if n.op in _SUMS or n.op is ops.ROUND32:
        return frozenset().union(*below)
    if n.op is ops.MUL:
        return _multiplied(below)
    if n.op is ops.DIV:
        return _multiplied([below[0], _one(below[1])])
    if n.op is ops.WHERE:
        return frozenset().union(*(_multiplied([_one(below[0]), part]) for part in below[1:]),
                                 _one(below[0]))  # fmt: skip
    if n.op is ops.TREE:
        return frozenset(_paths(n.data.splits, [_inputs(part) for part in below]))
    return _one(frozenset().union(*below))


def _inputs(parts: Parts) -> Inputs:
    return _NOTHING.union(*parts)


def _one(parts: Parts) -> Parts:
    """Return all inputs as one part."""
    every = _inputs(parts)
    return frozenset([every]) if every else frozenset()


def _multiplied(factors: Sequence[Parts]) -> Parts:
    """Return the parts of a product of sums, (a + b)·c = a·c + b·c."""
    sums = [part for part in factors if part]
    if np.prod([float(len(part)) for part in sums]) > MOST_PARTS:
        return _one(frozenset().union(*sums))
    # What a sum adds to its parts is a constant: (a + 1)·(b + 1) holds a and b alone, too, but
    # these lie within a·b.
    return frozenset(_NOTHING.union(*chosen) for chosen in product(*sums)) - {_NOTHING}


def _paths(splits: Splits, reads: Sequence[Inputs]) -> Iterable[Inputs]:
    """Yield what is tested on the way to each leaf."""
    tested = [_NOTHING] * len(splits.child)
    todo = [0]
    while todo:
        i = todo.pop()
        if splits.leaf[i]:
            yield tested[i]
            continue
        for child in (splits.child[i], splits.child[i] + 1):
            tested[child] = tested[i] | reads[splits.feature[i]]
            todo.append(int(child))


def _greatest(parts: Parts) -> Parts:
    """Return the parts that lie within no other."""
    kept: list[Inputs] = []
    for part in sorted(parts, key=lambda p: (-len(p), sorted(p))):
        if part and not any(part <= other for other in kept):
            kept.append(part)
    return frozenset(kept)


@lru_cache(maxsize=16)
def jumps(node: Node) -> Inputs:
    """Return the inputs along which a number may jump, so that its slope does not tell all."""
    return fold([node], _jumps)[0][1]


def _jumps(n: Node, *below: tuple[Inputs, Inputs]) -> tuple[Inputs, Inputs]:
    """Return what is read, and along which of it the value may jump."""
    if n.op is ops.INPUT:
        return frozenset([n.data]), _NOTHING
    if n.op is ops.TREE:
        below = tuple(below[i] for i in _tested(n.data.splits))
    read = reduce(frozenset.union, (b[0] for b in below), _NOTHING)
    if n.op is ops.ABSENT:  # where nothing is missing, it is the same everywhere
        return read, _NOTHING
    steps = n.op in (ops.TREE, ops.FLOOR, ops.SIGN, ops.TABLE) or n.type is Type.BOOL
    if steps or (n.op is ops.PIECEWISE and not _continuous(n.data)):
        return read, read
    return read, reduce(frozenset.union, (b[1] for b in below), _NOTHING)


def _tested(splits: Splits) -> list[int]:
    return sorted(set(splits.feature[~splits.leaf].tolist()))


def _continuous(pieces: Pieces) -> bool:
    """Tell whether the polynomials on both sides of each edge meet there."""
    ends = []
    for stretch in (slice(None, -1), slice(1, None)):
        away = pieces.edges - pieces.origins[stretch]
        powers = away[:, None] ** np.arange(pieces.coefs.shape[1])
        ends.append((pieces.coefs[stretch] * powers).sum(axis=1))
    apart = np.abs(ends[0] - ends[1])
    return bool((apart <= 1e-9 * (1 + np.abs(ends[0]))).all())


def in_formula(formula: Formula, name: str) -> int | None:
    """Return where a formula has an input of this name, None where it has none."""
    names = [feature.name for feature in formula.inputs]
    return names.index(name) if name in names else None
