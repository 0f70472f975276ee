"""A compiled formula gives what the formula gives: for many rows, for one, and on threads."""

import math
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest
import xgboost
from hypothesis import given, settings
from hypothesis import strategies as st
from lightgbm import LGBMClassifier, LGBMRegressor
from sklearn.ensemble import (
    GradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neural_network import MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeRegressor

import closedform as cf
from closedform import ops as o
from closedform.errors import BadInput
from closedform.evaluate import roots_of
from closedform.formula import Feature, Formula, Task
from closedform.native import forest as layout
from closedform.native.forest import forests, total_of
from closedform.native.plan import CompiledPlan
from closedform.native.tape import Tape
from strategies import BUILD, GRID, formulas, rows, trees

rng = np.random.default_rng(0)
WIDE = rng.normal(size=(3000, 6)).round(2)
TARGET = WIDE[:, 0] * WIDE[:, 1] + np.sin(WIDE[:, 2])
LABELS = np.array(["a", "b", "c"])[np.digitize(TARGET, [-0.3, 0.4])]
HOLED = np.where(rng.random(WIDE.shape) < 0.1, np.nan, WIDE)

EXACT = sorted(
    set(BUILD)
    - {"exp", "log", "log1p", "expm1", "tanh", "sigmoid", "softplus", "erf", "probit", "sin", "cos"}
    - {"atan", "asin", "acos", "pow", "lin", "squared_distance"}
)
"""Operations whose every bit is told by their meaning."""


def same(a, b):
    """Whether two columns hold the same values, missing ones included."""
    a, b = np.asarray(a, object), np.asarray(b, object)
    return all(x == y or (x != x and y != y) for x, y in zip(a, b, strict=True))


def close(a, b):
    """Whether two columns are the same to a few units of rounding of what they are made from."""
    a, b = np.asarray(a), np.asarray(b)
    if a.dtype.kind != "f" or b.dtype.kind != "f":
        return same(a, b)
    with np.errstate(all="ignore"):
        near = np.abs(a - b) <= 4 * np.spacing(np.maximum(np.abs(a), np.abs(b)))
    return bool((near | (a == b) | (np.isnan(a) & np.isnan(b))).all())


def by_rows(compiled, X, count):
    names = [f.name for f in compiled.formula.inputs]
    return [compiled.row(*(X[name][i] for name in names)) for i in range(count)]


@given(formulas(size=10, among=EXACT), rows())
def test_a_compiled_formula_gives_the_same_bits(f, X):
    wanted, found = f.evaluate(X), f.compile().evaluate(X)
    for name in f.outputs:
        assert same(wanted[name], found[name]), name


@given(formulas(size=10), rows())
def test_all_that_a_formula_can_hold_is_computed(f, X):
    wanted, found = f.evaluate(X), f.compile().evaluate(X)
    for name in f.outputs:
        assert close(wanted[name], found[name]), name


@given(formulas(outputs=1, size=10, among=EXACT), rows(count=12))
def test_one_row_at_a_time_gives_the_same_bits(f, X):
    assert same(f(X), by_rows(f.compile(), X, 12))


@pytest.mark.parametrize("name", sorted(BUILD))
@settings(max_examples=30)
@given(data=st.data())
def test_every_operation_has_a_step_or_goes_through_the_interpreter(name, data):
    n = data.draw(formulas(outputs=1, size=1, among=[name]))
    X = data.draw(rows(count=12, values=(*GRID, math.nan, 0.3, 1e-3, -17.5)))
    assert close(n(X), np.asarray(by_rows(n.compile(), X, 12), n(X).dtype))


def test_only_these_operations_have_no_step():
    inputs = [o.input_(i) for i in range(2)]
    made = [o.kth(1, *inputs), o.weighted_median([1, 2], inputs), *(
        o.unary(name, inputs[0]) for name in o.UNARY
    )]  # fmt: skip
    assert Tape(2, made, None).lacking == {"kth", "weighted_median", "erf", "probit"}


@settings(max_examples=100)
@given(st.data())
def test_every_kernel_of_trees_gives_the_same_bits(data):
    args = [o.input_(i) for i in range(3)]
    made = [data.draw(trees(3)) for _ in range(data.draw(st.integers(1, 6)))]
    nodes = [o.tree(t.splits, t.values, args) for t in made]
    total = o.linear(0.1, [1.0, *[0.3] * (len(nodes) - 1)], nodes)
    outputs = {"sum": total, "single": o.sum32(o.const(0.5), *nodes), "one": nodes[0]}
    f = Formula(outputs, tuple(Feature(f"x{i}") for i in range(3)))
    X = data.draw(rows())
    X = {name: X[name] for name in ("x0", "x1", "x2")}
    wanted = f.evaluate(X)
    for how in ("select8", "select16", "walk"):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(layout, "_kernel", lambda shapes, most, how=how: how)
            compiled = f.compile()
            found = compiled.evaluate(X)
        assert compiled._plans[tuple(outputs)][1].kernels == {how}
        assert all(same(wanted[name], found[name]) for name in outputs), how
        assert same(wanted["sum"], by_rows(f.only("sum").compile(), X, 40))
        assert same(wanted["single"], by_rows(f.only("single").compile(), X, 40))


BOOSTERS = {
    "xgboost": xgboost.XGBRegressor(n_estimators=30, max_depth=6, n_jobs=1),
    "xgboost classes": xgboost.XGBClassifier(n_estimators=5, n_jobs=1),
    "lightgbm": LGBMRegressor(n_estimators=30, verbose=-1, n_jobs=1),
    "lightgbm classes": LGBMClassifier(n_estimators=5, verbose=-1, n_jobs=1),
    "forest": RandomForestRegressor(10, random_state=0),
    "forest classes": RandomForestClassifier(10, max_depth=4, random_state=0),
    "gradient boosting": GradientBoostingClassifier(n_estimators=10, random_state=0),
    "one deep tree": DecisionTreeRegressor(random_state=0),
}


@pytest.mark.parametrize("name", BOOSTERS)
def test_trees_give_the_same_bits_at_their_thresholds(name):
    model, classes = BOOSTERS[name], "classes" in name or name == "gradient boosting"
    y = np.unique(LABELS, return_inverse=True)[1] if classes else TARGET
    X = HOLED if "boosting" not in name else WIDE
    f = cf.read(model.fit(X, y))
    rows = np.concatenate([X, thresholds(f), np.full((1, 6), np.inf), np.full((1, 6), -np.inf)])
    compiled = f.compile()
    wanted, found = f.evaluate(rows), compiled.evaluate(rows)
    assert compiled._plans[tuple(f.outputs)][1].kernels
    assert all(same(wanted[k], found[k]) for k in f.outputs)
    assert same(f(rows[-40:]), [compiled.row(x) for x in rows[-40:]])


def thresholds(f):
    """Rows at every threshold, and one unit of rounding to either side."""
    made = []
    for n in f.nodes:
        if n.op is o.TREE:
            s = n.data.splits
            for i in np.flatnonzero(~s.leaf)[:40]:
                for t in (s.threshold[i], *np.nextafter(s.threshold[i], [-np.inf, np.inf])):
                    row = WIDE[len(made) % len(WIDE)].copy()
                    row[s.feature[i]] = t
                    made.append(row)
    return np.array(made)


def test_many_thresholds_take_two_bytes_and_deep_trees_are_walked():
    forest = cf.read(RandomForestRegressor(40, max_depth=7, random_state=0).fit(WIDE, TARGET))
    assert CompiledPlan(roots_of(forest), np.float64, True).kernels == {"select16"}
    deep = cf.read(DecisionTreeRegressor(random_state=0).fit(WIDE, TARGET))
    assert CompiledPlan(roots_of(deep), np.float64, True).kernels == {"walk"}


def test_a_forest_with_too_many_thresholds_is_cut_into_several(monkeypatch):
    model = RandomForestRegressor(8, max_depth=5, random_state=0).fit(WIDE, TARGET)
    f = cf.read(model)
    monkeypatch.setitem(layout.RANKS, "walk", 25)
    plan = CompiledPlan(roots_of(f), np.float64, True)
    assert len(next(iter(plan.forests.values()))) > 1
    assert same(f(WIDE), f.compile()(WIDE))


def test_thresholds_that_lie_unevenly_are_ranked_as_well():
    values = np.concatenate([np.linspace(0, 1e-9, 200), [1e300, -1e300, np.inf, -np.inf, 5e-324]])
    trees_ = []
    for t in values:
        s, _ = o.payloads.splits_from([1, -1, -1], [2, -1, -1], [0, 0, 0], [t, 0, 0])
        trees_.append(o.tree(s, [0, 1, 2.5], [o.input_(0)]))
    f = Formula({"y": o.linear(0, [1.0] * len(trees_), trees_)}, (Feature("x"),))
    near = np.concatenate([values, np.nextafter(values, np.inf), np.nextafter(values, -np.inf)])
    X = np.concatenate([near, [np.nan, 0.0, -0.0, 3.0]])[:, None]
    assert same(f(X), f.compile()(X))


def test_categories_of_lightgbm_are_asked_for_in_sets():
    X = pd.DataFrame({"a": WIDE[:, 0], "kind": rng.integers(0, 40, 3000)})
    X["kind"] = X["kind"].astype("category")
    model = LGBMRegressor(n_estimators=20, verbose=-1, n_jobs=1).fit(
        X, TARGET + X["kind"].cat.codes
    )
    f = cf.read(model)
    test = pd.DataFrame({"a": WIDE[:200, 0], "kind": [*range(-2, 48)] * 4})
    compiled = f.compile()
    assert same(f(test), compiled(test))
    values = test.to_dict("list")
    assert same(f(test), [compiled.row(values["a"][i], values["kind"][i]) for i in range(200)])


MODELS = {
    "linear": make_pipeline(StandardScaler(), Ridge()),
    "network": MLPRegressor(
        hidden_layer_sizes=(20, 20), activation="tanh", max_iter=30, random_state=0
    ),
    "classifier": make_pipeline(StandardScaler(), LogisticRegression()),
}


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.filterwarnings("ignore:Stochastic")
def test_layers_are_within_rounding_of_the_model(name):
    model = MODELS[name].fit(WIDE, LABELS if name == "classifier" else TARGET)
    f = cf.read(model)
    compiled, single = f.compile(), f.compile(precision="float")
    if name == "classifier":
        assert (compiled(WIDE) == model.predict(WIDE)).all()
        assert [compiled.row(*x) for x in WIDE[:20].tolist()] == model.predict(WIDE[:20]).tolist()
        return
    scale = np.abs(model.predict(WIDE)).max()
    assert np.abs(compiled(WIDE) - model.predict(WIDE)).max() < 1e-14 * scale
    one = [compiled.row(x) for x in WIDE]
    assert np.abs(one - model.predict(WIDE)).max() < 1e-14 * scale
    off = np.abs(single(WIDE.astype(np.float32)) - model.predict(WIDE)).max()
    assert 1e-12 * scale < off < 1e-5 * scale  # single precision, and really so


@pytest.mark.parametrize("count", [0, 1, 511, 513, 40_000])
def test_blocks_and_threads_do_not_show(count):
    f = cf.read(BOOSTERS["xgboost"].fit(WIDE, TARGET))
    X = rng.normal(size=(count, 6))
    wanted = f(X)
    for threads in (1, 2, 5):
        assert same(f.compile(threads=threads)(X), wanted)


def test_the_blocks_and_threads_of_a_sum_do_not_show():
    X = rng.normal(size=(40_001, 30))
    model = make_pipeline(StandardScaler(), Ridge()).fit(X[:200], X[:200, 0] - X[:200, 29])
    compiled = cf.read(model).compile()
    alone = np.concatenate([compiled(X[i : i + 1000]) for i in range(0, len(X), 1000)])
    assert np.abs(alone - model.predict(X)).max() < 1e-14 * np.abs(alone).max()
    for threads in (1, 2, 5):
        more = compiled.formula.compile(threads=threads)
        assert same(more(X), alone) and same(more(np.asfortranarray(X)), alone)
        assert same(more(X.astype(np.float32)), compiled(X.astype(np.float32).astype(float)))


def test_many_threads_may_call_one_object():
    f = cf.read(MODELS["linear"].fit(WIDE, TARGET))
    booster = cf.read(BOOSTERS["lightgbm"].fit(WIDE, TARGET)).compile(threads=2)
    parts = [rng.normal(size=(20_000, 6)) for _ in range(16)]
    wanted = [booster.formula(part) for part in parts]
    with ThreadPoolExecutor(8) as pool:
        assert all(map(same, pool.map(booster, parts), wanted))
        assert all(map(same, pool.map(f.compile(), parts), map(f, parts)))


def test_rows_come_in_every_form_that_a_formula_takes():
    f = cf.read(BOOSTERS["xgboost"].fit(pd.DataFrame(WIDE, columns=list("abcdef")), TARGET))
    compiled, frame = f.compile(), pd.DataFrame(WIDE, columns=list("abcdef"))
    wanted = f(WIDE)
    fixed = WIDE.copy()
    fixed.setflags(write=False)
    forms = [WIDE, frame, frame[list("fedcba")], frame.to_dict("list"), np.asfortranarray(WIDE)]
    for X in [*forms, fixed, WIDE[::-1][::-1], WIDE.tolist()]:
        assert same(compiled(X), wanted)
    row = WIDE[5]
    for values in [tuple(row), (row,), (row.tolist(),), (fixed[5],), (dict(frame.iloc[5]),)]:
        assert compiled.row(*values) == wanted[5]
    assert math.isfinite(compiled.row(None, *row[1:]))


def test_rows_of_singles_are_computed_in_doubles():
    xs = [o.input_(i) for i in range(2)]
    outputs = {"y": o.lin(0.1, (1, o.exp(xs[0])), (0.3, o.mul(*xs))), "x": xs[1]}
    f = Formula(outputs, (Feature("a"), Feature("b")))
    X = WIDE[:, :2].astype(np.float32)
    for precision in ("double", "float"):
        found = f.compile(precision=precision).evaluate(X)
        assert same(found["x"], X[:, 1].astype(np.float64))
        near = 0 if precision == "double" else 1e-6
        assert np.allclose(found["y"], f(X.astype(np.float64)), near, near)


def test_rows_that_the_model_refuses_are_missing():
    x, kind = o.input_(0), o.input_(1, o.Type.LABEL)
    outputs = {"label": o.where(o.less(x, o.const(0)), o.label("low"), kind), "y": o.missing(x)}
    inputs = (Feature("x", missing=False), Feature("kind", o.Type.LABEL, ("u", "v"), unseen=False))
    f = Formula(outputs, inputs, Task("classification", ("low", "u", "v"), primary=("label", "y")))
    X = {"x": [1.0, -1.0, None, 2.0], "kind": ["u", "v", "u", "never"]}
    compiled = f.compile()
    assert compiled.evaluate(X)["label"].tolist() == f.evaluate(X)["label"].tolist()
    made = by_rows(compiled, X, 4)
    assert [label for label, _ in made] == ["u", "low", None, None]
    assert [y for _, y in made[:2]] == [False, False]
    assert all(math.isnan(y) for _, y in made[2:])


def test_degenerate_formulas_are_computed():
    x, features = o.input_(0), (Feature("x"),)
    many = {"c": o.const(3.0), "x": x, "again": o.lin(1, (2, x)), "b": o.less(x, o.const(0))}
    f = Formula(many, features)
    found = f.compile().evaluate({"x": [1.0, None]})
    assert all(same(found[k], v) for k, v in f.evaluate({"x": [1.0, None]}).items())
    assert f.compile().row(7.0) == 3.0
    assert f.only("x").compile().row(7.0) == 7.0
    assert f.only("b").compile().row(-7.0) is True
    assert Formula({"c": o.const(-0.0)}, ()).compile().row() == 0.0


def test_wrong_calls_say_what_to_do():
    f = Formula({"y": o.lin(1, (2, o.input_(0)), (1, o.input_(1)))}, (Feature("a"), Feature("b")))
    for wrong in ({"precision": "half"}, {"threads": 0}, {"threads": "2"}):
        with pytest.raises(BadInput):
            f.compile(**wrong)
    with pytest.raises(BadInput, match="3 values are not one for each of 2 inputs"):
        f.compile().row(1, 2, 3)
    with pytest.raises(BadInput, match="'b'"):
        f.compile().row({"a": 1})
    with pytest.raises(BadInput, match="'x' is not a number"):
        f.compile().row(1, "x")
    with pytest.raises(BadInput, match="no output 'z'"):
        f.compile()([[1, 2]], output="z")


def test_without_numba_numpy_computes_and_a_note_says_so(monkeypatch):
    monkeypatch.setattr("closedform.native.compiled.find_spec", lambda name: None)
    f = cf.read(BOOSTERS["xgboost"].fit(WIDE, TARGET))
    compiled = f.compile()
    assert compiled.engine.startswith("numpy") and 'pip install "closedform[fast]"' in compiled.note
    assert compiled.note in repr(compiled)
    assert same(compiled(WIDE), f(WIDE)) and compiled.row(*WIDE[0]) == f(WIDE[:1])[0]


def test_numba_that_cannot_be_imported_is_no_error(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    assert "numba" in Formula({"c": o.const(1.0)}, ()).compile().note


def test_with_numba_there_is_no_note():
    compiled = Formula({"c": o.const(1.0)}, ()).compile(threads=2)
    assert compiled.engine.startswith("numba") and compiled.note == ""
    assert repr(compiled).startswith("<compiled formula: double precision, 2 threads, numba")


def test_sums_that_share_trees_walk_them_once():
    model = RandomForestClassifier(10, max_depth=4, random_state=0).fit(WIDE, LABELS)
    f = cf.read(model)
    totals = [t for n in f.nodes if n.op is not o.TREE and (t := total_of(n))]
    made = forests(totals)
    assert len(totals) == 3 and len(made) == 1 and len(made[0].trees) == 11


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("shape", [(1, 8, 100), (4, 1, 31), (5, 7, 64), (60, 15, 1000), (9, 40, 1)])
def test_products_are_within_rounding_of_the_exact_sum(shape, dtype):
    units, inputs, count = shape
    w, b = rng.normal(size=(units, inputs)), rng.normal(size=units)
    xs = [o.input_(i) for i in range(inputs)]
    outputs = {f"y{i}": o.linear(b[i], w[i], xs) for i in range(units)}
    f = Formula(outputs, tuple(Feature(f"x{i}") for i in range(inputs)))
    X = (rng.normal(size=(count, inputs)) * 10.0 ** rng.integers(-3, 3, inputs)).astype(dtype)
    precision = "double" if dtype is np.float64 else "float"
    found = np.array(list(f.compile(precision=precision).evaluate(X).values()))
    wide = w.astype(np.longdouble) @ X.T + b[:, None]
    size = np.abs(w) @ np.abs(X.T) + np.abs(b[:, None])
    assert (np.abs(found - wide) <= 4 * np.finfo(dtype).eps * size).all()


def test_a_missing_value_goes_through_a_layer_into_its_own_row_alone():
    w = rng.normal(size=(8, 9))
    xs = [o.input_(i) for i in range(9)]
    hidden = [o.tanh(o.linear(0.1, row, xs)) for row in w]
    f = Formula({"y": o.linear(0.0, w[0, :8], hidden)}, tuple(Feature(f"x{i}") for i in range(9)))
    X = rng.normal(size=(100, 9))
    X[7, 3], X[20, 0] = np.nan, np.inf
    found = f.compile()(X)
    assert np.flatnonzero(np.isnan(found)).tolist() == [7]
    assert np.allclose(found, f(X), rtol=1e-13, atol=1e-14, equal_nan=True)
    assert np.allclose([f.compile().row(x) for x in X], f(X), 1e-13, 1e-14, equal_nan=True)


def test_the_hyperbolic_tangent_of_a_layer_is_within_two_ulp():
    from closedform.native.row_kernel import _tanh

    ends = [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 1e300, 0.625, np.nextafter(0.625, 0)]
    x = np.concatenate([rng.normal(size=20_000), rng.uniform(-25, 25, 20_000), ends])
    found, wanted = np.empty_like(x), np.tanh(x.astype(np.longdouble))
    _tanh(x, found)
    with np.errstate(invalid="ignore"):
        off = np.abs(found - wanted) / np.spacing(np.abs(wanted.astype(float)))
    assert np.nanmax(off) <= 2 and np.isnan(found[-5])
    assert np.signbit(found[-8]) and not np.signbit(found[-9])
