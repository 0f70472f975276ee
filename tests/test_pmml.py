"""PMML documents: JPMML's recorded answers, our own reader, and in `test-all` JPMML itself."""

import json
import math
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.tree import DecisionTreeClassifier

import closedform as cf
from closedform import ops
from closedform.errors import UnsupportedTarget
from closedform.formula import Feature, Formula
from closedform.ir import Type
from closedform.ops.payloads import splits_from
from closedform.printers.pmml.spelling import HELPERS
from closedform.verify.running import available
from closedform.verify.running.pmml import run_pmml
from pmml_written import FOLDER, FORMULAS, ROWS

SPACE = "{http://www.dmg.org/PMML-4_4}"
ANSWERS = json.loads((FOLDER / "answers.json").read_text(encoding="utf-8"))
KIND = ops.input_(1, Type.LABEL)
runs = [
    pytest.mark.slow,
    pytest.mark.skipif(not available("pmml"), reason="Java or jpmml_evaluator is not here"),
]


def plain(values):
    return [None if v is None or v != v else v for v in values]


def agree(found, wanted, rtol=1e-12):
    """1e-12: another order of additions, and Java's own exp and tanh."""
    for x, y in zip(plain(found), plain(wanted), strict=True):
        if isinstance(x, float) and isinstance(y, float) and math.isfinite(y):
            assert abs(x - y) <= rtol * max(1.0, abs(y)), (x, y)
        else:
            assert x == y


@pytest.mark.parametrize("name", FORMULAS)
def test_the_document_is_the_one_that_was_recorded(name):
    recorded = (FOLDER / f"{name}.pmml").read_text(encoding="utf-8")
    # With another version in it, it is still the same document.
    with_any_version = re.sub(r"closedform \S+\.&#10;|version=\"[\d.]+\w*\"/>", "", recorded)
    written = FORMULAS[name].to("pmml")
    assert re.sub(r"closedform \S+\.&#10;|version=\"[\d.]+\w*\"/>", "", written) == with_any_version


@pytest.mark.parametrize("name", FORMULAS)
def test_jpmml_answers_as_the_formula_does(name):
    formula = FORMULAS[name]
    wanted = formula.evaluate({f.name: ROWS[f.name] for f in formula.inputs})
    assert list(ANSWERS[name]) == list(wanted)
    for output, values in wanted.items():
        exact = name == "booster"  # added in float32, bit for bit
        agree(ANSWERS[name][output], values.tolist(), 0.0 if exact else 1e-12)


@pytest.mark.parametrize("name", FORMULAS)
def test_our_reader_reads_what_was_written(name, tmp_path):
    formula, path = FORMULAS[name], tmp_path / "model.pmml"
    formula.to("pmml", path)
    again = cf.read(path)
    rows = {f.name: ROWS[f.name] for f in again.inputs}
    found = again.evaluate(rows)
    wanted = formula.evaluate({f.name: ROWS[f.name] for f in formula.inputs})
    first = formula.answer[0]
    renamed = {again.answer[0]: first}
    shared = {k: v for k, v in found.items() if renamed.get(k, k) in wanted}
    assert shared
    for output, values in shared.items():
        agree(values.tolist(), wanted[renamed.get(output, output)].tolist())


def schema_of(model):
    return {f.get("name") for f in model.findall(f"{SPACE}MiningSchema/{SPACE}MiningField")}


@pytest.mark.parametrize("name", FORMULAS)
def test_every_name_that_a_document_uses_is_declared(name):
    document = ElementTree.fromstring(FORMULAS[name].to("pmml"))
    declared = {e.get("name") for e in document.iter() if e.get("name")}
    used = {e.get("field") for e in document.iter() if e.get("field")}
    used |= {e.get("name") for e in document.iter(f"{SPACE}NumericPredictor")}
    assert used <= declared
    own = {f.get("name") for f in document.iter(f"{SPACE}DefineFunction")}
    called = {e.get("function") for e in document.iter(f"{SPACE}Apply")}
    assert called.intersection(HELPERS) <= own  # and each of those that it defines is called
    assert own <= called
    fields = [f.get("name") for f in document.iter(f"{SPACE}DataField")]
    made = [f.get("name") for f in document.iter(f"{SPACE}DerivedField")]
    assert len({*fields, *made}) == len(fields) + len(made)


def test_a_linear_model_is_a_table_of_coefficients_of_any_length():
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    X = X.join(X.add_prefix("again ") ** 2)
    model = LinearRegression().fit(X, y)
    document = ElementTree.fromstring(cf.read(model).to("pmml"))
    found = {
        e.get("name"): float(e.get("coefficient"))
        for e in document.iter(f"{SPACE}NumericPredictor")
    }
    np.testing.assert_array_equal([found[name] for name in X], model.coef_)
    assert not list(document.iter(f"{SPACE}DerivedField"))


def test_trees_are_tree_models_with_thresholds_in_full():
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = DecisionTreeClassifier(random_state=0).fit(X, y)
    document = ElementTree.fromstring(cf.read(model).to("pmml"))
    values = {
        float(e.get("value"))
        for e in document.iter(f"{SPACE}SimplePredicate")
        if e.get("operator") == "lessOrEqual"
    }
    inner = model.tree_.children_left >= 0
    # Read from float32 rows: the threshold is moved between the neighbouring floats.
    wanted = np.unique(model.tree_.threshold[inner])
    np.testing.assert_allclose(sorted(values), wanted, rtol=1e-7)
    target = document.find(f"{SPACE}DataDictionary/{SPACE}DataField[@name='label']")
    assert [v.get("value") for v in target] == ["0", "1", "2"]
    assert target.get("dataType") == "integer"


def test_one_tree_for_classes_has_its_classes_and_their_shares_at_its_leaves():
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = DecisionTreeClassifier(max_depth=3, random_state=0).fit(X, y)
    document = ElementTree.fromstring(cf.read(model).to("pmml"))
    (tree,) = document.iter(f"{SPACE}TreeModel")
    assert tree.get("functionName") == "classification"
    assert not list(document.iter(f"{SPACE}DerivedField"))
    found = [
        (node.get("score"), [float(e.get("probability")) for e in shares])
        for node in tree.iter(f"{SPACE}Node")
        if (shares := node.findall(f"{SPACE}ScoreDistribution"))
    ]
    wanted = np.unique(model.predict_proba(X), axis=0).tolist()
    assert np.unique([shares for _, shares in found], axis=0).tolist() == wanted
    assert all(int(score) == shares.index(max(shares)) for score, shares in found)


@pytest.mark.parametrize("several", [False, True])
def test_a_logistic_regression_is_a_table_of_coefficients_for_each_class(several):
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = LogisticRegression(max_iter=500).fit(X, y if several else y == 2)
    document = ElementTree.fromstring(cf.read(model).to("pmml"))
    (regression,) = document.iter(f"{SPACE}RegressionModel")
    assert regression.get("normalizationMethod") == "softmax"
    assert not list(document.iter(f"{SPACE}DerivedField"))
    tables = regression.findall(f"{SPACE}RegressionTable")
    found = [
        [float(e.get("coefficient")) for e in t.iter(f"{SPACE}NumericPredictor")] for t in tables
    ]
    # Of two classes the first is the reference.
    assert found == (model.coef_.tolist() if several else [[], *model.coef_.tolist()])
    asked = [t.get("targetCategory") for t in tables]
    assert asked == (["0", "1", "2"] if several else ["0", "1"])


def test_what_xml_cannot_hold_is_renamed_or_refused():
    a, b = (ops.lin(0, (1, ops.input_(i))) for i in range(2))
    formula = Formula({"y\0": ops.mul(a, b)}, (Feature("x\x01"), Feature("x\x02")))
    document = ElementTree.fromstring(formula.to("pmml"))
    names = [f.get("name") for f in document.iter(f"{SPACE}DataField")]
    assert names == ["x\ufffd", "x\ufffd 2", "y\ufffd"]
    bad = Formula({"y": ops.table(KIND, {"a\x00": 1.0})}, (Feature("x"), Feature("k", Type.LABEL)))
    with pytest.raises(UnsupportedTarget, match="XML"):
        bad.to("pmml")


def test_the_text_of_shared_values_grows_linearly():
    def size(depth):
        x = ops.input_(0)
        for _ in range(depth):
            x = ops.mul(x, ops.lin(0.1, (0.5, x)))
        return len(Formula({"y": x}, (Feature("a"),)).to("pmml"))

    assert size(80) < 2.5 * size(40)


def ran(formula, X):
    columns = [list(X[f.name]) for f in formula.inputs]
    found, error = run_pmml(formula.to("pmml"), formula.inputs, columns, [*formula.outputs], {})
    assert not error, error
    return found


@pytest.mark.parametrize("name", FORMULAS)
@runs[0]
@runs[1]
def test_jpmml_still_answers_what_was_recorded(name):
    formula = FORMULAS[name]
    found = ran(formula, ROWS)
    for output, values in ANSWERS[name].items():
        agree(found[output], values, 0.0)


@runs[0]
@runs[1]
def test_degenerate_formulas_run():
    x = ops.input_(0)
    square = ops.mul(x, x)
    features = (Feature("x"), Feature("k", Type.LABEL, ("u", "v")))
    outputs = {
        "same": x, "constant": ops.const(2.5), "kind": KIND, "fixed": ops.label("q"),
        "none": ops.label(None), "square": square, "more": ops.lin(1, (2, square)),
        "test": ops.less(x, ops.const(1)), "whole": ops.where(ops.less(x, ops.const(0)),
                                                              ops.label(1), ops.label(2)),
    }  # fmt: skip
    X = {"x": [1.5, -2.0, math.nan], "k": ["u", None, "other"]}
    wanted = Formula(outputs, features).evaluate(X)
    for names in ([*outputs], ["kind"], ["constant"], ["fixed"], ["none"], ["test"], ["whole"]):
        formula = Formula({name: outputs[name] for name in names}, features)
        found = ran(formula, X)
        for name in names:
            expected = wanted[name].tolist()
            if name == "kind":
                expected = ["u", None, "other"]  # what nobody knows comes out as it went in
            agree(found[name], expected)


@runs[0]
@runs[1]
def test_tables_without_rows_of_constants_and_within_comparisons_run():
    x, empty = ops.input_(0), ops.table(KIND, {}, 2.5, -1.0)
    coded = ops.table(KIND, {"u": 1.0}, 2.0, 3.0)
    formula = Formula(
        {"empty": empty, "known": ops.table(ops.label("u"), {"u": 1.0}, 2.0),
         "test": ops.less_equal(coded, empty), "number": ops.table(x, {1.5: 2.0}, math.nan, 7.0)},
        (Feature("x"), Feature("k", Type.LABEL, ("u", "v"))),
    )  # fmt: skip
    X = {"x": [1.5, 2.0, math.nan], "k": ["u", "v", None]}
    found, wanted = ran(formula, X), formula.evaluate(X)
    for name in wanted:
        agree(found[name], wanted[name].tolist())


@runs[0]
@runs[1]
def test_sets_of_codes_missing_codes_and_trees_upon_trees_run():
    sets = np.array([[True, False, True], [False, False, False]])
    splits, _ = splits_from([1, 3, -1, -1, -1], [2, 4, -1, -1, -1], [0, 0, 0, 0, 0],
                            [0, 0, 0, 0, 0], missing_left=[True, False, True, True, True],
                            member=[0, 1, -1, -1, -1], sets=sets)  # fmt: skip
    code = ops.table(KIND, {"u": 0.0, "v": 1.0, "w": 2.0}, 7.0)
    lower = ops.tree(splits, [0, 0, 1.0, 2.0, 3.0], [code])
    upper, _ = splits_from([1, -1, -1], [2, -1, -1], [0, 0, 0], [2.5, 0, 0])
    over = ops.tree(upper, [0.0, 10.0, 20.0], [lower])
    formula = Formula(
        {"y": lower, "z": over, "sum": ops.lin(1, (0.5, lower), (2.0, over))},
        (Feature("x"), Feature("k", Type.LABEL, ("u", "v", "w"))),
    )
    X = {"x": [0.0] * 5, "k": ["u", "v", "w", "other", None]}
    found, wanted = ran(formula, X), formula.evaluate(X)
    for name in wanted:
        agree(found[name], wanted[name].tolist())
