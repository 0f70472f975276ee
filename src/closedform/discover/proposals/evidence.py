"""Symmetries of noisy rows: believed where they make the rows likelier.

A process through the rows proposes moves that hardly change it. Along one of them the rows
themselves are then carried to where an input is the same for all: if a process of an input less
makes what was observed likelier than before, the move is a symmetry, and the next one is looked
for in what is left, which is denser and so better known.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from closedform.discover.problem import Problem
from closedform.discover.proposals.process import LEARNT, Process, process
from closedform.discover.proposals.symmetries import (
    Move,
    Reduced,
    carried,
    moves,
    reduced,
    vanishing,
    way,
)
from closedform.ir import Array
from closedform.shorten.clock import Clock

FEWEST = 30
"""Fewer rows show no symmetries."""
MOST = 10
"""Inputs: of more, pairs of them alone take many seconds to try."""
FAR = 0.3
"""A share of the deviation, and so many times a process' own error: what changes by more is no
symmetry."""
TIMES = 8.0
TRIED, MOVED = 3, 100
"""So many moves are tried for each input that goes, the nearest of so many rows."""
LOSS, SURE = 3.0, 25.0
"""Nats that rows may become less likely by: before they are seen what is simpler is likelier.
And that they become more likely by, where no other move need be tried: of moves that are nearly
symmetries, none was seen beyond 15."""


@dataclass(frozen=True, eq=False)
class Noisy:
    """What was observed, carried along moves, and a process through it.

    Attributes:
        rows: shape (rows, inputs).
        values: shape (rows,).
        weight: how much the noise of each grew on the way, shape (rows,).
        smooth: a process through them.
        seed: of which of them are looked at.
    """

    rows: Array
    values: Array
    weight: Array
    smooth: Process
    seed: int

    @classmethod
    def of(
        cls, rows: Array, values: Array, weight: Array, seed: int, like: Process | None = None
    ) -> Noisy | None:
        """Return rows with a process through them; None where there is none."""
        fine = np.isfinite(rows).all(axis=1) & np.isfinite(values)
        if not fine.all() or not np.ptp(values):
            return None
        found = process(rows, values, seed, weight, like)
        return None if found is None else cls(rows, values, weight, found, seed)

    @property
    def evidence(self) -> float:
        """The logarithm of how likely what was observed is."""
        few = np.random.default_rng([self.seed, 29]).permutation(len(self.rows))[:LEARNT]
        return self.smooth.likelihood + float(np.log(self.weight[few]).sum())

    @property
    def problem(self) -> Problem:
        """The process as a problem that can be asked."""
        return Problem(self.rows, self.smooth(self.rows), self.smooth, self.smooth.error)

    def along(self, move: Move) -> Noisy | None:
        """Return the rows carried along a move until an input is the same for all."""
        k, q = vanishing(self.problem, move), np.array(move.q)
        step = way(self.rows, move, k)
        rows = np.delete(carried(self.rows, move.kind, q, step), k, axis=1)
        factor = np.exp(move.p * step)
        like = replace(self.smooth, lengths=np.delete(self.smooth.lengths, k))
        return Noisy.of(rows, self.values * factor, self.weight * factor, self.seed, like)


def chain(problem: Problem, seed: int, clock: Clock) -> list[Reduced]:
    """Return one reduction of noisy rows after the other, as long as they make these likelier."""
    rows, values = problem.rows[problem.complete], problem.values[problem.complete]
    if len(rows) < FEWEST or problem.inputs > MOST:
        return []
    now = Noisy.of(rows, values, np.ones(len(rows)), seed)
    found: list[Reduced] = []
    while now is not None and now.rows.shape[1] > 1 and not clock.out():
        step = _likeliest(now, clock)
        if step is None:
            break
        move, then = step
        made = reduced(now.problem, move, 1)
        found.append(replace(made, problem=then.problem))
        now = then
    return found


def _likeliest(now: Noisy, clock: Clock) -> tuple[Move, Noisy] | None:
    """Return the move by which what was observed becomes likeliest, and what is then left."""
    most, found = min(TIMES * now.smooth.error, FAR), list[tuple[Move, Noisy]]()
    tried = [move for move in moves(now.problem, now.seed, most=MOVED) if move.away <= most]
    for move in sorted(tried, key=lambda m: m.away * np.count_nonzero(m.q))[:TRIED]:
        then = None if clock.out() else now.along(move)
        if then is not None and then.evidence > now.evidence - LOSS:
            found.append((move, then))
            if then.evidence > now.evidence + SURE:
                break
    return max(found, key=lambda one: one[1].evidence, default=None)
