"""LightGBM: scores bit for bit, and what becomes of them, against `predict`."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import closedform as cf
import made_up as data
from battery import Case, check_reader, fit
from battery_rows import thresholds_of
from programs import predicted_by

lgb = pytest.importorskip("lightgbm")

FEW = {
    "n_estimators": 12, "num_leaves": 6, "min_child_samples": 3, "verbose": -1, "n_jobs": 1,
}  # fmt: skip
ODD = {"min_data_per_group": 1, "cat_smooth": 1.0, "max_cat_to_onehot": 1}


def regressor(**options):
    return lgb.LGBMRegressor(**FEW | options)


def classifier(**options):
    return lgb.LGBMClassifier(**FEW | options)


def named():
    """Columns without spaces in their names, which LightGBM would change."""
    x, y = data.frame()
    return x.set_axis(["a_1", "lambda", "a.b", "身長"], axis=1), y


def named_holes():
    x, y = data.holes()
    return x.set_axis(["a_1", "lambda", "a.b", "身長"], axis=1), y


def named_categories():
    x, y = data.categories()
    return x.rename(columns={"petal length (cm)": "petal"}), y


def three_labels():
    x, y = data.holes_three_classes()
    return x.to_numpy(), y


def two_labels():
    x, y = data.two_classes()
    return x.to_numpy(), y


CASES = [
    # rtol=0: what passes through no exp must not differ by one bit.
    Case(regressor(), named, rtol=0),
    Case(regressor(num_leaves=31), data.rounded, rtol=0),
    Case(regressor(), data.epochs, rtol=0),
    Case(regressor(), named_holes, rtol=0),
    Case(regressor(use_missing=False), named_holes, rtol=0),
    Case(regressor(zero_as_missing=True), data.rounded, rtol=0),
    Case(regressor(), data.constant, rtol=0),
    Case(regressor(n_estimators=1, num_leaves=2), data.one_column, rtol=0),
    Case(regressor(boosting_type="dart", drop_rate=0.5), data.numbers, rtol=0),
    Case(regressor(data_sample_strategy="goss"), data.numbers, rtol=0),
    Case(regressor(boosting_type="rf", subsample=0.6, subsample_freq=1), data.numbers, rtol=0),
    Case(regressor(extra_trees=True, path_smooth=1.0), data.numbers, rtol=0),
    Case(regressor(linear_tree=True), data.numbers),
    Case(regressor(linear_tree=True), named_holes),
    Case(regressor(), named_categories, rtol=0),
    Case(regressor(**ODD), named_categories, rtol=0),
    Case(regressor(objective="l1"), data.numbers, rtol=0),
    Case(regressor(objective="huber"), data.numbers, rtol=0),
    Case(regressor(objective="fair"), data.numbers, rtol=0),
    Case(regressor(objective="mape"), data.positive, rtol=0),
    Case(regressor(objective="quantile", alpha=0.2), data.numbers, rtol=0),
    Case(regressor(reg_sqrt=True), data.numbers),
    Case(regressor(objective="poisson"), data.counts),
    Case(regressor(objective="gamma"), data.positive),
    Case(regressor(objective="tweedie", tweedie_variance_power=1.2), data.counts),
    Case(regressor(objective="cross_entropy"), data.shares),
    Case(regressor(objective="cross_entropy_lambda"), data.shares),
    Case(classifier(), two_labels),
    Case(classifier(sigmoid=0.7, is_unbalance=True), two_labels),
    Case(classifier(boosting_type="rf", subsample=0.6, subsample_freq=1), two_labels),
    Case(classifier(), data.truths),
    Case(classifier(), data.one_class),
    Case(classifier(), three_labels),
    Case(classifier(objective="multiclassova", sigmoid=0.7), three_labels),
    Case(classifier(boosting_type="dart", drop_rate=0.5), data.five_texts),
]


pytestmark = pytest.mark.filterwarnings("ignore:X does not have valid feature names")


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_booster_and_its_formula_agree(case):
    model, rows = case.fitted
    check_reader(model, rows, rtol=case.rtol, names=list(getattr(rows, "columns", [])) or None)


@pytest.mark.parametrize("made", [classifier(), classifier(objective="multiclassova")])
def test_scores_are_the_same_bits(made):
    rows, y = three_labels()
    model = fit(made, rows, y)
    formula = cf.read(model)
    ours = np.column_stack([formula(rows, name) for name in formula.task.decision])
    assert (ours == model.predict(rows, raw_score=True)).all()


def test_thresholds_are_tried():
    rows, y = data.numbers()
    assert len(list(thresholds_of(fit(regressor(), rows, y)))) > 20


def test_spaces_that_lightgbm_writes_as_underscores_are_found_again():
    rows, y = data.frame()
    model = fit(regressor(), rows, y)
    formula = cf.read(model)
    assert formula.inputs[0].name == "petal_length_(cm)"
    assert (formula(rows) == model.predict(rows)).all()
    assert formula.verify(model, rows)


@pytest.mark.filterwarnings("ignore:The argument 'eval_set' is deprecated")
def test_early_stopping_counts_for_estimator_booster_and_file(tmp_path):
    rows, y = data.numbers()
    noise = np.random.default_rng(3).normal(size=len(y))
    model = regressor(n_estimators=60)
    model.fit(rows[:60], y[:60], eval_set=[(rows[60:], noise[60:])],
              callbacks=[lgb.early_stopping(3, verbose=False)])  # fmt: skip
    assert model.best_iteration_ < 60
    assert (cf.read(model)(rows) == model.predict(rows)).all()
    assert (cf.read(model.booster_)(rows) == model.booster_.predict(rows)).all()
    model.booster_.save_model(tmp_path / "m.txt")
    assert (cf.read(tmp_path / "m.txt")(rows) == model.predict(rows)).all()


def test_a_bare_booster_gives_what_its_own_predict_gives():
    rows, y = data.numbers()
    train = {"objective": "multiclass", "num_class": 3, "verbose": -1, "num_threads": 1}
    booster = lgb.train(train, lgb.Dataset(rows, np.digitize(y, [2.5, 3.7])), 5)
    formula = cf.read(booster)
    assert np.allclose(formula(rows), booster.predict(rows), rtol=1e-12, atol=0)
    assert formula.verify(booster, rows)


def test_an_objective_that_is_a_function_leaves_the_scores():
    rows, y = data.numbers()
    model = fit(regressor(objective=lambda t, p: (p - t, np.ones_like(t))), rows, y)
    assert (cf.read(model)(rows) == model.predict(rows)).all()


def test_an_estimator_that_is_too_old_for_lightgbm_is_refused_with_a_way_out():
    rows, y = data.numbers()
    model = fit(regressor(), rows, y)
    theirs = model.predict(rows)
    del model.fitted_  # as pickles of LightGBM 2 and 3.0 lack it
    with pytest.raises(cf.NotFitted, match="too old") as caught:
        cf.read(model)
    assert "_Booster" in caught.value.hint
    assert (cf.read(model._Booster)(rows) == theirs).all()


def test_a_ranker_gives_its_scores():
    rows, y = data.labels_0_to_2()
    rows = rows.to_numpy()
    model = lgb.LGBMRanker(**FEW).fit(rows, y, group=[9] * (len(y) // 9))
    assert (cf.read(model)(rows) == model.predict(rows)).all()


def test_codes_without_recorded_categories_are_cut_to_whole_numbers():
    draw = np.random.default_rng(0)
    rows = np.column_stack([draw.integers(0, 40, 300), draw.normal(size=300)]).astype(float)
    y = np.isin(rows[:, 0], [1, 4, 33, 35]) + rows[:, 1] / 9
    train = {"verbose": -1, "num_threads": 1, "min_data_in_leaf": 2, **ODD}
    booster = lgb.train(train, lgb.Dataset(rows, y, categorical_feature=[0]), 6)
    formula = cf.read(booster)
    asked = rows.copy()
    odd = [0.5, -0.5, -0.99, -1.0, -7.5, 1.5, 33.0, 33.7, 35.9, 36.0, 64, 1e6, 1e12, np.nan, np.inf]
    asked[: 4 * len(odd), 0] = odd * 4
    assert (formula(asked) == booster.predict(asked)).all()


def test_whole_numbers_as_categories_are_read():
    rows, y = data.numbers()
    codes = np.random.default_rng(0).choice([3, 7, 90], len(y))
    frame = pd.DataFrame({"x": rows[:, 0], "code": pd.Categorical(codes)})
    model = fit(regressor(**ODD), frame, y + (codes == 7))
    formula = cf.read(model)
    assert (formula(frame) == model.predict(frame)).all()
    assert formula.verify(model, frame)


def test_ordered_categories_are_read_where_but_one_column_fits_them():
    rows, y = named_categories()
    rows["size"] = rows["size"].cat.as_ordered()
    model = fit(regressor(**ODD), rows, y)
    formula = cf.read(model)
    odd = rows.assign(size=pd.Categorical(["XL", None] * (len(y) // 2)))
    for asked in (rows, odd):
        assert (formula(asked) == model.predict(asked)).all()
    assert formula.verify(model, rows)
    # The file has lists of categories and no columns: truths, too, may be a list of three.
    rows.insert(0, "two", np.arange(len(y)) % 2)
    with pytest.raises(cf.UnsupportedModel, match="does not say which"):
        cf.read(fit(regressor(), rows, y))


def test_categories_of_pandas_and_named_ones_go_together():
    rows, y = named_categories()
    rows.insert(0, "code", np.arange(len(y)) % 9)
    y = y + 3 * np.sin(5 * rows["code"])
    model = regressor(**ODD)
    model.fit(rows, y, categorical_feature=["code", "size"])
    formula = cf.read(model)
    assert (formula(rows) == model.predict(rows)).all()
    assert formula.verify(model, rows)
    assert [f.categories is not None for f in formula.inputs] == [
        name in ("kind", "size") for name in rows.columns
    ]


def test_numbers_near_zero_are_missing_where_zeros_are():
    rows, y = data.rounded()
    model = fit(regressor(zero_as_missing=True), rows, y)
    near = float(np.float32(1e-35))
    odd = [0.0, -0.0, near, -near, np.nextafter(near, 1), 1e-36, -1e-34, np.nan]
    asked = np.zeros((8 * 4, rows.shape[1]))
    for i in range(rows.shape[1]):
        asked[8 * i : 8 * i + 8] = rows[:8]
        asked[8 * i : 8 * i + 8, i] = odd
    assert (cf.read(model)(asked) == model.predict(asked)).all()


# --- inside scikit-learn, programs, text, files --------------------------------------------------


def test_a_booster_behind_a_column_transformer_is_one_formula_of_the_raw_columns():
    rows, y = named_categories()
    rows = rows.assign(kind=rows["kind"].astype(str))[["petal", "lambda", "kind"]]
    encode = ColumnTransformer(
        [("n", StandardScaler(), ["petal", "lambda"]),
         ("c", OneHotEncoder(sparse_output=False, handle_unknown="ignore"), ["kind"])]
    )  # fmt: skip
    model = fit(make_pipeline(encode, regressor()), rows, y)
    formula = check_reader(model, rows, rtol=0)
    assert [f.name for f in formula.inputs] == list(rows.columns)


@pytest.mark.parametrize("target", ["python", "numpy"])
@pytest.mark.parametrize(
    "made", [regressor(), regressor(**ODD), regressor(n_estimators=2), regressor(linear_tree=True)]
)
def test_printed_programs_give_the_same(target, made):
    rows, y = named_categories()
    if made.get_params().get("linear_tree"):
        rows, y = named_holes()
    model = fit(made, rows, y)
    ours = predicted_by(target, cf.read(model), rows)
    near = 1e-12 if made.get_params().get("linear_tree") else 0
    assert np.allclose(ours, model.predict(rows), rtol=near, atol=near)


def test_five_hundred_trees_with_and_without_categories_print_as_a_loop():
    rows, y = named_categories()
    formula = cf.read(fit(regressor(n_estimators=500, learning_rate=0.01, **ODD), rows, y))
    assert "(" not in formula.to("text", limit=1).partition("\n")[0].replace("…", "")
    assert "tree 1 + tree 2 + … + tree 500" in formula.to("text", limit=1)
    for target in ("python", "numpy"):
        text = formula.to(target)
        assert text.count("forest(") == 2


@pytest.mark.parametrize("case", CASES[::3], ids=str)
def test_a_file_gives_what_the_booster_gives(case, tmp_path):
    model, rows = case.fitted
    model.booster_.save_model(tmp_path / "model.txt")
    formula = cf.read(tmp_path / "model.txt")
    theirs = model.booster_.predict(rows)
    assert np.allclose(formula(rows), theirs, rtol=1e-12, atol=1e-300)


def test_what_is_not_fitted_or_overrides_predict_is_refused():
    with pytest.raises(cf.NotFitted, match="LGBMRegressor is not fitted"):
        cf.read(regressor())

    class Clipped(lgb.LGBMRegressor):
        def predict(self, X, **options):
            return np.clip(super().predict(X, **options), 0, 1)

    rows, y = data.numbers()
    with pytest.raises(cf.UnsupportedModel, match="Clipped has a predict"):
        cf.read(fit(Clipped(**FEW), rows, y))


def test_a_random_forest_of_scikit_learn_is_still_read_by_its_own_reader():
    rows, y = data.numbers()
    model = fit(RandomForestRegressor(n_estimators=3, random_state=0), rows, y)
    assert cf.read(model).trail[0].name.startswith("read by scikit-learn")


def test_a_model_of_one_class_prints_and_is_saved(tmp_path):
    rows, y = data.one_class()
    formula = cf.read(fit(classifier(), rows, y))
    assert "P(only) = 1" in str(formula)
    formula.save(tmp_path / "f.json")
    assert cf.load(tmp_path / "f.json").task == formula.task
