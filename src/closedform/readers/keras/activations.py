"""Keras' activations, on whole tensors: `keras.activations` by name.

Formulas are those of https://keras.io/api/layers/activations; most take single elements.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from closedform import ops
from closedform.ir import Node
from closedform.readers import tensors as t
from closedform.readers.tensors import Element, Tensor, elementwise
from closedform.readers.torch import elements as e

Activation = Callable[..., Tensor]


def relu(
    x: Tensor, negative_slope: float = 0.0, max_value: float | None = None, threshold: float = 0.0
) -> Tensor:
    """Return x above the threshold, at most `max_value`; below it, slope·(x − threshold)."""
    slope, cut = float(negative_slope), float(threshold)
    if slope and not cut and max_value is None:
        return e.leaky(x, slope)

    def unit(v: Element) -> Element:
        made = t.choice(t.less(cut, v), v, 0.0) if cut else t.greatest(v, 0.0)
        if max_value is not None:
            made = t.smallest(t.greatest(made, 0.0) if cut < 0 else made, float(max_value))
        below = t.greatest(t.add(cut, v, -1.0), 0.0) if slope else 0.0
        return t.add(made, below, -slope) if slope else made

    return elementwise(unit, x)


def leaky_relu(x: Tensor, negative_slope: float = 0.2) -> Tensor:
    """Return x above 0, slope·x below."""
    return e.leaky(x, float(negative_slope))


def elu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """Return x above 0, alpha·(exp(x) − 1) below."""
    return e.elu(x, float(alpha))


def selu(x: Tensor) -> Tensor:
    """Klambauer, G. et al. (2017), Self-normalizing neural networks, arXiv:1706.02515."""
    return e.elu(x, 1.6732632423543772, 1.0507009873554805)


def celu(x: Tensor, alpha: float = 1.0) -> Tensor:
    """Return max(x, 0) + alpha·(exp(min(x, 0) / alpha) − 1)."""
    return e.elu(x, float(alpha), 1.0, 1 / float(alpha))


def gelu(x: Tensor, approximate: bool = False) -> Tensor:
    """Return x·Φ(x), or its approximation by a hyperbolic tangent."""
    return e.gelu(x, "tanh" if approximate else "none")


def hard_sigmoid(x: Tensor) -> Tensor:
    """Return (x + 3) / 6 within 0 and 1."""
    return elementwise(_hard_sigmoid, x)


def _hard_sigmoid(v: Element) -> Element:
    return t.smallest(t.greatest(t.add(0.5, v, 1 / 6), 0.0), 1.0)


def hard_silu(x: Tensor) -> Tensor:
    """Return x·hard_sigmoid(x)."""
    return elementwise(lambda v: t.multiply(v, _hard_sigmoid(v)), x)


def silu(x: Tensor) -> Tensor:
    """Return x·sigmoid(x)."""
    return elementwise(lambda v: t.multiply(v, t.function("sigmoid")(v)), x)


def mish(x: Tensor) -> Tensor:
    """Misra, D. (2019), Mish, arXiv:1908.08681: x·tanh(softplus(x))."""
    softplus, tanh = t.function("softplus"), t.function("tanh")
    return elementwise(lambda v: t.multiply(v, tanh(softplus(v))), x)


def softsign(x: Tensor) -> Tensor:
    """Return x / (1 + |x|)."""
    return elementwise(lambda v: t.divide(v, t.add(1.0, t.function("abs")(v))), x)


def squareplus(x: Tensor, b: float = 4) -> Tensor:
    """Return (x + √(x² + b)) / 2."""

    def unit(v: Element) -> Element:
        root = t.function("sqrt")(t.add(float(b), t.multiply(v, v)))
        return t.multiply(t.add(v, root), 0.5)

    return elementwise(unit, x)


def soft_shrink(x: Tensor, threshold: float = 0.5) -> Tensor:
    """Return x moved towards 0 by the threshold, 0 within it."""
    cut = float(threshold)
    up, down = partial(t.add, b=-cut), partial(t.add, b=cut)
    return elementwise(lambda v: t.add(t.greatest(up(v), 0.0), t.smallest(down(v), 0.0)), x)


def hard_shrink(x: Tensor, threshold: float = 0.5) -> Tensor:
    """Return x beyond the threshold, 0 within it."""
    return elementwise(
        lambda v: t.choice(t.less(float(threshold), t.function("abs")(v)), v, 0.0), x
    )


def tanh_shrink(x: Tensor) -> Tensor:
    """Return x − tanh(x)."""
    return elementwise(lambda v: t.add(v, t.function("tanh")(v), -1.0), x)


def sparse_plus(x: Tensor) -> Tensor:
    """Return 0 up to −1, (x + 1)² / 4 up to 1, then x."""

    def unit(v: Element) -> Element:
        middle = t.multiply(t.power(t.add(v, 1.0), 2.0), 0.25)
        inner = t.choice(t.less(v, 1.0), middle, v)
        return t.choice(t.less_equal(v, -1.0), 0.0, inner)

    return elementwise(unit, x)


def sparse_sigmoid(x: Tensor) -> Tensor:
    """Return (x + 1) / 2 within 0 and 1."""
    return elementwise(lambda v: t.smallest(t.greatest(t.add(0.5, v, 0.5), 0.0), 1.0), x)


def threshold(x: Tensor, threshold: float, default_value: float) -> Tensor:
    """Return x above the threshold, another value elsewhere."""
    cut, other = float(threshold), float(default_value)
    return elementwise(lambda v: t.choice(t.less(cut, v), v, other), x)


def log_sigmoid(x: Tensor) -> Tensor:
    """Return −softplus(−x)."""
    minus = partial(t.multiply, b=-1.0)
    return elementwise(lambda v: minus(t.function("softplus")(minus(v))), x)


def glu(x: Tensor, axis: int = -1) -> Tensor:
    """Return a·sigmoid(b) of the two halves along an axis."""
    half = x.shape[axis] // 2
    a, b = (x.take(range(i, i + half), axis=axis) for i in (0, half))
    return elementwise(lambda v, w: t.multiply(v, t.function("sigmoid")(w)), a, b)


def softmax(x: Tensor, axis: int = -1) -> Tensor:
    """Return exp(xᵢ) / Σ exp(xⱼ) along an axis."""
    return t.along(t.as_tensor(x), axis, t.softmax)


def log_softmax(x: Tensor, axis: int = -1) -> Tensor:
    """Return the logarithm of softmax."""
    return t.along(t.as_tensor(x), axis, t.log_softmax)


def sparsemax(x: Tensor, axis: int = -1) -> Tensor:
    """Return max(xᵢ − τ, 0), as Keras has it.

    In Martins, A. and Astudillo, R. (2016), From softmax to sparsemax, arXiv:1602.02068, τ is
    (the sum of the k greatest − 1) / k for the greatest k whose k-th element lies above that. Keras
    adds up these sums for all such k.
    """

    def line(xs: list[Node]) -> list[Element]:
        falling = [ops.kth(k, *xs) for k in range(len(xs), 0, -1)]
        sums = t.running_sums(falling)
        inside = [
            ops.less(ops.lin(-1 / k, (1 / k, s)), v)
            for k, (v, s) in enumerate(zip(falling, sums, strict=True), 1)
        ]
        chosen = [t.choice(c, s, 0.0) for c, s in zip(inside, sums, strict=True)]
        count = t.total([t.choice(c, 1.0, 0.0) for c in inside])
        cut = ops.div(t.weighted([1.0] * len(xs), chosen, -1.0), count)
        return [ops.maximum(ops.lin(0, (1, v), (-1, cut)), ops.const(0.0)) for v in xs]

    return t.along(t.as_tensor(x), axis, line)


ACTIVATIONS: dict[str, Activation] = {
    "linear": lambda x: x,
    "relu": relu,
    "relu6": partial(relu, max_value=6.0),
    "leaky_relu": leaky_relu,
    "elu": elu,
    "selu": selu,
    "celu": celu,
    "gelu": gelu,
    **dict.fromkeys(("silu", "swish"), silu),
    **dict.fromkeys(("hard_silu", "hard_swish"), hard_silu),
    "hard_sigmoid": hard_sigmoid,
    "hard_tanh": e.hardtanh,
    "mish": mish,
    "softplus": e.one("softplus"),
    "softsign": softsign,
    "squareplus": squareplus,
    "soft_shrink": soft_shrink,
    "hard_shrink": hard_shrink,
    "tanh_shrink": tanh_shrink,
    "sparse_plus": sparse_plus,
    "sparse_sigmoid": sparse_sigmoid,
    "threshold": threshold,
    "tanh": e.one("tanh"),
    "sigmoid": e.one("sigmoid"),
    "exponential": e.one("exp"),
    "log_sigmoid": log_sigmoid,
    "glu": glu,
    "softmax": softmax,
    "log_softmax": log_softmax,
    "sparsemax": sparsemax,
}
"""Name of a function of `keras.activations` → the same on tensors."""


EARLIER: dict[str, Activation] = {
    "hard_sigmoid of Keras 2": partial(
        elementwise, lambda v: t.smallest(t.greatest(t.add(0.5, v, 0.2), 0.0), 1.0)
    ),
}
"""Functions that Keras no longer has under their names."""


def named(config: Any) -> Activation | None:
    """Return the activation that a layer's options name; None where it is not Keras' own."""
    if config is None:
        return ACTIVATIONS["linear"]
    return {**EARLIER, **ACTIVATIONS}.get(config) if isinstance(config, str) else None
