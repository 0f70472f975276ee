from hypothesis import given

from programs import NUMPY_MATH, assert_same, by_rows, left_to_right, run
from strategies import BUILD, formulas, rows

ANY_OP = sorted(set(BUILD) - {"probit"})


@given(formulas(among=ANY_OP), rows())
def test_every_formula_prints_runs_and_is_equal(formula, X):
    program = run(formula.to("python"), math=NUMPY_MATH)
    assert_same(by_rows(program, formula, X), left_to_right(formula, X))
