"""The teacher: what it is fitted to is what the model itself says, on rows like those given."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

import closedform as cf
from closedform import ops
from closedform.errors import BadInput
from closedform.formula import Step
from closedform.shorten import Clock, Teacher
from closedform.shorten.asked import seconds_each
from closedform.shorten.teacher import CLIP

CLASSIFIERS = {
    "logistic": LogisticRegression(max_iter=2000),
    "forest": RandomForestClassifier(5, max_depth=3, random_state=0),
    "network": MLPClassifier((4,), max_iter=300, random_state=0),
    "machine": SVC(),
    "ridge": RidgeClassifier(),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("data", [load_breast_cancer, load_iris])
@pytest.mark.parametrize("name", CLASSIFIERS)
def test_the_scores_decide_as_the_model_does(name, data):
    X, y = data(return_X_y=True, as_frame=True)
    model = make_pipeline(StandardScaler(), CLASSIFIERS[name]).fit(X, y)
    teacher = Teacher.of(cf.read(model), X, y)
    full = np.column_stack([np.zeros(len(X)), teacher.scores])
    said = model.classes_[full.argmax(axis=1)]
    # A tie between two classes of a forest may fall to either side.
    sure = np.sort(full, axis=1)[:, -1] - np.sort(full, axis=1)[:, -2] > 1e-9
    assert sure.mean() > 0.95
    assert (said[sure] == model.predict(X)[sure]).all()
    assert np.abs(teacher.scores).max() <= CLIP + 1e-12


def test_scores_are_the_models_log_odds():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    teacher = Teacher.of(cf.read(model), X)
    chance = model.predict_proba(X)
    wanted = np.clip(np.log(chance[:, 1] / chance[:, 0]), -CLIP, CLIP)
    assert np.allclose(teacher.scores[:, 0], wanted, atol=1e-6)


def test_made_up_rows_keep_mean_spread_and_correlation():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    teacher = Teacher.of(cf.read(LinearRegression().fit(X, y)), X)
    inputs, scores = teacher.sample(20_000)
    made = np.column_stack(inputs)
    assert made.shape == (20_000, 10) and scores.shape == (20_000, 1)
    # 20,000 rows: the mean of a column is known to 0.7 % of its deviation, and 5 % allows for what
    # is cut off at the ends of its range.
    spread = X.std().to_numpy()
    assert np.allclose(made.mean(axis=0) / spread, X.mean() / spread, atol=0.05)
    assert np.allclose(made.std(axis=0), spread, rtol=0.05)
    assert np.allclose(np.corrcoef(made.T), np.corrcoef(X.T), atol=0.05)
    assert (made.min(axis=0) >= X.min()).all() and (made.max(axis=0) <= X.max()).all()
    assert set(np.unique(made[:, 1])) == set(X["sex"])
    model = LinearRegression().fit(X, y)
    assert np.allclose(scores[:, 0], model.predict(pd.DataFrame(made, columns=X.columns)))


def test_few_rows_are_drawn_from_those_given():
    X, y = load_diabetes(return_X_y=True)
    teacher = Teacher.of(cf.read(LinearRegression().fit(X, y)), X)
    made = np.column_stack(teacher.sample(100)[0])
    given = {row.tobytes() for row in np.ascontiguousarray(X)}
    assert all(row.tobytes() in given for row in np.ascontiguousarray(made))
    again = np.column_stack(teacher.sample(100)[0])
    assert (again == made).all()
    assert (np.column_stack(teacher.sample(100, seed=1)[0]) != made).any()


def test_gaps_are_filled_and_categories_are_indicators():
    random = np.random.default_rng(0)
    frame = pd.DataFrame({
        "size": random.normal(size=300), "colour": random.choice(["red", "blue"], 300),
    })  # fmt: skip
    y = frame["size"] + (frame["colour"] == "red")
    encode = make_column_transformer((OneHotEncoder(), ["colour"]), remainder="passthrough")
    teacher = Teacher.of(cf.read(make_pipeline(encode, LinearRegression()).fit(frame, y)), frame)
    assert {v.name for v in teacher.views} == {"size", "colour is red", "colour is blue"}
    design = teacher.design()
    red = [v.name for v in teacher.views].index("colour is red")
    assert (design[:, red] == (frame["colour"] == "red")).all()

    X = random.normal(size=(300, 2))
    X[::7, 1] = np.nan
    model = HistGradientBoostingRegressor(max_iter=5).fit(X, np.nan_to_num(X[:, 1], nan=3.0))
    teacher = Teacher.of(cf.read(model), X)
    views = {v.name: v for v in teacher.views}
    assert "x1 is missing" in views and views["x1 is missing"].indicator
    assert np.isfinite(teacher.design()).all()
    assert teacher.scores.shape == (300, 1)


def test_a_formula_of_scores_has_the_models_outputs():
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    teacher = Teacher.of(cf.read(model), X)
    fitted = np.linalg.lstsq(np.c_[np.ones(150), teacher.design()], teacher.scores, rcond=None)[0]
    nodes = [ops.linear(w[0], w[1:], [v.node for v in teacher.views]) for w in fitted.T]
    formula = teacher.formula_of(nodes, Step("linear", "approx"))
    assert set(formula.evaluate(X)) >= {"label", "P(0)", "P(1)", "P(2)"}
    chances = np.column_stack([formula.evaluate(X)[f"P({k})"] for k in range(3)])
    assert np.allclose(chances.sum(axis=1), 1)
    assert (chances.argmax(axis=1) == formula(X)).all()
    # A straight line through clipped log-odds; chance alone would agree on a third.
    assert (formula(X) == model.predict(X)).mean() > 0.85


def test_rows_that_the_model_refuses_are_left_out():
    X, y = load_iris(return_X_y=True)
    formula = cf.read(make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y))
    gaps = X.copy()
    gaps[:20, 0] = np.nan
    assert Teacher.of(formula, gaps).rows == 130
    with pytest.raises(BadInput, match="Only 5 of 150 rows have an answer"):
        gaps[5:] = np.nan
        gaps[:5] = X[:5]
        Teacher.of(formula, gaps)


def test_a_prediction_that_is_no_number_cannot_be_fitted():
    X, y = load_iris(return_X_y=True)
    formula = cf.read(LogisticRegression(max_iter=500).fit(X, y))
    odd = cf.Formula({"word": ops.label("a")}, formula.inputs)
    with pytest.raises(BadInput, match="neither a number nor one of several classes"):
        Teacher.of(odd, X)


def test_a_clock_runs_out():
    clock = Clock(0)
    assert clock.out() and clock.left == 0
    assert not Clock().out()
    assert Clock(100).at_most(0).out()


def test_what_loads_in_the_first_call_does_not_count_for_a_row(monkeypatch):
    clock = [0.0]
    own = SimpleNamespace(perf_counter=lambda: clock[0])
    monkeypatch.setattr("closedform.shorten.asked.time", own)
    for loading in (0.0, 2.0):
        first = iter([loading])

        def ask(rows, first=first):
            clock[0] += next(first, 0.0) + 0.1 + 0.001 * rows

        # The next power of two from a thousandth on: what a call costs by itself is no row's.
        assert seconds_each(ask, 200) == 2.0**-9
