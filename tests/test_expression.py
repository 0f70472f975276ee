"""A user's own expression: what it means, and what is no expression."""

import numpy as np
import pytest

from closedform import ops
from closedform.columns import columns_of
from closedform.errors import BadExpression
from closedform.evaluate import compute
from closedform.formula import Feature, Formula
from closedform.ir import Type
from closedform.verify.expression import parse

FEATURES = (
    Feature("age"), Feature("petal length (cm)"), Feature("sex", Type.LABEL, ("m", "f")),
    Feature("身長"), Feature("N"), Feature("exp"), Feature("a-b"),
)  # fmt: skip
ANY = Formula({"y": ops.input_(0)}, FEATURES)
ROW = {"age": 2.0, "petal length (cm)": 5.0, "sex": "m", "身長": 3.0, "N": 10.0}
ROW |= {"exp": 0.5, "a-b": 7.0}


def _value(text, **names):
    root = parse(text, ANY, **names).closed()  # first: a label is known once a node names it
    columns, rows = columns_of(FEATURES, ROW)
    return compute([root], columns, rows)[0][0]


VALUES = {
    "1.2*age + 0.3*petal length (cm) - 4": 1.2 * 2 + 0.3 * 5 - 4,
    "y = 2*age": 4.0,
    "-age^2": -4.0,
    "2**3**2": 512.0,
    "2*-age": -4.0,
    "2/4/2": 0.25,
    "-2-3-4": -9.0,
    "age²·N − 1": 39.0,
    "exp(exp) + exp": np.exp(0.5) + 0.5,
    "np.exp(AGE)": np.exp(2.0),
    "np.float64(1.5)*age": 3.0,
    "petal_length_cm": 5.0,
    "`petal length (cm)`*2": 10.0,
    "'身長' + 身長": 6.0,
    "a-b": 7.0,
    "(sex == 'm')*3 + (sex == 'f')*5": 3.0,
    "1 if age < 1.5 else 2 if age <= 2 else 3": 2.0,
    'IF(sex = "f", 1, 2)': 2.0,
    "max(age, N, 3) - min(age, 3)": 8.0,
    "log10(1000) + ln(e)": 4.0,
    "tansig(0) + logsig(0) + purelin(1)": 1.5,
    "not age < 1 and N > 5 or age == 7": 1.0,
    "1.5e-1*N": 1.5,
    "softplus(0) + sigmoid(0) + relu(-1) + erf(0)": np.log(2) + 0.5,
    "pow(age, 3) + abs(-1)": 9.0,
}


@pytest.mark.parametrize("text", VALUES)
def test_an_expression_means_what_it_says(text):
    assert _value(text) == pytest.approx(VALUES[text], rel=1e-12)


WRONG = {
    "agee + 1": "'agee'.*is it 'age'",
    "zz + yy": "'zz', 'yy'",
    "1,2*age": "','",
    "age +": "the end",
    "(age": r"'\)'",
    "foo(3)": "no function 'foo'",
    "__import__('os').system('true')": "no function",
    "age.__class__": "age.__class__",
    "sex + 1": "a category is no number",
    "age if N": "condition|else",
    "1 2": "'2' is not expected",
    "age; 2": "';'",
    "'abc": "quote",
    "(" * 500 + "1" + ")" * 500: "nested",
    "-" * 5000 + "1": "nested",
    "": "the end",
    "max()": "expected",
    "pow(age)": "does not take 1",
}


@pytest.mark.parametrize("text", WRONG)
def test_what_is_no_expression_is_an_error_that_says_where(text):
    with pytest.raises(BadExpression, match=WRONG[text]):
        parse(text, ANY)


def test_the_length_of_an_expression_is_bounded_and_a_long_sum_is_no_trouble():
    assert _value(" + ".join(["age"] * 5000)) == 10000.0
    with pytest.raises(BadExpression, match="characters"):
        parse("1" * 600_000, ANY)


def test_other_names_may_stand_for_the_inputs():
    assert _value("x*2", names={"x": "N"}) == 20.0
    with pytest.raises(BadExpression, match="no input 'zz'"):
        _value("x*2", names={"x": "zz"})


@pytest.mark.parametrize("text", ["1.0e999*age", "1.5e99999999999", "1.0e-99999*age", "0.5e308"])
def test_a_number_that_no_float_holds_is_a_number_all_the_same(text):
    literal = parse(text, ANY).literals[0]
    assert literal.value in (0.0, np.inf, 5e307)
    assert literal.half_unit in (0.0, 5e306)


@pytest.mark.parametrize("text", ["q" * 50_000, "q" * 50_000 + "(age)", "age " + "q" * 50_000])
def test_a_long_name_is_not_repeated_in_full(text):
    with pytest.raises(BadExpression) as caught:
        parse(text, ANY)
    assert len(str(caught.value)) < 1000


def test_of_many_unknown_names_the_first_are_told_and_the_others_are_counted():
    with pytest.raises(BadExpression, match="'q39', and 460 more"):
        parse(" + ".join(f"q{k}" for k in range(500)), ANY)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1 if (age < 3) else 2", 1.0),
        ("0 if age > 9 else 5 if (sex == 'm') else 2", 5.0),
        ("if(age < 3, 1, 2)", 1.0),
        ("2*(missing if missing(age) else age)", 4.0),
        ("g(a) = 3*age", 6.0),
        ("new(y) = 3*age", 6.0),
        ("P('a)b') = 3*age", 6.0),
    ],
)
def test_what_printed_text_writes_is_understood(text, value):
    assert _value(text) == value


def test_a_category_is_known_as_it_is_and_as_python_writes_it():
    odd = ('it\'s "odd"', "a\\b", "two\nlines", "plain\\n")
    formula = Formula({"y": ops.input_(0)}, (Feature("x", Type.LABEL, odd),))
    for label in odd:
        expression = parse(f"1 if x = {label!r} else 0", formula).closed()
        columns, rows = columns_of(formula.inputs, {"x": [label, "other"]})
        assert compute([expression], columns, rows)[0].tolist() == [1.0, 0.0]
    raw = parse("1 if x = 'plain\\n' else 0", formula).closed()
    columns, rows = columns_of(formula.inputs, {"x": ["plain\\n", "plain\n"]})
    assert compute([raw], columns, rows)[0].tolist() == [1.0, 0.0]


def test_comparisons_in_a_row_are_refused_since_they_mean_other_things_elsewhere():
    with pytest.raises(BadExpression, match="a < b and b < c"):
        parse("1 < age < 3", ANY)
