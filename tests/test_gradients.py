"""Slopes of a formula are those of the model, by autograd, by captum, and by small steps."""

import sys

import numpy as np
import pandas as pd
import pytest
import sympy
import torch
from captum.attr import IntegratedGradients, Saliency
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import closedform as cf
from closedform.explanations.gradients import integrated_gradients, saliency, smoothgrad
from closedform.explanations.sides import Sides

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(60, 3))
FRAME = pd.DataFrame({
    "size": np.where(RANDOM.random(60) < 0.2, np.nan, 100 * RANDOM.normal(size=60)),
    "town": RANDOM.choice(["A", "B", "C"], 60),
    "age": RANDOM.integers(1, 90, 60).astype(float),
})  # fmt: skip


@pytest.fixture(scope="module")
def net():
    torch.manual_seed(0)
    layers = [torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)]
    return torch.nn.Sequential(*layers).double()


@pytest.fixture(scope="module")
def sides(net):
    return Sides.of(net, X)


def test_slopes_are_those_of_captum_on_the_module_and_of_the_formula_beside_it(net, sides):
    found = saliency(sides)
    rows = torch.tensor(X[found.rows], requires_grad=True)
    truth = Saliency(net).attribute(rows, target=0, abs=False).numpy()
    for side in ("model", "formula"):
        np.testing.assert_allclose(found.raw[side], truth, rtol=0, atol=1e-12)
        np.testing.assert_allclose(found.values[side], truth * X.std(axis=0), rtol=0, atol=1e-12)
    assert found.how["model"] == "by captum"


def test_integrated_gradients_are_those_of_captum_and_add_up(net, sides):
    found = integrated_gradients(sides)
    rows, start = torch.tensor(X[found.rows]), torch.tensor(np.median(X, axis=0))[None]
    truth = IntegratedGradients(net).attribute(
        rows, start, target=0, n_steps=200, method="gausslegendre"
    ).numpy()  # fmt: skip
    for side in ("model", "formula"):
        # captum keeps its points on the way in float32; tanh is smooth, so that 32 are enough.
        np.testing.assert_allclose(found.values[side], truth, rtol=0, atol=1e-7)
    assert found.gap["formula"].max() < 1e-9
    np.testing.assert_allclose(found.base["formula"], net(start)[0, 0].item())


def test_a_kink_leaves_a_gap_that_is_stated():
    law = cf.read(sympy.sympify("Max(0, x0 - 0.3) + 5 * Heaviside(x1)"))
    found = integrated_gradients(Sides.of(law, {"x0": X[:, 0], "x1": X[:, 1]}))
    jumped = (X[found.rows, 1] > 0) != (np.median(X[:, 1]) > 0)
    # No point on the way sees the jump of 5; the kink is seen within a step of the way.
    np.testing.assert_allclose(found.gap["formula"], 5 * jumped, atol=0.02)
    assert "they add up to the answer within 5" in str(found)


def test_smoothed_slopes_agree_with_captum_within_their_errors(sides):
    found = smoothgrad(sides, draws=200, rows=20)
    away = np.abs(found.values["model"] - found.values["formula"])
    error = np.hypot(found.errors["model"], found.errors["formula"])
    assert (away <= 5 * error).all() and error.max() < 0.1 * np.abs(found.values["model"]).max()
    still = smoothgrad(sides, noise=0.0, draws=2, rows=20)
    plain = saliency(sides, rows=20)
    np.testing.assert_allclose(still.values["formula"], plain.values["formula"], atol=1e-12)


def test_slopes_through_a_pipeline_are_those_of_small_steps():
    pre = make_column_transformer(
        (OneHotEncoder(), ["town"]), (StandardScaler(), ["age"]), remainder="drop"
    )
    model = make_pipeline(pre, LogisticRegression()).fit(FRAME, FRAME["age"] > 50)
    found = saliency(Sides.of(model, FRAME))
    up, down = (FRAME.assign(age=FRAME["age"] + h) for h in (1e-4, -1e-4))
    steps = (model.predict_proba(up)[:, 1] - model.predict_proba(down)[:, 1]) / 2e-4
    assert list(found.values) == ["formula"] and "no PyTorch module" in str(found)
    at = found.features.index("age")
    # Second-order differences of a function of size 1 with 16 digits, steps of 1e-4.
    np.testing.assert_allclose(found.raw["formula"][:, at], steps[found.rows], atol=1e-9)
    assert not found.values["formula"][:, found.features.index("size")].any()
    assert np.isnan(found.values["formula"][:, found.features.index("town")]).all()


def test_what_is_missing_or_a_category_is_held_on_the_way():
    law = cf.read(sympy.sympify("size * age / 1000 + age"))
    rows = FRAME.dropna()
    found = integrated_gradients(Sides.of(law, rows), baseline={"age": 10.0})
    medians = {"size": rows["size"].median(), "age": 10.0}
    np.testing.assert_allclose(found.base["formula"], law(medians)[0])
    assert found.gap["formula"].max() < 1e-9 and "given: age" in str(found)
    with pytest.raises(cf.BadInput, match="'town', which is no input that is a number"):
        integrated_gradients(Sides.of(law, rows), baseline={"town": 1})


def test_another_formula_stands_beside_the_derivative_of_the_exact_one():
    model = MLPRegressor(hidden_layer_sizes=(4,), max_iter=50, random_state=0).fit(X, X[:, 0])
    line = cf.read(sympy.sympify("2*x0 + 0*x1 + 0*x2"))
    frame = pd.DataFrame(X, columns=["x0", "x1", "x2"])
    found = saliency(Sides.of(model, frame, formula=line))
    assert found.how["model"] == "the derivative of its exact formula"
    h = 1e-5 * np.eye(3)[0]
    steps = (model.predict(X + h) - model.predict(X - h))[found.rows] / 2e-5
    np.testing.assert_allclose(found.raw["model"][:, 0], steps, atol=1e-6)
    assert (found.raw["formula"][:, 0] == 2).all()


def test_what_has_no_slopes_says_so():
    forest = RandomForestRegressor(3, random_state=0).fit(X, X[:, 0])
    with pytest.raises(cf.BadInput, match="flat at all of these rows"):
        saliency(Sides.of(forest, X))
    with pytest.raises(cf.BadInput, match="no formula beside it"):
        integrated_gradients(Sides.of(lambda X: X[:, 0], X))
    with pytest.raises(cf.BadInput, match="gives a label"):
        saliency(labelled())


def labelled():
    model = LogisticRegression().fit(X, np.where(X[:, 0] > 0, "up", "down"))
    return Sides.of(cf.read(model).only("label"), X, output="up")


def test_without_captum_the_formula_is_explained_and_the_line_to_type_is_given(monkeypatch, sides):
    monkeypatch.setitem(sys.modules, "captum.attr", None)
    found = saliency(sides)
    assert list(found.values) == ["formula"]
    assert 'pip install "closedform[captum]"' in str(found)


def test_rows_without_a_value_have_no_slope_and_are_counted():
    model = make_pipeline(SimpleImputer(), LinearRegression())
    rows = FRAME[["size", "age"]]
    model.fit(rows, rows["size"].fillna(0) + 2 * rows["age"])
    found = saliency(Sides.of(model, rows))
    gone = int(rows["size"].isna().sum())
    own = dict(zip(rows, model[-1].coef_, strict=True))
    raw = dict(zip(found.features, np.nanmean(found.raw["formula"], axis=0), strict=True))
    # Deviations are multiplied with, and divided by.
    assert raw == pytest.approx(own, rel=1e-12)
    assert np.isnan(found.values["formula"]).sum() == gone
    assert any(f"of 60 rows, size {gone}" in note for note in found.notes)
