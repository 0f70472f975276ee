"""What one factor of a model formula gives: its columns, and their weighted sum as one node.

A spline of ten columns, or a category of thirty, is summed up to one shape function or one table,
which a person can read; the columns alone say nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Protocol

import numpy as np

from closedform import ops
from closedform.ir import Array, Node, frozen, toposort
from closedform.ops.payloads import Pieces
from closedform.readers.sklearn.spline import Stretches

Term = tuple[float, Node]
"""A weight and what it is a weight of."""


class Basis(Protocol):
    """Columns that enter a linear predictor side by side."""

    @property
    def width(self) -> int:
        """How many columns there are."""

    def nodes(self) -> list[Node]:
        """Return each column as a node."""

    def terms(self, weights: Array) -> list[Term]:
        """Return Σ weights[j]·column j as few terms; weights of shape (width,)."""


@dataclass(frozen=True)
class Plain:
    """Columns that are nodes of their own."""

    columns: tuple[Node, ...]

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.columns)

    def nodes(self) -> list[Node]:
        """Return each column."""
        return list(self.columns)

    def terms(self, weights: Array) -> list[Term]:
        """Return one term for each column."""
        return list(zip(weights.tolist(), self.columns, strict=True))


@dataclass(frozen=True, eq=False)
class Coded:
    """A category, coded by a contrast matrix.

    Attributes:
        x: the column that is looked up.
        levels: the categories.
        matrix: shape (levels, width).
        default: what stands in each column for any other category.
    """

    x: Node
    levels: tuple[Any, ...]
    matrix: Array
    default: float

    @property
    def width(self) -> int:
        """How many columns there are."""
        return int(self.matrix.shape[1])

    def nodes(self) -> list[Node]:
        """Return one table for each column, of the levels that are not 0 in it.

        2,000 tables of 2,000 levels would take 5 s; other categories of an input are refused as
        such, and only what is computed must show them in each table.
        """
        if self.x.op is not ops.INPUT:
            return [self._table(column) for column in self.matrix.T]
        made = []
        for column in self.matrix.T:
            at = np.flatnonzero(column)
            entries = {self.levels[i]: float(column[i]) for i in at}
            made.append(ops.table(self.x, entries, 0.0))
        return made

    def terms(self, weights: Array) -> list[Term]:
        """Return one table: level → Σ weights[j]·matrix[level, j]."""
        return [(1.0, self._table(self.matrix @ weights))]

    def _table(self, values: Array) -> Node:
        entries = dict(zip(self.levels, values.tolist(), strict=True))
        return ops.table(self.x, entries, self.default)


@dataclass(frozen=True, eq=False)
class Binned:
    """The bins of a number, coded by a contrast matrix; outside of them, the columns are missing.

    Attributes:
        x: the number.
        edges: where the bins begin and end, shape (bins + 1,).
        right_closed: whether an edge belongs to the bin below it.
        matrix: shape (bins, width); the numbers of the bins, of one column, before it is known.
        labels: what the bins are called; None where by their edges.
    """

    x: Node
    edges: Array
    right_closed: bool
    matrix: Array
    labels: tuple[Any, ...] | None = None

    def are(self, levels: Sequence[Any]) -> bool:
        """Tell whether some categories are these bins, in this order: C() may have another."""
        if len(levels) != len(self.edges) - 1:
            return False
        if self.labels is not None:
            return list(self.labels) == list(levels)
        starts = [getattr(level, "left", np.nan) for level in levels]
        return bool((np.diff(starts) >= 0).all()) and not np.isnan(starts).any()

    @property
    def width(self) -> int:
        """How many columns there are."""
        return int(self.matrix.shape[1])

    def nodes(self) -> list[Node]:
        """Return one step function for each column."""
        return [self._of(column) for column in self.matrix.T]

    def terms(self, weights: Array) -> list[Term]:
        """Return the one step function that the sum is."""
        return [(1.0, self._of(self.matrix @ weights))]

    def _of(self, values: Array) -> Node:
        inside = np.concatenate([[np.nan], values, [np.nan]])
        return ops.piecewise(self.x, Pieces.of(self.edges, inside, right_closed=self.right_closed))


@dataclass(frozen=True, eq=False)
class Truths:
    """A condition, coded by a contrast matrix; no condition is missing.

    Attributes:
        condition: what is true or false.
        false, true: what stands in each column then, shape (width,).
    """

    condition: Node
    false: Array
    true: Array

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.true)

    def nodes(self) -> list[Node]:
        """Return one choice for each column."""
        return [self._of(a, b) for a, b in zip(self.true, self.false, strict=True)]

    def terms(self, weights: Array) -> list[Term]:
        """Return the one choice that the sum is; an indicator, where it is 0 if false."""
        true, false = float(self.true @ weights), float(self.false @ weights)
        return [(true, self._of(1.0, 0.0))] if false == 0 else [(1.0, self._of(true, false))]

    def _of(self, true: float, false: float) -> Node:
        return ops.where(self.condition, ops.const(true), ops.const(false))


@dataclass(frozen=True, eq=False)
class Curve:
    """Piecewise polynomials of one number, between the same edges.

    Attributes:
        x: the number.
        stretches: the polynomials.
        missing: what each column is where x is missing, shape (width,); None: missing too.
    """

    x: Node
    stretches: Stretches
    missing: Array | None = None

    @property
    def width(self) -> int:
        """How many columns there are."""
        return int(self.stretches.coefs.shape[2])

    def nodes(self) -> list[Node]:
        """Return one piecewise polynomial for each column."""
        return [self._of(row) for row in np.eye(self.width)]

    def terms(self, weights: Array) -> list[Term]:
        """Return the one piecewise polynomial that the sum is."""
        return [(1.0, self._of(weights))]

    def _of(self, weights: Array) -> Node:
        part = self.stretches
        whole = Stretches(part.edges, part.origins, (part.coefs @ weights)[:, :, None])
        missing = np.nan if self.missing is None else float(self.missing @ weights)
        return ops.piecewise(self.x, whole.pieces(0, missing))

    def mixed(self, matrix: Array) -> Curve:
        """Return the columns `matrix` makes of these, shape (width, new width)."""
        part = self.stretches
        mixed = Stretches(part.edges, part.origins, part.coefs @ matrix)
        return Curve(self.x, mixed, None if self.missing is None else self.missing @ matrix)


@dataclass(frozen=True, eq=False)
class Polynomials:
    """Polynomials of one number around an origin; `coefs` of shape (powers, width)."""

    x: Node
    origin: float
    coefs: Array

    @property
    def width(self) -> int:
        """How many columns there are."""
        return int(self.coefs.shape[1])

    def nodes(self) -> list[Node]:
        """Return each polynomial."""
        return [self._of(column) for column in self.coefs.T]

    def terms(self, weights: Array) -> list[Term]:
        """Return the one polynomial that the sum is."""
        return [(1.0, self._of(self.coefs @ weights))]

    def _of(self, coefs: Array) -> Node:
        away = ops.lin(-self.origin, (1, self.x)) if self.origin else self.x
        powers = [ops.mul(*[away] * k) for k in range(1, len(coefs))]
        return ops.linear(float(coefs[0]), coefs[1:], powers)


@dataclass(frozen=True, eq=False)
class Product:
    """All products of the columns of some bases, the last one's running fastest, mixed linearly.

    Attributes:
        parts: the bases.
        matrix: shape (products, width).
    """

    parts: tuple[Basis, ...]
    matrix: Array

    @property
    def width(self) -> int:
        """How many columns there are."""
        return int(self.matrix.shape[1])

    def nodes(self) -> list[Node]:
        """Return each column."""
        return [total(self.terms(row)) for row in np.eye(self.width)]

    def terms(self, weights: Array) -> list[Term]:
        """Return the products, the columns of the last part summed up in each."""
        shape = tuple(part.width for part in self.parts)
        return contracted(self.parts, (self.matrix @ weights).reshape(shape))


def contracted(bases: Sequence[Basis], weights: Array) -> list[Term]:
    """Return Σ weights[j, k …]·bases[0][j]·bases[1][k] … as few terms.

    Args:
        bases: the factors of a product.
        weights: one axis for each basis.
    """
    single = [b for b in bases if b.width == 1]
    wide = [b for b in bases if b.width != 1]
    factor = [n for b in single for n in b.nodes()]
    if not wide:
        return [(float(weights.reshape(())), ops.mul(*factor))]
    terms = _wide(wide, weights.reshape([b.width for b in wide]))
    if any(may_be_infinite(n) for n in factor):
        # One column each, as the model has them: −∞ times an indicator of 0 is NaN.
        columns = products([*single, *wide])
        return list(zip(weights.ravel(order="F").tolist(), columns, strict=True))
    return [(1.0, ops.mul(*factor, total(terms)))] if factor else terms


def _wide(bases: Sequence[Basis], weights: Array) -> list[Term]:
    """Sum up the last basis for each combination of the others, then these from the back."""
    *others, last = bases
    rows = weights.reshape(-1, last.width)
    terms = [last.terms(row) for row in rows]
    for basis in reversed(others):
        nodes, k = basis.nodes(), basis.width
        terms = [
            [(1.0, ops.mul(n, total(t))) for n, t in zip(nodes, terms[i : i + k], strict=True)]
            for i in range(0, len(terms), k)
        ]
    return terms[0]


GROWS = (ops.LOG, ops.LOG1P, ops.EXP, ops.EXPM1, ops.POW)


def may_be_infinite(x: Node) -> bool:
    """Tell whether a node may be infinite though its inputs are not, as log(0) is."""
    return any(
        n.op in GROWS or (n.op is ops.DIV and n.args[1].op is not ops.CONST) for n in toposort([x])
    )


def products(bases: Sequence[Basis]) -> list[Node]:
    """Return all products of the columns of some bases, the first one's running fastest."""
    made: list[list[Node]] = [[]]
    for basis in bases:
        nodes = basis.nodes()
        made = [[*before, n] for n in nodes for before in made]
    return [ops.mul(*factors) for factors in made]


def total(terms: Sequence[Term]) -> Node:
    """Return the sum of some terms."""
    if len(terms) == 1 and terms[0][0] == 1.0:
        return terms[0][1]
    return ops.lin(0.0, *terms)


def size_of(bases: Sequence[Basis]) -> int:
    """Return how many columns all products are."""
    return prod(b.width for b in bases)


def coding(matrix: Any) -> Array:
    """Return a contrast matrix as frozen numbers."""
    return frozen(np.asarray(matrix, dtype=np.float64))
