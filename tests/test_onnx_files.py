"""ONNX files that are damaged or made to harm: one clear error, no code run, no memory eaten."""

import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import closedform as cf

pytest.importorskip("onnxruntime")

import onnx
import onnxruntime
from onnx import helper

from closedform.loading import inspect_file
from closedform.readers.onnx import walking
from onnx_graphs import model, of, tensor, value_info

DRAW = np.random.default_rng(5)


def f(*shape: int) -> np.ndarray:
    """Return random numbers in float32."""
    return DRAW.normal(size=shape).astype(np.float32)


def network() -> Any:
    """Return a small network with a convolution, a table and a recurrent layer."""
    nodes = [
        helper.make_node("Gather", ["table", "kind"], ["e"]),
        helper.make_node("Concat", ["x", "e"], ["j"], axis=1),
        helper.make_node("Unsqueeze", ["j", "one"], ["u"]),
        helper.make_node("Conv", ["u", "k"], ["c"], kernel_shape=[2], pads=[1, 0]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("Reshape", ["r", "flat"], ["l"]),
        helper.make_node("Gemm", ["l", "w", "b"], ["y"], transB=1),
    ]
    consts = {"table": f(3, 2), "one": [1], "k": f(2, 1, 2), "flat": [0, -1], "w": f(2, 10),
              "b": f(2)}  # fmt: skip
    return model(nodes, {"x": [3], "kind": ("int64", [])}, consts=consts)


def saved(path: Any, made: Any) -> Any:
    """Write a model, or bytes, to a file."""
    path.write_bytes(made if isinstance(made, bytes) else made.SerializeToString())
    return path


def test_a_file_is_told_by_its_content(tmp_path):
    path = saved(tmp_path / "model.pkl", network())
    report = inspect_file(path)
    assert (report.kind, report.complete, report.imports) == ("onnx", True, ())
    assert list(cf.read(path).outputs) == ["y[0]", "y[1]"]
    for other in (b"\x08\x07not a model", b"\x08\x07\x3a", b"\x08\xff\xff\xff", b"\x08"):
        assert inspect_file(saved(tmp_path / "other", other)).kind != "onnx"


def test_truncated_files_give_one_error(tmp_path):
    raw = network().SerializeToString()
    for end in range(1, len(raw), 7):
        with pytest.raises(cf.ClosedformError):
            cf.read(saved(tmp_path / "model.onnx", raw[:end]))


def test_changed_files_give_a_formula_or_one_error(tmp_path):
    raw = network().SerializeToString()
    read = 0
    for _ in range(400):
        changed = bytearray(raw)
        for at in DRAW.integers(0, len(raw), size=DRAW.integers(1, 4)):
            changed[at] = DRAW.integers(0, 256)
        try:
            cf.read(saved(tmp_path / "model.onnx", bytes(changed)))
            read += 1
        except cf.ClosedformError as error:
            assert len(str(error)) < 3000
    assert read > 20  # changed weights are as good as any


def test_files_that_hold_no_graph_are_not_asked(tmp_path):
    formula = cf.read(product())
    for path in (saved(tmp_path / "odd.onnx", b"garbage" * 20), tmp_path / "none.onnx", tmp_path):
        with pytest.raises(cf.BadFile):
            formula.verify(path, np.ones((3, 3)))


def test_an_example_goes_with_a_file_too(tmp_path):
    made = model([helper.make_node("ReduceSum", ["x", "one"], ["y"])], {"x": ("float32", ["time"])},
                 consts={"one": [1]})  # fmt: skip
    path = saved(tmp_path / "model.onnx", made)
    assert len(cf.read(path, example=np.ones((1, 4))).inputs) == 4


def kept_outside(made: Any, **entries: Any) -> Any:
    """Return a model whose last initialiser, "w", is kept in another file."""
    whole = type(made)()
    whole.CopyFrom(made)
    outside = whole.graph.initializer[-1]
    outside.ClearField("raw_data")
    outside.data_location = 1
    for key, value in entries.items():
        entry = outside.external_data.add()
        entry.key, entry.value = key, str(value)
    return whole


def product() -> Any:
    """Return x @ w."""
    node = helper.make_node("MatMul", ["x", "w"], ["y"])
    return model([node], {"x": [3]}, consts={"w": f(3, 2)})


def test_numbers_in_a_file_beside_the_model_are_read(tmp_path):
    made = product()
    weights = made.graph.initializer[-1].raw_data
    (tmp_path / "inner").mkdir()
    (tmp_path / "inner" / "w.data").write_bytes(b"12345678" + weights + b"more")
    here = {"location": "inner/w.data", "offset": 8, "length": 24}
    path = saved(tmp_path / "model.onnx", kept_outside(made, **here))
    rows = DRAW.normal(size=(20, 3))
    formula = cf.read(path)
    np.testing.assert_array_equal(formula(rows), cf.read(made)(rows))
    for asked in (path, str(path), onnxruntime.InferenceSession(path)):
        found = formula.verify(asked, rows)
        assert found.ok, found
        assert {c.method for c in found.checks} == {"graph in float64", "graph, float32"}
    with pytest.raises(cf.UnsupportedModel, match="does not say where that lies"):
        cf.read(onnx.load(path, load_external_data=False))
    (tmp_path / "inner" / "w.data").unlink()
    with pytest.raises(cf.BadFile, match="keeps numbers in another file"):
        cf.read(path)


@pytest.mark.parametrize("entries, match", [
    ({"location": "../w"}, "does not lie beside it"),
    ({"location": "/etc/hostname"}, "does not lie beside it"),
    ({"location": "way/out"}, "does not lie beside it"),
    ({"location": "a\0b"}, "does not lie beside it"),
    ({"location": ""}, "does not lie beside it"),
    ({}, "does not lie beside it"),
    ({"location": "."}, "is a folder"),
    ({"location": "pipe"}, "not a regular file"),
    ({"location": "w", "length": 23}, "take 24 bytes, not 23"),
    ({"location": "w", "offset": 1}, "too short"),
    ({"location": "w", "offset": "-8"}, "a place of its numbers"),
    ({"location": "w", "offset": "9" * 18}, "too short"),
    ({"location": "w", "offset": "9" * 40}, "a place of its numbers"),
])  # fmt: skip
def test_numbers_from_anywhere_else_are_not_read(entries, match, tmp_path):
    made = product()
    (tmp_path / "w").write_bytes(made.graph.initializer[-1].raw_data)
    folder = tmp_path / "models"
    folder.mkdir()
    (folder / "w").write_bytes(made.graph.initializer[-1].raw_data)
    (folder / "way").symlink_to(tmp_path)
    (tmp_path / "out").write_bytes(made.graph.initializer[-1].raw_data)
    os.mkfifo(folder / "pipe")
    with pytest.raises(cf.BadFile, match=match):
        cf.read(saved(folder / "model.onnx", kept_outside(made, **entries)))


def test_tensors_in_other_files_are_as_large_as_they_may_be(tmp_path):
    for shape in ([2**40], [-3], [2**20, 2**20]):
        made = kept_outside(product(), location="w")
        made.graph.initializer[-1].dims[:] = shape
        with pytest.raises(cf.BadFile, match="of the shape"):
            cf.read(saved(tmp_path / "model.onnx", made))


def test_branches_that_are_never_taken_point_to_no_other_file_either(tmp_path):
    taken, never = (
        helper.make_graph(
            [helper.make_node("MatMul", ["x", "w"], ["n"])], "b", [],
            [value_info("n", "float32", None)], [tensor("w", f(3, 2))],
        )
        for _ in range(2)
    )  # fmt: skip
    never.initializer[0].ClearField("raw_data")
    never.initializer[0].data_location = 1
    never.initializer[0].external_data.add(key="location", value="/etc/hostname")
    node = helper.make_node("If", ["c"], ["y"], then_branch=taken, else_branch=never)
    made = model([node], {"x": [3]}, consts={"c": np.array(True)})
    with pytest.raises(cf.BadFile, match="does not lie beside it"):
        cf.read(saved(tmp_path / "model.onnx", made))


def grown(op: str, **kw: Any) -> Any:
    """Return a graph whose known values double 60 times."""
    nodes = [helper.make_node("Concat", [f"c{i}"] * 2, [f"c{i + 1}"], axis=0) for i in range(60)]
    nodes += [helper.make_node("ReduceSum", ["c60"], ["s"], keepdims=0),
              helper.make_node("Add", ["x", "s"], ["y"])]  # fmt: skip
    return model(nodes, {"x": [2]}, consts={"c0": f(1)})


def endless(nodes: list[Any]) -> Any:
    """Return a loop that turns 2^62 times."""
    inner = helper.make_graph(
        nodes, "b", [value_info("i", "int64", []), value_info("g", "bool", []),
                     value_info("h", "float32", None)],
        [value_info("g", "bool", []), value_info("k" if nodes else "h", "float32", None)],
    )  # fmt: skip
    loop = helper.make_node("Loop", ["n", "t", "x"], ["y"], body=inner)
    return model([loop], {"x": [2]}, consts={"n": np.array(2**62), "t": np.array(True)})


def scanning(count: int) -> Any:
    """Return a Scan that says how many of its inputs are sequences."""
    inner = helper.make_graph([helper.make_node("Neg", ["h"], ["k"])], "b",
                              [value_info("h", "float32", None)],
                              [value_info("k", "float32", None)])  # fmt: skip
    node = helper.make_node("Scan", ["x"], ["y"], body=inner, num_scan_inputs=count)
    return model([node], {"x": [2]})


def laughing() -> Any:
    """Return functions each of which calls the one before it four times."""
    made = [helper.make_function("f", "f0", ["a"], ["b"], [helper.make_node("Neg", ["a"], ["b"])],
                                 [helper.make_opsetid("", 21)])]  # fmt: skip
    both = [helper.make_opsetid("", 21), helper.make_opsetid("f", 1)]
    for i in range(1, 30):
        calls = [helper.make_node(f"f{i - 1}", [n], [m], domain="f") for n, m in
                 ("ac", "cd", "de", "eb")]  # fmt: skip
        made.append(helper.make_function("f", f"f{i}", ["a"], ["b"], calls, both))
    whole = model([helper.make_node("f29", ["x"], ["y"], domain="f")], {"x": [2]}, functions=made)
    whole.opset_import.append(helper.make_opsetid("f", 1))
    return whole


def calling_itself() -> Any:
    """Return a function that calls itself."""
    both = [helper.make_opsetid("", 21), helper.make_opsetid("f", 1)]
    own = helper.make_function("f", "f", ["a"], ["b"],
                               [helper.make_node("f", ["a"], ["b"], domain="f")], both)  # fmt: skip
    made = model([helper.make_node("f", ["x"], ["y"], domain="f")], {"x": [2]}, functions=[own])
    made.opset_import.append(helper.make_opsetid("f", 1))
    return made


def declared(shape: list[int], raw: bytes = b"") -> Any:
    """Return a graph with a tensor of a shape that its bytes do not fill."""
    made = network()
    made.graph.initializer[0].dims[:] = shape
    made.graph.initializer[0].raw_data = raw
    return made


HUGE = 2**40
HOSTILE: dict[str, Callable[[], Any]] = {
    "doubling": lambda: grown("Concat"),
    "expanded": lambda: of("Expand", [1], consts={1: [HUGE, 1, 2]}),
    "tiled": lambda: of("Tile", [2], consts={1: [1, HUGE]}),
    "padded": lambda: of("Pad", [2], consts={1: [0, HUGE, 0, 0]}),
    "one of many": lambda: of("OneHot", ("int64", [2]), consts={1: np.array(HUGE), 2: f(2)}),
    "filled": lambda: model(
        [helper.make_node("ConstantOfShape", ["s"], ["c"]), helper.make_node("Size", ["c"], ["n"]),
         helper.make_node("Cast", ["n"], ["m"], to=1), helper.make_node("Add", ["x", "m"], ["y"])],
        {"x": [2]}, consts={"s": [HUGE]},
    ),
    "counted": lambda: model(
        [helper.make_node("Range", ["a", "b", "d"], ["r"]),
         helper.make_node("Gather", ["r", "x"], ["y"])],
        {"x": ("int64", [2])}, {"y": "int64"},
        {"a": np.array(0), "b": np.array(HUGE), "d": np.array(1)},
    ),
    "resized": lambda: of("Resize", [1, 2, 2], consts={1: None, 2: None, 3: [1, 1, 2**30, 2**30]}),
    "windows": lambda: of("MaxPool", [1, 9], kernel_shape=[3], pads=[HUGE, HUGE]),
    "turning": lambda: endless([helper.make_node("Neg", ["h"], ["k"])]),
    "turning without a node": lambda: endless([]),
    "scanning": lambda: scanning(2**62),
    "scanning nothing": lambda: scanning(-(2**62)),
    "split": lambda: of("Split", [4], num_outputs=2**62, axis=1),
    "in order": lambda: of("TopK", [9], consts={1: [HUGE]}, results=2),
    "places": lambda: of("TopK", [9000], consts={1: [9000]}, results=2),
    "laughing": laughing,
    "calling itself": calling_itself,
    "declared": lambda: declared([HUGE, HUGE]),
    "declared in part": lambda: declared([3, 2], b"1234"),
    "negative": lambda: declared([-3, -2]),
    "many rows": lambda: value_rows(HUGE),
    "many inputs": lambda: of("Neg", [HUGE]),
    "products": lambda: of("Einsum", [60, 60], [60, 60], [60, 60], equation="nab,ncd,nef->nacebdf"),
}  # fmt: skip


def value_rows(rows: int) -> Any:
    """Return a graph that insists on many rows."""
    made = of("Neg", [2])
    made.graph.input[0].CopyFrom(value_info("x0", "float32", [rows, 2]))
    return made


@pytest.mark.parametrize("name", HOSTILE)
def test_files_made_to_eat_time_or_memory_are_refused(name, tmp_path, monkeypatch):
    monkeypatch.setattr(walking, "STEPS", walking.STEPS // 10)
    monkeypatch.setattr(walking, "HELD", walking.HELD // 64)
    path = saved(tmp_path / "model.onnx", HOSTILE[name]())
    start = time.perf_counter()
    with pytest.raises(cf.ClosedformError):
        cf.read(path)
    assert time.perf_counter() - start < 20  # 0.1 s; with all steps and numbers, 5 s


def test_names_are_data(tmp_path):
    odd = "'; DROP TABLE x; --\x1b[31m"
    made = of("Neg", [1])
    made.graph.input[0].name = made.graph.node[0].input[0] = odd
    made.graph.output[0].name = made.graph.node[0].output[0] = "__import__('os')"
    formula = cf.read(saved(tmp_path / "model.onnx", made))
    assert [f.name for f in formula.inputs] == [odd]
    assert list(formula.outputs) == ["__import__('os')"]
    assert formula({odd: [2.0]}).tolist() == [-2.0]
    made.graph.node[0].op_type = "Neg\x1b[31m"
    with pytest.raises(cf.UnsupportedModel) as error:
        cf.read(saved(tmp_path / "model.onnx", made))
    assert "\x1b" not in str(error.value)


def test_without_onnx_a_file_asks_for_it(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "onnx", None)
    with pytest.raises(cf.MissingExtra, match=r"closedform\[onnx\]"):
        cf.read(saved(tmp_path / "model.onnx", network()))
