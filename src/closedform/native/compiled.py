"""A formula as a function that is fast, for many rows and for one."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from importlib.util import find_spec
from typing import Any

import numpy as np

from closedform.columns import columns_of
from closedform.errors import BadInput
from closedform.evaluate import columns_for, fill, finished, inputs_of, roots_of, side_by_side
from closedform.formula import Formula
from closedform.ir import Array, Node, Type
from closedform.native.plan import CompiledPlan
from closedform.native.tape import Tape
from closedform.ops.payloads import Label, labels_of

PRECISIONS: dict[str, Any] = {"double": np.float64, "float": np.float32}
WITHOUT = (
    "numba is not installed: trees are walked by NumPy, ten times as slow, and a single row "
    'takes as long as a hundred. pip install "closedform[fast]"'
)


class Compiled:
    """A formula that computes the same numbers as `formula(X)`, sooner.

    Nothing is compiled for the formula itself: kernels that serve all formulas read its weights and
    trees as arrays. What they do not know, NumPy computes. The GIL is released meanwhile, and
    several Python threads may call one object.

    Attributes:
        formula: what is computed.
        precision: "double", or "float" for layers in single precision.
        threads: how many blocks of rows are computed at once.
        engine: what runs, as "numba 0.68.1" or "numpy 2.4.6".
        note: what is missing and how to get it; empty where nothing is.
    """

    def __init__(self, formula: Formula, *, precision: str = "double", threads: int = 1) -> None:
        """Lay the formula out for the kernels; see `Formula.compile`."""
        if precision not in PRECISIONS:
            raise BadInput(
                f"There is no precision {precision!r}.",
                hint="Precisions are: " + ", ".join(PRECISIONS) + ".",
            )
        if not isinstance(threads, int) or threads < 1:
            raise BadInput(f"{threads!r} threads cannot compute.", hint="Give 1 or more.")
        self.formula, self.precision, self.threads = formula, precision, threads
        self.engine, self.note = _engine()
        self._plans: dict[tuple[str, ...], tuple[Formula, CompiledPlan]] = {}

    def __call__(self, X: Any, output: str | None = None) -> Array:
        """Return what `formula(X, output)` returns: the prediction, or one named output.

        Args:
            X: rows as the formula takes them; fastest as a float64 array in C order.
            output: the name of an output; default: the prediction.

        Raises:
            BadInput: the rows do not fit, or there is no such output.
        """
        wanted = self.formula.answer if output is None else (output,)
        return side_by_side(list(self._run(wanted, X).values()))

    predict = __call__

    def evaluate(self, X: Any) -> dict[str, Array]:
        """Return every output for each row, by name."""
        return self._run(tuple(self.formula.outputs), X)

    def _run(self, wanted: tuple[str, ...], X: Any) -> dict[str, Array]:
        if wanted not in self._plans:
            self._plans[wanted] = self._planned(wanted)
        part, plan = self._plans[wanted]
        inputs, matrix, rows = _columns(part, X)
        out = columns_for(plan, rows)
        self._fill(plan, inputs, matrix, rows, out)
        return finished(part, out)

    def _planned(self, wanted: tuple[str, ...]) -> tuple[Formula, CompiledPlan]:
        whole = wanted == tuple(self.formula.outputs)
        part = self.formula if whole else self.formula.only(*wanted)
        return part, CompiledPlan(roots_of(part), PRECISIONS[self.precision], not self.note)

    def _fill(
        self, plan: CompiledPlan, inputs: list[Array], matrix: Array | None, rows: int,
        out: list[Array],
    ) -> None:  # fmt: skip
        # Each thread gets a stretch of rows, in whole blocks.
        step = -(-rows // (self.threads * plan.block)) * plan.block
        parts = [range(lo, min(rows, lo + step)) for lo in range(0, rows, max(1, step))]
        if len(parts) < 2:
            return fill(plan, inputs, matrix, range(rows), out)
        with ThreadPoolExecutor(len(parts)) as pool:
            list(pool.map(lambda part: fill(plan, inputs, matrix, part, out), parts))
        return None

    def row(self, *values: Any) -> Any:
        """Return the prediction for one row: a number or a label; a tuple where it is several.

        Always in double precision.

        Args:
            values: one value for each input, in order; or all of them as one sequence, array or
                dict by name. None and NaN are missing.

        Raises:
            BadInput: there are not as many values as inputs, or a value is of a wrong type.
        """
        return self._row(_listed(self.formula, values))

    @cached_property
    def _row(self) -> Callable[[Any], Any]:
        tape = Tape(len(self.formula.inputs), self._answer, self.formula.refused)
        if self.note or tape.lacking:
            return lambda values: _only_row(self(_as_columns(self.formula, values)))
        return _stepped(self.formula, tape, self._answer)

    @property
    def _answer(self) -> list[Node]:
        return [self.formula.outputs[name] for name in self.formula.answer]

    def __repr__(self) -> str:
        """Return what is computed, and on what."""
        threads = f"{self.threads} thread" + "s" * (self.threads > 1)
        told = f"<compiled formula: {self.precision} precision, {threads}, {self.engine}"
        return f"{told}; {self.note}>" if self.note else told + ">"


def _engine() -> tuple[str, str]:
    """Return what runs, and a note where it is not the fastest."""
    if find_spec("numba") is not None:
        try:
            import numba

            return f"numba {numba.__version__}", ""
        except ImportError as error:  # it says which NumPy it needs
            return f"numpy {np.__version__}", f"numba cannot be used: {error}"
    return f"numpy {np.__version__}", WITHOUT


def _columns(formula: Formula, X: Any) -> tuple[list[Array], Array | None, int]:
    """Return the columns of rows; an array of floats needs no look at each of them."""
    plain = isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype in (np.float64, np.float32)
    if plain and X.shape[1] == len(formula.inputs) and _numbers_alone(formula):
        return list(X.T), X.T, len(X)
    return inputs_of(formula, X)


def _numbers_alone(formula: Formula) -> bool:
    return all(f.type is Type.REAL for f in formula.inputs)


def _listed(formula: Formula, values: Sequence[Any]) -> Sequence[Any]:
    """Return one value for each input."""
    if len(values) == 1 and not isinstance(values[0], str):
        only = values[0]
        if isinstance(only, Mapping):
            names = [f.name for f in formula.inputs]
            absent = [name for i, name in enumerate(names) if name not in only]
            needed = [formula.inputs[i].name for i in formula.needed]
            if not set(absent).isdisjoint(needed):
                raise BadInput("These values are absent: " + ", ".join(map(repr, absent)) + ".")
            values = [only.get(name) for name in names]
        elif hasattr(only, "__len__"):
            values = only
    if len(values) != len(formula.inputs):
        raise BadInput(
            f"{len(values)} values are not one for each of {len(formula.inputs)} inputs.",
            hint="The inputs are: " + ", ".join(f.name for f in formula.inputs) + ".",
        )
    return values


def _as_columns(formula: Formula, values: Sequence[Any]) -> dict[str, list[Any]]:
    return {f.name: [v] for f, v in zip(formula.inputs, values, strict=True)}


def _only_row(made: Array) -> Any:
    return tuple(made[0].tolist()) if made.ndim > 1 else made.tolist()[0]


def _stepped(formula: Formula, tape: Tape, answer: Sequence[Node]) -> Callable[[Any], Any]:
    """Return how one row is computed by the steps of a tape."""
    from closedform.native.row_kernel import only, run

    program, size, empty = tape.program(), len(tape.preset), np.empty
    count, pack = len(formula.inputs), struct.Struct(f"{len(formula.inputs)}d").pack_into
    packed = _numbers_alone(formula)
    finish = _finisher(answer, tape)

    def row(values: Any) -> Any:
        x: Any = values
        try:
            if not packed:
                x = _converted(formula, values)
            elif type(x) is not np.ndarray or not _ready(x):
                x = empty(count)
                pack(x, 0, *values)
        except struct.error:  # None, or text
            x = _converted(formula, values)
        if finish is None:
            return only(program, x)
        room = empty(size)
        run(program, x, room)
        return finish(room)

    return row


def _ready(x: Array) -> bool:
    """Tell whether a kernel takes an array as it is."""
    flags = x.flags
    return bool(x.dtype == np.float64 and flags.c_contiguous and flags.writeable and x.ndim == 1)


def _converted(formula: Formula, values: Sequence[Any]) -> Array:
    columns, _ = columns_of(formula.inputs, _as_columns(formula, values), formula.needed)
    return np.array([c[0] for c in columns], np.float64)


def _finisher(answer: Sequence[Node], tape: Tape) -> Callable[[Array], Any] | None:
    """Return how values become what is answered; None where it is one number."""
    if len(answer) == 1 and answer[0].type is Type.REAL:
        return None
    known: dict[float, Label | None] = {-1.0: None, -2.0: None}
    types, places, refused = [n.type for n in answer], tape.outputs, tape.refused

    def told(value: float, type_: Type) -> Any:
        if type_ is Type.LABEL:
            if value not in known:
                known[value] = labels_of(np.array([int(value)]))[0]
            return known[value]
        return bool(value) if type_ is Type.BOOL else float(value)

    def finish(values: Array) -> Any:
        bad = refused >= 0 and values[refused] != 0
        made = [
            (None if t is Type.LABEL else math.nan) if bad else told(values[at], t)
            for at, t in zip(places, types, strict=True)
        ]
        return made[0] if len(made) == 1 else tuple(made)

    return finish
