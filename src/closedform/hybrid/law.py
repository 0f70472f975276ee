"""A formula for a part of a network, with the tensors that its rows come from and go to."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from math import prod
from typing import Any, Final

import numpy as np

from closedform import ops
from closedform.errors import BadFile, BadInput
from closedform.formula import Formula
from closedform.hybrid.directions import Directions
from closedform.hybrid.layout import KINDS, Layout, Slot
from closedform.hybrid.records import Named, Record
from closedform.ir import Array
from closedform.printers.display import fragment
from closedform.store import from_dict, to_dict
from closedform.store.files import put

FORMAT: Final = "closedform block"
VERSION: Final = 1


@dataclass(frozen=True, eq=False)
class BlockLaw:
    """A formula that can stand in the place of a block.

    Attributes:
        formula: what a row becomes: the block's outputs, or the directions that they move in.
        layout: which tensors rows come from and go to.
        returned: what the block returns: nested tuples, lists, dicts and records with the number of
            an output tensor at each place, and None for what no formula is there for.
        directions: how outputs come from the formula's; None where they are the same.
        rest: what the outputs are that no formula is there for: their means, shape (outputs,), NaN
            for those that the formula gives; None where it gives all.
    """

    formula: Formula
    layout: Layout
    returned: Any = 0
    directions: Directions | None = None
    rest: Array | None = None

    @property
    def length(self) -> int:
        """How many symbols a person must read."""
        return self.formula.length

    @property
    def latex(self) -> str:
        """The formula in LaTeX."""
        return str(self.formula.to("latex"))

    @property
    def text(self) -> str:
        """The formula as plain text."""
        return str(self.formula.to("text"))

    def __call__(self, rows: Any) -> Array:
        """Return the block's outputs, shape (rows, outputs), of rows, shape (rows, inputs)."""
        found = np.asarray(self.formula(rows), dtype=float).reshape(-1, len(self.formula.answer))
        return self.outputs(found)

    def outputs(self, found: Array) -> Array:
        """Return the block's outputs of the formula's, each of shape (rows, …)."""
        if self.directions is not None:
            found = self.directions.outputs(found)
        if self.rest is None:
            return found
        every = np.repeat(self.rest[None, :], len(found), axis=0)
        every[:, np.isnan(self.rest)] = found
        return every

    @cached_property
    def full(self) -> Formula:
        """The formula with all outputs of the block, also those that directions are turned into."""
        if self.directions is None and self.rest is None:
            return self.formula
        roots = [self.formula.outputs[n] for n in self.formula.answer]
        if self.directions is not None:
            pairs = zip(self.directions.centre.tolist(), self.directions.back.tolist(), strict=True)
            roots = [ops.lin(c, *zip(w, roots, strict=True)) for c, w in pairs]
        if self.rest is not None:
            given = iter(roots)
            roots = [next(given) if r != r else ops.const(r) for r in self.rest.tolist()]
        outputs = {f"y{i}": root for i, root in enumerate(roots)}
        task = replace(self.formula.task, primary=tuple(outputs))
        return replace(self.formula, outputs=outputs, task=task, names={})

    def with_formula(self, formula: Formula) -> BlockLaw:
        """Return the same place with another formula, of as many outputs."""
        return replace(self, formula=formula)

    def to(self, target: str = "text", path: Any = None, **options: Any) -> Any:
        """Return the formula written in a target; see `Formula.to`."""
        return self.formula.to(target, path, **options)

    def save(self, path: Any) -> None:
        """Write it as plain JSON; see `cf.hybrid.load`."""
        put(path, self.to_json())

    def to_json(self) -> str:
        """Return it as JSON text, numbers as they are: nothing in it is ever run."""
        made: dict[str, Any] = {
            "format": FORMAT, "version": VERSION, "rows": self.layout.kind,
            "inputs": [asdict(s) for s in self.layout.inputs],
            "outputs": [asdict(s) for s in self.layout.outputs],
            "tied": [list(pair) for pair in self.layout.tied],
            "returned": _structure(self.returned),
            "formula": to_dict(self.formula),
        }  # fmt: skip
        if self.directions is not None:
            d = self.directions
            made["directions"] = {
                "centre": d.centre.tolist(), "ahead": d.ahead.tolist(), "back": d.back.tolist(),
                "kept": d.kept,
            }  # fmt: skip
        if self.rest is not None:
            made["rest"] = [None if r != r else r for r in self.rest.tolist()]
        return json.dumps(made, ensure_ascii=False, allow_nan=False, indent=1) + "\n"

    def __str__(self) -> str:
        """Return the formula as text."""
        return str(self.formula)

    def __repr__(self) -> str:
        """Return the text form, which is what a console should show."""
        return str(self)

    def _repr_latex_(self) -> str:
        return str(self.formula.to("latex", notebook=True))

    def _repr_html_(self) -> str:
        return fragment(self.formula)


def law_of(given: Any) -> BlockLaw:
    """Return what may stand in the place of a block: a law, or a formula of numbers.

    A formula alone takes the last axis of one tensor, and gives that of another.

    Raises:
        BadInput: it is neither.
    """
    if isinstance(given, BlockLaw):
        return given
    if not isinstance(given, Formula):
        raise BadInput(
            f"{type(given).__name__} cannot stand in the place of a block.",
            hint="Give one of the laws that cf.hybrid.distill returns, as laws.best or laws[3], or "
            "a formula.",
        )
    first, last = Slot((0,), len(given.inputs)), Slot((), len(given.answer))
    return BlockLaw(given, Layout("last", (first,), (last,)))


def read_law(made: Any) -> BlockLaw:
    """Return the law that `BlockLaw.to_json` describes.

    Raises:
        BadFile: it is none, or holds what does not fit.
    """
    if [made["format"], made["version"]] != [FORMAT, VERSION] or str(made["rows"]) not in KINDS:
        raise BadFile("no law of a block of this version.", hint="Save it again, or update.")
    formula = from_dict(made["formula"])
    inputs, outputs = (tuple(_slot(s) for s in made[k]) for k in ("inputs", "outputs"))
    tied = tuple((_path(path), int(i)) for path, i in made["tied"])
    layout = Layout(made["rows"], inputs, outputs, tied)
    rest = made.get("rest")
    known = None if rest is None else np.array([np.nan if r is None else r for r in rest], float)
    law = BlockLaw(formula, layout, _read(made["returned"]), _directions(made), known)
    if not all(_fitting(law)):
        raise BadFile("the formula does not fit the tensors.", hint="Save it again.")
    return law


def _fitting(law: BlockLaw) -> Iterator[bool]:
    """Yield whether each thing that a law holds goes with the others."""
    layout, count = law.layout, len(law.formula.answer)
    slots = [*layout.inputs, *layout.outputs]
    yield all(s.size > 0 and s.axis >= 0 for s in slots)
    yield layout.kind != "whole" or all(s.size == prod(s.shape) for s in slots)
    yield all(0 <= i < len(layout.inputs) for _, i in layout.tied)
    yield sorted(_numbers(law.returned)) == list(range(len(layout.outputs)))
    if law.directions is not None:
        d = law.directions
        yield d.back.shape == (len(d.centre), count) and d.ahead.shape == d.back.T.shape
        yield all(np.isfinite(values).all() for values in (d.centre, d.ahead, d.back))
        count = len(d.centre)
    if law.rest is not None:
        yield law.rest.shape == (layout.height,)
        count += int(np.isfinite(law.rest).sum())
    yield count == layout.height and layout.width == len(law.formula.inputs)


def _numbers(returned: Any) -> Iterator[int]:
    """Yield the numbers of the tensors that a block returns."""
    if isinstance(returned, int):
        yield returned
    elif isinstance(returned, Named):
        yield from _numbers([inner for _, inner in returned.entries])
    elif returned is not None:
        inside = returned.values() if isinstance(returned, Mapping) else returned
        yield from (i for inner in inside for i in _numbers(inner))


def _directions(made: Mapping[str, Any]) -> Directions | None:
    d = made.get("directions")
    if d is None:
        return None
    centre, ahead, back = (np.array(d[k], dtype=float) for k in ("centre", "ahead", "back"))
    return Directions(centre, ahead, back, float(d["kept"]))


def _path(keys: Any) -> tuple[int | str, ...]:
    return tuple(k if isinstance(k, str) else int(k) for k in keys)


def _slot(made: Mapping[str, Any]) -> Slot:
    shape = tuple(int(n) for n in made["shape"])
    flags = bool(made["bare"]), bool(made["whole"])
    return Slot(_path(made["path"]), int(made["size"]), shape, int(made["axis"]), *flags)


def _structure(returned: Any) -> Any:
    """Return nested tuples, lists and dicts as JSON has them."""
    if isinstance(returned, Named):
        entries = [[k, _structure(v)] for k, v in returned.entries]
        return {"named": [returned.name, entries]}
    if isinstance(returned, Mapping):
        kind = "record" if isinstance(returned, Record) else "dict"
        return {kind: [[k, _structure(v)] for k, v in returned.items()]}
    if isinstance(returned, Sequence):
        kind = "list" if isinstance(returned, list) else "tuple"
        return {kind: [_structure(v) for v in returned]}
    return returned


def _read(made: Any) -> Any:
    if not isinstance(made, dict):
        return None if made is None else int(made)
    ((kind, held),) = made.items()
    if kind == "named":
        return Named(str(held[0]), tuple((str(k), _read(v)) for k, v in held[1]))
    if kind in ("dict", "record"):
        return (Record if kind == "record" else dict)({k: _read(v) for k, v in held})
    return [_read(v) for v in held] if kind == "list" else tuple(_read(v) for v in held)
