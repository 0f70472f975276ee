"""What was checked and proven for the report: certificates, slopes, versions and hashes."""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

import numpy as np

from closedform.about import __version__
from closedform.errors import ClosedformError, first_line
from closedform.explanations.sides import MODEL
from closedform.formula import Formula
from closedform.ir import Type
from closedform.reports.case import Case
from closedform.store import content_hash
from closedform.verify import Certificate, verify
from closedform.verify.bound import prove
from closedform.verify.bound.proof import PROVEN, REFUTED, Proof
from closedform.verify.provenance import PACKAGES, hash_of_rows

CELLS, LEAST, MOST = 200_000, 300, 20_000
"""Values of rows that are made up to compare formula and model on, and the rows themselves: what a
model refuses is asked about row by row, which took minutes for 20,000 rows of 300 inputs."""
SLOPES = 10.0
"""Seconds for all proofs about slopes together."""
EACH = 1.0
"""Seconds for one of them."""
STEEP = 12
"""Inputs whose slopes are looked at."""
FRAMEWORKS = {
    "xgboost": "xgboost", "lightgbm": "lightgbm", "catboost": "catboost", "torch": "torch",
    "keras": "keras", "onnx": "onnx", "jax": "jax", "statsmodels": "statsmodels",
}  # fmt: skip
"""Those whose version is told where they are loaded."""


@dataclass(frozen=True)
class Slope:
    """How an output moves with one input over the whole range of the data.

    Attributes:
        name: the input.
        verdict: "rises", "falls", "does both" or "not decided".
        how: how that is known.
    """

    name: str
    verdict: str
    how: str


def certificate_of(case: Case) -> Certificate | str:
    """Return how far the formula that was read is from its model; or why nothing says so."""
    if case.exact is None:
        return (
            "The model has no exact formula: it was asked, and each formula above is compared with "
            "what it said."
        )
    if case.sides[MODEL] is None:
        return "What was given is a formula: there is no model beside it to compare it with."
    try:
        limit = int(np.clip(CELLS / max(len(case.sides.features), 1), LEAST, MOST))
        sides = case.sides
        return verify(case.exact, case.model, sides.X, y=sides.y, limit=limit, seed=sides.seed)
    except ClosedformError as problem:
        return f"The formula could not be compared with the model: {first_line(problem)}"


def slopes_of(case: Case, formula: Formula) -> list[Slope]:
    """Return what is proven of how the number moves with each input, over the range of the rows."""
    name = case.name_in(formula)
    if formula.outputs[name].type is not Type.REAL:
        return []
    stop = time.perf_counter() + SLOPES
    read = formula.only(name).used
    found = []
    for i in [i for i in case.leading if i in read][:STEEP]:
        feature = case.sides.features[i]
        if feature.type is Type.LABEL:
            continue
        if time.perf_counter() > stop:
            found.append(Slope(feature.name, "not decided", "the time was over"))
            continue
        found.append(_slope(case, formula, name, feature.name))
    return found


def _slope(case: Case, formula: Formula, output: str, feature: str) -> Slope:
    known: list[str] = []
    for claim, verdict in (("increasing", "rises"), ("decreasing", "falls")):
        try:
            proof = prove(formula, claim, X=case.sides.X, input=feature, output=output,
                          time_limit=EACH, seed=case.sides.seed)  # fmt: skip
        except ClosedformError as problem:
            return Slope(feature, "not decided", first_line(problem))
        if isinstance(proof, Proof) and proof.status == PROVEN:
            return Slope(feature, verdict, "proven for every point of the data's ranges")
        known.append(proof.status)
    if known == [REFUTED, REFUTED]:
        return Slope(feature, "does both", "points with either slope were found")
    return Slope(feature, "not decided", f"neither within {EACH:g} s each")


def made_of(case: Case, seconds: float) -> Mapping[str, str]:
    """Return what the report was made of: versions, hashes, seed, time; by what it is called."""
    known = PACKAGES | FRAMEWORKS
    versions = {
        name: str(getattr(sys.modules[module], "__version__", "?"))
        for module, name in known.items()
        if module in sys.modules and module != "closedform"
    }
    read = case.exact or case.entries[0].formula
    hashes = {f"formula {i}": content_hash(e.formula) for i, e in enumerate(case.entries)}
    chosen = hashes[f"formula {case.chosen}"]
    found = {
        "time": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "seconds": f"{seconds:.0f}",
        "seed": str(case.sides.seed),
        "closedform": __version__,
        "Python": platform.python_version(),
        **versions,
        "rows": f"sha256 {hash_of_rows(read, case.sides.X)}",
        "formula shown first": f"sha256 {chosen}",
    }
    if case.exact is not None:
        found["model, as the exact formula"] = f"sha256 {content_hash(case.exact)}"
    if case.sides[MODEL] is not None:
        found["what the model says of the rows"] = f"sha256 {_hash_of(case)}"
    return found


def _hash_of(case: Case) -> str:
    """Return the SHA-256 of the model's own answers: of any model, whatever holds it."""
    whole = sha256()
    for name in sorted(case.said):
        column = case.said[name]
        whole.update(name.encode("utf-8", "replace"))
        if column.dtype.kind in "fiub":
            whole.update(np.ascontiguousarray(column, "<f8").tobytes())
        else:
            whole.update("\x1f".join(map(str, column.tolist())).encode("utf-8", "replace"))
    return whole.hexdigest()
