"""Shorter on a stated domain: what never happens there goes, as interval bounds prove."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from closedform import ops
from closedform.columns import columns_of
from closedform.errors import BadInput
from closedform.formula import Feature, Formula, Step
from closedform.ir import Interval, Node, Type, with_args
from closedform.ops.payloads import Label, labels_of
from closedform.passes import simplify as everywhere
from closedform.passes.rules_domain import DOMAIN_RULES, DomainRule, Known
from closedform.passes.simplify import KINDS, kept_names
from closedform.passes.slack import moved_by
from closedform.passes.units import merged_units

ROUNDS = 20
"""Rules make room for other rules: after so many rounds what is left stays."""


def simplify(
    formula: Formula, X: Any = None, *, box: Mapping[str, Any] | None = None, error: float = 0.0,
    kinds: Collection[str] = KINDS,
) -> Formula:  # fmt: skip
    """Return the formula made shorter by rules that keep its value, on a domain if one is given.

    Without a domain only those rules apply that hold everywhere. On one, units, branches, leaves
    and stretches that are never reached go, units that are the same become one, and x/x, log(x·y)
    or √x² are rewritten where bounds prove that they may be.

    Args:
        formula: any formula.
        X: rows: the domain is the range of each column, missing values only where there are any,
            and of categories those that occur.
        box: the range of inputs by name, each a pair (low, high) of numbers that are never
            missing, or for a category the labels that occur; goes before what X says.
        error: outputs may move by this much, proven over the reals: nodes that vary less than
            that allows become constants. In the units of the REAL output that moves most.
        kinds: "exact" (the same floats, on the domain) and "real" (the same over the reals).

    Returns:
        The formula; its trail states the domain, the rules that fired, and the error proven.

    Raises:
        BadInput: no such input, a range that holds nothing, an unknown kind, or a negative error.
    """
    if not (isinstance(error, int | float) and 0 <= error < math.inf):
        raise BadInput(f"An error of {error!r} bounds nothing.", hint="Give a number from 0 on.")
    formula = everywhere(formula, kinds=kinds)
    if X is None and box is None:
        return formula
    domain = Domain.of(formula.inputs, X, box or {}, formula.needed)
    formula = _by_rules(formula, domain, kinds)
    return _nearly_constant(formula, domain, error, kinds) if error else formula


@dataclass(frozen=True)
class Domain:
    """Where a formula is used.

    Attributes:
        box: the range of each REAL input, by its position; of others nothing is known.
        labels: the categories of each LABEL input that occur, by its position.
        told: the same by name, for the trail.
    """

    box: Mapping[int, Interval]
    labels: Mapping[int, frozenset[Label]]
    told: Mapping[str, Any]

    @classmethod
    def of(
        cls, inputs: tuple[Feature, ...], X: Any, box: Mapping[str, Any], needed: Any = None
    ) -> Domain:
        """Return the domain that rows and ranges by name state together.

        Raises:
            BadInput: no such input, or a range that holds nothing.
        """
        at = {feature.name: i for i, feature in enumerate(inputs)}
        if not isinstance(box, Mapping):
            raise BadInput(
                f"{box!r} is no box.", hint="Give ranges by name, as box={'age': (18, 99)}."
            )
        for name in sorted(set(box) - set(at), key=str):
            raise BadInput(
                f"The formula has no input {name!r}, of which a range is given.",
                hint="Its inputs are: " + ", ".join(at) + ".",
            )
        found = {} if X is None else dict(_of_rows(inputs, X, needed))
        found |= {at[name]: _stated(inputs[at[name]], told) for name, told in box.items()}
        numbers = {i: x for i, x in found.items() if isinstance(x, Interval)}
        labels = {i: x for i, x in found.items() if not isinstance(x, Interval)}
        told = {inputs[i].name: _told(x) for i, x in sorted(found.items())}
        return cls(numbers, labels, told)

    def known(self) -> Known:
        """Return what is known of nodes here."""
        return Known(self.box, self.labels)


def _of_rows(
    inputs: tuple[Feature, ...], X: Any, needed: Any
) -> Iterable[tuple[int, Interval | frozenset[Label]]]:
    columns, rows = columns_of(inputs, X, needed)
    if not rows:
        raise BadInput("There are no rows to take a domain from.", hint="Give X with rows.")
    for i, (feature, column) in enumerate(zip(inputs, columns, strict=True)):
        if feature.type is Type.LABEL:
            codes = np.unique(column)
            yield i, frozenset(labels_of(codes[codes >= 0]).tolist())
        else:
            numbers = column[~np.isnan(column)]
            ends = (numbers.min(), numbers.max()) if len(numbers) else (math.inf, -math.inf)
            yield i, Interval(float(ends[0]), float(ends[1]), len(numbers) < rows)


def _stated(feature: Feature, told: Any) -> Interval | frozenset[Label]:
    if isinstance(told, Interval):
        return told
    if feature.type is Type.LABEL:
        return frozenset([told] if isinstance(told, str) else told)
    try:
        lo, hi = (float(end) for end in told)
    except (TypeError, ValueError):
        lo, hi = math.nan, math.nan
    if not lo <= hi:
        raise BadInput(
            f"{told!r} is no range of {feature.name!r}.",
            hint="Give the lowest and the highest value, as box={'age': (18, 99)}.",
        )
    return Interval(lo, hi)


def _told(x: Interval | frozenset[Label]) -> Any:
    if not isinstance(x, Interval):
        return sorted(x, key=str)
    return [x.lo, x.hi, "or missing"] if x.missing else [x.lo, x.hi]


def _by_rules(formula: Formula, domain: Domain, kinds: Collection[str]) -> Formula:
    fired: Counter[tuple[str, str]] = Counter()
    for _ in range(ROUNDS):
        before = fired.total()
        became = _sweep(formula, domain.known(), kinds, fired)
        formula = _with(formula, became)
        if "real" in kinds:
            twins, gone = merged_units(formula.roots)
            if gone:
                fired["real", "units that are the same"] += gone
                formula = _with(formula, twins)
        if fired.total() == before:
            break
        # Its own step is not told: the rounds are one pass.
        formula = replace(everywhere(formula, kinds=kinds), trail=formula.trail)
    counts = {kind: {n: c for (k, n), c in fired.items() if k == kind} for kind in KINDS}
    steps = [
        Step("simplify", kind, {"domain": domain.told}, {"rules": c})
        for kind, c in counts.items()
        if c
    ]
    return replace(formula, trail=(*formula.trail, *steps))


def _with(formula: Formula, became: Mapping[Node, Node]) -> Formula:
    if not became:
        return formula
    outputs = {name: became.get(n, n) for name, n in formula.outputs.items()}
    return replace(formula, outputs=outputs, names=kept_names(formula, became))


def _sweep(
    formula: Formula, known: Known, kinds: Collection[str], fired: Counter[tuple[str, str]]
) -> dict[Node, Node]:
    table: dict[str, list[DomainRule]] = {}
    for rule in DOMAIN_RULES:
        for op in rule.ops if rule.kind in kinds else ():
            table.setdefault(op.name, []).append(rule)

    def apply(n: Node) -> Node:
        for rule in table.get(n.op.name, ()):
            made = rule.apply(n, known)
            if made is not None and made is not n:
                fired[rule.kind, rule.name] += 1
                return apply(made) if made.op is n.op else made
        return n

    became: dict[Node, Node] = {}
    for n in formula.nodes:
        became[n] = apply(with_args(n, tuple([became[a] for a in n.args])))
    return became


def _nearly_constant(
    formula: Formula, domain: Domain, error: float, kinds: Collection[str]
) -> Formula:
    """Return the formula with constants for what hardly varies, no output moving further."""
    known, width = domain.known(), error
    reals = {name: n for name, n in formula.outputs.items() if n.type is Type.REAL}
    for _ in range(12):  # a width 4096 times smaller than the error: through 60 x 60 weights
        flat = _flat(formula, known, width)
        moved = moved_by(list(reals.values()), {n: r for n, (_, r) in flat.items()}, known)
        if flat and max(moved, default=math.inf) <= error:
            shorter = _with(formula, _replaced(formula, flat))
            made = _by_rules(everywhere(shorter, kinds=kinds), domain, kinds)
            found = {"error": dict(zip(reals, moved, strict=True)), "constants": len(flat)}
            step = Step("nearly constant", "approx", {"error": error, "domain": domain.told}, found)
            return replace(made, trail=(*formula.trail, step))
        width /= 2
    return formula


Flat = dict[Node, tuple[float, float]]


def _replaced(formula: Formula, flat: Flat) -> dict[Node, Node]:
    became: dict[Node, Node] = {}
    for n in formula.nodes:
        args = tuple([became[a] for a in n.args])
        became[n] = ops.const(flat[n][0]) if n in flat else with_args(n, args)
    return became


def _flat(formula: Formula, known: Known, width: float) -> Flat:
    """Return the nodes that vary by no more than a width, their middle and their radius."""
    found: Flat = {}
    for n in formula.nodes:
        inside = known(n)
        fixed = not n.args or n.type is not Type.REAL or inside.missing or inside.empty
        if not fixed and inside.hi - inside.lo <= width:
            middle = inside.lo + (inside.hi - inside.lo) / 2
            found[n] = (middle, max(inside.hi - middle, middle - inside.lo))
    return found


__all__ = ["Domain", "simplify"]
