"""Wrong calls, interruptions, terminals and help: no traceback, one status for each case."""

import io
import json
import os
import signal
import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import closedform
import made_up as data
from closedform.cli import main, printing, running
from closedform.loading import inspecting

ROOT = Path(__file__).parents[2]
TRUST = "--trust-pickle"


# --- wrong calls --------------------------------------------------------------------------------

WRONG = [
    ((), "the following arguments are required: VERB"),
    (("frobnicate",), "invalid choice: 'frobnicate'"),
    (("read",), "the following arguments are required: FILE"),
    (("read", "nix.joblib"), "nix.joblib: No such file or directory"),
    (("read", "."), ". is a folder"),
    (("read", "rows.csv"), "rows.csv is no model file"),
    (("read", "rows.parquet"), "rows.parquet is a Parquet table"),
    (("read", "empty.pkl"), "empty.pkl is empty"),
    (("read", "cut.json"), "cut.json: no JSON at line"),
    (("read", "model.skops", "--digits", "0"), "'0' is not a whole number from 1 on"),
    (("read", "model.skops", "--digits", "x"), "'x' is not a whole number from 1 on"),
    (("read", "model.skops", "--to", "cobol"), "no target called 'cobol'"),
    (("read", "model.skops", "--form", "blub"), "no form 'blub'"),
    (
        ("read", "model.skops", "--to", "json", "--form", "line"),
        "--form does not go with --to json",
    ),
    (
        ("read", "model.skops", "--to", "json", "--digits", "3"),
        "--digits does not go with --to json",
    ),
    (("read", "model.skops", "--to", "python", "--brief"), "--brief does not go with --to python"),
    (("read", "model.skops", "--frob"), "unrecognized arguments: --frob"),
    (("read", "model.skops", "-o", "no/such/folder.txt"), "folder.txt cannot be written"),
    (("read", "odd.joblib", TRUST), "cannot be read as a formula, for 2 reasons"),
    (("verify", "model.skops"), "the following arguments are required: --data"),
    (("verify", "model.skops", "--data", "nix.csv"), "nix.csv: No such file"),
    (("verify", "model.skops", "--data", "model.skops"), "model.skops is not a table of text"),
    (("verify", "model.skops", "--data", "iris.csv"), "iris.csv lacks 10 of the 10 columns"),
    (("verify", "model.skops", "--data", "rows.csv", "--target", "y"), "have no column 'y'"),
    (("verify", "model.skops", "--data", "rows.csv", "--target", "age"), "'age' is an input of"),
    (
        ("verify", "model.skops", "--data", "rows.csv", "--program", "latex"),
        "'latex' cannot be run here",
    ),
    (("verify", "model.skops", "--data", "rows.csv", "--tolerance", "-1"), "not a number from 0"),
    (("verify", "model.skops", "--data", "rows.csv", "--tolerance", "nan"), "not a number from 0"),
    (("verify", "model.skops", "--data", "rows.csv", "--formula", "rows.csv"), "rows.csv: no JSON"),
    (("compare", "small.skops"), "the following arguments are required: EXPRESSION"),
    (("compare", "small.skops", "age +"), "cannot be read"),
    (("compare", "small.skops", "foo + 1"), "'foo'"),
    (("compare", "small.skops", "age", "--output", "z"), "no output 'z'"),
    (("export", "model.skops", "--to", "python"), "required: -o/--out"),
    (("export", "model.skops", "--to", "json", "-o", "x.json", "--check"), "--check needs rows"),
    (("read", "model.skops", "--to", "c", "--option", "name"), "not NAME=VALUE"),
    (("read", "model.skops", "--to", "c", "--option", "colour=1"), "no option 'colour'"),
]


@pytest.fixture
def broken(made):
    (made / "empty.pkl").touch()
    raw = (made / "formula.json").read_bytes()
    (made / "cut.json").write_bytes(raw[: len(raw) // 2])


@pytest.mark.parametrize(("words", "says"), WRONG)
def test_a_wrong_call_is_told_in_a_line_with_a_hint_and_status_2(run, ask, broken, words, says):
    status, out, err = run(*words)
    assert (status, out) == (2, "")
    assert says in err
    assert "closedform: error: " in err
    assert "  hint: " in err or says == "cannot be read as a formula, for 2 reasons"
    assert "Traceback" not in err
    status, told = ask(*words)
    assert status == 2
    assert says in told["error"]
    assert "hint" in told
    assert not Path("x.py").exists()


def test_data_with_other_kinds_of_values_are_told_not_traced(run, made):
    rows = pd.read_csv(made / "rows.csv").astype({"bmi": object})
    rows.loc[3, "bmi"] = "heavy"
    rows.to_csv(made / "text.csv", index=False)
    status, out, err = run("verify", "formula.json", "--program", "python", "--data", "text.csv")
    assert (status, out) == (2, "")
    assert "column 'bmi', row 3: 'heavy' is not a number" in err


# --- what goes wrong in closedform itself -------------------------------------------------------


def test_an_unexpected_error_is_one_line_and_debug_shows_its_traceback(run, ask, monkeypatch):
    def broken(*_):
        raise RuntimeError("first line\nsecond line")

    monkeypatch.setattr(printing, "open_source", broken)
    status, out, err = run("read", "formula.json")
    assert (status, out) == (3, "")
    assert err.splitlines()[0] == "closedform: error: RuntimeError: first line"
    assert "--debug" in err
    assert "Traceback" not in err
    _, _, err = run("read", "formula.json", "--debug")
    assert "Traceback" in err
    assert 'in broken\n    raise RuntimeError("first line' in err
    status, told = ask("read", "formula.json")
    assert (status, told["error"]) == (3, "RuntimeError: first line")


def test_warnings_of_packages_become_notes(run, ask, monkeypatch):
    def noisy(args, notes):
        import warnings

        for _ in range(3):
            warnings.warn("something odd\nmore", UserWarning, stacklevel=1)
        return kept(args, notes)

    kept = printing.open_source
    monkeypatch.setattr(printing, "open_source", noisy)
    _, _, err = run("read", "formula.json")
    assert err == "note: something odd\n"
    assert ask("read", "formula.json")[1]["notes"] == ["something odd"]


def test_ctrl_c_ends_with_130(run, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(printing, "open_source", interrupted)
    assert run("read", "formula.json")[0] == 130


# --- as a process -------------------------------------------------------------------------------


def process(made, *words, **more):
    return subprocess.Popen(
        [sys.executable, "-m", "closedform", *words], cwd=made, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, **more,
    )  # fmt: skip


def test_it_runs_as_a_module_and_as_a_command(made):
    for start in (
        [sys.executable, "-m", "closedform"],
        [f"{Path(sys.executable).parent}/closedform"],
    ):
        done = subprocess.run([*start, "--version"], capture_output=True, text=True, check=True)
        assert done.stdout == f"closedform {closedform.__version__}\n"
        words = ["inspect", "nix.joblib", "--json"]
        done = subprocess.run(
            [*start, *words], cwd=made, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (2, "")
        assert json.loads(done.stdout)["kind"] == "BadFile"


def test_the_console_script_is_this_main():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    module, name = project["project"]["scripts"]["closedform"].split(":")
    assert getattr(import_module(module), name) is main


def test_a_reader_that_stops_early_is_no_error(made):
    # Far more than the 64 KiB that a pipe takes without a reader.
    found = closedform.Formula(
        {"y": closedform.formula.ops.input_(0)}, (closedform.Feature("x" * 10**6),)
    )
    found.save(made / "long.json")
    # Unbuffered, Python itself keeps quiet about a text that was written in part.
    usual = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    with process(made, "read", "long.json", "--to", "json", env=usual) as running_:
        assert running_.stdout.read(10) == b'{\n"format"'
        running_.stdout.close()
        assert running_.stderr.read() == b""
        assert running_.wait() == 141


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no signals as here")
def test_ctrl_c_in_a_process_ends_quietly(made):
    code = (
        "import signal, sys, time; from closedform.cli import main, printing\n"
        # A shell starts what it puts in the background with this signal ignored.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "up = lambda: print('up', flush=True, file=sys.__stdout__)\n"
        "printing.open_source = lambda *_: (up(), time.sleep(60))\n"
        "sys.exit(main(['read', 'formula.json']))"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=made, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as running_:
        assert running_.stdout.readline() == b"up\n"
        running_.send_signal(signal.SIGINT)
        assert running_.wait(20) == 130
        assert running_.stderr.read() == b""


def test_a_terminal_that_knows_ascii_alone_is_no_error(made):
    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    done = subprocess.run(
        [sys.executable, "-m", "closedform", "inspect", "model.skops"], cwd=made, env=environment,
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert "OneHotEncoder) \\u2192 Ridge" in done.stdout


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_colours_are_for_terminals_that_want_them(made, monkeypatch):
    monkeypatch.chdir(made)
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("TERM", "xterm")
    words = ["verify", "small.skops", "--data", "rows.csv"]
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert main(words) == 0
    assert sys.stdout.getvalue().startswith("\x1b[32mexact to ")
    assert "\x1b[33mnote:\x1b[0m " in sys.stderr.getvalue()
    for variable, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        monkeypatch.setenv(variable, value)
        monkeypatch.setattr(sys, "stdout", Terminal())
        assert main(words) == 0
        assert "\x1b" not in sys.stdout.getvalue()


@pytest.mark.parametrize("verb", ["", "inspect", "read", "verify", "compare", "export"])
def test_help_has_examples_whose_words_are_known(run, verb):
    status, out, err = run(*filter(None, [verb]), "--help")
    assert (status, err) == (0, "")
    assert "exit status:" in out
    lines = [line.strip() for line in out.splitlines() if line.startswith("  closedform ")]
    assert lines
    from shlex import split

    from closedform.cli.arguments import parse

    for line in lines:
        words = split(line.split("   ")[0])
        assert words[0] == "closedform"
        assert parse(words[1:]).verb


def test_the_page_names_every_verb_option_and_status(run):
    page = (ROOT / "docs" / "command-line.md").read_text("utf-8")
    options = set()
    for verb in ("inspect", "read", "verify", "compare", "export"):
        assert f"**{verb}**" in page
        _, out, _ = run(verb, "--help")
        options |= {word.strip(",[].") for word in out.split() if word.startswith(("--", "[--"))}
    assert options >= {"--json", "--trust-pickle", "--tolerance"}
    missing = [o for o in options if o not in page and o not in ("--more", "--help")]
    assert missing == []
    for status in (running.DIFFERS, running.REFUSED, running.BROKEN, running.INTERRUPTED):
        assert f"| {status} |" in page


def test_the_version_comes_fast(made):
    """NumPy takes 0.1 s of it; no framework may be imported before a verb needs it."""
    start = sum(os.times()[2:4])  # of the processor, for children: the machine may be shared
    subprocess.run([sys.executable, "-m", "closedform", "--version"], cwd=made, check=True,
                   capture_output=True)  # fmt: skip
    assert sum(os.times()[2:4]) - start < 2
    code = (
        "import sys, closedform.cli; assert not {'sklearn', 'pandas', 'sympy'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize(
    ("words", "status", "closing"),
    [
        (["read", "nix.joblib"], 2, "2>&-"),
        (["read", "nix.joblib"], 2, ">&- 2>&-"),
        (["inspect", "model.skops"], 0, ">&-"),
    ],
)
def test_a_stream_that_the_caller_closed_does_not_change_the_exit_status(
    made, words, status, closing
):
    # 1 would say that a difference was found.
    line = f'"$0" -m closedform "$@" {closing}'
    done = subprocess.run(["sh", "-c", line, sys.executable, *words], cwd=made, check=False)
    assert done.returncode == status


def test_a_file_of_a_booster_is_inspected_and_read_as_it_stands(run, made):
    lgb = pytest.importorskip("lightgbm")
    X = np.random.default_rng(0).normal(size=(60, 2))
    train = {"verbose": -1, "num_threads": 1, "num_leaves": 3, "min_data_in_leaf": 5}
    lgb.train(train, lgb.Dataset(X, X[:, 0]), 2).save_model(made / "booster.txt")
    status, out, _ = run("inspect", "booster.txt")
    assert status == 0 and "a model saved by LightGBM" in out and "can be read as a formula" in out
    status, out, _ = run("read", "booster.txt")
    assert status == 0 and "tree 1 + tree 2" in out
    (made / "rows.txt").write_text("a,b\n1,2\n3,4\n")
    status, out, _ = run("verify", "booster.txt", "--data", "rows.txt")
    assert status == 0 and "formula against LightGBM" in out
    status, out, _ = run("verify", "booster.txt", "--program", "python", "--data", "rows.txt")
    assert status == 0
    (made / "booster.txt").write_text((made / "booster.txt").read_text()[:900])
    for verb in ("inspect", "read"):
        status, _, err = run(verb, "booster.txt")
        assert status == 2 and "is damaged" in err


@pytest.mark.parametrize("words", [("inspect",), ("read",), ("verify", "--data", "rows.txt")])
def test_a_model_file_is_inspected_once(run, made, monkeypatch, words):
    """Each time hashes it, which of 1 GB takes seconds."""
    lgb = pytest.importorskip("lightgbm")
    X = np.random.default_rng(0).normal(size=(60, 2))
    train = {"verbose": -1, "num_threads": 1, "num_leaves": 3, "min_data_in_leaf": 5}
    lgb.train(train, lgb.Dataset(X, X[:, 0]), 2).save_model(made / "once.txt")
    (made / "rows.txt").write_text("a,b\n1,2\n3,4\n")
    seen = []
    kept = inspecting.inspect_open
    monkeypatch.setattr(inspecting, "inspect_open", lambda *a: seen.append(a) or kept(*a))
    assert run(words[0], "once.txt", *words[1:])[0] == 0
    assert len(seen) == 1


@pytest.mark.parametrize("package", ["lightgbm", "xgboost"])
def test_a_booster_in_a_file_is_asked_about_rows_with_texts_as_categories(run, made, package):
    rows, y = data.categories()
    if package == "lightgbm":
        lgb = pytest.importorskip("lightgbm")
        model = lgb.LGBMRegressor(n_estimators=3, num_leaves=6, verbose=-1).fit(rows, y)
        model.booster_.save_model(made / "model.booster")  # which spells a space as _
    else:
        xgb = pytest.importorskip("xgboost")
        model = xgb.XGBRegressor(n_estimators=3, enable_categorical=True)
        model.fit(rows, y).save_model(made / "model.json")
        (made / "model.json").rename(made / "model.booster")
    rows.to_csv(made / "kinds.csv", index=False)
    status, out, _ = run("verify", "model.booster", "--data", "kinds.csv")
    assert status == 0 and "identical" in out


def test_an_unseen_category_in_a_table_is_refused_as_the_booster_does(run, made):
    xgb = pytest.importorskip("xgboost", minversion="3.1")
    kinds = pd.Series(["f", "m"] * 20, dtype="category")
    rows = pd.DataFrame({"kind": kinds, "size": np.arange(40.0)})
    model = xgb.XGBRegressor(n_estimators=2, enable_categorical=True)
    model.fit(rows, rows["size"] + (kinds == "f") * 30).save_model(made / "kinds.booster.json")
    rows.astype({"kind": object}).replace({"kind": {"m": "x"}}).to_csv(
        made / "kinds.csv", index=False
    )
    status, out, err = run("verify", "kinds.booster.json", "--data", "kinds.csv")
    assert status == 0 and err == ""
    assert "rows given: 20 outside the formula's domain, 20 refused by the model" in out


def test_categories_that_are_whole_numbers_reach_catboost_as_such(run, made):
    cat = pytest.importorskip("catboost")
    rows = pd.DataFrame({"kind": [1, 2] * 20, "size": np.arange(40.0)})
    pool = cat.Pool(rows, rows["size"] + rows["kind"] * 30, cat_features=["kind"])
    model = cat.CatBoostRegressor(iterations=3, depth=2, verbose=0, allow_writing_files=False)
    model.fit(pool).save_model(str(made / "cat.json"), format="json", pool=pool)
    rows.to_csv(made / "kinds.csv", index=False)
    status, out, _ = run("verify", "cat.json", "--data", "kinds.csv")
    assert status == 0 and "rows given:" not in out


def test_inspect_asks_for_trust_only_where_trust_would_help(run):
    status, out, err = run("inspect", "rows.csv", TRUST)
    assert status == 0 and "no model file" in out and err == ""


def test_a_program_that_answers_no_row_says_so(run, made):
    rows = (made / "rows.csv").read_text().replace(",f,", ",other,").replace(",m,", ",other,")
    (made / "others.csv").write_text(rows)
    status, out, _ = run("verify", "formula.json", "--program", "python", "--data", "others.csv")
    assert status == 0 and "rows given: 442 outside the formula's domain" in out
