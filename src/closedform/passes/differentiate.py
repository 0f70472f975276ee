"""The slope of a formula: reverse accumulation over the shared graph, without recursion."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import overload

from closedform import ops
from closedform.errors import BadInput
from closedform.formula import Formula, Step
from closedform.ir import Node, Type, toposort
from closedform.length import length
from closedform.passes.algebra import factored, tidied

Terms = list[tuple[float, Node]]

ROUNDS = 4
"""A product that was gathered shows factors of others: after so many rounds what is left stays."""


@overload
def differentiate(of: Node, wrt: int) -> Node: ...
@overload
def differentiate(of: Formula, wrt: int | str) -> Formula: ...
def differentiate(of: Node | Formula, wrt: int | str) -> Node | Formula:
    """Return the derivative with respect to one input, over the reals.

    Of a formula: each REAL output y becomes an output `∂y/∂x`. Trees, tables and steps are flat
    almost everywhere: their slope is 0. Where a value is missing, so is its slope.

    Args:
        of: a REAL node, or a formula.
        wrt: the position of the input, or (of a formula) its name.

    Raises:
        BadInput: there is no such input, or it is not a number.
    """
    if isinstance(of, Node):
        return gradient(of, [int(wrt)])[0]
    index = _position(of, wrt)
    return _each(
        of, "differentiate", index, "∂{}/∂{}", lambda n: _gathered(gradient(n, [index])[0])
    )


def elasticity(of: Formula, wrt: int | str) -> Formula:
    """Return the elasticity of each output in one input, over the reals: ∂y/∂x · x/y.

    Each REAL output y becomes an output `∂ln y/∂ln x`: by how many per cent y grows with one per
    cent of x. Factors of both are cancelled; where y is 0 for another reason, it is missing or
    infinite.

    Args:
        of: a formula.
        wrt: the position of the input, or its name.

    Raises:
        BadInput: there is no such input, or it is not a number.
    """
    index = _position(of, wrt)
    x = ops.input_(index)

    def ratio(n: Node) -> Node:
        slope = gradient(n, [index])[0]
        plain = _gathered(ops.div(ops.mul(slope, x), n))
        in_front = ops.mul(factored(tidied(slope)), x)
        return min(plain, _gathered(ops.div(in_front, factored(tidied(n)))), key=_size)

    return _each(of, "elasticity", index, "∂ln {}/∂ln {}", ratio)


def _gathered(plain: Node) -> Node:
    """Return an expression with its factors gathered, where that is no longer to read."""
    for _ in range(ROUNDS):
        gathered = tidied(plain)
        if gathered is plain or _size(gathered) > _size(plain):
            break
        plain = gathered
    return plain


def _size(n: Node) -> int:
    """Return how many symbols and operations there are to read."""
    return length([n]) + len(toposort([n]))


def _each(of: Formula, step: str, index: int, called: str, made: Callable[[Node], Node]) -> Formula:
    """Return a formula of what is made of each REAL output."""
    name = of.inputs[index].name
    outputs = {
        called.format(output, name): made(n)
        for output, n in of.outputs.items()
        if n.type is Type.REAL
    }
    task = replace(of.task, kind="regression", primary=(), probability=(), decision=())
    trail = (*of.trail, Step(step, "real", {"input": name}))
    return replace(of, outputs=outputs, task=task, trail=trail)


def gradient(root: Node, inputs: Sequence[int]) -> list[Node]:
    """Return the slopes of one REAL node with respect to several inputs, sharing all work."""
    if root.type is not Type.REAL:
        raise BadInput(
            f"A {root.type.value} value has no slope.", hint="Differentiate a score instead."
        )
    order = toposort([root])
    wanted = {ops.input_(i) for i in inputs}
    moves = _moving(order, wanted)
    terms: dict[Node, Terms] = {root: [(1.0, ops.const(1.0))]}
    for current in reversed(order):
        if current in moves and current not in wanted and current in terms:
            _spread(current, _total(terms.pop(current)), moves, terms)
    return [_total(terms.get(ops.input_(i), [])) for i in inputs]


def _moving(order: Sequence[Node], wanted: set[Node]) -> set[Node]:
    """Return the REAL nodes whose value moves with one of the inputs."""
    moves: set[Node] = set()
    for n in order:
        if n in wanted or (n.type is Type.REAL and any(a in moves for a in n.args)):
            moves.add(n)
    return moves


def _spread(n: Node, slope: Node, moves: set[Node], terms: dict[Node, Terms]) -> None:
    assert n.op.partials is not None, n.op
    for arg, partial in zip(n.args, n.op.partials(n), strict=True):
        if arg in moves:
            term = _times(slope, partial)
            if term is not None:
                terms.setdefault(arg, []).append(term)


def _times(slope: Node, partial: Node) -> tuple[float, Node] | None:
    """Return slope·partial as a term of a sum; None where it is 0."""
    if partial.op is ops.CONST:
        return (partial.data, slope) if partial.data != 0 else None
    if slope.op is ops.CONST:
        return (slope.data, partial)
    if partial.op is ops.WHERE and _is(partial.args[1], 1) and _is(partial.args[2], 0):
        # Chosen, not multiplied: 0·∞ in the branch that is not taken would be missing.
        return (1.0, ops.where(partial.args[0], slope, partial.args[2]))
    if partial.op is ops.WHERE and _is(partial.args[1], 0) and _is(partial.args[2], 1):
        return (1.0, ops.where(partial.args[0], partial.args[1], slope))
    return (1.0, ops.mul(slope, partial))


def _is(n: Node, value: float) -> bool:
    return n.op is ops.CONST and bool(n.data == value)


def _total(terms: Terms) -> Node:
    if not terms:
        return ops.const(0.0)
    if all(n.op is ops.CONST for _, n in terms):
        return ops.const(sum(w * n.data for w, n in terms))
    if len(terms) == 1 and terms[0][0] == 1:
        return terms[0][1]
    return ops.lin(0.0, *terms)


def _position(formula: Formula, wrt: int | str) -> int:
    names = [f.name for f in formula.inputs]
    if isinstance(wrt, str) and wrt in names:
        wrt = names.index(wrt)
    if not isinstance(wrt, int) or not -len(names) <= wrt < len(names):
        raise BadInput(
            f"The formula has no input {wrt!r}.", hint="Its inputs are: " + ", ".join(names) + "."
        )
    if formula.inputs[wrt].type is not Type.REAL:
        raise BadInput(
            f"The input {names[wrt]!r} holds labels, along which nothing has a slope.",
            hint="Differentiate with respect to a number.",
        )
    return wrt % len(names)
