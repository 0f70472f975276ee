"""What distillation is given in practice: odd names, odd answers, rows that say little, Ctrl-C."""

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
        assert list(law.outputs) == [name] and f"{name} = y" in str(law)
    read = cf.read(LinearRegression().fit(X, X.sum(axis=1)))
    assert list(read.outputs) == ["f"] == list(read.task.primary)
    assert cf.distill(product, X, units={"y": "m", "x": "s", "f": "m*s"}, **QUICK).best.length == 3


def test_two_outputs_of_one_name_are_told_apart():
    X = pd.DataFrame(rows(), columns=["f", "y1"])
    y = pd.DataFrame({"a": product(X), "b": X["f"]}).set_axis(["q", "q"], axis=1)
    assert list(cf.distill(None, X, y, **QUICK).best.outputs) == ["q", "q (2)"]
    assert list(cf.distill(None, X, y.to_numpy(), **QUICK).best.outputs) == ["f0", "f1"]
