"""The operators of ai.onnx.ml that are ensembles of trees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from closedform import ops
from closedform.families.additive import logit
from closedform.ir import Array, Node
from closedform.ops.payloads import Label
from closedform.readers.onnx.call import Call, Function
from closedform.readers.onnx.ml_ensembles import AGGREGATES, Ensemble, Scored, classified, values
from closedform.readers.onnx.ml_rows import (
    by_row,
    is_single,
    labels,
    numbers,
    rounded,
    scores,
    table,
)
from closedform.readers.onnx.ml_scores import TRANSFORMS, lonely, transform_of
from closedform.readers.onnx.ml_trees import LEAF, Listed, Unfit, leaf_weights, listed, shaped
from closedform.readers.onnx.values import Value
from closedform.readers.tensors import truncated
from closedform.readers.torch.elements import NoFormula


def regressor(call: Call) -> Any:
    """TreeEnsembleRegressor."""
    e = _of_lists(call, "target", int(call.option("n_targets", 0)))
    aggregate = call.option("aggregate_function", "SUM")
    if aggregate not in AGGREGATES:
        raise NoFormula(f"operator {call.op} with aggregate_function {str(aggregate)[:40]!r}")
    if e.base and len(e.base) != e.targets:
        raise NoFormula(f"operator {call.op} has {len(e.base)} base values")
    return scores(_regressed(call, e, aggregate, transform_of(call), single=True))


def ensemble(call: Call) -> Any:
    """TreeEnsemble, of version 5."""
    e = _of_arrays(call)
    aggregate = _choice(call, "aggregate_function", 1, ("AVERAGE", "SUM", "MIN", "MAX"))
    # 1 is SOFTMAX in ONNX and LOGISTIC in onnxruntime, 2 the other way round.
    names = ("NONE", "", "", "SOFTMAX_ZERO", "PROBIT")
    transform = _choice(call, "post_transform", 0, names)
    return _regressed(call, e, aggregate, transform, single=e.single)


def _choice(call: Call, name: str, default: int, names: Sequence[str]) -> str:
    found = call.option(name, default)
    if not 0 <= found < len(names) or not names[found]:
        raise NoFormula(f"operator {call.op} with {name} {found}")
    return str(names[found])


def _regressed(call: Call, e: Ensemble, aggregate: str, transform: str, single: bool) -> Any:
    rows = call.singles(0) if e.single else call.tensor(0)
    _require_columns(call, e, rows)

    def of(columns: list[Node]) -> list[Node]:
        given = [*columns, *map(_whole, columns)] if e.cut else columns
        made = values(e, aggregate, given)
        kept = [lonely(transform, made[0])] if len(made) == 1 else TRANSFORMS[transform](made)
        return [rounded(x, single and not e.single) for x in kept]

    return by_row(table(call, rows), of)


def _require_columns(call: Call, e: Ensemble, rows: Array) -> None:
    most = max((int(splits.feature.max()) for splits, _ in e.trees), default=0)
    least = min((int(splits.feature.min()) for splits, _ in e.trees), default=0)
    if most >= (2 * e.cut or rows.shape[-1]) or least < 0:
        raise NoFormula(f"operator {call.op} tests column {most}, and there are {rows.shape[-1]}")


def _whole(x: Node) -> Node:
    made = truncated(x)
    return made if isinstance(made, Node) else ops.const(made)


# --- classifiers ----------------------------------------------------------------------------------


def classifier(call: Call) -> Any:
    """TreeEnsembleClassifier: the label, and the scores of all classes."""
    classes = classes_of(call, "classlabels_int64s")
    e = _of_lists(call, "class", len(classes))
    transform = transform_of(call)
    _require_bases(call, e)
    _require_labels(call, e, classes)
    rows = call.singles(0) if e.single else call.tensor(0)
    _require_columns(call, e, rows)

    def of(columns: list[Node]) -> list[Node]:
        found = classified(e, columns)
        label = _label(found.label, classes)
        return [label, *(rounded(s, not e.single) for s in _shown(e, found, transform))]

    made = by_row(table(call, rows), of)
    call.note_classes(classes)
    return labels(made[:, 0], classes), scores(made[:, 1:])


def classes_of(call: Call, whole: str) -> tuple[Label, ...]:
    """Return the classes of a classifier, texts or whole numbers.

    Raises:
        NoFormula: there are none, or two lists of them.
    """
    texts, counts = call.option("classlabels_strings", []), call.option(whole, [])
    if bool(len(texts)) == bool(len(counts)):
        raise NoFormula(f"operator {call.op} without one list of its classes")
    classes: tuple[Label, ...] = tuple(str(t) for t in texts) or tuple(int(i) for i in counts)
    if len(set(classes)) < len(classes):
        raise NoFormula(f"operator {call.op} with two classes of one name")
    return classes


def _require_bases(call: Call, e: Ensemble) -> None:
    fits = len(e.base) <= 2 if e.targets <= 2 else len(e.base) in (0, e.targets)
    if not fits:
        raise NoFormula(f"operator {call.op} has {len(e.base)} base values")


def _require_labels(call: Call, e: Ensemble, classes: tuple[Label, ...]) -> None:
    """Refuse where onnxruntime gives the labels 0 and 1, whatever the classes are called."""
    named = isinstance(classes[0], str) or classes == (0, 1) or len(np.unique(e.target)) == 1
    if e.targets == 1 or (e.targets == 2 and not named):
        told = ", ".join(repr(c)[:40] for c in classes)
        raise NoFormula(
            f"operator {call.op} with the classes {told}: onnxruntime answers 0 or 1 for them"
        )


def _label(number: Node, classes: tuple[Label, ...]) -> Node:
    """Return the class of a number, which is a constant or a choice among constants."""
    if number.op is ops.WHERE:
        condition, a, b = number.args
        chain = []
        while True:
            chain.append((condition, a))
            if b.op is not ops.WHERE:
                break
            condition, a, b = b.args
        made = ops.label(classes[int(b.data)])
        for condition, a in reversed(chain):
            made = ops.where(condition, ops.label(classes[int(a.data)]), made)
        return made
    return ops.label(classes[int(number.data)])


def _shown(e: Ensemble, found: Scored, transform: str) -> list[Node]:
    if not found.lonely:
        if len(found.scores) == 1:
            return [lonely(transform, found.scores[0])]
        return TRANSFORMS[transform](found.scores)
    (score,) = found.scores
    if transform == "PROBIT":
        raise Unfit("a classifier with one score for two classes has post_transform PROBIT")
    if transform == "LOGISTIC":
        return logit([score])
    if found.lonely == "share":
        return [rounded(ops.lin(1.0, (-1.0, score)), e.single), score]
    return [ops.lin(0.0, (-1.0, score)), score]


# --- attributes -----------------------------------------------------------------------------------


def _of_lists(call: Call, leaf: str, targets: int) -> Ensemble:
    """Return the ensemble that versions 1 and 3 describe; `leaf` is "target" or "class"."""
    call.option("nodes_hitrates")
    call.option("nodes_hitrates_as_tensor")
    single = is_single(call)
    trees, ids = call.option("nodes_treeids", []), call.option("nodes_nodeids", [])
    thresholds = _numbers(call, "nodes_values")
    found = listed(
        trees, ids, call.option("nodes_modes", []), call.option("nodes_featureids", []),
        thresholds, call.option("nodes_truenodeids", []), call.option("nodes_falsenodeids", []),
        call.option("nodes_missing_value_tracks_true", []),
    )  # fmt: skip
    node, target, weight = leaf_weights(
        trees, ids, call.option(f"{leaf}_treeids", []), call.option(f"{leaf}_nodeids", []),
        call.option(f"{leaf}_ids", []), _numbers(call, f"{leaf}_weights"),
    )  # fmt: skip
    return Ensemble(
        tuple(shaped(tree, single=single) for tree in found), len(thresholds), node, target,
        weight, thresholds, targets, tuple(_numbers(call, "base_values").tolist()), single,
    )  # fmt: skip


def _numbers(call: Call, name: str) -> Array:
    """Return numbers that stand in a list, or in a tensor of doubles.

    Raises:
        NoFormula: in both; or in doubles where the input is of floats, which onnxruntime refuses.
    """
    plain, tensor = numbers(call.option(name)), call.option(f"{name}_as_tensor")
    if tensor is None or not tensor.data.size:
        return plain
    if len(plain) or (tensor.kind == "float64") == is_single(call):
        raise NoFormula(f"operator {call.op} with {name}_as_tensor of the kind {tensor.kind}")
    return numbers(tensor)


def _of_arrays(call: Call) -> Ensemble:
    """Return the ensemble that version 5 describes, each of whose leaves has one weight."""
    single = is_single(call)
    call.option("nodes_hitrates")
    nodes = _Arrays(call)
    targets = np.asarray(call.option("leaf_targetids", []), dtype=np.int64)
    weights = numbers(call.option("leaf_weights"))
    if len(targets) != len(weights):
        raise Unfit("the lists that describe its leaves are of different lengths")
    listing: list[Array] = []
    found = []
    for root in call.option("tree_roots", []):
        tree = nodes.tree(int(root))
        start = sum(map(len, listing))
        listing.append(tree.name)
        found.append((tree, np.arange(start, start + len(tree.name))))
    leaves = np.concatenate([np.zeros(0, dtype=np.int64), *listing])
    node = np.flatnonzero(leaves >= 0)
    picked = leaves[node]
    if len(picked) and picked.max() >= len(weights):
        raise Unfit("a tree refers to a leaf that it does not have")
    trees = []
    cut = call.tensor(0).shape[-1] if any(nodes.is_cut(tree) for tree, _ in found) else 0
    for tree, name in found:
        trees.append(shaped(nodes.cut(replace(tree, name=name), cut), single=single))
    return Ensemble(
        tuple(trees), len(leaves), node, targets[picked], weights[picked], np.zeros(len(leaves)),
        int(call.option("n_targets", 0)), (), single, cut,
    )  # fmt: skip


MOST_BITS = 30
"""A set of this many whole numbers, none above it, is looked up as it is."""


def _is_large(members: Sequence[float]) -> bool:
    return (
        len(members) > MOST_BITS
        or not 0 <= min(members, default=0) <= max(members, default=0) <= MOST_BITS
    )


class _Arrays:
    """The nodes of a TreeEnsemble of version 5."""

    def __init__(self, call: Call) -> None:
        def whole(name: str) -> Array:
            found = call.option(name, [])
            return np.asarray(
                found.data if isinstance(found, Value) else found, dtype=np.int64
            ).reshape(-1)  # fmt: skip

        self.mode = whole("nodes_modes")
        self.feature = whole("nodes_featureids")
        self.true, self.false = whole("nodes_truenodeids"), whole("nodes_falsenodeids")
        self.true_leaf, self.false_leaf = whole("nodes_trueleafs"), whole("nodes_falseleafs")
        self.threshold = numbers(call.option("nodes_splits"))
        missing = whole("nodes_missing_value_tracks_true")
        self.missing = missing if len(missing) else np.zeros(len(self.mode), dtype=np.int64)
        columns = (self.feature, self.true, self.false, self.true_leaf, self.false_leaf)
        lengths = {len(c) for c in (*columns, self.threshold, self.missing, self.mode)}
        if len(lengths) != 1:
            raise Unfit("the lists that describe its trees are of different lengths")
        if len(self.mode) and not 0 <= self.mode.min() <= self.mode.max() < LEAF:
            raise Unfit(f"a tree has tests of the kind {self.mode.max()}")
        self.sets = self._sets(numbers(call.option("membership_values")))

    def _sets(self, members: Array) -> dict[int, tuple[float, ...]]:
        """Return the members of each node that tests a set; a NaN ends those of one node."""
        parts: list[list[float]] = [[]]
        for value in members.tolist():
            if value != value:
                parts.append([])
            else:
                parts[-1].append(value)
        tests = np.flatnonzero(self.mode == LEAF - 1).tolist()
        if len(tests) > len(parts):
            raise Unfit("a tree tests a set that is not there")
        return {i: tuple(part) for i, part in zip(tests, parts, strict=False)}

    def is_cut(self, tree: Listed) -> bool:
        """Tell whether some set is so large that onnxruntime cuts numbers off before it looks."""
        return any(map(_is_large, tree.sets.values()))

    def cut(self, tree: Listed, width: int) -> Listed:
        """Return a tree whose tests of large sets read other columns, `width` places further on."""
        if not width:
            return tree
        if ((tree.feature < 0) | (tree.feature >= width))[tree.mode != LEAF].any():
            raise Unfit("a tree tests a column that is not there")
        feature = tree.feature.copy()
        feature[[i for i, members in tree.sets.items() if _is_large(members)]] += width
        return replace(tree, feature=feature)

    def tree(self, root: int) -> Listed:
        """Return the tree under a node; `name` is the number of each leaf, -1 elsewhere."""
        if not 0 <= root < len(self.mode):
            raise Unfit("a tree begins at a node that is not there")
        at, leaf = [root], [False]
        true, false = [], []
        for i, ends in zip(at, leaf, strict=False):
            true.append(len(at))
            false.append(len(at) + 1)
            if ends:
                continue
            at += [int(self.true[i]), int(self.false[i])]
            leaf += [bool(self.true_leaf[i]), bool(self.false_leaf[i])]
            inner = [j for j, end in zip(at[-2:], leaf[-2:], strict=True) if not end]
            if any(not 0 <= j < len(self.mode) for j in inner):
                raise Unfit("a tree refers to a node that it does not have")
            if len(at) > 2 * len(self.mode) + 1:
                raise Unfit("a tree has branches that lead back to where they come from")
        picked, ended = np.array(at), np.array(leaf)
        inner_at = np.where(ended, 0, picked)
        return Listed(
            np.where(ended, LEAF, self.mode[inner_at]), self.feature[inner_at],
            np.where(ended, 0.0, self.threshold[inner_at]), np.where(ended, 0, true),
            np.where(ended, 0, false), self.missing[inner_at] == 1,
            {k: self.sets[i] for k, (i, e) in enumerate(zip(at, leaf, strict=True))
             if not e and i in self.sets},
            np.where(ended, picked, -1),
        )  # fmt: skip


def _telling(function: Function) -> Function:
    """Return an operator that says of which operator the trees are that it cannot read."""

    def told(call: Call) -> Any:
        try:
            return function(call)
        except Unfit as error:
            raise NoFormula(f"operator {call.op} cannot be read: {error}") from error

    return told


OPERATORS: dict[str, Function] = {
    "TreeEnsembleRegressor": _telling(regressor),
    "TreeEnsembleClassifier": _telling(classifier),
    "TreeEnsemble": _telling(ensemble),
}
"""Name of an operator → the same on arrays of nodes."""
