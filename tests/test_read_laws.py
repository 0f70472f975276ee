"""A fitted SymbolicRegression is read like any estimator, also within scikit-learn's own."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import closedform as cf
from battery import Case, check_reader, fit

QUICK = {"time_limit": 4, "engines": []}


def regression(model=None, **options):
    return cf.SymbolicRegression(model, **QUICK, **options)


def triangles():
    X = np.random.default_rng(0).uniform(1, 3, (120, 2))
    X = pd.DataFrame(X, columns=["base", "height"])
    return X, (X["base"] * X["height"] / 2).rename("area")


def two_targets():
    X, y = triangles()
    return X.to_numpy(), np.column_stack([y, X["base"]])


CASES = [
    Case(regression(), triangles),
    Case(regression(), two_targets),
    Case(make_pipeline(StandardScaler(), regression()), triangles),
    Case(GridSearchCV(regression(), {"noise": [None]}, cv=2), triangles),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_law_that_was_found_is_read(case):
    check_reader(*case.fitted, rtol=case.rtol)


def test_behind_a_scaler_the_law_is_one_of_raw_units():
    X, y = triangles()
    model = make_pipeline(StandardScaler(), regression()).fit(X, y)
    formula = cf.read(model)
    assert [f.name for f in formula.inputs] == ["base", "height"]
    assert list(formula.outputs) == ["area"]
    assert formula.verify(model, X).ok
    np.testing.assert_allclose(formula(X), y, rtol=1e-9)
    logs = TransformedTargetRegressor(regression(), func=np.log, inverse_func=np.exp).fit(X, y)
    np.testing.assert_allclose(cf.read(logs)(X), logs.predict(X), rtol=1e-12)


def test_columns_are_told_by_their_names_where_the_model_has_another_order():
    X, _ = triangles()
    asked = cf.read(LinearRegression().fit(X, 2 * X["base"] - X["height"]))
    rows = X.assign(other=1.0)[["other", "height", "base"]]
    model = regression(asked).fit(rows)
    np.testing.assert_allclose(model.predict(rows), asked(X), rtol=1e-9)
    check_reader(model, rows)


def test_the_law_of_a_classifier_gives_its_classes():
    X, y = triangles()
    model = regression(LogisticRegression().fit(X, np.where(y > 2, "large", "small"))).fit(X)
    check_reader(model, X)


def test_the_law_of_a_model_that_takes_texts_takes_them_too():
    X, y = triangles()
    X = X.assign(kind=np.where(np.arange(len(X)) % 2, "u", "v"))
    y = y + 3.0 * (X["kind"] == "u")
    encoded = make_column_transformer((OneHotEncoder(), ["kind"]), remainder="passthrough")
    asked = fit(make_pipeline(encoded, LinearRegression()), X, y)
    model = regression(asked).fit(X, y)
    np.testing.assert_allclose(cf.read(model)(X), model.predict(X), rtol=1e-12)
    assert model.score(X, y) > 0.9
    unseen = X.head(1).assign(kind="w")
    assert np.isnan(model.predict(unseen)).all() and np.isnan(cf.read(model)(unseen)).all()


def test_one_that_is_not_fitted_is_refused():
    with pytest.raises(cf.NotFitted, match="not fitted"):
        cf.read(regression())
