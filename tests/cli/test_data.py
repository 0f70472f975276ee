"""Rows as people have them: other names, several targets, texts, and what packages print."""

import json

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from closedform.cli import checking

TRUST = "--trust-pickle"


@pytest.fixture
def saved(made):
    """Save a model and rows; return the words that verify it."""

    def save(model, rows, *more):
        joblib.dump(model, made / "some.joblib")
        rows.to_csv(made / "some.csv", index=False)
        return ("verify", "some.joblib", TRUST, "--data", "some.csv", *more)

    return save


def towns(codes):
    """A model of a column of codes and a number, and the rows that it was fitted on."""
    rows = pd.DataFrame({"zip": codes * 20, "size": np.arange(20.0 * len(codes))})
    encoder = OneHotEncoder(handle_unknown="ignore")
    model = make_pipeline(
        make_column_transformer((encoder, ["zip"]), remainder="passthrough"), Ridge()
    )
    return model.fit(rows, rows["size"] + 9 * (rows["zip"] == codes[0])), rows


def test_codes_that_look_like_numbers_stay_the_texts_that_the_model_knows(run, saved):
    model, rows = towns(["01097", "52062"])
    status, out, err = run(*saved(model, rows))
    assert status == 0 and err == ""
    assert "outside the formula's domain" not in out.partition("rows given:")[2].split("\n")[0]


def test_numbers_where_the_model_knows_texts_are_told_as_such(run, saved, made):
    model, rows = towns(["Aachen", "Bonn"])
    saved(model, rows)
    rows.assign(zip=np.arange(len(rows))).to_parquet(made / "numbers.parquet")
    status, out, err = run("verify", "some.joblib", TRUST, "--data", "numbers.parquet")
    assert (status, out) == (2, "")
    assert "column 'zip': it holds numbers, and the model knows texts there: 'Aachen', 'Bon" in err


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["Zip ", "SIZE"], "zip is there as 'Zip', size is there as 'SIZE'"),
        (["one name", "size"], "Its columns are: one name, size"),
        (["1", "2"], "Its first line names: 1, 2"),
    ],
)
def test_columns_that_are_absent_come_with_what_is_there(run, saved, names, says):
    model, rows = towns(["Aachen", "Bonn"])
    status, out, err = run(*saved(model, rows.set_axis(names, axis=1)))
    assert (status, out) == (2, "")
    assert says in err


def test_a_file_with_an_unknown_separator_is_told_as_such(run, saved, made):
    model, rows = towns(["Aachen", "Bonn"])
    words = saved(model, rows)
    rows.to_csv(made / "some.csv", index=False, sep="~")
    assert "All of its first line is one name, 'zip~size'" in run(*words)[2]


@pytest.mark.parametrize(
    ("cell", "says"),
    [
        ("1.234,5", "decimal point"),
        ("12,5", "decimal point"),
        ("1,234.5", "separators of thousands"),
        ("1 234", "separators of thousands"),
        ("?", "Leave a missing value empty"),
        ("yes", "as 1 and 0"),
        ("2020-01-31", "A date is no number"),
        ("12 %", "without a unit"),
        ("heavy", "Its inputs are: zip, size"),
    ],
)
def test_a_number_that_is_written_otherwise_comes_with_how_to_write_it(run, saved, cell, says):
    model, rows = towns(["Aachen", "Bonn"])
    rows = rows.astype({"size": object})
    rows.loc[0, "size"] = cell
    status, out, err = run(*saved(model, rows))
    assert (status, out) == (2, "")
    assert f"column 'size', row 0: {cell!r} is not a number" in err
    assert says in err


def test_several_targets_are_named_one_after_the_other(ask, saved):
    X = np.random.default_rng(0).normal(size=(40, 2))
    rows = pd.DataFrame(X, columns=["a", "b"]).assign(sum=X.sum(1), a2=2 * X[:, 0])
    model = LinearRegression().fit(X, rows[["sum", "a2"]].to_numpy())
    words = saved(model, rows, "--target", "sum", "--target", "a2")
    status, told = ask(*words)
    assert status == 0
    assert "root mean square error, formula" in json.dumps(told)


def test_a_target_of_which_the_model_predicts_nothing_is_a_note(ask, saved):
    X = np.random.default_rng(0).normal(size=(40, 2))
    rows = pd.DataFrame(X, columns=["a", "b"]).assign(y=X.sum(1))
    status, told = ask(*saved(PCA(1).fit(X), rows, "--target", "y"))
    assert status == 0
    assert "nothing is compared with --target: the model predicts no column" in told["notes"]


def test_what_a_package_prints_does_not_get_between_the_json(run, made, monkeypatch):
    kept = checking.open_source

    def talking(*args):
        print("1/1 ━━━━━━")
        return kept(*args)

    monkeypatch.setattr(checking, "open_source", talking)
    status, out, err = run("verify", "model.skops", "--data", "rows.csv", "--json")
    assert status == 0 and json.loads(out)["ok"]
    assert err == "1/1 ━━━━━━\n"


@pytest.mark.parametrize("prepend", [True, False])
def test_statsmodels_names_of_an_array_are_taken_in_order(run, made, prepend):
    sm = pytest.importorskip("statsmodels.api")
    X = np.random.default_rng(0).normal(size=(40, 2))
    y = X.sum(1) + np.sin(X[:, 0])
    sm.OLS(y, sm.add_constant(X, prepend=prepend)).fit().save(str(made / "array.pkl"))
    pd.DataFrame(X, columns=["a", "b"]).assign(y=y).to_csv(made / "ab.csv", index=False)
    words = ("verify", "array.pkl", TRUST, "--data", "ab.csv", "--target", "y")
    status, out, err = run(*words)
    assert status == 0, out
    assert "x1 = a, x2 = b" in err
    assert "formula 0." in out.partition("root mean square error")[2]


def test_a_dict_that_holds_a_model_says_where(run, made):
    model, _ = towns(["Aachen", "Bonn"])
    joblib.dump({"model": model, "columns": ["zip", "size"]}, made / "dict.joblib")
    status, _, err = run("read", "dict.joblib", TRUST)
    assert status == 2
    assert "A dict is no model that can be read" in err
    assert "It holds a model at 'model'" in err
