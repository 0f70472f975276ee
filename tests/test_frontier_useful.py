"""Which formulas are useful, and which is recommended: what the rows say, and how surely."""

import math
import re

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
    class NoY:
        class subject:
            class select:
                y = None

    entries = [_Fake(1, 0.05, inputs=0), _Fake(183, 0.03), _Fake(6073, 0.0), _Fake(17910, 0.0)]
    assert choosing.choose(entries, NoY, None).index == 1
    entries = [_Fake(1, 0.05, inputs=0), _Fake(6073, 0.0)]
    choice = choosing.choose(entries, NoY, None)
    assert choice.index == 0 and "no other formula of up to 400 symbols" in choice.reason
    entries = [_Fake(1, math.inf, inputs=0), _Fake(20, 0.1), _Fake(6073, 0.0)]
    assert choosing.choose(entries, NoY, None).index == 1


def test_the_reason_says_when_other_rows_decided():
    entries = [_Fake(1, 1.0, inputs=0), _Fake(9, 0.2), _Fake(30, 0.1), _Fake(6000, 0.0)]
    entries[2].judged.error = 0.25
    reason = choosing._choice(entries, 2, "why.").reason
    assert reason.startswith("why. On the rows that no step saw: an error of 0.25 with 30 symbols")
    assert reason.endswith("On those to choose by, it has 0.1, and the shorter one 0.2.")


@pytest.mark.parametrize("columns", [60, 80, 120, 200])
def test_a_table_is_as_wide_as_the_terminal(forest, monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    names = ["a rather long name of a column", "b", "c"]
    model = LinearRegression().fit(pd.DataFrame(X, columns=names), NUMBER)
    front = cf.frontier(model, pd.DataFrame(X, columns=names), NUMBER, methods=[])
    assert max(map(len, table_lines(front))) <= max(columns, 80)
    assert "a rather long name" in str(front) and str(front).count("\n* best") == 1


def test_a_frontier_is_pickled_and_copied(classifier):
    front = cf.frontier(classifier, X, CLASS, methods=[])
    again = pickle.loads(pickle.dumps(front))
    assert str(again) == str(front) and (again.best(X) == front.best(X)).all()


def test_a_page_of_hostile_names_has_no_marks_of_its_own():
    data, y = load_iris(return_X_y=True)
    names = ["<script>alert(1)</script>", "$x_{1}\\frac", "a\"b'c\n", "__import__('os')"]
    frame = pd.DataFrame(data, columns=names)
    labels = np.array(["</pre><b>", "\n\t{0}", "&amp;"])[y]
    model = LogisticRegression(max_iter=500).fit(frame, labels)
    front = cf.frontier(model, frame, labels, methods=["tree"], time_limit=3)
    page = front.to_html()
    assert "<script" not in page and "<b>" not in page and page.count("</pre>") <= len(front)
    assert all(len(line) <= 120 for line in str(front).splitlines())


def test_the_picture_of_errors_without_end_has_numbers_alone():
    front = cf.frontier(lambda rows: rows[:, 0], X, methods=[])
    entry = front.entries[0]
    for error in (math.inf, 0.0):
        broken = type(entry)(**{
            **{k: getattr(entry, k) for k in ("formula", "method", "length", "numbers", "inputs")},
            "judged": type(entry.judged)(error, error, error, 40, 0.0),
        })  # fmt: skip
        page = type(front)(**{**vars(front), "entries": (broken,)}).to_html()
        assert not re.search(r'(cx|cy|x|y|points)="[^"]*(nan|inf)', page)


@pytest.mark.slow
def test_shown_errors_are_no_better_than_those_on_fresh_rows():
    data, y = load_diabetes(return_X_y=True, as_frame=True)
    model = LinearRegression().fit(data, y)
    shown, fresh = [], []
    for seed in range(8):
        rows = data.sample(221, random_state=seed)
        rest = data.drop(rows.index)
        front = cf.frontier(model, rows, methods=["polynomial"], time_limit=3, seed=seed)
        formula = front.pick(max_length=12)
        entry = next(e for e in front.entries if e.formula is formula)
        theirs = model.predict(rest)
        shown.append(entry.error)
        fresh.append(np.sqrt(np.mean((formula(rest) - theirs) ** 2)) / theirs.std())
    away = np.array(fresh) - np.array(shown)
    # Two standard errors of eight draws.
    assert away.mean() < 2 * away.std(ddof=1) / np.sqrt(len(away))
