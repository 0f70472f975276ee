"""Sequences of tensors: made, taken apart, joined."""

from __future__ import annotations

from typing import Any

import numpy as np

from closedform.readers import tensors as t
from closedform.readers.onnx.call import Call, Function
from closedform.readers.onnx.elements import as_objects
from closedform.readers.onnx.values import Value, known
from closedform.readers.torch.elements import NoFormula


def _sequence(call: Call) -> list[Any]:
    found = call.values[0]
    if not isinstance(found, list):
        raise NoFormula(f"operator {call.op} of what is no sequence")
    return found


def construct(call: Call) -> list[Any]:
    """SequenceConstruct."""
    return list(call.values)


def empty(call: Call) -> list[Any]:
    """SequenceEmpty."""
    call.option("dtype")
    return []


def at(call: Call) -> Any:
    """SequenceAt a known place."""
    return _sequence(call)[(call.numbers(1, "the place") or [0])[0]]


def insert(call: Call) -> list[Any]:
    """SequenceInsert: at the end, or before a known place."""
    made = list(_sequence(call))
    place = call.numbers(2, "the place")
    made.insert(len(made) if place is None else place[0], call.values[1])
    return made


def erase(call: Call) -> list[Any]:
    """SequenceErase: the last, or the one at a known place."""
    made = list(_sequence(call))
    place = call.numbers(1, "the place")
    del made[-1 if place is None else place[0]]
    return made


def length(call: Call) -> Value:
    """SequenceLength."""
    return known(len(_sequence(call)), "int64")


def split(call: Call) -> list[Value]:
    """SplitToSequence."""
    x, axis = call.tensor(0), int(call.option("axis", 0))
    keep, sizes = bool(call.option("keepdims", 1)), call.numbers(1, "the sizes")
    if sizes is None:
        parts = np.split(x, x.shape[axis], axis=axis)
        parts = parts if keep else [p.squeeze(axis) for p in parts]
    elif call.tensor(1).ndim == 0:
        parts = np.split(x, range(sizes[0], x.shape[axis], sizes[0]), axis=axis)
    else:
        parts = np.split(x, np.cumsum(sizes)[:-1].tolist(), axis=axis)
    return [Value(p, call.kind(0)) for p in parts]


def join(call: Call) -> Value:
    """ConcatFromSequence."""
    parts = _sequence(call)
    axis = int(call.option("axis", 0))
    arrays = [t.as_tensor(as_objects(p.data)) for p in parts]
    made = np.stack(arrays, axis) if call.option("new_axis", 0) else np.concatenate(arrays, axis)
    return Value(made, parts[0].kind)


SEQUENCES: dict[str, Function] = {
    "SequenceConstruct": construct,
    "SequenceEmpty": empty,
    "SequenceAt": at,
    "SequenceInsert": insert,
    "SequenceErase": erase,
    "SequenceLength": length,
    "SplitToSequence": split,
    "ConcatFromSequence": join,
}
"""Operators on sequences of tensors."""
