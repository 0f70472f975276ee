"""A net of skorch: its module, with what predict makes of the module's first result."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.asking.skorch import module_of
from closedform.asking.torch import Slot, answers
from closedform.errors import NotFitted, UnsupportedModel
from closedform.evaluate import compute
from closedform.formula import UNITS, Formula
from closedform.ir import Node, substitute
from closedform.readers.prediction import Prediction, element_names, highest, input_names
from closedform.readers.reading import Columns, Reading
from closedform.readers.tensors import Tensor, node_of, number
from closedform.readers.torch.tracing import Example, example_of, exported, require_numbers
from closedform.readers.torch.trying import FAR, MARGIN, difference, tried
from closedform.readers.torch.walking import Walk

IN_A_PIPELINE = 16
"""So much more may be rounded there: what stands before and behind a net computes in float32 too.

Of a net of 4 units behind a scaler, rows far out were 70 units off where the net alone was 10.
"""

OWN = ("predict", "predict_proba", "infer", "forward_iter", "evaluation_step")
"""Methods that decide what is predicted."""


def read_model(model: Any, names: Sequence[str] | None = None, example: Any = None) -> Formula:
    """Return a trained net as a formula.

    Args:
        model: a NeuralNetRegressor, NeuralNetClassifier, NeuralNetBinaryClassifier or NeuralNet.
        names: a name for each element of a row.
        example: rows as the module takes them; not needed where its first layer says how many
            inputs there are.

    Raises:
        UnsupportedModel: the module has no formula, or the net predicts in a way of its own.
        NotFitted: the net has not been trained.
        BadInput: as for a PyTorch module.
    """
    net = _Traced.of(model, names, example)
    known = input_names(names, net.names, len(net.names))
    reading = Reading(known)
    made = net.predicted(reading.columns(), reading)
    version = _version()
    options = {"shape": list(net.slot.shape)}
    return reading.formula(
        made.outputs, made.task, type(model).__name__, f"skorch {version}", options
    )


def predicted(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """Return what a net predicts over some columns, which it takes as one tensor of floats."""
    return _Traced.of(model, columns.names, None).predicted(columns, reading, slack=IN_A_PIPELINE)


def _version() -> str:
    import skorch

    return str(skorch.__version__)


class _Traced:
    """A net whose module is traced."""

    def __init__(self, model: Any, module: Any, example: Example) -> None:
        self.model = model
        self.module = module
        self.example = example
        self.walk = Walk(exported(module, example))
        self.slot: Slot = self.walk.slots[0]
        self.names = element_names([(self.slot.name, self.slot.shape)])

    @classmethod
    def of(cls, model: Any, names: Sequence[str] | None, example: Any) -> _Traced:
        """Return a net, traced.

        Raises:
            UnsupportedModel, NotFitted, BadInput: as `read_model` says.
        """
        if not getattr(model, "initialized_", False):
            raise NotFitted(
                f"This {type(model).__name__} is not fitted.", hint="Call its fit(X, y) first."
            )
        _require_own(model)
        require_numbers(model.module_)
        given = example_of(model.module_, names, example)
        if len(given.values) != 1 or given.by_name:
            raise UnsupportedModel(
                f"This {type(model).__name__} takes several arrays.",
                hint="Read its module: closedform.read(net.module_, example=…).",
            )
        return cls(model, module_of(model), given)

    def predicted(self, columns: Columns, reading: Reading, *, slack: int = 1) -> Prediction:
        """Return what the net predicts over some columns; `slack` times its rounding is allowed."""
        if len(columns) != self.slot.size:
            reading.problem(
                f"The {type(self.model).__name__} takes {self.slot.size} inputs, and "
                f"{len(columns)} columns come to it.",
                "Read its module by itself: closedform.read(net.module_, example=…).",
            )
            return Prediction.nothing()
        inner = Reading(tuple(self.names))
        (_, tensor), *_ = self.walk.run(inner)
        reading.problems += inner.problems
        if inner.problems:
            return Prediction.nothing()
        nodes = [node_of(number(x)) for x in tensor.ravel().tolist()]
        trial = tried(self.module, nodes, self.walk.slots, self.example, self.walk.program)
        # A cast to float32 on the way in is part of what the net's own rounding allows.
        cast = trial.dtype != "float64"
        given = [n.args[0] if cast and n.op is ops.ROUND32 else n for n in columns.nodes]
        there = {ops.input_(i): n for i, n in enumerate(given)}
        moved = substitute([*nodes, *inner.node_names], there)
        for n, name in zip(moved[len(nodes) :], inner.node_names.values(), strict=True):
            reading.call(n, name)
        values = moved[: len(nodes)]
        if trial.dtype != "float64":
            ulps = max(trial.ulps, self._ulps_far_out(nodes, trial.dtype))
            reading.rounds(values, trial.dtype, slack * ulps)
        return self._of_kind(values, tensor, reading)

    def _ulps_far_out(self, nodes: list[Node], dtype: str) -> int:
        """Return how many units of rounding the net is off by on rows far from its training data.

        A certificate of a pipeline has no net in float64 to measure each row against: of 200 rows
        of size 1 a small net was 5 units off at most, of 93 of size 50 up to 25.
        """
        rows = np.random.default_rng(1).normal(scale=FAR, size=(200, self.slot.size))
        rows = rows.astype(np.float16).astype(np.float64)
        try:
            theirs = answers(self.module, self.walk.slots, dtype)(rows)
        except Exception:  # some of its inputs are places, which take no other numbers
            return 1
        apart = difference(theirs, np.column_stack(compute(nodes, list(rows.T), len(rows))))
        known = apart is not None and np.isfinite(apart)
        return math.ceil(MARGIN * apart / UNITS[dtype]) if known else 1  # type: ignore[operator]

    def _of_kind(self, values: list[Node], tensor: Tensor, reading: Reading) -> Prediction:
        names = {kind.__name__ for kind in type(self.model).__mro__}
        found = next((rule for name, rule in KINDS.items() if name in names), _values)
        return found(self.model, values, tensor.ndim, reading)


def _require_own(model: Any) -> None:
    """Refuse a subclass that predicts in a way of its own."""
    for name in OWN:
        method = getattr(type(model), name, None)
        if not str(getattr(method, "__module__", "")).startswith("skorch."):
            raise UnsupportedModel(
                f"{type(model).__name__} has a {name}() of its own, whose formula is not known.",
                hint="Read its module: closedform.read(net.module_, example=X[:1]).",
            )


def _values(model: Any, values: list[Node], axes: int, reading: Reading) -> Prediction:
    return Prediction.of_values(values)


def _classes(model: Any, values: list[Node], axes: int, reading: Reading) -> Prediction:
    """The number of the highest chance; a net does not translate it back to a label."""
    if axes != 1:
        return _no_chances(model, reading)
    classes, link = list(range(len(values))), _link(model)
    label = highest(values, classes)
    # NumPy's argmax takes a missing chance for the highest; of a softmax, all are missing then.
    gone = [0] if link == "softmax" else classes
    for i in reversed(gone):
        label = ops.where(ops.missing(values[i]), ops.label(i), label)
    return Prediction.of_classes(classes, label=label, link=link, probability=values)


def _binary(model: Any, values: list[Node], axes: int, reading: Reading) -> Prediction:
    """1 where the chance of it is above the threshold."""
    if axes != 1 or len(values) != 2:
        return _no_chances(model, reading)
    above = ops.less(ops.const(float(model.threshold)), values[1])
    label = ops.where(above, ops.label(1), ops.label(0))
    return Prediction.of_classes([0, 1], label=label, link=_link(model), probability=values)


def _no_chances(model: Any, reading: Reading) -> Prediction:
    reading.problem(
        f"What the {type(model).__name__} gives for a row is no list of chances of classes.",
        "Let its module give one number for each class, or leave predict_nonlinearity as it is.",
    )
    return Prediction.nothing()


def _link(model: Any) -> str:
    if model.predict_nonlinearity != "auto":
        return "none"
    criterion = getattr(model.criterion_, "_orig_mod", model.criterion_)
    links = {"CrossEntropyLoss": "softmax", "BCEWithLogitsLoss": "logit"}
    found = (links[k.__name__] for k in type(criterion).__mro__ if k.__name__ in links)
    return next(found, "none")


KINDS: dict[str, Callable[[Any, list[Node], int, Reading], Prediction]] = {
    "NeuralNetBinaryClassifier": _binary,
    "NeuralNetClassifier": _classes,
}
"""Class of a net → what its predictions mean; of any other, they are values."""
