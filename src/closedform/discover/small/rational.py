"""Quotients of polynomials in several inputs, without the terms that they do not need."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np

from closedform import ops
from closedform.discover.outputs import View
from closedform.discover.sample import Sample
from closedform.ir import Array, Node

DEGREES = {
    1: ((2, 0), (3, 0), (1, 1), (2, 2), (3, 3), (4, 0), (4, 4)),
    2: ((2, 0), (1, 1), (3, 0), (2, 2), (4, 0), (3, 3), (4, 4)),
    3: ((2, 0), (1, 1), (3, 0), (2, 2), (3, 2), (4, 2), (3, 3)),
    4: ((2, 0), (1, 1), (2, 1), (2, 2), (3, 1)),
}
"""The degrees above and below the line, by how many inputs there are: up to 70 terms."""
MOST = 12
"""Terms: more are no law."""

Powers = tuple[int, ...]


@dataclass(eq=False)
class _Regression:
    """f·Q = P as a regression of f on the terms of P and f times those of Q.

    Attributes:
        design: shape (rows, terms), each of size 1.
        sizes: what the terms were divided by.
        above: how many of them are above the line.
        target: f, shape (rows,).
        pivot: the term of Q whose weight is 1.
        weight, scale: by which, and of which share, errors of f count.
    """

    design: Array
    sizes: Array
    above: int
    target: Array
    pivot: Array
    weight: Array
    scale: float

    def fitted(self, kept: list[int]) -> tuple[float, Array]:
        """Return the error with some terms, once divided, and their weights."""
        above = sum(i < self.above for i in kept)
        got, share = np.zeros(len(kept)), self.weight
        part = self.design[:, kept]
        error = float("inf")
        with np.errstate(all="ignore"):
            for _ in range(2):
                table = part * share[:, None]
                got = np.linalg.lstsq(table, self.target * self.pivot * share, rcond=1e-13)[0]
                # The columns below the line are −f times a term of Q.
                line = self.pivot - (part[:, above:] @ got[above:]) / self.target
                share = self.weight / np.abs(line)
                if not np.isfinite(share).all():
                    return float("inf"), got
            away = (part[:, :above] @ got[:above] / line - self.target) * self.weight / self.scale
            error = float(np.sqrt(np.mean(away * away)))
        return (error if np.isfinite(error) else float("inf")), got


def rational(sample: Sample, view: View, limit: float) -> Iterator[Node]:
    """Yield quotients of polynomials that fit, each without the terms that may go.

    Args:
        sample: enough rows for 70 numbers.
        view: what is fitted.
        limit: the error that fits.
    """
    x = np.column_stack(sample.columns)
    reach = np.abs(x).max(axis=0)
    if not reach.all() or not (view.target != 0).all():
        return
    for above, below in DEGREES.get(x.shape[1], ()):
        top, every = _monomials(x.shape[1], above), _monomials(x.shape[1], below)
        if 2 * (len(top) + len(every)) > len(sample):
            continue
        for pivot in every:
            bottom = [p for p in every if p != pivot]
            task = _regression(x / reach, view, sample.scale, top, bottom, pivot)
            kept, got, error = _fewest(task, limit)
            if error <= limit and len(kept) <= MOST:
                weights = dict(zip(kept, (got / task.sizes[kept]).tolist(), strict=True))
                yield _node(weights, top, bottom, pivot, reach)
                return


def _regression(
    x: Array, view: View, scale: float, top: list[Powers], bottom: list[Powers], pivot: Powers
) -> _Regression:
    y = view.target
    above = [_value(x, p) for p in top]
    design = np.column_stack([*above, *(_value(x, p) * -y for p in bottom)])
    sizes = np.abs(design).max(axis=0)
    return _Regression(
        design / sizes, sizes, len(top), y, _value(x, pivot), view.weight, scale
    )  # fmt: skip


def _fewest(task: _Regression, limit: float) -> tuple[list[int], Array, float]:
    """Return the terms that are needed, each time without the one whose loss costs least."""
    kept = list(range(task.design.shape[1]))
    error, got = task.fitted(kept)
    best = kept, got, error
    while best[2] <= limit and len(best[0]) > 1:
        kept, got, _ = best
        # Those of little weight first; all have size 1.
        order = np.argsort(np.abs(got))[: 8 if len(kept) < 30 else 4].tolist()
        tried = []
        for i in order:
            less = kept[:i] + kept[i + 1 :]
            if any(k < task.above for k in less):
                error, got = task.fitted(less)
                tried.append((error, less, got))
        if not tried:
            break
        error, less, got = min(tried, key=lambda one: one[0])
        if error > limit:
            break
        best = less, got, error
    return best


def _monomials(inputs: int, degree: int) -> list[Powers]:
    """Return the exponents of all products of at most so many inputs, 1 first."""
    found = []
    for total in range(degree + 1):
        for chosen in combinations_with_replacement(range(inputs), total):
            found.append(tuple(chosen.count(i) for i in range(inputs)))
    return found


def _value(x: Array, powers: Powers) -> Array:
    return np.asarray(np.prod(x ** np.array(powers), axis=1))


def _node(
    weights: dict[int, float], top: list[Powers], bottom: list[Powers], pivot: Powers, reach: Array
) -> Node:
    def polynomial(terms: list[tuple[float, Powers]]) -> Node:
        scaled = [(w / float(np.prod(reach ** np.array(p))), p) for w, p in terms]
        bias = sum(w for w, p in scaled if not any(p))
        return ops.lin(bias, *((w, _monomial(p)) for w, p in scaled if any(p)))

    above = [(w, top[i]) for i, w in weights.items() if i < len(top)]
    below = [(w, bottom[i - len(top)]) for i, w in weights.items() if i >= len(top)]
    return ops.div(polynomial(above), polynomial([(1.0, pivot), *below]))


def _monomial(powers: Powers) -> Node:
    inputs = [(ops.input_(i), p) for i, p in enumerate(powers) if p]
    return ops.mul(*(x if p == 1 else ops.power(x, p) for x, p in inputs))
