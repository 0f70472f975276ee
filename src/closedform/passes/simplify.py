"""Shorter, by rules that keep the value: each rule says whether exactly, or over the reals."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from closedform import ops
from closedform.errors import BadInput
from closedform.formula import Formula, Step
from closedform.ir import Node, Type, toposort, with_args
from closedform.passes.rules import RULES, Place, Rule
from closedform.passes.rules_lin import SUM_RULES
from closedform.passes.thresholds import in_raw_units, raw_thresholds

KINDS = ("exact", "real")
ALL_RULES = (*RULES, *SUM_RULES, raw_thresholds)
_BY_NODE = (*RULES, *SUM_RULES)  # raw_thresholds takes all trees at once


def simplify(formula: Formula, *, kinds: Collection[str] = KINDS) -> Formula:
    """Return the formula with every rule of some kinds applied until none fires any more.

    Args:
        formula: any formula; its `stages` keep the model's own nodes.
        kinds: "exact" (the same floats, bit for bit) and "real" (the same over the reals).

    Returns:
        The formula, with one Step for each kind that changed something; its `found` counts how
        often each rule fired.

    Raises:
        BadInput: a kind that no rule has.
    """
    if not isinstance(formula, Formula):
        raise BadInput(
            f"This is no formula, but of the type {type(formula).__name__}.",
            hint="Read the model first: cf.read(model).",
        )
    listed = isinstance(kinds, Collection) and not isinstance(kinds, str)
    unknown = [k for k in kinds if k not in KINDS] if listed else [kinds]
    if unknown:
        raise BadInput(
            f"No rules are of the kind {unknown[0]!r}.",
            hint='Give a list of "exact", "real" or both.',
        )
    fired: Counter[Rule] = Counter()
    became = simplified(formula.roots, kinds, fired)
    if not fired:
        return formula
    outputs = {name: became[n] for name, n in formula.outputs.items()}
    trail = (*formula.trail, *_steps(fired))
    return replace(formula, outputs=outputs, names=kept_names(formula, became), trail=trail)


def simplified(
    roots: Sequence[Node], kinds: Collection[str] = KINDS, fired: Counter[Rule] | None = None
) -> dict[Node, Node]:
    """Return what each node under `roots` becomes; `fired` counts the rules."""
    fired = Counter() if fired is None else fired
    became = {n: n for n in toposort(roots)}
    # Exact rules first: thresholds move by the very operations of the scaler, (x − μ) / σ, which
    # real rules then replace by weights that round otherwise.
    for round_ in (set(kinds) & {"exact"}, set(kinds)):
        before = -1
        while round_ and before < fired.total():
            before = fired.total()
            step = _once([became[root] for root in roots], round_, fired)
            became = {n: step.get(later, later) for n, later in became.items()}
    return became


def _once(roots: Sequence[Node], kinds: Collection[str], fired: Counter[Rule]) -> dict[Node, Node]:
    step = _sweep(roots, _table(kinds), _table({"exact"} & set(kinds)), fired)
    return _trees_in_raw_units(step, roots, fired) if "exact" in kinds else step


Table = dict[str, list[Rule]]


def _table(kinds: Collection[str]) -> Table:
    table: Table = {}
    for rule in _BY_NODE:
        if rule.kind in kinds:
            for op in rule.ops:
                table.setdefault(op.name, []).append(rule)
    return table


def _sweep(
    roots: Sequence[Node], table: Table, exact: Table, fired: Counter[Rule]
) -> dict[Node, Node]:
    """Apply the rules to every node once, from the leaves up; below a jump the exact ones alone."""
    order = toposort(roots)
    uses = Counter(a for n in order for a in n.args)
    uses.update(roots)
    hidden, below = _hidden(order), _below_jumps(order)
    seen: Counter[Node] = Counter()
    became: dict[Node, Node] = {}
    for n in order:
        place = Place(seen, n in hidden)
        made = with_args(n, tuple([became[a] for a in n.args]))
        became[n] = made = _applied(made, place, exact if n in below else table, fired)
        seen[made] += uses[n]
    return became


JUMPS = (ops.TREE, ops.PIECEWISE, ops.TABLE, ops.MEMBER, ops.FLOOR, ops.SIGN)
"""Operations that the last bit of an argument can send elsewhere."""


def _below_jumps(order: Sequence[Node]) -> set[Node]:
    """Return every node from which some jump is reached.

    Edges of bins, quantiles, and thresholds of boosters with more than 255 values of a column
    stand exactly at values of the training data. With a StandardScaler folded before them, a
    KBinsDiscretizer took 248 of 600 training rows for those of another bin, and a OneHotEncoder
    586 of 600 for unknown ones.
    """
    found: set[Node] = set()
    for n in reversed(order):
        if n in found or n.op in JUMPS:
            found.update(n.args)
        elif n.op is ops.WHERE and _jumps(*n.args):
            found.add(n.args[0])
    return found


def _jumps(condition: Node, *values: Node) -> bool:
    """Tell an indicator, or a value that stands for another one, from a score's own cases.

    A vote asks whether a weighted sum of several values is above 0. Libraries round such a sum in
    an order of their own, so that its last bit is nothing to keep.
    """
    if condition.op is ops.ABSENT or _asks_a_sum(condition):
        return False
    replaces = any(a in values and a.op is not ops.CONST for a in condition.args)
    return replaces or all(v.op is ops.CONST and v.type is Type.REAL for v in values)


def _asks_a_sum(condition: Node) -> bool:
    while condition.op is ops.NOT:
        condition = condition.args[0]
    return any(a.op is ops.LIN and _weighs(a) for a in condition.args)


def _applied(n: Node, place: Place, table: Table, fired: Counter[Rule]) -> Node:
    """Apply the rules to one node until none fires."""
    while True:
        for rule in table.get(n.op.name, ()):
            made = rule.apply(n, place)
            if made is not None and made is not n:
                fired[rule] += 1
                n = made
                break
        else:
            return n


def _hidden(order: Sequence[Node]) -> set[Node]:
    """Return the sums that another weighted sum reads, straight or through an activation.

    A softmax or a mean over such sums is no layer: it adds and subtracts without weights.
    """
    found: set[Node] = set()
    layers = {n.args for n in order if n.op is ops.LIN and _weighs(n)}
    for args in layers:
        for a in args:
            found.update(x for x in (a, *a.args) if x.op is ops.LIN)
    return found


def _weighs(n: Node) -> bool:
    return len(n.args) > 1 and bool((abs(n.data.weights) != 1).any())


def _trees_in_raw_units(
    step: dict[Node, Node], roots: Sequence[Node], fired: Counter[Rule]
) -> dict[Node, Node]:
    order = toposort([step[root] for root in roots])
    new = in_raw_units([n for n in order if n.op is ops.TREE])
    if not new:
        return step
    fired[raw_thresholds] += len(new)
    became: dict[Node, Node] = {}
    for n in order:
        # A tree may read another tree: its arguments are brought along.
        moved = new.get(n, n)
        became[n] = with_args(moved, tuple([became.get(a, a) for a in moved.args]))
    return {n: became.get(now, now) for n, now in step.items()}


def _steps(fired: Counter[Rule]) -> list[Step]:
    counts = {kind: {r.name: k for r, k in fired.items() if r.kind == kind} for kind in KINDS}
    return [Step("simplify", kind, found={"rules": c}) for kind, c in counts.items() if c]


def kept_names(formula: Formula, became: Mapping[Node, Node]) -> dict[Node, str]:
    """Return the names of those nodes that are still computed."""
    alive = set(toposort([became[root] for root in formula.roots]))
    leaves = (ops.INPUT, ops.CONST, ops.LABEL)
    names: dict[Node, str] = {}
    for n, name in formula.names.items():
        now = became.get(n, n)
        if now in alive and now.op not in leaves:
            names.setdefault(now, name)
    return names
