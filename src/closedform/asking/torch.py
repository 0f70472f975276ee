"""PyTorch modules: rows of a formula's inputs become tensors, results become columns."""

from __future__ import annotations

import copy
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, fields, is_dataclass
from inspect import signature
from typing import Any

import numpy as np

from closedform.asking import Method
from closedform.columns import columns_of
from closedform.formula import Formula
from closedform.ir import Array

BLOCK = 512
"""Rows that a module is asked about at once: of an image network, some 100 MiB."""


@dataclass(frozen=True)
class Slot:
    """One tensor that a module takes.

    Attributes:
        name: the argument.
        shape: of one row.
        whole: whether it holds whole numbers, or truths.
        truth: whether it holds truths, as 0 and 1.
    """

    name: str
    shape: tuple[int, ...]
    whole: bool
    truth: bool = False

    @property
    def size(self) -> int:
        """How many elements one row has."""
        return int(np.prod(self.shape, dtype=int))


def methods(model: Any, formula: Formula) -> list[Method]:
    """Return how a module is asked: as it is and, where it computes in less, in float64 too."""
    options = formula.trail[0].options if formula.trail else {}
    given = options.get("inputs") or [["x", [len(formula.inputs)], False]]
    slots = [Slot(name, tuple(shape), *kinds) for name, shape, *kinds in given]
    outputs = tuple(options.get("outputs") or formula.outputs)

    def asks(module: Any, dtype: str) -> Callable[[Any], Array]:
        named, layout = bool(options.get("by name")), options.get("layout")
        answer = answers(module, slots, dtype, by_name=named, layout=layout)
        return lambda X: answer(np.column_stack(columns_of(formula.inputs, X)[0]))

    kind = dtype_of(model)
    fine = in_double(model) if kind != "float64" and options.get("float64", True) else None
    if fine is None:
        double = options.get("dtype", kind) == "float64"
        return [Method(f"module, {kind}", asks(model, kind), outputs, double=double)]
    return [
        Method("module in float64", asks(fine, "float64"), outputs, double=True),
        Method(f"module, {kind}", asks(model, kind), outputs, twin=0),
    ]


def answers(
    model: Any, slots: Sequence[Slot], dtype: str, *, by_name: bool = False, layout: Any = None
) -> Callable[[Array], Array]:
    """Return a module as a function of rows, shape (rows, inputs), that gives (rows, outputs).

    `dtype` is the float type that it takes, `layout` how its arguments are made of tensors where
    not each is one.

    It is asked in evaluation mode. Rows that it cannot take raise, as the module itself does, and
    so do numbers beyond the range of its float type.
    """
    names = [slot.name for slot in slots]
    fixed, device = _fixed_rows(model), _device_of(model)
    step = fixed or BLOCK

    def ask(flat: Array) -> Array:
        parts = [flat[i : i + step] for i in range(0, len(flat), step)]
        with evaluating(model) as module:
            return np.vstack([_columns(module, part) for part in parts])

    def _columns(module: Any, part: Array) -> Array:
        import torch

        rows = len(part)
        if fixed is not None and rows < fixed:
            part = np.vstack([part, np.repeat(part[:1], fixed - rows, axis=0)])
        tensors = tensors_of(slots, part, dtype, device)
        named = dict(zip(names, tensors, strict=True)) if by_name else {}
        args = [] if by_name else tensors
        if layout is not None:
            args, named = arranged(layout, tensors)
        try:
            made = module(*args, **named)
        except RuntimeError as error:
            if "grad" not in str(error):
                raise
            with torch.enable_grad():  # it differentiates within itself
                made = module(*args, **named)
        table = [p.detach().cpu().double().numpy().reshape(len(part), -1) for p in results_of(made)]
        return np.hstack(table)[:rows]

    return ask


def arranged(layout: Any, tensors: Sequence[Any]) -> tuple[list[Any], dict[str, Any]]:
    """Return positional and named arguments, with the tensors where `layout` has their numbers.

    Args:
        layout: {"args": [part …], "named": {name: part …}}; a part is {"tensor": number},
            {"value": what it is}, {"list": [part …]}, {"tuple": [part …]} or {"dict": {key: part}}.
        tensors: all of them, in order.
    """

    def filled(part: Any) -> Any:
        ((kind, held),) = part.items()
        if kind == "dict":
            return {key: filled(inner) for key, inner in held.items()}
        if kind in ("list", "tuple"):
            made = [filled(inner) for inner in held]
            return made if kind == "list" else tuple(made)
        return tensors[held] if kind == "tensor" else held

    return [filled(p) for p in layout["args"]], {k: filled(p) for k, p in layout["named"].items()}


def results_of(made: Any) -> list[Any]:
    """Return the tensors in what a module gives, in order; what is None is left out."""
    import torch

    return [p for p in torch.utils._pytree.tree_leaves(plain(made)) if p is not None]


def plain(made: Any) -> Any:
    """Return the record of a dataclass as a dict; other results as they are."""
    if not is_dataclass(made) or isinstance(made, type):
        return made
    return {field.name: plain(getattr(made, field.name)) for field in fields(made)}


def tensors_of(slots: Sequence[Slot], flat: Array, dtype: str, device: Any) -> list[Any]:
    """Return rows, shape (rows, inputs), as the tensors that a module takes.

    Raises:
        ValueError: no whole number where the module takes one, or a number beyond the range of
            the float type.
    """
    import torch

    made, at = [], 0
    for slot in slots:
        part = flat[:, at : at + slot.size].reshape(len(flat), *slot.shape)
        at += slot.size
        if slot.whole and not (part == np.floor(part)).all():
            raise ValueError(f"{slot.name} takes whole numbers")
        if slot.truth and not ((part == 0) | (part == 1)).all():
            raise ValueError(f"{slot.name} takes truths, as 0 and 1")
        kind = "bool" if slot.truth else "int64" if slot.whole else dtype
        tensor = torch.as_tensor(part).to(getattr(torch, kind))
        if not slot.whole and bool((tensor.isinf() & ~torch.as_tensor(np.isinf(part))).any()):
            raise ValueError(f"{slot.name} holds a number beyond the range of {dtype}")
        made.append(tensor.to(device))
    return made


def dtype_of(model: Any) -> str:
    """Return the float type of a module's parameters or buffers; without any, the default."""
    import torch

    state = model.state_dict if isinstance(model, torch.export.ExportedProgram) else None
    numbers = [*model.parameters(), *model.buffers()] if state is None else state.values()
    found = (p.dtype for p in numbers if p.dtype.is_floating_point)
    return str(next(found, torch.get_default_dtype())).removeprefix("torch.")


def _device_of(model: Any) -> Any:
    import torch

    if isinstance(model, torch.export.ExportedProgram):
        return torch.device("cpu")
    return next((p.device for p in [*model.parameters(), *model.buffers()]), torch.device("cpu"))


def module_of(program: Any) -> Any:
    """Return an exported program as a module, without guards where PyTorch has them (2.9)."""
    known = signature(program.module).parameters
    return program.module(**({"check_guards": False} if "check_guards" in known else {}))


def in_double(model: Any) -> Any:
    """Return a copy of a module that computes in float64 on the CPU; None where it has none."""
    import torch

    program = isinstance(model, torch.export.ExportedProgram)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyTorch's own deprecations
            # A program's module shares its numbers: it is copied as any other.
            shared = module_of(model) if program else model
            return copy.deepcopy(shared, _kept_results(shared)).cpu().double()
    except Exception:  # not every module can be copied
        return None


def _kept_results(module: Any) -> dict[int, Any]:
    """Return what a module remembers of its last call, which PyTorch would refuse to copy."""
    import torch

    kept = [
        value
        for part in module.modules()
        for held in vars(part).values()
        for value in (held if isinstance(held, list | tuple) else [held])
    ]
    return {id(v): v.detach() for v in kept if isinstance(v, torch.Tensor) and not v.is_leaf}


def inputs_of(program: Any) -> list[Any]:
    """Return the tensors that an exported program takes, as PyTorch describes them."""
    from torch.export.graph_signature import InputKind

    specs = program.graph_signature.input_specs
    users = {spec.arg.name for spec in specs if spec.kind is InputKind.USER_INPUT}
    found = (n.meta.get("val") for n in program.graph.nodes if n.name in users)
    return [value for value in found if hasattr(value, "shape")]


def _fixed_rows(model: Any) -> int | None:
    """Return how many rows an exported program insists on; None where it takes any number."""
    from torch.export import ExportedProgram

    if not isinstance(model, ExportedProgram):
        return None
    first = next((value.shape[0] for value in inputs_of(model)), None)
    return first if isinstance(first, int) else None


@contextmanager
def quiet() -> Iterator[None]:
    """Keep PyTorch from printing the graph of what it cannot trace or load: errors say enough."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with redirect_stderr(io.StringIO()), redirect_stdout(io.StringIO()):
            yield
    finally:
        logging.disable(before)


@contextmanager
def evaluating(model: Any) -> Iterator[Any]:
    """Switch dropout and batch statistics off, and back to what they were."""
    import torch

    if isinstance(model, torch.export.ExportedProgram):
        with torch.no_grad():
            yield module_of(model)
        return
    modes = {part: part.training for part in model.modules()}
    with suppress(NotImplementedError):  # what torch.export made is what it is
        model.eval()
    try:
        with torch.no_grad():
            yield model
    finally:
        for part, mode in modes.items():
            part.training = mode
