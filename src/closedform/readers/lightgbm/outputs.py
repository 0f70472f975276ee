"""What a LightGBM model predicts, as nodes: scores in tree order, and what becomes of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from closedform import ops
from closedform.errors import NotFitted
from closedform.families.additive import complement, softmax
from closedform.formula import Formula, label_above
from closedform.ir import Node
from closedform.loading.stream import Broken
from closedform.ops.payloads import chance_names
from closedform.readers.documents import understood
from closedform.readers.lightgbm.booster import NEAR_ZERO, Booster, Tree, booster_of
from closedform.readers.prediction import Prediction, formula_of, highest, input_names
from closedform.readers.reading import Columns, Reading, plain_label

KINDS = ("LGBMClassifier", "LGBMRegressor", "LGBMRanker", "LGBMModel", "Booster")

LINKS = {
    **dict.fromkeys(
        ("regression", "regression_l1", "huber", "fair", "quantile", "mape", "lambdarank",
         "rank_xendcg", "none", "custom"),
        "identity",
    ),
    **dict.fromkeys(("poisson", "gamma", "tweedie"), "log"),
    **dict.fromkeys(("binary", "cross_entropy"), "logit"),
    "cross_entropy_lambda": "softplus",
    "multiclass": "softmax",
    "multiclassova": "each",
}  # fmt: skip
"""Objective → how scores become predictions."""

OTHER = "(no other class)"


def read_model(model: Any, names: Sequence[str] | None = None) -> Formula:
    """Return a fitted LightGBM estimator or a Booster as a formula.

    Raises:
        UnsupportedModel: its objective or some option has no formula.
        NotFitted: it has not been trained.
        BadInput: `names` does not fit.
    """
    import lightgbm

    record = _live(model)
    return formula_of(
        partial(_predicted, model, record),
        input_names(names, _own_names(record), record.width),
        source=type(model).__name__,
        reader=f"LightGBM {lightgbm.__version__}",
    )


def read_file(raw: bytes, names: Sequence[str] | None = None) -> Formula:
    """Return a model saved by LightGBM as text: what a Booster loaded from it predicts.

    Raises:
        Broken: the file is damaged.
        UnsupportedModel: as in `read_model`.
    """
    record = understood(_text(raw), booster_of)
    return formula_of(
        lambda columns, reading: _valued(record, _scores(record, columns, reading), reading),
        input_names(names, _own_names(record), record.width),
        source="LightGBM",
        reader="LightGBM's file format",
    )


def model_of(raw: bytes) -> Any:
    """Return the Booster in a file."""
    import lightgbm

    return lightgbm.Booster(model_str=_text(raw))


def _text(raw: bytes) -> str:
    try:
        return raw.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        raise Broken("it is no text") from error


def predicted(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """Return what an estimator or a Booster predicts over some columns."""
    return _predicted(model, _live(model), columns, reading)


def _own_names(record: Booster) -> tuple[str, ...] | None:
    unnamed = tuple(f"Column_{i}" for i in range(record.width))
    return None if record.names == unnamed else record.names


def _live(model: Any) -> Booster:
    booster = model
    if not hasattr(model, "model_to_string"):
        if not model.__sklearn_is_fitted__():
            name = type(model).__name__
            old = getattr(model, "_Booster", None) is not None  # pickled by LightGBM up to 3.2
            hint = "Read the booster in it: closedform.read(model._Booster)."
            raise NotFitted(
                f"This {name} is not fitted" + (", says LightGBM: it is too old." if old else "."),
                hint=hint if old else "Call its fit(X, y) first.",
            )
        booster = model.booster_
    # Up to the best iteration, where training stopped early: as far as predict() goes.
    found: Booster = understood(booster.model_to_string(), booster_of)
    return found


def _predicted(model: Any, record: Booster, columns: Columns, reading: Reading) -> Prediction:
    kind = next((c.__name__ for c in type(model).__mro__ if c.__name__ in KINDS), None)
    own = type(model).predict.__module__.partition(".")[0] != "lightgbm"
    if kind is None or own:
        name = type(model).__name__
        what = "has a predict() of its own" if own else "is not among the models that can be read"
        reading.problem(f"{name} {what}.", f"These can be read: {', '.join(KINDS)}.")
        return Prediction.nothing()
    scores = _scores(record, columns, reading)
    if kind != "LGBMClassifier":
        return _valued(record, scores, reading)
    if callable(model._objective):  # its predict() gives the scores themselves
        return Prediction.of_values(scores)
    classes = tuple(plain_label(c) for c in np.asarray(model.classes_))
    return _classified(record, scores, classes, reading)


# --- scores -------------------------------------------------------------------------------------


def _scores(record: Booster, columns: Columns, reading: Reading) -> list[Node]:
    """Return the sum of the trees of each output, in float64 and in their order."""
    inputs = _inputs(record, columns, reading)
    args = _arguments(record, inputs)
    members: list[list[Node]] = [[] for _ in range(record.outputs)]
    for i, tree in enumerate(record.trees):
        members[i % record.outputs].append(_value(tree, args, inputs))
    return [ops.linear(0.0, [1.0] * len(m), m) for m in members]


def _means(record: Booster, scores: list[Node]) -> list[Node]:
    """Return what predictions are made of: of a random forest, the scores over their number.

    The raw scores that LightGBM gives are sums all the same.
    """
    rounds = len(record.trees) // record.outputs
    if not record.averages or rounds < 2:
        return scores
    return [ops.div(s, ops.const(rounds)) for s in scores]


def _arguments(record: Booster, inputs: Sequence[Node]) -> tuple[Node, ...]:
    """Return the inputs, and behind them those in which numbers near 0 count as missing."""
    tested = {int(f) for t in record.trees for f in t.splits.feature[~t.splits.leaf].tolist()}
    if not any(f >= record.width for f in tested):
        return tuple(inputs)
    limit = ops.const(NEAR_ZERO)
    absent = [
        ops.where(ops.less_equal(ops.absolute(x), limit), ops.const(np.nan), x)
        if i + record.width in tested
        else x
        for i, x in enumerate(inputs)
    ]
    return (*inputs, *absent)


def _value(tree: Tree, args: tuple[Node, ...], inputs: Sequence[Node]) -> Node:
    plain = ops.tree(tree.splits, tree.values, args)
    if tree.linear is None:
        return plain
    constant = ops.tree(tree.splits, tree.linear.constant, args)
    if not tree.linear.slopes:
        return constant
    absent = [
        ops.where(ops.missing(inputs[f]), ops.tree(tree.splits, reads, args), ops.const(0.0))
        for f, reads in tree.linear.reads.items()
    ]
    terms = [
        ops.mul(
            ops.tree(tree.splits, slope, args),
            ops.where(ops.missing(inputs[f]), ops.const(0.0), inputs[f]),
        )
        for f, slope in tree.linear.slopes.items()
    ]
    equation = ops.linear(0.0, [1.0] * (len(terms) + 1), [constant, *terms])
    gone = ops.less(ops.const(0.0), ops.linear(0.0, [1.0] * len(absent), absent))
    return ops.where(gone, plain, equation)


def _inputs(record: Booster, columns: Columns, reading: Reading) -> list[Node]:
    known = _categories(record, reading)
    made = []
    for i, (name, x) in enumerate(columns):
        if i in known:
            made.append(_code(name, x, known[i], reading))
        else:
            made.append(_whole(x) if i in record.categorical else x)
    return made


def _categories(record: Booster, reading: Reading) -> dict[int, tuple[Any, ...]]:
    """Return pandas' categories by column. The text has one list for each, but no columns."""
    lists = record.categories
    if lists is None:
        return {}
    plain = len(lists) == len(record.categorical) and all(
        record.may_hold(i, len(known)) for i, known in zip(record.categorical, lists, strict=True)
    )
    columns = list(record.categorical) if plain else _columns_of(lists, record)
    if columns is None:
        reading.problem(
            f"This LightGBM model was trained on {len(lists)} columns of pandas categories, and "
            f"treats {len(record.categorical)} columns as categorical; it does not say which of "
            "them are which.",
            "Turn ordered categories into numbers (`.cat.codes`) before training, and columns "
            "named in categorical_feature into pandas categories.",
        )
    return dict(zip(columns or [], lists, strict=False))


def _columns_of(lists: Sequence[Sequence[Any]], record: Booster) -> list[int] | None:
    """Return the columns in which lists of categories belong, if but one choice fits the data.

    Both stand in one order; where the first and the last choice are the same, there is no other.
    """
    every = list(range(record.width))
    first = _chosen(lists, every, record)
    last = _chosen(lists[::-1], every[::-1], record)
    return first if last is not None and first == last[::-1] else None


def _chosen(
    lists: Sequence[Sequence[Any]], columns: Sequence[int], record: Booster
) -> list[int] | None:
    """Return the first columns, one after the other, that may hold the lists; None without."""
    made: list[int] = []
    left = iter(columns)
    for known in lists:
        found = next((i for i in left if record.may_hold(i, len(known))), None)
        if found is None:
            return None
        made.append(found)
    return made


def _code(name: str, x: Node, known: Sequence[Any], reading: Reading) -> Node:
    """Return the position of a category; others are missing, and go right."""
    x = reading.as_labels(x)
    reading.knows(x, known, unseen=True)
    code = ops.table(x, {c: float(i) for i, c in enumerate(known)})
    reading.call(code, f"{name} (encoded)")
    return code


def _whole(x: Node) -> Node:
    """Return a code without its fraction, as C's cast does: −0.5 is 0."""
    zero = ops.const(0.0)
    small = ops.both(ops.less(ops.const(-1.0), x), ops.less(x, zero))
    return ops.where(small, zero, ops.unary("floor", x))


# --- predictions --------------------------------------------------------------------------------


def _sigmoids(record: Booster, scores: Sequence[Node]) -> list[Node]:
    factor = record.option("sigmoid", 1.0)
    return [ops.sigmoid(s if factor == 1 else ops.lin(0, (factor, s))) for s in scores]


def _squares(scores: Sequence[Node]) -> list[Node]:
    return [ops.mul(ops.sign(s), s, s) for s in scores]


VALUES: dict[str, Callable[[Booster, Sequence[Node]], list[Node]]] = {
    "identity": lambda _, scores: list(scores),
    "square": lambda _, scores: _squares(scores),
    "log": lambda _, scores: [ops.exp(s) for s in scores],
    "logit": _sigmoids,
    "each": _sigmoids,
    "softplus": lambda _, scores: [ops.unary("softplus", s) for s in scores],
    "softmax": lambda _, scores: softmax(scores),
}
"""Link → what `predict` gives for some scores."""


def _link(record: Booster, reading: Reading) -> str | None:
    objective = record.objective[0] if record.objective else "none"
    link = LINKS.get(objective)
    if link is None:
        reading.problem(
            f"LightGBM's objective {objective!r} is not known.",
            "These are: " + ", ".join(LINKS) + ".",
        )
    if link == "identity" and "sqrt" in record.objective:
        return "square"
    return link


def _valued(record: Booster, scores: list[Node], reading: Reading) -> Prediction:
    link = _link(record, reading)
    if link is None:
        return Prediction.nothing()
    values = VALUES[link](record, _means(record, scores))
    made = Prediction.of_values(values, link if link in ("log", "logit", "softmax") else "identity")
    if link != "identity":
        before = Columns(tuple(f"score({n})" for n in made.outputs), tuple(scores))
        reading.stage(link, "link", before, Columns(tuple(made.outputs), tuple(values)))
    return made


def _classified(
    record: Booster, scores: list[Node], classes: tuple[Any, ...], reading: Reading
) -> Prediction:
    """Return the class of the highest probability, the first one among equals."""
    link = _link(record, reading)
    if link is None:
        return Prediction.nothing()
    values = VALUES[link](record, _means(record, scores))
    if len(scores) > 1:
        chances, label = values, highest(values, classes)
    else:
        chances = [complement(values[0]), values[0]]
        # Of one class it still gives the chances of two.
        one = len(classes) == 1
        label = ops.label(classes[0]) if one else label_above(values[0], 0.5, classes)
        classes = (classes[0], OTHER) if one else classes
    names = chance_names(classes)
    told = ("decision",) if len(scores) == 1 else tuple(f"decision({c})" for c in classes)
    reading.stage(link, "link", Columns(told, tuple(scores)), Columns(names, tuple(chances)))
    shown = link if link in ("logit", "softmax") else "none"
    made = Prediction.of_classes(
        classes, label=label, link=shown, probability=chances, decision=scores
    )
    seen = tuple(c for c in classes if c != OTHER)
    return replace(made, task=replace(made.task, classes=seen))
