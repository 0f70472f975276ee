"""Where a formula and the model disagree: by range of each input, over two of them, and worst."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from closedform.formula import Formula
from closedform.ir import Array
from closedform.reports.case import Case
from closedform.reports.ranges import FEWEST, Ranges, along, crossed

BY_INPUT = 6
"""Inputs whose ranges are listed."""
PAIRS = 8
"""Inputs that are looked at in pairs for where the two are furthest apart."""
WORST = 5
"""So many of the worst ranges are listed."""


@dataclass(frozen=True, eq=False)
class Place:
    """A part of the data: one range of each of some inputs.

    Attributes:
        where: the input and its range, in words.
        rows: how many lie there.
        away: the mean absolute difference there.
        more: how much more the formula gives there than the model, on average.
    """

    where: tuple[tuple[str, str], ...]
    rows: int
    away: float
    more: float


@dataclass(frozen=True, eq=False)
class Misfit:
    """How far a formula is from the model, and where.

    Attributes:
        rows: on how many rows both give a number.
        away: the mean absolute difference.
        most: what 95 % of the rows keep within.
        worst: the greatest difference on any row.
        relabelled: the share of rows with another class; None of a regression.
        spread: the standard deviation of what the model gives.
        by_input: each leading input with the mean absolute difference and the rows of each range.
        pair: the two inputs of the map; None where there are not two.
        map: the mean of formula − model in each cell, NaN where there are few rows.
        places: where they are furthest apart.
    """

    rows: int
    away: float
    most: float
    worst: float
    relabelled: float | None
    spread: float
    by_input: tuple[tuple[Ranges, Array, Array], ...]
    pair: tuple[Ranges, Ranges] | None
    map: Array
    places: tuple[Place, ...]


def misfit_of(case: Case, formula: Formula) -> Misfit:
    """Return how far a formula is from the model on the rows, and where."""
    more = case.got(formula) - case.expected
    fine = np.isfinite(more)
    away = np.abs(np.where(fine, more, np.nan))
    ranges = [case.ranges[i] for i in case.leading]
    pair = _pair(ranges, more)
    known = away[fine] if fine.any() else np.zeros(1)
    expected = case.expected[np.isfinite(case.expected)]
    return Misfit(
        int(fine.sum()), float(known.mean()), float(np.quantile(known, 0.95)), float(known.max()),
        float(case.relabelled(formula).mean()) if case.classifies else None,
        float(expected.std()) if len(expected) else 0.0,
        tuple((r, *along(r, away)) for r in ranges[:BY_INPUT]), pair,
        np.zeros((0, 0)) if pair is None else crossed(*pair, more)[0],
        _places(ranges[:PAIRS], more, float(known.mean())),
    )  # fmt: skip


def _pair(ranges: list[Ranges], more: Array) -> tuple[Ranges, Ranges] | None:
    """Return the two inputs over which the difference varies most."""
    best, found = -1.0, None
    for a, b in combinations(ranges[:PAIRS], 2):
        means, rows = crossed(a, b, more)
        told = np.isfinite(means)
        varies = float((rows[told] * means[told] ** 2).sum())
        if varies > best:
            best, found = varies, (a, b)
    return found


def _places(ranges: list[Ranges], more: Array, whole: float) -> tuple[Place, ...]:
    """Return the parts where the two are furthest apart, no two of which share most of their rows.

    Ranges of one input and of two are tried. Judged by the mean absolute difference less two of
    its standard errors, so that a handful of rows far away is not called a range.
    """
    if not whole:
        return ()
    found = sorted(_tried(ranges, np.abs(more)), key=lambda t: -t[0])
    kept: list[tuple[Place, Array]] = []
    for sure, where, inside in found:
        if sure <= whole or len(kept) == WORST:
            break
        if all((inside & other).sum() <= 0.5 * min(inside.sum(), other.sum()) for _, other in kept):
            here = more[inside]
            place = Place(where, len(here), float(np.abs(here).mean()), float(here.mean()))
            kept.append((place, inside))
    return tuple(place for place, _ in kept)


def _tried(
    ranges: list[Ranges], away: Array
) -> Iterator[tuple[float, tuple[tuple[str, str], ...], Array]]:
    fine = np.isfinite(away)
    least = max(2 * FEWEST, int(0.01 * fine.sum()))
    parts = [
        ((r.name, label), fine & (r.codes == k))
        for r in ranges for k, label in enumerate(r.labels)
    ]  # fmt: skip
    for size in (1, 2):
        for chosen in combinations(parts, size):
            inside = chosen[0][1] if size == 1 else chosen[0][1] & chosen[1][1]
            rows = int(inside.sum())
            if rows >= least:
                here = away[inside]
                sure = float(here.mean() - 2 * here.std() / np.sqrt(rows))
                yield sure, tuple(where for where, _ in chosen), inside
