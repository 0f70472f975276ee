"""Linear laws of one input more each: what any law must be better than."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from closedform import ops
from closedform.formula import Formula, Step
from closedform.ir import Array, Node
from closedform.passes.rounding import significant
from closedform.shorten.teacher import Teacher

MOST = 64
"""Terms: a linear law of more is a matrix, and nobody's law."""
STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""So many terms of each output have the formulas of several outputs."""
DIGITS = 5
NOTHING = 1e-12
"""Of a column, so much that is not explained by those taken is rounding; and of an answer."""


def order(rows: Array, said: Array, weight: Array | None = None, most: int = MOST) -> list[int]:
    """Return the inputs in the order in which each helps a linear law most beside those before.

    Orthogonal least squares (Chen, Billings and Luo 1989).

    Args:
        rows: shape (rows, inputs).
        said: shape (rows,).
        weight: of each row; None: all the same.
        most: so many inputs at most.
    """
    root = np.ones(len(rows)) if weight is None else np.sqrt(weight)
    share = root**2 / (root**2).sum()
    table = (rows - share @ rows) * root[:, None]
    rest = (said - share @ said) * root
    sizes = (table**2).sum(axis=0)
    found: list[int] = []
    left = sizes > 0
    while left.any() and len(found) < most:
        now = (table**2).sum(axis=0)
        left &= now > NOTHING * sizes
        gain = np.where(left, (rest @ table) ** 2 / np.where(left, now, 1.0), -1.0)
        best = int(gain.argmax())
        if not left[best]:
            break
        found.append(best)
        left[best] = False
        unit = table[:, best] / np.sqrt(now[best])
        table -= np.outer(unit, unit @ table)
        rest -= unit * (unit @ rest)
    return found


def line(at: Sequence[int], rows: Array, said: Array, weight: Array | None = None) -> Node:
    """Return the linear law of some inputs that fits best."""
    # From the mean, and in deviations: a column of 1e9 ± 1 is no constant.
    mean, deviation = rows[:, at].mean(axis=0), rows[:, at].std(axis=0)
    deviation[deviation == 0] = 1.0
    table = np.column_stack([np.ones(len(rows)), (rows[:, at] - mean) / deviation])
    root = np.ones((len(rows), 1)) if weight is None else np.sqrt(weight)[:, None]
    found = np.linalg.lstsq(table * root, said * root[:, 0], rcond=None)[0]
    least = NOTHING * max(float(np.abs(said).max(initial=0.0)), 1e-300)
    slopes = np.where(np.abs(found[1:]) > least, found[1:] / deviation, 0.0)
    bias = float(found[0] - slopes @ mean)
    terms = [(float(w), ops.input_(i)) for i, w in zip(at, slopes, strict=True) if w]
    return ops.lin(bias if abs(bias) > least else 0.0, *terms)


def linear_formulas(teacher: Teacher) -> Iterator[Formula]:
    """Yield linear laws of all outputs together, of ever more terms each."""
    rows, said = np.column_stack(teacher.inputs), teacher.scores
    orders = [order(rows, column) for column in said.T]
    longest = max(map(len, orders), default=0)
    for count in [c for c in STEPS if c < longest] + [longest] * (longest > 0):
        nodes = [line(at[:count], rows, y) for at, y in zip(orders, said.T, strict=True)]
        short = [_rounded(n) for n in nodes]
        yield teacher.formula_of(short, Step("linear", "approx", {}, {"terms": count}))


def _rounded(law: Node) -> Node:
    bias, *weights = significant([law.data.bias, *law.data.weights.tolist()], DIGITS)
    return ops.linear(bias, weights, law.args)
