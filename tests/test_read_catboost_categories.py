"""CatBoost's categories: one-hot, and statistics of the target, bit for bit against `predict`."""

import numpy as np
import pandas as pd
import pytest

import closedform as cf
import made_up as data

cat = pytest.importorskip("catboost")

FEW = {
    "iterations": 20, "depth": 4, "verbose": 0, "allow_writing_files": False, "thread_count": 1,
}  # fmt: skip
TEXT = ["kind", "size"]
CATEGORIES = ["a", "b", "code", "two"]


def regressor(**options):
    return cat.CatBoostRegressor(**FEW | options)


def classifier(**options):
    return cat.CatBoostClassifier(**FEW | options)


def categorical():
    rows, y = data.categories()
    rows = rows.assign(**{c: rows[c].astype(object).fillna("none").astype(str) for c in TEXT})
    return rows.assign(code=np.arange(len(y)) % 4), y


def test_one_hot_categories_are_read_from_a_file_that_names_them(tmp_path):
    rows, y = categorical()
    chosen = [*TEXT, "code"]
    model = regressor(one_hot_max_size=20, depth=5, cat_features=chosen).fit(rows, y)
    pool = cat.Pool(rows, y, cat_features=chosen)
    model.save_model(tmp_path / "m.json", format="json", pool=pool)
    formula = cf.read(tmp_path / "m.json")
    assert (formula(rows) == model.predict(rows)).all()
    odd = rows[:4].assign(kind="never seen", code=["2", "3", "x", "0"])
    assert (formula(odd) == model.predict(odd)).all()
    absent = rows[:1].assign(kind=np.nan)
    with pytest.raises(cat.CatBoostError, match="NaN"):
        model.predict(absent)
    assert np.isnan(formula(absent)).all()
    assert formula.verify(model, rows)


def test_a_model_that_keeps_only_hashes_of_its_categories_is_refused_with_a_way_out():
    rows, y = categorical()
    model = regressor(one_hot_max_size=20, cat_features=[*TEXT, "code"]).fit(rows, y)
    with pytest.raises(cf.UnsupportedModel, match="only a hash") as caught:
        cf.read(model)
    assert "pool=Pool" in caught.value.hint


def test_texts_are_refused_with_a_reason(tmp_path):
    rows, _ = categorical()
    words = pd.DataFrame({"x": rows["code"], "said": ["one two", "two three", "six"] * 30})
    model = classifier(text_features=["said"]).fit(words, np.arange(90) % 3)
    with pytest.raises(cf.UnsupportedModel, match="text features"):
        cf.read(model)
    model.save_model(tmp_path / "m.cbm")
    with pytest.raises(cf.UnsupportedModel, match=r"in this file: .*text features"):
        cf.read(tmp_path / "m.cbm")


# --- statistics of the target -------------------------------------------------------------------


def crossed(target):
    """Rows whose target depends on pairs of categories, and on numbers for some categories only."""
    draw, count = np.random.default_rng(1), 1500
    a, b = draw.integers(0, 8, count), draw.integers(0, 5, count)
    rows = pd.DataFrame({
        "a": np.array(list("abcdefgh"))[a], "b": np.array(list("uvwxy"))[b],
        "z": draw.normal(size=count).round(2), "code": draw.integers(0, 30, count),
        "two": draw.choice(["yes", "no"], count),
    })  # fmt: skip
    y = 3 * draw.normal(size=(8, 5))[a, b] + rows["z"] * (rows["two"] == "yes")
    return rows, target(np.asarray(y + np.sin(rows["code"]) * (rows["z"] > 0)))


def strange(rows):
    """The same rows, and some with categories that were never seen."""
    new = [{"a": "new"}, {"b": "zz", "z": 1e3, "code": 77}, {"two": "maybe"}, {"code": "3"}]
    return pd.concat([rows, *(rows.head(20).assign(**n) for n in new)], ignore_index=True)


TARGETS = {
    "number": (regressor, lambda y: y),
    "two classes": (classifier, lambda y: (y > 0).astype(int)),
    "three classes": (classifier, lambda y: np.digitize(y, [-1, 1])),
}
OPTIONS = [
    {},
    {"one_hot_max_size": 6},
    {"depth": 6, "max_ctr_complexity": 4},  # pairs of categories, with tests of numbers
    {"grow_policy": "Depthwise", "counter_calc_method": "Full"},
    {"simple_ctr": ["Buckets", "Counter:Prior=0.25", "BinarizedTargetMeanValue"]},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("target", TARGETS)
def test_statistics_of_categories_are_tables_and_scores_the_same_bits(target, options, tmp_path):
    made, of = TARGETS[target]
    rows, y = crossed(of)
    model = made(cat_features=CATEGORIES, **options).fit(rows, y)
    formula, more = cf.read(model, example=rows), strange(rows)
    names = formula.task.decision or formula.primary
    ours = np.column_stack([formula(more, name) for name in names])
    assert (ours == model.predict(more, prediction_type="RawFormulaVal").reshape(ours.shape)).all()
    assert formula.verify(model, more.head(300))
    pool = cat.Pool(rows, y, cat_features=CATEGORIES)
    model.save_model(tmp_path / "m.json", format="json", pool=pool)
    read = cf.read(tmp_path / "m.json")
    assert all((read(more, n) == formula(more, n)).all() for n in names)


def test_combinations_are_among_what_is_read():
    rows, y = crossed(lambda y: y)
    model = regressor(cat_features=CATEGORIES, **OPTIONS[2]).fit(rows, y)
    said = cf.read(model, example=rows).to("text")
    assert "statistic(a, b)" in said and "statistic(a)" in said


def test_statistics_of_several_targets_are_refused_and_counts_read():
    """CatBoost's own JSON export mixes up the targets."""
    rows, y = crossed(lambda y: np.column_stack([y > 0, y > 1, y < -1]).astype(int))
    model = classifier(loss_function="MultiLogloss", cat_features=CATEGORIES).fit(rows, y)
    with pytest.raises(cf.UnsupportedModel, match="each target") as caught:
        cf.read(model, example=rows)
    assert "simple_ctr='Counter'" in caught.value.hint
    counts = {"simple_ctr": "Counter", "combinations_ctr": "Counter"}
    model = classifier(loss_function="MultiLogloss", cat_features=CATEGORIES, **counts)
    formula = cf.read(model.fit(rows, y), example=rows)
    assert (formula(strange(rows)) == model.predict(strange(rows))).all()


def test_rows_that_lack_some_of_the_categories_are_not_enough():
    rows, y = crossed(lambda y: y)
    model = regressor(cat_features=CATEGORIES).fit(rows, y)
    with pytest.raises(cf.UnsupportedModel, match="only a hash") as caught:
        cf.read(model, example=rows[rows["a"] != "h"])
    assert "example=X" in caught.value.hint
    with pytest.raises(cf.BadInput, match="does not take the example"):
        cf.read(model, example=rows[["a"]])


@pytest.mark.parametrize("ending", ["json", "cbm"])
def test_a_file_learns_the_names_of_its_categories_from_rows(ending, tmp_path):
    rows, y = crossed(lambda y: y)
    model = regressor(cat_features=CATEGORIES).fit(rows, y)
    model.save_model(tmp_path / "m", format=ending)
    # In another order, with a column too many, and whole numbers as a table with holes has them.
    given = rows.assign(code=rows["code"].astype(float), y=y)[["z", "two", "y", "b", "a", "code"]]
    formula = cf.read(tmp_path / "m", example=given)
    assert (formula(strange(rows)) == model.predict(strange(rows))).all()
    with pytest.raises(cf.UnsupportedModel, match="categories of a, b, code, two"):
        cf.read(tmp_path / "m")


def test_statistics_of_too_many_combinations_are_refused_with_a_way_out(monkeypatch):
    from closedform.readers.catboost import outputs

    rows, y = crossed(lambda y: y)
    model = regressor(cat_features=CATEGORIES, **OPTIONS[2]).fit(rows, y)
    monkeypatch.setattr(outputs, "MOST", 10)
    with pytest.raises(cf.UnsupportedModel, match="combines") as caught:
        cf.read(model, example=rows)
    assert "max_ctr_complexity=1" in str(caught.value)
