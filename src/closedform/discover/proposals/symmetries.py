"""Symmetries of a function that is only nearly what it should be, by long moves over many rows.

f(t^q·x) = t^p·f(x) says that f is x_k^(p/q_k) times a function of one input less, and f(x + s·q) =
f(x) that it is one of differences. A move goes as far as the box allows: a network's slopes are
worse than its values, and a long move has an error no greater than two of its values.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from closedform import ops
from closedform.discover.problem import Problem
from closedform.ir import Array, Node, substitute, toposort

ROWS = 200
POWERS = tuple(p / 2 for p in range(-12, 13))
"""Powers of f that a move by t may change it by."""
SEVERAL = 60
"""So many groups of each size are tried."""
NARROW = np.log(6.0)
"""An input is scaled by six at most: to 0 it would be without end."""
PAIRS = ((1, 1), (1, -1), (1, 2), (2, 1), (1, -2), (2, -1))
SPREAD = (0.5, 0.1, 0.9)
"""Where on its orbit f is asked: the mean over these has less of a network's error than one."""
KEPT = 1_500
"""Rows of a problem with an input less: each is three of the whole, and so on."""
MARGIN = 1.5
"""Errors on one orbit are alike in part: their mean is no better than this much of independent."""


@dataclass(frozen=True)
class Move:
    """A way to move rows that changes f by a factor alone.

    Attributes:
        kind: "scale": x → t^q·x, f → t^p·f; "shift": x → x + s·q, f → f.
        q: how much each input takes part, shape (inputs,).
        p: the power; 0 for shifts.
        away: how far that is from true, root mean square, as a share of f's deviation.
    """

    kind: str
    q: tuple[float, ...]
    p: float
    away: float


def moves(
    problem: Problem, seed: int = 0, kinds: Sequence[int] = (0, 1, 2), most: int = ROWS
) -> list[Move]:
    """Return all moves that were tried, with how far each is from a symmetry, the nearest first.

    Args:
        problem: that can be asked.
        seed: of rows and steps.
        kinds: 0: of one input, and differences and sums of two; 1: two inputs scaled together;
            2: several.
        most: rows that are moved.
    """
    random = np.random.default_rng([seed, 11])
    fine = np.flatnonzero(np.isfinite(problem.values))
    rows = problem.rows[random.choice(fine, min(most, len(fine)), replace=False)]
    before = asked(problem, rows)
    found = []
    for kind, q in (one for k in kinds for one in DIRECTIONS[k](problem)):
        after, step = _moved(problem, rows, kind, np.array(q), random)
        if step is not None:
            p, away = _power(before, after, step, kind)
            found.append(Move(kind, q, p, away / problem.scale))
    # The simpler first where they are about as near: a move of one input leaves none of it.
    return sorted(found, key=lambda m: (m.away * (1 + 0.1 * np.count_nonzero(m.q)), m.q))


def asked(problem: Problem, rows: Array) -> Array:
    """Return what a function says of rows; NaN where it raises or says no number."""
    assert problem.ask is not None
    with np.errstate(all="ignore"):
        return np.asarray(problem.ask(rows), dtype=float).reshape(len(rows))


Directions = Iterator[tuple[str, tuple[float, ...]]]


def _along(width: int, which: Sequence[int], powers: Sequence[float]) -> tuple[float, ...]:
    q = [0.0] * width
    for i, p in zip(which, powers, strict=True):
        q[i] = float(p)
    return tuple(q)


def _singles(problem: Problem) -> Directions:
    width = problem.inputs
    for i in range(width):
        yield "shift", _along(width, (i,), (1,))
    for i in np.flatnonzero(one_sign(problem)).tolist():
        yield "scale", _along(width, (i,), (1,))
    for pair in itertools.combinations(range(width), 2):
        yield "shift", _along(width, pair, (1, 1))
        yield "shift", _along(width, pair, (1, -1))


def _pairs(problem: Problem) -> Directions:
    signed = one_sign(problem)
    for pair in itertools.combinations(range(problem.inputs), 2):
        if signed[list(pair)].any():
            yield from (("scale", _along(problem.inputs, pair, powers)) for powers in PAIRS)


def _several(problem: Problem) -> Directions:
    width, signed = problem.inputs, one_sign(problem)
    for count in range(3, min(width, 6) + 1):
        groups = (g for g in itertools.combinations(range(width), count) if signed[list(g)].any())
        yield from (
            ("scale", _along(width, g, (1,) * count)) for g in itertools.islice(groups, SEVERAL)
        )


DIRECTIONS = (_singles, _pairs, _several)


def one_sign(problem: Problem) -> Array:
    """Tell which inputs are of one sign, and range over a factor that can be told from a shift."""
    size = np.abs(problem.box)
    apart = np.sign(problem.box).prod(axis=1) > 0
    return np.asarray(apart & (size.max(axis=1) > 1.2 * size.min(axis=1)))


def _moved(
    problem: Problem, rows: Array, kind: str, q: Array, random: np.random.Generator
) -> tuple[Array, Array | None]:
    """Return what f says after a move, and the steps; None where there is no room for one."""
    lo, hi = _room(problem, rows, kind, q)
    if kind == "scale":
        # All of a sine is a power near 0: a move must not end there.
        lo, hi = np.maximum(lo, -NARROW / np.abs(q).max()), np.minimum(hi, NARROW / np.abs(q).max())
    # The third of the way that is farther off, so that no move is a small one.
    share = random.random(len(rows)) / 3
    far = np.where(hi > -lo, hi - share * (hi - lo), lo + share * (hi - lo))
    far = np.where((hi > lo) & np.isfinite(far), far, 0.0)
    if not np.median(np.abs(far)) > 1e-9:
        return rows[:, 0], None
    return asked(problem, carried(rows, kind, q, far)), far


def carried(rows: Array, kind: str, q: Array, step: Array) -> Array:
    """Return rows moved by a step each: a shift, or the logarithm of a factor."""
    if kind == "shift":
        return np.asarray(rows + step[:, None] * q)
    return np.asarray(rows * np.exp(step[:, None] * q))


def _room(problem: Problem, rows: Array, kind: str, q: Array) -> tuple[Array, Array]:
    """Return how far each row can be moved within the box, backwards and forwards."""
    at, low, high = rows, problem.box[:, 0] + 0 * rows, problem.box[:, 1] + 0 * rows
    if kind == "scale":
        at, low, high = _logarithms(rows, problem.box)
    lo, hi = np.full(len(rows), -np.inf), np.full(len(rows), np.inf)
    for i in np.flatnonzero(q):
        one, two = (low[:, i] - at[:, i]) / q[i], (high[:, i] - at[:, i]) / q[i]
        lo, hi = np.maximum(lo, np.minimum(one, two)), np.minimum(hi, np.maximum(one, two))
    return lo, hi


def _logarithms(rows: Array, box: Array) -> tuple[Array, Array, Array]:
    """Return log|x|, and the least and greatest that it may be within the box, on x's own side."""
    with np.errstate(all="ignore"):
        at, ends = np.log(np.abs(rows)), np.log(np.abs(box))
    high = np.where(rows > 0, ends[:, 1], ends[:, 0])
    low = np.where(rows > 0, ends[:, 0], ends[:, 1])
    both = box[:, 0] * box[:, 1] <= 0
    return at, np.where(both, np.minimum(high - NARROW, at), low), high


def _power(before: Array, after: Array, step: Array, kind: str) -> tuple[float, float]:
    """Return the power by which a move changes f, and how far that is from true."""
    best = (0.0, float("inf"))
    for p in (0.0,) if kind == "shift" else POWERS:
        with np.errstate(all="ignore"):
            factor = np.exp(p * step)
            away = (after - factor * before) / np.sqrt((1 + factor**2) / 2)
        away = away[np.isfinite(away)]
        size = float(np.sqrt(np.mean(away**2))) if len(away) > len(before) / 2 else np.inf
        if size < best[1]:
            best = (p, size)
    return best


# --- one input less -----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Reduced:
    """A problem with an input less, and how its laws become laws of the whole.

    Attributes:
        problem: of the inputs that are left.
        arguments: what each of them is, over the inputs of the whole.
        factor: what its laws are multiplied by, over the inputs of the whole; None: by nothing.
        words: what was done.
    """

    problem: Problem
    arguments: list[Node]
    factor: Node | None
    words: str

    def law(self, node: Node) -> Node:
        """Return a law of the reduced problem as one of the whole."""
        inner = {ops.input_(i): a for i, a in enumerate(self.arguments)}
        present = set(toposort([node]))
        (made,) = substitute([node], {k: v for k, v in inner.items() if k in present})
        return made if self.factor is None else ops.mul(self.factor, made)


def reduced(problem: Problem, move: Move, orbit: int = 3) -> Reduced:
    """Return a problem without one input that a move takes part of.

    Args:
        problem: that can be asked.
        move: a symmetry of it.
        orbit: at how many places the function is asked for one value, up to 3, when the reduced
            one is asked; its values on its own rows come from 3 always.
    """
    q, k = np.array(move.q), vanishing(problem, move)
    kept = [i for i in range(problem.inputs) if i != k]
    whole = problem.rows[:: max(1, len(problem.rows) // KEPT)]

    def both(rows: Array, orbit: int) -> tuple[Array, Array]:
        full = np.empty((len(rows), problem.inputs))
        full[:, kept] = rows
        full[:, k] = 0.0 if move.kind == "shift" else _sign(problem, k)
        return _mean_on_orbit(problem, full, move, _room(problem, full, move.kind, q), orbit)

    def ask(rows: Array) -> Array:
        return both(rows, orbit)[0]

    rows = carried(whole, move.kind, q, way(whole, move, k))[:, kept]
    inputs = [ops.input_(i) for i in range(problem.inputs)]
    arguments = [_argument(inputs, move, i, k) for i in kept]
    factor = None
    if move.kind == "scale" and move.p:
        factor = _power_of(_absolute(problem, inputs[k], k), move.p / q[k])
    values, weight = both(rows, len(SPREAD))
    fine = np.isfinite(values) & np.isfinite(rows).all(axis=1)
    made = Problem(rows[fine], values[fine], ask)
    noise = MARGIN * problem.noise * problem.scale * np.sqrt(np.mean(1 / weight[fine]))
    made = replace(made, noise=float(noise / made.scale)) if fine.any() else made
    return Reduced(made, arguments, factor, "scaling" if move.kind == "scale" else "differences")


def vanishing(problem: Problem, move: Move) -> int:
    """Return the input that is held when a problem is reduced by a move."""
    part = np.flatnonzero(move.q)
    return int(part[0]) if len(part) == 1 else _dropped(problem, move)


def way(rows: Array, move: Move, k: int) -> Array:
    """Return how far each row is moved until its input k is 0, or 1 and -1 of what is scaled."""
    base = -rows[:, k] if move.kind == "shift" else -np.log(np.abs(rows[:, k]))
    return np.asarray(base / move.q[k])


def _dropped(problem: Problem, move: Move) -> int:
    """Return the input that a move lets vanish: one whose exponent divides all others."""
    q = np.array(move.q)
    part = np.flatnonzero(q)
    if move.kind == "scale":
        part = part[one_sign(problem)[part]]
    small = [i for i in part if abs(q[i]) == np.abs(q[part]).min()]
    # That with the widest range is averaged over most.
    ratio = np.log(np.abs(problem.box)) if move.kind == "scale" else problem.box
    return int(max(small, key=lambda i: abs(ratio[i, 1] - ratio[i, 0])))


def _sign(problem: Problem, k: int) -> float:
    return float(np.sign(problem.box[k, 1]) or -1.0)


def _absolute(problem: Problem, x: Node, k: int) -> Node:
    return x if _sign(problem, k) > 0 else ops.lin(0.0, (-1.0, x))


def _mean_on_orbit(
    problem: Problem, full: Array, move: Move, room: tuple[Array, Array], orbit: int
) -> tuple[Array, Array]:
    """Return the mean of f along the way that each row may be moved, f's change taken out.

    And the weight of it: its variance is that of f by this.
    """
    lo, hi = room
    q, fine = np.array(move.q), hi > lo
    total, weight = np.zeros(len(full)), np.zeros(len(full))
    for share in SPREAD[:orbit]:
        step = np.where(fine, lo + share * (hi - lo), 0.0)
        said = asked(problem, carried(full, move.kind, q, step))
        factor = np.exp(move.p * step) if move.kind == "scale" else np.ones(len(full))
        # f's own error is the same everywhere: where the factor is great it counts for little.
        total, weight = total + factor * said, weight + factor**2
    return np.where(fine, total / weight, np.nan), weight


def _argument(inputs: list[Node], move: Move, i: int, k: int) -> Node:
    """Return what stands in the place of input i when k is moved to 0, or to 1."""
    power = move.q[i] / move.q[k]
    if power == 0:
        return inputs[i]
    if move.kind == "shift":
        return ops.lin(0.0, (1.0, inputs[i]), (-power, inputs[k]))
    if power > 0:
        return ops.div(inputs[i], _power_of(inputs[k], power))
    return ops.mul(inputs[i], _power_of(inputs[k], -power))


def _power_of(x: Node, p: float) -> Node:
    return x if p == 1 else ops.power(x, p)
