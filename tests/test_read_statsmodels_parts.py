"""statsmodels: offsets, exposures, inflation, smooth parts; every model by a formula."""

import numpy as np
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from scipy import stats
from statsmodels.discrete import truncated_model as cut
from statsmodels.gam.api import BSplines, CyclicCubicSplines, GLMGam
from statsmodels.miscmodels.ordinal_model import OrderedModel
from statsmodels.othermod.betareg import BetaModel

import closedform as cf
from statsmodels_models import (
    FRAME,
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


# --- other ways to train ---------------------------------------------------------------------


def own_class():
    class Mine(sm.OLS):
        pass

    return Mine(FRAME.y, with_ones(["x", "z"])).fit()


OTHERS = {
    "a class of one's own that changes nothing": own_class,
    "MNLogit, L1": lambda: sm.MNLogit(FRAME.g, with_ones(["x", "z"])).fit_regularized(
        alpha=2.0, disp=0
    ),
    "Poisson, constrained": lambda: sm.Poisson(COUNT, with_ones(["x", "z"])).fit_constrained(
        "x = z", disp=0
    ),
    "counts of two kinds": lambda: sm.GLM(
        np.column_stack([COUNT, 5 + 0 * COUNT]),
        with_ones(["x", "z"]),
        family=sm.families.Binomial(),
    ).fit(),
    "weights": lambda: sm.GLM(
        COUNT, with_ones(["x", "z"]), family=POISSON(), freq_weights=FRAME.k + 1
    ).fit(),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_ways_to_train_change_nothing(name):
    check(Asked(fitted(OTHERS[name]), ONES), FRAME[["x", "z"]])


def test_an_ordered_model_of_another_distribution_agrees():
    model = OrderedModel(FRAME.level, FRAME[["x", "z"]], distr=stats.gumbel_l)
    check(Asked(fitted(lambda: model.fit(method="bfgs", disp=0)), ["x", "z"]), FRAME[["x", "z"]])


def test_a_hazard_takes_an_offset():
    model = sm.PHReg(FRAME.positive, FRAME[["x", "z"]], offset=OFFSET.to_numpy())
    check(Asked(fitted(model.fit), ["x", "z"], {"offset": "offset"}), ROWS[["x", "z", "offset"]])
