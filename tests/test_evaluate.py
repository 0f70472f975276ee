"""Evaluation: what is computed together is what each op computes alone; blocks; rows as given."""

import math
import tracemalloc
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedform import evaluate as ev
from closedform import ops as o
from closedform.columns import columns_of
from closedform.errors import BadInput
from closedform.evaluate import Plan, compute
from closedform.families.network import Layer, Network
from closedform.formula import Feature, Formula, Task
from closedform.ir import Type, fold
from closedform.ops.payloads import Pieces, label_code, leaves_of, splits_from
from strategies import GRID, LABELS, formulas, inputs_of_formulas, rows, trees

x, y = o.input_(0), o.input_(1)
AB = (Feature("a"), Feature("b"))


def one_by_one(roots, columns, count):
    """The meaning of each op on its own, node by node: no plan, no groups, no blocks."""

    def step(n, *below):
        return columns[n.data] if n.op is o.INPUT else n.op.numpy(n.data, *below)

    with np.errstate(all="ignore"):
        return [np.broadcast_to(v, (count,)) for v in fold(roots, step)]


@given(formulas(size=10), rows())
def test_a_plan_gives_what_the_ops_give_one_by_one(f, X):
    columns, count = columns_of(inputs_of_formulas(), X)
    roots = [n for n in f.nodes if not (n.op is o.LIN or _under_a_sum(n))]
    for n, a, b in zip(
        roots, one_by_one(roots, columns, count), compute(roots, columns, count), strict=True
    ):
        assert np.array_equal(a, b, equal_nan=a.dtype.kind == "f"), n


def _under_a_sum(n):
    # A sum may be added in another order, and what is computed from it may differ by rounding.
    return fold([n], lambda n, *below: n.op is o.LIN or any(below))[0]


@given(
    st.lists(
        st.lists(st.floats(-1e3, 1e3) | st.just(math.nan), min_size=3, max_size=3), max_size=6
    ),
    st.lists(st.floats(-1e3, 1e3), min_size=8, max_size=8),
    rows(values=(*GRID, math.nan, math.inf)),
)
def test_sums_over_the_same_arguments_differ_by_rounding_alone(weights, biases, X):
    args = [o.input_(i) for i in range(3)]
    sums = [o.linear(b, w, args) for b, w in zip(biases, weights, strict=False)]
    sums += [o.tanh(n) for n in sums]
    columns, count = columns_of(inputs_of_formulas(), X)
    wanted, found = one_by_one(sums, columns, count), compute(sums, columns, count)
    for n, a, b in zip(sums, wanted, found, strict=True):
        if n.op is o.LIN:
            with np.errstate(invalid="ignore"):
                terms = [abs(w * c) for w, c in zip(n.data.weights, columns[:3], strict=True)]
            size = abs(n.data.bias) + sum(np.nan_to_num(t, nan=0, posinf=0) for t in terms)
            # γ₄ on both sides: Higham 2002, §3.1; and a few of the smallest numbers.
            assert (np.isnan(a) == np.isnan(b)).all()
            known = np.isfinite(a) & np.isfinite(b)
            apart = np.abs(a[known] - b[known])
            assert (apart <= 2 * 5 * 2**-53 * size[known] + 1e-321).all()


def test_a_missing_value_goes_through_a_weight_of_zero():
    args = [x, y]
    sums = [o.linear(1, [0.0, 1.0], args), o.linear(1, [2.0, 0.0], args)]
    columns = [np.array([math.nan, 1.0, math.inf]), np.array([1.0, math.nan, 1.0])]
    made = compute(sums, columns, 3)
    assert np.isnan(made[0]).tolist() == [True, True, True]
    assert np.isnan(made[1]).tolist() == [True, True, False]


def test_two_sums_over_the_same_trees_are_both_right():
    tree = [_stump(0, 1.0, -1.0, 1.0), _stump(1, 0.0, 3.0, 5.0)]
    sums = [o.linear(0.0, [1.0, 1.0], tree), o.linear(2.0, [-1.0, 0.5], tree)]
    made = compute([*sums, o.tanh(sums[1])], [np.array([0.0, 2.0]), np.array([0.0, 1.0])], 2)
    assert made[0].tolist() == [2.0, 6.0]
    assert made[1].tolist() == [4.5, 3.5]


def _stump(feature, limit, low, high):
    splits, _ = splits_from([1, -1, -1], [2, -1, -1], [feature] * 3, [limit, 0, 0])
    return o.tree(splits, [0, low, high], (x, y))


def test_looked_up_numbers_are_added_from_left_to_right():
    draw = np.random.default_rng(0)
    columns = draw.normal(size=(30, 500))
    edges = np.linspace(-2, 2, 40)
    curves = [
        o.piecewise(o.input_(i), Pieces.of(edges, draw.normal(size=41) * 10.0 ** (i % 5)))
        for i in range(30)
    ]
    expected = np.full(500, 0.1)
    for curve, column in zip(curves, columns, strict=True):
        expected = expected + curve.data(column)
    # A matrix product gave another sum on 6 of 10 rows.
    assert (compute([o.linear(0.1, [1.0] * 30, curves)], columns, 500)[0] == expected).all()


@given(st.data())
def test_trees_are_walked_as_each_test_says(data):
    tree = data.draw(trees(3))
    X = data.draw(rows())
    table = np.array([X[f"x{i}"] for i in range(3)])
    reached = leaves_of(tree.splits, table)
    s = tree.splits
    for row in range(table.shape[1]):
        at = 0
        while not s.leaf[at]:
            at = int(s.child[at]) + (not s.goes_left(at, table[s.feature[at], row]))
        assert reached[row] == at


def network(sizes, chance):
    layers = [
        Layer.of(chance.normal(size=(b, a)), chance.normal(size=b), "tanh")
        for a, b in pairwise(sizes)
    ]
    features = tuple(Feature(f"x{i}") for i in range(sizes[0]))
    nodes = Network(tuple(layers)).nodes([o.input_(i) for i in range(sizes[0])])
    return Formula({"y": nodes[-1][1][0]}, features), layers


@pytest.mark.parametrize("extra", [-1, 0, 1])
def test_rows_at_the_edge_of_a_block_are_computed_like_any_others(extra):
    chance = np.random.default_rng(0)
    f, layers = network([5, 16, 16, 1], chance)
    count = 2 * Plan(f.roots).block + extra
    X = chance.normal(size=(count, 5))
    want = X
    for layer in layers:
        want = np.tanh(want @ layer.weights.T + layer.bias)
    assert np.abs(f(X) - want[:, 0]).max() < 1e-13  # γ₁₆ · Σ|w·x| ≈ 16 · 16 · 2⁻⁵³
    assert f(X).shape == (count,)


def test_memory_is_bounded_whatever_the_number_of_rows():
    chance = np.random.default_rng(0)
    f, _ = network([4, 60, 60, 1], chance)
    X = chance.normal(size=(2_000_000, 4))
    f(X[:10])
    tracemalloc.start()
    made = f(X)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # The result, and one block of some 250 live columns; all at once it would be 2 GB.
    assert peak < made.nbytes + 64 * 2**20


ROWS = {"a": [1.0, 2.0, math.nan], "b": [10.0, 20.0, 30.0]}
TABLES = {
    "a dict of lists": ROWS,
    "a dict of arrays": {k: np.array(v) for k, v in ROWS.items()},
    "a DataFrame": pd.DataFrame(ROWS),
    "a DataFrame in another order": pd.DataFrame(ROWS)[["b", "a"]].assign(c="not read"),
    "a DataFrame with an index": pd.DataFrame(ROWS, index=[7, 7, 9]),
    "nullable columns": pd.DataFrame(ROWS).convert_dtypes(),
    "an array": np.column_stack([ROWS["a"], ROWS["b"]]),
    "a Fortran array": np.asfortranarray(np.column_stack([ROWS["a"], ROWS["b"]])),
    "a float32 array": np.column_stack([ROWS["a"], ROWS["b"]]).astype("f4"),
    "an array of objects": np.array([[1, 10], [2.0, 20], [None, 30]], dtype=object),
    "a list of rows": [[1, 10], [2, 20], [math.nan, 30]],
}


@pytest.mark.parametrize("kind", TABLES)
def test_rows_may_come_as(kind):
    f = Formula({"y": o.lin(0, (1, x), (1, y))}, AB)
    assert np.array_equal(f(TABLES[kind]), [11.0, 22.0, math.nan], equal_nan=True)


def test_single_values_are_one_row_and_no_rows_are_none():
    f = Formula({"y": o.lin(0, (1, x), (1, y))}, AB)
    assert f({"a": 1, "b": 2}).tolist() == [3.0]
    assert f(np.empty((0, 2))).shape == (0,)
    assert f({"a": [], "b": []}).shape == (0,)


CITY = Feature("city", Type.LABEL, ("Rome", "Oslo", 3), missing=False, unseen=False)


def city_formula():
    s = o.input_(0, Type.LABEL)
    label = o.where(o.member(s, ["Rome"]), o.label("warm"), o.label("cold"))
    return Formula(
        {"label": label, "y": o.table(s, {"Rome": 1.0, "Oslo": 2.0, 3: 3.0}, 9.0, 7.0)},
        (CITY, Feature("b", missing=False)),
        Task("classification", ("cold", "warm"), primary=("label",)),
    )


def test_labels_come_as_text_numbers_categories_or_missing():
    f = city_formula()
    X = pd.DataFrame({"city": pd.Categorical(["Rome", "Oslo", None, "Rome"]), "b": [1, 2, 3, 4]})
    assert f(X).tolist() == ["warm", "cold", None, "warm"]
    assert f.evaluate({"city": ["Rome", 3, 3.0, np.int64(3)], "b": [1] * 4})["y"].tolist() == [
        1.0, 3.0, 3.0, 3.0]  # fmt: skip
    X = np.array([["Rome", 1.0], [3, 2.0]], dtype=object)
    assert f.evaluate(X)["y"].tolist() == [1.0, 3.0]


def test_rows_that_the_model_refuses_give_nothing():
    f = city_formula()
    X = {"city": ["Rome", None, "Paris", "Oslo"], "b": [1, 1, 1, math.nan]}
    assert f(X).tolist() == ["warm", None, None, None]
    assert np.isnan(f.evaluate(X)["y"]).tolist() == [False, True, True, True]
    assert ev.outside(f, X).tolist() == [False, True, True, True]


def test_labels_of_classes_keep_the_type_of_the_classes():
    task = Task("classification", (0, 1), primary=("label",))
    f = Formula({"label": o.where(o.less(x, y), o.label(0), o.label(1))}, AB, task)
    made = f({"a": [1, 2], "b": [2, 1]})
    assert made.dtype.kind == "i" and made.tolist() == [0, 1]


def test_a_label_that_no_formula_knows_is_not_missing():
    s = o.input_(0, Type.LABEL)
    f = Formula({"m": o.missing(s), "e": o.equal(s, s)}, (Feature("s", Type.LABEL),))
    made = f.evaluate({"s": ["never seen", None, math.nan, "known"]})
    assert made["m"].tolist() == [False, True, True, False]
    assert label_code("known") >= 0
    assert f.evaluate({"s": ["known"]})["e"].tolist() == [True]


WRONG = [
    ({"a": [1]}, ["column 'b' is absent"]),
    ({}, ["column 'a' is absent", "column 'b' is absent"]),
    ({"a": ["x"], "b": ["1.5", "y"]}, ["'x' is not a number", "row 1: 'y' is not a number"]),
    ({"a": [1, 2], "b": [1]}, ["different lengths: [1, 2]"]),
    (np.zeros((3, 5)), ["shape (3, 5) is not (rows, 2)"]),
    (np.zeros(3), ["shape (3,) is not (rows, 2)"]),
    (
        pd.DataFrame({"a": pd.to_datetime(["2020-01-01"]), "b": [1j]}),
        ["column 'a' holds dat", "'b'"],
    ),
]


@pytest.mark.parametrize(("X", "said"), WRONG)
def test_rows_that_do_not_fit_are_refused_with_all_that_is_wrong(X, said):
    f = Formula({"y": o.lin(0, (1, x), (1, y))}, AB)
    with pytest.raises(BadInput) as caught:
        f(X)
    assert all(part in str(caught.value) for part in said), str(caught.value)
    assert "hint" in str(caught.value)


def test_an_output_that_does_not_exist_is_refused_with_those_that_do():
    f = Formula({"y": x, "z": y}, AB)
    with pytest.raises(BadInput, match="y, z"):
        f({"a": [1], "b": [2]}, "w")
    assert f({"a": [1], "b": [2]}, "z").tolist() == [2.0]


def test_several_primary_outputs_make_a_matrix():
    f = Formula({"y": x, "other": o.lin(5), "z": y}, AB, Task(primary=("z", "y")))
    assert f({"a": [1, 3], "b": [2, 4]}).tolist() == [[2, 1], [4, 3]]


def test_constants_are_spread_over_all_rows():
    f = Formula({"y": o.const(3), "t": o.boolean(True), "n": o.tanh(o.lin(0.5))}, AB)
    made = f.evaluate(np.zeros((4, 2)))
    assert made["y"].tolist() == [3.0] * 4 and made["t"].tolist() == [True] * 4
    assert made["n"].tolist() == [math.tanh(0.5)] * 4


@given(formulas(size=5))
def test_a_formula_that_takes_all_rows_refuses_none(f):
    X = {f"x{i}": [1.0, math.nan] for i in range(3)} | {"kind": [LABELS[0], "unseen"]}
    assert not ev.outside(f, X).any()
