"""Recurrent layers, unrolled over the sequence: RNN, GRU, LSTM."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from closedform.ir import Array
from closedform.readers import tensors as t
from closedform.readers.onnx.call import Call, Function
from closedform.readers.onnx.elements import softsign, within
from closedform.readers.tensors import Element, Tensor, elementwise
from closedform.readers.torch.elements import NoFormula

Unit = Callable[[Element], Element]

# Name → (alpha, beta) → a function of one element. Those of ONNX without a value have none here.
ACTIVATIONS: dict[str, Callable[[float, float], Unit]] = {
    "relu": lambda a, b: lambda x: t.greatest(x, 0.0),
    "tanh": lambda a, b: t.function("tanh"),
    "sigmoid": lambda a, b: t.function("sigmoid"),
    "affine": lambda a, b: lambda x: t.add(b, x, a),
    "leakyrelu": lambda a, b: lambda x: t.choice(t.less(x, 0.0), t.multiply(x, a), x),
    "thresholdedrelu": lambda a, b: lambda x: t.choice(t.less(x, a), 0.0, x),
    "scaledtanh": lambda a, b: lambda x: t.multiply(t.function("tanh")(t.multiply(x, b)), a),
    "hardsigmoid": lambda a, b: lambda x: within(x, a, b),
    "elu": lambda a, b: (
        lambda x: t.choice(t.less(x, 0.0), t.multiply(t.function("expm1")(x), a), x)
    ),
    "softsign": lambda a, b: softsign,
    "softplus": lambda a, b: t.function("softplus"),
}
DEFAULTS = {
    "leakyrelu": (0.01, 0.0), "hardsigmoid": (0.2, 0.5), "elu": (1.0, 0.0), "affine": (1.0, 0.0),
    "thresholdedrelu": (1.0, 0.0), "scaledtanh": (1.0, 1.0),
}  # fmt: skip
TAKES = {
    "affine": 2, "scaledtanh": 2, "hardsigmoid": 2, "leakyrelu": 1, "thresholdedrelu": 1, "elu": 1,
}  # fmt: skip
"""How many numbers an activation takes from activation_alpha and activation_beta."""


class Direction:
    """One direction of a recurrent layer: its weights, its activations, its state."""

    def __init__(self, call: Call, number: int, units: list[Unit], hidden: int) -> None:
        """Take what belongs to direction `number`."""
        self.hidden = hidden
        self.units = units
        self.limit = call.option("clip")
        self.w: Array = call.constant(1, "its weights")[number]
        self.r: Array = call.constant(2, "its weights")[number]
        gates = len(self.w) // hidden
        both = np.zeros(2 * gates * hidden)
        both = call.constant(3, "its bias")[number] if call.has(3) else both
        self.wb, self.rb = both[: gates * hidden], both[gates * hidden :]
        self.linear_first = bool(call.option("linear_before_reset", 0))

    def gate(self, x: Tensor, h: Tensor, k: int) -> Tensor:
        """Return what goes into gate k, shape (rows, hidden)."""
        part = slice(k * self.hidden, (k + 1) * self.hidden)
        joined = np.concatenate([t.as_tensor(x), t.as_tensor(h)], axis=1)
        weights = np.hstack([self.w[part], self.r[part]]).T
        return t.matmul(joined, weights, self.wb[part] + self.rb[part])

    def act(self, i: int, x: Tensor) -> Tensor:
        """Return an activation, after the limit that may be set."""
        if self.limit:
            bound = float(self.limit)
            x = elementwise(lambda v: t.smallest(t.greatest(v, -bound), bound), x)
        return elementwise(self.units[i], x)


def _plus(a: Tensor, b: Tensor) -> Tensor:
    return elementwise(t.add, a, b)


def _times(a: Tensor, b: Tensor) -> Tensor:
    return elementwise(t.multiply, a, b)


def plain_step(d: Direction, x: Tensor, state: list[Tensor]) -> list[Tensor]:
    """RNN: h' = f(W x + R h + b)."""
    return [d.act(0, d.gate(x, state[0], 0))]


def gru_step(d: Direction, x: Tensor, state: list[Tensor]) -> list[Tensor]:
    """Cho, K. et al. (2014), arXiv:1406.1078; gates z, r, h in ONNX's order."""
    h = state[0]
    z, r = d.act(0, d.gate(x, h, 0)), d.act(0, d.gate(x, h, 1))
    part = slice(2 * d.hidden, None)
    if d.linear_first:
        inner = t.matmul(t.as_tensor(h), d.r[part].T, d.rb[part])
        new = _plus(t.matmul(t.as_tensor(x), d.w[part].T, d.wb[part]), _times(r, inner))
    else:
        new = d.gate(x, _times(r, h), 2)
    new = d.act(1, new)
    return [_plus(_times(elementwise(lambda v: t.add(1.0, v, -1.0), z), new), _times(z, h))]


def lstm_step(d: LongShort, x: Tensor, state: list[Tensor]) -> list[Tensor]:
    """Hochreiter, S. and Schmidhuber, J. (1997); gates i, o, f, c, and peepholes."""
    h, c = state
    i = d.act(0, d.seen(d.gate(x, h, 0), c, 0))
    f = (
        elementwise(lambda v: t.add(1.0, v, -1.0), i)
        if d.coupled
        else d.act(0, d.seen(d.gate(x, h, 2), c, 2))
    )
    new = _plus(_times(f, c), _times(i, d.act(1, d.gate(x, h, 3))))
    o = d.act(0, d.seen(d.gate(x, h, 1), new, 1))
    return [_times(o, elementwise(d.units[2], new)), new]


class LongShort(Direction):
    """One direction of an LSTM, with peepholes where it has some."""

    def __init__(self, call: Call, number: int, units: list[Unit], hidden: int) -> None:
        """Take what belongs to direction `number`."""
        super().__init__(call, number, units, hidden)
        self.peep = call.constant(7, "its peepholes")[number] if call.has(7) else None
        self.coupled = bool(call.option("input_forget", 0))

    def seen(self, gate: Tensor, cell: Tensor, k: int) -> Tensor:
        """Return a gate with what its peephole shows of the cell; they are in the order i, o, f."""
        if self.peep is None:
            return gate
        return _plus(gate, _times(cell, self.peep[k * self.hidden : (k + 1) * self.hidden]))


def layer(
    step: Callable[..., list[Tensor]], direction: type[Direction], usual: Sequence[str]
) -> Function:
    """Return a recurrent layer from its step.

    Args:
        step: from (direction, input, state) to the new state.
        direction: what holds the weights.
        usual: the activations where none are given.
    """
    states = 2 if direction is LongShort else 1

    def made(call: Call) -> tuple[Any, ...]:
        x, hidden = call.tensor(0), int(call.constant(2, "its weights").shape[-1])
        if call.option("hidden_size", hidden) != hidden:
            raise NoFormula(f"operator {call.op} whose hidden_size is not that of its weights")
        turned = bool(call.option("layout", 0))
        x = x.swapaxes(0, 1) if turned else x
        _require_whole(call, len(x))
        ways = str(call.option("direction", "forward"))
        backwards = {"forward": [False], "reverse": [True], "bidirectional": [False, True]}[ways]
        units = _units(call, usual, len(backwards))
        runs = []
        for number, back in enumerate(backwards):
            d = direction(call, number, units[number], hidden)
            start = [_start(call, 5 + k, number, x.shape[1], hidden, turned) for k in range(states)]
            runs.append(_unrolled(step, d, x, start, back))
        y = np.stack([np.stack(run[0]) for run in runs], axis=1)
        ends = [np.stack([run[1][k] for run in runs]) for k in range(states)]
        if turned:
            y, ends = y.transpose(2, 0, 1, 3), [e.swapaxes(0, 1) for e in ends]
        return (y, *ends)[: max(call.wanted, 1)]

    return made


def _unrolled(
    step: Callable[..., list[Tensor]], d: Direction, x: Tensor, state: list[Tensor], back: bool
) -> tuple[list[Tensor], list[Tensor]]:
    """Return the state after each element of the sequence, and at the end."""
    seen: list[Tensor] = []
    for i in range(len(x) - 1, -1, -1) if back else range(len(x)):
        state = step(d, x[i], state)
        seen.append(state[0])
    return seen[::-1] if back else seen, state


def _start(call: Call, at: int, number: int, rows: int, hidden: int, turned: bool) -> Tensor:
    if not call.has(at):
        return np.zeros((rows, hidden))
    given = call.tensor(at)
    found: Tensor = (given.swapaxes(0, 1) if turned else given)[number]
    return found


def _require_whole(call: Call, length: int) -> None:
    if call.has(4) and any(n != length for n in call.numbers(4, "the length of a row") or ()):
        raise NoFormula(f"operator {call.op} of sequences that end before the last element")


def _units(call: Call, usual: Sequence[str], count: int) -> list[list[Unit]]:
    names = [str(n).lower() for n in call.option("activations") or list(usual) * count]
    alphas = list(call.option("activation_alpha") or [])
    betas = list(call.option("activation_beta") or [])
    made: list[Unit] = []
    for name in names:
        if name not in ACTIVATIONS:
            raise NoFormula(f"operator {call.op} with the activation {name!r}")
        usual_a, usual_b = DEFAULTS.get(name, (0.0, 0.0))
        a = alphas.pop(0) if alphas and TAKES.get(name, 0) >= 1 else usual_a
        b = betas.pop(0) if betas and TAKES.get(name, 0) >= 2 else usual_b
        made.append(ACTIVATIONS[name](a, b))
    each = len(usual)
    if len(made) != each * count:
        raise NoFormula(f"operator {call.op} with {len(made)} activations")
    return [made[i * each : (i + 1) * each] for i in range(count)]


RECURRENT: dict[str, Function] = {
    "RNN": layer(plain_step, Direction, ("tanh",)),
    "GRU": layer(gru_step, Direction, ("sigmoid", "tanh")),
    "LSTM": layer(lstm_step, LongShort, ("sigmoid", "tanh", "tanh")),
}
"""Recurrent layers."""
