"""A few rows with what the formula gives for them: the self-test that a program carries."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

from closedform import ops
from closedform.columns import columns_of
from closedform.evaluate import evaluate
from closedform.formula import Feature, Formula
from closedform.ir import Type
from closedform.ops.payloads import UNSEEN, Label, labels_of

ROWS = 20
"""So many rows a self-test has, where none are given."""

PLAIN = (0.5, 1.0, 0.0, -1.0, 2.0, 10.0)


@dataclass(frozen=True)
class Samples:
    """Rows and answers.

    Attributes:
        rows: the value of each input, row after row; a missing number is NaN, a missing label None.
        answers: every output of each row.
    """

    rows: tuple[tuple[Any, ...], ...]
    answers: tuple[tuple[Any, ...], ...]


def samples(formula: Formula, rows: Any = None, limit: int = ROWS) -> Samples:
    """Return rows, made up where none are given, with the formula's own answers.

    Args:
        formula: a formula.
        rows: as in calling the formula; only the first `limit` are used.
        limit: how many there are at most.

    Raises:
        BadInput: the rows do not fit the formula.
    """
    given = _made_up(formula, limit) if rows is None else rows
    columns, count = columns_of(formula.inputs, given, formula.needed)
    listed = []
    for feature, column in zip(formula.inputs, columns, strict=True):
        if feature.type is not Type.LABEL:
            listed.append(column.tolist())
            continue
        names = labels_of(column).tolist()
        codes = column.tolist()
        listed.append(
            [_strange(feature) if c == UNSEEN else v for v, c in zip(names, codes, strict=True)]
        )
    found = [column.tolist() for column in evaluate(formula, given).values()]
    take = range(min(count, limit))
    return Samples(
        tuple(tuple(column[i] for column in listed) for i in take),
        tuple(tuple(column[i] for column in found) for i in take),
    )


def _strange(feature: Feature) -> Label:
    """Return a label that no formula knows, of the type of the others."""
    known = feature.categories or ()
    if known and not any(isinstance(v, str) for v in known):
        return max(float(v) for v in known) + 1
    return "?" * (1 + max((len(str(v)) for v in known), default=0))


def _made_up(formula: Formula, count: int) -> dict[str, list[Any]]:
    """Return values near what the formula tests, one in sixteen of them missing."""
    marks, chance = _marks(formula), np.random.default_rng(0)
    made: dict[str, list[Any]] = {}
    for i, feature in enumerate(formula.inputs):
        if feature.type is Type.LABEL:
            values: tuple[Any, ...] = (*(feature.categories or ()), _strange(feature))
        else:
            values = (*marks.get(i, ()), *PLAIN)
        nothing = None if feature.type is Type.LABEL else math.nan
        drawn = [values[j] for j in chance.integers(len(values), size=count)]
        absent = chance.random(count) < 1 / 16
        made[feature.name] = [nothing if a else v for v, a in zip(drawn, absent, strict=True)]
    return made


def _marks(formula: Formula) -> dict[int, tuple[float, ...]]:
    """Return some finite thresholds of each input."""
    found: dict[int, dict[float, None]] = {}
    for n in formula.nodes:
        if n.op is ops.TREE:
            s = n.data.splits
            pairs = zip(s.feature[~s.leaf].tolist(), s.threshold[~s.leaf].tolist(), strict=True)
            tests = [(n.args[i], t) for i, t in pairs]
        elif n.op is ops.PIECEWISE:
            tests = [(n.args[0], t) for t in n.data.edges.tolist()]
        else:
            continue
        for x, t in tests:
            if x.op is ops.INPUT and np.isfinite(t):
                found.setdefault(x.data, {})[t] = None
    return {i: tuple(islice(marks, 6)) for i, marks in found.items()}
