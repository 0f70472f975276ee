"""MATLAB function files: run in Octave on all rows, equal to the formula bit for bit."""

import math
import re
import subprocess

import numpy as np
import pytest
from hypothesis import Phase, given, settings
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
from closedform.verify.running import available
from closedform.verify.running.matlab import tool

pytestmark = pytest.mark.skipif(not available("matlab"), reason="there is no Octave")


@settings(max_examples=15, phases=[Phase.generate])  # of 12 outputs each: Octave starts in 0.4 s
@given(LABELLED)
def test_every_formula_runs_and_is_equal(drawn):
    assert_equal_everywhere("matlab", *made_of_one_type(*drawn))


@pytest.mark.parametrize("name", DEGENERATE)
def test_a_degenerate_formula_is_a_program_too(name):
    assert_equal_everywhere("matlab", Formula(DEGENERATE[name], FEATURES), ROWS)


def test_rows_that_the_model_refuses_give_nothing():
    found = ran("matlab", REFUSING, ROWS)
    assert found["z"] == ["red", None, None, "blue"]
    np.testing.assert_array_equal(found["y"], [1.0, math.nan, math.nan, 2.0])


@pytest.mark.parametrize("name", BIG)
def test_a_large_formula_runs(name):
    formula = BIG[name]()
    X = rows_of(formula)
    wanted = {k: v.tolist() for k, v in formula.evaluate(X).items()}
    assert_near(ran("matlab", formula, X), wanted)


def test_the_text_grows_with_the_trees_and_not_faster():
    short, long = (len(boosted(count).to("matlab")) for count in (40, 160))
    assert long < 4.5 * short


def in_octave(folder, script):
    (folder / "script.m").write_text(script, encoding="utf-8")
    done = subprocess.run([tool(), "--norc", "script.m"], cwd=folder, capture_output=True,
                          text=True, check=True)  # fmt: skip
    return done.stdout


def test_a_function_takes_a_struct_a_cell_array_or_a_matrix(tmp_path):
    model = LogisticRegression(max_iter=500).fit(FLOWERS, NAMES)
    text = cf.read(model).to("matlab", name="flowers")
    (tmp_path / "flowers.m").write_text(text, encoding="utf-8")
    rows = FLOWERS.iloc[[0, 70, 120]]
    matrix = "[" + "; ".join(" ".join(map(str, row)) for row in rows.to_numpy().tolist()) + "]"
    fields = re.findall(r"^%     (\w+)  .*\(cm\)$", text, re.M)
    said = in_octave(
        tmp_path,
        f"""x = {matrix};
data = struct({", ".join(f"'{name}', x(:, {i + 1})" for i, name in enumerate(fields))});
printf('%s ', flowers(x){{:}}); printf('\\n');
printf('%s ', flowers(data){{:}}); printf('\\n');
printf('%s ', flowers(num2cell(x, 1)){{:}}); printf('\\n');
[~, outputs] = flowers(x);
disp(size(outputs.P_setosa))
""",
    )
    assert said.count(" ".join(model.predict(rows))) == 3
    assert "3   1" in said


def test_an_empty_text_is_missing_unless_it_is_a_label(tmp_path):
    kind = ops.input_(0, Type.LABEL)
    for label, wanted in (("", "1 5 -1 -1"), ("é", "-1 5 -1 -1")):
        formula = Formula({"y": ops.table(kind, {label: 1.0}, 5.0, -1.0)},
                          (Feature("kind", Type.LABEL, (label,)),))  # fmt: skip
        (tmp_path / "model.m").write_text(formula.to("matlab"), encoding="utf-8")
        said = in_octave(tmp_path, "printf('%d ', model({{'', 'b', NaN, []}}))")
        assert said.strip() == wanted


def test_what_is_written_is_what_both_languages_read():
    text = cf.read(DecisionTreeClassifier(max_depth=2, random_state=0).fit(FLOWERS, NAMES)).to(
        "matlab"
    )
    assert "    value = pick(petal_width_cm <= 0.8000000417232512, ...\n" in text
    assert max(map(len, text.splitlines())) <= 100
    every = text + boosted(10).to("matlab") + REFUSING.to("matlab")
    code = "\n".join(line.partition("% ")[0] for line in every.splitlines())
    # Octave alone knows double quotes as texts, +=, !, #, endif, and an index behind a bracket.
    assert not re.search(r'["#!]|[-+*/]=|\)\(|\bend[a-z_]|\bunwind|\bprintf', code)


def test_labels_of_two_types_and_strange_names_are_refused():
    kind = ops.input_(0, Type.LABEL)
    mixed = Formula({"y": ops.member(kind, ["a", 1])}, (Feature("kind", Type.LABEL),))
    with pytest.raises(UnsupportedTarget, match="both texts and numbers"):
        mixed.to("matlab")
    for name in ("if", "a b", "1a", "x; y", "", "a" * 64):
        with pytest.raises(BadInput, match="no name in MATLAB"):
            REFUSING.to("matlab", name=name)
