"""SQL: the query run in the engine of its dialect, on a table of all rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from typing import Any

from closedform.errors import MissingExtra, UnsupportedTarget
from closedform.formula import Feature
from closedform.ir import Type
from closedform.ops.payloads import NEVER_SEEN
from closedform.printers.sql.dialects import DIALECTS
from closedform.printers.sql.names import column_names
from closedform.verify.running.clickhouse import run_clickhouse
from closedform.verify.running.mysql import run_mysql
from closedform.verify.running.postgres import run_postgres
from closedform.verify.running.process import Outputs
from closedform.verify.running.spark import run_spark

Table = tuple[list[str], list[bool], list[list[Any]]]
"""The names of the columns, which of them hold text, and their values."""


def run_sql(
    program: str, inputs: Sequence[Feature], columns: list[list[Any]], outputs: Sequence[str],
    options: Mapping[str, Any],
) -> tuple[Outputs, str]:  # fmt: skip
    """Run a SELECT in the engine of its dialect, on a table that holds the rows.

    Raises:
        UnsupportedTarget: the dialect is one that cannot be run here.
    """
    dialect = str(options.get("dialect", "duckdb"))
    if dialect not in ENGINES or options.get("kind", "select") != "select":
        raise UnsupportedTarget(
            f"SQL for {dialect} is not executed here.",
            hint="These are, as kind='select': " + ", ".join(ENGINES) + ".",
        )
    names = column_names([f.name for f in inputs], DIALECTS[dialect])
    texts = [
        f.type is Type.LABEL and _holds_text(f, column)
        for f, column in zip(inputs, columns, strict=True)
    ]
    values = [
        _values(column, text, f.type is Type.LABEL)
        for f, text, column in zip(inputs, texts, columns, strict=True)
    ]
    table = options.get("table", "data")
    parts = table.split(".") if isinstance(table, str) else list(table)
    found, error = ENGINES[dialect](program, parts[-1], (names, texts, values))
    listed = list(zip(*found, strict=True)) if found else [()] * len(outputs)
    return dict(zip(outputs, map(list, listed), strict=True)) if not error else {}, error


def _holds_text(feature: Feature, column: list[Any]) -> bool:
    known = [v for v in (feature.categories or column) if v is not None]
    return not known or any(isinstance(v, str) and v != NEVER_SEEN for v in known)


def _values(column: list[Any], text: bool, label: bool) -> list[Any]:
    """Return a column as a table holds it; what is missing is NULL and NaN by turns."""
    if text:
        return [None if v is None else str(v) for v in column]
    if label:
        column = [_unknown(column) if v == NEVER_SEEN else v for v in column]
    return [None if v is None or (v != v and i % 2) else float(v) for i, v in enumerate(column)]


def _unknown(column: list[Any]) -> float:
    numbers = [float(v) for v in column if v is not None and v != NEVER_SEEN]
    return max([0.0, *(v for v in numbers if math.isfinite(v))]) + 1.5


def tool(dialect: str = "duckdb") -> Any:
    """Return the module that runs a dialect.

    Raises:
        MissingExtra: it is not installed.
    """
    if dialect == "duckdb" and find_spec("duckdb") is None:
        raise MissingExtra("duckdb", "sql", "Running SQL")


def _duckdb(program: str, table: str, given: Table) -> tuple[list[Any], str]:
    tool("duckdb")
    import duckdb

    names, texts, values = given
    connection = duckdb.connect(config={"threads": 1})
    quoted = [DIALECTS["duckdb"].quoted(n) for n in names]
    types = ["VARCHAR" if text else "DOUBLE" for text in texts]
    _create(connection, DIALECTS["duckdb"].quoted(table), quoted, types)
    rows = list(zip(*values, strict=True))
    _insert(connection, DIALECTS["duckdb"].quoted(table), rows)
    try:
        return connection.execute(program).fetchall(), ""
    except duckdb.Error as problem:
        return [], f"{type(problem).__name__}: {problem}"
    finally:
        connection.close()


def _create(connection: Any, table: str, names: list[str], types: list[str]) -> None:
    columns = ", ".join(f"{n} {t}" for n, t in zip(names, types, strict=True))
    connection.execute(f"CREATE TABLE {table} ({columns or 'none INTEGER'})")


def _insert(connection: Any, table: str, rows: list[Any]) -> None:
    if rows and rows[0]:
        places = ", ".join("?" * len(rows[0]))
        connection.executemany(f"INSERT INTO {table} VALUES ({places})", rows)


def _sqlite(program: str, table: str, given: Table) -> tuple[list[Any], str]:
    import sqlite3

    names, texts, values = given
    connection = sqlite3.connect(":memory:")
    quoted = [DIALECTS["sqlite"].quoted(n) for n in names]
    types = ["TEXT" if text else "REAL" for text in texts]
    _create(connection, DIALECTS["sqlite"].quoted(table), quoted, types)
    _insert(connection, DIALECTS["sqlite"].quoted(table), list(zip(*values, strict=True)))
    try:
        return connection.execute(program).fetchall(), ""
    except sqlite3.Error as problem:
        return [], f"{type(problem).__name__}: {problem}"
    finally:
        connection.close()


ENGINES: dict[str, Callable[[str, str, Table], tuple[list[Any], str]]] = {
    "duckdb": _duckdb,
    "sqlite": _sqlite,
    "postgres": run_postgres,
    "spark": run_spark,
    "databricks": run_spark,
    "mysql": partial(run_mysql, "mysql"),
    "mariadb": partial(run_mysql, "mariadb"),
    "clickhouse": run_clickhouse,
}
"""Dialect → what runs its queries."""
