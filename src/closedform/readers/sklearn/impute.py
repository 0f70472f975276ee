"""scikit-learn: imputers, and the indicators of what was missing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.families.additive import clipped
from closedform.ir import Node, Type
from closedform.readers.reading import Columns, Reading, is_missing, plain_label
from closedform.readers.sklearn.dispatch import predicted
from closedform.readers.sklearn.scale import indicator


def is_absent(x: Node, placeholder: Any) -> Node:
    """Return the condition under which an imputer takes x as missing."""
    return ops.missing(x) if is_missing(placeholder) else ops.equal(x, value_like(x, placeholder))


def value_like(x: Node, value: Any) -> Node:
    """Return a value as a node of the type of x; no value at all is the missing one."""
    if x.type is Type.LABEL:
        return ops.label(None if is_missing(value) else plain_label(value))
    return ops.const(np.nan if is_missing(value) else float(value))


def as_filled(x: Node, values: Sequence[Any], reading: Reading) -> Node:
    """Return x as labels where one of the values that it meets is text."""
    return reading.as_labels(x) if any(isinstance(v, str) for v in values) else x


def simple_imputer(model: Any, columns: Columns, reading: Reading) -> Columns:
    """The column's statistic where x is missing; columns that never had a value are left out."""
    placeholder = model.missing_values
    nodes = [
        as_filled(x, (placeholder, value), reading)
        for x, value in zip(columns.nodes, model.statistics_, strict=True)
    ]
    kept = kept_positions(model)
    kind = getattr(model, "_fill_dtype", model._fit_dtype)  # from 1.5 on they may differ
    fills = np.asarray(model.statistics_)[kept].astype(kind)
    made = [
        ops.where(is_absent(nodes[i], placeholder), value_like(nodes[i], v), nodes[i])
        for i, v in zip(kept, fills, strict=True)
    ]
    imputed = columns.pick(kept).mapped(made)
    return with_indicator(model, imputed, columns.mapped(nodes), reading)


def kept_positions(model: Any) -> list[int]:
    """Return the columns that a SimpleImputer keeps: those that have a statistic."""
    keeps = model.keep_empty_features
    # None is a statistic: the commonest value of a column in which NaN alone is taken as missing.
    return [i for i, v in enumerate(model.statistics_) if keeps or v is None or not is_missing(v)]


def with_indicator(model: Any, imputed: Columns, raw: Columns, reading: Reading) -> Columns:
    """Return the imputed columns, followed by their indicators where the model adds them."""
    if model.indicator_ is None:
        return imputed
    shown = missing_indicator(model.indicator_, raw, reading, imputing=True)
    return Columns(imputed.names + shown.names, imputed.nodes + shown.nodes)


def missing_indicator(
    model: Any, columns: Columns, reading: Reading, *, imputing: bool = False
) -> Columns:
    """1 where x is missing, 0 elsewhere, for some of the columns."""
    placeholder = model.missing_values
    nodes = [as_filled(x, [placeholder], reading) for x in columns.nodes]
    tests = [is_absent(x, placeholder) for x in nodes]
    chosen = [int(i) for i in model.features_]
    others = [i for i in range(len(nodes)) if i not in chosen]
    if model.features == "missing-only" and model.error_on_new and not imputing:
        if is_missing(placeholder):
            reading.refuse_missing(columns.pick(others))
        else:
            for i in others:
                reading.refuse(tests[i])
    names = [f"missingindicator_{columns.names[i]}" for i in chosen]
    return Columns(tuple(names), tuple(indicator(tests[i]) for i in chosen))


def iterative_imputer(model: Any, columns: Columns, reading: Reading) -> Columns:
    """Each missing value predicted from the other columns, several times over.

    van Buuren, S. and Groothuis-Oudshoorn, K. (2011), mice: Multivariate imputation by chained
    equations in R, Journal of Statistical Software 45(3).
    """
    if model.sample_posterior:
        reading.problem(
            "IterativeImputer(sample_posterior=True) has no formula: it draws at random.",
            "Refit it with sample_posterior=False.",
        )
        return reading.placeholder(columns.names)
    first, kept = model.initial_imputer_, kept_positions(model.initial_imputer_)
    tests = [is_absent(columns.nodes[i], model.missing_values) for i in kept]
    now = list(simple_imputer(first, columns, reading).nodes[: len(kept)])
    names = tuple(columns.names[i] for i in kept)
    for i, others, estimator in model.imputation_sequence_ if model.n_iter_ else ():
        given = Columns(names, tuple(now)).pick([int(k) for k in others])
        guess = next(iter(predicted(estimator, given, reading).outputs.values()), ops.const(np.nan))
        ends = (float(np.ravel(e)[i]) for e in (model._min_value, model._max_value))
        now[i] = ops.where(tests[i], clipped(guess, *ends), now[i])
    return with_indicator(model, Columns(names, tuple(now)), columns, reading)


TRANSFORMS: dict[str, Any] = {
    "SimpleImputer": simple_imputer,
    "MissingIndicator": missing_indicator,
    "IterativeImputer": iterative_imputer,
}
ESTIMATORS: dict[str, Any] = {}
