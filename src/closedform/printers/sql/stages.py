"""Shared values in stages: each is a SELECT over the one before, and passes on what is needed."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Interval, Node, Type
from closedform.printers.spell import TRIVIAL
from closedform.printers.sql.dialects import Dialect

_WORD = re.compile(r"[a-z_][a-z0-9_]*")

TESTS = frozenset(
    {"less", "less_equal", "equal", "member", "missing", "min", "max", "tree", "table", "piecewise"}
    | {"sign"}  # of NaN it is 0 in DuckDB and in PostgreSQL
)
"""Operations that tell what is missing from what is not: NaN must be NULL there."""
REPEATING = frozenset({"tree", "piecewise", "table", "min", "max", "pow"})
"""Operations that write an argument more than once."""

LARGE = 1000
"""Characters of a tree of some 20 leaves."""


@dataclass(frozen=True)
class Stage:
    """One SELECT: the columns that it passes on, and those that it adds as (text, name)."""

    passed: tuple[str, ...]
    added: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Choice:
    """Which nodes become columns of a stage.

    Attributes:
        nodes: these, arguments first.
        risky: numbers that the engine may compute to be NaN, rather than NULL.
        cleaned: those of them, among inputs and columns, that are turned into NULL at once, since
            something tells the two apart. All else passes a NaN on as it does NULL.
    """

    nodes: dict[Node, None]
    risky: set[Node]
    cleaned: set[Node]

    def passes_nan(self, n: Node) -> bool:
        """Tell whether the text of n may be NaN where it is read."""
        return n in self.risky and n not in self.cleaned


def chosen(
    formula: Formula, dialect: Dialect, ranges: Mapping[Node, Interval], parts: Collection[Node]
) -> Choice:
    """Return which nodes become columns of a stage: shared, long, deep, or NaN to be NULL.

    Args:
        formula: what is written.
        dialect: in which dialect.
        ranges: the range of each node.
        parts: nodes that become one in any case.
    """
    order, roots = formula.nodes, set(formula.roots)
    uses = Counter(a for n in order for a in n.args)  # x * x writes it twice
    uses.update(formula.roots)
    wanted = {a for n in order for a in n.args if n.op.name in REPEATING or a.op is ops.TREE}
    tested = {a for n in order for a in n.args if n.op.name in TESTS}
    # Of an input whose size is asked for, NaN is kept out at once: its size needs no column then.
    tested |= {a.args[0] for a in tested if a.op.name == "abs" and a.args[0].op is ops.INPUT}
    choice = Choice({}, set(), set())
    size: dict[Node, int] = {}
    depth: dict[Node, int] = {}
    for n in order:
        size[n] = 8 + sum(size[a] for a in n.args) + 20 * _payload(n)
        depth[n] = _depth(n, depth)
        if dialect.not_a_number and _may_be_nan(n, ranges, choice):
            choice.risky.add(n)
        matters = n in choice.risky and (n in tested or n in roots)
        if n.op.name in TRIVIAL or n.type is Type.BOOL:
            choice.cleaned.update([n] * matters)
            continue
        shared = (uses[n] > 1 and size[n] > 24) or (n in formula.names and n not in roots)
        # What is computed with care stands behind its test, and not in front of it.
        long = size[n] > dialect.longest_expression or depth[n] >= dialect.nesting
        long = long and n.op.name not in dialect.guards and not (n in roots and uses[n] == 1)
        tells = n in tested and matters
        if shared or long or tells or n in wanted or n in parts:
            choice.nodes[n] = None
            choice.cleaned.update([n] * matters)
            size[n], depth[n] = 8, 0
    return choice


def _payload(n: Node) -> int:
    """Return how many numbers, labels or tests an operation brings along."""
    if n.op in (ops.LIN, ops.MIN, ops.MAX, ops.SUM32):
        return len(n.args)
    if n.op is ops.TABLE:
        return len(n.data.labels)
    if n.op is ops.PIECEWISE:
        return int(n.data.coefs.size)
    return len(n.data) if n.op is ops.MEMBER else 0


def _may_be_nan(n: Node, ranges: Mapping[Node, Interval], choice: Choice) -> bool:
    """Tell whether a number may be NaN where it ought to be NULL."""
    if n.op in (ops.TREE, ops.TABLE, ops.CONST) or n.type is not Type.REAL:
        return False
    taken = n.args[1:] if n.op is ops.WHERE else n.args
    if n.op is ops.INPUT or any(map(choice.passes_nan, taken)):
        return True
    whole = [Interval(ranges[a].lo, ranges[a].hi) for a in n.args]
    with np.errstate(all="ignore"):
        return n.op is not ops.WHERE and n.op.bounds(n.data, *whole).missing


def _depth(n: Node, depth: Mapping[Node, int]) -> int:
    below = [depth[a] for a in n.args]
    if n.op is ops.WHERE:
        # A choice that is the ELSE of another one is written as one more WHEN.
        below[2] -= n.args[2].op is ops.WHERE and below[2] > 0
    own = n.op.name in ("where", "not", "min", "max", "tree", "table", "piecewise")
    return max(below, default=0) + own


def staged(
    lines: Sequence[tuple[str, str]], last: Sequence[str], given: Sequence[str], room: int,
    large: int,
) -> list[Stage]:  # fmt: skip
    """Return the stages of some values, each computed as late as those who use it allow.

    Args:
        lines: name and text of each value, in a working order.
        last: the texts of what is selected in the end.
        given: the columns that there are in the beginning.
        room: so many columns has a stage at most, if that can be.
        large: so many of them are of more than `LARGE` characters.
    """
    reads: dict[str, set[str]] = {}
    first: dict[str, int] = dict.fromkeys(given, 0)
    for name, text in lines:
        # A word in somebody's label that looks like a name only makes that one live longer.
        reads[name] = _names_in(text, first)
        first[name] = 1 + max((first[a] for a in reads[name]), default=0)
    count = max(first.values(), default=0)
    level, latest = dict.fromkeys(given, 0), dict[str, int]()
    for name, _ in reversed(lines):
        level[name] = latest.get(name, count)
        for a in reads[name]:
            latest[a] = min(latest.get(a, count), level[name] - 1)
    _bring_forward(lines, reads, level)
    heavy = Counter(level[name] for name, text in lines if len(text) > LARGE)
    if max(heavy.values(), default=0) > large:
        _spread(lines, reads, level, room, large)
    made, most = _by_level(lines, given, level, reads, last), room
    while most > 16 and any(len(s.passed) + len(s.added) > room for s in made):
        most //= 2
        _spread(lines, reads, level, most, large)
        made = _by_level(lines, given, level, reads, last)
    return made


def _bring_forward(
    lines: Sequence[tuple[str, str]], reads: Mapping[str, set[str]], level: dict[str, int]
) -> None:
    """Move each value up to where it frees the most columns: a test of ten, say, leaves one."""
    # How many readers each value has at each level: of 500 trees, all read the same inputs.
    readers: dict[str, Counter[int]] = {}
    for name, _ in lines:
        for a in reads[name]:
            readers.setdefault(a, Counter())[level[name]] += 1
    for name, _ in lines:
        first = 1 + max((level[a] for a in reads[name]), default=level[name] - 1)
        if first == level[name]:
            continue
        for a in reads[name]:
            readers[a] -= Counter((level[name],))
        others = [max(first, *readers[a], 0) for a in reads[name]]

        def carried(i: int, others: Sequence[int] = others, own: int = level[name]) -> int:
            return own - i + sum(max(i, o) for o in others)

        places = {first, level[name], *(o for o in others if o < level[name])}
        level[name] = min(sorted(places, reverse=True), key=carried)
        for a in reads[name]:
            readers[a][level[name]] += 1


def _spread(
    lines: Sequence[tuple[str, str]], reads: Mapping[str, set[str]], level: dict[str, int],
    most: int, large: int,
) -> None:  # fmt: skip
    """Add no more than some columns in one stage: what is too much for it goes to the next."""
    count: Counter[int] = Counter()
    heavy: Counter[int] = Counter()
    full = 1  # below it, every stage has all the large columns that it may have
    for name, text in lines:
        is_large = len(text) > LARGE
        i = 1 + max((level[a] for a in reads[name]), default=0)
        i = max(i, full) if is_large else i
        while count[i] >= most or (is_large and heavy[i] >= large):
            i += 1
        level[name] = i
        count[i] += 1
        heavy[i] += is_large
        while heavy[full] >= large:
            full += 1


def _by_level(
    lines: Sequence[tuple[str, str]], given: Sequence[str], level: Mapping[str, int],
    reads: Mapping[str, set[str]], last: Sequence[str],
) -> list[Stage]:  # fmt: skip
    count = max((level[name] for name, _ in lines), default=0)
    needed: dict[str, int] = {}  # the last level that reads it
    for name, _ in lines:
        for a in reads[name]:
            needed[a] = max(needed.get(a, 0), level[name])
    names = {name for name, _ in lines}.union(given)
    for text in last:
        needed |= dict.fromkeys(_names_in(text, names), count + 1)
    stages = []
    added: dict[int, list[tuple[str, str]]] = {}
    for name, text in lines:
        added.setdefault(level[name], []).append((text, name))
    alive = [name for name in given if name in needed]
    for i in range(1, count + 1):
        alive = [name for name in alive if needed[name] > i]
        stages.append(Stage(tuple(alive), tuple(added.get(i, ()))))
        alive += [name for _, name in added.get(i, ())]
    return stages


def _names_in(text: str, names: Collection[str]) -> set[str]:
    return {word for word in _WORD.findall(text) if word in names}
