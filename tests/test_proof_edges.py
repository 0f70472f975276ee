"""Proofs where things end: poles, overflow, kinks, points of a box, options that nobody knows."""

import json
import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import closedform as cf
from closedform import ops as o
from closedform.errors import BadInput
from closedform.formula import Feature, Formula, Step
from closedform.ir import Interval, Type
from closedform.ops.payloads import Pieces
from closedform.verify.bound.directions import direction
from closedform.verify.bound.normal import normal
from closedform.verify.bound.sweep import Sweep
from closedform.verify.bound.tape import Tape
from strategies import trees

X0, X1, X2 = (o.input_(i) for i in range(3))
ONE = o.const(1.0)
BOX = {"x0": (-1.0, 2.5), "x1": (-1.0, 1.7), "x2": (-1.0, 1.0)}


def formula_of(n, count=3):
    return Formula({"y": n}, tuple(Feature(f"x{i}") for i in range(count)))


def moved(x, by):
    return o.lin(by, (1, x))


UNSAFE = {
    "1/x": o.div(ONE, X0),
    "1/(x-y)": o.div(ONE, o.lin(0, (1, X0), (-1, X1))),
    "1/(x-0.3)": o.div(ONE, moved(X0, -0.3)),
    "1/(x-0.3)^2": o.div(ONE, o.power(moved(X0, -0.3), 2)),
    "1/(x*(y-0.1))": o.div(ONE, o.mul(X0, moved(X1, -0.1))),
    "x^-3": o.power(X0, -3.0),
    "log |x|": o.log(o.absolute(X0)),
    "1/(x^2+y^2)": o.div(ONE, o.lin(0, (1, o.mul(X0, X0)), (1, o.mul(X1, X1)))),
    "log(y-x)": o.log(o.lin(0, (1, X1), (-1, X0))),
    "1/x, but at 0": o.where(o.equal(X0, o.const(0)), ONE, o.div(ONE, X0)),  # of 5e-324 it is inf
}


@pytest.mark.parametrize("name", UNSAFE)
def test_a_pole_inside_the_box_refutes_with_its_point(name):
    formula = formula_of(UNSAFE[name])
    unsafe = formula.prove("safe", BOX, time_limit=3)
    far = formula.certify(formula_of(X1), BOX, time_limit=3)
    assert unsafe.status == far.status == "refuted"
    for proof in (unsafe, far):
        with np.errstate(all="ignore"):
            assert not np.isfinite(formula({"x1": 0.5, "x2": 0.0} | dict(proof.point))[0])
    assert "is finite" in far.claim and "inf" not in str(far).splitlines()[0].split("finite")[1]


def test_a_power_that_overflows_is_not_safe():
    grows = formula_of(o.power(o.const(10), o.lin(0, (400, X0))))
    half = formula_of(o.power(o.lin(0, (1e200, o.absolute(X0))), 2.5))
    single = formula_of(o.sum32(o.lin(0, (3e38, X0)), X1))
    cubic = formula_of(o.piecewise(o.lin(0, (1e200, X0)), Pieces.of([], [[0, 0, 0, 1.0]])))
    for formula in (grows, half, single, cubic):
        proof = formula.prove("safe", BOX, time_limit=2)
        assert proof.status == "refuted"
        with np.errstate(all="ignore"):
            assert not np.isfinite(formula({"x1": 0.0, "x2": 0.0} | dict(proof.point))[0])
    assert formula_of(o.lin(0, (2, X0))).prove("safe", BOX, missing=("x0",)).status == "proven"


def swept(n, lo, hi):
    (made,) = normal([n])
    tape = Tape([made])
    ends = [np.array(x, float)[tape.inputs][:, None] for x in (lo, hi)]
    with np.errstate(all="ignore"):
        return tape.at[made], Sweep(tape, *ends)


def test_what_overflows_in_float32_may_be_infinite():
    # The flag was set and then overwritten: a cosine of it was called a number.
    n = o.cos(o.sum32(X0, X1))
    row, s = swept(n, [1e38, 3e38], [2e38, 3.4e38])
    assert s.missing[row, 0]
    cast = o.unary("round32", X0)
    row, s = swept(cast, [-1.7e308], [-1.7e308])
    assert s.lo[row, 0] == -np.inf and s.lo[row, 0] <= s.hi[row, 0]


def test_what_is_infinite_from_the_start_is_no_number_later():
    infinite = o.const(math.inf)
    for n in (o.sin(infinite), o.mul(infinite, o.lin(0, (0.0, X0))), o.mul(infinite, X0)):
        proof = formula_of(n, 1).certify(formula_of(ONE, 1), {"x0": (-1, 1)}, time_limit=0.2)
        assert proof.upper == math.inf
    # A comparison with it stays one.
    n = o.where(o.less(X0, infinite), X0, o.log(X0))
    assert formula_of(n, 1).prove("within", {"x0": (-1, 1)}, lo=-1, hi=1).status == "proven"
    rows = np.array([[0.5], [math.inf]])
    near = formula_of(o.sin(X0), 1).certify(formula_of(ONE, 1), X=rows, radius=0.1, scale=1.0)
    assert np.isfinite(near.upper).tolist() == [True, False]


def test_a_polynomial_that_overflows_may_be_missing():
    cubic = o.piecewise(X0, Pieces.of([0.5], [[0, 0, 0, 1e308], [0, -1e308, 0, 1e308]]))
    row, s = swept(o.sin(cubic), [-1e200], [1e200])
    assert s.missing[row, 0]


def test_slopes_too_small_for_all_their_digits_are_still_covered():
    # 5e-161 times 5e-161 has three digits; with a radius of 5e199 that is no rounding error.
    n = o.mul(X2, o.unary("erf", X1), X0, X2)
    row, s = swept(n, [-5e-324, 3.70935161, 5e-324], [1e200, 3.71054037, 1e-160])
    at_top = ((1e-160 * 0.9999998458200375) * 1e200) * 1e-160
    with np.errstate(all="ignore"):
        assert s.fall(row).hi[0] >= at_top


def test_a_whole_power_of_a_negative_number_is_no_surprise():
    steps = o.where(o.less(o.power(X0, X1), o.const(-1)), o.const(5), o.const(0))
    box = {"x0": -2, "x1": 1}
    proof = formula_of(steps, 2).certify(formula_of(o.const(0), 2), box)
    assert proof.upper >= 5  # (−2)¹ is −2; as exp(log(−2)) it was taken for a number above 0
    power = formula_of(o.power(X0, X1), 2)
    assert power.certify(formula_of(o.const(0), 2), {"x0": (1, 2), "x1": (1, 3)}).upper < 8.1


def test_a_missing_number_to_an_unknown_power_is_no_error():
    proof = formula_of(o.power(X0, X1)).certify(formula_of(ONE), BOX, missing=("x0",), time_limit=1)
    assert proof.upper == math.inf


def test_boxes_as_wide_as_floats_and_as_narrow_give_points_inside():
    wide = {"x0": (-1.7e308, 1.7e308), "x1": 5e-324, "x2": (5e-324, 1.5e-323)}
    n = o.where(o.less(X1, o.const(5e-324)), X0, o.lin(1, (1, o.tanh(X0)), (1, X2)))
    proof = formula_of(n).certify(formula_of(ONE), wide, time_limit=1)
    assert proof.status == "bounded" and proof.upper < 1.1
    for name, value in proof.point.items():
        lo, hi = wide[name] if isinstance(wide[name], tuple) else (wide[name], wide[name])
        assert lo <= value <= hi


def test_a_model_in_float32_refutes_only_what_its_rounding_cannot_explain():
    read = Step("read", "exact", {}, {"precision": {"y": {"dtype": "float32", "ulps": 4}}})
    model = replace(formula_of(o.tanh(X0), 1), trail=(read,))
    formula, box = formula_of(o.lin(1.0, (1, o.tanh(X0))), 1), {"x0": (0, 1)}
    own = formula.certify(model, box).upper - 1
    assert 1e-8 < own < 1e-5
    limits = {1 - 2 * own: "refuted", 1 - own / 2: "not decided", 1 + 2 * own: "proven"}
    for epsilon, status in limits.items():
        proof = formula.certify(model, box, epsilon=epsilon, time_limit=1)
        assert proof.status == status and proof.seconds < 0.8


# --- slopes ---------------------------------------------------------------------------------------


def verdicts(n, input="x0", box=BOX):
    formula = formula_of(n)
    return [
        formula.prove(claim, box, input=input, time_limit=0.5)
        for claim in ("increasing", "decreasing")
    ]


@pytest.mark.parametrize(
    ("n", "expected"),
    [
        (o.unary("floor", X0), ("proven", "refuted")),
        (o.unary("round32", X0), ("proven", "refuted")),
        (o.where(o.less(X0, ONE), ONE, X1), ("refuted", "refuted")),
        (o.div(ONE, X0), ("refuted", "refuted")),  # from −∞ to ∞ at 0
        (o.log(X0), ("proven", "refuted")),  # below 0 there is nothing that falls
        (o.sum32(o.tanh(X0), X1), ("proven", "refuted")),
        (o.mul(X0, o.exp(X1)), ("proven", "refuted")),
        (o.power(moved(X0, -3), 2), ("refuted", "proven")),
    ],
)
def test_which_way_a_formula_goes_is_told_of_jumps_too(n, expected):
    both = verdicts(n)
    assert tuple(p.status for p in both) == expected
    formula = formula_of(n)
    for sign, proof in zip((1, -1), both, strict=True):
        if isinstance(proof.point and proof.point["x0"], tuple):
            first, second = (
                formula({"x1": 0.0, "x2": 0.0} | proof.point | {"x0": x})[0]
                for x in proof.point["x0"]
            )
            assert sign * (second - first) < 0


def test_rounding_refutes_no_slope():
    # sin² + cos² moves by nothing; the slope that its program gives is 1e-17, of either sign.
    n = o.lin(0, (1, o.power(o.sin(X0), 2)), (1, o.power(o.cos(X0), 2)))
    assert "refuted" not in [p.status for p in verdicts(n)]


def test_a_kink_refutes_no_slope():
    # At x0 = x1 the slope of each maximum is that of its first argument: 0, and −1.
    n = o.lin(0, (1, o.maximum(X1, X0)), (-0.5, o.maximum(X0, X1)))
    assert verdicts(n, box=BOX | {"x1": 2.5})[0].status != "refuted"


def test_an_input_that_does_not_move_and_one_that_does_not_exist():
    assert verdicts(o.mul(X0, X1), box=BOX | {"x0": 1.0})[0].status == "proven"
    with pytest.raises(BadInput, match="no input 'x7'"):
        formula_of(X0).prove("increasing", BOX, input="x7")


@settings(max_examples=60)
@given(st.data())
def test_the_way_of_a_sum_of_trees_is_that_of_all_its_leaves(data):
    made = [data.draw(trees(3, sets=False)) for _ in range(2)]
    for t in made:  # ascending leaves, so that some trees do go one way
        if data.draw(st.booleans()):
            t.values[t.splits.leaf] = np.sort(t.values[t.splits.leaf])
    n = o.lin(0.5, *[(1, o.tree(t.splits, t.values, [X0, X1, X2])) for t in made])
    box = {i: Interval(-2.5, 2.5, i == 1) for i in range(3)}
    found = direction(n, 0, box)
    chance = np.random.default_rng(data.draw(st.integers(0, 1000)))
    low = chance.choice([-2.5, -2, -1, -0.5, 0, 0.5, 1, 2], (200, 3))
    low[::5, 1] = np.nan
    high = low.copy()
    high[:, 0] = np.maximum(low[:, 0], chance.uniform(-2.5, 2.5, 200))
    rise = formula_of(n)(high) - formula_of(n)(low)
    if found is not None:
        assert (found * rise >= 0).all() and (found != 0 or (rise == 0).all())


def test_a_booster_with_monotone_inputs_is_proven_so():
    xgboost = pytest.importorskip("xgboost")
    chance = np.random.default_rng(0)
    rows = chance.uniform(-2, 2, (500, 3))
    model = xgboost.XGBRegressor(n_estimators=10, monotone_constraints=(1, 0, 0))
    formula = cf.read(model.fit(rows, rows[:, 0] + rows[:, 1] ** 2))
    box = {f.name: (-2.0, 2.0) for f in formula.inputs}
    first, second = (f.name for f in formula.inputs[:2])
    assert formula.prove("increasing", box, input=first).status == "proven"
    free = formula.prove("increasing", box, input=second)
    assert free.status == "refuted"
    low, high = (free.point | {second: x} for x in free.point[second])
    assert formula(high)[0] < formula(low)[0]


# --- what is asked --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("claim", "box", "options", "message"),
    [
        ("agreeing", BOX, {}, "needs 'model'"),
        ("agreeing", BOX, {"model": 3}, "is no formula"),
        ("increasing", BOX, {}, "needs 'input'"),
        ("within", BOX, {"low": 1}, "takes no 'low'"),
        ("within", BOX, {"lo": math.nan}, "no range"),
        ("within", BOX, {"lo": "a"}, "no range"),
        ("within", BOX, {"time_limit": None}, "time_limit=None"),
        ("within", [(0, 1)], {}, "is no box"),
        ("within", {"x0": None}, {}, "no range is given"),
    ],
)
def test_a_claim_that_cannot_be_asked_so_says_how(claim, box, options, message):
    with pytest.raises(BadInput, match=message):
        formula_of(X0).prove(claim, box, **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"radius": 0.1}, "there are none"),
        ({"radius": "a", "X": [[0.0]]}, "radius='a'"),
        ({"radius": 0.1, "X": [[0.0]], "time_limit": 1}, "takes no 'time_limit'"),
        ({"epsilon": "x"}, "epsilon='x'"),
        ({"fresh": [[0.0]], "epsilon": math.nan}, "epsilon=nan"),
    ],
)
def test_a_certificate_that_cannot_be_asked_so_says_how(options, message):
    with pytest.raises(BadInput, match=message):
        formula_of(X0, 1).certify(formula_of(o.sin(X0), 1), {"x0": (0, 1)}, **options)


def test_every_record_is_text_json_and_html():
    a, b = formula_of(X0, 1), formula_of(o.sin(X0), 1)
    rows = np.linspace(0, 1, 20)[:, None]
    records = [
        a.certify(b, {"x0": (0, 1)}), a.certify(b, X=rows, radius=0.1),
        a.certify(b, fresh=rows, epsilon=0.5), a.prove("safe", {"x0": (0, 1)}),
    ]  # fmt: skip
    for record in records:
        assert repr(record) == str(record)
        assert json.loads(record.to_json())["verdict"] == str(record).splitlines()[0]
        assert "<strong" in record._repr_html_() and "<li>" in record._repr_html_()


def test_a_label_is_itself():
    label = o.where(o.less(X0, ONE), o.label("a"), o.label("b"))
    formula = Formula({"label": label}, (Feature("x0"),))
    assert formula.outputs["label"].type is Type.LABEL
    assert formula.prove("agreeing", {"x0": (0, 2)}, model=formula).status == "proven"


# --- networks of which one came of the other ------------------------------------------------------


def network_of(weights, function):
    values = [o.input_(i) for i in range(weights[0][0].shape[1])]
    for w, b in weights[:-1]:
        values = [function(o.linear(c, row, values)) for row, c in zip(w, b, strict=True)]
    w, b = weights[-1]
    return o.linear(b[0], w[0], values)


def relu(x):
    return o.maximum(o.const(0.0), x)


@pytest.mark.parametrize("function", [o.tanh, relu, o.sigmoid, o.sin])
@pytest.mark.parametrize("change", ["pruned", "rounded", "hardly"])
def test_a_network_and_what_became_of_it_are_bounded_by_their_difference(function, change):
    chance = np.random.default_rng(3)
    sizes = [3, 5, 4, 1]
    weights = [(chance.normal(size=(m, n)), chance.normal(size=m)) for n, m in pairwise(sizes)]
    changes = {
        "pruned": lambda x: np.where(np.abs(x) < 0.15, 0.0, x),
        "rounded": lambda x: np.round(x, 3),
        "hardly": lambda x: x * (1 + 2.0**-52),
    }
    changed = [(changes[change](w), changes[change](b)) for w, b in weights]
    turned = chance.permutation(5)  # units of another order are found all the same
    changed[0] = (changed[0][0][turned], changed[0][1][turned])
    changed[1] = (changed[1][0][:, turned], changed[1][1])
    exact, formula = (formula_of(network_of(x, function)) for x in (weights, changed))
    box = dict.fromkeys(("x0", "x1", "x2"), (-1.5, 1.5))
    proof = formula.certify(exact, box, time_limit=0)
    X = chance.uniform(-1.5, 1.5, (4000, 3))
    X[::2] = np.sign(X[::2]) * 1.5
    seen = np.abs(exact(X) - formula(X)).max()
    assert seen <= proof.upper
    # Of weights that differ by 1e-16 the rounding of both programs is all that is left.
    most = {"pruned": 60.0, "rounded": 60.0, "hardly": 1e5}[change]
    assert proof.upper <= most * max(seen, 1e-15), proof.upper / max(seen, 1e-15)
