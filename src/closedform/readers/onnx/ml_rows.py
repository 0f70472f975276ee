"""Operators that treat each row of a table by itself, and values as a float32 program has them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from closedform import ops
from closedform.ir import Array, Node
from closedform.ops.payloads import Label
from closedform.readers.onnx.call import Call
from closedform.readers.onnx.values import Value
from closedform.readers.tensors import (
    Element,
    Tensor,
    distinct,
    elementwise,
    node_of,
    nodes_of,
)
from closedform.readers.torch.elements import NoFormula


def table(call: Call, found: Tensor) -> Tensor:
    """Return an input as a table, (rows, columns); of one axis, it is a single row.

    Raises:
        NoFormula: it has more axes.
    """
    if found.ndim not in (1, 2):
        raise NoFormula(f"operator {call.op} of a tensor with {found.ndim} axes")
    return found.reshape(1, -1) if found.ndim == 1 else found


def by_row(rows: Tensor, function: Callable[[list[Node]], Sequence[Node]]) -> Tensor:
    """Return a function of each row as a table; rows that are one in memory are one here too.

    Args:
        rows: shape (rows, columns).
        function: of the columns of one row, as many results for each row.
    """
    once = distinct(rows, 0)
    made = [list(function(nodes_of(row))) for row in once]
    out = np.empty((len(made), len(made[0]) if made else 0), dtype=object)
    for i, row in enumerate(made):
        out[i, :] = row
    return np.broadcast_to(out, (len(rows), out.shape[1]))


def is_single(call: Call, i: int = 0) -> bool:
    """Tell whether an operator computes in float32: its input is of anything but float64."""
    return call.kind(i) != "float64"


def rounded(x: Node, single: bool) -> Node:
    """Return x as a float32 operation leaves it, where the operation is one."""
    return ops.round32(x) if single else x


def scores(rows: Tensor) -> Value:
    """Return a table as the float32 scores that most of these operators give."""
    return Value(rows, "float32")


def labels(column: Tensor, classes: Sequence[Label]) -> Value:
    """Return the labels of some rows as a tensor: texts, or numbers to reckon with."""
    if isinstance(classes[0], str):
        return Value(column, "string")
    return Value(elementwise(_numbered, column), "int64")


def _numbered(label: Element) -> Node:
    """Return a choice among labels as one among numbers."""
    n, chain = node_of(label), []
    while n.op is ops.WHERE:
        chain.append((n.args[0], n.args[1]))
        n = n.args[2]
    made = ops.const(n.data[0])
    for condition, a in reversed(chain):
        made = ops.where(condition, ops.const(a.data[0]), made)
    return made


def numbers(values: object) -> Array:
    """Return an attribute's numbers as one float64 column; none of them where it is not given."""
    if isinstance(values, Value):
        return np.asarray(values.data, dtype=np.float64).reshape(-1)
    return np.asarray([] if values is None else values, dtype=np.float64).reshape(-1)
