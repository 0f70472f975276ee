"""A sum of terms, fitted: the coefficients by least squares, the constants inside by steps.

For given inner constants the best coefficients follow, so that only the former are searched
(variable projection, Golub and Pereyra 1973, with the Jacobian of Kaufman 1975): fewer constants
at once, and no start for the coefficients.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from closedform import ops
from closedform.fitting import levenberg_marquardt
from closedform.ir import Array, Node
from closedform.shorten.terms.conditions import Condition, Test, exchanged, mask, spelt, tests
from closedform.shorten.terms.shapes import Column, Shape

PER_CONSTANT = 0.03
"""A constant must lower the loss by so much of itself, 3 %; of several scores together, by less."""
TOLERATED = 1.5
"""A term may spread so many times as wide as what the sum is to explain; beyond, it is cancelled
by others, which is no explanation."""
ROUNDS = 3
REMEMBERED = 200
"""Terms whose values are kept: 6 MB."""
EXACT = 1e-14
"""A loss of less of the variance is rounding."""


@dataclass(frozen=True)
class Curve:
    """A shape over some columns.

    Attributes:
        shape: the shape.
        at: the positions of its columns.
        theta: its constants.
        held: which of them stay at their value.
    """

    shape: Shape
    at: tuple[int, ...]
    theta: tuple[float, ...]
    held: tuple[bool, ...]

    @classmethod
    def of(cls, shape: Shape, at: Sequence[int], theta: Sequence[float] = ()) -> Curve:
        """Return a term all of whose constants may move that a slope moves."""
        held = tuple(i in shape.jumps for i in range(len(theta)))
        return cls(shape, tuple(at), tuple(theta), held)

    @property
    def key(self) -> tuple[str, tuple[int, ...]]:
        """What tells terms of different form apart."""
        return self.shape.name, self.at

    @property
    def written(self) -> int:
        """How many constants a reader sees."""
        both = zip(self.theta, self.shape.neutral, strict=True)
        return sum(t not in neutral for t, neutral in both)

    @property
    def moving(self) -> list[int]:
        """The positions of the constants that may move."""
        return [i for i, held in enumerate(self.held) if not held]

    def values(self, columns: Sequence[Array]) -> Array:
        """Return the term on each row."""
        return self.shape.values([columns[i] for i in self.at], self.theta)

    def both(self, columns: Sequence[Array]) -> tuple[Array, list[Array]]:
        """Return the term on each row, and its slopes along the constants that move."""
        value, *slopes = self.shape.both([columns[i] for i in self.at], self.theta)
        return value, [slopes[i] for i in self.moving]

    def moved(self, theta: Sequence[float]) -> Curve:
        """Return the term with other constants in the places of those that move."""
        new = list(self.theta)
        for i, value in zip(self.moving, theta, strict=True):
            new[i] = value
        return replace(self, theta=tuple(new))

    def put(self, i: int, value: float) -> Curve:
        """Return the term with one constant held at a value."""
        theta, held = list(self.theta), list(self.held)
        theta[i], held[i] = value, True
        return replace(self, theta=tuple(theta), held=tuple(held))

    @property
    def plain(self) -> Curve:
        """The same curve, up to its sign, with the constants that one would write."""
        if any(self.held):
            return self
        return replace(self, theta=tuple(self.shape.plain(self.theta)))

    def odd(self, known: Sequence[Column]) -> float:
        """Return what is to be paid for a shape that the columns do not show."""
        columns = [known[i] for i in self.at]
        centres = 0 if self.shape.shifts else sum(c.centre != 0 for c in columns)
        return self.shape.odd(columns, self.theta) + PER_CONSTANT * centres

    def node(self, columns: Sequence[Node]) -> Node:
        """Return the term as a node."""
        return self.shape.spelt([columns[i] for i in self.at], self.theta)


@dataclass(frozen=True)
class Indicator:
    """1 where a condition holds, 0 elsewhere; its thresholds move by search alone."""

    condition: Condition

    @property
    def at(self) -> tuple[int, ...]:
        """The positions of the columns that are tested."""
        return tuple(dict.fromkeys(t.at for t in tests(self.condition)))

    @property
    def key(self) -> tuple[str, tuple[int, ...]]:
        """What tells terms of different form apart."""
        return "condition", tuple(t.at for t in tests(self.condition))

    @property
    def theta(self) -> tuple[float, ...]:
        """The thresholds."""
        return tuple(t.threshold for t in tests(self.condition))

    @property
    def written(self) -> int:
        """How many constants a reader sees."""
        return sum(t != 0 for t in self.theta)

    @property
    def moving(self) -> list[int]:
        """None: a step has no slope."""
        return []

    def values(self, columns: Sequence[Array]) -> Array:
        """Return the term on each row."""
        return mask(self.condition, columns).astype(float)

    def both(self, columns: Sequence[Array]) -> tuple[Array, list[Array]]:
        """Return the term on each row, and no slope."""
        return self.values(columns), []

    def moved(self, theta: Sequence[float]) -> Indicator:
        """Return the same term."""
        return self

    def put(self, i: int, value: float) -> Indicator:
        """Return the term with another threshold."""
        old = tests(self.condition)[i]
        return Indicator(exchanged(self.condition, old, Test(old.at, old.above, value)))

    def odd(self, known: Sequence[Column]) -> float:
        """Return 0: a step is never odd."""
        return 0.0

    def node(self, columns: Sequence[Node]) -> Node:
        """Return the term as a node."""
        return ops.where(spelt(self.condition, columns), ops.const(1), ops.const(0))


Term = Curve | Indicator


@dataclass(frozen=True, eq=False)
class Rows:
    """What sums are fitted to.

    Attributes:
        known: what is known of each column.
        columns: one array a column, shape (rows,).
        target: shape (rows, scores).
        weight: shape (rows,), adding up to 1.
        side: shape (rows, scores): 1 where the target says "at least", -1 where it says "at
            most", 0 where it says what it is. Log-odds of a class that is certain are such.
    """

    known: Sequence[Column]
    columns: Sequence[Array]
    target: Array
    weight: Array
    side: Array
    _known_values: dict[Term, Array] = field(default_factory=dict, repr=False)

    def values(self, term: Term) -> Array:
        """Return a term on each row; those of late are not computed again."""
        found = self._known_values.get(term)
        if found is None:
            if len(self._known_values) >= REMEMBERED:
                self._known_values.clear()
            found = self._known_values[term] = term.values(self.columns)
        return found

    @classmethod
    def of(cls, known: Sequence[Column], columns: Sequence[Array], target: Array, weight: Array,
           most: float = np.inf) -> Rows:  # fmt: skip
        """Return rows whose targets say no more than "at least" from `most` on."""
        side = np.sign(target) * (np.abs(target) >= most * (1 - 1e-9))
        return cls(known, columns, target, weight / weight.sum(), side)

    def missed(self, made: Array) -> Array:
        """Return by how much values miss the target, shape (rows, scores)."""
        away = self.target - made
        return np.where(self.side * away < 0, 0.0, away)

    def score(self, k: int) -> Rows:
        """Return the same with one of the scores."""
        return replace(self, target=self.target[:, [k]], side=self.side[:, [k]])

    @cached_property
    def mean(self) -> Array:
        """The weighted mean of each score."""
        return np.asarray(self.weight @ self.target)

    @cached_property
    def variances(self) -> Array:
        """The weighted variance of each score."""
        return np.asarray(self.weight @ (self.target - self.mean) ** 2)

    @cached_property
    def variance(self) -> float:
        """The weighted variance of all scores together."""
        return float(self.variances.sum())


@dataclass(frozen=True, eq=False)
class Sum:
    """A fitted sum of terms.

    Attributes:
        terms: the terms.
        outer: the constant and the coefficient of each term, shape (1 + terms, scores).
        loss: what is left of the variance.
        widest: how many times as wide as a score its widest term spreads.
        odd: what is to be paid for shapes that the columns do not show.
        residual: what is not explained, shape (rows, scores).
    """

    terms: tuple[Term, ...]
    outer: Array
    loss: float
    widest: float
    odd: float
    residual: Array

    @property
    def constants(self) -> int:
        """How many constants a reader sees."""
        return int((self.outer != 0).sum()) + sum(t.written for t in self.terms)

    @property
    def cost(self) -> float:
        """The logarithm of the loss, with what each constant and each cancelling term costs."""
        unclear = max(0.0, self.widest - TOLERATED)
        price = price_of(self.outer.shape[1]) * self.constants
        return float(np.log(max(self.loss, EXACT)) + price + 0.2 * unclear + self.odd)


def price_of(scores: int) -> float:
    """Return what a constant must bring where there are several scores."""
    return PER_CONSTANT / scores


def fit(
    terms: Sequence[Term], rows: Rows, *, steps: int = 12, stop: Callable[[], bool] | None = None
) -> Sum:
    """Return the terms with their constants fitted, and their coefficients."""
    if not any(t.moving for t in terms):
        return solved(terms, rows)
    start = np.array([t.theta[i] for t in terms for i in t.moving])
    with np.errstate(all="ignore"):
        problem = _Projected(terms, rows)
        found = levenberg_marquardt(
            problem.values, problem.both, start, problem.target.ravel(), None,
            steps=steps, stop=stop or (lambda: False),
        )  # fmt: skip
    return solved(problem.moved(found.theta), rows)


def solved(terms: Sequence[Term], rows: Rows) -> Sum:
    """Return the terms as they are, with the best coefficients."""
    with np.errstate(all="ignore"):
        table = table_of(terms, rows)
    if not np.isfinite(table).all():
        none = np.zeros((table.shape[1], rows.target.shape[1]))
        return Sum(tuple(terms), none, np.inf, 0.0, 0.0, rows.target - rows.mean)
    outer, _ = _coefficients(table, rows)
    return weighed(terms, outer, rows, table)


def table_of(terms: Sequence[Term], rows: Rows) -> Array:
    """Return a column of ones and each term on each row, shape (rows, 1 + terms)."""
    return np.column_stack([np.ones(len(rows.weight)), *map(rows.values, terms)])


def weighed(terms: Sequence[Term], outer: Array, rows: Rows, table: Array) -> Sum:
    """Return a sum with given coefficients."""
    with np.errstate(all="ignore"):
        residual = rows.missed(table @ outer)
        loss = float((rows.weight @ residual**2).sum())
        loss = loss / rows.variance if rows.variance else 0.0
        spread = np.sqrt(np.maximum(rows.weight @ table**2 - (rows.weight @ table) ** 2, 0))[1:]
        scale = np.sqrt(np.maximum(rows.variances, rows.variance / 10 / len(rows.variances)))
        wide = np.abs(outer[1:]) * spread[:, None] / np.where(scale > 0, scale, 1.0)
    loss = loss if np.isfinite(loss) else np.inf
    odd = sum(t.odd(rows.known) for t in terms)
    return Sum(tuple(terms), outer, loss, float(wide.max(initial=0.0)), odd, residual)


def _coefficients(table: Array, rows: Rows) -> tuple[Array, Array]:
    """Return the coefficients of columns, shape (columns, scores), and the target they met.

    A target of "at least" is what was reached, where that is more: a few rounds settle that.
    """
    mean = rows.weight @ table[:, 1:]
    root = np.sqrt(rows.weight)[:, None]
    inner = (table[:, 1:] - mean) * root
    target = rows.target
    for _ in range(ROUNDS if rows.side.any() else 1):
        level = rows.weight @ target
        slopes = _solve(inner, (target - level) * root)
        outer = np.vstack([level - mean @ slopes, slopes])
        made = table @ outer
        target = made + rows.missed(made)
    return outer, target


def _solve(table: Array, target: Array, refinements: int = 1) -> Array:
    """Return the least-squares coefficients; of columns that depend on each other, small ones."""
    with np.errstate(all="ignore"):
        scale = np.sqrt((table**2).sum(axis=0))
        scale = np.where(scale > 0, scale, 1.0)
        unit = table / scale
    if not np.isfinite(unit).all():
        return np.full((table.shape[1], target.shape[1]), np.nan)
    normal = unit.T @ unit + 1e-12 * np.eye(table.shape[1])
    coefficients = np.linalg.solve(normal, unit.T @ target)
    for _ in range(refinements):
        # On what is left: the normal equations alone lose half of the digits.
        coefficients += np.linalg.solve(normal, unit.T @ (target - unit @ coefficients))
    return np.asarray(coefficients / scale[:, None])


class _Projected:
    """The sum as a function of its inner constants alone."""

    def __init__(self, terms: Sequence[Term], rows: Rows) -> None:
        self.terms = list(terms)
        self.rows = rows
        self.root = np.sqrt(rows.weight)[:, None]
        table = table_of(terms, rows)
        usable = np.where(np.isfinite(table).all(axis=0), table, 0.0)
        self.target = self._centred(_coefficients(usable, rows)[1])
        ends = np.cumsum([len(t.moving) for t in terms])
        self.parts = [slice(end - len(t.moving), end) for t, end in zip(terms, ends, strict=True)]

    def moved(self, theta: Array) -> list[Term]:
        both = zip(self.terms, self.parts, strict=True)
        return [t.moved(theta[part].tolist()) for t, part in both]

    def values(self, theta: Array) -> Array:
        table = np.column_stack([self._of(t) for t in self.moved(theta)])
        table = self._centred(table)
        return np.asarray(table @ _solve(table, self.target, 0)).ravel()

    def _of(self, term: Term) -> Array:
        return term.values(self.rows.columns) if term.moving else self.rows.values(term)

    def both(self, theta: Array) -> tuple[Array, Array]:
        found = [
            t.both(self.rows.columns) if t.moving else (self.rows.values(t), list[Array]())
            for t in self.moved(theta)
        ]
        whole = self._centred(
            np.column_stack([value for value, _ in found] + [s for _, own in found for s in own])
        )
        table, slopes = whole[:, : len(found)], whole[:, len(found) :]
        solution = _solve(table, np.hstack([self.target, slopes]), 0)
        outer, along = np.hsplit(solution, [self.target.shape[1]])
        whose = [j for j, (_, own) in enumerate(found) for _ in own]
        slopes = slopes - table @ along
        jacobian = slopes[:, None, :] * outer[whose].T
        return np.asarray(table @ outer).ravel(), jacobian.reshape(-1, slopes.shape[1])

    def _centred(self, table: Array) -> Array:
        return np.asarray((table - self.rows.weight @ table) * self.root)
