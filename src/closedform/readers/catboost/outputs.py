"""What a CatBoost model predicts, as nodes: scores in tree order, and what becomes of them."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import MissingExtra
from closedform.families.additive import complement, softmax
from closedform.families.trees import Forest
from closedform.formula import Formula, label_above
from closedform.ir import Node
from closedform.ops.payloads import chance_names
from closedform.readers.catboost.booster import Booster
from closedform.readers.catboost.exporting import exported, live, model_of, saved
from closedform.readers.catboost.statistics import (
    ABOVE,
    CATEGORY,
    COUNTS,
    MOST,
    Part,
    Statistic,
    looked_up,
    sizes_of,
)
from closedform.readers.prediction import Prediction, formula_of, highest, input_names
from closedform.readers.reading import Columns, Reading, plain_label

ROLES = {
    "CatBoostClassifier": "classifier",
    "CatBoostRegressor": "regressor",
    "CatBoostRanker": "scores",
    "CatBoost": "scores",
}
"""Class → what its `predict` gives."""

LINKS = {
    "Logloss": "logit",
    "CrossEntropy": "logit",
    "Focal": "logit",
    "MultiClass": "softmax",
    "MultiClassOneVsAll": "each",
    "Poisson": "log",
    "Tweedie": "log",
    "RMSEWithUncertainty": "uncertain",
    "MultiLogloss": "labels",
    "MultiCrossEntropy": "labels",
}
"""Loss → how scores become predictions; the values of all others are the scores themselves."""

SEVERAL_TARGETS = (
    "MultiLogloss", "MultiCrossEntropy", "MultiRMSE", "MultiRMSEWithMissingValues", "SurvivalAft",
)  # fmt: skip
"""Losses of several targets."""

NAMES_HINT = (
    "Give the rows that it was trained on, which hold them: closedform.read(model, example=X), or "
    "--example ROWS on the command line; or save them with the model: "
    "model.save_model('model.json', format='json', pool=Pool(X, y, cat_features=…))."
)


def read_model(model: Any, names: Sequence[str] | None = None, example: Any = None) -> Formula:
    """Return a fitted CatBoost estimator as a formula.

    Args:
        model: the estimator.
        names: of the features, where it was trained without any.
        example: rows that hold all categories that it was trained on; it keeps a hash of each.

    Raises:
        UnsupportedModel: it uses text or embeddings, or categories that no row names.
        NotFitted: it has not been trained.
        BadInput: `names` does not fit.
    """
    import catboost

    record = live(model, example)
    return formula_of(
        partial(_predicted, model, record),
        input_names(names, _own_names(record), record.width),
        source=type(model).__name__,
        reader=f"CatBoost {catboost.__version__}",
    )


def read_file(raw: bytes, names: Sequence[str] | None = None, example: Any = None) -> Formula:
    """Return a model saved by CatBoost as JSON; one in its binary form where CatBoost is there.

    Args:
        raw: the content of the file.
        names: as in `read_model`.
        example: as in `read_model`; CatBoost must be there.

    Raises:
        Broken: the file is damaged.
        MissingExtra: a binary file or an example, and CatBoost is not installed.
        UnsupportedModel: as in `read_model`.
    """
    if example is not None and find_spec("catboost") is None:
        raise MissingExtra("catboost", "catboost", "Finding the names of categories in rows")
    record = saved(raw)
    if example is not None:  # its texts alone: CatBoost moves a leaf of a JSON file by 1 ulp
        record = replace(record, texts=exported(model_of(raw), example).texts)
    classes = record.classes or ((0, 1) if record.classifies else ())
    role = "classifier" if record.classifies else "regressor"
    return formula_of(
        lambda columns, reading: _of_role(record, role, classes, columns, reading),
        input_names(names, _own_names(record), record.width),
        source="CatBoost",
        reader="CatBoost's file format",
    )


def predicted(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """Return what an estimator predicts over some columns."""
    return _predicted(model, live(model), columns, reading)


def _own_names(record: Booster) -> tuple[str, ...] | None:
    unnamed = tuple(str(i) for i in range(record.width))
    return None if record.names == unnamed else record.names


def _predicted(model: Any, record: Booster, columns: Columns, reading: Reading) -> Prediction:
    role = next((ROLES[c.__name__] for c in type(model).__mro__ if c.__name__ in ROLES), None)
    own = type(model).predict.__module__.partition(".")[0] not in ("catboost", "_catboost")
    if role is None or own:
        name = type(model).__name__
        what = "has a predict() of its own" if own else "is not among the models that can be read"
        reading.problem(f"{name} {what}.", f"These can be read: {', '.join(ROLES)}.")
        return Prediction.nothing()
    classes = np.ravel(model.classes_).tolist() if role == "classifier" else ()
    return _of_role(record, role, tuple(map(plain_label, classes)), columns, reading)


def _of_role(
    record: Booster, role: str, classes: tuple[Any, ...], columns: Columns, reading: Reading
) -> Prediction:
    if not _readable(record, reading):
        return Prediction.nothing()
    scores = _scores(record, columns, reading)
    if role == "classifier":
        return _classified(record, scores, classes, reading)
    link = LINKS.get(record.loss, "identity") if role == "regressor" else "identity"
    return _valued(link, scores, reading)


def _readable(record: Booster, reading: Reading) -> bool:
    """Note every part that has no formula; tell whether there is none."""
    before = len(reading.problems)
    for kind, count in record.unreadable.items():
        hint = "Leave the text and embedding columns out, or turn them into numbers before."
        reading.problem(f"{count} tests of this CatBoost model are of kind {kind}.", hint)
    if record.loss in SEVERAL_TARGETS and any(s.kind not in COUNTS for s in record.statistics):
        reading.problem(
            f"With loss {record.loss}, CatBoost learns statistics of each target over categories, "
            "and its JSON export keeps those of one alone: what it exports predicts otherwise.",
            "Train with simple_ctr='Counter' and combinations_ctr='Counter', or one model for "
            "each target.",
        )
    unnamed = {record.names[i] for i, h in record.categorical.items()
               if any(v not in record.texts for v in h)}  # fmt: skip
    for s, table in zip(record.statistics, record.tables, strict=True):
        sizes = sizes_of(s, record.known)
        if math.prod(sizes) > MOST:
            names = ", ".join(record.names[i] for i in s.categories)
            reading.problem(
                f"A statistic of CatBoost combines {math.prod(sizes):,} categories of {names}.",
                "Train with max_ctr_complexity=1.",
            )
        elif table is None:
            unnamed |= {record.names[i] for i in s.categories}
    if unnamed:
        what = "The model itself keeps no names of the categories of " + ", ".join(sorted(unnamed))
        reading.problem(what + ", only a hash of each.", NAMES_HINT)
    return len(reading.problems) == before


# --- scores -------------------------------------------------------------------------------------


def _scores(record: Booster, columns: Columns, reading: Reading) -> list[Node]:
    """Return scale · Σ leaves + bias, in float64 and in tree order."""
    labels = {
        i: _label(Columns((name,), (x,)), {*hashes, *record.known.get(i, ())}, record, reading)
        for i, hashes in record.categorical.items()
        for name, x in columns.pick([i])
    }
    inputs = [
        _code(name, labels[i], record, reading, record.categorical[i])
        if i in record.categorical
        else ops.round32(x)
        for i, (name, x) in enumerate(columns)
    ]
    for statistic, table in zip(record.statistics, record.tables, strict=True):
        inputs.append(_statistic(statistic, table or {}, record, labels, inputs))
        names = ", ".join(columns.names[i] for i in statistic.categories)
        reading.call(inputs[-1], f"statistic({names})")
    sums = Forest(record.trees, None, (0.0,) * len(record.bias)).nodes(inputs)
    for s in sums:
        reading.call(s, "sum of trees")
    if record.scale == 1 and not any(record.bias):
        return sums
    return [ops.lin(b, (record.scale, s)) for s, b in zip(sums, record.bias, strict=True)]


def _label(column: Columns, hashes: set[int], record: Booster, reading: Reading) -> Node:
    """Return a column of categories; CatBoost raises on a missing one, not on an unseen one."""
    x = reading.as_labels(column.nodes[0])
    reading.refuse_missing(column.mapped([x]))
    reading.knows(x, sorted(record.texts[h] for h in hashes), unseen=True)
    return x


def _code(name: str, x: Node, record: Booster, reading: Reading, hashes: Sequence[int]) -> Node:
    """Return the position of a category among those that the trees ask for."""
    code = _table(x, {h: float(i) for i, h in enumerate(hashes)}, record, -1.0)
    reading.call(code, f"{name} (encoded)")
    return code


def _table(x: Node, values: Mapping[int, float], record: Booster, unseen: float) -> Node:
    """Return what stands beside a category's hash; a whole number is the text of its digits."""
    named = {record.texts[h]: v for h, v in values.items()}
    whole = {int(text): v for text, v in named.items() if _is_whole(text)}
    return ops.table(x, {**named, **whole}, unseen)


def _statistic(
    s: Statistic, found: Mapping[int, float], record: Booster,
    labels: Mapping[int, Node], inputs: Sequence[Node],
) -> Node:  # fmt: skip
    """Return a statistic of the target over categories, as a table."""

    def place(part: Part) -> Node:
        if part.kind == CATEGORY:
            order = {h: float(i) for i, h in enumerate(known[part.column])}
            return _table(labels[part.column], order, record, math.nan)
        if part.kind == ABOVE:
            test = ops.less(ops.const(part.value), inputs[part.column])
        else:
            test = ops.equal(_table(labels[part.column], {int(part.value): 1.0}, record, 0.0), one)
        return ops.where(test, one, ops.const(0.0))

    one, known = ops.const(1.0), record.known
    if len(s.parts) == 1 and s.categories:
        hashes = known[s.categories[0]]
        values = {hashes[i]: v for i, v in found.items()}
        return _table(labels[s.categories[0]], values, record, s.unseen)
    return looked_up(s, found, sizes_of(s, known), place)


def _is_whole(text: str) -> bool:
    return (
        text.removeprefix("-").isascii()
        and text.removeprefix("-").isdigit()
        and (str(int(text)) == text)
    )


# --- predictions --------------------------------------------------------------------------------


def _uncertain(scores: Sequence[Node]) -> list[Node]:
    """The mean, and the variance: its score is the logarithm of the standard deviation."""
    return [scores[0], ops.exp(ops.lin(0, (2, scores[1])))]


VALUES: dict[str, Callable[[Sequence[Node]], list[Node]]] = {
    "identity": list,
    "log": lambda scores: [ops.exp(s) for s in scores],
    "logit": lambda scores: [ops.sigmoid(s) for s in scores],
    "each": lambda scores: [ops.sigmoid(s) for s in scores],
    "labels": lambda scores: [ops.sigmoid(s) for s in scores],
    "softmax": softmax,
    "uncertain": _uncertain,
}
"""Link → what `predict` (of a classifier: `predict_proba`) gives for some scores."""


def _valued(link: str, scores: list[Node], reading: Reading) -> Prediction:
    link = link if link in ("log", "uncertain") else "identity"
    values = VALUES[link](scores)
    made = Prediction.of_values(values, link if link == "log" else "identity")
    if link != "identity":
        before = Columns(tuple(f"score({n})" for n in made.outputs), tuple(scores))
        reading.stage(link, "link", before, Columns(tuple(made.outputs), tuple(values)))
    return made


def _classified(
    record: Booster, scores: list[Node], classes: tuple[Any, ...], reading: Reading
) -> Prediction:
    link = LINKS.get(record.loss)
    if link == "labels":  # `classes` names the labels, each of which is 0 or 1
        one = replace(record, loss="Logloss")
        parts = [_classified(one, [s], (0, 1), reading).with_chance(1) for s in scores]
        return Prediction.of_labels(parts)
    if link not in ("logit", "each", "softmax") or len(classes) != max(2, len(scores)):
        reading.problem(
            f"A CatBoost classifier with loss {record.loss} of {len(classes)} classes is unknown.",
            "Train it with Logloss, CrossEntropy, MultiClass or MultiClassOneVsAll.",
        )
        return Prediction.nothing()
    values = VALUES[link](scores)
    if len(scores) == 1:
        cut = 0.0 if record.cut == 0.5 else math.log(record.cut / (1 - record.cut))
        chances, label = [complement(values[0]), values[0]], label_above(scores[0], cut, classes)
    else:
        chances, label = values, highest(scores, classes)
    names = chance_names(classes)
    told = ("decision",) if len(scores) == 1 else tuple(f"decision({c})" for c in classes)
    reading.stage(link, "link", Columns(told, tuple(scores)), Columns(names, tuple(chances)))
    return Prediction.of_classes(
        classes, label=label, link="none" if link == "each" else link, probability=chances,
        decision=scores,
    )  # fmt: skip
