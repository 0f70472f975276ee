"""XGBoost: margins bit for bit, probabilities within float32's rounding, against `predict`."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import ClassifierChain
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import closedform as cf
import made_up as data
from battery import Case, check_reader, fit
from battery_rows import thresholds_of
from programs import predicted_by

xgb = pytest.importorskip("xgboost")

FEW = {"n_estimators": 12, "max_depth": 3, "n_jobs": 1}
R, C, RANK = xgb.XGBRegressor, xgb.XGBClassifier, xgb.XGBRanker


def regressor(**options):
    return R(**FEW | options)


def classifier(**options):
    return C(**FEW | options)


CASES = [
    # rtol=0: what passes through no exp must not differ by one bit.
    Case(regressor(), data.frame, rtol=0),
    Case(regressor(max_depth=7), data.rounded, rtol=0),
    Case(regressor(max_depth=6), data.epochs, rtol=0),
    Case(regressor(), data.holes, rtol=0),
    Case(regressor(), data.constant, rtol=0),
    Case(regressor(n_estimators=1, max_depth=1), data.one_column, rtol=0),
    Case(regressor(base_score=0.25, gamma=3.0), data.numbers, rtol=0),
    Case(regressor(max_leaves=5, grow_policy="lossguide"), data.numbers, rtol=0),
    Case(regressor(tree_method="exact", colsample_bytree=0.5), data.numbers, rtol=0),
    Case(regressor(num_parallel_tree=3, subsample=0.5), data.numbers, rtol=0),
    Case(regressor(monotone_constraints=(1, 0, 0, -1)), data.numbers, rtol=0),
    Case(regressor(missing=0.0), data.rounded, rtol=0),
    Case(regressor(missing=-0.5, max_depth=6), data.rounded, rtol=0),
    Case(regressor(), data.two_numbers, rtol=0),
    Case(regressor(multi_strategy="multi_output_tree"), data.two_numbers, rtol=0),
    Case(regressor(enable_categorical=True), data.categories, rtol=0),
    Case(regressor(enable_categorical=True, max_cat_to_onehot=1), data.categories, rtol=0),
    Case(regressor(booster="dart", rate_drop=0.5, random_state=1), data.holes, rtol=0),
    # The linear booster adds in float32 as well: relative to its own terms, 1e-5 with 4 columns.
    Case(regressor(booster="gblinear"), data.standard_numbers, rtol=1e-5),
    Case(regressor(objective="reg:squaredlogerror"), data.positive, rtol=0),
    Case(regressor(objective="reg:absoluteerror"), data.numbers, rtol=0),
    Case(regressor(objective="reg:pseudohubererror"), data.numbers, rtol=0),
    Case(regressor(objective="reg:quantileerror", quantile_alpha=[0.1, 0.9]), data.numbers, rtol=0),
    Case(regressor(objective="reg:logistic"), data.shares),
    Case(regressor(objective="count:poisson"), data.counts),
    Case(regressor(objective="reg:gamma"), data.positive),
    Case(regressor(objective="reg:tweedie", tweedie_variance_power=1.2), data.counts),
    Case(regressor(objective="survival:cox"), data.positive),
    Case(regressor(objective="binary:logitraw"), data.shares, rtol=0),
    Case(xgb.XGBRFRegressor(**FEW), data.frame, rtol=0),
    Case(classifier(), data.labels_0_and_1),
    Case(classifier(scale_pos_weight=3.0, base_score=0.2), data.labels_0_and_1),
    Case(classifier(objective="binary:hinge"), data.labels_0_and_1),
    Case(classifier(objective="binary:logitraw"), data.labels_0_and_1),
    Case(classifier(), data.labels_0_to_2),
    Case(classifier(booster="dart", rate_drop=0.3, num_parallel_tree=2), data.labels_0_to_2),
    Case(xgb.XGBRFClassifier(**FEW), data.labels_0_to_2),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_booster_and_its_formula_agree(case):
    model, rows = case.fitted
    check_reader(model, rows, rtol=case.rtol)


@pytest.mark.parametrize("objective", ["reg:squarederror", "binary:logistic", "multi:softprob"])
def test_margins_are_the_same_bits(objective):
    rows, y = data.rounded()
    made = classifier() if "reg" not in objective else regressor()
    y = {"r": y, "b": (y > 0) * 1, "m": np.digitize(y, [-0.5, 0.5])}[objective[0]]
    model = fit(made, rows, y)
    formula = cf.read(model)
    names = formula.task.decision or formula.primary
    ours = np.column_stack([formula(rows, name) for name in names])
    theirs = model.predict(rows, output_margin=True).reshape(len(rows), -1)
    assert (ours == theirs).all()


def test_thresholds_are_tried():
    rows, y = data.numbers()
    assert len(list(thresholds_of(fit(regressor(), rows, y)))) > 20


def test_the_base_score_goes_through_the_same_logarithm():
    # A correctly rounded logarithm is 1 ulp off the C library's for 1 base score in 60.
    rows = np.zeros((1, 1))
    drawn = np.random.default_rng(0).uniform(0.01, 0.99, 200).astype(np.float32)
    for base in [0.0, 1e-8, 1e-6, 1.1e-6, 1 - 1e-7, 1.0, *drawn]:
        options = {"objective": "binary:logistic", "base_score": float(base), "eta": 0.0}
        booster = xgb.train(options, xgb.DMatrix(rows, [1]), 1)
        record = cf.read(booster)
        margin = booster.predict(xgb.DMatrix(rows), output_margin=True)[0]
        (total,) = [n for n in record.nodes if n.op.name == "sum32"]
        start = total.args[0].data
        assert start == margin


def test_early_stopping_counts_for_the_estimator_and_not_for_its_booster():
    rows, y = data.numbers()
    noise = np.random.default_rng(3).normal(size=len(y))
    model = regressor(n_estimators=60, early_stopping_rounds=3)
    model.fit(rows[:60], y[:60], eval_set=[(rows[60:], noise[60:])], verbose=False)
    booster = model.get_booster()
    assert model.best_iteration + 1 < booster.num_boosted_rounds()
    formula, bare = cf.read(model), cf.read(booster)
    assert (formula(rows) == model.predict(rows)).all()
    assert (bare(rows) == booster.predict(xgb.DMatrix(rows))).all()
    assert (bare(rows) != formula(rows)).any()
    assert formula.verify(model, rows) and bare.verify(booster, rows)


@pytest.mark.parametrize("objective", ["multi:softmax", "multi:softprob"])
def test_a_bare_booster_gives_what_its_own_predict_gives(objective):
    rows, y = data.labels_0_to_2()
    options = {"objective": objective, "num_class": 3, "max_depth": 3}
    booster = xgb.train(options, xgb.DMatrix(rows, y), 5)
    formula = cf.read(booster)
    theirs = booster.predict(xgb.DMatrix(rows))
    assert np.allclose(formula(rows), theirs, rtol=1e-6, atol=0)
    assert formula.verify(booster, rows)


@pytest.mark.parametrize("booster", ["dart", "gblinear"])
def test_other_kinds_of_bare_boosters_are_read_too(booster):
    rows, y = data.standard_numbers()
    options = {"booster": booster, "rate_drop": 0.5, "max_depth": 3}
    if booster == "gblinear":
        del options["rate_drop"], options["max_depth"]
    made = xgb.train(options, xgb.DMatrix(rows, y), 9)
    formula = cf.read(made)
    theirs = made.predict(xgb.DMatrix(rows))
    # Bit for bit, but for the sum of a linear booster, which is near in float32.
    assert np.allclose(formula(rows), theirs, rtol=0, atol=1e-6 * (booster == "gblinear"))
    assert bool(formula.precision) == (booster == "gblinear")
    assert formula.verify(made, rows)


@pytest.mark.parametrize(
    "options",
    [
        {"objective": "multi:softprob", "num_class": 3},
        {"objective": "reg:quantileerror", "quantile_alpha": [0.1, 0.9]},
    ],
    ids=lambda o: o["objective"],
)
def test_a_linear_booster_of_several_outputs_starts_from_the_first_base_score(options):
    rows, y = data.labels_0_to_2()
    options = {"booster": "gblinear", **options}
    booster = xgb.train(options, xgb.DMatrix(rows / rows.std(axis=0), y), 5)
    formula = cf.read(booster)
    start = json.loads(
        json.loads(booster.save_config())["learner"]["learner_model_param"]["base_score"]
    )
    assert len(set(start)) > 1
    theirs = booster.predict(xgb.DMatrix(rows / rows.std(axis=0)))
    assert np.allclose(formula(rows / rows.std(axis=0)), theirs, rtol=0, atol=1e-5)


def test_one_class_alone_still_has_two_chances():
    rows, _ = data.numbers()
    model = fit(classifier(), rows, np.zeros(len(rows), dtype=int))
    formula = cf.read(model)
    theirs = model.predict_proba(rows)
    assert np.allclose(formula(rows, "P(1)"), theirs[:, 1], rtol=1e-6, atol=0)
    assert (formula(rows) == model.predict(rows)).all()


def test_a_softmax_classifier_gives_labels_alone():
    rows, y = data.labels_0_to_2()
    model = fit(classifier(objective="multi:softmax"), rows, y)
    formula = cf.read(model)
    assert not formula.task.probability
    assert (formula(rows) == model.predict(rows)).all()


def test_a_ranker_gives_its_scores():
    rows, y = data.labels_0_to_2()
    model = RANK(**FEW, objective="rank:pairwise").fit(rows, y, qid=np.arange(len(y)) // 9)
    assert (cf.read(model)(rows) == model.predict(rows)).all()


def test_a_label_needs_a_probability_above_one_half_in_float32():
    # Scores up to 1.5·2⁻²⁴ have a float32 sigmoid of exactly 0.5: class 0, although above 0.
    rows = np.array([[0.0], [1.0]] * 20)
    model = classifier(n_estimators=1, base_score=0.5).fit(rows, rows[:, 0].astype(int))
    document = json.loads(model.get_booster().save_raw("json"))
    tree = document["learner"]["gradient_booster"]["model"]["trees"][0]
    cut = np.float32(1.5 * 2.0**-24)
    for value in (cut, np.nextafter(cut, np.float32(1)), np.nextafter(cut, np.float32(0))):
        tree["split_conditions"][1:] = [float(value)] * (len(tree["split_conditions"]) - 1)
        tree["left_children"], tree["right_children"] = (
            tree["left_children"], tree["right_children"])  # fmt: skip
        changed = xgb.XGBClassifier()
        changed.load_model(bytearray(json.dumps(document).encode()))
        assert changed.predict(rows[:1], output_margin=True)[0] == value
        assert (cf.read(changed)(rows) == changed.predict(rows)).all()


# --- inside scikit-learn ------------------------------------------------------------------------


def mixed():
    rows, y = data.categories()
    rows = rows.assign(kind=rows["kind"].astype(str))
    return rows[["petal length (cm)", "lambda", "kind"]], y


def test_a_booster_behind_a_column_transformer_is_one_formula_of_the_raw_columns():
    rows, y = mixed()
    encode = ColumnTransformer(
        [("n", StandardScaler(), ["petal length (cm)", "lambda"]),
         ("c", OneHotEncoder(sparse_output=False, handle_unknown="ignore"), ["kind"])]
    )  # fmt: skip
    model = fit(make_pipeline(encode, regressor()), rows, y)
    formula = check_reader(model, rows, rtol=0)
    assert [f.name for f in formula.inputs] == list(rows.columns)
    assert formula.source.endswith("→ XGBRegressor")
    assert formula.verify(model, rows)


def test_a_classifier_behind_a_scaler_verifies_with_its_probabilities():
    rows, y = data.labels_0_and_1()
    model = fit(make_pipeline(StandardScaler(), classifier()), rows, y)
    formula = cf.read(model)
    certificate = formula.verify(model, rows)
    assert certificate
    assert "float32" in str(certificate) and set(formula.precision) == {"P(0)", "P(1)"}


def test_a_booster_composes_with_a_target_and_a_search():
    rows, y = data.positive()
    inner = TransformedTargetRegressor(regressor(), func=np.log, inverse_func=np.exp)
    model = fit(GridSearchCV(inner, {"regressor__max_depth": [2, 3]}, cv=2), rows, y)
    # The regressor hands out float32, and NumPy takes exp of it in float32.
    formula = check_reader(model, rows)
    assert formula.precision["y"].dtype == "float32"
    assert formula.verify(model, rows)
    plain = cf.read(fit(make_pipeline(StandardScaler(), regressor()), rows, y))
    assert not plain.precision


# --- certificates, programs, text ---------------------------------------------------------------


def test_a_certificate_says_what_the_float32_of_the_model_allows():
    rows, y = data.labels_0_to_2()
    model = fit(classifier(), rows, y)
    formula = cf.read(model)
    certificate = formula.verify(model, rows)
    assert certificate and "8 ulp of the model's own float32" in str(certificate)
    assert {c.output: c.worst for c in certificate.checks}["decision(1)"] == 0
    assert "float32" in formula.summary()
    other = fit(classifier(n_estimators=13), rows, y)
    assert not formula.verify(other, rows)


@pytest.mark.parametrize("target", ["python", "numpy"])
@pytest.mark.parametrize("made", [regressor(), regressor(n_estimators=2), regressor(missing=0.0)])
def test_printed_programs_give_the_same_bits(target, made):
    rows, y = data.holes()
    model = fit(made, rows, y)
    formula = cf.read(model)
    assert (predicted_by(target, formula, rows) == model.predict(rows)).all()


def test_five_hundred_trees_print_as_a_forest_does():
    rows, y = data.frame()
    formula = cf.read(fit(regressor(n_estimators=500, eta=0.02), rows, y))
    text = formula.to("text", limit=1)
    assert "tree 1 + tree 2 + … + tree 500" in text and "single precision" in text
    assert len(text) < 3000
    assert r"\operatorname{tree}_{500}" in formula.to("latex", limit=1)
    assert formula.to("python").count("forest32(") == 2
    assert formula.to("numpy").count("forest32(") == 2


# --- what is refused ----------------------------------------------------------------------------


def test_what_is_not_fitted_or_overrides_predict_is_refused():
    with pytest.raises(cf.NotFitted, match="XGBRegressor is not fitted"):
        cf.read(regressor())

    class Clipped(R):
        def predict(self, X, **options):
            return np.clip(super().predict(X, **options), 0, 1)

    rows, y = data.numbers()
    with pytest.raises(cf.UnsupportedModel, match="Clipped has a predict"):
        cf.read(fit(Clipped(**FEW), rows, y))


@pytest.mark.parametrize("strategy", ["one_output_per_tree", "multi_output_tree"])
def test_several_labels_at_once_are_read(strategy):
    rows, y = data.label_sets()
    model = fit(classifier(multi_strategy=strategy), rows, y)
    formula = cf.read(model)
    assert (formula(rows) == model.predict(rows)).all()  # which gives 0.0 and 1.0
    assert formula.verify(model, rows)
    assert list(formula.outputs)[:3] == ["label0", "P0(1)", "decision0"]
    booster = model.get_booster()
    assert np.allclose(cf.read(booster)(rows), booster.inplace_predict(rows), rtol=1e-6)


# --- files --------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["json", "ubj"])
@pytest.mark.parametrize("case", CASES[::3], ids=str)
def test_a_file_gives_what_the_model_gives(case, ending, tmp_path):
    model, rows = case.fitted
    path = tmp_path / f"model.{ending}"
    model.save_model(path)
    formula, live = cf.read(path), cf.read(model)
    marked = {} if np.isnan(model.missing) else {"missing": model.missing}
    if marked:  # the file does not say which value stands for a missing one
        return
    assert list(formula.outputs) == list(live.outputs)
    for name, values in live.evaluate(rows).items():
        assert np.array_equal(formula(rows, name), values, equal_nan=values.dtype.kind == "f")


def test_a_file_of_a_bare_booster_uses_all_trees(tmp_path):
    rows, y = data.numbers()
    booster = xgb.train({"objective": "binary:logistic"}, xgb.DMatrix(rows, y > 3), 4)
    booster.save_model(tmp_path / "m.json")
    formula = cf.read(str(tmp_path / "m.json"), names=["a", "b", "c", "d"])
    assert [f.name for f in formula.inputs] == ["a", "b", "c", "d"]
    assert np.allclose(formula(rows), booster.predict(xgb.DMatrix(rows)), rtol=1e-6)


@pytest.mark.parametrize(
    "outer",
    [
        OneVsOneClassifier(classifier()),
        OutputCodeClassifier(classifier(), random_state=0),
        OneVsRestClassifier(classifier()),
        BaggingClassifier(classifier(), n_estimators=3, random_state=0),
        ClassifierChain(classifier(), order=[1, 0]),
    ],
    ids=lambda outer: type(outer).__name__,
)
def test_an_ensemble_uses_of_a_booster_what_scikit_learn_can_ask_it_for(outer):
    """Chances, not scores: a booster without a decision_function has none to scikit-learn."""
    rows, y = data.label_sets() if isinstance(outer, ClassifierChain) else data.three_classes()
    formula = check_reader(fit(outer, rows, y), rows, rtol=1e-6)
    assert formula.verify(outer, rows)


def test_a_steep_isotonic_curve_amplifies_the_rounding_of_the_chances_behind_it():
    draw = np.random.default_rng(0)
    X = pd.DataFrame(draw.normal(size=(900, 4)))
    y = (X[0] + X[1] ** 2 + draw.normal(size=900) > 1).astype(int).to_numpy()
    model = CalibratedClassifierCV(classifier(n_estimators=30), method="isotonic", cv=3).fit(X, y)
    formula = cf.read(model)
    ours, theirs = formula.evaluate(X)["P(1)"], model.predict_proba(X)[:, 1]
    plain = cf.read(model.calibrated_classifiers_[0].estimator).precision["P(1)"]
    assert (
        np.abs(ours - theirs).max() > plain.relative
    )  # a tolerance of the booster's is too little
    assert formula.precision["P(1)"].relative > plain.relative
    assert formula.verify(model, X).ok
