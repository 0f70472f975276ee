"""Trees as trees: a box for each test, arrows for yes and no, a box for each leaf."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from closedform import ops
from closedform.errors import UnsupportedTarget
from closedform.formula import Formula
from closedform.ir import Node
from closedform.printers.blocks import Equation
from closedform.printers.draft import Extent, draft
from closedform.printers.ensemble import without_untested
from closedform.printers.grouping import with_indicators
from closedform.printers.outline import leaf_values
from closedform.printers.picture import Picture
from closedform.printers.plain import Numerals, scribe
from closedform.printers.rules import Describer, Span, Values, coverage, halves, routed_by_size
from closedform.printers.spell import unbroken

MOST_EQUATIONS = 4
"""Equations below the trees that say what becomes of their values."""


def most_leaves(formula: Formula) -> int:
    """Return how many leaves all trees of a formula have together, each shape counted once."""
    shapes = {n.data.splits.key: n.data.splits for n in formula.nodes if n.op is ops.TREE}
    return sum(int(s.leaf.sum()) for s in shapes.values())


def trees(formula: Formula, limit: int | None) -> Picture:
    """Return the picture of a formula's trees.

    Raises:
        UnsupportedTarget: it has none.
    """
    formula = without_untested(with_indicators(formula))
    made = draft(formula, scribe(Numerals()), Extent())
    if made.trees is None:
        raise UnsupportedTarget("The formula has no trees.", hint="Use form='boxes'.")
    groups = made.trees.trees[:limit]
    describer = Describer(made, routed_by_size([n for group in groups for n in group[:1]]))
    names, values = leaf_values(made, made.trees)
    picture = Picture()
    for i, group in enumerate(groups, 1):
        begin = len(picture.parts)
        _draw(picture, describer, group, names, values)
        title = "" if made.trees.direct else f"tree {i} of {len(made.trees.trees)}"
        picture.frames += [(title, begin, len(picture.parts))] if title else []
    if not made.trees.direct:
        told = (b for _, b in made.blocks() if isinstance(b, Equation))
        picture.notes += [unbroken(f"{b.left} = {b.right}") for b in islice(told, MOST_EQUATIONS)]
    if describer.routed:
        picture.notes.append("A missing value follows the branch with more training samples.")
    return picture


def _draw(
    picture: Picture, describer: Describer, group: Sequence[Node], names: Sequence[str],
    values: Values,
) -> None:  # fmt: skip
    splits, args = group[0].data.splits, group[0].args
    counts, columns = splits.counts.tolist(), [n.data.values.tolist() for n in group]
    begin = len(picture.parts)
    for i in range(len(splits.child)):
        facts = coverage(counts, i, short=True)
        if splits.leaf[i]:
            shown, more = values([c[i] for c in columns], facts)
            said = more.template.format(*more.names)
            heads = [f"{a} = {b}" for a, b in zip(names, shown, strict=False)] or [*shown]
            picture.add("leaf", *map(unbroken, heads), *said.split(", ", said.startswith("P = ")))
            continue
        f = int(splits.feature[i])
        left, right = (
            "".join(describer.conditions({f: span}, args, splits.below))
            for span in halves(splits, i, Span())
        )
        picture.add("test", unbroken(left or f"not {right}"), facts)
        below = begin + int(splits.child[i])
        picture.join(begin + i, below, "yes")
        picture.join(begin + i, below + 1, "no")
