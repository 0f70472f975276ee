"""Bytes from a file that nobody trusts: inflated up to a limit, and read one token at a time."""

from __future__ import annotations

import bz2
import io
import lzma
import os
import stat
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any, BinaryIO

from closedform.errors import BadFile, MissingExtra

CHUNK = 1 << 16


class Broken(Exception):
    """The bytes are not what they claim to be. Becomes a `BadFile` with the name and the offset."""


class Stopped(Exception):
    """The bytes may be fine, but cannot be followed further without running or trusting them."""


@dataclass(frozen=True)
class Limits:
    """What a scan may cost; the worst file stays below about 2.5 GiB of memory and two minutes.

    Attributes:
        inflated: bytes that a compressed file may become.
        opcodes: pickle instructions that are followed.
        opcodes_a_byte: of a compressed file as it lies on disk, beyond the first 2,000,000; models
            have fewer than 1, and a file made to keep a scan busy has 800.
        objects: values that may be alive at once.
        text: bytes of short strings that are remembered, since each may turn out to be a name.
    """

    inflated: int = 4 << 30
    opcodes: int = 100_000_000
    opcodes_a_byte: int = 20
    objects: int = 10_000_000
    text: int = 512 << 20

    def of_size(self, size: int) -> Limits:
        """Return the limits for a file of so many bytes."""
        most = 2_000_000 + self.opcodes_a_byte * size
        return replace(self, opcodes=min(self.opcodes, most))


_FOLDERS = {
    "saved_model.pb": "A SavedModel of TensorFlow is not read: save the model as .keras, or "
    "convert it to .onnx with tf2onnx.",
    "MLmodel": "Give the file of the model in it, which its MLmodel names.",
}
"""A file in a folder that is taken for a model → what to give instead."""


def open_regular(path: str | os.PathLike[str]) -> io.BufferedReader:
    """Open a file for reading; a folder, a pipe or a device is refused: it may have no end."""
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISREG(mode):
            return open(path, "rb")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise BadFile(f"{path}: {reason}.", hint="Check the name of the file.") from error
    what = "a folder" if stat.S_ISDIR(mode) else "not a regular file"
    inside = (hint for name, hint in _FOLDERS.items() if os.path.exists(os.path.join(path, name)))
    hint = next(inside, "Give the name of one model or table file.")
    raise BadFile(f"{path} is {what}.", hint=hint)


class _Inflate:
    """`zlib.decompressobj` for zlib and gzip, in the manner of `bz2.BZ2Decompressor`."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=47)  # 47: zlib or gzip, by its header

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def needs_input(self) -> bool:
        return not self._inner.unconsumed_tail

    def decompress(self, data: bytes, max_length: int) -> bytes:
        return self._inner.decompress(self._inner.unconsumed_tail + data, max_length)


def _lzma() -> lzma.LZMADecompressor:
    # A header may ask for a dictionary of 4 GiB; the strongest preset uses 64 MiB.
    return lzma.LZMADecompressor(memlimit=256 << 20)


def _lz4() -> Any:
    try:
        return import_module("lz4.frame").LZ4FrameDecompressor()
    except ImportError as error:
        missing = MissingExtra("lz4", "sklearn", "A model file compressed with lz4")
        missing.hint = "pip install lz4"
        raise missing from error


DECODERS: dict[str, Callable[[], Any]] = {
    "zlib": _Inflate,
    "gzip": _Inflate,
    "bz2": bz2.BZ2Decompressor,
    "lzma": _lzma,
    "xz": _lzma,
    "lz4": _lz4,
}
_MAGIC = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bz2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"]\x00", "lzma"),  # as a pickle it would be EMPTY_LIST and then no instruction
    (b"\x04\x22\x4d\x18", "lz4"),
)


def compression(head: bytes) -> str | None:
    """Name how a file that begins with `head` is compressed, or None."""
    for magic, name in _MAGIC:
        if head.startswith(magic):
            return name
    is_zlib = len(head) > 1 and head[0] == 0x78 and int.from_bytes(head[:2], "big") % 31 == 0
    return "zlib" if is_zlib else None


class _Inflated(io.RawIOBase):
    """The inflated content of `file`; `Broken` past `limit` bytes, or where it is damaged."""

    def __init__(self, file: BinaryIO, decoder: Any, limit: int) -> None:
        super().__init__()
        self._file, self._decoder, self._left, self._limit = file, decoder, limit, limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        try:
            data = self._more(len(buffer))
        except (zlib.error, lzma.LZMAError, OSError, EOFError, ValueError, RuntimeError) as error:
            raise Broken(f"the compressed data are damaged ({error})") from error
        self._left -= len(data)
        if self._left < 0:
            raise Broken(f"the compressed data become more than {self._limit:,} bytes")
        buffer[: len(data)] = data
        return len(data)

    def _more(self, size: int) -> bytes:
        while not self._decoder.eof:
            chunk = self._file.read(CHUNK) if self._decoder.needs_input else b""
            starved = self._decoder.needs_input and not chunk
            data: bytes = self._decoder.decompress(chunk, size)
            if data:
                return data
            if starved and not self._decoder.eof:
                raise EOFError("they end too early")
        return b""


def inflated(file: BinaryIO, how: str | None, limit: int) -> BinaryIO:
    """Read `file` from its start, inflated when `how` names a compression."""
    file.seek(0)
    if how is None:
        return file
    return io.BufferedReader(_Inflated(file, DECODERS[how](), limit), CHUNK)


class Tokens:
    """Reads the arguments of pickle instructions: counts the bytes, keeps to the declared frames.

    It never asks for more than `CHUNK` bytes at once, so that a declared length costs nothing until
    the bytes have really been there.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._frame_end: int | None = None
        self.at = 0

    def byte(self) -> int:
        """Read one byte."""
        return self.take(1)[0]

    def take(self, size: int) -> bytes:
        """Read exactly `size` bytes, at most `CHUNK`."""
        self._claim(size)
        data = self._file.read(size)
        if len(data) < size:
            raise Broken("the file ends too early")
        self.at += size
        return data

    def number(self, size: int, *, signed: bool = False) -> int:
        """Read a little-endian integer of `size` bytes."""
        return int.from_bytes(self.take(size), "little", signed=signed)

    def skip(self, size: int) -> None:
        """Pass over `size` bytes."""
        self._claim(size)
        while size:
            size -= len(self.take(min(size, CHUNK)))

    def line(self, keep: int) -> bytes | None:
        """Read up to a newline and return what is before it; None if it is longer than `keep`."""
        self._claim(0)
        frame_end = self._frame_end
        data = part = self._part(keep + 1)
        while not part.endswith(b"\n"):
            part = self._part(CHUNK)
        if frame_end is not None and self.at > frame_end:
            raise Broken("a line reaches over the end of its frame")
        return data[:-1] if data.endswith(b"\n") else None

    def _part(self, size: int) -> bytes:
        data = self._file.readline(size)
        if not data:
            raise Broken("the file ends too early")
        self.at += len(data)
        return data

    def frame(self, size: int) -> None:
        """Enter a frame of `size` bytes: no argument may reach over its end."""
        if not self.between_frames():
            raise Broken("a frame begins inside another frame")
        self._frame_end = self.at + size

    def between_frames(self) -> bool:
        """Tell whether no frame is open; where one is, array data cannot follow."""
        self._claim(0)
        return self._frame_end is None

    def leave_frame(self) -> bool:
        """Tell whether the last frame has been read to its end, and forget it."""
        done = self.between_frames()
        self._frame_end = None
        return done

    def _claim(self, size: int) -> None:
        if self._frame_end is None:
            return
        if self.at >= self._frame_end:
            self._frame_end = None
        elif self.at + size > self._frame_end:
            raise Broken("an argument reaches over the end of its frame")


def shown(text: str) -> str:
    """Return `text` fit for a terminal: what is not plain ASCII is escaped and cannot deceive."""
    return text if text.isascii() and text.isprintable() else ascii(text)[1:-1]
