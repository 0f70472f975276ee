"""Formulas on disk: written beside the old file and then put in its place."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from closedform.errors import BadFile
from closedform.store.reading import from_json
from closedform.store.writing import to_json

if TYPE_CHECKING:
    from closedform.formula import Formula


def save(formula: Formula, path: str | os.PathLike[str]) -> None:
    """Write a formula to a JSON file; an old file of that name is replaced at once, or stays.

    Raises:
        BadFile: the file cannot be written.
        BadInput: the formula holds labels that are no plain values.
    """
    put(path, to_json(formula))


def load(path: str | os.PathLike[str]) -> Formula:
    """Return the formula in a JSON file. It is safe whoever wrote it: nothing in it is run.

    Raises:
        BadFile: the file is missing, truncated, malformed, of a newer version, or was changed
            after it was saved. The message says where.
    """
    try:
        return from_json(bytes_of(path))
    except BadFile as error:
        raise BadFile(f"{os.fspath(path)}: {error.message}", hint=error.hint) from error


def bytes_of(path: str | os.PathLike[str]) -> bytes:
    """Return what a file holds.

    Raises:
        BadFile: it is missing, cannot be read or is no regular file; the message does not name it.
    """
    hint = "Check the name of the file."
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):
            raise BadFile("no regular file.", hint=hint)
        return Path(path).read_bytes()
    except (OSError, TypeError, ValueError) as error:
        raise BadFile(f"{getattr(error, 'strerror', None) or error}.", hint=hint) from error


def refuse_unwritable(path: str | os.PathLike[str]) -> None:
    """Refuse a file that cannot be written before what takes long, rather than after it.

    Raises:
        BadFile: its folder is missing or may not be written to, or it is a folder.
    """
    target = Path(os.path.realpath(path))
    folder = target.parent
    if target.is_dir() or not folder.is_dir() or not os.access(folder, os.W_OK):
        why = "it is a folder" if target.is_dir() else f"in {folder} no file can be made"
        raise BadFile(
            f"{os.fspath(path)} cannot be written: {why}.",
            hint="Check the folder and its permissions.",
        )


def put(path: str | os.PathLike[str], content: str | bytes) -> None:
    """Write a file, text as UTF-8, under a temporary name, then move it to its own.

    Raises:
        BadFile: it cannot be written; what was there before is unchanged.
    """
    try:
        target = Path(os.path.realpath(path))
        beside = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}")
        if target.exists() and not target.is_file():
            raise OSError(None, "it is no regular file")
        try:
            with open(beside, "xb") as file:
                file.write(content.encode("utf-8") if isinstance(content, str) else content)
            if target.exists():
                shutil.copymode(target, beside)
            os.replace(beside, target)
        finally:
            beside.unlink(missing_ok=True)
    except (OSError, ValueError) as error:
        raise BadFile(
            f"{os.fspath(path)} cannot be written: {getattr(error, 'strerror', None) or error}.",
            hint="Check the folder, its permissions and the space on the disk.",
        ) from error
