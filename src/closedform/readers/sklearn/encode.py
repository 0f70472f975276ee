"""scikit-learn: encoders, each column of labels as tables of numbers.

None and NaN are one missing value in a formula. Encoders tell them apart in columns of objects: a
model that has both as categories of one column is refused, and one that has seen only one of them
takes the other for the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Node
from closedform.readers.reading import Columns, Reading, imputed_from, is_missing, plain_label
from closedform.readers.sklearn.dispatch import names_out

PLAIN = (str, int, float, bool)
LARGEST = 2**53
"""Whole numbers beyond it have no float64 of their own."""


@dataclass(frozen=True)
class Categories:
    """The categories of one column in the encoder's order, and which of them are lumped together.

    Attributes:
        values: the categories as plain values; a missing one is None.
        infrequent: positions of those that share one code.
    """

    values: tuple[Any, ...]
    infrequent: tuple[int, ...] = ()

    @property
    def known(self) -> list[Any]:
        """The categories without the missing one."""
        return [v for v in self.values if v is not None]

    @property
    def missing(self) -> int | None:
        """The position of the missing category, if there is one."""
        return self.values.index(None) if None in self.values else None

    @property
    def groups(self) -> list[list[int]]:
        """The positions that share one code, code by code: the infrequent ones come last."""
        alone = [[i] for i in range(len(self.values)) if i not in self.infrequent]
        return [*alone, list(self.infrequent)] if self.infrequent else alone


def categories_of(model: Any, i: int, reading: Reading, name: str) -> Categories | None:
    """Return the categories of column i; None, and a problem, where they are no plain values."""
    raw = list(model.categories_[i])
    values = tuple(None if is_missing(v) else plain_label(v) for v in raw)
    who = f"{type(model).__name__}, column {name!r}"
    odd = {type(v).__name__ for v in values if v is not None and type(v) not in PLAIN}
    if model.categories_[i].dtype.kind in "mM":  # its items may be plain counts of nanoseconds
        odd = {model.categories_[i].dtype.name}
    if odd:
        reading.problem(
            f"{who}: categories of type {', '.join(sorted(odd))} have no place in a formula.",
            "Turn them into text or numbers before training.",
        )
        return None
    if holds_large(values, reading, who):
        return None
    if holds_two_missing(raw, reading, who):
        return None
    rare = getattr(model, "infrequent_categories_", [None] * (i + 1))[i]
    rare = () if rare is None else rare
    lumped = tuple(k for k, v in enumerate(raw) if any(_same(v, r) for r in rare))
    return Categories(values, lumped)


def holds_large(values: Sequence[Any], reading: Reading, who: str) -> bool:
    """Tell, and note as a problem, that some categories are too large for a float64.

    1234567890123456789 and its 127 neighbours on either side are the same float.
    """
    found = any(type(v) is int and abs(v) > LARGEST for v in values)
    if found:
        reading.problem(
            f"{who}: categories are whole numbers beyond 2^53, which a formula's numbers cannot "
            "tell apart.",
            "Turn this column into text before training: X[name].astype(str).",
        )
    return found


def holds_two_missing(values: Sequence[Any], reading: Reading, who: str) -> bool:
    """Tell, and note as a problem, that None and NaN are both among some categories."""
    found = sum(map(is_missing, values)) > 1
    if found:
        reading.problem(
            f"{who}: None and NaN are two categories, which a formula cannot tell apart.",
            "Replace one by the other before training: X.fillna(np.nan).",
        )
    return found


def _same(a: Any, b: Any) -> bool:
    return is_missing(b) if is_missing(a) else not is_missing(b) and bool(a == b)


def as_category(x: Node, found: Categories, reading: Reading) -> Node:
    """Return the column that is looked up: labels where one of the categories is text.

    An encoder that knows a missing category behind an imputer tells that the imputer left it
    alone: it replaces NaN and keeps None, or the other way round.
    """
    if found.missing is not None and x.op is ops.WHERE and x.args[0].op is ops.ABSENT:
        x, _ = imputed_from(x)
    return reading.as_labels(x) if any(isinstance(v, str) for v in found.values) else x


def looked_up(x: Node, found: Categories, codes: Sequence[float], unknown: float | None) -> Node:
    """Return the number that stands beside each category.

    Args:
        x: the column.
        found: its categories.
        codes: a number for each of them.
        unknown: the number of all others; None where the encoder refuses them.
    """
    pairs = zip(found.values, codes, strict=True)
    default = np.nan if unknown is None else unknown
    entries = {v: float(c) for v, c in pairs if v is not None and float(c) != default}
    missing = default if found.missing is None else codes[found.missing]
    return ops.table(x, entries, default, missing)


def note_domain(x: Node, name: str, found: Categories, takes_all: bool, reading: Reading) -> None:
    """Tell the reading which values of a column the encoder takes."""
    reading.knows(x, found.values, unseen=takes_all)
    if not takes_all and found.missing is None:
        reading.refuse_missing(Columns((name,), (x,)))


# --- one-hot ------------------------------------------------------------------------------------


def one_hot(model: Any, columns: Columns, reading: Reading) -> Columns:
    """One indicator for each category, without those that were dropped."""
    made: list[Node] = []
    takes_all = model.handle_unknown != "error"
    drops = [None] * len(columns) if model.drop_idx_ is None else list(model.drop_idx_)
    for i, (name, x) in enumerate(columns):
        found = categories_of(model, i, reading, name)
        if found is None:
            return reading.placeholder(names_out(model, columns))
        x = as_category(x, found, reading)
        note_domain(x, name, found, takes_all, reading)
        if not takes_all and not _fills_are_known(x, found.known):
            reading.refuse(ops.negate(ops.either(ops.member(x, found.known), ops.missing(x))))
        for group in found.groups:
            if drops[i] is None or drops[i] not in group:
                made.append(_hot(x, found, group, model.handle_unknown))
    return columns.mapped(made, names_out(model, columns))


def _fills_are_known(x: Node, known: Sequence[Any]) -> bool:
    """Tell whether what the imputers before an encoder fill in is among its categories."""
    while x.op is ops.WHERE:
        fill = x.args[1]
        value = fill.data[0] if fill.op is ops.LABEL else fill.data
        if fill.op not in (ops.LABEL, ops.CONST) or not (is_missing(value) or value in known):
            return False
        x = x.args[2]
    return True


def _hot(x: Node, found: Categories, group: list[int], unknown: str) -> Node:
    # Only "ignore" keeps an unknown category apart from the infrequent ones.
    lumps = unknown in ("infrequent_if_exist", "warn") and tuple(group) == found.infrequent != ()
    if lumps:
        codes = [float(k in group) for k in range(len(found.values))]
        return looked_up(x, found, codes, 1.0)
    # 1 for its own alone: 2,000 tables of 2,000 entries took 5 s and 1 GB. What "error" refuses
    # is said of the input, and need not be said by each table again.
    entries = {v: 1.0 for v in (found.values[k] for k in group) if v is not None}
    missing = np.nan if unknown == "error" else 0.0
    if found.missing is not None:
        missing = float(found.missing in group)
    return ops.table(x, entries, 0.0, missing)


# --- ordinal ------------------------------------------------------------------------------------


def ordinal(model: Any, columns: Columns, reading: Reading) -> Columns:
    """The position of each category; infrequent ones share the last position."""
    takes_all = model.handle_unknown == "use_encoded_value"
    unknown = float(model.unknown_value) if takes_all else None
    made: list[Node] = []
    for i, (name, x) in enumerate(columns):
        found = categories_of(model, i, reading, name)
        if found is None:
            return reading.placeholder(columns.names)
        x = as_category(x, found, reading)
        note_domain(x, name, found, takes_all, reading)
        made.append(looked_up(x, found, _positions(model, i, found), unknown))
    return columns.mapped(made)


def _positions(model: Any, i: int, found: Categories) -> list[float]:
    """Return the code of each category; NaN has one of its own, None is like any other."""
    nan_last = model.categories_[i][-1] is not None and is_missing(model.categories_[i][-1])
    groups = found.groups
    if nan_last:
        last = len(found.values) - 1
        groups = [g for g in groups if g != [last]]
    codes = {k: float(code) for code, group in enumerate(groups) for k in group}
    return [codes.get(k, float(model.encoded_missing_value)) for k in range(len(found.values))]


# --- target -------------------------------------------------------------------------------------


def target(model: Any, columns: Columns, reading: Reading) -> Columns:
    """The smoothed mean of the target in each category, one for each class of several.

    Micci-Barreca, D. (2001), A preprocessing scheme for high-cardinality categorical attributes
    in classification and prediction problems, SIGKDD Explorations 3(1).
    """
    means = np.ravel(model.target_mean_).tolist()
    made: list[Node] = []
    for i, (name, x) in enumerate(columns):
        found = categories_of(model, i, reading, name)
        if found is None:
            return reading.placeholder(names_out(model, columns))
        x = as_category(x, found, reading)
        note_domain(x, name, found, True, reading)
        codes = model.encodings_[i * len(means) : (i + 1) * len(means)]
        made += [looked_up(x, found, c.tolist(), m) for c, m in zip(codes, means, strict=True)]
    names = columns.names if len(means) == 1 else names_out(model, columns)
    return columns.mapped(made, names)


TRANSFORMS: dict[str, Any] = {
    "OneHotEncoder": one_hot,
    "OrdinalEncoder": ordinal,
    "TargetEncoder": target,
}
ESTIMATORS: dict[str, Any] = {}
