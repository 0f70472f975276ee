"""Recurrent layers, unrolled over their steps: one row of a sequence is one row of the formula."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from closedform.ir import Array
from closedform.readers import tensors as t
from closedform.readers.keras.dense import product
from closedform.readers.keras.layer import Layer
from closedform.readers.tensors import Tensor, elementwise
from closedform.readers.torch import elements as e
from closedform.readers.torch.elements import NoFormula

States = list[Any]
"""One tensor (1, units) for each state of a cell; of stacked cells, a list for each."""
Step = Callable[[Tensor, States], tuple[Tensor, States]]


def _affine(x: Tensor, weights: Array, bias: Array | None = None) -> Tensor:
    return product(x, weights, bias)


def _gates(x: Tensor, h: Tensor, weights: Sequence[Array], bias: Array | None) -> Tensor:
    """Return x·W + h·U + b as one sum for each unit."""
    joined = np.concatenate([t.as_tensor(x), t.as_tensor(h)], axis=1)
    return product(joined, np.concatenate(weights, axis=0), bias)


def _split(x: Tensor, count: int) -> list[Tensor]:
    return list(np.split(x, count, axis=-1))


def _mul(a: Tensor, b: Tensor) -> Tensor:
    return elementwise(t.multiply, a, b)


def simple_cell(cell: Layer) -> Step:
    """SimpleRNNCell: h ← activation(x·W + h·U + b)."""
    weights = [cell.number(0), cell.number(1)]
    bias = cell.number(2) if cell.option("use_bias", True) else None
    activation = cell.activation()

    def step(x: Tensor, states: States) -> tuple[Tensor, States]:
        h = activation(_gates(x, states[0], weights, bias))
        return h, [h]

    return step


def lstm_cell(cell: Layer) -> Step:
    """LSTMCell; Hochreiter, S. and Schmidhuber, J. (1997), Neural Computation 9(8)."""
    weights = [cell.number(0), cell.number(1)]
    bias = cell.number(2) if cell.option("use_bias", True) else None
    activation, gate = cell.activation(), cell.activation("recurrent_activation")

    def step(x: Tensor, states: States) -> tuple[Tensor, States]:
        h, c = states
        i, f, g, o = _split(_gates(x, h, weights, bias), 4)
        c = e.add(_mul(gate(f), c), _mul(gate(i), activation(g)))
        h = _mul(gate(o), activation(c))
        return h, [h, c]

    return step


def gru_cell(cell: Layer) -> Step:
    """GRUCell; Cho, K. et al. (2014), arXiv:1406.1078, resetting after or before the product."""
    kernel, recurrent = cell.number(0), cell.number(1)
    units = recurrent.shape[0]
    after = bool(cell.option("reset_after", True))
    bias = cell.number(2) if cell.option("use_bias", True) else np.zeros((2, 3 * units))
    inner, outer = bias if after and bias.ndim == 2 else (bias.reshape(-1)[: 3 * units], None)
    outer = np.zeros(3 * units) if outer is None else outer
    activation, gate = cell.activation(), cell.activation("recurrent_activation")
    two = 2 * units

    def step(x: Tensor, states: States) -> tuple[Tensor, States]:
        h = states[0]
        joint = _gates(x, h, [kernel[:, :two], recurrent[:, :two]], (inner + outer)[:two])
        z, r = _split(gate(joint), 2)
        if after:
            part = _mul(r, _affine(h, recurrent[:, two:], outer[two:]))
        else:
            part = _affine(_mul(r, h), recurrent[:, two:])
        new = activation(e.add(_affine(x, kernel[:, two:], inner[two:]), part))
        h = e.add(_mul(z, h), _mul(elementwise(lambda v: t.add(1.0, v, -1.0), z), new))
        return h, [h]

    return step


def stacked_cells(cell: Layer) -> Step:
    """StackedRNNCells: each cell takes what the one before it gives."""
    steps = [step_of(part) for part in cell.parts("cells")]

    def step(x: Tensor, states: States) -> tuple[Tensor, States]:
        made: States = []
        for inner, own in zip(steps, states, strict=True):
            x, new = inner(x, own)
            made.append(new)
        return x, made

    return step


CELLS: dict[str, Callable[[Layer], Step]] = {
    "SimpleRNNCell": simple_cell,
    "LSTMCell": lstm_cell,
    "GRUCell": gru_cell,
    "StackedRNNCells": stacked_cells,
}
STATES = {"LSTMCell": 2, "SimpleRNNCell": 1, "GRUCell": 1}
WITH_CELL = {"SimpleRNN": "SimpleRNNCell", "LSTM": "LSTMCell", "GRU": "GRUCell"}
"""Layers that hold one cell of a kind, whose options are their own."""


class Cell(Layer):
    """The cell of a layer that has its options, as LSTM has those of its LSTMCell."""

    def __init__(self, layer: Layer) -> None:
        """Take the weights of the cell and the options of the layer."""
        self.layer, self.inner = layer, layer.part("cell")
        self.kind, self.name = WITH_CELL[layer.kind], layer.name

    @property
    def config(self) -> Any:
        """The options of the layer."""
        return self.layer.config

    def _numbers(self) -> dict[str, Array]:
        return self.inner.numbers

    def number(self, at: int) -> Array:
        """Return one of the cell's weights."""
        return self.inner.number(at)

    def part(self, name: str) -> Layer:
        """Return a part of the cell."""
        return self.inner.part(name)

    def parts(self, name: str) -> list[Layer]:
        """Return the parts of the cell."""
        return self.inner.parts(name)

    def traced(self, key: str) -> Any:
        """Return a function among the options of the cell."""
        return self.inner.traced(key)


def cell_of(layer: Layer) -> Layer:
    """Return the cell of a recurrent layer."""
    return Cell(layer) if layer.kind in WITH_CELL else layer.part("cell")


def step_of(cell: Layer) -> Step:
    """Return one step of a cell.

    Raises:
        NoFormula: a cell that is not Keras' own.
    """
    if cell.kind not in CELLS:
        raise NoFormula(f"{cell.told} is a cell that is not among those that are read")
    return CELLS[cell.kind](cell)


def empty_states(cell: Layer) -> States:
    """Return zeros for each state of a cell."""
    if cell.kind == "StackedRNNCells":
        return [empty_states(part) for part in cell.parts("cells")]
    units = int(cell.option("units"))
    return [np.zeros((1, units)) for _ in range(STATES[cell.kind])]


def recurrent(
    layer: Layer, x: Tensor, initial_state: Any = None, mask: Tensor | None = None
) -> Any:
    """SimpleRNN, LSTM, GRU and RNN: the last output or all of them, and the states where asked."""
    if layer.option("stateful", False):
        raise NoFormula(f"{layer.told} keeps its state from one call to the next")
    cell = cell_of(layer)
    step, states = step_of(cell), empty_states(cell)
    if initial_state is not None:
        given = initial_state if isinstance(initial_state, list | tuple) else [initial_state]
        states = list(given)
    order = list(range(x.shape[1]))
    if layer.option("go_backwards", False):
        order.reverse()
    outputs: list[Tensor] = []
    zero = bool(layer.option("zero_output_for_mask", False))
    for at in order:
        out, new = step(x[:, at], states)
        if mask is not None:
            before = outputs[-1] if outputs and not zero else np.zeros(out.shape)
            out = _chosen(mask[:, at], out, before)
            new = _kept(mask[:, at], new, states)
        outputs.append(out)
        states = new
    made = np.stack(outputs, axis=1) if layer.option("return_sequences", False) else outputs[-1]
    return (made, *states) if layer.option("return_state", False) else made


def _chosen(mask: Tensor, new: Tensor, old: Tensor) -> Tensor:
    return elementwise(t.choice, mask[:, None], new, old)


def _kept(mask: Tensor, new: States, old: States) -> States:
    """Return the new states where a mask lets the step through, the old ones elsewhere."""
    return [
        _kept(mask, a, b) if isinstance(a, list) else _chosen(mask, a, b)
        for a, b in zip(new, old, strict=True)
    ]


def bidirectional(
    layer: Layer, x: Tensor, initial_state: Any = None, mask: Tensor | None = None
) -> Any:
    """Bidirectional: a layer forwards and one backwards, put together."""
    parts = layer.part("forward_layer"), layer.part("backward_layer")
    for at, name in enumerate(("layer", "backward_layer")):
        parts[at].adopt(layer.option(name))
    half = len(initial_state) // 2 if initial_state is not None else 0
    first = recurrent(parts[0], x, initial_state[:half] if half else None, mask)
    second = recurrent(parts[1], x, initial_state[half:] if half else None, mask)
    states: list[Tensor] = []
    if parts[0].option("return_state", False):
        states = [*first[1:], *second[1:]]
        first, second = first[0], second[0]
    if parts[0].option("return_sequences", False):
        second = np.flip(second, axis=1)
    made = MERGES[layer.option("merge_mode", "concat")](first, second)
    if not states:
        return made
    return (*made, *states) if isinstance(made, tuple) else (made, *states)


MERGES: dict[str | None, Callable[[Tensor, Tensor], Any]] = {
    "concat": lambda a, b: np.concatenate([t.as_tensor(a), t.as_tensor(b)], axis=-1),
    "sum": e.add,
    "ave": lambda a, b: elementwise(lambda v, w: t.mean([v, w]), a, b),
    "mul": _mul,
    None: lambda a, b: (a, b),
}
"""How Bidirectional puts its two halves together."""
