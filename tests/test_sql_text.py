"""SQL as text: its options, views, models of dbt; parsed by sqlglot, and looked at."""

import math
import re
import sqlite3
from dataclasses import replace
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
import sqlglot
from sklearn.datasets import load_diabetes, load_iris
from sklearn.ensemble import GradientBoostingRegressor, RandomForestClassifier
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
from closedform.printers.sql.dialects import DIALECTS
from closedform.verify.running.sql import ENGINES

EVERYDAY = ["duckdb", "sqlite"]
FLOWERS, KINDS = load_iris(return_X_y=True, as_frame=True)
DATA, TARGET = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
A, B = ops.input_(0), ops.input_(1)

GOLDEN = Path(__file__).parent / "golden" / "sql"


def connected(rows, engine="duckdb"):
    connection = duckdb.connect() if engine == "duckdb" else sqlite3.connect(":memory:")
    names = ", ".join(f'"{c}" DOUBLE' for c in rows)
    connection.execute(f"CREATE TABLE flowers (id INTEGER, {names})")
    marks = ", ".join("?" * (len(rows.columns) + 1))
    listed = [(i, *row) for i, row in enumerate(rows.to_numpy().tolist())]
    if listed:
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
        ({"keep": ["id", "ID"]}, "kept twice"),
        ({"keep": [""]}, "no column to keep"),
        ({"kind": "view", "name": ""}, "no name of a view"),
        ({"kind": "dbt", "table": "db.shop.orders"}, "two names"),
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


GLOT = {"sqlserver": "tsql", "mariadb": "mysql"}


SMALL = {
    "tree": (DecisionTreeClassifier(max_depth=2, random_state=0), FLOWERS, KINDS),
    "linear": (make_pipeline(StandardScaler(), LinearRegression()), DATA, TARGET),
    "forest": (RandomForestClassifier(8, max_depth=6, random_state=0), FLOWERS, KINDS),
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


@pytest.mark.parametrize("dialect", [d for d in DIALECTS if d != "databricks"])
def test_a_small_tree_reads_as_somebody_would_write_it(dialect):
    """What is not executed anywhere (see the page on SQL) is at least looked at."""
    model = DecisionTreeClassifier(max_depth=2, random_state=0).fit(FLOWERS, KINDS)
    text = cf.read(model).only("label", "P(1)").to("sql", dialect=dialect, keep="id")
    text = re.sub(r"closedform [\d.]+", "closedform", text)
    assert text == (GOLDEN / f"{dialect}.sql").read_text("utf-8")


def test_names_are_escaped_or_changed_where_an_engine_would_read_them_otherwise():
    inputs = (Feature("a\\"), Feature("inf"), Feature("blank\t"), Feature("😀"), Feature("plain"))
    total = ops.lin(0, *((1, ops.input_(i)) for i in range(5)))
    formula = Formula({"y": total}, inputs)
    in_clickhouse = formula.to("sql", dialect="clickhouse")
    assert r't."a\\"' in in_clickhouse  # a backslash escapes the quote in a name there
    assert 't."inf"' in in_clickhouse
    assert not re.search(r"(?m)\binf\b(?!\")", in_clickhouse)  # bare, it is a number there
    for dialect in ("mysql", "mariadb"):
        text = formula.to("sql", dialect=dialect)
        assert "t.`a\\`" in text and "t.`plain`" in text
        for name in ("blank\\t", "😀"):
            assert re.search(rf"-- The column '{re.escape(name)}' is called '\w+' here", text)


def test_the_setting_of_clickhouse_is_the_last_line_and_no_other_engine_has_it():
    formula = cf.read(logistic())
    setting = "SETTINGS short_circuit_function_evaluation = 'disable'\n"
    for dialect in DIALECTS:
        for kind in ("select", "view", "dbt"):
            text = formula.to("sql", dialect=dialect, kind=kind)
            assert text.endswith(setting) is (dialect == "clickhouse")


def test_the_page_on_sql_says_which_engines_ran_what_is_written():
    page = (Path(__file__).parent.parent / "docs" / "sql.md").read_text("utf-8")
    rows = page.partition("| dialect | tested by |")[2].partition("\n\n")[0].splitlines()[2:]
    told = {re.split(" [≥|,]", row.removeprefix("| "))[0]: row for row in rows}
    assert set(told) == {engine.title for engine in DIALECTS.values()}
    for name, engine in DIALECTS.items():
        assert ("**not executed" in told[engine.title]) is not engine.executed, name
        assert (name in ENGINES) is (engine.executed or name == "databricks")


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


def logistic():
    return make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(FLOWERS, KINDS)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_rows_that_are_refused_are_told_in_one_column_of_the_first_stage(dialect):
    text = cf.read(logistic()).to("sql", dialect=dialect)
    stages = text.split("step_2")
    assert len(re.findall(r"END AS refused", text)) == stages[0].count("AS refused") == 1
    assert text.count("refused = 1 ") == 1  # for the class: the numbers are missing by themselves
    assert "sepal_length_cm" not in text.split("FROM given")[1]
    assert not re.search(r"1(\.0\w*)?\s+ELSE 0\S*\s+END = 1", text)


def test_nan_is_made_null_only_where_something_tells_the_two_apart():
    linear = cf.read(make_pipeline(StandardScaler(), LinearRegression()).fit(DATA, TARGET))
    assert linear.to("sql").count("NULLIF") == 1
    in_postgres = linear.to("sql", dialect="postgres")
    assert in_postgres.count("NULLIF") == len(DATA.columns) + 1  # the size of each is asked for
    assert "NULLIF(ABS" not in in_postgres
    text = cf.read(logistic()).to("sql")
    assert text.count("NULLIF") == 4 + 3 + 3  # inputs, scores that are compared, probabilities
    rows = pd.DataFrame(FLOWERS.to_numpy()[:4], columns=FLOWERS.columns)
    rows.iloc[0, 0], rows.iloc[1, 1], rows.iloc[2, 0] = None, math.nan, math.inf
    rows.iloc[2, 2] = math.inf
    found = duckdb.sql(cf.read(logistic()).to("sql", table="rows")).fetchall()
    wanted = cf.read(logistic()).evaluate(rows)
    assert found[0] == found[1] == (None,) * 7
    assert [None if v != v else v for v in wanted["P(0)"][2:].tolist()] == pytest.approx(
        [row[1] for row in found[2:]]
    )


def test_the_sign_of_what_is_not_a_number_is_missing():
    # inf − inf is NaN, whose sign is 0 in DuckDB and in PostgreSQL.
    formula = Formula(
        {"y": ops.unary("sign", ops.lin(0, (1, A), (-1, B)))}, (Feature("a"), Feature("b"))
    )
    data = pd.DataFrame({"a": [math.inf, 2.0], "b": [math.inf, 1.0]})  # noqa: F841
    assert duckdb.sql(formula.to("sql")).fetchall() == [(None,), (1.0,)]


def test_the_opposite_of_a_test_is_written_as_one():
    C = ops.input_(2, Type.LABEL)
    inputs = (Feature("a"), Feature("b"), Feature("c", Type.LABEL, ("x", "y")))
    one, two = ops.const(1), ops.const(2)
    tests = {
        "less": ops.less(A, B), "equal": ops.equal(A, one), "among": ops.member(C, ("x", "y")),
        "is": ops.equal(C, ops.label("x")), "either": ops.either(ops.less(A, one), ops.missing(B)),
        "known": ops.either(ops.member(C, ("x",)), ops.missing(C)),
        "where": ops.where(ops.missing(A), ops.boolean(True), ops.less(B, two)),
    }  # fmt: skip
    outputs = {k: ops.where(ops.negate(t), one, two) for k, t in tests.items()}
    formula = Formula(outputs, inputs)
    text = formula.to("sql")
    assert "a >= b OR a IS NULL OR b IS NULL" in text
    assert "END = 1" not in text
    data = pd.DataFrame(
        {"a": [1.0, None, 3.0, 0.5], "b": [2.0, 1.0, None, 0.5], "c": ["x", None, "y", "z"]}
    )
    wanted = formula.evaluate(data)
    for name, column in duckdb.sql(text).df().items():
        assert column.tolist() == wanted[name].tolist(), name


def test_no_select_has_more_columns_than_the_engine_takes():
    many = [ops.absolute(ops.lin(i / 7, (math.sin(i), A), (i / 9, B))) for i in range(1200)]
    formula = Formula({"y": ops.linear(0.5, [1.0] * 1200, [ops.mul(v, v) for v in many])},
                      (Feature("a"), Feature("b")))  # fmt: skip
    text = re.sub(r"(\d)d\b", r"\1", formula.to("sql", dialect="oracle"))
    parsed = sqlglot.parse_one(text, read="oracle")
    widths = [len(select.expressions) for select in parsed.find_all(sqlglot.exp.Select)]
    assert sum(widths) > 1200
    assert max(widths) <= DIALECTS["oracle"].columns
    # The same stages, where they can be run: Oracle's limit in SQLite.
    narrow = replace(DIALECTS["sqlite"], columns=200)
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(DIALECTS, "sqlite", narrow)
        X = {"a": [0.5, math.nan], "b": [1.0, 2.0]}
        found = cf.verify_program(formula, "sql", X, made_up=False, dialect="sqlite")
    assert found.ok, found


def test_more_outputs_than_the_engine_has_columns_are_refused():
    formula = Formula({f"y{i}": ops.lin(i, (1, A)) for i in range(1001)}, (Feature("a"),))
    with pytest.raises(UnsupportedTarget, match=r"1,002 columns .* Oracle takes 1,000"):
        formula.to("sql", dialect="oracle", keep="id")
    assert formula.to("sql", keep="id")


def test_duckdb_plans_no_more_than_ten_large_trees_at_once():
    # 150 in one SELECT were planned in 13 s, ten in each of 15 in 2 s.
    X, y = FLOWERS.to_numpy(), KINDS.to_numpy()
    noise = (y + np.random.default_rng(0).integers(0, 2, len(y))) % 3
    model = RandomForestClassifier(15, random_state=0).fit(X, noise)
    text = cf.read(model).to("sql")
    stages = re.split(r"\), step_\d+ AS", text)
    assert max(s.count("tree_") and s.count("END AS tree_") for s in stages) <= 11
    assert cf.verify_program(cf.read(model), "sql", X, model=model).ok


def test_an_empty_table_gives_no_rows_and_keeps_its_columns():
    for engine in EVERYDAY:
        connection = connected(FLOWERS.iloc[:0], engine)
        query = cf.read(logistic()).to("sql", table="flowers", keep="id", dialect=engine)
        cursor = connection.execute(query)
        assert [d[0] for d in cursor.description][:2] == ["id", "label"]
        assert cursor.fetchall() == []


def test_numbers_are_read_from_columns_of_any_type_and_labels_from_whole_ones():
    kind = ops.input_(2, Type.LABEL)
    value = ops.lin(0, (1, A), (10, B), (100, ops.table(kind, {"1": 1.0, "2": 2.0}, 3.0, 4.0)))
    formula = Formula({"y": value}, (Feature("a"), Feature("b"), Feature("k", Type.LABEL)))
    connection = duckdb.connect()
    connection.execute("CREATE SCHEMA shop")
    connection.execute("CREATE TABLE shop.orders (id INTEGER, a DECIMAL(9, 3), b BOOLEAN, k INT)")
    rows = [(1, 0.125, True, 1), (2, 2, False, 2), (3, 1, True, 7), (4, 1, True, None)]
    connection.executemany("INSERT INTO shop.orders VALUES (?, ?, ?, ?)", rows)
    model = formula.to("sql", kind="dbt", table="shop.orders", keep="id")
    body = model.split("\n", 2)[2].replace("{{ source('shop', 'orders') }}", "shop.orders")
    wanted = [(1, 110.125), (2, 202.0), (3, 311.0), (4, 411.0)]
    assert connection.execute(body).fetchall() == wanted
    view = formula.to("sql", kind="view", name="shop.scored", table="shop.orders", keep="id")
    connection.execute(view)
    assert connection.execute("SELECT * FROM shop.scored ORDER BY id").fetchall() == wanted
