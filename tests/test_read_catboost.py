"""CatBoost: scores bit for bit, and what becomes of them, against `predict`."""

import json

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import closedform as cf
import made_up as data
from battery import Case, check_reader, fit
from battery_rows import thresholds_of
from programs import predicted_by

cat = pytest.importorskip("catboost")

FEW = {
    "iterations": 12, "depth": 3, "verbose": 0, "allow_writing_files": False, "thread_count": 1,
}  # fmt: skip


def regressor(**options):
    return cat.CatBoostRegressor(**FEW | options)


def classifier(**options):
    return cat.CatBoostClassifier(**FEW | options)


CASES = [
    # rtol=0: what passes through no exp must not differ by one bit.
    Case(regressor(), data.frame, rtol=0),
    Case(regressor(depth=6), data.rounded, rtol=0),
    Case(regressor(depth=6), data.epochs, rtol=0),
    Case(regressor(), data.holes, rtol=0),
    Case(regressor(nan_mode="Max"), data.holes, rtol=0),
    Case(regressor(nan_mode="Forbidden"), data.numbers, rtol=0),
    Case(regressor(iterations=1, depth=1), data.one_column, rtol=0),
    Case(regressor(grow_policy="Lossguide", max_leaves=7), data.holes, rtol=0),
    Case(regressor(grow_policy="Depthwise", nan_mode="Max"), data.holes, rtol=0),
    Case(regressor(boosting_type="Ordered"), data.numbers, rtol=0),
    Case(regressor(border_count=5, boost_from_average=False), data.numbers, rtol=0),
    Case(regressor(loss_function="MultiRMSE"), data.two_numbers, rtol=0),
    Case(regressor(loss_function="Quantile:alpha=0.2"), data.numbers, rtol=0),
    Case(regressor(loss_function="MultiQuantile:alpha=0.1,0.9"), data.numbers, rtol=0),
    Case(regressor(loss_function="MAE"), data.numbers, rtol=0),
    Case(regressor(loss_function="Huber:delta=1"), data.numbers, rtol=0),
    Case(regressor(loss_function="LogCosh"), data.numbers, rtol=0),
    Case(regressor(loss_function="Poisson"), data.counts),
    Case(regressor(loss_function="Tweedie:variance_power=1.5"), data.counts),
    Case(regressor(loss_function="RMSEWithUncertainty"), data.numbers),
    Case(classifier(), data.two_classes),
    Case(classifier(auto_class_weights="Balanced"), data.labels_0_and_1),
    Case(classifier(loss_function="CrossEntropy"), data.labels_0_and_1),
    Case(classifier(grow_policy="Lossguide"), data.holes_three_classes),
    Case(classifier(), data.three_classes),
    Case(classifier(loss_function="MultiClassOneVsAll"), data.holes_three_classes),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_booster_and_its_formula_agree(case):
    model, rows = case.fitted
    check_reader(model, rows, rtol=case.rtol, names=list(getattr(rows, "columns", [])) or None)


def test_scores_are_the_same_bits():
    rows, y = data.three_classes()
    model = fit(classifier(depth=5), rows, y)
    formula = cf.read(model)
    ours = np.column_stack([formula(rows, name) for name in formula.task.decision])
    assert (ours == model.predict(rows, prediction_type="RawFormulaVal")).all()
    assert formula.verify(model, rows)


def test_thresholds_are_tried():
    rows, y = data.numbers()
    assert len(list(thresholds_of(fit(regressor(), rows, y)))) > 10


def test_truths_are_classes():
    rows, y = data.truths()
    model = fit(classifier(), rows, y)
    formula = cf.read(model)
    assert (
        formula(rows).astype(str).tolist() == np.asarray(model.predict(rows)).astype(str).tolist()
    )


def test_a_probability_threshold_decides_the_class():
    rows, y = data.labels_0_and_1()
    model = fit(classifier(), rows, y)
    model.set_probability_threshold(0.7)
    plain = fit(classifier(), rows, y)
    formula = cf.read(model)
    assert (model.predict(rows) != plain.predict(rows)).any()
    assert (formula(rows) == model.predict(rows)).all()


def test_the_early_best_model_is_read():
    rows, y = data.numbers()
    model = regressor(iterations=60, early_stopping_rounds=3)
    model.fit(rows[:60], y[:60], eval_set=(rows[60:], y[60:][::-1]))
    assert model.tree_count_ < 60
    assert (cf.read(model)(rows) == model.predict(rows)).all()


def test_scale_and_bias_count():
    rows, y = data.numbers()
    model = fit(regressor(), rows, y)
    model.set_scale_and_bias(2.5, -1.25)
    assert np.allclose(cf.read(model)(rows), model.predict(rows), rtol=1e-15, atol=0)


@pytest.mark.parametrize("loss", ["MultiLogloss", "MultiCrossEntropy"])
def test_several_labels_at_once_are_read(loss):
    rows, y = data.label_sets()
    model = classifier(loss_function=loss).fit(rows, y)
    formula = check_reader(model, rows)
    assert formula.verify(model, rows)
    assert list(formula.outputs)[:3] == ["label0", "P0(1)", "decision0"]


@pytest.mark.parametrize("names", [None, ["a", "b", "c"]])
def test_labels_at_once_may_be_more_than_two_and_have_names(names):
    rows, y = data.label_sets()
    model = classifier(loss_function="MultiLogloss", class_names=names)
    model.fit(rows, np.column_stack([y, 1 - y[:, 0]]))
    formula = check_reader(model, rows)
    assert (formula(rows) == model.predict(rows)).all()


def test_classes_of_a_file_are_of_the_type_that_they_had(tmp_path):
    rows, y = data.labels_0_and_1()
    model = fit(classifier(), rows, y * 1.5)
    model.save_model(tmp_path / "m.json", format="json")
    assert [repr(c) for c in cf.read(tmp_path / "m.json").task.classes] == ["0.0", "1.5"]


def test_a_booster_behind_a_scaler_is_one_formula():
    rows, y = data.frame()
    model = fit(make_pipeline(StandardScaler(), regressor()), rows, y)
    formula = check_reader(model, rows, rtol=0)
    assert [f.name for f in formula.inputs] == list(rows.columns)


@pytest.mark.parametrize("target", ["python", "numpy"])
@pytest.mark.parametrize("made", [regressor(), regressor(grow_policy="Lossguide")])
def test_printed_programs_give_the_same_bits(target, made):
    rows, y = data.holes()
    model = fit(made, rows, y)
    assert (predicted_by(target, cf.read(model), rows) == model.predict(rows)).all()


@pytest.mark.parametrize("ending", ["json", "cbm"])
@pytest.mark.parametrize("case", CASES[::3], ids=str)
def test_a_file_gives_what_the_model_gives(case, ending, tmp_path):
    model, rows = case.fitted
    model.save_model(tmp_path / "model", format=ending)
    formula, live = cf.read(tmp_path / "model"), cf.read(model)
    assert list(formula.outputs) == list(live.outputs)
    for name, values in live.evaluate(rows).items():
        assert np.array_equal(formula(rows, name), values, equal_nan=values.dtype.kind == "f")


def test_a_file_without_what_a_model_needs_is_one_clear_error(tmp_path):
    rows, y = data.numbers()
    fit(regressor(), rows, y).save_model(tmp_path / "m.json", format="json")
    document = json.loads((tmp_path / "m.json").read_text())
    document["oblivious_trees"][0]["leaf_values"].pop()
    (tmp_path / "m.json").write_text(json.dumps(document))
    with pytest.raises(cf.BadFile, match="is damaged"):
        cf.read(tmp_path / "m.json")


def test_what_is_not_fitted_is_refused():
    with pytest.raises(cf.NotFitted, match="CatBoostRegressor is not fitted"):
        cf.read(regressor())


@pytest.mark.parametrize(
    "outer",
    [
        MultiOutputRegressor(regressor()),
        GridSearchCV(regressor(), {"depth": [1, 2]}, cv=2),
        MultiOutputRegressor(make_pipeline(StandardScaler(), regressor())),
        MultiOutputRegressor(TransformedTargetRegressor(regressor())),
    ],
    ids=lambda outer: type(outer).__name__,
)
def test_names_of_columns_are_found_inside_what_does_not_ask_for_them(outer):
    rows, y = data.numbers()
    named = pd.DataFrame(rows).add_prefix("column ")
    several = isinstance(outer, MultiOutputRegressor)
    model = fit(outer, named, np.column_stack([y, -y]) if several else y)
    formula = check_reader(model, named)
    assert [f.name for f in formula.inputs] == list(named.columns)
    plain = cf.read(fit(outer, rows, np.column_stack([y, -y]) if several else y))
    assert plain.inputs[0].name == "x0"
