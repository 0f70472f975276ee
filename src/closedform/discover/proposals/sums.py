"""Sums of a few products that fit f, or a function of it, over many rows at once.

No slopes are asked for: a fit over all rows averages the smooth error of a network away, which
tests at single points take for structure. All pairs of columns are tried by their Gram matrix, the
best of them are extended, so that two columns that stand for a third one do not lead astray.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from closedform import ops
from closedform.discover.problem import Problem
from closedform.evaluate import compute
from closedform.ir import Array, Node
from closedform.passes.algebra import reciprocal
from closedform.shorten.clock import Clock

ROWS = 500
MOST = 600
"""Columns above and below together in a ratio."""
TERMS = 5
KEPT = 40
"""So many of the best sums of each size are extended by a further term."""
TRIED = 10
"""So many sums of each stage are proposed."""


@dataclass(frozen=True)
class Stage:
    """Which products are tried together.

    Attributes:
        powers: the exponents of an input.
        degree: they add up to so much at most, each counted as 1 at least.
        functions: whether one factor may be a sine, an exponential …
        most: so many columns.
    """

    powers: tuple[float, ...]
    degree: int
    functions: bool
    most: int


STAGES = (
    Stage((1, 2, -1, -2, 3, -3, 4, -4), 4, False, 500),
    Stage((1, 2, -1, -2, 0.5, -0.5, 1.5, -1.5, 3, -3), 4, False, 700),
    Stage((1, 2, -1, -2, 0.5, -0.5, 3, 4), 4, True, 1_200),
)
"""A Gram matrix of 1,200 columns takes 0.1 s on 500 rows; fewer columns lead astray less often."""


EXCHANGES, EXCHANGED = 2, 8
"""So often, in so many of the best sums, each term is exchanged for a better one: the two terms
that explain most alone are often none of the right three."""


TRIPLES = 5_000_000
"""So many threes of columns are tried, at 30 ns each; all of up to 170 columns."""


@dataclass(frozen=True)
class Turn:
    """A function of f that may be a sum where f is none.

    Attributes:
        name: in words.
        forth: f → what is a sum; NaN where it is none.
        weight: f → how far f moves where that moves by one.
        back: the sum as a node → f as a node.
    """

    name: str
    forth: Callable[[Array], Array]
    weight: Callable[[Array], Array]
    back: Callable[[Node], Node]


TURNS = (
    Turn("sum", lambda f: f, np.ones_like, lambda n: n),
    Turn("1 / sum", lambda f: 1 / f, lambda f: f * f, reciprocal),
    Turn("√ of a sum", lambda f: f * f, lambda f: 0.5 / np.abs(f), ops.sqrt),
    Turn("1 / √ of a sum", lambda f: 1 / (f * f), lambda f: 0.5 * np.abs(f) ** 3,
         lambda n: reciprocal(ops.sqrt(n))),
    Turn("exp of a sum", np.log, np.abs, ops.exp),
    Turn("square of a sum", np.sqrt, lambda f: 2 * np.sqrt(np.abs(f)),
         lambda n: ops.power(n, 2.0)),
    Turn("log of a sum", np.exp, lambda f: np.exp(-f), ops.log),
    Turn("asin of a sum", np.sin, lambda f: 1 / np.maximum(np.abs(np.cos(f)), 0.05),
         partial(ops.unary, "asin")),
    Turn("acos of a sum", np.cos, lambda f: 1 / np.maximum(np.abs(np.sin(f)), 0.05),
         partial(ops.unary, "acos")),
)  # fmt: skip


def sums(
    problem: Problem, clock: Clock, enough: Callable[[], bool] = lambda: False
) -> Iterator[tuple[Node, str]]:
    """Yield sums of one to `TERMS` products as expressions, unrefitted, and how they are made.

    Products of whole powers are tried before those with roots, and these before those with
    functions.

    Args:
        problem: what is looked for.
        clock: when to stop.
        enough: asked before each stage: whether what was found is near enough.
    """
    rows, values = _sample(problem)
    if len(values) < 8 or not np.ptp(values):
        return
    for stage in STAGES:
        found = []
        small = Problem(rows, values)
        for terms, node, made in _fitted(Columns.of(rows, stage), values, clock):
            away = small.error(node)
            found.append((terms, away, node, made))
        yield from ((node, made) for _, _, node, made in _best(found))
        if clock.out() or enough():
            return


def _best(found: list[tuple[int, float, Node, str]]) -> list[tuple[int, float, Node, str]]:
    """Return those that no other with as few terms is nearer than, and the next nearest few."""
    found = sorted(found, key=lambda f: f[1])
    front = [f for i, f in enumerate(found) if all(f[0] < g[0] for g in found[:i])]
    least = min((f[1] for f in front), default=0.0)
    near = [f for f in found if f not in front and f[1] < 3 * least]
    near = sorted(near, key=lambda f: f[:2])[: TRIED - len(front)]
    return sorted([*front, *near], key=lambda f: f[1])


def _fitted(table: Columns, values: Array, clock: Clock) -> Iterator[tuple[int, Node, str]]:
    """Yield sums with how many terms they have."""
    for turn in TURNS:
        if clock.out():
            return
        with np.errstate(all="ignore"):
            goal, weight = turn.forth(values), turn.weight(values)
        # f of both signs has no root and no logarithm; its square root is one of ±.
        if not (np.isfinite(goal).all() and np.isfinite(weight).all() and np.ptp(goal) > 0):
            continue
        if turn.name in ("√ of a sum", "1 / √ of a sum") and (values < 0).any():
            continue
        if turn.name in ("asin of a sum", "acos of a sum") and not _an_angle(values, turn):
            continue
        for terms in table.best(goal, weight, clock):
            yield len(terms), turn.back(table.node(terms)), turn.name
    yield from _ratios(table, values, clock)


def _an_angle(values: Array, turn: Turn) -> bool:
    lo, hi = (-np.pi / 2, np.pi / 2) if turn.name == "asin of a sum" else (0.0, np.pi)
    return bool(values.min() >= lo - 0.05 and values.max() <= hi + 0.05 and np.ptp(values) > 0.5)


def _ratios(table: Columns, values: Array, clock: Clock) -> Iterator[tuple[int, Node, str]]:
    """Yield (c·m + …) / (1 + d·n + …): f = c·m + … − f·(d·n + …) is linear in its constants."""
    count = len(table.nodes)
    simple = [i for i, n in enumerate(table.nodes) if n.op is not ops.CONST][: MOST // 2]
    size = np.sqrt(np.mean(values**2)) or 1.0
    both = Columns(
        table.nodes[: MOST // 2] + [table.nodes[i] for i in simple],
        np.column_stack(
            [table.values[:, : MOST // 2], table.values[:, simple] * (values / size)[:, None]]
        ),
    )
    upper = min(count, MOST // 2)
    for terms in both.best(values, np.ones_like(values), clock):
        above = [(c, both.nodes[i]) for i, c in terms if i < upper]
        below = [(-c / size, both.nodes[i]) for i, c in terms if i >= upper]
        if above and below:
            node = ops.div(_summed(above), _summed([(1.0, ops.const(1.0)), *below]))
            yield len(terms) + 1, node, "ratio"


def _sample(problem: Problem) -> tuple[Array, Array]:
    fine = np.flatnonzero(problem.complete)
    if len(fine) > ROWS:
        fine = np.random.default_rng(3).choice(fine, ROWS, replace=False)
    return problem.rows[fine], problem.values[fine]


def _summed(terms: Sequence[tuple[float, Node]]) -> Node:
    bias = sum(c for c, n in terms if n.op is ops.CONST)
    return ops.lin(bias, *((c, n) for c, n in terms if n.op is not ops.CONST))


@dataclass(frozen=True, eq=False)
class Columns:
    """Products that may be terms, with their values.

    Attributes:
        nodes: over the inputs; the first is 1.
        values: shape (rows, nodes).
    """

    nodes: list[Node]
    values: Array

    @classmethod
    def of(cls, rows: Array, stage: Stage) -> Columns:
        """Return 1 and the products of powers of inputs, in the last stage also by a function."""
        nodes = list(dict.fromkeys(_products(rows, stage)))
        values = np.column_stack(compute(nodes, list(rows.T), len(rows)))
        fine = np.isfinite(values).all(axis=0) & (np.abs(values).max(axis=0) > 0)
        fine &= (np.ptp(values, axis=0) > 1e-9 * np.abs(values).max(axis=0)) | (
            np.arange(len(nodes)) == 0
        )
        kept = np.flatnonzero(fine)[: stage.most]
        return cls([nodes[i] for i in kept], values[:, kept])

    def node(self, terms: Sequence[tuple[int, float]]) -> Node:
        """Return Σ coefficient·column as a node."""
        return _summed([(c, self.nodes[i]) for i, c in terms])

    def best(self, goal: Array, weight: Array, clock: Clock) -> Iterator[list[tuple[int, float]]]:
        """Yield the best sums of one term, of two, …, each as (column, coefficient) pairs.

        Args:
            goal: what is to be the sum, shape (rows,).
            weight: how much a miss counts in each row, shape (rows,).
            clock: when to stop.
        """
        unit = np.median(weight) or 1.0
        weight = np.minimum(weight / unit, 30.0)
        table = self.values * weight[:, None]
        size = np.sqrt((table**2).sum(axis=0))
        table, target = table / size, goal * weight
        whole = float(target @ target)
        gram, right = table.T @ table, table.T @ target
        least = whole
        seeds: list[tuple[int, ...]] = [()]
        for count in range(1, TERMS + 1):
            if clock.out():
                return
            found = _pairs(gram, right) if count == 2 else _extended(gram, right, seeds, whole)
            if count == 3:
                found = sorted([*found, *_triples(gram, right, whole)], reverse=True)
            for _ in range(EXCHANGES if count > 2 else 0):
                fewer = {s[:i] + s[i + 1 :] for _, s in found[:EXCHANGED] for i in range(count)}
                found = _extended(gram, right, sorted(fewer), whole) or found
            seeds = [s for _, s in found[:KEPT]]
            left = max(whole - found[0][0], 0.0) if found else whole
            if left > 0.7 * least and count > 2:
                return
            for _, picked in found[: 3 if count <= 2 else 2]:
                coefs = np.linalg.lstsq(table[:, picked], target, rcond=1e-10)[0] / size[[*picked]]
                if np.isfinite(coefs).all():
                    yield list(zip(picked, coefs.tolist(), strict=True))
            least = min(least, left)
            if left < 1e-20 * whole:
                return


def _pairs(gram: Array, right: Array) -> list[tuple[float, tuple[int, ...]]]:
    """Return the pairs of columns that explain most, with how much, best first."""
    det = 1 - gram**2
    det[det < 1e-8] = np.inf
    a, b = right[:, None], right[None, :]
    gain = np.triu((a * a + b * b - 2 * gram * a * b) / det, 1)
    at = np.argpartition(gain.ravel(), -KEPT)[-KEPT:] if gain.size > KEPT else np.arange(gain.size)
    found = [(float(gain.flat[k]), tuple(map(int, divmod(int(k), len(gram))))) for k in at]
    return sorted(found, reverse=True)


def _triples(gram: Array, right: Array, whole: float) -> list[tuple[float, tuple[int, ...]]]:
    """Return the threes of columns that explain most, with how much, best first.

    All of them where there are few columns; otherwise those with one that explains much alone.
    """
    most = int(TRIPLES / len(gram) ** 2) + 4
    found: dict[tuple[int, ...], float] = {}
    for i in np.argsort(-np.abs(right))[:most].tolist():
        free = 1 - gram[i] ** 2
        unit = np.where(free > 1e-6, 1 / np.sqrt(np.maximum(free, 1e-6)), 0.0)
        inner = (gram - np.outer(gram[i], gram[i])) * np.outer(unit, unit)
        np.fill_diagonal(inner, 1.0)
        for gain, pair in _pairs(inner, (right - gram[i] * right[i]) * unit)[:EXCHANGED]:
            if i not in pair and gain + right[i] ** 2 <= whole * (1 + 1e-9):
                found[tuple(sorted((i, *pair)))] = gain + float(right[i] ** 2)
    return sorted(((g, s) for s, g in found.items()), reverse=True)[:KEPT]


def _extended(
    gram: Array, right: Array, seeds: Sequence[tuple[int, ...]], whole: float
) -> list[tuple[float, tuple[int, ...]]]:
    """Return the best sums that have one term more than `seeds`, with what they explain."""
    found: dict[tuple[int, ...], float] = {}
    for seed in seeds:
        at = list(seed)
        if at:
            inner = gram[np.ix_(at, at)] + 1e-13 * np.eye(len(at))
            solved = np.linalg.solve(inner, np.column_stack([gram[at], right[at]]))
            across, coefs = solved[:, :-1], solved[:, -1]
            free = 1 - (gram[at] * across).sum(axis=0)
            rest = right - gram[at].T @ coefs
            base = float(right[at] @ coefs)
        else:
            free, rest, base = np.ones(len(right)), right, 0.0
        gain = np.where(free > 1e-8, rest**2 / np.maximum(free, 1e-8), 0.0)
        # More than there is to be explained: the columns are all but one another's sums.
        gain[~(base + gain <= whole * (1 + 1e-9))] = 0.0
        if base > whole * (1 + 1e-9):
            continue
        gain[at] = 0.0
        for k in np.argsort(-gain)[:KEPT].tolist():
            key = tuple(sorted((*seed, k)))
            found[key] = max(found.get(key, 0.0), base + float(gain[k]))
    return sorted(((g, s) for s, g in found.items()), reverse=True)


def _products(rows: Array, stage: Stage) -> Iterator[Node]:
    """Yield 1, powers of each input and products of powers, the simple ones first."""
    yield ops.const(1.0)
    found = sorted(_exponents(rows, stage), key=lambda e: (sum(max(1, abs(p)) for p in e), e))
    plain = [_monomial(e) for e in found]
    if not stage.functions:
        yield from plain
        return
    functions = list(_functions(rows))
    few = [ops.const(1.0), *plain[: max(8, stage.most // (2 * max(1, len(functions))))]]
    for n in few:
        yield n
        yield from (f if n.op is ops.CONST else ops.mul(n, f) for f in functions)
    yield from plain[: stage.most // 2]


def _exponents(rows: Array, stage: Stage) -> Iterator[tuple[float, ...]]:
    width = rows.shape[1]
    positive = np.asarray((rows > 0).all(axis=0))
    size = np.abs(rows)
    nonzero = np.asarray((size > 1e-3 * size.max(axis=0, initial=1e-300)).all(axis=0))
    allowed = [
        [p for p in stage.powers if (p == int(p) or positive[i]) and (p > 0 or nonzero[i])]
        for i in range(width)
    ]
    degree = stage.degree if width <= 5 else stage.degree - 1
    for count in range(1, min(width, degree) + 1):
        for which in itertools.combinations(range(width), count):
            for powers in itertools.product(*(allowed[i] for i in which)):
                if sum(max(1, abs(p)) for p in powers) <= degree:
                    exponents = [0.0] * width
                    for i, p in zip(which, powers, strict=True):
                        exponents[i] = float(p)
                    yield tuple(exponents)


def _monomial(exponents: Sequence[float]) -> Node:
    factors = [
        ops.input_(i) if p == 1 else ops.power(ops.input_(i), p)
        for i, p in enumerate(exponents)
        if p
    ]
    return ops.mul(*factors)


def _functions(rows: Array) -> Iterator[Node]:
    """Yield functions of an input, of differences and of products that laws have as factors."""
    width = rows.shape[1]
    inputs = [ops.input_(i) for i in range(width)]
    arguments = list(inputs)
    for a, b in itertools.combinations(inputs, 2):
        arguments += [ops.lin(0.0, (1.0, a), (-1.0, b)), ops.mul(a, b)] if width <= 4 else []
        arguments += [ops.div(a, b)] if width <= 3 else []
    for x in arguments:
        yield from (ops.sin(x), ops.cos(x), ops.exp(x), ops.exp(ops.lin(0.0, (-1.0, x))))
        if x.op is ops.INPUT:
            yield from (ops.log(x), ops.power(ops.sin(x), 2.0), ops.power(ops.cos(x), 2.0))
