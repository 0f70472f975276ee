"""The sections for the file: certificates, provenance, and what a validator asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from closedform.formula import Formula
from closedform.reports.case import Case
from closedform.reports.checked import Slope
from closedform.reports.markup import (
    Html,
    Part,
    capital,
    element,
    joined,
    percent,
    shown,
    table,
    words,
)
from closedform.verify import Certificate

MOST = 40
"""Rows of a table of outputs or inputs; what has more is told in short."""
KINDS = {
    "read": "all of the model, nothing fitted",
    "exact": "exact: the same floats",
    "real": "the same over the reals",
    "approx": "approximate",
}
"""What a step may do to a formula, in words."""


def certificates_of(case: Case, certificate: Certificate | str) -> Html:
    """Return what was checked of the exact formula, and what is sure of the shorter ones."""
    if not isinstance(certificate, Certificate):
        return element("p", certificate)
    agrees = "The exact formula and the model agree." if certificate.ok else "They DIFFER."
    rows = [
        (c.output, words(c.method), words(c.set), f"{c.rows:,}", *_differences(c))
        for c in certificate.checks[: 2 * MOST]
    ]
    heads = ("Output", words("Against"), words("Rows"), "How many", "Worst", "Relative", "Typical",
             "Failing")  # fmt: skip
    notes = [f"{name} against y: {shown(value)}" for name, value in certificate.truth.items()]
    notes += list(certificate.causes)
    return joined(
        element("p", element("strong", agrees, class_="good" if certificate.ok else "bad"),
                f" {capital(certificate.verdict)}."),
        element("p", "The model's own answers beside the formula's: on the rows given, and on rows "
                "made up where formulas and models fall apart (thresholds ± one bit, corners, far "
                "outside, missing and unseen values). Tolerance: "
                f"{certificate.tolerance:g} relative."),
        table(heads, rows, "Every output on every set of rows", class_="numbers"),
        [element("p", note, class_="note") for note in notes],
    )  # fmt: skip


def _differences(check: Any) -> tuple[str, ...]:
    failing = f"{sum(check.failing.values()):,}"
    if check.is_label:
        return (f"{check.labels_differ:,} differ", "", f"{check.ties:,} ties", failing)
    numbers = (check.worst, check.worst_relative, check.typical_relative)
    return (*(f"{v:.2g}" for v in numbers), failing)


def provenance_of(case: Case, made: Mapping[str, str]) -> Html:
    """Return every step from a raw column to the output, and what the page was made of."""
    chosen = case.entries[case.chosen]
    read = case.exact or chosen.formula
    parts: list[Part] = []
    if read.stages:
        steps = [element("li", _stage(s)) for s in read.stages[:MOST]]
        parts += [element("h3", "Inside the model"), element("ol", steps)]
        if len(read.stages) > MOST:
            parts.append(element("p", f"… and {len(read.stages) - MOST} more.", class_="note"))
    parts += [
        element("h3", "From the model to the formula shown first"),
        element("ol", [element("li", line) for line in _trail(chosen.formula)]),
        element("h3", "Versions, seed and hashes"),
        table(("What", "Which"), list(made.items()), "What this page was made of", class_="made"),
    ]
    return joined(*parts)


def _stage(stage: Any) -> Html:
    before, after = (_names([n for n, _ in side]) for side in (stage.before, stage.after))
    return joined(element("b", stage.name), f" ({stage.kind}): ", before, " → ", after)


def _names(names: Sequence[str]) -> str:
    more = f" … ({len(names)} in all)" if len(names) > 6 else ""
    return ", ".join(names[:6]) + more


def _trail(formula: Formula) -> Iterator[Html]:
    for step in formula.trail:
        told = [f"{k}: {_plain(v)}" for k, v in (*step.options.items(), *step.found.items())]
        kept = [t for t in told if len(t) < 90]
        more = f" ({'; '.join(kept)})" if kept else ""
        yield joined(element("b", step.name), f" – {KINDS.get(step.kind, step.kind)}{more}")


def _plain(value: Any) -> str:
    return shown(value) if isinstance(value, float) else str(value)


def appendix_of(
    case: Case, inputs: Sequence[Mapping[str, Any]], slopes: Sequence[Slope], purpose: str
) -> Html:
    """Return what the documentation of a model asks for: purpose, data, limits, slopes."""
    field = element("textarea", purpose, id="purpose", rows=4, aria_describedby="purpose-note")
    return joined(
        element("h3", element("label", "Purpose and owner", for_="purpose")),
        field,
        element("p", "For the owner to fill in: what the model is used for, by whom, and what for "
                "it must not be used. What is written here leaves this page only in a saved copy. ",
                element("button", "Save a copy of this page", type="button", id="save"),
                id="purpose-note", class_="note"),
        element("h3", "Ranges of the data"),
        table(("Input", "Least", "Typical", "Greatest", "Missing", words("Kind")),
              [_range(i) for i in inputs[:MOST]], "The inputs that are read", class_="numbers"),
        _more(len(case.used) - min(len(inputs), MOST)),
        element("h3", "Limits of validity"),
        element("ul", [element("li", limit) for limit in _limits(case)]),
        element("h3", "Monotonicity"), _slopes(case, slopes),
    )  # fmt: skip


def _more(count: int) -> Html | None:
    return element("p", f"… and {count:,} more inputs.", class_="note") if count > 0 else None


def _range(entry: Mapping[str, Any]) -> tuple[Part, ...]:
    missing = percent(entry["missing"])
    if entry["kind"] == "number":
        kind = "whole numbers" if entry["whole"] else "numbers"
        return (entry["name"], shown(entry["lo"]), shown(entry["typical"]), shown(entry["hi"]),
                missing, words(kind))  # fmt: skip
    values = [str(v["value"]) for v in entry["values"]]
    told = f"{len(values) + entry['more']} categories: " + ", ".join(values[:8])
    return (entry["name"], "", values[0] if values else "–", "", missing,
            words(told + (" …" if len(values) > 8 else "")))  # fmt: skip


def _limits(case: Case) -> Iterator[str]:
    yield ("Nothing here says anything of cases outside of the ranges above, or of combinations "
           "that the data do not hold. The controls of this page warn of both.")  # fmt: skip
    yield (f"Errors were measured on {case.front.rows:,} rows kept aside from the search, "
           "drawn from the rows given: on rows of another origin they may be greater.")  # fmt: skip
    if not case.observed:
        yield "No observed values were given: how near the model is to the truth is not known here."
    read = case.exact or case.entries[-1].formula
    features = [read.inputs[i] for i in case.used if i < len(read.inputs)]
    refuses = [f.name for f in features if not f.missing]
    if refuses:
        yield f"May not be missing: {_names(refuses)}."
    closed = [f.name for f in features if f.categories is not None and not f.unseen]
    if closed:
        yield f"Takes no category that it has not seen: {_names(closed)}."
    for name, found in read.precision.items():
        yield f"The model itself computes {name} to {found}."
    unread = [f.name for i, f in enumerate(case.sides.features) if i not in case.used]
    if unread:
        yield f"Given, but not read by the model: {_names(unread)}."


def _slopes(case: Case, slopes: Sequence[Slope]) -> Html:
    if not slopes:
        return element("p", "Nothing is proven of slopes: this formula reads no number.")
    name = case.sides.target.name
    told = {"rises": f"{name} never falls as it grows", "falls": f"{name} never rises as it grows",
            "does both": f"{name} rises here and falls there"}  # fmt: skip
    rows = [(s.name, told.get(s.verdict, s.verdict), s.how) for s in slopes]
    caption = "Of the formula shown first, over the ranges of the data"
    return table(("Input", "What is proven", "How"), rows, caption)
