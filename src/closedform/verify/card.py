"""A model card: what a formula is, takes and was checked on, in Markdown.

After Mitchell et al., Model cards for model reporting (2019): what a formula can say of itself. Who
may use it, and for what, is for its owner to add.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from html import escape
from typing import Any

from closedform.about import __version__
from closedform.errors import BadInput
from closedform.formula import Feature, Formula
from closedform.ir import Type
from closedform.passes.domain import Domain
from closedform.verify.plain import Told

MOST = 50
"""Inputs, classes and categories that are listed; of more, it is said how many there are."""
KINDS = {
    "read": "read from the model", "exact": "gives the same floats",
    "real": "gives the same over the reals", "approx": "moves the answers",
}  # fmt: skip


def card(formula: Formula, X: Any = None, *, certificate: Told | None = None) -> str:
    """Return what a formula can say of itself, as a section of a model card in Markdown.

    Args:
        formula: what it is about.
        X: rows that it is for: the card says the range of each input, and shows no row.
        certificate: what `verify`, `certify` or `prove` returned.

    Raises:
        BadInput: the rows do not fit the formula, or the certificate is none.
    """
    if not (certificate is None or isinstance(certificate, Told)):
        raise BadInput(
            f"certificate={certificate!r:.60} is no certificate.",
            hint="Give what formula.verify(model, X) returns.",
        )
    domain = None if X is None else Domain.of(formula.inputs, X, {}, formula.needed)
    _, _, text = str(formula).partition("\n")  # its first line is its summary
    parts = [
        f"## {inline(formula.source or 'Formula')}", _about(formula), "### Formula", fenced(text),
        "### Inputs", _inputs(formula, domain), "### How it came to be", _steps(formula),
    ]  # fmt: skip
    if certificate is not None:
        parts += ["### What was checked", checked(certificate)]
    limits = _limits(formula, domain, certificate)
    parts += ["### Limits", "\n".join(f"- {line}" for line in limits)]
    return "\n\n".join([*parts, f"Written by closedform {__version__}."]) + "\n"


def checked(certificate: Told) -> str:
    """Return a certificate in Markdown: its verdict, and all that it says."""
    _, _, more = str(certificate).partition("\n")
    return f"**{inline(certificate.verdict)}**\n\n{fenced(more)}"


def _about(formula: Formula) -> str:
    task = formula.task
    told = [f"A formula: {inline(formula.summary())}.",
            f"It predicts {_named(formula.answer)} ({task.kind})."]  # fmt: skip
    if task.classes:
        told.append(f"The classes are {_named(map(str, task.classes))}.")
    others = [name for name in formula.outputs if name not in formula.answer]
    if others:
        told.append(f"It also gives {_named(others)}.")
    return " ".join(told)


def _inputs(formula: Formula, domain: Domain | None) -> str:
    heads = ("input", "kind", "missing values", "values seen" if domain else "values known")
    rows = [
        (inline(f.name), "number" if f.type is Type.REAL else "category",
         "taken" if f.missing else "refused", _values(f, domain))
        for i, f in enumerate(formula.inputs) if i in formula.needed
    ]  # fmt: skip
    lines = [heads, tuple("---" for _ in heads), *rows[:MOST]]
    table = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    if len(rows) > MOST:
        table += f"\n\nand {len(rows) - MOST:,} more."
    idle = len(formula.inputs) - len(rows)
    return table + (f"\n\nOf {idle:,} other inputs the formula reads nothing." if idle else "")


def _values(feature: Feature, domain: Domain | None) -> str:
    seen = None if domain is None else domain.told.get(feature.name)
    if feature.type is Type.REAL:
        return " to ".join(f"{v:.6g}" for v in seen[:2]) if seen and seen[0] <= seen[1] else ""
    return _named(map(str, seen or feature.categories or ()))


def _steps(formula: Formula) -> str:
    steps = [f"{i}. {inline(s.name)}: {KINDS.get(s.kind, inline(s.kind))}{_found(s.found)}"
             for i, s in enumerate(formula.trail, 1)]  # fmt: skip
    return "\n".join(steps) or "It was written, not read from a model."


def _found(found: Any) -> str:
    plain = {k: v for k, v in found.items() if isinstance(v, int | float | str)}
    told = (f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in plain.items())
    return f" ({inline(', '.join(told))})" if plain else ""


def _limits(formula: Formula, domain: Domain | None, certificate: Told | None) -> Iterator[str]:
    if domain is not None:
        yield "Outside of the ranges above nothing was seen: there it extrapolates."
    if certificate is None:
        yield "How far it is from its model has not been checked for this card."
    if any(s.kind == "approx" for s in formula.trail):
        yield "It is an approximation: its answers are not those of its model."
    refused = [f.name for i, f in enumerate(formula.inputs)
               if i in formula.needed and not f.missing]  # fmt: skip
    if refused:
        yield f"It has no answer where one of these is missing: {_named(refused)}."
    closed = [f.name for f in formula.inputs if f.categories is not None and not f.unseen]
    if closed:
        yield f"It has no answer for a category that its model did not know: {_named(closed)}."
    yield "A formula says what its model says, and not whether that is right."


def _named(names: Iterable[str]) -> str:
    listed = list(names)
    shown = ", ".join(inline(name) for name in listed[:MOST])
    return shown + (f" and {len(listed) - MOST:,} more" if len(listed) > MOST else "")


def inline(text: str) -> str:
    """Return a text that Markdown, and HTML in it, show as it is, on one line."""
    plain = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return re.sub(r"([\\`*_{}\[\]#|~$@:])", r"\\\1", escape(plain, quote=False))


def fenced(text: str) -> str:
    """Return a text as a block of code, with a fence that it cannot end itself."""
    runs = [len(run) for run in re.findall("`+", text)]
    fence = "`" * max(3, 1 + max(runs, default=0))
    plain = "".join(c if c.isprintable() or c == "\n" else " " for c in text)
    return f"{fence}text\n{plain.strip(chr(10))}\n{fence}"
