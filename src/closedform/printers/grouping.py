"""Terms over one category, `0.12·[sex = F] − 0.3·[sex = M]`, become one table: effect(sex).

A sum reads better so, and nothing moves: of such terms, all but one add a zero.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from closedform import ops
from closedform.formula import Formula
from closedform.ir import Node, Type, rewrite, toposort
from closedform.ops.payloads import Label, Table
from closedform.printers.scribe import is_indicator


def with_indicators(formula: Formula) -> Formula:
    """Return the formula with each table that is 1 for one category, 0 for others, as `[x = c]`.

    As tables, 2,000 columns of one encoder would be 2,000 lists of 2,000 categories: 59 MB of text.
    """
    return formula.with_outputs(rewrite(formula.roots, lambda n: _indicator(formula, n)))


def _indicator(formula: Formula, n: Node) -> Node | None:
    if n.op is not ops.TABLE or n.args[0].op is not ops.INPUT or n.args[0].type is not Type.LABEL:
        return None
    feature, data = formula.inputs[n.args[0].data], n.data
    chosen = np.flatnonzero(data.values).tolist()
    # What a table holds for rows that the model refuses does not matter.
    known = not feature.unseen and set(feature.categories or ()) <= set(data.labels)
    others = (data.default == 0 or known) and (data.missing == 0 or not feature.missing)
    if len(chosen) != 1 or data.values[chosen[0]] != 1 or not others:
        return None
    is_it = ops.equal(n.args[0], ops.label(data.labels[chosen[0]]))
    return ops.where(is_it, ops.const(1.0), ops.const(0.0))


@dataclass
class _Effect:
    """What the terms over one category add up to: for each label, for others, for none."""

    values: dict[Label, float] = field(default_factory=dict)
    default: float = 0.0
    missing: float = 0.0

    def add(self, weight: float, entries: Table) -> None:
        named = dict(zip(entries.labels, entries.values.tolist(), strict=True))
        for label in named:
            self.values.setdefault(label, self.default)
        for label in self.values:
            self.values[label] += weight * named.get(label, entries.default)
        self.default += weight * entries.default
        self.missing += weight * entries.missing


def grouped(roots: Sequence[Node]) -> dict[Node, Node]:
    """Return what each node becomes when a sum's terms over one category are one table."""
    layer = Counter(n.args for n in toposort(roots) if n.op is ops.LIN)
    return rewrite(roots, lambda n: _grouped(n) if layer[n.args] <= FEW else None)


FEW = 8
"""Sums over the same terms, up to which each gets tables of its own; a wide layer keeps 0 and 1."""


def _grouped(n: Node) -> Node | None:
    if n.op is not ops.LIN:
        return None
    entries = {x: _entries(x) for x in n.args}
    if not any(entries.values()):
        return None
    effects: dict[Node, _Effect] = {}
    order: list[tuple[float, Node]] = []
    for w, x in zip(n.data.weights.tolist(), n.args, strict=True):
        found = entries[x]
        if found is None:
            order.append((w, x))
            continue
        category, table = found
        if category not in effects:
            effects[category] = _Effect()
            order.append((1.0, category))
        effects[category].add(w, table)
    made = {c: ops.table(c, e.values, e.default, e.missing) for c, e in effects.items()}
    return ops.lin(n.data.bias, *[(w, made.get(x, x)) for w, x in order])


def _entries(x: Node) -> tuple[Node, Table] | None:
    """Return the category under an indicator or a table, and the numbers beside its labels."""
    table = table_of(x)
    if table is None or (x.op is ops.TABLE and x.args[0].type is not Type.LABEL):
        return None
    category = x.args[0] if x.op is ops.TABLE else x.args[0].args[0]
    return None if _is_decided(category) else (category, table)


def _is_decided(category: Node) -> bool:
    """Tell whether a label is what a classifier inside the model says: its votes are no effects."""
    while category.op is ops.WHERE and category.args[1].op is ops.LABEL:
        category = category.args[2]
    return category.op is ops.LABEL


def table_of(x: Node) -> Table | None:
    """Return a node as a table over one category, where it is a table or an indicator of one."""
    if x.op is ops.TABLE:
        found: Table = x.data
        return found
    if not is_indicator(x):
        return None
    test = x.args[0]
    if test.op is ops.EQUAL and test.args[1].op is ops.LABEL:
        return Table.of({test.args[1].data[0]: 1.0}, 0.0, 0.0)
    if test.op is ops.MEMBER and test.args[0].type is Type.LABEL:
        return Table.of(dict.fromkeys(test.data, 1.0), 0.0, 0.0)
    if test.op is ops.ABSENT and test.args[0].type is Type.LABEL:
        return Table.of({}, 0.0, 1.0)
    return None


def grids_of(formula: Formula) -> set[Node]:
    """Return tables of the cells of two inputs' bins, and the numbers of these cells."""
    tables = [n for n in formula.nodes if n.op is ops.TABLE and n.args[0].op is ops.LIN]
    cells = {n.args[0] for n in tables}
    cells -= {a for n in formula.nodes if n not in tables for a in n.args}
    return {*tables, *cells}.difference(formula.roots)
