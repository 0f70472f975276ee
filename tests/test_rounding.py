"""Rounding: fewer digits everywhere, never silently: the trail says what they moved."""

import math
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from closedform import ops as o
from closedform.errors import BadInput
from closedform.formula import Feature, Formula
from closedform.ir import Type
from closedform.ops.payloads import Pieces, splits_from
from closedform.passes.rounding import rounding, significant
from strategies import formulas, inputs_of_formulas, rows, trees

x, y = o.input_(0), o.input_(1)
AB = (Feature("a"), Feature("b"))


@given(st.floats(), st.integers(1, 20))
def test_a_number_keeps_its_leading_digits(value, digits):
    made = significant([value], digits)[0]
    if not math.isfinite(value):
        assert made == value or math.isnan(value)
        return
    assert float(f"{made:.{digits - 1}e}") == made
    if digits >= 17:
        assert made == value
    elif value and math.isfinite(made) and abs(value) > 1e-300:
        # Half a unit of the last digit kept, of a number of at least 1 · 10ᵏ.
        assert abs(made - value) <= 0.5000001 * 10 ** (1 - digits) * abs(value)


def test_every_kind_of_number_is_rounded():
    splits, _ = splits_from([1, -1, -1], [2, -1, -1], [0] * 3, [1.23456, 0, 0])
    shape = Pieces.of([0.123456], [[1.23456, 2.34567]] * 2, origins=[0.0, 9.87654], missing=3.45678)
    nodes = {
        "lin": o.lin(1.23456, (9.87654, x)),
        "const": o.const(123456.0),
        "max": o.maximum(x, o.const(0.123456)),
        "tree": o.tree(splits, [0, 1.23456, -0.00123456], (x,)),
        "table": o.table(x, {1.23456: 2.34567}, 3.45678, 4.56789),
        "piecewise": o.piecewise(x, shape),
    }
    f = rounding(Formula(nodes, AB), 3)
    table = f.outputs["table"].data
    assert f.outputs["lin"] is o.lin(1.23, (9.88, x))
    assert f.outputs["const"] is o.const(123000.0)
    assert f.outputs["max"] is o.maximum(x, o.const(0.123))
    assert f.outputs["tree"].data.splits.threshold[0] == 1.23
    assert f.outputs["tree"].data.values.tolist() == [0, 1.23, -0.00123]
    assert (table.labels, table.values.tolist()) == ((1.23456,), [2.35])
    assert (table.default, table.missing) == (3.46, 4.57)
    assert f.outputs["piecewise"].data.edges.tolist() == [0.123]
    assert f.outputs["piecewise"].data.coefs.tolist() == [[1.23, 2.35]] * 2
    assert f.outputs["piecewise"].data.origins.tolist() == [0, 9.88]
    assert f.outputs["piecewise"].data.missing == 3.46


def test_what_a_value_is_compared_with_for_being_the_same_is_not_rounded():
    same = o.equal(x, o.const(1.23456))
    f = Formula({"y": o.where(same, o.const(1.23456), x), "m": o.member(x, [1.23456])}, AB)
    after = rounding(f, 2)
    assert after.outputs["y"] is o.where(same, o.const(1.2), x)
    assert after.outputs["m"] is f.outputs["m"]


@given(formulas(size=6), rows())
def test_seventeen_digits_change_nothing(f, X):
    assert rounding(f, 17).roots == f.roots
    moved = rounding(f, 17, X).trail[-1].found
    assert moved["rows"] == 40
    assert all(m == {"absolute": 0, "relative": 0, "appeared": 0} for m in moved["moved"].values())
    assert set(moved["labels"].values()) <= {0}


@given(formulas(size=5), rows(), st.integers(1, 6))
def test_the_trail_says_how_far_each_output_moved_on_the_rows_given(f, X, digits):
    after = rounding(f, digits, X)
    step = after.trail[-1]
    assert (step.name, step.kind, dict(step.options)) == ("rounding", "approx", {"digits": digits})
    before, now = f.evaluate(X), after.evaluate(X)
    for name, root in f.outputs.items():
        a, b = before[name], now[name]
        if root.type is Type.REAL:
            both = ~(np.isnan(a) | np.isnan(b)) & (a != b)
            with np.errstate(over="ignore"):
                most = np.abs(a[both] - b[both]).max(initial=0)
            assert step.found["moved"][name]["absolute"] == most
            assert step.found["moved"][name]["appeared"] == (np.isnan(a) ^ np.isnan(b)).sum()
        else:
            assert step.found["labels"][name] == sum(p != q for p, q in zip(a, b, strict=True))


def test_movement_is_also_a_share_of_the_range_of_the_output():
    f = Formula({"y": o.lin(0.0, (1.04, x)), "flat": o.lin(1.04)}, AB)
    found = rounding(f, 2, {"a": [0.0, 50.0, 100.0], "b": [0, 0, 0]}).trail[-1].found
    assert found["moved"]["y"]["absolute"] == pytest.approx(4.0, rel=1e-12)  # 104 → 100
    assert found["moved"]["y"]["relative"] == pytest.approx(4.0 / 104, rel=1e-12)
    assert found["moved"]["flat"]["relative"] == pytest.approx(0.04 / 1.04, rel=1e-12)


def test_a_movement_or_a_range_beyond_the_doubles_is_no_accident():
    f = Formula({"y": o.linear(0.0, [1.04], [x]), "z": o.linear(0.0, [1.0], [x])}, AB)
    found = rounding(f, 1, {"a": [-1.79e308, 1.0, 1.79e308], "b": [0, 0, 0]}).trail[-1].found
    assert found["moved"]["y"]["absolute"] == math.inf  # 1.04 · 1.79e308 is no double
    assert found["moved"]["y"]["relative"] == math.inf
    assert found["moved"]["z"] == {"absolute": 0, "relative": 0, "appeared": 0}


def test_without_rows_nothing_is_claimed():
    step = rounding(Formula({"y": o.lin(1.234)}, AB), 2).trail[-1]
    assert dict(step.found) == {"rows": None}


@pytest.mark.parametrize("digits", [0, -1, 2.5, True, None])
def test_digits_must_be_a_whole_number_from_1_on(digits):
    with pytest.raises(BadInput, match="significant digits"):
        rounding(Formula({"y": x}, AB), digits)


def test_digits_may_be_a_number_of_numpy():
    f = Formula({"y": o.lin(1.234)}, AB)
    assert rounding(f, np.int64(2)).roots == rounding(f, 2).roots


@given(st.data())
def test_a_rounded_tree_still_routes_every_row(data):
    tree = data.draw(trees(2))
    f = Formula({"y": o.tree(tree.splits, tree.values, (x, y))}, inputs_of_formulas())
    made = rounding(f, 1)(data.draw(rows()))
    assert set(made) <= set(significant(tree.values[tree.splits.leaf].tolist(), 1))


def test_500_trees_are_rounded_in_time():
    chance = np.random.default_rng(0)
    left = [2 * i + 1 if i < 63 else -1 for i in range(127)]
    right = [2 * i + 2 if i < 63 else -1 for i in range(127)]
    made = []
    for _ in range(500):
        splits, _ = splits_from(left, right, chance.integers(0, 2, 127), chance.normal(size=127))
        made.append(o.tree(splits, chance.normal(size=127), (x, y)))
    f = Formula({"y": o.linear(0, [0.1] * 500, made)}, AB)
    start = time.process_time()
    rounding(f, 4)
    assert time.process_time() - start < 2.0  # 0.15 s alone
