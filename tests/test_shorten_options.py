"""What the shortening methods are given: options, rows and models that make no sense are told."""

import pickle
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import closedform as cf
from closedform import ops
from closedform.errors import BadInput

DRAW = np.random.default_rng(0)
X = DRAW.normal(size=(120, 3))
PLAIN = cf.read(LinearRegression().fit(X, X @ [1.25, 2.5, 3.75]))
CURVED = cf.Formula(
    {"y": ops.mul(ops.input_(0), ops.input_(1))}, tuple(cf.Feature(f"x{i}") for i in range(3))
)
CLASSES = cf.read(LogisticRegression().fit(X, X[:, 0] > 0))
FITTED = ["terms", "additive", "small_tree", "rule_list", "students", "polynomial", "pieces"]
WORDS, NOTHING = "no", float("nan")


@pytest.mark.parametrize("name", [*FITTED, "scorecard", "prune", "snap"])
@pytest.mark.parametrize("option", ["seed", "time_limit", "y"])
@pytest.mark.parametrize("value", [WORDS, -1, NOTHING, object(), [1.5], True])
def test_a_seed_a_time_and_labels_are_checked_by_every_method(name, option, value):
    if option == "y" and name == "snap":
        return
    with pytest.raises(BadInput, match=rf"{option}=|of y for 120 rows"):
        getattr(cf, name)(CLASSES, X, **{option: value})


@pytest.mark.parametrize(
    ("name", "option", "values"),
    [
        ("terms", "rows", [WORDS, 3, 1.5, NOTHING, None, 10**12]),
        ("screen", "rows", [WORDS, 0, 1.5, NOTHING, 10**12]),
        ("screen", "seed", [WORDS, -1, None]),
        ("additive", "terms", [WORDS, 0, 1.5, None]),
        ("additive", "factors", [WORDS, 0, [2]]),
        ("additive", "curves", ["step", ["steps"], None, 3, [NOTHING]]),
        ("small_tree", "leaves", [WORDS, 0, 1.5, 10**12]),
        ("rule_list", "rules", [WORDS, 0, None]),
        ("rule_list", "tests", [WORDS, 0, 1.5, 50]),
        ("prune", "max_error", [WORDS, -0.1, None, NOTHING]),
        ("prune", "constants", [WORDS, 0, 1.5]),
        ("polynomial", "degree", [WORDS, 0, 4, [2], 1.5]),
        ("regions", "most", [WORDS, 0, None]),
        ("regions", "box", [3, "x0", [1, 2]]),
        ("regions", "seed", [WORDS, -1]),
        ("snap", "budget", [WORDS, -1, None, float("inf")]),
        ("snap", "listed", [WORDS, 9.81, None, ["g"], [NOTHING]]),
        ("simplify", "box", [3, "x0", [1, 2]]),
        ("simplify", "kinds", ["exact", 3, None, ["exat"]]),
    ],
)  # fmt: skip
def test_options_without_a_meaning_are_told_with_what_to_give(name, option, values):
    for value in values:
        with pytest.raises(BadInput) as told:
            getattr(cf, name)(CURVED, X, **{option: value})
        assert told.value.hint


@pytest.mark.parametrize("value", [(3,), "32", 3, (3, -1), (3, "2")])
def test_degrees_of_a_quotient_are_two_whole_numbers(value):
    one = cf.Formula({"y": ops.exp(ops.input_(0))}, (cf.Feature("x"),))
    with pytest.raises(BadInput):
        cf.pade(one, 0.0, value)
    for point in ("a", None, [1, 2], NOTHING):
        with pytest.raises(BadInput, match="is no point of one input"):
            cf.pade(one, point)


def test_a_scorecard_has_a_whole_number_of_steps():
    for value in (WORDS, 0, 1.5, None):
        with pytest.raises(BadInput, match="steps="):
            cf.scorecard(CLASSES, X, steps=value)


@pytest.mark.parametrize("name", [*FITTED, "screen", "prune", "snap", "simplify", "chebyshev"])
def test_a_model_that_was_not_read_is_told_to_be(name):
    with pytest.raises(BadInput, match="This is no formula, but of the type LinearRegression"):
        getattr(cf, name)(LinearRegression(), X)


@pytest.mark.parametrize("name", FITTED)
def test_rows_without_end_are_left_out(name):
    rows = X.copy()
    rows[0, 0], rows[1, 1], rows[2] = np.inf, -np.inf, 1e300
    found = getattr(cf, name)(CURVED, rows, time_limit=2)
    # What was found answers the others, and nothing in it is no number.
    assert all(np.isfinite(f(rows[3:])).all() for f in found)


def test_numbers_of_any_size_have_rules():
    tiny = cf.Formula({"y": ops.lin(0, (1e-15, ops.input_(0)))}, (cf.Feature("x0"),))
    assert cf.rule_list(tiny, X[:, :1])


def test_where_products_vanish_no_polynomial_is_found_and_none_fails():
    assert cf.polynomial(CURVED, X * 1e-300) == []


# --- Ctrl-C -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("additive", "closedform.shorten.additive.Additive.formula"),
        ("small_tree", "closedform.shorten.teacher.Teacher.formula_of"),
        ("rule_list", "closedform.shorten.teacher.Teacher.formula_of"),
        ("scorecard", "closedform.shorten.teacher.Teacher.formula_of"),
    ],
)
def test_what_was_found_before_an_interruption_is_kept(name, step, monkeypatch):
    import importlib

    module, owner, attribute = step.rsplit(".", 2)
    holder = getattr(importlib.import_module(module), owner)
    plain, calls = getattr(holder, attribute), []

    def interrupted(self, *args):
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return plain(self, *args)

    monkeypatch.setattr(holder, attribute, interrupted)
    assert len(getattr(cf, name)(CLASSES, X)) == 2


def test_an_interrupted_snap_still_gives_few_digits(monkeypatch):
    from closedform.shorten import numbers

    model = cf.read(LinearRegression().fit(X, X @ [1.23456, 2.34567, 3.45678]))
    plain, calls = numbers._Search._take, []

    def interrupted(self, i, value):
        calls.append(i)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return plain(self, i, value)

    monkeypatch.setattr(numbers._Search, "_take", interrupted)
    short = cf.snap(model, X)
    assert calls
    assert numbers.digits(short) < numbers.digits(model) / 2
    assert ((short(X) - model(X)) ** 2).mean() < 0.01 * model(X).var()


# --- pickled formulas ---------------------------------------------------------------------------


def test_a_formula_from_another_process_knows_its_categories_at_once(tmp_path):
    rows = pd.DataFrame({"c": ["a", "b", "c"] * 40, "x": X[:, 0]})
    model = make_pipeline(
        make_column_transformer((OneHotEncoder(), ["c"]), remainder="passthrough"),
        LinearRegression(),
    ).fit(rows, rows.x + 2 * (rows.c == "a"))
    path = tmp_path / "formula.pkl"
    path.write_bytes(pickle.dumps(cf.read(model)))
    # Asked before it was ever called: the first thing that is done with it.
    program = (
        "import pickle, sys, numpy as np, pandas as pd, closedform as cf\n"
        "f = pickle.load(open(sys.argv[1], 'rb'))\n"
        "rows = pd.DataFrame({'c': ['a', 'b', 'c'] * 40, 'x': np.linspace(-1, 1, 120)})\n"
        "short = cf.simplify(f, rows)\n"
        "print(np.abs(short(rows) - f(rows)).max() < 1e-9, len(cf.screen(f, rows).names))\n"
    )
    told = subprocess.run(
        [sys.executable, "-c", program, str(path)], capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == ["True", "2"]
