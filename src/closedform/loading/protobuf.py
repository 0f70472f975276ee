"""ONNX files are one protobuf message without any mark: they are told by their first fields."""

from __future__ import annotations

from typing import Final

_FIELDS: Final = {
    1: 0, 2: 2, 3: 2, 4: 2, 5: 0, 6: 2, 7: 2, 8: 2, 14: 2, 20: 2, 25: 2, 26: 2,
}  # fmt: skip
"""Number of a field of ModelProto → how it is written: 0 a number, 2 a length and as many bytes."""
_VERSION, _GRAPH = 1, 7


def begins_onnx(head: bytes) -> bool:
    """Tell whether the first bytes of a file are those of an ONNX model.

    The fields are those of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto: a version first,
    as every writer puts it, then nothing that a model has not, and a graph among them.
    """
    if not head.startswith(b"\x08"):
        return False
    at, seen = 0, set()
    while at < len(head):
        tag, at = _number(head, at)
        field, wire = tag >> 3, tag & 7
        if at < 0 or _FIELDS.get(field) != wire:
            return False
        seen.add(field)
        size, at = _number(head, at)
        if at < 0 or (field == _VERSION and not 1 <= size < 100):
            return False
        at += size if wire == 2 else 0
    return _GRAPH in seen


def _number(head: bytes, at: int) -> tuple[int, int]:
    """Return a number of 7 bits a byte, and what follows; −1 where it does not end."""
    value = 0
    for i, byte in enumerate(head[at : at + 10]):
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value, at + i + 1
    return value, -1
