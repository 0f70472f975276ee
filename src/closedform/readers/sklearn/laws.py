"""`closedform.SymbolicRegression`: the law that it has found, over the columns that reach it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from closedform import ops
from closedform.ir import Type, substitute
from closedform.readers.prediction import Prediction
from closedform.readers.reading import Columns, Reading


def symbolic_regression(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The best of its laws, each input by its name, or by its place where there are no names."""
    law = model.formula_
    new = {}
    for i, (at, feature) in enumerate(zip(model.places_of(law), law.inputs, strict=True)):
        column = columns.nodes[at]
        if feature.type is Type.LABEL:
            column = reading.as_labels(column)
            reading.knows(column, feature.categories or (), unseen=feature.unseen)
        new[ops.input_(i, feature.type)] = column
    names = law.task.primary or law.answer
    roots = substitute([law.outputs[name] for name in names], new)
    task = replace(law.task, primary=names, probability=(), decision=())
    return Prediction(dict(zip(names, roots, strict=True)), task)


TRANSFORMS: dict[str, Any] = {}
ESTIMATORS: dict[str, Any] = {"SymbolicRegression": symbolic_regression}
