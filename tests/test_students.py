"""Students: what they find of known functions and of real models, measured on rows of our own."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import HistGradientBoostingRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import closedform as cf
from closedform import ops
from closedform.errors import BadInput
from closedform.formula import Feature, Formula, Task
from closedform.shorten import Clock, Teacher
from closedform.shorten.students import formulas, students

RANDOM = np.random.default_rng(0)


def known(make, inputs=4):
    """A formula that computes a known function of some inputs."""
    x = [ops.input_(i) for i in range(inputs)]
    outputs = make(x)
    features = tuple(Feature(f"x{i}") for i in range(inputs))
    return Formula(outputs, features, Task(primary=tuple(outputs)))


def first(teacher, error, constants=1000):
    """The first formula within an error that has at most so many constants; else the last."""
    made = None
    for made in formulas(teacher, Clock()):
        found = made.trail[-1].found
        if found["error"] <= error and found["constants"] <= constants:
            break
    return made


def spread_left(got, told):
    return np.sqrt(np.mean((got - told) ** 2)) / told.std()


def test_the_law_behind_a_formula_is_found_with_its_own_constants():
    law = known(lambda x: {"y": ops.lin(3.0, (2.0, ops.mul(x[0], x[1])), (-1.5, x[2]))}, inputs=5)
    X = RANDOM.normal(size=(1000, 5))
    made = first(Teacher.of(law, X), 0.02, 4)
    fresh = np.random.default_rng(5).normal(size=(2000, 5))
    told = 3 + 2 * fresh[:, 0] * fresh[:, 1] - 1.5 * fresh[:, 2]
    assert spread_left(made(fresh), told) < 0.02
    assert made.trail[-1].found["constants"] <= 4
    assert made.used == (0, 1, 2)
    assert made.length < 16


def test_scores_of_several_outputs_get_shapes_of_their_own():
    law = known(
        lambda x: {
            "a": ops.mul(x[0], x[1]),
            "b": ops.lin(0.0, (100.0, ops.sin(ops.lin(0.0, (2.0, x[0])))), (50.0, x[2])),
        }
    )
    X = RANDOM.normal(size=(1000, 4))
    made = first(Teacher.of(law, X), 0.1, 6)
    got, told = made(X[:500]), law(X[:500])
    assert spread_left(got[:, 0], told[:, 0]) < 0.15
    assert spread_left(got[:, 1], told[:, 1]) < 0.15
    assert made.trail[-1].found["constants"] <= 6


@pytest.mark.slow
def test_a_network_on_real_data_becomes_a_short_formula_that_agrees_on_held_out_rows():
    data = load_breast_cancer(as_frame=True)
    train, test, labels, _ = train_test_split(data.data, data.target, random_state=0)
    network = MLPClassifier((15,), solver="lbfgs", alpha=1.0, max_iter=200, random_state=0)
    model = make_pipeline(StandardScaler(), network).fit(train, labels)
    made = first(Teacher.of(cf.read(model), train), 0.04, 12)
    assert made.trail[-1].found["constants"] <= 12
    # 143 rows: 4 % is 5.7 of them, and two standard errors are 4.7 more.
    assert (made(test) != model.predict(test)).sum() <= 10
    assert "worst radius" in str(made) or "mean" in str(made)


def test_the_error_that_is_told_is_that_on_other_rows():
    X = RANDOM.normal(size=(3000, 3))
    y = X[:, 0] * X[:, 1] + X[:, 2] > 0.3
    model = MLPClassifier((20,), max_iter=60, random_state=0).fit(X, y)
    teacher = Teacher.of(cf.read(model), X)
    made = next(
        one for one in formulas(teacher, Clock()) if 0.08 < one.trail[-1].found["error"] < 0.3
    )
    fresh = np.random.default_rng(9).normal(size=(20_000, 3))
    error = np.mean(made(fresh) != model.predict(fresh))
    # Of 4,000 rows, three standard errors of 30 % are 2 %.
    assert abs(error - made.trail[-1].found["error"]) < 0.025
    assert made.trail[-1].found["rows"] == 4000


def test_three_classes_share_units_and_chances_add_up():
    X, y = load_iris(return_X_y=True, as_frame=True)
    names = np.array(["setosa", "versicolor", "virginica"])[y]
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, names)
    made = first(Teacher.of(cf.read(model), X), 0.03, 15)
    assert np.mean(made(X) == model.predict(X)) > 0.95
    values = made.evaluate(X)
    chances = sum(values[name] for name in made.task.probability)
    np.testing.assert_allclose(chances, 1, rtol=1e-12)
    assert made.task.classes == ("setosa", "versicolor", "virginica")


def test_a_linear_model_is_given_back_as_it_is():
    X = RANDOM.normal(size=(500, 4))
    model = LinearRegression().fit(X, X @ [1.0, 2.0, 0.0, 0.5] + 3)
    made = first(Teacher.of(cf.read(model), X), 1e-6, 4)
    assert str(made.to("text")).splitlines()[0] == "y = 3 + 2*x1 + x0 + 0.5*x3"


def test_an_exclusive_or_of_indicators_needs_their_product():
    X = (RANDOM.random((800, 4)) < 0.5).astype(float)
    law = known(
        lambda x: {"y": ops.lin(0.0, (1.0, x[0]), (1.0, x[1]), (-2.0, ops.mul(x[0], x[1])))}
    )
    made = first(Teacher.of(law, X), 0.03, 3)
    np.testing.assert_allclose(made(X), (X[:, 0] != X[:, 1]), atol=0.1)
    assert made.used == (0, 1)


def test_a_column_that_lies_far_off_is_read_from_a_round_number():
    X = np.column_stack([RANDOM.integers(1990, 2024, 1500), RANDOM.normal(1e6, 10, 1500)])
    law = known(
        lambda x: {
            "y": ops.lin(
                0.0,
                (0.01, ops.mul(ops.lin(-2000.0, (1.0, x[0])), ops.lin(-2000.0, (1.0, x[0])))),
                (0.1, ops.lin(-1e6, (1.0, x[1]))),
            )
        },
        inputs=2,
    )
    made = first(Teacher.of(law, X), 0.03, 6)
    assert spread_left(made(X), law(X)) < 0.04
    assert made.trail[-1].found["cancellation"] < 5
    assert made.trail[-1].found["constants"] <= 6


def test_gaps_and_categories_come_through():
    n = 1500
    frame = pd.DataFrame(
        {
            "age": RANDOM.uniform(20, 80, n),
            "colour": RANDOM.choice(["red", "green", "blue"], n),
        }
    )
    y = 0.1 * frame.age + 3.0 * (frame.colour == "red")
    frame.loc[RANDOM.random(n) < 0.1, "age"] = np.nan
    ready = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), ["age"]), (OneHotEncoder(), ["colour"])
    )
    model = make_pipeline(ready, LinearRegression()).fit(frame, y)
    made = first(Teacher.of(cf.read(model), frame), 0.05, 6)
    assert spread_left(made(frame), model.predict(frame)) < 0.06


def test_steps_of_trees_are_smoothed():
    X = RANDOM.uniform(size=(1500, 5))
    y = 10 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 10 * X[:, 3]
    model = HistGradientBoostingRegressor(max_iter=60).fit(X, y)
    made = first(Teacher.of(cf.read(model), X), 0.12, 20)
    assert spread_left(made(X), model.predict(X)) < 0.16
    assert made.trail[-1].found["constants"] <= 20


def test_a_model_that_always_says_the_same_is_that_number():
    X = RANDOM.normal(size=(100, 2))
    model = DummyRegressor(strategy="constant", constant=1 / 3).fit(X, X[:, 0])
    made = students(cf.read(model), X)
    assert [one.length for one in made] == [made[0].length]
    np.testing.assert_array_equal(made[0](X), model.predict(X))


@pytest.fixture(scope="module")
def moons():
    X = RANDOM.normal(size=(400, 2))
    model = LogisticRegression().fit(np.column_stack([X, X[:, 0] ** 2]), X[:, 1] > X[:, 0] ** 2)
    return cf.read(model), np.column_stack([X, X[:, 0] ** 2])


def test_the_same_seed_gives_the_same_formulas(moons):
    def some(seed):
        made = formulas(Teacher.of(*moons, seed=seed), Clock())
        return [str(next(made)) for _ in range(4)]

    assert some(1) == some(1)
    assert some(1) != some(2)


def test_without_time_there_is_nothing_and_no_error(moons):
    assert students(*moons, time_limit=0) == []


def test_an_interruption_keeps_what_was_found(moons, monkeypatch):
    from closedform.shorten.students.school import School

    shown = School.shown
    calls = []

    def interrupted(self, found):
        calls.append(found)
        if len(calls) > 3:
            raise KeyboardInterrupt
        return shown(self, found)

    monkeypatch.setattr(School, "shown", interrupted)
    made = students(*moons)
    assert 1 <= len(made) <= 3
    assert [one.length for one in made] == sorted(one.length for one in made)


def test_too_few_rows_are_refused(moons):
    formula, X = moons
    with pytest.raises(BadInput, match="too few"):
        students(formula, X[:5])
