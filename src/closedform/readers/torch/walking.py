"""One walk over an exported graph: constants stay tensors, what reads an input becomes nodes."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import UnsupportedModel
from closedform.readers.reading import Columns, Reading
from closedform.readers.tensors import Tensor, nodes_of
from closedform.readers.torch.aten import ATEN
from closedform.readers.torch.elements import Absent, NoFormula

LARGEST = 1_000_000
"""Elements of all intermediate values up to which a module is read, for one row."""

UNITS = frozenset({"tanh", "sigmoid", "relu", "gelu", "elu", "leaky_relu", "softplus", "hardtanh"})
"""Operations whose results are the units of a layer: they get names."""

TOO_LARGE = (
    "Read a smaller part of it, or its layers: the formula would be longer than anyone can read."
)


@dataclass(frozen=True)
class Slot:
    """One tensor that the program takes.

    Attributes:
        name: the argument.
        shape: of one row.
        whole: whether it holds whole numbers.
    """

    name: str
    shape: tuple[int, ...]
    whole: bool

    @property
    def size(self) -> int:
        """How many elements one row has."""
        return int(np.prod(self.shape, dtype=int))


class Walk:
    """The inputs, constants and results of one exported program."""

    def __init__(self, program: Any) -> None:
        """Sort the graph's placeholders into inputs and constants."""
        from torch.export.graph_signature import InputKind

        self.program = program
        self.values: dict[Any, Any] = {}
        self.inputs: list[tuple[Any, Slot]] = []
        self.layers = 0
        specs = {spec.arg.name: spec for spec in program.graph_signature.input_specs}
        for n in program.graph.nodes:
            if n.op == "placeholder" and specs[n.name].kind is InputKind.USER_INPUT:
                self._note_input(n)
            elif n.op == "placeholder":
                self.values[n] = _constant(program, specs[n.name].target)

    def _note_input(self, n: Any) -> None:
        value = n.meta.get("val")
        if not hasattr(value, "shape"):  # a plain number or text, fixed by the example
            self.values[n] = value
            return
        shape = tuple(int(k) for k in value.shape)
        whole = not value.dtype.is_floating_point
        self.inputs.append((n, Slot(n.name, shape[1:], whole)))

    @property
    def slots(self) -> list[Slot]:
        """The tensors that the program takes."""
        return [slot for _, slot in self.inputs]

    def run(self, reading: Reading) -> list[tuple[str, Tensor]]:
        """Return each result by name, for one row; problems go to `reading`."""
        self._start(reading.columns())
        size, problems = 0, dict[str, None]()
        for n in self.program.graph.nodes:
            if n.op != "call_function":
                continue
            self.values[n] = self._tried(n, problems)
            size += getattr(self.values[n], "size", 0) if _is_symbolic(self.values[n]) else 0
            if size > LARGEST:
                raise UnsupportedModel(
                    f"The module computes more than {LARGEST:,} values for a row.", hint=TOO_LARGE
                )
            self._name_layer(n, reading)
        for problem in problems:
            reading.problem(f"PyTorch's {problem} has no formula here.")
        return list(self._results())

    def _start(self, columns: Columns) -> None:
        at = 0
        for n, slot in self.inputs:
            row = np.empty(slot.size, dtype=object)
            row[:] = columns.nodes[at : at + slot.size]
            at += slot.size
            shape = [int(k) for k in n.meta["val"].shape]
            self.values[n] = np.broadcast_to(row.reshape(1, *shape[1:]), shape)

    def _tried(self, n: Any, problems: dict[str, None]) -> Any:
        try:
            return self._call(n)
        except NoFormula as error:
            problems[str(error)] = None
            return _unknown(n)

    def _call(self, n: Any) -> Any:
        from torch.fx.node import map_arg

        args, named = map_arg((n.args, n.kwargs), lambda m: self.values[m])
        if not any(map(_is_symbolic, _leaves([*args, *named.values()]))):
            return n.target(*args, **named)
        if n.target is operator.getitem:
            return args[0][args[1]]
        name = getattr(n.target, "_schema", n.target).name.partition("::")[2]
        if name not in ATEN:
            raise NoFormula(f"operation {name}")
        return _as_constant(ATEN[name](*map(_as_array, args), **named))

    def _name_layer(self, n: Any, reading: Reading) -> None:
        schema = getattr(n.target, "_schema", None)
        value = self.values[n]
        if schema is None or schema.name.partition("::")[2] not in UNITS:
            return
        units = nodes_of(value[:1]) if _is_symbolic(value) else []
        if len(set(units)) > 1:
            self.layers += 1
            reading.name(f"h{self.layers}_", units)

    def _results(self) -> Iterator[tuple[str, Tensor]]:
        found = {n.name: n for n in self.program.graph.nodes}
        names = _result_names(self.program)
        for name, at in zip(names, self.program.graph_signature.user_outputs, strict=True):
            value = self.values[found[at]] if at in found else at
            tensor = _as_array(value)
            if not isinstance(tensor, np.ndarray) or not tensor.ndim:
                raise UnsupportedModel(
                    f"The module's result {name!r} has no rows.",
                    hint="Its first axis must count the rows, as that of the inputs does.",
                )
            yield name, tensor[:1].reshape(tensor.shape[1:])


def _constant(program: Any, target: str) -> Any:
    for place in (program.state_dict, program.constants):
        if target in place:
            return place[target]
    raise UnsupportedModel(
        f"The traced module refers to {target!r}, which is no tensor.",
        hint="Keep every constant of the module in a parameter or a buffer.",
    )


def _is_symbolic(value: Any) -> bool:
    return isinstance(value, Absent) or (isinstance(value, np.ndarray) and value.dtype == object)


def _leaves(values: Any) -> Iterator[Any]:
    for value in values:
        if isinstance(value, list | tuple):
            yield from _leaves(value)
        else:
            yield value


def _as_array(value: Any) -> Any:
    """Return a constant tensor as an array of float64, whole numbers or truths."""
    if isinstance(value, list | tuple):
        return type(value)(map(_as_array, value))
    if isinstance(value, Absent):
        raise NoFormula(value.what)
    if not hasattr(value, "detach"):
        return value
    plain = value.detach().cpu()
    return (plain.double() if plain.dtype.is_floating_point else plain).numpy()


def _as_constant(value: Any) -> Any:
    """Return an array that holds plain numbers alone as a tensor again."""
    import torch

    if isinstance(value, np.ndarray) and value.dtype != object:
        return torch.as_tensor(value)
    return value


def _unknown(n: Any) -> Any:
    """Return what stands for the result of an operation that has no formula."""
    value = n.meta.get("val")
    if isinstance(value, list | tuple):
        return [_nothing(v) for v in value]
    return _nothing(value)


def _nothing(value: Any) -> Any:
    shape = [int(k) for k in getattr(value, "shape", ())]
    made = np.empty(shape, dtype=object)
    made.fill(ops.const(float("nan")))
    return made


def _result_names(program: Any) -> list[str]:
    """Return a name for each result: y; y0, y1 … of several; the keys of a dict."""
    from torch.utils._pytree import tree_flatten_with_path, tree_unflatten

    count = len(program.graph_signature.user_outputs)
    spec = program.call_spec.out_spec
    paths, _ = tree_flatten_with_path(tree_unflatten(list(range(count)), spec))
    if count == 1 and not paths[0][0]:
        return ["y"]
    made = []
    for path, _ in paths:
        parts = [str(getattr(key, "key", getattr(key, "idx", key))) for key in path]
        made.append("_".join(parts) if not parts[0].isdigit() else "y" + "_".join(parts))
    return made
