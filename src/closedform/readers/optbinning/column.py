"""optbinning: the bins of one column, and what stands beside each of them.

What stands there is asked of the model: one row for each bin, special code, and so forth. So its
rules for empty bins, special codes and unknown categories need not be written down again here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Array, Node, frozen, ulps
from closedform.ops.payloads import Label, Pieces
from closedform.readers.reading import Reading, is_missing, plain_label

Asked = Callable[[Array], Any]
"""Some values of a column → what the model gives for each of them."""


@dataclass(frozen=True, eq=False)
class Bins:
    """What tells the bins of a column apart.

    Attributes:
        edges: of a number; each belongs to the bin on its right. None of a category.
        known: the categories, empty of a number.
        special: the codes that have a bin of their own.
    """

    edges: Array | None
    known: tuple[Label, ...]
    special: tuple[Label, ...]

    @property
    def text(self) -> bool:
        """Whether the column holds texts."""
        return any(isinstance(v, str) for v in (*self.known, *self.special))


def bins_of(model: Any) -> Bins:
    """Return the bins of a fitted model."""
    special = tuple(v for v in map(plain_label, _codes(model.special_codes)) if not is_missing(v))
    if getattr(model, "dtype", "numerical") == "numerical":
        # A process has one list of codes for all columns: a text is none of a number's.
        special = tuple(v for v in special if not isinstance(v, str))
        inner = getattr(model, "_optb", model)  # a piecewise binning bins by a plain one
        return Bins(frozen(inner.splits), (), special)
    return Bins(None, _categories(model), special)


def _codes(codes: Any) -> list[Any]:
    """Return special codes, given as a list or by name, as one list."""
    if codes is None:
        return []
    groups = codes.values() if isinstance(codes, dict) else [codes]
    return [v for group in groups for v in ([group] if np.ndim(group) == 0 else group)]


def _categories(model: Any) -> tuple[Label, ...]:
    from optbinning.binning.binning_statistics import bin_categorical

    groups = bin_categorical(
        model._splits_optimal, model._categories, model._cat_others, model.user_splits
    )
    found = (plain_label(v) for group in groups for v in group)
    return tuple(dict.fromkeys(v for v in found if not is_missing(v)))


def ready(x: Node, bins: Bins, reading: Reading) -> Node:
    """Return the column as it is looked up, and tell the reading what is known of it."""
    x = reading.as_labels(x) if bins.text else x
    known = [*bins.known, *bins.special]
    if not all(isinstance(v, bool) for v in known) and not bins.text:
        known = [int(v) if isinstance(v, bool) else v for v in known]  # truths beside a code of 9
    if bins.edges is None:
        reading.knows(x, known, unseen=True)
    return x


def looked_up(x: Node, bins: Bins, ask: Asked) -> Node:
    """Return the number, or the text, that stands beside the bin of a column."""
    kind = np.dtype(np.float64 if bins.edges is not None else object)
    absent = _asked(ask, [np.nan], kind)[0]
    special = dict(zip(bins.special, _asked(ask, bins.special, kind), strict=True))
    if bins.edges is None:
        said = dict(zip(bins.known, _asked(ask, bins.known, kind), strict=True)) | special
        other = _asked(ask, [_unknown(list(said))], kind)[0]
        return _by_category(x, said, other, absent)
    edges = bins.edges.tolist()
    inside = [edges[0] - max(1.0, abs(edges[0])), *edges] if edges else [0.0]
    made = _by_number(x, edges, _asked(ask, _beside(inside, bins.special), kind), absent)
    return _but_special(x, special, made)


def curved(x: Node, bins: Bins, model: Any, ask: Asked, reading: Reading, *, woe: bool) -> Node:
    """Return what a piecewise binning gives: a polynomial of the column in each bin.

    With `woe`, its value is an event rate r, and ln((1 / r − 1) · events / non-events) is given.
    """
    kind = np.dtype(np.float64)
    special = dict(zip(bins.special, _asked(ask, bins.special, kind), strict=True))
    value = ops.piecewise(x, Pieces.of(bins.edges, np.asarray(model._c)))
    if woe:
        odds = ops.lin(-1, (1, ops.div(ops.const(1), value)))
        events, others = float(model._t_n_event), float(model._t_n_nonevent)
        value = ops.log(ops.div(ops.lin(0, (events, odds)), ops.const(others)))
        reading.may_vanish([value])  # of a rate beyond 0 … 1, which a polynomial may well give
    absent = ops.const(_asked(ask, [np.nan], kind)[0])
    return _but_special(x, special, ops.where(ops.missing(x), absent, value))


def _but_special(x: Node, special: dict[Label, Any], made: Node) -> Node:
    """Return other values where the column holds a special code."""
    for value in dict.fromkeys(special.values()):
        codes = [code for code, v in special.items() if v is value or v == value]
        made = ops.where(ops.member(x, codes), _constant(value), made)
    return made


def call(n: Node, name: str, reading: Reading) -> None:
    """Name what stands beside the bins of a column, and what is left without special codes."""
    reading.call(n, name)
    while n.op is ops.WHERE:
        n = n.args[2]
        if n.op is ops.PIECEWISE:
            reading.call(n, f"{name} by bin")


def _unknown(known: Sequence[Label]) -> Label:
    """Return a category that is not among some others."""
    if all(isinstance(v, int | float) for v in known):
        return 1.0 + max(map(float, known), default=0.0)
    name = "unknown"
    while name in known:
        name += "!"
    return name


def _beside(values: Sequence[float], taken: Sequence[Label]) -> list[float]:
    """Return numbers of the same bins that are no special codes."""
    made = []
    for value in values:
        while value in taken:
            value = ulps(value, 1)
        made.append(value)
    return made


def _asked(ask: Asked, values: Sequence[Any], kind: Any) -> list[Any]:
    """Return what the model gives for some values, as plain numbers or texts."""
    if not len(values):
        return []
    column = np.empty(len(values), dtype=kind)
    column[:] = values
    return [plain_label(v) for v in np.asarray(ask(column)).tolist()]


def _by_number(x: Node, edges: Sequence[float], said: Sequence[Any], absent: Any) -> Node:
    if isinstance(absent, str):
        made = ops.label(said[-1])
        for edge, text in zip(reversed(edges), reversed(said[:-1]), strict=True):
            made = ops.where(ops.less(x, ops.const(edge)), ops.label(text), made)
        return ops.where(ops.missing(x), ops.label(absent), made)
    return ops.piecewise(x, Pieces.of(edges, [float(v) for v in said], missing=float(absent)))


def _by_category(x: Node, said: dict[Label, Any], other: Any, absent: Any) -> Node:
    if not isinstance(absent, str):
        return ops.table(x, said, float(other), float(absent))
    made = ops.label(other)
    for text in dict.fromkeys(reversed(said.values())):
        here = [v for v, t in said.items() if t == text]
        made = ops.where(ops.member(x, here), ops.label(text), made)
    return ops.where(ops.missing(x), ops.label(absent), made)


def _constant(value: Any) -> Node:
    return ops.label(value) if isinstance(value, str) else ops.const(value)
