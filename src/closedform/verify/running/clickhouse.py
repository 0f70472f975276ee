"""ClickHouse: its engine inside this process (chdb), one thread, so that rows keep their order."""

from __future__ import annotations

from functools import cache
from typing import Any

from closedform.errors import MissingExtra
from closedform.printers.sql.dialects import CLICKHOUSE
from closedform.verify.running.tab_separated import cell

LIMITS = "SET max_query_size = 1000000000, max_ast_elements = 100000000"
"""As it comes, ClickHouse takes 262,144 characters: 50 trees of depth 6."""


def run_clickhouse(
    program: str, table: str, given: tuple[list[str], list[bool], list[list[Any]]]
) -> tuple[list[Any], str]:
    """Run a SELECT on a table of some rows; return the rows that it gives, or the error."""
    connection = tool()
    import pyarrow

    names, texts, values = given
    name = CLICKHOUSE.quoted(table)
    types = ["Nullable(String)" if text else "Nullable(Float64)" for text in texts]
    columns = ", ".join(f"{CLICKHOUSE.quoted(n)} {t}" for n, t in zip(names, types, strict=True))
    rows = "".join("\t".join(map(cell, row)) + "\n" for row in zip(*values, strict=True))
    connection.query(f"CREATE OR REPLACE TABLE {name} ({columns}) ENGINE = Memory")
    connection.query(f"INSERT INTO {name} FORMAT TabSeparated\n{rows}")
    try:
        answer = connection.query(program, "Arrow")
    except RuntimeError as problem:
        return [], str(problem).splitlines()[0]
    found = pyarrow.ipc.open_file(answer.bytes()).read_all()
    return list(zip(*(column.to_pylist() for column in found.columns), strict=True)), ""


@cache
def tool() -> Any:
    """Return a connection to an engine that keeps its tables in memory.

    Raises:
        MissingExtra: chdb is not installed.
    """
    try:
        import chdb
    except ImportError:
        raise MissingExtra("chdb", "test-all", "Running SQL for ClickHouse") from None
    connection = chdb.connect(":memory:?max_threads=1")
    connection.query(LIMITS)
    return connection
