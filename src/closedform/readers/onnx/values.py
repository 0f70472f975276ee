"""Tensors on their way through an ONNX graph."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from closedform import ops
from closedform.evaluate import compute
from closedform.ir import Array, Node, Type
from closedform.ops.payloads import Label
from closedform.readers.tensors import Tensor, boxed
from closedform.readers.torch.elements import NoFormula

KINDS: Final = {
    1: "float32", 2: "uint8", 3: "int8", 4: "uint16", 5: "int16", 6: "int32", 7: "int64",
    8: "string", 9: "bool", 10: "float16", 11: "float64", 12: "uint32", 13: "uint64",
    16: "bfloat16", 21: "uint4", 22: "int4",
}  # fmt: skip
"""Number of an element type in ONNX → its name here."""

NUMBERS: Final = {name: number for number, name in KINDS.items()}

FLOATS: Final = ("float64", "float32", "bfloat16", "float16")

MOST: Final = 1 << 25
"""Elements of one tensor: 256 MiB."""


@dataclass(frozen=True, eq=False)
class Value:
    """One tensor, and its element type as the graph has it.

    Attributes:
        data: of dtype object, with nodes, where it depends on the inputs; else plain float64,
            int64, bool or text.
        kind: "float32", "int64", "string" …
    """

    data: Tensor
    kind: str

    @property
    def known(self) -> bool:
        """Whether it depends on no input."""
        return bool(self.data.dtype != object)

    @property
    def whole(self) -> bool:
        """Whether its elements are integers."""
        return "int" in self.kind


@dataclass(frozen=True, eq=False)
class Maps:
    """A map for each row, from the same keys to numbers: what ZipMap gives.

    Attributes:
        keys: text or whole numbers.
        data: shape (rows, keys).
        kind: of the numbers.
    """

    keys: tuple[Label, ...]
    data: Tensor
    kind: str = "float32"

    known = False


@dataclass(frozen=True, eq=False)
class Unknown:
    """What stands for a result that has no formula; `why` is said where something reads it."""

    why: str = ""

    known = False


Anything = Any
"""A `Value`, a `Maps`, an `Unknown`, or a list of them (a sequence)."""


def kind_of(number: int) -> str:
    """Return the name of an element type.

    Raises:
        NoFormula: complex numbers and the like.
    """
    found = KINDS.get(number)
    if found is None:
        raise NoFormula(f"{_type_name(number)} numbers have no formula here")
    return found


def _type_name(number: int) -> str:
    from onnx import TensorProto

    known = {v: k for k, v in TensorProto.DataType.items()}
    return str(known.get(number, f"type {number}")).lower()


def plain(array: Array) -> Array:
    """Return an array of numbers as float64, int64, bool or text."""
    if array.dtype.kind in "iu" or array.dtype.name in ("int4", "uint4"):
        return array.astype(np.int64, copy=False)
    if array.dtype.kind == "b" or array.dtype.kind == "U":
        return array
    if array.dtype.kind in "OS":
        texts = [v.decode("utf-8") if isinstance(v, bytes) else str(v) for v in array.ravel()]
        return np.array(texts, dtype="U").reshape(array.shape)
    with np.errstate(invalid="ignore"):  # signalling NaNs
        return array.astype(np.float64, copy=False)


def constant(tensor: Any) -> Value:
    """Return a TensorProto as a value.

    Raises:
        NoFormula: its numbers are in another file, or of a type that is not read.
        ValueError: it is damaged.
    """
    from onnx import TensorProto, numpy_helper

    if tensor.data_location == TensorProto.EXTERNAL or tensor.external_data:
        raise NoFormula("its numbers are kept in another file, which is not read")
    kind = kind_of(tensor.data_type)
    if any(d < 0 for d in tensor.dims) or math.prod(tensor.dims) > MOST:
        raise ValueError(f"a tensor of shape {list(tensor.dims)[:8]}")
    return Value(plain(numpy_helper.to_array(tensor)), kind)


def settled(value: Value) -> Value:
    """Return a value that holds plain numbers alone as one that is known."""
    data = boxed(value.data)
    if data.dtype != object:
        return Value(plain(data), value.kind)
    first = next(iter(data.flat), 0.0)
    if isinstance(first, Node) and first.op is not ops.CONST:
        return Value(data, value.kind)
    flat = [_number(x) for x in data.flat]
    if any(x is None for x in flat):
        return Value(data, value.kind)
    dtype = bool if value.kind == "bool" else np.int64 if value.whole else np.float64
    return Value(np.array(flat, dtype=dtype).reshape(data.shape), value.kind)


def _number(x: Any) -> Any:
    """Return a known number; None for text and for what depends on the inputs."""
    if isinstance(x, Node):
        return x.data if x.op is ops.CONST else None
    return None if isinstance(x, str) else x


def computed(value: Value) -> Value:
    """Return the numbers that nodes give which read no input; text as it is."""
    if value.known or any(isinstance(x, Node) and x.type is Type.LABEL for x in value.data.flat):
        return value
    nodes = [x for x in value.data.flat if isinstance(x, Node)]
    found = iter(compute(nodes, [], 1))
    flat = [next(found).item() if isinstance(x, Node) else x for x in value.data.flat]
    made = np.empty(value.data.shape, dtype=object)
    made.ravel()[:] = flat
    return settled(Value(made, value.kind))


def known(data: Any, kind: str) -> Value:
    """Return plain numbers as a value."""
    return Value(plain(np.asarray(data)), kind)
