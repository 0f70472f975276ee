"""Models of statsmodels, as their users fit them, and how they are asked."""

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula
from statsmodels.sandbox.regression.gmm import IV2SLS

N = 120


def data() -> pd.DataFrame:
    """Rows of every type: numbers, whole numbers, text, truths, a category of pandas."""
    draw = np.random.default_rng(7)
    frame = pd.DataFrame(
        {
            "x": draw.uniform(0.5, 5, N),
            "z": draw.normal(size=N),
            "k": draw.integers(0, 4, N),
            "g": draw.choice(["a", "b", "c"], N).astype(object),
            "flag": draw.random(N) > 0.5,
            "odd name (cm)": draw.normal(size=N),
            "h": pd.Categorical(draw.choice(["u", "v", "w"], N)),
            "who": draw.integers(0, 12, N),
        }
    )
    score = 0.3 * frame.x - 0.5 * frame.z + (frame.g == "b") * 0.8
    frame["y"] = score + draw.normal(size=N)
    frame["one"] = (draw.random(N) < 1 / (1 + np.exp(-score))).astype(float)
    frame["share"] = draw.uniform(0.05, 0.95, N)
    frame["count"] = draw.poisson(np.exp(0.3 * score))
    frame["positive"] = draw.gamma(2, np.exp(0.2 * score))
    frame["level"] = pd.Categorical(
        np.array(["low", "mid", "top"])[np.digitize(score + draw.logistic(size=N), [0.0, 1.5])],
        categories=["low", "mid", "top"],
        ordered=True,
    )
    return frame


FRAME = data()
PLAIN = ["x", "z", "k"]


def fitted(make: Callable[[], Any]) -> Any:
    """Return what a fit gives; that it is singular or has not converged is not ours to judge."""
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return make()


@dataclass
class Asked:
    """Results, asked as their user would ask them, without any part of closedform.

    Attributes:
        results: of statsmodels.
        columns: of the matrix that it takes, where it is no frame; "const" stands for ones.
        extras: which columns of the rows are the offset and the exposure, and other matrices.
    """

    results: Any
    columns: list[str] | None = None
    extras: dict[str, str | list[str]] = field(default_factory=dict)

    def predict(self, X: Any) -> np.ndarray:
        """Return the prediction; every refusal is a ValueError."""
        try:
            made = self.results.predict(exog=self._given(X), **self._extras(X))
        except Exception as error:
            raise ValueError(str(error)) from error
        return np.asarray(getattr(made, "predicted_values", made))

    def _given(self, X: Any) -> Any:
        if self.columns is None:
            return X.drop(columns=[c for c in ("offset", "exposure") if c in X])
        return matrix(X, self.columns)

    def _extras(self, X: Any) -> dict[str, Any]:
        return {
            name: X[c].to_numpy(float) if isinstance(c, str) else matrix(X, c)
            for name, c in self.extras.items()
        }


def matrix(X: pd.DataFrame, columns: list[str]) -> np.ndarray:
    """Return columns as a matrix; "const" is a column of ones."""
    return np.column_stack(
        [np.ones(len(X)) if c == "const" else X[c].to_numpy(float) for c in columns]
    )


def with_ones(columns: list[str] = PLAIN) -> pd.DataFrame:
    """Return training columns with a column of ones in front, as add_constant gives them."""
    return sm.add_constant(FRAME[columns])


formulaic_only = pytest.mark.skipif(
    not hasattr(statsmodels.formula, "options"), reason="statsmodels before 0.15 reads by patsy"
)


def by_formulaic(make: Callable[[], Any]) -> Any:
    """Return a fit whose model formula formulaic has read."""
    options, before = statsmodels.formula.options, statsmodels.formula.options.formula_engine
    options.formula_engine = "formulaic"
    try:
        return fitted(make)
    finally:
        options.formula_engine = before


class AskedByFormulaic(Asked):
    """The same where formulaic has read the model formula, and must read it again."""

    def predict(self, X: Any) -> np.ndarray:
        return by_formulaic(lambda: super(AskedByFormulaic, self).predict(X))


# --- models over a matrix -----------------------------------------------------------------------

F = sm.families
L = F.links
ARRAYS: dict[str, Callable[[], Any]] = {
    "OLS": lambda: sm.OLS(FRAME.y, with_ones()).fit(),
    "OLS without a constant": lambda: sm.OLS(FRAME.y, FRAME[PLAIN]).fit(),
    "OLS of bare arrays": lambda: sm.OLS(FRAME.y.to_numpy(), with_ones().to_numpy()).fit(),
    "WLS": lambda: sm.WLS(FRAME.y, with_ones(), weights=FRAME.x).fit(),
    "GLS": lambda: sm.GLS(FRAME.y, with_ones(), sigma=FRAME.x).fit(),
    "GLSAR": lambda: sm.GLSAR(FRAME.y, with_ones(), rho=2).iterative_fit(3),
    "OLS, robust errors": lambda: sm.OLS(FRAME.y, with_ones()).fit(cov_type="HC3"),
    "OLS, elastic net": lambda: sm.OLS(FRAME.y, with_ones()).fit_regularized(alpha=0.05),
    "OLS, square-root lasso": lambda: sm.OLS(FRAME.y, with_ones()).fit_regularized(
        method="elastic_net", alpha=0.1, L1_wt=0.5, refit=True
    ),
    "IV2SLS": lambda: IV2SLS(FRAME.y, with_ones(), with_ones()).fit(),
    "QuantReg": lambda: sm.QuantReg(FRAME.y, with_ones()).fit(q=0.3),
    "RLM": lambda: sm.RLM(FRAME.y, with_ones(), M=sm.robust.norms.TukeyBiweight()).fit(),
    "MixedLM": lambda: sm.MixedLM(FRAME.y, with_ones(), groups=FRAME.who).fit(),
    "Logit": lambda: sm.Logit(FRAME.one, with_ones()).fit(disp=0),
    "Logit, L1": lambda: sm.Logit(FRAME.one, with_ones()).fit_regularized(alpha=5.0, disp=0),
    "Probit": lambda: sm.Probit(FRAME.one, with_ones()).fit(disp=0),
    "MNLogit": lambda: sm.MNLogit(FRAME.g, with_ones()).fit(disp=0),
    "MNLogit of numbers": lambda: sm.MNLogit(FRAME.k, with_ones(["x", "z"])).fit(disp=0),
    "OrderedModel, logit": lambda: ordered("logit"),
    "OrderedModel, probit": lambda: ordered("probit"),
    "Poisson": lambda: sm.Poisson(FRAME["count"], with_ones()).fit(disp=0),
    "NegativeBinomial": lambda: sm.NegativeBinomial(FRAME["count"], with_ones()).fit(disp=0),
    "NegativeBinomial, geometric": lambda: sm.NegativeBinomial(
        FRAME["count"], with_ones(), loglike_method="geometric"
    ).fit(disp=0),
    "NegativeBinomialP": lambda: sm.NegativeBinomialP(FRAME["count"], with_ones()).fit(disp=0),
    "GeneralizedPoisson": lambda: sm.GeneralizedPoisson(FRAME["count"], with_ones()).fit(disp=0),
    "ZeroInflatedPoisson": lambda: sm.ZeroInflatedPoisson(FRAME["count"], with_ones()).fit(disp=0),
    "GEE": lambda: sm.GEE(FRAME.one, with_ones(), groups=FRAME.who, family=F.Binomial()).fit(),
    "PHReg": lambda: sm.PHReg(FRAME.positive, FRAME[PLAIN], status=FRAME.flag).fit(),
    "GLM, ridge": lambda: sm.GLM(FRAME["count"], with_ones(), family=F.Poisson()).fit_regularized(
        alpha=0.1, L1_wt=0.0
    ),
    "GLM, constrained": lambda: sm.GLM(
        FRAME["count"], with_ones(), family=F.Poisson()
    ).fit_constrained("x = 0.1"),
}


def ordered(distr: Any) -> Any:
    """Return an ordered model of three levels."""
    from statsmodels.miscmodels.ordinal_model import OrderedModel

    return OrderedModel(FRAME.level, FRAME[PLAIN], distr=distr).fit(method="bfgs", disp=0)


# --- families and links -------------------------------------------------------------------------

POSITIVE, SHARE, COUNT = FRAME.positive, FRAME.one, FRAME["count"]
GLMS: dict[str, tuple[Any, Any]] = {
    "Gaussian identity": (F.Gaussian(), FRAME.y),
    "Gaussian log": (F.Gaussian(L.Log()), POSITIVE),
    "Gaussian inverse": (F.Gaussian(L.InversePower()), POSITIVE),
    "Binomial logit": (F.Binomial(), SHARE),
    "Binomial probit": (F.Binomial(L.Probit()), SHARE),
    "Binomial Cauchy": (F.Binomial(L.Cauchy()), SHARE),
    "Binomial cloglog": (F.Binomial(L.CLogLog()), SHARE),
    "Binomial loglog": (F.Binomial(L.LogLog()), SHARE),
    "Binomial log": (F.Binomial(L.Log()), SHARE),
    "Binomial logc": (F.Binomial(L.LogC()), SHARE),
    "Poisson log": (F.Poisson(), COUNT),
    "Poisson sqrt": (F.Poisson(L.Sqrt()), COUNT),
    "Poisson identity": (F.Poisson(L.Identity()), COUNT),
    "Gamma inverse": (F.Gamma(), POSITIVE),
    "Gamma log": (F.Gamma(L.Log()), POSITIVE),
    "InverseGaussian": (F.InverseGaussian(), POSITIVE),
    "NegativeBinomial log": (F.NegativeBinomial(alpha=0.7), COUNT),
    "NegativeBinomial own": (F.NegativeBinomial(L.NegativeBinomial(0.7), alpha=0.7), COUNT),
    "Tweedie log": (F.Tweedie(var_power=1.5), POSITIVE),
    "Tweedie power": (F.Tweedie(L.Power(0.3), var_power=1.5), POSITIVE),
}


HARD = {
    "Binomial log": (-0.9, 0.05, 0.03),
    "Binomial logc": (-0.9, 0.05, 0.03),
    "Poisson identity": (0.8, 0.1, 0.03),
    "InverseGaussian": (0.5, 0.02, 0.01),
    "NegativeBinomial own": (-0.6, 0.05, 0.03),
}
"""Where the fit of some links starts, that it may end at all."""


def glm(name: str) -> Any:
    """Return a fit; of a link that does not converge, any parameters are as good a model."""
    family, endog = GLMS[name]
    model = fitted(lambda: sm.GLM(endog, with_ones(["x", "z"]), family=family))
    options = {"start_params": np.array(HARD[name]), "maxiter": 0} if name in HARD else {}
    return fitted(lambda: model.fit(**options))
