"""Spark: a local session, one thread, one partition, so that rows keep their order."""

from __future__ import annotations

from functools import cache
from typing import Any

from closedform.errors import MissingExtra


def run_spark(
    program: str, table: str, given: tuple[list[str], list[bool], list[list[Any]]]
) -> tuple[list[Any], str]:
    """Run a SELECT on a table of some rows; return the rows that it gives, or the error."""
    from pyspark.errors import PySparkException
    from pyspark.sql.types import DoubleType, StringType, StructField, StructType

    session = tool()
    names, texts, values = given
    fields = [
        StructField(n, StringType() if t else DoubleType())
        for n, t in zip(names, texts, strict=True)
    ]
    rows = list(zip(*values, strict=True))
    frame = session.createDataFrame(rows, StructType(fields)).coalesce(1)
    frame.createOrReplaceTempView("`" + table.replace("`", "``") + "`")
    try:
        return [tuple(row) for row in session.sql(program).collect()], ""
    except PySparkException as problem:
        return [], str(problem).splitlines()[0]


@cache
def tool() -> Any:
    """Return a local session of Spark.

    Raises:
        MissingExtra: pyspark is not installed.
    """
    try:
        from pyspark.sql import SparkSession
    except ImportError:
        raise MissingExtra("pyspark", "test-all", "Running SQL for Spark") from None
    builder = SparkSession.builder.master("local[1]").appName("closedform")
    options = {
        "spark.ui.enabled": "false",
        "spark.sql.shuffle.partitions": "1",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.log.level": "ERROR",
    }
    for name, value in options.items():
        builder = builder.config(name, value)
    return builder.getOrCreate()
