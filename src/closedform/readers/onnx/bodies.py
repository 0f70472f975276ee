"""Operators that ONNX itself defines by others: their definition is walked in their place."""

from __future__ import annotations

from typing import Any

from closedform.readers.onnx.call import Call
from closedform.readers.onnx.values import NUMBERS, Anything, Value
from closedform.readers.torch.elements import NoFormula


def BODY(call: Call) -> Any:
    """Stand for an operator whose definition is walked."""
    raise NoFormula(f"operator {call.op} has no formula here")


def _schema(n: Any, version: int) -> Any:
    from onnx import defs

    try:
        return defs.get_schema(n.op_type, version, n.domain)
    except defs.SchemaError:
        return None


def has_body(n: Any, version: int) -> bool:
    """Tell whether ONNX defines an operator by others."""
    schema = _schema(n, version)
    return schema is not None and (schema.has_function or schema.has_context_dependent_function)


def body_of(n: Any, given: list[Anything], version: int) -> Any:
    """Return the definition of an operator, as a FunctionProto.

    Raises:
        NoFormula: ONNX has none for these inputs.
    """
    from onnx import FunctionProto, helper

    schema = _schema(n, version)
    if schema.has_function:
        made = FunctionProto()
        made.CopyFrom(schema.function_body)
        _add_defaults(made, schema)
    else:
        types = [
            helper.make_tensor_type_proto(NUMBERS[v.kind], v.data.shape).SerializeToString()
            if isinstance(v, Value) else b""
            for v in given
        ]  # fmt: skip
        raw = schema.get_context_dependent_function(n.SerializeToString(), types)
        if not raw:
            raise NoFormula(f"operator {n.op_type} has no formula for these options")
        made = FunctionProto.FromString(raw)
    if not any(o.domain == "" for o in made.opset_import):
        made.opset_import.append(helper.make_opsetid("", version))
    return made


def _add_defaults(made: Any, schema: Any) -> None:
    """Give a function the values that its operator's attributes have where none are given."""
    there = {a.name for a in made.attribute_proto}
    for name, attribute in schema.attributes.items():
        if name not in there and attribute.default_value.name:
            made.attribute_proto.append(attribute.default_value)
