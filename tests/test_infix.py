"""Expressions in text: precedence as Python has it, and nothing that it does not know."""

import math
import random

import numpy as np
import pytest

from closedform import ops
from closedform.evaluate import compute
from closedform.readers.infix import LONGEST, Malformed, parse, tokens
from closedform.readers.pysr.operators import OPERATORS
from closedform.readers.tensors import node_of, number

VALUES = {"a": 1.5, "b": -2.0, "x0": 3.0}


def value(text):
    """Return the value of an expression over a, b and x0, and the names that are not known."""
    unknown = []
    nodes = {name: ops.input_(i) for i, name in enumerate(VALUES)}
    made = parse(text, nodes, OPERATORS, lambda kind, name: unknown.append((kind, name)))
    columns = [np.array([v]) for v in VALUES.values()]
    return float(compute([node_of(number(made))], columns, 1)[0][0]), unknown


SAME = [
    "1", "1.5e-3", ".5", "a", "-a", "+a", "--a", "a - b - x0", "a / b / x0", "a * b + x0 * 2",
    "a - (b - x0)", "-a ** 2", "(-a) ** 2", "2 ** -a", "2 ** 3 ** 2", "(2 ** 3) ** 2",
    "-2 ** -2 * 3", "a * -b", "a - -b", "a + -b * -x0", "a % 2 + x0 % -2", "((((a))))",
    "a * (b + x0) * (b - x0) / (a + 1)", "1 < a", "a + 1 <= b", "(a > b) + (b >= a) * 2",
    "2*-a**2/3", "-(a)**3", "a**2**0.5", "1 - -1 - -1",
]  # fmt: skip


@pytest.mark.parametrize("text", SAME)
def test_an_expression_means_what_python_means(text):
    wanted = eval(text, {}, dict(VALUES))
    assert value(text) == (pytest.approx(float(wanted), rel=1e-15), [])


def test_julias_numbers_and_powers_are_known():
    assert value("1.5f-3 + 2f0")[0] == 2.0015
    assert value("a ^ 2 ^ 3")[0] == 1.5**8
    assert value("Inf")[0] == math.inf
    assert math.isnan(value("NaN * a")[0])


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "a +", "* a", "a b", "2a", "(a", "a)", "()", "cos()", "cos(a", "cos a", "a,b",
        "(a, b)", "cos(a,)", "a ** ** b", "a < b < x0", "a == b != x0", "a = b", "a; b", "a[0]",
        "'a'", "a.b", "1__0", "0x10", "max", "a & b", "not a", "lambda: a", "cos(a))", "{a}",
        "cos(a, b)", "\x00", "a\\b", "1e", "é + 1)",
    ],
)  # fmt: skip
def test_what_is_no_expression_is_said_to_be_none(text):
    try:
        found, unknown = value(text)
    except Malformed as error:
        assert str(error)
    else:
        assert unknown, found


def test_names_and_functions_that_are_not_known_are_all_told():
    assert value("eval(a) + __import__(b) + os")[1] == [
        ("function", "eval"), ("function", "__import__"), ("name", "os"),
    ]  # fmt: skip


def test_depth_and_length_are_no_danger():
    deep = 6000
    assert value("(" * deep + "a" + ")" * deep)[0] == 1.5
    assert value("-" * deep + "a")[0] == 1.5
    assert value("cos(" * 3000 + "a" + ")" * 3000)[0] == pytest.approx(0.739085133)
    assert value("+".join(["a"] * 5000))[0] == 7500
    with pytest.raises(Malformed, match="characters"):
        list(tokens("a" * (LONGEST + 1)))


def test_any_text_is_read_or_told_to_be_none():
    draw = random.Random(0)
    pieces = ["a", "x0", "1.5", "(", ")", "+", "-", "*", "/", "^", "<", ",", "cos(", "max(", "e"]
    read = 0
    for _ in range(3000):
        text = " ".join(draw.choice(pieces) for _ in range(draw.randint(1, 9)))
        try:
            value(text)
            read += 1
        except Malformed:
            pass
    assert read > 100
