"""Functions of single elements, broadcast over tensors."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from closedform import ops
from closedform.evaluate import bounds
from closedform.ir import Node, Type, toposort
from closedform.readers import tensors as t
from closedform.readers.onnx.call import Call, Function
from closedform.readers.onnx.values import Value, kind_of
from closedform.readers.tensors import Element, Tensor, elementwise
from closedform.readers.torch import elements as e
from closedform.readers.torch.elements import NoFormula


def one(name: str) -> Function:
    """Return one of the elementary functions of `ops`, by name."""
    return each(t.function(name))


def each(function: Callable[[Element], Element]) -> Function:
    """Return a function of one element as an operator."""
    return lambda call: elementwise(function, call.tensor(0))


def two(function: Callable[[Element, Element], Element]) -> Function:
    """Return a function of two elements as an operator."""
    return lambda call: elementwise(function, call.tensor(0), call.tensor(1))


def test(function: Callable[..., Element], count: int = 2) -> Function:
    """Return a comparison as an operator, whose result is true or false."""
    return lambda call: Value(
        elementwise(function, *(call.tensor(i) for i in range(count))), "bool"
    )


def many(function: Callable[[Element, Element], Element]) -> Function:
    """Return a function of any number of tensors: Max, Min, Sum."""

    def made(call: Call) -> Tensor:
        tensors = [call.tensor(i) for i in range(len(call))]
        return reduce(lambda a, b: elementwise(function, a, b), tensors)

    return made


def average(call: Call) -> Tensor:
    """Mean of any number of tensors."""
    return elementwise(lambda x: t.multiply(x, 1 / len(call)), many(t.add)(call))


def divide(call: Call) -> Tensor:
    """Div; of whole numbers, what stands behind the point is cut off."""
    made = elementwise(t.divide, call.tensor(0), call.tensor(1))
    return elementwise(t.truncated, made) if call.value(0).whole else made


def modulo(call: Call) -> Tensor:
    """Mod: with the sign of the divisor, or with fmod=1 that of the dividend."""
    a, b = call.tensor(0), call.tensor(1)
    cut = t.truncated if call.option("fmod", 0) else t.function("floor")
    times = elementwise(lambda x, y: cut(t.divide(x, y)), a, b)
    return elementwise(lambda x, n, y: t.add(x, t.multiply(n, y), -1.0), a, times, b)


def power(call: Call) -> Tensor:
    """Pow, whose result has the type of the base."""
    made = elementwise(t.power, call.tensor(0), call.tensor(1))
    return elementwise(t.truncated, made) if call.value(0).whole else made


# --- labels ---------------------------------------------------------------------------------------


def label_of(x: Any) -> Node:
    """Return a text as a node; labels as they are."""
    return x if isinstance(x, Node) else ops.label(x if isinstance(x, str) else x.item())


def is_label(x: Any) -> bool:
    """Tell whether an element is a text or a label."""
    return isinstance(x, str) or (isinstance(x, Node) and x.type is Type.LABEL)


def equal(a: Any, b: Any) -> Element:
    """Return whether two elements are equal: numbers, texts, or truths."""
    if is_label(a) and is_label(b):
        return ops.equal(label_of(a), label_of(b))
    if is_label(a) or is_label(b):
        raise NoFormula("comparing a label with a number")
    return t.equal(a, b)


def choice(c: Element, a: Any, b: Any) -> Element:
    """Return a where c holds, else b: of numbers or of texts."""
    if is_label(a) or is_label(b):
        return ops.where(t.node_of(t.truth(c)), label_of(a), label_of(b))
    return t.choice(c, a, b)


def where(call: Call) -> Value:
    """Where."""
    tensors = [call.tensor(i) for i in range(3)]
    return Value(elementwise(choice, *map(as_objects, tensors)), call.kind(1))


def as_objects(tensor: Tensor) -> Tensor:
    """Return texts as Python's own; everything else as it is."""
    return tensor.astype(object) if tensor.dtype.kind == "U" else tensor


# --- types ----------------------------------------------------------------------------------------

RANGES = {
    "int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767), "uint16": (0, 65535),
    "int4": (-8, 7), "uint4": (0, 15), "uint32": (0, 2**32 - 1), "uint64": (0, 2**64 - 1),
}  # fmt: skip
"""Whole numbers that are too few to hold whatever a graph computes."""


def cast(call: Call) -> Value:
    """Cast: to truths, to whole numbers (towards 0), or to another float, as it is."""
    call.option("saturate"), call.option("round_mode")  # of 8-bit floats, which are not read
    return cast_to(call, kind_of(int(call.option("to"))))


def cast_to(call: Call, kind: str) -> Value:
    """Return the first input as another type.

    Raises:
        NoFormula: text becomes a number or the other way round, or numbers may not fit.
    """
    given, x = call.kind(0), call.tensor(0)
    if given == kind:
        return Value(x, kind)
    if "string" in (given, kind):
        raise NoFormula(f"operator Cast from {given} to {kind}")
    if x.dtype == object and any(is_label(v) for v in x.flat):
        return Value(x if "int" in kind else elementwise(number_of, x), kind)
    if kind == "bool":
        return Value(elementwise(t.truth, x), kind)
    if "int" not in kind or given == "bool" or "int" in given:
        made = elementwise(t.number, x)
    else:
        call.undefined(x)
        made = elementwise(_cut_off, x)
    _require_fitting(made, kind, given)
    return Value(made, kind)


def _cut_off(x: Element) -> Element:
    """Return x without what stands behind the point; a tree may give numbers of leaves."""
    if isinstance(x, Node) and x.op is ops.TREE and (x.data.values % 1 == 0).all():
        return x
    return t.truncated(x)


def cast_like(call: Call) -> Value:
    """CastLike."""
    call.option("saturate"), call.option("round_mode")
    return cast_to(call, call.kind(1))


def number_of(x: Node) -> Node:
    """Return a label that is a whole number as that number."""
    labels = [n.data[0] for n in toposort([x]) if n.op is ops.LABEL and n.data[0] is not None]
    return ops.table(x, {label: float(label) for label in labels})


def _require_fitting(tensor: Tensor, kind: str, given: str) -> None:
    if kind not in RANGES or given == "bool" or tensor.dtype != object:
        return
    lo, hi = RANGES[kind]
    nodes = [x for x in tensor.flat if isinstance(x, Node)]
    if not all(lo <= b.lo and b.hi <= hi for b in bounds(nodes, {})):
        raise NoFormula(f"operator Cast to {kind} of numbers that may lie beyond it")


# --- activations ----------------------------------------------------------------------------------


def clip(call: Call) -> Tensor:
    """Clip: at least `min` and at most `max`, which are inputs since opset 11."""
    if call.version < 11:
        low, high = call.option("min"), call.option("max")
    else:
        low, high = (call.tensor(i) if call.has(i) else None for i in (1, 2))
    return e.clamp(call.tensor(0), low, high)


def leaky(call: Call) -> Tensor:
    """LeakyRelu."""
    return e.leaky(call.tensor(0), call.option("alpha", 0.01))


def prelu(call: Call) -> Tensor:
    """PRelu: a slope for each element below 0."""
    below = elementwise(t.multiply, call.tensor(0), call.tensor(1))
    return elementwise(lambda x, y: t.choice(t.less(x, 0.0), y, x), call.tensor(0), below)


def elu(call: Call) -> Tensor:
    """Elu."""
    return e.elu(call.tensor(0), call.option("alpha", 1.0))


def selu(call: Call) -> Tensor:
    """Klambauer, G. et al. (2017), Self-normalizing neural networks, arXiv:1706.02515."""
    alpha = call.option("alpha", 1.67326319217681884765625)
    return e.elu(call.tensor(0), alpha, call.option("gamma", 1.05070102214813232421875))


def celu(call: Call) -> Tensor:
    """Celu: x above 0, alpha·(exp(x / alpha) − 1) below."""
    alpha = call.option("alpha", 1.0)
    return e.elu(call.tensor(0), alpha, 1.0, 1 / alpha)


def gelu(call: Call) -> Tensor:
    """Gelu."""
    return e.gelu(call.tensor(0), call.option("approximate", "none"))


def within(x: Element, slope: float, shift: float) -> Element:
    """Return slope·x + shift, at least 0 and at most 1."""
    return t.smallest(t.greatest(t.add(shift, x, slope), 0.0), 1.0)


def hard_sigmoid(call: Call) -> Tensor:
    """HardSigmoid."""
    slope, shift = call.option("alpha", 0.2), call.option("beta", 0.5)
    return elementwise(lambda x: within(x, slope, shift), call.tensor(0))


def hard_swish(x: Element) -> Element:
    """Return x·max(0, min(1, x / 6 + 1 / 2)), with 1 / 6 in float32 as ONNX defines it."""
    return t.multiply(x, within(x, float(np.float32(1 / 6)), 0.5))


def mish(x: Element) -> Element:
    """Return x·tanh(log(1 + exp(x)))."""
    return t.multiply(x, t.function("tanh")(t.function("softplus")(x)))


def swish(call: Call) -> Tensor:
    """Swish: x·sigmoid(alpha·x)."""
    alpha, sigmoid = call.option("alpha", 1.0), t.function("sigmoid")
    return elementwise(lambda x: t.multiply(x, sigmoid(t.multiply(x, alpha))), call.tensor(0))


def softsign(x: Element) -> Element:
    """Return x / (1 + |x|)."""
    return t.divide(x, t.add(1.0, t.function("abs")(x)))


def above(call: Call) -> Tensor:
    """ThresholdedRelu: x above alpha, else 0."""
    alpha = call.option("alpha", 1.0)
    return elementwise(lambda x: t.choice(t.less(alpha, x), x, 0.0), call.tensor(0))


def shrink(call: Call) -> Tensor:
    """Shrink: x + bias below −lambd, x − bias above lambd, else 0."""
    bias, reach = call.option("bias", 0.0), call.option("lambd", 0.5)

    def near(x: Element) -> Element:
        down = t.choice(t.less(reach, x), t.add(x, bias, -1.0), 0.0)
        return t.choice(t.less(x, -reach), t.add(x, bias), down)

    return elementwise(near, call.tensor(0))


def infinite(call: Call) -> Value:
    """IsInf, of one sign or of both."""
    up, down = call.option("detect_positive", 1), call.option("detect_negative", 1)
    signs = [sign for sign, wanted in ((math.inf, up), (-math.inf, down)) if wanted]

    def found(x: Element) -> Element:
        hits = [t.node_of(t.equal(x, sign)) for sign in signs]
        return ops.either(*hits)

    return Value(elementwise(found, call.tensor(0)), "bool")


def dropout(call: Call) -> tuple[Any, ...]:
    """Dropout, which does nothing in inference."""
    from closedform.readers.onnx.values import Unknown

    call.option("ratio"), call.option("seed"), call.option("is_test")
    if call.has(2) and bool(call.constant(2, "training_mode").ravel()[0]):
        raise NoFormula("operator Dropout in training draws at random")
    return call.values[0], Unknown("the mask of Dropout")


ELEMENTS: dict[str, Function] = {
    "Identity": lambda call: call.values[0],
    "Dropout": dropout,
    "Cast": cast,
    "CastLike": cast_like,
    "Add": two(t.add),
    "Sub": two(lambda a, b: t.add(a, b, -1.0)),
    "Mul": two(t.multiply),
    "Div": divide,
    "Mod": modulo,
    "Pow": power,
    "Neg": each(lambda x: t.multiply(x, -1.0)),
    "Reciprocal": each(lambda x: t.divide(1.0, x)),
    "Sum": many(t.add),
    "Mean": average,
    "Max": many(t.greatest),
    "Min": many(t.smallest),
    **{name: one(name.lower()) for name in (
        "Exp", "Log", "Sqrt", "Abs", "Tanh", "Sigmoid", "Erf", "Sin", "Cos", "Floor", "Sign",
        "Softplus", "Asin", "Acos", "Atan",
    )},
    "Sinh": each(e.sinh),
    "Cosh": each(e.cosh),
    "Tan": each(e.tan),
    "Asinh": each(e.asinh),
    "Acosh": each(e.acosh),
    "Atanh": each(e.atanh),
    "Ceil": each(e.ceil),
    "Round": each(e.nearest),
    "Relu": each(lambda x: t.greatest(x, 0.0)),
    "LeakyRelu": leaky,
    "PRelu": prelu,
    "Elu": elu,
    "Selu": selu,
    "Celu": celu,
    "Gelu": gelu,
    "HardSigmoid": hard_sigmoid,
    "HardSwish": each(hard_swish),
    "Mish": each(mish),
    "Swish": swish,
    "Softsign": each(softsign),
    "ThresholdedRelu": above,
    "Shrink": shrink,
    "Clip": clip,
    "Where": where,
    "Less": test(t.less),
    "LessOrEqual": test(t.less_equal),
    "Greater": test(lambda a, b: t.less(b, a)),
    "GreaterOrEqual": test(lambda a, b: t.less_equal(b, a)),
    "Equal": lambda call: Value(
        elementwise(equal, as_objects(call.tensor(0)), as_objects(call.tensor(1))), "bool"
    ),
    "Not": test(t.negation, 1),
    "And": test(t.both),
    "Or": test(t.either),
    "Xor": test(e.xor),
    "IsNaN": test(e.missing, 1),
    "IsInf": infinite,
}  # fmt: skip
"""Operators on single elements."""
