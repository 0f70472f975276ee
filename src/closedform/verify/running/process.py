"""What runners share: a process with a time limit, and what they return."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from closedform.errors import UnsupportedTarget

TIMEOUT = 600  # seconds

ZIG = "ziglang"
"""The package of pip that is a compiler of C and C++."""

Outputs = dict[str, list[Any]]
"""The values of each output, row after row; a row that failed gives None."""


def run(
    command: Sequence[str], folder: str | None = None, given: str = "",
    variables: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:  # fmt: skip
    """Run a command in a folder with `given` as its input, and return what it said.

    `variables` is the whole environment, where it is not this process's own.
    """
    return subprocess.run(
        command, cwd=folder, input=given, capture_output=True, text=True, timeout=TIMEOUT,
        check=False, env=variables,
    )  # fmt: skip


def installed(*names: str, absent: str, hint: str) -> str:
    """Return the path of the first of some commands that is here.

    Raises:
        UnsupportedTarget: none is: what is absent, and how to install it.
    """
    for name in names:
        if found := shutil.which(name):
            return found
    raise UnsupportedTarget(absent, hint=hint)


def compiler(*names: str, zig: str, absent: str, hint: str) -> list[str]:
    """Return a compiler's command: the system's, or that of the package ziglang.

    Raises:
        UnsupportedTarget: there is none.
    """
    if find_spec(ZIG) and not any(map(shutil.which, names)):
        return [sys.executable, "-m", ZIG, zig]
    return [installed(*names, absent=absent, hint=hint)]


def unprivileged(*names: str) -> str | None:
    """Return whose name a server runs under: the first known; None for the user's own."""
    if os.name != "posix" or os.geteuid() != 0:
        return None
    import pwd  # there is none on Windows

    known = {entry.pw_name for entry in pwd.getpwall()}
    return next((name for name in names if name in known), None)
