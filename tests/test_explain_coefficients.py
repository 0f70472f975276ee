"""Coefficients are the model's own, and slopes those that calculus gives."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeRegressor

import closedform as cf
from closedform import ops
from closedform.explanations.coefficients import coefficients
from closedform.explanations.sides import Sides

RANDOM = np.random.default_rng(0)
FRAME = pd.DataFrame({
    "size": RANDOM.normal(10, 3, 300), "age": RANDOM.integers(1, 90, 300),
    "new": RANDOM.integers(0, 2, 300), "town": RANDOM.choice(["A", "B"], 300, p=[0.7, 0.3]),
})  # fmt: skip
NUMBERS = ["size", "age", "new"]
Y = 2 * FRAME["size"] - FRAME["age"] + 5 * (FRAME["town"] == "B") + RANDOM.normal(size=300)


def pipeline(last):
    return make_pipeline(
        make_column_transformer((StandardScaler(), NUMBERS), (OneHotEncoder(), ["town"])), last
    )


def by_name(found, side="model"):
    return dict(zip(found.names, found.values[side], strict=True))


def test_coefficients_of_a_scaled_linear_model_are_those_of_raw_units():
    model = pipeline(LinearRegression()).fit(FRAME, Y)
    found = coefficients(Sides.of(model, FRAME))
    own = model[-1].coef_[:3] / model[0].transformers_[0][1].scale_
    labels = model[-1].coef_[4] - model[-1].coef_[3]
    for side in ("model", "formula"):
        told = by_name(found, side)
        # The model's are differences of sums near 100, over a hundredth of a deviation.
        np.testing.assert_allclose([told[name] for name in NUMBERS], own, rtol=1e-9)
        assert told["town: B against A"] == pytest.approx(labels, rel=1e-9)
        assert not found.deviations[side].any()
    effect = found.standardised["model"][found.names.index("age")]
    assert effect == pytest.approx(own[1] * FRAME["age"].std(ddof=0) / model.predict(FRAME).std())


def test_of_a_classifier_the_log_odds_are_told():
    model = pipeline(LogisticRegression()).fit(FRAME, Y.mean() < Y)
    found = coefficients(Sides.of(model, FRAME))
    assert found.target == "the log-odds of True"
    own = model[-1].coef_[0, :3] / model[0].transformers_[0][1].scale_
    np.testing.assert_allclose([by_name(found)[name] for name in NUMBERS], own, rtol=1e-8)


def test_the_mean_slope_of_a_curve_and_its_deviation_are_those_of_calculus():
    x = RANDOM.normal(size=(500, 2))
    sides = Sides.of(lambda rows: np.sin(rows[:, 0]) + 3 * rows[:, 1], x)
    found = coefficients(sides)
    slopes = np.cos(x[:, 0])
    # Over ± half a deviation of a normal input, a sine's slope is sin(1/2)/(1/2) of it.
    assert found.values["model"][0] == pytest.approx(slopes.mean() * np.sin(0.5) / 0.5, rel=0.02)
    assert found.deviations["model"][0] == pytest.approx(slopes.std(), rel=0.1)
    assert found.deviations["model"][1] == 0


def test_a_formula_is_told_by_its_own_derivative():
    x = RANDOM.normal(size=(300, 2))
    first, second = ops.input_(0), ops.input_(1)
    curve = ops.lin(0, (1, ops.mul(first, first, first)), (2, ops.absolute(second)))
    formula = cf.Formula({"y": curve}, (cf.Feature("x0"), cf.Feature("x1")))
    found = coefficients(Sides.of(lambda rows: rows[:, 0] ** 3, x, formula=formula))
    assert found.ways == ("model over", "model over")
    slopes = np.column_stack([3 * x[:, 0] ** 2, 2 * np.sign(x[:, 1])])
    # The derivative itself, to rounding.
    np.testing.assert_allclose(found.values["formula"], slopes.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(found.deviations["formula"], slopes.std(axis=0), rtol=1e-12)
    # A function of which nothing is known is asked half a deviation to both sides, within range.
    ends = np.clip(x[:, 0] + np.outer([1, -1], [x[:, 0].std() / 2]), x[:, 0].min(), x[:, 0].max())
    chords = (ends[0] ** 3 - ends[1] ** 3) / (ends[0] - ends[1])
    assert found.values["model"][0] == pytest.approx(chords.mean(), rel=1e-9)


def test_a_tree_which_has_no_slope_is_told_by_differences():
    x = RANDOM.normal(size=(800, 1))
    tree = DecisionTreeRegressor(max_depth=6).fit(x, 4 * x[:, 0])
    found = coefficients(Sides.of(tree, x))
    assert found.ways == ("over",)
    line = cf.read(LinearRegression().fit(x, 4 * x[:, 0]))
    beside = coefficients(Sides.of(tree, x, formula=line))
    assert beside.values["model"] == found.values["model"] and beside.ways == ("model over",)
    # 64 steps along a line: rows at the ends, where no row lies further out, are 2 of 100.
    assert found.values["formula"][0] == pytest.approx(4, rel=0.05)


def test_rows_in_which_an_input_is_missing_tell_nothing_of_its_slope():
    x = RANDOM.normal(size=(200, 2))
    x[:60, 0] = np.nan
    model = make_pipeline(SimpleImputer(), LinearRegression()).fit(x, 3 * RANDOM.normal(size=200))
    found = coefficients(Sides.of(model, x))
    # The regression's own, to rounding: what stands in for a missing value is flat.
    np.testing.assert_allclose(found.values["formula"], model[-1].coef_, rtol=1e-12)
    assert not found.deviations["formula"].any()


def test_both_of_two_classes_are_told_in_log_odds_of_opposite_signs():
    model = pipeline(LogisticRegression()).fit(FRAME, np.where(Y.mean() < Y, "more", "less"))
    less, more = (cf.explain(model, FRAME, output=label) for label in ("less", "more"))
    assert less.coefficients.target == less.terms.target == "the log-odds of less"
    own = -model[-1].coef_[0, :3] / model[0].transformers_[0][1].scale_
    for side in ("model", "formula"):
        told = by_name(less.coefficients, side)
        np.testing.assert_allclose([told[name] for name in NUMBERS], own, rtol=1e-8)
    assert less.terms.constant == -more.terms.constant
    np.testing.assert_array_equal(less.terms.coefficients, -more.terms.coefficients)
