"""The rows themselves: thresholds, corners, far outside, zeros, missing values, categories."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from closedform import ops
from closedform.columns import columns_of
from closedform.evaluate import compute
from closedform.formula import Formula
from closedform.ir import Array, Node, Type
from closedform.ops.payloads import NEVER_SEEN, Label, label_codes
from closedform.probes.branching import branches
from closedform.probes.containers import Edits, edited, first_rows
from closedform.probes.turning import beside, labels_in, nearest, turns

BASE_ROWS = 2000
"""So many rows of the data serve as the background for made-up values."""
FAR = (10.0, -10.0, 1e6, -1e6)
"""Far outside, in ranges of the data."""
HUGE = (1e30, -1e30)
"""Huge, but a float32 holds it: past 3.4e38 scikit-learn's trees refuse the row."""
WAYS = 8
"""So often a missing value and an unseen category are put into each input, on different rows."""


@dataclass(frozen=True, eq=False)
class Probes:
    """Made-up rows, and why each of them was made.

    Attributes:
        rows: the rows, in the container in which the data came.
        kinds: for each row one of "threshold", "corner", "far", "huge", "zero", "missing",
            "category", "unseen", "repeat".
    """

    rows: Any
    kinds: tuple[str, ...]

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.kinds)


@dataclass(frozen=True)
class _Made:
    """One made-up row: why, which row it starts as (-1: any), and what changes in it."""

    kind: str
    edits: Edits
    base: int = -1


@dataclass(frozen=True, eq=False)
class _Data:
    """What is known about the inputs: the formula, its columns on the base rows, categories."""

    formula: Formula
    columns: list[Array]
    rows: int
    labels: dict[int, list[Label]]
    random: np.random.Generator

    @property
    def numbers(self) -> list[int]:
        """The inputs that are numbers."""
        return [i for i, f in enumerate(self.formula.inputs) if f.type is Type.REAL]

    def range(self, i: int) -> tuple[float, float]:
        """The least and greatest finite value of an input; 0 to 1 where it has none."""
        c = self.columns[i]
        c = c[np.isfinite(c)]
        return (float(c.min()), float(c.max())) if len(c) else (0.0, 1.0)


def worth_trying(
    formula: Formula,
    X: Any = None,
    *,
    limit: int = 20_000,
    seed: int = 0,
) -> Probes:
    """Return rows that a model may treat specially, each with its kind.

    Every threshold of every input ± 1 ulp in float32 and float64 (traced back through rounding,
    imputers and one-to-one steps to the raw input; a row is chosen that reaches the test), corners
    of the data's box, far outside, zeros of both signs, missing values, every category, an unseen
    one; missing values and categories also so that each test of a tree is decided by them. What
    is not in question comes from random rows of X.

    Args:
        formula: the formula.
        X: rows as the model takes them; None: plausible values are made up, as a dict of columns.
        limit: at most so many rows; thresholds are drawn at random where there are more.
        seed: of the random draws.

    Raises:
        BadInput: X does not fit the formula.
    """
    base = plausible(formula, seed=seed) if X is None else first_rows(X, BASE_ROWS, seed=seed)
    columns, rows = columns_of(formula.inputs, base, formula.needed)
    random = np.random.default_rng(seed)
    data = _Data(formula, columns, rows, labels_in(formula), random)
    made: list[_Made] = []
    if rows:
        for maker in MAKERS:
            made += _drawn(list(maker(data)), limit // 10, random)
        for rest in _thresholds(data):
            made += _drawn(rest, max(0, limit - len(made)), random)
        made = made[:limit]
    return _assembled(formula, base, made, rows, random)


def _drawn(made: list[_Made], limit: int, random: np.random.Generator) -> list[_Made]:
    if len(made) <= limit:
        return made
    return [made[i] for i in np.sort(random.choice(len(made), limit, replace=False))]


def _assembled(
    formula: Formula, base: Any, made: list[_Made], rows: int, random: np.random.Generator
) -> Probes:
    picked = np.array([m.base for m in made], dtype=np.int64)
    if len(picked):
        picked = np.where(picked < 0, random.integers(0, rows, len(picked)), picked)
    new = edited(base, formula.inputs, picked, [m.edits for m in made])
    return Probes(new, tuple(m.kind for m in made))


# --- the kinds ----------------------------------------------------------------------------------


def _thresholds(data: _Data) -> Iterator[list[_Made]]:
    """Yield rows at thresholds: those next to them, those for ways through trees, and the rest."""
    first: list[_Made] = []
    further: list[_Made] = []
    for turn in turns(data.formula, _computed(data), data.rows):
        # One background for all neighbours of a value, so that nothing else changes between them.
        base = turn.row if turn.row >= 0 else int(data.random.integers(data.rows))
        near = nearest(turn)
        first += [_Made("threshold", {turn.input: value}, base) for value in near]
        if not turn.again:
            rest = [value for value in beside(turn) if value not in near]
            further += [_Made("threshold", {turn.input: value}, base) for value in rest]
    yield first
    yield list(_ways(data))
    yield further


def _ways(data: _Data) -> Iterator[_Made]:
    """Yield rows on which a missing value, or a category, decides a test of a tree."""
    raw: dict[int, list[Any]] = {}
    special: dict[int, list[float | int]] = {}
    for i, feature in enumerate(data.formula.inputs):
        raw[i] = [v for v in data.labels[i] if v == v] + [math.nan] * feature.missing
        if feature.type is Type.LABEL:
            special[i] = label_codes(v if v == v else None for v in raw[i]).tolist()
        else:
            special[i] = [float(v) for v in raw[i]]
    for i, k, row in branches(data.formula, data.columns, data.rows, special):
        kind = "category" if raw[i][k] == raw[i][k] else "missing"
        yield _Made(kind, {i: raw[i][k]}, row)


def _computed(data: _Data) -> Callable[[Node], Array]:
    known: dict[Node, Array] = {}

    def below(n: Node) -> Array:
        if n not in known:
            known[n] = compute([n], data.columns, data.rows)[0]
        return known[n]

    return below


def _corners(data: _Data) -> Iterator[_Made]:
    ends = {i: data.range(i) for i in data.numbers}
    if len(ends) <= 6:
        for sides in product((0, 1), repeat=len(ends)):
            yield _Made("corner", {i: e[s] for (i, e), s in zip(ends.items(), sides, strict=True)})
        return
    for side in (0, 1):
        yield _Made("corner", {i: e[side] for i, e in ends.items()})
    for _ in range(62):
        yield _Made("corner", {i: e[int(data.random.integers(2))] for i, e in ends.items()})


def _far(data: _Data) -> Iterator[_Made]:
    everywhere: dict[float, Edits] = {f: {} for f in FAR}
    for i in data.numbers:
        lo, hi = data.range(i)
        for factor in FAR:
            value = (lo + hi) / 2 + factor * ((hi - lo) or abs(hi) or 1.0)
            everywhere[factor][i] = value
            yield _Made("far", {i: value})
        yield from (_Made("huge", {i: value}) for value in HUGE)
    yield from (_Made("far", edits) for edits in everywhere.values())


def _zeros(data: _Data) -> Iterator[_Made]:
    for zero in (0.0, -0.0):
        yield from (_Made("zero", {i: zero}) for i in data.numbers)
        yield _Made("zero", dict.fromkeys(data.numbers, zero))


def _missing(data: _Data) -> Iterator[_Made]:
    every = range(len(data.formula.inputs))
    for i, feature in enumerate(data.formula.inputs):
        # Where it is refused, once is enough; else it may take another way through every tree.
        yield from (_Made("missing", {i: math.nan}) for _ in range(WAYS if feature.missing else 1))
    yield _Made("missing", dict.fromkeys(every, math.nan))


def _categories(data: _Data) -> Iterator[_Made]:
    for i, labels in data.labels.items():
        yield from (_Made("category", {i: label}) for label in labels if label == label)


def _unseen(data: _Data) -> Iterator[_Made]:
    for i, feature in enumerate(data.formula.inputs):
        known = [v for v in data.labels[i] if v == v]
        if known or feature.type is Type.LABEL:
            ways = WAYS if feature.unseen else 1
            yield from (_Made("unseen", {i: v}) for v in never_seen(known) for _ in range(ways))


def never_seen(known: Sequence[Label]) -> list[Label]:
    """Return categories of the same type that are not among those known."""
    if known and all(isinstance(v, int | float) and not isinstance(v, bool) for v in known):
        top = max(float(v) for v in known)
        return [int(top) + 1 if all(isinstance(v, int) for v in known) else top + 1]
    if known and all(isinstance(v, bool) for v in known):
        return [v for v in (False, True) if v not in known]
    name = NEVER_SEEN
    while name in known:
        name += "!"
    return [name]


def _repeats(data: _Data) -> Iterator[_Made]:
    for row in range(min(3, data.rows)):
        yield from (_Made("repeat", {}, row) for _ in range(2))


MAKERS: tuple[Callable[[_Data], Iterator[_Made]], ...] = (
    _corners, _far, _zeros, _missing, _categories, _unseen, _repeats,
)  # fmt: skip
"""Each makes rows of one kind; thresholds come last and fill what is left."""


# --- rows from nothing --------------------------------------------------------------------------


def plausible(formula: Formula, *, rows: int = 500, seed: int = 0) -> dict[str, Array]:
    """Return rows of plausible size where no data are at hand, as a dict of columns.

    Numbers spread around the values at which the formula turns, and around the centres and widths
    of its scalers; categories are drawn from those that it knows.
    """
    random = np.random.default_rng(seed)
    around: dict[int, list[float]] = {}
    for turn in turns(formula, lambda n: np.zeros(0), 0):
        around.setdefault(turn.input, []).append(turn.value)
    for i, centre, width in _scaled(formula):
        around.setdefault(i, []).extend((centre - 2 * width, centre + 2 * width))
    labels = labels_in(formula)
    return {
        f.name: _values(f.type, around.get(i, []), labels[i], rows, random)
        for i, f in enumerate(formula.inputs)
    }


def _scaled(formula: Formula) -> Iterator[tuple[int, float, float]]:
    """Yield (input, centre, width) where a step of the model scales one input."""
    for stage in formula.stages:
        for _, n in stage.after:
            if n.op is ops.LIN and len(n.args) == 1 and n.args[0].op is ops.INPUT:
                w = float(n.data.weights[0])
                if w != 0:
                    yield n.args[0].data, -n.data.bias / w, 1 / abs(w)


def _values(
    type_: Type, near: list[float], labels: list[Label], rows: int, random: np.random.Generator
) -> Array:
    if type_ is Type.LABEL or labels:
        known = np.array(labels or [NEVER_SEEN], dtype=object)
        drawn: Array = known[random.integers(0, len(known), rows)]
        return drawn if type_ is Type.LABEL else drawn.astype(np.float64)
    lo, hi = (min(near), max(near)) if near else (-2.0, 2.0)
    margin = (hi - lo) / 4 or abs(hi) or 1.0
    return random.uniform(lo - margin, hi + margin, rows)
