"""Sums over many points, `w₁·exp(−|x − c₁|²) + w₂·exp(−|x − c₂|²) + …`, as w·k with one k.

Terms that differ in numbers alone are one function of the row and of a point c; the points stand
in a matrix beside it. It is found in the graph, not asked of the model: any kernel is printed so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Array, Node, fold, toposort, with_args
from closedform.printers.blocks import Block, Equation, Sentence
from closedform.printers.draft import Draft
from closedform.printers.matrix import matrix_block
from closedform.printers.scribe import Scribe
from closedform.printers.spell import Speller

LEAST = 8
"""Terms that differ in numbers alone, from which on they are written as one."""

PAIRS_SHOWN = 6
"""Rows and columns that are shown of a matrix of all pairs of points, whatever the target."""


@dataclass(frozen=True)
class Shape:
    """What a node is, but for the numbers of some nodes below: `key`, and those nodes."""

    key: Any
    varied: tuple[Node, ...] = ()


def shapes(nodes: Sequence[Node]) -> dict[Node, Shape]:
    """Return the shape of every node; those without a point in them are themselves."""
    numbers: dict[Any, int] = {}
    found: dict[Node, Shape] = {}

    def step(n: Node, *below: Shape) -> Shape:
        found[n] = _shape(n, below, numbers)
        return found[n]

    fold(nodes, step)
    return found


def _shape(n: Node, below: Sequence[Shape], numbers: dict[Any, int]) -> Shape:
    if _adds_points(n, below):
        return Shape(n)
    varied = tuple(dict.fromkeys(v for shape in below for v in shape.varied))
    if n.op is ops.SQUARED_DISTANCE and not varied:
        return Shape(_numbered(("distance", n.args, n.data.weights.tobytes()), numbers), (n,))
    if n.op is ops.LIN and not varied:
        # Of one column alone the bias is the point: |x − c|.
        weights = n.data.weights.tobytes() if len(n.args) == 1 else None
        return Shape(_numbered(("sum", n.args, weights), numbers), (n,))
    if not varied:
        return Shape(n)
    data = getattr(n.data, "key", n.data)
    return Shape(_numbered((n.op, data, *[shape.key for shape in below]), numbers), varied)


def _adds_points(n: Node, below: Sequence[Shape]) -> bool:
    """Tell a sum over points, whose terms are alike, from one over columns."""
    keys = {a: shape.key for a, shape in zip(n.args, below, strict=True) if shape.varied}
    return len(set(keys.values())) < len(keys)


def _numbered(key: Any, numbers: dict[Any, int]) -> int:
    return numbers.setdefault(key, len(numbers))


@dataclass(frozen=True, eq=False)
class Family:
    """Nodes of one shape, and their points side by side: shape (nodes, coordinates)."""

    members: tuple[Node, ...]
    varied: tuple[Node, ...]
    points: Array


def families(formula: Formula) -> list[Family]:
    """Return what the sums of a formula add up that differs in numbers alone."""
    shape = shapes(formula.roots)
    groups: dict[Any, dict[Node, None]] = {}
    many: set[Any] = set()
    for n in shape:
        if n.op is not ops.LIN or len(n.args) < 2:
            continue
        count = Counter(shape[a].key for a in n.args if shape[a].varied)
        many.update(key for key, times in count.items() if times >= LEAST)
        for a in n.args:
            if count[shape[a].key] > 1:
                groups.setdefault(shape[a].key, {})[a] = None
    made = [_family(tuple(g), shape) for key, g in groups.items() if key in many]
    return [f for f in made if not _is_layer(f) and not _ranks_points(f)]


def _ranks_points(family: Family) -> bool:
    """Tell terms that compare one point with all others, as the nearest neighbours do."""
    return any(n.op is ops.KTH for n in toposort(family.members[:1]))


def _family(members: tuple[Node, ...], shape: Mapping[Node, Shape]) -> Family:
    rows = [np.concatenate([_point(v) for v in shape[n].varied]) for n in members]
    return Family(members, shape[members[0]].varied, np.array(rows))


def _is_layer(family: Family) -> bool:
    """Tell the units of a network, which have matrices of their own, from powers of sums."""
    first = family.members[0]
    sums = [n for n in family.varied if n.op is ops.LIN and len(n.args) > 1]
    return first.op is ops.LIN or (bool(sums) and first.op is not ops.POW)


def _point(n: Node) -> Array:
    found: Array
    if n.op is ops.SQUARED_DISTANCE:
        found = n.data.point
    elif len(n.args) == 1:
        found = np.array([n.data.bias])
    else:
        found = np.array([n.data.bias, *n.data.weights])
    return found


@dataclass
class Summed:
    """A formula with its kernel sums in short, and what these signs stand for.

    Attributes:
        formula: the original.
        scribe: how the target writes.
        found: the families.
        names: what stands for an input beyond the formula's own.
        weights: vectors and matrices by name; a matrix weighs all pairs of points.
        short: what every node of the formula becomes.
    """

    formula: Formula
    scribe: Scribe
    found: list[Family]
    names: dict[int, str] = field(default_factory=dict)
    weights: list[tuple[str, Array]] = field(default_factory=list)
    short: dict[Node, Node] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Write every sum in short, from the bottom up."""
        self.kernels = self._numbered("k", len(self.found))
        matrices: list[Array] = []
        for family in self.found:
            if not any(np.array_equal(family.points, m) for m in matrices):
                matrices.append(family.points)
        self.matrices = list(zip(self._numbered("C", len(matrices)), matrices, strict=True))
        order = toposort(self.formula.roots)
        squares = [n for n in order if self._is_square(n)]
        rows = {a for n in squares for a in n.args}
        sums = [n for n in order if n.op is ops.LIN and n not in rows and self._parts(n)]
        count = sum(len(self._parts(n)) for n in sums)
        self.vectors = iter(self._numbered("w", count))
        self.pairs = iter(self._numbered("V", sum(len(self._parts(_all_of(n))) for n in squares)))
        tight = (ops.POW, ops.MUL, ops.DIV, ops.SQUARED_DISTANCE)
        self.factors = {a for n in order if n.op in tight for a in n.args}
        for n in order:
            if n in squares:
                self.short[n] = self._square(n)
            elif n in sums:
                self.short[n] = self._sum(n)
            else:
                self.short[n] = with_args(n, tuple(self.short[a] for a in n.args))

    def _numbered(self, letter: str, count: int) -> list[str]:
        taken = {f.name for f in self.formula.inputs}
        while letter in taken:
            letter += "_"
        if count == 1:
            return [self.scribe.name(letter)]
        return [self.scribe.indexed(letter, i + 1) for i in range(count)]

    def _parts(self, n: Node) -> list[tuple[int, list[int]]]:
        """Return which families a sum adds up, each with the places of its terms."""
        if n.op is not ops.LIN or len(n.args) < 2:
            return []
        at = {a: i for i, a in enumerate(n.args)}
        places = [[at[m] for m in f.members if m in at] for f in self.found]
        return [(i, found) for i, found in enumerate(places) if len(found) > 1]

    def _is_square(self, n: Node) -> bool:
        """Tell |V·k|² from the distance to a point: it has sums of kernels, and no centre."""
        return (
            n.op is ops.SQUARED_DISTANCE
            and len(n.args) >= LEAST
            and not n.data.point.any()
            and bool((n.data.weights == 1).all())
            and all(a.op is ops.LIN for a in n.args)
            and len(_all_of(n).args) <= 2 * max(len(a.args) for a in n.args)
            and bool(self._parts(_all_of(n)))
        )

    def _stand_in(self, text: str) -> Node:
        place = len(self.formula.inputs) + len(self.names)
        self.names[place] = text
        return ops.input_(place)

    def _product(self, name: str, family: int) -> str:
        return f"{name}{self.scribe.signs['dot']}{self.kernels[family]}"

    def _sum(self, n: Node) -> Node:
        weights = n.data.weights
        terms: list[tuple[float, Node]] = []
        parts = self._parts(n)
        used = {place for _, places in parts for place in places}
        # A sum may lack a member, whose weight is 0: it is w·k alone where it has nothing else.
        alone = len(parts) == 1 and len(used) == len(n.args) and n.data.bias == 0
        for i, places in parts:
            members = {m: k for k, m in enumerate(self.found[i].members)}
            row = np.zeros(len(members))
            row[[members[n.args[p]] for p in places]] = weights[places]
            name = next(self.vectors)
            self.weights.append((name, row))
            text = self._product(name, i)
            text = f"({text})" if alone and n in self.factors else text
            terms.append((1.0, self._stand_in(text)))
        rest = [(w, self.short[a]) for p, (w, a) in
                enumerate(zip(weights.tolist(), n.args, strict=True)) if p not in used]  # fmt: skip
        return ops.lin(n.data.bias, *rest, *terms)

    def _square(self, n: Node) -> Node:
        whole = _all_of(n)
        at = {x: i for i, x in enumerate(whole.args)}
        rows = np.zeros((len(n.args), len(at)))
        for row, a in zip(rows, n.args, strict=True):
            row[[at[x] for x in a.args]] = a.data.weights
        bias = np.array([a.data.bias for a in n.args])
        texts: list[str] = []
        used: set[int] = set()
        for i, places in self._parts(whole):
            name = next(self.pairs)
            self.weights.append((name, rows[:, places]))
            texts.append(self._product(name, i))
            used.update(places)
        rest = [p for p in range(rows.shape[1]) if p not in used]
        if rest:
            texts.append(self._others([whole.args[p] for p in rest], rows[:, rest]))
        if bias.any():
            texts.append(self._numbered("b", 1)[0])
            self.weights.append((texts[-1], bias))
        return self._stand_in(f"|{' + '.join(texts)}|^2")

    def _others(self, nodes: Sequence[Node], weights: Array) -> str:
        """Return a matrix times the vector of what is no kernel of a point."""
        name = self._numbered("U", 1)[0]
        self.weights.append((name, weights))
        inputs = {i: self.scribe.name(f.name) for i, f in enumerate(self.formula.inputs)}
        texts = [w.text for w in Speller(self.scribe.language, inputs, {}).write(nodes)]
        shown = texts if len(texts) <= LEAST else [*texts[:2], "…", texts[-1]]
        return f"{name}{self.scribe.signs['dot']}{self.scribe.vector(shown)}"

    # --- what is printed beside it --------------------------------------------------------------

    def equations(self, draft: Draft) -> Iterator[Block]:
        """Yield each kernel as a function of the row and of a point c."""
        for family, name in zip(self.found, self.kernels, strict=True):
            text = draft.text(self._of_point(family))
            matrix = next(m for m, p in self.matrices if np.array_equal(p, family.points))
            row = self._numbered("c", 1)[0]
            yield Equation(name, text, Sentence("for each row {0} of {1}", (row, matrix)))

    def points(self) -> dict[int, str]:
        """Return names for the coordinates of a point, as inputs beyond all others."""
        first = self._first_coordinate()
        widest = max(f.points.shape[1] for f in self.found)
        return {first + j: self.scribe.indexed("c", j + 1) for j in range(widest)}

    def _first_coordinate(self) -> int:
        return len(self.formula.inputs) + len(self.names)

    def _of_point(self, family: Family) -> Node:
        """Return the first member of a family, with letters for the numbers of its point."""
        at, new = self._first_coordinate(), dict[Node, Node]()
        for n in family.varied:
            centre = [ops.input_(at + j) for j in range(len(_point(n)))]
            at += len(centre)
            new[n] = _with_centre(n, centre)
        made: dict[Node, Node] = {}
        for n in toposort(family.members[:1]):
            made[n] = new[n] if n in new else with_args(n, tuple(made[a] for a in n.args))
        return made[family.members[0]]

    def blocks(self, draft: Draft) -> Iterator[Block]:
        """Yield the vectors and matrices."""
        for name, values in self.weights:
            vector = values.ndim == 1
            side = draft.extent.side if vector else PAIRS_SHOWN
            yield matrix_block(draft, name, values, vector=vector, side=side)
        for name, points in self.matrices:
            yield matrix_block(draft, name, points, side=draft.extent.side)
        if any(
            max(values.shape) > PAIRS_SHOWN + 1 for _, values in self.weights if values.ndim > 1
        ):
            yield Sentence(
                "Of matrices of all pairs of points a corner is shown; all numbers: f.to('numpy')."
            )


def _all_of(n: Node) -> Node:
    """Return a sum of everything that the sums below add up: one may lack a term of weight 0."""
    args = tuple(dict.fromkeys(x for a in n.args for x in a.args))
    return ops.linear(0.0, [1.0] * len(args), args)


def _with_centre(n: Node, centre: Sequence[Node]) -> Node:
    """Return Σ wᵢ(xᵢ − cᵢ)², c₁ + Σ cᵢ·xᵢ or w·x + c, with nodes for the cᵢ."""
    if n.op is ops.LIN and len(n.args) == 1:
        return ops.lin(0, (n.data.weights[0].item(), n.args[0]), (1, centre[0]))
    if n.op is ops.LIN:
        products = [ops.mul(c, x) for c, x in zip(centre[1:], n.args, strict=True)]
        return ops.linear(0, [1.0] * len(centre), [centre[0], *products])
    away = [ops.lin(0, (1, x), (-1, c)) for c, x in zip(centre, n.args, strict=True)]
    return ops.linear(0, n.data.weights, [ops.power(x, 2) for x in away])
