"""A block as a function of rows: asked anywhere, in float64 where a copy of it can be made."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np

from closedform.asking.torch import evaluating, in_double
from closedform.errors import BadInput, first_line
from closedform.hybrid.capture import Passed, Path, at, called, copied, put, tensors_in
from closedform.hybrid.layout import Layout, Slot, gathered, layouts
from closedform.ir import Array

AT_ONCE = 4096
"""Rows that a block is asked about at once, where its arguments allow it."""
SAME = {"float64": 1e-5, "float32": 1e-4, "float16": 0.01, "bfloat16": 0.03}
"""Share of the deviation that two answers about one row may be apart: 4 steps of bfloat16;
in float64 what a network itself takes down to float32 on its way."""


@dataclass(frozen=True, eq=False)
class Oracle:
    """A block of a network, asked about rows.

    Attributes:
        block: the block; in float64 if `double`.
        call: a call of it: the arguments that are no part of the rows are taken from here.
        layout: how rows become its arguments.
        double: whether `block` is a copy in float64.
    """

    block: Any
    call: Passed
    layout: Layout
    double: bool

    def __call__(self, rows: Array) -> Array:
        """Return what the block says, shape (rows, outputs), of rows, shape (rows, inputs)."""
        rows = np.asarray(rows, dtype=float)
        step = prod(self._lead(AT_ONCE))
        parts = [rows[i : i + step] for i in range(0, len(rows), step)]
        made = [self._asked(part) for part in parts]
        return np.vstack(made) if made else np.empty((0, self.layout.height))

    def _lead(self, count: int) -> tuple[int, ...]:
        """Return the shape of so many rows, and some more where it takes no other number."""
        own = self.own_lead
        return replace_first(own, -(-count // max(1, prod(own[1:])))) if self._any_number else own

    @cached_property
    def _any_number(self) -> bool:
        """Whether it takes other numbers of entries than that of its call."""
        own = self.own_lead
        if self._held:
            return False
        try:
            for count in (1, own[0] + 1):
                lead = replace_first(own, count)
                self.said(np.zeros((prod(lead), self.layout.width)), lead)
        except Exception:  # it takes so many and no other number
            return False
        return True

    @property
    def own_lead(self) -> tuple[int, ...]:
        """The shape of the rows of its call."""
        first = self.layout.inputs
        tensors = [at(self.call.given, s.path) for s in first]
        leads = [lead_of(t, s, self.layout.kind) for t, s in zip(tensors, first, strict=True)]
        return tuple(np.broadcast_shapes(*leads))

    @property
    def _held(self) -> bool:
        """Whether it takes tensors that are no part of the rows."""
        known = {s.path for s in self.layout.inputs} | {path for path, _ in self.layout.tied}
        return any(path not in known for path, _ in tensors_in(self.call.given))

    def _asked(self, part: Array) -> Array:
        lead = self._lead(len(part))
        full = np.vstack([part, np.repeat(part[:1], prod(lead) - len(part), axis=0)])
        return self.said(full, lead)[: len(part)]

    def said(self, rows: Array, lead: tuple[int, ...]) -> Array:
        """Return what the block says of as many rows as `lead` holds."""
        import torch

        given, at_column = dict(self.call.given), 0
        for k, slot in enumerate(self.layout.inputs):
            part = rows[:, at_column : at_column + slot.size]
            at_column += slot.size
            old = at(self.call.given, slot.path)
            new = torch.as_tensor(np.ascontiguousarray(part)).reshape(*lead, slot.size)
            new = gathered(new, slot, self.layout.kind)
            new = (new.round() if slot.whole else new).to(self._dtype(old)).to(old.device)
            for path in (slot.path, *(p for p, i in self.layout.tied if i == k)):
                given = put(given, path, new)
        # What works in place would change the arguments that are kept.
        given = torch.utils._pytree.tree_map(copied, given)
        with evaluating(self.block) as block:
            said = called(block, self._widened(given))
        return np.asarray(self.layout.rows_out(said).cpu().numpy())

    def _dtype(self, old: Any) -> Any:
        import torch

        return torch.float64 if self.double and old.is_floating_point() else old.dtype

    def _widened(self, given: Any) -> Any:
        import torch

        def wide(leaf: Any) -> Any:
            floats = isinstance(leaf, torch.Tensor) and leaf.is_floating_point()
            return leaf.double().cpu() if floats else leaf

        return torch.utils._pytree.tree_map(wide, given) if self.double else given


def replace_first(shape: tuple[int, ...], count: int) -> tuple[int, ...]:
    """Return a shape with another first axis."""
    return (count, *shape[1:])


def lead_of(tensor: Any, slot: Slot, kind: str) -> tuple[int, ...]:
    """Return the shape of a tensor without the numbers of one row."""
    shape = tuple(tensor.shape)
    if kind == "whole":
        return (shape[slot.axis],)
    if kind == "channels":
        return (*shape[:1], *shape[2:])
    return shape if slot.bare else shape[:-1]


@dataclass(frozen=True, eq=False)
class Found:
    """How a block was found to be a function of rows.

    Attributes:
        layout: what its rows are.
        oracle: the block, asked about rows; None where a row alone does not decide.
        notes: what the user should know of it.
    """

    layout: Layout
    oracle: Oracle | None
    notes: tuple[str, ...] = ()


def found_in(
    block: Any, call: Passed, picked: Sequence[Path], axis: int, kind: str | None
) -> Found:
    """Return the most particular layout in which what is said of a row depends on it alone.

    It is tried: rows of one call change their places, and the block must say the same of them.

    Raises:
        BadInput: no layout fits the shapes; or not the one that is asked for.
    """
    tried = [lay for lay in layouts(call, picked, axis) if kind is None or lay.kind == kind]
    if not tried:
        raise _no_layout(call, picked, kind)
    for own, same, double in _asked_as(block, call):
        reason = ""
        for layout in tried:
            oracle = Oracle(own, same, layout, double)
            try:
                if _alone(oracle):
                    return Found(layout, oracle)
            except Exception as problem:
                reason = f" ({type(problem).__name__}: {first_line(problem)})"
        if not reason:
            break
    note = (
        "What the block says of a row depends on more than the row, so that it could not be "
        f"asked{reason}: the formulas are fitted to the rows that were seen."
    )
    return Found(tried[-1] if kind is None else tried[0], None, (note,))


def _asked_as(block: Any, call: Passed) -> Iterator[tuple[Any, Passed, bool]]:
    """Yield what is asked, a call of it, and whether it is in float64: a copy, then the block.

    What is quantised, or made for one type, can be copied and then takes no float64.
    """
    fine = in_double(block)
    if fine is not None:
        yield fine, _on_cpu(call), True
    yield block, call, False


def _on_cpu(call: Passed) -> Passed:
    import torch

    def here(leaf: Any) -> Any:
        return leaf.cpu() if isinstance(leaf, torch.Tensor) else leaf

    move = torch.utils._pytree.tree_map
    return Passed(move(here, call.given), move(here, call.said))


def _alone(oracle: Oracle) -> bool:
    """Tell whether what is said of each row stays when other rows stand beside it.

    They are drawn with repetition: of a mere change of places, a mean over rows would see nothing.
    """
    rows = oracle.layout.rows_in(oracle.call.given).cpu().numpy()
    said = oracle.layout.rows_out(oracle.call.said).cpu().numpy()
    dtype = str(at(oracle.call.said, oracle.layout.outputs[0].path).dtype)
    order = np.random.default_rng(0).integers(len(rows), size=len(rows))
    lead = oracle.own_lead
    mixed = oracle.said(rows[order], lead)
    if oracle.double:
        said, dtype = oracle.said(rows, lead), "float64"
    fine = np.isfinite(said)
    if not fine.any():
        return False
    scale = said[fine].std() or np.abs(said[fine]).max() or 1.0
    away = np.abs(mixed - said[order])[fine[order]] / scale
    return bool((away <= SAME[dtype.removeprefix("torch.")]).all())


def _no_layout(call: Passed, picked: Sequence[Path], kind: str | None) -> BadInput:
    shapes = [
        f"{'.'.join(map(str, p))} {tuple(t.shape)}" + " of complex numbers" * t.is_complex()
        for p, t in tensors_in(call.given)
    ]
    out = [str(tuple(at(call.said, p).shape)) for p in picked]
    return BadInput(
        f"The block takes {', '.join(shapes) or 'no tensor'} and returns {', '.join(out)}: "
        + (f"rows={kind!r} does not fit that." if kind else "no rows can be made of that."),
        hint="Distill a part whose tensors share their first axes, or say which axis is that of "
        "the batch: batch_axis=1.",
    )
