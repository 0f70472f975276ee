"""One node of an ONNX graph, with what it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Array, Node, fold
from closedform.ops.absence import may_be_missing
from closedform.ops.payloads import Label
from closedform.readers.onnx.singles import Singles
from closedform.readers.onnx.values import Anything, Value
from closedform.readers.reading import Columns, Reading
from closedform.readers.tensors import Element, Tensor, elementwise
from closedform.readers.torch.elements import NoFormula


@dataclass
class Noted:
    """What operators say besides their results.

    Attributes:
        classes: of a classifier, in order.
        looked_up: what is looked up by a place, as skl2onnx does with classes.
        undefined: inputs for which ONNX does not say what comes of a missing number.
        singles: what is computed in float32.
    """

    classes: list[tuple[Label, ...]] = field(default_factory=list)
    looked_up: list[tuple[Label, ...]] = field(default_factory=list)
    undefined: set[int] = field(default_factory=set)
    singles: Singles = field(default_factory=Singles)


Function = Callable[["Call"], Any]


class Call:
    """One node of a graph: its operator, inputs and attributes.

    Attributes:
        op: the operator's name.
        version: the opset of its domain that the model uses.
        values: the inputs; None where one is left out.
        wanted: how many outputs the node lists.
        reading: the read that this is part of.
    """

    def __init__(
        self, op: str, version: int, values: Sequence[Anything], attributes: Mapping[str, Any],
        outputs: Sequence[str], reading: Reading, noted: Noted,
    ) -> None:  # fmt: skip
        """Hold one node; `noted` gathers what the operators say."""
        self.op = op
        self.version = version
        self.values = tuple(values)
        self.wanted = len(outputs)
        self.reading = reading
        self._attributes = attributes
        self._asked: set[str] = set()
        self._outputs = tuple(outputs)
        self._noted = noted

    def __len__(self) -> int:
        """Return how many inputs are named, left out or not."""
        return len(self.values)

    def has(self, i: int) -> bool:
        """Tell whether an input is given."""
        return i < len(self.values) and self.values[i] is not None

    def value(self, i: int) -> Value:
        """Return an input that must be a tensor.

        Raises:
            NoFormula: it is a sequence or a map.
        """
        found = self.values[i] if i < len(self.values) else None
        if not isinstance(found, Value):
            raise NoFormula(f"operator {self.op} of what is no tensor")
        return found

    def tensor(self, i: int) -> Tensor:
        """Return an input as an array."""
        return self.value(i).data

    def singles(self, i: int) -> Tensor:
        """Return an input as float32 numbers, what they are computed from rounded as well.

        For operators that test or cut: elsewhere the rounding is left out of the formula.
        """
        found = self.value(i)
        if found.known or found.kind != "float32":
            return elementwise(_single, found.data)
        return self._noted.singles.rounded(found.data)

    def note_single(self, tensor: Tensor) -> None:
        """Note what the operator computes in float32 on its way to its results."""
        self._noted.singles.note(tensor)

    def kind(self, i: int) -> str:
        """Return the element type of an input."""
        return self.value(i).kind

    def constant(self, i: int, what: str = "") -> Array:
        """Return an input that must not depend on the model's inputs.

        Raises:
            NoFormula: it does.
        """
        found = self.value(i)
        if not found.known:
            named = what or f"its input number {i + 1}"
            raise NoFormula(f"operator {self.op} where {named} depends on the model's inputs")
        return found.data

    def numbers(self, i: int, what: str = "") -> list[int] | None:
        """Return an input of known whole numbers as a list; None where it is not given."""
        if not self.has(i):
            return None
        return [int(v) for v in np.atleast_1d(self.constant(i, what)).ravel()]

    def option(self, name: str, default: Any = None) -> Any:
        """Return an attribute as plain Python: text, number, list, or `Value`.

        A default that is a float is rounded to float32, as ONNX's attributes are.
        """
        self._asked.add(name)
        if isinstance(default, float):
            default = float(np.float32(default))
        return self._attributes.get(name, default)

    def rest(self) -> list[str]:
        """Return the attributes that nobody has asked for."""
        return sorted(set(self._attributes) - self._asked)

    def note_classes(self, classes: Sequence[Label]) -> None:
        """Say that this operator classifies, and what the classes are, in order."""
        self._noted.classes.append(tuple(classes))

    def note_look_up(self, values: Sequence[Label]) -> None:
        """Say that this operator looks up some values by a place, which may be classes in order."""
        self._noted.looked_up.append(tuple(values))

    def wants(self, i: int) -> bool:
        """Tell whether an output has a name, so that something may read it."""
        return i < len(self._outputs) and bool(self._outputs[i])

    def undefined(self, tensor: Tensor) -> None:
        """Say that ONNX leaves open what comes of missing numbers here: the formula refuses them.

        onnxruntime's MaxPool skips them, its ReduceMax only where another number comes before.
        """
        nodes = tuple(x for x in tensor.ravel().tolist() if isinstance(x, Node))
        found = frozenset().union(*fold(nodes, may_be_missing))
        if found - self._noted.undefined:
            self._noted.undefined.update(found)
            self.reading.refuse_missing(Columns(("",) * len(nodes), nodes))


def _single(x: Element) -> Element:
    return ops.round32(x) if isinstance(x, Node) else float(np.float32(x))
