"""Graphs within a graph: a branch that is known, a loop whose turns are known."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import Any, Protocol

import numpy as np

from closedform.readers import tensors as t
from closedform.readers.onnx.elements import as_objects
from closedform.readers.onnx.parsing import attributes
from closedform.readers.onnx.values import Anything, Unknown, Value, known
from closedform.readers.torch.elements import NoFormula

Scope = MutableMapping[str, Any]


class Walker(Protocol):
    """What walks the graphs that a node holds."""

    def inside(
        self, graph: Any, given: Sequence[Anything], scope: Scope, depth: int
    ) -> list[Anything]:
        """Return the results of a graph within the graph."""
        ...


def branch(
    walk: Walker, n: Any, given: list[Anything], scope: Scope, depth: int
) -> Sequence[Anything]:
    """If: the branch that a known condition takes."""
    taken = truth(given[0], "operator If has no formula: its condition depends on the inputs")
    return walk.inside(attributes(n)["then_branch" if taken else "else_branch"], [], scope, depth)


def truth(value: Anything, otherwise: str) -> bool:
    """Return a known truth.

    Raises:
        NoFormula: it is not known; the text says what that means.
    """
    if not isinstance(value, Value) or not value.known or value.data.size != 1:
        raise NoFormula(otherwise)
    return bool(value.data.ravel()[0])


def loop(
    walk: Walker, n: Any, given: list[Anything], scope: Scope, depth: int
) -> Sequence[Anything]:
    """Loop, turn by turn: where the number of turns is known, and whether it goes on."""
    depends = "operator Loop has no formula: the number of its turns depends on the inputs"
    body = attributes(n)["body"]
    most, going = _count(given[0], depends), given[1] is None or truth(given[1], depends)
    state = list(given[2:])
    seen: list[list[Value]] = [[] for _ in body.output[1 + len(state) :]]
    turn = 0
    while going and (most is None or turn < most):
        made = walk.inside(body, [known(turn, "int64"), known(True, "bool"), *state], scope, depth)
        _require_known(made)
        going = truth(made[0], depends)
        state = made[1 : 1 + len(state)]
        for line, value in zip(seen, made[1 + len(state) :], strict=True):
            line.append(value)
        turn += 1
    return [*state, *(_stacked(line) for line in seen)]


def _count(value: Anything, otherwise: str) -> int | None:
    if value is None:
        return None
    if not isinstance(value, Value) or not value.known:
        raise NoFormula(otherwise)
    return int(value.data.ravel()[0])


def _require_known(made: Sequence[Anything]) -> None:
    """Stop after the first turn in which something had no formula."""
    if any(isinstance(v, Unknown) for v in made):
        raise NoFormula("a loop holds an operator that has no formula")


def _stacked(line: Sequence[Value], axis: int = 0) -> Value:
    if not line:
        raise NoFormula("a loop that makes no turn")
    if all(v.known for v in line):
        return Value(np.stack([v.data for v in line], axis=axis), line[0].kind)
    parts = [t.as_tensor(as_objects(v.data)) for v in line]
    return Value(np.stack(parts, axis=axis), line[0].kind)


def scan(
    walk: Walker, n: Any, given: list[Anything], scope: Scope, depth: int
) -> Sequence[Anything]:
    """Scan, element by element of sequences whose length is always known."""
    found = attributes(n)
    body, count = found["body"], int(found["num_scan_inputs"])
    if not 0 < count <= len(given):
        raise NoFormula(f"operator Scan of {count} sequences among {len(given)} inputs")
    state, lines = list(given[: len(given) - count]), given[len(given) - count :]
    results = len(body.output) - len(state)
    in_axes = found.get("scan_input_axes") or [0] * count
    out_axes = found.get("scan_output_axes") or [0] * results
    in_back = found.get("scan_input_directions") or [0] * count
    out_back = found.get("scan_output_directions") or [0] * results
    if not all(isinstance(v, Value) for v in lines):
        raise NoFormula("operator Scan of what is no tensor")
    moved = [np.moveaxis(v.data, axis, 0) for v, axis in zip(lines, in_axes, strict=True)]
    moved = [m[::-1] if back else m for m, back in zip(moved, in_back, strict=True)]
    seen: list[list[Value]] = [[] for _ in range(results)]
    for parts in zip(*moved, strict=True):
        row = [Value(t.boxed(p), v.kind) for p, v in zip(parts, lines, strict=True)]
        made = walk.inside(body, [*state, *row], scope, depth)
        _require_known(made)
        state = made[: len(state)]
        for line, value in zip(seen, made[len(state) :], strict=True):
            line.append(value)
    turned = [line[::-1] if back else line for line, back in zip(seen, out_back, strict=True)]
    return [*state, *(_stacked(s, a) for s, a in zip(turned, out_axes, strict=True))]


CONTROL: dict[str, Any] = {"If": branch, "Loop": loop, "Scan": scan}
"""Operators that hold graphs → `function(walk, node, inputs, scope, depth)`."""
