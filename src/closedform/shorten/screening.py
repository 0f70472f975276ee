"""Which inputs a model reads, and which of them together: total Sobol and Liu–Owen indices.

Both ask the model at rows in which one or two columns are those of another row. Unlike slopes,
they see trees and steps.

Sobol, Global sensitivity indices for nonlinear mathematical models (2001), in the estimate of
Jansen (1999); Liu and Owen, Estimating mean dimensionality of analysis of variance
decompositions (2006): the superset importance of a pair.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations, pairwise
from typing import Any

import numpy as np

from closedform.errors import BadInput
from closedform.formula import Formula
from closedform.ir import Array
from closedform.shorten.clock import Clock
from closedform.shorten.options import whole
from closedform.shorten.teacher import Teacher

ROWS = 1_000
SEEN, SEEN_TOGETHER = 0.012, 0.02
"""What share of the variance an input, or a pair, must explain. On six known truths and networks
with 20,000 rows the least relevant input had 0.03 or more, the greatest irrelevant one 0.004."""
SPREAD_OUT = 10
"""Where no input explains so many times `SEEN`, there are many that matter a little: of the 64
pixels of a digit each explains 1.6 % at most."""
NEIGHBOURS = 10
MOST_PAIRS = 14
"""So many inputs are asked about in pairs: 91 of these."""
RESAMPLINGS = ("independent", "near")


@dataclass(frozen=True)
class Screening:
    """How much of a model's variance each input, and each pair of inputs, has a part in.

    Attributes:
        names: the inputs that the model reads.
        total: the total Sobol index of each: the share of the variance that is lost where the
            input is not known, its part in interactions among it. They may add up to more than 1.
        pairs: positions in `names` of two inputs → the share of the variance that comes from
            both together, higher interactions among it.
        resampling: "independent" or "near".
        inputs: the position in the formula of each.
    """

    names: tuple[str, ...]
    total: tuple[float, ...]
    pairs: dict[tuple[int, int], float]
    resampling: str
    inputs: tuple[int, ...]

    @property
    def least(self) -> float:
        """What share of the variance an input must explain to matter."""
        return min(SEEN, max(self.total, default=0.0) / SPREAD_OUT)

    @property
    def relevant(self) -> tuple[int, ...]:
        """The positions in `names` of the inputs that matter, the most important first."""
        order = sorted(range(len(self.total)), key=lambda i: -self.total[i])
        kept = [i for i in order if self.total[i] > self.least]
        return tuple(kept or order[: _gap([self.total[i] for i in order])])

    @property
    def together(self) -> tuple[tuple[int, int], ...]:
        """The pairs that matter, the most important first."""
        order = sorted(self.pairs, key=lambda pair: -self.pairs[pair])
        return tuple(pair for pair in order if self.pairs[pair] > SEEN_TOGETHER)

    def __str__(self) -> str:
        """Return a table: each relevant input and pair with its share, the most important first."""
        of_one = [(self.names[i], self.total[i]) for i in self.relevant]
        of_two = [(f"{self.names[i]} with {self.names[j]}", self.pairs[i, j])
                  for i, j in self.together]  # fmt: skip
        wide = max((len(name) for name, _ in [*of_one, *of_two]), default=0)
        lines = [f"{name:<{wide}}  {share:6.1%}" for name, share in of_one]
        lines += ["", "together:"] if of_two else []
        lines += [f"{name:<{wide}}  {share:6.1%}" for name, share in of_two]
        others = len(self.names) - len(of_one)
        lines += [f"{others} more below {self.least:.1%}"] if others else []
        return "\n".join(lines)

    __repr__ = __str__


def screen(
    formula: Formula, X: Any, *, rows: int = 2 * ROWS, resampling: str = "independent",
    seed: int = 0, time_limit: float | None = None,
) -> Screening:  # fmt: skip
    """Return which inputs a model reads, and which of them together.

    Args:
        formula: the model.
        X: rows like those that it will meet, at least 10.
        rows: so many are asked about, for each input and each pair.
        resampling: where the other value of a column comes from: "independent" (any row: rows that
            cannot occur are asked about where columns are correlated) or "near" (one of the rows
            that are nearest in the other columns: what correlated columns share then counts for
            none of them).
        seed: of the draws.
        time_limit: in seconds; inputs and pairs that are not reached count as not relevant.

    Raises:
        BadInput: an option that has no meaning, or rows that the model cannot answer.
    """
    if resampling not in RESAMPLINGS:
        raise BadInput(
            f"There is no resampling {resampling!r}.", hint="Use " + " or ".join(RESAMPLINGS) + "."
        )
    rows = whole("rows", rows, 10)
    teacher = Teacher.of(formula, X, seed=seed)
    return screened(teacher, Clock(time_limit), rows=rows, resampling=resampling)


def screened(
    teacher: Teacher, clock: Clock, *, rows: int | None = None, resampling: str = "independent"
) -> Screening:
    """Return the screening of a teacher; see `screen`.

    Without `rows`, these are 1,000, and fewer where there are more than 60 inputs.
    """
    used = tuple(dict.fromkeys(v.input for v in teacher.views))
    rows = max(200, min(ROWS, 60 * ROWS // max(1, len(used)))) if rows is None else rows
    asked = _Asked(teacher, rows, resampling, used)
    total = [0.0 if clock.out() else asked.total(i) for i in used]
    order = sorted(range(len(used)), key=lambda i: -total[i])
    likely = sorted(i for i in order[:MOST_PAIRS] if total[i] > SEEN / 2)
    pairs: dict[tuple[int, int], float] = {}
    for i, j in sorted(combinations(likely, 2), key=lambda p: -total[p[0]] - total[p[1]]):
        if clock.out():
            break
        pairs[i, j] = asked.pair(used[i], used[j])
    names = tuple(teacher.features[i].name for i in used)
    return Screening(names, tuple(total), pairs, resampling, used)


class _Asked:
    """What a teacher says where columns are those of other rows."""

    def __init__(self, teacher: Teacher, rows: int, resampling: str, used: Sequence[int]) -> None:
        self.teacher = teacher
        inputs, _ = teacher.sample(2 * rows, seed=1)
        self.rows = len(inputs[0]) // 2
        first, second = np.arange(self.rows), np.arange(self.rows, 2 * self.rows)
        self.inputs = tuple(c[first] for c in inputs)
        self.other = {i: inputs[i][second] for i in used}
        if resampling == "near":
            self.other = _near(teacher, inputs, used, self.rows)
        # Of several outputs of a regression, the one in the smallest unit counts no less.
        spread = 1.0 if teacher.classifies else teacher.scores.std(axis=0)
        self.scale = np.where(spread > 0, spread, 1.0)
        self.scores = self._ask(())
        self.variance = float(self.scores.var(axis=0).sum()) or 1.0
        self.without: dict[int, Array] = {}

    def _ask(self, moved: Sequence[int]) -> Array:
        inputs = [self.other[i] if i in moved else c for i, c in enumerate(self.inputs)]
        return self.teacher.clipped(self.teacher.ask(inputs, self.rows)) / self.scale

    def total(self, i: int) -> float:
        self.without[i] = self._ask((i,))
        return self._share(self.scores - self.without[i]) / 2

    def pair(self, i: int, j: int) -> float:
        both = self._ask((i, j))
        return self._share(self.scores - self.without[i] - self.without[j] + both) / 4

    def _share(self, difference: Array) -> float:
        fine = difference[np.isfinite(difference).all(axis=1)]
        return float((fine**2).mean(axis=0).sum() / self.variance) if len(fine) else 0.0


def _near(
    teacher: Teacher, inputs: Sequence[Array], used: Sequence[int], rows: int
) -> dict[int, Array]:
    """Return for each input its value in a row that is near in all the others."""
    table = teacher.design(inputs)
    table = (table - table.mean(axis=0)) / np.maximum(table.std(axis=0), 1e-300)
    random = np.random.default_rng([teacher.seed, 2])
    here, there = table[:rows], table[rows:]
    away = (here**2).sum(1)[:, None] + (there**2).sum(1) - 2 * here @ there.T
    found: dict[int, Array] = {}
    count = min(NEIGHBOURS, len(there))
    for i in used:
        own = [k for k, v in enumerate(teacher.views) if v.input == i]
        apart = sum((here[:, k][:, None] - there[:, k]) ** 2 for k in own)
        nearest = np.argpartition(away - apart, count - 1, axis=1)[:, :count]
        picked = nearest[np.arange(rows), random.integers(count, size=rows)]
        found[i] = inputs[i][rows + picked]
    return found


def _gap(falling: Sequence[float]) -> int:
    """Return how many stand before the largest relative fall."""
    falls = [a / max(b, 1e-12) for a, b in pairwise(falling)]
    return 1 + int(np.argmax(falls)) if falls else 1
