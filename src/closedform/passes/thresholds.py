"""Trees behind casts, scalers and imputers, rewritten to test the raw values: bit for bit.

A cast or a scaler is a function that never falls, even in floats: each of its operations rounds
correctly, and correct rounding keeps the order. So `(x − μ) / σ <= t` is `x <= t'`, where t' is the
largest float for which the test holds; it is found by bisection over the floats themselves, with
the very operations that the formula would have used. For a cast to float32 this is the midpoint
of two neighbouring float32 numbers, or the float64 just below it, as ties go to the even one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from closedform import ops as o
from closedform.ir import Array, Node, frozen
from closedform.ops.payloads import Splits
from closedform.passes.rules import Place, imputed, is_const, rule

_INF = 0x7FF0000000000000


@rule("exact", o.TREE)
def raw_thresholds(n: Node, _: Place) -> Node | None:
    """`stump(div(lin(-1, (1, x)), const(2)), 3) -> stump(x, 7)`"""
    return in_raw_units([n]).get(n)


def in_raw_units(trees: Sequence[Node]) -> dict[Node, Node]:
    """Return what each tree becomes whose inputs are cast, scaled or imputed.

    Done for many trees at once, since a bisection takes as long for a thousand thresholds as for
    one: 500 trees behind a scaler in 0.1 s.
    """
    together: dict[tuple[Node, ...], list[Node]] = {}
    for n in trees:
        together.setdefault(n.args, []).append(n)
    groups = {args: _Group.of(group) for args, group in together.items()}
    asked: dict[Node, list[_Part]] = {}
    for group in groups.values():
        for i, arg in enumerate(group.new):
            asked.setdefault(arg, []).append(_Part(group, i))
    for arg, parts in asked.items():
        _peel(arg, parts)
    became: dict[Node, Node] = {}
    for args, group in groups.items():
        became |= {} if tuple(group.new) == args else group.became()
    return became


@dataclass(frozen=True)
class _Group:
    """Trees over the same arguments: their shapes, and what the arguments become."""

    trees: list[Node]
    shapes: dict[int, _Moving]
    new: list[Node]

    @classmethod
    def of(cls, trees: list[Node]) -> _Group:
        shapes = {id(n.data.splits): _Moving(n.data.splits) for n in trees}
        return cls(trees, shapes, list(trees[0].args))

    def became(self) -> dict[Node, Node]:
        """Return what each tree is now."""
        splits = {key: m.splits() for key, m in self.shapes.items()}
        args = tuple(self.new)  # one for all: evaluation and files count on it
        return {n: o.tree(splits[id(n.data.splits)], n.data.values, args) for n in self.trees}


@dataclass(frozen=True)
class _Part:
    """One argument of a group of trees."""

    group: _Group
    feature: int

    def tests(self) -> Iterator[tuple[_Moving, Array]]:
        """Yield each shape, and its inner nodes that test this argument."""
        for m in self.group.shapes.values():
            at = m.at(self.feature)
            if len(at):
                yield m, at


@dataclass
class _Moving:
    """The thresholds of one tree while they move to other units."""

    shape: Splits

    def __post_init__(self) -> None:
        self.threshold = self.shape.threshold.copy()
        self.missing_left = self.shape.missing_left.copy()

    def at(self, feature: int) -> Array:
        """Return the inner nodes that test a feature."""
        found: Array = np.flatnonzero((self.shape.feature == feature) & ~self.shape.leaf)
        return found

    def splits(self) -> Splits:
        """Return the tree's shape as it stands now."""
        limits, left = frozen(self.threshold), frozen(self.missing_left, bool)
        return replace(self.shape, threshold=limits, missing_left=left)


def _peel(arg: Node, parts: list[_Part]) -> None:
    """Move the tests of one argument to what lies below its casts, scalers and imputers.

    Of all trees at once that have it: a PMML file of 1,000 trees, each over columns in an order of
    its own, is read in 6 s instead of 10.
    """
    while parts:
        found = imputed(arg)
        if found is not None:
            for part in parts:
                for m in part.group.shapes.values():
                    _impute(m, part.feature, found[0])
            arg = found[1]
        else:
            chain, arg = _rising_chain(arg)
            parts = _moved(_composed(chain), parts) if chain else []
        for part in parts:
            part.group.new[part.feature] = arg


def _impute(m: _Moving, feature: int, value: float) -> None:
    shape = replace(m.shape, threshold=m.threshold)
    for i in m.at(feature).tolist():
        m.missing_left[i] = shape.goes_left(i, value)


def _rising_chain(arg: Node) -> tuple[list[Node], Node]:
    """Return the operations above the first node that is not known to rise, lowest first."""
    chain: list[Node] = []
    while _rises(arg):
        chain.append(arg)
        arg = next(a for a in arg.args if not is_const(a))
    return chain[::-1], arg


def _rises(n: Node) -> bool:
    """Tell whether a node never falls as its only argument grows, in floats too."""
    consts = [a.data for a in n.args if is_const(a)]
    if len(n.args) - len(consts) != 1 or any(math.isnan(c) for c in consts):
        return False
    if n.op is o.LIN:
        factors = n.data.weights.tolist()
        return len(n.args) == 1 and math.isfinite(n.data.bias) and all(map(_positive, factors))
    if n.op is o.MUL or (n.op is o.DIV and is_const(n.args[1])):
        return all(map(_positive, consts))
    return n.op in (o.ROUND32, o.FLOOR, o.MIN, o.MAX)


def _positive(value: float) -> bool:
    return 0 < value < math.inf


def _composed(chain: list[Node]) -> Callable[[Array], Array]:
    def value(x: Array) -> Array:
        for n in chain:
            x = n.op.numpy(n.data, *[np.array(a.data) if is_const(a) else x for a in n.args])
        return x

    return value


def _moved(rising: Callable[[Array], Array], parts: list[_Part]) -> list[_Part]:
    """Move the thresholds of an argument; return the parts in which every one of them could be."""
    tests = [(i, m, at) for i, part in enumerate(parts) for m, at in part.tests()]
    stuck = {i for i, m, at in tests if (m.shape.member[at] >= 0).any()}
    new = []
    for below in (False, True):
        chosen = [(i, m, at) for i, m, at in tests if m.shape.below == below and i not in stuck]
        if chosen:
            limits = [m.threshold[at] for _, m, at in chosen]
            found = preimage(rising, np.concatenate(limits), below=below)
            new += list(
                zip(chosen, np.split(found, np.cumsum([*map(len, limits)])[:-1]), strict=True)
            )
    stuck |= {i for (i, _, _), found in new if np.isnan(found).any()}
    for (i, m, at), found in new:
        if i not in stuck:
            m.threshold[at] = found
    return [part for i, part in enumerate(parts) if i not in stuck]


def preimage(rising: Callable[[Array], Array], limits: Array, *, below: bool = False) -> Array:
    """Return t' with `rising(x) <= t` exactly when `x <= t'` (`<` where `below`), for all floats x.

    Args:
        rising: a function of float64 arrays that never falls.
        limits: the thresholds t, any shape.
        below: whether the tests are `<`.

    Returns:
        t', of the same shape; NaN where there is none, as the test is never (or always) true.
    """
    with np.errstate(all="ignore"):
        compare = np.less if below else np.less_equal
        lo = np.full(limits.shape, -_INF)
        hi = np.full(limits.shape, _INF)
        never, always = (
            ~compare(rising(_float_at(lo)), limits),
            compare(rising(_float_at(hi)), limits),
        )
        for _ in range(64):
            middle = (lo >> 1) + (hi >> 1) + (lo & hi & 1)
            left = compare(rising(_float_at(middle)), limits)
            lo, hi = np.where(left, middle, lo), np.where(left, hi, middle)
    if below:
        return np.where(always, np.nan, np.where(never, -np.inf, _float_at(hi)))
    return np.where(never, np.nan, np.where(always, np.inf, _float_at(lo)))


def _float_at(order: Array) -> Array:
    """Return the float64 with this number when all are counted from 0.0 on."""
    size = np.abs(order).view(np.float64)
    found: Array = np.where(order < 0, -size, size)
    return found
