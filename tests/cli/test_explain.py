"""`closedform explain` as users type it."""

import pytest

TRUST = "--trust-pickle"
DATA = ("--data", "rows.csv", "--target", "progression")


def test_what_drives_a_model_is_told_with_what_was_asked_for(run, made):
    what = ("--input", "sex", "--what", "interactions", "-o", "x.svg")
    status, out, err = run("explain", "model.joblib", TRUST, *DATA, *what)
    assert (status, err) == (0, "")
    assert "What drives y" in out and "fall of R²" in out
    assert "Effect of sex on y" in out and "do not act together" in out
    assert "wrote x.svg" in out and (made / "x.svg").read_text("utf-8").startswith("<?xml")


def test_as_json_it_holds_every_part(ask):
    status, told = ask("explain", "formula.json", *DATA)
    assert status == 0
    assert len(told["importance"]["names"]) >= len(told["inputs"]) == 10
    assert told["effects"] and "coefficients" in told


def test_a_class_is_named_as_it_is_spelled(run):
    status, out, err = run("explain", "trees.json", "--data", "iris.csv", "--output", "1")
    assert status == 0, err
    assert "P(1)" in out


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--output", "z"), "no output of the model"),
        (("--input", "z"), "no input 'z'"),
        (("-o", "x.txt"), "no name of a picture"),
        (("-o", "nowhere/x.png"), "cannot be written"),
    ],
)
def test_a_wrong_call_says_what_is_right(run, more, said):
    status, out, err = run("explain", "formula.json", *DATA, *more)
    assert (status, out) == (2, "")
    assert said in err


def test_what_is_named_is_told_and_is_in_the_object(run, ask):
    what = ("explain", "trees.json", "--data", "iris.csv", "--what", "boundary", "shap")
    status, out, err = run(*what)
    assert status == 0, err
    assert "crosses" in out and "SHAP values of" in out
    status, told = ask(*what)
    assert status == 0
    assert {"boundary", "shap", "importance"} <= set(told) and "surrogates" not in told
    assert len(told["shap"]["features"]) == len(told["inputs"])


def test_what_a_model_does_not_have_is_said(run):
    status, out, err = run("explain", "formula.json", *DATA, "--what", "boundary")
    assert (status, out) == (2, "") and "decides nothing by itself" in err
    status, _, err = run("explain", "formula.json", *DATA, "--what", "everything")
    assert status == 2 and "invalid choice: 'everything'" in err


def test_of_all_parts_those_are_told_that_the_model_has(run):
    status, out, err = run(
        "explain", "formula.json", *DATA, "--what", "all", "--time-limit", "3", "--quiet"
    )
    assert status == 0, err
    assert "boundary is left out" in err
    assert "SHAP values of" in out and "it is not the model" in out
