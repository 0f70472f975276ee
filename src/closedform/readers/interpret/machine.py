"""interpret: explainable boosting machines, a sum of scores that are looked up.

Nori, H., Jenkins, S., Koch, P. and Caruana, R. (2019), InterpretML: a unified framework for machine
learning interpretability, arXiv:1909.09223.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import NotFitted
from closedform.families.additive import softmax
from closedform.families.binned import Bins, Cuts, Groups, cell_score
from closedform.formula import Formula
from closedform.ir import Node, Type
from closedform.ops.payloads import Label
from closedform.readers.documents import json_document, understood
from closedform.readers.interpret.record import Machine, machine_in, machine_of
from closedform.readers.prediction import Prediction, formula_of, highest, input_names
from closedform.readers.reading import Columns, Reading
from closedform.readers.sklearn.linear import linked_chances, linked_values

PACKAGE = "interpret-core"
"""What is installed; `interpret` itself only gathers extras around it."""
MACHINES = (
    "ExplainableBoostingRegressor", "ExplainableBoostingClassifier",
    "DPExplainableBoostingRegressor", "DPExplainableBoostingClassifier", "EBMModel",
)  # fmt: skip
WRAPPERS = ("LinearRegression", "LogisticRegression", "RegressionTree", "ClassificationTree")
"""Classes around one model of scikit-learn, which takes the columns as they are."""
HINTS: dict[str, str] = {
    "DecisionListClassifier": "Train a ClassificationTree, or an ExplainableBoostingClassifier.",
    "APLRRegressor": "Train an ExplainableBoostingRegressor.",
    "APLRClassifier": "Train an ExplainableBoostingClassifier.",
}
READABLE = "These can be read: " + ", ".join((*MACHINES[:4], *WRAPPERS)) + "."


def read_model(model: Any, names: Sequence[str] | None = None) -> Formula:
    """Return a fitted model of interpret as a formula.

    Raises:
        UnsupportedModel: it is of another kind, or has a predict() of its own.
        NotFitted: it has not been trained.
        BadInput: `names` does not fit.
    """
    from importlib.metadata import version

    if _kind_of(model) is not None:
        _require_fitted(model)
    known = getattr(model, "feature_names_in_", names or ())
    return formula_of(
        partial(predicted, model),
        input_names(names, known, len(known)),
        source=type(model).__name__,
        reader=f"interpret {version(PACKAGE)}",
    )


def read_file(raw: bytes, names: Sequence[str] | None = None) -> Formula:
    """Return an explainable boosting machine saved by its `to_json` as a formula.

    Raises:
        Broken: the file is damaged, or of another version of the format.
    """
    machine = understood(json_document(raw), machine_in)
    kind = "Regressor" if machine.classes is None else "Classifier"
    return formula_of(
        partial(_in_file, machine),
        input_names(names, machine.names, len(machine.names)),
        source=f"ExplainableBoosting{kind}",
        reader="interpret's JSON format",
    )


def predicted(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """Return what a model predicts over some columns."""
    kind = _kind_of(model)
    own = next((m for m in METHODS if _overrides(model, m)), None)
    if kind is None or own:
        name = type(model).__name__
        what = f"has a {own}() of its own" if own else "is not among the models that can be read"
        reading.problem(f"{name} {what}.", HINTS.get(name, READABLE))
        return Prediction.nothing()
    _require_fitted(model)
    return _KINDS[kind](model, columns, reading)


METHODS = ("predict", "predict_proba", "decision_function")


def _overrides(model: Any, method: str) -> bool:
    """Tell whether a class that extends one of interpret's has a method of its own."""
    found = getattr(type(model), method, None)
    return found is not None and found.__module__.partition(".")[0] != "interpret"


def _kind_of(model: Any) -> str | None:
    """Return the class of those that are read that a model is, or extends."""
    return next((c.__name__ for c in type(model).__mro__ if c.__name__ in _KINDS), None)


def _require_fitted(model: Any) -> None:
    if not getattr(model, "has_fitted_", False):
        raise NotFitted(
            f"This {type(model).__name__} is not fitted.", hint="Call its fit(X, y) first."
        )


def _wrapped(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The model of scikit-learn inside; it offers no decision values, and takes nothing missing."""
    from closedform.readers.sklearn.dispatch import predicted as predicted_inside
    from closedform.readers.sklearn.members import without

    reading.refuse_missing(columns)
    made = predicted_inside(model.sk_model_, columns, reading)
    return without(made, "decision") if made.task.kind == "classification" else made


def _machine(model: Any, columns: Columns, reading: Reading) -> Prediction:
    machine = machine_of(model)
    doubtful = [c for c in machine.categories() if number_of(c) is not None or _is_old(c)]
    if doubtful and _version() < SPELLED_ALIKE:
        reading.problem(
            "interpret before 0.7.7 spells the categories of a column by its type (1 or 1.0, True "
            "or 1), so that its predictions are no function of the values.",
            "Install interpret-core 0.7.7 or later, and train again.",
        )
        return Prediction.nothing()
    return _of_machine(machine, columns, reading)


def _in_file(machine: Machine, columns: Columns, reading: Reading) -> Prediction:
    doubtful = sorted(filter(_is_old, machine.categories()))
    if doubtful:
        reading.problem(
            f"This file has the category {doubtful[0]!r}, which is a text, or what interpret "
            "before 0.7.7 made of a number or a truth; the file does not say which.",
            "Read the live model; or rename such categories before training.",
        )
        return Prediction.nothing()
    return _of_machine(machine, columns, reading)


SPELLED_ALIKE = (0, 7, 7)
"""The first version of interpret that spells the same number the same way in every column."""


def _version() -> tuple[int, ...]:
    from importlib.metadata import version

    return tuple(int(part) for part in version(PACKAGE).split(".")[:3] if part.isdigit())


def _is_old(label: str) -> bool:
    """Tell whether only old versions of interpret spell a number or a truth so."""
    return label in ("True", "False") or (
        label.endswith(".0") and number_of(label[:-2]) is not None
    )


_KINDS: dict[str, Callable[[Any, Columns, Reading], Prediction]] = {
    **dict.fromkeys(MACHINES, _machine),
    **dict.fromkeys(WRAPPERS, _wrapped),
}


# --- the sum ------------------------------------------------------------------------------------


def _of_machine(machine: Machine, columns: Columns, reading: Reading) -> Prediction:
    give = LINKS.get(machine.link)
    if give is None:
        reading.problem(
            f"The link {machine.link!r} of this explainable boosting machine is not known.",
            "These are: " + ", ".join(LINKS) + ".",
        )
        return Prediction.nothing()
    return give(machine, scores_of(machine, columns, reading), reading)


def scores_of(machine: Machine, columns: Columns, reading: Reading) -> list[Node]:
    """Return intercept + Σ score of each term, added in the order of the terms."""
    used = {i for term in machine.terms for i in term}
    found = {
        i: _column(x, machine.bins[i], reading) for i, x in enumerate(columns.nodes) if i in used
    }
    several = len(machine.intercept) > 1
    made = []
    for k, start in enumerate(machine.intercept.tolist()):
        terms = []
        for term, values in zip(machine.terms, machine.scores, strict=True):
            levels = zip(term, machine.bins_of(term), strict=True)
            bins = [_bins_for(found[i], level) for i, level in levels]
            own = values[..., k] if several else values
            terms.append(cell_score([found[i] for i in term], bins, own))
            _call(terms[-1], [columns.names[i] for i in term], reading)
        made.append(ops.linear(start, [1.0] * len(terms), terms))
    return made


def _call(score: Node, names: Sequence[str], reading: Reading) -> None:
    """Name a score of several columns, and what it is looked up by."""
    if len(names) < 2 or not score.args:
        return
    (cell,) = score.args
    reading.call(score, " & ".join(names))
    reading.call(cell, f"cell of {' & '.join(names)}")
    for name, number in zip(names, cell.args, strict=True):
        reading.call(number, f"bin of {name}")


def _column(x: Node, levels: Sequence[Bins], reading: Reading) -> Node:
    """Return a column as it is looked up: as labels where one of its categories is no number."""
    labels = [label for level in levels if isinstance(level, Groups) for label in level.bins]
    if not isinstance(levels[0], Groups):
        return x
    numeric: list[Label] = [n for n in map(number_of, labels) if n is not None]
    if len(numeric) < len(labels) or not labels:
        x = reading.as_labels(x)
    known = labels if x.type is Type.LABEL else numeric
    reading.knows(x, list(dict.fromkeys(known)), unseen=True)
    return x


def _bins_for(x: Node, bins: Bins) -> Bins:
    """Return the bins of a column with all that interpret takes for a category's name.

    It turns every value into text: 1, 1.0, True and "1" are one category.
    """
    if isinstance(bins, Cuts):
        return bins
    entries: dict[Label, int] = {}
    for label, i in bins.bins.items():
        number = number_of(label)
        if x.type is Type.LABEL:
            entries[label] = i
        if number is not None:
            entries[number] = i
        elif x.type is Type.LABEL and LARGE.fullmatch(str(label)):
            entries[int(label)] = i
    return Groups(entries, bins.count)


LARGE = re.compile(r"[1-9][0-9]{15,18}", re.ASCII)
"""Whole numbers of an int64 that are no float64, as account numbers are."""


def number_of(label: Label) -> float | int | None:
    """Return the number that interpret spells so; None where it is another text.

    Whole numbers lose their ".0": 1.0 is "1", 0.5 is "0.5", and "01" is no number.
    """
    try:
        number = float(label)
    except ValueError:
        return None
    text = str(np.float64(number) + 0.0)
    if number != number or text.removesuffix(".0") != label:
        return None
    # A pandas categorical that holds 1.0 beside a text spells it "1.0", which is another category.
    return int(number) if number.is_integer() else number


# --- what becomes of it -------------------------------------------------------------------------


def _identity(machine: Machine, scores: list[Node], reading: Reading) -> Prediction:
    return Prediction.of_values(scores)


def _log(machine: Machine, scores: list[Node], reading: Reading) -> Prediction:
    return linked_values(scores, "log", reading)


def _logit(machine: Machine, scores: list[Node], reading: Reading) -> Prediction:
    classes = machine.classes or ()
    chances = linked_chances(scores, classes, "logit", reading)
    return _classified(machine, scores, chances, "logit")


def _softmax(machine: Machine, scores: list[Node], reading: Reading) -> Prediction:
    linked_chances(scores, machine.classes or (), "softmax", reading)
    return _classified(machine, scores, softmax(scores), "softmax")


def _sigmoids(machine: Machine, scores: list[Node], reading: Reading) -> Prediction:
    """One against the others for each class; interpret leaves their sum as it is."""
    return _classified(machine, scores, [ops.sigmoid(s) for s in scores], "none")


def _one_class(machine: Machine, scores: list[Node], reading: Reading) -> Prediction:
    return _classified(machine, [ops.const(-np.inf)], [ops.const(1.0)], "none")


def _classified(machine: Machine, scores: list[Node], chances: list[Node], link: str) -> Prediction:
    classes = machine.classes or ()
    return Prediction.of_classes(
        classes, label=highest(scores, classes), link=link, probability=chances, decision=scores
    )


LINKS: dict[str, Callable[[Machine, list[Node], Reading], Prediction]] = {
    "identity": _identity,
    "log": _log,
    "logit": _logit,
    "mlogit": _softmax,
    "vlogit": _sigmoids,
    "monoclassification": _one_class,
}
"""Name of a link → what it makes of the scores."""
