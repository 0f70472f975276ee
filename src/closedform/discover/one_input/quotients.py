"""Quotients of polynomials, by linear least squares."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from closedform import ops
from closedform.discover.outputs import View
from closedform.discover.sample import Sample
from closedform.ir import Array, Node


def quotients(sample: Sample, view: View, degree: int, limit: float) -> Iterator[tuple[Node, str]]:
    """Yield quotients of polynomials that fit, the fewest coefficients first; of none, the nearest.

    Args:
        sample: of one input.
        view: what is fitted.
        degree: of both polynomials together, at most.
        limit: the error that fits.
    """
    x = sample.columns[0]
    scale = float(np.abs(x).max() or 1.0)
    nearest: tuple[float, Array, int, int] | None = None
    for total in range(1, degree + 1):
        if nearest is not None and nearest[0] <= limit:
            return
        for below in range(total // 2 + 1):
            above = total - below
            for p, q in {(above, below), (below, above)}:
                got = _quotient(x / scale, view.target, view.weight, p, q)
                if got is None:
                    continue
                error = _error(got, p, x / scale, view, sample.scale)
                if nearest is None or error < nearest[0]:
                    nearest = error, got, p, q
                if error <= 3 * limit:
                    yield _node(got, p, scale), f"a quotient of polynomials ({p}, {q})"
    if nearest is not None and nearest[0] > 3 * limit:
        _, got, p, q = nearest
        yield _node(got, p, scale), f"a quotient of polynomials ({p}, {q})"


def _error(got: Array, above: int, x: Array, view: View, scale: float) -> float:
    top = np.polynomial.polynomial.polyval(x, got[: above + 1])
    bottom = np.polynomial.polynomial.polyval(x, [1.0, *got[above + 1 :]])
    with np.errstate(all="ignore"):
        away = (top / bottom - view.target) * view.weight / scale
        error = float(np.sqrt(np.mean(away * away)))
    return error if np.isfinite(error) else float("inf")


def _quotient(x: Array, y: Array, weight: Array, above: int, below: int) -> Array | None:
    """Return the coefficients of P − y·Q by linear least squares, Q's constant being 1.

    Three times over: first as it is, then weighted by 1/Q, so that errors count in y (Sanathanan
    and Koerner, Transfer function synthesis as a ratio of two complex polynomials, 1963).
    """
    powers = np.vander(x, max(above, below) + 1, increasing=True)
    table = np.column_stack([powers[:, : above + 1], -y[:, None] * powers[:, 1 : below + 1]])
    size = np.abs(table).max(axis=0)
    if not size.all() or len(x) <= table.shape[1]:
        return None
    share, got = weight, size
    for _ in range(3 if below else 1):
        with np.errstate(all="ignore"):
            got = np.linalg.lstsq(table / size * share[:, None], y * share, rcond=1e-14)[0] / size
            bottom = 1 + powers[:, 1 : below + 1] @ got[above + 1 :]
            share = weight / np.abs(bottom)
        if not np.isfinite(share).all():
            return None
    return np.asarray(got)


def _node(got: Array, above: int, scale: float) -> Node:
    top = polynomial(got[: above + 1].tolist(), scale)
    if len(got) == above + 1:
        return top
    return ops.div(top, polynomial([1.0, *got[above + 1 :].tolist()], scale))


def polynomial(coefs: Sequence[float], scale: float) -> Node:
    """Return a polynomial in x/scale, the lowest power first."""
    x = ops.input_(0)
    terms = [
        (c / scale**k, x if k == 1 else ops.power(x, k)) for k, c in enumerate(coefs) if k and c
    ]
    return ops.lin(coefs[0], *terms)
