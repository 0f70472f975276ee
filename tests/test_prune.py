"""Pruning of a model's own weights, measured against the model itself on other rows."""

import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_wine
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

import closedform as cf
from closedform import ops
from closedform.errors import BadInput
from closedform.evaluate import compute
from closedform.formula import Feature, Formula, Task
from closedform.shorten import Clock, Teacher
from closedform.shorten.prune import formulas, prune

RANDOM = np.random.default_rng(0)
warnings.filterwarnings("ignore", category=UserWarning)


@pytest.fixture(scope="module")
def network():
    """A network of 20 units on 6 inputs, two of which matter."""
    X = RANDOM.normal(size=(1500, 6))
    y = X[:, 0] * X[:, 1] + X[:, 2] > 0
    net = MLPClassifier((20,), activation="tanh", solver="lbfgs", alpha=0.3, random_state=0)
    model = make_pipeline(StandardScaler(), net).fit(X, y)
    return model, cf.read(model), X


def test_a_network_loses_most_of_its_weights_and_keeps_its_answers(network):
    model, formula, X = network
    short = prune(formula, X, max_error=0.02)
    fresh = np.random.default_rng(4).normal(size=(20_000, 6))
    # On 4,000 rows an error of 2 % is known to within 0.7 % (three standard errors).
    assert np.mean(short(fresh) != model.predict(fresh)) < 0.03
    found = short.trail[-1].found
    assert found["error"] <= 0.02
    assert found["constants"] < 161 / 2
    assert short.length < formula.length / 2


def test_down_to_a_number_of_constants(network):
    _, formula, X = network
    short = prune(formula, X, constants=40)
    assert 20 <= short.trail[-1].found["constants"] <= 40
    assert [f.name for f in short.inputs] == [f.name for f in formula.inputs]


def test_no_error_at_all_leaves_the_answers_as_they_are(network):
    _, formula, X = network
    np.testing.assert_array_equal(prune(formula, X, max_error=0.0, time_limit=5)(X), formula(X))


def test_an_interruption_returns_the_shortest_so_far(network, monkeypatch):
    from closedform.shorten.students.school import School

    shown, calls = School.shown, []

    def interrupted(self, found):
        calls.append(found)
        if len(calls) > 4:
            raise KeyboardInterrupt
        return shown(self, found)

    monkeypatch.setattr(School, "shown", interrupted)
    _, formula, X = network
    assert prune(formula, X, max_error=0.05).length < formula.length


def test_numbers_are_kept_within_a_share_of_their_deviation():
    X = RANDOM.normal(size=(800, 5))
    y = 1000 * np.maximum(X[:, 0], 0) - 300 * X[:, 3]
    net = MLPRegressor(hidden_layer_sizes=(12,), solver="lbfgs", max_iter=300, random_state=0)
    model = make_pipeline(StandardScaler(), net).fit(X, y)
    short = prune(cf.read(model), X, max_error=0.05)
    told = model.predict(X)
    assert np.sqrt(np.mean((short(X) - told) ** 2)) / told.std() < 0.07
    assert short.trail[-1].found["constants"] < 40


def test_weights_of_a_straight_line_that_do_not_matter_go():
    X = RANDOM.normal(size=(300, 20))
    y = X[:, 2] - 2 * X[:, 7] + 0.02 * RANDOM.normal(size=300)
    model = LinearRegression().fit(X, y)
    short = prune(cf.read(model), X, max_error=0.02)
    assert short.used == (2, 7)
    assert short.trail[-1].found["constants"] <= 3


def test_of_three_classes_the_units_are_shared():
    X, y = load_wine(return_X_y=True)
    net = MLPClassifier((10,), solver="lbfgs", alpha=0.1, random_state=0)
    model = make_pipeline(StandardScaler(), net).fit(X, y)
    made = next(
        one
        for one in formulas(Teacher.of(cf.read(model), X), Clock())
        if one.trail[-1].found["constants"] < 100
    )
    assert np.mean(made(X) == model.predict(X)) > 0.95


@pytest.mark.parametrize("classes", [2, 3])
def test_the_scores_of_a_network_are_its_log_odds(classes):
    X = RANDOM.normal(size=(200, 3))
    y = np.digitize(X[:, 0] + X[:, 1], [0.0, 1.0][: classes - 1])
    model = MLPClassifier((5,), max_iter=20, random_state=0).fit(X, y)
    teacher = Teacher.of(cf.read(model), X)
    logs = np.log(model.predict_proba(X))
    np.testing.assert_allclose(
        teacher.ask(teacher.inputs, 200), logs[:, 1:] - logs[:, :1], rtol=1e-9, atol=1e-9
    )


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10**6))
def test_units_that_never_switch_on_the_rows_are_folded_exactly(seed):
    random = np.random.default_rng(seed)
    x = [ops.input_(i) for i in range(2)]
    sums = [ops.linear(b, random.uniform(0.5, 1, size=2), x) for b in (5.0, -5.0, 0.1)]
    on, off, both = (ops.maximum(s, ops.const(0.0)) for s in sums)
    root = ops.lin(0.5, (2.0, on), (3.0, off), (1.5, both))
    formula = Formula({"y": root}, (Feature("a"), Feature("b")), Task(primary=("y",)))
    X = random.uniform(-1, 1, size=(50, 2))
    from closedform.shorten.prune import _start

    made = _start(Teacher.of(formula, X))
    assert made is not None
    told = compute(made, tuple(X.T), 50)[0]
    np.testing.assert_allclose(told, formula(X), rtol=1e-9, atol=1e-9)
    from closedform.ir import toposort

    assert sum(n.op is ops.MAX for n in toposort(made)) == 1


def test_a_large_network_is_pruned_sum_by_sum(monkeypatch):
    from closedform.shorten.students import large, shrinking

    for module in (large, shrinking):
        monkeypatch.setattr(module, "LARGE", 60)
    monkeypatch.setattr("closedform.shorten.prune.LARGE", 60)
    X = RANDOM.normal(size=(800, 4))
    net = MLPRegressor(hidden_layer_sizes=(20,), activation="tanh", solver="lbfgs", random_state=0)
    model = net.fit(X, np.sin(X[:, 0]) + X[:, 1] * X[:, 2])
    made = next(
        one
        for one in formulas(Teacher.of(cf.read(model), X), Clock())
        if one.trail[-1].found["constants"] <= 90
    )
    told = model.predict(X)
    assert np.sqrt(np.mean((made(X) - told) ** 2)) / told.std() < 0.2


@pytest.mark.parametrize(
    ("options", "says"),
    [({"constants": 0}, "from 1 on"), ({"max_error": -1}, "from 0 on")],
)
def test_options_without_sense_are_refused(network, options, says):
    _, formula, X = network
    with pytest.raises(BadInput, match=says):
        prune(formula, X, **options)


def test_a_formula_without_weights_is_refused():
    X = RANDOM.normal(size=(100, 2))
    model = DecisionTreeRegressor(max_depth=3).fit(X, X[:, 0])
    with pytest.raises(BadInput, match="no weights"):
        prune(cf.read(model), X)
