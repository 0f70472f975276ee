"""Support vector machines: weighted sums of kernels, and votes of pairs of classes.

https://dmg.org/pmml/v4-4/SupportVectorMachine.html.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from closedform import ops
from closedform.families import kernels
from closedform.families.additive import total_of
from closedform.families.kernels import Kernel
from closedform.formula import label_of
from closedform.ir import Array, Node
from closedform.ops.payloads import Label
from closedform.readers.pmml.document import ARRAYS, MOST_CELLS, Element, numbers
from closedform.readers.pmml.functions import rounded
from closedform.readers.pmml.outcome import Outcome, class_of, in_order
from closedform.readers.pmml.regression import looked_up
from closedform.readers.pmml.scope import Scope
from closedform.readers.pmml.values import Unread, gone, number

MOST_VECTORS = 5000
"""Support vectors beyond which a model is refused, unless its kernel is linear and folds."""

KERNELS: dict[str, Callable[[Element], Kernel]] = {
    "LinearKernelType": lambda e: kernels.linear(),
    "PolynomialKernelType": lambda e: kernels.polynomial(
        e.number("gamma", 1.0), e.number("coef0", 1.0), e.number("degree", 1.0)
    ),
    "RadialBasisKernelType": lambda e: kernels.gaussian_by(e.number("gamma", 1.0)),
    "SigmoidKernelType": lambda e: kernels.hyperbolic(
        e.number("gamma", 1.0), e.number("coef0", 1.0)
    ),
}
"""Element of a kernel → the kernel."""


def vector_machine(
    model: Element, scope: Scope, dtype: str, categories: Sequence[str] = ()
) -> Outcome:
    """Return what a SupportVectorMachineModel gives; `categories` are the target's values."""
    machines = model.all("SupportVectorMachine")
    columns = _columns(model, scope)
    scores = _scores(model, machines, columns, scope)
    if model.need("functionName") == "regression":
        if len(scores) != 1:
            raise ValueError(f"{len(scores)} machines for one number")
        return Outcome("regression", scores[0], dtype)
    method = model.get("classificationMethod", "OneAgainstAll")
    if len(machines) == 1 and "alternateTargetCategory" in machines[0].attributes:
        method = "OneAgainstOne"
    if method not in ("OneAgainstAll", "OneAgainstOne"):
        raise ValueError(f"classificationMethod={method!r}")
    if method == "OneAgainstAll":
        label, classes = _all(model, machines, scores, dtype)
    else:
        pairs = [_pair(model, m, s, dtype) for m, s in zip(machines, scores, strict=True)]
        label, classes = _elected(pairs, [class_of(c, dtype) for c in categories])
    lost = ops.either(*[ops.missing(s) for s in scores])
    return Outcome("classification", ops.where(lost, ops.label(None), label), dtype, classes)


def _columns(model: Element, scope: Scope) -> list[Node]:
    made = []
    for field in model.one("VectorDictionary").one("VectorFields"):
        value = scope.value(field.need("field", "name"))
        if field.tag == "CategoricalPredictor":
            hit = looked_up(value, [(field.need("value"), field.number("coefficient", 1.0))])
            made.append(ops.where(gone(value), ops.const(math.nan), hit))
        elif field.tag == "FieldRef":
            made.append(number(value))
        else:
            raise KeyError(f"{field.tag} as a field of vectors")
    return made


def _scores(
    model: Element, machines: Sequence[Element], columns: list[Node], scope: Scope
) -> list[Node]:
    """Return Σ coefficient·k(x, vector) + absoluteValue for each machine."""
    parts = [m.one("Coefficients") for m in machines]
    bias = [p.number("absoluteValue", 0.0) for p in parts]
    weights = [[c.number("value", 0.0) for c in p.all("Coefficient")] for p in parts]
    if model.get("svmRepresentation") == "Coefficients":
        return [ops.lin(b, *zip(w, columns, strict=True))
                for b, w in zip(bias, weights, strict=True)]  # fmt: skip
    places, points = _vectors(model, len(columns))
    kernel_element = model.one(*KERNELS)
    kernel = KERNELS[kernel_element.tag](kernel_element)
    rows = np.zeros((len(machines), len(points)))
    scope.work.spend(rows.size)
    for row, machine, values in zip(rows, machines, weights, strict=True):
        ids = [v.need("vectorId") for v in machine.within("SupportVectors")]
        for vector, weight in zip(ids, values, strict=True):
            row[places[vector]] += weight
    used = np.flatnonzero((rows != 0).any(axis=0))
    if kernel.of_point and len(used) > MOST_VECTORS:
        raise Unread(f"This machine has {len(used):,} support vectors; {MOST_VECTORS:,} are the "
                     "most that are read.", "Train it on a sample of the rows.")  # fmt: skip
    return kernels.expansion(kernel.between(columns, points[used]), rows[:, used], bias)


def _vectors(model: Element, width: int) -> tuple[dict[str, int], Array]:
    found = model.one("VectorDictionary").all("VectorInstance")
    if len(found) * width > MOST_CELLS:
        raise ValueError(f"{len(found)} vectors of {width} numbers")
    points = np.zeros((len(found), width))
    for row, instance in zip(points, found, strict=True):
        array = instance.one(*ARRAYS)
        if array.tag != "Array":
            array.attributes.setdefault("n", str(width))
        row[:] = numbers(array)
    return {v.need("id"): i for i, v in enumerate(found)}, points


Labelled = tuple[Node, tuple[Label, ...]]


def _all(
    model: Element, machines: Sequence[Element], scores: Sequence[Node], dtype: str
) -> Labelled:
    """Return the class with the smallest score, or the greatest with `maxWins`."""
    classes = tuple(class_of(m.need("targetCategory"), dtype) for m in machines)
    sign = 1.0 if model.truth("maxWins", False) else -1.0
    return label_of([ops.lin(0, (sign, s)) for s in scores], classes), classes


Pair = tuple[Node, Label, Label]


def _elected(pairs: Sequence[Pair], order: Sequence[Label]) -> Labelled:
    """Return the class with most votes of the machines, each of which knows two classes."""
    classes = in_order([c for _, first, second in pairs for c in (first, second)], order)
    if len(pairs) == 1:
        test, first, second = pairs[0]
        return ops.where(test, ops.label(first), ops.label(second)), classes
    one, zero = ops.const(1.0), ops.const(0.0)
    votes: dict[Label, list[Node]] = {c: [] for c in classes}
    for test, first, second in pairs:
        votes[first].append(ops.where(test, one, zero))
        votes[second].append(ops.where(test, zero, one))
    return label_of([total_of(v) for v in votes.values()], classes), classes


def _pair(model: Element, machine: Element, score: Node, dtype: str) -> Pair:
    """Return when a machine votes for its first class, and both of its classes."""
    first = class_of(machine.need("targetCategory"), dtype)
    old = model.get("alternateBinaryTargetCategory")
    if old:
        return ops.equal(rounded(score), ops.const(1.0)), first, class_of(old, dtype)
    second = class_of(machine.need("alternateTargetCategory"), dtype)
    cut = machine.number("threshold", model.number("threshold", 0.0))
    return ops.less(score, ops.const(cut)), first, second
