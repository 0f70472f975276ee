"""HDF5 files as h5py writes them for Keras: groups, arrays and attributes, read in plain Python.

The format is https://docs.hdfgroup.org/hdf5/develop/_f_m_t3.html. What Keras needs of it is small:
the first version of groups, arrays that lie in one piece or in chunks, numbers and texts. The
library itself is written in C, and damaged files have made it crash; here every place is checked,
every length is bounded by the file, and nothing but bytes is made of them.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from closedform.ir import Array
from closedform.loading.stream import Broken

MAGIC = b"\x89HDF\r\n\x1a\n"
NOWHERE = 0xFFFFFFFFFFFFFFFF
MOST_PARTS = 200_000
"""Groups and arrays that are looked at; a network of 1,000 layers has 10,000."""
MOST_DEEP = 64
MOST_NUMBERS = 1 << 28
"""Bytes that compressed arrays may become, all together."""


@dataclass(frozen=True)
class Kind:
    """What the elements of an array are.

    Attributes:
        dtype: NumPy's type; None for texts of any length.
        size: bytes of one element.
    """

    dtype: np.dtype[Any] | None
    size: int


@dataclass(frozen=True)
class Message:
    """One of the parts of an object's header."""

    kind: int
    body: bytes


class Hdf5:
    """A file, and the places of the objects in it."""

    def __init__(self, raw: bytes) -> None:
        """Find the root.

        Raises:
            Broken: it is no HDF5 file, or of a kind that Keras does not write.
        """
        self.raw = raw
        self.left = MOST_PARTS
        self.inflated = 0
        if not raw.startswith(MAGIC):
            raise Broken("it is no HDF5 file")
        if raw[8] not in (0, 1):
            raise Broken(f"it is HDF5 of a later form ({raw[8]}), which Keras does not write")
        if raw[13:15] != b"\x08\x08":
            raise Broken("its places are not of 8 bytes")
        self.root = self._number(24 + 32 + 8 + 4 * (raw[8] == 1), 8)

    def at(self, place: int, size: int) -> bytes:
        """Return some bytes.

        Raises:
            Broken: they lie outside of the file.
        """
        if place < 0 or size < 0 or place + size > len(self.raw):
            raise Broken("it points to what lies outside of it")
        return self.raw[place : place + size]

    def _number(self, place: int, size: int) -> int:
        return int.from_bytes(self.at(place, size), "little")

    # --- headers

    def messages(self, place: int) -> list[Message]:
        """Return the parts of an object's header."""
        self.left -= 1
        if self.left < 0:
            raise Broken(f"it has more than {MOST_PARTS:,} parts")
        if self.at(place, 4) == b"OHDR":
            raise Broken("it is HDF5 of a later form, which Keras does not write")
        if self.raw[place] != 1:
            raise Broken("a header is damaged")
        blocks = [(place + 16, self._number(place + 8, 4))]
        made: list[Message] = []
        for at, size in blocks:  # grows while it is read
            for message in self._block(at, size):
                made.append(message)
                if message.kind == 0x10:
                    blocks.append((_int(message.body, 0, 8), _int(message.body, 8, 8)))
            if len(blocks) > 1000 or len(made) > MOST_PARTS:
                raise Broken("a header is longer than any")
        return made

    def _block(self, at: int, size: int) -> Iterator[Message]:
        end = at + size
        self.at(at, size)
        while at + 8 <= end:
            kind, length = self._number(at, 2), self._number(at + 2, 2)
            if at + 8 + length > end:
                raise Broken("a header is damaged")
            if self.raw[at + 4] & 2:
                raise Broken("a header refers to another one")
            yield Message(kind, self.at(at + 8, length))
            at += 8 + length

    # --- groups

    def links(self, messages: list[Message]) -> dict[str, int]:
        """Return the objects in a group by name; of an array, nothing.

        Raises:
            Broken: a link leads out of the file, or the group is of a later form.
        """
        for message in messages:
            if message.kind in (0x02, 0x06):
                raise Broken("it has groups of a later form, which Keras does not write")
            if message.kind == 0x11:
                return self._table(_int(message.body, 0, 8), _int(message.body, 8, 8))
        return {}

    def _table(self, tree: int, heap: int) -> dict[str, int]:
        if self.at(heap, 4) != b"HEAP":
            raise Broken("a list of names is damaged")
        names = self.at(self._number(heap + 24, 8), self._number(heap + 8, 8))
        made: dict[str, int] = {}
        for leaf in self._leaves(tree):
            if self.at(leaf, 4) != b"SNOD":
                raise Broken("a list of objects is damaged")
            for i in range(self._number(leaf + 6, 2)):
                at = leaf + 8 + 40 * i
                if self._number(at + 16, 4) == 2:
                    raise Broken("a link leads elsewhere")
                start = self._number(at, 8)
                end = names.find(b"\0", start)
                if start >= len(names) or end < 0:
                    raise Broken("a name is damaged")
                name = names[start:end].decode("utf-8", "replace")
                made[name] = self._number(at + 8, 8)
        return made

    def _leaves(self, tree: int) -> Iterator[int]:
        """Yield what the leaves of a B-tree of a group point to."""
        todo, seen = [tree], set[int]()
        while todo:
            place = todo.pop()
            if place in seen or len(seen) > MOST_PARTS:
                raise Broken("a list of objects is a circle")
            seen.add(place)
            if self.at(place, 5) != b"TREE\0":
                raise Broken("a list of objects is damaged")
            level, count = self.raw[place + 5], self._number(place + 6, 2)
            children = [self._number(place + 32 + 16 * i, 8) for i in range(count)]
            if level:
                todo += children
            else:
                yield from children

    # --- types and shapes

    def shape(self, body: bytes) -> tuple[int, ...]:
        """Return the shape in a dataspace message."""
        version, rank = body[0], body[1]
        start = {1: 8, 2: 4}.get(version)
        if start is None or rank > 32:
            raise Broken("a shape is damaged")
        return tuple(_int(body, start + 8 * i, 8) for i in range(rank))

    def kind(self, body: bytes) -> Kind:
        """Return the type of elements in a datatype message."""
        family, size = body[0] & 15, _int(body, 4, 4)
        order = ">" if body[1] & 1 else "<"
        if family == 0 and size in (1, 2, 4, 8):
            return Kind(np.dtype(f"{order}{'i' if body[1] & 8 else 'u'}{size}"), size)
        if family == 1 and size in (2, 4, 8) and not body[1] & 0x40:
            return Kind(np.dtype(f"{order}f{size}"), size)
        if family == 3:
            return Kind(np.dtype(f"S{size}") if size else None, size)
        if family == 5 and size == 2:  # bfloat16, which NumPy has no type for
            return Kind(np.dtype("V2"), size)
        if family == 8:  # an enumeration, as of truths: its base type follows
            return self.kind(body[8:])
        if family == 9 and body[1] & 15 == 1:
            return Kind(None, 16)
        raise Broken("it holds numbers of a kind that Keras does not write")

    # --- values

    def array(self, messages: list[Message]) -> Array | None:
        """Return an array, or None where the object is a group."""
        found = {m.kind: m.body for m in messages if m.kind in (1, 3, 8, 11)}
        if not {1, 3, 8} <= set(found):
            return None
        kind, shape = self.kind(found[3]), self.shape(found[1])
        if kind.dtype is None:
            raise Broken("it holds texts where numbers are due")
        count = math.prod(shape)
        layout = found[8]
        if layout[0] != 3:
            raise Broken("an array lies in a form that Keras does not write")
        if layout[1] == 2:
            return self._chunked(layout, found.get(11), kind, shape)
        if layout[1] == 0:
            data = layout[4 : 4 + _int(layout, 2, 2)]
        else:
            place = _int(layout, 2, 8)
            empty = place == NOWHERE or not count
            data = b"" if empty else self.at(place, count * kind.size)
        if len(data) != count * kind.size:
            raise Broken("an array is shorter than its shape")
        return _shaped(data, kind, shape)

    def _chunked(
        self, layout: bytes, filters: bytes | None, kind: Kind, shape: tuple[int, ...]
    ) -> Array:
        rank = layout[2] - 1
        if rank != len(shape) or not rank or kind.dtype is None:
            raise Broken("an array is damaged")
        sizes = [_int(layout, 11 + 4 * i, 4) for i in range(rank)]
        self._account(math.prod(shape) * kind.size)
        made = np.zeros(shape, dtype=kind.dtype)
        for at, size, mask, place in self._chunks(_int(layout, 3, 8), rank):
            data = self.at(place, size)
            data = self._unpacked(data, filters, mask, kind.size, math.prod(sizes) * kind.size)
            part = np.frombuffer(data, dtype=kind.dtype).reshape(sizes)
            to = tuple(slice(a, a + n) for a, n in zip(at, sizes, strict=True))
            if any(a >= n for a, n in zip(at, shape, strict=True)):
                raise Broken("a part of an array lies outside of it")
            room = made[to]
            made[to] = part[tuple(slice(0, n) for n in room.shape)]
        return _numbers(made, kind)

    def _account(self, count: int) -> None:
        self.inflated += count
        if self.inflated > max(MOST_NUMBERS, 20 * len(self.raw)):
            raise Broken("its arrays become more than its size explains")

    def _chunks(self, tree: int, rank: int) -> Iterator[tuple[list[int], int, int, int]]:
        todo, seen = [tree], set[int]()
        while todo:
            place = todo.pop()
            if place == NOWHERE:
                continue
            if place in seen or len(seen) > MOST_PARTS or self.at(place, 5) != b"TREE\x01":
                raise Broken("a list of parts is damaged")
            seen.add(place)
            level, count = self.raw[place + 5], self._number(place + 6, 2)
            step = 8 + 8 * (rank + 1) + 8
            for i in range(count):
                key = place + 24 + step * i
                below = self._number(key + step - 8, 8)
                if level:
                    todo.append(below)
                    continue
                at = [self._number(key + 8 + 8 * j, 8) for j in range(rank)]
                yield at, self._number(key, 4), self._number(key + 4, 4), below

    def _unpacked(
        self, data: bytes, filters: bytes | None, mask: int, width: int, size: int
    ) -> bytes:
        """Return a chunk as it was before its filters: deflate and shuffle alone."""
        for i, which in reversed(list(enumerate(_filters(filters)))):
            if mask >> i & 1:
                continue
            if which == 1:
                self._account(size)
                data = _inflated(data, size)
            elif which == 2:
                data = np.frombuffer(data, np.uint8).reshape(width, -1).T.tobytes()
            else:
                raise Broken("an array is packed in a way that Keras does not use")
        if len(data) != size:
            raise Broken("a part of an array is shorter than its shape")
        return data

    # --- attributes

    def attributes(self, messages: list[Message]) -> dict[str, Any]:
        """Return an object's attributes: texts, lists of texts and numbers; others are left out."""
        made: dict[str, Any] = {}
        for message in messages:
            if message.kind == 0x0C:
                name, value = self._attribute(message.body)
                made[name] = value
        return made

    def _attribute(self, body: bytes) -> tuple[str, Any]:
        version = body[0]
        sizes = [_int(body, i, 2) for i in (2, 4, 6)]
        at = 9 if version == 3 else 8
        parts = []
        for size in sizes:
            parts.append(body[at : at + size])
            at += -(-size // 8) * 8 if version == 1 else size
        name = parts[0].rstrip(b"\0").decode("utf-8", "replace")
        try:
            kind, shape = self.kind(parts[1]), self.shape(parts[2])
        except (Broken, IndexError):
            return name, None
        count = math.prod(shape)
        data = body[at : at + count * kind.size]
        if len(data) != count * kind.size:
            raise Broken("an attribute is damaged")
        if kind.dtype is None:
            texts = [self._text(data[16 * i : 16 * i + 16]) for i in range(count)]
            return name, texts if shape else texts[0]
        values = np.frombuffer(data, dtype=kind.dtype).reshape(shape)
        if kind.dtype.kind == "S":
            plain = [v.decode("utf-8", "replace") for v in values.ravel().tolist()]
            return name, plain if shape else plain[0]
        return name, values

    def _text(self, reference: bytes) -> str:
        """Return a text of any length, from the heap that it lies in."""
        length, place, index = struct.unpack("<IQI", reference)
        if self.at(place, 4) != b"GCOL":
            raise Broken("a text is damaged")
        at, end = place + 16, place + self._number(place + 8, 8)
        while at + 16 <= end:
            here, size = self._number(at, 2), self._number(at + 8, 8)
            if here == index:
                return self.at(at + 16, min(length, size)).decode("utf-8", "replace")
            if here == 0:
                break
            at += 16 + -(-size // 8) * 8
        raise Broken("a text is damaged")


def _int(body: bytes, at: int, size: int) -> int:
    if at + size > len(body):
        raise Broken("a header is damaged")
    return int.from_bytes(body[at : at + size], "little")


def _filters(body: bytes | None) -> list[int]:
    if body is None:
        return []
    count, at, made = body[1], 8 if body[0] == 1 else 2, []
    for _ in range(count):
        which = _int(body, at, 2)
        named = body[0] == 1 or which >= 256
        length = _int(body, at + 2, 2) if named else 0
        values = _int(body, at + 4 + 2 * named, 2)
        at += 6 + 2 * named + -(-length // 8) * 8 + 4 * values
        at += 4 if body[0] == 1 and values % 2 else 0
        made.append(which)
    return made


def _inflated(data: bytes, size: int) -> bytes:
    try:
        return zlib.decompressobj().decompress(data, size + 1)
    except zlib.error as error:
        raise Broken(f"an array is damaged ({error})") from error


def _shaped(data: bytes, kind: Kind, shape: tuple[int, ...]) -> Array:
    assert kind.dtype is not None
    return _numbers(np.frombuffer(data, dtype=kind.dtype).reshape(shape), kind)


def _numbers(values: Array, kind: Kind) -> Array:
    """Return values in a type that NumPy has; bfloat16 is the upper half of a float32."""
    if kind.dtype is not None and kind.dtype.kind == "V":
        upper = values.view(np.uint16).astype(np.uint32) << 16
        return upper.view(np.float32).reshape(values.shape)
    return values


def arrays(file: Hdf5, start: int | None = None) -> dict[str, Array]:
    """Return every array in a file, or below a group, by the path that leads to it.

    Raises:
        Broken: the file is damaged, or not what h5py writes for Keras.
    """
    made: dict[str, Array] = {}
    todo: list[tuple[str, int, tuple[int, ...]]] = [("", file.root if start is None else start, ())]
    while todo:
        path, place, above = todo.pop()
        if place in above or len(above) > MOST_DEEP:
            raise Broken("its groups form a circle, or lie too deep")
        messages = file.messages(place)
        found = file.array(messages)
        if found is not None:
            made[path] = found
            continue
        for name, below in file.links(messages).items():
            todo.append((f"{path}/{name}" if path else name, below, (*above, place)))
    return made
