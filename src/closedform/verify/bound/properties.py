"""What can be proven of one formula over a box: its range, its slopes, its labels, its domain."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import BadInput
from closedform.formula import Formula
from closedform.ir import Type
from closedform.progress import Wanted, watching
from closedform.verify.bound.always import always
from closedform.verify.bound.difference import rounding_error
from closedform.verify.bound.hazards import safe
from closedform.verify.bound.monotone import decreasing, increasing
from closedform.verify.bound.named import from_zero, output_of, taken
from closedform.verify.bound.proof import BOUNDED, Proof
from closedform.verify.bound.region import region_of, together, used_by
from closedform.verify.bound.rounded import LARGEST, UNIT
from closedform.verify.bound.smooth import SINGLE


def within(
    formula: Formula, box: Mapping[str, Any] | None = None, *, lo: float = -math.inf,
    hi: float = math.inf, output: str | None = None, **options: Any,
) -> Proof:  # fmt: skip
    """Prove that an output stays between two numbers, and is never missing.

    Args:
        formula, box: what, and over which inputs.
        lo, hi: the limits; without any, that it is a finite number.
        output: the name of the output; default: the prediction.
        options: X, missing, time_limit, seed, as in `certify`.
    """
    name, node = output_of(formula, output, Type.REAL)
    try:
        low, high = max(float(lo), -LARGEST), min(float(hi), LARGEST)
    except (TypeError, ValueError):
        low, high = math.nan, math.nan
    if not low <= high:
        raise BadInput(f"{lo!r} … {hi!r} is no range.", hint="Give two numbers, lo ≤ hi.")
    condition = ops.both(
        ops.less_equal(ops.const(low), node), ops.less_equal(node, ops.const(high))
    )
    claim = f"{lo:g} ≤ {name} ≤ {hi:g}" if low > -LARGEST or high < LARGEST else f"{name} is finite"
    return always(condition, claim, formula.inputs, box, **options)


def agreeing(
    formula: Formula, box: Mapping[str, Any] | None = None, *, model: Formula,
    output: str | None = None, **options: Any,
) -> Proof:  # fmt: skip
    """Prove that formula and model give the same label everywhere in a box.

    Args:
        formula, box: what, and over which inputs.
        model: with what it is compared.
        output: the name of the label; default: the prediction.
        options: X, missing, time_limit, seed, as in `certify`.
    """
    if not isinstance(model, Formula):
        raise BadInput(
            f"model={type(model).__name__}(…) is no formula.", hint="Read it: model=cf.read(model)."
        )
    name, _ = output_of(formula, output, Type.LABEL)
    theirs, _ = output_of(model, output, Type.LABEL)
    model, formula = together(model, formula)
    condition = ops.equal(model.outputs[theirs], formula.outputs[name])
    return always(condition, f"the same {name} as the model", model.inputs, box, **options)


def rounding(
    formula: Formula, box: Mapping[str, Any] | None = None, *, output: str | None = None,
    dtype: str = "float32", X: Any = None, **_: Any,
) -> Proof:  # fmt: skip
    """Bound how far the formula computed in float32 (or float64) may be from the same in the reals.

    A running error analysis (Higham, Accuracy and Stability of Numerical Algorithms, 2002, §3.3):
    sums in any order, functions to 4 ulp. It is rigorous, and pessimistic: of a network 15-60-60-1
    the bound is about a thousand times the greatest error that occurs.

    Args:
        formula, box: what, and over which inputs.
        output: the name of the output; default: the prediction.
        dtype: "float32" or "float64".
        X: rows from whose range the box is taken.

    Raises:
        BadInput: another dtype.
    """
    units = {"float32": SINGLE, "float64": UNIT}
    if dtype not in units:
        raise BadInput(f"dtype={dtype!r} is not known.", hint="Use 'float32' or 'float64'.")
    start = time.perf_counter()
    name, node = output_of(formula, output, Type.REAL)
    region = region_of(formula.inputs, used_by([node]), box, X)
    with np.errstate(all="ignore"):
        found = rounding_error([node], region, units[dtype])
    return Proof(
        f"|{name} in {dtype} − {name} over the reals|", BOUNDED, found, boxes=1,
        seconds=time.perf_counter() - start, box=region.describe(), included=(),
        methods=("running error of every operation",),
    )  # fmt: skip


CLAIMS: dict[str, Callable[..., Proof]] = {
    "increasing": increasing,
    "decreasing": decreasing,
    "within": within,
    "agreeing": agreeing,
    "safe": safe,
    "rounding": rounding,
}
"""What can be proven, by name."""
LIMIT = 10.0
"""Seconds that a proof may take where nobody says how many."""
OPTIONS = ("X", "missing", "time_limit", "seed")
"""What each takes beside its own."""


def prove(
    formula: Formula, claim: str, box: Mapping[str, Any] | None = None, *,
    progress: Wanted = None, **options: Any,
) -> Proof:  # fmt: skip
    """Prove a claim about a formula over a box; see the function of the claim's name.

    Args:
        formula, box: what, and over which inputs.
        claim: one of `CLAIMS`.
        progress: as of `frontier`.
        options: those of the claim's function.

    Raises:
        BadInput: the claim, or an option, is not known.
    """
    if claim not in CLAIMS:
        raise BadInput(
            f"{claim!r} is no claim that can be proven.",
            hint="Use one of: " + ", ".join(CLAIMS) + ".",
        )
    taken(f"The claim {claim!r}", CLAIMS[claim], options, OPTIONS)
    limit = options.get("time_limit", LIMIT)
    from_zero(time_limit=limit)
    with watching(progress, f"proof: {claim}", float(limit)):
        return CLAIMS[claim](formula, box, **options)
