"""Zip archives that hold a model: skops files, and those of others by name only."""

from __future__ import annotations

import json
import lzma
import struct
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any, BinaryIO, Final
from zipfile import BadZipFile, ZipFile

from closedform.loading.familiar import is_familiar
from closedform.loading.stream import Broken, Limits, shown

# 0.12 to 0.16 each closed a way in which an untrusted type escaped the listing.
OLDEST_SKOPS: Final = (0, 16)
_SCHEMA: Final = "schema.json"
_LARGEST_SCHEMA: Final = 64 << 20  # as objects it takes up to 20 times as much
_DAMAGED: Final = (
    BadZipFile, EOFError, KeyError, NotImplementedError, OSError, OverflowError, RecursionError,
    RuntimeError, UnicodeError, ValueError, lzma.LZMAError, struct.error, zlib.error,
)  # fmt: skip


@contextmanager
def _archive(file: BinaryIO) -> Iterator[ZipFile]:
    file.seek(0)
    try:
        with ZipFile(file) as archive:
            yield archive
    except _DAMAGED as error:
        raise Broken(f"the zip archive is damaged ({shown(str(error))})") from error


def kind_of(file: BinaryIO) -> str:
    """Name what a zip archive holds, by the names of its members."""
    with _archive(file) as archive:
        names = set(archive.namelist())
    if _SCHEMA in names:
        return "skops"
    if {"config.json", "metadata.json"} <= names:
        return "keras"
    if any(name.endswith("/models/model.json") for name in names):
        return "torch-pt2"
    if any(name == "data.pkl" or name.endswith("/data.pkl") for name in names):
        return "torch"
    return "npz" if names and all(name.endswith(".npy") for name in names) else "zip"


def named_types(file: BinaryIO, limits: Limits) -> frozenset[tuple[str, str]]:
    """Return (module, class) of everything that a skops file says it holds."""
    with _archive(file) as archive:
        sizes = [member.file_size for member in archive.infolist()]
        if sum(sizes) > limits.inflated or archive.getinfo(_SCHEMA).file_size > _LARGEST_SCHEMA:
            raise Broken(f"the zip archive becomes more than {limits.inflated:,} bytes")
        found: set[tuple[str, str]] = set()
        todo: list[Any] = [json.loads(archive.read(_SCHEMA))]
    while todo:
        part = todo.pop()
        if isinstance(part, dict):
            pair = part.get("__module__"), part.get("__class__")
            if isinstance(pair[0], str) and isinstance(pair[1], str):
                found.add(pair)  # type: ignore[arg-type]  # both were just tested
        todo += part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return frozenset(found)


def why_no_skops() -> str | None:
    """Say why skops cannot be used here, or None when it can."""
    try:
        parts = version("skops").split(".")[:2]
    except PackageNotFoundError:
        return "skops is not installed"
    wanted = ".".join(map(str, OLDEST_SKOPS))
    recent = tuple(int(part) for part in parts if part.isdecimal()) >= OLDEST_SKOPS
    return None if recent else f"skops {'.'.join(parts)} is too old: {wanted} is needed"


def untrusted_types(file: BinaryIO, named: frozenset[tuple[str, str]]) -> tuple[str, ...]:
    """Return the types that skops does not trust; without skops, those that are not familiar."""
    if why_no_skops():
        return tuple(sorted(f"{m}.{c}" for m, c in named if not is_familiar(m, c)))
    from skops.io import get_untrusted_types

    file.seek(0)
    try:
        found = get_untrusted_types(file=file)
    except Exception as error:  # whatever a damaged schema makes skops stumble over
        raise Broken(f"skops cannot read it ({shown(str(error))})") from error
    return tuple(sorted(found))


def load(file: BinaryIO, trusted: Sequence[str]) -> object:
    """Load a skops file whose types are all trusted by skops or listed in `trusted`."""
    from skops.io import load as load_skops

    file.seek(0)
    return load_skops(file, trusted=list(trusted))
