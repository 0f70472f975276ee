"""Rows of a block over all its calls: a random part of them, drawn while they pass by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import numpy as np

from closedform.errors import BadInput
from closedform.hybrid.capture import Passed, Path, at, leaves_in, tensors_in
from closedform.hybrid.layout import Layout
from closedform.hybrid.oracle import Found, Oracle, found_in
from closedform.hybrid.records import Named
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
    left_out = other = 0
    held: dict[Path, Any] = {}
    for call in calls:
        if found is None:
            picked = _picked(call.said, result)
            returned = _returned(call.said, picked)
            found = found_in(block, call, picked, axis, kind)
            held = dict(_held(call.given, found.layout))
        if not _as_then(held, dict(_held(call.given, found.layout))):
            other += 1
            continue
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
    return kept.sample(found, returned, [*_of_calls(left_out, _FORM), *_of_calls(other, _HELD)])


_FORM = "another form than the first were left out: the formula takes arguments as they were there"
_HELD = "other values of what is no part of a row were left out: the formula holds for the first's"


def _of_calls(count: int, what: str) -> Iterator[str]:
    """Yield what is said of calls that were left out, if any were."""
    if count:
        yield f"{count:,} {'call' if count == 1 else 'calls'} with {what}."


def _held(given: Any, layout: Layout) -> Iterator[tuple[Path, Any]]:
    """Yield the arguments that are no part of the rows: numbers, words, tensors as masks."""
    known = {s.path for s in layout.inputs} | {path for path, _ in layout.tied}
    for path, value in leaves_in(given):
        plain = value is None or isinstance(value, bool | int | float | str)
        if path not in known and (plain or hasattr(value, "detach")):
            yield path, value


def _as_then(then: dict[Path, Any], now: dict[Path, Any]) -> bool:
    """Tell whether arguments are what they were."""
    if then.keys() != now.keys():
        return False
    return all(_same(a, now[path]) for path, a in then.items())


def _same(a: Any, b: Any) -> bool:
    import torch

    if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor):
        return a.shape == b.shape and bool(torch.equal(a, b))
    return type(a) is type(b) and bool(a == b or a != a)


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

    def sample(self, found: Found, returned: Any, of_calls: Sequence[str]) -> Sample:
        rows, said, _ = self._least() if self.parts else (np.empty((0, 1)),) * 3
        if len(rows) < FEWEST:
            raise BadInput(
                f"Only {len(rows)} of {self.seen} rows of this part are finite: too few.",
                hint=f"Give batches in which at least {FEWEST} rows pass by.",
            )
        notes = list(found.notes)
        if self.wild:
            notes.append(f"{self.wild:,} of {self.seen:,} rows are not finite, and left out.")
        return Sample(rows, said, found, returned, self.seen, (*notes, *of_calls))


def _picked(said: Any, result: int | None) -> list[Path]:
    """Return the places of the tensors that are looked at."""
    found = [path for path, t in tensors_in(said) if t.is_floating_point()]
    if not found:
        kinds = {str(t.dtype).removeprefix("torch.") for _, t in tensors_in(said)}
        what = "tensors of " + ", ".join(sorted(kinds)) if kinds else type(said).__name__
        raise BadInput(
            f"The block returns {what}, and no tensor of real numbers.",
            hint="Distill another part.",
        )
    if result is None:
        return found
    if (
        isinstance(result, bool)
        or not isinstance(result, int)
        or not -len(found) <= result < len(found)
    ):
        raise BadInput(
            f"result={result!r}: the block returns {len(found)} "
            f"tensor{'s' * (len(found) > 1)} of real numbers.",
            hint=f"Give a number from 0 to {len(found) - 1}, or None for all.",
        )
    return [found[result]]


def _returned(said: Any, picked: Sequence[Path], path: Path = ()) -> Any:
    """Return the structure of what is returned, with the number of a tensor at its place."""
    if path in picked:
        return list(picked).index(path)
    inner = at(said, path)
    if isinstance(inner, dict):
        return type(inner)({k: _returned(said, picked, (*path, k)) for k in inner})
    if isinstance(inner, tuple | list):
        made = [_returned(said, picked, (*path, i)) for i in range(len(inner))]
        if hasattr(inner, "_fields"):
            return Named(type(inner).__name__, tuple(zip(inner._fields, made, strict=True)))
        return made if isinstance(inner, list) else tuple(made)
    return None
