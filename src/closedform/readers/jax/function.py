"""A JAX function as a formula: traced, then walked operation by operation."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np

from closedform import ops
from closedform.asking.jax import Call, Slot, bits64
from closedform.asking.jaxprs import NotStatic, Walk
from closedform.errors import UnsupportedModel
from closedform.formula import Formula, Task
from closedform.ir import Node
from closedform.readers.jax.tracing import Example, Trace, example_of, traces
from closedform.readers.jax.trying import tried
from closedform.readers.jax.walking import BATCH, InNodes, row_of
from closedform.readers.prediction import element_names, input_names, output_name
from closedform.readers.reading import Columns, Reading
from closedform.readers.tensors import Tensor
from closedform.readers.torch.elements import NoFormula


def read_model(model: Any, names: Sequence[str] | None = None, example: Any = None) -> Formula:
    """Return a function that JAX can trace as a formula.

    It is traced for one row at a time; the first axis of every input and output counts rows.
    Constants enter as the float64 of the same value. The formula is then tried against the
    function itself.

    Args:
        model: what `jax.jit` gives; a module of Equinox, of Flax NNX, or a bound one of Flax
            Linen; Flax's train state.
        names: a name for each input element, in the order of the arrays.
        example: rows as the function takes them: an array, a tuple of arguments, or a dict by
            argument; each is an array, or a tuple, list or dict of them. Not needed where `names`
            or the first layer say how many inputs one array has.

    Raises:
        UnsupportedModel: operations without a formula, all at once; a function that cannot be
            traced or that gives something else than its formula.
        BadInput: no example, and nothing that says the shape of the inputs; or names that do not
            fit.
    """
    failed: UnsupportedModel | None = None
    for trace, given in traces(model, example_of(model, names, example)):
        try:
            return _read(model, names, trace, given)
        except UnsupportedModel as error:
            failed = error
    assert failed is not None
    raise failed


def _read(model: Any, names: Sequence[str] | None, trace: Trace, given: Example) -> Formula:
    """Return one trace as a formula, tried against the function."""
    slots = given.call.slots
    made = element_names([(slot.name, slot.shape) for slot in slots])
    reading = Reading(input_names(names, made, len(made)))
    outputs = _outputs(trace, given, reading)
    if reading.problems or not outputs:
        reading.formula({}, Task(), _called(model), "")  # raises
    _note_whole(slots, reading)
    trial = tried(model, list(outputs.values()), given, trace.dtype)
    if trace.wide and trial.apart is None:
        raise UnsupportedModel(f"The {type(model).__name__} cannot be asked with 64 bits.")
    if trial.dtype != "float64":
        reading.rounds(list(outputs.values()), trial.dtype, trial.ulps)
    task = Task("regression", primary=tuple(outputs))
    reading.refuse_what_spoils(outputs)
    call = given.call if trial.apart is not None else replace(given.call, twin="")
    options = _options(call, list(outputs), trace.dtype)
    return reading.formula(outputs, task, _called(model), f"JAX {_version()}", options)


def _options(call: Call, outputs: list[str], dtype: str) -> dict[str, Any]:
    return {
        "inputs": [[s.name, list(s.shape), s.dtype] for s in call.slots],
        "arguments": call.arguments,
        "outputs": outputs,
        "dtype": dtype,
        "twin": call.twin,
    }


def _called(model: Any) -> str:
    """Return the name of a function, or of a module's class."""
    name = getattr(model, "__name__", "")
    return name if name and name != "<lambda>" else type(model).__name__


def _version() -> str:
    import jax

    return str(jax.__version__)


def _outputs(trace: Trace, example: Example, reading: Reading) -> dict[str, Node]:
    """Return each element of each result by name; problems go to `reading`."""
    domain = InNodes(reading)
    with bits64() if trace.wide else nullcontext():
        try:
            given = _inputs(example.call.slots, reading.columns())
            results = Walk(domain).closed(trace.jaxpr, given)
        except NoFormula as error:
            reading.problem(f"JAX's {error}.")
            return {}
        except NotStatic as error:
            raise UnsupportedModel(
                f"The function has {error}.",
                hint="Give it a number of rounds that is known, as in lax.fori_loop or lax.scan.",
            ) from error
        made: dict[str, Node] = {}
        for name, value in zip(trace.names, results, strict=True):
            shape = np.shape(value)[1:]
            try:
                nodes = row_of(value)
            except NoFormula as error:
                domain.problems[str(error)] = None
                continue
            for at, n in zip(np.ndindex(*shape), nodes, strict=True):
                made[output_name(name, at, len(nodes))] = n
    for problem in domain.problems:
        reading.problem(f"JAX's {problem}.")
    return made


def _inputs(slots: Sequence[Slot], columns: Columns) -> list[Tensor]:
    made, at = [], 0
    for slot in slots:
        row = np.empty(slot.size, dtype=object)
        nodes = columns.nodes[at : at + slot.size]
        truth = slot.dtype == "bool"
        row[:] = [ops.equal(n, ops.const(1.0)) for n in nodes] if truth else nodes
        at += slot.size
        made.append(np.broadcast_to(row.reshape(1, *slot.shape), (BATCH, *slot.shape)))
    return made


def _note_whole(slots: Sequence[Slot], reading: Reading) -> None:
    """Refuse what is missing or no whole number where the function takes whole numbers."""
    kinds = [slot.dtype if slot.whole else "" for slot in slots for _ in range(slot.size)]
    columns = reading.columns()
    reading.refuse_missing(columns.pick([i for i, kind in enumerate(kinds) if kind]))
    for x, kind in zip(columns.nodes, kinds, strict=True):
        if kind == "bool":
            zero, one = (ops.equal(x, ops.const(v)) for v in (0.0, 1.0))
            reading.refuse(ops.negate(ops.either(zero, one)), [])
        elif kind:
            limits = np.iinfo(kind)
            broken = ops.negate(ops.equal(x, ops.unary("floor", x)))
            beyond = (ops.less(x, ops.const(limits.min)), ops.less(ops.const(limits.max), x))
            reading.refuse(ops.either(broken, *beyond), [])


# --- names --------------------------------------------------------------------------------------
