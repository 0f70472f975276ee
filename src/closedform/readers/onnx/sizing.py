"""How large the results of a node will be, before any of them is computed."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from closedform.readers.onnx.values import MOST, NUMBERS, Anything, Value
from closedform.readers.tensors import Tensor
from closedform.readers.torch.elements import NoFormula

SMALL = 1024
"""Known numbers up to so many can be shapes, axes or counts: they are shown to ONNX."""

MOST_NODES = 1 << 22
"""Elements of one tensor that depends on the inputs, those of all rows that are traced."""

Shape = tuple[int, ...]


class Misfit(NoFormula):
    """An operator that ONNX does not allow for its inputs."""


def shapes_of(n: Any, inputs: list[Anything], version: int, most: int = MOST) -> dict[str, Shape]:
    """Return the shape of each output whose shape ONNX can tell from the inputs.

    Raises:
        Misfit: the inputs do not fit the operator.
        NoFormula: a result would be too large.
    """
    from onnx import defs, shape_inference

    named = [(name, v) for name, v in zip(n.input, inputs, strict=True) if name]
    if not all(isinstance(v, Value) for _, v in named):
        return {}
    try:
        schema = defs.get_schema(n.op_type, version, n.domain)
        if schema.deprecated:  # of which ONNX tells no shapes
            return {}
        made = shape_inference.infer_node_outputs(
            schema, n, {name: _type(v) for name, v in named},
            {name: _shown(v) for name, v in named if _is_small(v)},
            opset_imports=[_opset(n.domain, version)],
        )  # fmt: skip
    except defs.SchemaError:
        return {}
    except Exception as error:  # InferenceError, and what is raised for broken attributes
        said = str(error).strip().splitlines()[0][:200]
        raise Misfit(f"operator {n.op_type} does not fit its inputs: {said}") from error
    found = {name: shape for name, type_ in made.items() if (shape := _shape(type_)) is not None}
    if any(math.prod(shape) > most for shape in found.values()):
        raise NoFormula(f"operator {n.op_type} would give a tensor of more than {most:,} elements")
    return found


def _opset(domain: str, version: int) -> Any:
    from onnx import helper

    return helper.make_opsetid(domain, version)


def _type(value: Value) -> Any:
    from onnx import helper

    return helper.make_tensor_type_proto(NUMBERS[value.kind], value.data.shape)


def _is_small(value: Value) -> bool:
    return value.known and value.data.size <= SMALL and value.kind != "string"


def _shown(value: Value) -> Any:
    from onnx import helper

    flat = value.data.ravel().tolist()
    return helper.make_tensor("", NUMBERS[value.kind], value.data.shape, flat)


def _shape(type_: Any) -> Shape | None:
    if not type_.HasField("tensor_type") or not type_.tensor_type.HasField("shape"):
        return None
    dims = type_.tensor_type.shape.dim
    if not all(d.HasField("dim_value") for d in dims):
        return None
    return tuple(d.dim_value for d in dims)


def cost(n: Any, inputs: list[Anything], shapes: dict[str, Shape]) -> float:
    """Estimate how many nodes a node of the graph makes, and how long it takes in nodes."""
    tensors = [v for v in inputs if isinstance(v, Value)]
    largest = max((_elements(v.data) for v in tensors), default=0)
    size = float(max((math.prod(shape) for shape in shapes.values()), default=largest))
    if n.op_type in MOVING and all(v.known for v in tensors[1:]):
        return size / 100
    each = COSTS.get(n.op_type)
    if each is not None and len(tensors) > 1:
        return each(size, tensors)
    if n.op_type in POOLS:
        kernel = [a.ints for a in n.attribute if a.name == "kernel_shape"]
        return size * (1 + math.prod(kernel[0]) / 10 if kernel else 1)
    if n.op_type.startswith(("Reduce", "Arg", "Global")):
        return max(size, largest / 10)
    return size


def _of_product(size: float, tensors: list[Value]) -> float:
    inner = int(tensors[0].data.shape[-1]) if tensors[0].data.ndim else 1
    return size * (inner if not any(v.known for v in tensors[:2]) else 1 + inner / 100)


def _of_convolution(size: float, tensors: list[Value]) -> float:
    return size * (1 + int(math.prod(tensors[1].data.shape[1:])) / 100)


def _of_sequence(size: float, tensors: list[Value]) -> float:
    """Return what all gates of all steps cost, however few of them are results."""
    steps, rows = tensors[0].data.shape[:2]
    ways, _, hidden = tensors[2].data.shape
    return float(steps * rows * ways * hidden * 8 * (1 + hidden / 100))


def _of_choice(size: float, tensors: list[Value]) -> float:
    longest = max(tensors[0].data.shape, default=1)
    return size * (1 + longest / (100 if tensors[0].known else 1))


def _of_order(size: float, tensors: list[Value]) -> float:
    """Return what the places of some of many elements cost: five tests of each."""
    return size * 5 * max(tensors[0].data.shape, default=1)


COSTS: dict[str, Callable[[float, list[Value]], float]] = {
    **dict.fromkeys(("MatMul", "Gemm", "Einsum", "MatMulInteger", "QLinearMatMul"), _of_product),
    **dict.fromkeys(("Conv", "ConvTranspose"), _of_convolution),
    **dict.fromkeys(("LSTM", "GRU", "RNN"), _of_sequence),
    **dict.fromkeys(("Gather", "GatherElements"), _of_choice),
    "TopK": _of_order,
}
"""Operator → what it costs in nodes, from the size of its result and its inputs."""

POOLS = frozenset({"MaxPool", "AveragePool", "LpPool"})


def _elements(tensor: Tensor) -> int:
    """Return how many elements are different ones in memory."""
    return math.prod(
        n if s else min(n, 1) for n, s in zip(tensor.shape, tensor.strides, strict=True)
    )


MOVING = frozenset(
    {"Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Expand", "Slice"}
    | {"Concat", "Split", "Gather", "Tile", "Cast", "CastLike", "Shape", "Size", "Dropout"}
    | {"GatherND", "GatherElements", "DepthToSpace", "SpaceToDepth", "Pad"}
)
"""Operators that make no new values."""


def check_shapes(made: tuple[Anything, ...], n: Any, shapes: dict[str, Shape]) -> None:
    """Refuse results that are not of the shape that ONNX says.

    Raises:
        NoFormula: so they are.
    """
    for name, value in zip(n.output, made, strict=False):
        if name in shapes and isinstance(value, Value) and value.data.shape != shapes[name]:
            raise NoFormula(
                f"operator {n.op_type} gives the shape {list(value.data.shape)} here, and ONNX "
                f"says {list(shapes[name])}"
            )


def same_rows(data: Tensor, rows: int) -> Tensor:
    """Return a tensor whose rows are one in memory, where they are the same nodes."""
    if data.dtype != object or rows < 2 or not data.size:
        return data
    for axis in range(min(2, data.ndim)):  # recurrent layers have the rows on the second axis
        if data.shape[axis] != rows:
            continue
        if data.strides[axis] == 0 or _are_same(np.moveaxis(data, axis, 0)):
            first = np.take(data, [0], axis=axis)
            return np.broadcast_to(first, data.shape)
    return data


def _are_same(data: Tensor) -> bool:
    lines = data.reshape(len(data), -1).tolist()
    return all(
        a is b or _same(a, b) for line in lines[1:] for a, b in zip(lines[0], line, strict=True)
    )


def _same(a: Any, b: Any) -> bool:
    return isinstance(a, float) and isinstance(b, float) and a.hex() == b.hex()
