"""Laws near one row, compared with models whose law is known."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

import closedform as cf

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(300, 3))
QUICK = {"time_limit": 5, "engines": []}


def bent(rows):
    return 3 * rows[:, 0] * rows[:, 1] + rows[:, 2] ** 2


def test_a_law_near_a_row_is_near_the_model_and_not_linear():
    law = cf.local_law(bent, 3, X, **QUICK)
    assert law.r2 > 0.99 > law.linear_r2 + 0.05
    assert law.at_row == pytest.approx(law.said, abs=0.1)
    assert law.said == pytest.approx(bent(X[3:4])[0])
    assert law.slopes["x2"] == pytest.approx(2 * X[3, 2], rel=0.1)
    assert "R²" in str(law) and 100 < law.counting < law.rows


def test_two_calls_are_equal_and_a_row_is_given_in_any_form():
    options = {**QUICK, "time_limit": 60}
    first = cf.local_law(bent, 3, X, **options)
    assert str(cf.local_law(bent, X[3], X, **options)) == str(first)


def test_a_permutation_of_the_columns_is_one_of_the_law():
    order = [2, 0, 1]
    plain = lambda rows: 3 * rows[:, 0] * rows[:, 1] + rows[:, 2]  # noqa: E731
    turned = lambda rows: plain(rows[:, np.argsort(order)])  # noqa: E731
    law = cf.local_law(turned, 3, X[:, order], **{**QUICK, "time_limit": 60})
    near = X[3] + 0.1 * DRAW.normal(size=(50, 3))
    assert np.allclose(plain(near), law.formula(near[:, order]))


def test_near_rows_count_more():
    kinked = lambda rows: np.where(rows[:, 0] > 1.2, 9.0 * (rows[:, 0] - 1.2), rows[:, 1])  # noqa: E731
    row = np.array([0.0, 0.0, 0.0])
    near = cf.local_law(kinked, row, X, radius=0.2, **QUICK)
    assert near.slopes == pytest.approx({"x1": 1.0}, abs=1e-3)
    assert near.r2 > 0.999


def test_a_classifier_is_told_by_the_log_odds_of_a_class():
    sklearn = pytest.importorskip("sklearn.linear_model")
    y = (X[:, 0] - 2 * X[:, 1] + 0.1 * DRAW.normal(size=300) > 0).astype(int)
    model = sklearn.LogisticRegression().fit(X, y)
    law = cf.local_law(model, 5, X, output=1, time_limit=0)
    expected = model.coef_[0]
    assert law.slopes["x0"] == pytest.approx(expected[0], rel=0.05)
    assert law.slopes["x1"] == pytest.approx(expected[1], rel=0.05)
    assert law.said == pytest.approx(model.decision_function(X[5:6])[0], abs=1e-6)
    own = cf.local_law(model, 5, X, time_limit=0)
    assert f"log-odds of {model.predict(X[5:6])[0]}" in own.formula.outputs
    with pytest.raises(cf.BadInput, match="no class 'green'"):
        cf.local_law(model, 5, X, output="green", **QUICK)


def test_categories_and_what_is_missing_are_held():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(X, columns=["a", "b", "c"])
    frame["colour"] = np.where(X[:, 1] > 0, "red", "blue")

    def model(rows):
        slope = np.where(rows["colour"] == "red", 2.0, -3.0)
        return slope * rows["a"] + np.nan_to_num(rows["b"]) * 0

    row = {"a": 1.0, "b": 0.5, "c": 0.0, "colour": "blue"}
    law = cf.local_law(model, row, frame, **QUICK)
    assert law.slopes == pytest.approx({"a": -3.0}, abs=1e-6)
    assert "b" in law.row and "colour" not in law.row


def test_a_row_that_the_model_refuses_has_no_local_law():
    pandas = pytest.importorskip("pandas")
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    frame = pandas.DataFrame({"a": X[:, 0], "colour": np.where(X[:, 1] > 0, "red", "blue")})
    columns = make_column_transformer((OneHotEncoder(), ["colour"]), remainder="passthrough")
    model = make_pipeline(columns, LinearRegression()).fit(frame, X[:, 0])
    for row in ({"a": 0.1, "colour": "green"}, {"a": np.nan, "colour": "red"}):
        with pytest.raises(ValueError, match=r"green|NaN"):
            model.predict(pandas.DataFrame([row]))
        with pytest.raises(cf.BadInput, match="does not take this row"):
            cf.local_law(model, row, frame, **QUICK)


def test_what_a_law_says_of_the_row_needs_no_input_that_it_does_not_read():
    held = np.column_stack([X, np.full(len(X), 7.0)])  # the same in all rows, and so not moved
    model = LinearRegression().fit(held, X[:, 0] - 2 * X[:, 1])
    law = cf.local_law(model, 5, held, **QUICK)
    # Fitted to draws around the row, on which the model is a plane: to rounding of its digits.
    assert law.at_row == pytest.approx(model.predict(held[[5]])[0], abs=1e-6)
    assert max(map(len, str(law).splitlines())) <= 100


def test_a_constant_model_and_whole_numbers_have_local_laws():
    assert cf.local_law(lambda rows: np.full(len(rows), 7.0), 0, X, **QUICK).at_row == 7
    counts = DRAW.integers(0, 5, size=(200, 2)).astype(float)
    seen = []

    def model(rows):
        seen.append(np.asarray(rows))
        return rows[:, 0] * 2 + rows[:, 1]

    cf.local_law(model, 0, counts, **QUICK)
    asked = np.vstack(seen)
    assert asked.min() >= 0 and asked.max() <= 4  # inside the range of X


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"radius": 0}, "no room"),
        ({"radius": -1}, "radius=-1"),
        ({"row": 300}, "no row 300"),
        ({"row": X[:2]}, "2 rows"),
        ({"output": 4}, "no output 4"),
        ({"draws": 3}, "draws=3"),
        ({"X": np.ones((50, 3))}, "No input of the row can move"),
    ],
)
def test_bad_input_is_told(options, said):
    options = {"row": 3, "X": X, "time_limit": 0, **options}
    with pytest.raises(cf.BadInput, match=said):
        cf.local_law(bent, **options)
