"""Ensembles of trees in ONNX: the bits that onnxruntime gives on one thread."""

import numpy as np
import pytest

import closedform as cf
from closedform.errors import UnsupportedModel
from onnx_ml_graphs import (
    chain,
    compare,
    ensemble,
    graph,
    helper,
    node,
    numbers,
    onnx,
    rows_at,
)


def stump(mode="BRANCH_LEQ", values=(1.0, 0.0, 0.0), **more):
    """Return the attributes of a tree of one test of column 0."""
    return {
        "nodes_treeids": [0, 0, 0], "nodes_nodeids": [0, 1, 2], "nodes_featureids": [0, 0, 0],
        "nodes_modes": [mode, "LEAF", "LEAF"], "nodes_values": list(values),
        "nodes_truenodeids": [1, 0, 0], "nodes_falsenodeids": [2, 0, 0], **more,
    }  # fmt: skip


def weights(leaf="target", nodes=(1, 2), targets=(0, 0), values=(0.25, -1.5)):
    """Return the attributes of its leaves."""
    return {
        f"{leaf}_treeids": [0] * len(nodes), f"{leaf}_nodeids": list(nodes),
        f"{leaf}_ids": list(targets), f"{leaf}_weights": list(values),
    }  # fmt: skip


def regressor(kind="float32", width=1, **attributes):
    """Return a stump, some of its attributes replaced."""
    given = stump() | weights() | {"n_targets": 1} | attributes
    return graph("TreeEnsembleRegressor", kind, width, {"Y": "float32"}, **given)


@pytest.mark.parametrize("seed", range(60))
@pytest.mark.parametrize("classifier", [False, True], ids=["regressor", "classifier"])
def test_random_ensembles_give_the_same_bits(seed, classifier):
    made, rows = ensemble(seed, classifier)
    formula = cf.read(made)
    compare(formula, made, rows)
    if not classifier:
        assert not formula.precision, "the values of trees are exact"


def test_trees_without_a_transform_are_exact_and_say_so():
    assert cf.read(regressor()).summary().startswith("exact ·")


@pytest.mark.parametrize("scale", [0.1, 3.7, 1e-3])
def test_rows_at_thresholds_behind_a_scaler_go_where_the_graph_sends_them(scale):
    draw = np.random.default_rng(0)
    offset = 1234.5678
    tree = stump(values=[float(np.float32(0.3)), 0.0, 0.0]) | weights() | {"n_targets": 1}
    nodes = [
        node("Scaler", ["X"], ["S"], offset=[offset], scale=[scale]),
        node("TreeEnsembleRegressor", ["S"], ["Y"], **tree),
    ]
    made = chain(nodes, "float32", 1, {"Y": "float32"})
    near = np.float32(offset + 0.3 / scale)
    rows = near + np.arange(-300, 300, dtype=np.float32) * np.spacing(near)
    rows = np.concatenate([rows, draw.normal(offset, 1 / scale, 50).astype(np.float32)])
    formula = cf.read(made)
    compare(formula, made, rows[:, None])
    assert {n.op.name for n in formula.nodes} == {"input", "tree"}, "the scaler is in the threshold"


@pytest.mark.parametrize("members", [(1, 2, 3), (0, 30, 31), (2, 40, 3), (0, 65_000)])
@pytest.mark.parametrize("missing", [0, 1])
def test_a_run_of_equalities_to_one_branch_is_a_set(members, missing):
    count = len(members)
    leaves = [count, count + 1]
    attributes = {
        "nodes_treeids": [0] * (count + 2), "nodes_nodeids": list(range(count + 2)),
        "nodes_featureids": [0] * (count + 2),
        "nodes_modes": ["BRANCH_EQ"] * count + ["LEAF"] * 2,
        "nodes_values": [*map(float, members), 0.0, 0.0],
        "nodes_truenodeids": [count] * count + [0, 0],
        "nodes_falsenodeids": [*range(1, count), count + 1, 0, 0],
        "nodes_missing_value_tracks_true": [missing] + [0] * (count + 1),
        **weights(nodes=leaves),
    }  # fmt: skip
    made = regressor(**attributes)
    values = [0, 0.5, 1, 1.5, 2, 3, 30, 31, 32, 40, 65_000, -1, np.nan, 1e10, -0.0]
    formula = cf.read(made)
    compare(formula, made, np.array(values, dtype=np.float32)[:, None])
    (tree,) = [n for n in formula.nodes if n.op.name == "tree"]
    assert tree.data.splits.leaf.sum() == 2


# --- version 5 ------------------------------------------------------------------------------------


def version_5(kind, **attributes):
    """Return a TreeEnsemble: at the root a set, then two tests."""
    code = 11 if kind == "float64" else 1

    def of(name, values, number=code):
        return helper.make_tensor(name, number, [len(values)], values)

    given = {
        "tree_roots": [0], "n_targets": 2, "nodes_featureids": [0, 1, 1],
        "nodes_modes": of("m", [6, 0, 3], 2), "nodes_splits": of("s", [0.0, 0.25, -1.0]),
        "nodes_truenodeids": [1, 0, 2], "nodes_falsenodeids": [2, 1, 3],
        "nodes_trueleafs": [0, 1, 1], "nodes_falseleafs": [0, 1, 1],
        "nodes_missing_value_tracks_true": [1, 0, 0], "leaf_targetids": [0, 1, 0, 1],
        "leaf_weights": of("w", [0.1, -0.7, 2.5, 1.5]),
        "membership_values": of("v", [1.0, 2.0, 45.0, float("nan")]),
    }  # fmt: skip
    return graph("TreeEnsemble", kind, 2, {"Y": kind}, 5, **(given | attributes))


@pytest.mark.parametrize("kind", ["float32", "float64"])
@pytest.mark.parametrize("aggregate", [0, 1])
def test_the_ensembles_of_version_5_give_the_same_bits(kind, aggregate):
    made = version_5(kind, aggregate_function=aggregate)
    first = np.array([1, 2, 45, 0, 1.5, 46, np.nan, -1])
    rows = np.array([[a, b] for a in first for b in (0.25, 0.2500001, -1, np.nan)], dtype=kind)
    compare(cf.read(made), made, rows)


@pytest.mark.parametrize("number", [1, 2, 9])
def test_transforms_on_which_onnx_and_onnxruntime_disagree_are_refused(number):
    with pytest.raises(UnsupportedModel, match="post_transform"):
        cf.read(version_5("float32", post_transform=number))


# --- transforms and labels ------------------------------------------------------------------------


@pytest.mark.parametrize("transform", ["NONE", "LOGISTIC", "SOFTMAX", "SOFTMAX_ZERO", "PROBIT"])
def test_every_transform_of_several_targets_is_that_of_onnxruntime(transform):
    # PROBIT loses half of float32's digits near 1/2, in the graph as in the formula.
    values = [0.3, 0.6, 0.51, 0.02]
    leaves = weights(nodes=(1, 1, 2, 2), targets=(0, 1, 0, 1), values=values)
    made = regressor(n_targets=2, post_transform=transform, **leaves)
    compare(cf.read(made), made, np.array([[0.0], [2.0], [np.nan]], dtype=np.float32))


@pytest.mark.parametrize("transform", ["NONE", "LOGISTIC", "SOFTMAX", "PROBIT"])
def test_of_a_single_target_only_the_probit_is_taken(transform):
    made = regressor(post_transform=transform, **weights(values=(0.3, 0.6)))
    compare(cf.read(made), made, np.array([[0.0], [2.0]], dtype=np.float32))


@pytest.mark.parametrize("base", [None, [0.1], [0.1, 0.2]])
@pytest.mark.parametrize("values", [(0.3, 0.8), (-0.3, 0.8)], ids=["shares", "scores"])
@pytest.mark.parametrize("target", [0, 1])
@pytest.mark.parametrize("transform", ["NONE", "LOGISTIC", "SOFTMAX"])
def test_two_classes_with_weights_for_one_of_them(base, values, target, transform):
    given = stump() | weights("class", targets=(target, target), values=values)
    given |= {"classlabels_int64s": [3, 7], "post_transform": transform}
    given |= {} if base is None else {"base_values": base}
    outputs = {"L": "int64", "Z": "float32"}
    made = graph("TreeEnsembleClassifier", "float32", 1, outputs, **given)
    compare(cf.read(made), made, np.array([[0.0], [2.0]], dtype=np.float32))


def test_whole_numbers_are_tested_as_float32_ones():
    given = stump(values=(2.0**24, 0.0, 0.0)) | weights("class", (1, 1, 2, 2), (0, 1, 0, 1),
                                                        (0.25, 0.75, 0.5, 0.5))  # fmt: skip
    given |= {"classlabels_strings": ["a", "b"]}
    outputs = {"L": "string", "Z": "float32"}
    made = graph("TreeEnsembleClassifier", "int64", 1, outputs, **given)
    near = 2**24 + np.arange(-2, 4)
    compare(cf.read(made), made, near.astype(np.int64)[:, None])


# --- refusals -------------------------------------------------------------------------------------

LABELS = {"classlabels_int64s": [3, 7]}
REFUSED = [
    (stump(mode="BRANCH_ODD") | weights(), "tests of the kind 'BRANCH_ODD'"),
    (stump(values=(float("nan"), 0.0, 0.0)) | weights(), "threshold that is no number"),
    (stump(nodes_truenodeids=[9, 0, 0]) | weights(), "a node that it does not have"),
    (stump(nodes_truenodeids=[0, 0, 0]) | weights(), "lead back to where they come from"),
    (stump(nodes_nodeids=[0, 1, 1]) | weights(), "the same number"),
    (stump(nodes_featureids=[4, 0, 0]) | weights(), "tests column 4, and there are 1"),
    (stump(nodes_featureids=[0, 0]) | weights(), "different lengths"),
    (stump(nodes_treeids=[0, 1, 0]) | weights(), "do not stand together"),
    (stump() | weights(nodes=(1, 7)), "a leaf that no tree has"),
    (stump() | weights(targets=(0, 4)), "a target that the ensemble does not have"),
    (stump() | weights(nodes=(1, 1), targets=(0, 0)), "two weights for one target"),
    (stump() | weights() | {"n_targets": 0}, "targets"),
    (stump() | weights() | {"n_targets": 2**40}, "targets|more than 4,194,304 elements"),
    (stump() | weights() | {"aggregate_function": "MEDIAN"}, "aggregate_function 'MEDIAN'"),
    (stump() | weights() | {"post_transform": "CUBE"}, "post_transform 'CUBE'"),
    (stump() | weights() | {"base_values": [1.0, 2.0]}, "2 base values"),
    (stump() | weights() | numbers("base_values", [1.0], True), "base_values_as_tensor"),
    (stump() | weights() | {"extra": 1}, "does not fit its inputs|extra"),
    (stump("BRANCH_EQ", (1e6, 0.0, 0.0)) | weights(), "only whole numbers from 0 to 65535"),
]


@pytest.mark.parametrize("given, said", REFUSED, ids=[said for _, said in REFUSED])
def test_what_is_no_ensemble_is_refused_and_the_reason_is_said(given, said):
    with pytest.raises(UnsupportedModel, match=said):
        cf.read(regressor(**given))


def test_labels_that_onnxruntime_makes_up_are_refused():
    leaves = weights("class", (1, 1, 2, 2), (0, 1, 0, 1), (0.25, 0.75, 0.5, 0.5))
    made = graph("TreeEnsembleClassifier", "float32", 1, {"L": "int64", "Z": "float32"},
                 **stump(), **leaves, **LABELS)  # fmt: skip
    with pytest.raises(UnsupportedModel, match="answers 0 or 1 for them"):
        cf.read(made)


def test_a_tree_whose_branches_join_again_and_again_is_refused_quickly():
    depth = 60
    count = depth + 2
    attributes = {
        "nodes_treeids": [0] * count, "nodes_nodeids": list(range(count)),
        "nodes_featureids": [0] * count, "nodes_modes": ["BRANCH_LEQ"] * depth + ["LEAF"] * 2,
        "nodes_values": [0.5] * count,
        "nodes_truenodeids": [i + 1 for i in range(depth)] + [0, 0],
        "nodes_falsenodeids": [i + 1 for i in range(depth - 1)] + [depth + 1, 0, 0],
        **weights(nodes=(depth, depth + 1)),
    }  # fmt: skip
    with pytest.raises(UnsupportedModel, match="joins its branches"):
        cf.read(regressor(**attributes))


@pytest.mark.parametrize("seed", range(40))
def test_damaged_ensembles_are_read_as_they_are_or_refused(seed):
    random = np.random.default_rng(seed)
    made, rows = ensemble(seed, classifier=bool(seed % 2))
    damaged = onnx.ModelProto.FromString(made.SerializeToString())
    for _ in range(2):
        damage(damaged.graph.node[0], random)
    try:
        formula = cf.read(damaged)
    except UnsupportedModel:
        return
    compare(formula, damaged, rows)


def damage(n, random):
    """Change one number of one attribute, leave it out, or the whole attribute."""
    found = n.attribute[random.integers(len(n.attribute))]
    values = found.ints or found.floats
    if not values or random.random() < 0.1:
        n.attribute.remove(found)
        return
    at = int(random.integers(len(values)))
    if random.random() < 0.3:
        del values[at]
    else:
        values[at] = int(random.choice([-1, 0, 1, 2, 100, 2**31, -(2**40)]))


def test_the_rows_of_a_grid_hold_its_neighbours():
    rows = rows_at(np.array([0.5], dtype=np.float32), 1, np.random.default_rng(0), np.float32)
    assert np.float32(np.nextafter(np.float32(0.5), np.float32(1))) in rows
