"""ONNX graphs: rows of a formula's inputs become the tensors that a graph takes, results columns.

A graph is run by onnxruntime on one thread of the CPU, where that is installed, else by ONNX's own
reference implementation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from closedform.asking import Method
from closedform.asking.onnx_double import in_double
from closedform.asking.onnx_reference import evaluator_of
from closedform.columns import columns_of
from closedform.errors import BadFile, BadInput, MissingExtra, UnsupportedModel
from closedform.formula import Formula
from closedform.ir import Array, Type
from closedform.ops.payloads import NEVER_SEEN, UNSEEN, labels_of

BLOCK = 512
"""Rows that a graph is asked about at once."""

INVALID = (
    "The graph is none that ONNX allows, as converters sometimes write them. Convert the model "
    "again: from rows of float32, with another version of the converter, or to another opset."
)

Run = Callable[[dict[str, Array]], dict[str, Any]]


@dataclass(frozen=True)
class Slot:
    """One tensor that a graph takes or gives.

    Attributes:
        name: in the graph.
        kind: the element type: "float32", "int64", "string" …
        shape: of one row.
        axis: which axis counts rows.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    axis: int = 0

    @property
    def size(self) -> int:
        """How many elements one row has."""
        return prod(self.shape)

    @property
    def whole(self) -> bool:
        """Whether it holds whole numbers or truths."""
        return "int" in self.kind or self.kind == "bool"


@dataclass(frozen=True)
class Result:
    """One result of a graph.

    Attributes:
        slot: what it is; of maps, the shape is how many keys they have.
        keys: of a sequence of maps; None where it is a tensor.
    """

    slot: Slot
    keys: tuple[Any, ...] | None = None


@dataclass(frozen=True)
class Layout:
    """How rows become tensors, and results columns.

    Attributes:
        inputs: in the order of the formula's inputs.
        results: those that the formula has outputs for, in order.
        rows: how many rows the graph insists on; None where it takes any number.
    """

    inputs: tuple[Slot, ...]
    results: tuple[Result, ...]
    rows: int | None = None

    def in_double(self) -> Layout:
        """Return the same with float64 in the place of every float type."""
        wide = [replace(s, kind="float64") if "float" in s.kind else s for s in self.inputs]
        return replace(self, inputs=tuple(wide))

    def to_json(self) -> dict[str, Any]:
        """Return it in plain lists, as the trail of a formula holds it."""
        return {
            "inputs": [[s.name, s.kind, list(s.shape), s.axis] for s in self.inputs],
            "results": [
                [r.slot.name, r.slot.kind, list(r.slot.shape), r.slot.axis, _listed(r.keys)]
                for r in self.results
            ],
            "rows": self.rows,
        }

    @classmethod
    def from_json(cls, found: Any) -> Layout:
        """Return what `to_json` wrote."""
        inputs = tuple(Slot(n, k, tuple(s), a) for n, k, s, a in found["inputs"])
        results = tuple(
            Result(Slot(n, k, tuple(s), a), None if keys is None else tuple(keys))
            for n, k, s, a, keys in found["results"]
        )
        return cls(inputs, results, found["rows"])


def _listed(keys: tuple[Any, ...] | None) -> list[Any] | None:
    return None if keys is None else list(keys)


def methods(model: Any, formula: Formula) -> list[Method]:
    """Return how a graph is asked for what the formula has outputs for.

    Args:
        model: a ModelProto, an onnxruntime.InferenceSession, or the path of a file.
        formula: what was read from it.

    Raises:
        MissingExtra: neither onnxruntime nor onnx is installed.
        BadFile: there is no graph in the file.
    """
    options = formula.trail[0].options if formula.trail else {}
    if "layout" not in options:
        raise BadInput(
            "This formula does not say how its inputs are laid out in an ONNX graph.",
            hint="Check it against the model that it was read from.",
        )
    model = _opened(model) if isinstance(model, Path) else model
    layout = Layout.from_json(options["layout"])
    outputs = tuple(options["outputs"])

    def asks(run: Run, layout: Layout) -> Callable[[Any], Array]:
        ask = answers(run, layout)
        return lambda X: ask(taken(formula, X, options["undefined"]))

    own = asks(runner(model), layout)
    kind = coarsest(layout)
    raw = _in_double(model) if options["float64"] else None
    if raw is None:
        double = kind == "float64" and not formula.precision  # trees add in float32 in between
        return [Method(f"graph, {kind}", own, outputs, double=double)]
    fine = runner(raw, reference=options["float64"] == "reference", plain=True)
    return [
        Method("graph in float64", asks(fine, layout.in_double()), outputs, double=True),
        Method(f"graph, {kind}", own, outputs, twin=0),
    ]


def _in_double(model: Any) -> bytes | None:
    """Return the same graph in float64; None where only an engine's session is there."""
    found = _graph_of(model) if hasattr(model, "get_inputs") else model
    if isinstance(found, bytes) and find_spec("onnx") is not None:
        import onnx

        found = onnx.load_from_string(found)
    return in_double(found) if hasattr(found, "graph") else None


def _graph_of(session: Any) -> Any:
    """Return the graph that a session was made of, where it still knows."""
    path = getattr(session, "_model_path", None)
    raw: bytes | None = getattr(session, "_model_bytes", None)
    return _opened(Path(path)) if raw is None and path and Path(path).is_file() else raw


def _opened(path: Path) -> Any:
    """Return the graph in a file, with numbers that it keeps in others; its bytes without onnx.

    Raises:
        BadFile: there is no such file, or no graph in it.
    """
    try:
        if find_spec("onnx") is None:
            return path.read_bytes()
        import onnx

        return onnx.load(path)
    except Exception as error:  # of the system, of protobuf, of onnx
        said = getattr(error, "strerror", None) or (str(error) or type(error).__name__)
        raise BadFile(
            f"{path}: {str(said).splitlines()[0][:200]}.",
            hint="Give the file that the formula was read from.",
        ) from error


def coarsest(layout: Layout) -> str:
    """Return the coarsest float type that a graph takes or gives."""
    slots = (*layout.inputs, *(r.slot for r in layout.results))
    found = [slot.kind for slot in slots if "float" in slot.kind]
    return max(found, key=FLOATS.index, default="float32")


FLOATS = ("float64", "float32", "bfloat16", "float16")
"""From fine to coarse."""


def taken(formula: Formula, X: Any, undefined: Sequence[int]) -> list[Array]:
    """Return one column for each input, as `texts_and_numbers` does.

    Raises:
        ValueError: a number is missing where ONNX does not say what comes of that.
    """
    made = texts_and_numbers(formula, X)
    for i in undefined:
        if np.isnan(made[i]).any():
            raise ValueError(f"{formula.inputs[i].name}: ONNX does not say what a missing one does")
    return made


def texts_and_numbers(formula: Formula, X: Any) -> list[Array]:
    """Return one column for each input: numbers, or text as the graph takes it."""
    columns = columns_of(formula.inputs, X)[0]
    made = []
    for feature, column in zip(formula.inputs, columns, strict=True):
        if feature.type is not Type.LABEL:
            made.append(column)
            continue
        texts = labels_of(column)
        texts[column == UNSEEN] = NEVER_SEEN
        made.append(texts)
    return made


def answers(run: Run, layout: Layout) -> Callable[[Sequence[Array]], Array]:
    """Return a graph as a function of columns that gives a table, shape (rows, outputs).

    Rows that it cannot take raise, as the graph itself does, and so do numbers that its types do
    not hold.
    """
    step = layout.rows or BLOCK

    def ask(columns: Sequence[Array]) -> Array:
        rows = len(columns[0])
        parts = [[c[i : i + step] for c in columns] for i in range(0, rows, step)]
        tables = [table(part) for part in parts]
        return np.vstack(tables)

    def table(part: list[Array]) -> Array:
        rows = len(part[0])
        if layout.rows is not None and rows < layout.rows:
            part = [np.concatenate([c, np.repeat(c[:1], layout.rows - rows)]) for c in part]
        found = run(dict(feeds(layout.inputs, part)))
        pieces = [_columns(r, found[r.slot.name]) for r in layout.results]
        wide = object if any(p.dtype == object for p in pieces) else np.float64
        return np.hstack([p.astype(wide) for p in pieces])[:rows]

    return ask


def feeds(slots: Sequence[Slot], columns: Sequence[Array]) -> list[tuple[str, Array]]:
    """Return columns as the tensors that a graph takes.

    Raises:
        ValueError: a number that the type of the tensor does not hold.
    """
    made, at = [], 0
    for slot in slots:
        part = np.stack(columns[at : at + slot.size], axis=1) if slot.size else np.zeros((1, 0))
        at += slot.size
        tensor = _typed(slot, part).reshape(-1, *slot.shape)
        made.append((slot.name, np.ascontiguousarray(np.moveaxis(tensor, 0, slot.axis))))
    return made


def _typed(slot: Slot, part: Array) -> Array:
    if slot.kind == "string":
        if any(v is None for v in part.ravel()):
            raise ValueError(f"{slot.name} takes no missing text")
        return part.astype(str).astype(object)
    if slot.whole and not (part == np.floor(part)).all():
        raise ValueError(f"{slot.name} takes whole numbers")
    with np.errstate(all="ignore"):
        made = part.astype(dtype_of(slot.kind))
        if not ((made.astype(np.float64) == part) | np.isfinite(made.astype(np.float64))
                | np.isnan(part)).all() or (slot.whole and not (made == part).all()):  # fmt: skip
            raise ValueError(f"{slot.name} holds a number beyond the range of {slot.kind}")
    return made


def dtype_of(kind: str) -> Any:
    """Return NumPy's type for an element type."""
    if kind == "bfloat16":
        import ml_dtypes

        return ml_dtypes.bfloat16
    return np.dtype(kind)


def _columns(result: Result, found: Any) -> Array:
    if result.keys is not None and isinstance(found, list):
        return np.array([[row[k] for k in result.keys] for row in found], dtype=np.float64)
    array = np.moveaxis(np.asarray(found), result.slot.axis, 0)
    flat = array.reshape(len(array), -1)
    return flat.astype(object) if flat.dtype.kind in "OU" else flat.astype(np.float64)


# --- running --------------------------------------------------------------------------------------


def runner(model: Any, *, reference: bool = False, plain: bool = False) -> Run:
    """Return what runs a graph: from tensors by name to results by name.

    Args:
        model: a ModelProto, its bytes, or an onnxruntime.InferenceSession.
        reference: whether ONNX's own reference implementation is to run it.
        plain: whether it is run node by node, as it stands: onnxruntime's optimisers compute what
            no row needs as well, such as a branch that is never taken.

    Raises:
        MissingExtra: neither onnxruntime nor onnx is installed.
        UnsupportedModel: the types in the graph do not fit together.
    """
    if hasattr(model, "run") and hasattr(model, "get_inputs"):
        return _session(model)
    raw = model if isinstance(model, bytes) else model.SerializeToString()
    if find_spec("onnxruntime") is None or reference:
        return _reference(raw)
    try:
        return _session(_started(raw, plain))
    except Exception as error:  # it has no kernels for this type, or knows no such opset yet
        if "Type Error" in str(error):
            said = str(error).rpartition("Type Error: ")[2].splitlines()[0][:300]
            raise UnsupportedModel(f"onnxruntime refuses the graph: {said}", hint=INVALID) from None
        if find_spec("onnx") is None:
            raise
        return _reference(raw)


def _started(raw: bytes, plain: bool) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    if plain:
        level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.graph_optimization_level = level
    return onnxruntime.InferenceSession(raw, options, providers=["CPUExecutionProvider"])


def _session(session: Any) -> Run:
    names = [o.name for o in session.get_outputs()]
    return lambda given: dict(zip(names, session.run(names, given), strict=True))


def _reference(raw: bytes) -> Run:
    if find_spec("onnx") is None:
        raise MissingExtra("onnxruntime", "onnx", "Asking an ONNX graph")
    evaluator = evaluator_of(raw)
    names = list(evaluator.output_names)

    def run(given: dict[str, Array]) -> dict[str, Any]:
        with np.errstate(all="ignore"):
            return dict(zip(names, evaluator.run(None, given), strict=True))

    return run
