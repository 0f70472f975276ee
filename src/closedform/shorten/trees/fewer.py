"""An ensemble of fewer of its own trees, with their weights fitted anew.

Friedman and Popescu, Importance sampled learning ensembles (2003): most trees of a forest or
booster repeat one another, and a sparse regression on their values finds those that do not. They
are taken one after another, the one that explains most of what is left first, and all weights are
fitted each time: orthogonal matching pursuit (Pati et al. 1993), on the Gram matrix of the trees.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import BadInput
from closedform.evaluate import compute
from closedform.formula import Formula, Step
from closedform.ir import Array, Node, rewrite, substitute
from closedform.ops.payloads import Splits
from closedform.passes.double_sums import double_sums
from closedform.passes.merge_trees import merge_trees
from closedform.progress import Wanted
from closedform.shorten.clock import Clock
from closedform.shorten.gathering import gathered
from closedform.shorten.options import seconds, whole
from closedform.shorten.short import few_digits, shortest
from closedform.shorten.teacher import Teacher

SIZES = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144)
"""Trees that are kept: each size is one formula."""
FEWEST = 4
"""Trees: of fewer, none repeats another."""
ROWS = 5000
"""The most rows that the trees are compared on."""
CELLS = 20_000_000
"""Rows times trees times sums: 160 MB."""
ROUGH = 0.02
"""Leaf values are rounded by so much of the error that leaving trees out makes anyway."""
Terms = list[tuple[float, Node]]

RIDGE = 1e-9
"""Of the Gram matrix's own diagonal: trees that are equal have no weights of their own."""


def fewer_trees(
    formula: Formula, X: Any, *, trees: int = SIZES[-1], seed: int = 0,
    time_limit: float | None = 30.0, progress: Wanted = None,
) -> list[Formula]:  # fmt: skip
    """Return an ensemble with fewer and fewer of its trees left out, the fewest trees first.

    Args:
        formula: the exact formula of a forest or a booster, of at least four trees.
        X: rows, shape (rows, inputs); more like them are made up.
        trees: keep so many at most; trees of one shape, as of the classes of a forest, are one.
        seed: of the rows that are made up.
        time_limit: seconds.
        progress: as of `frontier`.

    Raises:
        BadInput: the formula is no sum of trees, the rows do not fit it or are too few, or an
            option has no meaning.
    """
    most, clock = whole("trees", trees, 1), Clock(seconds(time_limit))
    teacher = Teacher.of(formula, X, seed=seed)
    if Ensemble.of(teacher) is None:
        raise BadInput(
            f"The formula is no sum of at least {FEWEST} trees.",
            hint="Fit one small tree to it instead: closedform.small_tree(formula, X).",
        )
    return gathered(_thinned(teacher, clock, most), clock, "fewer trees", progress)


def formulas(teacher: Teacher, clock: Clock) -> Iterator[Formula]:
    """Yield the model's own ensemble with fewer trees."""
    return _thinned(teacher, clock, SIZES[-1])


def _thinned(teacher: Teacher, clock: Clock, most: int) -> Iterator[Formula]:
    ensemble = None if clock.out() else Ensemble.of(teacher)
    if ensemble is None:
        return
    sizes = {size for size in (*SIZES, most) if size <= most}
    for picked, weights in _pursued(ensemble, clock):
        if len(picked) in sizes:
            made = merge_trees(ensemble.with_only(picked, weights))
            step = Step("fewer trees", "approx", {"rows": ensemble.rows}, {"trees": len(picked)})
            yield replace(made, trail=(*made.trail, step))
        if len(picked) >= max(sizes):
            return


@dataclass(frozen=True, eq=False)
class Group:
    """Trees that ask the same, and go or stay together: as one, for each sum that they are in.

    Attributes:
        splits: what they ask.
        args: of what.
        mass: the weight that they have in a sum together, by its place in `Ensemble.sums`.
        leaves: what they add to it, by the same, shape (nodes,).
    """

    splits: Splits
    args: tuple[Node, ...]
    mass: dict[int, float] = field(default_factory=dict)
    leaves: dict[int, Array] = field(default_factory=dict)

    def add(self, k: int, weight: float, values: Array) -> None:
        """Add a tree of a sum."""
        self.mass[k] = self.mass.get(k, 0.0) + weight
        self.leaves[k] = self.leaves.get(k, 0.0) + weight * values


@dataclass(frozen=True, eq=False)
class Ensemble:
    """The sums of trees of a formula, and the value of each tree on many rows.

    Attributes:
        formula: what they are in.
        sums: the sums, a node each.
        groups: their trees.
        values: what each group adds to the sums, shape (groups, sums × rows).
        weight: how much each row counts, shape (rows,).
        columns: the inputs on these rows.
        averages: whether each sum is a mean of chances, and shall stay one.
    """

    formula: Formula
    sums: list[Node]
    groups: list[Group]
    values: Array
    weight: Array
    columns: Sequence[Array]
    averages: bool

    @classmethod
    def of(cls, teacher: Teacher) -> Ensemble | None:
        """Return the ensemble of a model; None where it is none."""
        if teacher.formula is None:
            return None
        formula = double_sums(teacher.formula)
        formula = formula.with_outputs(rewrite(formula.roots, _mean))
        sums = [n for n in formula.nodes if n.op is ops.LIN and len(_trees(n)) >= FEWEST]
        if not sums:
            return None
        together: dict[tuple[int, tuple[Node, ...]], Group] = {}
        for k, total in enumerate(sums):
            for w, tree in _terms(total):
                if tree.op is ops.TREE:
                    splits = tree.data.splits
                    group = together.setdefault((id(splits), tree.args), Group(splits, tree.args))
                    group.add(k, w, tree.data.values)
        groups = list(together.values())
        rows = max(200, min(ROWS, CELLS // (len(groups) * len(sums))))
        columns, scores = teacher.sample(rows, seed=77)
        values = _values(len(sums), groups, columns, len(scores))
        return cls(formula, sums, groups, values, teacher.weights(scores), columns,
                   teacher.classifies and all(map(_averages, sums)))  # fmt: skip

    @property
    def rows(self) -> int:
        """How many rows the trees are compared on."""
        return len(self.weight)

    def with_only(self, picked: Sequence[int], weights: Array) -> Formula:
        """Return the formula with some groups alone, each times its weight."""
        moved = self._left_out(picked, weights)
        total = self.weight.sum()
        slack = ROUGH * np.sqrt((moved**2 * self.weight).sum(axis=1) / total / len(picked))
        middle = (moved * self.weight).sum(axis=1) / total
        terms = (self._shares if self.averages else self._added)(picked, weights, slack)
        became = {}
        for k, n in enumerate(self.sums):
            bias = n.data.bias if self.averages else n.data.bias + middle[k]
            (bias,) = few_digits(np.array([bias]), float(slack[k]))
            became[n] = ops.lin(bias, *_others(n), *terms[k])
        roots = substitute(self.formula.roots, became)
        return self.formula.with_outputs(dict(zip(self.formula.roots, roots, strict=True)))

    def _added(self, picked: Sequence[int], weights: Array, slack: Array) -> list[Terms]:
        """Return the terms of each sum: trees with their weights in their leaves."""
        terms: list[Terms] = [[] for _ in self.sums]
        for g, w in zip(picked, weights.tolist(), strict=True):
            group, splits = self.groups[g], self._short(g)
            for k, whole_leaves in group.leaves.items():
                values = w * whole_leaves[splits.leaf]
                leaves = np.zeros(len(splits.leaf))
                leaves[splits.leaf] = few_digits(values, _not_nothing(slack[k], values))
                terms[k].append((1.0, ops.tree(splits, leaves, group.args)))
        return terms

    def _shares(self, picked: Sequence[int], weights: Array, slack: Array) -> list[Terms]:
        """Return the terms of each mean: trees of chances, times weights that add up to 1."""
        terms: list[Terms] = [[] for _ in self.sums]
        parts = weights * self.masses[list(picked)]
        shares = _adding_up(parts[:, None] / parts.sum(), slack.min(keepdims=True))[:, 0]
        for g, w in zip(picked, shares.tolist(), strict=True):
            group, splits = self.groups[g], self._short(g)
            at = list(group.leaves)
            chances = np.array([group.leaves[k][splits.leaf] / group.mass[k] for k in at])
            leaves = np.zeros((len(at), len(splits.leaf)))
            leaves[:, splits.leaf] = _adding_up(chances, slack[at] / max(w, 1e-3))
            for k, values in zip(at, leaves, strict=True):
                terms[k].append((w, ops.tree(splits, values, group.args)))
        return terms

    @property
    def masses(self) -> Array:
        """The weight of each group in a sum that it is in; of a mean, the same in all."""
        return np.array([next(iter(group.mass.values())) for group in self.groups])

    @cached_property
    def _seen(self) -> dict[Node, Array]:
        """The values of each argument of the trees on the rows, each once."""
        args = list(dict.fromkeys(a for group in self.groups for a in group.args))
        told = compute(args, self.columns, len(self.columns[0]))
        return {a: np.unique(c[~np.isnan(c)]) for a, c in zip(args, told, strict=True)}

    def _short(self, g: int) -> Splits:
        """Return a group's tests with thresholds of few digits, that part all rows as before."""
        splits, args = self.groups[g].splits, self.groups[g].args
        cuts = splits.threshold.copy()
        for i in np.flatnonzero(~splits.leaf & (splits.member < 0)):
            x, t = self._seen[args[int(splits.feature[i])]], float(cuts[i])
            at = int(np.searchsorted(x, t, side="left" if splits.below else "right"))
            if 0 < at < len(x):
                lo, hi = float(x[at - 1]), float(x[at])
                # x <= cut goes left, or x < cut: one end of the gap belongs to it.
                ends = (np.nextafter(lo, hi), hi) if splits.below else (lo, np.nextafter(hi, lo))
                cuts[i] = shortest(*map(float, ends))
        return replace(splits, threshold=cuts)

    def _left_out(self, picked: Sequence[int], weights: Array) -> Array:
        """Return what the sums lose, shape (sums, rows)."""
        kept = weights @ self.values[list(picked)]
        lost: Array = (self.values.sum(axis=0) - kept).reshape(len(self.sums), -1)
        return lost


def _mean(n: Node) -> Node | None:
    """Return a sum of trees divided by a number as one sum."""
    if n.op is not ops.DIV or n.args[1].op is not ops.CONST or n.args[0].op is not ops.LIN:
        return None
    total, by = n.args[0], n.args[1].data
    if len(_trees(total)) < FEWEST:
        return None
    return ops.linear(total.data.bias / by, (total.data.weights / by).tolist(), total.args)


def _trees(n: Node) -> list[Node]:
    return [a for a in n.args if a.op is ops.TREE]


def _terms(n: Node) -> Terms:
    return list(zip(n.data.weights.tolist(), n.args, strict=True))


def _others(n: Node) -> Terms:
    return [(w, a) for w, a in _terms(n) if a.op is not ops.TREE]


def _not_nothing(slack: float, values: Array) -> float:
    return max(float(slack), 1e-9 * float(np.abs(values).max(initial=0.0)))


def _adding_up(values: Array, slack: Array) -> Array:
    """Return shares, shape (shares, sums of them), with few digits and the same sums.

    The largest one of each sum makes up for the others.
    """
    wanted = values.sum(axis=0)
    short = np.array([
        few_digits(row, _not_nothing(slack[min(k, len(slack) - 1)], row))
        for k, row in enumerate(values)
    ])  # fmt: skip
    largest, at = values.argmax(axis=0), np.arange(values.shape[1])
    short[largest, at] = 0.0
    short[largest, at] = np.round(wanted - short.sum(axis=0), 12)
    return short


def _averages(n: Node) -> bool:
    """Tell whether a sum is a mean of trees whose leaves are chances."""
    plain = n.data.bias == 0 and not _others(n) and abs(n.data.weights.sum() - 1) < 1e-9
    leaves = [a.data.values for a in n.args] if plain else []
    return plain and all(((v >= 0) & (v <= 1)).all() for v in leaves)


def _values(sums: int, groups: list[Group], columns: Sequence[Array], rows: int) -> Array:
    found = np.zeros((len(groups), sums, rows))
    for g, group in enumerate(groups):
        trees = [ops.tree(group.splits, leaves, group.args) for leaves in group.leaves.values()]
        found[g, list(group.leaves)] = compute(trees, columns, rows)
    return found.reshape(len(groups), -1)


def _pursued(ensemble: Ensemble, clock: Clock) -> Iterator[tuple[list[int], Array]]:
    """Yield more and more groups, each time with the best weights: 1 leaves a group as it was."""
    sums = len(ensemble.sums)
    v = ensemble.values.reshape(len(ensemble.groups), sums, -1)
    weight = ensemble.weight / ensemble.weight.sum()
    if not ensemble.averages:  # each sum has a constant of its own
        v = v - (v * weight).sum(axis=2, keepdims=True)
    heavy = (v * np.sqrt(weight)).reshape(len(v), -1)
    gram = heavy @ heavy.T
    gram[np.diag_indices_from(gram)] *= 1 + RIDGE
    sizes = np.diag(gram).copy()
    useful = sizes > 1e-12 * sizes.max(initial=0.0)
    mass = ensemble.masses
    c, picked = np.zeros(len(gram)), list[int]()
    while len(picked) < useful.sum() and not clock.out():
        pull = gram @ (1 - c)
        if ensemble.averages:
            pull = np.maximum(pull, 0.0)  # its weight may not be negative
        worth = np.where(useful, pull**2 / np.where(useful, sizes, 1.0), -1.0)
        worth[picked] = -1.0
        picked.append(int(worth.argmax()))
        weights = _of_mean(gram, picked, mass) if ensemble.averages else _free(gram, picked)
        c = np.zeros(len(gram))
        c[picked] = weights
        yield list(picked), weights


def _free(gram: Array, picked: list[int]) -> Array:
    inside = gram[np.ix_(picked, picked)]
    found: Array = np.linalg.lstsq(inside, gram[picked].sum(axis=1), rcond=None)[0]
    return found


def _of_mean(gram: Array, picked: list[int], mass: Array) -> Array:
    """Return weights from 0 on that keep the mass of all trees: a mean stays a mean."""
    from scipy.optimize import nnls

    inside, kept, whole_mass = gram[np.ix_(picked, picked)], mass[picked], mass.sum()
    strong = 1e3 * np.sqrt(np.trace(inside)) / mass.mean()
    root = np.linalg.cholesky(inside + 1e-12 * np.trace(inside) * np.eye(len(picked)))
    right = np.linalg.solve(root, gram[picked].sum(axis=1))
    found, _ = nnls(np.vstack([root.T, strong * kept]), np.append(right, strong * whole_mass))
    weights: Array = found * (whole_mass / (found @ kept))
    return weights
