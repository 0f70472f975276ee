"""Small ONNX graphs, and comparing one with its formula in float64 and float32."""

from typing import Any

import numpy as np
import pytest

import closedform as cf

pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")

from onnx import helper, numpy_helper

from closedform.asking.onnx import Layout, answers, runner
from closedform.asking.onnx_double import in_double

OPSET = 21
TYPES = {"float32": 1, "int64": 7, "string": 8, "bool": 9, "float16": 10, "float64": 11,
         "int32": 6, "uint8": 2, "int8": 3}  # fmt: skip


def value_info(name: str, kind: str, shape: Any) -> Any:
    """Describe an input or output."""
    return helper.make_tensor_value_info(name, TYPES[kind], shape)


def tensor(name: str, value: Any) -> Any:
    """Return an initialiser; floats as float32 unless they are arrays already."""
    array = value if isinstance(value, np.ndarray) else np.asarray(value)
    if array.dtype == np.float64 and not isinstance(value, np.ndarray):
        array = array.astype(np.float32)
    return numpy_helper.from_array(array.astype(np.int64) if array.dtype == int else array, name)


def model(
    nodes: list[Any], inputs: dict[str, Any], outputs: dict[str, str] | None = None,
    consts: dict[str, Any] | None = None, opset: int = OPSET, **more: Any,
) -> Any:  # fmt: skip
    """Return a model.

    Args:
        nodes: in order.
        inputs: shape of a row, or (kind, shape), by name; "N" rows of them.
        outputs: kind by name; what the last node gives, where there is none.
        consts: initialisers.
    """
    infos = []
    for name, given in inputs.items():
        kind, shape = given if isinstance(given[0] if given else 0, str) else ("float32", given)
        infos.append(value_info(name, kind, ["N", *shape]))
    outputs = outputs or {nodes[-1].output[0]: "float32"}
    graph = helper.make_graph(
        nodes, "graph", infos, [value_info(n, k, None) for n, k in outputs.items()],
        [tensor(n, v) for n, v in (consts or {}).items()],
    )  # fmt: skip
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], **more)
    made.ir_version = 10
    return made


def of(
    op: str, *shapes: Any, consts: dict[int, Any] | None = None, out: str = "float32",
    opset: int = OPSET, results: int = 1, inputs: int = 0, **attributes: Any,
) -> Any:  # fmt: skip
    """Return a model of one operator.

    Args:
        op: its name.
        shapes: of its inputs, row by row, in order.
        consts: inputs that are known, by position; the others are taken in order.
        out: the kind of the result.
        results: how many results the operator gives; the first is the model's.
        inputs: how many inputs it has, where some at the end are left out.
    """
    consts = consts or {}
    names, given, at = [], {}, 0
    for i in range(max(len(shapes) + len(consts), inputs)):
        if i in consts:
            names.append("" if consts[i] is None else f"c{i}")
        else:
            names.append(f"x{i}")
            given[f"x{i}"] = shapes[at]
            at += 1
    node = helper.make_node(op, names, [f"y{i}" for i in range(results)], **attributes)
    kept = {f"c{i}": v for i, v in consts.items() if v is not None}
    return model([node], given, {"y0": out}, kept, opset)


def rows_of(made: Any, count: int = 40, low: int = 0, high: int = 3) -> np.ndarray:
    """Return rows that float16 holds; whole numbers from low to high where the graph takes such."""
    draw = np.random.default_rng(7)
    columns = []
    for info in made.graph.input:
        shape = [d.dim_value for d in info.type.tensor_type.shape.dim][1:]
        size = int(np.prod(shape, dtype=int))
        kind = info.type.tensor_type.elem_type
        if kind in (1, 10, 11):
            part = draw.normal(size=(count, size)).astype(np.float16).astype(float)
        else:
            part = draw.integers(low, 2 if kind == 9 else high, size=(count, size)).astype(float)
        columns.append(part)
    return np.hstack(columns)


def check(
    made: Any, rows: np.ndarray | None = None, rtol: float = 1e-12, near: float = 1e-4,
    fine: bool = True, **options: Any,
) -> cf.Formula:  # fmt: skip
    """Compare a graph and its formula; in float32, some 1,000 steps round by 2^-23 each.

    Args:
        rtol: relative to the largest value of an output, in float64.
        near: the same in the graph's own type.
        fine: whether the graph has a copy in float64.
    """
    formula = cf.read(made, **options)
    rows = rows_of(made) if rows is None else rows
    ours = np.column_stack([formula(rows, name) for name in formula.outputs])
    layout = Layout.from_json(formula.trail[0].options["layout"])
    columns = list(rows.T)
    whole = not formula.precision  # whole numbers, truths, float64: nothing to be coarse about
    said = answers(runner(made), layout)(columns)
    assert_close(ours, said, rtol if whole else near, "the graph as it is")
    engine = formula.trail[0].options["float64"]
    assert bool(engine) == (fine and not whole), "whether it computes in float64"
    if engine:
        wide = runner(in_double(made), reference=engine == "reference", plain=True)
        assert_close(ours, answers(wide, layout.in_double())(columns), rtol, "in float64")
    return formula


def assert_close(ours: np.ndarray, expected: np.ndarray, near: float, what: str) -> None:
    """Fail unless two tables are as near as asked, and missing in the same places."""
    assert ours.shape == expected.shape, what
    scale = np.abs(expected[np.isfinite(expected)]).max(initial=1e-300)
    with np.errstate(invalid="ignore"):
        away = np.where(ours == expected, 0.0, np.abs(ours - expected))
    away[np.isnan(ours) & np.isnan(expected)] = 0.0
    assert not np.isnan(away).any(), f"{what}: missing where the other is not"
    assert away.max(initial=0.0) <= near * scale, f"{what}: {away.max() / scale:.3g}"
