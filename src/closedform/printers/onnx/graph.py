"""An ONNX graph that is being written: its operators, its constants, and where each value stands.

A value of the formula is one column of a tensor of shape (rows, columns), so that a layer of a
network, and all trees over the same columns, are one tensor. What reads no input is one row.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Array, Node, Type

ML = "ai.onnx.ml"


@dataclass(frozen=True)
class Tensor:
    """A named tensor of shape (rows, width); of one row where it does not vary."""

    name: str
    width: int = 1
    varies: bool = True


class Graph:
    """The operators written so far.

    Attributes:
        real: the NumPy type of numbers, float64 or float32.
        nodes, constants: NodeProto and TensorProto objects, in a working order.
        place: the tensor and the column in which each node of the formula stands.
        names: what the formula calls its nodes; tensors are called alike.
    """

    def __init__(self, real: Any, taken: Iterable[str], names: dict[Node, str]) -> None:
        """Start an empty graph; no tensor will have a name that is taken."""
        self.real = real
        self.names = names
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self.place: dict[Node, tuple[Tensor, int]] = {}
        self.rows: Tensor | None = None
        self._taken = set(taken)
        self._counts: dict[str, int] = {}
        self._known: dict[Any, Any] = {}

    # --- operators and constants ------------------------------------------------------------------

    def fresh(self, prefix: str, *, always: bool = True) -> str:
        """Return prefix_1, prefix_2 … (or the bare prefix first), the first that nothing has."""
        name = prefix
        while always or name in self._taken:
            self._counts[prefix] = count = self._counts.get(prefix, 0) + 1
            name, always = f"{prefix}_{count}", False
        self._taken.add(name)
        return name

    def add(self, op: str, *given: str, domain: str = "", also: int = 0, **options: Any) -> str:
        """Write an operator and return the name of its result; of several, that of the first.

        Args:
            op: the operator.
            given: the names of what it takes.
            domain: "" or `ML`.
            also: so many further results it has; the second is called `name + "_also1"` …
            options: its attributes.
        """
        from onnx import helper

        name = self.fresh(op.lower())
        results = [name, *(f"{name}_also{i + 1}" for i in range(also))]
        self.nodes.append(helper.make_node(op, given, results, name, domain=domain, **options))
        return name

    def constant(self, values: Any) -> str:
        """Return the name of a constant array; equal ones are one."""
        array = np.asarray(values)
        text = array.dtype.kind in "OU"
        content = tuple(array.ravel().tolist()) if text else array.tobytes()
        key = (array.dtype.kind, array.dtype.itemsize * (not text), array.shape, content)
        if key not in self._known:
            self._known[key] = name = self.fresh("const")
            self.constants.append(tensor(array, name))
        found: str = self._known[key]
        return found

    def number(self, value: float) -> Tensor:
        """Return a number as a tensor."""
        return self.row([value])

    def row(self, values: Any) -> Tensor:
        """Return numbers as one row that goes with all rows."""
        array = np.atleast_2d(np.asarray(values, dtype=self.real))
        return Tensor(self.constant(array), array.shape[1], varies=False)

    def whole(self, values: Any) -> str:
        """Return the name of a constant array of whole numbers."""
        return self.constant(np.asarray(values, dtype=np.int64))

    # --- elementwise ------------------------------------------------------------------------------

    def apply(self, op: str, *given: Tensor, **options: Any) -> Tensor:
        """Write an operator that works element by element."""
        name = self.add(op, *(t.name for t in given), **options)
        return Tensor(name, max(t.width for t in given), any(t.varies for t in given))

    def cast(self, x: Tensor, to: Any) -> Tensor:
        """Return a tensor as another type."""
        from onnx import helper

        return self.apply("Cast", x, to=helper.np_dtype_to_tensor_dtype(np.dtype(to)))

    def reduced(self, op: str, x: Tensor) -> Tensor:
        """Return one column: the greatest, the smallest, or the sum of all columns."""
        if op == "ReduceSum":  # since version 13 it takes its axes as an input, the others do not
            return Tensor(self.add(op, x.name, self.whole([1]), keepdims=1), 1, x.varies)
        return Tensor(self.add(op, x.name, axes=[1], keepdims=1), 1, x.varies)

    def any_missing(self, x: Tensor) -> Tensor:
        """Return whether one of the columns is missing."""
        if x.width == 1:
            return self.apply("IsNaN", x)
        found = self.reduced("ReduceMax", self.cast(self.apply("IsNaN", x), np.int32))
        return self.cast(found, bool)

    # --- columns ----------------------------------------------------------------------------------

    def put(self, group: Sequence[Node], made: Tensor) -> None:
        """Say that these nodes are the columns of a tensor."""
        for i, n in enumerate(group):
            self.place[n] = made, i

    def column(self, n: Node) -> Tensor:
        """Return a node as a tensor of one column."""
        return self.matrix((n,))

    def matrix(self, nodes: tuple[Node, ...]) -> Tensor:
        """Return nodes as the columns of one tensor, without a copy where they are one already."""
        if nodes not in self._known:
            self._known[nodes] = self._gathered(nodes)
        found: Tensor = self._known[nodes]
        return found

    def _gathered(self, nodes: tuple[Node, ...]) -> Tensor:
        parts = [self._part(list(run)) for _, run in groupby(nodes, self._stands_in)]
        if len(parts) == 1:
            return parts[0]
        varies = any(p.varies for p in parts)
        given = [self.spread(p) if varies else p for p in parts]
        name = self.add("Concat", *(p.name for p in given), axis=1)
        return Tensor(name, len(nodes), varies)

    def _stands_in(self, n: Node) -> str:
        return "" if _is_number(n) else self.place[n][0].name

    def _part(self, nodes: list[Node]) -> Tensor:
        if _is_number(nodes[0]):
            return self.row([n.data for n in nodes])
        whole, places = self.place[nodes[0]][0], [self.place[n][1] for n in nodes]
        if places == list(range(whole.width)):
            return whole
        name = self.add("Gather", whole.name, self.whole(places), axis=1)
        return Tensor(name, len(places), whole.varies)

    def spread(self, x: Tensor) -> Tensor:
        """Return a tensor with a row for each row that is given."""
        if x.varies or self.rows is None:
            return x
        if "rows" not in self._known:
            count = self.add("Shape", self.rows.name, start=0, end=1)
            self._known["rows"] = self.add("Concat", count, self.whole([1]), axis=0)
        return Tensor(self.add("Expand", x.name, self._known["rows"]), x.width)

    def called(self, group: Sequence[Node], made: Tensor) -> Tensor:
        """Return a tensor under the name that the formula has for its columns."""
        found = re.fullmatch(r"([A-Za-z]\w*?)_?\d*", self.names.get(group[0], ""))
        if found is None or not self.nodes or made.name not in self.nodes[-1].output[:1]:
            return made
        name = self.fresh(found[1].rstrip("_") or "v", always=False)
        self.nodes[-1].output[0] = self.nodes[-1].name = name
        return Tensor(name, made.width, made.varies)

    def used(self, results: Iterable[str]) -> tuple[list[Any], list[Any]]:
        """Return the operators and constants that some results need."""
        wanted = set(results)
        kept = []
        for n in reversed(self.nodes):
            if wanted.intersection(n.output):
                wanted.update(n.input)
                kept.append(n)
        return kept[::-1], [c for c in self.constants if c.name in wanted]


def _is_number(n: Node) -> bool:
    return n.op is ops.CONST and n.type is Type.REAL


def tensor(array: Array, name: str = "") -> Any:
    """Return an array as a TensorProto; texts as UTF-8."""
    from onnx import TensorProto, helper, numpy_helper

    if array.dtype.kind not in "OU":
        return numpy_helper.from_array(np.ascontiguousarray(array), name)
    texts = [str(v).encode("utf-8", "surrogatepass") for v in array.ravel().tolist()]
    return helper.make_tensor(name, TensorProto.STRING, array.shape, texts)


ELEMENTWISE = frozenset({*ops.UNARY, "max", "min", "mul", "div", "pow", "lin"})
"""Operations that are one operator for a whole layer, whose first arguments are its columns."""


def groups(nodes: Sequence[Node]) -> list[list[Node]]:
    """Return nodes in groups that are written at once, in an order that works.

    Sums over the same arguments; distances and trees likewise; one function of the nodes of a
    group, the other arguments being the same (as in a softmax); any other node by itself.
    """
    sums: dict[tuple[Node, ...], int] = {}
    for n in nodes:
        if n.op is ops.LIN:
            sums[n.args] = sums.get(n.args, 0) + 1
    key_of: dict[Node, Any] = {}
    found: dict[Any, list[Node]] = {}
    for n in nodes:
        key_of[n] = key = _key(n, key_of, sums)
        found.setdefault(key, []).append(n)
    return list(found.values())


def _key(n: Node, key_of: dict[Node, Any], sums: dict[tuple[Node, ...], int]) -> Any:
    together = n.op is ops.LIN and (sums[n.args] > 1 or len(n.args) > SHORT)
    if together or n.op in (ops.TREE, ops.SQUARED_DISTANCE):
        return n.op.name, n.args
    if n.op.name in ELEMENTWISE and n.args and isinstance(key_of[n.args[0]], tuple):
        data = None if n.data is None else n.data.key
        return n.op.name, data, key_of[n.args[0]], n.args[1:]
    return n


SHORT = 4
"""Terms up to which a sum is added from left to right, as the formula is: longer ones are matrix
products, a few ulp off."""
