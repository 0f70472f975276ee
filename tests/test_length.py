"""The length of a formula: counted by hand on small ones, and the same however it is shared."""

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

import closedform as cf
from closedform import ops as o
from closedform.length import length, symbols_of

X, Y = o.input_(0), o.input_(1)

COUNTED = {
    "x": (X, 1),
    "2.5": (o.const(2.5), 1),
    "x + y": (o.lin(0, (1, X), (1, Y)), 3),
    "3*x": (o.lin(0, (3, X)), 3),
    "1 + 3*x - y": (o.lin(1, (3, X), (-1, Y)), 7),
    "1 + 0.123456789*x": (o.lin(1, (0.123456789, X)), 7),
    "x*y": (o.mul(X, Y), 3),
    "x^2": (o.power(X, 2), 3),
    "sin(x)": (o.sin(X), 2),
    "x if x < 3 else 0.5": (o.where(o.less(X, o.const(3)), X, o.const(0.5)), 7),
    "a = sin(x); a*a": (o.mul(o.sin(X), o.sin(X)), 7),
}


@pytest.mark.parametrize("text", COUNTED)
def test_small_formulas_count_as_a_person_does(text):
    node, symbols = COUNTED[text]
    assert length([node]) == symbols


def _digits(value):
    mantissa = repr(abs(value)).split("e")[0].replace(".", "")
    return mantissa.strip("0")


def test_a_number_counts_one_for_every_three_digits_begun():
    numbers = {
        0.25: 1,
        100000.0: 1,
        9.81: 1,
        1234.0: 2,
        1 / 3: 3,
        1.23456789012345678: 6,
        -1e-20: 1,
        np.inf: 1,
        0.0: 1,
    }
    counted = symbols_of(np.array(list(numbers)))
    assert dict(zip(numbers, counted.tolist(), strict=True)) == numbers
    random = np.random.default_rng(0)
    for digits in range(1, 18):
        drawn = [float(f"{v:.{digits - 1}e}") for v in random.normal(size=50)]
        wanted = [-(-len(_digits(v)) // 3) for v in drawn]
        # Scaling by a power of ten costs up to 4e-16 of a number: from 13 digits on, it may count
        # as one that has more.
        assert (np.abs(symbols_of(np.array(drawn)) - np.minimum(wanted, 6)) <= (digits > 12)).all()


def test_rounding_makes_a_formula_shorter():
    features, labels = load_iris(return_X_y=True)
    whole = cf.read(LogisticRegression(max_iter=500).fit(features, labels))
    from closedform.passes.rounding import rounding

    assert rounding(whole, 3).length < rounding(whole, 6).length < whole.length


def test_chances_beside_a_score_are_not_counted_twice():
    features, labels = load_iris(return_X_y=True)
    whole = cf.read(LogisticRegression(max_iter=500).fit(features, labels))
    assert whole.length == whole.only(*whole.task.decision).length


def test_a_tree_counts_its_tests_and_leaves():
    features, labels = load_iris(return_X_y=True)
    tree = DecisionTreeClassifier(max_depth=1, random_state=0).fit(features, labels)
    formula = cf.read(tree)
    # `name <= 0.8000000119…` is 3 and six; P(0) and P(1) = P(2) have two leaves each.
    assert formula.length == 3 + 6 + 4
