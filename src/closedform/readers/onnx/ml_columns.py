"""The operators of ai.onnx.ml that scale, fill in and pick columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.families.additive import total_of
from closedform.ir import Array, Node, fold
from closedform.ops.absence import may_be_missing
from closedform.readers.onnx.call import Call, Function
from closedform.readers.onnx.ml_rows import by_row, numbers, scores, table
from closedform.readers.onnx.values import Value
from closedform.readers.reading import Columns
from closedform.readers.tensors import boxed
from closedform.readers.torch.elements import NoFormula


def _for_columns(call: Call, values: Array, width: int, name: str) -> list[float]:
    """Return one number for each column; a single one is that of all.

    Raises:
        NoFormula: there are neither as many as columns nor one.
    """
    if len(values) not in (1, width):
        raise NoFormula(f"operator {call.op} has {len(values)} {name} for {width} columns")
    found: list[float] = np.broadcast_to(values, (width,)).tolist()
    return found


def scaler(call: Call) -> Any:
    """Scaler: (x − offset)·scale."""
    rows = table(call, call.tensor(0))
    width = rows.shape[1]
    offset = _for_columns(call, numbers(call.option("offset")), width, "offsets")
    scale = _for_columns(call, numbers(call.option("scale")), width, "scales")

    def of(columns: list[Node]) -> list[Node]:
        moved = [ops.lin(-o, (1.0, x)) for o, x in zip(offset, columns, strict=True)]
        return [ops.lin(0.0, (s, x)) for s, x in zip(scale, moved, strict=True)]

    made = by_row(rows, of)
    if call.kind(0) == "float32":
        _note_moved(call, made)
    return scores(made.reshape(call.tensor(0).shape))


def _note_moved(call: Call, made: Any) -> None:
    """Note that x − offset is rounded before it is multiplied."""
    call.note_single(np.array([x.args[0] for x in made[0]], dtype=object))


def imputer(call: Call) -> Any:
    """Imputer: one value, or what is missing, replaced."""
    rows = table(call, call.tensor(0))
    whole = "int" in call.kind(0)
    kind = "int64" if whole else "float"
    values = numbers(call.option(f"imputed_value_{kind}s"))
    replaced = float(call.option(f"replaced_value_{kind}", 0))
    call.option("imputed_value_int64s"), call.option("imputed_value_floats")
    call.option("replaced_value_int64"), call.option("replaced_value_float")
    if not len(values):
        raise NoFormula(f"operator {call.op} without values of the kind {kind}")
    width = rows.shape[1]
    # onnxruntime takes the first of any other number of values.
    given = values if len(values) == width else values[:1]
    fill = _for_columns(call, given, width, "values")

    def one(x: Node, value: float) -> Node:
        absent = replaced != replaced
        test = ops.missing(x) if absent else ops.equal(x, ops.const(replaced))
        return ops.where(test, ops.const(value), x)

    made = by_row(rows, lambda columns: [one(x, v) for x, v in zip(columns, fill, strict=True)])
    return made.reshape(call.tensor(0).shape)


def binarizer(call: Call) -> Any:
    """Binarizer: 1 above the threshold, else 0."""
    threshold = ops.const(float(call.option("threshold", 0.0)))
    found = call.singles(0)
    _refuse_missing(call, found)

    def one(x: Node) -> Node:
        return ops.where(ops.less(threshold, x), ops.const(1.0), ops.const(0.0))

    made = by_row(table(call, found), lambda columns: [one(x) for x in columns])
    return made.reshape(found.shape)


def _refuse_missing(call: Call, found: Any) -> None:
    nodes = tuple({n: None for n in found[:1].ravel().tolist() if isinstance(n, Node)})
    call.reading.refuse_missing(Columns(("",) * len(nodes), nodes))


# --- rows to one size -----------------------------------------------------------------------------


def _by_sum(columns: Sequence[Node]) -> Node:
    return total_of([ops.absolute(x) for x in columns])


LOWEST = float(np.finfo(np.float32).min)
"""What a missing number counts as where the greatest one is sought."""


def _by_greatest(columns: Sequence[Node]) -> Node:
    """Return the greatest of those that are not missing."""
    may = fold(columns, may_be_missing)
    least = ops.const(LOWEST)
    return ops.maximum(
        *[
            ops.where(ops.missing(x), least, x) if m else x
            for x, m in zip(columns, may, strict=True)
        ]
    )


def _by_length(columns: Sequence[Node]) -> Node:
    return ops.sqrt(ops.squared_distance(columns, np.zeros(len(columns))))


NORMS = {"MAX": _by_greatest, "L1": _by_sum, "L2": _by_length}
"""norm → what a row is divided by; by nothing where that is 0."""


def normalizer(call: Call) -> Any:
    """Normalizer: each row divided by its size."""
    name = call.option("norm", "MAX")
    if name not in NORMS:
        raise NoFormula(f"operator {call.op} with the norm {str(name)[:40]!r}")

    def of(columns: list[Node]) -> list[Node]:
        if name == "L1" and _are_shares(columns):
            return columns
        size = NORMS[name](columns)
        divisor = ops.where(ops.equal(size, ops.const(0.0)), ops.const(1.0), size)
        return [ops.div(x, divisor) for x in columns]

    rows = table(call, call.tensor(0))
    return scores(by_row(rows, of).reshape(call.tensor(0).shape))


def _are_shares(columns: Sequence[Node]) -> bool:
    """Tell whether columns are a softmax, whose sum is 1; skl2onnx divides it by that once more."""
    if any(x.op is not ops.DIV or x.args[0].op is not ops.EXP for x in columns):
        return False
    total, parts = columns[0].args[1], tuple(x.args[0] for x in columns)
    plain = total.op is ops.LIN and total.data.bias == 0 and (total.data.weights == 1).all()
    return bool(plain) and total.args == parts and all(x.args[1] is total for x in columns)


# --- picking --------------------------------------------------------------------------------------


def array_feature_extractor(call: Call) -> Any:
    """ArrayFeatureExtractor: some places along the last axis."""
    found = call.tensor(0)
    if call.value(1).known:
        return _picked(call, found)
    if not call.value(0).known:
        raise NoFormula(f"operator {call.op} of places and values that both depend on the inputs")
    return _looked_up(call)


def _picked(call: Call, found: Any) -> Any:
    at = np.asarray(call.constant(1), dtype=np.int64).reshape(-1)
    if not len(at) or at.min() < 0 or at.max() >= found.shape[-1]:
        raise NoFormula(f"operator {call.op} picks places that are not there")
    found = found.reshape(1, -1) if found.ndim == 1 else found
    return found[..., at]


def _looked_up(call: Call) -> Any:
    """Return known values at places that the inputs decide, as the label of the greatest score."""
    values, texts = call.tensor(0), call.kind(0) == "string"
    values = values.reshape(1, -1) if values.ndim == 1 else values
    if texts or "int" in call.kind(0):
        call.note_look_up(values.ravel().tolist())
    places = call.tensor(1).ravel().tolist()
    out = np.empty((*values.shape[:-1], len(places)), dtype=object)
    tests = (_outside(p, values.shape[-1]) for p in places if isinstance(p, Node))
    outside = dict.fromkeys(test for test in tests if test is not None)
    if outside:
        call.reading.refuse(ops.either(*outside))
    for at in np.ndindex(values.shape[:-1]):
        row = values[at].tolist()
        for i, place in enumerate(places):
            out[(*at, i)] = _at(call, place, row, texts)
    return Value(out, call.kind(0))


def _at(call: Call, place: Node | float, values: Sequence[Any], texts: bool) -> Node:
    """Return the value at a place, which is a number or a choice among numbers."""

    def one(i: float) -> Node:
        if not 0 <= i < len(values):
            raise NoFormula(f"operator {call.op} picks places that are not there")
        return ops.label(values[int(i)]) if texts else ops.const(values[int(i)])

    if not isinstance(place, Node):
        return one(place)
    chain = []
    while place.op is ops.WHERE and place.args[1].op is ops.CONST:
        chain.append((place.args[0], one(place.args[1].data)))
        place = place.args[2]
    made = one(place.data) if place.op is ops.CONST else _anywhere(place, values, texts)
    for condition, found in reversed(chain):
        made = ops.where(condition, found, made)
    return made


def _outside(place: Node, count: int) -> Node | None:
    """Return whether a place is none of those that are there; None where it always is one."""
    while place.op is ops.WHERE and place.args[1].op is ops.CONST:
        place = place.args[2]
    if place.op is ops.CONST:
        return None
    return ops.negate(ops.member(place, [float(i) for i in range(count)]))


def _anywhere(place: Node, values: Sequence[Any], texts: bool) -> Node:
    if not texts:
        return ops.table(place, {float(i): float(v) for i, v in enumerate(values)})
    made = ops.label(values[-1])
    for i in range(len(values) - 2, -1, -1):
        made = ops.where(ops.equal(place, ops.const(float(i))), ops.label(values[i]), made)
    return made


WIDEST = 1 << 20
"""Columns that are filled up with 0."""


def feature_vectorizer(call: Call) -> Any:
    """FeatureVectorizer: tables side by side, each cut or filled up with 0 to its given width."""
    widths = [int(w) for w in call.option("inputdimensions", [])]
    if len(widths) != len(call) or min(widths, default=0) < 0:
        raise NoFormula(f"operator {call.op} has {len(widths)} widths for {len(call)} inputs")
    if sum(widths) > WIDEST:
        raise NoFormula(f"operator {call.op} fills up to {sum(widths):,} columns")
    parts = []
    for i, width in enumerate(widths):
        found = call.tensor(i)
        found = found.reshape(1, -1) if found.ndim == 1 else found.reshape(len(found), -1)
        part = found[:, :width]
        if part.shape[1] < width:
            fill = np.zeros((len(part), width - part.shape[1]))
            part = np.concatenate([part, fill], axis=1)
        parts.append(part)
    return scores(boxed(np.concatenate(parts, axis=1)))


OPERATORS: dict[str, Function] = {
    "Scaler": scaler,
    "Imputer": imputer,
    "Binarizer": binarizer,
    "Normalizer": normalizer,
    "ArrayFeatureExtractor": array_feature_extractor,
    "FeatureVectorizer": feature_vectorizer,
}
"""Name of an operator → the same on arrays of nodes."""
