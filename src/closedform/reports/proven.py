"""How far the formula that is shown first can be from the model at most: what is proven of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from closedform.errors import ClosedformError, first_line
from closedform.formula import Formula
from closedform.ir import Type
from closedform.reports.case import Case
from closedform.reports.markup import Html, element, joined, percent, shown
from closedform.verify.bound import certify
from closedform.verify.bound.proof import PROVEN, REFUTED, Proof, point_told
from closedform.verify.bound.properties import agreeing

SECONDS = 10.0
"""For the proof."""
ABSENT = 3
"""Inputs that may be missing in a proof: each doubles what is to be looked at."""


def proof_of(case: Case) -> Html:
    """Return what is proven of the formula shown first, or why nothing is."""
    told = [element("p", *part) if isinstance(part, tuple) else part for part in _told(case)]
    title = f"Formula {case.chosen}, which was shown first, over the whole range of the data"
    return joined(element("h3", title), told)


def _told(case: Case) -> list[Html | tuple[str | Html, ...]]:
    chosen = case.entries[case.chosen].formula
    if case.exact is None:
        return [("Nothing is proven of how far it is from the model: the model has no formula, and "
                 "between the rows that it was asked about it may say anything.",)]  # fmt: skip
    if chosen is case.exact or case.entries[case.chosen].method == "exact":
        return [("It is the exact formula: what holds for the two is said above.",)]
    try:
        return _proven(case, case.exact, chosen)
    except ClosedformError as problem:
        return [(f"Nothing is proven of how far it is from the model. {first_line(problem)}",)]


def _proven(case: Case, exact: Formula, chosen: Formula) -> list[Html | tuple[str | Html, ...]]:
    missing, notes = _missing(case)
    own, name = case.sides.target.output, case.name_in(chosen)
    options = {"X": case.sides.X, "missing": missing, "time_limit": SECONDS,
               "seed": case.sides.seed}  # fmt: skip
    if chosen.outputs[name].type is Type.REAL and exact.outputs[own].type is Type.REAL:
        proof = certify(exact.only(own), chosen.only(name), **options)
        said = _distance(case, proof)
    else:
        proof = agreeing(chosen, model=exact, **options)
        said = _agreement(proof)
    boxes = f"{proof.boxes:,} box" + "es" * (proof.boxes != 1)
    how = (f"{boxes} in {proof.seconds:.2g} s by {', '.join(proof.methods)}; "
           f"includes {', '.join(proof.included)}.")  # fmt: skip
    if proof.point:
        how += f" The worst point that the search came to: {_point(case, proof.point)}."
    return [said, *[element("p", note, class_="note") for note in (how, *notes)]]


def _point(case: Case, point: Mapping[str, Any]) -> str:
    """Return a point in words: the most important inputs first, in case it has many."""
    names = [case.sides.names[i] for i in case.leading]
    told = point_told({name: point[name] for name in names if name in point})
    return told.removesuffix(", …") + " and others" * told.endswith("…")


def _distance(case: Case, proof: Proof) -> tuple[str | Html, ...]:
    name = case.sides.target.name
    if proof.status == REFUTED:
        return (f"At some point of the ranges one of the two gives no finite number, or none at "
                f"all, and the other does: {name} is not near the model everywhere.",)  # fmt: skip
    found = f"The greatest difference that was found is {shown(proof.lower, 3)}."
    if not math.isfinite(proof.upper):
        return (f"No bound was found within {SECONDS:g} s. {found}",)
    part = proof.upper / proof.scale if proof.scale > 0 else math.inf
    if part >= 1:
        return (f"Nothing useful is proven: {name} is at most {shown(proof.upper, 3)} from the "
                "model's, and the model's own answers differ no more among themselves. "
                f"{found} How far it is on the rows stands where formula and model "
                "disagree.",)  # fmt: skip
    share = f" ({percent(part)} of the range of the model's own answers)"
    return (
        element("strong", "Proven", class_="good"),
        f": {name} is nowhere more than "
        f"{shown(proof.upper, 3)} from the model's{share}: not on the rows alone, but at every "
        f"point within the ranges of the data, also where there are no rows. {found}",
    )


def _agreement(proof: Proof) -> tuple[str | Html, ...]:
    if proof.status == PROVEN:
        return (element("strong", "Proven", class_="good"), ": it gives the model's class at every "
                "point within the ranges of the data.")  # fmt: skip
    if proof.status == REFUTED:
        return ("It does not give the model's class everywhere: a point within the ranges of the "
                "data was found where it gives another.",)  # fmt: skip
    return (f"Whether it gives the model's class everywhere was not decided within {SECONDS:g} s.",)


def _missing(case: Case) -> tuple[tuple[str, ...], list[str]]:
    """Return the inputs that are missing in some rows, and what is said where there are many."""
    features = case.sides.features
    found = [features[i].name for i in case.used if features[i].missing
             and features[i].type is not Type.LABEL
             and bool(np.isnan(case.sides.columns[i]).any())]  # fmt: skip
    if len(found) <= ABSENT:
        return tuple(found), []
    return (), ["This holds where nothing is missing."]
