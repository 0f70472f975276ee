"""Effects are those of scikit-learn, and of algebra where a function is known."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.inspection import partial_dependence
from sklearn.linear_model import LinearRegression

import closedform as cf
from closedform.explain.effects import effect
from closedform.explain.sides import Sides
from closedform.explain.surfaces import surface

RANDOM = np.random.default_rng(0)
X = RANDOM.uniform(-1, 1, (3000, 3))


def known(rows):
    return 2 * rows[:, 0] * rows[:, 1] + rows[:, 0] ** 2 + rows[:, 2]


def test_partial_dependence_and_single_rows_are_those_of_scikit_learn():
    model = GradientBoostingRegressor(n_estimators=20, random_state=0).fit(X, known(X))
    sides = Sides.of(model, X)
    found = effect(sides, 1, points=9)
    rows = X[sides.drawn(found.rows[0])]
    theirs = partial_dependence(
        model, rows, [1], kind="both", method="brute", custom_values={1: np.array(found.values)}
    )
    # The mean of the same numbers in another order.
    np.testing.assert_allclose(found.partial["model"], theirs["average"][0], rtol=1e-12)
    np.testing.assert_allclose(found.partial["formula"], theirs["average"][0], rtol=1e-12)
    every = theirs["individual"][0]
    assert all((np.isclose(curve, every).all(axis=1)).any() for curve in found.ice["model"])


def test_local_effects_are_those_of_the_function():
    found = effect(Sides.of(known, X), 0)
    wanted = np.array(found.values) ** 2 - 1 / 3
    # The other input's mean over the 125 rows of a bin has the deviation 0.05, its sum over x
    # from −1 to 1 some 2·0.05/√24·√24·… < 0.1.
    np.testing.assert_allclose(found.ale["model"], wanted, atol=0.1)
    straight = effect(Sides.of(known, X), 2)
    np.testing.assert_allclose(straight.ale["model"], np.array(straight.values) - X[:, 2].mean(),
                               atol=0.003)  # fmt: skip


def test_local_effects_stay_where_rows_are():
    twin = np.column_stack([X[:, 0], X[:, 0] + 0.01 * X[:, 1]])
    # Where both are alike the function is 0; partial dependence asks far from there.
    found = effect(Sides.of(lambda rows: 100 * (rows[:, 0] - rows[:, 1]) ** 2, twin), 0)
    assert found.together == ("x1",)
    assert np.abs(found.ale["model"]).max() < 1 < found.partial["model"].max()


def test_labels_have_effects_too():
    town = RANDOM.choice(["A", "B", "C"], 600, p=[0.6, 0.3, 0.1])
    frame = pd.DataFrame({"town": town, "x": RANDOM.normal(size=600)})
    worth = {"A": 1.0, "B": 4.0, "C": -2.0}
    found = effect(Sides.of(lambda F: F["town"].map(worth).to_numpy() + F["x"].to_numpy(), frame),
                   "town")  # fmt: skip
    wanted = np.array([worth[label] for label in found.values])
    mean = wanted @ found.shares
    # Rounding alone: each label moves every row by the same number.
    np.testing.assert_allclose(found.ale["model"], wanted - mean, atol=1e-12)
    np.testing.assert_allclose(found.partial["model"] - wanted, frame["x"].mean(), atol=1e-12)


def test_two_inputs_together_are_told_apart_from_each_alone():
    found = surface(Sides.of(known, X), 0, 1, points=12)
    a, b = (np.array(values) for values in found.values)
    # What is no common effect is taken off cell by cell, with the rows that lie there.
    np.testing.assert_allclose(found.ale["model"], 2 * np.outer(a, b), atol=0.15)
    rows = X[Sides.of(known, X).drawn(found.rows[0])]
    for k, first in enumerate(a):
        by_hand = [known(np.column_stack([np.full(len(rows), first), np.full(len(rows), second),
                                          rows[:, 2]])).mean() for second in b]  # fmt: skip
        np.testing.assert_allclose(found.partial["model"][k], by_hand, rtol=0, atol=1e-12)


def test_no_row_is_in_a_file_and_missing_values_are_counted():
    holed = X.copy()
    holed[::5, 0] = np.nan
    found = effect(Sides.of(lambda rows: np.nan_to_num(rows[:, 0]), holed), 0)
    assert found.missing == 600
    told = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert "ice" not in told and told["missing"] == 600


@pytest.mark.parametrize("kind", ["partial", "ice", "centred", "ale"])
def test_each_kind_is_drawn_on_axes_of_ones_own(kind):
    plt = pytest.importorskip("matplotlib.pyplot")
    frame = pd.DataFrame({"a": X[:50, 0], "b": np.where(X[:50, 1] > 0, "up", "down")})
    sides = Sides.of(lambda F: F["a"].to_numpy() * (F["b"] == "up"), frame)
    figure, (left, right) = plt.subplots(1, 2)
    assert effect(sides, "a").plot(left, kind=kind).ax_ is left
    drawn = effect(sides, "b").plot(right, kind=kind)
    assert drawn.figure_ is figure
    if kind == "ale":
        means = left.lines[-1].get_ydata()
        np.testing.assert_array_equal(means, effect(sides, "a").ale["model"])
    plt.close(figure)


def test_strange_askings_are_refused():
    sides = Sides.of(LinearRegression().fit(X, known(X)), X)
    with pytest.raises(cf.BadInput, match="no input 'z'"):
        effect(sides, "z")
    with pytest.raises(cf.BadInput, match="Both inputs are 'x1'"):
        surface(sides, 1, "x1")
    with pytest.raises(cf.BadInput, match="kind='round'"):
        effect(sides, 0).plot(kind="round")
