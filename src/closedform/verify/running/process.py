"""What runners share: a process with a time limit, and what they return."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

TIMEOUT = 600  # seconds

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
