"""The length of a formula: how many symbols a person must read, the same for every method.

A name, an operation and a comparison count one each; a number counts one for every three
significant digits begun, so that 0.25 is one symbol and 0.3123123123123123 six. A number that has
a name counts as it is written: π one, √2 two, 1/3 three. A part that is used in several places is
read once, and named: its name counts wherever it stands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from closedform import ops
from closedform.ir import Array, Node, toposort
from closedform.ops.named import symbols_named
from closedform.ops.payloads import Splits

_LEAVES = frozenset({"const", "input", "label"})


def length(roots: Sequence[Node]) -> int:
    """Return how many symbols a person reads in some nodes, shared parts once."""
    order = toposort(roots)
    uses = Counter(a for n in order for a in n.args)
    uses.update(set(roots))
    named = {n for n in order if n.op is ops.INPUT or (uses[n] > 1 and n.op.name not in _LEAVES)}
    # A part with a name is written as `name = …`.
    total = sum(2 for n in named if n.op is not ops.INPUT)
    for n in order:
        total += _OWN.get(n.op.name, _operation)(n)
        total += sum(1 for a in _read(n) if a in named)
    total += sum(_tests(splits) for splits in _shapes(order))
    return total + sum(1 for n in roots if n.op is ops.INPUT or n.op is ops.CONST)


def numbers(values: Iterable[float] | Array) -> int:
    """Return how many symbols some numbers count together."""
    array = np.asarray(values if isinstance(values, np.ndarray) else list(values), dtype=float)
    return int(symbols_of(array.ravel()).sum())


def symbols_of(values: Array) -> Array:
    """Return how many symbols each number counts, shape as given: one for three digits begun."""
    size = np.abs(np.where(np.isfinite(values), values, 0.0))
    with np.errstate(all="ignore"):
        exponent = np.floor(np.log10(np.where(size > 0, size, 1.0)))
        mantissa = size / 10.0**exponent
        count = np.full(values.shape, 6, dtype=np.int64)
        for symbols in (5, 4, 3, 2, 1):
            scaled = mantissa * 10.0 ** (3 * symbols - 1)
            # Dividing by a power of ten costs a few units in the last place.
            near = (4e-15 if symbols < 5 else 1e-16) * scaled
            count[np.abs(scaled - np.rint(scaled)) <= near] = symbols
    by_name = symbols_named(size)
    return np.where(by_name > 0, by_name, count)


def _read(n: Node) -> Iterable[Node]:
    """Return the arguments that are written where they are used."""
    if n.op is ops.TREE:
        return ()  # named at each of its tests
    if n.op is ops.LIN:
        weights = n.data.weights.tolist()
        return [a for a, w in zip(n.args, weights, strict=True) if w != 0]
    return n.args


def _operation(n: Node) -> int:
    constants = [a.data for a in n.args if a.op is ops.CONST and not isinstance(a.data, bool)]
    return max(1, len(n.args) - 1) + numbers(constants)


def _lin(n: Node) -> int:
    weights = n.data.weights[n.data.weights != 0]
    shown = weights[np.abs(weights) != 1]
    terms = len(weights) + int(n.data.bias != 0)
    constants = numbers([n.data.bias]) if n.data.bias != 0 or not len(weights) else 0
    return numbers(shown) + len(shown) + constants + max(0, terms - 1)


def _squared_distance(n: Node) -> int:
    # w*(x - c)^2 + …
    return 4 * len(n.args) - 1 + numbers(n.data.point) + numbers(n.data.weights)


def _tree(n: Node) -> int:
    return numbers(n.data.values[n.data.splits.leaf])


def _shapes(order: Sequence[Node]) -> Iterable[Splits]:
    """Return the tests of each tree once: the chances of several classes share them."""
    found = {(n.args, n.data.splits.key): n.data.splits for n in order if n.op is ops.TREE}
    return found.values()


def _tests(splits: Splits) -> int:
    # `if name < threshold` for each test
    inner = ~splits.leaf
    tests = int(inner.sum())
    return 3 * tests + numbers(splits.threshold[inner])


def _table(n: Node) -> int:
    return len(n.data.labels) + numbers(n.data.values) + 1


def _piecewise(n: Node) -> int:
    return numbers(n.data.coefs[n.data.coefs != 0]) + 2 * len(n.data.edges) + 1


def _member(n: Node) -> int:
    return 1 + len(n.data)


_OWN: dict[str, Callable[[Node], int]] = {
    "const": lambda n: 0,
    "input": lambda n: 0,
    "label": lambda n: 1,
    "lin": _lin,
    "squared_distance": _squared_distance,
    "tree": _tree,
    "table": _table,
    "piecewise": _piecewise,
    "member": _member,
    "where": lambda n: 2 + numbers([a.data for a in n.args[1:] if a.op is ops.CONST]),
}
