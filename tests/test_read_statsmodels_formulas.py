"""statsmodels by model formulas: the terms of patsy and formulaic, over the raw columns."""

import numpy as np
import pandas as pd
import pytest
import statsmodels.formula.api as smf

import closedform as cf
from closedform.readers.statsmodels.inputs import spec_of
from statsmodels_models import FRAME, Asked, AskedByFormulaic, by_formulaic, fitted, formulaic_only
from test_read_statsmodels import check

CUT = 2.5
OTHER = FRAME.x.to_numpy() ** 2


def own(x):
    return x + 1


PATSY = [
    "x + z",
    "x*z + k",
    "0 + x",
    "1",
    "g",
    "0 + g",
    "C(k)",
    "flag",
    "h",
    "C(g, Treatment(reference='b'))",
    "C(g, Sum) + C(h, Helmert) + C(k, Poly)",
    "C(g, Diff)",
    "C(g, levels=['c', 'a', 'b'])",
    "g*h",
    "g:h",
    "0 + g:h",
    "g*x",
    "g:x",
    "C(g, Sum):C(h, Sum):z",
    "flag*h*z",
    "np.log(x) + np.sqrt(x) + np.exp(-x) + np.log1p(x)",
    "np.log(x)*g",
    "I(x**2) + I(x**3) + I(x*z) + I(x/z) + I(1/x) + I(x**-2) + I(x**0.5)",
    "I((x - 2.5)**2) + I(-z) + I(+z) + np.power(z, 2) + np.square(x)",
    "Q('odd name (cm)') + I(Q('odd name (cm)')**2)",
    "center(x) + standardize(z) + scale(k, ddof=1)",
    "standardize(x, center=False) + standardize(z, rescale=False)",
    "center(np.log(x))",
    "np.log(center(x) + 10)",
    "bs(x, df=5)",
    "bs(x, df=6, degree=2, include_intercept=True) - 1",
    "bs(x, knots=[1.5, 3], degree=1)",
    "bs(x, df=4, degree=0)",
    "bs(x, df=4, lower_bound=0, upper_bound=6)",
    "g:bs(x, df=4)",
    "bs(x/2, df=4)",
    "cr(x, df=4)",
    "cr(x, df=3, constraints='center') + cr(z, df=3)",
    "te(cr(x, df=3), cr(z, df=3), constraints='center')",
    "te(cr(x, df=3), cr(z, df=3)) - 1",
    "I(x > 2)",
    "I((x > 2) & (z <= 0)) + I(~(x > 1))",
    "I((x > 2) + (z > 1))",
    "I((x > 2)*1.0) + I((x > CUT)*z)",
    "np.where(x > CUT, x, 0)",
    "np.maximum(x - 2, 0) + np.minimum(z, 0) + np.clip(x, 1, 3)",
    "x.clip(lower=2) + z.abs() + I((z > 0).astype(int))",
    "I(g == 'b') + I(g.isin(['a', 'c']))",
    "I(k // 2) + I(k % 2)",
    "np.abs(z) + abs(x) + pow(x, 2)",
    "z.fillna(0)",
    "np.hypot(x, z) + np.logical_and(x > 1, z > 0) + np.logical_not(z > 1)",
    "np.round(z, 1) + round(x) + x.round(2) + np.rint(z) + np.round(k/3, decimals=1)",
    "C(np.round(x))",
    "pd.cut(x, [0, 1, 2.5, 6])",
    "pd.cut(k, bins=[-1, 0, 2, 4], right=False)",
    "C(pd.cut(x, [0, 1, 2.5, 6], labels=['low', 'mid', 'top']), Sum)*z",
    "pd.cut(x, [0, 1, 2.5, 6], labels=False)",
    "g.map({'a': 1, 'b': 2.5, 'c': -1}) + k.map({0: 1, 1: 0, 2: 5, 3: 3})",
]
TURNING = [
    "np.sin(2*np.pi*x/5) + np.cos(2*np.pi*x/5)",
    "cc(x, df=4)",
    "te(cr(x, df=3), cc(z, df=3))",
]
FORMULAIC = [
    "x*z + k",
    "0 + x",
    "g",
    "C(k)",
    "flag",
    "h",
    "C(g, contr.treatment(base='b'))",
    "C(g, contr.sum) + C(h, contr.helmert) + C(k, contr.poly)",
    "C(g, Sum) + C(h, contr.diff)",
    "g*h",
    "g:h",
    "g*x",
    "flag:h:z",
    "log(x) + np.sqrt(x) + I(x**2)",
    "np.log(x):g",
    "center(x) + scale(z) + standardize(k)",
    "bs(x, df=5)",
    "bs(x, df=5, extrapolation='clip')",
    "bs(x, df=5, extrapolation='extend')",
    "bs(x, df=5, extrapolation='na')",
    "bs(x, df=5, extrapolation='zero')",
    "bs(x, df=4, include_intercept=True) - 1",
    "g:bs(x, df=4)",
    "cr(x, df=4) + cr(z, df=3, constraints='center')",
    "cs(x, df=4, extrapolation='raise')",
    "poly(x, 3) + poly(z, 2, raw=True)",
    "I(x > 2) + I((x > 2)*z)",
]


def used(results: object) -> pd.DataFrame:
    """Return the columns of the training data that a formula reads, two where it reads none."""
    return FRAME[[f.name for f in cf.read(results).inputs] or ["x", "z"]]


@pytest.mark.parametrize("terms", PATSY)
def test_a_formula_of_patsy_and_ours_agree(terms):
    results = fitted(smf.ols(f"y ~ {terms}", FRAME).fit)
    check(Asked(results), used(results), 1e-11)


@pytest.mark.parametrize("terms", TURNING)
def test_periodic_terms_agree_but_far_outside(terms):
    results = fitted(smf.ols(f"y ~ {terms}", FRAME).fit)
    check(Asked(results), used(results), 1e-11, turns=True)


@formulaic_only
@pytest.mark.parametrize("terms", FORMULAIC)
def test_a_formula_of_formulaic_and_ours_agree(terms):
    results = by_formulaic(lambda: smf.ols(f"y ~ {terms}", FRAME).fit())
    check(AskedByFormulaic(results), used(results), 1e-11)


@pytest.mark.parametrize(
    "terms", ["I(flag * z)", "I(flag & (x > 2))", "I(~flag)", "I(flag + flag)"]
)
def test_arithmetic_with_truths_is_that_of_pandas(terms):
    results = fitted(smf.ols(f"y ~ {terms}", FRAME).fit)
    formula, rows = cf.read(results), used(results)
    assert np.allclose(formula(rows), results.predict(rows), rtol=1e-12, atol=0)
    assert formula.verify(results, rows).ok


def test_a_spline_of_what_may_be_missing_is_refused_beyond_its_knots_all_the_same():
    results = fitted(smf.ols("y ~ bs(np.log(x), df=4)", FRAME).fit)
    certificate = cf.read(results).verify(results, FRAME[["x"]])
    assert certificate.ok, str(certificate)  # rows made up: the logarithm of −1 beside log(48)


@pytest.mark.parametrize("kind", ["int8", "int16", "float32"])
def test_functions_of_narrow_columns_are_compared_within_the_rounding_of_numpy(kind):
    frame = FRAME.assign(narrow=(FRAME.x * 20).astype(kind))
    results = fitted(smf.ols("y ~ np.log(narrow) + z", frame).fit)
    formula = cf.read(results)
    assert formula.trail[0].found["precision"]["y"]["dtype"] == (
        "float16" if kind == "int8" else "float32"
    )
    assert formula.verify(results, frame).ok
    wide = frame.astype({"narrow": float})
    assert np.allclose(formula(wide), results.predict(wide), rtol=0, atol=1e-12)


@formulaic_only
def test_a_step_of_formulaic_is_0_where_its_number_is_missing():
    results = by_formulaic(lambda: smf.ols("y ~ bs(x, df=3, degree=0)", FRAME).fit())
    check(AskedByFormulaic(results), used(results))


def test_a_formula_is_over_the_raw_columns_of_the_data():
    results = fitted(smf.ols("y ~ np.log(x)*g + C(k) + I(z**2)", FRAME).fit)
    formula = cf.read(results)
    assert [f.name for f in formula.inputs] == ["g", "k", "x", "z"]
    by_name = {f.name: f for f in formula.inputs}
    assert by_name["g"].categories == ("a", "b", "c")
    assert not by_name["g"].unseen
    assert not by_name["x"].missing
    one = FRAME.iloc[[3]]
    assert formula({name: one[name].item() for name in by_name}) == pytest.approx(
        results.predict(one).item(), rel=1e-12
    )


REFUSED = {
    "own(x)": "own",
    "I(x - x.mean())": "mean",
    "I(x.rank())": "rank",
    "I(x.shift(1).fillna(0))": "shift",
    "np.i0(x)": "i0",
    "I(x // 0.5)": "x // 0.5",
    "C(pd.cut(x, 3))": "cut",
    "C(pd.cut(x, [0, 2, 6], labels=['a', 'b']), levels=['b', 'a'])": "not its bins in order",
    "pd.cut(x, [0, 2, 6], include_lowest=True)": "include_lowest",
    "pd.Series(x.values)": "Series",
    "OTHER": "OTHER",
    "C(g + h.astype(object))": "astype",
    "C(g + g)": "makes text of other columns",
    "np.round(x, -1)": "np.round(x, -1)",
    "g.map({'a': 'u', 'b': 'v', 'c': 'w'})": "map",
    "I(x[::1])": "x[::1]",
}


@pytest.mark.parametrize("terms", REFUSED)
def test_code_without_a_formula_is_refused_by_name(terms):
    results = fitted(lambda: smf.ols(f"y ~ z + {terms}", FRAME).fit())
    with pytest.raises(cf.errors.UnsupportedModel) as caught:
        cf.read(results)
    assert REFUSED[terms] in str(caught.value)


def test_all_terms_without_a_formula_are_named_at_once():
    results = fitted(smf.ols("y ~ np.i0(x) + np.spacing(z) + g", FRAME).fit)
    with pytest.raises(cf.errors.UnsupportedModel) as caught:
        cf.read(results)
    assert len(caught.value.problems) == 2


def test_no_code_of_a_formula_is_run(monkeypatch):
    results = fitted(smf.ols("y ~ np.log(x) + bs(z, df=4) + C(g)", FRAME).fit)

    def forbidden(*_):
        raise AssertionError("run")

    for info in spec_of(results.model.data).factor_infos.values():
        monkeypatch.setattr(info.state["eval_env"], "eval", forbidden)
    cf.read(results)


def clipped_data():
    return FRAME.assign(low=np.minimum(FRAME.x, 1.5), high=np.maximum(FRAME.x, 3))


TIED = ["bs(low, df=8)", "bs(high, df=8)", "bs(low, df=6, degree=1)", "bs(low, df=5, degree=0)"]


@pytest.mark.parametrize("terms", [*TIED, "bs(k, df=4)"])
def test_splines_with_knots_at_their_ends_agree_where_a_value_is_missing_too(terms):
    frame = clipped_data()
    results = fitted(smf.ols(f"y ~ {terms}", frame).fit)
    check(Asked(results), frame[[f.name for f in cf.read(results).inputs]], 1e-11)


@pytest.mark.parametrize("count", [1, 2])
def test_cyclic_splines_of_few_stretches_are_as_patsy_makes_them(count):
    results = fitted(smf.ols(f"y ~ cc(x, df={count})", FRAME).fit)
    check(Asked(results), FRAME[["x"]], 1e-11, turns=True)


COMPUTED = ["C(np.where(x > 2, 'hi', 'lo'))", "C(np.floor(x))*g", "C(x > 2)*C(flag)", "C(k % 2)"]


@pytest.mark.parametrize("terms", COMPUTED)
def test_categories_may_be_computed(terms):
    results = fitted(smf.ols(f"y ~ {terms}", FRAME).fit)
    formula, rows = cf.read(results), used(results)
    assert np.allclose(formula(rows), results.predict(rows), rtol=1e-12, atol=1e-14)
    certificate = formula.verify(results, rows)
    assert certificate.ok, str(certificate)


@formulaic_only
def test_names_in_backticks_are_columns():
    import statsmodels.formula

    def train():
        options, before = statsmodels.formula.options, statsmodels.formula.options.ordering
        options.ordering = "degree"  # the usual one trips over a space in a name
        try:
            return smf.ols("y ~ `odd name (cm)`*z + np.exp(`odd name (cm)`)", FRAME).fit()
        finally:
            options.ordering = before

    results = by_formulaic(train)
    formula = check(AskedByFormulaic(results), used(results))
    assert [f.name for f in formula.inputs] == ["odd name (cm)", "z"]


def test_a_sum_of_1000_columns_in_one_term_is_read():
    terms = "I(" + " + ".join(["x", "z"] * 500) + ")"
    results = fitted(smf.ols(f"y ~ {terms}", FRAME).fit)
    assert np.allclose(cf.read(results)(FRAME), results.predict(FRAME), rtol=1e-12)


def test_many_levels_are_one_table():
    draw = np.random.default_rng(1)
    frame = pd.DataFrame({"id": draw.integers(0, 300, 2000).astype(str)}).assign(
        x=draw.normal(size=2000), y=draw.normal(size=2000)
    )
    results = fitted(smf.ols("y ~ id*x", frame).fit)
    formula = cf.read(results)
    assert len(formula.nodes) < 10
    assert len(str(formula)) < 2000
    assert np.allclose(formula(frame), results.predict(frame), rtol=1e-10, atol=1e-12)


def test_a_forgotten_logarithm_is_named():
    results = fitted(smf.ols("y ~ np.log(x) + z", FRAME).fit)
    a, b, c = results.params
    found = cf.read(results).compare(f"{a} + {b}*x + {c}*z", FRAME)
    assert "np.log(x) is missing" in str(found)


def test_conditions_print_as_indicators():
    results = fitted(smf.ols("y ~ I(x > 2) + z", FRAME).fit)
    assert "[x > 2]" in str(cf.read(results))


PIECES = [
    "x", "z", "g", "flag", "np", "np.log", "(", ")", "(x)", "[0]", ".clip(", ".shift(1)", "+", "**",
    "//", "%", "==", "'a'", "2", "1e400", "None", "lambda: 0", "~", "&", " and ", ", ", "*x", "C(",
    "__import__('os').getpid()", "bs(x)", "if x else z", "{}", "f'{x}'", ":=", "np.linalg.inv(",
    "{'a': 1}", "{**x}", ".map(",
]  # fmt: skip


def test_any_code_is_read_or_refused_and_never_run(monkeypatch):
    from closedform.ir import Node
    from closedform.ops import input_
    from closedform.readers.statsmodels.expressions import Frame, Scope, value_of
    from closedform.readers.statsmodels.functions import called

    monkeypatch.setattr("os.getpid", lambda: pytest.fail("run"))
    names = ["x", "z", "g", "flag"]
    scope = Scope(
        Frame(frozenset(names), frozenset(["flag"])),
        objects={"np": np},
        nodes={name: input_(i) for i, name in enumerate(names)},
        functions=called,
    )
    draw = np.random.default_rng(5)
    read = 0
    with np.errstate(all="ignore"):
        for _ in range(3000):
            code = "".join(draw.choice(PIECES, draw.integers(1, 7)))
            read += isinstance(value_of(code, scope), Node)
    assert read > 20
