"""A PMML file as a formula of its raw input fields."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from closedform import ops
from closedform.errors import UnsupportedModel
from closedform.formula import Formula
from closedform.ir import Node, fold, toposort
from closedform.loading.stream import Broken
from closedform.ops.absence import may_be_missing, surely_missing
from closedform.readers.documents import understood
from closedform.readers.pmml.document import Element
from closedform.readers.pmml.expressions import derive, functions_of
from closedform.readers.pmml.fields import (
    DataField,
    dictionary,
    mining_fields,
    raw_value,
    treated,
)
from closedform.readers.pmml.mining import model_in
from closedform.readers.pmml.models import Around, outcome_of
from closedform.readers.pmml.outcome import Outcome
from closedform.readers.pmml.parsing import parsed
from closedform.readers.pmml.scope import Scope, Work
from closedform.readers.pmml.targets import feature_of
from closedform.readers.pmml.values import READ, Truth, Value
from closedform.readers.prediction import Prediction, formula_of, input_names
from closedform.readers.reading import Columns, Reading, Retype, unique_names


def read_file(raw: bytes, names: Sequence[str] | None = None) -> Formula:
    """Return the first model of a PMML file (3.0 to 4.4) as a formula.

    Raises:
        Broken: the file is damaged, or not what PMML allows.
        UnsupportedModel: the model, or some part of it, has no formula.
        BadInput: `names` does not fit.
    """
    root = parsed(raw)
    if root.tag != "PMML":
        raise Broken(f"its outermost element is {root.tag[:40]!r}, not PMML")
    model, fields = understood(root, _found)
    known = [f.name for f in fields]
    inputs = input_names(names, known, len(known))
    numeric = [f.as_number() for f in fields]
    try:
        return _formula(root, model, numeric, inputs)
    except (Broken, UnsupportedModel):
        if numeric == fields:
            raise
        return _formula(root, model, fields, inputs)  # some part needs these texts as texts


def _formula(
    root: Element, model: Element, fields: Sequence[DataField], inputs: Sequence[str]
) -> Formula:
    return formula_of(
        partial(_predicted, root, model, fields),
        inputs,
        source=_source(root, model),
        reader=f"PMML {root.get('version', '?')[:8]}",
    )


def _found(root: Element) -> tuple[Element, list[DataField]]:
    """Return the model, and its input fields in the order of its mining schema."""
    model, known = model_in(root), dictionary(root)
    names = [f.need("name") for f in mining_fields(model)]
    if len(set(names)) < len(names):
        raise ValueError("a field stands twice in the mining schema")
    return model, [known[n] for n in names]


def _source(root: Element, model: Element) -> str:
    header = root.child("Header")
    program = None if header is None else header.child("Application")
    by = f" of {program.get('name')[:40]}" if program is not None and program.get("name") else ""
    return f"{model.tag}{by}"


def _predicted(
    root: Element, model: Element, fields: Sequence[DataField], columns: Columns, reading: Reading
) -> Prediction:
    try:
        made: Prediction = understood(
            root, lambda r: _prediction(r, model, fields, columns, reading)
        )
    except Broken:
        if not reading.problems:  # what stands for an unreadable part may not fit elsewhere
            raise
        return Prediction.nothing()
    return made


def _prediction(
    root: Element, model: Element, fields: Sequence[DataField], columns: Columns, reading: Reading
) -> Prediction:
    work = Work(reading)
    scope = Scope(work)
    _inputs(model, fields, columns, scope)
    shared = root.within("TransformationDictionary")
    functions_of(work, shared)
    work.shared = [e for e in shared if e.tag == "DerivedField"]
    derive(work.shared, scope)
    around = Around(dictionary(root) | {f.name: f for f in fields}, "", 0)
    outcome, inner = outcome_of(model, scope, around)
    _note_others(root, reading)
    return with_outputs(_plain(_without_test(outcome, reading)), model, inner)


def _without_test(outcome: Outcome, reading: Reading) -> Outcome:
    """Return a classification whose label does not ask whether there is one.

    Where every missing input that matters makes all outputs missing, the formula says so of its
    inputs once, and not in the label.
    """
    if outcome.bare is None or outcome.sure:
        return outcome
    chance = next(iter(outcome.chances.values()))
    if not all(map(_keeps_numbers, toposort(chance.args))):  # itself a share of what is above 0
        return outcome
    surely, perhaps = (fold([chance], rule)[0] for rule in (surely_missing, may_be_missing))
    if surely != perhaps:
        return outcome
    reading.no_missing.update(surely)
    return replace(outcome, value=outcome.bare)


def _keeps_numbers(n: Node) -> bool:
    """Tell whether a node is a number wherever its arguments are (but for infinite ones)."""
    if n.op is ops.WHERE:  # an imputed input
        test, filling, x = n.args
        return test.op is ops.ABSENT and test.args[0] is x and filling.op is ops.CONST
    if n.op is ops.TABLE:
        return not math.isnan(n.data.default)
    return n.op in KEEPING and not (n.op is ops.CONST and n.data != n.data)


KEEPING = frozenset(
    (ops.CONST, ops.INPUT, ops.LABEL, ops.LIN, ops.MUL, ops.EXP, ops.SIGMOID, ops.TANH,
     ops.MAX, ops.MIN, ops.ABSENT, ops.SQUARED_DISTANCE, ops.ROUND32)
)  # fmt: skip
"""Operations of the scores of classes; a tree, a logarithm or a root may give nothing."""


def _inputs(model: Element, fields: Sequence[DataField], columns: Columns, scope: Scope) -> None:
    reading = scope.work.reading
    texts = [i for i, f in enumerate(fields) if f.is_label]
    if not reading.labels.issuperset(texts):
        reading.labels.update(texts)
        raise Retype
    for x, element, field in zip(columns.nodes, mining_fields(model), fields, strict=True):
        # What nobody reads is not looked at: neither its dates nor its invalid values matter.
        scope.later(field.name, (), partial(_input, x, element, field, scope))


def _input(x: Node, element: Element, field: DataField, scope: Scope) -> Value:
    raw = raw_value(field, x, scope.work)
    return treated(element, field, raw, scope) if field.dtype in READ else raw


def _note_others(root: Element, reading: Reading) -> None:
    others = [c.tag for c in root if c.tag.endswith(("Model", "Network", "Scorecard"))][1:]
    if others:
        reading.leave_out(f"{len(others)} more models", "the first model of a file is read")


def _plain(outcome: Outcome) -> Prediction:
    """Return an outcome as the outputs that every formula has."""
    if outcome.kind == "regression":
        return Prediction.of_values([outcome.value], outcome.link)
    chances = outcome.chances
    classes = tuple(chances) if chances else outcome.classes
    return Prediction.of_classes(
        classes, label=outcome.value, link=outcome.link, probability=list(chances.values())
    )


def _plain_node(value: Value) -> Node:
    """Return a value as a number or a label; of a condition true or false."""
    if not isinstance(value.what, Truth):
        return value.what
    otherwise = ops.where(value.what.fails, ops.label(False), ops.label(None))
    return ops.where(value.what.holds, ops.label(True), otherwise)


SHOWN = ("transformedValue", "decision", "affinity", "clusterAffinity", "entityAffinity")
"""Features of output fields that are outputs of their own; the others are there already."""


def with_outputs(made: Prediction, model: Element, scope: Scope) -> Prediction:
    """Return a prediction together with what the output fields of the file compute from it."""
    outputs = dict(made.outputs)
    for field in model.within("Output"):
        if field.tag != "OutputField" or feature_of(field) not in SHOWN:
            continue
        if not field.truth("isFinalResult", True):
            continue
        node = _shown(field.need("name"), scope)
        if node is not None:
            outputs[unique_names([field.need("name")], outputs)[0]] = node
    return Prediction(outputs, made.task)


def _shown(name: str, scope: Scope) -> Node | None:
    """Return what an output field gives; None, and a note, where it has no formula."""
    reading, before = scope.work.reading, scope.state()
    problems = len(reading.problems)
    value = scope.value(name)
    if len(reading.problems) == problems:
        return _plain_node(value)
    reading.leave_out(name, " ".join(what for what, _ in reading.problems[problems:]))
    del reading.problems[problems:]
    for each, known in before:  # else what stands for the unreadable would be taken for read
        each.known = known
    return None
