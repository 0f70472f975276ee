"""Rows worth trying: they lie where they should, and the model itself can be called on them."""

import math

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestRegressor
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.tree import DecisionTreeRegressor

from closedform import ops
from closedform.evaluate import compute
from closedform.formula import Feature, Formula, Stage
from closedform.ir import Type
from closedform.ops.payloads import Pieces, splits_from
from closedform.probes import worth_trying
from closedform.probes.containers import edited

RANDOM = np.random.default_rng(0)


def _one_input(node):
    return Formula({"y": node}, (Feature("a"), Feature("b")))


def _tried(formula, X=None, kind="threshold", column="a", **options):
    probes = worth_trying(formula, X, **options)
    values = np.asarray(probes.rows[column])
    return values[[k == kind for k in probes.kinds]]


X_AB = pd.DataFrame({"a": RANDOM.normal(size=50), "b": RANDOM.normal(size=50)})


def test_a_threshold_is_tried_with_its_neighbours_in_float64_and_float32():
    test = ops.less(ops.input_(0), ops.const(0.1))
    values = set(_tried(_one_input(ops.where(test, ops.const(1), ops.const(2))), X_AB))
    near = np.float32(0.1)
    assert {0.1, np.nextafter(0.1, -1), np.nextafter(0.1, 1)} <= values
    assert {float(near), float(np.nextafter(near, np.float32(1)))} <= values


def _switch_of(node, X=X_AB):
    """The neighbouring tried values of input `a` between which the node changes, if any."""
    values = np.unique(_tried(_one_input(node), X))
    out = compute([node], [values, np.zeros(len(values))], len(values))[0]
    at = np.flatnonzero(np.diff(out))
    return values[at], values[at + 1]


CHAINS = {
    "scaled": lambda x: ops.lin(-3.7, (1 / 13.1, x)),
    "divided": lambda x: ops.div(ops.lin(-48.5, (1, x)), ops.const(13.1)),
    "float32": ops.round32,
    "imputed": lambda x: ops.where(ops.missing(x), ops.const(2.0), x),
    "log": lambda x: ops.log(ops.lin(1, (1, x))),
    "imputed, scaled, float32": lambda x: ops.round32(
        ops.lin(-1.0, (0.3, ops.where(ops.missing(x), ops.const(2.0), x)))
    ),
}


@pytest.mark.parametrize("name", CHAINS)
def test_a_threshold_behind_one_to_one_steps_is_found_in_the_raw_input(name):
    test = ops.less_equal(CHAINS[name](ops.input_(0)), ops.const(0.7))
    below, above = _switch_of(ops.where(test, ops.const(1), ops.const(2)))
    assert len(below) == 1
    # Both sides are tried, and so near that at most a float32 step lies between them.
    assert above[0] - below[0] <= 2**-22 * abs(above[0])


def test_edges_of_pieces_and_numbers_in_tables_are_tried():
    a, b = ops.input_(0), ops.input_(1)
    node = ops.lin(
        0, (1, ops.piecewise(a, Pieces.of([3.5], [0.0, 1.0]))), (1, ops.table(b, {7: 1.0}))
    )
    assert 3.5 in _tried(_one_input(node), X_AB)
    assert 7.0 in _tried(_one_input(node), X_AB, column="b")


def test_a_row_tried_at_a_test_deep_in_a_tree_comes_to_that_test():
    X = RANDOM.normal(size=(400, 4))
    model = DecisionTreeRegressor(max_depth=6, random_state=0).fit(X, X[:, 0] * X[:, 1])
    t = model.tree_
    splits, order = splits_from(t.children_left, t.children_right, t.feature, t.threshold)
    node = ops.tree(splits, t.value[:, 0, 0][order], [ops.round32(ops.input_(i)) for i in range(4)])
    formula = Formula({"y": node}, tuple(Feature(f"x{i}") for i in range(4)))
    probes = worth_trying(formula, X)
    rows = probes.rows[[k == "threshold" for k in probes.kinds]]
    reached = np.unique(model.decision_path(rows).indices)
    inner = np.flatnonzero(t.children_left >= 0)
    assert set(inner) <= set(reached)
    assert len(np.unique(model.apply(rows))) == t.n_leaves


def test_there_are_no_more_rows_than_the_limit_and_the_seed_decides_which():
    X = RANDOM.normal(size=(200, 3))
    nodes = [
        ops.where(ops.less(ops.input_(i % 3), ops.const(c)), ops.const(0), ops.const(1))
        for i, c in enumerate(RANDOM.normal(size=300))
    ]
    formula = Formula({"y": ops.linear(0, [1.0] * 300, nodes)}, tuple(map(Feature, "abc")))
    first, again = (worth_trying(formula, X, limit=500, seed=1) for _ in range(2))
    other = worth_trying(formula, X, limit=500, seed=2)
    assert len(first) == 500 == len(first.rows)
    np.testing.assert_array_equal(first.rows, again.rows)
    assert not np.array_equal(first.rows, other.rows, equal_nan=True)


MIXED = pd.DataFrame(
    {
        "age": [20, 30, 40, 50] * 10,
        "bmi": np.linspace(18, 40, 40).astype("float32"),
        "sex": ["m", "f"] * 20,
        "site": pd.Categorical(["x", "y", "x", "z"] * 10),
        "unused": RANDOM.normal(size=40),
    }
)


def _mixed_formula():
    sex, site = ops.input_(2, Type.LABEL), ops.input_(3, Type.LABEL)
    y = ops.lin(
        0, (1, ops.input_(0)), (2, ops.input_(1)), (1, ops.table(sex, {"m": 1.0}, 0.0, 0.0)),
        (1, ops.table(site, {"x": 1.0, "y": 2.0}, 0.0, 0.0)),
    )  # fmt: skip
    return Formula(
        {"y": y},
        (
            Feature("age"),
            Feature("bmi"),
            Feature("sex", Type.LABEL, ("m", "f")),
            Feature("site", Type.LABEL, ("x", "y", "z")),
        ),
    )


def test_a_frame_keeps_its_columns_and_their_types():
    probes = worth_trying(_mixed_formula(), MIXED)
    assert list(probes.rows.columns) == list(MIXED.columns)
    assert probes.rows["bmi"].dtype == "float32"
    assert probes.rows["sex"].dtype == MIXED["sex"].dtype
    assert isinstance(probes.rows["site"].dtype, pd.CategoricalDtype)
    kinds = np.array(probes.kinds)
    assert {"corner", "far", "huge", "zero", "missing", "category", "unseen", "repeat"} == set(
        kinds
    )
    assert "never seen" in set(probes.rows["site"][kinds == "unseen"])
    assert probes.rows[kinds == "missing"].drop(columns="unused").isna().all(axis=1).sum() == 1


def test_the_model_itself_takes_the_made_up_rows():
    data = MIXED.drop(columns="unused")
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["sex", "site"]), remainder="passthrough"
    )
    model = make_pipeline(encode, RandomForestRegressor(3, random_state=0))
    model.fit(data, np.arange(40.0))
    probes = worth_trying(_mixed_formula(), data)
    assert len(model.predict(probes.rows)) == len(probes)


@pytest.mark.parametrize("make", [np.asarray, lambda X: X.to_dict("list"), lambda X: X])
def test_rows_come_back_in_the_container_that_was_given(make):
    formula = _one_input(ops.lin(0, (1, ops.input_(0)), (1, ops.input_(1))))
    given = make(X_AB)
    probes = worth_trying(formula, given)
    assert type(probes.rows) is type(given)
    assert formula(probes.rows).shape == (len(probes),)


def test_an_array_of_whole_numbers_becomes_float_rather_than_losing_a_threshold():
    test = ops.less_equal(ops.input_(0), ops.const(2.5))
    formula = _one_input(ops.where(test, ops.const(1), ops.const(2)))
    X = RANDOM.integers(0, 5, (30, 2))
    rows = worth_trying(formula, X).rows
    assert rows.dtype == np.float64
    assert 2.5 in rows[:, 0]
    LinearRegression().fit(X, X[:, 0]).predict(rows[~np.isnan(rows).any(axis=1)])


def test_without_data_values_of_plausible_size_are_made_up():
    scaled = ops.lin(-48.5 / 13.1, (1 / 13.1, ops.input_(0)))
    stage = Stage("StandardScaler", "transform", (("a", ops.input_(0)),), (("a", scaled),))
    formula = Formula({"y": scaled}, (Feature("a"),), stages=(stage,))
    probes = worth_trying(formula)
    usual = probes.rows["a"][[k in ("repeat", "corner") for k in probes.kinds]]
    assert np.all(np.abs(usual - 48.5) < 6 * 13.1)


def test_numbers_with_categories_get_an_unseen_number():
    y = ops.table(ops.input_(0), {1.0: 0.1, 4.0: 0.2}, 0.0, 0.0)
    formula = Formula({"y": y}, (Feature("a", categories=(1, 4)),))
    assert 5.0 in _tried(formula, {"a": np.array([1, 4, 1])}, kind="unseen")


def test_a_nullable_column_of_whole_numbers_gets_values_that_it_cannot_hold():
    given = pd.DataFrame({"a": pd.array([1, 2, None, 4], dtype="Int64"), "b": [1.0] * 4})
    rows = worth_trying(_one_input(ops.lin(0, (2, ops.input_(0)))), given).rows
    assert rows["a"].dtype == "Float64"
    assert rows["a"].max() > 2**63


def test_columns_without_names_are_taken_by_position():
    numbered = X_AB.set_axis([0, 1], axis=1)
    rows = worth_trying(_one_input(ops.lin(0, (2, ops.input_(0)))), numbered).rows
    assert list(rows.columns) == [0, 1]
    assert np.abs(rows[0]).max() > 1e6


def test_a_truth_has_no_category_but_true_and_false():
    y = ops.table(ops.input_(0), {False: 0.1, True: 0.2}, 0.0, 0.0)
    for known, unseen in (((False, True), []), ((True,), [False])):
        formula = Formula({"y": y}, (Feature("a", categories=known),))
        assert set(_tried(formula, {"a": np.array(known)}, kind="unseen")) == set(unseen)
    assert formula(worth_trying(formula, pd.DataFrame({"a": [True, True]})).rows).size


def test_a_missing_text_is_spelled_as_anywhere_in_its_column():
    # None and NaN are two to scikit-learn, and few rows may show which one a column has.
    X = pd.DataFrame({"kind": pd.Series(["a", "b"] * 50 + [None], dtype=object)})
    made = edited(X, [Feature("kind", Type.LABEL)], np.array([0, 1]), [{0: math.nan}, {}])
    assert made["kind"].tolist() == [None, "b"]


@pytest.mark.parametrize("kind", ["str", object, "category"])
def test_a_number_in_a_column_of_texts_stays_text(kind):
    # A column of "1", "2" and 3.0 is another one to interpret, which spells the last "3.0".
    frame = pd.DataFrame({"a": ["1", "2"]}).astype(kind)
    changes = [{0: 3.0}, {0: 0.5}, {0: math.nan}, {0: math.inf}]
    made = edited(frame, (Feature("a"),), np.zeros(4, dtype=int), changes)
    assert made["a"].tolist()[:2] == ["3", "0.5"]
    assert pd.isna(made["a"].tolist()[2])


def test_a_categorical_of_truths_gets_no_number_beside_them():
    frame = pd.DataFrame({"a": pd.Categorical([True, False])})
    changes = [{0: 2.0}, {0: 0.0}, {0: math.nan}]
    made = edited(frame, (Feature("a"),), np.zeros(3, dtype=int), changes)
    assert made["a"].tolist()[:2] == [True, False]
    assert made["a"].cat.categories.tolist() == [False, True]
