"""What readers of model files share: bytes that nobody trusts become arrays, or one clear error."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np

from closedform.ir import Array
from closedform.loading.stream import Broken
from closedform.ops.payloads import Splits, splits_from

T = TypeVar("T")

MOST_CODES = 1 << 24
"""Codes of a category from here on are none: float32 cannot tell them apart."""
MOST_CELLS = 1 << 28
"""Truths that the category sets of one tree may take: 256 MiB."""

_WRONG = (
    KeyError, IndexError, ValueError, TypeError, AttributeError, OverflowError, RecursionError,
    ZeroDivisionError,
)  # fmt: skip


def understood(document: T, parse: Callable[[T], Any]) -> Any:
    """Return what `parse` makes of a document; whatever it stumbles over means a broken file.

    Raises:
        Broken: a part is absent, of a wrong type, or points to nowhere.
    """
    try:
        return parse(document)
    except _WRONG as error:
        said = f"{type(error).__name__}: {error}"[:200]
        raise Broken(f"its content is not what such a model holds ({said})") from error


def json_document(raw: bytes) -> dict[str, Any]:
    """Return the object in a JSON text.

    Raises:
        Broken: it is truncated, nested too deep, or no object.
    """
    try:
        made = json.loads(raw)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise Broken(f"it is no whole JSON text ({str(error)[:120]})") from error
    if not isinstance(made, dict):
        raise Broken("it holds no JSON object")
    return made


def numbers(values: Any, dtype: Any, count: int | None = None) -> Array:
    """Return a list of numbers as an array of one dimension, its length checked.

    Raises:
        ValueError: they are no numbers, or not so many.
    """
    made = np.asarray(values if len(values) else np.zeros(0), dtype=dtype)
    if made.ndim != 1 or (count is not None and len(made) != count):
        raise ValueError(f"{made.shape} numbers where {count} are due")
    return made


def tree_from(
    left: Array, right: Array, feature: Array, threshold: Array, *, width: int, **more: Any
) -> tuple[Splits, Array]:
    """Return `splits_from` of a file's arrays, once they are known to be a tree.

    Args:
        left, right: children of each node, negative in a leaf.
        width: how many columns there are.
        more: as in `splits_from`.

    Raises:
        ValueError: a node has two parents, or points beyond the arrays.
    """
    inner = left >= 0
    children = np.concatenate([left[inner], right[inner]])
    if len(children) and not (children.min() > 0 and children.max() < len(left)):
        raise ValueError("a node has a child that is not there")
    # With one parent at most for each node, and none for the root, what hangs on it is a tree.
    if len(np.unique(children)) < len(children):
        raise ValueError("a node has two parents")
    tested = feature[inner]
    if len(tested) and not (tested.min() >= 0 and tested.max() < width):
        raise ValueError("a node tests a column that is not there")
    return splits_from(left.tolist(), right.tolist(), feature, threshold, **more)


def code_sets(rows: Sequence[Sequence[int]]) -> Array:
    """Return sets of codes as truths, shape (sets, greatest code + 1).

    Raises:
        ValueError: a code is negative, or the sets are too large to be meant.
    """
    width = 1 + max((max(row, default=0) for row in rows), default=-1)
    if width > MOST_CODES or width * len(rows) > MOST_CELLS:
        raise ValueError("a category has a code that is too large")
    made = np.zeros((len(rows), width), dtype=bool)
    for truths, row in zip(made, rows, strict=True):
        codes = np.asarray(row, dtype=np.int64)
        if len(codes) and codes.min() < 0:
            raise ValueError("a category has a negative code")
        truths[codes] = True
    return made


def only_text(values: Mapping[str, Any], key: str) -> list[str]:
    """Return a list of names; an empty one where there is none.

    Raises:
        TypeError: they are no texts.
    """
    found = values.get(key) or []
    if not all(isinstance(v, str) for v in found):
        raise TypeError(f"{key} are not all texts")
    return list(found)
