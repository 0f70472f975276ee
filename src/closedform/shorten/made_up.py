"""Rows like those given: a smoothed bootstrap that keeps mean, spread and correlations.

Silverman and Young, The bootstrap: to smooth or not to smooth? (1987): each row drawn is shrunk
towards the mean and moved by noise with the data's own covariance, so that both stay as they were.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from closedform.formula import Feature
from closedform.ir import Array, Type

WIDTH = 0.3
"""The noise's deviation as a share of the data's."""
FEW_LEVELS = 20
"""A column of at most so many values keeps to them."""


def made_up(
    inputs: Sequence[Array], features: Sequence[Feature], count: int, random: np.random.Generator
) -> tuple[Array, ...]:
    """Return `count` rows: first those given, in random order, then made-up ones.

    Args:
        inputs: the rows given, one column an input; label columns as codes.
        features: the inputs.
        count: how many rows.
        random: where the draws come from.
    """
    rows = len(inputs[0])
    own = random.permutation(rows)[:count]
    more = count - len(own)
    if not more:
        return tuple(c[own] for c in inputs)
    drawn = random.integers(rows, size=more)
    moved = _moving(inputs, features)
    new = [c[drawn] for c in inputs]
    if moved:
        for i, column in zip(
            moved, _smoothed([inputs[i] for i in moved], drawn, random), strict=True
        ):
            gaps = np.isnan(new[i])
            new[i] = np.where(gaps, np.nan, column)
    return tuple(np.concatenate([c[own], n]) for c, n in zip(inputs, new, strict=True))


def _moving(inputs: Sequence[Array], features: Sequence[Feature]) -> list[int]:
    """Return the positions of the columns that take any value of a range."""
    return [
        i
        for i, (column, feature) in enumerate(zip(inputs, features, strict=True))
        if feature.type is Type.REAL
        and len(np.unique(column[np.isfinite(column)][:10_000])) > FEW_LEVELS
    ]


def _smoothed(columns: list[Array], drawn: Array, random: np.random.Generator) -> list[Array]:
    table = np.column_stack(
        [np.where(np.isfinite(c), c, np.nanmedian(_finite(c))) for c in columns]
    )
    mean, deviation = table.mean(axis=0), table.std(axis=0)
    deviation[deviation == 0] = 1.0
    scaled = (table - mean) / deviation
    # A square root of the covariance that few rows do not make singular.
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(scaled.T)))
    root = vectors * np.sqrt(np.maximum(values, 0))
    noise = random.normal(size=(len(drawn), len(columns))) @ root.T
    new = (scaled[drawn] + WIDTH * noise) / np.sqrt(1 + WIDTH**2)
    back = mean + deviation * new
    return [_as_given(made, column) for made, column in zip(back.T, table.T, strict=True)]


def _as_given(made: Array, column: Array) -> Array:
    """Return made-up values within the range of those given, whole where these are whole."""
    kept = np.rint(made) if (column == np.rint(column)).all() else made
    return np.clip(kept, column.min(), column.max())


def _finite(column: Array) -> Array:
    return np.where(np.isfinite(column), column, np.nan)
