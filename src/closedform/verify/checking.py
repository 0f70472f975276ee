"""Formula against model, on the rows given and on rows made up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from closedform.asking import Method
from closedform.errors import BadInput
from closedform.formula import Formula, Precision, Task
from closedform.ir import Array, Node, Type
from closedform.progress import Wanted, watching
from closedform.verify.causes import likely_causes
from closedform.verify.certificate import Certificate, Check, Domain
from closedform.verify.measure import (
    TIE,
    Gap,
    gap,
    labels_differ,
    rounding,
    spread_of,
    tied,
    within_rounding,
    worst_and_typical,
)
from closedform.verify.oracle import Answers, answers, methods_of
from closedform.verify.provenance import provenance
from closedform.verify.rows import EXTREME, Rows, apart, row_sets

FAR = 200
"""So many rows far outside are looked at for what the last bits of their inputs may do."""
OWN_ROUNDING = "the model's own rounding, as it differs from itself in float64 on the same rows"


def verify(
    formula: Formula, model: Any, X: Any, *, y: Any = None, tolerance: float = 1e-9,
    made_up: bool = True, limit: int = 20_000, seed: int = 0, progress: Wanted = None,
) -> Certificate:  # fmt: skip
    """Return a certificate of how far the formula is from the model.

    Args:
        formula: the formula.
        model: the trained model (predict, predict_proba, decision_function and transform are asked
            where it has them), or any function of the rows.
        X: rows as the model takes them.
        y: what was observed on these rows; both sides' errors against it are then given too.
        tolerance: the greatest relative difference that passes; see `Check` for what it is
            relative to.
        made_up: also check on rows that are made up: at thresholds, corners, far outside, missing
            values, unseen categories; see `probes.worth_trying`.
        limit: at most so many rows are made up.
        seed: of the random draws.
        progress: as of `frontier`.

    Raises:
        BadInput: the rows or y do not fit the formula, the model is of another shape, or an option
            has no meaning.
    """
    start = time.perf_counter()
    check_options(tolerance, limit, seed)
    checks: list[Check] = []
    domains: list[Domain] = []
    spreads: dict[str, float] = {}
    with watching(progress, "certificate") as watch:
        sets = row_sets(formula, X, made_up=made_up, limit=limit, seed=seed)
        methods = methods_of(model, formula, X)
        for i, rows in enumerate(sets):
            watch.at(f"{len(rows):,} rows", i, len(sets))
            found = [answers(m, rows.X, len(rows), apart(rows)) for m in methods]
            domains.append(_domain(formula, rows, found))
            theirs = scores_of(methods, found)
            for method, said in zip(methods, found, strict=True):
                checks += checks_of(formula, method, said, rows, tolerance, spreads, theirs, found)
    truth = {} if y is None else _against(y, formula, model, sets[0])
    return Certificate(
        subject=f"formula against {formula.source or type(model).__name__}",
        checks=tuple(checks),
        domains=tuple(domains),
        tolerance=tolerance,
        causes=likely_causes(checks, domains),
        truth=truth,
        provenance=provenance(formula, X, seed=seed, seconds=time.perf_counter() - start),
    )


def check_options(tolerance: float, limit: int, seed: int) -> None:
    """Refuse options without a meaning; against NaN, everything would pass.

    Raises:
        BadInput: as said.
    """
    if not isinstance(tolerance, int | float | np.number) or not tolerance >= 0:
        raise BadInput(
            f"A tolerance of {tolerance!r} has no meaning.",
            hint="Give a relative difference from 0 on, as 1e-9.",
        )
    for name, value in (("limit", limit), ("seed", seed)):
        if not isinstance(value, int | np.integer) or value < 0:
            raise BadInput(
                f"{name}={value!r} has no meaning.", hint="Give a whole number from 0 on."
            )


# --- who takes which rows -----------------------------------------------------------------------


def _domain(formula: Formula, rows: Rows, found: Sequence[Answers]) -> Domain:
    refused = np.logical_or.reduce([a.refused for a in found])
    answered = np.logical_and.reduce([a.answered for a in found])
    ours = rows.outside | _silent(formula, rows)
    only_model = refused & ~ours
    only_formula = answered & rows.outside & ~_unanswered(found, len(rows))
    if any("unseen" in step.found for step in formula.trail):
        only_formula &= rows.kinds != "unseen"
    extreme = only_model & np.isin(rows.kinds, EXTREME)
    odd = np.flatnonzero((only_model & ~extreme) | only_formula)
    where = None
    if len(odd):
        i = int(odd[0])
        said = ("an answer", "refused") if only_formula[i] else ("refused", "an answer")
        where = rows.row(formula, i, *said)
    return Domain(
        set=rows.set,
        rows=len(rows),
        refused=int(refused.sum()),
        outside=int(rows.outside.sum()),
        only_model=int(only_model.sum()),
        only_formula=int(only_formula.sum()),
        extreme=int(extreme.sum()),
        unresolved=int((~refused & ~answered).sum()),
        error=next((a.error for a in found if a.error), ""),
        where=where,
    )


def _unanswered(found: Sequence[Answers], rows: int) -> Array:
    """Return the rows for which the model gives NaN alone, as statsmodels does, shape (rows,)."""
    nothing = np.ones(rows, dtype=bool)
    for said in found:
        for column in said.columns:
            nothing &= np.isnan(column) if column.dtype.kind == "f" else _without_number(column)
    return nothing


def _silent(formula: Formula, rows: Rows) -> Array:
    """Return the rows for which the formula gives no number at all, shape (rows,)."""
    found = np.ones(len(rows), dtype=bool)
    for name in formula.primary:
        if name in rows.values:
            found &= _without_number(rows.values[name])
    return found


def _without_number(column: Array) -> Array:
    if column.dtype.kind in "fiu":
        return ~np.isfinite(column)
    return np.array([v is None for v in column], dtype=bool)


# --- how far apart ------------------------------------------------------------------------------


def scores_of(methods: Sequence[Method], found: Sequence[Answers]) -> dict[str, Array]:
    """Return what was answered, by the name of the output."""
    return {
        name: column
        for method, said in zip(methods, found, strict=True)
        for name, column in zip(method.outputs, said.columns, strict=True)
    }


def checks_of(
    formula: Formula, method: Method, said: Answers, rows: Rows, tolerance: float,
    spreads: dict[str, float], theirs: Mapping[str, Array], found: Sequence[Answers] = (),
) -> Iterator[Check]:  # fmt: skip
    """Yield the check of each output that a method answers, on one set of rows.

    Args:
        theirs: what all methods answered, by output.
        found: the same by method, where some method has a twin.
    """
    both = np.flatnonzero(said.answered & ~rows.outside)
    coarse = 0.0 if method.double else _coarsest(formula)
    real = [n for n in method.outputs if n in rows.values and _is_number(formula, n)]
    added = rows.added(formula, real)
    for name, expected in zip(method.outputs, said.columns, strict=True):
        if name not in rows.values:
            continue
        if not _is_number(formula, name):
            task = formula.task.of(name)
            ties = lambda at, task=task: (  # noqa: E731
                _tied(formula, task, coarse, theirs, rows, at) | rows.even[at]
            )
            fine = _fine(method, found, name)
            yield _label_check(formula, name, method.name, expected, rows, both, ties, fine)
        else:
            numbers = _numbers(expected, method.name)
            spreads.setdefault(name, spread_of(numbers[both]))
            twin = _twin(method, found, name)
            fine = method.double or (twin is not None and not method.narrow)
            own = None if fine else formula.precision.get(name)
            check = partial(
                number_check, formula, name, method.name, numbers, rows, both, tolerance,
                np.maximum(spreads[name], added[name]),
            )  # fmt: skip
            explained = None if twin is None else rounding(numbers, twin)[both]
            yield check(own=own, rounding=explained)


def _is_number(formula: Formula, name: str) -> bool:
    return formula.outputs[name].type is not Type.LABEL


def _twin(method: Method, found: Sequence[Answers], name: str) -> Array | None:
    """Return what the model says about an output where it is made to compute in float64."""
    fine = _fine(method, found, name)
    return None if fine is None else _numbers(fine, method.name)


def _fine(method: Method, found: Sequence[Answers], name: str) -> Any:
    if method.twin is None:
        return None
    return found[method.twin].columns[method.outputs.index(name)]


def _numbers(column: Any, method: str) -> Array:
    try:
        return np.asarray(column, dtype=np.float64)
    except (TypeError, ValueError):
        raise BadInput(
            f"{method} gave what is no number, and the formula gives numbers.",
            hint="Check the formula against the model that it was read from.",
        ) from None


def number_check(
    formula: Formula, name: str, method: str, expected: Array, rows: Rows, both: Array,
    tolerance: float, least: Array, got: Array | None = None, own: Precision | None = None,
    rounding: Array | None = None,
) -> Check:  # fmt: skip
    """Return the check of one output that is a number, on the rows `both`.

    Args:
        least: what a difference is relative to at least, shape (rows,).
        own: how finely the model computes this output, where that is known for all rows.
        rounding: how far the model is from itself in float64, for each row of `both`.
    """
    mine = rows.values[name] if got is None else got
    allowed = tolerance if own is None else max(tolerance, own.relative)
    apart: Gap = gap(expected[both], mine[both], least[both])
    worst, typical = worst_and_typical(apart.absolute)
    worst_relative, typical_relative = worst_and_typical(apart.relative)
    bad = apart.over(allowed, rounding)
    lost = _lost(formula, name, expected, rows, both, bad)
    if lost.any():
        kept = None if rounding is None else rounding[~lost]
        made = number_check(
            formula, name, method, expected, rows, both[~lost], tolerance, least, got, own, kept
        )
        return replace(made, ties=made.ties + int(lost.sum()))
    coarse = "" if own is None or own.relative <= tolerance else str(own)
    where = None
    if len(both) and apart.badness.max() > 0:
        i = int(both[int(apart.badness.argmax())])
        where = rows.row(formula, i, expected[i], mine[i])
    return Check(
        output=name,
        method=method,
        set=rows.set,
        rows=len(both),
        worst=worst,
        worst_relative=worst_relative,
        typical=typical,
        typical_relative=typical_relative,
        missing_differ=int(apart.one_missing.sum()),
        failing=_by_kind(rows.kinds[both[bad]]),
        where=where,
        precision=coarse if rounding is None else OWN_ROUNDING,
    )


def _lost(
    formula: Formula, name: str, expected: Array, rows: Rows, both: Array, bad: Array
) -> Array:
    """Return which of some rows differ since others tie there, or since rounding alone decides.

    The latter is so far outside the data.
    """
    far = np.flatnonzero(bad & np.isin(rows.kinds[both], EXTREME))[:FAR]
    columns = [c[both[far]] for c in rows.columns]
    found: Array = bad & rows.even[both]
    found[far] |= within_rounding([formula.outputs[name]], columns, expected[both[far], None])
    return found


def _label_check(
    formula: Formula, name: str, method: str, expected: Any, rows: Rows, both: Array,
    ties_at: Callable[[Array], Array], fine: Any = None,
) -> Check:  # fmt: skip
    """Return the check of a label; `fine` is what the model says where it computes in float64.

    Where the formula gives that one, the other is the model's own rounding: a tie.
    """
    got = rows.values[name]
    other = both[labels_differ(expected[both], got[both])]
    tie = ties_at(other)
    if fine is not None:
        tie = tie | ~labels_differ(fine[other], got[other])
    failing = other[~tie]
    where = None
    if len(other):
        i = int((failing if len(failing) else other)[0])
        where = rows.row(formula, i, expected[i], got[i])
    return Check(
        output=name,
        method=method,
        set=rows.set,
        rows=len(both),
        labels_differ=len(failing),
        ties=int(tie.sum()),
        failing=_by_kind(rows.kinds[failing]),
        where=where,
        is_label=True,
    )


def _coarsest(formula: Formula) -> float:
    return max((p.relative for p in formula.precision.values()), default=0.0)


def _tied(
    formula: Formula, task: Task, coarse: float, theirs: Mapping[str, Array], rows: Rows, at: Array
) -> Array:
    """Return on which rows rounding may decide the label.

    The deciding scores are equal within rounding, for both sides, and not the same bits on both:
    of a tie between the same floats the rule decides, and that is part of the model. A stump of
    Iris gave 100 of 150 flowers the other of two classes of one half each, unnoticed.
    """
    for names in (task.decision, task.probability):
        if names and all(n in rows.values for n in names):
            ours = np.column_stack([rows.values[n][at] for n in names])
            allowed = max(TIE, coarse)
            if not all(n in theirs and theirs[n].dtype.kind in "fiub" for n in names):
                return tied(ours, allowed)
            said = np.column_stack([theirs[n][at] for n in names])
            apart = (ours != said).any(axis=1)
            near: Array = tied(ours, allowed) & tied(said, allowed) & apart
            rest = np.flatnonzero(apart & ~near)
            outputs = [formula.outputs[n] for n in names]
            near[rest] = _all_lost(outputs, said[rest], rows, at[rest])
            return near
    return np.zeros(len(at), dtype=bool)


def _all_lost(outputs: Sequence[Node], said: Array, rows: Rows, at: Array) -> Array:
    """Return on which rows, far outside, the scores that a model gives are all but rounding."""
    found = np.isin(rows.kinds[at], EXTREME)
    far = np.flatnonzero(found)[:FAR]
    columns = [c[at[far]] for c in rows.columns]
    found[far] = within_rounding(outputs, columns, said[far])
    return found


def _by_kind(kinds: Array) -> dict[str, int]:
    counts: dict[str, int] = {}
    for kind in kinds.tolist():
        counts[kind] = counts.get(kind, 0) + 1
    return counts


def _against(y: Any, formula: Formula, model: Any, rows: Rows) -> dict[str, float]:
    """Return the error of both sides against what was observed."""
    method = methods_of(model, formula, rows.X)[0]
    if method.outputs != formula.primary or any(n not in rows.values for n in method.outputs):
        raise BadInput(
            "There is no prediction to compare with y.",
            hint="Leave y out, or give the whole formula and a model with predict.",
        )
    theirs = np.column_stack(answers(method, rows.X, len(rows), apart(rows)).columns)
    ours = np.column_stack([rows.values[name] for name in method.outputs])
    observed = np.asarray(y)
    if observed.shape not in ((len(rows),), ours.shape) or observed.size != ours.size:
        raise BadInput(
            f"y of shape {observed.shape} does not fit {len(rows)} rows of "
            f"{ours.shape[1]} output{'s' * (ours.shape[1] != 1)}.",
            hint="Give what was observed on each row, in the order of the rows.",
        )
    observed = observed.reshape(ours.shape)
    if formula.task.kind == "classification":
        return {
            f"share of wrong labels, {who}": float(labels_differ(observed, columns).mean())
            for who, columns in (("formula", ours), ("model", theirs))
        }
    numbers = _numbers(observed, "y")
    return {
        f"root mean square error, {who}": float(np.sqrt(np.nanmean((columns - numbers) ** 2)))
        for who, columns in (("formula", ours), ("model", theirs))
    }
