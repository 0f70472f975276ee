"""What each operator of the domain ai.onnx is on arrays of nodes.

Names, inputs and attributes are those of https://onnx.ai/onnx/operators/, in every version of them
that `Call.version` tells apart.
"""

from __future__ import annotations

from typing import Any

from closedform.readers.onnx.call import Call, Function
from closedform.readers.onnx.elements import ELEMENTS
from closedform.readers.onnx.layers import LAYERS
from closedform.readers.onnx.quantised import QUANTISED
from closedform.readers.onnx.recurrent import RECURRENT
from closedform.readers.onnx.reductions import REDUCTIONS
from closedform.readers.onnx.sequences import SEQUENCES
from closedform.readers.onnx.shapes import SHAPES
from closedform.readers.onnx.values import known
from closedform.readers.onnx.windows import WINDOWS

CONSTANTS = {
    "value_float": "float32", "value_floats": "float32", "value_int": "int64",
    "value_ints": "int64", "value_string": "string", "value_strings": "string",
}  # fmt: skip
"""How Constant holds plain numbers and texts → their type."""


def constant(call: Call) -> Any:
    """Constant: a tensor, numbers or texts."""
    for name, kind in CONSTANTS.items():
        if (found := call.option(name)) is not None:
            return known(found, kind)
    return call.option("value")


OPERATORS: dict[str, Function] = {
    "Constant": constant,
    **ELEMENTS,
    **SHAPES,
    **REDUCTIONS,
    **LAYERS,
    **WINDOWS,
    **RECURRENT,
    **QUANTISED,
    **SEQUENCES,
}
"""Name of an operator → the same on arrays of nodes."""

RANDOM = "it draws at random"
DEPENDS = "the size of its result depends on the inputs"
BITS = "formulas have no operations on bits"

REFUSED: dict[str, str] = {
    **dict.fromkeys(
        ("RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial",
         "Bernoulli"), RANDOM,
    ),
    "DynamicQuantizeLinear": "its scale is that of all rows that are asked about at the same time",
    **dict.fromkeys(("NonZero", "Unique", "NonMaxSuppression", "StringSplit"), DEPENDS),
    **dict.fromkeys(
        ("BitShift", "BitwiseAnd", "BitwiseNot", "BitwiseOr", "BitwiseXor", "BitCast"), BITS
    ),
}  # fmt: skip
"""Operators that have no formula, and why."""
