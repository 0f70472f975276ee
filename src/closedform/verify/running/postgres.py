"""PostgreSQL: a server of its own in a folder of its own, which ends with the program.

It listens on a Unix socket in that folder alone. A server does not run as root: there, it is the
user `postgres` or `nobody`.
"""

from __future__ import annotations

import atexit
import shutil
import subprocess
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from closedform.errors import UnsupportedTarget
from closedform.printers.sql.dialects import POSTGRES
from closedform.verify.running.process import unprivileged
from closedform.verify.running.tab_separated import cell, value_of

TIMEOUT = 600  # seconds


def run_postgres(
    program: str, table: str, given: tuple[list[str], list[bool], list[list[Any]]]
) -> tuple[list[Any], str]:
    """Run a SELECT on a table of some rows; return the rows that it gives, or the error."""
    names, texts, values = given
    name = POSTGRES.quoted(table)
    types = ["text" if text else "double precision" for text in texts]
    quoted = map(POSTGRES.quoted, names)
    columns = ", ".join(f"{n} {t}" for n, t in zip(quoted, types, strict=True))
    rows = "\n".join("\t".join(map(cell, row)) for row in zip(*values, strict=True))
    script = (
        f"DROP TABLE IF EXISTS {name};\nCREATE TABLE {name} ({columns});\n"
        f"COPY {name} FROM STDIN;\n{rows}\n\\.\n"
        f"CREATE TEMP TABLE __answer AS\n{program.rstrip()};\nCOPY __answer TO STDOUT;\n"
    )
    done = _psql(script)
    if done.returncode:
        return [], next(line for line in done.stderr.splitlines() if "ERROR" in line)
    return [tuple(map(value_of, line.split("\t"))) for line in done.stdout.split("\n")[:-1]], ""


def _psql(script: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["psql", "-h", _server(), "-U", "closedform", "-d", "postgres", "-X", "-q",
         "-v", "ON_ERROR_STOP=1", "-f", "-"],
        input=script, capture_output=True, text=True, timeout=TIMEOUT, check=False,
    )  # fmt: skip


def tool() -> Path:
    """Return the folder of PostgreSQL's programs.

    Raises:
        UnsupportedTarget: there is none.
    """
    if found := shutil.which("initdb"):
        return Path(found).parent
    for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True):
        if (folder / "initdb").exists() and shutil.which("psql"):
            return folder
    raise UnsupportedTarget(
        "SQL for PostgreSQL cannot be run here: there is no server.",
        hint="Install one: apt install postgresql.",
    )


@cache
def _server() -> str:
    """Return the folder of the socket of a server that runs until this program ends."""
    programs, folder = tool(), Path(mkdtemp(prefix="closedform"))
    data = folder / "data"
    user = unprivileged("postgres", "nobody")
    if user is not None:
        shutil.chown(folder, user)
    init = [programs / "initdb", "-D", data, "-U", "closedform", "-A", "trust", "-E", "UTF8", "-N"]
    options = f"-c listen_addresses='' -k {folder} -c fsync=off"
    start = [programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start"]
    for command in ([*init, "--locale=C"], start):
        subprocess.run(
            list(map(str, command)), check=True, stdout=subprocess.DEVNULL, user=user, cwd=folder
        )
    atexit.register(_stop, programs, folder, user)
    return str(folder)


def _stop(programs: Path, folder: Path, user: str | None) -> None:
    command = [str(programs / "pg_ctl"), "-D", str(folder / "data"), "-m", "immediate", "stop"]
    subprocess.run(command, check=False, capture_output=True, user=user, cwd="/")
    shutil.rmtree(folder, ignore_errors=True)
