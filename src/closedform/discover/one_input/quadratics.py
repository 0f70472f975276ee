"""Roots of a quadratic equation whose coefficients are polynomials: −1 + √((1 + x)/(1 − x)).

a(x)·f² + b(x)·f + c(x) = 0 is linear in all coefficients: those are the singular vector of least
value (a quadratic Hermite–Padé approximant: R. E. Shafer, On quadratic approximation, SIAM Journal
on Numerical Analysis 11, 1974).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np
from numpy.polynomial.polynomial import polysub, polyval

from closedform import ops
from closedform.discover.one_input.quotients import polynomial
from closedform.discover.sample import Sample
from closedform.ir import Array, Node

DEGREE, TOTAL = 2, 4
"""Of each polynomial, and of all three together, at most: what has more comes near to anything."""
NOTHING = 1e-9
"""A coefficient that is so small beside the greatest is none."""
Coefs = tuple[Array, Array, Array]


def quadratics(sample: Sample, limit: float) -> Iterator[Node]:
    """Yield the root of the first equation that fits, those of low degree first.

    Args:
        sample: of one input.
        limit: the error that fits.
    """
    reach, size = (float(np.abs(v).max() or 1.0) for v in (sample.columns[0], sample.values))
    x, y = sample.columns[0] / reach, sample.values / size
    degrees = sorted(product(range(DEGREE + 1), repeat=3), key=sum)
    for degree in degrees:
        if sum(degree) > TOTAL or sum(degree) + 3 > len(x) // 2:
            continue
        coefs = _coefs(x, y, degree)
        # Without b the root is that of a quotient, which is looked for elsewhere.
        if not coefs[0].any() or not coefs[1].any():
            continue
        for sign in (1.0, -1.0):
            if sample.away(_root(x, coefs, sign) * size) <= 3 * limit:
                yield ops.lin(0.0, (size, _node(coefs, sign, reach)))
                return


def _coefs(x: Array, y: Array, degrees: Sequence[int]) -> Coefs:
    """Return the coefficients of a, b and c, the lowest powers first."""
    blocks = [
        y[:, None] ** power * np.vander(x, degree + 1, increasing=True)
        for power, degree in zip((2, 1, 0), degrees, strict=True)
    ]
    got = np.linalg.svd(np.hstack(blocks), full_matrices=False)[2][-1]
    got = np.where(np.abs(got) > NOTHING * np.abs(got).max(), got, 0.0)
    a, b, c = np.split(got, np.cumsum([d + 1 for d in degrees])[:2])
    # Positive in the middle: what is divided by a then keeps its sign under a root.
    sign = np.sign(polyval(float(np.median(x)), a)) or 1.0
    return sign * a, sign * b, sign * c


def _root(x: Array, coefs: Coefs, sign: float) -> Array:
    with np.errstate(all="ignore"):
        a, b, c = (polyval(x, one) for one in coefs)
        return np.asarray((-b + sign * np.sqrt(b * b - 4 * a * c)) / (2 * a))


def _node(coefs: Coefs, sign: float, reach: float) -> Node:
    """Return the root as one writes it: √(p² − c/a) − p where b = 2·p·a for a number p."""
    a, b, c = coefs
    most = int(np.argmax(np.abs(a)))
    if len(a) == len(b) and np.allclose(b * a[most], a * b[most], 1e-7):
        half = float(b[most] / a[most]) / 2
        over = polynomial(polysub(half**2 * a, c).tolist(), reach)
        return ops.lin(-half, (sign, ops.sqrt(ops.div(over, polynomial(a.tolist(), reach)))))
    within = polysub(np.convolve(b, b), 4 * np.convolve(a, c))
    root = ops.sqrt(polynomial(within.tolist(), reach))
    above = ops.lin(0.0, (-1.0, polynomial(b.tolist(), reach)), (sign, root))
    return ops.div(above, polynomial((2 * a).tolist(), reach))
