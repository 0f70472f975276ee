"""What an XGBoost model predicts, as nodes: scores in float32, and what becomes of them."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import NotFitted
from closedform.families.additive import Linear, complement, softmax
from closedform.families.trees import Forest
from closedform.formula import Formula, label_above, label_of
from closedform.ir import Array, Node
from closedform.ops.payloads import Splits, chance_names
from closedform.readers.documents import json_document, understood
from closedform.readers.prediction import (
    Prediction,
    formula_of,
    highest,
    input_names,
)
from closedform.readers.reading import Columns, Reading, is_missing, plain_label
from closedform.readers.xgboost.booster import Booster, booster_of
from closedform.readers.xgboost.ubjson import parsed

ROLES = {
    "XGBClassifier": "classifier",
    "XGBRFClassifier": "classifier",
    "XGBRegressor": "regressor",
    "XGBRFRegressor": "regressor",
    "XGBRanker": "ranker",
    "XGBModel": "regressor",
    "Booster": "",
}
"""Class → role of what it predicts."""

Trees = tuple[tuple[Splits, Array], ...]

LINKS = {
    **dict.fromkeys(
        ("reg:squarederror", "reg:linear", "reg:squaredlogerror", "reg:pseudohubererror",
         "reg:absoluteerror", "reg:quantileerror", "reg:expectileerror", "binary:logitraw",
         "rank:pairwise", "rank:ndcg", "rank:map"),
        "identity",
    ),
    **dict.fromkeys(("reg:logistic", "binary:logistic"), "logit"),
    **dict.fromkeys(
        ("count:poisson", "reg:gamma", "reg:tweedie", "survival:cox", "survival:aft"), "log"
    ),
    "binary:hinge": "hinge",
    "multi:softmax": "argmax",
    "multi:softprob": "softmax",
}  # fmt: skip
"""Objective → how scores become predictions."""

LEAST_SHARE = np.float32(1e-6)
"""XGBoost keeps the base score of a logit this far from 0 and 1."""

ULPS = 8
"""Its float32 exp, sum and division are off by 3 at most where measured; the sum has n terms."""

BEYOND = "XGBoost raises on a category that it has not seen, or takes it for the next one it has"

JUST_ABOVE_HALF = 1.5 * 2.0**-24
"""A float32 sigmoid exceeds 0.5 from the next float32 score on: up to here 1 + exp(−s) is 2."""


def read_model(model: Any, names: Sequence[str] | None = None) -> Formula:
    """Return a fitted XGBoost estimator or a Booster as a formula.

    Raises:
        UnsupportedModel: its objective or some option has no formula.
        NotFitted: it has not been trained.
        BadInput: `names` does not fit.
    """
    import xgboost

    record = _live(model)
    return formula_of(
        partial(_predicted, model, record),
        input_names(names, record.names, record.width),
        source=type(model).__name__,
        reader=f"XGBoost {xgboost.__version__}",
    )


def read_file(raw: bytes, names: Sequence[str] | None = None) -> Formula:
    """Return a model saved by XGBoost (`save_model`, JSON or UBJSON) as a formula.

    A file that an estimator has saved predicts as the estimator does, early stopping included;
    that of a Booster as the Booster.

    Raises:
        Broken: the file is damaged.
        UnsupportedModel: as in `read_model`.
    """
    record = _saved(raw)
    return formula_of(
        lambda columns, reading: _of_role(record, record.role, np.nan, columns, reading),
        input_names(names, record.names, record.width),
        source=f"XGBoost {record.role}".strip(),
        reader="XGBoost's file format",
    )


def model_of(raw: bytes) -> Any:
    """Return the estimator that was saved in a file, or the Booster."""
    import xgboost

    role = _saved(raw).role
    model = getattr(xgboost, ESTIMATORS[role])()
    model.load_model(bytearray(raw))
    return model


def types_of_categories(model: Any) -> tuple[str, ...]:
    """Return for each feature the NumPy type of its categories that are numbers, or ""."""
    return _live(model).coded


ESTIMATORS = {
    "regressor": "XGBRegressor",
    "classifier": "XGBClassifier",
    "ranker": "XGBRanker",
    "": "Booster",
}


def _saved(raw: bytes) -> Booster:
    json = raw.lstrip()[:2] not in (b"{L", b"{i", b"{U", b"{l", b"{I", b"{#", b"{$")
    record: Booster = understood(json_document(raw) if json else parsed(raw), booster_of)
    return record


def predicted(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """Return what an estimator or a Booster predicts over some columns."""
    return _predicted(model, _live(model), columns, reading)


def _live(model: Any) -> Booster:
    booster = model
    if hasattr(model, "get_booster"):
        from sklearn.exceptions import NotFittedError

        try:
            booster = model.get_booster()
        except NotFittedError:
            name = type(model).__name__
            raise NotFitted(
                f"This {name} is not fitted.", hint="Call its fit(X, y) first."
            ) from None
    found: Booster = understood(parsed(bytes(booster.save_raw("ubj"))), booster_of)
    return found


def _predicted(model: Any, record: Booster, columns: Columns, reading: Reading) -> Prediction:
    role = next((ROLES[c.__name__] for c in type(model).__mro__ if c.__name__ in ROLES), None)
    own = type(model).predict.__module__.partition(".")[0] != "xgboost"
    if role is None or own:
        name = type(model).__name__
        what = "has a predict() of its own" if own else "is not among the models that can be read"
        reading.problem(f"{name} {what}.", f"These can be read: {', '.join(ROLES)}.")
        return Prediction.nothing()
    return _of_role(record, role, getattr(model, "missing", np.nan), columns, reading)


def _of_role(
    record: Booster, role: str, missing: Any, columns: Columns, reading: Reading
) -> Prediction:
    link = LINKS.get(record.objective)
    if link is None:
        reading.problem(
            f"XGBoost's objective {record.objective!r} is not known.",
            "These are: " + ", ".join(LINKS) + ".",
        )
        return Prediction.nothing()
    if role and record.lost:
        reading.problem(
            "This file of XGBoost 1.4 or 1.5 does not say how many trees a round of this forest "
            "has; later versions take one tree for all of it.",
            "Give its booster, which uses all trees: cf.read(xgboost.Booster(model_file=…)).",
        )
    scores = _scores(record, role, missing, columns, reading)
    if role == "classifier":
        return _classified(record, link, scores, reading)
    return _valued(record, link, scores, reading)


# --- scores -------------------------------------------------------------------------------------


def _scores(
    record: Booster, role: str, missing: Any, columns: Columns, reading: Reading
) -> list[Node]:
    """Return the margins: base score and leaves, added in float32 in tree order."""
    start = _margins(record)
    inputs = _inputs(record, missing, columns, reading)
    if record.kind == "gblinear":
        return _linear_scores(record, start, inputs, reading)
    # The estimators stop at the best round, a bare Booster does not.
    rounds = None if record.best is None or not role else record.best + 1
    used = record.trees_until(rounds)
    trees = record.trees[:used]
    if record.kind == "dart":
        trees = _weighted(record, trees, start, bool(role))
    shared = any(values.ndim == 2 for _, values in trees)
    return Forest(
        trees=tuple((splits, values.astype(np.float64)) for splits, values in trees),
        output=None if shared else record.group[:used],
        start=tuple(start.astype(np.float64).tolist()),
        single=True,
    ).nodes(inputs)


def _weighted(record: Booster, trees: Trees, start: Array, in_place: bool) -> Trees:
    """Return the trees of dart with their weights, all in float32.

    The estimators predict in place, where a tree's prediction starts from the base score, which is
    then taken off again: that rounds the leaf. A bare Booster does not.
    """
    made = []
    for (splits, values), group, w in zip(trees, record.group, record.weights, strict=False):
        base = start if values.ndim == 2 else start[group]
        rounded = (base + values) - base if in_place else values
        made.append((splits, (rounded * w).astype(np.float32)))
    return tuple(made)


def _margins(record: Booster) -> Array:
    """Return base_score as a score: through the link of the objective, in float32."""
    one, link = np.float32(1), LINKS.get(record.objective)
    if link == "log":
        return np.array([_log32(s) for s in record.start], dtype=np.float32)
    if link == "logit":
        # Of one class alone the base score is 0 or 1.
        odds = one / np.clip(record.start, LEAST_SHARE, one - LEAST_SHARE) - one
        return np.array([-_log32(x) for x in odds], dtype=np.float32)
    return record.start


def _log32(x: np.float32) -> float:
    """Return the C library's own float32 logarithm, which 1 time in 60 is not the nearest one."""
    try:
        function = ctypes.CDLL(None).logf
    except (OSError, TypeError, AttributeError):
        with np.errstate(all="ignore"):
            return float(np.float32(np.log(np.float64(x))))
    function.restype, function.argtypes = ctypes.c_float, [ctypes.c_float]
    return float(function(float(x)))


def _linear_scores(
    record: Booster, start: Array, inputs: Sequence[Node], reading: Reading
) -> list[Node]:
    """Return base score + bias + Σ weight·x, a missing x being left out.

    XGBoost 3.1 and 3.2 learn a base score for each output, and predict with the first of them.
    """
    filled = [ops.where(ops.missing(x), ops.const(0.0), x) for x in inputs]
    bias = (record.weights[-1] + start[0]).astype(np.float64)
    scores = Linear.of(record.weights[:-1].T.astype(np.float64), bias).nodes(filled)
    reading.rounds(scores, "float32", ULPS * (1 + record.width))
    return scores


def _inputs(record: Booster, missing: Any, columns: Columns, reading: Reading) -> tuple[Node, ...]:
    types = record.types or ("float",) * record.width
    kinds = zip(types, record.categories, columns, strict=True)
    if reading.sparse and reading.stored_zeros:
        reading.problem(
            "XGBoost takes the zeros of a sparse matrix as missing but for those that are stored "
            "in it, and which these are is no function of the row.",
            "Refit with dense columns: sparse_output=False, or sparse_threshold=0.",
        )
    made = []
    for kind, categories, (name, x) in kinds:
        if reading.sparse:  # before rounding: a sparse matrix leaves out what is 0 in float64
            x = ops.where(ops.equal(x, ops.const(0)), ops.const(np.nan), x)
        if kind == "c":
            made.append(_code(name, x, categories, missing, reading))
        elif record.kind == "gblinear":
            made.append(_marked(x, missing))
        else:
            made.append(ops.round32(_marked(x, missing)))
    return tuple(made)


def _marked(x: Node, missing: Any) -> Node:
    """Return x, missing also where it is the value that stands for that."""
    if is_missing(missing):
        return x
    value = ops.const(float(np.float32(missing)))
    return ops.where(ops.equal(ops.round32(x), value), ops.const(np.nan), x)


def _code(name: str, x: Node, categories: Any, missing: Any, reading: Reading) -> Node:
    """Return the code of a category; XGBoost raises on one that it has not seen.

    It takes a code, too, as missing where it is the number that stands for that.
    """
    if categories is None:  # of a version before 3.1, or codes from the start
        return ops.unary("floor", _marked(x, missing))
    x = reading.as_labels(x)
    if not all(c.isascii() for c in categories if isinstance(c, str)):
        reading.problem(
            f"XGBoost's record of the categories of {name!r} cannot be trusted: it cuts texts "
            "with letters beyond ASCII at wrong places, and may mistake one for another.",
            "Give such categories plain names before training, or encode them in a Pipeline.",
        )
    reading.unspecified(BEYOND)
    reading.knows(x, categories, unseen=False)
    code = ops.table(x, {plain_label(c): float(i) for i, c in enumerate(categories)})
    reading.call(code, f"{name} (encoded)")
    return _marked(code, missing)


# --- predictions --------------------------------------------------------------------------------


def _logit(scores: Sequence[Node]) -> list[Node]:
    return [ops.sigmoid(s) for s in scores]


def _log(scores: Sequence[Node]) -> list[Node]:
    return [ops.exp(s) for s in scores]


def _hinge(scores: Sequence[Node]) -> list[Node]:
    zero, one = ops.const(0.0), ops.const(1.0)
    return [ops.where(ops.less(zero, s), one, zero) for s in scores]


def _argmax(scores: Sequence[Node]) -> list[Node]:
    """Return the number of the class with the highest score, the first one among equals."""
    best, made = ops.maximum(*scores), ops.const(len(scores) - 1)
    for i in range(len(scores) - 2, -1, -1):
        made = ops.where(ops.equal(scores[i], best), ops.const(i), made)
    return [made]


VALUES: dict[str, Callable[[Sequence[Node]], list[Node]]] = {
    "identity": list,
    "logit": _logit,
    "log": _log,
    "hinge": _hinge,
    "argmax": _argmax,
    "softmax": softmax,
}
"""Link → what `predict` gives for some scores."""
ROUNDED = {"logit", "log", "softmax"}
"""Links that XGBoost computes in float32, by functions that round otherwise than ours."""


def _linked(link: str, scores: Sequence[Node], reading: Reading) -> list[Node]:
    made = VALUES[link](scores)
    if link in ROUNDED:
        reading.rounds(made, "float32", ULPS)
    return made


def _valued(record: Booster, link: str, scores: list[Node], reading: Reading) -> Prediction:
    values = _linked(link, scores, reading)
    reading.hands_on(values, "float32", ULPS)
    made = Prediction.of_values(values, link if link in ("logit", "log", "softmax") else "identity")
    if link not in ("identity", "hinge", "argmax"):
        before = Columns(tuple(f"score({n})" for n in made.outputs), tuple(scores))
        reading.stage(link, "link", before, Columns(tuple(made.outputs), tuple(values)))
    return made


def _classified(record: Booster, link: str, scores: list[Node], reading: Reading) -> Prediction:
    if len(scores) == 1:
        return _two_classes(link, scores, reading)
    classes = tuple(range(len(scores)))
    if link == "argmax":  # its predict_proba has no meaning
        return Prediction.of_classes(
            classes, label=label_of(scores, classes), link="none", decision=scores
        )
    if link == "logit":  # several labels at once, each 0 or 1
        return Prediction.of_labels(
            [_two_classes(link, [s], reading).with_chance(1) for s in scores]
        )
    if link != "softmax" or len(scores) == 2:
        reading.problem(
            f"This XGBoost classifier (objective {record.objective!r}, {len(scores)} outputs) "
            "is unknown.",
            "Read its booster: cf.read(model.get_booster()) gives each of its outputs.",
        )
        return Prediction.nothing()
    chances = _linked(link, scores, reading)
    reading.stage(
        link, "link", Columns(tuple(f"decision({c})" for c in classes), tuple(scores)),
        Columns(chance_names(classes), tuple(chances)),
    )  # fmt: skip
    label = highest(scores, classes)
    return Prediction.of_classes(
        classes, label=label, link=link, probability=chances, decision=scores
    )


def _two_classes(link: str, scores: list[Node], reading: Reading) -> Prediction:
    """Class 1 where what `predict` of a Booster gives is above 0.5."""
    (value,) = _linked(link, scores, reading)
    if link == "logit":
        label = _above(scores[0], JUST_ABOVE_HALF)
    elif link == "log":
        label = _above(value, 0.5)
    else:
        label = _above(scores[0], 0.0 if link == "hinge" else 0.5)
    # Of what is no probability, the complement is rounded by more than 1e-7 of it.
    other = complement(value) if link == "logit" else ops.round32(complement(value))
    chances = [other, value]
    if link == "logit":
        reading.stage(
            link, "link", Columns(("decision",), tuple(scores)),
            Columns(("P(0)", "P(1)"), tuple(chances)),
        )  # fmt: skip
    return Prediction.of_classes(
        (0, 1), label=label, link="logit" if link == "logit" else "none", probability=chances,
        decision=scores,
    )  # fmt: skip


def _above(score: Node, cut: float) -> Node:
    return label_above(score, cut, (0, 1))
