"""`closedform frontier` as users type it: the table, the page, the picked formula, the errors."""

import pytest

import closedform as cf

TRUST = "--trust-pickle"
DATA = ("--data", "rows.csv", "--target", "progression", "--time-limit", "4")


def test_the_table_goes_from_a_constant_to_the_model(run):
    status, out, err = run("frontier", "model.joblib", TRUST, *DATA)
    assert status == 0, err
    told = " ".join(out.split())  # lines are as wide as the terminal
    assert "on 89 rows kept aside" in told
    assert "error on y" in told and "* best: the " in told


def test_the_picked_formula_is_written_and_opens_again(run, made):
    status, out, err = run(
        "frontier", "model.joblib", TRUST, *DATA, "--max-error", "1e-9", "-o", "picked.json"
    )
    assert status == 0, err
    assert "wrote picked.json" in out
    picked, whole = (cf.load(made / name) for name in ("picked.json", "formula.json"))
    assert picked.length <= whole.length


@pytest.mark.parametrize(("more", "lines"), [("--progress", True), ("--quiet", False)])
def test_how_far_it_is_is_told_on_standard_error_where_that_is_wanted(run, more, lines):
    status, _, err = run("frontier", "formula.json", *DATA[:2], "--time-limit", "2", more)
    assert status == 0, err
    assert ("frontier · over after" in err) is lines


def test_html_alone_names_its_page_by_the_model(run, made):
    status, out, err = run("frontier", "formula.json", *DATA[:2], "--time-limit", "2", "--html")
    assert status == 0, err
    assert "wrote formula.frontier.html" in out
    assert (made / "formula.frontier.html").read_text("utf-8").startswith("<!DOCTYPE html>")


def test_json_holds_every_formula(ask):
    status, told = ask("frontier", "model.joblib", TRUST, *DATA)
    assert status == 0
    assert [f["length"] for f in told["formulas"]] == sorted(f["length"] for f in told["formulas"])
    assert all("saved" in f for f in told["formulas"])


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--metric", "disagreement"), "no metric for a regression"),
        (("--method", "magic"), "no method 'magic'"),
        (("--max-length", "0", "-o", "x.json"), "symbols or fewer"),
    ],
)
def test_a_wrong_call_says_what_is_right(run, more, said):
    status, out, err = run("frontier", "model.joblib", TRUST, *DATA, *more)
    assert (status, out) == (2, "")
    assert said in err


def test_a_file_that_cannot_be_written_is_refused_before_the_search(run):
    status, out, err = run("frontier", "model.joblib", TRUST, *DATA, "--html", "nowhere/x.html")
    assert (status, out) == (2, "")
    assert "nowhere/x.html cannot be written: in" in err and "formulas for" not in err
    status, _, err = run("frontier", "model.joblib", TRUST, *DATA, "-o", ".")
    assert status == 2 and "it is a folder" in err


def test_the_table_is_not_lost_where_nothing_can_be_picked(run):
    quick = ("--data", "rows.csv", "--time-limit", "1")
    status, out, err = run(
        "frontier", "model.joblib", TRUST, *quick, "--max-length", "0", "-o", "x"
    )
    assert (status, out) == (2, "")
    assert "symbols or fewer" in err and "* best: " in err
