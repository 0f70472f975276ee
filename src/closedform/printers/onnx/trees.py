"""Trees as ONNX: one TreeEnsembleRegressor tells which leaf each row reaches in each tree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform.ir import Array, Node
from closedform.ops.payloads import Splits
from closedform.printers.onnx.graph import ML, Graph, Tensor, tensor
from closedform.printers.onnx.spelling import above32, below32, looked_up

MOST_LEAVES = 2**24
"""Whole numbers up to which float32, which the operator gives, is exact."""


def write_trees(g: Graph, trees: Sequence[Node]) -> None:
    """Write all trees over the same arguments, each a column.

    The operator's own leaf values are float32: it is asked for the leaf's number instead, and the
    value, a double, is looked up. Trees of one shape, as for the classes of a forest, are walked
    once.
    """
    shapes: dict[Any, list[Node]] = {}
    for n in trees:
        shapes.setdefault(n.data.splits.key, []).append(n)
    splits = [group[0].data.splits for group in shapes.values()]
    leaf = _leaves(g, splits, trees[0].args)
    first = np.cumsum([0, *(int(s.leaf.sum()) for s in splits)])
    for layer in range(max(map(len, shapes.values()))):
        values = np.zeros(first[-1])
        columns = []
        for i, group in enumerate(shapes.values()):
            if layer < len(group):
                values[first[i] : first[i + 1]] = group[layer].data.values[splits[i].leaf]
                columns.append(i)
        # The classes' trees have the same shapes mostly: then no column is picked.
        chosen = leaf if len(columns) == len(splits) else _picked(g, leaf, columns)
        name = g.add("Gather", g.constant(values.astype(g.real)), chosen.name, axis=0)
        layered = [group[layer] for group in shapes.values() if layer < len(group)]
        g.put(layered, Tensor(name, len(columns), leaf.varies))


def _picked(g: Graph, x: Tensor, columns: list[int]) -> Tensor:
    return Tensor(g.add("Gather", x.name, g.whole(columns), axis=1), len(columns), x.varies)


def _leaves(g: Graph, splits: Sequence[Splits], args: tuple[Node, ...]) -> Tensor:
    """Return the number of the leaf that each row reaches, a column for each shape."""
    tested = sorted(set().union(*(s.feature[~s.leaf].tolist() for s in splits)))
    if not tested:  # every tree is one leaf
        return Tensor(g.whole([range(len(splits))]), len(splits), varies=False)
    rows, place = _tested(g, splits, args, tested)
    counts = [int(s.leaf.sum()) for s in splits]
    many = sum(counts) > MOST_LEAVES
    first = [0] * len(splits) if many else np.cumsum([0, *counts])[:-1].tolist()
    nodes = [
        _nodes(g, s, place, i, at) for i, (s, at) in enumerate(zip(splits, first, strict=True))
    ]
    joined = {key: np.concatenate([one[key] for one in nodes]) for key in nodes[0]}
    limits, weights = joined.pop("nodes_values"), joined.pop("target_weights")
    name = g.add(
        "TreeEnsembleRegressor", rows.name, domain=ML, n_targets=len(splits),
        **{key: values.tolist() for key, values in joined.items()},
        **_numbers(g, "nodes_values", limits), **_numbers(g, "target_weights", weights),
    )  # fmt: skip
    leaf = g.cast(Tensor(name, len(splits), rows.varies), np.int64)
    if not many:
        return leaf
    return g.apply("Add", leaf, Tensor(g.whole([np.cumsum([0, *counts])[:-1]]), varies=False))


def _numbers(g: Graph, name: str, values: Array) -> dict[str, Any]:
    if g.real == np.float32:
        return {name: values.astype(np.float32).tolist()}
    return {f"{name}_as_tensor": tensor(values.astype(np.float64))}


def _nodes(
    g: Graph, s: Splits, place: dict[tuple[int, bytes], int], tree: int, first: int
) -> dict[str, Array]:
    """Return one tree as the operator's attributes."""
    count = len(s.child)
    numbers, leaves = np.arange(count), np.flatnonzero(s.leaf)
    compare = "BRANCH_LT" if s.below else "BRANCH_LEQ"
    limits = s.threshold
    if g.real == np.float32:
        limits = above32(limits) if s.below else below32(limits)
    limits = np.where(s.leaf, 0.0, np.where(s.member >= 0, 0.5, limits))
    columns = [0 if s.leaf[i] else place[int(s.feature[i]), _set_of(s, i)] for i in range(count)]
    return {
        "nodes_treeids": np.full(count, tree),
        "nodes_nodeids": numbers,
        "nodes_featureids": np.array(columns),
        "nodes_modes": np.where(s.leaf, "LEAF", compare),
        "nodes_values": limits,
        "nodes_truenodeids": np.where(s.leaf, 0, s.child),
        "nodes_falsenodeids": np.where(s.leaf, 0, s.child + 1),
        "nodes_missing_value_tracks_true": np.where(s.leaf, 0, s.missing_left.astype(np.int64)),
        "target_treeids": np.full(len(leaves), tree),
        "target_nodeids": leaves,
        "target_ids": np.full(len(leaves), tree),
        "target_weights": first + np.arange(len(leaves), dtype=np.float64),
    }


def _set_of(s: Splits, i: int) -> bytes:
    """Return the codes that a node asks for, as a key; empty where it compares."""
    return b"set" + s.sets[s.member[i]].tobytes() if s.member[i] >= 0 else b""


def _tested(
    g: Graph, splits: Sequence[Splits], args: tuple[Node, ...], tested: list[int]
) -> tuple[Tensor, dict[tuple[int, bytes], int]]:
    """Return what the trees compare, and in which column each feature and set of codes stands.

    A set of codes is a column: 0 for a code in it, 1 for any other number, missing as the code is.
    """
    asked: dict[tuple[int, bytes], Array] = {}
    for s in splits:
        for i in np.flatnonzero(~s.leaf & (s.member >= 0)).tolist():
            asked.setdefault((int(s.feature[i]), _set_of(s, i)), s.sets[s.member[i]])
    plain = [
        f for f in tested
        if any((~s.leaf & (s.member < 0) & (s.feature == f)).any() for s in splits)
    ]  # fmt: skip
    parts = [g.matrix(tuple(args[f] for f in plain))] if plain else []
    place: dict[tuple[int, bytes], int] = {(f, b""): i for i, f in enumerate(plain)}
    for f in dict.fromkeys(f for f, _ in asked):
        sets = {key: row for key, row in asked.items() if key[0] == f}
        place |= {key: len(place) + i for i, key in enumerate(sets)}
        parts.append(_membership(g, g.column(args[f]), list(sets.values())))
    if len(parts) == 1:
        return parts[0], place
    varies = any(p.varies for p in parts)
    names = [(g.spread(p) if varies else p).name for p in parts]
    return Tensor(g.add("Concat", *names, axis=1), len(place), varies), place


def _membership(g: Graph, x: Tensor, sets: list[Array]) -> Tensor:
    codes = max(map(len, sets))
    outside = np.ones((codes + 1, len(sets)))
    for j, row in enumerate(sets):
        outside[: len(row), j] = ~row
    keys = [float(c) for c in range(codes)]
    code = looked_up(g, x, keys, np.arange(codes), codes, np.int64)
    flat = g.add("Reshape", code.name, g.whole([-1]))
    found = g.add("Gather", g.constant(outside.astype(g.real)), flat, axis=0)
    absent = g.apply("IsNaN", x)
    return g.apply("Where", absent, g.number(np.nan), Tensor(found, len(sets), x.varies))
