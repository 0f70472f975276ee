"""No fault in a tree, however small, goes unnoticed by a certificate."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.tree import DecisionTreeClassifier

from closedform import ops
from closedform.formula import Feature, Formula
from closedform.ir import frozen, node, rewrite
from closedform.ops.payloads import splits_from
from closedform.readers import read

X, Y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
FLOWERS, KINDS = load_iris(return_X_y=True, as_frame=True)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("way", [-np.inf, np.inf])
def test_no_threshold_of_a_tree_can_be_moved_by_an_ulp_unnoticed(seed, way):
    model = DecisionTreeClassifier(max_depth=4, random_state=seed).fit(FLOWERS, KINDS)
    formula = read(model)
    trees = [n for n in formula.nodes if n.op is ops.TREE]
    splits = trees[0].data.splits
    for i in np.flatnonzero(~splits.leaf):
        threshold = splits.threshold.copy()
        threshold[i] = np.nextafter(threshold[i], way)
        moved = replace(splits, threshold=frozen(threshold))
        new = {n: node(n.op, n.args, replace(n.data, splits=moved), n.type) for n in trees}
        other = formula.with_outputs(rewrite(formula.roots, new.get))
        assert not other.verify(model, FLOWERS).ok, f"test {i}"


def _with_splits(formula, tree, **changed):
    splits = replace(tree.data.splits, **changed)
    new = node(tree.op, tree.args, replace(tree.data, splits=splits), tree.type)
    return formula.with_outputs(rewrite(formula.roots, {tree: new}.get))


def test_no_missing_value_in_a_forest_can_be_sent_the_other_way_unnoticed():
    model = RandomForestRegressor(8, max_depth=6, random_state=0).fit(X, Y)
    formula = read(model)
    tree = next(n for n in formula.nodes if n.op is ops.TREE)
    splits = tree.data.splits
    gaps = pd.concat([X.assign(**{name: np.nan}) for name in X.columns])
    tried = 0
    for i in np.flatnonzero(~splits.leaf)[::3]:
        there = splits.missing_left.copy()
        there[i] = ~there[i]
        other = _with_splits(formula, tree, missing_left=frozen(there, bool))
        if (other(gaps) != formula(gaps)).any():  # no missing s5 comes to s5 < 4 behind s5 < 5
            tried += 1
            assert not other.verify(model, X).ok, f"test {i}"
    assert tried > 7


def test_no_category_of_boosted_trees_can_be_sent_the_other_way_unnoticed():
    random = np.random.default_rng(0)
    towns = pd.DataFrame({"town": pd.Categorical(random.choice(list("abcdefgh"), 400))})
    towns["age"] = random.normal(size=400)
    y = random.normal(size=8)[towns["town"].cat.codes] * towns["age"]
    model = HistGradientBoostingRegressor(
        max_iter=1, max_depth=4, min_samples_leaf=5, categorical_features="from_dtype"
    ).fit(towns, y)
    formula = read(model)
    tried = 0
    for tree in [n for n in formula.nodes if n.op is ops.TREE]:
        for row, code in np.ndindex(tree.data.splits.sets.shape):
            sets = tree.data.splits.sets.copy()
            sets[row, code] ^= True
            other = _with_splits(formula, tree, sets=frozen(sets, bool))
            worst = np.abs(other(EVERY_TOWN) - formula(EVERY_TOWN)).max()
            if worst > 1e-6:  # some bits stand for no category, or for one that does not come here
                tried += 1
                assert not other.verify(model, towns).ok, f"set {row}, code {code}"
    assert tried > 5


EVERY_TOWN = pd.DataFrame(
    [(town, age) for town in "abcdefgh" for age in np.linspace(-3, 3, 200)],
    columns=["town", "age"],
)


@pytest.mark.parametrize("depths", [(-3.5, 2.0), (2.0, -3.5)], ids=str)
def test_a_threshold_that_two_trees_share_is_tried_in_both(depths):
    def stump_behind(first, then):  # x < 0.5 matters only where the other input is on one side
        splits, order = splits_from(
            [1, -1, 3, -1, -1], [2, -1, 4, -1, -1], [1, 0, 0, 0, 0], [first, 0, 0.5, 0, 0]
        )
        values = np.array([0.0, 0.0, 0.0, 1.0, 2.0]) * then
        return ops.tree(splits, values[order], [ops.input_(0), ops.input_(1)])

    random = np.random.default_rng(0)
    rows = pd.DataFrame({"x": random.normal(size=300), "z": random.normal(size=300)})
    trees = [stump_behind(first, then) for first, then in zip(depths, (1.0, 10.0), strict=True)]
    formula = Formula({"y": ops.linear(0, [1.0, 1.0], trees)}, (Feature("x"), Feature("z")))
    for tree in trees:
        threshold = tree.data.splits.threshold.copy()
        threshold[threshold == 0.5] = np.nextafter(0.5, 1)
        model = _with_splits(formula, tree, threshold=frozen(threshold))
        assert not formula.verify(model, rows).ok
