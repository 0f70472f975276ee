"""JPMML's evaluator of PMML files (the package jpmml_evaluator): rows go in one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from closedform.asking import Method
from closedform.formula import Formula
from closedform.ir import Array, Type

Row = dict[str, Any]


def methods(model: Any, formula: Formula) -> list[Method]:
    """Return how an evaluator is asked for the prediction, and for the probabilities it gives."""
    answer = answers_of(model)
    found = [Method("prediction", _asks(formula, answer, [""]), formula.primary)]
    classes = list(map(str, formula.task.classes))
    if formula.task.probability and _gives(model, classes):
        found.append(Method("probability", _asks(formula, answer, classes),
                            formula.task.probability))  # fmt: skip
    return found


def _asks(
    formula: Formula, answer: Callable[[Row], Row], names: list[str]
) -> Callable[[Any], Array]:
    def ask(X: Any) -> Array:
        given = [answer(row) for row in rows_of(formula, X)]
        kind = object if any(isinstance(r[n], str) for r in given for n in names) else None
        made: Array = np.array([[r[n] for n in names] for r in given], dtype=kind)
        return made if made.dtype.kind in "OUb" else made.astype(np.float64)

    return ask


def rows_of(formula: Formula, X: Any) -> Iterable[Row]:
    """Yield each row as a dict from the name of a field to a plain value; None is missing."""
    names = [f.name for f in formula.inputs]
    named = isinstance(X, Mapping) or hasattr(X, "columns")
    columns = [X[n] for n in names] if named else list(np.asarray(X, dtype=object).T)
    for values in zip(*columns, strict=True):
        yield {f.name: _plain(v, f.type) for f, v in zip(formula.inputs, values, strict=True)}


def _plain(value: Any, kind: Type) -> Any:
    if value is None or type(value).__name__ == "NAType" or value != value:
        return None
    value = value.item() if isinstance(value, np.generic) else value
    if kind is Type.REAL:
        # What is declared as integer takes no double, and a double takes an integer of 32 bits.
        whole = float(value).is_integer() and abs(value) < 2**31
        return int(value) if whole else float(value)
    return value


def answers_of(model: Any) -> Callable[[Row], Row]:
    """Return a function of one row: the prediction under "", and the probability of each class."""
    targets = [f.name for f in model.getTargetFields()]

    def answer(row: Row) -> Row:
        given = dict(model.evaluate(row))
        key = next((k for k in targets if k in given), next(iter(given), None))
        return {"": _number_or_label(given.get(key)), **_chances(given)}

    return answer


def _number_or_label(value: Any) -> Any:
    return np.nan if value is None else value


def _chances(given: Row) -> Row:
    """Return the probabilities by class, from the output fields `probability(a)`."""
    return {str(name)[12:-1]: _number_or_label(value) for name, value in given.items()
            if str(name).startswith("probability(")}  # fmt: skip


def _gives(model: Any, classes: list[str]) -> bool:
    names = {str(f.name) for f in model.getOutputFields()}
    return names.issuperset(f"probability({c})" for c in classes)
