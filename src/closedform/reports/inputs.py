"""The inputs as the page offers them: their ranges, what is typical, and what lies outside."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform.formula import Feature
from closedform.ir import Array, Type
from closedform.ops.payloads import labels_of
from closedform.reports.case import Case

BARS = 24
"""Bars of the histogram behind a curve."""
MOVED = 150
"""So many inputs have a control, those that matter most; the others stay as is typical."""
MOST_CATEGORIES = 200
"""So many can be chosen; a list of more is no list to choose from."""
JOINT = 24
"""So many numbers are looked at together, those that move the prediction most."""
PAIRED, CELLS = 10, 10
"""Inputs that are looked at in pairs, and into how many stretches each is cut."""
FAR = 0.99
"""The share of the rows that lie nearer to the middle than what is called far from the data."""


def inputs_of(case: Case) -> list[dict[str, Any]]:
    """Return what the page knows of each input that is read, the one that matters most first."""
    shown = case.leading[:MOVED]
    return [_input(i, case.sides.features[i], case.sides.columns[i]) for i in shown]


def _input(index: int, feature: Feature, column: Array) -> dict[str, Any]:
    made: dict[str, Any] = {"index": index, "name": feature.name}
    if feature.type is Type.LABEL:
        return made | _category(feature, column)
    here = column[np.isfinite(column)]
    if not len(here):
        here = np.zeros(1)
    lo, hi = float(here.min()), float(here.max())
    whole = bool((here == np.floor(here)).all()) and hi - lo >= 1
    typical = float(np.median(here))
    counts, _ = np.histogram(here, bins=BARS, range=(lo, hi if hi > lo else lo + 1))
    return made | {
        "kind": "number", "lo": lo, "hi": hi, "whole": whole,
        "typical": float(np.floor(typical)) if whole else _rounded(typical, hi - lo),
        "step": 1 if whole else _step(hi - lo),
        "bars": [round(float(c) / max(counts.max(), 1), 3) for c in counts],
        "missing": float(np.isnan(column).mean()), "takes": feature.missing,
    }  # fmt: skip


def _step(width: float) -> float:
    """Return a step of which some two hundred are in a range: 1, 2 or 5 times a power of ten."""
    if not 0 < width < math.inf:
        return 1.0
    power = 10.0 ** math.floor(math.log10(width / 200))
    return float(next(k * power for k in (1, 2, 5, 10) if k * power >= width / 200))


def _rounded(value: float, width: float) -> float:
    """Return a median on whole steps: what no row need hold."""
    step = _step(width)
    return float(f"{round(value / step) * step:.12g}")


def _category(feature: Feature, column: Array) -> dict[str, Any]:
    """Return the categories, those of the data first, the commonest before all."""
    codes, rows = np.unique(column, return_counts=True)
    order = np.argsort(-rows, kind="stable")
    seen = labels_of(codes[order]).tolist()
    shares = dict(zip(seen, (rows[order] / max(len(column), 1)).tolist(), strict=True))
    values = list(dict.fromkeys([*(v for v in seen if v is not None), *(feature.categories or ())]))
    return {
        "kind": "category",
        "values": [{"value": v, "share": round(shares.get(v, 0.0), 4)}
                   for v in values[:MOST_CATEGORIES]],
        "more": max(len(values) - MOST_CATEGORIES, 0),
        "missing": float(shares.get(None, 0.0)), "takes": feature.missing,
    }  # fmt: skip


def fill_of(case: Case) -> list[Any]:
    """Return something for each input that no control moves: a model may refuse what is missing."""
    found: list[Any] = []
    for feature, column in zip(case.sides.features, case.sides.columns, strict=True):
        known = column[column >= 0] if feature.type is Type.LABEL else column[np.isfinite(column)]
        if not len(known):
            found.append(None)
        elif feature.type is Type.LABEL:
            found.append(labels_of(np.array([np.bincount(known).argmax()])).tolist()[0])
        else:
            found.append(float(f"{np.median(known):.4g}"))
    return found


def joint_of(case: Case) -> dict[str, Any]:
    """Return what tells whether values lie together as the data's do, without any row of these.

    The distance from the middle in units of the spread, correlations taken into account
    (Mahalanobis, 1936), with the one that 99 % of the rows keep within; and for pairs of inputs,
    which parts of the rectangle have a row in them or beside them.
    """
    numbers = [i for i in case.leading if case.sides.features[i].type is not Type.LABEL][:JOINT]
    columns = [_filled(case.sides.columns[i]) for i in numbers]
    if not numbers or len(columns[0]) <= 2 * len(numbers):
        return {"inputs": [], "pairs": []}
    table = np.column_stack(columns)
    middle, scale = table.mean(axis=0), table.std(axis=0)
    scale = np.where(scale > 0, scale, 1.0)
    standard = (table - middle) / scale
    # Two columns that say the same have no inverse: a little is added, as in a ridge.
    inverse = np.linalg.inv(np.cov(standard, rowvar=False).reshape(len(numbers), -1)
                            + 1e-6 * np.eye(len(numbers)))  # fmt: skip
    away = np.einsum("ri,ij,rj->r", standard, inverse, standard)
    return {
        "inputs": numbers, "middle": _short(middle), "scale": _short(scale),
        "inverse": [_short(row) for row in inverse],
        "far": float(f"{np.quantile(away, FAR):.6g}"),
        "pairs": _pairs(numbers[:PAIRED], columns),
    }  # fmt: skip


def _filled(column: Array) -> Array:
    fine = np.isfinite(column)
    return np.where(fine, column, column[fine].mean() if fine.any() else 0.0)


def _short(values: Array) -> list[float]:
    return [float(f"{v:.6g}") for v in values.tolist()]


def _pairs(numbers: Sequence[int], columns: Sequence[Array]) -> list[dict[str, Any]]:
    """Return, for each pair of inputs, the cells with a row in them or beside them, as text."""
    codes = [_stretches(column) for column in columns[: len(numbers)]]
    found = []
    for b in range(len(numbers)):
        for a in range(b):
            taken = np.zeros((CELLS + 2, CELLS + 2), dtype=bool)
            for right in range(3):
                for up in range(3):
                    taken[codes[a] + right, codes[b] + up] = True
            inner = taken[1:-1, 1:-1].ravel()
            if not inner.all():
                cells = "".join("01"[int(cell)] for cell in inner)
                found.append({"a": numbers[a], "b": numbers[b], "cells": cells})
    return found


def _stretches(column: Array) -> Array:
    lo, width = column.min(), np.ptp(column) or 1.0
    places: Array = ((column - lo) / width * CELLS).astype(int)
    return np.minimum(places, CELLS - 1)
