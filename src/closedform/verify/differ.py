"""Why does my own formula differ? A comparison, and the missing step where one explains it."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from html import escape
from typing import Any

import numpy as np

from closedform import ops
from closedform.columns import columns_of
from closedform.errors import BadExpression, BadInput
from closedform.evaluate import outside
from closedform.formula import Formula
from closedform.ir import Array, Node, Type, toposort
from closedform.ops.payloads import labels_of
from closedform.probes import plausible
from closedform.verify.case import Case, Hypothesis, Rows, sampled
from closedform.verify.certificate import Row
from closedform.verify.expression import Expression, parse
from closedform.verify.measure import worst_and_typical
from closedform.verify.numbers import (
    categories,
    coefficients,
    column_orders,
    other_units,
    single_numbers,
)
from closedform.verify.plain import plain
from closedform.verify.steps import MOST_PARTS, Change, left_out, reads, stepwise
from closedform.verify.within import inside_the_link, partly_left_out
from closedform.verify.written import written

MOST_ROWS = 20_000
"""So many rows are compared; more are drawn from at random."""
MOST_HYPOTHESES = 20_000
SECONDS = 60.0
"""So long are steps tried; an expression of 100,000 terms would take minutes."""


@dataclass(frozen=True)
class Difference:
    """How far two columns are apart; relative as in `certificate.Check`.

    Attributes:
        worst, worst_relative: the greatest difference.
        typical, typical_relative: the median difference.
        rows: how many rows differ by more than the tolerance.
    """

    worst: float
    worst_relative: float
    typical: float
    typical_relative: float
    rows: int

    def __str__(self) -> str:
        """Return both numbers in one line."""
        return (
            f"typically {self.typical:.3g}, at worst {self.worst:.3g}"
            f" ({self.worst_relative:.2g} relative)"
        )


@dataclass(frozen=True)
class Comparison:
    """What a user's own expression has to do with a formula.

    Attributes:
        verdict: one sentence: that they agree, which step is missing, or that none explains it.
        agrees: whether they agree on every row, within the tolerance or within what the rounding of
            the expression's own numbers allows.
        explained: whether putting the step right makes them agree on every row: that is the proof.
        step: the kind of the step, as "transform", "link" or "units"; "" where there is none.
        output: the output compared.
        expression: the user's own.
        rows: how many rows were compared.
        before: how far they are apart.
        after: how far they are apart once the step is put right; None where none explains it.
        where: the row on which they are furthest apart.
        advice: what to write.
        corrected: the corrected expression, where it is short.
        influences: which inputs drive the difference, strongest first: (name, share of it).
    """

    verdict: str
    agrees: bool
    explained: bool
    step: str
    output: str
    expression: str
    rows: int
    before: Difference
    after: Difference | None = None
    where: Row | None = None
    advice: tuple[str, ...] = ()
    corrected: str = ""
    influences: tuple[tuple[str, float], ...] = ()

    def __bool__(self) -> bool:
        """Tell whether they agree."""
        return self.agrees

    def _notes(self) -> Iterator[str]:
        rows = f"{self.rows:,} rows, {self.before.rows:,} of them apart"
        yield f"your expression against {self.output}: {self.before} ({rows})"
        if self.after is not None:
            yield f"with this put right: {self.after}"
        if self.step == "" and not self.agrees and self.where is not None:
            yield f"furthest apart at {self.where}"
        if self.influences:
            told = ", ".join(f"{name} ({share:.0%})" for name, share in self.influences)
            yield f"the difference changes with: {told}"
        yield from self.advice
        if self.corrected:
            yield f"corrected: {self.corrected}"

    def __str__(self) -> str:
        """Return the verdict, and what supports it."""
        return "\n  ".join([self.verdict, *self._notes()])

    def __repr__(self) -> str:
        """Return the text, which is what a console should show."""
        return str(self)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain values."""
        made: dict[str, Any] = plain(asdict(self))
        return made

    def to_json(self, *, indent: int | None = 2) -> str:
        """Return `to_dict()` as JSON text."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False)

    def _repr_html_(self) -> str:
        notes = "".join(f"<li>{escape(note)}</li>" for note in self._notes())
        return f"<div><strong>{escape(self.verdict)}</strong><ul>{notes}</ul></div>"


def compare(
    formula: Formula, expression: str, X: Any = None, *, output: str | None = None,
    tolerance: float = 1e-6, names: Mapping[str, str] | Sequence[str] | None = None, seed: int = 0,
) -> Comparison:  # fmt: skip
    """Say where a user's own expression differs from the formula, and which step is missing.

    Every step that could be missing is put right in turn, in the expression or in the formula; the
    one after which both sides agree on every row is named. Nothing else is: if no step makes them
    agree, the comparison says so, and where they are furthest apart.

    Args:
        formula: the formula.
        expression: as "1.2*age + 0.3*bmi - 4"; see `expression.parse` for what it may hold.
        X: rows; None: plausible ones are made up.
        output: the output that the expression is meant to be; default: the prediction, and for a
            classifier any of its probabilities, decision values and labels.
        tolerance: the greatest relative difference that counts as agreement.
        names: other names that the expression uses for the inputs: a mapping from them to the
            formula's, or a sequence in the order of its inputs.
        seed: of the random draws.

    Raises:
        BadExpression: the expression cannot be parsed; every unknown name is listed.
        BadInput: X does not fit the formula, or there is no such output.
    """
    parsed = parse(expression, formula, _mapping(formula, names))
    rows, labels = _rows(formula, parsed, X, seed)
    case = _case(formula, parsed, _outputs(formula, parsed, output), rows, tolerance, seed)
    found = next((h for h in _same(case, case.outputs) if case.holds(h)), None)
    if found is not None:
        return _agreeing(case, found, labels)
    if parsed.open.type is Type.LABEL:
        return _unexplained(case, labels)
    last = time.perf_counter() + SECONDS
    for count, h in enumerate(_hypotheses(case)):
        if case.holds(h):
            return _explained(case, h, labels)
        if count >= MOST_HYPOTHESES or time.perf_counter() > last:
            return _unexplained(case, labels, " Not all were tried: the expression is too long.")
    return _unexplained(case, labels)


def _mapping(formula: Formula, names: Mapping[str, str] | Sequence[str] | None) -> dict[str, str]:
    if names is None or isinstance(names, Mapping):
        return dict(names or {})
    if len(names) != len(formula.inputs):
        raise BadInput(f"{len(names)} names were given for {len(formula.inputs)} inputs.")
    return {str(mine): f.name for mine, f in zip(names, formula.inputs, strict=True)}


def _rows(formula: Formula, parsed: Expression, X: Any, seed: int) -> tuple[Rows, Any]:
    """Return the rows to compare on, and the label of each in the data."""
    X = plausible(formula, rows=1000, seed=seed) if X is None else X
    columns, count = columns_of(formula.inputs, X, formula.needed)
    usable = np.flatnonzero(~outside(formula, X))
    if not len(usable):
        raise BadInput("There is no row that the model takes.", hint="Give rows of its own data.")
    if len(usable) > MOST_ROWS:
        usable = np.random.default_rng(seed).choice(usable, MOST_ROWS, replace=False)
    index = np.asarray(X.index) if hasattr(X, "iloc") else np.arange(count)
    kept = [c[usable] for c in columns]
    numbers = [np.broadcast_to(np.float64(x.value), len(usable)) for x in parsed.literals]
    return Rows([*kept, *numbers], len(usable)), index[usable]


def _outputs(formula: Formula, parsed: Expression, output: str | None) -> dict[str, Node]:
    """Return the outputs that the expression may be meant to be."""
    if output is None and parsed.left in formula.outputs:
        output = parsed.left
    if output is not None and output not in formula.outputs:
        raise BadInput(
            f"The formula has no output {output!r}.",
            hint="Its outputs are: " + ", ".join(formula.outputs) + ".",
        )
    wanted = [output] if output else _likely_outputs(formula)
    type_ = parsed.open.type
    found = {n: formula.outputs[n] for n in wanted if formula.outputs[n].type is type_}
    if type_ is Type.REAL:
        labels = [n for n in wanted if formula.outputs[n].type is Type.LABEL]
        found |= {n: made for n in labels if (made := _as_number(formula, n)) is not None}
    if not found:
        raise BadExpression(
            f"The expression is a {type_.value} value, and {', '.join(wanted)} is not.",
            hint="Compare it with another output: output=…; there are: "
            + ", ".join(formula.outputs) + ".",
        )  # fmt: skip
    return found


def _as_number(formula: Formula, name: str) -> Node | None:
    """Return a label whose classes are numbers as such: they may be meant so."""
    classes = formula.task.of(name).classes
    if not all(isinstance(c, int | float) for c in classes):
        return None
    return ops.table(formula.outputs[name], {c: float(c) for c in classes})


def _likely_outputs(formula: Formula) -> list[str]:
    # The chance of the last class first: of two, that is what an equation usually gives.
    names = [*formula.task.probability[::-1], *formula.task.decision, *formula.primary]
    return [n for n in dict.fromkeys(names) if n in formula.outputs] or list(formula.outputs)


def _case(
    formula: Formula, parsed: Expression, outputs: dict[str, Node], rows: Rows, tolerance: float,
    seed: int,
) -> Case:  # fmt: skip
    if parsed.open.type is Type.LABEL:
        # Of labels one can only say whether they are the same: 0, or 1 where they differ.
        apart = {
            name: ops.where(ops.equal(parsed.open, theirs), ops.const(0), ops.const(1))
            for name, theirs in outputs.items()
        }
        outputs, mine = apart, ops.const(0)
        parsed = replace(parsed, open=mine)
    first = rows.values([next(iter(outputs.values()))])[0]
    return Case(formula, parsed, outputs, rows, sampled(rows, first, seed), tolerance)


# --- what is tried, in which order --------------------------------------------------------------


def _same(case: Case, outputs: Mapping[str, Node]) -> Iterator[Hypothesis]:
    for name, theirs in outputs.items():
        yield Hypothesis("", "", case.mine, theirs, name)


def _hypotheses(case: Case) -> Iterator[Hypothesis]:
    """Yield all that is tried, the likeliest and simplest first.

    What the model itself does comes before any number that is merely fitted, since fitted numbers
    explain more than they should.
    """
    steps = list(stepwise(case))
    yield from _another_output(case)
    yield from (h for h in steps if "+" not in h.step and ". The" not in h.says)
    yield from column_orders(case, case.mine)
    yield from other_units(case, case.mine)
    yield from partly_left_out(case, case.mine)
    yield from single_numbers(case, case.mine)
    yield from inside_the_link(case)
    yield from steps
    yield from categories(case, case.mine)
    for change in left_out(case):
        yield from (_with(change, h) for h in _after(case, change))
    yield from coefficients(case, case.mine)


def _after(case: Case, change: Change) -> Iterator[Hypothesis]:
    """Yield what may be wrong besides a step that was left out."""
    mine = change.wrap(case.mine)
    yield from column_orders(case, case.mine, change.wrap)
    yield from other_units(case, mine)
    yield from single_numbers(case, mine)
    yield from categories(case, mine)


def _with(change: Change, h: Hypothesis) -> Hypothesis:
    return replace(
        h, step=f"{change.step}+{h.step}", says=f"{change.says} {h.says}",
        advice=(*change.advice, *h.advice),
    )  # fmt: skip


def _another_output(case: Case) -> Iterator[Hypothesis]:
    """Yield the outputs that the user did not ask for."""
    for name, theirs in case.formula.outputs.items():
        if name not in case.outputs and theirs.type is Type.REAL:
            wanted = next(iter(case.outputs))
            decision = name in case.formula.task.decision
            says = f"Your expression is {name}, not {wanted}."
            if decision:
                says = f"The link is missing: your expression is {name}, the score before it."
            step = "link" if decision else "class"
            yield Hypothesis(step, says, case.mine, theirs, wanted, corrected=False)


# --- what is said -------------------------------------------------------------------------------


def _difference(case: Case, mine: Node, theirs: Node) -> Difference:
    apart = case.gap(case.rows, mine, theirs)
    worst, typical = worst_and_typical(apart.absolute)
    worst_relative, typical_relative = worst_and_typical(apart.relative)
    over = int(apart.over(case.tolerance).sum())
    return Difference(worst, worst_relative, typical, typical_relative, over)


def _comparison(case: Case, output: str, labels: Array, **said: Any) -> Comparison:
    theirs = case.outputs[output]
    return Comparison(
        output=output,
        expression=case.expression.text if len(case.expression.text) < 2000 else
        case.expression.text[:2000] + "…",
        rows=case.rows.count,
        before=_difference(case, case.mine, theirs),
        where=_furthest(case, theirs, labels),
        **said,
    )  # fmt: skip


def _agreeing(case: Case, h: Hypothesis, labels: Array) -> Comparison:
    made = _comparison(
        case, h.output, labels, verdict="", agrees=True, explained=False, step="",
        corrected="",
    )  # fmt: skip
    what = f"They agree: your expression is {h.output}"
    if made.before.rows:
        verdict = f"{what}, up to the rounding of its numbers ({made.before.worst:.2g} at worst)."
    else:
        how = f"to {made.before.worst_relative:.1g}" if made.before.worst else "exactly"
        verdict = f"{what}, on {made.rows:,} rows, {how}."
    return replace(made, verdict=verdict)


def _explained(case: Case, h: Hypothesis, labels: Array) -> Comparison:
    return _comparison(
        case, h.output, labels,
        verdict=h.says,
        agrees=False,
        explained=True,
        step=h.step,
        after=_difference(case, h.mine, h.theirs),
        advice=h.advice,
        corrected=written(case, h.mine) if h.corrected else "",
    )  # fmt: skip


def _unexplained(case: Case, labels: Array, remark: str = "") -> Comparison:
    # Classes taken for numbers come last: they are the unlikeliest to be meant.
    outputs = [n for n in case.outputs if n != "label"] or list(case.outputs)
    apart = [_difference(case, case.mine, case.outputs[n]).typical_relative for n in outputs]
    best = outputs[int(np.argmin(np.nan_to_num(apart, nan=np.inf)))]
    return _comparison(
        case, best, labels,
        verdict="They differ, and no single step that was tried explains it." + remark,
        agrees=False,
        explained=False,
        step="",
        influences=tuple(_influences(case, case.outputs[best])),
    )  # fmt: skip


def _furthest(case: Case, theirs: Node, labels: Array) -> Row | None:
    apart = case.gap(case.rows, case.mine, theirs)
    worst = int(apart.badness.argmax())
    if apart.badness[worst] == 0:
        return None
    got, expected = (float(c[worst]) for c in case.rows.values([case.mine, theirs]))
    values = {
        f.name: labels_of(c[worst : worst + 1])[0] if f.type is Type.LABEL else float(c[worst])
        for f, c in zip(case.formula.inputs, case.rows.columns, strict=False)
    }
    index = labels[worst]
    plain_index = index.item() if isinstance(index, np.generic) else index
    return Row("given", plain_index, "", values, expected, got)


def _influences(case: Case, theirs: Node) -> list[tuple[str, float]]:
    """Return the inputs that drive the difference: how much it changes when one is shuffled."""
    apart = ops.lin(0, (1, case.mine), (-1, theirs))
    if len(toposort([apart])) > MOST_PARTS:
        return []  # as long again as all the steps that were tried
    part = case.rows.take(np.arange(min(2000, case.rows.count)))
    random = np.random.default_rng(0)
    before = part.values([apart])[0]
    found: dict[str, float] = {}
    for i in sorted(x for x in reads(apart) if x < case.expression.first):
        columns = list(part.columns)
        columns[i] = random.permutation(columns[i])
        moved = np.abs(Rows(columns, part.count).values([apart])[0] - before)
        finite = moved[np.isfinite(moved)]
        found[case.formula.inputs[i].name] = float(finite.mean()) if len(finite) else 0.0
    total = sum(found.values()) or 1.0
    ranked = sorted(found.items(), key=lambda item: -item[1])
    return [(name, share / total) for name, share in ranked[:4] if share > 0.01 * total]
