"""What a graph holds besides nodes: initialisers and attributes, as plain Python."""

from __future__ import annotations

from typing import Any

from closedform.errors import UnsupportedModel
from closedform.loading.stream import Broken
from closedform.readers.onnx.values import Value, constant
from closedform.readers.torch.elements import NoFormula


def constants(graph: Any) -> dict[str, Value]:
    """Return the initialisers of a graph.

    Raises:
        UnsupportedModel: some are in another file, or of a type that is not read.
        Broken: one is damaged.
    """
    problems: list[tuple[str, str]] = []
    made: dict[str, Value] = {}
    for tensor in graph.initializer:
        try:
            made[tensor.name] = constant(tensor)
        except NoFormula as error:
            hint = "Save the model with everything in one file: onnx.save(onnx.load(path), other)."
            problems.append((f"The graph's number {tensor.name[:80]!r}: {error}.", hint))
        except Exception as error:  # whatever numpy_helper stumbles over
            raise Broken(f"its numbers {tensor.name[:80]!r} are damaged ({error})"[:300]) from error
    if len(graph.sparse_initializer):
        problems.append(("Sparse initialisers are not read.", "Save the model with dense ones."))
    if problems:
        raise UnsupportedModel.all_of("The ONNX graph", problems)
    return made


def attributes(n: Any) -> dict[str, Any]:
    """Return the attributes of a node as plain Python; tensors as `Value`, graphs as they are.

    Raises:
        NoFormula: one is of a kind that is not read.
    """
    return {a.name: attribute(a) for a in n.attribute}


def attribute(a: Any) -> Any:
    """Return one attribute as plain Python."""
    from onnx import AttributeProto, helper

    if a.ref_attr_name:
        raise NoFormula(f"the option {a.name!r} refers to one of a function that has none")
    if a.type in (AttributeProto.SPARSE_TENSOR, AttributeProto.SPARSE_TENSORS):
        raise NoFormula(f"the option {a.name!r} is a sparse tensor")
    found = helper.get_attribute_value(a)
    if a.type == AttributeProto.TENSOR:
        try:
            return constant(found)
        except ValueError as error:
            raise NoFormula(f"the option {a.name!r} is damaged: {error}") from error
    if isinstance(found, bytes):
        return found.decode("utf-8", "replace")
    if isinstance(found, list | tuple) or hasattr(found, "append"):
        return [v.decode("utf-8", "replace") if isinstance(v, bytes) else v for v in found]
    return found


def bound(m: Any, n: Any, own: Any) -> Any:
    """Return a node of a function with the attributes that its caller gives."""
    if not any(a.ref_attr_name for a in m.attribute):
        return m
    from onnx import NodeProto

    given = {a.name: a for a in own.attribute_proto} | {a.name: a for a in n.attribute}
    made = NodeProto()
    made.CopyFrom(m)
    del made.attribute[:]
    for a in m.attribute:
        if not a.ref_attr_name:
            made.attribute.append(a)
        elif a.ref_attr_name in given:
            made.attribute.append(given[a.ref_attr_name])
            made.attribute[-1].name = a.name
    return made
