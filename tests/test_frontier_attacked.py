"""The frontier under attack: what users give it that is not as it should be, and what it says."""

import math
import pickle
import re
import signal
import time
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import r2_score

import closedform as cf
from closedform.errors import BadInput
from closedform.frontiers import limiting, searching, splitting
from closedform.frontiers.judging import METRICS
from closedform.frontiers.words import table_lines
from closedform.shorten import methods as known
from closedform.shorten.teacher import Teacher

X = np.random.default_rng(0).normal(size=(200, 3))
NUMBER = 2 * X[:, 0] + X[:, 1] ** 2
CLASS = (NUMBER > 1).astype(int)


@pytest.fixture(scope="module")
def forest():
    return RandomForestRegressor(5, max_depth=3, random_state=0).fit(X, NUMBER)


@pytest.fixture(scope="module")
def classifier():
    return RandomForestClassifier(5, max_depth=3, random_state=0).fit(X, CLASS)


def _unseen(rows, seed=0):
    order = np.random.default_rng([seed, 11]).permutation(rows)
    return np.sort(order[int(0.6 * rows) + int(0.2 * rows) :])


# --- y ------------------------------------------------------------------------------------------


def test_rows_without_y_are_left_out_of_the_errors_on_y(forest):
    y = NUMBER.copy()
    y[::3] = np.nan
    front = cf.frontier(forest, X, y, methods=[])
    rows = [i for i in _unseen(len(X)) if i % 3]
    wanted = np.sqrt(np.mean((forest.predict(X[rows]) - y[rows]) ** 2)) / y[rows].std()
    assert front.model_error == pytest.approx(wanted)
    assert any(note.startswith("y is missing on 67 of 200 rows") for note in front.notes)


def test_labels_that_are_missing_or_unknown_are_told(classifier):
    y = CLASS.astype(object)
    y[0], y[1], y[2] = None, np.nan, 7
    front = cf.frontier(classifier, X, y, methods=[])
    assert any("missing on 2 of 200" in note for note in front.notes)
    assert any("1 values of y are no class of the model: 7" in note for note in front.notes)


BAD_Y = {
    "texts for numbers": ("forest", ["a"] * 200, "predicts numbers: column 'y', row 0: 'a'"),
    "two columns for one": ("forest", np.c_[NUMBER, NUMBER], "y has 2 columns, and the model"),
    "nothing at all": ("forest", NUMBER * np.nan, "y holds no value"),
    "labels before they were encoded": (
        "classifier", np.where(CLASS, "yes", "no"), "No value of y is a class of the model"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_Y)
def test_a_y_that_says_nothing_is_refused(case, request):
    model, y, told = BAD_Y[case]
    with pytest.raises(BadInput, match=re.escape(told)):
        cf.frontier(request.getfixturevalue(model), X, y, methods=[])


# --- rows ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["additive", "terms"])
def test_infinite_inputs_stop_no_method(forest, method):
    rows = X.copy()
    rows[:5, 0], rows[5:9, 1] = np.inf, -np.inf
    front = cf.frontier(forest, rows, methods=[method], time_limit=1)
    assert not any("stopped" in note for note in front.notes)
    assert np.isfinite(Teacher.of(cf.read(forest), rows).inputs).all()


def test_rows_that_repeat_stay_together():
    repeated = np.repeat(X, 3, axis=0)
    picked, notes = splitting.split(list(repeated.T), len(repeated), 0, 10**6)
    seen = [{tuple(row) for row in repeated[rows]} for rows in picked.values()]
    assert not notes and not seen[0] & seen[2] and not seen[1] & seen[2]
    assert sum(map(len, picked.values())) == len(repeated)
    shares = [len(rows) / len(repeated) for rows in picked.values()]
    assert shares == pytest.approx([0.6, 0.2, 0.2], abs=0.1)


def test_rows_that_differ_are_split_as_documented():
    picked, _ = splitting.split(list(X.T), len(X), 5, 10**6)
    assert (picked["check"] == _unseen(len(X), 5)).all()


def test_where_a_few_rows_repeat_it_is_said():
    rows = (X > 0).astype(float)
    front = cf.frontier(LinearRegression().fit(rows, NUMBER), rows, methods=[])
    assert any("only 8 rows differ" in note for note in front.notes)


def test_a_coo_matrix_is_taken(forest):
    import scipy.sparse

    front = cf.frontier(forest, scipy.sparse.coo_matrix(X), methods=[])
    assert front.entries[-1].error == 0


def test_where_the_model_gives_one_answer_alone_the_constant_is_the_best(classifier):
    front = cf.frontier(classifier, X[classifier.predict(X) == 1], methods=["tree"], time_limit=1)
    assert front.choice.index == 0 and "the same answer" in front.reason


def test_no_step_is_given_a_row_that_errors_are_measured_on(monkeypatch):
    asked = []

    def model(rows):
        asked.append(np.array(rows))
        return rows[:, 0] * 2 + rows[:, 1]

    given = []
    real = known.method

    def watched(name):
        def found(teacher, clock):
            given.append(np.column_stack(teacher.inputs))
            asked.clear()
            yield from real(name)(teacher, clock)
            given.extend(asked)

        return found

    monkeypatch.setattr(searching, "method", watched)
    cf.frontier(model, X, NUMBER, methods=["terms", "tree", "polynomial"], time_limit=6)
    unseen = {tuple(row) for row in X[_unseen(len(X))]}
    assert sum(map(len, given)) > 1000
    assert not any(tuple(row) in unseen for rows in given for row in rows)


# --- functions and objects without a formula ----------------------------------------------------


def test_a_function_of_categories_is_found():
    frame = pd.DataFrame({"a": X[:, 0], "c": np.where(X[:, 1] > 0, "only here u", "only here v")})
    front = cf.frontier(
        lambda rows: rows["a"] + (rows["c"] == "only here u") * 3.0, frame,
        methods=["terms"], time_limit=5,
    )  # fmt: skip
    assert min(e.error for e in front.entries) < 1e-9


def test_some_outputs_of_a_classifier_have_a_frontier_of_their_own(classifier):
    chance = cf.read(classifier).only("P(1)")
    front = cf.frontier(chance, X, methods=["tree"], time_limit=2)
    assert front.about.startswith("root mean square") and front.entries[0].error < 2
    both = RandomForestClassifier(5, max_depth=3, random_state=0).fit(X, np.c_[CLASS, 1 - CLASS])
    labels = cf.read(both).only("label1")
    front = cf.frontier(labels, X, 1 - CLASS, methods=["tree"], time_limit=2)
    said = both.predict(X)[:, 1]
    assert (front[-1](X) == said).all() and (front.best(X) == said).mean() > 0.8


BAD_MODELS = {
    "a number": (lambda rows: 3.0, "gives float for 50 rows"),
    "nothing": (lambda rows: None, "gives NoneType for 50 rows"),
    "too few answers": (lambda rows: rows[:5, 0], "an array of shape (5,) for 50 rows"),
    "a class": (LinearRegression, "LinearRegression is a class"),
    "one class": (lambda rows: np.repeat("x", len(rows)), "a single class, 'x'"),
    "one row at a time": (lambda row: float(row[0]), "One that takes a single row"),
}


@pytest.mark.parametrize("case", BAD_MODELS)
def test_what_is_no_model_gets_one_clear_error(case):
    model, told = BAD_MODELS[case]
    with pytest.raises(BadInput, match=re.escape(told)):
        cf.frontier(model, X, methods=[])


def test_a_column_of_dates_is_refused_with_what_to_do():
    frame = pd.DataFrame({"a": X[:, 0], "day": pd.date_range("2020-01-01", periods=200)})
    with pytest.raises(BadInput, match=r"'day' holds datetime.*\n.*number instead"):
        cf.frontier(lambda rows: rows["a"], frame, methods=[])


def test_a_slow_model_is_asked_about_fewer_rows():
    asked = []

    def slow(rows):
        asked.append(len(rows))
        time.sleep(2e-4 * len(rows))
        return rows[:, 0]

    many = np.random.default_rng(1).normal(size=(20_000, 2))
    cf.frontier(slow, many, methods=[], time_limit=1)
    assert sum(asked) < 4000


def test_infinite_answers_are_no_answers():
    front = cf.frontier(lambda rows: np.where(rows[:, 0] > 1, np.inf, rows[:, 1]), X, methods=[])
    assert math.isfinite(front.entries[0].error) and front.rows < 40


def test_numbers_whose_squares_are_no_floats_have_errors():
    rmse, _ = METRICS["rmse"]
    wanted = np.sqrt(np.mean((X[:, 0] - NUMBER) ** 2)) / NUMBER.std()
    for scale in (1e-200, 1.0, 1e200, 1e300):
        assert rmse(scale * NUMBER, scale * X[:, 0]) == pytest.approx(wanted)


# --- options ------------------------------------------------------------------------------------


def _raises(expected, got):
    raise RuntimeError("boom")


BAD_OPTIONS = {
    "a metric that raises": ({"metric": _raises}, "metric _raises gives no error: RuntimeError"),
    "a metric of nothing": ({"metric": lambda a, b: None}, "gives no error: TypeError"),
    "a metric that is NaN": ({"metric": lambda a, b: math.nan}, "measures no error"),
    "a metric of gains": ({"metric": r2_score}, "metric r2_score gives 1 where everything"),
    "methods that are none": ({"methods": 3}, "no names of methods"),
    "a list in a list": ({"methods": [["terms"]]}, "There is no method ['terms']"),
    "a seed of text": ({"seed": "a"}, "seed='a' has no meaning"),
    "a negative seed": ({"seed": -1}, "seed=-1 has no meaning"),
    "a formula of text": ({"formula": "x"}, "formula='x' is no formula"),
}


@pytest.mark.parametrize("case", BAD_OPTIONS)
def test_options_without_a_meaning_are_refused(forest, case):
    options, told = BAD_OPTIONS[case]
    with pytest.raises(BadInput, match=re.escape(told)):
        cf.frontier(forest, X, **({"methods": []} | options))


def test_a_method_may_be_named_alone_and_numbers_may_be_numpys(forest):
    front = cf.frontier(
        forest, X, methods="scorecard", tolerance=np.float32(0.5), seed=np.int64(1), time_limit=None
    )
    assert "NaN" not in front.to_json() and front.tolerance == 0.5
    assert '"tolerance": null' in cf.frontier(forest, X, methods=[], tolerance=math.inf).to_json()


def test_a_formula_of_another_model_is_noticed(forest):
    other = cf.read(LinearRegression().fit(X, NUMBER))
    front = cf.frontier(forest, X, formula=other, methods=[])
    assert any("may be that of another model" in note for note in front.notes)
    assert not cf.frontier(forest, X, methods=[]).notes


# --- methods that fail, limits ------------------------------------------------------------------


def test_a_method_that_fails_loses_nothing_of_the_others(forest, monkeypatch):
    def broken(teacher, clock):
        yield from searching.constant(teacher)
        raise ValueError("no luck\nat all")

    monkeypatch.setitem(known.METHODS, "broken", "nowhere")
    monkeypatch.setattr(searching, "method", lambda name: broken)
    front = cf.frontier(forest, X, methods=["broken"])
    assert "broken stopped: ValueError: no luck" in front.notes
    assert front.entries[-1].method == "exact"


def test_an_interruption_before_anything_is_found_stays_one(forest, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(searching, "constant", interrupted)
    with pytest.raises(KeyboardInterrupt):
        cf.frontier(forest, X, methods=[])


def test_a_limit_without_end_leaves_the_signals_as_they_were(forest):
    before = signal.getsignal(signal.SIGALRM)
    front = cf.frontier(forest, X, methods=["scorecard"], time_limit=math.inf)
    assert not front.notes
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_a_step_that_swallows_the_alarm_is_cut_off_by_the_next(monkeypatch):
    monkeypatch.setattr(limiting, "AGAIN", 0.05)
    swallowed = []
    with pytest.raises(limiting.TimeIsOver), limiting.at_latest(0.01):
        for _ in range(100):
            try:
                time.sleep(0.02)
            except limiting.TimeIsOver:
                if swallowed:
                    raise
                swallowed.append(1)
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_a_frontier_in_a_thread_keeps_to_its_clock(forest):
    import threading

    found = []
    before = list(warnings.filters)
    work = threading.Thread(
        target=lambda: found.append(cf.frontier(forest, X, methods=["tree"], time_limit=2))
    )
    work.start()
    work.join(60)
    assert found and found[0].entries[-1].method == "exact"
    assert list(warnings.filters) == before


# --- what is shown and recommended --------------------------------------------------------------


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
    assert (
        "<script" not in page and "<b>" not in page and page.count("</pre>") <= len(front) + 1
    )  # + the whole
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


def test_a_module_is_never_cut_off_while_it_is_imported(monkeypatch, tmp_path):
    (tmp_path / "slow_module.py").write_text("import time\ntime.sleep(0.3)\nwhole = True\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(limiting, "AGAIN", 0.05)
    with pytest.raises(limiting.TimeIsOver), limiting.at_latest(0.05):
        import slow_module

        time.sleep(5)
    assert slow_module.whole
