"""A model formula (patsy's or formulaic's) as terms over the raw columns of the data."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from closedform import ops
from closedform.formula import Stage
from closedform.ir import Array, Node, Type, fold
from closedform.ops.absence import surely_missing
from closedform.readers.reading import Reading, imputed_from, is_missing, plain_label
from closedform.readers.statsmodels.bases import (
    Basis,
    Binned,
    Coded,
    Curve,
    Plain,
    Polynomials,
    Term,
    Truths,
    contracted,
    size_of,
)
from closedform.readers.statsmodels.expressions import Scope, Unreadable, columns_read, value_of
from closedform.readers.statsmodels.functions import as_basis, called

ROUNDINGS = 8
"""How many units of rounding a term of some operations on a narrow column is off by."""


@dataclass(frozen=True, eq=False)
class Factor:
    """One factor of a model formula, before its code is read.

    Attributes:
        name: as the package shows it.
        code: what is evaluated.
        scope: what the names in the code stand for.
        levels: of a category, in the package's order; None of a number.
        width: how many columns a number has; None where it is not known.
        refuses: whether the package raises on a category that is not among the levels.
    """

    name: str
    code: str
    scope: Scope
    levels: tuple[Any, ...] | None = None
    width: int | None = 1
    refuses: bool = True


@dataclass(frozen=True, eq=False)
class Subterm:
    """A product of factors: its columns stand side by side, those of the first running fastest.

    Attributes:
        name: the term.
        factors: what is multiplied.
        matrices: for each factor, the contrast matrix of a category (levels, columns), or None.
        columns: how many columns it has; None where the package does not say.
        scale: what the product is multiplied by.
    """

    name: str
    factors: tuple[Factor, ...]
    matrices: tuple[Array | None, ...]
    columns: int | None = None
    scale: float = 1.0


@dataclass(frozen=True, eq=False)
class Design:
    """All terms of a model formula, in the order of its columns."""

    subterms: tuple[Subterm, ...]
    names: tuple[str, ...]

    @property
    def width(self) -> int:
        """How many columns the design has."""
        return len(self.names)

    def inputs(self) -> list[str]:
        """Return the columns of the data that the terms read, in the order of the terms."""
        factors = [f for t in self.subterms for f in t.factors]
        return list(dict.fromkeys(name for f in factors for name in columns_read(f.code, f.scope)))


@dataclass(frozen=True, eq=False)
class Terms:
    """A design over nodes: what each of its terms is, as bases."""

    parts: tuple[tuple[Subterm, tuple[Basis, ...]], ...]

    def score(self, weights: Array) -> tuple[float, list[Term]]:
        """Return Σ weights[j]·column j as a bias and terms; weights of shape (columns,)."""
        bias, terms, at = 0.0, [], 0
        for subterm, bases in self.parts:
            count = size_of(bases)
            mine = weights[at : at + count] * subterm.scale
            at += count
            if not bases:
                bias += float(mine.sum())
            elif count:
                shape = tuple(b.width for b in bases)
                terms += contracted(bases, mine.reshape(shape, order="F"))
        return bias, terms


def terms_of(design: Design, columns: Mapping[str, Node], reading: Reading) -> Terms | None:
    """Return the terms over some columns; None, and problems, where a factor has no formula."""
    known: dict[tuple[int, int], Basis | None] = {}
    for subterm in design.subterms:
        for factor, matrix in zip(subterm.factors, subterm.matrices, strict=True):
            key = (id(factor), id(matrix))
            if key not in known:
                known[key] = _basis(factor, matrix, columns, reading)
    parts = []
    for subterm in design.subterms:
        pairs = zip(subterm.factors, subterm.matrices, strict=True)
        bases = [known[id(f), id(m)] for f, m in pairs]
        parts.append((subterm, tuple(b for b in bases if b is not None)))
    if any(b is None for b in known.values()):
        return None
    sizes = [(subterm.columns, size_of(bases)) for subterm, bases in parts]
    if any(told not in (None, size) for told, size in sizes) or (
        sum(size for _, size in sizes) != design.width
    ):
        reading.problem("The terms of the model's formula do not fit the columns of its design.")
        return None
    terms = Terms(tuple(parts))
    bare = [n for _, bases in terms.parts for b in bases for n in _under(b)]
    # Not what may make a term missing: np.where(x > 2, x, 0) is 0 where x is missing.
    reading.no_missing.update(*fold(bare, surely_missing))
    return terms


def _under(basis: Basis) -> list[Node]:
    """Return nodes that are missing where the columns of a basis are."""
    if isinstance(basis, Coded | Polynomials) or (
        isinstance(basis, Curve) and basis.missing is None
    ):
        return [basis.x]
    return basis.nodes()


def _basis(
    factor: Factor, matrix: Array | None, columns: Mapping[str, Node], reading: Reading
) -> Basis | None:
    scope = replace(factor.scope, nodes=columns, functions=called, as_labels=reading.as_labels)
    names = columns_read(factor.code, scope)
    bare = [n for n in names if _is_just(factor.code, n, scope)]
    value = columns[bare[0]] if bare else value_of(factor.code, scope)
    for name in () if bare else scope.frame.truths.intersection(names):
        reading.knows(columns[name], (False, True), unseen=False)
        reading.no_missing.add(columns[name].data)
    for name in () if bare else scope.frame.narrow.keys() & set(names):
        reading.rounds([columns[name]], scope.frame.narrow[name], ROUNDINGS)
    found = as_basis(value) if matrix is None else _coded(factor, value, matrix, reading)
    if (
        not isinstance(found, Unreadable)
        and factor.width not in (None, found.width)
        and (matrix is None)
    ):
        found = Unreadable(f"{found.width} columns where the model has {factor.width}")
    if isinstance(found, Unreadable):
        reading.problem(
            f"{factor.name} in the model's formula has no formula that is known: it holds "
            f"{found.what}.",
            "Compute this column in the data beforehand, and name it in the model's formula.",
        )
        return None
    if isinstance(value, Node) and matrix is None and len(names) == 1 and not bare:
        before, after = ((names[0], columns[names[0]]),), ((names[0], value),)
        reading.stages.append(Stage(factor.name, "transform", before, after))
    return found


def _is_just(code: str, name: str, scope: Scope) -> bool:
    return scope.aliases.get(code.strip(), code.strip()) == name


def _coded(factor: Factor, value: Any, matrix: Array, reading: Reading) -> Basis | Unreadable:
    """Return a category as the package codes it."""
    if isinstance(value, Binned):
        fits = value.are(factor.levels or ())
        others = Unreadable(f"`{factor.code}`, whose categories are not its bins in order")
        return replace(value, matrix=matrix) if fits else others
    levels = tuple(plain_label(v) for v in factor.levels or ())
    odd = next((v for v in levels if not isinstance(v, str | int | float | bool)), None)
    if odd is not None or any(is_missing(v) for v in levels):
        return Unreadable(f"a category {odd!r} of type {type(odd).__name__}")
    if not isinstance(value, Node):
        return value if isinstance(value, Unreadable) else Unreadable(f"{value!r} for categories")
    if value.type is Type.BOOL:
        return Truths(value, matrix[levels.index(False)], matrix[levels.index(True)])
    texts = any(isinstance(v, str) for v in levels)
    x = reading.as_labels(value) if texts else value
    if texts and x.type is not Type.LABEL:
        return Unreadable(f"`{factor.code}`, which makes text of other columns")
    if imputed_from(x)[0].op is ops.INPUT:
        reading.knows(x, levels, unseen=not factor.refuses)
    return Coded(x, levels, matrix, np.nan if factor.refuses else 0.0)


def plain(columns: Sequence[Node]) -> Callable[[Array], tuple[float, list[Term]]]:
    """Return Σ weights[j]·column j of plain columns, as `Terms.score` gives it."""
    return lambda weights: (0.0, Plain(tuple(columns)).terms(weights))
