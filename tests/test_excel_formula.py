"""Excel formulas with LET: their names are put into cells, computed, and equal to the formula."""

import math
import re

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

import closedform as cf
from closedform import ops
from closedform.errors import BadInput, UnsupportedTarget
from closedform.formula import Feature, Formula
from closedform.ir import Type
from closedform.ops.payloads import label_code
from closedform.printers.excel.formula import number, variable
from closedform.verify.running.excel import by_formulas
from closedform.verify.running.excel_formula import run_excel_formula
from strategies import finite

FLOWERS, KINDS = load_iris(return_X_y=True, as_frame=True)
LINE = Formula({"y": ops.lin(0.5, (1 / 3, ops.input_(0)), (-1, ops.input_(1)))},
               (Feature("age (years)"), Feature("B2")))  # fmt: skip
label_code("a")


@given(finite.filter(lambda x: x == 0 or 1e-290 < abs(x) < 1e300))
def test_a_number_is_the_sum_of_two_that_have_fifteen_digits(value):
    parts = re.findall(r"[+-]?\d[\d.]*(?:E[+-]?\d+)?", number(value).strip("()"))
    assert all(len(re.sub(r"E.*|[-+.]", "", p).strip("0")) <= 15 for p in parts)
    assert sum(map(float, parts)) == value


@given(st.lists(st.text(max_size=8), min_size=1, max_size=20))
def test_names_are_none_of_cells_and_differ_by_more_than_capitals(names):
    taken = set()
    made = [variable(name, taken) for name in [*names, "a1", "A1", "R", "r1c1", "if", "x" * 300]]
    assert len({m.lower() for m in made}) == len(made)
    assert all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", m) for m in made)
    assert not any(re.fullmatch(r"[A-Za-z]{1,3}\d+|[rRcC]\d*([rRcC]\d*)?", m) for m in made)


def test_a_formula_reads_as_a_person_writes_it():
    assert LINE.to("excel_formula") == (
        "=LET(\n"
        "  age_years, IF(ISNUMBER(A2),A2,NA()),\n"
        "  B2_, IF(ISNUMBER(B2),B2,NA()),\n"
        '  IFERROR(0.5+(0.333333333333333+3.331E-16)*age_years-B2_,""))'
    )
    assert LINE.to("excel_formula", form="lambda") == (
        "=LAMBDA(in_1, in_2, LET(\n"
        "  age_years, IF(ISNUMBER(in_1),in_1,NA()),\n"
        "  B2_, IF(ISNUMBER(in_2),in_2,NA()),\n"
        '  IFERROR(0.5+(0.333333333333333+3.331E-16)*age_years-B2_,"")))'
    )


def ran(formula, X):
    columns = [list(X[f.name]) for f in formula.inputs]
    found, error = run_excel_formula(
        formula.to("excel_formula"), formula.inputs, columns, [*formula.outputs], {},
        engine=by_formulas,
    )  # fmt: skip
    assert not error
    return found


def test_numbers_labels_and_what_is_missing():
    x, kind = ops.input_(0), ops.input_(1, Type.LABEL)
    table = ops.table(kind, {"a": 1.5, 'say "a", b)': 2.0}, -1.0, -2.0)
    formula = Formula(
        {
            "y": ops.lin(0, (0.1, x), (1, table)),
            "kind": ops.where(ops.less(x, table), ops.label('say "a", b)'), kind),
            "=z": ops.where(ops.missing(x), ops.const(7), x),
        },
        (Feature("x"), Feature("kind", Type.LABEL, ("a", 'say "a", b)'))),
    )
    X = {"x": [1.0, math.nan, 30.0, 2.0], "kind": ["a", 'say "a", b)', "A", None]}
    assert ran(formula, X) == {
        "y": [1.6, None, 2.0, -1.8],
        "kind": ['say "a", b)', 'say "a", b)', "A", None],
        "=z": [1.0, 7.0, 30.0, 2.0],
    }


def test_rows_that_the_model_refuses_are_empty():
    formula = Formula({"y": ops.const(3)}, (Feature("x", missing=False),))
    assert ran(formula, {"x": [1.0, math.nan]}) == {"y": [3.0, None]}


def test_a_classifier_gives_the_models_own_answers():
    model = LogisticRegression(max_iter=500).fit(FLOWERS, np.array(["x", "Y", "y"])[KINDS])
    X = FLOWERS.iloc[::30]
    formula = cf.read(model).only("label", "P(Y)")
    found = ran(formula, {name: X[name].tolist() for name in X})
    assert found["label"] == model.predict(X).tolist()
    # 1e-14: sums of four terms.
    np.testing.assert_allclose(found["P(Y)"], model.predict_proba(X)[:, 0], rtol=1e-14)


@settings(max_examples=20, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
@given(st.integers(130, 400))
def test_what_excel_cannot_take_is_refused(count):
    inputs = [ops.input_(i) for i in range(count)]
    formula = Formula({"y": ops.linear(0.5, np.arange(1, count + 1) / 7, inputs)},
                      tuple(Feature(f"x{i}") for i in range(count)))  # fmt: skip
    with pytest.raises(UnsupportedTarget, match=r"126|8,192") as refusal:
        formula.to("excel_formula")
    assert 'formula.to("excel"' in refusal.value.hint


def test_options_that_do_not_fit_are_refused():
    with pytest.raises(BadInput, match="'macro'"):
        LINE.to("excel_formula", form="macro")
    with pytest.raises(BadInput, match="'z'"):
        LINE.to("excel_formula", output="z")
    with pytest.raises(BadInput, match="LAMBDA"):
        cf.verify_program(LINE, "excel_formula", {"age (years)": [1.0], "B2": [2.0]}, form="lambda")
