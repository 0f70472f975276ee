"""Classifiers of binary ones, several targets, calibration, thresholds: against scikit-learn."""

import contextlib

import numpy as np
import pytest
from sklearn import (
    calibration,
    dummy,
    ensemble,
    feature_selection,
    isotonic,
    linear_model,
    model_selection,
    multiclass,
    multioutput,
    neural_network,
    semi_supervised,
    tree,
)
from sklearn.compose import make_column_transformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import closedform as cf
import made_up as data
from battery import Case, ask, check_reader, fit, own_names

SEED = {"random_state": 0}
LR, Ridge, Votes = linear_model.LogisticRegression, linear_model.Ridge, linear_model.RidgeClassifier
DTC, DTR = tree.DecisionTreeClassifier, tree.DecisionTreeRegressor
SHALLOW = DTC(max_depth=3, random_state=0)
OVR, OVO = multiclass.OneVsRestClassifier, multiclass.OneVsOneClassifier
Codes = multiclass.OutputCodeClassifier
Calibrated = calibration.CalibratedClassifierCV
Iso = isotonic.IsotonicRegression
SCALED = make_pipeline(StandardScaler(), LR())
HALF = make_pipeline(
    make_column_transformer((StandardScaler(), [0, 2]), ("passthrough", [1, 3])), LR()
)
"""A member that takes some of the columns apart, by position: chains add columns behind."""


def chain(method):
    """Return a chain that hands on what a method of its members gives (not in all versions)."""
    made = multioutput.ClassifierChain(LR())
    known = "chain_method" in made.get_params()
    return made.set_params(chain_method=method) if known else made


def half_labelled():
    """Two classes as 0 and 1, half of the rows without one (-1)."""
    x, y = data.numbers()
    return x, np.where(np.arange(len(y)) % 2, y > 3.2, -1).astype(int)


def always_and_never():
    """Three labels: one that some rows have, one that all have, one that none has."""
    x, y = data.label_sets()
    return x, np.column_stack([y[:, 0], np.ones(len(y), dtype=int), np.zeros(len(y), dtype=int)])


def three_labels():
    """Three labels, each 0 or 1."""
    x, y = data.label_sets()
    return x, np.column_stack([y, x[:, 1] > 2]).astype(int)


def text_labels():
    """Two labels of texts."""
    x, y = data.frame()
    return x, np.column_stack([np.where(y > 3, "up", "down"), np.where(y > 4, "hot", "cold; wet")])


def steps():
    """One column of few values, and a rising target with noise."""
    draw = np.random.default_rng(8)
    x = np.round(np.sort(draw.normal(size=80)), 1)[:, None]
    return x, x[:, 0] ** 3 + draw.normal(size=80)


CASES = [
    Case(OVR(SCALED), data.three_classes),
    Case(OVR(LR()), data.two_classes),
    Case(OVR(SHALLOW), data.five_texts),
    Case(OVR(Ridge()), data.three_classes),
    Case(OVR(Ridge()), data.truths),
    Case(OVR(Votes()), data.five_texts),
    Case(OVR(HALF), data.label_sets),
    Case(OVR(LR()), always_and_never),
    Case(OVR(Votes()), data.label_sets),
    Case(OVR(SHALLOW), always_and_never),
    Case(OVR(Ridge()), data.label_sets),
    Case(OVO(SCALED), data.three_classes),
    Case(OVO(LR()), data.two_classes),
    Case(OVO(SHALLOW), data.five_texts),
    Case(OVO(Votes()), data.five_texts),
    Case(OVO(Ridge()), data.three_classes),
    Case(Codes(LR(), code_size=2, **SEED), data.five_texts),
    Case(Codes(Votes(), code_size=3, **SEED), data.three_classes),
    Case(Codes(SHALLOW, code_size=1.5, **SEED), data.three_classes),
    Case(multioutput.MultiOutputRegressor(Ridge()), data.two_numbers),
    Case(multioutput.MultiOutputRegressor(DTR(max_depth=4, **SEED)), data.two_numbers, rtol=0),
    Case(multioutput.MultiOutputClassifier(SCALED), text_labels),
    Case(multioutput.MultiOutputClassifier(Votes()), data.label_sets),
    Case(multioutput.MultiOutputClassifier(DTC(max_depth=4, **SEED)), text_labels, rtol=0),
    Case(multioutput.RegressorChain(Ridge(), order=[1, 0]), data.two_numbers),
    Case(multioutput.RegressorChain(DTR(max_depth=4, **SEED), cv=3), data.two_numbers, rtol=0),
    Case(multioutput.ClassifierChain(DTC(max_depth=2, **SEED), order=[2, 0, 1]), three_labels),
    Case(multioutput.ClassifierChain(HALF, order=[1, 0]), data.label_sets),
    Case(multioutput.ClassifierChain(SHALLOW, order="random", **SEED), data.label_sets),
    Case(multioutput.ClassifierChain(Votes(), cv=3), data.label_sets),
    Case(chain("predict_proba"), data.label_sets),
    Case(chain("decision_function"), data.label_sets),
    Case(chain("predict_log_proba"), data.label_sets),
    Case(Calibrated(Votes()), data.two_classes),
    Case(Calibrated(SCALED, cv=3), data.three_classes),
    Case(Calibrated(LR(), ensemble=False), data.two_classes),
    Case(Calibrated(LR(), method="isotonic", cv=3), data.two_classes),
    Case(Calibrated(SHALLOW, method="isotonic", ensemble=False),
         data.three_classes),
    Case(Calibrated(SHALLOW, cv=3), data.truths),
    Case(Calibrated(ensemble.RandomForestClassifier(4, max_depth=3, **SEED), cv=2),
         data.three_classes),
    Case(semi_supervised.SelfTrainingClassifier(LR()), half_labelled),
    Case(Iso(), data.one_column),
    Case(Iso(out_of_bounds="clip", increasing=False), steps),
    Case(Iso(out_of_bounds="clip", y_min=-1, y_max=2, increasing="auto"), steps),
    Case(Iso(out_of_bounds="raise"), steps),
    Case(feature_selection.RFE(LR(), n_features_to_select=2), data.three_classes),
    Case(model_selection.GridSearchCV(OVR(LR()), {"estimator__C": [0.1, 1]}, cv=2),
         data.three_classes),
]  # fmt: skip


THRESHOLDS = hasattr(model_selection, "FixedThresholdClassifier")  # from scikit-learn 1.5 on
if THRESHOLDS:
    Fixed = model_selection.FixedThresholdClassifier
    Tuned = model_selection.TunedThresholdClassifierCV
    CASES += [
        Case(Fixed(LR(), threshold=0.3), data.two_classes),
        Case(Fixed(SCALED), data.truths),
        Case(Fixed(Votes(), threshold=0.1, pos_label="no; not 'yes'",
                   response_method="decision_function"), data.two_classes),
        Case(Fixed(SHALLOW, threshold=0.25, pos_label="yes"), data.two_classes,
             rtol=0),
        Case(Tuned(LR(), cv=3), data.two_classes),
        Case(Tuned(Votes(), cv=3), data.truths),
    ]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_meta_estimator_and_its_formula_agree(case):
    model, rows = case.fitted
    check_reader(model, rows, rtol=case.rtol)


@pytest.mark.parametrize("case", CASES[::4], ids=str)
def test_a_certificate_of_a_meta_estimator_passes(case):
    model, rows = case.fitted
    certificate = cf.read(model).verify(model, rows, limit=300)
    assert certificate.ok, str(certificate)


TEMPERATURE = "method" in Calibrated().get_params() and hasattr(calibration, "_TemperatureScaling")


@pytest.mark.skipif(not TEMPERATURE, reason="this scikit-learn has no temperature scaling")
@pytest.mark.parametrize("make", [data.standard_two, data.standard_three])
@pytest.mark.parametrize("inner", [LR(), SHALLOW])
def test_temperature_scaling_is_a_softmax_of_scores(inner, make):
    rows, y = make()
    check_reader(fitted_at_last(Calibrated(inner, method="temperature", cv=3), rows, y), rows)


def fitted_at_last(model, rows, y):
    """Fit a model whose search for a temperature meets NaN now and then, on the same data."""
    for _ in range(30):
        with contextlib.suppress(RuntimeError):
            return fit(model, rows, y)
    return fit(model, rows, y)


def test_classes_without_any_chance_get_what_the_model_gives_them():
    """0 in scikit-learn 1.9, 0/0 in 1.5."""
    rows, y = data.three_classes()
    model = fit(OVR(dummy.DummyClassifier(strategy="most_frequent")), rows, y)
    formula = cf.read(model, names=own_names(model, rows))
    for c, expected in zip(model.classes_, ask(model, "predict_proba", rows[:2]).T, strict=True):
        np.testing.assert_array_equal(formula(rows[:2], f"P({c})"), expected)
        assert (np.nan_to_num(expected) == 0).all()


def test_a_calibrated_class_that_no_curve_believes_in_gets_an_equal_part():
    rows, y = data.three_classes()
    model = fit(Calibrated(LR(), method="isotonic", cv=2), rows, y)
    for part in model.calibrated_classifiers_:
        for curve in part.calibrators:
            curve.y_thresholds_ = np.zeros_like(curve.y_thresholds_)
            curve._build_f(curve.X_thresholds_, curve.y_thresholds_)
    check_reader(model, rows)


def test_an_isotonic_curve_of_one_knot_is_a_constant():
    model = fit(Iso(), np.array([[2.0], [2.0]]), np.array([1.0, 3.0]))
    check_reader(model, np.array([[2.0], [5.0]]))


def test_an_isotonic_curve_in_float32_says_that_it_is_approximate():
    rows, y = steps()
    model = fit(Iso(out_of_bounds="clip"), rows.astype(np.float32), y.astype(np.float32))
    formula = cf.read(model)
    assert formula.trail[0].kind == "approx"
    check_reader(model, rows, rtol=1e-6)


@pytest.mark.skipif(not THRESHOLDS, reason="this scikit-learn has no such classifier")
def test_the_outputs_of_a_thresholded_classifier_are_those_of_the_one_inside():
    rows, y = data.two_classes()
    model = fit(Fixed(LR(), threshold=0.9), rows, y)
    formula = cf.read(model)
    assert formula.task.probability == ("P(no; not 'yes')", "P(yes)")
    assert set(formula(rows)) == set(model.predict(rows))
    assert (formula(rows, "P(yes)") >= 0.9).tolist() == (formula(rows) == "yes").tolist()


def test_codes_that_two_classes_share_give_the_first_of_them():
    rows, y = data.five_texts()
    model = fit(Codes(LR(), code_size=0.4, **SEED), rows, y)
    assert len(np.unique(model.code_book_, axis=0)) < len(model.classes_)
    assert (cf.read(model)(rows) == model.predict(rows)).all()


def test_a_precomputed_kernel_of_pairs_is_refused():
    rows, y = data.three_classes()
    model = fit(OVO(LR()), rows, y)
    model.pairwise_indices_ = [np.arange(4)] * 3
    with pytest.raises(cf.UnsupportedModel, match="precomputed") as caught:
        cf.read(model)
    assert caught.value.hint


def test_what_a_chain_predicts_is_a_float_as_in_the_model():
    rows, y = data.label_sets()
    model = fit(multioutput.ClassifierChain(LR()), rows, y)
    assert cf.read(model)(rows).dtype == model.predict(rows).dtype == np.float64


def test_a_network_of_several_labels_stands_behind_a_scaler():
    rows, y = data.label_sets()
    net = neural_network.MLPClassifier((4,), max_iter=20, **SEED)
    check_reader(fit(make_pipeline(StandardScaler(), net), rows, y), rows)


def test_an_unknown_method_of_calibration_is_refused_by_name():
    rows, y = data.two_classes()
    model = fit(Calibrated(LR(), cv=2), rows, y)
    for part in model.calibrated_classifiers_:
        part.method = "spline"
    with pytest.raises(cf.UnsupportedModel, match="spline"):
        cf.read(model)


def test_a_classifier_of_one_class_against_nothing_has_a_label_alone():
    """scikit-learn gives it the chances of two classes."""
    rows, y = data.one_class()
    formula = cf.read(fit(OVR(LR()), rows, y))
    assert formula(rows).tolist() == y.tolist()
    assert formula.task.probability == ()


def test_a_chain_of_more_than_two_classes_gives_labels_alone():
    rows, y = data.three_classes()
    both = np.column_stack([y, (y > 0).astype(int)])
    model = fit(multioutput.ClassifierChain(LR()), rows, both)
    formula = cf.read(model)
    assert (formula(rows) == model.predict(rows)).all()
    assert formula.task.parts[0].probability == formula.task.parts[0].decision == ()


def test_a_meta_estimator_is_described_with_what_it_is_made_of():
    rows, y = data.three_classes()
    for model, said in [
        (OVR(SCALED), "OneVsRestClassifier(StandardScaler → LogisticRegression)"),
        (Calibrated(LR(), cv=2), "CalibratedClassifierCV(LogisticRegression)"),
    ]:
        assert cf.read(fit(model, rows, y)).source == said
