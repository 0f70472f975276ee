"""What the options of every method may be: one error says what was given and what to give."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np

from closedform.errors import BadInput
from closedform.formula import Formula

MOST = 10_000_000
"""More rows, terms or leaves than this are no option but a slip, and would not fit into memory."""


def whole(name: str, value: Any, least: int, most: int = MOST) -> int:
    """Return an option that is a whole number.

    Args:
        name: of the option.
        value: what was given for it.
        least, most: its range.

    Raises:
        BadInput: it is something else.
    """
    fine = isinstance(value, Integral) and not isinstance(value, bool)
    if not (fine and least <= int(value) <= most):
        raise BadInput(
            f"{name}={value!r} has no meaning.",
            hint=f"Give a whole number from {least} on." if most == MOST
            else f"Give a whole number from {least} to {most}.",
        )  # fmt: skip
    return int(value)


def number(
    name: str, value: Any, example: str, *, least: float = 0.0, endless: bool = False
) -> float:
    """Return an option that is a number from the least one on; infinite only where that may be.

    Raises:
        BadInput: it is something else; `example` is the hint.
    """
    fine = isinstance(value, Real) and not isinstance(value, bool)
    if not (fine and float(value) >= least and (endless or abs(value) < np.inf)):
        raise BadInput(f"{name}={value!r} has no meaning.", hint=f"Give {example}.")
    return float(value)


def seconds(value: Any) -> float | None:
    """Return a time limit; None for none."""
    endless = value is None or (isinstance(value, float) and value == np.inf)
    return None if endless else number("time_limit", value, "seconds from 0 on, or None")


def tolerance_of(value: Any) -> float | None:
    """Return the greatest error that is accepted; None for no such."""
    return None if value is None else number("tolerance", value, "an error from 0 on", endless=True)


def refuse_no_formula(value: Any) -> None:
    """Refuse what is given as `formula=` and is neither a formula nor None.

    Raises:
        BadInput: it is something else.
    """
    if not (value is None or isinstance(value, Formula)):
        raise BadInput(f"formula={value!r:.60} is no formula.", hint="Give cf.read(model).")


def seed_of(value: Any) -> int:
    """Return a seed."""
    return whole("seed", value, 0, 2**63 - 1)


def some_of(name: str, values: Any, known: Collection[str]) -> Sequence[str]:
    """Return an option that lists some of several words.

    Raises:
        BadInput: it is no list of them.
    """
    given = list(values) if isinstance(values, list | tuple | set | frozenset) else [values]
    if given != [values] and all(isinstance(v, str) and v in known for v in given):
        return given
    words = ", ".join(repr(word) for word in known)
    raise BadInput(f"{name}={values!r} has no meaning.", hint=f"Give a list of some of {words}.")


def observed(y: Any, rows: int) -> Any:
    """Return what was observed as an array of one value for each row; None for none.

    Raises:
        BadInput: there are more or fewer.
    """
    if y is None:
        return None
    try:
        given = np.asarray(y)
    except ValueError:  # rows of several lengths
        given = np.empty(0)
    if given.ndim and len(given) == rows:
        return given
    told = f"{len(given)} values" if given.ndim else f"{y!r}"
    raise BadInput(f"There are {told} of y for {rows} rows.", hint="Give one for each row.")
