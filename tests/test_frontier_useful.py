"""Which formulas are useful, and which is recommended: what the rows say, and how surely."""

import math

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

import closedform as cf
from closedform.frontiers import choosing
from closedform.frontiers.judging import Judge
from closedform.frontiers.subject import Subject

X = np.random.default_rng(0).normal(size=(200, 3))
NUMBER = 2 * X[:, 0] + X[:, 1] ** 2


class _Fake:
    def __init__(self, length, error, method="x", inputs=1, away=None, diverges=None):
        self.length, self.inputs, self.method, self.formula = length, inputs, method, length
        self.refitted = False
        told = {"chosen_by": error, "error": error, "away": away, "diverges": diverges}
        self.judged = type("J", (), told)()


class _NoY:
    class subject:
        class select:
            y = None


def test_no_row_of_the_table_is_one_that_nobody_wants():
    found = [
        _Fake(3, 0.6, "constant", 0), _Fake(3, 0.5, inputs=0), _Fake(9, 0.33), _Fake(11, 0.03),
        _Fake(2237, 0.02), _Fake(2249, 0.018), _Fake(5000, 0.0, "exact"),
    ]  # fmt: skip
    assert [e.length for e in choosing.useful(found)] == [3, 11, 2249, 5000]


def test_what_a_few_rows_say_makes_no_formula_useful():
    wrong = np.repeat([1.0, 0.0], [100, 1900])
    lucky = np.concatenate([np.repeat([0.0, 1.0], [53, 47]), np.repeat([1.0, 0.0], [47, 1853])])
    better = np.repeat([1.0, 0.0], [40, 1960])
    found = [_Fake(1, 0.05, "constant", 0, away=wrong), _Fake(6, 0.047, away=lucky),
             _Fake(20, 0.02, away=better)]  # fmt: skip
    assert [e.length for e in choosing.useful(found)] == [1, 20]


def test_of_two_with_the_same_classes_the_one_with_surely_better_chances_is_useful():
    wrong = np.repeat([1.0, 0.0], [100, 1900])
    near, far = np.full(2000, 0.010), np.full(2000, 0.020)
    unsure = near + np.repeat([20.0, 0.0], [1, 1999])
    one = _Fake(10, 0.05, away=wrong, diverges=far)
    for diverges, error, wanted in (
        (near, 0.05, [10, 20]), (unsure, 0.05, [10]), (0.9 * far, 0.05, [10]),
        (near, 0.0505, [10]), (None, 0.05, [10]),
    ):  # fmt: skip
        other = _Fake(20, error, away=wrong, diverges=diverges)
        assert [e.length for e in choosing.useful([one, other])] == wanted


@pytest.mark.parametrize("classes", [2, 3])
def test_chances_diverge_as_much_as_their_cross_entropy_says(classes):
    labels = np.digitize(NUMBER, [1.0, 2.5][: classes - 1])
    model = LogisticRegression(C=0.1).fit(X, labels)
    other = LogisticRegression(C=0.01).fit(X, labels)
    judge = Judge(Subject.of(model, X, None, 0), None)
    given, made_up = judge._choosing
    rows = np.vstack([given.X, np.column_stack(list(made_up.X.values()))])
    theirs, own = model.predict_proba(rows), other.predict_proba(rows)
    assert min(theirs.min(), own.min()) > 0.003  # none is cut off as certain
    wanted = (theirs * np.log(theirs / own)).sum(axis=1)
    np.testing.assert_allclose(judge(cf.read(other)).diverges, wanted, rtol=1e-9, atol=1e-12)


def test_no_formula_that_cannot_be_read_is_recommended():
    entries = [_Fake(1, 0.05, inputs=0), _Fake(183, 0.03), _Fake(6073, 0.0), _Fake(17910, 0.0)]
    assert choosing.choose(entries, _NoY, None).index == 1
    entries = [_Fake(1, 0.05, inputs=0), _Fake(6073, 0.0)]
    choice = choosing.choose(entries, _NoY, None)
    assert choice.index == 0 and "no other formula of up to 400 symbols" in choice.reason
    entries = [_Fake(1, math.inf, inputs=0), _Fake(20, 0.1), _Fake(6073, 0.0)]
    assert choosing.choose(entries, _NoY, None).index == 1


def test_the_reason_says_when_other_rows_decided():
    entries = [_Fake(1, 1.0, inputs=0), _Fake(9, 0.2), _Fake(30, 0.1), _Fake(6000, 0.0)]
    entries[2].judged.error = 0.25
    reason = choosing.chosen(entries, 2, "why.").reason
    assert reason.startswith("why. On the rows kept aside: an error of 0.25 with 30 symbols")
    assert reason.endswith("On those to choose by, it has 0.1, and the shorter one 0.2.")


def _reason(*found):
    return choosing.choose([_Fake(1, 0.5, inputs=0, diverges=np.full(9, 0.3)), *found], _NoY, None)


def test_the_knee_says_when_no_small_formula_is_near():
    choice = _reason(_Fake(50, 0.3), _Fake(5000, 0.28), _Fake(90000, 0.0))
    assert "no small formula is near" in choice.reason and "at least 60%" in choice.reason
    choice = _reason(_Fake(30, 0.05), _Fake(5000, 0.04), _Fake(90000, 0.0))
    assert choice.index == 1 and choice.reason.startswith("the knee of the curve. ")
    choice = _reason(_Fake(10, 1e-16))
    assert choice.index == 1 and "that is the model" in choice.reason


def test_nothing_small_is_near_either_where_only_the_chances_are_far():
    far, near = np.full(9, 0.06), np.full(9, 0.03)
    exact = _Fake(90000, 0.0, diverges=0 * near)
    choice = _reason(_Fake(54, 0.11, diverges=far), _Fake(204, 0.06, diverges=near), exact)
    assert "up to 60 symbols leave at least 20% of a constant's divergence" in choice.reason
    choice = _reason(_Fake(54, 0.11, diverges=near), exact)
    assert "no small formula" not in choice.reason
