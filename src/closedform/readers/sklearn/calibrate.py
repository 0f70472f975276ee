"""scikit-learn: isotonic regression, and probabilities put right by it or by a sigmoid."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from closedform import ops
from closedform.families.additive import complement, shared_out, softmax
from closedform.ir import Array, Node
from closedform.readers.prediction import Prediction, highest
from closedform.readers.reading import Columns, Reading
from closedform.readers.sklearn.linear import class_labels, plain_labels
from closedform.readers.sklearn.members import mean_of, member
from closedform.readers.sklearn.shape import interpolation

# --- isotonic regression ------------------------------------------------------------------------


def isotonic(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """Straight lines between the knots, which rise or fall all along."""
    return Prediction.of_values([_curve(model, columns.nodes[0], reading)])


def _curve(model: Any, x: Node, reading: Reading) -> Node:
    """Return the curve at x; what lies beyond the knots is missing, cut, or refused."""
    knots, values = np.asarray(model.X_thresholds_), np.asarray(model.y_thresholds_)
    if knots.dtype == np.float32:
        x = ops.round32(x)
        reading.differs("the isotonic curve is computed in float32: it is off by about 1e-7")
    knots, values = knots.astype(np.float64), values.astype(np.float64)
    if len(values) == 1:
        return ops.const(values[0])
    curve = ops.piecewise(x, interpolation(knots, values))
    _amplifies(curve, x, knots, values, reading)
    if model.out_of_bounds == "clip":
        return curve
    inside = ops.both(
        ops.less_equal(ops.const(knots[0]), x), ops.less_equal(x, ops.const(knots[-1]))
    )
    if model.out_of_bounds == "nan":
        return ops.where(inside, curve, ops.const(np.nan))
    reading.refuse(ops.negate(ops.either(inside, ops.missing(x))))
    return curve


MOST_ULPS = 2**13
"""Beyond this (1e-3) what float32 leaves of a chance says little: an error is then no rounding."""


def _amplifies(curve: Node, x: Node, knots: Array, values: Array, reading: Reading) -> None:
    """Note that a steep curve makes more of the rounding of what it is given, as of float32."""
    rounding = reading.rounding(x)
    size = np.abs(values).max()
    if rounding is None or size == 0:
        return
    steepest = np.abs(np.diff(values) / np.diff(knots)).max()
    times = max(1.0, float(steepest * np.abs(knots).max() / size))
    ulps = math.ceil(min(MOST_ULPS, rounding.ulps * (1 + times)))
    reading.rounds([curve], rounding.dtype, ulps)


# --- calibration --------------------------------------------------------------------------------


def calibrated(model: Any, columns: Columns, reading: Reading) -> Prediction:
    """The mean chances of classifiers whose scores went through a curve of their own.

    Platt, J. (1999), Probabilistic outputs for support vector machines; Zadrozny, B. and Elkan, C.
    (2002), Transforming classifier scores into accurate multiclass probability estimates, KDD.
    """
    classes = class_labels(model)
    made = [_one(part, columns, reading) for part in model.calibrated_classifiers_]
    if not all(made):
        return Prediction.nothing()
    chances = [mean_of(p) for p in zip(*made, strict=True)]
    return Prediction.of_classes(
        classes, label=highest(chances, classes), link="none", probability=chances
    )


def _one(part: Any, columns: Columns, reading: Reading) -> list[Node]:
    """Return the calibrated chances of one classifier; none where it cannot be read."""
    made = member(part.estimator, columns, reading)
    if not made.outputs:
        return []
    if part.method not in METHODS:
        reading.problem(
            f"CalibratedClassifierCV(method={part.method!r}) has a method that is not known.",
            "Refit it with one of these: " + ", ".join(METHODS) + ".",
        )
        return []
    found = [] if not hasattr(part.estimator, "decision_function") else made.nodes("decision")
    role = "decision" if found else "probability"
    scores = found or made.nodes("probability")
    if role == "probability" and len(made.task.classes) == 2:
        scores = scores[1:]  # of two classes, the second one's alone
    if part.method == "isotonic":
        for score in scores:
            reading.call(score, "score")  # or each knot of the curve would spell it out
    return list(METHODS[part.method](part, scores, role, reading))


def _by_class(part: Any, scores: Sequence[Node], role: str, reading: Reading) -> Iterator[Node]:
    """Yield a chance for each class from a curve for each score; shared out among more than two."""
    classes = plain_labels(part.classes)
    known = [classes.index(c) for c in plain_labels(part.estimator.classes_)]
    chances: list[Node] = [ops.const(0.0)] * len(classes)
    shift = int(len(classes) == 2)  # the only score of two classes is that of the second one
    for k, score, curve in zip(known, scores, part.calibrators, strict=False):
        chances[k + shift] = CURVES[part.method](curve, score, reading)
    if shift:
        # An interpolated chance may lie one rounding above 1, and is then put right.
        top = ops.minimum(chances[1], ops.const(1)) if part.method == "isotonic" else chances[1]
        yield from (complement(chances[1]), top)
    else:
        yield from shared_out(chances)


def _platt(curve: Any, score: Node, reading: Reading) -> Node:
    return ops.sigmoid(ops.lin(-float(curve.b_), (-float(curve.a_), score)))


TINY = 1e-12
"""What is added to a chance before its logarithm is taken, here and in scikit-learn."""


def _by_temperature(
    part: Any, scores: Sequence[Node], role: str, reading: Reading
) -> Iterator[Node]:
    """Yield the softmax of the scores, or of the logarithms of the chances, times a number."""
    if role == "probability":
        both = [complement(scores[0]), scores[0]] if len(scores) == 1 else scores
        scores = [ops.log(ops.lin(TINY, (1, p))) for p in both]
    elif len(scores) == 1:
        scores = [ops.lin(0, (-1, scores[0])), scores[0]]
    beta = float(np.ravel(part.calibrators[0].beta_)[0])
    yield from softmax([ops.lin(0, (beta, s)) for s in scores])


CURVES: dict[str, Callable[[Any, Node, Reading], Node]] = {
    "sigmoid": _platt,
    "isotonic": _curve,
}
METHODS = {"sigmoid": _by_class, "isotonic": _by_class, "temperature": _by_temperature}

TRANSFORMS: dict[str, Any] = {}
ESTIMATORS: dict[str, Any] = {
    "IsotonicRegression": isotonic,
    "CalibratedClassifierCV": calibrated,
}
