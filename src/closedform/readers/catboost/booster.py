"""A CatBoost model as its JSON export describes it, without the package.

The format: https://catboost.ai/docs/en/concepts/output-data_model-export.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from closedform.ir import Array
from closedform.ops.payloads import Label, Splits
from closedform.readers.catboost.statistics import (
    Statistic,
    combinations,
    known_categories,
    statistics_of,
)
from closedform.readers.documents import code_sets, numbers, tree_from

Document = Mapping[str, Any]

DEEPEST = 16
"""Levels of a symmetric tree that CatBoost allows."""
FLOAT, ONE_HOT, CTR = "FloatFeature", "OneHotFeature", "OnlineCtr"


@dataclass(frozen=True, eq=False)
class Booster:
    """One model.

    Attributes:
        loss: as "RMSE" or "MultiClass".
        names: of all features; those without a name are numbered.
        categorical: which features are categories, with the hashes that the trees ask for.
        texts: for a hash, the category that has it, where the file says so.
        statistics: of the target over categories; the trees take them as further features.
        others: features that are text or embeddings.
        trees: shape and leaf values, (nodes, outputs).
        scale, bias: of the sum of the trees; one bias for each output.
        classes: the labels of a classifier; empty for two that were not named.
        classifies: whether there are any.
        cut: the probability above which the second of two classes is predicted.
        unreadable: tests that have no formula, by kind, and how many of them there are.
    """

    loss: str
    names: tuple[str, ...]
    categorical: Mapping[int, tuple[int, ...]]
    texts: Mapping[int, str]
    statistics: tuple[Statistic, ...]
    others: tuple[str, ...]
    trees: tuple[tuple[Splits, Array], ...]
    scale: float
    bias: tuple[float, ...]
    classes: tuple[Label, ...]
    classifies: bool
    cut: float
    unreadable: Mapping[str, int]

    @property
    def width(self) -> int:
        """How many features there are."""
        return len(self.names)

    @cached_property
    def known(self) -> Mapping[int, Sequence[int]]:
        """For each feature that a statistic looks up, the hashes of its categories."""
        return known_categories(self.statistics, self.texts)

    @cached_property
    def tables(self) -> tuple[Mapping[int, float] | None, ...]:
        """For each statistic its value by position; None as `combinations` says."""
        return tuple(combinations(s, self.known) for s in self.statistics)


@dataclass(frozen=True, eq=False)
class _Features:
    """Where features stand, how missing numbers go, and the code of each hash.

    Attributes:
        place: (kind, number of its kind) → feature; of a statistic the number of its split, too.
        to_right: features whose missing values go right.
        codes: for each feature of categories, hash → code.
        statistics: further features.
    """

    place: Mapping[tuple[str, int], int]
    to_right: frozenset[int]
    codes: Mapping[int, Mapping[int, int]]
    statistics: Sequence[Statistic]


def booster_of(document: Document) -> Booster:
    """Return the record of a document.

    Raises:
        KeyError, ValueError, TypeError …: the document is not what CatBoost writes.
    """
    info = document["features_info"]
    scale, bias = document["scale_and_bias"]
    biases = tuple(float(b) for b in (bias if isinstance(bias, list) else [bias]))
    width, names = _names(info)
    features = _features(document, width)
    unreadable: Counter[str] = Counter()
    flat = [_symmetric(t, len(biases)) for t in document.get("oblivious_trees") or []]
    flat += [_flattened(t, len(biases)) for t in document.get("trees") or []]
    for rows in flat:
        unreadable.update(k for k in (_unreadable(r) for r in rows.tests) if k)
    about = document.get("model_info", {})
    said = about.get("class_params", {})
    return Booster(
        loss=str(about.get("params", {}).get("loss_function", {}).get("type", "RMSE")),
        names=names,
        categorical={f: tuple(c) for f, c in features.codes.items()},
        texts={
            int(e["hash"]) & 0xFFFFFFFF: str(e["value"])
            for e in info.get("cat_features_hash") or []
        },
        statistics=tuple(features.statistics),
        others=tuple(k for k in ("text_features", "embedding_features") if info.get(k)),
        trees=() if unreadable else tuple(_tree(rows, features, width) for rows in flat),
        scale=float(scale),
        bias=biases,
        classes=_classes(said),
        classifies=bool(said),
        cut=float(about.get("binclass_probability_threshold", 0.5)),
        unreadable=unreadable,
    )


def _classes(said: Document) -> tuple[Label, ...]:
    found = said.get("class_names") or []
    if not all(isinstance(c, str | int | float | bool) for c in found):
        raise TypeError("a class is neither text nor number")
    # JSON has 1 for 1.0.
    return tuple(map(float, found)) if said.get("class_label_type") == "Float" else tuple(found)


KINDS = ("float_features", "categorical_features", "text_features", "embedding_features")


def _names(info: Document) -> tuple[int, tuple[str, ...]]:
    named: dict[int, str] = {}
    for kind in KINDS:
        for feature in info.get(kind) or []:
            i = int(feature["flat_feature_index"])
            known = str(feature.get("feature_name") or feature.get("feature_id") or i)
            if i in named or not 0 <= i < 1 << 24:
                raise ValueError(f"feature {i} stands there twice, or nowhere")
            named[i] = known
    width = 1 + max(named, default=-1)
    if width > 8 * len(named) + 64:
        raise ValueError("most features are absent")
    return width, tuple(named.get(i, str(i)) for i in range(width))


def _features(document: Document, width: int) -> _Features:
    info = document["features_info"]
    place: dict[tuple[str, int], int] = {}
    to_right: set[int] = set()
    codes: dict[int, dict[int, int]] = {}
    for feature in info.get("float_features") or []:
        i = int(feature["flat_feature_index"])
        place[FLOAT, int(feature["feature_index"])] = i
        treatment = feature.get("nan_value_treatment", "AsIs")
        if treatment not in ("AsIs", "AsFalse", "AsTrue"):
            raise ValueError(f"missing values are treated {treatment!r}")
        if treatment == "AsTrue":
            to_right.add(i)
    for feature in info.get("categorical_features") or []:
        i = int(feature["flat_feature_index"])
        place[ONE_HOT, int(feature["feature_index"])] = i
        values = [int(v) & 0xFFFFFFFF for v in feature.get("values") or []]
        codes[i] = {v: at for at, v in enumerate(values)}
    statistics = statistics_of(document, place)
    # The borders of all numbers, the values of all categories and then the borders of all
    # statistics are numbered through, and a tree asks for a statistic by that number.
    at = sum(len(f.get("borders") or []) for f in info.get("float_features") or [])
    at += sum(map(len, codes.values()))
    for i, s in enumerate(statistics):
        place |= {(CTR, at + j): width + i for j in range(len(s.borders))}
        at += len(s.borders)
    return _Features(place, frozenset(to_right), codes, statistics)


NUMBERED = {FLOAT: "float_feature_index", ONE_HOT: "cat_feature_index", CTR: "split_index"}
"""Kind of a test → where it says what it tests."""


# --- trees --------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Rows:
    """A tree as rows: the test of each node (None in a leaf), its children, values, weights."""

    tests: Sequence[Document | None]
    left: Sequence[int]
    right: Sequence[int]
    values: Array
    weights: Sequence[float] | None


def _unreadable(test: Document | None) -> str:
    kind = FLOAT if test is None else str(test["split_type"])
    return "" if kind in (FLOAT, ONE_HOT, CTR) else kind


def _symmetric(tree: Document, outputs: int) -> _Rows:
    """Return a tree all of whose nodes on one level ask the same.

    Test k gives bit k of the leaf's number, so that the last test is best asked first: then the
    leaves lie in their own order, from left to right.
    """
    tests = list(tree.get("splits") or [])
    depth = len(tests)
    if depth > DEEPEST:
        raise ValueError(f"a tree of {depth} levels")
    inner, leaves = (1 << depth) - 1, 1 << depth
    values = numbers(tree["leaf_values"], np.float64, leaves * outputs).reshape(leaves, outputs)
    at = np.arange(inner)
    level = [int(i + 1).bit_length() - 1 for i in range(inner)]
    none = [-1] * leaves
    weights = tree.get("leaf_weights")
    return _Rows(
        [*(tests[depth - 1 - k] for k in level), *([None] * leaves)],
        [*(2 * at + 1).tolist(), *none],
        [*(2 * at + 2).tolist(), *none],
        np.vstack([np.zeros((inner, outputs)), values]),
        _summed(weights, depth) if weights and len(weights) == leaves else None,
    )


def _summed(weights: Sequence[float], depth: int) -> list[float]:
    """Return the weights of all nodes of a full tree, its root first, from those of the leaves."""
    levels = [numbers(weights, np.float64)]
    for _ in range(depth):
        levels.append(levels[-1].reshape(-1, 2).sum(axis=1))
    found: list[float] = np.concatenate(levels[::-1]).tolist()
    return found


def _flattened(tree: Document, outputs: int) -> _Rows:
    """Return a tree of nested nodes as rows."""
    nodes: list[Document] = [tree]
    left, right = [], []
    for n in nodes:  # grows while it is walked
        leaf = "value" in n
        left.append(-1 if leaf else len(nodes))
        right.append(-1 if leaf else len(nodes) + 1)
        nodes += [] if leaf else [n["left"], n["right"]]
    values = np.zeros((len(nodes), outputs))
    for row, n in zip(values, nodes, strict=True):
        if "value" in n:
            row[:] = numbers(np.atleast_1d(n["value"]), np.float64, outputs)
    tests = [None if "value" in n else n["split"] for n in nodes]
    return _Rows(tests, left, right, values, None)


def _tree(rows: _Rows, features: _Features, width: int) -> tuple[Splits, Array]:
    count, width = len(rows.left), width + len(features.statistics)
    left, right = np.array(rows.left), np.array(rows.right)
    feature, threshold = np.zeros(count, dtype=np.int64), np.zeros(count)
    missing_left, member = np.ones(count, dtype=bool), np.full(count, -1)
    sets: list[list[int]] = []
    for i, test in enumerate(rows.tests):
        if test is None:
            continue
        kind = str(test["split_type"])
        feature[i] = f = features.place[kind, int(test[NUMBERED[kind]])]
        if kind != ONE_HOT:
            threshold[i] = float(np.float32(test["border"]))
            missing_left[i] = f not in features.to_right
        else:  # whoever has the value goes right, and whoever is in a set of `Splits` left
            left[i], right[i] = right[i], left[i]
            missing_left[i], member[i] = False, len(sets)
            sets.append([features.codes[f][int(test["value"]) & 0xFFFFFFFF]])
    splits, order = tree_from(
        left, right, feature, threshold, width=width, missing_left=missing_left, member=member,
        sets=code_sets(sets) if sets else None,
        counts=rows.weights,
    )  # fmt: skip
    return splits, rows.values[order]
