"""XGBoost behind a sparse matrix: it takes the zeros that are not stored as missing."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import StackingRegressor, VotingRegressor
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MaxAbsScaler,
    OneHotEncoder,
    QuantileTransformer,
    SplineTransformer,
    StandardScaler,
)

import closedform as cf
import made_up as data
from battery import check_reader, fit

xgb = pytest.importorskip("xgboost")


def regressor(**options):
    return xgb.XGBRegressor(n_estimators=12, max_depth=3, n_jobs=1, **options)


def kinds_and_counts():
    """Two columns of categories and one of counts, many of them 0; a target of all three."""
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"kind": rng.choice(list("abcdefgh"), 300), "size": rng.choice(3, 300)})
    rows = rows.assign(size="size " + rows["size"].astype(str), count=rng.poisson(1.0, 300))
    values = dict(zip("abcdefgh", rng.normal(size=8), strict=True))
    return rows, rows["kind"].map(values).to_numpy() * 2 + np.cos(rows["count"].to_numpy() * 2)


def sparse(density=1.0):
    """Return an encoder that gives a sparse matrix, as it does where most of it is 0."""
    return ColumnTransformer(
        [("c", OneHotEncoder(handle_unknown="ignore"), ["kind", "size"])],
        remainder="passthrough",
        sparse_threshold=density,
    )


@pytest.mark.parametrize(
    "last",
    [
        regressor(),
        regressor(tree_method="exact"),
        regressor(missing=1.0),
        regressor(booster="dart"),
        make_pipeline(MaxAbsScaler(), regressor()),
        MultiOutputRegressor(regressor()),
        VotingRegressor([("a", regressor()), ("b", make_pipeline(MaxAbsScaler(), regressor()))]),
        StackingRegressor([("a", regressor())], final_estimator=regressor(), cv=2),
        StackingRegressor(
            [("a", regressor())], final_estimator=regressor(), cv=2, passthrough=True
        ),
    ],
    ids=lambda last: type(last).__name__,
)
def test_zeros_of_a_sparse_matrix_are_missing(last):
    rows, y = kinds_and_counts()
    several = isinstance(last, MultiOutputRegressor)
    model = fit(make_pipeline(sparse(), last), rows, np.column_stack([y, -y]) if several else y)
    assert model[0].sparse_output_
    # Made-up rows have a count of 5e-324, which a scaler rounds to a stored 0.
    assert check_reader(model, rows).verify(model, rows, made_up=False)
    dense = fit(make_pipeline(sparse(density=0), last), rows, y if not several else np.c_[y, y])
    assert not dense[0].sparse_output_
    check_reader(dense, rows)


def test_bins_as_a_sparse_matrix_are_missing_where_they_are_0():
    rows, y = data.numbers()
    bins = KBinsDiscretizer(4, encode="onehot", strategy="uniform")
    check_reader(fit(make_pipeline(bins, regressor()), rows, y), rows, rtol=0)
    union = FeatureUnion([("bins", bins), ("all", StandardScaler())])
    check_reader(fit(make_pipeline(union, regressor()), rows, y), rows, rtol=0)


def test_zeros_that_a_sparse_matrix_may_hold_are_refused():
    rows, y = data.numbers()
    model = fit(make_pipeline(SplineTransformer(sparse_output=True), regressor()), rows, y)
    with pytest.raises(cf.UnsupportedModel, match="stored"):
        cf.read(model)
    rows, y = kinds_and_counts()
    for part in (FunctionTransformer(np.sqrt, accept_sparse=True), QuantileTransformer()):
        model = fit(make_pipeline(sparse(), part, regressor()), rows, y)
        with pytest.raises(cf.UnsupportedModel, match="stored"):
            cf.read(model)
