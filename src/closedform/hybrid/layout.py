"""Which numbers of a block's tensors make a row, and which tensors they go back into."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Literal

from closedform.hybrid.capture import Passed, Path, at, tensors_in

Kind = Literal["elements", "last", "channels", "whole"]
KINDS: dict[Kind, str] = {
    "elements": "every number alone",
    "last": "the last axis, at every position of the others",
    "channels": "the channels, at every position of an image",
    "whole": "everything that belongs to one entry of the batch",
}
"""What a row may be, the most particular first."""


@dataclass(frozen=True)
class Slot:
    """One tensor of a block's arguments or of what it returns.

    Attributes:
        path: the keys that lead to it, of an argument its name first.
        size: how many numbers of a row it holds.
        shape: of one row, where a row is a whole entry.
        axis: that of the batch, where a row is a whole entry.
        bare: whether it has no axis for the numbers of a row: one for each row.
        whole: whether it holds whole numbers.
    """

    path: Path
    size: int
    shape: tuple[int, ...] = ()
    axis: int = 0
    bare: bool = False
    whole: bool = False


@dataclass(frozen=True)
class Layout:
    """How tensors are rows.

    Attributes:
        kind: what a row is; see `KINDS`.
        inputs, outputs: the tensors that rows are made of, in the order of their columns.
        tied: arguments that always are what an input is, as in attention to itself: the path of
            each, and the number of the input.
    """

    kind: Kind
    inputs: tuple[Slot, ...]
    outputs: tuple[Slot, ...]
    tied: tuple[tuple[Path, int], ...] = ()

    @property
    def width(self) -> int:
        """How many inputs a row has."""
        return sum(s.size for s in self.inputs)

    @property
    def height(self) -> int:
        """How many outputs a row has."""
        return sum(s.size for s in self.outputs)

    def rows_in(self, given: Mapping[str, Any]) -> Any:
        """Return arguments as rows, shape (rows, width).

        Raises:
            KeyError: an argument is absent, or is not what it is tied to.
        """
        import torch

        for path, i in self.tied:
            if not torch.equal(at(given, path), at(given, self.inputs[i].path)):
                raise KeyError(path)
        return self._table([spread(at(given, s.path), s, self.kind) for s in self.inputs])

    def rows_out(self, said: Any) -> Any:
        """Return what a block returned as rows, shape (rows, height)."""
        return self._table([spread(at(said, s.path), s, self.kind) for s in self.outputs])

    def _table(self, parts: Sequence[Any]) -> Any:
        import torch

        lead = torch.broadcast_shapes(*[p.shape[:-1] for p in parts])
        wide = [p.expand(*lead, p.shape[-1]).reshape(-1, p.shape[-1]) for p in parts]
        # In float64 whole numbers and halves stand side by side; not every device has it.
        return torch.cat([p.cpu().double() for p in wide], -1)


def spread(tensor: Any, slot: Slot, kind: Kind) -> Any:
    """Return a tensor as (…, numbers of a row)."""
    if kind == "whole":
        return tensor.movedim(slot.axis, 0).reshape(tensor.shape[slot.axis], slot.size)
    if kind == "channels":
        return tensor.movedim(1, -1)
    return tensor.unsqueeze(-1) if slot.bare else tensor


def gathered(columns: Any, slot: Slot, kind: Kind) -> Any:
    """Return (…, numbers of a row) as the tensor that they came from."""
    if kind == "whole":
        return columns.reshape(columns.shape[0], *slot.shape).movedim(0, slot.axis)
    if kind == "channels":
        return columns.movedim(-1, 1)
    return columns.squeeze(-1) if slot.bare else columns


def layouts(call: Passed, picked: Sequence[Path], axis: int) -> Iterator[Layout]:
    """Yield the layouts that the shapes of one call allow, the most particular first.

    Args:
        call: one call of the block.
        picked: which of the tensors that it returned are looked at.
        axis: that of the batch.
    """
    given = [(p, t) for p, t in tensors_in(call.given) if not t.is_complex()]
    said = [(p, at(call.said, p)) for p in picked]
    for kind in KINDS:
        found = _layout(kind, given, said, axis)
        if found is not None:
            yield found


def _layout(kind: Kind, given: Sequence[Any], said: Sequence[Any], axis: int) -> Layout | None:
    lead = _lead(kind, said[0][1], given, axis)
    if lead is None:
        return None
    outputs = [_slot(kind, p, t, lead, axis) for p, t in said]
    inputs = [_slot(kind, p, t, lead, axis, wide=True) for p, t in given]
    known = [(s, t) for s, (_, t) in zip(inputs, given, strict=True) if s is not None]
    if not known or None in outputs:
        return None
    alone, tied = _untied(known)
    return Layout(kind, tuple(alone), tuple(s for s in outputs if s is not None), tuple(tied))


def _untied(known: Sequence[tuple[Slot, Any]]) -> tuple[list[Slot], list[tuple[Path, int]]]:
    """Return the inputs that differ, and those that are one of them."""
    import torch

    alone: list[tuple[Slot, Any]] = []
    tied = []
    for slot, tensor in known:
        same = [i for i, (_, t) in enumerate(alone) if t is not tensor and torch.equal(t, tensor)]
        if same and tensor.numel() > 1:
            tied.append((slot.path, same[0]))
        else:
            alone.append((slot, tensor))
    return [slot for slot, _ in alone], tied


def _lead(kind: Kind, out: Any, given: Sequence[Any], axis: int) -> tuple[int, ...] | None:
    """Return the shape of the rows: that of a tensor without the numbers of one row."""
    shapes = [tuple(t.shape) for _, t in given]
    shape = tuple(out.shape)
    if kind == "elements":
        return shape if shape in shapes else None
    if kind == "last":
        for lead in (shape[:-1], shape):
            if lead and any(s[:-1] == lead or (s == lead and len(s) == 1) for s in shapes):
                return lead
        return None
    if kind == "channels":
        lead = (*shape[:1], *shape[2:])
        fits = len(shape) > 2 and any(len(s) > 2 and (*s[:1], *s[2:]) == lead for s in shapes)
        return lead if fits else None
    first = next((s for s in shapes if len(s) > axis), None)
    return None if first is None else (first[axis],)


def _slot(
    kind: Kind, path: Path, tensor: Any, lead: tuple[int, ...], axis: int, wide: bool = False
) -> Slot | None:
    """Return a tensor's place in the rows; None where its shape has none."""
    shape = tuple(tensor.shape)
    made = Slot(path, 1, whole=not tensor.is_floating_point())
    if kind == "whole":
        first = axis if len(shape) > axis and shape[axis] == lead[0] else None
        where = first if first is not None else shape.index(lead[0]) if lead[0] in shape else None
        if where is None:
            return None
        rest = shape[:where] + shape[where + 1 :]
        return replace(made, size=prod(rest), shape=rest, axis=where)
    if kind == "channels":
        fits = len(shape) > 2 and (*shape[:1], *shape[2:]) == lead
        return replace(made, size=shape[1]) if fits else None
    if kind == "last" and len(shape) == len(lead) + 1 and _within(shape[:-1], lead, wide):
        return replace(made, size=shape[-1])
    return replace(made, bare=True) if _within(shape, lead, wide) else None


def _within(shape: tuple[int, ...], lead: tuple[int, ...], wide: bool) -> bool:
    """Tell whether a shape is that of the rows, or of an argument, becomes it when spread."""
    if shape == lead or not wide:
        return shape == lead
    return len(shape) == len(lead) and all(n in (1, m) for n, m in zip(shape, lead, strict=True))
