"""Neighbours against their own predictions: votes, means, radii, spread labels, outliers."""

import time

import numpy as np
import pandas as pd
import pytest
from sklearn import neighbors as nn
from sklearn.ensemble import BaggingClassifier, BaggingRegressor
from sklearn.impute import KNNImputer
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.semi_supervised import LabelPropagation, LabelSpreading

import closedform as cf
import made_up as data
from battery import Case, ask, check_reader, fit, told
from closedform.errors import UnsupportedModel
from programs import run

K, R = nn.KNeighborsClassifier, nn.KNeighborsRegressor
RK, RR = nn.RadiusNeighborsClassifier, nn.RadiusNeighborsRegressor


def some_unlabelled():
    """Three classes, half of the rows without a label (−1)."""
    x, y = data.standard_three()
    return x, np.where(np.arange(len(y)) % 2, np.abs(y), -1)


def standard_holes():
    """Missing values in three columns of one size."""
    x, y = data.standard_numbers()
    x.iloc[::7, 0] = np.nan
    x.iloc[::5, 1] = np.nan
    x.iloc[3::9, 3] = np.nan
    return x, y


def an_empty_column():
    """Missing values, and a column without any value."""
    x, y = standard_holes()
    x.iloc[:, 2] = np.nan
    return x, y


def few_values():
    """Columns with fewer values than neighbours are asked for."""
    x, y = standard_holes()
    x.iloc[4:, 1] = np.nan
    return x, y


def far_from_zero():
    """Rows that stay away from zero, which is in the same direction as every row."""
    x, y = data.numbers()
    return x + np.array([3, 10, 0.05, 3000]), y


def on_a_globe():
    """Latitudes and longitudes in radians."""
    x, y = data.standard_numbers()
    return x.iloc[:, :2] / x.iloc[:, :2].abs().max() * [1.5, 3.1], y


def one_row():
    """A single training row."""
    x, y = data.numbers()
    return x[:1], y[:1]


CASES = [
    Case(R(), data.standard_numbers),
    Case(R(), data.numbers),
    Case(R(n_neighbors=1), data.frame),
    Case(R(n_neighbors=1), one_row),
    Case(R(metric="canberra"), far_from_zero),
    Case(R(metric="haversine"), on_a_globe),
    Case(R(metric="haversine", weights="distance"), on_a_globe),
    Case(nn.RadiusNeighborsRegressor(0.8, metric="haversine"), on_a_globe),
    Case(nn.RadiusNeighborsRegressor(0.5, metric="hamming"), data.counts),
    Case(R(n_neighbors=90), data.standard_numbers),
    Case(R(), data.two_numbers),
    Case(R(), data.one_column),
    Case(R(weights="distance"), data.standard_numbers),
    Case(R(weights="distance", n_neighbors=1), data.numbers),
    Case(R(algorithm="brute"), data.standard_numbers),
    Case(R(algorithm="ball_tree", p=1), data.standard_numbers),
    Case(R(p=3, weights="distance"), data.standard_numbers),
    Case(R(p=1.5), data.standard_numbers),
    Case(R(p=np.inf), data.standard_numbers),
    Case(R(p=3, metric_params={"w": [1, 2, 0, 4]}), data.standard_numbers),
    Case(R(metric="manhattan"), data.numbers),
    Case(R(metric="chebyshev", weights="distance"), data.standard_numbers),
    Case(R(metric="cosine"), far_from_zero),
    Case(R(metric="sqeuclidean"), data.standard_numbers),
    Case(R(metric="seuclidean", metric_params={"V": np.array([1, 100, 1e-4, 1e6])}), data.numbers),
    Case(R(metric="mahalanobis", metric_params={"V": np.cov(data.numbers()[0].T)}), data.numbers),
    Case(K(), data.three_classes),
    Case(K(), data.two_classes),
    Case(K(), data.one_class),
    Case(K(algorithm="brute"), data.five_texts),
    Case(K(weights="distance"), data.five_texts),
    Case(K(n_neighbors=4), data.truths, note="even"),
    Case(RR(radius=1.5), data.standard_numbers),
    Case(RR(radius=2, weights="distance"), data.standard_numbers),
    Case(RR(radius=2, metric="manhattan"), data.two_numbers),
    Case(RK(radius=1.5), data.standard_three),
    Case(RK(radius=0.5, outlier_label="most_frequent"), data.standard_three),
    Case(RK(radius=0.5, outlier_label=99, weights="distance"), data.standard_three),
    Case(RK(radius=0.5, outlier_label="no", algorithm="brute"), data.standard_two),
    Case(LabelPropagation(), some_unlabelled),
    Case(LabelPropagation(kernel="knn", n_neighbors=5), some_unlabelled),
    Case(LabelSpreading(gamma=0.5), some_unlabelled),
    Case(LabelSpreading(kernel="knn", alpha=0.5), some_unlabelled),
    Case(nn.LocalOutlierFactor(novelty=True), data.standard_numbers),
    Case(nn.LocalOutlierFactor(novelty=True, n_neighbors=3, contamination=0.2), data.numbers),
    Case(nn.LocalOutlierFactor(novelty=True, metric="manhattan"), data.standard_numbers),
    Case(make_pipeline(StandardScaler(), K()), data.two_classes),
    Case(KNNImputer(), standard_holes),
    Case(KNNImputer(n_neighbors=1), standard_holes),
    Case(KNNImputer(n_neighbors=200), standard_holes),
    Case(KNNImputer(), data.standard_numbers, note="trained on whole rows"),
    Case(KNNImputer(n_neighbors=3, add_indicator=True), an_empty_column),
    Case(KNNImputer(keep_empty_features=True), an_empty_column),
    Case(KNNImputer(), few_values),
    Case(make_pipeline(KNNImputer(), StandardScaler(), Ridge()), standard_holes),
]


@pytest.mark.filterwarnings("ignore:All-NaN slice")  # of a column that never has a value
@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_model_of_neighbours_and_its_formula_agree(case):
    model, rows = case.fitted
    formula = check_reader(model, rows, rtol=case.rtol)
    assert "approximate" not in formula.summary()


def test_rows_without_neighbours_are_refused_where_the_model_raises():
    rows, y = data.standard_three()
    for algorithm in ("auto", "brute"):
        model = fit(RK(radius=0.9, algorithm=algorithm), rows, y)
        formula = cf.read(model)
        far = np.array([[50.0, 0, 0, 0]])
        with pytest.raises(ValueError, match="No neighbors"):
            model.predict(far)
        assert all(pd.isna(v).all() for v in formula.evaluate(far).values())
        assert (formula(rows) == model.predict(rows)).all()


def test_an_outlier_label_that_is_no_class_is_given_without_chances():
    rows, y = data.standard_three()
    model = fit(RK(radius=0.5, outlier_label=99), rows, y)
    formula, far = cf.read(model), np.array([[50.0, 0, 0, 0]])
    assert formula(far)[0] == ask(model, "predict", far)[0] == 99
    assert not ask(model, "predict_proba", far).any()
    assert [formula(far, f"P({c})")[0] for c in (-3, 7, 10)] == [0, 0, 0]


def test_the_mean_of_nobody_is_nan_and_with_whole_targets_what_the_model_makes_of_it():
    rows, y = data.counts()
    far = np.full((1, 4), 1e6)
    for target in (y, y + 0.5):
        for weights in ("uniform", "distance"):
            model = fit(RR(radius=0.5, weights=weights), rows, target)
            np.testing.assert_array_equal(cf.read(model)(far), ask(model, "predict", far))


def test_ties_for_the_last_place_are_said():
    rows, y = data.standard_numbers()
    twice = np.vstack([rows, rows])
    formula = cf.read(fit(R(n_neighbors=3), twice, np.r_[y, y + 1]))
    assert "approximate" in formula.summary()
    (reason,) = formula.trail[0].found["differs"]
    assert "180 of the 180 training rows" in reason and "place 3" in reason
    even = cf.read(fit(R(n_neighbors=2), twice, np.r_[y, y + 1]))
    assert "approximate" not in even.summary()
    np.testing.assert_allclose(even(twice), np.r_[y, y] + 0.5, rtol=1e-12)


def test_a_search_that_blurs_small_distances_is_said():
    # Of twenty columns, squares are added in another order than products, on any processor.
    rows = np.random.default_rng(0).normal(size=(90, 20)) * 1000
    model = fit(R(algorithm="brute", weights="distance"), rows, rows[:, 0])
    assert (model.kneighbors(rows, 1)[0] > 0).any()
    (reason,) = cf.read(model).trail[0].found["differs"]
    assert "not 0 but rounding" in reason


def test_too_many_training_rows_are_refused_with_what_to_do():
    x = np.random.default_rng(0).normal(size=(2001, 2))
    for model in (R(), K(), RR(), nn.LocalOutlierFactor(novelty=True), LabelPropagation()):
        y = x[:, 0] > 0
        with pytest.raises(UnsupportedModel, match=r"2,001 training rows.*\n.*on its predictions"):
            cf.read(fit(model, x, y))
    assert cf.read(fit(R(), x[:2000], x[:2000, 0])).inputs


def test_what_has_no_formula_is_refused_by_name():
    rows, y = data.standard_numbers()
    for model, said in [
        (R(metric="correlation"), "correlation"),
        (R(metric=lambda a, b: abs(a - b).max()), "<lambda>"),
        (R(weights=lambda d: 1 / (1 + d)), "<lambda>"),
        (R(n_neighbors=91), "91 neighbours among 90"),
        (nn.LocalOutlierFactor(), "novelty=False"),
        (R(metric="nan_euclidean"), "nan_euclidean"),
    ]:
        with pytest.raises(UnsupportedModel, match=said):
            cf.read(fit(model, rows, y))
    with pytest.raises(UnsupportedModel) as error:
        cf.read(fit(R(metric="correlation", weights=np.sqrt), rows, y))
    assert len(error.value.problems) == 2
    rows, y = some_unlabelled()
    with pytest.raises(UnsupportedModel, match="kernel of its own"):
        cf.read(fit(LabelPropagation(kernel=lambda a, b: a @ b.T + 9), rows, y))


@pytest.mark.parametrize(
    "model",
    [K(3), K(4, weights="distance"), nn.RadiusNeighborsClassifier(2.0, outlier_label=[0, 1])],
    ids=str,
)
def test_neighbours_of_several_labels_vote_on_each_of_them(model):
    rows, y = data.standard_numbers()
    both = np.column_stack([y > np.median(y), np.asarray(rows)[:, 0] > 0]).astype(int)
    model = fit(model, np.asarray(rows), both)
    formula = check_reader(model, np.asarray(rows))
    assert list(formula.outputs)[:2] == ["label0", "P0(0)"]


def test_a_row_far_from_all_gets_the_first_class_and_no_chances():
    rows, y = some_unlabelled()
    model, far = fit(LabelPropagation(), rows, y), np.full((1, 4), 1e3)
    assert ask(model, "predict", far)[0] == cf.read(model)(far)[0] == 3
    assert np.isnan(cf.read(model)(far, "P(3)")[0])


def test_a_certificate_tells_rows_at_ties_from_rows_that_differ():
    x = np.random.default_rng(3).integers(0, 4, (60, 2)).astype(float)
    y = np.random.default_rng(4).normal(size=60)
    model = fit(R(n_neighbors=4), x, y)
    formula = cf.read(model)
    certificate = formula.verify(model, x)
    assert certificate.ok and certificate.ties > 20
    other = fit(R(n_neighbors=4), x, y + (x[:, 0] == 0))
    assert not formula.verify(other, x + 0.3).ok
    smooth, y = data.standard_numbers()
    certificate = cf.read(fit(R(), smooth, y)).verify(fit(R(), smooth, y), smooth, made_up=False)
    assert certificate.ok and certificate.ties == 0


def test_an_imputer_that_weighs_by_distance_is_near_and_says_so():
    rows, _ = standard_holes()
    model = KNNImputer(weights="distance").fit(rows)
    formula, tried = cf.read(model), rows + 0.1
    got = np.column_stack([formula(tried, name) for name in formula.outputs])
    np.testing.assert_allclose(got, model.transform(tried), rtol=1e-6)
    assert "approximate" in formula.summary()


def test_a_row_that_is_all_missing_is_given_the_means_of_the_columns():
    rows, _ = standard_holes()
    formula = cf.read(KNNImputer().fit(rows))
    got = [formula(np.full((1, 4), np.nan), name)[0] for name in formula.outputs]
    np.testing.assert_allclose(got, rows.mean(), rtol=1e-12)


def test_an_imputer_of_unknown_code_or_of_many_rows_is_refused():
    rows, _ = standard_holes()
    options = {"metric": lambda a, b, **_: 0.0, "weights": lambda d: d}
    with pytest.raises(UnsupportedModel, match="code of a function"):
        cf.read(KNNImputer(**options).fit(rows))
    with pytest.raises(UnsupportedModel, match="missing_values=-1"):
        cf.read(KNNImputer(missing_values=-1).fit(rows.fillna(-1)))
    for shape in ((2001, 2), (1000, 21)):
        with pytest.raises(UnsupportedModel, match="compares with"):
            cf.read(KNNImputer().fit(np.random.default_rng(0).normal(size=shape)))


@pytest.mark.parametrize(
    ("model", "make"),
    [
        (R(3), data.standard_numbers),
        (R(weights="distance"), data.standard_numbers),
        (K(), data.two_classes),
        (nn.LocalOutlierFactor(novelty=True), data.standard_numbers),
        (KNNImputer(), standard_holes),
    ],
    ids=told,
)
def test_a_formula_of_many_training_rows_is_told_in_a_page(model, make):
    rows, y = make()
    formula = cf.read(fit(model, rows, y))
    brief = str(formula)
    assert len(brief.splitlines()) < 62 and "more points" in brief
    assert " …" in brief and len(formula.to("text")) > 3 * len(brief)
    assert formula.to("text").count("…") == 0


@pytest.mark.parametrize("model", [R(3), R(weights="distance"), K(5), RK(3.0)], ids=told)
def test_printed_programs_of_neighbours_give_what_the_formula_gives(model):
    rows, y = data.standard_three()
    formula = cf.read(fit(model, rows, y))
    tried = rows[::9] + 0.01
    expected = formula.evaluate(tried)
    program = run(formula.to("python"))
    for i, row in enumerate(tried):
        found = program.evaluate(*row.tolist())
        for name, values in expected.items():
            assert found[name] == pytest.approx(values[i], rel=1e-12)


def test_two_thousand_training_rows_are_read_and_printed_in_seconds():
    rows = np.random.default_rng(0).normal(size=(2000, 5))
    model = fit(R(weights="distance"), rows, rows[:, 0])
    start = time.process_time()
    formula = cf.read(model)
    assert len(str(formula)) < 5000 and len(formula.to("text")) > 100_000
    assert time.process_time() - start < 20  # 1.5 s; 24 s when each line looked at all others
    np.testing.assert_allclose(formula(rows[:50] + 0.01), model.predict(rows[:50] + 0.01))


@pytest.mark.parametrize("weights", ["uniform", "distance"])
def test_copies_of_training_rows_that_tie_for_the_last_place_are_all_alike(weights):
    rows, y = data.numbers()
    for member, bag, target in (
        (nn.KNeighborsRegressor(3, weights=weights), BaggingRegressor, y),
        (nn.KNeighborsClassifier(3, weights=weights), BaggingClassifier, y > 0),
    ):
        model = bag(member, n_estimators=4, random_state=0).fit(rows, target)
        formula = cf.read(model)
        assert "differs" not in formula.trail[0].found
        found = formula.verify(model, rows, made_up=False)
        assert found.ok and not any(c.ties for c in found.checks if not c.is_label), found
