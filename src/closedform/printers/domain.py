"""For which rows a formula holds: missing values, categories, and what happens to them."""

from __future__ import annotations

from collections.abc import Iterator

from closedform.formula import Feature, Formula
from closedform.ir import Type
from closedform.printers.blocks import Sentence
from closedform.printers.scribe import Scribe

FEW_NAMES = 12


def domain(formula: Formula, scribe: Scribe, *, rows: int | None = None) -> Iterator[Sentence]:
    """Yield one sentence for each restriction on the inputs.

    Args:
        rows: how many names are listed at most; None lists them all.
    """
    needed = [f for f in formula.inputs if not f.missing]
    if len(needed) == 1:
        yield Sentence("{0} must not be missing.", (scribe.spoken(needed[0].name),))
    elif needed and len(needed) == len(formula.inputs):
        yield Sentence("No input may be missing.")
    elif needed:
        names, more = _listed([scribe.spoken(f.name) for f in needed], rows)
        places = ", ".join(f"{{{i}}}" for i in range(len(names)))
        yield Sentence(f"These must not be missing: {places}{more}.", tuple(names))
    # Also of an input that nothing reads: the model refuses such a row, and so does the formula.
    for feature in formula.inputs:
        if feature.type is Type.LABEL and feature.categories is not None and not feature.unseen:
            yield _known(feature, scribe, rows)


def _known(feature: Feature, scribe: Scribe, rows: int | None) -> Sentence:
    words, more = _listed([scribe.word(c) for c in feature.categories or ()], rows)
    places = ", ".join(f"{{{i}}}" for i in range(1, len(words) + 1))
    return Sentence(f"{{0}} is one of {places}{more}.", (scribe.spoken(feature.name), *words))


def _listed(names: list[str], rows: int | None) -> tuple[list[str], str]:
    if rows is None or len(names) <= rows:
        return names, ""
    return names[:rows], f" and {len(names) - rows} more"
