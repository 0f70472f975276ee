"""statsmodels: offsets, exposures, inflation, smooth parts; models by formulas; what is refused."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from statsmodels.discrete import truncated_model as cut
from statsmodels.gam.api import BSplines, CyclicCubicSplines, GLMGam
from statsmodels.gam.smooth_basis import CubicSplines
from statsmodels.miscmodels.ordinal_model import OrderedModel
from statsmodels.othermod.betareg import BetaModel

import closedform as cf
from statsmodels_models import (
    FRAME,
    PLAIN,
    Asked,
    AskedByFormulaic,
    by_formulaic,
    fitted,
    formulaic_only,
    with_ones,
)
from test_read_statsmodels import check, names_of

COUNT = FRAME["count"]
OFFSET, EXPOSURE = FRAME.z / 5, FRAME.x + 1
ROWS = FRAME[["x", "z"]].assign(offset=OFFSET, exposure=EXPOSURE)
GIVEN = {"offset": OFFSET, "exposure": EXPOSURE}
BOTH = {"offset": "offset", "exposure": "exposure"}
ONES = ["const", "x", "z"]
POISSON = sm.families.Poisson

WITH_EXTRAS = {
    "GLM": lambda: sm.GLM(COUNT, with_ones(["x", "z"]), family=POISSON(), **GIVEN).fit(),
    "GEE": lambda: sm.GEE(
        COUNT, with_ones(["x", "z"]), groups=FRAME.who, family=POISSON(), **GIVEN
    ).fit(),
    "Poisson": lambda: sm.Poisson(COUNT, with_ones(["x", "z"]), **GIVEN).fit(disp=0),
    "NegativeBinomial": lambda: sm.NegativeBinomial(
        COUNT, with_ones(["x", "z"]), **GIVEN
    ).fit(disp=0),
    "ZeroInflatedPoisson": lambda: sm.ZeroInflatedPoisson(
        COUNT, with_ones(["x", "z"]), **GIVEN
    ).fit(disp=0),
    "TruncatedLFPoisson": lambda: cut.TruncatedLFPoisson(
        COUNT[COUNT > 0], with_ones(["x", "z"])[COUNT > 0],
        offset=OFFSET[COUNT > 0], exposure=EXPOSURE[COUNT > 0],
    ).fit(disp=0),
}  # fmt: skip


@pytest.mark.parametrize("name", WITH_EXTRAS)
def test_an_offset_and_an_exposure_are_inputs(name):
    results = fitted(WITH_EXTRAS[name])
    assert names_of(results) == [*ONES, "offset", "exposure"]
    check(Asked(results, ONES, BOTH), ROWS)


@pytest.mark.parametrize("kind", [sm.NegativeBinomialP, sm.GeneralizedPoisson])
def test_an_exposure_that_predict_takes_one_by_one_is_an_input_too(kind):
    results = fitted(lambda: kind(COUNT, with_ones(["x", "z"]), **GIVEN).fit(disp=0))
    formula = cf.read(results)
    # Of an array it asks whether it is 0, which arrays do not answer.
    expected = [
        results.predict(row[None], offset=[o], exposure=e).item()
        for row, o, e in zip(with_ones(["x", "z"]).to_numpy(), OFFSET, EXPOSURE, strict=True)
    ]
    assert np.allclose(formula(ROWS), expected, rtol=1e-12, atol=0)
    assert formula.verify(results, ROWS).ok


@pytest.mark.parametrize("kind", [sm.Logit, sm.Probit])
def test_a_binary_model_takes_an_offset(kind):
    results = fitted(
        lambda: kind(FRAME.one, with_ones(["x", "z"]), offset=OFFSET.to_numpy()).fit(disp=0)
    )
    check(Asked(results, ONES, {"offset": "offset"}), ROWS[["x", "z", "offset"]])


def test_an_ordered_model_takes_an_offset():
    results = fitted(
        lambda: OrderedModel(FRAME.level, FRAME[["x", "z"]], offset=OFFSET, distr="logit").fit(
            method="bfgs", disp=0
        )
    )
    rows = ROWS[["x", "z", "offset"]]
    formula = check(Asked(results, ["x", "z"], {"offset": "offset"}), rows)
    assert list(formula.outputs) == ["P(low)", "P(mid)", "P(top)"]


def test_an_offset_does_not_count_where_the_model_had_none():
    results = fitted(WITH_EXTRAS["Poisson"])
    # predict() without an offset takes 0, not that of the training rows.
    rows = ROWS.assign(offset=0.0, exposure=1.0)
    expected = results.predict(with_ones(["x", "z"]))
    assert np.allclose(cf.read(results)(rows), expected, rtol=1e-12, atol=0)


INFLATED = {
    "poisson, logit": (sm.ZeroInflatedPoisson, {"inflation": "logit"}),
    "poisson, probit": (sm.ZeroInflatedPoisson, {"inflation": "probit"}),
    "negative binomial": (sm.ZeroInflatedNegativeBinomialP, {"p": 2}),
    "generalised poisson": (sm.ZeroInflatedGeneralizedPoisson, {"p": 1}),
}


@pytest.mark.parametrize("name", INFLATED)
def test_the_columns_of_certain_zeros_are_inputs(name):
    kind, options = INFLATED[name]
    own = sm.add_constant(FRAME[["k", "x"]])
    results = fitted(
        lambda: kind(COUNT, with_ones(["x", "z"]), exog_infl=own, **options).fit(
            method="bfgs", maxiter=5, disp=0
        )
    )
    # x is the same column in both parts, and one input.
    assert names_of(results) == ["const", "x", "z", "k"]
    asked = Asked(results, ONES, {"exog_infl": ["const", "k", "x"]})
    check(asked, FRAME[["x", "z", "k"]].astype(float))


HURDLES = [("poisson", "poisson"), ("negbin", "negbin"), ("poisson", "negbin")]


@pytest.mark.parametrize(("zero", "dist"), HURDLES)
def test_a_hurdle_model_agrees(zero, dist):
    model = cut.HurdleCountModel(COUNT, with_ones(["x", "z"]), zerodist=zero, dist=dist)
    results = fitted(lambda: model.fit(disp=0))
    check(Asked(results, ONES), FRAME[["x", "z"]], 1e-11)


@pytest.mark.parametrize("truncation", [-1, 0, 1, 2])
def test_truncated_counts_agree(truncation):
    rows = FRAME[truncation < COUNT]
    model = cut.TruncatedLFPoisson(
        rows["count"], sm.add_constant(rows[["x", "z"]]), truncation=truncation
    )
    results = fitted(lambda: model.fit(disp=0))
    # Where hardly any count is beyond the cut, both sides are 0 over 0, or near it.
    check(Asked(results, ONES), rows[["x", "z"]], 1e-9, turns=truncation > -1)


@pytest.mark.parametrize(
    "kind", [cut.TruncatedLFNegativeBinomialP, cut.TruncatedLFGeneralizedPoisson]
)
def test_other_truncated_counts_agree(kind):
    rows = FRAME[COUNT > 0]
    model = kind(rows["count"], sm.add_constant(rows[["x", "z"]]))
    results = fitted(lambda: model.fit(disp=0))
    check(Asked(results, ONES), rows[["x", "z"]], 1e-9, turns=True)


def test_a_beta_regression_agrees_whatever_its_precision_reads():
    model = BetaModel(FRAME.share, with_ones(["x", "z"]), exog_precision=with_ones(["k"]))
    check(Asked(fitted(lambda: model.fit(disp=0)), ONES), FRAME[["x", "z"]])


# --- additive models ----------------------------------------------------------------------------

SMOOTHERS = {
    "b-splines": lambda x: BSplines(x, df=[6, 5], degree=[3, 2]),
    "b-splines, centred": lambda x: BSplines(x, df=[6, 5], degree=[3, 3], constraints="center"),
    "b-splines with all": lambda x: BSplines(x, df=[5, 5], degree=[3, 3], include_intercept=True),
    "p-splines": lambda x: BSplines(
        x, df=[8, 6], degree=[3, 3], knot_kwds=[{"spacing": "equal"}, {"spacing": "equal"}]
    ),
    "cyclic": lambda x: CyclicCubicSplines(x, df=[5, 4]),
    "cyclic, centred": lambda x: CyclicCubicSplines(x, df=[5, 4], constraints="center"),
}


@pytest.mark.parametrize("name", SMOOTHERS)
def test_an_additive_model_agrees(name):
    smoother = SMOOTHERS[name](FRAME[["x", "z"]])
    exog = with_ones(["k"])
    model = GLMGam(COUNT, exog=exog, smoother=smoother, alpha=[0.5, 2.0], family=POISSON())
    results = fitted(model.fit)
    asked = Asked(results, ["const", "k"], {"exog_smooth": ["x", "z"]})
    check(asked, FRAME[["k", "x", "z"]].astype(float), 1e-11, turns="cyclic" in name)


def test_an_additive_model_may_have_no_linear_part():
    model = GLMGam(FRAME.y, smoother=BSplines(FRAME[["x"]], df=[5], degree=[3]), alpha=1.0)
    results = fitted(model.fit)
    formula = cf.read(results)
    rows = FRAME[["x"]]
    expected = results.predict(exog_smooth=rows.to_numpy())
    assert np.allclose(formula(rows), expected, rtol=1e-11, atol=1e-12)
    assert formula.verify(results, rows).ok


def test_the_linear_part_of_an_additive_model_may_be_a_formula():
    smoother = BSplines(FRAME[["x"]], df=[5], degree=[3])
    model = GLMGam.from_formula("y ~ g + I(z**2)", data=FRAME, smoother=smoother, alpha=0.1)
    results = fitted(model.fit)
    formula, rows = cf.read(results), FRAME[["g", "z", "x"]]
    assert [f.name for f in formula.inputs] == ["g", "z", "x"]
    expected = results.predict(rows, exog_smooth=FRAME[["x"]].to_numpy())
    assert np.allclose(formula(rows), expected, rtol=1e-11, atol=1e-12)
    certificate = formula.verify(results, rows)
    assert certificate.ok, str(certificate)


# --- by formulas --------------------------------------------------------------------------------

T = "x + np.log(x) + g"
BY_FORMULA = {
    "glm": lambda: smf.glm(f"count ~ {T}", FRAME, family=POISSON()).fit(),
    "logit": lambda: smf.logit(f"one ~ {T}", FRAME).fit(disp=0),
    "probit": lambda: smf.probit(f"one ~ {T}", FRAME).fit(disp=0),
    "mnlogit": lambda: smf.mnlogit(f"k ~ {T}", FRAME).fit(disp=0),
    "poisson": lambda: smf.poisson(f"count ~ {T}", FRAME).fit(disp=0),
    "negativebinomial": lambda: smf.negativebinomial(f"count ~ {T}", FRAME).fit(disp=0),
    "quantreg": lambda: smf.quantreg(f"y ~ {T}", FRAME).fit(q=0.8),
    "rlm": lambda: smf.rlm(f"y ~ {T}", FRAME).fit(),
    "wls": lambda: smf.wls(f"y ~ {T}", FRAME, weights=FRAME.x).fit(),
    "mixedlm": lambda: smf.mixedlm(f"y ~ {T}", FRAME, groups="who", re_formula="~z").fit(),
    "gee": lambda: smf.gee(f"y ~ {T}", "who", FRAME).fit(),
    "phreg": lambda: smf.phreg(f"positive ~ {T}", FRAME, status=FRAME.flag).fit(),
    "ordered": lambda: OrderedModel.from_formula(f"level ~ {T}", FRAME, distr="logit").fit(
        method="bfgs", disp=0
    ),
    "betareg": lambda: BetaModel.from_formula(f"share ~ {T}", FRAME).fit(disp=0),
}


@pytest.mark.parametrize("name", BY_FORMULA)
def test_every_model_can_be_trained_by_a_formula(name):
    results = fitted(BY_FORMULA[name])
    check(Asked(results), FRAME[["x", "g"]], 1e-11)


@formulaic_only
@pytest.mark.parametrize("name", BY_FORMULA)
def test_every_model_can_be_trained_by_a_formula_of_formulaic(name):
    results = by_formulaic(BY_FORMULA[name])
    check(AskedByFormulaic(results), FRAME[["x", "g"]], 1e-11)


def test_a_formula_model_takes_an_offset():
    results = fitted(
        smf.glm("count ~ x + g", FRAME, family=POISSON(), offset=OFFSET, exposure=EXPOSURE).fit
    )
    rows = ROWS[["x", "offset", "exposure"]].assign(g=FRAME.g)
    check(Asked(results, extras=BOTH), rows)


# --- inputs -------------------------------------------------------------------------------------


def test_a_column_of_ones_is_no_number_to_give():
    results = fitted(sm.OLS(FRAME.y, with_ones()).fit)
    formula = cf.read(results)
    assert [f.name for f in formula.inputs] == ["const", *PLAIN]
    assert formula(FRAME[PLAIN]) == pytest.approx(np.asarray(results.predict(with_ones())))
    assert formula(with_ones().to_numpy()) == pytest.approx(formula(FRAME))
    assert "const" not in str(formula.to("python")).partition("INPUTS")[0]


def test_names_can_be_given_for_bare_arrays():
    results = fitted(sm.OLS(FRAME.y.to_numpy(), with_ones().to_numpy()).fit)
    assert [f.name for f in cf.read(results, names=["a", "b", "c"]).inputs] == list("cabc"[:0]) + [
        "const", "a", "b", "c",
    ]  # fmt: skip
    assert [f.name for f in cf.read(results, names=["i", "a", "b", "c"]).inputs] == list("iabc")
    with pytest.raises(cf.errors.BadInput, match="2 names"):
        cf.read(results, names=["a", "b"])
    by_name = fitted(smf.ols("y ~ x", FRAME).fit)
    with pytest.raises(cf.errors.BadInput, match="formula"):
        cf.read(by_name, names=["other"])


def test_a_pickle_of_results_reads_as_they_do(tmp_path):
    for results in (fitted(BY_FORMULA["logit"]), fitted(sm.OLS(FRAME.y, with_ones()).fit)):
        again = pickle.loads(pickle.dumps(results))
        assert str(cf.read(again)) == str(cf.read(results))


def test_results_without_their_data_are_read():
    results = fitted(sm.OLS(FRAME.y, with_ones()).fit)
    expected = str(cf.read(results))
    results.remove_data()
    assert str(cf.read(results)) == expected


def test_a_saved_formula_can_be_checked_against_the_model(tmp_path):
    results = fitted(BY_FORMULA["mnlogit"])
    cf.read(results).save(tmp_path / "formula.json")
    again = cf.load(tmp_path / "formula.json")
    assert again.verify(results, FRAME).ok


def test_rows_may_be_a_dict_or_an_array():
    results = fitted(BY_FORMULA["glm"])
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


def cauchit():
    family = sm.families.Binomial(sm.families.links.Cauchy())
    return sm.GLM(FRAME.one, with_ones(), family=family).fit()


class Own(sm.OLS):
    def predict(self, params, exog=None):
        return super().predict(params, exog) + 1


def overridden():
    return Own(FRAME.y, with_ones()).fit()


REFUSED = {
    "autoregression": (autoregression, "rows before"),
    "ARIMA": (arima, "rows before"),
    "conditional logit": (conditional, "groups"),
    "rolling": (rolling, "window"),
    "cauchit": (cauchit, "arctangent"),
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
