"""A certificate: what was checked, on what, and how far apart it was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any

from closedform.verify.plain import Told, listed


@dataclass(frozen=True)
class Row:
    """One row on which the two sides differ most.

    Attributes:
        set: "given" or "made up".
        index: the row's label in the data (its number where it has none).
        kind: why the row was made up; "" for a given one.
        values: the inputs of the row, by name.
        expected, got: the value of the model, and that of what was checked.
    """

    set: str
    index: Any
    kind: str
    values: Mapping[str, Any]
    expected: Any
    got: Any

    def __str__(self) -> str:
        """Return where the row is, both values and its inputs."""
        what = f"made up: {self.kind}" if self.kind else f"row {self.index}"
        shown = [f"{k}={_short(v)}" for k, v in list(self.values.items())[:8]]
        more = ", …" if len(self.values) > 8 else ""
        inputs = ", ".join(shown) + more
        return f"{what}: {_short(self.got)} where {_short(self.expected)} is right ({inputs})"


@dataclass(frozen=True)
class Check:
    """One output on one set of rows.

    The relative difference of a row is |got − expected| / max(|expected|, s), where s is the
    standard deviation of what was expected on the rows given, without the 1 % at either end: near a
    zero of the output, a difference is measured against how much the output varies. Equal
    infinities differ by 0, and so do two missing values; a number against a missing value is
    counted in `missing_differ`.

    Attributes:
        output: the name of the output.
        method: what it was compared with, as "predict_proba".
        set: "given" or "made up".
        rows: how many rows were compared: those on which both sides answer.
        worst, worst_relative: the greatest difference.
        typical, typical_relative: the median difference.
        labels_differ: rows with another label, ties not counted.
        ties: rows with another label whose deciding scores are equal within rounding, and not the
            same floats on both sides; of numbers, rows that differ since others tie there for the
            last place among the nearest, or since rounding alone decides so far outside.
        missing_differ: rows on which one side is missing and the other is not.
        failing: how many rows differ by more than the tolerance, by kind ("" for given rows).
        where: the row of the worst difference; None where there is none.
        is_label: whether the output is a label, not a number.
        precision: what the model's own rounding allows, where that is more than the tolerance:
            the model computes this output in float32 or less.
    """

    output: str
    method: str
    set: str
    rows: int
    worst: float = 0.0
    worst_relative: float = 0.0
    typical: float = 0.0
    typical_relative: float = 0.0
    labels_differ: int = 0
    ties: int = 0
    missing_differ: int = 0
    failing: Mapping[str, int] = field(default_factory=dict)
    where: Row | None = None
    is_label: bool = False
    precision: str = ""

    @property
    def ok(self) -> bool:
        """Whether no row differs by more than the tolerance."""
        return not self.failing


@dataclass(frozen=True)
class Domain:
    """Who takes which rows of one set.

    Attributes:
        set: "given" or "made up".
        rows: how many rows there are.
        refused: rows that the model raises on.
        outside: rows outside the formula's domain (a missing value or unseen category that the
            model does not take).
        only_model: rows that the model refuses and the formula answers.
        only_formula: rows that the formula refuses and the model answers.
        extreme: rows of `only_model` that are far outside the data, where frameworks overflow;
            they do not count against the certificate.
        unresolved: rows in blocks that the model refuses, not told apart one by one.
        error: the first message with which the model refused.
        failed: what was said where a printed program did not compile, or failed on a row.
        where: one row of `only_model` or `only_formula`.
    """

    set: str
    rows: int
    refused: int = 0
    outside: int = 0
    only_model: int = 0
    only_formula: int = 0
    extreme: int = 0
    unresolved: int = 0
    error: str = ""
    failed: str = ""
    where: Row | None = None

    @property
    def ok(self) -> bool:
        """Whether both sides take the same rows, and at least one of those given."""
        if self.failed:
            return False
        answered = self.rows - self.refused - self.unresolved
        some = answered > 0 or self.rows == 0 or self.set != "given"
        return self.only_model <= self.extreme and not self.only_formula and some


@dataclass(frozen=True, repr=False)
class Certificate(Told):
    """What was checked, on which rows, and how far apart the two sides were.

    Attributes:
        subject: what was checked against what.
        checks: every output on every set of rows.
        domains: who takes which rows, for every set of rows.
        tolerance: the greatest relative difference that passes.
        causes: likely reasons of a failure, most telling first.
        truth: error of both sides against y, where y was given.
        provenance: versions, hashes of formula and data, seed, time.
    """

    subject: str
    checks: tuple[Check, ...]
    domains: tuple[Domain, ...]
    tolerance: float
    causes: tuple[str, ...] = ()
    truth: Mapping[str, float] = field(default_factory=dict)
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether everything agrees within the tolerance."""
        return all(c.ok for c in self.checks) and all(d.ok for d in self.domains)

    def __bool__(self) -> bool:
        """Tell whether everything agrees within the tolerance."""
        return self.ok

    @property
    def worst(self) -> float:
        """The greatest absolute difference of any output."""
        return max((c.worst for c in self.checks), default=0.0)

    @property
    def worst_relative(self) -> float:
        """The greatest relative difference of any output."""
        return max((c.worst_relative for c in self.checks), default=0.0)

    @property
    def typical_relative(self) -> float:
        """The median relative difference of the output that is worst in this."""
        return max((c.typical_relative for c in self.checks), default=0.0)

    @property
    def labels_differ(self) -> int:
        """Rows with another label, ties not counted."""
        return sum(c.labels_differ for c in self.checks)

    @property
    def ties(self) -> int:
        """Rows with another label whose deciding scores are equal within rounding, and such."""
        labels = sum(c.ties for c in self.checks if c.is_label)
        numbers = {d.set: 0 for d in self.domains}
        for c in self.checks:
            numbers[c.set] = max(numbers.get(c.set, 0), 0 if c.is_label else c.ties)
        return max(labels, sum(numbers.values()))

    @property
    def verdict(self) -> str:
        """One line: whether it agrees, how far, on how many rows."""
        rows = " + ".join(f"{d.rows:,} rows {d.set}" for d in self.domains)
        parts = [self._how_far(), rows.replace("rows made up", "made up")]
        if any(c.is_label for c in self.checks):
            parts.append(f"{self.labels_differ:,} labels differ")
        if self.ties:
            parts.append(f"{self.ties:,} at ties within rounding")
        return " · ".join(parts)

    def _how_far(self) -> str:
        if not self.ok:
            failing = sum(max(sum(c.failing.values()) for c in self.checks if c.set == s)
                          for s in dict.fromkeys(c.set for c in self.checks))  # fmt: skip
            if failing and self.worst_relative == 0 and not self.labels_differ:
                return f"DIFFERS on {failing:,} rows, missing on one side alone"
            if failing:
                return f"DIFFERS on {failing:,} rows, up to {self.worst_relative:.2g} relative"
            if any(d.failed for d in self.domains):
                return "NOT COMPARED: the program failed"
            if any(d.refused == d.rows > 0 for d in self.domains if d.set == "given"):
                return "NOT COMPARED: the model refuses every row given"
            return "DIFFERS in which rows are taken"
        if self.worst == 0:
            return "identical"
        fine = [c.worst_relative for c in self.checks if not c.precision]
        coarse = [c.worst_relative for c in self.checks if c.precision and c.set == "given"]
        said = f"exact to {max(*(fine or [self.worst_relative]), 1e-16):.1g}"
        if fine and coarse:
            said += f", and to the model's own rounding ({max(coarse):.1g})"
        return said

    def _notes(self) -> Iterator[str]:
        by: dict[str, dict[str, None]] = {}
        for check in self.checks:
            if check.precision:
                by.setdefault(check.precision, {})[check.output] = None
        for allowed, outputs in by.items():
            yield f"{_first(list(outputs))}: compared within {allowed}"
        for domain in self.domains:
            yield from _domain_lines(domain)
        for check in self.checks:
            if check.where is not None and not check.ok:
                yield f"worst for {check.output}: {check.where}"
        yield from (f"likely cause: {cause}" for cause in self.causes)
        yield from (f"against y: {name} {value:.6g}" for name, value in self.truth.items())
        shown = ("closedform", "numpy", "scikit-learn", "formula", "data", "seed", "time")
        said = [f"{k} {self.provenance[k]}" for k in shown if k in self.provenance]
        if said:
            yield " · ".join(_cut(s) for s in said)

    def __str__(self) -> str:
        """Return the certificate as compact text; the verdict is its first line."""
        about = f"  {self.subject}; tolerance {self.tolerance:g} relative"
        notes = (f"  {note}" for note in self._notes())
        return "\n".join([self.verdict, about, *_table(self.checks), *notes])

    def _repr_html_(self) -> str:
        head = self._headline(self.verdict, "#006d4e" if self.ok else "#b3261e")
        cells = "".join(
            "<tr>" + "".join(f"<td>{escape(t)}</td>" for t in _cells(*pair)) + "</tr>"
            for pair in _pairs(self.checks)
        )
        titles = "".join(f'<th scope="col">{t}</th>' for t in HEADINGS)
        return (
            f"<div>{head}<br>{escape(self.subject)}<table><thead><tr>{titles}</tr></thead>"
            f"<tbody>{cells}</tbody></table>{listed(self._notes())}</div>"
        )


HEADINGS = ("output", "against", "worst", "relative", "typical", "made up", "failing")
"""Made-up rows lie far outside the data: there, only the relative difference means something."""


def _pairs(checks: tuple[Check, ...]) -> Iterator[tuple[Check, Check | None]]:
    """Yield the checks of each output: on the rows given, and on those made up."""
    by: dict[tuple[str, str], list[Check]] = {}
    for check in checks:
        by.setdefault((check.output, check.method), []).append(check)
    for pair in by.values():
        yield pair[0], pair[1] if len(pair) > 1 else None


def _cells(given: Check, made_up: Check | None) -> tuple[str, ...]:
    both = [c for c in (given, made_up) if c is not None]
    failing = f"{sum(sum(c.failing.values()) for c in both):,}"
    if given.is_label:
        first, second = (_differ(c) for c in (given, made_up))
        return (given.output, given.method, first, "", "", second, failing)
    later = "" if made_up is None else made_up.worst_relative
    numbers = (given.worst, given.worst_relative, given.typical_relative, later)
    shown = (x if isinstance(x, str) else f"{x:.2g}" for x in numbers)
    return (given.output, given.method, *shown, failing)


def _differ(check: Check | None) -> str:
    if check is None:
        return ""
    ties = f" (+{check.ties:,} ties)" if check.ties else ""
    return f"{check.labels_differ:,} differ{ties}"


def _table(checks: tuple[Check, ...]) -> Iterator[str]:
    if not checks:
        return
    lines = [HEADINGS, *(_cells(*pair) for pair in _pairs(checks))]
    widths = [max(len(line[i]) for line in lines) for i in range(len(HEADINGS))]
    for line in lines:
        cells = [c.ljust(w) for c, w in zip(line, widths, strict=True)]
        yield "    " + "  ".join(cells).rstrip()


def _domain_lines(domain: Domain) -> Iterator[str]:
    said = {
        "outside the formula's domain": domain.outside,
        "refused by the model": domain.refused,
        "of these answered by the formula": domain.only_model,
        "refused by the formula, answered by the model": domain.only_formula,
        "refused by the model in a block, not told apart": domain.unresolved,
    }
    found = [f"{count:,} {what}" for what, count in said.items() if count]
    if found:
        yield f"rows {domain.set}: " + ", ".join(found)
    if domain.failed:
        yield f"rows {domain.set}: the program failed: {' '.join(domain.failed.split())}"
    if domain.error and not domain.ok:
        yield f"the model says: {domain.error}"
    if domain.where is not None:
        yield f"for instance {domain.where}"


def _first(names: list[str]) -> str:
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


def _short(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _cut(text: str) -> str:
    return text if len(text) <= 40 else text[:24] + "…"
