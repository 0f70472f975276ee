"""A module as PyTorch's traced graph of core operations, and the rows it is traced with."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform.asking.torch import dtype_of, evaluating, in_double, inputs_of
from closedform.errors import BadInput, NotFitted, UnsupportedModel
from closedform.ir import Array

BATCH = 2
"""Rows that are traced: with one, `squeeze()` would drop the rows as well."""

MOST_TRIED = 4
"""Rows of the example that are kept, for trying the formula on."""


@dataclass(frozen=True)
class Example:
    """Rows as a module takes them.

    Attributes:
        values: one array for each tensor, shape (rows, …).
        by_name: the arguments that they are given as; none where they go by position.
    """

    values: tuple[Array, ...]
    by_name: tuple[str, ...] = ()

    def arguments(self, dtype: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return positional and named tensors of `BATCH` equal rows, floats in a type."""
        import torch

        made = []
        for value in self.values:
            whole = value.dtype.kind in "iub"
            row = torch.as_tensor(value[:1]).repeat(BATCH, *[1] * (value.ndim - 1))
            made.append(row if whole else row.to(getattr(torch, dtype)))
        if self.by_name:
            return (), dict(zip(self.by_name, made, strict=True))
        return tuple(made), {}


def example_of(model: Any, names: Sequence[str] | None, given: Any) -> Example:
    """Return the example, or zeros where the first layer says how many inputs there are.

    Raises:
        BadInput: neither is there, or the example holds no row.
    """
    if isinstance(given, dict):
        return Example(tuple(map(_rows, given.values())), tuple(map(str, given)))
    if isinstance(given, tuple | list) and not _is_table(given):
        return Example(tuple(map(_rows, given)))
    if given is not None:
        return Example((_rows(given),))
    count = len(names) if names is not None else _inputs_of(model)
    return Example((np.zeros((1, count)),))


def _is_table(example: Sequence[Any]) -> bool:
    """Tell rows written as lists of numbers from a list of tensors."""
    return all(isinstance(row, list | tuple) for row in example)


def _rows(value: Any) -> Array:
    nested = isinstance(value, tuple | list) and any(hasattr(part, "detach") for part in value)
    if nested or isinstance(value, dict):
        raise BadInput(
            f"The example has a {type(value).__name__} of tensors as one argument.",
            hint="Wrap the module in one that takes each tensor as an argument of its own.",
        )
    if hasattr(value, "detach"):
        plain = value.detach().cpu()
        value = plain.double() if plain.dtype.is_floating_point else plain
    array = np.asarray(value)
    if array.ndim == 0 or not len(array):
        raise BadInput(
            f"The example has the shape {array.shape}: it holds no row.",
            hint="Give rows as the module takes them, of shape (rows, …).",
        )
    return array[:MOST_TRIED]


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


def require_numbers(model: Any) -> None:
    """Refuse a module that holds no numbers yet.

    Raises:
        NotFitted: lazy layers that no row has gone through, or parameters on the meta device.
        UnsupportedModel: TorchScript.
    """
    import torch
    from torch.nn.parameter import is_lazy

    if isinstance(model, torch.jit.ScriptModule):
        raise UnsupportedModel(
            f"This {type(model).__name__} is TorchScript, which PyTorch no longer traces.",
            hint="Give the module that it was made from, or save that with torch.export.save.",
        )
    state = [*model.named_parameters(), *model.named_buffers()]
    for name, value in state:
        if is_lazy(value):
            raise NotFitted(
                f"{name} has no shape yet: its layer is lazy.", hint="Train the module first."
            )
        if value.device.type == "meta":
            raise NotFitted(
                f"{name} holds no numbers: it is on the meta device.",
                hint="Load the trained weights first.",
            )


def exported(model: Any, example: Example) -> Any:
    """Return a module as an exported program of core operations.

    It is traced in float64 where it can be: what the module computes from constants alone, as
    positions between 0 and 1, then has the precision of the formula.

    Raises:
        UnsupportedModel: PyTorch cannot trace it.
    """
    import torch

    attempts = [(model, dtype_of(model))]
    fine = None if isinstance(model, torch.export.ExportedProgram) else in_double(model)
    if fine is not None:
        attempts.insert(0, (fine, "float64"))
    for at, (module, dtype) in enumerate(attempts, 1):
        try:
            return _traced(module, example.arguments(dtype))
        except Exception as error:  # a module may fail in any way
            if at == len(attempts):
                raise UnsupportedModel(
                    f"PyTorch cannot trace this {type(model).__name__}: {first_line(error)}",
                    hint="A formula takes one way through the module, whatever its inputs are: no "
                    "branch on a value. Check that the module takes the example that was given.",
                ) from error
    raise AssertionError("there is always one attempt")


def _traced(module: Any, arguments: tuple[Any, Any]) -> Any:
    import torch

    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    moved = torch.utils._pytree.tree_map(lambda value: value.to(device), arguments)
    with evaluating(module) as asked, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # PyTorch's own deprecations
        return torch.export.export(asked, *moved).run_decompositions()


def of_program(program: Any, given: Any) -> tuple[Example, Any]:
    """Return a program that `torch.export` made, in core operations, and an example for it.

    One that takes any number of rows is traced again, for `BATCH` of them.
    """
    values = inputs_of(program)
    if given is not None:
        example = example_of(program, None, given)
    else:
        shapes = [list(v.shape[1:]) for v in values]
        if not all(isinstance(k, int) for shape in shapes for k in shape):
            raise BadInput(
                "The program takes rows of any length, and a formula those of one.",
                hint="Give rows of the length that is meant: read(program, example=X[:1]).",
            )
        kinds = [float if v.dtype.is_floating_point else int for v in values]
        example = Example(tuple(np.zeros((1, *s), k) for s, k in zip(shapes, kinds, strict=True)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        core = program.run_decompositions()
    fixed = all(isinstance(k, int) for v in values for k in v.shape)
    return example, core if fixed else exported(core, example)


def first_line(error: Exception) -> str:
    """Return the beginning of what an error says."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:200]
