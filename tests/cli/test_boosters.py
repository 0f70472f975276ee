"""Files of boosters on the command line: their categories, and rows of a CSV file."""

import numpy as np
import pandas as pd
import pytest

from closedform.cli import main


def called(capsys, *words):
    """Return the exit status, and all that was printed."""
    status = main([str(word) for word in words])
    captured = capsys.readouterr()
    return status, captured.out + captured.err


@pytest.fixture
def table(tmp_path):
    """Rows whose category counts, as text and as a whole number."""
    draw = np.random.default_rng(0)
    code = draw.integers(0, 6, 300)
    frame = pd.DataFrame({
        "x": draw.normal(size=300).round(2), "code": code, "digits": np.array(list("123789"))[code],
        "city": np.array(["Rome", "Oslo", "São Paulo", "a,b", "x y", "z"])[code],
    })  # fmt: skip
    frame["y"] = np.sin(3 * code) + frame.x
    frame.to_csv(tmp_path / "rows.csv", index=False)
    return frame


@pytest.mark.parametrize("ending", ["cbm", "json"])
def test_the_names_of_categories_are_given_as_rows(ending, table, tmp_path, capsys):
    cat = pytest.importorskip("catboost")
    model = cat.CatBoostRegressor(
        iterations=9, depth=3, verbose=0, allow_writing_files=False, cat_features=["code", "city"]
    )
    file, rows = tmp_path / f"model.{ending}", tmp_path / "rows.csv"
    model.fit(table[["city", "x", "code"]], table.y).save_model(file, format=ending)
    status, said = called(capsys, "read", file)
    assert status == 2 and "--example ROWS" in said
    status, said = called(capsys, "inspect", file)
    assert status == 0 and "model: CatBoost" in said and "catboost-" not in said
    status, said = called(capsys, "inspect", file, "--example", rows)
    assert "São Paulo" in said
    given = [file, "--example", rows, "--target", "y", "--data", rows]
    status, said = called(capsys, "verify", *given)
    # CatBoost itself moves a leaf of a JSON file by 1 ulp when it loads it.
    assert status == 0 and said.startswith(
        "identical" if ending == "cbm" else ("identical", "exact")
    )
    status, said = called(capsys, "read", *given, "--to", "python")
    assert status == 0 and "São Paulo" in said
    status, said = called(capsys, "read", file, "--example", tmp_path / "none.csv")
    assert status == 2 and "No such file" in said


def test_rows_are_no_example_where_none_is_needed(table, tmp_path, capsys):
    xgb = pytest.importorskip("xgboost")
    model = xgb.XGBRegressor(n_estimators=3, max_depth=2).fit(table[["x", "code"]], table.y)
    model.save_model(tmp_path / "m.json")
    status, said = called(capsys, "read", tmp_path / "m.json", "--example", tmp_path / "rows.csv")
    assert status == 2 and "no example is needed" in said


@pytest.mark.parametrize("kind", ["int8", "uint8", "int16", "int32", "int64"])
def test_whole_numbers_as_categories_of_xgboost_keep_their_type(kind, table, tmp_path, capsys):
    xgb = pytest.importorskip("xgboost")
    made = table.assign(code=pd.Categorical(table.code.astype(kind)))[["x", "code"]]
    model = xgb.XGBRegressor(n_estimators=5, max_depth=3, enable_categorical=True)
    model.fit(made, table.y).save_model(tmp_path / "m.ubj")
    given = [tmp_path / "m.ubj", "--target", "y", "--data", tmp_path / "rows.csv"]
    status, said = called(capsys, "verify", *given)
    # XGBoost would refuse each row whose codes are of another type of number.
    assert status == 0 and said.startswith("identical") and "rows given: " not in said


def test_texts_of_digits_stay_texts(table, tmp_path, capsys):
    xgb = pytest.importorskip("xgboost")
    made = table.assign(digits=pd.Categorical(table.digits))[["x", "digits"]]
    model = xgb.XGBRegressor(n_estimators=5, max_depth=3, enable_categorical=True)
    model.fit(made, table.y).save_model(tmp_path / "m.json")
    given = [tmp_path / "m.json", "--target", "y", "--data", tmp_path / "rows.csv"]
    status, said = called(capsys, "verify", *given)
    assert status == 0 and said.startswith("identical") and "rows given: " not in said
