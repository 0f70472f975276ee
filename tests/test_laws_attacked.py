"""What distillation is given in practice: odd names, odd answers, rows that say little, Ctrl-C."""

import _thread
import threading

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression

import closedform as cf
from closedform.errors import BadInput

QUICK = {"time_limit": 5, "engines": []}


def rows(count=120, inputs=2, seed=0):
    return np.random.default_rng(seed).uniform(1, 3, (count, inputs))


def product(X):
    table = np.asarray(X)
    return table[:, 0] * table[:, 1]


# --- names --------------------------------------------------------------------------------------


def test_where_an_input_is_called_y_the_output_is_not():
    X = pd.DataFrame(rows(), columns=["y", "x"])
    for model, y, name in (
        (product, None, "f"),
        (None, product(X), "f"),
        (None, pd.Series(product(X), name="y"), "y_law"),
        (LinearRegression().fit(X, X.sum(axis=1)), None, "f"),
    ):
        law = cf.distill(model, X, y, **QUICK).best
        assert list(law.outputs) == [name] and f"{name} = " in str(law)
    read = cf.read(LinearRegression().fit(X, X.sum(axis=1)))
    assert list(read.outputs) == ["f"] == list(read.task.primary)
    assert cf.distill(product, X, units={"y": "m", "x": "s", "f": "m*s"}, **QUICK).best.length == 3


def test_two_outputs_of_one_name_are_told_apart():
    X = pd.DataFrame(rows(), columns=["f", "y1"])
    y = pd.DataFrame({"a": product(X), "b": X["f"]}).set_axis(["q", "q"], axis=1)
    assert list(cf.distill(None, X, y, **QUICK).best.outputs) == ["q", "q (2)"]
    assert list(cf.distill(None, X, y.to_numpy(), **QUICK).best.outputs) == ["f0", "f1"]


# --- answers ------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1e30, 1e-30, 1e60])
def test_masses_of_stars_and_of_electrons_are_numbers(scale):
    """A law in SI: the sun has 2e30 kg."""
    X = rows() * scale
    laws = cf.distill(product, X, **QUICK)
    np.testing.assert_allclose(laws.best(X), product(X), rtol=1e-9)
    assert laws.best.length == 3


def test_numbers_in_an_array_of_objects_are_numbers():
    laws = cf.distill(lambda Z: product(Z).astype(object), rows(), **QUICK)
    assert not laws.classifies
    np.testing.assert_allclose(laws.best(rows()), product(rows()), rtol=1e-9)


def test_truths_without_a_model_are_zeros_and_ones():
    laws = cf.distill(None, rows(200), rows(200)[:, 0] > 2, time_limit=1, engines=[])
    assert not any("stopped" in note for note in laws.notes)
    assert "x0" in str(laws.best)


@pytest.mark.parametrize(
    ("X", "said"),
    [
        (None, "X=None is no table"),
        ("rows.csv", "'rows.csv' is no table"),
        (rows()[:, :0], "no columns"),
        ({}, "no columns"),
        (np.repeat(rows(1), 50, axis=0), "50 samples, all the same"),
        (rows() * 1e80, r"from 1e\+150 on they count as none"),
        (pd.DataFrame(rows(), columns=["a", "a"]), "several columns 'a'.\n"),
    ],
)
def test_rows_that_are_none_are_told(X, said):
    with pytest.raises(BadInput, match=said):
        cf.distill(product, X, **QUICK)


def test_rows_near_which_a_law_is_wanted_may_be_lists_of_any_size():
    law = cf.local_law(product, 0, (rows() * 1e30).tolist(), **QUICK)
    assert law.r2 > 0.999 > law.linear_r2
    with pytest.raises(BadInput, match="X=None is no table"):
        cf.local_law(product, 0, None, **QUICK)


# --- Ctrl-C -------------------------------------------------------------------------------------


def interrupting(function, calls):
    """Return a model that stands for a user who presses Ctrl-C while it is asked, once."""
    left = [calls]

    def model(Z):
        left[0] -= 1
        if left[0] == 0:
            raise KeyboardInterrupt
        return function(Z)

    return model


def switching(Z):
    return np.maximum(Z[:, 0], 2 * Z[:, 1]) * Z[:, 2] + Z[:, 3] ** 2


def test_what_is_known_of_the_parts_when_ctrl_c_is_pressed_is_a_law_of_the_whole():
    """It is a sum of sin(4·x0), which is found, and of a part that has no short law.

    What needs no structure, a sum of products and ratios, leaves 0.59 of the deviation.
    """

    def partly(Z):
        hard = np.sin(Z[:, 1] * Z[:, 2] + np.cos(3 * Z[:, 2]))
        return np.sin(4 * Z[:, 0]) + 0.3 * hard

    laws = cf.distill(interrupting(partly, 100), rows(300, 3), engines=[])
    assert any("interrupted" in note for note in laws.notes)
    assert min(entry.error for entry in laws.entries) < 0.3


def test_of_several_workers_the_laws_of_outputs_that_have_ended_stay():
    """The last output has a law at once; Ctrl-C comes then, while the first is looked at."""
    from joblib import parallel_config

    pressed = threading.Event()

    def press():
        pressed.set()
        _thread.interrupt_main()

    def told(line):
        if line.startswith("y1:"):
            threading.Timer(0.1, press).start()

    def model(Z):
        if pressed.is_set() and threading.current_thread() is not threading.main_thread():
            raise RuntimeError("this thread is to end")
        hard = np.sin(Z[:, 0] * Z[:, 1] + np.cos(3 * Z[:, 2] ** Z[:, 0])) * np.sin(
            Z[:, 2] / Z[:, 1]
        )
        return np.column_stack([hard, 3 * Z[:, 0] * Z[:, 1] ** -1.5])

    X = rows(200, 3)
    with parallel_config("threading", n_jobs=2):
        laws = cf.distill(model, X, engines=[], time_limit=20, progress=told)
    assert any("interrupted" in note for note in laws.notes)
    last = laws.entries[-1].formula
    np.testing.assert_allclose(last(X)[:, 1], 3 * X[:, 0] * X[:, 1] ** -1.5, rtol=1e-9)


def test_outputs_that_an_interrupted_search_never_came_to_have_a_law_at_once():
    X = rows(300, 4)

    def both(Z):
        return np.column_stack([switching(Z), 3 * Z[:, 0] * Z[:, 1] ** -1.5])

    laws = cf.distill(interrupting(both, 60), X, engines=[])
    longest = laws.entries[-1].formula
    said, wanted = longest(X)[:, 1], both(X)[:, 1]
    assert np.abs(said - wanted).max() < 0.01 * wanted.std()
