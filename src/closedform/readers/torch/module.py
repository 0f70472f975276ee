"""A PyTorch module as a formula: exported, then walked operation by operation."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import Any

import numpy as np

from closedform import ops
from closedform.asking.torch import Slot
from closedform.errors import MissingExtra
from closedform.formula import Formula, Task
from closedform.ir import Array, Node, toposort
from closedform.readers.prediction import element_names, input_names, output_name
from closedform.readers.reading import Reading
from closedform.readers.tensors import node_of, number
from closedform.readers.torch.packages import program_of
from closedform.readers.torch.tracing import (
    Example,
    example_of,
    exported,
    of_program,
    require_numbers,
)
from closedform.readers.torch.trying import tried
from closedform.readers.torch.walking import Walk


def read_model(model: Any, names: Sequence[str] | None = None, example: Any = None) -> Formula:
    """Return a module, or a program that `torch.export` made of one, as a formula.

    The module is traced in evaluation mode, for one row at a time; the first axis of every input
    and output counts rows. Weights enter as the float64 of the same value. The formula is then
    tried against the module itself.

    Args:
        model: a `torch.nn.Module`, or a `torch.export.ExportedProgram`.
        names: a name for each input element, in the order of the tensors.
        example: rows as the module takes them: a tensor or array, a tuple of them, or a dict by
            argument; not needed where the first layer says how many inputs there are.

    Raises:
        UnsupportedModel: operations without a formula, all at once; a module that cannot be traced
            or that gives something else than its formula.
        NotFitted: the module holds no numbers yet.
        BadInput: no example, and nothing that says the shape of the inputs; or names that do not
            fit.
    """
    model, given, walk = _walk(model, names, example)
    made = element_names([(slot.name, slot.shape) for slot in walk.slots])
    reading = Reading(input_names(names, made, len(made)))
    outputs = _named_outputs(walk.run(reading))
    if reading.problems:
        reading.formula({}, Task(), type(model).__name__, "")  # raises
    _note_whole(walk.slots, reading, list(outputs.values()))
    trial = tried(model, list(outputs.values()), walk.slots, given, walk.program)
    if trial.dtype != "float64":
        reading.rounds(list(outputs.values()), trial.dtype, trial.ulps)
    task = Task("regression", primary=tuple(outputs))
    reading.refuse_what_spoils(outputs)
    options = {
        "inputs": [[s.name, list(s.shape), s.whole, *[True] * s.truth] for s in walk.slots],
        "outputs": list(outputs),
        "by name": bool(given.by_name),
        "float64": trial.apart is not None,
        "dtype": trial.dtype,
        **({"layout": given.layout} if given.layout else {}),
    }
    return reading.formula(outputs, task, type(model).__name__, f"PyTorch {_version()}", options)


def read_file(raw: bytes, names: Sequence[str] | None = None) -> Formula:
    """Return what is in a `.pt2` file, as torch.export.save writes them, as a formula.

    Raises:
        MissingExtra: PyTorch is not installed.
        Broken, UnsupportedModel: as `packages.program_of` and `read_model` say.
    """
    if find_spec("torch") is None:
        raise MissingExtra("torch", "torch", "Reading a .pt2 file")
    return read_model(program_of(raw), names)


def _walk(
    model: Any, names: Sequence[str] | None, example: Any
) -> tuple[Any, Example, Walk]:  # fmt: skip
    import torch

    if isinstance(model, torch.export.ExportedProgram):
        given, program = of_program(model, example)
        return model, given, Walk(program)
    model = _inner(model)
    require_numbers(model)
    given = example_of(model, names, example)
    return model, given, Walk(exported(model, given))


def _inner(model: Any) -> Any:
    """Return the module itself, without torch.compile's and DataParallel's wrapping."""
    import torch

    if isinstance(model, torch.nn.DataParallel | torch.nn.parallel.DistributedDataParallel):
        return model.module
    return getattr(model, "_orig_mod", model)


def _note_whole(slots: Sequence[Slot], reading: Reading, outputs: Sequence[Node]) -> None:
    """Refuse what is missing or no whole number where the module takes whole numbers."""
    kinds = [slot.whole and not slot.truth for slot in slots for _ in range(slot.size)]
    truths = [slot.truth for slot in slots for _ in range(slot.size)]
    columns = reading.columns()
    for x, truth in zip(columns.nodes, truths, strict=True):
        if truth:
            reading.refuse(ops.negate(ops.member(x, (0.0, 1.0))), [])
    whole = columns.pick([i for i, kind in enumerate(kinds) if kind])
    reading.refuse_missing(whole)
    nodes = toposort(outputs)
    looked_up = [n for n in nodes if n.op is ops.TABLE]
    plain = {a for n in nodes if n.op is not ops.TABLE for a in n.args}
    choosing = any(n.op is ops.WHERE for n in nodes)
    for x in whole.nodes:
        # A table alone gives nothing for what is not whole, and what is nothing stays so.
        if x in plain or choosing or not looked_up:
            reading.refuse(ops.negate(ops.equal(x, ops.unary("floor", x))), [])


def _version() -> str:
    import torch

    return str(torch.__version__)


# --- names --------------------------------------------------------------------------------------


def _named_outputs(results: Sequence[tuple[str, Array]]) -> dict[str, Node]:
    made: dict[str, Node] = {}
    for name, tensor in results:
        for at in np.ndindex(*tensor.shape):
            made[output_name(name, at, tensor.size)] = node_of(number(tensor.item(*at)))
    return made
