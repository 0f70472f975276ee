"""Over which inputs something is proven: a box of numbers, sets of categories, what is missing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, product
from typing import Any

import numpy as np

from closedform import ops
from closedform.columns import columns_of
from closedform.errors import BadInput
from closedform.evaluate import Plan, columns_for, fill
from closedform.formula import Feature, Formula
from closedform.ir import Array, Node, Type, fold, substitute
from closedform.ops.payloads import Label, know_labels, label_code
from closedform.verify.bound.normal import missing_for

MOST_STARTS = 4096
"""Boxes to start from: combinations of categories, times those of what is missing."""


@dataclass(frozen=True)
class Region:
    """A box over the inputs of a formula.

    Attributes:
        inputs: the features.
        lo, hi: the range of each number, shape (inputs,); NaN for what nobody reads.
        labels: the categories of each label input.
        missing: which inputs may be missing.
    """

    inputs: tuple[Feature, ...]
    lo: Array
    hi: Array
    labels: Mapping[int, tuple[Label, ...]]
    missing: frozenset[int] = frozenset()

    def describe(self) -> dict[str, Any]:
        """Return the range or the categories of each input, by name."""
        found: dict[str, Any] = {}
        for i, feature in enumerate(self.inputs):
            if i in self.labels:
                found[feature.name] = list(self.labels[i])
            elif not np.isnan(self.lo[i]):
                found[feature.name] = (float(self.lo[i]), float(self.hi[i]))
            if i in self.missing and feature.name in found:
                known = found[feature.name]
                found[feature.name] = [*(known if i in self.labels else [known]), "missing"]
        return found

    def cases(self, used: Collection[int]) -> Iterator[dict[Node, Node]]:
        """Yield what stands in the place of the inputs that are missing, for every combination."""
        able = sorted(self.missing & set(used))
        for count in range(len(able) + 1):
            for gone in combinations(able, count):
                nodes = [ops.input_(i, self.inputs[i].type) for i in gone]
                yield {n: missing_for(n) for n in nodes}

    def starts(self, used: Sequence[int]) -> tuple[Array, Array]:
        """Return the boxes to start from, shape (len(used), boxes): one for each set of labels."""
        kept = [i for i in used if i in self.labels]
        combined = list(product(*[self.labels[i] for i in kept]))
        lo, hi = (np.tile(x[list(used)][:, None], len(combined)) for x in (self.lo, self.hi))
        for row, i in enumerate(used):
            if i in self.labels:
                codes = [float(label_code(labels[kept.index(i)])) for labels in combined]
                lo[row] = hi[row] = codes
        return lo, hi


def region_of(
    inputs: Sequence[Feature], used: Collection[int], box: Mapping[str, Any] | None, X: Any,
    missing: Collection[str] = (),
) -> Region:  # fmt: skip
    """Return the region that a user describes.

    Args:
        inputs: the features.
        used: those that are read.
        box: by name (lo, hi), a number, or a list of categories.
        X: rows from which the rest is taken: the least and greatest value, the categories.
        missing: names of inputs that may be missing.

    Raises:
        BadInput: what is wrong with the box, all at once.
    """
    if box is not None and not isinstance(box, Mapping):
        raise BadInput(
            f"{box!r} is no box.",
            hint="Give a range by name, box={'age': (18, 90)}; rows are X=….",
        )
    missing = (missing,) if isinstance(missing, str) else tuple(missing)
    lo, hi = np.full((2, len(inputs)), np.nan)
    labels: dict[int, tuple[Label, ...]] = {}
    problems = _unknown(inputs, [*(box or {}), *missing])
    bare = [] if X is not None else _bare(inputs, used, box or {})
    if bare:
        problems.append(f"no range is given for {_first(bare)}")
    columns = None if X is None else columns_of(inputs, X, frozenset(used))[0]
    for i in sorted(i for i in used if inputs[i].name not in bare):
        given = None if box is None else box.get(inputs[i].name)
        try:
            if inputs[i].type is Type.LABEL:
                labels[i] = _labels(inputs[i], given, X)
            else:
                lo[i], hi[i] = _range(given, None if columns is None else columns[i])
        except (TypeError, ValueError) as error:
            problems.append(f"{inputs[i].name!r}: {error}")
    gone = frozenset(i for i, f in enumerate(inputs) if f.name in missing)
    starts = np.prod([len(x) for x in labels.values()], initial=1.0) * 2.0 ** len(gone & set(used))
    if starts > MOST_STARTS:
        problems.append(f"{starts:,.0f} combinations of categories and missing inputs")
    if problems:
        raise BadInput(
            "There is no box to prove anything over: " + "; ".join(problems) + ".",
            hint="Give a range for each input, box={'age': (18, 90), 'kind': ['a', 'b']}, or rows "
            "to take them from, X=….",
        )
    return Region(tuple(inputs), lo, hi, labels, gone)


def _bare(inputs: Sequence[Feature], used: Collection[int], box: Mapping[str, Any]) -> list[str]:
    """Return the inputs of which nothing is said."""
    asked = [inputs[i] for i in sorted(used) if inputs[i].name not in box]
    return [f.name for f in asked if f.type is Type.REAL or f.categories is None]


def _unknown(inputs: Sequence[Feature], names: Sequence[str]) -> list[str]:
    known = {f.name for f in inputs}
    strange = [name for name in names if name not in known]
    return [f"there is no input {_first(strange)}"] if strange else []


def _first(names: Sequence[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(map(repr, names[:3])) + more


def _range(given: Any, column: Array | None) -> tuple[float, float]:
    if given is None:
        if column is None:
            raise ValueError("no range is given")
        numbers = column[np.isfinite(column)]
        if not len(numbers):
            raise ValueError("the rows hold no number")
        return float(numbers.min()), float(numbers.max())
    ends = (given, given) if np.ndim(given) == 0 else tuple(given)
    if len(ends) != 2:
        raise ValueError(f"{given!r} is no range (lo, hi)")
    lo, hi = float(ends[0]), float(ends[1])
    if not (np.isfinite(lo) and np.isfinite(hi)):
        raise ValueError(f"{given!r} is not finite")
    if lo > hi:
        raise ValueError(f"{lo:g} … {hi:g} is empty")
    return lo, hi


def _labels(feature: Feature, given: Any, X: Any) -> tuple[Label, ...]:
    if given is None and X is not None and hasattr(X, "__getitem__") and feature.name in X:
        given = [v for v in dict.fromkeys(X[feature.name]) if v is not None and v == v]
    found = feature.categories if given is None else given
    if found is None:
        raise ValueError("no categories are given")
    labels = (found,) if isinstance(found, str) or np.ndim(found) == 0 else tuple(found)
    if not labels:
        raise ValueError("no categories are given")
    know_labels(labels)
    return labels


def used_by(roots: Sequence[Node]) -> set[int]:
    """Return the positions of the inputs that some root reads."""

    def step(n: Node, *below: frozenset[int]) -> frozenset[int]:
        return frozenset([n.data]) if n.op is ops.INPUT else frozenset().union(*below)

    return set().union(*fold(list(roots), step))


class Program:
    """The float64 program of some nodes, on points of a tape's inputs."""

    def __init__(
        self, roots: Sequence[Node], inputs: Sequence[Feature], used: Sequence[int]
    ) -> None:
        """Plan the computation."""
        self.plan, self.inputs, self.used = Plan(roots), inputs, list(used)

    def __call__(self, points: Array) -> list[Array]:
        """Return the value of each root; points of shape (inputs of the tape, points)."""
        count = points.shape[1]
        at = {i: row for row, i in enumerate(self.used)}
        columns = []
        for i, feature in enumerate(self.inputs):
            label = feature.type is Type.LABEL
            blank = np.full(count, -1 if label else np.nan, np.int64 if label else np.float64)
            x = points[at[i]] if i in at else blank
            columns.append(x.astype(np.int64) if label else x)
        out = columns_for(self.plan, count)
        fill(self.plan, columns, None, range(count), out)
        return out


def together(model: Formula, formula: Formula) -> tuple[Formula, Formula]:
    """Return both over the same inputs: the model's, and then what the formula adds."""
    names = {f.name: i for i, f in enumerate(model.inputs)}
    if [f.name for f in formula.inputs] == list(names):
        return model, formula
    more = [f for f in formula.inputs if f.name not in names]
    inputs = (*model.inputs, *more)
    names = {f.name: i for i, f in enumerate(inputs)}
    moved = {
        ops.input_(i, f.type): ops.input_(names[f.name], f.type)
        for i, f in enumerate(formula.inputs)
    }
    nodes = substitute(formula.roots, moved)
    outputs = dict(zip(formula.outputs, nodes, strict=True))
    return replace(model, inputs=inputs), replace(formula, inputs=inputs, outputs=outputs)
