"""One tree in the place of many: the same everywhere, and the smallest there is."""

from functools import cache
from itertools import product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import closedform as cf
from closedform import ops
from closedform.errors import BadInput
from closedform.formula import Feature, Formula, Task
from closedform.shorten.clock import Clock
from closedform.shorten.methods import method
from closedform.shorten.teacher import Teacher
from closedform.shorten.trees.parts import Table
from closedform.shorten.trees.smallest import Smallest, size_of
from strategies import trees


def _around(model_formula, X, rows=4000, seed=0):
    """Rows at, just below and just above the thresholds, in every combination that is drawn."""
    random = np.random.default_rng(seed)
    columns = []
    for j, x in enumerate(np.asarray(X, dtype=float).T):
        cuts = [
            n.data.splits.threshold[(n.data.splits.feature == k) & ~n.data.splits.leaf]
            for n in model_formula.nodes
            if n.op is ops.TREE
            for k, a in enumerate(n.args)
            if a is ops.input_(j)
        ]
        at = np.concatenate([x, *cuts])
        at = at[np.isfinite(at)]
        ends = [at, np.nextafter(at, np.inf), np.nextafter(at, -np.inf), [-1e30, 1e30]]
        columns.append(random.choice(np.concatenate(ends), rows))
    return pd.DataFrame(np.column_stack(columns), columns=X.columns)


IRIS = load_iris(return_X_y=True, as_frame=True)
CANCER = load_breast_cancer(return_X_y=True, as_frame=True)
DIABETES = load_diabetes(return_X_y=True, as_frame=True)
ENSEMBLES = [
    (RandomForestClassifier(5, max_depth=2, random_state=0), IRIS),
    (GradientBoostingClassifier(n_estimators=4, max_depth=2, random_state=0), CANCER),
    (HistGradientBoostingClassifier(max_iter=4, max_leaf_nodes=4, random_state=0), CANCER),
    (AdaBoostClassifier(n_estimators=5, random_state=0), CANCER),
    (RandomForestRegressor(3, max_depth=2, random_state=0), DIABETES),
    (ExtraTreesRegressor(2, max_depth=2, random_state=0), DIABETES),
    (GradientBoostingRegressor(n_estimators=3, max_depth=2, random_state=0), DIABETES),
    (make_pipeline(StandardScaler(), DecisionTreeClassifier(max_depth=3, random_state=0)), IRIS),
]


@pytest.mark.parametrize(("model", "data"), ENSEMBLES, ids=[type(m).__name__ for m, _ in ENSEMBLES])
def test_one_tree_gives_what_the_ensemble_gives_at_and_around_every_threshold(model, data):
    X, y = data
    formula = cf.read(model.fit(X, y))
    tree = cf.born_again(formula, time_limit=30)
    assert (tree.trail[-1].kind, tree.trail[-1].found["open"]) == ("exact", 0)
    assert tree.trail[-1].found["smallest"] == "depth and leaves"
    rows = _around(formula, X)
    assert len(np.unique(model.predict(rows))) > 1
    np.testing.assert_array_equal(tree(rows), model.predict(rows))
    assert tree(rows).dtype == formula(rows).dtype


def test_boosters_of_other_packages_have_one_tree_too():
    X, y = CANCER
    for package, name in (("xgboost", "XGBClassifier"), ("lightgbm", "LGBMClassifier")):
        kind = getattr(pytest.importorskip(package), name)
        model = kind(n_estimators=4, max_depth=2, n_jobs=1).fit(X, y)
        formula = cf.read(model)
        tree = cf.born_again(formula, time_limit=30)
        assert tree.trail[-1].kind == "exact"
        # Both packages split between float32 or rounded values: rows as they were trained on.
        np.testing.assert_array_equal(tree(X), model.predict(X))
        rows = _around(formula, X)
        np.testing.assert_array_equal(tree(rows), formula(rows))


# --- the smallest -------------------------------------------------------------------------------


def _smallest_by_trying(values):
    """Return (depth, fewest leaves of that depth) by trying every tree of every box."""

    @cache
    def leaves(box, deep):
        cells = values[tuple(slice(lo, hi + 1) for lo, hi in box)]
        if (cells == cells.flat[0]).all():
            return 1
        if deep == 0:
            return np.inf
        found = [np.inf]
        for axis, (lo, hi) in enumerate(box):
            for cut in range(lo, hi):
                halves = [
                    (*box[:axis], part, *box[axis + 1 :]) for part in ((lo, cut), (cut + 1, hi))
                ]
                found.append(sum(leaves(half, deep - 1) for half in halves))
        return min(found)

    whole = tuple((0, n - 1) for n in values.shape)
    deep = 0
    while leaves(whole, deep) == np.inf:
        deep += 1
    return deep, leaves(whole, deep)


shapes = st.sampled_from([(4, 3), (2, 2, 2), (3, 2, 3), (5, 4), (6,), (2, 2, 2, 2)])


@settings(max_examples=40)
@given(shapes, st.integers(2, 4), st.integers(0, 2**32))
def test_no_tree_of_a_table_is_smaller(shape, kinds, seed):
    values = np.random.default_rng(seed).integers(kinds, size=shape)
    table = Table(values, [(k, np.arange(n - 1)) for k, n in enumerate(shape)])
    search, whole = Smallest(Clock()), table.whole
    deep = search.depth(whole)
    fewest = search.fewest(whole, deep, values.size)
    assert (deep, fewest) == _smallest_by_trying(values)
    for plan in (search.leanest(whole, deep), search.shallow(whole, deep), search.greedy(whole)):
        for cell in product(*map(range, shape)):
            assert _said(plan, cell) == values[cell]
    assert size_of(search.leanest(whole, deep)) == (size_of(search.shallow(whole, deep))[0], fewest)


def _said(plan, cell):
    while not isinstance(plan, int):
        plan = plan[2] if cell[plan[0]] <= plan[1] else plan[3]
    return plan


def test_a_forest_that_repeats_a_tree_is_that_tree():
    X, y = IRIS
    forest = RandomForestClassifier(7, max_depth=1, bootstrap=False, max_features=None)
    tree = cf.born_again(cf.read(forest.fit(X, y == 0)))
    assert tree.trail[-1].found | {"smallest": ""} == {
        "depth": 1, "leaves": 2, "smallest": "", "open": 0,
    }  # fmt: skip
    assert tree.length < 20


@settings(max_examples=40)
@given(st.lists(trees(2, sets=False), min_size=1, max_size=3), st.booleans())
def test_sums_of_any_trees_are_one_tree_also_where_values_are_missing(drawn, gaps):
    args = [ops.input_(i) for i in range(2)]
    total = ops.lin(0.5, *((w, ops.tree(t.splits, t.values, args)) for w, t in enumerate(drawn, 1)))
    formula = Formula({"y": total}, (Feature("a"), Feature("b")), Task(primary=("y",)))
    edges = np.concatenate([t.splits.threshold[~t.splits.leaf] for t in drawn] + [[0.0]])
    edges = edges[np.isfinite(edges)]
    values = [*edges, *np.nextafter(edges, np.inf), *np.nextafter(edges, -np.inf), -1e9, 1e9]
    values += [np.nan] if gaps else []
    rows = np.array(list(product(values, values)))
    if not any(n.op is ops.TREE and n.data.splits.depth for n in formula.nodes):
        return
    tree = cf.born_again(formula, rows if gaps else None)
    np.testing.assert_array_equal(tree(rows), formula(rows))


# --- what is covered, and what is not -----------------------------------------------------------


def test_a_missing_value_is_refused_unless_the_rows_have_one():
    random = np.random.default_rng(0)
    X = pd.DataFrame({"a": random.normal(size=400), "b": random.normal(size=400)})
    X.iloc[::5, 0] = np.nan
    y = np.where(X.a.isna(), X.b > 0, X.a > 1)
    model = HistGradientBoostingClassifier(max_iter=3, learning_rate=1, max_leaf_nodes=4).fit(X, y)
    formula = cf.read(model)
    plain, full = cf.born_again(formula), cf.born_again(formula, X)
    np.testing.assert_array_equal(full(X), model.predict(X))
    rows = _around(formula, X)
    rows.iloc[::3, 0] = np.nan
    rows = rows[rows.abs().max(axis=1) < 2]  # where X has been
    np.testing.assert_array_equal(full(rows), model.predict(rows))
    assert [x is None for x in plain(X)] == X.a.isna().tolist()
    assert "may be missing" in str(plain)
    assert "a is missing" in str(full)


def test_a_tree_for_the_range_of_rows_is_smaller():
    X, y = IRIS
    formula = cf.read(RandomForestClassifier(5, max_depth=2, random_state=0).fit(X, y))
    few = X[y == 0]
    tree = cf.born_again(formula, few)
    assert tree.trail[-1].found["leaves"] < cf.born_again(formula).trail[-1].found["leaves"]
    np.testing.assert_array_equal(tree(few), formula(few))


def test_what_is_too_large_is_parted_and_still_the_same_everywhere(monkeypatch):
    from closedform.shorten.trees import born

    monkeypatch.setattr(born, "MOST_CELLS", 100)
    monkeypatch.setattr(born, "PART_CELLS", 50)
    X, y = IRIS
    formula = cf.read(RandomForestClassifier(5, max_depth=2, random_state=0).fit(X, y))
    tree = cf.born_again(formula)
    found = tree.trail[-1].found
    assert (found["smallest"], found["open"]) == ("not proven", 0)
    rows = _around(formula, X)
    np.testing.assert_array_equal(tree(rows), formula(rows))


def test_a_tree_that_is_not_finished_says_so():
    X, y = CANCER
    formula = cf.read(RandomForestClassifier(30, max_depth=5, random_state=0).fit(X, y))
    tree = cf.born_again(formula, time_limit=0.3)
    last = tree.trail[-1]
    assert last.kind == "approx"
    assert last.found["open"] > 0
    assert last.found["smallest"] == "not proven"
    assert set(np.unique(tree(X))) <= {0, 1}


def test_a_tree_says_the_class_and_no_chance_that_it_does_not_know():
    X, y = CANCER
    formula = cf.read(
        GradientBoostingClassifier(n_estimators=3, max_depth=2, random_state=0).fit(X, y)
    )
    tree = cf.born_again(formula)
    assert tuple(tree.outputs) == formula.answer
    lines = [line for line in str(tree).splitlines() if " when " in line]
    assert all(line.startswith(("class = 0", "class = 1")) for line in lines)
    assert len(lines) == tree.trail[-1].found["leaves"]


def test_a_forest_of_few_tests_is_shorter_as_one_tree_on_the_frontier():
    X, y = CANCER
    formula = cf.read(
        GradientBoostingClassifier(n_estimators=3, max_depth=2, random_state=0).fit(X, y)
    )
    found = list(method("merge")(Teacher.of(formula, X), Clock(20)))
    assert found[-1].trail[-1].name == "born again"
    assert found[-1].length < formula.length


@pytest.mark.parametrize(
    ("formula", "match"),
    [
        (cf.read(LinearRegression().fit(IRIS[0], IRIS[1])), "other than in a test|no trees"),
        (Formula({"y": ops.less(ops.const(1), ops.input_(0))}, (Feature("x"),)), "no trees"),
    ],
)
def test_what_is_no_ensemble_is_refused(formula, match):
    with pytest.raises(BadInput, match=match):
        cf.born_again(formula)
