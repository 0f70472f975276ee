"""What must be true of every op: sound bounds, a NumPy meaning on columns, kept missing values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedform import ops as o
from closedform.columns import columns_of
from closedform.evaluate import bounds, compute
from closedform.ir import OPS, Interval, Type, toposort
from closedform.payloads import Tree, splits_from, tree_bounds
from strategies import BUILD, boxes, inputs_of_formulas, nodes, numbers, rows, rows_in

ALL_OPS = sorted(set(OPS) - {"input", "label"})


def values(roots, X):
    inputs, count = columns_of(inputs_of_formulas(), X)
    return compute(roots, inputs, count)


def test_every_op_is_drawn_by_the_strategies():
    assert set(BUILD) == set(OPS)


def outside(interval, found):
    return [float(v) for v in np.asarray(found, dtype=float) if float(v) not in interval]


@pytest.mark.parametrize("name", ALL_OPS)
@given(data=st.data())
def test_bounds_hold_every_value(name, data):
    n = data.draw(nodes(op=name, size=4))
    box = data.draw(boxes())
    X = data.draw(rows_in(box))
    below = [a for a in toposort([n]) if a.type is not Type.LABEL]
    found = values(below, X)
    for each, column, interval in zip(
        below, found, bounds(below, dict(enumerate(box))), strict=True
    ):
        assert outside(interval, column) == [], (each, interval)


@pytest.mark.parametrize("name", sorted(n for n in ALL_OPS if OPS[n].strict and n != "const"))
@given(data=st.data())
def test_a_strict_op_is_missing_where_an_argument_is(name, data):
    n = data.draw(nodes(op=name, size=2))
    X = data.draw(rows())
    whole, *args = values([n, *n.args], X)
    missing = np.zeros(len(whole), bool)
    for column in args:
        missing |= np.isnan(column)
    assert np.isnan(whole[missing]).all()


@given(data=st.data())
def test_what_is_not_missing_and_finite_stays_so_within_the_bounds_of_a_point(data):
    x = data.draw(st.floats(-3, 3))
    n = data.draw(nodes(size=3, among={"lin", "mul", "min", "max", "abs", "tanh", "exp", "sin"}))
    point = {i: Interval(x, x) for i in range(3)}
    interval = bounds([n], point)[0]
    if math.isfinite(interval.lo) and math.isfinite(interval.hi) and abs(interval.lo) > 1e-3:
        # A point has narrow bounds: 1e-6 leaves room for three cancelling sums of size 5 · 4.
        assert interval.hi - interval.lo <= 1e-6 * max(1.0, abs(interval.lo))


@given(st.lists(numbers, min_size=1, max_size=20))
def test_elementary_functions_equal_the_c_library_within_4_ulp(xs):
    x = np.array(xs)
    for name in ("exp", "log", "log1p", "expm1", "sqrt", "tanh", "sin", "cos", "erf"):
        with np.errstate(all="ignore"):
            ours = OPS[name].numpy(None, x)
        for v, got in zip(xs, ours.tolist(), strict=True):
            want = _by_math(name, v)
            assert (got == want or abs(got - want) <= 4 * math.ulp(want)) or (
                math.isnan(got) and math.isnan(want)
            ), (name, v)


def _by_math(name, v):
    try:
        return getattr(math, name)(v)
    except OverflowError:
        return math.inf
    except ValueError:
        return -math.inf if (name, v) in (("log", 0.0), ("log1p", -1.0)) else math.nan


def _forgets_missing(tree, box):
    """`tree_bounds` with a planted bug: a missing value is forgotten on the right."""
    found, stack = Interval(math.inf, -math.inf), [(0, tuple(box))]
    s = tree.splits
    while stack:
        i, now = stack.pop()
        if s.leaf[i]:
            found |= Interval(float(tree.values[i]), float(tree.values[i]))
            continue
        f, t = int(s.feature[i]), float(s.threshold[i])
        left = Interval(now[f].lo, min(now[f].hi, t), now[f].missing and bool(s.missing_left[i]))
        right = Interval(max(now[f].lo, np.nextafter(t, math.inf)), now[f].hi)
        for half, side in ((left, 0), (right, 1)):
            if not half.empty or half.missing:
                stack.append((int(s.child[i]) + side, (*now[:f], half, *now[f + 1 :])))
    return found


def test_a_planted_bug_in_the_bounds_of_trees_would_be_found():
    splits, _ = splits_from([1, -1, -1], [2, -1, -1], [0, 0, 0], [1.0, 0, 0])
    tree = Tree(splits, np.array([0.0, 5.0, 7.0]))
    box = [Interval(-1.0, 0.0, missing=True)]
    value = float(o.TREE.numpy(tree, np.array([math.nan]))[0])
    assert value in tree_bounds(tree, box)
    assert value not in _forgets_missing(tree, box)
