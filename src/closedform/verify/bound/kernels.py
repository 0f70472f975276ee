"""The walk over one tree for many boxes, compiled: a box asks but the questions it meets."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np

Array = np.ndarray[Any, Any]


def _walk(
    feature: Array, limit: Array, child: Array, missing_left: Array, values: Array,
    lo: Array, hi: Array, missing: Array,
    low: Array, high: Array, lost: Array, first: Array,
) -> None:  # fmt: skip
    """Write the range of a tree over each box: see `walking.ranges_of`.

    Nothing here is shared between boxes but the stack, which each of them leaves empty.
    """
    stack = np.empty(len(child), np.int32)
    for box in range(lo.shape[1]):
        least, most, gone, asked, size = np.inf, -np.inf, False, -1, 1
        stack[0] = 0
        while size:
            size -= 1
            i = stack[size]
            if child[i] == i:
                if np.isnan(values[i]):
                    gone = True
                else:
                    least, most = min(least, values[i]), max(most, values[i])
                continue
            f = feature[i]
            left, right = lo[f, box] <= limit[i], not (hi[f, box] <= limit[i])
            if missing[f, box]:
                left, right = left or missing_left[i], right or not missing_left[i]
            if left and right and asked < 0:
                asked = f
            if left:
                stack[size] = child[i]
                size += 1
            if right:
                stack[size] = child[i] + 1
                size += 1
        low[box], high[box], lost[box], first[box] = least, most, gone, asked


def _compiled() -> Any:
    try:
        return numba.njit(cache=True, nogil=True)(_walk)
    except RuntimeError:  # no folder for the code is writable
        return numba.njit(nogil=True)(_walk)


walk = _compiled()
"""`_walk`, compiled when it is first called."""
