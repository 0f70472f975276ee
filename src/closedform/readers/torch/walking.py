"""One walk over an exported graph: constants stay tensors, what reads an input becomes nodes."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np

from closedform import ops
from closedform.asking.torch import Slot
from closedform.errors import UnsupportedModel
from closedform.readers.reading import Columns, Reading
from closedform.readers.tensors import Tensor, nodes_of
from closedform.readers.torch.aten import ATEN, CHECKS, REFUSED
from closedform.readers.torch.elements import Absent, NoFormula

LARGEST = 150_000
"""Nodes up to which a module is read: 3,000 to 10,000 a second, so in a minute at most."""

UNITS = frozenset({"tanh", "sigmoid", "relu", "gelu", "elu", "leaky_relu", "softplus", "hardtanh"})
"""Operations whose results are the units of a layer: they get names."""

TOO_LARGE = "Read a part of it that takes or gives fewer values, as one of its layers."

NO_STATE = "Give the part of it that keeps no state between rows."


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
        self._require_small()
        for name in self.program.graph_signature.buffers_to_mutate.values():
            reading.problem(f"The module changes {name!r} while it computes.", NO_STATE)
        self._start(reading.columns())
        problems: dict[str, None] = {}
        for n in self.program.graph.nodes:
            if n.op == "call_function":
                self.values[n] = self._tried(n, problems)
                self._name_layer(n, reading)
        for problem in problems:
            reading.problem(f"PyTorch's {problem}.")
        return list(self._results())

    def _require_small(self) -> None:
        """Refuse what would be too long, before any of it is computed."""
        known = set(self.values)
        size = sum(cost(n, known) for n in self.program.graph.nodes if n.op == "call_function")
        rows = max((int(n.meta["val"].shape[0]) for n, _ in self.inputs), default=1)
        if size / max(rows, 1) > LARGEST:
            raise UnsupportedModel(
                f"The formula of this module would have about {size / rows:,.0f} parts, and "
                f"{LARGEST:,} are the most that are read.", hint=TOO_LARGE,
            )  # fmt: skip

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
        import torch
        from torch.fx.node import map_arg

        seeded = torch.Tag.nondeterministic_seeded in getattr(n.target, "tags", ())
        if seeded and operation(n) not in ATEN:
            raise NoFormula(f"operation {operation(n)} has no formula: it draws at random")
        args, named = map_arg((n.args, n.kwargs), lambda m: self.values[m])
        if not any(map(_is_symbolic, _leaves([*args, *named.values()]))):
            return n.target(*args, **named)
        if n.target is operator.getitem:
            return args[0][args[1]]
        name = operation(n)
        if name in CHECKS:
            return None
        if name not in ATEN:
            why = f": {REFUSED[name]}" if name in REFUSED else " here"
            raise NoFormula(f"operation {name} has no formula{why}")
        given = [_as_array(a) for a in args], {k: _as_array(v) for k, v in named.items()}
        try:
            return _as_constant(ATEN[name](*given[0], **given[1]))
        except TypeError as error:  # an option that a newer PyTorch has
            raise NoFormula(f"operation {name} has an option without a formula: {error}") from error

    def _name_layer(self, n: Any, reading: Reading) -> None:
        value = self.values[n]
        if operation(n) not in UNITS:
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


def operation(n: Any) -> str:
    """Return the name of a node's ATen operation, without its overload."""
    schema = getattr(n.target, "_schema", None)
    return "" if schema is None else str(schema.name.partition("::")[2])


MOVING = frozenset(
    {"view", "reshape", "_unsafe_view", "permute", "transpose", "t", "squeeze", "unsqueeze"}
    | {"expand", "slice", "select", "cat", "split", "split_with_sizes", "unbind", "clone"}
    | {"_to_copy"}
)
"""Operations that make no new values."""


def cost(n: Any, known: set[Any]) -> float:
    """Estimate how many nodes an operation makes; add it to `known` if it needs no input."""
    if all(a in known for a in n.all_input_nodes):
        known.add(n)
        return 0.0
    value = n.meta.get("val")
    sizes = [v.numel() for v in (value if isinstance(value, list | tuple) else [value])
             if hasattr(v, "numel")]  # fmt: skip
    if operation(n) in MOVING or not sizes:
        return 0.0
    each = 1.0
    if operation(n) in ("mm", "bmm", "addmm", "baddbmm", "matmul"):
        a, b = n.all_input_nodes[-2:]
        inner = int(a.meta["val"].shape[-1])
        each = inner if a not in known and b not in known else 1 + inner / 1000
    if operation(n) == "convolution":
        weight = n.args[1].meta["val"]
        each = 1 + weight[0].numel() / 100  # every place has arguments of its own
    return each * max(int(size) for size in sizes)


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
    if plain.is_complex() or plain.is_quantized:
        raise NoFormula(f"{str(plain.dtype).removeprefix('torch.')} numbers have no formula here")
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
