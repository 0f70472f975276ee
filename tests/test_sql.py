"""SQL: run in DuckDB and SQLite; among the slow tests in every other engine that is here."""

import math
from functools import partial

import duckdb
import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_diabetes
from sklearn.tree import DecisionTreeRegressor

import closedform as cf
from closedform import ops
from closedform.errors import ClosedformError, UnsupportedTarget
from closedform.formula import Feature, Formula
from closedform.ir import Type
from closedform.ops.payloads import Pieces
from closedform.passes import double_sums
from closedform.printers.sql.dialects import DIALECTS
from closedform.verify.running import clickhouse, mysql, postgres, spark
from closedform.verify.running.sql import run_sql
from programs import left_to_right
from strategies import BUILD, LABELS, formulas, rows
from test_c import relabelled, unknown_as_itself
from test_hostile_names import NAMES, assert_names_stay_names
from test_targets import FEATURES, MODELS, ONE, ROWS

EVERYDAY = ["duckdb", "sqlite"]
# The functions of engines differ in the last bit; they are compared op by op.
EXACT = set(BUILD) - {"pow", *ops.UNARY} | {"abs", "sqrt", "floor", "sign", "round32"}
# Of two zeros that are the k-th, either is right; a division by it tells them apart.
AMONG = st.sampled_from([sorted(EXACT - {"kth"}), sorted(EXACT - {"div"})])
DATA, TARGET = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
A, B = ops.input_(0), ops.input_(1)
KIND = ops.input_(2, Type.LABEL)


def there(tool):
    try:
        tool()
    except ClosedformError:
        return False
    return True


TOOLS = {
    "postgres": postgres.tool,
    "mysql": mysql.tool,
    "mariadb": partial(mysql.tool, "mariadb"),
    "clickhouse": clickhouse.tool,
    "spark": spark.tool,
    "databricks": spark.tool,
}
"""What runs the dialects that only the slow tests run."""
# Python for Spark warns about the versions of what it finds.
SLOW = [
    pytest.param(name, marks=[pytest.mark.slow, pytest.mark.filterwarnings("ignore")])
    for name in TOOLS
]


def require(dialect):
    if not there(TOOLS.get(dialect, lambda: None)):
        pytest.skip(f"there is no {DIALECTS[dialect].title}")


def no_infinity(values, dialect):
    """What is infinite is NULL in an engine that has no infinity, in tables and in answers."""
    if not DIALECTS[dialect].finite:
        return values
    return [None if isinstance(v, float) and math.isinf(v) else v for v in values]


def finite(n):
    """Return a node that is missing where it is infinite."""
    return ops.where(ops.less(ops.absolute(n), ops.const(math.inf)), n, ops.const(math.nan))


def ran(formula, X, dialect="duckdb", **options):
    columns = [[math.nan if v is None and f.type is not Type.LABEL else v for v in X[f.name]]
               for f in formula.inputs]  # fmt: skip
    text = formula.to("sql", dialect=dialect, **options)
    found, error = run_sql(
        text, formula.inputs, columns, [*formula.outputs], {"dialect": dialect, **options}
    )
    assert not error, (error, text)
    return found


def near(a, b):
    """The same label; or the same number but for a few roundings; NULL is NaN."""
    if isinstance(a, str) or isinstance(b, str):
        return a == b
    a, b = (math.nan if v is None else float(v) for v in (a, b))
    return (a != a and b != b) or a == b or abs(a - b) <= 1e-12 * max(abs(a), abs(b))


def assert_near(found, wanted):
    assert list(found) == list(wanted)
    for name, column in wanted.items():
        assert len(found[name]) == len(column)
        for i, v in enumerate(column):
            assert near(found[name][i], v), (name, i, found[name][i], v)


@pytest.mark.parametrize("dialect", EVERYDAY)
@settings(max_examples=40, phases=[Phase.generate])  # of 8 outputs each: some 0.1 s
@given(
    AMONG.flatmap(lambda among: formulas(outputs=8, size=40, among=among)), rows(), st.booleans()
)
def test_every_formula_runs_and_is_equal(dialect, formula, X, as_text):
    new = {v: f"{v}" if as_text else float(i) for i, v in enumerate(LABELS)}
    X = X | {"kind": [v if as_text or v in new else None for v in X["kind"]]}
    formula, X = relabelled(formula, X, new)
    if dialect == "sqlite":
        formula = double_sums(formula)
    wanted = left_to_right(formula, X)
    assert_near(unknown_as_itself(ran(formula, X, dialect), wanted, X), wanted)


def test_what_no_tree_tests_is_not_computed():
    x = [ops.absolute(ops.input_(i)) for i in range(3)]
    grid = np.random.default_rng(0).normal(size=(50, 3))
    stump = cf.read(DecisionTreeRegressor(max_depth=1).fit(grid, grid[:, 1])).roots[0].data
    formula = Formula(
        {"y": ops.tree(stump.splits, stump.values, x), "z": ops.sqrt(x[1])},
        tuple(Feature(f"x{i}") for i in range(3)),
    )
    columns = {f"x{i}": grid[:, i].tolist() for i in range(3)}
    assert_near(ran(formula, columns), formula.evaluate(grid))


WITHOUT = {"sqlite": {"sum32"}}
"""What a dialect refuses."""


def all_ops(dialect):
    return {k: n for k, n in ONE.items() if k not in WITHOUT.get(dialect, ())}


@pytest.mark.parametrize("dialect", ["sqlite", *SLOW])
def test_every_op_means_the_same(dialect):
    require(dialect)
    outputs = all_ops(dialect)
    # The sign of a zero that something is divided by is told apart in DuckDB alone.
    outputs["div"] = ops.div(A, ops.absolute(B))
    if DIALECTS[dialect].finite:
        for name in ("div", "log", "probit"):
            outputs[name] = finite(outputs[name])
    found = cf.verify_program(Formula(outputs, FEATURES), "sql", ROWS, tolerance=1e-12,
                              dialect=dialect)  # fmt: skip
    assert found.ok, found


@pytest.mark.parametrize("dialect", ["sqlite", *SLOW])
@pytest.mark.parametrize("name", MODELS)
def test_the_program_of_a_model_gives_what_the_model_gives(dialect, name):
    require(dialect)
    model, X = MODELS[name]
    found = cf.verify_program(cf.read(model), "sql", X, model=model, dialect=dialect, limit=300)
    assert found.ok, found
    assert found.labels_differ == 0


@pytest.mark.parametrize("dialect", ["sqlite", *SLOW])
def test_hostile_names_stay_names(dialect):
    require(dialect)
    rng = np.random.default_rng(0)
    assert_names_stay_names_in(dialect, NAMES, ["a", "b"], ["y", "kind", "code"], rng)
    assert_names_stay_names_in(dialect, ["x", "kind"], NAMES, NAMES[:3], rng)
    assert_names_stay_names_in(dialect, ["x", "kind"], ["a", "b"], NAMES[3:6], rng)


def assert_names_stay_names_in(dialect, names, labels, outputs, rng):
    original = cf.verify_program

    def checked(formula, target, X, **options):
        return original(formula, target, X, dialect=dialect, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cf, "verify_program", checked)
        assert_names_stay_names("sql", names, labels, outputs, rng)


EXTREME = [0.0, -1.0, 1e-300, -1e300, 1.7976931348623157e308, 5e-324, 745.2, -745.2, 1e4,
           math.inf, -math.inf, math.nan, 0.5, -2.5]  # fmt: skip


@pytest.mark.parametrize("dialect", [*EVERYDAY, *SLOW])
def test_no_row_fails_a_query(dialect):
    require(dialect)
    X = {"a": [v for v in EXTREME for _ in EXTREME], "b": EXTREME * len(EXTREME)}
    X["kind"] = ["red"] * len(X["a"])
    outputs = all_ops(dialect) | {
        "powers": ops.power(A, B),
        "cubic": ops.piecewise(
            A, Pieces.of([0.0], [[1.0, 2.0, 1.0, 3.0], [0.5, 0.0, 2.0, 1.0]], missing=7.0)
        ),
        "products": ops.mul(A, A, A, B),
        "ratio": ops.div(ops.exp(A), ops.lin(0, (1, ops.exp(B)), (1e-200, A))),
    }
    found = ran(Formula(outputs, FEATURES), X, dialect)
    assert {len(column) for column in found.values()} == {len(X["a"])}


DEGENERATE = {
    "a constant": {"y": ops.const(2.5)},
    "a missing constant": {"y": ops.const(math.nan)},
    "a class": {"y": ops.label("it's")},
    "an input": {"y": A, "z": A},
    "a label passed through": {"y": KIND},
    "one used by another": {"y": ops.lin(1, (2, A)), "z": ops.lin(0, (3, ops.lin(1, (2, A))))},
    "a truth": {"y": ops.less(A, B), "z": ops.negate(ops.less(A, B))},
    "a truth of truths": {"y": ops.where(ops.less(A, B), ops.missing(A), ops.less(B, A))},
    "infinite": {"y": ops.where(ops.less(A, ops.const(math.inf)), ops.const(-math.inf), A)},
}
SOME = {"a": [1.0, None, 0.5, math.inf], "b": [2.0, 1.0, None, 0.0], "kind": ["A", None, "?", "'"]}


@pytest.mark.parametrize("dialect", [*EVERYDAY, *SLOW])
@pytest.mark.parametrize("case", DEGENERATE)
def test_degenerate_formulas(dialect, case):
    require(dialect)
    formula = Formula(DEGENERATE[case], FEATURES)
    rows = SOME | {"a": no_infinity(SOME["a"], dialect)}
    evaluated = formula.evaluate(rows)
    wanted = {k: no_infinity(v.tolist(), dialect) for k, v in evaluated.items()}
    found = ran(formula, rows, dialect)
    if case == "a label passed through":
        assert found["y"] == SOME["kind"]
    else:
        assert_near(found, wanted)


def test_no_inputs_at_all_give_a_row_for_each_row():
    formula = Formula({"y": ops.const(1.5)}, ())
    connection = duckdb.connect()
    connection.execute("CREATE TABLE data AS SELECT * FROM range(3)")
    assert connection.execute(formula.to("sql")).fetchall() == [(1.5,)] * 3


def test_rows_that_the_model_refuses_are_null_in_every_output():
    inputs = (Feature("a", missing=False), Feature("b"),
              Feature("kind", Type.LABEL, ("A", "B"), unseen=False))  # fmt: skip
    chosen = ops.where(ops.missing(A), ops.label("x"), ops.label("y"))
    formula = Formula({"n": ops.where(ops.missing(A), ops.const(1), B), "k": chosen}, inputs)
    X = {"a": [1, math.nan, 1, 1], "b": [2.0] * 4, "kind": ["A", "A", "?", None]}
    wanted = {"n": [2.0, None, None, 2.0], "k": ["y", None, None, "y"]}
    for dialect in EVERYDAY:
        assert ran(formula, X, dialect) == wanted


def test_a_negated_comparison_with_null_is_true():
    test = ops.negate(ops.either(ops.less(A, B), ops.negate(ops.less_equal(A, ops.const(9)))))
    formula = Formula({"y": ops.where(test, ops.const(1), ops.const(2))}, FEATURES)
    wanted = {k: v.tolist() for k, v in formula.evaluate(SOME).items()}
    for dialect in EVERYDAY:
        assert_near(ran(formula, SOME, dialect), wanted)


def booster(dialect, trees=4, depth=3, rows=400):
    import xgboost

    model = xgboost.XGBRegressor(n_estimators=trees, max_depth=depth, n_jobs=1)
    model.fit(DATA[:rows].to_numpy(), TARGET[:rows])
    return model, cf.read(model)


@pytest.mark.parametrize("dialect", ["duckdb", *SLOW])
def test_a_booster_in_float32_is_exact_to_the_bit(dialect):
    require(dialect)
    model, formula = booster(dialect, trees=60)
    X = DATA.to_numpy().copy()
    X[::7, 3] = math.nan
    found = ran(formula, {f.name: X[:, i] for i, f in enumerate(formula.inputs)}, dialect)
    wanted = model.predict(X)
    np.testing.assert_array_equal(np.array(found[formula.answer[0]], np.float32), wanted)


@pytest.mark.parametrize("dialect", ["sqlite", "snowflake", "bigquery"])
def test_an_engine_without_float32_says_how_to_do_without(dialect):
    _, formula = booster(dialect)
    with pytest.raises(UnsupportedTarget, match="sum32") as refusal:
        formula.to("sql", dialect=dialect)
    assert "double_sums" in refusal.value.hint
    assert double_sums(formula).to("sql", dialect=dialect)


@given(st.lists(st.floats(width=64, allow_nan=False), min_size=20, max_size=60))
@settings(max_examples=30)
def test_rounding_to_float32_in_doubles_is_exact(values):
    halves = np.float32(np.random.default_rng(0).normal(size=20)).astype(float)
    ties = (halves + np.nextafter(np.float32(halves), np.float32(9)).astype(float)) / 2
    values = [*values, *ties.tolist(), *(-ties).tolist(), 1e-45, 7e-46, 1.4e-45, 3.4e38, 2.0**-126]
    formula = Formula({"y": ops.round32(A)}, (Feature("a"),))
    found = ran(formula, {"a": values}, "sqlite")["y"]
    with np.errstate(over="ignore"):
        assert found == np.float32(values).astype(float).tolist()


def test_text_grows_with_the_formula_and_no_faster():
    def chain(count):
        x = A
        for _ in range(count):
            x = ops.lin(0.1, (0.5, ops.mul(x, x)), (0.25, x))
        return Formula({"y": x}, (Feature("x"),))

    short, long = (chain(n) for n in (20, 200))
    for dialect, engine in DIALECTS.items():
        if engine.stages:
            continue
        sizes = [len(f.to("sql", dialect=dialect)) for f in (short, long)]
        assert sizes[1] < 14 * sizes[0], dialect
    for dialect in EVERYDAY:
        assert cf.verify_program(long, "sql", {"x": [0.1, 0.5, -0.7]}, dialect=dialect).ok


def test_more_stages_than_the_engine_takes_are_refused():
    deep = A
    for _ in range(40):
        deep = ops.tanh(ops.lin(0.1, (0.9, deep)))
    with pytest.raises(UnsupportedTarget, match="SELECTs would stand in one another, and MySQL"):
        Formula({"y": deep}, FEATURES).to("sql", dialect="mysql")


@pytest.mark.parametrize("dialect", [*EVERYDAY, *SLOW])
def test_long_sums_and_deep_chains_are_no_limit(dialect):
    require(dialect)
    # Spark plans 3,000 for minutes.
    count = 300 if dialect in ("spark", "databricks") else 3000
    terms = [ops.lin(0, (1.5, ops.input_(i % 3)), (float(i), B)) for i in range(count)]
    total = ops.linear(0.5, np.arange(1, count + 1) / 7, terms)
    deep = A
    for _ in range(5 if DIALECTS[dialect].stages else count // 10):
        deep = ops.tanh(ops.lin(0.1, (0.9, deep)))
    largest = ops.maximum(*(ops.lin(i / 300, (1, A)) for i in range(300)))
    formula = Formula({"y": total, "z": deep, "m": largest}, tuple(map(Feature, "abc")))
    X = {"a": [1.0, math.nan, 0.3], "b": [0.5, 1.0, 2.0], "c": [0.0, 1.0, -4.0]}
    assert cf.verify_program(formula, "sql", X, made_up=False, dialect=dialect).ok


@pytest.mark.parametrize("dialect", [*EVERYDAY, *SLOW])
def test_a_thousand_categories_and_two_hundred_classes_are_no_limit(dialect):
    require(dialect)
    names = [f"c'{i}" for i in range(1000)]
    coded = ops.table(KIND, {v: i / 8 for i, v in enumerate(names)}, -1.0, -2.0)
    scores = [ops.lin(i / 7, (math.sin(i), A), (1, coded)) for i in range(200)]
    label = cf.formula.label_of(scores, [f"k{i}" for i in range(200)])
    inputs = (Feature("a"), Feature("b"), Feature("kind", Type.LABEL, tuple(names)))
    formula = Formula({"label": label, "coded": coded}, inputs)
    X = {
        "a": [float(i) - 9 for i in range(20)],
        "b": [0.0] * 20,
        "kind": [*names[::60], "?", None, "c'1"],
    }
    assert cf.verify_program(formula, "sql", X, dialect=dialect, made_up=False).ok


@pytest.mark.parametrize("dialect", EVERYDAY)
def test_a_tree_as_deep_as_it_likes_is_no_limit(dialect):
    x = 2.0 ** np.arange(300)[:, None] / 1e60
    model = DecisionTreeRegressor().fit(np.hstack([x, -x]), np.arange(300) % 7)
    rows = np.hstack([x, -x])
    found = cf.verify_program(cf.read(model), "sql", rows, model=model, dialect=dialect)
    assert found.ok, found


def test_a_label_may_hold_the_sign_of_a_soft_break():
    formula = Formula(
        {"y": ops.where(ops.less(A, B), ops.label("a\x1fb"), ops.label("c"))}, FEATURES
    )
    assert ran(formula, SOME)["y"] == ["a\x1fb", "c", "c", "c"]
