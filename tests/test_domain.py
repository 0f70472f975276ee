"""Shorter on a stated domain: every rule does what its equation says, and nothing else moves."""

import math
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestRegressor

import closedform as cf
from closedform import ops as o
from closedform.columns import columns_of
from closedform.errors import BadInput
from closedform.evaluate import compute
from closedform.formula import Feature, Formula
from closedform.ir import Interval, Type, toposort
from closedform.ops.payloads import Pieces, splits_from
from closedform.passes.domain import simplify
from closedform.passes.rules_domain import DOMAIN_RULES, SATURATES, Known
from closedform.passes.units import SYMMETRIES
from strategies import boxes, formulas, inputs_of_formulas, rows_in

x, y, z = (o.input_(i) for i in range(3))
s = o.input_(3, Type.LABEL)


def stump(node, limit):
    """1 where node <= limit, 2 elsewhere, a missing one going right."""
    splits, _ = splits_from([1, -1, -1], [2, -1, -1], [0] * 3, [limit, 0, 0])
    return o.tree(splits, [0.0, 1.0, 2.0], (node,))


def steps(node, *values):
    """values[i] from i + 1 on."""
    return o.piecewise(node, Pieces.of([i + 2.0 for i in range(len(values) - 1)], list(values)))


LETTERS = {
    "x": x, "y": y, "z": z, "s": s, "p": 0.5, "q": -1.5, "r": 2.25, "nan": math.nan,
    "stump": stump, "steps": steps,
    "lookup": lambda node, **entries: o.table(node, entries, 0.0, 0.0),
}  # fmt: skip
WORDS = vars(o) | LETTERS
ANY = (-9.0, 9.0)

# For each rule, boxes of x and y on which its equation holds; and more: (before, box, after), where
# None stands for what must be left alone.
HOLDS = {
    "certain test": {"x": (0, 1), "y": (2, 3)},
    "absent category": {"s": ["A"]},
    "absent entries": {"s": ["A"]},
    "dead leaves": {"x": (-5, 2)},
    "stretches out of reach": {"x": (0, 1.9)},
    "single value": {"x": (0.5, 7)},
    "saturated": {"x": (22.5, 60)},
    "extreme that never switches": {"x": (1, 2), "y": (-1, 0.9)},
    "extreme that meets": {"x": (0, 2)},
    "size of a signed number": {"x": (0.1, 2)},
    "size from zero on": {"x": (0, 2)},
    "quotient of the same": {"x": (0.1, 2)},
    "cancelled factor": {"x": (-2, -0.1), "y": ANY},
    "cancelled divisor": {"x": (0.1, 2), "y": ANY},
    "root of a square": {"x": (0, 5)},
    "logarithm of an exponential": {"x": ANY},
    "exponential of a logarithm": {"x": (0.1, 9)},
    "sum of logarithms": {"x": (0.1, 9), "y": (0.2, 5)},
    "common factor": {"x": ANY, "y": ANY, "z": ANY},
}
MORE = [
    ("certain test", "less(x, y)", {"x": (0, 2), "y": (2, 3)}, None),
    ("certain test", "less(x, y)", {"x": (4, 5), "y": (2, 3)}, "boolean(False)"),
    ("certain test", "missing(x)", {"x": (0, 2)}, "boolean(False)"),
    ("certain test", "less(x, y)", {"x": Interval(0, 1, True), "y": (2, 3)}, None),
    ("absent category", "equal(s, label('A'))", {"s": ["A"]}, None),
    ("absent category", "equal(s, label('B'))", {}, None),
    ("dead leaves", "stump(x, 2)", {"x": (0, 3)}, None),
    ("dead leaves", "stump(x, 2)", {"x": Interval(0, 1, True)}, None),
    ("dead leaves", "stump(x, 2)", {"x": (2.5, 3)}, "const(2.0)"),
    ("stretches out of reach", "steps(x, 1, 2)", {"x": (0, 2)}, None),
    ("single value", "unary('floor', x)", {"x": (0, 2)}, None),
    ("single value", "unary('floor', x)", {"x": (1, 1.5)}, "const(1.0)"),
    ("saturated", "tanh(x)", {"x": (10, 60)}, None),
    ("saturated", "tanh(x)", {"x": (-60, -23)}, "const(-1)"),
    ("saturated", "sigmoid(x)", {"x": (41, 60)}, "const(1)"),
    ("saturated", "sigmoid(x)", {"x": (-60, -41)}, None),
    ("saturated", "tanh(x)", {"x": Interval(30, 40, True)}, None),
    ("extreme that never switches", "maximum(x, y)", {"x": (0, 2), "y": (1, 3)}, None),
    ("extreme that never switches", "minimum(x, y)", {"x": (1, 2), "y": (3, 4)}, "x"),
    ("extreme that never switches", "maximum(x, y, z)", {"x": (1, 2), "y": (-1, 0), "z": ANY},
     "maximum(x, z)"),
    ("extreme that never switches", "maximum(x, y)", {"x": (1, 2), "y": Interval(-1, 0, True)},
     None),
    ("extreme that meets", "maximum(x, const(0))", {"x": (-3, 0)}, "const(0)"),
    ("extreme that meets", "minimum(x, const(0))", {"x": (0, 3)}, "const(0)"),
    ("size of a signed number", "absolute(x)", {"x": (-2, -1)}, "lin(0, (-1, x))"),
    ("size of a signed number", "absolute(x)", {"x": (-2, 1)}, None),
    ("quotient of the same", "div(x, x)", {"x": (0, 1)}, None),
    ("quotient of the same", "div(x, x)", {"x": (1, math.inf)}, None),
    ("cancelled factor", "div(mul(x, y), x)", {"x": (-1, 1)}, None),
    ("cancelled divisor", "mul(x, z, div(y, x))", {"x": (1, 2), "y": ANY}, "mul(y, z)"),
    ("root of a square", "sqrt(mul(x, x))", {"x": ANY}, "absolute(x)"),
    ("root of a square", "sqrt(mul(x, y))", {"x": ANY, "y": ANY}, None),
    ("logarithm of an exponential", "log(exp(x))", {"x": (0, 800)}, None),
    ("exponential of a logarithm", "exp(log(x))", {"x": (-1, 1)}, None),
    ("sum of logarithms", "lin(p, (q, log(x)), (1.5, log(y)))", {"x": (1, 2), "y": (1, 2)},
     "lin(p, (q, log(div(x, y))))"),
    ("sum of logarithms", "lin(p, (q, log(x)), (q, log(y)))", {"x": (0, 2), "y": (1, 2)}, None),
    ("sum of logarithms", "lin(p, (q, log(x)), (r, log(y)))", {"x": (1, 2), "y": (1, 2)}, None),
    ("common factor", "lin(p, (q, mul(x, y)), (r, z))", {}, None),
]  # fmt: skip
BY_NAME = {rule.name: rule for rule in DOMAIN_RULES}
PAIRS = [
    (rule.name, *(text.strip() for text in rule.equation.split(" where ")[0].split("->")), box)
    for rule in DOMAIN_RULES
    for box in [HOLDS[rule.name]]
] + [(name, before, after, box) for name, before, box, after in MORE]


def parsed(text):
    return eval(text, dict(WORDS))


def known(box):
    numbers = {
        i: v if isinstance(v, Interval) else Interval(*map(float, v))
        for i, v in ((ord(n) - ord("x"), v) for n, v in box.items() if n != "s")
    }
    return Known(numbers, {3: frozenset(box["s"])} if "s" in box else {})


def rows_of(box, count=400):
    chance = np.random.default_rng(0)
    columns = {}
    for i, name in enumerate("xyz"):
        inside = box.get(name, ANY)
        lo, hi = (inside.lo, inside.hi) if isinstance(inside, Interval) else inside
        lo, hi = max(lo, -1e3), min(hi, 1e3)
        columns[f"x{i}"] = np.concatenate([[lo, hi], chance.uniform(lo, hi, count - 2)])
        if isinstance(inside, Interval) and inside.missing:
            columns[f"x{i}"][5:9] = math.nan
    kinds = [*box.get("s", ["A", "B", "C"]), None]
    return columns | {"kind": [kinds[i % len(kinds)] for i in range(count)]}


def values(roots, X):
    inputs, count = columns_of(inputs_of_formulas(), X)
    return compute(roots, inputs, count)


def bits(column):
    if column.dtype.kind != "f":
        return column.tolist()
    return np.where(np.isnan(column), np.nan, column).view(np.int64).tolist()


def test_every_rule_has_an_equation_that_is_tried():
    assert set(HOLDS) == set(BY_NAME)
    assert all(re.fullmatch(r".+ -> .+", rule.equation) for rule in DOMAIN_RULES)


@pytest.mark.parametrize(("name", "before", "after", "box"), PAIRS, ids=lambda v: str(v)[:60])
def test_a_rule_does_what_its_equation_says(name, before, after, box):
    left = parsed(before)
    made = BY_NAME[name].apply(left, known(box))
    if after is None:
        assert made is None
        return
    assert made is parsed(after), (made, after)
    a, b = values([left, made], rows_of(box))
    if BY_NAME[name].kind == "exact":
        assert bits(a) == bits(b)
    else:
        assert np.allclose(a, b, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("name", sorted(SATURATES))
def test_beyond_its_ends_a_function_has_one_value_in_floats(name):
    low, bottom, high, top = SATURATES[name]
    out = np.concatenate([np.linspace(1, 50, 5000), 10.0 ** np.linspace(0, 300, 3000)])
    above, below = values([o.unary(name, x), o.unary(name, y)], {
        "x0": high + out, "x1": low - out, "x2": out, "kind": ["A"] * len(out)})  # fmt: skip
    assert (above == top).all() and (below == bottom).all()


def box_of(intervals):
    return {f"x{i}": inside for i, inside in enumerate(intervals)}


@settings(max_examples=300)
@given(st.data())
def test_on_the_domain_exact_rules_keep_every_bit(data):
    f, intervals = data.draw(formulas(size=6)), data.draw(boxes())
    X = data.draw(rows_in(intervals))
    after = simplify(f, box=box_of(intervals), kinds=["exact"])
    for a, b in zip(values(f.roots, X), values(after.roots, X), strict=True):
        assert bits(a) == bits(b)


SMOOTH = {"lin", "mul", "div", "min", "max", "tanh", "sigmoid", "abs", "sqrt", "exp", "log", "pow"}


@settings(max_examples=300)
@given(st.data())
def test_on_the_domain_real_rules_keep_the_value_but_for_rounding(data):
    f = data.draw(formulas(size=6, among=SMOOTH | {"const"}))
    ends = [sorted(data.draw(st.lists(st.floats(-4, 4), min_size=2, max_size=2))) for _ in "xyz"]
    intervals = [Interval(*e) for e in ends]
    X = data.draw(rows_in(intervals))
    exact = simplify(f, kinds=["exact"])
    after = simplify(f, box=box_of(intervals))
    for name, root in exact.outputs.items():
        if root.type is not Type.REAL or any(_sensitive(n) for n in toposort([root])):
            continue
        a, b = values([root, after.outputs[name]], X)
        fine = np.isfinite(a) & (abs(a) < 1e6)
        # At most 7 operations whose condition is below 1e4 where values are moderate.
        assert np.allclose(a[fine], b[fine], rtol=1e-6, atol=1e-6)


def _sensitive(n):
    # Near 0 or far out, rounding of what goes before decides the value.
    return n.op in (o.DIV, o.LOG, o.POW, o.SQRT, o.EXP) or n.type is not Type.REAL


@settings(max_examples=40)
@given(st.data())
def test_of_a_tree_the_leaves_that_rows_reach_stay_and_no_others(data):
    chance = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    X = chance.normal(size=(200, 3))
    model = RandomForestRegressor(3, max_depth=4, random_state=0).fit(X, chance.normal(size=200))
    lo, hi = sorted(chance.normal(size=2))
    f = cf.read(model)
    inside = X[((lo <= X) & (hi >= X)).all(axis=1)]
    after = simplify(f, box=dict.fromkeys(("x0", "x1", "x2"), (lo, hi)), kinds=["exact"])
    if len(inside):
        assert (after(inside) == model.predict(inside)).all()
    grid = np.stack(np.meshgrid(*[np.linspace(lo, hi, 9)] * 3), -1).reshape(-1, 3)
    assert (after(grid) == f(grid)).all()


def relu(node):
    return o.maximum(node, o.const(0.0))


def network(*outer):
    return Formula({"y": o.lin(0.5, *outer)}, (Feature("a"), Feature("b"), Feature("c")))


def ops_of(f, name):
    return [n for n in f.nodes if n.op.name == name]


def test_a_relu_that_never_switches_goes():
    f = network(
        (2.0, relu(o.lin(3, (1, x), (0.5, y)))),  # always on where |a|, |b| <= 1
        (1.5, relu(o.lin(-3, (1, x), (0.5, y)))),  # always off
        (1.0, relu(o.lin(0.1, (1, x), (0.5, y)))),  # switches
    )
    after = simplify(f, box={"a": (-1, 1), "b": (-1, 1)})
    assert len(ops_of(after, "max")) == 1
    X = np.random.default_rng(0).uniform(-1, 1, size=(500, 3))
    assert np.allclose(f(X), after(X), rtol=1e-14)
    told = after.trail[-1]
    assert told.options["domain"] == {"a": [-1.0, 1.0], "b": [-1.0, 1.0]}


TWINS = {
    "tanh": (-1.0, o.tanh),
    "sin": (-1.0, o.sin),
    "cos": (-1.0, o.cos),
    "sigmoid": (-1.0, o.sigmoid),
    "abs": (-2.5, o.absolute),
    "max": (2.5, relu),
    "erf": (-1.0, lambda n: o.unary("erf", n)),
    "atan": (-1.0, o.atan),
    "asin": (-1.0, lambda n: o.unary("asin", n)),
}


@pytest.mark.parametrize("name", sorted(SYMMETRIES))
def test_units_that_are_the_same_up_to_sign_or_scale_become_one(name):
    scale, unit = TWINS[name]
    first, second = ((0.3, 0.25, -0.5), (0.2, 0.5, 0.1))
    made = [
        unit(o.lin(k * b, (k * v, x), (k * w, y)))
        for k, (b, v, w) in ((1, first), (scale, first), (1, second))
    ]
    f = network((2.0, made[0]), (1.25, made[1]), (-0.75, made[2]))
    after = simplify(f, box=dict.fromkeys("abc", (-1, 1)))
    assert len(ops_of(after, name)) == 2
    assert after.length < f.length
    X = np.random.default_rng(0).uniform(-1, 1, size=(500, 3))
    assert np.allclose(f(X), after(X), rtol=1e-13, atol=1e-14)


def test_a_relu_is_not_turned_over():
    f = network((2.0, relu(o.lin(0, (1, x)))), (1.0, relu(o.lin(0, (-1, x)))))
    assert len(ops_of(simplify(f, box={"a": (-1, 1)}), "max")) == 2


def test_what_hardly_varies_becomes_a_constant_within_the_error_stated():
    f = network((2.0, o.tanh(o.lin(5, (0.1, x)))), (1.0, o.tanh(o.lin(0, (1, y)))))
    box = {"a": (-1, 1), "b": (-1, 1)}
    after = simplify(f, box=box, error=0.01)
    assert len(ops_of(after, "tanh")) == 1 < len(ops_of(simplify(f, box=box), "tanh"))
    X = np.random.default_rng(0).uniform(-1, 1, size=(20_000, 3))
    worst = float(abs(f(X) - after(X)).max())
    step = after.trail[-1]
    assert (step.name, step.kind) == ("nearly constant", "approx")
    assert 0 < worst <= step.found["error"]["y"] <= 0.01


@settings(max_examples=150)
@given(st.data())
def test_no_output_moves_further_than_proven(data):
    f = data.draw(formulas(size=7, among=SMOOTH | {"const", "where", "less", "tree"}))
    centre = data.draw(st.floats(-2, 2))
    intervals = [Interval(centre, centre + data.draw(st.floats(0.0, 0.5))) for _ in "xyz"]
    X = data.draw(rows_in(intervals))
    after = simplify(f, box=box_of(intervals), error=data.draw(st.sampled_from([1e-3, 0.1, 2.0])))
    if after.trail and after.trail[-1].name == "nearly constant":
        for name, bound in after.trail[-1].found["error"].items():
            a, b = values([f.outputs[name], after.outputs[name]], X)
            fine = np.isfinite(a) & (abs(a) < 1e6)
            assert abs(a - b)[fine].max(initial=0.0) <= bound + 1e-6


def test_rows_state_the_domain_and_its_missing_values():
    f = Formula(
        {"y": o.where(o.missing(x), o.const(7.0), o.where(o.less(x, o.const(0)), y, z))},
        tuple(Feature(n) for n in "abc"),
    )
    X = np.array([[1.0, 2, 3], [2.0, 3, 4]])
    assert simplify(f, X).roots == [z]
    gaps = np.array([[1.0, 2, 3], [math.nan, 3, 4]])
    assert simplify(f, gaps).roots == [o.where(o.missing(x), o.const(7.0), z)]
    assert simplify(f).roots == f.roots


def test_categories_that_do_not_occur_go():
    f = Formula({"y": o.table(s, {"A": 1.0, "B": 2.0, "C": 3.0}, 0.0, 0.0)}, inputs_of_formulas())
    after = simplify(f, box={"kind": ["A", "C"]})
    assert after.outputs["y"].data.labels == ("A", "C")


def test_a_forest_on_part_of_its_domain_is_shorter_and_exact():
    data = load_diabetes(as_frame=True)
    model = RandomForestRegressor(30, random_state=0).fit(data.data, data.target)
    f = cf.read(model)
    lo, hi = data.data.quantile(0.25), data.data.quantile(0.75)
    after = simplify(f, box={c: (lo[c], hi[c]) for c in data.data})
    assert after.length < 0.5 * f.length
    chance = np.random.default_rng(0)
    X = lo.to_numpy() + chance.random((500, 10)) * (hi - lo).to_numpy()
    assert (f(X) == after(X)).all()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"box": {"nowhere": (0, 1)}}, "no input 'nowhere'"),
        ({"box": {"x0": (1, 0)}}, "no range of 'x0'"),
        ({"box": {"x0": (0, math.nan)}}, "no range"),
        ({"box": {"x0": 3}}, "no range"),
        ({"error": -1.0}, "bounds nothing"),
        ({"error": math.nan}, "bounds nothing"),
        ({"kinds": ["approx"]}, "kind"),
        ({"X": {"x0": [], "x1": [], "x2": [], "kind": []}}, "no rows"),
    ],
)
def test_what_states_no_domain_is_refused(options, message):
    f = Formula({"y": o.lin(0, (1, x), (1, y), (1, z), (1, stump(x, 2)))}, inputs_of_formulas())
    with pytest.raises(BadInput, match=message):
        simplify(f, **options)
