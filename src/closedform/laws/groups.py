"""Buckingham's theorem: a law between quantities with units is one between fewer numbers without.

Buckingham, On physically similar systems (1914). Some inputs are taken as units for the others: as
many as the dimensions of all are independent. Each other input, divided by a product of their
powers, is a number; and so is the output.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import combinations, islice

import numpy as np

from closedform import ops
from closedform.discover.problem import Problem
from closedform.errors import BadInput
from closedform.ir import Array, Node
from closedform.laws.sought import Sought

Dimension = Mapping[str, Fraction]
"""The power of each base quantity, as {"length": 1, "time": -2}; those that are 0 left out."""
TRIED = 3_000
"""So many choices of inputs as units are compared."""
PLACES = 16
"""So many rows are tried as the place at which a number is made by moving one input."""
KNOWN = 300
"""Of so many rows these are the nearest."""


@dataclass(frozen=True)
class Groups:
    """Products of powers of inputs.

    Attributes:
        powers: of each group, of each input, shape (groups, inputs).
        factor: the powers of the product that has the units of the output.
        carriers: the input by which each group is moved: it stands in no other group.
    """

    powers: tuple[tuple[Fraction, ...], ...]
    factor: tuple[Fraction, ...]
    carriers: tuple[int, ...]

    def values(self, rows: Array) -> Array:
        """Return the groups of rows, shape (rows, groups)."""
        made = np.empty((len(rows), len(self.powers)))
        for k, powers in enumerate(self.powers):
            made[:, k] = _product(rows, powers)
        return made

    def scale(self, rows: Array) -> Array:
        """Return the product that has the units of the output, shape (rows,)."""
        return _product(rows, self.factor)

    def node(self, powers: Sequence[Fraction], columns: Sequence[Node]) -> Node:
        """Return a product of powers as an expression."""
        above = [_power(x, p) for x, p in zip(columns, powers, strict=True) if p > 0]
        below = [_power(x, -p) for x, p in zip(columns, powers, strict=True) if p < 0]
        top = ops.mul(*above)
        return ops.div(top, ops.mul(*below)) if below else top


def _product(rows: Array, powers: Sequence[Fraction]) -> Array:
    with np.errstate(all="ignore"):
        made = [rows[:, i] ** float(p) for i, p in enumerate(powers) if p]
    return np.prod(made, axis=0) if made else np.ones(len(rows))


def _power(x: Node, p: Fraction) -> Node:
    if p == 1:
        return x
    return ops.sqrt(x) if p == Fraction(1, 2) else ops.power(x, float(p))


def groups_of(inputs: Sequence[Dimension], output: Dimension, rows: Array) -> Groups | None:
    """Return the simplest groups of inputs; None where no product has the units of the output.

    Args:
        inputs: the dimension of each.
        output: that of what is looked for.
        rows: shape (rows, inputs): only what is never 0 divides, and of what may be negative only
            whole powers are taken.
    """
    names = sorted({name for d in [*inputs, output] for name in d})
    columns = [[d.get(name, Fraction(0)) for name in names] for d in inputs]
    target = [output.get(name, Fraction(0)) for name in names]
    made = (
        _with_units(chosen, columns, target, rows)
        for chosen in islice(_choices(columns, rows), TRIED)
    )
    found = [groups for groups in made if groups is not None]
    best = min(found, key=lambda groups: _cost(groups, rows), default=None)
    return None if best is None else _varying(best, rows)


def _cost(groups: Groups, rows: Array) -> int:
    """Return how far groups are from plain: what never varies should be a unit for the others."""
    powers = [p for group in (*groups.powers, groups.factor) for p in group if p]
    still = sum(not np.ptp(rows[:, i]) for i in groups.carriers)
    return 10 * still + sum(abs(p.numerator) + 2 * (p.denominator - 1) for p in powers)


def _varying(groups: Groups, rows: Array) -> Groups:
    """Return groups without those that are the same on all rows."""
    kept = [k for k, p in enumerate(groups.powers) if np.ptp(_product(rows, p)) > 0]
    powers = tuple(groups.powers[k] for k in kept)
    return Groups(powers, groups.factor, tuple(groups.carriers[k] for k in kept))


def _choices(columns: Sequence[Sequence[Fraction]], rows: Array) -> Iterator[tuple[int, ...]]:
    """Yield inputs that may be units for the others: independent, as many as there can be."""
    able = [i for i, c in enumerate(columns) if any(c) and (rows[:, i] != 0).all()]
    table = np.array([[float(v) for v in columns[i]] for i in able])
    rank = int(np.linalg.matrix_rank(table)) if able else 0
    yield from combinations(able, rank)


def _with_units(
    chosen: Sequence[int], columns: Sequence[Sequence[Fraction]], target: Sequence[Fraction],
    rows: Array,
) -> Groups | None:  # fmt: skip
    base = [columns[i] for i in chosen]
    factor = _combined(base, target)
    if factor is None:
        return None
    scale = _spread(factor, chosen, len(columns))
    powers, carriers = [], []
    for j in range(len(columns)):
        if j in chosen:
            continue
        of_base = _combined(base, columns[j])
        if of_base is None:
            return None
        group = list(_spread([-p for p in of_base], chosen, len(columns)))
        group[j] = Fraction(1)
        powers.append(_whole(group, j, rows))
        carriers.append(j)
    if not all(_fine(p, rows) for p in [*powers, scale]):
        return None
    return Groups(tuple(powers), scale, tuple(carriers))


def _whole(group: Sequence[Fraction], carrier: int, rows: Array) -> tuple[Fraction, ...]:
    """Return a group with whole powers, unless an even power would hide the carrier's sign."""
    most = math.lcm(*(p.denominator for p in group))
    if most % 2 == 0 and (rows[:, carrier] < 0).any():
        return tuple(group)
    return tuple(most * p for p in group)


def _fine(powers: Sequence[Fraction], rows: Array) -> bool:
    return all(p.denominator == 1 or (rows[:, i] > 0).all() for i, p in enumerate(powers))


def _spread(powers: Sequence[Fraction], at: Sequence[int], count: int) -> tuple[Fraction, ...]:
    found = dict(zip(at, powers, strict=True))
    return tuple(found.get(i, Fraction(0)) for i in range(count))


def _combined(
    columns: Sequence[Sequence[Fraction]], target: Sequence[Fraction]
) -> list[Fraction] | None:  # fmt: skip
    """Return the weights of independent columns whose sum is a target; None where there are none.

    Gauss and Jordan, over the rational numbers: 1/3 is to stay 1/3.
    """
    table = [[*row, t] for row, t in zip(zip(*columns, strict=True), target, strict=True)]
    table = table or [[t] for t in target]
    done = 0
    for k in range(len(columns)):
        pivot = next((r for r in range(done, len(table)) if table[r][k]), None)
        if pivot is None:
            return None
        table[done], table[pivot] = table[pivot], table[done]
        table[done] = [v / table[done][k] for v in table[done]]
        for r, row in enumerate(table):
            if r != done and row[k]:
                table[r] = [a - row[k] * b for a, b in zip(row, table[done], strict=True)]
        done += 1
    if any(row[-1] for row in table[done:]):
        return None
    return [row[-1] for row in table[:done]]


# --- a problem over the groups -------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Regrouped:
    """A problem asked by the values of its groups: one input of each is moved, the others stay.

    Attributes:
        problem: over the inputs.
        groups: of its inputs.
    """

    problem: Problem
    groups: Groups

    def __call__(self, values: Array) -> Array:
        """Return the output, as a number without units, for values of the groups."""
        assert self.problem.ask is not None
        out, box = np.full(len(values), np.nan), self.problem.box
        rows = np.zeros((len(values), len(box)))
        todo = np.arange(len(values))
        for k in range(PLACES):
            moved = self._moved(self._places(values[todo], k), values[todo])
            inside = ((moved >= box[:, 0]) & (moved <= box[:, 1])).all(axis=1)
            rows[todo[inside]] = moved[inside]
            out[todo[inside]] = 0.0
            todo = todo[~inside]
            if not len(todo):
                break
        there = out == 0
        if there.any():
            out[there] = self.problem.ask(rows[there]) / self.groups.scale(rows[there])
        return out

    def _places(self, values: Array, k: int) -> Array:
        """Return a row for each value of the groups: the nearest, the next nearest, and so on."""
        some, own = self._known
        apart = ((values[:, None, :] - own[None, :, :]) / (own.std(axis=0) + 1e-300)) ** 2
        nearest = np.argpartition(apart.sum(axis=2), min(k, len(own) - 1), axis=1)
        return np.asarray(some[nearest[:, min(k, len(own) - 1)]])

    @cached_property
    def _known(self) -> tuple[Array, Array]:
        """Some rows, and the values of their groups."""
        some = self.problem.rows[:KNOWN]
        return some, self.groups.values(some)

    def _moved(self, places: Array, values: Array) -> Array:
        """Return rows at some places whose groups have some values."""
        rows = places.copy()
        for k, (powers, carrier) in enumerate(
            zip(self.groups.powers, self.groups.carriers, strict=True)
        ):
            rows[:, carrier] = 1.0
            with np.errstate(all="ignore"):
                ratio = values[:, k] / _product(rows, powers)
                rows[:, carrier] = np.sign(ratio) * np.abs(ratio) ** (1 / float(powers[carrier]))
        return np.where(np.isfinite(rows), rows, np.inf)


def without_units(sought: Sought, groups: Groups) -> Sought:
    """Return what is looked for, over groups of inputs that have no units.

    Raises:
        BadInput: a product of powers is no number on the rows.
    """
    problem = sought.problem
    rows, scale = groups.values(problem.rows), groups.scale(problem.rows)
    values = problem.values / scale
    if not (np.isfinite(values).all() and np.isfinite(rows).all()):
        raise BadInput(
            "A product of powers of the inputs has no value on some rows.",
            hint="Give the units of inputs that are never 0, or leave the units out.",
        )
    ask = None if problem.ask is None else Regrouped(problem, groups)
    spread = float(values.std()) or float(np.abs(values).max()) or 1.0
    share = problem.scale * float(np.sqrt(np.mean((1 / scale) ** 2))) / spread
    columns = tuple(groups.node(p, sought.columns) for p in groups.powers)
    factor = groups.node(groups.factor, sought.columns) if any(groups.factor) else None
    made = Problem(rows, values, ask, problem.noise * share, problem.told, problem.observed)
    y = None if sought.y is None else sought.y / scale
    return Sought(made, columns, sought.name, factor, y)
