"""The linear models and support vector machines of ai.onnx.ml."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import combinations
from typing import Any

import numpy as np

from closedform import ops
from closedform.families import kernels
from closedform.families.additive import Linear, clipped, total_of
from closedform.formula import label_above, label_of
from closedform.ir import Array, Node, fold
from closedform.ops.absence import may_be_missing
from closedform.ops.payloads import Label
from closedform.readers.onnx.call import Call, Function
from closedform.readers.onnx.ml_rows import by_row, labels, numbers, scores, table
from closedform.readers.onnx.ml_scores import TRANSFORMS, lonely, parted, transform_of
from closedform.readers.onnx.ml_tree_operators import classes_of
from closedform.readers.onnx.values import Unknown
from closedform.readers.sklearn.svm import coupled, votes
from closedform.readers.torch.elements import NoFormula

Classes = Sequence[Label]


def _coefficients(call: Call, outputs: int, columns: int) -> Array:
    """Return the coefficients, shape (outputs, columns).

    Raises:
        NoFormula: there are not as many.
    """
    found = numbers(call.option("coefficients"))
    if outputs < 1 or len(found) != outputs * columns:
        raise NoFormula(
            f"operator {call.op} has {len(found)} coefficients for {outputs} outputs of {columns} "
            "columns"
        )
    return found.reshape(outputs, columns)


def highest(call: Call, columns: Sequence[Node], found: Sequence[Node], classes: Classes) -> Node:
    """Return the class of the highest score, the first one among equals, or where none is known."""
    best = label_of(found, classes)
    if not may_miss(call, columns):
        return best
    return ops.where(ops.missing(found[0]), ops.label(classes[0]), best)


def may_miss(call: Call, columns: Sequence[Node]) -> bool:
    """Tell whether one of some columns may be missing in a row that the formula takes."""
    found = frozenset().union(*fold(columns, may_be_missing))
    return bool(found - call.reading.no_missing)


def _scored(call: Call, record: Linear, columns: Sequence[Node]) -> list[Node]:
    """Return the scores; each is missing where a column is, even one that weighs nothing."""
    absent = [may_miss(call, [x]) for x in columns]
    made = []
    for score, weights in zip(record.nodes(columns), record.weights.tolist(), strict=True):
        unread = [x for x, w, at in zip(columns, weights, absent, strict=True) if at and w == 0]
        made.append(_known_with(unread, score))
    return made


FEW = 6
"""So many conditions are written out one by one."""


def _known_with(unread: Sequence[Node], score: Node) -> Node:
    """Return the score where none of some numbers is missing, as 0·NaN is NaN."""
    if not unread:
        return score
    each = unread if len(unread) <= FEW else [total_of(unread)]
    lost = ops.either(*[ops.missing(x) for x in each])
    return ops.where(lost, ops.const(np.nan), score)


# --- linear models --------------------------------------------------------------------------------


def _require_float32(call: Call) -> None:
    if call.kind(0) != "float32":
        raise NoFormula(f"operator {call.op} of {call.kind(0)}, which onnxruntime does not have")


def linear_regressor(call: Call) -> Any:
    """LinearRegressor."""
    _require_float32(call)
    rows = table(call, call.tensor(0))
    outputs, transform = int(call.option("targets", 1)), transform_of(call)
    weights = _coefficients(call, outputs, rows.shape[1])
    bias = numbers(call.option("intercepts"))
    if len(bias) not in (0, outputs):
        raise NoFormula(f"operator {call.op} has {len(bias)} intercepts for {outputs} outputs")
    record = Linear.of(weights, bias if len(bias) else 0.0)

    def of(columns: list[Node]) -> list[Node]:
        made = _scored(call, record, columns)
        return [lonely(transform, made[0])] if len(made) == 1 else TRANSFORMS[transform](made)

    return scores(by_row(rows, of))


def linear_classifier(call: Call) -> Any:
    """LinearClassifier: the label, and the scores of all classes."""
    rows = table(call, call.tensor(0))
    call.option("multi_class")  # the runtimes do not ask for it
    classes, transform = classes_of(call, "classlabels_ints"), transform_of(call)
    bias = numbers(call.option("intercepts"))
    weights = _coefficients(call, len(bias), rows.shape[1])
    if len(bias) != (1 if len(classes) == 2 and len(bias) == 1 else len(classes)) or (
        len(classes) == 1
    ):
        raise NoFormula(
            f"operator {call.op} has {len(bias)} intercepts for {len(classes)} classes"
        )  # fmt: skip
    if len(bias) == 1 and transform == "PROBIT":
        raise NoFormula(f"operator {call.op} with one score for two classes and PROBIT")
    record = Linear.of(weights, bias)
    # scikit-learn's one score for two classes is written as −s and s.
    mirrored = len(bias) == 2 and bias[0] == -bias[1] and (weights[0] == -weights[1]).all()

    def of(columns: list[Node]) -> list[Node]:
        made = _scored(call, record, columns)
        if len(made) == 1:
            return [label_above(made[0], 0.0, classes), *parted(made[0], transform)]
        if mirrored and transform in ("NONE", "LOGISTIC"):
            return [label_above(made[1], 0.0, classes), *parted(made[1], transform, turned=True)]
        return [highest(call, columns, made, classes), *TRANSFORMS[transform](made)]

    made = by_row(rows, of)
    call.note_classes(classes)
    return labels(made[:, 0], classes), scores(made[:, 1:])


# --- support vector machines ----------------------------------------------------------------------


def _kernel(call: Call) -> kernels.Kernel:
    name = call.option("kernel_type", "LINEAR")
    found = numbers(call.option("kernel_params"))
    gamma, offset, degree = found.tolist() if len(found) == 3 else (0.0, 0.0, 0.0)
    made: dict[str, Callable[[], kernels.Kernel]] = {
        "LINEAR": kernels.linear,
        "POLY": lambda: kernels.polynomial(gamma, offset, degree),
        "RBF": lambda: kernels.gaussian_by(gamma),
        "SIGMOID": lambda: kernels.hyperbolic(gamma, offset),
    }
    if name not in made or len(found) not in (0, 3):
        raise NoFormula(f"operator {call.op} with the kernel {str(name)[:40]!r} and its options")
    return made[name]()


def _vectors(call: Call, count: int, columns: int) -> Array:
    found = numbers(call.option("support_vectors"))
    if len(found) != count * columns:
        raise NoFormula(
            f"operator {call.op} has {len(found)} numbers for {count} vectors of {columns} columns"
        )
    return found.reshape(count, columns)


def _rho(call: Call, count: int) -> Array:
    found = numbers(call.option("rho"))
    if len(found) < count:
        raise NoFormula(f"operator {call.op} has {len(found)} constants for {count} scores")
    return found[:count]


def svm_regressor(call: Call) -> Any:
    """SVMRegressor, of one target; and the one-class machine, which gives 1 or −1."""
    _require_float32(call)
    rows = table(call, call.tensor(0))
    count, kernel = int(call.option("n_supports", 0)), _kernel(call)
    width = rows.shape[1]
    points = _vectors(call, max(count, 0), width) if count > 0 else None
    weights = _coefficients(call, 1, width if points is None else count)
    rho, one_class = _rho(call, 1), bool(call.option("one_class", 0))
    if transform_of(call) != "NONE":
        # ONNX applies it, onnxruntime does not.
        raise NoFormula(f"operator {call.op} with a post_transform, which onnxruntime overlooks")

    def of(columns: list[Node]) -> list[Node]:
        if points is None:
            made = _scored(call, Linear.of(weights, rho), columns)
        else:
            made = kernels.expansion(kernel.between(columns, points), weights, rho.tolist())
        return [_side(made[0])] if one_class else made

    return scores(by_row(rows, of))


def _side(score: Node) -> Node:
    inside = ops.less(ops.const(0.0), score)
    return ops.where(inside, ops.const(1.0), ops.const(-1.0))


def svm_classifier(call: Call) -> Any:
    """SVMClassifier: the label, and probabilities or the scores of all pairs of classes."""
    rows = table(call, call.tensor(0))
    classes, transform = classes_of(call, "classlabels_ints"), transform_of(call)
    counts = [int(c) for c in call.option("vectors_per_class", [])]
    chances = numbers(call.option("prob_a")), numbers(call.option("prob_b"))
    if len(chances[0]) != len(chances[1]):
        raise NoFormula(f"operator {call.op} has prob_a and prob_b of different lengths")
    if not sum(counts) or len(classes) < 2:
        raise NoFormula(f"operator {call.op} without support vectors, or of a single class")
    if len(counts) != len(classes) or min(counts) < 0:
        raise NoFormula(f"operator {call.op} has vectors of {len(counts)} classes")
    of = _machine(call, classes, counts, rows.shape[1])
    finish = _finish(call, classes, transform, *chances)
    made = by_row(rows, lambda columns: finish(of(columns), may_miss(call, columns)))
    call.note_classes(classes)
    given = scores(made[:, 1:]) if made.shape[1] > 1 else Unknown()
    return labels(made[:, 0], classes), given


def _machine(call: Call, classes: Classes, counts: Sequence[int], width: int) -> Any:
    """Return a function of one row's columns that gives the score of each pair of classes."""
    kernel, total = _kernel(call), sum(counts)
    points = _vectors(call, total, width)
    dual = _coefficients(call, len(classes) - 1, total)
    ends = np.cumsum([0, *counts])
    pairs = list(combinations(range(len(classes)), 2))
    weights = np.zeros((len(pairs), total))
    for row, (i, j) in zip(weights, pairs, strict=True):
        row[ends[i] : ends[i + 1]] = dual[j - 1, ends[i] : ends[i + 1]]
        row[ends[j] : ends[j + 1]] = dual[i, ends[j] : ends[j + 1]]
    rho = _rho(call, len(pairs)).tolist()
    return lambda columns: kernels.expansion(kernel.between(columns, points), weights, rho)


def _finish(call: Call, classes: Classes, transform: str, prob_a: Array, prob_b: Array) -> Any:
    """Return a function of the pairs' scores that gives the label and what stands beside it."""
    count = len(classes)
    if len(prob_a) and count == 2:
        a, b = float(prob_a[0]), float(prob_b[0])
        return lambda s, absent: [
            _first_of(s[0], classes),
            *TRANSFORMS[transform](_shared(s[0], a, b, absent)),
        ]
    if len(prob_a):
        call.reading.leave_out(
            "the probabilities", "those of more than two classes are found by iteration"
        )
        return lambda s, _: [_most_votes(s, classes)]
    if count > 2:
        return lambda s, _: [_most_votes(s, classes), *TRANSFORMS[transform](s)]
    if transform == "PROBIT":
        raise NoFormula(f"operator {call.op} with one score for two classes and PROBIT")
    return lambda s, _: [_first_of(s[0], classes), *parted(s[0], transform, turned=True)]


def _first_of(score: Node, classes: Classes) -> Node:
    """Return the first class where the score is above 0."""
    return label_above(score, 0.0, (classes[1], classes[0]))


def _most_votes(found: Sequence[Node], classes: Classes) -> Node:
    won = [ops.less(ops.const(0.0), s) for s in found]
    return label_of(votes(won, len(classes)), classes)


LEAST = 1e-7
"""A chance is no nearer to 0 or 1."""


def _shared(score: Node, a: float, b: float, absent: bool) -> list[Node]:
    """Return the chances of two classes: 1 / (1 + exp(a·s + b)) for the first, then coupled.

    Of a score that is missing, each is a half: there the coupling ends before it begins.
    """
    made = coupled(clipped(ops.sigmoid(ops.lin(-b, (-a, score))), LEAST, 1 - LEAST))
    if not absent:
        return made
    return [ops.where(ops.missing(score), ops.const(0.5), p) for p in made]


OPERATORS: dict[str, Function] = {
    "LinearRegressor": linear_regressor,
    "LinearClassifier": linear_classifier,
    "SVMRegressor": svm_regressor,
    "SVMClassifier": svm_classifier,
}
"""Name of an operator → the same on arrays of nodes."""
