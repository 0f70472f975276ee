"""CatBoost's statistics of the target over categories (CTR): a table for each of them.

A statistic is looked up by a hash of one category or of several, and of tests of other columns; a
model keeps the hashes of all combinations that it was trained on, and what it counted for each:
https://catboost.ai/docs/en/concepts/algorithm-main-stages_cat-to-numberic. The texts of the
categories it does not keep: who exports a model gives them, with rows that hold them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Array, Node

Document = Mapping[str, Any]
CATEGORY, ABOVE, EQUAL = "cat_feature_value", "float_feature", "cat_feature_exact_value"
_EMPTY = 2**64 - 1
_FACTOR = np.uint64(0x4906BA494954CB65)
MOST = 1_000_000
"""Combinations of categories that are tried against the hashes of one statistic: a second."""


@dataclass(frozen=True)
class Part:
    """What a combination is made of: a category, or whether a test of a column holds.

    Attributes:
        kind: CATEGORY, ABOVE (a number above a border) or EQUAL (one category).
        column: the feature.
        value: the border, or the hash of the category.
    """

    kind: str
    column: int
    value: float = 0.0


@dataclass(frozen=True, eq=False)
class Statistic:
    """One statistic, as a feature of the trees.

    Attributes:
        kind: as "Borders"; all but those of COUNTS use the target.
        parts: in the order in which they are hashed.
        values: for each hash of a combination, float32.
        unseen: of every other one, float32.
        borders: what the trees compare it with.
    """

    kind: str
    parts: tuple[Part, ...]
    values: Mapping[int, float]
    unseen: float
    borders: tuple[float, ...]

    @property
    def categories(self) -> tuple[int, ...]:
        """The features whose categories it looks up."""
        return tuple(p.column for p in self.parts if p.kind == CATEGORY)


def statistics_of(document: Document, place: Mapping[tuple[str, int], int]) -> list[Statistic]:
    """Return the statistics of a document, in the order in which its trees number them.

    Args:
        document: what CatBoost writes.
        place: ("FloatFeature" or "OneHotFeature", number of its kind) → feature.

    Raises:
        KeyError, ValueError, TypeError …: the document is not what CatBoost writes.
    """
    return [_statistic(c, document, place) for c in document["features_info"].get("ctrs") or []]


def _statistic(
    about: Document, document: Document, place: Mapping[tuple[str, int], int]
) -> Statistic:
    parts = tuple(_part(element, place) for element in about["elements"])
    if [p.kind for p in parts] != sorted((p.kind for p in parts), key=ORDER.index):
        raise ValueError("a combination is out of order")
    kind = str(about["ctr_type"])
    learnt = document["ctr_data"][about["identifier"]]
    stride = int(learnt["hash_stride"])
    flat = learnt["hash_map"]
    if stride < 2 or len(flat) % stride:
        raise ValueError("a table of statistics is cut")
    share = COUNTED[kind](int(about.get("target_border_idx", 0)), learnt)
    calc = _calculator(about)
    rows = [flat[i : i + stride] for i in range(0, len(flat), stride)]
    values = {int(h): calc(*share(counts)) for h, *counts in rows if int(h) != _EMPTY}
    return Statistic(kind, parts, values, calc(0, 0), tuple(float(b) for b in about["borders"]))


ORDER = (CATEGORY, ABOVE, EQUAL)


def _part(element: Document, place: Mapping[tuple[str, int], int]) -> Part:
    kind = str(element["combination_element"])
    if kind == ABOVE:
        column = place["FloatFeature", int(element["float_feature_index"])]
        return Part(kind, column, float(np.float32(element["border"])))
    column = place["OneHotFeature", int(element["cat_feature_index"])]
    if kind == EQUAL:
        return Part(kind, column, float(int(element["value"]) & 0xFFFFFFFF))
    if kind != CATEGORY:
        raise ValueError(f"a combination holds {kind!r}")
    return Part(kind, column)


def _calculator(about: Document) -> Callable[[float, float], float]:
    """Return CatBoost's float32 formula of a share with a prior."""
    keys = ("prior_numerator", "prior_denomerator", "shift", "scale")
    prior, weight, shift, scale = (np.float32(about[key]) for key in keys)

    def calc(count: float, total: float) -> float:
        with np.errstate(all="ignore"):
            share = (np.float32(count) + prior) / (np.float32(total) + weight)
            return float((share + shift) * scale)

    return calc


Counts = Sequence[Any]
Share = Callable[[Counts], tuple[float, float]]


def _above(border: int, learnt: Document) -> Share:
    return lambda counts: (sum(map(int, counts[border + 1 :])), sum(map(int, counts)))


def _bucket(border: int, learnt: Document) -> Share:
    return lambda counts: (int(counts[border]), sum(map(int, counts)))


def _mean(border: int, learnt: Document) -> Share:
    return lambda counts: (float(counts[0]), float(counts[1]))


def _frequency(border: int, learnt: Document) -> Share:
    total = int(learnt["counter_denominator"])
    return lambda counts: (int(counts[0]), total)


COUNTS = ("Counter", "FeatureFreq")
COUNTED: dict[str, Callable[[int, Document], Share]] = {
    "Borders": _above,
    "Buckets": _bucket,
    "BinarizedTargetMeanValue": _mean,
    "FloatTargetMeanValue": _mean,
    "Counter": _frequency,
    "FeatureFreq": _frequency,
}
"""Kind of a statistic → (border of the target, its table) → counts → (part, whole)."""


# --- the texts behind the hashes ----------------------------------------------------------------


def hashed(before: Array, value: Array) -> Array:
    """Return the hash of a combination and one more part, shapes of uint64 that broadcast."""
    with np.errstate(over="ignore"):
        return np.asarray(_FACTOR * (before + _FACTOR * value))


def _whole(hashes: Sequence[int]) -> Array:
    """Return 32-bit hashes as CatBoost mixes them: with the sign in the upper bits."""
    return np.array(hashes, dtype=np.uint32).astype(np.int32).astype(np.int64).astype(np.uint64)


def known_categories(
    statistics: Sequence[Statistic], texts: Mapping[int, str]
) -> dict[int, list[int]]:
    """Return for each feature the hashes of the categories that it may have.

    Those in the table of the feature alone, where there is one; all that have a text elsewhere.
    """
    every = sorted(texts)
    found = {column: every for s in statistics for column in s.categories}
    codes = hashed(np.zeros(1, dtype=np.uint64), _whole(every))
    for s in statistics:
        if len(s.parts) == 1:
            found[s.parts[0].column] = [
                h for h, code in zip(every, codes.tolist(), strict=True) if code in s.values
            ]
    return found


def combinations(s: Statistic, known: Mapping[int, Sequence[int]]) -> dict[int, float] | None:
    """Return the value of each combination by its position, or None where some have no text.

    Args:
        s: the statistic.
        known: for each feature, the hashes of its categories.

    Returns:
        Position in C order over the parts (a category by its place in `known`, a test as 0 or 1)
        → value. None, too, where there are more than MOST combinations to try.
    """
    sizes = sizes_of(s, known)
    if np.prod(sizes, dtype=float) > MOST:
        return None
    codes = np.zeros(1, dtype=np.uint64)
    for part, size in zip(s.parts, sizes, strict=True):
        values = _whole(known[part.column]) if part.kind == CATEGORY else np.arange(size)
        codes = hashed(codes[:, None], values.astype(np.uint64)[None, :]).ravel()
    made = {i: s.values[code] for i, code in enumerate(codes.tolist()) if code in s.values}
    return made if len({codes[i] for i in made}) == len(s.values) else None


def sizes_of(s: Statistic, known: Mapping[int, Sequence[int]]) -> list[int]:
    """Return how many values each part takes."""
    return [len(known[p.column]) if p.kind == CATEGORY else 2 for p in s.parts]


def looked_up(
    s: Statistic, table: Mapping[int, float], sizes: Sequence[int],
    node_of: Callable[[Part], Node],
) -> Node:  # fmt: skip
    """Return a statistic as a table of the position of a row's combination.

    Args:
        s: the statistic.
        table: from `combinations`.
        sizes: from `sizes_of`.
        node_of: gives the place of a row's category, missing where it is unknown, or 0 and 1.
    """
    strides = [*accumulate(sizes[:0:-1], int.__mul__, initial=1)][::-1]
    places = [node_of(part) for part in s.parts]
    at = places[0] if len(places) == 1 else ops.linear(0, strides, places)
    return ops.table(at, table, s.unseen, s.unseen)
