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

from closedform.columns import column_keys, columns_of
from closedform.errors import BadInput
from closedform.evaluate import (
    Columns,
    columns_for,
    fill,
    finished,
    inputs_of,
    roots_of,
    side_by_side,
)
from closedform.formula import Feature, Formula
from closedform.ir import Array, Node, Type
from closedform.native.plan import CompiledPlan
from closedform.native.tape import Tape
from closedform.ops.payloads import Label, label_codes, labels_of

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
        if not isinstance(precision, str) or precision not in PRECISIONS:
            raise BadInput(
                f"There is no precision {precision!r}.",
                hint="Precisions are: " + ", ".join(PRECISIONS) + ".",
            )
        if isinstance(threads, bool) or not isinstance(threads, int | np.integer) or threads < 1:
            raise BadInput(f"{threads!r} threads cannot compute.", hint="Give 1 or more.")
        self.formula, self.precision, self.threads = formula, precision, int(threads)
        self.engine, self.note = _engine()
        self._plans: dict[tuple[str, ...], tuple[Formula, CompiledPlan]] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how it is made anew where it is unpickled: there, labels have other codes."""
        return _made, (self.formula, self.precision, self.threads)

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
        self, plan: CompiledPlan, inputs: Columns, matrix: Array | None, rows: int,
        out: list[Array],
    ) -> None:  # fmt: skip
        # Each thread gets a stretch of rows, in whole blocks.
        step = -(-rows // (self.threads * plan.block)) * plan.block
        parts = [range(lo, min(rows, lo + step)) for lo in range(0, rows, max(1, step))]
        if len(parts) < 2:
            return fill(plan, inputs, matrix, range(rows), out)
        own, *others = parts
        with ThreadPoolExecutor(len(others)) as pool:
            made = pool.map(lambda part: fill(plan, inputs, matrix, part, out), others)
            fill(plan, inputs, matrix, own, out)
            list(made)
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
        return self._row(*values)

    @cached_property
    def _row(self) -> Callable[..., Any]:
        tape = Tape(len(self.formula.inputs), self._answer, self.formula.refused)
        if self.note or tape.lacking:
            return self._by_columns
        made = _stepped(self.formula, tape, self._answer)
        # From the second row on, `row` is what computes: through the method it takes 0.1 µs longer.
        self.__dict__["row"] = made
        return made

    def _by_columns(self, *values: Any) -> Any:
        return _only_row(self(_as_columns(self.formula, _listed(self.formula, values))))

    @property
    def _answer(self) -> list[Node]:
        return [self.formula.outputs[name] for name in self.formula.answer]

    def __repr__(self) -> str:
        """Return what is computed, and on what."""
        threads = f"{self.threads} thread" + "s" * (self.threads > 1)
        told = f"<compiled formula: {self.precision} precision, {threads}, {self.engine}"
        return f"{told}; {self.note}>" if self.note else told + ">"


def _made(formula: Formula, precision: str, threads: int) -> Compiled:
    return Compiled(formula, precision=precision, threads=threads)


def _engine() -> tuple[str, str]:
    """Return what runs, and a note where it is not the fastest."""
    if find_spec("numba") is not None:
        try:
            import numba

            return f"numba {numba.__version__}", ""
        except ImportError as error:  # it says which NumPy it needs
            return f"numpy {np.__version__}", f"numba cannot be used: {error}"
    return f"numpy {np.__version__}", WITHOUT


def _columns(formula: Formula, X: Any) -> tuple[Columns, Array | None, int]:
    """Return the columns of rows; an array of floats needs no look at each of them."""
    plain = isinstance(X, np.ndarray) and X.ndim == 2 and X.dtype in (np.float64, np.float32)
    if plain and X.shape[1] == len(formula.inputs) and _numbers_alone(formula):
        return (columns := X.T), columns, len(X)
    return inputs_of(formula, X)


def _numbers_alone(formula: Formula) -> bool:
    return all(f.type is Type.REAL for f in formula.inputs)


def _listed(formula: Formula, values: Sequence[Any]) -> Sequence[Any]:
    """Return one value for each input."""
    if len(values) == 1 and not isinstance(values[0], str):
        only = values[0]
        if isinstance(only, Mapping) or hasattr(only, "keys"):  # a row of a DataFrame has names
            values = _by_name(formula, only)
        elif isinstance(only, np.ndarray) and only.ndim == 1:
            values = only.tolist()
        elif hasattr(only, "__len__"):
            values = only
    if len(values) != len(formula.inputs):
        raise BadInput(
            f"{len(values)} values are not one for each of {len(formula.inputs)} inputs.",
            hint="The inputs are: " + ", ".join(f.name for f in formula.inputs) + ".",
        )
    return values


def _by_name(formula: Formula, row: Any) -> Sequence[Any]:
    have = column_keys(formula.inputs, list(row.keys()))
    names = [f.name for f in formula.inputs]
    absent = [i for i, name in enumerate(names) if name not in have]
    if not formula.needed.isdisjoint(absent):
        told = ", ".join(repr(names[i]) for i in absent)
        raise BadInput(f"These values are absent: {told}.")
    return [row[have[name]] if name in have else None for name in names]


def _as_columns(formula: Formula, values: Sequence[Any]) -> dict[str, list[Any]]:
    return {f.name: [v] for f, v in zip(formula.inputs, values, strict=True)}


def _only_row(made: Array) -> Any:
    return tuple(made[0].tolist()) if made.ndim > 1 else made.tolist()[0]


def _stepped(formula: Formula, tape: Tape, answer: Sequence[Node]) -> Callable[..., Any]:
    """Return how one row is computed by the steps of a tape."""
    from closedform.native.row_kernel import every, only

    program, count = tape.program(), len(formula.inputs)
    address, pack = program.ctypes.data, struct.Struct(f"{count}d").pack
    numbers, finish = _numbers_alone(formula), _finisher(answer, tape)
    kernel = only if finish is None else every

    def row(*given: Any) -> Any:
        values: Sequence[Any] = given
        if len(values) != count or count == 1:
            values = _listed(formula, values)
        try:
            x = pack(*values) if numbers else _converted(formula, values, pack)
        except (struct.error, OverflowError):  # None, or text
            x = _converted(formula, values, pack)
        found = kernel(address, id(x) + BYTES)
        return found if finish is None else finish(found)

    row.__doc__ = Compiled.row.__doc__
    row.program = program  # type: ignore[attr-defined]  # which must outlive its address
    return row


BYTES = bytes.__basicsize__ - 1
"""Where the content of CPython's `bytes` begins: an array in their place takes 0.4 µs longer."""


def _converted(formula: Formula, values: Sequence[Any], pack: Callable[..., bytes]) -> bytes:
    """Return one row as doubles: numbers, and codes of labels."""
    try:
        return pack(*map(_plainly, formula.inputs, values))
    except (struct.error, TypeError, ValueError, OverflowError):
        columns, _ = columns_of(formula.inputs, _as_columns(formula, values), formula.needed)
        return pack(*(float(c[0]) for c in columns))


def _plainly(feature: Feature, value: Any) -> Any:
    """Return the code of a label, and NaN for None; other numbers as they are."""
    if feature.type is Type.LABEL:
        return label_codes((value,))[0]
    return math.nan if value is None else value


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
