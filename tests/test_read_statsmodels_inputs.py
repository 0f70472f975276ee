"""statsmodels: the inputs of a formula, what is refused, and degenerate fits."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from scipy import stats
from statsmodels.gam.api import GLMGam
from statsmodels.gam.smooth_basis import CubicSplines
from statsmodels.miscmodels.ordinal_model import OrderedModel

import closedform as cf
from statsmodels_models import (
    FRAME,
    PLAIN,
    Asked,
    fitted,
    with_ones,
)
from test_read_statsmodels import check

COUNT = FRAME["count"]
POISSON = sm.families.Poisson
GLM = smf.glm("count ~ x + np.log(x) + g", FRAME, family=POISSON())
LOGIT = smf.logit("one ~ x + np.log(x) + g", FRAME)
MNLOGIT = smf.mnlogit("k ~ x + np.log(x) + g", FRAME)


# --- inputs -------------------------------------------------------------------------------------


def test_a_column_of_ones_is_no_number_to_give():
    results = fitted(sm.OLS(FRAME.y, with_ones()).fit)
    formula = cf.read(results)
    assert [f.name for f in formula.inputs] == ["const", *PLAIN]
    assert formula(FRAME[PLAIN]) == pytest.approx(np.asarray(results.predict(with_ones())))
    assert formula(with_ones().to_numpy()) == pytest.approx(formula(FRAME))
    assert formula.used == (1, 2, 3)


def test_names_can_be_given_for_bare_arrays():
    results = fitted(sm.OLS(FRAME.y.to_numpy(), with_ones().to_numpy()).fit)
    few = cf.read(results, names=["a", "b", "c"])
    assert [f.name for f in few.inputs] == ["const", "a", "b", "c"]
    assert [f.name for f in cf.read(results, names=["i", "a", "b", "c"]).inputs] == list("iabc")
    with pytest.raises(cf.errors.BadInput, match="2 names"):
        cf.read(results, names=["a", "b"])
    by_name = fitted(smf.ols("y ~ x", FRAME).fit)
    with pytest.raises(cf.errors.BadInput, match="formula"):
        cf.read(by_name, names=["other"])


def test_a_pickle_of_results_reads_as_they_do(tmp_path):
    for results in (fitted(lambda: LOGIT.fit(disp=0)), fitted(sm.OLS(FRAME.y, with_ones()).fit)):
        again = pickle.loads(pickle.dumps(results))
        assert str(cf.read(again)) == str(cf.read(results))


def test_results_without_their_data_are_read():
    results = fitted(sm.OLS(FRAME.y, with_ones()).fit)
    expected = str(cf.read(results))
    results.remove_data()
    assert str(cf.read(results)) == expected


def test_a_saved_formula_can_be_checked_against_the_model(tmp_path):
    results = fitted(lambda: MNLOGIT.fit(disp=0))
    cf.read(results).save(tmp_path / "formula.json")
    again = cf.load(tmp_path / "formula.json")
    assert again.verify(results, FRAME).ok


def test_rows_may_be_a_dict_or_an_array():
    results = fitted(GLM.fit)
    formula, rows = cf.read(results), FRAME[["x", "g"]]
    names = [f.name for f in formula.inputs]
    assert formula.verify(results, {n: rows[n].to_numpy() for n in names}).ok
    assert formula.verify(results, rows[names].to_numpy(dtype=object)).ok


# --- refusals -----------------------------------------------------------------------------------


def test_a_model_that_is_not_fitted_is_refused():
    with pytest.raises(cf.errors.NotFitted):
        cf.read(sm.OLS(FRAME.y, with_ones()))


def smoothed_otherwise():
    return GLMGam(FRAME.y, smoother=CubicSplines(FRAME[["x"]], df=[5]), alpha=1.0).fit()


def autoregression():
    return sm.tsa.AutoReg(FRAME.y, lags=2).fit()


def arima():
    return sm.tsa.ARIMA(FRAME.y, order=(1, 0, 0)).fit()


def conditional():
    from statsmodels.discrete.conditional_models import ConditionalLogit

    return ConditionalLogit(FRAME.one, FRAME[["x", "z"]], groups=FRAME.who).fit(disp=0)


def rolling():
    from statsmodels.regression.rolling import RollingOLS

    return RollingOLS(FRAME.y, with_ones(), window=30).fit()


class Own(sm.OLS):
    def predict(self, params, exog=None):
        return super().predict(params, exog) + 1


def overridden():
    return Own(FRAME.y, with_ones()).fit()


class OwnFamily(sm.families.Poisson):
    def fitted(self, lin_pred):
        return super().fitted(lin_pred) + 1


class OwnLink(sm.families.links.Log):
    def inverse(self, z):
        return super().inverse(z) + 1


def family_of_own():
    return sm.GLM(COUNT, with_ones(), family=OwnFamily()).fit(maxiter=1)


def link_of_own():
    return sm.GLM(COUNT, with_ones(), family=POISSON(OwnLink())).fit(maxiter=1)


def results_of_own():
    results = sm.OLS(FRAME.y, with_ones()).fit()._results

    class OwnResults(type(results)):
        def predict(self, *args, **kwargs):
            return super().predict(*args, **kwargs) + 1

    results.__class__ = OwnResults
    return results


def ordered_by_own():
    class Own(stats.rv_continuous):
        def _cdf(self, x):
            return 1 - np.exp(-np.exp(x))

        def _ppf(self, p):
            return np.log(-np.log(1 - p))

    return OrderedModel(FRAME.level, FRAME[["x"]], distr=Own()).fit(method="bfgs", disp=0)


REFUSED = {
    "own family": (family_of_own, "fitted"),
    "own link": (link_of_own, "OwnLink"),
    "own results": (results_of_own, "predict"),
    "own distribution": (ordered_by_own, "distribution"),
    "autoregression": (autoregression, "rows before"),
    "ARIMA": (arima, "rows before"),
    "conditional logit": (conditional, "groups"),
    "rolling": (rolling, "window"),
    "cubic splines": (smoothed_otherwise, "UnivariateCubicSplines"),
    "own predict": (overridden, "predict"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_models_without_a_formula_of_a_row_say_why(name):
    make, word = REFUSED[name]
    results = fitted(make)
    with pytest.raises(cf.errors.UnsupportedModel) as caught:
        cf.read(results)
    assert word in str(caught.value)


# --- degenerate fits ----------------------------------------------------------------------------


def test_a_constant_alone_is_read():
    results = fitted(sm.OLS(FRAME.y, np.ones(len(FRAME))).fit)
    assert cf.read(results)(np.ones((2, 1))) == pytest.approx([FRAME.y.mean()] * 2)


def test_a_single_column_is_read():
    results = fitted(sm.OLS(FRAME.y, FRAME.x).fit)
    check(Asked(results, ["x"]), FRAME[["x"]])


def test_one_row_is_enough_for_a_fit():
    results = fitted(sm.OLS([2.0], [[1.0, 3.0]]).fit)
    formula = cf.read(results)
    assert formula([[1.0, 4.0]]) == pytest.approx(results.predict([[1.0, 4.0]]))


def test_collinear_columns_are_read():
    doubled = FRAME[["x"]].assign(twice=2 * FRAME.x)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = sm.OLS(FRAME.y, sm.add_constant(doubled)).fit()
    check(Asked(results, ["const", "x", "twice"]), doubled)


def test_a_category_with_one_level_is_read():
    frame = FRAME.assign(g="a")
    results = fitted(smf.ols("y ~ g + x", frame).fit)
    check(Asked(results), frame[["g", "x"]])


def test_odd_names_and_levels_are_only_data():
    odd = "'; DROP TABLE x; --"
    frame = FRAME.assign(g=FRAME.g.map({"a": odd, "b": "λ", "c": "c"})).rename(columns={"x": odd})
    results = fitted(smf.ols('y ~ Q("' + odd + '") + g', frame).fit)
    formula = check(Asked(results), frame[[odd, "g"]])
    assert formula.inputs[0].categories == ("'; DROP TABLE x; --", "c", "λ")


def test_training_rows_with_missing_values_change_nothing():
    frame = FRAME.copy()
    frame.loc[3, "x"], frame.loc[5, "g"] = np.nan, None
    results = fitted(smf.ols("y ~ x + g", frame).fit)
    check(Asked(results), FRAME[["x", "g"]])


def test_a_category_that_no_row_has_stays_a_level():
    frame = FRAME.assign(h=FRAME.h.cat.add_categories(["idle"]))
    results = fitted(smf.ols("y ~ h + x", frame).fit)
    formula = cf.read(results)
    assert formula.inputs[0].categories == ("u", "v", "w", "idle")
    rows = frame[["h", "x"]]
    assert np.allclose(formula(rows), results.predict(rows), rtol=1e-12, atol=1e-14)
    assert formula.verify(results, rows).ok


def test_dates_as_categories_are_refused():
    frame = FRAME.assign(day=pd.to_datetime("2026-01-01") + pd.to_timedelta(FRAME.k, unit="D"))
    results = fitted(smf.ols("y ~ C(day)", frame).fit)
    with pytest.raises(cf.errors.UnsupportedModel, match="Timestamp"):
        cf.read(results)
