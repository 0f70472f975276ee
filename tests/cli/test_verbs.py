"""The verbs of the command line as users type them: what is printed where, and the status."""

import json
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from openpyxl import load_workbook
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from closedform.printers import targets
from closedform.store import load
from model_files import Evil
from programs import PROGRAMS, each, with_their_tools

TRUST = "--trust-pickle"


# --- trust --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ("read", "evil.pkl"),
        ("inspect", "evil.pkl"),
        ("verify", "evil.pkl", "--data", "rows.csv"),
        ("compare", "evil.pkl", "1*age"),
        ("export", "evil.pkl", "--to", "python", "-o", "out.py"),
    ],
)
@pytest.mark.parametrize("more", [(), ("--json",), ("--debug",), ("--trust-type", "posix.mkdir")])
def test_nothing_of_a_pickle_runs_before_somebody_trusts_it(run, made, words, more):
    joblib.dump(Evil(made / "canary"), made / "evil.pkl")
    status, out, err = run(*words, *more)
    assert not (made / "canary").exists()
    assert status == (0 if words[0] == "inspect" else 2)
    assert "mkdir" in out + err
    assert not (made / "out.py").exists()


def test_a_refusal_lists_what_would_be_imported_and_the_hash(run, ask, made):
    status, out, err = run("read", "model.joblib")
    assert (status, out) == (2, "")
    assert "closedform: error: A pickle can run any code" in err
    assert "sklearn.linear_model._ridge.Ridge" in err
    assert "  hint: If you know who made it, trust it: --trust-pickle" in err
    status, told = ask("read", "model.joblib")
    assert status == 2
    assert told["kind"] == "UntrustedFile"
    assert "--trust-pickle" in told["hint"]
    assert "sklearn.linear_model._ridge.Ridge" in told["file"]["imports"]
    assert told["file"]["sha256"] in err


def test_a_type_that_skops_does_not_know_is_trusted_by_name(run, ask, made):
    skops.io.dump(make_pipeline(FunctionTransformer(np.sort), Ridge()), made / "odd.skops")
    status, told = ask("read", "odd.skops")
    assert (status, told["kind"]) == (2, "UntrustedFile")
    (name,) = told["file"]["unfamiliar"]
    assert f"--trust-type {name}" in told["hint"]
    status, told = ask("read", "odd.skops", "--trust-type", name)
    assert (status, told["kind"]) == (2, "NotFitted")


# --- inspect ------------------------------------------------------------------------------------


def test_inspect_says_what_a_file_is_without_opening_it(run, ask):
    status, out, err = run("inspect", "model.joblib")
    assert status == 0
    assert out.startswith("model.joblib: a pickle written by joblib")
    assert "--trust-pickle" in err
    status, told = ask("inspect", "model.joblib")
    assert (status, told["file"]["kind"]) == (0, "joblib")
    assert "model" not in told


@pytest.mark.parametrize("words", [("model.joblib", TRUST), ("model.skops",)])
def test_inspect_describes_a_model_that_it_may_open(run, ask, words):
    status, out, _ = run("inspect", *words)
    assert status == 0
    assert "model: (StandardScaler | OneHotEncoder) → Ridge\ncan be read as a formula" in out
    assert "    sex: one of 2: f, m\n" in out
    status, told = ask("inspect", *words)
    assert told["readable"] is True
    assert [i["name"] for i in told["inputs"]][:3] == ["age", "sex", "bmi"]
    assert told["outputs"] == ["y"]


def test_inspect_lists_everything_that_has_no_formula(run, ask):
    status, out, _ = run("inspect", "odd.joblib", TRUST)
    assert status == 0
    assert "cannot be read as a formula" in out
    assert "KNeighborsRegressor" in out
    assert "hint:" in out
    status, told = ask("inspect", "odd.joblib", TRUST)
    assert told["readable"] is False
    said = [problem["what"] for problem in told["problems"]]
    assert len(said) == 2
    assert all(problem["hint"] for problem in told["problems"])


def test_inspect_describes_a_saved_formula(ask):
    status, told = ask("inspect", "formula.json")
    assert (status, told["file"]["kind"]) == (0, "closedform-json")
    assert told["sha256"] == json.loads(Path("formula.json").read_text("utf-8"))["sha256"]


# --- read and export ----------------------------------------------------------------------------


@pytest.mark.parametrize("words", [("model.joblib", TRUST), ("model.skops",), ("formula.json",)])
def test_read_prints_the_formula_and_nothing_else(run, words):
    status, out, err = run("read", *words)
    assert (status, err) == (0, "")
    assert out == str(load("formula.json").to("text")).rstrip("\n") + "\n"


def test_read_says_how_far_rounding_moves_the_output(run, ask):
    status, out, err = run("read", "model.skops", "--digits", 3, "--data", "rows.csv")
    assert status == 0
    assert "rounded to 3 significant digits" in out
    assert "442 rows given" in out
    assert err == "note: columns that the model does not know are left out: progression\n"
    _, told = ask("read", "model.skops", "--digits", 3, "--data", "rows.csv")
    assert told["text"].strip() == out.strip()
    assert told["notes"] == [err[len("note: ") :].strip()]


def test_read_writes_to_a_file(run, made):
    status, out, _ = run("read", "formula.json", "-o", "text.txt")
    assert (status, out) == (0, "wrote text.txt\n")
    assert (made / "text.txt").read_text("utf-8").startswith("y = ")


BEGINS = {
    "text": "y = ", "latex": r"\begin{align*}", "json": '{\n"format": "closedform"',
    "python": "# (StandardScaler | OneHotEncoder) → Ridge", "numpy": "# (Standard", "sympy": "# (",
    "c": "/*\n * (StandardScaler | OneHotEncoder) → Ridge", "javascript": "// (Standard",
    "mathml": "<math", "mathematica": "(* (Standard", "dot": "// (Standard", "svg": "<?xml",
}  # fmt: skip


@pytest.mark.parametrize("target", with_their_tools([*targets(), "json"]))
def test_every_target_is_printed(run, target):
    assert run("read", "formula.json", "--to", target, "-o", "printed")[0] == 0
    content = Path("printed").read_bytes()
    if b"\0" in content:
        status, _, err = run("read", "formula.json", "--to", target)
        assert (status, "no text for a screen" in err) == (2, True)
        return
    status, out, err = run("read", "formula.json", "--to", target)
    assert (status, err) == (0, "")
    assert out == content.decode("utf-8")
    assert out.startswith(BEGINS.get(target, ""))
    assert "bmi" in out


@pytest.mark.parametrize("target", each(PROGRAMS))
def test_every_program_that_can_be_run_is_exported_checked(ask, target):
    words = ("export", "trees.json", "--to", target, "-o", "trees.txt", "--check")
    status, told = ask(*words, "--data", "iris.csv")
    assert (status, told["written"], told["certificate"]["ok"]) == (0, True, True)
    if target in ("python", "numpy", "sympy"):
        compile(Path("trees.txt").read_text("utf-8"), "trees.txt", "exec")


def test_without_rows_an_export_is_checked_on_rows_made_up(ask, run):
    words = ("export", "trees.json", "--to", "c", "-o", "trees.c", "--check")
    status, told = ask(*words)
    assert (status, told["certificate"]["ok"]) == (0, True)
    assert "made up" in run(*words)[2]


def test_an_option_of_the_target_is_given_by_name(run):
    words = ("export", "trees.json", "--to", "c", "-o", "trees.c", "--check", "--data", "iris.csv")
    assert run(*words, "--option", "precision=float", "--tolerance", "1e-4")[0] == 0
    assert "    float " in Path("trees.c").read_text("utf-8")


def test_a_workbook_holds_the_rows_of_the_data_and_the_models_own_predictions(run, made):
    words = ("export", "model.skops", "--to", "excel", "-o", "m.xlsx", "--data", "rows.csv")
    status, _, err = run(*words)
    assert (status, "holds the first 100 of 442 rows" in err) == (0, True)
    book, data = load_workbook(made / "m.xlsx"), pd.read_csv(made / "rows.csv")
    inputs = {c.value: c.column for c in book["Inputs"][4]}
    column = [row[inputs["bmi"] - 1] for row in book["Inputs"].iter_rows(6, values_only=True)]
    assert column == data["bmi"][:100].tolist()
    check = book["Check"]
    wanted = skops.io.load(made / "model.skops").predict(data.drop(columns="progression")[:100])
    assert check["B6"].value == "y: model"
    assert [row[1] for row in check.iter_rows(8, values_only=True)] == wanted.tolist()


def test_rows_that_the_user_gives_as_an_option_stay(run, made):
    words = ("export", "small.skops", "--to", "excel", "-o", "m.xlsx", "--data", "rows.csv")
    rows = '{"age": [40.5], "bmi": [21]}'
    assert run(*words, "--option", f"rows={rows}")[0] == 0
    book = load_workbook(made / "m.xlsx")
    assert [c.value for c in book["Inputs"][6]][1:3] == [40.5, 21]
    assert book["Check"]["B6"].value == "y: formula"


def test_the_self_test_of_a_c_program_is_of_rows_of_the_data(run, made):
    words = ("export", "small.skops", "--to", "c", "-o", "small.c", "--data", "rows.csv")
    assert run(*words)[0] == 0
    first = pd.read_csv(made / "rows.csv")[["age", "bmi"]].iloc[0]
    assert f"{float(first['bmi'])!r}" in Path("small.c").read_text("utf-8")


def test_a_whole_document_is_written_for_latex(run):
    status, out, _ = run("read", "formula.json", "--to", "latex", "--document")
    assert (status, out.startswith("\\documentclass{article}")) == (0, True)


def test_one_screen_is_said_to_be_one(run):
    status, out, _ = run("read", "trees.json", "--brief")
    assert status == 0
    assert "more trees" in out


def test_an_exported_program_gives_what_the_model_predicts(run, made):
    status, out, _ = run(
        "export",
        "model.skops",
        "--to",
        "python",
        "-o",
        "program.py",
        "--check",
        "--data",
        "rows.csv",
    )
    assert status == 0
    assert out.startswith("exact to ")
    assert out.endswith("wrote program.py\n")
    rows = pd.read_csv(made / "rows.csv")
    code = (
        "import json, sys; from program import predict\n"
        "json.dump([predict(row) for row in json.load(sys.stdin)], sys.stdout)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=made, input=json.dumps(rows.to_dict("records")),
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    expected = skops.io.load(made / "model.skops").predict(rows.drop(columns="progression"))
    # The scaler is folded into the weights: a few roundings of numbers around 150.
    np.testing.assert_allclose(json.loads(done.stdout), expected, rtol=1e-12)


def test_an_exported_formula_can_be_opened_and_verified(run, ask, made):
    assert run("export", "model.skops", "--to", "json", "-o", "again.json")[0] == 0
    same = load(made / "again.json").outputs["y"] is load(made / "formula.json").outputs["y"]
    assert same
    status, told = ask("verify", "model.skops", "--formula", "again.json", "--data", "rows.csv")
    assert (status, told["ok"]) == (0, True)


def test_an_export_that_fails_its_check_is_not_written(run, ask, made):
    (made / "old.py").write_text("old")
    words = ("export", "formula.json", "--to", "python", "--digits", 2, "-o", "old.py", "--check",
             "--data", "rows.csv")  # fmt: skip
    status, out, _ = run(*words)
    assert status == 1
    assert out.startswith("DIFFERS")
    assert out.endswith("old.py was not written\n")
    status, told = ask(*words)
    assert (status, told["written"], told["certificate"]["ok"]) == (1, False, False)
    assert (made / "old.py").read_text() == "old"


def test_a_model_without_names_takes_those_of_the_data_in_order(run):
    status, out, err = run(
        "read", "iris.pkl", TRUST, "--data", "iris.csv", "--target", "species"
    )  # fmt: skip
    assert status == 0
    assert "x0 = sl, x1 = sw, x2 = pl, x3 = pw" in err
    assert "pw" in out
    assert "x3" not in out


# --- verify -------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [("model.joblib", TRUST), ("model.skops",)])
@pytest.mark.parametrize("data", ["rows.csv", "rows.parquet"])
def test_verify_prints_a_certificate(run, ask, model, data):
    words = ("verify", *model, "--data", data, "--target", "progression")
    status, out, err = run(*words)
    assert (status, err) == (0, "")
    assert out.startswith("exact to ")
    assert "442 rows given" in out
    status, told = ask(*words)
    assert (status, told["ok"], told["notes"]) == (0, True, [])
    assert told["checks"][0]["worst_relative"] < 1e-9


def test_verify_takes_a_model_without_names(ask):
    words = ("verify", "iris.pkl", TRUST, "--data", "iris.csv")
    status, told = ask(*words, "--target", "species")
    assert (status, told["ok"]) == (0, True)
    assert "share of wrong labels, model" in told["truth"]
    status, told = ask(*words)
    assert status == 2
    assert "takes 4 inputs without names, and the data have 5 columns" in told["error"]
    assert "--target" in told["hint"]


def test_verify_fails_with_status_1_where_the_formula_is_another_one(run, ask, made):
    document = json.loads((made / "formula.json").read_text("utf-8"))
    del document["sha256"]
    (lin,) = [row for row in document["nodes"] if row["op"] == "lin" and len(row["args"]) > 5]
    lin["bias"] += 0.001
    (made / "changed.json").write_text(json.dumps(document))
    words = ("verify", "model.skops", "--formula", "changed.json", "--data", "rows.csv")
    status, out, _ = run(*words)
    assert (status, out.startswith("DIFFERS on ")) == (1, True)
    status, told = ask(*words)
    assert (status, told["ok"]) == (1, False)
    status, _, _ = run(*words, "--tolerance", "0.001")
    assert status == 0
    status, told = ask(*words, "--prove", "0.01")
    assert (status, told["status"]) == (0, "proven")
    status, told = ask(*words, "--prove", "0.0005")
    assert (status, told["status"]) == (1, "refuted")
    assert run(*words, "--prove", "1", "--program", "python")[0] == 2


def test_verify_runs_a_printed_program(ask):
    status, told = ask("verify", "trees.json", "--program", "python", "--data", "iris.csv")
    assert (status, told["ok"]) == (0, True)
    assert told["subject"].startswith("python program")
    assert told["notes"] == ["columns that the model does not know are left out: sw, pw, species"]


def test_verify_needs_a_model_or_a_program(ask):
    status, told = ask("verify", "formula.json", "--data", "rows.csv")
    assert status == 2
    assert "is a formula, so there is no model" in told["error"]


# --- compare ------------------------------------------------------------------------------------


def own(made, scaled):
    """The formula as somebody writes it who has (or has not) thought of the scaler."""
    model = skops.io.load(made / "small.skops")
    scaler, ridge = model[0], model[1]
    terms = []
    for name, w, mean, scale in zip(
        ("age", "bmi"), ridge.coef_, scaler.mean_, scaler.scale_, strict=True
    ):
        terms.append(f"{w!r}*({name} - {mean!r})/{scale!r}" if scaled else f"{w!r}*{name}")
    return (" + ".join(terms) + f" + {ridge.intercept_!r}").replace("np.float64", "")


def test_compare_names_the_step_that_is_missing(run, ask, made):
    status, out, _ = run("compare", "small.skops", own(made, False), "--data", "rows.csv")
    assert status == 1
    assert "StandardScaler is missing" in out.replace("\n", " ")
    status, told = ask("compare", "small.skops", own(made, False), "--data", "rows.csv")
    assert (status, told["ok"], told["explained"]) == (1, False, True)


def test_compare_agrees_with_status_0(run, ask, made):
    for more in ((), ("--data", "rows.csv")):
        status, told = ask("compare", "small.skops", own(made, True), *more)
        assert (status, told["ok"]) == (0, True)
    assert run("compare", "small.skops", own(made, True))[0] == 0


def test_an_expression_may_begin_with_a_minus(ask):
    for text in ("-3*age+bmi", "-age*2", "-(age+bmi)", "-.5*bmi"):
        status, told = ask("compare", "small.skops", text)
        assert status == 1
        assert told["expression"] == text


def test_an_expression_is_not_code(ask, made):
    text = f"__import__('os').mkdir({str(made / 'canary2')!r})"
    status, told = ask("compare", "small.skops", text)
    assert (status, told["kind"]) == (2, "BadExpression")
    assert not (made / "canary2").exists()
