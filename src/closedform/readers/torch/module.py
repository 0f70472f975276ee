"""A PyTorch module as a formula: exported, then walked operation by operation."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import BadInput, UnsupportedModel
from closedform.formula import Formula, Task
from closedform.ir import Array, Node
from closedform.readers.reading import Reading
from closedform.readers.tensors import node_of, number
from closedform.readers.torch.walking import Slot, Walk

BATCH = 2
"""Rows that are traced: with one, `squeeze()` would drop the rows as well."""

NEAR = 1e-3
"""How far formula and module may be apart, relative to the output's size, when the read is tried.

It shows a module that draws at random or mixes its rows; float32 alone stays below 1e-4.
"""


def read_model(model: Any, names: Sequence[str] | None = None, example: Any = None) -> Formula:
    """Return a module, or a program that `torch.export` made of one, as a formula.

    The module is traced in evaluation mode, for one row at a time; the first axis of every input
    and output counts rows. Weights of float32 and below enter as the float64 of the same value.

    Args:
        model: a `torch.nn.Module`, or a `torch.export.ExportedProgram`.
        names: a name for each input element, where one tensor of shape (rows, inputs) is taken.
        example: rows as the module takes them: a tensor or array, a tuple of them, or a dict by
            argument; not needed where the first layer says how many inputs there are.

    Raises:
        UnsupportedModel: operations without a formula, all at once, or a module that cannot be
            traced.
        BadInput: no example, and nothing that says the shape of the inputs; or names that do not
            fit.
    """
    given = _example(model, names, example)
    walk = Walk(_exported(model, given))
    reading = Reading(_input_names(walk.slots, names))
    _note_whole(walk.slots, reading)
    outputs = _named_outputs(walk.run(reading))
    task = Task("regression", primary=tuple(outputs))
    made = reading.formula(outputs, task, type(model).__name__, f"PyTorch {_version()}")
    options = {
        "inputs": [[s.name, list(s.shape), s.whole] for s in walk.slots],
        "by name": bool(given[1]),
    }
    return replace(made, trail=(replace(made.trail[0], options=options),))


def _note_whole(slots: Sequence[Slot], reading: Reading) -> None:
    """Refuse what is missing or no whole number where the module takes whole numbers."""
    kinds = [slot.whole for slot in slots for _ in range(slot.size)]
    columns = reading.columns()
    whole = columns.pick([i for i, kind in enumerate(kinds) if kind])
    reading.refuse_missing(whole)
    for x in whole.nodes:
        reading.refuse(ops.negate(ops.equal(x, ops.unary("floor", x))), [])


def _version() -> str:
    import torch

    return str(torch.__version__)


# --- the example --------------------------------------------------------------------------------


def _example(model: Any, names: Sequence[str] | None, example: Any) -> tuple[Any, dict[str, Any]]:
    """Return positional and named arguments of two rows."""
    import torch

    if isinstance(example, dict):
        return (), {name: _two_rows(value) for name, value in example.items()}
    if isinstance(example, tuple | list) and not _is_table(example):
        return tuple(_two_rows(value) for value in example), {}
    if example is not None:
        return (_two_rows(example),), {}
    count = len(names) if names is not None else _inputs_of(model)
    return (torch.zeros(BATCH, count, dtype=_dtype_of(model)),), {}


def _is_table(example: Sequence[Any]) -> bool:
    """Tell rows written as lists of numbers from a list of tensors."""
    return all(isinstance(row, list | tuple) for row in example)


def _two_rows(value: Any) -> Any:
    import torch

    tensor = value if isinstance(value, torch.Tensor) else torch.as_tensor(np.asarray(value))
    if tensor.dtype == torch.float64 and not isinstance(value, torch.Tensor):
        tensor = tensor.to(torch.get_default_dtype())
    if tensor.ndim == 0 or not len(tensor):
        raise BadInput(
            f"The example has the shape {tuple(tensor.shape)}: it holds no row.",
            hint="Give rows as the module takes them, of shape (rows, …).",
        )
    return tensor[:1].repeat(BATCH, *[1] * (tensor.ndim - 1))


def _inputs_of(model: Any) -> int:
    """Return how many inputs the first layer takes."""
    for part in model.modules():
        count = getattr(part, "in_features", None)
        if isinstance(count, int):
            return count
        if any(True for _ in part.parameters(recurse=False)):
            break
    raise BadInput(
        f"{type(model).__name__} does not say the shape of its inputs.",
        hint="Give rows as the module takes them: read(model, example=X[:1]).",
    )


def _dtype_of(model: Any) -> Any:
    import torch

    found = (p.dtype for p in model.parameters() if p.dtype.is_floating_point)
    return next(found, torch.get_default_dtype())


# --- tracing ------------------------------------------------------------------------------------


def _exported(model: Any, given: tuple[Any, dict[str, Any]]) -> Any:
    import torch

    if isinstance(model, torch.export.ExportedProgram):
        return model.run_decompositions()
    with evaluating(model), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own deprecations
        try:
            program = torch.export.export(model, given[0], given[1])
            return program.run_decompositions()
        except Exception as error:  # a module may fail in any way
            raise UnsupportedModel(
                f"PyTorch cannot trace this {type(model).__name__}: {_first_line(error)}",
                hint="A formula takes one way through the module, whatever its inputs are: no "
                "branch on a value. Check that the module takes the example that was given.",
            ) from error


def _first_line(error: Exception) -> str:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:200]


@contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """Switch dropout and batch statistics off, and back to what they were."""
    import torch

    modes = {part: part.training for part in model.modules()}
    model.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for part, mode in modes.items():
            part.training = mode


# --- names --------------------------------------------------------------------------------------


def _input_names(slots: Sequence[Slot], names: Sequence[str] | None) -> tuple[str, ...]:
    made = [name for slot in slots for name in _element_names(slot, len(slots) == 1)]
    if names is None:
        return tuple(made)
    if len(names) != len(made):
        raise BadInput(
            f"{len(names)} names were given for {len(made)} inputs.",
            hint="There is one for each element of a row, in the order of the tensors.",
        )
    return tuple(str(n) for n in names)


def _element_names(slot: Slot, alone: bool) -> Iterator[str]:
    for at in np.ndindex(*slot.shape):
        if alone and len(at) == 1:
            yield f"x{at[0]}"
        else:
            yield f"{slot.name}[{','.join(map(str, at))}]" if at else slot.name


def _named_outputs(results: Sequence[tuple[str, Array]]) -> dict[str, Node]:
    made: dict[str, Node] = {}
    for name, tensor in results:
        for at in np.ndindex(*tensor.shape):
            made[_output_name(name, at, tensor.size)] = node_of(number(tensor.item(*at)))
    return made


def _output_name(name: str, at: tuple[int, ...], size: int) -> str:
    if size == 1:
        return name
    inner = ",".join(map(str, at))
    return f"{name}{inner}" if len(at) == 1 and name == "y" else f"{name}[{inner}]"
