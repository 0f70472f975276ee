"""VBA modules: kept within the editor's limits, and run by LibreOffice's Basic."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier

import closedform as cf
from analysis_languages import (
    DEGENERATE,
    FEATURES,
    FLOWERS,
    NAMES,
    REFUSING,
    ROWS,
    assert_near,
    ran,
    small_formulas,
)
from big_formulas import BIG, boosted, network, rows_of
from closedform import ops
from closedform.errors import BadInput, UnsupportedTarget
from closedform.formula import Feature, Formula
from closedform.ir import Type
from closedform.printers.vba.writing import exact, number
from closedform.verify.running import available
from programs import left_to_right

needs_office = pytest.mark.skipif(not available("vba"), reason="there is no LibreOffice")


def statements(text):
    """The statements of a module, each as its lines."""
    found = [[]]
    for line in text.split("\n"):
        found[-1].append(line)
        if not line.endswith(" _"):
            found.append([])
    return found


@pytest.mark.parametrize("name", BIG)
def test_a_module_keeps_within_what_the_editor_takes(name):
    text = BIG[name]().to("vba")
    # 1,023 characters a line, 24 continued lines a statement, 64 KB a procedure when compiled.
    assert max(map(len, text.split("\n"))) <= 1023
    assert max(map(len, statements(text))) <= 24
    fills = [p for p in text.split("\n\n") if p.startswith("Private Sub prepare_")]
    assert max(map(len, fills), default=0) < 64_000
    # A type's sign behind a number, as in 1#, is not read by LibreOffice.
    code = "\n".join(line.partition("'")[0] for line in text.split("\n"))
    assert "#" not in code.replace('"', "")


def test_the_text_grows_with_the_trees_and_not_faster():
    short, long = (len(boosted(count).to("vba")) for count in (40, 160))
    assert long < 4.5 * short


ORDINARY = st.floats(1e-290, 1.797e308) | st.floats(-1.797e308, -1e-290) | st.just(0.0)


@given(ORDINARY)
def test_a_number_that_is_compared_with_is_exact_in_fifteen_digits(value):
    text = exact(value)
    parts = text.removeprefix("exactly(").removesuffix(")").split(", ")
    if len(parts) == 2:
        assert float(parts[0]) + float(parts[1]) == value
        for part in parts:
            digits = part.partition("E")[0].lstrip("-0.").replace(".", "")
            assert len(digits.rstrip("0")) <= 15
    else:
        assert float(text) == value


@given(st.floats(-(2.0**-1022), 2.0**-1022, exclude_min=True, exclude_max=True))
def test_a_number_too_small_for_a_literal_is_a_product(value):
    factors = [float(part) for part in number(value).strip("()").split(" * ")]
    assert math.prod(factors) == value


def test_what_is_no_number_is_written_as_what_basic_knows():
    assert [number(v) for v in (math.nan, 1e-5, 2.0, -0.0)] == ["Null", "1E-05", "2.0", "-0.0"]
    assert number(math.inf) == "1.79769313486231E+308"


def test_a_small_tree_reads_as_tests():
    text = cf.read(DecisionTreeClassifier(max_depth=2, random_state=0).fit(FLOWERS, NAMES)).to(
        "vba"
    )
    assert (
        "If at_most(petal_width_cm, exactly(0.800000041723251, 2.22044604925031E-16)) Then\n"
        in text
    )
    assert "' Use: =model(A2:D2), with the inputs in this order:\n'     sepal length (cm)\n" in text
    assert "Public Function model_P_setosa(ParamArray cells() As Variant) As Variant\n" in text


def test_names_differ_by_more_than_capitals():
    names = ("a", "A", "W1", "w1", "Label", "x" * 300, "end", "1")
    inputs = [ops.input_(i) for i in range(len(names))]
    formula = Formula({"y": ops.linear(0, range(1, 9), inputs)}, tuple(map(Feature, names)))
    text = formula.to("vba")
    declared = [line for line in text.split("\n") if line.strip().startswith("Dim a ")]
    found = [part.split()[0].lower() for part in declared[0].strip()[4:].split(", ")]
    assert len(set(found)) == len(found)
    assert max(map(len, found)) < 60


def test_labels_of_two_types_zeros_in_a_text_and_strange_names_are_refused():
    kind = ops.input_(0, Type.LABEL)
    mixed = Formula({"y": ops.member(kind, ["a", 1])}, (Feature("kind", Type.LABEL),))
    with pytest.raises(UnsupportedTarget, match="both texts and numbers"):
        mixed.to("vba")
    zero = Formula({"y": ops.member(kind, ["a\0b"])}, (Feature("kind", Type.LABEL),))
    with pytest.raises(UnsupportedTarget, match="zero character"):
        zero.to("vba")
    for name in ("If", "a b", "1a", "x: y", "", "_a"):
        with pytest.raises(BadInput, match="no name in VBA"):
            REFUSING.to("vba", name=name)


@pytest.mark.slow
@needs_office
def test_degenerate_formulas_run():
    # All in one module: LibreOffice starts in 2 s.
    outputs = {f"{name} {k}": n for name, found in DEGENERATE.items() for k, n in found.items()}
    formula = Formula(outputs, FEATURES)
    wanted = left_to_right(formula, ROWS)
    found = ran("vba", formula, ROWS)
    for name, column in wanted.items():
        for a, b in zip(found[name], column, strict=True):
            if isinstance(b, str):
                assert a == b or a == "x", name
            elif b is None or b != b or math.isinf(b):
                assert a is None or a != a or a == "x", name
            else:
                assert a == b, name


@pytest.mark.slow
@needs_office
def test_rows_that_the_model_refuses_give_nothing():
    found = ran("vba", REFUSING, ROWS)
    assert found["z"] == ["red", None, None, "blue"]
    assert found["y"] == [1.0, None, None, 2.0]


@pytest.mark.slow
@needs_office
@pytest.mark.parametrize("name", ["network", "classes", "categories", "chain"])
def test_a_large_formula_runs(name):
    # LibreOffice reads no module with more than some 3,500 numbers; the editor of VBA does.
    formula = BIG[name]() if name != "network" else network(15, 30, 30, 1)
    X = rows_of(formula, 3)
    wanted = {k: v.tolist() for k, v in formula.evaluate(X).items()}
    assert_near(ran("vba", formula, X), wanted)


@pytest.mark.slow
@needs_office
def test_what_overflows_is_missing_and_the_other_outputs_are_not():
    x = ops.input_(0)
    formula = Formula({"y": ops.exp(x), "z": ops.mul(x, x), "w": ops.lin(1, (2, x))},
                      (Feature("x"),))  # fmt: skip
    found = ran("vba", formula, {"x": [1.0, 800.0, 1e200]})
    assert found["y"][1:] == [None, None]
    assert found["z"] == [1.0, 640000.0, None]
    assert found["w"] == [3.0, 1601.0, 2e200]


@pytest.mark.slow
@needs_office
def test_a_normal_quantile_that_is_cut_to_a_range_has_its_ends():
    cut = ops.minimum(
        ops.maximum(ops.unary("probit", ops.input_(0)), ops.const(-5.2)), ops.const(5)
    )
    shares = [0.0, 1e-300, 1e-9, 0.05, 0.5, 0.75, 0.95, 1.0, -0.1, math.nan]
    formula = Formula({"y": cut}, (Feature("x"),))
    found = ran("vba", formula, {"x": shares})["y"]
    wanted = formula({"x": shares}).tolist()
    assert (found[0], found[7]) == (-5.2, 5.0)
    np.testing.assert_allclose(np.array(found, float), wanted, rtol=1e-14)


@pytest.mark.slow
@needs_office
def test_small_models_give_what_the_model_gives():
    for formula in small_formulas().values():
        X = {f.name: FLOWERS[f.name].tolist()[::10] for f in formula.inputs}
        found = ran("vba", formula, X)
        assert found["label"] == formula(FLOWERS.iloc[::10]).tolist()


def test_a_classifier_has_a_function_for_each_output():
    text = cf.read(LogisticRegression(max_iter=500).fit(FLOWERS, NAMES)).to("vba", name="iris")
    heads = [line.split("(")[0] for line in text.split("\n") if line.startswith("Public")]
    assert [head.removeprefix("Public Function ") for head in heads][:3] == [
        "iris", "iris_label", "iris_P_setosa",
    ]  # fmt: skip
    assert np.unique(heads).size == len(heads)
