"""What the failing rows of a certificate have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from closedform.verify.certificate import Check, Domain

Kinds = dict[str, int]

RULES: tuple[tuple[Callable[[Kinds, Kinds], bool], str], ...] = (
    (
        lambda failing, rows: set(failing) == {"threshold"},
        "only rows at thresholds differ: splits are compared in another precision, or < for <=",
    ),
    (
        lambda failing, rows: set(failing) <= {"missing"},
        "only rows with missing values differ: they take another branch or are filled otherwise",
    ),
    (
        lambda failing, rows: set(failing) <= {"unseen"},
        "only unseen categories differ: the model encodes them otherwise",
    ),
    (
        lambda failing, rows: set(failing) <= {"unseen", "category"},
        "only rows with certain categories differ: an encoder's table is not the same",
    ),
    (
        lambda failing, rows: set(failing) <= {"far", "huge"},
        "only rows far outside the data differ: rounding grows there, or another overflow",
    ),
    (
        lambda failing, rows: failing.get("", 0) >= 0.9 * rows.get("", 1),
        "nearly every row differs: a step of the model is missing, or this is another model",
    ),
)
"""From what fails (rows by kind) to what is likely behind it; the first that holds is told."""


def likely_causes(checks: Sequence[Check], domains: Sequence[Domain]) -> tuple[str, ...]:
    """Return likely reasons of a failure, in words; none where nothing fails."""
    failing: Kinds = {}
    for check in checks:
        for kind, count in check.failing.items():
            failing[kind] = max(failing.get(kind, 0), count)
    found = list(_about_domains(domains))
    if failing:
        rows = {"" if d.set == "given" else d.set: d.rows for d in domains}
        found += [next((said for holds, said in RULES if holds(failing, rows)), _listed(failing))]
    if any(c.missing_differ for c in checks):
        found.append("one side is missing where the other is a number")
    return tuple(found)


def _listed(failing: Kinds) -> str:
    parts = [f"{count:,} {kind or 'given'}" for kind, count in failing.items()]
    return "rows of several kinds differ: " + ", ".join(parts)


def _about_domains(domains: Sequence[Domain]) -> list[str]:
    found = []
    if any(d.refused == d.rows > 0 for d in domains if d.set == "given"):
        found.append(
            "the model refuses every row given, as it says: are these the rows that it takes?"
        )
    elif any(d.only_model > d.extreme for d in domains):
        found.append("the model refuses rows that the formula answers")
    if any(d.only_formula for d in domains):
        found.append("the formula's domain is narrower than the model's")
    return found
