"""How much inputs matter is what scikit-learn's permutation importance and plain algebra say."""

import numpy as np
import pandas as pd
import pytest
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import log_loss
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeRegressor

import closedform as cf
from closedform import ops
from closedform.explanations.groups import groups
from closedform.explanations.importance import importance
from closedform.explanations.sides import Sides
from closedform.explanations.spreads import deviation

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(400, 4))
Y = 3 * X[:, 0] + X[:, 1] ** 2 + 0.1 * X[:, 3]
TREE = DecisionTreeRegressor(max_depth=5, random_state=0).fit(X, Y)


def test_the_fall_of_r2_is_that_of_scikit_learn():
    found = importance(Sides.of(TREE, X, Y), repeats=30, seconds=1e9)
    theirs = permutation_importance(TREE, X, Y, n_repeats=30, random_state=1)
    # Means over 30 other permutations: 5 standard errors of their difference.
    apart = np.abs(found.values["model"] - theirs.importances_mean)
    assert (apart <= 5 * theirs.importances_std * np.sqrt(2 / 30) + 1e-12).all()
    assert found.losses["model"] == pytest.approx(TREE.score(X, Y), rel=1e-12)


def test_model_and_exact_formula_matter_alike_and_what_is_not_read_matters_nothing():
    features = tuple(cf.Feature(f"x{i}") for i in range(4))
    short = cf.Formula({"y": ops.lin(1, (3, ops.input_(0)), (1, ops.input_(1)))}, features)
    found = importance(Sides.of(TREE, X, formula=short))
    assert found.values["formula"][2] == found.values["formula"][3] == 0
    assert found.values["formula"][:2].min() > 0 < found.values["model"][1]
    exact = importance(Sides.of(TREE, X, Y))
    # The tree's own float32 rows are the formula's moved thresholds: the same leaves.
    np.testing.assert_array_equal(exact.values["model"], exact.values["formula"])


def test_without_y_a_linear_answer_moves_by_its_coefficients():
    model = LinearRegression().fit(X, Y)
    found = importance(Sides.of(model, X), repeats=200, seconds=1e9).values["model"]
    # Of a permuted input x' the mean square of c·(x' − x) is 2·c²·var(x).
    wanted = np.abs(model.coef_) * X.std(axis=0) * np.sqrt(2) / model.predict(X).std()
    # The sample correlation of x' and x has the deviation 1/√400 in each of 200 repeats.
    np.testing.assert_allclose(found, wanted, rtol=0.02)


def test_chances_are_judged_by_log_loss_and_labels_by_errors():
    label = np.where(Y > 1, "yes", "no")
    found = importance(Sides.of(LogisticRegression().fit(X, label), X, label))
    chances = LogisticRegression().fit(X, label).predict_proba(X)
    assert found.measure == "rise of the log loss of being yes"
    # The same sum in another order.
    assert found.losses["model"] == pytest.approx(log_loss(label, chances), rel=1e-9)
    model = SVC().fit(X, label)
    found = importance(Sides.of(model, X, label), repeats=2)
    assert found.losses["model"] == pytest.approx(1 - model.score(X, label))


@pytest.mark.parametrize(("options", "said"), [
    ({"loss": "log_loss"}, "does not fit y"), ({"loss": "r3"}, "does not fit y"),
    ({"repeats": 0}, "repeats=0"),
])  # fmt: skip
def test_a_loss_that_does_not_fit_is_refused(options, said):
    with pytest.raises(cf.BadInput, match=said):
        importance(Sides.of(TREE, X, Y), **options)


def test_inputs_that_go_together_are_named_and_permuted_together():
    town = RANDOM.choice(["A", "B", "C"], 400)
    frame = pd.DataFrame({
        "x": X[:, 0], "twin": np.exp(X[:, 0]) + 0.01 * X[:, 1], "other": X[:, 2], "town": town,
        "code": np.where(town == "A", "n", "s"), "height": (town == "B") + 0.05 * X[:, 3],
        "free": RANDOM.choice(["p", "q"], 400),
    })  # fmt: skip
    sides = Sides.of(lambda rows: rows["x"].to_numpy() + rows["twin"].to_numpy(), frame)
    assert groups(sides) == ((0, 1), (3, 4, 5))
    found = importance(sides, repeats=20, seconds=1e9)
    assert found.names[found.inputs] == "x + twin"
    # Permuting both moves the answer as far as an independent row would: √2 deviations.
    assert found.values["model"][found.inputs] == pytest.approx(np.sqrt(2), rel=0.02)


def test_names_of_any_kind_stay_whole_in_tables_pages_and_pictures():
    names = ["<script>alert(1)</script>", "costs in $ per $", "a very long name " * 6]
    frame = pd.DataFrame(X[:, :3], columns=names)
    found = importance(Sides.of(LinearRegression().fit(frame, Y), frame), repeats=1)
    assert "<script>" not in found._repr_html_() and "&lt;script&gt;" in found._repr_html_()
    folded = " ".join(str(found).split())
    assert "costs in $ per $" in folded
    figure = found.plot().figure_
    figure.canvas.draw()
    shown = found.plot().ax_.get_yticklabels()
    edges = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    assert all(edge.x0 >= 0 for edge in edges)
    told = [" ".join(label.get_text().replace(r"\$", "$").split()) for label in shown]
    assert sorted(told) == sorted(name.strip() for name in names)


@pytest.mark.parametrize("y", [None, Y])
def test_numbers_whose_squares_no_float_holds_matter_as_small_ones_do(y):
    model = LinearRegression().fit(X, Y)
    scale = 2.0**660  # of two, so that not even the rounding differs
    law = cf.Formula(
        {"y": ops.lin(0, *((scale * w, ops.input_(i)) for i, w in enumerate(model.coef_)))},
        tuple(cf.Feature(f"x{i}") for i in range(4)),
    )
    small = cf.Formula(
        {"y": ops.lin(0, *((w, ops.input_(i)) for i, w in enumerate(model.coef_)))}, law.inputs
    )
    huge, usual = (
        cf.explain(f, X, None if y is None else k * y) for f, k in ((law, scale), (small, 1.0))
    )
    np.testing.assert_array_equal(huge.importance.values["formula"],
                                  usual.importance.values["formula"])  # fmt: skip
    np.testing.assert_array_equal(huge.coefficients.standardised["formula"],
                                  usual.coefficients.standardised["formula"])  # fmt: skip
    np.testing.assert_array_equal(huge.terms.shares, usual.terms.shares)
    assert np.isfinite(huge.importance.values["formula"]).all()


def test_numbers_whose_sum_no_float_holds_have_a_deviation():
    numbers = RANDOM.uniform(0.5, 1, 5000)
    huge = deviation(2.0**1023 * numbers)
    # numpy's own, of numbers of size 1; times a power of two there is no further rounding.
    assert huge / 2.0**1023 == pytest.approx(numbers.std(), rel=1e-12)
