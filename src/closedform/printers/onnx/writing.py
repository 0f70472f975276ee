"""ONNX: a graph for onnxruntime and others, in doubles, with the formula's own names.

Layers are matrix products, trees one operator for all. What onnxruntime computes in double
precision on a processor is asked for and nothing else, so that it loads from 1.17 on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from closedform import ops
from closedform.about import __version__
from closedform.errors import BadInput, MissingExtra
from closedform.formula import Formula
from closedform.ir import Node, Type
from closedform.printers.choices import decision_of
from closedform.printers.ensemble import without_untested
from closedform.printers.label_codes import LabelCodes
from closedform.printers.onnx.graph import ML, SHORT, Graph, Tensor, groups
from closedform.printers.onnx.spelling import (
    RULES,
    SIDE_BY_SIDE,
    Labels,
    add_up,
    looked_up,
    lowered_over,
)
from closedform.printers.onnx.trees import write_trees
from closedform.printers.program import banner
from closedform.printers.zeros import with_zeros

INPUTS = ("columns", "matrix")
PRECISIONS = {"double": np.float64, "float": np.float32}
VERSIONS = {"": 17, ML: 4}
"""Versions of the operators; with `IR`, what onnxruntime reads from 1.17 (January 2024) on."""
IR = 8
WIDE = 8
"""Arguments of a greatest or smallest from which on they are reduced as one matrix."""

NEVER: dict[str, str] = {}
"""Operations that have no spelling: there is none."""


def write(formula: Formula, *, inputs: str = "columns", precision: str = "double") -> Any:
    """Return an `onnx.ModelProto`; in a file, its bytes.

    Every output is a tensor of shape (rows, 1) under its own name: doubles; texts; for labels that
    are whole numbers int64, or doubles where one may be missing. A missing number is NaN, a missing
    text the empty one (where that is a label itself, what the model's metadata call
    `missing_label`). Rows that the model refuses give that.

    Args:
        formula: any formula.
        inputs: "columns": one tensor of shape (rows, 1) for each input that is read, under its own
            name, doubles or texts; "matrix": one, X, of shape (rows, inputs), where all are
            numbers.
        precision: "double", or "float" for a graph in float32, which is faster: numbers lose half
            of their digits, thresholds of trees do not.

    Raises:
        BadInput: a wrong option, or a matrix of inputs that are not all numbers.
        UnsupportedTarget: a column of labels holds both texts and numbers.
        MissingExtra: the package onnx is not installed.
    """
    _require("inputs", inputs, INPUTS)
    _require("precision", precision, PRECISIONS)
    if inputs == "matrix" and any(f.type is Type.LABEL for f in formula.inputs):
        raise BadInput(
            "These inputs are no matrix: some of them are categories.",
            hint="Leave out inputs='matrix': each column is then a tensor of its own.",
        )
    try:
        import onnx  # noqa: F401
    except ImportError as error:
        raise MissingExtra("onnx", "onnx", "Writing ONNX") from error
    return _Model(formula, inputs == "matrix", PRECISIONS[precision]).proto()


def in_file(made: Any) -> bytes:
    """Return what a file holds."""
    found: bytes = made.SerializeToString()
    return found


def _require(option: str, value: str, known: Iterable[str]) -> None:
    if value not in known:
        raise BadInput(
            f"There is no {option}={value!r}.", hint="There are: " + ", ".join(map(repr, known))
        )


def tensor_names(names: Iterable[str], taken: Iterable[str] = ()) -> list[str]:
    """Return a name for each: its own, or with a number behind it where another has that.

    An empty one would be no tensor at all, and the name ends where a NUL stands.
    """
    used, found = set(taken), []
    for i, name in enumerate(names):
        plain = name.encode("utf-8", "replace").decode().replace("\0", "\ufffd") or f"column {i}"
        made, count = plain, 1
        while made in used:
            count += 1
            made = f"{plain} {count}"
        used.add(made)
        found.append(made)
    return found


@dataclass
class _Model:
    """One formula on its way to a graph."""

    formula: Formula
    matrix: bool
    real: Any
    given: list[Any] = field(default_factory=list)
    made: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        formula = self.formula = with_zeros(without_untested(self.formula))
        self.codes = LabelCodes(formula)
        self.codes.require_one_type()
        self.asked = sorted(formula.needed) or list(range(len(formula.inputs)))[:1]
        features = [] if self.matrix else [formula.inputs[i].name for i in self.asked]
        self.outputs = tensor_names(formula.outputs)
        self.names = tensor_names(["X"] if self.matrix else features, self.outputs)
        self.missing_label = next(text for text in _missing_texts() if text not in self.codes.texts)
        self.graph = Graph(self.real, [*self.outputs, *self.names], dict(formula.names))
        self.rules = {**RULES, **Labels(self.codes).rules()}

    def proto(self) -> Any:
        from onnx import helper

        self._read()
        self._compute()
        self._give()
        nodes, constants = self.graph.used(self.outputs)
        graph = helper.make_graph(
            nodes, "formula", self.given, self.made, constants, doc_string=banner(self.formula, "")
        )
        versions = [helper.make_opsetid(*v) for v in VERSIONS.items()]
        model = helper.make_model(
            graph, opset_imports=versions, ir_version=IR, producer_name="closedform",
            producer_version=__version__, doc_string=graph.doc_string,
        )  # fmt: skip
        if self._writes_text():
            helper.set_model_props(model, {"missing_label": self.missing_label})
        return model

    # --- inputs -----------------------------------------------------------------------------------

    def _read(self) -> None:
        if self.matrix and self.formula.inputs:
            columns = [ops.input_(i) for i in range(len(self.formula.inputs))]
            told = "The columns: " + ", ".join(f.name for f in self.formula.inputs)
            whole = self._input(self.names[0], self.real, len(columns), told)
            self.graph.put(columns, whole)
            return
        for i, name in zip(self.asked, self.names, strict=True):
            feature = self.formula.inputs[i]
            n = ops.input_(i, feature.type)
            if feature.type is Type.LABEL:
                self.graph.put([n], self._coded(i, n, name))
            else:
                told = feature.name if name != feature.name else ""
                self.graph.put([n], self._input(name, self.real, 1, told))

    def _input(self, name: str, kind: Any, width: int, told: str) -> Tensor:
        from onnx import TensorProto, helper

        dtype = (
            TensorProto.STRING if kind is str else helper.np_dtype_to_tensor_dtype(np.dtype(kind))
        )
        self.given.append(helper.make_tensor_value_info(name, dtype, ["N", width], told))
        made = Tensor(name, width)
        self.graph.rows = self.graph.rows or made
        return made

    def _coded(self, i: int, n: Node, name: str) -> Tensor:
        """Read a column of labels, and return their codes; -2 - i is one that nobody knows."""
        g, unseen = self.graph, self.codes.unseen(i)
        known = ", ".join(map(str, self.formula.inputs[i].categories or ()))
        told = (self.formula.inputs[i].name + ": " + known).removesuffix(": ")
        if self.codes.is_text(n):
            x = self._input(name, str, 1, told)
            keys = [self.missing_label, *self.codes.texts]
            return looked_up(g, x, keys, np.arange(-1, len(keys) - 1), unseen, np.int64)
        x = self._input(name, self.real, 1, told)
        first = len(self.codes.texts)
        numbers = self.codes.numbers
        codes = looked_up(g, x, numbers, first + np.arange(len(numbers)), unseen, np.int64)
        absent = Tensor(g.whole([[-1]]), varies=False)
        return g.apply("Where", g.apply("IsNaN", x), absent, codes)

    # --- values -----------------------------------------------------------------------------------

    def _compute(self) -> None:
        refused = self.formula.refused
        known = self.formula.nodes if refused is None else self._with(refused)
        inner = {n.args[2] for n in known if n.op is ops.WHERE}
        for group in groups(known):
            first = group[0]
            if first.op is ops.INPUT or (first.op is ops.CONST and first.type is Type.REAL):
                continue
            if first.op is ops.TREE:
                write_trees(self.graph, group)
                continue
            made = self._decided(first) if first not in inner else None
            made = made or self._written(group)
            self.graph.put(group, self.graph.called(group, made))

    def _with(self, refused: Node) -> list[Node]:
        from closedform.ir import toposort

        return toposort([*self.formula.roots, refused])

    def _written(self, group: list[Node]) -> Tensor:
        first, g = group[0], self.graph
        name = first.op.name
        if first.op is ops.CONST:
            return Tensor(g.constant(np.array([[first.data]], dtype=bool)), varies=False)
        if first.op is ops.SQUARED_DISTANCE:
            return self._distances(group)
        if name == "lin" and (len(first.args) > SHORT or len({n.args for n in group}) == 1):
            return self._sums(group)
        if name in SIDE_BY_SIDE or (name in ("min", "max") and len(first.args) >= WIDE):
            return self.rules[name](g, first, [g.matrix(first.args)])
        x = [g.matrix(tuple(n.args[0] for n in group))] if first.args else []
        given = [*x, *(g.column(a) for a in first.args[1:])]
        if name in self.rules:
            return self.rules[name](g, first, given)
        return lowered_over(g, name, given[0])

    def _sums(self, group: list[Node]) -> Tensor:
        g, args = self.graph, group[0].args
        weights = np.array([n.data.weights for n in group]).T.reshape(len(args), len(group))
        bias = g.row([n.data.bias for n in group])
        plain = all(n.data.bias == 0 and not np.signbit(n.data.bias) for n in group)
        if len(args) <= SHORT:
            none = plain and len(args) > 0
            return add_up(g, None if none else bias, weights, [g.column(a) for a in args])
        x = g.matrix(args)
        given = [x.name, g.constant(weights.astype(self.real))]
        if not plain:
            given.append(g.constant(np.array([n.data.bias for n in group], dtype=self.real)))
        # Never MatMul: onnxruntime merges it with a division by 10 that follows, as a factor of
        # 0.1 in float32, and the mean of ten trees is wrong by 1.5e-8 of itself.
        return Tensor(g.add("Gemm", *given), len(group), x.varies)

    def _distances(self, group: list[Node]) -> Tensor:
        """Write the squared distances from several points, added coordinate by coordinate."""
        g, total = self.graph, self.graph.row([0.0] * len(group))
        for j, x in enumerate(group[0].args):
            away = g.apply("Sub", g.column(x), g.row([n.data.point[j] for n in group]))
            square = g.apply("Mul", away, away)
            weights = np.array([n.data.weights[j] for n in group])
            term = square if (weights == 1).all() else g.apply("Mul", square, g.row(weights))
            total = term if j == 0 else g.apply("Add", total, term)
        return total

    def _decided(self, n: Node) -> Tensor | None:
        """Return the class with the highest score as one operator; None where n is no such choice.

        Without a highest score, one being missing, the formula takes the last class.
        """
        if n.type is not Type.LABEL or n.op is not ops.WHERE:
            return None
        found = decision_of(n)
        if found is None or len(found.scores) < WIDE:
            return None
        g, scores = self.graph, self.graph.matrix(found.scores)
        place = g.add("ArgMax", scores.name, axis=1, keepdims=1)
        codes = [int(self.codes.text(c)) for c in found.classes]
        chosen = Tensor(g.add("Gather", g.whole(codes), place, axis=0), 1, scores.varies)
        last = Tensor(g.whole([[codes[-1]]]), varies=False)
        return g.apply("Where", g.any_missing(scores), last, chosen)

    # --- outputs ----------------------------------------------------------------------------------

    def _give(self) -> None:
        from onnx import TensorProto, helper

        for (own, n), name in zip(self.formula.outputs.items(), self.outputs, strict=True):
            found, kind = self._output(n)
            found = self.graph.spread(found)
            self.graph.nodes.append(helper.make_node("Identity", [found.name], [name], name))
            dtype = (
                TensorProto.STRING if kind is str
                else helper.np_dtype_to_tensor_dtype(np.dtype(kind))
            )  # fmt: skip
            rows = "N" if found.varies else 1
            told = own if own != name else ""
            self.made.append(helper.make_tensor_value_info(name, dtype, [rows, 1], told))

    def _output(self, n: Node) -> tuple[Tensor, Any]:
        g, refused = self.graph, self.formula.refused
        if n.type is Type.LABEL:
            return self._label(n)
        found = g.column(n)
        if n.type is Type.BOOL and refused is None:
            return found, bool
        found = g.cast(found, self.real) if n.type is Type.BOOL else found
        if refused is not None:
            found = g.apply("Where", g.column(refused), g.number(np.nan), found)
        return found, self.real

    def _label(self, n: Node) -> tuple[Tensor, Any]:
        """Return labels for their codes; what nobody knows comes out as it went in."""
        g, refused, code = self.graph, self.formula.refused, self.graph.column(n)
        none = Tensor(g.whole([[-1]]), varies=False)
        if refused is not None:
            code = g.apply("Where", g.column(refused), none, code)
        values, kind = self._values_of(n)
        place = g.apply("Max", code, none)
        place = g.apply("Add", place, Tensor(g.whole([[1]]), varies=False))
        found = Tensor(g.add("Gather", g.constant(values), place.name, axis=0), 1, code.varies)
        for i in self.codes.passed(n):
            mark = Tensor(g.whole([[self.codes.unseen(i)]]), varies=False)
            name = self.names[self.asked.index(i)]
            found = g.apply("Where", g.apply("Equal", code, mark), Tensor(name), found)
        return found, kind

    def _values_of(self, n: Node) -> tuple[Any, Any]:
        """Return the label for each code from -1 on, and the type of the column."""
        count = len(self.codes.numbers)
        if self.codes.is_text(n):
            texts = [self.missing_label, *self.codes.texts, *[""] * count]
            return np.array(texts, dtype=object), str
        values = np.array([np.nan] * (1 + len(self.codes.texts)) + self.codes.numbers)
        whole = all(v == int(v) and abs(v) < 2**53 for v in self.codes.numbers if np.isfinite(v))
        if whole and count and not self._may_miss(n):
            return np.nan_to_num(values, nan=-1).astype(np.int64), np.int64
        return values.astype(self.real), self.real

    def _may_miss(self, n: Node) -> bool:
        if self.formula.refused is not None:
            return True
        sources = self.codes.groups.sources(n)
        return any(s.op is ops.INPUT or (s.op is ops.LABEL and s.data[0] is None) for s in sources)

    def _writes_text(self) -> bool:
        features = [ops.input_(i, f.type) for i, f in enumerate(self.formula.inputs)]
        labels = [n for n in (*features, *self.formula.roots) if n.type is Type.LABEL]
        return any(self.codes.is_text(n) for n in labels)


def _missing_texts() -> Iterator[str]:
    """Yield texts that may stand for a missing label, the first that is no label being taken."""
    yield ""
    yield "(missing)"
    count = 2
    while True:
        yield f"(missing {count})"
        count += 1
