"""Sums in float32 as ordinary sums: how far they move is said, and never exceeded."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import closedform as cf
import made_up as data
from battery import fit
from closedform import ops
from closedform.formula import Feature, Formula, Task
from closedform.ir import Type
from closedform.passes import double_sums

singles = st.floats(-1e6, 1e6, width=32)


def formula_of(values):
    x = ops.input_(0, Type.REAL)
    terms = [ops.where(ops.less(x, ops.const(0.0)), ops.const(-v), ops.const(v)) for v in values]
    return Formula({"y": ops.sum32(*terms)}, (Feature("x"),), Task(primary=("y",)))


@given(st.lists(singles | st.floats(-1e6, 1e6), min_size=2, max_size=30))
def test_a_sum_moves_by_no_more_than_is_said(values):
    exact = formula_of(values)
    plain = double_sums(exact)
    rows = np.array([[-1.0], [1.0]])
    assert abs(plain(rows) - exact(rows)).max() <= plain.trail[-1].found["moved"]
    assert not any(n.op is ops.SUM32 for n in plain.nodes)


def test_a_formula_without_such_sums_stays_as_it_is():
    x = ops.input_(0, Type.REAL)
    formula = Formula({"y": ops.lin(1, (2, x))}, (Feature("x"),), Task(primary=("y",)))
    assert double_sums(formula) is formula


def test_an_xgboost_model_is_then_approximate_and_sympy_takes_it():
    xgb = pytest.importorskip("xgboost")
    rows, y = data.numbers()
    model = fit(xgb.XGBRegressor(n_estimators=6, max_depth=2), rows, y)
    formula = cf.read(model)
    with pytest.raises(cf.UnsupportedTarget, match="double_sums"):
        formula.to("sympy")
    plain = double_sums(formula)
    assert "approximate" in plain.summary()
    moved = abs(plain(rows) - model.predict(rows).astype(float)).max()
    assert 0 < moved <= plain.trail[-1].found["moved"] < 1e-5
    assert plain.to("sympy").free_symbols
