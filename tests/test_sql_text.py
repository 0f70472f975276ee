"""SQL as text: its options, views, models of dbt; parsed by sqlglot, and looked at."""

import re
import sqlite3
from pathlib import Path

import duckdb
import pandas as pd
import pytest
import sqlglot
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import GradientBoostingRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import closedform as cf
from closedform import ops
from closedform.errors import BadInput, UnsupportedTarget
from closedform.formula import Feature, Formula
from closedform.ir import Type
from closedform.printers.sql_dialects import DIALECTS

EVERYDAY = ["duckdb", "sqlite"]
FLOWERS, KINDS = load_iris(return_X_y=True, as_frame=True)
DATA, TARGET = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
A, B = ops.input_(0), ops.input_(1)

GOLDEN = Path(__file__).parent / "golden_sql"


def connected(rows, engine="duckdb"):
    connection = duckdb.connect() if engine == "duckdb" else sqlite3.connect(":memory:")
    names = ", ".join(f'"{c}" DOUBLE' for c in rows)
    connection.execute(f"CREATE TABLE flowers (id INTEGER, {names})")
    marks = ", ".join("?" * (len(rows.columns) + 1))
    listed = [(i, *row) for i, row in enumerate(rows.to_numpy().tolist())]
    connection.executemany(f"INSERT INTO flowers VALUES ({marks})", listed)
    return connection


@pytest.mark.parametrize("engine", EVERYDAY)
def test_a_view_keeps_what_it_is_asked_to(engine):
    model = LogisticRegression(max_iter=500).fit(FLOWERS, KINDS)
    formula = cf.read(model)
    view = formula.to("sql", dialect=engine, table="flowers", keep="id", kind="view", name="found")
    connection = connected(FLOWERS, engine)
    connection.execute(view)
    found = connection.execute('SELECT id, label FROM "found" ORDER BY id').fetchall()
    assert found == list(enumerate(model.predict(FLOWERS).tolist()))


def test_names_of_tables_have_parts_and_may_be_bare():
    formula = cf.read(DecisionTreeClassifier(max_depth=1).fit(FLOWERS, KINDS))
    assert 'FROM "shop"."flowers" t' in formula.to("sql", table="shop.flowers")
    assert 'FROM "a.b" t' in formula.to("sql", table=["a.b"])
    bare = Formula({"total": A}, (Feature("age"),)).to("sql", table="shop.sales", quoted=False)
    assert "FROM shop.sales t" in bare
    assert "t.age" in bare


def test_what_is_no_option_is_refused():
    formula = cf.read(DecisionTreeClassifier(max_depth=1).fit(FLOWERS, KINDS))
    for options, why in (
        ({"dialect": "access"}, "no dialect 'access'"),
        ({"kind": "table"}, "no kind 'table'"),
        ({"table": ""}, "no name of a table"),
        ({"keep": ["LABEL"]}, "both a column to keep and an output"),
    ):
        with pytest.raises(BadInput, match=why):
            formula.to("sql", **options)
    with pytest.raises(UnsupportedTarget, match="oracle is not executed"):
        cf.verify_program(formula, "sql", FLOWERS, dialect="oracle")


def test_case_stands_in_case_no_deeper_than_sql_server_takes():
    model = GradientBoostingRegressor(n_estimators=3, max_depth=14, random_state=0)
    text = cf.read(model.fit(DATA, TARGET)).to("sql", dialect="sqlserver")
    depth = deepest = 0
    for word in re.findall(r"\b(CASE|END)\b", text):
        depth += 1 if word == "CASE" else -1
        deepest = max(deepest, depth)
    assert 3 < deepest <= 10


GLOT = {"sqlserver": "tsql"}


SMALL = {
    "tree": (DecisionTreeClassifier(max_depth=2, random_state=0), FLOWERS, KINDS),
    "linear": (make_pipeline(StandardScaler(), LinearRegression()), DATA, TARGET),
    "network": (
        make_pipeline(
            StandardScaler(), MLPClassifier(hidden_layer_sizes=(3,), max_iter=50, random_state=0)
        ),
        FLOWERS, KINDS == 1,
    ),
    "relu": (
        make_pipeline(
            StandardScaler(), MLPRegressor(hidden_layer_sizes=(2, 2), max_iter=50, random_state=0)
        ),
        DATA[["bmi", "bp"]], TARGET,
    ),
}  # fmt: skip


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_what_is_written_is_parsed_by_sqlglot(dialect, name):
    model, X, y = SMALL[name]
    text = cf.read(model.fit(X, y)).to("sql", dialect=dialect, keep="id")
    for kind in ("select", "view"):
        text = cf.read(model).to("sql", dialect=dialect, keep="id", kind=kind)
        # sqlglot does not know Oracle's 0.5d, a double.
        text = re.sub(r"(\d)d\b", r"\1", text) if dialect == "oracle" else text
        (parsed,) = sqlglot.parse(text, read=GLOT.get(dialect, dialect))
        assert not parsed.find(sqlglot.exp.Command)


@pytest.mark.parametrize("dialect", [*EVERYDAY, "mysql", "sqlserver", "snowflake", "bigquery",
                                     "oracle", "clickhouse", "postgres", "spark"])  # fmt: skip
def test_a_small_tree_reads_as_somebody_would_write_it(dialect):
    """What is not executed anywhere (see the page on SQL) is at least looked at."""
    model = DecisionTreeClassifier(max_depth=2, random_state=0).fit(FLOWERS, KINDS)
    text = cf.read(model).only("label", "P(1)").to("sql", dialect=dialect, keep="id")
    text = re.sub(r"closedform [\d.]+", "closedform", text)
    assert text == (GOLDEN / f"{dialect}.sql").read_text("utf-8")


def test_a_model_of_dbt_refers_to_its_table_and_holds_no_jinja_of_ours():
    kind = ops.input_(0, Type.LABEL)
    formula = Formula(
        {"y": ops.table(kind, {"{{ env_var('X') }}": 1.0, "{% raw %}": 2.0}, 0.0)},
        (Feature("{# k #}", Type.LABEL, ("{{ env_var('X') }}",)),),
    )
    text = formula.to("sql", kind="dbt", table="orders")
    assert text.startswith("{{ config(materialized='view') }}\n\n--")
    assert "FROM {{ ref('orders') }} t" in text
    plain = text.replace("{{ config(materialized='view') }}", "").replace("{{ ref('orders') }}", "")
    assert "{{" not in plain.replace("{{ '{' }}", "")
    assert "FROM {{ source('shop', 'orders') }} t" in formula.to(
        "sql", kind="dbt", table="shop.orders"
    )
    rendered = (
        text.split("\n", 2)[2].replace("{{ '{' }}", "{").replace("{{ ref('orders') }}", "data")
    )
    connection = duckdb.connect()
    connection.execute("""CREATE TABLE data ("{# k #}" VARCHAR)""")
    connection.execute("INSERT INTO data VALUES (?)", ["{{ env_var('X') }}"])
    assert connection.execute(rendered).fetchall() == [(1.0,)]


def test_the_properties_of_a_model_of_dbt_list_its_columns_and_classes():
    yaml = pytest.importorskip("yaml")

    names = load_iris().target_names
    formula = cf.read(DecisionTreeClassifier(max_depth=2).fit(FLOWERS, names[KINDS]))
    found = yaml.safe_load(formula.to("sql", kind="schema", name="flowers"))
    (model,) = found["models"]
    assert model["name"] == "flowers"
    assert [c["name"] for c in model["columns"]] == list(formula.outputs)
    (test,) = model["columns"][0]["data_tests"]
    assert test["accepted_values"]["values"] == names.tolist()


def test_a_column_that_the_table_lacks_is_an_error_in_sqlite_too():
    # There, a name in double quotes that is no column is a text.
    formula = Formula({"y": ops.lin(0, (2, A))}, (Feature("a"),))
    connection = sqlite3.connect(":memory:")
    connection.execute("CREATE TABLE data (b REAL)")
    with pytest.raises(sqlite3.OperationalError, match="no such column"):
        connection.execute(formula.to("sql", dialect="sqlite"))


def test_columns_of_whole_numbers_and_decimals_are_read_as_doubles():
    formula = Formula({"y": ops.div(A, B)}, (Feature("a"), Feature("b")))
    connection = duckdb.connect()
    connection.execute("CREATE TABLE data AS SELECT 1 AS a, 3.0::DECIMAL(5, 2) AS b")
    assert connection.execute(formula.to("sql")).fetchall() == [(1 / 3,)]


def test_a_frame_is_scored_where_it_lies():
    model = LogisticRegression(max_iter=500).fit(FLOWERS, KINDS)
    data = pd.DataFrame(FLOWERS)  # DuckDB finds it by its name
    found = duckdb.sql(cf.read(model).to("sql")).fetchall()
    assert [row[0] for row in found] == model.predict(data).tolist()
