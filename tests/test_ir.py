"""Nodes: sharing, identity, payload keys, and walks of any depth."""

import copy
import gc
import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedform import ops as o
from closedform.evaluate import bounds, compute
from closedform.ir import (
    Interval,
    Type,
    fold,
    node,
    rewrite,
    substitute,
    toposort,
    ulps,
    with_args,
)
from closedform.ops.payloads import Tree, Weights, label_codes, labels_of, splits_from
from closedform.passes.differentiate import differentiate
from closedform.passes.simplify import simplified
from strategies import formulas, numbers, pieces, tables, trees

x, y = o.input_(0), o.input_(1)
DEEP = 100_000


def test_equal_nodes_are_the_same_object():
    assert o.lin(1, (2, x), (3, y)) is o.lin(1.0, (2.0, x), (3.0, y))
    assert o.linear(1, np.array([2, 3]), [x, y]) is o.lin(1, (2, x), (3, y))
    assert o.const(np.float64(1.5)) is o.const(1.5)
    assert o.label(np.str_("a")) is o.label("a")


DIFFERENT = [
    (o.const(0.0), o.const(-0.0)),
    (o.const(1), o.boolean(True)),
    (o.label(1), o.label(True)),
    (o.label(1), o.label(1.0)),
    (o.label("0x1.0000000000000p+0"), o.label(1.0)),
    (o.label(None), o.label("None")),
    (o.input_(0), o.input_(0, Type.LABEL)),
    (o.lin(0.0, (1, x)), o.lin(-0.0, (1, x))),
    (o.lin(0, (0.0, x)), o.lin(0, (-0.0, x))),
    (o.less(x, y), o.less(y, x)),
    (o.minimum(x, y), o.maximum(x, y)),
    (o.table(x, {1: 2.0}, 0.0, 0.0), o.table(x, {1: 2.0}, 0.0, -0.0)),
    (o.table(x, {1: 2.0}), o.table(x, {"1": 2.0})),
    (o.member(x, [1, 2]), o.member(x, [2, 1])),
]


@pytest.mark.parametrize(("a", "b"), DIFFERENT)
def test_what_differs_in_anything_is_another_node(a, b):
    assert a is not b


def test_nan_is_itself_whatever_its_bits():
    other = np.array([0x7FF8000000000001], "u8").view("f8")[0]
    assert o.const(math.nan) is o.const(other) is o.const(-math.nan)
    assert o.lin(0, (math.nan, x)) is o.lin(0, (other, x))
    assert o.table(x, {1: math.nan}) is o.table(x, {1: other}, -math.nan)


@given(st.data())
def test_equal_payloads_make_the_same_node_and_survive_a_copy(data):
    tree, table, shape = data.draw(trees(2)), data.draw(tables([1.0, 2.0])), data.draw(pieces())
    made = [
        o.tree(tree.splits, tree.values, (x, y)),
        node(o.TABLE, (x,), table),
        o.piecewise(x, shape),
    ]
    for n in made:
        data_again = copy.deepcopy(n.data)
        assert node(n.op, n.args, data_again, n.type) is n
        assert pickle.loads(pickle.dumps(n)) is n


@given(formulas(size=8))
def test_a_pickled_graph_comes_back_as_the_same_nodes(f):
    assert all(pickle.loads(pickle.dumps(root)) is root for root in f.roots)


def test_one_changed_number_in_a_large_payload_is_another_node():
    weights = np.arange(100.0)
    changed = weights.copy()
    changed[57] = np.nextafter(57.0, 58)
    args = [o.input_(i) for i in range(100)]
    assert o.linear(0, weights, args) is not o.linear(0, changed, args)


def test_nodes_and_their_numbers_cannot_be_changed():
    n = o.lin(1, (2, x))
    with pytest.raises(AttributeError):
        n.args = ()
    with pytest.raises(ValueError):
        n.data.weights[0] = 5
    with pytest.raises(TypeError):
        bool(o.less(x, y))


def test_a_payload_does_not_follow_the_array_it_was_made_from():
    weights = np.array([1.0, 2.0])
    n = o.linear(0, weights, [x, y])
    weights[0] = 9
    assert n.data.weights.tolist() == [1.0, 2.0]


def test_nodes_that_nobody_holds_are_forgotten():
    from closedform.ir import _INTERNED

    gc.collect()
    before = len(_INTERNED)
    n = o.const(123.456)
    for _ in range(1000):
        n = o.exp(n)
    assert len(_INTERNED) >= before + 1000
    del n
    gc.collect()
    assert len(_INTERNED) <= before + 1


@pytest.fixture(scope="module")
def chain():
    n = x
    for _ in range(DEEP):
        n = o.absolute(n)
    return n


def test_a_walk_of_100_000_levels_is_no_matter(chain):
    assert len(toposort([chain])) == DEEP + 1
    assert fold([chain], lambda n, *below: 1 + max(below, default=0)) == [DEEP + 1]
    became = rewrite([chain], lambda n: y if n is x else None)
    assert toposort([became[chain]])[0] is y
    assert substitute([chain], {x: y}) == [became[chain]]
    assert bounds([chain], {0: Interval(-3, 2)}) == [Interval(0.0, 3.0)]
    assert compute([chain], [np.array([-3.0])], 1)[0].tolist() == [3.0]


def test_a_chain_of_100_000_levels_is_pickled(chain):
    assert pickle.loads(pickle.dumps(chain)) is chain


def test_a_chain_of_20_000_levels_is_simplified_and_differentiated(chain):
    part = toposort([chain])[20_000]
    assert simplified([part])[part] is part
    slope = differentiate(part, 0)
    assert compute([slope], [np.array([-3.0])], 1)[0].tolist() == [-1.0]


def test_a_shared_diamond_is_visited_once():
    n, visits = x, []
    for _ in range(60):
        n = o.mul(n, n)
    fold([n], lambda n, *below: visits.append(n))
    assert len(visits) == 61  # 2⁶⁰ paths


def test_arguments_come_before_those_who_use_them():
    a = o.exp(x)
    order = toposort([o.lin(0, (1, o.mul(a, y)), (1, a)), a])
    assert len(order) == len(set(order)) == 5
    assert all(order.index(b) < order.index(n) for n in order for b in n.args)


def test_rewrite_keeps_what_the_rule_leaves_alone():
    n = o.mul(o.exp(x), o.exp(y))
    became = rewrite([n], lambda n: o.tanh(n.args[0]) if n is o.exp(y) else None)
    assert became[n] is o.mul(o.exp(x), o.tanh(y))
    assert with_args(n, n.args) is n


@given(numbers, st.integers(-3, 3))
def test_ulps_steps_over_neighbouring_floats(value, count):
    want = value
    with np.errstate(over="ignore", under="ignore"):
        for _ in range(abs(count) if math.isfinite(value) else 0):  # an infinity stays
            want = np.nextafter(want, math.copysign(math.inf, count))
    assert ulps(value, count) == want or math.isnan(value)


@given(st.floats(allow_nan=False), st.floats(allow_nan=False), numbers, st.booleans())
def test_an_interval_holds_what_lies_between_and_missing_where_it_says(a, b, value, missing):
    inside = Interval(min(a, b), max(a, b), missing)
    assert (value in inside) == (missing if math.isnan(value) else min(a, b) <= value <= max(a, b))
    assert (value in (inside | Interval(0, 0))) == (value in inside or value in Interval(0, 0)) or (
        not math.isnan(value)
    )


def test_labels_come_back_and_unknown_ones_are_not_taken_for_missing():
    o.label_code("a")
    codes = label_codes(["a", None, math.nan, "never seen before"])
    assert codes.tolist()[1:3] == [-1, -1] and codes[3] == -2
    assert labels_of(codes).tolist() == ["a", None, None, None]


def test_a_tree_is_laid_out_with_siblings_side_by_side():
    # Depth first, as scikit-learn stores it: 0 → (1 → (2, 3), 4).
    splits, order = splits_from([1, 2, -1, -1, -1], [4, 3, -1, -1, -1], [5, 6, 0, 0, 0], [1.0] * 5)
    assert order.tolist() == [0, 1, 4, 2, 3]
    assert splits.child.tolist() == [1, 3, 2, 3, 4]
    assert splits.leaf.tolist() == [False, False, True, True, True]
    assert splits.parents.tolist() == [-1, 0, 0, 1, 1]
    assert splits.depth == 2
    assert splits.feature.tolist() == [5, 6, 0, 0, 0]


def test_payloads_show_themselves_in_short():
    splits, _ = splits_from([1, -1, -1], [2, -1, -1], [0] * 3, [1.0] * 3)
    assert repr(Tree(splits, np.zeros(3))) == "Tree(2 leaves, depth 1)"
    assert repr(Weights.of(1, [2])) == "Weights(bias=1.0, 1 weights)"
    assert repr(o.lin(1, (2, x))) == "<lin Weights(bias=1.0, 1 weights)(input)>"
