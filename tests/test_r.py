"""R scripts: sourced and run on all rows, equal to the formula bit for bit."""

import math
import subprocess

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

import closedform as cf
from analysis_languages import (
    DEGENERATE,
    FEATURES,
    FLOWERS,
    LABELLED,
    NAMES,
    REFUSING,
    ROWS,
    assert_equal_everywhere,
    assert_near,
    made_of_one_type,
    ran,
)
from big_formulas import BIG, boosted, rows_of
from closedform import ops
from closedform.errors import BadInput, UnsupportedTarget
from closedform.formula import Feature, Formula
from closedform.ir import Type
from closedform.printers.r.writing import number
from closedform.verify.running import available
from closedform.verify.running.process import run

pytestmark = pytest.mark.skipif(not available("r"), reason="there is no R")


@settings(max_examples=15, phases=[Phase.generate])  # of 12 outputs each: R starts in 0.4 s
@given(LABELLED)
def test_every_formula_runs_and_is_equal(drawn):
    assert_equal_everywhere("r", *made_of_one_type(*drawn))


@pytest.mark.parametrize("name", DEGENERATE)
def test_a_degenerate_formula_is_a_program_too(name):
    assert_equal_everywhere("r", Formula(DEGENERATE[name], FEATURES), ROWS)


def test_rows_that_the_model_refuses_give_nothing():
    found = ran("r", REFUSING, ROWS)
    assert found["z"] == ["red", None, None, "blue"]
    np.testing.assert_array_equal(found["y"], [1.0, math.nan, math.nan, 2.0])


@pytest.mark.parametrize("name", BIG)
def test_a_large_formula_runs(name):
    formula = BIG[name]()
    X = rows_of(formula)
    wanted = {k: v.tolist() for k, v in formula.evaluate(X).items()}
    assert_near(ran("r", formula, X), wanted)


def test_the_text_grows_with_the_trees_and_not_faster():
    short, long = (len(boosted(count).to("r")) for count in (40, 160))
    assert long < 4.5 * short


@given(st.floats(allow_nan=False))
def test_a_number_reads_back_in_python_as_it_was(value):
    text = number(value)
    if "x" in text:
        assert float.fromhex(text) == value
    elif "Inf" not in text:
        assert float(text) == value


def test_numbers_that_r_reads_an_ulp_off_are_written_so_that_it_does_not(tmp_path):
    # Of 20,000 decimals, R 4.2 reads 3 wrongly.
    chance = np.random.default_rng(0)
    values = [*chance.normal(size=40_000).tolist(), 5e-324]
    values += (10.0 ** chance.uniform(-300, 300, 5_000)).tolist()
    (tmp_path / "numbers.R").write_text(
        "x <- c(" + ",\n".join(map(number, values)) + ")\nwriteBin(x, 'found.bin')\n"
    )
    # Sourced: of a script itself, R reads each line again with every line that follows.
    done = run(["Rscript", "--vanilla", "-e", "source('numbers.R')"], str(tmp_path))
    assert done.returncode == 0, done.stderr
    found = np.fromfile(tmp_path / "found.bin")
    assert np.array_equal(found, np.array(values))


def test_a_script_is_sourced_and_predicts_a_data_frame_a_list_or_a_matrix(tmp_path):
    model = LogisticRegression(max_iter=500).fit(FLOWERS, NAMES)
    (tmp_path / "flowers.R").write_text(cf.read(model).to("r", name="flowers"), encoding="utf-8")
    FLOWERS.iloc[[0, 70, 120]].to_csv(tmp_path / "rows.csv", index=False)
    (tmp_path / "script.R").write_text(
        """source("flowers.R")
rows <- read.csv("rows.csv", check.names = FALSE)
mangled <- read.csv("rows.csv")
stopifnot(names(mangled)[1] == "sepal.length..cm.")
cat(flowers$predict(rows), "\\n")
cat(flowers$predict(mangled), "\\n")
cat(flowers$predict(as.matrix(rows)), "\\n")
cat(flowers$predict(as.list(rows)), "\\n")
cat(flowers$predict(unname(as.matrix(rows))), "\\n")
print(dim(flowers$evaluate(rows)))
print(names(flowers$evaluate(rows))[2])
print(try(flowers$predict(rows[-1])))
"""
    )
    done = subprocess.run(["Rscript", "--vanilla", "script.R"], cwd=tmp_path, capture_output=True,
                          text=True, check=True)  # fmt: skip
    wanted = " ".join(model.predict(FLOWERS.iloc[[0, 70, 120]]))
    assert done.stdout.count(wanted) == 5
    assert "[1] 3 7" in done.stdout
    assert "P(setosa)" in done.stdout
    assert 'no column "sepal length (cm)"' in done.stdout + done.stderr


def test_a_table_without_rows_gives_a_table_without_rows(tmp_path):
    x = [ops.input_(i) for i in range(3)]
    near = [ops.squared_distance(x, point) for point in ([0, 1, 2], [1, 1, 1], [4, 0, 2])]
    layer = [ops.exp(ops.linear(b, [0.5, b, 2], x)) for b in (0.1, 0.2, 0.3)]
    outputs = {
        "nearest": ops.kth(1, *near), "layer": ops.linear(1, [1, 2, 3], layer),
        "median": ops.weighted_median([1, 2, 3], x), "constant": ops.const(3),
    }  # fmt: skip
    formula = Formula(outputs, tuple(map(Feature, "abc")))
    (tmp_path / "model.R").write_text(formula.to("r"), encoding="utf-8")
    (tmp_path / "script.R").write_text(
        'options(warn = 2)\nsource("model.R")\nrows <- data.frame(a = 1:3, b = 2, c = 0.5)\n'
        "for (n in c(3, 1, 0)) {\n  found <- model$evaluate(rows[seq_len(n), ])\n"
        "  stopifnot(sapply(found, is.numeric))\n  cat(dim(found), length(found$layer), '')\n}\n"
    )
    done = run(["Rscript", "--vanilla", "script.R"], str(tmp_path))
    assert (done.stdout, done.returncode) == ("3 4 3 1 4 1 0 4 0 ", 0), done.stderr


def test_factors_are_labels_and_na_is_missing(tmp_path):
    formula = Formula({"y": ops.table(ops.input_(0, Type.LABEL), {"é": 1.0}, 5.0, -1.0)},
                      (Feature("kind", Type.LABEL, ("é",)),))  # fmt: skip
    (tmp_path / "model.R").write_text(formula.to("r"), encoding="utf-8")
    (tmp_path / "script.R").write_text(
        'source("model.R")\nkind <- factor(c("\\u00e9", "b", NA))\n'
        "cat(model$predict(data.frame(kind = kind)))\n"
    )
    done = subprocess.run(["Rscript", "--vanilla", "script.R"], cwd=tmp_path, capture_output=True,
                          text=True, check=True)  # fmt: skip
    assert done.stdout == "1 5 -1"


def test_a_small_tree_reads_as_choices():
    text = cf.read(DecisionTreeClassifier(max_depth=2, random_state=0).fit(FLOWERS, NAMES)).to("r")
    assert "    pick(petal_width_cm <= 0.8000000417232512,\n      1,\n" in text
    assert text.startswith("# DecisionTreeClassifier, written by closedform")
    assert max(map(len, text.splitlines())) <= 100


def test_labels_of_two_types_zeros_in_a_text_and_strange_names_are_refused():
    kind = ops.input_(0, Type.LABEL)
    mixed = Formula({"y": ops.member(kind, ["a", 1])}, (Feature("kind", Type.LABEL),))
    with pytest.raises(UnsupportedTarget, match="both texts and numbers"):
        mixed.to("r")
    zero = Formula({"y": ops.member(kind, ["a\0b"])}, (Feature("kind", Type.LABEL),))
    with pytest.raises(UnsupportedTarget, match="zero character"):
        zero.to("r")
    for name in ("if", "a b", "1a", "x; y", ""):
        with pytest.raises(BadInput, match="no name in R"):
            REFUSING.to("r", name=name)
