"""The least and the greatest answer: as SciPy and as all combinations have them, and proven."""

import json

import numpy as np
import pandas as pd
import pytest
import sympy
from scipy.optimize import differential_evolution
from sklearn.compose import make_column_transformer
from sklearn.ensemble import GradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import closedform as cf
from closedform import ops
from closedform.explanations.climbing import by_slopes
from closedform.explanations.extremes import extremes
from closedform.explanations.sides import Sides
from closedform.verify.expression import parse

RANDOM = np.random.default_rng(0)
X = RANDOM.uniform(-2, 2, size=(80, 3))
WAVY = "x0*exp(-x0**2)*sin(3*x1) + 0.1*x0*x1 - 5 + 0*x2"


def columns(rows):
    return {f"x{i}": rows[:, i] for i in range(rows.shape[1])}


def by_scipy(predict, sign, lo, hi):
    found = differential_evolution(
        lambda x: sign * float(np.ravel(predict(x[None, :]))[0]),
        list(zip(lo, hi, strict=True)), rng=0, tol=1e-10, maxiter=60, popsize=10,
    )  # fmt: skip
    return sign * found.fun


@pytest.mark.parametrize("law", [WAVY, "x0**2 - x1*x2", "exp(x0) / (1 + x1**2) + x2"])
def test_extrema_over_a_box_are_those_of_scipy_and_are_proven(law):
    formula = cf.read(sympy.sympify(law))
    size = len(formula.inputs)
    found = formula.extrema({f.name: (-2, 2) for f in formula.inputs})
    for end, sign in ((found.least, 1), (found.greatest, -1)):
        truth = by_scipy(formula, sign, [-2] * size, [2] * size)
        inside = min(end.value, end.bound) - 1e-9, max(end.value, end.bound) + 1e-9
        assert inside[0] <= truth <= inside[1]
        # The default tolerance is a thousandth of the range; the point gives the value.
        assert end.gap <= 1.1e-3 * (found.greatest.value - found.least.value)
        assert formula({k: [v] for k, v in end.point.items()})[0] == end.value
    values = formula(columns(RANDOM.uniform(-2, 2, (5000, 3))))
    assert found.least.bound <= values.min() and values.max() <= found.greatest.bound
    assert "proven to be within" in str(found) and json.loads(found.to_json())["output"]


def test_extrema_of_trees_are_those_of_all_their_leaves():
    model = GradientBoostingRegressor(n_estimators=5, max_depth=2, random_state=0)
    formula = cf.read(model.fit(X, X[:, 0] * X[:, 1]))
    cuts = [
        np.unique(np.concatenate([t.tree_.threshold[t.tree_.feature == i] for t in
                                  model.estimators_.ravel()])) for i in range(3)
    ]  # fmt: skip
    reached = [np.concatenate([[-2.0], c, [2.0]]) for c in cuts]
    said = model.predict(np.stack(np.meshgrid(*reached), axis=-1).reshape(-1, 3))
    found = formula.extrema({f"x{i}": (-2, 2) for i in range(3)}, tolerance=0)
    np.testing.assert_allclose(
        [found.least.value, found.greatest.value], [said.min(), said.max()], atol=1e-12
    )
    np.testing.assert_allclose([found.least.gap, found.greatest.gap], 0, atol=1e-12)


def test_what_has_no_bound_says_so_and_what_has_no_box_is_refused():
    pole = cf.read(sympy.sympify("1 / x0")).extrema({"x0": (-1, 1)}, time_limit=0.2)
    assert "may be infinite, or missing" in str(pole)
    with pytest.raises(cf.BadInput, match="no range is given for 'x0'"):
        cf.read(sympy.sympify("x0 + 1")).extrema()
    constant = cf.read(LinearRegression().fit(X, np.ones(80))).extrema(X=X)
    assert constant.least.value == constant.greatest.value == 1.0


def test_slopes_lead_to_the_corner_and_to_the_top():
    start = RANDOM.uniform(-1, 1, (6, 2))
    box = np.full(2, -1.0), np.full(2, 2.0)
    top = by_slopes(
        lambda x: -((x[:, 0] - 0.3) ** 2) - 50 * (x[:, 1] - x[:, 0]) ** 2,
        lambda x: np.column_stack([
            -2 * (x[:, 0] - 0.3) + 100 * (x[:, 1] - x[:, 0]), -100 * (x[:, 1] - x[:, 0])
        ]), start, *box,
    )  # fmt: skip
    # A ridge 50 times as steep across as along, on which plain steps end 0.08 off.
    np.testing.assert_allclose(top, 0.3, atol=1e-4)
    corner = by_slopes(lambda x: x @ [1, -3], lambda x: x * 0 + [1, -3], start, *box)
    np.testing.assert_array_equal(corner, np.tile([2.0, -1.0], (6, 1)))


def test_a_networks_extremes_are_those_of_scipy_and_stay_within_the_range():
    model = MLPRegressor(hidden_layer_sizes=(8,), activation="tanh", max_iter=300, random_state=0)
    model.fit(X, np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2])
    found = extremes(Sides.of(model, X))
    for direction, sign in (("least", 1), ("greatest", -1)):
        truth = by_scipy(model.predict, sign, X.min(axis=0), X.max(axis=0))
        ours = found.of(direction)
        # What SciPy finds within 18,000 answers, to a thousandth of the range of some 6.
        assert sign * ours.value <= sign * truth + 6e-3
        assert sign * ours.bound <= sign * ours.value and sign * ours.bound <= sign * truth + 1e-9
        point = np.array(list(ours.point.values()))
        assert (point >= X.min(axis=0)).all() and (point <= X.max(axis=0)).all()
        np.testing.assert_allclose(ours.answers["model"], model.predict(point[None])[0])
        assert ours.answers["formula"] == pytest.approx(ours.value, abs=1e-12)
        # The model itself is asked by values that were seen alone.
        theirs = found.of(direction, "model")
        assert sign * theirs.value >= sign * ours.value - 1e-12
        assert np.isin(list(theirs.point.values()), X).all()


def test_categories_whole_numbers_and_missing_values_keep_to_what_was_seen():
    frame = pd.DataFrame({
        "idle": RANDOM.normal(size=80),
        "size": np.where(RANDOM.random(80) < 0.2, np.nan, RANDOM.normal(size=80)),
        "town": RANDOM.choice(["A", "B", "C"], 80),
        "age": RANDOM.integers(1, 90, 80),
    })  # fmt: skip
    y = frame["age"] + 30 * (frame["town"] == "B") + frame["size"].fillna(5)
    pre = make_column_transformer((OneHotEncoder(), ["town"]), ("passthrough", ["size", "age"]))
    model = make_pipeline(pre, RandomForestRegressor(5, random_state=0)).fit(frame, y)
    found = extremes(Sides.of(model, frame))
    for direction, best in (("least", np.min), ("greatest", np.max)):
        every = pd.MultiIndex.from_product(
            [[0.0], [np.nan, *frame["size"].dropna()], ["A", "B", "C"], frame["age"].unique()],
            names=frame.columns,
        ).to_frame(index=False)
        truth = best(model.predict(every))
        for side in ("model", "formula"):
            assert found.of(direction, side).value == pytest.approx(truth, abs=1e-9)
            assert found.of(direction, side).point["age"] in set(frame["age"])
    top = found.of("greatest")
    assert top.point["town"] == "B" and top.distance >= 0
    assert top.answers["model"] == pytest.approx(top.value, abs=1e-9)


def test_a_model_without_a_formula_has_extremes_that_are_not_proven():
    found = extremes(Sides.of(lambda X: X[:, 0] * X[:, 1], X))
    truth = [X[:, i].min() * X[:, 1 - i].max() for i in (0, 1)]
    assert found.of("least").value == pytest.approx(min(truth))
    assert np.isnan(found.of("least").bound) and "without a formula" in str(found)
    assert "proven: none beyond" not in str(found)
    with pytest.raises(cf.BadInput, match="no 'most'"):
        found.of("most")


def test_plain_values_hold_no_row_and_the_picture_shows_whole_names():
    long = "the mean of all that was measured in the first year, in $"
    frame = pd.DataFrame(X, columns=[long, "b", "c"])
    model = LinearRegression().fit(frame, X[:, 0])
    found = extremes(Sides.of(model, frame.iloc[:2]))
    plain = found.to_dict()
    json.dumps(plain, allow_nan=False)
    assert all((told["point"] is None) == (told["distance"] == 0) for told in plain["reached"])
    plt = pytest.importorskip("matplotlib.pyplot")
    drawn = found.plot()
    drawn.figure_.canvas.draw()
    box = drawn.ax_.get_yticklabels()[0].get_window_extent()
    assert box.x0 >= 0 and long.split()[-1].replace("$", r"\$") in (
        drawn.ax_.get_yticklabels()[0].get_text()
    )
    plt.close("all")


LAWS = ["3*x0**2*x1", "exp(2*x0) / x1", "x0 + x1 + 7", "sqrt(x0*x1) + sin(x0)"]


@pytest.mark.parametrize("law", LAWS)
def test_derivatives_and_elasticities_are_those_of_sympy(law):
    rows = {"x0": RANDOM.uniform(1, 2, 20), "x1": RANDOM.uniform(1, 2, 20)}
    x, y = sympy.symbols("x0 x1")
    truth = sympy.sympify(law)
    formula = cf.read(truth)
    for made, meant in (
        (formula.diff("x0"), sympy.diff(truth, x)),
        (formula.elasticity("x0"), sympy.diff(truth, x) * x / truth),
    ):
        expected = sympy.lambdify((x, y), meant, "numpy")(**rows)
        np.testing.assert_allclose(made(rows), expected * np.ones(20), rtol=1e-12)
        assert made.trail[-1].kind in ("real", "exact")
    with pytest.raises(cf.BadInput, match="no input 'x9'"):
        formula.elasticity("x9")


@pytest.mark.parametrize(
    ("law", "wrt", "meant"),
    [
        ("3*x0**2*x1", "x0", "2"),
        ("2*x0**1.5/x1", "x1", "-1"),
        ("x1*exp(2*x0)", "x0", "2*x0"),
        ("x0/(x0 + x1)", "x1", "-x1/(x0 + x1)"),
        ("3*x0**2*x1 + 2*x0*x1**3", "x0", "(6*x0 + 2*x1**2)/(3*x0 + 2*x1**2)"),
        ("x0*exp(x1) + x0*x1", "x0", "1"),
        ("x0/x1 + x1**0.5/x1", "x0", "x0/(x0 + x1**0.5)"),
        ("x0**2/(1 + x0**2)", "x0", "2/(1 + x0**2)"),
    ],
)
def test_factors_of_both_are_cancelled_in_an_elasticity(law, wrt, meant):
    formula = cf.read(sympy.sympify(law))
    made = formula.elasticity(wrt)
    assert made.length <= cf.read(sympy.sympify(meant)).length + 1
    rows = {"x0": RANDOM.uniform(1, 2, 20), "x1": RANDOM.uniform(1, 2, 20)}
    expected = sympy.lambdify(sympy.symbols("x0 x1"), sympy.sympify(meant), "numpy")(**rows)
    np.testing.assert_allclose(made(rows), expected * np.ones(20), rtol=1e-12)


@pytest.mark.parametrize(
    ("law", "at", "truth"),
    [
        # e^-1000 is 0 for a float, and 1e400 is none: as factors in front they made y 0 or ∞.
        ("x0*exp(x0 - 500)*exp(x1 - 500)", (400.0, 600.0), 401.0),
        ("x0*exp(x0 + 500)*exp(x1 + 500)", (-600.0, -400.0), -599.0),
        ("x0*(1e200*x0 + 1e200*x1)**2", (1e-150, 2e-150), 5 / 3),
        ("(1e-200*x0 + 1e-200*x1)**(-3)", (1e190, 2e190), -1.0),
    ],
)
def test_numbers_that_no_float_holds_stay_where_they_are_in_an_elasticity(law, at, truth):
    named = cf.Formula({"y": ops.input_(0)}, (cf.Feature("x0"), cf.Feature("x1")))
    made = cf.Formula({"y": parse(law, named).closed()}, named.inputs).elasticity("x0")
    np.testing.assert_allclose(made(np.array([at])), truth, rtol=1e-12)


def test_a_sum_in_which_all_cancels_is_no_error_in_an_elasticity():
    law = "x0 + (x1**0.5*((x0 + 2) - (x0 + 2)))**0.5"
    named = cf.Formula({"y": ops.input_(0)}, (cf.Feature("x0"), cf.Feature("x1")))
    made = cf.Formula({"y": parse(law, named).closed()}, named.inputs).elasticity("x0")
    assert made(np.ones((1, 2))).tolist() == [1.0]  # y is x0


def test_a_category_that_is_missing_may_be_where_the_answer_is_extreme():
    towns = np.array(["Bath", "York", None], dtype=object)[np.arange(60) % 3]
    frame = pd.DataFrame({"size": RANDOM.normal(size=60), "town": towns})
    y = frame["size"] + 10 * (frame["town"].isna())
    prepared = make_column_transformer((OneHotEncoder(), ["town"]), remainder="passthrough")
    model = make_pipeline(prepared, LinearRegression()).fit(frame, y)
    found = extremes(Sides.of(model, frame))
    greatest = next(r for r in found.reached if (r.direction, r.side) == ("greatest", "model"))
    assert greatest.point["town"] is None
    there = frame[frame["town"].isna()].iloc[[0]].assign(size=greatest.point["size"])
    assert model.predict(there)[0] == pytest.approx(greatest.value, rel=1e-12)
