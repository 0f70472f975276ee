"""Hypotheses about the model's own steps: scalers, links, activations, target transforms."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np

from closedform import ops
from closedform.formula import Stage
from closedform.ir import Array, Node, Type, fold, substitute, toposort, with_args
from closedform.verify.case import Case, Hypothesis

Wrap = Callable[[Node], Node]
MOST_PARTS = 20_000
"""In longer expressions no scaled columns are looked for: it takes a pass over each part."""
STAGES = 8
"""So many steps in a row are tried to be left out in every way."""


@dataclass(frozen=True)
class Change:
    """One step put right on one side: what it says, and how a node changes."""

    step: str
    says: str
    wrap: Wrap
    advice: tuple[str, ...] = ()
    output: str = ""


NOTHING = Change("", "", lambda n: n)


def reads(n: Node) -> frozenset[int]:
    """Return the inputs that a node reads."""
    return fold([n], _reads)[0]


def _reads(n: Node, *below: frozenset[int]) -> frozenset[int]:
    return frozenset([n.data]) if n.op is ops.INPUT else frozenset().union(*below)


# --- steps before the model ---------------------------------------------------------------------


def left_out(case: Case) -> list[Change]:
    """Return the preprocessing that may have been left out: any run of steps, or all of them."""
    stages = [s for s in case.formula.stages if s.kind == "transform"][:STAGES]
    working = [s for s in stages if not _idle(case, s)]
    found: list[Change] = []
    for first, last in combinations_with_replacement(range(len(stages)), 2):
        new = _columns_put_in(case, stages[first].before, stages[last].after)
        names = [s.name for s in stages[first : last + 1] if s in working and _touches(s, new)]
        found += _change(case, new, names)
    everything = last_columns(stages)
    found += _change(case, everything, [s.name for s in working if _touches(s, everything)])
    found += _wrong_way_round(case, everything, working)
    return _distinct(case, found)


def _idle(case: Case, stage: Stage) -> bool:
    """Tell whether a step changes nothing on these rows, as an imputer where nothing is missing."""
    new = [(node, _same_column(name, node, stage.after)) for name, node in stage.before]
    pairs = [(a, b) for a, b in new if b is not None and a.type is Type.REAL]
    if len(pairs) < len(stage.after):
        return False
    values = case.rows.values([n for pair in pairs for n in pair])
    return all(
        np.array_equal(a, b, equal_nan=True) for a, b in zip(values[::2], values[1::2], strict=True)
    )


def _distinct(case: Case, changes: Sequence[Change]) -> list[Change]:
    found: dict[Node, Change] = {}
    for change in changes:
        made = change.wrap(case.mine)
        if made is not case.mine:
            found.setdefault(made, change)
    return sorted(found.values(), key=lambda c: len(c.says))


def _columns_put_in(
    case: Case, before: Sequence[tuple[str, Node]], after: Sequence[tuple[str, Node]]
) -> dict[Node, Node]:
    """Return for each part of the user's expression that is a column before, the one after."""
    wanted = {}
    for name, node in before:
        new = _same_column(name, node, after)
        if new is not None and new is not node and node.type is Type.REAL:
            wanted[node] = new
    found = found_in(case, list(wanted))
    return {part: wanted[node] for node, parts in found.items() for part in parts}


def _same_column(name: str, node: Node, after: Sequence[tuple[str, Node]]) -> Node | None:
    """Return the column that became of another: it reads the same input, best by name."""
    read = reads(node)
    if len(read) != 1:
        return None
    same = [(n, x) for n, x in after if x.type is Type.REAL and reads(x) == read]
    named = [x for n, x in same if n == name or n.endswith("__" + name)]
    if len(named) == 1:
        return named[0]
    return same[0][1] if len(same) == 1 else None


def found_in(case: Case, wanted: Sequence[Node]) -> dict[Node, list[Node]]:
    """Return for each wanted node the parts of the user's expression that have its values.

    Of parts that lie within each other, as x and 1*x, the larger one counts.
    """
    parts = _varying(case)
    exact = set(parts)
    found = {n: [n] for n in wanted if n in exact}
    rest = [n for n in wanted if n not in exact]
    if not rest or len(parts) > MOST_PARTS:
        return found
    values = case.sample.values([*parts, *rest])
    mine, theirs = values[: len(parts)], values[len(parts) :]
    for node, column in zip(rest, theirs, strict=True):
        same = [p for p, other in zip(parts, mine, strict=True) if _close(column, other)]
        inner = {a for p in same for a in p.args}
        if same:
            found[node] = [p for p in same if p not in inner]
    return found


def _varying(case: Case) -> list[Node]:
    """Return the parts of the user's expression that are numbers and read some input."""
    varies: dict[Node, bool] = {}
    for n in toposort([case.mine]):
        own = n.op is ops.INPUT and n.data < case.expression.first
        varies[n] = own or any(varies[a] for a in n.args)
    return [n for n, does in varies.items() if does and n.type is Type.REAL]


def _close(a: Array, b: Array) -> bool:
    with np.errstate(all="ignore"):
        scale = np.nanmax(np.abs(a), initial=0.0) + 1e-300
        # 1e-3: a scale that was written with four digits is still that scale.
        return bool(np.all((np.abs(a - b) <= 1e-3 * scale) | (np.isnan(a) & np.isnan(b))))


def last_columns(stages: Sequence[Stage]) -> dict[Node, Node]:
    """Return for each input the column that became of it after all steps."""
    found: dict[Node, Node] = {}
    for stage in stages:
        for name, node in stage.before:
            read = reads(node)
            new = _same_column(name, node, stage.after)
            if len(read) == 1 and new is not None and node.type is Type.REAL:
                found[ops.input_(next(iter(read)))] = new
    return {old: new for old, new in found.items() if old is not new}


def _touches(stage: Stage, new: Mapping[Node, Node]) -> bool:
    """Tell whether a step has part in any of the columns put in."""
    made = set(toposort(list(new.values())))
    before = {n for _, n in stage.before}
    return any(n in made and n not in before for _, n in stage.after)


def _change(case: Case, new: Mapping[Node, Node], names: Sequence[str]) -> Iterator[Change]:
    if not new or not names:
        return
    unique = list(dict.fromkeys(names))
    says = f"The {unique[0]} is missing." if len(unique) == 1 else (
        "The " + ", the ".join(unique[:-1]) + f" and the {unique[-1]} are missing.")  # fmt: skip
    advice = tuple(rewritten(case, new))
    yield Change("transform", says, lambda n: substitute([n], new)[0], advice)


def rewritten(case: Case, new: Mapping[Node, Node]) -> Iterator[str]:
    """Yield what to write in place of each column, where it is a straight line of it."""
    for old, node in list(new.items())[:12]:
        if old.op is ops.INPUT:
            name = case.formula.inputs[old.data].name
            line = straight_line(node, old.data, len(case.formula.inputs))
            if line is not None:
                yield f"write {scaled_text(name, *line)} for {name}"


def straight_line(node: Node, i: int, inputs: int) -> tuple[float, float] | None:
    """Return (slope, value at 0) of a node that is a straight line of input i, else None."""
    from closedform.evaluate import compute

    x = np.array([0.0, 1.0, -3.0, 1000.0])
    try:
        y = compute([node], [x if k == i else np.zeros(4) for k in range(inputs)], 4)[0]
    except (IndexError, TypeError):
        return None
    with np.errstate(invalid="ignore"):  # of a logarithm, it is −∞ at 0
        slope = y[1] - y[0]
        line = y[0] + slope * x
    return (float(slope), float(y[0])) if np.allclose(y, line, rtol=1e-9, atol=1e-12) else None


def scaled_text(name: str, slope: float, at_zero: float) -> str:
    """Return a straight line of a column as a scaler writes it: (age - 48.5)/13.1."""
    if slope == 0:
        return f"{at_zero:.8g}"
    centre = -at_zero / slope
    inner = name if centre == 0 else f"({name} {'-' if centre > 0 else '+'} {abs(centre):.8g})"
    return inner if slope == 1 else f"{inner}/{1 / slope:.8g}"


def _wrong_way_round(
    case: Case, new: Mapping[Node, Node], stages: Sequence[Stage]
) -> Iterator[Change]:
    """x·s in place of x/s: a column (x − m)·s becomes (x − m)/s when x is m + (x − m)/s²."""
    back: dict[Node, Node] = {}
    for old, node in new.items():
        line = straight_line(node, old.data, len(case.formula.inputs))
        if line is not None and line[0] not in (0.0, 1.0):
            slope, centre = line[0], -line[1] / line[0]
            back[old] = ops.lin(centre * (1 - slope**2), (slope**2, old))
    if back:
        names = dict.fromkeys(s.name for s in stages if _touches(s, new))
        says = f"The {' and the '.join(names)} is applied the wrong way round: divide by the scale."
        advice = tuple(rewritten(case, new))
        yield Change("transform", says, lambda n: substitute([n], back)[0], advice)


# --- steps behind the model ---------------------------------------------------------------------


def behind(case: Case) -> list[Change]:
    """Return what may have been left out behind the score: target transforms and links."""
    found: list[Change] = []
    for stage in case.formula.stages:
        if stage.kind == "target":
            found += _behind_stage(case, stage, "target", f"The target's {stage.name} is missing.")
        elif stage.kind == "link":
            says = f"The link is missing: your expression is the score, before {LINKS_SAID.get(stage.name, stage.name)}."  # noqa: E501
            found += _behind_stage(case, stage, "link", says)
    return [*found, *GENERAL]


LINKS_SAID = {"logit": "the sigmoid", "log": "exp", "softmax": "the softmax", "ovr": "the sigmoids"}


def _behind_stage(case: Case, stage: Stage, step: str, says: str) -> Iterator[Change]:
    for name, after in stage.after:
        output = name if name in case.outputs else ""
        if not output and step == "link":
            continue
        for _, before in stage.before[:20]:
            if before is not after:
                yield Change(step, says, _replacing(before, after), (), output)


def _replacing(before: Node, after: Node) -> Wrap:
    return lambda n: substitute([after], {before: n})[0]


GENERAL: tuple[Change, ...] = (
    Change("link", "The link is missing: take the sigmoid of your expression.", ops.sigmoid),
    Change("link", "The link is missing: take exp of your expression.", ops.exp),
    Change(
        "class", "Your expression is the probability of the other class: take 1 - it.",
        lambda n: ops.lin(1, (-1, n)),
    ),
    Change(
        "class", "Your expression is the score of the other class: take the sigmoid of -it.",
        lambda n: ops.sigmoid(ops.lin(0, (-1, n))),
    ),
    Change("sign", "The sign is the other way round.", lambda n: ops.lin(0, (-1, n))),
)  # fmt: skip
"""What can be left out behind any model, whether or not its reader has told of it."""


# --- what the user's expression has too much, or otherwise --------------------------------------


def without_steps(case: Case) -> list[Change]:
    """Return what the formula becomes where the user's expression errs in another way."""
    return [*_activations(case), *_other_links(case), *TOO_MUCH]


def _other_links(case: Case) -> Iterator[Change]:
    """Yield each probability of a softmax as the sigmoid, or exp, of its own score alone."""
    for stage in case.formula.stages:
        if stage.kind == "link" and stage.name == "softmax":
            for (_, score), (name, _) in zip(stage.before, stage.after, strict=False):
                for said, link in (("the sigmoid", ops.sigmoid), ("exp", ops.exp)):
                    says = f"The link is the softmax of all scores, not {said} of one."
                    yield Change("link", says, _instead(link(score)), (), name)


def _instead(made: Node) -> Wrap:
    return lambda _: made


def _too_much(name: str) -> str:
    return f"Your expression takes {name} of the result, and the model does not (or not again)."


def relu(x: Node) -> Node:
    """Return max(x, 0)."""
    return ops.maximum(x, ops.const(0.0))


TOO_MUCH: tuple[Change, ...] = (
    Change("link", _too_much("the sigmoid"), ops.sigmoid),
    Change("link", _too_much("exp"), ops.exp),
    Change("activation", _too_much("tanh"), ops.tanh),
    Change("activation", _too_much("relu"), relu),
)

ACTIVATIONS: dict[str, Wrap] = {
    "identity": lambda x: x, "tanh": ops.tanh, "logistic": ops.sigmoid, "relu": relu,
}  # fmt: skip


def _activations(case: Case) -> Iterator[Change]:
    """Yield the network without its activations, or with other ones."""
    layers = [s for s in case.formula.stages if s.kind == "activation"]
    placed = [_placed(case, s) for s in layers]
    if not all(placed):
        return
    every = {n: x for layer in placed for n, x in layer.items()}
    name = layers[0].name if layers else ""
    for other, function in ACTIVATIONS.items():
        if layers and other != name:
            yield _other_activation(name, other, function, every, "")
        for k, layer in enumerate(placed, 1):
            if len(placed) > 1 and other != layers[k - 1].name:
                yield _other_activation(layers[k - 1].name, other, function, layer, f" {k}")


def _other_activation(
    name: str, other: str, function: Wrap, units: Mapping[Node, Node], layer: str
) -> Change:
    where = f" of hidden layer{layer}" if layer else ""
    says = f"The activation{where} is missing: apply {name} to each hidden unit."
    if other != "identity":
        says = f"The activation{where} is {name}, and your expression takes {other}."

    def wrap(root: Node) -> Node:
        became: dict[Node, Node] = {}
        for n in toposort([root]):
            rebuilt = with_args(n, tuple(became[a] for a in n.args))
            became[n] = function(became[units[n]]) if n in units else rebuilt
        return became[root]

    return Change("activation", says, wrap)


def _placed(case: Case, stage: Stage) -> dict[Node, Node]:
    """Return each unit of a layer in the formula, with what its activation is taken of.

    Units are found by their values: simplifying has folded the scaler into the weights before them.
    """
    units = [(n, x) for n in case.formula.nodes for x in _activated(n)]
    after = [n for _, n in stage.after]
    values = case.sample.values([*(n for n, _ in units), *after])
    mine, theirs = values[: len(units)], values[len(units) :]
    found: dict[Node, Node] = {}
    for column in theirs:
        for (n, x), other in zip(units, mine, strict=True):
            if n not in found and np.allclose(column, other, rtol=1e-9, atol=1e-12, equal_nan=True):
                found[n] = x
    return found


def _activated(n: Node) -> list[Node]:
    if n.op in (ops.TANH, ops.SIGMOID):
        return [n.args[0]]
    if n.op is ops.MAX and len(n.args) == 2:
        return [a for a, b in (n.args, n.args[::-1]) if b.op is ops.CONST and b.data == 0]
    return []


# --- put together -------------------------------------------------------------------------------


def stepwise(case: Case) -> Iterator[Hypothesis]:
    """Yield hypotheses that put one, two or three of the model's steps right, fewest first."""
    before, after, other = left_out(case), behind(case), without_steps(case)
    ways = [
        (b, a, o) for b in (NOTHING, *before) for a in (NOTHING, *after) for o in (NOTHING, *other)
    ]
    ways.sort(key=lambda way: sum(c is not NOTHING for c in way))
    made = {id(b): b.wrap(case.mine) for b in (NOTHING, *before)}
    for way in ways[1:]:
        yield from _together(case, way[1].wrap(made[id(way[0])]), *way)


def _together(
    case: Case, mine: Node, before: Change, after: Change, other: Change
) -> Iterator[Hypothesis]:
    parts = [c for c in (before, after, other) if c is not NOTHING]
    for name, theirs in case.outputs.items():
        if after.output in ("", name) and other.output in ("", name):
            yield Hypothesis(
                step="+".join(dict.fromkeys(c.step for c in parts)),
                says=" ".join(c.says for c in parts),
                mine=mine,
                theirs=other.wrap(theirs),
                output=name,
                advice=tuple(a for c in parts for a in c.advice),
                corrected=other is NOTHING,
            )
