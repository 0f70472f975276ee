"""XGBoost's categories: recorded from 3.1 on, and bare codes, against `predict`."""

import numpy as np
import pandas as pd
import pytest

import closedform as cf
import made_up as data
from battery import fit

xgb = pytest.importorskip("xgboost")

FEW = {"n_estimators": 12, "max_depth": 3, "n_jobs": 1}


def regressor(**options):
    return xgb.XGBRegressor(**FEW | options)


def test_whole_numbers_as_categories_are_read_and_unseen_ones_refused():
    rows, y = data.numbers()
    codes = np.random.default_rng(0).choice([3, 7, 90], len(y))
    frame = pd.DataFrame({"x": rows[:, 0], "code": pd.Categorical(codes)})
    model = fit(regressor(enable_categorical=True, max_cat_to_onehot=1), frame, y + (codes == 7))
    formula = cf.read(model)
    assert (formula(frame) == model.predict(frame)).all()
    new = pd.DataFrame({"x": [0.0, 0.0], "code": pd.Categorical([7, 91])})
    with pytest.raises(ValueError, match="category not in the training set"):
        model.predict(new)
    assert np.isnan(formula(new)).tolist() == [False, True]
    # XGBoost itself takes an unseen 8 for the next one that it knows, 90: nobody means that.
    for code in (8, 90):
        odd = pd.DataFrame({"x": [0.0], "code": pd.Categorical([code])})
        assert model.predict(odd) == model.predict(odd.assign(code=pd.Categorical([90])))
        assert np.isnan(formula(odd)) == (code == 8)
    assert formula.verify(model, frame)


@pytest.mark.parametrize("missing", [-999, 0, 3])
def test_a_code_is_missing_too_where_it_is_the_number_that_stands_for_that(missing):
    rows, y = data.rounded()
    codes = np.random.default_rng(0).integers(0, 6, len(y))
    frame = pd.DataFrame({"x": rows[:, 0], "code": pd.Categorical(np.array(list("abcdef"))[codes])})
    frame.loc[:20, "x"] = missing
    frame.loc[10:30, "code"] = None
    options = {"enable_categorical": True, "max_cat_to_onehot": 1, "missing": missing}
    model = fit(regressor(**options), frame, y + 9 * np.sin(4 * codes))
    formula = cf.read(model)
    assert (formula(frame) == model.predict(frame)).all()
    assert formula.verify(model, frame)


def test_categories_that_xgboost_records_wrongly_are_refused():
    rows, y = data.numbers()
    kinds = pd.Categorical(np.random.default_rng(0).choice(["ä", "bb", "c"], len(y)))
    frame = pd.DataFrame({"x": rows[:, 0], "kind": kinds})
    model = fit(regressor(enable_categorical=True), frame, y)
    with pytest.raises(cf.UnsupportedModel, match="letters beyond ASCII"):
        cf.read(model)


def test_codes_without_recorded_categories_are_cut_to_whole_numbers():
    draw = np.random.default_rng(0)
    rows = np.column_stack([draw.integers(0, 6, 90), draw.normal(size=90)]).astype(float)
    y = np.isin(rows[:, 0], [1, 4]) + rows[:, 1] / 9
    types = ["c", "float"]
    train = xgb.DMatrix(rows, y, feature_types=types, enable_categorical=True)
    booster = xgb.train({"max_cat_to_onehot": 1, "max_depth": 3}, train, 6)
    formula = cf.read(booster)
    asked = rows.copy()
    asked[:20, 0] = [0.5, 1.0, 1.5, 4.9, 5, 6, 7, 100, 1e6, np.nan] * 2
    there = xgb.DMatrix(asked, feature_types=types, enable_categorical=True)
    assert (formula(asked) == booster.predict(there)).all()
