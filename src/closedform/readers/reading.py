"""What every reader shares: columns on their way through a model, and all problems found."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial, reduce
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import UnsupportedModel
from closedform.formula import Feature, Formula, Precision, Stage, Step, Task
from closedform.ir import Node, Type, fold
from closedform.ops.absence import may_be_missing, passed_on
from closedform.ops.payloads import Label

NO_FORMULA = "Replace it by one that has a formula: see docs/reading.md for those that do."


@dataclass(frozen=True)
class Columns:
    """Named columns, as nodes over the raw inputs; names need not be unique."""

    names: tuple[str, ...]
    nodes: tuple[Node, ...]

    def __len__(self) -> int:
        """Return how many columns there are."""
        return len(self.nodes)

    def __iter__(self) -> Iterator[tuple[str, Node]]:
        """Iterate over (name, node) pairs."""
        return iter(zip(self.names, self.nodes, strict=True))

    def pick(self, positions: Sequence[int]) -> Columns:
        """Return some of the columns, in the order given."""
        return Columns(
            tuple(self.names[i] for i in positions), tuple(self.nodes[i] for i in positions)
        )

    def mapped(self, nodes: Sequence[Node], names: Sequence[str] | None = None) -> Columns:
        """Return other nodes, under the same names unless others are given."""
        kept = self.names if names is None else tuple(str(n) for n in names)
        return Columns(kept, tuple(nodes))


class Retype(Exception):
    """An input turned out to hold labels, not numbers."""


@dataclass
class Reading:
    """One read of one model: its inputs, and the problems met so far.

    Readers go on after a problem, with placeholder columns, so that all are reported at once.
    """

    names: tuple[str, ...]
    labels: set[int] = field(default_factory=set)
    problems: list[tuple[str, str]] = field(default_factory=list)
    stages: list[Stage] = field(default_factory=list)
    node_names: dict[Node, str] = field(default_factory=dict)
    categories: dict[int, tuple[Label, ...]] = field(default_factory=dict)
    no_missing: set[int] = field(default_factory=set)
    no_unseen: set[int] = field(default_factory=set)
    refusals: list[tuple[Node, frozenset[Node]]] = field(default_factory=list)
    fragile: set[Node] = field(default_factory=set)
    explosive: set[Node] = field(default_factory=set)
    explosions: list[tuple[Node, Node]] = field(default_factory=list)
    called: set[str] = field(default_factory=set)
    apart: list[str] = field(default_factory=list)
    rounded: dict[Node, Precision] = field(default_factory=dict)
    handed: dict[Node, Precision] = field(default_factory=dict)
    unseen: list[str] = field(default_factory=list)
    without: list[str] = field(default_factory=list)
    spoilt: dict[str, Node] = field(default_factory=dict)
    sparse: bool = False
    """Whether the columns at hand come as a sparse matrix, whose zeros XGBoost takes as missing."""
    stored_zeros: bool = False
    """Whether such a matrix may hold some of its zeros, which are then zeros to XGBoost."""

    def columns(self) -> Columns:
        """Return the raw inputs."""
        types = [Type.LABEL if i in self.labels else Type.REAL for i in range(len(self.names))]
        nodes = tuple(ops.input_(i, t) for i, t in enumerate(types))
        return Columns(self.names, nodes)

    def problem(self, what: str, hint: str = NO_FORMULA) -> None:
        """Note something that has no formula, and what the user can do about it."""
        self.problems.append((what, hint))

    def differs(self, why: str) -> None:
        """Note that the formula is near the model but not it: the trail then says approximate."""
        self.apart.append(why)

    def unspecified(self, why: str) -> None:
        """Note that what the model does with unseen categories is no function of the row.

        The formula refuses them; a certificate does not count made-up ones against it.
        """
        self.unseen.append(why)

    def rounds(self, nodes: Sequence[Node], dtype: str, ulps: int) -> None:
        """Note values that the model computes in fewer bits than the formula does.

        Args:
            nodes: the values; every output that reads one of them is compared within its rounding.
            dtype: in which the model computes them: "float32", "float16", "bfloat16".
            ulps: how many units of rounding of that type the model's own value may be off by.
        """
        self.rounded.update(dict.fromkeys(nodes, Precision(dtype, ulps)))

    def rounding(self, node: Node) -> Precision | None:
        """Return the coarsest rounding noted of a node or of one that it is made of."""
        found: list[Precision | None] = fold([node], partial(_coarsest, self.rounded, self.handed))
        return found[0]

    def leave_out(self, what: str, why: str) -> None:
        """Note that the model gives something for which the formula has no output."""
        self.without.append(f"{what}: {why}")

    def hands_on(self, nodes: Sequence[Node], dtype: str, ulps: int) -> None:
        """Note values that the model hands on in fewer bits: they are exact, what uses them is not.

        NumPy computes in float32 what it is given in float32, as the exp of a target's inverse.
        """
        self.handed.update(dict.fromkeys(nodes, Precision(dtype, ulps)))

    def placeholder(self, names: Sequence[str]) -> Columns:
        """Return columns that stand for an unreadable step while the rest is looked at."""
        return Columns(tuple(names), tuple(ops.const(np.nan) for _ in names))

    def as_labels(self, x: Node) -> Node:
        """Return x as a column of labels; where it is a raw input, the read starts again.

        Raises:
            Retype: x is a raw input that was taken for a number until now.
        """
        raw, _ = imputed_from(x)
        if x.type is Type.LABEL or raw.op is not ops.INPUT or raw.data in self.labels:
            return x
        self.labels.add(raw.data)
        raise Retype

    def refuse_missing(self, columns: Columns) -> None:
        """Note that the model raises when one of these columns is missing."""
        self.no_missing.update(*fold(columns.nodes, may_be_missing))
        made = partial(_may_pass_on, self.fragile)
        for x in frozenset().union(*fold(columns.nodes, made)):
            self.refuse(ops.missing(x), [x])

    def may_vanish(self, nodes: Sequence[Node]) -> None:
        """Note nodes that are missing for some numbers, as the logarithm of −1 is."""
        self.fragile.update(nodes)

    def may_explode(self, nodes: Sequence[Node]) -> None:
        """Note nodes that are infinite for some numbers, as the logarithm of 0 is."""
        self.explosive.update(nodes)

    def refuse_infinite(self, columns: Columns) -> None:
        """Note that the model raises when one of these columns is infinite."""
        for x in columns.nodes:
            if x in self.explosive:
                self.explosions.append((_where_infinite(x), x))

    def refuse(self, condition: Node, shown_by: Sequence[Node] = ()) -> None:
        """Note rows that the model refuses: their outputs are missing.

        Args:
            condition: true on these rows.
            shown_by: nodes that are missing on these rows; an output that cannot but be missing
                with one of them needs no test.
        """
        if (condition, frozenset(shown_by)) not in self.refusals:
            self.refusals.append((condition, frozenset(shown_by)))

    def knows(self, x: Node, categories: Sequence[Any], *, unseen: bool) -> None:
        """Note the categories of a column, and whether others are taken.

        The raw input under x learns them; where x is computed, other values become refusals.
        """
        raw, replaced = imputed_from(x)
        plain = [plain_label(c) for c in categories if not is_missing(c)]
        if raw.op is not ops.INPUT:
            if not unseen:
                known = ops.either(ops.member(x, plain), ops.missing(x))
                self.refuse(ops.negate(known))
            return
        i = raw.data
        names = list(dict.fromkeys([*plain, *replaced]))
        if unseen:
            self.categories.setdefault(i, tuple(names))
            return
        if i in self.no_unseen:
            names = [c for c in self.categories[i] if c in names]
        self.categories[i] = tuple(names)
        self.no_unseen.add(i)

    def stage(self, name: str, kind: str, before: Columns, after: Columns) -> None:
        """Remember what one step of the model did."""
        self.stages.append(Stage(name, kind, tuple(before), tuple(after)))

    def name(self, prefix: str, nodes: Sequence[Node]) -> None:
        """Name nodes prefix1, prefix2 … for printing."""
        for i, n in enumerate(nodes, 1):
            self.call(n, f"{prefix}{i}")

    def call(self, n: Node, name: str) -> None:
        """Name one node for printing; a name that is taken gets a number."""
        if n in self.node_names or n.op in (ops.INPUT, ops.CONST, ops.LABEL):
            return
        # 16,000 units of a network: the names taken are not copied for each of them.
        free = name not in self.called
        unique = name if free else unique_names([name], self.called)[0]
        self.node_names[n] = unique
        self.called.add(unique)

    def features(self) -> tuple[Feature, ...]:
        """Return the inputs as the formula declares them."""
        return tuple(
            Feature(
                name=name,
                type=Type.LABEL if i in self.labels else Type.REAL,
                categories=self.categories.get(i),
                missing=i not in self.no_missing,
                unseen=i not in self.no_unseen,
            )
            for i, name in enumerate(self.names)
        )

    def refuse_what_spoils(self, outputs: Mapping[str, Node]) -> None:
        """Refuse a missing value of an input where it makes every output missing anyway.

        The model gives nothing then, also for an input whose weight is 0, which a formula drops:
        where only some outputs are spoilt in this way, these are missing then.
        """
        spoilt = fold(list(outputs.values()), spoilers)
        everywhere = reduce(int.__and__, spoilt) if spoilt else 0
        columns = self.columns()
        at = [i for i in range(len(columns)) if everywhere >> i & 1 and i not in self.no_missing]
        self.refuse_missing(columns.pick(at))
        kept = fold(list(outputs.values()), _lasting)
        for name, every, some in zip(outputs, spoilt, kept, strict=True):
            lost = every & ~some & ~everywhere
            dropped = [x for i, x in enumerate(columns.nodes) if lost >> i & 1]
            if dropped:
                self.spoilt[name] = ops.either(*map(ops.missing, dropped))

    def formula(
        self, outputs: dict[str, Node], task: Task, source: str, reader: str,
        options: Mapping[str, Any] | None = None,
    ) -> Formula:  # fmt: skip
        """Return the formula, or raise with every problem found.

        Args:
            outputs: name → node of each.
            task: what the outputs are.
            source: what was read, as messages call it.
            reader: the package and its version.
            options: what a certificate must know to ask the model.

        Raises:
            UnsupportedModel: some part of the model has no formula, or there is no output.
        """
        if self.problems:
            raise UnsupportedModel.all_of(source, self.problems)
        if not outputs:
            raise UnsupportedModel(
                f"{source} gives no column at all.",
                hint="There is nothing to write; leave this step out.",
            )
        return Formula(
            outputs=self._guarded(outputs),
            inputs=self.features(),
            task=task,
            names=self.node_names,
            trail=(self._step(f"read by {reader}", outputs, options or {}),),
            stages=tuple(self.stages),
            source=source,
        )

    def _step(self, name: str, outputs: Mapping[str, Node], options: Mapping[str, Any]) -> Step:
        found: dict[str, Any] = {}
        numbers = {name: n for name, n in outputs.items() if n.type is not Type.LABEL}
        coarsest = fold(list(numbers.values()), partial(_coarsest, self.rounded, self.handed))
        precision = {
            name: {"dtype": p.dtype, "ulps": p.ulps}
            for name, p in zip(numbers, coarsest, strict=True)
            if p is not None
        }
        if precision:
            found["precision"] = precision
        notes = {"unseen": self.unseen, "differs": self.apart, "left out": self.without}
        found |= {key: tuple(dict.fromkeys(said)) for key, said in notes.items() if said}
        return Step(name, "approx" if self.apart else "read", dict(options), found=found)

    def _guarded(self, outputs: dict[str, Node]) -> dict[str, Node]:
        """Return the outputs, missing on rows that the model refuses."""
        made = dict(outputs)
        for condition, shown_by in self.refusals:
            shown = fold(list(outputs.values()), partial(surely_shows, shown_by))
            for (name, n), already in zip(made.items(), shown, strict=True):
                if not already:
                    made[name] = ops.where(condition, nothing(n.type), n)
        for condition, x in dict.fromkeys(self.explosions):
            shown = fold(list(outputs.values()), partial(_shows_infinite, x))
            for (name, n), already in zip(made.items(), shown, strict=True):
                if not already:
                    made[name] = ops.where(condition, nothing(n.type), n)
        for name, condition in self.spoilt.items():
            made[name] = ops.where(condition, nothing(made[name].type), made[name])
        return made


Marks = Mapping[Node, Precision]


def _coarsest(marked: Marks, handed: Marks, n: Node, *below: Precision | None) -> Any:
    """Return the coarsest rounding that a node or one below it is marked with (for `fold`)."""
    from_below = [handed.get(a) for a in n.args] if handed else []
    found = [p for p in (marked.get(n), *below, *from_below) if p is not None]
    return max(found, key=lambda p: p.relative, default=None)


def nothing(kind: Type) -> Node:
    """Return the missing number or label."""
    return ops.label(None) if kind is Type.LABEL else ops.const(np.nan)


def imputed_from(x: Node) -> tuple[Node, list[Label]]:
    """The node that x is, but for imputation, and the values that imputation replaced.

    Imputers give `where(missing(x), value, x)` or `where(x = placeholder, value, x)`.
    """
    replaced: list[Label] = []
    while x.op is ops.WHERE and x.args[0].args and x.args[0].args[0] is x.args[2]:
        test = x.args[0]
        if test.op is ops.EQUAL:
            placeholder = test.args[1].data
            replaced.append(placeholder[0] if isinstance(placeholder, tuple) else placeholder)
        x = x.args[2]
    return x, replaced


def surely_shows(marked: Collection[Node], n: Node, *below: bool) -> bool:
    """Tell whether n is missing whenever a marked node is (for `fold`)."""
    if n in marked:
        return True
    if n.op is ops.WHERE:
        return below[1] and below[2]
    if n.op in (ops.TABLE, ops.PIECEWISE):
        return below[0] and n.data.missing != n.data.missing
    return n.op.strict and any(below)


LARGEST = float(np.finfo(np.float64).max)


def _where_infinite(x: Node) -> Node:
    """Return when a node is infinite."""
    whole = x
    while x.op is ops.DIV and x.args[1].op is ops.CONST:
        x = x.args[0]
    if x.op is ops.LOG:
        return ops.equal(x.args[0], ops.const(0.0))
    if x.op is ops.LOG1P:
        return ops.equal(x.args[0], ops.const(-1.0))
    # Not where a divisor is 0: 1 / 5e-324 is infinite too.
    return ops.less(ops.const(LARGEST), ops.absolute(whole))


def _shows_infinite(marked: Node, n: Node, *below: bool) -> bool:
    """Tell whether n is infinite or missing whenever a marked node is infinite (for `fold`)."""
    if n is marked:
        return True
    if n.op is ops.WHERE:
        return below[1] and below[2]
    return n.op is ops.LIN and any(below)


def spoilers(n: Node, *below: int) -> int:
    """Return the inputs, as bits, that make n missing whenever they are (for `fold`)."""
    if n.op is ops.INPUT:
        return 1 << int(n.data)
    if n.op is ops.WHERE:
        return below[1] & below[2]
    if n.op in (ops.TABLE, ops.PIECEWISE):
        return below[0] if n.data.missing != n.data.missing else 0
    if n.op is ops.POW:  # x⁰ is 1 even of a missing x
        return below[0] if n.args[1].op is ops.CONST and n.args[1].data != 0 else 0
    return reduce(int.__or__, below, 0) if n.op.strict else 0


def _may_pass_on(marked: Collection[Node], n: Node, *below: frozenset[Node]) -> frozenset[Node]:
    """Return the marked nodes that, being missing, can make n missing (for `fold`)."""
    if n in marked:
        return frozenset([n])
    return passed_on(n, below, lambda x: x)


def _lasting(n: Node, *below: int) -> int:
    """Return what `spoilers` does, without what has the weight 0: a formula drops it."""
    if n.op is ops.LIN:
        heavy = (b for b, w in zip(below, n.data.weights, strict=True) if w != 0)
        return reduce(int.__or__, heavy, 0)
    if n.op is ops.MUL and any(a.op is ops.CONST and a.data == 0 for a in n.args):
        return 0
    return spoilers(n, *below)


def unique_names(names: Sequence[str], taken: Collection[str] = ()) -> list[str]:
    """Return the names, those that occur again followed by a number: `age`, `age (2)` …"""
    seen, made = set(taken), []
    for name in names:
        unique, count = name, 2
        while unique in seen:
            unique, count = f"{name} ({count})", count + 1
        seen.add(unique)
        made.append(unique)
    return made


def plain_label(value: Any) -> Label:
    """Return a category or class as a plain Python value: text, number or truth."""
    plain: Label = value.item() if isinstance(value, np.generic) else value
    return plain


def is_missing(value: Any) -> bool:
    """Tell whether a category stands for a missing value (None, NaN, pandas' NA)."""
    return value is None or type(value).__name__ == "NAType" or bool(value != value)
