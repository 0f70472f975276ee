"""Exact interventional Shapley values of a term: all coalitions of each part, parts multiplied.

The multilinear extension of a product of parts that share no input is the product of theirs, and a
Shapley value is the integral of its slope along the diagonal (Owen 1972, Multilinear extensions of
games). It is a polynomial, of which Gauss's rule gives the integral exactly: so a product of parts
over 30 inputs takes 15 points instead of 2³⁰ coalitions.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from itertools import accumulate, product

import numpy as np

from closedform import ops
from closedform.evaluate import compute
from closedform.explanations.shapley.terms import Part, Term
from closedform.ir import Array

Columns = Sequence[Array]
PAIRS = 1 << 14
"""Pairs of a row and a background row that are looked at together."""


def of_term(term: Term, rows: Columns, background: Columns) -> Array:
    """Return the Shapley values of one term, shape (rows, inputs).

    Args:
        term: what is explained.
        rows: what it is explained of, one column for each input of the formula.
        background: the rows from which the values of absent inputs are taken, all of them.
    """
    many, others = len(rows[0]), len(background[0])
    values = np.zeros((many, len(rows)))
    step = max(1, PAIRS // others)
    for lo in range(0, many, step):
        some = [column[lo : lo + step] for column in rows]
        values[lo : lo + step] = _of_rows(term, some, background)
    return values


def _of_rows(term: Term, rows: Columns, background: Columns) -> Array:
    power, games = term.power, []
    for part in term.parts:
        moved, game = _game(part, rows, background)
        power += moved
        games.append(game)
    size = sum(len(part.inputs) for part in term.parts)
    # Each slope is a polynomial of degree size − 1 in t, whatever the parts.
    places, weights = np.polynomial.legendre.leggauss(max(1, (size + 1) // 2))
    values = np.zeros((len(rows[0]), len(rows)))
    shape = len(rows[0]), len(background[0])
    for place, weight in zip((places + 1) / 2, weights / 2, strict=True):
        others = _all_but_one([_at(game, place) for game in games])
        for part, game, rest in zip(term.parts, games, others, strict=True):
            for bit, i in enumerate(sorted(part.inputs)):
                slope = _slope(game, bit, place) * rest
                values[:, i] += weight * np.broadcast_to(slope, shape).mean(axis=1)
    with np.errstate(over="ignore"):
        return np.asarray(term.weight * np.exp(power) * values)


def _all_but_one(parts: Sequence[Array]) -> list[Array]:
    """Return the product of all parts but one, for each; no division, since a part may be 0."""
    ones = np.ones((1, 1))
    before = list(accumulate(parts[:-1], np.multiply, initial=ones))
    after = list(accumulate(parts[:0:-1], np.multiply, initial=ones))[::-1]
    return [a * b for a, b in zip(before, after, strict=True)]


Game = dict[tuple[int, ...], Array]
"""Which inputs of a part come from the row → its value for each pair, shape (rows, background)."""


def _game(part: Part, rows: Columns, background: Columns) -> tuple[float, Game]:
    """Return the values of all coalitions, and what was taken from the exponent of each."""
    inputs = sorted(part.inputs)
    logs, game = dict[tuple[int, ...], Array](), Game()
    for held in product((0, 1), repeat=len(inputs)):
        own = {i for i, bit in zip(inputs, held, strict=True) if bit}
        *factors, exponent = _values(part, own, rows, background)
        game[held] = reduce(np.multiply, factors, np.ones((1, 1)))
        logs[held] = exponent
    if not part.exponents:
        return 0.0, game
    none = logs[(0,) * len(inputs)]
    moved = float(np.nan_to_num(np.nanmax(none, initial=-np.inf), posinf=0.0, neginf=0.0))
    with np.errstate(over="ignore"):
        return moved, {held: game[held] * np.exp(logs[held] - moved) for held in game}


def _values(part: Part, own: set[int], rows: Columns, background: Columns) -> list[Array]:
    """Return the factors and the exponent where some inputs are the row's own.

    Each has shape (rows, background), or 1 for what all rows, or all of the background, share.
    """
    many, others = len(rows[0]), len(background[0])
    if not own & part.inputs:
        columns, shape = background, (1, others)
    elif own >= part.inputs:
        columns, shape = rows, (many, 1)
    else:
        columns, shape = _mixed(part, own, rows, background), (many, others)
    nodes = [*part.factors, ops.lin(0.0, *[(1.0, node) for node in part.exponents])]
    return [value.reshape(shape) for value in compute(nodes, columns, shape[0] * shape[1])]


def _mixed(part: Part, own: set[int], rows: Columns, background: Columns) -> Columns:
    """Return columns in which each row meets each of the background, some inputs being its own."""
    many, others = len(rows[0]), len(background[0])
    mixed = []
    for i, (row, other) in enumerate(zip(rows, background, strict=True)):
        if i in part.inputs:
            mixed.append(np.repeat(row, others) if i in own else np.tile(other, many))
        else:
            mixed.append(np.broadcast_to(row[:1], many * others))  # nobody reads it
    return mixed


def _at(game: Game, t: float) -> Array:
    """Return the multilinear extension on the diagonal: each input is the row's with chance t."""
    return _weighted([(t ** sum(held) * (1 - t) ** held.count(0), v) for held, v in game.items()])


def _slope(game: Game, bit: int, t: float) -> Array:
    """Return the slope of the extension along one input."""
    shares = []
    for held, value in game.items():
        others = held[:bit] + held[bit + 1 :]
        share = t ** sum(others) * (1 - t) ** others.count(0)
        shares.append((share if held[bit] else -share, value))
    return _weighted(shares)


def _weighted(shares: Sequence[tuple[float, Array]]) -> Array:
    total = np.zeros((1, 1))
    for share, value in shares:
        total = total + share * value
    return total
