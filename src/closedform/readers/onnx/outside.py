"""Numbers that a model keeps in files beside its own, as PyTorch writes them ("external data").

A model names those files itself, and is believed nothing: they lie in its own folder or below,
are plain files, and a tensor takes as many bytes of one as its shape says.
https://github.com/onnx/onnx/blob/main/docs/ExternalData.md
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from closedform.errors import BadFile
from closedform.loading.stream import Broken, open_regular, shown
from closedform.readers.onnx.values import MOST

EXTERNAL = 1
"""TensorProto.DataLocation of numbers in another file."""

MOST_BYTES = 1 << 30
"""Bytes that are taken from other files."""

PACKED = {21: 4, 22: 4, 23: 4}
"""Element types of less than a byte → bits."""


def tensors(model: Any) -> Iterator[Any]:
    """Yield every tensor in a model, those of branches that are never taken too."""
    todo = [model.graph, *model.functions]
    while todo:
        body = todo.pop()
        yield from getattr(body, "initializer", ())
        for sparse in getattr(body, "sparse_initializer", ()):
            yield from (sparse.values, sparse.indices)
        for n in body.node:
            for a in n.attribute:
                yield from (a.t, a.sparse_tensor.values, a.sparse_tensor.indices, *a.tensors)
                todo += [*([a.g] if a.HasField("g") else []), *a.graphs]


def is_outside(tensor: Any) -> bool:
    """Tell whether a tensor's numbers are in another file."""
    return bool(tensor.external_data or tensor.data_location == EXTERNAL)


def bring_in(model: Any, folder: Path) -> None:
    """Put the numbers of files beside a model into it.

    Args:
        model: a ModelProto, which is changed.
        folder: in which its file lies.

    Raises:
        BadFile: such a file is not there.
        Broken: it is elsewhere, or does not hold what the model says.
    """
    left = MOST_BYTES
    for tensor in tensors(model):
        if not is_outside(tensor):
            continue
        size = _size(tensor)
        left -= size
        if left < 0:
            raise Broken(f"it keeps more than {MOST_BYTES:,} bytes of numbers in other files")
        found = _taken(tensor, folder, size)
        del tensor.external_data[:]
        tensor.ClearField("data_location")
        tensor.raw_data = found


def _size(tensor: Any) -> int:
    """Return how many bytes a tensor takes."""
    from onnx import helper

    named = shown(tensor.name)[:80]
    if any(d < 0 for d in tensor.dims) or math.prod(tensor.dims) > MOST:
        raise Broken(f"its numbers {named!r} are of the shape {list(tensor.dims)[:8]}")
    count = math.prod(tensor.dims)
    try:
        bits = PACKED.get(tensor.data_type)
        each = bits or 8 * helper.tensor_dtype_to_np_dtype(tensor.data_type).itemsize
    except (KeyError, ValueError, TypeError):
        each = 0
    if not each or tensor.data_type == tensor.STRING:
        raise Broken(f"its numbers {named!r} are of a type that no other file holds")
    return int(-(-count * each // 8))


def _taken(tensor: Any, folder: Path, size: int) -> bytes:
    """Return the bytes of one tensor."""
    entries = {e.key: e.value for e in tensor.external_data}
    path = _inside(folder, entries.get("location", ""))
    offset, length = (_number(entries.get(name, "")) for name in ("offset", "length"))
    if length not in (None, size):
        raise Broken(f"its numbers {tensor.name[:80]!r} take {size} bytes, not {length}")
    try:
        with open_regular(path) as file:
            file.seek(offset or 0)
            found = file.read(size)
    except BadFile as error:
        raise BadFile(
            f"The model keeps numbers in another file. {error.message}",
            hint="Put the file that was written with the model beside it, under the same name.",
        ) from error
    except OSError:  # a place beyond what a file can have
        found = b""
    if len(found) < size:
        raise Broken(f"the file beside it, {shown(path.name)[:80]!r}, is too short")
    return found


def _inside(folder: Path, location: str) -> Path:
    """Return the path of a file in a folder or below it."""
    named = shown(location)[:80]
    outside = f"it wants numbers from {named!r}, which does not lie beside it"
    try:
        path = (folder / location).resolve()
        inside = bool(location) and path.is_relative_to(folder.resolve())
    except (OSError, ValueError, RuntimeError) as error:
        raise Broken(outside) from error
    if not inside or Path(location).is_absolute():
        raise Broken(outside)
    return path


def _number(text: str) -> int | None:
    """Return a number that is written as text; None where there is none."""
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) < 19):
        raise Broken(f"it gives a place of its numbers as {shown(text)[:40]!r}")
    return int(text)
