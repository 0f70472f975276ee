"""Numbers that a person would write: what is dropped, what is recognised, and what it may cost."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

import closedform as cf
from closedform import ops as o
from closedform.errors import BadInput
from closedform.formula import Feature, Formula, Step, Task
from closedform.ir import Type
from closedform.ops.payloads import Pieces, splits_from
from closedform.shorten import Clock, Teacher
from closedform.shorten.looked_up import only_asked
from closedform.shorten.neat import candidates, digits_of, named, rounded
from closedform.shorten.numbers import digits, snap, snapped

x, y = o.input_(0), o.input_(1)
ROWS = np.random.default_rng(0).normal(size=(500, 2))


def formula(node, names=("x", "y")):
    return Formula({"f": node}, tuple(map(Feature, names)), Task(primary=("f",)))


def moved(before, after, X=ROWS):
    """How far predictions move, as a share of their deviation."""
    a, b = before(X), after(X)
    return float(np.sqrt(((a - b) ** 2).mean()) / a.std())


@given(st.integers(1, 10**15 - 1).filter(lambda n: n % 10), st.integers(-30, 30))
def test_a_number_has_as_many_digits_as_it_was_written_with(whole, power):
    value = float(f"{whole}e{power}")
    assert digits_of(value) == digits_of(-value) == len(str(whole))
    assert rounded(value, digits_of(value)) == value


@given(st.floats(-1e6, 1e6).filter(lambda v: abs(v) > 1e-6))
def test_every_candidate_is_near_the_number_or_takes_its_term_away(value):
    for neat in candidates(value):
        assert abs(neat.value - value) <= 0.5 * abs(value)
        assert digits_of(neat.value) <= 6
    assert 0.0 in [neat.value for neat in candidates(value, vanishes=True)]


def test_numbers_near_short_ones_become_these():
    f = formula(o.lin(0.499999, (1.5000004, x), (-1.9999996, o.power(y, 2)), (1.2e-7, o.sin(y))))
    assert snap(f, ROWS).outputs["f"] is o.lin(0.5, (1.5, x), (-2, o.power(y, 2)))


def test_a_multiple_of_pi_is_seen_in_an_angle_and_nowhere_else():
    angle = o.lin(0, (math.pi / 2 + 1e-9, x))
    f = snap(formula(o.lin(1.25, (math.pi + 1e-9, o.sin(angle)))), ROWS)
    assert f.outputs["f"].args[0].args[0] is o.lin(0, (math.pi / 2, x))
    assert digits_of(f.outputs["f"].data.weights[0]) <= 4


def test_a_third_is_seen_where_it_is_met_and_not_where_a_decimal_is_as_near():
    assert [n.value for n in named(1 / 3 + 1e-9)] == [1 / 3]
    assert named(0.33) == named(0.3337) == named(math.sqrt(2)) == []
    assert snap(formula(o.lin(0, (1 / 3 + 1e-12, x))), ROWS).outputs["f"] is o.lin(0, (1 / 3, x))


def test_numbers_that_the_user_lists_are_preferred():
    f = formula(o.lin(0.3, (9.8071, x), (-9.8062, y)))
    assert 9.80665 not in abs(snap(f, ROWS).outputs["f"].data.weights)
    listed = snap(f, ROWS, listed=[9.80665])
    assert listed.outputs["f"] is o.lin(0.3, (9.80665, x), (-9.80665, y))


def test_numbers_of_one_digit_stay_as_they_were_written():
    f = formula(o.div(o.lin(0, (3.1234567, x)), o.lin(1, (0.5, o.power(y, 2)))))
    assert snap(f, ROWS).outputs["f"].args[1] is o.lin(1, (0.5, o.power(y, 2)))


@pytest.mark.parametrize("budget", [0.001, 0.02, 0.5])
def test_the_prediction_moves_no_further_than_the_budget_says(budget):
    data = load_diabetes()
    model = make_pipeline(
        StandardScaler(), MLPRegressor(hidden_layer_sizes=(4,), max_iter=300, random_state=0)
    )
    f = cf.read(model.fit(data.data, data.target / 100))
    after = snap(f, data.data, budget=budget)
    # The rows made up beside those of X are a little easier.
    assert 0 < moved(f, after, data.data) <= 1.3 * budget / 10
    assert digits(after) < digits(f) / 3


def test_more_digits_go_where_more_may_be_lost():
    data = load_diabetes()
    f = cf.read(LinearRegression().fit(data.data, data.target))
    counts = [digits(snap(f, data.data, budget=b)) for b in (0.001, 0.02, 0.4)]
    assert counts == sorted(counts, reverse=True) and counts[0] > counts[2]


def test_the_rest_is_refitted_when_a_number_moves():
    # Two inputs that are nearly the same: what one loses the other must take over.
    a = np.random.default_rng(1).normal(size=400)
    X = np.column_stack([a, a + 0.01 * np.random.default_rng(2).normal(size=400)])
    f = formula(o.lin(0, (1.2345, x), (0.7655, y)))
    after = snap(f, X, budget=0.05)
    assert digits(after) <= 3
    assert moved(f, after, X) < 0.005
    alone = formula(o.lin(0, (1.0, x), (0.8, y)))  # each rounded by itself
    assert moved(f, alone, X) > 5 * moved(f, after, X)


def test_a_student_may_lose_two_per_cent_of_its_own_error():
    truth = formula(o.lin(0, (1, x), (0.5, o.sin(o.lin(0, (3, x)))), (1, y)))
    teacher = Teacher.of(truth, ROWS)
    weights = np.linalg.lstsq(ROWS, truth(ROWS), rcond=None)[0]
    student = teacher.formula_of(
        [o.lin(0, (weights[0], x), (weights[1], y))], Step("fit", "approx")
    )
    made = snapped(student, teacher, budget=0.02)
    spread = truth(ROWS).var()
    loss = [float(((f(ROWS) - truth(ROWS)) ** 2).mean()) / spread for f in (student, made)]
    assert loss[1] <= 1.05 * loss[0]
    assert digits(made) <= 5 < digits(student)
    found = made.trail[-1].found
    assert found["loss before"] == pytest.approx(loss[0], rel=0.2)
    assert found["loss after"] <= 1.021 * found["loss before"]


IRIS = load_iris()
CLASSIFIERS = [
    make_pipeline(StandardScaler(), LogisticRegression()),
    make_pipeline(StandardScaler(), MLPClassifier((3,), max_iter=1500, random_state=0)),
    DecisionTreeClassifier(max_leaf_nodes=5, random_state=0),
    HistGradientBoostingClassifier(max_iter=10, random_state=0),
]


@pytest.mark.parametrize("model", CLASSIFIERS, ids=lambda m: type(m).__name__)
def test_three_classes_keep_their_rows(model):
    f = cf.read(model.fit(IRIS.data, IRIS.target))
    after = snap(f, IRIS.data)
    assert (after(IRIS.data) == model.predict(IRIS.data)).mean() >= 0.999
    assert digits(after) < digits(f) / 3
    P = np.column_stack([after(IRIS.data, name) for name in after.task.probability])
    assert abs(P - model.predict_proba(IRIS.data)).max() < 0.05


def test_thresholds_that_move_no_row_get_the_fewest_digits():
    data = load_diabetes()
    model = DecisionTreeRegressor(max_leaf_nodes=8, random_state=0).fit(data.data, data.target)
    f = cf.read(model)
    after = snap(f, data.data, budget=0.001)
    splits = [g.outputs[g.answer[0]].data.splits for g in (f, after)]
    cuts = [s.threshold[~s.leaf] for s in splits]
    assert sum(map(digits_of, cuts[1])) < sum(map(digits_of, cuts[0])) / 3
    assert moved(f, after, data.data) <= 0.001


def test_the_same_threshold_of_several_trees_stays_the_same():
    model = DecisionTreeClassifier(max_leaf_nodes=4, random_state=0).fit(IRIS.data, IRIS.target)
    after = snap(cf.read(model), IRIS.data)
    trees = [n for n in after.nodes if n.op is o.TREE]
    assert len(trees) == 3
    assert len({tuple(n.data.splits.threshold) for n in trees}) == 1


def test_tables_steps_and_comparisons_lose_digits_too():
    colour = o.input_(1, Type.LABEL)
    looked_up = o.table(colour, {"red": 1.23456789, "blue": -0.98765432}, 0.111111, 0.0)
    steps = o.piecewise(x, Pieces.of([0.123456, 1.234567], [0.5432111, 1.4321234, 2.7654321]))
    chosen = o.where(o.less(o.const(0.7654321), x), o.const(1.0), o.const(0.0))
    node = o.lin(0, (1, looked_up), (1, steps), (1, chosen))
    inputs = (Feature("x"), Feature("colour", Type.LABEL, ("red", "blue")))
    f = Formula({"f": node}, inputs, Task(primary=("f",)))
    X = {"x": ROWS[:, 0], "colour": np.where(ROWS[:, 1] > 0, "red", "blue")}
    after = snap(f, X)
    a, b = f(X), after(X)
    assert np.sqrt(((a - b) ** 2).mean()) <= 0.004 * a.std()
    assert digits(after) <= 33 < 50 < digits(f)


def test_categories_and_gaps_stay_what_they_are():
    chance = np.random.default_rng(3)
    kind, size = chance.choice(["a", "b", "c"], 300), chance.normal(size=300)
    size[::7] = np.nan
    node = o.lin(
        0.123456,
        (1.234567, o.where(o.missing(x), o.const(0.345678), x)),
        (2.345678, o.where(o.equal(o.input_(1, Type.LABEL), o.label("b")), o.const(1), o.const(0))),
    )
    inputs = (Feature("size"), Feature("kind", Type.LABEL, ("a", "b", "c")))
    f = Formula({"f": node}, inputs, Task(primary=("f",)))
    X = {"size": size, "kind": kind}
    after = snap(f, X)
    assert np.abs(after(X) - f(X)).max() < 0.02
    assert digits(after) <= 16 < digits(f)


def test_a_large_network_gets_few_common_digits():
    chance = np.random.default_rng(0)
    X = chance.normal(size=(300, 8))
    target = np.sin(X[:, 0]) + X[:, 1] * X[:, 2]
    model = MLPRegressor(hidden_layer_sizes=(40, 30), max_iter=60, random_state=0)
    f = cf.read(model.fit(X, target))
    after = snap(f, X)
    assert moved(f, after, X) <= 0.0026
    numbers = np.concatenate([n.data.weights for n in after.nodes if n.op is o.LIN])
    assert max(map(digits_of, numbers)) <= 4


def test_a_one_hot_pipeline_with_an_unseen_category_can_be_snapped():
    X = np.array([["a"], ["b"], ["c"]] * 20, dtype=object)
    target = np.tile([1.2345678, 2.3456789, -0.4567891], 20)
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LinearRegression())
    f = cf.read(model.fit(X, target))
    after = snap(f, X)
    assert np.abs(after(X) - target).max() < 0.01
    assert digits(after) < digits(f) / 3


def test_a_formula_without_any_number_stays_as_it_is():
    f = formula(o.mul(x, y))
    assert snap(f, ROWS).roots == f.roots


def test_a_constant_prediction_keeps_its_value():
    f = formula(o.lin(1.23456789, (0.0, x)))
    assert np.allclose(snap(f, ROWS)(ROWS), 1.23456789, rtol=1e-6)


def test_a_seed_makes_it_repeatable():
    data = load_diabetes()
    f = cf.read(LinearRegression().fit(data.data, data.target))
    assert snap(f, data.data, seed=3).roots == snap(f, data.data, seed=3).roots


def test_a_time_limit_that_is_over_returns_a_formula_all_the_same():
    f = formula(o.lin(0.123456789, (1.23456789, x)))
    made = snapped(f, Teacher.of(f, ROWS), clock=Clock(0.0))
    assert moved(f, made) <= 0.002


@pytest.mark.parametrize("budget", [-0.1, math.nan, math.inf, "much"])
def test_a_budget_that_is_no_share_is_refused(budget):
    with pytest.raises(BadInput, match="budget"):
        snap(formula(x), ROWS, budget=budget)


def test_too_few_rows_are_refused():
    with pytest.raises(BadInput, match="too few"):
        snap(formula(x), ROWS[:5])


def test_the_trail_says_what_was_done():
    f = formula(o.lin(0.123456789, (1.23456789, x)))
    step = snap(f, ROWS, listed=[9.81]).trail[-1]
    assert (step.name, step.kind) == ("snap", "approx")
    assert step.options == {"budget": 0.02, "listed": (9.81,)}
    assert step.found["digits after"] < step.found["digits before"] == 18


def test_outputs_in_small_units_count_as_much_as_those_in_large_ones():
    X = np.random.default_rng(0).normal(size=(300, 3))
    target = X @ np.array([[1234.5678, 0.0012345], [-987.6543, 0.0023456], [456.789, -0.00087654]])
    f = cf.read(LinearRegression().fit(X, target))
    after = snap(f, X)
    away = np.sqrt(((f(X) - after(X)) ** 2).mean(axis=0)) / target.std(axis=0)
    assert (away <= 0.003).all()


def test_a_threshold_next_to_zero_becomes_zero():
    f = formula(o.where(o.less_equal(x, o.const(0.00001234)), o.lin(0, (1, y)), o.lin(0, (2, y))))
    assert o.less_equal(x, o.const(0.0)) in snap(f, ROWS).nodes


def test_what_tests_alone_read_does_not_move_a_value_and_what_both_read_does():
    cut, both = o.lin(0.12, (1.5, x)), o.lin(0.34, (2.5, y))
    root = o.lin(0, (2, o.where(o.less(cut, both), both, y)), (1, o.tree(
        splits_from([1, -1, -1], [2, -1, -1], [0] * 3, [0.5, 0, 0])[0], [0, 1.0, 2.0],
        (o.lin(0.1, (1, cut)),))))  # fmt: skip
    asked = only_asked([root])
    assert cut in asked and both not in asked and root not in asked
