"""`closedform distill` as users type it: with a model or without one, with units, and slips."""

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LinearRegression

import closedform as cf


@pytest.fixture(scope="module")
def bodies(made):
    random = np.random.default_rng(0)
    frame = pd.DataFrame(random.uniform(1, 5, (150, 2)), columns=["m", "v"])
    frame.assign(E=0.5 * frame.m * frame.v**2).to_csv(made / "bodies.csv", index=False)
    model = LinearRegression().fit(frame, 3 * frame.m - frame.v)
    skops.io.dump(model, made / "line.skops")
    return made


QUICK = ("--data", "bodies.csv", "--engines", "", "--time-limit", "20")


def test_the_law_that_data_follow_is_printed(run, bodies):
    status, out, err = run("distill", *QUICK, "--target", "E")
    assert status == 0, err
    assert "E = 0.5*m*v^2" in out and "against y" in out
    assert "The best law, number" in out


def test_the_law_of_a_model_is_printed_and_written(run, bodies):
    status, out, err = run("distill", "line.skops", *QUICK, "-o", "law.json", "--html")
    assert status == 0, err
    assert "wrote law.json" in out and "wrote line.laws.html" in out
    law = cf.load(bodies / "law.json")
    rows = np.array([[1.0, 2.0], [7.0, 3.0]])
    np.testing.assert_allclose(law(rows), [1, 18], rtol=1e-9)
    assert (bodies / "line.laws.html").read_text("utf-8").startswith("<!DOCTYPE html>")


def test_json_holds_every_law(ask, bodies):
    status, told = ask("distill", *QUICK, "--target", "E")
    assert status == 0
    assert any("0.5*m*v^2" in f["formula"] and "saved" in f for f in told["formulas"])
    assert told["reason"]


def test_laws_keep_to_units(run, bodies):
    pytest.importorskip("pint")
    units = ("--units", "m=kg", "--units", "v=m/s", "--units", "E=J")
    status, out, err = run("distill", *QUICK, "--target", "E", *units)
    assert status == 0, err
    assert "E = 0.5*m*v^2" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "neither a model nor a target"),
        (("--target", "nothing"), "no column 'nothing'"),
        (("--target", "E", "--operators", "magic"), "operators: 'magic'"),
        (("--target", "E", "--units", "kg"), "no pair"),
        (("--target", "E", "--engines", "magic"), "no engine 'magic'"),
        (("--target", "E", "-o", "nowhere/x.json"), "cannot be written"),
        (("--target", "E", "--time-limit", "-1"), "not a number from 0 on"),
    ],
)
def test_a_wrong_call_says_what_is_right(run, bodies, words, said):
    status, out, err = run("distill", "--data", "bodies.csv", *words)
    assert (status, out) == (2, "")
    assert said in err
