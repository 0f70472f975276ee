"""Certificates: they find every planted fault, and pass on the real thing."""

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import HistGradientBoostingRegressor, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from closedform import ops
from closedform.errors import BadInput
from closedform.formula import Feature, Formula, Task
from closedform.ir import Type, rewrite
from closedform.ops.payloads import Splits
from closedform.readers import read
from closedform.store import content_hash
from closedform.verify import verify, verify_program
from closedform.verify.measure import gap, spread_of, tied

X, Y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
FLOWERS, KINDS = load_iris(return_X_y=True, as_frame=True)
RIDGE = make_pipeline(StandardScaler(), Ridge()).fit(X, Y)
FOREST = RandomForestRegressor(10, max_depth=5, random_state=0).fit(X.round(1) * 1.1, Y)
LOGISTIC = LogisticRegression(max_iter=500).fit(FLOWERS, KINDS)
ROUNDING = 1e-13  # sums of ten terms, folded scalers: some hundred ulp relative to the spread


def test_a_pipeline_is_certified_on_rows_given_and_made_up():
    certificate = read(RIDGE).verify(RIDGE, X)
    assert certificate
    assert certificate.worst_relative < ROUNDING
    assert {c.set for c in certificate.checks} == {"given", "made up"}
    assert certificate.checks[0].rows == len(X)
    assert str(certificate).startswith("exact to ")
    assert "442 rows given" in certificate.verdict


def test_every_method_of_a_classifier_is_compared():
    certificate = read(LOGISTIC).verify(LOGISTIC, FLOWERS)
    methods = {c.method for c in certificate.checks}
    assert methods == {"predict", "predict_proba", "decision_function"}
    assert certificate.ok
    assert "0 labels differ" in certificate.verdict


def _with_leaf_moved(formula, by):
    """The formula with one leaf of one tree moved: a fault in very few rows."""
    moved = []

    def rule(n):
        if n.op is ops.TREE and not moved:
            values = n.data.values.copy()
            values[np.argmax(n.data.splits.counts * n.data.splits.leaf)] += by
            moved.append(n)
            return ops.tree(n.data.splits, values, n.args)
        return None

    return formula.with_outputs(rewrite(formula.roots, rule))


def test_one_leaf_that_is_off_is_found_and_shown():
    certificate = verify(_with_leaf_moved(read(FOREST), 1.0), FOREST, X)
    assert not certificate.ok
    check = certificate.checks[0]
    assert check.worst == pytest.approx(0.1)  # one of ten trees
    assert check.where is not None
    assert check.where.index in X.index
    assert check.where.got - check.where.expected == pytest.approx(0.1)
    assert certificate.verdict.startswith("DIFFERS")


def _compared_in_float64(formula):
    """The formula with its trees put on raw float64 thresholds: the classic mistake."""

    def rule(n):
        if n.op is ops.TREE:
            s = n.data.splits
            rounded = np.where(s.leaf, s.threshold, s.threshold.astype(np.float32))
            parts = (s.feature, rounded, s.child, s.missing_left, s.below, s.member, s.sets)
            return ops.tree(Splits(*parts, s.counts), n.data.values, n.args)
        return None

    return formula.with_outputs(rewrite(formula.roots, rule))


def test_a_threshold_in_the_wrong_precision_is_found_on_made_up_rows_alone():
    rows = pd.DataFrame(np.random.default_rng(0).normal(size=(300, 3)), columns=list("abc"))
    model = RandomForestRegressor(5, max_depth=4, random_state=0).fit(rows, rows["a"])
    wrong = _compared_in_float64(read(model))
    fresh = rows + 0.01234
    assert verify(wrong, model, fresh, made_up=False).ok
    certificate = verify(wrong, model, fresh)
    assert not certificate.ok
    failing = {kind for c in certificate.checks for kind in c.failing}
    assert failing == {"threshold"}
    assert any("threshold" in cause for cause in certificate.causes)
    assert verify(read(model), model, fresh).ok


def test_missing_values_routed_otherwise_are_found_and_named():
    holes = X.mask(np.random.default_rng(0).random(X.shape) < 0.1)
    model = HistGradientBoostingRegressor(max_iter=5, random_state=0).fit(holes, Y)
    formula = read(model)
    assert formula.verify(model, X).ok
    new = {ops.input_(2): ops.where(ops.missing(ops.input_(2)), ops.const(26), ops.input_(2))}
    wrong = formula.with_outputs(rewrite(formula.roots, new.get))
    certificate = wrong.verify(model, X)
    assert not certificate.ok
    assert {kind for c in certificate.checks for kind in c.failing} == {"missing"}
    assert any("missing" in cause for cause in certificate.causes)


def test_a_model_of_other_numbers_is_called_another_model():
    other = LinearRegression().fit(X * 1.01, Y)
    certificate = verify(read(LinearRegression().fit(X, Y)), other, X)
    assert not certificate.ok
    assert any("another model" in cause for cause in certificate.causes)


# --- rows that are refused ----------------------------------------------------------------------


def test_rows_that_the_model_refuses_are_refused_by_the_formula_too():
    certificate = read(RIDGE).verify(RIDGE, X)
    made_up = certificate.domains[1]
    assert made_up.refused == made_up.outside == len(X.columns) + 1
    assert made_up.only_model == made_up.only_formula == 0


def test_a_row_among_many_that_the_model_refuses_is_found_by_bisection():
    holes = X.copy()
    holes.loc[[17, 300], "bmi"] = np.nan
    certificate = read(RIDGE).verify(RIDGE, holes, made_up=False)
    assert certificate.ok
    assert certificate.domains[0].refused == 2
    assert certificate.checks[0].rows == len(X) - 2


def test_a_formula_that_answers_where_the_model_raises_fails():
    data = pd.DataFrame({"sex": ["m", "f"] * 20, "age": np.arange(40.0)})
    encode = make_column_transformer((OneHotEncoder(), ["sex"]), remainder="passthrough")
    model = make_pipeline(encode, Ridge()).fit(data, np.arange(40.0))
    honest = read(model)
    assert honest.verify(model, data).ok
    y = honest.outputs["y"]
    answer = ops.where(ops.missing(y), ops.const(0.0), y)
    careless = Formula({"y": answer}, (Feature("sex", Type.LABEL), Feature("age")), honest.task)
    certificate = verify(careless, model, data)
    assert not certificate.ok
    assert certificate.domains[1].only_model > 0
    assert "refuses" in " ".join(certificate.causes)


def test_a_formula_that_refuses_where_the_model_answers_fails():
    model = DecisionTreeRegressor(max_depth=2, random_state=0).fit(X, Y)
    whole = read(model)
    narrow = Formula(whole.outputs, tuple(Feature(n, missing=False) for n in X), whole.task)
    certificate = verify(narrow, model, X)
    assert not certificate.ok
    assert certificate.domains[1].only_formula > 0


def test_a_model_that_refuses_every_row_is_no_success():
    def refuses(rows):
        raise ValueError("no such columns")

    certificate = verify(read(RIDGE), refuses, X, made_up=False)
    assert not certificate.ok
    assert "no such columns" in str(certificate)


# --- what is measured ---------------------------------------------------------------------------


def test_equal_infinities_and_two_missing_values_do_not_differ():
    inf, nan = np.inf, np.nan
    expected = np.array([inf, -inf, nan, 1.0, inf, nan])
    found = gap(expected, np.array([inf, -inf, nan, 1.0, 1.0, 2.0]), spread=1.0)
    assert found.absolute[:4].tolist() == [0, 0, 0, 0]
    assert found.absolute[4] == inf
    assert found.one_missing.tolist() == [False] * 5 + [True]
    assert found.over(1e9).tolist() == [False] * 4 + [True, True]


def test_differences_near_zero_are_measured_against_the_spread():
    found = gap(np.array([0.0, 200.0]), np.array([1e-3, 200.0 + 2e-3]), spread=10.0)
    np.testing.assert_allclose(found.relative, [1e-4, 1e-5])


def _score_and_label(below):
    score = ops.lin(-1.0, (1, ops.input_(0)))
    label = ops.where(below(ops.const(0), score), ops.label("b"), ops.label("a"))
    task = Task("classification", ("a", "b"), "logit", ("label",), (), ("decision",))
    return Formula({"label": label, "decision": score}, (Feature("x"),), task)


class Above:
    """Says b where x + `off` > 1."""

    def __init__(self, off):
        self.off = off

    def decision_function(self, rows):
        return rows["x"].to_numpy() - 1 + self.off

    def predict(self, rows):
        return np.where(self.decision_function(rows) > 0, "b", "a")


AROUND_ONE = pd.DataFrame({"x": [0.0, 1.0, 2.0, 3.0]})


def test_labels_that_differ_at_a_tie_are_told_apart_from_those_that_do_not():
    # 1e-16 more, and row 1 is above: rounding that depends on the order of a sum.
    certificate = verify(_score_and_label(ops.less), Above(1e-16), AROUND_ONE, made_up=False)
    assert certificate.ok
    assert certificate.ties == 1
    assert "1 at ties" in certificate.verdict

    class AtTwo(Above):  # row 2 is no tie
        def predict(self, rows):
            return np.where(rows["x"] > 2, "b", "a")

    assert verify(_score_and_label(ops.less), AtTwo(0.0), AROUND_ONE).labels_differ


def test_a_tie_of_the_same_floats_is_decided_by_the_rule_and_excuses_no_other_label():
    assert verify(_score_and_label(ops.less), Above(0.0), AROUND_ONE, made_up=False).ok
    other = verify(_score_and_label(ops.less_equal), Above(0.0), AROUND_ONE, made_up=False)
    assert other.labels_differ == 1
    stump = DecisionTreeClassifier(max_depth=1).fit(FLOWERS, KINDS)
    formula = read(stump)  # half of 100 flowers are of one kind: the first of the two is said
    last = {1: 2}
    new = {n: ops.label(last[n.data[0]]) for n in formula.nodes
           if n.op is ops.LABEL and n.data[0] in last}  # fmt: skip
    assert new
    assert formula.verify(stump, FLOWERS).ok
    assert not formula.with_outputs(rewrite(formula.roots, new.get)).verify(stump, FLOWERS).ok


def test_far_outside_the_rounding_of_its_argument_decides_a_sine_and_no_line():
    rows = np.random.default_rng(0).normal(size=(50, 1))
    wave = ops.sin(ops.lin(-4.69, (2.1979, ops.input_(0))))
    formula = Formula({"y": wave}, (Feature("x"),), Task("regression", primary=("y",)))
    model = lambda x: np.sin(x[:, 0] / 3 * (2.1979 * 3) - 4.69)  # noqa: E731
    assert abs(formula([[1e30]]) - model(np.array([[1e30]]))) > 0.1
    assert verify(formula, model, rows).ok
    line = replace(formula, outputs={"y": ops.lin(0.0, (3.0, ops.input_(0)))})
    bent = verify(line, lambda x: np.where(abs(x) > 1e9, 3.0001, 3.0)[:, 0] * x[:, 0], rows)
    assert not bent.ok


def test_a_row_far_outside_the_others_does_not_hide_that_all_of_them_are_off():
    outlying = X.copy()
    outlying.iloc[3, 2] = 1e12
    formula = read(RIDGE)
    (root,) = formula.roots
    off = formula.with_outputs({root: ops.lin(0.5, (1, root))})
    assert not off.verify(RIDGE, outlying, made_up=False).ok
    assert formula.verify(RIDGE, outlying).ok


def test_a_spread_is_of_the_middle_of_the_values_but_never_of_their_rounding_alone():
    values = np.random.default_rng(0).normal(size=1000)
    assert spread_of(values) == pytest.approx(1, abs=0.1)
    values[7] = 1e9
    assert spread_of(values) < 1e4
    rare = np.zeros(1000) + 1e-17 * np.arange(1000)
    rare[5] = 1.0
    assert 1e-6 < spread_of(rare) < 1e-4


def test_a_certificate_that_compares_nothing_is_refused():
    formula = read(RIDGE)
    other = replace(formula, outputs={"z": formula.roots[0]})
    for model in (RIDGE, RIDGE.predict):
        with pytest.raises(BadInput, match="no method to check"):
            verify(other, model, X)


def test_scores_are_tied_within_rounding_only():
    scores = np.array([[0.5, 0.5, 0.0], [0.5, 0.5 + 1e-9, 0.0]])
    assert tied(scores).tolist() == [True, False]
    assert tied(np.array([[0.0], [1e-9]])).tolist() == [True, False]


# --- the object ---------------------------------------------------------------------------------


def test_any_function_of_the_rows_can_be_the_model():
    assert verify(read(RIDGE), RIDGE.predict, X, made_up=False).ok
    assert not verify(read(RIDGE), lambda rows: RIDGE.predict(rows) + 1, X, made_up=False).ok


def test_a_model_of_another_shape_is_an_error_that_says_so():
    with pytest.raises(BadInput, match="gave an array of shape"):
        verify(read(RIDGE), lambda rows: np.zeros((len(rows), 2)), X)
    with pytest.raises(BadInput, match="no method"):
        verify(read(RIDGE), object(), X)
    with pytest.raises(BadInput, match="no rows"):
        verify(read(RIDGE), RIDGE, X.iloc[:0])


def test_a_certificate_is_plain_json_with_versions_and_hashes():
    certificate = read(FOREST).verify(FOREST, X, y=Y, seed=7)
    found = json.loads(certificate.to_json())
    assert found["ok"] is True
    assert found["provenance"]["seed"] == 7
    assert {"closedform", "python", "numpy", "scikit-learn", "time"} <= set(found["provenance"])
    assert found["provenance"]["data"].startswith("sha256:")
    assert len(found["truth"]) == 2


def test_a_failing_certificate_is_plain_json_too_and_escapes_its_html():
    names = ["<b>", *list(X.columns[1:])]
    rows = X.set_axis(names, axis=1)
    model = LinearRegression().fit(rows, Y)
    certificate = verify(read(model), lambda rows: model.predict(rows) + np.inf, rows)
    json.loads(certificate.to_json())
    assert "<b>" not in certificate._repr_html_()
    assert "&lt;b&gt;" in certificate._repr_html_()


def test_the_hash_tells_formulas_apart_bit_for_bit():
    formula = read(FOREST)
    assert content_hash(formula) == content_hash(read(FOREST))
    assert content_hash(formula) != content_hash(_with_leaf_moved(formula, 1e-12))


def test_a_column_that_the_formula_does_not_read_may_be_absent():
    model = DecisionTreeRegressor(max_depth=1).fit(X, Y)
    formula = read(model)
    read_alone = X[[formula.inputs[i].name for i in formula.used]]
    assert read_alone.shape[1] == 1
    assert verify_program(formula, "python", read_alone).ok
    assert verify_program(formula, "python", dict(read_alone)).ok


@pytest.mark.parametrize(
    "options",
    [
        {"tolerance": float("nan")},
        {"tolerance": -1e-9},
        {"tolerance": "small"},
        {"limit": -1},
        {"limit": 2.5},
        {"seed": -1},
    ],
    ids=str,
)
def test_an_option_without_a_meaning_is_refused_since_against_nan_everything_would_pass(options):
    formula = read(RIDGE)
    with pytest.raises(BadInput, match="no meaning"):
        formula.verify(RIDGE, X, **options)
    with pytest.raises(BadInput, match="no meaning"):
        verify_program(formula, "python", X, **options)


def test_what_was_observed_may_have_several_columns():
    both = np.column_stack([Y, Y**2])
    model = Ridge().fit(X, both)
    truth = read(model).verify(model, X, y=both).truth
    right = np.sqrt(np.mean((model.predict(X) - both) ** 2))
    assert truth["root mean square error, formula"] == pytest.approx(right)


@pytest.mark.parametrize("y", [Y[:5], np.column_stack([Y, Y]), ["a"] * len(Y)], ids=range(3))
def test_what_was_observed_on_other_rows_or_is_no_number_is_refused(y):
    with pytest.raises(BadInput, match=r"does not fit|no number"):
        read(RIDGE).verify(RIDGE, X, y=y)


def test_without_a_prediction_nothing_is_compared_with_what_was_observed():
    with pytest.raises(BadInput, match="no prediction"):
        read(LOGISTIC).only("P(1)").verify(LOGISTIC, FLOWERS, y=KINDS)


def test_a_model_that_gives_words_for_numbers_is_refused_and_one_that_gives_none_is_missing():
    with pytest.raises(BadInput, match="no number"):
        read(RIDGE).verify(lambda rows: ["a"] * len(rows), X)
    nothing = read(RIDGE).verify(lambda rows: np.full(len(rows), np.nan), X)
    assert not nothing and "missing on one side alone" in nothing.verdict


def test_a_model_that_refuses_every_row_was_not_compared():
    class Closed:
        def predict(self, X):
            raise ValueError("only whole tons are taken")

    formula = read(LOGISTIC)
    certificate = formula.verify(Closed(), FLOWERS, made_up=False)
    assert not certificate.ok
    assert certificate.verdict.startswith("NOT COMPARED: the model refuses every row given")
    assert "only whole tons are taken" in str(certificate)
