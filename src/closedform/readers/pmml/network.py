"""Neural networks: layers of neurons with connections by name.

https://dmg.org/pmml/v4-4/NeuralNetwork.html.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from closedform import ops
from closedform.families.additive import shared_out, softmax
from closedform.ir import Node
from closedform.ops.payloads import Label, Pieces
from closedform.readers.pmml.document import Element
from closedform.readers.pmml.expressions import EXPRESSIONS, derived, knots_of
from closedform.readers.pmml.outcome import Outcome, class_of, of_chances
from closedform.readers.pmml.scope import Scope
from closedform.readers.pmml.values import Unread, number


@dataclass(frozen=True)
class Options:
    """The numbers that activations know; a layer's own come before the network's."""

    threshold: float
    leakage: float
    altitude: float
    width: float

    @classmethod
    def of(cls, layer: Element, network: Element) -> Options:
        """Return the options of a layer."""

        def pick(name: str, default: float) -> float:
            return layer.number(name, network.number(name, default))

        return cls(pick("threshold", 0.0), pick("x-leakage", 0.0), pick("altitude", 1.0),
                   pick("width", math.nan))  # fmt: skip


def _threshold(x: Node, o: Options) -> Node:
    above = ops.less(ops.const(o.threshold), x)
    made = ops.where(above, ops.const(1.0), ops.const(0.0))
    return ops.where(ops.missing(x), ops.const(math.nan), made)


def _rectifier(x: Node, o: Options) -> Node:
    zero = ops.const(0.0)
    if o.leakage == 0:
        return ops.maximum(x, zero)
    return ops.where(ops.less(zero, x), x, ops.lin(0, (o.leakage, x)))


def _elliott(x: Node, o: Options) -> Node:
    return ops.div(x, ops.lin(1, (1, ops.absolute(x))))


ACTIVATIONS: dict[str, Callable[[Node, Options], Node]] = {
    "threshold": _threshold,
    "logistic": lambda x, o: ops.sigmoid(x),
    "tanh": lambda x, o: ops.tanh(x),
    "identity": lambda x, o: x,
    "exponential": lambda x, o: ops.exp(x),
    "reciprocal": lambda x, o: ops.div(ops.const(1.0), x),
    "square": lambda x, o: ops.mul(x, x),
    "Gauss": lambda x, o: ops.exp(ops.lin(0, (-1, ops.mul(x, x)))),
    "sine": lambda x, o: ops.sin(x),
    "cosine": lambda x, o: ops.cos(x),
    "arctan": lambda x, o: ops.lin(0, (2 / math.pi, ops.atan(x))),
    "Elliott": _elliott,
    "rectifier": _rectifier,
}
"""activationFunction → what it makes of the weighted sum; radialBasis is another thing."""

NORMALISATIONS: dict[str, Callable[[Sequence[Node]], list[Node]]] = {
    "none": list,
    "softmax": softmax,
    "simplemax": lambda nodes: shared_out(nodes, fallback=False),
}


def neural_network(network: Element, scope: Scope, dtype: str, target: str) -> Outcome:
    """Return what a NeuralNetwork gives."""
    known = {e.need("id"): number(derived(e.one("DerivedField"), scope))
             for e in network.one("NeuralInputs").all("NeuralInput")}  # fmt: skip
    layers = network.all("NeuralLayer")
    if any("leakage" in e.attributes for e in (network, *layers)):
        raise Unread("The attribute 'leakage' is not one of PMML.",
                     "Write it as JPMML does: x-leakage.")  # fmt: skip
    for i, layer in enumerate(layers, 1):
        made = _layer(layer, network, known, scope)
        if i < len(layers):
            scope.work.reading.name(f"h{i}_" if len(layers) > 2 else "h", list(made.values()))
        known |= made
    return _given(network, known, scope, dtype, target)


def _layer(
    layer: Element, network: Element, known: dict[str, Node], scope: Scope
) -> dict[str, Node]:
    name = layer.get("activationFunction") or network.need("activationFunction")
    if name not in ACTIVATIONS and name != "radialBasis":
        raise Unread(f"activationFunction={name!r} has no formula here.",
                     "Train the network with tanh, logistic or rectifier.")  # fmt: skip
    options, neurons = Options.of(layer, network), layer.all("Neuron")
    order = _order(neurons)
    nodes = []
    for neuron in neurons:
        weights = _weights(neuron, order)
        scope.work.spend(len(weights))
        args = [known[f] for f in weights]
        if name == "radialBasis":
            nodes.append(_radial(neuron, args, list(weights.values()), options))
        else:
            total = ops.linear(neuron.number("bias", 0.0), list(weights.values()), args)
            nodes.append(ACTIVATIONS[name](total, options))
    method = layer.get("normalizationMethod") or network.get("normalizationMethod", "none")
    nodes = NORMALISATIONS[method](nodes)
    return {e.need("id"): n for e, n in zip(neurons, nodes, strict=True)}


def _order(neurons: Sequence[Element]) -> list[str]:
    """Return from where the first neuron is connected: the order in which all are written."""
    return [c.need("from") for c in neurons[0].all("Con", "Connection")] if neurons else []


def _weights(neuron: Element, order: Sequence[str]) -> dict[str, float]:
    pairs = [(c.need("from"), c.number("weight")) for c in neuron.all("Con", "Connection")]
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("two connections between two neurons")
    return {f: found[f] for f in order} if found.keys() == set(order) else found


def _radial(
    neuron: Element, args: Sequence[Node], weights: Sequence[float], options: Options
) -> Node:
    """Return exp(n·ln(altitude) − Σ(x − w)² / (2·width²))."""
    width = neuron.number("width", options.width)
    altitude = neuron.number("altitude", options.altitude)
    away = ops.squared_distance(args, weights, [-0.5 / width**2] * len(args))
    lift = len(args) * math.log(altitude)
    return ops.exp(ops.lin(lift, (1, away)) if lift else away)


# --- what comes out -----------------------------------------------------------------------------


def _given(
    network: Element, known: dict[str, Node], scope: Scope, dtype: str, target: str
) -> Outcome:
    found = []
    for element in network.one("NeuralOutputs").all("NeuralOutput"):
        expression = _expression(element, scope)
        if not target or expression.get("field") == target:
            found.append((expression, known[element.need("outputNeuron")]))
    if not found:
        raise ValueError("no neuron gives the target")
    if network.need("functionName") == "regression":
        if len(found) != 1:
            raise ValueError(f"{len(found)} neurons for one number")
        return Outcome("regression", _restored(*found[0]), dtype)
    chances: dict[Label, Node] = {}
    for expression, node in found:
        if expression.tag != "NormDiscrete":
            raise ValueError(f"a class as {expression.tag}")
        chances[class_of(expression.need("value"), dtype)] = node
    last = network.all("NeuralLayer")[-1]
    method = last.get("normalizationMethod") or network.get("normalizationMethod", "none")
    return of_chances(chances, dtype, "softmax" if method == "softmax" else "none")


def _expression(element: Element, scope: Scope) -> Element:
    """Return how an output neuron is written, through a reference to a derived field."""
    made = element.one("DerivedField").one(*EXPRESSIONS)
    name = made.get("field")
    if made.tag == "FieldRef" and name in scope.work.definitions:
        return scope.work.definitions[name].one(*EXPRESSIONS)
    return made


def _restored(expression: Element, x: Node) -> Node:
    """Return the target from its normalised value."""
    if expression.tag == "FieldRef":
        return x
    if expression.tag != "NormContinuous":
        raise ValueError(f"a number as {expression.tag}")
    knots = sorted((norm, orig) for orig, norm in knots_of(expression))
    if any(b[0] <= a[0] for a, b in pairwise(knots)):
        raise Unread("The target is normalised to the same value twice.", "Use one scale.")
    starts, ends = np.array(knots[:-1]), np.array(knots[1:])
    slopes = (ends[:, 1] - starts[:, 1]) / (ends[:, 0] - starts[:, 0])
    if len(slopes) == 1:
        (norm, orig), slope = knots[0], float(slopes[0])
        return ops.lin(orig - norm * slope, (slope, x))
    coefs = np.column_stack([starts[:, 1], slopes])
    return ops.piecewise(x, Pieces.of(starts[1:, 0], coefs, origins=starts[:, 0]))
