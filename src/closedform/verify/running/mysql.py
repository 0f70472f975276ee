"""MySQL and MariaDB: a server of its own in a folder of its own, which ends with the program.

It listens on a Unix socket in that folder alone. A server does not run as root: there, it is the
user `mysql` or `nobody`. Both are asked through PyMySQL.
"""

from __future__ import annotations

import atexit
import math
import shutil
import subprocess
import time
from functools import cache, partial
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from closedform.errors import MissingExtra, UnsupportedTarget
from closedform.printers.sql.dialects import DIALECTS
from closedform.verify.running.process import TIMEOUT, run, unprivileged

STARTS = 120  # seconds
DEBIAN = ("/usr/sbin", "/usr/libexec")
"""Where servers lie that a user's PATH may not name."""


def run_mysql(
    dialect: str, program: str, table: str, given: tuple[list[str], list[bool], list[list[Any]]]
) -> tuple[list[Any], str]:
    """Run a SELECT on a table of some rows; return the rows that it gives, or the error.

    There is neither infinity nor NaN in these engines: in the table both are NULL.
    """
    socket = _server(dialect)
    import pymysql

    names, texts, values = given
    quoted = DIALECTS[dialect].quoted
    types = ["LONGTEXT" if text else "DOUBLE" for text in texts]
    columns = ", ".join(f"{quoted(n)} {t}" for n, t in zip(names, types, strict=True))
    connection = _connected(socket)
    cursor = connection.cursor()
    rows = [list(map(_held, row)) for row in zip(*values, strict=True)]
    marks = ", ".join(["%s"] * len(names))
    try:
        cursor.execute("DROP DATABASE IF EXISTS closedform")
        cursor.execute("CREATE DATABASE closedform CHARACTER SET utf8mb4")
        cursor.execute("USE closedform")
        cursor.execute(f"CREATE TABLE {quoted(table)} ({columns or 'none INTEGER'})")
        into = quoted(table).replace("%", "%%")
        cursor.executemany(f"INSERT INTO {into} VALUES ({marks})", rows)
        cursor.execute(program)
        return list(cursor.fetchall()), ""
    except pymysql.MySQLError as problem:
        return [], f"{type(problem).__name__}: {problem}"
    finally:
        connection.close()


def _held(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _connected(socket: str) -> Any:
    import pymysql

    return pymysql.connect(unix_socket=socket, user="root", charset="utf8mb4", autocommit=True,
                           read_timeout=TIMEOUT)  # fmt: skip


def tool(dialect: str = "mysql") -> str:
    """Return the path of the server of a dialect: "mysql" or "mariadb".

    Both call theirs mysqld; which of the two it is, it says itself.

    Raises:
        UnsupportedTarget: it is not here.
        MissingExtra: PyMySQL is not installed.
    """
    path = _installed(dialect)
    try:
        import pymysql  # noqa: F401
    except ImportError:
        raise MissingExtra("PyMySQL", "test-all", "Running SQL for MySQL") from None
    return path


@cache
def _installed(dialect: str) -> str:
    for name in ("mysqld", "mariadbd"):
        places = (None, *DEBIAN)
        for path in dict.fromkeys(filter(None, (shutil.which(name, path=p) for p in places))):
            if ("MariaDB" in run([path, "--version"]).stdout) is (dialect == "mariadb"):
                return path
    title = DIALECTS[dialect].title
    raise UnsupportedTarget(
        f"SQL for {title} cannot be run here: there is no server.",
        hint=f"Install one: apt install {dialect}-server.",
    )


@cache
def _server(dialect: str) -> str:
    """Return the socket of a server that runs until this program ends."""
    server, folder = tool(dialect), Path(mkdtemp(prefix="closedform"))
    data, socket = folder / "data", folder / "socket"
    user = unprivileged("mysql", "nobody")
    if user is not None:
        shutil.chown(folder, user)
    common = ["--no-defaults", f"--datadir={data}"]
    made = [server, *common, "--initialize-insecure"]
    quiet = ["--skip-networking", "--skip-grant-tables", f"--socket={socket}"]
    if dialect == "mysql":
        quiet += ["--mysqlx=0", "--secure-file-priv=NULL"]
    else:
        made = ["mariadb-install-db", *common, "--auth-root-authentication-method=normal"]
    with (folder / "log").open("w") as log:
        start = partial(subprocess.Popen, stdout=log, stderr=log, user=user, cwd=folder, text=True)
        process = start(made)
        if process.wait(TIMEOUT) == 0:
            process = start([server, *common, *quiet, f"--pid-file={folder / 'pid'}"])
    atexit.register(_stop, process, folder)
    _wait(process, socket, folder / "log")
    return str(socket)


def _wait(process: subprocess.Popen[str], socket: Path, log: Path) -> None:
    end = time.monotonic() + STARTS
    while process.poll() is None and time.monotonic() < end:
        if socket.exists():
            return
        time.sleep(0.1)
    said = log.read_text("utf-8", "replace").splitlines()[-3:]
    raise UnsupportedTarget(
        "SQL for MySQL cannot be run here: the server does not start: " + " ".join(said),
        hint="Start it by hand, and see what it says.",
    )


def _stop(process: subprocess.Popen[str], folder: Path) -> None:
    process.kill()
    process.wait()
    shutil.rmtree(folder, ignore_errors=True)
