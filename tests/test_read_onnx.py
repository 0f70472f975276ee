"""ONNX models: inputs, results, rows, control flow, files, certificates, and what is refused."""

from typing import Any

import numpy as np
import pytest

import closedform as cf

pytest.importorskip("onnxruntime")

import onnx
import onnxruntime
from onnx import helper

from closedform.asking.onnx import runner
from closedform.verify.measure import ties_in_order
from onnx_graphs import check, model, of, rows_of, tensor, value_info

DRAW = np.random.default_rng(3)
W, B = (DRAW.normal(size=shape).astype(np.float32) for shape in ((3, 2), (2,)))


def network(kind: str = "float32", batch: Any = "N") -> Any:
    """Return tanh(x W + b), the same each time."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["a"]),
        helper.make_node("Add", ["a", "b"], ["h"]),
        helper.make_node("Tanh", ["h"], ["y"]),
    ]
    consts = {"w": W.astype(kind), "b": B.astype(kind)}
    made = model(nodes, {"x": (kind, [3])}, {"y": kind}, consts)
    for info in made.graph.input:
        dim = info.type.tensor_type.shape.dim[0]
        dim.dim_param, dim.dim_value = ("", batch) if isinstance(batch, int) else (batch, 0)
        if not isinstance(batch, int):
            dim.dim_param = batch
    return made


@pytest.mark.parametrize("kind", ["float32", "float64", "float16"])
def test_graphs_of_each_float_type_agree_within_their_own_rounding(kind):
    formula = cf.read(network(kind))
    found = formula.verify(network(kind), rows_of(network()))
    assert found.ok, found
    assert {p.dtype for p in formula.precision.values()} == {kind} - {"float64"}
    assert [f.name for f in formula.inputs] == ["x0", "x1", "x2"]
    assert list(formula.outputs) == ["y[0]", "y[1]"]
    expected = np.tanh(rows_of(network()) @ W.astype(kind) + B.astype(kind))
    np.testing.assert_allclose(formula(rows_of(network())), expected, rtol=1e-12)


def test_graphs_in_bfloat16_are_asked_through_onnx_itself():
    ml_dtypes = pytest.importorskip("ml_dtypes")
    made = network()
    for info in (*made.graph.input, *made.graph.output):
        info.type.tensor_type.elem_type = 16
    for t in made.graph.initializer:
        t.CopyFrom(tensor(t.name, onnx.numpy_helper.to_array(t).astype(ml_dtypes.bfloat16)))
    formula = cf.read(made)
    assert formula.verify(made, rows_of(network())).ok
    assert {p.dtype for p in formula.precision.values()} == {"bfloat16"}


@pytest.mark.parametrize("batch", [1, 5, "", "N"])
def test_any_number_of_rows_is_answered_whatever_the_graph_insists_on(batch):
    made = network(batch=batch)
    formula = check(made)
    assert formula.trail[0].options["layout"]["rows"] == (batch if isinstance(batch, int) else None)
    assert formula.verify(made, rows_of(made, 7)).ok


def test_a_graph_that_takes_one_row_alone_is_asked_row_by_row():
    nodes = [helper.make_node("Reshape", ["x", "s"], ["y"])]
    made = model(nodes, {"x": [3]}, consts={"s": [1, 3]})
    assert check(made).trail[0].options["layout"]["rows"] == 1


def test_rows_on_another_axis_are_found_by_their_name():
    made = model([helper.make_node("Transpose", ["x"], ["y"])], {"x": [3]})
    made.graph.input[0].CopyFrom(value_info("x", "float32", [3, "N"]))
    made.graph.output[0].CopyFrom(value_info("y", "float32", ["N", 3]))
    assert check(made, np.eye(3)).trail[0].options["layout"]["inputs"][0][3] == 1
    made = model([helper.make_node("Transpose", ["x"], ["y"])], {"x": [2]})
    formula = check(made)  # as many elements as rows are traced together
    assert list(formula.outputs) == ["y[0]", "y[1]"]
    assert formula.trail[0].options["layout"]["results"][0][3] == 1


def test_of_several_free_axes_the_one_that_results_have_too_counts_rows():
    nodes = [
        helper.make_node("RNN", ["x", "W", "R"], ["", "h"], hidden_size=3),
        helper.make_node("Squeeze", ["h", "zero"], ["y"]),
    ]
    draw = np.random.default_rng(0)
    consts = {"W": draw.normal(size=(1, 3, 2)).astype(np.float32), "zero": [0],
              "R": draw.normal(size=(1, 3, 3)).astype(np.float32)}  # fmt: skip
    made = model(nodes, {"x": [2]}, {"y": "float32"}, consts)
    made.graph.input[0].CopyFrom(value_info("x", "float32", ["steps", "rows", 2]))
    made.graph.output[0].CopyFrom(value_info("y", "float32", ["rows", 3]))
    rows = draw.normal(size=(4, 7, 2))
    formula = cf.read(made, example=rows)
    assert (len(formula.inputs), len(formula.outputs)) == (8, 3)
    assert formula.verify(made, rows.transpose(1, 0, 2).reshape(7, 8)).ok


def test_several_inputs_and_results_keep_their_names_and_kinds():
    nodes = [
        helper.make_node("Cast", ["count"], ["c"], to=1),
        helper.make_node("Where", ["flag", "size", "c"], ["y"]),
        helper.make_node("Add", ["count", "one"], ["more"]),
    ]
    made = model(
        nodes, {"size": [1], "count": ("int64", [1]), "flag": ("bool", [1])},
        {"y": "float32", "more": "int64"}, {"one": np.array(1)},
    )  # fmt: skip
    formula = check(made)
    assert [f.name for f in formula.inputs] == ["size", "count", "flag"]
    assert list(formula.outputs) == ["y", "more"]
    assert formula.verify(made, rows_of(made)).ok
    feeds = {"size": [[0.5]], "count": np.array([[3]]), "flag": np.array([[True]])}
    assert formula(feeds, "y") == 0.5  # as onnxruntime takes them
    rows = np.array([[0.5, 1.5, 1], [0.5, 1, 2], [0.5, np.nan, 0], [0.5, 1, np.nan]])
    assert np.isnan(formula(rows)).all()  # the graph takes no such numbers


def test_text_becomes_categories_and_labels():
    nodes = [
        helper.make_node("Equal", ["colour", "red"], ["is"]),
        helper.make_node("Where", ["is", "yes", "no"], ["said"]),
        helper.make_node("Cast", ["is"], ["y"], to=1),
    ]
    made = model(
        nodes, {"colour": ("string", [1])}, {"said": "string", "y": "float32"},
        {"red": np.array("red", object), "yes": np.array("ja", object),
         "no": np.array("nein; --", object)},
    )  # fmt: skip
    formula = cf.read(made)
    rows = {"colour": ["red", "blue", "never", None]}
    assert formula(rows, "label").tolist() == ["ja", "nein; --", "nein; --", None]
    np.testing.assert_array_equal(formula(rows, "y"), [1, 0, 0, np.nan])
    assert formula.verify(made, {"colour": ["red", "blue"]}).ok


def classifier(labels: list[str]) -> Any:
    """Return a graph that gives a label, and the chances of all of them."""
    nodes = [
        helper.make_node("MatMul", ["x", "w"], ["s"]),
        helper.make_node("Softmax", ["s"], ["chances"], axis=1),
        helper.make_node("ArgMax", ["chances"], ["at"], axis=1, keepdims=0),
        helper.make_node("Gather", ["classes", "at"], ["said"]),
    ]
    consts = {"w": W, "classes": np.array(labels, object)}
    return model(nodes, {"x": [3]}, {"said": "string", "chances": "float32"}, consts)


@pytest.mark.parametrize("labels", [["a", "b"], ["b", "a"], ["P(a)", "'; DROP TABLE x; --"]])
def test_a_label_and_its_chances_make_a_classifier(labels):
    made = classifier(labels)
    formula = cf.read(made)
    assert formula.task.kind == "classification"
    assert formula.task.classes == tuple(labels)
    assert list(formula.outputs) == ["label", *(f"P({name})" for name in labels)]
    rows = rows_of(made)
    session = onnxruntime.InferenceSession(made.SerializeToString())
    said, chances = session.run(None, {"x": rows.astype(np.float32)})
    assert formula(rows).tolist() == said.tolist()
    np.testing.assert_allclose(
        np.column_stack([formula(rows, n) for n in formula.task.probability]), chances, rtol=1e-5
    )
    assert formula.verify(made, rows).ok


# --- lengths, names, examples


def test_rows_of_any_length_need_an_example():
    nodes = [helper.make_node("ReduceSum", ["x", "one"], ["y"], keepdims=0)]
    made = model(nodes, {"x": ("float32", ["time"])}, consts={"one": [1]})
    with pytest.raises(cf.UnsupportedModel, match="rows of any length"):
        cf.read(made)
    for example in (np.ones((1, 4)), (np.ones((1, 4)),), {"x": np.ones((1, 4))}):
        assert len(cf.read(made, example=example).inputs) == 4
    for wrong in (np.ones(4), {"z": np.ones((1, 4))}, (1, 2)):
        with pytest.raises(cf.BadInput):
            cf.read(made, example=wrong)


def test_names_are_given_element_by_element():
    formula = cf.read(network(), names=["a", "b'; --", "c"])
    assert [f.name for f in formula.inputs] == ["a", "b'; --", "c"]
    with pytest.raises(cf.BadInput, match="2 names were given for 3 inputs"):
        cf.read(network(), names=["a", "b"])


# --- missing values


def test_missing_numbers_are_refused_where_onnx_does_not_say_what_comes_of_them():
    nodes = [
        helper.make_node("MaxPool", ["x"], ["p"], kernel_shape=[2]),
        helper.make_node("Add", ["p", "z"], ["y"]),
    ]
    made = model(nodes, {"x": [1, 3], "z": [1, 1]})
    formula = cf.read(made)
    assert [f.missing for f in formula.inputs] == [False] * 3 + [True]
    assert formula.verify(made, rows_of(made)).ok


def weighted(op: str, weights: Any) -> Any:
    """Return a graph in which some numbers have the weight 0."""
    return of(op, [2, 3] if op == "Conv" else [3], consts={1: np.asarray(weights, np.float32)})


DROPPED = {
    "a product with 0": (lambda: weighted("Mul", [1, 0, 2]), [False, True, False]),
    "a matrix": (lambda: weighted("MatMul", [[1, 2], [0, 0], [1, 0]]), [False, True, True]),
    "a kernel": (lambda: weighted("Conv", [[[0, 1], [2, 3]]]), [True, True, False] + [False] * 3),
    "a recurrent layer of ReLU": (
        lambda: of("RNN", [1, 2], consts={1: np.ones((1, 1, 2), np.float32),
                                          2: np.ones((1, 1, 1), np.float32)},
                   activations=["Relu"], hidden_size=1, layout=1), [True, True],
    ),
    "nothing": (lambda: weighted("MatMul", [[1, 2], [3, 4], [1, 5]]), [False] * 3),
}  # fmt: skip


@pytest.mark.parametrize("name", DROPPED)
def test_missing_numbers_are_refused_where_the_formula_would_leave_them_out(name):
    graph, refused = DROPPED[name]
    made = graph()
    if name == "a recurrent layer of ReLU":
        made = sequence(made)
    formula = cf.read(made)
    assert [not f.missing for f in formula.inputs] == refused
    rows = rows_of(made)
    assert formula.verify(made, rows).ok
    for i, _ in enumerate(refused):
        holed = rows[:1].copy()
        holed[0, i] = np.nan
        assert np.isnan(formula.evaluate(holed)[next(iter(formula.outputs))]) or not refused[i]


def sequence(made: Any) -> Any:
    """Return a graph of a recurrent layer that takes rows of one step, as onnxruntime has them."""
    node = made.graph.node[0]
    kept = [a for a in node.attribute if a.name != "layout"]
    del node.attribute[:]
    node.attribute.extend(kept)
    node.input[0] = "steps"
    made.graph.node.insert(0, helper.make_node("Transpose", ["x0"], ["steps"], perm=[1, 0, 2]))
    node = made.graph.node[1]
    node.output[0] = "turned"
    made.graph.node.append(helper.make_node("Transpose", ["turned"], ["y0"], perm=[2, 0, 1, 3]))
    return made


def test_a_logarithm_of_a_sigmoid_is_compared_to_the_last_digits():
    nodes = [helper.make_node("Sigmoid", ["x"], ["s"]), helper.make_node("Log", ["s"], ["y"])]
    made = model(nodes, {"x": [1]})
    rows = np.linspace(-80, 80, 41)[:, None]  # in float32 it is infinite from -17 on
    assert check(made, rows[20:]).verify(made, rows[20:]).ok


def test_missing_numbers_go_on_through_everything_else():
    made = network()
    rows = rows_of(made, 3)
    rows[1, 2] = np.nan
    assert np.isnan(cf.read(made)(rows)).tolist() == [[False] * 2, [True] * 2, [False] * 2]


# --- certificates and files


def test_a_graph_a_file_and_a_session_are_all_asked(tmp_path):
    made, path = network(), tmp_path / "model.bin"
    onnx.save(made, path)
    formula = cf.read(path)
    rows = rows_of(made)
    for asked in (made, path, str(path), onnxruntime.InferenceSession(path),
                  onnxruntime.InferenceSession(made.SerializeToString())):  # fmt: skip
        found = formula.verify(asked, rows)
        assert found.ok, found
        assert {c.method for c in found.checks} == {"graph in float64", "graph, float32"}
    formula.save(tmp_path / "formula.json")
    assert cf.load(tmp_path / "formula.json").verify(made, rows).ok
    other = network()
    other.graph.initializer[0].CopyFrom(tensor("w", W + 1e-5))
    assert not formula.verify(other, rows).ok


def test_the_command_line_reads_and_verifies_a_file(tmp_path, capsys):
    from closedform.cli import main

    onnx.save(network(), tmp_path / "model.onnx")
    np.savetxt(tmp_path / "rows.csv", rows_of(network()), delimiter=",", header="a,b,c",
               comments="")  # fmt: skip
    assert main(["read", str(tmp_path / "model.onnx")]) == 0
    assert "tanh" in capsys.readouterr().out
    given = [str(tmp_path / "model.onnx"), "--data", str(tmp_path / "rows.csv")]
    assert main(["verify", *given]) == 0


def test_without_onnxruntime_onnx_itself_is_asked(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    formula = cf.read(network())
    found = formula.verify(network(), rows_of(network()))
    assert found.ok, found
    assert {c.method for c in found.checks} == {"graph in float64", "graph, float32"}


def test_every_target_prints_a_graph():
    formula = cf.read(network())
    for target in ("text", "latex", "python", "numpy", "sympy"):
        assert formula.to(target)
    assert "tanh" in str(formula)
    from closedform.verify import verify_program

    assert verify_program(formula, "numpy", rows_of(network()), model=network()).ok


def test_steps_that_the_graph_takes_otherwise_than_in_float64_are_its_own_rounding():
    nodes = [
        helper.make_node("Mul", ["x", "tenth"], ["t"]),
        helper.make_node("Mul", ["t", "ten"], ["u"]),
        helper.make_node("Sub", ["u", "x"], ["away"]),  # 0, but for rounding
        helper.make_node("Sign", ["away"], ["y"]),
    ]
    made = model(nodes, {"x": [1]}, consts={"tenth": np.float32(0.1), "ten": np.float32(10)})
    rows = np.linspace(1, 9, 41)[:, None].astype(np.float32).astype(float)
    own = runner(made)({"x": rows.astype(np.float32)})["y"]
    formula = cf.read(made)
    assert (own != formula(rows)[:, None]).any()
    assert formula.verify(made, rows).ok


# --- what is refused


def refused(made: Any, match: str) -> None:
    """Fail unless a model is refused for a reason."""
    with pytest.raises(cf.UnsupportedModel, match=match):
        cf.read(made)


def test_all_operators_without_a_formula_are_named_at_once():
    nodes = [
        helper.make_node("Multinomial", ["x"], ["a"]),
        helper.make_node("NonZero", ["a"], ["b"]),
        helper.make_node("RandomNormalLike", ["x"], ["c"]),
        helper.make_node("Fancy", ["x"], ["y"], domain="some.shop"),
    ]
    made = model(nodes, {"x": [2]})
    made.opset_import.append(helper.make_opsetid("some.shop", 1))
    with pytest.raises(cf.UnsupportedModel, match="for 4 reasons") as error:
        cf.read(made)
    for name in ("Multinomial", "NonZero", "RandomNormalLike", "Fancy of the domain 'some.shop'"):
        assert name in str(error.value)


def test_what_mixes_rows_is_refused():
    nodes = [helper.make_node("ReduceMean", ["x", "zero"], ["m"]),
             helper.make_node("Sub", ["x", "m"], ["y"])]  # fmt: skip
    refused(model(nodes, {"x": [2]}, consts={"zero": [0]}), "depends on the other rows")
    norm = helper.make_node(
        "BatchNormalization", ["x", *"wbmv"], ["y", "m2", "v2"], training_mode=1
    )
    consts = {name: np.ones(2, np.float32) for name in "wbmv"}
    refused(model([norm], {"x": [2]}, {"y": "float32"}, consts), "it mixes the rows")


@pytest.mark.parametrize(
    "node, match",
    [
        (helper.make_node("Elu", ["x"], ["y"], gamma=2.0), "Unrecognized attribute: gamma"),
        (helper.make_node("Cast", ["x"], ["y"], to=8), "Cast from float32 to string"),
        (helper.make_node("Cast", ["x"], ["y"], to=2), "may lie beyond it"),
        (helper.make_node("Cast", ["x"], ["y"], to=14), "complex64"),
        (helper.make_node("Cast", ["x"], ["y"], to=17), "float8e4m3fn numbers have no formula"),
        (helper.make_node("MatMul", ["x", "x"], ["y"]), "does not fit its inputs"),
        (helper.make_node("NoSuch", ["x"], ["y"]), "NoSuch has no formula here"),
        (helper.make_node("Upsample", ["x", "two"], ["y"], mode="cubic"), "mode='cubic'"),
    ],
)
def test_options_without_a_formula_are_refused_by_name(node, match):
    refused(model([node], {"x": [3]}, {"y": "float32"}, {"two": [2]}), match)


def test_what_one_engine_alone_makes_of_an_operator_is_refused():
    made = of(
        "AveragePool", [2, 5], kernel_shape=[3], opset=22, strides=[3], dilations=[2],
        auto_pad="SAME_UPPER", count_include_pad=1,
    )  # fmt: skip
    refused(made, "does not give what the graph itself does")  # onnxruntime gives another shape


def test_operators_older_than_any_engine_are_refused():
    made = network()
    made.opset_import[0].version = 6
    refused(made, "of version 6")
    made.opset_import[0].version = 7
    assert check(made)


def test_other_things_than_models_are_refused():
    made = network()
    refused(made.graph, "GraphProto holds no graph that can be read")
    session = onnxruntime.InferenceSession(made.SerializeToString())
    refused(session, "InferenceSession holds no graph that can be read")
    with pytest.raises(cf.NotFitted):
        cf.read(onnx.ModelProto())
    refused(model([helper.make_node("Identity", ["w"], ["y"])], {}, consts={"w": W}), "no inputs")
    made = network()
    del made.graph.input[0].type.tensor_type.shape.dim[:]
    refused(made, "no axis that counts rows")
    made = network()
    made.graph.output[0].name = "w"
    refused(made, "no result with rows")


def test_a_graph_too_large_for_a_formula_is_refused_before_it_is_computed():
    product = [helper.make_node("Transpose", ["x"], ["t"], perm=[0, 2, 1]),
               helper.make_node("MatMul", ["x", "t"], ["y"])]  # fmt: skip
    refused(model(product, {"x": [100, 100]}), "would have more than 150,000 parts")


def test_places_that_the_last_bits_decide_are_ties_in_a_certificate():
    nodes = [
        helper.make_node("Tanh", ["x"], ["h"]),
        helper.make_node("ArgMax", ["h"], ["y"], axis=1, keepdims=0),
    ]
    formula = cf.read(model(nodes, {"x": [2]}, {"y": "int64"}))
    rows = np.array([[18.0, 18.5], [30.0, 30.0], [1.0, 2.0], [-18.5, -18.0]])
    assert ties_in_order(formula, list(rows.T), 4).tolist() == [True, False, False, True]
