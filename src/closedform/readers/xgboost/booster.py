"""An XGBoost model as its own JSON (or UBJSON) document describes it, without the package.

The schema is https://xgboost.readthedocs.io/en/stable/tutorials/saving_model.html; what versions
1.x, 2.x and 3.x write differently is told apart by what is there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from closedform.ir import Array
from closedform.ops.payloads import Label, Splits
from closedform.readers.documents import code_sets, numbers, tree_from

Document = Mapping[str, Any]


@dataclass(frozen=True, eq=False)
class Booster:
    """One model.

    Attributes:
        kind: gbtree, dart or gblinear.
        objective: as "binary:logistic".
        start: base_score of each output, in the units of the prediction, as float32.
        trees: shape and leaf values, float32: (nodes,), or (nodes, outputs).
        group: the output that each tree adds to.
        rounds: the first tree of each round, and the number of all trees.
        weights: of each tree (dart); of each column and a last one, per output (gblinear).
        names: of the features; empty where none were given.
        types: of the features, "c" for categories; empty where none were given.
        categories: for each feature, the categories in the order of their codes; None where the
            document records none.
        coded: for each feature, the NumPy type of its categories where they are whole numbers.
        classes: num_class; 0 where the model is no classifier of several.
        best: the best round, where training stopped early.
        role: "classifier", "regressor" or "ranker" where an estimator was saved; "" for a booster.
        lost: whether rounds have several trees, and the document does not say how many.
    """

    kind: str
    objective: str
    width: int
    start: Array
    trees: tuple[tuple[Splits, Array], ...]
    group: tuple[int, ...]
    rounds: tuple[int, ...]
    weights: Array
    names: tuple[str, ...]
    types: tuple[str, ...]
    categories: tuple[tuple[Label, ...] | None, ...]
    coded: tuple[str, ...]
    classes: int
    best: int | None
    role: str
    lost: bool

    @property
    def outputs(self) -> int:
        """How many scores there are."""
        return len(self.start)

    def trees_until(self, rounds: int | None) -> int:
        """Return how many trees belong to the first rounds; all where None."""
        return self.rounds[-1] if rounds is None else self.rounds[min(rounds, len(self.rounds) - 1)]


def booster_of(document: Document) -> Booster:
    """Return the record of a document.

    Raises:
        KeyError, ValueError, TypeError …: the document is not what XGBoost writes.
    """
    learner = document["learner"]
    body, parameters = learner["gradient_booster"], learner["learner_model_param"]
    kind, width = str(body["name"]), int(parameters["num_feature"])
    classes = int(parameters["num_class"])
    outputs = max(1, classes, int(parameters.get("num_target", "1")))
    attributes = learner.get("attributes", {})
    known = _forest(body, kind).get("cats") or {}
    trees, group, rounds = _trees(_forest(body, kind), kind, width, outputs)
    best = attributes.get("best_iteration")
    return Booster(
        kind=kind,
        objective=str(learner["objective"]["name"]),
        width=width,
        start=_start(parameters["base_score"], outputs),
        trees=trees,
        group=group,
        rounds=rounds,
        weights=_weights(body, kind, width, outputs, len(trees)),
        names=_texts(learner.get("feature_names", []), width),
        types=_texts(learner.get("feature_types", []), width),
        categories=_categories(known, width),
        coded=tuple(WHOLE.get(entry.get("type"), "") for entry in known.get("enc") or []),
        classes=classes,
        best=None if best is None else int(best),
        role=_role(attributes),
        lost="num_parallel_tree" not in _forest(body, kind).get("gbtree_model_param", {})
        and best is not None
        and int(attributes.get("best_ntree_limit", int(best) + 1)) != int(best) + 1,
    )


def _texts(values: Sequence[Any], width: int) -> tuple[str, ...]:
    if len(values) not in (0, width):
        raise ValueError(f"{len(values)} names or types for {width} features")
    return tuple(str(v) for v in values)


ROLES = ("classifier", "regressor", "ranker")


def _role(attributes: Document) -> str:
    said = json.loads(attributes.get("scikit_learn", "{}"))
    if not isinstance(said, dict):
        return ""
    # Up to XGBoost 1.4 it is the name of the class: XGBRFRegressor.
    name = str(said.get("_estimator_type") or said.get("type", "")).lower()
    return next((role for role in ROLES if name.endswith(role)), "")


def _start(text: Any, outputs: int) -> Array:
    """Return base_score: "5E-1" up to XGBoost 3.0, then a vector in a text: "[5E-1]"."""
    parts = str(text).strip("[] ").split(",")
    found = numbers([float(p) for p in parts], np.float32)
    if len(found) not in (1, outputs):
        raise ValueError(f"{len(found)} base scores for {outputs} outputs")
    return np.full(outputs, found[0]) if len(found) == 1 else found


def _forest(body: Document, kind: str) -> Document:
    """Return the trees: those of dart lie one level deeper."""
    found: Document = body["gbtree"]["model"] if kind == "dart" else body["model"]
    return found


def _weights(body: Document, kind: str, width: int, outputs: int, trees: int) -> Array:
    if kind == "dart":
        return numbers(body["weight_drop"], np.float32, trees)
    if kind == "gblinear":
        return numbers(body["model"]["weights"], np.float32, (width + 1) * outputs).reshape(
            width + 1, outputs
        )
    return np.zeros(0, dtype=np.float32)


def _trees(
    forest: Document, kind: str, width: int, outputs: int
) -> tuple[tuple[tuple[Splits, Array], ...], tuple[int, ...], tuple[int, ...]]:
    if kind == "gblinear":
        return (), (), (0,)
    trees = tuple(_tree(t, width, outputs) for t in forest["trees"])
    group = tuple(int(g) for g in numbers(forest["tree_info"], np.int64, len(trees)).tolist())
    if any(not 0 <= g < outputs for g in group):
        raise ValueError("a tree adds to an output that is not there")
    rounds = forest.get("iteration_indptr")
    if rounds is None:  # up to XGBoost 1.7
        each = int(forest["gbtree_model_param"].get("num_parallel_tree", "1") or 1) * outputs
        rounds = list(range(0, len(trees) + 1, max(each, 1)))
    listed = numbers(rounds, np.int64)
    if not len(listed) or listed[0] != 0 or listed[-1] != len(trees) or (np.diff(listed) < 0).any():
        raise ValueError("the rounds are not those of the trees")
    return trees, group, tuple(listed.tolist())


def _tree(tree: Document, width: int, outputs: int) -> tuple[Splits, Array]:
    left = numbers(tree["left_children"], np.int64)
    count = len(left)
    if not count:
        raise ValueError("a tree without nodes")
    right = numbers(tree["right_children"], np.int64, count)
    sets, member = _sets(tree, count)
    to_left = numbers(tree["default_left"], np.int64, count).astype(bool)
    # A category in the set goes right, and whoever is in a set of `Splits` goes left.
    turned = member >= 0
    splits, order = tree_from(
        np.where(left < 0, -1, np.where(turned, right, left)),
        np.where(left < 0, -1, np.where(turned, left, right)),
        numbers(tree["split_indices"], np.int64, count),
        numbers(tree["split_conditions"], np.float32, count).astype(np.float64),
        width=width,
        missing_left=to_left ^ turned,
        below=True,
        member=member,
        sets=sets,
    )
    return splits, _leaf_values(tree, left, right, outputs)[order]


def _leaf_values(tree: Document, left: Array, right: Array, outputs: int) -> Array:
    size = int(tree["tree_param"].get("size_leaf_vector", "1") or 1)
    if size <= 1:
        return numbers(tree["split_conditions"], np.float32, len(left))
    if size != outputs:
        raise ValueError(f"leaves of {size} values for {outputs} outputs")
    values = np.zeros((len(left), size), dtype=np.float32)
    leaves = np.flatnonzero(left < 0)
    if "leaf_weights" in tree:  # from 3.1 on; the right child of a leaf says which row is its own
        rows = numbers(tree["leaf_weights"], np.float32).reshape(-1, size)
        values[leaves] = rows[right[leaves]]
    else:
        values[:] = numbers(tree["base_weights"], np.float32).reshape(len(left), size)
    return values


def _sets(tree: Document, count: int) -> tuple[Array, Array]:
    """Return the category sets as truths, and which of them each node tests (-1: none)."""
    member = np.full(count, -1)
    nodes = numbers(tree.get("categories_nodes", []), np.int64)
    if not len(nodes):
        return np.zeros((0, 0), dtype=bool), member
    first = numbers(tree["categories_segments"], np.int64, len(nodes))
    size = numbers(tree["categories_sizes"], np.int64, len(nodes))
    codes = numbers(tree["categories"], np.int64)
    if first.min() < 0 or size.min() < 0 or (first + size).max() > len(codes):
        raise ValueError("a category set lies beyond the categories")
    if nodes.min() < 0 or nodes.max() >= count:
        raise ValueError("a category set belongs to no node")
    member[nodes] = np.arange(len(nodes))
    return code_sets([codes[a : a + n].tolist() for a, n in zip(first, size, strict=True)]), member


# --- categories ---------------------------------------------------------------------------------


WHOLE = {
    9: "int8", 10: "uint8", 11: "int16", 12: "uint16", 13: "int32", 14: "uint32", 15: "int64",
    16: "uint64",
}  # fmt: skip
"""XGBoost's number of an array's type → NumPy's name of it."""


def _categories(cats: Document, width: int) -> tuple[tuple[Label, ...] | None, ...]:
    """Return the categories that the model was trained on, recorded from XGBoost 3.1 on."""
    found: list[tuple[Label, ...] | None] = [_listed(e) for e in cats.get("enc") or []]
    if len(found) not in (0, width):
        raise ValueError(f"categories of {len(found)} features, of {width}")
    return tuple(found or [None] * width)


def _listed(entry: Document) -> tuple[Label, ...] | None:
    values = entry["values"]
    if "offsets" not in entry:
        return tuple(np.asarray(values).tolist()) or None
    raw = bytes(int(v) & 0xFF for v in values)  # written as signed bytes
    ends = [int(v) for v in entry["offsets"]]
    pairs = list(pairwise(ends))
    if any(not 0 <= a <= b <= len(raw) for a, b in pairs):
        raise ValueError("a category lies beyond its text")
    return tuple(raw[a:b].decode("utf-8", "replace") for a, b in pairs) or None
