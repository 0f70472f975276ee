"""Small trees, lists of rules and merged trees: faithful to the model, and short."""

import math
import re
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor

import closedform as cf
from closedform import ops
from closedform.evaluate import compute
from closedform.formula import Feature, Formula, Task, label_above
from closedform.passes.merge_trees import merge_trees, pruned
from closedform.shorten.clock import Clock
from closedform.shorten.methods import method
from closedform.shorten.short import shortened, shortest
from closedform.shorten.teacher import Teacher
from closedform.shorten.trees.ahead import best_pair
from closedform.shorten.trees.boxes import plain_cut
from closedform.shorten.trees.listed import rule_list
from closedform.shorten.trees.small import small_tree
from strategies import or_missing, trees


@pytest.fixture(scope="module")
def ruled():
    """A forest that has learned `(a > 0.3 and b < 0.8) or c > 1`, and fresh rows."""
    random = np.random.default_rng(0)
    X = pd.DataFrame(random.normal(size=(9000, 5)), columns=list("abcde"))
    y = ((X.a > 0.3) & (X.b < 0.8)) | (X.c > 1)
    model = RandomForestClassifier(30, min_samples_leaf=5, random_state=0)
    model.fit(X[:4000], y[:4000])
    return cf.read(model), X[:4000], X[4000:], y[4000:].to_numpy()


def _shortest_within(found, rows, said, most):
    good = [f for f in found if (f(rows) != said).mean() <= most]
    return min(good, key=lambda f: f.length)


@pytest.mark.parametrize("method", [small_tree, rule_list])
def test_the_rule_behind_a_forest_is_found(ruled, method):
    formula, X, fresh, truth = ruled
    best = _shortest_within(method(formula, X, seed=1), fresh, formula(fresh), 0.005)
    numbers = [t for t in (0.3, 0.8, 1.0) if f"{t:g}" in str(best)]
    assert numbers == [0.3, 0.8, 1.0]
    assert (best(fresh) == truth).mean() > 0.99
    assert best.length < 40 < formula.length / 100


def test_a_small_tree_is_given_back_as_it_is():
    X = pd.DataFrame({"a": np.tile(np.arange(10.0), 10), "b": np.repeat(np.arange(10.0), 10)})
    y = np.where(X.a <= 4, 1.5, np.where(X.b <= 6, -2.25, 7.0))
    formula = cf.read(DecisionTreeRegressor(max_leaf_nodes=3).fit(X, y))
    best = small_tree(formula, X)[-1]
    # Means of equal leaves are off by rounding, 1e-16; few digits bring the number itself back.
    assert (best(X) == formula(X)).all()
    assert best.trail[-1].found["leaves"] == 3
    assert best.length < formula.length


def test_trees_of_one_round_are_nested_and_ever_closer(ruled):
    formula, X, fresh, _ = ruled
    found = small_tree(formula, X)
    leaves = [f.trail[-1].found["leaves"] for f in found]
    assert leaves == sorted(set(leaves))
    assert leaves[0] == 1
    away = [
        np.mean((f(fresh, f.task.decision[0]) - np.clip(_log_odds(formula, fresh), -6, 6)) ** 2)
        for f in found
    ]
    # Each split lowers the error on the rows it was grown on; on fresh ones it may rise a little.
    assert all(b <= 1.02 * a for a, b in pairwise(away))


def _log_odds(formula, X):
    chance = formula(X, formula.task.probability[1])
    with np.errstate(divide="ignore"):
        return np.log(chance / (1 - chance))


@pytest.mark.parametrize("name", ["rules", "tree"])
def test_three_classes_are_told_apart(name):
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = HistGradientBoostingClassifier(max_iter=20, random_state=0).fit(X, y)
    formula = cf.read(model)
    found = list(method(name)(Teacher.of(formula, X), Clock(20)))
    best = min(found, key=lambda f: (f(X) != model.predict(X)).mean())
    assert (best(X) == model.predict(X)).mean() >= 0.95
    chances = np.column_stack([best(X, p) for p in best.task.probability])
    assert chances.sum(axis=1) == pytest.approx(1)
    assert (best.task.classes, best(X).dtype) == (formula.task.classes, formula(X).dtype)


def test_a_seed_makes_it_repeatable(ruled):
    formula, X, _, _ = ruled
    texts = [[f.to() for f in small_tree(formula, X, leaves=8, seed=s)] for s in (3, 3, 4)]
    assert texts[0] == texts[1] != texts[2]


def test_coverage_is_the_share_of_rows_whose_first_rule_it_is(ruled):
    formula, X, _, _ = ruled
    made = rule_list(formula, X)[1]
    shares = made.trail[-1].found["coverage"]
    score = made(X, made.task.decision[0])
    values, counts = np.unique(score, return_counts=True)
    assert len(values) == len(shares) == 3
    assert sorted(shares) == pytest.approx(sorted(counts / len(X)), abs=1e-4)


def test_rules_print_class_chance_and_coverage(ruled):
    formula, X, _, _ = ruled
    made = rule_list(formula, X)[1]
    lines = [line for line in str(made).splitlines() if line.startswith("class =")]
    assert [line.split("   ")[1].split()[0] for line in lines] == ["if", "else", "else"]
    assert "else if" in lines[1]
    latex = made.to("latex")
    assert r"\text{else if }" in latex
    assert r"\text{else}" in latex
    score = made(X, made.task.decision[0])
    for value, share in zip(np.unique(score), np.unique(score, return_counts=True)[1], strict=True):
        chance = round(1 / (1 + math.exp(-abs(value))), 3)
        whole = f"P = {chance:g}, {100 * share / len(X):.2g} % of rows, log-odds {value:g}"
        assert whole in str(made).replace("\n", " ").replace("  ", "")


def test_missing_values_and_categories_are_taken():
    random = np.random.default_rng(1)
    X = pd.DataFrame({"c": random.choice(["u", "v"], 600), "x": random.normal(size=600)})
    X.loc[::9, "x"] = np.nan
    y = 3.0 * (X.c == "v") + 2.0 * X.x.isna()
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    codes = make_column_transformer((OrdinalEncoder(), ["c"]), remainder="passthrough")
    model = make_pipeline(codes, HistGradientBoostingRegressor(max_iter=40)).fit(X, y)
    formula = cf.read(model)
    for found in (small_tree(formula, X), rule_list(formula, X)):
        assert min(np.abs(f(X) - model.predict(X)).max() for f in found) < 0.3


def test_a_constant_model_gives_no_trees():
    X = pd.DataFrame({"a": np.arange(20.0)})
    formula = cf.read(LinearRegression().fit(X, np.full(20, 3.0)))
    assert small_tree(formula, X) == []
    assert rule_list(formula, X) == []


def test_no_time_is_no_error(ruled):
    formula, X, _, _ = ruled
    teacher = Teacher.of(formula, X)
    assert list(method("tree")(teacher, Clock(0))) == []
    assert list(method("rules")(teacher, Clock(0))) == []


# --- numbers with few digits --------------------------------------------------------------------


@given(st.floats(-1e9, 1e9), st.floats(0, 1e3))
def test_the_shortest_number_lies_in_its_range(lo, width):
    hi = lo + width
    found = shortest(lo, hi)
    assert lo <= found <= hi
    if lo > 1e-250:
        size = math.floor(math.log10(hi))
        coarser = [round(k * 10.0**p, -p) for p in range(size, size + 2) for k in range(1, 10)]
        if any(lo <= c <= hi for c in coarser):
            assert len(f"{found:.12e}".split("e")[0].rstrip("0").rstrip(".")) <= 1


@pytest.mark.parametrize(
    ("lo", "hi", "found"),
    [(0.28, 0.34, 0.3), (-1, 2, 0), (0.1231, 0.1239, 0.1235), (17, 23, 20), (1e-7, 3e-7, 2e-7)],
)
def test_some_shortest_numbers(lo, hi, found):
    assert shortest(lo, hi) == found


def test_a_shortened_number_keeps_its_sign():
    assert shortened(0.001, 5.0) > 0
    assert shortened(-0.001, 5.0) < 0


def test_a_cut_moves_within_a_gap_alone():
    x = np.array([1.0, 2.0, 3.17, 3.94, 5.0, 6.0])
    y = np.array([0.0, 0.0, 0.0, 1.0, 1.0, 1.0])[:, None]
    cut = plain_cut(x, y, 3.555)
    assert 3.17 <= cut < 3.94
    assert len(f"{cut:g}") <= 3


# --- the model's own trees ----------------------------------------------------------------------


@given(trees(3), st.lists(st.tuples(*[or_missing] * 3), min_size=1, max_size=30))
def test_a_pruned_tree_gives_the_same_values(tree, rows):
    splits, values = pruned(tree.splits, tree.values)
    args = [ops.input_(i) for i in range(3)]
    columns = list(np.array(rows, dtype=float).T)
    nodes = [ops.tree(tree.splits, tree.values, args), ops.tree(splits, values, args)]
    before, after = compute(nodes, columns, len(rows))
    np.testing.assert_array_equal(before, after)
    assert len(splits.child) <= len(tree.splits.child)


@settings(max_examples=60)
@given(
    st.lists(trees(1, sets=False), min_size=2, max_size=5),
    st.lists(or_missing, min_size=1, max_size=30),
)
def test_trees_of_one_input_become_one_step_function(drawn, rows):
    x = ops.input_(0)
    total = ops.lin(0.5, *((w, ops.tree(t.splits, t.values, [x])) for w, t in enumerate(drawn, 1)))
    formula = Formula({"y": total}, (Feature("x"),))
    merged = merge_trees(formula)
    table = np.array(rows)[:, None]
    # Five leaves of at most 5, with weights of at most 5, added in another order.
    np.testing.assert_allclose(merged(table), formula(table), atol=1e-12)


STUMPS = [
    GradientBoostingRegressor(max_depth=1, n_estimators=200, random_state=0),
    HistGradientBoostingClassifier(max_depth=1, random_state=0),
    AdaBoostClassifier(n_estimators=40, random_state=0),
]


@pytest.mark.parametrize("model", STUMPS, ids=lambda m: type(m).__name__)
def test_stumps_become_one_step_function_for_each_input(model):
    load = load_diabetes if isinstance(model, GradientBoostingRegressor) else load_breast_cancer
    X, y = load(return_X_y=True, as_frame=True)
    formula = cf.read(model.fit(X, y))
    made = merge_trees(formula)
    assert made.length < 0.6 * formula.length
    assert [n for n in made.nodes if n.op is ops.TREE] == []
    values = model.predict(X)
    if values.dtype.kind == "f":
        assert made(X) == pytest.approx(values, rel=1e-12)
    else:
        assert (made(X) == values).all()


def test_of_float32_sums_the_rounding_is_left_out_with_its_bound():
    xgboost = pytest.importorskip("xgboost")
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    model = xgboost.XGBRegressor(max_depth=1, n_estimators=50).fit(X, y)
    made = merge_trees(cf.read(model))
    bound = next(s.found["moved"] for s in made.trail if s.name == "double sums")
    assert np.abs(made(X) - model.predict(X)).max() <= bound < 0.1


def test_what_has_nothing_to_merge_is_the_same_formula():
    X, y = load_iris(return_X_y=True)
    formula = cf.read(LinearRegression().fit(X, y))
    assert merge_trees(formula) is formula


# --- two tests at a time ------------------------------------------------------------------------


def test_two_inputs_that_decide_together_and_neither_alone_are_four_leaves():
    # Grown by one test at a time, this seed's smallest tree has five leaves and agrees on 90 %.
    random = np.random.default_rng(3)
    X = pd.DataFrame(random.uniform(-1, 1, size=(1500, 15))).add_prefix("x")
    formula = _product_of_signs()
    found = {f.trail[-1].found["leaves"]: f for f in small_tree(formula, X, leaves=8)}
    said = X.x0 * X.x1 > 0
    assert (formula(X) == said).all()
    assert (found[4](X) == said).mean() > 0.97


def _product_of_signs():
    """Log-odds of 3 where x0 and x1 have the same sign, of −3 elsewhere, of 15 inputs."""
    signs = [ops.less(ops.const(0), ops.input_(i)) for i in range(2)]
    same = ops.either(ops.both(*signs), ops.negate(ops.either(*signs)))
    score = ops.where(same, ops.const(3), ops.const(-3))
    task = Task("classification", (False, True), "logit", ("label",), (), ("decision",))
    outputs = {"label": label_above(score, 0.0, task.classes), "decision": score}
    return Formula(outputs, tuple(Feature(f"x{i}") for i in range(15)), task)


@settings(max_examples=30)
@given(st.integers(0, 2**32), st.integers(1, 2))
def test_the_first_of_two_tests_is_the_best_of_all_pairs(seed, scores):
    random = np.random.default_rng(seed)
    x = random.integers(4, size=(30, 3)).astype(float)
    y = random.normal(size=(30, scores))
    found = best_pair(x, y, 2)

    def spread(rows):
        return float(((y[rows] - y[rows].mean(axis=0)) ** 2).sum())

    def after_one(rows):
        sides = [(rows[x[rows, j] <= c], rows[x[rows, j] > c]) for j in range(3) for c in range(4)]
        fits = [sum(map(spread, s)) for s in sides if min(map(len, s)) >= 2]
        return min([spread(rows), *fits])

    rows = np.arange(30)
    halves = [(rows[x[:, j] <= c], rows[x[:, j] > c]) for j in range(3) for c in range(4)]
    best = min(sum(map(after_one, h)) for h in halves if min(map(len, h)) >= 2)
    assert found.gain == pytest.approx(spread(rows) - best, rel=1e-4)  # sums in float32
    left = x[:, found.view] <= found.cut
    assert after_one(rows[left]) + after_one(rows[~left]) == pytest.approx(best, rel=1e-4)


def test_a_frontier_also_gets_trees_that_part_chances():
    X = pd.DataFrame({"a": np.arange(400.0) % 20, "b": np.repeat(np.arange(20.0), 20)})
    far, near = (ops.less(ops.const(t), ops.input_(i)) for i, t in ((0, 9.5), (1, 9.5)))
    score = ops.where(far, ops.const(6), ops.where(near, ops.const(1.5), ops.const(-1.0)))
    task = Task("classification", (False, True), "logit", ("label",), (), ("decision",))
    outputs = {"label": label_above(score, 0.0, task.classes), "decision": score}
    formula = Formula(outputs, (Feature("a"), Feature("b")), task)
    found = list(method("tree")(Teacher.of(formula, X), Clock(20)))
    sizes = [f.trail[-1].found["leaves"] for f in found]
    rounds = sum(b < a for a, b in pairwise(sizes)) + 1
    assert rounds == 3
    assert (found[-1](X) == formula(X)).all()


def test_the_chances_of_a_leaf_have_the_digits_that_are_asked_for():
    X, y = load_iris(return_X_y=True)
    forest = RandomForestClassifier(2, max_depth=2, random_state=0).fit(X, y)
    tree = small_tree(cf.read(forest), X, leaves=3, time_limit=2)[-1]
    said = re.findall(r"P = ([\d.]+)", str(tree.to("text", digits=4)))
    assert said and max(map(len, said)) <= len("0.1234")
    given = tree.evaluate(X)
    chances = np.column_stack([given[name] for name in tree.task.probability]).max(axis=1)
    # The last digit may differ: the log-odds of the leaves were rounded before.
    assert all(np.abs(np.array(said, dtype=float) - p).min() < 2e-3 for p in chances)
