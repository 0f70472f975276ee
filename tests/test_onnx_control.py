"""ONNX graphs within graphs: loops, scans, branches, functions of the model's own."""

from typing import Any

import numpy as np
import pytest

import closedform as cf

pytest.importorskip("onnxruntime")

from onnx import helper

from onnx_graphs import check, model, tensor, value_info


def body(nodes: list[Any], inputs: list[Any], outputs: list[Any], consts: Any = None) -> Any:
    """Return a graph within the graph, from (name, kind, shape) of its inputs and outputs."""
    return helper.make_graph(
        nodes, "body", [value_info(*i) for i in inputs], [value_info(*o) for o in outputs],
        [tensor(n, v) for n, v in (consts or {}).items()],
    )  # fmt: skip


def halved(count: Any = 3, body_op: str = "Tanh") -> Any:
    """Return a loop that takes a function several times, and gives every turn."""
    inner = body(
        [
            helper.make_node(body_op, ["h"], ["g"]),
            helper.make_node("Add", ["g", "x"], ["next"]),
            helper.make_node("Less", ["i", "last"], ["go on"]),
            helper.make_node("Identity", ["next"], ["seen"]),
        ],
        [("i", "int64", []), ("go", "bool", []), ("h", "float32", None)],
        [("go on", "bool", []), ("next", "float32", None), ("seen", "float32", None)],
        {"last": np.array(2)},
    )
    nodes = [
        helper.make_node("Loop", ["count", "", "x"], ["end", "all"], body=inner),
        helper.make_node("Transpose", ["all"], ["turns"], perm=[1, 0, 2]),
    ]
    return model(
        nodes, {"x": [2]}, {"end": "float32", "turns": "float32"}, {"count": np.array(count)}
    )


@pytest.mark.parametrize("count", [1, 3, 9])
def test_a_loop_is_unrolled_where_the_number_of_its_turns_is_known(count):
    formula = check(halved(count))
    assert len(formula.outputs) == 2 + 2 * min(count, 3)


def test_a_scan_is_unrolled():
    inner = body(
        [
            helper.make_node("Add", ["h", "e"], ["next"]),
            helper.make_node("Sigmoid", ["next"], ["seen"]),
        ],
        [("h", "float32", None), ("e", "float32", None)],
        [("next", "float32", None), ("seen", "float32", None)],
    )
    nodes = [
        helper.make_node("ReduceSum", ["x", "one"], ["h"], keepdims=0),
        helper.make_node(
            "Scan", ["h", "x"], ["end", "all"], body=inner, num_scan_inputs=1,
            scan_input_axes=[1], scan_input_directions=[1], scan_output_axes=[1],
            scan_output_directions=[1],
        ),
    ]  # fmt: skip
    consts = {"one": [1]}
    check(model(nodes, {"x": [4, 2]}, {"end": "float32", "all": "float32"}, consts))


@pytest.mark.parametrize("width", [2, 3])
def test_a_branch_is_taken_where_the_condition_is_known(width):
    branches = {
        f"{name}_branch": body([helper.make_node(op, ["x"], [name])], [], [(name, "float32", None)])
        for name, op in (("then", "Neg"), ("else", "Exp"))
    }
    nodes = [
        helper.make_node("Shape", ["x"], ["s"], start=1),
        helper.make_node("Equal", ["s", "two"], ["is"]),
        helper.make_node("Squeeze", ["is"], ["c"]),
        helper.make_node("If", ["c"], ["y"], **branches),
    ]
    formula = check(model(nodes, {"x": [width]}, consts={"two": [2]}))
    assert formula([[1.0] * width])[0, 0] == (-1 if width == 2 else np.exp(1))


def test_functions_of_the_model_are_walked_with_their_attributes():
    inner = helper.make_node("LeakyRelu", ["a"], ["b"])
    attribute = inner.attribute.add()
    attribute.name, attribute.ref_attr_name, attribute.type = "alpha", "slope", 1
    own = helper.make_function(
        "mine", "bent", ["a", "c"], ["d"], [inner, helper.make_node("Add", ["b", "c"], ["d"])],
        [helper.make_opsetid("", 21)], ["slope"],
    )  # fmt: skip
    nodes = [
        helper.make_node("bent", ["x", "x"], ["h"], domain="mine", slope=0.25),
        helper.make_node("bent", ["h", "x"], ["y"], domain="mine", slope=0.5),
    ]
    made = model(nodes, {"x": [2]}, functions=[own])
    made.opset_import.append(helper.make_opsetid("mine", 1))
    formula = check(made)
    np.testing.assert_array_equal(formula([[-1.0, 2.0]]), [[-1.625, 6.0]])


def test_branches_and_loops_that_depend_on_the_inputs_are_refused():
    branch = body([helper.make_node("Neg", ["x"], ["n"])], [], [("n", "float32", None)])
    nodes = [
        helper.make_node("ReduceMax", ["x"], ["m"], keepdims=0),
        helper.make_node("Cast", ["m"], ["c"], to=9),
        helper.make_node("If", ["c"], ["y"], then_branch=branch, else_branch=branch),
    ]
    with pytest.raises(cf.UnsupportedModel, match="If has no formula: its condition depends on"):
        cf.read(model(nodes, {"x": [2]}))
    made = halved()
    made.graph.initializer.pop()
    made.graph.node.insert(0, helper.make_node("Cast", ["m"], ["count"], to=7))
    made.graph.node.insert(0, helper.make_node("ReduceMax", ["x"], ["m"], keepdims=0))
    with pytest.raises(cf.UnsupportedModel, match="Loop has no formula: the number of its turns"):
        cf.read(made)
