"""ONNX graphs: valid, run by onnxruntime, equal to the formula, and read back as the same."""

import math

import numpy as np
import onnx
import pytest
from hypothesis import Phase, assume, given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from xgboost import XGBRegressor

import closedform as cf
from closedform import ops
from closedform.errors import BadInput, UnsupportedTarget
from closedform.formula import Feature, Formula
from closedform.ir import Type
from closedform.ops.payloads import Pieces
from closedform.verify.running.onnx import run_onnx, tool
from programs import assert_same, left_to_right, same
from strategies import BUILD, LABELS, formulas, rows
from test_c import relabelled, unknown_as_itself

# What onnxruntime and NumPy round differently is compared op by op, in test_targets.
EXACT = set(BUILD) - {"pow", *ops.UNARY} | {"abs", "sqrt", "floor", "sign", "round32"}
AMONG = st.sampled_from([sorted(EXACT - {"kth", "weighted_median"}), sorted(EXACT - {"div"})])
TINY = 1e-37
"""Numbers below which onnxruntime takes one that is added for 0."""
DATA, TARGET = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
FLOWERS, KINDS = load_iris(return_X_y=True, as_frame=True)
KIND = ops.input_(1, Type.LABEL)


def ran(formula, X, **options):
    """Every output of the graph for all rows; the NaN of a label is none."""
    made = formula.to("onnx", **options)
    onnx.checker.check_model(made, full_check=True)
    columns = [list(X[f.name]) for f in formula.inputs]
    found, error = run_onnx(
        made.SerializeToString(), formula.inputs, columns, [*formula.outputs], options
    )
    assert not error, error
    for name, n in formula.outputs.items():
        if n.type is Type.LABEL:
            found[name] = [None if v is None or v != v else v for v in found[name]]
    return found


def added(n):
    """The numbers that a node adds to others."""
    if n.op is ops.LIN:
        return [n.data.bias]
    return n.data.coefs.ravel().tolist() if n.op is ops.PIECEWISE else []


@settings(max_examples=60, phases=[Phase.generate])
@given(
    AMONG.flatmap(lambda among: formulas(outputs=12, size=50, among=among)), rows(), st.booleans()
)
def test_every_formula_runs_and_is_equal(formula, X, as_text):
    assume(not any(0 < abs(v) < TINY for n in formula.nodes for v in added(n)))
    new = {v: f"{v}" if as_text else float(i) for i, v in enumerate(LABELS)}
    X = X | {"kind": [v if as_text or v in new else None for v in X["kind"]]}
    formula, X = relabelled(formula, X, new)
    wanted = left_to_right(formula, X)
    assert_same(unknown_as_itself(ran(formula, X), wanted, X), wanted, same)


@settings(max_examples=60, phases=[Phase.generate])
@given(
    formulas(outputs=6, size=12, among=sorted(ops.UNARY)), rows(values=(-2.5, -0.3, 0.1, 0.8, 9))
)
def test_functions_of_numbers_are_a_few_ulp_away(formula, X):
    formula, X = relabelled(formula, X, {v: str(v) for v in LABELS})
    wanted = left_to_right(formula, X)

    def near(a, b):
        # 1e-9: sin of a great number loses what the number has lost.
        return same(a, b) or not isinstance(a, float) or abs(a - b) <= 1e-9 * max(1, abs(b)) or (
            abs(b) > 1e6
        )  # fmt: skip

    assert_same(unknown_as_itself(ran(formula, X), wanted, X), wanted, near)


def models():
    scaled = make_pipeline(StandardScaler(), LogisticRegression())
    network = make_pipeline(
        StandardScaler(), MLPRegressor(hidden_layer_sizes=(15, 15), activation="tanh", max_iter=30)
    )
    return {
        "logistic": (scaled.fit(FLOWERS, KINDS), FLOWERS),
        "network": (network.fit(DATA, TARGET), DATA),
        "forest": (RandomForestClassifier(8, random_state=0).fit(FLOWERS, KINDS), FLOWERS),
        "boosted": (GradientBoostingRegressor(n_estimators=30).fit(DATA, TARGET), DATA),
        "classes": (HistGradientBoostingClassifier(max_iter=8).fit(FLOWERS, KINDS), FLOWERS),
    }


MODELS = models()


@pytest.mark.parametrize("inputs", ["columns", "matrix"])
@pytest.mark.parametrize("name", MODELS)
def test_a_graph_read_back_is_the_same_formula(name, inputs):
    model, X = MODELS[name]
    formula = cf.read(model)
    again = cf.read(formula.to("onnx", inputs=inputs))
    rows = X.to_numpy() if inputs == "matrix" else X[[f.name for f in again.inputs]]
    found, wanted = again.evaluate(rows), formula.evaluate(X)
    assert list(found) == list(wanted)
    for output, values in wanted.items():
        if values.dtype.kind == "f":
            np.testing.assert_allclose(found[output], values, rtol=1e-13, atol=1e-13)
        else:
            assert found[output].tolist() == values.tolist()


@pytest.mark.parametrize("name", MODELS)
def test_a_matrix_and_single_columns_give_the_same(name):
    model, X = MODELS[name]
    formula = cf.read(model)
    for options in ({"inputs": "matrix"}, {}):
        ran_ = cf.verify_program(formula, "onnx", X, model=model, made_up=False, **options)
        assert ran_.ok, ran_
        assert ran_.labels_differ == 0


def test_boosters_keep_every_bit():
    X = DATA.astype(np.float32)
    X.iloc[::9, 2] = np.nan
    model = XGBRegressor(n_estimators=40, max_depth=4).fit(X, TARGET)
    formula = cf.read(model)
    found = ran(formula, {name: X[name].tolist() for name in X})
    assert np.array_equal(np.array(found["y"], np.float32), model.predict(X))


def test_in_float_thresholds_part_the_same_rows():
    X = DATA.astype(np.float32)
    model = XGBRegressor(n_estimators=40, max_depth=4).fit(X, TARGET)
    found = ran(cf.read(model), {name: X[name].tolist() for name in X}, precision="float")
    assert np.array_equal(np.array(found["y"], np.float32), model.predict(X))
    steps = Pieces.of([0.1, 0.3], [1.0, 2.0, 3.0], right_closed=True)
    formula = Formula({"y": ops.piecewise(ops.input_(0), steps)}, (Feature("x"),))
    near = [float(np.nextafter(np.float32(0.1), np.float32(s))) for s in (0, 1)]
    assert ran(formula, {"x": near}, precision="float") == {"y": [1.0, 2.0]}


def test_a_network_is_three_products_and_two_activations():
    model = MLPRegressor(hidden_layer_sizes=(60, 60), activation="tanh", max_iter=2)
    X = np.random.default_rng(0).normal(size=(50, 15))
    graph = cf.read(model.fit(X, X[:, 0])).to("onnx", inputs="matrix").graph
    assert [n.op_type for n in graph.node] == ["Gemm", "Tanh", "Gemm", "Tanh", "Gemm", "Identity"]


def test_trees_are_walked_once_for_all_classes():
    graph = cf.read(MODELS["forest"][0]).to("onnx").graph
    assert [n.op_type for n in graph.node].count("TreeEnsembleRegressor") == 1


def test_labels_are_texts_whole_numbers_or_doubles():
    x = ops.input_(0)
    test = ops.less(x, ops.const(1))
    types = {"tensor(int64)": (0, 1), "tensor(double)": (0, None), "tensor(string)": ("a", None)}
    for kind, (yes, no) in types.items():
        chosen = ops.where(test, ops.label(yes), ops.label(no))
        formula = Formula({"label": chosen}, (Feature("x"),))
        session = tool().InferenceSession(formula.to("onnx").SerializeToString())
        assert session.get_outputs()[0].type == kind
        assert ran(formula, {"x": [0.5, 2.0]}) == {"label": [yes, no]}


def test_the_empty_text_is_missing_where_it_is_no_label():
    features = (Feature("x"), Feature("k", Type.LABEL))
    for known, sign in ((("a", "b"), ""), (("a", ""), "(missing)")):
        codes = dict(zip(known, (1.0, 2.0), strict=True))
        formula = Formula({"y": ops.table(KIND, codes, 3.0, 4.0), "k": KIND}, features)
        made = formula.to("onnx")
        assert {p.key: p.value for p in made.metadata_props} == {"missing_label": sign}
        found = ran(formula, {"x": [0.0] * 4, "k": [*known, "other", None]})
        assert found == {"y": [1.0, 2.0, 3.0, 4.0], "k": [*known, "other", None]}


def test_degenerate_formulas_run():
    x = ops.input_(0)
    square = ops.mul(x, x)
    features = (Feature("y"), Feature("k", Type.LABEL, ("u", "v")))
    outputs = {
        "y": x, "constant": ops.const(2.5), "kind": KIND, "fixed": ops.label("q"),
        "none": ops.label(None), "square": square, "more": ops.lin(1, (2, square)),
        "test": ops.less(x, ops.const(1)),
    }  # fmt: skip
    X = {"y": [1.5, -2.0, math.nan], "k": ["u", None, "v"]}
    wanted = Formula(outputs, features).evaluate(X) | {"kind": np.array(X["k"], dtype=object)}
    for names in ([*outputs], *([name] for name in outputs)):
        formula = Formula({name: outputs[name] for name in names}, features)
        assert_same(ran(formula, X), {name: wanted[name].tolist() for name in names})
    assert ran(Formula({"y": ops.const(2.5)}, ()), {}) == {"y": [2.5]}


def test_an_input_called_as_an_output_is_told_apart():
    formula = Formula({"x": ops.lin(1, (2, ops.input_(0)))}, (Feature("x"), Feature("")))
    made = formula.to("onnx")
    assert [i.name for i in made.graph.input] == ["x 2"]
    assert made.graph.input[0].doc_string == "x"
    assert ran(formula, {"x": [3.0], "": [0.0]}) == {"x": [7.0]}


def test_wrong_options_and_columns_of_two_types_are_refused():
    formula = Formula({"y": ops.table(KIND, {"a": 1.0})}, (Feature("x"), Feature("k", Type.LABEL)))
    with pytest.raises(BadInput, match="matrix"):
        formula.to("onnx", inputs="matrix")
    with pytest.raises(BadInput, match="rows"):
        formula.to("onnx", inputs="rows")
    with pytest.raises(BadInput, match="half"):
        formula.to("onnx", precision="half")
    mixed = Formula({"y": ops.table(KIND, {"a": 1.0, 2: 3.0})}, formula.inputs)
    with pytest.raises(UnsupportedTarget, match="both texts and numbers"):
        mixed.to("onnx")


def test_large_formulas_stay_small_graphs():
    def nodes(depth):
        x = ops.input_(0)
        for _ in range(depth):
            x = ops.mul(x, ops.lin(0.1, (0.5, x)))
        return len(Formula({"y": x}, (Feature("a"),)).to("onnx").graph.node)

    assert nodes(80) < 2.5 * nodes(40)
    X = np.random.default_rng(0).normal(size=(400, 3))
    many = LogisticRegression(max_iter=300).fit(X, np.arange(400) % 200)
    made = cf.verify_program(cf.read(many), "onnx", X[:20], model=many, limit=50)
    assert made.ok, made
    graph = cf.read(many).to("onnx", inputs="matrix").graph
    # Each output is picked, is missing where a row is refused, and gets its name.
    assert len(graph.node) < 3 * len(graph.output) + 40
