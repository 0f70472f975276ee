"""Workbooks: computed by LibreOffice and by `formulas`, and equal to the formula."""

import math

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from sklearn.datasets import load_iris

from closedform import ops
from closedform.verify.running import available
from closedform.verify.running.excel import by_formulas, by_libreoffice, run_excel, tool
from programs import assert_same, left_to_right
from strategies import BUILD, GRID, formulas, rows

LIBREOFFICE = available("excel") and tool() is by_libreoffice
needs_libreoffice = pytest.mark.skipif(not LIBREOFFICE, reason="there is no LibreOffice")
ENGINES = [
    pytest.param(by_libreoffice, marks=needs_libreoffice, id="libreoffice"),
    pytest.param(by_formulas, id="formulas"),
]
FLOWERS, KINDS = load_iris(return_X_y=True, as_frame=True)

# What is not rounded: sums and functions of two programs differ by an ulp, and a comparison of
# them by its whole answer. They are compared op by op, in test_targets.
EXACT = sorted(
    (set(BUILD) - {"lin", "squared_distance", "sum32", "mul", "div", "pow", "piecewise"})
    - set(ops.UNARY) | {"abs", "sign", "floor", "round32"}
)  # fmt: skip
NUMBERS = (*GRID, 0.1, math.nextafter(0.1, 1), 1e8, -745.2, 3.4e38, math.nan)


def ran(formula, X, engine=None, **options):
    columns = [list(X[f.name]) for f in formula.inputs]
    book = formula.to("excel", **options)
    found, error = run_excel(book, formula.inputs, columns, [*formula.outputs], {}, engine=engine)
    assert not error, error
    return found


def plain(formula, X):
    """What a formula means, as cells hold it: no empty text, no infinity but 1E+308."""
    wanted = left_to_right(formula, X)
    return {
        name: [_cell(v) for v in column] for name, column in wanted.items()
    }  # fmt: skip


def _cell(value):
    if value is None or value == "" or value != value:
        return None
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def near(a, b):
    if a is None or b is None or isinstance(a, str) or isinstance(b, str):
        return a == b
    # LibreOffice writes 15 digits.
    return math.isclose(a, b, rel_tol=1e-14, abs_tol=1e-300)


@needs_libreoffice
@settings(max_examples=8, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(formulas(outputs=12, size=50, among=EXACT), rows(values=NUMBERS))
def test_every_formula_of_exact_operations_gives_the_same(formula, X):
    X["kind"] = [None if v == "" else v for v in X["kind"]]
    assert_same(ran(formula, X), plain(formula, X), near)
