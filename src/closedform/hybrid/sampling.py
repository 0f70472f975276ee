"""Rows of a block over all its calls: a random part of them, drawn while they pass by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from closedform.errors import BadInput
from closedform.hybrid.capture import Passed, Path, at, tensors_in
from closedform.hybrid.oracle import Found, Oracle, found_in
from closedform.ir import Array

FEWEST = 30
"""Rows: with fewer, a third of them tells nothing about an error."""


@dataclass(frozen=True, eq=False)
class Sample:
    """What a block was seen to do.

    Attributes:
        rows: shape (rows, inputs).
        said: what the block itself said, shape (rows, outputs).
        found: how it is a function of them.
        returned: what it returns; see `BlockLaw`.
        seen: how many rows passed by.
        notes: what the user should know.
    """

    rows: Array
    said: Array
    found: Found
    returned: Any
    seen: int
    notes: tuple[str, ...] = ()

    @property
    def oracle(self) -> Oracle | None:
        """The block, asked about rows; None where it cannot be."""
        return self.found.oracle

    def key(self, block: Any, options: str) -> str:
        """Return a hash of the rows, what the block said, its weights, and some options."""
        made = sha256(options.encode())
        for part in (self.rows, self.said):
            made.update(str(part.shape).encode() + np.ascontiguousarray(part).tobytes())
        for name, held in block.state_dict().items():
            if hasattr(held, "detach"):
                numbers = held.detach().cpu().contiguous().reshape(-1)
                raw = numbers.double().numpy() if numbers.is_floating_point() else numbers.numpy()
                made.update(f"{name} {tuple(held.shape)} {held.dtype}".encode() + raw.tobytes())
        return made.hexdigest()


def sampled(
    calls: Iterator[Passed], block: Any, *, result: int | None, axis: int, kind: str | None,
    most: int, seed: int,
) -> Sample:  # fmt: skip
    """Return at most `most` rows of all calls, each as likely as any other.

    Args:
        calls: the calls of the block.
        block: the block, which is asked how it is a function of rows.
        result: which of the tensors that it returns; None: all.
        axis: that of the batch.
        kind: what a row is; None: found by trying.
        most: so many rows are kept.
        seed: of the draw.

    Raises:
        BadInput: nothing that is returned is a tensor of numbers, or too few rows are finite.
    """
    random, found, kept = np.random.default_rng([seed, 31]), None, _Kept(most)
    returned: Any = None
    left_out = 0
    for call in calls:
        if found is None:
            picked = _picked(call.said, result)
            returned = _returned(call.said, picked)
            found = found_in(block, call, picked, axis, kind)
        try:
            table = [found.layout.rows_in(call.given), found.layout.rows_out(call.said)]
        except (KeyError, IndexError, TypeError, RuntimeError):
            left_out += 1  # it was called with other arguments, or returned another structure
            continue
        rows, said = (np.asarray(t.cpu().numpy()) for t in table)
        fits = rows.shape[1] == found.layout.width and said.shape[1] == found.layout.height
        if not fits or len(rows) != len(said):
            left_out += 1
            continue
        kept.add(rows, said, random.random(len(rows)))
    assert found is not None  # a block that is never called raises before
    return kept.sample(found, returned, left_out)


class _Kept:
    """The rows with the least of the numbers that are drawn for each."""

    def __init__(self, most: int) -> None:
        self.most, self.seen, self.wild = most, 0, 0
        self.parts: list[tuple[Array, Array, Array]] = []

    def add(self, rows: Array, said: Array, drawn: Array) -> None:
        self.seen += len(rows)
        fine = np.isfinite(rows).all(axis=1) & np.isfinite(said).all(axis=1)
        self.wild += int((~fine).sum())
        self.parts.append((rows[fine], said[fine], drawn[fine]))
        if sum(len(p[2]) for p in self.parts) > 4 * self.most:
            self.parts = [self._least()]

    def _least(self) -> tuple[Array, Array, Array]:
        rows, said, drawn = (np.concatenate(c) for c in zip(*self.parts, strict=True))
        order = np.argsort(drawn, kind="stable")[: self.most]
        return rows[order], said[order], drawn[order]

    def sample(self, found: Found, returned: Any, left_out: int) -> Sample:
        rows, said, _ = self._least() if self.parts else (np.empty((0, 1)),) * 3
        if len(rows) < FEWEST:
            raise BadInput(
                f"Only {len(rows)} of {self.seen} rows of this part are finite: too few.",
                hint=f"Give batches in which at least {FEWEST} rows pass by.",
            )
        notes = list(found.notes)
        if self.wild:
            notes.append(f"{self.wild:,} of {self.seen:,} rows are not finite, and left out.")
        if left_out:
            notes.append(
                f"{left_out} calls of another form than the first were left out: the formula "
                "takes arguments as they were there."
            )
        return Sample(rows, said, found, returned, self.seen, tuple(notes))


def _picked(said: Any, result: int | None) -> list[Path]:
    """Return the places of the tensors that are looked at."""
    found = [path for path, t in tensors_in(said) if t.is_floating_point()]
    if not found:
        raise BadInput("The block returns no tensor of real numbers.", hint="Distill another part.")
    if result is None:
        return found
    if (
        isinstance(result, bool)
        or not isinstance(result, int)
        or not -len(found) <= result < len(found)
    ):
        raise BadInput(
            f"result={result!r}: the block returns {len(found)} tensors of real numbers.",
            hint=f"Give a number from 0 to {len(found) - 1}, or None for all.",
        )
    return [found[result]]


def _returned(said: Any, picked: Sequence[Path], path: Path = ()) -> Any:
    """Return the structure of what is returned, with the number of a tensor at its place."""
    from collections.abc import Mapping

    if path in picked:
        return list(picked).index(path)
    inner = at(said, path)
    if isinstance(inner, Mapping):
        return {k: _returned(said, picked, (*path, k)) for k in inner}
    if isinstance(inner, tuple | list):
        made = [_returned(said, picked, (*path, i)) for i in range(len(inner))]
        return made if isinstance(inner, list) else tuple(made)
    return None
