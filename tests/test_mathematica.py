"""Packages in the Wolfram Language: what they say; and, slowly, what Mathics makes of them."""

import math
import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier
from sklearn.tree import DecisionTreeClassifier

import closedform as cf
from closedform import ops
from closedform.errors import BadInput
from closedform.formula import Feature, Formula
from closedform.ir import Type
from closedform.printers.mathematica.prelude import HELPERS, NEEDS
from closedform.printers.mathematica.spelling import number, text
from closedform.printers.mathematica.writing import symbols
from closedform.verify.running import available
from closedform.verify.running.mathematica import run_mathematica
from each_op import FEATURES, ONE
from test_hostile_names import NAMES, of_names, rows_of

X, KINDS = load_iris(return_X_y=True, as_frame=True)
WORDS = load_iris().target_names[KINDS]
GOLDEN = Path(__file__).parent / "golden"
executed = pytest.mark.skipif(not available("mathematica"), reason="needs Mathics")


def test_a_number_is_a_machine_number_in_full():
    for value in (0.1, 1e-5, -1.5e300, 2.0, 0.30000000000000004, 5e-324):
        written = number(value)
        assert "`" not in written
        assert "." in written
        assert float(written.replace("*^", "e")) == value
    assert [number(v) for v in (math.inf, -math.inf, math.nan)] == [
        "Infinity", "-Infinity", "Indeterminate",
    ]  # fmt: skip


def test_a_text_is_ascii_and_nothing_in_it_is_a_command():
    assert text('a"b\\[Pi]') == r'"a\"b\\[Pi]"'
    assert text("é😀\n") == r'"\:00e9\|01f600\:000a"'


def test_symbols_are_unique_and_begin_with_a_small_letter():
    made = symbols(NAMES, taken=["model"])
    assert len(set(made)) == len(NAMES)
    assert all(re.fullmatch("[a-z][a-zA-Z0-9]*", name) for name in made)
    assert symbols(["petal length (cm)", "N", "h1_2", "tree1"], taken=[]) == [
        "petalLengthCm", "n", "h1k2", "tree1v",
    ]  # fmt: skip


def test_every_helper_comes_with_those_that_it_calls():
    for name, body in HELPERS.items():
        code = re.sub(r"\(\*.*?\*\)", "", body, flags=re.S)
        called = {h for h in HELPERS if h != name and re.search(rf"\b{h}\b", code)}
        assert called == set(NEEDS.get(name, ()))


def test_brackets_are_balanced_in_every_op():
    for n in ONE.values():
        text_ = re.sub(r'"(\\.|[^"\\])*"', "", Formula({"y": n}, FEATURES).to("mathematica"))
        for a, b in ("[]", "{}", "()"):
            assert text_.count(a) == text_.count(b)


def test_no_name_ends_its_comment_or_its_text():
    formula = of_names(NAMES, ["a", "b"], ["y", "*) Quit[] (*", '"]; Quit[]; ("'])
    text_ = formula.to("mathematica")
    plain = re.sub(r'"(\\.|[^"\\])*"', "", re.sub(r"\(\*.*?\*\)", "", text_, flags=re.S))
    assert "Quit" not in plain
    assert plain.isascii()


def test_a_wrong_name_is_refused():
    formula = Formula({"y": ops.input_(0)}, (Feature("a"),))
    assert "irisPredict[row_]" in formula.to("mathematica", name="iris")
    for name in ("Iris", "a_b", "1a", "", "x; Quit[]"):
        with pytest.raises(BadInput, match="name"):
            formula.to("mathematica", name=name)


def test_a_small_tree_reads_as_it_did():
    """The golden file; Mathics executes the same text in the slow tests."""
    model = DecisionTreeClassifier(max_depth=2, random_state=0).fit(X, WORDS)
    text_ = cf.read(model).to("mathematica", name="iris")
    _, _, body = text_.partition("BeginPackage")
    assert "BeginPackage" + body == (GOLDEN / "iris_tree.wl").read_text(encoding="utf-8")


def test_a_package_grows_with_its_formula_and_no_faster():
    def size(count):
        chain = ops.input_(0)
        for _ in range(count):
            chain = ops.tanh(ops.lin(1.0, (0.5, chain), (0.25, chain)))
        return len(Formula({"y": chain}, (Feature("a"),)).to("mathematica"))

    assert size(2000) < 2.2 * size(1000)


ROWS = {
    "a": [math.nan, math.inf, -math.inf, 0.5, -1.5, 2.0, 1e-5, 0.99],
    "b": [0.5, 2.0, math.nan, 1.0, 3.0, math.inf, 10.0, 0.5],
    "kind": ["red", "blue", None, "x", "red", "blue", None, "x"],
}
ASK_MATHICS_IN_VAIN = {"probit"}
"""Ops that Mathics (10.0.1) gives up on: where a value is missing, it keeps Indeterminate + 1 as a
sum, and a long one of them exceeds its limit; Wolfram's own engine makes it Indeterminate."""


def same(formula, X, options=None):
    columns = [list(X[f.name]) for f in formula.inputs]
    program = formula.to("mathematica", **options or {})
    found, error = run_mathematica(
        program, formula.inputs, columns, [*formula.outputs], options or {}
    )
    assert not error, error
    for name, wanted in formula.evaluate(X).items():
        for got, right in zip(found[name], wanted.tolist(), strict=True):
            if formula.outputs[name].type is Type.LABEL or got is None:
                assert got == right or (got is None and right != right), (name, got, right)
            else:
                # 1e-13: functions of Mathics' own, a few ulp from NumPy's.
                assert got == pytest.approx(right, rel=1e-13, abs=1e-300), name


@executed
@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(set(ONE) - ASK_MATHICS_IN_VAIN))
def test_every_op_means_the_same_in_mathics(name):
    same(Formula({"y": ONE[name]}, FEATURES), ROWS)


@executed
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize(
    "model",
    [
        DecisionTreeClassifier(max_depth=4, random_state=0),
        LogisticRegression(max_iter=500),
        MLPClassifier((8,), max_iter=50, random_state=0),
    ],
)
def test_a_model_gives_the_same_in_mathics(model):
    formula = cf.read(model.fit(X, WORDS))
    rows = {name: column[::15].tolist() for name, column in X.items()}
    rows[X.columns[0]][0] = math.nan
    same(formula, rows, {"name": "iris"})
    # A row just beyond each threshold goes the other way, though Wolfram's own <= is blind to it.
    limits = [float(t) for n in formula.nodes if n.op is ops.TREE for t in n.data.splits.threshold]
    for limit in sorted(set(limits))[:6]:
        beside = [limit, math.nextafter(limit, math.inf), math.nextafter(limit, -math.inf)]
        same(formula, dict.fromkeys(X.columns, beside), {"name": "iris"})


@executed
@pytest.mark.slow
def test_hostile_names_stay_names_in_mathics():
    rng = np.random.default_rng(0)
    formula = of_names(NAMES, ["a\\", 'b"'], ["y", "*) Quit[]", '"];'])
    same(formula, rows_of(formula, rng, 2))
