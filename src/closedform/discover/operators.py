"""Which functions a law may be made of, beside sums, products, quotients, powers and roots."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from closedform import ops
from closedform.errors import BadInput
from closedform.ir import Node, toposort

ALWAYS = frozenset({"const", "input", "lin", "mul", "div", "pow", "sqrt", "squared_distance"})
"""Operations that every law may be made of."""
PLAIN = ("add", "sub", "mul", "div", "pow", "square", "sqrt")
"""Names for some of these: they may be given, and change nothing."""
OPERATORS: dict[str, frozenset[str]] = {
    **dict.fromkeys(PLAIN, frozenset[str]()),
    "exp": frozenset({"exp", "expm1"}),
    "log": frozenset({"log", "log1p"}),
    "sin": frozenset({"sin"}),
    "cos": frozenset({"cos"}),
    "tan": frozenset({"sin", "cos"}),
    "asin": frozenset({"asin"}),
    "acos": frozenset({"acos"}),
    "atan": frozenset({"atan"}),
    "tanh": frozenset({"tanh"}),
    "sigmoid": frozenset({"sigmoid"}),
    "erf": frozenset({"erf"}),
    "abs": frozenset({"abs"}),
}
"""Name → the operations that it stands for."""


def checked(operators: Any) -> tuple[str, ...] | None:
    """Return the names of operators; None for all.

    Raises:
        BadInput: a name that is not known.
    """
    if operators is None:
        return None
    names = [operators] if isinstance(operators, str) else operators
    fine = isinstance(names, Collection) and all(isinstance(n, str) for n in names)
    strange = [n for n in names if n not in OPERATORS] if fine else [operators]
    if strange:
        raise BadInput(
            f"operators: {strange[0]!r} is none.",
            hint=f"Operators: {', '.join(n for n in OPERATORS if n not in PLAIN)}. Sums, products, "
            "quotients, powers and roots are always there; [] leaves it at these.",
        )
    return tuple(dict.fromkeys(names))


def made_of(node: Node, operators: Collection[str] | None) -> bool:
    """Tell whether a law is made of some operators alone; None: of any that are not tests."""
    if operators is None:
        return True
    allowed = ALWAYS.union(*(OPERATORS[name] for name in operators))
    return all(n.op.name in allowed for n in toposort([node]) if n.op is not ops.INPUT)
