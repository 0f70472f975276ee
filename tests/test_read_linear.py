"""Linear models: every estimator and option against its own predictions."""

import numpy as np
import pytest
from sklearn import discriminant_analysis as da
from sklearn import dummy, svm
from sklearn import linear_model as lm
from sklearn.linear_model import LogisticRegression

import closedform as cf
import made_up as data
from battery import Case, ask, check_reader, fit, installed, own_names, told
from closedform.formula import Task
from closedform.readers.reading import Reading
from closedform.readers.sklearn.dispatch import transformed

CASES = [
    Case(lm.LinearRegression(), data.numbers),
    Case(lm.LinearRegression(), data.frame),
    Case(lm.LinearRegression(fit_intercept=False), data.numbers),
    Case(lm.LinearRegression(positive=True), data.numbers),
    Case(lm.LinearRegression(), data.two_numbers),
    Case(lm.LinearRegression(fit_intercept=False), data.two_numbers),
    Case(lm.LinearRegression(), data.one_column),
    Case(lm.LinearRegression(), data.same_columns),
    Case(lm.LinearRegression(), data.constant),
    Case(lm.Ridge(alpha=0.1, solver="lsqr"), data.frame),
    Case(lm.Ridge(fit_intercept=False), data.two_numbers),
    Case(lm.RidgeCV(alphas=[0.1, 1]), data.numbers),
    Case(lm.Lasso(alpha=0.1), data.frame),
    Case(lm.Lasso(alpha=1e9), data.numbers, note="all weights 0"),
    Case(lm.Lasso(alpha=0.1), data.two_numbers),
    Case(lm.LassoCV(cv=3), data.numbers),
    Case(lm.LassoLars(alpha=0.01), data.numbers),
    Case(lm.LassoLarsCV(cv=3), data.numbers),
    Case(lm.LassoLarsIC(), data.numbers),
    Case(lm.Lars(n_nonzero_coefs=2), data.two_numbers),
    Case(lm.LarsCV(cv=3), data.numbers),
    Case(lm.ElasticNet(alpha=0.1, fit_intercept=False), data.numbers),
    Case(lm.ElasticNetCV(cv=3), data.numbers),
    Case(lm.MultiTaskLasso(alpha=0.1), data.two_numbers),
    Case(lm.MultiTaskLassoCV(cv=3), data.two_numbers),
    Case(lm.MultiTaskElasticNet(alpha=0.1), data.two_numbers),
    Case(lm.MultiTaskElasticNetCV(cv=3), data.two_numbers),
    Case(lm.OrthogonalMatchingPursuit(n_nonzero_coefs=2), data.numbers),
    Case(lm.OrthogonalMatchingPursuitCV(cv=3), data.numbers),
    Case(lm.BayesianRidge(), data.numbers),
    Case(lm.ARDRegression(), data.numbers),
    Case(lm.HuberRegressor(epsilon=1.2), data.standard_numbers),
    Case(lm.QuantileRegressor(quantile=0.8, alpha=0.01), data.standard_numbers),
    Case(lm.TheilSenRegressor(random_state=0, max_subpopulation=200), data.one_column),
    Case(lm.RANSACRegressor(random_state=0), data.numbers),
    Case(lm.SGDRegressor(random_state=0, average=True), data.standard_numbers),
    Case(lm.SGDRegressor(random_state=0, fit_intercept=False), data.standard_numbers),
    Case(svm.LinearSVR(random_state=0), data.standard_numbers),
    Case(lm.PoissonRegressor(alpha=0.1), data.counts),
    Case(lm.PoissonRegressor(fit_intercept=False), data.counts),
    Case(lm.GammaRegressor(alpha=0.1), data.positive),
    Case(lm.TweedieRegressor(power=1.5), data.counts),
    Case(lm.TweedieRegressor(power=0), data.counts),
    Case(lm.TweedieRegressor(power=1.5, link="identity", fit_intercept=True), data.positive),
    Case(lm.TweedieRegressor(power=0, link="log"), data.positive),
    Case(LogisticRegression(), data.two_classes),
    Case(LogisticRegression(fit_intercept=False), data.truths),
    Case(LogisticRegression(), data.three_classes),
    Case(LogisticRegression(C=1e6, solver="newton-cholesky"), data.standard_three),
    Case(LogisticRegression(solver="liblinear"), data.standard_two),
    Case(LogisticRegression(C=1e-9), data.five_texts, note="weights near 0"),
    Case(installed(LogisticRegression, multi_class="ovr"), data.standard_three),
    Case(installed(LogisticRegression, multi_class="multinomial"), data.standard_two),
    Case(lm.LogisticRegressionCV(Cs=2, cv=3), data.standard_three),
    Case(lm.SGDClassifier(loss="log_loss", random_state=0), data.standard_two),
    Case(lm.SGDClassifier(loss="log_loss", random_state=0), data.standard_three),
    Case(lm.SGDClassifier(loss="modified_huber", random_state=0), data.two_classes),
    Case(lm.SGDClassifier(loss="modified_huber", random_state=0), data.five_texts),
    Case(lm.SGDClassifier(random_state=0), data.five_texts),
    Case(lm.Perceptron(random_state=0), data.standard_three),
    Case(lm.RidgeClassifier(), data.two_classes),
    Case(lm.RidgeClassifier(), data.five_texts),
    Case(lm.RidgeClassifier(), data.one_class),
    Case(lm.RidgeClassifierCV(), data.three_classes),
    Case(svm.LinearSVC(random_state=0), data.standard_two),
    Case(svm.LinearSVC(random_state=0, multi_class="crammer_singer"), data.standard_three),
    Case(da.LinearDiscriminantAnalysis(), data.two_classes),
    Case(da.LinearDiscriminantAnalysis(), data.five_texts),
    Case(da.LinearDiscriminantAnalysis(), data.same_columns_two_classes),
    Case(da.LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto"), data.three_classes),
    Case(da.LinearDiscriminantAnalysis(solver="eigen", priors=[0.8, 0.2]), data.truths),
    Case(dummy.DummyRegressor(), data.frame, rtol=0),
    Case(dummy.DummyRegressor(strategy="quantile", quantile=0.3), data.two_numbers, rtol=0),
    Case(dummy.DummyRegressor(strategy="constant", constant=7), data.holes, rtol=0),
    Case(dummy.DummyClassifier(), data.five_texts, rtol=0),
    Case(dummy.DummyClassifier(strategy="most_frequent"), data.truths, rtol=0),
    Case(dummy.DummyClassifier(strategy="constant", constant=-3), data.three_classes, rtol=0),
    Case(dummy.DummyClassifier(), data.one_class, rtol=0),
]
if hasattr(lm, "PassiveAggressiveRegressor"):
    CASES += [
        Case(installed(lm.PassiveAggressiveRegressor, random_state=0), data.standard_numbers),
        Case(installed(lm.PassiveAggressiveClassifier, random_state=0), data.standard_three),
    ]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_linear_model_and_its_formula_agree(case):
    model, rows = case.fitted
    check_reader(model, rows, rtol=case.rtol)


def test_two_discriminant_classes_have_the_sigmoid_of_one_score():
    rows, y = data.truths()
    model = fit(da.LinearDiscriminantAnalysis(), rows, y)
    formula = cf.read(model)
    scores = model.decision_function(rows)
    assert np.ptp(scores) > 1  # or sigmoid(d) and softmax(-d, d) would look alike
    np.testing.assert_allclose(formula(rows, "P(True)"), 1 / (1 + np.exp(-scores)), rtol=1e-9)
    np.testing.assert_allclose(formula(rows, "P(True)"), model.predict_proba(rows)[:, 1], rtol=1e-9)


def test_no_class_is_sure_where_every_one_against_the_rest_says_no():
    rows, y = data.three_classes()
    model = fit(lm.SGDClassifier(loss="modified_huber", random_state=0), rows, y)
    model.intercept_ -= 1e9  # every score is below -1, every chance is 0
    chances = ask(model, "predict_proba", rows)
    assert (chances == 1 / 3).all()
    ours = cf.read(model).evaluate(rows)
    assert all((ours[f"P({c})"] == 1 / 3).all() for c in (-3, 7, 10))


def test_sparse_weights_are_read_as_dense_ones():
    rows, y = data.standard_three()
    model = fit(lm.SGDClassifier(penalty="l1", random_state=0), rows, y).sparsify()
    check_reader(model, rows)


def test_huge_scores_have_chances_of_0_and_1_not_nan():
    rows, y = data.three_classes()
    model = fit(LogisticRegression(), rows, y)
    model.coef_ = model.coef_ * 1e4
    check_reader(model, rows)


def test_links_are_remembered_as_stages():
    rows, y = data.counts()
    formula = cf.read(fit(lm.PoissonRegressor(), rows, y))
    assert [(s.name, s.kind) for s in formula.stages] == [("log", "link")]
    rows, y = data.standard_three()
    stage = cf.read(fit(LogisticRegression(), rows, y)).stages[0]
    assert (stage.name, stage.kind) == ("softmax", "link")
    assert [name for name, _ in stage.after] == ["P(-3)", "P(7)", "P(10)"]


@pytest.mark.parametrize(
    ("model", "make", "what"),
    [
        (dummy.DummyClassifier(strategy="stratified"), data.truths, "at random"),
        (dummy.DummyClassifier(strategy="uniform"), data.truths, "at random"),
    ],
    ids=told,
)
def test_what_has_no_formula_is_said_with_a_hint(model, make, what):
    rows, y = make()
    with pytest.raises(cf.UnsupportedModel, match=what) as caught:
        cf.read(fit(model, rows, y), names=own_names(model, rows))
    assert caught.value.hint


@pytest.mark.parametrize("solver", ["svd", "eigen"])
def test_discriminant_axes_are_columns_like_those_of_any_transformer(solver):
    rows, y = data.five_texts()
    model = fit(da.LinearDiscriminantAnalysis(solver=solver, n_components=2), rows, y)
    reading = Reading(("a", "b", "c", "d"))
    made = transformed(model, reading.columns(), reading)
    formula = reading.formula(dict(made), Task("transform"), "", "")
    ours = np.column_stack(list(formula.evaluate(rows).values()))
    np.testing.assert_allclose(ours, model.transform(rows), rtol=1e-9, atol=1e-9)


def test_chances_whose_sigmoids_are_0_for_the_model_are_shared_out_as_there():
    """1 / (1 + exp(720)) is 1e-313, and 0 in scikit-learn, whose exp(720) is infinite."""
    rows, y = data.five_texts()
    model = fit(lm.SGDClassifier(loss="log_loss", random_state=0), rows, y)
    model.coef_ = np.zeros_like(model.coef_)
    model.intercept_ = -np.linspace(715, 735, len(model.classes_))
    formula = cf.read(model)
    expected = np.broadcast_to(ask(model, "predict_proba", rows[:3]), (3, len(model.classes_)))
    for name, chances in zip(formula.task.probability, expected.T, strict=True):
        np.testing.assert_array_equal(formula(rows[:3], name), chances)
