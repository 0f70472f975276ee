"""The frontier: errors as the model's own answers show them, picks with reasons, bad input."""

import itertools
import json
import math
import re
import time
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import closedform as cf
from closedform.errors import BadInput
from closedform.frontiers import searching
from closedform.shorten import methods as known


@pytest.fixture(scope="module")
def cancer():
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    net = MLPClassifier((6,), solver="lbfgs", alpha=1.0, max_iter=60, random_state=0)
    return make_pipeline(StandardScaler(), net).fit(X, y), X, y


@pytest.fixture(scope="module")
def front(cancer):
    model, X, y = cancer
    return cf.frontier(model, X, y, time_limit=5)


def _unseen(X, seed=0):
    """The rows that no step saw: as documented, the last fifth of a seeded permutation."""
    order = np.random.default_rng([seed, 11]).permutation(len(X))
    return np.sort(order[int(0.6 * len(X)) + int(0.2 * len(X)) :])


def test_errors_are_those_of_rows_that_no_step_saw(cancer, front):
    model, X, y = cancer
    rows = X.iloc[_unseen(X)]
    assert front.rows == len(rows)
    for entry in front.entries:
        got = entry.formula(rows)
        assert entry.error == pytest.approx(np.mean(got != model.predict(rows)), abs=1e-12)
        assert entry.error_y == pytest.approx(np.mean(got != y.loc[rows.index]), abs=1e-12)
    assert front.model_error == pytest.approx(np.mean(model.predict(rows) != y.loc[rows.index]))


def test_what_is_sure_is_the_bound_of_clopper_and_pearson(front):
    from scipy.stats import beta

    for entry in front.entries:
        k, n = round(entry.error * front.rows), front.rows
        wanted = beta.ppf(1 - 0.001 / len(front), k + 1, n - k) if k < n else 1
        assert front.surely(entry) == pytest.approx(wanted, rel=1e-9)


def test_it_goes_from_a_constant_to_the_exact_formula(cancer, front):
    model, X, _ = cancer
    lengths = [e.length for e in front.entries]
    assert lengths == sorted(lengths)
    assert front.entries[0].inputs == 0
    assert front.entries[-1].method == "exact"
    assert (front[-1](X) == model.predict(X)).all()
    errors = [e.judged.chosen_by for e in front.entries[:-1] if not e.refitted]
    assert all(a >= b for a, b in itertools.pairwise(errors))


def test_every_formula_has_the_outputs_of_the_model(cancer, front):
    model, X, _ = cancer
    wanted = cf.read(model)
    for formula in front:
        assert formula.task.classes == wanted.task.classes
        assert formula.primary == wanted.primary
        chances = formula.evaluate(X)["P(1)"]
        assert ((chances > 0.5) == (formula(X) == 1)).all()


def test_the_best_is_said_with_a_reason_and_its_neighbours(front):
    assert front.best in list(front)
    assert re.search(r"error of [\d.e-]+ with [\d,]+ symbols?", front.reason)
    assert f"* {front.choice.index:3d}".replace(" ", "") in str(front).replace(" ", "")


def test_picks_keep_to_what_was_asked(front):
    assert front.pick(max_length=10**9, max_error=0) is not None
    limited = front.pick(max_length=front.entries[1].length)
    assert limited.length <= front.entries[1].length
    with pytest.raises(BadInput, match=r"symbols or fewer.*\n.*shortest has"):
        front.pick(max_length=0)
    with pytest.raises(BadInput, match=r"keeps within an error.*\n.*best reached"):
        front.pick(max_error=-1)
    with pytest.raises(BadInput, match="what to pick by"):
        front.pick()


def test_a_tolerance_that_no_formula_keeps_says_what_was_reached():
    X, y = load_diabetes(return_X_y=True)
    model = GradientBoostingRegressor(n_estimators=30, random_state=0).fit(X, y)
    front = cf.frontier(model.predict, X, tolerance=1e-9, methods=[])
    assert "no formula is within the tolerance" in front.reason
    exact = cf.frontier(model, X, tolerance=1e-9, methods=[])
    assert "shortest one within the tolerance" in exact.reason
    assert exact.entries[exact.choice.index].judged.chosen_by <= 1e-9


def test_the_same_seed_gives_the_same_formulas(cancer):
    model, X, y = cancer
    first, second = (cf.frontier(model, X, y, methods=[], seed=3) for _ in range(2))
    assert first.to_json() != "" and [str(f) for f in first] == [str(f) for f in second]


def test_a_frontier_is_a_table_a_page_and_json(front, tmp_path):
    frame = front.to_frame()
    assert list(frame.columns[:4]) == ["length", "numbers", "inputs", "error"]
    assert len(frame) == len(front)
    made = json.loads(front.to_json())
    saved = tmp_path / "one.json"
    saved.write_text(json.dumps(made["formulas"][0]["saved"]))
    assert cf.load(saved).length == front[0].length
    page = tmp_path / "front.html"
    front.to_html(page)
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!DOCTYPE html>") and "<script" not in text
    assert text.count("<tbody") == len(front)
    assert "<table" in front._repr_html_()


@pytest.mark.parametrize("model", [
    HistGradientBoostingRegressor(max_iter=10, random_state=0), LinearRegression(),
])  # fmt: skip
def test_a_line_says_nothing_of_missing_values_that_no_row_has(model):
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    front = cf.frontier(model.fit(X, y), X, time_limit=60, methods=["tree", "additive"])
    assert len(front) > 3
    assert not any("missing" in e.text for e in front.entries)


def test_hostile_names_do_nothing_in_the_page():
    X, y = load_iris(return_X_y=True)
    names = ["<script>alert(1)</script>", "'; DROP TABLE x; --", "a\nb", "</td>"]
    frame = pd.DataFrame(X, columns=names)
    front = cf.frontier(LogisticRegression(max_iter=500).fit(frame, y), frame, methods=[])
    assert "<script" not in front.to_html()
    assert "</td></td>" not in front.to_html()


def test_the_picture_is_drawn_in_the_axes_given(front):
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    figure, ax = plt.subplots()
    display = front.plot(ax=ax)
    assert display.ax_ is ax and display.figure_ is figure
    assert ax.get_xscale() == "log"
    plt.close(figure)


# --- models of other kinds ----------------------------------------------------------------------


def test_a_regression_is_measured_against_its_own_spread():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    model = HistGradientBoostingRegressor(max_iter=20, random_state=0).fit(X, y)
    front = cf.frontier(model, X, y, methods=[])
    rows = X.iloc[_unseen(X)]
    theirs = model.predict(rows)
    ours = front[0](rows)
    wanted = np.sqrt(np.mean((ours - theirs) ** 2)) / theirs.std()
    assert front.entries[0].error == pytest.approx(wanted)


def test_three_classes_missing_values_and_categories():
    X, y = load_wine(return_X_y=True, as_frame=True)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    front = cf.frontier(model, X, y, time_limit=2)
    assert (front[-1](X) == model.predict(X)).all()
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    X = X.copy()
    X.iloc[::5, 2] = np.nan
    model = HistGradientBoostingRegressor(max_iter=10, random_state=0).fit(X, y)
    front = cf.frontier(model, X, y, time_limit=2)
    assert np.allclose(front[-1](X), model.predict(X), rtol=1e-12)
    assert all(np.isfinite(f(X)).all() for f in front)


def test_a_function_without_a_formula_is_asked():
    X = np.random.default_rng(0).normal(size=(200, 3))
    front = cf.frontier(lambda rows: np.sin(rows[:, 0]) + rows[:, 1], X, methods=[])
    assert front.entries[0].error == pytest.approx(1, abs=0.1)
    assert all(e.method != "exact" for e in front.entries)


def test_a_function_that_fails_on_some_rows_is_asked_on_the_others():
    X = np.random.default_rng(0).normal(size=(300, 2))

    def picky(rows):
        if (rows[:, 0] > 1.5).any():
            raise ValueError("too hot")
        return rows[:, 0] * 2

    front = cf.frontier(picky, X, methods=[])
    assert math.isfinite(front.entries[0].error)
    assert front.rows < 60


def test_an_exact_linear_model_needs_no_search():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    front = cf.frontier(LinearRegression().fit(X[["bmi"]], y), X[["bmi"]], y, time_limit=2)
    assert front.entries[-1].length < 20


def test_a_constant_model_is_a_constant():
    X = np.random.default_rng(0).normal(size=(100, 2))
    front = cf.frontier(LinearRegression().fit(X, np.full(100, 3.0)), X, time_limit=2)
    assert front.best.length == 1
    assert np.allclose(front.best(X), 3.0)


def test_a_class_that_never_occurs_is_still_a_class():
    X, y = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=500).fit(X, y)
    few = X[:100]
    front = cf.frontier(model, few, time_limit=2)
    assert all(f.task.classes == (0, 1, 2) for f in front)
    assert min(e.error for e in front.entries) == 0


# --- limits, interruptions, bad input -----------------------------------------------------------


def test_no_time_gives_what_needs_none(cancer):
    model, X, y = cancer
    front = cf.frontier(model, X, y, time_limit=0)
    assert {e.method for e in front.entries} == {"constant", "exact"}
    if known.METHODS:
        assert any("time was over" in note for note in front.notes)


def test_an_interruption_returns_the_best_so_far(cancer, monkeypatch):
    model, X, y = cancer

    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(searching, "_rounded", interrupted)
    front = cf.frontier(model, X, y, methods=[])
    assert len(front) == 2
    assert any("interrupted" in note for note in front.notes)


def test_a_step_that_does_not_look_at_the_clock_is_cut_off(cancer, monkeypatch):
    model, X, y = cancer

    def slow(teacher, clock):
        yield from searching.constant(teacher)
        np.seterr(all="ignore")
        warnings.simplefilter("ignore")
        while True:
            time.sleep(0.01)

    before = np.geterr(), list(warnings.filters)
    monkeypatch.setitem(known.METHODS, "slow", "nowhere")
    monkeypatch.setattr(searching, "method", lambda name: slow)
    started = time.perf_counter()
    front = cf.frontier(model, X, y, time_limit=1, methods=["slow"])
    # A second for the search, one for the step on its way; the rest is room for a busy machine.
    assert time.perf_counter() - started < 60
    assert any(note == "cut short by the time limit: slow" for note in front.notes)
    assert front.entries[-1].method == "exact"
    assert (np.geterr(), list(warnings.filters)) == before


BAD = {
    "too few rows": ({"rows": 20}, "20 rows are too few"),
    "a strange metric": ({"metric": "rmse"}, "no metric for a classifier"),
    "a strange method": ({"methods": ["magic"]}, "no method 'magic'"),
    "a negative tolerance": ({"tolerance": -1}, "tolerance=-1 has no meaning"),
    "a limit that is no number": ({"time_limit": "soon"}, "time_limit='soon' has no meaning"),
    "a y of another length": ({"y": [1, 2]}, "y has the shape"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_gets_one_clear_error(cancer, case):
    model, X, _ = cancer
    options, told = BAD[case]
    rows = options.pop("rows", len(X)) if "rows" in options else len(X)
    with pytest.raises(BadInput, match=re.escape(told)):
        cf.frontier(model, X.head(rows), **({"methods": []} | options))
