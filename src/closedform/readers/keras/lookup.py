"""StringLookup and IntegerLookup: a label or a whole number becomes its place in a vocabulary."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform import ops
from closedform.ir import Node, Type
from closedform.loading.stream import Broken
from closedform.ops.payloads import Label, label_code
from closedform.readers import tensors as t
from closedform.readers.keras.layer import Layer
from closedform.readers.reading import Columns, Reading
from closedform.readers.tensors import Element, Tensor, elementwise
from closedform.readers.torch.elements import NoFormula

MOST = 100_000
"""Tokens up to which a vocabulary is read."""

MODES = {"binary": "multi_hot", "tf-idf": "tf_idf"}
"""Older names of what `output_mode` says."""


@dataclass(frozen=True)
class Vocabulary:
    """Which label has which place.

    Attributes:
        tokens: the labels known, in order.
        mask: the label that stands for nothing; None where there is none.
        others: how many places there are for labels that are not known.
        start: the first of these places.
        hashed: whether which of them a label gets is decided by a hash.
        depth: how many places there are, as many columns has a code.
    """

    tokens: tuple[Label, ...]
    mask: Label | None
    others: int
    start: int
    hashed: bool
    depth: int

    @property
    def places(self) -> dict[Label, float]:
        """The place of each label that is known, but for the mask."""
        return {x: float(i) for i, x in enumerate(self.tokens, self.start + self.others)}

    @property
    def known(self) -> tuple[Label, ...]:
        """All labels that have a place, or stand for nothing."""
        return self.tokens if self.mask is None else (*self.tokens, self.mask)


def mode_of(layer: Layer) -> str:
    """Return what a layer gives: places ("int"), or codes of them."""
    mode = str(layer.option("output_mode", "int"))
    return MODES.get(mode, mode)


def vocabulary_of(layer: Layer) -> Vocabulary:
    """Return what a layer has learnt, or been told.

    Raises:
        NoFormula: it knows nothing yet, or too much.
        Broken: a file has another vocabulary than such a layer.
    """
    text, mask = layer.kind == "StringLookup", layer.option("mask_token")
    others = int(layer.option("num_oov_indices", 1))
    start = 1 if mask is not None and mode_of(layer) == "int" else 0
    tokens = list(layer.vocabulary())
    special = [mask] * start + [layer.option("oov_token")] * others
    tokens = tokens[len(special) :] if tokens[: len(special)] == special else tokens
    if not tokens:
        raise NoFormula(f"{layer.told} has no vocabulary: it has not been adapted")
    if len(tokens) > MOST:
        raise NoFormula(f"{layer.told} has a vocabulary of {len(tokens):,} entries")
    if len(set(tokens)) < len(tokens) or not all(isinstance(x, str if text else int)
                                                 for x in tokens):  # fmt: skip
        raise Broken("a vocabulary holds something twice, or no labels")
    hashed = others > 1 and (text or layer.option("oov_method", "floormod") != "floormod")
    depth = start + others + len(tokens)
    if layer.option("pad_to_max_tokens", False):
        depth = int(layer.option("max_tokens"))
    return Vocabulary(tuple(tokens), mask, others, start, hashed, depth)


def lookup(reading: Reading, layer: Layer, x: Tensor) -> Tensor:
    """StringLookup and IntegerLookup, of elements that are labels, or whole numbers.

    Raises:
        NoFormula: labels where it takes numbers, or the other way round.
    """
    words = vocabulary_of(layer)
    if layer.option("invert", False):
        return elementwise(_back(layer, words), x)
    for v in dict.fromkeys(n for n in x.ravel().tolist() if isinstance(n, Node)):
        if (v.type is Type.LABEL) != (layer.kind == "StringLookup"):
            raise NoFormula(f"{layer.told} is given {v.type.value} values")
        _note_domain(reading, layer, words, v)
    if mode_of(layer) == "int":
        return elementwise(lambda v: _place(words, v), x)
    return _encoded(layer, words, x)


def _note_domain(reading: Reading, layer: Layer, words: Vocabulary, x: Node) -> None:
    """Note which labels are known, and that others are refused where they have no place."""
    reading.refuse_missing(Columns(("",), (x,)))
    takes = words.others > 0 and not words.hashed
    if x.type is Type.LABEL:
        reading.knows(x, words.known, unseen=takes)
    elif not takes:
        reading.refuse(ops.negate(ops.member(x, words.known)), [])
    if words.hashed:
        reading.unspecified(f"{layer.told} hashes what is not in its vocabulary")


def _place(words: Vocabulary, x: Element) -> Element:
    """Return the place of a label; of the mask, 0."""
    entries = words.places if words.mask is None else {**words.places, words.mask: 0.0}
    v = x if isinstance(x, Node) else t.node_of(x)
    if words.others == 1:
        return ops.table(v, entries, float(words.start))
    if words.others == 0 or words.hashed:
        return ops.table(v, entries)
    return ops.where(ops.member(v, words.known), ops.table(v, entries), _rest(words, v))


def _rest(words: Vocabulary, v: Node) -> Node:
    """Return the place of a whole number that is not known: by what is left of a division."""
    down = ops.unary("floor", ops.lin(0, (1 / words.others, v)))
    return ops.lin(words.start, (1, v), (-words.others, down))


def _encoded(layer: Layer, words: Vocabulary, x: Tensor) -> Tensor:
    """Return codes of places, as `output_mode` says: a column for each place."""
    mode = mode_of(layer)
    if mode == "one_hot":
        return _marks(words, x[..., 0] if x.ndim > 1 and x.shape[-1] == 1 else x)
    if mode not in ("multi_hot", "count", "tf_idf"):
        raise NoFormula(f"{layer.told} with output_mode={mode!r}")
    marks = _marks(words, x if x.ndim > 1 else x[:, None])
    if marks.shape[1] == 1:
        made = marks[:, 0]
    else:
        summed = (lambda xs: t.greatest(*xs)) if mode == "multi_hot" else t.total
        made = t.reduced(marks, [1], False, summed)
    if mode == "tf_idf":
        weights = layer.numbers["idf_weights"]
        made = elementwise(t.multiply, made, np.broadcast_to(weights, made.shape).astype(object))
    return made


def _marks(words: Vocabulary, x: Tensor) -> Tensor:
    made = np.zeros((*x.shape, words.depth), dtype=object)
    for at in np.ndindex(*x.shape):
        found = x.item(*at)
        v = found if isinstance(found, Node) else t.node_of(found)
        for label, place in words.places.items():
            made[(*at, int(place))] = t.choice(_is(v, label), 1.0, 0.0)
        for k in range(0 if words.hashed else words.others):
            other = ops.negate(ops.member(v, words.known))
            if words.others > 1:
                other = ops.both(other, ops.equal(_rest(words, v), ops.const(float(k))))
            made[(*at, k)] = t.choice(other, 1.0, 0.0)
    return made


def _is(v: Node, label: Label) -> Node:
    return ops.equal(v, ops.label(label) if v.type is Type.LABEL else ops.const(float(label)))


def _back(layer: Layer, words: Vocabulary) -> Any:
    """Return a function from a place to the number that has it; -1, or what it is told, if none."""
    if layer.kind == "StringLookup":
        raise NoFormula(f"{layer.told} gives text (invert=True)")
    entries = {place: float(x) for x, place in words.places.items()}
    if words.mask is not None:
        entries[0.0] = float(words.mask)
    other = float(layer.option("oov_token", -1))
    return lambda v: ops.table(t.node_of(t.number(v)), entries, other)


def worth_trying(words: Vocabulary, x: Node, count: int = 3) -> Sequence[float]:
    """Return some values of an input with which a trial reaches the vocabulary's entries."""
    some = words.known[-count:]
    if x.type is Type.LABEL:
        return [float(label_code(label)) for label in some]
    other = max(map(float, some)) + 1
    return [*map(float, some), *([other] if words.others and math.isfinite(other) else [])]
