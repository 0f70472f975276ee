"""Points of a region: those that are tried, and how they are told."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np

from closedform.ir import Array, Node, Type
from closedform.ops.payloads import labels_of
from closedform.verify.bound.edges import at_edge, edges_of
from closedform.verify.bound.region import Program, Region
from closedform.verify.bound.rounded import centre
from closedform.verify.bound.search import Search

SAMPLES = 4096
"""Points that are tried before any box is halved."""
EDGE_SAMPLES = 512
"""Points between which edges of what is defined are looked for."""


def samples(lo: Array, hi: Array, random: np.random.Generator) -> Array:
    """Return points inside the boxes, a fifth at the ends of some inputs, a fifth at 0 of some."""
    box = random.integers(lo.shape[1], size=SAMPLES)
    share = random.random((len(lo), SAMPLES))
    ends = random.random((len(lo), SAMPLES)) < 0.5
    share[:, : SAMPLES // 5] = np.where(ends, np.round(share), share)[:, : SAMPLES // 5]
    low, high = lo[:, box], hi[:, box]
    # Not low + share·(high − low), which is no number where the width is infinite.
    found = np.clip(low * (1 - share) + high * share, low, high)
    zero = (random.random(found.shape) < 0.3) & (low < 0) & (high > 0)
    found[:, -SAMPLES // 5 :] = np.where(zero, 0.0, found)[:, -SAMPLES // 5 :]
    return np.asarray(found)


def try_some(
    search: Search, roots: Sequence[Node], region: Region, used: Sequence[int],
    gone: Collection[int], seed: int,
) -> None:  # fmt: skip
    """Try sampled points, and those at the edges of what is defined."""
    random = np.random.default_rng(seed)
    points = samples(search.lo, search.hi, random)
    search.try_points(points)
    free = [row for row, i in enumerate(used) if i not in gone and i not in region.labels]
    for edge in edges_of(roots):
        program = Program([edge], region.inputs, used)
        values = lambda x, run=program: run(without(x, used, gone, region))[0]  # noqa: E731
        at = at_edge(values, points[:, :EDGE_SAMPLES], free, random)
        if at.size:
            search.try_points(at)


def climb(search: Search, lo: Array, hi: Array) -> None:
    """Move the best point along one input at a time, by ever smaller steps."""
    step = 0.25 * (hi - lo).max(axis=1)  # 0 of categories, each of which is a box of its own
    lo, hi = lo.min(axis=1), hi.max(axis=1)
    if not np.isfinite(search.found.lower):
        return
    moving = np.flatnonzero(step > 0)
    for _ in range(40):
        before = search.found.lower
        around = np.tile(search.found.point[:, None], 2 * len(moving))
        for j, i in enumerate(moving):
            around[i, 2 * j] = min(around[i, 2 * j] + step[i], hi[i])
            around[i, 2 * j + 1] = max(around[i, 2 * j + 1] - step[i], lo[i])
        if not around.size:
            return
        search.try_points(around)
        if search.found.lower <= before:
            step *= 0.5


def without(points: Array, used: Sequence[int], gone: Collection[int], region: Region) -> Array:
    """Return points whose inputs `gone` are missing."""
    if not gone:
        return points
    points = points.copy()
    for row, i in enumerate(used):
        if i in gone:
            points[row] = -1 if region.inputs[i].type is Type.LABEL else np.nan
    return points


def filled(point: Mapping[str, Any], region: Region, used: Sequence[int]) -> dict[str, Any]:
    """Return a point with a number, or a label, for every input that is used."""
    lo, hi = region.starts(used)
    return {**point_of(centre(lo, hi)[:, 0], region, used), **point}


def told_missing(point: Array, used: Sequence[int], gone: Collection[int]) -> Array:
    """Return a point with NaN for what is missing."""
    return np.array([np.nan if i in gone else x for i, x in zip(used, point, strict=True)])


def spread_of(node: Node, region: Region, used: Sequence[int]) -> float:
    """Return how far a number ranges over the region, in sampled points."""
    lo, hi = region.starts(used)
    values = Program([node], region.inputs, used)(samples(lo, hi, np.random.default_rng(0)))[0]
    values = values[np.isfinite(values)]
    return float(np.ptp(values)) if len(values) else float("nan")


def point_of(point: Array, region: Region, used: Sequence[int]) -> dict[str, Any]:
    """Return a point by the names of the inputs, labels as such, what is missing as None."""
    found: dict[str, Any] = {}
    for i, x in zip(used, point.tolist(), strict=True):
        label = region.inputs[i].type is Type.LABEL
        value = labels_of(np.array([-1 if x != x else int(x)]))[0] if label else x
        found[region.inputs[i].name] = None if value != value else value
    return found
