"""Proofs: how far a formula is from its model at every point of a box, and what holds there.

`certify` bounds the greatest difference; `prove` decides other claims (`CLAIMS`);
`certify_around` proves both in small boxes around rows; `certify_sampled` says with a probability
what cannot be proven. `certified` is what `formula.certify` calls: it picks among them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from closedform.formula import Formula
from closedform.progress import Wanted, watching
from closedform.verify.bound.difference import certify
from closedform.verify.bound.local import LocalProof, certify_around
from closedform.verify.bound.named import from_zero, taken
from closedform.verify.bound.proof import Proof
from closedform.verify.bound.properties import CLAIMS, LIMIT, prove
from closedform.verify.bound.statistical import Statistic, certify_sampled, least_agreement

__all__ = [
    "CLAIMS",
    "Certified",
    "LocalProof",
    "Proof",
    "Statistic",
    "certified",
    "certify",
    "certify_around",
    "certify_sampled",
    "least_agreement",
    "prove",
]

KINDS: dict[str, tuple[str, Callable[..., Any]]] = {
    "fresh": ("fresh rows", certify_sampled),
    "radius": ("boxes around rows", certify_around),
    "box": ("a box", certify),
}
"""What each kind is called, and what makes it."""
Certified = Proof | LocalProof | Statistic


def certified(
    formula: Formula, model: Any, box: Any, read: Callable[[Any], Formula], *,
    radius: float | None = None, fresh: Any = None, X: Any = None, progress: Wanted = None,
    **options: Any,
) -> Certified:  # fmt: skip
    """Return what can be said of how far a formula is from a model, of the kind that is asked for.

    Args:
        formula: what is judged.
        model: a formula, or a model that can be read as one.
        box: over which inputs: a proof over all of it, see `certify`.
        read: what reads a model.
        radius: with rows X: proofs in boxes around them, see `certify_around`.
        fresh: rows that nothing was fitted on: a statistical statement, see `certify_sampled`.
        X: rows from which the box, or the boxes, are taken.
        progress: as of `frontier`.
        options: those of the function.
    """
    kind = "fresh" if fresh is not None else "radius" if radius is not None else "box"
    taken(f"A statement over {KINDS[kind][0]}", KINDS[kind][1], options)
    limit = options.get("time_limit", LIMIT) if kind == "box" else math.inf
    from_zero(time_limit=limit)
    with watching(progress, f"proof: {KINDS[kind][0]}", float(limit)):
        exact = model if isinstance(model, Formula) else read(model)
        if fresh is not None:
            return certify_sampled(exact, formula, fresh, **options)
        if radius is not None:
            return certify_around(exact, formula, X, radius, **options)
        return certify(exact, formula, box, X=X, **options)
