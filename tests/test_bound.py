"""Bounds hold: of every node, over every box, for floats and for the reals behind them."""

import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from closedform import ops as o
from closedform.columns import columns_of
from closedform.evaluate import compute
from closedform.ir import Type, toposort
from closedform.ops.payloads import label_code, leaves_of
from closedform.verify.bound import walking
from closedform.verify.bound.curves import CURVES, chord, power, tangent
from closedform.verify.bound.normal import normal
from closedform.verify.bound.sweep import Sweep
from closedform.verify.bound.tape import Tape
from strategies import BUILD, LABELS, inputs_of_formulas, nodes, or_missing, trees

NAMES = sorted(set(BUILD) - {"input", "label"})


@st.composite
def several_boxes(draw, count: int = 3):
    """Boxes of the numbers of a random formula, wide and narrow, points among them."""
    chance = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.sampled_from([1e-6, 0.01, 0.3, 2.0, 8.0]))
    centre = chance.choice([-2.0, -1.0, 0.0, 0.5, 1.0, 3.0], (3, count))
    centre += chance.choice([0.0, 1.0], (3, count)) * chance.normal(size=(3, count))
    radius = scale * chance.random((3, count)) * chance.choice([0.0, 1.0], (3, count), p=[0.2, 0.8])
    return centre - radius, centre + radius, chance


def inside(lo, hi, chance, count=60):
    share = chance.random((len(lo), count))
    share[:, : count // 3] = np.round(share[:, : count // 3])
    return np.clip(lo[:, None] + share * (hi - lo)[:, None], lo[:, None], hi[:, None])


def swept(roots, lo, hi, kind):
    tape = Tape(normal(roots))
    rows = [np.full(lo.shape[1], float(kind)) if i == 3 else lo[i] for i in tape.inputs]
    highs = [np.full(lo.shape[1], float(kind)) if i == 3 else hi[i] for i in tape.inputs]
    shape = (len(tape.inputs), lo.shape[1])
    return tape, Sweep(tape, np.array(rows).reshape(shape), np.array(highs).reshape(shape))


def values_at(roots, points, label):
    X = {f"x{i}": p for i, p in enumerate(points)} | {"kind": [label] * points.shape[1]}
    inputs, count = columns_of(inputs_of_formulas(), X)
    return compute(roots, inputs, count)


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=25)
@given(data=st.data())
def test_bounds_hold_every_value_that_the_program_gives(name, data):
    holds(name, data)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=500)
@given(data=st.data())
def test_bounds_hold_every_value_that_the_program_gives_many_times(name, data):
    holds(name, data)


def holds(name, data):
    n = data.draw(nodes(op=name, size=5))
    roots = [x for x in toposort([n]) if x.type is not Type.LABEL]
    label = data.draw(st.sampled_from(LABELS[:3]))
    lo, hi, chance = data.draw(several_boxes())
    tape, s = swept(roots, lo, hi, label_code(label))
    finished = normal(roots)
    for box in range(lo.shape[1]):
        found = values_at(roots, inside(lo[:, box], hi[:, box], chance), label)
        for root, made, values in zip(roots, finished, found, strict=True):
            row = tape.at[made]
            e = s.error[row, box]
            low, high = s.lo[row, box] - e, s.hi[row, box] + e
            values = values.astype(float)
            lost = np.isnan(values)
            assert s.missing[row, box] or not lost.any(), (root, box)
            seen = values[~lost]
            assert (seen >= low).all() and (seen <= high).all(), (root, box, low, high, seen)
            if root.type is Type.REAL and made.op is not o.CONST:
                bound = s.fall(row)
                low, high = bound.lo[box] - e, bound.hi[box] + e
                assert (seen >= low).all() and (seen <= high).all(), (root, box, low, high)


@pytest.mark.parametrize("name", [*CURVES, -3.0, -1.0, 2.0, 3.0, 0.5, 2.5])
@settings(max_examples=60)
@given(data=st.data())
def test_a_curve_keeps_within_its_line_and_its_ranges(name, data):
    curve = CURVES[name] if isinstance(name, str) else power(name)
    low, high = max(curve.domain[0], -6.0), min(curve.domain[1], 6.0)
    a, b = sorted([data.draw(st.floats(low, high)), data.draw(st.floats(low, high))])
    if curve.pole and a <= 0 <= b:
        return
    share = data.draw(st.floats(0, 1))
    lo, hi, origin = np.array([a]), np.array([b]), np.array([min(max(a + share * (b - a), a), b)])
    x = np.clip(a + np.linspace(0, 1, 201) * (b - a), a, b)
    with np.errstate(all="ignore"):
        checks = [(curve.value, curve.range), (curve.slope, curve.slopes)]
        checks.append((curve.curvature, curve.curvatures))
        for function, ranges in checks:
            (least,), (most,) = ranges(lo, hi)
            got = function(x)
            assert not ((got < least) | (got > most)).any(), (function, least, most)
        for line in (tangent(curve, lo, hi, origin)[0], chord(curve, lo, hi, origin)):
            if line is not None:
                off = curve.value(x) - (line.at + line.slope * (x - origin))
                # What evaluating this line costs; the line itself holds over the reals.
                size = 1e-15 * (abs(line.at) + abs(line.slope) * (abs(x) + abs(origin)) + abs(off))
                assert not ((off < line.lo - size) | (off > line.hi + size)).any(), (a, b)


def in_arb(n, point, flint):
    """Return the value of a node over the reals, as a ball that surely holds it."""
    made = {}
    arb = flint.arb
    pick = {"tanh": "tanh", "exp": "exp", "sin": "sin", "cos": "cos", "atan": "atan",
            "erf": "erf", "log1p": "log1p", "expm1": "expm1"}  # fmt: skip
    for x in toposort([n]):
        args = [made[a] for a in x.args]
        if x.op is o.INPUT:
            made[x] = arb(float(point[x.data]))
        elif x.op is o.CONST:
            made[x] = arb(x.data)
        elif x.op is o.LIN:
            pairs = zip(x.data.weights.tolist(), args, strict=True)
            made[x] = sum((arb(w) * a for w, a in pairs), arb(x.data.bias))
        elif x.op is o.MUL:
            made[x] = math.prod(args[1:], start=args[0])
        elif x.op is o.MAX:
            made[x] = max(args, key=lambda a: float(a.mid()))
        elif x.op is o.SIGMOID:
            made[x] = 1 / (1 + (-args[0]).exp())
        elif x.op is o.SOFTPLUS:
            made[x] = (1 + args[0].exp()).log()
        else:
            made[x] = getattr(args[0], pick[x.op.name])()
    return made[n]


SMOOTH = ["lin", "mul", "tanh", "sin", "cos", "atan", "erf", "sigmoid", "softplus", "max", "expm1"]


@settings(max_examples=100)
@given(data=st.data())
def test_bounds_hold_what_arb_says_of_the_reals(data):
    flint = pytest.importorskip("flint")
    n = data.draw(nodes(size=6, among=set(SMOOTH)))
    lo, hi, chance = data.draw(several_boxes(1))
    tape, s = swept([n], lo, hi, 0)
    row = tape.at[normal([n])[0]]
    bound = s.fall(row)
    if not math.isfinite(bound.hi[0] - bound.lo[0]):
        return
    for point in inside(lo[:, 0], hi[:, 0], chance, 8).T:
        real = in_arb(n, point, flint)
        assert not real > bound.hi[0] and not real < bound.lo[0], (real, bound.lo, bound.hi)
        program = values_at([n], point[:, None], LABELS[0])[0]
        off = abs(flint.arb(float(program[0])) - real)
        assert not off > s.error[row, 0], (off, s.error[row, 0])


@pytest.mark.parametrize("compiled", [False, True])
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_range_of_a_tree_is_that_of_the_leaves_it_reaches(monkeypatch, compiled, data):
    monkeypatch.setattr(walking, "WORTH_COMPILING", -1 if compiled else 1 << 62)
    tree = data.draw(trees(3, sets=not compiled, values=or_missing))
    lo, hi, chance = data.draw(several_boxes())
    missing = chance.random((3, lo.shape[1])) < 0.3
    low, high, lost, first = (x[0] for x in walking.ranges_of([tree], lo, hi, missing))
    for box in range(lo.shape[1]):
        points = inside(lo[:, box], hi[:, box], chance, 200)
        points = np.where((chance.random((3, 200)) < 0.3) & missing[:, [box]], np.nan, points)
        seen = tree.values[leaves_of(tree.splits, np.ascontiguousarray(points))]
        assert lost[box] or not np.isnan(seen).any()
        seen = seen[~np.isnan(seen)]
        assert ((seen >= low[box]) & (seen <= high[box])).all()
        assert first[box] >= 0 or len(np.unique(seen)) <= 1


def test_the_rounding_of_long_sums_is_within_its_bound_and_the_bound_within_a_thousandfold():
    flint = pytest.importorskip("flint")
    chance = np.random.default_rng(0)
    for _ in range(20):
        xs = [o.input_(i) for i in range(3)]
        wide = [*xs, *[o.lin(0.1 * k, (1, xs[k % 3]), (3.7, xs[(k + 1) % 3])) for k in range(30)]]
        sums = [o.linear(chance.normal(), chance.normal(size=33), wide) for _ in range(2)]
        lo = hi = chance.uniform(-2, 2, (3, 1))
        tape, s = swept(sums, lo, hi, 0)
        for n, made in zip(sums, normal(sums), strict=True):
            real = in_arb(n, lo[:, 0], flint)
            off = float(abs(flint.arb(float(values_at([n], lo, LABELS[0])[0][0])) - real).mid())
            e = s.error[tape.at[made], 0]
            assert off <= e <= 1e-11  # 33 terms of about 10 in size, of which γ is 8e-15
            assert not real > s.hi[tape.at[made], 0] and not real < s.lo[tape.at[made], 0]
            size = sum(abs(w) * 12 for w in n.data.weights)
            # Any order of summation: pairs, backwards; all are within the bound.
            values = [
                n.data.bias,
                *(n.data.weights * [v[0] for v in values_at(wide, lo, LABELS[0])]),
            ]
            for order in (values, values[::-1], sorted(values), sorted(values, key=abs)):
                other = abs(flint.arb(float(np.cumsum(order)[-1])) - real)
                assert not other > e, size
        assert e > 0


FUNCTIONS = ["tanh", "exp", "sin", "cos", "atan", "erf", "sigmoid", "softplus", "expm1"]


@pytest.mark.parametrize("name", ["lin", "mul", *FUNCTIONS])
def test_each_operation_counts_its_own_rounding(name):
    # Of inputs themselves, so that nothing but this one operation rounds.
    flint = pytest.importorskip("flint")
    chance = np.random.default_rng(1)
    xs = [o.input_(i) for i in range(3)]
    made = {
        "lin": lambda: o.linear(chance.normal(), chance.normal(size=3), xs),
        "mul": lambda: o.mul(xs[0], xs[1]),
    }
    roots = [made[name]() if name in made else o.unary(name, x) for x in xs[:2]]
    found = 0.0
    for _ in range(50):
        point = chance.uniform(-2, 2, (3, 1))
        tape, s = swept(roots, point, point, 0)
        program = float(values_at(roots[:1], point, LABELS[0])[0][0])
        off = float(abs(flint.arb(program) - in_arb(roots[0], point[:, 0], flint)).mid())
        assert off <= s.error[tape.at[normal(roots)[0]], 0]
        found = max(found, off)
    assert found > 0


@pytest.mark.parametrize("size", [1e-281, 1e-200, 1e-160, 1e150])
def test_slopes_whose_squares_are_no_numbers_are_bounded_all_the_same(size):
    # slope² of 1e-281 is 0, which once made the top of a parabola lower than its sides.
    x = o.input_(0)
    n = o.squared_distance([x, o.input_(1)], [0.3, 0.1], [size, -size])
    lo, hi = np.array([[-1.0], [0.0], [0.0]]), np.array([[0.4], [0.2], [0.0]])
    tape, s = swept([n], lo, hi, 0)
    row = tape.at[normal([n])[0]]
    bound = s.fall(row)
    seen = values_at([n], inside(lo[:, 0], hi[:, 0], np.random.default_rng(0), 300), LABELS[0])[0]
    assert bound.lo[0] <= seen.min() and seen.max() <= bound.hi[0]
    assert bound.hi[0] - bound.lo[0] <= 3 * (seen.max() - seen.min()) + 1e-280
