"""The operators of ai.onnx.ml that take and give categories and maps."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Node, Type
from closedform.ops.payloads import Label
from closedform.readers.onnx.call import Call, Function
from closedform.readers.onnx.ml_tree_operators import classes_of
from closedform.readers.onnx.values import Maps, Value
from closedform.readers.tensors import Element, Tensor, elementwise, node_of, truncated
from closedform.readers.torch.elements import NoFormula

Pairs = Mapping[Any, Any]

KEYS = {
    "keys_strings": "string", "keys_int64s": "int64", "keys_floats": "float32",
}  # fmt: skip
VALUES = {
    "values_strings": "string", "values_int64s": "int64", "values_floats": "float32",
}  # fmt: skip
FINDS_NAN = 4
"""The version from which on a key that is no number stands for what is missing."""
DEFAULTS = {"string": ("default_string", "_Unused"), "float": ("default_float", -0.0)}


def one_hot_encoder(call: Call) -> Any:
    """OneHotEncoder: 1 at the place of the category, else 0, along a new last axis."""
    texts, whole = call.option("cats_strings", []), call.option("cats_int64s", [])
    zeros = bool(call.option("zeros", 1))
    if bool(len(texts)) == bool(len(whole)) or bool(len(texts)) != (call.kind(0) == "string"):
        raise NoFormula(f"operator {call.op} without one list of categories of its input's kind")
    categories: list[Label] = [str(t) for t in texts] or [int(i) for i in whole]
    if len(set(categories)) < len(categories):
        raise NoFormula(f"operator {call.op} with a category twice")
    found = call.tensor(0) if texts or "int" in call.kind(0) else call.singles(0)
    if "float" in call.kind(0):  # cut off after the point, as onnxruntime does
        found = elementwise(truncated, found)
    _note_categories(call, found, categories, zeros)
    return Value(_spread(found, categories), "float32")


def _spread(found: Tensor, categories: Sequence[Label]) -> Tensor:
    places = [elementwise(lambda x, c=c: _is(x, c), found) for c in categories]
    return np.stack([np.asarray(p) for p in places], axis=-1)


def _is(x: Element, category: Label) -> Element:
    """Return 1 where x is the category, else 0."""
    if not isinstance(x, Node):
        return float(x == category)
    return ops.table(x, {category: 1.0}, default=0.0, missing=0.0)


def _note_categories(call: Call, found: Tensor, categories: Sequence[Label], unseen: bool) -> None:
    numbers = []
    for x in dict.fromkeys(n for n in found.ravel().tolist() if isinstance(n, Node)):
        if x.type is Type.LABEL:
            call.reading.knows(x, categories, unseen=unseen)
        elif not unseen:
            numbers.append(ops.negate(ops.member(x, [float(c) for c in categories])))
    if numbers:
        call.reading.refuse(ops.either(*numbers))


# --- one value for another ------------------------------------------------------------------------


def label_encoder(call: Call) -> Any:
    """LabelEncoder: the value that stands beside a key; another for what is no key."""
    if call.version < 2:
        return _first_version(call)
    keys, _ = _column(call, KEYS, "keys_tensor")
    values, kind = _column(call, VALUES, "values_tensor")
    if len(keys) != len(values):
        raise NoFormula(f"operator {call.op} has {len(keys)} keys for {len(values)} values")
    pairs = _pairs(call, keys, values)
    if call.version < FINDS_NAN and call.kind(0) != "string":
        pairs.pop("nan", None)
    return _mapped(call, pairs, _default(call, kind), kind)


def _first_version(call: Call) -> Any:
    texts = [str(t) for t in call.option("classes_strings", [])]
    text, number = call.option("default_string", "_Unused"), call.option("default_int64", -1)
    if call.kind(0) == "string":
        return _mapped(call, _pairs(call, texts, range(len(texts))), number, "int64")
    return _mapped(call, dict(enumerate(texts)), text, "string")


def category_mapper(call: Call) -> Any:
    """CategoryMapper: text for a whole number, or the other way round."""
    texts = [str(t) for t in call.option("cats_strings", [])]
    whole = [int(i) for i in call.option("cats_int64s", [])]
    text, number = call.option("default_string", "_Unused"), call.option("default_int64", -1)
    if len(texts) != len(whole):
        raise NoFormula(f"operator {call.op} has {len(texts)} texts for {len(whole)} numbers")
    if call.kind(0) == "string":
        return _mapped(call, _pairs(call, texts, whole), number, "int64")
    return _mapped(call, _pairs(call, whole, texts), text, "string")


def _column(call: Call, names: Mapping[str, str], tensor: str) -> tuple[list[Any], str]:
    """Return the keys or the values, and of which kind they are.

    Raises:
        NoFormula: there is not one list of them.
    """
    given = [(list(call.option(n, [])), kind) for n, kind in names.items()]
    array = call.option(tensor)
    found = [pair for pair in given if pair[0]]
    if array is not None:
        found.append((array.data.reshape(-1).tolist(), array.kind))
    if len(found) != 1:
        raise NoFormula(f"operator {call.op} without one list of {tensor.partition('_')[0]}")
    return found[0]


def _default(call: Call, kind: str) -> Any:
    tensor = call.option("default_tensor")
    root = "string" if kind == "string" else "float" if "float" in kind else "int"
    name, usual = DEFAULTS.get(root, ("default_int64", -1))
    found = call.option(name, usual)
    for other in ("default_string", "default_float", "default_int64"):
        call.option(other)
    if tensor is None:
        return found
    if tensor.data.size != 1:
        raise NoFormula(f"operator {call.op} with {tensor.data.size} default values")
    return tensor.data.reshape(-1).tolist()[0]


def _pairs(call: Call, keys: Sequence[Any], values: Sequence[Any]) -> dict[Any, Any]:
    """Return keys beside their values.

    Raises:
        NoFormula: a key is given twice: ONNX takes the last of its values, onnxruntime the first.
    """
    made: dict[Any, Any] = {}
    for key, value in zip(keys, values, strict=True):
        same = math.nan if key != key else key
        old = made.setdefault("nan" if same != same else same, value)
        if old != value and not (old != old and value != value):
            raise NoFormula(f"operator {call.op} with two values for {key!r}")
    return made


def _mapped(call: Call, pairs: Pairs, default: Any, kind: str) -> Value:
    found = call.singles(0) if call.kind(0) == "float32" else call.tensor(0)
    texts = kind == "string"
    for x in {n for n in found.ravel().tolist() if isinstance(n, Node)}:
        if x.type is Type.LABEL:
            call.reading.knows(x, list(pairs), unseen=True)
    if not texts:
        return Value(elementwise(lambda x: _number(x, pairs, default), found), kind)
    return Value(elementwise(lambda x: _text(x, pairs, default), found), kind)


def _number(x: Element, pairs: Pairs, default: float) -> Element:
    missing = pairs.get("nan", default) if _takes_numbers(x) else default
    plain = {k: float(v) for k, v in pairs.items() if k != "nan" or not _takes_numbers(x)}
    return ops.table(node_of(x), plain, default=float(default), missing=float(missing))


def _takes_numbers(x: Element) -> bool:
    return not isinstance(x, Node) or x.type is not Type.LABEL


def _text(x: Element, pairs: Pairs, default: str) -> Element:
    n, made = node_of(x), ops.label(default)
    for key, value in reversed(list(pairs.items())):
        if key == "nan" and _takes_numbers(x):
            test = ops.missing(n)
        elif _takes_numbers(x):
            test = ops.equal(n, ops.const(key))
        else:
            test = ops.member(n, [key])
        made = ops.where(test, ops.label(value), made)
    return made


# --- maps -----------------------------------------------------------------------------------------


def zip_map(call: Call) -> Any:
    """ZipMap: a map from classes to the numbers of each row."""
    keys = classes_of(call, "classlabels_int64s")
    found = call.tensor(0)
    rows = found.reshape(1, -1) if found.ndim == 1 else found
    if rows.ndim != 2 or rows.shape[1] != len(keys):
        raise NoFormula(f"operator {call.op} has {len(keys)} keys for a shape {list(found.shape)}")
    return Maps(keys, rows, call.kind(0))


OPERATORS: dict[str, Function] = {
    "OneHotEncoder": one_hot_encoder,
    "LabelEncoder": label_encoder,
    "CategoryMapper": category_mapper,
    "ZipMap": zip_map,
}
"""Name of an operator → the same on arrays of nodes."""
