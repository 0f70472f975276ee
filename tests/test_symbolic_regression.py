"""SymbolicRegression keeps to scikit-learn's conventions: its own checks say so."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

import closedform as cf
from closedform.discover import schedule
from closedform.laws.regression import SymbolicRegression


def rows(count=120, inputs=2, seed=0):
    return np.random.default_rng(seed).uniform(1, 3, (count, inputs))


def area(X):
    return 0.5 * X[:, 0] * X[:, 1]


@pytest.fixture(scope="module")
def fitted():
    return cf.SymbolicRegression(engines=[]).fit(rows(), area(rows()))


def test_every_check_of_scikit_learn_passes(monkeypatch):
    """With the first step of the search alone, so that what is found depends on no clock."""
    monkeypatch.setattr(schedule, "_steps", lambda problem, *_: iter([schedule.lines(problem)]))
    told = check_estimator(SymbolicRegression(), on_skip=None)
    assert len(told) > 45
    assert {one["status"] for one in told if one["check_name"] != "check_array_api_input"} == {
        "passed"
    }


@pytest.mark.slow
def test_every_check_of_scikit_learn_passes_with_the_whole_search():
    told = check_estimator(SymbolicRegression(time_limit=1, engines=[]), on_skip=None)
    assert all(one["status"] in ("passed", "skipped") for one in told)


def test_the_law_is_found_and_told_in_every_way(fitted):
    import sympy

    np.testing.assert_allclose(fitted.predict(rows(seed=1)), area(rows(seed=1)), rtol=1e-9)
    assert fitted.score(rows(seed=1), area(rows(seed=1))) == pytest.approx(1)
    assert isinstance(fitted.formula_, cf.Formula) and isinstance(fitted.laws_, cf.Laws)
    equations = fitted.equations_
    assert isinstance(equations, pd.DataFrame) and len(equations) == len(fitted.laws_)
    told = fitted.sympy()
    x, y = sorted(told.free_symbols, key=str)
    assert sympy.simplify(told - sympy.Rational(1, 2) * x * y) == 0
    assert "x_{0}" in fitted.latex() and fitted.latex(0) != fitted.latex()


def test_a_frame_names_the_inputs_and_the_output():
    frame = pd.DataFrame(rows(), columns=["base", "height"])
    found = cf.SymbolicRegression(engines=[]).fit(frame, pd.Series(area(rows()), name="area"))
    assert list(found.feature_names_in_) == ["base", "height"] and found.n_features_in_ == 2
    assert "base*height" in str(found.formula_)
    with pytest.raises(ValueError, match="feature names"):
        found.predict(frame.rename(columns={"base": "b"}))


def test_a_model_is_asked_and_stays_what_it_is():
    X = rows()
    model = LinearRegression().fit(X, X @ [2, -3])
    found = cf.SymbolicRegression(model).fit(X)
    np.testing.assert_allclose(found.predict(X), model.predict(X), atol=1e-9)
    copied = clone(found)
    assert copied.model is model and not hasattr(copied, "laws_")
    function = cf.SymbolicRegression(area).fit(rows(10))
    np.testing.assert_allclose(function.predict(X), area(X), rtol=1e-9)


def test_with_a_model_errors_are_also_those_against_y():
    X = rows()
    y = area(X) + np.random.default_rng(0).normal(0, 0.1, len(X))
    found = cf.SymbolicRegression(area).fit(X, y)
    assert found.equations_["error_y"].notna().all()
    assert found.laws_.model_error == pytest.approx(0.1 / y.std(), rel=0.5)


def test_it_is_a_step_of_a_pipeline_and_is_cross_validated():
    X, y = rows(), area(rows())
    model = make_pipeline(StandardScaler(), SymbolicRegression(engines=[], time_limit=5))
    assert cross_val_score(model, X, y, cv=2).min() > 0.999
    assert is_regressor(SymbolicRegression()) and "StandardScaler" in model._repr_html_()


def test_it_survives_pickle(fitted):
    again = pickle.loads(pickle.dumps(fitted))
    assert (again.predict(rows()) == fitted.predict(rows())).all()


def test_what_is_missing_is_said():
    with pytest.raises(NotFittedError):
        SymbolicRegression().predict(rows())
    with pytest.raises(ValueError, match="requires y"):
        SymbolicRegression().fit(rows())
    with pytest.raises(ValueError, match="NaN"):
        SymbolicRegression().fit(rows() * np.nan, area(rows()))


def test_nothing_is_warned_of():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        SymbolicRegression(engines=[], time_limit=3).fit(rows(), np.exp(area(rows())))
