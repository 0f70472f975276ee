"""One node of an ONNX graph, with what it is given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from closedform.ir import Array
from closedform.ops.payloads import Label
from closedform.readers.onnx.values import Anything, Value
from closedform.readers.reading import Reading
from closedform.readers.tensors import Tensor
from closedform.readers.torch.elements import NoFormula

Function = Callable[["Call"], Any]


class Call:
    """One node of a graph: its operator, inputs and attributes.

    Attributes:
        op: the operator's name.
        version: the opset of its domain that the model uses.
        values: the inputs; None where one is left out.
        wanted: how many outputs the node names.
        reading: the read that this is part of.
    """

    def __init__(
        self, op: str, version: int, values: Sequence[Anything], attributes: Mapping[str, Any],
        wanted: int, reading: Reading, classes: list[tuple[Label, ...]],
    ) -> None:  # fmt: skip
        """Hold one node; `classes` gathers what `note_classes` is told."""
        self.op = op
        self.version = version
        self.values = tuple(values)
        self.wanted = wanted
        self.reading = reading
        self._attributes = attributes
        self._asked: set[str] = set()
        self._classes = classes

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
        """Return an attribute as plain Python: text, number, list, or array."""
        self._asked.add(name)
        return self._attributes.get(name, default)

    def rest(self) -> list[str]:
        """Return the attributes that nobody has asked for."""
        return sorted(set(self._attributes) - self._asked)

    def note_classes(self, classes: Sequence[Label]) -> None:
        """Say that this operator classifies, and what the classes are, in order."""
        self._classes.append(tuple(classes))
