"""As few digits as the error allows: one walk over the constants, the rest making up for each.

The surgeon's idea with a round number in the place of 0 (Frantar and Alistarh, Optimal brain
compression, 2022): what is rounded first is repaid by what is rounded later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from types import MappingProxyType

import numpy as np

from closedform.ir import Array
from closedform.passes.rounding import significant
from closedform.shorten.surgeon import Surgery

MOST_DIGITS = 16
TRIES = 20
"""So often the room is made narrower before the constants stay as they are."""

NONE: Mapping[int, float] = MappingProxyType({})


def drop_digits(
    surgery: Surgery, room: float, fine: Callable[[Array], bool], *,
    order: Sequence[int] | None = None, gone: Mapping[int, float] = NONE,
) -> Array:  # fmt: skip
    """Return constants with few digits, shape (constants,); as they are where none will do.

    Args:
        surgery: the fitted constants, and how their loss bends; it is left as it is.
        room: how much each may raise the loss, as its bend foretells.
        fine: whether constants may be so, since what is foretold need not come true. As long as
            they may not, the room is a third of what it was.
        order: which are rounded, one after another; by default all, those first that the loss
            holds fastest, while there are others to make up for them.
        gone: which may be 0 as well, and how many times the room that may cost.
    """
    for _ in range(TRIES):
        short = _walked(deepcopy(surgery), room, order, gone)
        if fine(short):
            return short
        room /= 3
    return surgery.theta


def same_digits(theta: Array, fine: Callable[[Array], bool]) -> Array:
    """Return constants with the fewest digits that will do, as many for each: 2 at least."""
    for digits in range(2, MOST_DIGITS):
        short = np.array(significant(theta.tolist(), digits))
        if fine(short):
            return short
    return theta


def _walked(
    surgery: Surgery, room: float, order: Sequence[int] | None, gone: Mapping[int, float]
) -> Array:
    if order is None:
        order = np.argsort(-surgery.cost / np.maximum(surgery.theta**2, 1e-300)).tolist()
    for i in order:
        vanishes = surgery.price(i, 0.0) <= gone.get(i, -1.0) * room
        surgery.fix(i, 0.0 if vanishes else _shortest(surgery, i, room))
    return surgery.theta


def _shortest(surgery: Surgery, i: int, room: float) -> float:
    value = float(surgery.theta[i])
    for digits in range(1, MOST_DIGITS):
        short = significant([value], digits)[0]
        if surgery.price(i, short) <= room:
            return short
    return significant([value], MOST_DIGITS)[0]
