"""One walk over an exported graph: constants stay tensors, what reads an input becomes nodes."""

from __future__ import annotations

import math
import operator
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.asking.torch import Slot, tensors_of
from closedform.errors import UnsupportedModel
from closedform.ir import Array
from closedform.readers.reading import Columns, Reading
from closedform.readers.tensors import Tensor, elementwise, nodes_of, truth
from closedform.readers.torch import shapes as sh
from closedform.readers.torch.aten import ATEN, CHECKS, REFUSED
from closedform.readers.torch.elements import Absent, Deferred, NoFormula
from closedform.readers.torch.tracing import first_line

LARGEST = 150_000
"""Nodes up to which a module is read: 3,000 to 10,000 a second, so in a minute at most."""

UNITS = frozenset({"tanh", "sigmoid", "relu", "gelu", "elu", "leaky_relu", "softplus", "hardtanh"})
"""Operations whose results are the units of a layer: they get names."""

TOO_LARGE = "Read a part of it that takes or gives fewer values, as one of its layers."

INSTEAD = (
    "Read the part of the module before it or behind it, as one of its layers; or distill the "
    "whole: closedform.distill(model, X)."
)

NO_STATE = "Give the part of it that keeps no state between rows."


def in_float64(program: Any, slots: Sequence[Slot], flat: Array) -> Array:
    """Return what a program gives where no input, nor what is made of one, is rounded to less.

    Args:
        program: of core operations, traced for some rows.
        slots: the tensors that it takes.
        flat: shape (rows, inputs).
    """
    walk = Walk(program)
    step = max((shape_of(n.meta["val"])[0] for n, _ in walk.inputs), default=1)
    padded = np.vstack([flat, np.repeat(flat[:1], -len(flat) % step, axis=0)])
    parts = [padded[i : i + step] for i in range(0, len(padded), step)]
    return np.vstack([walk.fine(slots, part) for part in parts])[: len(flat)]


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
        truth = str(value.dtype) == "torch.bool"
        self.inputs.append((n, Slot(n.name, shape[1:], whole, truth)))

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
            reading.problem(_sentence(problem), INSTEAD)
        return list(self._results(reading))

    def fine(self, slots: Sequence[Slot], flat: Array) -> Array:
        """Return the results for as many rows as were traced, shape (rows, outputs)."""
        import torch
        from torch.fx.node import map_arg
        from torch.utils._pytree import tree_map

        values = dict(self.values)
        given = tensors_of(slots, flat, "float64", torch.device("cpu"))
        values |= {n: tensor for (n, _), tensor in zip(self.inputs, given, strict=True)}
        open_ = {n for n, _ in self.inputs}
        for n in self.program.graph.nodes:
            if n.op != "call_function" or operation(n) in CHECKS:
                continue
            args, named = map_arg((n.args, n.kwargs), lambda m: values[m])
            if open_.intersection(n.all_input_nodes):
                open_.add(n)
                args, named = tree_map(doubled, (args, named))
                values[n] = n.target(*args, **named)
            else:
                values[n] = _of_constants(n.target, args, named)
        found = {n.name: n for n in self.program.graph.nodes}
        outputs = self.program.graph_signature.user_outputs
        made = [values[found[at]].double().numpy() for at in outputs if at in found]
        return np.hstack([part.reshape(len(flat), -1) for part in made])

    def _require_small(self) -> None:
        """Refuse what would be too long, before any of it is computed."""
        known = set(self.values)
        size = sum(cost(n, known) for n in self.program.graph.nodes if n.op == "call_function")
        rows = max((shape_of(n.meta["val"])[0] for n, _ in self.inputs), default=1)
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
            row = elementwise(truth, row) if slot.truth else row
            at += slot.size
            shape = [int(k) for k in n.meta["val"].shape]
            self.values[n] = np.broadcast_to(row.reshape(1, *shape[1:]), shape)

    def _tried(self, n: Any, problems: dict[str, None]) -> Any:
        try:
            return self._call(n)
        except NoFormula as error:
            problems[str(error)] = None
        except MemoryError:
            raise
        except Exception as error:  # what stands for an unread operation, or an option of one
            if not problems:
                said = first_line(error)
                problems[
                    f"PyTorch's operation {operation(n)} is not read as it is used: {said}"
                ] = None
        return _unknown(n)

    def _call(self, n: Any) -> Any:
        import torch
        from torch.fx.node import map_arg

        name = operation(n)
        if name in REFUSED and not hasattr(n.target, "_schema"):  # it takes whole graphs
            raise _unread(name, REFUSED[name])
        seeded = torch.Tag.nondeterministic_seeded in getattr(n.target, "tags", ())
        if seeded and name not in ATEN:
            raise _unread(name, "it draws at random")
        args, named = map_arg((n.args, n.kwargs), lambda m: self.values[m])
        if not any(map(_is_symbolic, _leaves([*args, *named.values()]))):
            return _of_constants(n.target, args, named)
        if n.target is operator.getitem:
            return args[0][args[1]]
        if name in CHECKS:
            return None
        if name not in ATEN:
            raise _unread(name, REFUSED.get(name) or _of_complex(n))
        given = [_as_array(a) for a in args], {k: _as_array(v) for k, v in named.items()}
        try:
            function = sh.recast if name in CASTS and not _holds_floats(n.args[0]) else ATEN[name]
            return _as_constant(function(*given[0], **given[1]))
        except TypeError as error:  # an option that a newer PyTorch has
            raise NoFormula(
                f"PyTorch's operation {name} has an option without a formula: {error}"
            ) from error

    def _name_layer(self, n: Any, reading: Reading) -> None:
        value = self.values[n]
        if operation(n) not in UNITS:
            return
        units = nodes_of(value[:1]) if _is_symbolic(value) else []
        if len(set(units)) > 1:
            self.layers += 1
            reading.name(f"h{self.layers}_", units)

    def _results(self, reading: Reading) -> Iterator[tuple[str, Tensor]]:
        found = {n.name: n for n in self.program.graph.nodes}
        names = _result_names(self.program)
        rows = max((shape_of(n.meta["val"])[0] for n, _ in self.inputs), default=0)
        for name, at in zip(names, self.program.graph_signature.user_outputs, strict=True):
            value = self.values[found[at]] if at in found else at
            if value is None:
                continue
            try:
                tensor = _as_array(value)
            except NoFormula as error:
                reading.problem(_sentence(str(error)), INSTEAD)
                continue
            if not isinstance(tensor, np.ndarray) or not tensor.ndim or len(tensor) != rows:
                reading.problem(
                    f"The module's result {name!r} has no rows.",
                    "Its first axis must count the rows, as that of the inputs does. Wrap the "
                    "module in one that gives such results alone, without the states of a layer.",
                )
                continue
            yield name, tensor[:1].reshape(tensor.shape[1:])


def operation(n: Any) -> str:
    """Return the name of a node's ATen operation, without its overload."""
    schema = getattr(n.target, "_schema", None)
    if schema is None:
        return str(getattr(n.target, "__name__", n.target))
    return str(schema.name.partition("::")[2])


def _sentence(problem: str) -> str:
    """Return what has no formula as a sentence; some texts name it alone."""
    whole = any(word in problem for word in ("formula", "is not read"))
    said = problem if whole else f"{problem.rstrip(',')} has no formula"
    return f"{said[:1].upper()}{said[1:].rstrip('.')}."


def _unread(name: str, why: str = "") -> NoFormula:
    return NoFormula(f"PyTorch's operation {name} has no formula{f': {why}' if why else ' here'}")


def _of_complex(n: Any) -> str:
    value = n.meta.get("val")
    made = [v for v in (value, *(a.meta.get("val") for a in n.all_input_nodes))
            if hasattr(v, "is_complex")]  # fmt: skip
    return "it works on complex numbers" if any(v.is_complex() for v in made) else ""


def _of_constants(target: Any, args: Any, named: Any) -> Any:
    """Return an operation on constants, in their own types, or in float64 if these do not match.

    A module that is traced in float64 makes its zeros in float32.
    """
    from torch.utils._pytree import tree_map

    try:
        return target(*args, **named)
    except RuntimeError:
        return target(*tree_map(doubled, args), **tree_map(doubled, named))


def doubled(value: Any) -> Any:
    """Return a tensor of floats in float64, or that type for another; anything else as it is."""
    import torch

    if isinstance(value, torch.dtype):
        return torch.float64 if value.is_floating_point else value
    floats = isinstance(value, torch.Tensor) and value.is_floating_point()
    return value.double() if floats else value


MOVING = frozenset(
    {"view", "reshape", "_unsafe_view", "permute", "transpose", "t", "squeeze", "unsqueeze"}
    | {"expand", "slice", "select", "cat", "split", "split_with_sizes", "unbind", "clone"}
    | {"_to_copy"}
)
"""Operations that make no new values."""


CASTS = frozenset({"_to_copy", "to"})

ORDERING = frozenset({"sort", "topk", "kthvalue", "median"})
"""Operations that compare each element along an axis with each."""


def cost(n: Any, known: set[Any]) -> float:
    """Estimate how many nodes an operation makes; add it to `known` if it needs no input."""
    if all(a in known for a in n.all_input_nodes):
        known.add(n)
        return 0.0
    value = n.meta.get("val")
    made = [v for v in (value if isinstance(value, list | tuple) else [value])
            if hasattr(v, "numel")]  # fmt: skip
    name = operation(n)
    if name in MOVING or not made:
        return 0.0
    each = 1.0
    if name in ("mm", "bmm", "addmm", "baddbmm", "matmul"):
        a, b = n.all_input_nodes[-2:]
        inner = shape_of(a.meta["val"])[-1]
        each = inner if a not in known and b not in known else 1 + inner / 1000
    if name == "convolution":
        each = 1 + n.args[1].meta["val"][0].numel() / 100  # each place has arguments of its own
    if name in ORDERING:
        each = float(max(shape_of(n.args[0].meta["val"]), default=1)) ** 2
    return each * max(math.prod(shape_of(v)) for v in made)


def shape_of(value: Any) -> list[int]:
    """Return a traced shape; a length that only the values tell counts as 1."""
    return [k if isinstance(k, int) else getattr(k.node, "hint", None) or 1 for k in value.shape]


def _constant(program: Any, target: str) -> Any:
    for place in (program.state_dict, program.constants):
        if target in place:
            return place[target]
    raise UnsupportedModel(
        f"The traced module refers to {target!r}, which is no tensor.",
        hint="Keep every constant of the module in a parameter or a buffer.",
    )


def _holds_floats(n: Any) -> bool:
    return bool(n.meta["val"].dtype.is_floating_point)


def _is_symbolic(value: Any) -> bool:
    return isinstance(value, Absent | Deferred) or (
        isinstance(value, np.ndarray) and value.dtype == object
    )


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
    if isinstance(value, Deferred):
        return value.make()
    if isinstance(value, Absent):
        raise NoFormula(value.what)
    if not hasattr(value, "detach"):
        return value
    plain = value.detach().cpu()
    if plain.is_complex() or plain.is_quantized:
        kind = str(plain.dtype).removeprefix("torch.")
        raise NoFormula(f"Numbers of the type {kind} have no formula here")
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
    made = np.empty(shape_of(value) if hasattr(value, "shape") else (), dtype=object)
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
