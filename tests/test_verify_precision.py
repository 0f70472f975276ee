"""Certificates of rows in single precision, and of rows where rounding alone decides."""

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_matrix
from sklearn.decomposition import PCA, KernelPCA
from sklearn.discriminant_analysis import QuadraticDiscriminantAnalysis
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.mixture import GaussianMixture
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, SplineTransformer, StandardScaler

import closedform as cf
from battery import fit
from closedform.probes.containers import widened

CHANCE = np.random.default_rng(0)
ROWS = CHANCE.normal(size=(80, 3)).round(3)
Y = ROWS @ [1.0, -2.0, 0.5] + 0.1 * CHANCE.normal(size=80)
KINDS = np.array(["a", "b", "c"])[np.digitize(Y, [-1, 1])]
SINGLE = ROWS.astype(np.float32)


@pytest.mark.parametrize(
    "rows",
    [SINGLE, pd.DataFrame(SINGLE).add_prefix("x"), csr_matrix(SINGLE)],
    ids=["array", "frame", "sparse"],
)
def test_rows_in_single_precision_are_compared_within_the_models_own_rounding(rows):
    model = Ridge().fit(rows, Y)
    found = cf.read(model).verify(model, rows)
    assert found.ok, found.verdict
    exact, own = (
        [c for c in found.checks if c.method == m]
        for m in ("predict of the rows in float64", "predict")
    )
    assert max(c.worst_relative for c in exact) < 1e-13 < max(c.worst_relative for c in own)
    assert all("own rounding" in c.precision for c in own)


def test_a_forest_behind_a_scaler_is_certified_on_rows_in_single_precision():
    model = make_pipeline(StandardScaler(), RandomForestRegressor(5, random_state=0))
    model.fit(SINGLE, Y)
    assert cf.read(model).verify(model, SINGLE).ok


def test_a_fault_is_found_on_rows_in_single_precision_too():
    model = fit(make_pipeline(StandardScaler(), LogisticRegression()), SINGLE, KINDS)
    formula = cf.read(model)
    model[-1].coef_[0, 0] += 1e-6
    assert not formula.verify(model, SINGLE).ok


def test_small_whole_numbers_are_widened_as_well():
    rows = np.arange(120, dtype=np.int8).reshape(40, 3)
    model = make_pipeline(FunctionTransformer(np.log1p), Ridge()).fit(rows, Y[:40])
    assert np.log1p(rows).dtype == np.float16
    assert cf.read(model).verify(model, rows).ok


def test_rows_of_every_container_are_widened_and_wide_ones_left_alone():
    frame = pd.DataFrame({"a": SINGLE[:, 0], "b": ROWS[:, 1], "c": ["x"] * 80})
    assert widened(frame).dtypes.astype(str).tolist()[:2] == ["float64", "float64"]
    assert widened(frame[["b", "c"]]) is None
    assert widened(frame[["a"]].astype("Float32")).dtypes.iloc[0] == "Float64"
    assert widened({"a": SINGLE[:, 0]})["a"].dtype == np.float64
    assert widened(ROWS) is None and widened(ROWS.tolist()) is None


def test_frames_of_polars_are_widened():
    pl = pytest.importorskip("polars")
    assert widened(pl.DataFrame({"a": SINGLE[:, 0]})).schema["a"] == pl.Float64
    assert widened(pl.DataFrame({"a": ROWS[:, 0]})) is None


@pytest.mark.parametrize(
    "model",
    [
        PCA(2), PCA(2, whiten=True), KernelPCA(2, kernel="rbf"), GaussianNB(),
        QuadraticDiscriminantAnalysis(), GaussianMixture(2, random_state=0),
        GaussianMixture(2, covariance_type="tied", random_state=0),
    ],
    ids=str,
)  # fmt: skip
def test_what_a_model_of_single_precision_computes_beforehand_is_taken_as_it_computes_it(model):
    model.fit(SINGLE, KINDS)
    formula = cf.read(model)
    for rows in (ROWS, SINGLE):
        found = formula.verify(model, rows)
        assert found.ok, found
    assert "differs" not in formula.trail[0].found


def test_labels_far_outside_that_rounding_decides_are_ties_too():
    kinds = np.random.default_rng(0).choice(["a", "b", "c"], 80)
    model = KNeighborsClassifier(3, metric="haversine", weights="distance")
    found = cf.read(model.fit(ROWS[:, :2], kinds)).verify(model, ROWS[:, :2])
    assert found.ok, found
    assert any(c.ties for c in found.checks if c.is_label)


def test_far_outside_rows_that_rounding_decides_are_counted_as_ties():
    for model in (
        GaussianMixture(2, covariance_type="tied", random_state=0),
        make_pipeline(SplineTransformer(extrapolation="periodic"), Ridge()),
    ):
        found = cf.read(model.fit(ROWS, Y)).verify(model, ROWS)
        assert found.ok, found
        assert sum(c.ties for c in found.checks) > 0
        assert found.worst_relative < 1e-9
