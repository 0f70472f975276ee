"""Ensembles with fewer of their own trees, against what the models say on rows nobody fitted to."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from lightgbm import LGBMClassifier
from sklearn.datasets import load_breast_cancer, load_wine, make_friedman1
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.tree import DecisionTreeRegressor
from xgboost import XGBRegressor

import closedform as cf
from closedform.errors import BadInput


@pytest.fixture(scope="module")
def friedman():
    X, y = make_friedman1(1500, n_features=8, noise=0.5, random_state=0)
    return pd.DataFrame(X).add_prefix("x"), y


def _kept(found):
    return [f.trail[-1].found["trees"] for f in found]


@pytest.mark.parametrize("model", [
    XGBRegressor(n_estimators=60, max_depth=3, n_jobs=1),
    RandomForestRegressor(60, min_samples_leaf=20, random_state=0),
], ids=["booster", "forest"])  # fmt: skip
def test_more_trees_are_nearer_and_longer(friedman, model):
    X, y = friedman
    model.fit(X[:1000], y[:1000])
    formula = cf.read(model)
    found = cf.fewer_trees(formula, X[:1000])
    said = model.predict(X[1000:])
    away = [np.std(f(X[1000:]) - said) / said.std() for f in found]
    assert _kept(found) == [1, 2, 3, 5, 8, 13, 21, 34, 55]
    # On fresh rows a step may be lost by chance, but not half of one.
    assert all(b < 1.25 * a for a, b in pairwise(away))
    assert away[-1] < 0.05 < away[0]
    lengths = [f.length for f in found]
    assert lengths == sorted(lengths) and lengths[-1] < formula.length


def test_trees_that_repeat_one_another_are_one():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    same = RandomForestClassifier(12, max_depth=3, bootstrap=False, max_features=None)
    same.set_params(criterion="entropy", random_state=0).fit(X, y)
    one = cf.fewer_trees(cf.read(same), X, trees=1)[0]
    # Ties between splits are broken by chance: a row or two may lie between such cuts.
    assert (one(X) != same.predict(X)).mean() < 0.02
    X, y = load_wine(return_X_y=True, as_frame=True)
    forest = RandomForestClassifier(12, max_depth=3, bootstrap=False, max_features=None)
    formula = cf.read(forest.set_params(random_state=0).fit(X, y))
    for short in cf.fewer_trees(formula, X):
        chances = np.column_stack([short(X, p) for p in formula.task.probability])
        # Four trees of one shape are one, of four times the weight; leaves have two digits or more.
        assert np.abs(chances - forest.predict_proba(X)).max() < 0.01


@pytest.mark.parametrize("model", [
    RandomForestClassifier(40, random_state=0),
    LGBMClassifier(n_estimators=20, min_child_samples=5, n_jobs=1, verbose=-1),
], ids=["forest", "booster"])  # fmt: skip
def test_chances_of_classes_stay_chances(model):
    X, y = load_wine(return_X_y=True, as_frame=True)
    model.fit(X[::2], y[::2])
    formula = cf.read(model)
    found = cf.fewer_trees(formula, X[::2])
    for short in found:
        chances = np.column_stack([short(X, p) for p in formula.task.probability])
        assert chances.min() >= 0
        # Of three numbers with at most 12 decimals, added.
        assert np.abs(chances.sum(axis=1) - 1).max() < 1e-11
    assert (found[-1](X) == model.predict(X)).mean() > 0.97


def test_thresholds_with_fewer_digits_part_the_rows_as_before():
    random = np.random.default_rng(0)
    X = pd.DataFrame({"year": random.integers(1990, 2020, 400), "size": random.normal(size=400)})
    y = np.where(X.year < 2005, 1.0, 3.0) * (X["size"] > 0.123456)
    model = RandomForestRegressor(5, max_depth=2, random_state=0).fit(X, y)
    all_of_them = cf.fewer_trees(cf.read(model), X, trees=5)[-1]
    assert _kept([all_of_them]) == [5]
    # Nothing is left out: weights are 1, and leaves lose digits by a billionth of themselves.
    assert all_of_them(X) == pytest.approx(model.predict(X), abs=1e-6)


def test_what_is_no_ensemble_is_refused(friedman):
    X, y = friedman
    for model in (LinearRegression(), DecisionTreeRegressor(max_depth=2)):
        with pytest.raises(BadInput, match="no sum of at least 4 trees"):
            cf.fewer_trees(cf.read(model.fit(X, y)), X)
    forest = cf.read(RandomForestRegressor(5, max_depth=2).fit(X, y))
    for wrong in (0, 2.5, True, "all"):
        with pytest.raises(BadInput, match=f"trees={wrong!r} has no meaning"):
            cf.fewer_trees(forest, X, trees=wrong)
