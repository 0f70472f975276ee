"""A module as PyTorch's traced graph of core operations, and the rows it is traced with."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, is_dataclass
from inspect import signature
from typing import Any

import numpy as np

from closedform.asking.torch import (
    arranged,
    dtype_of,
    evaluating,
    in_double,
    inputs_of,
    plain,
    quiet,
)
from closedform.errors import BadInput, NotFitted, UnsupportedModel
from closedform.ir import Array

BATCH = 5
"""Rows that are traced: with one, `squeeze()` would drop the rows as well; and of the state of a
recurrent layer, the first axis counts its layers and directions, seldom five."""

QUANTISED = re.compile(r"torch\.(ao\.)?nn\.(intrinsic\.)?quantized|torchao\.")
"""Modules of layers that keep no floats."""

MOST_TRIED = 4
"""Rows of the example that are kept, for trying the formula on."""


@dataclass(frozen=True)
class Example:
    """Rows as a module takes them.

    Attributes:
        values: one array for each tensor, shape (rows, …).
        by_name: the arguments that they are given as; none where they go by position.
        layout: how the arguments are made of the tensors, as `asking.torch.arranged` takes it,
            where not each is one.
    """

    values: tuple[Array, ...]
    by_name: tuple[str, ...] = ()
    layout: Any = None

    def arguments(self, dtype: str) -> tuple[tuple[Any, ...], dict[str, Any]]:
        """Return positional and named tensors of `BATCH` equal rows, floats in a type."""
        import torch

        made = []
        for value in self.values:
            whole = value.dtype.kind in "iub"
            row = torch.as_tensor(value[:1]).repeat(BATCH, *[1] * (value.ndim - 1))
            made.append(row if whole else row.to(getattr(torch, dtype)))
        if self.layout is not None:
            args, named = arranged(self.layout, made)
            return tuple(args), named
        if self.by_name:
            return (), dict(zip(self.by_name, made, strict=True))
        return tuple(made), {}


def example_of(model: Any, names: Sequence[str] | None, given: Any) -> Example:
    """Return the example, or zeros where the first layer says how many inputs there are.

    Raises:
        BadInput: neither is there, or the example holds no row.
    """
    if isinstance(given, dict) and all(map(_is_tensor, given.values())):
        return Example(tuple(map(_rows, given.values())), tuple(map(str, given)))
    several = isinstance(given, tuple | list) and not _is_table(given)
    if several and all(map(_is_tensor, given)):
        return Example(tuple(map(_rows, given)))
    if several or isinstance(given, dict):
        return _laid_out(given)
    if given is not None:
        return Example((_rows(given),))
    return Example((np.zeros((1, _inputs_of(model, names))),))


def _is_table(example: Any) -> bool:
    """Tell rows written as lists of numbers from several tensors."""
    rows = [row for row in example if isinstance(row, list | tuple)]
    return len(rows) == len(example) and all(
        isinstance(v, int | float | list) and not _holds_tensors(v) for row in rows for v in row
    )


def _holds_tensors(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_holds_tensors, value))
    return isinstance(value, dict) or hasattr(value, "shape")


def _is_tensor(value: Any) -> bool:
    """Tell a tensor, also as lists of numbers, from what holds several and from a plain value."""
    listed = isinstance(value, list | tuple) and not _holds_tensors(value) and len(value)
    return bool(listed) or hasattr(value, "shape")


def _laid_out(given: Any) -> Example:
    """Return an example whose arguments hold several tensors, or plain values.

    Keys of dicts go in order, as rows do that are given in this form later.
    """
    values: list[Array] = []

    def part(value: Any) -> dict[str, Any]:
        if _is_tensor(value):
            values.append(_rows(value))
            return {"tensor": len(values) - 1}
        if isinstance(value, dict):
            return {"dict": {str(k): part(value[k]) for k in sorted(value, key=str)}}
        if isinstance(value, list | tuple):
            return {type(value).__name__: [part(inner) for inner in value]}
        if value is None or isinstance(value, bool | int | float | str):
            return {"value": value}
        raise BadInput(
            f"The example holds a {type(value).__name__}.",
            hint="Give tensors or arrays, plain values, and lists, tuples and dicts of them.",
        )

    if isinstance(given, dict):
        layout: dict[str, Any] = {"args": [], "named": {k: part(v) for k, v in given.items()}}
    else:
        layout = {"args": [part(v) for v in given], "named": {}}
    if not values:
        raise BadInput("The example holds no tensor.", hint="Give rows as the module takes them.")
    return Example(tuple(values), layout=layout)


def _rows(value: Any) -> Array:
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


def _inputs_of(model: Any, names: Sequence[str] | None) -> int:
    """Return how many inputs the first layer takes; where it does not say, one for each name."""
    for part in model.modules():
        count = getattr(part, "in_features", None)
        if isinstance(count, int):
            return count
        if any(True for _ in part.parameters(recurse=False)):
            break
    if names is not None:
        return len(names)
    raise BadInput(
        f"{type(model).__name__} does not say the shape of its inputs.",
        hint="Give rows as the module takes them: read(model, example=X[:1]).",
    )


def require_numbers(model: Any) -> None:
    """Refuse a module that holds no numbers yet.

    Raises:
        NotFitted: lazy layers that no row has gone through, or parameters on the meta device.
        UnsupportedModel: TorchScript, quantised layers, what is no module at all.
    """
    import torch
    from torch.nn.parameter import is_lazy

    if not isinstance(model, torch.nn.Module):
        raise UnsupportedModel(
            f"A {type(model).__name__} of PyTorch is no module: it computes nothing by itself.",
            hint="Give the trained nn.Module, or what torch.export made of it.",
        )
    if isinstance(model, torch.jit.ScriptModule):
        raise UnsupportedModel(
            f"This {type(model).__name__} is TorchScript, which PyTorch no longer traces.",
            hint="Give the module that it was made from, or save that with torch.export.save.",
        )
    for name, part in model.named_modules():
        if QUANTISED.match(type(part).__module__):
            raise UnsupportedModel(
                f"{name or type(model).__name__} is quantised: a {type(part).__qualname__} keeps "
                "its weights in a packed form, and computes in whole numbers.",
                hint="Read the module as it was before that, or its ONNX file.",
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
                    f"PyTorch cannot trace this {type(model).__name__}: {_in_words(error)}",
                    hint="A formula takes one way through the module, whatever its inputs are: no "
                    "branch on a value. Check that the module takes the example that was given.",
                ) from error
    raise AssertionError("there is always one attempt")


def _traced(module: Any, arguments: tuple[Any, Any]) -> Any:
    import torch

    device = next((p.device for p in module.parameters()), torch.device("cpu"))
    moved = torch.utils._pytree.tree_map(
        lambda value: value.to(device) if isinstance(value, torch.Tensor) else value, arguments
    )
    with evaluating(module) as asked, warnings.catch_warnings(), quiet(), unchecked():
        warnings.simplefilter("ignore")  # PyTorch's own deprecations
        try:
            made = torch.export.export(asked, *moved)
        except Exception as error:
            if re.search(DIFFERENTIATES, str(error)[:2000]):
                made = torch.export.export(differentiated(asked, *moved), tuple(_leaves(moved)))
            elif is_dataclass(asked(*moved[0], **moved[1])):
                made = torch.export.export(_plain(asked), *moved)
            else:
                raise
        return made.run_decompositions()


def _leaves(moved: tuple[Any, Any]) -> list[Any]:
    import torch

    return torch.utils._pytree.tree_leaves(moved)  # type: ignore[no-any-return]


def differentiated(module: Any, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
    """Return a module that differentiates within itself as one that has the derivatives in it.

    Its inputs are the tensors in the arguments, one after the other.
    """
    import torch
    from torch.fx.experimental.proxy_tensor import make_fx

    flat, spec = torch.utils._pytree.tree_flatten((args, named))

    def function(*tensors: Any) -> Any:
        positional, by_name = torch.utils._pytree.tree_unflatten(list(tensors), spec)
        return module(*positional, **by_name)

    with torch.enable_grad():
        made = make_fx(function, torch._decomp.core_aten_decompositions())(*flat)
    called = [*signature(module.forward).parameters][: len(args)] + list(named)
    places = [n for n in made.graph.nodes if n.op == "placeholder"]
    if len(called) == len(places):
        for n, name in zip(places, called, strict=True):
            n.name = n.target = name
    made.recompile()
    return made


@contextmanager
def unchecked() -> Iterator[None]:
    """Let distributions take what they are given: their checks branch on values."""
    import torch

    kind = torch.distributions.Distribution
    before = kind._validate_args
    kind.set_default_validate_args(False)
    try:
        yield
    finally:
        kind.set_default_validate_args(before)


def _plain(module: Any) -> Any:
    """Return a module that gives the fields of a dataclass as a dict."""
    import torch

    class Plain(torch.nn.Module):  # type: ignore[misc]
        """A module, and its result as what PyTorch can trace."""

        def __init__(self) -> None:
            super().__init__()
            self.module = module

        def forward(self, *args: Any, **named: Any) -> Any:
            """Return the fields."""
            return plain(self.module(*args, **named))

    return Plain()


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
        kinds = [_kind(v.dtype) for v in values]
        example = Example(tuple(np.zeros((1, *s), k) for s, k in zip(shapes, kinds, strict=True)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        core = program.run_decompositions()
    fixed = all(isinstance(k, int) for v in values for k in v.shape)
    return example, core if fixed else exported(core, example)


DIFFERENTIATES = (
    r"does not require grad|autograd\.grad|has no attribute 'constant'|fake tensor in the exported"
)
"""What PyTorch says of a module that takes derivatives in its forward."""

REASONS = (
    (r"data-dependent|aten\.(equal|allclose)|unbacked", "it goes one way or another by a value"),
    (r"\.numpy\(\)|__array__", "it computes a part of its result in NumPy"),
    (DIFFERENTIATES, "it differentiates within itself"),
)
"""What PyTorch's error says → what that means."""


def _in_words(error: Exception) -> str:
    said = first_line(error)
    found = [words for pattern, words in REASONS if re.search(pattern, str(error)[:2000])]
    return f"{found[0]} ({said})" if found else said


def _kind(dtype: Any) -> type:
    """Return Python's type for the numbers of a tensor."""
    if dtype.is_floating_point:
        return float
    return bool if str(dtype) == "torch.bool" else int


def first_line(error: Exception) -> str:
    """Return the beginning of what an error says."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__)[:200]
