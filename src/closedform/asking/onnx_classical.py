"""Operators of ai.onnx.ml in float64, as nodes of ONNX's own domain.

onnxruntime has them for float32 alone. What they look up or cut off stays theirs; what they add up
and multiply is written out. Ensembles of trees stay as they are: see `onnx_trees`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

DOMAIN = "ai.onnx.ml"
FLOAT, DOUBLE = 1, 11
KEPT = "in float32"
"""What the names of casts end with that are to stay as they are."""


class NoCopy(Exception):
    """An operator has no copy in float64."""


class Writer:
    """The nodes that take the place of one operator."""

    def __init__(self, n: Any, number: int) -> None:
        """Begin with an operator; `number` makes the names of its nodes its own."""
        from onnx import helper

        self.node = n
        self.options: Mapping[str, Any] = {
            a.name: helper.get_attribute_value(a) for a in n.attribute
        }
        self.made: list[Any] = []
        self.prefix = f"closedform {number} "

    def text(self, name: str, default: str) -> str:
        """Return an attribute that is text."""
        found = self.options.get(name, default)
        return found.decode("utf-8", "replace") if isinstance(found, bytes) else str(found)

    def numbers(self, name: str) -> Any:
        """Return an attribute that is a list of numbers, in float64."""
        return np.asarray(self.options.get(name, []), dtype=np.float64)

    def const(self, value: Any) -> str:
        """Add a constant, and return its name."""
        from onnx import numpy_helper

        array = np.asarray(value)
        kept = array if array.dtype.kind in "iO" else array.astype(np.float64)
        return self.add("Constant", [], value=numpy_helper.from_array(kept))

    def add(self, op: str, inputs: Sequence[str], out: str = "", **options: Any) -> str:
        """Add a node of ONNX's own domain, and return the name of its result."""
        from onnx import helper

        name = out or f"{self.prefix}{len(self.made)}"
        self.made.append(helper.make_node(op, list(inputs), [name], **options))
        return name

    def wide(self, i: int = 0) -> str:
        """Return an input as float64."""
        return self.add("Cast", [self.node.input[i]], to=DOUBLE)

    def kept(self, outputs: Mapping[str, str]) -> None:
        """Add the operator itself, of float32 inputs, with other names for some of its outputs."""
        copy = type(self.node)()
        copy.CopyFrom(self.node)
        name = self.prefix + KEPT
        copy.input[0] = self.add("Cast", [self.node.input[0]], name, to=FLOAT)
        for i, name in enumerate(self.node.output):
            copy.output[i] = outputs.get(name, name)
        self.made.append(copy)


# --- operators ------------------------------------------------------------------------------------


def _scaler(w: Writer) -> None:
    moved = w.add("Sub", [w.wide(), w.const(w.numbers("offset"))])
    w.add("Mul", [moved, w.const(w.numbers("scale"))], w.node.output[0])


def _sums(w: Writer, outputs: int) -> str:
    weights = w.numbers("coefficients").reshape(outputs, -1)
    made = w.add("MatMul", [w.wide(), w.const(weights.T)])
    bias = w.numbers("intercepts")
    return w.add("Add", [made, w.const(bias)]) if len(bias) else made


TRANSFORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "NONE": ("Identity", {}),
    "LOGISTIC": ("Sigmoid", {}),
    "SOFTMAX": ("Softmax", {"axis": 1}),
}


def _transformed(w: Writer, scores: str, out: str) -> None:
    name = w.text("post_transform", "NONE")
    if name not in TRANSFORMS:
        raise NoCopy
    op, options = TRANSFORMS[name]
    w.add(op, [scores], out, **options)


def _linear_regressor(w: Writer) -> None:
    outputs = int(w.options.get("targets", 1))
    if outputs == 1 and w.text("post_transform", "NONE") != "NONE":
        raise NoCopy
    _transformed(w, _sums(w, outputs), w.node.output[0])


def _linear_classifier(w: Writer) -> None:
    """The label from the operator itself, the scores written out."""
    out = w.node.output[1]
    w.kept({out: f"{w.prefix}float32 scores"})
    outputs = len(w.numbers("intercepts"))
    scores = _sums(w, outputs)
    if outputs == 1:
        _two(w, scores, out)
    else:
        _transformed(w, scores, out)


def _two(w: Writer, score: str, out: str) -> None:
    name = w.text("post_transform", "NONE")
    if name not in ("NONE", "LOGISTIC"):
        raise NoCopy
    if name == "LOGISTIC":
        both = w.add("Concat", [w.add("Neg", [score]), score], axis=1)
        w.add("Sigmoid", [both], out)
    else:
        other = w.add("Sub", [w.const(1.0), score])
        w.add("Concat", [other, score], out, axis=1)


def _kernel(w: Writer, points: Any) -> str:
    name, (gamma, offset, degree) = w.text("kernel_type", "LINEAR"), w.numbers("kernel_params")
    x = w.wide()
    if name == "RBF":
        three = w.add("Unsqueeze", [x, w.const(np.array([1]))])
        away = w.add("Sub", [three, w.const(points[None])])
        square = w.add("Mul", [away, away])
        total = w.add("ReduceSum", [square, w.const(np.array([2]))], keepdims=0)
        return w.add("Exp", [w.add("Mul", [total, w.const(-gamma)])])
    made = w.add("MatMul", [x, w.const(points.T)])
    if name == "LINEAR":
        return made
    inner = w.add("Add", [w.add("Mul", [made, w.const(gamma)]), w.const(offset)])
    if name == "POLY":
        return w.add("Pow", [inner, w.const(degree)])
    return w.add("Tanh", [inner])


def _svm_regressor(w: Writer) -> None:
    count, weights = int(w.options.get("n_supports", 0)), w.numbers("coefficients")
    if int(w.options.get("one_class", 0)) or len(w.numbers("kernel_params")) != 3:
        raise NoCopy
    points = w.numbers("support_vectors").reshape(count, -1) if count > 0 else None
    values = w.wide() if points is None else _kernel(w, points)
    made = w.add("MatMul", [values, w.const(weights.reshape(-1, 1))])
    w.add("Add", [made, w.const(w.numbers("rho")[:1])], w.node.output[0])


def _normalizer(w: Writer) -> None:
    x, axes = w.wide(), w.const(np.array([-1]))
    name = w.text("norm", "MAX")
    if name == "MAX":
        raise NoCopy
    sized = w.add("Abs", [x]) if name == "L1" else w.add("Mul", [x, x])
    total = w.add("ReduceSum", [sized, axes], keepdims=1)
    size = total if name == "L1" else w.add("Sqrt", [total])
    none = w.add("Equal", [size, w.const(0.0)])
    w.add("Div", [x, w.add("Where", [none, w.const(1.0), size])], w.node.output[0])


def _imputer(w: Writer) -> None:
    if "imputed_value_floats" not in w.options:
        w.made.append(w.node)
        return
    x, replaced = w.wide(), float(w.options.get("replaced_value_float", 0.0))
    absent = replaced != replaced
    test = w.add("IsNaN", [x]) if absent else w.add("Equal", [x, w.const(replaced)])
    fill = w.const(w.numbers("imputed_value_floats"))
    w.add("Where", [test, fill, x], w.node.output[0])


def _one_hot(w: Writer) -> None:
    """It stays, as it takes float64, and its results become float64."""
    out = w.node.output[0]
    own = f"{w.prefix}own"
    copy = type(w.node)()
    copy.CopyFrom(w.node)
    copy.output[0] = own
    w.made.append(copy)
    w.add("Cast", [own], out, to=DOUBLE)


def _look_up(w: Writer) -> None:
    """It stays; keys and values that are floats become float64 around it."""
    if any(name.endswith("_tensor") for name in w.options):
        raise NoCopy
    copy, out = type(w.node)(), w.node.output[0]
    copy.CopyFrom(w.node)
    if "keys_floats" in w.options:
        copy.input[0] = w.add("Cast", [w.node.input[0]], w.prefix + KEPT, to=FLOAT)
    w.made.append(copy)
    if "values_floats" in w.options:
        copy.output[0] = f"{w.prefix}own"
        w.add("Cast", [f"{w.prefix}own"], out, to=DOUBLE)


def _columns(w: Writer) -> None:
    w.add("Identity", [w.node.input[0]], w.node.output[0])


def _as_it_is(w: Writer) -> None:
    w.made.append(w.node)


COPIES: dict[str, Callable[[Writer], None]] = {
    "ArrayFeatureExtractor": _as_it_is,
    "CategoryMapper": _as_it_is,
    "Imputer": _imputer,
    "LabelEncoder": _look_up,
    "LinearClassifier": _linear_classifier,
    "LinearRegressor": _linear_regressor,
    "Normalizer": _normalizer,
    "OneHotEncoder": _one_hot,
    "SVMRegressor": _svm_regressor,
    "Scaler": _scaler,
    "ZipMap": _columns,
}
"""Operator → what writes its copy in float64."""


def written_out(model: Any) -> bool:
    """Replace a model's operators of ai.onnx.ml by nodes that compute in float64.

    Returns:
        Whether it could be done; the model is then to be widened as any other.
    """
    from onnx import helper

    try:
        nodes = [m for i, n in enumerate(model.graph.node) for m in _written(n, i)]
    except (NoCopy, ValueError, IndexError):
        return False
    maps = {n.output[0] for n in model.graph.node if n.op_type == "ZipMap"}
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    for info in model.graph.output:
        if info.name in maps:
            info.CopyFrom(helper.make_tensor_value_info(info.name, DOUBLE, None))
    return True


def _written(n: Any, number: int) -> Iterator[Any]:
    if n.domain != DOMAIN or n.output[0].endswith(KEPT):
        yield n
        return
    if n.op_type not in COPIES:
        raise NoCopy
    writer = Writer(n, number)
    COPIES[n.op_type](writer)
    yield from writer.made
