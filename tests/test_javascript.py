"""JavaScript modules: run in Node, equal to the formula bit for bit, whatever things are called."""

import json
import subprocess

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

import closedform as cf
from closedform import ops
from closedform.formula import Feature, Formula
from closedform.ir import Type
from closedform.verify.running.javascript import run_javascript, tool
from programs import assert_same, left_to_right
from strategies import BUILD, formulas, rows

# What V8 and NumPy round differently is compared op by op, in test_targets.
EXACT = set(BUILD) - {"pow", *ops.UNARY} | {"abs", "sqrt", "floor", "sign", "round32"}
# Of two zeros that are the k-th, either is right; a division by it tells them apart.
AMONG = st.sampled_from([sorted(EXACT - {"kth"}), sorted(EXACT - {"div"})])
FLOWERS, KINDS = load_iris(return_X_y=True, as_frame=True)


def ran(formula, X):
    columns = [list(X[f.name]) for f in formula.inputs]
    found, error = run_javascript(
        formula.to("javascript"), formula.inputs, columns, [*formula.outputs], {}
    )
    assert not error, error
    return found


@settings(max_examples=40, phases=[Phase.generate])  # of 12 outputs each: Node starts in 0.1 s
@given(AMONG.flatmap(lambda among: formulas(outputs=12, size=50, among=among)), rows())
def test_every_formula_runs_and_is_equal(formula, X):
    assert_same(ran(formula, X), left_to_right(formula, X))


def test_rows_are_objects_or_arrays_and_what_is_absent_is_missing(tmp_path):
    formula = cf.read(LogisticRegression(max_iter=500).fit(FLOWERS, KINDS))
    (tmp_path / "model.mjs").write_text(formula.to("javascript"), encoding="utf-8")
    script = """
    import { predict, evaluate, INPUTS } from "./model.mjs";
    const values = [6.1, 2.9, 4.7, 1.4];
    const row = Object.fromEntries(INPUTS.map((name, i) => [name, values[i]]));
    console.log(JSON.stringify([predict(values), predict(row), evaluate({})["P(1)"], predict({})]));
    """
    (tmp_path / "script.mjs").write_text(script, encoding="utf-8")
    done = subprocess.run(
        [tool(), "script.mjs"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == [1, 1, None, None]


@pytest.mark.parametrize(
    "name", ["__proto__", "constructor", "</script>", "at", "toString", "\u2028"]
)
def test_a_name_is_a_name_and_nothing_else(name):
    formula = Formula({name: ops.lin(1, (2, ops.input_(0)))}, (Feature(name),))
    assert ran(formula, {name: [3.0, -0.5]}) == {name: [7.0, 0.0]}
    assert "</script>" not in formula.to("javascript")
    kind = ops.input_(0, Type.LABEL)
    formula = Formula(
        {"y": ops.table(kind, {name: 5.0}, 1.0), "z": kind}, (Feature("k", Type.LABEL, (name,)),)
    )
    assert ran(formula, {"k": [name, "other"]}) == {"y": [5.0, 1.0], "z": [name, "other"]}


def test_labels_come_out_as_they_went_in():
    for classes in ([0, 1], [False, True], ["no", "yes"]):
        y = np.array(classes)[(KINDS == 1).astype(int)]
        formula = cf.read(LogisticRegression(max_iter=500).fit(FLOWERS, y))
        X = {f.name: FLOWERS[f.name].tolist()[48:53] for f in formula.inputs}
        found = ran(formula, X)["label"]
        assert found == formula(FLOWERS.iloc[48:53]).tolist()
        assert {type(v) for v in found} <= {type(classes[0]), float}


def test_an_array_has_more_elements_than_a_call_has_arguments():
    x = ops.input_(0)
    names = [f"k{i}" for i in range(70_000)]
    kind = ops.input_(1, Type.LABEL)
    values = ops.table(kind, {name: i / 7 for i, name in enumerate(names)}, -1.0)
    formula = Formula({"y": ops.lin(0, (1, x), (1, values))},
                      (Feature("x"), Feature("kind", Type.LABEL)))  # fmt: skip
    found, error = run_javascript(formula.to("javascript"), formula.inputs,
                                  [[1.0], ["k69999"]], ["y"], {})  # fmt: skip
    assert (found, error) == ({"y": [1 + 69_999 / 7]}, "")
