"""What it takes to tell noisy rows by an expression: the expression, and what it leaves of them.

Of the expressions that a search tries by the thousand, some fit chance; the more ways there are to
write one as long, the more of them do. So every symbol is paid for by the choice there is for it,
every constant by the digits that the rows bear out, and what is left by the nats that it takes to
tell it, the noise being unknown: rows · log error.

Rissanen, Modeling by shortest data description (1978); for laws: Bartlett, Desmond and Ferreira,
Exhaustive symbolic regression (2022).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from closedform.discover.problem import Law, Problem
from closedform.fitting import Constants
from closedform.fitting.constants import written
from closedform.ir import Node
from closedform.length import length
from closedform.passes.rounding import significant
from closedform.shorten.neat import digits_of

OPERATIONS = 12
"""So many operations and numbers may stand where a symbol stands, beside the inputs."""
FEW_DIGITS = 2
"""A number of so many digits is a symbol; a longer one was fitted."""
EXACT = 1e-9
"""An error below this is rounding."""


def told(node: Node, inputs: int, rows: int) -> float:
    """Return the nats that it takes to tell an expression.

    Args:
        node: over the inputs.
        inputs: how many there are.
        rows: a constant that is fitted to so many is known to half the logarithm of them.
    """
    constants = Constants([node], written)
    start = constants.start.tolist()
    short = constants.put(np.array(significant(start, FEW_DIGITS)))[0] if start else node
    fitted = sum(digits_of(v) > FEW_DIGITS for v in start)
    return length([short]) * math.log(inputs + OPERATIONS) + fitted * 0.5 * math.log(max(rows, 2))


def cost(problem: Problem, law: Law) -> float:
    """Return the nats that it takes to tell the values of a problem by a law of it.

    Infinite where the law is no number on some rows.
    """
    rows = int(np.isfinite(problem.values).sum())
    return rows * math.log(max(law.error, least(problem))) + told(law.node, problem.inputs, rows)


def least(problem: Problem) -> float:
    """Return the error below which errors are all the same."""
    return max(problem.noise, EXACT) if problem.told else EXACT


def cheapest(problem: Problem, laws: Sequence[Law]) -> list[Law]:
    """Return laws in the order of what it takes to tell the values by them, each once."""
    each = {law.node: law for law in laws}
    return sorted(each.values(), key=lambda law: cost(problem, law))
