"""Printed programs: run, and compared with the formula that they were printed from."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from closedform.asking import Method
from closedform.columns import columns_of
from closedform.errors import UnsupportedTarget
from closedform.formula import Feature, Formula
from closedform.ir import Array, Type
from closedform.ops.payloads import NEVER_SEEN, UNSEEN, labels_of
from closedform.printers import content, write
from closedform.probes import plausible
from closedform.verify.causes import likely_causes
from closedform.verify.certificate import Certificate, Check, Domain
from closedform.verify.checking import check_options, checks_of, scores_of
from closedform.verify.oracle import Answers, answers, methods_of
from closedform.verify.provenance import provenance
from closedform.verify.rows import Rows, apart, row_sets
from closedform.verify.running import RUNNERS, runner

COMPLETE_ROWS_ONLY = ("sympy",)
"""Targets whose programs hold where nothing is missing, and only there."""
NORMAL_ROWS_ONLY = ("jax",)
"""Targets to which a number too small for a float32 is 0: XLA's processors are told so."""
OBJECTS = ("sympy",)
"""Targets whose objects are evaluated, rather than the text that a file holds."""


def verify_program(
    formula: Formula, target: str, X: Any = None, *, model: Any = None, tolerance: float = 1e-9,
    made_up: bool = True, limit: int = 5_000, seed: int = 0, **options: Any,
) -> Certificate:  # fmt: skip
    """Write a formula in a target, run what was written, and return how far apart they are.

    Args:
        formula: the formula.
        target: one of `RUNNERS`.
        X: rows as the model takes them; None: plausible ones are made up.
        model: the trained model; the program is then compared with it too.
        tolerance, made_up, limit, seed: as in `verify`.
        options: the target's own options, as in `formula.to`.

    Raises:
        UnsupportedTarget: the target cannot be run here, or cannot spell some part.
        BadInput: the rows do not fit the formula.
    """
    if target not in RUNNERS:
        raise UnsupportedTarget(
            f"Programs in {target!r} cannot be run here.",
            hint="These can: " + ", ".join(RUNNERS) + ".",
        )
    check_options(tolerance, limit, seed)
    start = time.perf_counter()
    program = (write if target in OBJECTS else content)(formula, target, **options)
    if options.get("output") is not None:
        formula = formula.only(options["output"])
    where = "" if X is not None else ", on plausible rows that were made up"
    X = plausible(formula, seed=seed) if X is None else X
    checks: list[Check] = []
    domains: list[Domain] = []
    spreads: dict[str, float] = {}
    for rows in row_sets(formula, X, made_up=made_up, limit=limit, seed=seed):
        rows = complete(formula, rows) if target in COMPLETE_ROWS_ONLY else rows
        rows = normal(rows) if target in NORMAL_ROWS_ONLY else rows
        ran, domain = _run(formula, target, program, rows, options)
        domains.append(domain)
        if domain.failed and not ran.values:
            break  # other rows would not help
        checks += _against_formula(formula, ran, rows, tolerance, spreads)
        if model is not None:
            inside = replace(ran, outside=rows.outside)
            checks += _against_model(formula, model, inside, tolerance, spreads)
    seconds = time.perf_counter() - start
    return Certificate(
        subject=f"{target} program{_size(program)} against its formula{where}",
        checks=tuple(checks),
        domains=tuple(domains),
        tolerance=tolerance,
        causes=likely_causes(checks, domains),
        provenance=provenance(formula, X, seed=seed, seconds=seconds) | {"target": target},
    )


def _size(program: Any) -> str:
    if isinstance(program, bytes):
        return f" of {len(program):,} bytes"
    return f" of {len(program):,} characters" if isinstance(program, str) else ""


def complete(formula: Formula, rows: Rows) -> Rows:
    """Return the rows on which nothing that is read is missing, and no category is unseen."""
    holes = rows.outside.copy()
    for column in (rows.columns[i] for i in formula.used):
        holes |= np.isnan(column) if column.dtype.kind == "f" else column < 0
    return rows.take(np.flatnonzero(~holes))


def normal(rows: Rows) -> Rows:
    """Return the rows without a number, other than 0, that is too small for a float32."""
    numbers = [c for c in rows.columns if c.dtype.kind == "f"]
    small = [(c != 0) & (np.abs(c) < np.finfo(np.float32).tiny) for c in numbers]
    return rows.take(np.flatnonzero(~np.any(small, axis=0))) if small else rows


def _run(
    formula: Formula, target: str, program: Any, rows: Rows, options: Mapping[str, Any]
) -> tuple[Rows, Domain]:
    given, _ = columns_of(formula.inputs, rows.X, formula.needed)
    columns = [_values(f, c) for f, c in zip(formula.inputs, given, strict=True)]
    run, names = runner(target), tuple(formula.outputs)
    made, error = run(program, formula.inputs, columns, names, options)
    answered = formula.outputs if made or not error else ()
    values = {n: _column(formula, n, made.get(n, [None] * len(rows))) for n in answered}
    outside = np.zeros(len(rows), dtype=bool)
    # Where the formula gives nothing, so does the program: it is said, or all seems well.
    domain = Domain(rows.set, len(rows), outside=int(rows.outside.sum()), failed=error)
    return replace(rows, values=values, outside=outside), domain


def _values(feature: Feature, column: Array) -> list[Any]:
    if feature.type is not Type.LABEL:
        return list(column.tolist())
    pairs = zip(labels_of(column).tolist(), column.tolist(), strict=True)
    return [NEVER_SEEN if code == UNSEEN else label for label, code in pairs]


def _column(formula: Formula, name: str, values: list[Any]) -> Array:
    if formula.outputs[name].type is Type.LABEL:
        # To SymPy a class is a symbol: True comes back as the word, and a class that is called
        # what an input is called comes back in quotes.
        classes = formula.task.of(name).classes
        words = {repr(c) if isinstance(c, str) else str(c): c for c in classes}
        words |= {c: c for c in classes if isinstance(c, str)}
        return np.array([words.get(v, v) if isinstance(v, str) else v for v in values], object)
    return np.array([np.nan if v is None else v for v in values], dtype=np.float64)


def _against_formula(
    formula: Formula, ran: Rows, rows: Rows, tolerance: float, spreads: dict[str, float]
) -> list[Check]:
    names = tuple(formula.outputs)
    method = Method("formula", lambda X: X, names, double=True)
    everywhere = np.ones(len(rows), dtype=bool)
    said = Answers([rows.values[n] for n in names], everywhere, ~everywhere, "")
    theirs = scores_of([method], [said])
    return list(checks_of(formula, method, said, ran, tolerance, spreads, theirs))


def _against_model(
    formula: Formula, model: Any, ran: Rows, tolerance: float, spreads: dict[str, float]
) -> list[Check]:
    methods = methods_of(model, formula, ran.X)
    found = [answers(m, ran.X, len(ran), apart(ran)) for m in methods]
    return [
        check
        for method, said in zip(methods, found, strict=True)
        for check in checks_of(
            formula, method, said, ran, tolerance, spreads, scores_of(methods, found), found
        )
    ]
