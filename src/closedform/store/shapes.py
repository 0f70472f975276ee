"""The shape of a tree as JSON: what inner nodes ask, in order; leaves have nothing to say."""

from __future__ import annotations

from typing import Any, Final

import numpy as np

from closedform.ir import Array, frozen
from closedform.ops.payloads import Splits
from closedform.store.spot import Spot
from closedform.store.values import numbers_out

REQUIRED: Final = ("child", "feature", "threshold")
OPTIONAL: Final = ("below", "missing_left", "member", "sets", "counts")


def shape_out(splits: Splits) -> dict[str, Any]:
    """Return the fields of a shape; those that say nothing special are left out."""
    inner = ~splits.leaf
    made: dict[str, Any] = {
        "child": splits.child.tolist(),
        "feature": splits.feature[inner].tolist(),
        "threshold": numbers_out(splits.threshold[inner]),
    }
    if splits.below:
        made["below"] = True
    if splits.missing_left[inner].any():
        made["missing_left"] = bits_out(splits.missing_left[inner])
    if len(splits.sets):
        made["member"] = splits.member[inner].tolist()
        made["sets"] = [bits_out(row) for row in splits.sets]
    if len(splits.counts):
        made["counts"] = numbers_out(splits.counts)
    return made


def bits_out(flags: Array) -> str:
    """Return booleans as a text of zeros and ones."""
    return bytes(flags.astype(np.uint8) + ord("0")).decode("ascii")


def shape_in(fields: dict[str, Spot], features: int) -> Splits:
    """Return the shape of a tree over `features` arguments.

    Raises:
        BadFile: the children make no tree, or a test asks for what is not there.
    """
    child = _children(fields["child"])
    nodes, inner = len(child), child != np.arange(len(child))
    tests = int(inner.sum())
    sets = _sets(fields["sets"]) if "sets" in fields else np.zeros((0, 0), dtype=bool)
    member = fields["member"].wholes(len(sets), -1, tests) if "member" in fields else -1
    goes_left = fields["missing_left"].bits(tests) if "missing_left" in fields else False
    return Splits(
        feature=_spread(inner, fields["feature"].wholes(features, 0, tests), 0, np.int32),
        threshold=_spread(inner, fields["threshold"].numbers(tests), np.inf, np.float64),
        child=frozen(child, np.int32),
        missing_left=_spread(inner, goes_left, True, bool),
        below="below" in fields and fields["below"].truth(),
        member=_spread(inner, member, -1, np.int32),
        sets=frozen(sets, bool),
        counts=frozen(fields["counts"].numbers(nodes) if "counts" in fields else []),
    )


def _spread(inner: Array, values: Any, fill: Any, dtype: Any) -> Array:
    """Return one value for each node: that of the test, or in leaves `fill`."""
    whole = np.full(len(inner), fill, dtype=dtype)
    whole[inner] = values
    return frozen(whole, dtype)


def _children(spot: Spot) -> Array:
    """Return the left children; siblings stand side by side, and a leaf is its own child."""
    nodes = len(spot.items())
    child = np.array(spot.wholes(nodes), dtype=np.int64)
    own = np.arange(nodes)
    left = child[child != own]
    # Children stand behind their parent, so that no path comes back; and each has one parent.
    below = np.sort(np.concatenate([left, left + 1]))
    if nodes == 0 or (child < own).any() or not np.array_equal(below, own[1:]):
        raise spot.wrong(
            "these children make no tree: each node but the first must have one parent"
        )
    return child


def _sets(spot: Spot) -> Array:
    rows = [item.bits() for item in spot.items()]
    if len({len(row) for row in rows}) > 1:
        raise spot.wrong("the sets differ in length")
    return np.array(rows, dtype=bool)
