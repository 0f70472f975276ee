"""SHAP values of formulas are those of their definition, and of the shap package."""

import json
import math
import sys
from itertools import product

import numpy as np
import pandas as pd
import pytest
import sympy
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, PoissonRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVR
from sklearn.tree import DecisionTreeRegressor

import closedform as cf
from closedform.explanations.attributions import Attributions
from closedform.explanations.shapley import shapley
from closedform.explanations.shapley.formulas import of_formula
from closedform.explanations.shapley.leaves import _by_pair, _by_pattern
from closedform.explanations.sides import Sides
from shap_package import shap

RANDOM = np.random.default_rng(0)
# The package reads rows as float32, so that these must be the same in both.
X = RANDOM.normal(size=(120, 5)).astype(np.float32).astype(np.float64)
Y = X[:, 0] * X[:, 1] + np.sin(2 * X[:, 2]) + X[:, 3]
FRAME = pd.DataFrame({
    "idle": RANDOM.normal(size=120),
    "size": np.where(RANDOM.random(120) < 0.2, np.nan, RANDOM.normal(size=120)),
    "town": pd.Categorical(RANDOM.choice(["A", "B", "C"], 120)),
    "age": RANDOM.integers(1, 90, 120),
})  # fmt: skip
OLD = (FRAME["age"] + 20 * (FRAME["town"] == "A") > 50).to_numpy()
ROWS, BEHIND = np.arange(4), np.arange(60, 90)


def by_definition(ask, rows, background, inputs):
    """Every coalition: what an input adds, weighted by the orders in which it comes next."""
    found = np.zeros((len(rows), inputs))
    for r, row in enumerate(rows):
        worth = {}
        for held in product((0, 1), repeat=inputs):
            cells = np.where(held, row, background[:, None])
            worth[held] = np.mean(ask(cells))
        for held, i in product(worth, range(inputs)):
            if not held[i]:
                k = sum(held)
                share = math.factorial(k) * math.factorial(inputs - k - 1)
                gain = worth[(*held[:i], 1, *held[i + 1 :])] - worth[held]
                found[r, i] += share / math.factorial(inputs) * gain
    return found


def described(model, rows):
    sides = Sides.of(model, rows)
    inputs = len(sides.features)
    truth = by_definition(lambda cells: sides.recombined(sides.sides[0], cells), ROWS, BEHIND,
                          inputs)  # fmt: skip
    return of_formula(sides.node, sides.columns, ROWS, BEHIND, 0), truth


pre = make_column_transformer(
    (OneHotEncoder(handle_unknown="ignore"), ["town"]), ("passthrough", ["size", "age"])
)
NUMBERS = [
    LinearRegression(),
    PoissonRegressor(alpha=1e-3),
    GradientBoostingRegressor(n_estimators=20, max_depth=3, random_state=0),
    DecisionTreeRegressor(random_state=0),
    SVR(C=10),
    make_pipeline(
        StandardScaler(), MLPRegressor(hidden_layer_sizes=(4,), max_iter=50, random_state=0)
    ),
]


@pytest.mark.parametrize("model", NUMBERS, ids=lambda m: type(m).__name__)
def test_values_of_a_regression_are_those_of_the_definition(model):
    found, truth = described(model.fit(X, np.exp(Y / 2)), X)
    assert found.how.startswith("exact") and not found.errors.any()
    # Both add up some thousand answers of size 10, each to 16 digits.
    np.testing.assert_allclose(found.values, truth, rtol=0, atol=1e-11)


@pytest.mark.parametrize(
    "last", [HistGradientBoostingClassifier(max_iter=10), HistGradientBoostingClassifier()]
)
def test_categories_and_missing_values_have_values_of_their_own(last):
    found, truth = described(make_pipeline(pre, last).fit(FRAME, OLD), FRAME)
    np.testing.assert_allclose(found.values, truth, rtol=0, atol=1e-12)
    assert (found.values[:, 0] == 0).all()  # nobody reads it
    assert np.abs(found.values[:, 2]).max() > 1e-3


LAWS = [
    "x0*x1*x2*x3*x4",
    "exp(x0 - x1 + 700) * exp(x2 * x3 - 700) / (1 + x4**2)",
    "x0*x1 + x1*x2 + x2*x0 + 3",
    "sin(x0 + x1 * x2) * (x3 + x4) / (2 + cos(x3)) + Abs(x0)",
    "Max(x0, x1, x2, x3, x4)",
]


@pytest.mark.parametrize("law", LAWS)
def test_products_and_interactions_are_exact(law):
    # A product over five inputs is integrated, and exp(700) does not overflow beside exp(-700).
    formula = cf.read(sympy.sympify(law))
    found, truth = described(formula, {f.name: X[:, int(f.name[1])] for f in formula.inputs})
    assert found.how.startswith("exact")
    np.testing.assert_allclose(found.values, truth, rtol=1e-11, atol=1e-12)


def test_a_product_of_sums_over_many_inputs_is_multiplied_out():
    rows = RANDOM.normal(size=(60, 13))
    symbols = sympy.symbols("x0:13")
    formula = cf.read((sum(symbols[:12]) + 2) * symbols[12])
    places = [int(f.name[1:]) for f in formula.inputs]
    found = of_formula(
        next(iter(formula.outputs.values())), [rows[:, i] for i in places], ROWS, ROWS + 20, 0
    )
    assert found.how.startswith("exact")
    truth = np.zeros((4, 13))
    for i in range(12):  # linearity: the sum of the games of two inputs each
        truth[:, [i, 12]] += by_definition(
            lambda cells, i=i: (rows[cells[:, 0], i] + 1 / 6) * rows[cells[:, 1], 12],
            ROWS, ROWS + 20, 2,
        )  # fmt: skip
    np.testing.assert_allclose(found.values, truth[:, places], rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "model",
    [
        GradientBoostingRegressor(n_estimators=30, max_depth=4, random_state=0),
        RandomForestRegressor(5, random_state=0),
    ],
    ids=["boosting", "deep"],
)
def test_trees_are_as_the_shap_package_has_them(model):
    rows = RANDOM.normal(size=(200, 12)).astype(np.float32).astype(np.float64)
    model.fit(rows, rows[:, :6].prod(axis=1) + rows[:, 6:].sum(axis=1))
    formula = cf.read(model)
    found = of_formula(formula.outputs["y"], list(rows.T), np.arange(50), np.arange(90, 190), 0)
    package = shap.TreeExplainer(
        model, data=rows[90:190], feature_perturbation="interventional"
    ).shap_values(rows[:50])
    # It keeps leaf values as float32: 1e-7 of the greatest.
    np.testing.assert_allclose(found.values, package, rtol=0, atol=1e-6 * np.abs(package).max())


def test_linear_models_are_as_the_shap_package_has_them():
    model = LinearRegression().fit(X, Y)
    found = of_formula(cf.read(model).outputs["y"], list(X.T), ROWS, BEHIND, 0)
    package = shap.LinearExplainer(model, X[BEHIND]).shap_values(X[ROWS])
    np.testing.assert_allclose(found.values, package, rtol=0, atol=1e-12)


def test_counted_patterns_and_pairs_of_rows_give_the_same():
    own, others = RANDOM.integers(0, 32, (7, 11)), RANDOM.integers(0, 32, (7, 13))
    np.testing.assert_allclose(_by_pattern(own, others, 5), _by_pair(own, others, 5), atol=1e-15)


def test_what_is_sampled_is_within_its_error_and_adds_up():
    rows = RANDOM.normal(size=(60, 12))
    names = [f"x{i}" for i in range(12)]
    formula = cf.read(sympy.tanh(sum(map(sympy.Symbol, names)) / 2) + sympy.Symbol("x3"))
    rows[:, 10:] = 1.0  # two inputs that never move leave ten, which can be enumerated
    found = of_formula(next(iter(formula.outputs.values())), [
        rows[:, int(f.name[1:])] for f in formula.inputs], ROWS, BEHIND[:20] - 40, 0)  # fmt: skip
    assert "orders" in found.how
    named = {f.name: rows[:, int(f.name[1:])] for f in formula.inputs}
    sides = Sides.of(formula, named)
    ten = [i for i, f in enumerate(formula.inputs) if f.name not in ("x10", "x11")]

    def ask(cells):
        whole = np.zeros((len(cells), 12), dtype=np.int64)
        whole[:, ten] = cells
        return sides.recombined(sides.sides[0], whole)

    truth = by_definition(ask, ROWS[:2], BEHIND[:20] - 40, 10)
    away = np.abs(found.values[:2, ten] - truth)
    assert (away <= 5 * found.errors[:2, ten]).all()  # of 20 values, once in 100,000 seeds
    said = formula(named)
    np.testing.assert_allclose(
        found.values.sum(axis=1), said[ROWS] - said[BEHIND[:20] - 40].mean(), atol=1e-12
    )


def test_model_and_formula_stand_side_by_side():
    model = make_pipeline(pre, HistGradientBoostingClassifier(max_iter=10)).fit(FRAME, OLD)
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    found = shapley(Sides.of(model, FRAME), rows=12, background=20)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002
    # The package asks the model itself about all coalitions of the four inputs.
    np.testing.assert_allclose(found.values["formula"], found.values["model"], atol=1e-12)
    for gap in found.gap.values():
        assert gap.max() < 1e-12
    assert found.features[found.order[0]] == "age"
    text = str(found)
    assert "by the shap package from all coalitions" in text and "20 of the rows" in text
    assert "town" in str(found.row(0)) and "base" in str(found.row(0))
    with pytest.raises(cf.BadInput, match="no row 12"):
        found.row(12)


def test_a_short_formula_is_explained_beside_another_model():
    named = pd.DataFrame(X, columns=[f"x{i}" for i in range(5)])
    model = RandomForestRegressor(3, random_state=0).fit(named, Y)
    short = cf.read(sympy.sympify("x1*x0 + 2*x3"))
    found = shapley(Sides.of(model, named, formula=short), rows=5, background=10, seconds=0.1)
    assert found.values["formula"].shape == (5, 5)
    assert (found.values["formula"][:, [2, 4]] == 0).all()
    np.testing.assert_allclose(
        found.values["formula"][:, 3],
        2 * (X[found.rows, 3] - (found.base["formula"][0] - _product_mean(found)) / 2), atol=1e-12,
    )  # fmt: skip


def _product_mean(found):
    """The mean of x0·x1 over the background, by what the two get and what is said."""
    own = X[found.rows, 0] * X[found.rows, 1]
    return float((own - found.values["formula"][:, :2].sum(axis=1))[0])


def test_a_model_without_a_formula_and_one_that_gives_labels_are_explained():
    found = shapley(Sides.of(lambda X: np.sin(X[:, 0]) * X[:, 1], X), rows=5, background=10)
    truth = by_definition(
        lambda cells: np.sin(X[cells[:, 0], 0]) * X[cells[:, 1], 1], found.rows[:1],
        np.sort(np.random.default_rng([0, 31]).permutation(120)[:10]), 2,
    )  # fmt: skip
    np.testing.assert_allclose(found.values["model"][:1, :2], truth, atol=1e-12)
    labels = Sides.of(lambda X: np.where(X[:, 0] > 0, "up", "down"), X, output="up")
    values = shapley(labels, rows=5, background=10).values["model"]
    assert (np.abs(values[:, 0]) > 0.1).all() and np.abs(values[:, 1:]).max() < 1e-12


def test_without_the_package_the_record_says_how_to_install_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "shap", None)
    found = shapley(Sides.of(GaussianNB().fit(X, OLD), X), rows=3, background=10, seconds=0.1)
    assert 'pip install "closedform[shap]"' in found.how["model"]
    away = np.abs(found.values["model"] - found.values["formula"])
    assert (away <= 6 * found.errors["model"] + 1e-12).all()


def test_rows_without_an_answer_are_left_out_and_too_few_are_refused():
    logs = cf.read(sympy.log(sympy.Symbol("x0")) + sympy.Symbol("x1"))
    found = shapley(Sides.of(logs, {"x0": X[:, 0], "x1": X[:, 1]}))
    assert (X[found.rows, 0] > 0).all()
    assert any("without a number" in note for note in found.notes)
    with pytest.raises(cf.BadInput, match="0 of 3 rows"):
        shapley(Sides.of(logs, {"x0": [-1.0, -2, -3], "x1": [0.0, 1, 2]}))


def test_plain_values_hold_nothing_of_single_rows():
    found = shapley(Sides.of(LogisticRegression().fit(X, OLD), X), rows=7, background=9)
    plain = found.to_dict()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["rows"] == 7 and len(plain["importance"]["formula"]) == 5
    lengths = [len(v) for side in plain.values() if isinstance(side, dict) for v in side.values()
               if isinstance(v, list)]  # fmt: skip
    assert set(lengths) == {5}


def test_pictures_show_whole_names_in_both_sides_colours():
    plt = pytest.importorskip("matplotlib.pyplot")
    long = "the mean of all that was measured in the first year, in $"
    frame = pd.DataFrame(X, columns=[long, "b", "c", "d", "e"])
    found = shapley(Sides.of(LinearRegression().fit(frame, Y), frame), rows=20, background=20)
    for drawn in (found.plot(), found.beeswarm(), found.waterfall(0), found.beeswarm(side="model")):
        drawn.figure_.canvas.draw()
        labels = [t.get_text().replace("\n", " ") for t in drawn.ax_.get_yticklabels()]
        assert any(long.replace("$", r"\$") in label for label in labels)
        inside = drawn.figure_.bbox
        for tick in drawn.ax_.get_yticklabels():
            box = tick.get_window_extent()
            assert box.x0 >= inside.x0 and box.x1 <= inside.x1
    _, ax = plt.subplots()
    assert found.plot(ax).ax_ is ax
    with pytest.raises(cf.BadInput, match="no side"):
        found.beeswarm(side="law")
    plt.close("all")


def test_what_is_no_more_than_rounding_is_shown_as_nothing():
    values = {"formula": np.array([[0.5, 2e-17]])}
    whole = {"formula": np.array([1.5])}
    found = Attributions(
        "SHAP values", "y", ("a", "b"), values, whole, {"formula": np.array([1.0])},
        {"formula": np.zeros((1, 2))}, {"formula": "exact"}, np.array([0]),
        (np.array([1.0]), np.array([2.0])),
    )  # fmt: skip
    assert found.tables()[0].rows == (("a", 0.5), ("b", 0.0))
    assert ("b", "2", 0.0) in found.row(0).rows
    assert "add up to the answer to rounding" in str(found)
    assert found.to_dict()["importance"]["formula"] == [0.5, 2e-17]
