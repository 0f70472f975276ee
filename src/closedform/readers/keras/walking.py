"""One walk over a model's graph: tensors are arrays of nodes, for one row, with their masks."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform.errors import UnsupportedModel
from closedform.ir import Node, Type
from closedform.readers import tensors as t
from closedform.readers.keras import dense
from closedform.readers.keras.costs import cost
from closedform.readers.keras.graph import Call, Graph, Operation, Ref, leaves, mapped
from closedform.readers.keras.layer import PLAIN, Layer
from closedform.readers.keras.lookup import lookup, vocabulary_of, worth_trying
from closedform.readers.keras.masks import MASKS, nonzero
from closedform.readers.keras.operations import OPERATIONS
from closedform.readers.keras.operations import REFUSED as REFUSED_OPERATIONS
from closedform.readers.keras.table import (
    LAYERS,
    MASKS_BY_NAME,
    PASSES_MASK,
    REFUSED,
    TAKES_MASK,
)
from closedform.readers.reading import NO_FORMULA, Reading
from closedform.readers.tensors import Tensor, elementwise
from closedform.readers.torch.elements import NoFormula

LARGEST = 150_000
"""Nodes up to which a model is read: 3,000 to 10,000 a second, so in a minute at most."""

DEEPEST = 100
"""Models within models; each takes some of Python's own stack."""

MODELS = frozenset({"Functional", "Model", "Sequential"})


@dataclass(frozen=True)
class Value:
    """A tensor, and which of its steps count."""

    tensor: Tensor
    mask: Tensor | None = None


class Walk:
    """What the calls of a model give, for one row."""

    def __init__(self, reading: Reading, whole: frozenset[Node] = frozenset()) -> None:
        """Begin with nothing made.

        Args:
            reading: where problems and names go.
            whole: inputs that hold whole numbers alone.
        """
        self.reading = reading
        self.whole = whole
        self.tables: dict[Node, int] = {}
        self.tokens: dict[Node, Sequence[float]] = {}
        self.spread: list[Node] = []
        self.made = 0.0
        self.depth = 0
        self.calls = 0
        self.layers = 0

    def run(self, graph: Graph, given: Sequence[Value]) -> list[Value]:
        """Return what a graph gives for the values that it takes."""
        values: dict[Any, list[Value]] = {}
        for (_, ref), value in zip(graph.inputs, given, strict=True):
            values[ref.call] = [value]
        for call in graph.calls:
            values[call.key] = self._tried(call, values)
        return [_picked(values, ref) for _, ref in graph.outputs]

    def _tried(self, call: Call, values: Mapping[Any, list[Value]]) -> list[Value]:
        try:
            return self._called(call, values)
        except NoFormula as error:
            self.reading.problem(f"Keras' {_told(call.what)} has no formula: {error}.")
        except Refused as error:
            self.reading.problem(error.what, error.hint)
        return [Value(UNREAD)] * 8

    def _called(self, call: Call, values: Mapping[Any, list[Value]]) -> list[Value]:
        def tensors(part: Any) -> Any:
            return mapped(part, lambda v: _picked(values, v) if isinstance(v, Ref) else v)

        args, kwargs = tensors(list(call.args)), tensors(dict(call.kwargs))
        if any(isinstance(v, Value) and v.tensor is UNREAD for v in leaves([args, kwargs])):
            return [Value(UNREAD)] * 8
        if isinstance(call.what, Operation):
            return self.operate(call.what, args, kwargs)
        return self.call(call.what, args, kwargs)

    # --- operations

    def operate(self, operation: Operation, args: Any, kwargs: Any) -> list[Value]:
        """Return what an operation gives."""
        kind = operation.kind
        if kind not in OPERATIONS:
            why = REFUSED_OPERATIONS.get(kind, "it is not among those that are read")
            raise NoFormula(why)
        unused = {"name"} if kind in CASTS else {"name", "dtype"}
        config = {k: v for k, v in operation.config.items() if k not in unused}
        plain_args, plain_kwargs = (mapped(part, _tensor_of) for part in (args, kwargs))
        self._afford(sum(v.size for v in leaves([plain_args, plain_kwargs])
                         if isinstance(v, np.ndarray) and v.dtype == object))  # fmt: skip
        try:
            made = OPERATIONS[kind](*plain_args, **{**config, **plain_kwargs})
        except TypeError as error:
            raise NoFormula(f"it has an option that is not known here ({error})") from error
        return [Value(v) for v in (made if isinstance(made, list | tuple) else [made])]

    # --- layers

    def call(self, layer: Layer, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Value]:
        """Return what a layer gives.

        Raises:
            NoFormula, Refused: it has none.
        """
        # `predict` overrules what a call was recorded with; what a layer that is code decides
        # for itself shows when the formula is tried.
        options = {k: v for k, v in kwargs.items() if k != "training" and v is not None}
        self.calls += 1
        if layer.policy not in PLAIN:
            raise Refused(
                f"{_capital(layer.told)} is quantised ({layer.policy}): its weights are codes.",
                "Read the model from before it was quantised.",
            )
        if layer.kind in MODELS:
            return self._nested(layer, args, options)
        if layer.kind in WRAPPERS:
            return WRAPPERS[layer.kind](self, layer, args, options)
        if layer.kind in LAYERS:
            return self._computed(layer, args, options)
        return self._foreign(layer, args, kwargs)

    def _nested(self, layer: Layer, args: Sequence[Any], options: Any) -> list[Value]:
        from closedform.readers.keras.source import graph_of

        mask = options.pop("mask", None)
        if options or mask is not None:
            raise NoFormula(f"it is called with {', '.join(options) or 'a mask'}")
        graph = graph_of(layer)
        given = _in_order(args[0] if len(args) == 1 else list(args), graph)
        return self.within(graph, given)

    def within(self, graph: Graph, given: Sequence[Value]) -> list[Value]:
        """Return what a graph inside another one gives."""
        if self.depth >= DEEPEST:
            raise NoFormula("it is nested too deeply")
        self.depth += 1
        try:
            return self.run(graph, given)
        finally:
            self.depth -= 1

    def _foreign(self, layer: Layer, args: Sequence[Any], kwargs: Any) -> list[Value]:
        """Return what a layer that is not Keras' own gives, by tracing it."""
        if layer.kind in REFUSED and not _traceable(layer):
            why, hint = REFUSED[layer.kind]
            raise Refused(f"{_capital(layer.told)} {why}.", hint)
        trace = getattr(layer, "trace", None)
        if trace is None:
            of_keras = "is not among the layers that are read" if layer.kind else CUSTOM
            raise Refused(f"{_capital(layer.told)} {of_keras}.", NO_FORMULA if layer.kind else LIVE)
        values = [v for v in leaves([list(args), dict(kwargs)]) if isinstance(v, Value)]
        try:
            graph = trace(args, kwargs)
        except NoFormula:
            if not layer.kind or layer.kind == "Lambda":
                raise
            told = f"{_capital(layer.told)} is not among the layers that are read."
            raise Refused(told, NO_FORMULA) from None
        return self.within(graph, values)

    def _computed(self, layer: Layer, args: Sequence[Any], options: dict[str, Any]) -> list[Value]:
        values = list(args)
        self._fill_in_masks(layer, values, options)
        first = values[0] if values else next(iter(options.values()), None)
        if first is None:
            raise NoFormula("it is called with nothing")
        self._afford(cost(layer, [v.tensor for v in leaves(values) if isinstance(v, Value)]))
        tensors, named = (mapped(part, _tensor_of) for part in (values, options))
        if layer.kind in SPREADS:
            self.spread += [v for v in tensors[0].ravel().tolist() if isinstance(v, Node)]
        try:
            made = LAYERS[layer.kind](layer, *tensors, **named)
        except TypeError as error:
            if "argument" not in str(error):
                raise
            raise NoFormula(f"it is called with what is not known here ({error})") from error
        parts = list(made) if isinstance(made, list | tuple) else [made]
        masks = self._masks(layer, first, options, tensors)
        found = [Value(p, m) for p, m in zip(parts, [*masks, *[None] * len(parts)], strict=False)]
        self._name_units(layer, found[0].tensor)
        return found

    def _fill_in_masks(self, layer: Layer, values: list[Any], options: dict[str, Any]) -> None:
        """Give a layer the masks of what it takes, where it is not given others.

        Of one that takes more tensors, as initial states, Keras forgets the mask.
        """
        more = any(isinstance(v, Value) for part in options.values() for v in leaves(part))
        alone = len(values) == 1 and not more
        if layer.kind in TAKES_MASK and options.get("mask") is None and alone:
            mask = mapped(values[0], lambda v: v.mask if isinstance(v, Value) else None)
            if any(m is not None for m in leaves(mask)):
                options["mask"] = mask
        if layer.kind in MASKS_BY_NAME:
            for name, value in [*zip(("query", "value", "key"), values, strict=False),
                                *list(options.items())]:  # fmt: skip
                mask = value.mask if isinstance(value, Value) else None
                if name in ("query", "value", "key") and mask is not None:
                    options.setdefault(f"{name}_mask", mask)

    def _masks(
        self, layer: Layer, first: Any, options: Mapping[str, Any], tensors: Sequence[Any]
    ) -> list[Tensor | None]:
        """Return the masks of what a layer gives."""
        given = options.get("mask")
        masks = mapped(first, lambda v: v.mask if isinstance(v, Value) else None)
        if given is not None:
            masks = mapped(given, _tensor_of)
        if layer.kind in MASKS:
            return MASKS[layer.kind](layer, masks, tensors)
        if layer.kind not in PASSES_MASK:
            return []
        return [masks[0] if isinstance(masks, list | tuple) else masks]

    def _name_units(self, layer: Layer, made: Tensor) -> None:
        """Name the units of a hidden layer: h1_1, h1_2 …"""
        if layer.option("activation") in (None, "linear") and layer.kind not in NAMED:
            return
        units = t.nodes_of(made) if made.dtype == object else []
        if len(set(units)) > 1:
            self.layers += 1
            self.reading.name(f"h{self.layers}_", units)

    def _afford(self, count: float) -> None:
        """Refuse what would be too long, before it is computed."""
        self.made += count
        if self.made > LARGEST:
            raise UnsupportedModel(
                f"The formula of this model would have more than {LARGEST:,} parts.",
                hint="Read a part of it that takes or gives fewer values, as one of its layers.",
            )


class Refused(Exception):
    """A layer that has no formula, said in full."""

    def __init__(self, what: str, hint: str) -> None:
        """Say what it is, and what to do."""
        super().__init__(what)
        self.what, self.hint = what, hint


SPREADS = frozenset(
    kind for kind in LAYERS if "Conv" in kind or kind in ("UpSampling2D", "Resizing")
)
"""Layers of which some backends take a missing value also where its weight is 0."""
CASTS = frozenset({"Cast"})
"""Operations whose result depends on the type that they are told."""
CUSTOM = "is not Keras' own: what it computes is code, which is not in the file"
LIVE = "Load the model with Keras, and give what you get to closedform.read."
NAMED = frozenset({"LeakyReLU", "ReLU", "PReLU", "ELU"})
UNREAD = np.empty((1, 1), dtype=object)
"""What a call gives that cannot be read; what uses it is not looked at."""


def _picked(values: Mapping[Any, list[Value]], ref: Ref) -> Value:
    found = values[ref.call]
    if ref.at >= len(found):
        raise NoFormula(f"its result number {ref.at} is used, which it does not give")
    return found[ref.at]


def _tensor_of(value: Any) -> Any:
    return value.tensor if isinstance(value, Value) else value


def _told(what: Layer | Operation) -> str:
    if isinstance(what, Operation):
        return f"operation {what.kind}"
    return what.told.removeprefix("the ")


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]


def _traceable(layer: Layer) -> bool:
    return layer.kind == "Lambda" and hasattr(layer, "trace")


def _in_order(given: Any, graph: Graph) -> list[Value]:
    """Return the values for a model's inputs; those of a dict by name, where they are these."""
    names = [i.name for i, _ in graph.inputs]
    if isinstance(given, Mapping) and set(names) <= set(given):
        return [given[name] for name in names]
    found = [v for v in leaves(given) if isinstance(v, Value)]
    if len(found) != len(names):
        raise NoFormula(f"it is called with {len(found)} tensors and takes {len(names)}")
    return found


# --- layers that need the walk ---------------------------------------------------------------


TABLES = {"Embedding": dense.embedding, "ReversibleEmbedding": dense.reversible_embedding}


def _embedding(walk: Walk, layer: Layer, args: Sequence[Any], options: Any) -> list[Value]:
    """Look rows up; a number is truncated first, where it may have a part behind the point."""
    tensor = args[0].tensor
    if options.get("reverse"):
        walk._afford(cost(layer, [tensor]))
        return [Value(TABLES[layer.kind](layer, tensor, **options))]

    def whole(x: Any) -> Any:
        return t.truncated(x) if isinstance(x, Node) and x not in walk.whole else x

    rows, columns = layer.number(0).shape
    walk._afford(tensor.size * columns)
    for x in tensor.ravel().tolist():
        walk.tables[x] = min(rows, walk.tables.get(x, rows))
    made = TABLES[layer.kind](layer, elementwise(whole, tensor), **options)
    masks = nonzero(layer, None, [tensor])
    return [Value(made, masks[0] if masks else None)]


def _looked_up(walk: Walk, layer: Layer, args: Sequence[Any], options: Any) -> list[Value]:
    """Look labels or numbers up in a vocabulary; numbers are truncated first, as by Embedding."""
    if options or len(args) != 1:
        raise NoFormula("it is called with more than what it looks up")

    def whole(x: Any) -> Any:
        plain = isinstance(x, Node) and x.type is Type.REAL and x not in walk.whole
        return t.truncated(x) if plain else x

    words, tensor = vocabulary_of(layer), args[0].tensor
    walk._afford(tensor.size * (1 if layer.option("output_mode") == "int" else words.depth))
    for x in tensor.ravel().tolist():
        if isinstance(x, Node) and not layer.option("invert", False):
            walk.tokens.setdefault(x, worth_trying(words, x))
    return [Value(lookup(walk.reading, layer, elementwise(whole, tensor)))]


def _each_step(walk: Walk, layer: Layer, args: Sequence[Any], options: Any) -> list[Value]:
    """TimeDistributed: one layer for each step."""
    part, value = layer.part("layer"), args[0]
    mask = options.pop("mask", None)
    mask = value.mask if mask is None else mask.tensor
    if options:
        raise NoFormula(f"it is called with {', '.join(options)}")
    made = []
    for at in range(value.tensor.shape[1]):
        given = {}
        if mask is not None and part.kind in TAKES_MASK:
            given["mask"] = Value(mask[:, at])
        made.append(walk.call(part, [Value(value.tensor[:, at])], given)[0].tensor)
    return [Value(np.stack([t.as_tensor(x) for x in made], axis=1), mask)]


def _wrapped(walk: Walk, layer: Layer, args: Sequence[Any], options: Any) -> list[Value]:
    """SpectralNormalization: the layer inside, whose weights are normalised in training."""
    return [Value(v.tensor) for v in walk.call(layer.part("layer"), args, options)]


def _pipeline(walk: Walk, layer: Layer, args: Sequence[Any], options: Any) -> list[Value]:
    """Pipeline: one preprocessing layer after the other."""
    values = list(args)
    for part in layer.parts("layers"):
        values = walk.call(part, values[:1], {})
    return values


WRAPPERS: dict[str, Callable[..., list[Value]]] = {
    **dict.fromkeys(("Embedding", "ReversibleEmbedding"), _embedding),
    "TimeDistributed": _each_step,
    "SpectralNormalization": _wrapped,
    "Pipeline": _pipeline,
    **dict.fromkeys(("StringLookup", "IntegerLookup"), _looked_up),
}
"""Layers that need the walk itself → what they give."""
