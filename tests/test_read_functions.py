"""Python functions in a FunctionTransformer: traced on columns, and tried against themselves."""

import os
from functools import partial

import numpy as np
import pandas as pd
import pytest
from sklearn import preprocessing as P
from sklearn.compose import TransformedTargetRegressor, make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.pipeline import make_pipeline

import closedform as cf
import made_up as data
from battery import Case, check_reader, fit


def ratio(x):
    return x[:, [0]] / (1 + x[:, [1]] ** 2)


def flags(x):
    return np.column_stack([x[:, 0] > 1, (x[:, 1] < 0) | ~(x[:, 2] > 0)]).astype(int)


def wider(x):
    x = x.copy()
    x[:, 1] = np.where(x[:, 1] > 0.5, x[:, 1], 0)
    return np.hstack([x, np.log1p(np.abs(x[:, :1])), np.round(x[:, 2:], 1)])


def in_place(x):
    x = x.copy()
    x *= 2
    x /= 1 + x[:, [0]] ** 2
    return x


def mean(x):
    return x.mean(axis=1, keepdims=True)


def between(x, lo=-1, hi=1):
    return np.clip(x, lo, hi)


def of_row(x):
    return np.concatenate([x.sum(axis=1, keepdims=True), x.max(axis=1).reshape(-1, 1)], axis=1)


def of_frame(rows):
    rows = rows.copy()
    first, second = rows.columns[:2]
    rows["both"] = rows[first] * rows[second]
    return rows.assign(size=lambda r: r["both"].abs() + 1).drop(columns=[second])


def filled(rows):
    return rows.fillna(0).apply(lambda column: np.sqrt(column.abs()))


F = P.FunctionTransformer
CASES = [
    *(Case(F(f), data.numbers, rtol=1e-14) for f in (ratio, flags, wider, in_place, between)),
    *(Case(F(f), data.numbers, rtol=1e-14) for f in (of_row, mean)),
    *(Case(F(f), data.numbers, rtol=1e-14) for f in (np.rint, np.trunc, np.round)),
    Case(F(np.nan_to_num), data.holes, rtol=0),
    Case(F(partial(between, lo=0)), data.numbers, rtol=0),
    Case(F(between, kw_args={"hi": 0.5}), data.numbers, rtol=0),
    Case(F(np.round, kw_args={"decimals": 2}), data.numbers, rtol=1e-14),
    *(Case(F(f), data.frame, rtol=1e-14) for f in (of_frame, filled)),
    Case(make_pipeline(F(of_frame), P.StandardScaler(), Ridge()), data.frame),
    Case(make_pipeline(F(wider), RandomForestRegressor(3, random_state=0)), data.numbers, rtol=0),
    Case(TransformedTargetRegressor(Ridge(), func=np.cbrt, inverse_func=lambda y: y**3),
         data.numbers),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_python_function_of_the_columns_is_read(case):
    check_reader(*case.fitted, rtol=case.rtol)


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda x: x - x.mean(axis=0), "the mean of all rows"),
        (lambda x: x / np.sum(x), "the sum of all rows"),
        (lambda x: x / len(x), "counts the rows"),
        (lambda x: x if x[0, 0] > 0 else -x, "picks rows"),
        (lambda x: x * x.shape[0], "no number"),
        (lambda x: np.sort(x, axis=0), "calls sort"),
        (lambda x: np.array([[2 * row[0]] for row in x]), "one by one"),
        (lambda x: np.asarray(x) * 2, "array of numbers"),
        (lambda x: x % 24, "remainders"),
        (lambda x: np.concatenate([x, x]), "under one another"),
        (lambda x: 1 / 0, "ZeroDivisionError"),
        (lambda x: None, "does not hang on its columns"),
        (np.asarray, "none of NumPy's"),
        (np.loadtxt, "none of NumPy's"),
        (partial(np.save, "/nowhere"), "none of NumPy's"),
        (os.path.abspath, "none of NumPy's"),
    ],
)
def test_what_hangs_on_more_than_one_row_is_refused_with_the_reason(function, why):
    rows, _ = data.numbers()
    with pytest.raises(cf.UnsupportedModel, match=why):
        cf.read(F(function).fit(rows))


def test_a_function_that_is_not_what_its_trace_says_is_refused():
    def sly(x):
        return x * 2 if isinstance(x, np.ndarray) else x * 3

    with pytest.raises(cf.UnsupportedModel, match="gives others than a formula of one row"):
        cf.read(F(sly).fit(data.numbers()[0]))


def of_text(rows):
    kinds = rows["kind"]
    rows = rows.assign(known=kinds.isin(["a", "b"]) * rows["size"], other=(kinds != "c") * 1.0)
    return rows.assign(kind=kinds.map({"a": 1, "b": 2.5})).fillna(-1)


def test_comparisons_with_text_make_the_column_one_of_text():
    chance = np.random.default_rng(0)
    kinds = chance.choice(["a", "b", "c"], 60)
    rows = pd.DataFrame({"size": chance.normal(size=60), "kind": kinds})
    model = make_pipeline(F(of_text), LinearRegression()).fit(rows, rows["size"] ** 2)
    check_reader(model, rows)
    alone = make_column_transformer((F(lambda x: x == "a"), ["kind"]), remainder="passthrough")
    check_reader(fit(make_pipeline(alone, Ridge()), rows, rows["size"] ** 2), rows)


def test_columns_that_a_function_leaves_alone_may_hold_text():
    rows, y = data.categories()
    number, text = rows.columns[0], rows.select_dtypes(["category", "object", "str"]).columns[0]
    rows = rows[[number, text]].assign(**{number: rows[number].fillna(0)})
    ones = P.OneHotEncoder(handle_unknown="ignore")
    doubled = F(lambda r: r.assign(twice=r[number] * 2))
    parts = make_column_transformer((ones, [text]), remainder="passthrough")
    model = fit(make_pipeline(doubled, parts, LinearRegression()), rows, y)
    assert cf.read(model).verify(model, rows)


def test_a_row_whose_quotient_is_infinite_gets_no_score_as_from_the_model():
    rows, y = data.numbers()
    model = make_pipeline(
        F(lambda x: x[:, :1] / x[:, 1:2]), RandomForestRegressor(3, random_state=0)
    ).fit(rows, y)
    formula = cf.read(model)
    zero = rows[:1].copy()
    zero[0, 1] = 0
    with pytest.raises(ValueError, match="infinity"), np.errstate(divide="ignore"):
        model.predict(zero)
    assert np.isnan(formula(zero)).all()
    assert formula.verify(model, rows)


def test_a_function_prints_as_what_it_computes():
    rows, y = data.frame()
    model = make_pipeline(F(of_frame), LinearRegression()).fit(rows, y)
    text = str(cf.read(model))
    assert "abs(both)" in text or "abs(" in text
    assert "<lambda>" not in text and "function" not in text
