"""Laws from models and from data: the truth is the law that made them; bad input has one answer."""

import itertools
import json
import signal
import threading
import time
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPRegressor

import closedform as cf
from closedform import ops
from closedform.discover.problem import Law, Problem
from closedform.errors import BadInput
from closedform.frontiers.data_alone import data_alone
from closedform.laws import searching
from closedform.laws.joining import joined
from closedform.laws.searching import worth
from closedform.length import length


def rows(count=200, inputs=3, lo=1.0, hi=3.0, seed=0):
    return np.random.default_rng(seed).uniform(lo, hi, (count, inputs))


def energy(X):
    return 0.5 * X[:, 0] * X[:, 1] ** 2


def mixed(X):
    return energy(X) + np.sin(X[:, 2])


def apart(formula, law, X):
    """The greatest difference from the truth, as a share of its deviation."""
    return np.abs(formula(X) - law(X)).max() / law(X).std()


def stands_in(*laws, seconds=0.0, then=None):
    """A search that gives some laws: expressions over the inputs, or errors to raise."""

    def solve(problem, clock, **_):
        for node in laws:
            time.sleep(seconds)
            yield Law(node, problem.error(node), "stand-in")
        if then is not None:
            raise then

    return solve


X0, X1 = ops.input_(0), ops.input_(1)
NEAR = ops.lin(2.0, (1.0, ops.mul(X1, X1)))


# --- what is found ------------------------------------------------------------------------------


def test_the_law_of_a_function_is_found_and_holds_outside_its_range():
    laws = cf.distill(mixed, rows())
    far = rows(lo=4, hi=9, seed=1)
    assert apart(laws.best, mixed, far) < 1e-9
    assert laws.best.length == length(laws.best.roots) <= 12
    assert laws.entries[0].method == "constant" and "the likeliest law" in laws.reason


@pytest.mark.parametrize("law", [
    lambda X: 2 * X[:, 0] + 3 * X[:, 1] + 0.01 * X[:, 2],
    lambda X: X[:, 0] * X[:, 1] + 0.01 * X[:, 2],
    lambda X: X[:, 0] * np.sin(X[:, 1]) + 0.003 * X[:, 2] ** 2,
])  # fmt: skip
def test_a_small_part_of_an_exact_function_is_no_noise(law):
    X = rows(lo=-1)
    # Constants are refitted to rows on which the part is a hundredth: rounding, times a hundred.
    assert apart(cf.distill(law, X, time_limit=10).best, law, rows(lo=-2, seed=1)) < 1e-12


def test_the_law_of_data_alone_is_found_and_errors_are_those_against_y():
    X = rows(150, 2)
    y = energy(X) + np.random.default_rng(1).normal(0, 0.05, len(X))
    laws = cf.distill(None, X, y, noise=0.05 / y.std(), engines=[])
    assert apart(laws.best, energy, rows(lo=4, hi=9, inputs=2)) < 0.05
    order = np.random.default_rng([0, 11]).permutation(len(X))
    unseen = np.sort(order[int(0.6 * 150) + int(0.2 * 150) :])
    away = laws.best(X[unseen]) - y[unseen]
    entry = laws.entries[laws.choice.index]
    assert entry.error == pytest.approx(np.sqrt(np.mean(away**2)) / y[unseen].std(), rel=1e-9)
    assert "against y" in str(laws) and np.isnan(entry.error_y)


def test_the_law_of_a_classifier_is_that_of_its_log_odds():
    X = rows(400, 2, -1, 1)
    model = LogisticRegression(C=100).fit(X, X[:, 0] - 2 * X[:, 1] > 0.1)
    laws = cf.distill(model, X)
    told = laws.best.evaluate(X)
    assert np.abs(told["decision"] - model.decision_function(X)).max() < 1e-6
    assert (laws.best(X) == model.predict(X)).all()


def test_each_output_has_its_own_law_in_one_formula():
    def both(X):
        return np.column_stack([energy(X), X[:, 2] / X[:, 0]])

    laws = cf.distill(both, rows())
    far = rows(lo=4, hi=9, seed=1)
    np.testing.assert_allclose(laws.best(far), both(far), rtol=1e-9)
    assert list(laws.best.outputs) == ["y0", "y1"]


def test_a_model_that_is_read_is_asked_through_its_formula_and_refitted_to_y():
    X = rows(300, 2, -2, 2)
    y = 3 * X[:, 0] + 1 + np.random.default_rng(0).normal(0, 0.1, 300)
    model = LinearRegression().fit(X, 0.8 * y)  # shrunk
    laws = cf.distill(model, X, y, time_limit=10)
    assert laws.observed
    refitted = [e for e in laws.entries if e.refitted]
    assert refitted and refitted[-1].error_y < 0.1 < laws.model_error


def test_texts_and_gaps_that_a_model_takes_are_no_end_of_it():
    from sklearn.compose import make_column_transformer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    frame = pd.DataFrame({"x": rows(200, 1)[:, 0], "c": ["a", "b"] * 100})
    y = 2 * frame["x"] + (frame["c"] == "a") * 5
    made = make_column_transformer((OneHotEncoder(), ["c"]), remainder="passthrough")
    laws = cf.distill(make_pipeline(made, LinearRegression()).fit(frame, y), frame, time_limit=5)
    assert np.abs(laws.best(frame) - y).max() < 1e-6


def test_operators_keep_others_out():
    laws = cf.distill(mixed, rows(), operators=["cos"], engines=[], time_limit=4)
    assert not any("sin(" in e.text for e in laws.entries)


def test_constants_come_with_how_sure_they_are():
    X = rows(400, 2)
    deviation = 0.2
    values = []
    for seed in range(2):
        y = 7.3 * X[:, 0] * X[:, 1] + np.random.default_rng(seed).normal(0, deviation, 400)
        laws = cf.distill(None, X, y, noise=deviation / y.std(), engines=[])
        (constant,) = laws.uncertainties()
        values.append((constant.value, constant.deviation))
    design = X[:, 0] * X[:, 1]
    expected = deviation / np.sqrt((design**2).sum() * 0.6)  # on 60 % of the rows
    assert np.mean([s for _, s in values]) == pytest.approx(expected, rel=0.7)
    assert str(constant).startswith("7.") and "±" in str(constant)


def test_beyond_the_range_laws_are_compared_only_where_the_model_is_right_there():
    laws = cf.distill(mixed, rows(), outside=0.5)
    assert laws.outside[laws.choice.index] < 1e-9 < laws.outside[0]
    assert laws.to_frame()["error_outside"].tolist() == list(laws.outside)

    def trained(Z):  # right where it was trained, and flat beyond
        return mixed(np.clip(Z, 1, 3))

    wrong = cf.distill(trained, rows(), outside=0.5)
    assert wrong.outside == () and any("which of them is wrong" in n for n in wrong.notes)


def test_the_same_seed_gives_the_same_laws():
    X = rows(150, 2)
    y = energy(X) + np.random.default_rng(1).normal(0, 0.3, len(X))
    first, second = (
        cf.distill(None, X, y, seed=3, noise=0.3 / y.std(), engines=[]) for _ in range(2)
    )
    assert [str(f) for f in first] == [str(f) for f in second]


# --- the table ----------------------------------------------------------------------------------


def test_laws_are_a_frontier_with_its_table_page_and_json(tmp_path):
    laws = cf.distill(mixed, rows())
    assert isinstance(laws, cf.Laws) and isinstance(laws, cf.Frontier)
    assert isinstance(laws[0], cf.Formula)
    assert laws.pick(max_error=1e-6).length <= 12
    frame = laws.to_frame()
    assert len(frame) == len(laws)
    saved = tmp_path / "law.json"
    saved.write_text(json.dumps(json.loads(laws.to_json())["formulas"][-1]["saved"]))
    assert str(cf.load(saved)) == str(laws[-1])
    assert "<table" in laws._repr_html_() and repr(laws) == str(laws)


def test_steps_of_several_outputs_take_the_steepest_first():
    x = ops.input_(0)
    short, middle, long = ops.const(1.0), ops.mul(x, x), ops.exp(ops.mul(x, ops.sin(x)))
    easy = [Law(short, 1.0, ""), Law(middle, 0.1, "")]
    hard = [Law(short, 1.0, ""), Law(middle, 0.9, ""), Law(long, 0.7, "")]
    errors = [tuple(law.error for law in some) for some in joined([easy, hard])]
    assert errors[:2] == [(1.0, 1.0), (0.1, 1.0)]
    assert errors[-1] == (0.1, 0.7)
    lengths = [sum(length([law.node]) for law in some) for some in joined([easy, hard])]
    assert all(a < b for a, b in itertools.pairwise(lengths))


def test_of_laws_that_are_longer_and_worse_none_is_judged():
    x = ops.input_(0)
    laws = [Law(x, 0.5, ""), Law(ops.mul(x, x), 0.9, ""), Law(ops.exp(ops.sin(x)), 0.1, "")]
    assert [law.error for law in worth(laws)] == [0.5, 0.1]


# --- several at a time --------------------------------------------------------------------------


def several(X):
    return np.column_stack([energy(X), X[:, 0] / X[:, 1], X[:, 0] + 2])


@pytest.mark.parametrize(
    "backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)]
)  # fmt: skip
def test_outputs_are_searched_in_parallel_with_the_same_result(backend):
    from joblib import parallel_config

    X = rows(150, 2)
    alone = cf.distill(several, X)
    with parallel_config(backend, n_jobs=2):
        together = cf.distill(several, X)
    assert str(alone.best) == str(together.best)
    np.testing.assert_allclose(together.best(X), several(X), rtol=1e-9)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_a_cluster_of_dask_serves_by_its_backend_of_joblib():
    from dask.distributed import Client, LocalCluster
    from joblib import parallel_config

    X = rows(150, 2)
    with (
        LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as cluster,
        Client(cluster),
        parallel_config("dask"),
    ):
        laws = cf.distill(several, X)
    np.testing.assert_allclose(laws.best(X), several(X), rtol=1e-9)


# --- bad input ----------------------------------------------------------------------------------


def test_a_constant_model_has_the_constant_as_its_law():
    laws = cf.distill(lambda X: np.full(len(X), 5.4231), rows())
    assert len(laws) == 1 and laws.best(rows())[0] == 5.4231
    assert "same answer" in laws.reason


def test_a_discontinuous_model_is_answered_within_the_time():
    started = time.perf_counter()
    laws = cf.distill(lambda X: np.floor(X[:, 0] * 3) % 2, rows(), time_limit=2, engines=[])
    assert time.perf_counter() - started < 8
    assert len(laws) >= 1


def test_a_model_is_never_asked_outside_the_range_of_its_rows():
    X = rows()
    lo, hi = X.min(axis=0), X.max(axis=0)

    def strict(Z):
        if ((lo > Z) | (hi < Z)).any():
            raise ValueError("outside")
        return mixed(Z)

    laws = cf.distill(strict, X)
    assert apart(laws.best, mixed, X) < 1e-9
    assert not any("outside" in note for note in laws.notes)


def test_a_model_that_raises_or_gives_nothing_on_some_rows_is_asked_on_the_others():
    def partly(Z):
        if (Z[:, 0] > 2.9).any():
            raise ZeroDivisionError("too large")
        return np.where(Z[:, 1] > 2.9, np.nan, energy(Z))

    X = rows(300, 2)
    laws = cf.distill(partly, X, time_limit=20)
    inside = X[(X < 2.9).all(axis=1)]
    assert apart(laws.best, energy, inside) < 1e-6


@pytest.mark.parametrize("count", [2, 5, 29])
def test_few_rows_of_a_model_are_enough_to_say_where_it_is_to_be_asked(count):
    X = np.array([[1.0, 3.0], [3.0, 1.0], *rows(count - 2, 2).tolist()])
    laws = cf.distill(energy, X)
    assert any("were drawn within their range" in note for note in laws.notes)
    assert apart(laws.best, energy, rows(inputs=2)) < 1e-9


def test_few_rows_of_data_are_measured_on_themselves_and_say_so():
    X = rows(8, 1)
    laws = cf.distill(None, X, 4 * X[:, 0] ** 2, engines=[])
    assert "8 rows are few" in str(laws)
    np.testing.assert_allclose(laws.best(rows(inputs=1)), 4 * rows(inputs=1)[:, 0] ** 2, rtol=1e-6)


def test_more_outputs_than_rows_are_answered():
    weights = np.random.default_rng(0).uniform(1, 2, (2, 7))
    laws = cf.distill(lambda X: X @ weights, rows(4, 2), time_limit=20)
    np.testing.assert_allclose(laws.best(rows(inputs=2)), rows(inputs=2) @ weights, rtol=1e-6)
    told = cf.distill(None, rows(6, 2), rows(6, 2) @ weights, time_limit=10, engines=[])
    assert len(told.best.outputs) == 7


def test_no_time_gives_what_can_be_had_at_once_and_says_why():
    laws = cf.distill(mixed, rows(), time_limit=0)
    assert len(laws) > 1 and any("cut short" in note for note in laws.notes)
    assert laws.entries[-1].error < 0.9  # nearer than the constant: a sum of products and ratios
    started = time.perf_counter()
    cf.distill(several, rows(150, 2), time_limit=0, n_jobs=2)
    assert time.perf_counter() - started < 3  # two workers take longer to start


def test_rows_with_gaps_are_left_out_and_counted():
    X = rows()
    X[::10, 0] = np.nan
    X[1, 1] = np.inf
    laws = cf.distill(mixed, X)
    assert any("21 of 200 rows" in note for note in laws.notes)
    assert apart(laws.best, mixed, rows()) < 1e-9
    y = mixed(X)
    assert "21 of 200" in str(cf.distill(None, X, y, time_limit=1, engines=[]))


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda X: cf.distill(None, X), "neither a model nor y"),
        (lambda X: cf.distill(energy, X[:1]), "1 sample"),
        (lambda X: cf.distill(None, X[:1], [1.0]), "1 sample"),
        (lambda X: cf.distill(None, X[:3], [1.0, 2.0, 3.0]), "3 rows are too few"),
        (lambda X: cf.distill(energy, X[:0]), "samples"),
        (lambda X: cf.distill(lambda Z: Z[:, 0] + 1j, X), "complex"),
        (lambda X: cf.distill(None, X, X[:, 0] * 1j), "complex"),
        (lambda X: cf.distill(None, X, ["a"] * len(X)), "not a number|numbers"),
        (lambda X: cf.distill(None, X, X[:9, 0]), r"y has the shape \(9,\)"),
        (lambda X: cf.distill(None, X * np.nan, X[:, 0]), "Every row lacks a value"),
        (lambda X: cf.distill(energy, X * np.nan), "Every row lacks a value|raises"),
        (lambda X: cf.distill(lambda Z: 1 / 0, X), "ZeroDivisionError"),
        (lambda X: cf.distill(MLPRegressor, X), "is a class"),
        (lambda X: cf.distill(energy, X, time_limit=-1), "time_limit=-1"),
        (lambda X: cf.distill(energy, X, seed=1.5), "seed=1.5"),
        (lambda X: cf.distill(energy, X, noise=-1), "noise=-1"),
        (lambda X: cf.distill(energy, X, outside=-1), "outside=-1"),
        (lambda X: cf.distill(energy, X, n_jobs=0), "n_jobs=0"),
        (lambda X: cf.distill(energy, X, operators=["magic"]), "operators: 'magic'"),
        (lambda X: cf.distill(energy, X, operators=3), "operators: 3"),
        (lambda X: cf.distill(energy, X, engines=["magic"]), "no engine 'magic'"),
        (lambda X: cf.distill(energy, X, tolerance="x"), "tolerance='x'"),
        (lambda X: cf.distill(energy, X, metric="disagreement"), "no metric"),
        (lambda X: cf.distill(energy, X[0]), "shape"),
    ],
)  # fmt: skip
def test_what_has_no_meaning_is_one_clear_error(call, said):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(BadInput, match=said):
            call(rows(100, 2))


def test_where_every_error_is_accepted_the_shortest_law_is_the_best(monkeypatch):
    monkeypatch.setattr(searching, "solve", stands_in(NEAR, X1))
    laws = cf.distill(energy, rows(), tolerance=np.inf)
    assert laws.best is laws[0] and "within the tolerance" in laws.reason


# --- the end of a search ------------------------------------------------------------------------


def test_the_time_limit_cuts_off_a_search_that_does_not_look_at_the_clock(monkeypatch):
    monkeypatch.setattr(searching, "solve", stands_in(NEAR, X1, X0, X1, seconds=0.6))
    started = time.perf_counter()
    laws = cf.distill(lambda X: X[:, 0] + X[:, 1] ** 2, rows(), time_limit=1)
    assert time.perf_counter() - started < 3.5
    assert len(laws) == 2 and any("cut short" in note for note in laws.notes)


def test_an_interrupted_search_gives_what_it_has_found(monkeypatch):
    monkeypatch.setattr(searching, "solve", stands_in(NEAR, then=KeyboardInterrupt()))
    laws = cf.distill(lambda X: X[:, 0] + X[:, 1] ** 2, rows())
    assert len(laws) == 2 and any("interrupted" in note for note in laws.notes)


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="no such signals here")
def test_ctrl_c_in_the_real_search_gives_what_it_has_found():
    X = rows(200, 3)
    y = mixed(X) + np.random.default_rng(0).normal(0, 0.3, 200)
    timer = threading.Timer(1.0, signal.raise_signal, (signal.SIGINT,))
    timer.start()
    started = time.perf_counter()
    laws = cf.distill(None, X, y, engines=[])
    timer.cancel()
    # Left alone, it looks for a minute.
    assert time.perf_counter() - started < 40
    assert len(laws) >= 1


def test_a_search_that_fails_is_a_note_and_what_it_found_stays(monkeypatch):
    monkeypatch.setattr(searching, "solve", stands_in(NEAR, then=ZeroDivisionError("oops")))
    laws = cf.distill(lambda X: X[:, 0] + X[:, 1] ** 2, rows())
    assert len(laws) == 2 and "the search stopped: ZeroDivisionError: oops" in laws.notes


def test_where_no_short_law_is_near_a_long_one_is_better_than_a_constant(monkeypatch):
    waves = [ops.sin(ops.lin(0.3 * k, (1.7 * k, X0))) for k in range(1, 12)]
    whole = ops.lin(0.0, *((1.13 + 0.01 * k, wave) for k, wave in enumerate(waves)))
    monkeypatch.setattr(searching, "solve", stands_in(whole))
    X = rows(300, 1)
    laws = cf.distill(lambda Z: Problem.said(whole, Z), X)
    assert laws.best.length > 60 and laws.entries[laws.choice.index].error < 1e-6


def test_data_of_integers_booleans_and_any_size_are_numbers():
    X = np.random.default_rng(0).integers(1, 9, (100, 2))
    frame = pd.DataFrame({"n": X[:, 0], "flag": X[:, 1] > 4, "tiny": X[:, 1] * 1e-12})
    y = 3e12 * frame["tiny"] * frame["n"]
    laws = cf.distill(None, frame, y.rename("size"), engines=[], time_limit=10)
    np.testing.assert_allclose(laws.best(frame), y, rtol=1e-6)
    assert list(laws.best.outputs) == ["size"]


def test_a_teacher_of_data_alone_is_never_asked():
    subject = data_alone(rows(50, 2), energy(rows(50, 2)), 0)
    assert np.isnan(subject.teacher.ask([np.ones(3), np.ones(3)], 3)).all()
    assert subject.teacher.scores.shape == (30, 1)


def test_the_page_of_laws_is_called_so():
    page = cf.distill(lambda X: 2 * X[:, 0], rows(), time_limit=5).to_html()
    assert "<h1>Laws of" in page and "2*x0" in page
