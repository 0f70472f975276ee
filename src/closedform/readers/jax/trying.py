"""A read tries itself: the formula against the function, on rows of the example and random ones."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from closedform.asking.jax import answers, in_double
from closedform.errors import UnsupportedModel
from closedform.evaluate import compute
from closedform.formula import UNITS
from closedform.ir import Array, Node
from closedform.readers.jax.tracing import Example
from closedform.readers.torch.tracing import first_line
from closedform.readers.torch.trying import (
    COARSE,
    EXACT,
    MARGIN,
    ROWS,
    Trial,
    difference,
)

Ask = Callable[[Array], Array]


def tried(model: object, outputs: Sequence[Node], example: Example, dtype: str) -> Trial:
    """Compare formula and function.

    Args:
        model: the function or module.
        outputs: the formula's.
        example: rows, and how the function takes them.
        dtype: the coarsest float type in which it computes.

    Raises:
        UnsupportedModel: they differ by more than rounding; the reason is said where it is known.
    """
    rows = _rows(example)
    ours = np.column_stack(compute(list(outputs), list(rows.T), len(rows)))
    call, name = example.call, type(model).__name__
    own = answers(model, call)
    fine = _said(in_double(model, call), rows) if call.twin else None
    exact = None if fine is None else difference(fine, ours)
    apart = difference(_asked(own, rows, name), ours)
    unit = UNITS.get(dtype, UNITS["float16"])
    limit = EXACT if dtype == "float64" else COARSE * unit
    assert apart is not None
    if apart > limit or (exact is not None and exact > EXACT):
        raise _reason(name, own, rows)
    ulps = math.ceil(MARGIN * apart / unit) if math.isfinite(apart) else 1
    return Trial(dtype, exact, max(1, ulps))


def _reason(name: str, own: Ask, rows: Array) -> UnsupportedModel:
    """Return an error that says why formula and function differ, where that is known."""
    first, half = own(rows), len(rows) // 2
    if difference(own(rows), first):
        return UnsupportedModel(
            f"The {name} gives another answer each time it is asked: it keeps a state, or calls "
            "something that does.",
            hint="Give the part of it that does not.",
        )
    coarse = COARSE * UNITS["float32"]
    for order, what in ((slice(half), "on the other rows that it is asked about at the same time"),
                        (slice(None, None, -1), "on its place among the rows")):  # fmt: skip
        mixed = difference(own(rows[order]), first[order])
        if mixed is None or mixed > coarse:
            return UnsupportedModel(
                f"What the {name} says about a row depends {what}.",
                hint="A formula knows one row alone. A function of one row becomes one of rows by "
                "jax.vmap(f); means, deviations and random numbers must be those of the training.",
            )
    return UnsupportedModel(
        f"The formula of this {name} does not give what the function itself does.",
        hint="It may compute in less than float32, or what the trace does not show. Read its parts "
        "one by one to see which of them differs, and please report it.",
    )


def _rows(example: Example) -> Array:
    """Return rows of the example, then random ones; whole numbers are drawn from the example's."""
    draw = np.random.default_rng(0)
    given = [v.reshape(len(v), -1).astype(np.float64) for v in example.values]
    count = min(map(len, given))
    columns = []
    for slot, values in zip(example.call.slots, given, strict=True):
        shape = (ROWS, slot.size)
        fresh = draw.choice(values.ravel(), shape) if slot.whole else draw.normal(size=shape)
        # What float16 holds, every function's type holds too: nothing is rounded on the way in.
        columns.append(np.vstack([values[:count], fresh.astype(np.float16).astype(np.float64)]))
    return np.hstack(columns)


def _said(ask: Ask, rows: Array) -> Array | None:
    try:
        return ask(rows)
    except Exception:  # in float64, a function may refuse its own constants in float32
        return None


def _asked(ask: Ask, rows: Array, name: str) -> Array:
    try:
        return ask(rows)
    except Exception as error:
        raise UnsupportedModel(
            f"The {name} does not take other rows than the example: {first_line(error)}",
            hint="The first axis of each of its inputs and results must count rows, in any number, "
            "and the example must hold numbers of the type that it takes.",
        ) from error
