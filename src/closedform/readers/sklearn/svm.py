"""scikit-learn's support vector machines: sums over support vectors, and the votes of pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import Any

import numpy as np

from closedform import ops
from closedform.families.additive import Linear, clipped, complement
from closedform.families.kernels import Kernel, expansion
from closedform.formula import label_above, label_of
from closedform.ir import Array, Node, frozen
from closedform.readers.prediction import Prediction, highest, label_from
from closedform.readers.reading import Columns, Reading, unique_names
from closedform.readers.sklearn.kernels import fits, named_kernel
from closedform.readers.sklearn.linear import class_labels
from closedform.readers.sklearn.scale import indicator


def _dense(values: Any) -> Array:
    return frozen(values.toarray() if hasattr(values, "toarray") else values)


def machine_scores(
    model: Any, weights: Array, columns: Columns, reading: Reading
) -> list[Node] | None:
    """Return intercept + Σ weight·k(x, support vector), or None where that cannot be read.

    Args:
        weights: shape (scores, support vectors).
    """
    # A kernel of libsvm gets numbers, never None: gamma is resolved in training.
    given = {"gamma": getattr(model, "_gamma", 0.0), "coef0": model.coef0, "degree": model.degree}
    kernel = _kernel(model, given, columns, reading)
    points = _dense(model.support_vectors_).reshape(-1, len(columns))
    if kernel is None or not fits(model, points, kernel, reading):
        return None
    bias = np.asarray(model.intercept_, dtype=np.float64).tolist()
    return expansion(kernel.between(columns.nodes, points), weights, bias)


def _kernel(model: Any, given: dict[str, Any], columns: Columns, reading: Reading) -> Kernel | None:
    own = model.kernel if isinstance(model.kernel, str) else "callable"
    return named_kernel(model, own, given, columns.nodes, reading)


def _weights(model: Any, columns: Columns) -> Array:
    count = _dense(model.support_vectors_).reshape(-1, len(columns)).shape[0]
    return _dense(model.dual_coef_).reshape(-1, count) if count else np.zeros((1, 0))


def vector_regressor(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """ŷ = intercept + Σ weight·k(x, support vector)."""
    scores = machine_scores(model, _weights(model, columns), columns, reading)
    return Prediction.nothing() if scores is None else Prediction.of_values(scores)


def one_class(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """1 (an inlier) where the score is above 0, −1 elsewhere."""
    scores = machine_scores(model, _weights(model, columns), columns, reading)
    if scores is None:
        return Prediction.nothing()
    label = label_above(scores[0], 0.0, (-1, 1))
    return Prediction.of_classes((-1, 1), label=label, link="none", decision=scores)


def linear_one_class(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """1 (an inlier) where W·x − offset >= 0, −1 elsewhere."""
    scores = Linear.of(model.coef_, -np.asarray(model.offset_)).nodes(columns.nodes)
    label = label_from(scores[0], 0.0, (-1, 1))
    return Prediction.of_classes((-1, 1), label=label, link="none", decision=scores)


# --- classifiers --------------------------------------------------------------------------------


def vector_classifier(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """A score for each pair of classes, which vote; of two classes, the sign of one score."""
    if model.break_ties and model.decision_function_shape == "ovo":
        reading.problem(
            f"{type(model).__name__}(break_ties=True, decision_function_shape='ovo') predicts "
            "nothing: its predict raises.",
            "Set decision_function_shape='ovr', or break_ties=False.",
        )
        return Prediction.nothing()
    classes, weights = class_labels(model), _weights(model, columns)
    several = len(classes) > 2
    pairs = _pair_weights(weights, model.n_support_) if several else weights
    scores = machine_scores(model, pairs, columns, reading)
    if scores is None:
        return Prediction.nothing()
    return _several(model, scores, classes, reading) if several else _two(model, scores, classes)


def _pair_weights(dual: Array, counts: Any) -> Array:
    """Return the weight of every support vector for each pair of classes, shape (pairs, vectors).

    The vectors stand class by class. For the pair (i, j) those of class i have their weights in
    row j − 1, those of class j in row i, and all others none.
    """
    ends = np.cumsum([0, *counts])
    pairs = list(combinations(range(len(counts)), 2))
    made = np.zeros((len(pairs), ends[-1]))
    for row, (i, j) in zip(made, pairs, strict=True):
        row[ends[i] : ends[i + 1]] = dual[j - 1, ends[i] : ends[i + 1]]
        row[ends[j] : ends[j + 1]] = dual[i, ends[j] : ends[j + 1]]
    return made


def _two(model: Any, scores: list[Node], classes: tuple[Any, ...]) -> Prediction:
    # libsvm votes for the first class where its own score, which is −g, is above 0.
    return Prediction.of_classes(
        classes,
        label=label_from(scores[0], 0.0, classes),
        link="none",
        probability=coupled(_platt(model, scores[0])) if _gives_chances(model) else (),
        decision=scores,
    )


def _gives_chances(model: Any) -> bool:
    return getattr(model, "probability", False) is True and len(model._probA) > 0


def _platt(model: Any, score: Node) -> Node:
    """Return the first class's sigmoid of the score, no nearer to 0 or 1 than 1e-7.

    Platt, J. (1999), Probabilistic outputs for support vector machines, in Advances in Large
    Margin Classifiers.
    """
    a, b = float(model._probA[0]), float(model._probB[0])
    return clipped(ops.sigmoid(ops.lin(-b, (a, score))), 1e-7, 1 - 1e-7)


ENOUGH = 0.005 / 2
"""The error at which libsvm stops to couple the chances of two classes, though they are known."""


def coupled(a: Node) -> list[Node]:
    """Return what libsvm makes of the chance a of the first class and 1 − a of the second.

    It minimises ((1 − a)·p − a·(1 − p))² from p = 1/2 on by the method for any number of classes,
    and stops as soon as the error is below 0.0025: up to 0.005 beside the known minimum, p = a.
    With u = p − a that is u ← b·u² / (b² − b·u + u²), then u ← −a·u² / (a² + a·u + u²), where
    b = 1 − a. From 1/2 it takes two rounds at most, wherever a lies between 1e-7 and 1 − 1e-7.

    Wu, T.-F., Lin, C.-J. and Weng, R. C. (2004), Probability estimates for multi-class
    classification by pairwise coupling, JMLR 5, algorithm 2.
    """
    start = ops.lin(0.5, (-1, a))
    first = _round_of_coupling(a, start)
    second = _round_of_coupling(a, first)
    left = ops.where(_is_enough(a, start), start,
                     ops.where(_is_enough(a, first), first, second))  # fmt: skip
    p = ops.lin(0, (1, a), (1, left))
    return [p, complement(p)]


def _round_of_coupling(a: Node, u: Node) -> Node:
    b = complement(a)
    return _step(ops.lin(0, (-1, a)), _step(b, u))


def _step(c: Node, u: Node) -> Node:
    """Return c·u² / (c² − c·u + u²)."""
    square = ops.mul(u, u)
    below = ops.lin(0, (1, ops.mul(c, c)), (-1, ops.mul(c, u)), (1, square))
    return ops.div(ops.mul(c, square), below)


def _is_enough(a: Node, u: Node) -> Node:
    """Tell whether |u|·max(p, 1 − p) < 0.0025."""
    p = ops.lin(0, (1, a), (1, u))
    return ops.less(
        ops.mul(ops.absolute(u), ops.maximum(p, complement(p))), ops.const(ENOUGH)
    )  # fmt: skip


def _several(
    model: Any, scores: list[Node], classes: tuple[Any, ...], reading: Reading
) -> Prediction:
    pairs = list(combinations(range(len(classes)), 2))
    names = unique_names([f"decision({classes[i]}, {classes[j]})" for i, j in pairs])
    for n, (i, j) in zip(scores, pairs, strict=True):
        reading.call(n, f"g_{classes[i]}_{classes[j]}")
    shared = shared_votes(scores, len(classes))
    if model.break_ties:
        label = highest(shared, classes)
    else:
        label = label_of(
            votes([ops.less(ops.const(0.0), s) for s in scores], len(classes)), classes
        )
    if _gives_chances(model):
        reading.leave_out(
            "the probabilities", "libsvm finds those of more than two classes by iteration",
        )  # fmt: skip
    if model.decision_function_shape == "ovr":
        return Prediction.of_classes(classes, label=label, link="none", decision=shared)
    made = Prediction.of_classes(classes, label=label, link="none")
    outputs = made.outputs | dict(zip(names, scores, strict=True))
    return Prediction(outputs, replace(made.task, decision=tuple(names)))


def votes(first: Sequence[Node], count: int) -> list[Node]:
    """Return how many pairs each class wins; first[k]: whether pair k is won by its first class."""
    won: list[list[tuple[float, Node]]] = [[] for _ in range(count)]
    lost = [0] * count
    for win, (i, j) in zip(first, combinations(range(count), 2), strict=True):
        won[i].append((1.0, indicator(win)))
        won[j].append((-1.0, indicator(win)))
        lost[j] += 1
    return [ops.lin(most, *terms) for most, terms in zip(lost, won, strict=True)]


def shared_votes(scores: Sequence[Node], count: int) -> list[Node]:
    """Return votes and sums of scores; at 0 a pair is won by its first class."""
    first = [ops.less_equal(ops.const(0.0), s) for s in scores]
    return shared_votes_of(first, scores, count)


def shared_votes_of(first: Sequence[Node], scores: Sequence[Node], count: int) -> list[Node]:
    """Return votes, and s / (3·(|s| + 1)) of each class's sum s of scores to part equal ones.

    Args:
        first: for each pair of classes, whether it is won by the first one.
        scores: for each pair, the score of its first class.
        count: how many classes there are.
    """
    sums: list[list[tuple[float, Node]]] = [[] for _ in range(count)]
    for s, (i, j) in zip(scores, combinations(range(count), 2), strict=True):
        sums[i].append((1.0, s))
        sums[j].append((-1.0, s))
    return [_with_share(v, terms) for v, terms in zip(votes(first, count), sums, strict=True)]


def _with_share(won: Node, terms: list[tuple[float, Node]]) -> Node:
    total = ops.lin(0.0, *terms)
    share = ops.div(total, ops.lin(3.0, (3.0, ops.absolute(total))))
    return ops.lin(0, (1, won), (1, share))


TRANSFORMS: dict[str, Any] = {}
ESTIMATORS: dict[str, Any] = {
    "SVC": vector_classifier,
    "NuSVC": vector_classifier,
    "SVR": vector_regressor,
    "NuSVR": vector_regressor,
    "OneClassSVM": one_class,
    "SGDOneClassSVM": linear_one_class,
}
