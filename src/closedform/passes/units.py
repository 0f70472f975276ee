"""Units of a network that are the same up to sign or scale become one.

tanh(−z) = −tanh(z), sigmoid(−z) = 1 − sigmoid(z), max(k·z, 0) = k·max(z, 0) for k > 0 and
|k·z| = |k|·|z|: written over one and the same z, the sums behind them add up what was two units.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass

from closedform import ops as o
from closedform.ir import Node, toposort, with_args

SAME = 12
"""Significant digits in which weights must agree: float64 has 16, and scaling rounds."""


@dataclass(frozen=True)
class Twin:
    """What a unit is, up to sign or scale.

    Attributes:
        key: equal for units that are one function of proportional sums.
        scale: the unit's own sum is so many times the one that the key stands for.
    """

    key: Hashable
    scale: float


Written = Callable[[float, Node], Node]


def _odd(scale: float, core: Node) -> Node:
    return core if scale > 0 else o.lin(0, (-1, core))


def _even(scale: float, core: Node) -> Node:
    return core


def _turned(scale: float, core: Node) -> Node:
    return core if scale > 0 else o.lin(1, (-1, core))


def _scaled(scale: float, core: Node) -> Node:
    return core if scale == 1 else o.lin(0, (abs(scale), core))


SYMMETRIES: dict[str, tuple[bool, bool, Written]] = {
    "tanh": (False, True, _odd),
    "erf": (False, True, _odd),
    "atan": (False, True, _odd),
    "asin": (False, True, _odd),
    "sin": (False, True, _odd),
    "cos": (False, True, _even),
    "sigmoid": (False, True, _turned),
    "abs": (True, True, _scaled),
    "max": (True, False, _scaled),
}
"""Function → whether its sum may be scaled, whether it may be turned over, and what comes of it."""


def merged_units(roots: Iterable[Node]) -> tuple[dict[Node, Node], int]:
    """Return what each node becomes when units that are the same are one, and how many went.

    A `max` counts as a unit where its other argument is 0.
    """
    first: dict[Hashable, tuple[Node, float]] = {}
    became: dict[Node, Node] = {}
    gone = 0
    for n in toposort(roots):
        twin = _twin(n)
        core, scale = (n, 1.0) if twin is None else first.setdefault(twin.key, (n, twin.scale))
        if twin is None or core is n:
            became[n] = with_args(n, tuple([became[a] for a in n.args]))
        else:
            became[n] = SYMMETRIES[n.op.name][2](twin.scale / scale, became[core])
            gone += 1
    return became, gone


def _twin(n: Node) -> Twin | None:
    rule = SYMMETRIES.get(n.op.name)
    z = _sum_of(n) if rule else None
    if rule is None or z is None:
        return None
    scales, turns, _ = rule
    numbers = [z.data.bias, *z.data.weights.tolist()]
    largest = max(numbers, key=abs)
    if largest == 0:
        return None
    scale = (abs(largest) if scales else 1.0) * (-1.0 if turns and largest < 0 else 1.0)
    shape = tuple(float(f"{v / scale:.{SAME - 1}e}") + 0.0 for v in numbers)
    return Twin((n.op.name, z.args, shape), scale)


def _sum_of(n: Node) -> Node | None:
    """Return the sum that a unit is a function of; of a `max`, the one beside a 0."""
    args = list(n.args)
    if n.op is o.MAX:
        zeros = [a for a in args if a.op is o.CONST and a.data == 0]
        args = [a for a in args if a not in zeros]
        if len(zeros) != 1:
            return None
    return args[0] if len(args) == 1 and args[0].op is o.LIN and args[0].args else None
