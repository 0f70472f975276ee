"""What differs between the engines that speak SQL, one record for each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from closedform.printers.spell import BREAK

HIDDEN_BREAK = "\x1e\x1d"
"""Stands for the sign of a soft break in somebody's label, until the lines are broken."""

COMMON = {
    "exp": "EXP", "log": "LN", "sqrt": "SQRT", "sin": "SIN", "cos": "COS", "atan": "ATAN",
    "asin": "ASIN", "acos": "ACOS", "floor": "FLOOR", "abs": "ABS", "sign": "SIGN",
}  # fmt: skip
"""Functions that all of them have, and what most of them are called."""

GREATEST = "1.79e308"
"""Stands for infinity where there is none; SQL Server takes numbers up to it."""

RAISES = frozenset({"exp", "log", "sqrt", "div", "pow", "asin", "acos", "piecewise"})
"""Operations at whose limits an engine fails, or gives NULL where a number is due."""


@dataclass(frozen=True)
class Dialect:
    """One engine.

    Attributes:
        title: what it is called.
        executed: whether the tests run programs in it; the others are parsed by sqlglot alone, but
            for Databricks' text, which is run in Spark.
        opening, closing: the quotes around an identifier; within it the closing one is doubled.
        longest: how many bytes an identifier may have.
        possible: what a name must match.
        double, text: the types of numbers and of labels.
        suffix: what makes a literal a double; `e0` only where it has no exponent.
        infinity: the greatest number as text.
        finite: whether that is an ordinary number, which stands for the infinity that the engine
            lacks: whatever would compute with it, and every output that it is, is missing.
        not_a_number: NaN → NULL around a name; "" where there is no NaN.
        single: the type of float32, "" where there is none.
        sums_single: whether the sum of two such numbers is one again.
        functions: operation → function.
        extremes: the names of the least and the greatest of some; "" where they are compared.
        ignores: whether these leave out what is missing, rather than being missing themselves.
        guards: operations that are kept within what the engine can compute.
        overflows: whether a product or a sum that is too large is an error.
        underflows: whether one that is too small is.
        nesting: how deep CASE may stand in CASE.
        longest_expression: how long one may be, by the estimate of `chosen`.
        trees: how many trees stand in one SELECT.
        columns: how many columns a SELECT may have; 0 where there is no limit.
        stages: how many SELECTs may stand in one another; 0 where there is no limit.
        backslash: whether a backslash in a text is an escape.
        backslash_in_names: whether it is one in a quoted name too.
        variables: whether `${x}` is a variable wherever it stands, in names and texts too.
        within: what follows AS in front of a shared stage, behind SELECT in it, and its end: they
            keep the engine from writing shared values out again, twice for each time they are used.
        ending: what follows the statement.
        create: how a view is created.
        binary: what makes texts equal only where their bytes are.
    """

    title: str
    executed: bool = False
    opening: str = '"'
    closing: str = '"'
    longest: int = 255
    possible: str = r"(?s:.*)"
    double: str = "DOUBLE"
    text: str = "VARCHAR"
    suffix: str = "e0"
    infinity: str = "CAST('Infinity' AS DOUBLE)"
    finite: bool = False
    not_a_number: str = "NULLIF({0}, CAST('NaN' AS DOUBLE))"
    single: str = "REAL"
    sums_single: bool = True
    functions: Mapping[str, str] = field(default_factory=lambda: COMMON)
    extremes: tuple[str, str] = ("LEAST", "GREATEST")
    ignores: bool = False
    guards: frozenset[str] = RAISES
    overflows: bool = False
    underflows: bool = False
    nesting: int = 24
    longest_expression: int = 1500
    trees: int = 100
    columns: int = 1000
    stages: int = 0
    backslash: bool = False
    backslash_in_names: bool = False
    variables: bool = False
    within: tuple[str, str, str] = ("", "", "")
    ending: str = ""
    create: str = "CREATE OR REPLACE VIEW"
    binary: str = ""

    def quoted(self, name: str) -> str:
        """Return a name as an identifier."""
        name = name.replace("\\", "\\\\") if self.backslash_in_names else name
        return self.opening + name.replace(self.closing, 2 * self.closing) + self.closing

    def literal(self, value: str) -> str:
        """Return a text as a constant."""
        inner = value.replace("\\", "\\\\") if self.backslash else value
        # Spark joins neighbouring texts: there, 'it''s' is its.
        inner = inner.replace("'", "\\'" if self.backslash else "''")
        if self.backslash:
            inner = inner.replace("\n", "\\n").replace("\r", "\\r")
        inner = inner.replace("${", "$\\{") if self.variables else inner
        inner = inner.replace(BREAK, HIDDEN_BREAK)
        return f"N'{inner}'" if self.text.startswith("NVARCHAR") else f"'{inner}'"

    def number(self, value: float) -> str:
        """Return a double that reads back as the same one; NULL for what it cannot hold."""
        if value != value:
            return f"CAST(NULL AS {self.double})"
        if value in (float("inf"), -float("inf")):
            return self.infinity if value > 0 else f"-{self.infinity}"
        plain = repr(value)
        return plain if self.suffix == "e0" and "e" in plain else plain + self.suffix


DUCKDB = Dialect(
    "DuckDB",
    executed=True,
    functions={**COMMON, "tanh": "TANH"},
    ignores=True,
    guards=frozenset({"round32", "sum32"}),
    # Planned in 0.4 s; 100 in one SELECT take 1.8 s, and no less for each row.
    trees=10,
    columns=0,
)
SQLITE = Dialect(
    "SQLite",
    executed=True,
    double="REAL",
    text="TEXT",
    suffix="",
    infinity="9e999",
    not_a_number="",
    single="",
    functions={**COMMON, "tanh": "TANH"},
    extremes=("MIN", "MAX"),
    guards=frozenset({"log", "div"}),
    nesting=12,
    longest_expression=400,  # its parser's stack is 100 deep
    columns=1900,
    within=("MATERIALIZED ", "", ""),
    create="CREATE VIEW",
)
POSTGRES = Dialect(
    "PostgreSQL",
    executed=True,
    longest=63,
    double="double precision",
    text="text",
    suffix="::float8",
    infinity="float8 'Infinity'",
    not_a_number="NULLIF({0}, float8 'NaN')",
    functions={**COMMON, "tanh": "TANH"},
    ignores=True,
    guards=RAISES | {"sin", "cos", "round32", "sum32"},
    overflows=True,
    underflows=True,
    columns=1600,
    within=("", "", "OFFSET 0"),
)
MYSQL = Dialect(
    "MySQL",
    executed=True,
    opening="`",
    closing="`",
    longest=64,
    # No sign beyond 16 bits, and none that is blank at the end.
    possible=r"[\x01-\uffff]*(?<!\s)",
    text="CHAR",
    infinity=GREATEST,
    finite=True,
    not_a_number="",
    single="FLOAT",
    sums_single=False,
    guards=RAISES | {"round32", "sum32"},
    overflows=True,
    columns=4000,
    stages=60,  # it takes 63
    backslash=True,
    within=("", "", "LIMIT 18446744073709551615"),
    binary=" COLLATE utf8mb4_0900_bin",
)
SQLSERVER = Dialect(
    "SQL Server",
    opening="[",
    closing="]",
    longest=128,
    double="FLOAT",
    text="NVARCHAR(4000)",
    infinity=GREATEST,
    finite=True,
    not_a_number="",
    functions={**COMMON, "log": "LOG"},
    extremes=("", ""),
    guards=RAISES | {"round32", "sum32"},
    overflows=True,
    nesting=8,
    columns=4000,
    create="CREATE OR ALTER VIEW",
    binary=" COLLATE Latin1_General_100_BIN2",
)
SNOWFLAKE = Dialect(
    "Snowflake",
    double="FLOAT",
    suffix="::FLOAT",
    infinity="'inf'::FLOAT",
    not_a_number="NULLIF({0}, 'nan'::FLOAT)",
    single="",
    functions={**COMMON, "tanh": "TANH"},
    columns=0,
    backslash=True,
)
BIGQUERY = Dialect(
    "BigQuery",
    opening="`",
    closing="`",
    longest=300,
    possible="[A-Za-z_][A-Za-z0-9_]*",
    double="FLOAT64",
    text="STRING",
    suffix="",
    infinity="CAST('inf' AS FLOAT64)",
    not_a_number="IF(IS_NAN({0}), NULL, {0})",
    single="",
    functions={**COMMON, "tanh": "TANH"},
    overflows=True,
    columns=9000,
    backslash=True,
)
SPARK = Dialect(
    "Spark",
    executed=True,
    opening="`",
    closing="`",
    text="STRING",
    suffix="D",
    infinity="DOUBLE('Infinity')",
    not_a_number="NULLIF({0}, DOUBLE('NaN'))",
    single="FLOAT",
    functions={**COMMON, "tanh": "TANH"},
    ignores=True,
    # FLOOR is a whole number of 64 bits there; LN of 0 is NULL.
    guards=frozenset({"log", "div", "floor"}),
    columns=4000,
    backslash=True,
    variables=True,
    possible=r"(?s:(?!.*\$\{).*)",
)
ORACLE = Dialect(
    "Oracle",
    longest=128,
    double="BINARY_DOUBLE",
    text="VARCHAR2(4000)",
    suffix="d",
    infinity="BINARY_DOUBLE_INFINITY",
    not_a_number="NULLIF({0}, BINARY_DOUBLE_NAN)",
    single="BINARY_FLOAT",
    functions={**COMMON, "tanh": "TANH"},
    within=("", " /*+ MATERIALIZE */", ""),
)
CLICKHOUSE = Dialect(
    "ClickHouse",
    executed=True,
    double="Nullable(Float64)",
    text="Nullable(String)",
    suffix="",
    infinity="CAST('inf' AS Nullable(Float64))",
    not_a_number="IF(isNaN({0}), NULL, {0})",
    single="Nullable(Float32)",
    sums_single=False,
    functions={**COMMON, "log": "log", "tanh": "tanh", "log1p": "log1p"},
    extremes=("", ""),
    guards=frozenset(),
    columns=9000,
    backslash=True,
    backslash_in_names=True,
    # Otherwise, what stands in a CASE alone is followed along every path to every value that it
    # reads, before anything is computed: a pipeline of splines was planned for hours, not for 1 s.
    ending="SETTINGS short_circuit_function_evaluation = 'disable'",
)

DIALECTS: dict[str, Dialect] = {
    "duckdb": DUCKDB,
    "sqlite": SQLITE,
    "postgres": POSTGRES,
    "mysql": MYSQL,
    "mariadb": replace(MYSQL, title="MariaDB", binary=" COLLATE utf8mb4_nopad_bin"),
    "sqlserver": SQLSERVER,
    "snowflake": SNOWFLAKE,
    "bigquery": BIGQUERY,
    "spark": SPARK,
    "databricks": replace(SPARK, title="Databricks", executed=False),
    "oracle": ORACLE,
    "clickhouse": CLICKHOUSE,
}
"""Name → engine."""
