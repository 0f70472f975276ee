"""Naive Bayes, quadratic discriminants and nearest centroids against their own predictions."""

import numpy as np
import pandas as pd
import pytest
from sklearn import naive_bayes as nb
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis as QDA
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler

import closedform as cf
import made_up as data
from battery import Case, ask, check_reader, fit, installed
from closedform.errors import UnsupportedModel


def word_counts():
    """Small whole numbers, three classes."""
    draw = np.random.default_rng(6)
    y = draw.integers(0, 3, 80)
    return draw.poisson(np.array([[1, 2, 5], [4, 1, 1], [2, 2, 2]])[y]), np.array(["a", "b", "c"])[
        y
    ]


def word_counts_one_class():
    """Small whole numbers, a single class."""
    x, y = word_counts()
    return x, np.full(len(y), 3)


def truths_as_numbers():
    """Columns of 0 and 1, two classes."""
    x, y = data.two_classes()
    return (x > 0).astype(int), y


def codes():
    """Codes of categories in three columns, two classes; the last column has one category."""
    draw = np.random.default_rng(7)
    x = draw.integers(0, [4, 2, 1], (80, 3))
    return x, (x[:, 0] + draw.integers(0, 3, 80)) > 2


def texts():
    """Two columns of texts, two classes."""
    x, y = codes()
    names = np.array(["red", "blue", "grün", "'"])
    return pd.DataFrame({"a": names[x[:, 0]], "b": names[x[:, 1]]}), y


def identical_rows():
    """Rows of a class that are all the same."""
    x, y = data.three_classes()
    x[y == 7] = x[0]
    return x, y


CASES = [
    Case(nb.GaussianNB(), data.three_classes),
    Case(nb.GaussianNB(), data.two_classes),
    Case(nb.GaussianNB(), data.five_texts),
    Case(nb.GaussianNB(), data.one_class),
    Case(nb.GaussianNB(), identical_rows),
    Case(nb.GaussianNB(priors=[0.7, 0.3]), data.truths),
    Case(nb.GaussianNB(priors=[1, 0]), data.truths),
    Case(nb.GaussianNB(var_smoothing=0.01), data.standard_three),
    Case(nb.MultinomialNB(), word_counts),
    Case(nb.MultinomialNB(), word_counts_one_class),
    Case(nb.MultinomialNB(alpha=0.1, fit_prior=False), word_counts),
    Case(nb.MultinomialNB(alpha=[0.1, 1, 2], class_prior=[0.1, 0.2, 0.7]), word_counts),
    Case(nb.ComplementNB(), word_counts),
    Case(nb.ComplementNB(norm=True), word_counts),
    Case(nb.ComplementNB(), word_counts_one_class),
    Case(nb.BernoulliNB(), data.three_classes),
    Case(nb.BernoulliNB(binarize=1.5, alpha=0.1), word_counts),
    Case(nb.BernoulliNB(binarize=0.2, fit_prior=False), data.one_class),
    Case(nb.BernoulliNB(binarize=None), truths_as_numbers),
    Case(nb.CategoricalNB(), codes),
    Case(nb.CategoricalNB(min_categories=5, alpha=0.2), codes),
    Case(nb.CategoricalNB(fit_prior=False), codes),
    Case(QDA(), data.standard_three),
    Case(QDA(tol=1e-8), data.two_classes),
    Case(QDA(reg_param=0.3, priors=[0.1, 0.9]), data.truths),
    Case(QDA(reg_param=0.1), data.same_columns_two_classes),
    Case(QDA(store_covariance=True, tol=1e-6), data.standard_three),
    Case(installed(QDA, solver="eigen", shrinkage="auto"), data.standard_three),
    Case(NearestCentroid(), data.three_classes),
    Case(NearestCentroid(), data.two_classes),
    Case(NearestCentroid(shrink_threshold=0.5), data.standard_three),
    Case(NearestCentroid(metric="manhattan"), data.five_texts),
    Case(installed(NearestCentroid, priors="empirical"), data.five_texts),
    Case(installed(NearestCentroid, priors=[0.6, 0.4]), data.two_classes),
    Case(installed(NearestCentroid, priors="empirical", metric="manhattan"), data.standard_three),
    Case(make_pipeline(StandardScaler(), nb.GaussianNB()), data.two_classes),
    Case(make_pipeline(StandardScaler(), QDA()), data.three_classes),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_bayesian_model_and_its_formula_agree(case):
    model, rows = case.fitted
    check_reader(model, rows, rtol=case.rtol)


def test_categories_are_truncated_numbers_and_others_are_refused():
    rows, y = codes()
    model = fit(nb.CategoricalNB(), rows, y)
    tried = np.array([[2.9, 0.0, -0.5], [-0.9, 1.99, 0.0], [3.0, 1.0, 0.99]])
    np.testing.assert_allclose(
        cf.read(model)(tried, "P(True)"), model.predict_proba(tried)[:, 1], rtol=1e-12
    )
    outside = np.array([[4.0, 0.0, 0.0], [0.0, -1.0, 0.0], [0.0, 0.0, 1.0]])
    for row in outside:
        with pytest.raises((ValueError, IndexError)):
            model.predict([row])
    made = cf.read(model).evaluate(outside)
    assert all(pd.isna(values).all() for values in made.values())


def test_encoded_texts_reach_a_categorical_model():
    rows, y = texts()
    model = make_pipeline(OrdinalEncoder(), nb.CategoricalNB())
    check_reader(fit(model, rows, y), rows)


def test_an_unknown_text_that_is_encoded_as_minus_one_is_refused():
    rows, y = texts()
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    model = fit(make_pipeline(encoder, nb.CategoricalNB()), rows, y)
    tried = pd.DataFrame({"a": ["red", "never seen"], "b": ["blue", "blue"]})
    with pytest.raises(ValueError, match="Negative values"):
        model.predict(tried)
    assert cf.read(model)(tried)[1] is None
    assert cf.read(model)(tried[:1])[0] == model.predict(tried[:1])[0]


def test_parameters_that_make_every_prediction_nan_are_refused():
    rows, y = word_counts()
    rows[:, 0] = np.where(y == "a", 0, rows[:, 0])
    with pytest.raises(UnsupportedModel, match="alpha above 0"):
        cf.read(fit(nb.MultinomialNB(alpha=0, force_alpha=True), rows, y))
    same = np.column_stack([rows, np.ones(len(rows))])
    with pytest.raises(UnsupportedModel, match="var_smoothing above 0"):
        cf.read(fit(nb.GaussianNB(var_smoothing=0), same, y))


def test_a_category_that_a_class_has_never_seen_rules_it_out():
    rows, y = codes()
    rows[y, 0] = np.maximum(rows[y, 0], 1)
    model = fit(nb.CategoricalNB(alpha=0, force_alpha=True), rows, y)
    never = rows[:, 0] == 0
    assert (ask(model, "predict_proba", rows)[never, 1] == 0).all()
    assert (cf.read(model)(rows, "P(True)")[never] == 0).all()
    check_reader(model, rows)


def test_two_gaussian_classes_are_printed_as_two_squared_distances():
    rows, y = data.two_classes()
    formula = cf.read(fit(nb.GaussianNB(), rows, y))
    squares = [n for n in formula.nodes if n.op.name == "squared_distance"]
    assert len(squares) == 2 and len(str(formula)) < 4000


@pytest.mark.skipif("priors" not in NearestCentroid().get_params(), reason="no chances in 1.4")
def test_a_label_that_other_scores_decide_than_the_chances_is_printed_with_its_own():
    rows, y = data.three_classes()
    formula = cf.read(fit(NearestCentroid(), rows, y))
    best = np.array(formula.task.classes)[np.argmax(
        [formula(rows, f"decision({c})") for c in formula.task.classes], axis=0)]  # fmt: skip
    assert (best != formula(rows)).any()
    assert "greatest" not in str(formula) and "when v1 = v3" in str(formula)


def test_a_discriminant_is_no_linear_model():
    rows, y = data.truths()
    curved, plane = fit(QDA(tol=1e-9), rows, y), fit(LogisticRegression(), rows, y)
    assert (cf.read(curved)(rows) == curved.predict(rows)).all()
    assert (cf.read(curved)(rows * 50) != cf.read(plane)(rows * 50)).any()
