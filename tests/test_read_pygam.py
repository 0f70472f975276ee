"""pygam: splines, factors, lines and tensors of them, with every link, against `predict`."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import closedform as cf
import made_up as data
from battery import as_columns, close
from battery_rows import kinds_of_rows

pygam = pytest.importorskip("pygam")

from pygam import f, l, s, te  # noqa: E402
from pygam.distributions import BinomialDist  # noqa: E402
from pygam.links import LogLink  # noqa: E402


def smooth():
    """Return two numbers, a category from 0 on, a narrow number; and a target."""
    draw = np.random.default_rng(0)
    x = np.column_stack(
        [draw.normal(size=200), draw.uniform(0, 10, 200), draw.integers(0, 4, 200),
         draw.uniform(5, 6, 200)]
    )  # fmt: skip
    return x, np.sin(x[:, 0]) + x[:, 1] / 10 + x[:, 2] + draw.normal(size=200) / 9


def positive():
    x, y = smooth()
    return x, np.abs(y) + 0.5


def truths():
    x, y = smooth()
    return x, y > 2


def shares():
    x, y = smooth()
    return x, (y > 2).astype(float)


def counts():
    x, y = smooth()
    return x, np.abs(y).round()


def gaps():
    x, y = smooth()
    return np.column_stack([x[:, :2], np.where(x[:, 2] == 3, 7, x[:, 2]), x[:, 3]]), y


def moments():
    """Return seconds since 1970, so near to each other that x − a must be taken first."""
    x, y = smooth()
    return np.column_stack([1.6e9 + x[:, 0], 1.6e9 + 86400 * x[:, 1].round(), x[:, 2:]]), y


def flat():
    x, y = smooth()
    return np.column_stack([np.full(200, 3.0), x[:, 1:]]), y


def constant():
    return smooth()[0], np.full(200, 2.5)


def linear(terms, **options):
    return pygam.LinearGAM(terms, **options)


def general(distribution, link, **options):
    terms = s(0, n_splines=6) + l(1)
    return pygam.GAM(terms, distribution=distribution, link=link, max_iter=10, **options)


ORDERS = [
    (linear(s(0, spline_order=k, n_splines=8) + s(1, spline_order=k, n_splines=k + 1)), smooth)
    for k in range(6)
]
PERIODIC = [
    (linear(s(0, spline_order=k, n_splines=8, basis="cp") + l(1)), smooth) for k in range(5)
]
LINKS = [
    *((general(d, link), positive) for d in ("normal", "gamma") for link in ("inverse", "log")),
    *((general(d, "identity"), positive) for d in ("normal", "poisson", "gamma", "inv_gauss")),
    *((general("binomial", link), shares) for link in ("logit", "log", "identity")),
    (general("poisson", "log"), counts),
    (general("inv_gauss", "inv_squared", tol=1e9), positive),
    (general(BinomialDist(levels=1), "logit"), shares),
]
MODELS = [
    (pygam.LinearGAM(), smooth),
    (linear(s(0) + l(1) + f(2) + te(0, 3) + s(3, by=1)), smooth),
    (linear(f(2, coding="dummy") + l(0), fit_intercept=False), smooth),
    (linear(f(2)), gaps),
    (linear(s(2, dtype="categorical", n_splines=4, spline_order=0)), smooth),
    (linear(s(0, edge_knots=[-1, 1]) + s(1, edge_knots=[20, -5])), smooth),
    (linear(s(0, penalties=None, lam=0.1) + s(1, lam=100)), smooth),
    (linear(te(s(0, n_splines=5), f(2)) + te(s(0, n_splines=5, by=1), l(3))), smooth),
    (linear(te(0, 1, by=3, n_splines=5)), smooth),
    (linear(te(l(0), f(2, coding="dummy"))), smooth),
    (linear(pygam.intercept), smooth),
    (linear(s(0) + s(1)), moments),
    (linear(s(0) + s(1)), flat),
    (linear(s(0)), data.one_column),
    (pygam.LogisticGAM(s(0) + f(2)), truths),
    (pygam.LogisticGAM(s(0), lam=1e-3), truths),
    (pygam.PoissonGAM(s(0) + s(1)), counts),
    (pygam.GammaGAM(s(0) + s(1)), positive),
    (pygam.InvGaussGAM(s(0)), positive),
    (pygam.ExpectileGAM(s(0), expectile=0.8), smooth),
]  # fmt: skip


FLAT = [
    (linear(s(0, constraints="monotonic_inc") + s(1, constraints="concave")), smooth),
    (linear(s(0)), constant),
]
WOUND = [
    (linear(te(0, 1, 3, n_splines=[4, 5, 6], spline_order=[1, 2, 3], basis=["ps", "cp", "ps"])),
     smooth),
    *PERIODIC,
]  # fmt: skip


def told(case):
    model, rows = case
    return f"{type(model).__name__}-{model.terms}-{model.link}-{rows.__name__}"


def fitted(model, rows_and_y):
    x, y = rows_and_y()
    return model.fit(x, y), x


def expected_of(model, x):
    """Return what a model predicts; NaN for rows that it refuses."""
    said = []
    for row in x:
        try:
            with np.errstate(all="ignore"):
                said.append(float(np.ravel(model.predict(row[None]))[0]))
        except ValueError:
            said.append(np.nan)
    return np.array(said)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("case", MODELS + ORDERS + LINKS + WOUND + FLAT, ids=told)
def test_a_model_of_pygam_and_its_formula_agree(case):
    model, x = fitted(*case)
    formula = cf.read(model)
    plain = cf.read(model, fold=False)
    for kind, rows in kinds_of_rows(model, x):
        rows = rows[:100]
        expected = expected_of(model, rows)
        for made in (formula, plain):
            ours = as_columns(made(rows))[:, 0]
            ours = np.array([np.nan if v is None else float(v) for v in ours])
            close(ours, expected, 1e-9, kind)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("case", MODELS + ORDERS + LINKS, ids=told)
def test_a_certificate_finds_no_row_that_differs(case):
    model, x = fitted(*case)
    certificate = cf.read(model).verify(model, x)
    assert certificate.ok, certificate


def failing(certificate):
    return {kind for check in certificate.checks for kind in check.failing}


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("case", WOUND, ids=told)
def test_of_periodic_columns_only_rows_at_1e30_differ(case):
    # 1e30 less whole periods: nothing is left of the row but rounding, in the model as here.
    model, x = fitted(*case)
    assert failing(cf.read(model).verify(model, x)) <= {"huge"}


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("case", FLAT, ids=told)
def test_of_flat_ends_only_rows_far_outside_differ_and_by_little(case):
    # The slope of such an end is a sum that cancels: 1e-10, of terms of 1 that round by 1e-16.
    model, x = fitted(*case)
    certificate = cf.read(model).verify(model, x)
    assert failing(certificate) <= {"far", "huge"}
    assert max(check.worst_relative for check in certificate.checks) < 1e-5


def test_a_column_of_categories_has_the_edges_of_the_model_in_every_bit():
    model, x = fitted(linear(f(2)), gaps)
    lo, hi = model.edge_knots_[0]
    formula = cf.read(model)
    for edge in np.linspace(lo, hi, 5).tolist():
        for value in (edge, np.nextafter(edge, -np.inf), np.nextafter(edge, np.inf)):
            row = np.where(np.arange(4) == 2, value, x[:1])
            expected = expected_of(model, row)[0]
            assert formula(row)[0] == expected or np.isnan(expected + formula(row)[0]), value


@pytest.mark.parametrize("term", ["factor", "tensor"])
def test_categories_beyond_the_trained_ones_are_refused_as_by_the_model(term):
    terms = {"factor": f(2), "tensor": te(l(0), f(2))}
    model, x = fitted(linear(terms[term]), smooth)
    formula = cf.read(model)
    for value in (-1.0, 4.0):
        row = np.where(np.arange(4) == 2, value, x[:1])
        with pytest.raises(ValueError, match="out of domain"):
            model.predict(row)
        assert np.isnan(formula(row)[0])


def test_between_two_periods_there_is_a_gap_where_model_and_formula_refuse():
    model, x = fitted(linear(s(0, basis="cp")), smooth)
    formula = cf.read(model)
    start, end = model.edge_knots_[0]
    for beyond, taken in ((0, True), (5e-10, False), (2e-9, True)):
        value = end + beyond * (end - start)
        row = np.where(np.arange(4) == 0, value, x[:1])
        expected = expected_of(model, row)
        assert np.isfinite(expected[0]) == taken
        close(formula(row), expected, 1e-12, value)


def test_a_rounding_below_the_first_period_no_step_is_left():
    model, x = fitted(linear(s(0, basis="cp", spline_order=0, n_splines=5)), smooth)
    formula = cf.read(model)
    start = model.edge_knots_[0][0]
    for value in (start, np.nextafter(start, -np.inf), start - 1e-9):
        row = np.where(np.arange(4) == 0, value, x[:1])
        close(formula(row), expected_of(model, row), 1e-12, value)


def test_a_missing_value_in_any_column_is_refused_even_if_no_term_reads_it():
    model, x = fitted(linear(s(0)), smooth)
    row = np.where(np.arange(4) == 3, np.nan, x[:1])
    with pytest.raises(ValueError, match="NaN"):
        model.predict(row)
    assert np.isnan(cf.read(model)(row)[0])


def test_a_chance_is_missing_where_the_model_divides_infinity_by_itself():
    model, x = fitted(pygam.LogisticGAM(l(0), lam=1e-3), truths)
    row = np.where(np.arange(4) == 0, 1e6 * np.sign(model.coef_[0]), x[:1])
    formula = cf.read(model)
    with np.errstate(all="ignore"):
        assert np.isnan(model.predict_proba(row)).all()
        assert model.predict(row) == [False]
    assert np.isnan(formula(row, "P(True)")).all() and formula(row) == [False]


def test_the_chances_of_both_classes_are_there():
    model, x = fitted(pygam.LogisticGAM(s(0)), truths)
    formula = cf.read(model)
    assert formula.task.classes == (False, True)
    assert np.allclose(formula(x, "P(True)"), model.predict_proba(x), rtol=1e-12)
    assert np.allclose(formula(x, "P(False)"), 1 - model.predict_proba(x), rtol=1e-9)


def test_names_are_given_since_pygam_keeps_none():
    model, _ = fitted(linear(s(0) + l(1)), smooth)
    names = ["petal length (cm)", "lambda", "a.b", "身長"]
    formula = cf.read(model, names=names)
    assert [i.name for i in formula.inputs] == names
    assert "f(`petal length (cm)`)" in str(formula)
    with pytest.raises(cf.BadInput, match="2 names were given for 4 inputs"):
        cf.read(model, names=["a", "b"])


def test_a_pipeline_is_read_although_scikit_learn_no_longer_asks_such_a_model():
    x, y = smooth()
    scaler, model = StandardScaler().fit(x), linear(s(0) + l(1))
    model.fit(scaler.transform(x), y)
    pipe = make_pipeline(StandardScaler(), linear(s(0) + l(1)))
    pipe.steps = [("scale", scaler), ("gam", model)]
    expected = model.predict(scaler.transform(x))
    assert np.allclose(cf.read(pipe)(x), expected, rtol=1e-9)


def test_a_formula_is_saved_and_loaded(tmp_path):
    model, x = fitted(pygam.LogisticGAM(s(0) + te(0, 1, n_splines=5)), truths)
    formula = cf.read(model)
    formula.save(tmp_path / "formula.json")
    assert (cf.load(tmp_path / "formula.json")(x) == formula(x)).all()
    assert len(str(formula)) < 10_000


# --- what is refused ----------------------------------------------------------------------------


def test_a_model_that_was_not_trained_is_told_from_others():
    with pytest.raises(cf.NotFitted, match="This LinearGAM is not fitted"):
        cf.read(linear(s(0)))


class Doubling(pygam.LinearGAM):
    """Predicts twice what it has learned."""

    def predict(self, X):
        return 2 * super().predict(X)


class Shifted(LogLink):
    """A link of the user's own."""

    def mu(self, lp, dist):
        return 1 + super().mu(lp, dist)


def test_a_model_with_a_predict_of_its_own_is_refused():
    x, y = smooth()
    with pytest.raises(cf.UnsupportedModel, match="Doubling has a predict"):
        cf.read(Doubling(s(0)).fit(x, y))


def test_a_link_of_the_user_s_own_is_refused():
    x, y = positive()
    model = pygam.GAM(s(0), distribution="gamma", link="log").fit(x, y)
    model.link = Shifted()
    with pytest.raises(cf.UnsupportedModel, match="link 'log' of this GAM is not known"):
        cf.read(model)


def test_a_tensor_of_too_many_functions_is_refused_with_its_number():
    model, _ = fitted(linear(te(0, 1, n_splines=5)), smooth)
    model.terms[0]._terms *= 4  # as a fit of eight columns would leave it, in a day
    model.coef_ = np.zeros(5**8 + 1)
    with pytest.raises(cf.UnsupportedModel, match="390,625 basis functions"):
        cf.read(model)


@pytest.mark.parametrize("kind", ["float32", "float64"])
def test_knots_of_float32_rows_span_what_they_span_in_float32(kind):
    rows, y = smooth()
    model = pygam.LinearGAM(pygam.s(0) + pygam.s(1)).fit(rows.astype("float32"), y)
    formula, asked = cf.read(model), rows.astype(kind)
    assert formula.trail[0].found["precision"]["y"]["dtype"] == "float32"
    rtol = 1e-12 if kind == "float64" else 32 * 2.0**-23
    expected = model.predict(asked)
    assert np.allclose(formula(asked), expected, rtol=0, atol=rtol * np.abs(expected).max())
    assert formula.verify(model, asked).ok
