"""Encoders: texts, codes, truths; unknown, rare, dropped and missing categories."""

import time

import numpy as np
import pandas as pd
import pytest
from sklearn import impute, linear_model, pipeline
from sklearn import preprocessing as P

import closedform as cf
from battery import Case, check_reader


def shops():
    """Texts that no language takes as they are, codes, truths, a number; some are missing."""
    draw = np.random.default_rng(5)
    size = 120
    towns = np.array(["Oslo", "'; DROP TABLE x; --", "身長", "N", "lambda", None], dtype=object)
    rows = pd.DataFrame(
        {
            "town (city)": draw.choice(towns, size, p=[0.4, 0.2, 0.2, 0.1, 0.05, 0.05]),
            "lambda": draw.choice([3.0, 7.0, 11.0, np.nan], size),
        }
    )
    return rows, draw.normal(size=size) + (rows["town (city)"] == "Oslo")


def texts():
    """Two columns of texts, none missing."""
    rows, y = shops()
    rows = rows.fillna({"town (city)": "N"})
    return rows.assign(**{"lambda": np.where(rows["lambda"] > 3, "a", "b")}), y


def text_classes():
    """The same, three classes."""
    rows, y = texts()
    return rows, np.array(["low", "mid", "high"])[np.digitize(y, [0, 1])]


def text_yes_no():
    """The same, two classes."""
    rows, y = texts()
    return rows, np.where(y > 0.5, "yes", "no")


def categories():
    """The texts as a pandas category and as Arrow strings."""
    rows, y = shops()
    return rows.astype({"town (city)": "category"}), y


def arrow():
    """The texts as Arrow strings, as far as this pandas has them."""
    rows, y = shops()
    if pd.__version__ < "3":  # there, a missing one is pandas' NA, which no encoder takes
        return rows.fillna({"town (city)": "N"}).astype({"town (city)": "string[pyarrow]"}), y
    return rows.astype({"town (city)": pd.StringDtype("pyarrow", na_value=np.nan)}), y


def truths():
    """Columns of truths and of whole numbers."""
    draw = np.random.default_rng(6)
    rows = pd.DataFrame({"a": draw.random(60) < 0.5, "b": draw.integers(-2, 3, 60)})
    return rows, draw.normal(size=60)


def codes():
    """An array of numbers as categories, three and four of them."""
    draw = np.random.default_rng(9)
    return np.column_stack([draw.choice([1.5, 4, 40], 90), draw.choice([0, 1, 2, 9], 90)]), (
        draw.normal(size=90)
    )


def text_array():
    """An array of objects: texts and None."""
    rows, y = shops()
    towns = rows["town (city)"]
    return towns.astype(object).where(towns.notna(), None).to_numpy()[:, None], y


ENCODERS = [
    *(
        P.OneHotEncoder(handle_unknown=kind, drop=drop, sparse_output=drop is None)
        for kind in ("error", "ignore", "infrequent_if_exist")
        for drop in (None, "first", "if_binary")
    ),
    P.OneHotEncoder(handle_unknown="ignore", min_frequency=20),
    P.OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=0.3, drop="first"),
    P.OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=3),
    P.OneHotEncoder(max_categories=2, dtype=int),
    P.OrdinalEncoder(),
    P.OrdinalEncoder(min_frequency=25),
    P.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-7, max_categories=3),
    P.OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan),
    P.OrdinalEncoder(
        handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2
    ),
]
CASES = [
    *(Case(m, make, rtol=0) for m in ENCODERS for make in (shops, codes, truths)),
    *(
        Case(m, make, rtol=0)
        for m in (ENCODERS[0], ENCODERS[3], ENCODERS[-2])
        for make in (texts, categories, arrow, text_array)
    ),
    Case(P.OneHotEncoder(drop=["Oslo", "a"]), texts, rtol=0),
    Case(P.OneHotEncoder(categories=[["N", "Oslo", "Rome", "身長", "lambda",
                                      "'; DROP TABLE x; --"], ["b", "a"]]), texts, rtol=0),
    Case(P.OrdinalEncoder(categories=[[1.5, 4, 40], [0, 1, 2, 3, 9]]), codes, rtol=0),
    *(Case(P.TargetEncoder(smooth=s), make, rtol=0)
      for s in ("auto", 2.0) for make in (shops, texts, codes, text_classes, text_yes_no)),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_encoder_and_its_formula_agree(case):
    model, rows = case.fitted
    check_reader(model, rows, rtol=case.rtol)


def test_a_column_of_text_is_a_label_with_the_categories_of_training():
    rows, _ = texts()
    for unknown in ("error", "ignore"):
        formula = cf.read(P.OneHotEncoder(handle_unknown=unknown).fit(rows))
        town = formula.inputs[0]
        assert town.type.value == "label"
        assert set(town.categories) == set(rows["town (city)"])
        assert (town.unseen, town.missing) == (unknown == "ignore",) * 2


def test_dropped_and_single_categories_still_refuse_what_is_not_known():
    rows = pd.DataFrame({"only": ["a"] * 4, "two": ["x", "y"] * 2})
    model = P.OneHotEncoder(drop="first").fit(rows)
    formula = cf.read(model)
    assert list(formula.outputs) == ["two_y"]
    made = formula({"only": ["a", "b", None, "a"], "two": ["y", "y", "y", "z"]})
    assert made[0] == 1
    assert np.isnan(made[1:]).all()


@pytest.mark.skipif("warn" not in str(P.OneHotEncoder._parameter_constraints), reason="new in 1.6")
def test_an_encoder_that_warns_lumps_unknown_categories():
    rows, _ = texts()
    check_reader(P.OneHotEncoder(handle_unknown="warn", min_frequency=30).fit(rows), rows)


@pytest.mark.parametrize("kind", [P.OneHotEncoder, P.OrdinalEncoder, P.TargetEncoder])
def test_whole_numbers_that_float64_cannot_tell_apart_are_no_categories(kind):
    rows = pd.DataFrame({"id": 1234567890123456789 + np.arange(40) % 4})
    model = kind().fit(rows, np.arange(40.0))
    with pytest.raises(cf.UnsupportedModel, match="beyond 2\\^53") as caught:
        cf.read(model)
    assert "text" in caught.value.hint


def test_the_commonest_value_of_a_column_may_be_none():
    rows = pd.DataFrame({"c": pd.Series([None, None, "a", None, "b"] * 9, dtype=object)})
    imputer = impute.SimpleImputer(strategy="most_frequent")  # takes NaN alone as missing
    model = pipeline.make_pipeline(imputer, P.OneHotEncoder(sparse_output=False)).fit(rows)
    assert model[0].statistics_.tolist() == [None]
    made = cf.read(model)(rows)
    np.testing.assert_array_equal(made, model.transform(rows))


def test_what_an_imputer_fills_in_may_be_unknown_to_the_encoder_behind_it():
    rows = pd.DataFrame({"c": ["a", "b", "a", "c"] * 9, "x": np.arange(36.0)})
    imputer = impute.SimpleImputer(strategy="constant", fill_value="none")
    model = pipeline.make_pipeline(imputer, P.OneHotEncoder(sparse_output=False)).fit(rows[["c"]])
    check_reader(model, rows[["c"]])


def test_5000_categories_are_read_in_time():
    rows = pd.DataFrame({"c": [f"town {i}" for i in range(5000)]})
    model = pipeline.make_pipeline(P.OneHotEncoder(), linear_model.Ridge())
    model.fit(rows, np.arange(5000.0))
    start = time.process_time()
    formula = cf.read(model)
    assert time.process_time() - start < 4  # 0.4 s alone; it was 30 s and 7 GB
    # The sum of 5,000 products, in whatever order: 5,000 ulps of the largest.
    np.testing.assert_allclose(formula(rows), model.predict(rows), rtol=0, atol=5e-9)
