"""Arrays and trees as the constants of a NumPy program."""

from __future__ import annotations

from typing import Any

from closedform.ir import Node
from closedform.ops.payloads import Splits
from closedform.printers.numpy.layers import array_text, bracketed, number
from closedform.printers.program import constant
from closedform.printers.spell import Speller


def named_array(speller: Speller, prefix: str, array: Any) -> str:
    """Return the name of an array among the constants."""
    key = (array.shape, array.tobytes())
    return constant(speller, prefix, key, lambda: array_text(array))


def tree_data(speller: Speller, n: Node) -> tuple[str, str]:
    """Return the names of a tree's shape and of the values of its leaves."""
    splits = n.data.splits
    shape = constant(speller, "TREE", splits.key, lambda: _tree_text(splits))
    return shape, named_array(speller, "VALUES", n.data.values)


def _tree_text(splits: Splits) -> str:
    columns = [
        map(str, splits.feature.tolist()), map(number, splits.threshold.tolist()),
        map(str, splits.child.tolist()), map(str, splits.missing_left.astype(int).tolist()),
    ]  # fmt: skip
    parts = [bracketed(column, "    ") for column in columns]
    sets = {
        i: splits.sets[row].nonzero()[0].tolist()
        for i, row in enumerate(splits.member.tolist()) if row >= 0
    }  # fmt: skip
    lines = "".join(f"    {part},\n" for part in [*parts, *([repr(sets)] * bool(sets))])
    return f"tree_of(\n    {splits.depth}, {splits.below},\n{lines})"
